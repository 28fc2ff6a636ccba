"""`bench load`: a run as `--mode action` makes it, under frames at a given pace from another process.

Enters: a run that is made for the plugins of the load. Leaves: a `Report`, and what was wrong. Never: a frame that is
counted as received before the run's capture holds it, byte by byte.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import msgspec
from websockets.version import version as websockets_version

from cryptopipe import __version__, core
from cryptopipe.bench.load_figures import GOAL, RECOVERS_WITHIN, Course, Meter, found, lost
from cryptopipe.bench.load_frames import dealt, parted, proven
from cryptopipe.bench.load_generator import Listening, Order
from cryptopipe.bench.report import Report, Row
from cryptopipe.bench.sender import (
    MADE_WITHIN_S,
    TOLD_WITHIN_S,
    Receiving,
    cores_allowed,
    generator,
    lost_on,
    of_sender,
    on_last,
    told_by,
    uncaptured,
)
from cryptopipe.bench.sides import busy
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.pace import Schedule, Sent
from cryptopipe.drivers.stop import stop_on_interrupt
from cryptopipe.journal.runs import Run
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.pipe import Pipe

WARM = 2
"""Seconds at the start that are not timed: the books begin."""


class Running(Protocol):
    """A run that is being made: capture and journal on disk, strategy, gate, paper."""

    pipe: Pipe
    run: Run

    def take(self, entry: Input) -> None: ...
    def turn_ended(self, now: Nanos) -> None: ...
    def finish(self, stopped_by: str) -> object: ...


Begin = Callable[[Mapping[VenueId, ExchangePlugin], Path], AbstractContextManager[Running]]


@dataclass(frozen=True)
class Load:
    """What is sent: `rate` frames a second for `for_ns`, then `burst` in one second, then the rate again for three.

    `lose` is the number of a frame that the sender drops, to see that it is missed.
    """

    rate: int = 10_000
    for_ns: Nanos = 60 * SECOND
    burst: int = 50_000
    seed: int = 1
    lose: int | None = None

    @property
    def schedule(self) -> Schedule:
        """Of its frames."""
        after = 3 * self.rate if self.burst else 0
        return Schedule(self.rate, max(1, self.rate * self.for_ns // SECOND), self.burst, after)

    @property
    def warm(self) -> int:
        """Frames that are not timed; of a short load, a quarter."""
        return min(WARM * self.rate, self.schedule.steady // 4)


@dataclass
class Outcome:
    """The figures, and what must not be: empty if nothing was lost and every book lived."""

    report: Report
    problems: list[str] = field(default_factory=list)


def measure(load: Load, assets: Sequence[str], begin: Begin, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """One load. Raises `BenchFailed` if the sender does not do its work, `KeyboardInterrupt` if the user stops it."""
    notes = busy()
    plugins = proven()
    parts = parted(plugins, assets)
    plugins = {venue: dealt(plugins[venue], ones) for venue, ones in parts.items()}
    conns = [f"{venue}#{n}" for venue, ones in parts.items() for n in range(1, len(ones) + 1)]
    cores = cores_allowed()
    if len(cores) < 2:
        notes.append("sender and receiver shared one core")
    with TemporaryDirectory(prefix="cryptopipe-load-") as directory, stop_on_interrupt() as stop, on_last(cores):
        where = Path(directory) / "order"
        order = Order(list(plugins), list(assets), load.seed, load.schedule, str(where), min(cores, default=None),
                      load.lose)  # fmt: skip
        tell(f"making {load.schedule.frames:,} frames for {len(conns)} connections")
        with generator(order) as process:
            listening = told_by(process, Listening, MADE_WITHIN_S, stop)
            tell("sending")
            with begin(plugins, Path(directory)) as running:
                meter = Meter(conns, running.take, running.turn_ended)
                receiving = Receiving(load.schedule, meter, listening)
                wanted = {venue: [one for part in ones for one in part] for venue, ones in parts.items()}
                streams = receiving.streams(plugins, running.pipe.market, wanted)
                why = streams.run(stop, None)
                if why == "interrupt":
                    raise KeyboardInterrupt
                problems = lost_on(conns, listening, meter) + _broken(running.pipe, parts)
                running.finish(why)
                notes.append(_of_run(running.pipe))
                problems += uncaptured([running.run.capture], conns, listening)
            rows: list[Row] = []
            if not lost(conns, listening.frames, meter):
                sent = told_by(process, Sent, TOLD_WITHIN_S, stop)
                course = Course.of(meter, where.read_bytes(), load.schedule, sent.began_at)
                rows = course.rows(load.warm)
                notes += of_sender(sent, listening, load.schedule) + _missed_goals(rows)
                notes.append(f"most frames that waited for a turn: {course.most_ready}")
    shares = (f"{conn} {frames:,}" for conn, frames in zip(conns, listening.frames, strict=True))
    notes.append(f"frames by connection: {', '.join(shares)}")
    return Outcome(_report(listening, rows, notes), problems)


def _report(listening: Listening, rows: list[Row], notes: list[str]) -> Report:
    versions = {
        "cryptopipe": __version__,
        "websockets": websockets_version,
        "msgspec": msgspec.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    hashed = sha256("".join(listening.sha256).encode()).hexdigest()
    return Report("load", core.NAME, versions, hashed, rows, notes)


def _broken(pipe: Pipe, parts: Mapping[VenueId, Sequence[Sequence[Any]]]) -> list[str]:
    """Books that are not live at the end, or were not from their beginning on; frames that could not be read."""
    problems = []
    for venue, ones in parts.items():
        for symbol in dict.fromkeys(one.instrument.symbol for part in ones for one in part):
            book = pipe.market.books[venue].get(symbol)
            if book is None or book.state is not BookState.LIVE:
                problems.append(f"{venue} {symbol}: {'no book' if book is None else book.state.value}, not live")
            elif book.gaps:
                problems.append(f"{venue} {symbol}: {book.gaps} gaps")
        counts = pipe.market.counts[venue]
        if counts.refused:
            problems.append(f"{venue}: {counts.refused} frames were refused: {counts.refusals[-1]}")
    return problems


def _of_run(pipe: Pipe) -> str:
    tops = sum(count.tops for count in pipe.market.counts.values())
    found, accepted, refused = pipe.episodes.found, pipe.episodes.accepted, pipe.episodes.refused
    halted = f"; halted: {pipe.state.halted_because}" if pipe.state.halted_because else ""
    return f"the run: {tops:,} tops, {found:,} edges found, {accepted:,} accepted, {refused:,} refused{halted}"


def _missed_goals(rows: list[Row]) -> list[str]:
    values, missed = found(rows), []
    for name, limit in (("receive to decision, p99", GOAL), ("recovery after the burst", RECOVERS_WITHIN)):
        if name in values and values[name] > limit / MILLISECOND:
            missed.append(f"goal missed: {name} is {values[name]:,.1f} ms, wanted at most {limit // MILLISECOND:,} ms")
    return missed
