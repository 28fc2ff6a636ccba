"""Kraken's public trades of the past: a thousand from a time on, oldest first.

Enters: a span of trades that were not told, or the answer to the request made for it. Leaves: a request, trades with
the stream's ids. Never: a price that passed through a float.

docs.kraken.com/api/docs/rest-api/get-recent-trades (`since`, `count` up to 1,000) and support.kraken.com/articles/
218198197 (`since` in nanoseconds; "the entire trading history"), stored copies, read 2026-11-22.
"""

from collections.abc import Sequence
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
from cryptopipe_kraken.metadata import v1_symbol
from cryptopipe_kraken.wire import UNREADABLE, checked, epoch_nanos

MOST = 1000
_URL = "https://api.kraken.com/0/public/Trades"
_SIDES = {"b": Side.BUY, "s": Side.SELL}
_MICROSECOND = 1_000


class _Row(msgspec.Struct, array_like=True):
    """Price, volume, time, `b` or `s`, `m` or `l`, miscellaneous, trade id."""

    price: str
    size: str
    at: msgspec.Raw
    side: str
    kind: str
    note: str
    trade_id: int


class _Answer(msgspec.Struct):
    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


_rows = msgspec.json.Decoder(list[_Row]).decode


class KrakenTradeHistory:
    """`{"error":[],"result":{"XXBTZUSD":[["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952]],
    "last":"1688671969993150842"}}`. Its prices may have more zeros than the stream's.

    "trade_id: … a sequence number, unique per book" (spot-websocket-v2/trade, read 2026-11-21). The page's example of
    this answer skips numbers; where the venue has none between two, a hole ends with what is there.
    """

    consecutive = True

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        """From the trade before the span on: `since` asks for later ones, and the stream tells whole microseconds."""
        pair = v1_symbol(instrument.symbol).replace("/", "")
        since = max(0, span.since - _MICROSECOND)
        return HttpRequest("GET", f"{_URL}?{urlencode({'pair': pair, 'since': since, 'count': MOST})}")

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        where, body = f"kraken:{symbol}", response.body
        if response.status != 200:
            kind = VenueUnavailable if response.status >= 500 or response.status == 403 else VenueError
            raise (RateLimited if response.status == 429 else kind)(f"status {response.status}", where=where)
        try:
            told = msgspec.json.decode(body, type=_Answer)
            if told.error:
                kind = RateLimited if "Too many requests" in told.error[0] else VenueError
                raise kind(f"trades refused: {', '.join(told.error)[:200]}", where=where)
            (rows,) = (_rows(raw) for key, raw in told.result.items() if key != "last")
            return [_trade(symbol, one) for one in rows]
        except (*UNREADABLE, KeyError) as error:
            raise ProtocolError(f"unreadable trades: {error!r}, in {body[:120]!r}", where=where) from error


def _trade(symbol: str, one: _Row) -> Trade:
    at = epoch_nanos(bytes(one.at).decode())
    return Trade(symbol, str(one.trade_id), checked(one.price), checked(one.size), _SIDES[one.side], at)
