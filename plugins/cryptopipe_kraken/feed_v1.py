"""Kraken's older public stream, WebSocket v1: frozen, still served, and what older recordings speak.

Enters: frames `[1920, {"b": [["0.04295", "0.0", "1618678135.960438"]], "c": "3706107638"}, "book-1000", "SC/EUR"]`.
Leaves: events whose symbols are v1's own (`XBT/USD`). Never: an update without its checksum, or a depth not kept.

Read for it: docs.kraken.com/exchange/api-reference/spot-websocket-v1, pages book, trade, ticker (2026-11-21).
"""

from collections.abc import Sequence

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
from cryptopipe_kraken.metadata import v1_symbol
from cryptopipe_kraken.wire import DEPTH, UNREADABLE, checked, epoch_nanos, sync_rule

URL = "wss://ws.kraken.com"

_CHANNEL = f"book-{DEPTH}"
_NAMES: dict[Channel, dict[str, object]] = {
    Channel.DEPTH: {"name": "book", "depth": DEPTH},
    Channel.TOP: {"name": "ticker"},
    Channel.TRADES: {"name": "trade"},
}
_SHAPES = tuple(
    f'[<number>,{sides},"c":"<crc>"}},"{_CHANNEL}","<symbol>"]'
    for sides in (
        '{"b":<stamped_bids>',
        '{"a":<stamped_asks>',
        '{"a":<stamped_asks>},{"b":<stamped_bids>',
        '{"b":<stamped_bids>},{"a":<stamped_asks>',
    )
)
_SIDES = {"b": Side.BUY, "s": Side.SELL}
_EMPTY = msgspec.Raw(b"[]")
_ARRAY = ord("[")


class _Stamp(msgspec.Struct, array_like=True, gc=False):
    """A level; republished ones have a fourth element, `"r"`."""

    price: str
    size: str
    at: str


class _Sides(msgspec.Struct, gc=False):
    """The part of one side: a snapshot's arrays are `as` and `bs`, an update's `a` or `b`."""

    ask_snapshot: msgspec.Raw = msgspec.field(name="as", default=_EMPTY)
    bid_snapshot: msgspec.Raw = msgspec.field(name="bs", default=_EMPTY)
    asks: msgspec.Raw = msgspec.field(name="a", default=_EMPTY)
    bids: msgspec.Raw = msgspec.field(name="b", default=_EMPTY)
    checksum: str = msgspec.field(name="c", default="")


class _One(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    channel_id: int
    sides: _Sides
    channel: str
    pair: str


class _Two(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    channel_id: int
    first: _Sides
    last: _Sides
    channel: str
    pair: str


class _Print(msgspec.Struct, array_like=True):
    price: str
    size: str
    at: str
    side: str


class _Trades(msgspec.Struct, array_like=True):
    channel_id: int
    prints: list[_Print]
    channel: str
    pair: str


class _Best(msgspec.Struct, array_like=True):
    price: str
    whole_lots: int | float | str
    size: str


class _Sizes(msgspec.Struct):
    ask: _Best = msgspec.field(name="a")
    bid: _Best = msgspec.field(name="b")


class _Ticker(msgspec.Struct, array_like=True):
    channel_id: int
    best: _Sizes
    channel: str
    pair: str


class _Event(msgspec.Struct):
    event: str = ""
    status: str = ""
    pair: str = ""
    channel: str = msgspec.field(name="channelName", default="")
    error: str = msgspec.field(name="errorMessage", default="")


_one = msgspec.json.Decoder(_One).decode
_two = msgspec.json.Decoder(_Two).decode
_trades_frame = msgspec.json.Decoder(_Trades).decode
_ticker_frame = msgspec.json.Decoder(_Ticker).decode
_stamps = msgspec.json.Decoder(list[_Stamp]).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_event_frame = msgspec.json.Decoder(_Event).decode

Events = tuple[FeedEvent, ...]


def _newest(*sides: msgspec.Raw) -> Nanos:
    """The latest stamp of any level; a republished level keeps its old one."""
    found = [epoch_nanos(level.at) for side in sides if side is not _EMPTY for level in _stamps(side)]
    return found[0] if len(found) == 1 else max(found, default=0)


def _book(frame: Frame) -> Events:
    """An update of both sides is one frame with two parts; the last has the checksum of the book after both."""
    if b"},{" in frame:
        two = _two(frame)
        channel, pair, a, b = two.channel, two.pair, two.first, two.last
        bids, asks = (a.bids, b.asks) if b.bids is _EMPTY else (b.bids, a.asks)
        checksum = b.checksum
        _one_side_each(a, b)
    else:
        one = _one(frame)
        channel, pair, d = one.channel, one.pair, one.sides
        if d.ask_snapshot is not _EMPTY or d.bid_snapshot is not _EMPTY:
            _of_depth(channel, pair)
            at = _newest(d.bid_snapshot, d.ask_snapshot)
            return (BookSnapshot(pair, d.bid_snapshot, d.ask_snapshot, at, at),)
        bids, asks, checksum = d.bids, d.asks, d.checksum
    _of_depth(channel, pair)
    at = _newest(bids, asks)
    return (BookDelta(pair, bids, asks, 0, at, 0, at, _crc(checksum)),)


def _one_side_each(first: _Sides, last: _Sides) -> None:
    if (first.bids is _EMPTY) == (last.bids is _EMPTY) or (first.asks is _EMPTY) == (last.asks is _EMPTY):
        raise ValueError("two parts that are not one of each side")


def _of_depth(channel: str, pair: str) -> None:
    if channel != _CHANNEL:
        raise ValueError(f"book of {pair} comes on channel {channel}, kept {DEPTH} levels deep")


def _crc(text: str) -> int:
    found = int(text) if text.isdecimal() else -1
    if not 0 <= found < 2**32:
        raise ValueError(f"not a CRC32: {text[:20]!r}")
    return found


def _trades(frame: Frame) -> Events:
    """`side` is that of the "triggering order", the taker's. v1 has no trade id."""
    f = _trades_frame(frame)
    if any(p.side not in _SIDES for p in f.prints):
        raise ValueError(f"a side other than {sorted(_SIDES)}")
    return tuple(
        Trade(f.pair, "", checked(p.price), checked(p.size), _SIDES[p.side], epoch_nanos(p.at)) for p in f.prints
    )


def _tops(frame: Frame) -> Events:
    """A ticker has no stamp and no relation to a state of the book: version and event time 0."""
    f = _ticker_frame(frame)
    bid, ask = f.best.bid, f.best.ask
    return (
        TopUpdate(f.pair, checked(bid.price), checked(bid.size), checked(ask.price), checked(ask.size), 0, 0),
    )  # fmt: skip


def _event(frame: Frame) -> Events:
    f = _event_frame(frame)
    if f.event in ("heartbeat", "pong"):
        return (Heartbeat(),)
    if f.event in ("subscriptionStatus", "error"):
        failed = f.status == "error" or f.event == "error"
        if not failed and f.channel.startswith("book"):
            _of_depth(f.channel, f.pair)
        return (Notice(f.event, f.error or f"{f.status} {f.channel} {f.pair}".strip(), ok=not failed),)
    return (Notice(f.event, f.status),) if f.event == "systemStatus" else (Unknown(f.event),)


def _request(event: str, channel: Channel, pairs: Sequence[str]) -> str:
    request = {"event": event, "pair": list(dict.fromkeys(pairs)), "subscription": _NAMES[channel]}
    return msgspec.json.encode(request).decode()


class KrakenV1Feed:
    """One connection of the older dialect. Decoding keeps nothing."""

    rule = sync_rule(LevelFormat())

    def __init__(self) -> None:
        self.lane = Lane(self.rule.level_format, _SHAPES)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One subscription a channel, in v1's names of the pairs."""
        pairs: dict[Channel, list[str]] = {}
        for s in subscriptions:
            pairs.setdefault(s.channel, []).append(v1_symbol(s.instrument.symbol))
        frames = tuple(_request("subscribe", channel, names) for channel, names in pairs.items())
        anew = {
            s.instrument.symbol: tuple(
                _request(event, Channel.DEPTH, [v1_symbol(s.instrument.symbol)])
                for event in ("unsubscribe", "subscribe")
            )
            for s in subscriptions
            if s.channel is Channel.DEPTH
        }
        return Connect(URL, frames, ping_every_s=30.0, ping_text='{"event":"ping"}', resubscribe=anew)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame; the name before the pair, at the end, tells which shape to expect."""
        try:
            if frame[0] != _ARRAY:
                return _event(frame)
            if frame.find(b'"book-', -60) > 0:
                return _book(frame)
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where="kraken v1") from error

    def _other(self, frame: Frame) -> Events:
        channel = msgspec.json.decode(_array(frame)[-2], type=str)
        if channel == "trade":
            return _trades(frame)
        if channel == "ticker":
            return _tops(frame)
        return _book(frame) if channel.startswith("book-") else (Unknown(channel),)


def speaks_v1(url: str, first: Frame) -> bool:
    """Whether a recorded connection speaks v1: by its URL, else by a frame that is an array or names an event."""
    if url:
        return url.split("?")[0].rstrip("/") == URL
    return first.startswith(b"[") or b'"event":' in first[:200]
