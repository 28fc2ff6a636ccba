"""What one simulated instrument traded: its last trades, candles, and the 24 hours behind it.

Enters: the engine's trade prints, each once. Leaves: aggregates and bars in ticks and lots. Never: a trade counted
twice; those that the engine's tape forgot before anybody looked are missing.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from cryptopipe.api import Nanos, Side, SimulatedBook, TradePrint
from cryptopipe_binance.sandbox_wire import millis

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
WEEK_OFFSET = 4 * DAY
"""1970-01-05, the first Monday."""
KEPT_TRADES = 20_000
"""Old ones can be asked for, a thousand at a time."""
KEPT_SECONDS = 1000
KEPT_MINUTES = 2 * 1440

INTERVALS: dict[str, int] = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR,
    "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 0,
}  # fmt: skip
"""Lengths in milliseconds; a month has none. rest-api.md, "Kline/Candlestick data"."""


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """The trades of one taker order at one price: `aggregate_id` counts from 1, sizes are added."""

    aggregate_id: int
    first: int
    last: int
    at: Nanos
    side: Side
    price: int
    size: int


class Bar(msgspec.Struct, gc=False):
    """Trades of one span, prices in ticks, sizes in lots, turnovers in ticks times lots, from `open_at` (ms)."""

    open_at: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0
    taker_volume: int = 0
    taker_turnover: int = 0
    first: int = -1
    last: int = -1
    count: int = 0

    def add(self, other: "Bar") -> None:
        """Take in a later bar of the same span."""
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.volume += other.volume
        self.turnover += other.turnover
        self.taker_volume += other.taker_volume
        self.taker_turnover += other.taker_turnover
        self.count += other.count
        if other.count:
            self.first = self.first if self.first > 0 else other.first
            self.last = other.last


def span_of(interval: str, at_ms: int) -> tuple[int, int]:
    """First and last millisecond of the candle that contains `at_ms`. Raises `KeyError` for an unknown interval."""
    length = INTERVALS[interval]
    if not length:
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        start = datetime(day.year, day.month, 1, tzinfo=UTC)
        after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
        return int(start.timestamp()) * 1000, int(after.timestamp()) * 1000 - 1
    offset = WEEK_OFFSET if interval == "1w" else 0
    start_ms = (at_ms - offset) // length * length + offset
    return start_ms, start_ms + length - 1


class Tally:
    """Of one book. `absorb` before reading: what it did not see within the tape's reach is not counted."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self.trades: deque[TradePrint] = deque(maxlen=KEPT_TRADES)
        self.aggregates: deque[Aggregate] = deque(maxlen=KEPT_TRADES)
        self.aggregated = 0
        self._last_id = 0
        self._seconds: deque[Bar] = deque(maxlen=KEPT_SECONDS)
        self._minutes: deque[Bar] = deque(maxlen=KEPT_MINUTES)

    def absorb(self, at: Nanos) -> None:
        """Everything traded until now; spans without a trade repeat the last price."""
        for trade in self._book.trades(self._last_id):
            self._last_id = trade.trade_id
            self.trades.append(trade)
            self._aggregate(trade)
            for bars, length in ((self._seconds, SECOND), (self._minutes, MINUTE)):
                _fill(bars, length, millis(trade.at), trade.price)
                _count(bars[-1], trade)
        for bars, length in ((self._seconds, SECOND), (self._minutes, MINUTE)):
            if bars:
                _fill(bars, length, millis(at), bars[-1].close)

    def bars(self, interval: str) -> list[Bar]:
        """Oldest first, the running one last; empty before the first trade. Raises `KeyError`."""
        found: list[Bar] = []
        for bar in self._seconds if interval == "1s" else self._minutes:
            start, _ = span_of(interval, bar.open_at)
            if found and found[-1].open_at == start:
                found[-1].add(bar)
            else:
                found.append(msgspec.structs.replace(bar, open_at=start))
        return found

    def day(self, at: Nanos) -> Bar | None:
        """The 24 hours until `at`, whole minutes; None before the first trade."""
        total: Bar | None = None
        for bar in self._since(millis(at) - DAY):
            if total is None:
                total = msgspec.structs.replace(bar)
            else:
                total.add(bar)
        return total

    def _since(self, start: int) -> Iterator[Bar]:
        return (bar for bar in self._minutes if bar.open_at + MINUTE > start)

    def _aggregate(self, trade: TradePrint) -> None:
        """One taker order changes a level once, so its prints at one price have one number."""
        before = self.aggregates[-1] if self.aggregates else None
        if before is not None and self.trades[-2].number == trade.number:
            size = before.size + trade.size
            self.aggregates[-1] = msgspec.structs.replace(before, last=trade.trade_id, size=size)
            return
        self.aggregated += 1
        identity = trade.trade_id
        self.aggregates.append(
            Aggregate(self.aggregated, identity, identity, trade.at, trade.side, trade.price, trade.size)
        )


def _fill(bars: deque[Bar], length: int, at_ms: int, price: int) -> None:
    """Until the last bar contains `at_ms`. A gap longer than the deque is skipped."""
    start = at_ms // length * length
    if not bars:
        bars.append(Bar(start, price, price, price, price))
        return
    assert bars.maxlen is not None, "bars are bounded"
    at = max(bars[-1].open_at + length, start - length * bars.maxlen)
    while at <= start:
        close = bars[-1].close
        bars.append(Bar(at, close, close, close, close))
        at += length


def _count(bar: Bar, trade: TradePrint) -> None:
    turnover = trade.price * trade.size
    if not bar.count:
        bar.open = bar.high = bar.low = trade.price
        bar.first = trade.trade_id
    bar.high, bar.low, bar.close = max(bar.high, trade.price), min(bar.low, trade.price), trade.price
    bar.volume += trade.size
    bar.turnover += turnover
    if trade.side is Side.BUY:
        bar.taker_volume += trade.size
        bar.taker_turnover += turnover
    bar.last = trade.trade_id
    bar.count += 1
