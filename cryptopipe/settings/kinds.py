"""The kinds of value a setting may have, each read from text, and how a section declares them.

Enters: text as a person typed it. Leaves: nanoseconds, exact decimals, names. Never: a float, a number without bounds.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from cryptopipe.clock import Nanos, parse_duration
from cryptopipe.model.money import plain

STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)
"""Of every section."""
_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000))


def setting(default: Any, description: str, **bounds: Any) -> Any:
    """A described field; a callable default makes a new value each time."""
    if callable(default):
        return Field(default_factory=default, description=description, **bounds)
    return Field(default, description=description, **bounds)


def names(value: object) -> object:
    """`a:X,b:Y` is the list of both."""
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


def duration_text(nanos: Nanos) -> str:
    """The one spelling of a duration: a whole number of the largest unit that divides it."""
    for unit, size in _UNITS:
        if nanos and nanos % size == 0:
            return f"{nanos // size}{unit}"
    return f"{nanos}ns" if nanos else "0s"


def _read_duration(value: object) -> Nanos:
    if isinstance(value, int) and not isinstance(value, bool):
        return value  # a default in code; what people write comes as text
    if not isinstance(value, str):
        raise ValueError(f"not a duration such as 30s, 50ms or 1.5h: {value!r}")
    return parse_duration(value)


_decimal = PlainSerializer(plain, return_type=str)

Duration = Annotated[
    Nanos,
    BeforeValidator(_read_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration, such as 50ms, 2s or 1.5h"}),
]
"""Nanoseconds, written `50ms`, `2s`, `1.5h`; a bare number is seconds."""

Amount = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, decimal_places=18), _decimal]
"""So much of an asset, exactly; at most 18 decimal places."""

Share = Annotated[Decimal, Field(ge=0, le=1, decimal_places=18), _decimal]
"""A fraction of one."""

Bps = Annotated[Decimal, Field(ge=-10_000, le=1_000_000, decimal_places=12), _decimal]
"""Basis points, 1/10,000; may be negative."""

AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+:-]{0,31}$")]
"""`BTC`, `USDT`: the venue-independent identity of what is held."""

InstrumentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}:[^\s,]{1,64}$")]
"""`alpha:XYUSD`: a venue and its own symbol."""

VenueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""`alpha`, `alpha_futures`: the name of an installed exchange plugin."""

AddressName = Annotated[str, StringConstraints(pattern=r"^[^/\s,]+/[^/\s,]+/[^/\s,]+$")]
"""`beta/BTC/bitcoin`: our address at a venue, for an asset on a chain; * is any."""
