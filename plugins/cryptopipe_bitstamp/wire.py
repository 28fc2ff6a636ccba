"""What Bitstamp's frames look like, as far as they are read, and what every stream of a connection has in common.

Enters: the bytes of one frame. Leaves: typed values, levels as text; the meaning of control frames; parts of
subscriptions that one connection can carry. Never: a number as JSON wrote it where the venue also writes its text.

www.bitstamp.net/websocket/v2/ as quoted by others who rendered it on 2026-09-15 (the page itself could not be read),
with what they measured on the same day; current as of 2026-11-21.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from cryptopipe.api import Channel, FeedEvent, Heartbeat, Notice, Reconnect, Resync, Subscription, Unknown, VenueId

VENUE = VenueId("bitstamp")
URL = "wss://ws.bitstamp.net"
"""One address for every market and channel."""
MICROSECOND = 1_000
UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""
HEARTBEAT = '{"event":"bts:heartbeat"}'
HEARTBEAT_EVERY_S = 20
"""The venue answers a client's heartbeat and sends none of its own; a quiet book was silent for up to 49 s."""

_CHANNELS_A_CONNECTION = 1000
""" "Attempting a 1025th subscription causes the connection to be silently closed"."""

Events = tuple[FeedEvent | Resync, ...]
Micros = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000_000)]
"""Microseconds since 1970, in decimal text, whose nanoseconds fit into 64 bits."""


class BookData(msgspec.Struct, gc=False):
    """Of `diff_order_book_…` changed levels, of `order_book_…` the best hundred."""

    micros: Micros = msgspec.field(name="microtimestamp")
    bids: msgspec.Raw
    asks: msgspec.Raw


class BookFrame(msgspec.Struct, gc=False):
    """`{"data":{"timestamp":"1641343691","microtimestamp":"1641343691310202","bids":[],"asks":[["1.17438",
    "853.01809477"],["1.17484","0.00000000"]]},"channel":"diff_order_book_adaeur","event":"data"}`
    """

    data: BookData
    channel: str
    event: Literal["data"]


class TradeData(msgspec.Struct, gc=False):
    """`type` is the taker's side: of the two orders the newer one's. Ids of contracts' trades are above 2⁵³."""

    trade_id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = msgspec.field(name="id")
    type: Literal[0, 1]
    micros: Micros = msgspec.field(name="microtimestamp")
    price: str = msgspec.field(name="price_str")
    size: str = msgspec.field(name="amount_str")


class TradeFrame(msgspec.Struct, gc=False):
    """`{"data":{"id":216000477,"timestamp":"1641343699","amount":0.0792,"amount_str":"0.07920000","price":3805.44,…`"""

    data: TradeData
    channel: str
    event: Literal["trade"]


class OrderData(msgspec.Struct, gc=False):
    """`amount_str` is what is left. `amount_traded` is of this event or of all, as others found; it is not read."""

    order_id: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="id_str")
    side: Literal[0, 1] = msgspec.field(name="order_type")
    micros: Micros = msgspec.field(name="microtimestamp")
    size: str = msgspec.field(name="amount_str")
    price: str = msgspec.field(name="price_str")


class OrderFrame(msgspec.Struct, gc=False):
    """`pre_event_id` is the `event_id` of the frame before it on its channel."""

    data: OrderData
    channel: str
    event: Literal["order_created", "order_changed", "order_deleted"]
    event_id: Annotated[str, msgspec.Meta(min_length=1)]
    pre_event_id: str
    order_source: str = "orderbook"


class Told(msgspec.Struct):
    """`{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}`: any frame."""

    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Error(msgspec.Struct):
    code: int | str | None = None
    message: str = ""


def _reader(kind: type) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind, strict=False).decode  # not strict: integers in text


book_frame: Callable[[bytes], BookFrame] = _reader(BookFrame)
trade_frame: Callable[[bytes], TradeFrame] = _reader(TradeFrame)
order_frame: Callable[[bytes], OrderFrame] = _reader(OrderFrame)
told_frame: Callable[[bytes], Told] = _reader(Told)
level: Callable[[bytes | memoryview], tuple[str, str]] = msgspec.json.Decoder(tuple[str, str]).decode


def control(found: Told) -> Events:
    """The frames about the connection.

    `bts:request_reconnect` leaves "a few seconds to reconnect"; until then its books are good. An unknown lower-case
    channel is acknowledged too and never speaks.
    """
    if found.event == "bts:heartbeat":
        return (Heartbeat(),)
    if found.event == "bts:error":
        error = msgspec.json.decode(found.data, type=_Error)
        return (Notice(found.event, f"{error.message} ({error.code})" if error.code else error.message, ok=False),)
    if found.event == "bts:request_reconnect":
        return (Reconnect(found.event),)
    if found.event.startswith("bts:"):
        return (Notice(found.event, found.channel),)
    return (Unknown(found.event),)


def subscribe(channel: str) -> str:
    """The text that asks for one channel; the venue takes one a text, of less than 512 bytes."""
    return f'{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}'


def split(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """Single orders on connections of their own, and no more channels than a connection carries."""
    orders = [one for one in subscriptions if one.channel is Channel.ORDERS]
    rest = [one for one in subscriptions if one.channel is not Channel.ORDERS]
    size = _CHANNELS_A_CONNECTION
    return [part[n : n + size] for part in (rest, orders) for n in range(0, len(part), size)]
