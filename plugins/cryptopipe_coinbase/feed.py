"""Coinbase Advanced Trade's public stream: level2, market_trades, ticker, heartbeats.

Enters: frames `{"channel": "l2_data", "sequence_num": 8, "timestamp": …, "events": […]}`. Leaves: events, and a resync
of the whole connection where its numbers skip. Never: a frame applied twice, or an error that is no `ProtocolError`.

Read for it: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket, pages overview and channels, and
docs.cdp.coinbase.com/api-reference/advanced-trade-api/advanced-trade-asyncapi.json (2026-11-21). No channel used here
needs a key.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

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
    LevelFormat,
    Nanos,
    Notice,
    Proof,
    ProtocolError,
    Resync,
    Side,
    StreamAuth,
    Subscription,
    SyncRule,
    TopUpdate,
    Trade,
    Unknown,
    apply_always,
)
from cryptopipe_coinbase.wire import TAKER_OF_MAKER, UNREADABLE, checked, nanos

URL = "wss://advanced-trade-ws.coinbase.com"

_TWO = ord("2")  # stands at 13 in `{"channel":"l2_data",`
_NAMES = {Channel.DEPTH: "level2", Channel.TOP: "ticker", Channel.TRADES: "market_trades"}

_SHAPES = (
    '{"channel":"l2_data","client_id":"<any>","timestamp":"<instant>","sequence_num":<count>,"events":[{"type":"update",'
    '"product_id":"<symbol>","updates":<levels>}]}',
)

Sequence64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 2)]


class _Book(msgspec.Struct, gc=False):
    type: Literal["update", "snapshot"]
    product_id: str
    updates: msgspec.Raw


class _BookFrame(msgspec.Struct, gc=False, tag_field="channel", tag="l2_data"):
    timestamp: str
    sequence_num: Sequence64
    events: list[_Book]


class _Print(msgspec.Struct):
    trade_id: str
    product_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL"]
    time: str


class _Trades(msgspec.Struct):
    trades: list[_Print]


class _TradeFrame(msgspec.Struct):
    timestamp: str
    events: list[_Trades]


class _Ticker(msgspec.Struct):
    product_id: str
    best_bid: str | None = None
    best_bid_quantity: str | None = None
    best_ask: str | None = None
    best_ask_quantity: str | None = None


class _Tickers(msgspec.Struct):
    tickers: list[_Ticker]


class _TickerFrame(msgspec.Struct):
    events: list[_Tickers]


class _Subscribed(msgspec.Struct):
    subscriptions: dict[str, object] = {}


class _SubscribedFrame(msgspec.Struct):
    events: list[_Subscribed]


class _Any(msgspec.Struct):
    """Whatever else arrives. `channel` empty for an error, which has a `type` and no number."""

    channel: str = ""
    timestamp: str = ""
    sequence_num: Sequence64 | None = None
    type: str = ""
    message: str = ""


_book_frame = msgspec.json.Decoder(_BookFrame).decode
_trade_frame = msgspec.json.Decoder(_TradeFrame).decode
_ticker_frame = msgspec.json.Decoder(_TickerFrame).decode
_subscribed_frame = msgspec.json.Decoder(_SubscribedFrame).decode
_any = msgspec.json.Decoder(_Any).decode

Events = tuple[FeedEvent | Resync, ...]


def _book(event: _Book, sequence: int, at: Nanos) -> BookSnapshot | BookDelta:
    """At the envelope's stamp: the rows of a snapshot carry 1970."""
    if event.type == "update":
        return BookDelta(event.product_id, event.updates, None, sequence, sequence, 0, at)
    return BookSnapshot(event.product_id, event.updates, None, sequence, at)


def _trades(frame: Frame) -> Events:
    """`side` "refers to the makers side" (websocket channels page, stored copy of 2026-06-28), so the taker did the
    opposite. Told at the envelope's stamp; each event's oldest first, though the venue writes its newest first.
    """
    f = _trade_frame(frame)
    at = nanos(f.timestamp)
    return tuple(trade for event in f.events for trade in _oldest_first([_trade(p, at) for p in event.trades]))


def _oldest_first(trades: list[Trade]) -> list[Trade]:
    newest_first = len(trades) > 1 and _moment(trades[0]) > _moment(trades[-1])
    return trades[::-1] if newest_first else trades


def _moment(trade: Trade) -> tuple[Nanos, int, str]:
    return trade.trade_time, len(trade.trade_id), trade.trade_id


def _trade(p: _Print, at: Nanos) -> Trade:
    side, price, size = TAKER_OF_MAKER[Side[p.side]], checked(p.price), checked(p.size)
    return Trade(p.product_id, p.trade_id, price, size, side, at, nanos(p.time))


def _tops(frame: Frame, at: Nanos) -> Events:
    """Version 0: the ticker's number is the connection's and does not tell which state of the book it belongs to."""
    return tuple(
        TopUpdate(
            t.product_id,
            checked(t.best_bid),
            None if t.best_bid_quantity is None else checked(t.best_bid_quantity),
            checked(t.best_ask),
            None if t.best_ask_quantity is None else checked(t.best_ask_quantity),
            0,
            at,
        )
        for event in _ticker_frame(frame).events
        for t in event.tickers
        if t.best_bid is not None and t.best_ask is not None
    )


def _channel(name: str, ids: object) -> str:
    return f"{name} {' '.join(map(str, ids))}" if isinstance(ids, list) else name


def _subscriptions(frame: Frame) -> Events:
    return tuple(
        Notice("subscriptions", "; ".join(_channel(name, ids) for name, ids in event.subscriptions.items()))
        for event in _subscribed_frame(frame).events
    )


class CoinbaseFeed:
    """One connection. Its frames of all channels share one number, which starts at 0; a recording may start anywhere.

    `{"channel":"l2_data","client_id":"","timestamp":"2023-02-09T20:32:50.714964855Z","sequence_num":0,"events":[{"type":
    "snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":
    "21921.73","new_quantity":"0.06317902"}]}]}`
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        level_format=LevelFormat("price_level", "new_quantity", "side", "bid", "offer"),
        note="the codec checks sequence_num, which is the connection's and not one book's",
    )

    def __init__(self) -> None:
        self._count = Count()
        self.lane = Lane(self.rule.level_format, _SHAPES, counted=True)
        self.lane.count = self._count

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One message a channel, and the heartbeats, without which a quiet channel is closed after 60 to 90 s.

        `-USDC` products answer with the frames of the `-USD` book, so that is what is subscribed to. A lost book is
        asked for together with all others, by the same two texts whichever it was: a gap in the connection's numbers
        loses all of them at once, and eight messages a second are allowed (page websocket-rate-limits, 2026-11-21).
        """
        self._count.next = -1
        products: dict[str, list[str]] = {"heartbeats": []}
        for s in subscriptions:
            products.setdefault(_NAMES[s.channel], []).append(s.instrument.book_of or s.instrument.symbol)
        frames = tuple(_ask("subscribe", name, ids, auth) for name, ids in products.items())
        books = products.get("level2", [])
        again = tuple(_ask(what, "level2", books, auth) for what in ("unsubscribe", "subscribe"))
        return Connect(URL, frames, resubscribe=dict.fromkeys(books, again))

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame. A number that skips yields a resync of every book and then the frame's own events; one that was
        there yields nothing."""
        try:
            if frame[13] == _TWO:
                f = _book_frame(frame)
                sequence, at = f.sequence_num, nanos(f.timestamp)
                events = f.events
                if sequence == self._count.next and len(events) == 1 and events[0].type == "update":
                    self._count.next = sequence + 1
                    e = events[0]
                    return (BookDelta(e.product_id, e.updates, None, sequence, sequence, 0, at),)
                return self._numbered(sequence, tuple(_book(e, sequence, at) for e in events))
        except UNREADABLE:
            pass  # not that shape after all: read again by its own channel
        return self._decode_any(frame)

    def _decode_any(self, frame: Frame) -> Events:
        try:
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where="coinbase") from error

    def _numbered(self, sequence: int, events: Events) -> Events:
        expected = self._count.next
        self._count.next = max(sequence + 1, expected)
        if expected < 0 or sequence == expected:
            return events
        if sequence < expected:
            return ()
        return (Resync(None, f"sequence gap on coinbase: expected {expected}, got {sequence}"), *events)

    def _other(self, frame: Frame) -> Events:
        found = _any(frame)
        if not found.channel:
            if found.type == "error":
                return (Notice("error", found.message, ok=False),)
            return (Unknown(found.type),)
        events = self._meaning(frame, found)
        return events if found.sequence_num is None else self._numbered(found.sequence_num, events)

    def _meaning(self, frame: Frame, found: _Any) -> Events:
        match found.channel:
            case "market_trades":
                return _trades(frame)
            case "ticker":
                return _tops(frame, nanos(found.timestamp))
            case "heartbeats":
                return (Heartbeat(nanos(found.timestamp)),)
            case "subscriptions":
                return _subscriptions(frame)
            case "l2_data":
                f = _book_frame(frame)
                at = nanos(f.timestamp)
                return tuple(_book(e, f.sequence_num, at) for e in f.events)
            case channel:
                return (Unknown(channel),)


def _ask(what: str, channel: str, products: list[str], auth: StreamAuth | None) -> str:
    message: dict[str, object] = {"type": what, "channel": channel}
    if products:
        message["product_ids"] = list(dict.fromkeys(products))
    if auth is not None and auth.token:
        message["jwt"] = auth.token
    return msgspec.json.encode(message).decode()
