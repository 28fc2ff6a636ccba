"""How the simulated Bitfinex writes: numbers as JavaScript prints them, times in milliseconds, signed sums.

Enters: whole ticks and lots. Leaves: texts. Never: a trailing zero, or a number that JavaScript would print otherwise.

The recorded frames of 2021-04-17 write `0.09383141`, `277530` and `1.1e-7`.
"""

import zlib
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

import msgspec

from cryptopipe.api import Nanos, TradingRules

SECOND: Nanos = 1_000_000_000
MS: Nanos = 1_000_000


def script(number: Decimal) -> str:
    """The shortest text, with an exponent below 10⁻⁶ (ECMA-262, Number::toString)."""
    number = number.normalize()
    if number == 0:
        return "0"
    if abs(number) < Decimal("0.000001"):
        mantissa, _, power = f"{number:e}".partition("e")
        return f"{mantissa}e{int(power)}"
    return f"{number:f}"


class Digits:
    """Texts of one instrument's prices and sizes."""

    def __init__(self, rules: TradingRules) -> None:
        tick, step = rules.tick, rules.step
        self.price = lru_cache(maxsize=1 << 12)(lambda ticks: script(ticks * tick))
        self.size = lru_cache(maxsize=1 << 12)(lambda lots: script(lots * step))

    def amount(self, lots: int, asks: bool) -> str:
        """Negative for an ask."""
        return f"-{self.size(lots)}" if asks else self.size(lots)


def signed_sum(bids: Sequence[str], asks: Sequence[str]) -> int:
    """The CRC-32 of `bid:ask:bid:…`, as a signed 32-bit integer (docs/ws-websocket-checksum, a stored copy read
    2026-11-21)."""
    text = ":".join(one for one in chain.from_iterable(zip_longest(bids, asks)) if one is not None)
    crc = zlib.crc32(text.encode())
    return crc - 2**32 if crc >= 2**31 else crc


def encoded(value: Any) -> str:
    """JSON text."""
    return msgspec.json.encode(value).decode()
