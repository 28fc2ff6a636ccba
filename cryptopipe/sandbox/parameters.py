"""The parameters of the simulated market, from a documented file.

Enters: the packaged `parameters.yaml`, and a user's file over it. Leaves: frozen `Parameters`. Never: a default in
code, an unknown key, or a value out of its range.
"""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from cryptopipe.errors import ConfigError, did_you_mean
from cryptopipe.sandbox.accounts_parameters import AccountProfile
from cryptopipe.sandbox.chain_parameters import ChainLaw, Processing

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]

Tree = dict[str, object]
Key = tuple[str, ...]
Places = Mapping[Key, str]
S = TypeVar("S", bound=msgspec.Struct)

DEFAULTS = Path(__file__).with_name("parameters.yaml")
"""The packaged file: every key with its unit and reason."""

_DEFAULT = "default"
_STEADY: Tree = {"volatility": "0", "deviation_bp": "0", "half_life_s": "0"}
_FIX = f"{DEFAULTS.name} of cryptopipe.sandbox lists every key with its unit and reason"


class _Section(msgspec.Struct, frozen=True):
    pass


def _in_order(**named: float) -> None:
    (low, least), (high, most) = named.items()
    if least > most:
        raise ValueError(f"has {low} {least:g} above {high} {most:g}")


class Price(_Section, frozen=True):
    """A latent price: a diffusion, or with `half_life_s` above zero a mean-reverting deviation from `usd`."""

    usd: Positive
    volatility: NotNegative
    deviation_bp: NotNegative
    half_life_s: NotNegative
    liquidity: Positive

    def __post_init__(self) -> None:
        if self.volatility and self.half_life_s:
            raise ValueError(f"has volatility {self.volatility:g} and half_life_s {self.half_life_s:g}: one is zero")
        if self.deviation_bp and not self.half_life_s:
            raise ValueError(f"has deviation_bp {self.deviation_bp:g} but no half_life_s above zero")


class Jump(_Section, frozen=True):
    """Rare jumps of each latent price."""

    per_hour: NotNegative
    least_bp: NotNegative
    most_bp: NotNegative

    def __post_init__(self) -> None:
        _in_order(least_bp=self.least_bp, most_bp=self.most_bp)


class Dislocation(_Section, frozen=True):
    """Short departures of one venue's price of one asset."""

    every_s: Positive
    median_bp: Positive
    spread: NotNegative
    least_bp: NotNegative
    most_bp: NotNegative
    rise_least_s: Positive
    rise_most_s: Positive
    hold_least_s: NotNegative
    hold_most_s: NotNegative
    half_life_least_s: Positive
    half_life_most_s: Positive

    def __post_init__(self) -> None:
        _in_order(least_bp=self.least_bp, most_bp=self.most_bp)
        _in_order(rise_least_s=self.rise_least_s, rise_most_s=self.rise_most_s)
        _in_order(hold_least_s=self.hold_least_s, hold_most_s=self.hold_most_s)
        _in_order(half_life_least_s=self.half_life_least_s, half_life_most_s=self.half_life_most_s)


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

    def __post_init__(self) -> None:
        if self.near_share + self.middle_share + self.deep_share <= 0:
            raise ValueError("has near_share, middle_share and deep_share all zero")


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
    """Everything about the simulated market but seed, time and instruments. `venues`, `accounts`, `chains` and
    `processing` always have `default`.
    """

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
    accounts: dict[str, AccountProfile]
    chains: dict[str, ChainLaw]
    processing: dict[str, Processing]

    @classmethod
    def load(cls, path: Path | None = None, venues: Collection[str] | None = None) -> "Parameters":
        """The packaged parameters, with those of `path` over them. `venues` are those that it may name; None does not
        judge them. Raises `ConfigError` with file, line and key.
        """
        tree, places = _read(DEFAULTS)
        if path is not None:
            own, own_places = _read(path)
            _refuse_unknown(own, own_places, venues)
            tree, places = _merged(tree, own), places | own_places
        return _Builder(places, path or DEFAULTS).section(cls, _completed(tree), ())

    def price(self, asset: str) -> Price:
        """Of an asset; `other_price` where none is stated."""
        return self.prices.get(asset, self.other_price)

    def venue(self, venue: str) -> VenueProfile:
        """Of a venue; `default` where none is stated."""
        return self.venues.get(venue, self.venues[_DEFAULT])

    def account(self, venue: str) -> AccountProfile:
        """Of a venue's customers; `default` where none is stated."""
        return self.accounts.get(venue, self.accounts[_DEFAULT])


def _read(path: Path) -> tuple[Tree, dict[Key, str]]:
    from cryptopipe.settings.layers import read_file  # reads YAML: not on a path that loads no parameters

    try:
        layer = read_file(path)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), fix="name a file that exists") from None
    if layer.problems:
        first = layer.problems[0]
        raise ConfigError(first.message, where=first.where, fix=_FIX)
    return dict(layer.tree), layer.places


def _refuse_unknown(own: Tree, places: Places, venues: Collection[str] | None) -> None:
    """What is said of a venue that does not exist would silently not be used."""
    for table in ("venues", "accounts", "processing"):
        named = own.get(table)
        for name in named if isinstance(named, dict) and venues is not None else ():
            if name != _DEFAULT and name not in (venues or ()):
                meant = did_you_mean(name, [*(venues or ()), _DEFAULT])
                raise ConfigError(
                    f"'{table}.{name}': no such venue is installed{meant}", where=places[table, name], fix=_FIX
                )


def _merged(under: Tree, over: Tree) -> Tree:
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        result[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _completed(tree: Tree) -> Tree:
    """A venue takes from `default` what its own entry does not say; a price that says nothing of it is steady."""
    for table in ("prices", "venues", "accounts", "chains", "processing"):
        entries = tree.get(table)
        under = _STEADY if table == "prices" else entries.get(_DEFAULT) if isinstance(entries, dict) else None
        if isinstance(entries, dict) and isinstance(under, dict):
            tree[table] = {n: _merged(under, one) if isinstance(one, dict) else one for n, one in entries.items()}
    return tree


class _Builder:
    """Makes structs of a tree of texts; each fault is a `ConfigError` with the place of its key."""

    def __init__(self, places: Places, file: Path) -> None:
        self._places = places
        self._file = file

    def section(self, kind: type[S], tree: object, at: Key) -> S:
        hints = get_type_hints(kind, include_extras=True)
        if not isinstance(tree, dict):
            raise self._fault(at, f"is {tree!r}: expected `key: value` lines")
        for name in tree:
            if name not in hints:
                raise self._fault((*at, name), f"is not known{did_you_mean(name, hints)}")
        absent = [name for name in hints if name not in tree]
        if absent:
            raise self._fault(at, f"has no {absent[0]!r}")
        values = {name: self._value(hint, tree[name], (*at, name)) for name, hint in hints.items()}
        try:
            return kind(**values)
        except ValueError as error:
            raise self._fault(at, str(error)) from None

    def _value(self, hint: Any, value: object, at: Key) -> object:
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self.section(hint, value, at)
        if get_origin(hint) is dict:
            if not isinstance(value, dict):
                raise self._fault(at, f"is {value!r}: expected `name: …` lines")
            return {name: self._value(get_args(hint)[1], one, (*at, name)) for name, one in value.items()}
        try:
            made = msgspec.convert(value, hint, strict=False)
        except msgspec.ValidationError as error:
            choice = f", one of {', '.join(get_args(hint))}" if get_origin(hint) is Literal else ""
            raise self._fault(at, f"is {value!r}: {str(error).partition(' - at ')[0]}{choice}") from None
        if isinstance(made, float | Decimal) and not math.isfinite(made):
            raise self._fault(at, f"is {value!r}: expected a finite number")
        return made

    def _fault(self, at: Key, message: str) -> ConfigError:
        where = next((self._places[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self._places), str(self._file))
        return ConfigError(f"'{'.'.join(at)}' {message}", where=where, fix=_FIX)
