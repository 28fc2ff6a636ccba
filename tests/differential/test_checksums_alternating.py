"""Every checksum of a recorded OKX stream, on both cores; the rules whose sides alternate.

Enters: a recording of 2022, levels. Leaves: a verdict. Never: an expected value that a core computed.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from differential.sequences import Operation, Row, arrays, frames, lawful, play
from hypothesis import given
from hypothesis import strategies as st
from recordings import expected_tops, needs_recordings, read_lines

from cryptopipe.core import reference
from cryptopipe.errors import ChecksumMismatch, CryptopipeError
from cryptopipe.model.events import LevelFormat

NAME = "okx/v5_books_trades_tickers_20220513.jsonl.gz"


class Book(msgspec.Struct):
    """`{"asks":[["30014.5","0.05","0","1"]],"bids":[],"ts":"1652459225672","checksum":-1623428452}`."""

    asks: msgspec.Raw
    bids: msgspec.Raw
    ts: str
    checksum: int


class Argument(msgspec.Struct):
    """What a frame is of."""

    channel: str
    inst_id: str = msgspec.field(name="instId")


class Message(msgspec.Struct):
    """A push of the channel `books`, or anything else."""

    arg: Argument | None = None
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


def core_of(name: str) -> Any:
    return pytest.importorskip(
        f"cryptopipe.core.{name}",
        reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
        exc_type=ImportError,
    )


def payloads() -> Iterator[tuple[str, str, Book]]:
    """(instrument, action, book) of each frame of the channel `books`."""
    for line in read_lines(NAME):
        if line["dir"] == "recv" and line["raw"].startswith("{"):
            message = msgspec.json.decode(line["raw"], type=Message)
            if message.arg is not None and message.arg.channel == "books" and message.action:
                for data in msgspec.json.decode(message.data, type=list[Book]):
                    yield message.arg.inst_id, message.action, data


@needs_recordings
@pytest.mark.parametrize("name", ["_rust", "reference"])
def test_every_recorded_checksum(name: str) -> None:
    core = core_of(name)
    books: dict[str, Any] = {}
    verified = Counter[str]()
    for instrument, action, frame in payloads():
        if instrument not in books:
            books[instrument] = core.Book(LevelFormat(), checksum="crc_interleaved", checksum_levels=25)
        change = books[instrument].load if action == "snapshot" else books[instrument].apply
        change(frame.bids, frame.asks, 1, int(frame.ts), int(frame.ts), frame.checksum)
        verified[instrument] += 1
    expected = expected_tops()[NAME]
    assert verified == {symbol: expected[symbol]["counters"]["crc_ok"] for symbol in expected}


@needs_recordings
@pytest.mark.parametrize("name", ["_rust", "reference"])
def test_a_changed_digit_inside_the_cover_is_noticed_in_its_frame(name: str) -> None:
    book = core_of(name).Book(LevelFormat(), checksum="crc_interleaved", checksum_levels=25)
    _, _, first = next(payloads())
    book.load(first.bids, first.asks, 1, 1, 1, first.checksum)
    price, size = book.levels(True)[24]
    beyond, _ = book.levels(True)[25]
    book.apply(f'[["{beyond:f}","{size:f}"]]'.encode(), b"[]", 2, 2, 2, first.checksum)
    with pytest.raises(ChecksumMismatch, match=f"expected {first.checksum}"):
        book.apply(f'[["{price:f}","{size + 1:f}"]]'.encode(), b"[]", 3, 3, 3, first.checksum)


def javascript(written: str) -> str:
    """As `String(Number(text))` in JavaScript: the same shortest digits as Python's, an exponent only below 1e-6."""
    value = float(written)
    if 0 < value < 1e-6:
        digits, exponent = repr(value).split("e")
        return f"{digits}e{int(exponent)}"
    return format(Decimal(repr(value)).normalize(), "f")


def text_of(book: Any, covered: int, signed: bool) -> str:
    """Bid, ask, bid, …; the longer side goes on alone."""
    sides = []
    for bids in (True, False):
        rows = [(f"{price:f}", f"{size:f}") for price, size in book.levels(bids, covered)]
        if signed:
            rows = [(javascript(price), ("" if bids else "-") + javascript(size)) for price, size in rows]
        sides.append([f"{price}:{size}" for price, size in rows])
    found = []
    for rank in range(covered):
        found += [side[rank] for side in sides if rank < len(side)]
    return ":".join(found)


SIZES = ("0", "0.0000001", "0.00000012345", "100.0", "2.50", "0.000001")
bids_of = st.builds(
    Row,
    st.just(True),
    st.sampled_from(["0.00000074", "0.0000012", "1", "2.50"]),
    st.sampled_from(SIZES),
    st.just(False),
)
asks_of = st.builds(
    Row, st.just(False), st.sampled_from(["5", "6.50", "7.000"]), st.sampled_from(SIZES), st.just(False)
)
printable = st.lists(st.one_of(bids_of, asks_of), max_size=4).map(
    lambda rows: ("apply", *arrays(rows, LevelFormat()), 1, 1)
)
any_frame = frames(LevelFormat(), faults=False)


@lawful
@given(st.data(), st.booleans(), st.sampled_from([1, 2, 25]))
def test_alternating_checksums(data: st.DataObject, signed: bool, covered: int) -> None:
    """Both cores accept the checksum computed here from the levels shown, as a signed number, and refuse another.

    What JavaScript printed has no more digits than its numbers hold.
    """
    rule = "crc_interleaved_signed" if signed else "crc_interleaved"
    books = [core_of(n).Book(LevelFormat(), checksum=rule, checksum_levels=covered) for n in ("_rust", "reference")]
    plain = reference.Book(LevelFormat())
    for book in (*books, plain):
        book.load(b"[]", b"[]", 1, 1, 1)
    operations: list[Operation] = data.draw(st.lists(printable if signed else any_frame, max_size=8))
    for at, operation in enumerate(operations, start=1000):
        play(plain, operation, at)
        expected = zlib.crc32(text_of(plain, covered, signed).encode())
        name, bids, asks, version, stamp = operation
        answers = []
        for book in books:
            try:
                top = getattr(book, name)(bids, asks, version, stamp, at, expected - 2**32 + at % 2)
                answers.append(("top", top and str(top.bid)))
            except CryptopipeError as error:
                answers.append((type(error).__name__, str(error)))
        assert answers[0] == answers[1]
        assert (answers[0][0] == "ChecksumMismatch") == bool(at % 2)
        if answers[0][0] == "CrossedBook":
            break
