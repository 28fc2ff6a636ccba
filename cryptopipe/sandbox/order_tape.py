"""What happened to single orders of one simulated instrument, as far as somebody reads it.

Enters: each order that the engine opens, matches, reduces or removes. Leaves: numbered lines. Never: a change of the
book, or a cost before the first reader.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Side
from cryptopipe.model.simulated import OrderTold, ShownOrder, Told

_at = attrgetter("at")


class OrderTape:
    """The tape of orders of one book. Orders that rested before it began joined, as far as it knows, at `at`."""

    def __init__(self, resting: Mapping[int, int], at: Nanos) -> None:
        self.number = 0
        self._lines: list[OrderTold] = []
        self._joined = dict.fromkeys(resting, at)

    def tell(
        self, at: Nanos, told: Told, order_id: int, side: Side, price: int, size: int, taker: int = 0, trade_id: int = 0
    ) -> None:
        """The next line. Price in ticks, size in lots."""
        self.number += 1
        self._lines.append(OrderTold(self.number, at, told, order_id, side, price, size, taker, trade_id))
        if told is Told.OPENED:
            self._joined[order_id] = at
        elif told is Told.FILLED or told is Told.CANCELLED:
            self._joined.pop(order_id, None)

    def shown(self, order_id: int, price: int, size: int) -> ShownOrder:
        """A resting order with the time at which it joined."""
        return ShownOrder(order_id, price, size, self._joined[order_id])

    def after(self, number: int) -> Sequence[OrderTold]:
        """Lines with a number above this one. Raises `LookupError` if they do not reach back so far."""
        forgotten = self.number - len(self._lines)
        if number < forgotten:
            raise LookupError(f"the tape of orders begins after number {forgotten}, asked for lines after {number}")
        return self._lines[number - forgotten :]

    def forget(self, oldest: Nanos) -> None:
        """Lines from before that time."""
        del self._lines[: bisect_left(self._lines, oldest, key=_at)]
