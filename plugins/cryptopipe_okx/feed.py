"""OKX v5's public streams of today: books, books5, bbo-tbt, trades and tickers, of spot pairs and swaps.

Enters: frames `{"arg":{"channel":"books","instId":…},"action":"update","data":[{"asks":[…],"bids":[…],"ts":…,
"checksum":0,"seqId":…,"prevSeqId":…}]}`. Leaves: events, levels unread. Never: a sequence id that runs backwards for
those who read the versions, or an error that is no `ProtocolError`.

www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel, current as of 2026-07-07, the newest copy
in public repositories (read 2026-11-21). `checksum` is 0 since 2026-06-23 (OKX's notice of 2026-05-21; live frames in
github.com/ccxt/ccxt/pull/30299, 2026-09-06) and is not read. The end of the first snapshot, announced in 2026-02 for
2026-08, is in no later copy; live frames of 2026-08-21 have it (github.com/xLydianSoftware/Qubx/pull/387).
"""

from collections.abc import Sequence

import msgspec

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    Channel,
    Connect,
    Count,
    FeedEvent,
    Frame,
    Heartbeat,
    Lane,
    Link,
    Nanos,
    Notice,
    Proof,
    ProtocolError,
    Reconnect,
    Side,
    StreamAuth,
    Subscription,
    SyncRule,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe_okx.market import CHANNELS, MILLISECOND, UNREADABLE, URL, VENUE
from cryptopipe_okx.wire import (
    Books,
    OldBooks,
    Other,
    books_frame,
    levels_frame,
    other,
    tickers_frame,
    tops_frame,
    trades_frame,
)

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_QUOTE, _B = b'"b'  # stand at 24 and 19 in `{"arg":{"channel":"books"`
_MOST = 2**62
_SHAPES = tuple(
    '{"arg":{"channel":"books","instId":"<symbol>"},"action":"update","data":[{"asks":<asks>,"bids":<bids>,"ts":"<ms>",'
    f'{checksum}"seqId":<version>,"prevSeqId":<previous>}}]}}'
    for checksum in ('"checksum":0,', "")
)
_UPGRADE = "64008"

Events = tuple[FeedEvent, ...]


def link(last: int, delta: BookDelta) -> Link:
    """ "The `prevSeqId` in the new message matches with `seqId` of the previous message": so does that of a message
    without a change (`seqId` the same) and of one that resets the ids (`seqId` lower). A frame that comes twice is
    skipped. Any other is a gap, however low: after a lost reset all ids are.
    """
    if delta.previous == last:
        return Link.APPLY
    return Link.SKIP if delta.version == last and delta.previous < last else Link.GAP


class _Line:
    """What a connection knows of one symbol: how far its versions are above the ids (after a reset), the books' newest
    version, the newest of all channels, and whether its book is that of `books`."""

    __slots__ = ("_last", "base", "count", "is_deep", "newest")

    def __init__(self, is_deep: bool) -> None:
        self.base, self.newest, self._last = 0, -1, -1
        self.count = Count(0)
        self.is_deep = is_deep

    @property
    def last(self) -> int:
        """The books' newest version, whether the codec or its lane read that."""
        return max(self._last, self.count.next - 1)

    @last.setter
    def last(self, version: int) -> None:
        self._last = version


class OkxFeed:
    """One connection. Ids are per instrument and shared by its channels, so `bbo-tbt` is the faster top of `books`.

    "The sequence number may be reset due to maintenance, and in this case, users will receive an incremental message
    with `seqId` smaller than `prevSeqId`." Versions go on rising then: else a top of before would be the newer one for
    as long as the ids take to come back. What `bbo-tbt` says between its own reset and that of `books` is older, and
    passed over.
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=link,
        join=link,
        snapshot_by_request=False,
        note="prevSeqId is the seqId before; versions are seqIds, raised where the venue starts them again",
    )

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self.lane = Lane(self.rule.level_format, _SHAPES, "previous", counted=True)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One request an instrument, that a refusal names whom it concerns. A subscription to what is subscribed to
        brings no snapshot; a book that was lost is unsubscribed first. "Set a timer of N seconds whenever a response
        message is received, where N is less than 30. If the timer is triggered, […] send the String 'ping'."
        """
        self._lines.clear()
        self.lane.disarm()
        args: dict[str, dict[str, None]] = {}
        again: dict[str, tuple[str, str]] = {}
        for one in subscriptions:
            symbol = one.instrument.symbol
            args.setdefault(symbol, {})[CHANNELS[one.channel]] = None
            if one.channel is Channel.DEPTH:
                again[symbol] = (_request("unsubscribe", symbol, "books"), _request("subscribe", symbol, "books"))
                self._lines[symbol] = _Line(is_deep=True)
        requests = tuple(_request("subscribe", symbol, *channels) for symbol, channels in args.items())
        return Connect(URL, requests, ping_every_s=20, ping_text="ping", resubscribe=again)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once where its first bytes tell the channel."""
        try:
            if frame[24] == _QUOTE and frame[19] == _B:
                f = books_frame(frame)
                symbol = f.arg.symbol
                line = self._lines.get(symbol)
                if line is not None and f.action == "update" and len(f.data) == 1:
                    d = f.data[0]
                    if 0 <= d.previous <= d.seq:
                        previous = d.previous + line.base
                        line.last = version = d.seq + line.base
                        self.lane.count = None if line.base else line.count  # its ids are not the versions
                        at = d.ts * MILLISECOND
                        return (BookDelta(symbol, d.bids, d.asks, previous + 1, version, previous, at),)
                return tuple(self._on_books(symbol, f.action, d) for d in f.data)
        except UNREADABLE:
            pass  # not that shape after all
        if frame == b"pong":
            return (Heartbeat(),)
        try:
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _line(self, symbol: str) -> _Line:
        line = self._lines.get(symbol)
        if line is None:
            line = self._lines[symbol] = _Line(is_deep=False)
        return line

    def _books(self, frame: Frame) -> Events:
        f = books_frame(frame)
        return tuple(self._on_books(f.arg.symbol, f.action, d) for d in f.data)

    def _on_books(self, symbol: str, action: str, d: Books | OldBooks) -> BookSnapshot | BookDelta:
        """A snapshot replaces whatever was there; where its id is below the last, ids were reset in between."""
        line, at = self._line(symbol), d.ts * MILLISECOND
        self.lane.count = None
        previous = d.previous + line.base if d.previous >= 0 else -1
        is_snapshot = action == "snapshot"
        if d.seq + line.base < line.last if is_snapshot else d.seq < d.previous:
            self._rebase(line, d.seq)
        line.is_deep = True
        line.last = version = d.seq + line.base
        if is_snapshot:
            return BookSnapshot(symbol, d.bids, d.asks, version, at)
        return BookDelta(symbol, d.bids, d.asks, previous + 1, version, previous, at)

    def _rebase(self, line: _Line, seq: int) -> None:
        above = max(line.last, line.newest)
        if above >= _MOST:
            raise ProtocolError(f"sequence ids of one connection add up to {above}, more than {_MOST}", where=VENUE)
        line.base = above + 1 - seq
        self.lane.disarm()

    def _on_tops(self, frame: Frame) -> Events:
        """A book with an empty side has no top to tell. Without an id (before 2023) nothing says how new it is."""
        f = tops_frame(frame)
        symbol, line = f.arg.symbol, self._line(f.arg.symbol)
        found = []
        for d in f.data:
            version = d.seq + line.base if d.seq else 0
            line.newest = max(line.newest, version)
            if d.bids and d.asks:
                (bid, bid_size, *_), (ask, ask_size, *_) = d.bids[0], d.asks[0]
                found.append(TopUpdate(symbol, bid, bid_size, ask, ask_size, version, d.ts * MILLISECOND))
        return tuple(found)

    def _on_levels(self, frame: Frame) -> Events:
        """Five levels are the book where nobody sends 400, else a top."""
        f = levels_frame(frame)
        symbol, line = f.arg.symbol, self._line(f.arg.symbol)
        if line.is_deep:
            return self._on_tops(frame)
        found = []
        for d in f.data:
            if d.seq + line.base < line.last:
                self._rebase(line, d.seq)
            line.last = version = d.seq + line.base
            found.append(BookSnapshot(symbol, d.bids, d.asks, version, d.ts * MILLISECOND))
        return tuple(found)

    def _other(self, frame: Frame) -> Events:
        found = other(frame)
        if found.event or found.arg is None:
            return (_answer(found),)
        match found.arg.channel:
            case "books":
                return self._books(frame)
            case "bbo-tbt":
                return self._on_tops(frame)
            case "books5":
                return self._on_levels(frame)
            case "trades":
                return trades(frame)
            case "tickers":
                return tickers(frame)
        return (Unknown(found.arg.channel),)


def trades(frame: Frame) -> Events:
    """`{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474",
    "px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3","source":"0","seqId":1234}]}`"""
    prints = trades_frame(frame).data
    return tuple(Trade(p.symbol, p.trade_id, p.price, p.size, _SIDES[p.side], p.ts * MILLISECOND) for p in prints)


def tickers(frame: Frame) -> Events:
    """Version 0: a ticker has no sequence id; `bbo-tbt` has, and is what is subscribed to."""
    found = tickers_frame(frame).data
    return tuple(
        TopUpdate(t.symbol, t.bid, t.bid_size, t.ask, t.ask_size, 0, t.ts * MILLISECOND)
        for t in found
        if t.bid and t.bid_size and t.ask and t.ask_size
    )


def _request(op: str, symbol: str, *channels: str) -> str:
    args = [{"channel": channel, "instId": symbol} for channel in channels]
    return msgspec.json.encode({"op": op, "args": args}).decode()


def _answer(found: Other) -> FeedEvent:
    """`{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}`, or
    `{"event":"error","msg":"Wrong URL or channel:books,instId:NOPE-JPY doesn't exist. …","code":"60018","connId":…}`;
    `notice` 64008 comes 60 s before the venue closes the connection for an upgrade (#overview-websocket-notification).
    """
    about = (found.arg.channel, found.arg.symbol) if found.arg else (found.code, found.msg)
    text = " ".join(filter(None, about))
    if found.event == "notice" and found.code == _UPGRADE:
        return Reconnect(text)
    if found.event in ("subscribe", "unsubscribe", "error", "notice", "channel-conn-count"):
        return Notice(found.event, text, ok=found.event != "error")
    return Unknown(found.event)
