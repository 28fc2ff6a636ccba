"""Bybit's public trades of the past: the newest alone, sixty of a spot pair and a thousand of a contract.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids. Never: a block trade, which the feed leaves out too.

bybit-exchange.github.io/docs/v5/market/recent-trade ("Spot: [1,60]", others "[1,1000]"; no older page can be asked
for), as kept in public clients, read 2026-11-22. `side` is the taker's, as in the stream.
"""

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

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
from cryptopipe_bybit.market import MARKETS, MILLISECOND, SPOT, UNREADABLE, Millis, spelling_of

MOST = {"spot": 60, "linear": 1000, "inverse": 1000}
_URL = "https://api.bybit.com/v5/market/recent-trade"
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_TOO_OFTEN = 10006


class _Row(msgspec.Struct, rename="camel"):
    exec_id: str
    symbol: str
    price: str
    size: str
    side: Literal["Buy", "Sell"]
    time: Millis
    is_block_trade: bool = False


class _Result(msgspec.Struct):
    rows: list[_Row] = msgspec.field(name="list", default_factory=list)


class _Answer(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: _Result | None = None


_read = msgspec.json.Decoder(_Answer, strict=False).decode  # not strict: integers in text


class BybitTradeHistory:
    """`{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"execId":"2100000000007764263","symbol":"BTCUSDT",
    "price":"16618.49","size":"0.00012","side":"Buy","time":"1672052955758","isBlockTrade":false}]},…}`, newest first.

    Ids of contracts are UUIDs, so nothing shows in them.
    """

    consecutive = False

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """The newest, whatever the span."""
        category = MARKETS.get(instrument.kind, SPOT).category
        spelling = spelling_of(instrument.book_of or instrument.symbol)
        asked = {"category": category, "symbol": spelling, "limit": MOST[category]}
        return HttpRequest("GET", f"{_URL}?{urlencode(asked)}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        where, body = f"bybit:{symbol}", response.body
        if response.status != 200:
            kind = VenueUnavailable if response.status >= 500 else VenueError
            raise (RateLimited if response.status in (403, 429) else kind)(f"status {response.status}", where=where)
        try:
            told = _read(body)
            if told.ret_code or told.result is None:
                kind = RateLimited if told.ret_code == _TOO_OFTEN else VenueError
                raise kind(f"trades refused: {told.ret_code} {told.ret_msg[:200]}", where=where)
            if any(one.symbol != spelling_of(symbol) for one in told.result.rows):
                raise ValueError(f"trades of another symbol than {symbol}")
            return [_trade(symbol, one) for one in reversed(told.result.rows) if not one.is_block_trade]
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable trades: {error}, in {body[:120]!r}", where=where) from error


def _trade(symbol: str, one: _Row) -> Trade:
    return Trade(symbol, one.exec_id, one.price, one.size, _SIDES[one.side], one.time * MILLISECOND)
