"""What both of Coinbase's venues share: stamps, numbers as written, sides.

Enters: text of one frame. Leaves: nanoseconds, checked number text. Never: a rounded number, or a stamp that does not
fit 64 bits.
"""

import re
from decimal import Decimal

import msgspec

from cryptopipe.api import Side, parse_instant

UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""

TAKER_OF_MAKER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}

nanos = parse_instant
"""`2021-04-17T16:48:53.365913Z` with none to nine digits of a fraction. Raises `ValueError`."""


def amount(text: str) -> Decimal:
    """The number at or above zero. Raises `ValueError`."""
    return Decimal(checked(text))


_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def checked(text: str) -> str:
    """The text, if it is a number at or above zero. Raises `ValueError`."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"not a number at or above zero: {text[:40]!r}")
    return text
