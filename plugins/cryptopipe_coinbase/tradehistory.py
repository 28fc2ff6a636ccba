"""Public trades of the past of both of Coinbase's venues, newest first.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the taker's side. Never: a maker's side handed on as the taker's.

docs.cdp.coinbase.com, Exchange "Get product trades" and "Pagination" (`after` asks for older ones than a trade id,
1,000 at most; "The side of a trade indicates the maker order side"), Advanced Trade "Get Public Market Trades" (stored
copies, read 2026-11-22).
"""

from collections.abc import Sequence
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
from cryptopipe_coinbase.wire import TAKER_OF_MAKER, UNREADABLE, checked, nanos

MOST = 1000
_EXCHANGE = "https://api.exchange.coinbase.com/products/"
_ADVANCED = "https://api.coinbase.com/api/v3/brokerage/market/products/"
_SECOND = 1_000_000_000


class _Row(msgspec.Struct):
    trade_id: int | str
    price: str
    size: str
    side: str
    time: str


class _Page(msgspec.Struct):
    trades: list[_Row]


def _told(symbol: str, one: _Row) -> Trade:
    side = TAKER_OF_MAKER[Side(one.side.lower())]
    return Trade(symbol, str(one.trade_id), checked(one.price), checked(one.size), side, nanos(one.time))


def _refuse(symbol: str, response: HttpResponse) -> None:
    if response.status != 200:
        kind = VenueUnavailable if response.status >= 500 else VenueError
        raise (RateLimited if response.status == 429 else kind)(
            f"trades of {symbol}: status {response.status}, {response.body[:120]!r}", where="coinbase"
        )


def _unreadable(symbol: str, body: bytes, error: Exception) -> ProtocolError:
    return ProtocolError(f"unreadable trades of {symbol}: {error}, in {body[:120]!r}", where="coinbase")


class ExchangeTradeHistory:
    """`[{"trade_id":74,"side":"sell","size":"0.01000000","price":"10.00000000","time":"2014-11-07T22:19:28.578544Z"}]`.

    Ids count by one in each product (recorded in 2021: 43 trades of six products without a step above one).
    """

    consecutive = True

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """The trade after the span and those before it."""
        asked = urlencode({"limit": MOST, "after": int(span.before_id) + 1})
        return HttpRequest("GET", f"{_EXCHANGE}{quote(instrument.symbol)}/trades?{asked}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        _refuse(symbol, response)
        try:
            return [_told(symbol, one) for one in reversed(msgspec.json.decode(response.body, type=list[_Row]))]
        except UNREADABLE as error:
            raise _unreadable(symbol, response.body, error) from error


class AdvancedTradeHistory:
    """`{"trades":[{"trade_id":"10092327","product_id":"BTC-USDT","price":"17488.12","size":"0.0000623",
    "time":"2023-01-11T00:52:37.557001Z","side":"BUY","bid":"","ask":""}],"best_bid":"…","best_ask":"…"}`.

    That ids count by one is not stated: a hole is supposed where a connection was lost. Neither is whose side `side`
    is; it is read as the maker's, as the stream's page and Exchange's say of theirs. Spans are whole seconds.
    """

    consecutive = False

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """Up to the second after the span; the newest of it where there are more than an answer holds."""
        asked = urlencode({"limit": MOST, "start": span.since // _SECOND, "end": span.until // _SECOND + 1})
        return HttpRequest("GET", f"{_ADVANCED}{quote(instrument.symbol)}/ticker?{asked}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        _refuse(symbol, response)
        try:
            return [_told(symbol, one) for one in reversed(msgspec.json.decode(response.body, type=_Page).trades)]
        except UNREADABLE as error:
            raise _unreadable(symbol, response.body, error) from error
