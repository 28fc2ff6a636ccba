"""Laws of the log: nothing altered is believed, nothing acknowledged is lost."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.errors import JournalError
from cryptopipe.journal.log import Log, MemoryLog
from cryptopipe.journal.reader import Record, read

AT = 1723161255088169167

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12)
bodies = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@pytest.fixture(scope="module")
def written() -> bytes:
    memory = MemoryLog()
    for seq, body in enumerate([{}, {"a": '{"n":1,"seq":'}, {"text": "long" * 9}, {"n": 5, "seq": 4}, {}, {"b": [1]}]):
        memory.append(seq, AT + seq, "note", body)
    return b"".join(memory.lines)


def line_ends(data: bytes) -> list[int]:
    return [place + 1 for place, byte in enumerate(data) if byte == ord("\n")]


def read_bytes(directory: Path, data: bytes) -> tuple[list[Record], int]:
    (directory / "000001.jsonl").write_bytes(data)
    records = read(directory)
    return list(records), records.torn_bytes


@given(st.lists(st.tuples(st.text("abc_", min_size=1), st.dictionaries(st.text(), bodies, max_size=3)), max_size=8))
@settings(deadline=None, max_examples=60)
def test_reading_gives_what_was_appended(entries: list[tuple[str, Any]]) -> None:
    import msgspec

    with TemporaryDirectory() as directory:
        with Log.open(Path(directory), segment_bytes=150) as log:
            for seq, (kind, body) in enumerate(entries):
                log.append(seq, AT + seq, kind, body)
        found = [
            (record.n, record.seq, record.kind, msgspec.json.decode(record.body)) for record in read(Path(directory))
        ]
    assert found == [(seq + 1, seq, kind, body) for seq, (kind, body) in enumerate(entries)]


def test_every_flipped_bit_is_noticed_where_it_is(tmp_path: Path, written: bytes) -> None:
    ends = line_ends(written)
    for place in range(len(written)):
        altered = bytearray(written)
        altered[place] ^= 1 << (place % 8)
        record = sum(1 for end in ends if end <= place) + 1
        if record == len(ends):
            found, torn = read_bytes(tmp_path, bytes(altered))
            assert (len(found), torn) == (len(ends) - 1, len(written) - ends[-2])
        else:
            with pytest.raises(JournalError, match=rf"000001\.jsonl:\d+: record {record} is damaged"):
                read_bytes(tmp_path, bytes(altered))


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_altered_byte_is_noticed(written: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != written[place]))
    ends = line_ends(written)
    with TemporaryDirectory() as directory:
        altered = written[:place] + bytes([byte]) + written[place + 1 :]
        try:
            found, torn = read_bytes(Path(directory), altered)
        except JournalError:
            return
    assert place >= ends[-2]
    assert len(found) == len(ends) - 1 and torn


def test_truncation_at_any_byte_gives_the_prefix(tmp_path: Path, written: bytes) -> None:
    ends = [0, *line_ends(written)]
    for size in range(len(written) + 1):
        whole = max(end for end in ends if end <= size)
        found, torn = read_bytes(tmp_path, written[:size])
        assert (len(found), torn) == (ends.index(whole), size - whole)


@given(st.integers(0, 5), st.integers(1, 200))
@settings(deadline=None, max_examples=50)
def test_zeros_or_a_removed_line_in_the_middle_are_damage(written: bytes, record: int, size: int) -> None:
    ends = [0, *line_ends(written)]
    removed = written[: ends[record]] + written[ends[record + 1] :]
    zeroed = (
        written[: ends[record]] + bytes(min(size, ends[record + 1] - ends[record])) + written[ends[record] + size :]
    )
    with TemporaryDirectory() as directory:
        if record < 4:  # two sound records follow
            with pytest.raises(JournalError, match=f"record {record + 1} is damaged"):
                read_bytes(Path(directory), removed)
        assert len(read_or_nothing(Path(directory), zeroed)) <= record


def read_or_nothing(directory: Path, data: bytes) -> list[Record]:
    try:
        return read_bytes(directory, data)[0]
    except JournalError:
        return []


class PowerCut(Exception):
    pass


class Lossy:
    """A disk whose power fails before its n-th sync: of what was not synced, an arbitrary part of the end is kept."""

    def __init__(self, cut: int, keep: float) -> None:
        self.syncs_left, self.keep = cut, keep
        self.files: list[LossyFile] = []

    def create(self, path: Path) -> "LossyFile":
        self.files.append(LossyFile(self, path))
        return self.files[-1]

    def lose_power(self) -> None:
        for file in self.files:
            file.path.write_bytes(file.durable + file.pending[: int(len(file.pending) * self.keep)])


class LossyFile:
    def __init__(self, disk: Lossy, path: Path) -> None:
        self.disk, self.path, self.durable, self.pending = disk, path, b"", b""

    def append(self, data: bytes) -> None:
        self.pending += data

    def sync(self) -> None:
        self.disk.syncs_left -= 1
        if not self.disk.syncs_left:
            raise PowerCut
        self.durable, self.pending = self.durable + self.pending, b""

    def close(self) -> None:
        pass


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 20), st.floats(0, 1), st.integers(1, 400))
@settings(deadline=None, max_examples=120)
def test_a_power_cut_loses_nothing_acknowledged(acknowledge: list[bool], cut: int, keep: float, segment: int) -> None:
    """A record may stay that nobody was told of: a durable intent without an answer is possibly sent."""
    disk = Lossy(cut, keep)
    acknowledged = appended = 0
    with TemporaryDirectory() as directory:
        log = Log(Path(directory), disk, segment)
        try:
            for seq, wanted in enumerate(acknowledge):
                appended = log.append(seq, AT, "note", {"x": "y" * (seq % 7)})
                if wanted:
                    log.sync()
                    acknowledged = appended
        except PowerCut:
            pass
        disk.lose_power()
        found = [record.n for record in read(Path(directory))]
    assert found == list(range(1, len(found) + 1))
    assert acknowledged <= len(found) <= appended
