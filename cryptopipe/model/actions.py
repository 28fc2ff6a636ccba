"""What may be done at a venue, and the codec that turns it into one signed request and back.

Enters: nothing. Leaves: actions and the protocols of a venue's private side. Never: I/O, a nonce or a clock of its
own, a second request for one action that changes something; a codec that hides whether something was done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.events import Send
from cryptopipe.model.facts import Instrument, Side, VenueId
from cryptopipe.model.outcomes import Outcome, PrivateReport
from cryptopipe.model.stream import Connect, Credentials, Frame, HttpRequest, HttpResponse, StreamAuth


class TimeInForce(Enum):
    """How long an order may rest."""

    GTC = "gtc"  # until it is cancelled
    IOC = "ioc"  # what does not execute at once is given up
    FOK = "fok"  # all of it at once, or nothing
    POST_ONLY = "post_only"  # refused if it would take


class PlaceOrder(msgspec.Struct, frozen=True):
    """An order of `size` base (or contracts); `price` None takes the market. `client_id` is ours and unique: by it an
    order whose answer was lost is found again. `reduce_only` never opens or turns a position; `borrow` sells, on spot,
    what the account does not have.
    """

    instrument: Instrument
    side: Side
    size: Decimal
    price: Decimal | None
    client_id: str
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    borrow: bool = False


class CancelOrder(msgspec.Struct, frozen=True):
    """Take an order out, by our id, or by the venue's where `order_id` is not empty."""

    instrument: Instrument
    client_id: str
    order_id: str = ""


class CancelAll(msgspec.Struct, frozen=True):
    """Take out every order of one instrument, or where that is None of the account."""

    venue: VenueId
    instrument: Instrument | None = None


class Withdraw(msgspec.Struct, frozen=True):
    """Send `amount` of what the venue calls `code` to an address of `network` (the venue's word for the chain).

    `address_name` is the name under which the venue's address book has it, where it asks for that.
    """

    venue: VenueId
    code: str
    network: str
    address: str
    amount: Decimal
    client_id: str
    memo: str = ""
    address_name: str = ""


class MoveFunds(msgspec.Struct, frozen=True):
    """Move an amount between two wallets of the account, by the venue's names for them."""

    venue: VenueId
    code: str
    amount: Decimal
    source: str
    target: str
    client_id: str


class FindOrder(msgspec.Struct, frozen=True):
    """Ask what became of an order; it changes nothing, so it may be asked again."""

    instrument: Instrument
    client_id: str
    order_id: str = ""


class ListOpenOrders(msgspec.Struct, frozen=True):
    """Every order that rests, of one instrument or of all."""

    venue: VenueId
    instrument: Instrument | None = None


class ListOrders(msgspec.Struct, frozen=True):
    """Orders of an instrument that have ended and, where the venue tells both at once, that rest; since a time."""

    instrument: Instrument
    since: Nanos = 0


class ListFills(msgspec.Struct, frozen=True):
    """Executions of an instrument, of one order where `order_id` (the venue's) is not empty, since a time."""

    instrument: Instrument
    order_id: str = ""
    since: Nanos = 0


class FetchBalances(msgspec.Struct, frozen=True):
    """What the account holds; `wallet` empty is the one that orders are paid from."""

    venue: VenueId
    wallet: str = ""


class FetchPositions(msgspec.Struct, frozen=True):
    """Perpetuals held, of one instrument or of all."""

    venue: VenueId
    instrument: Instrument | None = None


class FetchFees(msgspec.Struct, frozen=True):
    """What this account pays for trades of an instrument."""

    instrument: Instrument


class FetchCurrencies(msgspec.Struct, frozen=True):
    """Currencies with their networks, fees, limits and states, as this account may use them."""

    venue: VenueId


class FetchAddress(msgspec.Struct, frozen=True):
    """Where to deposit what the venue calls `code` by its `network`."""

    venue: VenueId
    code: str
    network: str


class ListTransfers(msgspec.Struct, frozen=True):
    """Withdrawals, or deposits, of one code or of all, since a time."""

    venue: VenueId
    deposits: bool
    code: str = ""
    since: Nanos = 0


class FetchTime(msgspec.Struct, frozen=True):
    """The venue's clock."""

    venue: VenueId


class FetchKey(msgspec.Struct, frozen=True):
    """What the key itself may do."""

    venue: VenueId


Mutation = PlaceOrder | CancelOrder | CancelAll | Withdraw | MoveFunds
Question = (
    FindOrder
    | ListOpenOrders
    | ListOrders
    | ListFills
    | FetchBalances
    | FetchPositions
    | FetchFees
    | FetchCurrencies
    | FetchAddress
    | ListTransfers
    | FetchTime
    | FetchKey
)
Action = Mutation | Question

MUTATING: frozenset[type[Action]] = frozenset({PlaceOrder, CancelOrder, CancelAll, Withdraw, MoveFunds})
"""Actions that change something: sent twice they may do it twice."""


def venue_of(action: Action) -> VenueId:
    """Where it is done."""
    return action.instrument.venue if isinstance(action, _OF_AN_INSTRUMENT) else action.venue


_OF_AN_INSTRUMENT = (PlaceOrder, CancelOrder, FindOrder, ListOrders, ListFills, FetchFees)


class ActionCodec(Protocol):
    """The private REST side of a venue as two pure functions.

    `build` is a function of its arguments: nonce and timestamp come from `at`. The secret enters the signature and
    nothing else. `parse` gives an `Outcome`; it raises `RateLimited` or another `VenueError` where the venue certainly
    did nothing, and `UnknownOutcome` where it may have done something: an ambiguous code, a server's error, an answer
    to a mutating action that cannot be read. Nothing is ever tried again here. A question that takes several requests
    is answered `More` until the last: `build` and `parse` then get the `earlier` answers, oldest first. A mutation
    never is.
    """

    supports: frozenset[type[Action]]

    def build(
        self, action: Action, credentials: Credentials, at: Nanos, earlier: Sequence[HttpResponse] = ()
    ) -> HttpRequest: ...
    def parse(self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome: ...


class Lost(msgspec.Struct, frozen=True):
    """A private stream missed something: what it tells must be asked for anew, by request."""

    reason: str


class PrivateCodec(Protocol):
    """One private connection as a pure state machine. `connect` gets what the signer made; `decode` gets one frame and
    yields what it says; it raises `ProtocolError` or a `VenueError` (a refused sign-in) and nothing else.
    """

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect: ...
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[PrivateReport | Lost | Send]: ...


class PrivateSigner(Protocol):
    """Makes the `StreamAuth` of one dial. `request` is what must be asked first, such as a token, None where a
    signature is enough; `auth` then gets no response. `good_for`: how long what it made lasts; 0 for ever.
    """

    good_for: Nanos

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None: ...
    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth: ...


@dataclass(frozen=True)
class PrivateStream:
    """A venue's private stream of orders, fills and balances: makes a codec for one connection, and signs it in."""

    codec: Callable[[Sequence[Instrument]], PrivateCodec]
    signer: PrivateSigner
