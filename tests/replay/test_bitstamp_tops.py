"""Bitstamp's recording against an independent reconstruction, and what its microseconds decide."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, HttpResponse, Link, Resync, Side, Trade
from cryptopipe.capture.reader import read
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_bitstamp import bitstamp

pytestmark = [pytest.mark.core]

NAME = "bitstamp/diff_order_book_live_trades_20220105.jsonl.gz"


class Books:
    """The books of the connection, kept as the framework keeps them."""

    def __init__(self) -> None:
        self.codec = bitstamp.feed()
        self.syncs: dict[str, BookSync] = {}
        self.links: dict[str, list[Link]] = {}
        self.resyncs: list[Resync] = []

    def sync(self, symbol: str) -> BookSync:
        if symbol not in self.syncs:
            self.syncs[symbol] = BookSync(bitstamp.instruments.find(symbol), self.codec.rule)
            self.links[symbol] = []
        return self.syncs[symbol]

    def feed(self, frame: bytes, at: int = 1) -> list[Any]:
        events = list(self.codec.decode(frame, at))
        for event in events:
            if isinstance(event, BookDelta):
                sync = self.sync(event.symbol)
                if sync.state is BookState.LIVE:
                    self.links[event.symbol].append(sync.judge(event))
                outcome = sync.delta(event, at)
                if isinstance(outcome, Resync):
                    self.resyncs.append(outcome)
        return events

    def answer(self, url: str, body: bytes, at: int = 1) -> None:
        snapshots = bitstamp.snapshots
        assert snapshots is not None
        symbol = snapshots.symbol_of(url)
        assert symbol is not None
        outcome = self.sync(symbol).snapshot(snapshots.snapshot(symbol, HttpResponse(200, body, url), at), at)
        if isinstance(outcome, Resync):
            self.resyncs.append(outcome)

    def top(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        bid, ask = [top.bid, top.bid_size], [top.ask, top.ask_size]
        return {"bid": bid, "ask": ask, "bids": counts[0], "asks": counts[1]}


def play(books: Books) -> Iterator[tuple[int, dict[str, str], list[Any]]]:
    for number, line in enumerate(read_lines(NAME)):
        events: list[Any] = []
        if line["dir"] == "http":
            books.answer(line["url"], line["raw"].encode())
        elif line["dir"] == "recv":
            events = books.feed(line["raw"].encode())
        yield number, line, events


def told(checkpoint: dict[str, Any]) -> dict[str, Any]:
    levels = {side: [Decimal(text) for text in checkpoint[side]] for side in ("bid", "ask")}
    return {**levels, **{side: checkpoint[side] for side in ("bids", "asks")}}


@needs_recordings
def test_tops_are_those_of_an_independent_reconstruction() -> None:
    expected = expected_tops()[NAME]
    wanted = {(c["after_line"], symbol): c for symbol, one in expected.items() for c in one["checkpoints"]}
    books, seen, trades = Books(), 0, dict.fromkeys(expected, 0)
    for number, _, events in play(books):
        for event in events:
            if isinstance(event, Trade):
                trades[event.symbol] += 1
        for symbol in expected:
            if (checkpoint := wanted.get((number, symbol))) is not None:
                seen += 1
                assert books.top(symbol) == told(checkpoint), f"{symbol} after line {number}"
    assert seen == len(wanted) == 31
    counters = {symbol: one["counters"] for symbol, one in expected.items()}
    assert trades == {symbol: one.get("trade", 0) for symbol, one in counters.items()}
    for symbol, one in counters.items():
        links = books.links[symbol]
        assert links.count(Link.SKIP) == one.get("dropped_old", 0), symbol
        assert links.count(Link.APPLY) == one.get("applied", 0), symbol
        assert links == sorted(links, key=lambda link: link is Link.APPLY), "old ones first"
    assert books.resyncs == []
    assert {sync.state for sync in books.syncs.values()} == {BookState.LIVE}


@needs_recordings
def test_a_replay_of_the_file_keeps_every_book_live() -> None:
    market = Market({bitstamp.venue: bitstamp})
    last = {symbol: one["checkpoints"][-1] for symbol, one in expected_tops()[NAME].items()}
    for entry in read(RECORDINGS / NAME, bitstamp.venue):
        market.receive(entry)
    books, counts = market.books[bitstamp.venue], market.counts[bitstamp.venue]
    assert (counts.refused, counts.unknown) == (0, 0)
    assert set(books) == set(last)
    for symbol, checkpoint in last.items():
        top = books[symbol].book.top
        assert (books[symbol].state, books[symbol].gaps) == (BookState.LIVE, 0)
        assert top is not None
        assert [top.bid, top.ask] == [Decimal(checkpoint["bid"][0]), Decimal(checkpoint["ask"][0])]


@needs_recordings
def test_the_same_book_comes_of_differences_that_waited_for_the_snapshot() -> None:
    """The recorder asked five seconds late and read the stream afterwards; in life the differences are there first."""
    books, answers = Books(), [line for line in read_lines(NAME) if line["dir"] == "http"]
    frames = [line["raw"].encode() for line in read_lines(NAME) if line["dir"] == "recv"]
    for frame in frames[:200]:
        books.feed(frame)
    for line in answers:
        books.answer(line["url"], line["raw"].encode())
    for frame in frames[200:]:
        books.feed(frame)
    assert books.resyncs == []
    for symbol, one in expected_tops()[NAME].items():
        assert books.top(symbol) == told(one["checkpoints"][-1]), symbol


@needs_recordings
def test_a_snapshot_from_before_the_first_difference_heard_begins_no_book() -> None:
    """Whoever subscribes after the snapshot's time may have missed differences between the two."""
    lines = list(read_lines(NAME))
    (answer,) = (line for line in lines if line["dir"] == "http" and line["url"].endswith("ethusd"))
    at = int(json.loads(answer["raw"])["microtimestamp"])
    frames = [line["raw"].encode() for line in lines if "diff_order_book_ethusd" in line["raw"]]
    later = [frame for frame in frames if b'"data",' not in frame[:8] and _micros(frame) > at]
    assert len(later) == 73
    books = Books()
    books.feed(later[0])
    books.answer(answer["url"], answer["raw"].encode())
    (resync,) = books.resyncs
    assert resync.symbol == "ethusd"
    assert resync.reason == f"snapshot {at} of bitstamp:ethusd is older than the stream's {_micros(later[0])}"
    assert books.syncs["ethusd"].state is BookState.SYNCING
    in_time = Books()
    in_time.feed(frames[-74])
    in_time.feed(later[0])
    in_time.answer(answer["url"], answer["raw"].encode())
    assert in_time.resyncs == []
    assert in_time.syncs["ethusd"].state is BookState.LIVE


def _micros(frame: bytes) -> int:
    data = json.loads(frame)["data"]
    return int(data["microtimestamp"]) if "microtimestamp" in data else 0


@needs_recordings
def test_differences_that_come_twice_change_nothing() -> None:
    books, twice = Books(), Books()
    for _, line, _ in play(books):
        if line["dir"] == "http":
            twice.answer(line["url"], line["raw"].encode())
        elif line["dir"] == "recv":
            twice.feed(line["raw"].encode())
            twice.feed(line["raw"].encode())
    for symbol in books.syncs:
        assert twice.top(symbol) == books.top(symbol)
    assert twice.resyncs == []


@needs_recordings
def test_the_takers_order_is_the_newer_one() -> None:
    """What the plugin takes `type` for, in the venue's own recording: ids of orders rise."""
    codec, sides = bitstamp.feed(), set()
    for line in read_lines(NAME):
        if '"event\\":\\"trade' in json.dumps(line["raw"]):
            (event,) = codec.decode(line["raw"].encode(), 1)
            assert isinstance(event, Trade)
            data = json.loads(line["raw"])["data"]
            assert (event.price, event.size) == (data["price_str"], data["amount_str"])
            taker = Side.BUY if data["buy_order_id"] > data["sell_order_id"] else Side.SELL
            assert event.side is taker
            sides.add(taker)
    assert sides == {Side.BUY, Side.SELL}
