"""What subscribers of one simulated book are told: its best levels (P0) or orders (R0), change by change.

Enters: the engine's book. Leaves: payloads `[277530,1,0.09383141]`, and after each group of them the sum of the first
25. Never: a crossed book between two payloads, or one that the sum after them does not describe.

The engine does not count the orders of a level: COUNT is 1 where there is one, and 0 where the level is gone
(reference/ws-public-books and ws-public-raw-books in stored copies, 2026-11-21).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from cryptopipe.api import Nanos, Side, SimulatedBook
from cryptopipe_bitfinex.sandbox_text import MS, SECOND, Digits, signed_sum

COVERED = 25
SLOW: Nanos = 2 * SECOND
"""The cadence of frequency F1."""
FIRST_ORDER = 180_000_000_000
"""Added to the engine's ids: the venue's have twelve digits."""
_KEPT = 50_000
_TEXTS = 4096


class Entry(NamedTuple):
    """One payload, or the sum of the book after those before it."""

    payload: str
    at: Nanos
    is_sum: bool


Row = tuple[int, ...]
"""Its first is what it is known by; a level's price and size, or an order's id, price and size."""


class Rows(Protocol):
    """One precision: how its rows are found and written."""

    def version(self, book: SimulatedBook) -> int: ...
    def rows(self, book: SimulatedBook, asks: bool, count: int) -> Sequence[Row]: ...
    def told(self, digits: Digits, row: Row, asks: bool) -> str: ...
    def gone(self, digits: Digits, row: Row, asks: bool) -> str: ...
    def summed(self, digits: Digits, row: Row, asks: bool) -> str: ...


class Levels:
    """P0: `[price, count, amount]`."""

    def version(self, book: SimulatedBook) -> int:
        """Changes with each change of a level."""
        return book.number

    def rows(self, book: SimulatedBook, asks: bool, count: int) -> Sequence[Row]:
        """Known by their price."""
        return book.levels(SIDES[asks], count)

    def told(self, digits: Digits, row: Row, asks: bool) -> str:
        """As it is."""
        return f"[{digits.price(row[0])},1,{digits.amount(row[1], asks)}]"

    def gone(self, digits: Digits, row: Row, asks: bool) -> str:
        """The amount tells the side only."""
        return f"[{digits.price(row[0])},0,{-1 if asks else 1}]"

    def summed(self, digits: Digits, row: Row, asks: bool) -> str:
        """Price and amount."""
        return f"{digits.price(row[0])}:{digits.amount(row[1], asks)}"


class Orders:
    """R0: `[id, price, amount]`."""

    def version(self, book: SimulatedBook) -> int:
        """Changes with each change of an order; asked for after the first look at the orders."""
        return book.order_number

    def rows(self, book: SimulatedBook, asks: bool, count: int) -> Sequence[Row]:
        """Known by their id."""
        return [(one.order_id, one.price, one.size) for one in book.orders(SIDES[asks])[:count]]

    def told(self, digits: Digits, row: Row, asks: bool) -> str:
        """As it is."""
        return f"[{FIRST_ORDER + row[0]},{digits.price(row[1])},{digits.amount(row[2], asks)}]"

    def gone(self, digits: Digits, row: Row, asks: bool) -> str:
        """The amount tells the side only."""
        return f"[{FIRST_ORDER + row[0]},0,{-1 if asks else 1}]"

    def summed(self, digits: Digits, row: Row, asks: bool) -> str:
        """Id and amount."""
        return f"{FIRST_ORDER + row[0]}:{digits.amount(row[2], asks)}"


SIDES = {False: Side.BUY, True: Side.SELL}
PRECISIONS: Mapping[str, Rows] = {"P0": Levels(), "R0": Orders()}


class Window:
    """The first so many rows a side, as every subscriber of one precision, length and frequency is told them.

    `count` is how many entries there have been. Sums are made from when somebody asked for them.
    """

    def __init__(self, book: SimulatedBook, digits: Digits, rows: Rows, length: int, every: Nanos) -> None:
        self._book, self._digits, self._rows = book, digits, rows
        self._length, self._every = length, every
        self._shown = self._now()
        self._known = [set(side) for side in self._shown]
        self._texts: tuple[dict[Row, str], dict[Row, str]] = ({}, {})
        self._version = rows.version(book)
        self._looked_at: Nanos = 0
        self._log: deque[Entry] = deque(maxlen=_KEPT)
        self.count = 0
        self.sums = False

    def _now(self) -> list[Sequence[Row]]:
        return [self._rows.rows(self._book, asks, self._length) for asks in (False, True)]

    def snapshot(self) -> str:
        """Every row, bids first."""
        told = (
            self._rows.told(self._digits, row, asks)
            for asks in (False, True)
            for row in self._first(asks, self._length)
        )
        return "[" + ",".join(told) + "]"

    def advance(self, at: Nanos) -> None:
        """Take in what became of the book: what is gone first, so that no payload crosses it."""
        version = self._rows.version(self._book)
        if version == self._version or at < self._looked_at + self._every:
            return
        self._version, self._looked_at = version, at
        gone: list[str] = []
        told: list[str] = []
        self._shown = self._now()
        for asks, shown in enumerate(self._shown):
            before, now = self._known[asks], set(shown)
            self._known[asks] = now
            new = sorted(now - before)
            still = {row[0] for row in new}
            gone += [
                self._rows.gone(self._digits, row, bool(asks)) for row in sorted(before - now) if row[0] not in still
            ]
            told += [self._rows.told(self._digits, row, bool(asks)) for row in new]
        changed = gone + told
        for payload in changed:
            self._add(payload, self._book.changed_at)
        self._add_sum(len(changed))

    def _add(self, payload: str, at: Nanos) -> None:
        self._log.append(Entry(payload, at // MS * MS, is_sum=False))
        self.count += 1

    def _add_sum(self, changed: int) -> None:
        """After so many payloads, if somebody asked for sums."""
        if self.sums and changed:
            self._log.append(Entry(str(self.sum()), self._book.changed_at // MS * MS, is_sum=True))
            self.count += 1

    def _first(self, asks: bool, count: int) -> Sequence[Row]:
        """The best rows of a side, as they are told."""
        return self._shown[asks][:count]

    def sum(self) -> int:
        """Of the first 25 a side."""
        sides = ([self._summed(row, asks) for row in self._first(asks, COVERED)] for asks in (False, True))
        return signed_sum(*sides)

    def _summed(self, row: Row, asks: bool) -> str:
        texts = self._texts[asks]
        text = texts.get(row)
        if text is None:
            if len(texts) >= _TEXTS:
                texts.clear()
            text = texts[row] = self._rows.summed(self._digits, row, asks)
        return text

    def since(self, position: int) -> Sequence[Entry]:
        """The entries from this position on. Raises `LookupError` if they are forgotten."""
        missing = self.count - position
        if missing > len(self._log):
            raise LookupError(f"{missing} entries behind, {len(self._log)} are kept")
        return [self._log[index] for index in range(len(self._log) - missing, len(self._log))]
