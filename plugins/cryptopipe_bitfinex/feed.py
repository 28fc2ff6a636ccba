"""Bitfinex's public stream, websocket v2: book P0, trades, ticker.

Enters: frames `[225206,[277530,2,0.09383141],244,1618677549379]`, whose channel an earlier `subscribed` event told.
Leaves: events of the symbols `tBTCUSD`; a `Resync` of every book where the count over all frames has a gap.
Never: state that another connection sees, or a number that is not the venue's text.

Read for it: docs.bitfinex.com/reference/ws-public-books, ws-public-trades, ws-public-ticker in stored copies of the
pages, and those that wire.py names (2026-11-21). Current as of 2026-11-21 as far as copies show; no key is needed. The
recorded frames of 2021-04-17 have the same form, without time and checksum.
"""

from collections.abc import Sequence

import msgspec

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    Channel,
    Connect,
    Frame,
    Heartbeat,
    Lane,
    Nanos,
    Notice,
    Proof,
    Side,
    StreamAuth,
    Subscription,
    SyncRule,
    TopUpdate,
    Trade,
)
from cryptopipe_bitfinex.wire import (
    BRACE,
    BRACKET,
    COVERED,
    LENGTH,
    LEVELS,
    MS,
    NOTHING,
    QUOTE,
    UNREADABLE,
    Count,
    Events,
    Line,
    Millis,
    connect,
    distinct,
    link,
    number,
    refused,
)

_MINUS, _NINE = b"-9"
_SHAPES = (
    "[<symbol>,[<price>,<orders>,<amount>],<count>,<ms>]",
    "[<symbol>,[<price>,<orders>,<amount>],<count>]",
)
_ASKED: dict[Channel, dict[str, str]] = {
    Channel.DEPTH: {"channel": "book", "prec": "P0", "freq": "F0", "len": LENGTH},
    Channel.TRADES: {"channel": "trades"},
    Channel.TOP: {"channel": "ticker"},
}


class _Level(msgspec.Struct, array_like=True, gc=False):
    """Price, number of orders, amount: above zero a bid, below an ask. No orders: the level is gone."""

    price: msgspec.Raw
    count: int
    amount: msgspec.Raw


class _Update(msgspec.Struct, array_like=True, gc=False):
    channel: int
    level: _Level
    seq: Count
    at: Millis = 0


class _Book(msgspec.Struct, array_like=True, gc=False):
    channel: int
    levels: list[_Level]
    seq: Count
    at: Millis = 0


class _Print(msgspec.Struct, array_like=True, gc=False):
    """The amount's sign is the taker's side."""

    trade_id: int
    at: Millis
    amount: msgspec.Raw
    price: msgspec.Raw


class _Prints(msgspec.Struct, array_like=True, gc=False):
    channel: int
    prints: list[_Print]
    seq: Count
    at: Millis = 0


class _Executed(msgspec.Struct, array_like=True, gc=False):
    channel: int
    kind: str
    one: _Print
    seq: Count
    at: Millis = 0


class _Best(msgspec.Struct, array_like=True, gc=False):
    """Both sizes are sums of the 25 best of a side, so not those of the top; a price is null without orders."""

    bid: msgspec.Raw
    bid_sum: msgspec.Raw
    ask: msgspec.Raw


class _Ticker(msgspec.Struct, array_like=True, gc=False):
    channel: int
    best: _Best
    seq: Count
    at: Millis = 0


_update = msgspec.json.Decoder(_Update).decode
_book = msgspec.json.Decoder(_Book).decode
_prints = msgspec.json.Decoder(_Prints).decode
_executed = msgspec.json.Decoder(_Executed).decode
_ticker = msgspec.json.Decoder(_Ticker).decode


def _trade(symbol: str, one: _Print, told_at: Millis) -> Trade:
    """`told_at` 0 where the frame has no time of its own."""
    size, sold = number(one.amount)
    price, negative = number(one.price)
    if negative:
        raise ValueError(f"a price below zero: -{price}")
    side, trade_time = Side.SELL if sold else Side.BUY, one.at * MS if told_at else 0
    return Trade(symbol, str(one.trade_id), price, size, side, (told_at or one.at) * MS, trade_time)


def _side(levels: Sequence[_Level], asks: bool) -> bytes:
    """The levels of one side, their sizes without the sign."""
    told = ((level.price, bytes(level.amount)) for level in levels)
    rows = (
        b"[%b,%b]" % (price, amount[1:] if asks else amount) for price, amount in told if (amount[0] == _MINUS) is asks
    )
    return b"[" + b",".join(rows) + b"]"


class BitfinexFeed:
    """One connection.

    A frame means nothing without the `subscribed` event that told its channel: that is the state here, and the count.
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=link,
        join=link,
        snapshot_by_request=False,
        checksum="crc_interleaved_signed",
        checksum_levels=COVERED,
        note="one count over all frames of a connection; beside it a CRC32 of the best 25 levels a side",
    )

    def __init__(self) -> None:
        self._line = Line(_ASKED[Channel.DEPTH])
        self.lane = Lane(self.rule.level_format, _SHAPES, "newer", counted=True)
        self.lane.count = self._line.count

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One message a channel of an instrument; at most 25 fit one connection."""
        return connect({**_ASKED[s.channel], "symbol": s.instrument.symbol} for s in distinct(subscriptions))

    def worded(self, text: str) -> str:
        """What brings a lost book again on this connection."""
        return self._line.worded(text)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once. Raises `ProtocolError` and, at maintenance, `VenueUnavailable`."""
        line = self._line
        try:
            comma = frame.index(b",")
            symbol = line.levels.get(frame[:comma])
            if symbol is not None and frame[comma + 1] == BRACKET and frame[comma + 2] <= _NINE:
                f = _update(frame)
                level, seq, amount = f.level, f.seq, bytes(f.level.amount)
                asked = amount[0] == _MINUS
                row = b"[[%b,%b]]" % (level.price, (amount[1:] if asked else amount) if level.count else b"0")
                bids, asks = (NOTHING, row) if asked else (row, NOTHING)
                delta = BookDelta(symbol, bids, asks, seq, seq, 0, f.at * MS)
                if seq == line.last + 1:
                    line.last = seq
                    return (delta,)
                return line.placed(seq, (delta,))
            if frame[0] == BRACE:
                self.lane.disarm()  # the event may give a channel's id to another one
                return line.event(frame)
            return self._other(frame)
        except UNREADABLE as error:
            raise refused(error, frame) from error

    def _other(self, frame: Frame) -> Events:
        """Any array but a change of a level."""
        told, start = self._line.channel(frame)
        if frame[start] == QUOTE:
            return self._named(frame)
        if told is None:
            return self._line.strange(frame, "a channel that was not told")
        match told.kind:
            case "book P0":
                return self._whole(frame, told.symbol)
            case "ticker":
                return self._top(frame, told.symbol)
            case "trades":
                return self._past(frame, told.symbol)
        return self._line.strange(frame, f"channel {told.kind}")

    def _whole(self, frame: Frame, symbol: str) -> Events:
        b = _book(frame)
        if any(level.count <= 0 for level in b.levels):
            raise ValueError("a snapshot with a level of no orders")
        bids, asks = _side(b.levels, asks=False), _side(b.levels, asks=True)
        return self._line.placed(b.seq, (BookSnapshot(symbol, bids, asks, b.seq, b.at * MS),))

    def _named(self, frame: Frame) -> Events:
        """`hb`, `cs`, and of trades `te`, which comes first, and `tu`, which repeats it with the same id."""
        told, start = self._line.channel(frame)
        name = frame[start + 1 : start + 3]
        if name == b"hb":
            return self._line.heartbeat(frame)
        if told is None or told.kind not in (LEVELS, "trades"):
            return self._line.strange(frame, f"{bytes(name)!r} of {told}")
        if name == b"cs" and told.kind == LEVELS:
            return self._line.checksum(frame, told.symbol, orders=False)
        if told.kind != "trades" or name not in (b"te", b"tu"):
            return self._line.strange(frame, f"{bytes(name)!r} of {told.kind}")
        f = _executed(frame)
        trade = _trade(told.symbol, f.one, f.at)
        return self._line.placed(f.seq, (trade if name == b"te" else Heartbeat(f.at * MS),))

    def _past(self, frame: Frame, symbol: str) -> Events:
        """The last trades before the subscription, told newest first."""
        f = _prints(frame)
        return self._line.placed(f.seq, tuple(_trade(symbol, one, f.at) for one in reversed(f.prints)))

    def _top(self, frame: Frame, symbol: str) -> Events:
        """Version 0: nothing tells which state of the book it belongs to."""
        f = _ticker(frame)
        if b"null" in (bytes(f.best.bid), bytes(f.best.ask)):
            return self._line.placed(f.seq, (Notice("ticker", f"{symbol} without orders on a side"),))
        (bid, low), (ask, lower) = number(f.best.bid), number(f.best.ask)
        if low or lower:
            raise ValueError("a price below zero")
        return self._line.placed(f.seq, (TopUpdate(symbol, bid, None, ask, None, 0, f.at * MS),))
