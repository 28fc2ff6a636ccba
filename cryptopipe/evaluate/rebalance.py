"""The cheapest way to bring what accounts hold to where it is wanted, and what one more of it would be worth there.

Enters: a snapshot, wanted holdings, what time, risk and custody cost. Leaves: transfers and conversions, priced
exactly, in the order in which they can be done; the cost by what it is for; a shadow price for each place. Never: a
route that is not open or whose time nobody knows, a conversion that is done for its own gain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.optimum_plan import Done, Flow, Sent, priced
from cryptopipe.evaluate.rebalance_program import Rebalancing
from cryptopipe.evaluate.rebalance_terms import Charges, Cost, Wish, cost_of, equal_targets
from cryptopipe.evaluate.snapshot import Node, Snapshot
from cryptopipe.model.money import exact, rounded
from cryptopipe.model.trading import Leg

__all__ = ["Charges", "Cost", "Rebalance", "Wish", "equal_targets", "rebalance"]

_TRIES = 16
"""How often a plan is asked for again, with what rounding lacked in reserve."""
_NOTHING = Done()
Step = Leg | Sent


@dataclass(frozen=True)
class Rebalance:
    """What to do, in stages: each of what is there when all before it has arrived.

    `final` is what each place holds then, `cost` what it takes, with what remains unmet; `idle` is the cost of doing
    nothing, `bound` one below which no plan is, as far as the solver's floats can say. `shadow`: by how much one more
    unit at a place would lower the cost, in the numeraire and beyond the unit's own value.
    """

    wish: Wish
    stages: tuple[tuple[Step, ...], ...]
    final: Mapping[Node, Decimal]
    cost: Cost
    idle: Cost
    bound: Decimal
    shadow: Mapping[Node, Decimal]

    @property
    def steps(self) -> Sequence[Step]:
        """All of them, in order."""
        return [step for stage in self.stages for step in stage]


def rebalance(snapshot: Snapshot, wish: Wish) -> Rebalance:
    """The plan of least cost; doing nothing where none is cheaper. Raises `ArithmeticError` if the solver gives up, or
    if rounding leaves no plan.
    """
    reserves: dict[Node, Fraction] = {}
    program = Rebalancing(snapshot, wish, reserves)
    first = solution = program.solve()
    for number in range(_TRIES):
        done = priced(snapshot, *program.read(solution))
        final = _final(snapshot, done)
        lacks = {node: -Fraction(amount) for node, amount in final.items() if amount < 0}
        if not lacks:
            shadow = {node: rounded(first.worth[row]) for node, row in program.balances.items()}
            return _answer(snapshot, wish, done, rounded(-first.bound), shadow)
        for node, lack in lacks.items():
            reserves[node] = reserves.get(node, Fraction(0)) + 4**number * lack
        program = Rebalancing(snapshot, wish, reserves)
        solution = program.solve(solution.whole)
    raise ArithmeticError("no plan of least cost is left after rounding")


def _answer(snapshot: Snapshot, wish: Wish, done: Done, bound: Decimal, shadow: Mapping[Node, Decimal]) -> Rebalance:
    costs = [(cost_of(snapshot, wish, one, _final(snapshot, one)), one) for one in (done, _NOTHING)]
    cost, cheaper = min(costs, key=lambda pair: pair[0].total)
    final = _final(snapshot, cheaper)
    return Rebalance(wish, staged(snapshot.balances, cheaper), final, cost, costs[1][0], bound, shadow)


def _final(snapshot: Snapshot, done: Done) -> dict[Node, Decimal]:
    with exact():
        return {node: snapshot.balances.get(node, Decimal(0)) + done.change.get(node, 0) for node in snapshot.nodes}


def staged(balances: Mapping[Node, Decimal], done: Done) -> tuple[tuple[Step, ...], ...]:
    """Each step as soon as what it spends is there; what it brings is there for the next stage. Raises
    `ArithmeticError` for steps that pay for each other in a circle, which costs more than leaving them out.
    """
    held = dict(balances)
    steps: tuple[Step, ...] = (*done.legs, *done.sent)
    waiting = list(zip(steps, done.flows, strict=True))
    stages = []
    while waiting:
        stage: list[tuple[Step, Flow]] = []
        later: list[tuple[Step, Flow]] = []
        for step, flow in waiting:
            source, spent, _, _ = flow
            enough = held.get(source, Decimal(0)) >= spent
            (stage if enough else later).append((step, flow))
            if enough:
                with exact():
                    held[source] -= spent
        if not stage:
            raise ArithmeticError("steps that pay for each other")
        for _, (_, _, target, brought) in stage:
            with exact():
                held[target] = held.get(target, Decimal(0)) + brought
        stages.append(tuple(step for step, _ in stage))
        waiting = later
    return tuple(stages)
