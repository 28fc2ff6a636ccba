"""The numbers of a ticker as v1 and the Ticker endpoint write them.

Enters: a desk and a time. Leaves: the texts of price, size and the sums of today and of 24 hours. Never: a number for a
trade that has not been: before the first one the sums are zero.
"""

from collections.abc import Iterator

from cryptopipe.api import Nanos
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_text import Digits

Top = tuple[int, int] | None
"""A best level in ticks and lots, None for an empty side."""


class Fields:
    """Of one instrument at one time (spot-websocket-v1/ticker and get-ticker-information, 2026-11-21)."""

    def __init__(self, desk: Desk, digits: Digits, at: Nanos) -> None:
        self._digits, self._step = digits, desk.rules.step
        self._spans = desk.prints.today(at), desk.prints.day(at)
        self.bid, self.ask = desk.best()
        last = desk.prints.last
        self._close = (0, 0) if last is None else (last.price, last.size)

    def price(self, best: Top) -> str:
        """Zero for an empty side."""
        return self._digits.price(best[0] if best else 0)

    def size(self, best: Top) -> str:
        """Zero for an empty side."""
        return self._digits.size(best[1] if best else 0)

    def whole(self, best: Top) -> int:
        """Whole units of the base."""
        return int(best[1] * self._step) if best else 0

    def sums(self) -> Iterator[tuple[str, list[str | int]]]:
        """By their one-letter names, each of today and of 24 hours; `c` is price and size of the last trade."""
        price, size, spans = self._digits.price, self._digits.size, self._spans
        yield "c", [price(self._close[0]), size(self._close[1])]
        yield "v", [size(one.lots) for one in spans]
        yield "p", [price(one.mean) for one in spans]
        yield "t", [one.count for one in spans]
        yield "l", [price(one.low) for one in spans]
        yield "h", [price(one.high) for one in spans]
        yield "o", [price(one.first) for one in spans]
