"""Coinbase's recordings against an independent reconstruction, and what its sequence numbers notice."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, ExchangePlugin, Levels, Proof, Resync, Side, TopUpdate, Trade
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_coinbase import coinbase, coinbase_exchange
from cryptopipe_coinbase.metadata import exchange_instruments

pytestmark = [pytest.mark.core]

EXCHANGE = "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz"
ADVANCED = "coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz"
RECORDED = [(EXCHANGE, coinbase_exchange), (ADVANCED, coinbase)]


def frames(name: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(name)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


class Books:
    """The books of one connection, kept as the framework keeps them; a resync of all is carried to each."""

    def __init__(self, plugin: ExchangePlugin) -> None:
        self.plugin, self.codec = plugin, plugin.feed()
        self.syncs: dict[str, BookSync] = {}
        self.resyncs: list[Resync] = []

    def feed(self, frame: bytes, at: int = 1) -> list[Any]:
        events = list(self.codec.decode(frame, at))
        for event in events:
            if isinstance(event, Resync):
                self.resyncs.append(event)
                for sync in self.syncs.values():
                    sync.lose(event.reason)
            if isinstance(event, BookSnapshot | BookDelta):
                found = self.plugin.instruments.find(event.symbol)
                sync = self.syncs.setdefault(event.symbol, BookSync(found, self.codec.rule))
                outcome = sync.snapshot(event, at) if isinstance(event, BookSnapshot) else sync.delta(event, at)
                assert not isinstance(outcome, Resync), outcome
        return events

    def top(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        bid, ask = [str(top.bid), str(top.bid_size)], [str(top.ask), str(top.ask_size)]
        return {"bid": bid, "ask": ask, "bids": counts[0], "asks": counts[1]}


def as_written(level: list[str]) -> list[str]:
    """A decimal's text as `str(Decimal)` gives it, which uses an exponent below 10⁻⁶."""
    return [str(Decimal(number)) for number in level]


@needs_recordings
@pytest.mark.parametrize(("name", "plugin"), RECORDED)
def test_tops_are_those_of_an_independent_reconstruction(name: str, plugin: ExchangePlugin) -> None:
    expected = expected_tops()[name]
    wanted = {(c["after_line"], symbol): c for symbol, told in expected.items() for c in told["checkpoints"]}
    books, seen = Books(plugin), 0
    updates = dict.fromkeys(expected, 0)
    for number, frame in frames(name):
        for event in books.feed(frame):
            if isinstance(event, BookDelta):
                updates[event.symbol] += 1
        for symbol in expected:
            if (number, symbol) in wanted:
                told = wanted[number, symbol]
                seen += 1
                assert books.top(symbol) == {
                    "bid": as_written(told["bid"]),
                    "ask": as_written(told["ask"]),
                    "bids": told["bids"],
                    "asks": told["asks"],
                }, f"{symbol} after line {number}"
    assert seen == len(wanted)
    assert updates == {symbol: told["counters"]["update"] for symbol, told in expected.items()}
    assert books.resyncs == []
    assert {s.state for s in books.syncs.values()} == {BookState.LIVE}


def test_only_the_numbered_stream_is_called_proven() -> None:
    assert coinbase.feed().rule.proof is Proof.SEQUENCE
    assert coinbase_exchange.feed().rule.proof is Proof.NONE


@needs_recordings
def test_a_deleted_depth_line_is_noticed_at_the_next_line() -> None:
    lines = [frame for _, frame in frames(ADVANCED)]
    depth = [i for i, frame in enumerate(lines) if b'"type":"update"' in frame and b'"l2_data"' in frame]
    for gone in depth[::400]:
        books = Books(coinbase)
        for frame in lines[max(0, gone - 20) : gone]:
            books.feed(frame)
        assert books.resyncs == []
        missing = json.loads(lines[gone])["sequence_num"]
        events = books.feed(lines[gone + 1])
        assert events[0] == Resync(None, f"sequence gap on coinbase: expected {missing}, got {missing + 1}")
        assert len(events) > 1, "the frame's own events follow"
        books.feed(lines[gone + 2])
        assert len(books.resyncs) == 1, "one gap is told once"


@needs_recordings
def test_after_a_gap_no_book_is_read_until_its_next_snapshot() -> None:
    books = Books(coinbase)
    lines = [frame for _, frame in frames(ADVANCED)]
    for frame in [*lines[:100], *lines[101:400]]:
        books.feed(frame)
    assert len(books.resyncs) == 1
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


@needs_recordings
def test_a_frame_that_comes_twice_is_applied_once() -> None:
    codec = coinbase.feed()
    lines = [frame for _, frame in frames(ADVANCED)][:50]
    for frame in lines:
        assert codec.decode(frame, 1)
    assert codec.decode(lines[-1], 1) == ()
    assert codec.decode(lines[20], 1) == ()


@needs_recordings
@pytest.mark.parametrize(("name", "plugin"), RECORDED)
def test_differences_without_a_snapshot_never_yield_a_book(name: str, plugin: ExchangePlugin) -> None:
    books = Books(plugin)
    for _, frame in list(frames(name))[:1500]:
        if b'"type":"snapshot"' not in frame:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


@needs_recordings
def test_the_ticker_is_the_top_of_the_book_except_before_the_snapshot() -> None:
    """The recording's README: every ticker equals the level2 top, but the first one after subscribing."""
    expected = expected_tops()[EXCHANGE]
    books = Books(coinbase_exchange)
    equal = dict.fromkeys(expected, 0)
    for _, frame in frames(EXCHANGE):
        for event in books.feed(frame):
            if isinstance(event, TopUpdate) and event.symbol in books.syncs:
                assert (event.bid_size, event.ask_size) == (None, None)
                top = books.syncs[event.symbol].book.top
                assert top is not None
                equal[event.symbol] += (top.bid, top.ask) == (Decimal(event.bid), Decimal(event.ask))
    assert equal == {symbol: told["counters"].get("ticker_eq", 0) for symbol, told in expected.items()}


@needs_recordings
def test_a_snapshot_brought_into_the_form_of_updates_keeps_every_number() -> None:
    codec, seen = coinbase_exchange.feed(), 0
    for _, frame in frames(EXCHANGE):
        if not frame.startswith(b'{"type":"snapshot"'):
            continue
        (event,) = codec.decode(frame, 7)
        assert isinstance(event, BookSnapshot) and event.asks is None and event.version == 7 and event.event_time == 0
        told = json.loads(frame)
        rows = json.loads(bytes(event.bids))
        assert rows == [["buy", *level] for level in told["bids"]] + [["sell", *level] for level in told["asks"]]
        parsed = Levels.parse(event.bids, codec.rule.level_format, True)
        assert [parsed[i] for i in range(len(parsed))] == [(Decimal(p), Decimal(s)) for p, s in told["bids"]]
        seen += 1
    assert seen == 6


@needs_recordings
def test_recorded_prices_and_trades_lie_on_the_venues_grid() -> None:
    """The products answer and the stream were recorded on the same day. A maker's side is turned into the taker's."""
    answer = (RECORDINGS / "coinbase/exchange_products_20210417.json").read_bytes()
    grids = {i.symbol: i.rules for i in exchange_instruments(answer)}
    codec, sides = coinbase_exchange.feed(), set()
    for _, frame in frames(EXCHANGE):
        for event in codec.decode(frame, 1):
            rules = grids.get(getattr(event, "symbol", ""))
            if rules is None:
                continue
            if isinstance(event, BookDelta):
                levels = Levels.parse(event.bids, codec.rule.level_format)
                numbers = [levels[i] for i in range(len(levels))]
            elif isinstance(event, Trade):
                numbers = [(Decimal(event.price), Decimal(event.size))]
                sides.add((json.loads(frame)["side"], event.side))
            else:
                continue
            for price, size in numbers:
                assert price % rules.tick == 0 and size % rules.step == 0, (event.symbol, price, size)
    assert sides == {("sell", Side.BUY), ("buy", Side.SELL)}
