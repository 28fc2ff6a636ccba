"""What an exchange plugin and a strategy plugin are.

Enters: nothing. Leaves: the protocols and the two records that entry points name. Never: an implementation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.events import BookDelta, BookSnapshot, FeedEvent, LevelFormat, Resync, Send
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.trading import Opportunity

if TYPE_CHECKING:
    from cryptopipe.model.simulated import SandboxVenue, SimulatedBook

API_VERSION = 1
"""Raised when a plugin written for the former version would break."""

Frame = bytes  # one message of a connection, exactly as received


class Link(Enum):
    """How a delta joins what came before."""

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
    before and the delta. `snapshot_by_request`: the snapshot is a REST answer (else it comes in the stream).
    `depth`: levels a side kept after each update, 0 for all. `checksum` names the core's checksum, empty or
    `crc_mantissas` (CRC-32 of the written digits, asks first), over the top `checksum_levels` of each side.
    """

    proof: Proof
    link: Callable[[int, BookDelta], Link]
    join: Callable[[int, BookDelta], Link]
    snapshot_by_request: bool
    level_format: LevelFormat = LevelFormat()  # noqa: RUF009 -- frozen
    depth: int = 0
    checksum: str = ""
    checksum_levels: int = 0
    note: str = ""


def apply_always(last: int, delta: BookDelta) -> Link:
    """The link of a stream without sequence numbers."""
    return Link.APPLY


class Channel(Enum):
    """What may be subscribed to."""

    DEPTH = "depth"
    TOP = "top"
    TRADES = "trades"


class Subscription(msgspec.Struct, frozen=True):
    """One channel of one instrument."""

    instrument: Instrument
    channel: Channel


class StreamAuth(msgspec.Struct, frozen=True):
    """A signature or token made by the driver, which owns the secret; the codec only places it."""

    token: str = ""
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "StreamAuth(…)"


class Connect(msgspec.Struct, frozen=True):
    """Where to dial, what to send once open, and how the connection is kept alive.

    `resubscribe`: by symbol the texts that bring a new snapshot of its book on the same connection; a lost book whose
    symbol is not in it costs the connection.
    """

    url: str
    frames: tuple[str, ...] = ()
    ping_every_s: float | None = None
    ping_text: str | None = None
    resubscribe: Mapping[str, tuple[str, ...]] = {}


class HttpRequest(msgspec.Struct, frozen=True):
    """A request as a value. `body` None for a GET."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class HttpResponse(msgspec.Struct, frozen=True):
    """An answer as a value, with the URL it answers (empty where a recording does not tell it)."""

    status: int
    body: bytes
    url: str = ""
    headers: Mapping[str, str] = {}


class FeedCodec(Protocol):
    """One public connection as a pure state machine: no socket, task, clock or log.

    `rule` is the sync rule of its books. `decode` gets one frame and yields events and commands; it raises
    `ProtocolError` or a `VenueError` and nothing else.
    """

    rule: SyncRule

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect: ...
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent | Send | Resync]: ...


class SnapshotCodec(Protocol):
    """Only where a snapshot is a REST answer. `symbol_of` says whose answer a URL asks for, None if it cannot tell."""

    def request(self, instrument: Instrument) -> HttpRequest: ...
    def symbol_of(self, url: str) -> str | None: ...
    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> BookSnapshot: ...


class ClockCodec(Protocol):
    """Asks for the venue's server time; what it says is cut to `resolution`."""

    resolution: Nanos

    def request(self) -> HttpRequest: ...
    def server_time(self, response: HttpResponse) -> Nanos: ...


@dataclass(frozen=True)
class Limit:
    """At most `count` attempts in any span of `per` nanoseconds."""

    count: int
    per: Nanos

    def __post_init__(self) -> None:
        if self.count < 1 or self.per < 1:
            raise ValueError(f"a limit allows at least one attempt in a span above zero: {self}")


class Instruments(Protocol):
    """What the plugin knows of the venue's instruments without asking the venue."""

    def listed(self) -> Sequence[Instrument]:
        """Instruments with known rules, from the plugin's dated data file."""

    def find(self, symbol: str) -> Instrument:
        """The instrument of a symbol: listed, or read off its spelling with rules unknown. Raises `ProtocolError`."""


def on_one_connection(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """All of them together."""
    return [subscriptions] if subscriptions else []


@dataclass(frozen=True)
class ExchangePlugin:
    """What an entry point of `cryptopipe.exchanges` names: one venue.

    `feed` makes a codec for one connection. `dialects` are the other forms its connections may have, newest first: each
    has a name, the day it ended or was superseded (empty for another endpoint of today), and a test on the URL and the
    first frame of a connection. `split` parts subscriptions into connections, where a venue has several endpoints or a
    limit; each part is what one codec's `connect` gets. `dial_limits` are the venue's own on connections, beside
    ours; `fetch_limits` those on requests, in place of ours. `sandbox` makes the simulated venue over the engine's
    books, by symbol. A run that names no venue is over those of `first_choice`.
    """

    venue: VenueId
    api_version: int
    docs: str
    feed: Callable[[], FeedCodec]
    instruments: Instruments
    fees: FeeSchedule
    snapshots: SnapshotCodec | None = None
    dialects: Sequence["Dialect"] = ()
    capabilities: frozenset[str] = frozenset({"feed"})
    split: Callable[[Sequence[Subscription]], Sequence[Sequence[Subscription]]] = on_one_connection
    clock: ClockCodec | None = None
    dial_limits: Sequence[Limit] = ()
    fetch_limits: Sequence[Limit] = ()
    sandbox: Callable[[Mapping[str, "SimulatedBook"]], "SandboxVenue"] | None = None
    first_choice: bool = False


@dataclass(frozen=True)
class Dialect:
    """Another form of a venue's feed: an older one, or that of an endpoint whose symbols mean something else. `speaks`
    judges the URL (empty where a recording does not tell it) and the first payload of a connection.
    """

    name: str
    until: str
    feed: Callable[[], FeedCodec]
    speaks: Callable[[str, Frame], bool]


class Top(Protocol):
    """The best prices of one book, as the core gives them; sizes in base (or contracts), None for an empty side."""

    @property
    def bid(self) -> Decimal | None: ...
    @property
    def bid_size(self) -> Decimal | None: ...
    @property
    def ask(self) -> Decimal | None: ...
    @property
    def ask_size(self) -> Decimal | None: ...
    @property
    def bid_units(self) -> int | None:
        """The bid in units of 10⁻¹²."""

    @property
    def ask_units(self) -> int | None:
        """The ask in units of 10⁻¹²."""

    @property
    def version(self) -> int: ...
    @property
    def event_time(self) -> Nanos: ...
    @property
    def received_at(self) -> Nanos: ...


Ladder = Sequence[tuple[Decimal, Decimal]]  # best first, as displayed now and not yet taken by our own paper orders


class MarketView(Protocol):
    """What a strategy may read: live books only, at the stamp of the turn. While `turn` is the same nothing changes."""

    @property
    def now(self) -> Nanos: ...
    @property
    def turn(self) -> int: ...
    @property
    def instruments(self) -> Sequence[Instrument]: ...
    def top(self, instrument: Instrument) -> Top | None:
        """None unless the book is live and both its sides have a level."""

    def ladder(self, instrument: Instrument, side: Side) -> Ladder:
        """What a taker on `side` can take: the asks for a buyer. Empty unless the book is live."""

    def proof(self, instrument: Instrument) -> Proof: ...
    def age(self, instrument: Instrument) -> Nanos:
        """Since the last frame of this instrument."""

    def fees(self, instrument: Instrument) -> FeeSchedule | None:
        """What the account pays there; None if unknown."""

    def balance(self, venue: VenueId, asset: Asset) -> Decimal: ...


class Strategy(Protocol):
    """Looks at the market and proposes. Never orders, sleeps or reads a clock.

    `start` is told every instrument of the run, again when one appears; `evaluate` is asked once a turn for each
    changed instrument, and yields every edge whose gross value is above zero: the gate says which are refused.
    """

    def start(self, instruments: Sequence[Instrument]) -> None: ...
    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]: ...


@dataclass(frozen=True)
class StrategyPlugin:
    """What an entry point of `cryptopipe.strategies` names. `settings` is its section of the configuration."""

    name: str
    api_version: int
    docs: str
    settings: type[Any]
    make: Callable[[Any], Strategy]
    capabilities: frozenset[str] = field(default_factory=frozenset)
