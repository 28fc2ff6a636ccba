"""Keeps one book equal to the venue's, by the rule its plugin declares, and knows when it is not.

Enters: snapshots, deltas (of levels or of single orders) and faster tops of one instrument, in order of arrival.
Leaves: a new top of book, or the command to ask again. Never: a book that is read after a gap, a wrong checksum or a
cross, or differences without a snapshot that yield a book.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import cast

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.core import Book, OrderBook, TopOfBook
from cryptopipe.errors import ProtocolError, Remedy
from cryptopipe.market.silence import SHORTEST_LIMIT, seconds
from cryptopipe.market.texts import texts_of
from cryptopipe.model.events import BookDelta, BookSnapshot, OrdersDelta, OrdersSnapshot, Resync, TopUpdate
from cryptopipe.model.facts import Instrument
from cryptopipe.model.stream import Link, SyncRule, apply_always

_BUFFERED_DELTAS = 10_000
"""Deltas kept while a snapshot is on its way: a quarter of an hour of a 100 ms stream. On overflow all are dropped."""


class BookState(Enum):
    """Whether a book may be read: only `live` may."""

    SYNCING = "syncing"  # waiting for a snapshot
    LIVE = "live"  # equal to the venue's, as far as its proof reaches
    SUSPECT = "suspect"  # crossed or with a wrong checksum; a snapshot was asked for
    DEAD = "dead"  # the connection is closed, or the instrument cannot be represented


_LIVE, _APPLY = BookState.LIVE, Link.APPLY  # before Python 3.12 an Enum's attribute costs as much as a call


@dataclass(frozen=True)
class Kept:
    """What is kept of each instrument's tops: a day, in 128 MiB: 20 million rows of the busiest recording."""

    span: Nanos = 86_400 * SECOND
    max_bytes: int = 128 << 20


_KEPT = Kept()
Delta = BookDelta | OrdersDelta
Snapshot = BookSnapshot | OrdersSnapshot
Judge = Callable[[int, Delta], Link]


def _unless_always(link: Judge) -> Judge | None:
    return None if link is apply_always else link


def _book(rule: SyncRule, kept: Kept) -> Book:
    """A book of levels, or one of single orders, which answers the same questions but takes no faster top."""
    if rule.orders is None:
        return Book(rule.level_format, rule.depth, rule.checksum, rule.checksum_levels, kept.span, kept.max_bytes)
    told = rule.orders, rule.depth, rule.checksum, rule.checksum_levels, rule.transient_cross
    return cast(Book, OrderBook(*told, kept.span, kept.max_bytes))


def _no_quote(*_: object) -> None:
    """A faster top says nothing of single orders."""


class BookSync:
    """One instrument's book and the state machine that proves it: `alpha:XY`, or `alpha:XY/orders` of single orders."""

    def __init__(self, instrument: Instrument, rule: SyncRule, kept: Kept = _KEPT) -> None:
        self.instrument = instrument
        self.id = instrument.id if rule.orders is None else f"{instrument.id}/orders"
        self.rule = rule
        self.book = _book(rule, kept)
        self.state = BookState.SYNCING
        self.reason = "no snapshot yet"
        self.last_frame_at: Nanos = 0
        self.gaps = 0
        self.resyncs = 0
        self._behind: tuple[int, Nanos] = (-1, 0)
        self._apply: Callable[..., TopOfBook | None] = self.book.apply
        self._quote: Callable[..., TopOfBook | None] = self.book.quote if rule.orders is None else _no_quote
        self._join, self._link_after = _unless_always(rule.join), _unless_always(rule.link)
        self._link = self._join
        self._buffer: deque[Delta] = deque()
        self._refused = False
        self.ended_as: BookState | None = None
        """The state in which a recording ended."""
        self.last_top: TopOfBook | None = None
        """The top before the connection closed: at the end of a run, the last price one could have traded at."""

    @property
    def orders(self) -> OrderBook:
        """The book of single orders. Raises `TypeError` for one of levels."""
        if self.rule.orders is None:
            raise TypeError(f"{self.id} is a book of levels")
        return cast(OrderBook, self.book)

    def delta(self, delta: Delta, at: Nanos) -> TopOfBook | Resync | None:
        """Changed levels. A gap returns the command to resync; so does a book that its proof refutes."""
        self.last_frame_at = at
        if self.state is not _LIVE:
            self._hold(delta)
            return None
        link = self._link
        if link is not None and (verdict := link(self.book.version, delta)) is not _APPLY:
            return self._unlinked(delta, verdict)
        try:
            top = self._apply(delta.bids, delta.asks, delta.version, delta.event_time, at, delta.checksum)
        except ProtocolError as error:
            return self.refuted(error)
        self._link = self._link_after
        return top

    def _unlinked(self, delta: Delta, verdict: Link) -> Resync | None:
        if verdict is not Link.SKIP:
            reason = f"sequence gap on {self.id}: expected {self.book.version + 1}, got {delta.first or delta.version}"
        elif (behind := self._behind_for(delta)) >= SHORTEST_LIMIT:
            reason = (
                f"{self.id} stands at {self.book.version}, and its stream is at {delta.version} for {seconds(behind)}"
            )
        else:
            return None
        self.gaps += 1
        resync = self.lose(reason)
        self._hold(delta)
        return resync

    def _behind_for(self, delta: Delta) -> Nanos:
        """How long nothing has come but what is in the book already, and is not its newest: a while of that is no
        repetition, but a book that a wrong number brought ahead of its stream, where it would stand still.
        """
        last, since = self._behind
        if last != self.book.version or delta.version == last:
            self._behind = self.book.version, self.last_frame_at
            return 0
        return self.last_frame_at - since

    def snapshot(self, snapshot: Snapshot, at: Nanos) -> TopOfBook | Resync | None:
        """The whole book, then the deltas that were held back for it. A snapshot older than the book is ignored."""
        if self.state is BookState.DEAD:
            return None  # asked for before the connection closed: nothing would keep this book
        self.last_frame_at = at
        if self.state is BookState.LIVE and self.rule.snapshot_by_request and snapshot.version <= self.book.version:
            return None
        links = (self.rule.join(snapshot.version, delta) for delta in self._buffer)
        if next((link for link in links if link is not Link.SKIP), None) is Link.GAP:
            return self._too_old(snapshot)
        s = snapshot
        try:
            top = self.book.load(s.bids, s.asks, s.version, s.event_time, at, s.checksum)
        except ProtocolError as error:
            return self.refuted(error)
        self.state, self.reason = BookState.LIVE, ""
        self._link = self._join
        held, self._buffer = self._buffer, deque()
        for position, delta in enumerate(held):
            outcome = self.delta(delta, at)
            if isinstance(outcome, Resync):
                if self.rule.snapshot_by_request:
                    self._buffer = deque(list(held)[position:])
                return outcome
            top = outcome or top
        return top

    def quote(self, quote: TopUpdate, at: Nanos) -> TopOfBook | Resync | None:
        """A faster top. Without sizes, or without a version comparable with the depth's, it cannot be the top."""
        if quote.version == 0 or quote.bid_size is None or quote.ask_size is None:
            return None
        self.last_frame_at = at
        try:
            return self._quote(
                quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.version, quote.event_time, at
            )
        except ProtocolError as error:
            return self.refuted(error)

    def judge(self, delta: Delta) -> Link:
        """How a delta would join a live book now."""
        return Link.APPLY if self._link is None else self._link(self.book.version, delta)

    def adopt(self, other: "BookSync", event_time: Nanos, at: Nanos) -> TopOfBook | Resync | None:
        """Go on as another connection's live book of the same stream, at once and keeping the window of tops."""
        bids, asks = texts_of(other.book, other.rule)
        try:
            top = self.book.load(bids, asks, other.book.version, event_time, at)
        except ProtocolError as error:
            return self.refuted(error)
        self.state, self.reason, self.last_frame_at = BookState.LIVE, "", at
        self._link = other._link
        self._buffer.clear()
        return top

    def lose(self, reason: str) -> Resync:
        """The stream is not proven any more: forget the book, hold what comes, ask for a snapshot."""
        self._behind = (-1, 0)
        self.resyncs += 1
        self.state, self.reason = BookState.SYNCING, reason
        self.book.clear()
        self._buffer.clear()
        return Resync(self.instrument.symbol, reason)

    def close(self, reason: str) -> None:
        """The connection is gone; a new one starts by a snapshot."""
        self.ended_as = self.state
        self.last_top = self.book.top or self.last_top
        self.lose(reason)
        self.state = BookState.DEAD

    def open(self) -> None:
        """A connection that will carry this book is open: whatever was before, a snapshot comes first."""
        if not self._refused:
            self.lose("connection opened")

    def _hold(self, delta: Delta) -> None:
        """Behind a gap, or below what is held, the stream begins anew: no snapshot would ever join all of it."""
        held = self._buffer
        if not self.rule.snapshot_by_request:
            return
        verdict = self._link_after(held[-1].version, delta) if held and self._link_after is not None else _APPLY
        if verdict is Link.SKIP and delta.version >= held[0].version:
            return
        if verdict is not _APPLY or len(held) >= _BUFFERED_DELTAS:
            held.clear()
        held.append(delta)

    def _too_old(self, snapshot: Snapshot) -> Resync:
        first = self._buffer[0]
        stream = first.first or first.version
        self.reason = f"snapshot {snapshot.version} of {self.id} is older than the stream's {stream}"
        self.resyncs += 1
        return Resync(self.instrument.symbol, self.reason)

    def refuted(self, error: ProtocolError) -> Resync | None:
        """What the book said of a frame that it was given: its content is not the venue's."""
        where = f"{self.id}: {error.message}"
        if error.remedy is Remedy.REJECT:
            self._refused = True
            self.close(f"cannot be represented: {where}")
            return None
        resync = self.lose(where)
        self.state = BookState.SUSPECT
        return resync
