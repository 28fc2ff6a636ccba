"""Kraken's simulated side against our codecs, a client written from the documentation, recorded frames and refusals."""

import json
import zlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RECORDINGS, needs_recordings, read_lines

import cryptopipe_kraken as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    HangUp,
    HttpRequest,
    HttpResponse,
    Instrument,
    LevelChange,
    Nanos,
    ProtocolError,
    RateLimited,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    Trade,
    TradePrint,
    Unknown,
    VenueError,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing import spot
from cryptopipe_kraken.metadata import instruments
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_text import checksum, mantissa
from cryptopipe_kraken.sandbox_v1 import WORDS as V1
from cryptopipe_kraken.sandbox_v2 import WORDS as V2

PLUGIN = plugins.kraken
V1_DIALECT = next(dialect for dialect in PLUGIN.dialects if dialect.name == "v1")
CORPUS = Path(plugins.__file__).parent / "frames"
US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
FIND = PLUGIN.instruments.find
DEPTHS = (10, 25, 100, 500, 1000)
MIDDLE = 620_000

Levels = list[tuple[Decimal, Decimal]]
Rows = Sequence[tuple[int, int]]
Frame = Any


class Exchange:
    """Books under random orders, the simulated venue over them, and what each book was after each instant."""

    def __init__(self, *symbols: str, each_side: int = 140, seed: int = 5) -> None:
        self.at = T
        self._random = Random(seed)
        self.engines = {symbol: Engine(FIND(symbol)) for symbol in symbols}
        assert PLUGIN.sandbox is not None
        self.venue: SandboxVenue = PLUGIN.sandbox(self.engines)
        self._truth: dict[tuple[str, int], tuple[Rows, Rows]] = {}
        self._orders: dict[str, list[int]] = {symbol: [] for symbol in symbols}
        for symbol, engine in self.engines.items():
            for distance in range(2, 2 * each_side + 1, 2):
                for side, price in ((Side.BUY, MIDDLE - distance), (Side.SELL, MIDDLE + distance)):
                    self._orders[symbol].append(engine.limit(side, price, 100_000 + distance, T).order_id)
            self._note(symbol)

    def step(self, orders: int = 4) -> None:
        """Some orders, each at its own microsecond."""
        self.at += STEP
        for symbol in self.engines:
            for number in range(orders):
                self._order(symbol, self.at - (orders - number) * US)
                self._note(symbol)

    def _order(self, symbol: str, at: Nanos) -> None:
        random, engine, resting = self._random, self.engines[symbol], self._orders[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        match random.randrange(12):
            case 0 | 1:
                engine.take(side, random.randrange(1, 300_000), at)
            case 2 | 3 | 4 | 5 | 6 if len(resting) > 200:
                engine.cancel(resting.pop(random.randrange(len(resting))), at)
            case 7:
                engine.limit(side, MIDDLE + random.randrange(-8, 8), random.randrange(1, 400_000), at)
            case _:
                distance = random.randrange(1, 320) * (-1 if side is Side.BUY else 1)
                placed = engine.limit(side, MIDDLE + distance, random.randrange(1, 500_000), at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def _note(self, symbol: str) -> None:
        engine = self.engines[symbol]
        bids, asks = (engine.levels(side, 10**6) for side in Side)
        self._truth[symbol, engine.changed_at // US] = bids, asks

    def truth(self, symbol: str, micros: int) -> tuple[Levels, Levels]:
        """The book as it was after all that happened in this microsecond."""
        rules = self.engines[symbol].instrument.rules
        assert rules is not None
        bids, asks = ([(price * rules.tick, size * rules.step) for price, size in rows]
                      for rows in self._truth[symbol, micros])  # fmt: skip
        return bids, asks

    def now(self, symbol: str) -> tuple[Levels, Levels]:
        """Where a snapshot stands; v1's does not say when: what was removed last has left no stamp."""
        return self.truth(symbol, self.engines[symbol].changed_at // US)

    def open(self, path: str) -> SandboxSession:
        session = self.venue.open(path, self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def get(self, path: str) -> Any:
        answer = self.venue.answer(HttpRequest("GET", f"/0/public/{path}"), self.at)
        assert answer.status == 200
        return json.loads(answer.body)


def said(session: SandboxSession, at: Nanos) -> list[str]:
    return [one.text for one in session.publish(at) if isinstance(one, Say)]


def run(exchange: Exchange, session: SandboxSession, ms: int, orders: int = 4) -> list[Frame]:
    """All that the session says in this time."""
    frames: list[Frame] = []
    for _ in range(ms * MS // STEP):
        exchange.step(orders)
        frames += [json.loads(text) for text in said(session, exchange.at)]
    return frames


def ask(exchange: Exchange, session: SandboxSession, **request: object) -> None:
    assert not list(session.receive(json.dumps(request), exchange.at))


def answers(path: str, *texts: str) -> list[Frame]:
    """What a fresh connection hears after these texts, without its greeting."""
    exchange = Exchange("BTC/USD", each_side=12)
    session = exchange.open(path)
    for text in texts:
        assert not list(session.receive(text, exchange.at))
    return run(exchange, session, 50, orders=0)[1:]


# Checksums: the documentation's examples and the recorded stream.


def test_the_documented_example_of_v2_is_written_byte_for_byte() -> None:
    """guides/websockets/book-checksum-v2 (2026-11-21): checksum 3310070434."""
    expected = (CORPUS / "book_snapshot.json").read_text().strip()
    data = json.loads(expected, parse_float=Decimal)["data"][0]
    rows = {
        side: [(int(one["price"] * 10), int(one["qty"] * 10**8)) for one in data[side]] for side in ("bids", "asks")
    }
    desk = desk_of(Tape(FIND("BTC/USD"), rows["bids"], rows["asks"], 1_696_613_755_440_295 * US))
    assert '"checksum":3310070434' in expected
    assert desk.book_stream(V2, 10).snapshot(0) == expected


def test_the_documented_example_of_v1_has_the_documented_checksum() -> None:
    """guides/websockets/book-checksum-v1 (2026-11-21): ten levels a side of 0.00000500, checksum 974947235."""
    asks = (
        "0.05005",
        "0.05010",
        "0.05015",
        "0.05020",
        "0.05025",
        "0.05030",
        "0.05035",
        "0.05040",
        "0.05045",
        "0.05050",
    )
    bids = (
        "0.05000",
        "0.04995",
        "0.04990",
        "0.04980",
        "0.04975",
        "0.04970",
        "0.04965",
        "0.04960",
        "0.04955",
        "0.04950",
    )
    texts = ([mantissa(price) + mantissa("0.00000500") for price in side] for side in (asks, bids))
    assert checksum(*texts) == 974947235


class Tape:
    """A book whose changes are given, as `SimulatedBook` has it."""

    def __init__(self, instrument: Instrument, bids: Rows = (), asks: Rows = (), at: Nanos = 0) -> None:
        self.instrument, self.changed_at = instrument, at
        self.number = 0
        self._levels = {Side.BUY: bids, Side.SELL: asks}
        self._changes: list[LevelChange] = []

    def levels(self, side: Side, count: int) -> Sequence[tuple[int, int]]:
        return self._levels[side][:count]

    def changes(self, after: int) -> Sequence[LevelChange]:
        return self._changes[after:]

    def trades(self, after: int) -> Sequence[TradePrint]:
        return ()

    def change(self, side: Side, price: int, size: int, at: Nanos) -> None:
        self.number, self.changed_at = self.number + 1, at
        self._changes.append(LevelChange(self.number, at, side, price, size))


def desk_of(tape: Tape, index: int = 1) -> Desk:
    assert tape.instrument.rules is not None
    return Desk(tape, tape.instrument.rules, index)


@needs_recordings
@pytest.mark.parametrize(("pair", "tick", "index"), [("XBT/CHF", "0.1", 29), ("ETH/CHF", "0.01", 31)])
def test_recorded_updates_of_v1_are_written_byte_for_byte(pair: str, tick: str, index: int) -> None:
    """Kraken's own frames, checksums and channel ids of 2021-04-17."""
    instrument = spot("kraken", pair, symbol=pair.replace("XBT", "BTC"), tick=tick, step="0.00000001")
    raw = [line["raw"] for line in read_lines("kraken/v1_book1000_trade_ticker_20210417.jsonl.gz")]
    snapshot, *updates = [text for text in raw if text.endswith(f'"book-1000","{pair}"]')]

    def scaled(row: list[str]) -> tuple[int, int]:
        return int(Decimal(row[0]) / Decimal(tick)), int(Decimal(row[1]) * 10**8)

    whole = json.loads(snapshot)[1]
    tape = Tape(instrument, [scaled(row) for row in whole["bs"]], [scaled(row) for row in whole["as"]])
    desk = desk_of(tape, index)
    stream = desk.book_stream(V1, 1000)
    for text in updates:
        for part in json.loads(text)[1:-2]:
            for name, side in (("a", Side.SELL), ("b", Side.BUY)):
                for row in part.get(name, ()):
                    tape.change(side, *scaled(row), int(row[2].replace(".", "")) * US)
        before = stream.count
        desk.advance()
        assert list(stream.since(before) or ()) == [text]
    assert len(updates) > 100


# Books: our own side, and a client that keeps the documented rule.


class Follower:
    """Our codec and a sync for each book, fed by one connection."""

    def __init__(self, exchange: Exchange, dialect: str) -> None:
        self.codec = PLUGIN.feed() if dialect == "v2" else V1_DIALECT.feed()
        wanted = [
            Subscription(one.instrument, channel) for one in exchange.engines.values() for channel in USUAL_CHANNELS
        ]
        self.connect = self.codec.connect(wanted, None, T)
        self.exchange = exchange
        self.session = exchange.open("/" + self.connect.url.removeprefix("wss://ws.kraken.com").lstrip("/"))
        self.syncs = {symbol: BookSync(FIND(symbol), self.codec.rule) for symbol in exchange.engines}
        self.trades: list[Trade] = []
        self.checked = self.snapshots = 0
        for sync in self.syncs.values():
            sync.open()
        for text in self.connect.frames:
            self.send(text)

    def send(self, text: str) -> None:
        assert not list(self.session.receive(text, self.exchange.at))

    def listen(self) -> None:
        for text in said(self.session, self.exchange.at):
            for event in self.codec.decode(text.encode(), self.exchange.at):
                assert not isinstance(event, Unknown), text
                if isinstance(event, Trade):
                    self.trades.append(event)
                if isinstance(event, BookSnapshot | BookDelta):
                    self._book(event, text)

    def _book(self, event: BookSnapshot | BookDelta, text: str) -> None:
        symbol = event.symbol.replace("XBT", "BTC")
        sync = self.syncs[symbol]
        if isinstance(event, BookSnapshot):
            self.snapshots += 1
        outcome = sync.snapshot(event, 0) if isinstance(event, BookSnapshot) else sync.delta(event, 0)
        assert not isinstance(outcome, Resync), (outcome, text)
        if sync.state is BookState.LIVE:
            is_whole = isinstance(event, BookSnapshot)
            bids, asks = self.exchange.now(symbol) if is_whole else self.exchange.truth(symbol, event.event_time // US)
            assert list(sync.book.levels(True)) == bids, text
            assert list(sync.book.levels(False)) == asks, text
            self.checked += 1


@pytest.mark.parametrize("dialect", ["v2", "v1"])
def test_our_side_holds_the_engines_book_after_every_frame(dialect: str) -> None:
    exchange = Exchange("BTC/USD", "ETH/BTC", each_side=60)
    follower = Follower(exchange, dialect)
    for _ in range(300):
        exchange.step()
        follower.listen()
    assert follower.checked > 2 * 300
    assert follower.snapshots == 2
    for symbol, sync in follower.syncs.items():
        assert (sync.state, sync.gaps, sync.resyncs) == (BookState.LIVE, 0, 1)
        rules, printed = FIND(symbol).rules, exchange.engines[symbol].trades(0)
        assert rules is not None
        since = [one for one in printed if one.at > T + 7 * STEP]
        heard = [one for one in follower.trades if one.symbol.replace("XBT", "BTC") == symbol][-len(since) :]
        assert len(since) > 50
        assert [(Decimal(one.price), Decimal(one.size), one.side) for one in heard] == [
            (one.price * rules.tick, one.size * rules.step, one.side) for one in since
        ]


@pytest.mark.parametrize("dialect", ["v2", "v1"])
def test_the_codecs_own_texts_bring_a_lost_book_back_on_the_same_connection(dialect: str) -> None:
    exchange = Exchange("BTC/USD", "SOL/USD", each_side=40)
    follower = Follower(exchange, dialect)
    for _ in range(40):
        exchange.step()
        follower.listen()
    lost, other = follower.syncs["BTC/USD"], follower.syncs["SOL/USD"]
    lost.lose("asked by the test")
    for text in follower.connect.resubscribe["BTC/USD"]:
        follower.send(text)
    for _ in range(40):
        exchange.step()
        follower.listen()
    assert (lost.state, other.state) == (BookState.LIVE, BookState.LIVE)
    assert (follower.snapshots, other.resyncs) == (3, 1)


class Keeper:
    """A client written from guides/websockets/book-checksum-v2 and -v1: texts in, texts kept, cut to the depth."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}

    def take(self, frame: Frame) -> None:
        if isinstance(frame, dict):
            data = frame["data"][0]
            if frame["type"] == "snapshot":
                self.sides = {"bids": {}, "asks": {}}
            rows = {side: [(one["price"], one["qty"]) for one in data[side]] for side in self.sides}
            self._apply(rows)
            assert self.checksum() == int(data["checksum"])
            return
        parts = {name: rows for part in frame[1:-2] for name, rows in part.items()}
        if "as" in parts:
            self.sides = {"bids": {}, "asks": {}}
        bids, asks = parts.get("b", parts.get("bs", [])), parts.get("a", parts.get("as", []))
        self._apply({"bids": [row[:2] for row in bids], "asks": [row[:2] for row in asks]})
        assert ("c" in parts) == ("as" not in parts)
        if "c" in parts:
            assert self.checksum() == int(parts["c"])

    def _apply(self, rows: dict[str, Any]) -> None:
        for side, levels in rows.items():
            at_once = self._cut(side, {**self.sides[side], **dict(levels)})
            for price, size in levels if self.sides[side] else ():
                self.sides[side] = self._cut(side, {**self.sides[side], price: size})
            assert not self.sides[side] or self.sides[side] == at_once
            self.sides[side] = at_once

    def _cut(self, side: str, kept: dict[str, str]) -> dict[str, str]:
        """Some clients do it after each level, the documentation after each update."""
        alive = [price for price, size in kept.items() if Decimal(size)]
        alive.sort(key=Decimal, reverse=side == "bids")
        return {price: kept[price] for price in alive[: self.depth]}

    def checksum(self) -> int:
        top = [one for side in ("asks", "bids") for one in list(self.sides[side].items())[:10]]
        return zlib.crc32("".join(text.replace(".", "").lstrip("0") for row in top for text in row).encode())

    def levels(self, side: str) -> Levels:
        return [(Decimal(price), Decimal(size)) for price, size in self.sides[side].items()]


def subscribe(exchange: Exchange, session: SandboxSession, path: str, depth: int) -> None:
    if path == "/v2":
        ask(exchange, session, method="subscribe", params={"channel": "book", "symbol": ["BTC/USD"], "depth": depth})
    else:
        ask(exchange, session, event="subscribe", pair=["XBT/USD"], subscription={"name": "book", "depth": depth})


def is_book(frame: Frame) -> bool:
    return frame[-2].startswith("book") if isinstance(frame, list) else frame.get("channel") == "book"


def whole(frame: Frame) -> bool:
    return "as" in frame[1] if isinstance(frame, list) else frame["type"] == "snapshot"


def instant(frame: Frame) -> int:
    """Microseconds of what the frame says last."""
    if isinstance(frame, list):
        rows = [row for part in frame[1:-2] for name, rows in part.items() if name != "c" for row in rows]
        return max(int(row[2].replace(".", "")) for row in rows)
    return round(datetime.fromisoformat(frame["data"][0]["timestamp"]).timestamp() * 10**6)


@pytest.mark.parametrize("path", ["/v2", "/"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_client_that_keeps_the_documented_rule_holds_the_best_levels(path: str, depth: int) -> None:
    exchange = Exchange("BTC/USD", each_side=120)
    session, keeper, updates = exchange.open(path), Keeper(depth), 0
    subscribe(exchange, session, path, depth)
    for _ in range(150):
        exchange.step()
        for text in said(session, exchange.at):
            frame = json.loads(text, parse_float=str)
            if is_book(frame):
                keeper.take(frame)
                bids, asks = exchange.now("BTC/USD") if whole(frame) else exchange.truth("BTC/USD", instant(frame))
                assert (keeper.levels("bids"), keeper.levels("asks")) == (bids[:depth], asks[:depth])
                updates += 1
    assert updates > 60


def test_a_level_that_comes_into_view_is_marked_in_v1() -> None:
    """spot-websocket-v1/book (2026-11-21): a republished level has a fourth element, `"r"`."""
    tape = Tape(FIND("BTC/USD"), [(600_000 - n, 1) for n in range(12)], [(600_100 + n, 2) for n in range(12)], T)
    desk = desk_of(tape)
    stream = desk.book_stream(V1, 10)
    tape.change(Side.BUY, 599_995, 0, T + MS)
    desk.advance()
    (text,) = stream.since(0) or ()
    assert json.loads(text)[1]["b"] == [
        ["59999.50000", "0.00000000", "1791365004.405000"],
        ["59999.00000", "0.00000001", "1791365004.404000", "r"],
    ]


def test_what_happens_below_the_depth_is_not_told() -> None:
    tape = Tape(FIND("BTC/USD"), [(600_000 - n, 1) for n in range(12)], [(600_100 + n, 2) for n in range(12)], T)
    desk = desk_of(tape)
    shallow, deep = desk.book_stream(V2, 10), desk.book_stream(V2, 25)
    for turn, size in enumerate((7, 0), 1):
        tape.change(Side.SELL, 600_111, size, T + turn * MS)
        desk.advance()
        assert (shallow.count, deep.count) == (0, turn)


def test_the_changes_of_one_instant_are_one_update_of_what_came_of_them() -> None:
    """Only what differs afterwards is told, and a level that came into view though it changed back."""
    tape = Tape(FIND("BTC/USD"), [(600_000 - n, 1) for n in range(12)], [(600_100 + n, 2) for n in range(12)], T)
    desk = desk_of(tape)
    stream = desk.book_stream(V2, 10)
    for price, size in ((599_990, 5), (599_999, 3), (599_990, 1), (600_000, 0), (599_999, 1)):
        tape.change(Side.BUY, price, size, T + MS)
    desk.advance()
    (text,) = stream.since(0) or ()
    told = json.loads(text, parse_float=str)["data"][0]
    assert told["asks"] == []
    assert [(one["price"], one["qty"]) for one in told["bids"]] == [
        ("60000.0", "0.00000000"),
        ("59999.0", "0.00000001"),
    ]


def test_two_connections_hear_the_same_frames() -> None:
    exchange = Exchange("BTC/USD")
    first, second = exchange.open("/v2"), exchange.open("/v2")
    for session in (first, second):
        subscribe(exchange, session, "/v2", 100)
        run(exchange, session, 50, orders=0)
    heard: tuple[list[str], list[str]] = ([], [])
    for _ in range(100):
        exchange.step()
        for session, texts in zip((first, second), heard, strict=True):
            texts += said(session, exchange.at)
    assert heard[0] == heard[1]
    assert len(heard[0]) > 100


def test_a_connection_that_was_not_stepped_for_longer_than_the_tape_gets_a_snapshot() -> None:
    exchange = Exchange("BTC/USD")
    session = exchange.open("/v2")
    subscribe(exchange, session, "/v2", 10)
    run(exchange, session, 50)
    for _ in range(3):
        exchange.at += 40 * SECOND
        exchange.step(200)
    (frame,) = [json.loads(text) for text in said(session, exchange.at)]
    assert (frame["channel"], frame["type"]) == ("book", "snapshot")


# Requests, answers and refusals.


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_nothing_is_said_at_once_and_data_follows_the_acknowledgement(path: str) -> None:
    exchange = Exchange("BTC/USD")
    session = exchange.open(path)
    assert run(exchange, session, 50, orders=0)[0].get("channel", "systemStatus") in ("status", "systemStatus")
    subscribe(exchange, session, path, 10)
    assert run(exchange, session, 25) == []
    acknowledged, snapshot = run(exchange, session, 5)[:2]
    assert acknowledged.get("success") is True or acknowledged["status"] == "subscribed"
    assert is_book(snapshot)
    assert whole(snapshot)


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_whoever_subscribes_twice_is_refused_and_after_unsubscribing_gets_a_fresh_snapshot(path: str) -> None:
    exchange = Exchange("BTC/USD")
    session = exchange.open(path)
    subscribe(exchange, session, path, 10)
    run(exchange, session, 50)
    subscribe(exchange, session, path, 10)
    (refusal,) = [one for one in run(exchange, session, 50) if not is_book(one)]
    assert refusal.get("error", refusal.get("errorMessage")) == "Already subscribed"
    if path == "/v2":
        ask(exchange, session, method="unsubscribe", params={"channel": "book", "symbol": ["BTC/USD"]})
    else:
        ask(exchange, session, event="unsubscribe", pair=["XBT/USD"], subscription={"name": "book", "depth": 10})
    left = run(exchange, session, 100)
    at = next(n for n, frame in enumerate(left) if not is_book(frame))
    assert left[at].get("method", left[at].get("status")) in ("unsubscribe", "unsubscribed")
    assert left[at + 1 :] == []
    subscribe(exchange, session, path, 10)
    acknowledged, snapshot, *updates = run(exchange, session, 200)
    assert not is_book(acknowledged)
    keeper = Keeper(10)
    for frame in (snapshot, *updates):
        keeper.take(json.loads(json.dumps(frame), parse_float=str) if path == "/" else frame_text(frame))
    assert updates


def frame_text(frame: Frame) -> Frame:
    """With the digits that a float has lost: eight of the size, one of the price."""
    data = frame["data"][0]
    for side in ("bids", "asks"):
        data[side] = [{"price": f"{one['price']:.1f}", "qty": f"{one['qty']:.8f}"} for one in data[side]]
    return frame


V2_REFUSALS = [
    (
        '{"method":"subscribe","params":{"channel":"ticker","symbol":["BOGUS/NOPE"]},"req_id":7}',
        '{"error":"Currency pair not supported BOGUS/NOPE","method":"subscribe","req_id":7,"success":false,'
        '"symbol":"BOGUS/NOPE","time_in":"2026-07-07T17:23:59.172238Z","time_out":"2026-07-07T17:23:59.172284Z"}',
    ),
    (
        '{"method":"subscribe","params":{"channel":"trade","symbol":["XBT/USD"]}}',
        '{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD",'
        '"time_in":"2018-11-12T21:14:59.545897Z","time_out":"2018-11-12T21:14:59.545901Z"}',
    ),
    (
        '{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":27,"snapshot":true}}',
        '{"error":"Subscription depth not supported","method":"subscribe","success":false,'
        '"time_in":"2026-08-16T23:54:19.629313Z","time_out":"2026-08-16T23:54:19.629343Z"}',
    ),
    (
        '{"method":"subscribe","params":{"channel":"nonsense","symbol":["BTC/USD"]}}',
        '{"error":"Subscription name invalid","method":"subscribe","success":false,"time_in":"","time_out":""}',
    ),
    ("{broken", '{"error":"Malformed request","method":"error","success":false,"time_in":"","time_out":""}'),
]
"""Requests and the venue's answers, as kept in public repositories and `errors.json` (read 2026-11-21)."""

V1_REFUSALS = [
    (
        '{"event":"subscribe","pair":["XBT-USDT"],"subscription":{"name":"ticker"}}',
        '{"errorMessage":"Currency pair not in ISO 4217-A3 format XBT-USDT","event":"subscriptionStatus",'
        '"pair":"XBT-USDT","status":"error","subscription":{"name":"ticker"}}',
    ),
    (
        '{"event":"subscribe","reqid":1,"pair":["MAG/USD"],"subscription":{"name":"book"}}',
        '{"errorMessage":"Currency pair not supported MAG/USD","event":"subscriptionStatus","pair":"MAG/USD",'
        '"reqid":1,"status":"error","subscription":{"name":"book"}}',
    ),
    (
        '{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"fake"}}',
        '{"errorMessage":"Subscription name invalid","event":"subscriptionStatus","pair":"XBT/USD","status":"error",'
        '"subscription":{"name":"fake"}}',
    ),
    (
        '{"event":"subscribe","pair":"XBT/USD","subscription":{"name":"trade"}}',
        '{"errorMessage":"Pair field must be an array","event":"subscriptionStatus","pair":"XBT/USD",'
        '"status":"error","subscription":{"name":"trade"}}',
    ),
    (
        '{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","interval":30}}',
        '{"errorMessage":"Subscription book doesn\'t require interval","event":"subscriptionStatus","pair":"XBT/USD",'
        '"status":"error","subscription":{"name":"book","interval":30}}',
    ),
    (
        '{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"ohlc","interval":20}}',
        '{"errorMessage":"Subscription ohlc interval not supported","event":"subscriptionStatus","pair":"XBT/USD",'
        '"status":"error","subscription":{"name":"ohlc","interval":20}}',
    ),
    (
        '{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":20}}',
        '{"errorMessage":"Subscription depth not supported","event":"subscriptionStatus","pair":"XBT/USD",'
        '"status":"error","subscription":{"name":"book","depth":20}}',
    ),
    ('{"event":"subscribed","pair":["XBT/USD"]}', '{"errorMessage":"Unsupported event","event":"error"}'),
    ("{broken", '{"errorMessage":"Malformed request","event":"error"}'),
    ('{"event":"ping","reqid":42}', '{"event":"pong","reqid":42}'),
]
"""Requests and the venue's answers, as its live tests in public repositories have them (read 2026-11-21)."""


@pytest.mark.parametrize(("request_text", "expected"), V2_REFUSALS)
def test_v2_refuses_as_the_venue_does(request_text: str, expected: str) -> None:
    (answer,) = answers("/v2", request_text)
    wanted = json.loads(expected)
    assert list(answer) == list(wanted)
    for frame in (answer, wanted):
        del frame["time_in"], frame["time_out"]
    assert answer == wanted


@pytest.mark.parametrize(("request_text", "expected"), V1_REFUSALS)
def test_v1_refuses_as_the_venue_does(request_text: str, expected: str) -> None:
    (answer,) = answers("/", request_text)
    assert answer == json.loads(expected)
    assert list(answer) == list(json.loads(expected))


KEYS = ("method", "event", "params", "channel", "symbol", "pair", "subscription", "name", "depth", "snapshot", "req_id",
        "reqid", "event_trigger", "interval")  # fmt: skip
WORDS = (
    "subscribe",
    "unsubscribe",
    "ping",
    "book",
    "trade",
    "ticker",
    "ohlc",
    "instrument",
    "BTC/USD",
    "XBT/USD",
    "bbo",
    "",
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text()
values = st.recursive(
    leaves | st.sampled_from((10, 10.0)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
words = st.sampled_from(WORDS)
wanted = st.fixed_dictionaries(
    {"channel": words | values, "name": words | values},
    optional={
        "symbol": st.lists(words) | values,
        "depth": values,
        "interval": values,
        "snapshot": values,
        "event_trigger": values,
    },
)
requests = st.fixed_dictionaries(
    {"method": words, "event": words, "params": wanted, "pair": st.lists(words) | values, "subscription": wanted},
    optional={"req_id": values, "reqid": values},
)


@settings(max_examples=200, deadline=None)
@given(requests | values, st.sampled_from(["/v2", "/"]))
def test_whatever_a_client_says_is_answered_and_the_connection_lives(value: Any, path: str) -> None:
    exchange = Exchange("BTC/USD", each_side=2)
    session = exchange.open(path)
    text = json.dumps(value)
    assert not list(session.receive(text, exchange.at))
    assert not list(session.receive(text[1:], exchange.at))
    list(session.receive('{"method":"ping","event":"ping","req_id":8,"reqid":8}', exchange.at))
    heard = run(exchange, session, 50, orders=0)
    assert any(frame.get("req_id", frame.get("reqid")) == 8 for frame in heard if isinstance(frame, dict))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["Time", "Assets", "AssetPairs", "Ticker", "Depth", "Trades", "OHLC", "[", ""]),
    st.dictionaries(
        st.sampled_from(["pair", "asset", "count", "since", "interval"]), st.sampled_from(WORDS) | st.text(max_size=20)
    ),
)
def test_whatever_is_asked_for_is_answered_with_a_result_or_an_error(path: str, query: dict[str, str]) -> None:
    request = HttpRequest("GET", f"/0/public/{path}?{urlencode(query, errors='replace')}")
    answer = json.loads(Exchange("BTC/USD", each_side=2).venue.answer(request, T).body)
    assert ("result" in answer) == (answer["error"] == [])


def test_one_bad_pair_does_not_spoil_the_others() -> None:
    request = {"channel": "trade", "symbol": ["NOPE/USD", "BTC/USD"]}
    refused, done = answers("/v2", json.dumps({"method": "subscribe", "params": request, "req_id": 3}))
    assert (refused["success"], refused["symbol"], done["success"]) == (False, "NOPE/USD", True)
    assert (refused["req_id"], done["req_id"]) == (3, 3)


def test_a_heartbeat_comes_after_each_silent_second_of_a_subscriber() -> None:
    """spot-websocket-v2/heartbeat (2026-11-21): "approximately once every second in the absence of any other"."""
    for path, expected in (("/v2", {"channel": "heartbeat"}), ("/", {"event": "heartbeat"})):
        exchange = Exchange("BTC/USD", each_side=12)
        session = exchange.open(path)
        assert len(run(exchange, session, 3000, orders=0)) == 1
        subscribe(exchange, session, path, 10)
        run(exchange, session, 50, orders=0)
        assert run(exchange, session, 3000, orders=0) == [expected] * 3


def test_a_connection_without_a_subscription_or_a_message_is_closed_after_a_minute() -> None:
    exchange = Exchange("BTC/USD", each_side=12)
    session = exchange.open("/v2")
    list(session.publish(T + 59 * SECOND))
    list(session.receive('{"method":"ping"}', T + 59 * SECOND))
    assert not [one for one in session.publish(T + 118 * SECOND) if isinstance(one, HangUp)]
    assert [one for one in session.publish(T + 119 * SECOND) if isinstance(one, HangUp)]


def test_connections_beyond_the_venues_limit_are_refused_until_its_span_has_passed() -> None:
    exchange = Exchange("BTC/USD", each_side=12)
    for _ in range(150):
        exchange.open("/v2")
    refused = exchange.venue.open("/v2", T + 100 * SECOND)
    assert isinstance(refused, HttpResponse)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "500")
    assert not isinstance(exchange.venue.open("/ws", T + 600 * SECOND), HttpResponse)


def test_an_unknown_path_is_no_websocket() -> None:
    refused = Exchange("BTC/USD", each_side=12).venue.open("/v3", T)
    assert isinstance(refused, HttpResponse)
    assert refused.status == 404


# Shapes: keys in order, and types, as recorded or documented.


def shape(value: Any) -> Any:
    """Keys in order and types; of an array what its first element is."""
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def corpus(name: str) -> Any:
    return json.loads((CORPUS / f"{name}.json").read_text())


LIVE_TICKER = """{"channel":"ticker","type":"snapshot","data":[{"symbol":"USDT/USD","bid":0.99980,"bid_qty":
44620.68691883,"ask":0.99981,"ask_qty":1087605.70466858,"last":0.99981,"volume":270638277.50461281,"vwap":0.99983,"low":0.99959,"high":
1.00000,"change":0.00005,"change_pct":0.01,"trades":38144,"timestamp":"2026-09-24T03:54:18.054886Z"}]}"""
LIVE_STATUS = """{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",
"connection_id":7734965360043499011,"upcoming_maintenance":[],"emergency":[]}]}"""
LIVE_CANDLE = """{"channel":"ohlc","type":"snapshot","timestamp":"2026-09-10T17:44:43.105760475Z","data":[{"symbol":
"BTC/USDT","open":77400.0,"high":77445.8,"low":77400.0,"close":77416.3,"trades":15,"volume":0.25302078,"vwap":77416.2,
"interval_begin":"2026-09-10T17:32:00.000000000Z","interval":1,"timestamp":"2026-09-10T17:33:00.000000Z"}]}"""
LIVE_CANDLES_ACKNOWLEDGED = """{"method":"subscribe","result":{"channel":"ohlc","interval":1,"snapshot":true,"symbol":
"BTC/USDT","warnings":["timestamp is deprecated, use interval_begin"]},"success":true,"time_in":
"2026-09-10T17:44:43.105193Z","time_out":"2026-09-10T17:44:43.105248Z"}"""
LIVE_ACKNOWLEDGED = """{"method":"subscribe","req_id":7,"result":{"channel":"ticker","event_trigger":"trades",
"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2026-07-07T17:23:59.172238Z","time_out":
"2026-07-07T17:23:59.172284Z"}"""
"""Frames of ws.kraken.com/v2 of 2026-07 to 2026-10, as kept in public repositories (read 2026-11-21)."""
INSTRUMENT = """{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD","status":"enabled",
"precision":4,"precision_display":2,"borrowable":true,"collateral_value":1.00,"margin_rate":0.050000}],"pairs":[{"symbol":"BTC/USD",
"base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"price_precision":1,
"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.50,"margin_initial":0.20,"position_limit_long":300,
"position_limit_short":240,"tick_size":0.1,"price_increment":0.1,"qty_min":0.00005000}]}}"""
"""From spot-websocket-v2/instrument, as kept in public repositories (read 2026-11-21)."""


def heard(path: str, **request: object) -> list[Frame]:
    exchange = Exchange("BTC/USD")
    session = exchange.open(path)
    run(exchange, session, 300)
    ask(exchange, session, **request)
    return run(exchange, session, 500)


@pytest.mark.parametrize(
    ("channel", "kind", "recorded"),
    [
        ("book", "snapshot", corpus("book_snapshot")),
        ("book", "update", corpus("book_update")),
        ("trade", "snapshot", {**corpus("trades"), "type": "snapshot"}),
        ("trade", "update", corpus("trades")),
        ("ticker", "snapshot", json.loads(LIVE_TICKER)),
        ("instrument", "snapshot", json.loads(INSTRUMENT)),
    ],
)
def test_frames_of_v2_have_the_shape_of_the_venues(channel: str, kind: str, recorded: Frame) -> None:
    frames = heard("/v2", method="subscribe", params={"channel": channel, "symbol": ["BTC/USD"]})
    found = [one for one in frames if one.get("channel") == channel and one["type"] == kind]
    if channel == "book" and kind == "update":
        found = [one for one in found if one["data"][0]["bids"] and not one["data"][0]["asks"]]
    assert shape(found[-1]) == shape(recorded)


def test_greeting_acknowledgement_and_pong_of_v2_have_the_shape_of_the_venues() -> None:
    exchange = Exchange("BTC/USD", each_side=12)
    session = exchange.open("/v2")
    ask(exchange, session, method="subscribe", params={"channel": "ticker", "symbol": ["BTC/USD"]}, req_id=7)
    ask(exchange, session, method="ping", req_id=101)
    status, acknowledged, _, pong = run(exchange, session, 50, orders=0)
    assert shape(status) == shape(json.loads(LIVE_STATUS))
    assert shape(acknowledged) == shape(json.loads(LIVE_ACKNOWLEDGED))
    assert shape(pong) == shape(corpus("pong"))


def test_candles_of_v2_have_the_shape_of_the_venues_and_tell_the_engines_trades() -> None:
    frames = heard("/v2", method="subscribe", params={"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 5})
    acknowledged, snapshot, *updates = [one for one in frames if one != {"channel": "heartbeat"}]
    assert shape(acknowledged) == shape(json.loads(LIVE_CANDLES_ACKNOWLEDGED))
    assert shape(snapshot) == shape(json.loads(LIVE_CANDLE))
    assert shape(updates[-1]) == shape({**json.loads(LIVE_CANDLE), "type": "update"})
    assert updates[-1]["data"][0]["trades"] > snapshot["data"][0]["trades"] > 0
    assert updates[-1]["data"][0]["interval_begin"] == "2026-10-07T09:20:00.000000000Z"


def test_candles_of_v1_are_written_as_documented() -> None:
    """spot-websocket-v1/ohlc (2026-11-21): time, end, open, high, low, close, vwap, volume, count."""
    documented = ["1542057314.748456", "1542057360.435743", "3586.70000", "3586.70000", "3586.60000", "3586.60000",
                  "3586.68894", "0.03373000", 2]  # fmt: skip
    exchange = Exchange("BTC/USD")
    session = exchange.open("/")
    run(exchange, session, 300)
    ask(exchange, session, event="subscribe", pair=["XBT/USD"], subscription={"name": "ohlc", "interval": 5})
    status, *frames = run(exchange, session, 500)
    printed = exchange.engines["BTC/USD"].trades(0)
    prices = [one.price for one in printed]
    assert (status["channelName"], status["subscription"]) == ("ohlc-5", {"interval": 5, "name": "ohlc"})
    assert [type(one) for one in frames[-1][1]] == [type(one) for one in documented]
    assert (frames[-1][2:], frames[-1][1][1]) == (["ohlc-5", "XBT/USD"], "1791365100.000000")
    assert [Decimal(text) * 10 for text in frames[-1][1][2:6]] == [prices[0], max(prices), min(prices), prices[-1]]
    assert (Decimal(frames[-1][1][7]) * 10**8, frames[-1][1][8]) == (sum(one.size for one in printed), len(printed))


@needs_recordings
@pytest.mark.parametrize("name", ["book", "trade", "ticker"])
def test_frames_of_v1_have_the_shape_of_the_recorded(name: str) -> None:
    recorded = [json.loads(line["raw"]) for line in read_lines("kraken/v1_book1000_trade_ticker_20210417.jsonl.gz")
                if line["dir"] == "recv"]  # fmt: skip
    wanted = {"name": name, **({"depth": 1000} if name == "book" else {})}
    frames = heard("/", event="subscribe", pair=["XBT/USD"], subscription=wanted)
    shapes = [shape(one) for one in recorded if isinstance(one, list) and one[-2].startswith(name)]
    data = [one for one in frames if isinstance(one, list)]
    assert len(data) > 3
    for frame in data:
        assert len(frame[1:-2]) == 2 or shape(frame) in shapes, frame
    status = next(one for one in recorded if isinstance(one, dict) and one.get("channelName", "").startswith(name))
    assert shape(status) in [shape(one) for one in frames if isinstance(one, dict)]


@pytest.mark.parametrize("trigger", ["bbo", "trades"])
def test_a_ticker_comes_with_what_triggers_it_and_tells_the_engines_top(trigger: str) -> None:
    """spot-websocket-v2/ticker (2026-11-21): `bbo` on a change of the best levels, `trades` on every trade."""
    exchange = Exchange("BTC/USD")
    session = exchange.open("/v2")
    ask(exchange, session, method="subscribe",
        params={"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": trigger})  # fmt: skip
    run(exchange, session, 50, orders=0)
    engine = exchange.engines["BTC/USD"]
    for _ in range(300):
        tops, prints = [engine.levels(side, 1) for side in Side], len(engine.trades(0))
        exchange.step(2)
        frames = [json.loads(text, parse_float=Decimal) for text in said(session, exchange.at)]
        moved = tops != [engine.levels(side, 1) for side in Side]
        assert len(frames) == (moved if trigger == "bbo" else len(engine.trades(0)) > prints)
        for frame in frames:
            data = frame["data"][0]
            (bid,), (ask_,) = (engine.levels(side, 1) for side in Side)
            assert (data["bid"] * 10, data["bid_qty"] * 10**8) == bid
            assert (data["ask"] * 10, data["ask_qty"] * 10**8) == ask_
            assert data["trades"] == len(engine.trades(0))


# REST.


@needs_recordings
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Assets?asset=XBT", "GetAssets"),
        ("AssetPairs?pair=XBTUSD", "GetSymbols"),
        ("SystemStatus", "GetSystemStatus"),
        ("Depth?pair=XBTUSD", "GetOrderBook"),
        ("Ticker?pair=XBTUSD", "GetTicker"),
        ("Trades?pair=XBTUSD", "GetTradeHistory"),
    ],
)
def test_answers_have_the_keys_of_the_venues(path: str, name: str) -> None:
    samples = json.loads((RECORDINGS / "kraken/rest_endpoints_jkorf.json").read_text())
    sample = next(one["response"] for one in samples if one["name"] == f"Endpoints/Spot/ExchangeData/{name}")
    exchange = Exchange("BTC/USD")
    for _ in range(100):
        exchange.step()
    answer = exchange.get(path)
    wanted, found = sample["result"], answer["result"]
    if name not in ("GetSystemStatus",):
        key = "XXBT" if name == "GetAssets" else "XXBTZUSD"
        wanted, found = wanted[key], found[key]
    if isinstance(wanted, dict):
        assert set(wanted) <= set(found)
        typed = [(key, shape(wanted[key]), shape(found[key])) for key in wanted if wanted[key] != []]
        assert [key for key, one, other in typed if one != other] == (
            ["collateral_value"] if name == "GetAssets" else []
        )
    else:
        assert [type(one) for one in found[0]] == [type(one) for one in wanted[0]]
    assert answer["error"] == sample["error"] == []


def test_the_pairs_are_read_back_as_the_instruments_they_are() -> None:
    listed = PLUGIN.instruments.listed()
    exchange = Exchange(*(one.symbol for one in listed), each_side=2)
    answer = exchange.venue.answer(HttpRequest("GET", "/0/public/AssetPairs"), T)
    assert sorted(instruments(answer.body), key=lambda one: one.symbol) == sorted(listed, key=lambda one: one.symbol)


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ("XXBTZUSD", "XXBTZUSD"),
        ("XBTUSD", "XXBTZUSD"),
        ("BTCUSD", "XXBTZUSD"),
        ("XBT/USD", "XBT/USD"),
        ("BTC/USD", "BTC/USD"),
        ("ETHXBT", "XETHXXBT"),
        ("XBTUSDT", "XBTUSDT"),
        ("SOLUSD", "SOLUSD"),
        ("SOL/BTC", "SOL/BTC"),
        ("USDTUSD", "USDTZUSD"),
    ],
)
def test_a_pair_is_answered_under_its_rest_name_or_the_spelling_with_a_slash(asked: str, key: str) -> None:
    """Live answers of 2026-09 in public tests: `XBTUSD` as XXBTZUSD, `ETHXBT` as XETHXXBT, `SOL/BTC` as it is asked."""
    exchange = Exchange("BTC/USD", "ETH/BTC", "BTC/USDT", "SOL/USD", "SOL/BTC", "USDT/USD", each_side=2)
    assert list(exchange.get(f"Ticker?pair={asked}")["result"]) == [key]
    assert list(exchange.get(f"AssetPairs?pair={asked}")["result"]) == [key]
    assert list(exchange.get(f"Depth?pair={asked}")["result"]) == [key]
    assert list(exchange.get(f"OHLC?pair={asked}")["result"]) == [key, "last"]


def test_spread_was_an_unknown_method() -> None:
    """rest-api/get-recent-spreads (2026-11-21): `[1688671834, "30292.10000", "30297.50000"]` under the pair, `last`."""
    exchange = Exchange("BTC/USD", each_side=2)
    bids, asks = (exchange.engines["BTC/USD"].levels(side, 1) for side in (Side.BUY, Side.SELL))
    told = exchange.get("Spread?pair=XBTUSD")["result"]
    tick = exchange.engines["BTC/USD"].instrument.rules.tick
    wanted = [f"{levels[0][0] * tick:.5f}" for levels in (bids, asks)]
    assert told == {"XXBTZUSD": [[exchange.at // SECOND, *wanted]], "last": exchange.at // SECOND}
    assert exchange.get(f"Spread?pair=XBTUSD&since={exchange.at // SECOND + 1}")["result"]["XXBTZUSD"] == []


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("Ticker?pair=NOTAPAIR", "EQuery:Unknown asset pair"),
        ("Depth?pair=XBTUSD,NOTAPAIR&count=x", "EGeneral:Invalid arguments"),
        ("Depth", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&interval=360", "EGeneral:Invalid arguments"),
        ("Assets?asset=NOTHING", "EQuery:Unknown asset"),
    ],
)
def test_errors_come_with_status_200(path: str, error: str) -> None:
    """Live on 2026-09-03, in public tests."""
    assert Exchange("BTC/USD", each_side=2).get(path) == {"error": [error]}


def test_an_unknown_path_is_an_unknown_method() -> None:
    """Status 404, `{"error":["EGeneral:Unknown method"]}`: several public repositories (read 2026-11-21)."""
    for path in ("/0/public/TradeVolume", "/0/private/Balance", "/"):
        answer = Exchange("BTC/USD", each_side=2).venue.answer(HttpRequest("GET", path), T)
        assert (answer.status, answer.body) == (404, b'{"error":["EGeneral:Unknown method"]}')


def test_after_thirty_requests_at_once_one_a_second_is_served() -> None:
    """Measured live on 2026-10-02 in a public repository; the refusal has status 200."""
    exchange = Exchange("BTC/USD", each_side=2)
    assert all(not exchange.get("Time")["error"] for _ in range(30))
    assert exchange.get("Time") == {"error": ["EGeneral:Too many requests"]}
    exchange.at += SECOND
    assert [exchange.get("Time")["error"] for _ in range(2)] == [[], ["EGeneral:Too many requests"]]
    exchange.at += 30 * SECOND
    assert not exchange.get("Time")["error"]


def test_depth_trades_and_candles_tell_what_the_engine_did() -> None:
    exchange = Exchange("BTC/USD")
    for _ in range(60):
        exchange.at += SECOND
        exchange.step(20)
        exchange.get("Time")
    engine = exchange.engines["BTC/USD"]
    depth = exchange.get("Depth?pair=XBTUSD&count=7")["result"]["XXBTZUSD"]
    for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
        assert [Decimal(row[0]) * 10 for row in depth[name]] == [price for price, _ in engine.levels(side, 7)]
        for row, (_, size) in zip(depth[name], engine.levels(side, 7), strict=True):
            assert 0 <= Decimal(row[1]) * 10**8 - size < 10**5
    trades = exchange.get("Trades?pair=XBTUSD&count=50")["result"]
    printed = engine.trades(0)[-50:]
    assert [row[6] for row in trades["XXBTZUSD"]] == [one.trade_id for one in printed]
    assert [(row[0], row[1], row[3]) for row in trades["XXBTZUSD"]] == [
        (f"{one.price // 10}.{one.price % 10}0000", f"{one.size / 10**8:.8f}", one.side.value[0]) for one in printed
    ]
    assert int(trades["last"]) == printed[-1].at
    assert (
        exchange.get(f"Trades?pair=XBTUSD&since={printed[-1].at - 1}")["result"]["XXBTZUSD"][-1][6]
        == printed[-1].trade_id
    )
    minute = exchange.get("OHLC?pair=XBTUSD")["result"]["XXBTZUSD"][-1]
    inside = [one for one in engine.trades(0) if one.at // (60 * SECOND) == minute[0] // 60]
    prices = [one.price for one in inside]
    assert [Decimal(text) * 10 for text in minute[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
    assert (Decimal(minute[6]) * 10**8, minute[7]) == (sum(one.size for one in inside), len(inside))


def test_the_clock_reads_what_the_venue_answers() -> None:
    clock = PLUGIN.clock
    assert clock is not None
    exchange = Exchange("BTC/USD", each_side=2)
    request = clock.request()
    answer = exchange.venue.answer(replace_url(request, "/0/public/Time"), T + 700 * MS)
    assert request.url == "https://api.kraken.com/0/public/Time"
    assert clock.server_time(answer) == (T + 700 * MS) // SECOND * SECOND
    live = b'{"error":[],"result":{"unixtime":1788415303,"rfc1123":"Thu, 03 Sep 26 06:01:43 +0000"}}'
    assert clock.server_time(HttpResponse(200, live)) == 1_788_415_303 * SECOND
    assert exchange.venue.answer(replace_url(request, "/0/public/Time"), 1_788_415_303 * SECOND).body == live


def replace_url(request: HttpRequest, url: str) -> HttpRequest:
    return HttpRequest(request.method, url, request.headers, request.body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":["EGeneral:Too many requests"]}', RateLimited),
        (b'{"error":["EService:Unavailable"]}', VenueError),
        (b'{"error":[],"result":{}}', ProtocolError),
        (b'{"error":[]}', ProtocolError),
        (b"<html>", ProtocolError),
    ],
)
def test_the_clock_refuses_what_tells_no_time(body: bytes, error: type[Exception]) -> None:
    assert PLUGIN.clock is not None
    with pytest.raises(error):
        PLUGIN.clock.server_time(HttpResponse(200, body))
