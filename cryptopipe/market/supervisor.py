"""Keeps the connections of one venue alive, as politely as the venue asks.

Enters: what happened to a connection, what arrived on it, which books were lost, answers, ticks. Leaves: commands for a
driver: dial, send, ping, fetch, close, wake. Never: a socket, a clock, a random number of its own, or a hurry: what the
venue said (`Retry-After`) comes first, its limits second, the back-off third.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.market.line import Feed, Line, Stage
from cryptopipe.market.names import twin
from cryptopipe.market.pacing import Bucket, retry_after
from cryptopipe.market.silence import VenueClock, Watch
from cryptopipe.market.supply import ANSWER_WITHIN, carried_on
from cryptopipe.market.tenure import Tenure
from cryptopipe.market.told import (
    Answered,
    Arrived,
    Carried,
    Closed,
    Inquired,
    Opened,
    Resynced,
    Signed,
    Tick,
    TimeAnswered,
    Told,
)
from cryptopipe.model.contracts import Limit
from cryptopipe.model.events import Command, FetchTime, WakeAt
from cryptopipe.model.stream import Channel

MINUTE = 60 * SECOND
DIALS = (Limit(5, MINUTE),)
"""Connection attempts. A venue's own limit, such as 300 in 5 minutes, is given beside it."""
FETCHES = (Limit(20, MINUTE),)
"""Snapshots and server times. The dearest snapshot known costs 250 of a weight of 6,000 a minute: 24 of them."""
_TIME_EVERY = MINUTE
_TIME_AGAIN = 5 * SECOND
_BANNED_FOR = 2 * MINUTE
"""A 418 without `Retry-After`: the shortest ban that a venue documents (read 2026-07-21)."""


__all__ = [
    "Answered",
    "Arrived",
    "Carried",
    "Closed",
    "Inquired",
    "Opened",
    "Resynced",
    "Signed",
    "Supervisor",
    "Tick",
    "TimeAnswered",
    "Told",
]


class Renewal(NamedTuple):
    """A connection that is about to end, and the one that is to replace it."""

    old: Line
    new: Line

    def due(self) -> Nanos:
        """When the old one ends in any case: never before the new one is open."""
        return self.old.tenure.ends_at if (self.old.stage, self.new.stage) == (Stage.OPEN, Stage.OPEN) else LAST


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
        self._dials, self._fetches, self._jitter = Bucket(dials), Bucket(fetches), jitter
        self.lines: dict[str, Line] = {}
        self._renewal: Renewal | None = None
        """One at a time."""
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
            line = self.lines.get(told.conn) or self._line(told.conn)
            line.arrived(told.events, at, out)
            if not out and not line.changed:
                return ()
            if line.stage is Stage.CLOSING:
                self._doubt_clock(at)
        else:
            self._other(told, at, out)
        for line in self._all():
            line.changed = False
        due = self._next_due()
        if self._woken_at is None or due < self._woken_at:
            self._woken_at = due
            out.append(WakeAt(due))
        return tuple(out)

    @property
    def fetches(self) -> Bucket:
        """The venue's budget of requests, for who asks it beside this supervisor."""
        return self._fetches

    def limit(self, conn: str) -> Nanos:
        """The longest silence that any stream of this connection is allowed now."""
        limits: list[Nanos] = [supply.watch.limit for supply in self._line(conn).supplies]
        return max(limits)

    @property
    def absent(self) -> list[str]:
        """Symbols that were subscribed to and never spoke while others of their connection did."""
        return [one.stream.symbol for line in self.lines.values() for one in line.supplies if one.absent]

    @property
    def renewing(self) -> str:
        """The connection that is being made to replace another one; empty if there is none."""
        return "" if self._renewal is None else self._renewal.new.feed.conn

    def successor(self, conn: str) -> str:
        """The connection that this one was closed for, until that is told; empty if it was not."""
        line = self.lines.get(conn)
        return "" if line is None else line.tenure.successor

    def _add(self, line: Line) -> None:
        conn = line.feed.conn
        if conn in self.lines:
            raise ValueError(f"two connections are called {conn}")
        self.lines[conn] = line
        for tag in _tags(line):
            if tag in self._by_request:
                raise ValueError(f"the depth of {tag} on {conn} and on {self._by_request[tag].feed.conn}")
            self._by_request[tag] = line

    def _all(self) -> list[Line]:
        lines = list(self.lines.values())
        return lines if self._renewal is None else [*lines, self._renewal.new]

    def _line(self, conn: str) -> Line:
        renewal = self._renewal
        return renewal.new if renewal is not None and renewal.new.feed.conn == conn else self.lines[conn]

    def _closed(self, line: Line, at: Nanos) -> None:
        """Whichever of two connections is gone, the other one goes on."""
        renewal = self._renewal
        if renewal is not None and line is renewal.new:
            self._renewal = None
            renewal.old.tenure.failed(at)
        elif renewal is not None and line is renewal.old:
            line.closed(at)
            self._renewal, renewal.new.succeeds = None, False
            if line.feed.joins:
                renewal.new.unheard -= carried_on(renewal.new.supplies, line.supplies, at)
            lines = {renewal.new if one is line else one for one in self.lines.values()}
            self.lines = {one.feed.conn: one for one in sorted(lines, key=lambda one: one.feed.conn)}
            self._by_request.update(dict.fromkeys(_tags(renewal.new), renewal.new))
        else:
            line.closed(at)

    def _renew(self, at: Nanos) -> None:
        due = [line for line in self.lines.values() if line.stage is Stage.OPEN and line.tenure.renew_at <= at]
        if self._renewal is None and due:
            old = min(due, key=lambda line: line.tenure.renew_at)
            new = Line(
                replace(old.feed, conn=twin(old.feed.conn)), self._jitter, self.clock, self._dials, self._fetches
            )
            new.succeeds, new.due, new.tenure = True, at, Tenure(old.feed.lifetime, self._jitter, old.tenure)
            for mine, its in zip(new.supplies, old.supplies, strict=True):  # their gaps are known already
                mine.watch = Watch(its.watch.gaps, its.watch.arrivals, limit=its.watch.limit)
            self._renewal = Renewal(old, new)

    def _outlived(self, at: Nanos, out: list[Command]) -> None:
        """The old connection is at its end: the new one has what it has."""
        if self._renewal is not None and self._renewal.due() <= at:
            self._replace(self._renewal, "replaces it", at, out)

    def _replace(self, renewal: Renewal, how: str, at: Nanos, out: list[Command]) -> None:
        renewal.old.close(renewal.old.tenure.replaced(renewal.new.feed.conn, how), at, out)

    def _other(self, told: Told, at: Nanos, out: list[Command]) -> None:
        match told:
            case Tick():
                self._tick(at, out)
            case Opened():
                self._line(told.conn).opened(at, out)
            case Closed():
                self._held(told.status, told.retry_after, self._dials, at)
                self._closed(self._line(told.conn), at)
            case Resynced():
                self._line(told.conn).resynced(told.resync.symbol, told.resync.reason, at, out)
            case Answered():
                self._held(told.status, told.retry_after, self._fetches, at)
                line = self._line(told.conn) if told.conn else self._by_request[told.symbol]
                line.answered(told.symbol, told.accepted, at)
            case Signed():
                self._held(told.status, told.retry_after, self._fetches, at)
                self._line(told.conn).signed(told.connect, told.reason, told.final, at, out)
            case Carried() if self._renewal is not None and self._renewal.new.feed.conn == told.new:
                self._replace(self._renewal, "carries its books", at, out)
            case Inquired():
                self._held(told.status, told.retry_after, self._fetches, at)
            case TimeAnswered():
                self._held(told.status, told.retry_after, self._fetches, at)
                self._time(told, at)

    def _tick(self, at: Nanos, out: list[Command]) -> None:
        if self._woken_at is not None and at >= self._woken_at:
            self._woken_at = None
        self._renew(at)
        self._outlived(at, out)
        for line in sorted(self._all(), key=lambda one: one.due):  # whoever waited longest is first
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
        dues = [line.next_due() for line in self._all()]
        if self._renewal is None:
            dues += [line.tenure.renew_at for line in self.lines.values() if line.stage is Stage.OPEN]
        else:
            dues.append(self._renewal.due())
        return min([*dues, self._time_next()] if self._tells_time else dues)


def _tags(line: Line) -> list[str]:
    """Of the snapshots that are requested for a line."""
    synced = [one.tag for one in line.supplies if one.stream.channel is not Channel.TOP]
    return synced if line.feed.snapshot_by_request else []
