"""The independent waits that a transfer is made of.

Enters: medians, means, chances, in minutes. Leaves: what the law of a sum needs of each: mean, variance, moment
generating function, and the mean of the wait cut at a time. Never: an infinite moment shown as a finite one, a clock, a
random number without a seed.
"""

from dataclasses import dataclass
from math import exp, expm1, inf, isfinite, log, log1p, sqrt
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]


class Part(Protocol):
    """One wait X at or above zero, in minutes, independent of all others. Frozen and hashable."""

    def __hash__(self) -> int: ...

    @property
    def mean(self) -> float:
        """Infinite where it is."""
        ...

    @property
    def variance(self) -> float:
        """Infinite where it is."""
        ...

    @property
    def least(self) -> float:
        """What the wait is at least, for certain."""
        ...

    @property
    def at_once(self) -> float:
        """P(X = least)."""
        ...

    @property
    def width(self) -> float:
        """How wide the bulk of the law is, roughly: it sets the step of the grid. Zero for what is fixed."""
        ...

    @property
    def never(self) -> float:
        """The chance that it does not end."""
        ...

    def log_mgf(self, s: float) -> float:
        """log E[exp(s X)]; `inf` where the expectation is infinite. `s` per minute."""
        ...

    def cut(self, at: "Array") -> "Array":
        """E[min(X, at)] for times at or above zero: its slope is P(X > at)."""
        ...

    def atoms(self) -> "tuple[Array, Array] | None":
        """(times, chances) of a wait that takes only these values, rising; None for any other."""
        ...

    def sample(self, count: int, random: "Generator") -> "Array":
        """So many independent draws."""
        ...


def at_least_zero(**named: float) -> None:
    """Raises `ValueError` for what is negative, infinite or no number."""
    for name, value in named.items():
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and at or above zero, got {value}")


def above_zero(**named: float) -> None:
    """Raises `ValueError` for what is not a finite number above zero."""
    for name, value in named.items():
        if not (isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and above zero, got {value}")


def a_chance(**named: float) -> None:
    """Raises `ValueError` for what is not within 0 and 1."""
    for name, value in named.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be a chance within 0 and 1, got {value}")


@dataclass(frozen=True)
class Fixed:
    """Always the same."""

    minutes: float
    at_once = 1.0
    width = 0.0
    never = 0.0
    variance = 0.0

    def __post_init__(self) -> None:
        at_least_zero(minutes=self.minutes)

    @property
    def mean(self) -> float:
        return self.minutes

    @property
    def least(self) -> float:
        return self.minutes

    def log_mgf(self, s: float) -> float:
        return s * self.minutes

    def cut(self, at: "Array") -> "Array":
        import numpy as np

        return np.minimum(at, self.minutes)

    def atoms(self) -> "tuple[Array, Array] | None":
        import numpy as np

        return np.array([self.minutes]), np.ones(1)

    def sample(self, count: int, random: "Generator") -> "Array":
        import numpy as np

        return np.full(count, self.minutes)


@dataclass(frozen=True)
class Uniform:
    """Any time up to `most` is as likely: the wait for the next batch or the next slot, from a moment of no choice."""

    most: float
    least = 0.0
    at_once = 0.0
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(most=self.most)

    @property
    def mean(self) -> float:
        return self.most / 2

    @property
    def variance(self) -> float:
        return self.most**2 / 12

    @property
    def width(self) -> float:
        return self.most

    def log_mgf(self, s: float) -> float:
        x = s * self.most
        if abs(x) < 1e-4:
            return x / 2 + x * x / 24
        return x + log(-expm1(-x) / x) if x > 0 else log(expm1(x) / x)

    def cut(self, at: "Array") -> "Array":
        import numpy as np

        within = np.minimum(at, self.most)
        return within - within**2 / (2 * self.most)

    def atoms(self) -> "tuple[Array, Array] | None":
        return None

    def sample(self, count: int, random: "Generator") -> "Array":
        return random.uniform(0, self.most, count)


@dataclass(frozen=True)
class Gamma:
    """Gamma of `shape` and `scale`: Erlang where the shape is a whole number, exponential where it is 1."""

    shape: float
    scale: float
    least = 0.0
    at_once = 0.0
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(shape=self.shape, scale=self.scale)

    @property
    def mean(self) -> float:
        return self.shape * self.scale

    @property
    def variance(self) -> float:
        return self.shape * self.scale**2

    @property
    def width(self) -> float:
        return self.scale * min(self.shape, sqrt(self.shape)) * 2

    def log_mgf(self, s: float) -> float:
        x = s * self.scale
        return inf if x >= 1 else -self.shape * log1p(-x)

    def cut(self, at: "Array") -> "Array":
        from scipy.special import gammainc, gammaincc

        x = at / self.scale
        kept: Array = self.mean * gammainc(self.shape + 1, x) + at * gammaincc(self.shape, x)
        return kept

    def atoms(self) -> "tuple[Array, Array] | None":
        return None

    def sample(self, count: int, random: "Generator") -> "Array":
        return random.gamma(self.shape, self.scale, count)


@dataclass(frozen=True)
class Lognormal:
    """Of a median, and of the standard deviation of the logarithm. It has no moment generating function above zero."""

    median: float
    spread: float
    least = 0.0
    at_once = 0.0
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(median=self.median, spread=self.spread)

    @property
    def mean(self) -> float:
        return self.median * exp(self.spread**2 / 2)

    @property
    def variance(self) -> float:
        return self.mean**2 * expm1(self.spread**2)

    @property
    def width(self) -> float:
        return self.median * (exp(self.spread) - exp(-self.spread))

    def log_mgf(self, s: float) -> float:
        """Below zero by Simpson's rule over eight deviations, to about 1e-12."""
        if s >= 0:
            return inf if s else 0.0
        import numpy as np

        z = np.linspace(-9.0, 9.0, 1201)
        weights = np.exp(-z * z / 2) * np.where(np.arange(1201) % 2, 4.0, 2.0)
        values = np.exp(s * self.median * np.exp(self.spread * z))
        return log((weights @ values).item() / weights.sum().item())

    def cut(self, at: "Array") -> "Array":
        import numpy as np
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            z = np.log(at / self.median) / self.spread
        kept: Array = self.mean * ndtr(z - self.spread) + at * ndtr(-z)
        return kept

    def atoms(self) -> "tuple[Array, Array] | None":
        return None

    def sample(self, count: int, random: "Generator") -> "Array":
        import numpy as np

        return self.median * np.exp(self.spread * random.standard_normal(count))
