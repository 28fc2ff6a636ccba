"""What an estimate is worth that was chosen because it was high: shrunk towards others of its kind.

Enters: estimates of one quantity over many windows, each with its standard error. Leaves: mean and spread of the truth
among them, and an estimate drawn towards that mean by its own signal to noise, with the error that is left. Never: an
estimate drawn away from the mean, an error that grows by it.

Whoever takes the best of many forecasts takes those whose errors favour them: the winner's curse. The mean of the truth
given its estimate is free of it, whatever was chosen by the estimate (Efron, "Tweedie's formula and selection bias",
JASA 106, 2011). With a normal truth and normal errors it is Σ²/(Σ² + e²) of the way from the mean to the estimate; what
Σ is the estimates say themselves (Morris, "Parametric empirical Bayes inference", JASA 78, 1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt

from cryptopipe.evaluate.transfer_parts import at_least_zero
from cryptopipe.model.trading import Reason

FEWEST = 20
"""Estimates without which nothing is known of their kind: the spread is then known to a sixth."""


@dataclass(frozen=True)
class Population:
    """What a quantity is over pairs or windows: `mean` of the truth with its standard error, `deviation` of the truth
    around it, from so many estimates.
    """

    mean: float
    mean_error: float
    deviation: float
    count: int

    @property
    def unseen(self) -> tuple[float, float]:
        """(mean, standard deviation) where no estimate is at hand."""
        return self.mean, sqrt(self.deviation**2 + self.mean_error**2)

    def kept(self, error: float) -> float:
        """The share of its distance from the mean that an estimate with this standard error keeps: 1 for what is known,
        0 where all that differs is error. Raises `ValueError` for an error below zero.
        """
        at_least_zero(error=error)
        return self.deviation**2 / (self.deviation**2 + error**2) if error else 1.0

    def shrunk(self, estimate: float, error: float) -> tuple[float, float]:
        """(mean, standard deviation) of the truth given its estimate and the estimate's standard error."""
        kept = self.kept(error)
        left = kept * error**2 + (1 - kept) ** 2 * self.mean_error**2
        return self.mean + kept * (estimate - self.mean), min(error, sqrt(left))


def population(estimates: Sequence[float], errors: Sequence[float], fewest: int = FEWEST) -> Population | Reason:
    """Of estimates with their standard errors, by moments: what they vary beyond their mean squared error is the
    truth's. Each counts alike: a rate that is high has a larger error, and weights would draw the mean down.

    The failed check where they are fewer than `fewest`. Estimates that were told from noise before they came here are
    too high, and so is their mean: learn from windows that are long enough to refuse few. Raises `ValueError` for
    lists of different lengths, an error below zero, a number that is not finite.
    """
    count = len(estimates)
    if count != len(errors):
        raise ValueError(f"{count} estimates with {len(errors)} errors")
    if not all(isfinite(one) for one in (*estimates, *errors)) or any(one < 0 for one in errors):
        raise ValueError("estimates must be finite, and their errors at least zero")
    if count < max(2, fewest):
        return Reason("selection", False, f"{max(2, fewest)} estimates", f"{count}")
    mean = fsum(estimates) / count
    spread = fsum((one - mean) ** 2 for one in estimates) / (count - 1)
    noise = fsum(one * one for one in errors) / count
    return Population(mean, sqrt(spread / count), sqrt(max(0.0, spread - noise)), count)
