"""Kraken's server time.

Enters: the answer of `/0/public/Time`. Leaves: nanoseconds. Never: more than it says: it is cut to the second.
"""

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, ProtocolError, RateLimited, VenueError
from cryptopipe_kraken.wire import UNREADABLE

URL = "https://api.kraken.com/0/public/Time"
_SECOND: Nanos = 1_000_000_000


class _Time(msgspec.Struct):
    unixtime: int


class _Answer(msgspec.Struct):
    error: list[str]
    result: _Time | None = None


class KrakenClock:
    """`{"error":[],"result":{"unixtime":1788415303,"rfc1123":"Thu, 03 Sep 26 06:01:43 +0000"}}`.

    docs.kraken.com/api/docs/rest-api/get-server-time (2026-11-21).
    """

    resolution: Nanos = _SECOND

    def request(self) -> HttpRequest:
        """One GET."""
        return HttpRequest("GET", URL)

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `RateLimited`, `VenueError` or `ProtocolError`."""
        try:
            answer = msgspec.json.decode(response.body, type=_Answer)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable time: {error}, in {response.body[:120]!r}", where="kraken") from error
        if answer.error:
            said = "; ".join(answer.error)
            raise (RateLimited if "Too many requests" in said else VenueError)(f"no time: {said}", where="kraken")
        if answer.result is None or not 0 <= answer.result.unixtime < 2**33:
            raise ProtocolError(f"no time in {response.body[:120]!r}", where="kraken")
        return answer.result.unixtime * _SECOND
