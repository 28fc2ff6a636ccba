"""One simulated instrument with everything that is published of it, encoded once for all who listen.

Enters: the engine's tape, whenever somebody asks. Leaves: streams of ready texts, each of one channel in one dialect.
Never: a text without a listener: a stream lives as long as a session holds it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol
from weakref import WeakValueDictionary

from cryptopipe.api import Instrument, Nanos, SimulatedBook, TradePrint, TradingRules
from cryptopipe_kraken.sandbox_book import Event, Ladder, Level
from cryptopipe_kraken.sandbox_prints import Prints
from cryptopipe_kraken.sandbox_text import Digits

_KEPT = 4000
TRADES_SHOWN = 50
"""Trades in the snapshot of a trade channel (spot-websocket-v2/trade, 2026-11-21)."""

Best = tuple[tuple[int, int] | None, tuple[int, int] | None]
"""Best bid and ask as (ticks, lots)."""


class Dialect(Protocol):
    """How one version of the wire writes what a desk tells."""

    name: str

    def digits(self, rules: TradingRules) -> Digits: ...
    def symbol(self, instrument: Instrument) -> str: ...
    def book(self, desk: "Desk", depth: int) -> str:
        """The snapshot."""

    def update(self, desk: "Desk", depth: int, event: Event) -> str: ...
    def past(self, desk: "Desk", prints: Sequence[TradePrint]) -> str:
        """Trades for a new subscriber, empty for none."""

    def trades(self, desk: "Desk", prints: Sequence[TradePrint]) -> str: ...
    def ticker(self, desk: "Desk", at: Nanos, snapshot: bool) -> str: ...
    def candles(self, desk: "Desk", minutes: int, at: Nanos, snapshot: bool) -> str:
        """The growing candle, or for a new subscriber what the dialect shows; empty for none."""


class Stream:
    """One channel of one instrument in one dialect. `count` texts were made since it began; the newest are kept.

    `snapshot` gives the text for a new subscriber, empty where there is none.
    """

    def __init__(self, snapshot: Callable[[Nanos], str]) -> None:
        self.snapshot = snapshot
        self.count = 0
        self._texts: deque[str] = deque(maxlen=_KEPT)
        self._whole_since = 0

    def put(self, text: str) -> None:
        """One more text for everybody who listens."""
        self._texts.append(text)
        self.count += 1

    def restart(self) -> None:
        """What is sent from here on does not follow what was sent: everybody needs a snapshot."""
        self._texts.clear()
        self._whole_since = self.count = self.count + 1

    def since(self, position: int) -> Iterable[str] | None:
        """The texts after this position; None if a snapshot is due instead."""
        missing = self.count - position
        if position < self._whole_since or missing > len(self._texts):
            return None
        return list(self._texts)[-missing:] if missing else ()


class Desk:
    """The publisher of one book."""

    def __init__(self, book: SimulatedBook, rules: TradingRules, index: int) -> None:
        self.book, self.rules, self.index = book, rules, index
        self.instrument = book.instrument
        self.ladder = Ladder(book)
        self.prints = Prints(book)
        self._digits: dict[str, Digits] = {}
        self._books: WeakValueDictionary[tuple[str, int], Stream] = WeakValueDictionary()
        self._trades: WeakValueDictionary[str, Stream] = WeakValueDictionary()
        self._tickers: WeakValueDictionary[tuple[str, str], Stream] = WeakValueDictionary()
        self._candles: WeakValueDictionary[tuple[str, int], Stream] = WeakValueDictionary()
        self._dialects: dict[str, Dialect] = {}
        self._best: Best = (None, None)

    def digits(self, dialect: Dialect) -> Digits:
        """Of this instrument in this dialect."""
        found = self._digits.get(dialect.name)
        if found is None:
            found = self._digits[dialect.name] = dialect.digits(self.rules)
        return found

    def best(self) -> Best:
        """The top as the ladder has it now."""
        bids, asks = self.ladder.bids.best(1), self.ladder.asks.best(1)
        return _pair(bids), _pair(asks)

    def book_stream(self, dialect: Dialect, depth: int) -> Stream:
        """The book, so many levels a side."""
        self.advance()
        key = (dialect.name, depth)
        stream = self._books.get(key)
        if stream is None:
            self._dialects[dialect.name] = dialect
            stream = self._books[key] = Stream(lambda at: dialect.book(self, depth))
        return stream

    def trade_stream(self, dialect: Dialect) -> Stream:
        """Trades."""
        self.advance()
        stream = self._trades.get(dialect.name)
        if stream is None:
            self._dialects[dialect.name] = dialect
            stream = self._trades[dialect.name] = Stream(
                lambda at: dialect.past(self, self.prints.newest(TRADES_SHOWN))
            )
        return stream

    def ticker_stream(self, dialect: Dialect, trigger: str) -> Stream:
        """The ticker; `trigger` is `trades` or `bbo`."""
        self.advance()
        self._best = self.best()
        key = (dialect.name, trigger)
        stream = self._tickers.get(key)
        if stream is None:
            self._dialects[dialect.name] = dialect
            stream = self._tickers[key] = Stream(lambda at: dialect.ticker(self, at, True))
        return stream

    def candle_stream(self, dialect: Dialect, minutes: int) -> Stream:
        """Candles of so many minutes."""
        self.advance()
        key = (dialect.name, minutes)
        stream = self._candles.get(key)
        if stream is None:
            self._dialects[dialect.name] = dialect
            stream = self._candles[key] = Stream(lambda at: dialect.candles(self, minutes, at, True))
        return stream

    def advance(self) -> None:
        """Brings every stream up to the engine's newest change."""
        if self.book.number == self.ladder.number:
            return
        self._advance_books()
        prints = self.prints.advance()
        if prints and self._trades:
            self._advance_trades(prints)
        if self._tickers:
            self._advance_tickers(bool(prints))
        for (name, minutes), stream in list(self._candles.items()) if prints else ():
            stream.put(self._dialects[name].candles(self, minutes, self.ladder.at, False))

    def _advance_tickers(self, traded: bool) -> None:
        before, self._best = self._best, self.best()
        moved = self._best != before
        for (name, trigger), stream in list(self._tickers.items()):
            if traded if trigger == "trades" else moved:
                stream.put(self._dialects[name].ticker(self, self.ladder.at, False))

    def _advance_books(self) -> None:
        streams = list(self._books.items())
        depths = {depth for (_, depth), _ in streams}
        try:
            events = self.ladder.events()
        except LookupError:  # nobody asked for longer than the tape reaches
            self.ladder.load()
            for _, stream in streams:
                stream.restart()
            return
        for changes in events:
            told = self.ladder.apply(changes, depths)
            for (name, depth), stream in streams if told else ():
                event = told.get(depth)
                if event is not None:
                    stream.put(self._dialects[name].update(self, depth, event))

    def _advance_trades(self, prints: Sequence[TradePrint]) -> None:
        for name, stream in list(self._trades.items()):
            for _, group in groupby(prints, attrgetter("at")):
                stream.put(self._dialects[name].trades(self, list(group)))


def _pair(levels: Sequence[Level]) -> tuple[int, int] | None:
    return (levels[0].price, levels[0].size) if levels else None
