"""The one writer of captures.

Enters: inputs, in order. Leaves: `000001.arrows`, `000002.arrows`, … in one directory. Never: an input acknowledged
by `sync` and lost, or a call that goes on after a failed write.

`append` only keeps the input; a batch is written after 1,024 inputs or a second of stamps, in the caller's thread
(a full one takes about a millisecond), so a crash of the process loses at most the last second, and a power loss what
came after the last `sync`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from cryptopipe.capture.arrows import Encoder
from cryptopipe.capture.files import DISK, AppendFile, FileLayer
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CaptureError

BATCH = 1024
SEGMENT_BYTES = 64 << 20


class Writer:
    """Writes one capture into a directory that holds none. Use it as a context manager, or call `close`.

    `meta` is free text by key, kept in every segment; `span` is the longest time in one batch. Every method raises
    `CaptureError` after a write failed.
    """

    def __init__(
        self,
        directory: Path,
        meta: Mapping[str, str] | None = None,
        files: FileLayer = DISK,
        segment_bytes: int = SEGMENT_BYTES,
        span: Nanos = SECOND,
    ) -> None:
        self.directory = directory
        self.durable = 0
        """The number of the last input that survives a power loss."""
        self._meta = dict(meta or {})
        self._files = files
        self._segment_bytes = segment_bytes
        self._span = span
        self._batch: list[Input] = []
        self._limit = BATCH
        self._last = 0
        self._segment = 0
        self._crc = 0
        self._failure: CaptureError | None = None
        if directory.is_dir() and any(directory.glob("*.arrows")):
            raise CaptureError("holds a capture already", where=str(directory), fix="name a new directory")
        self._guarded(self._begin)

    def append(self, entry: Input) -> None:
        """Take an input; its batch is written when it is full or a second long."""
        batch = self._batch
        batch.append(entry)
        if len(batch) >= self._limit or entry.at - batch[0].at >= self._span:
            self.flush()

    def flush_due(self, now: Nanos) -> None:
        """Write what is older than a second. A loop calls it when no input comes."""
        if self._batch and now - self._batch[0].at >= self._span:
            self.flush()

    def flush(self) -> None:
        """Write what was appended: a crash of the process no longer loses it."""
        self._guarded(self._write)

    def sync(self, seq: int) -> None:
        """Return when every input up to `seq` survives a power loss."""
        if self._failure is None and seq <= self.durable:
            return
        newest = self._batch[-1].seq if self._batch else self._last
        if seq > newest:
            raise ValueError(f"cannot sync up to input {seq}: the newest appended is {newest}")
        self._guarded(self._sync)

    def cut(self) -> None:
        """Begin another segment, if anything is in this one: that one is durable and can be read by itself."""
        if self._batch or self._size:
            self._guarded(self._cut)

    @property
    def segment(self) -> int:
        """The number of the segment that is being written, from 1; 0 after `close`."""
        return self._segment

    def close(self) -> None:
        """Write the rest and the mark of a complete capture, durably. A second call does nothing."""
        if self._segment:
            if self._failure is not None:
                self._file.close()
            self._guarded(self._finish)
            self._segment, self._limit = 0, 0
            self._failure = CaptureError("the capture is closed", where=str(self.directory))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._failure is None:
            self.close()

    def _guarded(self, action: Callable[[], None]) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            action()
        except (OSError, CaptureError) as error:
            why = f"cannot be written: {error.strerror or error}" if isinstance(error, OSError) else error.message
            self._failure = CaptureError(why, where=str(self.directory), fix="free or mend the disk, then start again")
            self._limit = 0
            raise self._failure from error

    def _begin(self) -> None:
        if not self.directory.is_dir():
            self.directory.mkdir(parents=True)
            self._files.sync_directory(self.directory.parent)
        self._open()

    def _open(self) -> None:
        self._segment += 1
        self._file: AppendFile = self._files.create(self.directory / f"{self._segment:06d}.arrows")
        self._encoder = Encoder(self._meta, self._crc)
        self._size = 0

    def _write(self) -> None:
        if not self._batch:
            return
        if self._size >= self._segment_bytes:
            self._end()
            self._open()
        data = self._encoder.encode(self._batch)
        self._file.append(data)
        self._size += len(data)
        self._last = self._batch[-1].seq
        self._batch.clear()

    def _cut(self) -> None:
        self._write()
        self._end()
        self._open()

    def _sync(self) -> None:
        self._write()
        self._file.sync()
        self.durable = self._last

    def _end(self) -> None:
        self._file.append(self._encoder.end())
        self._file.sync()
        self._file.close()
        self.durable, self._crc = self._last, self._encoder.crc

    def _finish(self) -> None:
        self._write()
        self._end()
        self._files.sync_directory(self.directory)
