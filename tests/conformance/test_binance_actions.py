"""Actions at Binance spot: documented answers, errors as tables.

Answers: rest-api.md and web-socket-api.md of binance-spot-api-docs (2026-07-21); of the wallet: as JKorf/Binance.Net's
tests keep them (2026-07), cut to one row. Errors: errors.md (2026-07-21), the wallet's page as ccxt 4.5.90 quotes it.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conformance.binance_stage import SECOND, hex_of
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import (
    FUNDING,
    SANDBOX_CREDENTIALS,
    Accepted,
    Action,
    AddressReport,
    Asset,
    BalanceReport,
    CancelAll,
    CancelOrder,
    Credentials,
    CryptopipeError,
    Currency,
    Fee,
    FeeSchedule,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchTime,
    FillReport,
    FindOrder,
    HttpRequest,
    HttpResponse,
    KeyReport,
    Kind,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    More,
    MoveFunds,
    Network,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    PlaceOrder,
    RateLimited,
    Refused,
    Reports,
    Side,
    TimeInForce,
    TransferReport,
    TransferState,
    UnknownOutcome,
    VenueError,
    VenueId,
    VenueUnavailable,
    Withdraw,
)
from cryptopipe.testing.actions import ActionConformance, Answer, Published
from cryptopipe_binance.actions import actions
from cryptopipe_binance.metadata import BinanceInstruments

D = Decimal
VENUE = VenueId("binance")
INSTRUMENTS = BinanceInstruments(VENUE, Kind.SPOT)
BTC, LTC = INSTRUMENTS.find("BTCUSDT"), INSTRUMENTS.find("LTCBTC")
CODEC = actions(INSTRUMENTS.listed())
PAGE = Credentials(
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
)
REST = "binance-spot-api-docs rest-api.md, 2026-07-21"
ERRORS = "binance-spot-api-docs errors.md, 2026-07-21"
KEPT = "JKorf/Binance.Net tests, 2026-07, read 2026-11-21"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"

OURS = "4d96324ff9d44481926157ec08158a40"
PLACE = PlaceOrder(BTC, Side.SELL, D("0.00847"), D("23416.1"), OURS)
CANCEL, FIND = CancelOrder(LTC, "myOrder1"), FindOrder(LTC, "myOrder1")
SEND = Withdraw(VENUE, "USDT", "TRX", TRON, D("100.5"), "w-1")
MOVE = MoveFunds(VENUE, "USDT", D("12"), "MAIN", "FUNDING", "m-1")
ACTIONS: tuple[Action, ...] = (
    PLACE,
    PlaceOrder(BTC, Side.BUY, D("0.5"), None, "m-1"),
    PlaceOrder(BTC, Side.BUY, D("0.5"), D("60000.5"), "m-2", TimeInForce.IOC),
    PlaceOrder(BTC, Side.BUY, D("0.5"), D("60000.5"), "m-3", TimeInForce.POST_ONLY),
    CANCEL, CancelOrder(LTC, "", "4"), CancelAll(VENUE, BTC), SEND, MOVE, FIND, FindOrder(LTC, "", "4"),
    ListOpenOrders(VENUE), ListOpenOrders(VENUE, BTC), ListOrders(BTC, 5 * SECOND), ListFills(BTC),
    ListFills(BTC, "4", 5 * SECOND), FetchBalances(VENUE), FetchBalances(VENUE, FUNDING), FetchFees(BTC),
    FetchCurrencies(VENUE), FetchAddress(VENUE, "BTC", "BTC"), ListTransfers(VENUE, False, "USDT"),
    ListTransfers(VENUE, True), FetchTime(VENUE), FetchKey(VENUE),
)  # fmt: skip

PLACED = {
    "symbol": "BTCUSDT", "orderId": 12569099453, "orderListId": -1, "clientOrderId": OURS,
    "transactTime": 1660801715793, "price": "23416.10000000", "origQty": "0.00847000", "executedQty": "0.00847000",
    "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "198.33521500", "status": "FILLED", "timeInForce": "GTC",
    "type": "LIMIT", "side": "SELL", "workingTime": 1660801715793,
    "fills": [
        {"price": "23416.10000000", "qty": "0.00635000", "commission": "0.000000", "commissionAsset": "BNB",
         "tradeId": 1650422481},
        {"price": "23416.50000000", "qty": "0.00212000", "commission": "0.000000", "commissionAsset": "BNB",
         "tradeId": 1650422482},
    ],
}  # fmt: skip
"""web-socket-api.md "Place new order", `FULL` response, whose result is that of rest-api.md."""
PLACED_AT = 1660801715793_000_000


def _fill(trade: str, price: str, size: str) -> FillReport:
    fee = Fee(D(0), Asset("BNB"))
    return FillReport(BTC, trade, "12569099453", OURS, Side.SELL, D(price), D(size), fee, None, PLACED_AT)


FILLS = (_fill("1650422481", "23416.10", "0.00635"), _fill("1650422482", "23416.50", "0.00212"))
FILLED = OrderReport(
    BTC, "12569099453", OURS, Side.SELL, OrderState.FILLED, D("0.00847"), D("23416.1"), D("0.00847"), D("198.335215"),
    FILLS, PLACED_AT,
)  # fmt: skip
CANCELLED = {
    "symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
    "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, "price": "2.00000000", "origQty": "1.00000000",
    "executedQty": "0.00000000", "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.00000000",
    "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "selfTradePreventionMode": "NONE",
}  # fmt: skip
FOUND = {
    "symbol": "LTCBTC", "orderId": 1, "orderListId": -1, "clientOrderId": "myOrder1", "price": "0.1", "origQty": "1.0",
    "executedQty": "0.0", "cummulativeQuoteQty": "0.0", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
    "side": "BUY", "stopPrice": "0.0", "icebergQty": "0.0", "time": 1499827319559, "updateTime": 1499827319559,
    "isWorking": True, "workingTime": 1499827319559, "origQuoteOrderQty": "0.000000", "selfTradePreventionMode": "NONE",
}  # fmt: skip
OPEN = OrderReport(
    LTC, "1", "myOrder1", Side.BUY, OrderState.OPEN, D("1"), D("0.1"), D(0), D(0), (), 1499827319559_000_000
)  # fmt: skip
GONE = OrderReport(
    LTC, "4", "myOrder1", Side.BUY, OrderState.CANCELLED, D(1), D(2), D(0), D(0), (), 1684804350068_000_000
)  # fmt: skip
TRADE = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100",
    "qty": "12.00000000", "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB",
    "time": 1499865549590, "isBuyer": True, "isMaker": False, "isBestMatch": True,
}  # fmt: skip
BNBBTC = INSTRUMENTS.find("BNBBTC")
TRADED = FillReport(
    BNBBTC, "28457", "100234", "", Side.BUY, D("4.000001"), D(12), Fee(D("10.1"), Asset("BNB")), False,
    1499865549590_000_000,
)  # fmt: skip
ACCOUNT = {
    "makerCommission": 15, "takerCommission": 15, "canTrade": True, "updateTime": 123456789, "accountType": "SPOT",
    "balances": [{"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000000"},
                 {"asset": "LTC", "free": "4763368.68006011", "locked": "0.00000000"}],
    "permissions": ["SPOT"], "uid": 354937868,
}  # fmt: skip
HELD = tuple(
    BalanceReport(VENUE, Asset(name), D(free), D(0), at=123456789_000_000)
    for name, free in (("BTC", "4723846.89208129"), ("LTC", "4763368.68006011"))
)
COIN = {
    "coin": "BTC", "depositAllEnable": True, "free": "0.08074558", "isLegalMoney": False, "locked": "0.00000000",
    "name": "Bitcoin", "trading": True, "withdrawAllEnable": True,
    "networkList": [
        {"addressRegex": "^[13][a-km-zA-HJ-NP-Z1-9]{25,34}$|^(bc1)[0-9A-Za-z]{39,59}$", "coin": "BTC",
         "depositEnable": True, "isDefault": True, "memoRegex": "", "minConfirm": 1, "name": "BTC", "network": "BTC",
         "specialTips": "", "unLockConfirm": 2, "withdrawEnable": True, "withdrawFee": "0.00050000",
         "withdrawIntegerMultiple": "0.00000001", "withdrawMax": "750", "withdrawMin": "0.00100000",
         "sameAddress": False, "estimatedArrivalTime": 25, "busy": False}
    ],
}  # fmt: skip
NETWORK = Network(
    "BTC", "bitcoin", None, True, True, D("0.0005"), None, D("0.001"), D(750), None, 8, 1, False
)  # fmt: skip
SENT = {
    "id": "b6ae22b3aa844210a7041aee7589627c", "amount": "8.91000000", "transactionFee": "0.004", "coin": "USDT",
    "status": 6, "address": "0x94df8b352de7f46f64b01d3666bf6e936e44ce60",
    "txId": "0xb5ef8c13b968a406cc62a93a8bd80f9e9a906ef1b3fcf20a2e48573c17659268", "applyTime": "2019-10-12 11:12:02",
    "network": "ETH", "transferType": 0, "withdrawOrderId": "WITHDRAWtest123", "info": "", "confirmNo": 3,
    "walletType": 1, "txKey": "", "completeTime": "2023-03-23 16:52:41",
}  # fmt: skip
SENDING = TransferReport(
    VENUE, SENT["id"], False, Asset("USDT"), "ETH", SENT["address"], D("8.91"), D("0.004"), TransferState.DONE,
    SENT["txId"], "WITHDRAWtest123", 1570878722 * SECOND,
)  # fmt: skip
CAME = {
    "id": "769800519366885376", "amount": "0.001", "coin": "BNB", "network": "BNB", "status": 0,
    "address": "bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23", "addressTag": "101764890",
    "txId": "98A3EA560C6B3336D348B6C83F0F95ECE4F1F5919E94BD006E5BF3BF264FACFC", "insertTime": 1661493146000,
    "transferType": 0, "confirmTimes": "1/1", "unlockConfirm": 0, "walletType": 0,
}  # fmt: skip
COMING = TransferReport(
    VENUE, CAME["id"], True, Asset("BNB"), "BNB", CAME["address"], D("0.001"), None, TransferState.PENDING,
    CAME["txId"], "", 1661493146 * SECOND,
)  # fmt: skip
RIGHTS = {
    "ipRestrict": False, "createTime": 1698645219000, "enableInternalTransfer": False, "enableFutures": False,
    "enablePortfolioMarginTrading": True, "enableVanillaOptions": False, "permitsUniversalTransfer": False,
    "enableReading": True, "enableSpotAndMarginTrading": False, "enableWithdrawals": False, "enableMargin": False,
}  # fmt: skip


def _of(action: Action, body: Any, means: Any, source: str = REST, status: int = 200) -> Answer:
    return Answer(action, status, json.dumps(body).encode(), means, source)


ANSWERS = (
    _of(PLACE, PLACED, Accepted("12569099453", "FILLED", FILLED), "web-socket-api.md, Place new order, 2026-07-21"),
    _of(CANCEL, CANCELLED, Accepted("4", "CANCELED", GONE)),
    _of(CancelAll(VENUE, LTC), [CANCELLED], Accepted("")),
    _of(FIND, FOUND, Reports(orders=(OPEN,))),
    _of(ListOpenOrders(VENUE), [FOUND], Reports(orders=(OPEN,))),
    _of(ListOrders(LTC), [FOUND], Reports(orders=(OPEN,))),
    _of(ListFills(BNBBTC), [TRADE], Reports(fills=(TRADED,))),
    _of(FetchBalances(VENUE), ACCOUNT, Reports(balances=HELD)),
    _of(FetchTime(VENUE), {"serverTime": 1499827319559}, Reports(server_time=1499827319559_000_000)),
    _of(
        FetchFees(BTC), [{"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.0015"}],
        Reports(fees=FeeSchedule(D("0.001"), D("0.0015"), "binance, as asked for this account", "today", "received")),
        KEPT + ", symbol replaced",
    ),
    _of(
        FetchCurrencies(VENUE), [COIN],
        Reports(currencies=(Currency(VENUE, "BTC", Asset("BTC"), (NETWORK,)),)), KEPT,
    ),
    _of(
        FetchAddress(VENUE, "BTC", "BTC"),
        {"address": "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv", "coin": "BTC", "tag": "", "url": "https://btc.com/1HPn8Rx2y6"},
        Reports(address=AddressReport(Asset("BTC"), "BTC", "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv")), KEPT,
    ),
    _of(SEND, {"id": "7213fea8e94b4a5593d507237e5a555b"}, Accepted("7213fea8e94b4a5593d507237e5a555b"), KEPT),
    _of(ListTransfers(VENUE, False, "USDT"), [SENT], Reports(transfers=(SENDING,)), KEPT),
    _of(ListTransfers(VENUE, True), [CAME], Reports(transfers=(COMING,)), KEPT),
    _of(MOVE, {"tranId": 13526853623}, Accepted("13526853623"), KEPT),
    _of(FetchKey(VENUE), RIGHTS, Reports(key=KeyReport(True, False, False, False, None)), KEPT),
    _of(
        FetchBalances(VENUE, FUNDING),
        [{"asset": "USDT", "free": "1", "locked": "0", "freeze": "0", "withdrawing": "0", "btcValuation": "0.1"}],
        Reports(balances=(BalanceReport(VENUE, Asset("USDT"), D(1), D(0), FUNDING),)), KEPT,
    ),
)  # fmt: skip

Table = tuple[tuple[int, int, str], ...]
OPEN_CODES: Table = (
    (-1000, 400, "An unknown error occurred while processing the request."),
    (-1001, 400, "Internal error; unable to process your request. Please try again."),
    (-1006, 400, "An unexpected response was received from the message bus. Execution status unknown."),
    (-1007, 408, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    (-1007, 400, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    (-1008, 503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    (-1016, 503, "This service is no longer available."),
)
LIMITED_CODES: Table = (
    (-1003, 429, "Too many requests queued."),
    (-1003, 418, "Way too much request weight used; IP banned until 1659146400000."),
    (-1015, 429, "Too many new orders."),
    (-1034, 429, "Too many concurrent connections; current limit is '5'."),
)
DENIED_CODES: Table = (
    (-1002, 401, "You are not authorized to execute this request."),
    (-1021, 400, "Timestamp for this request is outside of the recvWindow."),
    (-1022, 400, "Signature for this request is not valid."),
    (-2014, 401, "API-key format invalid."),
    (-2015, 401, "Invalid API-key, IP, or permissions for action."),
)
REFUSED_CODES: Table = (
    (-1013, 400, "Filter failure: LOT_SIZE"),
    (-1014, 400, "Unsupported order combination."),
    (-1020, 400, "This operation is not supported."),
    (-1100, 400, "Illegal characters found in a parameter."),
    (-1101, 400, "Too many parameters sent for this endpoint."),
    (-1102, 400, "A mandatory parameter was not sent, was empty/null, or malformed."),
    (-1103, 400, "An unknown parameter was sent."),
    (-1104, 400, "Not all sent parameters were read."),
    (-1105, 400, "A parameter was empty."),
    (-1106, 400, "A parameter was sent when not required."),
    (-1108, 400, "Parameter 'quantity' overflowed."),
    (-1111, 400, "Parameter 'price' has too much precision."),
    (-1112, 400, "No orders on book for symbol."),
    (-1114, 400, "TimeInForce parameter sent when not required."),
    (-1115, 400, "Invalid timeInForce."),
    (-1116, 400, "Invalid orderType."),
    (-1117, 400, "Invalid side."),
    (-1118, 400, "New client order ID was empty."),
    (-1121, 400, "Invalid symbol."),
    (-1128, 400, "Combination of optional parameters invalid."),
    (-1130, 400, "Invalid data sent for a parameter."),
    (-1134, 400, "`strategyType` was less than 1000000."),
    (-2010, 400, "Account has insufficient balance for requested action."),
    (-2010, 400, "Order would immediately match and take."),
    (-2010, 400, "Duplicate order sent."),
    (-2016, 400, "No trading window could be found for the symbol. Try ticker/24hrs instead."),
)
SENDING_REFUSED: Table = (
    (-4001, 400, "Invalid operation."),
    (-4007, 400, "Address validation is not passed."),
    (-4008, 400, "Address tag validation is not passed."),
    (-4019, 400, "Current asset is not open for withdrawal."),
    (-4022, 400, "Not less than the minimum pick-up quantity 2."),
    (-4026, 400, "You have insufficient balance."),
    (-4035, 400, "This address is not on the whitelist. Please join and try again."),
)
SENDING_OPEN: Table = (
    (-1007, 408, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    (-3000, 400, "Internal server error."),
    (-4027, 400, "Failed to obtain tranId."),
)


def _errors(action: Action, table: Table, means: Any) -> Iterator[Answer]:
    for code, status, text in table:
        meant = Refused(str(code), text) if means is Refused else means
        yield _of(action, {"code": code, "msg": text}, meant, ERRORS, status)


ERROR_ANSWERS = (
    *_errors(PLACE, OPEN_CODES, UnknownOutcome),
    *_errors(PLACE, LIMITED_CODES, RateLimited),
    *_errors(PLACE, DENIED_CODES, VenueError),
    *_errors(PLACE, REFUSED_CODES, Refused),
    *_errors(SEND, SENDING_REFUSED, Refused),
    *_errors(SEND, SENDING_OPEN, UnknownOutcome),
    *_errors(FetchBalances(VENUE), DENIED_CODES, VenueError),
    *_errors(FetchBalances(VENUE), OPEN_CODES, VenueUnavailable),
    _of(CANCEL, {"code": -2011, "msg": "Unknown order sent."}, NotFound("-2011", "Unknown order sent."), ERRORS, 400),
    _of(
        CANCEL, {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."},
        Refused("-2011", "Order was not canceled due to cancel restrictions."), ERRORS, 400,
    ),
    _of(FIND, {"code": -2013, "msg": "Order does not exist."}, NotFound("-2013", "Order does not exist."), ERRORS, 400),
)  # fmt: skip


class TestBinanceActions(ActionConformance):
    name = "binance"
    codec = CODEC
    actions = ACTIONS
    published = (
        Published(
            HttpRequest(
                "POST",
                "https://api.binance.com/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
                "&recvWindow=5000&timestamp=1499827319559",
            ),
            PAGE,
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            f'{REST}, "HMAC Keys"',
        ),
    )
    answers = ANSWERS + ERROR_ANSWERS
    documented_codes = tuple(
        str(code)
        for table in (OPEN_CODES, LIMITED_CODES, DENIED_CODES, REFUSED_CODES, SENDING_REFUSED, SENDING_OPEN)
        for code, _, _ in table
    )
    ambiguous_codes = ("-1000", "-1001", "-1006", "-1007", "-1008", "-3000", "-4027")

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        """HMAC-SHA256 in hex over query and body, without the signature itself."""
        sides = urlsplit(request.url).query, (request.body or b"").decode()
        told = "".join(side.partition("&signature=")[0] for side in sides)
        return hex_of(credentials.secret, told)


MEANT: dict[str, type | tuple[type, ...]] = {
    "auth": VenueError,
    "rate_limit_orders": RateLimited,
    "invalid_nonce": VenueError,
    "insufficient_funds": Refused,
    "unknown_outcome": UnknownOutcome,
    "withdraw_rejected": VenueError,
}
"""Of errors.json: -1003 with 503 is no limit but a server's error; -1002 says that the key may not."""


@needs_recordings
@pytest.mark.parametrize("kind", MEANT)
def test_every_kept_error_means_what_it_says(kind: str) -> None:
    """`fixtures/binance/errors.json`: error bodies as other projects' tests keep them."""
    rows = json.loads(Path(RECORDINGS, "binance", "errors.json").read_text(encoding="utf-8"))
    assert {one["kind"] for one in rows} == set(MEANT)
    row = next(one for one in rows if one["kind"] == kind)
    action = SEND if kind == "withdraw_rejected" else PLACE
    response = HttpResponse(row.get("http_status", 400), json.dumps(row["response"]).encode())
    try:
        got: Outcome | CryptopipeError = CODEC.parse(action, response)
    except CryptopipeError as error:
        got = error
    assert type(got) is MEANT[kind]


@pytest.mark.parametrize(
    ("kind", "path", "cursor"), [(ListFills, "myTrades", "fromId"), (ListOrders, "allOrders", "orderId")]
)
def test_a_full_page_is_followed_by_the_next(kind: Any, path: str, cursor: str) -> None:
    """`limit`: "Default: 500; Maximum: 1000." (account-endpoints.md); the rows are those of the page, numbered."""
    instrument = BinanceInstruments(VENUE, Kind.SPOT).find("BTCUSDT")
    trade = {
        "symbol": "BTCUSDT", "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.000012", "commission": "1",
        "commissionAsset": "BNB", "time": 1499865549590, "isBuyer": True, "isMaker": False, "isBestMatch": True,
    }  # fmt: skip
    order = {
        "symbol": "BTCUSDT", "orderListId": -1, "clientOrderId": "x", "price": "0.1", "origQty": "1.0",
        "executedQty": "0.0", "cummulativeQuoteQty": "0.0", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "time": 1499827319559, "updateTime": 1499827319559,
    }  # fmt: skip
    row = trade | {"orderId": 1} if kind is ListFills else order
    key = "id" if kind is ListFills else "orderId"
    full, rest = (
        HttpResponse(200, json.dumps([row | {key: number} for number in numbers]).encode())
        for numbers in (range(7, 507), range(507, 510))
    )
    action = kind(instrument, since=1_400_000_000_000_000_000)
    first, second = (
        CODEC.build(action, SANDBOX_CREDENTIALS, 1_700_000_000 * SECOND, earlier).url for earlier in ((), (full,))
    )
    assert f"/api/v3/{path}?" in first and "startTime=1400000000000" in first and f"{cursor}=" not in first
    assert f"{cursor}=507&" in second and "startTime" not in second
    assert CODEC.parse(action, full) == More()
    told = CODEC.parse(action, rest, (full,))
    assert isinstance(told, Reports) and len(told.fills or told.orders) == 503
