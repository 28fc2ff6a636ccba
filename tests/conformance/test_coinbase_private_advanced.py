"""Advanced Trade's private side: tokens, requests and the user channel of the simulated venue, and our codecs there.

Tokens are signed here by the library `cryptography`, as the page api-key-authentication of docs.cdp.coinbase.com/
coinbase-app/authentication-authorization says (read 2026-11-21 in a stored copy). Forms: pages of api-reference/
advanced-trade-api, and answers kept in the tests of public clients (JKorf's CryptoExchange libraries, nautilus_trader).
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from conformance.coinbase_stage import SECOND
from conformance.staging import Staged
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec.structs import replace

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    Accepted,
    Action,
    CancelOrder,
    Credentials,
    FetchBalances,
    FetchFees,
    FetchKey,
    FetchTime,
    FindOrder,
    HttpRequest,
    HttpResponse,
    KeyReport,
    ListFills,
    ListOpenOrders,
    ListOrders,
    Lost,
    More,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    PlaceOrder,
    ProtocolError,
    RateLimited,
    Refused,
    Reports,
    Side,
    StreamAuth,
    TimeInForce,
    UnknownOutcome,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World
from cryptopipe.testing.actions import ActionConformance, Answer, Published
from cryptopipe_coinbase import es256
from cryptopipe_coinbase.actions_advanced import actions
from cryptopipe_coinbase.metadata import CoinbaseInstruments

ADVANCED = Registry().exchange("coinbase")
START = 1_790_000_000 * SECOND
V3 = "/api/v3/brokerage"
UNKNOWN = "3fa3a1c2-1111-4222-8333-444455556666"
INSTRUMENTS = CoinbaseInstruments(ADVANCED.venue)
BTC = INSTRUMENTS.find("BTC-USD")
CODEC = actions((BTC,))


def key_of(own: Credentials) -> Credentials:
    assert ADVANCED.sandbox_key is not None
    return ADVANCED.sandbox_key(own)


MINE, THEIRS, READER = (key_of(one) for one in (SANDBOX_CREDENTIALS, SANDBOX_OTHER, SANDBOX_READER))


@cache
def loaded(pem: str) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def packed(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(keys: Credentials, seconds: int, uri: str = "", **change: Any) -> str:
    """By the page's own recipe."""
    head = {"alg": "ES256", "kid": keys.key, "nonce": "1", "typ": "JWT"} | change.pop("head", {})
    claims = (
        {"sub": keys.key, "iss": "cdp", "nbf": seconds, "exp": seconds + 120} | ({"uri": uri} if uri else {}) | change
    )
    text = ".".join(packed(json.dumps(one).encode()) for one in (head, claims))
    r, s = decode_dss_signature(loaded(keys.secret).sign(text.encode(), ECDSA(SHA256())))
    return f"{text}.{packed(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Stage(Staged):
    """A market of Advanced Trade, two seconds old, and a client of its private side."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(ADVANCED, World({ADVANCED.venue: ADVANCED}, Parameters.load(), 3, START), 3, START, faults)
        product = self.call("GET", f"{V3}/product_book?product_id=BTC-USD&limit=1")["pricebook"]
        self.bid, self.ask = (Decimal(product[side][0]["price"]) for side in ("bids", "asks"))

    def ask_with(self, bearer: str, method: str, path: str, fields: object = None) -> tuple[int, Any]:
        body = None if fields is None else json.dumps(fields).encode()
        response = self.send(HttpRequest(method, path, {"Authorization": f"Bearer {bearer}"}, body))
        return response.status, json.loads(response.body) if response.body.startswith(b"{") else response.body

    def request(self, method: str, path: str, fields: object = None, keys: Credentials = MINE) -> tuple[int, Any]:
        uri = f"{method} api.coinbase.com{path.partition('?')[0]}"
        return self.ask_with(token(keys, self.now // SECOND, uri), method, path, fields)

    def call(self, method: str, path: str, fields: object = None, keys: Credentials = MINE) -> Any:
        status, told = self.request(method, path, fields, keys)
        assert status == 200, told
        return told

    def place(self, kind: str, fields: Mapping[str, object], name: str = "n", side: str = "BUY", **more: str) -> Any:
        asked = {"client_order_id": name, "product_id": "BTC-USD", "side": side, "order_configuration": {kind: fields}}
        return self.call("POST", f"{V3}/orders", asked | more)

    def placed(self, kind: str, fields: Mapping[str, object], name: str = "n", side: str = "BUY") -> str:
        return str(self.place(kind, fields, name, side)["success_response"]["order_id"])

    def order(self, order_id: str) -> Any:
        return self.call("GET", f"{V3}/orders/historical/{order_id}")["order"]

    def held(self, code: str) -> tuple[Decimal, Decimal]:
        rows = {one["currency"]: one for one in self.call("GET", f"{V3}/accounts")["accounts"]}
        return tuple(Decimal(rows[code][name]["value"]) for name in ("available_balance", "hold"))  # type: ignore[return-value]

    def low(self) -> str:
        return str(self.bid - 1000)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_es256_is_that_of_rfc_6979() -> None:
    """Appendix A.2.5, P-256 with SHA-256, "sample" and "test"."""
    private = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    for text, r, s in (
        (b"sample", "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
         "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"),
        (b"test", "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
         "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"),
    ):  # fmt: skip
        signature = es256.sign(private, text)
        assert signature.hex().upper() == r + s
        assert es256.verified(es256.public(private), text, signature)
        assert not es256.verified(es256.public(private), text + b"x", signature)
        assert not es256.verified(es256.public(private + 1), text, signature)
        assert not es256.verified(es256.public(private), text, bytes(64))


def test_keys_are_read_as_another_library_writes_them() -> None:
    for _ in range(5):
        key = generate_private_key(SECP256R1())
        private = key.private_numbers().private_value
        for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            assert es256.private_of(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()) == private
        assert loaded(es256.pem_of(private)).private_numbers() == key.private_numbers()
        r, s = decode_dss_signature(key.sign(b"text", ECDSA(SHA256())))
        assert es256.verified(es256.public(private), b"text", r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    for wrong in ("", "hidden", "-----BEGIN EC PRIVATE KEY-----\nQUJD\n-----END EC PRIVATE KEY-----"):
        with pytest.raises(ProtocolError, match="no PEM") as error:
            es256.private_of(wrong)
        assert not wrong or wrong not in str(error.value)


def test_a_token_is_good_for_its_request_key_and_time(stage: Stage) -> None:
    path, now = f"{V3}/accounts", stage.now // SECOND
    uri = f"GET api.coinbase.com{path}"
    assert stage.ask_with(token(MINE, now, uri), "GET", path)[0] == 200
    other = Credentials(MINE.key, THEIRS.secret)
    for name, wrong in {
        "another key's signature": token(other, now, uri),
        "another request": token(MINE, now, f"GET api.coinbase.com{V3}/orders/historical/batch"),
        "another method": token(MINE, now, f"POST api.coinbase.com{path}"),
        "no request": token(MINE, now),
        "late": token(MINE, now - 121, uri),
        "early": token(MINE, now + 10, uri),
        "too long": token(MINE, now, uri, exp=now + 121),
        "another subject": token(MINE, now, uri, sub=THEIRS.key),
        "nobody's": token(Credentials("organizations/x/apiKeys/y", MINE.secret), now, uri),
        "no algorithm": token(MINE, now, uri, head={"alg": "none"}),
        "no token": "x.y",
        "damaged": token(MINE, now, uri)[:-8] + "AAAAAAAA",
    }.items():
        assert stage.ask_with(wrong, "GET", path) == (401, b"Unauthorized\n"), name
    assert stage.send(HttpRequest("GET", path)).status == 401


def test_answers_have_the_documented_fields(stage: Stage) -> None:
    """rest_endpoints_jkorf.json: GetOrder, GetUserTrades, GetAccounts, GetFeeInfo2, GetApiKeyInfo."""
    order = stage.order(stage.placed("sor_limit_ioc", {"base_size": "0.02", "limit_price": str(stage.ask + 50)}))
    assert set(order) >= {
        "order_id", "product_id", "user_id", "order_configuration", "side", "client_order_id", "status",
        "time_in_force", "created_time", "completion_percentage", "filled_size", "average_filled_price",
        "number_of_fills", "filled_value", "pending_cancel", "size_in_quote", "total_fees", "size_inclusive_of_fees",
        "total_value_after_fees", "trigger_status", "order_type", "reject_reason", "settled", "product_type",
        "reject_message", "cancel_message", "order_placement_source", "outstanding_hold_amount", "is_liquidation",
        "last_fill_time", "edit_history", "leverage", "margin_type", "retail_portfolio_id",
    }  # fmt: skip
    told = (order["status"], order["time_in_force"], order["order_type"], order["completion_percentage"])
    assert told == ("FILLED", "IMMEDIATE_OR_CANCEL", "LIMIT", "100.00")
    fills = stage.call("GET", f"{V3}/orders/historical/fills?order_ids={order['order_id']}")["fills"]
    assert set(fills[0]) == {
        "entry_id", "trade_id", "order_id", "trade_time", "trade_type", "price", "size", "commission", "product_id",
        "sequence_timestamp", "liquidity_indicator", "size_in_quote", "user_id", "side", "retail_portfolio_id",
    }  # fmt: skip
    assert sum(Decimal(one["size"]) for one in fills) == Decimal(order["filled_size"]) == Decimal("0.02")
    assert sum(Decimal(one["commission"]) for one in fills) == Decimal(order["total_fees"])
    fee = Decimal(order["total_fees"]) / Decimal(order["filled_value"])
    assert abs(fee - Decimal("0.012")) < Decimal("1e-9")
    summary = stage.call("GET", f"{V3}/transaction_summary")
    assert (summary["fee_tier"]["taker_fee_rate"], summary["fee_tier"]["maker_fee_rate"]) == ("0.012", "0.006")
    rights = stage.call("GET", f"{V3}/key_permissions", keys=READER)
    assert (rights["can_view"], rights["can_trade"], rights["can_transfer"]) == (True, False, False)


def test_money_is_held_given_back_and_paid(stage: Stage) -> None:
    before = stage.held("USD")
    order = stage.placed("limit_limit_gtc", {"base_size": "0.01", "limit_price": stage.low(), "post_only": True})
    free, held = stage.held("USD")
    cost = (stage.bid - 1000) / 100
    assert before[0] == free + held and cost <= held <= cost * Decimal("1.0121")
    listed = stage.call("GET", f"{V3}/orders/historical/batch?order_status=OPEN&product_ids=BTC-USD")["orders"]
    assert [one["order_id"] for one in listed] == [order]
    cancelled = stage.call("POST", f"{V3}/orders/batch_cancel", {"order_ids": [order, order, UNKNOWN]})["results"]
    assert [(one["success"], one["failure_reason"]) for one in cancelled] == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"), (False, "DUPLICATE_CANCEL_REQUEST"), (False, "UNKNOWN_CANCEL_ORDER"),
    ]  # fmt: skip
    assert stage.held("USD") == before and stage.order(order)["status"] == "CANCELLED"
    taken = stage.order(stage.placed("market_market_ioc", {"quote_size": "500"}, "m"))
    assert before[0] - stage.held("USD")[0] == Decimal(taken["total_value_after_fees"]) <= 500
    assert taken["size_in_quote"] is True


def test_a_name_makes_one_order(stage: Stage) -> None:
    """ "The order corresponding with that ID will be returned instead" (create-order)."""
    fields = {"base_size": "0.01", "limit_price": stage.low()}
    assert stage.placed("limit_limit_gtc", fields, "same") == stage.placed("limit_limit_gtc", fields, "same")
    assert len(stage.call("GET", f"{V3}/orders/historical/batch")["orders"]) == 1


BAD: Mapping[str, tuple[str, Mapping[str, object], Mapping[str, str], str]] = {
    "poor": ("limit_limit_gtc", {"base_size": "50"}, {}, "INSUFFICIENT_FUND"),
    "price grid": ("limit_limit_gtc", {"limit_price": "60000.001"}, {}, "INVALID_PRICE_PRECISION"),
    "size": ("limit_limit_gtc", {"base_size": "much"}, {}, "INVALID_REQUEST"),
    "far": ("limit_limit_gtc", {"limit_price": "1000"}, {}, "INVALID_LIMIT_PRICE"),
    "taking": ("limit_limit_gtc", {"limit_price": "64000", "post_only": True}, {}, "INVALID_LIMIT_PRICE_POST_ONLY"),
    "product": ("limit_limit_gtc", {}, {"product_id": "DOGE-XYZ"}, "INVALID_PRODUCT_ID"),
    "side": ("limit_limit_gtc", {}, {"side": "buy"}, "INVALID_SIDE"),
    "kind": ("limit_limit_gtd", {}, {}, "UNSUPPORTED_ORDER_CONFIGURATION"),
    "empty": ("market_market_ioc", {"base_size": ""}, {}, "INVALID_REQUEST"),
}


def test_what_is_wrong_with_an_order_is_told_with_200(stage: Stage) -> None:
    before = stage.held("USD")
    for name, (kind, fields, more, error) in BAD.items():
        told = stage.place(kind, {"base_size": "0.01", "limit_price": "60000", **fields}, name, **more)
        assert (told["success"], told["error_response"]["error"]) == (False, error), name
        assert told["error_response"]["new_order_failure_reason"] == error
        stage.wait(SECOND // 10)
    assert stage.held("USD") == before
    assert stage.request("POST", f"{V3}/orders", {"product_id": "BTC-USD"})[0] == 400
    assert stage.request("POST", f"{V3}/orders/batch_cancel", {"order_ids": []})[0] == 400
    assert stage.request("GET", f"{V3}/orders/historical/{UNKNOWN}")[0] == 404
    assert stage.request("GET", f"{V3}/orders/historical/batch?limit=x")[0] == 400
    assert stage.request("GET", f"{V3}/nothing")[0] == 404


def test_keys_and_limits(stage: Stage) -> None:
    fields = {"base_size": "0.01", "limit_price": stage.low()}
    asked: dict[str, object] = {"client_order_id": "r", "product_id": "BTC-USD", "side": "BUY"}
    asked |= {"order_configuration": {"limit_limit_gtc": fields}}
    status, told = stage.request("POST", f"{V3}/orders", asked, READER)
    assert (status, told["error"]) == (403, "PERMISSION_DENIED")
    order = stage.placed("limit_limit_gtc", fields, "mine")
    assert stage.request("GET", f"{V3}/orders/historical/{order}", keys=THEIRS)[0] == 404
    assert stage.request("GET", f"{V3}/orders/historical/{order}", keys=READER)[0] == 200
    stage.wait(2 * SECOND)
    statuses = [stage.request("GET", f"{V3}/key_permissions")[0] for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    shut = Stage((Fault("maintenance", at=3 * SECOND, lasts=20 * SECOND),))
    shut.wait(2 * SECOND)
    assert shut.request("GET", f"{V3}/accounts")[0] == 503
    dialled = shut.house.dial("/", shut.now)
    assert isinstance(dialled, HttpResponse) and dialled.status == 503


class Listener:
    """Our codec on a connection to the simulated venue."""

    def __init__(self, stage: Stage, keys: Credentials = MINE) -> None:
        stream = ADVANCED.private
        assert stream is not None and stream.signer.request(keys, stage.now) is None
        self.stage, self.conn, self.codec = stage, stage.dial("/"), stream.codec((BTC,))
        connect = self.codec.connect(stream.signer.auth(keys, None, stage.now), stage.now)
        assert connect.url == "wss://advanced-trade-ws-user.coinbase.com"
        for text in connect.frames:
            assert keys.secret not in text
            stage.house.receive(self.conn, text, stage.now)

    def hear(self, span: int = SECOND // 5) -> list[Any]:
        fresh: list[Any] = []
        for text in self.stage.told(self.conn, span):
            fresh += self.codec.decode(text.encode(), self.stage.now)
        return fresh


def test_the_stream_tells_what_requests_tell(stage: Stage) -> None:
    old = stage.placed("limit_limit_gtc", {"base_size": "0.01", "limit_price": stage.low()}, "old")
    mine, theirs = Listener(stage), Listener(stage, THEIRS)
    (first,) = mine.hear()
    assert (first.order_id, first.client_id, first.state) == (old, "old", OrderState.OPEN)
    taken = stage.placed("sor_limit_ioc", {"base_size": "0.5", "limit_price": str(stage.ask + 3)}, "ioc")
    stage.call("POST", f"{V3}/orders/batch_cancel", {"order_ids": [old]})
    reports = mine.hear()
    assert not [one for one in reports if isinstance(one, Lost)]
    ends = {one.order_id: one for one in reports if isinstance(one, OrderReport) and one.state is not OrderState.OPEN}
    assert set(ends) == {old, taken} and ends[old].state is OrderState.CANCELLED
    found = stage.order(taken)
    told = ends[taken]
    assert (told.filled, told.spent) == (Decimal(found["filled_size"]), Decimal(found["filled_value"]))
    assert (told.size, told.price, told.side) == (Decimal("0.5"), stage.ask + 3, Side.BUY) and told.filled > 0
    assert theirs.hear() == []


FRAME: Mapping[str, Any] = {
    "channel": "user", "client_id": "", "timestamp": "2023-02-09T20:33:57.609931463Z", "sequence_num": 0,
    "events": [{"type": "snapshot", "orders": [{
        "avg_price": "50000", "cancel_reason": "", "client_order_id": "XXX", "completion_percentage": "100.00",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE", "cumulative_quantity": "0.01", "filled_value": "500",
        "leaves_quantity": "0", "limit_price": "50000", "number_of_fills": "1", "order_id": "YYY", "order_side": "BUY",
        "order_type": "Limit", "outstanding_hold_amount": "0", "post_only": "false", "product_id": "BTC-USD",
        "product_type": "SPOT", "reject_reason": "", "retail_portfolio_id": "ZZZ", "status": "FILLED",
        "time_in_force": "GOOD_UNTIL_CANCELLED", "total_fees": "2", "total_value_after_fees": "502",
        "creation_time": "2024-06-21T18:29:13.909347Z", "end_time": "0001-01-01T00:00:00Z",
    }], "positions": {"perpetual_futures_positions": [], "expiring_futures_positions": []}}],
}  # fmt: skip
"""ws_samples_jkorf.json, Subscriptions/AdvancedTrade/User, without perpetuals."""


def decoded(*frames: Mapping[str, Any]) -> list[Any]:
    assert ADVANCED.private is not None
    codec = ADVANCED.private.codec((BTC,))
    codec.connect(StreamAuth("x"), 0)
    return [report for frame in frames for report in codec.decode(json.dumps(frame).encode(), 0)]


def test_a_recorded_frame_is_read_to_the_digit_and_a_gap_is_lost() -> None:
    (report,) = decoded(FRAME)
    assert report == OrderReport(
        BTC, "YYY", "XXX", Side.BUY, OrderState.FILLED, Decimal("0.01"), Decimal(50000), Decimal("0.01"), Decimal(500),
        updated_at=1_675_974_837_609_931_463,
    )  # fmt: skip
    beat = {"channel": "heartbeats", "timestamp": FRAME["timestamp"], "sequence_num": 1, "events": []}
    assert decoded(FRAME, beat, {**beat, "sequence_num": 2}) == [report]
    assert decoded(FRAME, {**beat, "sequence_num": 2}) == [report, Lost("frame 2 where 1 was next")]
    with pytest.raises(VenueError, match="authentication failure"):
        decoded({"type": "error", "message": "authentication failure"})  # live, 2026-09 (errors.json)
    for wrong in ({"sequence_num": -1}, {"timestamp": "today"}, {"events": [{"orders": [{"order_id": "x"}]}]}):
        with pytest.raises(ProtocolError):
            decoded({**FRAME, **wrong})


def test_a_wrong_token_follows_nothing(stage: Stage) -> None:
    with pytest.raises(VenueError, match="authentication failure"):
        Listener(stage, Credentials(MINE.key, THEIRS.secret)).hear()


PLACE = PlaceOrder(BTC, Side.BUY, Decimal("0.01"), Decimal(60000), "n-1")
CANCEL, FIND = CancelOrder(BTC, "n-1", UNKNOWN), FindOrder(BTC, "n-1", UNKNOWN)
BALANCES = FetchBalances(ADVANCED.venue)
PAGE = "docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders, 2026-11-21"
FUND = {
    "success": False, "failure_reason": "INSUFFICIENT_FUND", "order_id": "",
    "error_response": {"error": "INSUFFICIENT_FUND", "message": "Insufficient balance", "error_details": "available=0",
                       "preview_failure_reason": "", "new_order_failure_reason": ""},
}  # fmt: skip
"""fixtures/coinbase/errors.json, insufficient_funds (nautilus_trader a95c8042)."""


def failed(error: str, preview: str = "") -> bytes:
    told = {"error": error, "message": "", "error_details": "", "preview_failure_reason": preview}
    return json.dumps({"success": False, "error_response": told}).encode()


def said(error: str, message: str = "") -> bytes:
    return json.dumps({"error": error, "error_details": message, "message": message}).encode()


def results(success: bool, reason: str, order_id: str = UNKNOWN) -> bytes:
    return json.dumps({"results": [{"success": success, "failure_reason": reason, "order_id": order_id}]}).encode()


def created(order_id: str = "o-1", client_id: str = "n-1") -> bytes:
    told = {"order_id": order_id, "product_id": "BTC-USD", "side": "BUY", "client_order_id": client_id}
    return json.dumps({"success": True, "success_response": told}).encode()


MEANINGS: Sequence[tuple[Action, int, bytes, Any, str]] = (
    (PLACE, 200, created(), Accepted("o-1"), PAGE),
    (PLACE, 200, created(client_id="n-2"), UnknownOutcome, "an answer to another order"),
    (PLACE, 200, json.dumps(FUND).encode(), Refused("INSUFFICIENT_FUND", "Insufficient balance"), "errors.json"),
    (PLACE, 200, failed("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
     Refused("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"), "ccxt 4.5.90"),
    (PLACE, 200, failed("UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON"), UnknownOutcome, PAGE),
    (PLACE, 200, failed("UNKNOWN_FAILURE_REASON"), UnknownOutcome, PAGE),
    *((PLACE, 200, failed(error), Refused(error, ""), PAGE) for error in (
        "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIDE", "INVALID_PRODUCT_ID", "INVALID_SIZE_PRECISION",
        "INVALID_PRICE_PRECISION", "ORDER_ENTRY_DISABLED", "INELIGIBLE_PAIR", "INVALID_LIMIT_PRICE_POST_ONLY",
        "INVALID_LIMIT_PRICE", "INVALID_NO_LIQUIDITY", "INVALID_REQUEST", "COMMANDER_REJECTED_NEW_ORDER")),
    (PLACE, 400, said("INVALID_ARGUMENT", "bad"), Refused("INVALID_ARGUMENT", "bad"), "ccxt 4.5.90"),
    (PLACE, 401, b"Unauthorized\n", VenueError, "recorded 2026-09"),
    (PLACE, 403, said("PERMISSION_DENIED", "Missing required scopes"), VenueError, "ccxt 4.5.90"),
    (PLACE, 429, b'{"errors":[{"id":"rate_limit_exceeded","message":"x"}]}', RateLimited, "ccxt 4.5.90"),
    (PLACE, 500, b'{"errors":[{"id":"internal_server_error","message":"x"}]}', UnknownOutcome, "ccxt 4.5.90"),
    (PLACE, 200, said("unknown", "x"), UnknownOutcome, "ccxt 4.5.90"),
    (PLACE, 503, b"upstream connect error", UnknownOutcome, "any gateway"),
    (CANCEL, 200, results(True, "UNKNOWN_CANCEL_FAILURE_REASON"), Accepted(UNKNOWN), PAGE),
    (CANCEL, 200, results(True, "UNKNOWN_CANCEL_FAILURE_REASON", "o-2"), UnknownOutcome, "about another order"),
    (CANCEL, 200, results(True, "UNKNOWN_CANCEL_FAILURE_REASON", "o-2")[:-1] + f', "asked": "{UNKNOWN}"}}'.encode(),
     UnknownOutcome, "about another order, though it repeats what was asked for"),
    (CANCEL, 200, results(False, "UNKNOWN_CANCEL_FAILURE_REASON"), UnknownOutcome, "no reason is told"),
    (CANCEL, 200, results(False, "UNKNOWN_CANCEL_ORDER"), NotFound("UNKNOWN_CANCEL_ORDER", ""), PAGE),
    (CANCEL, 200, results(False, "DUPLICATE_CANCEL_REQUEST"), Refused("DUPLICATE_CANCEL_REQUEST", ""), PAGE),
    (CANCEL, 200, results(False, "INVALID_CANCEL_REQUEST"), Refused("INVALID_CANCEL_REQUEST", ""), PAGE),
    (FIND, 404, said("NOT_FOUND", "order with this orderID was not found"),
     NotFound("NOT_FOUND", "order with this orderID was not found"), "ccxt 4.5.90"),
    (FIND, 500, b"", VenueUnavailable, "any"),
    (BALANCES, 401, b"Unauthorized\n", VenueError, "recorded 2026-09"),
    (BALANCES, 200, b'{"accounts":[{"currency":"BTC"}]}', ProtocolError, "no sums"),
)  # fmt: skip


def _reversible() -> str:
    """Backwards it begins with a key as well: the kit turns secrets round."""
    return MINE.secret + THEIRS.secret[::-1]


class TestAdvancedActions(ActionConformance):
    name = "coinbase"
    codec = CODEC
    credentials = Credentials("organizations/a/apiKeys/b", _reversible())
    actions = (
        PLACE, CANCEL, FIND, ListOpenOrders(ADVANCED.venue), ListOrders(BTC), ListFills(BTC, UNKNOWN), BALANCES,
        FetchFees(BTC), FetchKey(ADVANCED.venue), FetchTime(ADVANCED.venue),
    )  # fmt: skip
    published = (
        Published(
            HttpRequest("GET", "https://api.coinbase.com", {"Authorization": "Bearer sample"}),
            Credentials("", es256.pem_of(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721)),
            "79SLKqy2qP0RQN2c1F6B1p0sh3tWqvmRw00OqE6vNxb3yxyULWV8QdQ2x6G24p9l8-kA27mv9AZNxKsvhDrNqA",
            "RFC 6979, A.2.5, as RFC 7518 writes a signature: the venue publishes none",
        ),
    )
    answers = tuple(Answer(*one) for one in MEANINGS)
    documented_codes = ("INSUFFICIENT_FUND", "PERMISSION_DENIED", "UNKNOWN_CANCEL_ORDER", "INVALID_ARGUMENT")
    ambiguous_codes = ("internal_server_error",)

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        """Of the token that the request has, by RFC 6979; of tokens with the lower of two `s` that are alike, as ccxt
        writes it."""
        text = request.headers["Authorization"].removeprefix("Bearer ").rpartition(".")
        private = loaded(credentials.secret.partition("\n-----END")[0] + "\n-----END EC PRIVATE KEY-----\n")
        signer = ECDSA(SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(private.sign((text[0] or text[2]).encode(), signer))
        lower = min(s, es256.ORDER - s) if text[0] else s
        return packed(r.to_bytes(32, "big") + lower.to_bytes(32, "big"))


class Desk:
    """Our codec at the simulated venue."""

    def __init__(self) -> None:
        self.stage = Stage()

    def do(self, action: Action) -> Outcome:
        earlier: tuple[HttpResponse, ...] = ()
        while True:
            request = CODEC.build(action, MINE, self.stage.now, earlier)
            parts = urlsplit(request.url)
            path = parts.path + f"?{parts.query}" * bool(parts.query)
            response = replace(self.stage.send(replace(request, url=path)), url=request.url)
            self.stage.wait(SECOND // 10)
            outcome = CODEC.parse(action, response, earlier)
            if not isinstance(outcome, More):
                return outcome
            earlier = (*earlier, response)


def test_orders_live_by_our_actions() -> None:
    desk = Desk()
    bid, ask = desk.stage.bid, desk.stage.ask
    resting = desk.do(PlaceOrder(BTC, Side.BUY, Decimal("0.01"), bid - 1000, "a"))
    assert isinstance(resting, Accepted)
    for action in (FindOrder(BTC, "a"), FindOrder(BTC, "", resting.venue_id), ListOpenOrders(ADVANCED.venue, BTC)):
        told = desk.do(action)
        assert isinstance(told, Reports)
        assert [(one.client_id, one.order_id, one.state) for one in told.orders] == [
            ("a", resting.venue_id, OrderState.OPEN)
        ]
    assert isinstance(desk.do(FindOrder(BTC, "nobody's")), NotFound)
    assert isinstance(desk.do(CancelOrder(BTC, "a", resting.venue_id)), Accepted)
    assert desk.do(CancelOrder(BTC, "a", resting.venue_id)) == Refused("DUPLICATE_CANCEL_REQUEST", "")
    taken = desk.do(PlaceOrder(BTC, Side.BUY, Decimal("0.03"), ask + 100, "b", TimeInForce.IOC))
    assert isinstance(taken, Accepted)
    found, fills = desk.do(FindOrder(BTC, "b")), desk.do(ListFills(BTC, taken.venue_id))
    assert isinstance(found, Reports) and isinstance(fills, Reports)
    assert found.orders[0].state is OrderState.FILLED
    assert sum(one.size for one in fills.fills) == found.orders[0].filled == Decimal("0.03")
    balances = desk.do(BALANCES)
    assert isinstance(balances, Reports)
    assert {str(one.asset): one.free for one in balances.balances}["BTC"] == Decimal("2.03")
    crossing = PlaceOrder(BTC, Side.BUY, Decimal("0.01"), ask + 100, "c", TimeInForce.POST_ONLY)
    assert desk.do(crossing) == Refused("INVALID_LIMIT_PRICE_POST_ONLY", "Invalid limit price for post-only order")
    rights, fees = desk.do(FetchKey(ADVANCED.venue)), desk.do(FetchFees(BTC))
    assert isinstance(rights, Reports) and rights.key == KeyReport(True, True, True, None, None)
    assert isinstance(fees, Reports) and fees.fees is not None and fees.fees.taker_rate == Decimal("0.012")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (PlaceOrder(BTC, Side.BUY, Decimal(1), None, "m"), "only sells"),
        (replace(PLACE, borrow=True), "borrow"),
        (CancelOrder(BTC, "n-1"), "venue's id"),
    ],
)
def test_what_the_venue_has_not_is_refused_before_it_is_sent(action: Action, words: str) -> None:
    with pytest.raises(VenueError, match=words):
        CODEC.build(action, MINE, START)
