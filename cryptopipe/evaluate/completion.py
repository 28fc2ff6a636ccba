"""What is left of an edge when one's orders arrive, and whether all of its legs fill.

Enters: the edge now, the survival of its kind, its closing, one's own latency; the chance of each leg's level, or how
one's own plans ended. Leaves: the edge expected at the fill and the chance that every leg fills, with errors and what
they rest on. Never: an edge that closed on the way counted at the value it was shown with.

Others race for the same levels, and the more legs, the rarer all of them fill: Kozhan and Tham, "Execution risk in
high-frequency arbitrage", Management Science 58 (2012). Their crowding is measured here, not modelled: a level that
rivals take is a level that ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import exp, expm1, hypot, prod
from statistics import NormalDist

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.evaluate.closing import Closing
from cryptopipe.evaluate.lifetime import Chance
from cryptopipe.model.money import rounded
from cryptopipe.model.trading import Reason

_MINUTE: Nanos = 60 * SECOND
LOW = 0.05
"""What is promised of a chance fails to hold with at most this probability."""


@dataclass(frozen=True)
class FillEdge:
    """Expected at the fill, in log return, its standard error, and the chance that the edge lives until then."""

    expected: Decimal
    error: Decimal
    alive: Decimal


def fill_edge(edge: float, alive: Chance, closing: Closing | None, latency: Nanos, missed: float = 0.0) -> FillEdge:
    """E[edge at arrival | edge now]: what the closing leaves of `edge` (a log return) after `latency` if it is still
    alive, else `missed`: zero where unfilled orders cost nothing, below it where a leg that fills alone must be closed.

    Without `closing` what is alive is as large as now. The edge is no smaller where it lives than on the average of
    both, which is what the closing tells, so the figure errs below. Raises `ValueError` for a latency below zero.
    """
    if latency < 0:
        raise ValueError(f"a latency of {latency} ns")
    minutes = latency / _MINUTE
    gone = closing.closed(minutes) if closing else 0.0
    left = edge - gone
    error = (left - missed) * alive.error
    if closing:
        faster = minutes * exp(-closing.kappa * minutes) * closing.transient * closing.kappa_error
        larger = -expm1(-closing.kappa * minutes) * closing.transient_error
        error = hypot(error, alive.probability * faster, alive.probability * larger)
    expected = alive.probability * left + (1 - alive.probability) * missed
    return FillEdge(rounded(expected), rounded(abs(error)), rounded(alive.probability))


class Source(Enum):
    """What a chance of completion rests on."""

    LEVELS = "levels"
    """How long levels of books live, and one's own latency to each venue."""
    ORDERS = "orders"
    """How one's own plans ended."""


@dataclass(frozen=True)
class Record:
    """How one's own plans of a kind ended: `completed` of `attempted` filled every leg. A value: `after` has a new one.

    Raises `ValueError` for more completed than attempted.
    """

    completed: int = 0
    attempted: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.completed <= self.attempted:
            raise ValueError(f"{self.completed} completed of {self.attempted} attempted")

    def after(self, completed: bool) -> "Record":
        """With one more plan."""
        return Record(self.completed + completed, self.attempted + 1)


@dataclass(frozen=True)
class Completion:
    """That every leg of a plan fills at its limit: `low` is below the truth with 95 % confidence, `at_best` is the
    chance if all legs failed together.
    """

    probability: Decimal
    low: Decimal
    at_best: Decimal
    source: Source


def completion(legs: Sequence[Chance | Reason], record: Record, enough: int = 30) -> Completion | Reason:
    """From one's own orders where `enough` plans were attempted, otherwise from the levels: `legs` has for each leg the
    chance that its limit still holds its size when the order arrives (`Survival.onward` of such levels' lives, at the
    latency to its venue). Where a leg is unknown too, its failed check is the answer.

    Levels end independently here. Rivals take all legs of an edge at once, which makes them end together: the truth is
    between the product and the smallest, `at_best`. Raises `ValueError` where there is no leg.
    """
    if not legs:
        raise ValueError("a plan without legs")
    if record.attempted >= enough:
        return _of_orders(record)
    known = [leg for leg in legs if isinstance(leg, Chance)]
    unknown = [leg for leg in legs if isinstance(leg, Reason)]
    if unknown:
        return unknown[0]
    probability = prod(leg.probability for leg in known)
    others = [prod(leg.probability for i, leg in enumerate(known) if i != at) for at in range(len(known))]
    error = hypot(*(leg.error * rest for leg, rest in zip(known, others, strict=True)))
    low = max(0.0, probability + NormalDist().inv_cdf(LOW) * error)
    best = min(leg.probability for leg in known)
    return Completion(rounded(probability), rounded(low), rounded(best), Source.LEVELS)


def _of_orders(record: Record) -> Completion:
    """The beta posterior after Jeffreys' prior: mean and lower quantile."""
    from scipy.special import betaincinv

    filled, failed = record.completed + 0.5, record.attempted - record.completed + 0.5
    mean = rounded(filled / (filled + failed))
    return Completion(mean, rounded(betaincinv(filled, failed, LOW).item()), mean, Source.ORDERS)
