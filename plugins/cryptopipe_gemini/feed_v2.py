"""Gemini's former stream, Market Data v2: `l2` of wss://api.gemini.com/v2/marketdata.

Enters: frames `{"type":"l2_updates","symbol":"BTCUSD","changes":[["sell","9160.20","0.1921229751"]]}`. Leaves: events,
levels unread. Never: a book that is called proven (nothing numbers the updates, and they have no time).

Read for it: developer.gemini.com/websocket/archived/v2 (2026-11-21 in a stored copy): "archived for reference only.
These APIs have been replaced by the new WebSocket API." Measured by others on 2026-08-28 and 2026-09-15: still served,
with keys in alphabetical order, and refusing symbols in lower case. Recordings of it are of 2021-06.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

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
    Trade,
    Unknown,
    apply_always,
)
from cryptopipe_gemini.market import MILLISECOND, UNREADABLE, VENUE

URL = "wss://api.gemini.com/v2/marketdata"
_PATH = "/v2/marketdata"
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Millis = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)]
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_SHAPES = (
    '{"type":"l2_updates","symbol":"<symbol>","changes":<levels>}',
    '{"changes":<levels>,"symbol":"<symbol>","type":"l2_updates"}',
)


class _Trade(msgspec.Struct, gc=False, tag_field="type", tag="trade"):
    """`side` is the "side of the taker"; a block trade was agreed outside the book."""

    symbol: str
    timestamp: _Millis
    price: str
    quantity: str
    side: Literal["buy", "sell", "block"]
    event_id: _Id = 0
    eventid: _Id = 0
    """As the page's example of a first message spells it; recorded ones have the other."""


class _Update(msgspec.Struct, gc=False, tag_field="type", tag="l2_updates"):
    """`trades` and `auction_events` stand in the first message of a symbol only."""

    symbol: str
    changes: msgspec.Raw
    trades: list[_Trade] | None = None
    auction_events: list[Any] | None = None


class _Heartbeat(msgspec.Struct, gc=False, tag_field="type", tag="heartbeat"):
    timestamp: _Millis


class _Other(msgspec.Struct):
    type: str = ""
    symbol: str = ""
    result: str = ""
    reason: str = ""
    message: str = ""


_frame = msgspec.json.Decoder(_Update | _Trade | _Heartbeat).decode
_other = msgspec.json.Decoder(_Other).decode

Events = tuple[FeedEvent, ...]


def speaks_v2(url: str, payload: bytes) -> bool:
    """Whether a connection is one of the former stream: by its path, or without a URL by its first frame."""
    if url:
        return _PATH in url
    try:
        return bool(_other(payload).type)
    except UNREADABLE:
        return False


class GeminiV2Feed:
    """One connection. Decoding keeps nothing, so a frame means the same wherever it stands.

    "The initial response will show the existing state of the order books and last 50 trades": told by the keys that
    only it has. Its trades are told oldest first; a connection made anew tells of some a second time, with the same
    ids. An update has no time, so its version is the time of receipt. Deletes of levels that were never told are
    normal: the recordings have many.
    """

    rule = SyncRule(
        proof=Proof.NONE,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        level_format=LevelFormat(1, 2, 0, "buy", "sell"),
        note="updates carry no number, no time and no checksum",
    )

    def __init__(self) -> None:
        self.lane = Lane(self.rule.level_format, _SHAPES)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One message for all: `l2` brings the book and the trades, whichever is wanted; there is no top of book.
        Symbols in upper case; others are refused.
        """
        symbols = list(dict.fromkeys(s.instrument.symbol.upper() for s in subscriptions))
        depth = [s.instrument.symbol for s in subscriptions if s.channel is Channel.DEPTH]
        return Connect(
            URL,
            (_text("subscribe", *symbols),) if symbols else (),
            resubscribe={s: (_text("unsubscribe", s.upper()), _text("subscribe", s.upper())) for s in depth},
        )

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once unless it is of a rare kind."""
        try:
            found = _frame(frame)
        except UNREADABLE:
            return _rare(frame)
        if isinstance(found, _Update):
            return _on_update(found, received_at)
        if isinstance(found, _Trade):
            return (_traded(found),)
        return (Heartbeat(found.timestamp * MILLISECOND),)


def _on_update(u: _Update, received_at: Nanos) -> Events:
    symbol = u.symbol.lower()
    if u.trades is None and u.auction_events is None:
        return (BookDelta(symbol, u.changes, None, 0, received_at, 0, 0),)
    past = [_traded(trade) for trade in sorted(u.trades or (), key=_moment)]
    return (BookSnapshot(symbol, u.changes, None, received_at, 0), *past)


def _moment(t: _Trade) -> tuple[int, int]:
    """The recorded lists are in no order throughout: some begin with the newest and go on with the oldest."""
    return (t.timestamp, t.event_id or t.eventid)


def _traded(t: _Trade) -> Trade | Notice:
    symbol = t.symbol.lower()
    if t.side == "block":
        return Notice("trade", f"{symbol} block")
    identity = str(t.event_id or t.eventid)
    return Trade(symbol, identity, t.price, t.quantity, _SIDES[t.side], t.timestamp * MILLISECOND)


def _rare(frame: Frame) -> Events:
    """`auction_open`, `auction_indicative` and `auction_result` change no book; `{"reason":"NoValidTradingPairs",
    "result":"error"}` is a refusal."""
    try:
        found = _other(frame)
        match found.type:
            case "l2_updates" | "trade" | "heartbeat":
                _frame(frame)
            case "":
                return _nameless(found)
            case "subscription_ack":
                return (Notice(found.type),)
            case kind if kind.startswith("auction_"):
                return (Notice(kind, found.symbol.lower()),)
        return (Unknown(found.type),)
    except UNREADABLE as error:
        raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error


def _nameless(found: _Other) -> Events:
    if found.result == "error":
        return (Notice("error", f"{found.reason} {found.message}".strip(), ok=False),)
    return (Unknown(""),)


def _text(what: str, *symbols: str) -> str:
    return msgspec.json.encode({"type": what, "subscriptions": [{"name": "l2", "symbols": symbols}]}).decode()
