"""The waits that a chain's blocks make for what one of them holds, and the helps for waits of a few values.

Enters: the time of a slot, the chance that it has a block. Leaves: parts of a transfer's time. Never: a block that is
certain, where the chain may miss it.
"""

from dataclasses import dataclass
from math import exp, inf, log, log1p
from typing import TYPE_CHECKING

from cryptopipe.evaluate.transfer_parts import a_chance, above_zero

if TYPE_CHECKING:
    from numpy.random import Generator

    from cryptopipe.evaluate.transfer_parts import Array


@dataclass(frozen=True)
class Slots:
    """From one block to the `count`-th after it, where each slot of `slot` minutes has a block with `chance`."""

    slot: float
    chance: float
    count: int
    never = 0.0

    def __post_init__(self) -> None:
        a_chance(chance=self.chance)
        above_zero(slot=self.slot, chance=self.chance)
        above_zero(count=self.count)

    @property
    def mean(self) -> float:
        return self.slot * self.count / self.chance

    @property
    def variance(self) -> float:
        return self.slot**2 * self.count * (1 - self.chance) / self.chance**2

    @property
    def least(self) -> float:
        return self.slot * self.count

    @property
    def at_once(self) -> float:
        return self.chance**self.count

    @property
    def width(self) -> float:
        return 0.0 if self.chance > 0.5 else 2 * self.variance**0.5

    def log_mgf(self, s: float) -> float:
        missed = 1 - self.chance
        if missed and s * self.slot + log(missed) >= 0:
            return inf
        return self.count * (s * self.slot + log(self.chance) - log1p(-missed * exp(s * self.slot)))

    def cut(self, at: "Array") -> "Array":
        return cut_atoms(*self.atoms(), at)

    def atoms(self) -> "tuple[Array, Array]":
        """Misses are negative binomial; those beyond the last digit are left out."""
        import numpy as np
        from scipy.special import gammaln

        if self.chance == 1:
            return np.array([self.least]), np.ones(1)
        deviation = (self.variance**0.5) / self.slot
        missed = np.arange(64 + int(60 * deviation * (1 + deviation / self.count)))
        logs = gammaln(missed + self.count) - gammaln(self.count) - gammaln(missed + 1)
        chances = np.exp(logs + self.count * log(self.chance) + missed * log1p(-self.chance))
        kept = chances > 1e-18
        return self.slot * (self.count + missed[kept]), chances[kept] / chances[kept].sum()

    def sample(self, count: int, random: "Generator") -> "Array":
        return self.slot * (self.count + random.negative_binomial(self.count, self.chance, count))


@dataclass(frozen=True)
class Phase:
    """`step`, 2 `step`, … or `count` `step`, all as likely: to the next slot, for what is sent at multiples of a
    batch's time; it is never 0, because a block takes nothing in that is sent at its own moment.
    """

    step: float
    count: int
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(step=self.step, count=self.count)

    @property
    def mean(self) -> float:
        return self.step * (self.count + 1) / 2

    @property
    def variance(self) -> float:
        return self.step**2 * (self.count**2 - 1) / 12

    @property
    def least(self) -> float:
        return self.step

    @property
    def at_once(self) -> float:
        return 1 / self.count

    @property
    def width(self) -> float:
        return self.step * (self.count - 1)

    def log_mgf(self, s: float) -> float:
        times, chances = self.atoms()
        return log_mean_exp(s * times, chances)

    def cut(self, at: "Array") -> "Array":
        return cut_atoms(*self.atoms(), at)

    def atoms(self) -> "tuple[Array, Array]":
        import numpy as np

        return self.step * np.arange(1, self.count + 1), np.full(self.count, 1 / self.count)

    def sample(self, count: int, random: "Generator") -> "Array":
        return self.step * random.integers(1, self.count + 1, count)


def cut_atoms(times: "Array", chances: "Array", at: "Array") -> "Array":
    """E[min(X, at)] of a wait that takes these values, rising, with these chances."""
    import numpy as np

    index = np.searchsorted(times, at, side="right")
    reached = np.concatenate(([0.0], np.cumsum(times * chances)))
    later = chances.sum() - np.concatenate(([0.0], np.cumsum(chances)))
    cut: Array = reached[index] + at * later[index]
    return cut


def log_mean_exp(exponents: "Array", weights: "Array") -> float:
    """log Σ wᵢ exp(xᵢ), for weights that sum to one, without overflow and exact near zero."""
    import numpy as np

    most: float = exponents.max().item()
    if -1 < most < 1 and exponents.min() > -1:
        total: float = (weights @ np.expm1(exponents)).item()
        return log1p(total)
    peak: float = (weights @ np.exp(exponents - most)).item()
    return most + log(peak)
