"""What a trade is worth whose coins travel while the price moves: for one size and one route.

Enters: an edge at present prices, its notional, the law of the time, how the price moves, the user's aversions. Leaves:
the expected log return on arrival, its law, the certain amount that is worth as much, or the failed check that says why
there is none. Never: a certainty where no expectation exists, a certainty that more risk raises.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import exp, expm1, inf, isfinite, isinf, isnan, log, log1p

from cryptopipe.evaluate.arrival import Drift, Exposure, Prospect, exposure
from cryptopipe.evaluate.settlement import no_moment, settlement_bound
from cryptopipe.evaluate.transfer_blocks import log_mean_exp
from cryptopipe.evaluate.transfer_law import Law
from cryptopipe.evaluate.transfer_parts import above_zero, at_least_zero
from cryptopipe.model.trading import Reason

_LEAST_FREEDOM = 2.0
"""Degrees of freedom below which a Student law has no variance: a relative error of the volatility of a half."""


@dataclass(frozen=True)
class Aversion:
    """What the user wants of a risk. Two aversions that have different units and never share a number.

    `gamma`: relative risk aversion in the log return, for the bound. `tolerance`: the risk tolerance of exponential
    utility over the trade's profit, in the numeraire (`inf`: none is felt). Coins later than `abandon` minutes are
    counted as a loss of `stuck_loss` of the notional; `inf`: they are waited for.
    """

    gamma: float
    tolerance: float
    abandon: float = inf
    stuck_loss: float = 1.0

    def __post_init__(self) -> None:
        at_least_zero(gamma=self.gamma, stuck_loss=self.stuck_loss)
        for name, value in (("tolerance", self.tolerance), ("abandon", self.abandon)):
            if isnan(value) or value <= 0:
                raise ValueError(f"{name} must be above zero, got {value}")


@dataclass(frozen=True)
class InFlight:
    """One size by one route. Log returns of the notional, after every cost that the edge holds.

    `edge` is at present prices, `expected` on arrival with the closing of its transient part, `bound` the least that
    pays for the risk by the published formula, `minutes` the mean time and `stuck` the probability of none, both with
    the abandon time. `certainty` is the certain log return that is worth as much by exponential utility, of which
    `late_price` was taken off for the coins that are stuck; `probability` that of a profit, where stuck coins make
    none. The law of the return is that of what arrives.
    """

    edge: float
    notional: float
    minutes: float
    stuck: float
    bound: float
    expected: float
    certainty: float
    late_price: float
    probability: float
    prospect: Prospect = field(repr=False, compare=False)

    @property
    def clears(self) -> bool:
        """Whether what is expected exceeds the bound."""
        return self.expected > self.bound

    @property
    def value(self) -> float:
        """The certainty in money: to first order in the return, as the utility takes it."""
        return self.notional * self.certainty

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The central 90 % of the return of what arrives; found on first use."""
        return self.prospect.quantile(0.05), self.prospect.quantile(0.95)

    def predictive_cdf(self, x: float) -> tuple[float, float]:
        """(P(R < x), P(R ≤ x)) of the log return R of what arrives."""
        return self.prospect.cdf(x)

    def pit(self, x: float, uniform: float) -> float:
        """The probability integral transform of a return that came true: uniform if this law is the right one. Where
        the law has an atom at `x`, `uniform` within 0 and 1, from a seed, says where in its jump.
        """
        below, reached = self.prospect.cdf(x)
        return below + uniform * (reached - below)


def judge(
    edge: float, notional: float, law: Law, drift: Drift, aversion: Aversion, transient: float = 0.0
) -> InFlight | Reason:
    """What an edge is worth at one size. `transient` is the part b of it that closes: E[δ_τ] = δ - (1 - E[exp(-κτ)])·b.

    The certainty is -(1/a)·log E[exp(-a·R)], a = notional / tolerance, with R = δ_τ + σ√τ·Z on arrival. Refused with a
    failed check where it does not exist: a time without exponential moment, or a volatility known with an error (then
    σ² is taken as gamma, with the mean of the Student law and twice the relative error: under Student's own law
    exponential utility has no expectation, Geweke 2001), and no abandon time that bounds it. The bound takes mean and
    variance of the time given arrival, and the root mean square of σ. Raises `ValueError` for arguments out of range.
    """
    above_zero(notional=notional)
    if not (isfinite(edge) and isfinite(transient)):
        raise ValueError(f"edge and transient must be finite, got {edge} and {transient}")
    if drift.freedom <= _LEAST_FREEDOM:
        return Reason("volatility", False, "a relative error below 0.5", f"{drift.sigma_error / drift.sigma:.3g}")
    exposed = exposure(law, drift, aversion.abandon)
    arrivals = exposed.arrivals
    if not len(arrivals.times):
        return Reason("transfer_time", False, f"arrival within {aversion.abandon:g} min", "probability 0")
    averse = notional / aversion.tolerance
    cost = _cost(law, drift, aversion, exposed, transient, averse)
    if isinstance(cost, Reason):
        return cost
    expected: float = edge - transient * (arrivals.weights @ exposed.closed).item()
    arrived = expected if not averse else edge - cost / averse
    certainty = _with_stuck(arrived, averse, arrivals.stuck, aversion.stuck_loss)
    mean, variance = (law.mean, law.variance) if isinf(aversion.abandon) else (arrivals.mean, arrivals.variance)
    return InFlight(
        edge=edge,
        notional=notional,
        minutes=mean,
        stuck=arrivals.stuck,
        bound=settlement_bound(drift.root_mean_square, mean, variance, aversion.gamma),
        expected=expected,
        certainty=certainty,
        late_price=arrived - certainty,
        probability=(1 - arrivals.stuck) * (prospect := Prospect(exposed, edge, transient)).above(0.0),
        prospect=prospect,
    )


def _cost(
    law: Law, drift: Drift, aversion: Aversion, exposed: Exposure, transient: float, averse: float
) -> float | Reason:
    """log E[exp(a·(δ - R))] of what arrives: what risk and closing take off the edge, times the aversion a."""
    arrivals = exposed.arrivals
    taken = averse * transient
    closing = taken * exposed.closed + taken**2 / 2 * exposed.closed_variance
    s = (averse * drift.sigma) ** 2 / 2
    if isinf(drift.freedom):
        moves = s * arrivals.times
    else:
        half = drift.freedom / 2
        each = s * arrivals.times * (half / (half - 1)) / half
        if each[-1] >= 1 or (isinf(aversion.abandon) and law.variance):
            return no_moment(s)
        import numpy as np

        moves = -half * np.log1p(-each)
    found = log_mean_exp(closing + moves, arrivals.weights)
    if s and isinf(aversion.abandon) and isinf(drift.freedom):
        exactly = law.log_mgf(s)  # the sum over points knows little of a tail; of the closing it knows enough
        if isinf(exactly):
            return no_moment(s)
        found += exactly - log_mean_exp(moves, arrivals.weights)
    return found


def _with_stuck(arrived: float, averse: float, stuck: float, loss: float) -> float:
    """The certainty of a return worth `arrived`, or with chance `stuck` the loss."""
    if not stuck:
        return arrived
    if not averse:
        return (1 - stuck) * arrived - stuck * loss
    if stuck >= 1:
        return -loss
    good, bad = -averse * arrived, averse * loss
    if max(abs(good), abs(bad)) < 1:
        return -log1p((1 - stuck) * expm1(good) + stuck * expm1(bad)) / averse
    good, bad = good + log1p(-stuck), bad + log(stuck)
    return -(max(good, bad) + log1p(exp(-abs(good - bad)))) / averse
