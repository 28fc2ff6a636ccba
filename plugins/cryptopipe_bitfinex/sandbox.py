"""The simulated Bitfinex: its websocket v2 and public REST v2 over the engine's books.

Enters: the engine's books, clients' connections and requests. Leaves: `BitfinexSandbox`. Never: a change of a book, or
anything of the feed's codecs, which are to be proven by it.
"""

from collections import deque
from collections.abc import Mapping

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, SandboxSession, SimulatedBook
from cryptopipe_bitfinex.sandbox_desk import Desk
from cryptopipe_bitfinex.sandbox_rest import Rest
from cryptopipe_bitfinex.sandbox_session import Session
from cryptopipe_bitfinex.sandbox_text import SECOND

DIALS = 20
DIAL_SPAN: Nanos = 60 * SECOND
"""Connections a minute of one address (docs/ws-public, a stored copy read 2026-11-21)."""
PATH = "/ws/2"


class BitfinexSandbox:
    """One simulated venue. Raises `ValueError` for a book without trading rules."""

    endpoints: Mapping[str, str] = {"spot": PATH}

    def __init__(self, books: Mapping[str, SimulatedBook]) -> None:
        self._desks = {symbol: Desk(book) for symbol, book in sorted(books.items())}
        self._rest = Rest(self._desks)
        self._dials: deque[Nanos] = deque()
        self._connections = 0

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """`/ws/2`, whatever its query; any other path is not found, too many connections are refused."""
        if path.partition("?")[0].rstrip("/") != PATH:
            return HttpResponse(404, b"", path)
        while self._dials and self._dials[0] <= at - DIAL_SPAN:
            self._dials.popleft()
        if len(self._dials) >= DIALS:
            wait = -(-(self._dials[0] + DIAL_SPAN - at) // SECOND)
            return HttpResponse(429, b'{"error":"ERR_RATE_LIMIT"}', path, {"Retry-After": str(wait)})
        self._dials.append(at)
        self._connections += 1
        return Session(self._desks, self._connections, at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """`/v2/…`."""
        return self._rest.answer(request, at)
