"""The simulated streams: what one symbol has to tell, written once for all who listen.

Enters: the engine's book of the symbol, whenever a session steps. Leaves: texts in order. Never: a text without a
listener: a stream lives as long as a session holds it.

developer.gemini.com/websocket/streams (2026-11-21 in a stored copy): `depth` "every changed price level in the last
second", `depth@100ms` "in the last 100 milliseconds", `depthN` the top levels each second or 100 ms, `bookTicker` and
`trade` in real time. Measured by others in 2026-09: a partial depth is sent again though nothing changed, a
differential one is not, and its batches may follow each other within less than 100 ms.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Protocol
from weakref import WeakValueDictionary

from cryptopipe.api import Nanos, Side
from cryptopipe_gemini.sandbox_words import MILLISECOND, SECOND, Level, Words, event_id

_KEPT = 4000
_NAME = re.compile(r"([A-Za-z0-9]+)@(depth(5|10|20)?(@100ms)?|bookTicker|trade)", re.ASCII)


class Tape:
    """The newest texts of a stream; `end` counts all."""

    def __init__(self) -> None:
        self.end = 0
        self._texts: deque[str] = deque(maxlen=_KEPT)

    def put(self, text: str) -> None:
        """One more."""
        self._texts.append(text)
        self.end += 1

    def since(self, position: int) -> Iterable[str]:
        """Those after this position. One that is too far behind misses some, which its ids will show."""
        missing = min(self.end - position, len(self._texts))
        return list(self._texts)[-missing:] if missing else ()


class Stream(Protocol):
    """One stream of one symbol."""

    tape: Tape

    def step(self, at: Nanos) -> None:
        """Writes what is due by now."""

    def opening(self, levels: int, at: Nanos) -> str:
        """What a new subscriber gets first, by its connection's `snapshot` parameter; empty for nothing."""


class Differences:
    """`depth` and `depth@100ms`: each text begins at the id at which the one before it ended."""

    def __init__(self, words: Words, every: Nanos) -> None:
        self.tape = Tape()
        self._words, self._every = words, every
        self._number = words.book.number
        self._due: Nanos = 0

    def step(self, at: Nanos) -> None:
        """At the end of each period."""
        if at >= self._due:
            self._due = (at // self._every + 1) * self._every
            self._write()

    def opening(self, levels: int, at: Nanos) -> str:
        """The book, "-1 for the full book, a positive N for the top N levels", after all that was not yet told."""
        self._write()
        if levels == 0:
            return ""
        book, number = self._words.book, event_id(self._number)
        bids, asks = (book.levels(side, levels if levels > 0 else 10**6) for side in (Side.BUY, Side.SELL))
        return self._words.depth(max(book.changed_at, 1), number, number, bids, asks)

    def _write(self) -> None:
        book, before = self._words.book, self._number
        if book.number == before:
            return
        self._number = book.number
        try:
            changes = book.changes(before)
        except LookupError:
            return  # nobody stepped for longer than the tape reaches; the next text will not join
        sides: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for change in changes:
            sides[change.side][change.price] = change.size
        bids, asks = sides[Side.BUY].items(), sides[Side.SELL].items()
        self.tape.put(self._words.depth(book.changed_at, event_id(before), event_id(book.number), bids, asks))


class Partial:
    """`depth5`, `depth10`, `depth20`, each second or 100 ms."""

    def __init__(self, words: Words, levels: int, every: Nanos) -> None:
        self.tape = Tape()
        self._words, self._levels, self._every = words, levels, every
        self._due: Nanos = 0

    def step(self, at: Nanos) -> None:
        """At the end of each period, whether or not anything changed."""
        if at < self._due:
            return
        self._due = (at // self._every + 1) * self._every
        book = self._words.book
        bids, asks = (book.levels(side, self._levels) for side in (Side.BUY, Side.SELL))
        self.tape.put(self._words.partial(book.number, bids, asks))

    def opening(self, levels: int, at: Nanos) -> str:
        """Nothing: the next period brings it."""
        return ""


class Ticker:
    """`bookTicker`: after each step in which the top moved."""

    def __init__(self, words: Words) -> None:
        self.tape = Tape()
        self._words = words
        self._number = words.book.number
        self._top = self._best()
        self._last: Level | None = None
        self._traded = _newest_trade(words)

    def step(self, at: Nanos) -> None:
        """As the engine left it."""
        book = self._words.book
        if book.number == self._number:
            return
        self._number = book.number
        for one in book.trades(self._traded):
            self._traded, self._last = one.trade_id, (one.price, one.size)
        top = self._best()
        if top != self._top:
            self._top = top
            self.tape.put(self._words.ticker(book.changed_at, book.number, *top, self._last))

    def opening(self, levels: int, at: Nanos) -> str:
        """Nothing until the top moves: not confirmed."""
        return ""

    def _best(self) -> tuple[Level | None, Level | None]:
        bids, asks = (self._words.book.levels(side, 1) for side in (Side.BUY, Side.SELL))
        return (bids[0] if bids else None, asks[0] if asks else None)


class Trades:
    """`trade`: each match by itself."""

    def __init__(self, words: Words) -> None:
        self.tape = Tape()
        self._words = words
        self._told = _newest_trade(words)

    def step(self, at: Nanos) -> None:
        """In order."""
        for one in self._words.book.trades(self._told):
            self._told = one.trade_id
            self.tape.put(self._words.trade(one))

    def opening(self, levels: int, at: Nanos) -> str:
        """Nothing: the stream has no past."""
        return ""


def _newest_trade(words: Words) -> int:
    known = words.book.trades(0)
    return known[-1].trade_id if known else 0


class Streams:
    """All streams of a venue, by name."""

    def __init__(self, listed: Mapping[str, Words]) -> None:
        self.listed = listed
        self._streams: WeakValueDictionary[str, Stream] = WeakValueDictionary()

    def find(self, name: str) -> Stream | None:
        """`btcusd@depth@100ms`, its symbol in either case; None if there is no such stream."""
        match = _NAME.fullmatch(name)
        words = self.listed.get(match[1].lower()) if match else None
        if match is None or words is None:
            return None
        key = f"{words.symbol}@{match[2]}"
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _made(words, match)
        return stream


def _made(words: Words, match: re.Match[str]) -> Stream:
    if match[2] == "trade":
        return Trades(words)
    if match[2] == "bookTicker":
        return Ticker(words)
    every = 100 * MILLISECOND if match[4] else SECOND
    return Partial(words, int(match[3]), every) if match[3] else Differences(words, every)
