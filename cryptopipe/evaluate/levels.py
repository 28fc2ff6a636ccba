"""How long a price stays within reach: the lives of a book's best levels, from its window.

Enters: one side's column of the window, the stamp of now. Leaves: a life for each price that became the best, until the
side was worse. Never: an end that nobody saw; a size: a level that stays with less on it lives on here.
"""

from collections.abc import Sequence
from math import inf

from cryptopipe.clock import Nanos
from cryptopipe.evaluate.lifetime import Life
from cryptopipe.evaluate.ticks import Column

MOST = 500
"""Changes of the best price that are looked at: the latest."""


def level_lives(column: Column, buys: bool, now: Nanos, most: int = MOST) -> list[Life]:
    """Of the asks, whose prices become worse as they rise, if one `buys`, else of the bids. A limit at the best price
    is within reach while the side is no worse; an empty side is worse than any price. What is within reach at `now` is
    not closed. The price of the first row is left out: its beginning was not seen.
    """
    import numpy as np

    prices = np.asarray(column.prices)
    changes = (np.flatnonzero(prices[1:] != prices[:-1]) + 1)[-most:]
    times: Sequence[Nanos] = np.asarray(column.times)[changes].tolist()
    told: Sequence[int] = prices[changes].tolist()
    lives: list[Life] = []
    within: list[tuple[float, Nanos]] = []
    for at, price in zip(times, told, strict=True):
        worth = -inf if not price else -price if buys else price
        while within and within[-1][0] > worth:
            lives.append(Life(at - within.pop()[1], True))
        if price:
            within.append((worth, at))
    return lives + [Life(now - since, False) for _, since in within]
