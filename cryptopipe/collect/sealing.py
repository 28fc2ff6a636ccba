"""From a part file to a sealed one: compressed, durable, its manifest last.

Enters: the facts of a file, its rows in a part file. Leaves: the file and its manifest. Never: a manifest before its
file is durable, bytes that another reading of the same capture would write otherwise.
"""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.capture.files import DISK, FileLayer
from cryptopipe.clock import Nanos, format_at
from cryptopipe.collect.layout import Place, manifest_of, part_of
from cryptopipe.collect.manifest import Gap, Manifest, encode
from cryptopipe.collect.plan import LIVE, Wanted
from cryptopipe.collect.schema import SCHEMAS, Cell, Schema
from cryptopipe.errors import CaptureError

_LEVEL = 6


@dataclass(frozen=True)
class Series:
    """What is the same for all files of one stream."""

    place: Place
    wanted: Wanted
    instrument: str
    form: str
    header: bool
    max_bytes: int
    session: str
    capture: str
    began_at: Nanos
    market: str = LIVE

    @property
    def schema(self) -> Schema:
        """Its columns."""
        return SCHEMAS[self.wanted.kind]

    @property
    def headed(self) -> bool:
        """Whether its files begin with a header."""
        return (self.header or self.schema.always_headed) and self.form == "csv"


@dataclass
class Draft:
    """One file while it is written."""

    path: Path
    hour: int
    done: bool
    """Sealed already, by an earlier reading of the same capture: nothing is written."""
    rows: int = 0
    size: int = 0
    first_event_ms: int = 0
    last_event_ms: int = 0
    first_at: Nanos = 0
    last_at: Nanos = 0
    first_seq: int = 0
    last_seq: int = 0
    waiting: list[str] = field(default_factory=list)
    chars: int = 0


class Sealer:
    """Makes files of drafts, in a thread of its own where one is given. `durable` is told the last input of a draft
    before it is sealed; `now` stamps manifests. A failure is raised by the next call.
    """

    def __init__(
        self,
        now: Callable[[], Nanos],
        durable: Callable[[int], None] = lambda seq: None,
        thread: ThreadPoolExecutor | None = None,
        files: FileLayer = DISK,
    ) -> None:
        self.now, self.durable, self.files = now, durable, files
        self._thread = thread
        self._under_way: list[Future[None]] = []

    def begin(self, path: Path) -> None:
        """A part file of a crashed writer is no part of this one."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part_of(path).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error

    def write(self, path: Path, text: str) -> None:
        """Add rows to a part file. Raises `CaptureError`."""
        self._raise_failures()
        try:
            with part_of(path).open("ab") as part:
                part.write(text.encode())
        except OSError as error:
            raise unwritable(path, error) from error

    def seal(self, series: Series, draft: Draft, complete: bool, gaps: Sequence[Gap], filled: Sequence[str]) -> None:
        """Make the file and its manifest durable. Raises `CaptureError`."""
        self._raise_failures()
        self.durable(draft.last_seq)
        if self._thread is None:
            _make(self, series, draft, complete, gaps, filled)
        else:
            self._under_way.append(self._thread.submit(_make, self, series, draft, complete, gaps, filled))

    def wait(self) -> None:
        """Return when everything is sealed. Raises `CaptureError`."""
        under_way, self._under_way = self._under_way, []
        for one in under_way:
            one.result()

    def _raise_failures(self) -> None:
        while self._under_way and self._under_way[0].done():
            self._under_way.pop(0).result()


def _make(
    sealer: Sealer, series: Series, draft: Draft, complete: bool, gaps: Sequence[Gap], filled: Sequence[str]
) -> None:
    part = part_of(draft.path)
    try:
        text = part.read_bytes()
        data = zlib.compress(text, _LEVEL, wbits=31) if series.form == "csv" else _parquet(series.schema, text)
        sealer.files.replace(draft.path, data)
        told = _manifest(series, draft, data, complete, gaps, filled, sealer.now())
        sealer.files.replace(manifest_of(draft.path), encode(told))
        part.unlink()
    except OSError as error:
        raise unwritable(draft.path, error) from error


def _manifest(
    series: Series, draft: Draft, data: bytes, complete: bool, gaps: Sequence[Gap], filled: Sequence[str], now: Nanos
) -> Manifest:
    return Manifest(
        file=draft.path.name,
        venue=series.place.venue,
        symbol=series.place.symbol,
        instrument=series.instrument,
        kind=series.wanted.kind,
        depth=series.wanted.depth,
        interval_ms=series.wanted.interval_ms,
        form=series.form,
        header=series.header or series.schema.always_headed,
        rows=draft.rows,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        first_event_ms=draft.first_event_ms,
        last_event_ms=draft.last_event_ms,
        first_received_at=format_at(draft.first_at),
        last_received_at=format_at(draft.last_at),
        market=series.market,
        session=series.session,
        capture=series.capture,
        first_seq=draft.first_seq,
        last_seq=draft.last_seq,
        complete=complete,
        gaps=tuple(gaps),
        filled=tuple(filled),
        sealed_at=format_at(now),
    )


def _parquet(schema: Schema, text: bytes) -> bytes:
    """The same rows as columns: times and other integers int64, everything else as its text."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    types = {one.name: pa.int64() if one.cell is Cell.INT else pa.string() for one in schema.columns}
    table = csv.read_csv(
        pa.BufferReader(text),
        read_options=csv.ReadOptions(column_names=list(schema.names), use_threads=False),
        parse_options=csv.ParseOptions(quote_char=False),
        convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def unwritable(path: Path, error: OSError) -> CaptureError:
    """What a full or broken disk is told as."""
    return CaptureError(
        f"cannot be written: {error.strerror or error}",
        where=str(path),
        fix="free or mend the disk, then start again: the rows are made again from the capture",
    )
