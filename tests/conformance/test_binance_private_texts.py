"""Whatever a client with a good key sends to simulated Binance, it gets an answer in the venue's form.

A law for random parameters with a right signature, which reach the deepest; and the money is there afterwards.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest
from conformance.binance_stage import MILLISECOND, Socket, Stage, hex_of_bytes
from hypothesis import given, settings
from hypothesis import strategies as some

from cryptopipe.api import HttpRequest

NAMES = (
    "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "orderId",
    "origClientOrderId", "newOrderRespType", "selfTradePreventionMode", "cancelRestrictions", "startTime", "endTime",
    "limit", "fromId", "coin", "network", "address", "addressTag", "amount", "withdrawOrderId", "asset", "status",
    "walletType", "offset", "current", "size", "recvWindow", "omitZeroBalances", "symbols", "stopPrice", "listenKey",
)  # fmt: skip
VALUES = (
    "BTCUSDT", "ETHUSDT", "BUY", "SELL", "LIMIT", "MARKET", "LIMIT_MAKER", "GTC", "IOC", "FOK", "0.01", "1", "50000",
    "62000.5", "-1", "0", "", "1e5", "NaN", "99999999999999999999", "0.000000001", "BTC", "USDT", "TRX", "SOL",
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "MAIN_FUNDING", "FUNDING_MAIN", "ACK", "true", "\udcff", "\u20ac", "[]",
    '"', "%", "a b", "0" * 100, "EXPIRE_BOTH",
)  # fmt: skip
SENT = some.dictionaries(some.sampled_from(NAMES), some.sampled_from(VALUES) | some.text(max_size=5), max_size=9)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


ENDPOINTS = [
    ("POST", "/api/v3/order"), ("POST", "/api/v3/order/test"), ("DELETE", "/api/v3/order"), ("GET", "/api/v3/order"),
    ("GET", "/api/v3/openOrders"), ("DELETE", "/api/v3/openOrders"), ("GET", "/api/v3/allOrders"),
    ("GET", "/api/v3/myTrades"), ("GET", "/api/v3/account"), ("GET", "/api/v3/account/commission"),
    ("POST", "/api/v3/userDataStream"), ("PUT", "/api/v3/userDataStream"), ("DELETE", "/api/v3/userDataStream"),
    *(("GET", f"/sapi/v1/{path}") for path in (
        "asset/tradeFee", "capital/config/getall", "capital/deposit/address", "capital/deposit/hisrec",
        "capital/withdraw/history", "capital/withdraw/address/list", "asset/transfer", "account/apiRestrictions",
    )),
    ("POST", "/sapi/v1/capital/withdraw/apply"), ("POST", "/sapi/v1/asset/transfer"),
    ("POST", "/sapi/v1/asset/get-funding-asset"), ("POST", "/sapi/v3/asset/getUserAsset"),
]  # fmt: skip


@pytest.fixture(scope="module")
def socket() -> Socket:
    """Of a stage of its own."""
    return Socket(Stage())


def whole(stage: Stage) -> None:
    """Nothing is below zero, and all that there is can be told."""
    assert all(free >= 0 and locked >= 0 for free, locked in stage.held().values())


@settings(max_examples=120, deadline=None)
@given(endpoint=some.sampled_from(ENDPOINTS), sent=SENT, in_body=some.booleans(), escaped=some.booleans())
def test_any_signed_request_gets_an_answer(
    stage: Stage, endpoint: tuple[str, str], sent: dict[str, str], in_body: bool, escaped: bool
) -> None:
    method, path = endpoint
    stage.wait(0.5)
    told = {**sent, "timestamp": str(stage.now // MILLISECOND)}
    written = [
        f"{name}={quote(value, safe='', errors='surrogateescape') if escaped else value}"
        for name, value in told.items()
    ]
    payload = "&".join(written)
    signature = hex_of_bytes(stage.key.secret, payload.encode("utf-8", "surrogateescape"))
    signed = f"{payload}&signature={signature}"
    body = signed.encode("utf-8", "surrogateescape") if in_body else None
    url = path if in_body else f"{path}?{signed}"
    request = HttpRequest(method, url, {"X-MBX-APIKEY": stage.key.key}, body)
    reply = stage.house.answer(request, stage.now)
    assert reply is not None
    answer = json.loads(reply.response.body)
    assert reply.response.status in (200, 400, 401, 429)
    if reply.response.status != 200:
        assert set(answer) == {"code", "msg"} and answer["code"] < 0
    whole(stage)


METHODS = (
    "order.place", "order.test", "order.cancel", "order.status", "openOrders.status", "openOrders.cancelAll",
    "allOrders", "myTrades", "account.status", "account.commission", "account.rateLimits.orders", "depth",
    "ticker.24hr", "userDataStream.subscribe.signature", "userDataStream.unsubscribe", "session.status",
)  # fmt: skip
JSON = some.none() | some.booleans() | some.integers() | some.sampled_from(VALUES[:-8]) | some.lists(some.integers())


@settings(max_examples=60, deadline=None)
@given(method=some.sampled_from(METHODS), sent=some.dictionaries(some.sampled_from(NAMES), JSON, max_size=7))
def test_any_signed_text_gets_an_answer(socket: Socket, method: str, sent: dict[str, Any]) -> None:
    stage = socket.stage
    stage.wait(1)  # the weight of a minute would not do for all
    answer = socket.call(method, stage.key, **sent)
    assert ("result" in answer) is (answer["status"] == 200)
    assert ("error" in answer) is (answer["status"] != 200)
    whole(stage)


STRANGE = ('{"id":1,"method":"ping","params":{"a":"\\ud800"}}', '{"id":1,"method":"ping","params":{"a":1e999}}')


@pytest.mark.parametrize("text", STRANGE)
def test_a_strange_value_breaks_nothing(socket: Socket, text: str) -> None:
    socket.text(text)
    assert [one["status"] for one in socket.heard(0.05) if isinstance(one, dict) and "status" in one] in ([200], [400])
