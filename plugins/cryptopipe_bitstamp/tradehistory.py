"""Bitstamp's public trades of the past: all of the last minute, hour or day.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids, their times in whole seconds. Never: a guess at the fraction of a second.

www.bitstamp.net/api/ "Transactions" (`time` is minute, hour or day; `tid`, `type` 0 buy and 1 sell), as answers and
clients kept in public repositories have it, read 2026-11-22.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Instrument, Nanos, ProtocolError, Side, Trade, TradeSpan
from cryptopipe_bitstamp.snapshot import API, refusal
from cryptopipe_bitstamp.wire import UNREADABLE, VENUE

_SECOND = 1_000_000_000
_SPANS = (("minute", 60), ("hour", 3_600), ("day", 86_400))
_SLACK = 10
"""Seconds by which the span that is asked for is longer than what is missing is old: clocks and caches differ."""
_SIDES = (Side.BUY, Side.SELL)


class _Row(msgspec.Struct):
    date: Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000)]
    tid: int
    price: str
    amount: str
    type: Literal[0, 1]


_rows = msgspec.json.Decoder(list[_Row], strict=False).decode


class BitstampTradeHistory:
    """`[{"date":"1560481868","tid":"90574283","price":"8194.79","type":"1","amount":"0.00288599"}]`, newest first.

    Ids are of all markets together, so nothing shows in them.
    """

    consecutive = False

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """The shortest span that reaches back to what is missing; None after a day."""
        age = (at - span.since) // _SECOND + _SLACK
        name = next((one for one, seconds in _SPANS if age <= seconds), None)
        url = f"{API}transactions/{quote(instrument.symbol)}/?time={name}"
        return None if name is None else HttpRequest("GET", url)

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable` or `VenueError` for a refusal, `ProtocolError` for another shape."""
        where = f"{VENUE}:{symbol}"
        if response.status != 200:
            raise refusal(response, where)
        try:
            rows = _rows(response.body)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable trades: {error} in {response.body[:120]!r}", where=where) from error
        return [
            Trade(symbol, str(one.tid), one.price, one.amount, _SIDES[one.type], one.date * _SECOND)
            for one in reversed(rows)
        ]
