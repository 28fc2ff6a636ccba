"""The spool: alerts that were told, in files of JSON lines that any number of processes append to.

Enters: alerts. Leaves: `DATA_DIR/alerts/spool.jsonl`, older ones as `spool-000001.jsonl`, …, and their lines in order
with their places. Never: a torn line read as an alert, two lines in one, more than `FILES` files, an error for who
tells.

One `write` with O_APPEND adds a line, so lines of several processes do not mix. A full file is renamed under an
exclusive lock of itself while appenders hold shared ones, so a renamed file never grows again.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from cryptopipe.alerts.alert import Alert, from_line, to_line

FILE_BYTES = 4 << 20
"""A file longer than this is renamed; while others append to it, at twice this at the latest."""
FILES = 4
"""What is kept of renamed files; the oldest is deleted, delivered or not."""

_log = structlog.get_logger()


class Place(NamedTuple):
    """Where a line begins: the number of its file, counted from 1, and the byte in it."""

    file: int
    offset: int


class Line(NamedTuple):
    """One line: its place, the place after it, and its alert; None where it is torn or foreign."""

    place: Place
    after: Place
    alert: Alert | None


START = Place(1, 0)


class Spool:
    """The spool of one data directory; any number of processes may have one. It keeps no file open."""

    def __init__(self, data_dir: Path, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self.directory = data_dir / "alerts"
        self.path = self.directory / "spool.jsonl"
        self._file_bytes = file_bytes
        self._files = files
        self._failed = False

    def tell(self, alert: Alert) -> bool:
        """Append the alert durably; True when it survives a power loss.

        False, with `alert.untold` in the log once until it works again, where the disk does not take it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._append(to_line(alert))
        except OSError as error:
            if not self._failed:
                reason = error.strerror or type(error).__name__
                _log.warning("alert.untold", alert=alert.kind, where=alert.where, reason=reason, file=str(self.path))
            self._failed = True
            return False
        self._failed = False
        return True

    def _append(self, line: bytes) -> None:
        file = self._open_current()
        try:
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            whole = b"\n" + line if torn else line
            if os.write(file, whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(file)
            if not size:
                self._sync_directory()
            size += len(whole)
            if size > self._file_bytes:
                self._rename(file, patient=size > 2 * self._file_bytes)
        finally:
            os.close(file)

    def _sync_directory(self) -> None:
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _open_current(self) -> int:
        """The file that is not renamed, open and locked against renaming."""
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_SH)
                if self._is_current(file):
                    return file
            except OSError:
                os.close(file)
                raise
            os.close(file)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False

    def _rename(self, file: int, patient: bool) -> None:
        """Give a full file its number; one that another process appends to just now later, unless `patient`."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX if patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not self._is_current(file):
            return
        numbers = self._renamed()
        self.path.rename(self._numbered(numbers[-1] + 1 if numbers else 1))
        for old in numbers[: max(0, len(numbers) + 1 - self._files)]:
            self._numbered(old).unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self.directory / f"spool-{number:06d}.jsonl"

    def _renamed(self) -> list[int]:
        """The numbers of the renamed files, ascending."""
        stems = [path.stem.removeprefix("spool-") for path in self.directory.glob("spool-*.jsonl")]
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def first(self) -> Place:
        """Where the oldest line that is kept begins."""
        numbers = self._renamed()
        return Place(numbers[0], 0) if numbers else START

    def end(self) -> Place:
        """The place behind the last whole line."""
        last = self.first()
        for line in self.lines(last):
            last = line.after
        return last

    def lines(self, place: Place = START) -> Iterator[Line]:
        """Whole lines from a place on, in order; a line that is still being written is left for the next time.

        A place in a file that was deleted is taken as the first one kept, one beyond the end as well: the spool was
        removed. Raises `OSError` where a file cannot be read.
        """
        while True:
            numbers = self._renamed()
            newest = numbers[-1] + 1 if numbers else 1
            if place.file > newest or (numbers and place.file < numbers[0]):
                place = Place(numbers[0] if numbers else 1, 0)
            final = place.file in numbers
            try:
                content = (self._numbered(place.file) if final else self.path).read_bytes()
            except FileNotFoundError:
                if final:
                    continue  # deleted since; look again
                return
            if not final and place.file in self._renamed():
                continue  # renamed while it was read
            for line in _lines(content, place, final):
                yield line
                place = line.after
            if not final:
                return
            place = Place(place.file + 1, 0)


def _lines(content: bytes, place: Place, final: bool) -> Iterator[Line]:
    """The lines of one file from a place on; of a file that never grows again the torn last one, too."""
    start = place.offset if place.offset <= len(content) else 0
    while start < len(content):
        end = content.find(b"\n", start) + 1
        if not end:
            if not final:
                return
            end = len(content)
        text = content[start:end]
        if text.strip():
            yield Line(Place(place.file, start), Place(place.file, end), _alert(text))
        start = end


def _alert(text: bytes) -> Alert | None:
    try:
        return from_line(text)
    except ValueError:
        return None
