"""Row files: rows go in as text, sealed files come out.

Enters: rows with the input that made them, hours. Leaves: a file begun at each hour of receive stamps and each time
that it is full, sealed with its manifest last. Never: a file changed after it was sealed, one without a row, or a row
in it whose input the capture does not hold durably.

Every boundary is a function of the inputs: a second reading of the same capture writes the same files, and passes over
those that are sealed.
"""

from pathlib import Path

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.collect.layout import HOUR, is_row_file, manifest_of, number_of
from cryptopipe.collect.manifest import Gap, read_manifest
from cryptopipe.collect.sealing import Draft, Sealer, Series
from cryptopipe.errors import CaptureError

BATCH = 1 << 18
"""Characters of rows that wait to be written to a file that is not sealed yet."""


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


def milliseconds(at: Nanos) -> int:
    """Of a stamp or an event time."""
    return at // MILLISECOND
