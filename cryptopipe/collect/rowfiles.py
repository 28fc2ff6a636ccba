"""Row files: rows go in as text, sealed files come out.

Enters: rows with the input that made them, hours. Leaves: a file begun at each hour of receive stamps and each time
that it is full, sealed with its manifest last. Never: a file changed after it was sealed, one without a row, or a row
in it whose input the capture does not hold durably.

Every boundary is a function of the inputs: a second reading of the same capture writes the same files, and passes over
those that are sealed.
"""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.capture.files import DISK, FileLayer
from cryptopipe.clock import MILLISECOND, Nanos, format_at
from cryptopipe.collect.layout import HOUR, Place, is_row_file, manifest_of, number_of, part_of
from cryptopipe.collect.manifest import Gap, Manifest, encode, read_manifest
from cryptopipe.collect.plan import Wanted
from cryptopipe.collect.schema import SCHEMAS, Schema
from cryptopipe.errors import CaptureError

BATCH = 1 << 18
"""Characters of rows that wait to be written to a file that is not sealed yet."""
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
            raise _unwritable(path, error) from error

    def write(self, path: Path, text: str) -> None:
        """Add rows to a part file. Raises `CaptureError`."""
        self._raise_failures()
        try:
            with part_of(path).open("ab") as part:
                part.write(text.encode())
        except OSError as error:
            raise _unwritable(path, error) from error

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


class RowFiles:
    """The files of one stream, one open at most."""

    def __init__(self, series: Series, sealer: Sealer) -> None:
        self.series, self._sealer = series, sealer
        self.gaps: list[Gap] = []
        """Named in the manifest of the open file, or of the next one."""
        self._named = 0
        self.filled: list[str] = []
        self.count = 0
        self.last_at: Nanos = 0
        self._draft: Draft | None = None
        self._hour, self._number = -1, 0

    def add(self, at: Nanos, seq: int, event_ms: int, text: str, rows: int = 1) -> None:
        """One row or more, each ended by a line end, of the input `seq`."""
        draft = self._draft or self._begin(at)
        if not draft.rows:
            draft.first_event_ms, draft.first_at, draft.first_seq = event_ms, at, seq
        draft.last_event_ms, draft.last_at, draft.last_seq = event_ms, at, seq
        draft.rows += rows
        draft.size += len(text)
        self.count += rows
        self.last_at = at
        if not draft.done:
            draft.waiting.append(text)
            draft.chars += len(text)
            if draft.chars >= BATCH:
                self._write(draft)
        if draft.size >= self.series.max_bytes:
            self.seal(complete=True)

    @property
    def named(self) -> int:
        """How many gaps so far."""
        return self._named + len(self.gaps)

    def flush(self) -> None:
        """Write what waits, for who reads files that are being written."""
        if self._draft is not None and self._draft.waiting:
            self._write(self._draft)

    def seal(self, complete: bool) -> None:
        """End the open file, if there is one. `complete` False: the collector stops within its hour."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        gaps, filled, self.gaps, self.filled = self.gaps, self.filled, [], []
        self._named += len(gaps)
        if draft.done:
            return
        self._write(draft)
        whole = complete and draft.hour * HOUR >= self.series.began_at
        self._sealer.seal(self.series, draft, whole, gaps, filled)

    def _begin(self, at: Nanos) -> Draft:
        hour = at // HOUR
        if hour != self._hour:
            self._hour, self._number = hour, _taken(self.series, hour)
        self._number += 1
        path = self.series.place.file(at, self._number, self.series.form)
        done = manifest_of(path).exists()
        if done:
            _refuse_other(self.series, path)
        else:
            self._sealer.begin(path)
        self._draft = draft = Draft(path, hour, done)
        if self.series.headed and not done:
            draft.waiting.append(self.series.schema.header + "\n")
        return draft

    def _write(self, draft: Draft) -> None:
        if draft.waiting:
            self._sealer.write(draft.path, "".join(draft.waiting))
            draft.waiting.clear()
            draft.chars = 0


def _taken(series: Series, hour: int) -> int:
    """The last number that another session has used in an hour."""
    own = series.place.file(hour * HOUR, 1, series.form)
    stem = own.name[: own.name.rindex("Z-") + 2]
    numbers = [0]
    for path in series.place.path.glob(f"{stem}*"):
        if is_row_file(path) and manifest_of(path).exists() and read_manifest(path).session != series.session:
            numbers.append(number_of(path))
    return max(numbers)


def _refuse_other(series: Series, path: Path) -> None:
    """A file of the same session that was made otherwise. Raises `CaptureError`."""
    was = read_manifest(path)
    mine = (series.wanted.depth, series.header or series.schema.always_headed, series.form)
    if (was.depth, was.header, was.form) != mine:
        raise CaptureError(
            f"is sealed, of the same capture, with depth {was.depth}, header {was.header}, format {was.form}",
            where=str(path),
            fix="write these rows into a directory of their own: --data_dir DIR",
        )


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
        raise _unwritable(draft.path, error) from error


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

    from cryptopipe.collect.schema import Cell

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


def _unwritable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(
        f"cannot be written: {error.strerror or error}",
        where=str(path),
        fix="free or mend the disk, then start again: the rows are made again from the capture",
    )


def milliseconds(at: Nanos) -> int:
    """Of a stamp or an event time."""
    return at // MILLISECOND
