"""Bitfinex's stream of single orders, websocket v2: book R0.

Enters: frames `[433290,[34753006045,7294.7,-1.2],12,1618677549379]`. Leaves: `OrdersSnapshot`, `OrdersDelta` of the
symbols `tBTCUSD`. Never: a queue in another order than the venue's.

Read for it: docs.bitfinex.com/reference/ws-public-raw-books and docs/ws-websocket-checksum in stored copies, and what
wire.py names (2026-11-21). In a price the venue's order is that of the ids: so its own library sums up the book
(github.com/bitfinexcom/bfx-api-node-models, lib/order_book.js), and so stands the snapshot of bitfinex-api-node's issue
230. Whether an order that was moved or enlarged executes in that place too no page says.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from cryptopipe.api import (
    Channel,
    Connect,
    Frame,
    Nanos,
    OrderChange,
    OrderEvent,
    OrderFormat,
    OrdersDelta,
    OrdersSnapshot,
    Proof,
    StreamAuth,
    Subscription,
    SyncRule,
)
from cryptopipe_bitfinex.wire import (
    BRACE,
    BRACKET,
    COVERED,
    LENGTH,
    MS,
    QUOTE,
    UNREADABLE,
    Count,
    Events,
    Line,
    Millis,
    Told,
    connect,
    distinct,
    link,
    number,
    refused,
)

RAW = "book R0"
_ASKED = {"channel": "book", "prec": "R0", "freq": "F0", "len": LENGTH}
_MOST = 20_000
"""Orders kept of one book: the venue tells of 250 a side."""
_SET, _REMOVE = OrderChange.SET, OrderChange.REMOVE


class _Order(msgspec.Struct, array_like=True, gc=False):
    """Id, price, amount: above zero a bid, below an ask. Price 0: the order is gone."""

    order_id: int
    price: msgspec.Raw
    amount: msgspec.Raw


class _Update(msgspec.Struct, array_like=True, gc=False):
    channel: int
    order: _Order
    seq: Count
    at: Millis = 0


class _Book(msgspec.Struct, array_like=True, gc=False):
    channel: int
    orders: list[_Order]
    seq: Count
    at: Millis = 0


_update = msgspec.json.Decoder(_Update).decode
_book = msgspec.json.Decoder(_Book).decode


class _Queues:
    """Where the orders of one book stand: what must be put behind an order that joins a queue not as its last."""

    def __init__(self) -> None:
        self._orders: dict[int, tuple[bool, str, str]] = {}
        self._ids: dict[tuple[bool, str], list[int]] = {}

    def put(self, order_id: int, ask: bool, price: str, size: str) -> Iterator[OrderEvent]:
        """The order as it is now, then again each order of its queue with a higher id, where it would stand last."""
        known = self._orders.get(order_id)
        stays = known is not None and known[:2] == (ask, price)
        if not stays:
            if known is None and len(self._orders) >= _MOST:
                raise ValueError(f"order {order_id} beside {_MOST} others")
            self.take(order_id)
            insort(self._ids.setdefault((ask, price), []), order_id)
        self._orders[order_id] = ask, price, size
        yield OrderEvent(_SET, str(order_id), price, size)
        ids = self._ids[ask, price]
        if ids[-1] != order_id and not (stays and known is not None and Decimal(size) <= Decimal(known[2])):
            for behind in ids[bisect_left(ids, order_id) + 1 :]:
                yield OrderEvent(_REMOVE, str(behind))
                yield OrderEvent(_SET, str(behind), price, self._orders[behind][2])

    def take(self, order_id: int) -> None:
        """Not there any more, if it was."""
        known = self._orders.pop(order_id, None)
        if known is not None:
            place = known[0], known[1]
            ids = self._ids[place]
            del ids[bisect_left(ids, order_id)]
            if not ids:
                del self._ids[place]


class BitfinexOrdersFeed:
    """One connection that carries nothing but single orders."""

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=link,
        join=link,
        snapshot_by_request=False,
        checksum="crc_order_ids_signed",
        checksum_levels=COVERED,
        orders=OrderFormat(0, 1, 2),
        note="one count over all frames of a connection; beside it a CRC32 of the first 25 orders a side",
    )

    def __init__(self) -> None:
        self._line = Line()
        self._queues: dict[str, _Queues] = {}

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One message an instrument; subscriptions to anything but orders are not this connection's."""
        wanted = (s for s in distinct(subscriptions) if s.channel is Channel.ORDERS)
        return connect({**_ASKED, "symbol": s.instrument.symbol} for s in wanted)

    def worded(self, text: str) -> str:
        """What brings a lost book again on this connection."""
        return self._line.worded(text)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame. Raises `ProtocolError` and, at maintenance, `VenueUnavailable`."""
        try:
            if frame[0] == BRACE:
                return self._line.event(frame)
            told, start = self._line.channel(frame)
            if frame[start] == QUOTE:
                return self._named(frame, told, frame[start + 1 : start + 3])
            if told is None or told.kind != RAW:
                return self._line.strange(frame, f"channel {told.kind if told else 'that was not told'}")
            if frame[start + 1] == BRACKET or frame[start + 1 : start + 2] == b"]":
                return self._snapshot(frame, told.symbol)
            return self._changed(frame, told.symbol)
        except UNREADABLE as error:
            raise refused(error, frame) from error

    def _named(self, frame: Frame, told: Told | None, name: bytes) -> Events:
        if name == b"hb":
            return self._line.heartbeat(frame)
        if name == b"cs" and told is not None and told.kind == RAW:
            return self._line.checksum(frame, told.symbol, orders=True)
        return self._line.strange(frame, f"{bytes(name)!r} of {told}")

    def _snapshot(self, frame: Frame, symbol: str) -> Events:
        b = _book(frame)
        if b.seq <= self._line.last:
            return self._line.placed(b.seq, ())
        queues, found = _Queues(), []
        for order in b.orders:
            (size, ask), (price, _) = number(order.amount), number(order.price)
            found.append((order.order_id, ask, price, size))
            tuple(queues.put(*found[-1]))
        self._queues[symbol] = queues
        found.sort()
        bids, asks = (_side(row for row in found if row[1] is ask) for ask in (False, True))
        return self._line.placed(b.seq, (OrdersSnapshot(symbol, bids, asks, b.seq, b.at * MS),))

    def _changed(self, frame: Frame, symbol: str) -> Events:
        f = _update(frame)
        if f.seq <= self._line.last:
            return self._line.placed(f.seq, ())  # its change was made: the queues stay as they are
        (size, ask), (price, _) = number(f.order.amount), number(f.order.price)
        queues = self._queues.setdefault(symbol, _Queues())
        order_id = f.order.order_id
        told: tuple[OrderEvent, ...]
        if price == "0":
            queues.take(order_id)
            told = (OrderEvent(_REMOVE, str(order_id)),)
        else:
            told = tuple(queues.put(order_id, ask, price, size))
        bids, asks = ((), told) if ask else (told, ())
        return self._line.placed(f.seq, (OrdersDelta(symbol, bids, asks, f.seq, f.seq, 0, f.at * MS),))


def _side(rows: Iterator[tuple[int, bool, str, str]]) -> bytes:
    return b"[" + b",".join(b"[%d,%b,%b]" % (one, price.encode(), size.encode()) for one, _, price, size in rows) + b"]"


def speaks_orders(url: str, first: Frame) -> bool:
    """Whether a recorded connection is of single orders, as far as its first frame tells a raw book: URL and greeting
    are those of every other."""
    return b'"prec":"R0"' in first[:400]
