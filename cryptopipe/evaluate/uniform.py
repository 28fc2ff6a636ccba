"""Whether numbers look uniform, and where a share lies: two classical computations, exact as far as that is cheap.

Enters: numbers within 0 and 1, counts. Leaves: the Kolmogorov–Smirnov distance and its p-value, a binomial interval.
Never: a random number.
"""

from collections.abc import Sequence
from math import ceil, exp, pi, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXACT_UP_TO = 2_000
"""Numbers for which the p-value is exact; beyond it the limit law with its first corrections is good to 1e-5."""
_NEGLIGIBLE = 18.0
"""n·d² beyond which the p-value is below 1e-15."""


def ks_uniform(values: Sequence[float]) -> tuple[float, float]:
    """(distance, p-value) of the two-sided Kolmogorov–Smirnov test against the uniform law on [0, 1].

    Raises `ValueError` for no numbers, or one outside.
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n or not (ordered[0] >= 0 and ordered[-1] <= 1):
        raise ValueError(f"needs numbers within 0 and 1, got {f'{ordered[0]} to {ordered[-1]}' if n else 'none'}")
    above = max((rank + 1) / n - value for rank, value in enumerate(ordered))
    below = max(value - rank / n for rank, value in enumerate(ordered))
    distance = max(above, below)
    return distance, ks_tail(distance, n)


def ks_tail(distance: float, n: int) -> float:
    """P(D ≥ distance) of `n` independent uniform numbers."""
    if n * distance**2 > _NEGLIGIBLE:
        return 0.0
    if n <= _EXACT_UP_TO:
        return min(1.0, max(0.0, 1 - _exact(distance, n)))
    root = sqrt(n) * distance
    return _limit(root + 1 / (6 * sqrt(n)) + (root - 1) / (4 * n))


def _exact(distance: float, n: int) -> float:
    """P(D < distance), by the power of a matrix (Marsaglia, Tsang, Wang, Journal of Statistical Software 8, 2003)."""
    import numpy as np

    k = ceil(n * distance)
    if k == 0:
        return 0.0
    m, h = 2 * k - 1, k - n * distance
    matrix = np.tri(m, m, 1)
    powers = h ** np.arange(1, m + 1)
    matrix[:, 0] -= powers
    matrix[-1, :] -= powers[::-1]
    matrix[-1, 0] += max(0.0, 2 * h - 1) ** m
    over_factorial = np.cumprod(1 / np.concatenate(([1.0], np.arange(1, m + 1, dtype=np.float64))))
    ranks = np.arange(m)[:, None] - np.arange(m)[None, :] + 1
    matrix = matrix * over_factorial[np.maximum(ranks, 0)]
    power, exponent, scale, scaled = np.eye(m), n, 0, 0
    while exponent:
        if exponent % 2:
            power, scale = power @ matrix, scale + scaled
            power, scale = _balanced(power, scale)
        matrix, scaled = _balanced(matrix @ matrix, 2 * scaled)
        exponent //= 2
    found = power[k - 1, k - 1].item()
    for factor in range(1, n + 1):
        found *= factor / n
        if found < 1e-140:
            found, scale = found * 1e140, scale - 140
    return found * 10.0**scale if scale > -300 else 0.0


def _balanced(matrix: "NDArray[np.float64]", scale: int) -> "tuple[NDArray[np.float64], int]":
    """Powers of ten taken out before they overflow."""
    if matrix.max() > 1e140:
        return matrix * 1e-140, scale + 140
    return matrix, scale


def _limit(x: float) -> float:
    """P(√n·D ≥ x) as n grows; `x` corrected for n (Vrbik, Pioneer J. Theoretical and Applied Statistics 15, 2018)."""
    if x < 0.2:
        return 1.0
    if x < 1:  # the other form of the same theta function converges sooner
        head = sum(exp(-((2 * i - 1) ** 2) * pi**2 / (8 * x**2)) for i in range(1, 8))
        return 1 - sqrt(2 * pi) / x * head
    return 2 * sum(exp(-2 * (i * x) ** 2) * (1 if i % 2 else -1) for i in range(1, 12))


def binomial_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The shares for which `count` of `n` is in neither tail of (1 - level)/2 (Clopper, Pearson, Biometrika 26, 1934).

    Raises `ValueError` unless 0 ≤ count ≤ n and n is above zero.
    """
    if not 0 <= count <= n or not n:
        raise ValueError(f"not so many of so many: {count} of {n}")
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = betaincinv(count, n - count + 1, tail).item() if count else 0.0
    high = betaincinv(count + 1, n - count, 1 - tail).item() if count < n else 1.0
    return low, high
