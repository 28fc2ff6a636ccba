"""Binance's public streams: one codec for spot, Binance.US, USD-M and COIN-M.

Enters: frames of combined streams, `{"stream": "btcusdt@depth@100ms", "data": {…}}`, or the bare payload. Leaves:
events in the venue's ids, levels unread. Never: state between frames, or an error that is no `ProtocolError`.

Read for today's dialect: github.com/binance/binance-spot-api-docs web-socket-streams.md (2026-07-21),
github.com/binance-us/binance-us-api-docs web-socket-streams.md (2024-06-17), developers.binance.com USDS-margined
futures "Important WebSocket Change Notice", "Websocket Market Streams" and "How to manage a local order book
correctly", and the same pages of COIN-margined futures (2026-11-21).
"""

from collections.abc import Callable, Sequence
from urllib.parse import quote

import msgspec

from cryptopipe.api import (
    BookDelta,
    Connect,
    FeedEvent,
    Frame,
    Lane,
    Nanos,
    Notice,
    ProtocolError,
    Reconnect,
    Side,
    StreamAuth,
    Subscription,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe_binance.market import MILLISECOND, UNREADABLE, Id, Market, Millis

_BUY, _SELL = Side.BUY, Side.SELL  # an Enum's attribute costs as much as a small decode
_DEPTH, _BOOK_TICKER = b"db"
_TRADES = b"ta"
_NOT_PARTIAL = b'@"'  # after `@depth`; `@depth20` looks like a difference on futures, and is none
_SPOT_SHAPES = tuple(
    f'{{"stream":"<any>@{stream}","data":{{"e":"depthUpdate","E":<ms>,"s":"<symbol>","U":<first>,"u":<version>,'
    '"b":<bids>,"a":<asks>}}'
    for stream in ("depth@100ms", "depth")
)
_FUTURES_SHAPES = tuple(
    f'{{"stream":"<any>@{stream}","data":{{"e":"depthUpdate","E":<ms>,"T":<number>,"s":"<symbol>",{pair}"U":<first>,'
    '"u":<version>,"pu":<previous>,"b":<bids>,"a":<asks>}}'
    for stream in ("depth@100ms", "depth@0ms", "depth")
    for pair in ("", '"ps":"<any>",')
)


class _Spot(msgspec.Struct, gc=False):
    event_time: Millis = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    first: Id = msgspec.field(name="U")
    version: Id = msgspec.field(name="u")
    bids: msgspec.Raw = msgspec.field(name="b")
    asks: msgspec.Raw = msgspec.field(name="a")
    previous: Id = msgspec.field(name="pu", default=0)


class _Futures(msgspec.Struct, gc=False):
    event_time: Millis = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    first: Id = msgspec.field(name="U")
    version: Id = msgspec.field(name="u")
    previous: Id = msgspec.field(name="pu")
    bids: msgspec.Raw = msgspec.field(name="b")
    asks: msgspec.Raw = msgspec.field(name="a")


class _Top(msgspec.Struct, gc=False):
    version: Id = msgspec.field(name="u")
    symbol: str = msgspec.field(name="s")
    bid: str = msgspec.field(name="b")
    bid_size: str = msgspec.field(name="B")
    ask: str = msgspec.field(name="a")
    ask_size: str = msgspec.field(name="A")
    event_time: Millis = msgspec.field(name="E", default=0)


class _Trade(msgspec.Struct, gc=False):
    event_time: Millis = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    time: Millis = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    trade_id: Id | None = msgspec.field(name="t", default=None)
    aggregate_id: Id | None = msgspec.field(name="a", default=None)
    cause: str = msgspec.field(name="X", default="MARKET")


class _SpotFrame(msgspec.Struct, gc=False):
    data: _Spot


class _FuturesFrame(msgspec.Struct, gc=False):
    data: _Futures


class _TopFrame(msgspec.Struct, gc=False):
    data: _Top


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Any(msgspec.Struct):
    """Whatever else arrives: an envelope in another spelling, a bare payload, the answer to a request."""

    stream: str = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event: str = msgspec.field(name="e", default="")
    best_bid: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="B", default=msgspec.UNSET)
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType = msgspec.UNSET
    msg: str = ""


_spot_frame = msgspec.json.Decoder(_SpotFrame).decode
_futures_frame = msgspec.json.Decoder(_FuturesFrame).decode
_top_frame = msgspec.json.Decoder(_TopFrame).decode
_trade_frame = msgspec.json.Decoder(_TradeFrame).decode
_any = msgspec.json.Decoder(_Any).decode

Events = tuple[FeedEvent, ...]


def _delta(d: _Spot | _Futures) -> Events:
    return (BookDelta(d.symbol, d.bids, d.asks, d.first, d.version, d.previous, d.event_time * MILLISECOND),)


def _top(d: _Top) -> Events:
    """Spot says no event time; `u` counts with the ids of the depth stream."""
    return (TopUpdate(d.symbol, d.bid, d.bid_size, d.ask, d.ask_size, d.version, d.event_time * MILLISECOND),)


def _trade(d: _Trade) -> Events:
    """`E` is when it was told, `T` when it was made. The taker sold if the buyer was the maker.

    Futures name trades that no order of the market made (`X` other than MARKET: INSURANCE_FUND, ADL, or NA with a
    price of zero); those tell no market price and become a notice.
    """
    if d.cause != "MARKET":
        return (Notice("trade", f"{d.symbol} {d.cause}"),)
    identity = d.aggregate_id if d.trade_id is None else d.trade_id
    if identity is None:
        raise ProtocolError(f"a trade of {d.symbol} without an id")
    side = _SELL if d.buyer_is_maker else _BUY
    event_time, time = d.event_time * MILLISECOND, d.time * MILLISECOND
    return (Trade(d.symbol, str(identity), d.price, d.size, side, event_time, time),)


class BinanceFeed:
    """One connection. Decoding keeps nothing, so a frame means the same wherever it stands.

    `{"stream":"bnbusdt@bookTicker","data":{"u":400900217,"s":"BNBUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"4"}}`
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.rule = market.rule
        shapes, link = (_FUTURES_SHAPES, "previous") if market.is_futures else (_SPOT_SHAPES, "next")
        self.lane = Lane(self.rule.level_format, shapes, link)
        self._depth_frame: Callable[[Frame], _SpotFrame | _FuturesFrame] = (
            _futures_frame if market.is_futures else _spot_frame
        )
        self._payloads: dict[str, tuple[type, Callable[..., Events]]] = {
            "depthUpdate": (_Futures if market.is_futures else _Spot, _delta),
            "bookTicker": (_Top, _top),
            "trade": (_Trade, _trade),
            "aggTrade": (_Trade, _trade),
        }

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """Streams are named in the URL, so nothing is sent.

        The server pings (spot every 20 s, the others every 3 min) and the socket's library answers: an own ping is not
        asked for. A connection ends after 24 h; it carries 1024 streams, on COIN-M 200.
        """
        names = (f"{quote(s.instrument.symbol.lower())}@{self._market.streams[s.channel]}" for s in subscriptions)
        return Connect(f"{self._market.stream_url}?streams={'/'.join(dict.fromkeys(names))}")

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once: the letter after the first `@`, in the stream's name, tells which shape to expect.

        What does not have that shape (blockTrade, avgPrice, a damaged frame) is read again by its own type.
        """
        try:
            at = frame.find(b"@")
            letter = frame[at + 1]
            if letter == _BOOK_TICKER:
                t = _top_frame(frame).data
                time = t.event_time * MILLISECOND
                return (TopUpdate(t.symbol, t.bid, t.bid_size, t.ask, t.ask_size, t.version, time),)
            if letter == _DEPTH and frame[at + 6] in _NOT_PARTIAL:
                d = self._depth_frame(frame).data
                return (
                    BookDelta(d.symbol, d.bids, d.asks, d.first, d.version, d.previous, d.event_time * MILLISECOND),
                )
            if letter in _TRADES:
                return _trade(_trade_frame(frame).data)
        except (*UNREADABLE, IndexError):
            pass
        return self._decode_any(frame)

    def _decode_any(self, frame: Frame) -> Events:
        try:
            found = _any(frame)
            stream = found.stream.partition("@")[2]
            if found.data is not msgspec.UNSET:
                frame = bytes(found.data)
                found = _any(frame)
            if stream.startswith("depth") and stream not in ("depth", "depth@100ms", "depth@0ms", "depth@500ms"):
                return (Unknown(stream),)
            return self._payload(frame, found)
        except UNREADABLE as error:
            where = self._market.venue
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=where) from error

    def _payload(self, frame: Frame, found: _Any) -> Events:
        if found.error is not msgspec.UNSET:
            return (Notice("error", f"{found.error.code} {found.error.msg}", ok=False),)
        if found.code is not msgspec.UNSET:
            return (Notice("error", f"{found.code} {found.msg}", ok=False),)
        if found.result is not msgspec.UNSET:
            return (Notice("result", bytes(found.result).decode()),)
        event = found.event or ("bookTicker" if found.best_bid is not msgspec.UNSET else "")
        if event == "serverShutdown":
            return (Reconnect(event),)
        if event not in self._payloads:
            return (Unknown(event),)
        shape, make = self._payloads[event]
        return make(msgspec.json.decode(frame, type=shape))
