"""Looks at a market once a second for what a person should know, and at a sample of its frames.

Enters: a market, inputs, the stamps of turns. Leaves: alerts, told to who keeps them. Never: a change to the market, a
record of a journal, work for each frame beyond one comparison.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from cryptopipe.alerts.alert import Alert
from cryptopipe.alerts.fields import Fields
from cryptopipe.alerts.spool import Spool
from cryptopipe.alerts.watchman import Watchman
from cryptopipe.capture.inputs import PRIVATE, Direction, Input
from cryptopipe.clock import LAST, MILLISECOND, SECOND, Nanos
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Channel, Subscription
from cryptopipe.settings import Settings

LOOK_EVERY = SECOND
SAMPLE_EVERY = 50 * MILLISECOND
EAGER = 20
"""Frames that are looked at, whatever the time, after a connection opened: the rare kinds come then."""
KEEP_EVERY = 60 * SECOND
_RECV, _LIVE = Direction.RECV, BookState.LIVE


class Sentry:
    """Calls its `watchman`. Whoever drives a market calls `turned` once a turn, and `sample` with each input that is no
    frame and each frame at or after `sample_due`; both are cheap where nothing is due. `tell` takes each alert; `asked`
    is called at each look, to tell the watchman what no market knows. A venue of `bookless`, of which nothing that
    makes a book is subscribed, is live while one of its connections is open.
    """

    def __init__(
        self,
        market: Market,
        watchman: Watchman,
        tell: Callable[[Alert], object],
        fields: Fields | None = None,
        asked: Callable[[Watchman, Nanos], None] = lambda watchman, at: None,
        bookless: Collection[str] = (),
    ) -> None:
        self._market, self._tell, self._fields, self._asked = market, tell, fields, asked
        self._bookless = bookless
        self._open: dict[str, set[str]] = {venue: set() for venue in bookless}
        self._closed: dict[str, str] = {}
        self.watchman = watchman
        self._look_due: Nanos = 0
        self._keep_due: Nanos = 0
        self._eager = EAGER
        self.sample_due: Nanos = LAST if fields is None else 0
        """Where frames are not looked at, never."""

    def turned(self, at: Nanos) -> None:
        """The end of a turn."""
        if at < self._look_due:
            return
        self._look_due = at + LOOK_EVERY
        self.look(at)

    def look(self, at: Nanos) -> None:
        """Tell what is to be told now."""
        watchman = self.watchman
        self._look_at_books(at)
        for venue in self._bookless:
            watchman.book(venue, venue, bool(self._open[venue]), self._closed.get(venue, ""), at)
        for venue, counts in self._market.counts.items():
            for kind in counts.kinds:
                watchman.strange(venue, "kind", kind, at)
            if counts.refused:
                watchman.unreadable(venue, counts.refused, counts.refusals[-1], at)
        self._asked(watchman, at)
        watchman.look(at)
        for alert in watchman.take():
            self._tell(alert)
        if self._fields is not None and at >= self._keep_due:
            self._keep_due = at + KEEP_EVERY
            self._fields.keep()

    def _look_at_books(self, at: Nanos) -> None:
        for suffix, kind in (("", self._market.books), (" (orders)", self._market.orders)):
            for venue, books in kind.items():
                for book in books.values():
                    live, why = book.state is _LIVE, f"{book.state.value}, {book.reason}"
                    self.watchman.book(venue, f"{book.id}{suffix}", live, why, at)

    def heard(self, entry: Input) -> None:
        """An input, for who does not look at `sample_due` itself."""
        if entry.direction is not _RECV or entry.at >= self.sample_due:
            self.sample(entry)

    def sample(self, entry: Input) -> None:
        """Look for new fields in one frame; not of an account's own stream, where assets are the names of members."""
        if self._fields is None and entry.venue not in self._bookless:
            return
        if entry.direction is Direction.OPEN:
            self._eager, self.sample_due = EAGER, 0 if self._fields is not None else LAST
            self._open.setdefault(entry.venue, set()).add(entry.conn)
        elif entry.direction is Direction.CLOSE:
            self._open.setdefault(entry.venue, set()).discard(entry.conn)
            self._closed[entry.venue] = entry.payload.decode(errors="replace")[:200]
        if self._fields is None or entry.direction is not _RECV or entry.conn.endswith(PRIVATE):
            return
        self._eager = max(0, self._eager - 1)
        self.sample_due = 0 if self._eager else entry.at + SAMPLE_EVERY
        for path in self._fields.look(entry.venue, entry.payload):
            self.watchman.strange(entry.venue, "field", path, entry.at)


@contextmanager
def posted(
    market: Market,
    kind: str,
    settings: Settings,
    subscriptions: Mapping[VenueId, Sequence[Subscription]],
    at: Nanos,
    label: str,
    asked: Callable[[Watchman, Nanos], None] = lambda watchman, at: None,
) -> Iterator[Sentry | None]:
    """A sentry of a run or a collector that tells the spool of the data directory, in a thread of its own: no turn
    waits for a disk. None where nobody is to be told: `kind` is `live`, or `sandbox`, which is told if that is set.
    """
    if not (kind == "live" or (kind == "sandbox" and settings.alerts.sandbox)):
        yield None
        return
    spool = Spool(settings.data_dir)
    fields = Fields(spool.directory) if settings.alerts.fields else None
    books = {venue for venue, ones in subscriptions.items() if any(one.channel is not Channel.TRADES for one in ones)}
    with ThreadPoolExecutor(1, "alerts") as teller:
        watchman = Watchman(subscriptions, settings.alerts.dead_after, at, label)
        sentry = Sentry(
            market, watchman, lambda alert: teller.submit(spool.tell, alert), fields, asked, set(subscriptions) - books
        )
        try:
            yield sentry
        finally:
            if fields is not None:
                fields.keep()
