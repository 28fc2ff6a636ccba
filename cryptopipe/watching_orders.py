"""Watches books of single orders: how many there are, and who stands first in the queues at the best prices.

Enters: inputs. Leaves: after each turn the books of which something shown has changed. Never: a number of a book that
is not live, or an order that is not in the book.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.core import OrderBook
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.money import plain
from cryptopipe.watching import TurnByTurn

FIRST = 10
"""Orders of a queue that are told one by one."""
COUNTED_EVERY: Nanos = SECOND
"""Counting the orders of a whole book costs about a microsecond each."""


@dataclass(frozen=True)
class Queue:
    """The orders at the best price of one side; `first` are the ids and sizes of those that execute first."""

    price: Decimal
    size: Decimal
    orders: int
    first: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class Shown:
    """One book. Without numbers unless it is live; without queues while orders cross, or of an empty side. `orders` are
    those of bids and asks, counted within the last second.
    """

    sync: BookSync
    state: BookState
    orders: tuple[int, int] | None = None
    bid: Queue | None = None
    ask: Queue | None = None


@dataclass(frozen=True)
class OrdersChange:
    """What one turn changed."""

    at: Nanos
    books: tuple[Shown, ...]


class OrdersWatcher(TurnByTurn[OrdersChange]):
    """A market of which only single orders are looked at."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.shown: dict[str, Shown] = {}
        """Every book as it is now, by id."""
        self._seen: dict[str, tuple[Nanos, BookState]] = {}
        self._counted: dict[str, tuple[Nanos, tuple[int, int]]] = {}

    def end_turn(self) -> OrdersChange | None:
        """What this turn changed; None if nothing."""
        market = self.market
        market.take_changed()
        market.transitions.clear()
        market.appeared.clear()
        market.listings.news.clear()
        changed = [one for books in market.orders.values() for sync in books.values() if (one := self._look(sync))]
        return OrdersChange(self._now, tuple(changed)) if changed else None

    def _look(self, sync: BookSync) -> Shown | None:
        """The book as it is now, if that is new."""
        mark = sync.last_frame_at, sync.state
        if self._seen.get(sync.id) == mark:
            return None
        self._seen[sync.id] = mark
        now = self._shown(sync)
        if self.shown.get(sync.id) == now:
            return None
        self.shown[sync.id] = now
        return now

    def _shown(self, sync: BookSync) -> Shown:
        if sync.state is not BookState.LIVE:
            self._counted.pop(sync.id, None)
            return Shown(sync, sync.state)
        book, counts = sync.orders, self._counts(sync)
        if book.top is None:
            return Shown(sync, sync.state, counts)
        return Shown(sync, sync.state, counts, queue_of(book, True), queue_of(book, False))

    def _counts(self, sync: BookSync) -> tuple[int, int]:
        at, counts = self._counted.get(sync.id, (0, (0, 0)))
        if self._now - at >= COUNTED_EVERY:
            counts = len(sync.orders.orders(True)), len(sync.orders.orders(False))
            self._counted[sync.id] = self._now, counts
        return counts


def queue_of(book: OrderBook, bids: bool) -> Queue | None:
    """The orders at the best price of a side; None if it is empty."""
    wanted = FIRST + 1
    rows = book.orders(bids, wanted)
    if not rows:
        return None
    price = rows[0][1]
    while len(rows) == wanted and rows[-1][1] == price:  # the queue may go on
        wanted *= 2
        rows = book.orders(bids, wanted)
    queue = [(order_id, size) for order_id, at, size in rows if at == price]
    return Queue(price, sum((size for _, size in queue), Decimal(0)), len(queue), tuple(queue[:FIRST]))


def orders_document(shown: Shown, at: Nanos) -> dict[str, Any]:
    """One book as JSON."""
    counts = shown.orders
    return {
        "at": format_at(at),
        "instrument": shown.sync.instrument.id,
        "state": shown.state.value,
        "proof": shown.sync.rule.proof.value,
        "orders": None if counts is None else {"bids": counts[0], "asks": counts[1]},
        "bid": _queue(shown.bid),
        "ask": _queue(shown.ask),
    }


def _queue(queue: Queue | None) -> dict[str, Any] | None:
    if queue is None:
        return None
    return {
        "price": plain(queue.price),
        "quantity": plain(queue.size),
        "orders": queue.orders,
        "queue": [{"order_id": order_id, "quantity": plain(size)} for order_id, size in queue.first],
    }
