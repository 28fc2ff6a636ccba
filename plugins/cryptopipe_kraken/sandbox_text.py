"""How the sandbox writes Kraken's numbers, stamps and checksums.

Enters: whole ticks and lots, nanoseconds. Leaves: the digits, RFC 3339 and epoch stamps, and CRC-32s of the wire.
Never: a number or a checksum by the feed's core, which is to be proven by another hand.
"""

from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

from cryptopipe.api import Grid, Nanos, TradingRules, format_at

SECOND: Nanos = 1_000_000_000
CHECKED = 10
"""Levels a side under the checksum, whatever depth is subscribed to."""


class Digits:
    """The digits of one instrument in one dialect: v2 writes tick and step, v1 at least five and eight places."""

    def __init__(self, rules: TradingRules, price_places: int = 0, size_places: int = 0) -> None:
        grid = Grid(rules, price_places, size_places)
        self.price, self.size = grid.price, grid.size


def short_digits(rules: TradingRules) -> Digits:
    """Of v2 and of OHLC, `45283.5` and `0.10000000` (spot-websocket-v2/book, 2026-11-21)."""
    return Digits(rules)


def long_digits(rules: TradingRules) -> Digits:
    """Of v1, Ticker, Depth and Trades: `56119.00000` where the tick is 0.1 (recorded 2021-04-17, live 2026-09-03)."""
    return Digits(rules, 5, 8)


def whole(text: str) -> int:
    """A number of at most twenty digits; -1 for anything else that a client may write."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else -1


def mantissa(text: str) -> str:
    """The digits of a number without its point and without leading zeros: `0.05005` is `5005`."""
    return text.replace(".", "").lstrip("0")


def checksum(asks: Iterable[str], bids: Iterable[str]) -> int:
    """CRC-32 of the levels' texts, each `mantissa(price) + mantissa(size)`, best first, asks before bids.

    Source: docs.kraken.com/exchange/guides/websockets/book-checksum-v2 and -v1 (2026-11-21).
    """
    return crc32(("".join(asks) + "".join(bids)).encode())


def rfc3339(at: Nanos) -> str:
    """`2023-10-06T17:35:55.440295Z`."""
    seconds, rest = divmod(at, SECOND)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    return format_at(seconds * SECOND)[:19]


def epoch(at: Nanos) -> str:
    """`1618678133.365913`."""
    seconds, rest = divmod(at, SECOND)
    return f"{seconds}.{rest // 1000:06d}"
