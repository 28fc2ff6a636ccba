"""A long series in a bounded number of points, with every extreme where it was.

Enters: rows of one series in order of time, as many as there are. Leaves: at most so many of them. Never: a row that
was not there, or a lowest bid, highest ask or widest spread that was and is left out.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cryptopipe.clock import Nanos


class Quote(NamedTuple):
    """The best prices of a book from `at` on; None where a side is empty or the book is not live."""

    at: Nanos
    bid: float | None
    ask: float | None

    @property
    def spread(self) -> float | None:
        """Ask minus bid, if there are both."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


_KINDS = 9
"""Rows that a bucket keeps at most: first, last, the extremes of bid, ask and spread, and a break."""


class Thinned:
    """Rows by buckets of equal time, each with its first, last and extreme ones. Where there would be too many buckets
    two become one. Rows that are fewer than `most` are all kept.
    """

    def __init__(self, most: int = 4000) -> None:
        """`most`: points that may be left, at least 36."""
        if most < 4 * _KINDS:
            raise ValueError(f"at least {4 * _KINDS} points: {most}")
        self._most = most
        self._buckets: dict[int, list[Quote]] = {}
        self._kept = 0
        self._width: Nanos = 1
        self.count = 0
        """Rows that came in."""

    def add(self, quote: Quote) -> None:
        """The next row."""
        self.count += 1
        rows = self._buckets.setdefault(quote.at // self._width, [])
        rows.append(quote)
        self._kept += 1
        if len(rows) > 2 * _KINDS and self._width > 1:
            self._kept -= len(rows)
            rows[:] = picked(rows)
            self._kept += len(rows)
        while self._kept > self._most:
            self._widen()

    def rows(self) -> list[Quote]:
        """What is left, in order of time."""
        return [row for rows in self._buckets.values() for row in rows]

    def _widen(self) -> None:
        """Twice as wide, or at once so wide that a bucket has several rows."""
        first, last = next(iter(self._buckets)) * self._width, (next(reversed(self._buckets)) + 1) * self._width
        self._width = max(2 * self._width, (last - first) * _KINDS // self._most + 1)
        wider: dict[int, list[Quote]] = {}
        for row in self.rows():
            wider.setdefault(row.at // self._width, []).append(row)
        self._buckets = {key: picked(rows) for key, rows in wider.items()}
        self._kept = sum(map(len, self._buckets.values()))


def picked(rows: Iterable[Quote]) -> list[Quote]:
    """The first, the last, those with the extremes of bid, ask and spread, and the first break."""
    found = list(rows)
    kept = {0, len(found) - 1}
    for values in ([row.bid for row in found], [row.ask for row in found], [row.spread for row in found]):
        known = [(value, index) for index, value in enumerate(values) if value is not None]
        if known:
            kept |= {min(known)[1], max(known)[1]}
    breaks = [index for index, row in enumerate(found) if row.bid is None and row.ask is None]
    return [found[index] for index in sorted(kept | set(breaks[:1]))]
