"""What `merge` is given: data directories, and single row files.

Enters: paths. Leaves: for each stream each source's rows, with what their manifests say. Never: a file whose bytes are
not those that were sealed, a row of another stream.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptopipe.clock import MILLISECOND
from cryptopipe.collect.layout import HOUR, folder_kind, hour_ms, is_row_file, manifest_of, root, sealed_files
from cryptopipe.collect.manifest import Gap, Manifest, read_manifest, sha256_of
from cryptopipe.collect.merge import Part
from cryptopipe.collect.plan import RECORDING
from cryptopipe.collect.schema import SCHEMAS, Cell
from cryptopipe.errors import CaptureError, UsageError

_HOUR_MS = HOUR // MILLISECOND


class Stream(NamedTuple):
    """What rows belong together by."""

    venue: str
    folder: str
    symbol: str

    @property
    def name(self) -> str:
        """`alpha trade BTCUSDT`."""
        return " ".join(self)


class Facts(NamedTuple):
    """What is the same of all files of a stream."""

    kind: str
    instrument: str
    depth: int | None
    interval_ms: int | None
    header: bool
    market: str = RECORDING


def read_sources(paths: Sequence[Path]) -> tuple[Mapping[Stream, list[Part]], Mapping[Stream, Facts]]:
    """Every stream of all sources. Raises `UsageError` for a source that has none or whose rows are of another form
    than another one's, `CaptureError` for a damaged one.
    """
    parts: dict[Stream, list[Part]] = {}
    facts: dict[Stream, Facts] = {}
    for source in names_of(paths):
        path, name = source
        found = _Found(name)
        for file in _files(path):
            found.add(file)
        for stream, part in found.parts():
            mine, known = found.facts[stream], facts.setdefault(stream, found.facts[stream])
            if (mine.depth, mine.interval_ms) != (known.depth, known.interval_ms):
                raise UsageError(
                    f"{stream.name} has depth {mine.depth} every {mine.interval_ms} ms, another source depth"
                    f" {known.depth} every {known.interval_ms} ms",
                    where=name,
                    fix="merge what was collected alike",
                )
            parts.setdefault(stream, []).append(part)
    return parts, facts


def names_of(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Sources with the names that the report calls them by. Raises `UsageError` for one that is named twice."""
    seen: dict[Path, str] = {}
    for path in paths:
        if path.resolve() in seen:
            raise UsageError("is named twice", where=str(path), fix="name each source once")
        seen[path.resolve()] = str(path)
    return [(path, str(path)) for path in paths]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError("no such file or directory", where=str(path), fix="name data directories or row files")
    if path.is_file():
        return [path]
    files = list(sealed_files(path))
    if not files:
        raise UsageError(
            f"holds no sealed row file under {root(path).name}/",
            where=str(path),
            fix="name a data directory of `collect`, or its files",
        )
    return files


class _Found:
    """The rows of one source, by stream."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.facts: dict[Stream, Facts] = {}
        self._lines: dict[Stream, list[str]] = {}
        self._hours: dict[Stream, list[int]] = {}
        self._gaps: dict[Stream, list[Gap]] = {}
        self._filled: dict[Stream, set[str]] = {}
        self._cut: dict[Stream, set[int]] = {}

    def add(self, file: Path) -> None:
        told = read_manifest(file) if manifest_of(file).exists() else None
        lines = _rows(file, told)
        if told is not None:
            if told.sha256 != sha256_of(file):
                raise CaptureError("is not what was sealed", where=str(file), fix="restore it from a copy")
            stream = Stream(told.venue, folder_kind(told.kind, told.interval_ms), told.symbol)
            facts = Facts(told.kind, told.instrument, told.depth, told.interval_ms, told.header, told.market)
        else:
            stream, facts = _guessed(file, lines)
        self.facts.setdefault(stream, facts)
        hour = _hour_of(file, facts.kind, lines)
        if told is None or not told.complete:
            self._cut.setdefault(stream, set()).add(hour)
        self._lines.setdefault(stream, []).extend(lines)
        self._hours.setdefault(stream, []).extend([hour] * len(lines))
        self._gaps.setdefault(stream, []).extend(told.gaps if told is not None else ())
        self._filled.setdefault(stream, set()).update(told.filled if told is not None else ())

    def parts(self) -> Iterator[tuple[Stream, Part]]:
        for stream, lines in self._lines.items():
            gaps, filled = tuple(self._gaps[stream]), frozenset(self._filled[stream])
            whole = frozenset(self._hours[stream]) - self._cut.get(stream, set())
            yield stream, Part(self.source, lines, self._hours[stream], gaps, filled, whole)


def _rows(file: Path, told: Manifest | None) -> list[str]:
    """The lines of a file, without a header."""
    if file.name.endswith(".parquet"):
        return _of_parquet(file)
    try:
        data = file.read_bytes()
        text = (zlib.decompress(data, wbits=31) if data.startswith(b"\x1f\x8b") else data).decode()
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CaptureError(f"cannot be read: {why}", where=str(file), fix="restore it from a copy") from error
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    else:
        raise CaptureError("ends within a row", where=str(file), fix="name sealed files; a .part is being written")
    headed = told.header if told is not None else any(lines[:1] == [one.header] for one in SCHEMAS.values())
    return lines[1:] if headed else lines


def _of_parquet(file: Path) -> list[str]:
    from pyarrow import parquet

    columns = [column.to_pylist() for column in parquet.read_table(file).columns]
    return [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns, strict=True)]


def _guessed(file: Path, lines: Sequence[str]) -> tuple[Stream, Facts]:
    """By its rows, of a file without a manifest. Raises `UsageError`."""
    cells = lines[0].split(",") if lines else []
    kind = next((name for name, fits in _LOOKS.items() if fits(cells)), None)
    if kind is None:
        raise UsageError(
            f"neither a manifest nor rows of a known kind: {lines[:1]}",
            where=str(file),
            fix=f"rows are of {', '.join(SCHEMAS)}",
        )
    symbol = cells[SCHEMAS[kind].names.index("symbol")]
    venue = cells[1] if kind == "top" else file.name.partition("-")[0] if is_row_file(file) else "unknown"
    return Stream(venue, kind, symbol), Facts(kind, symbol, None, None, SCHEMAS[kind].always_headed)


def _cells(kind: str, cells: Sequence[str]) -> bool:
    columns = SCHEMAS[kind].columns
    if len(cells) != len(columns):
        return False
    integers = [cell for cell, column in zip(cells, columns, strict=True) if column.cell is Cell.INT]
    return all(cell.lstrip("-").isdecimal() for cell in integers)


_LOOKS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "trade": lambda cells: _cells("trade", cells) and cells[-1] in ("True", "False"),
    "book": lambda cells: _cells("book", cells) and cells[2] in ("B", "A"),
    "top": lambda cells: _cells("top", cells) and cells[0].endswith("+00:00"),
    "l3": lambda cells: _cells("l3", cells) and cells[2] in ("B", "A"),
    "candle": lambda cells: _cells("candle", cells),
}


def _hour_of(file: Path, kind: str, lines: Sequence[str]) -> int:
    """The hour of a file by its name, else of its first row, in hours of the epoch."""
    if is_row_file(file):
        return hour_ms(file) // _HOUR_MS
    if not lines:
        return 0
    first = lines[0].partition(",")[0]
    if kind == "top":
        from cryptopipe.clock import parse_at

        return parse_at(first) // HOUR
    return int(first) // _HOUR_MS
