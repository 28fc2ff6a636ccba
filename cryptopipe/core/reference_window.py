"""The window of tops in plain Python: a list of rows, and what each sealed block of them would take.

Enters: tops of book in the order in which they were received. Leaves: columns, extents, bytes. Never: a value that
differs from the one pushed; a row that leaves unsaid before the span is over.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from typing import Any

from cryptopipe.core.number import SCALE, places_needed

BLOCK, GROUP, HEAD, PADDING, FLAT = 1024, 32, 104, 8, 48
"""Rows of a block and of a group of one; bytes of a block beside its columns, behind them, and of a row not sealed."""
SPAN, HOT = 86_400 * 10**9, 360 * 10**9
Row = tuple[int, int, int, int, int, int]


class Window:
    """The tops of the last `span` nanoseconds, in columns. A price of 0 means that side was empty.

    Rows leave at the front, in their order, when `span` is over. Older ones than `hot` are sealed, 1,024 at a time:
    they take 5 to 12 bytes instead of 48 and are decoded when they are read. Beyond `max_bytes` rows are sealed early
    (the flat ones get half of it), then the oldest blocks leave, and `shortened_to` says so.
    """

    COLUMNS = ("received_at", "event_time", "bid", "bid_size", "ask", "ask_size")

    def __init__(self, span: int = SPAN, hot: int = HOT, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes < 0:
            raise ValueError(f"max_bytes below zero: {max_bytes}")
        self.span, self.hot, self.max_bytes = span, hot, max_bytes
        self._rows: deque[Row] = deque()
        self._blocks: deque[tuple[int, int, int]] = deque()  # rows not yet left, bytes, newest stamp
        self._places = [0] * 6
        self._newest = 0
        self._dropped: int | None = None

    def push(self, top: Any) -> None:
        """Append a top, and let leave what is older than the span or beyond the bound."""
        prices = (top.bid_units, top.bid_size_units, top.ask_units, top.ask_size_units)
        self._append((top.received_at, top.event_time, *(units or 0 for units in prices)))

    def extend(
        self, received_at: Any, event_time: Any, bid: Any, bid_size: Any, ask: Any, ask_size: Any, places: Sequence[int]
    ) -> None:
        """Append rows as `push` would, from buffers of 8-byte stamps and of 16-byte numbers in units of 10⁻ᵖˡᵃᶜᵉˢ,
        little-endian. The columns have at least these `places` from then on. Raises `ValueError`, nothing appended.
        """
        if max(places) > SCALE:
            raise ValueError(f"more than 12 decimal places: {max(places)}")
        columns = [_integers(received_at, 8), _integers(event_time, 8)]
        for buffer, most in zip((bid, bid_size, ask, ask_size), places, strict=True):
            values = _integers(buffer, 16)
            for value in values:
                if not 0 <= value * 10 ** (SCALE - most) < 2**127:
                    raise ValueError(f"a number out of range: {value} at {most} places")
            columns.append([value * 10 ** (SCALE - most) for value in values])
        if len({len(column) for column in columns}) > 1:
            raise ValueError("columns of different lengths")
        self._places[2:] = map(max, self._places[2:], places)
        for row in zip(*columns, strict=True):
            self._append(row)

    def _append(self, row: Row) -> None:
        for index in range(2, 6):
            if row[index] % 10 ** (SCALE - self._places[index]):
                self._places[index] = places_needed(row[index])
        self._rows.append(row)
        self._newest = row[0]
        while self._rows and self._rows[0][0] <= row[0] - self.span:
            self._rows.popleft()
            if self._blocks:
                rows, size, newest = self._blocks.popleft()
                if rows > 1:
                    self._blocks.appendleft((rows - 1, size, newest))
        if self._flat >= BLOCK and self._may_seal():
            self._seal_first(BLOCK)
        self._bound()

    def _may_seal(self) -> bool:
        old = self._rows[self.sealed + BLOCK - 1][0] <= self._newest - self.hot
        return old or (self.max_bytes is not None and FLAT * self._flat > self.max_bytes // 2)

    def _bound(self) -> None:
        while self.max_bytes is not None and self.nbytes > self.max_bytes and self._blocks:
            rows, _, newest = self._blocks.popleft()
            self._dropped = max(newest, newest if self._dropped is None else self._dropped)
            for _ in range(rows):
                self._rows.popleft()

    def seal(self) -> None:
        """Seal every row now: for a measurement, or a window that nothing is pushed to any more."""
        while self._flat:
            self._seal_first(min(self._flat, BLOCK))
        self._bound()

    def _seal_first(self, count: int) -> None:
        rows = list(islice(self._rows, self.sealed, self.sealed + count))
        self._blocks.append((count, sealed_bytes(rows), max(row[0] for row in rows)))

    @property
    def sealed(self) -> int:
        """Rows in blocks."""
        return sum(rows for rows, _, _ in self._blocks)

    @property
    def _flat(self) -> int:
        return len(self._rows) - self.sealed

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks, and 48 for each flat row."""
        return sum(size for _, size, _ in self._blocks) + FLAT * self._flat

    @property
    def oldest(self) -> int | None:
        """The receive stamp of the first row; None without one."""
        return self._rows[0][0] if self._rows else None

    @property
    def shortened_to(self) -> int | None:
        """Nanoseconds from the first row to the newest push, if rows of the span had to leave for want of memory."""
        if self._dropped is None or self._dropped <= self._newest - self.span:
            return None
        return self._newest - self._rows[0][0] if self._rows else 0

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str, since: int, until: int) -> tuple[Any, int]:
        """(values, places): numpy int64 (objects if one does not fit) of rows with since <= received_at < until, in
        units of 10⁻ᵖˡᵃᶜᵉˢ; places are the most that any row of the column has needed. Raises `KeyError`."""
        return self._values(name, lambda: (row for row in self._rows if since <= row[0] < until))

    def slice(self, name: str, begin: int, end: int) -> tuple[Any, int]:
        """The same of the rows from one position to another, counted from the first row kept."""
        return self._values(name, lambda: islice(self._rows, begin, max(begin, end)))

    def scan(self, name: str, since: int, until: int) -> tuple[int, int, int] | None:
        """(least, greatest, places) of the same rows as `column`, but of prices and sizes only where the side was not
        empty; None without any. Makes no array. Raises `KeyError`."""
        values, places = self.column(name, since, until)
        kept = [int(value) for value in values if value or name in self.COLUMNS[:2]]
        return (min(kept), max(kept), places) if kept else None

    def _values(self, name: str, rows: Callable[[], Any]) -> tuple[Any, int]:
        import numpy as np

        index = dict(zip(self.COLUMNS, range(6), strict=True))[name]
        unit = 10 ** (SCALE - self._places[index]) if index > 1 else 1
        values = [row[index] // unit for row in rows()]
        narrow = all(-(2**63) <= value < 2**63 for value in values)
        return np.array(values, dtype=np.int64 if narrow else object), self._places[index]


def _integers(buffer: Any, width: int) -> list[int]:
    data = bytes(memoryview(buffer).cast("B"))
    if len(data) % width:
        what = "stamps" if width == 8 else "numbers"
        raise ValueError(f"{what} of another width than {width} bytes")
    return [int.from_bytes(data[at : at + width], "little", signed=True) for at in range(0, len(data), width)]


def sealed_bytes(rows: Sequence[Row]) -> int:
    """Bytes of a block of these rows: `rust/core/src/block.rs` and `pack.rs` say how it is written."""
    received, event, bid, bid_size, ask, ask_size = (list(column) for column in zip(*rows, strict=True))
    own, unit = _stamps(event)
    before = [_wrapped(at // unit - value) for at, value in zip(received, own, strict=True)]
    size = HEAD + PADDING + _packed(_stamps(received)[0])
    size += _packed(before if _weight(before) < _weight(own) else own)
    size += _packed(_tight(bid_size)) + _packed(_tight(ask_size))
    own_bid, own_ask, common = _tight(bid), _tight(ask), _tight(bid + ask)
    if all(value < 2**63 for value in own_bid + own_ask + common):
        bids, asks = common[: len(bid)], common[len(bid) :]
        return size + _packed(bids) + _packed([above - below for above, below in zip(asks, bids, strict=True)])
    return size + _packed(own_bid) + _packed(own_ask)


def _stamps(times: list[int]) -> tuple[list[int], int]:
    unit = next(unit for unit in (10**9, 10**6, 10**3, 1) if all(at % unit == 0 for at in times))
    return [at // unit for at in times], unit


def _tight(units: list[int]) -> list[int]:
    places = max(map(places_needed, units))
    return [value // 10 ** (SCALE - places) for value in units]


def _wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _zigzag(value: int) -> int:
    value = _wrapped(value)
    return 2 * value if value >= 0 else -2 * value - 1


def _weight(values: list[int]) -> int:
    return sum(_zigzag(after - value).bit_length() for value, after in pairwise(values))


def _packed(values: list[int]) -> int:
    """Bytes of a column; one that 64 bits do not hold is written plainly."""
    if max(values) >= 2**63:
        return 16 * len(values)
    size, before = 8, values[0]
    for at in range(0, len(values), GROUP):
        group = values[at : at + GROUP]
        size += 1 + _group_bytes(before, group)
        before = group[-1]
    return size


def _group_bytes(before: int, group: list[int]) -> int:
    count = len(group)
    widths = [_zigzag(after - value).bit_length() for value, after in zip([before, *group], group, strict=False)]
    width, low = max(widths), min(group)
    base = _zigzag(low - before)
    offsets = max(1, _up(base.bit_length(), 7)) + _up(count * (max(group) - low).bit_length(), 8)
    ways = [_up(count * width, 8), offsets if width else 0]
    for small in set(widths) - {width}:
        wide = sum(one > small for one in widths)
        ways.append(5 + _up(count * small, 8) + _up(wide * (width - small), 8))
    return min(ways)


def _up(value: int, unit: int) -> int:
    return -(-value // unit)
