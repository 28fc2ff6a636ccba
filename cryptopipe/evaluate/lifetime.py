"""How long edges live: survival curves per kind, with those whose end nobody saw.

Enters: each edge's life, from its opening to its closing or to the moment we lost sight of it. Leaves: the half-life of
its kind, the chance that one of a given age outlives one's own latency. Never: an edge that was taken, or whose book
died, counted as one that closed; a chance from fewer lives than asked.

Kaplan and Meier, JASA 53 (1958), errors by Greenwood (1926). An edge that we lose sight of at the moment when another
closes has outlived it.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, sqrt
from typing import NamedTuple

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.trading import Reason

_MINUTE: Nanos = 60 * SECOND


class Life(NamedTuple):
    """`closed`: the edge itself ended after `duration`; otherwise it was taken, its book died, or the run ended."""

    duration: Nanos
    closed: bool


class Chance(NamedTuple):
    """A probability and its standard error. Floats: whoever decides by them passes the decision through `rounded`."""

    probability: float
    error: float


CERTAIN = Chance(1.0, 0.0)


@dataclass(frozen=True)
class Survival:
    """The curve of one kind: at each of `times`, ascending, `closed` of the `at_risk` ended. `lives` were seen."""

    times: tuple[Nanos, ...]
    at_risk: tuple[int, ...]
    closed: tuple[int, ...]
    durations: tuple[Nanos, ...]
    """Of all lives, ascending."""
    shares: tuple[float, ...] = field(repr=False)
    """Of edges that live longer than each of `times`."""
    variances: tuple[float, ...] = field(repr=False)
    """Of their logarithms, by Greenwood; infinite where none is left."""

    @classmethod
    def of(cls, lives: Iterable[Life]) -> "Survival":
        """The curve of these lives, in any order. Raises `ValueError` for one that is shorter than nothing."""
        known = sorted(lives)
        if known and known[0].duration < 0:
            raise ValueError(f"a life of {known[0].duration} ns")
        durations = [life.duration for life in known]
        ended = sorted(Counter(life.duration for life in known if life.closed).items())
        at_risk = [len(known) - bisect_left(durations, time) for time, _ in ended]
        closed = [count for _, count in ended]
        steps = list(zip(at_risk, closed, strict=True))
        shares = accumulate((1 - out / left for left, out in steps), lambda before, now: before * now)
        variances = accumulate(out / (left * (left - out)) if left > out else inf for left, out in steps)
        return cls(
            tuple(time for time, _ in ended),
            tuple(at_risk),
            tuple(closed),
            tuple(durations),
            tuple(shares),
            tuple(variances),
        )

    def alive(self, age: Nanos) -> Chance:
        """That an edge lives longer than `age`; one where no end was seen by then. After the longest life seen it is
        what it was: ask `left` how many lives a figure rests on.
        """
        index = bisect_right(self.times, age) - 1
        if index < 0:
            return CERTAIN
        share = self.shares[index]
        return Chance(share, share * sqrt(self.variances[index]) if share else 0.0)

    def left(self, age: Nanos) -> int:
        """How many lives were seen to be longer than `age`."""
        return len(self.durations) - bisect_right(self.durations, age)

    @property
    def half_life(self) -> float:
        """Minutes after which half of the edges have closed; infinite if that was never seen."""
        half = 0.5 + 1e-12  # a product of ratios that is one half in truth
        return next((time / _MINUTE for time, share in zip(self.times, self.shares, strict=True) if share <= half), inf)

    def onward(self, age: Nanos, latency: Nanos, enough: int = 20) -> Chance | Reason:
        """That an edge of `age` still lives `latency` later; the failed check where fewer than `enough` lives were
        followed from there to there, or to their end. The error is Greenwood's, and never below that of half an end
        more: a handful of lives without one prove nothing.

        Raises `ValueError` for an age or latency below zero.
        """
        if age < 0 or latency < 0:
            raise ValueError(f"an age of {age} ns and a latency of {latency} ns")
        if latency == 0:
            return CERTAIN
        first, last = bisect_right(self.times, age), bisect_right(self.times, age + latency)
        followed = self.left(age + latency) + sum(self.closed[first:last])
        if followed < enough:
            limit = f"{enough} edges followed from {_milliseconds(age)} to {_milliseconds(age + latency)}"
            return Reason("survival", False, limit, f"{followed}")
        share, variance = 1.0, 0.0
        for left, out in zip(self.at_risk[first:last], self.closed[first:last], strict=True):
            share *= 1 - out / left
            variance += out / (left * (left - out)) if left > out else 0.0
        careful = 0.5 / (followed + 1)
        return Chance(share, max(share * sqrt(variance), sqrt(careful * (1 - careful) / (followed + 1))))


def _milliseconds(duration: Nanos) -> str:
    return f"{duration / MILLISECOND:.0f} ms"


@dataclass(frozen=True)
class Lives:
    """The latest lives of each kind of edge (`two_venue`, `triangle`, `transfer`, or what a strategy names), at most
    `most` of a kind. A value: whoever is told of an end has a new one, so that a run that is replayed has the same.
    """

    of: Mapping[str, tuple[Life, ...]] = field(default_factory=dict)
    most: int = 2_000

    def and_one(self, kind: str, life: Life) -> "Lives":
        """With one more, the oldest of its kind forgotten where there are too many. Raises `ValueError` for a life that
        is shorter than nothing.
        """
        if life.duration < 0:
            raise ValueError(f"a life of {life.duration} ns")
        return Lives({**self.of, kind: (*self.of.get(kind, ()), life)[-self.most :]}, self.most)

    def curve(self, kind: str) -> Survival:
        """Of a kind that was never seen the curve has no lives."""
        return Survival.of(self.of.get(kind, ()))
