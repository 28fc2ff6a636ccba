"""`bench load`: a run as `--mode action` makes it, under frames at a given pace from another process.

Enters: a run that is made for the plugins of the load. Leaves: a `Report`, and what was wrong. Never: a frame that is
counted as received before the run's capture holds it, byte by byte.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.version import version as websockets_version

from cryptopipe import __version__, core
from cryptopipe.bench.load_figures import GOAL, RECOVERS_WITHIN, Course, Meter, found, lost
from cryptopipe.bench.load_frames import dealt, parted, proven
from cryptopipe.bench.load_generator import Listening, Order
from cryptopipe.bench.report import Report, Row
from cryptopipe.bench.sides import BenchFailed, busy
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.pace import Schedule, Sent
from cryptopipe.drivers.serve import HOST
from cryptopipe.drivers.stop import Stop, stop_on_interrupt
from cryptopipe.drivers.streams import Streams
from cryptopipe.journal.runs import Run
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.pipe import Pipe
from cryptopipe.settings.keys import without_keys

MADE_WITHIN_S, TOLD_WITHIN_S = 600, 10
GRACE = 2 * SECOND
"""When everything was due, and nothing has come for so long, what is missing is lost."""
WARM = 2
"""Seconds at the start that are not timed: the books begin."""
T = TypeVar("T")


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
    cores = _cores()
    if len(cores) < 2:
        notes.append("sender and receiver shared one core")
    with TemporaryDirectory(prefix="cryptopipe-load-") as directory, stop_on_interrupt() as stop, _on(cores):
        where = Path(directory) / "order"
        order = Order(list(plugins), list(assets), load.seed, load.schedule, str(where), min(cores, default=None),
                      load.lose)  # fmt: skip
        tell(f"making {load.schedule.frames:,} frames for {len(conns)} connections")
        with _generator(order) as process:
            listening = _told(process, Listening, MADE_WITHIN_S, stop)
            tell("sending")
            with begin(plugins, Path(directory)) as running:
                meter = Meter(conns, running.take, running.turn_ended)
                receiving = _Receiving(load.schedule, meter, listening)
                streams = receiving.streams(plugins, running, {v: [s for p in ones for s in p] for v, ones in
                                                               parts.items()})  # fmt: skip
                why = streams.run(stop, None)
                if why == "interrupt":
                    raise KeyboardInterrupt
                problems = _lost(conns, listening, meter) + _broken(running.pipe, parts)
                running.finish(why)
                notes.append(_of_run(running.pipe))
                problems += _uncaptured(running.run.capture, conns, listening)
            rows: list[Row] = []
            if not lost(conns, listening.frames, meter):
                sent = _told(process, Sent, TOLD_WITHIN_S, stop)
                course = Course.of(meter, where.read_bytes(), load.schedule, sent.began_at)
                rows = course.rows(load.warm)
                notes += _of_sender(sent, listening, load) + _missed_goals(rows)
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


class _Receiving:
    """This end: where the connections lead, and when everything has come."""

    def __init__(self, schedule: Schedule, meter: Meter, listening: Listening) -> None:
        self._meter, self._listening = meter, listening
        self._frames = sum(listening.frames)
        self._until = time.monotonic_ns() + schedule.due_at(schedule.frames - 1)
        self._seen, self._seen_at = 0, 0

    def streams(self, plugins: Mapping[VenueId, ExchangePlugin], running: Running, subscriptions: Any) -> Streams:
        """The connections of the run."""
        return Streams(
            plugins, running.pipe.market, subscriptions, self._meter.take, self._meter.turn_ended,
            self._there, self._over, ready=self._meter.ready, refresh=0,
        )  # fmt: skip

    def _there(self, venue: VenueId, url: str) -> str:
        real = urlsplit(url)
        scheme = "ws" if real.scheme in ("ws", "wss") else "http"
        return str(urlunsplit((scheme, f"{HOST}:{self._listening.ports[venue]}", real.path, real.query, "")))

    def _over(self) -> str:
        now, seen = time.monotonic_ns(), len(self._meter.came_on)
        if seen >= self._frames:
            return "all received"
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return "frames are missing" if now > max(self._until, self._seen_at) + GRACE else ""


def _lost(conns: Sequence[str], listening: Listening, meter: Meter) -> list[str]:
    missing = lost(list(conns), listening.frames, meter)
    return [f"{conn}: {sent:,} frames sent, {came:,} received" for conn, (sent, came) in missing.items()]


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


def _uncaptured(capture: Path, conns: Sequence[str], listening: Listening) -> list[str]:
    """What the capture holds of each connection, against what was sent on it."""
    frames, told = dict.fromkeys(conns, 0), {conn: sha256() for conn in conns}
    for entry in read(capture):
        if entry.direction is Direction.RECV:
            frames[entry.conn] += 1
            told[entry.conn].update(entry.payload + b"\n")
    problems = []
    for conn, sent, hashed in zip(conns, listening.frames, listening.sha256, strict=True):
        if frames[conn] != sent:
            problems.append(f"{conn}: {sent:,} frames sent, {frames[conn]:,} captured")
        elif told[conn].hexdigest() != hashed:
            problems.append(f"{conn}: the captured frames are not those that were sent")
    return problems


def _of_run(pipe: Pipe) -> str:
    tops = sum(count.tops for count in pipe.market.counts.values())
    found, accepted, refused = pipe.episodes.found, pipe.episodes.accepted, pipe.episodes.refused
    halted = f"; halted: {pipe.state.halted_because}" if pipe.state.halted_because else ""
    return f"the run: {tops:,} tops, {found:,} edges found, {accepted:,} accepted, {refused:,} refused{halted}"


def _of_sender(sent: Sent, listening: Listening, load: Load) -> list[str]:
    plays = load.schedule.due_at(load.schedule.frames - 1) / max(1, listening.lasted)
    late, latest = sent.late_p99 / MILLISECOND, sent.latest / MILLISECOND
    return [
        f"the sender was late by {late:.1f} ms in 1 % of its rounds, {latest:.1f} ms at worst;"
        f" at most {sent.most_waiting:,} bytes waited at its end",
        f"the frames are {listening.lasted / SECOND:.0f} s of simulated market, sent {1 / plays:.1f} times as fast",
    ]


def _missed_goals(rows: list[Row]) -> list[str]:
    values, missed = found(rows), []
    for name, limit in (("receive to decision, p99", GOAL), ("recovery after the burst", RECOVERS_WITHIN)):
        if name in values and values[name] > limit / MILLISECOND:
            missed.append(f"goal missed: {name} is {values[name]:,.1f} ms, wanted at most {limit // MILLISECOND:,} ms")
    return missed


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def _on(cores: Sequence[int]) -> Iterator[None]:
    """This process on the last core while inside; the sender has the first."""
    if not cores:
        yield
        return
    os.sched_setaffinity(0, {cores[-1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


@contextmanager
def _generator(order: Order) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "cryptopipe.bench.load_generator"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=without_keys(os.environ), start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _told(process: "subprocess.Popen[bytes]", kind: type[T], within_s: int, stop: Stop) -> T:
    """The sender's next line. Raises `BenchFailed` if none comes, `KeyboardInterrupt` if the user stops."""
    assert process.stdout is not None
    until = time.monotonic() + within_s
    while not select([process.stdout], [], [], 0.2)[0]:
        if stop.requested:
            raise KeyboardInterrupt
        if time.monotonic() > until:
            raise BenchFailed(f"said nothing for {within_s} s", where="the sender of frames")
    line = process.stdout.readline()
    if not line:
        raise BenchFailed("its process has ended", where="the sender of frames", fix="see its traceback")
    return msgspec.json.decode(line, type=kind)
