"""What a cycle comes to at one size: its legs, its transfers, and the change of each asset.

Enters: the steps of a cycle that starts and ends in one asset, an amount of it. Leaves: an outcome whose amounts chain
exactly: through fees, rounding and dust to the profit. Never: a leg without all others, or a rounding in one's own
favour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.chain import Chain, Sizes, chains
from cryptopipe.evaluate.curve import ONE, ZERO, Row, boundless
from cryptopipe.evaluate.edges import Sending, Trade
from cryptopipe.evaluate.fees import trade_fee
from cryptopipe.evaluate.steps import Edge, Step
from cryptopipe.evaluate.walk import walk
from cryptopipe.model.facts import Asset, Side
from cryptopipe.model.trading import Leg


@dataclass(frozen=True)
class Passage:
    """A transfer of an outcome: `amount` leaves, `fee` and `deposit_fee` are kept, `arrives` is left."""

    asset: Asset
    amount: Decimal
    fee: Decimal
    deposit_fee: Decimal
    arrives: Decimal


@dataclass(frozen=True)
class Outcome:
    """A cycle carried out at one size: what it spends and receives of its start asset, and the dust on the way.

    `dust` is what each trade and transfer but the first leaves of what it was given, in the asset that it spends.
    `change` is the change of each asset, dust and fees paid with tokens in it; `aside` the worth of the latter in the
    start asset. `short` is by how much another size may be worth more: zero where this one is proven the best.
    """

    legs: tuple[Leg, ...]
    spent: Decimal
    received: Decimal
    dust: tuple[Decimal, ...]
    problem: str = ""
    passages: tuple[Passage, ...] = ()
    change: tuple[tuple[Asset, Decimal], ...] = ()
    aside: Decimal = ZERO
    short: Decimal = ZERO

    @property
    def profit(self) -> Decimal:
        """Of the start asset, dust and tokens at zero."""
        return self.received - self.spent


def price_ratio(steps: Sequence[Edge]) -> Fraction:
    """Units of the start asset out per unit in, at the best prices and without fees: above one is a gross edge."""
    product = Fraction(1)
    for step in steps:
        if isinstance(step, Step):
            price = Fraction(step.ladder[0][0])
            product *= price if step.side is Side.SELL else 1 / price
    return product


def best_amount(steps: Sequence[Edge], cap: Decimal, hurdle: Decimal = ONE) -> Fraction:
    """The amount of the start asset of greatest value, nothing rounded to lots: the next unit is worth no more than
    `hurdle` units and the prices of restoring. Zero where that value, after fixed fees, is not above zero.
    """
    best, amount = Fraction(0), Fraction(0)
    with boundless():
        for chain in chains(steps, hurdle):
            stop = walk(chain.curves, cap, chain.hurdle, chain.asides)
            reached = Fraction(stop.numerator) / Fraction(stop.denominator)
            worth = value_of(chain, reached)
            if worth > best and _charged_so(chain, reached):
                best, amount = worth, reached
    return amount


def value_of(chain: Chain, amount: Fraction) -> Fraction:
    """Of an amount at the start, nothing rounded: what comes out, less the hurdle and what is paid aside."""
    value = -Fraction(chain.hurdle) * amount
    for parts in _parts(chain, amount):
        value -= sum((size * Fraction(row.aside) for size, row in parts), Fraction(0))
        amount = sum((size * Fraction(row.gain) for size, row in parts), Fraction(0))
    return value + amount


def _parts(chain: Chain, amount: Fraction) -> Iterator[list[tuple[Fraction, Row]]]:
    """Of each edge the sizes in each row that an amount at the start fills."""
    for curve in chain.curves:
        parts: list[tuple[Fraction, Row]] = []
        while amount > 0 and curve.has(len(parts)):
            row = curve.rows[len(parts)]
            parts.append((min(Fraction(row.width), amount / Fraction(row.cost)), row))
            amount -= parts[-1][0] * Fraction(row.cost)
        yield parts
        amount = sum((size * Fraction(row.gain) for size, row in parts), Fraction(0))


def _charged_so(chain: Chain, amount: Fraction) -> bool:
    """Whether no leg that was taken to pay the usual fee would pay with its token."""
    for curve, parts in zip(chain.curves, _parts(chain, amount), strict=True):
        token = curve.step.token if isinstance(curve, Trade) and not curve.in_tokens else None
        if token is not None:
            notional = sum((size * Fraction(row.price) for size, row in parts), Fraction(0))
            if notional * Fraction(token.rate) * Fraction(token.per_quote) <= Fraction(token.balance):
                return False
    return True


def carry_out(steps: Sequence[Edge], amount: Decimal) -> Outcome:
    """The cycle with at most `amount` of its start asset: each edge takes the largest size that its venue takes and
    that the one before pays for. Without legs and with a `problem` where an edge is refused.
    """
    with boundless():
        ways = list(chains(steps))
        found = [outcome(chain, sizes) for chain in ways if (sizes := chain.forward(amount)) is not None]
        if found:
            return max(found, key=lambda one: one.received - one.aside)
        return Outcome((), ZERO, ZERO, (), _problem(ways[-1], amount))


def _problem(chain: Chain, amount: Decimal) -> str:
    """Why a chain ends on the way."""
    for curve in chain.curves:
        size = curve.most(amount)
        if not size:
            return curve.refusal(curve.reach(amount))
        amount = curve.give(size)
    return ""


def outcome(chain: Chain, sizes: Sizes) -> Outcome:
    """What sizes on the grid come to. Inside `boundless()`."""
    legs, passages, dust = [], [], []
    change: dict[Asset, Decimal] = {}
    carried = ZERO

    def add(asset: Asset, amount: Decimal) -> None:
        change[asset] = change.get(asset, ZERO) + amount

    for index, (curve, size) in enumerate(zip(chain.curves, sizes, strict=True)):
        used, brought = curve.need(size), curve.give(size)
        if index:
            dust.append(carried - used)
        add(curve.step.spends, -used)
        add(curve.step.brings, brought)
        if isinstance(curve, Sending):
            passages.append(Passage(curve.step.asset, size, curve.fee(size), curve.deposit_fee(size), brought))
        else:
            leg = _leg(curve, size)
            legs.append(leg)
            if curve.in_tokens:
                add(leg.fee.asset, -leg.fee.amount)
        carried = brought
    return Outcome(
        tuple(legs), chain.spent(sizes), carried, tuple(dust), "", tuple(passages), tuple(change.items()),
        sum(chain.paid_aside(sizes), ZERO),
    )  # fmt: skip


def _leg(curve: Trade, size: Decimal) -> Leg:
    step, notional = curve.step, curve.notional(size)
    fee = trade_fee(step, size, notional, curve.in_tokens)
    vwap = notional // (size * _VWAP) * _VWAP
    return Leg(step.instrument, step.side, size, curve.limit(size), vwap, fee)


_VWAP = Decimal("1E-12")
"""An average price is told to so many decimals, cut."""
