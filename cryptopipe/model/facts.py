"""What is traded, where, by which rules and at which cost.

Enters: what plugins declare. Leaves: frozen values every layer shares. Never: a float, or an unknown that looks known
(a rule or a fee that nobody stated is None, and what needs it refuses).
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import NewType

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.money import exact

VenueId = NewType("VenueId", str)
"""One wallet with its markets: `alpha`, `alpha_futures`, `beta`."""

Asset = NewType("Asset", str)
"""Venue-independent identity of what is held: `BTC`, `USDT`. USD, USDT and USDC are three assets."""


class Side(Enum):
    """Of an order: what its owner does."""

    BUY = "buy"
    SELL = "sell"


class Kind(Enum):
    """What one unit of an instrument is. Instruments of different kinds are different things at any price."""

    SPOT = "spot"
    LINEAR_PERPETUAL = "linear_perpetual"
    INVERSE_PERPETUAL = "inverse_perpetual"


class TradingState(Enum):
    """What the venue lets one do with an instrument."""

    TRADING = "trading"
    AUCTION = "auction"
    POST_ONLY = "post_only"
    CANCEL_ONLY = "cancel_only"
    HALTED = "halted"


class TradingRules(msgspec.Struct, frozen=True, gc=False):
    """The venue's grid: prices are multiples of `tick`, sizes of `step`, both above zero, in quote and in base."""

    tick: Decimal
    step: Decimal
    min_size: Decimal
    min_notional: Decimal

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.step <= 0 or self.min_size < 0 or self.min_notional < 0:
            raise ValueError(f"trading rules must be positive: {self}")


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """One tradable market of one venue.

    `symbol` is the venue's own spelling. `rules` None means nobody stated them: the instrument may be watched and is
    never traded. `book_of` names the symbol whose book this instrument shares, where the venue publishes one book
    under two names. `contract_size` is the base (linear) or quote (inverse) amount of one contract.
    `delists_at` is when trading ends, 0 if the venue announced no end.
    """

    venue: VenueId
    symbol: str
    base: Asset
    quote: Asset
    kind: Kind = Kind.SPOT
    rules: TradingRules | None = None
    state: TradingState = TradingState.TRADING
    book_of: str | None = None
    contract_size: Decimal = Decimal(1)
    delists_at: Nanos = 0

    @property
    def id(self) -> str:
        """`alpha:BTCUSDT`, unique in a run."""
        return f"{self.venue}:{self.symbol}"

    @property
    def holding(self) -> Asset:
        """The asset that a buyer's account holds afterwards: the base on spot, the contract itself otherwise."""
        return self.base if self.kind is Kind.SPOT else Asset(f"{self.symbol}@{self.venue}")


class Network(msgspec.Struct, frozen=True):
    """One chain by which a venue lets an asset in and out, as the venue states it; None is what it does not state.

    `code` is the venue's own word for the chain, `chain` the identity table's (empty if that does not know it),
    `contract` the token's address there, empty for the chain's own coin. Amounts in the asset; `precision` is the
    decimal places of a withdrawal, `confirmations` those until a deposit is credited, `memo` whether an address needs
    one.
    """

    code: str
    chain: str = ""
    contract: str | None = None
    deposits: bool | None = None
    withdrawals: bool | None = None
    withdrawal_fee: Decimal | None = None
    withdrawal_fee_rate: Decimal | None = None
    min_withdrawal: Decimal | None = None
    max_withdrawal: Decimal | None = None
    min_deposit: Decimal | None = None
    precision: int | None = None
    confirmations: int | None = None
    memo: bool | None = None


class Currency(msgspec.Struct, frozen=True):
    """What a venue calls an asset, and how it moves."""

    venue: VenueId
    code: str
    asset: Asset
    networks: tuple[Network, ...] = ()


class FeeSchedule(msgspec.Struct, frozen=True):
    """What a venue takes of a trade, as fractions, with where and when that was read.

    `charged_in` says in which asset a taker pays: `quote` always the quote asset, `received` the asset received
    (base when buying, quote when selling).
    """

    maker_rate: Decimal
    taker_rate: Decimal
    source: str
    as_of: str
    charged_in: str = "quote"

    def __post_init__(self) -> None:
        if self.charged_in not in ("quote", "received"):
            raise ValueError(f"charged_in is 'quote' or 'received', not {self.charged_in!r}")
        if not -1 < self.taker_rate < 1 or not -1 < self.maker_rate < 1:
            raise ValueError(f"fee rates are fractions between -1 and 1: {self.maker_rate}, {self.taker_rate}")
        if not self.source or not self.as_of:
            raise ValueError("a fee schedule names its source and its date")

    @classmethod
    def flat(cls, maker: str, taker: str, source: str, as_of: str, charged_in: str = "quote") -> "FeeSchedule":
        """One rate for everybody: `FeeSchedule.flat(maker="0.0010", taker="0.0010", source="fee page", as_of=…)`."""
        return cls(Decimal(maker), Decimal(taker), source, as_of, charged_in)


class Fee(msgspec.Struct, frozen=True, gc=False):
    """An amount in an asset; negative is a rebate. Never a bare rate."""

    amount: Decimal
    asset: Asset


Amounts = Mapping[Asset, Decimal]
"""A vector per asset, such as a profit or the balances of one venue."""


def floor_to(step: Decimal, value: Decimal) -> Decimal:
    """The greatest multiple of `step` at or below `value`, exactly. Raises `ValueError` if `step` is not above zero."""
    if step <= 0:
        raise ValueError(f"a step is above zero: {step}")
    with exact():
        lots, rest = divmod(value, step)
        return (lots - 1 if rest < 0 else lots) * step


def ceil_to(step: Decimal, value: Decimal) -> Decimal:
    """The smallest multiple of `step` at or above `value`, exactly. Raises `ValueError` if `step` is not above zero."""
    with exact():  # negating rounds as well
        return -floor_to(step, -value)
