"""The size of a cycle that is worth most, on every venue's grid, and how sure that is.

Enters: the steps of a cycle, the most that it may spend, what a size is worth. Leaves: the best outcome there is, or
the best found and by how much another may be better. Never: an outcome that is worth no more than doing nothing.

The walk gives the best amount if nothing is rounded. No size on the grids is worth more than its amount is there, and
that falls on both sides of the optimum: so sizes are tried from there downwards and upwards until what is left cannot
be worth more than the best found. From one size to the next the last edge changes: smaller changes only make dust.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Context, Decimal, getcontext, localcontext
from fractions import Fraction

from cryptopipe.evaluate.chain import Chain, Sizes, chains
from cryptopipe.evaluate.curve import ONE, ZERO, boundless, up
from cryptopipe.evaluate.cycle import Outcome, outcome, value_of
from cryptopipe.evaluate.steps import Edge
from cryptopipe.evaluate.stretch import Stretch, stretch
from cryptopipe.evaluate.walk import walk

Worth = Callable[[Decimal, Decimal], Decimal]
"""Value of (spent, received), in the start asset: rising with what is received, falling with what is spent, along the
sizes first rising and then falling, as every concave one is, and at its greatest no later than `received - hurdle *
spent` is. What pays fees aside is off `received`.
"""

TRIES = 64
"""Sizes tried at most, unless the caller says otherwise; a stretch counts as one."""
_SINGLY = 1
"""So many are tried before whole stretches are: mostly one is enough."""


def best_cycle(
    steps: Sequence[Edge], cap: Decimal, worth: Worth | None = None, hurdle: Decimal = ONE, tries: int = TRIES
) -> Outcome | None:
    """The most valuable outcome that every venue takes; None if none is worth more than nothing.

    `cap` bounds what is spent of the start asset. `worth` is `received - hurdle * spent` where none is given, the
    prices of restoring being part of the hurdle. Of sizes worth the same the one found first is taken. `Outcome.short`
    is zero where the best is proven; after `tries` sizes it says by how much another may be worth more.
    """
    best: Outcome | None = None
    value = above = ZERO
    outside = getcontext()
    with boundless():
        for chain in chains(steps, hurdle):
            search = _Search(chain, cap, None if worth is None else _in(outside, worth), value)
            search.run(tries)
            above = max(above, search.above)
            if search.best is not None:
                best, value = outcome(chain, search.best), search.value
        return best if best is None or above <= value else replace(best, short=above - value)


def _in(context: Context, worth: Worth) -> Worth:
    """The same in the context of who gave it, where a quotient may be rounded."""

    def of(spent: Decimal, received: Decimal) -> Decimal:
        with localcontext(context):
            return worth(spent, received)

    return of


class _Search:
    """Over the sizes of one chain, for one that is worth more than `value`."""

    def __init__(self, chain: Chain, cap: Decimal, worth: Worth | None, value: Decimal) -> None:
        self._chain, self._cap, self._first = chain, cap, chain.curves[0]
        self._given, self._worth = worth is not None, worth or self._net
        self._stop = walk(chain.curves, cap, chain.hurdle, chain.asides)
        self.best: Sizes | None = None
        self.value = value
        self.above = ZERO
        """What a size that was not tried may be worth at most."""

    def _net(self, spent: Decimal, received: Decimal) -> Decimal:
        return received - self._chain.hurdle * spent

    def run(self, tries: int) -> None:
        """Try sizes below the best amount and above it, where more may be left."""
        if not self._stop.numerator:
            return
        peak = self._first.reach(self._stop.numerator, self._stop.denominator)
        if self._given and peak:
            peak = self._highest(peak)
        lower = self._chain.forward(self._first.need(peak)) if peak else None
        upper = self._within(self._chain.after(lower[-1]) if lower else self._smallest())
        low = self._bound(peak) if lower else ZERO
        high = self._bound(upper[0]) if upper else ZERO
        for number in range(tries + 1):
            if max(low, high) <= self.value:
                return
            if number == tries:
                self.above = max(low, high)
            elif low >= high and lower is not None:
                lower, low = self._below(self._downwards(lower, number))
            elif upper is not None:
                upper = self._within(self._chain.after(self._upwards(upper, number)[-1]))
                high = self._bound(upper[0]) if upper else ZERO

    def _downwards(self, sizes: Sizes, number: int) -> Decimal:
        """Try sizes, or the best of the stretch that ends with them; the least size of the first edge it stands for."""
        found = self._stretch(sizes, number, 1, self._lots(sizes[0]))
        if found is None:
            return self._try(sizes)[0]
        if found.last < self._lots(sizes[0]):  # more is bought than the last edge can take
            self._try(sizes)
        self._try_lots(found.best)
        return found.first * self._first.unit

    def _upwards(self, sizes: Sizes, number: int) -> Sizes:
        """The same upwards; the sizes at the end of what was tried."""
        found = self._stretch(sizes, number, self._lots(sizes[0]), self._lots(self._first.reach(self._cap)))
        if found is None:
            return self._try(self._chain.forward(self._first.need(sizes[0])) or sizes)
        self._try_lots(found.best)
        return self._try_lots(found.last)

    def _stretch(self, sizes: Sizes, number: int, least: int, most: int) -> Stretch | None:
        return None if self._given or number < _SINGLY else stretch(self._chain, sizes[0], least, most)

    def _lots(self, size: Decimal) -> int:
        return int(size / self._first.unit)

    def _try_lots(self, lots: int) -> Sizes:
        sizes = self._chain.forward(self._first.need(lots * self._first.unit))
        assert sizes is not None, "every size of a stretch fits"
        return self._try(sizes)

    def _smallest(self) -> Sizes | None:
        last = self._chain.curves[-1].from_size(ZERO)
        return None if last is None else self._chain.backward(last)

    def _within(self, sizes: Sizes | None) -> Sizes | None:
        """None beyond the cap."""
        return None if sizes is None or self._first.need(sizes[0]) > self._cap else sizes

    def _below(self, size: Decimal) -> tuple[Sizes | None, Decimal]:
        """The largest sizes with less of the first edge, and what they and all below are worth at most."""
        size -= self._first.unit
        if size <= 0:
            return None, ZERO
        bound = self._bound(size)
        sizes = self._chain.forward(self._first.need(size)) if bound > self.value else None
        return sizes, bound if sizes else ZERO

    def _try(self, sizes: Sizes) -> Sizes:
        """The same end at the least expense; it is the best if it is worth more."""
        least = self._chain.backward(sizes[-1])
        assert least is not None, "sizes that fit are an upper bound of the least ones"
        value = self._worth(self._chain.spent(least), self._chain.received(least))
        if value > self.value:
            self.best, self.value = least, value
        return least

    def _bound(self, size: Decimal) -> Decimal:
        """No chain with this size of the first edge is worth more, nor one farther from the best amount."""
        spent = self._first.need(size)
        if not self._chain.asides or spent * self._stop.denominator <= self._stop.numerator:
            return self._worth(spent, self._chain.flow(size))
        # Beyond the best amount a chain need not pay aside for what it does not trade: the tangent there bounds it.
        stop, hurdle = self._stop, Fraction(self._chain.hurdle)
        best = Fraction(stop.numerator) / Fraction(stop.denominator)
        slope = min(Fraction(0), Fraction(stop.gain) / Fraction(stop.per))
        most = value_of(self._chain, best) + slope * (Fraction(spent) - best) + hurdle * Fraction(spent)
        return self._worth(spent, up(Decimal(most.numerator), Decimal(most.denominator)))

    def _highest(self, peak: Decimal) -> Decimal:
        """The size of the first edge, up to one, at which a given worth is greatest, if it rises and then falls."""
        unit, smallest = self._first.unit, self._smallest()
        if smallest is None or smallest[0] >= peak:
            return peak
        before = self._lots(smallest[0]) - 1
        lots = _peak(self._lots(peak) - before, lambda n: self._bound((before + n) * unit))
        return (before + lots) * unit


def _peak(count: int, value: Callable[[int], Decimal]) -> int:
    """The n from 1 to `count` of the greatest value, which rises and then falls: Fibonacci's search, each n once."""
    small, large = 1, 1
    while large <= count:
        small, large = large, small + large
    begin, known = 0, dict[int, Decimal | None]()  # it is between begin and begin + large, both excluded

    def at(n: int) -> Decimal | None:
        if n not in known:
            known[n] = value(n) if n <= count else None
        return known[n]

    while large > 2:
        left, right = at(begin + large - small), at(begin + small)
        if left is not None and right is not None and left < right:
            begin += large - small
        small, large = large - small, small
    return begin + 1
