"""Clients that nobody here wrote trade at the simulated Coinbase venues, with nothing but URLs changed.

Each runs in its own process and environment (see test_clients.py). What they were told is held to laws (money is kept,
what was bought is paid for), to the orders they themselves gave, and to ccxt's own classes of the venue's errors.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from foreign import serving

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_READER, Credentials
from cryptopipe.registry import Registry

ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
"""An example of EIP-55 (eips.ethereum.org/EIPS/eip-55): valid, and of nobody here."""


def keys(venue: str) -> dict[str, Sequence[str]]:
    """Good ones, and each with one part wrong, as clients of the venue have them."""
    good = SANDBOX_CREDENTIALS
    wrong = {
        "wrong key": Credentials("no-such-key", good.secret, good.passphrase),
        "wrong secret": Credentials(good.key, "YW5vdGhlci1zZWNyZXQ=", good.passphrase),
        "wrong passphrase": Credentials(good.key, good.secret, "another"),
    }
    looks = Registry().exchange(venue).sandbox_key or (lambda key: key)
    known = {name: looks(one) for name, one in ({"all": good, "reader": SANDBOX_READER} | wrong).items()}
    return {name: (one.key, one.secret, one.passphrase) for name, one in known.items()}


def run(
    script: str, environment: str, package: str, venue: str, tls: bool = False
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """By the name of the call: what it gave; the class and the text of the error that it raised."""
    python = serving.installed(environment, package)
    with serving.served(venue, seed=7, more=("--tls",) if tls else ()) as document:
        origin = document["venues"][venue]
        options = {"rest": origin["rest"], "ws": origin["ws"]["spot"], "keys": keys(venue), "address": ADDRESS}
        environ = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), document["ca_file"]) if tls else {}
        return serving.answers(serving.run(python, script, options, environ=environ, number=Decimal))


def free(balance: Mapping[str, Any], code: str) -> Decimal:
    return Decimal(balance["free"][code])


@pytest.mark.slow
def test_ccxt_trades_at_coinbase_exchange() -> None:
    gave, errors = run("ccxt_coinbase_exchange", "main", "ccxt.pro", "coinbase_exchange")
    _orders(gave)
    _money(gave)
    _transfers(gave)
    _watched(gave)
    raised = {name: (kind, text.partition(" ")[2]) for name, (kind, text) in errors.items()}
    assert {name: (kind, text) for name, (kind, text) in raised.items() if name in ERRORS} == ERRORS
    gone = {"fetch cancelled", "fetch ioc away", "fetch post-only", "fetch crossing"}
    assert {raised[name][0] for name in gone} == {"OrderNotFound"}  # "might return 404"
    assert raised["wrong key"][0] == "AuthenticationError" and "Invalid API Key" in raised["wrong key"][1]
    assert "403 Forbidden" in raised["no right"][1]
    assert "below the minimum (0.00100000 ETH)" in raised["too little"][1]
    assert raised.keys() == ERRORS.keys() | gone | {"wrong key", "no right", "too little", "too much", "bad address"}


ERRORS = {
    "wrong secret": ("AuthenticationError", "invalid signature"),
    "wrong passphrase": ("AuthenticationError", "Invalid Passphrase"),
    "stale": ("ExchangeError", "request timestamp expired"),
    "unknown symbol": ("InvalidOrder", "Product not found"),
    "too precise": ("ExchangeError", "price is too accurate. Smallest unit is 0.01000000"),
    "too small": ("InvalidOrder", "size is too small. Minimum size is 0.00000001"),
    "no number": ("ExchangeError", "size must be a number"),
    "no side": ("ExchangeError", "Requires side"),
    "not enough": ("InsufficientFunds", "Insufficient funds"),
    "unknown order": ("OrderNotFound", "order not found"),
    "fetch unknown": ("OrderNotFound", "NotFound"),
    "no network": ("ExchangeError", "network nowhere is not supported"),
}
"""By ccxt's own classes of what the venue says."""


def _orders(gave: Mapping[str, Any]) -> None:
    assert gave["fetch open"]["status"] == "open" and gave["fetch open"]["remaining"] == Decimal("0.01")
    assert [one["id"] for one in gave["open orders"]] == [gave["limit"]["id"]]
    for name, size in (("market", "0.02"), ("ioc", "0.01")):
        order, trades = gave[f"fetch {name}"], [one for one in gave["my trades"] if one["order"] == gave[name]["id"]]
        assert (order["status"], order["filled"]) == ("closed", Decimal(size))
        assert sum(one["amount"] for one in trades) == Decimal(size)
        paid = sum(one["price"] * one["amount"] for one in trades)
        assert abs(paid - order["cost"]) < Decimal("1e-7")
        assert {one["takerOrMaker"] for one in trades} == {"taker"}
        for one in trades:
            assert abs(one["fee"]["cost"] / (one["price"] * one["amount"]) - Decimal("0.006")) < Decimal("1e-6")
    assert gave["post-only"]["status"] == "open"
    assert gave["post-only crossing"]["info"]["reject_reason"] == "post only"
    assert gave["fetch named"]["id"] == gave["named"]["id"]
    assert gave["cancel all"][0]["info"] == [gave["post-only"]["id"]] and gave["open orders after"] == []
    ended = {gave["market"]["id"], gave["ioc"]["id"]}
    assert {one["id"] for one in gave["closed orders"]} == ended == {one["order"] for one in gave["my trades"]}
    assert {one["order"] for one in gave["order trades"]} == {gave["market"]["id"]}
    assert gave["fees"]["BTC/USD"]["taker"] == Decimal("0.006") and gave["fees"]["BTC/USD"]["maker"] == Decimal("0.004")


def _money(gave: Mapping[str, Any]) -> None:
    """What is held for an order is its price, size and fee; what was paid is what the trades say."""
    before, during, after = (gave[f"balance {when}"] for when in ("before", "while open", "after"))
    held = free(before, "USD") - free(during, "USD")
    price, size = gave["limit"]["price"], gave["limit"]["amount"]
    assert price * size <= held <= price * size * Decimal("1.0061")
    trades = gave["my trades"]
    assert free(after, "BTC") - free(before, "BTC") == sum(one["amount"] for one in trades) == Decimal("0.03")
    paid = sum(one["price"] * one["amount"] + one["fee"]["cost"] for one in trades)
    assert abs(free(before, "USD") - free(after, "USD") - paid) < Decimal("1e-6")
    written = [one for one in gave["ledger"] if one["type"] in ("trade", "fee")]
    assert abs(sum(one["amount"] for one in written) - paid) < Decimal("1e-6")
    assert {one["direction"] for one in written} == {"out"} and gave["holds"] == []


def _transfers(gave: Mapping[str, Any]) -> None:
    networks = {name: one["id"] for name, one in gave["currencies"]["ETH"]["networks"].items()}
    assert set(networks.values()) == {"ethereum", "base"}
    assert gave["currencies"]["BTC"]["networks"]["BTC"]["limits"]["withdraw"]["min"] == Decimal("0.0001")
    assert gave["deposit address"]["address"].startswith("0x") and len(gave["deposit address"]["address"]) == 42
    sent, listed = gave["withdraw"], gave["withdrawals"]
    assert [one["id"] for one in listed] == [sent["id"]] == [one["id"] for one in gave["transfers"]]
    assert (listed[0]["address"], listed[0]["currency"], listed[0]["status"]) == (ADDRESS, "ETH", "pending")
    assert sent["amount"] == Decimal("0.5") and gave["deposits"] == []
    assert Decimal(sent["info"]["subtotal"]) + Decimal(sent["info"]["fee"]) == Decimal("0.5")


def _watched(gave: Mapping[str, Any]) -> None:
    assert gave["watch order book"][0] < gave["watch order book"][1]
    assert gave["watch open"]["remaining"] == Decimal("0.01")
    assert gave["watch cancelled"]["id"] == gave["watch open"]["id"] and gave["watch cancelled"]["filled"] == 0
    assert gave["watch filled"]["filled"] == Decimal("0.01")
    assert [one["info"]["trade_id"] for one in gave["watch trades"]] == [
        one["info"]["trade_id"] for one in gave["asked trades"][:1]
    ]
    assert {one["takerOrMaker"] for one in gave["watch trades"]} == {"taker"}


@pytest.mark.slow
def test_ccxt_trades_at_advanced_trade() -> None:
    gave, raised = run("ccxt_coinbase", "main", "ccxt.pro", "coinbase")
    _advanced_orders(gave)
    before, after = gave["balance before"], gave["balance after"]
    bought = {one["id"] for one in (gave["market"], gave["ioc"])}
    trades = gave["my trades"]
    signed = [(1 if one["order"] in bought else -1, one) for one in trades]
    assert free(after, "BTC") - free(before, "BTC") == sum(sign * one["amount"] for sign, one in signed)
    paid = sum(sign * one["price"] * one["amount"] + one["fee"]["cost"] for sign, one in signed)
    assert abs(free(before, "USD") - free(after, "USD") - paid) < Decimal("1e-6")
    held = free(before, "USD") - free(gave["balance while open"], "USD")
    cost = Decimal(gave["fetch open"]["price"]) * Decimal("0.01")
    assert cost <= held <= cost * Decimal("1.0121")
    assert free(gave["balance of v2"], "BTC") == free(before, "BTC")
    assert gave["fees"]["BTC/USD"]["taker"] == Decimal("0.012") and gave["portfolios"][0]["type"] == "DEFAULT"
    assert {one["code"] for one in gave["accounts"]} >= {"BTC", "ETH", "USD", "USDT"}
    assert gave["watch open"]["id"] == gave["watch cancelled"]["id"] and gave["watch filled"]["filled"] == Decimal(
        "0.01"
    )
    words = {
        "cancel again": "check your arguments",
        "post-only crossing": "INVALID_LIMIT_PRICE_POST_ONLY",
        "not enough": "INSUFFICIENT_FUND",
        "far away": "INVALID_LIMIT_PRICE",
        "unknown symbol": "INVALID_PRODUCT_ID",
        "too precise": "INVALID_PRICE_PRECISION",
        "no configuration": "UNSUPPORTED_ORDER_CONFIGURATION",
        "no side": "INVALID_SIDE",
        "unknown order": "NOT_FOUND",
        "wrong key": "401 Unauthorized",
        "wrong secret": "401 Unauthorized",
        "stale": "401 Unauthorized",
        "no right": "PERMISSION_DENIED",
    }
    assert raised.keys() == words.keys()
    assert {name: text for name, text in words.items() if text not in raised[name][1]} == {}
    assert raised["not enough"][0] == "InsufficientFunds" and raised["no right"][0] == "PermissionDenied"
    assert {raised[name][0] for name in ("wrong key", "wrong secret", "stale")} == {"AuthenticationError"}


def _advanced_orders(gave: Mapping[str, Any]) -> None:
    assert (gave["fetch open"]["status"], gave["fetch cancelled"]["status"]) == ("open", "canceled")
    assert [one["id"] for one in gave["open orders"]] == [gave["limit"]["id"]]
    assert gave["limit"]["id"] in {one["id"] for one in gave["canceled orders"]}
    for name in ("market", "sold", "ioc"):
        order = gave[f"fetch {name}"]
        trades = [one for one in gave["my trades"] if one["order"] == order["id"]]
        assert (order["status"], order["filled"]) == ("closed", sum(one["amount"] for one in trades))
        charged = sum(one["fee"]["cost"] for one in trades)
        assert abs(Decimal(order["fee"]["cost"]) - charged) < Decimal("1e-7")
        for one in trades:
            assert abs(one["fee"]["cost"] / (one["price"] * one["amount"]) - Decimal("0.012")) < Decimal("1e-6")
    assert {one["id"] for one in gave["cancel several"]} == {gave["post-only"]["id"]}


@pytest.mark.slow
def test_coinbase_advanced_py_trades_at_advanced_trade() -> None:
    gave, raised = run("coinbase_advanced_private", "coinbase", "coinbase.rest", "coinbase", tls=True)
    assert gave["permissions"]["can_trade"] is gave["permissions"]["can_transfer"] is True
    assert gave["summary"]["fee_tier"]["taker_fee_rate"] == "0.012"
    assert {one["product_id"] for one in gave["products"]["products"]} >= {"BTC-USD", "ETH-USD"}
    order_id = gave["limit"]["success_response"]["order_id"]
    assert gave["same name"]["success_response"]["order_id"] == order_id  # "will be returned instead"
    assert [one["order_id"] for one in gave["listed"]["orders"]] == [order_id]
    assert (gave["open"]["order"]["status"], gave["cancelled"]["order"]["status"]) == ("OPEN", "CANCELLED")
    results = [(one["success"], one["failure_reason"]) for one in gave["cancel"]["results"]]
    assert results == [(True, "UNKNOWN_CANCEL_FAILURE_REASON"), (False, "UNKNOWN_CANCEL_ORDER")]
    filled, fills = gave["filled"]["order"], gave["fills"]["fills"]
    assert sum(Decimal(one["size"]) for one in fills) == Decimal(filled["filled_size"])
    assert sum(Decimal(one["commission"]) for one in fills) == Decimal(filled["total_fees"])
    assert Decimal("499.99") < Decimal(filled["total_value_after_fees"]) <= 500
    assert gave["heard FILLED"]["filled_value"] == filled["filled_value"]
    assert gave["heard CANCELLED"]["cumulative_quantity"] == "0"
    assert gave["sequence"] == list(range(len(gave["sequence"])))
    assert gave["poor"]["error_response"]["error"] == "INSUFFICIENT_FUND"
    words = {"wrong key": "401", "wrong secret": "401", "no right": "403", "unknown order": "404"}
    assert raised.keys() == words.keys()
    assert {name for name, text in words.items() if text not in raised[name][1]} == set()
