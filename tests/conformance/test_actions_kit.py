"""The kit of action codecs: a good sample passes all of it, with the signature and the errors that a page publishes."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from conformance import ccxt_actions
from conformance.bitfoo_actions import BitfooActions

from cryptopipe.api import (
    Accepted,
    Action,
    ActionRules,
    Asset,
    CancelAll,
    CancelOrder,
    Credentials,
    Fee,
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
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    More,
    MoveFunds,
    NotFound,
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
from cryptopipe.testing import ActionConformance, Answer, Published, Vector, spot

LTCBTC = spot("bitfoo", "LTC/BTC", symbol="LTCBTC", tick="0.000001", step="0.001")
FULLWIDTH = spot("bitfoo", "LTC/BTC", symbol="１２３４５６", tick="0.000001", step="0.001")
KEYS = Credentials(
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
)
AT = 1_499_827_319_559_000_000
PAGE = "request-security page, SIGNED example for POST /api/v3/order, HMAC keys, as quoted by others, 2026-11-21"
ERRORS = "errors.md, 2025-01-09"
PLACE = PlaceOrder(LTCBTC, Side.BUY, Decimal("1.500"), Decimal("0.012345"), "cp-1")
MARKET = PlaceOrder(LTCBTC, Side.SELL, Decimal(2), None, "cp-2")
CANCEL = CancelOrder(LTCBTC, "cp-1")
FIND = FindOrder(LTCBTC, "cp-1")
FILLS = ListFills(LTCBTC)
TRADES = "account-endpoints.md, Account trade list, shortened, as quoted by others, 2026-11-21; bitfoo's pages have two"


def _fill(number: int) -> bytes:
    return (
        b'{"symbol":"LTCBTC","id":%d,"orderId":100234,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012",'
        b'"commission":"10.10000000","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,"isMaker":false,'
        b'"isBestMatch":true}' % number
    )


def _filled(number: int) -> FillReport:
    paid = Fee(Decimal("10.1"), Asset("BNB"))
    at = 1_499_865_549_590_000_000
    size, price = Decimal(12), Decimal("4.000001")
    return FillReport(LTCBTC, str(number), "100234", "", Side.BUY, price, size, paid, False, at)


FIRST_PAGE = HttpResponse(200, b"[" + _fill(28457) + b"," + _fill(28458) + b"]")


def _published(instrument: object) -> Action:
    return PlaceOrder(instrument, Side.BUY, Decimal(1), Decimal("0.1"), "")  # type: ignore[arg-type]


def _error(code: int, text: str, means: type[VenueError] | Refused, status: int = 400) -> Answer:
    return Answer(PLACE, status, f'{{"code":{code},"msg":"{text}"}}'.encode(), means, ERRORS)


class TestBitfooActions(ActionConformance):
    name = "bitfoo"
    codec = BitfooActions()
    actions = (PLACE, MARKET, CANCEL, FIND, FILLS)
    vectors = (
        Vector(
            _published(LTCBTC),
            KEYS,
            AT,
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            PAGE,
            (KEYS.key, "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&"),
        ),
        Vector(
            _published(FULLWIDTH),
            KEYS,
            AT,
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
            PAGE,
        ),
    )
    answers = (
        Answer(
            PLACE,
            200,
            b'{"symbol":"LTCBTC","orderId":28,"clientOrderId":"cp-1","transactTime":1507725176595,"status":"NEW"}',
            Accepted("28", "NEW"),
            "trading-endpoints.md, New order, response FULL shortened, as quoted by others, 2026-11-21",
        ),
        Answer(
            CANCEL,
            400,
            b'{"code":-2011,"msg":"Unknown order sent."}',
            NotFound("-2011", "Unknown order sent."),
            ERRORS,
        ),
        Answer(
            FIND,
            400,
            b'{"code":-2013,"msg":"Order does not exist."}',
            NotFound("-2013", "Order does not exist."),
            ERRORS,
        ),
        Answer(FIND, 400, b'{"code":-1000,"msg":"An unknown error occurred."}', VenueUnavailable, ERRORS),
        Answer(FILLS, 200, FIRST_PAGE.body, More(), TRADES),
        Answer(
            FILLS,
            200,
            b"[" + _fill(28459) + b"]",
            Reports(fills=(_filled(28457), _filled(28458), _filled(28459))),
            TRADES,
            (FIRST_PAGE,),
        ),
        Answer(FILLS, 200, b'{"fills":[]}', ProtocolError, "an object where the page has a list"),
        _error(-1000, "An unknown error occurred while processing the request.", UnknownOutcome),
        _error(-1001, "Internal error; unable to process your request. Please try again.", UnknownOutcome),
        _error(-1003, "Too many requests queued.", RateLimited, 429),
        _error(-1006, "An unexpected response was received. Execution status unknown.", UnknownOutcome),
        _error(-1007, "Timeout waiting for response from backend server. Send status unknown.", UnknownOutcome),
        _error(-1013, "Filter failure: LOT_SIZE", Refused("-1013", "Filter failure: LOT_SIZE")),
        _error(-1015, "Too many new orders.", RateLimited, 429),
        _error(-1021, "Timestamp for this request is outside of the recvWindow.", VenueError),
        _error(-1022, "Signature for this request is not valid.", VenueError),
        _error(-2010, "Duplicate order sent.", Refused("-2010", "Duplicate order sent.")),
        _error(-2015, "Invalid API-key, IP, or permissions for action.", VenueError, 401),
    )
    documented_codes = (
        *("-1000", "-1001", "-1003", "-1006", "-1007", "-1013", "-1015"),
        *("-1021", "-1022", "-2010", "-2011", "-2013", "-2015"),
    )
    ambiguous_codes = ("-1000", "-1001", "-1006", "-1007")


def test_the_page_tells_every_rule() -> None:
    page = (Path(__file__).parents[2] / "docs" / "actions.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(ActionRules) if f"`{one.name}`" not in page] == []


THROUGH = ccxt_actions.LTCBTC
BUY = PlaceOrder(THROUGH, Side.BUY, Decimal("1.500"), Decimal("0.012345"), "cp-1")
SIGNED = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
VENUE = ccxt_actions.VENUE


def _failed(code: int, text: str, means: Any, status: int = 400, action: Action = BUY) -> Answer:
    return Answer(action, status, f'{{"code":{code},"msg":"{text}"}}'.encode(), means, ERRORS)


class TestThroughCcxt(ActionConformance):
    """The same kit over a codec that is ccxt: with its clock, chance and network as arguments."""

    name = "bitbaz"
    codec = ccxt_actions.codec()
    actions = (
        BUY,
        PlaceOrder(THROUGH, Side.SELL, Decimal(2), None, "cp-2"),
        PlaceOrder(THROUGH, Side.SELL, Decimal(2), Decimal("0.1"), "cp-3", TimeInForce.IOC),
        PlaceOrder(THROUGH, Side.SELL, Decimal(2), Decimal("0.1"), "cp-4", TimeInForce.FOK),
        PlaceOrder(THROUGH, Side.SELL, Decimal(2), Decimal("0.1"), "cp-5", TimeInForce.POST_ONLY),
        CancelOrder(THROUGH, "cp-1"),
        CancelAll(VENUE, THROUGH),
        Withdraw(VENUE, "LTC", "LTC", "ltc1qexample", Decimal("0.5"), "w-1"),
        MoveFunds(VENUE, "LTC", Decimal("0.5"), "spot", "funding", "m-1"),
        FindOrder(THROUGH, "cp-1"),
        ListOpenOrders(VENUE, THROUGH),
        ListOrders(THROUGH),
        ListFills(THROUGH),
        FetchBalances(VENUE),
        FetchFees(THROUGH),
        FetchCurrencies(VENUE),
        FetchAddress(VENUE, "LTC", "LTC"),
        ListTransfers(VENUE, deposits=False),
        FetchTime(VENUE),
        FetchKey(VENUE),
    )
    published = (
        Published(
            HttpRequest("POST", f"https://api.bitbaz.example/api/v3/order?{SIGNED}"),
            KEYS,
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            PAGE,
        ),
    )
    answers = (
        Answer(
            BUY,
            200,
            b'{"symbol":"LTCBTC","orderId":28,"clientOrderId":"cp-1","transactTime":1507725176595}',
            Accepted("28"),
            "trading-endpoints.md, New order, response ACK shortened, as quoted by others, 2026-11-21",
        ),
        _failed(-1000, "An unknown error occurred while processing the request.", UnknownOutcome),
        _failed(-1001, "Internal error; unable to process your request. Please try again.", UnknownOutcome),
        _failed(-1003, "Too many requests queued.", RateLimited, 429),
        _failed(-1006, "An unexpected response was received. Execution status unknown.", UnknownOutcome),
        _failed(-1007, "Timeout waiting for response from backend server. Send status unknown.", UnknownOutcome),
        _failed(-1013, "Filter failure: LOT_SIZE", Refused("-1013", "Filter failure: LOT_SIZE")),
        _failed(-1021, "Timestamp for this request is outside of the recvWindow.", VenueError),
        _failed(-2010, "Duplicate order sent.", Refused("-2010", "Duplicate order sent.")),
        _failed(-2015, "Invalid API-key, IP, or permissions for action.", VenueError, 401),
        _failed(-2011, "Unknown order sent.", NotFound("-2011", "Unknown order sent."), 400, CancelOrder(THROUGH, "x")),
        _failed(-1007, "Timeout waiting for response.", VenueUnavailable, 400, FindOrder(THROUGH, "x")),
    )
    documented_codes = ("-1000", "-1001", "-1003", "-1006", "-1007", "-1013", "-1021", "-2010", "-2011", "-2015")
    ambiguous_codes = ("-1000", "-1001", "-1006", "-1007")

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        return ccxt_actions.signature_of(request, credentials)
