"""Laws of the rate graph, whichever core is active.

Enters: small graphs, prices, and an enumeration by permutations of edges. Leaves: a verdict. Never: an expected value
that a core computed.
"""

from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from itertools import permutations
from typing import Any

import pytest
from differential.graphs import ONE, answers, graph_of, graphs, made
from differential.sequences import lawful
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe import core
from cryptopipe.core import Graph, Pairs, logarithm, reference_graph

pytestmark = pytest.mark.core
lawful = settings(lawful, max_examples=60)
NOTHING = -(2**62)
UNIT = 2**40


def legal(graph: Any, hubs: set[int], walk: tuple[int, ...], longest: int) -> bool:
    """Whether some edges in this order are a cycle, by the definition."""
    edges = [graph.edge(edge) for edge in walk]
    tails, heads = [tail for tail, _, _ in edges], [head for _, head, _ in edges]
    books = [book for _, _, book in edges if book is not None]
    return (
        heads == [*tails[1:], tails[0]]
        and len(set(tails)) == len(tails)
        and len(set(books)) == len(books)
        and len(set(tails) - hubs) <= longest
        and None not in [graph.weight(edge) for edge in walk]
    )


def gain_of(graph: Any, walk: tuple[int, ...]) -> int:
    return sum(graph.weight(edge) for edge in walk)


def hubs_of(operations: list[Any]) -> set[int]:
    return {node for node, (_, *hub) in enumerate(op for op in operations if op[0] == "add_node") if hub[0]}


@lawful
@given(graphs(), st.integers(2, 6))
def test_what_is_found_is_a_closed_walk_of_its_gain(operations: list[Any], longest: int) -> None:
    graph, hubs = made(Graph(), operations), hubs_of(operations)
    for edge in range(graph.counts()[1]):
        for gain, walk in graph.cycles(4, (edge,), longest, -3):
            assert legal(graph, hubs, walk, longest)
            assert gain == gain_of(graph, walk) > -3
            assert edge in walk and walk[0] == min(walk)
    found = graph.cycles(50, None, longest)
    assert found == sorted(set(found), key=lambda cycle: (-cycle[0], len(cycle[1]), cycle[1]))


@lawful
@given(graphs(), st.integers(2, 4))
def test_permutations_of_edges_find_the_same(operations: list[Any], longest: int) -> None:
    adds = [operation for operation in operations if operation[0] in ("add_edge", "add_market")]
    graph = made(Graph(), [operation for operation in operations if operation not in adds[4:]])
    edges = range(min(graph.counts()[1], 7))
    if graph.counts()[1] > 7:
        return
    walks = [walk for n in range(2, 6) for walk in permutations(edges, n) if walk[0] == min(walk)]
    found = [(gain_of(graph, walk), walk) for walk in walks if legal(graph, hubs_of(operations), walk, longest)]
    expected = sorted(found, key=lambda cycle: (-cycle[0], len(cycle[1]), cycle[1]))
    told = [cycle for cycle in graph.cycles(1000, None, longest, NOTHING) if len(cycle[1]) < 6]
    assert told == expected
    for edge in edges:
        through = [cycle for cycle in expected if edge in cycle[1] and cycle[0] > 0]
        assert graph.best_through((edge,), longest) in (*through[:1], *([None] if not through else []))


@lawful
@given(graphs(), st.data())
def test_less_of_an_edge_is_never_more(operations: list[Any], data: st.DataObject) -> None:
    graph = made(Graph(), operations)
    edges = graph.counts()[1]
    if not edges:
        return

    def best() -> int:
        return max([gain for gain, _ in graph.cycles(1, None, 5, NOTHING)], default=NOTHING)

    before, edge = best(), data.draw(st.integers(0, edges - 1))
    books = {operation[1] for operation in operations if operation[0] == "add_market"}
    if graph.weight(edge) is not None and graph.edge(edge)[2] not in books:
        graph.set_weight(edge, graph.weight(edge) - data.draw(st.integers(1, 3)))
    assert best() <= before
    lower = best()
    graph.set_usable(edge, False)
    assert best() <= lower
    assert all(edge not in walk for _, walk in graph.cycles(50, None, 5, NOTHING))
    assert graph.best_through((edge,), 5, NOTHING) is None
    graph.set_usable(edge, True)
    assert best() == lower


@lawful
@given(graphs())
def test_the_best_of_all_is_the_best_through_its_edges(operations: list[Any]) -> None:
    graph = made(Graph(), operations)
    through = [graph.best_through((edge,)) for edge in range(graph.counts()[1])]
    assert graph.best() == min(
        [cycle for cycle in through if cycle], key=lambda c: (-c[0], len(c[1]), c[1]), default=None
    )


weight = st.integers(-4, 0)


@lawful
@given(
    st.lists(st.tuples(weight, weight), min_size=2, max_size=3),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=3, max_size=3),
    st.integers(2, 5),
)
def test_a_hub_is_worth_what_direct_transfers_are(
    ways: list[tuple[int, int]], prices: list[tuple[int, int]], longest: int
) -> None:
    """Two assets on some venues; both are moved through hubs, or on an edge for each pair of venues."""
    best = []
    for direct in (True, False):
        graph = Graph()
        held = [[graph.add_node() for _ in range(2)] for _ in ways]
        for (base, quote), (bid, spread) in zip(held, prices, strict=False):
            book = graph.add_book()
            graph.add_market(book, base, quote, 0, 0)
            graph.set_prices(book, bid * ONE, (bid + spread) * ONE)
        for asset in range(2):
            hub = -1 if direct else graph.add_node(hub=True)
            for venue, (leave, arrive) in enumerate(ways):
                if not direct:
                    graph.add_edge(held[venue][asset], hub, leave)
                    graph.add_edge(hub, held[venue][asset], arrive)
                for other in range(len(ways)) if direct else ():
                    if other != venue:
                        graph.add_edge(held[venue][asset], held[other][asset], leave + ways[other][1])
        best.append(graph.best(longest))
    assert (best[0] is None) == (best[1] is None)
    assert best[0] is None or best[1] is None or best[0][0] == best[1][0]


price = st.integers(1, 10**24)
rate = st.integers(1, 10_000)


@lawful
@given(st.tuples(price, price), st.tuples(price, price), st.tuples(rate, rate))
def test_a_gain_is_the_logarithm_of_the_exact_rate(
    one: tuple[int, int], other: tuple[int, int], kept: tuple[int, int]
) -> None:
    """Buy on one market, move, sell on the other, move back at once; then the same as a pair."""
    import mpmath

    graph, pairs = Graph(), Pairs()
    held = [[graph.add_node() for _ in range(2)] for _ in range(2)]
    group, fees = pairs.add_group(), [logarithm(rate, 10_000) for rate in kept]
    for (base, quote), prices in zip(held, (one, other), strict=True):
        graph.add_market(book := graph.add_book(), base, quote, *fees)
        graph.set_prices(book, min(prices), max(prices))
        market = pairs.add_market(group, *fees)
        partners = pairs.set_prices(market, min(prices), max(prices), NOTHING)
    there, back = graph.add_edge(held[0][0], held[1][0], 0), graph.add_edge(held[1][1], held[0][1], 0)
    found = graph.best_through((there, back), 4, NOTHING)
    exact = Fraction(min(other), max(one)) * Fraction(kept[0] * kept[1], 10**8)
    with mpmath.workdps(60):
        true = mpmath.log(mpmath.mpf(exact.numerator) / exact.denominator) * UNIT
        assert found is not None and found[1] == (0, 4, 3, 5)
        assert abs(found[0] - true) <= 8 * 0.5
    assert partners is not None and partners[1] == (found[0], 0)


@lawful
@given(st.integers(1, 2**127 - 1))
def test_a_logarithm_is_rounded_to_the_nearest(number: int) -> None:
    import mpmath

    with mpmath.workdps(80):
        assert abs(mpmath.log(number) * UNIT - logarithm(number)) <= mpmath.mpf("0.5")


@pytest.mark.long
@pytest.mark.skipif(core.NAME == "reference" or not find_spec("cryptopipe.core._rust"), reason="compares two cores")
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_graphs_equal_enumeration(part: int) -> None:
    native = import_module("cryptopipe.core._rust")
    for seed in range(part * 1_000, part * 1_000 + 1_000):
        operations = graph_of(seed)
        assert answers(made(native.Graph(), operations)) == answers(made(reference_graph.Graph(), operations)), seed
