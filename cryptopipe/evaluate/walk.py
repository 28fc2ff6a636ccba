"""The size at which the next unit is no longer worth it: the marginal walk along all edges of a cycle, exactly.

Enters: the curves of a cycle in order, the most that it may spend, what a unit must become. Leaves: the amount of
greatest value, nothing rounded to a grid. Never: a division: positions are compared as quotients of exact products.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from cryptopipe.evaluate.curve import ONE, ZERO, Curve


class Stop(NamedTuple):
    """Where the walk ended: an amount of the start asset as `numerator` / `denominator`; one more unit would add
    `gain` / `per` to the value, at or below zero unless an edge or the stake ended there.
    """

    numerator: Decimal
    denominator: Decimal
    gain: Decimal
    per: Decimal


_Map = tuple[Decimal, Decimal, Decimal]
"""(a, b, d): an amount x of the start asset is (a x + b) / d when it comes to an edge."""


def walk(curves: Sequence[Curve], cap: Decimal, hurdle: Decimal, asides: bool = True) -> Stop:
    """The amount of the start asset at which what comes out, less `hurdle` times what goes in and what is paid aside,
    is greatest: beyond fixed fees, where nothing comes out yet, each next unit is worth less than the one before.

    Inside `boundless()`. `asides` False says that nothing is paid aside. The value at the end may be below zero, where
    a fixed fee is not earned back.
    """
    at = [0] * len(curves)
    maps: list[_Map] = [(ONE, ZERO, ONE)] * len(curves)
    if cap <= 0 or not all(curve.has(0) for curve in curves):
        return Stop(ZERO, ONE, ZERO, ONE)
    where, changed = (ZERO, ONE), 0
    while True:
        for index in range(changed, len(curves) - 1):
            maps[index + 1] = _next(maps[index], curves[index], at[index])
        gain, per = _marginal(curves, at, maps[-1], hurdle, asides)
        if gain <= 0 and not any(not curve.rows[position].gain for curve, position in zip(curves, at, strict=True)):
            return Stop(*where, gain, per)
        changed, where = _first_end(curves, at, maps, cap)
        if changed < 0 or not curves[changed].has(at[changed] + 1):
            return Stop(*where, gain, per)
        at[changed] += 1


def _next(before: _Map, curve: Curve, at: int) -> _Map:
    """At the edge after one that is in a row."""
    a, b, d = before
    _, cost, gain, *_ = curve.rows[at]
    return gain * a, gain * b + (curve.outs[at] * cost - curve.ins[at] * gain) * d, cost * d


def _marginal(
    curves: Sequence[Curve], at: Sequence[int], last: _Map, hurdle: Decimal, asides: bool
) -> tuple[Decimal, Decimal]:
    """(gain, per): what one more unit adds to the value."""
    if not asides:
        row = curves[-1].rows[at[-1]]
        per = row.cost * last[2]
        return row.gain * last[0] - hurdle * per, per
    worth = per = ONE
    for curve, position in zip(reversed(curves), reversed(at), strict=True):
        row = curve.rows[position]
        worth, per = row.gain * worth - row.aside * per, row.cost * per
    return worth - hurdle * per, per


def _first_end(
    curves: Sequence[Curve], at: Sequence[int], maps: Sequence[_Map], cap: Decimal
) -> tuple[int, tuple[Decimal, Decimal]]:
    """(edge, amount of the start asset): whose row ends first; -1 where the cap comes before."""
    first, numerator, denominator = -1, cap, ONE
    for index, (a, b, d) in enumerate(maps):
        if a > 0:
            end = curves[index].ins[at[index]] * d - b
            if end * denominator < numerator * a:
                first, numerator, denominator = index, end, a
    return first, (numerator, denominator)
