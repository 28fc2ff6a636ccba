"""What an account pays: by its tier, as maker or taker, in which asset, with which token, and to move coins.

Enters: what a venue's fee page or answer says, with its source and date; balances and prices of tokens. Leaves: exact
`Fee` amounts of legs, and the steps of a cycle. Never: an unknown fee that is free: without one there is no step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context, Decimal

from cryptopipe.evaluate.steps import Step, Token, TransferStep
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Network, Side
from cryptopipe.model.money import exact
from cryptopipe.model.strategies import Ladder

_ZERO = Decimal(0)
_UP = Context(prec=18, rounding=ROUND_CEILING)


@dataclass(frozen=True)
class FeeTier:
    """Rates from a 30-day volume on, in the unit that the venue counts it in; a negative maker rate is a rebate."""

    volume: Decimal
    maker_rate: Decimal
    taker_rate: Decimal


@dataclass(frozen=True)
class TokenTerms:
    """A token that pays fees: `factor` of the usual rate is charged then, 0.75 for a quarter off; the amount is rounded
    up to `places` decimals.
    """

    asset: Asset
    factor: Decimal
    source: str
    as_of: str
    places: int = 8

    def __post_init__(self) -> None:
        if self.factor <= 0:
            raise ValueError(f"what a token pays is above zero: {self.factor}")
        _sourced(self, self.source, self.as_of)


@dataclass(frozen=True)
class TokenFunds:
    """What the account holds of a token at a venue, its `price` in quote, and its `worth` in the asset that a cycle
    starts in, which is the price where that is the quote.
    """

    balance: Decimal
    price: Decimal
    worth: Decimal

    def __post_init__(self) -> None:
        if self.price <= 0:
            raise ValueError(f"a token's price is above zero: {self.price}")


@dataclass(frozen=True)
class NetworkFees:
    """What it takes to move an asset over a network, in the asset: fixed parts, and rates of what is beside them. None
    is unknown; most venues take nothing of a deposit.
    """

    withdrawal: Decimal | None
    source: str
    as_of: str
    withdrawal_rate: Decimal = _ZERO
    deposit: Decimal | None = _ZERO
    deposit_rate: Decimal = _ZERO

    def __post_init__(self) -> None:
        _sourced(self, self.source, self.as_of)

    @classmethod
    def of(cls, network: Network, source: str, as_of: str) -> "NetworkFees":
        """As the venue states its network: a fee without a rate is the whole fee, a rate without a fee is unknown."""
        return cls(network.withdrawal_fee, source, as_of, network.withdrawal_fee_rate or _ZERO)


@dataclass(frozen=True)
class AccountFees:
    """What one account pays at one venue. `tiers` by rising volume; `volume` is the account's own of 30 days, and where
    that is unknown the first tier holds. `networks` by asset and the venue's word for the chain.
    """

    tiers: Sequence[FeeTier]
    source: str
    as_of: str
    volume: Decimal | None = None
    charged_in: str = "quote"
    token: TokenTerms | None = None
    networks: Mapping[tuple[Asset, str], NetworkFees] = field(default_factory=dict)

    def __post_init__(self) -> None:
        volumes = [tier.volume for tier in self.tiers]
        if not volumes or volumes != sorted(set(volumes)):
            raise ValueError(f"tiers are by rising volume, and at least one: {volumes}")
        self.schedule()

    def tier(self) -> FeeTier:
        """The account's. Below the first volume, the first."""
        reached = [tier for tier in self.tiers if self.volume is not None and tier.volume <= self.volume]
        return reached[-1] if reached else self.tiers[0]

    def schedule(self) -> FeeSchedule:
        """The rates of the tier."""
        tier = self.tier()
        return FeeSchedule(tier.maker_rate, tier.taker_rate, self.source, self.as_of, self.charged_in)


def trade_step(
    instrument: Instrument,
    side: Side,
    ladder: Ladder,
    at_hand: Decimal,
    fees: AccountFees | FeeSchedule | None,
    funds: TokenFunds | None = None,
    maker: bool = False,
) -> Step | None:
    """The trade with what this account pays for it; None where the fee or the market's rules are unknown.

    A token is used where the account has chosen one and `funds` are known; a rebate is never paid in it.
    """
    if fees is None or instrument.rules is None:
        return None
    schedule = fees.schedule() if isinstance(fees, AccountFees) else fees
    terms = fees.token if isinstance(fees, AccountFees) else None
    step = Step(instrument, side, ladder, schedule, at_hand, maker=maker)
    if terms is None or funds is None or step.rate <= 0:
        return step
    with exact():
        rate = step.rate * terms.factor
    token = Token(terms.asset, rate, _UP.divide(Decimal(1), funds.price), funds.worth, funds.balance, terms.places)
    return Step(instrument, side, ladder, schedule, at_hand, token, maker=maker)


def transfer_step(
    asset: Asset, out: Network, into: Network, sending: NetworkFees | None, receiving: NetworkFees | None
) -> TransferStep | None:
    """The transfer with what both accounts pay for it; None where a fee of either is unknown."""
    if sending is None or receiving is None or sending.withdrawal is None or receiving.deposit is None:
        return None
    return TransferStep(
        asset, sending.withdrawal, sending.withdrawal_rate, out.min_withdrawal or _ZERO, out.max_withdrawal,
        out.precision, into.min_deposit or _ZERO, receiving.deposit, receiving.deposit_rate,
    )  # fmt: skip


def trade_fee(step: Step, quantity: Decimal, notional: Decimal, with_token: bool) -> Fee:
    """What a leg of `quantity` base, `notional` in quote, is charged, exactly; a rebate is below zero. `with_token`:
    its token pays, an amount rounded up.
    """
    with exact():
        if with_token and step.token is not None:
            return Fee(token_amount(step.token, notional), step.token.asset)
        if step.pays_in_base:
            return Fee(quantity * step.rate, step.instrument.base)
        return Fee(notional * step.rate, step.instrument.quote)


def token_amount(token: Token, notional: Decimal) -> Decimal:
    """What a token pays for a notional in quote, rounded up to its places."""
    with exact():
        grain = Decimal(1).scaleb(-token.places)
        lots, rest = divmod(notional * token.rate * token.per_quote, grain)
        return (lots + 1 if rest else lots) * grain


def _sourced(what: object, source: str, as_of: str) -> None:
    if not source or not as_of:
        raise ValueError(f"a fee names its source and its date: {what}")
