"""What traded in the last 24 hours on one simulated instrument, minute by minute.

Enters: the engine's trades, whenever somebody counts. Leaves: open, high, low, close, volumes, hourly prices, candles.
Never: a trade counted twice; what the engine's tape lost while nobody counted is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptopipe.api import Nanos, SimulatedBook
from cryptopipe_gemini.sandbox_words import SECOND

MINUTE = 60 * SECOND
_DAY = 24 * 60
_HOUR = 60


@dataclass(slots=True)
class Candle:
    """Prices in ticks, `volume` in lots, `turnover` in ticks times lots; it begins `minute` minutes after the epoch."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """All of 24 hours in one, and the last price of each hour that has one, the newest first."""

    whole: Candle
    hourly: Sequence[int]


class Tally:
    """Of one book."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._counted = 0
        self._minutes: list[Candle] = []

    def count(self) -> None:
        """Up to the newest trade."""
        for one in self._book.trades(self._counted):
            self._counted = one.trade_id
            minute, price = one.at // MINUTE, one.price
            if not self._minutes or self._minutes[-1].minute != minute:
                self._minutes.append(Candle(minute, price, price, price, price))
            _add(self._minutes[-1], Candle(minute, price, price, price, price, one.size, one.size * price))

    def day(self, at: Nanos) -> Day | None:
        """The last 24 hours; None if nothing traded in them."""
        known = self._known(at)
        if not known:
            return None
        whole = replace(known[0])
        hourly = {known[0].minute // _HOUR: known[0].close}
        for candle in known[1:]:
            _add(whole, candle)
            hourly[candle.minute // _HOUR] = candle.close
        return Day(whole, list(reversed(hourly.values())))

    def candles(self, minutes: int, at: Nanos) -> list[Candle]:
        """Of so many minutes each, the newest first and still growing, back to the first trade of the 24 hours; those
        in which nothing traded stand at the price before."""
        found: dict[int, Candle] = {}
        for one in self._known(at):
            start = one.minute // minutes * minutes
            if start in found:
                _add(found[start], one)
            else:
                found[start] = replace(one, minute=start)
        rows: list[Candle] = []
        for start in range(min(found), at // MINUTE + 1, minutes) if found else ():
            still = rows[-1].close if rows else 0
            rows.append(found.get(start) or Candle(start, still, still, still, still))
        return rows[::-1]

    def _known(self, at: Nanos) -> list[Candle]:
        self.count()
        oldest = at // MINUTE - _DAY
        self._minutes = [candle for candle in self._minutes if candle.minute > oldest]
        return self._minutes


def _add(candle: Candle, later: Candle) -> None:
    candle.high, candle.low = max(candle.high, later.high), min(candle.low, later.low)
    candle.close = later.close
    candle.volume += later.volume
    candle.turnover += later.turnover
