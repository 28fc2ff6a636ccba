"""What may be done at a venue, and the codec that turns it into one signed request and back.

Enters: nothing. Leaves: actions, outcomes and the protocol of an action codec. Never: I/O, a nonce or a clock of its
own, a second request for one action; a codec that hides whether something was done.
"""

from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Instrument, Side, VenueId
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse


class TimeInForce(Enum):
    """How long an order may rest."""

    GTC = "gtc"  # until it is cancelled
    IOC = "ioc"  # what does not execute at once is given up
    FOK = "fok"  # all of it at once, or nothing
    POST_ONLY = "post_only"  # refused if it would take


class PlaceOrder(msgspec.Struct, frozen=True):
    """An order of `size` base (or contracts); `price` None takes the market. `client_id` is ours and unique: by it an
    order whose answer was lost is found again."""

    instrument: Instrument
    side: Side
    size: Decimal
    price: Decimal | None
    client_id: str
    time_in_force: TimeInForce = TimeInForce.GTC


class CancelOrder(msgspec.Struct, frozen=True):
    """Take an order out, by our id, or by the venue's where `order_id` is not empty."""

    instrument: Instrument
    client_id: str
    order_id: str = ""


class Withdraw(msgspec.Struct, frozen=True):
    """Send `amount` of what the venue calls `code` to an address of `network` (the venue's word for the chain)."""

    venue: VenueId
    code: str
    network: str
    address: str
    amount: Decimal
    client_id: str
    memo: str = ""


class FindOrder(msgspec.Struct, frozen=True):
    """Ask what became of an order; it changes nothing, so it may be asked again."""

    instrument: Instrument
    client_id: str
    order_id: str = ""


Action = PlaceOrder | CancelOrder | Withdraw | FindOrder

MUTATING: frozenset[type[Action]] = frozenset({PlaceOrder, CancelOrder, Withdraw})
"""Actions that change something: sent twice they may do it twice."""


class Accepted(msgspec.Struct, frozen=True):
    """The venue has it: the id that it gave, and its own words for the state."""

    venue_id: str
    state: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The venue says that it did nothing: its code, and why."""

    code: str
    reason: str


Outcome = Accepted | Refused
"""What an answer says. What it leaves open is no outcome: `parse` raises `UnknownOutcome`."""


class ActionCodec(Protocol):
    """The private REST side of a venue as two pure functions.

    `build` is a function of its arguments: nonce and timestamp come from `at`. The secret enters the signature and
    nothing else. `parse` gives an `Outcome`; it raises `RateLimited` or another `VenueError` where the venue certainly
    did nothing, and `UnknownOutcome` where it may have done something: an ambiguous code, a server's error, an answer
    to a mutating action that cannot be read. Nothing is ever tried again here.
    """

    supports: frozenset[type[Action]]

    def build(self, action: Action, credentials: Credentials, at: Nanos) -> HttpRequest: ...
    def parse(self, action: Action, response: HttpResponse) -> Outcome: ...
