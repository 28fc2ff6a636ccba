"""Kraken's recordings against an independent reconstruction, and what its checksums notice."""

import json
import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from recordings import expected_tops, needs_recordings, read_lines

from cryptopipe.api import BookDelta, BookSnapshot, FeedCodec, Instrument, Proof
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.events import Resync
from cryptopipe_kraken import kraken

pytestmark = [pytest.mark.core]

V1 = "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz"
V2 = "kraken/DERIVED_v2_book1000_20210417.jsonl.gz"
_V1_DIALECT = next(dialect for dialect in kraken.dialects if dialect.name == "v1")


def codec_of(name: str) -> FeedCodec:
    return _V1_DIALECT.feed() if name == V1 else kraken.feed()


def frames(name: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(read_lines(name)):
        if line["dir"] == "recv":
            yield number, line["raw"].encode()


def instrument(symbol: str) -> Instrument:
    return kraken.instruments.find(symbol)


class Books:
    """The books of one recording, kept as the framework keeps them."""

    def __init__(self, codec: FeedCodec) -> None:
        self.codec = codec
        self.syncs: dict[str, BookSync] = {}
        self.resyncs: list[Resync] = []

    def feed(self, frame: bytes, at: int = 1) -> list[Any]:
        events = list(self.codec.decode(frame, at))
        for event in events:
            if isinstance(event, BookSnapshot | BookDelta):
                sync = self.syncs.setdefault(event.symbol, BookSync(instrument(event.symbol), self.codec.rule))
                outcome = (sync.snapshot if isinstance(event, BookSnapshot) else sync.delta)(event, at)  # type: ignore[arg-type]
                if isinstance(outcome, Resync):
                    self.resyncs.append(outcome)
        return events

    def top(self, symbol: str) -> dict[str, Any]:
        book = self.syncs[symbol].book
        top, counts = book.top, book.counts()
        assert top is not None
        return {
            "bid": [str(top.bid), str(top.bid_size)],
            "ask": [str(top.ask), str(top.ask_size)],
            "bids": counts[0],
            "asks": counts[1],
        }


def as_written(level: list[str]) -> list[str]:
    """A decimal's text without an exponent, as `str(Decimal)` gives it for these magnitudes."""
    return [str(Decimal(number)) for number in level]


@needs_recordings
@pytest.mark.parametrize("name", [V1, V2])
def test_tops_are_those_of_an_independent_reconstruction(name: str) -> None:
    expected = expected_tops()[name]
    wanted = {(c["after_line"], symbol): c for symbol, told in expected.items() for c in told["checkpoints"]}
    books, seen = Books(codec_of(name)), 0
    updates = dict.fromkeys(expected, 0)
    for number, frame in frames(name):
        for event in books.feed(frame):
            if isinstance(event, BookDelta):
                assert event.checksum is not None
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
    assert books.codec.rule.proof is Proof.CHECKSUM


def levels(side: str, raw: Any) -> dict[Decimal, tuple[str, str]]:
    return {Decimal(level["price"]): (level["price"], level["qty"]) for level in raw}


class Plain:
    """The best ten of one book, kept by nothing of the framework's."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}

    def apply(self, told: dict[str, Any]) -> None:
        for side, book in self.sides.items():
            for price, level in levels(side, told[side]).items():
                book.pop(price, None)
                if Decimal(level[1]) > 0:
                    book[price] = level

    def covered(self, side: str) -> list[Decimal]:
        return sorted(self.sides[side], reverse=side == "bids")[:10]

    def crc(self) -> int:
        """The documentation's algorithm: asks ascending, then bids descending, without point and leading zeros."""
        text = ""
        for side in ("asks", "bids"):
            for price in self.covered(side):
                text += "".join(number.replace(".", "").lstrip("0") for number in self.sides[side][price])
        return zlib.crc32(text.encode())


def told_of(frame: bytes) -> dict[str, Any] | None:
    """The book part of a v2 frame, numbers as text."""
    told = json.loads(frame, parse_float=str, parse_int=str)
    return told["data"][0] if told["channel"] == "book" else None


def digit_changed(frame: bytes) -> bytes:
    """The last digit of the first quantity other than it was, and never a removal."""
    match = re.search(rb'"qty":([\d.]+)', frame)
    assert match is not None
    last = match[1][-1:]
    return frame[: match.end() - 1] + (b"1" if last != b"1" else b"2") + frame[match.end() :]


@needs_recordings
def test_a_digit_changed_inside_the_covered_depth_is_noticed_in_that_frame() -> None:
    symbol, tried = "XMR/USD", 0
    plain, before = Plain(), list[bytes]()
    for _, frame in frames(V2):
        told = told_of(frame)
        if told is None or told["symbol"] != symbol:
            continue
        plain.apply(told)
        assert plain.crc() == int(told["checksum"])
        changed = [Decimal(level["price"]) for side in ("bids", "asks") for level in told[side]][:1]
        inside = changed[0] in plain.covered("bids") + plain.covered("asks")
        if before and inside and told["bids"] and tried < 20:
            tried += 1
            books = Books(kraken.feed())
            for earlier in before:
                books.feed(earlier)
            assert books.resyncs == []
            books.feed(digit_changed(frame))
            assert [r.symbol for r in books.resyncs] == [symbol]
            assert "expected" in books.resyncs[0].reason and told["checksum"] in books.resyncs[0].reason
            assert books.syncs[symbol].state is BookState.SUSPECT
        before.append(frame)
    assert tried == 20


@needs_recordings
def test_a_digit_changed_outside_the_covered_depth_is_noticed_when_the_level_enters_it() -> None:
    """One deep level of the snapshot is damaged; an own reconstruction says in which frame it reaches the best ten."""
    for symbol, side in (("XMR/USD", "bids"), ("XMR/USD", "asks"), ("OCEAN/BTC", "bids"), ("ETH/CHF", "asks")):
        stream = [(f, t) for _, f in frames(V2) if (t := told_of(f)) is not None and t["symbol"] == symbol]
        entered = entering_level(stream, side)
        if entered is None:
            continue
        index, (price, size) = entered
        other = size[:-1] + ("1" if size[-1] != "1" else "2")
        text = f'{{"price":{price},"qty":{size}}}'.encode()
        assert stream[0][0].count(text) == 1
        damaged = stream[0][0].replace(text, f'{{"price":{price},"qty":{other}}}'.encode())
        books = Books(kraken.feed())
        books.feed(damaged)
        for position, (frame, _) in enumerate(stream[1:], start=1):
            books.feed(frame)
            assert bool(books.resyncs) == (position >= index), f"{symbol} {price}: frame {position}, enters in {index}"
            if books.resyncs:
                break
        return
    pytest.fail("no level of any snapshot enters the covered depth unchanged")


def entering_level(stream: list[tuple[bytes, dict[str, Any]]], side: str) -> tuple[int, tuple[str, str]] | None:
    """(frame, level) of the first snapshot level from outside the best ten that enters them as the snapshot told it."""
    plain = Plain()
    plain.apply(stream[0][1])
    deep = {p: level for p, level in plain.sides[side].items() if p not in plain.covered(side)}
    for position, (_, told) in enumerate(stream[1:], start=1):
        plain.apply(told)
        for price in levels(side, told[side]):
            deep.pop(price, None)
        for price in plain.covered(side):
            if price in deep:
                return position, deep[price]
    return None


@needs_recordings
def test_differences_without_a_snapshot_never_yield_a_book() -> None:
    books = Books(kraken.feed())
    for _, frame in frames(V2):
        if b'"type":"update"' in frame:
            books.feed(frame)
    assert {s.state for s in books.syncs.values()} == {BookState.SYNCING}
    assert all(s.book.top is None for s in books.syncs.values())


@needs_recordings
def test_the_recorded_connections_are_known_by_their_dialect() -> None:
    dialect = _V1_DIALECT
    first = next(frame for _, frame in frames(V1))
    assert dialect.speaks("wss://ws.kraken.com", first)
    assert dialect.speaks("", first)
    assert not dialect.speaks("wss://ws.kraken.com/v2", first)
    assert not dialect.speaks("", next(frame for _, frame in frames(V2)))
