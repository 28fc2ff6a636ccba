"""What a venue's frames say, as frozen values, and what a codec may ask for.

Enters: decoded frames. Leaves: events in the venue's own words (symbols, sequence numbers, raw level arrays) for the
book's sync. Never: a parsed level — the core reads those, once, in the call that applies them.
"""

from enum import Enum

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Side

RawLevels = bytes | msgspec.Raw
"""The JSON text of an array of levels, exactly as the venue wrote it."""


class LevelFormat(msgspec.Struct, frozen=True):
    """Where price and size stand in one level: positions in an array, or keys of an object.

    `[["61837.63","1.5"], …]` is the default; `{"price_level": "68900.00", "new_quantity": "1.5", "side": "bid"}` is
    `LevelFormat("price_level", "new_quantity", "side", "bid")`. With `side`, one array holds both sides and stands in
    `bids`; a level whose side is not the text `bid` must have the side `ask`.
    """

    price: int | str = 0
    size: int | str = 1
    side: int | str | None = None
    bid: str = ""
    ask: str = ""

    def __post_init__(self) -> None:
        places = [place for place in (self.price, self.size, self.side) if place is not None]
        if len({type(place) for place in places}) != 1 or any(isinstance(p, int) and p < 0 for p in places):
            raise ValueError(f"a level format has positions from 0 or keys, not both: {self}")


class OrderFormat(msgspec.Struct, frozen=True):
    """Where id, price and size of one order stand in a snapshot's arrays: positions of an array, or keys of an object.

    `[["295.96","0.05","da863862-…"], …]` is `OrderFormat(2, 0, 1)`. Orders of one price stand in the order in which
    they would execute.
    """

    order_id: int | str
    price: int | str
    size: int | str

    def __post_init__(self) -> None:
        places = (self.order_id, self.price, self.size)
        if len({type(place) for place in places}) != 1 or any(isinstance(p, int) and p < 0 for p in places):
            raise ValueError(f"an order format has positions from 0 or keys, not both: {self}")


class BookSnapshot(msgspec.Struct, frozen=True, gc=False):
    """The whole book. `version` orders it against deltas: a sequence number, or the event time where there is none."""

    symbol: str
    bids: RawLevels
    asks: RawLevels | None
    version: int
    event_time: Nanos
    checksum: int | None = None


class BookDelta(msgspec.Struct, frozen=True, gc=False):
    """Changed levels: a size of zero removes the level.

    `first` and `version` are the first and last sequence numbers in the frame, `previous` the last one of the frame
    before, where the venue sends them; a venue without sequence numbers gives its event time as `version`.
    """

    symbol: str
    bids: RawLevels
    asks: RawLevels | None
    first: int
    version: int
    previous: int
    event_time: Nanos
    checksum: int | None = None


class OrderChange(Enum):
    """What happened to one order of a book."""

    ADD = "add"  # joins the end of its price's queue
    SET = "set"  # has this price and size now; keeps its place if the price is the same and the size is not greater
    REDUCE = "reduce"  # lost this much size (a match) and keeps its place; at zero it is gone
    REMOVE = "remove"


class OrderEvent(msgspec.Struct, frozen=True, gc=False):
    """One order's change; price and size as written, not read for a removal, price not for a reduction.

    An order that the book does not have is added by SET, and ignored by REDUCE and REMOVE: venues also tell of orders
    that never rested. ADD of one that it has is a `ProtocolError`.
    """

    change: OrderChange
    order_id: str
    price: str = ""
    size: str = ""


class OrdersSnapshot(msgspec.Struct, frozen=True, gc=False):
    """Every order (L3), as raw arrays that the rule's `OrderFormat` reads; otherwise as `BookSnapshot`."""

    symbol: str
    bids: RawLevels
    asks: RawLevels
    version: int
    event_time: Nanos
    checksum: int | None = None


class OrdersDelta(msgspec.Struct, frozen=True, gc=False):
    """Changed orders (L3) of each side, in the order in which they happened; otherwise as `BookDelta`."""

    symbol: str
    bids: tuple[OrderEvent, ...]
    asks: tuple[OrderEvent, ...]
    first: int
    version: int
    previous: int
    event_time: Nanos
    checksum: int | None = None


class TopUpdate(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of a faster channel, as written; sizes None where the channel does not tell them.

    `version` is comparable with the depth's versions of the same instrument; 0 if the venue gives nothing to compare,
    and then it makes no price. An empty side is the price `"0"` with the size `"0"`.
    """

    symbol: str
    bid: str
    bid_size: str | None
    ask: str
    ask_size: str | None
    version: int
    event_time: Nanos


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A public trade; price and size as written, `side` is the taker's, `trade_id` empty where the venue tells none.

    `event_time` is when the venue told of it, `trade_time` when the orders met, where it says both; 0: at `event_time`.
    """

    symbol: str
    trade_id: str
    price: str
    size: str
    side: Side
    event_time: Nanos
    trade_time: Nanos = 0

    @property
    def matched_at(self) -> Nanos:
        """When the orders met."""
        return self.trade_time or self.event_time


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """The connection lives though nothing changed. `event_time` 0 if the venue does not say it."""

    event_time: Nanos = 0


class Notice(msgspec.Struct, frozen=True, gc=False):
    """An acknowledgement, status or refusal that changes no book. `ok` False means a subscription failed."""

    kind: str
    text: str = ""
    ok: bool = True


class Reconnect(msgspec.Struct, frozen=True, gc=False):
    """The venue is about to end this connection and wants another one in its place; until then its books are good.

    `reason` in the venue's words. A second connection is opened beside it, and this one closed when that carries its
    books. A venue whose books are not good any more is told by a `VenueUnavailable` or a `Resync` instead.
    """

    reason: str


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """A frame of a kind this codec does not know; counted, never guessed at."""

    kind: str


class Send(msgspec.Struct, frozen=True, gc=False):
    """A command: write this text to the connection. `conn` empty: the connection that the command came from."""

    text: str
    conn: str = ""


class Resync(msgspec.Struct, frozen=True, gc=False):
    """A command: the stream is not proven any more. `symbol` None means every book of the connection."""

    symbol: str | None
    reason: str


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """A command: ask for the snapshot of this symbol. An answer that comes after `conn` closed is thrown away."""

    symbol: str
    conn: str = ""


class FetchTime(msgspec.Struct, frozen=True, gc=False):
    """A command: ask the venue for its server time."""


class Sign(msgspec.Struct, frozen=True, gc=False):
    """A command: make what the next dial of `conn` subscribes by; ask the venue for it where it must be."""

    conn: str


class Dial(msgspec.Struct, frozen=True, gc=False):
    """A command: open the connection `conn`. It is answered by one opening or one closing, whatever happens."""

    url: str
    conn: str


class Close(msgspec.Struct, frozen=True, gc=False):
    """A command: drop the connection, or the attempt at it, at once; answered by one closing with this reason."""

    reason: str
    conn: str


class Ping(msgspec.Struct, frozen=True, gc=False):
    """A command: a ping of the websocket protocol, where the venue has no text for it."""

    conn: str


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """A command: a tick at this time. Earlier wishes stand; a tick too many does no harm."""

    at: Nanos


Command = Dial | Send | Ping | Fetch | FetchTime | Sign | Close | WakeAt
"""What the connection supervisor asks of a driver."""


FeedEvent = (
    BookSnapshot
    | BookDelta
    | OrdersSnapshot
    | OrdersDelta
    | TopUpdate
    | Trade
    | Heartbeat
    | Notice
    | Reconnect
    | Unknown
)
"""What `decode` may yield beside the commands `Send` and `Resync`."""
