"""Clients that nobody here wrote trade on the simulated Bybit: nothing but the addresses is changed.

Each step's expected value is a law (what is bought is paid, what is cancelled is free again, the fee is 0.1 % of what
was received, a contract's profit and fees are all that the wallet changed by), a document's word, or what the sandbox
was started with; prices are the sandbox's own. Coins come from another simulated venue, sent by ccxt as well.
"""

from decimal import Decimal
from typing import Any

import pytest
from foreign import serving
from foreign.serving import exactly

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_OTHER

RATE = Decimal("0.001")
FEE = Decimal("0.008")
"""Of a withdrawal of SOL, by the plugin's table."""
KEYS = [{"key": one.key, "secret": one.secret} for one in (SANDBOX_CREDENTIALS, SANDBOX_OTHER)]
pytestmark = pytest.mark.slow


def did(script: str, environment: str, package: str) -> dict[str, Any]:
    """What a client's script told, by step; skipped where the client is not installed."""
    python = serving.installed(environment, package)
    more = ("--parameters", str(serving.HERE / "private_bybit.yaml"))
    with serving.served("bybit", "binance", seed=2026, more=more) as document:
        told = document["venues"]
        rest = told["bybit"]["rest"]
        options = {"rest": rest, "ws": rest.replace("http", "ws", 1), "giver": told["binance"]["rest"], "keys": KEYS}
        return serving.did(serving.run(python, script, options))


def test_ccxt_trades() -> None:
    """By REST and by the streams."""
    told = did("private_bybit_ccxt", "main", "ccxt")
    assert told["markets"][:2] == [True, True]
    orders(told)
    others(told)
    contracts(told)
    money(told)
    serving.refused_as(REFUSED, told)
    watched(told)


def orders(told: dict[str, Any]) -> None:
    bought, before, after, locked = (told[name] for name in ("ioc", "before", "after", "locked"))
    assert (bought["status"], bought["filled"], bought["timeInForce"]) == ("closed", 0.01, "IOC")
    assert exactly(after["BTC"][0]) - exactly(before["BTC"][0]) == Decimal("0.01") * (1 - RATE)
    assert exactly(before["USDT"][0]) - exactly(after["USDT"][0]) == exactly(bought["cost"])
    assert exactly(locked["USDT"][1]) == exactly(told["far"]) * Decimal("0.02")
    assert exactly(after["USDT"][0]) - exactly(locked["USDT"][0]) == exactly(locked["USDT"][1])
    found = told["found"]
    assert (found["id"], found["clientOrderId"], found["status"]) == (told["limit"], "mine-1", "open")
    assert (found["price"], found["amount"], found["filled"]) == (told["far"], 0.02, 0)
    assert told["open"] == [found] and told["open_order"] == found and told["cancelled"] == told["limit"]
    assert told["gone"] == found | {"status": "canceled"}


def others(told: dict[str, Any]) -> None:
    """Post-only, markets by size and by cost, and all of it once more in the lists."""
    assert (told["post_only"]["postOnly"], told["post_only"]["status"]) == (True, "open")
    assert told["cancelled_all"] == [told["post_only"]["id"]]
    assert (told["would_take"]["status"], told["would_take"]["filled"]) == ("canceled", 0)
    bought, sold, spent = told["ioc"], told["market"], told["by_cost"]
    assert (sold["status"], sold["filled"]) == ("closed", 0.005)
    assert spent["status"] == "closed" and Decimal(99) < exactly(spent["cost"]) <= 100
    trades = told["trades"]
    assert {tuple(row[:2]) for row in trades} == {(bought["id"], "buy"), (sold["id"], "sell"), (spent["id"], "buy")}
    for one in (bought, sold, spent):
        mine = [row for row in trades if row[0] == one["id"]]
        assert sum((exactly(row[3]) for row in mine), Decimal(0)) == exactly(one["cost"])
    for _, side, amount, cost, fee in trades:
        asset, received = ("BTC", amount) if side == "buy" else ("USDT", cost)
        assert fee["currency"] == asset and 0 <= exactly(received) * RATE - exactly(fee["cost"]) < Decimal("1e-8")
    assert {one["id"] for one in told["closed"]} == {bought["id"], sold["id"], spent["id"]}
    gone = {told["limit"], told["post_only"]["id"], told["would_take"]["id"]}
    assert {one["id"] for one in told["canceled"] if one["status"] == "canceled"} == gone


def contracts(told: dict[str, Any]) -> None:
    short, closed, position = told["short"], told["closed_short"], told["position"]
    assert (short["status"], short["filled"], closed["filled"]) == ("closed", 0.05, 0.05)
    assert (position["side"], position["contracts"], position["leverage"]) == ("short", 0.05, 5)
    entry, mark = exactly(position["entryPrice"]), exactly(position["markPrice"])
    assert abs(entry * Decimal("0.05") - exactly(short["cost"])) < Decimal("1e-6")
    assert abs(exactly(position["unrealizedPnl"]) - (entry - mark) * Decimal("0.05")) < Decimal("1e-6")
    assert abs(exactly(position["initialMargin"]) * 5 - exactly(short["cost"])) < Decimal("1e-6")
    assert exactly(position["liquidationPrice"]) > entry
    assert told["positions"] == ["BTC/USDT:USDT"] and told["flat"] == 0
    rate, rated_at, due = told["funding"]
    assert abs(rate) < 0.01 and due % 28_800_000 == 0 and abs(exactly(rated_at) / mark - 1) < Decimal("0.001")
    trades = told["contract_trades"]
    fees = sum((exactly(row[3]) for row in trades), Decimal(0))
    sold, bought = (sum((exactly(row[2]) for row in trades if row[0] == side), Decimal(0)) for side in ("sell", "buy"))
    opening, closing = (exactly(value) for value in told["reconciled"])
    assert abs(closing - (opening + sold - bought - fees)) < Decimal("1e-7")
    assert {row[2] for row in told["ledger"]} == {"trade"} and closing in {exactly(row[3]) for row in told["ledger"]}


def money(told: dict[str, Any]) -> None:
    assert told["fee"] == [0.001, 0.001, 4]
    assert told["networks"]["SOL"] == {"SOL": [0.008, True, True]}
    assert set(told["networks"]["USDT"]) == {"ERC20", "TRC20", "SOL", "MATIC"}
    assert told["address"][1] == "SOL" and 43 <= len(told["address"][0]) <= 44
    assert told["moved"] == ["ok", 5, "unified", "funding"] and told["transfers"] == [[True, 5]]
    assert told["wallets"][1] == 495 and told["wallets"][0] >= 5
    assert told["sent"] == [[told["withdrawn"], "ok", 2, float(FEE), "SOL"]]
    assert told["came"] == [["ok", 2.99, "SOL"]], "3 less the fee of 0.01 that the giver's table has"


REFUSED = {
    "wrong_key": ("AuthenticationError", "10003"),
    "wrong_signature": ("AuthenticationError", "10004"),
    "stale": ("InvalidNonce", "10002"),
    "symbol": ("InvalidOrder", "170121"),
    "precise": ("InvalidOrder", "170134"),
    "lot": ("InvalidOrder", "170137"),
    "notional": ("InvalidOrder", "170140"),
    "funds": ("InsufficientFunds", "170131"),
    "margin": ("InsufficientFunds", "110007"),
    "leverage_again": ("BadRequest", "110043"),
    "reduce_only": ("InvalidOrder", "110017"),
    "network": ("BadRequest", "131002"),
    "unlisted": ("BadRequest", "ensure the address is whitelisted"),
    "too_much": ("InsufficientFunds", "131085"),
    "no_order": ("OrderNotFound", "987654321"),
    "no_cancel": ("OrderNotFound", "170213"),
}
"""ccxt's class, by its own table of codes, and the venue's code or ccxt's own words."""


def watched(told: dict[str, Any]) -> None:
    given, opened = told["watched_open"]
    assert (opened["id"], opened["status"], opened["amount"]) == (given, "open", 0.01)
    seen, asked = told["watched_balance"]
    assert seen == asked
    assert exactly(seen["USDT"][1]) == exactly(opened["price"]) * Decimal("0.01")
    assert told["watched_end"] == opened | {"status": "canceled"}
    mine, side, amount, fee = told["watched_trade"]
    assert (mine, side, fee["currency"]) == (True, "buy", "BTC")
    assert 0 <= exactly(amount) * RATE - exactly(fee["cost"]) < Decimal("1e-8")
    assert told["watched_position"] == ["BTC/USDT:USDT", "long", 0.02]


def test_pybit_trades() -> None:
    """The venue's own fields, as this client hands them on unread."""
    told = did("private_bybit_pybit", "main", "pybit")
    placed = told["placed"]
    (opened,) = told["open"]
    assert (opened["orderId"], opened["orderStatus"], opened["timeInForce"]) == (placed["orderId"], "New", "PostOnly")
    assert {key: told["told_open"][key] for key in opened} == opened and told["cancelled"] == placed
    assert (told["told_end"]["orderId"], told["told_end"]["cancelType"]) == (placed["orderId"], "CancelByUser")
    (bought,) = told["bought"]
    assert (bought["orderStatus"], bought["marketUnit"]) == ("Filled", "quoteCoin")
    fills = told["trades"]
    assert sum(Decimal(one["execValue"]) for one in fills) == Decimal(bought["cumExecValue"]) <= 100
    for one in fills:
        assert Decimal(one["execPrice"]) * Decimal(one["execQty"]) == Decimal(one["execValue"])
        assert 0 <= Decimal(one["execQty"]) * RATE - Decimal(one["execFee"]) < Decimal("1e-8")
    assert told["told_trade"]["execId"] in {one["execId"] for one in fills}
    assert told["cancelled_all"]["success"] == "1"
    assert [one["orderLinkId"] for one in told["cancelled_all"]["list"]] == ["py-2"]
    codes = {name: told[name][0] for name in ("twice", "again", "funds", "leverage", "less")}
    assert codes == {"twice": 170141, "again": 170213, "funds": 170131, "leverage": 110043, "less": 131096}
    assert (told["wrong_key"][0], told["wrong_signature"][0]) == (10003, 10004)
    held(told)


def held(told: dict[str, Any]) -> None:
    """Contracts, wallets and coins."""
    position, heard = told["position"], told["told_position"]
    assert (position["side"], position["size"], position["leverage"]) == ("Buy", "0.03", "3")
    assert (heard["entryPrice"], heard["size"]) == (position["avgPrice"], "0.03") and told["flat"] == []
    assert told["told_wallet"] == "UNIFIED"
    assert "Withdraw" in told["key"]["Wallet"] and told["account"]["unifiedMarginStatus"] in (3, 4, 5, 6)
    assert told["rates"] == [{"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]
    assert told["coins"] == ["BTC", "ETH", "SOL", "USDT", "USDC"]
    assert {one["chain"] for one in told["chains"]} == {"ETH", "TRX", "SOL", "MATIC"}
    assert (told["moved"], told["fund"]) == ("SUCCESS", "5")
    (sent,) = told["sent"]
    assert (sent["amount"], Decimal(sent["withdrawFee"]), sent["chain"]) == ("2", FEE, "SOL")
    assert (told["ws_placed"]["retCode"], told["ws_placed"]["op"]) == (0, "order.create")
