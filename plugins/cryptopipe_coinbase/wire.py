"""What both of Coinbase's venues share: stamps, numbers as written, sides.

Enters: text of one frame. Leaves: nanoseconds, checked number text. Never: a rounded number, or a stamp that does not
fit 64 bits.
"""

import re
from functools import lru_cache

import msgspec

from cryptopipe.api import Nanos, Side, parse_at

UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""

TAKER_OF_MAKER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}

_SCALE = (0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


@lru_cache(maxsize=256)
def _second(text: str) -> Nanos:
    """Nanoseconds of `2021-04-17T16:43:37.`: most frames share their second with the one before."""
    if not "1970" <= text[:4] < "2262" or text[-1:] != ".":
        raise ValueError(f"not the start of a stamp of this age: {text!r}")
    return parse_at(text[:-1] + "Z")


def nanos(text: str) -> Nanos:
    """`2024-10-04T07:31:01.754118917Z` with none to nine digits of a fraction. Raises `ValueError`,
    `IndexError`."""
    if text[-1] == "Z" and (fraction := text[20:-1]).isdecimal():
        return _second(text[:20]) + int(fraction) * _SCALE[len(fraction)]
    if len(text) == 20 and text[-1] == "Z":
        return _second(text[:19] + ".")
    raise ValueError(f"not a UTC stamp of at most nine digits: {text!r}")


def checked(text: str) -> str:
    """The text, if it is a number at or above zero. Raises `ValueError`."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"not a number at or above zero: {text[:40]!r}")
    return text
