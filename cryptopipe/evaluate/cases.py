"""A proof by cases that nothing gains although a fixed fee could be paid in part: each case has prices of its own.

Enters: the program of an optimum that has no plan. Leaves: cases that leave nothing out, each with prices and rents
under which it gains nothing, reckoned in fractions; or that there were too many. Never: a bound of the solver's.

Of routes that are gone by, that are not and that may be, weak duality bounds what is gained: each level and route by
what it brings above what it spends under the prices, a route less its fixed fee. Where that is above zero, the route
that the solver goes by in part is decided, one way and the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from cryptopipe.evaluate.certificate import Round, proven
from cryptopipe.evaluate.optimum_plan import Question
from cryptopipe.evaluate.optimum_program import Layout
from cryptopipe.evaluate.program import Solution
from cryptopipe.evaluate.snapshot import Node, Route, Snapshot, passage
from cryptopipe.model.money import rounded

_MOST = 400
"""Cases that are looked at, before it is given up."""
_DECIDED = 1e-7
_NOTHING = 1e-6
"""Of the numeraire: what the solver may call a gain where there is none."""


@dataclass(frozen=True)
class Case:
    """`on`: numbers of the snapshot's routes that are gone by, `off`: that are not. `prices` by pool, at least one
    where the gain is counted; `rents`: what a unit that leaves a place costs besides. `bound`: at most zero.
    """

    on: frozenset[int]
    off: frozenset[int]
    prices: Mapping[Node, Fraction]
    rents: Mapping[Node, Fraction]
    bound: Fraction


def by_cases(snapshot: Snapshot, question: Question) -> tuple[Case, ...] | None:
    """Every plan is in one of the cases, and none gains; None if they are too many, or rounding leaves one open."""
    layout = Layout(snapshot, question, {}, elastic=True)
    closed: list[Case] = []
    waiting: list[tuple[frozenset[int], frozenset[int]]] = [(frozenset(), frozenset())]
    for _ in range(_MOST):
        if not waiting:
            return tuple(closed)
        on, off = waiting.pop()
        solution = layout.program.relaxed({**_fixed(layout, on, 1), **_fixed(layout, off, 0)})
        assert solution is not None, "what lacks can be paid for"
        case = _case(snapshot, question, layout, solution, (on, off))
        if case.bound <= 0:
            closed.append(case)
            continue
        number = _undecided(layout, solution, on | off)
        if number is None:
            return None
        waiting += [(on | {number}, off), (on, off | {number})]
    return None


def _fixed(layout: Layout, numbers: frozenset[int], value: int) -> dict[int, int]:
    return {goes: value for number in numbers if (goes := layout.sent[number][1]) is not None}


def _undecided(layout: Layout, solution: Solution, decided: frozenset[int]) -> int | None:
    """The route of which the solver takes the least sure part."""
    parts = {
        number: min(solution.amounts[goes], 1 - solution.amounts[goes])
        for number, (_, goes) in layout.sent.items()
        if goes is not None and number not in decided
    }
    number = max(parts, key=lambda one: (parts[one], -one), default=None)
    return number if number is not None and parts[number] > _DECIDED else None


def _case(
    snapshot: Snapshot, question: Question, layout: Layout, solution: Solution, decided: tuple[frozenset[int], ...]
) -> Case:
    on, off = decided
    prices = {pool: Fraction(pool[1] == question.numeraire) for pool in map(question.pool, snapshot.nodes)}
    for pool, row in layout.pools.items():
        prices[pool] += Fraction(rounded(max(0.0, -solution.worth[row])))
    rents = {node: Fraction(rounded(max(0.0, solution.worth[row]))) for node, row in layout.stocks.items()}
    bound = most_gained(snapshot, question, layout, (on, off), prices, rents)
    if bound > 0 and solution.value <= _NOTHING and (raised := _raised(snapshot, question, layout, off, prices)):
        prices, rents = raised, {}
        bound = most_gained(snapshot, question, layout, (on, off), prices, rents)
    return Case(on, off, prices, rents, bound)


def _raised(
    snapshot: Snapshot, question: Question, layout: Layout, off: frozenset[int], prices: Mapping[Node, Fraction]
) -> dict[Node, Fraction] | None:
    """Where the solver's prices are off by its tolerance alone; None if a round gains."""
    among = [piece for levels in layout.levels for piece in levels[:1]]
    among += [passage(snapshot.routes[number], layout.largest[number]) for number in layout.sent.keys() - off]
    floor = {pool: Fraction(1) for pool in prices if pool[1] == question.numeraire}
    found = proven(among, prices, floor, question.pool)
    return None if isinstance(found, Round) else found


def most_gained(
    snapshot: Snapshot,
    question: Question,
    layout: Layout,
    decided: tuple[frozenset[int], ...],
    prices: Mapping[Node, Fraction],
    rents: Mapping[Node, Fraction],
) -> Fraction:
    """No plan that goes by the routes of the first set and not by those of the second gains more, whatever the prices
    and rents are: the most that each balance, level and route adds.
    """
    return sum(_parts(snapshot, question, layout, decided, prices, rents), Fraction(0))


def _parts(
    snapshot: Snapshot,
    question: Question,
    layout: Layout,
    decided: tuple[frozenset[int], ...],
    prices: Mapping[Node, Fraction],
    rents: Mapping[Node, Fraction],
) -> Iterator[Fraction]:
    for node, rent in rents.items():
        yield rent * snapshot.held(node)
    for levels in layout.levels:
        for piece in levels:
            cost = piece.spends * (prices[question.pool(piece.source)] + rents.get(piece.source, Fraction(0)))
            surplus = piece.brings * prices[question.pool(piece.target)] - cost
            if surplus <= 0:
                break  # the next are worse
            assert piece.size is not None, "a level has an end"
            yield surplus * piece.size
    on, off = decided
    for number in layout.sent.keys() - off:
        added = _of_route(snapshot.routes[number], layout.largest[number], question, prices, rents)
        yield added if number in on else max(Fraction(0), added)


def _of_route(
    route: Route, most: Fraction, question: Question, prices: Mapping[Node, Fraction], rents: Mapping[Node, Fraction]
) -> Fraction:
    """The most that going by it adds, with its fixed fee: of the smallest amount or of the largest."""
    source, target = route.ends
    arriving = prices[question.pool(target)] * route.kept
    surplus = arriving - prices[question.pool(source)] - rents.get(source, Fraction(0))
    return max(surplus * route.smallest, surplus * most) - arriving * Fraction(route.fee)
