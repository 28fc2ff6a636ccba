"""Kraken's public stream of today, WebSocket v2: book, trade, ticker.

Enters: frames `{"channel": "book", "type": "update", "data": [{…}]}`. Leaves: events whose symbols are spelt `BTC/USD`
and whose numbers are the venue's text. Never: state between frames, or an error that is no `ProtocolError`.

Read for it: docs.kraken.com/exchange/api-reference/spot-websocket-v2, pages book, trade, ticker, heartbeat, status,
ping, and docs.kraken.com/exchange/guides/websockets/book-checksum-v2 (2026-11-21). No key is needed.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    Channel,
    Connect,
    FeedEvent,
    Frame,
    Heartbeat,
    Lane,
    LevelFormat,
    Nanos,
    Notice,
    ProtocolError,
    Side,
    StreamAuth,
    Subscription,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe_kraken.wire import DEPTH, UNREADABLE, Crc, nanos, number, sync_rule

URL = "wss://ws.kraken.com/v2"

_B, _U = b"bu"  # stand at 12 and 26 in `{"channel":"book","type":"update",`
_PARAMS: dict[Channel, dict[str, object]] = {
    Channel.DEPTH: {"channel": "book", "depth": DEPTH},
    Channel.TOP: {"channel": "ticker", "event_trigger": "bbo"},
    Channel.TRADES: {"channel": "trade"},
}
_SHAPES = (
    '{"channel":"book","type":"update","data":[{"symbol":"<symbol>","bids":<bids>,"asks":<asks>,"checksum":<crc>,'
    '"timestamp":"<instant>"}]}',
)


class _Book(msgspec.Struct, gc=False):
    symbol: str
    bids: msgspec.Raw
    asks: msgspec.Raw
    checksum: Crc
    timestamp: str = ""


class _UpdateFrame(msgspec.Struct, gc=False, tag_field="channel", tag="book"):
    type: Literal["update"]
    data: tuple[_Book]  # "The book element is always the first and only item in the data payload"


class _BookFrame(msgspec.Struct, gc=False):
    type: str
    data: tuple[_Book]


class _Trade(msgspec.Struct):
    symbol: str
    side: Side
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: int
    timestamp: str


class _TradeFrame(msgspec.Struct):
    data: list[_Trade]


class _Ticker(msgspec.Struct):
    symbol: str
    bid: msgspec.Raw
    bid_qty: msgspec.Raw
    ask: msgspec.Raw
    ask_qty: msgspec.Raw
    timestamp: str = ""


class _TickerFrame(msgspec.Struct):
    data: list[_Ticker]


class _Status(msgspec.Struct):
    system: str


class _StatusFrame(msgspec.Struct):
    data: list[_Status]


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = DEPTH


class _Any(msgspec.Struct):
    """Whatever else arrives: other channels, and answers to requests."""

    channel: str = ""
    method: str = ""
    success: bool = True
    error: str = ""
    result: _Result | None = None


_update_frame = msgspec.json.Decoder(_UpdateFrame).decode
_book_frame = msgspec.json.Decoder(_BookFrame).decode
_trade_frame = msgspec.json.Decoder(_TradeFrame).decode
_ticker_frame = msgspec.json.Decoder(_TickerFrame).decode
_status_frame = msgspec.json.Decoder(_StatusFrame).decode
_any = msgspec.json.Decoder(_Any).decode

Events = tuple[FeedEvent, ...]


def _stamp(text: str) -> Nanos:
    """0 where the venue does not say it."""
    return nanos(text) if text else 0


def _book(frame: Frame) -> Events:
    f = _book_frame(frame)
    d = f.data[0]
    if f.type == "update":
        at = nanos(d.timestamp)
        return (BookDelta(d.symbol, d.bids, d.asks, 0, at, 0, at, d.checksum),)
    if f.type == "snapshot":
        at = _stamp(d.timestamp)
        return (BookSnapshot(d.symbol, d.bids, d.asks, at, at, d.checksum),)
    raise ValueError(f"a book frame of type {f.type!r}")


def _trades(frame: Frame) -> Events:
    """`side` is the taker's ("the side of the taker order", page trade)."""
    return tuple(
        Trade(t.symbol, str(t.trade_id), number(t.price), number(t.qty), t.side, nanos(t.timestamp))
        for t in _trade_frame(frame).data
    )


def _tops(frame: Frame) -> Events:
    """Version 0: nothing in a ticker tells which state of the book it belongs to."""
    return tuple(
        TopUpdate(t.symbol, number(t.bid), number(t.bid_qty), number(t.ask), number(t.ask_qty), 0, _stamp(t.timestamp))
        for t in _ticker_frame(frame).data
    )


def _other(frame: Frame) -> Events:
    found = _any(frame)
    channel, method = found.channel, found.method
    if channel == "book":  # a snapshot, or an update written with other spaces or in another order
        return _book(frame)
    if channel == "trade":
        return _trades(frame)
    if channel == "ticker":
        return _tops(frame)
    if channel == "heartbeat" or method == "pong":
        return (Heartbeat(),)
    if channel == "status":
        return tuple(Notice("status", s.system) for s in _status_frame(frame).data)
    if channel:
        return (Unknown(channel),)
    if not found.success or found.error:
        return (Notice(method or "error", found.error, ok=False),)
    if method:
        return (Notice(method, _acknowledged(found.result)),)
    return (Unknown(""),)


def _acknowledged(result: _Result | None) -> str:
    if result is None:
        return ""
    if result.channel == "book" and result.depth != DEPTH:
        raise ValueError(f"book of {result.symbol} is sent {result.depth} levels deep, kept {DEPTH}")
    return f"{result.channel} {result.symbol}"


def _request(method: str, channel: Channel, symbols: Sequence[str]) -> str:
    params = {**_PARAMS[channel], "symbol": list(dict.fromkeys(symbols))}
    return msgspec.json.encode({"method": method, "params": params}).decode()


class KrakenFeed:
    """One connection. Decoding keeps nothing, so a frame means the same wherever it stands.

    `{"channel":"book","type":"update","data":[{"symbol":"MATIC/USD","bids":[{"price":0.5657,"qty":1098.3947558}],"asks":
    [],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}`
    """

    rule = sync_rule(LevelFormat("price", "qty"))

    def __init__(self) -> None:
        self.lane = Lane(self.rule.level_format, _SHAPES)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One subscription a channel. Once subscribed the venue sends a heartbeat a second; before, only pings keep
        the connection."""
        symbols: dict[Channel, list[str]] = {}
        for s in subscriptions:
            symbols.setdefault(s.channel, []).append(s.instrument.symbol)
        frames = tuple(_request("subscribe", channel, names) for channel, names in symbols.items())
        anew = {
            name: tuple(_request(method, Channel.DEPTH, [name]) for method in ("unsubscribe", "subscribe"))
            for name in symbols.get(Channel.DEPTH, ())
        }
        return Connect(URL, frames, ping_every_s=30.0, ping_text='{"method":"ping"}', resubscribe=anew)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once: its first bytes tell which shape to expect."""
        try:
            if frame[12] == _B and frame[26] == _U:
                d = _update_frame(frame).data[0]
                time = nanos(d.timestamp)
                return (BookDelta(d.symbol, d.bids, d.asks, 0, time, 0, time, d.checksum),)
        except UNREADABLE:
            pass  # not that shape after all: read again by its own channel
        try:
            return _other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where="kraken") from error
