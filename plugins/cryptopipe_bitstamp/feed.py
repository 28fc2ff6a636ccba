"""Bitstamp's public streams: diff_order_book, order_book as the faster top, live_trades.

Enters: frames `{"data":{"microtimestamp":…,"bids":[…],"asks":[…]},"channel":"diff_order_book_btcusd","event":"data"}`.
Leaves: events at the venue's microseconds, levels unread. Never: a book that is called proven (nothing numbers the
differences), or one begun by a snapshot from before the stream was heard.

www.bitstamp.net/websocket/v2/ and /api/ as quoted by others who rendered them on 2026-09-15 (the pages themselves could
not be read); current as of 2026-11-21. Recorded frames of 2022-01-05 have the same form.
"""

from collections.abc import Sequence

from cryptopipe.api import (
    BookDelta,
    Channel,
    Connect,
    Count,
    Frame,
    Lane,
    Link,
    Nanos,
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
from cryptopipe_bitstamp.wire import (
    HEARTBEAT,
    HEARTBEAT_EVERY_S,
    MICROSECOND,
    UNREADABLE,
    URL,
    VENUE,
    BookFrame,
    Events,
    TradeFrame,
    book_frame,
    control,
    level,
    subscribe,
    told_frame,
    trade_frame,
)

_CHANNELS = {Channel.DEPTH: "diff_order_book", Channel.TOP: "order_book", Channel.TRADES: "live_trades"}
_DIFF, _TOP, _TRADES = "diff_order_book_", "order_book_", "live_trades_"
_AT_DIFF = len(_DIFF)
_T, _I = b"ti"  # stand at 10 in `{"data":{"timestamp"` and `{"data":{"id"`
_SIDES = (Side.BUY, Side.SELL)
_SHAPES = (
    '{"data":{"timestamp":"<number>","microtimestamp":"<version_us>","bids":<bids>,"asks":<asks>},'
    '"channel":"diff_order_book_<symbol>","event":"data"}',
)


def follows(last: int, delta: BookDelta) -> Link:
    """What is not newer than the book is in it. A newer difference goes on from it if the one before, as it was heard
    on this connection, is in the book; of the first one heard (`previous` 0) nobody knows what came before it.

    So a snapshot from before the stream began is asked for again: the venue answers from a cache of up to a second
    (measured 2026-09-15), and recorded answers were up to two and a half seconds old.
    """
    if delta.version <= last:
        return Link.SKIP
    return Link.APPLY if 0 < delta.previous <= last else Link.GAP


class BitstampFeed:
    """One connection. What it keeps is the time of each book's last difference.

    "Buffer diffs, fetch the order book, drop those whose `microtimestamp` is at or before the snapshot's, apply the
    rest": versions are microtimestamps. An amount of zero, at any number of digits, removes the level.
    `order_book_…` is sampled more often than the differences (measured on 2026-09-15: 100 ms on btcusd); its times are
    those of the same book, so that the newer of both is the top.
    """

    rule = SyncRule(
        proof=Proof.NONE,
        link=follows,
        join=follows,
        snapshot_by_request=True,
        note="nothing numbers the differences: one that the venue loses is not noticed",
    )

    def __init__(self) -> None:
        self._heard: dict[str, Count] = {}
        self.lane = Lane(self.rule.level_format, _SHAPES, "heard")

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One text a channel. Raises `ProtocolError` for a channel that this connection does not carry."""
        self._heard.clear()
        self.lane.disarm()
        channels: dict[str, None] = {}
        for one in subscriptions:
            name = _CHANNELS.get(one.channel)
            if name is None:
                raise ProtocolError(f"{one.channel.value} has a connection of its own", where=one.instrument.id)
            channels[f"{name}_{one.instrument.symbol}"] = None
        texts = tuple(map(subscribe, channels))
        return Connect(URL, texts, ping_every_s=HEARTBEAT_EVERY_S, ping_text=HEARTBEAT)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once where its first bytes tell which it is; else read again by its event and channel."""
        try:
            kind = frame[10]
            if kind == _T:
                return self._on_book(book_frame(frame))
            if kind == _I:
                return _on_trade(trade_frame(frame))
        except UNREADABLE:
            pass  # not that shape after all
        try:
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _on_book(self, f: BookFrame) -> Events:
        channel, d = f.channel, f.data
        if not channel.startswith(_DIFF):
            return _on_top(f)
        symbol, version = channel[_AT_DIFF:], d.micros
        heard = self.lane.count = self._heard.get(symbol) or self._heard.setdefault(symbol, Count(1))
        previous, heard.next = heard.next - 1, version + 1
        return (BookDelta(symbol, d.bids, d.asks, version, version, previous, version * MICROSECOND),)

    def _other(self, frame: Frame) -> Events:
        found = told_frame(frame)
        if found.event == "data" and found.channel.startswith((_DIFF, _TOP)):
            return self._on_book(book_frame(frame))
        if found.event == "trade" and found.channel.startswith(_TRADES):
            return _on_trade(trade_frame(frame))
        if found.event in ("data", "trade"):
            return (Unknown(found.channel.rpartition("_")[0] or found.event),)
        return control(found)


def _on_top(f: BookFrame) -> Events:
    """The first levels of the hundred. One side alone is no top, nor are sides that cross: "a snapshot may occasionally
    show the best bid ≥ best ask", which "will self-correct within the next message"."""
    if not f.channel.startswith(_TOP):
        return (Unknown(f.channel.rpartition("_")[0]),)
    bids, asks = bytes(f.data.bids), bytes(f.data.asks)
    end_of_bid, end_of_ask = bids.find(b"]") + 1, asks.find(b"]") + 1
    if bids[:1] != b"[" or asks[:1] != b"[":
        raise ValueError("no arrays of levels")
    if bids[1:end_of_bid] == b"]" or asks[1:end_of_ask] == b"]":
        return ()
    (bid, bid_size), (ask, ask_size) = level(bids[1:end_of_bid]), level(asks[1:end_of_ask])
    if _is_not_below(bid, ask):
        return ()
    version = f.data.micros
    symbol = f.channel[len(_TOP) :]
    return (TopUpdate(symbol, bid, bid_size, ask, ask_size, version, version * MICROSECOND),)


def _is_not_below(bid: str, ask: str) -> bool:
    """Of two plain decimal texts; other texts, which the core refuses, are compared as texts."""
    whole_bid, _, rest_bid = bid.partition(".")
    whole_ask, _, rest_ask = ask.partition(".")
    return (len(whole_bid), whole_bid, rest_bid.rstrip("0")) >= (len(whole_ask), whole_ask, rest_ask.rstrip("0"))


def _on_trade(f: TradeFrame) -> Events:
    if not f.channel.startswith(_TRADES):
        return (Unknown(f.channel.rpartition("_")[0]),)
    d = f.data
    symbol, at = f.channel[len(_TRADES) :], d.micros * MICROSECOND
    return (Trade(symbol, str(d.trade_id), d.price, d.size, _SIDES[d.type], at),)
