"""Books as a venue with a wrong clock, or a reader that lags behind, would see them.

Enters: a simulated book, an error of a clock, an age. Leaves: the same book with other times, or as it was. Never: a
time that runs backwards, a change of the book itself.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Instrument, Side
from cryptopipe.model.simulated import LevelChange, OrderTold, ShownOrder, SimulatedBook, TradePrint
from cryptopipe.sandbox.faults import Fault

_ALL = 1 << 30


class WrongClock:
    """A venue's clock under faults of kind `clock_offset` and `clock_drift`, whose errors add up.

    It may jump ahead; it never runs backwards: where it is to be set back it runs at half its pace until that is
    reached, so that nothing that the venue times comes to a halt. A pure function of time.
    """

    # With o(t) the error asked for, the clock is V(t) = t/2 + max over s <= t of (s/2 + o(s)): the smallest that is
    # never below t + o(t) and has a slope of at least 1/2. Between two of its ends o is linear and t/2 + o(t) rises
    # (|drift| <= 10 %), so the maximum is reached at t or just before an end at or before t.

    def __init__(self, faults: Iterable[Fault], start_at: Nanos) -> None:
        self._faults = [fault for fault in faults if fault.kind in ("clock_offset", "clock_drift")]
        self._start_at = start_at
        ends = sorted({fault.until for fault in self._faults} | {fault.at for fault in self._faults} - {0})
        self._peaks = [(end, end + 2 * self._error(end, before=True)) for end in ends]

    def __bool__(self) -> bool:
        """Whether it is ever wrong."""
        return bool(self._faults)

    def __call__(self, at: Nanos) -> Nanos:
        """What it shows at a time."""
        if at <= 0:
            return at  # no event has no time
        since = at - self._start_at
        peak = since + 2 * self._error(since, before=False)
        for end, value in self._peaks:
            if end <= since:
                peak = max(peak, value)
        return self._start_at + (since + peak) // 2

    def _error(self, since: Nanos, before: bool) -> Nanos:
        """The error asked for, at a time after the start or just before it."""
        total = 0
        for fault in self._faults:
            if fault.at < since <= fault.until if before else fault.at <= since < fault.until:
                drift = fault.kind == "clock_drift"
                total += (since - fault.at) * fault["drift_ppm"] // 1_000_000 if drift else fault["offset"]
        return total


@dataclass(frozen=True)
class ShiftedBook:
    """A book whose times are those of the venue's clock."""

    book: SimulatedBook
    clock: WrongClock

    @property
    def instrument(self) -> Instrument:
        """As the book's."""
        return self.book.instrument

    @property
    def number(self) -> int:
        """As the book's."""
        return self.book.number

    @property
    def changed_at(self) -> Nanos:
        """By the venue's clock."""
        return self.clock(self.book.changed_at)

    def levels(self, side: Side, count: int) -> Sequence[tuple[int, int]]:
        """As the book's."""
        return self.book.levels(side, count)

    def changes(self, after: int) -> Sequence[LevelChange]:
        """By the venue's clock. Raises `LookupError`."""
        return [replace(one, at=self.clock(one.at)) for one in self.book.changes(after)]

    def trades(self, after: int) -> Sequence[TradePrint]:
        """By the venue's clock."""
        return [replace(one, at=self.clock(one.at)) for one in self.book.trades(after)]

    def orders(self, side: Side) -> Sequence[ShownOrder]:
        """By the venue's clock."""
        return [replace(one, at=self.clock(one.at)) for one in self.book.orders(side)]

    @property
    def order_number(self) -> int:
        """As the book's."""
        return self.book.order_number

    def order_tape(self, after: int) -> Sequence[OrderTold]:
        """By the venue's clock. Raises `LookupError`."""
        return [replace(one, at=self.clock(one.at)) for one in self.book.order_tape(after)]


class LaggedBook:
    """A book as it was some time ago; `follow` must be called at least as often as the book's tape is long.

    Single orders are not kept so: they are the book's own of now.
    """

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self.number = 0
        self.changed_at: Nanos = 0
        self._seen = 0
        self._sides: dict[Side, dict[int, int]] = {}
        self._coming: deque[LevelChange] = deque()
        self._begin()

    @property
    def instrument(self) -> Instrument:
        """As the book's."""
        return self._book.instrument

    def follow(self, until: Nanos) -> None:
        """Become as the book was at `until`."""
        try:
            new = self._book.changes(self._seen)
        except LookupError:  # nobody called for longer than the tape is
            self._begin()
            return
        if new:
            self._coming.extend(new)
            self._seen = new[-1].number
        while self._coming and self._coming[0].at <= until:
            self._apply(self._coming.popleft())

    def levels(self, side: Side, count: int) -> Sequence[tuple[int, int]]:
        """As they were."""
        return sorted(self._sides[side].items(), reverse=side is Side.BUY)[:count]

    def changes(self, after: int) -> Sequence[LevelChange]:
        """As far as they had been made. Raises `LookupError`."""
        return [one for one in self._book.changes(after) if one.number <= self.number]

    def trades(self, after: int) -> Sequence[TradePrint]:
        """As far as they had been made."""
        return [one for one in self._book.trades(after) if one.number <= self.number]

    def orders(self, side: Side) -> Sequence[ShownOrder]:
        """Of now."""
        return self._book.orders(side)

    @property
    def order_number(self) -> int:
        """Of now."""
        return self._book.order_number

    def order_tape(self, after: int) -> Sequence[OrderTold]:
        """Of now. Raises `LookupError`."""
        return self._book.order_tape(after)

    def _begin(self) -> None:
        self._coming.clear()
        self._sides = {side: dict(self._book.levels(side, _ALL)) for side in Side}
        self.number = self._seen = self._book.number
        self.changed_at = self._book.changed_at

    def _apply(self, change: LevelChange) -> None:
        levels = self._sides[change.side]
        if change.size:
            levels[change.price] = change.size
        else:
            levels.pop(change.price, None)
        self.number, self.changed_at = change.number, change.at
