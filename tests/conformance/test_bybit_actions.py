"""Bybit's actions against the kit: its page's signatures, its documented answers, its codes."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bybit as plugins
from cryptopipe.api import (
    Accepted,
    Action,
    CancelAll,
    CancelOrder,
    Credentials,
    CryptopipeError,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchPositions,
    FetchTime,
    FindOrder,
    HttpRequest,
    HttpResponse,
    KeyReport,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    MoveFunds,
    NotFound,
    OrderReport,
    OrderState,
    PlaceOrder,
    ProtocolError,
    RateLimited,
    Refused,
    Reports,
    Side,
    TimeInForce,
    UnknownOutcome,
    VenueError,
    VenueUnavailable,
    Withdraw,
)
from cryptopipe.testing import ActionConformance, Answer, Published
from cryptopipe_bybit.actions import actions, request_id, transfer_id

PLUGIN = plugins.bybit
FIND = PLUGIN.instruments.find
SPOT, LINEAR = FIND("BTCUSDT"), FIND("linear:ETHUSDT")
VENUE = PLUGIN.venue
D = Decimal
PAGES = "docs/v5, state of 2026-07-24, read 2026-11-21"
ERRORS = "docs/v5/error, state of 2026-07-24, read 2026-11-21"
PLACE = PlaceOrder(SPOT, Side.BUY, D("0.01"), D("60000.1"), "spot-test-postonly", TimeInForce.POST_ONLY)
CANCEL = CancelOrder(LINEAR, "linear-004")
FIND_OURS = FindOrder(LINEAR, "test-000005")
WITHDRAW = Withdraw(VENUE, "USDT", "ETH", "0x99ced129603abc771c0dabe935c326ff6c86645d", D(24), "w1")
MOVE = MoveFunds(VENUE, "BTC", D("0.05"), "UNIFIED", "FUND", "m1")
CODEC = actions(PLUGIN.instruments.listed())


def answered(result: Any, text: str = "OK", code: int = 0) -> bytes:
    """In the envelope of every page."""
    told = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": 1672211918471}
    return json.dumps(told).encode()


def refused(code: int, text: str, means: Refused | NotFound | type[CryptopipeError], action: Action = PLACE) -> Answer:
    return Answer(action, 200, answered({}, text, code), means, ERRORS)


OPENED = {
    "orderId": "fd4300ae-7847-404e-b947-b46980a4d140",
    "orderLinkId": "test-000005",
    "blockTradeId": "",
    "symbol": "ETHUSDT",
    "price": "1600.00",
    "qty": "0.10",
    "side": "Buy",
    "orderStatus": "New",
    "cancelType": "UNKNOWN",
    "rejectReason": "EC_NoError",
    "avgPrice": "0",
    "leavesQty": "0.10",
    "cumExecQty": "0.00",
    "cumExecValue": "0",
    "timeInForce": "GTC",
    "orderType": "Limit",
    "tpslMode": "Full",
    "createdTime": "1684738540559",
    "updatedTime": "1684738540561",
}
"""The order of docs/v5/order/open-order's example, without the fields that nobody reads."""
OPENED_MEANS = OrderReport(
    LINEAR, OPENED["orderId"], "test-000005", Side.BUY, OrderState.OPEN, D("0.10"), D(1600), D(0), D(0),
    updated_at=1_684_738_540_561_000_000,
)  # fmt: skip
KEY = {
    "permissions": {"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": ["AccountTransfer"]},
    "readOnly": 0,
    "ips": ["*"],
    "expiredAt": "2023-12-22T07:20:25Z",
}
"""Of docs/v5/user/apikey-info's example."""

OPEN = {
    10000: "Server Timeout",
    10014: "Invalid duplicate request.",
    10016: "Server error.",
    10019: "ws trade service is restarting, do not accept new request, but the request in the process is not affected.",
    110072: "OrderLinkedID is duplicate",
    110079: "The order is processing and can not be operated, please try again later",
    131001: "openapi svc error",
    131003: "Internal error",
    131082: "Do not repeat the request",
    131200: "Service error",
    131201: "Internal error",
    131214: "TransferId exist",
    131230: "The system is busy, please try again later",
    170001: "Internal error.",
    170007: "Timeout waiting for response from backend server.",
    170032: "Network error. Please try again later",
    170035: "Submitted to the system for processing!",
    170141: "Duplicate clientOrderId",
    170146: "Order creation timeout",
    170147: "Order cancellation timeout",
    170212: "Cancel order request processing",
    170234: "System Error",
}
"""The page's codes whose text leaves open whether something was done."""

DONE_NOTHING: Mapping[int, tuple[str, type[CryptopipeError]]] = {
    429: ("The trading service is experiencing a high server load.", RateLimited),
    10002: ("The request time exceeds the time window range.", VenueError),
    10003: ("API key is invalid.", VenueError),
    10004: ("Error sign, please check your signature generation algorithm.", VenueError),
    10005: ("Permission denied, please check your API key permissions.", VenueError),
    10006: ("Too many visits. Exceeded the API Rate Limit.", RateLimited),
    10009: ("Service Restricted: Access is currently unavailable for your region.", VenueError),
    10010: ("Unmatched IP, please check your API key's bound IP addresses.", VenueError),
    33004: ("(Derivatives) Your api key has expired", VenueError),
    131004: ("KYC needed", VenueError),
    170005: ("Too many new orders; current limit is %s orders per %s.", RateLimited),
}
REFUSALS = {
    10001: "Request parameter error",
    110003: "Order price exceeds the allowable range.",
    110007: "Available balance is insufficient",
    110012: "Insufficient available balance.",
    110017: "orderQty will be truncated to zero",
    110020: "Not allowed to have more than 500 active orders.",
    110074: "This contract is not live",
    110094: "Order notional value below the lower limit",
    110118: "Unable to retrieve a pruce of the market order due to low liquidity",
    131002: "Withdraw address chain or destination tag are not equal",
    131083: "Withdraw only allowed from address book",
    131085: "Withdrawal amount is greater than your availale balance (the deplayed withdrawal is triggered)",
    131093: "The withdrawal address is not in the whitelist",
    131096: "Withdraw amount does not satify the lower limit or upper limit",
    131097: "Withdrawal of this currency has been closed",
    131212: "Insufficient balance",
    170121: "Invalid symbol.",
    170131: "Balance insufficient",
    170134: "Order price decimal too long.",
    170136: "Order quantity lower than the minimum.",
    170137: "Order volume decimal too long",
    170140: "Order value exceeded lower limit",
    170193: "Buy order price cannot be higher than %s.",
    170381: "Order quantity too large.",
}


class TestBybitActions(ActionConformance):
    name = "bybit"
    codec = CODEC
    actions = (
        PLACE,
        PlaceOrder(SPOT, Side.SELL, D("0.01"), None, "cp-2"),
        PlaceOrder(LINEAR, Side.SELL, D("0.2"), D(2800), "cp-3", TimeInForce.FOK, reduce_only=True),
        CANCEL,
        CancelOrder(SPOT, "", "1321003749386327552"),
        CancelAll(VENUE, SPOT),
        WITHDRAW,
        MOVE,
        FIND_OURS,
        FindOrder(SPOT, "", "1321003749386327552"),
        ListOpenOrders(VENUE, SPOT),
        ListOrders(LINEAR),
        ListFills(SPOT, since=1_795_000_000_000_000_000),
        FetchBalances(VENUE),
        FetchBalances(VENUE, "funding"),
        FetchPositions(VENUE),
        FetchFees(SPOT),
        FetchCurrencies(VENUE),
        FetchAddress(VENUE, "USDT", "ETH"),
        ListTransfers(VENUE, True),
        FetchTime(VENUE),
        FetchKey(VENUE),
    )
    published = (
        Published(
            HttpRequest(
                "GET", "/user/leverage?api_key=B2Rou0PLPpGqcU0Vu2&leverage=100&symbol=BTCUSD&timestamp=1542434791000"
            ),
            Credentials("B2Rou0PLPpGqcU0Vu2", "t7T0YlFnYXk0Fx3JswQsDrViLg1Gh3DUU5Mr"),
            "670e3e4aa32b243f2dedf1dafcec2fd17a440e71b05681550416507de591d908",
            "How to Sign, of the venue's former pages (2019), as kept by others, 2026-11-21; the page of v5 shows two "
            "signatures and not their secret",
        ),
    )
    answers = (
        Answer(
            PLACE, 200, answered({"orderId": "1321003749386327552", "orderLinkId": "spot-test-postonly"}),
            Accepted("1321003749386327552"), f"order/create-order of {PAGES}",
        ),
        Answer(
            CANCEL, 200, answered({"orderId": "c6f055d9-7f21-4079-913d-e6523a9cfffa", "orderLinkId": "linear-004"}),
            Accepted("c6f055d9-7f21-4079-913d-e6523a9cfffa"), f"order/cancel-order of {PAGES}",
        ),
        Answer(
            CancelAll(VENUE, SPOT), 200, answered({"list": [], "success": "1"}),
            Accepted(""), f"order/cancel-all of {PAGES}",
        ),
        Answer(WITHDRAW, 200, answered({"id": "10195"}, "success"), Accepted("10195"), f"asset/withdraw of {PAGES}"),
        Answer(
            MOVE, 200, answered({"transferId": "42c0cfb0-6bca-c242-bc76-4e6df6cbab16", "status": "SUCCESS"}, "success"),
            Accepted("42c0cfb0-6bca-c242-bc76-4e6df6cbab16"), f"asset/create-inter-transfer of {PAGES}",
        ),
        Answer(
            FIND_OURS, 200, answered({"list": [OPENED], "nextPageCursor": "page_args%3Dfd", "category": "linear"}),
            Reports(orders=(OPENED_MEANS,)), f"order/open-order of {PAGES}",
        ),
        Answer(
            FIND_OURS, 200, answered({"list": [], "nextPageCursor": "", "category": "linear"}),
            NotFound("0", "no such order among those that are open, or ended lately"), f"order/open-order of {PAGES}",
        ),
        Answer(
            FetchKey(VENUE), 200, answered(KEY, ""),
            Reports(key=KeyReport(True, True, False, False, 1_703_229_625_000_000_000)), f"user/apikey-info of {PAGES}",
        ),
        Answer(PLACE, 403, b"access too frequent", RateLimited, f"rate-limit of {PAGES}"),
        Answer(PLACE, 401, b"", VenueError, ERRORS),
        Answer(FetchBalances(VENUE), 200, answered({}, "Server Timeout", 10000), VenueUnavailable, ERRORS),
        Answer(FetchBalances(VENUE), 200, answered({}, "Server error.", 10016), VenueUnavailable, ERRORS),
        refused(110001, "Order does not exist", NotFound("110001", "Order does not exist"), CANCEL),
        refused(170213, "Order does not exist.", NotFound("170213", "Order does not exist."), CANCEL),
        *(refused(code, text, UnknownOutcome) for code, text in OPEN.items()),
        *(refused(code, text, means) for code, (text, means) in DONE_NOTHING.items()),
        *(refused(code, text, Refused(str(code), text)) for code, text in REFUSALS.items()),
    )  # fmt: skip
    documented_codes = tuple(map(str, (110001, 170213, *DONE_NOTHING, *REFUSALS)))
    ambiguous_codes = tuple(f'"retCode": {code},' for code in OPEN)

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        """docs/v5/guide: timestamp + key + recv_window + (query | body); of the former pages the query alone."""
        headers = request.headers
        query = urlsplit(request.url).query
        text = query
        if "X-BAPI-TIMESTAMP" in headers:
            payload = query if request.method == "GET" else (request.body or b"").decode()
            text = f"{headers['X-BAPI-TIMESTAMP']}{credentials.key}{headers['X-BAPI-RECV-WINDOW']}{payload}"
        return hmac.new(credentials.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@needs_recordings
def test_the_errors_that_were_recorded_do_nothing() -> None:
    kinds = {"rate_limit": RateLimited, "invalid_nonce": VenueError, "rate_limit_http429": RateLimited}
    recorded = json.loads((RECORDINGS / "bybit" / "errors.json").read_bytes())
    assert {one["kind"] for one in recorded} == set(kinds)
    for one in recorded:
        response = HttpResponse(one["http_status"], json.dumps(one["response"]).encode())
        with pytest.raises(VenueError) as raised:
            CODEC.parse(PLACE, response)
        assert type(raised.value) is kinds[one["kind"]], one


@needs_recordings
def test_answers_that_another_client_keeps_are_read() -> None:
    kept = {
        one["path"]: one["response"]
        for one in json.loads(Path(RECORDINGS / "bybit" / "rest_endpoints_jkorf.json").read_bytes())
        if "path" in one
    }
    for path, action in {
        "/v5/order/create": PlaceOrder(SPOT, Side.BUY, D(1), D(1), "spot-test-postonly"),
        "/v5/order/cancel": CANCEL,
        "/v5/order/cancel-all": CancelAll(VENUE, SPOT),
        "/v5/asset/withdraw/create": WITHDRAW,
    }.items():
        assert isinstance(CODEC.parse(action, HttpResponse(200, json.dumps(kept[path]).encode())), Accepted), path
    sent = CODEC.parse(
        ListTransfers(VENUE, False), HttpResponse(200, json.dumps(kept["/v5/asset/withdraw/query-record"]).encode())
    )
    assert type(sent).__name__ == "More", "its cursor says that there is more"


def built(action: Action) -> dict[str, Any]:
    request = CODEC.build(action, Credentials("k", "s"), 1_795_000_000_000_000_000)
    if request.body is None:
        return dict(parse_qsl(urlsplit(request.url).query))
    return dict(json.loads(request.body))


def test_orders_say_what_the_page_asks_for() -> None:
    assert built(PLACE) == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "60000.1",
        "timeInForce": "PostOnly", "orderLinkId": "spot-test-postonly",
    }  # fmt: skip
    assert built(PlaceOrder(SPOT, Side.BUY, D("0.01"), None, "c"))["marketUnit"] == "baseCoin"  # else qty is a value
    close = built(PlaceOrder(LINEAR, Side.SELL, D("0.2"), None, "c", reduce_only=True))
    assert (close["category"], close["symbol"], close["reduceOnly"]) == ("linear", "ETHUSDT", True)
    assert built(CANCEL) == {"category": "linear", "symbol": "ETHUSDT", "orderLinkId": "linear-004"}
    assert built(FIND_OURS) == {"category": "linear", "symbol": "ETHUSDT", "orderLinkId": "test-000005"}
    assert built(FindOrder(SPOT, "c", "7")) == {"category": "spot", "symbol": "BTCUSDT", "orderId": "7"}


def test_withdrawals_and_moves_say_what_the_page_asks_for() -> None:
    told = built(WITHDRAW)
    assert (told["coin"], told["chain"], told["amount"], told["accountType"]) == ("USDT", "ETH", "24", "FUND")
    assert (told["feeType"], told["requestId"], told["timestamp"]) == (1, "w1", 1_795_000_000_000)
    moved = built(MOVE)
    assert (moved["fromAccountType"], moved["toAccountType"], moved["coin"]) == ("UNIFIED", "FUND", "BTC")


@pytest.mark.parametrize("ours", ["a", "cp-1", "x" * 33, "ä", "w1"])
def test_our_ids_become_what_the_venue_takes_and_stay_apart(ours: str) -> None:
    told, moved = request_id(ours), transfer_id(ours)
    assert 1 <= len(told) <= 32 and told.isascii() and told.isalnum()
    assert [len(part) for part in moved.split("-")] == [8, 4, 4, 4, 12]
    assert told == request_id(ours) != request_id(f"{ours}1")
    assert moved == transfer_id(ours) != transfer_id(f"{ours}1")


@pytest.mark.parametrize(
    "body", [b'{"retCode":0,"result":{"list":[{}],"category":"spot"}}', b'{"retCode":0,"result":[]}']
)
def test_an_order_that_cannot_be_read_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        CODEC.parse(FIND_OURS, HttpResponse(200, body))
