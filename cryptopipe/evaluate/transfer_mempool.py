"""The wait until a block takes a transaction in, where fees vary from hour to hour.

Enters: the time between blocks, the chance that a block takes a transaction in, how much fees vary. Leaves: parts of a
transfer's time. Never: an hour that remembers the one before it; on real chains a crowded hour follows a crowded one.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, expm1, inf, log, log1p
from typing import TYPE_CHECKING

from cryptopipe.evaluate.transfer_blocks import cut_atoms
from cryptopipe.evaluate.transfer_hours import HOUR, LONGEST, Fees, over_hours, through_hours
from cryptopipe.evaluate.transfer_parts import a_chance, above_zero

if TYPE_CHECKING:
    from numpy.random import Generator

    from cryptopipe.evaluate.transfer_parts import Array

_STEPS_PER_BLOCK = 256


@dataclass(frozen=True)
class BlockTaken:
    """From sending to the block that takes it in, where the times between blocks are exponential with mean `block`.

    Within an hour the wait is exponential at that hour's rate, so its law is a mixture of exponentials over hours.
    """

    block: float
    fees: Fees
    least = 0.0
    at_once = 0.0
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(block=self.block)

    @property
    def mean(self) -> float:
        return self._transform(0.0)[0]

    @property
    def variance(self) -> float:
        mean, half_square = self._transform(0.0)
        return 2 * half_square - mean**2

    @property
    def width(self) -> float:
        return 2 * self.block / self.fees.chance()

    def log_mgf(self, s: float) -> float:
        total, _ = self._transform(s)
        return total if total == inf else log1p(s * total)

    def _transform(self, s: float) -> tuple[float, float]:
        """(∫ exp(s t) P(X > t) dt, its derivative by s), infinite where the integral is.

        In an hour P(X > t) = Σ wⱼ exp(-rⱼ t). The first hour is a uniform part of one; from the next one on it is the
        same anew, times what was left: a geometric series.
        """
        import numpy as np

        weights, chances = self.fees.spread()
        d = chances / self.block - s
        d = np.where(np.abs(d) * HOUR < 1e-6, 1e-6 / HOUR, d)
        with np.errstate(over="ignore", invalid="ignore"):
            end = np.exp(-d * HOUR)
            phi = -np.expm1(-d * HOUR) / d  # ∫ exp(-d t) over an hour
            slope = (HOUR * d * end - (1 - end)) / d**2
            part = (1 - phi / HOUR) / d  # the same, over a uniform part of an hour, on average
            part_slope = -slope / (HOUR * d) - part / d
            hour, left = (weights @ phi).item(), (weights @ end).item()
        if not left < 1:
            return inf, inf
        rest = HOUR * (1 - left)
        total = (weights @ part).item() + hour**2 / rest
        by_s = -(weights @ part_slope).item() - 2 * hour * (weights @ slope).item() / rest
        return total, by_s + (hour * HOUR) ** 2 * left / rest**2

    def cut(self, at: "Array") -> "Array":
        import numpy as np

        times, kept, left = _block_table(self)
        step = times[1]
        index = np.minimum((at / step).astype(int), len(times) - 2)
        x = np.minimum(at / step - index, 1.0)
        low, high, slope, later = kept[index], kept[index + 1], left[index] * step, left[index + 1] * step
        bend = 3 * (high - low) - 2 * slope - later
        cut: Array = low + x * (slope + x * (bend + x * (slope + later - 2 * (high - low))))  # Hermite's cubic
        return cut

    def atoms(self) -> "tuple[Array, Array] | None":
        return None

    def sample(self, count: int, random: "Generator") -> "Array":
        first = random.uniform(0, HOUR, count)
        return through_hours(self.fees, lambda chances: chances / self.block, first, random)


@lru_cache(maxsize=256)
def _block_table(wait: BlockTaken) -> "tuple[Array, Array, Array]":
    """(times, E[min(X, time)], P(X > time)) at even steps, of which an hour is a whole number."""
    import numpy as np

    weights, chances = wait.fees.spread()
    hour = max(_STEPS_PER_BLOCK, ceil(_STEPS_PER_BLOCK * HOUR / wait.block))
    step = HOUR / hour
    rates = chances / wait.block
    left = over_hours(np.exp(-np.outer(np.arange(hour + 1) * step, rates)) @ weights, whole=False)
    kept = np.concatenate(([0.0], np.cumsum((left[1:] + left[:-1]) * step / 2)))
    return np.arange(len(left)) * step, kept * (wait.mean / kept[-1].item()), left


@dataclass(frozen=True)
class SlotsPassed:
    """Slots that pass, missed or full, between the first after a transaction is sent and the one that takes it in."""

    slot: float
    missed: float
    fees: Fees
    least = 0.0
    never = 0.0

    def __post_init__(self) -> None:
        above_zero(slot=self.slot)
        a_chance(missed=self.missed)

    @property
    def mean(self) -> float:
        times, chances = self.atoms()
        mean: float = (times @ chances).item()
        return mean

    @property
    def variance(self) -> float:
        times, chances = self.atoms()
        variance: float = ((times - self.mean) ** 2 @ chances).item()
        return variance

    @property
    def at_once(self) -> float:
        first: float = self.atoms()[1][0].item()
        return first

    @property
    def width(self) -> float:
        return 0.0 if self.mean < self.slot else 2 * self.mean

    def log_mgf(self, s: float) -> float:
        weights, alive = _alive(self)
        if len(weights) == 1:
            rest = alive.item()
            if rest and s * self.slot + log(rest) >= 0:
                return inf
            return log1p(-rest) - log1p(-rest * exp(s * self.slot))
        return _crowded_slots(self, s * self.slot)

    def cut(self, at: "Array") -> "Array":
        return cut_atoms(*self.atoms(), at)

    def atoms(self) -> "tuple[Array, Array]":
        return _slot_atoms(self)

    def sample(self, count: int, random: "Generator") -> "Array":
        import numpy as np

        slots = round(HOUR / self.slot)
        first = self.slot * random.integers(1, slots + 1, count)

        def rate(chances: "Array") -> "Array":
            with np.errstate(divide="ignore"):
                rates: Array = -np.log1p(-(1 - self.missed) * chances) / self.slot
            return rates

        passed = np.ceil(through_hours(self.fees, rate, first, random) / self.slot - 1e-9) - 1
        waited: Array = self.slot * np.maximum(passed, 0.0)
        return waited


def _alive(wait: SlotsPassed) -> "tuple[Array, Array]":
    """(weights, chances that a slot does not take it in) over the hours."""
    weights, chances = wait.fees.spread()
    return weights, 1 - (1 - wait.missed) * chances


@lru_cache(maxsize=256)
def _left_in_hour(wait: SlotsPassed) -> "Array":
    """P(more than k slots) within one hour, for k from 0 to the slots of an hour."""
    import numpy as np

    weights, alive = _alive(wait)
    left: Array = np.power(alive[None, :], np.arange(round(HOUR / wait.slot) + 1)[:, None]) @ weights
    return left


@lru_cache(maxsize=256)
def _slot_atoms(wait: SlotsPassed) -> "tuple[Array, Array]":
    import numpy as np

    weights, alive = _alive(wait)
    if len(weights) == 1:
        rest = alive.item()
        count = 1 if not rest else min(LONGEST, 2 + int(log(1e-18) / log(rest)))
        left: Array = rest ** np.arange(count + 1)
    else:
        left = over_hours(_left_in_hour(wait), whole=True)
    left[-1] = 0.0
    return wait.slot * np.arange(len(left) - 1), left[:-1] - left[1:]


def _crowded_slots(wait: SlotsPassed, log_z: float) -> float:
    """log E[z^N]: from Σ zᵏ P(N ≥ k), which is geometric in hours after the first, of which a uniform part is left."""
    import numpy as np

    left = _left_in_hour(wait)
    hour = len(left) - 1
    with np.errstate(divide="ignore"):
        powers = log_z * np.arange(hour + 1) + np.log(left)
    if powers[-1] >= 0 or powers.max() > 700:
        return inf
    terms = np.exp(powers)
    begun = terms[:-1].sum() / (1 - terms[-1])
    total = terms[:-1] @ (1 - np.arange(hour) / hour) + terms[1:].sum() / hour * begun
    return log1p((-expm1(-log_z) * (total - 1)).item())
