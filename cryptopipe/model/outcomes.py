"""What a venue says of an account: by the answer to an action, or by its private stream, in the same words.

Enters: nothing. Leaves: frozen reports. Never: an amount that the venue did not tell: what it left out is None.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, Currency, Fee, FeeSchedule, Instrument, Side, VenueId


class OrderState(Enum):
    """What became of an order; all but OPEN are ends."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class FillReport(msgspec.Struct, frozen=True):
    """One execution. `fill_id` is unique in its instrument: by it one that is told twice is known. `fee` and `maker`
    None where they are not told here; `client_id` empty likewise. `at` by the venue's clock.
    """

    instrument: Instrument
    fill_id: str
    order_id: str
    client_id: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Fee | None
    maker: bool | None
    at: Nanos


class OrderReport(msgspec.Struct, frozen=True):
    """The state of an order, cumulative: sizes in base (or contracts), `spent` in quote. `fills` None: not told here;
    else all of them. `updated_at` 0 where the venue tells no time.
    """

    instrument: Instrument
    order_id: str
    client_id: str
    side: Side
    state: OrderState
    size: Decimal | None
    price: Decimal | None
    filled: Decimal
    spent: Decimal | None
    fills: tuple[FillReport, ...] | None = None
    updated_at: Nanos = 0
    reason: str = ""


class BalanceReport(msgspec.Struct, frozen=True):
    """What a wallet holds of one asset, free and held back; `wallet` empty where the venue has one only."""

    venue: VenueId
    asset: Asset
    free: Decimal
    locked: Decimal
    wallet: str = ""
    at: Nanos = 0


class PositionReport(msgspec.Struct, frozen=True):
    """A perpetual held: `size` above zero long, below short, zero closed; what is not told is None."""

    instrument: Instrument
    size: Decimal
    entry: Decimal | None
    mark: Decimal | None
    margin: Decimal | None
    liquidation: Decimal | None
    unrealised: Decimal | None
    funding: Decimal | None = None
    at: Nanos = 0


class TransferState(Enum):
    """Of a withdrawal or a deposit; DONE, FAILED and CANCELLED are ends."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TransferReport(msgspec.Struct, frozen=True):
    """One withdrawal or deposit. `amount` as the venue states it, `fee` None where not told; `client_id` is ours."""

    venue: VenueId
    transfer_id: str
    deposit: bool
    asset: Asset
    network: str
    address: str
    amount: Decimal
    fee: Decimal | None
    state: TransferState
    txid: str = ""
    client_id: str = ""
    at: Nanos = 0


class AddressReport(msgspec.Struct, frozen=True):
    """Where the account gets an asset; `memo` empty where none is needed."""

    asset: Asset
    network: str
    address: str
    memo: str = ""


class KeyReport(msgspec.Struct, frozen=True):
    """What a key may do, as far as the venue says: None is what it does not say. `expires_at` 0: without end."""

    reads: bool | None
    trades: bool | None
    withdraws: bool | None
    ip_restricted: bool | None
    expires_at: Nanos | None


PrivateReport = OrderReport | FillReport | BalanceReport | PositionReport | TransferReport
"""What a private stream tells, each by itself true: told twice, or late, it changes nothing that is newer."""


class Accepted(msgspec.Struct, frozen=True):
    """The venue has it: the id that it gave, its own word for the state, and the order where the answer tells it."""

    venue_id: str
    state: str = ""
    order: OrderReport | None = None


class Refused(msgspec.Struct, frozen=True):
    """The venue says that it did nothing: its code, and why."""

    code: str
    reason: str


class NotFound(msgspec.Struct, frozen=True):
    """The venue knows no such order or transfer (it may know it a moment later)."""

    code: str
    reason: str


class Reports(msgspec.Struct, frozen=True):
    """The answer to a question; what was not asked is empty."""

    orders: tuple[OrderReport, ...] = ()
    fills: tuple[FillReport, ...] = ()
    balances: tuple[BalanceReport, ...] = ()
    positions: tuple[PositionReport, ...] = ()
    transfers: tuple[TransferReport, ...] = ()
    currencies: tuple[Currency, ...] = ()
    fees: FeeSchedule | None = None
    address: AddressReport | None = None
    key: KeyReport | None = None
    server_time: Nanos | None = None


class More(msgspec.Struct, frozen=True):
    """A question that takes another request: build it with the answers so far."""


Outcome = Accepted | Refused | NotFound | Reports | More
"""What an answer says. What it leaves open is no outcome: `parse` raises `UnknownOutcome`."""
