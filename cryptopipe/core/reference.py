"""The core in plain Python: the shortest obviously right version, the oracle of the native one.

Enters: JSON text of level arrays, version numbers, stamps. Leaves: tops of book, ladders, window columns. Never: a
rounded number (units of 10⁻¹² with the written decimal places), or a book half changed by a bad frame.
"""

import json
import zlib
from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from cryptopipe.core.checksum import AS_WRITTEN, OF_LEVELS
from cryptopipe.core.number import Number, parse_number
from cryptopipe.core.reference_window import SPAN, Window
from cryptopipe.errors import ChecksumMismatch, CrossedBook, PrecisionError, ProtocolError
from cryptopipe.model.events import LevelFormat, RawLevels

NAME = "reference"
_decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
Level = tuple[Number, Number]


def _parse(raw: RawLevels, form: LevelFormat) -> list[tuple[Level, bool | None]]:
    """Levels in written order, each with True for a bid, False for an ask, None if the format does not say."""
    try:
        rows = _decode(str(raw, "utf-8"))
        kind, sides, found = dict if isinstance(form.price, str) else list, {form.bid: True, form.ask: False}, []
        for row in rows if isinstance(rows, list) else [None]:
            cells: Any = row if isinstance(row, kind) else None
            level = (parse_number(cells[form.price]), parse_number(cells[form.size]))
            if level[0].units == 0:
                raise ProtocolError("a price of zero")
            found.append((level, None if form.side is None else sides[cells[form.side]]))
        return found
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ProtocolError(f"not an array of levels: {bytes(raw)[:80]!r}") from error


class Levels:
    """Levels as written, a sequence of (price, size) decimals."""

    def __init__(self, rows: list[Level]) -> None:
        self._rows = rows

    @classmethod
    def parse(cls, raw: RawLevels, form: LevelFormat, bids: bool | None = None) -> "Levels":
        """The levels of a raw array; of one side only if `bids` is given and the format tells sides."""
        return cls([level for level, is_bid in _parse(raw, form) if bids is None or is_bid in (None, bids)])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Decimal, Decimal]]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> tuple[Decimal, Decimal]:
        price, size = self._rows[index]
        return Decimal(price.text), Decimal(size.text)

    def units(self) -> list[tuple[int, int]]:
        """(price, size) in units of 10⁻¹²."""
        return [(price.units, size.units) for price, size in self._rows]


class TopOfBook:
    """Best prices and their sizes; decimals print as the venue wrote them, None for an empty side."""

    def __init__(self, bid: Level | None, ask: Level | None, version: int, event_time: int, received_at: int) -> None:
        self._bid, self._ask = bid, ask
        self.version, self.event_time, self.received_at = version, event_time, received_at
        self._key = (bid and (bid[0].units, bid[1].units), ask and (ask[0].units, ask[1].units))

    bid = property(lambda self: self._bid and Decimal(self._bid[0].text))
    bid_size = property(lambda self: self._bid and Decimal(self._bid[1].text))
    ask = property(lambda self: self._ask and Decimal(self._ask[0].text))
    ask_size = property(lambda self: self._ask and Decimal(self._ask[1].text))
    bid_units = property(lambda self: self._bid and self._bid[0].units)
    bid_size_units = property(lambda self: self._bid and self._bid[1].units)
    ask_units = property(lambda self: self._ask and self._ask[0].units)
    ask_size_units = property(lambda self: self._ask and self._ask[1].units)


class _Side:
    """Levels of one side by price, with the prices in order."""

    def __init__(self, is_bid: bool) -> None:
        self.is_bid, self.levels, self.prices = is_bid, dict[int, Level](), list[int]()

    def change(self, level: Level) -> None:
        price, size = level[0].units, level[1].units
        if price not in self.levels and size:
            insort(self.prices, price)
        if size:
            self.levels[price] = level
        elif self.levels.pop(price, None):
            del self.prices[bisect_left(self.prices, price)]

    def best(self) -> Level | None:
        return self.levels[self.prices[-1 if self.is_bid else 0]] if self.prices else None

    def first(self, limit: int | None) -> list[Level]:
        """Best first; all if `limit` is None."""
        prices = reversed(self.prices) if self.is_bid else iter(self.prices)
        return [self.levels[price] for price in islice(prices, limit)]


class Book:
    """One instrument's L2 book, the faster top channel beside it, and the window of its tops.

    The top is the newer of both by `version`; `ladder` is the depth without the levels that a newer top has passed.
    A frame that cannot be read changes nothing; after `ChecksumMismatch` or `CrossedBook` only `clear` and `load` help.
    """

    def __init__(
        self, form: LevelFormat, depth: int = 0, checksum: str = "", checksum_levels: int = 10, span: int = SPAN,
        max_bytes: int | None = None,
    ) -> None:  # fmt: skip
        if checksum and checksum not in OF_LEVELS:
            raise ValueError(f"unknown checksum: {checksum!r}")
        self._form, self._depth, self._checksum, self._covered = form, depth, checksum, checksum_levels
        self._bids, self._asks = _Side(True), _Side(False)
        self._loaded, self.version = False, 0
        self._quote: TopOfBook | None = None
        self.top: TopOfBook | None = None
        self.window = Window(span, max_bytes=max_bytes)

    def clear(self) -> None:
        """Forget depth and quote, whose versions may begin anew; until `load` there is no top and nothing to take."""
        self._bids, self._asks, self._loaded, self.top = _Side(True), _Side(False), False, None
        self._quote = None

    def load(
        self, bids: RawLevels, asks: RawLevels | None, version: int, event_time: int, received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None:  # fmt: skip
        """Replace the depth by a snapshot; the new top if it differs from the last. Raises `ProtocolError`."""
        changes = self._read(bids, asks)
        self._bids, self._asks, self._loaded = _Side(True), _Side(False), True
        return self._change(changes, version, event_time, received_at, checksum)

    def apply(
        self, bids: RawLevels, asks: RawLevels | None, version: int, event_time: int, received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None:  # fmt: skip
        """Change levels (size zero removes); the new top if it changed. Raises `ProtocolError`."""
        if not self._loaded:
            raise ProtocolError("a delta without a snapshot never yields a book")
        return self._change(self._read(bids, asks), version, event_time, received_at, checksum)

    def quote(
        self, bid: str, bid_size: str, ask: str, ask_size: str, version: int, event_time: int, received_at: int
    ) -> TopOfBook | None:
        """A top from a faster channel; the new top if it changed. An older one than depth or last quote is ignored."""
        b, a = (parse_number(bid), parse_number(bid_size)), (parse_number(ask), parse_number(ask_size))
        if self._quote is not None and version <= self._quote.version:
            return None
        best = [side if side[0].units and side[1].units else None for side in (b, a)]
        if best[0] and best[1] and best[0][0].units >= best[1][0].units:
            raise CrossedBook(f"bid {bid} at or above ask {ask}")
        self._quote = TopOfBook(best[0], best[1], version, event_time, received_at)
        return self._moved(event_time, received_at) if self._loaded else None

    def _read(self, bids: RawLevels, asks: RawLevels | None) -> list[tuple[Level, bool]]:
        if (self._form.side is None) == (asks is None):
            raise ProtocolError("a format with sides has one array, a format without has two")
        changes = [(level, is_bid is not False) for level, is_bid in _parse(bids, self._form)]
        if asks is not None:
            changes += [(level, False) for level, _ in _parse(asks, self._form)]
        if self._checksum in AS_WRITTEN and any(price.places < 0 or size.places < 0 for (price, size), _ in changes):
            raise PrecisionError("a number written with an exponent cannot enter a checksum")
        return changes

    def _change(
        self, changes: list[tuple[Level, bool]], version: int, event_time: int, received_at: int, checksum: int | None
    ) -> TopOfBook | None:
        for level, is_bid in changes:
            (self._bids if is_bid else self._asks).change(level)
        for side in (self._bids, self._asks) if self._depth else ():
            while len(side.prices) > self._depth:
                del side.levels[side.prices.pop(0 if side.is_bid else -1)]
        self.version = version
        if checksum is not None and self._checksum and (self._crc() - checksum) % 2**32:
            raise ChecksumMismatch(f"expected {checksum}, computed {self._crc()}")
        bid, ask = self._bids.best(), self._asks.best()
        if bid and ask and bid[0].units >= ask[0].units:
            raise CrossedBook(f"bid {bid[0].text} at or above ask {ask[0].text}")
        return self._moved(event_time, received_at)

    def _moved(self, event_time: int, received_at: int) -> TopOfBook | None:
        quote = self._newer_quote()
        bid, ask = (quote._bid, quote._ask) if quote else (self._bids.best(), self._asks.best())
        if self.top is not None and bid is self.top._bid and ask is self.top._ask:
            return None
        version = quote.version if quote else self.version
        top = TopOfBook(bid, ask, version, event_time, received_at)
        if self.top is not None and self.top._key == top._key:
            return None
        self.top = top
        self.window.push(top)
        return top

    def _newer_quote(self) -> TopOfBook | None:
        return self._quote if self._quote is not None and self._quote.version > self.version else None

    def _crc(self) -> int:
        text = OF_LEVELS[self._checksum](self._bids.first(self._covered), self._asks.first(self._covered))
        return zlib.crc32(text.encode())

    def levels(self, bids: bool, limit: int = 0) -> Levels:
        """The depth of one side, best first, as the venue's depth channel has it."""
        return Levels((self._bids if bids else self._asks).first(limit or None))

    def ladder(self, bids: bool, limit: int = 0) -> Levels:
        """What may be taken: the depth behind the newest top."""
        rows, quote = (self._bids if bids else self._asks).first(None), self._newer_quote()
        if quote is not None:
            best = quote._bid if bids else quote._ask
            rows = [best, *(r for r in rows if (r[0].units - best[0].units) * (-1 if bids else 1) > 0)] if best else []
        return Levels(rows[: limit or None])

    def size_at(self, bids: bool, price_units: int) -> int:
        """Units displayed in the ladder at a price, 0 if none."""
        return next((size for price, size in self.ladder(bids).units() if price == price_units), 0)

    def counts(self) -> tuple[int, int]:
        """Levels of the depth: (bids, asks)."""
        return len(self._bids.prices), len(self._asks.prices)
