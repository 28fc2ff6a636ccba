"""The snapshots of one book: when one is needed, when it may be asked for, and whether the last one helped.

Enters: subscriptions, losses, requests, answers. Leaves: the earliest time for the next request. Never: two requests of
one book at a time, a request before a delta was buffered where the snapshot is a REST answer, a delay to configure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.market.names import snapshot_tag
from cryptopipe.market.pacing import Backoff
from cryptopipe.market.silence import Watch
from cryptopipe.model.stream import Channel

HEALTHY_AFTER = 30 * SECOND
"""Data for this long resets a back-off: twice its cap, so a venue that breaks every few seconds is never healthy."""

LONGEST_WAIT = 2 * SECOND
"""Cap of the delays between two requests of a book, which can do nothing but wait; the bucket protects the venue."""
ANSWER_WITHIN = 10 * SECOND
"""A dial, a snapshot, the first data after a subscription: what takes longer is tried again."""
_BEFORE_CHANGES = 2 * SECOND
"""A stream's snapshot comes before its changes, so one that is this late behind the first of them was lost."""


@dataclass(frozen=True)
class Stream:
    """One watched subscription. Trades are not watched: a market without trades is quiet, not silent.

    `resubscribe`: the texts that bring a new snapshot of this book without a new connection; empty where the venue
    has none, or where the snapshot is a REST answer.
    """

    symbol: str
    channel: Channel = Channel.DEPTH
    resubscribe: tuple[str, ...] = ()


class Supply:
    """The snapshots of one book: needed, allowed from `due`, asked for once at a time."""

    def __init__(self, stream: Stream, by_request: bool, backoff: Backoff) -> None:
        self.stream, self.by_request = stream, by_request
        self.backoff = backoff
        self.watch = Watch()
        self.needed = False
        self.absent = False
        """Given up for this connection: it never spoke while others did."""
        self.begun_at: Nanos = 0
        """The first delta since the book was lost, or its snapshot asked for in the stream; 0 before it."""
        self.asked_at: Nanos = 0
        self.due: Nanos = 0
        self._restored_at: Nanos = 0
        self._asked_lately = False

    @property
    def tag(self) -> str:
        """Of its requests."""
        return snapshot_tag(self.stream.symbol, self.stream.channel is Channel.ORDERS)

    def open(self, at: Nanos) -> None:
        """Subscribed anew: the stream brings its snapshot, or its first delta starts the buffer."""
        self.watch.open()
        self.begun_at, self.absent = 0, False
        is_book = self.stream.channel is not Channel.TOP
        self.needed = is_book and self.by_request
        self.asked_at = at if is_book and not self.by_request else 0

    def close(self, at: Nanos) -> None:
        """The connection is gone: a book that was good for long enough has paid its earlier requests."""
        self._judge(at)
        self._restored_at = 0

    def lost(self, at: Nanos) -> None:
        """The book is not proven any more and what was buffered for it is dropped. The first request is free."""
        self._judge(at)
        self.needed, self.begun_at = True, 0
        if not self.asked_at:
            self.due = at + (self.backoff.delay() if self._asked_lately else 0)

    def asked(self, at: Nanos) -> None:
        """The request is out."""
        self.asked_at, self._asked_lately = at, True
        if not self.by_request:
            self.begun_at = 0

    def answered(self, accepted: bool, at: Nanos) -> None:
        """A snapshot, which the book took, or did not: too old, unreadable, refused, or never there."""
        if accepted:
            self.needed, self.asked_at, self._restored_at = False, 0, at
        elif self.asked_at:
            self.needed, self.asked_at = True, 0
            self.due = at + self.backoff.delay()

    def may_ask_at(self, free_at: Nanos) -> Nanos | None:
        """When the next request may go out; None while none is needed, one is out, or nothing is buffered."""
        if not self.needed or self.asked_at or (self.by_request and not self.begun_at):
            return None
        return max(self.due, free_at) if self.by_request else self.due

    def answer_due(self) -> Nanos | None:
        """By when the snapshot that was asked for must be there; None if none was."""
        if not self.asked_at:
            return None
        due = self.asked_at + ANSWER_WITHIN
        return due if self.by_request or not self.begun_at else min(due, self.begun_at + _BEFORE_CHANGES)

    def _judge(self, at: Nanos) -> None:
        if self._restored_at and at - self._restored_at >= HEALTHY_AFTER:
            self.backoff.reset()
            self._asked_lately = False


def carried_on(supplies: Sequence[Supply], before: Sequence[Supply], at: Nanos) -> int:
    """The connection of `before` is gone, and its books go on by this one: those that were not heard here yet must be
    heard from now on, as if they had just spoken. How many that were still waited for.
    """
    count = 0
    for mine, its in zip(supplies, before, strict=True):
        if its.watch.arrivals and not its.absent and not mine.watch.last:
            count += not mine.absent
            mine.absent, mine.watch.last = False, at
    return count
