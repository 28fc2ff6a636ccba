"""The private side of the simulated Coinbase Exchange, by requests signed as its documentation says.

Expected forms: recorded answers of production (github.com/c9s/bbgo, 2025), the pages named in the plugin's modules, and
laws: money is neither made nor lost, what is held is what orders can cost.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from conformance.coinbase_stage import ADDRESS, SECOND, Stage

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_OTHER, SANDBOX_READER, SANDBOX_TRADER, HttpRequest
from cryptopipe.sandbox.faults import Fault

CENT = Decimal("0.01")
UNKNOWN = "3fa3a1c2-1111-4222-8333-444455556666"
NAME = "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def lasting() -> Stage:
    return Stage()


@pytest.fixture
def calm(lasting: Stage) -> Stage:
    """One market for all that is refused; its allowance is full again."""
    lasting.wait(2 * SECOND)
    return lasting


def test_answers_have_the_recorded_fields(stage: Stage) -> None:
    """bbgo testdata, 2025: POST, a done order, a fill, an account."""
    bid, _ = stage.best()
    placed = stage.place(price=str(bid - 1000))
    assert list(placed) == [
        "id", "price", "size", "product_id", "side", "stp", "type", "time_in_force", "post_only", "created_at",
        "fill_fees", "filled_size", "executed_value", "status", "settled",
    ]  # fmt: skip
    assert (placed["status"], placed["settled"], placed["stp"]) == ("pending", False, "dc")
    done = stage.call("GET", f"/orders/{stage.place('sell')['id']}")
    assert set(done) == {
        "id", "size", "product_id", "profile_id", "side", "type", "post_only", "created_at", "done_at", "done_reason",
        "fill_fees", "filled_size", "executed_value", "market_type", "status", "settled", "funding_currency",
    }  # fmt: skip
    assert (done["status"], done["done_reason"], done["settled"]) == ("done", "filled", True)
    assert done["filled_size"] == "0.01000000" and len(done["fill_fees"].partition(".")[2]) == 16
    fill = stage.call("GET", "/fills?product_id=BTC-USD")[0]
    assert set(fill) == {
        "trade_id", "product_id", "order_id", "user_id", "profile_id", "liquidity", "price", "size", "fee",
        "created_at", "side", "settled", "usd_volume", "market_type", "funding_currency",
    }  # fmt: skip
    assert set(stage.call("GET", "/accounts")[0]) == {
        "id", "currency", "balance", "hold", "available", "profile_id", "trading_enabled", "pending_deposit",
        "display_name",
    }  # fmt: skip


def test_what_is_bought_is_paid_for_with_its_fee(stage: Stage) -> None:
    usd, btc = stage.held("USD")[0], stage.held("BTC")[0]
    order = stage.place(size="0.05")["id"]
    done, fills = stage.call("GET", f"/orders/{order}"), stage.call("GET", f"/fills?order_id={order}")
    assert sum(Decimal(one["size"]) for one in fills) == Decimal("0.05") == stage.held("BTC")[0] - btc
    fee = sum(Decimal(one["fee"]) for one in fills)
    assert fee == Decimal(done["fill_fees"])
    assert abs(fee - Decimal(done["executed_value"]) * Decimal("0.006")) < Decimal("1e-7") * len(fills)
    assert usd - stage.held("USD")[0] == Decimal(done["executed_value"]) + fee
    assert {one["liquidity"] for one in fills} == {"T"} and {one["side"] for one in fills} == {"buy"}


def test_what_is_held_is_what_the_order_can_cost(stage: Stage) -> None:
    bid, ask = stage.best()
    before = stage.held("USD")
    order = stage.place(price=str(bid - 1000))["id"]
    balance, hold, available = stage.held("USD")
    cost = (bid - 1000) * CENT
    assert balance == before[0] == available + hold and cost <= hold <= cost * Decimal("1.0061")
    (row,) = stage.call("GET", f"/accounts/{_account(stage, 'USD')}/holds")
    assert (row["ref"], row["type"], Decimal(row["amount"])) == (order, "order", hold)
    assert stage.call("DELETE", f"/orders/{order}") == order
    assert stage.held("USD") == before
    sold = stage.place("sell", price=str(ask + 1000))["id"]
    assert stage.held("BTC")[1] == CENT
    assert stage.call("DELETE", "/orders?product_id=ETH-USD") == []
    assert stage.call("DELETE", "/orders?product_id=BTC-USD") == [sold]
    assert stage.held("BTC")[1] == 0


def _account(stage: Stage, currency: str) -> str:
    return str(next(one["id"] for one in stage.call("GET", "/accounts") if one["currency"] == currency))


def test_an_order_is_open_then_gone(stage: Stage) -> None:
    """ "Open orders may change state between the request and the response" … a cancelled one "might return a 404"."""
    bid, _ = stage.best()
    order = stage.place(price=str(bid - 1000), client_oid=NAME)["id"]
    for name in (order, f"client:{NAME}"):
        found = stage.call("GET", f"/orders/{name}")
        assert (found["id"], found["status"], found["client_oid"]) == (order, "open", NAME)
    assert [one["id"] for one in stage.call("GET", "/orders")] == [order]
    assert stage.call("GET", "/orders?product_id=ETH-USD") == [] == stage.call("GET", "/orders?status=done")
    assert stage.call("DELETE", f"/orders/client:{NAME}") == order
    assert stage.refused("GET", f"/orders/{order}") == (404, "NotFound")
    assert stage.refused("DELETE", f"/orders/{order}") == (400, "Order already done")
    assert stage.call("GET", "/orders") == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"post_only": True}, "post only"), ({"time_in_force": "FOK", "size": "1.1"}, "fill or kill")],
)
def test_what_may_not_rest_or_take_is_rejected(stage: Stage, more: dict[str, Any], reason: str) -> None:
    """200 with status `rejected` (coinbase-pro-trading-toolkit issue 149)."""
    _, ask = stage.best()
    before = stage.held("USD")
    price = str(ask - 1000) if "size" in more else str(ask + 10)
    told = stage.place(**{"size": "0.01", "price": price} | more)
    assert (told["status"], told["reject_reason"]) == ("rejected", reason)
    assert stage.held("USD") == before and stage.call("GET", "/fills?product_id=BTC-USD") == []


def test_an_ioc_order_keeps_what_it_got(stage: Stage) -> None:
    _, ask = stage.best()
    order = stage.place(size="1.4", price=str(ask + 8), time_in_force="IOC")["id"]
    done = stage.call("GET", f"/orders/{order}")
    assert (done["status"], done["done_reason"]) == ("done", "canceled")
    assert 0 < Decimal(done["filled_size"]) < Decimal("1.4") and stage.held("USD")[1] == 0


def test_a_market_order_by_funds_spends_them_with_the_fee(stage: Stage) -> None:
    before = stage.held("USD")[0]
    kind = {"product_id": "BTC-USD", "side": "buy", "type": "market"}
    order = stage.call("POST", "/orders", funds="500.00", **kind)["id"]
    done = stage.call("GET", f"/orders/{order}")
    spent = before - stage.held("USD")[0]
    assert Decimal("499.99") < spent <= 500 and Decimal(done["funds"]) + Decimal(done["fill_fees"]) <= 500
    assert Decimal(done["executed_value"]) + Decimal(done["fill_fees"]) == spent


@pytest.mark.parametrize(
    ("stp", "left", "placed"),
    [("cn", ["old"], "nothing"), ("co", ["new"], "rests"), ("cb", [], "nothing")],
)
def test_own_orders_do_not_meet(stage: Stage, stp: str, left: list[str], placed: str) -> None:
    """Page self-trade prevention: cn cancels the newest, co the oldest, cb both."""
    bid, ask = stage.best()
    middle = ((bid + ask) / 2).quantize(CENT)
    names = {"old": stage.place("sell", price=str(middle))["id"]}
    told = stage.ask("POST", "/orders", product_id="BTC-USD", side="buy", size="0.01", type="limit",
                     price=str(middle), stp=stp)  # fmt: skip
    names["new"] = told[1].get("id", "")
    assert [one["id"] for one in stage.call("GET", "/orders")] == [names[one] for one in left]
    assert stage.call("GET", "/fills?product_id=BTC-USD") == [], placed


BAD = {"product_id": "BTC-USD", "side": "buy", "type": "limit", "size": "0.01", "price": "60000.00"}
"""Below a market of some 62000."""


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"product_id": "DOGE-XYZ"}, 400, "Product not found"),
        ({"price": "1000.00"}, 400, "price is too far from the market"),
        ({"price": "60000.001"}, 400, "price is too accurate. Smallest unit is 0.01000000"),
        ({"size": "0.000000001"}, 400, "size is too small. Minimum size is 0.00000001"),
        ({"size": "much"}, 400, "size must be a number"),
        ({"size": "-1"}, 400, "size must be a positive number"),
        ({"size": "1e400"}, 400, "size must be a number"),
        ({"size": "NaN"}, 400, "size must be a number"),
        ({"side": "buY"}, 400, "Invalid side buY"),
        ({"side": None}, 400, "Requires side"),
        ({"price": None}, 400, "Requires price"),
        ({"type": "LIMIT"}, 400, "Invalid order_type LIMIT"),
        ({"time_in_force": "GTCi"}, 400, "Invalid time_in_force GTCi"),
        ({"size": "90"}, 400, "Insufficient funds"),
    ],
)
def test_bad_orders_get_the_venues_words(calm: Stage, change: dict[str, Any], status: int, message: str) -> None:
    """As tests of public clients quote them (see the plugin's sandbox_private_words.py)."""
    before = calm.held("USD")
    fields = {name: value for name, value in (BAD | change).items() if value is not None}
    assert calm.refused("POST", "/orders", **fields) == (status, message)
    assert calm.held("USD") == before and calm.call("GET", "/orders") == []


def test_bad_bodies_and_places_are_refused(calm: Stage) -> None:
    for text in (b"{", b"[]", b"\xff", b'"' + b"[" * 2000):
        request = calm.request("POST", "/orders", None, SANDBOX_CREDENTIALS)
        status = calm.send(HttpRequest("POST", "/orders", dict(request.headers), text)).status
        assert status == 400
    assert calm.refused("GET", "/orders/what") == (400, "Invalid order id")
    assert calm.refused("DELETE", f"/orders/{UNKNOWN}") == (404, "order not found")
    assert calm.refused("GET", f"/accounts/{UNKNOWN}") == (404, "NotFound")
    assert calm.refused("GET", "/orders?limit=0") == (400, "Invalid limit")
    assert calm.refused("PUT", "/orders", x=1)[0] == 404


def test_headers_are_checked_in_turn(calm: Stage) -> None:
    headers = dict(calm.request("GET", "/accounts", None, SANDBOX_CREDENTIALS).headers)
    for name, status in (("KEY", 401), ("SIGN", 400), ("TIMESTAMP", 400), ("PASSPHRASE", 400)):
        left = {key: value for key, value in headers.items() if key != f"CB-ACCESS-{name}"}
        response = calm.send(HttpRequest("GET", "/accounts", left))
        told = json.loads(response.body)["message"]
        assert (response.status, told) == (status, f"CB-ACCESS-{name} header is required")
    strange = headers | {"CB-ACCESS-TIMESTAMP": "today"}
    assert json.loads(calm.send(HttpRequest("GET", "/accounts", strange)).body) == {"message": "invalid timestamp"}
    assert calm.ask("GET", "/accounts", late=31 * SECOND)[1] == {"message": "request timestamp expired"}
    assert calm.ask("GET", "/accounts", late=29 * SECOND)[0] == 200
    moved = HttpRequest("GET", "/fees", headers)
    assert json.loads(calm.send(moved).body) == {"message": "invalid signature"}


def test_a_signature_covers_query_and_body(stage: Stage) -> None:
    request = stage.request("GET", "/orders?product_id=BTC-USD", None, SANDBOX_CREDENTIALS)
    other = HttpRequest("GET", "/orders?product_id=ETH-USD", dict(request.headers))
    assert stage.send(request).status == 200 and stage.send(other).status == 400
    request = stage.request("POST", "/orders", BAD, SANDBOX_CREDENTIALS)
    other = HttpRequest("POST", "/orders", dict(request.headers), (request.body or b"") + b" ")
    assert stage.send(other).status == 400 and stage.send(request).status == 200


def test_keys_may_do_what_they_may(stage: Stage) -> None:
    assert stage.refused("POST", "/orders", SANDBOX_READER, **BAD) == (403, "Forbidden")
    sent = {"currency": "ETH", "amount": "0.5", "crypto_address": ADDRESS}
    assert stage.refused("POST", "/withdrawals/crypto", SANDBOX_TRADER, **sent) == (403, "Forbidden")
    order = stage.call("POST", "/orders", SANDBOX_TRADER, **BAD)["id"]
    assert stage.call("GET", f"/orders/{order}", SANDBOX_READER)["id"] == order  # the same account
    assert stage.refused("GET", f"/orders/{order}", SANDBOX_OTHER) == (404, "NotFound")
    assert stage.refused("DELETE", f"/orders/{order}", SANDBOX_OTHER) == (404, "order not found")
    ids = [{one["id"] for one in stage.call("GET", "/accounts", keys)} for keys in (SANDBOX_READER, SANDBOX_OTHER)]
    assert not ids[0] & ids[1]


def test_limits_are_of_the_account_and_fill_again(stage: Stage) -> None:
    """15 a second, 30 at once; of fills 10 and 20 (page rate-limits)."""

    def statuses(path: str, count: int) -> list[int]:
        return [stage.ask("GET", path)[0] for _ in range(count)]

    assert statuses("/accounts", 31) == [200] * 30 + [429]
    assert stage.refused("GET", "/accounts", SANDBOX_READER) == (429, "Private rate limit exceeded")
    assert stage.ask("GET", "/accounts", SANDBOX_OTHER)[0] == 200
    assert statuses("/fills?product_id=BTC-USD", 21) == [200] * 20 + [429]
    stage.wait(SECOND)
    assert statuses("/accounts", 16) == [200] * 15 + [429]


def test_lists_come_newest_first_in_pages(stage: Stage) -> None:
    """Page pagination: `after` asks for older rows, `before` for newer; cursors come in headers."""
    orders = []
    for number in range(5):
        orders.append(stage.place(price=f"{60000 + number}.00")["id"])
        stage.wait(SECOND // 10)
    first = stage.send(stage.request("GET", "/orders?limit=2", None, SANDBOX_CREDENTIALS))
    assert [one["id"] for one in json.loads(first.body)] == orders[:2:-1]
    after = first.headers["CB-AFTER"]
    rest = stage.call("GET", f"/orders?after={after}")
    assert [one["id"] for one in rest] == orders[2::-1]
    newer = stage.call("GET", f"/orders?before={after}")
    assert [one["id"] for one in newer] == orders[:3:-1]
    stage.place(size="1.2")
    fills = stage.call("GET", "/fills?product_id=BTC-USD")
    ids = [one["trade_id"] for one in fills]
    assert ids == sorted(ids, reverse=True) and len(ids) > 1
    page = stage.send(stage.request("GET", "/fills?product_id=BTC-USD&limit=1", None, SANDBOX_CREDENTIALS))
    assert page.headers["CB-AFTER"] == page.headers["CB-BEFORE"] == str(ids[0])
    older = stage.call("GET", f"/fills?product_id=BTC-USD&after={ids[0]}")
    assert [one["trade_id"] for one in older] == ids[1:]


def test_the_ledger_adds_up_to_the_balance(stage: Stage) -> None:
    account, before = _account(stage, "USD"), stage.held("USD")[0]
    stage.place(size="0.02")
    stage.place("sell", size="0.01")
    rows = stage.call("GET", f"/accounts/{account}/ledger")
    assert {one["type"] for one in rows} == {"match", "fee"}
    assert before + sum(Decimal(one["amount"]) for one in rows) == stage.held("USD")[0]
    assert Decimal(rows[0]["balance"]) == stage.held("USD")[0]


def test_fees_profiles_and_wallets(calm: Stage) -> None:
    assert calm.call("GET", "/fees")["taker_fee_rate"] == "0.0060"
    (profile,) = calm.call("GET", "/profiles")
    assert calm.call("GET", f"/profiles/{profile['id']}") == profile
    assert {one["profile_id"] for one in calm.call("GET", "/accounts")} == {profile["id"]}
    assert calm.call("GET", "/payment-methods") == []
    wallets = {one["currency"]: one for one in calm.call("GET", "/coinbase-accounts")}
    assert {"BTC", "ETH", "SOL", "USDT"} <= wallets.keys()
    made = calm.call("POST", f"/coinbase-accounts/{wallets['SOL']['id']}/addresses", network="solana")
    assert made["network"] == "solana" and 32 <= len(made["address"]) <= 44
    told = calm.refused("POST", f"/coinbase-accounts/{wallets['SOL']['id']}/addresses", network="bitcoin")
    assert told == (400, "network bitcoin is not supported")


def test_currencies_tell_their_networks(calm: Stage) -> None:
    (eth,) = (one for one in json.loads(calm.send(HttpRequest("GET", "/currencies")).body) if one["id"] == "ETH")
    networks = {one["id"]: one for one in eth["supported_networks"]}
    assert eth["default_network"] == "ethereum" and set(networks) == {"ethereum", "base"}
    assert networks["ethereum"]["min_withdrawal_amount"] == 0.001  # a number of JSON, as the page has it
    assert (networks["ethereum"]["network_confirmations"], eth["details"]["network_confirmations"]) == (14, 14)
    usd = json.loads(calm.send(HttpRequest("GET", "/currencies/USD")).body)
    assert (usd["details"]["type"], usd["supported_networks"]) == ("fiat", [])


SENT = {"currency": "ETH", "amount": "0.5", "crypto_address": ADDRESS, "network": "ethereum"}


def test_a_withdrawal_takes_its_amount_and_ends(stage: Stage) -> None:
    before = stage.held("ETH")
    estimate = stage.call("GET", f"/withdrawals/fee-estimate?currency=ETH&crypto_address={ADDRESS}&network=ethereum")
    made = stage.call("POST", "/withdrawals/crypto", **SENT)
    assert Decimal(made["fee"]) == Decimal(estimate["fee"]) > 0
    assert Decimal(made["subtotal"]) + Decimal(made["fee"]) == Decimal(made["amount"]) == Decimal("0.5")
    assert before[2] - stage.held("ETH")[2] == Decimal("0.5")
    listed = stage.call("GET", "/transfers?type=withdraw")
    assert [one["id"] for one in listed] == [made["id"]] and stage.call("GET", "/transfers?type=deposit") == []
    one = stage.call("GET", f"/transfers/{made['id']}")
    assert (one["details"]["sent_to_address"], one["details"]["network"]) == (ADDRESS, "ethereum")
    assert [one["id"] for one in stage.call("GET", f"/accounts/{_account(stage, 'ETH')}/transfers")] == [made["id"]]
    assert stage.call("GET", f"/accounts/{_account(stage, 'BTC')}/transfers") == []


def test_the_networks_fee_may_come_on_top(stage: Stage) -> None:
    before = stage.held("ETH")[2]
    made = stage.call("POST", "/withdrawals/crypto", add_network_fee_to_total=True, **SENT)
    assert Decimal(made["subtotal"]) == Decimal("0.5")
    assert before - stage.held("ETH")[2] == Decimal("0.5") + Decimal(made["fee"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "nowhere"}, "network nowhere is not supported"),
        ({"crypto_address": "999999999"}, "Invalid ETH address: 999999999"),
        ({"amount": "0.0001"}, "amount is below the minimum (0.00100000 ETH) required to send on-blockchain."),
        ({"amount": "500"}, "travel rule information is required"),
        ({"currency": "USDC", "amount": "5"}, "Insufficient funds"),
        ({"amount": "-1"}, "amount must be a positive number"),
        ({"currency": "DOGE"}, "Invalid currency"),
        ({"crypto_address": ""}, "invalid crypto_address"),
    ],
)
def test_bad_withdrawals_move_nothing(calm: Stage, change: dict[str, str], message: str) -> None:
    before = calm.held("ETH")
    assert calm.refused("POST", "/withdrawals/crypto", **SENT | change) == (400, message)
    assert calm.held("ETH") == before and calm.call("GET", "/transfers") == []


def test_a_nonce_is_used_once(stage: Stage) -> None:
    stage.call("POST", "/withdrawals/crypto", nonce=7, **SENT)
    assert stage.refused("POST", "/withdrawals/crypto", nonce=7, **SENT) == (400, "nonce was already used")
    (one,) = stage.call("GET", "/transfers")
    assert one["user_nonce"] == "7"


def test_faults_speak_the_venues_words() -> None:
    """Maintenance: the words that ccxt looks for; a busy venue: 503."""
    shut = Stage(faults=(Fault("maintenance", lasts=20 * SECOND),))
    assert shut.refused("GET", "/accounts") == (503, "Coinbase Exchange is currently under maintenance")
    dialled = shut.house.dial("/", shut.now)
    assert not isinstance(dialled, int) and dialled.status == 503
    busy = Stage(faults=(Fault("reject", words={"of": "order"}),))
    assert busy.refused("POST", "/orders", **BAD) == (503, "Service Unavailable")
    assert busy.call("GET", "/orders") == []
    lost = Stage(faults=(Fault("lost_response", words={"of": "order"}),))
    assert lost.house.answer(lost.request("POST", "/orders", BAD, SANDBOX_CREDENTIALS), lost.now) is None
    assert len(lost.call("GET", "/orders")) == 1


@pytest.mark.slow
def test_a_withdrawal_ends_on_its_chain(stage: Stage) -> None:
    """Stamps as ccxt 4.5.90 reads them: `completed_at` and `processed_at` once it is final."""
    made = stage.call("POST", "/withdrawals/crypto", **SENT | {"network": "base"})
    first = stage.call("GET", f"/transfers/{made['id']}")
    assert [first[name] for name in ("completed_at", "processed_at", "canceled_at")] == [None] * 3
    for _ in range(100):
        stage.wait(60 * SECOND)
        told = stage.call("GET", f"/transfers/{made['id']}")
        if told["completed_at"]:
            break
    assert told["completed_at"] and told["processed_at"] and not told["canceled_at"]
    assert len(told["details"]["crypto_transaction_hash"]) == 64 and told["amount"] == "0.50000000"
    rows = stage.call("GET", f"/accounts/{_account(stage, 'ETH')}/ledger")
    assert [(one["type"], Decimal(one["amount"])) for one in rows] == [("transfer", Decimal("-0.5"))]
    assert stage.held("ETH")[1] == 0
