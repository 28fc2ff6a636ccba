"""The book of single orders (L3) in plain Python: the shortest obviously right version, the native one's oracle.

Enters: JSON text of order arrays, order events. Leaves: tops of book, aggregated levels, queues in the order in which
they execute. Never: a rounded number, or a book half changed by a frame that cannot be read.
"""

import json
import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from cryptopipe.core.checksum import AS_WRITTEN, OF_ORDERS
from cryptopipe.core.number import Number, parse_number, places_needed
from cryptopipe.core.reference import Levels, TopOfBook
from cryptopipe.core.reference_window import SPAN, Window
from cryptopipe.errors import ChecksumMismatch, CrossedBook, PrecisionError, ProtocolError
from cryptopipe.model.events import OrderChange, OrderEvent, OrderFormat, RawLevels

_decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
_MOST = 2**96
Level = tuple[Number, Number]


def _written(number: Number) -> int:
    return places_needed(number.units) if number.places < 0 else number.places


def _number(units: int, places: int) -> Number:
    return Number(units, places, Number(units, places).text.replace(".", "").lstrip("0"))


def _sum(sizes: Sequence[Number]) -> Number:
    return _number(sum(size.units for size in sizes), max(_written(size) for size in sizes))


def _parse(raw: RawLevels, form: OrderFormat) -> list[tuple[str, str, str]]:
    """(id, price, size) as written."""
    try:
        rows = _decode(str(raw, "utf-8"))
        kind, found = dict if isinstance(form.price, str) else list, []
        for row in rows if isinstance(rows, list) else [None]:
            cells: Any = row if isinstance(row, kind) else None
            order_id = cells[form.order_id]
            if not isinstance(order_id, str) or not order_id.encode():
                raise ValueError
            found.append((order_id, cells[form.price], cells[form.size]))
        return found
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ProtocolError(f"not an array of orders: {bytes(raw)[:80]!r}") from error


class _Queues:
    """The orders of one side: by price, in the order in which they execute."""

    def __init__(self, is_bid: bool) -> None:
        self.is_bid, self.queues, self.prices = is_bid, dict[int, dict[str, Level]](), list[int]()

    def put(self, order_id: str, order: Level) -> None:
        """At the end of its queue, or in its place if it is in that queue."""
        price = order[0].units
        if price not in self.queues:
            insort(self.prices, price)
        self.queues.setdefault(price, {})[order_id] = order

    def take(self, order_id: str, price: int) -> None:
        del self.queues[price][order_id]
        if not self.queues[price]:
            self.drop(price)

    def drop(self, price: int) -> dict[str, Level]:
        del self.prices[bisect_left(self.prices, price)]
        return self.queues.pop(price)

    def best_first(self) -> Iterator[dict[str, Level]]:
        return (self.queues[price] for price in (reversed(self.prices) if self.is_bid else self.prices))

    def levels(self, limit: int | None) -> list[Level]:
        queues = [list(queue.values()) for queue in islice(self.best_first(), limit)]
        return [(queue[0][0], _sum([size for _, size in queue])) for queue in queues]

    def orders(self, queues: Iterable[dict[str, Level]]) -> Iterator[tuple[str, Number, Number]]:
        return ((order_id, *order) for queue in queues for order_id, order in queue.items())

    def by_id(self) -> Iterator[tuple[str, Number, Number]]:
        """Best price first, and at one price in the order of the ids as whole numbers."""
        for queue in self.best_first():
            yield from sorted(self.orders([queue]), key=lambda order: (len(order[0]), order[0]))


class OrderBook:
    """One instrument's L3 book and the window of the tops of its aggregate.

    `depth`: prices a side kept after each frame, 0 for all. `transient_cross`: while best bid and ask cross there is
    no top and nothing to take. A frame that cannot be read changes nothing; after `ChecksumMismatch` or `CrossedBook`
    only `clear` and `load` help. Sizes reach from 10⁻¹² to 2⁹⁶ of it.
    """

    def __init__(
        self, form: OrderFormat, depth: int = 0, checksum: str = "", checksum_levels: int = 10,
        transient_cross: bool = False, span: int = SPAN, max_bytes: int | None = None,
    ) -> None:  # fmt: skip
        if checksum and checksum not in OF_ORDERS:
            raise ValueError(f"unknown checksum: {checksum!r}")
        self._form, self._depth, self._transient = form, depth, transient_cross
        self._checksum, self._covered = checksum, checksum_levels
        self.window = Window(span, max_bytes=max_bytes)
        self.version = 0
        self.clear()

    def clear(self) -> None:
        """Forget all orders; until `load` there is no top and nothing to take."""
        self._bids, self._asks = _Queues(True), _Queues(False)
        self._orders: dict[str, tuple[bool, Level]] = {}
        self._loaded = False
        self.top: TopOfBook | None = None

    def load(
        self, bids: RawLevels, asks: RawLevels, version: int, event_time: int, received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None:  # fmt: skip
        """Replace all orders by a snapshot; the new top if it differs from the last. Raises `ProtocolError`."""
        orders: dict[str, tuple[bool, Level]] = {}
        rows = [(is_bid, row) for is_bid, raw in ((True, bids), (False, asks)) for row in _parse(raw, self._form)]
        for is_bid, (order_id, price, size) in rows:
            event = OrderEvent(OrderChange.ADD, order_id, price, size)
            order = self._after(event, orders[order_id][1] if order_id in orders else None)
            assert order is not None
            orders[order_id] = is_bid, order
        last = self.top
        self.clear()
        self._loaded, self.top = True, last
        for order_id, (is_bid, order) in orders.items():
            self._become(is_bid, order_id, order)
        return self._settle(version, event_time, received_at, checksum)

    def apply(
        self, bids: Sequence[OrderEvent], asks: Sequence[OrderEvent], version: int, event_time: int, received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None:  # fmt: skip
        """Change orders; the new top if it changed. Raises `ProtocolError`."""
        if not self._loaded:
            raise ProtocolError("a delta without a snapshot never yields a book")
        told: dict[str, tuple[bool, Level] | None] = {}
        steps: list[tuple[bool, str, Level | None]] = []
        for is_bid, event in [*((True, event) for event in bids), *((False, event) for event in asks)]:
            order_id = event.order_id
            known = told[order_id] if order_id in told else self._orders.get(order_id)
            if known is not None and known[0] is not is_bid:
                raise ProtocolError(f"order {order_id} is {'a bid' if known[0] else 'an ask'} of this book")
            order = self._after(event, known and known[1])
            told[order_id] = (is_bid, order) if order else None
            steps.append((is_bid, order_id, order))
        for step in steps:
            self._become(*step)
        return self._settle(version, event_time, received_at, checksum)

    def _after(self, event: OrderEvent, known: Level | None) -> Level | None:
        """The order as it is after an event."""
        change = event.change
        if change is OrderChange.REMOVE:
            return None
        size = parse_number(event.size)
        if change is OrderChange.REDUCE:
            if known is None:
                return None
            left = known[1].units - size.units
            if left < 0:
                raise ProtocolError(f"order {event.order_id} of {known[1].text} cannot lose {event.size}")
            return (known[0], _number(left, max(_written(known[1]), _written(size)))) if left else None
        if change is OrderChange.SET and size.units == 0:
            return None
        price = parse_number(event.price)
        if price.units == 0 or size.units == 0:
            raise ProtocolError(f"a {'size' if price.units else 'price'} of zero")
        if size.units >= _MOST:
            raise PrecisionError(f"too large: {event.size}")
        if self._checksum in AS_WRITTEN and (price.places < 0 or size.places < 0):
            raise PrecisionError("a number written with an exponent cannot enter a checksum")
        if change is OrderChange.ADD and known:
            raise ProtocolError(f"order {event.order_id} is in the book already")
        return price, size

    def _become(self, is_bid: bool, order_id: str, order: Level | None) -> None:
        """It keeps its place if its price is the same and its size not greater."""
        side, known = self._bids if is_bid else self._asks, self._orders.pop(order_id, None)
        if known is not None:
            price, size = known[1]
            if order is None or order[0].units != price.units or order[1].units > size.units:
                side.take(order_id, price.units)
        if order is not None:
            self._orders[order_id] = is_bid, order
            side.put(order_id, order)

    def _settle(self, version: int, event_time: int, received_at: int, checksum: int | None) -> TopOfBook | None:
        self.version = version
        for side in (self._bids, self._asks) if self._depth else ():
            while len(side.prices) > self._depth:
                for order_id in side.drop(side.prices[0 if side.is_bid else -1]):
                    del self._orders[order_id]
        if checksum is not None and self._checksum and (self._crc() - checksum) % 2**32:
            raise ChecksumMismatch(f"expected {checksum}, computed {self._crc()}")
        bid, ask = (next(iter(side.levels(1)), None) for side in (self._bids, self._asks))
        if bid and ask and bid[0].units >= ask[0].units:
            if not self._transient:
                raise CrossedBook(f"bid {bid[0].text} at or above ask {ask[0].text}")
            self.top = None
            return None
        top = TopOfBook(bid, ask, version, event_time, received_at)
        if self.top is not None and self.top._key == top._key:
            return None
        self.top = top
        self.window.push(top)
        return top

    def _crc(self) -> int:
        if self._checksum == "crc_order_ids_signed":
            bids, asks = ([*islice(s.by_id(), self._covered)] for s in (self._bids, self._asks))
        else:
            bids, asks = ([*s.orders(islice(s.best_first(), self._covered))] for s in (self._bids, self._asks))
        return zlib.crc32(OF_ORDERS[self._checksum](bids, asks).encode())

    def levels(self, bids: bool, limit: int = 0) -> Levels:
        """One side's orders added up by price, best first; a price as the first of its queue writes it, a sum with the
        most places written."""
        return Levels((self._bids if bids else self._asks).levels(limit or None))

    def ladder(self, bids: bool, limit: int = 0) -> Levels:
        """What may be taken: the levels, none while there is no top."""
        return self.levels(bids, limit) if self.top is not None else Levels([])

    def size_at(self, bids: bool, price_units: int) -> int:
        """Units displayed in the ladder at a price, 0 if none."""
        queue = (self._bids if bids else self._asks).queues.get(price_units, {}) if self.top is not None else {}
        return sum(size.units for _, size in queue.values())

    def counts(self) -> tuple[int, int]:
        """Prices with orders: (bids, asks)."""
        return len(self._bids.prices), len(self._asks.prices)

    def orders(self, bids: bool, limit: int = 0) -> list[tuple[str, Decimal, Decimal]]:
        """(id, price, size) of one side in the order in which they execute."""
        side = self._bids if bids else self._asks
        found = islice(side.orders(side.best_first()), limit or None)
        return [(order_id, Decimal(price.text), Decimal(size.text)) for order_id, price, size in found]

    def ahead(self, order_id: str) -> tuple[int, Decimal]:
        """(orders, size) before an order in its queue. Raises `KeyError` for an order that is not in the book."""
        is_bid, (price, _) = self._orders[order_id]
        queue = (self._bids if is_bid else self._asks).queues[price.units]
        before = [size for _, size in islice(queue.values(), list(queue).index(order_id))]
        return len(before), Decimal(_sum(before).text) if before else Decimal(0)
