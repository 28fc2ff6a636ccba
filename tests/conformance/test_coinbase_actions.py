"""Actions at Coinbase Exchange: documented answers, errors as tables, and the codec against the simulated venue."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from conformance.coinbase_stage import ADDRESS, EXCHANGE, SECOND, Stage
from msgspec.structs import replace

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_READER,
    Accepted,
    Action,
    CancelAll,
    CancelOrder,
    Credentials,
    CryptopipeError,
    Fee,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchTime,
    FindOrder,
    HttpRequest,
    HttpResponse,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    More,
    NotFound,
    OrderState,
    Outcome,
    PlaceOrder,
    ProtocolError,
    RateLimited,
    Refused,
    Reports,
    Side,
    TimeInForce,
    TransferState,
    UnknownOutcome,
    VenueError,
    VenueUnavailable,
    Withdraw,
)
from cryptopipe.testing.actions import ActionConformance, Answer, Published
from cryptopipe_coinbase.actions import actions, name_of, nonce_of
from cryptopipe_coinbase.metadata import CoinbaseInstruments

INSTRUMENTS = CoinbaseInstruments(EXCHANGE.venue)
BTC, ETH = INSTRUMENTS.find("BTC-USD"), INSTRUMENTS.find("ETH-USD")
CODEC = actions((BTC, ETH))
OURS = "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"
THEIRS = "d96aad29-aa9d-471b-ab6d-0c2a3383479c"
TOLD = "read 2026-11-21 in a stored copy of docs.cdp.coinbase.com/api-reference/exchange-api/rest-api"
ERRORS = "docs.cdp.coinbase.com/exchange/rest-api/requests, 2026-11-21"
BBGO = "github.com/c9s/bbgo pkg/exchange/coinbase/testdata, recorded in production 2025, looked up 2026-11-21"
EMULATOR = "as tests of public clients quote it, looked up 2026-11-21"

PLACE = PlaceOrder(ETH, Side.BUY, Decimal(100), Decimal("0.01"), OURS)
CANCEL, BY_ID = CancelOrder(BTC, OURS), CancelOrder(BTC, OURS, THEIRS)
FIND = FindOrder(BTC, OURS)
BALANCES = FetchBalances(EXCHANGE.venue)
WITHDRAW = Withdraw(EXCHANGE.venue, "ETH", "ethereum", ADDRESS, Decimal("0.5"), "w-1")

PENDING = {
    "id": THEIRS, "price": "0.01", "size": "100", "product_id": "ETH-USD", "side": "buy", "stp": "dc", "type": "limit",
    "time_in_force": "GTC", "post_only": False, "created_at": "2025-08-18T05:56:45.564203Z", "fill_fees": "0",
    "filled_size": "0", "executed_value": "0", "status": "pending", "settled": False,
}  # fmt: skip
"""Recorded 2025-08 (BBGO)."""
DONE = {
    "id": THEIRS, "size": "0.01000000", "product_id": "BTC-USDT", "profile_id": "a", "side": "sell", "type": "market",
    "post_only": False, "created_at": "2025-06-17T02:27:08.44409Z", "done_at": "2025-06-17T02:27:08.449Z",
    "done_reason": "filled", "fill_fees": "0.4268171500000000", "filled_size": "0.01000000",
    "executed_value": "1067.0428750000000000", "market_type": "spot", "status": "done", "settled": True,
    "funding_currency": "USDT",
}  # fmt: skip
"""Recorded 2025-06 (BBGO)."""


def body(told: object) -> bytes:
    return json.dumps(told).encode()


def said(message: str) -> bytes:
    return body({"message": message})


def signed(request: HttpRequest, credentials: Credentials) -> str:
    """docs.cdp.coinbase.com/exchange/rest-api/authentication (2026-11-21)."""
    parts = urlsplit(request.url)
    path = parts.path + f"?{parts.query}" * bool(parts.query)
    at = next(value for name, value in request.headers.items() if name.upper() == "CB-ACCESS-TIMESTAMP")
    text = f"{at}{request.method}{path}{(request.body or b'').decode()}"
    return b64encode(hmac.new(b64decode(credentials.secret), text.encode(), sha256).digest()).decode()


MEANINGS: Sequence[tuple[Action, int, bytes, Any, str]] = (
    (PLACE, 200, body(PENDING | {"status": "rejected", "reject_reason": "post only"}),
     Refused("rejected", "post only"), "coinbase-pro-trading-toolkit issue 149, 2026-11-21"),
    (PLACE, 400, said("Insufficient funds"), Refused("400", "Insufficient funds"),
     "fixtures/coinbase/errors.json, insufficient_funds_exchange"),
    (PLACE, 400, said("size is too small. Minimum size is 0.001"),
     Refused("400", "size is too small. Minimum size is 0.001"), EMULATOR),
    (PLACE, 400, said("price is too accurate. Smallest unit is 0.01000000"),
     Refused("400", "price is too accurate. Smallest unit is 0.01000000"), EMULATOR),
    (PLACE, 400, said("Post only mode"), Refused("400", "Post only mode"), "ccxt issues 7690, 2026-11-21"),
    (PLACE, 400, said("Cancel only mode"), Refused("400", "Cancel only mode"), "ccxt issues 7690, 2026-11-21"),
    (PLACE, 404, said("Product not found"), Refused("404", "Product not found"), EMULATOR),
    (PLACE, 400, said("some words nobody saw"), Refused("400", "some words nobody saw"),
     f'{ERRORS}: "400 Bad Request -- Invalid request format"'),
    (PLACE, 401, said("Invalid API Key"), VenueError, ERRORS),
    (PLACE, 400, said("invalid signature"), VenueError, EMULATOR),
    (PLACE, 400, said("Invalid Passphrase"), VenueError, EMULATOR),
    (PLACE, 400, said("request timestamp expired"), VenueError, EMULATOR),
    (PLACE, 401, said("CB-ACCESS-KEY header is required"), VenueError, EMULATOR),
    (PLACE, 403, said("Forbidden"), VenueError, ERRORS),
    (PLACE, 429, said("Private rate limit exceeded"), RateLimited,
     "docs.cdp.coinbase.com/exchange/rest-api/rate-limits, 2026-11-21"),
    (PLACE, 500, said("Internal server error"), UnknownOutcome, ERRORS),
    (PLACE, 400, said("Internal server error"), UnknownOutcome, f"{ERRORS}; with a status that belies it"),
    (PLACE, 503, said("Coinbase Exchange is currently under maintenance"), UnknownOutcome,
     "ccxt 4.5.90: 'under maintenance'; no page says that nothing was done"),
    (PLACE, 504, b"<html>504 Gateway Time-out</html>", UnknownOutcome, "any gateway"),
    (PLACE, 200, body(PENDING | {"client_oid": THEIRS}), UnknownOutcome, "an answer to another order"),
    (CANCEL, 200, body(THEIRS), Accepted(THEIRS), BBGO),
    (BY_ID, 200, body(THEIRS), Accepted(THEIRS), BBGO),
    (BY_ID, 200, body(OURS.replace("5f", "6f")), UnknownOutcome, "an answer about another order"),
    (CANCEL, 404, said("order not found"), NotFound("", "order not found"), EMULATOR),
    (CANCEL, 404, said("NotFound"), NotFound("", "NotFound"), ERRORS),
    (CANCEL, 400, said("Order already done"), Refused("400", "Order already done"), EMULATOR),
    (CANCEL, 500, said("Internal server error"), UnknownOutcome, ERRORS),
    (CancelAll(EXCHANGE.venue, BTC), 200, body([THEIRS]), Accepted(""), TOLD),
    (CancelAll(EXCHANGE.venue, BTC), 200, body([]), UnknownOutcome, "nothing shows what was done"),
    (FIND, 404, said("NotFound"), NotFound("", "NotFound"), f'{TOLD}: "might return a 404"'),
    (FIND, 500, said("Internal server error"), VenueUnavailable, ERRORS),
    (BALANCES, 429, said("Private rate limit exceeded"), RateLimited, ERRORS),
    (BALANCES, 401, said("Invalid API Key"), VenueError, ERRORS),
    (BALANCES, 503, said("Coinbase Exchange is currently under maintenance"), VenueUnavailable, "ccxt 4.5.90"),
    (BALANCES, 200, b"<html>", ProtocolError, "no JSON"),
    (WITHDRAW, 200, body({"id": THEIRS, "amount": "0.50000000", "currency": "ETH", "payout_at": None}),
     Accepted(THEIRS), TOLD),
    (WITHDRAW, 400, said("Amount is below the minimum (0.00100000 ETH) required to send on-blockchain."),
     Refused("400", "Amount is below the minimum (0.00100000 ETH) required to send on-blockchain."), EMULATOR),
    (WITHDRAW, 400, said("Invalid ETH address: 999999999"), Refused("400", "Invalid ETH address: 999999999"), EMULATOR),
    (WITHDRAW, 502, b"", UnknownOutcome, "any gateway"),
)  # fmt: skip


class TestExchangeActions(ActionConformance):
    name = "coinbase_exchange"
    codec = CODEC
    credentials = Credentials("key-of-tests", "c2VjcmV0LW9mLXRlc3RzLTI0", "passphrase-of-tests")  # valid backwards too
    actions = (
        PLACE, CANCEL, CancelAll(EXCHANGE.venue, BTC), FIND, ListOpenOrders(EXCHANGE.venue), ListOrders(BTC),
        ListFills(BTC, THEIRS), BALANCES, FetchFees(BTC), FetchCurrencies(EXCHANGE.venue), FetchTime(EXCHANGE.venue),
        FetchAddress(EXCHANGE.venue, "ETH", "base"), WITHDRAW, ListTransfers(EXCHANGE.venue, False),
    )  # fmt: skip
    published = (
        Published(
            HttpRequest(
                "GET", "https://api.exchange.coinbase.com/fills?product_id=BTC-EUR",
                {"CB-ACCESS-TIMESTAMP": "1580066918.897"},
            ),
            Credentials(
                "", "kv+3DPw2yHWQWkDsmpN4uXWtgtuBrFFLu7zRk9gipjdrFpUjwZ0mK6KzGAPFpxOjDLdna20xozy+9fqRU5zJZQ=="
            ),
            "qGB3X7LOAhNXPpRqV73F08sMU1hKuX+s7vQypcEErV8=",
            "github.com/bennycode/coinbase-pro-node, src/auth/RequestSigner.test.ts, looked up 2026-11-21",
        ),
    )  # fmt: skip
    answers = tuple(Answer(*one) for one in MEANINGS)
    documented_codes = ("Insufficient funds", "post only", "NotFound", "Invalid API Key", "Order already done")
    ambiguous_codes = ("Internal server error",)

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        return signed(request, credentials)


def test_every_error_of_the_venue_in_the_fixtures_has_a_meaning() -> None:
    shared = Path("/work/shared/fixtures/coinbase/errors.json")
    if not shared.exists():
        pytest.skip("no fixtures here")
    found = [one for one in json.loads(shared.read_text()) if "exchange" in one["kind"]]
    assert found
    for one in found:
        got = CODEC.parse(PLACE, HttpResponse(one["http_status"], body(one["response"])))
        assert got == Refused(str(one["http_status"]), one["response"]["message"])


def test_recorded_answers_are_read_to_the_digit() -> None:
    placed = CODEC.parse(PLACE, HttpResponse(200, body(PENDING)))
    assert isinstance(placed, Accepted) and (placed.venue_id, placed.state) == (THEIRS, "pending")
    assert placed.order is not None and placed.order.state is OrderState.OPEN
    found = CODEC.parse(FindOrder(INSTRUMENTS.find("BTC-USDT"), OURS), HttpResponse(200, body(DONE)))
    assert isinstance(found, Reports)
    order = found.orders[0]
    assert (order.order_id, order.side, order.state) == (THEIRS, Side.SELL, OrderState.FILLED)
    assert (order.filled, order.spent) == (Decimal("0.01"), Decimal("1067.042875"))
    cut = DONE | {"done_reason": "canceled", "size": "0.03000000"}
    told = CODEC.parse(FindOrder(INSTRUMENTS.find("BTC-USDT"), OURS), HttpResponse(200, body(cut)))
    assert isinstance(told, Reports) and told.orders[0].state is OrderState.CANCELLED


def test_a_recorded_fill_has_its_fee_in_quote() -> None:
    """bbgo testdata, recorded 2025-08."""
    told = {
        "trade_id": 31646077, "product_id": "BTC-USDT", "order_id": THEIRS, "user_id": "u", "profile_id": "p",
        "liquidity": "M", "price": "120832.83000000", "size": "0.00500000", "fee": "0.2416656600000000",
        "created_at": "2025-08-13T14:56:07.267666Z", "side": "buy", "settled": True,
        "usd_volume": "604.2256000000000000", "market_type": "spot", "funding_currency": "USDT",
    }  # fmt: skip
    got = CODEC.parse(ListFills(INSTRUMENTS.find("BTC-USDT")), HttpResponse(200, body([told])))
    assert isinstance(got, Reports)
    fill = got.fills[0]
    assert (fill.fill_id, fill.order_id, fill.side, fill.maker) == ("31646077", THEIRS, Side.BUY, True)
    assert fill.fee == Fee(Decimal("0.24166566"), INSTRUMENTS.find("BTC-USDT").quote)
    assert (fill.price, fill.size) == (Decimal("120832.83"), Decimal("0.005"))


@pytest.mark.parametrize(
    ("stamps", "state"),
    [
        ({}, TransferState.PENDING),
        ({"processed_at": "2021-02-18 22:58:59.000000+00"}, TransferState.FAILED),
        ({"canceled_at": "2021-02-18 22:58:59.000000+00"}, TransferState.CANCELLED),
        (dict.fromkeys(("completed_at", "processed_at"), "2021-02-18 22:58:59.000000+00"), TransferState.DONE),
    ],
)
def test_stamps_tell_how_a_transfer_ended(stamps: dict[str, str], state: TransferState) -> None:
    """The answer that ccxt 4.5.90 quotes, of a withdrawal; its stamps changed."""
    told: dict[str, Any] = {
        "id": THEIRS, "type": "withdraw", "created_at": "2021-02-18 22:58:57.000000+00", "completed_at": None,
        "canceled_at": None, "processed_at": None, "amount": "0.01000000", "currency": "LTC", "user_nonce": None,
        "details": {"network": "litecoin", "sent_to_address": "MKem", "crypto_transaction_hash": "752f",
                    "fee": "0.001"},
    }  # fmt: skip
    inner = told | {"id": OURS, "type": "internal_withdraw"}
    response = HttpResponse(200, body([told | stamps, inner]))
    got = CODEC.parse(ListTransfers(EXCHANGE.venue, False), response)
    assert isinstance(got, Reports) and [one.state for one in got.transfers] == [state]
    one = got.transfers[0]
    assert (one.asset, one.network, one.address, one.txid) == ("LTC", "litecoin", "MKem", "752f")
    assert (one.amount, one.fee, one.at) == (Decimal("0.01"), Decimal("0.001"), 1_613_689_137 * SECOND)
    later = CODEC.parse(ListTransfers(EXCHANGE.venue, False, since=1_613_689_138 * SECOND), response)
    assert later == Reports()


def test_names_are_uuids_of_version_four_and_withdrawals_have_numbers() -> None:
    assert name_of(OURS) == OURS and name_of("") == ""
    made = [name_of(text) for text in ("d1-1", "d1-2", "7a0c1f0e-52a4-5c53-9d33-6b1f2f3f7f0d", OURS.upper())]
    assert len(set(made)) == 4 and {UUID(one).version for one in made} == {4} and OURS not in made
    assert name_of("d1-1") == made[0]
    asked = json.loads(CODEC.build(WITHDRAW, SANDBOX_CREDENTIALS, SECOND).body or b"")
    assert asked["nonce"] == nonce_of("w-1") != nonce_of("w-2")
    assert 0 < asked["nonce"] < 2**53 and (asked["network"], asked["amount"]) == ("ethereum", "0.5")


def test_a_cancellation_names_its_product_in_the_url_alone() -> None:
    for action, path in (
        (CANCEL, f"/orders/client:{OURS}?product_id=BTC-USD"),
        (BY_ID, f"/orders/{THEIRS}?product_id=BTC-USD"),
        (CancelAll(EXCHANGE.venue, ETH), "/orders?product_id=ETH-USD"),
        (CancelAll(EXCHANGE.venue), "/orders"),
    ):
        request = CODEC.build(action, SANDBOX_CREDENTIALS, SECOND)
        assert (request.method, request.url, request.body) == (
            "DELETE", f"https://api.exchange.coinbase.com{path}", None,
        )  # fmt: skip


class Desk:
    """The codec at the simulated venue: requests go to the house, whatever host they name."""

    def __init__(self, keys: Credentials = SANDBOX_CREDENTIALS) -> None:
        self.stage, self.keys = Stage(), keys
        self.bid, self.ask = self.stage.best()

    def do(self, action: Action) -> Outcome:
        """The outcome, by as many requests as it takes."""
        earlier: tuple[HttpResponse, ...] = ()
        while True:
            request = CODEC.build(action, self.keys, self.stage.now, earlier)
            parts = urlsplit(request.url)
            path = parts.path + f"?{parts.query}" * bool(parts.query)
            response = replace(self.stage.send(replace(request, url=path)), url=request.url)
            self.stage.wait(SECOND // 10)
            outcome = CODEC.parse(action, response, earlier)
            if not isinstance(outcome, More):
                return outcome
            earlier = (*earlier, response)

    def place(self, price: Decimal | None, name: str, size: str = "0.01", **more: Any) -> Outcome:
        return self.do(PlaceOrder(BTC, Side.BUY, Decimal(size), price, name, **more))

    def find(self, name: str) -> Any:
        """The one order."""
        found = self.do(FindOrder(BTC, name))
        assert isinstance(found, Reports), found
        return found.orders[0]


def test_an_order_lives_and_is_paid_for() -> None:
    desk = Desk()
    before = _free(desk)
    assert isinstance(desk.place(desk.bid - 1000, "d1-1"), Accepted)
    assert (desk.find("d1-1").client_id, desk.find("d1-1").state) == ("d1-1", OrderState.OPEN)
    listed = desk.do(ListOpenOrders(EXCHANGE.venue, BTC))
    assert isinstance(listed, Reports) and [one.client_id for one in listed.orders] == [name_of("d1-1")]
    assert isinstance(desk.do(CancelOrder(BTC, "d1-1")), Accepted)
    assert desk.do(FindOrder(BTC, "d1-1")) == NotFound("", "NotFound")
    taken = desk.place(None, "d1-2", "0.03")
    assert isinstance(taken, Accepted)
    order, fills = desk.find("d1-2"), desk.do(ListFills(BTC, taken.venue_id))
    assert isinstance(fills, Reports) and order.state is OrderState.FILLED and order.filled == Decimal("0.03")
    assert sum(one.size for one in fills.fills) == order.filled
    paid = sum(one.size * one.price + (one.fee.amount if one.fee else 0) for one in fills.fills)
    after = _free(desk)
    assert before["USD"] - after["USD"] == paid and after["BTC"] - before["BTC"] == Decimal("0.03")


def _free(desk: Desk) -> dict[str, Decimal]:
    found = desk.do(BALANCES)
    assert isinstance(found, Reports)
    return {one.asset: one.free for one in found.balances}


def test_each_time_in_force_ends_as_documented() -> None:
    desk = Desk()
    assert desk.place(desk.ask + 100, "p", time_in_force=TimeInForce.POST_ONLY) == Refused("rejected", "post only")
    assert desk.place(desk.bid - 1000, "f", time_in_force=TimeInForce.FOK) == Refused("rejected", "fill or kill")
    assert isinstance(desk.place(desk.ask + 100, "i", time_in_force=TimeInForce.IOC), Accepted)
    assert desk.find("i").state is OrderState.FILLED
    assert isinstance(desk.place(desk.bid - 1000, "r", time_in_force=TimeInForce.POST_ONLY), Accepted)
    assert desk.do(CancelAll(EXCHANGE.venue, BTC)) == Accepted("")
    assert desk.do(ListOpenOrders(EXCHANGE.venue)) == Reports()


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ({"size": Decimal(50)}, Refused("400", "Insufficient funds")),
        ({"size": Decimal("1e-9")}, Refused("400", "size is too small. Minimum size is 0.00000001")),
        ({"price": Decimal("1000.001")}, Refused("400", "price is too accurate. Smallest unit is 0.01000000")),
        ({"instrument": INSTRUMENTS.find("NMR-EUR")}, Refused("400", "Product not found")),
    ],
)
def test_what_the_venue_refuses_is_a_refusal(change: dict[str, Any], means: Refused) -> None:
    desk = Desk()
    order = PlaceOrder(BTC, Side.BUY, Decimal("0.01"), desk.bid - 1000, OURS)
    assert desk.do(replace(order, **change)) == means
    assert desk.do(ListOpenOrders(EXCHANGE.venue)) == Reports()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (Credentials("nobody", SANDBOX_CREDENTIALS.secret, SANDBOX_CREDENTIALS.passphrase), "Invalid API Key"),
        (Credentials(SANDBOX_CREDENTIALS.key, "YW5vdGhlcg==", SANDBOX_CREDENTIALS.passphrase), "invalid signature"),
        (Credentials(SANDBOX_CREDENTIALS.key, SANDBOX_CREDENTIALS.secret, "other"), "Invalid Passphrase"),
        (SANDBOX_READER, "Forbidden"),
    ],
)
def test_a_key_that_may_not_is_an_error_and_no_refusal(keys: Credentials, words: str) -> None:
    desk = Desk(keys)
    with pytest.raises(VenueError, match=words) as error:
        desk.place(desk.bid - 1000, OURS)
    assert not isinstance(error.value, UnknownOutcome | RateLimited)


def test_money_moves_by_requests() -> None:
    desk = Desk()
    address = desk.do(FetchAddress(EXCHANGE.venue, "ETH", "base"))
    assert isinstance(address, Reports) and address.address is not None
    assert (address.address.asset, address.address.network, address.address.memo) == ("ETH", "base", "")
    sent = desk.do(WITHDRAW)
    listed = desk.do(ListTransfers(EXCHANGE.venue, False, "ETH"))
    assert isinstance(sent, Accepted) and isinstance(listed, Reports)
    one = listed.transfers[0]
    assert (one.transfer_id, one.address, one.network) == (sent.venue_id, ADDRESS, "ethereum")
    assert (one.amount, one.client_id) == (Decimal("0.5"), str(nonce_of("w-1")))
    assert desk.do(WITHDRAW) == Refused("400", "nonce was already used")
    nowhere = desk.do(replace(WITHDRAW, network="nowhere", client_id="w-2"))
    assert nowhere == Refused("400", "network nowhere is not supported")
    told = desk.do(FetchCurrencies(EXCHANGE.venue))
    assert isinstance(told, Reports)
    eth = next(one for one in told.currencies if one.asset == "ETH")
    assert [(one.code, one.chain, one.min_withdrawal, one.confirmations) for one in eth.networks] == [
        ("ethereum", "ethereum", Decimal("0.001"), 14), ("base", "base", Decimal("0.001"), 14),
    ]  # fmt: skip
    for network in eth.networks:
        path = f"/withdrawals/fee-estimate?currency=ETH&network={network.code}"
        assert network.withdrawal_fee == Decimal(desk.stage.call("GET", path)["fee"]) > 0
    sol = next(one for one in told.currencies if one.asset == "SOL")  # of no instrument here: not asked for
    assert [one.withdrawal_fee for one in sol.networks] == [None]


def test_what_it_pays_and_what_time_it_is() -> None:
    desk = Desk()
    fees, time = desk.do(FetchFees(BTC)), desk.do(FetchTime(EXCHANGE.venue))
    assert isinstance(fees, Reports) and fees.fees is not None and isinstance(time, Reports)
    assert (fees.fees.maker_rate, fees.fees.taker_rate) == (Decimal("0.004"), Decimal("0.006"))
    assert time.server_time is not None and abs(time.server_time - desk.stage.now) < SECOND


def test_too_many_requests_are_told_as_such() -> None:
    desk = Desk()
    requests = [CODEC.build(BALANCES, desk.keys, desk.stage.now) for _ in range(31)]
    statuses = []
    for request in requests:
        response = desk.stage.send(replace(request, url=urlsplit(request.url).path))
        statuses.append(response.status)
    assert statuses == [200] * 30 + [429]
    with pytest.raises(RateLimited, match="Private rate limit exceeded"):
        CODEC.parse(BALANCES, response)


def test_a_long_list_comes_in_parts() -> None:
    """Cursors as recorded (bbgo, 2025-08): of fills the trade's id, of orders `created_at`; newest first."""
    fill = {
        "product_id": "BTC-USD", "order_id": THEIRS, "liquidity": "M", "price": "1", "size": "1", "fee": "0",
        "created_at": "2025-08-13T14:56:07.267666Z", "side": "buy",
    }  # fmt: skip
    asked = ListFills(BTC)
    first = HttpResponse(200, body([fill | {"trade_id": 500 - number} for number in range(100)]))
    assert CODEC.parse(asked, first) == More()
    request = CODEC.build(asked, SANDBOX_CREDENTIALS, SECOND, (first,))
    assert request.url.endswith("/fills?product_id=BTC-USD&after=401")
    got = CODEC.parse(asked, HttpResponse(200, body([fill | {"trade_id": 400}])), (first,))
    assert isinstance(got, Reports) and sorted(int(one.fill_id) for one in got.fills) == list(range(400, 501))
    order = HttpResponse(200, body([DONE | {"product_id": "BTC-USD", "id": f"{number}"} for number in range(100)]))
    assert CODEC.parse(ListOrders(BTC), order) == More()
    request = CODEC.build(ListOrders(BTC), SANDBOX_CREDENTIALS, SECOND, (order,))
    assert "after=2025-06-17T02%3A27%3A08.44409Z" in request.url


def test_errors_are_typed() -> None:
    """Whatever is raised is of the framework's."""
    for action in TestExchangeActions.actions:
        with pytest.raises(CryptopipeError):
            CODEC.parse(action, HttpResponse(599, b""))
