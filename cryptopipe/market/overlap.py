"""One book between two connections: the old one carries it until the new one does, without a moment between.

Enters: what both connections say of the book. Leaves: the book, at every moment one connection's whole truth. Never: a
book that waits because its connection is being replaced, or a top older than the one shown before (docs/adr/0008).
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cryptopipe.clock import Nanos
from cryptopipe.core import TopOfBook
from cryptopipe.market.sync import BookState, BookSync, Delta, Snapshot
from cryptopipe.model.events import Resync, Send, TopUpdate
from cryptopipe.model.stream import Link, SyncRule, apply_always

if TYPE_CHECKING:
    from cryptopipe.market.connection import Connection

_HELD = 10_000
"""Deltas kept until one links; on overflow all are dropped, and the next one is judged."""
Outcome = TopOfBook | Resync | None


class Replaced(Protocol):
    """What the market is told by: a book's new top, state or wish; and that a connection carries all that it took."""

    commands: "list[Send | Resync | Switched]"

    def told(self, sync: BookSync, before: BookState, outcome: Outcome) -> None: ...


class Switched:
    """A command: the connection `old` is not needed any more, `new` carries all its books."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new


def joins(rule: SyncRule) -> bool:
    """Whether deltas of two connections make one stream: where a snapshot by request links to any connection's deltas,
    their numbers are the book's own."""
    return rule.snapshot_by_request and rule.link is not apply_always


class Elder:
    """A book's way from its old connection, while another one is made ready; shut once that carries the book."""

    state = BookState.SYNCING
    """Of no meaning: whatever is told changes the book itself, and is reported for it."""

    def __init__(self, live: BookSync, outlet: Replaced) -> None:
        self.live, self.instrument, self.id = live, live.instrument, f"{live.id}/old"
        self.shut = False
        self.event_time: Nanos = 0
        """Of the last delta or snapshot."""
        self.last: Delta | None = None
        self.heard: Callable[[Nanos], None] = lambda at: None
        """Called after each delta."""
        self._outlet = outlet

    def delta(self, delta: Delta, at: Nanos) -> None:
        """Changed levels, for the book itself."""
        self.event_time, self.last = delta.event_time or self.event_time, delta
        self._pass(lambda: self.live.delta(delta, at))
        if not self.shut:
            self.heard(at)

    def snapshot(self, snapshot: Snapshot, at: Nanos) -> None:
        """The whole book, for the book itself."""
        self.event_time = snapshot.event_time or self.event_time
        self._pass(lambda: self.live.snapshot(snapshot, at))

    def quote(self, quote: TopUpdate, at: Nanos) -> None:
        """A faster top, for the book itself."""
        self._pass(lambda: self.live.quote(quote, at))

    def lose(self, reason: str) -> None:
        """The old stream is not proven any more."""
        if self.live.state is BookState.LIVE:
            self.live.gaps += not self.shut
            self._pass(lambda: self.live.lose(reason))

    def _pass(self, what: Callable[[], Outcome]) -> None:
        if not self.shut:
            before = self.live.state
            self._outlet.told(self.live, before, what())


class Heir:
    """What the new connection says of a book until it carries it.

    Where deltas of both connections make one stream, they are held until one links to the book, and no snapshot is
    needed. Else a second book is kept beside, and replaces the first one's content as soon as it is at least as new.
    """

    state = BookState.SYNCING
    """Of no meaning, as the elder's."""

    def __init__(self, live: BookSync, symbol: str, old: "Connection", new: "Connection", outlet: Replaced) -> None:
        self.live, self.instrument, self.id = live, live.instrument, f"{live.id}/new"
        self._symbol, self._old, self._new, self._outlet = symbol, old, new, outlet
        single = live.rule.orders is not None
        self._here, self._there = (new.orders, old.orders) if single else (new.books, old.books)
        self._joins = joins(live.rule)
        self._held: deque[Delta] = deque()
        self._inner = BookSync(live.instrument, live.rule)
        self._elder = Elder(live, outlet)
        self._event_time: Nanos = 0
        self._last: Delta | None = None
        self._here[symbol] = self
        if not self._joins:
            self._there[symbol], self._elder.heard = self._elder, self._try
            if old.lane is not None:
                old.lane.disarm()

    def delta(self, delta: Delta, at: Nanos) -> None:
        """Changed levels as the new connection tells them."""
        if self._joins:
            if len(self._held) >= _HELD:
                self._held.clear()
            self._held.append(delta)
            self._link(at)
            return
        self._event_time, self._last = delta.event_time or self._event_time, delta
        self._beside(self._inner.delta(delta, at), at)

    def snapshot(self, snapshot: Snapshot, at: Nanos) -> None:
        """The whole book as the new connection tells it; not needed where deltas link."""
        if not self._joins:
            self._event_time = snapshot.event_time or self._event_time
            self._beside(self._inner.snapshot(snapshot, at), at)

    def quote(self, quote: TopUpdate, at: Nanos) -> None:
        """A faster top: comparable with the book's versions where deltas are."""
        if self._joins:
            before = self.live.state
            self._outlet.told(self.live, before, self.live.quote(quote, at))
        else:
            self._beside(self._inner.quote(quote, at), at)

    def lose(self, reason: str) -> None:
        """The new stream is not proven any more; the book does not mind."""
        self._held.clear()
        if not self._joins and self._inner.state is BookState.LIVE:
            self._outlet.commands.append(self._inner.lose(reason))

    def inherit(self, reason: str, at: Nanos) -> None:
        """The old connection is gone: the book is the new one's, ready or not."""
        live, before = self.live, self.live.state
        if not self._joins and self._inner.state is BookState.LIVE:
            self._switch(at)
            return
        self._here[self._symbol] = live
        if self._joins and before is BookState.LIVE:
            self._deltas(at)  # what does not link is a gap, now or with the next delta
            return
        if self._joins:
            self._outlet.told(live, before, live.lose(reason))
            self._deltas(at)
            return
        live.close(reason)
        self._outlet.told(live, before, None)
        live.open()
        self._outlet.told(live, BookState.DEAD, None)

    def withdraw(self) -> None:
        """The new connection is gone before it carried the book: all is as it was."""
        self._there[self._symbol] = self.live

    def _link(self, at: Nanos) -> None:
        live, held, covered = self.live, self._held, False
        if live.state is not BookState.LIVE:
            return
        while held and (verdict := live.judge(held[0])) is not Link.GAP:
            covered = True
            if verdict is Link.APPLY:
                break
            held.popleft()
        if covered:
            self._here[self._symbol] = live
            self._deltas(at)
            self._check_all()

    def _deltas(self, at: Nanos) -> None:
        while self._held:
            before = self.live.state
            self._outlet.told(self.live, before, self.live.delta(self._held.popleft(), at))

    def _beside(self, outcome: Outcome, at: Nanos) -> None:
        if type(outcome) is Resync:
            self._outlet.commands.append(outcome)
        else:
            self._try(at)

    def _try(self, at: Nanos) -> None:
        if self._inner.state is BookState.LIVE and self._here.get(self._symbol) is self and self._is_as_new():
            self._switch(at)

    def _is_as_new(self) -> bool:
        """By the venue's own time; or the tops are equal, and what changed the old one's last is known here too. Where
        the venue tells no time, both connections have told the same change last.
        """
        mine, its = self._event_time, self._elder.event_time
        if self.live.state is not BookState.LIVE or 0 < its < mine:
            return True
        shown, made = self.live.book.top, self._inner.book.top
        if _prices(shown) != _prices(made):
            return False
        if mine and (its if shown is None else shown.event_time):
            return shown is None or mine >= shown.event_time
        old, new = self._elder.last, self._last
        return old is not None and new is not None and (old.bids, old.asks) == (new.bids, new.asks)

    def _switch(self, at: Nanos) -> None:
        live, before = self.live, self.live.state
        self._here[self._symbol], self._elder.shut = live, True
        self._outlet.told(live, before, live.adopt(self._inner, self._event_time, at))
        self._check_all()

    def _check_all(self) -> None:
        carried = (*self._new.books.values(), *self._new.orders.values())
        if self._old.up and not any(isinstance(one, Heir) for one in carried):
            self._outlet.commands.append(Switched(self._old.name, self._new.name))


def _prices(top: TopOfBook | None) -> tuple[int | None, ...]:
    return () if top is None else (top.bid_units, top.bid_size_units, top.ask_units, top.ask_size_units)


def begin(old: "Connection", new: "Connection", outlet: Replaced) -> None:
    """A connection is open that shall replace another one: each book of the old one gets an heir."""
    new.joining = True
    new.books, new.orders = {}, {}
    for books in (old.books, old.orders):
        for symbol, sync in sorted(books.items()):
            if isinstance(sync, BookSync):
                Heir(sync, symbol, old, new, outlet)


def old_is_gone(old: "Connection", new: "Connection", reason: str, at: Nanos) -> None:
    """The new connection carries what it has, and what it has not yet is lost to it as if it had just opened."""
    new.joining = False
    for heir in [*new.books.values(), *new.orders.values()]:
        if isinstance(heir, Heir):
            heir.inherit(reason, at)
    for mine, yours in ((old.books, new.books), (old.orders, new.orders)):
        for symbol in [symbol for symbol in mine if symbol in yours]:
            del mine[symbol]


def new_is_gone(old: "Connection", new: "Connection", reason: str, outlet: Replaced) -> None:
    """The old connection goes on. A book that was handed over already, and that it did not keep, needs a snapshot."""
    new.joining = False
    for mine, yours in ((old.books, new.books), (old.orders, new.orders)):
        for symbol, sync in sorted(yours.items()):
            if isinstance(sync, Heir):
                sync.withdraw()
            elif symbol in mine:
                if isinstance(mine[symbol], Elder) and isinstance(sync, BookSync):
                    mine[symbol], before = sync, sync.state
                    outlet.told(sync, before, sync.lose(reason))
            else:
                continue
            del yours[symbol]
