"""What a person should know of a run or a collector: states in, alerts out.

Enters: which books are live, the gate's mode, what codecs did not know, each with its stamp. Leaves: alerts, once for
each change. Never: a clock, a file, a network, a book that is told dead a second time before it was back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptopipe.alerts.alert import Alert
from cryptopipe.clock import SECOND, Nanos

TOGETHER = 5
"""More books of one venue than this that die while others live are one alert."""
AGAIN = 600 * SECOND
"""Frames of a venue that could not be read are told this often at most."""
STRANGE = 500
"""Different things that nobody knew, of one venue; what comes after is not told."""


@dataclass
class _Venue:
    """`down` has the books that are not live, since when and why; `silent` since when none is live."""

    down: dict[str, tuple[Nanos, str]] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    silent: Nanos | None = None
    told: bool = False
    singles: set[str] = field(default_factory=set)
    group: set[str] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    unread: int = 0
    unread_at: Nanos = 0


class Watchman:
    """Notices changes. `venues` are those that should have live books, `label` says which process tells: a run's id, a
    collector's venue. What it noticed is taken, and emptied, by `take`.
    """

    def __init__(self, venues: Iterable[str], dead_after: Nanos, at: Nanos, label: str) -> None:
        self._venues = {venue: _Venue(silent=at) for venue in venues}
        self._dead_after = dead_after
        self._label = label
        self._mode = "active"
        self._fills = 0
        self._alerts: list[Alert] = []

    def take(self) -> list[Alert]:
        """The alerts since the last call."""
        alerts, self._alerts = self._alerts, []
        return alerts

    def book(self, venue: str, book: str, live: bool, why: str, at: Nanos) -> None:
        """A book's state; told again and again, or when it changed. `book` as `alpha:XYUSD`."""
        watched = self._venues.setdefault(venue, _Venue(silent=at))
        if live:
            watched.down.pop(book, None)
            watched.live.add(book)
            watched.silent = None
            return
        since, _ = watched.down.get(book, (at, ""))
        watched.down[book] = since, why
        watched.live.discard(book)
        if not watched.live and watched.silent is None:
            watched.silent = at

    def look(self, at: Nanos) -> None:
        """Tell what has been dead for long enough, and what is back."""
        for venue, watched in self._venues.items():
            if watched.live:
                self._back(venue, watched, at)
                self._dead_books(venue, watched, at)
            elif not watched.told and watched.silent is not None and at - watched.silent >= self._dead_after:
                watched.told = True
                why = next((why for _, why in watched.down.values() if why), "") or "nothing was received"
                text = f"nothing of it was live for {(at - watched.silent) // SECOND} s: {why}"
                self._tell("feed.dead", venue, text, "critical", at, f"feed {venue}")

    def mode(self, mode: str, why: str, at: Nanos) -> None:
        """The gate's mode: active, reducing or halted."""
        if mode == self._mode:
            return
        before, self._mode = self._mode, mode
        severity = "critical" if mode == "halted" else "info"  # a run reduces whenever it ends
        text = f"trading is {mode}, was {before}" + (f": {why}" if why else "")
        self._tell("risk.state", self._label, text, severity, at, "", {"mode": mode, "before": before})

    def strange(self, venue: str, what: str, name: str, at: Nanos) -> None:
        """Something of a venue's stream that nobody knows, told once: `what` is `kind`, `field` or `code`."""
        known = self._venues.setdefault(venue, _Venue()).strange
        thing = f"{what} {name}"
        if thing in known or len(known) >= STRANGE:
            return
        known.add(thing)
        text = f"its stream has a {what} that is not known: {name or 'without a name'}; its API may have changed"
        self._tell(
            "stream.unknown", venue, text, "warning", at, f"stream {venue} {thing}", {"what": what, "name": name}
        )

    def unreadable(self, venue: str, count: int, last: str, at: Nanos) -> None:
        """How many frames and answers of a venue could not be read so far, and why the last one."""
        watched = self._venues.setdefault(venue, _Venue())
        if count <= watched.unread or (watched.unread_at and at - watched.unread_at < AGAIN):
            return
        text = f"{count - watched.unread} frames or answers could not be read, the last: {last}"
        watched.unread, watched.unread_at = count, at
        self._tell("stream.unknown", venue, text, "warning", at, f"stream {venue} unreadable", {"what": "frame"})

    def filled(self, text: str, instrument: str, at: Nanos) -> None:
        """An order was filled."""
        self._fills += 1
        self._tell("fill", instrument, text, "info", at, f"fill {self._label} {self._fills}")

    def _back(self, venue: str, watched: _Venue, at: Nanos) -> None:
        if watched.told:
            watched.told = False
            watched.down = {book: (at, why) for book, (_, why) in watched.down.items()}
            text = f"{len(watched.live)} of {len(watched.live) + len(watched.down)} books are live again"
            self._tell("feed.back", venue, text, "critical", at, f"feed {venue}")
        for book in sorted(watched.singles & watched.live):
            watched.singles.discard(book)
            self._tell("feed.back", book, "live again", "warning", at, f"feed {book}")
        if watched.group and watched.group <= watched.live:
            text = f"all {len(watched.group)} books are live again"
            watched.group.clear()
            self._tell("feed.back", venue, text, "warning", at, f"feed {venue} some")

    def _dead_books(self, venue: str, watched: _Venue, at: Nanos) -> None:
        told = watched.singles | watched.group
        due = {
            book: (at - since, why)
            for book, (since, why) in watched.down.items()
            if at - since >= self._dead_after and book not in told
        }
        if len(due) > TOGETHER or (due and watched.group):
            watched.group |= set(due)
            book, (age, why) = next(iter(due.items()))
            text = f"{len(watched.group)} of {len(watched.live) + len(watched.down)} books are not live, {book} {why}"
            self._tell("feed.dead", venue, text, "warning", at, f"feed {venue} some")
            return
        for book, (age, why) in due.items():
            watched.singles.add(book)
            self._tell("feed.dead", book, f"not live for {age // SECOND} s: {why}", "warning", at, f"feed {book}")

    def _tell(
        self, kind: str, where: str, text: str, severity: str, at: Nanos, key: str, data: dict[str, str] | None = None
    ) -> None:
        self._alerts.append(Alert(kind, where, text, severity, at, key, {"by": self._label, **(data or {})}))
