"""Books at frequency F0: each change by itself, in the engine's order.

Enters: the engine's changes of levels, or its tape of orders. Leaves: payloads, one a change, and what falls out of the
window or comes into it by that. Never: a subscriber's book between two payloads that the engine's never was.
"""

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from cryptopipe.api import Nanos, Side, SimulatedBook, Told
from cryptopipe_bitfinex.sandbox_book import SIDES, Levels, Orders, Row, Rows, Window
from cryptopipe_bitfinex.sandbox_text import Digits

Key = tuple[int, ...]
"""Rises from the best row of a side on."""
Change = tuple[bool, Key, Row | None, Nanos]
"""Whether it is among the asks, its key, what it is now, when."""


class LiveWindow(Window):
    """A window that follows the engine's tape. Who listens while the tape does not reach back has lost the thread."""

    def __init__(self, book: SimulatedBook, digits: Digits, rows: Rows, length: int) -> None:
        super().__init__(book, digits, rows, length, 0)
        self._begin()

    def _begin(self) -> None:
        self._held: list[dict[Key, Row]] = []
        self._keys: list[list[Key]] = []
        for asks in SIDES:
            rows = {self._key(asks, row): row for row in self._rows.rows(self._book, asks, 10**6)}
            self._held.append(rows)
            self._keys.append(list(rows))
        self._version = self._rows.version(self._book)

    @abstractmethod
    def _key(self, asks: bool, row: Row) -> Key: ...

    @abstractmethod
    def _changes(self) -> Iterator[Change]:
        """Since `_version`. Raises `LookupError` if the tape does not reach back so far."""

    def advance(self, at: Nanos) -> None:
        """Take in what the engine did."""
        version = self._rows.version(self._book)
        if self._version == version:
            return
        before = self.count
        try:
            for asks, key, row, changed_at in self._changes():
                for payload in self._told(asks, key, row):
                    self._add(payload, changed_at)
        except LookupError:
            self._log.clear()
            self.count += 1
            self._begin()
            return
        self._version = version
        self._add_sum(self.count - before)

    def _told(self, asks: bool, key: Key, row: Row | None) -> list[str]:
        """What a change of one row makes of the window."""
        held, keys, length, digits = self._held[asks], self._keys[asks], self._length, self._digits
        place = bisect_left(keys, key)
        if row is None:
            gone = held.pop(key)
            del keys[place]
            return [self._rows.gone(digits, gone, asks), *self._at(asks, length - 1)] if place < length else []
        fresh = key not in held
        held[key] = row
        if fresh:
            keys.insert(place, key)
        if place >= length:
            return []
        out = [self._rows.told(digits, row, asks)]
        if fresh and len(keys) > length:
            out.insert(0, self._rows.gone(digits, held[keys[length]], asks))
        return out

    def _at(self, asks: bool, place: int) -> list[str]:
        """The row at this place, if there is one."""
        return [self._rows.told(self._digits, row, asks) for row in self._first(asks, place + 1)[place:]]

    def _first(self, asks: bool, count: int) -> Sequence[Row]:
        return [self._held[asks][key] for key in self._keys[asks][:count]]


class LiveLevels(LiveWindow):
    """P0."""

    def __init__(self, book: SimulatedBook, digits: Digits, length: int) -> None:
        super().__init__(book, digits, Levels(), length)

    def _key(self, asks: bool, row: Row) -> Key:
        return (row[0] if asks else -row[0],)

    def _changes(self) -> Iterator[Change]:
        for one in self._book.changes(self._version):
            asks, row = one.side is Side.SELL, (one.price, one.size)
            yield asks, self._key(asks, row), row if one.size else None, one.at


class LiveOrders(LiveWindow):
    """R0. The engine's ids rise, so that they order the orders of a price as they are executed."""

    def __init__(self, book: SimulatedBook, digits: Digits, length: int) -> None:
        super().__init__(book, digits, Orders(), length)

    def _key(self, asks: bool, row: Row) -> Key:
        return (row[1] if asks else -row[1], row[0])

    def _changes(self) -> Iterator[Change]:
        for one in self._book.order_tape(self._version):
            asks, row = one.side is Side.SELL, (one.order_id, one.price, one.size)
            key = self._key(asks, row)
            if one.told is not Told.OPENED and one.told is not Told.FILLED:
                left = self._held[asks][key][2] - one.size
                if not left and one.told is Told.MATCHED:
                    continue  # told as gone by the line that follows
                row = one.order_id, one.price, left
            yield asks, key, row if row[2] else None, one.at
