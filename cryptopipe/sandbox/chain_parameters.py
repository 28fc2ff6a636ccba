"""What parameters say of chains, and of how venues handle coins on the way: sections `chains` and `processing`.

Enters: values that the loader of `parameters.yaml` has read. Leaves: frozen sections, checked in themselves. Never: a
default (the packaged file has them all), a name of a venue.
"""

from typing import Annotated, Literal

import msgspec

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Chance = Annotated[float, msgspec.Meta(gt=0, le=1)]
_Count = Annotated[int, msgspec.Meta(ge=1)]

Wallet = Literal["trading", "funding"]


class ChainLaw(msgspec.Struct, frozen=True):
    """How blocks of one chain come, and how they take transactions in.

    `law` `work`: the time between blocks is exponential with mean `block_s`; `slots`: one at each multiple of
    `block_s`, unless it is missed. `included`: the chance that a block takes a transaction that pays the going fee,
    `crowding`: standard deviation of the logarithm of that fee between hours. `confirmations`: until a deposit is
    credited where the venue does not state it; `final`: until the chain does not take it back. The block that holds the
    transaction is the first confirmation.
    """

    law: Literal["work", "slots"]
    block_s: _Positive
    missed: Annotated[float, msgspec.Meta(ge=0, lt=1)]
    included: _Chance
    crowding: _NotNegative
    confirmations: _Count
    final: _Count

    def __post_init__(self) -> None:
        if self.law == "work" and self.missed:
            raise ValueError(f"has law work, whose blocks are not missed, and missed {self.missed:g}")


class Delay(msgspec.Struct, frozen=True):
    """A time that is lognormal: its median, and the standard deviation of its logarithm (0: always the median)."""

    median_s: _NotNegative
    spread: _NotNegative


class Processing(msgspec.Struct, frozen=True):
    """How one venue sends coins away and takes them in.

    A withdrawal waits for `review`; with chance `manual` a person looks at it for `manual_review` more; with chance
    `refill` the hot wallet is filled first, which takes `refill_wait`; then it goes with the next batch, at a multiple
    of `batch_s` (0: at once). With chance `stuck` it waits `stuck_s` more, with chance `failed` the venue gives it
    back. `fee_level` is what the venue pays the chain, in going fees. `credit`: from the last confirmation to the
    account. `daily_usd`: what an account may send in 24 hours; `travel_rule_usd`: above it the receiving party must be
    known (0: never asked). `wallets` `two`: there is a funding wallet.
    """

    review: Delay
    manual: _Fraction
    manual_review: Delay
    refill: _Fraction
    refill_wait: Delay
    batch_s: _NotNegative
    stuck: _Fraction
    stuck_s: _NotNegative
    failed: _Fraction
    fee_level: _Positive
    credit: Delay
    daily_usd: _Positive
    travel_rule_usd: _NotNegative
    address_book: Literal["free", "required"]
    wallets: Literal["one", "two"]
    withdraw_from: Wallet
    deposit_to: Wallet

    def __post_init__(self) -> None:
        if self.wallets == "one" and "funding" in (self.withdraw_from, self.deposit_to):
            raise ValueError("has wallets one, and names the funding wallet in withdraw_from or deposit_to")
