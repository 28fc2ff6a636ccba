"""Binance's public trades of the past: from an id on where no key is needed for it, else the last thousand.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids. Never: aggregated trades, whose ids are others than the stream's.

github.com/binance/binance-spot-api-docs rest-api.md "Recent trades list" and "Old trade lookup" (a stored copy, read
2026-11-22): `historicalTrades` begins with `fromId`, 1,000 trades at most, and names no key any more. That of
Binance.US and of futures does ("MARKET_DATA", as their pages are quoted); there `trades` tells the newest thousand, so
a longer hole stays open at its old end.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Instrument, Nanos, ProtocolError, Side, Trade, TradeSpan
from cryptopipe_binance.market import MILLISECOND, UNREADABLE, Id, Market, Millis
from cryptopipe_binance.snapshot import refusal

MOST = 1000


class _Row(msgspec.Struct, gc=False):
    trade_id: Id = msgspec.field(name="id")
    price: str
    size: str = msgspec.field(name="qty")
    time: Millis
    buyer_is_maker: bool = msgspec.field(name="isBuyerMaker")


_rows = msgspec.json.Decoder(list[_Row]).decode


class BinanceTradeHistory:
    """`[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,
    "isBuyerMaker":true,"isBestMatch":true}]`, oldest first. It tells when a trade was made, not when it was told.

    Ids count by one on each market (recordings of 2024: 8,363 trades of three markets without a step above one).
    """

    consecutive = True

    def __init__(self, market: Market, by_id: bool) -> None:
        self._market, self._by_id = market, by_id

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """From the trade before the span on, where the market lets anybody ask so; else the newest."""
        asked = {"symbol": instrument.symbol, "limit": MOST}
        name = "historicalTrades" if self._by_id else "trades"
        if self._by_id:
            asked["fromId"] = int(span.after_id)
        return HttpRequest("GET", f"{self._market.depth_url.removesuffix('depth')}{name}?{urlencode(asked)}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable` or `VenueError` for a refusal, `ProtocolError` for another shape."""
        where = f"{self._market.venue}:{symbol}"
        if response.status != 200:
            raise refusal(response, where)
        try:
            rows = _rows(response.body)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable trades: {error} in {response.body[:120]!r}", where=where) from error
        return [_trade(symbol, one) for one in rows]


def _trade(symbol: str, one: _Row) -> Trade:
    """The taker sold if the buyer was the maker."""
    side = Side.SELL if one.buyer_is_maker else Side.BUY
    return Trade(symbol, str(one.trade_id), one.price, one.size, side, one.time * MILLISECOND)
