"""Bybit's simulated venue with its private side: signed requests, private stream, orders by stream, all public ones.

Enters: the engine's books by symbol, a desk, texts and requests of clients. Leaves: sessions and answers as the venue
writes them. Never: a private answer or frame without a signature.

bybit-exchange.github.io/docs/v5 (state of 2026-07-24, read 2026-11-21); each module beside this one names its pages.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, SandboxSession, SimulatedBook, SimulatedDesk
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox import BybitSandbox
from cryptopipe_bybit.sandbox_positions_funding import Fundings
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_calls import MAINTAINED, Calls
from cryptopipe_bybit.sandbox_private_errors import Refused
from cryptopipe_bybit.sandbox_private_stream import PrivateSession
from cryptopipe_bybit.sandbox_private_trade import TradeSession

PRIVATE, TRADE = "/v5/private", "/v5/trade"
FUNDING_HISTORY = "/v5/market/funding/history"


class BybitTradingSandbox:
    """`SandboxVenue` over books and a desk. All clients are one address: requests of both sides count as one."""

    def __init__(self, books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> None:
        self._desk = desk
        self._public = BybitSandbox(books, desk)
        self._calls = Calls(self._public.listings, desk)
        self._fundings = Fundings(self._public.listings, desk)
        self._public.watch = self._calls.watch = self._fundings.watch
        self._opened = 0
        self.endpoints: Mapping[str, str] = {**self._public.endpoints, "private": PRIVATE, "trade": TRADE}

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection; 503 while the venue is maintained."""
        if self._desk.maintenance:
            return HttpResponse(503, b"", path)
        plain = path.partition("?")[0]
        if plain not in (PRIVATE, TRADE):
            return self._public.open(path, at)
        refused = self._public.dialled(path, at)
        if refused is not None:
            return refused
        self._opened += 1
        kind = PrivateSession if plain == PRIVATE else TradeSession
        return kind(self._desk, self._calls, f"{at // MILLISECOND:x}p{self._opened:x}")

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        path, _, query = request.url.partition("?")
        self._fundings.watch(at)
        if path == FUNDING_HISTORY and request.method == "GET" and not self._desk.maintenance:
            return self._public.too_often(request, at) or self._history(request, query, at)
        if not self._calls.has(request.method, path):
            return self._maintained(request, at) or self._public.answer(request, at)
        refused = self._public.too_often(request, at)
        return refused or self._calls.answer(request, at)

    def _history(self, request: HttpRequest, query: str, at: Nanos) -> HttpResponse:
        try:
            code, text, result = 0, "OK", self._fundings.history(Asked(dict(parse_qsl(query))), at)
        except Refused as refused:
            code, text, result = refused.code, refused.text, {}
        return _told(request, code, text, result, at)

    def _maintained(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        if not self._desk.maintenance:
            return None
        return _told(request, *MAINTAINED, {}, at)


def _told(request: HttpRequest, code: int, text: str, result: object, at: Nanos) -> HttpResponse:
    body = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": at // MILLISECOND}
    return HttpResponse(200, msgspec.json.encode(body), request.url, {"Content-Type": "application/json"})
