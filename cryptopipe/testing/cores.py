"""Whether a book outlives what a codec let through: the native core and the plain one judge it alike.

Enters: events, most of them of damaged frames, and the rule of their stream. Leaves: nothing, or the event that broke a
book or divided the cores. Never: a core that is not there: without the native one the plain one judges alone.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    Link,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    SyncRule,
    TopUpdate,
    VenueError,
)
from cryptopipe.core import reference, reference_orders
from cryptopipe.testing.corpus import AT

_NATIVE = "cryptopipe.core._rust"
_SPAN = 1_000
"""Nanoseconds of tops that a book keeps: two events are further apart, so that nothing of them stays."""
_WHOLE, _CHANGES = (BookSnapshot, OrdersSnapshot), (BookDelta, OrdersDelta)


def cores() -> tuple[str, ...]:
    """Those that judge: the plain one, and the native one where it is built."""
    return ("reference", "native") if find_spec(_NATIVE) else ("reference",)


def _makers(orders: bool) -> tuple[Callable[..., Any], ...]:
    plain: Callable[..., Any] = reference_orders.OrderBook if orders else reference.Book
    if len(cores()) == 1:
        return (plain,)
    native = import_module(_NATIVE)
    return (plain, native.OrderBook if orders else native.Book)


class Books:
    """One book in each core. `base` is the snapshot that differences come upon; without one they come upon nothing."""

    def __init__(self, rule: SyncRule, base: BookSnapshot | OrdersSnapshot | None = None) -> None:
        self._rule, self._base = rule, base
        told: tuple[Any, ...] = (rule.level_format, rule.depth, rule.checksum, rule.checksum_levels)
        if rule.orders is not None:
            told = (rule.orders, *told[1:], rule.transient_cross)
        self._books = tuple(make(*told, span=_SPAN) for make in _makers(rule.orders is not None))
        self._at = AT

    def judge(self, event: Any, where: str) -> None:
        """Raises `AssertionError` where an event escapes the typed errors, or the cores make two things of it."""
        if isinstance(event, _CHANGES):
            for name, link in (("join", self._rule.join), ("link", self._rule.link)):
                verdict = link(self._base.version if self._base else 0, event)
                if not isinstance(verdict, Link):
                    raise AssertionError(f"{where}: {name} of the rule gave {verdict!r} for {event!r}")
        elif not isinstance(event, (*_WHOLE, TopUpdate)):
            return
        self._at += 2 * _SPAN
        told = [self._outcome(book, event) for book in self._books]
        if any(one != told[0] for one in told):
            made = "; ".join(f"{name}: {one}" for name, one in zip(cores(), told, strict=True))
            raise AssertionError(f"{where} gave {event!r}, of which the cores make {made}")

    def _outcome(self, book: Any, event: Any) -> Any:
        """What becomes of the book: the error's name, or top, counts and levels."""
        book.clear()
        try:
            if isinstance(event, _WHOLE):
                top = self._load(book, event)
            else:
                self._load_base(book)
                if isinstance(event, TopUpdate):
                    top = self._quote(book, event)
                else:
                    e = event
                    top = book.apply(e.bids, e.asks, e.version, e.event_time, self._at, e.checksum)
        except (ProtocolError, VenueError) as error:
            return type(error).__name__
        return (*map(_top, (top, book.top)), book.counts(), *(book.levels(bids).units() for bids in (True, False)))

    def _load_base(self, book: Any) -> None:
        if self._base is not None:
            self._load(book, self._base)
            return
        one_array = self._rule.orders is None and self._rule.level_format.side is not None
        book.load(b"[]", None if one_array else b"[]", 0, 0, self._at)

    def _load(self, book: Any, event: Any) -> Any:
        return book.load(event.bids, event.asks, event.version, event.event_time, self._at, event.checksum)

    def _quote(self, book: Any, e: TopUpdate) -> Any:
        """As the framework takes it: not for single orders, nor without sizes or a number."""
        if self._rule.orders is not None or e.version == 0 or e.bid_size is None or e.ask_size is None:
            return None
        return book.quote(e.bid, e.bid_size, e.ask, e.ask_size, e.version, e.event_time, self._at)


def _top(top: Any) -> tuple[Any, ...] | None:
    if top is None:
        return None
    return (top.bid_units, top.bid_size_units, top.ask_units, top.ask_size_units, top.version, top.event_time)
