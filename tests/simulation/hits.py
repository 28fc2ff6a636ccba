"""When a fault on the way made a difference to a book.

Enters: what a venue's session said, and what arrived of it. Leaves: what frames mean to a book; the time from which
two books, one of each, differ where a checksum looks. Never: a part of a run.
"""

import json
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import Any

from simulation.arena import START, Venue
from simulation.ends import codec_of, end_of, plugin_of

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.drivers.simulate import LATENCY
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.market import Market
from cryptopipe.market.names import connection_name
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.events import BookDelta, BookSnapshot, LevelFormat, OrderFormat, OrdersDelta, OrdersSnapshot

Meaning = tuple[Any, ...]
UNREADABLE: Meaning = ("unreadable",)


def meanings(end: str, texts: Iterable[bytes]) -> list[Meaning]:
    """What each frame of one connection, from its first on, says of books: symbols, numbers, levels; empty if nothing.

    One codec reads them all: some know only from earlier frames what a later one is of.
    """
    feed = codec_of(end)
    form = feed.rule.orders or feed.rule.level_format
    found: list[Meaning] = []
    for text in texts:
        try:
            found.append(
                tuple(
                    (type(one), one.symbol, one.version, _levels(one.bids, form), _levels(one.asks, form))
                    for one in feed.decode(text, 0)
                    if isinstance(one, BookDelta | BookSnapshot | OrdersDelta | OrdersSnapshot)
                )
            )
        except (ProtocolError, VenueError, ValueError, KeyError):
            found.append(UNREADABLE)
    return found


def _levels(raw: object, form: LevelFormat | OrderFormat) -> Meaning:
    """Of the raw text of an array, or of order events, which are values already."""
    if raw is None or isinstance(raw, tuple):
        return raw or ()
    if isinstance(form, OrderFormat):
        places: list[Any] = [form.order_id, form.price, form.size]
    else:
        places = [place for place in (form.price, form.size, form.side) if place is not None]
    return tuple(tuple(str(row[place]) for place in places) for row in json.loads(bytes(raw)))  # type: ignore[call-overload]


def difference(end: str, venue: Venue, begun: Nanos) -> Nanos | None:
    """Since when the levels under the checksum of a book were not the venue's, when it was lost or at the end.

    A lost change that the next one of the same level makes good does no harm, and no checksum shows it. None if no
    level under the checksum was wrong when the book was lost, or in the end.
    """
    url = venue.urls[0] if venue.urls else ""
    ours, theirs = _Follower(end, url), _Follower(end, url)
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

    def __init__(self, end: str, url: str) -> None:
        self._venue, single = end_of(end).venue, end_of(end).orders
        self._market, self._conn = Market({self._venue: plugin_of(end)}), connection_name(self._venue, 1, single)
        self._books = (self._market.orders if single else self._market.books)[self._venue]
        self._numbers: Iterator[int] = iter(range(1, 1 << 60))
        self._give(0, Direction.OPEN, b"", url)

    def take(self, at: Nanos, text: bytes) -> None:
        """One frame."""
        self._give(at, Direction.RECV, text)

    @property
    def live(self) -> bool:
        """Whether its book may be read."""
        return any(one.state is BookState.LIVE for one in self._books.values())

    def covered(self) -> Meaning:
        """The levels, or orders, that the checksum covers."""
        return tuple(_covered(one, is_bid) for one in self._books.values() for is_bid in (True, False))

    def _give(self, at: Nanos, direction: Direction, payload: bytes, url: str = "") -> None:
        number = next(self._numbers)
        self._market.receive(Input(number, number, START + at, direction, self._venue, self._conn, url, payload))


def _covered(sync: BookSync, is_bid: bool) -> Meaning:
    levels = sync.book.levels(is_bid, sync.rule.checksum_levels)
    if sync.rule.orders is None:
        return tuple(levels.units())
    prices = {price for price, _ in levels}
    return tuple(one for one in sync.orders.orders(is_bid) if one[1] in prices)
