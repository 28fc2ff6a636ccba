"""By how much two quotes that were not seen at one instant may show an edge that is not there.

Enters: of each quote its volatility, the age of its last frame, how late it arrived, what its venue's clock is known
to show. Leaves: a charge on the edge, in log return. Never: a charge that falls as a quote gets older or a clock less
certain.

A quote told of its venue as it was up to `staleness` ago. Since then its price moved by a normal law of its volatility;
the charge is a quantile of what both moves together take from the edge.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from statistics import NormalDist

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.money import rounded

_MINUTE: Nanos = 60 * SECOND


@dataclass(frozen=True)
class Sight:
    """One quote as it was seen: `sigma` per root minute of log price, and the most by which it may be old.

    Raises `ValueError` for a value below zero.
    """

    sigma: float
    staleness: Nanos

    def __post_init__(self) -> None:
        if not self.sigma >= 0 or self.staleness < 0:
            raise ValueError(f"a sigma of {self.sigma} and a staleness of {self.staleness} ns")

    @property
    def variance(self) -> float:
        """Of its log price since it was true."""
        return self.sigma * self.sigma * (self.staleness / _MINUTE)


def by_clock(sigma: float, age: Nanos, arrival: Nanos, event_time: Nanos, offset: Nanos, error: Nanos) -> Sight:
    """With a venue whose clock is known: `offset` is its clock minus ours, true within `error` (`VenueClock`). The last
    frame is `age` old; it arrived at `arrival` with the venue's own `event_time`, and told of the venue as it was then.
    """
    late = arrival - (event_time - offset)
    return Sight(sigma, _not_negative(age) + max(0, late + _not_negative(error)))


def by_bound(sigma: float, age: Nanos, lag: Nanos, least_lag: Nanos, bound: Nanos) -> Sight:
    """With a venue that does not tell its clock: `lag` is arrival minus event time, of which clocks and way cannot be
    told apart; its least value, `least_lag` (`Lag.floor`), is a way of at most `bound`. Without event times both are 0.
    """
    return Sight(sigma, _not_negative(age) + max(0, lag - least_lag) + _not_negative(bound))


def skew_charge(sell: Sight, buy: Sight, confidence: float = 0.95, correlation: float = 0.0) -> Decimal:
    """The most, with that `confidence`, by which the true edge at one instant may be below the shown one: a log return,
    zero or more. `correlation` is of the two prices' moves over what both quotes missed; where it is not known, zero is
    the careful value of all that are not negative.

    A staleness is a bound, so the worst one within it counts. Raises `ValueError` for a confidence outside [0.5, 1) or
    a correlation outside [-1, 1].
    """
    if not 0.5 <= confidence < 1 or not -1 <= correlation <= 1:
        raise ValueError(f"a confidence of {confidence} and a correlation of {correlation}")
    shared = sell.sigma * buy.sigma * (min(sell.staleness, buy.staleness) / _MINUTE)
    both = sell.variance + buy.variance - 2 * correlation * shared
    return rounded(NormalDist().inv_cdf(confidence) * sqrt(max(sell.variance, buy.variance, both)))


def _not_negative(span: Nanos) -> Nanos:
    if span < 0:
        raise ValueError(f"an age, error or bound of {span} ns")
    return span
