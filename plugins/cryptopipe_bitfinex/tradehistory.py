"""Bitfinex's public trades of the past: ten thousand from a time on, oldest first.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids. Never: a price that passed through a float.

docs.bitfinex.com/reference/rest-public-trades (`limit` up to 10,000, `start` in ms, `sort` 1 for the oldest first; 15
requests a minute), as public clients quote it, read 2026-11-22.
"""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Instrument, Nanos, ProtocolError, Side, Trade, TradeSpan
from cryptopipe_bitfinex.servererror import refuse
from cryptopipe_bitfinex.wire import MS, UNREADABLE, Millis, number

MOST = 10_000
_URL = "https://api-pub.bitfinex.com/v2/trades/"


class _Row(msgspec.Struct, array_like=True, gc=False):
    """The amount's sign is the taker's side."""

    trade_id: int
    at: Millis
    amount: msgspec.Raw
    price: msgspec.Raw


_rows = msgspec.json.Decoder(list[_Row]).decode


class BitfinexTradeHistory:
    """`[[388063448,1567526214876,1.918524,10682]]`. Ids are of all symbols together, so nothing shows in them."""

    consecutive = False

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """From the trade before the span on."""
        asked = urlencode({"limit": MOST, "start": span.since // MS, "sort": 1})
        return HttpRequest("GET", f"{_URL}{quote(instrument.symbol)}/hist?{asked}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable` or `ProtocolError`."""
        refuse(response)
        try:
            return [_trade(symbol, one) for one in _rows(response.body)]
        except UNREADABLE as error:
            text = f"unreadable trades of {symbol}: {error}, in {response.body[:120]!r}"
            raise ProtocolError(text, where="bitfinex") from error


def _trade(symbol: str, one: _Row) -> Trade:
    size, sold = number(one.amount)
    price, negative = number(one.price)
    if negative:
        raise ValueError(f"a price below zero: -{price}")
    return Trade(symbol, str(one.trade_id), price, size, Side.SELL if sold else Side.BUY, one.at * MS)
