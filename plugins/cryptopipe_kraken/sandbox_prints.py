"""The trades of one simulated instrument, as Kraken keeps them: the last thousand, candles, today and 24 hours.

Enters: the engine's trade prints. Leaves: recent prints, candles of a minute and their sums in ticks and lots. Never: a
trade from before the sandbox began: a new venue has no history, and none is made up.
"""

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

import msgspec

from cryptopipe.api import Nanos, SimulatedBook, TradePrint
from cryptopipe_kraken.sandbox_text import SECOND

KEPT = 1000
"""Recent trades, the most that one answer of Trades holds (get-recent-trades, 2026-11-21)."""
MINUTE: Nanos = 60 * SECOND
DAY_MINUTES = 24 * 60
CANDLES = 720
"""The most that one answer of OHLC holds (get-ohlc-data, 2026-11-21)."""
INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
"""Minutes that a candle may have (get-ohlc-data and spot-websocket-v2/ohlc, 2026-11-21)."""
_KEPT_MINUTES = 31 * DAY_MINUTES


class Candle(msgspec.Struct, gc=False):
    """Prices in ticks, `lots` traded, `turnover` the sum of ticks x lots; `minute` counts from the epoch."""

    minute: int
    first: int
    high: int
    low: int
    last: int
    lots: int = 0
    turnover: int = 0
    count: int = 0

    def add(self, price: int, size: int) -> None:
        """One more trade."""
        self.high, self.low, self.last = max(self.high, price), min(self.low, price), price
        self.lots += size
        self.turnover += price * size
        self.count += 1

    @property
    def mean(self) -> int:
        """The volume-weighted price in ticks, rounded down; 0 without a trade."""
        return self.turnover // self.lots if self.lots else 0


def merged(minute: int, candles: Sequence[Candle]) -> Candle:
    """One candle of several, which follow each other and are at least one."""
    return Candle(
        minute,
        candles[0].first,
        max(one.high for one in candles),
        min(one.low for one in candles),
        candles[-1].last,
        sum(one.lots for one in candles),
        sum(one.turnover for one in candles),
        sum(one.count for one in candles),
    )


class _Window:
    """The sum of the candles since a minute that only rises."""

    def __init__(self) -> None:
        self._closed: deque[Candle] = deque()
        self._sum: Candle | None = None

    def sum(self, since: int, open_candle: Candle) -> Candle:
        """With the candle that is still growing."""
        closed = self._closed
        if closed and closed[0].minute < since:
            while closed and closed[0].minute < since:
                closed.popleft()
            self._sum = merged(closed[0].minute, closed) if closed else None
        return open_candle if self._sum is None else merged(self._sum.minute, (self._sum, open_candle))

    def close(self, candle: Candle) -> None:
        """This candle grows no more."""
        self._closed.append(candle)
        self._sum = candle if self._sum is None else merged(self._sum.minute, (self._sum, candle))


class Prints:
    """What is known of the trades of one book. `last` is the newest print, None before the first."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._last_id = 0
        self.last: TradePrint | None = None
        self.recent: deque[TradePrint] = deque(maxlen=10 * KEPT)
        self._candles: deque[Candle] = deque(maxlen=_KEPT_MINUTES)
        self._day, self._today = _Window(), _Window()

    def newest(self, count: int) -> Sequence[TradePrint]:
        """At most so many, oldest first."""
        return list(self.recent)[-count:]

    def advance(self) -> Sequence[TradePrint]:
        """Takes in what the tape has; the new prints."""
        found = self._book.trades(self._last_id)
        for trade in found:
            self._add(trade)
        if found:
            self.last = found[-1]
            self._last_id = self.last.trade_id
            self.recent.extend(found)
        return found

    def _add(self, trade: TradePrint) -> None:
        minute = trade.at // MINUTE
        candles = self._candles
        if not candles or candles[-1].minute < minute:
            if candles:
                self._day.close(candles[-1])
                self._today.close(candles[-1])
            candles.append(Candle(minute, trade.price, trade.price, trade.price, trade.price))
        candles[-1].add(trade.price, trade.size)

    def day(self, at: Nanos) -> Candle:
        """The last 24 hours, by minutes; without a trade a candle of zeros."""
        return self._since(self._day, at // MINUTE - DAY_MINUTES + 1)

    def today(self, at: Nanos) -> Candle:
        """Since midnight, UTC."""
        minute = at // MINUTE
        return self._since(self._today, minute - minute % DAY_MINUTES)

    def _since(self, window: _Window, minute: int) -> Candle:
        if not self._candles:
            return Candle(minute, 0, 0, 0, 0)
        found, growing = self._candles[-1], self._candles[-1]
        if growing.minute >= minute:
            return window.sum(minute, growing)
        return Candle(minute, found.last, found.last, found.last, found.last)

    def candle(self, minutes: int) -> Candle:
        """The growing one of this many minutes. Raises `IndexError` before the first trade."""
        newest = self._candles[-1]
        start = newest.minute - newest.minute % minutes
        since = list(takewhile(lambda one: one.minute >= start, reversed(self._candles)))
        return merged(start, since[::-1])

    def candles(self, minutes: int) -> Sequence[Candle]:
        """Of this many minutes each, oldest first, the last one still growing; spans without a trade are left out."""
        out: list[Candle] = []
        group: list[Candle] = []
        for candle in self._candles:
            start = candle.minute - candle.minute % minutes
            if group and group[0].minute - group[0].minute % minutes != start:
                out.append(merged(group[0].minute - group[0].minute % minutes, group))
                group = []
            group.append(candle)
        if group:
            out.append(merged(group[0].minute - group[0].minute % minutes, group))
        return out[-CANDLES:]
