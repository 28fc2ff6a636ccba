"""The websocket API of simulated Binance spot, and what its user streams tell.

Expected codes and texts are those of errors.md, filters.md, rest-api.md and web-socket-api.md of binance-spot-api-docs
(2026-07-21), or of the wallet's error page as ccxt 4.5.90 quotes it; amounts are computed here.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from conformance.binance_stage import MILLISECOND, SECOND, Socket, Stage

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Credentials,
    HangUp,
    HttpRequest,
    Side,
)
from cryptopipe_binance.sandbox_account import Customers
from cryptopipe_binance.sandbox_private_gate import Doorkeeper
from cryptopipe_binance.sandbox_rest import Wrong
from cryptopipe_binance.sandbox_user_keys import ListenKeys

RATE = Decimal("0.001")
FORGED = Credentials(SANDBOX_CREDENTIALS.key, "not the secret")


WALLET = "/sapi/v1/capital/withdraw/apply"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def shared() -> Stage:
    """For requests that change nothing."""
    return Stage()


def subscribed(stage: Stage) -> Socket:
    """A connection that hears the account of all rights."""
    socket = Socket(stage)
    assert socket.call("userDataStream.subscribe.signature", SANDBOX_CREDENTIALS)["result"] == {"subscriptionId": 0}
    return socket


def events(socket: Socket) -> list[Any]:
    return [one["event"] for one in socket.heard() if isinstance(one, dict) and one.get("subscriptionId") == 0]


def test_the_user_stream_tells_an_orders_life(stage: Stage) -> None:
    """user-data-stream.md: fields in its order; each order event is followed by the balances that it changed."""
    socket = subscribed(stage)
    number = stage.buys("0.02", "50000.00", newClientOrderId="mine")[1]["orderId"]
    taken_in, balance = events(socket)
    assert list(taken_in) == list("eEs") + list("cSofqpPFgCxXrilzLnNTtIwmMOZYQWV")
    assert (taken_in["x"], taken_in["X"], taken_in["i"], taken_in["c"], taken_in["q"]) == (
        "NEW",
        "NEW",
        number,
        "mine",
        "0.02000000",
    )
    assert balance["e"] == "outboundAccountPosition"
    assert balance["B"] == [{"a": "USDT", "f": "99000.00000000", "l": "1000.00000000"}]
    stage.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number, newClientOrderId="the-cancel")
    gone, balance = events(socket)
    assert (gone["x"], gone["X"], gone["c"], gone["C"], gone["w"]) == (
        "CANCELED",
        "CANCELED",
        "the-cancel",
        "mine",
        False,
    )
    assert balance["B"] == [{"a": "USDT", "f": "100000.00000000", "l": "0.00000000"}]


def test_the_user_stream_tells_fills_with_their_fees(stage: Stage) -> None:
    socket = subscribed(stage)
    told = stage.buys("0.3", stage.best(Side.SELL) * 2)[1]
    heard = events(socket)
    orders = [one for one in heard if one["e"] == "executionReport"]
    assert [one["x"] for one in orders] == ["NEW"] + ["TRADE"] * len(told["fills"])
    assert [(one["t"], one["L"], one["l"], one["n"], one["N"]) for one in orders[1:]] == [
        (one["tradeId"], one["price"], one["qty"], one["commission"], one["commissionAsset"]) for one in told["fills"]
    ]
    assert (orders[-1]["X"], orders[-1]["z"], orders[-1]["Z"]) == (
        "FILLED",
        told["executedQty"],
        told["cummulativeQuoteQty"],
    )
    last = {row["a"]: (Decimal(row["f"]), Decimal(row["l"])) for one in heard if "B" in one for row in one["B"]}
    assert last == {name: stage.held()[name] for name in ("BTC", "USDT")}


def test_the_user_stream_tells_what_expires_and_what_moves(stage: Stage) -> None:
    socket = subscribed(stage)
    stage.buys("5", stage.best(Side.SELL), timeInForce="FOK")
    assert [(one["x"], one.get("eR")) for one in events(socket)] == [
        ("NEW", None),
        ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
    ]
    stage.wait(0.01)
    stage.ask("POST", "/sapi/v1/asset/transfer", type="MAIN_FUNDING", asset="USDT", amount="40")
    delta, position = events(socket)
    assert (delta["e"], delta["a"], delta["d"]) == ("balanceUpdate", "USDT", "-40.00000000")
    assert position["B"] == [{"a": "USDT", "f": "99960.00000000", "l": "0.00000000"}]


def test_a_resting_order_that_another_takes_is_told_as_a_makers(stage: Stage) -> None:
    socket = subscribed(stage)
    price = stage.best(Side.BUY)
    number = stage.buys("0.01", price)[1]["orderId"]
    assert [one["count"] for one in stage.ask("GET", "/api/v3/rateLimit/order")[1]] == [1, 1]
    before = stage.held()
    displayed = stage.plain("GET", "/api/v3/depth?symbol=BTCUSDT&limit=1")[1]["bids"][0][1]
    sold = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "IOC", "price": price}
    assert stage.ask("POST", "/api/v3/order", SANDBOX_OTHER, quantity=displayed, **sold)[1]["status"] == "FILLED"
    _, _, fill, balances = events(socket)
    assert (fill["x"], fill["X"], fill["i"], fill["m"], fill["L"]) == ("TRADE", "FILLED", number, True, f"{price:.8f}")
    assert (fill["n"], fill["N"]) == ("0.00001000", "BTC")
    rows = {one["a"]: (Decimal(one["f"]), Decimal(one["l"])) for one in balances["B"]}
    assert rows == {"USDT": (before["USDT"][0], 0), "BTC": (before["BTC"][0] + Decimal("0.01") * (1 - RATE), 0)}
    mine = stage.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT")[1][-1]
    assert (mine["isMaker"], mine["isBuyer"], mine["orderId"]) == (True, True, number)
    assert [one["count"] for one in stage.ask("GET", "/api/v3/rateLimit/order")[1]] == [0, 0]  # until its first fill


def test_the_websocket_api_trades_as_rest_does(stage: Stage) -> None:
    """web-socket-api.md: the envelope with `rateLimits`, the result as REST has it."""
    socket, key = Socket(stage), SANDBOX_CREDENTIALS
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "50000",
    }
    placed = socket.call("order.place", key, newClientOrderId="ws-1", **order)
    assert list(placed) == ["id", "status", "result", "rateLimits"]
    assert [one["rateLimitType"] for one in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert [one["count"] for one in placed["rateLimits"]][:2] == [1, 1]
    number = placed["result"]["orderId"]
    by_rest = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)[1]
    assert socket.call("order.status", key, symbol="BTCUSDT", orderId=number)["result"] == by_rest
    assert socket.call("openOrders.status", key)["result"] == [by_rest]
    gone = socket.call("order.cancel", key, symbol="BTCUSDT", origClientOrderId="ws-1", returnRateLimits=False)
    assert (list(gone), gone["result"]["status"]) == (["id", "status", "result"], "CANCELED")
    held = socket.call("account.status", key, omitZeroBalances="true")["result"]["balances"]
    assert {one["asset"]: Decimal(one["free"]) for one in held}["USDT"] == 100_000


WS_REFUSED: dict[str, tuple[str, Credentials | None, dict[str, Any], int, int]] = {
    "signature": ("account.status", FORGED, {}, 400, -1022),
    "unsigned": ("account.status", None, {"apiKey": "x", "timestamp": 1}, 400, -1102),
    "stale": ("account.status", SANDBOX_CREDENTIALS, {"timestamp": 1}, 400, -1021),
    "reader": ("order.place", SANDBOX_READER, {"symbol": "BTCUSDT"}, 401, -2015),
    "symbol": ("depth", None, {"symbol": "NOPE"}, 400, -1121),
    "method": ("order.please", None, {}, 400, -1020),
    "subscription": ("userDataStream.unsubscribe", None, {"subscriptionId": 3}, 400, -2036),
    "forged subscription": ("userDataStream.subscribe.signature", FORGED, {}, 400, -1022),
}


@pytest.mark.parametrize("case", WS_REFUSED)
def test_a_faulty_websocket_request_gets_the_venues_own_error(shared: Stage, case: str) -> None:
    method, key, params, status, code = WS_REFUSED[case]
    answer = Socket(shared).call(method, key, **params)
    assert (answer["status"], answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '{"id":1}', '{"method":5}', '{"id":1,"method":"ping","params":[]}']
)
def test_a_text_that_is_no_request_is_refused_and_the_connection_lives(shared: Stage, text: str) -> None:
    socket = Socket(shared)
    socket.text(text)
    (refused,) = socket.heard()
    assert (refused["status"], refused["error"]["code"]) == (400, -1135)
    assert socket.call("ping")["result"] == {}


def test_the_websocket_api_has_the_public_side(shared: Stage) -> None:
    socket = Socket(shared)
    asked_at = shared.now
    assert socket.call("time")["result"] == {"serverTime": asked_at // MILLISECOND}
    book = socket.call("depth", symbol="BTCUSDT", limit=5)["result"]
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert socket.call("v3/ping")["status"] == 200
    assert [one["symbol"] for one in socket.call("ticker.price", symbols=["BTCUSDT", "ETHUSDT"])["result"]] == [
        "BTCUSDT",
        "ETHUSDT",
    ]


def test_a_connection_has_one_subscription_of_an_account(stage: Stage) -> None:
    """errors.md -2035; "an account on a given connection"; `eventStreamTerminated` follows the answer that ends one."""
    socket = subscribed(stage)
    again = socket.call("userDataStream.subscribe.signature", SANDBOX_TRADER)
    assert (again["status"], again["error"]["code"]) == (400, -2035)
    assert socket.call("userDataStream.subscribe.signature", SANDBOX_OTHER)["result"] == {"subscriptionId": 1}
    assert socket.call("session.subscriptions")["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
    assert socket.call("session.status")["result"]["userDataStream"] is True
    socket.send("userDataStream.unsubscribe", None, subscriptionId=0)
    answer, event = socket.heard()
    assert answer["result"] == {}
    assert (event["subscriptionId"], event["event"]["e"]) == (0, "eventStreamTerminated")
    stage.buys()
    assert socket.heard() == []


def test_a_venue_that_shuts_down_says_so_and_hangs_up(stage: Stage) -> None:
    """web-socket-api.md "Server Shutdown"."""
    socket = subscribed(stage)
    stage.desk.set_maintenance(True)
    event, end = socket.heard()
    assert event["event"]["e"] == "serverShutdown"
    assert isinstance(end, HangUp)


def test_a_listen_key_opens_the_older_stream(stage: Stage) -> None:
    """Until 2026-02-20: a key without a signature, bare events on its stream, enveloped where streams are named."""
    name = SANDBOX_CREDENTIALS.key
    key = stage.plain("POST", "/api/v3/userDataStream", name)[1]["listenKey"]
    assert stage.plain("POST", "/api/v3/userDataStream", name)[1]["listenKey"] == key
    bare, named = Socket(stage, f"/ws/{key}"), Socket(stage, f"/stream?streams={key}")
    stage.buys()
    stage.wait(0.01)
    told: list[Any] = [json.loads(str(one.what)) for one in stage.house.step(stage.now)]
    assert [one["e"] for one in told if "e" in one] == ["executionReport", "outboundAccountPosition"]
    assert [one["data"]["e"] for one in told if one.get("stream") == key] == [
        "executionReport",
        "outboundAccountPosition",
    ]
    assert bare.heard() == named.heard() == []
    stage.plain("DELETE", f"/api/v3/userDataStream?listenKey={key}", name)
    assert stage.plain("PUT", f"/api/v3/userDataStream?listenKey={key}", name)[1]["code"] == -1125


def test_a_listen_key_lives_for_an_hour_from_its_last_renewal(stage: Stage) -> None:
    keys, start = ListenKeys(Doorkeeper(stage.desk), Customers()), stage.now

    def manage(method: str, minutes: int, key: str = "", owner: Credentials = SANDBOX_CREDENTIALS) -> Any:
        url = f"/api/v3/userDataStream?listenKey={key}"
        return keys.manage(HttpRequest(method, url, {"X-MBX-APIKEY": owner.key}), start + minutes * 60 * SECOND)

    key = manage("POST", 0)["listenKey"]
    stream = keys.find(key)
    assert stream is not None
    manage("PUT", 59, key)
    with pytest.raises(Wrong, match="This listenKey does not exist") as refused:
        manage("PUT", 60, key, SANDBOX_OTHER)
    assert refused.value.code == -1125
    position = stream.join(start + 118 * 60 * SECOND)
    stream.step(start + 118 * 60 * SECOND)
    assert stream.since(position) == []
    for minutes in (119, 120):
        stream.step(start + minutes * 60 * SECOND)
    assert stream.end == position + 1  # told once
    with pytest.raises(Wrong):
        manage("PUT", 120, key)
    assert manage("POST", 120)["listenKey"] != key


def test_the_same_seed_gives_the_same_trace() -> None:
    def trace() -> str:
        stage = Stage(seed=11)
        socket = subscribed(stage)
        told = [stage.buys("0.05", stage.best(Side.SELL))[1], stage.buys()[1], socket.heard(0.2)]
        told.append(stage.ask("POST", WALLET, coin="USDT", network="TRX", address=TRON, amount="50")[1])
        told.append([str(one) for one in socket.heard(1)])
        return json.dumps(told)

    assert trace() == trace()


def test_a_websocket_request_weighs_what_it_does_by_rest(stage: Stage) -> None:
    """web-socket-api.md "IP limits": connecting weighs 2; weights are one account with REST's."""

    def used(answer: Any) -> int:
        count: int = answer["rateLimits"][-1]["count"]
        return count

    begun = int(stage.ask("GET", "/api/v3/account")[2]["X-MBX-USED-WEIGHT-1M"])
    socket = Socket(stage)
    assert used(socket.call("ping")) == begun + 3
    assert used(socket.call("account.status", SANDBOX_CREDENTIALS)) == begun + 23
    assert used(socket.call("depth", symbol="BTCUSDT", limit=1000)) == begun + 73
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    assert used(socket.call("order.place", SANDBOX_CREDENTIALS, **order)) == begun + 73  # free where it succeeds
    assert used(socket.call("order.place", SANDBOX_CREDENTIALS, **{**order, "quantity": "0"})) == begun + 74
    assert int(stage.ask("GET", "/api/v3/account")[2]["X-MBX-USED-WEIGHT-1M"]) == begun + 94
    answers = [socket.call("openOrders.status", SANDBOX_CREDENTIALS) for _ in range(75)]
    refused = next(one for one in answers if one["status"] == 429)
    assert refused["error"]["code"] == -1003
    assert 0 < refused["error"]["data"]["retryAfter"] - refused["error"]["data"]["serverTime"] <= 60_000
