"""What transits are carried out with, and what is known of one while it lasts.

Enters: the run's view, books of account, limits. Leaves: nothing. Never: a decision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cryptopipe.act.execution import Execution
from cryptopipe.act.ledger import Entry, Ledger
from cryptopipe.act.plan import Naming
from cryptopipe.act.transit import TransitPlan
from cryptopipe.gate.gate import GateState, Limits
from cryptopipe.journal.records import Body
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
from cryptopipe.model.trading import Decision, Fill, Order, Transit


@dataclass(frozen=True)
class Means:
    """What transits are carried out with. `send` makes intents durable, then sends the orders; `ended` takes what a
    transit left: its number, dust and exposure.
    """

    view: View
    ledger: Ledger
    fees: Mapping[VenueId, FeeSchedule]
    limits: Limits
    state: GateState
    tell: Callable[[Body], None]
    durable: Callable[[], None]
    post: Callable[[str, list[Entry]], None]
    send: Callable[[Sequence[Order], Execution], None]
    ended: Callable[[int, dict[Asset, Decimal], dict[Asset, Decimal]], None]


@dataclass
class Running:
    """One transit on its way."""

    decision: Decision
    plan: TransitPlan
    naming: Naming
    execution: Execution
    orders: dict[str, Order] = field(default_factory=dict)
    """On their way, by client id."""
    placed: int = 0
    fills: list[Fill] = field(default_factory=list)
    held: dict[VenueId, Decimal] = field(default_factory=dict)
    """Set aside in the ledger."""
    told: str = ""
    pause: int = 0
    """The number of the pause that counts, if there is one: an older one wakes nobody."""
    pausing: bool = False
    topped_up: bool = False
    asking: bool = False
    """A withdrawal, or a move between wallets, is under way."""

    @property
    def transit(self) -> Transit:
        """The way of its coins."""
        return self.plan.transit
