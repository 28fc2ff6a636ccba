"""Laws of a simulated venue's desk on perpetuals, beside a spot market that is paid from the same wallet.

Enters: seeded acts. Leaves: a verdict. Never: an expected value that the desk computed.
"""

from collections import defaultdict
from collections.abc import Mapping
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
from desk_play import FEES, Play, random_act
from desk_stage import LINEAR, SPOT, USDT, Stage, left_of, rounded_down

from cryptopipe.model.desk import NewOrder, OrderStatus
from cryptopipe.model.facts import Asset, Side
from cryptopipe.sandbox.accounts import Account

D = Decimal
LEVERAGE = 8
RICH: Mapping[str, Decimal] = {"USDT": D(10_000_000), "BTC": D(50)}
POOR: Mapping[str, Decimal] = {"USDT": D(2_000), "BTC": D("0.1")}


def stage_of(seed: int, opening: Mapping[str, Decimal], **profile: object) -> Stage:
    return Stage.of(
        *FEES[seed % 3], charged_in=("quote", "received")[seed % 2], leverage=D(LEVERAGE), opening=dict(opening),
        open_orders=8, **profile,
    )  # fmt: skip


def shock(play: Play, ticks: int) -> None:
    """The flow moves the perpetual's price, taking whatever stands in its way."""
    engine, middle = play.stage.engines[LINEAR.symbol], play.middle(2)
    side = Side.BUY if ticks > 0 else Side.SELL
    at = play.stage.step()
    engine.take(side, 10**9, at, middle + ticks)
    for distance in range(1, 21):
        engine.limit(Side.BUY, middle + ticks - distance, 2000, at)
        engine.limit(Side.SELL, middle + ticks + distance, 2000, at)
    play.stage.step()  # the venue looks at the margins
    play.judge()


def what_is_locked_is_margin_and_what_orders_need(play: Play) -> None:
    """Where money is ample: a position's cost over the leverage, and for orders the same of what they would open, with
    the higher fee; the oldest of a side close first.
    """
    for account in play.stage.desk.accounts.values():
        size = signed_size(account)
        needed = sum((one.margin for one in account.positions()), D(0))
        for side, closable in ((Side.BUY, max(D(0), -size)), (Side.SELL, max(D(0), size))):
            for one in account.open_orders(LINEAR):
                if one.order.side is side:
                    assert one.order.price is not None
                    closing = min(left_of(one), closable)
                    closable -= closing
                    needed += first_margin_and_fee(account, (left_of(one) - closing) * one.order.price)
        for one in account.open_orders(SPOT):
            if one.order.side is Side.BUY:
                assert one.order.price is not None
                value = left_of(one) * one.order.price
                needed += value + (
                    rounded_down(Fraction(value) * rate(account)) if account.schedule.charged_in == "quote" else 0
                )
        assert account.balances()[USDT].locked == needed


def rate(account: Account) -> Fraction:
    return max(Fraction(0), Fraction(account.schedule.maker_rate), Fraction(account.schedule.taker_rate))


def first_margin_and_fee(account: Account, value: Decimal) -> Decimal:
    return -rounded_down(-Fraction(value) / LEVERAGE) + rounded_down(Fraction(value) * rate(account))


def signed_size(account: Account) -> Decimal:
    return sum((one.size if one.side is Side.BUY else -one.size for one in account.fills(LINEAR)), D(0))


def positions_are_what_fills_made(account: Account) -> None:
    size = signed_size(account)
    assert [one.size for one in account.positions()] == ([size] if size else [])


def reduce_only_never_opens(account: Account) -> None:
    size, orders = D(0), {one.order_id: one.order for one in account.orders()}
    for fill in account.fills(LINEAR):
        after = size + (fill.size if fill.side is Side.BUY else -fill.size)
        if orders[fill.order_id].reduce_only:
            assert abs(after) < abs(size) and after * size >= 0
        size = after


def wallet_of(play: Play, account: Account) -> Mapping[Asset, Decimal]:
    """What fills (of perpetuals by the cash they move when all is closed), fees and fundings make of the opening."""
    expected: dict[Asset, Decimal] = defaultdict(Decimal)
    for (number, asset), amount in play.opening.items():
        if number == account.account_id:
            expected[asset] += amount
    for fill in account.fills():
        sign = 1 if fill.side is Side.BUY else -1
        if fill.instrument.symbol == SPOT.symbol:
            expected[fill.instrument.base] += sign * fill.size
        expected[fill.instrument.quote] -= sign * fill.size * fill.price
        expected[fill.fee.asset] -= fill.fee.amount
    told = [one.position for one in account.events(0) if one.position is not None]
    expected[LINEAR.quote] -= told[-1].funding
    return expected


def close_all(play: Play) -> None:
    """The flow quotes enough at the middle, and both customers close."""
    engine, clock = play.stage.engines[LINEAR.symbol], play.stage.clock
    for account in play.stage.desk.accounts.values():
        account.cancel_all()
        for one in account.positions():
            side = Side.SELL if one.size > 0 else Side.BUY
            best = engine.best(side) or 120_000
            other = Side.BUY if side is Side.SELL else Side.SELL
            engine.limit(other, best, int(abs(one.size) / D("0.001")) + 1, clock.now)
            state = account.place(NewOrder(LINEAR, side, abs(one.size), None, reduce_only=True))
            assert state.status is OrderStatus.FILLED


@pytest.mark.parametrize("seed", range(8))
def test_ample_money(seed: int) -> None:
    judges = (nobody_is_in_debt, what_is_locked_is_margin_and_what_orders_need)
    play, random = (
        Play(stage_of(seed, RICH, maintenance_rate=D("0.001"), funding_interval_s=0.02), judges),
        Random(seed),
    )
    play.run([random_act(random, (2, 2, 2, 0)) for _ in range(500)])
    hold_common_laws(play)
    for account in play.stage.desk.accounts.values():
        assert account.open_orders() or account.positions()
    close_all(play)
    for account in play.stage.desk.accounts.values():
        assert {asset: one.free for asset, one in account.balances().items()} == wallet_of(play, account)
        assert all(one.locked == 0 for one in account.balances().values())
    assert {why for (why, _) in play.stage.desk.tally.reasons()} == {"opening", "flow", "fees", "funding"}


@pytest.mark.parametrize("seed", range(8, 16))
def test_little_money_at_a_high_leverage(seed: int) -> None:
    """Orders are refused, margins run out, positions are liquidated: still nothing comes from nowhere."""
    stage = stage_of(seed, POOR, margin_check_ms=1.0, maintenance_rate=D("0.005"))
    play, random = Play(stage, (nobody_is_in_debt,)), Random(seed)
    for account in stage.desk.accounts.values():
        account.set_leverage(LINEAR, D(100))
    for _ in range(10):
        play.run([random_act(random, (2, 2, 2, 0)) for _ in range(50)])
        shock(play, random.choice((-1, 1)) * random.randrange(300, 4000))
    hold_common_laws(play)
    close_all(play)
    tally = play.stage.desk.tally
    expected = sum((wallet_of(play, one)[USDT] for one in play.stage.desk.accounts.values()), D(0))
    assert play.stage.held(USDT) == expected - tally.of("insurance", USDT)
    for asset in play.stage.assets():
        assert play.stage.held(asset) + tally.total(asset) == 0
    told = [one.why_ended for account in play.stage.desk.accounts.values() for one in account.orders()]
    assert "liquidation" in told


def hold_common_laws(play: Play) -> None:
    each_fill_is_a_print_and_none_is_counted_twice(play)
    what_rests_is_what_is_open(play)
    for number, account in play.stage.desk.accounts.items():
        orders_are_the_sum_of_their_fills(account)
        fees_are_by_the_schedule(account)
        the_tape_tells_all(play, number, account)
        positions_are_what_fills_made(account)
        reduce_only_never_opens(account)
    for account in play.stage.desk.accounts.values():
        assert account.fills(LINEAR)
