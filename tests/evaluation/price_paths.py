"""Windows of prices whose truth is known, for the tests of estimators.

Enters: a seed and the parameters of a model. Leaves: columns as a window has them. Never: a number from the code under
test.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINUTE = 60 * 10**9
START = 1_700_000_000 * 10**9
PLACES = 2
"""Prices are integers at this power of ten."""


def stamps(rng: np.random.Generator, rows: int, minutes: float) -> Ints:
    """Irregular arrivals, as many as `rows`, over `minutes`."""
    return START + np.sort((rng.uniform(0, minutes, rows) * MINUTE).astype(np.int64))


def wiener(rng: np.random.Generator, times: Ints, sigma: float) -> Floats:
    """A Brownian motion of `sigma` per root minute at each stamp."""
    steps = np.diff(times, prepend=times[0]) / MINUTE
    return np.cumsum(rng.standard_normal(len(times)) * np.sqrt(steps)) * sigma


def brownian_bid(
    seed: int, rows: int, minutes: float, sigma: float, noise: float = 0.0, tick: int = 1, price: float = 60_000.0
) -> tuple[Ints, Ints]:
    """(times, bids): a Brownian log price and a bounce of either sign, rounded down to `tick` units. `noise` is the
    variance of the bounce in units of the variance per row.
    """
    rng = np.random.default_rng(seed)
    times = stamps(rng, rows, minutes)
    bounce = rng.choice([-1.0, 1.0], rows) * np.sqrt(noise * sigma**2 * minutes / rows)
    units = price * 10**PLACES * np.exp(wiener(rng, times, sigma) + bounce)
    return times, (np.floor(units / tick) * tick).astype(np.int64)


def rough(times: Any, prices: Any) -> float:
    """Naive realised volatility per root minute: of every row, noise and all."""
    squares = np.diff(np.log(prices)) ** 2
    return float(np.sqrt(squares.sum() / ((times[-1] - times[0]) / MINUTE)))


def within_binomial(hits: int, trials: int, low: float, high: float) -> bool:
    """Whether a share between `low` and `high` may give so many hits, within three standard deviations."""
    return (
        trials * low - 3 * (trials * low * (1 - low)) ** 0.5
        <= hits
        <= trials * high + 3 * (trials * high * (1 - high)) ** 0.5
    )


def reverting(rng: np.random.Generator, times: Ints, rate: float, deviation: float) -> Floats:
    """An Ornstein-Uhlenbeck process in its stationary state: `rate` per minute, `deviation` at any one time."""
    left = np.exp(-rate * np.diff(times, prepend=times[0]) / MINUTE)
    drawn = deviation * rng.standard_normal(len(times)) * np.sqrt(1 - left**2)
    drawn[0] = deviation * rng.standard_normal()
    values = [0.0]
    for kept, new in zip(left.tolist(), drawn.tolist(), strict=True):
        values.append(values[-1] * kept + new)
    return np.array(values[1:])
