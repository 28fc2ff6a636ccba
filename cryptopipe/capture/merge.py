"""Several captures as one run.

Enters: sources, and how their clocks are moved. Leaves: inputs in time order, numbered anew. Never: an input lost, two
inputs of one source in another order, or moved clocks without saying so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge as heap_merge
from operator import attrgetter
from pathlib import Path

import msgspec

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture
from cryptopipe.clock import Nanos

END_OF_RECORDING = b"end of recording"
"""Payload of the close that ends a recorded connection: nobody knows what the venue did afterwards."""


@dataclass(frozen=True)
class Source:
    """One capture of a merge. `venue` as in `Capture`: None takes every input as written. Raises `CaptureError`."""

    venue: str | None
    path: Path
    capture: Capture = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "capture", Capture(self.path, self.venue))


def merge(sources: Sequence[Source], align: bool = False, shifts: Mapping[str, Nanos] | None = None) -> Iterator[Input]:
    """The inputs of all sources by stamp; of equal stamps the earlier source's first.

    `align` moves each source so that its first stamp is the latest first stamp of all; `shifts` adds to the stamps
    of a venue. A single source whose clock is not moved keeps its numbers and turns (and, if native, its stamps);
    otherwise `seq` counts from 1 and every input is its own turn. A stamp below the one before it in its source is
    raised to that one. Shifts need sources of one venue each (`ValueError`). Of several sources of one venue the
    second's connections are named `…@2` and so on: each is decoded by itself, though a symbol has one book at a venue.
    """
    moved = {venue: by for venue, by in (shifts or {}).items() if by}
    if moved and any(source.venue is None for source in sources):
        raise ValueError("the clock of a venue can be moved only in a source that names its venue")
    if len(sources) == 1 and not moved:
        capture = sources[0].capture
        return iter(capture) if capture.native else _rising(_closed(capture), 0, moved)
    origins = [_first_stamp(source) if align else 0 for source in sources]
    latest = max(origins, default=0)
    venues = [source.venue for source in sources]
    streams = [
        _rising(
            _renamed(_closed(source.capture), venues[:place].count(source.venue)),
            latest - origins[place] if align else 0,
            moved,
        )
        for place, source in enumerate(sources)
    ]
    return _numbered(heap_merge(*streams, key=attrgetter("at")))


def _closed(capture: Capture) -> Iterator[Input]:
    """The inputs, and at the end of a recording the close of each connection that it left open: what is no longer
    recorded is no longer known, and a quote that nobody refreshes must not stay a price.
    """
    left_open: dict[tuple[str, str], None] = {}
    last: Input | None = None
    for entry in capture:
        last = entry
        if entry.direction is Direction.CLOSE:
            left_open.pop((entry.venue, entry.conn), None)
        elif entry.conn:
            left_open[entry.venue, entry.conn] = None
        yield entry
    if last is not None:
        for number, (venue, conn) in enumerate(left_open, 1):
            yield Input(
                last.seq + number, last.turn + number, last.at, Direction.CLOSE, venue, conn, "", END_OF_RECORDING
            )


def _renamed(inputs: Iterator[Input], before: int) -> Iterator[Input]:
    """The inputs with their connections named apart from those of `before` earlier sources of the same venue."""
    if not before:
        return inputs
    return (
        msgspec.structs.replace(entry, conn=f"{entry.conn}@{before + 1}") if entry.conn else entry for entry in inputs
    )


def _first_stamp(source: Source) -> Nanos:
    return next((entry.at for entry in source.capture), 0)


def _rising(inputs: Iterator[Input], by: Nanos, shifts: Mapping[str, Nanos]) -> Iterator[Input]:
    last: Nanos = -(1 << 63)
    for entry in inputs:
        at = entry.at + by + (shifts.get(entry.venue, 0) if shifts else 0)
        last = max(last, at)
        yield entry if last == entry.at else _at(entry, entry.seq, entry.turn, last)


def _numbered(inputs: Iterator[Input]) -> Iterator[Input]:
    for seq, entry in enumerate(inputs, 1):
        yield entry if seq == entry.seq == entry.turn else _at(entry, seq, seq, entry.at)


def _at(entry: Input, seq: int, turn: int, at: Nanos) -> Input:
    return Input(
        seq,
        turn,
        at,
        entry.direction,
        entry.venue,
        entry.conn,
        entry.url,
        entry.payload,
        entry.status,
        entry.headers,
        entry.request,
    )


def why_not_simultaneous(sources: Sequence[Source], align: bool, shifts: Mapping[str, Nanos]) -> str:
    """Why the merged inputs were not received at one moment; empty if nothing was moved against anything."""
    if len(sources) < 2:
        return ""
    reasons = [f"{venue} was moved by {by / 1e9:+.9g} s" for venue, by in shifts.items() if by]
    if align:
        reasons.insert(0, "the starts of separate recordings were brought to one origin")
    return "; ".join(reasons)
