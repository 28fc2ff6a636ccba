"""The plugin author's window: all that an exchange or a strategy needs, and nothing else.

Enters: nothing. Leaves: re-exports. Never: a definition of its own; nothing inside the framework imports it.
"""

from cryptopipe.clock import Nanos, format_at, parse_at, parse_epoch
from cryptopipe.core import Book, Levels, TopOfBook
from cryptopipe.errors import (
    CryptopipeError,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.evaluate.cycle import Outcome as CycleOutcome
from cryptopipe.evaluate.cycle import Step as CycleStep
from cryptopipe.evaluate.cycle import best_cycle, price_ratio
from cryptopipe.evaluate.value import executable_value
from cryptopipe.model.contracts import (
    API_VERSION,
    Channel,
    Connect,
    Dialect,
    ExchangePlugin,
    FeedCodec,
    Frame,
    HttpRequest,
    HttpResponse,
    Instruments,
    Ladder,
    Link,
    MarketView,
    Proof,
    SnapshotCodec,
    Strategy,
    StrategyPlugin,
    StreamAuth,
    Subscription,
    SyncRule,
    Top,
    apply_always,
)
from cryptopipe.model.events import (
    BookDelta,
    BookSnapshot,
    FeedEvent,
    Fetch,
    Heartbeat,
    LevelFormat,
    Notice,
    Resync,
    Send,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe.model.facts import (
    Amounts,
    Asset,
    Fee,
    FeeSchedule,
    Instrument,
    Kind,
    Side,
    TradingRules,
    TradingState,
    VenueId,
    ceil_to,
    floor_to,
)
from cryptopipe.model.money import exact, in_bps, plain, ratio
from cryptopipe.model.trading import Cost, Decision, Fill, Leg, Opportunity, Order, Reason

__all__ = [name for name in dir() if not name.startswith("_")]
