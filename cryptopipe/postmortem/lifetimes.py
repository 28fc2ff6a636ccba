"""How long edges of each kind lived, and how many plans for them filled every leg.

Enters: a connection, runs. Leaves: a line for each kind. Never: an edge that was taken, whose book died, or that the
run's end cut off, among those that closed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

import sqlalchemy as sa

from cryptopipe.evaluate.lifetime import Life, Lives
from cryptopipe.gate.sightings import Sightings, kind_of
from cryptopipe.journal import schema
from cryptopipe.model.money import rounded

_MILLISECONDS = 60_000


@dataclass(frozen=True)
class KindFigures:
    """One kind of edge, named by the first word of their names. Of `edges`, `closed` were seen to close, the others
    were `lost`: taken, a book of theirs could not be read, or the run ended. `half_life_ms` by Kaplan and Meier: None
    where fewer than half are known to have closed. `completed` of `plans` filled every leg.
    """

    kind: str
    edges: int
    closed: int
    lost: int
    half_life_ms: Decimal | None
    plans: int
    completed: int


def kind_figures(connection: sa.Connection, run_ids: Sequence[str]) -> list[KindFigures]:
    """Every kind of these runs together, by name."""
    lives, plans = _lives(connection, run_ids), _plans(connection, run_ids)
    found = []
    for kind in sorted({*lives, *plans}):
        of_kind = lives.get(kind, [])
        half_life = Lives({kind: tuple(of_kind)}).curve(kind).half_life * _MILLISECONDS
        closed, (tried, done) = sum(life.closed for life in of_kind), plans.get(kind, (0, 0))
        half = rounded(half_life) if isfinite(half_life) else None
        found.append(KindFigures(kind, len(of_kind), closed, len(of_kind) - closed, half, tried, done))
    return found


def _lives(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, list[Life]]:
    found: dict[str, list[Life]] = defaultdict(list)
    for run_id in run_ids:
        _follow(connection, run_id, found)
    return dict(found)


def _follow(connection: sa.Connection, run_id: str, found: dict[str, list[Life]]) -> None:
    """One run's edges, as its records tell of them in their order."""
    decision, leg, book, end = schema.decision, schema.leg, schema.book_state, schema.run_end
    told = [decision.c[name] for name in ("n", "at", "edge", "phase", "accepted")]
    telling = sa.or_(decision.c.phase.in_(("open", "end")), decision.c.accepted)
    decisions = connection.execute(sa.select(*told).where(decision.c.run_id == run_id, telling)).all()
    legs = leg.join(decision, sa.and_(_same(leg, decision, "n"), decision.c.phase == "open"))
    through: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(leg.c.n, leg.c.instrument).select_from(legs).where(leg.c.run_id == run_id)):
        through[row.n].append(row.instrument)
    hidden = sa.select(book.c.n, book.c.at, book.c.instrument).where(book.c.run_id == run_id, book.c.state != "live")
    over = connection.execute(sa.select(end.c.at).where(end.c.run_id == run_id)).scalar()
    sightings = Sightings(lambda kind, duration, closed: found[kind].append(Life(duration, closed)))
    rows = sorted((*decisions, *connection.execute(hidden)), key=lambda row: row.n)
    for row in rows:
        if "instrument" in row._fields:
            sightings.hidden(row.instrument, row.at)
            continue
        if row.phase == "open":
            sightings.opened(row.edge, through[row.n], row.at)
        if row.phase == "end":
            if row.at == over:
                sightings.stop(row.at)
            sightings.ended(row.edge, row.at)
        elif row.accepted:
            sightings.accepted(row.edge, row.at)
    sightings.stop(over or (rows[-1].at if rows else 0))


def _plans(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """By kind (ended, completed). A leg's order is the plan's first of its market and side."""
    decision, leg, intent, done, ended = (
        schema.decision, schema.leg, schema.order_intent, schema.order_end, schema.plan_end,
    )  # fmt: skip
    plan = [intent.c.run_id, intent.c.decision_id, intent.c.instrument, intent.c.side]
    first = (
        sa.select(*plan, sa.func.arg_min(intent.c.client_id, intent.c.n).label("client_id")).group_by(*plan).subquery()
    )
    ours = sa.select(
        leg.c.run_id, leg.c.decision_id, decision.c.edge, done.c.unfilled
    ).select_from(
        ended.join(decision, _same(ended, decision, "decision_id"))
        .join(leg, sa.and_(_same(decision, leg, "decision_id"), decision.c.n == leg.c.n))
        .outerjoin(first, _same(leg, first, "decision_id", "instrument", "side"))
        .outerjoin(done, _same(first, done, "client_id"))
    ).where(decision.c.accepted, decision.c.phase != "end", ended.c.run_id.in_(run_ids))  # fmt: skip
    kinds: dict[tuple[str, int], str] = {}
    whole: dict[tuple[str, int], bool] = defaultdict(lambda: True)
    for row in connection.execute(ours):
        number = (row.run_id, row.decision_id)
        kinds[number] = kind_of(row.edge)
        whole[number] &= row.unfilled is not None and not row.unfilled
    found: dict[str, tuple[int, int]] = {}
    for number, kind in kinds.items():
        tried, filled = found.get(kind, (0, 0))
        found[kind] = tried + 1, filled + whole[number]
    return found


def _same(one: sa.FromClause, other: sa.FromClause, *names: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in ("run_id", *names)))
