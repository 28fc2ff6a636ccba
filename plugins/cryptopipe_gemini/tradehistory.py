"""Gemini's public trades of the past, at most five hundred an answer.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids. Never: a trade of an auction or a block trade, which the stream does not tell.

developer.gemini.com/rest/market-data "List Trades" (`timestamp`: "Only return trades after this timestamp",
`limit_trades` up to 500), as public clients quote it, read 2026-11-22. Whether more than fit are cut at the old or at
the new end it does not say; an answer is read as far as it reaches either border of the span.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec

from cryptopipe.api import (
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    ProtocolError,
    RateLimited,
    Side,
    Trade,
    TradeSpan,
    VenueError,
    VenueUnavailable,
)
from cryptopipe_gemini.market import MILLISECOND, UNREADABLE, VENUE

MOST = 500
_URL = "https://api.gemini.com/v1/trades/"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class _Row(msgspec.Struct):
    at: Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)] = msgspec.field(name="timestampms")
    tid: int
    price: str
    amount: str
    type: str
    broken: bool = False


_rows = msgspec.json.Decoder(list[_Row]).decode


class GeminiTradeHistory:
    """`[{"timestamp":1601617445,"timestampms":1601617445144,"tid":14122489752,"price":"0.46476","amount":"28.407209",
    "exchange":"gemini","type":"buy"}]`, newest first. Ids are of all symbols together, so nothing shows in them."""

    consecutive = False

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """After the moment before the trade that stands before the span."""
        asked = urlencode({"timestamp": max(0, span.since // MILLISECOND - 1), "limit_trades": MOST})
        return HttpRequest("GET", f"{_URL}{quote(instrument.symbol)}?{asked}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        where, body = f"{VENUE}:{symbol}", response.body
        if response.status != 200:
            kind = VenueUnavailable if response.status >= 500 else VenueError
            raise (RateLimited if response.status == 429 else kind)(f"status {response.status}", where=where)
        try:
            rows = _rows(body)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable trades: {error}, in {body[:120]!r}", where=where) from error
        return [
            Trade(symbol, str(one.tid), one.price, one.amount, _SIDES[one.type], one.at * MILLISECOND)
            for one in reversed(rows)
            if one.type in _SIDES and not one.broken
        ]
