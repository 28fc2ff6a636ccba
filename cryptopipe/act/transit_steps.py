"""What a transit of coins can be in, what it wants done next, and what it is told of its worth.

Enters: nothing. Leaves: stages, steps, verdicts. Never: anything that acts.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.act.pursuit import AskFor, Pause
from cryptopipe.clock import Nanos
from cryptopipe.model.actions import MoveFunds, Withdraw
from cryptopipe.model.custody import WalletMove
from cryptopipe.model.facts import Asset, VenueId


class Stage(Enum):
    """Where a transit is; the last two are ends."""

    BUYING = "buying"
    ADDRESSING = "addressing"
    WEIGHING = "weighing"
    MOVING_OUT = "moving_out"  # to the wallet that withdrawals are paid from
    WITHDRAWING = "withdrawing"
    UNKNOWN = "unknown"  # whether the withdrawal was made
    LEAVING = "leaving"  # its venue has it, and has not sent it
    TRAVELLING = "travelling"
    MOVING_IN = "moving_in"  # to the wallet that orders are paid from
    SELLING = "selling"
    MOVING_BACK = "moving_back"
    RETURNING = "returning"  # sold where it was bought
    DONE = "done"
    LOST = "lost"


class InFlight(msgspec.Struct, frozen=True):
    """Coins of a decision that were on their way when the run ended, and in which state; `amount` is what is to arrive,
    or, where they have not left, what is held at the source.
    """

    decision_id: int
    asset: Asset
    amount: Decimal
    source: VenueId
    target: VenueId
    state: str


class Weigh(msgspec.Struct, frozen=True):
    """Say whether it is still worth going on: `weighed` takes the verdict."""


class Send(msgspec.Struct, frozen=True):
    """Make the intent durable, then ask for this once."""

    action: Withdraw | MoveFunds


class Left(msgspec.Struct, frozen=True):
    """The coins left the source: book `amount`, `fee` of it for the network."""

    amount: Decimal
    fee: Decimal
    txid: str


class Came(msgspec.Struct, frozen=True):
    """The target has credited `amount`."""

    amount: Decimal


class Gone(msgspec.Struct, frozen=True):
    """The target will never credit them."""


class Sell(msgspec.Struct, frozen=True):
    """Sell `amount` at the source or the target; `sold`, `unsold` or `too_little` takes what came of it."""

    at_source: bool
    amount: Decimal


class Over(msgspec.Struct, frozen=True):
    """Nothing more is done."""


Step = AskFor | Pause | Weigh | Send | Left | Came | Gone | Sell | Over


class Go(msgspec.Struct, frozen=True):
    """Send `amount`, of which the network takes `fee`; what is credited may be sold after `hold`. Before and after, it
    is moved between wallets, where there is a way to.
    """

    amount: Decimal
    fee: Decimal
    hold: Nanos = 0
    move_out: WalletMove | None = None
    move_in: WalletMove | None = None


class Back(msgspec.Struct, frozen=True):
    """Do not send; why."""

    reason: str


class Later(msgspec.Struct, frozen=True):
    """Nothing can be said now; why."""

    reason: str


Verdict = Go | Back | Later
