"""How much of each cycle of a group is best where they share one ladder or one balance, nothing rounded to lots.

Enters: the chains of cycles that start in one asset; what they share. Leaves: for each cycle its amount and its part of
each level of the ladder. Never: an answer where it would depend on more than the next unit: with fixed fees, with fees
paid aside, or where something else is shared.

The cycles grow together: the next unit of what is shared goes to the cycle to which it is worth most. Each is worth
less with every unit and they share nothing else, so no other division is worth more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.chain import Chain


@dataclass
class _Fill:
    """How far an edge is filled: whole rows, and a part of the next."""

    rows: int = 0
    part: Fraction = Fraction(0)


@dataclass
class Part:
    """What a group's walk gives one cycle: an amount of the start asset, and of the shared ladder a size by level."""

    amount: Fraction = Fraction(0)
    levels: dict[int, Fraction] = field(default_factory=dict)


def walk_together(
    chains: Sequence[Chain], caps: Sequence[Decimal], shared: int | None, balance: Decimal | None
) -> list[Part]:
    """Parts of the best division, if nothing but the next unit counts. `shared` is 0 or -1 for the ladder of the first
    or the last edge, which is then the same of all chains; `balance` bounds what all spend together of the start asset.

    Inside `boundless()`. Of a ladder shared at the start it is the best as long as no cap ends a cycle: one that is
    capped could spend less for the same size with the better levels.
    """
    parts = [Part() for _ in chains]
    common = _Fill()
    fills = [[_Fill() for _ in chain.curves] for chain in chains]
    for each in fills:
        if shared is not None:
            each[shared] = common
    left = None if balance is None else Fraction(balance)
    while True:
        gains = [_gain(chain, each) for chain, each in zip(chains, fills, strict=True)]
        rooms = [Fraction(cap) - part.amount for cap, part in zip(caps, parts, strict=True)]
        open_to = [index for index, gain in enumerate(gains) if gain > 0 and rooms[index] > 0]
        if not open_to or (left is not None and left <= 0):
            return parts
        best = max(open_to, key=gains.__getitem__)
        room = rooms[best] if left is None else min(rooms[best], left)
        amount = _grow(chains[best], fills[best], parts[best], shared, room)
        left = None if left is None else left - amount


def _gain(chain: Chain, fills: Sequence[_Fill]) -> Fraction:
    """What the next unit of the start asset adds to a cycle; zero at the end of an edge. A unit of what is shared needs
    as much of it for all cycles (at the start), or brings as much (at the end): they compare alike.
    """
    through = Fraction(1)
    for curve, fill in zip(chain.curves, fills, strict=True):
        if not curve.has(fill.rows):
            return Fraction(0)
        row = curve.rows[fill.rows]
        through *= Fraction(row.gain) / Fraction(row.cost)
    return through - Fraction(chain.hurdle)


def _grow(chain: Chain, fills: Sequence[_Fill], part: Part, shared: int | None, room: Fraction) -> Fraction:
    """Fill the edges of a cycle up to the next end of a row, or the room; the amount of the start asset."""
    sizes, through = [], Fraction(1)
    for curve, fill in zip(chain.curves, fills, strict=True):
        row = curve.rows[fill.rows]
        sizes.append(through / Fraction(row.cost))
        room = min(room, (Fraction(row.width) - fill.part) / sizes[-1])
        through *= Fraction(row.gain) / Fraction(row.cost)
    part.amount += room
    for index, (curve, fill, size) in enumerate(zip(chain.curves, fills, sizes, strict=True)):
        if shared is not None and index == shared % len(chain.curves):
            part.levels[fill.rows] = part.levels.get(fill.rows, Fraction(0)) + room * size
        fill.part += room * size
        if fill.part == Fraction(curve.rows[fill.rows].width):
            fill.rows, fill.part = fill.rows + 1, Fraction(0)
    return room
