"""Coinbase Exchange's public stream: level2_batch, ticker, matches, heartbeat.

Enters: frames `{"type": "l2update", "product_id": …, "changes": [["buy", "0.1", "2"]], "time": …}`. Leaves: events at
the venue's event time. Never: a book that is called proven (nothing numbers the updates), or state between frames.

Read for it: docs.cdp.coinbase.com/exchange/websocket-feed, pages overview, channels and authentication (2026-11-21):
level2 is shown only with a key; level2_batch, which sends the same messages every 50 ms, needs none.
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
    Proof,
    ProtocolError,
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

URL = "wss://ws-feed.exchange.coinbase.com"

_TWO = ord("2")  # stands at 10 in `{"type":"l2update",`
_NAMES = {Channel.DEPTH: "level2_batch", Channel.TOP: "ticker", Channel.TRADES: "matches"}

_SHAPES = ('{"type":"l2update","product_id":"<symbol>","changes":<levels>,"time":"<instant>"}',)

Pair = tuple[str, str]


class _Update(msgspec.Struct, gc=False, tag_field="type", tag="l2update"):
    product_id: str
    changes: msgspec.Raw
    time: str


class _Snapshot(msgspec.Struct):
    product_id: str
    bids: list[Pair]
    asks: list[Pair]
    time: str = ""


class _Ticker(msgspec.Struct):
    product_id: str
    best_bid: str
    best_ask: str
    time: str
    best_bid_size: str | None = None
    best_ask_size: str | None = None


class _Match(msgspec.Struct):
    product_id: str
    trade_id: int
    side: Literal["buy", "sell"]
    size: str
    price: str
    time: str


class _Heartbeat(msgspec.Struct):
    time: str


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] = []


class _Subscriptions(msgspec.Struct):
    channels: list[_Channel]


class _Error(msgspec.Struct):
    message: str
    reason: str = ""


class _Any(msgspec.Struct):
    type: str = ""


_update = msgspec.json.Decoder(_Update).decode
_snapshot = msgspec.json.Decoder(_Snapshot).decode
_ticker = msgspec.json.Decoder(_Ticker).decode
_match = msgspec.json.Decoder(_Match).decode
_heartbeat = msgspec.json.Decoder(_Heartbeat).decode
_subscriptions = msgspec.json.Decoder(_Subscriptions).decode
_error = msgspec.json.Decoder(_Error).decode
_any = msgspec.json.Decoder(_Any).decode

Events = tuple[FeedEvent, ...]


def _on_snapshot(frame: Frame, received_at: Nanos) -> Events:
    """The rows of a snapshot have no side and stand in two arrays, those of an update have one: the snapshot is brought
    into the update's form, its numbers untouched. One without a time is as old as its receipt, so that a ticker from
    before it is not taken for newer.
    """
    s = _snapshot(frame)
    rows = [("buy", *row) for row in s.bids] + [("sell", *row) for row in s.asks]
    at = nanos(s.time) if s.time else 0
    return (BookSnapshot(s.product_id, msgspec.json.encode(rows), None, at or received_at, at),)


def _on_ticker(frame: Frame) -> Events:
    """The top after a match, at the match's time, which the update of the book carries too. Sizes since about 2022."""
    t = _ticker(frame)
    at = nanos(t.time)
    bid_size, ask_size = t.best_bid_size, t.best_ask_size
    return (
        TopUpdate(
            t.product_id,
            checked(t.best_bid),
            None if bid_size is None else checked(bid_size),
            checked(t.best_ask),
            None if ask_size is None else checked(ask_size),
            at,
            at,
        ),
    )


def _on_match(frame: Frame) -> Events:
    """ "The side field indicates the maker order side": the taker did the opposite."""
    m = _match(frame)
    side = TAKER_OF_MAKER[Side(m.side)]
    return (Trade(m.product_id, str(m.trade_id), checked(m.price), checked(m.size), side, nanos(m.time)),)


def _on_update(frame: Frame) -> Events:
    u = _update(frame)
    at = nanos(u.time)
    return (BookDelta(u.product_id, u.changes, None, 0, at, 0, at),)


def _other(frame: Frame, received_at: Nanos) -> Events:
    match _any(frame).type:
        case "snapshot":
            return _on_snapshot(frame, received_at)
        case "l2update":
            return _on_update(frame)
        case "ticker":
            return _on_ticker(frame)
        case "match" | "last_match":
            return _on_match(frame)
        case "heartbeat":
            return (Heartbeat(nanos(_heartbeat(frame).time)),)
        case "subscriptions":
            told = _subscriptions(frame).channels
            return (Notice("subscriptions", "; ".join(f"{c.name} {' '.join(c.product_ids)}".strip() for c in told)),)
        case "error":
            e = _error(frame)
            return (Notice("error", f"{e.message}: {e.reason}" if e.reason else e.message, ok=False),)
        case kind:
            return (Unknown(kind),)


def _text(what: str, channels: Sequence[object]) -> str:
    return msgspec.json.encode({"type": what, "channels": channels}).decode()


def _book_text(what: str, product: str) -> str:
    return _text(what, [{"name": _NAMES[Channel.DEPTH], "product_ids": [product]}])


class CoinbaseExchangeFeed:
    """One connection. Decoding keeps nothing, so a frame means the same wherever it stands.

    `{"type":"l2update","product_id":"BTC-USD","changes":[["buy","22356.270000","0.00000000"]],"time":
    "2022-08-04T15:25:05.010758Z"}`
    """

    rule = SyncRule(
        proof=Proof.NONE,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        level_format=LevelFormat(1, 2, 0, "buy", "sell"),
        note="updates carry no number and no checksum",
    )

    def __init__(self) -> None:
        self.lane = Lane(self.rule.level_format, _SHAPES)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One message for all; it must come within 5 s. The heartbeat of each product comes once a second."""
        products: dict[str, list[str]] = {}
        for s in subscriptions:
            products.setdefault(_NAMES[s.channel], []).append(s.instrument.symbol)
        every = dict.fromkeys(s.instrument.symbol for s in subscriptions)
        channels = [{"name": name, "product_ids": list(dict.fromkeys(ids))} for name, ids in products.items()]
        channels.append({"name": "heartbeat", "product_ids": list(every)})
        books = products.get(_NAMES[Channel.DEPTH], ())
        again = {one: tuple(_book_text(what, one) for what in ("unsubscribe", "subscribe")) for one in books}
        return Connect(URL, (_text("subscribe", channels),), resubscribe=again)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once: its first bytes tell which shape to expect."""
        try:
            if frame[10] == _TWO:
                u = _update(frame)
                at = nanos(u.time)
                return (BookDelta(u.product_id, u.changes, None, 0, at, 0, at),)
        except UNREADABLE:
            pass  # not that shape after all: read again by its own type
        try:
            return _other(frame, received_at)
        except UNREADABLE as error:
            where = "coinbase_exchange"
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=where) from error
