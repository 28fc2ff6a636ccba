"""What it takes to sell or buy a quantity at once: the levels of one book, or of all venues' books as one, best first.

Enters: the side of each venue's book that can be taken, what its account pays, a quantity of base. Leaves: the levels
taken, running volumes and prices, what is missing. Never: a rounding, a venue's lots or minimum (they are the order's
business), or a level taken while a better one is left.

With a fee a price is net: what one unit that leaves the account brings, or what one unit that arrives in it costs; and
a quantity is what leaves or arrives. So fees in quote and fees in base are compared in one figure, and the merged walk
is the cheapest of all ways to take the quantity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, reduce
from heapq import merge
from operator import attrgetter, mul
from typing import NamedTuple

from cryptopipe.model.facts import FeeSchedule, Side
from cryptopipe.model.money import exact
from cryptopipe.model.strategies import Ladder

_ZERO, _ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True)
class Offer:
    """What a taker can take at one venue: (price, size in base), best first; `fees` None counts none."""

    venue: str
    levels: Ladder
    fees: FeeSchedule | None = None


class Taken(NamedTuple):
    """A level, or the part of one that was needed. `limit` is its price in the book; `quantity` is net, and `kept` the
    share of what is ordered that arrives. `scaled` is the net price times `scale`, which is one number for all levels
    of a walk, so that prices are compared and summed without a division.
    """

    venue: str
    limit: Decimal
    scaled: Decimal
    scale: Decimal
    quantity: Decimal
    kept: Decimal

    @property
    def price(self) -> Fraction:
        """Net."""
        return Fraction(self.scaled) / Fraction(self.scale)

    @property
    def ordered(self) -> Fraction:
        """The base that an order takes there."""
        return Fraction(self.quantity) / Fraction(self.kept)


class Running(NamedTuple):
    """After a level: all that was taken so far, and at which average."""

    taken: Taken
    volume: Decimal
    vwap: Fraction


@dataclass(frozen=True)
class Walk:
    """The levels taken, best first, for a quantity of base above zero."""

    side: Side
    quantity: Decimal
    taken: tuple[Taken, ...]

    @cached_property
    def filled(self) -> Decimal:
        """The sum of the quantities; the whole quantity, or less where nothing is left."""
        with exact():
            return sum((one.quantity for one in self.taken), _ZERO)

    @property
    def missing(self) -> Decimal:
        """What the visible depth lacks."""
        with exact():
            return self.quantity - self.filled

    @cached_property
    def notional(self) -> Fraction:
        """Quote that comes (sell) or goes (buy), net."""
        if not self.taken:
            return Fraction(0)
        with exact():
            scaled = sum((one.scaled * one.quantity for one in self.taken), _ZERO)
        return Fraction(scaled) / Fraction(self.taken[0].scale)

    @property
    def vwap(self) -> Fraction | None:
        """The average price, weighted by volume; None where nothing is taken."""
        return self.notional / Fraction(self.filled) if self.taken else None

    @property
    def ordered(self) -> Fraction:
        """The base of the orders that it takes; more than `filled` where a buyer's fee is taken out of it."""
        return sum((one.ordered for one in self.taken), Fraction(0))

    @property
    def limit(self) -> Decimal | None:
        """The worst price in the book that is needed; None where nothing is taken. Meant for one venue."""
        return self.taken[-1].limit if self.taken else None

    def running(self) -> Iterator[Running]:
        """Level by level."""
        volume = scaled = _ZERO
        for one in self.taken:
            with exact():
                volume += one.quantity
                scaled += one.scaled * one.quantity
                weight = volume * one.scale
            yield Running(one, volume, Fraction(scaled) / Fraction(weight))

    def share(self, venue: str) -> "Walk":
        """What of it is taken at one venue."""
        return Walk(self.side, self.quantity, tuple(one for one in self.taken if one.venue == venue))


@dataclass(frozen=True)
class Depletion:
    """The same quantity at each venue alone, and over all of them at once."""

    venues: dict[str, Walk]
    merged: Walk

    @property
    def best_alone(self) -> str | None:
        """The venue that does it best alone; None where none has enough."""
        able = {name: walk for name, walk in self.venues.items() if walk.missing == 0}
        sign = -1 if self.merged.side is Side.SELL else 1
        return min(able, key=lambda name: (sign * able[name].notional, name), default=None)


def depleted(side: Side, quantity: Decimal, offers: Sequence[Offer]) -> Depletion:
    """Take `quantity` of base from bids (sell) or asks (buy). At equal net prices the venue whose name comes first.

    Raises `ValueError` for a quantity that is not above zero, two offers of one venue, or levels that are not best
    first.
    """
    if not (quantity.is_finite() and quantity > 0):
        raise ValueError(f"a quantity is a number above zero: {quantity}")
    names = [one.venue for one in offers]
    if len(set(names)) < len(names):
        raise ValueError(f"one offer a venue: {', '.join(names)}")
    sign = -1 if side is Side.SELL else 1
    with exact():
        kept = {one.venue: _kept(one, side) for one in sorted(offers, key=attrgetter("venue"))}
        scale = reduce(mul, kept.values(), _ONE)
        needed = {
            one.venue: list(_up_to(quantity, _net(one, side, kept, scale)))
            for one in sorted(offers, key=attrgetter("venue"))
        }
        together = merge(*needed.values(), key=lambda level: sign * level.scaled)
        return Depletion(
            {venue: Walk(side, quantity, _taken(levels, quantity)) for venue, levels in needed.items()},
            Walk(side, quantity, _taken(_up_to(quantity, together), quantity)),
        )


def _up_to(quantity: Decimal, levels: Iterable[Taken]) -> Iterator[Taken]:
    """Whole levels until there is enough: of no venue are more needed, whatever the others show."""
    rest = quantity
    for level in levels:
        yield level
        rest -= level.quantity
        if rest <= 0:
            return


def _taken(levels: Iterable[Taken], quantity: Decimal) -> tuple[Taken, ...]:
    """The levels with what is too much taken off the last."""
    found = list(levels)
    beyond = sum((one.quantity for one in found), _ZERO) - quantity
    if beyond > 0:
        found[-1] = found[-1]._replace(quantity=found[-1].quantity - beyond)
    return tuple(found)


def _kept(offer: Offer, side: Side) -> Decimal:
    """The share of an order that arrives."""
    fees = offer.fees
    return _ONE - fees.taker_rate if fees and side is Side.BUY and fees.charged_in == "received" else _ONE


def _net(offer: Offer, side: Side, kept: Mapping[str, Decimal], scale: Decimal) -> Iterator[Taken]:
    """Each level after the fee. Runs in its caller's arithmetic. Raises `ValueError` if they are not best first."""
    share = kept[offer.venue]
    rate = offer.fees.taker_rate if offer.fees and share == 1 else _ZERO
    factor = _ONE + rate if side is Side.BUY else _ONE - rate
    for venue, one in kept.items():
        factor *= one if venue != offer.venue else _ONE  # the scale, divided by this venue's share
    before: Decimal | None = None
    for price, size in offer.levels:
        better = before is not None and (price >= before if side is Side.SELL else price <= before)
        if better or price <= 0 or size <= 0:
            raise ValueError(f"{offer.venue}: levels are above zero and best first: {price} after {before}")
        before = price
        yield Taken(offer.venue, price, price * factor, scale, size * share, share)
