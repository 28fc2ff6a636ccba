"""The edges of a cycle, as values: a trade, a transfer of coins, a stock that stands in for one.

Enters: what is known of a market, a network, a balance. Leaves: frozen steps, each a function from the units that go in
to the units that come out: piecewise linear and concave, after a fixed fee. Never: an unknown fee, which makes an edge
unusable; it is not free.
"""

from dataclasses import dataclass
from decimal import Decimal

from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side
from cryptopipe.model.strategies import Ladder

FINEST = Decimal("1E-18")
"""The grid of a transfer whose network states none, and to which what is divided is cut."""


@dataclass(frozen=True)
class Margin:
    """What bounds a perpetual's order instead of a balance: `free` margin in quote, of which a notional N takes
    N / `leverage` and its fee.
    """

    free: Decimal
    leverage: Decimal

    def __post_init__(self) -> None:
        if self.free < 0 or self.leverage <= 0:
            raise ValueError(f"a margin is at or above zero, its leverage above: {self}")


@dataclass(frozen=True)
class Token:
    """An asset that pays a fee in place of the usual one, where its balance suffices for the whole fee of an order.

    `rate` is the fee then, of the notional; `per_quote` how many tokens the venue takes for a unit of quote; `worth` of
    one token in the asset that the cycle starts in. The amount taken is rounded up to `places` decimals.
    """

    asset: Asset
    rate: Decimal
    per_quote: Decimal
    worth: Decimal
    balance: Decimal
    places: int = 8

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.per_quote <= 0 or self.worth < 0 or self.balance < 0:
            raise ValueError(f"a token's rate and price are above zero, its balance not below: {self}")


@dataclass(frozen=True)
class Step:
    """One trade of a cycle. `at_hand` is the balance of the asset that it spends, on its venue; with a `margin` that
    bounds it instead. `token` pays the fee where it can. `maker`: it rests, and its ladder is what it hopes for.
    """

    instrument: Instrument
    side: Side
    ladder: Ladder
    fees: FeeSchedule
    at_hand: Decimal
    token: Token | None = None
    margin: Margin | None = None
    maker: bool = False

    @property
    def rate(self) -> Decimal:
        """Of the usual fee, as a fraction; below zero a rebate."""
        return self.fees.maker_rate if self.maker else self.fees.taker_rate

    @property
    def pays_in_base(self) -> bool:
        """Whether the fee is taken from the base asset bought."""
        return self.side is Side.BUY and self.fees.charged_in == "received"

    @property
    def spends(self) -> Asset:
        """What goes in."""
        return self.instrument.quote if self.side is Side.BUY else self.instrument.base

    @property
    def brings(self) -> Asset:
        """What comes out."""
        return self.instrument.base if self.side is Side.BUY else self.instrument.quote


@dataclass(frozen=True)
class TransferStep:
    """Coins that leave one venue and are credited at another; amounts in `asset`.

    Of an amount that leaves, the fee in it, `fee` + `fee_rate` of what is beside `fee` is kept by the sending venue,
    rounded up to `precision` decimal places where there is a rate; of what arrives, `deposit_fee` and
    `deposit_fee_rate` of what is beside it by the other, exactly: were that rounded, a withdrawal fee that rises could
    save a whole grain. The amount that leaves has at most `precision` places (None: any; then 18), is at least
    `minimum` and at most `maximum` (None: any); what arrives is at least `min_deposit`.
    """

    asset: Asset
    fee: Decimal
    fee_rate: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    precision: int | None = None
    min_deposit: Decimal = Decimal(0)
    deposit_fee: Decimal = Decimal(0)
    deposit_fee_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if min(self.fee, self.deposit_fee, self.minimum, self.min_deposit) < 0:
            raise ValueError(f"fees and minimums of a transfer are at or above zero: {self}")
        if not 0 <= self.fee_rate < 1 or not 0 <= self.deposit_fee_rate < 1:
            raise ValueError(f"fee rates of a transfer are fractions from 0 to below 1: {self}")

    @property
    def spends(self) -> Asset:
        """What goes in."""
        return self.asset

    @property
    def brings(self) -> Asset:
        """What comes out."""
        return self.asset


@dataclass(frozen=True)
class InventoryStep:
    """Stock at the next venue that stands in at once for units at the one before: one for one, at most `at_hand`.

    Moving the value back one day costs `price`, a fraction of what the cycle spends. It is an accrual: it lowers the
    value of a size, and takes no unit from the chain.
    """

    asset: Asset
    at_hand: Decimal
    price: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.price < 0:
            raise ValueError(f"the price of restoring is at or above zero: {self}")


Edge = Step | TransferStep | InventoryStep
