"""The law of a time on cells: from independent parts by convolution, cut where the user gives up.

Enters: parts, or cells with their masses. Leaves: survival, quantiles, and at most so many (time, weight) for sums over
the law. Never: mass that gets lost: what does not end is said, and what is later than a cut is the stuck mass.

The parts are put on even steps so that each keeps its mean exactly (the mass between two steps is shared between them),
then convolved by fast Fourier transform: fine steps for the bulk, steps eight times as wide for each next span of time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, log2
from typing import TYPE_CHECKING, Protocol

from cryptopipe.evaluate.transfer_parts import Part

if TYPE_CHECKING:
    from cryptopipe.evaluate.transfer_parts import Array

POINTS = 512
"""Of a law that is summed over, at most."""
_STEPS = 256
"""The bulk's width in the finest steps."""
_CELLS = (2048, 32_768)
"""At least and at most as many of one width: the finest ones reach beyond the bulk."""
_WIDER = 8
_LEVELS = 14
_GONE = 1e-10
_ATOMS = 1 << 16
_BY_MASS = 0.65
"""Of the points of a law, this share goes by probability, so that none has much; the rest goes by what it adds to the
variance, so that the late ones lie close enough.
"""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A time given that it is at most the cut: `times` rising, in minutes, `weights` that sum to one, its `mean` and
    `variance`. `stuck`: the probability that it is later than the cut, or never comes.
    """

    times: "Array"
    weights: "Array"
    stuck: float
    mean: float
    variance: float


class Law(Protocol):
    """The law of a time in minutes, hashable. `mean` and `variance` are infinite where they are."""

    def __hash__(self) -> int: ...

    @property
    def mean(self) -> float: ...
    @property
    def variance(self) -> float: ...
    def log_mgf(self, s: float) -> float:
        """log E[exp(s τ)]; `inf` where it does not exist. `s` per minute."""
        ...

    def survival(self, at: float) -> float:
        """P(τ > at)."""
        ...

    def quantile(self, share: float) -> float:
        """The least time by which so much has arrived; `inf` where so much never does."""
        ...

    def truncated(self, at: float = inf, points: int = POINTS) -> Arrivals:
        """Given that it is at most `at`."""
        ...


class Cells:
    """A law on cells between rising `edges`: mass i lies evenly between edges i and i + 1, around `centres[i]`. A cell
    without width is an atom. What the masses lack to one never comes.
    """

    def __init__(self, edges: "Array", masses: "Array", centres: "Array") -> None:
        import numpy as np

        self.edges, self.masses, self.centres = edges, masses, centres
        self._reached = np.concatenate(([0.0], np.cumsum(masses)))

    @classmethod
    def of_atoms(cls, times: "Array", chances: "Array") -> "Cells":
        """Of a time that takes only these values, rising."""
        import numpy as np

        masses = np.zeros(2 * len(times) - 1)
        masses[::2] = chances
        edges = np.repeat(times, 2)
        return cls(edges, masses, (edges[:-1] + edges[1:]) / 2)

    def reached(self, at: "Array") -> "Array":
        """P(τ ≤ at)."""
        import numpy as np

        index = np.clip(np.searchsorted(self.edges, at, side="right") - 1, 0, len(self.masses) - 1)
        low, high = self.edges[index], self.edges[index + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(high > low, np.clip((at - low) / (high - low), 0.0, 1.0), np.where(at >= low, 1.0, 0.0))
        within: Array = self._reached[index] + share * self.masses[index]
        return within

    def survival(self, at: float) -> float:
        """P(τ > at)."""
        import numpy as np

        left: float = self.reached(np.array([at])).item()
        return min(1.0, max(0.0, 1.0 - left))

    def quantile(self, share: float) -> float:
        """The least time by which so much has arrived; `inf` where so much never does. Raises `ValueError` for a share
        not within 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must be within 0 and 1, got {share}")
        import numpy as np

        if share > self._reached[-1] + 2 * _GONE:
            return inf
        index = min(np.searchsorted(self._reached[1:], share).item(), len(self.masses) - 1)
        mass, low, high = self.masses[index].item(), self.edges[index].item(), self.edges[index + 1].item()
        time: float = low + (high - low) * min(1.0, (share - self._reached[index].item()) / mass) if mass else low
        return time

    def truncated(self, at: float, points: int) -> Arrivals:
        """Given that it is at most `at`, on at most so many points, each the mean of what it stands for."""
        import numpy as np

        count = np.searchsorted(self.edges, at, side="right").item() - 1
        masses, centres = self.masses[:count], self.centres[:count]
        if 0 <= count < len(self.masses):
            part = self.reached(np.array([at])).item() - self._reached[count].item()
            masses = np.append(masses, part)
            centres = np.append(centres, (self.edges[count] + at) / 2)
        arrived = masses.sum().item() if len(masses) else 0.0
        if arrived <= 0:
            return Arrivals(np.zeros(0), np.zeros(0), 1.0, inf, inf)
        weights = masses / arrived
        mean = (weights @ centres).item()
        square = weights * (centres - mean) ** 2
        times, kept = _gathered(centres, weights, square, points)
        stuck = max(0.0, 1 - arrived) if at < inf else max(0.0, 1 - arrived - _GONE)
        return Arrivals(times, kept, stuck, mean, square.sum().item())


def _gathered(centres: "Array", weights: "Array", square: "Array", points: int) -> "tuple[Array, Array]":
    """Neighbours put together until there are at most so many."""
    import numpy as np

    kept = weights > 0
    centres, weights, square = centres[kept], weights[kept], square[kept]
    if len(weights) > points:
        spread = square.sum()
        measure = _BY_MASS * weights + (1 - _BY_MASS) * (square / spread if spread else weights)
        group = np.minimum(((np.cumsum(measure) - measure / 2) * points).astype(int), points - 1)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        sums = np.add.reduceat(weights, starts)
        centres, weights = np.add.reduceat(weights * centres, starts) / sums, sums
    return centres, weights / weights.sum()


def convolved(parts: Sequence[Part]) -> Cells:
    """The law of the sum of independent parts."""
    import numpy as np

    least = sum(part.least for part in parts)
    spread = [part for part in parts if part.variance or part.never]
    found = [part.atoms() for part in spread]
    atoms = [one for one in found if one is not None]
    count = 1
    for times, _ in atoms:
        count *= len(times)
    if len(atoms) == len(spread) and count <= _ATOMS:
        return _enumerated(sum(part.mean for part in parts if not part.variance), atoms)
    at_once = np.prod([part.at_once for part in spread]).item()
    masses: list[Array] = [np.array([at_once])]
    edges: list[Array] = [np.zeros(2)]
    centres: list[Array] = [np.zeros(1)]
    (step, cells), end = _first_steps(spread), 0.0
    never = 1.0 - np.prod([1 - part.never for part in spread]).item()
    gone = at_once
    for _ in range(_LEVELS):
        f = _sum_on_steps(spread, step, cells)
        bounds = (np.arange(cells) + 0.5) * step
        first = np.searchsorted(bounds, end * (1 + 1e-12), side="right").item()
        reached = np.maximum.accumulate(np.maximum(np.cumsum(f), gone))[first:]
        masses.append(np.diff(reached, prepend=gone))
        middles = np.arange(first, cells) * step
        middles[0] = (end + bounds[first]) / 2 if first else 0.0
        centres.append(middles)
        edges.append(bounds[first:])
        gone, end, step = reached[-1].item(), bounds[-1].item(), step * _WIDER
        if gone > 1 - never - _GONE:
            break
    return Cells(least + np.concatenate(edges), np.concatenate(masses), least + np.concatenate(centres))


def _first_steps(spread: Sequence[Part]) -> tuple[float, int]:
    """(step, number of steps). The bulk is at least as wide as its widest part; what is rare does not belong to it."""
    bulk = [part for part in spread if part.width]
    if not bulk:  # nothing but what is rare, or takes few values: how long it is where it is not over at once
        bulk = [part for part in spread if 0 < part.variance < inf and part.at_once < 1]
        widest = min(((part.variance / (1 - part.at_once)) ** 0.5 for part in bulk), default=1.0)
    else:
        widest = max(part.width for part in bulk)
    reach = (sum(part.mean - part.least for part in bulk) + 4 * widest) / widest * _STEPS
    least, most = _CELLS
    return widest / _STEPS, min(most, max(least, 1 << ceil(log2(reach))))


def _sum_on_steps(spread: Sequence[Part], step: float, cells: int) -> "Array":
    """Chances of the sum at multiples of `step`, up to where the steps end; exact but for the steps themselves."""
    import numpy as np

    product = np.ones(cells + 1, dtype=complex)
    at = np.arange(cells + 1) * step
    for part in spread:
        cut = part.cut(part.least + at) - part.least
        slope = np.diff(cut) / step  # P(X > t), on average over each step
        masses = np.clip(-np.diff(slope, prepend=1.0), 0.0, 1.0)
        product *= np.fft.rfft(masses, 2 * cells)
    found: Array = np.clip(np.fft.irfft(product, 2 * cells)[:cells], 0.0, 1.0)
    return found


def _enumerated(fixed: float, parts: "Sequence[tuple[Array, Array]]") -> Cells:
    """Where every part takes few values: all of their sums, after a fixed time."""
    import numpy as np

    times: Array = np.array([fixed])
    chances: Array = np.ones(1)
    for values, of_values in parts:
        sums: Array = np.add.outer(times, values).ravel()
        _, index, inverse = np.unique(np.round(sums, 12), return_index=True, return_inverse=True)
        products = np.multiply.outer(chances, of_values).ravel()
        times, chances = sums[index], np.bincount(inverse, products).astype(float)
    return Cells.of_atoms(times[chances > 0], chances[chances > 0])
