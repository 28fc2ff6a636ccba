"""OKX's recording against an independent reconstruction, its checksums, and what they notice."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, Proof, Resync, Side, TopUpdate, Trade
from cryptopipe.capture.reader import read
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_okx import okx

pytestmark = [pytest.mark.core]

NAME = "okx/v5_books_trades_tickers_20220513.jsonl.gz"
(OLD,) = okx.dialects


def frames() -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(NAME)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


class Books:
    """The books of one connection, kept as the framework keeps them."""

    def __init__(self) -> None:
        self.codec = OLD.feed()
        self.syncs: dict[str, BookSync] = {}
        self.resyncs: list[Resync] = []

    def feed(self, frame: bytes) -> list[Any]:
        events = list(self.codec.decode(frame, 1))
        for event in events:
            if isinstance(event, BookSnapshot | BookDelta):
                found = okx.instruments.find(event.symbol)
                sync = self.syncs.setdefault(event.symbol, BookSync(found, self.codec.rule))
                outcome = sync.snapshot(event, 1) if isinstance(event, BookSnapshot) else sync.delta(event, 1)
                if isinstance(outcome, Resync):
                    self.resyncs.append(outcome)
        return events

    def top(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        bid, ask = [top.bid, top.bid_size], [top.ask, top.ask_size]
        return {"bid": bid, "ask": ask, "bids": counts[0], "asks": counts[1]}


@needs_recordings
def test_tops_are_those_of_an_independent_reconstruction_and_every_checksum_verifies() -> None:
    """98 and 93 frames with a checksum; one that did not verify would have lost its book."""
    expected = expected_tops()[NAME]
    wanted = {(c["after_line"], symbol): c for symbol, told in expected.items() for c in told["checkpoints"]}
    books, seen, checked = Books(), 0, dict.fromkeys(expected, 0)
    for number, frame in frames():
        for event in books.feed(frame):
            if isinstance(event, BookSnapshot | BookDelta):
                assert event.checksum == json.loads(frame)["data"][0]["checksum"]
                checked[event.symbol] += 1
        for symbol in expected:
            if (told := wanted.get((number, symbol))) is not None:
                seen += 1
                levels = {side: [Decimal(text) for text in told[side]] for side in ("bid", "ask")}
                counts = {side: told[side] for side in ("bids", "asks")}
                assert books.top(symbol) == {**levels, **counts}, f"{symbol} after line {number}"
    assert seen == len(wanted) > 0
    assert checked == {symbol: told["counters"]["crc_ok"] for symbol, told in expected.items()}
    assert books.resyncs == []
    assert {s.state for s in books.syncs.values()} == {BookState.LIVE}
    assert OLD.feed().rule.proof is Proof.CHECKSUM


@needs_recordings
def test_a_replay_of_the_file_keeps_every_book_live() -> None:
    """By the framework's own market, which has to choose the form of the connection by its first frame."""
    market = Market({okx.venue: okx})
    last = {symbol: told["checkpoints"][-1] for symbol, told in expected_tops()[NAME].items()}
    for entry in read(RECORDINGS / NAME, okx.venue):
        market.receive(entry)
    books, counts = market.books[okx.venue], market.counts[okx.venue]
    assert (counts.refused, counts.unknown) == (0, 0)
    assert set(books) == set(last)
    for symbol, told in last.items():
        top = books[symbol].last_top or books[symbol].book.top
        assert top is not None
        assert [top.bid, top.ask] == [Decimal(told["bid"][0]), Decimal(told["ask"][0])]


@needs_recordings
def test_a_changed_digit_near_the_top_is_noticed_at_once() -> None:
    lines = [frame for _, frame in frames() if b'"channel":"books","instId":"BTC-USDT"' in frame and b"data" in frame]
    books = Books()
    for frame in lines[:3]:
        books.feed(frame)
    assert books.resyncs == []
    told = json.loads(lines[3])
    best = max(told["data"][0]["bids"], key=lambda level: Decimal(level[0]))
    best[1] = str(Decimal(best[1]) + 1)
    books.feed(json.dumps(told).encode())
    (resync,) = books.resyncs
    assert resync.symbol == "BTC-USDT"
    assert "okx:BTC-USDT" in resync.reason
    assert books.syncs["BTC-USDT"].state is BookState.SUSPECT
    assert books.syncs["BTC-USDT"].book.top is None


@needs_recordings
def test_a_deleted_delta_is_noticed_while_the_top_levels_move() -> None:
    """Every twelfth delta in turn; a checksum sees only 25 levels, so that a few are noticed late or never."""
    lines = [frame for _, frame in frames() if b'"action"' in frame]
    noticed = tried = 0
    for gone in range(4, len(lines) - 20, 12):
        books = Books()
        for i, frame in enumerate(lines[: gone + 20]):
            if i != gone:
                books.feed(frame)
        tried += 1
        noticed += bool(books.resyncs)
    assert tried > 10
    assert noticed > 0.7 * tried


@needs_recordings
def test_differences_without_a_snapshot_never_yield_a_book() -> None:
    books = Books()
    for _, frame in frames():
        if b'"action":"snapshot"' not in frame:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


@needs_recordings
def test_trades_and_tickers_are_told_as_recorded() -> None:
    codec, sides, tops = OLD.feed(), set(), 0
    for _, frame in frames():
        told = json.loads(frame)
        for event in codec.decode(frame, 1):
            if isinstance(event, Trade):
                row = {t["tradeId"]: t for t in told["data"]}[event.trade_id]
                assert (event.price, event.size, event.symbol) == (row["px"], row["sz"], row["instId"])
                sides.add((row["side"], event.side))
            if isinstance(event, TopUpdate):
                (row,) = told["data"]
                assert (event.bid, event.bid_size, event.ask, event.ask_size, event.version) == (
                    row["bidPx"], row["bidSz"], row["askPx"], row["askSz"], 0)  # fmt: skip
                tops += 1
    assert sides == {("buy", Side.BUY), ("sell", Side.SELL)}
    assert tops == 26


@needs_recordings
def test_a_ticker_never_is_the_top_of_a_book() -> None:
    """Its version 0 says that nothing tells how new it is; at equal times the two differ in the recording."""
    books = Books()
    for _, frame in frames():
        for event in books.feed(frame):
            if isinstance(event, TopUpdate) and event.symbol in books.syncs:
                assert books.syncs[event.symbol].quote(event, 1) is None


@needs_recordings
def test_todays_form_refuses_books_that_nothing_proves() -> None:
    """The same frames on a connection of today: without ids there is no sequence, and no book."""
    from cryptopipe.errors import ProtocolError

    codec, refused = okx.feed(), 0
    for _, frame in frames():
        if b'"action"' in frame:
            with pytest.raises(ProtocolError, match=r"prevSeqId|seqId"):
                codec.decode(frame, 1)
            refused += 1
    assert refused == 191
