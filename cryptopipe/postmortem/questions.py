"""What a post-mortem asks the projection.

Enters: a connection. Leaves: counts and amounts of each run, as recorded. Never: a sum of money made by the database.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cryptopipe.journal import schema
from cryptopipe.journal.records import Counts
from cryptopipe.postmortem.books import Books, add_up


@dataclass
class RunFigures:
    """One run, from its records. `end` is the row of `run_end`, None for a run without an end."""

    run_id: str
    strategy: str
    label: str
    simultaneous: bool
    numeraire: str
    counts: Counts = field(default_factory=Counts)
    refusals: dict[str, int] = field(default_factory=dict)
    evaluations: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    """By check, the evaluations in which it failed."""
    fills: int = 0
    books: Books = field(default_factory=Books)
    end: Any = None
    stated_refusals: dict[str, int] = field(default_factory=dict)
    halts: list[str] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    """By venue that told what it held at the end, the assets that differ from the books; empty on paper."""
    open_orders: list[tuple[str, str]] = field(default_factory=list)
    """(client id, instrument) of those whose end is not recorded."""


@dataclass
class EdgeFigures:
    """One edge over all runs; the best values are those of its decisions, for whatever they were refused."""

    edge: str
    episodes: int
    accepted: int
    best_gross_bps: Decimal
    best_net_bps: Decimal


def run_figures(connection: sa.Connection) -> list[RunFigures]:
    """Every run that has a first record, oldest first."""
    run = schema.run
    rows = connection.execute(sa.select(run).order_by(run.c.run_id)).all()
    runs = {
        row.run_id: RunFigures(row.run_id, row.strategy, row.label, row.simultaneous, row.numeraire) for row in rows
    }
    _counts(connection, runs)
    _refusals(connection, runs)
    _evaluations(connection, runs)
    _stated(connection, runs)
    _books(connection, runs)
    return list(runs.values())


def edge_figures(connection: sa.Connection, run_ids: Sequence[str], limit: int = 10) -> list[EdgeFigures]:
    """The edges with the best net value, best first."""
    decision = schema.decision
    episode = sa.tuple_(decision.c.run_id, decision.c.episode)
    best_net = sa.func.max(decision.c.best_net_bps_approx)
    statement = (
        sa.select(
            decision.c.edge,
            sa.func.count(sa.distinct(episode)).label("episodes"),
            sa.func.count(sa.distinct(sa.case((decision.c.accepted, episode)))).label("accepted"),
            sa.func.arg_max(decision.c.best_gross_bps, decision.c.best_gross_bps_approx).label("gross"),
            sa.func.arg_max(decision.c.best_net_bps, decision.c.best_net_bps_approx).label("net"),
        )
        .where(decision.c.run_id.in_(run_ids))
        .group_by(decision.c.edge)
        .order_by(best_net.desc(), decision.c.edge)
        .limit(limit)
    )
    return [
        EdgeFigures(row.edge, row.episodes, row.accepted, Decimal(row.gross), Decimal(row.net))
        for row in connection.execute(statement)
    ]


def _counts(connection: sa.Connection, runs: dict[str, RunFigures]) -> None:
    decision, fill = schema.decision, schema.fill
    statement = sa.select(
        decision.c.run_id,
        sa.func.count(sa.distinct(decision.c.episode)).label("found"),
        sa.func.count(sa.distinct(sa.case((decision.c.accepted, decision.c.episode)))).label("accepted"),
    ).group_by(decision.c.run_id)
    for row in connection.execute(statement):
        runs[row.run_id].counts = Counts(row.found, row.accepted, row.found - row.accepted)
    fills = sa.select(fill.c.run_id, sa.func.count().label("fills")).group_by(fill.c.run_id)
    for row in connection.execute(fills):
        runs[row.run_id].fills = row.fills


def _refusals(connection: sa.Connection, runs: dict[str, RunFigures]) -> None:
    """For each check, the episodes in which it ever failed."""
    reason = schema.reason
    statement = (
        sa.select(reason.c.run_id, reason.c.check_name, sa.func.count(sa.distinct(reason.c.episode)).label("episodes"))
        .where(sa.not_(reason.c.passed))
        .group_by(reason.c.run_id, reason.c.check_name)
        .order_by(reason.c.check_name)
    )
    for row in connection.execute(statement):
        runs[row.run_id].refusals[row.check_name] = row.episodes


def _evaluations(connection: sa.Connection, runs: dict[str, RunFigures]) -> None:
    """Over every evaluation, the journalled and those between: a decision is told anew when its set of reasons changes,
    so each record stands for the evaluations before the next one of its episode. The last of an episode that has not
    ended stands for itself alone.
    """
    decision, reason = schema.decision, schema.reason
    episode = [decision.c.run_id, decision.c.episode]
    next_count = sa.func.lead(decision.c.evaluations).over(partition_by=episode, order_by=decision.c.n)
    next_phase = sa.func.lead(decision.c.phase).over(partition_by=episode, order_by=decision.c.n)
    stands_for = sa.case(
        (decision.c.phase == "end", 0),
        (next_phase.is_(None), 1),
        (next_phase == "end", next_count - decision.c.evaluations + 1),
        else_=next_count - decision.c.evaluations,
    )
    told = sa.select(decision.c.run_id, decision.c.n, stands_for.label("times")).subquery()
    sums = sa.select(told.c.run_id, sa.func.sum(told.c.times).label("times")).group_by(told.c.run_id)
    for row in connection.execute(sums):
        runs[row.run_id].evaluations = int(row.times)
    failed = (
        sa.select(reason.c.run_id, reason.c.check_name, sa.func.sum(told.c.times).label("times"))
        .join(told, sa.and_(told.c.run_id == reason.c.run_id, told.c.n == reason.c.n))
        .where(sa.not_(reason.c.passed))
        .group_by(reason.c.run_id, reason.c.check_name)
        .order_by(reason.c.check_name)
    )
    for one in connection.execute(failed):
        runs[one.run_id].failed[one.check_name] = int(one.times)


def _stated(connection: sa.Connection, runs: dict[str, RunFigures]) -> None:
    """What the runs said themselves, to be compared."""
    for row in connection.execute(sa.select(schema.run_end)):
        runs[row.run_id].end = row
    for row in connection.execute(sa.select(schema.stated_refusal)):
        runs[row.run_id].stated_refusals[row.check_name] = row.episodes
    for row in connection.execute(sa.select(schema.best_edge)):
        runs[row.run_id].best[row.which] = row
    for row in connection.execute(sa.select(schema.halt)):
        runs[row.run_id].halts.append(row.why)
    intent, end = schema.order_intent, schema.order_end
    ended = sa.exists().where(end.c.run_id == intent.c.run_id, end.c.client_id == intent.c.client_id)
    for row in connection.execute(sa.select(intent).where(~ended).order_by(intent.c.run_id, intent.c.n)):
        runs[row.run_id].open_orders.append((row.client_id, row.instrument))
    for row in connection.execute(sa.select(schema.reckoning)):
        runs[row.run_id].compared[row.venue] = row.differences


def _books(connection: sa.Connection, runs: dict[str, RunFigures]) -> None:
    stated: dict[tuple[str, str], dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for row in connection.execute(sa.select(schema.stated_balance)):
        stated[row.run_id, row.phase][row.venue, row.asset] = row.amount
    postings: dict[str, list[tuple[int, str, str, Decimal]]] = defaultdict(list)
    posting = schema.posting
    for row in connection.execute(sa.select(posting).order_by(posting.c.run_id, posting.c.n, posting.c.place)):
        postings[row.run_id].append((row.transaction_id, row.account, row.asset, row.amount))
    for run in runs.values():
        closing = stated[run.run_id, "closing"] if run.end is not None else None
        run.books = add_up(postings[run.run_id], stated[run.run_id, "opening"], closing)
