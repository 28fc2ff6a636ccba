"""Real Kraken frames, every checksum verified, on both cores against an independent reconstruction.

Enters: a recording of 2021 and its checkpoints. Leaves: a verdict. Never: a frame without its checksum.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from recordings import expected_tops, needs_recordings, read_lines

from cryptopipe.clock import parse_epoch
from cryptopipe.errors import ChecksumMismatch
from cryptopipe.model.events import LevelFormat

NAME = "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz"
EMPTY = msgspec.Raw(b"[]")


def core_of(name: str) -> Any:
    return pytest.importorskip(
        f"cryptopipe.core.{name}",
        reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
        exc_type=ImportError,
    )


def payloads() -> Iterator[tuple[int, str, int, list[dict[str, msgspec.Raw]]]]:
    """(line, pair, stamp, dictionaries) of each frame of the book channel."""
    for number, line in enumerate(read_lines(NAME)):
        raw = line["raw"].encode()
        if line["dir"] != "recv" or not raw.startswith(b"["):
            continue
        *parts, channel, pair = msgspec.json.decode(raw, type=list[msgspec.Raw])
        if bytes(channel) == b'"book-1000"':
            changes = [msgspec.json.decode(part, type=dict[str, msgspec.Raw]) for part in parts[1:]]
            yield number, msgspec.json.decode(pair, type=str), parse_epoch(line["ts"]), changes


def step(book: Any, changes: list[dict[str, msgspec.Raw]], at: int) -> bool:
    """Feed one frame; whether its checksum was verified. A frame that changes both sides has two parts."""
    frame = {key: value for part in changes for key, value in part.items()}
    if "as" in frame:
        book.load(frame["bs"], frame["as"], at, at, at)
        return False
    checksum = int(msgspec.json.decode(frame["c"], type=str))
    book.apply(frame.get("b", EMPTY), frame.get("a", EMPTY), at, at, at, checksum)
    return True


@needs_recordings
@pytest.mark.parametrize("name", ["_rust", "reference"])
def test_every_checkpoint_and_every_checksum(name: str) -> None:
    core = core_of(name)
    expected = expected_tops()[NAME]
    checkpoints = {(point["after_line"], pair): point for pair in expected for point in expected[pair]["checkpoints"]}
    books: dict[str, Any] = {}
    verified = dict.fromkeys(expected, 0)
    for number, pair, at, changes in payloads():
        book = books.setdefault(pair, core.Book(LevelFormat(), depth=1000, checksum="crc_mantissas"))
        verified[pair] += step(book, changes, at)
        if (point := checkpoints.pop((number, pair), None)) is not None:
            top, (bids, asks) = book.top, book.counts()
            assert [f"{top.bid:f}", f"{top.bid_size:f}"] == point["bid"], (number, pair)
            assert [f"{top.ask:f}", f"{top.ask_size:f}"] == point["ask"], (number, pair)
            assert (bids, asks) == (point["bids"], point["asks"]), (number, pair)
    assert not checkpoints
    assert verified == {pair: expected[pair]["counters"]["crc_ok"] for pair in expected}


@needs_recordings
@pytest.mark.parametrize("name", ["_rust", "reference"])
def test_a_changed_digit_inside_the_top_ten_is_noticed_in_its_frame(name: str) -> None:
    core = core_of(name)
    book = core.Book(LevelFormat(), depth=1000, checksum="crc_mantissas")
    frames = [(at, changes) for _, pair, at, changes in payloads() if pair == "XBT/CHF"]
    for at, changes in frames[:20]:
        step(book, changes, at)
    (price, size), (at, changes) = book.levels(True, 10)[9], frames[20]
    book.apply(f'[["{price:f}","{size:f}1"]]'.encode(), b"[]", at, at, at)
    with pytest.raises(ChecksumMismatch, match="expected"):
        step(book, changes, at)
