"""The native graph answers as the enumeration does, in values, order of ties, errors and messages.

Enters: small graphs with shared books, hubs, unusable edges and profitable cycles; whole numbers. Leaves: a verdict.
Never: a comparison of a core with itself.
"""

import random
from types import ModuleType
from typing import Any

import pytest
from differential.graphs import KEPT, ONE, PRICES, answers, graph_of, graphs, made, play
from differential.sequences import lawful
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptopipe.core import reference, reference_graph
from cryptopipe.model.events import LevelFormat

native: ModuleType = pytest.importorskip(
    "cryptopipe.core._rust",
    reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
    exc_type=ImportError,
)
lawful = settings(lawful, max_examples=80)
NEXT_TO_THE_MIDDLE = (
    107919967416397981041145853154898369452,
    116311501949118314768800675202537481127,
    99981239203715448881248333322070362673,
    162648088618928234605549997161341287856,
)
"""Numbers whose logarithm 72 binary places do not suffice to round."""


@lawful
@given(graphs(faults=True))
def test_every_operation_and_every_refusal(operations: list[Any]) -> None:
    one, other = native.Graph(), reference_graph.Graph()
    for operation in operations:
        assert play(one, operation) == play(other, operation), operation
        assert one.counts() == other.counts()
    assert answers(one) == answers(other)


@lawful
@given(graphs())
def test_the_search_finds_what_enumeration_finds(operations: list[Any]) -> None:
    one, other = made(native.Graph(), operations), made(reference_graph.Graph(), operations)
    assert answers(one, 5) == answers(other, 5)
    assert one.cycles(1000, max_edges=8, above=-(2**62)) == other.cycles(1000, max_edges=8, above=-(2**62))


@pytest.mark.parametrize("seed", range(4))
def test_a_slice_of_the_random_graphs(seed: int) -> None:
    for number in range(seed * 50, seed * 50 + 50):
        operations = graph_of(number)
        assert answers(made(native.Graph(), operations)) == answers(made(reference_graph.Graph(), operations)), number


@pytest.mark.parametrize("seed", range(6))
def test_a_market_with_a_planted_cycle(seed: int) -> None:
    """Three venues, four assets, two networks; one price is off by five percent in every other market."""
    draws, graphs = random.Random(seed), (native.Graph(), reference_graph.Graph())
    kept = reference_graph.logarithm(9990, 10_000)
    for graph in graphs:
        held = [[graph.add_node() for _ in range(4)] for _ in range(3)]
        for venue in range(3):
            for asset in range(1, 4):
                graph.add_market(graph.add_book(), held[venue][asset], held[venue][0], kept, kept)
        for hub in [graph.add_node(hub=True) for _ in range(5)]:
            for venue in range(3):
                graph.add_edge(held[venue][hub % 4], hub, -hub)
                graph.add_edge(hub, held[venue][hub % 4], 0)
    for number in range(12):
        book, off = number % 9, seed % 2 and number == 9
        middle = int((book % 3 + 1) * ONE * (1 + draws.gauss(0, 3e-4)) * (1.05 if off else 1))
        for graph in graphs:
            graph.set_prices(book, middle * 9999 // 10_000, middle * 10_001 // 10_000)
        found = [graph.best_through((2 * book, 2 * book + 1)) for graph in graphs]
        assert found[0] == found[1]
        assert (found[0] is not None) or not off
    assert graphs[0].cycles(20) == graphs[1].cycles(20)


def test_a_top_is_its_prices() -> None:
    cores: tuple[tuple[Any, Any, Any], ...] = (
        (native.Book, native.Graph(), native.Pairs()),
        (reference.Book, reference_graph.Graph(), reference_graph.Pairs()),
    )
    for make_book, graph, pairs in cores:
        book = make_book(LevelFormat())
        full = book.load(b'[["2","1"]]', b'[["4","1"]]', 1, 1, 1)
        base, quote, number = graph.add_node(), graph.add_node(), graph.add_book()
        buy, sell = graph.add_market(number, base, quote, 0, 0)
        group = pairs.add_group()
        markets = [pairs.add_market(group, 0, 0) for _ in range(2)]
        graph.set_top(number, full)
        two = graph.weight(sell)
        assert graph.weight(buy) == -reference_graph.logarithm(4 * ONE, ONE)
        assert two == reference_graph.logarithm(2 * ONE, ONE)
        assert pairs.set_prices(markets[0], 8 * ONE, 9 * ONE) is None
        assert pairs.set_top(markets[1], full) == ((pairs.set_prices(markets[0], 8 * ONE, None)[1][0], 0), None)
        half = book.load(b'[["2","1"]]', b"[]", 2, 2, 2)
        graph.set_top(number, half)
        assert (graph.weight(buy), graph.weight(sell)) == (None, two)
        graph.set_top(number, None)
        assert (graph.weight(buy), graph.weight(sell)) == (None, None)
        assert pairs.set_top(markets[1], None) is None


market = st.tuples(st.integers(0, 2), st.sampled_from(KEPT), st.sampled_from(KEPT))
change = st.tuples(
    st.integers(0, 9), st.sampled_from(PRICES), st.sampled_from(PRICES), st.sampled_from([0, -5, 10**11])
)


@lawful
@given(st.lists(market, min_size=1, max_size=9), st.lists(change, max_size=25), st.data())
def test_pairs(markets: list[Any], changes: list[Any], data: st.DataObject) -> None:
    both = native.Pairs(), reference_graph.Pairs()
    for pairs in both:
        assert [pairs.add_group() for _ in range(2)] == [0, 1]
    for told in markets:
        assert play(both[0], ("add_market", *told)) == play(both[1], ("add_market", *told))
    for told in changes:
        assert play(both[0], ("set_prices", *told)) == play(both[1], ("set_prices", *told))
        kept = ("set_kept", told[0], *data.draw(st.tuples(st.sampled_from(KEPT), st.sampled_from(KEPT))))
        if told[3] == -5:
            assert play(both[0], kept) == play(both[1], kept)


@pytest.mark.parametrize("seed", range(20))
def test_pairs_whose_prices_rise_and_fall(seed: int) -> None:
    """Six markets of two groups, of equal or different fees, where many gains are equal."""
    draws, both = random.Random(seed), (native.Pairs(), reference_graph.Pairs())
    fees = [(draws.choice(KEPT[1:]), draws.choice(KEPT[1:])) for _ in range(6)]
    for pairs in both:
        groups = [pairs.add_group() for _ in range(2)]
        assert [pairs.add_market(groups[number % 5 == 4], *fees[number]) for number in range(6)] == [*range(6)]
    found = 0
    for _ in range(60):
        change = (draws.randrange(6), draws.randint(0, 4) * ONE, draws.randint(0, 5) * ONE, draws.choice((0, 0, -ONE)))
        told = [pairs.set_prices(*change) for pairs in both]
        assert told[0] == told[1], change
        found += told[0] is not None
    assert 10 < found < 60


@lawful
@example(1, None)
@example(2**127 - 1, 10**12)
@example(2**127, None)
@example(0, 3)
@example(3, -1)
@given(st.integers(1, 2**127 - 1), st.one_of(st.none(), st.integers(1, 2**127 - 1)))
def test_logarithms(numerator: int, denominator: int | None) -> None:
    operation = ("logarithm", numerator, denominator)
    assert play(native, operation) == play(reference_graph, operation)


def test_logarithms_next_to_powers_and_of_all_sizes() -> None:
    draws = random.Random(5)
    near = [2**n + d for n in range(1, 127) for d in (-1, 0, 1)] + [10**n + d for n in range(1, 39) for d in (-1, 0, 1)]
    for number in (
        near + list(NEXT_TO_THE_MIDDLE) + [draws.getrandbits(draws.randint(1, 127)) or 1 for _ in range(2_000)]
    ):
        assert native.logarithm(number) == reference_graph.logarithm(number), number
