"""What both feeds of Bitfinex share: its messages, the channels of one connection, the count over all of its frames.

Enters: one frame. Leaves: the channel that it belongs to, its events where no book or trade is in it, checked numbers.
Never: a frame whose place in the count nobody looked at.

Read for it (2026-11-21): docs.bitfinex.com/docs/ws-general and requirements-and-limitations in a copy kept in
github.com/f3rno64/bfx-oss-docs; docs/ws-public and docs/ws-websocket-checksum in stored copies of the pages. The order
`data, sequence number, time` of a frame with both flags is as github.com/tardis-dev/tardis-node reads it; the recording
of 2021-04-17 has the sequence number alone, and counts every array of the connection from 1, heartbeats too. Whether a
checksum message has both as well no page says: github.com/thrasher-corp/gocryptotrader reads a sequence number in it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec

from cryptopipe.api import (
    BookDelta,
    Connect,
    FeedEvent,
    Frame,
    Heartbeat,
    Link,
    Nanos,
    Notice,
    OrdersDelta,
    ProtocolError,
    Reconnect,
    Resync,
    Send,
    Subscription,
    Unknown,
    VenueUnavailable,
)
from cryptopipe.api import Count as FrameCount

VENUE_NAME = "bitfinex"
URL = "wss://api-pub.bitfinex.com/ws/2"
TIMESTAMP, SEQ_ALL, OB_CHECKSUM = 32768, 65536, 131072
"""Flags of `conf`: a time in ms in every frame, a number in every frame, a checksum of the best 25 after book changes.
BULK_UPDATES (536870912), which would put several changes of a book into one frame, is not asked for."""
FLAGS = TIMESTAMP + SEQ_ALL + OB_CHECKSUM
LENGTH = "250"
"""Of 1, 25, 100, 250: levels a side, in R0 orders, that the venue keeps us told of (reference/ws-public-books)."""
COVERED = 25
"""Levels or orders a side under the checksum (docs/ws-websocket-checksum)."""

UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, KeyError, RecursionError)
"""What reading a frame that is no such frame may raise."""

LEVELS = "book P0"
MS: Nanos = 1_000_000
BRACE, QUOTE, BRACKET = b'{"['
NOTHING = b"[]"
NO_BOOK: Mapping[str, str] = {}

_RESTART = 20051
""" "Stop/Restart Websocket Server (please reconnect)": nothing says that books are wrong before the end."""
_MAINTENANCE = (20060, 20061)
""" "Entering in Maintenance mode", "please pause any activity", and its end."""
_MOST_CHANNELS = 1000  # the venue opens 30 on a connection
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)

Count = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 2)]
Millis = Annotated[int, msgspec.Meta(ge=0, le=2**63 // MS - 1)]
Events = tuple[FeedEvent | Resync | Send, ...]


class Told(NamedTuple):
    """A channel as its `subscribed` event told it; `kind` is the venue's channel, with the precision of a book."""

    kind: str
    symbol: str


class Tail(msgspec.Struct, array_like=True, gc=False):
    """`[9,"hb",1287,1618677549141]`, and what a frame is in which only its place is read."""

    channel: int
    kind: str
    seq: Count
    at: Millis = 0


class _Sum(msgspec.Struct, array_like=True, gc=False):
    channel: int
    kind: str
    crc: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**32 - 1)]
    seq: Count
    at: Millis = 0


class _Platform(msgspec.Struct, frozen=True):
    status: int = 1


class _Event(msgspec.Struct):
    event: str
    channel: str = ""
    channel_id: int = msgspec.field(name="chanId", default=0)
    symbol: str = ""
    prec: str = ""
    status: str = ""
    flags: int = 0
    code: int = 0
    msg: str = ""
    version: int = 2
    platform: _Platform = _Platform()


_tail = msgspec.json.Decoder(Tail).decode
_sum = msgspec.json.Decoder(_Sum).decode
_event = msgspec.json.Decoder(_Event).decode
_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_count = msgspec.json.Decoder(Count).decode


class Line:
    """One connection: the channels that it was told, and the count of its frames.

    The count is the proof: it runs over all channels, so what is missing may have been of any book. `levels` is the
    symbol of each book of levels, by the first bytes of its frames: `[225206`.
    """

    def __init__(self, book: Mapping[str, str] = NO_BOOK) -> None:
        """`book` is how one is asked for where a symbol's other channels are on the connection too."""
        self._book = book
        self._told: dict[int, Told] = {}
        self.levels: dict[bytes, str] = {}
        self.count = FrameCount(1)
        self._awaited: dict[Told, str] = {}
        """Books that were asked for again, each with the text, until their channel is told."""
        self._left: set[int] = set()
        self._paused = False

    @property
    def last(self) -> int:
        """The newest number."""
        return self.count.next - 1

    @last.setter
    def last(self, seq: int) -> None:
        self.count.next = seq + 1

    def channel(self, frame: Frame) -> tuple[Told | None, int]:
        """The channel of an array (None: never told), and where its payload begins. Raises `ValueError`."""
        comma = frame.index(b",")
        return self._told.get(int(frame[1:comma])), comma + 1

    def placed(self, seq: int, events: Events) -> Events:
        """The events of a frame at its place in the count: with a `Resync` of every book before them where frames are
        missing, and nothing but a notice of a frame that was counted before.
        """
        last = self.last
        if seq == last + 1:
            self.last = seq
            return events
        if seq <= last:
            return (Notice("repeated frame", f"{seq} after {last}"),)
        self.last = seq
        return (Resync(None, f"sequence gap on {VENUE_NAME}: expected {last + 1}, got {seq}"), *events)

    def heartbeat(self, frame: Frame) -> Events:
        """`[232951,"hb",136]`."""
        f = _tail(frame)
        return self.placed(f.seq, (Heartbeat(f.at * MS),))

    def checksum(self, frame: Frame, symbol: str, orders: bool) -> Events:
        """`[5814,"cs",-1180311571,17,1618677549141]`: no change, and what the book must sum up to."""
        f = _sum(frame)
        at, crc = f.at * MS, f.crc & 0xFFFFFFFF
        if orders:
            return self.placed(f.seq, (OrdersDelta(symbol, (), (), f.seq, f.seq, 0, at, crc),))
        return self.placed(f.seq, (BookDelta(symbol, NOTHING, NOTHING, f.seq, f.seq, 0, at, crc),))

    def strange(self, frame: Frame, what: str) -> Events:
        """A frame of a channel that nobody told or reads. It is counted: its place belongs to the proof."""
        parts = _parts(frame)
        kind, number = bytes(parts[1]), int(bytes(parts[0]))
        named = kind[:1] == b'"' and kind != b'"hb"'
        sends = () if number in self._told or number in self._left else self._ask_again(number)
        return self.placed(_count(parts[3 if named else 2]), (Unknown(what), *sends))

    def worded(self, text: str) -> str:
        """The text that brings a book again: to leave a channel its id is needed, which only `subscribed` tells. To a
        venue in maintenance nothing is said, nor of a channel that was not told.
        """
        asked = _event(text)
        if asked.event not in ("subscribe", "unsubscribe"):
            return text
        if self._paused:
            return ""
        wanted = Told(f"{asked.channel} {asked.prec}", asked.symbol)
        if asked.event == "subscribe":
            self._awaited[wanted] = text
            return text
        return next((_leave(one) for one, told in reversed(self._told.items()) if told == wanted), "")

    def _ask_again(self, number: int) -> Iterable[Send]:
        """A channel speaks that nobody told. If it may be a missing book's, it is left, and those are asked for."""
        told = set(self._told.values())
        books = {Told(LEVELS, one.symbol) for one in told if self._book} - told
        for book in sorted(books - self._awaited.keys()):
            self._awaited[book] = _text("subscribe", {**self._book, "symbol": book.symbol})
        if not self._awaited or len(self._left) >= _MOST_CHANNELS:
            return ()
        self._left.add(number)
        return (Send(_leave(number)), *map(Send, self._awaited.values()))

    def event(self, frame: Frame) -> Events:
        """What is no array. Maintenance ends the connection: its books would not be the venue's any more, and the page
        advises to subscribe anew afterwards. Raises `VenueUnavailable`.
        """
        f = _event(frame)
        name = f.event
        if name == "subscribed":
            return self._subscribed(f)
        if name == "unsubscribed":
            self.levels.pop(b"[%d" % f.channel_id, None)
            told, notice = self._told.pop(f.channel_id, None), Notice(name, str(f.channel_id), ok=f.status == "OK")
            if told is None or not told.kind.startswith("book ") or told in self._told.values():
                return (notice,)
            return (notice, Resync(told.symbol, f"{VENUE_NAME} ended channel {f.channel_id}, {told.kind}"))
        if name == "conf":
            complete = f.status == "OK" and f.flags & SEQ_ALL != 0
            return (Notice(name, f"flags {f.flags} {f.status}", ok=complete),)
        if name == "info":
            self._paused = f.code == _MAINTENANCE[0] or f.platform.status != 1
            return _info(f)
        if name == "error":
            return (Notice(name, f"{f.code} {f.msg} {f.channel} {f.symbol}".strip(), ok=False),)
        return (Heartbeat(),) if name == "pong" else (Unknown(name),)

    def _subscribed(self, f: _Event) -> Events:
        if f.channel_id <= 0 or len(self._told) >= _MOST_CHANNELS:
            raise ValueError(f"channel {f.channel_id} after {len(self._told)} others")
        kind = f"{f.channel} {f.prec}" if f.channel == "book" else f.channel
        told = self._told[f.channel_id] = Told(kind, f.symbol)
        self._awaited.pop(told, None)
        self.levels.pop(b"[%d" % f.channel_id, None)
        if kind == LEVELS:
            self.levels[b"[%d" % f.channel_id] = f.symbol
        return (Notice(f.event, f"{kind} {f.symbol}"),)


def _info(f: _Event) -> Events:
    if f.code == _RESTART:
        return (Reconnect(f"{f.code} {f.msg}".strip()),)
    if f.code in _MAINTENANCE or f.platform.status != 1:
        said = f"{f.code} {f.msg}" if f.code else f"platform status {f.platform.status}, maintenance"
        raise VenueUnavailable(f"books end here: {said.strip()}", where=VENUE_NAME)
    if f.version != 2:
        raise ValueError(f"version {f.version} of the protocol, not 2")
    return (Notice(f.event, f"{f.code} {f.msg}".strip() if f.code else f"version {f.version}"),)


def refused(error: Exception, frame: Frame) -> ProtocolError:
    """What an unreadable frame raises."""
    return ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE_NAME)


def link(last: int, delta: BookDelta | OrdersDelta) -> Link:
    """A book sees only its own frames; that none of the others is missing the codec has looked at before."""
    return Link.APPLY if delta.version > last else Link.SKIP


def connect(requests: Iterable[dict[str, str]]) -> Connect:
    """The flags come first, so that the count begins with the first frame. A book is brought again by leaving its
    channel, which `Line.worded` knows, and subscribing anew.
    """
    asked = list(requests)
    texts = [_text("subscribe", one) for one in asked]
    conf = msgspec.json.encode({"event": "conf", "flags": FLAGS}).decode()
    again = {one["symbol"]: (_text("unsubscribe", one), text) for one, text in zip(asked, texts, strict=True)
             if one["channel"] == "book"}  # fmt: skip
    return Connect(URL, (conf, *texts), ping_every_s=20.0, ping_text='{"event":"ping","cid":1}', resubscribe=again)


def _text(event: str, asked: Mapping[str, str]) -> str:
    return msgspec.json.encode({"event": event, **asked}).decode()


def _leave(number: int) -> str:
    return msgspec.json.encode({"event": "unsubscribe", "chanId": number}).decode()


def distinct(subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """Each once: a second one would be refused (10301)."""
    return list({(s.instrument.symbol, s.channel): s for s in subscriptions}.values())


def number(raw: msgspec.Raw) -> tuple[str, bool]:
    """A bare JSON number as it was written, without its sign, and whether it is negative. Raises `ValueError`."""
    text = bytes(raw).decode()
    size = text.removeprefix("-")
    if _NUMBER.fullmatch(size) is None:
        raise ValueError(f"not a number: {text[:40]!r}")
    return size, len(size) < len(text)
