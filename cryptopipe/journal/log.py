"""The journal's truth: an append-only log of JSON lines, each with a checksum chained to the one before.

Enters: records, in the order of the run. Leaves: bytes in segments `000001.jsonl`, durable once `sync()` returned.
Never: a record that a failed write has put in doubt (the log then refuses everything), or one that depends on when
it was written.
"""

import hashlib
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from zlib import crc32

import msgspec

from cryptopipe.capture.files import DISK, AppendFile
from cryptopipe.clock import Nanos
from cryptopipe.errors import JournalError

FIRST_CRC = b"00000000"
"""What the first record is chained to."""

SEGMENT_BYTES = 64 << 20
"""A segment that has reached this size is closed and the next one opened."""

FLUSH_S = 0.05
"""What nobody waits for is durable about this much later."""


class Chain:
    """Encodes records: numbers from 1, each line's CRC-32 over the former line's CRC text and its own bytes."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
        self._crc = FIRST_CRC
        self.records = 0

    def line(self, seq: int, at: Nanos, kind: str, body: Any) -> bytes:
        """The next record, with its line end."""
        self.records += 1
        encoded = self._encoder.encode(body)
        head = b'{"n":%d,"seq":%d,"at":%d,"kind":"%s","body":%s' % (self.records, seq, at, kind.encode(), encoded)
        self._crc = b"%08x" % crc32(head, crc32(self._crc))
        return b'%s,"crc":"%s"}\n' % (head, self._crc)


class RecordSink(Protocol):
    """Where a run puts its records: a `Log` on disk, or a `MemoryLog` that a replay compares with one."""

    @property
    def records(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def append(self, seq: int, at: Nanos, kind: str, body: Any) -> int: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Segments(Protocol):
    """What the log needs of a `capture.files.FileLayer`."""

    def create(self, path: Path) -> AppendFile: ...


class MemoryLog:
    """The same records as a `Log` would hold, kept as `lines`."""

    def __init__(self) -> None:
        self._chain = Chain()
        self.lines: list[bytes] = []

    @property
    def records(self) -> int:
        """Records so far."""
        return self._chain.records

    @property
    def sha256(self) -> str:
        """Hex digest of all bytes so far."""
        return hashlib.sha256(b"".join(self.lines)).hexdigest()

    def append(self, seq: int, at: Nanos, kind: str, body: Any) -> int:
        """Add a record and return its number."""
        self.lines.append(self._chain.line(seq, at, kind, body))
        return self._chain.records

    def sync(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to release."""


class Log:
    """One run's log on disk. `append` only queues; `sync` returns when everything appended is durable.

    A background thread writes what nobody waits for about every 50 ms. The first failed write or sync is final: this
    and every later call raises `JournalError`, and nothing is tried again on a file whose state is unknown.
    """

    def __init__(self, directory: Path, files: Segments = DISK, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._files = files
        self._segment_bytes = segment_bytes
        self._chain = Chain()
        self._digest = hashlib.sha256()
        self._queue: list[bytes] = []
        self._commit_lock = threading.Lock()
        self._failure: OSError | None = None
        self._segment = 0
        self._room = 0
        self._file: AppendFile | None = None
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write_in_background, name="journal", daemon=True)

    @classmethod
    def open(cls, directory: Path, files: Segments = DISK, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Start the log of a new run. Raises `JournalError` if the directory holds one already."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.glob("*.jsonl")):
            raise JournalError("a log is already here, and a log is never continued", where=str(directory))
        log = cls(directory, files, segment_bytes)
        log._writer.start()
        return log

    @property
    def records(self) -> int:
        """Records appended so far, durable or not."""
        return self._chain.records

    @property
    def sha256(self) -> str:
        """Hex digest of all bytes so far, over all segments. Makes them durable first; raises `JournalError`."""
        self.sync()
        with self._commit_lock:
            return self._digest.hexdigest()

    def append(self, seq: int, at: Nanos, kind: str, body: Any) -> int:
        """Queue a record and return its number. Raises `JournalError` once the log has failed."""
        if self._failure is not None:
            raise self._refusal()
        self._queue.append(self._chain.line(seq, at, kind, body))
        return self._chain.records

    def sync(self) -> None:
        """Return when everything appended is durable. Raises `JournalError`, now and for ever after."""
        self._commit()
        if self._failure is not None:
            raise self._refusal()

    def close(self) -> None:
        """Make everything durable and release the file. Raises `JournalError`."""
        self._closing.set()
        if self._writer.ident is not None:
            self._writer.join()
        try:
            self.sync()
        finally:
            if self._file is not None:
                with suppress(OSError):  # what was acknowledged is durable already
                    self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write_in_background(self) -> None:
        while not self._closing.wait(FLUSH_S):
            self._commit()

    def _commit(self) -> None:
        """Write and sync the queue as one group; remember the first failure."""
        with self._commit_lock:
            if self._failure is not None or not self._queue:
                return
            group = self._queue[:]
            del self._queue[: len(group)]  # what `append` adds meanwhile stays behind it, in order
            try:
                self._write(group)
            except OSError as error:
                self._failure = error

    def _write(self, group: list[bytes]) -> None:
        data = b"".join(group)
        if self._room <= 0:
            self._next_segment()
        assert self._file is not None
        self._file.append(data)
        self._file.sync()
        self._digest.update(data)
        self._room -= len(data)

    def _next_segment(self) -> None:
        if self._file is not None:
            self._file.close()
        self._segment += 1
        self._room = self._segment_bytes
        self._file = self._files.create(self._directory / f"{self._segment:06d}.jsonl")

    def _refusal(self) -> JournalError:
        return JournalError(
            f"writing failed: {self._failure}; no record after it is accepted",
            where=str(self._directory),
            fix="free or repair the disk and start a new run",
        )
