"""Written numbers in plain Python: exact, and still the text that was written.

Enters: text. Leaves: `Number`s. Never: a rounded one.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from cryptopipe.errors import PrecisionError, ProtocolError

SCALE = 12
_LIMIT = 2**127
_NUMBER = re.compile(r"(\d{1,1000})(?:\.(\d{1,1000}))?(?:[eE]([+-]?\d{1,4}))?", re.ASCII)


class Number(NamedTuple):
    """Units of 10⁻¹², written decimal places (-1: written with an exponent), digits without point and leading zeros."""

    units: int
    places: int
    digits: str = ""

    @property
    def text(self) -> str:
        """As written, without leading zeros."""
        places = places_needed(self.units) if self.places < 0 else self.places
        whole, fraction = divmod(self.units, 10**SCALE)
        return f"{whole}.{str(fraction).zfill(SCALE).ljust(places, '0')[:places]}" if places else str(whole)


def places_needed(units: int) -> int:
    """Decimal places that the value needs."""
    return len(str(units % 10**SCALE).zfill(SCALE).rstrip("0"))


def parse_number(written: object) -> Number:
    """Raises `ProtocolError` for what is no plain number, `PrecisionError` for one finer than 10⁻¹² or too large."""
    if not isinstance(written, str):
        raise ProtocolError(f"not a number at or above zero: {written!r}")
    return _parse(written)


@lru_cache(maxsize=1 << 14)
def _parse(written: str) -> Number:
    """A price comes again and again."""
    match = _NUMBER.fullmatch(written)
    if match is None:
        raise ProtocolError(f"not a number at or above zero: {written!r}")
    whole, fraction, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    shift = SCALE - len(fraction) + (int(exponent) if exponent else 0)
    units, rest = (int(digits or 0) * 10**shift, 0) if shift >= 0 else divmod(int(digits or 0), 10**-shift)
    if rest:
        raise PrecisionError(f"finer than 10^-{SCALE}: {written}")
    if units >= _LIMIT or len(fraction) > 100:
        raise PrecisionError(f"too large: {written}")
    return Number(units, -1 if exponent else len(fraction), digits)


forget = _parse.cache_clear
"""Parse what was parsed before anew: for measurements, whose passes repeat the same numbers."""
