"""Lives of best levels: the same as by looking through all later rows for each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.levels import level_lives
from cryptopipe.evaluate.lifetime import Life
from cryptopipe.evaluate.ticks import Column

ROWS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0, 5, 6, 7, 8])), max_size=40)


def column(rows: list[tuple[int, int]]) -> tuple[Column, int]:
    """Rows as (time since the one before, price), and a stamp after the last."""
    times = np.cumsum([gap for gap, _ in rows] or [0])[: len(rows)].astype(np.int64)
    return Column(times, np.array([price for _, price in rows], np.int64)), int(sum(gap for gap, _ in rows)) + 3


def by_hand(rows: list[tuple[int, int]], buys: bool) -> list[Life]:
    seen, now = column(rows)
    times, prices = seen.times.tolist(), seen.prices.tolist()
    found = []
    for at in range(1, len(rows)):
        if prices[at] in (0, prices[at - 1]):
            continue
        later = ((n, prices[n]) for n in range(at, len(rows)))
        worse = [n for n, price in later if not price or (price > prices[at] if buys else price < prices[at])]
        found.append(Life(times[worse[0]] - times[at], True) if worse else Life(now - times[at], False))
    return sorted(found)


@given(ROWS, st.booleans())
def test_each_price_lives_until_its_side_is_worse(rows: list[tuple[int, int]], buys: bool) -> None:
    seen, now = column(rows)
    assert sorted(level_lives(seen, buys, now)) == by_hand(rows, buys)


@given(ROWS)
def test_asks_are_bids_upside_down(rows: list[tuple[int, int]]) -> None:
    seen, now = column(rows)
    turned = Column(seen.times, np.where(seen.prices > 0, 20 - seen.prices, 0))
    assert sorted(level_lives(seen, True, now)) == sorted(level_lives(turned, False, now))


@pytest.mark.parametrize("buys", [True, False])
def test_only_the_latest_changes_are_looked_at(buys: bool) -> None:
    """Prices that only become worse: each lives a second."""
    prices = np.arange(1000, 2000, dtype=np.int64)
    seen = Column(np.arange(1000, dtype=np.int64) * 10**9, prices if buys else prices[::-1])
    assert level_lives(seen, buys, 1000 * 10**9, most=7) == [Life(10**9, True)] * 6 + [Life(10**9, False)]
