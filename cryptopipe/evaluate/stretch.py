"""The best of all sizes between two changes of level, where only the last edge rounds: by Euclid's steps.

Enters: a chain, a size of its first edge. Leaves: the sizes around it over which every edge stays in one row, and the
best of them. Never: an answer where more than the last edge rounds: then there is no stretch.

There n lots of the first edge bring j = floor((c n + d) / m) lots of the last, and the value is b j - a n: the greatest
over a range of n is at a corner of the convex hull of the lattice points under a line, which the algorithm of the
greatest common divisor walks along.
"""

from decimal import Decimal
from typing import NamedTuple

from cryptopipe.evaluate.chain import Chain
from cryptopipe.evaluate.curve import ZERO, Curve
from cryptopipe.evaluate.edges import Sending


class Stretch(NamedTuple):
    """Lots `first` to `last` of the first edge, and of them the `best`."""

    first: int
    last: int
    best: int


class _Line(NamedTuple):
    """Over lots `low` to `high` of the first edge, n of them bring `slope` n + `level` to some edge."""

    slope: Decimal
    level: Decimal
    low: int
    high: int


def stretch(chain: Chain, size: Decimal, least: int, most: int) -> Stretch | None:
    """Around a size of the first edge that a chain fits, among `least` to `most` lots of it."""
    line: _Line | None = _first(chain.curves[0], size)
    for curve in chain.curves[1:-1]:
        line = None if line is None else _between(curve, line)
    if line is None or len(chain.curves) < 2 or _rounds(chain.curves[-1]) or chain.asides:
        return None
    sizes = chain.forward(chain.curves[0].need(size))
    if sizes is None:
        return None
    last = chain.curves[-1]
    at = last.row_of(sizes[-1])
    row, lot = last.rows[at], last.unit * last.rows[at].cost
    begin = last.ins[at] - last.ends[at] * row.cost  # what goes in at a size s of this row is begin + s * cost
    lowest = last.from_size(last.ends[at - 1] // last.unit * last.unit + last.unit if at else last.unit)
    assert lowest is not None, "the size itself fits"
    highest = last.ends[at] // last.unit * last.unit
    low = max(line.low, least, _ceil(begin + lowest * row.cost - line.level, line.slope))
    high = min(line.high, most, _ceil(begin + highest * row.cost + lot - line.level, line.slope) - 1)
    if low > high:
        return None
    cost = chain.hurdle * chain.curves[0].rows[chain.curves[0].row_of(size)].cost * chain.curves[0].unit
    steps = _whole(line.slope, line.level + line.slope * low - begin, lot)
    return Stretch(low, high, low + rising(high - low + 1, -cost, row.gain * last.unit, *steps))


def _first(curve: Curve, size: Decimal) -> _Line | None:
    if _rounds(curve):
        return None
    at = curve.row_of(size)
    before = curve.ends[at - 1] if at else ZERO
    lowest = curve.from_size(before // curve.unit * curve.unit + curve.unit)
    if lowest is None:
        return None
    gain = curve.rows[at].gain
    level = curve.outs[at] - curve.ends[at] * gain
    return _Line(curve.unit * gain, level, int(lowest / curve.unit), int(curve.ends[at] // curve.unit))


def _between(curve: Curve, line: _Line) -> _Line | None:
    """A transfer through which every amount goes as it is, but for fixed fees."""
    if not isinstance(curve, Sending) or _rounds(curve) or line.slope % curve.unit or line.level % curve.unit:
        return None
    lowest = curve.from_size(ZERO)
    if lowest is None:
        return None
    low = max(line.low, _ceil(lowest - line.level, line.slope))
    high = min(line.high, int((curve.ends[-1] - line.level) // line.slope))
    return _Line(line.slope, line.level - (lowest - curve.give(lowest)), low, high)


def _rounds(curve: Curve) -> bool:
    """Whether it brings less than its row says."""
    return isinstance(curve, Sending) and bool(curve.step.fee_rate or curve.step.deposit_fee_rate)


def _ceil(numerator: Decimal, denominator: Decimal) -> int:
    lots = numerator // denominator  # towards zero
    return int(lots) + (numerator > lots * denominator)


def _whole(*numbers: Decimal) -> tuple[int, ...]:
    """The same ratios in whole numbers."""
    places = max(0, *(-int(number.as_tuple().exponent) for number in numbers))
    return tuple(int(number.scaleb(places)) for number in numbers)


def rising(count: int, a: Decimal, b: Decimal, c: int, d: int, m: int) -> int:
    """The n from 0 to `count` - 1 with the greatest a n + b floor((c n + d) / m); b, c and m are not below zero."""
    a, c, d = a + b * (c // m), c % m, d % m
    top = (c * (count - 1) + d) // m
    if a >= 0:
        return count - 1
    if not top:
        return 0
    # Of all n with the same floor the first is best, and that is a floor again: over the floors from 1 on.
    start = m - d + c - 1
    floor = falling(top, b, a, m, start, c)
    n = (m * floor + start) // c
    return n if a * n + b * (floor + 1) > 0 else 0


def falling(count: int, a: Decimal, b: Decimal, c: int, d: int, m: int) -> int:
    """The same with b below zero: of all n with the same floor the last is best."""
    a, c, d = a + b * (c // m), c % m, d % m
    top = (c * (count - 1) + d) // m
    if a <= 0:
        return 0
    if not top:
        return count - 1
    start = m - 1 - d
    floor = rising(top, b, a, m, start, c)
    n = (m * floor + start) // c
    return n if a * n + b * floor > a * (count - 1) + b * top else count - 1
