"""The matching engine of one simulated instrument: price-time priority, exact.

Enters: orders in whole ticks and lots, with times that do not fall. Leaves: fills at the makers' prices, and a numbered
tape of level changes and trade prints. Never: a crossed book, a float, a clock, or randomness.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NoReturn

import msgspec

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import Instrument, Side
from cryptopipe.model.simulated import LevelChange, OrderTold, ShownOrder, Told, TradePrint
from cryptopipe.sandbox.order_tape import OrderTape
from cryptopipe.sandbox.session_stats import SessionStats, tallied

LEAST_KEPT: Nanos = 10 * SECOND
"""What every reader of a `SimulatedBook` may rely on."""

Fills = Callable[[int, int, int, int, Nanos, Side], None]
"""Told of each match: maker's order id, taker's order id, price (ticks), size (lots), at, the taker's side."""

_BUY, _SELL = Side.BUY, Side.SELL
_at = attrgetter("at")


class Placed(msgspec.Struct, frozen=True, gc=False):
    """What became of a limit order: lots executed at once, and lots now resting under `order_id`.

    `order_id` 0: refused, because it was post-only and would have executed.
    """

    order_id: int
    executed: int
    resting: int


class Engine:
    """One instrument's book (a `SimulatedBook`) and the orders that change it.

    To be read only: `number` and `traded` (of the newest level change and trade, 0 before the first), `changed_at`, and
    `session_stats` (None before the first trade). `keep` is how far back the tape reaches at least. `fills`, where set,
    is told of each match before its level changes; it may ask for `owner`, and must not give orders.
    Raises `ValueError` if `keep` is below ten seconds, and from each order method if a size or price is not above zero
    or `at` is before the newest change.
    """

    # A key is a price with a sign: plus for bids, minus for asks. Either way the greatest key of a side is its best
    # price and stands last in the sorted list, and an order with key k executes against keys at or above -k.

    def __init__(self, instrument: Instrument, keep: Nanos = 30 * SECOND) -> None:
        if keep < LEAST_KEPT:
            raise ValueError(f"the tape of {instrument.id} keeps at least {LEAST_KEPT} ns, not {keep}")
        self.instrument = instrument
        self.number = self.traded = 0
        self.changed_at: Nanos = 0
        self.session_stats: SessionStats | None = None
        self.fills: Fills | None = None
        self._keep = keep
        self._trim_at: Nanos = 0
        self._orders = 0  # order ids given
        self._bids: list[int] = []
        self._asks: list[int] = []
        self._totals: dict[int, int] = {}  # key: lots of the level
        self._queues: dict[int, dict[int, int]] = {}  # key: order id: lots, in the order of arrival
        self._resting: dict[int, int] = {}  # order id: key
        self._owners: dict[int, int] = {}  # order id: owner, where it is not 0
        self._changes: list[LevelChange] = []
        self._trades: list[TradePrint] = []
        self._tape: OrderTape | None = None  # from the first reader on

    def limit(self, side: Side, price: int, size: int, at: Nanos, owner: int = 0, post_only: bool = False) -> Placed:
        """Executes as far as `price` allows; the rest joins the end of its level's queue."""
        if price <= 0 or size <= 0:
            self._refuse(price, size)
        if not self.changed_at <= at < self._trim_at:
            self._turn(at)
        key, others = (price, self._asks) if side is _BUY else (-price, self._bids)
        crosses = bool(others) and others[-1] >= -key
        if crosses and post_only:
            return Placed(0, 0, 0)
        order_id = self._orders = self._orders + 1
        if owner:
            self._owners[order_id] = owner
        executed = self._execute(side, size, at, -key, order_id) if crosses else 0
        if executed < size:
            self._rest(side, key, size - executed, at, order_id)
        elif owner:
            del self._owners[order_id]
        return Placed(order_id, executed, size - executed)

    def take(self, side: Side, size: int, at: Nanos, worst: int | None = None, owner: int = 0) -> int:
        """Lots executed at once, at `worst` or better; the rest is given up."""
        if size <= 0 or (worst is not None and worst <= 0):
            self._refuse(worst, size)
        if not self.changed_at <= at < self._trim_at:
            self._turn(at)
        order_id = self._orders = self._orders + 1
        bound = None if worst is None else -worst if side is _BUY else worst
        if not owner:
            return self._execute(side, size, at, bound, order_id)
        self._owners[order_id] = owner
        executed = self._execute(side, size, at, bound, order_id)
        del self._owners[order_id]
        return executed

    def cancel(self, order_id: int, at: Nanos) -> int:
        """Lots removed; 0 if the order is not resting (executed, cancelled, never known)."""
        if not self.changed_at <= at < self._trim_at:
            self._turn(at)
        key = self._resting.pop(order_id, None)
        if key is None:
            return 0
        size = self._queues[key].pop(order_id)
        if self._owners:
            self._owners.pop(order_id, None)
        if self._tape is not None:
            self._tell(at, Told.CANCELLED, order_id, key, size)
        self._shrink(key, size, at)
        return size

    def reduce(self, order_id: int, size: int, at: Nanos) -> int:
        """Takes `size` lots off a resting order, which keeps its place; lots removed, at most what was resting."""
        if size <= 0:
            raise ValueError(f"order {order_id} on {self.instrument.id} is reduced by a size above zero, not {size}")
        key = self._resting.get(order_id)
        if key is None or self._queues[key][order_id] <= size:
            return self.cancel(order_id, at)
        if not self.changed_at <= at < self._trim_at:
            self._turn(at)
        self._queues[key][order_id] -= size
        if self._tape is not None:
            self._tell(at, Told.REDUCED, order_id, key, size)
        self._shrink(key, size, at)
        return size

    def best(self, side: Side) -> int | None:
        """The best price in ticks, None if the side is empty."""
        if side is _BUY:
            return self._bids[-1] if self._bids else None
        return -self._asks[-1] if self._asks else None

    def size_at(self, side: Side, price: int) -> int:
        """Lots at this price; 0 if there is no such level."""
        return self._totals.get(price if side is _BUY else -price, 0)

    def queue(self, side: Side, price: int) -> Sequence[tuple[int, int]]:
        """(order id, lots) at this price in the order in which they execute; empty if there is no such level."""
        return list(self._queues.get(price if side is _BUY else -price, {}).items())

    def resting(self, order_id: int) -> int:
        """Lots of this order in the book; 0 if it is not resting."""
        key = self._resting.get(order_id)
        return 0 if key is None else self._queues[key][order_id]

    def owner(self, order_id: int) -> int:
        """Who gave an order that rests or is executing just now; 0 for the order flow, and for every other id."""
        return self._owners.get(order_id, 0)

    def levels(self, side: Side, count: int) -> Sequence[tuple[int, int]]:
        """(price in ticks, size in lots), best first; fewer than `count` where there are not more."""
        if count < 0:
            raise ValueError(f"levels of {self.instrument.id}: a count is at least zero, not {count}")
        totals = self._totals
        if side is _BUY:
            return [(key, totals[key]) for key in self._bids[: -count - 1 : -1]]
        return [(-key, totals[key]) for key in self._asks[: -count - 1 : -1]]

    def changes(self, after: int) -> Sequence[LevelChange]:
        """With a number above `after`, in order. Raises `LookupError` if the tape no longer reaches back so far."""
        number = self.number
        if after >= number:
            return ()
        forgotten = number - len(self._changes)
        if after < forgotten:
            raise LookupError(
                f"the tape of {self.instrument.id} begins after number {forgotten}, asked for changes after {after}"
            )
        return self._changes[after - forgotten :]

    def trades(self, after: int) -> Sequence[TradePrint]:
        """With an id above `after`, in order; those that the tape no longer keeps are left out."""
        if after >= self.traded:
            return ()
        return self._trades[max(0, after - self.traded + len(self._trades)) :]

    def orders(self, side: Side) -> Sequence[ShownOrder]:
        """Every resting order, best price first and in a price the one that executes first. Begins the tape."""
        tape = self._tape = self._tape or OrderTape(self._resting, self.changed_at)
        queues, keys = self._queues, self._bids if side is _BUY else self._asks
        return [tape.shown(one, abs(key), size) for key in reversed(keys) for one, size in queues[key].items()]

    @property
    def order_number(self) -> int:
        """Of the newest line of the tape of orders; 0 before the first call of `orders`."""
        return self._tape.number if self._tape else 0

    def order_tape(self, after: int) -> Sequence[OrderTold]:
        """With a number above `after`, in order. Raises `LookupError` if the tape does not reach back so far."""
        return self._tape.after(after) if self._tape else ()

    def _tell(
        self, at: Nanos, told: Told, order_id: int, key: int, size: int, taker: int = 0, trade_id: int = 0
    ) -> None:
        assert self._tape is not None
        self._tape.tell(at, told, order_id, _BUY if key > 0 else _SELL, abs(key), size, taker, trade_id)

    def _rest(self, side: Side, key: int, size: int, at: Nanos, order_id: int) -> None:
        total = self._totals.get(key)
        if total is None:
            total = 0
            self._queues[key] = {order_id: size}
            insort(self._bids if key > 0 else self._asks, key)
        else:
            self._queues[key][order_id] = size
        total += size
        self._totals[key] = total
        self._resting[order_id] = key
        if self._tape is not None:
            self._tell(at, Told.OPENED, order_id, key, size)
        self._change(at, side, key, total)

    def _shrink(self, key: int, size: int, at: Nanos) -> None:
        total = self._totals[key] - size
        if total:
            self._totals[key] = total
        else:
            keys = self._bids if key > 0 else self._asks
            del self._totals[key], self._queues[key], keys[bisect_left(keys, key)]
        self._change(at, _BUY if key > 0 else _SELL, key, total)

    def _change(self, at: Nanos, side: Side, key: int, total: int) -> None:
        number = self.number = self.number + 1
        self.changed_at = at
        self._changes.append(LevelChange(number, at, side, key if key > 0 else -key, total))

    def _execute(self, side: Side, size: int, at: Nanos, bound: int | None, taker: int) -> int:
        """Against every key of the other side at or above `bound`, best first; lots executed."""
        keys = self._asks if side is _BUY else self._bids
        left = size
        while left and keys and (bound is None or keys[-1] >= bound):
            left -= self._execute_level(keys[-1], side, left, at, taker)
        return size - left

    def _execute_level(self, key: int, side: Side, wanted: int, at: Nanos, taker: int) -> int:
        queue, price, number = self._queues[key], key if key > 0 else -key, self.number + 1
        done, left, size = [], wanted, 0
        for maker, resting in queue.items():
            if resting > left:
                size = left
                queue[maker] = resting - left
            else:
                size = resting
                done.append(maker)
            self.traded += 1
            self._trades.append(TradePrint(self.traded, number, at, side, price, size))
            if self.fills is not None:
                self.fills(maker, taker, price, size, at, side)
            if self._tape is not None:
                self._tell(at, Told.MATCHED, maker, key, size, taker, self.traded)
                if resting == size:
                    self._tell(at, Told.FILLED, maker, key, 0, taker)
            left -= size
            if not left:
                break
        for maker in done:
            del queue[maker], self._resting[maker]
            if self._owners:
                self._owners.pop(maker, None)
        self.session_stats = tallied(self.session_stats, price, wanted - left, size, self.traded, at)
        self._shrink(key, wanted - left, at)
        return wanted - left

    def _turn(self, at: Nanos) -> None:
        """Refuses a time that runs backwards; else forgets what is older than `keep`.

        Not before another `keep` has passed: what is moved then has all come since, which makes it amortised constant.
        """
        if at < self.changed_at:
            raise ValueError(f"time runs backwards on {self.instrument.id}: {at} after {self.changed_at}")
        self._trim_at = at + self._keep
        oldest = at - self._keep
        del self._changes[: bisect_left(self._changes, oldest, key=_at)]
        del self._trades[: bisect_left(self._trades, oldest, key=_at)]
        if self._tape is not None:
            self._tape.forget(oldest)

    def _refuse(self, price: int | None, size: int) -> NoReturn:
        which = f"an order on {self.instrument.id} has"
        if price is None:
            raise ValueError(f"{which} a size above zero, not {size}")
        raise ValueError(f"{which} a price and a size above zero: price {price}, size {size}")
