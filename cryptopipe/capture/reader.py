"""The one reader of captures.

Enters: a native capture (a directory, or one of its segments) or a file of JSON lines; the first bytes decide.
Leaves: its inputs, in its order. Never: an input from bytes that are damaged; only the end of a native capture may be
missing, where a crash cut it, and `complete` says so.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from cryptopipe.capture.arrows import END, MAGIC, Decoder, Torn, unfinished
from cryptopipe.capture.inputs import Input
from cryptopipe.capture.jsonlines import GZIP_MAGIC, check_gzip, read_lines
from cryptopipe.errors import CaptureError

_SEGMENT = re.compile(r"\d{6,}\.arrows")
_FIX = "give a capture directory, one of its .arrows segments, or JSON lines (plain or gzip)"


class Capture:
    """One capture, opened but not yet read; each iteration reads it from its start.

    `venue` None reads every input as written. A name is that of the lines which do not tell theirs, and of those
    which do only its own are read, without ticks and commands. Opening raises `CaptureError` if the path is missing,
    empty, foreign, or a gzip that does not read to its end; iterating, if a line or batch cannot be read, or if no
    input is the venue's.
    """

    def __init__(self, path: Path, venue: str | None = None) -> None:
        self.path = path
        self.venue = venue
        self.files: list[Path] = _files(path)
        """The segments in order, or the one file of lines."""
        head = _head(self.files[0])
        self.native = path.is_dir() or head.startswith(MAGIC)
        self.complete = True
        """False where a crash cut the end of a native capture, or where it is still being written."""
        self.meta: Mapping[str, str] = {}
        """What its writer was told to keep, such as a label; empty for lines."""
        if self.native:
            self._look(head)
        elif head.startswith(GZIP_MAGIC):
            check_gzip(path)
        elif not head.lstrip().startswith(b"{"):
            raise CaptureError(f"not a capture: it begins with {head!r}", where=str(path), fix=_FIX)

    def __iter__(self) -> Iterator[Input]:
        inputs = chain.from_iterable(self.batches()) if self.native else read_lines(self.path, self.venue)
        return inputs if self.venue is None else self._own(inputs, self.venue)

    def batches(self) -> Iterator[list[Input]]:
        """The inputs of a native capture, a written batch at a time, of every venue."""
        crc: int | None = None
        for number, file in enumerate(self.files, 1):
            data = file.read_bytes()
            last = file is self.files[-1]
            try:
                decoder = _decoder(file, data)
                if crc is not None and decoder.crc_before != crc:
                    raise CaptureError("does not continue the segment before it", where=str(file), fix=_RESTORE)
                yield from decoder
                crc = decoder.crc
                if not last and not data.endswith(END):
                    raise CaptureError("ends early, though a segment follows it", where=str(file), fix=_RESTORE)
            except Torn as torn:
                if not last or not unfinished(data, torn.position):
                    raise _damaged(file, data, torn, number) from torn

    def _own(self, inputs: Iterator[Input], venue: str) -> Iterator[Input]:
        others: dict[str, None] = {}
        found = False
        for entry in inputs:
            if entry.venue == venue:
                found = True
                yield entry
            elif not found:
                others[entry.venue] = None
        if not found and (others or not self.native):
            held = ", ".join(name for name in others if name) or "nothing"
            raise CaptureError(
                f"holds no input of venue {venue!r}: it holds {held}", where=str(self.path), fix="name a venue it holds"
            )

    def _look(self, head: bytes) -> None:
        last = self.files[-1]
        with last.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(END)))
            self.complete = file.read() == END
        if head and not MAGIC.startswith(head[: len(MAGIC)]):
            raise CaptureError(f"not a capture: it begins with {head!r}", where=str(self.files[0]), fix=_FIX)
        data = _head(self.files[0], 1 << 16)
        try:
            meta = _decoder(self.files[0], data).meta
        except Torn as torn:
            if len(self.files) > 1 or not unfinished(data, torn.position):
                raise _damaged(self.files[0], data, torn, 1) from torn
            return
        self.meta = {key[5:]: value for key, value in meta.items() if key.startswith("meta.")}


_RESTORE = "restore the segment from a copy; the segments before it can be read by themselves"


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise CaptureError("no such file or directory", where=str(path), fix=_FIX)
    if not path.is_dir():
        return [path]
    found = sorted((p for p in path.iterdir() if _SEGMENT.fullmatch(p.name)), key=lambda p: int(p.stem))
    if not found:
        raise CaptureError("a directory without a capture: no 000001.arrows", where=str(path), fix=_FIX)
    for number, file in enumerate(found, 1):
        if int(file.stem) != number:
            raise CaptureError(f"segment {number:06d}.arrows is missing", where=str(path), fix=_RESTORE)
    return found


def _head(path: Path, size: int = 16) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror}", where=str(path), fix="check its permissions") from error


def _decoder(file: Path, data: bytes) -> Decoder:
    decoder = Decoder(data)
    try:
        decoder.begin()
    except ValueError as error:
        raise CaptureError(str(error), where=str(file), fix=_FIX) from error
    return decoder


def _damaged(file: Path, data: bytes, torn: Torn, number: int) -> CaptureError:
    return CaptureError(
        f"batch at byte {torn.position} of {len(data)} is damaged: {torn}",
        where=f"{file} (segment {number})",
        fix="restore the segment from a copy; the inputs before the damage were read",
    )


def read(path: Path, venue: str | None = None) -> Iterator[Input]:
    """The inputs of a capture. `venue` and errors as in `Capture`."""
    return iter(Capture(path, venue))
