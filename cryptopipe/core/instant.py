"""Instants as venues write them, in plain Python: what the native core's `parse_instant` promises.

Enters: text. Leaves: nanoseconds since 1970 that fit 64 bits. Never: a rounded stamp, or a day that does not exist.
"""

from functools import lru_cache

from cryptopipe.clock import Nanos, parse_at

_SCALE = (0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)


def parse_instant(text: str) -> Nanos:
    """Nanoseconds of `2021-04-17T16:48:53.365913Z`, with none to nine digits after a point, of 1970 to 2261.

    Raises `ValueError` for any other text.
    """
    fraction = text[20:-1]
    try:
        if text[19] == "." and text[-1] == "Z" and fraction.isdecimal() and fraction.isascii():
            return _second(text[:19]) + int(fraction) * _SCALE[len(fraction)]
        if text[19:] == "Z":
            return _second(text[:19])
    except (ValueError, IndexError):
        pass
    raise ValueError(f"not a UTC instant such as 2024-08-08T23:54:15.088Z, of 1970 to 2261: {text[:40]!r}")


@lru_cache(maxsize=256)
def _second(text: str) -> Nanos:
    """Most frames share their second with the one before."""
    if len(text) != 19 or not text.isascii() or not "1970" <= text[:4] < "2262":
        raise ValueError(text)
    return parse_at(text + "Z")
