"""A seeded market for the tests of single orders: one engine, random orders, and what its book is now.

Enters: an instrument and a seed. Leaves: orders given to the engine; its levels and queues in the venue's units. Never:
anything of a plugin.
"""

from decimal import Decimal
from random import Random

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.model.facts import Instrument, Side
from cryptopipe.sandbox.engine import Engine

T: Nanos = 1_791_365_004_400 * MILLISECOND
MIDDLE = 60_000

Level = tuple[Decimal, Decimal]


class OrderFlow:
    """Limits, some that execute at once, cancellations, reductions and orders at market, each at its own nanosecond.

    New orders rest within `width` ticks of the middle; cancellations begin once more than twice as many rest.
    """

    def __init__(self, instrument: Instrument, seed: int = 3, each_side: int = 60, width: int = 70) -> None:
        assert instrument.rules is not None
        self.engine, self.at, self.acts = Engine(instrument), T, 0
        self._rules, self._random = instrument.rules, Random(seed)
        self._mine: list[int] = []
        self._width = width
        for distance in range(1, each_side + 1):
            for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
                self._rest(side, MIDDLE + sign * distance, 50_000 + distance, T - MILLISECOND * (each_side - distance))

    def step(self, span: Nanos, count: int) -> None:
        """So many acts within the next `span`."""
        for number in range(count):
            self._act(self.at + (number + 1) * span // (count + 1))
        self.at += span

    def _act(self, at: Nanos) -> None:
        self.acts += 1
        random, engine = self._random, self.engine
        side = random.choice((Side.BUY, Side.SELL))
        sign, size = (-1 if side is Side.BUY else 1), random.randrange(1, 90_000)
        kind = random.randrange(20)
        if kind < 2:
            engine.take(side, 3 * size, at)
        elif kind < 4:
            self._rest(side, MIDDLE - sign * random.randrange(0, 4), size, at)
        elif kind < 6 and self._mine:
            engine.reduce(random.choice(self._mine), size // 4 + 1, at)
        elif kind < 12 and len(self._mine) > 2 * self._width:
            engine.cancel(self._mine.pop(random.randrange(len(self._mine))), at)
        else:
            self._rest(side, MIDDLE + sign * random.randrange(0, self._width), size, at)

    def _rest(self, side: Side, price: int, size: int, at: Nanos) -> None:
        placed = self.engine.limit(side, price, size, at)
        if placed.resting:
            self._mine.append(placed.order_id)

    def levels(self, side: Side, count: int = 1 << 30) -> list[Level]:
        """What is displayed, best first."""
        found = self.engine.levels(side, count)
        return [(price * self._rules.tick, size * self._rules.step) for price, size in found]

    def queues(self, side: Side) -> list[Level]:
        """Price and size of every order, in the order in which they execute."""
        return [(one.price * self._rules.tick, one.size * self._rules.step) for one in self.engine.orders(side)]
