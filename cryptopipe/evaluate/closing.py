"""How fast an edge between two venues closes: the rate of its transient part, with its error.

Enters: the selling venue's bids and the buying venue's asks as the window has them, the stamp of now. Leaves: the rate
per minute, the level that lasts, the transient part now, each with its error, or the reason why the window does not
tell. Never: noise taken for closing, or a random walk of the difference for one that returns.

The log edge on a grid is a level, an Ornstein-Uhlenbeck part and the noise of two books: ARMA(1,1), whose moving
average holds the noise apart from the rate (Granger and Morris, JRSS A 139, 1976). Exact likelihood given the first
value: the covariance of the differences is tridiagonal, and sines diagonalise it.
"""

from dataclasses import dataclass
from math import exp, expm1, log, sqrt
from typing import TYPE_CHECKING

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.evaluate.ticks import MINUTE, Column, Ticks, grid
from cryptopipe.evaluate.volatility import Wanted, lacking
from cryptopipe.model.trading import Reason

if TYPE_CHECKING:
    from cryptopipe.evaluate.ticks import Floats

EDGE_WANTED = Wanted(minutes=3.0, changes=100)
"""Of either venue's rows. A rate is known only from many times its own duration: about 25 for one in two."""
_APART = 6
"""Mean times between changes in a step: noise of a price that nobody renewed is then less than one part in 400."""
_STEPS = 1_000
_FEWEST = 100
_UNIT_ROOT = 2 * 6.43
"""Likelihood ratio of the rate and level against a random walk, exceeded by one random walk in 100: Dickey and Fuller,
Econometrica 49 (1981), table IV (the statistic Φ₁, two restrictions)."""
_BOUND = 9.0
"""Of the search: rates between 1e-4 and 8,000 per step, noise up to 8,000 times what moves."""


@dataclass(frozen=True)
class Closing:
    """A log edge that closes: `edge` as shown now, of which `lasting` stays and `transient` decays with `kappa`.

    `kappa` per minute; what the two do not explain of `edge` is the noise of the moment, of standard deviation `noise`.
    Errors are standard errors, that of `kappa` given that it was told from a random walk at all: of windows so short
    that most are refused, those that are not show rates that are too high.
    """

    kappa: float
    kappa_error: float
    edge: float
    lasting: float
    lasting_error: float
    transient: float
    transient_error: float
    noise: float
    steps: int
    span_minutes: float

    @property
    def half_life(self) -> float:
        """Minutes until half of the transient part is gone."""
        return log(2) / self.kappa

    def closed(self, minutes: float) -> float:
        """What is expected to be gone of the edge by then, in log return; negative where it is expected to open."""
        return -expm1(-self.kappa * minutes) * self.transient


@dataclass(frozen=True)
class Fit:
    """ARMA(1,1) of the edge per step: y − level = φ (y₋₁ − level) + u + θ u₋₁, u of variance `variance`.
    `likelihood` is its logarithm but for a constant of the number of values.
    """

    phi: float
    theta: float
    level: float
    variance: float
    level_variance: float
    likelihood: float


def closing(bid: Column, ask: Column, now: Nanos, wanted: Wanted = EDGE_WANTED) -> Closing | Reason:
    """Of the selling venue's bids and the buying venue's asks, up to `now` and since the last hole of either; else the
    failed check that says what the windows lack, or that the edge is not told from a random walk.

    Raises `ValueError` as `Ticks.of` does.
    """
    sides = [Ticks.of(column.times, column.prices, now, wanted.max_gap) for column in (bid, ask)]
    for ticks in sides:
        lack = lacking("closing", ticks, wanted)
        if lack is not None:
            return lack
    live = min(ticks.live for ticks in sides)
    step = max(wanted.step, live // _STEPS, *(_APART * (ticks.live // ticks.changes) for ticks in sides))
    edges = _since_the_last_hole(sides[0], sides[1], step) - (bid.places - ask.places) * log(10)
    if len(edges) < _FEWEST:
        return _refused(f"{_FEWEST} steps of {step / SECOND:.2f} s without a hole", f"{len(edges)}")
    free, walk = _fits(edges)
    ratio = 2 * (free.likelihood - walk.likelihood)
    if ratio <= _UNIT_ROOT:
        return _refused("an edge that returns (a random walk in 100 is taken for one)", f"{ratio:.2f}, not 12.86")
    kappa, error = _rate(free, len(edges) - 1)
    if kappa <= 0 or error > wanted.relative_error * kappa:
        return _refused(f"a relative error of at most {wanted.relative_error:.2f}", f"{error / abs(kappa):.2f}")
    per_minute = MINUTE / step
    transient, spread, noise = _now(edges, free)
    level_error = sqrt(free.level_variance)
    return Closing(
        kappa * per_minute,
        error * per_minute,
        edges[-1].item(),
        free.level,
        level_error,
        transient,
        sqrt(spread + free.level_variance),
        sqrt(noise),
        len(edges),
        len(edges) * step / MINUTE,
    )


def _refused(limit: str, measured: str) -> Reason:
    return Reason("closing", False, limit, measured)


def _since_the_last_hole(bids: Ticks, asks: Ticks, step: Nanos) -> "Floats":
    """Log edge at equal steps up to now, both prices known and neither's stretch left."""
    since = max(int(bids.times[0]), int(asks.times[0]))
    instants = grid(since, bids.now, step)
    (sold, of_bids), (bought, of_asks) = bids.at(instants), asks.at(instants)
    whole = (of_bids == of_bids[-1]) & (of_asks == of_asks[-1]) & (of_bids >= 0) & (of_asks >= 0)
    edges: Floats = (sold - bought)[whole]
    return edges


class Likelihood:
    """Of ARMA(1,1) with normal innovations, given the first of `edges`: exact, at the cost of one sum for any φ, θ."""

    def __init__(self, edges: "Floats") -> None:
        import numpy as np

        self.mean = edges.mean().item()
        self.count = len(edges) - 1
        centred = edges - self.mean
        self.after, self.before = _in_sines(centred[1:]), _in_sines(centred[:-1])
        self.ones = _in_sines(np.ones(self.count))
        self.cosines = 2 * np.cos(np.arange(1, self.count + 1) * np.pi / (self.count + 1))

    def fit(self, phi: float, theta: float) -> Fit:
        """The most likely level and variance for these two, and how likely they are."""
        import numpy as np

        spectrum = 1 + theta * theta + theta * self.cosines
        moves, ones = self.after - phi * self.before, (1 - phi) * self.ones
        weighted = ones / spectrum
        weight = (ones @ weighted).item()
        level = (moves @ weighted).item() / weight if weight > 1e-12 else 0.0  # a random walk has none
        rest = moves - level * ones
        variance = (rest * rest / spectrum).mean().item()
        likelihood = -(self.count * log(variance) + np.log(spectrum).sum().item()) / 2
        return Fit(phi, theta, self.mean + level, variance, variance / max(weight, 1e-12), likelihood)


def _in_sines(values: "Floats") -> "Floats":
    """Coefficients in the orthonormal sines (DST-I), by the Fourier transform of the odd continuation."""
    import numpy as np

    count = len(values)
    odd = np.concatenate(([0.0], values, [0.0], -values[::-1]))
    sines: Floats = np.fft.rfft(odd).imag[1 : count + 1] * -sqrt(0.5 / (count + 1))
    return sines


def _fits(edges: "Floats") -> tuple[Fit, Fit]:
    """The most likely (ARMA(1,1), random walk with noise)."""
    from scipy.optimize import minimize, minimize_scalar

    model = Likelihood(edges)

    def free(point: tuple[float, float]) -> float:
        if max(abs(point[0]), abs(point[1])) > _BOUND:
            return 1e300
        return -model.fit(*_parameters(*point)).likelihood

    def walk(noise: float) -> float:
        return -model.fit(1.0, _theta(1.0, noise)).likelihood

    starts = [(log(rate), share) for rate in (0.01, 0.05, 0.2, 0.8) for share in (-4.0, -2.0, -1.0, 0.0)]
    options = {"xatol": 1e-4, "fatol": 1e-6, "maxiter": 300}
    found = minimize(free, min(starts, key=free), method="Nelder-Mead", options=options)
    shares = [share / 2 for share in range(-18, 9)]
    at = min(shares, key=walk)
    alone = minimize_scalar(walk, bounds=(at - 0.5, at + 0.5), method="bounded")
    return model.fit(*_parameters(*found.x.tolist())), model.fit(1.0, _theta(1.0, alone.x.item()))


def _parameters(log_rate: float, share: float) -> tuple[float, float]:
    """(φ, θ) of a log rate per step, and any number that says how little of the moves is noise."""
    phi = exp(-exp(log_rate))
    return phi, _theta(phi, share)


def _theta(phi: float, share: float) -> float:
    """Between −φ, where all is noise, and 1; 0 is no noise, and above it the venues follow each other by degrees."""
    return -phi + (1 + phi) / (1 + exp(-share))


def _rate(fit: Fit, count: int) -> tuple[float, float]:
    """(rate per step, standard error), corrected for short windows: an unknown level makes φ too small by
    (1 + 3φ)/n (Kendall, Biometrika 41, 1954), and more where noise makes the error larger; the logarithm bends.
    """
    phi, theta = fit.phi, fit.theta
    error = sqrt((1 - phi * phi) / count) * (1 + phi * theta) / (phi + theta) / phi
    by_noise = (1 + phi * theta) / (phi + theta)
    return -log(phi) - (1 + 3 * phi) / phi / count * by_noise - error * error / 2, error


def _now(edges: "Floats", fit: Fit) -> tuple[float, float, float]:
    """(transient part now, the variance that is left of it, variance of the noise), by the filter of all values."""
    import numpy as np

    centred = edges - fit.level
    moves = centred[1:] - fit.phi * centred[:-1]
    surprise = (moves[::-1] @ (-fit.theta) ** np.arange(len(moves))).item()
    gain = min(1.0, 1 + fit.theta / fit.phi)
    noise = max(0.0, -fit.theta / fit.phi) * fit.variance
    return centred[-1].item() - (1 - gain) * surprise, gain * noise, noise
