"""How far forecasts came true: whether what was given 90 % happened nine times of ten.

Enters: forecasts with what became of them. Leaves: the PIT with its distance from uniform, the Brier score in its
parts, the reliability curve, sharpness. Never: a forecast that nothing came of, a jump among the rest, or a verdict:
whoever reads the figures judges.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from random import Random

import msgspec

from cryptopipe.evaluate.uniform import binomial_interval, ks_uniform

BINS = 10
"""Of the PIT histogram and of the reliability curve, of equal width."""
CENTRAL = 0.9
"""The share of the law between `low` and `high`."""


class Came(msgspec.Struct, frozen=True, gc=False):
    """A forecast, and what came of it. Returns are log returns after every cost.

    `below` and `reached` bound the probability integral transform of the realised return: P(R < r) and P(R ≤ r) of the
    forecast law where that is known whole (equal unless it has an atom there), else what its known quantiles say
    (`cell_of`); None where the forecast law is not of what happened, as of coins that never arrived. `probability` is
    that of a profit as forecast, `profitable` whether there was one. `expected`, `low` and `high` are the forecast's
    mean and central 90 %, `realised` the return. `jump`: the price jumped meanwhile; told by whoever simulates it.
    """

    probability: float
    profitable: bool
    below: float | None = None
    reached: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    realised: float | None = None
    jump: bool = False


def cell_of(points: Iterable[tuple[float, float]], value: float) -> tuple[float, float]:
    """Between which probabilities a law puts `value`, of which only (quantile, P(R ≤ quantile)) are known.

    A PIT drawn evenly within its cell is uniform if the law is the right one, however few points are known: few only
    make it blind within the cells. Raises `ValueError` for points that are no distribution function.
    """
    known = sorted(points)
    if not all(0 <= p <= 1 for _, p in known) or any(one[1] > two[1] for one, two in pairwise(known)):
        raise ValueError(f"not a distribution function: {known}")
    below = max((p for at, p in known if at < value), default=0.0)
    reached = min((p for at, p in known if at >= value), default=1.0)
    return below, reached


@dataclass(frozen=True)
class Share:
    """So many of `n`, and the exact binomial interval of 95 % (Clopper, Pearson, Biometrika 26, 1934)."""

    n: int
    count: int

    @property
    def share(self) -> float:
        """Of `n`, which is above zero."""
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share is, with 95 %."""
        return binomial_interval(self.count, self.n)


@dataclass(frozen=True)
class Pit:
    """The probability integral transforms of `n` forecasts: uniform where the forecasts are right.

    `histogram` counts them in ten bins. `distance` is that of Kolmogorov and Smirnov from the uniform law, `p_value`
    the probability of a larger one were they uniform and independent; `cell` the mean width within which the transform
    was drawn: 0 where the laws are known whole, near 1 where next to nothing of them is.
    """

    n: int
    histogram: tuple[int, ...]
    distance: float
    p_value: float
    cell: float


@dataclass(frozen=True)
class Brier:
    """The mean squared error of the probabilities, and its parts over the bins (Murphy, Journal of Applied Meteorology
    12, 1973): score = reliability - resolution + uncertainty + within, exactly. `within` is what forecasts differ
    within their bins (Stephenson and others, Weather and Forecasting 23, 2008), 0 where they do not.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Forecasts whose probability is in [low, high): their mean, and how many came true."""

    low: float
    high: float
    forecast: float
    observed: Share

    @property
    def fits(self) -> bool:
        """Whether the mean forecast is within the interval of what was observed."""
        low, high = self.observed.interval
        return low <= self.forecast <= high


@dataclass(frozen=True)
class Sharpness:
    """How much the forecasts dare. `width` is the mean of the central 90 %, `coverage` how many returns were in it;
    `error` the mean of realised minus expected return, `error_se` its standard error (None of fewer than two).
    """

    width: float
    coverage: Share
    error: float
    error_se: float | None


@dataclass(frozen=True)
class Calibration:
    """The figures of `n` forecasts without jumps. `pit` and `sharpness` are None where no forecast law of a return was
    told. `jumps` were flagged and are in none of the figures but `with_jumps`, the PIT of all.
    """

    n: int
    pit: Pit | None
    brier: Brier
    reliability: tuple[ReliabilityBin, ...]
    sharpness: Sharpness | None
    jumps: int
    with_jumps: Pit | None


def calibrate(forecasts: Iterable[Came], seed: int = 0) -> Calibration:
    """The figures. `seed` is of the places within atoms and cells. Raises `ValueError` without a single forecast."""
    everything = list(forecasts)
    told = [one for one in everything if not one.jump]
    if not told:
        raise ValueError("no forecast to compare with what came of it")
    jumps = len(everything) - len(told)
    bins = _binned(told)
    return Calibration(
        n=len(told),
        pit=_pit(told, seed),
        brier=_brier(told, bins),
        reliability=tuple(_reliability(place, members) for place, members in bins),
        sharpness=_sharpness(told),
        jumps=jumps,
        with_jumps=_pit(everything, seed) if jumps else None,
    )


def pit_values(forecasts: Iterable[Came], seed: int = 0) -> list[float]:
    """The PIT of each forecast that has one, drawn evenly between `below` and `reached`, in order."""
    random = Random(seed)
    return [
        one.below + random.random() * (one.reached - one.below)
        for one in forecasts
        if one.below is not None and one.reached is not None
    ]


def _pit(forecasts: Sequence[Came], seed: int) -> Pit | None:
    values = pit_values(forecasts, seed)
    if not values:
        return None
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int(value * BINS))] += 1
    widths = [f.reached - f.below for f in forecasts if f.below is not None and f.reached is not None]
    distance, p_value = ks_uniform(values)
    return Pit(len(values), tuple(counts), distance, p_value, sum(widths) / len(widths))


def _binned(forecasts: Sequence[Came]) -> list[tuple[int, list[Came]]]:
    """The bins that hold a forecast; the last takes 1."""
    bins: dict[int, list[Came]] = {}
    for one in forecasts:
        if not 0 <= one.probability <= 1:
            raise ValueError(f"not a probability: {one.probability}")
        bins.setdefault(min(BINS - 1, int(one.probability * BINS)), []).append(one)
    return sorted(bins.items())


def _brier(forecasts: Sequence[Came], bins: Sequence[tuple[int, list[Came]]]) -> Brier:
    n = len(forecasts)
    base = sum(one.profitable for one in forecasts) / n
    score = sum((one.probability - one.profitable) ** 2 for one in forecasts) / n
    reliability = resolution = within = 0.0
    for _, members in bins:
        size = len(members)
        forecast = sum(one.probability for one in members) / size
        observed = sum(one.profitable for one in members) / size
        reliability += size * (forecast - observed) ** 2 / n
        resolution += size * (observed - base) ** 2 / n
        for one in members:
            apart = one.probability - forecast
            within += (apart**2 - 2 * apart * (one.profitable - observed)) / n
    return Brier(score, reliability, resolution, base * (1 - base), within)


def _reliability(place: int, members: Sequence[Came]) -> ReliabilityBin:
    observed = Share(len(members), sum(one.profitable for one in members))
    forecast = sum(one.probability for one in members) / len(members)
    return ReliabilityBin(place / BINS, (place + 1) / BINS, forecast, observed)


def _sharpness(forecasts: Sequence[Came]) -> Sharpness | None:
    told = [
        (one.low, one.high, one.realised, one.realised - one.expected)
        for one in forecasts
        if not (one.low is None or one.high is None or one.realised is None or one.expected is None)
    ]
    if not told:
        return None
    n = len(told)
    error = sum(off for *_, off in told) / n
    spread = sum((off - error) ** 2 for *_, off in told)
    return Sharpness(
        width=sum(high - low for low, high, *_ in told) / n,
        coverage=Share(n, sum(low <= realised <= high for low, high, realised, _ in told)),
        error=error,
        error_se=sqrt(spread / (n - 1) / n) if n > 1 else None,
    )
