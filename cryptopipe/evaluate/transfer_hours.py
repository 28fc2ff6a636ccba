"""What a block's choice of transactions depends on: the going fee, which is anew each hour.

Enters: the chance to be taken in at the going fee, what is paid, how much fees vary. Leaves: the law of a wait over
hours that are independent. Never: an hour that remembers the one before it; on real chains a crowded one follows one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, expm1, log1p
from typing import TYPE_CHECKING

from cryptopipe.evaluate.transfer_parts import a_chance, above_zero, at_least_zero

if TYPE_CHECKING:
    from numpy.random import Generator

    from cryptopipe.evaluate.transfer_parts import Array

HOUR = 60.0
"""Minutes for which the going fee stays; the next hour's is independent of it."""
_NODES = 32
"""Of Gauss and Hermite's rule over the logarithm of the going fee."""
_GONE = 1e-13
"""A table of P(X > t) ends here."""
LONGEST = 1 << 17
"""Steps of such a table at most."""


@dataclass(frozen=True)
class Fees:
    """How a block takes in a transaction. One that pays the going fee is taken with chance `included`, one that pays
    k times as much is left out with the k-th power of the rest. `level` is what is paid, in median going fees;
    `crowding` the standard deviation of the logarithm of the going fee, which is lognormal and anew each hour.
    """

    included: float
    level: float
    crowding: float

    def __post_init__(self) -> None:
        a_chance(included=self.included)
        above_zero(included=self.included, level=self.level)
        at_least_zero(crowding=self.crowding)

    def chance(self, going: float = 1.0) -> float:
        """That a block takes it in, in an hour in which the going fee is so many times its median."""
        return 1.0 if self.included == 1 else -expm1(self.level / going * log1p(-self.included))

    def spread(self) -> "tuple[Array, Array]":
        """(weights, chances) over the hours."""
        import numpy as np

        if not self.crowding:
            return np.ones(1), np.array([self.chance()])
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        chances = [self.chance(exp(self.crowding * node)) for node in nodes.tolist()]
        return weights / weights.sum(), np.array(chances)

    def draw(self, count: int, random: "Generator") -> "Array":
        """The chances of so many hours."""
        import numpy as np

        going = np.exp(self.crowding * random.standard_normal(count))
        return -np.expm1(self.level / going * log1p(-self.included)) if self.included < 1 else np.ones(count)


def over_hours(left: "Array", whole: bool) -> "Array":
    """P(more than k steps) of a wait that begins at any step of an hour, if `left` is the same within one hour, up to
    its last step: the hours are independent. `whole`: steps are slots, and not points of a continuous time.
    """
    import numpy as np

    hour, count = len(left) - 1, 64
    while True:
        k = np.arange(count)
        later = left[-1] ** (k // hour) * left[:-1][k % hour]
        first = np.where(k <= hour, left[np.minimum(k, hour)], 0.0)
        if whole:
            first[0] = 0.0
        both = np.fft.rfft(first, 2 * count) * np.fft.rfft(later, 2 * count)
        met = np.fft.irfft(both, 2 * count)[:count]  # their convolution; scipy.signal takes half a second to import
        if not whole:  # the trapezoidal rule: half of either end
            last = np.minimum(k, hour)
            met -= (left[last] * later[k - last] + later) / 2
        found: Array = np.where(k < hour, left[np.minimum(k, hour)] * (1 - k / hour), 0.0) + met / hour
        if found[-1] < _GONE or count >= LONGEST:
            return np.minimum.accumulate(np.clip(found, 0.0, 1.0))
        count *= 2


def through_hours(fees: Fees, rate: "Callable[[Array], Array]", first: "Array", random: "Generator") -> "Array":
    """Times at which an exponential clock rings whose rate is anew each hour; `first` is what is left of its hour."""
    import numpy as np

    left, room, passed = random.standard_exponential(len(first)), first.copy(), np.zeros(len(first))
    waiting = np.arange(len(first))
    while len(waiting):
        rates = rate(fees.draw(len(waiting), random))
        takes = left[waiting] / rates
        rings = takes < room[waiting]
        passed[waiting] += np.where(rings, takes, room[waiting])
        waiting, rates = waiting[~rings], rates[~rings]
        left[waiting] -= rates * room[waiting]
        room[waiting] = HOUR
    return passed
