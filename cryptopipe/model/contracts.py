"""What an exchange plugin is.

Enters: nothing. Leaves: the protocols, and the record that an entry point names. Never: an implementation.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cryptopipe.clock import Nanos
from cryptopipe.model.custody import CustodyTerms
from cryptopipe.model.events import BookSnapshot, OrdersSnapshot, Trade
from cryptopipe.model.facts import Currency, FeeSchedule, Instrument, VenueId
from cryptopipe.model.stream import (
    Channel,
    Credentials,
    FeedCodec,
    Frame,
    HttpRequest,
    HttpResponse,
    StreamSigner,
    Subscription,
)

if TYPE_CHECKING:
    from cryptopipe.model.accounts import SimulatedDesk
    from cryptopipe.model.actions import ActionCodec, PrivateStream
    from cryptopipe.model.simulated import SandboxVenue, SimulatedBook

API_VERSION = 1
"""Raised when a plugin written for the former version would break."""


class SnapshotCodec(Protocol):
    """Only where a snapshot is a REST answer. `symbol_of` says whose answer a URL asks for, None if it cannot tell.

    Where a venue's books of single orders come by request too, a `Dialect` brings the codec of their snapshots.
    """

    def request(self, instrument: Instrument) -> HttpRequest: ...
    def symbol_of(self, url: str) -> str | None: ...
    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> BookSnapshot | OrdersSnapshot: ...


class ClockCodec(Protocol):
    """Asks for the venue's server time; what it says is cut to `resolution`."""

    resolution: Nanos

    def request(self) -> HttpRequest: ...
    def server_time(self, response: HttpResponse) -> Nanos: ...


@dataclass(frozen=True)
class TradeSpan:
    """Trades of one symbol that were not told: those between two that were, which are not missing themselves. Times are
    those at which the orders met."""

    symbol: str
    after_id: str
    before_id: str
    since: Nanos
    until: Nanos


class TradeHistoryCodec(Protocol):
    """Public trades of the past, as the venue's answers tell them.

    `consecutive`: ids of one symbol grow by one from trade to trade, so that a hole shows in them; else one is only
    supposed where a connection was lost. `request` asks at `at` for the span so that the answer tells again the trade
    before it or the one after it, with as much of the span as one answer holds: that is how anybody knows which part of
    the span it covers. None: the venue does not tell trades that are so old. `trades` are those of one answer, oldest
    first, with the ids, sides and digits that the stream has; it raises `ProtocolError` or a `VenueError`.
    """

    consecutive: bool

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None: ...
    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]: ...


@dataclass(frozen=True)
class Listing:
    """What one metadata answer says; what it does not speak of is empty. `fees` None: nothing about them; `delists`: by
    symbol when trading ends, where an answer tells that alone.
    """

    instruments: Sequence[Instrument] = ()
    currencies: Sequence[Currency] = ()
    fees: FeeSchedule | None = None
    delists: Mapping[str, Nanos] = field(default_factory=dict)


class MetadataCodec(Protocol):
    """Instruments with rules and state, currencies with their networks, fees: from the venue's public answers.

    `requests` are asked, one by one and in this order, soon after the start and then every `refresh`. `read` tells by
    the URL which answer it has, and raises `ProtocolError` or a `VenueError`. In a run an answer's rules, state and end
    take the place of those known before (docs/metadata.md); an instrument that trades and has no rules is only listed,
    and changes neither.
    """

    refresh: Nanos

    def requests(self) -> Sequence[HttpRequest]: ...
    def read(self, response: HttpResponse) -> Listing: ...


@dataclass(frozen=True)
class Limit:
    """At most `count` attempts in any span of `per` nanoseconds; `source` is the page that says so, and the day."""

    count: int
    per: Nanos
    source: str = ""

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
    books, by symbol. A run that names no venue is over those of `first_choice`. `signer`: where public streams need a
    key. `metadata`: what the venue says of itself. `lifetime`: how long the venue lets a connection live; it is
    replaced before. `source`: where the codec's URL begins with `source:`, what a driver
    runs instead of a websocket: it gets that URL, and ends or raises a `VenueError` where a connection would close.
    `actions`: the codec of orders, balances and transfers, over the instruments of a run. `private`: the stream of
    orders, fills and balances. `trading_sandbox`: the simulated venue with its private side, over the same books and
    the accounts of a desk; `wallets`: the currencies and networks that this desk has; `sandbox_key`: how a sandbox's
    key looks to clients of this venue, where its secrets are of another kind; `custody`: what it asks of an account
    before coins move; `trade_history`: public trades of the past.
    """

    venue: VenueId
    api_version: int
    docs: str
    feed: Callable[[], FeedCodec]
    instruments: Instruments
    fees: FeeSchedule
    snapshots: SnapshotCodec | None = None
    dialects: Sequence["Dialect"] = ()
    split: Callable[[Sequence[Subscription]], Sequence[Sequence[Subscription]]] = on_one_connection
    clock: ClockCodec | None = None
    dial_limits: Sequence[Limit] = ()
    fetch_limits: Sequence[Limit] = ()
    sandbox: Callable[[Mapping[str, "SimulatedBook"]], "SandboxVenue"] | None = None
    first_choice: bool = False
    signer: StreamSigner | None = None
    metadata: MetadataCodec | None = None
    lifetime: Nanos | None = None
    source: Callable[[str], AsyncIterator[Frame]] | None = None
    actions: Callable[[Sequence[Instrument]], "ActionCodec"] | None = None
    private: "PrivateStream | None" = None
    trading_sandbox: Callable[[Mapping[str, "SimulatedBook"], "SimulatedDesk"], "SandboxVenue"] | None = None
    wallets: Callable[[], Sequence[Currency]] | None = None
    sandbox_key: Callable[[Credentials], Credentials] | None = None
    custody: CustodyTerms | None = None
    trade_history: TradeHistoryCodec | None = None

    def in_sandbox(self, key: Credentials) -> Credentials:
        """A sandbox's key as clients of this venue have it."""
        return key if self.sandbox_key is None else self.sandbox_key(key)

    @property
    def capabilities(self) -> frozenset[str]:
        """In words: `feed`, and of `orders` (L3), `metadata`, `sandbox`, `source`, `actions`, `private`, `accounts`
        what is there.
        """
        brought = {
            "feed": True,
            "orders": any(Channel.ORDERS in one.channels for one in self.dialects),
            "metadata": self.metadata is not None,
            "sandbox": self.sandbox is not None,
            "source": self.source is not None,
            "actions": self.actions is not None,
            "private": self.private is not None,
            "accounts": self.trading_sandbox is not None,
            "trade_history": self.trade_history is not None,
        }
        return frozenset(name for name, there in brought.items() if there)


@dataclass(frozen=True)
class ExchangeFamily:
    """What an entry point may name instead: many venues of one make. Its name there is `pattern`, such as `alpha_*`;
    `make` gets what a user wrote, such as `alpha_west`, and raises `UsageError` for a name that it has not.
    """

    pattern: str
    api_version: int
    docs: str
    make: Callable[[str], ExchangePlugin]
    capabilities: frozenset[str] = frozenset({"feed", "source"})


@dataclass(frozen=True)
class Dialect:
    """Another form of a venue's feed: an older one, or that of an endpoint whose symbols mean something else. `speaks`
    judges the URL (empty where a recording does not tell it) and the first payload of a connection.

    `channels` are those that live subscriptions get by this form: empty for one that is only read, `ORDERS` for a
    stream of single orders. `snapshots` is the codec of its REST snapshots.
    """

    name: str
    until: str
    feed: Callable[[], FeedCodec]
    speaks: Callable[[str, Frame], bool]
    channels: frozenset[Channel] = frozenset()
    snapshots: SnapshotCodec | None = None
