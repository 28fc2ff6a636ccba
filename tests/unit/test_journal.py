"""The log: its bytes as documented, its durability, its failures; the runs' directories."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import pytest

from cryptopipe.errors import JournalError, UsageError
from cryptopipe.journal import runs
from cryptopipe.journal.log import Log, MemoryLog
from cryptopipe.journal.reader import Position, decode_body, read
from cryptopipe.journal.records import BODIES, Filled, Posted
from cryptopipe.model.facts import Side

AT = 1723161255088169167


class Memory:
    """A file layer that keeps what was synced apart from what was only written, and can fail."""

    def __init__(self, fail_append: int = 0, fail_sync: int = 0) -> None:
        self.durable: dict[str, bytes] = {}
        self.appends = self.syncs = 0
        self.fail_append, self.fail_sync = fail_append, fail_sync

    def create(self, path: Path) -> "MemoryFile":
        assert path.name not in self.durable
        self.durable[path.name] = b""
        return MemoryFile(self, path.name)


class MemoryFile:
    def __init__(self, layer: Memory, name: str) -> None:
        self.layer, self.name, self.written = layer, name, b""

    def append(self, data: bytes) -> None:
        self.layer.appends += 1
        if self.layer.appends == self.layer.fail_append:
            raise OSError(28, "No space left on device")
        self.written += data

    def sync(self) -> None:
        self.layer.syncs += 1
        if self.layer.syncs == self.layer.fail_sync:
            raise OSError(5, "Input/output error")
        self.layer.durable[self.name] += self.written
        self.written = b""

    def close(self) -> None:
        self.written = b""


def chained(*heads: bytes) -> bytes:
    """Lines as documented: a CRC-32 over the former CRC text and the line up to its own `,"crc"`."""
    lines, crc = b"", b"00000000"
    for head in heads:
        crc = b"%08x" % (crc32(crc + head) & 0xFFFFFFFF)
        lines += head + b',"crc":"' + crc + b'"}\n'
    return lines


def test_a_record_is_one_line_with_a_chained_checksum(tmp_path: Path) -> None:
    fill = Filled("1-1", "binance:BTCUSDT", Side.BUY, Decimal("61837.60"), Decimal("0.10"), Decimal("1E-8"), "BTC")
    with Log.open(tmp_path) as log:
        assert log.append(17, AT, fill.kind, fill) == 1
        assert log.append(18, AT + 1, "note", {"b": Decimal("0.10"), "a": [True, None]}) == 2
    written = (tmp_path / "000001.jsonl").read_bytes()
    assert written == chained(
        b'{"n":1,"seq":17,"at":1723161255088169167,"kind":"filled","body":{"client_id":"1-1","instrument":'
        b'"binance:BTCUSDT","side":"buy","price":"61837.60","quantity":"0.10","fee":"1E-8","fee_asset":"BTC"}',
        b'{"n":2,"seq":18,"at":1723161255088169168,"kind":"note","body":{"a":[true,null],"b":"0.10"}',
    )
    assert [json.loads(line)["n"] for line in written.splitlines()] == [1, 2]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    posted = Posted(3, "fill 1-1", (("wallet:binance", "BTC", Decimal("0.000000000000000001")),))
    with Log.open(tmp_path) as log:
        log.append(17, AT, posted.kind, posted)
    (record,) = read(tmp_path)
    assert (record.n, record.seq, record.at, record.kind) == (1, 17, AT, "posted")
    assert decode_body(record, BODIES[record.kind]) == posted


def test_a_body_of_another_version_is_named(tmp_path: Path) -> None:
    with Log.open(tmp_path) as log:
        log.append(1, AT, "filled", {"client": 1})
    (record,) = read(tmp_path)
    with pytest.raises(JournalError, match="record 1 is no filled that this version knows"):
        decode_body(record, Filled)


def test_the_memory_log_has_the_same_bytes_and_hash(tmp_path: Path) -> None:
    memory = MemoryLog()
    with Log.open(tmp_path, segment_bytes=200) as log:
        for seq in range(20):
            for sink in (log, memory):
                sink.append(seq, AT + seq, "note", {"text": "x" * seq})
            if seq % 3 == 0:
                log.sync()
        on_disk = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("*.jsonl")))
        assert log.sha256 == memory.sha256
    on_disk = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("*.jsonl")))
    assert on_disk == b"".join(memory.lines)
    assert memory.sha256 == hashlib.sha256(on_disk).hexdigest()
    assert (log.records, memory.records) == (20, 20)


def test_segments_continue_numbers_and_chain(tmp_path: Path) -> None:
    with Log.open(tmp_path, segment_bytes=1) as log:
        for seq in range(5):
            log.append(seq, AT, "note", {})
            log.sync()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:06d}.jsonl" for n in range(1, 6)]
    assert [record.n for record in read(tmp_path)] == [1, 2, 3, 4, 5]
    (tmp_path / "000003.jsonl").unlink()
    with pytest.raises(JournalError, match=r"segment 000003\.jsonl is missing"):
        list(read(tmp_path))


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    with Log.open(tmp_path, segment_bytes=100) as log:
        log.append(1, AT, "note", {})
        log.sync()
        first = read(tmp_path)
        assert [record.n for record in first] == [1]
        for seq in (2, 3, 4):
            log.append(seq, AT, "note", {})
            log.sync()
        assert [record.n for record in read(tmp_path, first.position)] == [2, 3, 4]
        assert first.position != Position()


def test_a_log_is_never_continued(tmp_path: Path) -> None:
    with Log.open(tmp_path) as log:
        log.append(1, AT, "note", {})
    with pytest.raises(JournalError, match="a log is never continued"):
        Log.open(tmp_path)


@pytest.mark.parametrize("layer", [Memory(fail_append=2), Memory(fail_sync=2)], ids=["full disk", "failed sync"])
def test_a_failed_write_is_final(tmp_path: Path, layer: Memory) -> None:
    log = Log(tmp_path, layer)
    log.append(1, AT, "note", {})
    log.sync()
    log.append(2, AT, "note", {})
    with pytest.raises(JournalError, match=r"writing failed: .*no record after it is accepted"):
        log.sync()
    tries = layer.appends + layer.syncs
    for refused in (log.sync, lambda: log.append(3, AT, "note", {}), log.close, lambda: log.sha256):
        with pytest.raises(JournalError, match="writing failed"):
            refused()
    assert layer.appends + layer.syncs == tries
    assert layer.durable["000001.jsonl"].count(b"\n") == 1


def test_a_group_is_one_write_and_one_sync(tmp_path: Path) -> None:
    layer = Memory()
    log = Log(tmp_path, layer)
    for seq in range(100):
        log.append(seq, AT, "note", {})
    assert layer.appends == 0
    log.sync()
    assert (layer.appends, layer.syncs) == (1, 1)
    log.sync()
    assert (layer.appends, layer.syncs) == (1, 1)
    log.close()


def test_a_missing_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere: there is no journal"):
        list(read(tmp_path / "nowhere"))


def test_runs_are_found_by_last_all_and_prefix(tmp_path: Path) -> None:
    made = [runs.create(tmp_path, AT + second * 10**9) for second in range(3)]
    for run in made:
        run.journal.mkdir()
    assert made[0].id.startswith("20240808T235415Z-")
    assert runs.list_runs(tmp_path) == made == runs.find(tmp_path, "all")
    assert runs.find(tmp_path, "last") == made[-1:]
    assert runs.find(tmp_path, made[1].id[:17]) == [made[1]]
    with pytest.raises(UsageError, match="3 runs begin with '2024'"):
        runs.find(tmp_path, "2024")
    with pytest.raises(UsageError, match="no run begins with '20240808T235416Z-zz'") as refused:
        runs.find(tmp_path, "20240808T235416Z-zz")
    assert made[1].id in refused.value.fix


def test_no_run_is_a_usage_error_with_a_way_out(tmp_path: Path) -> None:
    assert runs.find(tmp_path, "all") == []
    with pytest.raises(UsageError, match="no run in"):
        runs.find(tmp_path, "last")


def test_a_run_is_described_beside_its_journal(tmp_path: Path) -> None:
    run = runs.create(tmp_path, AT)
    run.describe({"seed": 7})
    assert run.description() == {"run_id": run.id, "started_at": "2024-08-08T23:54:15.088169167Z", "seed": 7}
    assert run.ending() == {}
    run.end(AT + 1, {"clean": True})
    assert run.ending() == {"run_id": run.id, "ended_at": "2024-08-08T23:54:15.088169168Z", "clean": True}
    (run.path / "ended.json").write_text("{")
    with pytest.raises(JournalError, match=r"ended\.json: not a JSON object"):
        run.ending()
