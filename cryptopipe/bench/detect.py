"""What it costs to detect an edge after a changed top: the best cycle of a graph, and the best partner of two venues.

Enters: a seed. Leaves: a report; the same seed makes the same market and changes on every machine. Never: a figure that
counts the making of the market, or one that stands for a real one: how it is made is stated, and it is ours.
"""

import gc
import hashlib
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptopipe import core
from cryptopipe.bench.report import Peer, Report, Row, Spread
from cryptopipe.bench.sides import busy

UNIT = "us"
LONGEST = 5
SIZE = (10, 50) if core.NAME == "native" else (2, 3)
"""Venues and assets; enumeration, which the reference core does, has no time for more."""
_MORE = 20 if core.NAME == "native" else 1
"""Tops alone are so many times as fast as searches."""
_ONE = 10**12
_FEE = (9_990, 10_000)
_TRANSFER = (9_999, 10_000)
PLANTED = 1.02
MADE = (
    "each venue has a market of each asset against the first; middles are 0.01 to 100,000 and differ by 2 basis points "
    "(standard deviation; 20 where apart) between venues, spreads are 2, fees 10, a transfer takes 1; a change draws a "
    "market and moves both of its prices by 0.1 in the mean square; planted is one price, 2 % too high"
)

Change = tuple[int, int, int]
"""(book, bid, ask), prices in units."""


@dataclass
class Market:
    """A graph of (venue, asset) nodes with its tops, and the changes that are to come."""

    venues: int
    assets: int
    hubs: bool = False
    planted: bool = False
    apart: bool = False
    seed: int = 1
    graph: Any = field(default_factory=lambda: core.Graph())
    edges: list[tuple[int, int]] = field(default_factory=list)
    tops: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        draws = random.Random(self.seed)
        held = [[self.graph.add_node() for _ in range(self.assets)] for _ in range(self.venues)]
        middles = [10 ** draws.uniform(-2, 5) * _ONE for _ in range(self.assets)]
        fee = core.logarithm(*_FEE)
        for venue in range(self.venues):
            for asset in range(1, self.assets):
                middle = middles[asset] * (1 + draws.gauss(0, 2e-3 if self.apart else 2e-4))
                if self.planted and (venue, asset) == (1, 2):
                    middle *= PLANTED
                book = self.graph.add_book()
                self.edges.append(self.graph.add_market(book, held[venue][asset], held[venue][0], fee, fee))
                self.tops.append((int(middle * 0.9999), int(middle * 1.0001)))
                self.graph.set_prices(book, *self.tops[book])
        self._transfers(held, core.logarithm(*_TRANSFER))

    def _transfers(self, held: list[list[int]], cost: int) -> None:
        for asset in range(self.assets):
            nodes = [held[venue][asset] for venue in range(self.venues)]
            if self.hubs:
                hub = self.graph.add_node(hub=True)
                for node in nodes:
                    self.graph.add_edge(node, hub, cost)
                    self.graph.add_edge(hub, node, 0)
                continue
            for tail in nodes:
                for head in nodes:
                    if tail != head:
                        self.graph.add_edge(tail, head, cost)

    @property
    def name(self) -> str:
        """Venues and assets, and what is not as usual."""
        words = ["hubs" if self.hubs else "direct", *["planted"] * self.planted, *["apart"] * self.apart]
        return f"{self.venues} x {self.assets}, {', '.join(words)}"

    def changes(self, count: int) -> list[Change]:
        """So many changed tops, each about the first top of its book."""
        draws, found = random.Random(self.seed + 1), []
        for _ in range(count):
            book = draws.randrange(len(self.tops))
            factor = 1 + draws.gauss(0, 1e-5)
            bid, ask = self.tops[book]
            found.append((book, int(bid * factor), int(ask * factor)))
        return found


def _timed(passes: int, count: int, once: Callable[[], object]) -> Spread:
    """Microseconds of processor time for one of `count`, after a pass to warm up."""
    once()
    samples = []
    for _ in range(passes):
        began = time.thread_time()
        once()
        samples.append((time.thread_time() - began) / count * 1e6)
    return Spread.of(samples)


def _search(market: Market, changes: Sequence[Change], longest: int = LONGEST) -> Callable[[], object]:
    """Each change told to the graph, and the best cycle through its book: inside the core where there is one."""
    if core.NAME == "native":
        from cryptopipe.core import _rust

        tape = _rust.PriceTape(list(changes))
        return lambda: tape.search(market.graph, longest)
    return lambda: _called(market, changes)


def _called(market: Market, changes: Sequence[Change]) -> None:
    """The same with two calls from Python a change."""
    graph, edges = market.graph, market.edges
    for book, bid, ask in changes:
        graph.set_prices(book, bid, ask)
        graph.best_through(edges[book])


def _cycles(market: Market, count: int, passes: int, say: Callable[[str], None], peers: bool = False) -> Row:
    name = f"cycle through a changed book, {market.name}"
    say(name)
    nodes, edges = market.graph.counts()
    spread = _timed(passes, count, _search(market, market.changes(count)))
    found = market.graph.best()
    told = "no cycle gains" if found is None else f"the best gains {found[0] / 2**40:.4f} by {len(found[1])} edges"
    notes = [f"{market.name}: {nodes:,} nodes, {edges:,} edges; {told}"]
    return Row(name, count, UNIT, spread, peers=_networkx(market, passes) if peers else {}, notes=notes)


def _networkx(market: Market, passes: int) -> dict[str, Peer]:
    """Whether the graph has any negative cycle, as networkx tells it; nothing where it is not installed."""
    try:
        import networkx
    except ImportError:
        return {}
    graph: Any = networkx.DiGraph()
    for edge in range(market.graph.counts()[1]):
        tail, head, _ = market.graph.edge(edge)
        graph.add_edge(tail, head, weight=-market.graph.weight(edge) / 2**40)
    assert networkx.negative_edge_cycle(graph) == (market.graph.best() is not None)
    spread = _timed(passes, 1, lambda: networkx.negative_edge_cycle(graph))
    return {"networkx": Peer(spread, "whether any cycle gains", "it tells neither the cycle nor the best")}


def _slowest(market: Market, changes: Sequence[Change]) -> str:
    """Single searches, called from Python."""
    each = []
    for book, bid, ask in changes:
        market.graph.set_prices(book, bid, ask)
        began = time.thread_time_ns()
        market.graph.best_through(market.edges[book])
        each.append((time.thread_time_ns() - began) / 1e3)
    each.sort()
    return f"single searches from Python: 99 % below {each[len(each) * 99 // 100]:.1f} us, slowest {each[-1]:.1f} us"


def _of_graph(count: int, passes: int, seed: int, say: Callable[[str], None]) -> list[Row]:
    """Cycles in the market of the aim, in each form, and the telling of a top alone."""
    forms: list[dict[str, Any]] = [{}, {"planted": True}, {"apart": True}, {"hubs": True}]
    markets = [Market(*SIZE, seed=seed, **form) for form in (*forms, {"hubs": True, "planted": True})]
    rows = [_cycles(market, count, passes, say, peers=not (market.hubs or market.apart)) for market in markets]
    market = markets[0]
    changes = market.changes(count)
    spread, slowest = _timed(passes, count, lambda: _called(market, changes)), _slowest(market, changes)
    rows.append(Row(f"the same from Python, {market.name}", count, UNIT, spread, notes=[slowest]))
    spread = _timed(passes, 1, market.graph.best)
    rows.append(Row(f"best cycle of all, {market.name}", 1, UNIT, spread))
    if core.NAME == "native":
        from cryptopipe.core import _rust

        many = market.changes(count * _MORE)
        tape = _rust.PriceTape(many)
        spread = _timed(passes, len(many), lambda: tape.play(market.graph))
        rows.append(Row("a top told to the graph, inside the core", len(many), UNIT, spread))
    return rows


def _curves(count: int, passes: int, seed: int, say: Callable[[str], None]) -> list[Row]:
    """Venues, assets and edges of a cycle, each with the others as in the aim; of the native core alone."""
    if core.NAME != "native":
        return []
    sizes = [(2, 50), (5, 50), (20, 50), (10, 10), (10, 20), (10, 100), (10, 200)]
    rows = [_cycles(Market(*size, hubs=True, seed=seed), count, passes, say) for size in sizes]
    market = Market(*SIZE, seed=seed)
    for longest in (2, 3, 4, 6, 7):
        name = f"cycle of at most {longest} edges, {market.name}"
        say(name)
        fewer = count if longest < 6 else max(100, count // 10)
        spread = _timed(passes, fewer, _search(market, market.changes(fewer), longest))
        rows.append(Row(name, fewer, UNIT, spread))
    return rows


def _of_pairs(venues: int, count: int, passes: int, seed: int, say: Callable[[str], None]) -> list[Row]:
    """Fifty groups of so many venues: a change and its best partners."""
    name = f"partner of a changed market, {venues} venues"
    say(name)
    pairs, fee = core.Pairs(), core.logarithm(*_FEE)
    groups = [pairs.add_group() for _ in range(50)]
    market = Market(venues, len(groups) + 1, hubs=True, seed=seed)
    for venue in range(venues):
        for group in groups:
            number = pairs.add_market(group, fee, fee)
            pairs.set_prices(number, *market.tops[venue * len(groups) + group])
    changes = market.changes(count * _MORE)

    def called() -> None:
        tell = pairs.set_prices
        for number, bid, ask in changes:
            tell(number, bid, ask)

    rows = [Row(f"{name}, from Python", len(changes), UNIT, _timed(passes, len(changes), called))]
    if core.NAME == "native":
        from cryptopipe.core import _rust

        tape = _rust.PriceTape(changes)
        spread = _timed(passes, len(changes), lambda: tape.detect(pairs))
        rows.insert(0, Row(f"{name}, inside the core", len(changes), UNIT, spread))
    return rows


def measure(count: int, passes: int, seed: int, say: Callable[[str], None]) -> Report:
    """Every row, after one pass to warm up."""
    notes = busy()
    gc.collect()
    rows = _of_graph(count, passes, seed, say)
    for venues in (2, 5, 10, 20) if core.NAME == "native" else (2,):
        rows += _of_pairs(venues, count, passes, seed, say)
    rows += _curves(count, passes, seed, say)
    versions = {"python": platform.python_version()}
    if any(row.peers for row in rows):
        import networkx

        versions["networkx"] = networkx.__version__
    market = Market(*SIZE, seed=seed)
    digest = hashlib.sha256(repr((market.tops, market.changes(count))).encode()).hexdigest()
    return Report("detect", core.NAME, versions, digest, rows, [f"seed {seed}: {MADE}", *notes])
