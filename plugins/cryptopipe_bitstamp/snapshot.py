"""Bitstamp's order book over REST: by price (`group=1`), and by single order with ids (`group=2`).

Enters: an instrument, or the answer to the request made for it. Leaves: a request, or a snapshot, its levels unread.
Never: an answer by order taken for one by price.

www.bitstamp.net/api/ "Order book" and "Response codes", as quoted by others who read it on 2026-09-15 (the page itself
could not be read). Measured by them on that day: the whole book, best first; answered from a cache of up to a second,
`microtimestamp` marks the book's last change; an unknown market gets a 404.
"""

from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from cryptopipe.api import (
    BookSnapshot,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    OrdersSnapshot,
    ProtocolError,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from cryptopipe_bitstamp.wire import MICROSECOND, UNREADABLE, VENUE, BookData

API = "https://www.bitstamp.net/api/v2/"
_TOO_OFTEN = ("400.002", "400.067", "400.068")

_book = msgspec.json.Decoder(BookData, strict=False).decode


class _Refusal(msgspec.Struct):
    response_code: str = ""
    response_explanation: str = ""
    reason: msgspec.Raw = msgspec.Raw(b"")


class BitstampSnapshots:
    """`{"timestamp": "1641343695", "microtimestamp": "1641343695572693", "bids": [["0.14695", "4567.41344936"], …`"""

    group = "1"

    def request(self, instrument: Instrument) -> HttpRequest:
        """All of the book: the answer has no depth."""
        return HttpRequest("GET", f"{API}order_book/{quote(instrument.symbol)}/?group={self.group}")

    def symbol_of(self, url: str) -> str | None:
        """Of `…/order_book/btcusd/?group=1`, with or without its last slash; `group` is 1 where it is not named."""
        parts = urlsplit(url)
        before, _, symbol = parts.path.rstrip("/").rpartition("/")
        group = parse_qs(parts.query).get("group", ["1"])[0]
        return symbol if before.endswith("/order_book") and symbol and group == self.group else None

    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> BookSnapshot | OrdersSnapshot:
        """Raises `RateLimited`, `VenueUnavailable` or `VenueError` for a refusal, `ProtocolError` for another shape."""
        d = _read(symbol, response)
        return BookSnapshot(symbol, d.bids, d.asks, d.micros, d.micros * MICROSECOND)


class BitstampOrdersSnapshots(BitstampSnapshots):
    """`{…, "bids": [["8732.02", "0.00002478", "1207590500704256"], …`: price, amount, order id."""

    group = "2"

    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> OrdersSnapshot:
        """As `BitstampSnapshots.snapshot`, of single orders."""
        d = _read(symbol, response)
        return OrdersSnapshot(symbol, d.bids, d.asks, d.micros, d.micros * MICROSECOND)


def _read(symbol: str, response: HttpResponse) -> BookData:
    where = f"{VENUE}:{symbol}"
    if response.status != 200:
        raise refusal(response, where)
    try:
        return _book(response.body)
    except UNREADABLE as error:
        raise ProtocolError(f"unreadable snapshot: {error} in {response.body[:120]!r}", where=where) from error


def refusal(response: HttpResponse, where: str) -> VenueError:
    """The error of an answer that is not 200. The status of a limit's refusal is nowhere stated, so its code decides
    too; 403 and 5xx are the venue's own trouble (403 also its guard's)."""
    text = f"HTTP {response.status}: {response.body[:200].decode(errors='replace')}"
    try:
        code = msgspec.json.decode(response.body, type=_Refusal).response_code
    except UNREADABLE:
        code = ""
    if response.status == 429 or code in _TOO_OFTEN:
        return RateLimited(text, where=where, fix="10,000 requests in ten minutes, 400 a second are allowed")
    return (VenueUnavailable if response.status >= 500 or response.status == 403 else VenueError)(text, where=where)
