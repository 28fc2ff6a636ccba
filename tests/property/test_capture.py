"""Laws of captures: what is written is read back, damage is never read, merging loses nothing."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.capture.exchange import export_lines, import_lines
from cryptopipe.capture.files import AppendFile, Disk, DiskFile
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.jsonlines import write_lines
from cryptopipe.capture.merge import END_OF_RECORDING, Source, merge
from cryptopipe.capture.reader import Capture, read
from cryptopipe.capture.writer import Writer
from cryptopipe.errors import CaptureError

pytestmark = pytest.mark.core

QUICK = settings(max_examples=25, deadline=None)
NAMED = [Direction.OPEN, Direction.CLOSE, Direction.RECV, Direction.HTTP]
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
payloads = st.binary(max_size=40) | words.map(str.encode)


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def inputs(draw: st.DrawFn, venues: Sequence[str] = ("a", "b_c"), size: int = 16) -> list[Input]:
    """A legal sequence: seq rises by one, turns and stamps do not fall; free text everywhere else."""
    made: list[Input] = []
    at, turn = draw(st.integers(0, 1 << 61)), 1
    for seq in range(1, draw(st.integers(0, size)) + 1):
        at += draw(st.integers(0, 700_000_000))
        turn += draw(st.integers(0, 1))
        if draw(st.booleans()) or len(venues) == 1:
            venue, direction = draw(st.sampled_from(venues)), draw(st.sampled_from(NAMED))
            conn = f"{venue}#{draw(st.integers(1, 3))}"
        else:
            venue, direction, conn = "", draw(st.sampled_from([Direction.TICK, Direction.COMMAND])), ""
        headers = draw(st.lists(st.tuples(st.sampled_from(["date", "retry-after"]), words), max_size=2).map(tuple))
        url = draw(st.sampled_from(["", "wss://v.example/ws?streams=a@depth", "https://v.example/depth?symbol=A"]))
        status = draw(st.integers(0, 599))
        made.append(Input(seq, turn, at, direction, venue, conn, url, draw(payloads), status, headers, draw(words)))
    return made


class UnsyncedDisk(Disk):
    """The disk without waiting for it, which no law here but the power loss needs."""

    def create(self, path: Path) -> AppendFile:
        return UnsyncedFile(path)

    def sync_directory(self, path: Path) -> None:
        """Waits for nothing."""


class UnsyncedFile(DiskFile):
    def sync(self) -> None:
        """Waits for nothing."""


def write(directory: Path, entries: Sequence[Input], segment_bytes: int = 3000) -> Path:
    with Writer(directory, {"label": "generated"}, UnsyncedDisk(), segment_bytes) as writer:
        for entry in entries:
            writer.append(entry)
    return directory


@QUICK
@given(inputs())
def test_what_is_written_is_read_back(entries: list[Input]) -> None:
    with scratch() as place:
        capture = Capture(write(place / "c", entries))
        assert list(capture) == entries
        assert capture.complete
        assert not entries or capture.meta == {"label": "generated"}
        for venue in {entry.venue for entry in entries} - {""}:
            assert list(read(place / "c", venue)) == [entry for entry in entries if entry.venue == venue]


@QUICK
@given(inputs(), st.sampled_from(["x.jsonl", "x.jsonl.gz"]))
def test_export_and_import_are_inverse(entries: list[Input], name: str) -> None:
    with scratch() as place:
        write(place / "one", entries)
        assert export_lines(place / "one", place / name) == len(entries)
        if not entries:
            return  # an empty file names no venue and is no capture
        assert list(read(place / name)) == entries
        assert import_lines(place / name, place / "two") == len(entries)
        assert list(read(place / "two")) == entries
        export_lines(place / "two", place / f"again-{name}")
        assert (place / f"again-{name}").read_bytes() == (place / name).read_bytes()


@QUICK
@given(inputs(size=12).filter(bool), st.data())
def test_a_changed_bit_never_changes_an_input(entries: list[Input], data: st.DataObject) -> None:
    with scratch() as place:
        write(place / "c", entries, segment_bytes=1)
        segment = data.draw(st.sampled_from(sorted((place / "c").iterdir())))
        whole = bytearray(segment.read_bytes())
        bit = data.draw(st.integers(0, len(whole) * 8 - 1))
        whole[bit // 8] ^= 1 << bit % 8
        segment.write_bytes(whole)
        got: list[Input] = []
        try:
            capture = Capture(place / "c")
            got.extend(capture)
        except CaptureError:
            assert got == entries[: len(got)]
        else:
            assert got == entries
            assert not capture.complete


@QUICK
@given(inputs(size=12).filter(bool), st.data())
def test_a_cut_end_keeps_earlier_batches_and_says_so(entries: list[Input], data: st.DataObject) -> None:
    with scratch() as place:
        write(place / "c", entries, segment_bytes=1 << 20)
        segment = place / "c" / "000001.arrows"
        whole = segment.read_bytes()
        ends = [0]
        for batch in Capture(place / "c").batches():
            ends.append(ends[-1] + len(batch))
        segment.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        capture = Capture(place / "c")
        got = list(capture)
        assert got == entries[: len(got)]
        assert len(got) in ends
        assert not capture.complete


@QUICK
@given(
    st.lists(inputs(venues=("a",)).filter(bool), min_size=2, max_size=4), st.booleans(), st.integers(-(10**9), 10**9)
)
def test_merging_sorts_keeps_order_and_loses_nothing(parts: list[list[Input]], align: bool, by: int) -> None:
    with scratch() as place:
        paths = [write(place / f"v{k}", [rename(entry, k) for entry in part]) for k, part in enumerate(parts)]
        merged = list(merge([Source(f"v{k}", path) for k, path in enumerate(paths)], align, {"v0": by}))
        assert [entry.seq for entry in merged] == [entry.turn for entry in merged] == list(range(1, len(merged) + 1))
        assert all(a.at <= b.at for a, b in pairwise(merged))
        assert all(a.venue <= b.venue for a, b in pairwise(merged) if a.at == b.at)
        latest = max(part[0].at for part in parts) if align else 0
        for k, part in enumerate(parts):
            both = [e for e in merged if e.venue == f"v{k}"]
            own, closed = both[: len(part)], both[len(part) :]
            move = (latest - part[0].at if align else 0) + (by if k == 0 else 0)
            assert [(e.at - move, e.payload, e.direction) for e in own] == [
                (e.at, e.payload, e.direction) for e in part
            ]
            assert all((e.direction, e.payload) == (Direction.CLOSE, END_OF_RECORDING) for e in closed)
            assert len(closed) == (0 if part[-1].direction is Direction.CLOSE else 1)


def rename(entry: Input, k: int) -> Input:
    return Input(entry.seq, entry.turn, entry.at, entry.direction, f"v{k}", f"v{k}#1", entry.url, entry.payload)


class LosingFile:
    """A file of which only synced bytes are on the disk; at a power loss some unsynced ones may be too."""

    def __init__(self, file: AppendFile) -> None:
        self._file = file
        self.unsynced = b""

    def append(self, data: bytes) -> None:
        self.unsynced += data

    def sync(self) -> None:
        self.keep(len(self.unsynced))

    def keep(self, count: int) -> None:
        self._file.append(self.unsynced[:count])
        self.unsynced = b""

    def close(self) -> None:
        """The bytes stay unsynced."""


class LosingDisk:
    """A `FileLayer` whose newest file may be told to lose power."""

    def __init__(self) -> None:
        self.files: list[LosingFile] = []

    def create(self, path: Path) -> LosingFile:
        self.files.append(LosingFile(UnsyncedFile(path)))
        return self.files[-1]

    def sync_directory(self, path: Path) -> None:
        """Entries are durable at once here."""

    def replace(self, path: Path, data: bytes) -> None:
        raise AssertionError("a capture replaces no file")


@QUICK
@given(inputs(size=16).filter(bool), st.data())
def test_a_power_loss_loses_no_synced_input(entries: list[Input], data: st.DataObject) -> None:
    with scratch() as place:
        disk = LosingDisk()
        writer = Writer(place / "c", files=disk, segment_bytes=data.draw(st.sampled_from([1, 2000, 1 << 20])))
        synced = 0
        for entry in entries[: data.draw(st.integers(1, len(entries)))]:
            writer.append(entry)
            if data.draw(st.booleans()):
                writer.sync(entry.seq)
                synced = entry.seq
        for file in disk.files[:-1]:
            assert not file.unsynced, "a finished segment is durable"
        disk.files[-1].keep(data.draw(st.integers(0, len(disk.files[-1].unsynced))))
        got = list(read(place / "c"))
        assert got == entries[: len(got)]
        assert len(got) >= synced


def cut(whole: bytes, at: int) -> bytes:
    return whole[:at]


def flip(whole: bytes, at: int) -> bytes:
    return whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]


@QUICK
@given(inputs(venues=("a",)).filter(bool), st.sampled_from([cut, flip]), st.data())
def test_a_broken_gzip_yields_nothing(
    entries: list[Input], damage: Callable[[bytes, int], bytes], data: st.DataObject
) -> None:
    with scratch() as place:
        write_lines(entries, place / "x.gz")
        whole = (place / "x.gz").read_bytes()
        header = 10  # RFC 1952: magic, method, flags, mtime, extra flags, system; the last six carry no content
        broken = damage(whole, data.draw(st.integers(header, len(whole) - 1)))
        (place / "x.gz").write_bytes(broken)
        with pytest.raises(CaptureError, match=r"x\.gz, line \d+"):
            Capture(place / "x.gz", "a")
