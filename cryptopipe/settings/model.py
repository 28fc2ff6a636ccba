"""What can be set, what each setting means, and its default.

Enters: nothing. Leaves: the frozen `Settings`. Never: a key without a description (it becomes a comment of
config.yaml), a key that is read and not declared here or by a strategy.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn

from platformdirs import user_data_path
from pydantic import BaseModel, BeforeValidator, SecretStr

from cryptopipe.model.stream import Credentials
from cryptopipe.settings.alerts import AlertsSettings
from cryptopipe.settings.collect import CollectSettings
from cryptopipe.settings.kinds import (
    STRICT,
    AddressName,
    Amount,
    AssetName,
    Bps,
    Duration,
    InstrumentName,
    Share,
    VenueName,
    names,
    setting,
)
from cryptopipe.settings.logs import LogsSettings
from cryptopipe.settings.quality import QualitySettings
from cryptopipe.settings.upload import UploadSettings

OPENING = {
    "USDT": "100000",
    "USD": "100000",
    "USDC": "100000",
    "EUR": "100000",
    "BTC": "2",
    "ETH": "30",
    "SOL": "500",
    "BNB": "100",
}


def _home(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("expected a directory, got nothing")
    return Path(value).expanduser() if isinstance(value, str) else value


def _listed(value: object) -> object:
    """`BTC,USDT` is the list of both. Raises `ValueError` for fewer than two: an instrument is between two."""
    found = names(value)
    if isinstance(found, (list, tuple)) and len(found) < 2:
        raise ValueError("expected at least two assets, such as BTC,USDT: an instrument is between two")
    return found


class VenueSettings(BaseModel):
    """One venue of `venues`."""

    model_config = STRICT

    enabled: bool = setting(True, description="false leaves the venue out of every run")
    taker_fee_bps: Bps | None = setting(None, description="what the account pays as taker; null: the plugin's schedule")
    maker_fee_bps: Bps | None = setting(None, description="what the account pays as maker; null: the plugin's schedule")


class KeySettings(BaseModel):
    """One venue's key of `keys`, for public streams that ask for one. Shown by nothing."""

    model_config = STRICT

    key: SecretStr = setting(..., min_length=1, description="of an API key without any right but reading")
    secret: SecretStr = setting(..., min_length=1, description="as the venue gave it")
    passphrase: SecretStr = setting(SecretStr(""), description="where the venue has one")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


class CustodySettings(BaseModel):
    """One venue of `custody`: what it asks of this account before coins move. What is null the plugin may state; where
    nobody does, coins do not go by that venue.
    """

    model_config = STRICT

    address_book: bool | None = setting(None, description="whether withdrawals go to its address book alone")
    book: Annotated[tuple[AddressName, ...], BeforeValidator(names)] = setting(
        (), description="own addresses in its book, as VENUE/ASSET/CHAIN; * is any"
    )
    daily_limit: Amount | None = setting(None, description="dollars that it lets out in 24 hours")
    travel_rule: Amount | None = setting(
        None, description="dollars above which it must know the receiving party; 0: never"
    )
    hold_minutes: Amount | None = setting(None, description="from a deposit's credit until it may be sold")


class MetadataSettings(BaseModel):
    """What venues say of themselves while a run lasts."""

    model_config = STRICT

    refresh: Duration | None = setting(
        None, ge=0, description="how often each venue is asked; null: as its plugin says, mostly hourly; 0s: never"
    )


class WindowSettings(BaseModel):
    """What a run keeps of each instrument's tops, for volatility and half-lives."""

    model_config = STRICT

    span: Duration = setting("24h", gt=0, description="tops older than this are forgotten")
    max_mb: int = setting(
        128, ge=1, le=1_000_000, description="of one instrument, in MiB; what it cannot hold is forgotten earlier"
    )


class PaperSettings(BaseModel):
    """Simulated execution."""

    model_config = STRICT

    latency: Duration = setting("50ms", ge=0, description="from the decision until the order reaches the venue's book")
    measured: bool = setting(
        False, description="in place of latency, what this data directory's runs have measured of each venue's orders"
    )
    latencies: dict[VenueName, Duration] = setting(
        dict, description="by venue, in place of latency; a run with measured: true writes its own here"
    )
    transfer_seed: int = setting(1, ge=0, description="of the times that transfers take on paper")
    assume_networks: bool = setting(
        False, description="take the plugins' dated tables of networks for told and open, where no account is asked"
    )
    opening: dict[AssetName, Amount] = setting(
        lambda: dict(OPENING),
        description="balance of each venue that trades the asset, when a run begins; null takes an asset out",
    )
    venues: dict[VenueName, dict[AssetName, Amount]] = setting(
        dict, description="opening balances of single venues, over those of `opening`"
    )


class CapitalSettings(BaseModel):
    """Where capital is wanted, and what `rebalance` charges for what it takes to bring it there."""

    model_config = STRICT

    targets: dict[VenueName, Amount] = setting(
        dict, description="by venue its share of each asset that it trades; without any all have equal ones"
    )
    limits: dict[VenueName, Amount] = setting(dict, description="by venue the most that it may hold, in the numeraire")
    default_risk: dict[VenueName, Share] = setting(
        dict, description="by venue the fraction of what it holds that is lost in a year, as far as anybody can say"
    )
    horizon: Duration = setting("720h", ge=0, description="for how long an allocation lasts, for default_risk")
    carrying_rate: Share = setting("0.05", description="a year's return that coins on their way do not earn")
    risk_bps: Bps = setting("0.1", ge=0, description="of what is on its way, a minute: its price may move")
    shortfall_bps: Bps = setting("50", ge=0, description="of what a target lacks: what a rebalancing may cost at most")
    convert: Annotated[tuple[AssetName, ...], BeforeValidator(names)] = setting(
        ("USD", "USDC", "USDT"), description="assets that may be traded for one another to get there"
    )


class RiskSettings(BaseModel):
    """Limits of the gate. Each is judged on every opportunity; each refusal names the limit and what was measured."""

    model_config = STRICT

    max_age: Duration = setting("2s", gt=0, description="since the last frame of any book used")
    delisting_margin: Duration = setting(
        "24h", ge=0, description="no leg on an instrument whose trading ends within this time"
    )
    max_notional: Amount = setting("10000", gt=0, description="of one leg, in the numeraire")
    max_unproven_notional: Amount = setting(
        "0", description="of one leg on a book whose stream cannot show a gap, in the numeraire; 0: never trade on one"
    )
    min_net_bps: Bps = setting("0", description="of the edge after every cost, in basis points")
    min_profit: Amount = setting("0.01", description="of one trade after every cost, in the numeraire")
    max_edge_bps: Bps = setting(
        "500", gt=0, description="gross; an edge above it is a wrong book or two assets of one name"
    )
    max_loss: Amount = setting("500", gt=0, description="of one run, in the numeraire; beyond it the run halts")
    unwind_bps: Bps = setting(
        "50",
        ge=0,
        lt=10_000,
        description="what an unfilled leg left is closed at once, this much worse than the best price or less; 0: left",
    )
    max_residual: Amount = setting(
        "50", description="exposure left by the unfilled legs of a run together, in the numeraire; beyond it: halt"
    )
    max_transfers: int = setting(
        3, ge=0, description="plans at once whose coins travel between venues, on sandbox and paper; 0: none"
    )
    max_in_flight: Amount = setting("20000", description="of all such plans together, in the numeraire")
    max_inventory: Amount = setting(
        "50000", description="that resting quotes may build up, over all instruments, in the numeraire"
    )


class Settings(BaseModel):
    """The configuration of a run. `load_settings` adds a section for each strategy."""

    model_config = STRICT

    data_dir: Annotated[Path, BeforeValidator(_home)] = setting(
        lambda: user_data_path("cryptopipe"),
        description="where captures and journals are kept; without it the user's data directory",
    )
    numeraire: AssetName = setting("USDT", description="the asset in which values and limits are stated")
    assets: Annotated[tuple[AssetName, ...], BeforeValidator(_listed)] = setting(
        ("BNB", "BTC", "ETH", "SOL", "USD", "USDT"),
        description="instruments between these are watched, where a run is not over recordings",
    )
    venues: dict[VenueName, VenueSettings] = setting(
        dict, description="by venue: enabled, taker_fee_bps, maker_fee_bps"
    )
    orders: Annotated[tuple[InstrumentName, ...], BeforeValidator(names)] = setting(
        (), description="instruments whose single orders (L3) are kept too: alpha:XYUSD,beta:XY-USD"
    )
    keys: dict[VenueName, KeySettings] = setting(
        dict, description="by venue: key, secret, passphrase, for streams that need them; file or environment only"
    )
    custody: dict[VenueName, CustodySettings] = setting(
        dict,
        description="by venue, what it asks before coins move: address_book, book, daily_limit, and others",
    )
    metadata: MetadataSettings = setting(
        MetadataSettings, description="instruments, states, currencies and fees, as venues tell them in a run"
    )
    window: WindowSettings = setting(WindowSettings, description="the tops of each instrument that a run remembers")
    paper: PaperSettings = setting(PaperSettings, description="simulated execution")
    risk: RiskSettings = setting(
        RiskSettings, description="limits of the gate; a refusal names its limit and what was measured"
    )
    capital: CapitalSettings = setting(
        CapitalSettings, description="where capital is wanted, and what moving it costs beside fees"
    )
    alerts: AlertsSettings = setting(AlertsSettings, description="what is told, to whom and when")
    logs: LogsSettings = setting(LogsSettings, description="the log in files, one for each component")
    collect: CollectSettings = setting(CollectSettings, description="what is collected, and how it is filed")
    quality: QualitySettings = setting(QualitySettings, description="checks of collected files")
    upload: UploadSettings = setting(UploadSettings, description="copies of collected files in an object store")

    def venue(self, name: str) -> VenueSettings:
        """The settings of a venue, the defaults where nothing is said of it."""
        return self.venues.get(name, VenueSettings())

    def credentials(self, name: str) -> Credentials | None:
        """A venue's key; None if none is set."""
        own = self.keys.get(name)
        if own is None:
            return None
        return Credentials(*(one.get_secret_value() for one in (own.key, own.secret, own.passphrase)))

    def strategy(self, name: str) -> Any:
        """The section of a strategy, an instance of its plugin's `settings`. Raises `KeyError` if not loaded."""
        if name in Settings.model_fields or name not in type(self).model_fields:
            raise KeyError(f"no settings of a strategy {name!r} in this configuration")
        return getattr(self, name)

    def opening(self, venue: str, asset: str) -> Decimal:
        """The paper balance of an asset with which a venue begins."""
        own = self.paper.venues.get(venue, {})
        return own.get(asset, self.paper.opening.get(asset, Decimal(0)))
