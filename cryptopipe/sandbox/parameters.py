"""The parameters of the simulated market, from a documented file.

Enters: the packaged `parameters.yaml`, and a user's file over it. Leaves: frozen `Parameters`. Never: a default in
code, an unknown key, or a value out of its range.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import msgspec

from cryptopipe.errors import ConfigError, did_you_mean

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]

Tree = dict[str, object]
Places = Mapping[tuple[str, ...], str]

DEFAULTS = Path(__file__).with_name("parameters.yaml")
"""The packaged file: every key with its unit and reason."""

_DEFAULT = "default"
_STEADY: Tree = {"volatility": "0", "deviation_bp": "0", "half_life_s": "0"}
_FIX = f"{DEFAULTS.name} of cryptopipe.sandbox lists every key with its unit and reason"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Price(_Section, frozen=True):
    """A latent price: a diffusion, or with `half_life_s` above zero a mean-reverting deviation from `usd`."""

    usd: Positive
    volatility: NotNegative
    deviation_bp: NotNegative
    half_life_s: NotNegative
    liquidity: Positive


class Jump(_Section, frozen=True):
    """Rare jumps of each latent price."""

    per_hour: NotNegative
    least_bp: NotNegative
    most_bp: NotNegative


class Dislocation(_Section, frozen=True):
    """Short departures of one venue's price of one asset."""

    every_s: Positive
    median_bp: Positive
    spread: NotNegative
    least_bp: NotNegative
    most_bp: NotNegative
    rise_least_s: Positive
    rise_most_s: Positive
    half_life_least_s: Positive
    half_life_most_s: Positive


class Reverting(_Section, frozen=True):
    """A mean-reverting quantity: its standard deviation, and the seconds in which it halves."""

    size_bp: NotNegative
    half_life_s: Positive


class Orders(_Section, frozen=True):
    """How orders behave on every venue."""

    near_share: Fraction
    middle_share: Fraction
    deep_share: Fraction
    middle_bp: Positive
    deep_bp: Positive
    taken: Fraction
    renewed: Fraction
    persistence: Fraction
    refilled: Fraction
    middle_size: Positive
    deep_size: Positive
    cross_size: Positive


class VenueProfile(_Section, frozen=True):
    """What one venue is like."""

    lag_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)]
    noise_bp: NotNegative
    noise_half_life_s: Positive
    spread_bp: NotNegative
    tolerance_bp: NotNegative
    events_per_s: Positive
    taker_share: Fraction
    near_bp: Positive
    touch: Fraction
    near_orders: Count
    middle_orders: Count
    deep_orders: Count
    order_usd: Positive
    order_spread: NotNegative
    trade_usd: Positive
    trade_spread: NotNegative
    reach_bp: NotNegative


class Parameters(_Section, frozen=True):
    """Everything about the simulated market but seed, time and instruments. `venues` always has `default`."""

    assets: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]
    rate: Positive
    perpetuals: Literal["alone", "all"]
    dislocations: Literal["on", "off"]
    premium: Literal["none", "lasting"]
    step_ms: Annotated[float, msgspec.Meta(ge=5, le=1000)]
    prices: dict[str, Price]
    other_price: Price
    jump: Jump
    dislocation: Dislocation
    lasting_premium: Reverting
    orders: Orders
    venues: dict[str, VenueProfile]

    @classmethod
    def load(cls, path: Path | None = None) -> "Parameters":
        """The packaged parameters, with those of `path` over them. Raises `ConfigError` with file, line and key."""
        tree, places = _read(DEFAULTS)
        if path is not None:
            own, own_places = _read(path)
            _refuse_unknown(cls, own, (), own_places)
            tree, places = _merged(tree, own), places | own_places
        return _converted(tree, places, path or DEFAULTS)

    def price(self, asset: str) -> Price:
        """Of an asset; `other_price` where none is stated."""
        return self.prices.get(asset, self.other_price)

    def venue(self, venue: str) -> VenueProfile:
        """Of a venue; `default` where none is stated."""
        return self.venues.get(venue, self.venues[_DEFAULT])


def _read(path: Path) -> tuple[Tree, dict[tuple[str, ...], str]]:
    from cryptopipe.settings.layers import read_file  # reads YAML: not on a path that loads no parameters

    try:
        layer = read_file(path)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), fix="name a file that exists") from None
    if layer.problems:
        first = layer.problems[0]
        raise ConfigError(first.message, where=first.where, fix=_FIX)
    return dict(layer.tree), layer.places


def _refuse_unknown(kind: type[msgspec.Struct], tree: Tree, at: tuple[str, ...], places: Places) -> None:
    """Raises `ConfigError` for the first key that `kind` does not have, with the nearest that it has."""
    hints = get_type_hints(kind)
    for name, value in tree.items():
        key = (*at, name)
        if name not in hints:
            message = f"unknown key '{'.'.join(key)}'{did_you_mean(name, hints)}"
            raise ConfigError(message, where=places[key], fix=_FIX)
        below = hints[name]
        entries: tuple[type[msgspec.Struct], ...] = getattr(below, "__args__", ())[1:]
        if isinstance(value, dict) and isinstance(below, type) and issubclass(below, msgspec.Struct):
            _refuse_unknown(below, value, key, places)
        elif isinstance(value, dict) and entries:
            for entry, inner in value.items():
                if isinstance(inner, dict):
                    _refuse_unknown(entries[0], inner, (*key, entry), places)


def _merged(under: Tree, over: Tree) -> Tree:
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        result[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _converted(tree: Tree, places: Places, path: Path) -> Parameters:
    """With the entries of `venues` completed from `default`, and a price that does not say so taken as steady."""
    venues = tree.get("venues")
    for table, default in (("prices", _STEADY), ("venues", venues.get(_DEFAULT) if isinstance(venues, dict) else None)):
        entries = tree.get(table)
        if isinstance(entries, dict) and isinstance(default, dict):
            tree[table] = {n: _merged(default, one) if isinstance(one, dict) else one for n, one in entries.items()}
    try:
        return msgspec.convert(tree, Parameters, strict=False)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        key = tuple(place.rstrip("`").replace("[...]", "").split("."))
        where = places.get(key, str(path))
        raise ConfigError(f"'{place.rstrip('`')}': {message}", where=where, fix=_FIX) from None
