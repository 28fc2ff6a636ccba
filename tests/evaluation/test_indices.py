"""The arbitrage indices: laws, and the same figures by plain enumeration from the same quotes."""

from collections.abc import Sequence
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.evaluate.indices import DAY, HOUR, Indices, States, VenueQuote, widest_gap

T0 = 1_700_000_000 * 10**9 // DAY * DAY
CENT = D("0.01")


@st.composite
def quotes(draw: st.DrawFn, places: str = "abcd", least: int = 0) -> list[VenueQuote]:
    """Books that are not crossed in themselves, at places each named once."""
    found = []
    for place in draw(st.lists(st.sampled_from(places), unique=True, min_size=least)):
        bid = D(draw(st.integers(9_800, 10_200))) * CENT
        ask = bid + D(draw(st.integers(1, 300))) * CENT
        bid_size, ask_size = (D(draw(st.sampled_from(["0.01", "0.05", "0.4", "0.5", "3", "5", "90"]))) for _ in "ba")
        found.append(VenueQuote(place, bid, bid_size, ask, ask_size))
    return found


def bps(high: D, low: D) -> Fraction:
    return (Fraction(high) / Fraction(low) - 1) * 10_000


def close(told: D, true: Fraction) -> bool:
    """To twelve digits, twice rounded."""
    return abs(Fraction(told) - true) <= abs(true) * Fraction(2, 10**11)


def pairs(asked: Sequence[VenueQuote], size: D) -> list[tuple[D, VenueQuote, VenueQuote]]:
    """Every way to sell at one place and buy at another."""
    return [
        (sell.bid - buy.ask, sell, buy)
        for sell in asked
        for buy in asked
        if sell.place != buy.place and sell.bid_size >= size and buy.ask_size >= size
    ]


SIZES = st.sampled_from([D(0), D("0.05"), D("0.5"), D(5), D(100)])


@given(quotes(), SIZES)
def test_the_gap_is_the_best_of_every_pair_of_places(asked: list[VenueQuote], size: D) -> None:
    gap, ways = widest_gap(asked, size), pairs(asked, size)
    assert (gap is None) is (not ways)
    if gap is None:
        return
    assert gap.bid - gap.ask == max(apart for apart, _, _ in ways)
    assert (gap.sell, gap.bid, gap.buy, gap.ask) in {(s.place, s.bid, b.place, b.ask) for _, s, b in ways}
    assert close(gap.bps, bps(gap.bid, gap.ask))
    assert (gap.bps > 0) is (gap.bid > gap.ask)


@given(quotes(least=2), SIZES)
def test_a_gap_above_zero_is_the_highest_bid_minus_the_lowest_ask(asked: list[VenueQuote], size: D) -> None:
    """As the literature has it, without a word on places: no book is crossed in itself."""
    bids = [quote.bid for quote in asked if quote.bid_size >= size]
    asks = [quote.ask for quote in asked if quote.ask_size >= size]
    apart = max(bids) - min(asks) if bids and asks else D(0)
    gap = widest_gap(asked, size)
    if apart > 0:
        assert gap is not None and gap.bid - gap.ask == apart
    else:
        assert gap is None or gap.bps <= 0


@given(quotes(least=2), SIZES, SIZES)
def test_asking_for_more_size_never_widens_a_gap(asked: list[VenueQuote], one: D, other: D) -> None:
    narrow, wide = widest_gap(asked, max(one, other)), widest_gap(asked, min(one, other))
    assert narrow is None or (wide is not None and narrow.bid - narrow.ask <= wide.bid - wide.ask)


@given(quotes("abc"), quotes("def"))
def test_one_more_venue_never_narrows_a_gap(asked: list[VenueQuote], more: list[VenueQuote]) -> None:
    before, after = widest_gap(asked, D(0)), widest_gap([*asked, *more], D(0))
    assert before is None or (after is not None and after.bid - after.ask >= before.bid - before.ask)


def test_a_size_that_is_just_displayed_counts() -> None:
    asked = [VenueQuote("a", D(100), D("0.5"), D(101), D(9)), VenueQuote("b", D(97), D(9), D(99), D("0.5"))]
    gap = widest_gap(asked, D("0.5"))
    assert gap is not None and (gap.buy, gap.sell) == ("b", "a")
    beyond = widest_gap(asked, D("0.500000000001"))
    assert beyond is not None and (beyond.buy, beyond.sell, beyond.bid, beyond.ask) == ("a", "b", 97, 101)


def test_two_books_of_one_place_are_no_gap() -> None:
    """One book under two names, or a venue's second market."""
    asked = [VenueQuote("a", D(100), D(1), D(101), D(1)), VenueQuote("a", D(102), D(1), D(103), D(1))]
    indices = Indices([D(0)])
    indices.sample(T0, "X/Y", asked)
    assert widest_gap(asked, D(0)) is None and indices.gaps(DAY) == [] and indices.ratios() == []


LOOKS = st.lists(
    st.tuples(st.sampled_from([0, 1, 23, 24, 25, 50]), st.sampled_from(["X/Y", "Z/Y"]), quotes("abc", least=1)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40)
@given(LOOKS, st.sampled_from([HOUR, DAY]))
def test_rows_are_what_a_list_of_all_looks_says(looks: list[tuple[int, str, list[VenueQuote]]], period: int) -> None:
    looks = sorted(looks, key=lambda look: look[0])
    indices = Indices([D("0.05"), D(5)])
    for hour, pair, asked in looks:
        indices.sample(T0 + hour * HOUR + 5, pair, asked)
    expected = {}
    for hour, pair, asked in looks:
        for size in (D("0.05"), D(5)):
            if ways := pairs(asked, size):
                begins_at = (T0 + hour * HOUR) // period * period
                best = max(ways, key=lambda way: way[0])
                at_hand = expected.setdefault((begins_at, pair, size), [])
                at_hand.append((bps(best[1].bid, best[2].ask), T0 + hour * HOUR + 5))
    rows = indices.gaps(period)
    assert [(row.begins_at, row.pair, row.size) for row in rows] == sorted(expected)
    for row in rows:
        seen = expected[row.begins_at, row.pair, row.size]
        widest = max(value for value, _ in seen)
        assert row.quoted == len(seen) and row.positive == sum(value > 0 for value, _ in seen)
        near = [at for value, at in seen if abs(value - widest) <= abs(widest) / 10**6]
        assert row.at in near and abs(Fraction(row.widest.bps) - widest) <= abs(widest) / 10**6


@settings(max_examples=40)
@given(LOOKS)
def test_ratios_are_what_a_list_of_all_looks_says(looks: list[tuple[int, str, list[VenueQuote]]]) -> None:
    indices = Indices([D(0)])
    days: dict[tuple[int, str], dict[int, list[list[Fraction]]]] = {}
    for hour, pair, asked in looks:
        indices.sample(T0 + hour * HOUR, pair, asked)
        if len(asked) > 1:
            middles = [Fraction(quote.bid + quote.ask) / 2 for quote in asked]
            days.setdefault((T0 + hour // 24 * DAY, pair), {}).setdefault(hour, []).append(middles)
    rows = indices.ratios()
    assert [(row.begins_at, row.pair) for row in rows] == sorted(days)
    for row in rows:
        hours = days[row.begins_at, row.pair]
        instants = [middles for seen in hours.values() for middles in seen]
        spans = [[price for middles in seen for price in middles] for seen in hours.values()]
        assert (row.hours, row.instants) == (len(hours), len(instants))
        means = [sum((max(one) / min(one) - 1) * 10_000 for one in many) / len(many) for many in (spans, instants)]
        for told, true in zip((row.hourly_bps, row.sampled_bps), means, strict=True):
            assert abs(Fraction(told) - true) <= abs(true) / 10**9 + Fraction(1, 10**9)


@given(quotes("abc", least=2), st.integers(1, 20))
def test_the_hours_high_over_low_is_never_below_that_of_an_instant(asked: list[VenueQuote], rises: int) -> None:
    indices = Indices()
    for step in range(rises):
        by = D(step)
        moved = [VenueQuote(q.place, q.bid + by, q.bid_size, q.ask + by, q.ask_size) for q in asked]
        indices.sample(T0 + step * 10**9, "X/Y", moved)
    (row,) = indices.ratios()
    assert row.hourly_bps >= row.sampled_bps >= 0
    if rises == 1:
        assert row.hourly_bps == row.sampled_bps


def test_the_earliest_of_equal_gaps_is_told_and_days_begin_at_midnight() -> None:
    asked = [VenueQuote("a", D(100), D(1), D(101), D(1)), VenueQuote("b", D(102), D(1), D(103), D(1))]
    indices = Indices([D(1)], keep=True)
    for at in (T0 + DAY - 1, T0 + DAY, T0 + DAY + 3 * HOUR):
        indices.sample(at, "X/Y", asked)
    days = [(row.begins_at, row.at, row.quoted, row.positive) for row in indices.gaps(DAY)]
    assert days == [(T0, T0 + DAY - 1, 1, 1), (T0 + DAY, T0 + DAY, 2, 2)]
    assert [row.begins_at for row in indices.gaps(HOUR)] == [T0 + 23 * HOUR, T0 + DAY, T0 + DAY + 3 * HOUR]
    assert [at for at, _, _, _ in indices.series] == [T0 + DAY - 1, T0 + DAY, T0 + DAY + 3 * HOUR]


@pytest.mark.parametrize(("ask", "positive"), [("99", 1), ("100", 0), ("101", 0)])
def test_states_count_gaps_above_zero_only(ask: str, positive: int) -> None:
    states = States()
    asked = [VenueQuote("a", D(100), D(1), D(105), D(1)), VenueQuote("b", D(90), D(1), D(ask), D(1))]
    states.see(asked, told=True, moved=False)
    states.see(asked, told=True, moved=True)
    states.see(asked[:1], told=True, moved=True)
    assert states == States(2, 2 * positive, 1, positive)
