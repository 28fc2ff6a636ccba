"""Wiring: settings and plugins become a pipe, sources feed it, capture and journal keep it.

Enters: loaded settings and a source of inputs. Leaves: the result of a run, or of its verification. Never: a decision.
"""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec
import structlog

from cryptopipe import __version__, core, registry
from cryptopipe.capture.files import DISK, FileLayer
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.writer import Writer as CaptureWriter
from cryptopipe.clock import Nanos, format_at
from cryptopipe.drivers.replay import Replay, ReplayLabel, open_replay, packaged_replay, refuse_foreign
from cryptopipe.drivers.stop import ended, stop_on_interrupt
from cryptopipe.errors import ConfigError
from cryptopipe.gate.gate import Limits
from cryptopipe.journal.log import Log, RecordSink
from cryptopipe.journal.records import RunStarted
from cryptopipe.journal.runs import Run, create
from cryptopipe.journal.sink import DurableSink
from cryptopipe.market.market import Market
from cryptopipe.market.view import View
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
from cryptopipe.model.money import plain
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe.settings import Settings, config_hash, effective
from cryptopipe.summary import BestEdge, Summary, ValueLines
from cryptopipe.watching import Watcher, enough

NOT_HASHED_IN_JOURNAL = ("data_dir",)
_BPS = Decimal(10_000)
_LOG = structlog.get_logger()


@dataclass(frozen=True)
class Wiring:
    """What a pipe is made of, from settings and plugins."""

    strategy: str
    settings: Settings
    plugins: Mapping[VenueId, ExchangePlugin]

    @classmethod
    def of(cls, strategy: str, settings: Settings, venues: Sequence[str]) -> "Wiring":
        """Find the plugins. Raises `UsageError` for an unknown venue or strategy, with the nearest name, and
        `ConfigError` for a venue that is not enabled.
        """
        registry.strategy(strategy)
        plugins = {VenueId(venue): registry.exchange(venue) for venue in venues}
        for venue in plugins:
            if not settings.venue(venue).enabled:
                raise ConfigError(
                    "false, and its recording was named",
                    where=f"venues.{venue}.enabled",
                    fix="enable it, or leave it out",
                )
        return cls(strategy, settings, plugins)

    def pipe(self, sink: RecordSink) -> Pipe:
        """A fresh pipe."""
        section = self.settings.strategy(self.strategy)
        risk, numeraire = self.settings.risk, Asset(self.settings.numeraire)
        return Pipe(
            self.plugins,
            registry.strategy(self.strategy).make(section),
            PipeSettings(
                limits=Limits(numeraire=numeraire, **{name: getattr(risk, name) for name in type(risk).model_fields}),
                latency=self.settings.paper.latency,
                fees={venue: self._fees(venue, plugin) for venue, plugin in self.plugins.items()},
                opening=self.settings.opening,
                restoring_bps=getattr(section, "restoring_bps", Decimal(0)),
            ),
            sink,
        )

    def watcher(self) -> Watcher:
        """A market and a strategy that only look."""
        market = Market(self.plugins)
        fees = {venue: self._fees(venue, plugin) for venue, plugin in self.plugins.items()}
        strategy = registry.strategy(self.strategy).make(self.settings.strategy(self.strategy))
        return Watcher(market, strategy, View(market, fees, enough, {}))

    def _fees(self, venue: VenueId, plugin: ExchangePlugin) -> FeeSchedule:
        own = self.settings.venue(venue)
        fees = plugin.fees
        if own.taker_fee_bps is not None:
            fees = msgspec.structs.replace(
                fees, taker_rate=own.taker_fee_bps / _BPS, source="configuration", as_of="now"
            )  # fmt: skip
        if own.maker_fee_bps is not None:
            fees = msgspec.structs.replace(fees, maker_rate=own.maker_fee_bps / _BPS)
        return fees

    def started(self, label: ReplayLabel) -> RunStarted:
        """The journal's first record."""
        settings = {k: v for k, v in effective(self.settings).items() if k not in NOT_HASHED_IN_JOURNAL}
        return RunStarted(
            strategy=self.strategy,
            config_hash=config_hash(self.settings),
            settings=settings,
            venues=tuple(self.plugins),
            instruments=(),
            opening={},
            numeraire=self.settings.numeraire,
            simultaneous=label.simultaneous,
            label=label.why,
        )


@dataclass
class RunResult:
    """What `--mode action` reports."""

    run: Run
    wiring: Wiring
    label: ReplayLabel
    summary: Summary
    started_at: Nanos
    ended_at: Nanos
    first_quote_s: float | None
    records: int
    journal_hash: str
    align: bool

    def document(self) -> dict[str, Any]:
        """The JSON contract of `--mode action`."""
        summary = self.summary
        return {
            "run_id": self.run.id,
            "mode": "action",
            "strategy": self.wiring.strategy,
            "market": "replay",
            "execution": "paper",
            "core": core.NAME,
            "seed": None,
            "config_hash": config_hash(self.wiring.settings),
            "started_at": format_at(self.started_at),
            "ended_at": format_at(self.ended_at),
            "stopped_by": summary.stopped_by,
            "data_dir": str(self.wiring.settings.data_dir),
            "capture": str(self.run.capture),
            "align": "start" if self.align else None,
            "simultaneous": self.label.simultaneous,
            "label": self.label.why,
            "first_quote_s": self.first_quote_s,
            "frames": summary.frames,
            "tops": summary.tops,
            "turns": summary.turns,
            "venues": summary.venues,
            "opportunities": {"found": summary.found, "accepted": summary.accepted, "refused": summary.refused},
            "refusals": summary.refusals,
            "best_edges": {"gross": _edge(summary.gross), "net": _edge(summary.net)},
            "fills": summary.fills,
            "profit": {asset: plain(amount) for asset, amount in summary.profit.items()},
            "value": _value(summary.value),
            "balances": {
                venue: {asset: {"opening": plain(a), "closing": plain(b)} for asset, (a, b) in amounts.items()}
                for venue, amounts in summary.balances.items()
            },
            "halted": summary.halted or None,
            "exposure": {asset: plain(amount) for asset, amount in summary.exposure.items()},
            "journal": {"path": str(self.run.journal), "records": self.records, "hash": self.journal_hash},
        }


def _value(value: ValueLines) -> dict[str, Any]:
    return {
        "numeraire": value.numeraire,
        "trading": _money(value.trading),
        "revaluation": _money(value.revaluation),
        "restoring": _money(value.restoring),
        "unpriced": list(value.unpriced),
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _edge(edge: BestEdge | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    return {
        "buy": edge.buy,
        "sell": edge.sell,
        "instruments": list(edge.instruments),
        "bps": plain(edge.bps),
        "at": format_at(edge.at),
    }


def source_of(settings: Settings, replays: Sequence[str], shifts: Sequence[str], align: str | None) -> Replay:
    """What to replay: the captures that were named, else the packaged ones of the venues that are enabled."""
    if replays:
        return open_replay(replays, shifts, align)
    return packaged_replay(shifts, align, lambda venue: settings.venue(venue).enabled)


def act(
    wiring: Wiring, source: Replay, label: ReplayLabel, for_ns: Nanos | None = None, files: FileLayer = DISK
) -> RunResult:
    """One run of a strategy over a source of inputs, captured and journalled in a directory of its own.

    However it ends, capture and journal are closed and what they hold can be read.
    """
    inputs, started_at = _begun(source), time.time_ns()
    run = create(wiring.settings.data_dir, started_at)
    run.describe(_telemetry(wiring, label))
    _LOG.info("run.started", run=run.id, strategy=wiring.strategy, core=core.NAME, venues=list(wiring.plugins))
    first_quote_s: float | None = None
    with ExitStack() as opened, stop_on_interrupt() as stop:
        capture = CaptureWriter(run.capture, {"label": label.why}, files)
        opened.callback(capture.close)
        log = Log.open(run.journal, files)
        opened.callback(log.close)
        for place in (run.path, run.path.parent, wiring.settings.data_dir):
            files.sync_directory(place)
        pipe = wiring.pipe(sink := DurableSink(log, capture))
        pipe.tell_start(wiring.started(label))
        clock = time.perf_counter()
        for entry in ended(inputs, stop, for_ns):
            capture.append(entry)
            if entry.direction is Direction.COMMAND:
                stopped_by = entry.payload.decode()
                break
            pipe.receive(entry)
            pipe.market.take_commands()
            if first_quote_s is None and pipe.market.changed:
                first_quote_s = round(time.perf_counter() - clock, 6)
        summary = pipe.finish(stopped_by)
        capture.close()
    result = RunResult(
        run, wiring, label, summary, started_at, time.time_ns(), first_quote_s, sink.records, log.sha256, source.align
    )  # fmt: skip
    _LOG.info("run.ended", run=run.id, stopped_by=stopped_by, records=result.records, hash=result.journal_hash)
    refuse_foreign(summary.venues)
    run.end(result.ended_at, {"stopped_by": stopped_by, "hash": result.journal_hash, "records": result.records})
    return result


def _begun(source: Replay) -> Iterator[Input]:
    """The inputs, of which the first was read: what cannot be read at all leaves no run behind."""
    inputs = iter(source)
    first = next(inputs, None)
    return inputs if first is None else chain([first], inputs)


def _telemetry(wiring: Wiring, label: ReplayLabel) -> dict[str, Any]:
    """What may differ between a run and its replay; never in the journal."""
    return {
        "mode": "action",
        "strategy": wiring.strategy,
        "market": "replay",
        "execution": "paper",
        "core": core.NAME,
        "version": __version__,
        "python": platform.python_version(),
        "venues": list(wiring.plugins),
        "sources": [list(source) for source in label.files],
        "simultaneous": label.simultaneous,
        "label": label.why,
        "config": effective(wiring.settings),
    }
