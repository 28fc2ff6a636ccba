"""Two keepers of one book: the framework's own sync, and a plain one that believes every event.

Enters: arrivals of a stream. Leaves: the book by the plugin's rule, the book by the events, what was noticed. Never: a
plain book that knows the rule: where the two differ on a legal stream, the rule is wrong.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    HttpResponse,
    Instrument,
    Kind,
    LevelFormat,
    Levels,
    Nanos,
    OrderChange,
    OrderEvent,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    Resync,
    SyncRule,
    TopOfBook,
)
from cryptopipe.core import OrderBook
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.testing.corpus import AT, codec_of, snapshots_of
from cryptopipe.testing.streams import Arrival, Rows, Stream

Book = tuple[Rows, Rows]


class Player:
    """The plugin's codec and rule under the framework's sync, on one connection."""

    def __init__(self, plugin: ExchangePlugin, stream: Stream) -> None:
        self.codec = codec_of(plugin, stream.dialect)
        self.sync = BookSync(stream.instrument, self.codec.rule)
        self.noticed = ""
        """Why the book was lost, as the codec or the sync said it; empty while it was not."""
        self.tops = 0
        self.events: list[Any] = []
        """Of the last arrival, those of this book."""
        self._snapshots = snapshots_of(plugin, stream.dialect)
        self._symbols = {stream.instrument.symbol, stream.instrument.book_of}
        self._plugin, self._instrument = plugin, stream.instrument
        self._at: Nanos = AT

    @property
    def live(self) -> bool:
        """Whether the book may be read."""
        return self.sync.state is BookState.LIVE

    def play(self, arrival: Arrival) -> "Player":
        """One arrival, as the market would take it."""
        self._at += 1
        self.events = [one for one in self._decoded(arrival) if self._of_this_book(one)]
        for event in self.events:
            outcome: object
            if isinstance(event, Resync):
                outcome = self.sync.lose(event.reason)
            elif isinstance(event, BookSnapshot | OrdersSnapshot):
                outcome = self.sync.snapshot(event, self._at)  # type: ignore[arg-type, unused-ignore]
            else:
                outcome = self.sync.delta(event, self._at)
            if isinstance(outcome, Resync):
                self.noticed = self.noticed or outcome.reason
            elif isinstance(outcome, TopOfBook):
                self.tops += 1
        return self

    def run(self, stream: Stream) -> "Player":
        """Every arrival."""
        for arrival in stream.arrivals:
            self.play(arrival)
        return self

    def _decoded(self, arrival: Arrival) -> Sequence[Any]:
        if not arrival.snapshot_of:
            return list(self.codec.decode(arrival.frame, self._at))
        if self._snapshots is None:
            raise AssertionError(f"{arrival.name} answers a snapshot request, and the plugin has no SnapshotCodec")
        response = HttpResponse(200, arrival.frame)
        return [self._snapshots.snapshot(arrival.snapshot_of, response, self._at)]

    def _of_this_book(self, event: Any) -> bool:
        if isinstance(event, Resync):
            return event.symbol is None or self._ours(event.symbol)
        return isinstance(event, BookSnapshot | BookDelta | OrdersSnapshot | OrdersDelta) and self._ours(event.symbol)

    def _ours(self, symbol: str) -> bool:
        """By its symbol, or by that of an older dialect."""
        if symbol not in self._symbols:
            try:
                found = self._plugin.instruments.find(symbol)
            except ProtocolError:
                return False
            if not same_pair(found, self._instrument):
                return False
            self._symbols.add(symbol)
        return True

    def book(self, limit: int = 0) -> Book:
        """Bids and asks, best first."""
        return list(self.sync.book.levels(True, limit)), list(self.sync.book.levels(False, limit))


def same_pair(one: Instrument, other: Instrument) -> bool:
    """Whether two symbols, one perhaps of an older dialect, are the same market. Only of spot can it be told."""
    return one.kind is other.kind is Kind.SPOT and (one.base, one.quote) == (other.base, other.quote)


class PlainBook:
    """What the events say: differences before a snapshot are held, and those above its version applied to it."""

    def __init__(self, instrument: Instrument, rule: SyncRule) -> None:
        self._rule = rule
        self._sides: tuple[dict[Any, tuple[Decimal, Decimal]], ...] = ({}, {})
        self._held: list[Any] = []
        self._from: int | None = None

    def take(self, events: Sequence[Any]) -> None:
        """Events of this book."""
        for event in events:
            if isinstance(event, BookSnapshot | OrdersSnapshot):
                self._sides = self._read(event)
                self._from = event.version
                held, self._held = self._held, []
                self.take(held)
            elif isinstance(event, BookDelta | OrdersDelta):
                if self._from is None:
                    self._held.append(event)
                elif not self._rule.snapshot_by_request or event.version > self._from:
                    self._change(event)

    def _read(self, event: BookSnapshot | OrdersSnapshot) -> tuple[dict[Any, tuple[Decimal, Decimal]], ...]:
        if isinstance(event, BookSnapshot):
            rows = levels_of(event, self._rule.level_format)
            return tuple({price: (price, size) for price, size in side if size} for side in rows)
        assert self._rule.orders is not None
        book = OrderBook(self._rule.orders, transient_cross=True)
        book.load(event.bids, event.asks, event.version, event.event_time, AT)
        return tuple({name: (price, size) for name, price, size in book.orders(bids)} for bids in (True, False))

    def _change(self, event: BookDelta | OrdersDelta) -> None:
        if isinstance(event, BookDelta):
            for side, rows in zip(self._sides, levels_of(event, self._rule.level_format), strict=True):
                for price, size in rows:
                    side[price] = (price, size)
                    if not size:
                        del side[price]
        else:
            for side, orders in zip(self._sides, (event.bids, event.asks), strict=True):
                for order in orders:
                    _change_order(side, order)
        for side, worst_first in zip(self._sides, (False, True), strict=True):
            prices = sorted({price for price, _ in side.values()}, reverse=worst_first)
            gone = set(prices[: max(0, len(prices) - self._rule.depth)]) if self._rule.depth else set()
            for name in [name for name, (price, _) in side.items() if price in gone]:
                del side[name]

    def book(self) -> Book:
        """Bids and asks, best first, orders of a price added up."""
        return _levels(self._sides[0], True), _levels(self._sides[1], False)


def _change_order(side: dict[Any, tuple[Decimal, Decimal]], order: OrderEvent) -> None:
    known = side.get(order.order_id)
    if order.change is OrderChange.REMOVE:
        side.pop(order.order_id, None)
    elif order.change is OrderChange.REDUCE:
        if known is not None:
            side[order.order_id] = (known[0], known[1] - Decimal(order.size))
    else:
        side[order.order_id] = (Decimal(order.price), Decimal(order.size))
    if order.order_id in side and not side[order.order_id][1]:
        del side[order.order_id]


def _levels(side: dict[Any, tuple[Decimal, Decimal]], bids: bool) -> Rows:
    sums: dict[Decimal, Decimal] = {}
    for price, size in side.values():
        sums[price] = sums.get(price, Decimal(0)) + size
    return sorted(sums.items(), reverse=bids)


def levels_of(event: BookSnapshot | BookDelta, form: LevelFormat) -> Book:
    """Both sides of an event, as written. Raises `ProtocolError`."""
    if event.asks is not None:
        return list(Levels.parse(event.bids, form)), list(Levels.parse(event.asks, form))
    if form.side is None:
        raise ProtocolError("one array for both sides, and a format that tells none")
    return list(Levels.parse(event.bids, form, True)), list(Levels.parse(event.bids, form, False))
