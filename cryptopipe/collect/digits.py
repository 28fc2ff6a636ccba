"""Numbers and times as the text of a row.

Enters: the core's integers, stamps. Leaves: text. Never: a rounding, an exponent, a trailing zero.
"""

from datetime import UTC, datetime
from functools import lru_cache

from cryptopipe.clock import MICROSECOND, SECOND, Nanos
from cryptopipe.core import SCALE


@lru_cache(1 << 16)
def shortest(units: int) -> str:
    """A core number without trailing zeros: `39441.9`."""
    return _point(units, SCALE)


def middle(bid_units: int, ask_units: int) -> str:
    """Half the sum of two, exactly."""
    return _point((bid_units + ask_units) * 5, SCALE + 1)


def _point(number: int, places: int) -> str:
    sign, digits = ("-", str(-number)) if number < 0 else ("", str(number))
    digits = digits.zfill(places + 1)
    whole, fraction = digits[:-places], digits[-places:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def iso_micros(at: Nanos) -> str:
    """`2025-08-27T23:45:12.805694+00:00`."""
    seconds, fraction = divmod(at, SECOND)
    return f"{_second(seconds)}.{fraction // MICROSECOND:06d}+00:00"


@lru_cache(64)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
