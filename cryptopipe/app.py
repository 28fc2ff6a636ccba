"""One run being made: its directory, capture, journal and pipe.

Enters: numbered inputs. Leaves: a captured, journalled run, and its result. Never: an input that the pipe saw and the
capture did not, or a second run on one data directory at a time.
"""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import Any

import structlog

from cryptopipe import __version__, core
from cryptopipe.alerts.watchman import Watchman
from cryptopipe.capture.files import DISK, FileLayer
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.writer import Writer as CaptureWriter
from cryptopipe.clock import Nanos
from cryptopipe.drivers.replay import Replay, ReplayLabel, refuse_foreign
from cryptopipe.drivers.stop import ended, stop_on_interrupt
from cryptopipe.drivers.streams import UNREACHABLE, Streams
from cryptopipe.errors import VenueUnavailable
from cryptopipe.hints import hints
from cryptopipe.journal.hold import only_run
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import Filled
from cryptopipe.journal.runs import create
from cryptopipe.journal.sink import DurableSink
from cryptopipe.market.sentry import Sentry, posted
from cryptopipe.measured import remember
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Subscription
from cryptopipe.pipe import Pipe
from cryptopipe.result import Origin, RunResult
from cryptopipe.settings import effective
from cryptopipe.wiring import Wiring

_LOG = structlog.get_logger()
_RECV = Direction.RECV


class Running:
    """A context: however it is left, capture and journal are closed, and what they hold can be read."""

    def __init__(self, wiring: Wiring, origin: Origin, files: FileLayer = DISK) -> None:
        self.wiring, self.origin = wiring, origin
        self._files = files
        self._opened = ExitStack()
        self._sentry: Sentry | None = None
        self.first_quote_s: float | None = None

    def __enter__(self) -> "Running":
        data_dir = self.wiring.settings.data_dir
        with ExitStack() as opened:
            opened.enter_context(only_run(data_dir))
            self.started_at = time.time_ns()
            self.run = create(data_dir, self.started_at)
            self.run.describe(_telemetry(self.wiring, self.origin))
            _LOG.info(
                "run.started",
                run=self.run.id,
                strategy=self.wiring.strategy,
                core=core.NAME,
                market=self.origin.kind,
                venues=list(self.wiring.plugins),
            )
            meta = {"label": self.origin.label.why}
            self._capture = CaptureWriter(self.run.capture, meta, self._files)
            opened.callback(self._capture.close)
            self._log = Log.open(self.run.journal, self._files)
            opened.callback(self._log.close)
            for place in (self.run.path, self.run.path.parent, data_dir):
                self._files.sync_directory(place)
            self._sink = DurableSink(self._log, self._capture)
            self.pipe: Pipe = self.wiring.pipe(self._sink)
            self.pipe.tell_start(self.wiring.started(self.origin.label))
            self._clock = time.perf_counter()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def take(self, entry: Input) -> None:
        """One input: captured first, then received."""
        self._capture.append(entry)
        if entry.ends:
            return
        self.pipe.receive(entry)
        sentry = self._sentry
        if sentry is not None and (entry.direction is not _RECV or entry.at >= sentry.sample_due):
            sentry.sample(entry)
        if self.first_quote_s is None and self.pipe.market.changed:
            self.first_quote_s = round(time.perf_counter() - self._clock, 6)

    def turn_ended(self, now: Nanos) -> None:
        """Nothing more was ready: decide now, not with the next input; and write what has waited for a second."""
        self.pipe.end_turn()
        self._capture.flush_due(now)
        if self._sentry is not None:
            self._sentry.turned(now)

    def watch(self, subscriptions: Mapping[VenueId, Sequence[Subscription]]) -> None:
        """Tell alerts of what happens from now on, where it is a market that people are told of."""
        settings, kind, label = self.wiring.settings, self.origin.kind, f"run {self.run.id}"
        posting = posted(self.pipe.market, kind, settings, subscriptions, self.started_at, label, self._tell_mode)
        self._sentry = self._opened.enter_context(posting)
        if self._sentry is not None and settings.alerts.fills:
            self._sink.heard = self._tell_fill

    def _tell_mode(self, watchman: Watchman, at: Nanos) -> None:
        state = self.pipe.state
        watchman.mode(state.mode.value, state.halted_because, at)

    def _tell_fill(self, body: Any, at: Nanos) -> None:
        if isinstance(body, Filled) and self._sentry is not None:
            text = f"{body.side.value} {body.quantity:f} at {body.price:f}, fee {body.fee:f} {body.fee_asset}"
            self._sentry.watchman.filled(text, body.instrument, at)

    def finish(self, stopped_by: str) -> RunResult:
        """End the run."""
        summary = self.pipe.finish(stopped_by)
        self._capture.close()
        if self._sentry is not None:
            self._sentry.look(time.time_ns())
        result = RunResult(
            self.run,
            self.wiring,
            self.origin,
            summary,
            self.started_at,
            time.time_ns(),
            self.first_quote_s,
            self._sink.records,
            self._log.sha256,
            hints(self.pipe.market, summary),
        )
        _LOG.info("run.ended", run=self.run.id, stopped_by=stopped_by, records=result.records, hash=result.journal_hash)
        return result

    def end(self, result: RunResult) -> None:
        """Mark the run as ended well."""
        facts = {"stopped_by": result.summary.stopped_by, "hash": result.journal_hash, "records": result.records}
        self.run.end(result.ended_at, facts)


def act(
    wiring: Wiring, source: Replay, label: ReplayLabel, for_ns: Nanos | None = None, files: FileLayer = DISK
) -> RunResult:
    """One run of a strategy over recordings."""
    inputs = _begun(source)
    with Running(wiring, Origin("replay", label, align=source.align), files) as running, stop_on_interrupt() as stop:
        for entry in ended(inputs, stop, for_ns):
            running.take(entry)
            running.pipe.market.take_commands()
            if entry.ends:
                stopped_by = entry.payload.decode()
                break
        result = running.finish(stopped_by)
        refuse_foreign(result.summary.venues)
        running.end(result)
    return result


def act_live(
    wiring: Wiring, origin: Origin, streams: Callable[[Running], Streams], for_ns: Nanos | None = None
) -> RunResult:
    """One run of a strategy over connections; `streams` makes them for the run that takes what they say."""
    with Running(wiring, origin) as running, stop_on_interrupt() as stop:
        try:
            made = streams(running)
            running.watch(made.subscriptions)
            stopped_by = made.run(stop, for_ns)
        except VenueUnavailable:
            running.end(running.finish(UNREACHABLE))
            raise
        result = running.finish(stopped_by)
        running.end(result)
        if result.summary.settled is not None and not origin.faulty:
            remember(wiring.settings.data_dir, origin.kind, result.summary.settled.took)
    return result


def _begun(source: Replay) -> Iterator[Input]:
    """The inputs, of which the first was read: what cannot be read at all leaves no run behind."""
    inputs = iter(source)
    first = next(inputs, None)
    return inputs if first is None else chain([first], inputs)


def _telemetry(wiring: Wiring, origin: Origin) -> dict[str, Any]:
    """What may differ between a run and its replay; never in the journal."""
    return {
        "mode": "action",
        "strategy": wiring.strategy,
        "market": origin.kind,
        "seed": origin.seed,
        "execution": wiring.execution,
        "core": core.NAME,
        "version": __version__,
        "python": platform.python_version(),
        "venues": list(wiring.plugins),
        "sources": [list(source) for source in origin.label.files],
        "simultaneous": origin.label.simultaneous,
        "label": origin.label.why,
        "config": effective(wiring.settings),
    }
