"""What the back office of a simulated venue knows: orders, fills, balances, positions, transfers, and why it refuses.

Enters: nothing. Leaves: frozen values in neutral words, which each venue's dialect writes in its own. Never: a venue's
code or field name, a float.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.facts import Asset, Fee, Instrument, Network, Side

TRADING = "trading"
"""The wallet that orders are paid from."""
FUNDING = "funding"
"""A second wallet, which some venues pay withdrawals from and credit deposits to."""


class Permission(Enum):
    """What a key may do."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


class Refusal(Enum):
    """Why a desk did nothing. A venue's dialect has one table from these to its own codes and texts."""

    HALTED = "halted"  # the instrument is not traded now
    POST_ONLY_NOW = "post_only_now"  # only resting orders are taken now
    CANCEL_ONLY_NOW = "cancel_only_now"
    PRICE_GRID = "price_grid"  # not a multiple of the tick
    SIZE_GRID = "size_grid"  # not a multiple of the step
    SIZE_TOO_SMALL = "size_too_small"
    SIZE_TOO_LARGE = "size_too_large"
    NOTIONAL_TOO_SMALL = "notional_too_small"
    PRICE_BAND = "price_band"  # too far from the market
    INSUFFICIENT_FUNDS = "insufficient_funds"
    WOULD_TAKE = "would_take"  # a post-only order that crosses
    WOULD_NOT_FILL = "would_not_fill"  # a fill-or-kill order that cannot be filled at once
    NO_LIQUIDITY = "no_liquidity"  # a market order against an empty side
    SELF_TRADE = "self_trade"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_ENDED = "order_ended"  # known, and nothing of it rests
    TOO_MANY_ORDERS = "too_many_orders"
    REDUCE_ONLY = "reduce_only"  # would open or turn a position
    LEVERAGE = "leverage"  # not one that the instrument allows
    BORROWING = "borrowing"  # margin borrowing is not offered
    BUSY = "busy"  # the venue takes no orders just now, and has done nothing
    UNKNOWN_ASSET = "unknown_asset"
    UNKNOWN_NETWORK = "unknown_network"
    WALLET_SUSPENDED = "wallet_suspended"  # deposits or withdrawals of the network are shut
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"  # of one withdrawal, or of a day
    AMOUNT_GRID = "amount_grid"  # more decimal places than the network takes
    BAD_ADDRESS = "bad_address"  # not an address of this network
    MEMO_MISSING = "memo_missing"
    ADDRESS_NOT_LISTED = "address_not_listed"
    TRAVEL_RULE = "travel_rule"  # the receiving party must be named first
    DUPLICATE_TRANSFER_ID = "duplicate_transfer_id"
    WRONG_WALLET = "wrong_wallet"  # not paid from there: a move between wallets comes first


class DeskRefusal(Exception):
    """The desk did nothing. `facts` are the values a text may name: `price`, `tick`, `free`, `wanted`, …"""

    def __init__(self, why: Refusal, **facts: object) -> None:
        super().__init__(why.value)
        self.why = why
        self.facts = facts


class OrderStatus(Enum):
    """What became of an order; all but OPEN are ends."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"  # its owner, or the venue, took the rest out
    EXPIRED = "expired"  # the rest of an immediate order, or self-trade prevention


class SelfTrade(Enum):
    """What gives way where an account would trade with itself."""

    EXPIRE_TAKER = "expire_taker"
    EXPIRE_MAKER = "expire_maker"
    EXPIRE_BOTH = "expire_both"


class NewOrder(msgspec.Struct, frozen=True):
    """An order as a client gives it; `price` None takes the market. Exactly one of `size` (base) and `spend` (quote, of
    a market order) is set. `client_id` empty: the client gave none.
    """

    instrument: Instrument
    side: Side
    size: Decimal | None
    price: Decimal | None
    spend: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_id: str = ""
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.EXPIRE_TAKER


class DeskOrder(msgspec.Struct, frozen=True):
    """The state of one order. `order_id` counts from 1 in its venue; `spent` is quote executed, `fees` what was charged
    so far by asset; times by the venue's clock. `why_ended`: empty, or a `Refusal` value such as `self_trade`.
    """

    order_id: int
    order: NewOrder
    status: OrderStatus
    filled: Decimal
    spent: Decimal
    fees: Mapping[Asset, Decimal]
    created_at: Nanos
    updated_at: Nanos
    why_ended: str = ""


class DeskFill(msgspec.Struct, frozen=True):
    """One execution of an order. `trade_id` is that of the public print, `fill_id` counts from 1 in its venue."""

    fill_id: int
    trade_id: int
    order_id: int
    client_id: str
    instrument: Instrument
    side: Side
    price: Decimal
    size: Decimal
    fee: Fee
    maker: bool
    at: Nanos


class DeskBalance(msgspec.Struct, frozen=True):
    """What a wallet holds: what may be used, and what open orders or withdrawals in hand hold back."""

    free: Decimal
    locked: Decimal


class DeskPosition(msgspec.Struct, frozen=True):
    """A linear perpetual held: `size` in base above zero long, below short. `margin` is what it holds back (quote),
    `liquidation` the mark at which it is closed by the venue; None where that is not above zero. `funding` is paid so
    far (above zero: by us), `realised` the profit of what was closed, `next_funding_at` and `funding_rate` the next.
    """

    instrument: Instrument
    size: Decimal
    entry: Decimal
    mark: Decimal
    leverage: Decimal
    margin: Decimal
    maintenance: Decimal
    liquidation: Decimal | None
    unrealised: Decimal
    realised: Decimal
    funding: Decimal
    funding_rate: Decimal
    next_funding_at: Nanos
    updated_at: Nanos


class TransferStatus(Enum):
    """Of a withdrawal or a deposit, in the order in which they come; the last three are ends."""

    REVIEW = "review"  # asked for; the venue has not sent it yet
    SENT = "sent"  # on the chain, without a confirmation
    CONFIRMING = "confirming"
    DONE = "done"  # a deposit: credited; a withdrawal: final on the chain
    FAILED = "failed"  # a withdrawal that the venue gave back, a deposit that it does not credit
    CANCELLED = "cancelled"


class DeskTransfer(msgspec.Struct, frozen=True):
    """One withdrawal or deposit. `amount` is what arrives, `fee` what the sender paid beside it; `txid` empty until it
    is sent; `client_id` as the client gave it.
    """

    transfer_id: int
    deposit: bool
    asset: Asset
    network: Network
    address: str
    memo: str
    amount: Decimal
    fee: Decimal
    status: TransferStatus
    txid: str
    confirmations: int
    created_at: Nanos
    updated_at: Nanos
    client_id: str = ""
    wallet: str = TRADING


class DeskMove(msgspec.Struct, frozen=True):
    """A move between two wallets of one account, done at once."""

    move_id: int
    asset: Asset
    amount: Decimal
    source: str
    target: str
    at: Nanos
    client_id: str = ""


class DepositAddress(msgspec.Struct, frozen=True):
    """Where an account gets an asset by a network; `memo` empty where none is needed."""

    asset: Asset
    network: Network
    address: str
    memo: str = ""


class DeskEvent(msgspec.Struct, frozen=True):
    """One line of an account's tape, `number` from 1. What is set says what happened: an order changed (`fill` beside
    it where that was by an execution), a wallet's balance (`change` is the difference of free and locked together), a
    position, a transfer. Told again or out of order only by a fault.
    """

    number: int
    at: Nanos
    order: DeskOrder | None = None
    fill: DeskFill | None = None
    wallet: str = ""
    asset: Asset = Asset("")
    balance: DeskBalance | None = None
    change: Decimal = Decimal(0)
    position: DeskPosition | None = None
    transfer: DeskTransfer | None = None
