"""Perpetuals at a desk, by hand: margin, turning, leverage, funding, liquidation.

Enters: a book of 20 orders a side around 60,000 (bids 59,999.5 × 0.010, … asks likewise), one act after another.
Leaves: a verdict. Expected values are sums done by hand.
"""

from decimal import Decimal

import pytest
from desk_stage import LINEAR, SPOT, START, USDT, Stage

from cryptopipe.clock import SECOND
from cryptopipe.model.accounts import SimulatedAccount
from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import DeskBalance, DeskPosition, DeskRefusal, NewOrder, OrderStatus, Refusal
from cryptopipe.model.facts import Side

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
HOUR = 3600 * SECOND


def order(side: Side, size: str, price: str | None = None, reduce_only: bool = False) -> NewOrder:
    return NewOrder(LINEAR, side, D(size), None if price is None else D(price), reduce_only=reduce_only)


def quote(stage: Stage, price: int, lots: int = 100_000) -> None:
    """The flow takes what stands in the way, and stands with much at a price (whole ticks) and one tick above."""
    engine, at = stage.engines[LINEAR.symbol], stage.step()
    engine.take(BUY, 10**9, at, price)
    engine.take(SELL, 10**9, at, price + 1)
    engine.limit(BUY, price, lots, at)
    engine.limit(SELL, price + 1, lots, at)


def only(account: SimulatedAccount) -> DeskPosition:
    (position,) = account.positions()
    return position


def test_long_and_close() -> None:
    """0.010 at 60000.5 at ten times: 60.0005 of margin, 0.1 % of fee; sold at 61000: 9.995 more, and a fee again."""
    stage = Stage.of(taker="0.001")
    account = stage.account()
    account.place(order(BUY, "0.010"))
    position = only(account)
    assert (position.size, position.entry, position.margin) == (D("0.010"), D("60000.5"), D("60.0005"))
    assert account.balances()[USDT] == DeskBalance(100_000 - D("60.0005") - D("0.600005"), D("60.0005"))
    quote(stage, 122_000)
    assert only(account).mark == D("61000.25")
    assert only(account).unrealised == D("9.9975")
    account.place(order(SELL, "0.010", reduce_only=True))
    assert not account.positions()
    assert account.balances()[USDT] == DeskBalance(100_000 - D("0.600005") + D("9.995") - D("0.61"), D(0))
    told = [one.position for one in account.events(0) if one.position is not None]
    assert [(one.size, one.realised, one.margin) for one in told] == [
        (D("0.010"), D(0), D("60.0005")),
        (D(0), D("9.995"), D(0)),
    ]


def test_an_opposite_order_closes_and_then_turns() -> None:
    """Short 0.010 at 59999.5; bought 0.030 at 61000.5: a loss of 10.01, and a long of 0.020 at that price."""
    stage = Stage.of(maker="0", taker="0")
    account = stage.account()
    account.place(order(SELL, "0.010"))
    assert (only(account).size, only(account).margin) == (D("-0.010"), D("59.9995"))
    quote(stage, 122_000)
    account.place(order(BUY, "0.030"))
    position = only(account)
    assert (position.size, position.entry, position.realised) == (D("0.020"), D("61000.5"), D("-10.01"))
    assert account.balances()[USDT] == DeskBalance(100_000 - D("10.01") - D("122.001"), D("122.001"))


def test_an_order_that_closes_holds_nothing_until_another_does() -> None:
    stage = Stage.of(maker="0", taker="0")
    account = stage.account()
    account.place(order(BUY, "0.010"))
    margin = D("60.0005")
    first = account.place(order(SELL, "0.010", "61000"))
    assert account.balances()[USDT].locked == margin
    second = account.place(order(SELL, "0.005", "62000"))  # would open a short of 0.005 x 62000 / 10
    assert account.balances()[USDT].locked == margin + 31
    account.cancel(first.order_id)
    assert account.balances()[USDT].locked == margin
    account.cancel(second.order_id)
    assert account.balances()[USDT].locked == margin


def test_reduce_only_beside_other_orders() -> None:
    """Of a long of 0.010: 0.006 and 0.004 may reduce it, 0.001 more may not; a plain order of that side takes the place
    of the newest of them.
    """
    stage = Stage.of()
    account = stage.account()
    account.place(order(BUY, "0.010"))
    older = account.place(order(SELL, "0.006", "61000", reduce_only=True))
    newer = account.place(order(SELL, "0.004", "61000", reduce_only=True))
    with pytest.raises(DeskRefusal) as caught:
        account.place(order(SELL, "0.001", "61000", reduce_only=True))
    assert (caught.value.why, caught.value.facts["closes"]) == (Refusal.REDUCE_ONLY, D(0))
    with pytest.raises(DeskRefusal):
        account.place(order(BUY, "0.001", "50000", reduce_only=True))
    account.place(order(SELL, "0.004", "62000"))
    gone = account.order(newer.order_id)
    assert (gone.status, gone.why_ended) == (OrderStatus.CANCELLED, "reduce_only")
    assert account.order(older.order_id).status is OrderStatus.OPEN


def test_an_order_beyond_the_margin_that_is_free() -> None:
    """At ten times 10 hold 99.9; a long of 0.002 at 50000 needs 10 and a fee of 0.2."""
    stage = Stage.of(opening={"USDT": D("10.19")})
    with pytest.raises(DeskRefusal) as caught:
        stage.account().place(order(BUY, "0.002", "50000"))
    assert caught.value.why is Refusal.INSUFFICIENT_FUNDS
    assert caught.value.facts["wanted"] == D("10.2")
    assert stage.account().place(order(BUY, "0.001", "50000")).status is OrderStatus.OPEN


def test_another_leverage_moves_margins() -> None:
    stage = Stage.of(maker="0", taker="0", leverage_most=D(50))
    account = stage.account()
    account.place(order(BUY, "0.010"))  # worth 600.005
    account.place(order(BUY, "0.010", "50000"))  # 500
    assert account.leverage(LINEAR) == 10
    account.set_leverage(LINEAR, D(20))
    assert account.balances()[USDT].locked == D("30.00025") + 25
    assert only(account).leverage == 20
    account.set_leverage(LINEAR, D(1))
    assert account.balances()[USDT].locked == D("600.005") + 500
    before = account.balances()
    for leverage in (D("0.9"), D(51), D("nan"), D("2.000000001")):
        with pytest.raises(DeskRefusal) as caught:
            account.set_leverage(LINEAR, leverage)
        assert caught.value.why is Refusal.LEVERAGE
    with pytest.raises(DeskRefusal):
        account.set_leverage(SPOT, D(2))
    assert (account.leverage(LINEAR), account.balances()) == (1, before)


def test_a_leverage_that_would_close_the_position_or_is_not_paid_for() -> None:
    """Bought at 60000.5 with a margin of 60.0005, at 57000.25 a loss of 30.0025: twenty times leaves 30.00025, which is
    less than it.
    """
    stage = Stage.of(maker="0", taker="0", opening={"USDT": D(100)})
    account = stage.account()
    account.place(order(BUY, "0.010"))
    quote(stage, 114_000)
    for leverage, why in ((D(20), Refusal.LEVERAGE), (D(5), Refusal.INSUFFICIENT_FUNDS)):
        with pytest.raises(DeskRefusal) as caught:
            account.set_leverage(LINEAR, leverage)
        assert caught.value.why is why
    assert (only(account).margin, account.leverage(LINEAR)) == (D("60.0005"), 10)


@pytest.mark.parametrize(
    ("middle", "rate"),
    [
        # spot at 60000: the perpetual's mark 0.25 above its bid
        (120_000, "0.0001"),  # a premium of 0.00000416: interest and premium agree
        (120_120, "0.00050416"),  # 60.25: 0.00100416, less the damper
        (119_880, "-0.00049584"),  # -59.75: -0.00099584 (rounded down), more the damper
        (122_000, "0.0075"),  # 0.0166…: the cap
    ],
)
def test_funding(middle: int, rate: str) -> None:
    """Every eight hours of the epoch: a long pays the rate of its worth at the mark, a short gets it."""
    stage = Stage.of(maker="0", taker="0", margin_check_ms=60_000)
    due = (START // (8 * HOUR) + 1) * 8 * HOUR
    stage.account(1).place(order(BUY, "0.010"))
    stage.account(2).place(order(SELL, "0.010"))
    quote(stage, middle)
    assert stage.desk.funding_rate(LINEAR) == D(rate)
    assert stage.desk.next_funding_at(LINEAR) == due
    before = [stage.account(one).balances()[USDT] for one in (1, 2)]
    stage.desk.turn(due - 1)
    assert [stage.account(one).balances()[USDT] for one in (1, 2)] == before
    stage.desk.turn(due + HOUR)
    mark = D(middle) / 2 + D("0.25")
    paid = mark * D("0.010") * D(rate)
    for number, sign in ((1, 1), (2, -1)):
        amount = (sign * paid).quantize(D("1e-8"), rounding="ROUND_FLOOR")
        assert only(stage.account(number)).funding == amount
        after = stage.account(number).balances()[USDT]
        assert (after.free, after.locked) == (before[number - 1].free - amount, before[number - 1].locked)
        (event,) = [one for one in stage.account(number).events(0) if one.position is not None and one.position.funding]
        assert event.at == due
    assert stage.desk.next_funding_at(LINEAR) == due + 8 * HOUR


def test_nobody_pays_funding_without_a_position() -> None:
    stage = Stage.of()
    stage.account().place(order(BUY, "0.010"))
    stage.account().place(order(SELL, "0.010"))
    number = stage.account().number
    stage.desk.turn(START + 48 * HOUR)
    assert stage.account().number == number


def test_funding_that_is_not_free_comes_out_of_the_margin() -> None:
    stage = Stage.of(maker="0", taker="0", opening={"USDT": D("60.01")}, margin_check_ms=60_000)
    stage.account().place(order(BUY, "0.010"))  # a margin of 60.0005, 0.0095 are free
    quote(stage, 120_000)
    stage.desk.turn(START + 8 * HOUR)
    assert only(stage.account()).funding == D("0.06000025")  # 600.0025 x 0.0001
    assert only(stage.account()).margin == D("60.01") - D("0.06000025")
    assert stage.account().balances()[USDT].free == 0


@pytest.mark.parametrize("side", list(Side))
def test_liquidation(side: Side) -> None:
    """0.010 at ten times; 0.5 % must be left. Just before the mark that is told nothing happens; at the next look after
    it the venue takes the open orders out and closes at the market.
    """
    stage = Stage.of(maker="0", taker="0")
    account = stage.account()
    account.place(order(side, "0.010"))
    other = SELL if side is BUY else BUY
    resting = account.place(order(other, "0.010", "66000" if side is BUY else "54000"))
    mark = only(account).liquidation
    assert mark is not None
    # long: (600.005 - 60.0005) / (0.010 x 0.995); short: (599.995 + 59.9995) / (0.010 x 1.005)
    assert abs(mark - (D("54271.8090") if side is BUY else D("65671.0945"))) < D("0.0001")
    tick = int(mark * 2)
    quote(stage, tick + 1 if side is BUY else tick - 2)
    stage.desk.turn(stage.clock.now + SECOND)
    assert account.positions()
    quote(stage, tick - 1 if side is BUY else tick + 1)
    stage.desk.turn(stage.clock.now + SECOND)
    assert not account.positions()
    closed = account.orders()[-1]
    assert (closed.status, closed.why_ended, closed.order.side) == (OrderStatus.FILLED, "liquidation", other)
    assert (closed.created_at // (SECOND // 10)) * (SECOND // 10) == closed.created_at
    assert account.order(resting.order_id).why_ended == "liquidation"
    price = account.fills()[-1].price
    profit = (price - D("60000.5")) if side is BUY else (D("59999.5") - price)
    assert account.balances()[USDT] == DeskBalance(100_000 + profit * D("0.010"), D(0))


def test_a_loss_beyond_all_that_one_has_the_insurance_pays() -> None:
    """Long 0.010 at 60000.5 with 61; closed at 50000 it lost 100.005: 39.005 are not there."""
    stage = Stage.of(maker="0", taker="0", opening={"USDT": D(61)})
    stage.step(SECOND // 27)
    stage.account().place(order(BUY, "0.010"))
    quote(stage, 100_000)
    stage.desk.turn(stage.clock.now + SECOND)
    assert stage.account().orders()[-1].created_at == START + SECOND // 10  # the venue looks every 100 ms of the epoch
    assert stage.account().balances()[USDT] == DeskBalance(D(0), D(0))
    assert stage.desk.tally.of("insurance", USDT) == D("-39.005")


def test_a_liquidation_waits_for_a_book_that_can_take_it() -> None:
    stage = Stage.of(maker="0", taker="0")
    stage.account().place(order(BUY, "0.010"))
    quote(stage, 100_000, lots=4)
    stage.desk.turn(stage.clock.now + SECOND)
    assert only(stage.account()).size == D("0.006")
    assert [one.status for one in stage.account().orders()][1:] == [OrderStatus.EXPIRED]
    stage.engines[LINEAR.symbol].limit(BUY, 100_000, 6, stage.step())
    stage.desk.turn(stage.clock.now + SECOND)
    assert not stage.account().positions()


def test_a_resting_order_opens_when_the_flow_takes_it() -> None:
    stage = Stage.of(maker="0.001")
    state = stage.account().place(
        NewOrder(LINEAR, BUY, D("0.020"), D(60000), time_in_force=TimeInForce.POST_ONLY, client_id="x")
    )
    assert stage.account().balances()[USDT].locked == 120 + D("2.4")  # margin, and the taker's fee which is the higher
    stage.engines[LINEAR.symbol].take(SELL, 5, stage.step())
    assert stage.account().order(state.order_id).filled == D("0.005")
    assert only(stage.account()).margin == 30
    assert stage.account().balances()[USDT] == DeskBalance(100_000 - 30 - 90 - D("1.8") - D("0.3"), 120 + D("1.8"))


def test_what_comes_due_while_nobody_turns_the_desk_has_its_own_time() -> None:
    """The market goes on between two requests; what the clock showed at the last of them is past then."""
    stage = Stage.of(margin_check_ms=60_000)
    at = stage.clock.now + SECOND
    stage.desk.turn(at, at)
    stage.account().place(order(BUY, "0.010"))
    due = (START // (8 * HOUR) + 1) * 8 * HOUR
    stage.clock.advance(due + SECOND)
    assert stage.desk.now == due + SECOND
    assert only(stage.account()).updated_at == due
    assert stage.account().events(0)[-1].at == due
