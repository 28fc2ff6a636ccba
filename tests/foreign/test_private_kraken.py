"""Clients that nobody here wrote trade at the simulated Kraken, with nothing but URLs changed.

Each runs in its own process and environment (see test_clients.py), ccxt in four parts with a market each because it
waits three seconds between private calls. What they were told is held to laws (money is kept, what was bought is paid
for), to the orders they themselves gave, and to their own classes of the venue's errors.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from foreign import serving

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_READER, Credentials

TAKER = Decimal("0.004")
"""Of the first step of Kraken's list."""


def keys() -> dict[str, Sequence[str]]:
    """Good ones, and each with one part wrong."""
    good = SANDBOX_CREDENTIALS
    wrong = {
        "wrong key": Credentials("no-such-key", good.secret),
        "wrong secret": Credentials(good.key, "YW5vdGhlci1zZWNyZXQ="),
    }
    return {name: (one.key, one.secret) for name, one in ({"all": good, "reader": SANDBOX_READER} | wrong).items()}


def run(script: str, package: str, part: str = "") -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """By the name of the call: what it gave; the client's class and the venue's words. Another venue takes coins."""
    python = serving.installed("main", package)
    with serving.served("kraken", "binance", seed=7) as document:
        origin = document["venues"]["kraken"]
        private = origin["ws_private"].removesuffix("/v2")
        options = {"rest": origin["rest"], "ws": origin["ws"]["spot"], "private": private, "keys": keys(), "part": part}
        lines = serving.run(python, script, options, "-W", "ignore", seconds=200, number=Decimal)
    gave, raised = serving.answers(lines)
    return gave, {name: (kind, _words(text)) for name, (kind, text) in raised.items()}


def _words(text: str) -> str:
    """Of the list of errors in what the client raised, by ccxt as JSON and by the others as Python writes it."""
    return text.replace("['", '["').replace("']", '"]').partition('["')[2].partition('"]')[0]


def free(balance: Mapping[str, Any], code: str) -> Decimal:
    return Decimal(str(balance["free"][code]))


@pytest.mark.slow
def test_ccxt_trades() -> None:
    gave, raised = run("private_kraken_ccxt", "ccxt.pro", "trade")
    assert raised == {"post-only crossing": ("ExchangeError", "EOrder:Post only order")}
    assert gave["fetch open"]["status"] == "open" and gave["fetch open"]["remaining"] == Decimal("0.01")
    assert [one["id"] for one in gave["open orders"]] == [gave["limit"]["id"]]
    assert gave["fetch cancelled"]["status"] == gave["fetch ioc away"]["status"] == "canceled"
    for name, size in (("market", "0.02"), ("ioc", "0.01")):
        order, trades = gave[f"fetch {name}"], [one for one in gave["my trades"] if one["order"] == gave[name]["id"]]
        assert (order["status"], order["filled"]) == ("closed", Decimal(size))
        assert sum(one["amount"] for one in trades) == Decimal(size)
        assert sum(Decimal(one["info"]["cost"]) for one in trades) == Decimal(order["info"]["cost"])
    assert [one["id"] for one in gave["open named"]] == [gave["named"]["id"]]
    assert gave["cancel all"][0]["info"]["result"]["count"] == 1 and gave["open orders after"] == []
    assert {one["order"] for one in gave["order trades"]} == {gave["market"]["id"]}
    ended = {gave[name]["id"] for name in ("limit", "market", "ioc", "ioc away", "by cost", "post-only", "named")}
    assert {one["id"] for one in gave["closed orders"]} == ended
    assert gave["fees"]["taker"] == TAKER and gave["fees"]["maker"] == Decimal("0.0025")
    _money(gave)


def _money(gave: Mapping[str, Any]) -> None:
    """What is held for an order is its price, size and fee; what was paid is what the trades say."""
    before, during, after = (gave[f"balance {when}"] for when in ("before", "while open", "after"))
    held = free(before, "USD") - free(during, "USD")
    assert abs(held - gave["limit"]["price"] * gave["limit"]["amount"] * (1 + TAKER)) < Decimal("0.001")
    trades = gave["my trades"]
    assert {one["takerOrMaker"] for one in trades} == {"taker"}
    for one in trades:
        assert abs(one["fee"]["cost"] - one["cost"] * TAKER) < Decimal("1e-6")
        assert abs(one["price"] * one["amount"] - one["cost"]) < Decimal("1e-6")
    assert free(after, "BTC") - free(before, "BTC") == sum(one["amount"] for one in trades)
    paid = sum(one["cost"] + one["fee"]["cost"] for one in trades)
    assert abs(free(before, "USD") - free(after, "USD") - paid) < Decimal("1e-6")
    written = [one for one in gave["ledger"] if one["type"] == "trade"]
    assert abs(sum(one["amount"] + one["fee"]["cost"] for one in written) - paid) < Decimal("1e-6")
    assert {one["direction"] for one in written} == {"out"}


@pytest.mark.slow
def test_ccxt_moves_coins() -> None:
    gave, raised = run("private_kraken_ccxt", "ccxt.pro", "move")
    assert raised == {
        "no key": ("InvalidAddress", "EFunding:Unknown withdraw key"),
        "off the list": ("ExchangeError", "EFunding:Invalid withdrawal address"),
        "too much withdrawn": ("ExchangeError", "EFunding:Insufficient funds"),
    }
    assert {one["method"] for one in gave["deposit methods"]} >= {"Tether USD (ERC20)", "Tether USD (TRC20)"}
    assert gave["deposit address"]["address"].startswith("bc1")
    assert gave["deposit address of a network"]["address"].startswith("T")
    assert gave["new address"]["address"].startswith("0x")
    listed = gave["address book"]["result"][0]
    assert [one["id"] for one in gave["withdrawals"]] == [gave["withdraw"]["id"]]
    sent = gave["withdrawals"][0]
    assert (sent["address"], sent["currency"], sent["status"]) == (listed["address"], "ETH", "pending")
    assert Decimal(sent["info"]["amount"]) + Decimal(sent["info"]["fee"]) == Decimal("0.5")
    assert sent["info"]["key"] == listed["key"] and gave["deposits"] == []


@pytest.mark.slow
def test_ccxt_names_every_mistake() -> None:
    _, raised = run("private_kraken_ccxt", "ccxt.pro", "mistakes")
    assert raised == {
        "wrong key": ("AuthenticationError", "EAPI:Invalid key"),
        "wrong secret": ("ExchangeError", "EAPI:Invalid signature"),
        "nonce that does not rise": ("InvalidNonce", "EAPI:Invalid nonce"),
        "no right": ("PermissionDenied", "EGeneral:Permission denied"),
        "unknown pair": ("ExchangeError", "EQuery:Unknown asset pair"),
        "too precise": (
            "ExchangeError",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        "too small": ("InvalidOrder", "EGeneral:Invalid arguments:volume minimum not met"),
        "no number": ("InvalidOrder", "EGeneral:Invalid arguments:volume"),
        "no side": ("ExchangeError", "EGeneral:Invalid arguments:type"),
        "too much": ("InsufficientFunds", "EOrder:Insufficient funds"),
        "unknown order": ("InvalidOrder", "EOrder:Invalid order"),
        "no method": ("BadRequest", "EFunding:No funding method"),
    }


@pytest.mark.slow
def test_ccxt_pro_watches_and_orders_by_websocket() -> None:
    gave, raised = run("private_kraken_ccxt", "ccxt.pro", "watch")
    assert not raised and gave["watch order book"][0] < gave["watch order book"][1]
    assert gave["watch balance"]["USD"] == 100000 and gave["watch balance"]["BTC"] == 2
    assert gave["watch open"]["id"] == gave["watch cancelled"]["id"]
    assert gave["watch cancelled"]["info"]["reason"] == "User requested"
    taken, fill = gave["watch filled"], gave["watch trades"][-1]
    assert taken["info"]["cum_qty"] == Decimal("0.01")
    assert taken["info"]["cum_cost"] == fill["cost"] == gave["asked trades"][-1]["cost"]
    assert fill["id"] == gave["asked trades"][-1]["id"] and fill["order"] == taken["id"]
    spent = 100000 - gave["watch balance after"]["USD"]
    assert abs(spent - fill["cost"] - fill["fee"]["cost"]) < Decimal("1e-6")
    assert gave["placed by socket"]["id"] == gave["open by socket"]["id"]
    assert gave["cancelled by socket"]["success"]


@pytest.mark.slow
def test_krakenex_and_python_kraken_sdk_trade() -> None:
    gave, raised = run("private_kraken_sdk", "kraken.spot")
    assert raised == {
        "cancel again": ("KrakenUnknownOrderError", "EOrder:Unknown order"),
        "too much": ("KrakenInsufficientFundsError", "EOrder:Insufficient funds"),
        "too precise": (
            "KrakenInvalidPriceError",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        "unknown pair": ("KrakenUnknownAssetError", "EQuery:Unknown asset pair"),
        "unknown key": ("KrakenUnknownWithdrawKeyError", "EFunding:Unknown withdraw key"),
        "wrong secret": ("KrakenInvalidSignatureError", "EAPI:Invalid signature"),
        "wrong key": ("KrakenInvalidAPIKeyError", "EAPI:Invalid key"),
    }
    first = gave["old add"]["result"]["txid"][0]
    assert "txid" not in gave["old validate"]["result"] and list(gave["old open"]["result"]["open"]) == [first]
    assert gave["old cancel"]["result"] == {"count": 1}
    again = {name: gave[f"old again {name}"]["error"] for name in ("balance", "validate", "add")}
    assert list(again.values()) == [["EAPI:Invalid nonce"]] * 3  # milliseconds, after a client of finer ones
    assert gave["limit"]["descr"]["order"].startswith("buy 0.01000000 XBTUSD @ limit ")
    assert list(gave["open orders"]["open"]) == gave["limit"]["txid"] and gave["cancel"] == {"count": 1}
    (order,) = gave["order info"].values()
    assert order["status"] == "closed" and set(order["trades"]) == set(gave["trades info"])
    assert sum(Decimal(one["cost"]) for one in gave["trades info"].values()) == Decimal(order["cost"])
    assert gave["post-only crossing"] == {"error": ["EOrder:Post only order"]}
    assert len(gave["batch"]["orders"]) == 2 and gave["cancel all"] == {"count": 3}
    assert set(gave["trades history"]["trades"]) == set(gave["trades info"])
    spent = Decimal(gave["balance"]["ZUSD"]) - Decimal(gave["balance after"]["ZUSD"])
    assert spent == Decimal(order["cost"]) + Decimal(order["fee"])
    assert gave["volume"]["volume"] == order["cost"][: len(gave["volume"]["volume"])]
    _socket(gave)


def _socket(gave: Mapping[str, Any]) -> None:
    assert gave["added by socket"]["success"]
    txid = gave["added by socket"]["result"]["order_id"]
    assert gave["new"][0]["order_id"] == gave["canceled"][0]["order_id"] == txid
    assert gave["filled"][0]["cum_cost"] == sum(one["cost"] for one in gave["traded"])
    numbers = [one["sequence"] for one in gave["frames"] if one.get("channel") == "executions"]
    assert numbers == list(range(1, len(numbers) + 1))
