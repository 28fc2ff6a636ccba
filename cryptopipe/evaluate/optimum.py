"""The most that a snapshot lets one gain, or the prices under which nothing in it does.

Enters: a snapshot; in which asset the gain is counted, and what must not become less. Leaves: a plan, priced again
exactly and feasible to the last digit; or a certificate. Never: a float in an amount that was not rounded, or a
certificate that exact arithmetic has not checked.

A book is a piecewise linear trade function, so that without fixed costs this is a linear program; fixed fees and
minimums of transfers make binaries of it, lots whole numbers. It is the oracle for the search of cycles and for exact
sizes, which it knows nothing of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.cases import Case, by_cases
from cryptopipe.evaluate.certificate import Round, ceiling, proven, violation
from cryptopipe.evaluate.optimum_plan import Keep, Lacking, Plan, Question, Sent, plan_of
from cryptopipe.evaluate.optimum_program import Layout
from cryptopipe.evaluate.program import Solution
from cryptopipe.evaluate.snapshot import Node, Piece, Snapshot, passage, pieces
from cryptopipe.model.facts import Side
from cryptopipe.model.money import rounded

__all__ = ["Case", "Certificate", "Keep", "NoPlan", "Plan", "Question", "Sent", "solve"]

_NOTHING = 1e-6
"""Of the numeraire: what the solver may call a gain where there is none."""
_TRIES = 16
"""How often a plan is asked for again, with what rounding lacked in reserve."""


@dataclass(frozen=True)
class Certificate:
    """Nothing gains: under `prices`, in the numeraire, no level and no route brings more than it spends.

    By pool (a place, or an asset with no venue where assets are kept). Exact: each of `checked` pieces was held against
    the prices in rational arithmetic. `any_balance`: at any size and whatever is held, even if fixed fees were none;
    otherwise of what is held now, each fixed fee taken as its share of the most that can be sent. `solver_off` is by
    how much the solver's own prices let a piece gain, before they were raised to these (null: to a price of nothing).
    """

    question: Question
    prices: Mapping[Node, Fraction]
    checked: int
    any_balance: bool
    solver_off: Decimal | None
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True)
class NoPlan:
    """No plan gains, and no prices show it: nothing is left of `relaxed` after `why`, by branch and bound.

    What `prices` do prove, exactly, is that no plan gains more than `ceiling`.
    """

    question: Question
    why: str
    relaxed: Decimal
    prices: Mapping[Node, Fraction]
    ceiling: Fraction


def solve(snapshot: Snapshot, question: Question) -> Plan | Certificate | NoPlan:
    """The plan of the greatest gain; without one the certificate, or where only fixed fees, minimums, lots or rounding
    leave nothing, that. Raises `ArithmeticError` if the solver gives up.
    """
    layout = Layout(snapshot, replace(question, lots=False), {})
    relaxed = layout.program.relaxed()
    assert relaxed is not None, "doing nothing is feasible"
    prices = _prices(snapshot, question, layout, relaxed)
    if relaxed.value <= _NOTHING and (certificate := _certificate(snapshot, question, layout, prices)) is not None:
        return certificate
    rents = {node: Fraction(rounded(max(0.0, relaxed.worth[row]))) for node, row in layout.stocks.items()}
    most = ceiling(layout.pieces, prices, rents, snapshot.held, question.pool)
    layout = Layout(snapshot, question, {})
    first = layout.program.solve()
    assert first is not None, "doing nothing is feasible"
    plan = _plan(snapshot, question, layout, first, most)
    if plan is not None and plan.gain > 0:
        return plan
    if (cases := by_cases(snapshot, replace(question, lots=False))) is not None:
        return Certificate(question, cases[0].prices, len(cases), False, Decimal(0), cases)
    why = "fixed fees and minimums of transfers" + (", lots and minimums of orders" if question.lots else "")
    if relaxed.value <= _NOTHING or first.value > _NOTHING:
        why = "what is lost to rounding"
    return NoPlan(question, why, rounded(relaxed.value), prices, most)


def _plan(
    snapshot: Snapshot, question: Question, layout: Layout, first: Solution, most: Fraction
) -> Plan | None:  # fmt: skip
    """The solver's proposal, exactly. What rounding lacks is asked for in reserve, more each time, until nothing does;
    None if that leaves no plan.
    """
    reserves: dict[Lacking, Fraction] = {}
    solution: Solution | None = first
    for number in range(_TRIES):
        if solution is None:
            return None
        plan, lacks = plan_of(snapshot, question, *layout.read(solution), rounded(first.bound), most)
        if not lacks:
            return plan
        for what, lack in lacks.items():
            reserves[what] = reserves.get(what, Fraction(0)) + 4**number * lack
        layout = Layout(snapshot, question, reserves)
        solution = layout.program.relaxed(solution.whole) or layout.program.solve()
    return None


def _prices(snapshot: Snapshot, question: Question, layout: Layout, relaxed: Solution) -> dict[Node, Fraction]:
    """The solver's dual prices to 12 digits, at least one where the gain is counted."""
    prices = {pool: Fraction(pool[1] == question.numeraire) for pool in map(question.pool, snapshot.nodes)}
    for pool, row in layout.pools.items():
        prices[pool] += Fraction(rounded(max(0.0, -relaxed.worth[row])))
    return prices


def _certificate(
    snapshot: Snapshot, question: Question, layout: Layout, told: Mapping[Node, Fraction]
) -> Certificate | None:
    """From the solver's dual prices, if exact arithmetic bears them out."""
    off = _off(layout.pieces, told, question.pool)
    floor = {pool: Fraction(1) for pool in told if pool[1] == question.numeraire}
    for any_balance, among in ((True, _all_pieces(snapshot)), (False, layout.pieces)):
        prices = proven(among, told, floor, question.pool)
        if not isinstance(prices, Round):
            assert violation(among, prices, question.pool) <= 0, "raised prices pass every piece"
            return Certificate(question, dict(sorted(prices.items())), len(among), any_balance, off)
    return None


def _off(among: Sequence[Piece], prices: Mapping[Node, Fraction], pool: Callable[[Node], Node]) -> Decimal | None:
    try:
        worst = violation(among, prices, pool)
    except ZeroDivisionError:
        return None
    return rounded(max(0.0, worst.numerator / worst.denominator))


def _all_pieces(snapshot: Snapshot) -> list[Piece]:
    trades = [piece for _, shown in snapshot.tradable for side in Side for piece in pieces(shown, side)]
    return trades + [passage(route) for _, route in snapshot.passable]
