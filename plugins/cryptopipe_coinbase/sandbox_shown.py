"""One book of the engine as both of Coinbase's simulated venues read it: changes folded, numbers written, the day told.

Enters: a `SimulatedBook`. Leaves: the levels that changed since a number, best first; texts made once for all
connections; candles of the trades seen. Never: a change of the book, or a text made again for the same numbers.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from cryptopipe.api import Grid, Nanos, Side, SimulatedBook, TradePrint, format_at

SECOND: Nanos = 1_000_000_000
MILLISECOND: Nanos = 1_000_000
MINUTE = 60
"""Seconds."""
_DAY = 24 * 60
_WHOLE = 1 << 30
"""More levels than any book has."""
_KEPT_TRADES = 10_000
"""For the requests of trades: some of their pages."""

Levels = Sequence[tuple[int, int]]
"""(price in ticks, size in lots), best first; a size of 0 removes the level."""


class Changed(msgspec.Struct, frozen=True, gc=False):
    """Every level that changed between two numbers, as it is after the second; `at` of the last change."""

    number: int
    at: Nanos
    bids: Levels
    asks: Levels


class Candle(msgspec.Struct, gc=False):
    """Trades of one span: prices in ticks, volume in lots, `start` in epoch seconds."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int

    def join(self, other: "Candle") -> None:
        """Trades that came after those of this one."""
        self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.close, self.volume = other.close, self.volume + other.volume


class Shown:
    """One product. `collect` reads the trades that are new; what a day is begins with the first that was collected."""

    def __init__(self, book: SimulatedBook) -> None:
        rules = book.instrument.rules
        if rules is None:
            raise ValueError(f"{book.instrument.id} has no rules, so nothing tells its digits")
        self.book, self.instrument, self.symbol, self.rules = book, book.instrument, book.instrument.symbol, rules
        grid = Grid(rules)
        self.price, self.size = grid.price, grid.size
        """As many digits as tick and step have: `83261.00`."""
        self.last: TradePrint | None = None
        self.trades: deque[TradePrint] = deque(maxlen=_KEPT_TRADES)
        """Collected ones, oldest first."""
        self._collected_to = -1
        self._minutes: list[Candle] = []
        self._texts: dict[tuple[str, int], str] = {}
        self._texts_of = -1

    def bare_price(self, ticks: int) -> str:
        """Without zeros at the end: `83261`."""
        return bare(self.price(ticks))

    def bare_size(self, lots: int) -> str:
        """Without zeros at the end: `0.7`."""
        return bare(self.size(lots))

    def whole(self, side: Side) -> Levels:
        """All levels of a side."""
        return self.book.levels(side, _WHOLE)

    def best(self, side: Side) -> tuple[int, int] | None:
        """The best level, None for an empty side."""
        return next(iter(self.book.levels(side, 1)), None)

    def changed(self, after: int) -> Changed:
        """Raises `LookupError` if the tape no longer reaches back so far."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        number, at = after, 0
        for change in self.book.changes(after):
            (bids if change.side is Side.BUY else asks)[change.price] = change.size
            number, at = change.number, change.at
        return Changed(number, at, sorted(bids.items(), reverse=True), sorted(asks.items()))

    def once(self, kind: str, after: int, make: Callable[[], str]) -> str:
        """The text of this kind for what happened since `after`, made for the first connection that asks."""
        if self._texts_of != self.book.number:
            self._texts.clear()
            self._texts_of = self.book.number
        text = self._texts.get((kind, after))
        if text is None:
            text = self._texts[kind, after] = make()
        return text

    def collect(self) -> None:
        """Take in the trades since the last call."""
        number = self.book.number
        if number == self._collected_to:
            return
        self._collected_to = number
        for trade in self.book.trades(self.last.trade_id if self.last else 0):
            self._count(trade)
            self.trades.append(trade)
            self.last = trade

    def day(self) -> Candle | None:
        """The trades of the last 24 h as one, None before the first."""
        return _joined(self._minutes[0].start, self._minutes) if self._minutes else None

    def candles(self, seconds: int, start: int, end: int) -> list[Candle]:
        """Spans of this length that begin from `start` to `end` (epoch seconds) and have trades, newest first.

        `seconds` is a multiple of 60.
        """
        spans: dict[int, list[Candle]] = {}
        for minute in self._minutes:
            spans.setdefault(minute.start - minute.start % seconds, []).append(minute)
        return [_joined(at, found) for at, found in sorted(spans.items(), reverse=True) if start <= at <= end]

    def _count(self, trade: TradePrint) -> None:
        start = trade.at // SECOND // MINUTE * MINUTE
        one = Candle(start, trade.price, trade.price, trade.price, trade.price, trade.size)
        if self._minutes and self._minutes[-1].start == start:
            self._minutes[-1].join(one)
            return
        self._minutes.append(one)
        oldest = start - (_DAY - 1) * MINUTE
        while self._minutes[0].start < oldest:
            del self._minutes[0]


def _joined(start: int, minutes: Sequence[Candle]) -> Candle:
    first = minutes[0]
    whole = Candle(start, first.open, first.high, first.low, first.close, first.volume)
    for minute in minutes[1:]:
        whole.join(minute)
    return whole


def bare(number: str) -> str:
    """`0.70` is `0.7`, `83261.00` is `83261`."""
    return number.rstrip("0").rstrip(".") if "." in number else number


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return format_at(seconds * SECOND)[:19]


def stamp(at: Nanos, places: int = 9) -> str:
    """RFC 3339 cut to `places` digits, without zeros at the end: `2026-09-30T02:39:59.4104Z`."""
    seconds, nanos = divmod(at, SECOND)
    fraction = f"{nanos:09d}"[:places].rstrip("0")
    return f"{_second(seconds)}.{fraction}Z" if fraction else f"{_second(seconds)}Z"


def whole_stamp(at: Nanos) -> str:
    """RFC 3339 with six digits: `2026-09-30T02:03:13.000000Z`."""
    seconds, nanos = divmod(at, SECOND)
    return f"{_second(seconds)}.{nanos // 1000:06d}Z"


class Tokens:
    """A lazily filled bucket: `count` at once, one more every `every` nanoseconds."""

    def __init__(self, count: int, every: Nanos) -> None:
        self._most, self._every = count * every, every
        self._have, self._at = self._most, 0

    def take(self, at: Nanos) -> bool:
        """Whether there was one left."""
        self._have = min(self._most, self._have + max(0, at - self._at))
        self._at = max(at, self._at)
        if self._have < self._every:
            return False
        self._have -= self._every
        return True
