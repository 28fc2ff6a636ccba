"""Keeps the connections of one venue alive, as politely as the venue asks.

Enters: what happened to a connection, what arrived on it, which books were lost, answers, ticks. Leaves: commands for a
driver: dial, send, ping, fetch, close, wake. Never: a socket, a clock, a random number of its own, or a hurry: what the
venue said (`Retry-After`) comes first, its limits second, the back-off third.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.market.line import Feed, Line, Stage
from cryptopipe.market.pacing import Bucket, retry_after
from cryptopipe.market.silence import VenueClock
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.contracts import Limit
from cryptopipe.model.events import Command, FeedEvent, FetchTime, Resync, Send, WakeAt

MINUTE = 60 * SECOND
DIALS = (Limit(5, MINUTE),)
"""Connection attempts. A venue's own limit, such as 300 in 5 minutes, is given beside it."""
FETCHES = (Limit(20, MINUTE),)
"""Snapshots and server times. The dearest snapshot known costs 250 of a weight of 6,000 a minute: 24 of them."""
_TIME_EVERY = MINUTE
_TIME_AGAIN = 5 * SECOND
_BANNED_FOR = 2 * MINUTE
"""A 418 without `Retry-After`: the shortest ban that a venue documents (read 2026-07-21)."""


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A wake-up that was asked for; the first one starts the venue."""


class Opened(msgspec.Struct, frozen=True, gc=False):
    """The dial of this connection succeeded."""

    conn: str


class Closed(msgspec.Struct, frozen=True, gc=False):
    """A connection has ended, or the attempt at one. `status`: what a refused upgrade was answered with."""

    conn: str
    status: int = 0
    retry_after: str = ""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """What the codec made of one frame."""

    conn: str
    events: Sequence[FeedEvent | Send | Resync]


class Resynced(msgspec.Struct, frozen=True, gc=False):
    """The market's `Resync` after a frame of this connection; told after its `Arrived`."""

    conn: str
    resync: Resync


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A snapshot request has ended. `accepted`: the market took it, that is, returned no `Resync` of the symbol.

    `status` 0: no answer at all.
    """

    symbol: str
    accepted: bool
    status: int = 200
    retry_after: str = ""


class TimeAnswered(msgspec.Struct, frozen=True, gc=False):
    """The venue's server time, cut to `resolution`; None if there was none in the answer, or no answer."""

    server_time: Nanos | None
    resolution: Nanos = MILLISECOND
    status: int = 200
    retry_after: str = ""


Told = Tick | Opened | Closed | Arrived | Resynced | Answered | TimeAnswered


class Supervisor:
    """One venue's connections. `jitter` gives numbers in [0, 1]; seeded, every run is the same.

    A driver carries out each command and tells what came of it. It owes: one `Opened` or `Closed` for each `Dial`; one
    `Closed` for each `Close`, at once, and nothing of that connection between them; one answer, or the lack of it, for
    each fetch, but none for a connection that has closed since; a `Tick` for each `WakeAt`.
    """

    def __init__(
        self,
        feeds: Iterable[Feed],
        jitter: Callable[[], float],
        *,
        dials: Sequence[Limit] = DIALS,
        fetches: Sequence[Limit] = FETCHES,
        tells_time: bool = False,
    ) -> None:
        self.clock = VenueClock()
        self.stopped_until: Nanos = 0
        """A 418 was seen: the venue is asked for nothing before this, and nothing should be traded there."""
        self.held: tuple[int, Nanos] = (0, 0)
        """The last refusal that named a time: its HTTP status, and that time."""
        self._dials, self._fetches = Bucket(dials), Bucket(fetches)
        self.lines: dict[str, Line] = {}
        self._by_request: dict[str, Line] = {}
        for feed in feeds:
            self._add(Line(feed, jitter, self.clock, self._dials, self._fetches))
        self._tells_time = tells_time
        self._time_due: Nanos = 0
        self._time_asked_at: Nanos = 0
        self._woken_at: Nanos | None = None

    def receive(self, told: Told, at: Nanos) -> tuple[Command, ...]:
        """What to do about it. `at` never runs backwards. Raises `KeyError` for a connection or symbol it has not."""
        out: list[Command] = []
        if type(told) is Arrived:
            line = self.lines[told.conn]
            line.arrived(told.events, at, out)
            if not out and not line.changed:
                return ()
            if line.stage is Stage.CLOSING:
                self._doubt_clock(at)
        else:
            self._other(told, at, out)
        for line in self.lines.values():
            line.changed = False
        due = self._next_due()
        if self._woken_at is None or due < self._woken_at:
            self._woken_at = due
            out.append(WakeAt(due))
        return tuple(out)

    def limit(self, conn: str) -> Nanos:
        """The longest silence that any stream of this connection is allowed now."""
        limits: list[Nanos] = [supply.watch.limit for supply in self.lines[conn].supplies]
        return max(limits)

    @property
    def absent(self) -> list[str]:
        """Symbols that were subscribed to and never spoke while others of their connection did."""
        return [one.stream.symbol for line in self.lines.values() for one in line.supplies if one.absent]

    def _add(self, line: Line) -> None:
        conn = line.feed.conn
        if conn in self.lines:
            raise ValueError(f"two connections are called {conn}")
        self.lines[conn] = line
        for symbol in line.books if line.feed.snapshot_by_request else ():
            if symbol in self._by_request:
                raise ValueError(f"the depth of {symbol} on {conn} and on {self._by_request[symbol].feed.conn}")
            self._by_request[symbol] = line

    def _other(self, told: Told, at: Nanos, out: list[Command]) -> None:
        match told:
            case Tick():
                self._tick(at, out)
            case Opened():
                self.lines[told.conn].opened(at, out)
            case Closed():
                self._held(told.status, told.retry_after, self._dials, at)
                self.lines[told.conn].closed(at)
            case Resynced():
                self.lines[told.conn].resynced(told.resync.symbol, told.resync.reason, at, out)
            case Answered():
                self._held(told.status, told.retry_after, self._fetches, at)
                self._by_request[told.symbol].answered(told.symbol, told.accepted, at)
            case TimeAnswered():
                self._held(told.status, told.retry_after, self._fetches, at)
                self._time(told, at)

    def _tick(self, at: Nanos, out: list[Command]) -> None:
        if self._woken_at is not None and at >= self._woken_at:
            self._woken_at = None
        for line in sorted(self.lines.values(), key=lambda one: one.due):  # whoever waited longest is first
            line.tick(at, out)
            if line.lag.doubts_the_clock:
                self._doubt_clock(at)
        if self._tells_time and at >= self._time_next():
            if self._time_asked_at:  # the answer is overdue
                self._time_asked_at, self._time_due = 0, at + _TIME_AGAIN
            else:
                self._fetches.take(at)
                self._time_asked_at = at
                out.append(FetchTime())

    def _held(self, status: int, text: str, bucket: Bucket, at: Nanos) -> None:
        """What a refusal says about the next attempt; a 418 speaks of all of them."""
        until = retry_after(text, at) if status >= 400 else 0
        bucket.hold(until)
        if until:
            self.held = status, until
        if status == 418:
            self.stopped_until = max(self.stopped_until, until or at + _BANNED_FOR)
            self._dials.hold(self.stopped_until)
            self._fetches.hold(self.stopped_until)

    def _time(self, told: TimeAnswered, at: Nanos) -> None:
        asked_at, self._time_asked_at = self._time_asked_at, 0
        self._time_due = at + (_TIME_AGAIN if told.server_time is None else _TIME_EVERY)
        if asked_at and told.server_time is not None:
            self.clock.told(asked_at, at, told.server_time, told.resolution)

    def _time_next(self) -> Nanos:
        if self._time_asked_at:
            return self._time_asked_at + ANSWER_WITHIN
        return max(self._time_due, self._fetches.free_at())

    def _doubt_clock(self, at: Nanos) -> None:
        """Streams and server time do not agree: measure again soon, not with the next minute."""
        self._time_due = min(self._time_due, at + _TIME_AGAIN)

    def _next_due(self) -> Nanos:
        dues = [line.next_due() for line in self.lines.values()]
        return min([*dues, self._time_next()] if self._tells_time else dues)
