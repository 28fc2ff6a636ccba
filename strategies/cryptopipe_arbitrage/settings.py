"""What a user may set under `arbitrage`.

Enters: the section of that name. Leaves: frozen values. Never: a key that is not listed here.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_STAKE = {"USDT": "10000", "USD": "10000", "USDC": "10000", "EUR": "10000", "BTC": "0.15"}


Way = Literal["inventory", "cycle", "transfer"]


def _listed(value: object) -> object:
    """`inventory,cycle` is the list of both."""
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value


class TransferSettings(BaseModel):
    """How coins in flight are judged; units as they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ways: Annotated[tuple[Literal["transfer", "stock", "hedged"], ...], BeforeValidator(_listed)] = Field(
        ("transfer", "stock", "hedged"),
        description="transfer: sell on arrival; stock: sell from stock now; hedged: short a perpetual meanwhile",
    )
    bound_gamma: Decimal = Field(
        Decimal(2), ge=0, description="relative risk aversion in the log return: the edge must exceed its bound"
    )
    risk_tolerance: Decimal = Field(
        Decimal(2000),
        gt=0,
        description="of exponential utility over a trade's profit, in its asset",
    )
    abandon_minutes: Decimal = Field(
        Decimal(120), gt=0, description="coins later than this count as stuck: a loss of stuck_loss of the notional"
    )
    stuck_loss: Decimal = Field(Decimal("0.02"), ge=0, le=1, description="what is lost of coins that are stuck")
    least_minutes: Decimal = Field(
        Decimal(5), gt=0, description="of the window that a volatility needs; without them no coins travel"
    )
    estimate_minutes: int = Field(120, gt=0, description="how far back volatility and closing are estimated")
    estimate_every_s: int = Field(5, gt=0, description="seconds that an estimate is used before it is made anew")
    must_know_closing: bool = Field(
        False, description="refuse where the window does not tell how fast the edge closes; else it is taken to last"
    )
    selling_share: Decimal = Field(
        Decimal("0.5"),
        ge=0,
        le=1,
        description="of the closing, what the selling bid gives up; a window that tells draws it away from this",
    )

    @property
    def estimate_from(self) -> int:
        """Nanoseconds."""
        return self.estimate_minutes * 60 * 1_000_000_000

    @property
    def estimate_every(self) -> int:
        """Nanoseconds."""
        return self.estimate_every_s * 1_000_000_000


class ArbitrageSettings(BaseModel):
    """The strategy's section of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: Annotated[tuple[Way, ...], BeforeValidator(_listed)] = Field(
        ("inventory", "cycle", "transfer"),
        description="inventory: two venues at once; cycle: triangles and longer ways round; transfer: coins travel",
    )
    compare_kinds: bool = Field(
        False, description="compare a perpetual with its spot as if they were one thing (they are not: this is basis)"
    )
    most_edges: int = Field(5, ge=3, le=8, description="of a way round: its trades, and its passages between venues")
    transfer: TransferSettings = Field(
        default_factory=lambda: TransferSettings.model_validate({}), description="coins in flight"
    )
    restoring_bps: Decimal = Field(
        Decimal(1), ge=0, description="accrued on each two-venue trade: the coins must one day be moved back"
    )
    concede: Decimal = Field(
        Decimal("0.5"),
        ge=0,
        le=1,
        description="share of the net edge that the limits of its orders may give up, so that both legs fill",
    )
    skew_confidence: Decimal = Field(
        Decimal("0.9"), ge=Decimal("0.5"), lt=1,
        description="of two quotes not seen at one instant so much certainty is charged to an edge; 0.5: nothing",
    )  # fmt: skip
    assumed_volatility: Decimal = Field(
        Decimal("0.8"), ge=0, description="a year, of a price whose window does not tell it, for skew_confidence"
    )
    least_completion: Decimal = Field(
        Decimal(0), ge=0, le=1,
        description="refuse a sized edge all of whose legs fill with less certainty; 0: it is only told",
    )  # fmt: skip
    enough_lives: int = Field(
        20, gt=0, description="edges or levels to have been followed before what they tell may refuse one"
    )
    missed_bps: Decimal = Field(
        Decimal(0), ge=0, description="what an edge costs that is gone when its orders arrive, for those that filled"
    )
    way_bound_ms: int = Field(50, ge=0, description="milliseconds that a frame is at most on its way to us")
    stake: dict[str, Decimal] = Field(
        {asset: Decimal(amount) for asset, amount in _STAKE.items()},
        description="the most that one cycle may spend, by the asset it starts and ends in; others are never a start",
    )
