"""The law of a trade's log return on arrival: normal ones, mixed over the time and over what is known of the price.

Enters: the law of the time, the volatility, the closing of the edge, with their standard errors. Leaves: probabilities
and quantiles of the return. Never: a probability outside 0 and 1, an estimate taken for the truth.

Given the time τ and the volatility σ the return is normal around δ - (1 - exp(-κτ))·b. The estimate of σ is taken to
have the error of ν normal changes, ν = 1 / (2 · relative error²): then the return is Student's with ν degrees of
freedom, which is a normal mixed over ν/χ² (by Gauss and Hermite's rule over the quantiles). κ is normal around its
estimate, and at least zero; given τ, what it adds is met by mean and variance.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, pi, sqrt
from typing import TYPE_CHECKING

from cryptopipe.evaluate.transfer_law import Arrivals, Law
from cryptopipe.evaluate.transfer_parts import at_least_zero

if TYPE_CHECKING:
    from cryptopipe.evaluate.transfer_parts import Array

POINTS = 128
"""Of the time's law, each the mean of what it stands for: sums of smooth functions are exact to about 1e-5."""
_NODES = 7
"""Of Gauss and Hermite's rule."""
_NORMAL_PEAK = 1 / sqrt(2 * pi)
_TURNS = 80
_CLOSE = 1e-9
"""Of the largest figure in play: how near a quantile is found."""


@dataclass(frozen=True)
class Drift:
    """How the price moves: `sigma` of the log price per root minute, `kappa` the closing of an edge's transient part
    per minute, each with its standard error (0: known).
    """

    sigma: float
    kappa: float = 0.0
    sigma_error: float = 0.0
    kappa_error: float = 0.0

    def __post_init__(self) -> None:
        at_least_zero(sigma=self.sigma, kappa=self.kappa)
        at_least_zero(sigma_error=self.sigma_error, kappa_error=self.kappa_error)
        if self.sigma_error and not self.sigma:
            raise ValueError(f"sigma 0 is known, and has an error of {self.sigma_error}")

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the volatility's estimate; infinite where it is known."""
        return inf if not self.sigma_error else (self.sigma / self.sigma_error) ** 2 / 2

    @property
    def root_mean_square(self) -> float:
        """√E[σ²] with its error; infinite where that is half of it or more."""
        freedom = self.freedom
        if freedom <= 2:
            return inf
        return self.sigma if freedom == inf else self.sigma * sqrt(freedom / (freedom - 2))


@dataclass(frozen=True, eq=False)
class Exposure:
    """A law of the time with what happens to a price meanwhile, computed once for all edges and sizes.

    `closed` is E[1 - exp(-κτ)] for each time, `closed_variance` its variance over κ. `variances` is σ²τ, one row for
    each node of σ, of weights `of_sigma`.
    """

    arrivals: Arrivals
    closed: "Array"
    closed_variance: "Array"
    of_sigma: "Array"
    variances: "Array"


@lru_cache(maxsize=1024)
def exposure(law: Law, drift: Drift, abandon: float = inf, points: int = POINTS) -> Exposure:
    """Of what arrives within `abandon` minutes."""
    import numpy as np

    arrivals = law.truncated(abandon, points)
    nodes, weights = _normal_nodes()
    kappas = np.maximum(0.0, drift.kappa + drift.kappa_error * nodes) if drift.kappa_error else [drift.kappa]
    of_kappa = weights if drift.kappa_error else np.ones(1)
    closed = -np.expm1(-np.outer(kappas, arrivals.times))
    mean = of_kappa @ closed
    of_sigma, squares = _squares(drift)
    return Exposure(arrivals, mean, of_kappa @ (closed - mean) ** 2, of_sigma, np.outer(squares, arrivals.times))


@lru_cache(maxsize=1)
def _normal_nodes() -> "tuple[Array, Array]":
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


def _squares(drift: Drift) -> "tuple[Array, Array]":
    """(weights, σ²) of a volatility that is known with an error."""
    import numpy as np

    if not isfinite(drift.freedom):
        return np.ones(1), np.array([drift.sigma**2])
    from scipy.special import gammaincinv, ndtr

    nodes, weights = _normal_nodes()
    half = drift.freedom / 2
    return weights, drift.sigma**2 * half / gammaincinv(half, ndtr(-nodes))


class Prospect:
    """The law of the log return of what arrives: a mixture of normals, one for each time and node of σ. Without
    volatility or in no time the return takes a value with a probability of its own: an atom.
    """

    def __init__(self, exposed: Exposure, edge: float, transient: float) -> None:
        import numpy as np

        deviations = np.sqrt(exposed.variances + transient**2 * exposed.closed_variance).ravel()
        means = np.tile(edge - transient * exposed.closed, len(exposed.of_sigma))
        weights = np.outer(exposed.of_sigma, exposed.arrivals.weights).ravel()
        moves = deviations > 0
        self._atoms = None if moves.all() else (means[~moves], weights[~moves])
        if self._atoms is not None:
            deviations, means, weights = deviations[moves], means[moves], weights[moves]
        self._deviations, self._means, self._weights, self._per = deviations, means, weights, 1 / deviations

    def cdf(self, x: float) -> tuple[float, float]:
        """(P(R < x), P(R ≤ x)): they differ by the atom at x."""
        from scipy.special import ndtr

        below: float = (self._weights @ ndtr((x - self._means) * self._per)).item()
        reached = below
        if self._atoms is not None:
            at, chances = self._atoms
            below, reached = below + chances[at < x].sum().item(), reached + chances[at <= x].sum().item()
        return min(1.0, below), min(1.0, reached)

    def above(self, x: float) -> float:
        """P(R > x)."""
        return max(0.0, 1.0 - self.cdf(x)[1])

    def quantile(self, share: float) -> float:
        """The least x with P(R ≤ x) ≥ share, by Newton's rule between bounds that close in. Raises `ValueError` for a
        share not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, got {share}")
        import numpy as np
        from scipy.special import ndtri

        each = self._means + ndtri(share).item() * self._deviations
        x = self._weights @ each
        if self._atoms is not None:
            x, each = x + self._atoms[0] @ self._atoms[1], np.concatenate((each, self._atoms[0]))
        low: float = each.min().item()
        high: float = each.max().item()
        return self._between(low, min(high, max(low, x.item())), high, share)

    def _between(self, low: float, x: float, high: float, share: float) -> float:
        width = _CLOSE * max(high - low, abs(low), abs(high))
        for _ in range(_TURNS):
            reached, slope = self._rising(x)
            low, high = (low, x) if reached >= share else (x, high)
            if high - low <= width:
                break
            nearer = x + (share - reached) / slope if slope > 0 else inf
            if abs(nearer - x) <= width:
                return nearer
            x = nearer if low < nearer < high else (low + high) / 2
        return high

    def _rising(self, x: float) -> tuple[float, float]:
        """(P(R ≤ x), density of the part that has one)."""
        import numpy as np
        from scipy.special import ndtr

        z = (x - self._means) * self._per
        reached: float = (self._weights @ ndtr(z)).item()
        slope: float = ((self._weights * self._per) @ np.exp(-z * z / 2)).item()
        if self._atoms is not None:
            reached += self._atoms[1][self._atoms[0] <= x].sum().item()
        return reached, slope * _NORMAL_PEAK
