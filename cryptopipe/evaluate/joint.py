"""Cycles that share a ladder or a balance, sized together: or the best of them, where that is worth more.

Enters: cycles with what they may spend and the price of their start asset. Leaves: an outcome for each that is worth
taking together. Never: a level or a balance used twice, or less than the best single cycle is worth.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, TypeVar

from cryptopipe.evaluate.chain import Chain
from cryptopipe.evaluate.curve import ZERO, boundless
from cryptopipe.evaluate.cycle import Outcome
from cryptopipe.evaluate.group import (
    BalanceKey,
    Candidate,
    LadderKey,
    Rest,
    Taken,
    agreed,
    balance_of,
    ladder_of,
    left,
    places,
)
from cryptopipe.evaluate.joint_walk import Part, walk_together
from cryptopipe.evaluate.size import TRIES, best_cycle
from cryptopipe.evaluate.steps import FINEST, Edge, InventoryStep, Step, TransferStep
from cryptopipe.model.facts import Asset


class Parts(NamedTuple):
    """What a common walk gives each cycle, and where the ladder is that they share: 0, -1, or None for a balance."""

    place: int | None
    each: list[Part]


def joint(candidates: Sequence[Candidate], tries: int = TRIES) -> tuple[Outcome | None, ...]:
    """What to take together, by candidate; None: not that one. Legs on one ladder have the worst limit of them all.

    The better of two plans. One after the other, the most valuable first, each on what those before leave, where they
    do not share what may not be shared (see `group`); so it is at least the best single one. And what `best_parts`
    gives each, in lots, then each once more on what the others leave. Which of two cycles gets which level of a ladder
    that they share is told as if they had arrived in order; only the sum is certain.
    """
    with boundless():
        plans = [_in_turn(candidates, tries), _together(candidates, tries)]
        best = max(plans, key=lambda plan: sum((taken.value for taken in plan), ZERO))
        found: list[Outcome | None] = [None] * len(candidates)
        for taken in agreed(best) or ():
            found[taken.number] = taken.outcome
        return tuple(found)


def best_parts(candidates: Sequence[Candidate]) -> Parts | None:
    """The best division of what a group shares, nothing rounded to lots, exactly; None where there is no common walk:
    where more or else is shared than the first ladder, the last, or the balance that all start with; where hurdles or
    prices differ; with fixed fees, tokens or margins.
    """
    if len(candidates) < 2 or len({(one.hurdle, one.price, _start(one)) for one in candidates}) > 1:
        return None
    ends = [[step for step, _ in places(one.steps)] for one in candidates]
    trades = [[step for step in each if isinstance(step, Step)] for each in ends]
    if not all(_smooth(step) for each in ends for step in each):
        return None
    ladders = _twice([ladder_of(step) for each in trades for step in each])
    balances = _twice([balance_of(step) for each in trades for step in each])
    with boundless():
        chains, caps = [Chain(one.steps, one.hurdle) for one in candidates], [one.cap for one in candidates]
        for place in (0, -1):
            shared = [step for each in ends for step in (each[place],) if isinstance(step, Step)]
            if len(shared) == len(candidates) and len({balance_of(step) for step in shared}) == 1:
                ladder = {ladder_of(step) for step in shared}
                if ladders == ladder and balances == {balance_of(shared[0])}:
                    return Parts(place, walk_together(chains, caps, place, None))
                if not place and not ladders and balances == {balance_of(shared[0])}:
                    return Parts(None, walk_together(chains, caps, None, shared[0].at_hand))
    return None


def _start(one: Candidate) -> Asset:
    step = one.steps[0]
    return step.asset if isinstance(step, InventoryStep) else step.spends


def _smooth(step: Edge) -> bool:
    """Whether each unit through it is worth less than the one before, and takes nothing but levels and a balance."""
    if isinstance(step, TransferStep):
        return not step.fee and not step.deposit_fee
    return isinstance(step, Step) and step.token is None and step.margin is None


_Key = TypeVar("_Key", LadderKey, BalanceKey)


def _twice(keys: Sequence[_Key]) -> set[_Key]:
    return {key for key in keys if keys.count(key) > 1}


def _sized(number: int, one: Candidate, steps: tuple[Edge, ...], cap: Decimal, tries: int) -> Taken | None:
    outcome = best_cycle(steps, cap, hurdle=one.hurdle, tries=tries)
    return None if outcome is None else Taken(number, one, steps, outcome)


def _in_turn(candidates: Sequence[Candidate], tries: int) -> list[Taken]:
    singles = [_sized(number, one, one.steps, one.cap, tries) for number, one in enumerate(candidates)]
    order = sorted((one for one in singles if one is not None), key=lambda one: (-one.value, one.number))
    plan = order[:1]
    for single in order[1:]:
        steps = left(single.candidate, plan)
        taken = None if steps is None else _sized(single.number, single.candidate, steps, single.candidate.cap, tries)
        if taken is not None and agreed([*plan, taken]) is not None:
            plan.append(taken)
    return plan


def _together(candidates: Sequence[Candidate], tries: int) -> list[Taken]:
    parts = best_parts(candidates)
    if parts is None:
        return []
    plan: list[Taken] = []
    for number, (one, part) in enumerate(zip(candidates, parts.each, strict=True)):
        steps, cap = left(one, plan), one.cap
        if steps is None:
            return []
        if parts.place is None:
            cap = min(cap, _cut(part.amount, up=True))
        else:
            steps = _only(one.steps, steps, parts.place, part)
        taken = _sized(number, one, steps, cap, tries)
        plan += [] if taken is None else [taken]
    for number, one in enumerate(candidates):
        others = [taken for taken in plan if taken.number != number]
        now = next((taken for taken in plan if taken.number == number), None)
        steps = left(one, others)
        again = None if steps is None else _sized(number, one, steps, one.cap, tries)
        if again is not None and (now is None or again.value > now.value):
            plan = [*others, again]
    return plan if agreed(plan) is not None else []


def _only(steps: tuple[Edge, ...], rest: tuple[Edge, ...], place: int, part: Part) -> tuple[Edge, ...]:
    """What is left, but of the shared ladder no more than a part's levels."""
    shared = [step for step, _ in places(steps)][place]
    assert isinstance(shared, Step)
    levels = {level: _cut(size, up=False) for level, size in part.levels.items()}
    ladder = Rest(shared.ladder, levels, others=False)
    return tuple(
        replace(after, ladder=ladder) if before is shared and isinstance(after, Step) else after
        for before, after in zip(steps, rest, strict=True)
    )


def _cut(value: Fraction, up: bool) -> Decimal:
    lots = -(-value // Fraction(FINEST)) if up else value // Fraction(FINEST)
    return Decimal(lots) * FINEST
