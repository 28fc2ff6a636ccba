"""The walk of `sell` and `buy` against taking one lot at a time, and its laws."""

from decimal import Decimal as D
from fractions import Fraction as F
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.evaluate.depletion import Depletion, Offer, Walk, depleted
from cryptopipe.model.facts import FeeSchedule, Side

LOT = D("0.25")
RATES = ("-0.05", "0", "0.001", "0.01", "0.05")


def fees(rate: str, charged_in: str) -> FeeSchedule:
    return FeeSchedule.flat(maker="0", taker=rate, source="test", as_of="2026-11-22", charged_in=charged_in)


def net(side: Side, price: D, schedule: FeeSchedule | None) -> tuple[F, F]:
    """(quote, base) of one unit in the book: what comes and leaves (sell), or goes and arrives (buy)."""
    rate = F(0) if schedule is None else F(schedule.taker_rate)
    if side is Side.SELL:
        return F(price) * (1 - rate), F(1)
    if schedule is not None and schedule.charged_in == "received":
        return F(price), 1 - rate
    return F(price) * (1 + rate), F(1)


@st.composite
def offers(draw: st.DrawFn, side: Side) -> list[Offer]:
    found = []
    for venue in draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4)):
        prices = sorted(draw(st.lists(st.integers(90, 110), unique=True, max_size=5)), reverse=side is Side.SELL)
        levels = [(D(price), LOT * draw(st.integers(1, 6))) for price in prices]
        charged = st.builds(fees, st.sampled_from(RATES), st.sampled_from(("quote", "received")))
        found.append(Offer(venue, levels, draw(st.none() | charged)))
    return found


cases = st.sampled_from(Side).flatmap(
    lambda side: st.tuples(st.just(side), offers(side), st.integers(1, 40).map(lambda lots: LOT * lots))
)


def lot_by_lot(side: Side, quantity: D, shown: list[Offer]) -> tuple[F, F]:
    """(base, quote) by sorting every lot of every book by what it costs, and taking the next until there is enough."""
    lots = []
    for one in shown:
        for price, size in one.levels:
            quote, base = net(side, price, one.fees)
            lots += [(quote / base, base * F(LOT))] * int(size / LOT)
    lots.sort(key=lambda lot: lot[0], reverse=side is Side.SELL)
    taken = paid = F(0)
    for worth, base in lots:
        part = min(base, F(quantity) - taken)
        taken, paid = taken + part, paid + part * worth
    return taken, paid


@settings(max_examples=20)
@given(cases)
def test_it_is_what_taking_lot_by_lot_comes_to(case: tuple[Side, list[Offer], D]) -> None:
    side, shown, quantity = case
    found = depleted(side, quantity, shown)
    assert (F(found.merged.filled), found.merged.notional) == lot_by_lot(side, quantity, shown)
    assert set(found.venues) == {one.venue for one in shown}
    for one in shown:
        walk = found.venues[one.venue]
        assert (F(walk.filled), walk.notional) == lot_by_lot(side, quantity, [one])


@settings(max_examples=20)
@given(cases)
def test_quantities_sum_exactly_and_prices_get_no_better(case: tuple[Side, list[Offer], D]) -> None:
    side, shown, quantity = case
    found = depleted(side, quantity, shown)
    ladders = {one.venue: dict(one.levels) for one in shown}
    for walk in (found.merged, *found.venues.values()):
        assert sum((one.quantity for one in walk.taken), D(0)) == walk.filled == quantity - walk.missing <= quantity
        prices = [one.price for one in walk.taken]
        assert prices == sorted(prices, reverse=side is Side.SELL)
        assert all(0 < one.ordered <= F(ladders[one.venue][one.limit]) for one in walk.taken)
        steps = list(walk.running())
        assert [step.taken for step in steps] == list(walk.taken)
        if steps:
            assert (steps[-1].volume, steps[-1].vwap) == (walk.filled, walk.vwap)
            assert walk.limit == walk.taken[-1].limit
            assert walk.notional == sum(one.price * F(one.quantity) for one in walk.taken)
            for step, after in pairwise(steps):
                assert step.volume < after.volume
    assert sum(found.merged.share(venue).ordered for venue in ladders) == found.merged.ordered


@settings(max_examples=20)
@given(cases)
def test_all_venues_together_are_never_worse_than_the_best_one(case: tuple[Side, list[Offer], D]) -> None:
    side, shown, quantity = case
    found = depleted(side, quantity, shown)
    best = found.best_alone
    able = [walk for walk in found.venues.values() if walk.missing == 0]
    assert (best is None) == (not able)
    assert found.merged.missing <= min((walk.missing for walk in found.venues.values()), default=quantity)
    for walk in able:
        mine, theirs = found.merged.notional, found.venues[best or ""].notional
        if side is Side.SELL:
            assert mine >= theirs >= walk.notional
        else:
            assert mine <= theirs <= walk.notional


@settings(max_examples=20)
@given(cases, st.sampled_from(RATES[2:]))
def test_a_fee_never_helps(case: tuple[Side, list[Offer], D], rate: str) -> None:
    side, shown, quantity = case
    free = depleted(side, quantity, [Offer(one.venue, one.levels) for one in shown]).merged
    for charged_in in ("quote", "received"):
        paid = depleted(side, quantity, [Offer(one.venue, one.levels, fees(rate, charged_in)) for one in shown]).merged
        if free.vwap is not None and paid.vwap is not None and paid.missing == 0:
            assert paid.vwap < free.vwap if side is Side.SELL else paid.vwap > free.vwap
        assert paid.missing >= free.missing


def test_a_cheaper_fee_comes_before_a_better_price() -> None:
    shown = [
        Offer("dear", [(D(100), D(1))], fees("0.02", "quote")),
        Offer("near", [(D(101), D(1))], fees("0", "quote")),
    ]
    assert [one.venue for one in depleted(Side.BUY, D("1.5"), shown).merged.taken] == ["near", "dear"]
    shown = [Offer(one.venue, one.levels) for one in shown]
    assert [one.venue for one in depleted(Side.BUY, D("1.5"), shown).merged.taken] == ["dear", "near"]


def test_what_is_taken_out_of_the_base_is_ordered_on_top() -> None:
    walk = depleted(Side.BUY, D("9.9"), [Offer("a", [(D(50), D(100))], fees("0.01", "received"))]).merged
    assert (walk.filled, walk.ordered, walk.notional) == (D("9.9"), F(10), F(500))
    assert walk.vwap == F(500) / F("9.9")


def test_at_one_price_the_name_decides() -> None:
    shown = [Offer(name, [(D(7), D(1)), (D(6), D(1))]) for name in ("c", "a", "b")]
    taken = depleted(Side.SELL, D(5), shown).merged.taken
    assert [one.venue for one in taken] == ["a", "b", "c", "a", "b"]


def test_digits_that_no_float_has() -> None:
    price, size = D("61837.123456789012"), D("0.000000000001")
    walk: Walk = depleted(Side.SELL, D("1000000"), [Offer("a", [(price, size), (D(1), D("999999.5"))])]).merged
    assert walk.filled == D("999999.500000000001") and walk.missing == D("0.499999999999")
    assert walk.notional == F(price) * F(size) + F("999999.5")


@pytest.mark.parametrize("quantity", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_no_quantity(quantity: D) -> None:
    with pytest.raises(ValueError, match="above zero"):
        depleted(Side.SELL, quantity, [])


def test_books_that_are_none() -> None:
    with pytest.raises(ValueError, match="one offer a venue"):
        depleted(Side.SELL, D(1), [Offer("a", []), Offer("a", [])])
    for side, levels in (
        (Side.SELL, [(D(1), D(1)), (D(2), D(9))]),
        (Side.BUY, [(D(2), D(1)), (D(1), D(9))]),
        (Side.BUY, [(D(2), D(1)), (D(2), D(9))]),
        (Side.BUY, [(D(2), D(0))]),
        (Side.SELL, [(D(0), D(1))]),
    ):
        with pytest.raises(ValueError, match="best first"):
            depleted(side, D(5), [Offer("a", levels)])
    nothing: Depletion = depleted(Side.SELL, D(5), [])
    assert (nothing.merged.missing, nothing.merged.vwap, nothing.best_alone) == (D(5), None, None)


@pytest.mark.long
@settings(max_examples=1_000, deadline=None, derandomize=True)
@given(cases)
def test_lot_by_lot_many_times(case: tuple[Side, list[Offer], D]) -> None:
    side, shown, quantity = case
    found = depleted(side, quantity, shown).merged
    assert (F(found.filled), found.notional) == lot_by_lot(side, quantity, shown)
