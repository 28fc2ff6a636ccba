"""Merged rows as files that a collector might have written.

Enters: streams, their sources' rows. Leaves: sealed files with manifests under another data directory, one an hour, and
a report of each stream. Never: a file that was there before changed, or a stream written whose sources disagree.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from cryptopipe.capture.files import DISK
from cryptopipe.clock import Nanos, format_at
from cryptopipe.collect.layout import HOUR, Place, manifest_of, sealed_files
from cryptopipe.collect.manifest import Gap, Manifest, encode
from cryptopipe.collect.merge import Merged, Part, Unit, merge_rows
from cryptopipe.collect.merge_missing import still_missing
from cryptopipe.collect.merge_sources import Facts, Stream, read_sources
from cryptopipe.collect.merge_top import merge_top
from cryptopipe.errors import UsageError

_LEVEL = 6
"""Of compression, as of the collector's files."""


@dataclass(frozen=True)
class StreamReport:
    """What became of one stream. `rows` by source; `files` are empty where it was not written."""

    stream: Stream
    sources: Mapping[str, int]
    merged: Merged
    missing: Sequence[Gap]
    files: Sequence[Path] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Of the result."""
        return sum(len(unit.lines) for unit in self.merged.units)


def merge_files(paths: Sequence[Path], to: Path, now: Nanos, prefer: str | None = None) -> list[StreamReport]:
    """Merge data directories and row files into the data directory `to`. Nothing is written unless every source can be
    read. Raises `UsageError`, `CaptureError`, `OSError`.
    """
    parts, facts = read_sources(paths)
    for stream in parts:
        if any(sealed_files(to, *stream)):
            raise UsageError(f"holds {stream.name} already", where=str(to), fix="name a new directory: --to DIR")
    reports = []
    for stream in sorted(parts):
        own, about = parts[stream], facts[stream]
        merged = merged_of(about, own, prefer)
        missing = still_missing(about.kind, own, merged)
        files = list(_written(stream, about, own, merged, missing, to, now)) if merged.stands else []
        counts = {part.source: len(part.lines) for part in own}
        reports.append(StreamReport(stream, counts, merged, missing, files))
    return reports


def merged_of(about: Facts, parts: Sequence[Part], prefer: str | None = None) -> Merged:
    """The rows of a stream."""
    if about.kind == "top":
        return merge_top(parts)
    return merge_rows(about.kind, parts, about.interval_ms or 0, prefer)


def _written(
    stream: Stream, about: Facts, parts: Sequence[Part], merged: Merged, missing: Sequence[Gap], to: Path, now: Nanos
) -> Iterator[Path]:
    session = f"merged-{hashlib.sha256(chr(10).join(merged.lines).encode()).hexdigest()[:16]}"
    filled = frozenset.union(*(part.filled for part in parts))
    whole = frozenset.union(*(part.whole for part in parts))
    left = list(missing)
    hours = [(hour, list(units)) for hour, units in groupby(_rising(merged.units), key=lambda unit: unit.hour)]
    for hour, units in hours:
        last = hour == hours[-1][0]
        gaps = [gap for gap in left if last or gap.to_ms <= units[-1].time_ms]  # with the row that ends it
        left = [gap for gap in left if gap not in gaps]
        yield _sealed(stream, about, units, gaps, filled, to, now, session, hour in whole)


def _rising(units: Sequence[Unit]) -> Iterator[Unit]:
    """A row is in no earlier file than the row before it."""
    hour = 0
    for unit in units:
        hour = max(hour, unit.hour)
        yield unit if unit.hour == hour else unit._replace(hour=hour)


def _sealed(
    stream: Stream, about: Facts, units: Sequence[Unit], gaps: Sequence[Gap], filled: frozenset[str], to: Path,
    now: Nanos, session: str, complete: bool,
) -> Path:  # fmt: skip
    from cryptopipe.collect.schema import SCHEMAS

    path = Place(to, *stream).file(units[0].hour * HOUR, 1, "csv")
    lines = [line for unit in units for line in unit.lines]
    header = [SCHEMAS[about.kind].header] if about.header or SCHEMAS[about.kind].always_headed else []
    data = zlib.compress("".join(f"{line}\n" for line in [*header, *lines]).encode(), _LEVEL, wbits=31)
    own = [str(unit.key[-1]) for unit in units if str(unit.key[-1]) in filled]
    manifest = Manifest(
        file=path.name, venue=stream.venue, symbol=stream.symbol, instrument=about.instrument, kind=about.kind,
        depth=about.depth, interval_ms=about.interval_ms, form="csv", header=bool(header), rows=len(lines),
        market=about.market,
        size=len(data), sha256=hashlib.sha256(data).hexdigest(), first_event_ms=units[0].time_ms,
        last_event_ms=units[-1].time_ms, first_received_at=None, last_received_at=None, session=session, capture="",
        first_seq=0, last_seq=0, complete=complete, gaps=gaps, filled=own, sealed_at=format_at(now),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    DISK.replace(path, data)
    DISK.replace(manifest_of(path), encode(manifest))
    return path
