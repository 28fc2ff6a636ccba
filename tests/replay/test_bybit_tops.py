"""Bybit's recordings against an independent reconstruction, and what its update ids notice."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, Proof, Resync, Side, TopUpdate, Trade
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_bybit import bybit

pytestmark = [pytest.mark.core]

ARCHIVE = "bybit/v5_orderbook500_xrpusdt_20241201.jsonl.gz"
DERIVED = "bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz"
NAMES = {"XRPUSDT": "linear:XRPUSDT", "BTCUSD": "inverse:BTCUSD"}
NAMES |= {spelling: f"linear:{spelling}" for spelling in ("XTZUSDT", "LTCUSDT", "LINKUSDT", "ETHUSDT")}


def frames(name: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(name)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


class Books:
    """The books of one connection, kept as the framework keeps them; a resync is carried to its book."""

    def __init__(self) -> None:
        self.codec = bybit.feed()
        self.syncs: dict[str, BookSync] = {}
        self.resyncs: list[Resync] = []

    def feed(self, frame: bytes, at: int = 1) -> list[Any]:
        events = list(self.codec.decode(frame, at))
        for event in events:
            if isinstance(event, Resync):
                self.resyncs.append(event)
                self.syncs[event.symbol or ""].lose(event.reason)
            if isinstance(event, BookSnapshot | BookDelta):
                found = bybit.instruments.find(event.symbol)
                sync = self.syncs.setdefault(event.symbol, BookSync(found, self.codec.rule))
                outcome = sync.snapshot(event, at) if isinstance(event, BookSnapshot) else sync.delta(event, at)
                assert not isinstance(outcome, Resync), outcome
        return events

    def top(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        bid, ask = [top.bid, top.bid_size], [top.ask, top.ask_size]
        return {"bid": bid, "ask": ask, "bids": counts[0], "asks": counts[1]}


@needs_recordings
@pytest.mark.parametrize("name", [ARCHIVE, DERIVED])
def test_tops_are_those_of_an_independent_reconstruction(name: str) -> None:
    expected = expected_tops()[name]
    wanted = {(c["after_line"], spelling): c for spelling, told in expected.items() for c in told["checkpoints"]}
    books, seen = Books(), 0
    updates = dict.fromkeys((NAMES[spelling] for spelling in expected), 0)
    for number, frame in frames(name):
        for event in books.feed(frame):
            if isinstance(event, BookDelta):
                updates[event.symbol] += 1
        for spelling in expected:
            if (told := wanted.get((number, spelling))) is not None:
                seen += 1
                levels = {side: [Decimal(text) for text in told[side]] for side in ("bid", "ask")}
                counts = {side: told[side] for side in ("bids", "asks")}
                assert books.top(NAMES[spelling]) == {**levels, **counts}, f"{spelling} after line {number}"
    assert seen == len(wanted) > 0
    assert updates == {NAMES[spelling]: told["counters"]["update"] for spelling, told in expected.items()}
    assert books.resyncs == []
    assert {s.state for s in books.syncs.values()} == {BookState.LIVE}


@needs_recordings
@pytest.mark.parametrize("name", [ARCHIVE, DERIVED])
def test_a_replay_of_the_file_keeps_every_book_live(name: str) -> None:
    """By the framework's own market, which has to choose the form of a connection without URL."""
    market = Market({bybit.venue: bybit})
    last = {NAMES[spelling]: told["checkpoints"][-1] for spelling, told in expected_tops()[name].items()}
    for entry in read(RECORDINGS / name, bybit.venue):
        market.receive(entry)
    books, counts = market.books[bybit.venue], market.counts[bybit.venue]
    assert (counts.refused, counts.unknown) == (0, 0)
    assert set(books) == set(last)
    for symbol, told in last.items():
        top = books[symbol].book.top
        assert books[symbol].state is BookState.LIVE
        assert top is not None
        assert [top.bid, top.ask] == [Decimal(told["bid"][0]), Decimal(told["ask"][0])]


@needs_recordings
def test_the_url_tells_which_market_a_connection_carries() -> None:
    """The same frames on two connections are two books: a spot pair and a contract."""
    market = Market({bybit.venue: bybit})
    lines = [frame for _, frame in frames(ARCHIVE)]
    seq = 0
    for conn, path in (("bybit#1", "spot"), ("bybit#2", "linear")):
        url = f"wss://stream.bybit.com/v5/public/{path}"
        for direction, payload in [(Direction.OPEN, b""), *((Direction.RECV, frame) for frame in lines)]:
            seq += 1
            market.receive(Input(seq, seq, seq, direction, bybit.venue, conn, url, payload))
    books = market.books[bybit.venue]
    assert sorted(books) == ["XRPUSDT", "linear:XRPUSDT"]
    assert {sync.state for sync in books.values()} == {BookState.LIVE}
    assert len({sync.instrument.holding for sync in books.values()}) == 2


@needs_recordings
def test_update_ids_of_the_venues_archive_are_consecutive_and_its_sequence_is_not() -> None:
    """What the plugin's proof rests on, in the venue's own recording."""
    told = [json.loads(frame)["data"] for _, frame in frames(ARCHIVE)]
    steps = [(b["u"] - a["u"], b["seq"] - a["seq"]) for a, b in pairwise(told)]
    assert {u for u, _ in steps} == {1}
    assert min(seq for _, seq in steps) > 0
    assert max(seq for _, seq in steps) > 1
    assert bybit.feed().rule.proof is Proof.SEQUENCE


@needs_recordings
@pytest.mark.parametrize(("name", "step"), [(ARCHIVE, 1), (DERIVED, 151)])
def test_a_deleted_delta_is_noticed_at_the_next_of_its_book(name: str, step: int) -> None:
    """Every delta of the archive, and every 151st of the other, in turn; nothing else is told missing."""
    lines = [frame for _, frame in frames(name)]
    told = [json.loads(frame) for frame in lines]
    deltas = [i for i, t in enumerate(told) if t["topic"].startswith("orderbook.") and t["type"] == "delta"]
    checked = 0
    for gone in deltas[::step]:
        spelling, missing = told[gone]["data"]["s"], told[gone]["data"]["u"]
        after = next((i for i in deltas if i > gone and told[i]["data"]["s"] == spelling), None)
        if after is None:
            continue
        books = Books()
        for i in range(after):
            if i != gone:
                books.feed(lines[i])
        assert books.resyncs == []
        symbol = NAMES[spelling]
        resync, delta = books.feed(lines[after])
        assert resync == Resync(symbol, f"sequence gap on bybit:{symbol}: expected {missing}, got {missing + 1}")
        assert isinstance(delta, BookDelta)
        assert {s for s, sync in books.syncs.items() if sync.state is not BookState.LIVE} == {symbol}
        assert books.syncs[symbol].book.top is None
        for i in range(after + 1, min(after + 20, len(lines))):
            books.feed(lines[i])
        assert len(books.resyncs) == 1, "one gap is told once"
        assert books.syncs[symbol].state is BookState.SYNCING, "until the next snapshot"
        checked += 1
    assert checked > 10


@needs_recordings
def test_a_snapshot_at_any_time_replaces_the_book() -> None:
    books = Books()
    lines = [frame for _, frame in frames(ARCHIVE)]
    for frame in lines:
        books.feed(frame)
    moved = books.top("linear:XRPUSDT")
    books.feed(lines[0])
    first = books.top("linear:XRPUSDT")
    assert first != moved
    for frame in lines[1:]:
        books.feed(frame)
    assert books.top("linear:XRPUSDT") == moved
    assert books.resyncs == []


@needs_recordings
def test_a_frame_that_comes_twice_is_applied_once() -> None:
    books = Books()
    lines = [frame for _, frame in frames(ARCHIVE)]
    for frame in lines[:30]:
        assert books.feed(frame)
    assert books.feed(lines[29]) == []
    assert books.feed(lines[10]) == []
    assert len(books.feed(lines[30])) == 1
    assert books.resyncs == []


@needs_recordings
@pytest.mark.parametrize("name", [ARCHIVE, DERIVED])
def test_differences_without_a_snapshot_never_yield_a_book(name: str) -> None:
    books = Books()
    for _, frame in frames(name):
        if b'"type":"snapshot"' not in frame:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


@needs_recordings
def test_a_newer_level_1_is_the_top_and_an_older_one_is_not() -> None:
    """Level 1 and depth are ordered by `seq`, whatever their `u`."""
    books = Books()
    lines = [frame for _, frame in frames(ARCHIVE)]
    for frame in lines[:10]:
        books.feed(frame)
    told = json.loads(lines[9])["data"]
    before = books.top("linear:XRPUSDT")
    raw = (
        '{"topic":"orderbook.1.XRPUSDT","ts":1,"type":"snapshot","data":{"s":"XRPUSDT","b":[["1.9000","7"]],'
        '"a":[["1.9900","8"]],"u":3,"seq":%d},"cts":1}'
    )
    sync = books.syncs["linear:XRPUSDT"]
    for seq, moves in ((told["seq"] - 1, False), (told["seq"] + 1, True)):
        (event,) = books.feed((raw % seq).encode())
        assert isinstance(event, TopUpdate)
        outcome = sync.quote(event, 1)
        assert (outcome is not None) is moves
    top = books.top("linear:XRPUSDT")
    assert top["bid"] == [Decimal("1.9000"), Decimal(7)] != before["bid"]
    books.feed(lines[10])
    assert books.top("linear:XRPUSDT")["bid"] == [Decimal("1.9533"), Decimal(16410)], "the checkpoint after line 10"


@needs_recordings
def test_trades_are_told_with_the_takers_side() -> None:
    codec, sides = bybit.feed(), set()
    for _, frame in frames(DERIVED):
        for event in codec.decode(frame, 1):
            if isinstance(event, Trade):
                told = {t["i"]: t for t in json.loads(frame)["data"]}[event.trade_id]
                assert (event.price, event.size) == (told["p"], told["v"])
                sides.add((told["S"], event.side))
    assert sides == {("Buy", Side.BUY), ("Sell", Side.SELL)}
