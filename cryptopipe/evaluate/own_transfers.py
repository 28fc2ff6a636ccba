"""What one's own transfers teach about how long the next one takes.

Enters: a law from the table, durations of one's own transfers, those still on their way with what they have waited.
Leaves: a law that is the table's without any, and that of the data with many. Never: a transfer that is left out
because it has not arrived: the slow ones are those.

The law is the mean of a Dirichlet process around the table's, given the data, in the closed form of Susarla and Van
Ryzin, "Nonparametric Bayesian estimation of survival curves from incomplete observations", JASA 71 (1976). The table
counts as `strength` transfers and each own one as one; what one that waits has left is shared among all later times.
Without any that wait it is the mixture of both; with a strength towards zero, the estimate of Kaplan and Meier.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp, inf, isfinite, isinf, isnan, log
from typing import TYPE_CHECKING, NamedTuple

from cryptopipe.evaluate.transfer_law import POINTS, Arrivals, Cells, Law
from cryptopipe.evaluate.transfer_parts import above_zero
from cryptopipe.evaluate.transfer_time import TransferTime, cells_of
from cryptopipe.model.facts import VenueId

if TYPE_CHECKING:
    from cryptopipe.evaluate.transfer_parts import Array

STRENGTH = 20.0
"""Of how many transfers the table is worth: after twenty of one's own both count the same. Assumed."""
_NOTHING = 1e-9
_LARGE = 700.0
"""A logarithm of what is taken for infinite."""


class Road(NamedTuple):
    """Whose times belong together: what a venue sends, by a chain, to a venue."""

    source: VenueId
    chain: str
    target: VenueId


@dataclass(frozen=True)
class Seen:
    """One transfer: it took so many minutes, or it has waited so long and has not `arrived`. One that the venue gave
    back, or that is lost, has waited `inf`.
    """

    minutes: float
    arrived: bool = True

    def __post_init__(self) -> None:
        if isnan(self.minutes) or self.minutes < 0 or (self.arrived and isinf(self.minutes)):
            raise ValueError(f"minutes must be at or above zero, and finite for what arrived, got {self.minutes}")


@dataclass(frozen=True)
class OwnTransfers:
    """The transfers that were seen, by road."""

    seen: Mapping[Road, tuple[Seen, ...]] = field(default_factory=dict)
    strength: float = STRENGTH

    def __post_init__(self) -> None:
        above_zero(strength=self.strength)

    def after(self, road: Road, more: Iterable[Seen]) -> "OwnTransfers":
        """With more of one road."""
        return OwnTransfers({**self.seen, road: (*self.seen.get(road, ()), *more)}, self.strength)

    def law(self, road: Road, table: TransferTime) -> Law:
        """Of the next transfer on a road: the table's own law where none was seen."""
        return learned(table, self.seen.get(road, ()), self.strength)


def learned(table: TransferTime, seen: Iterable[Seen], strength: float = STRENGTH) -> Law:
    """The table's law after what was seen; the table's own where that is nothing."""
    above_zero(strength=strength)
    all_seen = tuple(seen)
    if not all_seen:
        return table
    arrived = tuple(sorted(one.minutes for one in all_seen if one.arrived))
    waiting = tuple(sorted(one.minutes for one in all_seen if not one.arrived))
    return LearnedTime(table, arrived, waiting, strength)


@dataclass(frozen=True)
class LearnedTime:
    """A law with one's own transfers in it: minutes of those that `arrived` and of those `waiting`, both rising."""

    table: TransferTime
    arrived: tuple[float, ...]
    waiting: tuple[float, ...]
    strength: float

    @property
    def mean(self) -> float:
        """Minutes; infinite where the table's is, or where one waits longer than all that the table knows."""
        return inf if _after(self).never else _expected(self, lambda times: times, self.table.mean)

    @property
    def variance(self) -> float:
        """Square minutes; infinite where the table's is, or the mean."""
        if isinf(self.mean) or isinf(self.table.variance):
            return inf
        of_table = self.table.variance + self.table.mean**2
        return _expected(self, lambda times: times**2, of_table) - self.mean**2

    def log_mgf(self, s: float) -> float:
        """log E[exp(s τ)]; `inf` where the table's is or exceeds 700, or where some never arrive and s > 0."""
        import numpy as np

        of_table = self.table.log_mgf(s)
        if not s:
            return 0.0
        if of_table > _LARGE or (s > 0 and _after(self).never):
            return inf
        return log(_expected(self, lambda times: np.exp(s * times), exp(of_table)))

    def survival(self, at: float) -> float:
        """P(τ > at)."""
        return _after(self).cells.survival(at)

    def quantile(self, share: float) -> float:
        """The time by which so much has arrived; `inf` where so much never does."""
        return _after(self).cells.quantile(share)

    def truncated(self, at: float = inf, points: int = POINTS) -> Arrivals:
        """Given that it is at most `at` minutes, on at most so many points; the rest is stuck."""
        return _truncated(self, at, points)


class _After(NamedTuple):
    """The law on cells, and the chance of no arrival."""

    cells: Cells
    never: float


@lru_cache(maxsize=512)
def _after(law: LearnedTime) -> _After:
    import numpy as np

    cells = cells_of(law.table)
    waits: Array = np.array([one for one in law.waiting if isfinite(one)])
    arrived: Array = np.array(law.arrived)
    count = len(law.arrived) + len(law.waiting)
    raised, lost = _raised(law, waits, arrived)
    share = 1 / (law.strength + count)
    given_back = len(law.waiting) - len(waits)
    never = share * (raised[-1].item() * (law.strength * law.table.never + given_back) + lost)
    points = np.unique(np.concatenate((cells.edges, arrived, waits)))
    wide = cells.edges[1:] > cells.edges[:-1]
    reached = np.concatenate(([0.0], np.cumsum(np.where(wide, cells.masses, 0.0))))
    # of equal edges the last one has what both have reached of the continuous part
    within = law.strength * np.diff(np.interp(points, cells.edges, reached))
    at_points = np.zeros(len(points))
    np.add.at(at_points, np.searchsorted(points, cells.edges[:-1][~wide]), law.strength * cells.masses[~wide])
    np.add.at(at_points, np.searchsorted(points, arrived), 1.0)
    masses = np.zeros(2 * len(points) - 1)
    masses[::2] = at_points * raised[np.searchsorted(waits, points, side="left")]
    masses[1::2] = within * raised[np.searchsorted(waits, points[:-1], side="right")]
    edges = np.repeat(points, 2)
    centres = (edges[:-1] + edges[1:]) / 2
    whole = np.searchsorted(points, cells.edges[:-1][wide])
    kept = points[whole + 1] == cells.edges[1:][wide]
    centres[2 * whole[kept] + 1] = cells.centres[wide][kept]
    return _After(Cells(edges, share * masses, centres), never if never > _NOTHING else 0.0)


def _raised(law: LearnedTime, waits: "Array", arrived: "Array") -> "tuple[Array, float]":
    """(what the weights of later times are raised by after so many waits, what is lost where none is later)."""
    import numpy as np

    raised, lost = np.ones(len(waits) + 1), 0.0
    for number, wait in enumerate(waits.tolist()):
        later = law.strength * law.table.survival(wait) + (arrived > wait).sum().item()
        others = len(law.waiting) - number - 1
        if later + others > _NOTHING:
            raised[number + 1] = raised[number] * (1 + 1 / (later + others))
        else:
            raised[number + 1], lost = raised[number], raised[number].item()
    return raised, lost


def _expected(law: LearnedTime, value: "Callable[[Array], Array]", of_table: float) -> float:
    """E[value(τ)] of what arrives, where the table's own is `of_table`: what the cells say of that differently is
    mended, but not raised by those that wait, since most of it is not of the tail.
    """
    cells, of_law = cells_of(law.table), _after(law).cells
    share = law.strength / (law.strength + len(law.arrived) + len(law.waiting))
    found: float = (of_law.masses @ value(of_law.centres)).item()
    on_cells: float = (cells.masses @ value(cells.centres)).item()
    return found + share * (of_table - on_cells)


@lru_cache(maxsize=1024)
def _truncated(law: LearnedTime, at: float, points: int) -> Arrivals:
    return _after(law).cells.truncated(at, points)
