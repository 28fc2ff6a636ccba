"""Gemini's recording against an independent reconstruction, trade by trade, and what today's ids notice."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, FeedCodec, Heartbeat, Proof, Resync, Side, Trade
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_gemini import gemini

pytestmark = [pytest.mark.core]

V2 = "gemini/v2_l2_trades_20210624.jsonl.gz"
MS = 1_000_000


def frames() -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(V2)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


class Books:
    """The books of one connection, kept as the framework keeps them."""

    def __init__(self, codec: FeedCodec) -> None:
        self.codec = codec
        self.syncs: dict[str, BookSync] = {}
        self.resyncs: list[Resync] = []

    def feed(self, frame: bytes, at: int = 1) -> list[Any]:
        events = list(self.codec.decode(frame, at))
        for event in events:
            if isinstance(event, BookSnapshot | BookDelta):
                found = gemini.instruments.find(event.symbol)
                sync = self.syncs.setdefault(event.symbol, BookSync(found, self.codec.rule))
                outcome = sync.snapshot(event, at) if isinstance(event, BookSnapshot) else sync.delta(event, at)
                if isinstance(outcome, Resync):
                    self.resyncs.append(outcome)
        return events

    def told(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        bid, ask = [top.bid, top.bid_size], [top.ask, top.ask_size]
        return {"bid": bid, "ask": ask, "bids": counts[0], "asks": counts[1]}


def of_v2() -> Books:
    return Books(gemini.dialects[0].feed())


@needs_recordings
def test_tops_are_those_of_an_independent_reconstruction() -> None:
    expected = expected_tops()[V2]
    wanted = {(c["after_line"], symbol): c for symbol, told in expected.items() for c in told["checkpoints"]}
    books, seen = of_v2(), 0
    counted = {symbol: dict.fromkeys(("snapshot", "update", "trade"), 0) for symbol in expected}
    for number, frame in frames():
        events = books.feed(frame)
        for event in events:
            name = getattr(event, "symbol", "").upper()
            if isinstance(event, BookSnapshot | BookDelta):
                counted[name]["snapshot" if isinstance(event, BookSnapshot) else "update"] += 1
            elif isinstance(event, Trade) and len(events) == 1:
                counted[name]["trade"] += 1
        for symbol in expected:
            if (told := wanted.get((number, symbol))) is not None:
                seen += 1
                levels = {side: [Decimal(text) for text in told[side]] for side in ("bid", "ask")}
                counts = {side: told[side] for side in ("bids", "asks")}
                assert books.told(symbol.lower()) == {**levels, **counts}, f"{symbol} after line {number}"
    assert seen == len(wanted) > 0
    kinds = ("snapshot", "update", "trade")
    assert counted == {s: {kind: told["counters"].get(kind, 0) for kind in kinds} for s, told in expected.items()}
    assert books.resyncs == []
    assert {s.state for s in books.syncs.values()} == {BookState.LIVE}
    assert books.codec.rule.proof is Proof.NONE


@needs_recordings
def test_levels_that_were_never_told_are_deleted_without_harm() -> None:
    """As many as the independent reconstruction counted, each of them a delete that changes nothing."""
    unknown = dict.fromkeys(expected_tops()[V2], 0)
    plain: dict[tuple[str, str], set[Decimal]] = {}
    for _, frame in frames():
        told = json.loads(frame)
        for side, price, size in told.get("changes", ()):
            levels = plain.setdefault((told["symbol"], side), set())
            if Decimal(size):
                levels.add(Decimal(price))
            elif Decimal(price) in levels:
                levels.remove(Decimal(price))
            else:
                unknown[told["symbol"]] += 1
    assert unknown == {s: told["counters"].get("delete_unknown", 0) for s, told in expected_tops()[V2].items()}
    assert sum(unknown.values()) > 5
    books = of_v2()
    for _, frame in frames():
        books.feed(frame)
    for symbol, sync in books.syncs.items():
        for side, bids in (("buy", True), ("sell", False)):
            assert {price for price, _ in sync.book.levels(bids)} == plain[symbol.upper(), side]


@needs_recordings
def test_every_recorded_trade_is_told_those_of_a_snapshot_oldest_first() -> None:
    codec = gemini.dialects[0].feed()
    sides, snapshots = set(), 0
    for _, frame in frames():
        told = json.loads(frame)
        events = list(codec.decode(frame, 1))
        trades = [event for event in events if isinstance(event, Trade)]
        rows = told.get("trades", []) if told["type"] == "l2_updates" else [told]
        if told["type"] == "heartbeat":
            assert events == [Heartbeat(told["timestamp"] * MS)]
            continue
        snapshots += "trades" in told
        by_id = {str(row["event_id"]): row for row in rows}
        assert len(trades) == len(by_id) == len(rows)
        assert [t.event_time for t in trades] == sorted(t.event_time for t in trades)
        for t in trades:
            row = by_id[t.trade_id]
            assert (t.price, t.size, t.symbol) == (row["price"], row["quantity"], row["symbol"].lower())
            assert t.event_time == row["timestamp"] * MS
            sides.add((row["side"], t.side))
    assert snapshots == 6
    assert sides == {("buy", Side.BUY), ("sell", Side.SELL)}


@needs_recordings
def test_a_replay_of_the_file_knows_its_form_and_keeps_every_book_live() -> None:
    market = Market({gemini.venue: gemini})
    last = {
        symbol.lower(): told["checkpoints"][-1] for symbol, told in expected_tops()[V2].items() if told["checkpoints"]
    }
    for entry in read(RECORDINGS / V2, gemini.venue):
        market.receive(entry)
    books, counts = market.books[gemini.venue], market.counts[gemini.venue]
    assert (counts.refused, counts.unknown) == (0, 0)
    assert set(books) == set(last)
    for symbol, told in last.items():
        top = books[symbol].book.top
        assert books[symbol].state is BookState.LIVE
        assert top is not None
        assert [top.bid, top.ask] == [Decimal(told["bid"][0]), Decimal(told["ask"][0])]


@needs_recordings
def test_two_snapshots_in_a_row_and_one_in_between_replace_the_book() -> None:
    """The bug of a client that merged them: ghost levels stayed (github.com/ccxt/ccxt/issues/29210)."""
    books = of_v2()
    lines = [frame for _, frame in frames()]
    whole = next(frame for frame in lines if b'"ALCXUSD"' in frame and b'"trades"' in frame)
    books.feed(whole)
    first = books.told("alcxusd")
    books.feed(whole)
    assert books.told("alcxusd") == first
    for frame in lines:
        books.feed(frame)
    assert books.told("alcxusd") != first
    books.feed(whole)
    assert books.told("alcxusd") == first


@needs_recordings
def test_differences_without_a_snapshot_never_yield_a_book() -> None:
    books = of_v2()
    for _, frame in frames():
        if b'"trades"' not in frame:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


def derived() -> list[bytes]:
    """The recording's books in today's form: real levels and times of receipt, made-up ids and envelopes. As measured
    on the venue, a snapshot has one id, and a delta begins at the id before it; ids skip."""
    found, last, at = [], dict[str, int](), 1_624_493_666_000_000_000
    for number, line in enumerate(read_lines(V2)):
        told = json.loads(line["raw"]) if line["dir"] == "recv" else {}
        if told.get("type") != "l2_updates":
            continue
        symbol, upto = told["symbol"].lower(), 1_764_527_605_000_000 + 7 * number
        sides = {side: [row[1:] for row in told["changes"] if row[0] == side] for side in ("buy", "sell")}
        first = upto if "trades" in told else last[symbol]
        last[symbol] = upto
        frame = {"e": "depthUpdate", "E": at + number, "s": symbol, "U": first, "u": upto}
        found.append(json.dumps({**frame, "b": sides["buy"], "a": sides["sell"]}, separators=(",", ":")).encode())
    return found


@needs_recordings
def test_todays_form_of_the_same_levels_gives_the_same_books() -> None:
    books, former = Books(gemini.feed()), of_v2()
    for frame in derived():
        books.feed(frame)
    for _, frame in frames():
        former.feed(frame)
    assert set(books.syncs) == set(former.syncs)
    for symbol, sync in books.syncs.items():
        assert sync.state is BookState.LIVE
        assert books.told(symbol) == former.told(symbol)
    assert books.resyncs == []
    assert books.codec.rule.proof is Proof.SEQUENCE


@needs_recordings
def test_each_deleted_delta_is_noticed_at_the_next_of_its_book() -> None:
    lines = derived()
    told = [json.loads(frame) for frame in lines]
    checked = 0
    for gone in range(6, len(lines), 5):
        symbol = told[gone]["s"]
        after = next((i for i in range(gone + 1, len(lines)) if told[i]["s"] == symbol), None)
        if after is None or told[gone]["U"] == told[gone]["u"]:
            continue
        books = Books(gemini.feed())
        for i in range(after):
            if i != gone:
                books.feed(lines[i])
        assert books.resyncs == []
        books.feed(lines[after])
        reason = f"sequence gap on gemini:{symbol}: expected {told[gone]['U'] + 1}, got {told[after]['U']}"
        assert books.resyncs == [Resync(symbol, reason)]
        assert {s for s, sync in books.syncs.items() if sync.state is not BookState.LIVE} == {symbol}
        checked += 1
    assert checked > 20


@needs_recordings
def test_a_delta_that_comes_twice_or_late_changes_nothing() -> None:
    books = Books(gemini.feed())
    lines = derived()
    for frame in lines:
        books.feed(frame)
    before = {symbol: books.told(symbol) for symbol in books.syncs}
    for frame in lines:
        if json.loads(frame)["U"] != json.loads(frame)["u"]:
            books.feed(frame)
    assert {symbol: books.told(symbol) for symbol in books.syncs} == before
    assert books.resyncs == []


@needs_recordings
def test_a_recording_that_begins_amid_a_connection_yields_no_book() -> None:
    books = Books(gemini.feed())
    for frame in derived():
        if json.loads(frame)["U"] != json.loads(frame)["u"]:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}


@needs_recordings
def test_the_form_of_a_connection_is_known_by_its_path_or_its_first_frame() -> None:
    dialect, (first, today) = gemini.dialects[0], (next(frames())[1], derived()[0])
    assert dialect.speaks("wss://api.gemini.com/v2/marketdata", b"")
    assert dialect.speaks("ws://127.0.0.1:9000/v2/marketdata/", today)
    assert not dialect.speaks("wss://ws.gemini.com/?snapshot=-1", first)
    assert dialect.speaks("", first)
    assert not dialect.speaks("", today)
    assert not dialect.speaks("", b"no json")


@needs_recordings
def test_both_forms_side_by_side_in_one_market() -> None:
    """Each connection has its own form; the books of one symbol are one venue's."""
    market = Market({gemini.venue: gemini})
    seq = 0
    for conn, url, payload in (
        ("gemini#1", "wss://ws.gemini.com/?snapshot=-1", derived()[0]),
        ("gemini#2", "wss://api.gemini.com/v2/marketdata", list(frames())[1][1]),
    ):
        for direction, body in ((Direction.OPEN, b""), (Direction.RECV, payload)):
            seq += 1
            market.receive(Input(seq, seq, seq, direction, gemini.venue, conn, url, body))
    assert {symbol: sync.state for symbol, sync in market.books[gemini.venue].items()} == {
        "alcxusd": BookState.LIVE,
        "ankrusd": BookState.LIVE,
    }
