"""One simulated book as its subscribers see it: the best N levels a side, change by change.

Enters: the engine's tape. Leaves: for each depth the levels that a subscriber must be told after each event, and the
checksum of the book then. Never: a level told twice, or one missing that came into a subscriber's view from below.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from cryptopipe.api import LevelChange, Nanos, Side, SimulatedBook
from cryptopipe_kraken.sandbox_text import CHECKED, Digits, checksum, mantissa

_BEYOND = 1 << 62
_ALL = 1 << 31


class Level(msgspec.Struct, frozen=True, gc=False):
    """A level to tell: price in ticks, size in lots (0 removes it), when it last changed; `again` if it did not change
    but came into view because a better one left.
    """

    price: int
    size: int
    at: Nanos
    again: bool = False


class Half:
    """One side. A key is the price for asks and minus the price for bids, so that the least key is the best."""

    def __init__(self, sign: int, levels: Iterable[tuple[int, int]], at: Nanos) -> None:
        self._sign = sign
        self._sizes = {sign * price: size for price, size in levels}
        self.keys = sorted(self._sizes)
        self._stamps = dict.fromkeys(self.keys, at)
        self._touched: dict[int, int] = {}
        self._before: tuple[int, ...] = ()
        self._texts: dict[Digits, dict[int, str]] = {}

    def begin(self) -> None:
        """From here to `told` is one event."""
        if self._touched:
            self._touched = {}

    def last_in_view(self, depth: int) -> int:
        """The key of the last of `depth` levels; beyond any if there are not so many."""
        return self.keys[depth - 1] if len(self.keys) >= depth else _BEYOND

    def set(self, price: int, size: int, at: Nanos) -> None:
        """The level's new size, 0 if it is gone."""
        key = self._sign * price
        old = self._sizes.get(key, 0)
        self._touched.setdefault(key, old)
        for texts in self._texts.values():
            texts.pop(key, None)
        if size:
            if not old:
                insort(self.keys, key)
            self._sizes[key] = size
            self._stamps[key] = at
        elif old:
            del self.keys[bisect_left(self.keys, key)], self._sizes[key], self._stamps[key]

    def told(self, depth: int, before: int, at: Nanos) -> list[Level]:
        """What a subscriber of this depth is told of the event; `before` was `last_in_view` when it began.

        What leaves comes first: then a client may cut its book after each level as well as after the whole update.
        """
        after = self.last_in_view(depth)
        gone, out = [], []
        for key, old in self._touched.items():
            size = self._sizes.get(key, 0)
            if size:
                if key <= after and (size != old or key > before):
                    out.append(Level(abs(key), size, at))
            elif old and key <= before:
                gone.append(Level(abs(key), 0, at))
        if after > before:
            entered = self.keys[bisect_right(self.keys, before) : depth]
            out += [self._level(key, True) for key in entered if key not in self._touched]
        return gone + out

    def touched_within(self, key: int) -> bool:
        """Whether the event changed a level at or before this key."""
        return any(one <= key for one in self._touched)

    def best(self, depth: int) -> list[Level]:
        """As they are now."""
        return [self._level(key, False) for key in self.keys[:depth]]

    def texts(self, digits: Digits) -> list[str]:
        """What the checksum reads of the best ten."""
        known = self._texts.setdefault(digits, {})
        return [known.get(key) or self._text(known, digits, key) for key in self.keys[:CHECKED]]

    def _text(self, known: dict[int, str], digits: Digits, key: int) -> str:
        text = known[key] = mantissa(digits.price(abs(key))) + mantissa(digits.size(self._sizes[key]))
        return text

    def _level(self, key: int, again: bool) -> Level:
        return Level(abs(key), self._sizes[key], self._stamps[key], again)


class Event(msgspec.Struct, frozen=True):
    """What one event of the engine means for one depth."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    at: Nanos
    number: int


class Ladder:
    """A book that follows the engine's tape. `number` and `at` are those of the newest change it holds."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._checksums: dict[Digits, int] = {}
        self.load()

    def load(self) -> None:
        """Start from the engine's book as it is."""
        book = self._book
        self.number, self.at = book.number, book.changed_at
        self.bids = Half(-1, book.levels(Side.BUY, _ALL), self.at)
        self.asks = Half(1, book.levels(Side.SELL, _ALL), self.at)
        self._checksums.clear()

    def events(self) -> Iterable[Sequence[LevelChange]]:
        """The changes since `number`, those of one instant together. Raises `LookupError` if the tape forgot them."""
        changes = self._book.changes(self.number)
        if len(changes) == 1:
            return (changes,)
        return [list(group) for _, group in groupby(changes, attrgetter("at"))]

    def apply(self, changes: Sequence[LevelChange], depths: Iterable[int]) -> dict[int, Event]:
        """One event; what the subscribers of each depth must be told, where it is anything."""
        bids, asks = self.bids, self.asks
        wanted = [(depth, bids.last_in_view(depth), asks.last_in_view(depth)) for depth in depths]
        checked = bids.last_in_view(CHECKED), asks.last_in_view(CHECKED)
        bids.begin()
        asks.begin()
        for change in changes:
            (bids if change.side is Side.BUY else asks).set(change.price, change.size, change.at)
        at, number = self.at, self.number = changes[-1].at, changes[-1].number
        if bids.touched_within(checked[0]) or asks.touched_within(checked[1]):
            self._checksums.clear()
        out = {}
        for depth, bid, ask in wanted:
            event = Event(bids.told(depth, bid, at), asks.told(depth, ask, at), at, number)
            if event.bids or event.asks:
                out[depth] = event
        return out

    def checksum(self, digits: Digits) -> int:
        """Of the best ten levels a side, in these digits."""
        found = self._checksums.get(digits)
        if found is None:
            found = self._checksums[digits] = checksum(self.asks.texts(digits), self.bids.texts(digits))
        return found
