"""All trades of one simulated instrument since it opened, in six numbers.

Enters: each execution against a level. Leaves: first, last, high, low, volume, turnover. Never: a float.
"""

import msgspec

from cryptopipe.clock import Nanos


class SessionStats(msgspec.Struct, frozen=True, gc=False):
    """All trades since the engine started: prices in ticks, sizes in lots, `turnover` in ticks times lots."""

    first: int
    last: int
    high: int
    low: int
    volume: int
    turnover: int
    count: int
    last_size: int
    last_at: Nanos


def tallied(was: SessionStats | None, price: int, size: int, last_size: int, count: int, at: Nanos) -> SessionStats:
    """After trades of `size` lots at one price, the last of them of `last_size`; `count` trades since the start."""
    if was is None:
        return SessionStats(price, price, price, price, size, price * size, count, last_size, at)
    high, low = max(was.high, price), min(was.low, price)
    return SessionStats(
        was.first, price, high, low, was.volume + size, was.turnover + price * size, count, last_size, at
    )
