"""The best size of a cycle of taker trades, by walking its ladders exactly.

Enters: the steps of a cycle (instrument, side, ladder, fee, balance at hand) that start and end in one asset. Leaves:
the legs of the most valuable size, every one on its venue's grid. Never: a leg without all others, a size of a level
that is not there, or a rounding in one's own favour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cryptopipe.model.contracts import Ladder
from cryptopipe.model.facts import Fee, FeeSchedule, Instrument, Side, floor_to
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Leg

_NEIGHBOURS = 24
"""Sizes tried below the continuous optimum, one lot apart: rounding makes dust, and a lot less may leave less of it."""
_MANY_LOTS, _NEIGHBOURS_OF_MANY = 200, 3
"""From so many lots on the dust of one is below half a percent, and only so many sizes are tried."""


@dataclass(frozen=True)
class Step:
    """One taker trade of a cycle. `at_hand` is the balance of the asset that it spends, on its venue."""

    instrument: Instrument
    side: Side
    ladder: Ladder
    fees: FeeSchedule
    at_hand: Decimal

    @property
    def pays_in_base(self) -> bool:
        """Whether the fee is taken from the base asset bought."""
        return self.side is Side.BUY and self.fees.charged_in == "received"


@dataclass(frozen=True)
class Outcome:
    """A cycle carried out at one size: what it spends and receives of its start asset, and the dust on the way."""

    legs: tuple[Leg, ...]
    spent: Decimal
    received: Decimal
    dust: tuple[Decimal, ...]
    problem: str = ""

    @property
    def profit(self) -> Decimal:
        """Of the start asset, dust at zero."""
        return self.received - self.spent


def price_ratio(steps: Sequence[Step]) -> Fraction:
    """Units of the start asset out per unit in, at the best prices and without fees: above one is a gross edge."""
    product = Fraction(1)
    for step in steps:
        price = Fraction(step.ladder[0][0])
        product *= price if step.side is Side.SELL else 1 / price
    return product


def _rate(step: Step, price: Decimal) -> Fraction:
    """Out per in of one step at a price, after its fee."""
    fee = Fraction(step.fees.taker_rate)
    if step.side is Side.SELL:
        return Fraction(price) * (1 - fee)
    return (1 - fee) / Fraction(price) if step.pays_in_base else 1 / (Fraction(price) * (1 + fee))


def _capacity(step: Step, price: Decimal, size: Decimal) -> Fraction:
    """What a level takes in: base when selling; quote, with the fee where it is charged in quote, when buying."""
    if step.side is Side.SELL:
        return Fraction(size)
    cost = Fraction(price) * Fraction(size)
    return cost if step.pays_in_base else cost * (1 + Fraction(step.fees.taker_rate))


def best_amount(steps: Sequence[Step], cap: Decimal, hurdle: Fraction = Fraction(1)) -> Fraction:
    """The amount of the start asset at which the next unit is worth no more than `hurdle` units: the continuous
    optimum. Every ladder is walked once; `cap` and the balances at hand bound it.
    """
    positions = [0] * len(steps)
    left = [_capacity(step, *step.ladder[0]) if step.ladder else Fraction(0) for step in steps]
    done = [Fraction(0)] * len(steps)  # base traded: a balance must pay for it at the worst price reached
    total, room = Fraction(0), Fraction(cap)
    while room > 0:
        through = Fraction(1)  # of one unit in at the start, how much reaches this step
        most = room
        rates = []
        for index, step in enumerate(steps):
            if not _has(step, positions[index]):
                return total
            price = step.ladder[positions[index]][0]
            funded = Fraction(step.at_hand) - done[index] * _capacity(step, price, Decimal(1))
            most = min(most, left[index] / through, funded / through)
            rates.append(_rate(step, price))
            through *= rates[-1]
        if through <= hurdle or most <= 0:
            return total
        total, room, through = total + most, room - most, Fraction(1)
        for index, step in enumerate(steps):
            left[index] -= most * through
            done[index] += most * through / _capacity(step, step.ladder[positions[index]][0], Decimal(1))
            through *= rates[index]
            while left[index] <= 0 and _has(step, positions[index]):
                positions[index] += 1
                left[index] = (
                    _capacity(step, *step.ladder[positions[index]]) if _has(step, positions[index]) else left[index]
                )
    return total


def _has(step: Step, position: int) -> bool:
    try:
        step.ladder[position]
    except IndexError:
        return False
    return True


def trade(step: Step, amount: Decimal) -> tuple[Leg, Decimal, Decimal]:
    """The largest order on the grid that spends at most `amount`: (leg, spent, received), all exact.

    A quantity of zero where the amount, the balance or the ladder does not reach one step.
    """
    assert step.instrument.rules is not None
    buys_in_quote = step.side is Side.BUY and not step.pays_in_base
    with exact():
        factor = 1 + step.fees.taker_rate if buys_in_quote else Decimal(1)
        reach = _reach(step, amount, factor)
        quantity = floor_to(step.instrument.rules.step, reach)
        notional, worst = _walk(step.ladder, quantity)
        if step.side is Side.SELL:
            fee = Fee(notional * step.fees.taker_rate, step.instrument.quote)
            spent, received = quantity, notional - fee.amount
        elif step.pays_in_base:
            fee = Fee(quantity * step.fees.taker_rate, step.instrument.base)
            spent, received = notional, quantity - fee.amount
        else:
            fee = Fee(notional * step.fees.taker_rate, step.instrument.quote)
            spent, received = notional + fee.amount, quantity
    vwap = Decimal(0) if not quantity else _average(notional, quantity)
    return Leg(step.instrument, step.side, quantity, worst, vwap, fee), spent, received


def _reach(step: Step, budget: Decimal, factor: Decimal) -> Decimal:
    """Base that `budget` reaches, and the balance at hand even if all of it were bought at the limit; cut to 18
    decimals downwards.
    """
    reach, position = Decimal(0), 0
    while budget > 0 and _has(step, position):
        price, size = step.ladder[position]
        price = Decimal(1) if step.side is Side.SELL else price * factor
        part = size if price * size <= budget else _floor_divide(budget, price)
        funded = _floor_divide(step.at_hand, price)
        if reach + part > funded:
            return max(reach, funded)
        if part < size:
            return reach + part
        reach, budget, position = reach + size, budget - price * size, position + 1
    return reach


def _floor_divide(budget: Decimal, price: Decimal) -> Decimal:
    return Decimal(Fraction(budget) * 10**18 // Fraction(price)).scaleb(-18)


def _walk(ladder: Ladder, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """(notional, worst price) of a quantity that the ladder holds; the best price for a quantity of zero."""
    notional, left, position = Decimal(0), quantity, 0
    worst = ladder[0][0] if ladder else Decimal(0)
    while left > 0:
        price, size = ladder[position]
        taken = min(size, left)
        notional, left, worst, position = notional + price * taken, left - taken, price, position + 1
    return notional, worst


def _average(notional: Decimal, quantity: Decimal) -> Decimal:
    return Decimal(Fraction(notional) * 10**12 // Fraction(quantity)).scaleb(-12)


def carry_out(steps: Sequence[Step], amount: Decimal) -> Outcome:
    """The cycle with at most `amount` of its start asset: each leg spends what the one before brought, in lots."""
    legs, dust, spent, carried = [], [], Decimal(0), amount
    for index, step in enumerate(steps):
        leg, used, received = trade(step, carried)
        if index:
            dust.append(carried - used)
        else:
            spent = used
        legs.append(leg)
        carried = received
    return Outcome(tuple(legs), spent, carried, tuple(dust), _problem(legs))


def _problem(legs: Sequence[Leg]) -> str:
    """Why a leg cannot be sent, or nothing."""
    for leg in legs:
        rules = leg.instrument.rules
        assert rules is not None
        notional = leg.quantity * min(leg.vwap, leg.limit)  # a venue judges a limit order at its own price
        if leg.quantity < max(rules.min_size, rules.step):
            return f"{leg.instrument.id} {leg.side.value} {leg.quantity} below the minimum size {rules.min_size}"
        if notional < rules.min_notional:
            return (
                f"{leg.instrument.id} {leg.side.value} {notional:.8f} below the minimum notional {rules.min_notional}"
            )
        if leg.limit % rules.tick:
            return f"{leg.instrument.id} price {leg.limit} is not a multiple of the tick {rules.tick}"
    return ""


def best_cycle(
    steps: Sequence[Step], cap: Decimal, worth: Callable[[Outcome], Decimal], hurdle: Fraction = Fraction(1)
) -> Outcome | None:
    """The most valuable feasible outcome, by `worth`; None if no size is worth more than nothing.

    `hurdle` is what a unit must become to be worth sending. The continuous optimum is exact. Around it the sizes one
    lot of the first leg apart are carried out in lots, and the best is taken: exact where rounding leaves no dust;
    elsewhere within the dust of one lot.
    """
    amount = best_amount(steps, cap, hurdle)
    if amount <= 0:
        return None
    first = steps[0]
    assert first.instrument.rules is not None
    lot = first.instrument.rules.step
    start = Decimal(amount * 10**18 // 1).scaleb(-18)
    best: Outcome | None = None
    with exact():
        tries = _NEIGHBOURS
        while tries > 0:
            outcome = carry_out(steps, start)
            if not outcome.legs[0].quantity:
                break
            if not outcome.problem and worth(outcome) > (worth(best) if best else 0):
                best = outcome
            if not any(outcome.dust):
                break  # nothing was lost to rounding: below the continuous optimum, less is worth less
            tries = (tries if outcome.legs[0].quantity < _MANY_LOTS * lot else min(tries, _NEIGHBOURS_OF_MANY)) - 1
            _, start, _ = trade(first, _one_lot_less(first, outcome.legs[0], lot))
    return best


def _one_lot_less(step: Step, leg: Leg, lot: Decimal) -> Decimal:
    """The amount that the first leg spends on one lot less."""
    quantity = leg.quantity - lot
    if step.side is Side.SELL:
        return quantity
    notional, _ = _walk(step.ladder, quantity)
    return notional if step.pays_in_base else notional * (1 + step.fees.taker_rate)
