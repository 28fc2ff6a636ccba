"""What simulated Binance spot lets in, and what it refuses in which words.

Expected codes and texts are those of errors.md, filters.md, rest-api.md and web-socket-api.md of binance-spot-api-docs
(2026-07-21), or of the wallet's error page as ccxt 4.5.90 quotes it; amounts are computed here.
"""

from collections.abc import Callable
from typing import Any

import pytest
from conformance.binance_stage import MILLISECOND, Stage, hex_of

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Credentials,
)
from cryptopipe_binance.sandbox_private_gate import payload_of, sorted_payload

FORGED = Credentials(SANDBOX_CREDENTIALS.key, "not the secret")
PAGE_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAGE_ORDER = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
Call = Callable[[Stage], tuple[int, Any, Any]]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def shared() -> Stage:
    """For requests that change nothing."""
    return Stage()


WHOLE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
MIXED = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
"""rest-api.md "HMAC Keys" (2026-07-21); of query and body: example 3 of that page before 2025, as others quote it."""
FIRST, _, LAST = PAGE_ORDER.partition("&quantity")
LAST = f"quantity{LAST}"


@pytest.mark.parametrize(
    ("query", "body", "page"),
    [
        (PAGE_ORDER, "", WHOLE),
        ("", PAGE_ORDER, WHOLE),
        (FIRST, LAST, MIXED),
    ],
)
def test_a_signature_covers_query_and_body_as_the_page_has_it(query: str, body: str, page: str) -> None:
    """Over the query concatenated without separator to the body; the signature itself may stand in either."""
    for one, other in ((query + f"&signature={page}", body), (query, body + f"&signature={page}")):
        assert hex_of(PAGE_SECRET, payload_of(one.strip("&"), other.strip("&").encode()).decode()) == page


def test_a_signature_of_the_websocket_covers_sorted_parameters() -> None:
    """web-socket-api.md "SIGNED request example (HMAC)"."""
    params = {
        "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000000",
        "price": "52000.00", "recvWindow": "100", "timestamp": "1645423376532", "signature": "…",
        "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    }  # fmt: skip
    page = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    assert hex_of(PAGE_SECRET, sorted_payload(params).decode()) == page


@pytest.mark.parametrize("where", ["query", "body", "both"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v3/order"), ("DELETE", "/api/v3/openOrders"), ("GET", "/api/v3/account")]
)
def test_parameters_may_stand_in_query_and_body(stage: Stage, method: str, path: str, where: str) -> None:
    if method == "GET" and where != "query":
        pytest.skip("GET has no body")
    stage.buys()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    params = order if method == "POST" else {"symbol": "BTCUSDT"} if method == "DELETE" else {}
    assert stage.ask(method, path, where=where, **params)[0] == 200


def test_a_signature_in_capitals_is_as_good(stage: Stage) -> None:
    query = f"timestamp={stage.now // MILLISECOND}"
    signature = hex_of(stage.key.secret, query).upper()
    assert stage.plain("GET", f"/api/v3/account?{query}&signature={signature}", stage.key.key)[0] == 200


def test_of_a_parameter_in_both_the_querys_counts(stage: Stage) -> None:
    """rest-api.md "General Information on Endpoints"."""
    query = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001&timestamp={stage.now // MILLISECOND}"
    body = "symbol=ETHUSDT"
    body += "&signature=" + hex_of(stage.key.secret, query + body)
    assert stage.plain("POST", f"/api/v3/order?{query}", stage.key.key, body)[1]["symbol"] == "BTCUSDT"


def account(key: Credentials | None = None, **more: object) -> Call:
    return lambda stage: stage.ask("GET", "/api/v3/account", key, **more)


def at(stage: Stage, seconds: float) -> int:
    return stage.now // MILLISECOND + round(seconds * 1000)


def order(key: Credentials | None = None, leave: str = "", **more: object) -> Call:
    """A market order for 0.001 bitcoin, other where `more` says so, without `leave`."""
    usual: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001", **more}
    usual.pop(leave, None)
    return lambda stage: stage.ask("POST", "/api/v3/order", key, **usual)


def limit(leave: str = "", **more: object) -> Call:
    usual = {"type": "LIMIT", "timeInForce": "GTC", "price": "50000.00", **more}
    return order(None, leave, **usual)


OUTSIDE = "Timestamp for this request is outside of the recvWindow."
AHEAD = "Timestamp for this request was 1000ms ahead of the server's time."
REJECTED = "Invalid API-key, IP, or permissions for action."
MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
UNREQUIRED = "Parameter '{}' sent when not required."
REFUSED: dict[str, tuple[Call, int, int, str]] = {
    "no key": (lambda s: s.plain("GET", f"/api/v3/account?timestamp={at(s, 0)}&signature=a"), 401, -2014,
               "API-key format invalid."),
    "unknown key": (account(Credentials("nobody", "x")), 401, -2015, REJECTED),
    "wrong signature": (account(FORGED), 400, -1022, "Signature for this request is not valid."),
    "no timestamp": (lambda s: s.plain("GET", "/api/v3/account?signature=a", s.key.key), 400, -1102,
                     MISSING.format("timestamp")),
    "no signature": (lambda s: s.plain("GET", f"/api/v3/account?timestamp={at(s, 0)}", s.key.key), 400, -1102,
                     MISSING.format("signature")),
    "stale": (lambda s: account(timestamp=at(s, -5.001))(s), 400, -1021, OUTSIDE),
    "stale for its window": (lambda s: account(timestamp=at(s, -1), recvWindow=999)(s), 400, -1021, OUTSIDE),
    "ahead": (lambda s: account(timestamp=at(s, 1))(s), 400, -1021, AHEAD),
    "window": (account(recvWindow=60001), 400, -1102,
               "Parameter 'recvWindow' contains unexpected value. Cannot be greater than 60000."),
    "twice": (lambda s: s.plain("GET", "/api/v3/account?timestamp=1&timestamp=2&signature=a", s.key.key), 400, -1101,
              "Duplicate values for a parameter detected."),
    "reader trades": (order(SANDBOX_READER), 401, -2015, REJECTED),
    "trader withdraws": (
        lambda s: s.ask("POST", "/sapi/v1/capital/withdraw/apply", SANDBOX_TRADER, coin="SOL", address="x", amount=1),
        401, -2015, REJECTED),
    "symbol": (order(symbol="NOPEUSDT"), 400, -1121, "Invalid symbol."),
    "no symbol": (order(leave="symbol"), 400, -1102, MISSING.format("symbol")),
    "side": (order(side="HOLD"), 400, -1117, "Invalid side."),
    "type": (order(type="PLEASE"), 400, -1116, "Invalid orderType."),
    "stop": (order(type="STOP_LOSS", stopPrice="1"), 400, -1013,
             "Stop loss orders are not supported for this symbol."),
    "time in force": (limit(timeInForce="GTD"), 400, -1115, "Invalid timeInForce."),
    "no time in force": (limit(leave="timeInForce"), 400, -1102, MISSING.format("timeInForce")),
    "no price": (limit(leave="price"), 400, -1102, MISSING.format("price")),
    "price of a market order": (order(price="1"), 400, -1106, UNREQUIRED.format("price")),
    "force of a market order": (order(timeInForce="GTC"), 400, -1106, UNREQUIRED.format("timeInForce")),
    "no amount": (order(leave="quantity"), 400, -1102,
                  "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
    "both amounts": (order(quoteOrderQty="100"), 400, -1128, "Combination of optional parameters invalid."),
    "exponent": (order(quantity="1e-3"), 400, -1100,
                 ILLEGAL.format("quantity", "^([0-9]{1,20})(\\.[0-9]{1,20})?$")),
    "client id": (order(newClientOrderId="a b"), 400, -1100,
                  ILLEGAL.format("newClientOrderId", "^[a-zA-Z0-9-_]{1,36}$")),
    "too precise": (limit(price="50000.123456789"), 400, -1111, "Parameter 'price' has too much precision."),
    "zero": (order(quantity="0"), 400, -1013, "Invalid quantity."),
    "response": (order(newOrderRespType="SHORT"), 400, -1130,
                 "Data sent for parameter 'newOrderRespType' is not valid."),
    "self-trade mode": (order(selfTradePreventionMode="NONE"), 400, -1013,
                        "This symbol does not allow the specified self-trade prevention mode."),
    "unread": (order(colour="red"), 400, -1104,
               "Not all sent parameters were read; read '6' parameter(s) but was sent '7'."),
    "tick": (limit(price="50000.001"), 400, -1013, "Filter failure: PRICE_FILTER"),
    "too high": (limit(price="1000000.01"), 400, -1013, "Filter failure: PRICE_FILTER"),
    "step": (limit(quantity="0.000001"), 400, -1013, "Filter failure: LOT_SIZE"),
    "too large": (limit(quantity="9000.00001"), 400, -1013, "Filter failure: LOT_SIZE"),
    "too large for the market": (order(quantity="98"), 400, -1013, "Filter failure: MARKET_LOT_SIZE"),
    "band": (limit(price="400000"), 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "below the band": (limit(price="10000"), 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "notional": (limit(quantity="0.00009"), 400, -1013, "Filter failure: NOTIONAL"),
    "too great a notional": (limit(quantity="200"), 400, -1013, "Filter failure: NOTIONAL"),
    "notional of the market": (order(quantity="0.00001"), 400, -1013, "Filter failure: NOTIONAL"),
    "funds": (limit(quantity="5"), 400, -2010, "Account has insufficient balance for requested action."),
    "coins": (order(side="SELL", quantity="3"), 400, -2010, "Account has insufficient balance for requested action."),
    "would take": (order(type="LIMIT_MAKER", quantity="0.01", price="70000"), 400, -2010,
                   "Order would immediately match and take."),
    "unknown order": (lambda s: s.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=99), 400, -2013,
                      "Order does not exist."),
    "unknown to cancel": (lambda s: s.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=99), 400, -2011,
                          "Unknown order sent."),
    "nothing to cancel": (lambda s: s.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT"), 400, -2011,
                          "Unknown order sent."),
    "no order named": (lambda s: s.ask("GET", "/api/v3/order", symbol="BTCUSDT"), 400, -1102,
                       "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"),
    "too long a span": (lambda s: s.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, endTime=86_400_002),
                        400, -1127, "More than 24 hours between startTime and endTime."),
    "limit": (lambda s: s.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=1001), 400, -1130,
              "Data sent for parameter 'limit' is not valid."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_faulty_request_gets_the_venues_own_error(shared: Stage, case: str) -> None:
    call, status, code, text = REFUSED[case]
    shared.wait(1)  # the weight of a minute would not do for all
    before = shared.held()
    got = call(shared)
    assert got[:2] == (status, {"code": code, "msg": text})
    assert shared.held() == before
    assert shared.ask("GET", "/api/v3/openOrders")[1] == []


WALLET = "/sapi/v1/capital/withdraw/apply"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
WITHDRAWALS: dict[str, tuple[dict[str, str], int, str]] = {
    "coin": ({"coin": "DOGE"}, -4018, "We don't have this asset."),
    "network": ({"network": "EOS"}, -4001, "Invalid operation."),
    "address": ({"network": "ETH"}, -4007, "Address validation is not passed."),
    "little": ({"amount": "1.5"}, -4022, "Not less than the minimum pick-up quantity 2."),
    "precise": ({"amount": "10.1234567"}, -4021, "Asset withdrawal must be an integral multiple of 0.000001."),
    "funds": ({"amount": "100000.5"}, -4026, "You have insufficient balance."),
    "no amount": ({"amount": ""}, -1102, MISSING.format("amount")),
}


@pytest.mark.parametrize("case", WITHDRAWALS)
def test_a_faulty_withdrawal_gets_the_venues_own_error(shared: Stage, case: str) -> None:
    more, code, text = WITHDRAWALS[case]
    asked = {"coin": "USDT", "network": "TRX", "address": TRON, "amount": "10", **more}
    assert shared.ask("POST", WALLET, **asked)[:2] == (400, {"code": code, "msg": text})
    assert shared.held()["USDT"] == (100_000, 0)
    assert shared.ask("GET", "/sapi/v1/capital/withdraw/history")[1] == []
