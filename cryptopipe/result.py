"""What a run came to: its summary with where its inputs came from, as the JSON that users know.

Enters: a finished run. Leaves: one document. Never: a figure that the summary does not have.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptopipe import core
from cryptopipe.act.quotes import QuotedLine
from cryptopipe.act.transit_steps import InFlight
from cryptopipe.clock import Nanos, format_at
from cryptopipe.drivers.replay import ReplayLabel
from cryptopipe.journal.runs import Run
from cryptopipe.model.money import plain
from cryptopipe.settings import config_hash
from cryptopipe.summary import BestEdge, Settled, Summary, ValueLines
from cryptopipe.wiring import Wiring


@dataclass(frozen=True)
class Origin:
    """Where a run's inputs come from: `replay`, `sandbox` or `live`, with what must be said of it."""

    kind: str
    label: ReplayLabel
    seed: int | None = None
    align: bool = False
    faulty: bool = False
    """Whether faults were asked for: what it measures is nobody's latency."""


@dataclass
class RunResult:
    """What `--mode action` reports."""

    run: Run
    wiring: Wiring
    origin: Origin
    summary: Summary
    started_at: Nanos
    ended_at: Nanos
    first_quote_s: float | None
    records: int
    journal_hash: str
    notes: list[str]

    def document(self) -> dict[str, Any]:
        """The JSON contract of `--mode action`."""
        summary, origin = self.summary, self.origin
        return {
            "run_id": self.run.id,
            "mode": "action",
            "strategy": self.wiring.strategy,
            "market": origin.kind,
            "execution": self.wiring.execution,
            "core": core.NAME,
            "seed": origin.seed,
            "config_hash": config_hash(self.wiring.settings),
            "started_at": format_at(self.started_at),
            "ended_at": format_at(self.ended_at),
            "stopped_by": summary.stopped_by,
            "data_dir": str(self.wiring.settings.data_dir),
            "capture": str(self.run.capture),
            "align": "start" if origin.align else None,
            "simultaneous": origin.label.simultaneous,
            "label": origin.label.why,
            "first_quote_s": self.first_quote_s,
            **{name: getattr(summary, name) for name in ("frames", "tops", "turns")},
            "venues": summary.venues,
            "opportunities": {"found": summary.found, "accepted": summary.accepted, "refused": summary.refused},
            "refusals": summary.refusals,
            "best_edges": {"gross": _edge(summary.gross), "net": _edge(summary.net)},
            "plans": summary.plans,
            "fills": summary.fills,
            "profit": {asset: plain(amount) for asset, amount in summary.profit.items()},
            "value": _value(summary.value),
            "balances": _balances(summary),
            "halted": summary.halted or None,
            "notes": self.notes,
            "exposure": {asset: plain(amount) for asset, amount in summary.exposure.items()},
            "in_flight": [_flying(one) for one in summary.in_flight],
            "quotes": [_quoted(one) for one in summary.quotes],
            "settled": None if summary.settled is None else _settled(summary.settled),
            "journal": {"path": str(self.run.journal), "records": self.records, "hash": self.journal_hash},
        }


def _balances(summary: Summary) -> dict[str, Any]:
    return {
        venue: {asset: {"opening": plain(a), "closing": plain(b)} for asset, (a, b) in amounts.items()}
        for venue, amounts in summary.balances.items()
    }


def _quoted(one: QuotedLine) -> dict[str, Any]:
    counts = {"placed": one.placed, "refused": one.refused, "cancelled": one.cancelled, "fills": one.fills}
    amounts = {"bought": one.bought, "sold": one.sold, "inventory": one.inventory}
    return {"instrument": one.instrument, "asset": one.asset, **counts, **{k: plain(v) for k, v in amounts.items()}}


def _flying(one: InFlight) -> dict[str, Any]:
    return {
        "decision": one.decision_id,
        "asset": one.asset,
        "amount": plain(one.amount),
        "from": one.source,
        "to": one.target,
        "state": one.state,
    }


def _settled(settled: Settled) -> dict[str, Any]:
    """What the venues said at the end, beside our books, and how long their answers took."""
    return {
        "balances_equal": settled.balanced,
        "differences": {
            venue: {asset: {"told": plain(told), "booked": plain(booked)} for asset, (told, booked) in differs.items()}
            for venue, differs in settled.differences.items()
        },
        "unknown": list(settled.unknown),
        "answers": {
            f"{venue} {action}": {
                "count": took.count,
                "mean_ms": round(took.total / took.count / 1e6, 3),
                "max_ms": round(took.longest / 1e6, 3),
            }
            for (venue, action), took in sorted(settled.took.items())
        },
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
        "name": edge.name,
        "where": edge.where,
    }
