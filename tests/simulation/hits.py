"""When a fault on the way made a difference to a book.

Enters: what a venue's session said, and what arrived of it. Leaves: what a frame means to a book; the time from which
two books, one of each, differ where a checksum looks. Never: a part of a run.
"""

import json
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Any

from simulation.arena import START, Venue

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.drivers.simulate import LATENCY
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, LevelFormat
from cryptopipe.model.facts import Side

Meaning = tuple[Any, ...]
UNREADABLE: Meaning = ("unreadable",)


def meaning(plugin: ExchangePlugin, text: bytes) -> Meaning:
    """What a frame says of books: symbols, numbers, levels; empty if nothing."""
    feed = plugin.feed()
    form = feed.rule.level_format
    try:
        return tuple(
            (type(one), one.symbol, one.version, _levels(one.bids, form), _levels(one.asks, form))
            for one in feed.decode(text, 0)
            if isinstance(one, BookDelta | BookSnapshot)
        )
    except (ProtocolError, VenueError, ValueError, KeyError):
        return UNREADABLE


def _levels(raw: object, form: LevelFormat) -> Meaning:
    places = [place for place in (form.price, form.size, form.side) if place is not None]
    return () if raw is None else tuple(tuple(str(row[place]) for place in places) for row in json.loads(bytes(raw)))  # type: ignore[call-overload]


def difference(plugin: ExchangePlugin, venue: Venue, begun: Nanos) -> Nanos | None:
    """Since when the levels under the checksum of a book were not the venue's, when it was lost or at the end.

    A lost change that the next one of the same level makes good does no harm, and no checksum shows it. None if no
    level under the checksum was wrong when the book was lost, or in the end.
    """
    url = venue.urls[0] if venue.urls else ""
    ours, theirs = _Follower(plugin, url), _Follower(plugin, url)
    said = ((at + LATENCY, theirs, text.encode()) for at, text in venue.said)
    came = ((at, ours, text) for at, text in venue.arrivals)
    coming = list(merge(said, came, key=itemgetter(0)))
    since: Nanos | None = None
    for number, (at, follower, text) in enumerate(coming):
        follower.take(at, text)
        if at < begun or (number + 1 < len(coming) and coming[number + 1][0] // LATENCY == at // LATENCY):
            continue
        if not ours.live:
            return since
        since = None if ours.covered() == theirs.covered() else since or at
    return since


class _Follower:
    """A market of one connection."""

    def __init__(self, plugin: ExchangePlugin, url: str) -> None:
        self._market, self._venue = Market({plugin.venue: plugin}), plugin.venue
        self._numbers: Iterator[int] = iter(range(1, 1 << 60))
        self._give(0, Direction.OPEN, b"", url)

    def take(self, at: Nanos, text: bytes) -> None:
        """One frame."""
        self._give(at, Direction.RECV, text)

    @property
    def live(self) -> bool:
        """Whether its book may be read."""
        return any(one.state is BookState.LIVE for one in self._market.books[self._venue].values())

    def covered(self) -> Meaning:
        """The levels that the checksum covers."""
        return tuple(
            tuple(one.book.levels(side is Side.BUY, one.rule.checksum_levels).units())
            for one in self._market.books[self._venue].values()
            for side in Side
        )

    def _give(self, at: Nanos, direction: Direction, payload: bytes, url: str = "") -> None:
        number = next(self._numbers)
        self._market.receive(Input(number, number, START + at, direction, self._venue, "c", url, payload))
