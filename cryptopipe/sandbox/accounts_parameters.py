"""What parameters say of a venue's customers: section `accounts`.

Enters: values that the loader of `parameters.yaml` has read. Leaves: frozen sections, checked in themselves. Never: a
default (the packaged file has them all), a name of a venue.
"""

import math
from decimal import Decimal
from typing import Annotated

import msgspec

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


def _within(least: float, most: float, **named: Decimal) -> None:
    for name, value in named.items():
        if not least <= value <= most:
            raise ValueError(f"has {name} {value}: expected a number between {least:g} and {most:g}")


class AccountProfile(msgspec.Struct, frozen=True):
    """What a venue's customers begin with, and what its desk allows them."""

    opening: dict[str, Decimal]
    ack_ms: _NotNegative
    ack_spread: _NotNegative
    open_orders: _Count
    price_band: Decimal
    market_reach_percent: Decimal
    largest_order_usd: _Positive
    leverage: Decimal
    leverage_most: Decimal
    maintenance_rate: Decimal
    margin_check_ms: Annotated[float, msgspec.Meta(ge=1, le=60000)]
    funding_interval_s: Annotated[float, msgspec.Meta(ge=1)]
    funding_interest: Decimal
    funding_damper: Decimal
    funding_cap: Decimal

    def __post_init__(self) -> None:
        for asset, amount in self.opening.items():
            _within(0, math.inf, **{f"opening.{asset}": amount})
        _within(1, 1000, price_band=self.price_band, leverage=self.leverage, leverage_most=self.leverage_most)
        _within(0, 50, market_reach_percent=self.market_reach_percent)
        _within(
            0,
            1,
            maintenance_rate=self.maintenance_rate,
            funding_damper=self.funding_damper,
            funding_cap=self.funding_cap,
        )
        _within(-1, 1, funding_interest=self.funding_interest)
        if self.leverage > self.leverage_most:
            raise ValueError(f"has leverage {self.leverage} above leverage_most {self.leverage_most}")
