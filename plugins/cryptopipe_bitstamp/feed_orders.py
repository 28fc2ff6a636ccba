"""Bitstamp's stream of single orders (L3): live_orders.

Enters: frames `order_created`, `order_changed`, `order_deleted` of `live_orders_btcusd`. Leaves: `OrdersDelta`s linked
by the venue's chain of event ids, and a resync of the one book whose chain breaks. Never: an id read as a number, or an
order that never rests (a market order has no price).

www.bitstamp.net/websocket/v2/ as quoted by others who rendered it on 2026-09-15 (the page itself could not be read),
and frames captured on 2026-08-09 and 2026-09-15 in public repositories; current as of 2026-11-21. What the page does
not say is from studies of captures (public repositories, looked up 2026-11-21), named where it is used. No capture of
ours confirms it. Those studies also found orders in the REST answer, mostly of quiet markets, that were gone before: a
ghost of this kind stays in the book, and while it crosses the other side there is no top.
"""

from collections.abc import Sequence

from cryptopipe.api import (
    Channel,
    Connect,
    Frame,
    Link,
    Nanos,
    OrderChange,
    OrderEvent,
    OrderFormat,
    OrdersDelta,
    Proof,
    ProtocolError,
    Resync,
    StreamAuth,
    Subscription,
    SyncRule,
)
from cryptopipe_bitstamp.wire import (
    HEARTBEAT,
    HEARTBEAT_EVERY_S,
    MICROSECOND,
    UNREADABLE,
    URL,
    VENUE,
    Events,
    OrderFrame,
    control,
    order_frame,
    subscribe,
    told_frame,
)

_CHANNEL = "live_orders_"
_AT = len(_CHANNEL)
_I = ord("i")  # stands at 10 in `{"data":{"id"`
_MILLISECOND = 1000  # in microseconds
_REMEMBERED = 1024
"""Prices of the newest orders: a taker's changes come within the millisecond of its creation."""
_NOT_HEARD = 2**62
"""The `previous` of an event of a millisecond that was not heard from its beginning: it follows no book."""
_MARKET_BUY = "999999999"
"""The price of a market order to buy, as recorded on 2023-09-04; to sell it is zero."""
_SET, _REMOVE = OrderChange.SET, OrderChange.REMOVE


def joins(last: int, delta: OrdersDelta) -> Link:
    """After a snapshot of that microsecond; the stream's times are cut to milliseconds.

    Events of the snapshot's own millisecond may be in it or not: all are applied, which brings the same orders whether
    they were in it or not (a place in a queue may differ where one of them made its order greater). A snapshot that has
    not reached the millisecond of the event before the first one heard is too old.
    """
    begin = last - last % _MILLISECOND
    if delta.version < begin:
        return Link.SKIP
    before = delta.previous or delta.version - _MILLISECOND
    return Link.APPLY if before < begin + _MILLISECOND else Link.GAP


def links(last: int, delta: OrdersDelta) -> Link:
    """Each event goes on from the one before it."""
    if delta.previous == last:
        return Link.APPLY
    return Link.SKIP if delta.version <= last else Link.GAP


class _Chain:
    """What a connection knows of one channel: the event that must have come before, and prices of new orders. `begun`
    is a millisecond of whose events the first ones were not heard, until it is over.
    """

    __slots__ = ("begun", "event_id", "prices", "version")

    def __init__(self) -> None:
        self.event_id = ""
        self.begun = 0
        self.version = 0
        self.prices: dict[str, str] = {}


class BitstampOrdersFeed:
    """One connection of single orders.

    Events are not numbered; each names the one before, `pre_event_id`. Versions are the events' microseconds, made to
    rise where several have the same millisecond; `previous` is the version of the event before, or, of the first one
    heard, the time that its `pre_event_id` begins with (see `_before`).

    `{"data":{"id":2037493297635328,"id_str":"2037493297635328","order_type":0,"order_subtype":5,"datetime":"1786269862",
    "microtimestamp":"1786269861947000","amount":0.00171371,"amount_str":"0.00171371","amount_traded":"0",
    "amount_at_create":"0.00171371","price":58356.1,"price_str":"58356.10","is_liquidation":false},
    "channel":"live_orders_btcusd","event":"order_deleted","event_id":"0006589a-5c98-2678-0000-000101000020",
    "pre_event_id":"0006589a-5c97-f798-0000-000100000020","order_source":"orderbook"}`
    """

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=links,
        join=joins,
        snapshot_by_request=True,
        orders=OrderFormat(2, 0, 1),
        transient_cross=True,  # a taker is told as created at its limit, then changed with those it meets
        note="the codec checks that each event names the one before; versions are made from microtimestamps",
    )

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One text a market; public. Other channels than single orders are not carried."""
        self._chains.clear()
        symbols = dict.fromkeys(one.instrument.symbol for one in subscriptions if one.channel is Channel.ORDERS)
        texts = tuple(subscribe(f"{_CHANNEL}{symbol}") for symbol in symbols)
        return Connect(URL, texts, ping_every_s=HEARTBEAT_EVERY_S, ping_text=HEARTBEAT)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame. A frame that is there again yields nothing."""
        try:
            if frame[10] == _I:
                return self._on_order(order_frame(frame))
        except UNREADABLE:
            pass  # not that shape after all
        try:
            found = told_frame(frame)
            if found.channel.startswith(_CHANNEL) and not found.event.startswith("bts:"):
                return self._on_order(order_frame(frame))
            return control(found)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _on_order(self, f: OrderFrame) -> Events:
        if not f.channel.startswith(_CHANNEL):
            raise ValueError(f"an order of {f.channel}")
        if not f.data.order_id.isascii():  # nothing would ever take such an order out of the book
            raise ValueError(f"not an order's id: {f.data.order_id[:60]!r}")
        symbol, micros = f.channel[_AT:], f.data.micros
        chain = self._chains.get(symbol)
        if chain is None:
            chain = self._chains[symbol] = _Chain()
        expected, previous = chain.event_id, chain.version
        if f.event_id == expected:
            return ()
        version = micros if micros > previous else previous + 1
        chain.event_id, chain.version = f.event_id, version
        linked = f.pre_event_id == expected
        if not linked:
            previous = _before(f)
        changes = _changes(f, chain.prices)
        if not expected and previous == micros:
            chain.begun = micros
        if chain.begun == micros:  # not told, and no book of that millisecond or before may pass for whole
            return (OrdersDelta(symbol, (), (), version, version, _NOT_HEARD, micros * MICROSECOND),)
        if chain.begun:
            previous, chain.begun = max(previous, chain.begun + _MILLISECOND), 0
        bids, asks = ((), changes) if f.data.side else (changes, ())
        delta = OrdersDelta(symbol, bids, asks, version, version, previous, micros * MICROSECOND)
        if linked or not expected:
            return (delta,)
        reason = f"sequence gap on {VENUE}:{symbol}: expected an event after {expected}, got one after {f.pre_event_id}"
        return (Resync(symbol, reason), delta)


def _changes(f: OrderFrame, prices: dict[str, str]) -> tuple[OrderEvent, ...]:
    """What the event does to the book; empty for nothing: a market order, or one that is not in the book yet, such as a
    stop (`order_source` is then another word; the page's own word for the book is `orderbook`).

    An order's price is that of its creation: while it takes, changes tell the price of the match (a study of captures).
    `amount_str` is what is left; nothing left of one that was created with an amount of zero either.
    """
    d, event = f.data, f.event
    if f.order_source != "orderbook":
        return ()
    if event == "order_deleted":
        return (OrderEvent(_REMOVE, d.order_id),)
    if event == "order_created":
        price = prices[d.order_id] = d.price
        if len(prices) > _REMEMBERED:
            del prices[next(iter(prices))]
    else:
        price = prices.get(d.order_id, d.price)
    if price == _MARKET_BUY or not price.strip("0."):
        return ()
    return (OrderEvent(_SET, d.order_id, price, d.size),)


def _before(f: OrderFrame) -> int:
    """Microseconds of the event before, which ids begin with in hexadecimal; 0 unless this event's own id bears it out.

    Nobody documents it; the ids of all captured frames known keep to it, and each frame is its own test.
    """
    try:
        own, before = (int(one[:18].replace("-", ""), 16) for one in (f.event_id, f.pre_event_id))
    except ValueError:
        return 0
    return before if own == f.data.micros and 0 < before <= own else 0
