"""Rows of collected files, sealed or being written.

Enters: a row file of tops or books: CSV, plain or gzipped, whole or cut anywhere, or Parquet. Leaves: its whole rows.
Never: a row of which the end is missing, or a file of another kind read as one of these.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.collect.schema import SCHEMAS
from cryptopipe.errors import CaptureError

_FIX = "give a file of tops or books that `cryptopipe collect` wrote"
_PARQUET = b"PAR1"
_CHUNK = 1 << 20


class Rows(NamedTuple):
    """The rows of one file: `kind` is `top` or `book`, each row by its columns."""

    kind: str
    rows: Iterable[dict[str, str]]


def read_rows(path: Path) -> Rows:
    """Raises `CaptureError` for a file of another kind."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror}", where=str(path), fix="check its permissions") from error
    return _parquet(path) if head == _PARQUET else _text(path)


def _text(path: Path) -> Rows:
    lines = _lines(path)
    first = next(lines, "")
    cells = next(csv.reader([first]), [])
    for kind in ("top", "book"):
        names = SCHEMAS[kind].names
        if tuple(cells) == names:
            return Rows(kind, _named(kind, path, lines, 2))
        if len(cells) == len(names) and _fits(kind, cells):
            return Rows(kind, _named(kind, path, _again(first, lines), 1))
    if not first:
        raise CaptureError("it has no whole row yet", where=str(path), fix="wait until something is written to it")
    raise CaptureError(f"neither tops nor books: it begins with {first[:60]!r}", where=str(path), fix=_FIX)


def _fits(kind: str, cells: list[str]) -> bool:
    """Of a file without a header."""
    return kind == "book" and cells[0].isdigit() and cells[2] in ("B", "A") and cells[5].isdigit()


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _named(kind: str, path: Path, lines: Iterator[str], number: int) -> Iterator[dict[str, str]]:
    names = SCHEMAS[kind].names
    for number, cells in enumerate(csv.reader(lines), number):  # noqa: B020 -- counts on from the header
        if len(cells) != len(names):
            raise CaptureError(
                f"{len(cells)} cells where a row of {kind} has {len(names)}", where=f"{path}, line {number}", fix=_FIX
            )
        yield dict(zip(names, cells, strict=True))


def _lines(path: Path) -> Iterator[str]:
    """Whole lines: what follows the last line end is being written, or was when the writer died."""
    rest = b""
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        source: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if packed else file
        while True:
            try:
                chunk = source.read1(_CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                return
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", errors="replace")


def _parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise CaptureError(f"cannot be read: {error}", where=str(path), fix=_FIX) from error
    for kind in ("top", "book"):
        if tuple(table.column_names) == SCHEMAS[kind].names:
            rows = ({name: "" if one is None else str(one) for name, one in row.items()} for row in table.to_pylist())
            return Rows(kind, rows)
    raise CaptureError(f"neither tops nor books: {', '.join(table.column_names)}", where=str(path), fix=_FIX)


def at_of(text: str, path: Path) -> Nanos:
    """Of `ts_iso` or epoch milliseconds. Raises `CaptureError`."""
    from cryptopipe.clock import parse_at

    try:
        return int(text) * MILLISECOND if text.isdigit() else parse_at(text)
    except ValueError as error:
        raise CaptureError(str(error), where=str(path), fix=_FIX) from error
