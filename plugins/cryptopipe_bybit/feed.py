"""Bybit v5's public streams: orderbook, publicTrade, tickers; spot, linear and inverse.

Enters: frames `{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":…,"data":{"s":…,"b":[…],"a":[…],"u":…,"seq":…}}`.
Leaves: events, levels unread, and a resync of the one book whose update ids skip. Never: a delta applied twice, or an
error that is no `ProtocolError`.

Read for it: bybit-exchange.github.io/docs/v5, pages ws/connect and websocket/public/{orderbook,full-ob,trade,ticker},
on 2026-11-21 in copies kept in public repositories (orderbook's of 2026-03 or later, full-ob's of 2026-07-02).
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
from cryptopipe_bybit.market import (
    LINEAR,
    MARKETS,
    MILLISECOND,
    SPOT,
    TOPICS,
    UNREADABLE,
    VENUE,
    Naming,
    contract_name,
    spelling_of,
    spot_name,
)
from cryptopipe_bybit.wire import DepthFrame, Other, depth_frame, other, ticker_frame, top_frame, trade_frame

_ORDERBOOK, _NINE, _DOT = b"o9."  # stand at 10, 20, 21 in `{"topic":"orderbook.1.BTCUSDT"`
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_SHAPES = tuple(
    f'{{"topic":"orderbook.{depth}.<any>","type":"delta","ts":{ts},"data":{{"s":"<symbol>","b":<bids>,"a":<asks>,'
    f'"u":<count>,"seq":<version>}}{cts}}}'
    for ts, cts in (("<number>", ',"cts":<ms>'), ("<ms>", ""))
    for depth in (50, 200, 500, 1000)
)

Events = tuple[FeedEvent | Resync, ...]


class _Line:
    """What a connection knows of one symbol: its name in the venue, and the update id that must come next."""

    __slots__ = ("count", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = Count()


class BybitFeed:
    """One connection of one market. `naming` makes the symbols of its endpoint unique in the venue.

    That `u` grows by one is what v3's page says of this stream ("is always in sequence"), v5's of `orderbook.full` ("It
    is consecutive") and of the binary level 50 ("Useful to check continuity"); v5's page on `orderbook` is silent, and
    the venue's own archive keeps to it. `seq` skips, but it is what all depths of a symbol share: "You can use this
    field to compare different levels orderbook data, and for the smaller seq, then it means the data is generated
    earlier". So `u` proves the stream and `seq` is the version, with which level 1 is the newer top.

    `{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1687940967466,"data":{"s":"BTCUSDT","b":[["30247.20","30.028"]],
    "a":[["30248.70","0"]],"u":177400507,"seq":66544703342},"cts":1687940967464}`
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        note="the codec checks that u grows by one in each topic; versions are seq, which all depths share",
    )

    def __init__(self, naming: Naming = contract_name) -> None:
        self._naming = naming
        self._lines: dict[str, _Line] = {}
        self.lane = Lane(self.rule.level_format, _SHAPES, counted=True)

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One request an instrument: a topic that the venue does not know fails its whole request, and spot takes ten
        topics a request. Raises `ProtocolError` if the subscriptions are of several markets; `split` parts them.

        "we recommend that you send the ping heartbeat packet every 20 seconds" (docs/v5/ws/connect, 2026-11-21).
        """
        markets = {MARKETS[s.instrument.kind].category: MARKETS[s.instrument.kind] for s in subscriptions}
        if len(markets) > 1:
            raise ProtocolError(f"one connection carries one market, not {' and '.join(sorted(markets))}", where=VENUE)
        market = next(iter(markets.values()), LINEAR)
        self._naming = spot_name if market is SPOT else contract_name
        self._lines.clear()
        self.lane.disarm()
        topics: dict[str, dict[str, None]] = {}
        for s in subscriptions:
            spelling = spelling_of(s.instrument.book_of or s.instrument.symbol)
            topics.setdefault(spelling, {})[f"{TOPICS[s.channel]}.{spelling}"] = None
        requests = tuple(_request("subscribe", spelling, *args) for spelling, args in topics.items())
        again = {
            s.instrument.symbol: _again(spelling_of(s.instrument.book_of or s.instrument.symbol))
            for s in subscriptions
            if s.channel is Channel.DEPTH
        }
        return Connect(market.url, requests, ping_every_s=20, ping_text='{"op":"ping"}', resubscribe=again)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once where its first bytes tell the topic; else read again by its own topic."""
        try:
            if frame[10] == _ORDERBOOK and frame[20] <= _NINE:
                if frame[21] == _DOT:
                    return self._on_top(frame)
                f = depth_frame(frame)
                d = f.data
                line = self._lines.get(d.symbol)
                if line is not None and d.update == line.count.next and f.type == "delta":
                    count = self.lane.count = line.count
                    count.next, count.version = d.update + 1, d.seq
                    seq = d.seq
                    return (BookDelta(line.name, d.bids, d.asks, seq, seq, 0, (f.cts or f.ts) * MILLISECOND),)
                return self._on_depth(f)
        except UNREADABLE:
            pass  # not that shape after all
        try:
            return self._other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _line(self, symbol: str) -> _Line:
        line = self._lines.get(symbol)
        if line is None:
            line = self._lines[symbol] = _Line(self._naming(symbol))
        return line

    def _on_depth(self, f: DepthFrame) -> Events:
        """A snapshot starts the count, wherever it stands (with `u` 1 after a restart of the venue's service).

        A delta that was there yields nothing. One whose id skips, or starts again without a snapshot, yields a resync
        of its book and then its own event. Before the first snapshot there is nothing to compare with.
        """
        d, at = f.data, (f.cts or f.ts) * MILLISECOND
        line = self._line(d.symbol)
        count = self.lane.count = line.count
        expected, before = count.next, count.version
        if f.type == "snapshot":
            count.next, count.version = d.update + 1, d.seq
            return (BookSnapshot(line.name, d.bids, d.asks, d.seq, at),)
        if d.update < expected and d.seq <= before:
            return ()
        count.next, count.version = d.update + 1, d.seq
        delta = BookDelta(line.name, d.bids, d.asks, d.seq, d.seq, 0, at)
        if expected < 0 or d.update == expected:
            return (delta,)
        reason = f"sequence gap on {VENUE}:{line.name}: expected {expected}, got {d.update}"
        return (Resync(line.name, reason), delta)

    def _on_top(self, frame: Frame) -> Events:
        """Level 1 "has snapshot message only", and is sent again after 3 s without a change. A book with an empty side
        has no top to tell."""
        f = top_frame(frame)
        d = f.data
        if not d.bids or not d.asks:
            return ()
        (bid, bid_size), (ask, ask_size) = d.bids[0], d.asks[0]
        time = (f.cts or f.ts) * MILLISECOND
        return (TopUpdate(self._line(d.symbol).name, bid, bid_size, ask, ask_size, d.seq, time),)

    def _on_trades(self, frame: Frame) -> Events:
        """`S` is the "side of taker". A block trade was agreed outside the book; it tells no market price. `ts` is when
        "the system generates the data", `T` when "the order is filled"."""
        f = trade_frame(frame)
        at = f.ts * MILLISECOND
        return tuple(
            Notice("trade", f"{self._line(p.symbol).name} block")
            if p.is_block
            else Trade(self._line(p.symbol).name, p.trade_id, p.price, p.size, _SIDES[p.side], at, p.time * MILLISECOND)
            for p in f.data
        )

    def _on_ticker(self, frame: Frame) -> Events:
        """A delta leaves out what has not changed; one that does not tell the whole top tells none, for nothing is kept
        of it. Spot tickers never do. Version 0: the pages say of `seq`, and not of the ticker's `cs`, that it compares
        with the depths'; so level 1 is what is subscribed to.
        """
        f = ticker_frame(frame)
        t = f.data
        if not (t.bid and t.bid_size and t.ask and t.ask_size):
            return ()
        name = self._line(t.symbol).name
        return (TopUpdate(name, t.bid, t.bid_size, t.ask, t.ask_size, 0, f.ts * MILLISECOND),)

    def _other(self, frame: Frame) -> Events:
        found = other(frame)
        kind, _, rest = found.topic.partition(".")
        if kind == "publicTrade":
            return self._on_trades(frame)
        if kind == "tickers":
            return self._on_ticker(frame)
        depth = rest.partition(".")[0]
        if kind == "orderbook" and depth == "1" and found.type == "snapshot":
            return self._on_top(frame)
        if kind == "orderbook" and depth != "1" and depth.isdecimal():
            return self._on_depth(depth_frame(frame))
        if kind:
            return (Unknown(f"{kind}.{depth}" if kind == "orderbook" else kind),)
        return _answer(found)


def _request(op: str, spelling: str, *topics: str) -> str:
    return msgspec.json.encode({"req_id": spelling, "op": op, "args": topics}).decode()


def _again(spelling: str) -> tuple[str, str]:
    """A subscription to what is subscribed to is refused: the topic is ended before. Its snapshot starts the count."""
    topic = f"{TOPICS[Channel.DEPTH]}.{spelling}"
    return (_request("unsubscribe", spelling, topic), _request("subscribe", spelling, topic))


def _answer(found: Other) -> Events:
    """`{"success":true,"ret_msg":"pong","conn_id":"…","op":"ping"}`, and the same form for subscriptions."""
    if found.op in ("ping", "pong"):
        return (Heartbeat(),)
    if found.success is None:
        return (Unknown(found.op),)
    return (Notice(found.op or "answer", " ".join(filter(None, (found.req_id, found.ret_msg))), ok=found.success),)
