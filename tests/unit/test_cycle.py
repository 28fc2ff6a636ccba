"""The size of a cycle: laws, brute force on small grids, and hand-computed cases."""

from collections.abc import Sequence
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.cycle import best_amount, carry_out, price_ratio
from cryptopipe.evaluate.size import best_cycle
from cryptopipe.evaluate.steps import Step
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.money import exact

RULES = TradingRules(tick=D("0.1"), step=D("0.1"), min_size=D("0.1"), min_notional=D(0))
Rows = Sequence[tuple[D, D]]


def market(venue: str, rules: TradingRules = RULES) -> Instrument:
    return Instrument(VenueId(venue), "XY", Asset("X"), Asset("Y"), rules=rules)


def fee(rate: str, charged_in: str = "quote") -> FeeSchedule:
    return FeeSchedule.flat(maker=rate, taker=rate, source="test", as_of="2026-11-21", charged_in=charged_in)


def pair(asks: Rows, bids: Rows, rate: str = "0", charged_in: str = "quote", rules: TradingRules = RULES) -> list[Step]:
    return [
        Step(market("a", rules), Side.BUY, asks, fee(rate, charged_in), D(10**9)),
        Step(market("b", rules), Side.SELL, bids, fee(rate, charged_in), D(10**9)),
    ]


def test_walks_both_ladders_to_the_last_level_that_pays() -> None:
    # 1 X at 100 sold at 103, 1 X at 101 sold at 102, the third pair (102.5 against 101.5) would lose.
    steps = pair(
        [(D(100), D(1)), (D(101), D(1)), (D("102.5"), D(5))], [(D(103), D(1)), (D(102), D(1)), (D("101.5"), D(5))]
    )
    outcome = best_cycle(steps, D(10**6))
    assert outcome is not None
    assert [leg.quantity for leg in outcome.legs] == [D(2), D(2)]
    assert [leg.limit for leg in outcome.legs] == [D(101), D(102)]
    assert outcome.profit == D(205) - D(201)


def test_fees_are_amounts_in_the_asset_they_are_charged_in() -> None:
    steps = pair([(D(100), D(10))], [(D(110), D(10))], "0.01", "received")
    outcome = carry_out(steps, D(1000))
    buy, sell = outcome.legs
    assert (buy.quantity, buy.fee.amount, buy.fee.asset) == (D(10), D("0.10"), "X")
    assert sell.quantity == D("9.9")  # what was received, 9.90, on the grid of 0.1
    assert sell.fee.amount == D("9.9") * 110 * D("0.01") and sell.fee.asset == "Y"
    assert outcome.dust == (D(0),)


def test_dust_is_told_and_worth_nothing() -> None:
    steps = pair([(D(100), D(10))], [(D(110), D(10))], "0.003", "received")
    outcome = carry_out(steps, D(100))  # 1 X bought, 0.997 received, 0.9 sold
    assert outcome.dust == (D("0.097"),)
    assert outcome.profit == D("0.9") * 110 * D("0.997") - 100


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        (TradingRules(D("0.1"), D("0.1"), D(5), D(0)), "minimum size"),
        (TradingRules(D("0.1"), D("0.1"), D(0), D(1000)), "minimum notional"),
    ],
)
def test_a_leg_below_a_minimum_is_no_trade(rules: TradingRules, names: str) -> None:
    steps = pair([(D(100), D(1))], [(D(110), D(1))], rules=rules)
    assert names in carry_out(steps, D(100)).problem
    assert best_cycle(steps, D(100)) is None


def test_a_limit_between_ticks_gives_way_and_must_be_paid_for() -> None:
    """Ticks of 3: a purchase at 100 needs a limit of 102, a sale at 110 one of 108; 1020 pay for ten."""
    rules = TradingRules(D(3), D("0.1"), D(0), D(0))
    for at_hand, quantity in (("1020", "10"), ("1019.9", "9.9")):
        steps = pair([(D(100), D(10))], [(D(110), D(10))], rules=rules)
        poor = Step(steps[0].instrument, Side.BUY, steps[0].ladder, steps[0].fees, D(at_hand))
        outcome = best_cycle([poor, steps[1]], D(10**6))
        assert outcome is not None and [leg.quantity for leg in outcome.legs] == [D(quantity)] * 2
        assert [leg.limit for leg in outcome.legs] == [D(102), D(108)]
        assert outcome.profit == D(quantity) * 10


def test_the_minimum_notional_of_a_sale_is_met_at_its_limit() -> None:
    """1 X at 110 and 1 at 90 bring 200; the venue judges the order at its limit, 2 X at 90."""
    for least, told in ((D(180), ""), (D(181), "minimum notional")):
        rules = TradingRules(D("0.1"), D("0.1"), D(0), least)
        steps = pair([(D(80), D(10))], [(D(110), D(1)), (D(90), D(1))])
        steps[1] = Step(market("b", rules), Side.SELL, steps[1].ladder, fee("0"), D(10**9))
        assert told in carry_out(steps, D(160)).problem and bool(told) == bool(carry_out(steps, D(160)).problem)


def test_a_balance_pays_for_a_purchase_even_at_its_limit() -> None:
    """2040 would be needed for 20 at a limit of 102, though the two levels cost 2020; with a fee of 1 % more."""
    asks = [(D(100), D(10)), (D(102), D(10))]
    for rate, quantity in (("0", "19.8"), ("0.01", "19.6")):  # 2020 / 102, 2020 / 103.02
        step = Step(market("a"), Side.BUY, asks, fee(rate), D(2020))
        outcome = best_cycle([step, pair(asks, [(D(110), D(99))], rate)[1]], D(10**6))
        assert outcome is not None and outcome.legs[0].quantity == D(quantity)


def test_a_balance_bounds_its_leg() -> None:
    steps = pair([(D(100), D(10))], [(D(110), D(10))])
    poor = [steps[0], Step(steps[1].instrument, Side.SELL, steps[1].ladder, steps[1].fees, D("2.55"))]
    outcome = best_cycle(poor, D(10**6))
    assert outcome is not None and [leg.quantity for leg in outcome.legs] == [D("2.5"), D("2.5")]


def test_a_triangle_returns_to_its_asset() -> None:
    def step(symbol: str, base: str, quote: str, side: Side, price: str) -> Step:
        rules = TradingRules(D("0.01"), D("0.01"), D("0.01"), D(0))
        instrument = Instrument(VenueId("a"), symbol, Asset(base), Asset(quote), rules=rules)
        return Step(instrument, side, [(D(price), D(100))], fee("0"), D(10**6))

    # 1000 USDT buy 10 ETH at 100; 10 ETH sell at 0.5 for 5 BTC; 5 BTC sell at 210 for 1050 USDT.
    steps = [
        step("E", "ETH", "USDT", Side.BUY, "100"),
        step("EB", "ETH", "BTC", Side.SELL, "0.5"),
        step("B", "BTC", "USDT", Side.SELL, "210"),
    ]
    assert price_ratio(steps) == Fraction(105, 100)
    outcome = best_cycle(steps, D(1000))
    assert outcome is not None and (outcome.spent, outcome.received) == (D(1000), D(1050))


PRICES = st.integers(min_value=900, max_value=1100).map(lambda n: D(n) / 10)
SIZES = st.integers(min_value=1, max_value=20).map(lambda n: D(n) / 10)


def ladders(reverse: bool) -> st.SearchStrategy[list[tuple[D, D]]]:
    return st.dictionaries(PRICES, SIZES, min_size=1, max_size=4).map(lambda d: sorted(d.items(), reverse=reverse))


@given(ladders(False), ladders(True), st.sampled_from(["0", "0.0005", "0.002", "0.01"]))
def test_no_size_on_the_grid_beats_the_best_with_fees_in_quote(asks: Rows, bids: Rows, rate: str) -> None:
    steps = pair(asks, bids, rate)
    best = best_cycle(steps, D(10**6))
    # Brute force: every lot count, priced by an independent sum.
    with exact():
        candidates = [D(0)]
        for lots in range(1, int(min(sum(s for _, s in asks), sum(s for _, s in bids)) * 10) + 1):
            size = D(lots) / 10
            candidates.append(_take(bids, size) * (1 - D(rate)) - _take(asks, size) * (1 + D(rate)))
    assert (best.profit if best else D(0)) == max(candidates)


def _take(rows: Rows, size: D) -> D:
    total = D(0)
    for price, level in rows:
        part = min(level, size)
        total, size = total + part * price, size - part
    return total


@given(ladders(False), ladders(True), st.sampled_from(["quote", "received"]))
def test_a_fee_never_helps(asks: Rows, bids: Rows, charged_in: str) -> None:
    profits = []
    for rate in ("0", "0.001", "0.01"):
        best = best_cycle(pair(asks, bids, rate, charged_in), D(10**6))
        profits.append(best.profit if best else D(0))
    assert profits == sorted(profits, reverse=True)


@given(ladders(False), ladders(True))
def test_without_a_gross_edge_no_size_is_worth_it(asks: Rows, bids: Rows) -> None:
    steps = pair(asks, bids)
    assert (best_amount(steps, D(10**6)) > 0) == (price_ratio(steps) > 1)


@given(ladders(False), ladders(True), st.sampled_from(["0", "0.001"]), st.integers(min_value=1, max_value=300))
def test_legs_never_spend_more_than_given_nor_sell_more_than_bought(
    asks: Rows, bids: Rows, rate: str, cap: int
) -> None:
    for charged_in in ("quote", "received"):
        outcome = carry_out(pair(asks, bids, rate, charged_in), D(cap))
        assert outcome.spent <= cap and len(outcome.legs) == (0 if outcome.problem else 2)
        if outcome.problem:
            continue
        assert all(amount >= 0 for amount in outcome.dust)
        assert outcome.legs[1].quantity <= outcome.legs[0].quantity
        assert outcome.legs[0].quantity <= sum(size for _, size in asks)
