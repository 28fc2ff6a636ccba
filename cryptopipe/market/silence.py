"""Whether a stream is alive: its gaps, the venue's clock, and the age of what arrives.

Enters: arrivals with the venue's own event time, round trips to its clock. Leaves: how long a stream may be silent, by
when it must speak, whether what it says is old. Never: a judgement from pings, a clock that is read, unbounded memory.
"""

from collections import deque
from dataclasses import dataclass, field

from cryptopipe.clock import MILLISECOND, SECOND, Nanos

SHORTEST_LIMIT = 2 * SECOND
"""Silence that is always allowed."""
_ARRIVALS_TO_LEARN = 10_000
"""With fewer arrivals the 99.99 % quantile is the longest gap by accident."""
_LEARN_EVERY = 1_000
_LATE_FOR = SECOND // 2
"""How long everything must arrive late: one late frame is an accident of its channel, half a second of them is not."""
_DRIFT = 2_000
"""Without a server time, the least lag ever seen may rise by one part in this (500 ppm, the most a clock is slewed)."""
_SAMPLES = 8
_STEP = 32
"""Buckets an octave: a quantile is never below the true one, and above it by less than one part in this."""


class Gaps:
    """Inter-arrival times of one stream, counted in buckets as wide as 1/32 of their octave.

    Memory: one counter for each bucket in use, at most 1,300 for gaps up to a day, whatever the number of arrivals.
    """

    def __init__(self) -> None:
        self.count = 0
        self._buckets: dict[int, int] = {}

    def add(self, gap: Nanos) -> None:
        """One more gap, zero or longer."""
        shift = gap.bit_length() - 6
        bucket = (shift << 5) + (gap >> shift) if shift > 0 else gap
        self.count += 1
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def tail(self, one_in: int) -> Nanos:
        """The smallest bucket's end such that at most one gap in `one_in` is longer: 10,000 for the 99.99 % quantile.

        0 if there are no gaps.
        """
        allowed = self.count // one_in
        for bucket in sorted(self._buckets, reverse=True):
            allowed -= self._buckets[bucket]
            if allowed < 0:
                return _end(bucket)
        return 0


def _end(bucket: int) -> Nanos:
    """The longest gap that the bucket holds."""
    if bucket < 2 * _STEP:
        return bucket
    shift = (bucket >> 5) - 1
    return (((bucket & 31) + _STEP + 1) << shift) - 1


class VenueClock:
    """The venue's clock against ours, from round trips to its server time.

    The server read its clock at some moment of the round trip, so the middle is wrong by half of it at most; the
    shortest of the last eight is used. Two that exclude each other mean that a clock was set: the older ones go.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[Nanos, Nanos]] = deque(maxlen=_SAMPLES)
        self.offset: Nanos = 0
        """Venue minus ours."""
        self.error: Nanos | None = None
        """The true offset is within this of `offset`; None before the first round trip."""

    def told(self, sent_at: Nanos, at: Nanos, server_time: Nanos, resolution: Nanos = 1) -> None:
        """One answer. `resolution`: the server's text is cut to this, a second or a millisecond."""
        if at < sent_at:
            raise ValueError(f"an answer at {at} to a question at {sent_at}")
        offset = server_time + resolution // 2 - (sent_at + at) // 2
        error = (at - sent_at + 1) // 2 + resolution // 2 + 1
        if self.error is not None and abs(offset - self.offset) > error + self.error:
            self._samples.clear()
        self._samples.append((error, offset))
        self.error, self.offset = min(self._samples)


@dataclass
class Lag:
    """How late the events of one connection arrive, each by its own event time."""

    clock: VenueClock
    floor: Nanos | None = None
    """The least that `at - event_time` was: the clocks' difference and the way, inseparable without a server time."""
    late_since: Nanos = 0
    _crept_at: Nanos = 0

    def forget(self) -> None:
        """The connection is gone, and what was known of its way with it."""
        self.floor, self.late_since = None, 0

    def arrived(self, at: Nanos, event_time: Nanos) -> bool:
        """Whether what arrives has been old for half a second. No time, or none that is a number: no judgement."""
        if event_time == 0:
            return False
        try:
            lag = at - event_time
        except TypeError:
            return False  # a stranger's codec
        floor = self.floor
        if floor is None:
            self._crept_at = at
        if floor is None or lag < floor:
            self.floor = floor = lag
        if lag - self._most_charitable(floor) <= SHORTEST_LIMIT:
            self.late_since = 0
            return False
        self.late_since = self.late_since or at
        return at - self.late_since >= _LATE_FOR

    def creep(self, at: Nanos) -> None:
        """Clocks drift apart: without it a slow clock of ours would look like an old stream one day."""
        if self.floor is not None:
            self.floor += (at - self._crept_at) // _DRIFT
        self._crept_at = at

    @property
    def doubts_the_clock(self) -> bool:
        """An event that arrived before it happened, by the clock as measured: one of the clocks was set since."""
        clock = self.clock
        return clock.error is not None and self.floor is not None and self.floor < -clock.offset - clock.error

    def _most_charitable(self, floor: Nanos) -> Nanos:
        """What of the lag may be the clocks' difference: judged by the latest time the event may have happened."""
        clock = self.clock
        return floor if clock.error is None else min(floor, clock.error - clock.offset)


@dataclass
class Watch:
    """When one stream spoke last, and how long it may be silent."""

    gaps: Gaps = field(default_factory=Gaps)
    arrivals: int = 0
    last: Nanos = 0
    """The latest arrival on this connection; 0 before the first."""
    limit: Nanos = SHORTEST_LIMIT

    def open(self) -> None:
        """A new connection: the time since the old one is no gap of the stream's."""
        self.last = 0

    def arrived(self, at: Nanos) -> None:
        """Data, not a ping and not a heartbeat. What one frame says of one stream arrives once."""
        if at == self.last:
            return
        self.arrivals += 1
        if self.last:
            self.gaps.add(at - self.last)
        self.last = at
        if self.arrivals % _LEARN_EVERY == 0:
            self.learn()

    def learn(self) -> None:
        """The limit from what was seen; asked with every thousandth arrival, and before a stream is called silent."""
        if self.arrivals >= _ARRIVALS_TO_LEARN:
            self.limit = max(SHORTEST_LIMIT, self.gaps.tail(_ARRIVALS_TO_LEARN))

    def fell_silent(self, at: Nanos) -> None:
        """Closed for silence. Its gap has no end, but was this long at least: without it no limit could ever grow."""
        self.gaps.add(at - self.last + 1)
        self.last = 0


def seconds(span: Nanos) -> str:
    """`2.000 s`, for messages."""
    return f"{span // SECOND}.{span % SECOND // MILLISECOND:03d} s"
