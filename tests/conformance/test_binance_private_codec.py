"""Binance's private stream: documented frames, what ends or breaks it, and the codec at the simulated venue.

Frames: user-data-stream.md and web-socket-api.md of binance-spot-api-docs (2026-07-21; marked PAGE), as
JKorf/Binance.Net's and gocryptotrader's tests keep them (KEPT), and variants of the page's with fields that its tables
describe (DERIVED).
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from conformance.binance_stage import MILLISECOND, Socket, Stage, hex_of

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    Asset,
    BalanceReport,
    Credentials,
    Fee,
    FillReport,
    Kind,
    Lost,
    OrderReport,
    OrderState,
    ProtocolError,
    RateLimited,
    Send,
    Side,
    VenueError,
    VenueId,
    VenueUnavailable,
)
from cryptopipe.testing.mutations import mutations
from cryptopipe_binance import binance
from cryptopipe_binance.metadata import BinanceInstruments
from cryptopipe_binance.private import BinancePrivate, BinanceSigner

VENUE = VenueId("binance")
INSTRUMENTS = BinanceInstruments(VENUE, Kind.SPOT)
ETHBTC = INSTRUMENTS.find("ETHBTC")
D = Decimal
AT = 1_499_405_658_657 * MILLISECOND
MINE = "mUvoqJxFIILMdfAW5iGSOW"

NEW = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": MINE, "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW",
    "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0",
    "N": None, "T": 1499405658657, "t": -1, "I": 8641984, "w": True, "m": False, "M": False, "O": 1499405658657,
    "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE",
}  # fmt: skip
"""PAGE "Order Update", without `v`, which it has only where prevention expired it."""
TRADED = NEW | {
    "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.40000000", "z": "0.40000000", "L": "0.10264400", "n": "0.00040000",
    "N": "ETH", "t": 77, "m": True, "Z": "0.04105760", "Y": "0.04105760",
}  # fmt: skip
CANCELED = NEW | {"x": "CANCELED", "X": "CANCELED", "c": "the-cancels-own", "C": MINE, "w": False}
EXPIRED = NEW | {"f": "IOC", "x": "EXPIRED", "X": "EXPIRED", "eR": "UNFILLED_IOC_QUANTITY_EXPIRED", "w": False}
PREVENTED = NEW | {"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "A": "1.00000000", "B": "1.00000000", "v": 3}
REJECTED = NEW | {"x": "REJECTED", "X": "REJECTED", "r": "WOULD_MATCH_IMMEDIATELY", "w": False}
UNKNOWN_SUM = NEW | {"Z": "-1.00000000"}
OLD = NEW | {"C": "null"}
"""DERIVED: `C` was "null" for none until 2018 (python-binance's docs of that time)."""
POSITION = {
    "e": "outboundAccountPosition", "E": 1728972148778, "u": 1728972148778,
    "B": [{"a": "BTC", "f": "11818.00000000", "l": "182.00000000"},
          {"a": "USDT", "f": "10580.00000000", "l": "70.00000000"}],
}  # fmt: skip
"""PAGE web-socket-api.md "Event format"."""


def order(state: OrderState, **told: Any) -> OrderReport:
    """The page's order in this state."""
    usual: dict[str, Any] = {
        "size": D(1), "price": D("0.1026441"), "filled": D(0), "spent": D(0), "updated_at": AT, "reason": "",
    }  # fmt: skip
    return OrderReport(ETHBTC, "4293153", MINE, Side.BUY, state, **{**usual, **told})


FILL = FillReport(
    ETHBTC, "77", "4293153", MINE, Side.BUY, D("0.102644"), D("0.4"), Fee(D("0.0004"), Asset("ETH")), True, AT
)  # fmt: skip
FRAMES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "PAGE new": (NEW, [order(OrderState.OPEN)]),
    "DERIVED fill": (TRADED, [FILL, order(OrderState.OPEN, filled=D("0.4"), spent=D("0.0410576"))]),
    "DERIVED cancelled": (CANCELED, [order(OrderState.CANCELLED)]),
    "DERIVED expired": (EXPIRED, [order(OrderState.EXPIRED, reason="UNFILLED_IOC_QUANTITY_EXPIRED")]),
    "DERIVED prevented": (PREVENTED, [order(OrderState.EXPIRED)]),
    "DERIVED rejected": (REJECTED, [order(OrderState.REJECTED, reason="WOULD_MATCH_IMMEDIATELY")]),
    "DERIVED sum not available": (UNKNOWN_SUM, [order(OrderState.OPEN, spent=None)]),
    "DERIVED market order": (NEW | {"o": "MARKET", "p": "0.00000000"}, [order(OrderState.OPEN, price=None)]),
    "DERIVED old": (OLD, [order(OrderState.OPEN)]),
    "PAGE position": (POSITION, [
        BalanceReport(VENUE, Asset("BTC"), D(11818), D(182), at=1728972148778 * MILLISECOND),
        BalanceReport(VENUE, Asset("USDT"), D(10580), D(70), at=1728972148778 * MILLISECOND),
    ]),
    "KEPT position": ({"e": "outboundAccountPosition", "E": 1616628815745, "u": 1616628815745,
                       "B": [{"a": "BNB", "f": "0.00000000", "l": "0.00000000"}]},
                      [BalanceReport(VENUE, Asset("BNB"), D(0), D(0), at=1616628815745 * MILLISECOND)]),
    "KEPT delta": ({"e": "balanceUpdate", "E": 1573200697110, "a": "BTC", "d": "100.00000000", "T": 1573200697068}, []),
    "KEPT list": ({"e": "listStatus", "E": 1564035303637, "s": "ETHBTC", "g": 2, "c": "OCO", "l": "EXEC_STARTED",
                   "L": "EXECUTING", "r": "NONE", "C": "F4QN4G8DlFATFlIUQ0cjdD", "T": 1564035303625, "O": []}, []),
    "PAGE terminated": ({"e": "eventStreamTerminated", "E": 1728973001334},
                        [Lost("the venue says eventStreamTerminated")]),
    "PAGE external": ({"e": "externalLockUpdate", "E": 1581557507324, "a": "NEO", "d": "10.00000000",
                       "T": 1581557507268}, [Lost("the venue says externalLockUpdate")]),
}  # fmt: skip
SHUTDOWN = {"event": {"e": "serverShutdown", "E": 1770123456789}}
"""PAGE "Server Shutdown": without a subscription."""
SUBSCRIBED = {
    "id": 1, "status": 200, "result": {"subscriptionId": 0},
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "limit": 6000, "count": 4}],
}  # fmt: skip


def decoded(frame: Any, known: Iterable[Any] = (ETHBTC,)) -> list[Any]:
    """By a fresh codec."""
    body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    return list(BinancePrivate(tuple(known)).decode(body, AT))


@pytest.mark.parametrize("case", FRAMES)
def test_a_documented_frame_means_what_its_page_says(case: str) -> None:
    event, meant = FRAMES[case]
    assert decoded({"subscriptionId": 0, "event": event}) == meant


def test_an_answer_to_the_subscription_says_nothing() -> None:
    assert decoded(SUBSCRIBED) == []


def test_an_end_that_the_venue_announces_is_a_loss() -> None:
    assert decoded(SHUTDOWN) == [Lost("the venue says serverShutdown")]
    assert decoded({"subscriptionId": 0, "event": {"e": "somethingNew"}}) == [Lost("the venue says somethingNew")]


@pytest.mark.parametrize(
    ("status", "code", "meant"),
    [(400, -1022, VenueError), (401, -2015, VenueError), (400, -1021, VenueError), (429, -1003, RateLimited),
     (418, -1003, RateLimited), (503, -1008, VenueUnavailable)],
)  # fmt: skip
def test_a_refused_subscription_is_a_typed_error(status: int, code: int, meant: type[VenueError]) -> None:
    with pytest.raises(VenueError) as refused:
        decoded({"id": 1, "status": status, "error": {"code": code, "msg": "…"}})
    assert type(refused.value) is meant and str(code) in refused.value.message


@pytest.mark.parametrize(
    "change",
    [{"X": "DANCING"}, {"S": "HOLD"}, {"q": "much"}, {"q": "NaN"}, {"q": "Infinity"}, {"i": -1}, {"T": 10**18},
     {"s": "no market"}, {"z": None}, {"n": 5}],
)  # fmt: skip
def test_a_field_that_is_not_as_documented_is_a_protocol_error(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decoded({"subscriptionId": 0, "event": NEW | change})


def test_a_damaged_frame_is_a_report_or_an_error_and_nothing_else() -> None:
    """Never another exception, never an amount that is not a finite number."""
    for event in (TRADED, POSITION, SHUTDOWN["event"]):
        for damaged in mutations(json.dumps({"subscriptionId": 0, "event": event}).encode(), 300):
            try:
                told = decoded(damaged)
            except (ProtocolError, VenueError):
                continue
            amounts = [one.filled for one in told if isinstance(one, OrderReport)]
            amounts += [one.size for one in told if isinstance(one, FillReport)]
            amounts += [one.free for one in told if isinstance(one, BalanceReport)]
            assert all(one.is_finite() for one in amounts)


def test_a_market_that_is_not_of_the_run_is_known_by_the_table() -> None:
    told = decoded({"subscriptionId": 0, "event": NEW}, known=())
    assert told[0].instrument == ETHBTC


def test_the_subscription_is_signed_as_the_page_has_it_and_holds_no_secret() -> None:
    """HMAC-SHA256 over the sorted parameters (web-socket-api.md "SIGNED request example (HMAC)"), computed here."""
    key, at = Credentials("a-key", "a-secret"), 1_645_423_376_532_987_654
    auth = BinanceSigner().auth(key, None, at)
    request = json.loads(auth.token)
    assert request["method"] == "userDataStream.subscribe.signature"
    assert request["params"] == {
        "apiKey": "a-key", "timestamp": 1645423376532,
        "signature": hex_of("a-secret", "apiKey=a-key&timestamp=1645423376532"),
    }  # fmt: skip
    assert "a-secret" not in auth.token and "a-" not in repr(auth)
    connect = BinancePrivate((ETHBTC,)).connect(auth, at)
    assert connect.url == "wss://ws-api.binance.com:443/ws-api/v3"
    assert connect.frames == (auth.token,)


class Line:
    """The plugin's own stream, as its entry point gives it, at a stage."""

    def __init__(self, stage: Stage, key: Credentials = SANDBOX_CREDENTIALS) -> None:
        assert binance.private is not None
        signer = binance.private.signer
        assert signer.request(key, stage.now) is None
        self.codec = binance.private.codec((stage.btc,))
        self.socket = Socket(stage)
        for text in self.codec.connect(signer.auth(key, None, stage.now), stage.now).frames:
            self.socket.text(text)

    def heard(self) -> list[Any]:
        """What the codec makes of all that comes."""
        texts = [one for one in self.socket.heard() if isinstance(one, dict)]
        return [told for one in texts for told in self.codec.decode(json.dumps(one).encode(), self.socket.stage.now)]


def test_what_the_stream_tells_is_what_rest_answers() -> None:
    """Folded, the reports are the orders, the fills and the balances that a question tells."""
    stage = Stage()
    line = Line(stage)
    stage.buys("0.3", stage.best(Side.SELL) * 2, newClientOrderId="cp-1")
    stage.buys("0.02", "50000.00", newClientOrderId="cp-2")
    stage.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="cp-2")
    stage.buys("9", stage.best(Side.SELL), timeInForce="FOK", newClientOrderId="cp-3")
    told = line.heard()
    assert not [one for one in told if isinstance(one, Lost | Send)]
    orders = {one.client_id: one for one in told if isinstance(one, OrderReport)}
    for name, state in (("cp-1", "FILLED"), ("cp-2", "CANCELED"), ("cp-3", "EXPIRED")):
        row = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name)[1]
        last = orders[name]
        assert (row["status"], str(row["orderId"])) == (state, last.order_id)
        assert (D(row["executedQty"]), D(row["cummulativeQuoteQty"])) == (last.filled, last.spent)
    assert [orders[name].state for name in ("cp-1", "cp-2", "cp-3")] == [
        OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED,
    ]  # fmt: skip
    rows = stage.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT")[1]
    fills = [one for one in told if isinstance(one, FillReport)]
    assert [(one.fill_id, one.price, one.size, one.fee) for one in fills] == [
        (str(row["id"]), D(row["price"]), D(row["qty"]), Fee(D(row["commission"]), Asset(row["commissionAsset"])))
        for row in rows
    ]
    held = {one.asset: (one.free, one.locked) for one in told if isinstance(one, BalanceReport)}
    assert held == {name: stage.held()[name] for name in held} and set(held) == {"BTC", "USDT"}


def test_a_forged_subscription_is_refused_and_anothers_account_is_not_heard() -> None:
    stage = Stage()
    with pytest.raises(VenueError, match="-1022"):
        Line(stage, Credentials(SANDBOX_CREDENTIALS.key, "x")).heard()
    line = Line(stage)
    stage.ask("POST", "/api/v3/order", SANDBOX_OTHER, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    assert line.heard() == []


def test_a_shutdown_of_the_simulated_venue_is_a_loss() -> None:
    stage = Stage()
    line = Line(stage)
    line.heard()
    stage.desk.set_maintenance(True)
    assert line.heard() == [Lost("the venue says serverShutdown")]
