"""What seldom happens to a transfer: a wait that is added with a chance, and one that does not end.

Enters: a chance, a wait. Leaves: parts of a transfer's time. Never: a moment that is infinite and looks finite.
"""

from dataclasses import dataclass
from math import expm1, inf, isfinite, log, log1p
from typing import TYPE_CHECKING

from cryptopipe.evaluate.transfer_parts import Part, a_chance

if TYPE_CHECKING:
    from numpy.random import Generator

    from cryptopipe.evaluate.transfer_parts import Array


@dataclass(frozen=True)
class Never:
    """Does not end: coins that the venue gives back, or that stay. Only within a `Rarely`."""

    mean = inf
    variance = inf
    least = 0.0
    at_once = 0.0
    width = 0.0
    never = 1.0

    def log_mgf(self, s: float) -> float:
        return 0.0 if s == 0 else inf if s > 0 else -inf

    def cut(self, at: "Array") -> "Array":
        return at

    def atoms(self) -> "tuple[Array, Array] | None":
        import numpy as np

        return np.zeros(0), np.zeros(0)

    def sample(self, count: int, random: "Generator") -> "Array":
        import numpy as np

        return np.full(count, inf)


@dataclass(frozen=True)
class Rarely:
    """With a chance below one another wait is added, otherwise none."""

    chance: float
    wait: Part
    least = 0.0

    def __post_init__(self) -> None:
        a_chance(chance=self.chance)
        if self.chance == 1:
            raise ValueError("chance must be below 1: what always comes is a part of its own")

    def _share(self, value: float) -> float:
        return self.chance * value if self.chance else 0.0  # 0 times infinity is none here

    @property
    def mean(self) -> float:
        return self._share(self.wait.mean)

    @property
    def variance(self) -> float:
        if not self.chance or not isfinite(self.wait.mean):
            return inf if self.chance else 0.0
        return self.chance * (self.wait.variance + (1 - self.chance) * self.wait.mean**2)

    @property
    def at_once(self) -> float:
        return 1 - self.chance + (0.0 if self.wait.least else self.chance * self.wait.at_once)

    @property
    def width(self) -> float:
        return 0.0

    @property
    def never(self) -> float:
        return self._share(self.wait.never)

    def log_mgf(self, s: float) -> float:
        inner = self.wait.log_mgf(s) if self.chance else 0.0
        if inner > 700:
            return log(self.chance) + inner  # the rest is below the last digit
        return log1p(self.chance * expm1(inner))

    def cut(self, at: "Array") -> "Array":
        return self.chance * self.wait.cut(at)

    def atoms(self) -> "tuple[Array, Array] | None":
        import numpy as np

        inner = self.wait.atoms()
        if inner is None:
            return None
        times, chances = inner
        return np.concatenate(([0.0], times)), np.concatenate(([1 - self.chance], self.chance * chances))

    def sample(self, count: int, random: "Generator") -> "Array":
        import numpy as np

        comes = random.random(count) < self.chance
        return np.where(comes, self.wait.sample(count, random), 0.0)
