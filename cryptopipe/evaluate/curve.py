"""One edge of a cycle as a function of its size: concave in between, on the grid where it is carried out.

Enters: a step, read level by level as far as somebody asks. Leaves: what a size needs and gives, the largest size that
an amount pays for, the smallest that brings an amount. Never: a rounding in one's own favour, a level that is not
there, a size on the grid that the venue would refuse.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_CEILING, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import NamedTuple

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
_WIDE = Context(prec=20_000, traps=[*_TRAPS, Inexact])
_UP = Context(prec=60, rounding=ROUND_CEILING, traps=_TRAPS)
ZERO, ONE = Decimal(0), Decimal(1)
NO_END = Decimal(10) ** 60
"""Stands for a bound that is not there."""


@contextmanager
def boundless() -> Iterator[None]:
    """As `exact()`, for products along a whole cycle: of five edges with 18 decimal places each they have more digits
    than `exact()` holds.
    """
    with localcontext(_WIDE):
        yield


def up(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Quotient to 60 digits, rounded upwards: a bound, never an amount."""
    return _UP.divide(numerator, denominator)


class Row(NamedTuple):
    """One linear piece: `width` in the edge's own size, then per unit of size what goes in, what comes out, and what it
    costs aside in the asset that the cycle starts in. `price` and `limit` are those of a trade.
    """

    width: Decimal
    cost: Decimal
    gain: Decimal
    aside: Decimal = ZERO
    price: Decimal = ZERO
    limit: Decimal = ZERO


class Curve(ABC):
    """An edge by its size: base of a trade, the amount that leaves in a transfer; on the grid a multiple of `unit`.

    `ends`, `ins`, `outs` are cumulated to the end of each row read so far; rows are read as they are needed.
    """

    def __init__(self, unit: Decimal) -> None:
        self.unit = unit
        self.rows: list[Row] = []
        self.ends: list[Decimal] = []
        self.ins: list[Decimal] = []
        self.outs: list[Decimal] = []
        self._end = self._in = self._out = ZERO
        self._source = self._read()

    @abstractmethod
    def _read(self) -> Iterator[Row]:
        """The rows, best first, up to what bounds the edge."""

    @abstractmethod
    def fits(self, size: Decimal) -> bool:
        """Whether the venue takes a size on the grid. Within one row it takes all sizes from some size on."""

    @abstractmethod
    def give(self, size: Decimal) -> Decimal:
        """What a size on the grid brings, rounded as the venue rounds."""

    @abstractmethod
    def refusal(self, size: Decimal) -> str:
        """Why the venue takes no such size."""

    def has(self, position: int) -> bool:
        """Whether there is such a row; reads up to it."""
        while len(self.rows) <= position:
            row = next(self._source, None)
            if row is None:
                return False
            width, cost, gain = row[:3]
            self._end += width
            self._in += width * cost
            self._out += width * gain
            self.rows.append(row)
            self.ends.append(self._end)
            self.ins.append(self._in)
            self.outs.append(self._out)
        return True

    def _at(self, cumulated: list[Decimal], value: Decimal) -> int:
        """The first row that ends at or above a value; the number of rows if none does."""
        while not cumulated or cumulated[-1] < value:
            if not self.has(len(self.rows)):
                return len(self.rows)
        return bisect_left(cumulated, value)

    def row_of(self, size: Decimal) -> int:
        """The row in which a size that is there ends."""
        return self._at(self.ends, size)

    def need(self, size: Decimal) -> Decimal:
        """What goes in at a size that is there."""
        at = self._at(self.ends, size)
        return self.ins[at] - (self.ends[at] - size) * self.rows[at].cost

    def flow(self, size: Decimal) -> Decimal:
        """What comes out at a size that is there, nothing rounded."""
        at = self._at(self.ends, size)
        return self.outs[at] - (self.ends[at] - size) * self.rows[at].gain

    def through(self, amount: Decimal) -> Decimal:
        """What comes out of an amount at most, nothing rounded to the grid; to 60 digits upwards."""
        at = self._at(self.ins, amount)
        if at == len(self.rows):
            return self.outs[-1] if self.rows else ZERO
        row, rest = self.rows[at], self.ins[at] - amount
        return self.outs[at] - rest * row.gain if row.cost == 1 else up(self._out_times_cost(at, rest), row.cost)

    def _out_times_cost(self, at: int, rest: Decimal) -> Decimal:
        return self.outs[at] * self.rows[at].cost - rest * self.rows[at].gain

    def aside(self, amount: Decimal) -> Decimal:
        """What an amount costs aside at least, to 60 digits downwards."""
        at = self._at(self.ins, amount)
        whole = sum((row.width * row.aside for row in self.rows[:at]), ZERO)
        if at == len(self.rows):
            return whole
        row, before = self.rows[at], self.ins[at - 1] if at else ZERO
        return whole - up((before - amount) * row.aside, row.cost)

    def reach(self, amount: Decimal, per: Decimal = ONE) -> Decimal:
        """The largest size on the grid that an amount, divided by `per`, pays for, taken by the venue or not."""
        at = self._at(self.ins, amount if per == 1 else up(amount, per))
        if at == len(self.rows):
            return self._floor(self.ends[-1], ONE) if self.rows else ZERO
        cost = self.rows[at].cost
        return self._floor((self.ends[at] * cost - self.ins[at]) * per + amount, cost * per)

    def most(self, amount: Decimal) -> Decimal:
        """The largest size that the venue takes and an amount pays for; zero if there is none."""
        size = self.reach(amount)
        while size > 0 and not self.fits(size):
            at = self._at(self.ends, size)
            size = self._floor(self.ends[at - 1], ONE) if at else ZERO
        return size

    def least(self, amount: Decimal) -> Decimal | None:
        """The smallest size that the venue takes and that brings at least an amount; None if there is none."""
        at = self._at(self.outs, amount)
        if at == len(self.rows):
            return None
        gain = self.rows[at].gain
        size = self._ceil(self.ends[at] * gain - (self.outs[at] - amount), gain) if gain else ZERO
        while size <= self.ends[-1] and self.give(size) < amount:  # what a transfer rounds
            size += self.unit
        return self.from_size(size)

    def from_size(self, size: Decimal) -> Decimal | None:
        """The smallest size at or above one that the venue takes; None if there is none."""
        size = max(size, self.unit)
        at = self._at(self.ends, size)
        while at < len(self.rows):
            if self.fits(size):
                return size
            top = self._floor(self.ends[at], ONE)
            if self.fits(top):
                return self._first_that_fits(size, top)
            size = top + self.unit
            at = self._at(self.ends, size)
        return None

    def _first_that_fits(self, low: Decimal, high: Decimal) -> Decimal:
        """Between a size that does not fit and one that does, both on the grid and in one row."""
        while high - low > self.unit:
            middle = low + ((high - low) // (2 * self.unit)) * self.unit
            low, high = (low, middle) if self.fits(middle) else (middle, high)
        return high

    def _floor(self, numerator: Decimal, denominator: Decimal) -> Decimal:
        """The quotient on the grid below; both are at or above zero."""
        return numerator // (denominator * self.unit) * self.unit

    def _ceil(self, numerator: Decimal, denominator: Decimal) -> Decimal:
        """The quotient on the grid above."""
        lots, rest = divmod(numerator, denominator * self.unit)
        return (lots + 1 if rest else lots) * self.unit
