"""Prices under which nothing gains: the proof that no arbitrage exists, in rational numbers.

Enters: linear pieces between pools, prices that a solver proposes. Leaves: prices that pass every piece exactly, or the
round of pieces that gains. Never: a tolerance in what is called proven.

Dual prices of an optimal routing problem are such prices (Angeris, Evans, Chitra, Boyd, Optimal Routing for Constant
Function Market Makers, 2022). A solver's are off by its tolerance; raised to what each pool's best way on is worth,
which is Bellman and Ford's relaxation in products, they are off by nothing, and if that does not come to rest a round
gains.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, TypeVar

from cryptopipe.evaluate.snapshot import Node, Piece
from cryptopipe.model.money import ratio

P = TypeVar("P", bound=Hashable)
Prices = Mapping[P, Fraction]


class Round(NamedTuple):
    """A closed way on which one unit becomes more than one: `gain` is by how much."""

    pieces: tuple[Piece, ...]
    gain: Fraction


def violation(pieces: Iterable[Piece], prices: Prices[P], pool: Callable[[Node], P]) -> Fraction:
    """The largest relative gain of a piece under the prices: what it brings over what it spends, less one. At or below
    zero, nothing gains. Minus one for no pieces; a piece that turns what is worth nothing into what is worth something
    gains more than any number: that raises `ZeroDivisionError`.
    """
    worst = Fraction(-1)
    for piece in pieces:
        brings = piece.brings * prices[pool(piece.target)]
        if brings > 0:
            worst = max(worst, brings / (piece.spends * prices[pool(piece.source)]) - 1)
    return worst


def ceiling(
    pieces: Iterable[Piece],
    prices: Prices[P],
    rents: Mapping[Node, Fraction],
    held: Callable[[Node], Fraction],
    pool: Callable[[Node], P],
) -> Fraction:
    """No feasible plan gains more, exactly and whatever the prices are (weak duality): what every piece brings above
    what it spends under the prices, where what leaves a node costs its rent besides, and the rent of all that is held.
    Prices are at least one where the gain is counted, and at least zero elsewhere.
    """
    total = sum((rent * held(node) for node, rent in rents.items()), Fraction(0))
    for piece in pieces:
        cost = piece.spends * (prices[pool(piece.source)] + rents.get(piece.source, Fraction(0)))
        surplus = piece.brings * prices[pool(piece.target)] - cost
        if surplus > 0:
            if piece.size is None:
                raise ValueError(f"a piece without an end gains: {piece}")
            total += surplus * piece.size
    return total


def proven(
    pieces: Sequence[Piece], proposed: Prices[P], floor: Prices[P], pool: Callable[[Node], P]
) -> dict[P, Fraction] | Round:
    """The least prices at or above both `proposed` and `floor` under which no piece gains; or a round that gains.

    Only the best piece between two pools can bind, so only those are relaxed; `violation` judges all.
    """
    best: dict[tuple[P, P], Piece] = {}
    for piece in pieces:
        ends = pool(piece.source), pool(piece.target)
        if ends not in best or piece.rate > best[ends].rate:
            best[ends] = piece
    prices = {one: max(proposed.get(one, Fraction(0)), floor.get(one, Fraction(0))) for one in {*proposed, *floor}}
    for source, target in best:
        prices.setdefault(source, Fraction(0))
        prices.setdefault(target, Fraction(0))
    came: dict[P, tuple[P, Piece]] = {}
    for _ in range(len(prices) + 1):
        raised = _raise(best, prices, came)
        if raised is None:
            return prices
        if (found := _round(came, raised)) is not None:
            return found
    raise AssertionError("prices that do not come to rest leave a round")


def _raise(best: Mapping[tuple[P, P], Piece], prices: dict[P, Fraction], came: dict[P, tuple[P, Piece]]) -> P | None:
    """One pass; the last pool whose price rose."""
    last = None
    for (source, target), piece in best.items():
        worth = prices[target] * piece.rate
        if worth > prices[source]:
            prices[source] = worth
            came[source] = target, piece
            last = source
    return last


def _round(came: Mapping[P, tuple[P, Piece]], start: P) -> Round | None:
    """The closed way among the pieces by which prices rose, if there is one behind `start`."""
    order: dict[P, int] = {}
    at = start
    while at in came and at not in order:
        order[at] = len(order)
        at = came[at][0]
    if at not in order:
        return None
    walk = [came[one][1] for one in order if order[one] >= order[at]]
    product = Fraction(1)
    for piece in walk:
        product *= piece.rate
    return Round(tuple(walk), product - 1)


def in_digits(number: Fraction) -> Decimal:
    """To 12 significant digits, to be shown."""
    return ratio(Decimal(number.numerator), Decimal(number.denominator))
