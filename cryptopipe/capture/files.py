"""Where bytes become durable: the few file calls that capture and journal need.

Enters: bytes. Leaves: a file of which every byte before the last `sync` survives a power loss. Never: a short write
taken for a whole one, or an error that is hidden.
"""

import os
from pathlib import Path
from typing import Protocol


class AppendFile(Protocol):
    """A file that only grows."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end; after a crash of the process they are there. Raises `OSError`."""

    def sync(self) -> None:
        """Return when everything appended survives a power loss. Raises `OSError`, which is final for this file."""

    def close(self) -> None:
        """Release the file. Syncs nothing."""


class FileLayer(Protocol):
    """Makes files. Tests put one here that loses what was not synced."""

    def create(self, path: Path) -> AppendFile:
        """A new, empty file whose directory entry is durable. Raises `OSError`, also if it exists."""

    def sync_directory(self, path: Path) -> None:
        """Return when the entries of a directory are durable. Raises `OSError`."""

    def replace(self, path: Path, data: bytes) -> None:
        """Put a whole file in place of another: after a crash the old one or the new one. Raises `OSError`."""


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

    def create(self, path: Path) -> AppendFile:
        """A new file whose directory entry is durable too."""
        file = DiskFile(path)
        self.sync_directory(path.parent)
        return file

    def sync_directory(self, path: Path) -> None:
        """Return when the entries of a directory are durable."""
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def replace(self, path: Path, data: bytes) -> None:
        """Temporary file, sync, rename, sync of the directory."""
        draft = path.with_name(f".{path.name}.new")
        draft.unlink(missing_ok=True)
        file = DiskFile(draft)
        try:
            file.append(data)
            file.sync()
        finally:
            file.close()
        draft.replace(path)
        self.sync_directory(path.parent)


DISK = Disk()
"""The disk itself."""
