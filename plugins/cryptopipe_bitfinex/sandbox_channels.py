"""What one subscriber of a channel still has to be told.

Enters: the desk's windows, trades and tickers. Leaves: the rest of an array after its channel id, with its time. Never:
the same news twice.
"""

from collections import deque
from collections.abc import Sequence

from cryptopipe.api import Nanos
from cryptopipe_bitfinex.sandbox_book import Window
from cryptopipe_bitfinex.sandbox_desk import SHOWN, Desk
from cryptopipe_bitfinex.sandbox_text import SECOND

TICKER_EVERY: Nanos = SECOND
UPDATED_AFTER: Nanos = SECOND
"""From a trade (`te`) to its repetition (`tu`), "1-2 seconds" later (github.com/altangent/ccxws, read 2026-11-21)."""

CANDLES = 120
News = Sequence[tuple[str, Nanos]]


class BookChannel:
    """Of a window, from its snapshot on."""

    def __init__(self, window: Window) -> None:
        self._window, self._position = window, window.count

    def want_sums(self) -> None:
        """From now on the window makes them."""
        self._window.sums = True

    def snapshot(self, at: Nanos) -> str:
        """Whole."""
        self._position = self._window.count
        return self._window.snapshot()

    def news(self, at: Nanos, sums: bool) -> News:
        """Raises `LookupError` for a subscriber who is too far behind."""
        window = self._window
        window.advance(at)
        if window.count == self._position:
            return ()
        entries, self._position = window.since(self._position), window.count
        return [
            (f'"cs",{one.payload}' if one.is_sum else one.payload, one.at) for one in entries if sums or not one.is_sum
        ]


class TradesChannel:
    """Each trade when it happened, and once more when the venue has written it down."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._last = desk, desk.traded
        self._again: deque[tuple[Nanos, str]] = deque()

    def want_sums(self) -> None:
        """There are none."""

    def snapshot(self, at: Nanos) -> str:
        """The last thirty, newest first."""
        self._last = self._desk.traded
        return "[" + ",".join(self._desk.trade(one) for one in self._desk.newest(SHOWN)) + "]"

    def news(self, at: Nanos, sums: bool) -> News:
        """`te`, later `tu`."""
        desk, found = self._desk, list[tuple[str, Nanos]]()
        desk.advance()
        if desk.traded > self._last:
            for one in reversed(desk.newest(desk.traded - self._last)):
                text = desk.trade(one)
                found.append((f'"te",{text}', one.at))
                self._again.append((one.at + UPDATED_AFTER, f'"tu",{text}'))
            self._last = desk.traded
        while self._again and self._again[0][0] <= at:
            due, text = self._again.popleft()
            found.append((text, due))
        return found


class CandlesChannel:
    """The growing candle, each time it has changed."""

    def __init__(self, desk: Desk, minutes: int) -> None:
        self._desk, self._minutes, self._said = desk, minutes, ""

    def want_sums(self) -> None:
        """There are none."""

    def snapshot(self, at: Nanos) -> str:
        """The last hundred and twenty, newest first."""
        found = self._desk.candles(self._minutes, CANDLES)
        self._said = found[0] if found else ""
        return f"[{','.join(found)}]"

    def news(self, at: Nanos, sums: bool) -> News:
        """The newest one."""
        self._desk.advance()
        found = self._desk.candles(self._minutes, 1)
        if not found or found[0] == self._said:
            return ()
        self._said = found[0]
        return ((self._said, at),)


class TickerChannel:
    """At most once a second, if it has changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._said, self._said_at = desk, "", 0

    def want_sums(self) -> None:
        """There are none."""

    def snapshot(self, at: Nanos) -> str:
        """As it is."""
        self._said, self._said_at = self._desk.ticker(at), at
        return self._said

    def news(self, at: Nanos, sums: bool) -> News:
        """The new one."""
        if at < self._said_at + TICKER_EVERY:
            return ()
        self._desk.advance()
        before, self._said_at = self._said, at
        self._said = self._desk.ticker(at)
        return ((self._said, at),) if self._said != before else ()
