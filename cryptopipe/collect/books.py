"""Books as rows: the state at each multiple of an interval, each changed top, single orders.

Enters: proven books after an input. Leaves: rows. Never: a row of a book that is not live.
"""

from typing import cast

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.collect.digits import iso_micros, middle, shortest
from cryptopipe.collect.plan import Carried
from cryptopipe.collect.rowfiles import RowFiles, milliseconds
from cryptopipe.core import OrderBook, TopOfBook
from cryptopipe.market.sync import BookSync
from cryptopipe.model.events import OrderEvent, OrdersDelta


class BookRows:
    """The best `depth` levels of each side at the first update at or after each multiple of the interval, by the
    venue's time. Of the first update that is seen nobody knows whether it is such a one: it is written.
    """

    def __init__(self, symbol: str, depth: int, interval_ms: int, files: RowFiles, carried: Carried) -> None:
        self.symbol, self.depth, self.files = symbol, depth, files
        self._interval = interval_ms * MILLISECOND
        self._due: Nanos = 0 if carried.bucket is None else (carried.bucket + 1) * self._interval

    def updated(self, sync: BookSync, event_time: Nanos, at: Nanos, seq: int) -> None:
        """The book after an update of this time."""
        if event_time < self._due:
            return
        self._due = (event_time // self._interval + 1) * self._interval
        event_ms = milliseconds(event_time)
        book, head = sync.book, f"{event_ms},{self.symbol}"
        bids, asks = book.levels(True, self.depth).units(), book.levels(False, self.depth).units()
        lines: list[str] = []
        for level in range(1, max(len(bids), len(asks)) + 1):
            if level <= len(bids):
                price, size = bids[level - 1]
                lines.append(f"{head},B,{shortest(price)},{shortest(size)},{level}\n")
            if level <= len(asks):
                price, size = asks[level - 1]
                lines.append(f"{head},A,{shortest(price)},{shortest(size)},{level}\n")
        if lines:
            self.files.add(at, seq, event_ms, "".join(lines), len(lines))

    def carry(self, carried: Carried) -> None:
        """A restart within an interval writes its row once."""
        carried.bucket = self._due // self._interval - 1 if self._due else None


class TopRows:
    """Best bid and ask, whenever either price is another one than before."""

    def __init__(self, venue: str, symbol: str, files: RowFiles) -> None:
        self._head = f"{venue},{symbol}"
        self.files = files
        self._last: tuple[int | None, int | None] | None = None
        self.line = ""
        """The newest row, without its end."""

    def changed(self, top: TopOfBook, at: Nanos, seq: int) -> bool:
        """Whether it was a row."""
        bid, ask = top.bid_units, top.ask_units
        if (bid, ask) == self._last:
            return False
        self._last = bid, ask
        if bid is not None and ask is not None:
            prices = f"{shortest(bid)},{shortest(ask)},{shortest(ask - bid)},{middle(bid, ask)}"
        else:
            prices = f"{'' if bid is None else shortest(bid)},{'' if ask is None else shortest(ask)},,"
        self.line = f"{iso_micros(at)},{self._head},{prices}"
        self.files.add(at, seq, milliseconds(top.event_time or at), self.line + "\n")
        return True


class OrderRows:
    """Single orders as told, while their book is proven; where it becomes so, all of its orders."""

    def __init__(self, symbol: str, files: RowFiles) -> None:
        self.symbol, self.files = symbol, files

    def delta(self, delta: OrdersDelta, at: Nanos, seq: int) -> None:
        """Changes, those of bids before those of asks."""
        event_ms = milliseconds(delta.event_time or at)
        lines = [self._line(event_ms, "B", one) for one in delta.bids]
        lines += [self._line(event_ms, "A", one) for one in delta.asks]
        if lines:
            self.files.add(at, seq, event_ms, "".join(lines), len(lines))

    def state(self, sync: BookSync, event_time: Nanos, at: Nanos, seq: int) -> None:
        """Every order of a book, best first; of one price in the order in which they would execute."""
        book = cast(OrderBook, sync.book)
        event_ms = milliseconds(event_time or (book.top.event_time if book.top is not None else 0) or at)
        lines = [
            f"{event_ms},{self.symbol},{side},snapshot,{identity},{price:f},{size:f}\n"
            for side, bids in (("B", True), ("A", False))
            for identity, price, size in book.orders(bids)
        ]
        if lines:
            self.files.add(at, seq, event_ms, "".join(lines), len(lines))

    def _line(self, event_ms: int, side: str, one: OrderEvent) -> str:
        return f"{event_ms},{self.symbol},{side},{one.change.value},{one.order_id},{one.price},{one.size}\n"
