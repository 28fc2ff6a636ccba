"""Looks at a market once a second for what a person should know, and at a sample of its frames.

Enters: a market, inputs, the stamps of turns. Leaves: alerts, told to who keeps them. Never: a change to the market, a
record of a journal, work for each frame beyond one comparison.
"""

from collections.abc import Callable, Iterable, Iterator
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
from cryptopipe.settings import Settings

LOOK_EVERY = SECOND
SAMPLE_EVERY = 50 * MILLISECOND
EAGER = 20
"""Frames that are looked at, whatever the time, after a connection opened: the rare kinds come then."""
KEEP_EVERY = 60 * SECOND


class Sentry:
    """Calls its `watchman`. Whoever drives a market calls `turned` once a turn, and `sample` with each input that is no
    frame and each frame at or after `sample_due`; both are cheap where nothing is due. `tell` takes each alert; `asked`
    is called at each look, to tell the watchman what no market knows.
    """

    def __init__(
        self,
        market: Market,
        watchman: Watchman,
        tell: Callable[[Alert], object],
        fields: Fields | None = None,
        asked: Callable[[Watchman, Nanos], None] = lambda watchman, at: None,
    ) -> None:
        self._market, self._tell, self._fields, self._asked = market, tell, fields, asked
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
        for venue, books in self._market.books.items():
            for book in books.values():
                watchman.book(venue, book.id, book.state is BookState.LIVE, f"{book.state.value}, {book.reason}", at)
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

    def sample(self, entry: Input) -> None:
        """Look for new fields in one frame; not of an account's own stream, where assets are the names of members."""
        if self._fields is None or entry.conn.endswith(PRIVATE):
            return
        if entry.direction is Direction.OPEN:
            self._eager, self.sample_due = EAGER, 0
        if entry.direction is not Direction.RECV:
            return
        self._eager = max(0, self._eager - 1)
        self.sample_due = 0 if self._eager else entry.at + SAMPLE_EVERY
        for path in self._fields.look(entry.venue, entry.payload):
            self.watchman.strange(entry.venue, "field", path, entry.at)

    def end(self, at: Nanos) -> None:
        """A last look; what was learned is kept."""
        self.look(at)
        if self._fields is not None:
            self._fields.keep()


@contextmanager
def posted(
    market: Market,
    settings: Settings,
    venues: Iterable[str],
    at: Nanos,
    label: str,
    asked: Callable[[Watchman, Nanos], None] = lambda watchman, at: None,
) -> Iterator[Sentry]:
    """A sentry of a run or a collector that tells the spool of the data directory, in a thread of its own: no turn
    waits for a disk. At the end everything is told.
    """
    spool = Spool(settings.data_dir)
    fields = Fields(spool.directory) if settings.alerts.fields else None
    with ThreadPoolExecutor(1, "alerts") as teller:
        watchman = Watchman(venues, settings.alerts.dead_after, at, label)
        sentry = Sentry(market, watchman, lambda alert: teller.submit(spool.tell, alert), fields, asked)
        yield sentry
