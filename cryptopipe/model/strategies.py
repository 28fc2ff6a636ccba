"""What a strategy plugin is, and what it may read.

Enters: nothing. Leaves: the protocols, and the record that an entry point names. Never: an implementation.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from cryptopipe.clock import Nanos
from cryptopipe.model.custody import Routes
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.stream import Proof
from cryptopipe.model.trading import Opportunity


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
    def column(self, instrument: Instrument, name: str, since: Nanos, until: Nanos) -> tuple[Any, int]:
        """(values, places) of the tops received with since <= received_at < until: `received_at`, `event_time`, `bid`,
        `bid_size`, `ask`, `ask_size` as numpy int64 (objects where one does not fit) in units of 10⁻ᵖˡᵃᶜᵉˢ; a price of
        0: that side was empty. Empty without a book.
        """

    def routes(self, asset: Asset, source: VenueId, target: VenueId) -> Routes:
        """By which networks the asset may go now, and why not by the others."""

    def lives(self, kind: str) -> Sequence[tuple[Nanos, bool]]:
        """How long edges lived in this run whose names begin with this word, the latest of them; False where it was
        not seen to close: it was taken, or a book of it could not be read. The same object until there is a new one.
        """

    def alive_since(self, edge: str) -> Nanos | None:
        """When the edge of this name opened; None where it is not open, or was not told before this turn."""

    def plans(self, kind: str) -> tuple[int, int]:
        """(completed, attempted): how many of the run's plans for such edges have ended, and with every leg filled."""

    def latency(self, venue: VenueId) -> Nanos | None:
        """Of one's own orders there: measured in this run, on paper the modelled one; None while it is unknown."""

    def transfers(self, source: VenueId, chain: str, target: VenueId) -> Sequence[tuple[float, bool]]:
        """(minutes, True) of the run's own transfers that were credited, (minutes so far, False) of those that were
        not yet; infinite for one that never will be.
        """


class Strategy(Protocol):
    """Looks at the market and proposes. Never orders, sleeps or reads a clock.

    `start` is told every instrument of the run, again when one appears or a venue tells another state or other rules of
    one: those told last hold, and a leg priced by others is refused; `evaluate` is asked once a turn for each
    changed instrument, and yields every edge whose gross value is above zero: the gate says which are refused.
    """

    def start(self, instruments: Sequence[Instrument]) -> None: ...
    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]: ...


@dataclass(frozen=True)
class StrategyPlugin:
    """What an entry point of `cryptopipe.strategies` names. `settings` is its section of the configuration; `load`
    imports what its first evaluation would, so that no frame waits for it.
    """

    name: str
    api_version: int
    docs: str
    settings: type[Any]
    make: Callable[[Any], Strategy]
    capabilities: frozenset[str] = field(default_factory=frozenset)
    load: Callable[[], None] | None = None

    def made(self, settings: Any) -> Strategy:
        """A strategy that is ready for a run."""
        if self.load is not None:
            self.load()
        return self.make(settings)
