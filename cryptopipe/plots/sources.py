"""What a plot is of: captures, runs, collected files.

Enters: the texts of a command line. Leaves: inputs of captures, or files of rows. Never: a capture that is refused for
the line or batch that its writer has not finished.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptopipe import registry
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.jsonlines import GZIP_MAGIC
from cryptopipe.capture.merge import END_OF_RECORDING, Source, merge
from cryptopipe.errors import UsageError
from cryptopipe.journal.runs import find
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId

_CHUNK = 1 << 20
_NO_SUCH = "give a capture, VENUE=FILE for lines that do not name theirs, a collected file, a run's id, last, or live"


@dataclass(frozen=True)
class Told:
    """What was named: captures, or row files; `label` as a title says it."""

    captures: tuple[tuple[str | None, Path], ...]
    files: tuple[Path, ...]
    label: str


def told(texts: Sequence[str], data_dir: Path) -> Told:
    """Raises `UsageError` for what does not exist, and for captures beside row files."""
    captures: list[tuple[str | None, Path]] = []
    files: list[Path] = []
    for text in texts:
        venue, mark, name = text.partition("=")
        if mark and not Path(text).exists():
            registry.exchange(venue)
            path = Path(name).expanduser()
            if not path.exists():
                raise UsageError("no such file or directory", where=text, fix=_NO_SUCH)
            captures.append((venue, path))
        elif (path := Path(text).expanduser()).exists():
            _add(path, captures, files)
        elif "/" in text or "." in text:
            raise UsageError("no such file or directory", where=text, fix=_NO_SUCH)
        else:
            captures += [(None, run.capture) for run in find(data_dir, text)]
    if captures and files:
        raise UsageError("captures beside files of rows", where=", ".join(texts), fix="plot one kind at a time")
    if len(captures) > 1 and any(venue is None for venue, _ in captures):
        raise UsageError("of several captures each needs its venue", where=", ".join(texts), fix="write VENUE=FILE")
    return Told(tuple(captures), tuple(files), ", ".join(_short(text) for text in texts))


def _short(text: str) -> str:
    venue, mark, name = text.partition("=")
    return f"{venue} {Path(name).name}" if mark else Path(text).name or text


def _add(path: Path, captures: list[tuple[str | None, Path]], files: list[Path]) -> None:
    if not path.is_dir():
        if _has_rows(path) or path.suffix == ".json":
            files.append(path)
        else:
            captures.append((None, path))
        return
    if any(path.glob("*.arrows")):
        captures.append((None, path))
    elif (path / "capture").is_dir():
        captures.append((None, path / "capture"))
    else:
        found = sorted(one for one in path.iterdir() if one.is_file() and _has_rows(one))
        if not found:
            raise UsageError("neither a capture nor a folder of row files", where=str(path), fix=_NO_SUCH)
        files += found


def _has_rows(path: Path) -> bool:
    name = path.name.removesuffix(".part")
    return name.endswith((".csv", ".csv.gz", ".parquet"))


def plugins_of(told: Told) -> dict[VenueId, ExchangePlugin]:
    """Every venue that the captures may hold: those named, else all that are installed."""
    named = {venue for venue, _ in told.captures if venue is not None}
    if named:
        return {VenueId(name): registry.exchange(name) for name in sorted(named)}
    return {VenueId(name): plugin for name, plugin in registry.exchanges().items()}


def inputs_of(told: Told) -> Iterator[Input]:
    """Of all captures by time, as far as they are written, without the closes that end a recording."""
    with TemporaryDirectory(prefix="cryptopipe-plot-") as name:
        whole = [(venue, _whole(path, Path(name) / str(at))) for at, (venue, path) in enumerate(told.captures)]
        for entry in merge([Source(venue, path) for venue, path in whole]):
            if not (entry.direction is Direction.CLOSE and entry.payload == END_OF_RECORDING):
                yield entry


def _whole(path: Path, copy: Path) -> Path:
    """The file itself; of lines that break off, a copy of the whole ones. Native captures may break off."""
    if path.is_dir():
        return path
    with path.open("rb") as file:
        head = file.read(2)
        packed = head == GZIP_MAGIC
        if not packed and (head[:1] != b"{" or _ends_a_line(path)):
            return path
    if packed and _reads_to_its_end(path):
        return path
    rest = b""
    with path.open("rb") as file, copy.open("wb") as out:
        for chunk in _chunks(gzip.GzipFile(fileobj=file) if packed else file):
            lines, mark, tail = (rest + chunk).rpartition(b"\n")
            out.write(lines + mark)
            rest = tail
    return copy


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def _reads_to_its_end(path: Path) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            while file.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False
    return True


def _chunks(source: object) -> Iterator[bytes]:
    read = source.read1  # type: ignore[attr-defined]
    while True:
        try:
            chunk = read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return
        if not chunk:
            return
        yield chunk
