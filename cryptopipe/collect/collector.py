"""One venue, collected live: the capture first, then the rows; where rows cannot keep up, the capture alone.

Enters: inputs, as a driver hears them, and how many more wait. Leaves: a capture and the row files of it. Never: an
input dropped or conflated: what arrives faster than rows are made is only captured (spilling), and becomes rows later.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from cryptopipe.capture.inputs import Input
from cryptopipe.capture.reader import read
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.collect.again import mend, next_hour, origin_of
from cryptopipe.collect.collection import Collection
from cryptopipe.collect.depth import DepthFiles
from cryptopipe.collect.derive import PIECE, Spill, play
from cryptopipe.collect.plan import Carried, Plan
from cryptopipe.collect.sealing import Sealer
from cryptopipe.collect.sessions import Facts, Session, all_sessions, carried_over
from cryptopipe.model.contracts import ExchangePlugin

SPILL_AT = 1024
"""Arrivals that wait after a turn: as many as one turn takes. More, and rows are made later."""
_CALM = 64
_SPAN = SECOND // 5
"""The longest time of inputs in one batch of the capture: a killed process loses at most this much."""
_TELL_EVERY = SECOND
_TOLD_EACH = 200
"""Symbols of which files and status may be written in a second; of more, less often."""
_LOG = structlog.get_logger()


@dataclass(frozen=True)
class Means:
    """What a collector works with: the time, how many arrivals wait, and who is told of rows and trouble."""

    now: Callable[[], Nanos]
    waiting: Callable[[], int]
    show: Callable[[str], None] | None = None
    alarm: Callable[[str, str], None] = lambda where, text: None
    depth_levels: int = 40
    depth_every: Nanos = SECOND


@dataclass
class _Late:
    """Inputs that were captured only; `first` 0: none."""

    first: int = 0
    first_at: Nanos = 0
    last: int = 0
    last_at: Nanos = 0
    segment: int = 0


class Collector:
    """One venue's; who made it holds its session. Each method raises `CaptureError` where nothing can be written."""

    def __init__(self, data_dir: Path, plugin: ExchangePlugin, plan: Plan, session: Session, means: Means) -> None:
        self.data_dir, self.plugin, self.plan, self.session, self.means = data_dir, plugin, plan, session, means
        self.began_at = means.now()
        session.describe(Facts(session.id, self.began_at, plan))
        self._thread = ThreadPoolExecutor(1, "collect-seal")
        self.writer = Writer(session.path, {"session": session.id, "venue": plugin.venue}, span=_SPAN)
        self.collection: Collection | None = None
        self.is_late = True
        """Inputs are captured only: rows of before are being made."""
        self._late = _Late()
        self._work: Iterator[int] = self._start()
        self._spills = 0
        self._hour_ends: Nanos = 0
        self._tell_at: Nanos = 0
        self._depth = DepthFiles(data_dir, plan, means.depth_levels, means.depth_every)

    def begin(self) -> None:
        """Be in time at once, unless rows of cut sessions are to be made: those are made while this one captures."""
        before = [one for one in all_sessions(self.data_dir, self.plugin.venue) if one.id < self.session.id]
        if all(one.sealed() is not None or one.runs for one in before):
            self.catch_up()

    def take(self, entry: Input) -> None:
        """One input."""
        self.writer.append(entry)
        if not self.is_late:
            assert self.collection is not None, "made before anything is in time"
            self.collection.receive(entry)
            return
        late = self._late
        if not late.first:
            late.first, late.first_at, late.segment = entry.seq, entry.at, self.writer.segment
        late.last, late.last_at = entry.seq, entry.at

    def turn_ended(self, at: Nanos) -> None:
        """Between two turns: see whether rows keep up, and write what is due."""
        waiting = self.means.waiting()
        if not self.is_late and waiting >= SPILL_AT:
            self._spill()
        elif self.is_late and waiting < SPILL_AT:
            self.catch_up(pieces=1)
        if at >= self._hour_ends:
            if self._hour_ends:
                self.writer.cut()
            self._hour_ends = next_hour(at)

    def looked(self, at: Nanos) -> None:
        """At most four times a second, also when nothing comes."""
        self.writer.flush_due(at)
        if self.is_late:
            self.catch_up(pieces=8)
        if at >= self._tell_at:
            streams = len(self.collection.streams) if self.collection is not None else 0
            self._tell_at = at + max(_TELL_EVERY, streams * _TELL_EVERY // _TOLD_EACH)
            if self.collection is not None:
                self.collection.flush()
                self._depth.write(self.collection, at)
            self.session.tell(self.status(at))

    def catch_up(self, pieces: int | None = None) -> None:
        """Make rows that are late; all of them, or so many pieces while nothing else waits."""
        while self.is_late and (pieces is None or pieces > 0):
            if next(self._work, None) is None:
                return
            if pieces is not None:
                pieces = pieces - 1 if self.means.waiting() < _CALM else 0

    def end(self) -> int:
        """Seal everything; how many rows this session has."""
        self.catch_up()
        assert self.collection is not None, "made by catching up"
        try:
            carried = self.collection.end()
            self.writer.close()
            self.session.seal(self.collection.rows, carried)
        finally:
            self._thread.shutdown()
        self.session.tell(self.status(self.means.now(), ended=True))
        return self.collection.rows

    def status(self, at: Nanos, ended: bool = False) -> dict[str, Any]:
        """How it is, for `collect status`."""
        streams = self.collection.streams if self.collection is not None else {}
        rows = [
            {
                "type": files.series.wanted.folder,
                "symbol": symbol,
                "rows": files.count,
                "last_row_at": format_at(files.last_at) if files.last_at else None,
                "gaps": files.named,
            }
            for symbol, own in streams.items()
            for files in own.files
        ]
        return {
            "at": format_at(at),
            "pid": os.getpid(),
            "ended": ended,
            "spilling": self.is_late,
            "late_inputs": self._late.last - self.collection.seq if self.is_late and self.collection else 0,
            "spills": self._spills,
            "inputs": self.collection.seq if self.collection is not None else 0,
            "streams": rows,
        }

    def _spill(self) -> None:
        self.writer.cut()
        self.is_late, self._late = True, _Late()
        self._work = self._catch_up()
        self._spills += 1
        _LOG.warning("collect.spilling", venue=self.plugin.venue, waiting=self.means.waiting())
        text = "rows cannot keep up with what arrives; it is captured, and becomes rows later"
        self.means.alarm(f"{self.plugin.venue} {self.session.id}", text)

    def _start(self) -> Iterator[int]:
        """What was left by sessions that were cut comes first; meanwhile this one captures."""
        yield from mend(self.data_dir, self.plugin, self.plan, self.session.id, self.means.now)
        sessions = [one for one in all_sessions(self.data_dir, self.plugin.venue) if one.id < self.session.id]
        carried = carried_over(sessions, self.plan)
        self.session.describe(Facts(self.session.id, self.began_at, self.plan, carried))
        self.collection = self._made(carried)
        yield from self._catch_up()

    def _made(self, carried: Mapping[str, Carried]) -> Collection:
        sealer = Sealer(self.means.now, self._durable, self._thread)
        origin = origin_of(self.data_dir, self.session, self.began_at)
        return Collection(self.plan, self.plugin, origin, sealer, carried, self.means.show)

    def _durable(self, seq: int) -> None:
        self.writer.sync(seq)

    def _catch_up(self) -> Iterator[int]:
        """Rows of what was only captured, until nothing is left of it."""
        assert self.collection is not None, "made first"
        late = self._late
        while late.first and self.collection.seq < late.last:
            self.writer.cut()
            until, until_at, behind = late.last, late.last_at, self.writer.segment
            in_one_go = until - self.collection.seq <= PIECE
            for count in play(self._captured(late.segment, behind), self.collection):
                if not in_one_go:
                    yield count
            late.segment = behind
            if late.last == until:
                spill = Spill(late.first, until, late.first_at, until_at)
                self.session.spilled(spill)
                self.collection.spilled(spill.from_at, spill.to_at)
        self.is_late = False
        if late.first:
            _LOG.info("collect.caught_up", venue=self.plugin.venue, inputs=late.last - late.first + 1)

    def _captured(self, first: int, end: int) -> Iterator[Input]:
        """The inputs of complete segments that are not rows yet."""
        assert self.collection is not None, "made first"
        after = self.collection.seq
        for number in range(first, end):
            yield from (one for one in read(self.session.path / f"{number:06d}.arrows") if one.seq > after)


@dataclass
class Collectors:
    """Those of one process, one a venue; inputs without a venue go to all of them."""

    by_venue: dict[str, Collector] = field(default_factory=dict)

    def take(self, entry: Input) -> None:
        """One input."""
        if entry.venue:
            self.by_venue[entry.venue].take(entry)
            return
        for one in self.by_venue.values():
            one.take(entry)

    def turn_ended(self, at: Nanos) -> None:
        """Between two turns."""
        for one in self.by_venue.values():
            one.turn_ended(at)

    def looked(self, at: Nanos) -> None:
        """Now and then."""
        for one in self.by_venue.values():
            one.looked(at)

    def end(self) -> dict[str, int]:
        """Seal everything; rows by venue."""
        return {venue: one.end() for venue, one in self.by_venue.items()}
