"""Bitfinex's recording against an independent reconstruction, and what its count of frames notices."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, Notice, Proof, Resync, TopUpdate, Trade
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe_bitfinex import bitfinex
from cryptopipe_bitfinex.feed import BitfinexFeed
from cryptopipe_bitfinex.wire import URL

pytestmark = [pytest.mark.core]

NAME = "bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz"


def frames() -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(NAME)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


def an_input(frame: bytes, at: int) -> Input:
    return Input(at, at, at, Direction.RECV, "bitfinex", "one", URL, frame)


def as_written(level: list[str]) -> list[Decimal]:
    return [Decimal(number) for number in level]


@needs_recordings
def test_tops_are_those_of_an_independent_reconstruction() -> None:
    expected = {symbol: told for symbol, told in expected_tops()[NAME].items() if symbol != "_connection"}
    wanted = {(c["after_line"], symbol): c for symbol, told in expected.items() for c in told["checkpoints"]}
    market, seen = Market({bitfinex.venue: bitfinex}), 0
    updates = {symbol: {"snapshot": 0, "update": 0} for symbol in expected}
    for number, frame in frames():
        market.receive(an_input(frame, number + 1))
        for event in market.events:
            assert not isinstance(event, Resync)
            if isinstance(event, BookSnapshot | BookDelta):
                updates[event.symbol]["snapshot" if isinstance(event, BookSnapshot) else "update"] += 1
        for symbol in expected:
            if (number, symbol) in wanted:
                seen += 1
                book, told = market.books[bitfinex.venue][symbol].book, wanted[number, symbol]
                top = book.top
                assert top is not None
                assert [top.bid, top.bid_size] == as_written(told["bid"]), f"{symbol} after line {number}"
                assert [top.ask, top.ask_size] == as_written(told["ask"]), f"{symbol} after line {number}"
                assert book.counts() == (told["bids"], told["asks"])
    assert seen == len(wanted) == 33
    for symbol, told in expected.items():
        counted = {"snapshot": 0, "update": 0} | told["counters"]
        assert updates[symbol] == counted, symbol
    counts = market.counts[bitfinex.venue]
    assert (counts.refused, counts.unknown, counts.trades) == (0, 0, 210)
    assert {s.state for s in market.books[bitfinex.venue].values()} == {BookState.LIVE}
    assert BitfinexFeed.rule.proof is Proof.SEQUENCE


def own_numbers() -> list[int]:
    """The count as it stands in the frames, read by nothing of ours."""
    return [json.loads(frame)[-1] for _, frame in frames() if frame[:1] == b"["]


@needs_recordings
def test_the_count_runs_over_every_frame_of_the_connection() -> None:
    assert own_numbers() == list(range(1, 954))
    assert expected_tops()[NAME]["_connection"]["counters"] == {"seq_frames": 953}


@needs_recordings
@pytest.mark.parametrize("missing", [60, 136, 500, 806])
def test_one_missing_frame_loses_every_book_of_the_connection(missing: int) -> None:
    """Number 136 is a heartbeat, 806 a ticker: the count cannot tell that no book was in it."""
    market = Market({bitfinex.venue: bitfinex})
    for number, frame in frames():
        if frame[:1] == b"[" and json.loads(frame)[-1] == missing:
            continue
        before = {s: sync.state for s, sync in market.books[bitfinex.venue].items()}
        market.receive(an_input(frame, number + 1))
        resyncs = [e for e in market.events if isinstance(e, Resync)]
        if resyncs:
            assert resyncs == [Resync(None, f"sequence gap on bitfinex: expected {missing}, got {missing + 1}")]
            live = [s for s, state in before.items() if state is BookState.LIVE]
            assert live and all(market.books[bitfinex.venue][s].state is BookState.SYNCING for s in live)
            return
    pytest.fail("nothing noticed the missing frame")


@needs_recordings
def test_a_frame_that_comes_twice_changes_nothing() -> None:
    once, twice = BitfinexFeed(), BitfinexFeed()
    for _, frame in frames():
        first = twice.decode(frame, 1)
        assert first == once.decode(frame, 1)
        if frame[:1] == b"[":
            (again,) = twice.decode(frame, 1)
            assert isinstance(again, Notice) and again.kind == "repeated frame"


@needs_recordings
def test_trades_and_tickers_are_the_frames_own() -> None:
    codec = BitfinexFeed()
    trades: list[Any] = []
    tops: list[TopUpdate] = []
    for _, frame in frames():
        for event in codec.decode(frame, 1):
            trades += [event] if isinstance(event, Trade) else []
            tops += [event] if isinstance(event, TopUpdate) else []
    told = [t for t in trades if t.symbol == "tIOTETH"][-2:]
    assert [(t.trade_id, t.side.value, t.size, t.price) for t in told] == [
        ("670143471", "sell", "14.72202767", "0.0010289"),
        ("670143472", "sell", "11.24375978", "0.0010245"),
    ]
    assert told[-1].event_time == 1_618_677_027_100_000_000
    assert (tops[1].symbol, tops[1].bid, tops[1].ask, tops[1].bid_size) == ("tIOTETH", "0.0010261", "0.0010274", None)


@needs_recordings
def test_differences_without_a_snapshot_never_yield_a_book() -> None:
    """The snapshots are taken out, and the count is closed over them: only their absence is left to notice."""
    market, counted = Market({bitfinex.venue: bitfinex}), 0
    for number, frame in frames():
        if b"[[" in frame:
            continue
        if frame[:1] == b"[":
            counted += 1
            frame = b"%b,%d]" % (frame[: frame.rindex(b",")], counted)
        market.receive(an_input(frame, number + 1))
        assert not any(isinstance(event, Resync) for event in market.events)
    books = market.books[bitfinex.venue]
    assert len(books) == 7
    assert all(sync.book.top is None and sync.state is BookState.SYNCING for sync in books.values())
