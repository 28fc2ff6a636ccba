"""The edges of a cycle one after another: each spends at most what the one before brought.

Enters: steps, which legs pay their fee with a token. Leaves: the sizes of all edges for an amount at the start, or for
a size at the end, each the best there is. Never: a chain in which a venue would refuse an edge.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product

from cryptopipe.evaluate.curve import NO_END, ONE, ZERO, Curve
from cryptopipe.evaluate.edges import Sending, Trade
from cryptopipe.evaluate.steps import Edge, InventoryStep, Step, Token
from cryptopipe.model.facts import Asset, VenueId

Sizes = tuple[Decimal, ...]
"""Of each edge that has one: base of a trade, what leaves in a transfer."""


class Chain:
    """The curves of a cycle's edges. A stock that stands in has no curve: it bounds what the next edge spends, or what
    the last one brings at the end of the cycle.

    `hurdle` is what a unit must become to be worth sending: 1 and the prices of restoring. Everything is inside
    `boundless()`.
    """

    def __init__(self, steps: Sequence[Edge], hurdle: Decimal, shares: Sequence[Decimal | None] = ()) -> None:
        self.hurdle = hurdle + sum((step.price for step in steps if isinstance(step, InventoryStep)), ZERO)
        self.curves: list[Trade | Sending] = []
        for index, step in enumerate(steps):
            if isinstance(step, InventoryStep):
                continue
            before, after = _stock(steps[:index][::-1]), _last_stock(steps[index + 1 :])
            if isinstance(step, Step):
                share = shares[len(self.curves)] if shares else None
                self.curves.append(Trade(step, share, before, after))
            else:
                self.curves.append(Sending(step, before, after))
        if not self.curves:
            raise ValueError("a cycle has at least one trade or transfer")
        self.asides = any(isinstance(curve, Trade) and curve.in_tokens for curve in self.curves)
        """Whether anything is paid aside."""

    def forward(self, amount: Decimal) -> Sizes | None:
        """The largest sizes that an amount of the start asset pays for; None if an edge is refused then."""
        sizes = []
        for curve in self.curves:
            size = curve.most(amount)
            if not size:
                return None
            sizes.append(size)
            amount = curve.give(size)
        return tuple(sizes)

    def backward(self, last: Decimal) -> Sizes | None:
        """The smallest sizes that lead to a size of the last edge; None if an edge does not reach it."""
        sizes = [last]
        for index in range(len(self.curves) - 2, -1, -1):
            size = self.curves[index].least(self.curves[index + 1].need(sizes[-1]))
            if size is None:
                return None
            sizes.append(size)
        return tuple(reversed(sizes))

    def after(self, last: Decimal) -> Sizes | None:
        """The smallest sizes that lead to more than a size of the last edge; None if there are none."""
        more = self.curves[-1].from_size(last + self.curves[-1].unit)
        return None if more is None else self.backward(more)

    def spent(self, sizes: Sizes) -> Decimal:
        """Of the start asset."""
        return self.curves[0].need(sizes[0])

    def received(self, sizes: Sizes) -> Decimal:
        """Of the start asset, less what is paid aside."""
        received = self.curves[-1].give(sizes[-1])
        return received - sum(self.paid_aside(sizes), ZERO) if self.asides else received

    def paid_aside(self, sizes: Sizes) -> Iterator[Decimal]:
        """The worth of what each token pays."""
        for curve, size in zip(self.curves, sizes, strict=True):
            if isinstance(curve, Trade) and curve.in_tokens and curve.step.token is not None:
                yield curve.tokens(size) * curve.step.token.worth

    def flow(self, first: Decimal) -> Decimal:
        """What a size of the first edge brings at most, nothing rounded but upwards, less what is paid aside.

        No chain on the grid with this size of the first edge is worth more, up to the optimum of the walk; beyond it
        too where nothing is paid aside.
        """
        curve: Curve = self.curves[0]
        amount, aside = curve.flow(first), curve.aside(curve.need(first)) if self.asides else ZERO
        for curve in self.curves[1:]:
            if self.asides:
                aside += curve.aside(amount)
            amount = curve.through(amount)
        return amount - aside


def _stock(steps: Sequence[Edge]) -> Decimal:
    """The least of the stocks that a run of steps begins with."""
    least = NO_END
    for step in steps:
        if not isinstance(step, InventoryStep):
            break
        least = min(least, step.at_hand)
    return least


def _last_stock(steps: Sequence[Edge]) -> Decimal:
    """What the cycle may end with, after the last edge that has a size."""
    return _stock(steps) if all(isinstance(step, InventoryStep) for step in steps) else NO_END


def chains(steps: Sequence[Edge], hurdle: Decimal = ONE) -> Iterator[Chain]:
    """One for each choice of the legs that pay with their token; a single one where no leg has any.

    Legs of one venue that could pay with the same token may each take an equal share of its balance. So what a size is
    charged in does not depend on which leg is filled first; sizes at which it would are left out.
    """
    edges = [step for step in steps if not isinstance(step, InventoryStep)]
    tokens = [step.token if isinstance(step, Step) else None for step in edges]
    if not any(tokens):
        yield Chain(steps, hurdle)
        return
    keys = [_key(step, token) for step, token in zip(edges, tokens, strict=True)]
    shares = [
        None if token is None else token.balance / _power_of_two(keys.count(key))
        for token, key in zip(tokens, keys, strict=True)
    ]
    for choice in product(*((None,) if share is None else (share, None) for share in shares)):
        yield Chain(steps, hurdle, choice)


def _key(step: Edge, token: Token | None) -> tuple[VenueId, Asset] | None:
    return None if token is None or not isinstance(step, Step) else (step.instrument.venue, token.asset)


def _power_of_two(legs: int) -> Decimal:
    """At or above the number of legs: what a balance is divided by without a rest."""
    return Decimal(1 << (legs - 1).bit_length())
