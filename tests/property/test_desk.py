"""Laws of a simulated venue's desk on spot, for any sequence of what its customers and the order flow do.

Enters: acts of hypothesis over two spot markets. Leaves: a verdict. Never: an expected value that the desk computed.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from desk_laws import (
    each_fill_is_a_print_and_none_is_counted_twice,
    fees_are_by_the_schedule,
    nobody_is_in_debt,
    orders_are_the_sum_of_their_fills,
    the_tape_tells_all,
    what_rests_is_what_is_open,
)
from desk_play import FEES, MOST_OPEN, Act, Cancel, CancelAll, FlowOrder, Place, Play, random_act
from desk_stage import Stage, left_of, rounded_down
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import SelfTrade
from cryptopipe.model.facts import Asset, FeeSchedule, Side

D = Decimal
_side, _market, _account = st.sampled_from(list(Side)), st.sampled_from([0, 0, 0, 1]), st.sampled_from([1, 1, 2])
_distance = st.integers(-4, 4)
_places = st.builds(
    Place,
    _account,
    _market,
    _side,
    st.integers(1, 400) | st.integers(1, 5000),
    st.none() | _distance | _distance | st.integers(-60_000, 700_000),
    st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce]),
    st.sampled_from(list(SelfTrade)),
    st.booleans(),
    st.sampled_from(["", "", "a", "b"]),
)
_acts = st.one_of(
    _places,
    _places,
    _places,
    st.builds(Cancel, _account, st.integers(0, 30)),
    st.builds(CancelAll, _account, st.sampled_from([None, 0, 1])),
    st.builds(FlowOrder, _market, _side, st.integers(1, 600), st.none() | _distance),
)


def what_is_locked_is_what_orders_need(play: Play) -> None:
    """A seller's base; a buyer's quote at the limit price, with the higher fee where it is charged in quote."""
    for account in play.stage.desk.accounts.values():
        needed: dict[Asset, Decimal] = defaultdict(Decimal)
        for one in account.open_orders():
            assert one.order.price is not None
            if one.order.side is Side.SELL:
                needed[one.order.instrument.base] += left_of(one)
            else:
                value = one.order.price * left_of(one)
                needed[one.order.instrument.quote] += value + most_fee(value, account.fees(one.order.instrument))
        assert {asset: one.locked for asset, one in account.balances().items() if one.locked} == {
            asset: one for asset, one in needed.items() if one
        }


def most_fee(value: Decimal, schedule: FeeSchedule) -> Decimal:
    if schedule.charged_in != "quote":
        return D(0)
    return rounded_down(Fraction(value) * max(0, Fraction(schedule.maker_rate), Fraction(schedule.taker_rate)))


def money_is_what_fills_made_of_it(play: Play) -> None:
    """For each customer, and so for all with whom they traded: nothing comes from nowhere."""
    for number, account in play.stage.desk.accounts.items():
        expected = {asset: amount for (one, asset), amount in play.opening.items() if one == number}
        for fill in account.fills():
            sign = 1 if fill.side is Side.BUY else -1
            expected[fill.instrument.base] += sign * fill.size
            expected[fill.instrument.quote] -= sign * fill.size * fill.price
            expected[fill.fee.asset] -= fill.fee.amount
        assert {asset: one.free + one.locked for asset, one in account.balances().items()} == expected
    for asset in play.stage.assets():
        assert play.stage.held(asset) + play.stage.desk.tally.total(asset) == 0
        charged = (one.fee for account in play.stage.desk.accounts.values() for one in account.fills())
        assert play.stage.desk.tally.of("fees", asset) == sum(one.amount for one in charged if one.asset == asset)


def laws_hold(play: Play) -> None:
    each_fill_is_a_print_and_none_is_counted_twice(play)
    money_is_what_fills_made_of_it(play)
    what_rests_is_what_is_open(play)
    for number, account in play.stage.desk.accounts.items():
        assert len(account.open_orders()) <= MOST_OPEN
        orders_are_the_sum_of_their_fills(account)
        fees_are_by_the_schedule(account)
        the_tape_tells_all(play, number, account)


JUDGES = (nobody_is_in_debt, what_is_locked_is_what_orders_need)


@settings(max_examples=150, deadline=None)
@given(st.lists(_acts, min_size=15, max_size=40), st.sampled_from(FEES), st.sampled_from(["quote", "received"]))
def test_any_sequence_of_acts_keeps_the_laws(acts: Sequence[Act], fees: tuple[str, str], charged_in: str) -> None:
    play = Play(Stage.of(*fees, charged_in=charged_in, open_orders=MOST_OPEN), JUDGES)
    play.run(acts)
    laws_hold(play)


@pytest.mark.parametrize("seed", range(8))
def test_long_plays_keep_the_laws(seed: int) -> None:
    """Longer than hypothesis makes its examples."""
    random = Random(seed)
    play = Play(
        Stage.of(*FEES[seed % len(FEES)], charged_in=("quote", "received")[seed % 2], open_orders=MOST_OPEN), JUDGES
    )
    play.run([random_act(random) for _ in range(600)])
    laws_hold(play)
    fills = [fill for one in play.stage.desk.accounts.values() for fill in one.fills()]
    assert len(fills) > 50 and {fill.maker for fill in fills} == {True, False}
    endings = {one.why_ended for account in play.stage.desk.accounts.values() for one in account.orders()}
    assert endings == {"", "self_trade"}
