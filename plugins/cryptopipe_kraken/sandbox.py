"""The simulated Kraken: both websocket versions and the REST side over the engine's books, and over accounts.

Enters: the engine's books, a desk, clients' connections and requests. Leaves: `KrakenSandbox`. Never: a change of a
book but by the desk, or anything of the feed's codecs, which are to be proven by it.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, Outgoing, SandboxSession, SimulatedBook, SimulatedDesk
from cryptopipe_kraken.sandbox_accounts import Accounts
from cryptopipe_kraken.sandbox_assets import rules_of
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_executions_session import PrivateSession
from cryptopipe_kraken.sandbox_level3 import Level3
from cryptopipe_kraken.sandbox_orders import OrderDesk
from cryptopipe_kraken.sandbox_private import Tokens
from cryptopipe_kraken.sandbox_rest import Rest
from cryptopipe_kraken.sandbox_text import SECOND
from cryptopipe_kraken.sandbox_v1 import V1Session
from cryptopipe_kraken.sandbox_v2 import V2Session

DIALS = 150
DIAL_SPAN: Nanos = 600 * SECOND
"""Connections from one address: about 150 attempts in a rolling span of ten minutes, then refused by Cloudflare
(guides/websockets/introduction, 2026-11-21)."""
_FIRST_CONNECTION = 12_997_236_506_998_204_415
_NEXT_CONNECTION = 11_400_714_819_323_198_485


class KrakenSandbox:
    """One simulated venue, with accounts where there is a desk.

    Raises `ValueError` for a book without trading rules.
    """

    endpoints: Mapping[str, str] = {"spot": "/v2", "spot_level3": "/v2", "spot_v1": "/"}
    """level3 and the private channels have other hosts at the venue and the same path; here the channel's name tells
    them."""

    def __init__(self, books: Mapping[str, SimulatedBook], desk: SimulatedDesk | None = None) -> None:
        self._desks = {
            symbol: Desk(book, rules_of(book.instrument), index)
            for index, (symbol, book) in enumerate(sorted(books.items()), 1)
        }
        self._desk = desk
        self._accounts = None if desk is None else Accounts(self._desks, desk)
        singles = {symbol: OrderDesk(one.book, one.rules) for symbol, one in self._desks.items()}
        self._level3 = Level3(singles, None if self._accounts is None else self._accounts.tokens.admits)
        self._rest = Rest(self._desks, None if desk is None else lambda: desk.maintenance)
        self._tokens = Tokens()
        self._dials: deque[Nanos] = deque()
        self._connections = 0
        self._looked_at: Nanos = 0

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """`/v2`; v1 at `/` and `/ws`; any other path is not found, too many connections are refused."""
        path = path.partition("?")[0].rstrip("/")
        if path not in ("/v2", "", "/ws"):
            return HttpResponse(404, b"", path)
        while self._dials and self._dials[0] <= at - DIAL_SPAN:
            self._dials.popleft()
        if len(self._dials) >= DIALS:
            wait = -(-(self._dials[0] + DIAL_SPAN - at) // SECOND)
            return HttpResponse(429, b"error code: 1015", path, {"Retry-After": str(wait)})
        self._dials.append(at)
        self._connections += 1
        number = (_FIRST_CONNECTION + self._connections * _NEXT_CONNECTION) % (1 << 64)
        if path == "/v2":
            return _Watched(V2Session(self._desks, self._level3, number, at, self._private()), self)
        return _Watched(V1Session(self._desks, number, at), self)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """`/0/public/…`, and `/0/private/…`: without a desk the token of a websocket alone."""
        private = self._tokens.answer(request) if self._accounts is None else self._accounts.answer(request, at)
        return private or self._rest.answer(request, at)

    def keep_up(self, at: Nanos) -> None:
        """Once a second take in what happened where nobody listens, before the tape forgets it."""
        if at - self._looked_at >= SECOND:
            self._looked_at = at
            for desk in self._desks.values():
                desk.advance()

    def _private(self) -> PrivateSession | None:
        if self._accounts is None or self._desk is None:
            return None
        return PrivateSession(self._accounts, self._desk)


class _Watched:
    """A session that lets its venue keep up."""

    def __init__(self, session: V1Session | V2Session, venue: KrakenSandbox) -> None:
        self._session, self._venue = session, venue
        self.receive = session.receive

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """What is due by now."""
        self._venue.keep_up(at)
        return self._session.publish(at)
