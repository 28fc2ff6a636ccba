"""What the limits of a cycle's orders may give up: never the whole edge, never more than is at hand."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe import api
from cryptopipe_arbitrage.limits import conceding

pytestmark = pytest.mark.core
TICK, STEP = D("0.01"), D("0.001")
FEES = api.FeeSchedule.flat("0.001", "0.001", "a test", "2026-11-21")


def leg(venue: str, side: api.Side, limit: D, quantity: D) -> api.Leg:
    rules = api.TradingRules(TICK, STEP, STEP, D(1))
    coin = api.Instrument(api.VenueId(venue), "XY", api.Asset("X"), api.Asset("Y"), rules=rules)
    return api.Leg(coin, side, quantity, limit, limit, api.Fee(D(0), api.Asset("Y")))


def step(of: api.Leg, at_hand: D) -> api.CycleStep:
    return api.CycleStep(of.instrument, of.side, [(of.limit, of.quantity)], FEES, at_hand)


def net_bps(buy: D, sell: D) -> D:
    """Of a unit bought and sold, both fees in quote."""
    spent = buy * (1 + FEES.taker_rate)
    return (sell * (1 - FEES.taker_rate) - spent) / spent * 10_000


@given(
    buy=st.integers(10_000, 10_000_000),
    gap=st.integers(21, 3_000),
    share=st.decimals(0, 1, places=2),
    at_hand=st.sampled_from([D(0), D("1e9")]),
)
def test_a_cycle_filled_at_its_limits_still_pays(buy: int, gap: int, share: D, at_hand: D) -> None:
    bought = leg("a", api.Side.BUY, buy * TICK, D(1))
    sold = leg("b", api.Side.SELL, (bought.limit * (1 + D(gap) / 10_000)).quantize(TICK), D(1))
    edge = net_bps(bought.limit, sold.limit)
    wide = conceding((bought, sold), (step(bought, at_hand), step(sold, D(1))), edge, share)
    assert wide[0].limit >= bought.limit and wide[1].limit <= sold.limit
    assert all(one.limit % TICK == 0 for one in wide)
    if edge > 0:
        assert net_bps(wide[0].limit, wide[1].limit) >= (1 - share) * edge, "a limit may not give the edge away"
    else:
        assert wide == (bought, sold)
    if at_hand == 0:
        assert wide[0] == bought, "it cannot be paid"


def test_half_of_an_edge_is_shared_by_two_limits() -> None:
    bought, sold = leg("a", api.Side.BUY, D("1000.00"), D(1)), leg("b", api.Side.SELL, D("1004.00"), D(1))
    wide = conceding((bought, sold), (step(bought, D("1e6")), step(sold, D(1))), D(20), D("0.5"))
    # 0.5 / 2 of 20 / 1.002 bps is 4.990 bps: 1000.4990 and 1003.4990, each to the tick that gives less
    assert [one.limit for one in wide] == [D("1000.49"), D("1003.50")]


def test_what_depth_has_eaten_is_not_given_again() -> None:
    bought, sold = leg("a", api.Side.BUY, D("1000.00"), D(1)), leg("b", api.Side.SELL, D("1004.00"), D(1))
    deep = api.Leg(sold.instrument, sold.side, sold.quantity, D("1001.00"), sold.vwap, sold.fee)
    assert conceding((bought, deep), (step(bought, D("1e6")), step(deep, D(1))), D(20), D(1)) == (bought, deep)
