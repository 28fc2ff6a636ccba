"""Time as a value: stamps, durations in text, and the agenda of due timers.

Enters: nanoseconds since the epoch, UTC. Leaves: RFC 3339 text with nine digits, timers in (due, id) order. Never: a
clock read anywhere but in `Stamper`, which only the loop owns.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

Nanos = int
"""UTC, nanoseconds since 1970-01-01."""

SECOND: Nanos = 1_000_000_000
MILLISECOND: Nanos = 1_000_000
MICROSECOND: Nanos = 1_000
LAST: Nanos = (1 << 63) - 1
"""The last instant that a capture and a journal can hold, in 2262."""

_UNITS = {"ns": 1, "us": MICROSECOND, "ms": MILLISECOND, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_DURATION = re.compile(r"(\d+)(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)?")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")

T = TypeVar("T")


def format_at(at: Nanos) -> str:
    """RFC 3339 in UTC with nine digits: `2024-08-08T23:54:15.088169167Z`."""
    seconds, fraction = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def parse_at(text: str) -> Nanos:
    """Nanoseconds of an RFC 3339 instant in UTC with up to nine digits. Raises `ValueError` for any other text."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a UTC instant such as 2024-08-08T23:54:15.088Z: {text!r}")
    seconds = int(datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp())
    return seconds * SECOND + int((match[2] or "").ljust(9, "0"))


def parse_epoch(text: str) -> Nanos:
    """Nanoseconds of decimal epoch seconds, exactly: `1723161253.937085768`. Raises `ValueError`."""
    seconds, _, fraction = text.partition(".")
    if not seconds.isdigit() or (fraction and not fraction.isdigit()):
        raise ValueError(f"not epoch seconds such as 1723161253.937: {text!r}")
    at = int(seconds) * SECOND + int(fraction[:9].ljust(9, "0"))
    if at > LAST:
        raise ValueError(f"after {format_at(LAST)}, the last instant that is kept: {text!r}")
    return at


def parse_duration(text: str) -> Nanos:
    """Nanoseconds of `120s`, `1.5h`, `50ms`; a bare number is seconds. Raises `ValueError`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a duration such as 30s, 50ms or 1.5h: {text!r}")
    unit = _UNITS[match[3] or "s"]
    return int(match[1]) * unit + int((match[2] or "").ljust(9, "0")) * unit // SECOND


class Stamper:
    """Gives each input its stamp: the wall clock, never running backwards, nor standing still where that is set back.

    It goes on at the pace of the steady clock then; else no timer would be due until the wall clock has caught up.
    """

    def __init__(self, wall: Callable[[], Nanos] | None = None, steady: Callable[[], Nanos] = lambda: 0) -> None:
        """The machine's clocks, or those of a simulation; `steady` is one that nobody sets, from any origin."""
        self._wall, self._steady = (time.time_ns, time.monotonic_ns) if wall is None else (wall, steady)
        self._ahead = 0
        self._last = 0

    def __call__(self) -> Nanos:
        wall, steady = self._wall(), self._steady()  # in this order: a pause between them delays, never advances
        self._ahead = max(self._ahead, wall - steady)
        self._last = max(self._last + 1, steady + self._ahead)
        return self._last


class Agenda(Generic[T]):
    """Due timers, popped in (due, id) order; ids are given in the order of asking."""

    def __init__(self) -> None:
        self._heap: list[tuple[Nanos, int, T]] = []
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._heap)

    def wake_at(self, due: Nanos, what: T) -> None:
        """Ask for `what` at `due`."""
        heappush(self._heap, (due, self._next_id, what))
        self._next_id += 1

    def next_due(self) -> Nanos:
        """When the earliest timer is due. Raises `IndexError` if there is none."""
        return self._heap[0][0]

    def pop_due(self, now: Nanos) -> tuple[Nanos, T] | None:
        """The earliest timer due at or before `now`, with its due time; None if there is none."""
        if not self._heap or self._heap[0][0] > now:
            return None
        due, _, what = heappop(self._heap)
        return due, what
