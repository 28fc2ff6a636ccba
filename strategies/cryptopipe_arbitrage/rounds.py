"""Ways round that no pair and no triangle is: the core's graph proposes them as tops change.

Enters: instruments, the view after a change. Leaves: cycles of trades through the changed market whose best prices pay
for fees and restoring. Never: a decision: what is proposed is priced exactly afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from cryptopipe.api import Asset, FeeSchedule, Graph, Instrument, Kind, MarketView, Side, VenueId, logarithm
from cryptopipe_arbitrage.edges import Cycle

_PROPOSED = 8
"""Cycles looked at for each change: pairs and triangles are among the best ones, and are told elsewhere."""
_ONE = 10**12

Node = tuple[VenueId, Asset]
Trade = tuple[Instrument, Side]


class Rounds:
    """Keeps a graph of what may be held where, with an edge for each side of a market and one to each asset's hub."""

    def __init__(self, stakes: Mapping[str, object], most_edges: int, restoring_bps: Decimal) -> None:
        self._stakes, self._most = stakes, most_edges
        self._restoring = logarithm(_ONE, _ONE + int(restoring_bps * 10**8) // 2)
        self._graph = Graph()
        self._nodes: dict[Node, int] = {}
        self._hubs: dict[Asset, int] = {}
        self._books: dict[str, int] = {}
        self._sides: dict[str, tuple[int, int]] = {}
        self._trades: dict[int, Trade] = {}
        self._fees: dict[str, FeeSchedule | None] = {}
        self._unread: list[Instrument] = []

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Spot markets with known rules."""
        self._graph, self._nodes, self._hubs = Graph(), {}, {}
        self._books, self._sides, self._trades, self._fees = {}, {}, {}, {}
        self._unread = [one for one in instruments if one.kind is Kind.SPOT and one.rules is not None]
        for one in self._unread:
            book = self._books[one.id] = self._graph.add_book()
            base, quote = self._node(one.venue, one.base), self._node(one.venue, one.quote)
            buy, sell = self._sides[one.id] = self._graph.add_market(book, base, quote, None, None)
            self._trades[buy], self._trades[sell] = (one, Side.BUY), (one, Side.SELL)

    def _node(self, venue: VenueId, asset: Asset) -> int:
        if (venue, asset) not in self._nodes:
            if asset not in self._hubs:
                self._hubs[asset] = self._graph.add_node(hub=True)
            node = self._nodes[venue, asset] = self._graph.add_node()
            self._graph.add_edge(node, self._hubs[asset], 0)
            self._graph.add_edge(self._hubs[asset], node, self._restoring)
        return self._nodes[venue, asset]

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterator[Cycle]:
        """The best ones through the market that changed."""
        if changed.id not in self._books:
            return
        unread, self._unread = self._unread, []
        for one in (*unread, changed):
            self._take(view, one)
        for _, edges in self._graph.cycles(_PROPOSED, self._sides[changed.id], self._most):
            cycle = self._cycle([self._trades[edge] for edge in edges if edge in self._trades])
            if cycle is not None:
                yield cycle

    def _take(self, view: MarketView, one: Instrument) -> None:
        fees = view.fees(one)
        if fees is not self._fees.get(one.id):
            self._fees[one.id] = fees
            for edge, side in zip(self._sides[one.id], (Side.BUY, Side.SELL), strict=True):
                self._graph.set_kept(edge, None if fees is None else _kept(fees, side))
        top = view.top(one)
        bid, ask = (None, None) if top is None else (top.bid_units, top.ask_units)
        self._graph.set_prices(self._books[one.id], bid, ask)

    def _cycle(self, trades: Sequence[Trade]) -> Cycle | None:
        """As one that begins in an asset with a stake; None for a pair, a triangle, or where no asset has one."""
        venues = {one.venue for one, _ in trades}
        if len(trades) == 2 or (len(trades) == 3 and len(venues) == 1):
            return None
        spent = [one.quote if side is Side.BUY else one.base for one, side in trades]
        start = next((asset for asset in self._stakes if asset in spent), None)
        if start is None:
            return None
        turns = [at for at, asset in enumerate(spent) if asset == start]
        first = min(turns, key=lambda at: (trades[at][0].id, trades[at][1].value))
        turned = (*trades[first:], *trades[:first])
        name = "round " + " ".join(f"{side.value} {one.id}" for one, side in turned)
        return Cycle(name, turned, Asset(start))


def _kept(fees: FeeSchedule, side: Side) -> int:
    """The logarithm of what a taker keeps: of what is received, or of what has to be paid."""
    rate = int(fees.taker_rate * _ONE)
    if side is Side.SELL or fees.charged_in == "received":
        return logarithm(_ONE - rate, _ONE)
    return logarithm(_ONE, _ONE + rate)
