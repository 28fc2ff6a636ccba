"""What traded in the last 24 hours on one simulated instrument, hour by hour.

Enters: the engine's trades, whenever somebody counts. Leaves: open, high, low, close, volumes, hourly prices. Never: a
trade counted twice; what the engine's tape lost while nobody counted is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptopipe.api import Nanos, SimulatedBook
from cryptopipe_gemini.sandbox_words import SECOND

_HOUR = 3600 * SECOND
_HOURS = 24


@dataclass(slots=True)
class _Hour:
    number: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """Prices in ticks, `volume` in lots, `turnover` in ticks times lots; `hourly` are closes, the newest first."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    hourly: Sequence[int]


class Tally:
    """Of one book."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._counted = 0
        self._hours: list[_Hour] = []

    def count(self) -> None:
        """Up to the newest trade."""
        for one in self._book.trades(self._counted):
            self._counted = one.trade_id
            number, price = one.at // _HOUR, one.price
            if not self._hours or self._hours[-1].number != number:
                self._hours.append(_Hour(number, price, price, price, price))
            hour = self._hours[-1]
            hour.high, hour.low, hour.close = max(hour.high, price), min(hour.low, price), price
            hour.volume += one.size
            hour.turnover += one.size * price

    def day(self, at: Nanos) -> Day | None:
        """The last 24 hours, by whole hours; None if nothing traded in them."""
        self.count()
        oldest = at // _HOUR - _HOURS
        self._hours = [hour for hour in self._hours if hour.number > oldest]
        hours = self._hours
        if not hours:
            return None
        return Day(
            hours[0].open,
            max(hour.high for hour in hours),
            min(hour.low for hour in hours),
            hours[-1].close,
            sum(hour.volume for hour in hours),
            sum(hour.turnover for hour in hours),
            [hour.close for hour in reversed(hours)],
        )
