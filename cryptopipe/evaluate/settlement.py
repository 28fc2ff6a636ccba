"""The least edge that pays for the price risk of coins on their way.

Enters: volatility per root minute, the law of the time, an aversion. Leaves: the published bound by its formula, and
the exact one of exponential utility. Never: a bound of a law whose expectation is infinite, one aversion for the other.
"""

from dataclasses import dataclass
from math import exp, expm1, hypot, inf, isinf, isnan, log, log1p, sqrt

from cryptopipe.evaluate.transfer_blocks import log_mean_exp
from cryptopipe.evaluate.transfer_law import Law
from cryptopipe.evaluate.transfer_parts import a_chance, above_zero, at_least_zero
from cryptopipe.model.trading import Reason


def settlement_bound(sigma: float, mean: float, variance: float, gamma: float) -> float:
    """The log return that an edge must exceed: (σ/2)·√(γE + √(γ²E² + 2γ(γ+1)(γ+2)(V+E²))).

    `sigma` per root minute, `mean` and `variance` of the time in minutes, `gamma` the relative risk aversion, without
    unit. Infinite where mean or variance is, unless there is no risk (sigma 0) or no aversion (gamma 0). From the
    fourth-order certainty equivalent of power utility in the log return, without drift: Hautsch, Scheuch, Voigt,
    "Building Trust Takes Time", arXiv 1812.00595, theorem 1. Raises `ValueError` for a negative number or none.
    """
    at_least_zero(sigma=sigma, gamma=gamma)
    for name, value in (("mean", mean), ("variance", variance)):
        if isnan(value) or value < 0:
            raise ValueError(f"{name} must be at or above zero, got {value}")
    if not sigma or not gamma:
        return 0.0
    second = hypot(sqrt(variance), mean)  # √E[τ²]; hypot neither overflows nor loses digits
    first = gamma * mean
    return sigma / 2 * sqrt(first + hypot(first, sqrt(2 * gamma * (gamma + 1) * (gamma + 2)) * second))


@dataclass(frozen=True)
class MoneyBound:
    """The log return that an edge must exceed, by exponential utility over the trade's profit.

    `risk` pays for the price while coins travel; `late` for the chance `stuck` that they are abandoned. Both in units
    of log return, exact for a law whose moment generating function exists, else for the law up to the abandon time.
    """

    risk: float
    late: float
    stuck: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.risk + self.late


def money_bound(
    sigma: float, aversion: float, law: Law, abandon: float = inf, stuck_loss: float = 1.0
) -> MoneyBound | Reason:
    """d = (1/a)·log M_τ(a²σ²/2), where a is `aversion` = notional / risk tolerance, per unit of log return.

    With an `abandon` time in minutes, coins that are later are a loss of `stuck_loss` of the notional, in the same
    utility. Without one the law must have its moment generating function at a²σ²/2; else the failed check that says so.
    Raises `ValueError` for arguments out of range.
    """
    at_least_zero(sigma=sigma, stuck_loss=stuck_loss)
    above_zero(aversion=aversion, abandon=min(abandon, 1.0))
    s = (aversion * sigma) ** 2 / 2
    if isinf(abandon):
        moment = law.log_mgf(s)
        return no_moment(s) if isinf(moment) else MoneyBound(moment / aversion, 0.0, 0.0)
    arrivals = law.truncated(abandon)
    if not len(arrivals.times):
        return Reason("transfer_time", False, f"arrival within {abandon:g} min", "probability 0")
    risk = log_mean_exp(s * arrivals.times, arrivals.weights) / aversion
    late = late_price(arrivals.stuck, aversion * stuck_loss)
    if isinf(late):
        return Reason("stuck_loss", False, "an edge that pays for it", f"none at a probability of {arrivals.stuck:.3g}")
    return MoneyBound(risk, late / aversion, arrivals.stuck)


def late_price(stuck: float, pain: float) -> float:
    """log((1-p) / (1 - p·exp(pain))): what must be earned more, times the aversion, so that a chance p of a loss of
    `pain` is worth taking; `inf` where nothing is enough. Raises `ValueError` for no chance.
    """
    a_chance(stuck=stuck)
    if not stuck:
        return 0.0
    if log(stuck) + pain >= 0:
        return inf
    return log1p(stuck * expm1(pain) / (1 - stuck * exp(pain)))


def no_moment(s: float) -> Reason:
    """The failed check where exponential utility has no expectation under the law of the time."""
    limit = f"an abandon time, or a time whose exponential moment exists at {s:.3g} per minute"
    return Reason("transfer_time", False, limit, "infinite")
