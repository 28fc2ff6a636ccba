"""Gemini's stream of today: `depth@100ms`, `bookTicker`, `trade` of wss://ws.gemini.com.

Enters: frames `{"e":"depthUpdate","E":…,"s":"btcusd","U":…,"u":…,"b":[…],"a":[…]}`. Leaves: events at the venue's
nanoseconds, levels unread. Never: a delta that joins nothing taken for a book.

Read for it, all on 2026-11-21 in stored copies: developer.gemini.com/websocket, pages introduction, streams and
message-format (version 0.10.7; "Last modified on April 17, 2026"), and the venue's own specification,
github.com/gemini/developer-platform specs/asyncapi/websocket.yaml (same version); current as of 2026-09. What the pages
do not say is as measured by others on the venue in September 2026 and kept in public repositories: ids of a symbol
skip, and a delta's `U` equals the `u` before it (5489 of 5489 frames of 13 perpetuals); keys stand in the order of the
examples; the server pings every 20 s; one unknown name refuses its whole request.

Not confirmed: how long a connection lives (no page tells, so none is assumed), how many streams it takes, that the
ticker's `u` counts the same as the depth's (values say so), and how an empty side of a ticker looks.
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
    Link,
    Nanos,
    Notice,
    OrdersDelta,
    Proof,
    ProtocolError,
    Side,
    StreamAuth,
    Subscription,
    SyncRule,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe_gemini.market import UNREADABLE, VENUE
from cryptopipe_gemini.wire import Depth, Other, Print, Ticker, depth_frame, other, ticker_frame, trade_frame

URL = "wss://ws.gemini.com/?snapshot=-1"
""" "-1 for the full book": without it a subscription to depth brings no snapshot."""

_STREAMS = {Channel.DEPTH: "depth@100ms", Channel.TOP: "bookTicker", Channel.TRADES: "trade"}
_DEPTH, _TICKER, _TRADE = b"euE"  # stand at 2 in `{"e":"depthUpdate"`, `{"u":…` and `{"E":…`
_PING = "ping"
_SHAPES = ('{"e":"depthUpdate","E":<ns>,"s":"<symbol>","U":<first>,"u":<version>,"b":<bids>,"a":<asks>}',)

Events = tuple[FeedEvent, ...]


def follows(last: int, delta: BookDelta | OrdersDelta) -> Link:
    """ "Apply frames in order, using u as the last applied update ID; if a frame's U skips ahead of the last applied u,
    discard the book and resubscribe"; the venue's own client calls one with `u` at or below it stale (deep dive "Order
    Book Reconstruction", as quoted by others).
    """
    if delta.version <= last:
        return Link.SKIP
    return Link.APPLY if delta.first <= last else Link.GAP


class GeminiFeed:
    """One connection. What it keeps is which symbols have had their snapshot since the last answer about them.

    "The FIRST frame after subscribing is the snapshot", and nothing in it says so. What does: its range is one id,
    `U` equal to `u`, while a delta begins at the `u` before it and so never has equal ids (measured by others on the
    venue in September 2026; a keeper of recordings tells them apart by it since July). So a recording that begins amid
    a connection yields no book from its first delta. If the venue sent a snapshot with different ids, its book would
    stay without one, and never be wrong. A later frame of one id, not asked for, is judged as a change: a repeated
    snapshot is passed over, anything newer is a gap.

    `{"e":"depthUpdate","E":1751508260659505382,"s":"btcusd","U":12345677,"u":12345678,"b":[["45000.50","1.25000000"],
    ["45000.25","0.00000000"]],"a":[["45001.00","0.75000000"]]}`
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=follows,
        join=follows,
        snapshot_by_request=False,
        note="a delta begins at the id of the one before it, or before that; a snapshot's first and last id are equal",
    )

    def __init__(self) -> None:
        self.lane = Lane(self.rule.level_format, _SHAPES, "covers")
        self._begun: set[int | str | None] = set()

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One request an instrument, since one unknown name fails all of its request. Public streams need no key.

        The application's ping is answered like any request: a quiet connection has something to show every 20 s.
        """
        self._begun.clear()
        streams: dict[str, dict[str, None]] = {}
        for s in subscriptions:
            streams.setdefault(s.instrument.symbol, {})[f"{s.instrument.symbol}@{_STREAMS[s.channel]}"] = None
        depth = [s.instrument.symbol for s in subscriptions if s.channel is Channel.DEPTH]
        return Connect(
            URL,
            tuple(_request(symbol, "subscribe", *names) for symbol, names in streams.items()),
            ping_every_s=20,
            ping_text='{"id":"ping","method":"ping"}',
            resubscribe={symbol: _again(symbol) for symbol in depth},
        )

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once where its first key tells what it is; else read again by what it has."""
        try:
            key = frame[2]
            if key == _DEPTH:
                d = depth_frame(frame)
                if d.first != d.last:
                    return (BookDelta(d.symbol, d.bids, d.asks, d.first, d.last, 0, d.time),)
                return self._on_depth(d)
            if key == _TICKER:
                return _on_ticker(ticker_frame(frame))
            if key == _TRADE:
                return _on_trade(trade_frame(frame))
        except UNREADABLE:
            pass  # not that shape after all
        try:
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _on_depth(self, d: Depth) -> Events:
        if d.first == d.last and d.symbol not in self._begun:
            self._begun.add(d.symbol)
            return (BookSnapshot(d.symbol, d.bids, d.asks, d.last, d.time),)
        return (BookDelta(d.symbol, d.bids, d.asks, d.first, d.last, 0, d.time),)

    def _other(self, frame: Frame) -> Events:
        found = other(frame)
        match found.kind:
            case "depthUpdate":
                return self._on_depth(depth_frame(frame))
            case "trade":
                return _on_trade(trade_frame(frame))
            case "bookTicker":
                return _on_ticker(ticker_frame(frame))
            case "":
                self._begun.discard(found.id)
                return _nameless(frame, found)
            case kind:
                return (Unknown(kind),)


def _on_ticker(t: Ticker) -> Events:
    """A book with an empty side has no top to tell."""
    if not t.bid.strip("0.") or not t.ask.strip("0."):
        return ()
    return (TopUpdate(t.symbol, t.bid, t.bid_size, t.ask, t.ask_size, t.update, t.time),)


def _on_trade(t: Print) -> Events:
    """Where the buyer made, the taker sold."""
    side = Side.SELL if t.buyer_is_maker else Side.BUY
    return (Trade(t.symbol, str(t.trade_id), t.price, t.size, side, t.time),)


def _nameless(frame: Frame, found: Other) -> Events:
    if found.status is not None:
        return _answer(found, found.status)
    if found.trade_id is not None:
        return _on_trade(trade_frame(frame))
    if found.update is not None:
        return _on_ticker(ticker_frame(frame))
    return (Unknown("partial depth" if found.partial is not None else ""),)


def _answer(found: Other, status: int) -> Events:
    """`{"id":"btcusd","status":200}`, or with 4xx and 5xx `"error":{"code":-1013,"msg":"Invalid stream name: …"}`."""
    if found.id == _PING and status == 200:
        return (Heartbeat(),)
    said = f"{found.id}: {status}"
    if found.error is not None:
        said += f" {found.error.code} {found.error.msg}"
    return (Notice("answer", said, ok=status == 200),)


def _request(identity: str, method: str, *streams: str) -> str:
    return msgspec.json.encode({"id": identity, "method": method, "params": streams}).decode()


def _again(symbol: str) -> tuple[str, str]:
    """What still comes of the old subscription is a delta, which a book without a snapshot ignores."""
    depth = f"{symbol}@{_STREAMS[Channel.DEPTH]}"
    return (_request(symbol, "unsubscribe", depth), _request(symbol, "subscribe", depth))
