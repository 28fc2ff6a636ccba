"""The post-mortem: what the runs of a strategy found, refused, took and earned, together.

Enters: a data directory. Leaves: a `Report`, whose `document()` is the contract of `--mode post-mortem --json`. Never:
a count that was only claimed by a run: all are counted from its records, and a claim that differs is named.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from cryptopipe.clock import format_at
from cryptopipe.errors import UsageError
from cryptopipe.journal.database import ask
from cryptopipe.journal.projector import Projected
from cryptopipe.journal.records import BestEdge, Counts, Value
from cryptopipe.journal.runs import Run, find, list_runs
from cryptopipe.model.money import exact, plain
from cryptopipe.postmortem.claims import differences
from cryptopipe.postmortem.lifetimes import KindFigures, kind_figures
from cryptopipe.postmortem.questions import EdgeFigures, RunFigures, edge_figures, run_figures
from cryptopipe.postmortem.quotes import QuoteFigures, quote_figures

SCHEMA = 1


@dataclass(frozen=True)
class RunLine:
    """One run. `frames`, `tops` and `turns` are None for a run without an end: its records do not tell them.

    `venues_differ`: how many venues held something else at the end than the books say; None where none was asked, as on
    paper.
    """

    run_id: str
    strategy: str
    started_at: str
    ended_at: str | None
    clean: bool
    frames: int | None
    tops: int | None
    turns: int | None
    found: int
    accepted: int
    refused: int
    fills: int
    simultaneous: bool
    label: str
    execution: str
    venues_differ: int | None


@dataclass(frozen=True)
class Balance:
    """What a wallet held at the opening and at the end of the runs, each summed over them: every run begins anew."""

    opening: Decimal
    closing: Decimal


@dataclass
class Report:
    """The figures of several runs together. `notes` say what is not as it should be."""

    strategy: str | None
    runs: list[RunLine] = field(default_factory=list)
    opportunities: Counts = field(default_factory=Counts)
    refusals: dict[str, int] = field(default_factory=dict)
    evaluations: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    """By check, the evaluations in which it failed."""
    profit: dict[str, Decimal] = field(default_factory=dict)
    balances: dict[str, dict[str, Balance]] = field(default_factory=dict)
    value: Value | None = None
    ledger_balanced: bool = True
    fills: int = 0
    best_edges: dict[str, BestEdge] = field(default_factory=dict)
    edges: list[EdgeFigures] = field(default_factory=list)
    kinds: list[KindFigures] = field(default_factory=list)
    quotes: list[QuoteFigures] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The report as JSON values: decimals as text without exponent, times as RFC 3339."""
        best = {
            which: {**msgspec.structs.asdict(edge), "at": format_at(edge.at)} for which, edge in self.best_edges.items()
        }
        value: dict[str, Any] = {
            "numeraire": None,
            "trading": None,
            "revaluation": None,
            "restoring": None,
            "unpriced": [],
        }
        facts = {
            "schema": SCHEMA,
            "strategy": self.strategy,
            "runs": self.runs,
            "opportunities": self.opportunities,
            "refusals": self.refusals,
            "evaluations": {"all": self.evaluations, "failed": self.failed},
            "profit": self.profit,
            "balances": self.balances,
            "value": self.value or value,
            "ledger_balanced": self.ledger_balanced,
            "fills": self.fills,
            "best_edges": best,
            "edges": self.edges,
            "kinds": self.kinds,
            "quotes": self.quotes,
            "labels": self.labels,
            "notes": self.notes,
        }
        document: dict[str, Any] = _plain(msgspec.to_builtins(facts, builtin_types=(Decimal,)))
        return document


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return plain(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def report(data_dir: Path, strategy: str | None = None, run: str = "all") -> Report:
    """The figures of `all` runs of a strategy, of its `last`, or of the one whose id begins with `run`.

    Without a strategy, of the runs of any. No run at all gives an empty report. Raises `UsageError` for a run that
    does not exist, and `JournalError`.
    """
    if not list_runs(data_dir):
        return Report(strategy)
    (figures, edges, kinds, quotes), projected = ask(data_dir, lambda asked: _figures(asked, data_dir, strategy, run))
    made = Report(strategy, edges=edges, kinds=kinds, quotes=quotes)
    at = {one.id: one for one in list_runs(data_dir)}
    for one in figures:
        _add_run(made, one, at[one.run_id])
    _add_values(made, figures)
    made.notes += _notes(figures, projected)
    return made


def _figures(
    connection: sa.Connection, data_dir: Path, strategy: str | None, run: str
) -> tuple[list[RunFigures], list[EdgeFigures], list[KindFigures], list[QuoteFigures]]:
    chosen = [one for one in run_figures(connection) if strategy in (None, one.strategy)]
    if run == "last":
        chosen = chosen[-1:]
    elif run != "all":
        wanted = find(data_dir, run)[0].id
        chosen = [one for one in chosen if one.run_id == wanted]
        if not chosen:
            raise UsageError(f"run {wanted} is not of strategy {strategy}", fix="ask without --strategy")
    run_ids = [one.run_id for one in chosen]
    return (
        chosen,
        edge_figures(connection, run_ids),
        kind_figures(connection, run_ids),
        quote_figures(connection, run_ids),
    )


def _add_run(made: Report, one: RunFigures, run: Run) -> None:
    end, counts = one.end, one.counts
    made.runs.append(
        RunLine(
            run_id=one.run_id,
            strategy=one.strategy,
            started_at=str(run.description().get("started_at", "")),
            ended_at=run.ending().get("ended_at"),
            clean=end is not None,
            frames=None if end is None else end.frames,
            tops=None if end is None else end.tops,
            turns=None if end is None else end.turns,
            found=counts.found,
            accepted=counts.accepted,
            refused=counts.refused,
            fills=one.fills,
            simultaneous=one.simultaneous,
            label=one.label,
            execution=str(run.description().get("execution", "paper")),
            venues_differ=sum(1 for assets in one.compared.values() if assets) if one.compared else None,
        )
    )
    label = one.label if one.simultaneous else f"not simultaneous: {one.label}".removesuffix(": ")
    if label and label not in made.labels:
        made.labels.append(label)
    total = made.opportunities
    made.opportunities = Counts(
        total.found + counts.found, total.accepted + counts.accepted, total.refused + counts.refused
    )
    made.fills += one.fills
    made.refusals = dict(sorted((Counter(made.refusals) + Counter(one.refusals)).items()))
    made.evaluations += one.evaluations
    made.failed = dict(sorted((Counter(made.failed) + Counter(one.failed)).items()))
    made.ledger_balanced = made.ledger_balanced and not one.books.faults
    _add_books(made, one)
    for which, edge in one.best.items():
        if which not in made.best_edges or edge.bps > made.best_edges[which].bps:
            instruments = tuple(msgspec.json.decode(edge.instruments, type=list[str]))
            made.best_edges[which] = BestEdge(edge.buy, edge.sell, instruments, edge.bps, edge.seen_at)


def _add_books(made: Report, one: RunFigures) -> None:
    with exact():
        for venue, asset in sorted(one.books.closing):
            change = one.books.change((venue, asset))
            opening = one.books.opening.get((venue, asset), Decimal(0))
            closing = one.books.closing[venue, asset]
            before = made.balances.setdefault(venue, {}).get(asset, Balance(Decimal(0), Decimal(0)))
            made.balances[venue][asset] = Balance(before.opening + opening, before.closing + closing)
            if change:
                made.profit[asset] = made.profit.get(asset, Decimal(0)) + change
        for asset, amount in one.books.in_flight.items():
            made.profit[asset] = made.profit.get(asset, Decimal(0)) + amount
    on_the_way = ", ".join(f"{plain(amount)} {asset}" for asset, amount in one.books.in_flight.items() if amount)
    if on_the_way:
        made.notes.append(f"run {one.run_id} ended with {on_the_way} on the way between venues")
    made.profit = {asset: amount for asset, amount in sorted(made.profit.items()) if amount}


def _add_values(made: Report, figures: Sequence[RunFigures]) -> None:
    """The three lines over the runs that have an end, in the numeraire of the newest run."""
    if not figures:
        return
    numeraire = figures[-1].numeraire
    ends = [one.end for one in figures if one.end is not None and one.end.numeraire == numeraire]
    lines: dict[str, Decimal | None] = {}
    with exact():
        for line in ("trading", "revaluation", "restoring"):
            values = [getattr(end, line) for end in ends]
            lines[line] = None if None in values or not values else sum(values, Decimal(0))
    unpriced = tuple(sorted({asset for end in ends for asset in msgspec.json.decode(end.unpriced)}))
    made.value = Value(numeraire, lines["trading"], lines["revaluation"], lines["restoring"] or Decimal(0), unpriced)
    other = sum(1 for one in figures if one.numeraire != numeraire)
    if other:
        made.notes.append(f"{other} runs were valued in another numeraire than {numeraire} and are not in `value`")


def _unended(run: RunFigures) -> list[str]:
    return [f"order {client_id} on {instrument}" for client_id, instrument in run.open_orders]


def _notes(figures: Sequence[RunFigures], projected: Projected) -> list[str]:
    notes = []
    for one in figures:
        if one.run_id in projected.damaged:
            notes.append(f"run {one.run_id}: {projected.damaged[one.run_id]}; only what stands before it is counted")
        if one.run_id in projected.torn:
            notes.append(f"run {one.run_id}: the last {projected.torn[one.run_id]} bytes are not a whole record")
        if one.end is None:
            notes.append(f"run {one.run_id} has no end: it still runs or was cut off, and is not in `value`")
            notes += [f"run {one.run_id}: what became of {order} is not in its records" for order in _unended(one)]
        notes += [f"run {one.run_id} halted: {why}" for why in one.halts]
        notes += [f"run {one.run_id}: {fault}" for fault in one.books.faults]
        notes += [f"run {one.run_id}: {difference}" for difference in differences(one)]
    return notes
