"""Simulated Binance: the public side of the spot venues and of USD-M futures, over the engine's books.

Enters: books by symbol, connections and requests. Leaves: sessions and answers as the venue gives them. Never: the feed
of this plugin, which reads the same documentation on its own.

Paths: github.com/binance/binance-spot-api-docs web-socket-streams.md "General WSS information" (2026-07-21),
github.com/binance-us/binance-us-api-docs web-socket-streams.md (2024-06-17), developers.binance.com USDS-margined
futures "Important WebSocket Change Notice" and "Connect" (2026-11-21).
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, SandboxSession, SimulatedBook
from cryptopipe_binance.sandbox_info import exchange_info
from cryptopipe_binance.sandbox_rest import Charter, Query, Rest, Weigh
from cryptopipe_binance.sandbox_session import Manners, Route, Session
from cryptopipe_binance.sandbox_streams import SECOND, Stream, Streams
from cryptopipe_binance.sandbox_ticker import Told
from cryptopipe_binance.sandbox_weight import refusal
from cryptopipe_binance.sandbox_wire import millis

MINUTE = 60 * SECOND
DIALS, DIALS_PER = 300, 5 * MINUTE
"""Attempts to connect that one address may make."""

_ALL = re.compile("")
_PUBLIC = re.compile(r"@(depth|bookTicker|trade)")
_MARKET = re.compile(r"@(aggTrade|kline_|miniTicker|ticker)")
_ROUTES = {"": _ALL, "/public": _PUBLIC, "/market": _MARKET}
_PATH = re.compile(r"(/public|/market|)/(ws|stream)(?:/(.*))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """One venue: how its connections behave, its REST side, and which first parts of a path lead to which streams."""

    endpoints: Mapping[str, str]
    routes: Mapping[str, re.Pattern[str]]
    manners: Manners
    charter: Charter


Find = Callable[[str], Stream | None]
"""A stream that is no market's, by its name."""


class Sandbox:
    """The public side of one simulated venue (a `SandboxVenue`); `also` finds further streams."""

    def __init__(self, origin: Origin, books: Mapping[str, SimulatedBook], also: Find = lambda name: None) -> None:
        self.endpoints = origin.endpoints
        self._origin = origin
        self._told = {symbol: Told(book, origin.charter.is_futures) for symbol, book in books.items()}
        self._streams = Streams(self._told, origin.charter.is_futures)
        self.rest = Rest(origin.charter, self._told)
        self._also = also
        self._dials: deque[Nanos] = deque()

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """`/ws`, `/ws/<stream>[/<stream>…]`, `/stream`, `/stream?streams=<stream>/<stream>`; on USD-M also below
        `/public` and `/market`. Names are taken as they come: an unknown one stays silent."""
        parts = urlsplit(path)
        match = _PATH.fullmatch(parts.path)
        if match is None or match[1] not in self._origin.routes:
            return not_found("GET", parts.path)
        if self._dialled_too_often(at):
            return HttpResponse(429, b"", headers={"Retry-After": str(DIALS_PER // SECOND)})
        asked = match[3] or dict(parse_qsl(parts.query)).get("streams", "")
        names = [name for name in unquote(asked).split("/") if name]
        route = Route(self._streams, self._origin.routes[match[1]], self._also)
        return Session(route, self._origin.manners, names, match[2] == "stream", at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The public REST side."""
        return self.rest.answer(request, at)

    def _dialled_too_often(self, at: Nanos) -> bool:
        while self._dials and self._dials[0] <= at - DIALS_PER:
            self._dials.popleft()
        if len(self._dials) >= DIALS:
            return True
        self._dials.append(at)
        return False


_PAGE = b"""<html>\r
<head><title>404 Not Found</title></head>\r
<body>\r
<center><h1>404 Not Found</h1></center>\r
<hr><center>nginx</center>\r
</body>\r
</html>\r
"""


def not_found(method: str, path: str) -> HttpResponse:
    """A page, from what stands before spot's API (as quoted in github.com/sammchardy/python-binance/issues/1316)."""
    return HttpResponse(404, _PAGE, headers={"Content-Type": "text/html"})


def invalid_path(method: str, path: str) -> HttpResponse:
    """`{"code":-5000,"msg":"Path /fapi/v1/account, Method GET is invalid"}`, as clients of USD-M quote it."""
    return refusal(404, -5000, f"Path {path}, Method {method} is invalid")


def _flat(weight: int) -> Weigh:
    return lambda query: weight


def _by_limit(*steps: tuple[int, int], default: int) -> Weigh:
    """(up to this limit, weight), the last for all above."""

    def weigh(query: Query) -> int:
        text = query.get("limit", "")
        limit = int(text) if text.isdecimal() else default
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def _by_symbol(one: int, all_of_them: int) -> Weigh:
    return lambda query: one if "symbol" in query else all_of_them


# rest-api.md of 2026-07-21
_SPOT_WEIGHTS: dict[str, Weigh] = {
    "ping": _flat(1), "time": _flat(1), "exchangeInfo": _flat(20),
    "depth": _by_limit((100, 5), (500, 25), (1000, 50), (5000, 250), default=100), "trades": _flat(25),
    "historicalTrades": _flat(25), "aggTrades": _flat(4), "klines": _flat(2), "uiKlines": _flat(2),
    "avgPrice": _flat(2), "ticker/24hr": _by_symbol(2, 80), "ticker/price": _by_symbol(2, 4),
    "ticker/bookTicker": _by_symbol(2, 4),
}  # fmt: skip
# developers.binance.com, USDS-margined futures, "Market Data" (2026-11-21)
_FUTURES_WEIGHTS: dict[str, Weigh] = {
    "ping": _flat(1), "time": _flat(1), "exchangeInfo": _flat(1),
    "depth": _by_limit((50, 2), (100, 5), (500, 10), (1000, 20), default=500), "trades": _flat(5),
    "aggTrades": _flat(20), "klines": _by_limit((99, 1), (499, 2), (1000, 5), (1500, 10), default=500),
    "ticker/24hr": _by_symbol(1, 40), "ticker/price": _by_symbol(1, 2), "ticker/bookTicker": _by_symbol(2, 5),
}  # fmt: skip


def _no_futures(at: Nanos) -> dict[str, object]:
    return exchange_info((), True, at)


def _no_delivery(at: Nanos) -> dict[str, object]:
    info = {key: value for key, value in exchange_info((), True, at).items() if key not in ("assets", "futuresType")}
    return info | {"serverTime": millis(at)}


_ELSEWHERE = {
    "/sapi/v1/margin/allPairs": [],
    "/sapi/v1/margin/isolated/allPairs": [],
    "/sapi/v1/system/status": {"status": 0, "msg": "normal"},
    "/fapi/v1/exchangeInfo": _no_futures,
    "/dapi/v1/exchangeInfo": _no_delivery,
}
"""What clients of the spot venue ask for at their start, whose markets are other venues here."""

_SPOT_CHARTER = Charter("/api/v3/", False, 6000, 5000, (), 1000, _SPOT_WEIGHTS, _ELSEWHERE, not_found)
_ENDPOINTS = {"spot": "/stream", "spot_raw": "/ws"}
SPOT = Origin(_ENDPOINTS, {"": _ALL}, Manners(20 * SECOND, 5, True), _SPOT_CHARTER)
US = Origin(_ENDPOINTS, {"": _ALL}, Manners(3 * MINUTE, 5, True), _SPOT_CHARTER)
USDM = Origin(
    {"linear": "/public/stream", "linear_market": "/market/stream", "linear_raw": "/ws"},
    _ROUTES,
    Manners(3 * MINUTE, 10, False),
    Charter(
        "/fapi/v1/", True, 2400, 1000, (5, 10, 20, 50, 100, 500, 1000), 1500, _FUTURES_WEIGHTS, {}, invalid_path
    ),
)  # fmt: skip
