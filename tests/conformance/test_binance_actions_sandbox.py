"""Our codec of Binance's actions against the simulated venue: typed errors on our side, sums that reconcile.

Texts are those of errors.md of binance-spot-api-docs (2026-07-21) and of the wallet's page as ccxt 4.5.90 quotes it.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from conformance.binance_stage import SECOND, Stage

from cryptopipe.api import (
    MUTATING,
    SANDBOX_CREDENTIALS,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Accepted,
    Action,
    CancelAll,
    CancelOrder,
    Credentials,
    DeskRefusal,
    FetchBalances,
    FetchCurrencies,
    FetchKey,
    FetchTime,
    FindOrder,
    HttpResponse,
    KeyReport,
    Kind,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    More,
    MoveFunds,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    PlaceOrder,
    Refusal,
    Refused,
    Reports,
    Side,
    TimeInForce,
    TransferState,
    UnknownOutcome,
    VenueError,
    VenueId,
    Withdraw,
)
from cryptopipe_binance.actions import actions
from cryptopipe_binance.metadata import BinanceInstruments
from cryptopipe_binance.sandbox_private_words import REFUSALS, refuse
from cryptopipe_binance.sandbox_rest import Wrong

D = Decimal
VENUE = VenueId("binance")
INSTRUMENTS = BinanceInstruments(VENUE, Kind.SPOT)
BTC = INSTRUMENTS.find("BTCUSDT")
CODEC = actions(INSTRUMENTS.listed())
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
SEND = Withdraw(VENUE, "USDT", "TRX", TRON, D("100.5"), "w-1")


class Trader:
    """Our codec at a stage: each action is built, sent and read; every request is kept."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.sent = stage, 0

    def does(self, action: Action, key: Credentials = SANDBOX_CREDENTIALS) -> Outcome:
        """Raises what `parse` raises."""
        earlier: list[HttpResponse] = []
        while True:
            request = CODEC.build(action, key, self.stage.now, earlier)
            self.sent += 1
            response = self.stage.send(request)
            outcome = CODEC.parse(action, response, earlier)
            if not isinstance(outcome, More):
                return outcome
            assert type(action) not in MUTATING
            earlier.append(response)


@pytest.fixture(scope="module")
def shared() -> Trader:
    """For what changes nothing."""
    return Trader(Stage())


def limit(price: str, size: str = "0.01", **more: Any) -> PlaceOrder:
    """A limit order to buy bitcoin."""
    return PlaceOrder(BTC, Side.BUY, D(size), D(price), more.pop("client_id", "cp-1"), **more)


UNKNOWN = INSTRUMENTS.find("NKNUSDT")
BAD: dict[str, tuple[Action, Credentials, Any]] = {
    "wrong key": (limit("50000"), Credentials("nobody", "x"), "-2015"),
    "wrong signature": (limit("50000"), Credentials(SANDBOX_CREDENTIALS.key, "x"), "-1022"),
    "no right": (limit("50000"), SANDBOX_READER, "-2015"),
    "no right to withdraw": (SEND, SANDBOX_TRADER, "-2015"),
    "symbol": (
        PlaceOrder(UNKNOWN, Side.BUY, D(1), D(1), "cp-1"), SANDBOX_CREDENTIALS, Refused("-1121", "Invalid symbol."),
    ),
    "tick": (limit("50000.001"), SANDBOX_CREDENTIALS, Refused("-1013", "Filter failure: PRICE_FILTER")),
    "precision": (
        limit("50000.123456789"), SANDBOX_CREDENTIALS, Refused("-1111", "Parameter 'price' has too much precision."),
    ),
    "funds": (
        limit("50000", "5"), SANDBOX_CREDENTIALS,
        Refused("-2010", "Account has insufficient balance for requested action."),
    ),
    "would take": (
        limit("70000", time_in_force=TimeInForce.POST_ONLY), SANDBOX_CREDENTIALS,
        Refused("-2010", "Order would immediately match and take."),
    ),
    "network": (
        Withdraw(VENUE, "USDT", "EOS", TRON, D(10), "w-2"), SANDBOX_CREDENTIALS, Refused("-4001", "Invalid operation."),
    ),
    "address": (
        Withdraw(VENUE, "USDT", "ETH", TRON, D(100), "w-3"), SANDBOX_CREDENTIALS,
        Refused("-4007", "Address validation is not passed."),
    ),
    "little": (
        Withdraw(VENUE, "USDT", "TRX", TRON, D("1.5"), "w-4"), SANDBOX_CREDENTIALS,
        Refused("-4022", "Not less than the minimum pick-up quantity 2."),
    ),
    "no order": (FindOrder(BTC, "nope"), SANDBOX_CREDENTIALS, NotFound("-2013", "Order does not exist.")),
    "no cancel": (CancelOrder(BTC, "nope"), SANDBOX_CREDENTIALS, NotFound("-2011", "Unknown order sent.")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_the_venues_error_and_sent_once(shared: Trader, case: str) -> None:
    """On the wire the venue's own error, on our side a clear one; nothing is sent twice."""
    action, key, meant = BAD[case]
    sent = shared.sent
    if isinstance(meant, str):
        with pytest.raises(VenueError, match=f"code {meant}"):
            shared.does(action, key)
    else:
        assert shared.does(action, key) == meant
    assert shared.sent == sent + 1


def test_a_stale_clock_is_a_typed_error(shared: Trader) -> None:
    request = CODEC.build(limit("50000"), SANDBOX_CREDENTIALS, shared.stage.now - 6 * SECOND)
    with pytest.raises(VenueError, match="code -1021"):
        CODEC.parse(limit("50000"), shared.stage.send(request))


def _order(outcome: Outcome) -> OrderReport:
    report = outcome.order if isinstance(outcome, Accepted) else outcome.orders[0]  # type: ignore[union-attr]
    assert report is not None
    return report


def _balances(outcome: Outcome) -> dict[str, tuple[Decimal, Decimal]]:
    assert isinstance(outcome, Reports)
    return {one.asset: (one.free, one.locked) for one in outcome.balances}


def test_a_trade_reconciles_to_the_last_unit() -> None:
    """What the codec reports of fills and fees is the difference of the balances, exactly."""
    trader = Trader(Stage())
    before = _balances(trader.does(FetchBalances(VENUE)))
    price = trader.stage.best(Side.SELL) * 2
    bought = _order(trader.does(PlaceOrder(BTC, Side.BUY, D("0.3"), price, "cp-buy", TimeInForce.IOC)))
    sold = _order(trader.does(PlaceOrder(BTC, Side.SELL, D("0.2"), None, "cp-sell")))
    after = _balances(trader.does(FetchBalances(VENUE)))
    assert (bought.state, bought.filled, sold.state, sold.filled) == (
        OrderState.FILLED, D("0.3"), OrderState.FILLED, D("0.2"),
    )  # fmt: skip
    change = {name: sum(after[name]) - sum(before[name]) for name in ("BTC", "USDT")}
    for report, sign in ((bought, 1), (sold, -1)):
        assert report.fills is not None and report.spent is not None
        change["BTC"] -= sign * report.filled
        change["USDT"] += sign * report.spent
        for fill in report.fills:
            assert fill.fee is not None
            change[fill.fee.asset] += fill.fee.amount
        again = trader.does(ListFills(BTC, report.order_id))
        assert isinstance(again, Reports)
        told = [(one.fill_id, one.price, one.size, one.fee) for one in report.fills]
        assert [(one.fill_id, one.price, one.size, one.fee) for one in again.fills] == told
    assert change == {"BTC": 0, "USDT": 0}


def test_an_order_is_found_by_our_id_until_it_is_cancelled() -> None:
    trader = Trader(Stage())
    placed = _order(trader.does(limit("50000", "0.02", client_id="cp-9")))
    assert (placed.state, placed.client_id) == (OrderState.OPEN, "cp-9")
    assert _order(trader.does(FindOrder(BTC, "cp-9"))).order_id == placed.order_id
    for action in (ListOpenOrders(VENUE), ListOpenOrders(VENUE, BTC), ListOrders(BTC)):
        assert _order(trader.does(action)).client_id == "cp-9"
    assert trader.does(limit("50000", "0.02", client_id="cp-9")) == Refused("-2010", "Duplicate order sent.")
    gone = trader.does(CancelOrder(BTC, "cp-9"))
    assert (_order(gone).state, _order(gone).order_id) == (OrderState.CANCELLED, placed.order_id)
    assert _order(trader.does(FindOrder(BTC, "cp-9"))).state is OrderState.CANCELLED
    trader.does(limit("50000", "0.02", client_id="cp-10"))
    assert trader.does(CancelAll(VENUE, BTC)) == Accepted("")
    assert trader.does(ListOpenOrders(VENUE)) == Reports()


def test_a_withdrawal_is_sent_once_and_followed() -> None:
    trader = Trader(Stage())
    made = trader.does(SEND)
    assert isinstance(made, Accepted) and made.venue_id
    history = trader.does(ListTransfers(VENUE, False, "USDT"))
    assert isinstance(history, Reports)
    transfer = history.transfers[0]
    assert (transfer.transfer_id, transfer.client_id, transfer.state) == (made.venue_id, "w-1", TransferState.PENDING)
    assert (transfer.amount, transfer.fee) == (D("99.5"), D(1))
    assert _balances(trader.does(FetchBalances(VENUE)))["USDT"] in ((D(99899.5), D(100.5)), (D(99899.5), D(0)))


def test_what_an_account_may_use_is_what_the_desk_has(shared: Trader) -> None:
    """Currencies as the answer states them are those of the desk, to the last field that both tell."""
    told = shared.does(FetchCurrencies(VENUE))
    assert isinstance(told, Reports)
    desk = {one.code: one for one in shared.stage.desk.currencies}
    assert {one.code for one in told.currencies} == set(desk)
    for one in told.currencies:
        assert one.asset == desk[one.code].asset
        fields = ("code", "chain", "withdrawal_fee", "min_withdrawal", "precision", "deposits", "withdrawals", "memo")
        assert {tuple(getattr(net, name) for name in fields) for net in one.networks} == {
            tuple(getattr(net, name) for name in fields) for net in desk[one.code].networks
        }
    assert shared.does(FetchTime(VENUE)) == Reports(server_time=shared.stage.now // 1_000_000 * 1_000_000)
    keys = [shared.does(FetchKey(VENUE), key) for key in (SANDBOX_CREDENTIALS, SANDBOX_TRADER, SANDBOX_READER)]
    assert [one.key for one in keys if isinstance(one, Reports)] == [
        KeyReport(True, True, True, False, None),
        KeyReport(True, True, False, False, None),
        KeyReport(True, False, False, False, None),
    ]


@pytest.mark.parametrize("why", REFUSALS, ids=lambda why: why.value)
def test_whatever_the_simulated_venue_refuses_is_known_to_have_done_nothing(why: Refusal) -> None:
    """But for "overloaded", with 503: the page does not say that nothing was done, so it is asked for again."""
    with pytest.raises(Wrong) as told:
        refuse(DeskRefusal(why, minimum=D(2), places=6))
    body = json.dumps({"code": told.value.code, "msg": told.value.text}).encode()
    assert "{" not in told.value.text
    for action in (
        limit("50000"),
        CancelOrder(BTC, "cp-1"),
        SEND,
        MoveFunds(VENUE, "USDT", D(1), "MAIN", "FUNDING", "m"),
    ):
        try:
            outcome: object = CODEC.parse(action, HttpResponse(told.value.status, body))
        except VenueError as error:
            outcome = error
        meant = UnknownOutcome if why is Refusal.BUSY else NotFound | Refused
        assert isinstance(outcome, meant), (action, outcome)
