"""Which forecasts of a journal came true: its decisions whose coins travelled, beside the ends of their plans.

Enters: the records of runs. Leaves: `Came` values for `evaluate.calibration`, and how many plans were left out and why.
Never: a plan that was not carried to the end its forecast is of, counted as a failure of the forecast.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptopipe.clock import Nanos
from cryptopipe.errors import JournalError, UsageError
from cryptopipe.evaluate.calibration import CENTRAL, Calibration, Came, Pit, Share, calibrate, cell_of
from cryptopipe.journal.account_records import TransitEnded
from cryptopipe.journal.reader import Record, decode_body, read
from cryptopipe.journal.records import Decided, RunStarted
from cryptopipe.journal.runs import find
from cryptopipe.model.trading import Forecast, Transit

SOLD, RESTORED, LOST = "sold", "restored", "lost"
COMPARED = (SOLD, RESTORED, LOST)
"""The ends of a transit that its forecast is of; after the others (`returned`, `kept`, `nothing`) no coins arrived
because none were sent.
"""
FEW = 30
"""Forecasts below which hardly anything can be told."""


@dataclass
class Found:
    """What the records of some runs tell. `left_out` counts ended transits by why nothing can be compared; `running`
    those without an end; `overlapping` those that began before another one of the same asset had ended.
    """

    runs: int = 0
    came: list[Came] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    running: int = 0
    overlapping: int = 0
    damaged: list[str] = field(default_factory=list)

    def read(self, records: Iterable[Record], strategy: str | None) -> None:
        """One more run, unless it is of another strategy. Raises `JournalError`."""
        begun: dict[int, tuple[Transit, Nanos]] = {}
        until: dict[str, Nanos] = {}
        for record in records:
            if record.kind == RunStarted.kind:
                if strategy not in (None, decode_body(record, RunStarted).strategy):
                    return
                self.runs += 1
            elif record.kind == Decided.kind:
                one = decode_body(record, Decided)
                if one.accepted and isinstance(one.transit, Transit) and one.decision_id not in begun:
                    begun[one.decision_id] = one.transit, record.at
            elif record.kind == TransitEnded.kind:
                end = decode_body(record, TransitEnded)
                if end.decision_id in begun:
                    transit, since = begun.pop(end.decision_id)
                    self.overlapping += since < until.get(end.asset, since)
                    until[end.asset] = max(record.at, until.get(end.asset, record.at))
                    self._ended(transit.forecast, end)
        self.running += len(begun)

    def _ended(self, forecast: Forecast, end: TransitEnded) -> None:
        if end.end not in COMPARED:
            self.left_out[end.end] += 1
        elif end.value is None:
            self.left_out["no price"] += 1
        else:
            self.ends[end.end] += 1
            self.came.append(came(forecast, end))


def came(forecast: Forecast, end: TransitEnded) -> Came:
    """A transit's forecast and its end. The law of the return is that of coins that arrive; of a law the journal keeps
    four points: 5 % and 95 %, no profit, and where nothing of the edge is expected to close the middle.
    """
    low, high, expected = (float(one) for one in (forecast.low, forecast.high, forecast.expected))
    below = reached = realised = None
    if end.end != LOST and end.log_return is not None:
        realised = float(end.log_return)
        below, reached = cell_of(known_points(forecast), realised)
    profitable = end.value is not None and end.value > 0
    return Came(float(forecast.probability), profitable, below, reached, expected, low, high, realised)


def known_points(forecast: Forecast) -> list[tuple[float, float]]:
    """(return, P(R ≤ return | the coins arrive)) as far as the forecast tells. A point that would contradict another in
    its twelve digits is left out.
    """
    tail = (1 - CENTRAL) / 2
    points = {float(forecast.low): tail, float(forecast.high): 1 - tail}
    arrives = 1 - float(forecast.late)
    if arrives > 0:
        points.setdefault(0.0, min(1.0, max(0.0, 1 - float(forecast.probability) / arrives)))
    if forecast.expected == forecast.edge:
        points.setdefault(float(forecast.expected), 0.5)
    known: list[tuple[float, float]] = []
    for at, p in sorted(points.items()):
        if not known or p >= known[-1][1]:
            known.append((at, p))
    return known


def calibration(data_dir: Path, strategy: str | None = None, run: str = "all") -> tuple[Calibration, Found]:
    """The figures over the journals of `all` runs, of the `last`, or of one. Raises `UsageError` if not one of their
    plans has a forecast that can be compared with its end; damage ends the reading of its run, and is told.
    """
    found = Found()
    for one in find(data_dir, run):
        try:
            found.read(read(one.journal), strategy)
        except JournalError as error:
            found.damaged.append(f"run {one.id}: {error}; only what stands before it is compared")
    if not found.came:
        raise UsageError(
            f"no plan with a forecast has ended in {found.runs} runs, so there is nothing to compare"
            + (f" ({_listed(found)})" if found.left_out or found.running else ""),
            where="--calibration",
            fix="only coins that travel are forecast: let a strategy send some, on the sandbox or on paper",
        )
    return calibrate(found.came), found


def document(figures: Calibration, found: Found) -> dict[str, Any]:
    """The contract of `post-mortem --calibration --json`: the field `calibration`."""
    brier, sharp = figures.brier, figures.sharpness
    return {
        "forecasts": figures.n,
        "ends": dict(sorted(found.ends.items())),
        "left_out": dict(sorted(found.left_out.items())),
        "running": found.running,
        "overlapping": found.overlapping,
        "jumps": figures.jumps,
        "pit": _pit(figures.pit),
        "pit_with_jumps": _pit(figures.with_jumps),
        "brier": {name: _text(value) for name, value in vars(brier).items()},
        "reliability": [
            {"low": _text(one.low), "high": _text(one.high), "forecast": _text(one.forecast), **_share(one.observed)}
            for one in figures.reliability
        ],
        "sharpness": sharp
        and {
            "width": _text(sharp.width),
            "coverage": _share(sharp.coverage),
            "error": _text(sharp.error),
            "error_se": sharp.error_se and _text(sharp.error_se),
        },
        "notes": list(notes(figures, found)),
    }


def notes(figures: Calibration, found: Found) -> Iterator[str]:
    """What must be said of the figures."""
    yield "of accepted trades alone: those whose edge looked too good are among them more often than among all"
    if figures.n < FEW:
        yield f"{figures.n} forecasts are too few to tell much"
    if found.overlapping:
        yield f"{found.overlapping} overlapped with another of the same asset: the p-value takes them as independent"
    if figures.pit is not None and figures.pit.cell > 0:
        yield "of each law only some quantiles are recorded: between them the PIT is drawn evenly (docs/calibration.md)"
    if found.left_out or found.running:
        yield f"not compared: {_listed(found)}"
    yield from found.damaged


def _listed(found: Found) -> str:
    parts = [f"{count} {why}" for why, count in sorted(found.left_out.items())]
    return ", ".join([*parts, *([f"{found.running} without an end"] if found.running else [])])


def _pit(pit: Pit | None) -> dict[str, Any] | None:
    if pit is None:
        return None
    texts = {name: _text(getattr(pit, name)) for name in ("distance", "p_value", "cell")}
    return {"n": pit.n, "histogram": list(pit.histogram), **texts}


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {
        "n": share.n,
        "count": share.count,
        "share": _text(share.share),
        "from": _text(low),
        "to": _text(high),
    }


def _text(value: float) -> str:
    return f"{value:.9f}"
