"""A position in a linear perpetual, as arithmetic: opened, reduced, marked, closed.

Enters: fills with their sizes and values, a mark, rates. Leaves: the position after them, and what was realised. Never:
a rounded profit: what a rounding leaves stays in the position until its last unit is closed.
"""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from cryptopipe.model.facts import Side
from cryptopipe.model.money import exact, ratio

GRAIN = Decimal("0.00000001")
"""Shares of an amount are multiples of it."""
ZERO = Decimal(0)


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`part / whole` of an amount, rounded down to `GRAIN`; all of it where the part is the whole."""
    if part == whole:
        return amount
    with exact():
        return amount * part // (whole * GRAIN) * GRAIN


def margin_for(value: Decimal, leverage: Decimal) -> Decimal:
    """What a position of this value must put down at first, rounded up to `GRAIN`."""
    with exact():
        grains, rest = divmod(value, leverage * GRAIN)
        return (grains + 1 if rest else grains) * GRAIN


class Closed(msgspec.Struct, frozen=True):
    """What a fill closed of a position: its size, the profit (below zero: a loss), and the margin that comes back."""

    size: Decimal
    profit: Decimal
    margin: Decimal


class Position(msgspec.Struct, frozen=True):
    """`size` in base, above zero long. `value` is what the open part cost (long) or brought (short), in quote; `margin`
    what it holds back. `realised` and `funding` (above zero: paid) are all that there ever was in this instrument.
    """

    size: Decimal = ZERO
    value: Decimal = ZERO
    margin: Decimal = ZERO
    realised: Decimal = ZERO
    funding: Decimal = ZERO

    def entry(self, contract_size: Decimal) -> Decimal:
        """The mean price of the open part, to 12 significant digits; zero without a position."""
        return ratio(self.value, abs(self.size) * contract_size) if self.size else ZERO

    def closable(self, side: Side) -> Decimal:
        """How much of it an order on this side can close."""
        return max(ZERO, -self.size if side is Side.BUY else self.size)

    def reduced(self, size: Decimal, value: Decimal) -> tuple["Position", Closed]:
        """By at most what there is, for `value` (in quote)."""
        held = abs(self.size)
        with exact():
            cost, margin = share_of(self.value, size, held), share_of(self.margin, size, held)
            profit = value - cost if self.size > 0 else cost - value
            left = held - size
            after = replace(
                self,
                size=left if self.size > 0 else -left,
                value=self.value - cost,
                margin=self.margin - margin,
                realised=self.realised + profit,
            )
        return after, Closed(size, profit, margin)

    def opened(self, side: Side, size: Decimal, value: Decimal, margin: Decimal) -> "Position":
        """By more of the same side, or from nothing."""
        with exact():
            return replace(
                self,
                size=self.size + (size if side is Side.BUY else -size),
                value=self.value + value,
                margin=self.margin + margin,
            )

    def unrealised(self, worth: Decimal) -> Decimal:
        """The profit if the open part were closed for `worth` (its size at the mark, above zero)."""
        with exact():
            return worth - self.value if self.size > 0 else self.value - worth

    def is_lost(self, worth: Decimal, margin: Decimal, rate: Decimal) -> bool:
        """Whether a margin and the unrealised profit are together no more than `rate` of the open part's worth."""
        with exact():
            return margin + self.unrealised(worth) <= worth * rate

    def liquidation(self, rate: Decimal, contract_size: Decimal) -> Decimal | None:
        """The mark at which margin and unrealised profit are together `rate` of the position's worth, to 12 significant
        digits; None where that is not above zero: long (value - margin) / (size (1 - rate)), short (value + margin) /
        (size (1 + rate)).
        """
        if not self.size:
            return None
        held = abs(self.size) * contract_size
        with exact():
            if self.size > 0:
                above, below = self.value - self.margin, held * (1 - rate)
            else:
                above, below = self.value + self.margin, held * (1 + rate)
        return ratio(above, below) if above > 0 else None
