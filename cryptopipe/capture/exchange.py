"""Captures to and from JSON lines, and what a capture holds.

Enters: paths. Leaves: a new capture, a new file, a summary. Never: a half-written file where a source was damaged.
"""

from collections import Counter
from pathlib import Path

import msgspec

from cryptopipe.capture.jsonlines import write_lines
from cryptopipe.capture.reader import Capture
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import Nanos
from cryptopipe.errors import CaptureError

_WHOLE: Nanos = 1 << 62


def export_lines(capture: Path, file: Path) -> int:
    """Write a capture as JSON lines (gzip if the name ends in `.gz`); how many inputs. Raises `CaptureError`."""
    source = Capture(capture)
    try:
        return write_lines(source, file)
    except CaptureError as error:
        if error.where != str(file):
            file.unlink(missing_ok=True)
        raise


def import_lines(file: Path, capture: Path, venue: str | None = None) -> int:
    """Write JSON lines as a native capture; how many inputs. `venue` as in `Capture`. Raises `CaptureError`."""
    source = Capture(file, venue)
    count = 0
    writer = Writer(capture, {"imported_from": file.name}, span=_WHOLE)
    try:
        with writer:
            for count, entry in enumerate(source, 1):  # noqa: B007 -- the count leaves the loop
                writer.append(entry)
    except CaptureError:
        for segment in capture.glob("*.arrows"):
            segment.unlink()
        raise
    return count


class Summary(msgspec.Struct, frozen=True):
    """What a capture holds. `inputs` is counted by (venue, connection, direction); stamps 0 where it is empty."""

    path: Path
    native: bool
    complete: bool
    count: int
    first: Nanos
    last: Nanos
    inputs: dict[tuple[str, str, str], int]
    payload_bytes: int
    file_bytes: int
    segments: int
    meta: dict[str, str]


def describe(path: Path, venue: str | None = None) -> Summary:
    """Read a capture to its end. Raises `CaptureError`."""
    capture = Capture(path, venue)
    counts: Counter[tuple[str, str, str]] = Counter()
    size = first = last = 0
    for entry in capture:
        counts[entry.venue, entry.conn, entry.direction.value] += 1
        size += len(entry.payload)
        first, last = min(first or entry.at, entry.at), max(last, entry.at)
    return Summary(
        path=path,
        native=capture.native,
        complete=capture.complete,
        count=counts.total(),
        first=first,
        last=last,
        inputs=dict(sorted(counts.items())),
        payload_bytes=size,
        file_bytes=sum(file.stat().st_size for file in capture.files),
        segments=len(capture.files) if capture.native else 0,
        meta=dict(capture.meta),
    )
