"""Gemini's simulated public side: today's stream, the two former ones, and the REST answers beside them.

Enters: the engine's books by symbol, connections and requests. Leaves: sessions and answers as the venue gives them.
Never: the feed of this plugin, which reads the same documentation on its own.

Today's stream stands at `/` of its host with `snapshot` in the query, the former at `/v2/marketdata` with or without a
slash at the end (developer.gemini.com/websocket, pages introduction and archived/v2, 2026-11-21 in stored copies), the
one before at `/v1/marketdata/{symbol}` and `/v1/multimarketdata`. Here one host serves all, so a client changes its
URL's origin only.
"""

from collections import deque
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, SandboxSession, SimulatedBook
from cryptopipe_gemini.sandbox_rest import Rest, refusal
from cryptopipe_gemini.sandbox_session import Session
from cryptopipe_gemini.sandbox_streams import Streams
from cryptopipe_gemini.sandbox_tally import Tally
from cryptopipe_gemini.sandbox_v1 import SEVERAL, SINGLE, Several, V1Session, wanted
from cryptopipe_gemini.sandbox_v2 import Books, FormerSession
from cryptopipe_gemini.sandbox_words import SECOND, Words

DIALS, DIALS_PER = 300, 300 * SECOND
"""`CONNECTION_ATTEMPTS` of `conninfo`, measured by others on 2026-09-15."""
_COUNTED_EVERY = SECOND


class GeminiSandbox:
    """The simulated venue: `SandboxVenue` over the engine's books."""

    def __init__(self, books: Mapping[str, SimulatedBook]) -> None:
        self.endpoints: Mapping[str, str] = {"streams": "/?snapshot=-1", "v2": "/v2/marketdata"}
        self._listed = {symbol: Words(book) for symbol, book in books.items()}
        self._tallies = {symbol: Tally(words.book) for symbol, words in self._listed.items()}
        self._streams, self._books = Streams(self._listed), Books(self._listed, self._tallies)
        self._several = Several(self._listed)
        self._rest = Rest(self._listed, self._tallies)
        self._dials: deque[Nanos] = deque()
        self._counted_at: Nanos = 0

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection; a path that is neither's gets the answer of REST to an unknown one."""
        parts = urlsplit(path)
        name = parts.path.rstrip("/")
        is_first = name == SEVERAL or name.startswith(SINGLE)
        several = self._several.of(name, parts.query) if is_first else None
        if several is None and name not in ("", "/v2/marketdata"):
            return refusal(404, "EndpointNotFound", f"API entry point `{parts.path}` not found", path)
        while self._dials and self._dials[0] <= at - DIALS_PER:
            self._dials.popleft()
        if len(self._dials) >= DIALS:
            return refusal(429, "RateLimit", "Rate limit exceeded", path)
        self._dials.append(at)
        if several is not None:
            return V1Session(several, wanted(parts.query), name == SEVERAL, self.count, at)
        if name:
            return FormerSession(self._books, self.count, at)
        snapshot = _snapshot(dict(parse_qsl(parts.query)).get("snapshot", "0"))
        return Session(self._streams, snapshot, len(self._dials), self.count, at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        return self._rest.answer(request, at)

    def count(self, at: Nanos) -> None:
        """Once a second: what traded in a day is asked for later than the engine remembers."""
        if at - self._counted_at >= _COUNTED_EVERY:
            self._counted_at = at
            for tally in self._tallies.values():
                tally.count()


def _snapshot(text: str) -> int:
    """-1 for the full book, a number of levels, 0 for no snapshot; what is none of these counts as left out."""
    try:
        return max(int(text), -1)
    except ValueError:
        return 0
