"""Contracts of the simulated Bybit by signed requests: long, short, closed, funded, and reconciled with the wallet.

Expected values are laws (what a position is worth at the mark; opening + realised - funding - fees = closing) and the
words and formulas of docs/v5/position, docs/v5/account and docs/v5/error (state of 2026-07-24, read 2026-11-21).
"""

from decimal import Decimal
from typing import Any

import pytest
from conformance.bybit_private_client import PLUGIN, Client

from cryptopipe.api import Side
from cryptopipe.clock import MILLISECOND, SECOND

D = Decimal
LINEAR = PLUGIN.instruments.find("linear:BTCUSDT")
FUNDED_AT = 62_327 * 28_800 * SECOND
"""The docs' fundings are "every 8 hours", at 00:00, 08:00 and 16:00 UTC."""
GRAIN = D("0.00000001")


@pytest.fixture(scope="module")
def shared() -> Client:
    made = Client()
    made.wait(SECOND)
    return made


@pytest.fixture
def client(shared: Client) -> Client:
    """With no position, a second later: a key may not ask for more."""
    shared.wait(SECOND)
    row = position(shared)
    if row["side"]:
        trade(shared, "Sell" if row["side"] == "Buy" else "Buy", row["size"], reduceOnly=True)
    return shared


def trade(client: Client, side: str, qty: str, **asked: object) -> dict[str, Any]:
    """A market order and what became of it."""
    order: dict[str, object] = {"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market"}
    given = client.result("POST", "/v5/order/create", **order, qty=qty, **asked)["orderId"]
    (row,) = client.result("GET", "/v5/order/realtime", category="linear", orderId=given)["list"]
    return dict(row)


def position(client: Client, symbol: str = "BTCUSDT") -> dict[str, Any]:
    (row,) = client.result("GET", "/v5/position/list", category="linear", symbol=symbol)["list"]
    return dict(row)


def code(client: Client, path: str, **asked: object) -> int:
    return int(client.post(path, **asked)["retCode"])


def fills(client: Client, **asked: object) -> list[dict[str, Any]]:
    return list(client.result("GET", "/v5/execution/list", category="linear", limit=100, **asked)["list"])


@pytest.mark.parametrize(("side", "sign", "closing"), [("Buy", 1, "Sell"), ("Sell", -1, "Buy")])
def test_a_position_is_what_was_traded_at_the_mark(client: Client, side: str, sign: int, closing: str) -> None:
    order = trade(client, side, "0.05")
    row = position(client)
    assert (row["side"], D(row["size"]), row["positionIdx"]) == (side, D("0.05"), 0)
    assert order["orderStatus"] == "Filled" and abs(D(row["avgPrice"]) * D("0.05") - D(order["cumExecValue"])) < GRAIN
    (ticker,) = client.result("GET", "/v5/market/tickers", category="linear", symbol="BTCUSDT")["list"]
    assert row["markPrice"] == ticker["markPrice"]
    value, entry = D(order["cumExecValue"]), D(row["avgPrice"])
    assert abs(D(row["unrealisedPnl"]) - sign * (D(row["markPrice"]) * D("0.05") - value)) < GRAIN
    assert abs(D(row["positionIM"]) - value / D(row["leverage"])) <= 2 * GRAIN
    if row["liqPrice"]:
        assert (D(row["liqPrice"]) - entry) * sign < 0
    cost = entry * D("0.00055")
    assert (D(row["breakEvenPrice"]) - entry) * sign > 0 and abs(D(row["breakEvenPrice"]) - entry) >= cost * D("0.99")
    trade(client, closing, "0.05", reduceOnly=True)
    assert (position(client)["side"], position(client)["size"]) == ("", "0")
    assert client.result("GET", "/v5/position/list", category="linear", settleCoin="USDT")["list"] == []


def test_a_reduce_only_order_closes_no_more_than_there_is(client: Client) -> None:
    trade(client, "Buy", "0.02")
    closed = trade(client, "Sell", "0.05", reduceOnly=True)
    assert (D(closed["cumExecQty"]), closed["reduceOnly"]) == (D("0.02"), True)
    assert position(client)["size"] == "0"
    nothing: dict[str, object] = {"category": "linear", "symbol": "BTCUSDT", "orderType": "Market", "qty": "0.01"}
    for side in ("Buy", "Sell"):
        assert code(client, "/v5/order/create", **nothing, side=side, reduceOnly=True) == 110017
    trade(client, "Buy", "0.02")
    assert code(client, "/v5/order/create", **nothing, side="Buy", reduceOnly=True) == 110017
    assert D(position(client)["size"]) == D("0.02")


def test_a_position_turns_over(client: Client) -> None:
    trade(client, "Buy", "0.02")
    trade(client, "Sell", "0.05")
    row = position(client)
    assert (row["side"], D(row["size"])) == ("Sell", D("0.03"))


def test_leverage_is_what_was_set_and_margin_follows(client: Client) -> None:
    asked: dict[str, object] = {"category": "linear", "symbol": "BTCUSDT"}
    before = position(client)["leverage"]
    path = "/v5/position/set-leverage"
    assert code(client, path, **asked, buyLeverage=before, sellLeverage=before) == 110043
    assert code(client, path, **asked, buyLeverage="5", sellLeverage="6") == 10001
    assert code(client, path, **asked, buyLeverage="100000", sellLeverage="100000") == 110013
    try:
        assert client.result("POST", path, **asked, buyLeverage="4", sellLeverage="4") == {}
        assert position(client)["leverage"] == "4"
        order = trade(client, "Buy", "0.05")
        assert abs(D(position(client)["positionIM"]) - D(order["cumExecValue"]) / 4) <= 2 * GRAIN
        trade(client, "Sell", "0.05", reduceOnly=True)
    finally:
        client.post(path, **asked, buyLeverage=before, sellLeverage=before)


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("/v5/position/switch-mode", {"category": "linear", "symbol": "BTCUSDT", "mode": 0}, 110025),
        ("/v5/position/switch-mode", {"category": "linear", "symbol": "BTCUSDT", "mode": 3}, 110029),
        ("/v5/position/switch-isolated", {"category": "linear", "symbol": "BTCUSDT", "tradeMode": 1}, 100028),
        ("/v5/position/set-leverage", {"category": "spot", "symbol": "BTCUSDT"}, 10001),
        ("/v5/position/set-leverage", {"category": "linear", "symbol": "NOPEUSDT"}, 10001),
    ],
)
def test_modes_are_refused_with_the_pages_codes(
    client: Client, path: str, asked: dict[str, object], expected: int
) -> None:
    assert code(client, path, **asked) == expected


def test_what_is_too_large_for_the_wallet_is_insufficient(client: Client) -> None:
    order: dict[str, object] = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
    price = str(client.best("linear:BTCUSDT", Side.BUY) - 100)
    assert code(client, "/v5/order/create", **order, qty="50", price=price) == 110007


def test_a_position_is_asked_for_by_symbol_or_coin(client: Client) -> None:
    assert client.get("/v5/position/list", category="linear")["retCode"] == 10001
    assert client.get("/v5/position/list", category="linear", symbol="NOPEUSDT")["retCode"] == 10001
    assert client.result("GET", "/v5/position/list", category="inverse", symbol="BTCUSD")["list"] == []


def test_wallet_and_position_reconcile_over_a_funding() -> None:
    """Opening + realised - funding - fees = closing, and each is told in four places."""
    client = Client(start_at=FUNDED_AT - 3 * SECOND)
    client.wait(SECOND)
    opening = client.held("USDT")
    trade(client, "Sell", "0.2")
    client.wait(500 * MILLISECOND)
    trade(client, "Buy", "0.05", reduceOnly=True)
    client.wait(SECOND)
    (ticker,) = client.result("GET", "/v5/market/tickers", category="linear", symbol="BTCUSDT")["list"]
    assert (D(ticker["nextFundingTime"]), position(client)["side"]) == (FUNDED_AT // MILLISECOND, "Sell")
    client.wait(SECOND)
    log = client.result("GET", "/v5/account/transaction-log", accountType="UNIFIED", limit=50)["list"]
    realised = sum((D(row["cashFlow"]) + D(row["funding"] or 0) for row in log), D(0))
    assert D(position(client)["curRealisedPnl"]) == realised != sum(D(row["cashFlow"]) for row in log)
    trade(client, "Buy", "0.15", reduceOnly=True)
    assert position(client)["size"] == "0"
    closing = client.held("USDT")

    traded = fills(client)
    sold = sum((D(one["execValue"]) for one in traded if one["side"] == "Sell"), D(0))
    bought = sum((D(one["execValue"]) for one in traded if one["side"] == "Buy"), D(0))
    fees = sum((D(one["execFee"]) for one in traded), D(0))
    log = client.result("GET", "/v5/account/transaction-log", accountType="UNIFIED", limit=50)["list"]
    (funding,) = [D(row["funding"]) for row in log if row["type"] == "SETTLEMENT"]
    assert funding != 0 and fees > 0
    assert closing == opening + (sold - bought) + funding - fees
    assert sum((D(row["change"]) for row in log if row["currency"] == "USDT"), D(0)) == closing - opening

    (history,) = client.result("GET", "/v5/market/funding/history", category="linear", symbol="BTCUSDT")["list"]
    assert int(history["fundingRateTimestamp"]) * MILLISECOND == FUNDED_AT
    (settled,) = [row for row in log if row["type"] == "SETTLEMENT"]
    assert int(settled["transactionTime"]) * MILLISECOND == FUNDED_AT and D(settled["qty"]) == D("0.15")
    assert abs(funding - D("0.15") * D(settled["tradePrice"]) * D(history["fundingRate"])) < D("0.01")
    assert (funding > 0) == (D(history["fundingRate"]) > 0), "a short receives a rate above zero"


def test_closed_sizes_and_profits_are_told_with_the_executions(client: Client) -> None:
    given = trade(client, "Buy", "0.03")
    closed = trade(client, "Sell", "0.03", reduceOnly=True)
    opening, closing = (fills(client, orderId=one["orderId"]) for one in (given, closed))
    assert {D(one["closedSize"]) for one in opening} == {D(0)}
    assert sum(D(one["closedSize"]) for one in closing) == D("0.03")
    profit = D(closed["cumExecValue"]) - D(given["cumExecValue"])
    log = client.result("GET", "/v5/account/transaction-log", accountType="UNIFIED", currency="USDT", limit=50)["list"]
    assert abs(sum(D(row["cashFlow"]) for row in log if row["orderId"] == closed["orderId"]) - profit) < GRAIN
    assert {D(row["cashFlow"]) for row in log if row["orderId"] == given["orderId"]} == {D(0)}
