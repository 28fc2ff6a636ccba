"""What one connection is to carry, and where it may stand.

Enters: names, the codec's `Connect`, streams. Leaves: frozen values. Never: a connection of both levels and single
orders.
"""

from dataclasses import dataclass
from enum import Enum

from cryptopipe.clock import Nanos
from cryptopipe.market.supply import Stream
from cryptopipe.model.stream import Channel, Connect


class Stage(Enum):
    """Where a connection stands."""

    WAITING = "waiting"  # until back-off and bucket allow a dial
    SIGNING = "signing"  # what lets one subscribe is being made
    DIALING = "dialing"
    OPEN = "open"
    CLOSING = "closing"  # told to close; the driver's word is out
    REFUSED = "refused"  # the venue does not accept the key: it is not asked again


class Access(Enum):
    """What a connection needs before it is dialled, anew each time."""

    PUBLIC = "public"
    SIGNATURE = "signature"
    TOKEN = "token"  # which the venue is asked for


@dataclass(frozen=True)
class Feed:
    """One connection to hold: its name, the codec's `Connect`, its watched streams, where its snapshots come from.

    `lifetime`: how long its venue lets it live; `joins`: deltas of two such connections make one stream.
    """

    conn: str
    connect: Connect
    streams: tuple[Stream, ...]
    snapshot_by_request: bool = False
    access: Access = Access.PUBLIC
    lifetime: Nanos | None = None
    joins: bool = False

    def __post_init__(self) -> None:
        keys = [(stream.symbol, stream.channel) for stream in self.streams]
        channels = {channel for _, channel in keys}
        if len(set(keys)) != len(keys) or Channel.TRADES in channels:
            raise ValueError(f"{self.conn} needs streams of depth, top or orders, each of them once: {keys}")
        if Channel.ORDERS in channels and len(channels) > 1:
            raise ValueError(f"{self.conn} has streams of single orders and others: {keys}")
