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


class Entry(NamedTuple):
    """One payload, or the sum of the book after those before it."""

    payload: str
    at: Nanos
    is_sum: bool


Row = tuple[int, int, int]
"""What a row is known by, its price in ticks, its size in lots."""


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
        return [(price, price, size) for price, size in book.levels(_SIDES[asks], count)]

    def told(self, digits: Digits, row: Row, asks: bool) -> str:
        """As it is."""
        return f"[{digits.price(row[1])},1,{digits.amount(row[2], asks)}]"

    def gone(self, digits: Digits, row: Row, asks: bool) -> str:
        """The amount tells the side only."""
        return f"[{digits.price(row[1])},0,{-1 if asks else 1}]"

    def summed(self, digits: Digits, row: Row, asks: bool) -> str:
        """Price and amount."""
        return f"{digits.price(row[1])}:{digits.amount(row[2], asks)}"


class Orders:
    """R0: `[id, price, amount]`."""

    def version(self, book: SimulatedBook) -> int:
        """Changes with each change of an order; asked for after the first look at the orders."""
        return book.order_number

    def rows(self, book: SimulatedBook, asks: bool, count: int) -> Sequence[Row]:
        """Known by their id."""
        return [(one.order_id, one.price, one.size) for one in book.orders(_SIDES[asks])[:count]]

    def told(self, digits: Digits, row: Row, asks: bool) -> str:
        """As it is."""
        return f"[{FIRST_ORDER + row[0]},{digits.price(row[1])},{digits.amount(row[2], asks)}]"

    def gone(self, digits: Digits, row: Row, asks: bool) -> str:
        """The amount tells the side only."""
        return f"[{FIRST_ORDER + row[0]},0,{-1 if asks else 1}]"

    def summed(self, digits: Digits, row: Row, asks: bool) -> str:
        """Id and amount."""
        return f"{FIRST_ORDER + row[0]}:{digits.amount(row[2], asks)}"


_SIDES = {False: Side.BUY, True: Side.SELL}
PRECISIONS: Mapping[str, Rows] = {"P0": Levels(), "R0": Orders()}


class Window:
    """The first so many rows a side, as every subscriber of one precision, length and frequency is told them.

    `count` is how many entries there have been. Sums are made from when somebody asked for them.
    """

    def __init__(self, book: SimulatedBook, digits: Digits, rows: Rows, length: int, every: Nanos) -> None:
        self._book, self._digits, self._rows = book, digits, rows
        self._length, self._every = length, every
        self._shown: tuple[list[Row], list[Row]] = self._now()
        self._version = rows.version(book)
        self._looked_at: Nanos = 0
        self._log: deque[Entry] = deque(maxlen=_KEPT)
        self.count = 0
        self.sums = False

    def _now(self) -> tuple[list[Row], list[Row]]:
        bids, asks = (list(self._rows.rows(self._book, asks, self._length)) for asks in (False, True))
        return bids, asks

    def snapshot(self) -> str:
        """Every row, bids first."""
        sides = zip((False, True), self._shown, strict=True)
        return "[" + ",".join(self._rows.told(self._digits, row, asks) for asks, side in sides for row in side) + "]"

    def advance(self, at: Nanos) -> None:
        """Take in what the engine did: what is gone first, so that no payload crosses the book."""
        version = self._rows.version(self._book)
        if version == self._version or at < self._looked_at + self._every:
            return
        self._version, self._looked_at = version, at
        before, self._shown = self._shown, self._now()
        changed: list[str] = []
        for asks in (False, True):
            old, new = before[asks], self._shown[asks]
            still = {row[0] for row in new}
            changed += [self._rows.gone(self._digits, row, asks) for row in old if row[0] not in still]
        for asks in (False, True):
            known = set(before[asks])
            changed += [self._rows.told(self._digits, row, asks) for row in self._shown[asks] if row not in known]
        for payload in changed:
            self._add(payload, is_sum=False)
        if self.sums and changed:
            self._add(str(self.sum()), is_sum=True)

    def _add(self, payload: str, is_sum: bool) -> None:
        self._log.append(Entry(payload, self._book.changed_at // MS * MS, is_sum))
        self.count += 1

    def sum(self) -> int:
        """Of the first 25 a side."""
        bids, asks = (
            [self._rows.summed(self._digits, row, asks) for row in self._shown[asks][:COVERED]]
            for asks in (False, True)
        )
        return signed_sum(bids, asks)

    def since(self, position: int) -> Sequence[Entry]:
        """The entries from this position on. Raises `LookupError` if they are forgotten."""
        missing = self.count - position
        if missing > len(self._log):
            raise LookupError(f"{missing} entries behind, {len(self._log)} are kept")
        return [self._log[index] for index in range(len(self._log) - missing, len(self._log))]
