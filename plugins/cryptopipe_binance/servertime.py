"""Binance's server time.

Enters: an answer of `/api/v3/time` or its like. Leaves: nanoseconds, cut to milliseconds. Never: the time of an answer
that refuses.

github.com/binance/binance-spot-api-docs rest-api.md "Check server time" (2026-07-21), and the same page of futures
(2026-11-21).
"""

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, ProtocolError
from cryptopipe_binance.market import MILLISECOND, UNREADABLE, Market, Millis
from cryptopipe_binance.snapshot import refusal


class _Answer(msgspec.Struct, rename="camel"):
    server_time: Millis


class BinanceClock:
    """`{"serverTime": 1499827319559}`"""

    resolution: Nanos = MILLISECOND

    def __init__(self, market: Market) -> None:
        self._market = market

    def request(self) -> HttpRequest:
        """Without parameters or key; it stands beside the depth."""
        return HttpRequest("GET", self._market.depth_url.removesuffix("depth") + "time")

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `RateLimited`, `VenueUnavailable` or `VenueError` for a refusal, `ProtocolError` for another shape."""
        where = f"{self._market.venue} server time"
        if response.status != 200:
            raise refusal(response, where)
        try:
            return msgspec.json.decode(response.body, type=_Answer).server_time * MILLISECOND
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable: {error}, in {response.body[:120]!r}", where=where) from error
