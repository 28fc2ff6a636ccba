"""What a user may set under `arbitrage`.

Enters: the section of that name. Leaves: frozen values. Never: a key that is not listed here.
"""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

_STAKE = {"USDT": "10000", "USD": "10000", "USDC": "10000", "EUR": "10000", "BTC": "0.15"}


class ArbitrageSettings(BaseModel):
    """The strategy's section of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    compare_kinds: bool = Field(
        False, description="compare a perpetual with its spot as if they were one thing (they are not: this is basis)"
    )
    triangles: bool = Field(True, description="look for triangles within a venue")
    restoring_bps: Decimal = Field(
        Decimal(1), ge=0, description="accrued on each two-venue trade: the coins must one day be moved back"
    )
    concede: Decimal = Field(
        Decimal("0.5"),
        ge=0,
        le=1,
        description="share of the net edge that the limits of its orders may give up, so that both legs fill",
    )
    stake: dict[str, Decimal] = Field(
        {asset: Decimal(amount) for asset, amount in _STAKE.items()},
        description="the most that one cycle may spend, by the asset it starts and ends in; others are never a start",
    )
