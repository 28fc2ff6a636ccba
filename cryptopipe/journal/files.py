"""Where bytes become durable: the few file calls that the log needs.

Enters: bytes. Leaves: a file of which every byte before the last `sync` survives a power loss. Never: a short write
taken for a whole one, or an error that is hidden.
"""

import os
from pathlib import Path
from typing import Protocol


class AppendFile(Protocol):
    """A file that only grows."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end. Raises `OSError`."""

    def sync(self) -> None:
        """Return when everything appended is durable. Raises `OSError`."""

    def close(self) -> None: ...


class FileLayer(Protocol):
    """Makes files. Tests put one here that loses what was not synced."""

    def create(self, path: Path) -> AppendFile:
        """A new, empty, durable directory entry. Raises `OSError`, also if it exists."""


class DiskFile:
    """An `AppendFile` on the disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        """Return when everything appended is durable."""
        getattr(os, "fdatasync", os.fsync)(self._descriptor)

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._descriptor)


class Disk:
    """The `FileLayer` of the operating system."""

    def create(self, path: Path) -> DiskFile:
        """A new file whose directory entry is durable too."""
        file = DiskFile(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return file


DISK = Disk()
