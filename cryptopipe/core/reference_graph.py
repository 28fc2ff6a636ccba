"""The rate graph in plain Python: what the native one must answer, by enumeration of all cycles.

Enters: nodes, edges, fees, best prices. Leaves: the closed walks of greatest gain, and for two venues the best partner.
Never: a float, an edge of which something is unknown, or a bound that leaves a cycle out.

A weight is the natural logarithm of units out per unit in, after costs in proportion, in units of 2⁻⁴⁰ (9·10⁻¹³); the
gain of a cycle is the sum of its weights. Each term of a weight (price, one, fee) is rounded to the nearest unit, so a
gain is wrong by less than two units an edge: what it proposes, exact arithmetic decides.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

from cryptopipe.core.number import SCALE
from cryptopipe.core.reference import TopOfBook

FRACTION_BITS = 40
LIMIT = 2**47
"""Weights and fees are less than this in size: e^128 and its inverse."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)

Walk = tuple[int, ...]
"""Numbers of edges. Of the rotations of a closed walk the one that begins with the least."""
Cycle = tuple[int, Walk]
"""(gain, walk)."""
Partner = tuple[int, int]
"""(gain, market)."""


@lru_cache(maxsize=1 << 14)
def _ln(number: int) -> int:
    if not 0 < number < 2**127:
        raise ValueError(f"not a number from 1 to 2^127 - 1: {number}")
    units = _EXACT.multiply(_EXACT.ln(Decimal(number)), Decimal(2**FRACTION_BITS))
    return int(units.to_integral_value(context=_EXACT))


def logarithm(numerator: int, denominator: int | None = None) -> int:
    """Logarithm of numerator/denominator, whole numbers from 1 to 2¹²⁷ - 1, each rounded to the nearest unit of 2⁻⁴⁰:
    of a fee of 10 basis points `logarithm(9990, 10000)` is kept. Raises `ValueError`.
    """
    return _ln(numerator) - (0 if denominator is None else _ln(denominator))


def _price(units: int | None) -> int | None:
    """The logarithm of a price in units of 10⁻¹²; one that is not above zero is none."""
    return logarithm(units, 10**SCALE) if units is not None and units > 0 else None


def _sized(weight: int | None) -> int | None:
    if weight is not None and abs(weight) >= LIMIT:
        raise ValueError(f"a logarithm of 2^47 units or more: {weight}")
    return weight


def _known(number: int, things: Sequence[object], name: str) -> None:
    if not 0 <= number < len(things):
        raise ValueError(f"there is no {name} {number}")


@dataclass
class _Edge:
    tail: int
    head: int
    book: int | None
    gross: int | None
    kept: int | None
    is_market: bool
    usable: bool = True

    @property
    def weight(self) -> int | None:
        return self.gross + self.kept if self.usable and self.gross is not None and self.kept is not None else None


class Graph:
    """Rates between nodes, and the search for closed walks that gain.

    A node is what can be held where, (venue, asset), or a hub, which value passes through on its way between nodes:
    one for each network and asset, so that transfers take an edge in and an edge out of a venue and not one for each
    pair of venues. Numbers of nodes, edges and books count from 0. What was added stays; what is gone is made unusable.
    """

    def __init__(self) -> None:
        self._hubs: list[bool] = []
        self._leaving: list[list[int]] = []
        self._edges: list[_Edge] = []
        self._books: list[tuple[int | None, int | None]] = []
        self._enumerated: dict[int, dict[int | None, list[Walk]]] = {}

    def counts(self) -> tuple[int, int]:
        """(nodes, edges), with hubs and with what cannot be used."""
        return len(self._hubs), len(self._edges)

    def add_node(self, hub: bool = False) -> int:
        """Another node; its number."""
        self._hubs.append(hub)
        self._leaving.append([])
        return len(self._hubs) - 1

    def add_book(self) -> int:
        """Another order book; its number. No cycle has two edges of one book."""
        self._books.append((None, None))
        return len(self._books) - 1

    def add_edge(self, tail: int, head: int, weight: int | None = None, book: int | None = None) -> int:
        """An edge with a weight of its own (None: cannot be used yet); its number. Raises `ValueError` for nodes or a
        book that are not there, an edge to itself, from hub to hub, or a weight of 2⁴⁷ and more in size.
        """
        return self._join(_Edge(tail, head, book, _sized(weight), 0, False))

    def add_market(
        self, book: int, base: int, quote: int, buy_kept: int | None, sell_kept: int | None
    ) -> tuple[int, int]:
        """Two edges with the prices of a book, (buy, sell): from `quote` to `base` at its ask, back at its bid. Of what
        is received so much is kept (`logarithm`; None is an unknown fee, with which there is no edge). Several markets
        may share a book. Raises `ValueError`.
        """
        _known(book, self._books, "book")
        kept = _sized(buy_kept), _sized(sell_kept)
        buy = self._join(_Edge(quote, base, book, None, kept[0], True))
        sell = self._join(_Edge(base, quote, book, None, kept[1], True))
        self._reprice(book)
        return buy, sell

    def _join(self, edge: _Edge) -> int:
        for node in (edge.tail, edge.head):
            _known(node, self._hubs, "node")
        if edge.tail == edge.head:
            raise ValueError(f"an edge from node {edge.tail} to itself")
        if self._hubs[edge.tail] and self._hubs[edge.head]:
            raise ValueError(f"an edge from hub {edge.tail} to hub {edge.head}")
        if edge.book is not None:
            _known(edge.book, self._books, "book")
        self._leaving[edge.tail].append(len(self._edges))
        self._edges.append(edge)
        self._enumerated.clear()
        return len(self._edges) - 1

    def set_weight(self, edge: int, weight: int | None) -> None:
        """Another weight of an edge that has no book's price; None makes it unusable. Raises `ValueError`."""
        weight = _sized(weight)
        if self._edge(edge).is_market:
            raise ValueError(f"edge {edge} has the weight of its book")
        self._edges[edge].gross = weight

    def set_kept(self, edge: int, kept: int | None) -> None:
        """Another fee of a market's edge; None, an unknown one, makes it unusable. Raises `ValueError`."""
        kept = _sized(kept)
        if not self._edge(edge).is_market:
            raise ValueError(f"edge {edge} has no price to which a fee belongs")
        self._edges[edge].kept = kept

    def set_usable(self, edge: int, usable: bool) -> None:
        """Shut an edge, or open it again with what is known of it then. Raises `ValueError`."""
        self._edge(edge).usable = usable

    def set_top(self, book: int, top: TopOfBook | None) -> None:
        """The top of a book has changed: all edges of its markets have its prices. Raises `ValueError`."""
        self.set_prices(book, top.bid_units if top else None, top.ask_units if top else None)

    def set_prices(self, book: int, bid_units: int | None, ask_units: int | None) -> None:
        """The same by prices in units of 10⁻¹²; None, or one not above zero, is an empty side. Raises `ValueError`."""
        _known(book, self._books, "book")
        self._books[book] = bid_units, ask_units
        self._reprice(book)

    def _reprice(self, book: int) -> None:
        bid, ask = map(_price, self._books[book])
        markets = [edge for edge in self._edges if edge.book == book and edge.is_market]
        for buy, sell in zip(markets[::2], markets[1::2], strict=True):
            buy.gross, sell.gross = (None if ask is None else -ask), bid

    def _edge(self, edge: int) -> _Edge:
        _known(edge, self._edges, "edge")
        return self._edges[edge]

    def weight(self, edge: int) -> int | None:
        """Units of 2⁻⁴⁰; None if the edge cannot be used. Raises `ValueError`."""
        return self._edge(edge).weight

    def edge(self, edge: int) -> tuple[int, int, int | None]:
        """(tail, head, book). Raises `ValueError`."""
        return self._edge(edge).tail, self._edge(edge).head, self._edge(edge).book

    def best_through(self, edges: Sequence[int], max_edges: int = 5, above: int = 0) -> Cycle | None:
        """The best cycle that has one of these edges and gains more than `above`; None if there is none.

        A cycle repeats no node and no book. The way through a hub is one edge. `max_edges` is 2 to 8. Better is the
        greater gain, then fewer edges, then the lesser edges. Raises `ValueError`.
        """
        return next(iter(self.cycles(1, edges, max_edges, above)), None)

    def best(self, max_edges: int = 5, above: int = 0) -> Cycle | None:
        """The best cycle of the whole graph, otherwise as `best_through`."""
        return next(iter(self.cycles(1, None, max_edges, above)), None)

    def cycles(self, count: int, edges: Sequence[int] | None = None, max_edges: int = 5, above: int = 0) -> list[Cycle]:
        """The best `count` (1 to 1,000) of such cycles, best first: with one of these edges, or of all if None."""
        if not 2 <= max_edges <= 8:
            raise ValueError(f"a search goes from 2 to 8 edges: {max_edges}")
        if not 1 <= count <= 1000:
            raise ValueError(f"a search keeps from 1 to 1000 cycles: {count}")
        for edge in edges or ():
            self._edge(edge)
        walks = self._walks(max_edges)
        found = walks[None] if edges is None else {walk for edge in edges for walk in walks.get(edge, ())}
        gaining = [(gain, walk) for walk in found if (gain := self._gain(walk)) is not None and gain > above]
        return sorted(gaining, key=lambda cycle: (-cycle[0], len(cycle[1]), cycle[1]))[:count]

    def _gain(self, walk: Walk) -> int | None:
        weights = [self._edges[edge].weight for edge in walk]
        return None if None in weights else sum(weight for weight in weights if weight is not None)

    def _walks(self, max_edges: int) -> dict[int | None, list[Walk]]:
        """All cycles, whether or not they can be used, by each of their edges and under None; until one is added."""
        if max_edges not in self._enumerated:
            walks = self._enumerated[max_edges] = {None: []}
            for first in range(len(self._edges)):
                for walk in self._longer((first,), max_edges):
                    for edge in (None, *walk):
                        walks.setdefault(edge, []).append(walk)
        return self._enumerated[max_edges]

    def _longer(self, walk: Walk, max_edges: int) -> Iterator[Walk]:
        """Each cycle that goes on so, with no edge below its first, so that it is found once."""
        taken = [self._edges[number] for number in walk]
        nodes, books = {edge.tail for edge in taken}, {edge.book for edge in taken} - {None}
        if sum(not self._hubs[node] for node in nodes) > max_edges:
            return
        if taken[-1].head == taken[0].tail:
            yield walk
        elif taken[-1].head not in nodes:
            for number in self._leaving[taken[-1].head]:
                if number > walk[0] and self._edges[number].book not in books:
                    yield from self._longer((*walk, number), max_edges)


class Pairs:
    """Markets in groups of one base and quote, and the best partner of one that changed."""

    def __init__(self) -> None:
        self._groups: list[list[int]] = []
        self._markets: list[tuple[int, list[int | None], list[int | None]]] = []  # group, prices, kept

    def add_group(self) -> int:
        """Another group; its number."""
        self._groups.append([])
        return len(self._groups) - 1

    def add_market(self, group: int, buy_kept: int | None, sell_kept: int | None) -> int:
        """Another market, of which so much is kept (`Graph.add_market`); its number. Raises `ValueError`."""
        kept = [_sized(buy_kept), _sized(sell_kept)]
        _known(group, self._groups, "group")
        self._markets.append((group, [None, None], kept))
        self._groups[group].append(len(self._markets) - 1)
        return len(self._markets) - 1

    def set_kept(self, market: int, buy_kept: int | None, sell_kept: int | None) -> None:
        """Other fees of a market; None is unknown. Raises `ValueError`."""
        kept = [_sized(buy_kept), _sized(sell_kept)]
        _known(market, self._markets, "market")
        self._markets[market][2][:] = kept

    def set_top(
        self, market: int, top: TopOfBook | None, above: int = 0
    ) -> tuple[Partner | None, Partner | None] | None:
        """The top of a market has changed. (Where to sell what is bought here, where to buy what is sold here), each as
        (gain, market) where it gains more than `above`; None if neither does. Of equal gains the market added first.
        Raises `ValueError`.
        """
        return self.set_prices(market, top.bid_units if top else None, top.ask_units if top else None, above)

    def set_prices(
        self, market: int, bid_units: int | None, ask_units: int | None, above: int = 0
    ) -> tuple[Partner | None, Partner | None] | None:
        """The same by prices in units of 10⁻¹²; None, or one not above zero, is an empty side."""
        _known(market, self._markets, "market")
        group, prices, _ = self._markets[market]
        prices[:] = bid_units, ask_units
        others = [other for other in self._groups[group] if other != market]
        sell_at = _first_best(((self._gain(market, other), other) for other in others), above)
        buy_at = _first_best(((self._gain(other, market), other) for other in others), above)
        return None if sell_at is None and buy_at is None else (sell_at, buy_at)

    def _gain(self, buy: int, sell: int) -> int | None:
        (_, (_, ask), (buy_kept, _)), (_, (bid, _), (_, sell_kept)) = self._markets[buy], self._markets[sell]
        paid, received = _price(ask), _price(bid)
        if paid is None or received is None or buy_kept is None or sell_kept is None:
            return None
        return received + sell_kept - paid + buy_kept


def _first_best(gains: Iterable[tuple[int | None, int]], above: int) -> Partner | None:
    gaining = [(gain, other) for gain, other in gains if gain is not None and gain > above]
    return max(gaining, key=lambda partner: partner[0], default=None)
