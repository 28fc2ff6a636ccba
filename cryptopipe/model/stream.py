"""How one public stream is subscribed to, kept alive, signed and proven.

Enters: nothing. Leaves: the values and protocols of a connection's two ends. Never: an implementation.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.events import BookDelta, FeedEvent, LevelFormat, OrderFormat, OrdersDelta, Resync, Send
from cryptopipe.model.facts import Instrument
from cryptopipe.model.sealed import Hidden, Sealed, SealedValue

Frame = bytes  # one message of a connection, exactly as received


class Link(Enum):
    """How a delta joins what came before: it is next, the book holds it already, or something between is missing."""

    APPLY = "apply"
    SKIP = "skip"
    GAP = "gap"


class Proof(Enum):
    """How a stream shows that no frame is missing. `none` is never reported as proven."""

    SEQUENCE = "sequence"
    CHECKSUM = "checksum"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SyncRule:
    """A venue's rule for keeping a book, as a value; the one `BookSync` carries it out.

    `join` judges deltas until the first one after a snapshot applies, `link` those after it; both get the version
    before and the delta (`OrdersDelta` where single orders are told). `snapshot_by_request`: the snapshot is a REST
    answer (else it comes in the stream). `depth`: levels a side kept after each update, 0 for all. `checksum` names the
    core's checksum over the top `checksum_levels` of each side, empty for none. `orders` is set where the stream tells
    single orders (L3): how one stands in a snapshot; `level_format` is then not read. `transient_cross`: orders may
    cross for a moment, until the venue has told their match; there is no top meanwhile.
    """

    proof: Proof
    link: Callable[[int, Any], Link]
    join: Callable[[int, Any], Link]
    snapshot_by_request: bool
    level_format: LevelFormat = LevelFormat()  # noqa: RUF009 -- frozen
    depth: int = 0
    checksum: str = ""
    checksum_levels: int = 0
    orders: OrderFormat | None = None
    transient_cross: bool = False
    note: str = ""


def apply_always(last: int, delta: BookDelta | OrdersDelta) -> Link:
    """The link of a stream without sequence numbers."""
    return Link.APPLY


class Channel(Enum):
    """What may be subscribed to."""

    DEPTH = "depth"
    TOP = "top"
    TRADES = "trades"
    ORDERS = "orders"  # every single order (L3)


USUAL_CHANNELS = (Channel.DEPTH, Channel.TOP, Channel.TRADES)
"""What a run subscribes to; single orders are asked for by name."""


class Subscription(msgspec.Struct, frozen=True):
    """One channel of one instrument."""

    instrument: Instrument
    channel: Channel


class Credentials(SealedValue):
    """One key of an account. Only a driver holds it; no `repr` shows it, nothing encodes or pickles it."""

    __slots__ = ("key", "passphrase", "secret")
    key: str
    secret: str
    passphrase: str

    def __init__(self, key: str, secret: str, passphrase: str = "") -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "secret", Hidden(secret))
        object.__setattr__(self, "passphrase", passphrase)


class StreamAuth(SealedValue):
    """A signature or token made by the driver, which owns the secret; the codec only places it."""

    __slots__ = ("headers", "token")
    token: str
    headers: Mapping[str, str]

    def __init__(self, token: str = "", headers: Mapping[str, str] = {}) -> None:
        object.__setattr__(self, "token", token)
        object.__setattr__(self, "headers", dict(headers))


class Connect(Sealed, msgspec.Struct, frozen=True):
    """Where to dial, what to send once open, and how the connection is kept alive.

    `resubscribe`: by symbol the texts that bring a new snapshot of its book on the same connection; a lost book whose
    symbol is not in it costs the connection. A text that must name what only the stream tells: see `Worded`.
    """

    url: str
    frames: tuple[str, ...] = ()
    ping_every_s: float | None = None
    ping_text: str | None = None
    resubscribe: Mapping[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"Connect({bare(self.url)}, {len(self.frames)} frames)"


class HttpRequest(Sealed, msgspec.Struct, frozen=True):
    """A request as a value. `body` None for a GET. It may be signed: its `repr` has neither query, headers nor body."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {bare(self.url)})"


class HttpResponse(Sealed, msgspec.Struct, frozen=True):
    """An answer as a value, with the URL it answers (empty where a recording does not tell it). It may be a token."""

    status: int
    body: bytes
    url: str = ""
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {len(self.body)} bytes, {bare(self.url)})"


_USER = re.compile(r"://[^/@\s]*@")


def bare(url: str) -> str:
    """Without its query, which may be signed or hold a token, and without a user and password."""
    return _USER.sub("://", url.partition("?")[0].partition("#")[0])


class StreamSigner(Protocol):
    """Where public streams need a key: makes the `StreamAuth` of one dial from the credentials that the driver owns.

    `channels` are those that need it. `request` is what must be asked first, such as a token; None where a signature
    is enough, and `auth` then gets no response. Both are functions of their arguments; `at` is the stamp of the dial.
    `auth` raises `ProtocolError` or a `VenueError` for an answer without a token.
    """

    channels: frozenset[Channel]

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None: ...
    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth: ...


class FeedCodec(Protocol):
    """One public connection as a pure state machine: no socket, task, clock or log.

    `rule` is the sync rule of its books. `decode` gets one frame and yields events and commands; it raises
    `ProtocolError` or a `VenueError` and nothing else.
    """

    rule: SyncRule

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect: ...
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent | Send | Resync]: ...


@runtime_checkable
class Worded(Protocol):
    """A codec that knows from its stream what a text of its `Connect` must say, such as the number of a channel that is
    to be left. `worded` gives the text that is sent in its place, empty for none; it is not asked before the
    connection's first frame.
    """

    def worded(self, text: str) -> str: ...
