"""Clients that nobody here wrote trade on the simulated Binance: nothing but the addresses is changed.

Each step's expected value is a law (what is bought is paid, what is cancelled is free again, the fee is 0.1 % of what
was received), a document's word, or what the sandbox was started with; prices are the sandbox's own.
"""

from decimal import Decimal
from typing import Any

import pytest
from foreign import serving
from foreign.serving import exactly

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_OTHER

RATE = Decimal("0.001")
KEYS = [{"key": one.key, "secret": one.secret} for one in (SANDBOX_CREDENTIALS, SANDBOX_OTHER)]
pytestmark = pytest.mark.slow


def did(script: str, environment: str, package: str) -> dict[str, Any]:
    """What a client's script told, by step; skipped where the client is not installed."""
    python = serving.installed(environment, package)
    more = ("--parameters", str(serving.HERE / "private_binance.yaml"))
    with serving.served("binance", seed=2026, more=more) as document:
        told = document["venues"]
        rest = told["binance"]["rest"]
        options = {"rest": rest, "ws": rest.replace("http", "ws", 1), "keys": KEYS}
        return serving.did(serving.run(python, script, options))


def test_ccxt_trades() -> None:
    """By REST: what is bought is paid, what rests is locked, what is cancelled is free."""
    told = did("private_binance_ccxt", "main", "ccxt")
    orders(told)
    money(told)
    serving.refused_as(REFUSED, told)
    watched(told)


def orders(told: dict[str, Any]) -> None:
    bought, price = told["ioc"], exactly(told["limit"]["price"])
    assert (bought["status"], bought["filled"], bought["timeInForce"]) == ("closed", 0.01, "IOC")
    assert bought["fees"] == [{"currency": "BTC", "cost": 0.00001}]
    before, after, locked = told["before"], told["after"], told["locked"]
    assert exactly(after["BTC"][0]) - exactly(before["BTC"][0]) == Decimal("0.01") * (1 - RATE)
    assert exactly(before["USDT"][0]) - exactly(after["USDT"][0]) == exactly(bought["cost"])
    assert exactly(locked["USDT"][1]) == price * Decimal("0.02")
    assert exactly(after["USDT"][0]) - exactly(locked["USDT"][0]) == exactly(locked["USDT"][1])
    assert told["limit"]["status"] == "open" and told["limit"]["clientOrderId"] == "mine-1"
    assert told["found"] == told["by_client_id"] == told["limit"]
    assert told["open"] == [told["limit"]["id"]]
    assert (told["cancelled"]["status"], told["cancelled"]["id"]) == ("canceled", told["limit"]["id"])
    assert told["closed"] == told["limit"] | {"status": "canceled"}
    assert (told["post_only"]["postOnly"], told["post_only"]["status"]) == (True, "open")
    assert told["cancelled_all"] == [told["post_only"]["id"]]
    sold, spent = told["market"], told["by_cost"]
    assert (sold["status"], sold["filled"], sold["fees"][0]["currency"]) == ("closed", 0.005, "USDT")
    cost, fee = exactly(sold["cost"]), exactly(sold["fees"][0]["cost"])
    assert 0 <= cost * RATE - fee < Decimal("1e-7"), (cost, fee)  # each fill's fee is cut to eight places
    assert spent["status"] == "closed" and Decimal(99) < exactly(spent["cost"]) <= 100
    assert [row[:2] for row in told["trades"]] == [[bought["id"], "buy"], [sold["id"], "sell"], [spent["id"], "buy"]]
    assert sum((exactly(row[3]) for row in told["trades"]), Decimal(0)) == sum(
        (exactly(one["cost"]) for one in (bought, sold, spent)), Decimal(0)
    )
    history = {one["id"]: one["status"] for one in told["history"]}
    assert list(history.values()) == ["closed", "canceled", "canceled", "closed", "closed"]


def money(told: dict[str, Any]) -> None:
    assert told["fee"][:2] == [0.001, 0.001]
    assert told["networks"]["SOL"] == {"SOL": [0.01, True, True]}
    assert set(told["networks"]["USDT"]) == {"ERC20", "TRC20", "SOL", "MATIC"}
    assert told["address"][1] == "SOL" and 43 <= len(told["address"][0]) <= 44
    assert told["funding"] == 12
    assert told["sent"] == [told["withdrawn"], "ok", 2.99, 0.01, "SOL", True]
    assert told["came"] == [["ok", 2.99, True, "SOL"]]


REFUSED = {
    "wrong_key": ("AuthenticationError", "-2015"),
    "wrong_signature": ("AuthenticationError", "-1022"),
    "stale": ("InvalidNonce", "outside of the recvWindow"),
    "ahead": ("InvalidNonce", "1000ms ahead"),
    "symbol": ("BadSymbol", "-1121"),
    "tick": ("InvalidOrder", "Filter failure: PRICE_FILTER"),
    "precise": ("BadRequest", "-1111"),
    "lot": ("InvalidOrder", "Filter failure: LOT_SIZE"),
    "notional": ("BadRequest", "Filter failure: NOTIONAL"),
    "band": ("InvalidOrder", "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "funds": ("InsufficientFunds", "insufficient balance"),
    "would_take": ("OrderImmediatelyFillable", "immediately match and take"),
    "network": ("BadRequest", "-4001"),
    "bad_address": ("BadRequest", "-4007"),
    "too_little": ("BadRequest", "-4022"),
    "no_order": ("OrderNotFound", "-2013"),
    "no_cancel": ("OrderNotFound", "-2011"),
}
"""ccxt's class, which it takes by code and text from its own tables (its `BadRequest` is also its word for what its
table names by another address than the sandbox's), and the venue's code or text."""


def watched(told: dict[str, Any]) -> None:
    placed = told["ws_placed"]
    assert placed["status"] == "open"
    assert told["watched_open"] == told["ws_found"] == placed
    assert told["ws_open"] == [placed["id"]]
    locked, difference, price = (exactly(value) for value in told["watched_balance"])
    assert locked == price * Decimal("0.01") and abs(difference - locked) < Decimal("1e-7")
    held = {one["asset"]: Decimal(one["locked"]) for one in told["ws_balance"]}
    assert held["USDT"] == locked
    assert told["ws_cancelled"]["status"] == "canceled"
    assert told["watched_end"] == placed | {"status": "canceled"}
    assert told["watched_trade"] == [True, 0.01, {"currency": "BTC", "cost": 0.00001}]


def test_python_binance_trades() -> None:
    """The venue's own fields, as this client hands them on unread."""
    told = did("private_binance_python", "main", "binance")
    bought, limit, far = told["market"], told["limit"], told["limit"]["price"]
    assert told["test"] == {}
    assert (bought["status"], bought["clientOrderId"], bought["executedQty"]) == ("FILLED", "py-1", "0.01000000")
    paid = sum((Decimal(one["price"]) * Decimal(one["qty"]) for one in bought["fills"]), Decimal(0))
    assert paid == Decimal(bought["cummulativeQuoteQty"])
    assert "fills" not in limit and limit["status"] == "NEW"
    assert set(told["ack"]) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert told["get"]["clientOrderId"] == limit["clientOrderId"]
    assert told["open"] == [limit["orderId"], told["ack"]["orderId"]]
    assert (told["cancel"]["status"], told["cancel"]["origClientOrderId"]) == ("CANCELED", limit["clientOrderId"])
    assert (told["fok"]["status"], told["fok"]["expiryReason"]) == ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")
    assert [status for _, status in told["all"]] == ["FILLED", "CANCELED", "NEW", "EXPIRED"]
    assert [one["orderId"] for one in told["trades"]] == [bought["orderId"]] * len(bought["fills"])
    assert Decimal(told["balance"]["free"]) == 2 + Decimal("0.01") * (1 - RATE)
    assert told["fee"] == [{"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}]
    assert {"BTC", "SOL", "USDT"} <= set(told["coins"])
    assert [told["permissions"][name] for name in ("enableReading", "enableWithdrawals", "ipRestrict")] == [
        True, True, False,
    ]  # fmt: skip
    assert told["funds"] == [-2010, 400, "Account has insufficient balance for requested action."]
    assert told["cancel_again"] == [-2011, 400, "Unknown order sent."]
    assert told["symbol"] == [-1121, 400, "Invalid symbol."]
    assert told["exponent"][0] == -1100  # the client writes 0.00001 as 1e-05
    assert told["wrong_key"] == [-2015, 401, "Invalid API-key, IP, or permissions for action."]
    assert (told["sent"]["id"], told["sent"]["amount"]) == (told["withdraw"]["id"], "1.99")
    assert (told["came"]["amount"], told["came"]["txId"]) == ("1.99", told["sent"]["txId"])
    assert told["ws_get"]["status"] == "NEW" and told["ws_cancel"]["status"] == "CANCELED"
    listened(told["events"], told["ws_place"], far)


def test_the_connector_listens_by_a_listen_key() -> None:
    """The older dialect, until 2026-02-20: bare events."""
    told = did("private_binance_connector", "connector", "binance")
    listened(told["events"], told["placed"], told["placed"]["price"])
    assert [one["count"] for one in told["counts"]] == [1, 1]
    assert told["renewed"] == told["closed"] == {}
    assert {one["asset"]: one["locked"] for one in told["account"]}["USDT"] == "0.00000000"


def listened(events: list[dict[str, Any]], placed: dict[str, Any], far: str) -> None:
    """What a resting order and its cancellation tell: taken in, money locked, taken out."""
    orders = [one for one in events if one["e"] == "executionReport"]
    assert [(one["x"], one["X"]) for one in orders] == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
    assert {one["i"] for one in orders} == {placed["orderId"]}
    assert (orders[0]["c"], orders[1]["C"]) == (placed["clientOrderId"], placed["clientOrderId"])
    balance = next(one for one in events if one["e"] == "outboundAccountPosition")
    locked = Decimal(balance["B"][0]["l"])
    assert balance["B"][0]["a"] == "USDT" and locked >= Decimal(far) * Decimal("0.01")


def test_the_venues_own_client_trades() -> None:
    """Its models are made of the venue's own schema: a field that they have not is an `additional_properties`."""
    told = did("private_binance_sdk", "main", "binance_sdk_spot")
    assert (told["market"]["status"], told["market"]["executed_qty"]) == ("FILLED", "0.01000000")
    assert told["found"] == told["limit"] and told["limit"]["client_order_id"] == "sdk-1"
    assert told["open"] == [told["limit"]["order_id"]]
    assert told["cancelled"]["status"] == "CANCELED"
    assert [status for _, status in told["all"]] == ["FILLED", "CANCELED"]
    assert sum(Decimal(size) for _, size, _ in told["trades"]) == Decimal("0.01")
    assert Decimal(told["account"]["BTC"]) == 2 + Decimal("0.01") * (1 - RATE)
    assert Decimal(told["commission"]) == RATE
    assert told["counts"] == [["SECOND", 100], ["DAY", 200_000]]
    assert told["no_order"] == ["BadRequestError", "(-2013, 'Order does not exist.')"]
    assert told["ws_placed"]["status"] == told["ws_status"]["status"] == "NEW"
    assert told["ws_open"] == [told["ws_placed"]["order_id"]]
    assert told["ws_cancelled"]["status"] == "CANCELED" and told["ws_account"]["USDT"] == "0.00000000"
    assert told["events"] == [
        ["ExecutionReport", "NEW", {}], ["OutboundAccountPosition", None, {}], ["ExecutionReport", "CANCELED", {}],
        ["OutboundAccountPosition", None, {}],
    ]  # fmt: skip
