"""Depth snapshots over REST.

Enters: an instrument, or the answer to the request made for it. Leaves: a request, or a `BookSnapshot` with its levels
unread. Never: a snapshot of another symbol than was asked for, where the answer names its own.

github.com/binance/binance-spot-api-docs rest-api.md "Order book" (2026-07-21, weight 250 at 5000 levels),
github.com/binance-us/binance-us-api-docs rest-api.md (2024-06-17), developers.binance.com "Order Book" of USDS-margined
and COIN-margined futures (2026-11-21, at most 1000 levels).
"""

from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from cryptopipe.api import (
    BookSnapshot,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    ProtocolError,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from cryptopipe_binance.market import MILLISECOND, UNREADABLE, Id, Market, Millis


class _Snapshot(msgspec.Struct, gc=False):
    version: Id = msgspec.field(name="lastUpdateId")
    bids: msgspec.Raw
    asks: msgspec.Raw
    event_time: Millis = msgspec.field(name="E", default=0)
    symbol: str = ""


class BinanceSnapshots:
    """The depth as a REST answer: `{"lastUpdateId": 1027024, "bids": [["4.0", "431.0"]], "asks": [["4.2", "12.0"]]}`.

    Futures answers also have `E`, COIN-M ones their `symbol`.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def request(self, instrument: Instrument) -> HttpRequest:
        """A snapshot as deep as its cost allows: `depth_limit` levels a side."""
        query = urlencode({"symbol": instrument.symbol, "limit": self._market.depth_limit})
        return HttpRequest("GET", f"{self._market.depth_url}?{query}")

    def symbol_of(self, url: str) -> str | None:
        """The `symbol` of a depth request; None for any other URL."""
        parts = urlsplit(url)
        if not parts.path.endswith("/depth"):
            return None
        return parse_qs(parts.query).get("symbol", [None])[0]

    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> BookSnapshot:
        """Raises `RateLimited`, `VenueUnavailable` or `VenueError` for a refusal, `ProtocolError` for another shape."""
        where = f"{self._market.venue}:{symbol}"
        if response.status != 200:
            raise refusal(response, where)
        try:
            found = msgspec.json.decode(response.body, type=_Snapshot)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable snapshot: {error} in {response.body[:120]!r}", where=where) from error
        if found.symbol and found.symbol != symbol:
            raise ProtocolError(f"a snapshot of {found.symbol} was answered for {symbol}", where=where)
        return BookSnapshot(symbol, found.bids, found.asks, found.version, found.event_time * MILLISECOND)


def refusal(response: HttpResponse, where: str) -> VenueError:
    """The error of an answer that is not 200: 429 and 418 say when to come back (rest-api.md, Limits, 2026-07-21); 5xx
    and 403 are the venue's own trouble.
    """
    text = f"HTTP {response.status}: {response.body[:200].decode(errors='replace')}"
    if response.status in (418, 429):
        return RateLimited(text, where=where, fix=f"wait {response.headers.get('Retry-After', 'a minute')} (seconds)")
    return (VenueUnavailable if response.status >= 500 or response.status == 403 else VenueError)(text, where=where)
