"""What cycles of one group leave each other: levels and balances, and limits that hold whichever order comes first.

Enters: cycles that are taken, one more. Leaves: its steps with what is left; the taken ones with common limits. Never:
a ladder shared where a cycle's amounts would depend on whose order comes first.

What all orders on one ladder cost together does not depend on their order of arrival, if each may go to the worst price
that any of them needs. What a single one costs does, and the next edge spends what it brings: so a ladder is shared
only where all cycles begin with it, or all end with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import overload

from msgspec import structs

from cryptopipe.evaluate.curve import ONE, ZERO
from cryptopipe.evaluate.cycle import Outcome
from cryptopipe.evaluate.steps import Edge, InventoryStep, Step
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.strategies import Ladder
from cryptopipe.model.trading import Leg

LadderKey = tuple[str, Side]
BalanceKey = tuple[VenueId, Asset]


@dataclass(frozen=True)
class Candidate:
    """A cycle that may be taken: as `best_cycle` has it, and `price` of its start asset in one asset for all."""

    steps: tuple[Edge, ...]
    cap: Decimal
    hurdle: Decimal = ONE
    price: Decimal = ONE


@dataclass(frozen=True)
class Taken:
    """A candidate by its number, the steps that it was sized on, and what it comes to."""

    number: int
    candidate: Candidate
    steps: tuple[Edge, ...]
    outcome: Outcome

    @property
    def value(self) -> Decimal:
        """In the asset of all prices."""
        restoring = sum((step.price for step in self.steps if isinstance(step, InventoryStep)), ZERO)
        spent = (self.candidate.hurdle + restoring) * self.outcome.spent
        return (self.outcome.received - spent - self.outcome.aside) * self.candidate.price

    def trades(self) -> Iterator[tuple[Step, str, Leg]]:
        """Each trade with its place and its leg."""
        placed = [(step, place) for step, place in places(self.steps) if isinstance(step, Step)]
        for (step, place), leg in zip(placed, self.outcome.legs, strict=True):
            yield step, place, leg


class Rest(Sequence[tuple[Decimal, Decimal]]):
    """A ladder with other sizes at some of its levels; zero where nothing is left. Read no further than asked."""

    def __init__(self, ladder: Ladder, sizes: Mapping[int, Decimal], others: bool) -> None:
        self._ladder, self._sizes, self._others = ladder, sizes, others

    def __len__(self) -> int:
        return len(self._ladder)

    @overload
    def __getitem__(self, index: int) -> tuple[Decimal, Decimal]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Decimal, Decimal]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Decimal, Decimal] | list[tuple[Decimal, Decimal]]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        price, size = self._ladder[index]
        return price, min(size, self._sizes.get(index, size if self._others else ZERO))


def places(steps: Sequence[Edge]) -> Iterator[tuple[Edge, str]]:
    """Each edge that has a size, and whether it is `first`, `last` or `between`."""
    sized = [step for step in steps if not isinstance(step, InventoryStep)]
    for index, step in enumerate(sized):
        yield step, "first" if not index else "last" if index == len(sized) - 1 else "between"


def ladder_of(step: Step) -> LadderKey:
    """Which side of which book it takes from."""
    return step.instrument.id, step.side


def balance_of(step: Step) -> BalanceKey:
    """What it spends, and where."""
    return step.instrument.venue, step.instrument.quote if step.side is Side.BUY else step.instrument.holding


def left(candidate: Candidate, plan: Sequence[Taken]) -> tuple[Edge, ...] | None:
    """The steps of a candidate with what a plan leaves; None where it shares what may not be shared."""
    rest: list[Edge] = []
    place_of = {id(step): place for step, place in places(candidate.steps)}
    for index, step in enumerate(candidate.steps):
        if isinstance(step, Step):
            if any(
                _conflict(step, place_of[id(step)], other, place) for one in plan for other, place, _ in one.trades()
            ):
                return None
            gone = _levels(ladder_of(step), plan)
            sizes = {level: step.ladder[level][1] - size for level, size in gone.items()}
            ladder = Rest(step.ladder, sizes, others=True) if gone else step.ladder
            step = replace(step, ladder=ladder, at_hand=step.at_hand - reserved(balance_of(step), plan))
        elif isinstance(step, InventoryStep):
            after = next((one for one in candidate.steps[index + 1 :] if isinstance(one, Step)), None)
            gone_here = ZERO if after is None else reserved(balance_of(after), plan)
            step = replace(step, at_hand=step.at_hand - gone_here)
        rest.append(step)
    return tuple(rest)


def _conflict(step: Step, place: str, other: Step, its_place: str) -> bool:
    """Whether two trades share more than a balance, or a ladder at the same end of their cycles."""
    one_venue = step.instrument.venue == other.instrument.venue
    if one_venue and step.margin is not None and other.margin is not None:
        return True
    if one_venue and step.token is not None and other.token is not None and step.token.asset == other.token.asset:
        return True
    return ladder_of(step) == ladder_of(other) and (place != its_place or place == "between")


def _levels(key: LadderKey, plan: Sequence[Taken]) -> dict[int, Decimal]:
    """Size taken of a ladder, by level."""
    gone: dict[int, Decimal] = {}
    for taken in plan:
        for step, _, leg in taken.trades():
            missing, level = leg.quantity if ladder_of(step) == key else ZERO, 0
            while missing > 0:
                part = min(missing, step.ladder[level][1])
                if part:
                    gone[level] = gone.get(level, ZERO) + part
                missing, level = missing - part, level + 1
    return gone


def reserved(key: BalanceKey, plan: Sequence[Taken]) -> Decimal:
    """What orders of a plan may take of a balance, each wholly filled at its limit."""
    trades = ((step, leg) for taken in plan for step, _, leg in taken.trades())
    return sum((_reserve(step, leg) for step, leg in trades if balance_of(step) == key), ZERO)


def _reserve(step: Step, leg: Leg) -> Decimal:
    if step.margin is not None:
        return ZERO
    if step.side is Side.SELL:
        return leg.quantity
    charged = leg.fee.asset == step.spends and not step.pays_in_base
    return leg.quantity * leg.limit * (ONE + max(ZERO, step.rate) if charged else ONE)


def agreed(plan: Sequence[Taken]) -> list[Taken] | None:
    """The plan with the worst limit of each ladder for all orders on it; None where a balance does not pay for that, or
    a venue would refuse an order at it.
    """
    worst: dict[LadderKey, Decimal] = {}
    for taken in plan:
        for step, _, leg in taken.trades():
            known = worst.get(ladder_of(step), leg.limit)
            worst[ladder_of(step)] = max(known, leg.limit) if step.side is Side.BUY else min(known, leg.limit)
    found = [_limited(taken, worst) for taken in plan]
    for taken in found:
        for own, (_, _, leg) in zip(
            (s for s in taken.candidate.steps if isinstance(s, Step)), taken.trades(), strict=True
        ):
            if len(plan) > 1 and own.margin is None and reserved(balance_of(own), found) > own.at_hand:
                return None
            rules = own.instrument.rules
            if own.side is Side.SELL and rules is not None and leg.quantity * leg.limit < rules.min_notional:
                return None
    return found


def _limited(taken: Taken, worst: Mapping[LadderKey, Decimal]) -> Taken:
    legs = tuple(structs.replace(leg, limit=worst[ladder_of(step)]) for step, _, leg in taken.trades())
    return replace(taken, outcome=replace(taken.outcome, legs=legs))
