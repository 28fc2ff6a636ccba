"""What a supervisor is told: what happened to its connections, and to what it asked for.

Enters: nothing. Leaves: frozen values. Never: a payload.
"""

from collections.abc import Sequence

import msgspec

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.model.events import FeedEvent, Resync, Send
from cryptopipe.model.stream import Connect


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A wake-up that was asked for; the first one starts the venue."""


class Opened(msgspec.Struct, frozen=True, gc=False):
    """The dial of this connection succeeded."""

    conn: str


class Closed(msgspec.Struct, frozen=True, gc=False):
    """A connection has ended, or the attempt at one. `status`: what a refused upgrade was answered with."""

    conn: str
    status: int = 0
    retry_after: str = ""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """What the codec made of one frame."""

    conn: str
    events: Sequence[FeedEvent | Send | Resync]


class Resynced(msgspec.Struct, frozen=True, gc=False):
    """The market's `Resync` after a frame of this connection; told after its `Arrived`."""

    conn: str
    resync: Resync


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A snapshot request has ended. `accepted`: the market took it, that is, returned no `Resync` of the symbol.

    `symbol` is the request's tag, `conn` whose it was. `status` 0: no answer at all.
    """

    symbol: str
    accepted: bool
    status: int = 200
    retry_after: str = ""
    conn: str = ""


class Signed(msgspec.Struct, frozen=True, gc=False):
    """What a connection's next dial subscribes by; None: why there is none, and `final` if asking again is of no use.

    `status` 0: nobody was asked.
    """

    conn: str
    connect: Connect | None
    reason: str = ""
    final: bool = False
    status: int = 0
    retry_after: str = ""


class Carried(msgspec.Struct, frozen=True, gc=False):
    """The market: connection `new` carries all the books of `old`."""

    old: str
    new: str


class TimeAnswered(msgspec.Struct, frozen=True, gc=False):
    """The venue's server time, cut to `resolution`; None if there was none in the answer, or no answer."""

    server_time: Nanos | None
    resolution: Nanos = MILLISECOND
    status: int = 200
    retry_after: str = ""


class Inquired(msgspec.Struct, frozen=True, gc=False):
    """What the venue answered a request that somebody else made of it, within its budget of requests."""

    status: int
    retry_after: str = ""


Told = Tick | Opened | Closed | Arrived | Resynced | Answered | Signed | Carried | TimeAnswered | Inquired
