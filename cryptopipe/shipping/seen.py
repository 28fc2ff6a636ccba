"""What an upload has seen in a store, so that the next one need not ask for each object again.

Enters: an object's mark and hash when they were compared. Leaves: the hash of an object whose mark is still the same.
Never: an answer for an object that has changed since; without this file everything is asked again, and no more.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from threading import Lock

import msgspec

from cryptopipe.shipping.destination import Stored


class _Line(msgspec.Struct, frozen=True):
    key: str
    sha256: str
    size: int
    e_tag: str
    local: str
    """Size and time of the local file whose content it was; empty where it was not read."""


class Seen:
    """Of one data directory and one destination. Safe in threads; several processes may append."""

    def __init__(self, data_dir: Path, url: str) -> None:
        self.path = data_dir / "uploads" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.jsonl"
        self._lines: dict[str, _Line] = {}
        self._lock = Lock()
        if self.path.is_file():
            for text in self.path.read_bytes().splitlines():
                try:
                    line = msgspec.json.decode(text, type=_Line)
                except msgspec.DecodeError:  # torn by a crash: it is asked again
                    continue
                self._lines[line.key] = line

    def stored(self, key: str, there: Stored) -> str | None:
        """The hash of the object that a listing shows, if it was seen with the same mark and size."""
        line = self._lines.get(key)
        same = line is not None and there.e_tag and (line.e_tag, line.size) == (there.e_tag, there.size)
        return line.sha256 if line is not None and same else None

    def local(self, key: str, path: Path) -> str | None:
        """The hash of a local file that has not changed since it was read: its size, time and inode are the same."""
        line = self._lines.get(key)
        return line.sha256 if line is not None and line.local == mark_of(path) else None

    def keep(self, key: str, sha256: str, there: Stored, path: Path) -> None:
        """That this file and this object have the same content; on a full disk the next upload asks again."""
        line = _Line(key, sha256, there.size, there.e_tag, mark_of(path))
        with self._lock:
            if self._lines.get(key) == line:
                return
            self._lines[key] = line
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("ab") as opened:
                    opened.write(msgspec.json.encode(line) + b"\n")


def mark_of(path: Path) -> str:
    """What changes when a file does."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
