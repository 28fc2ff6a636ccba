"""The server time of both of Coinbase's venues.

Enters: an answer of `/api/v3/brokerage/time` or `/time`. Leaves: nanoseconds, cut to the millisecond. Never: an error
that is no `ProtocolError` or `VenueError`.

docs.cdp.coinbase.com, Advanced Trade "Get server time" and Exchange "Get server time" (2026-11-21):
`{"iso":"2026-09-30T02:37:29Z","epochSeconds":"1790735849","epochMillis":"1790735849298"}` and
`{"iso":"2026-09-30T02:03:44.122Z","epoch":1790733824.122}`.
"""

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, ProtocolError, RateLimited, VenueError, parse_instant
from cryptopipe_coinbase.metadata import ADVANCED, EXCHANGE
from cryptopipe_coinbase.wire import UNREADABLE

_MILLISECOND: Nanos = 1_000_000
_LATEST = (1 << 63) // _MILLISECOND


class _Advanced(msgspec.Struct):
    epochMillis: str  # noqa: N815 -- the venue's spelling


class _Exchange(msgspec.Struct):
    iso: str


def _accepted(response: HttpResponse, where: str) -> bytes:
    if response.status == 429:
        raise RateLimited(f"asked for the time too often: {response.body[:120]!r}", where=where)
    if response.status != 200:
        raise VenueError(f"no server time: status {response.status}, {response.body[:120]!r}", where=where)
    return response.body


class AdvancedClock:
    """`epochMillis`; `iso` has whole seconds only."""

    resolution: Nanos = _MILLISECOND

    def request(self) -> HttpRequest:
        """The public one, without a key."""
        return HttpRequest("GET", "https://api.coinbase.com/api/v3/brokerage/time")

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `ProtocolError` or a `VenueError`."""
        body = _accepted(response, ADVANCED)
        try:
            millis = int(msgspec.json.decode(body, type=_Advanced).epochMillis)
            if not 0 <= millis < _LATEST:
                raise ValueError(f"no time of these centuries: {millis}")
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable time: {error}, in {body[:120]!r}", where=ADVANCED) from error
        return millis * _MILLISECOND


class ExchangeClock:
    """`iso`, which has milliseconds; `epoch` says the same as a fraction."""

    resolution: Nanos = _MILLISECOND

    def request(self) -> HttpRequest:
        """Public."""
        return HttpRequest("GET", "https://api.exchange.coinbase.com/time")

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `ProtocolError` or a `VenueError`."""
        body = _accepted(response, EXCHANGE)
        try:
            return parse_instant(msgspec.json.decode(body, type=_Exchange).iso)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable time: {error}, in {body[:120]!r}", where=EXCHANGE) from error
