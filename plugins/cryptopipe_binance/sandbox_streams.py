"""Binance's streams over one simulated book each: made once, read by every connection that asked for them.

Enters: the engine's books, at each step. Leaves: payloads, numbered, that every subscriber gets alike. Never: a frame
of a stream that nobody reads, or two frames of a paced stream in one period.

Update speeds: web-socket-streams.md (2026-07-21) and "Websocket Market Streams" of USDS-margined futures (2026-11-21).
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from cryptopipe.api import LevelChange, Nanos, Side
from cryptopipe_binance.sandbox_tally import INTERVALS
from cryptopipe_binance.sandbox_ticker import (
    Candles,
    Fields,
    Statistics,
    Told,
    aggregate_event,
    mini_event,
    ticker_event,
)
from cryptopipe_binance.sandbox_wire import MILLISECOND

SECOND = 1000 * MILLISECOND
KEPT = SECOND
"""How long frames wait for their readers, and how long a stream may go unread before it starts anew."""

_BUY, _SELL = Side.BUY, Side.SELL
_DEPTH = re.compile(r"depth(5|10|20|)(?:@(100|250|500)ms)?")
_LETTERS: dict[str, Callable[[Told, Nanos], Fields | None]] = {"miniTicker": mini_event, "ticker": ticker_event}


class Source(Protocol):
    """What a stream tells of its book."""

    def start(self, at: Nanos) -> None:
        """Forget what was told: from now on only what is new."""

    def make(self, at: Nanos) -> list[str]:
        """What is due at `at`."""


class Stream:
    """The frames of one stream name. `period` 0 is real time; else at most one frame in each span of the period."""

    def __init__(self, source: Source, period: Nanos) -> None:
        self.at: Nanos = -KEPT - 1
        self.end = 0
        self._source, self._period = source, period
        self._span = 0
        self._frames: deque[tuple[Nanos, str]] = deque()

    def join(self, at: Nanos) -> int:
        """The position of a reader that starts now."""
        if at - self.at > KEPT:
            self._source.start(at)
            self._span = at // self._period if self._period else 0
            self._frames.clear()
            self.at = at
        return self.end

    def step(self, at: Nanos) -> None:
        """Make what is due; once a step, whoever asks first."""
        self.at = at
        if self._period:
            span = at // self._period
            if span == self._span:
                return
            self._span = span
        for text in self._source.make(at):
            self._frames.append((at, text))
            self.end += 1
        while self._frames and self._frames[0][0] < at - KEPT:
            self._frames.popleft()

    def since(self, position: int) -> list[str]:
        """The frames from this position on, as far as they are kept."""
        missing = self.end - position
        frames = self._frames
        return [text for _, text in (frames if missing >= len(frames) else list(frames)[-missing:])]


class Depth:
    """Differences: every level that changed since the last frame, with the counter's span."""

    def __init__(self, told: Told) -> None:
        self._book, self._wire = told.book, told.wire
        self._last = self._previous = 0

    def start(self, at: Nanos) -> None:
        self._last = self._previous = self._book.number

    def make(self, at: Nanos) -> list[str]:
        number, last = self._book.number, self._last
        if number == last:
            return []
        try:
            changes = self._book.changes(last)
        except LookupError:  # the tape is shorter than the pause: a gap that the counter shows
            self._last = self._previous = number
            return []
        bids, asks = self._sides(changes)
        text = self._wire.difference(last + 1, number, last, at, self._book.changed_at, bids, asks)
        self._last = number
        return [text]

    def _sides(self, changes: Iterable[LevelChange]) -> tuple[str, str]:
        """The newest size of each level: asks from below, bids from above on spot and from below on futures (as
        recorded on 2024-08-08)."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for change in changes:
            (bids if change.side is _BUY else asks)[change.price] = change.size
        wire = self._wire
        return wire.levels(sorted(bids.items(), reverse=not wire.is_futures)), wire.levels(sorted(asks.items()))


class Partial:
    """The best levels, best first, whether or not they changed: "pushed every second" (or 100 ms).

    The documented example of futures has bids from below; frames of 2021-06-12 and 2024-04-18 that are kept in public
    repositories have not.
    """

    def __init__(self, told: Told, count: int) -> None:
        self._book, self._wire, self._count = told.book, told.wire, count
        self._last = 0

    def start(self, at: Nanos) -> None:
        self._last = self._book.number

    def make(self, at: Nanos) -> list[str]:
        book, wire = self._book, self._wire
        bids = book.levels(_BUY, self._count)
        asks = wire.levels(book.levels(_SELL, self._count))
        number, last = book.number, self._last
        self._last = number
        if wire.is_futures:
            first = min(last + 1, number)
            return [wire.difference(first, number, last, at, book.changed_at, wire.levels(bids), asks)]
        return [wire.partial(number, wire.levels(bids), asks)]


class BookTicker:
    """The top whenever it is another than at the last step; `u` is the counter at which it was read."""

    def __init__(self, told: Told) -> None:
        self._told, self._book, self._wire = told, told.book, told.wire
        self._last = 0
        self._top = told.top()

    def start(self, at: Nanos) -> None:
        self._last, self._top = self._book.number, self._told.top()

    def make(self, at: Nanos) -> list[str]:
        number = self._book.number
        if number == self._last:
            return []
        self._last = number
        top = self._told.top()
        if top == self._top:
            return []
        self._top = top
        bid, ask = top
        return [self._wire.top(number, bid, ask, at, self._book.changed_at)]


class Trades:
    """Each trade."""

    def __init__(self, told: Told) -> None:
        self._book, self._wire = told.book, told.wire
        self._last = 0

    def start(self, at: Nanos) -> None:
        for trade in self._book.trades(self._last)[-1:]:
            self._last = trade.trade_id

    def make(self, at: Nanos) -> list[str]:
        trades = self._book.trades(self._last)
        if not trades:
            return []
        self._last = trades[-1].trade_id
        return [self._wire.trade(trade, at) for trade in trades]


class Aggregates:
    """The trades of one taker order at one price as one."""

    def __init__(self, told: Told) -> None:
        self._told, self._tally = told, told.tally
        self._last = 0

    def start(self, at: Nanos) -> None:
        self._tally.absorb(at)
        self._last = self._tally.aggregated

    def make(self, at: Nanos) -> list[str]:
        self._tally.absorb(at)
        new = self._tally.aggregated - self._last
        if not new:
            return []
        self._last += new
        return [aggregate_event(self._told, one, at) for one in list(self._tally.aggregates)[-new:]]


class Streams:
    """Every stream of one venue, made when first asked for."""

    def __init__(self, told: Mapping[str, Told], is_futures: bool) -> None:
        self._told = {one.wire.name: one for one in told.values()}
        self._kept_at: Nanos = 0
        self._is_futures = is_futures
        self._streams: dict[str, Stream] = {}

    def keep(self, at: Nanos) -> None:
        """Once a second, note what was traded, whether or not somebody asks: the engine's tape is short."""
        if at - self._kept_at >= SECOND:
            self._kept_at = at
            for told in self._told.values():
                told.tally.absorb(at)

    def find(self, name: str) -> Stream | None:
        """The stream of a name such as `btcusdt@depth@100ms`; None if nothing will ever come of it."""
        if name not in self._streams:
            symbol, _, kind = name.partition("@")
            told = self._told.get(symbol)
            stream = self._make(told, kind) if told is not None else None
            if stream is None:
                return None
            self._streams[name] = stream
        return self._streams[name]

    def _make(self, told: Told, kind: str) -> Stream | None:
        if (match := _DEPTH.fullmatch(kind)) is not None:
            return self._depth(told, match[1], match[2])
        if kind in _LETTERS:
            return Stream(Statistics(told, _LETTERS[kind]), SECOND)
        if kind == "trade":
            return Stream(Trades(told), 0)
        if kind == "aggTrade":
            return Stream(Aggregates(told), 100 * MILLISECOND if self._is_futures else 0)
        if kind == "bookTicker":
            return Stream(BookTicker(told), 0)
        interval = kind.removeprefix("kline_")
        if interval != kind and interval in INTERVALS and not (self._is_futures and interval == "1s"):
            period = 250 * MILLISECOND if self._is_futures else SECOND if interval == "1s" else 2 * SECOND
            return Stream(Candles(told, interval), period)
        return None

    def _depth(self, told: Told, levels: str, pace: str | None) -> Stream | None:
        """Spot: 1000 ms or 100 ms; futures: 250 ms, 500 ms or 100 ms."""
        if pace is not None and pace not in (("100", "250", "500") if self._is_futures else ("100",)):
            return None
        period = int(pace or (250 if self._is_futures else 1000)) * MILLISECOND
        source: Source = Partial(told, int(levels)) if levels else Depth(told)
        return Stream(source, period)
