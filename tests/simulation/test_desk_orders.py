"""What a desk makes of single orders: the cases of each kind, and every refusal with what it names.

Enters: a book of 20 orders a side around 60,000 (bids 59,999.5 × 0.010, 59,999 × 0.020, … asks likewise), one act.
Leaves: a verdict. Expected values are sums done by hand over that book.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest
from desk_stage import BTC, CROSS, LINEAR, SPOT, USDT, Stage

from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.model.accounts import SimulatedAccount
from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import (
    DeskBalance,
    DeskOrder,
    DeskRefusal,
    NewOrder,
    OrderStatus,
    Permission,
    Refusal,
    SelfTrade,
)
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, TradingState, VenueId
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_OTHER, SANDBOX_READER, SANDBOX_TRADER

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK, POST_ONLY = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY


def order(
    side: Side,
    size: str | None,
    price: str | None = None,
    kind: TimeInForce = GTC,
    *,
    spend: str | None = None,
    client_id: str = "",
    reduce_only: bool = False,
    gives_way: SelfTrade = SelfTrade.EXPIRE_TAKER,
    instrument: Instrument = SPOT,
) -> NewOrder:
    return NewOrder(
        instrument, side, None if size is None else D(size), None if price is None else D(price),
        None if spend is None else D(spend), kind, client_id, reduce_only, gives_way,
    )  # fmt: skip


def refused(account: SimulatedAccount, new: NewOrder) -> DeskRefusal:
    with pytest.raises(DeskRefusal) as caught:
        account.place(new)
    return caught.value


def outcome(one: DeskOrder) -> tuple[OrderStatus, Decimal, Decimal, str]:
    return one.status, one.filled, one.spent, one.why_ended


def test_a_market_order_takes_the_best_first() -> None:
    """0.010 at 60000.5, 0.015 of the next at 60001: 600.005 + 900.015."""
    stage = Stage.of(taker="0.001")
    state = stage.account().place(order(BUY, "0.025"))
    assert outcome(state) == (OrderStatus.FILLED, D("0.025"), D("1500.02"), "")
    assert [(one.price, one.size, one.fee) for one in stage.account().fills()] == [
        (D("60000.5"), D("0.010"), Fee(D("0.60000500"), USDT)),
        (D("60001"), D("0.015"), Fee(D("0.90001500"), USDT)),
    ]
    assert stage.account().balances()[USDT].free == 100_000 - D("1500.02") - D("1.50002")
    assert stage.account().balances()[BTC] == DeskBalance(D("2.025"), D(0))


def test_a_fee_in_what_was_received() -> None:
    stage = Stage.of(taker="0.0015", charged_in="received")
    stage.account().place(order(BUY, "0.003"))
    stage.account().place(order(SELL, "0.003"))
    bought, sold = stage.account().fills()
    assert bought.fee == Fee(D("0.0000045"), BTC)
    assert sold.fee == Fee(D("0.26999775"), USDT)  # 179.9985 x 0.0015


def test_a_market_order_by_what_it_spends() -> None:
    """700 buys 0.010 for 600.005 and with 99.995 left 0.001 at 60001; 39.994 is less than one more step."""
    stage = Stage.of()
    state = stage.account().place(order(BUY, None, spend="700"))
    assert outcome(state) == (OrderStatus.FILLED, D("0.011"), D("660.006"), "")


def test_a_market_order_goes_no_farther_than_its_reach() -> None:
    """Of a book that ends 10 from the middle, within 0.001 percent (0.6): 60000.5 and 60001."""
    stage = Stage.of(market_reach_percent=D("0.001"))
    assert outcome(stage.account().place(order(BUY, "1")))[:2] == (OrderStatus.EXPIRED, D("0.030"))


def test_a_limit_order_executes_and_rests_and_is_filled_by_the_flow() -> None:
    stage = Stage.of(maker="0.001", taker="0.002")
    state = stage.account().place(order(BUY, "0.030", "60000.5", client_id="mine"))
    assert outcome(state) == (OrderStatus.OPEN, D("0.010"), D("600.005"), "")
    at = stage.step()
    stage.engines["BTCUSDT"].take(SELL, 5, at)
    state = stage.account().order(0, "mine")
    assert outcome(state) == (OrderStatus.OPEN, D("0.015"), D("900.0075"), "")
    assert state.updated_at == at > state.created_at
    at = stage.step()
    stage.engines["BTCUSDT"].take(SELL, 20, at)
    assert outcome(stage.account().order(state.order_id)) == (OrderStatus.FILLED, D("0.030"), D("1800.015"), "")
    assert [(one.maker, one.fee.amount) for one in stage.account().fills()] == [
        (False, D("1.20001000")),
        (True, D("0.30000250")),
        (True, D("0.90000750")),
    ]
    assert not stage.account().open_orders()


def test_immediate_or_cancel_gives_up_the_rest() -> None:
    stage = Stage.of()
    state = stage.account().place(order(BUY, "0.050", "60000.5", IOC))
    assert outcome(state) == (OrderStatus.EXPIRED, D("0.010"), D("600.005"), "")
    assert outcome(stage.account().place(order(BUY, "0.050", "59000", IOC)))[:2] == (OrderStatus.EXPIRED, D(0))
    assert all(one.locked == 0 for one in stage.account().balances().values())


@pytest.mark.parametrize(("size", "fills"), [("0.030", True), ("0.031", False)])
def test_fill_or_kill(size: str, fills: bool) -> None:
    """Up to 60001 there are 0.030."""
    stage = Stage.of()
    if fills:
        assert stage.account().place(order(BUY, size, "60001", FOK)).status is OrderStatus.FILLED
    else:
        refusal = refused(stage.account(), order(BUY, size, "60001", FOK))
        assert refusal.why is Refusal.WOULD_NOT_FILL and refusal.facts["available"] == D("0.030")


def test_post_only() -> None:
    stage = Stage.of()
    assert refused(stage.account(), order(BUY, "0.01", "60000.5", POST_ONLY)).why is Refusal.WOULD_TAKE
    assert stage.account().place(order(BUY, "0.01", "60000", POST_ONLY)).status is OrderStatus.OPEN


@pytest.mark.parametrize(
    ("gives_way", "taker", "maker"),
    [
        # before the own order there are 0.010 at 60000.5; it stands behind 0.020 of the flow at 60001
        (SelfTrade.EXPIRE_TAKER, (OrderStatus.EXPIRED, D("0.030"), "self_trade"), OrderStatus.OPEN),
        (SelfTrade.EXPIRE_BOTH, (OrderStatus.EXPIRED, D("0.030"), "self_trade"), OrderStatus.EXPIRED),
        (SelfTrade.EXPIRE_MAKER, (OrderStatus.FILLED, D("0.060"), ""), OrderStatus.EXPIRED),
    ],
)
def test_an_order_that_meets_ones_own(
    gives_way: SelfTrade, taker: tuple[OrderStatus, Decimal, str], maker: OrderStatus
) -> None:
    stage = Stage.of()
    own = stage.account().place(order(SELL, "0.5", "60001"))
    state = stage.account().place(order(BUY, "0.060", "60001.5", gives_way=gives_way))
    assert (state.status, state.filled, state.why_ended) == taker
    after = stage.account().order(own.order_id)
    assert (after.status, after.filled) == (maker, D(0))
    assert after.why_ended == ("" if maker is OrderStatus.OPEN else "self_trade")


def test_another_customers_order_is_no_own_one() -> None:
    stage = Stage.of()
    own = stage.account(1).place(order(SELL, "0.5", "60000"))
    assert stage.account(2).place(order(BUY, "0.5", "60000")).status is OrderStatus.FILLED
    assert stage.account(1).order(own.order_id).status is OrderStatus.FILLED
    (sold,), (bought,) = stage.account(1).fills(), stage.account(2).fills()
    assert (sold.maker, bought.maker) == (True, False) and sold.trade_id == bought.trade_id


@pytest.mark.parametrize(
    ("new", "why", "facts"),
    [
        (order(BUY, "0.010", "60000.3"), Refusal.PRICE_GRID, {"price": D("60000.3"), "tick": D("0.5")}),
        (order(BUY, "0.010", "-0.5"), Refusal.PRICE_GRID, {"price": D("-0.5")}),
        (order(BUY, "0.010", "nan"), Refusal.PRICE_GRID, {"tick": D("0.5")}),
        (order(BUY, "0.010", "1e500"), Refusal.PRICE_GRID, {"price": D("1e500")}),
        (order(BUY, "1e-999", "60000"), Refusal.SIZE_GRID, {"size": D("1e-999")}),
        (order(BUY, "inf", "60000"), Refusal.SIZE_GRID, {"size": D("inf")}),
        (order(BUY, None, spend="-nan"), Refusal.SIZE_GRID, {"step": D("0.001")}),
        (order(BUY, None, spend="1e39"), Refusal.SIZE_TOO_LARGE, {"most": D("9677400")}),  # 161.290 at 60000
        (order(BUY, "0.0105", "60000"), Refusal.SIZE_GRID, {"size": D("0.0105"), "step": D("0.001")}),
        (order(BUY, "0.001", "60000"), Refusal.SIZE_TOO_SMALL, {"size": D("0.001"), "least": D("0.002")}),
        (order(BUY, "0", "60000"), Refusal.SIZE_TOO_SMALL, {"size": D(0)}),
        (order(BUY, "-1", "60000"), Refusal.SIZE_TOO_SMALL, {"size": D(-1)}),
        (order(BUY, "1000", "60000"), Refusal.SIZE_TOO_LARGE, {"size": D(1000)}),
        (order(SELL, "0.01", "0.00045", instrument=CROSS), Refusal.PRICE_BAND, {"price": D("0.00045")}),
        (order(SELL, "0.01", "0.009", instrument=CROSS), Refusal.NOTIONAL_TOO_SMALL, {"notional": D("0.00009")}),
        (order(BUY, None, spend="4"), Refusal.NOTIONAL_TOO_SMALL, {"notional": D(4), "least": D(5)}),
        (order(BUY, None, spend="30"), Refusal.NOTIONAL_TOO_SMALL, {"notional": D(30)}),  # not one step
        (
            order(BUY, "0.010", "300000.5"),
            Refusal.PRICE_BAND,
            {"least": D(12000), "most": D(300000), "market": D(60000)},
        ),
        (order(BUY, "0.010", "11999.5"), Refusal.PRICE_BAND, {"price": D("11999.5")}),
        (order(SELL, "2.001", "60000"), Refusal.INSUFFICIENT_FUNDS, {"asset": BTC, "free": D(2), "wanted": D("2.001")}),
        # 1.695 x 59000 = 100005, and 0.2 % of it
        (order(BUY, "1.695", "59000"), Refusal.INSUFFICIENT_FUNDS, {"free": D(100000), "wanted": D("100205.01000000")}),
        (order(SELL, "0.010", reduce_only=True), Refusal.REDUCE_ONLY, {"closes": D(0)}),
        (order(SELL, "0.010", reduce_only=True, instrument=LINEAR), Refusal.REDUCE_ONLY, {"closes": D(0)}),
        (
            order(BUY, "1", "1", instrument=Instrument(VenueId("bitfoo"), "XYZ", Asset("X"), Asset("Y"))),
            Refusal.HALTED,
            {"symbol": "XYZ"},
        ),
    ],
    ids=lambda one: one.value if isinstance(one, Refusal) else "",
)
def test_what_is_refused(new: NewOrder, why: Refusal, facts: dict[str, object]) -> None:
    stage = Stage.of()
    before = stage.account().balances(), {one: engine.number for one, engine in stage.engines.items()}
    refusal = refused(stage.account(), new)
    assert refusal.why is why
    assert facts.items() <= refusal.facts.items()
    assert before == (stage.account().balances(), {one: engine.number for one, engine in stage.engines.items()})
    assert stage.account().number == 0 and not stage.account().orders()


@pytest.mark.parametrize(("side", "price"), [(BUY, "12000"), (SELL, "300000")])
def test_a_price_at_the_bound_of_the_band_is_taken(side: Side, price: str) -> None:
    assert Stage.of().account().place(order(side, "0.010", price)).status is OrderStatus.OPEN


def test_the_largest_order() -> None:
    """10,000,000 dollars at the 62,000 that a bitcoin begins with are 161.290 of them."""
    stage = Stage.of(opening={"BTC": D(1000)})
    assert stage.account().place(order(SELL, "161.290", "61000")).status is OrderStatus.OPEN
    assert refused(stage.account(), order(SELL, "161.291", "61000")).why is Refusal.SIZE_TOO_LARGE


def test_a_side_without_orders() -> None:
    stage = Stage.of()
    stage.engines["BTCUSDT"].take(BUY, 10**6, stage.step())
    assert refused(stage.account(), order(BUY, "0.010")).why is Refusal.NO_LIQUIDITY


def test_a_client_id_is_free_again_when_its_order_has_ended() -> None:
    stage = Stage.of(open_orders=3)
    first = stage.account().place(order(BUY, "0.01", "50000", client_id="a"))
    refusal = refused(stage.account(), order(BUY, "0.01", "50000", client_id="a"))
    assert (refusal.why, refusal.facts) == (Refusal.DUPLICATE_CLIENT_ID, {"client_id": "a"})
    assert stage.account(2).place(order(BUY, "0.01", "50000", client_id="a")).status is OrderStatus.OPEN
    stage.account().cancel(0, "a")
    second = stage.account().place(order(BUY, "0.01", "50000", client_id="a"))
    assert stage.account().order(0, "a") == second and stage.account().order(first.order_id).order_id == first.order_id


def test_too_many_orders() -> None:
    stage = Stage.of(open_orders=2)
    for price in ("50000", "51000"):
        stage.account().place(order(BUY, "0.01", price))
    refusal = refused(stage.account(), order(BUY, "0.01"))
    assert (refusal.why, refusal.facts) == (Refusal.TOO_MANY_ORDERS, {"open": 2, "most": 2})


@pytest.mark.parametrize(
    ("state", "kind", "why"),
    [
        (TradingState.HALTED, POST_ONLY, Refusal.HALTED),
        (TradingState.CANCEL_ONLY, POST_ONLY, Refusal.CANCEL_ONLY_NOW),
        (TradingState.POST_ONLY, GTC, Refusal.POST_ONLY_NOW),
        (TradingState.AUCTION, IOC, Refusal.POST_ONLY_NOW),
        (TradingState.POST_ONLY, POST_ONLY, None),
        (TradingState.TRADING, GTC, None),
    ],
)
def test_the_state_of_an_instrument(state: TradingState, kind: TimeInForce, why: Refusal | None) -> None:
    stage = Stage.of()
    resting = stage.account().place(order(BUY, "0.01", "50000"))
    stage.desk.set_state(SPOT, state)
    new = order(BUY, "0.01", "55000", kind)
    if why is None:
        assert stage.account().place(new).status is OrderStatus.OPEN
    else:
        assert refused(stage.account(), new).why is why
    assert stage.account().cancel(resting.order_id).status is OrderStatus.CANCELLED  # always


def test_cancelling() -> None:
    stage = Stage.of()
    account = stage.account()
    spot = account.place(order(SELL, "0.5", "61000"))
    cross = account.place(order(SELL, "1", "0.05", instrument=CROSS))
    assert account.balances()[BTC] == DeskBalance(D("1.5"), D("0.5"))
    at = stage.step()
    state = account.cancel(spot.order_id)
    assert (state.status, state.updated_at) == (OrderStatus.CANCELLED, at)
    assert account.balances()[BTC] == DeskBalance(D(2), D(0))
    with pytest.raises(DeskRefusal) as ended:
        account.cancel(spot.order_id)
    with pytest.raises(DeskRefusal) as unknown:
        account.cancel(99)
    with pytest.raises(DeskRefusal) as elses:
        stage.account(2).cancel(cross.order_id)
    assert [one.value.why for one in (ended, unknown, elses)] == [
        Refusal.ORDER_ENDED,
        Refusal.UNKNOWN_ORDER,
        Refusal.UNKNOWN_ORDER,
    ]
    assert not account.cancel_all(SPOT)
    assert [one.order_id for one in account.cancel_all()] == [cross.order_id]
    assert not stage.engines["ETHBTC"].owner(1)


def test_the_tape_in_the_order_of_what_happened() -> None:
    stage = Stage.of(maker="0", taker="0")
    state = stage.account().place(order(BUY, "0.030", "60000.5"))
    stage.account().cancel(state.order_id)
    told = [
        (one.order.status.value, str(one.order.filled), one.fill is not None) if one.order else (one.asset, one.change)
        for one in stage.account().events(0)
    ]
    assert told == [
        ("open", "0", False),
        (USDT, D(0)),  # held
        ("open", "0.010", True),
        (USDT, D("-600.005")),
        (BTC, D("0.010")),
        ("cancelled", "0.010", False),
        (USDT, D(0)),  # given back
    ]
    assert [one.number for one in stage.account().events(5)] == [6, 7]
    assert not stage.account().events(7)


def test_keys() -> None:
    desk = Stage.of().desk
    rights = {
        SANDBOX_CREDENTIALS: (1, {Permission.READ, Permission.TRADE, Permission.WITHDRAW}),
        SANDBOX_TRADER: (1, {Permission.READ, Permission.TRADE}),
        SANDBOX_READER: (1, {Permission.READ}),
        SANDBOX_OTHER: (2, {Permission.READ, Permission.TRADE, Permission.WITHDRAW}),
    }
    for credentials, (number, permissions) in rights.items():
        key = desk.key(credentials.key)
        assert key is not None and key.credentials == credentials
        assert (key.account.account_id, key.permissions) == (number, permissions)
    assert desk.key("another") is None


def test_a_customer_begins_with_what_its_venue_trades() -> None:
    stage = Stage.of(opening={"USDT": D(7), "SOL": D(5), "BTC": D(0)})
    assert stage.account().balances() == {USDT: DeskBalance(D(7), D(0))}


def test_a_fault_may_cut_what_an_immediate_order_executes() -> None:
    stage = Stage.of()
    stage.desk.partial_share = D("0.5")
    state = stage.account().place(order(BUY, "0.015", "60001", IOC))
    assert outcome(state)[:2] == (OrderStatus.EXPIRED, D("0.007"))
    assert stage.account().place(order(BUY, "0.005", "60001")).status is OrderStatus.FILLED  # may rest: not cut


def test_times_are_those_that_the_venues_clock_shows() -> None:
    stage = Stage.of()
    resting = stage.account().place(order(BUY, "0.01", "60000"))
    stage.desk.clock = lambda at: at + 3 * SECOND
    at = stage.clock.now + MILLISECOND
    stage.desk.turn(at, at + 3 * SECOND)
    assert stage.desk.now == at + 3 * SECOND
    stage.engines["BTCUSDT"].take(SELL, 100, at)
    assert stage.account().fills()[0].at == at + 3 * SECOND
    assert stage.account().order(resting.order_id).updated_at == at + 3 * SECOND
    stage.desk.turn(at - MILLISECOND, at - MILLISECOND + 3 * SECOND)  # a request that came late meets the book of now
    assert (stage.clock.now, stage.desk.now) == (at, at + 3 * SECOND)


@pytest.mark.parametrize(
    ("what", "act"),
    [
        ("order", lambda one: one.place(order(BUY, "0.01", "60000"))),
        ("cancel", lambda one: one.cancel_all()),
        ("withdraw", lambda one: one.withdraw(BTC, None, "", "", D(1))),
        ("move", lambda one: one.move(BTC, D(1), "trading", "funding")),
    ],
)
def test_hooks_before_and_after_an_action(what: str, act: Callable[[SimulatedAccount], object]) -> None:
    stage, told = Stage.of(), list[str]()

    def stop(of: str) -> None:
        told.append(of)
        raise InterruptedError(of)

    stage.desk.hazard = stop
    with pytest.raises(InterruptedError):
        act(stage.account())
    assert told == [what] and not stage.account().orders()
    stage.desk.hazard, stage.desk.after_action = None, stop
    if what in ("order", "cancel"):
        with pytest.raises(InterruptedError):
            act(stage.account())
        assert told == [what, what]
        assert len(stage.account().open_orders()) == (what == "order")


def test_fill_or_kill_by_what_it_spends() -> None:
    """All asks together are 0.010 + … + 0.200 = 2.1 for about 126,000."""
    stage = Stage.of(opening={"USDT": D(10**6)})
    assert refused(stage.account(), order(BUY, None, None, FOK, spend="200000")).why is Refusal.WOULD_NOT_FILL
    assert stage.account().place(order(BUY, None, None, FOK, spend="700")).status is OrderStatus.FILLED


def test_a_market_order_that_spends_the_last_offer_is_filled() -> None:
    """0.003 at 60000.5 are all that is offered; 180.0015 pay for them, and 60.0005 for each 0.001 more."""
    for spend, status in (("180.0015", OrderStatus.FILLED), ("230", OrderStatus.FILLED), ("300", OrderStatus.EXPIRED)):
        stage = Stage.of()
        engine, at = stage.engines["BTCUSDT"], stage.step()
        engine.take(BUY, 10**6, at)
        engine.limit(SELL, 120_001, 3, at)
        assert outcome(stage.account().place(order(BUY, None, spend=spend)))[:2] == (status, D("0.003"))
