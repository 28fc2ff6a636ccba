"""How much a price moves, apart from the noise of its book: two-scales realised variance, with its error.

Enters: the window's stamps and prices of one side, the stamp of now. Leaves: volatility per root minute with its
standard error and the share of jumps, or the reason why it is not known. Never: a figure from too few changes, from an
old window or across a hole; one bad print as volatility.

The variance that a log price gathers over a long lag K less that over a short lag J is that of the price alone, for
noise that is forgotten within J: Zhang, Mykland, Aït-Sahalia, "A Tale of Two Time Scales", JASA 100 (2005); with both
scales slow, for noise that depends on itself: Aït-Sahalia, Mykland, Zhang, "Ultra high frequency volatility estimation
with dependent microstructure noise", J. Econometrics 160 (2011). Jumps by truncation (Mancini, 2009) beside bipower
variation (Barndorff-Nielsen and Shephard, 2004).
"""

from dataclasses import dataclass, replace
from math import inf, pi, sqrt
from typing import TYPE_CHECKING, Any

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.evaluate.ticks import MINUTE, Path, Ticks
from cryptopipe.model.trading import Reason

if TYPE_CHECKING:
    from cryptopipe.evaluate.ticks import Floats

_FAST = 5
"""Steps of the short lag. A step is no shorter than the mean time between changes, so of noise that a change renews
less than one part in 100 is left after it."""
_SLOW = (4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
"""Candidates for the long lag, in short ones."""
_PILOT = 8
_SHARE = 10
"""The long lag is at most one part in this of the path."""
_BLOCK = 4
"""Long lags in a block: the error is that of the mean of a series whose terms depend on each other within one."""
_STEPS = 20_000
"""A path has no more steps: of a longer window they are longer."""
_JUMP = 4.0
"""Within one step, in standard deviations of four short lags: 18 of its own without noise."""
_MORE_NOISE = 2.0
"""How many steps noise lasts, for the choice of the long lag."""


@dataclass(frozen=True)
class Wanted:
    """What a window must offer for a volatility to be believed.

    `max_age` of the last row, which is a change of the top: a book that is quiet for longer has none. `max_gap` without
    a row is a hole. `step` is the shortest step of the path: a book that flickers faster than this is noise.
    """

    minutes: float = 1.0
    changes: int = 200
    max_age: Nanos = 30 * SECOND
    max_gap: Nanos = 30 * SECOND
    step: Nanos = 100 * MILLISECOND
    relative_error: float = 0.5


@dataclass(frozen=True)
class Volatility:
    """Of the log price, per root minute, jumps left out; `error` is its standard error.

    `jump_share` of the whole variance came in jumps: `with_jumps` has them. `noise` is the standard deviation of the
    part of the log price that is gone after the short lag. `rows` and `span_minutes` are of what was read, holes left
    out. Floats: whoever decides by them passes the decision through `rounded`.
    """

    per_root_minute: float
    error: float
    jump_share: float
    noise: float
    rows: int
    span_minutes: float
    method: str

    @property
    def with_jumps(self) -> float:
        """Per root minute, as if the window's jumps came again."""
        return self.per_root_minute / sqrt(1 - self.jump_share)


def volatility(times: Any, prices: Any, now: Nanos, wanted: Wanted | None = None) -> Volatility | Reason:
    """Of the columns `received_at` and `bid` of a selling venue's window (prices at any one scale, 0 where the side was
    empty), up to `now`; else the failed check that says what the window lacks.

    Raises `ValueError` for columns of different lengths, out of order, or with rows later than `now`.
    """
    wanted = wanted or Wanted()
    ticks = Ticks.of(times, prices, now, wanted.max_gap)
    lack = lacking("volatility", ticks, wanted)
    if lack is not None:
        return lack
    step = max(wanted.step, ticks.live // ticks.changes, ticks.live // _STEPS)
    path = Path.of(ticks, step)
    if path.whole(_FAST * _SLOW[0]).sum() < _SHARE * _FAST * _SLOW[0]:
        return _refused(f"{_SHARE * _FAST * _SLOW[0]} steps of {step / SECOND:.3f} s between holes", "fewer")
    smooth, jumped = _without_jumps(path)
    slow, noise = _slow_lag(smooth)
    variance, error = _two_scales(smooth, slow, noise)
    if variance <= 0 or error > 2 * wanted.relative_error * variance:
        relative = inf if variance <= 0 else error / variance / 2
        return _refused(f"a relative error of at most {wanted.relative_error:.2f}", f"{relative:.2f}")
    whole = _two_scales(path, slow, noise)[0] if jumped else variance
    # The root of an estimate is below that of what it estimates by an eighth of its relative variance.
    per_minute, relative = MINUTE / step, error / variance
    sigma = sqrt(variance * per_minute) * (1 + relative**2 / 8)
    method = f"two scales, {_FAST * step / SECOND:.3g} s and {slow * step / SECOND:.3g} s"
    share = max(0.0, 1 - variance / whole) if whole > 0 else 0.0
    return Volatility(sigma, sigma * relative / 2, share, sqrt(noise), len(ticks.times), ticks.live / MINUTE, method)


def lacking(check: str, ticks: Ticks, wanted: Wanted) -> Reason | None:
    """What the rows lack, as the failed check of that name: their age, their span, their changes; None for nothing."""
    if not len(ticks.times):
        return Reason(check, False, f"{wanted.minutes:g} min of the window", "no rows")
    if ticks.age > wanted.max_age:
        return Reason(check, False, f"a row within {wanted.max_age / SECOND:.1f} s", f"{ticks.age / SECOND:.1f} s")
    if ticks.prices[-1] <= 0:
        return Reason(check, False, "a price", "an empty side")
    if ticks.live < wanted.minutes * MINUTE:
        return Reason(check, False, f"{wanted.minutes:g} min of the window", f"{ticks.live / MINUTE:.2f} min")
    if ticks.changes < max(1, wanted.changes):
        return Reason(check, False, f"{max(1, wanted.changes)} changes of the price", f"{ticks.changes}")
    return None


def _refused(limit: str, measured: str) -> Reason:
    return Reason("volatility", False, limit, measured)


def _without_jumps(path: Path) -> tuple[Path, int]:
    """The path without the steps that no diffusion makes, and how many they were. A print that is bad for some steps
    makes two, there and back. Its scale is bipower variation over longer moves, so that noise alone makes none.
    """
    import numpy as np

    lag = _FAST * _SLOW[0]
    size, whole = np.abs(path.moves(lag)), path.whole(2 * lag)
    scale = sqrt(pi / 2 * (size[lag:] * size[:-lag])[whole].mean()) if whole.any() else 0.0
    steps = np.where(path.whole(1), path.moves(1), 0.0)
    jumps = np.abs(steps) > _JUMP * (scale or inf)
    if not jumps.any():
        return path, 0
    steps[jumps] = 0.0
    return replace(path, logs=np.concatenate(([0.0], np.cumsum(steps)))), jumps.sum().item()


def _terms(path: Path, slow: int) -> "Floats":
    """What each instant says of the variance per step: squares over the long lag less those over the short one."""
    ahead = slow - _FAST
    terms = (path.moves(slow) ** 2 - path.moves(_FAST)[: len(path.logs) - slow] ** 2) / ahead
    return terms[path.whole(slow)]


def _slow_lag(path: Path) -> tuple[int, float]:
    """(the long lag whose variance is expected to be the least, variance of the noise)."""
    steps = path.whole(1).sum().item()
    lags = [_FAST * times for times in _SLOW if _FAST * times * _SHARE <= steps] or [_FAST * _SLOW[0]]
    terms = _terms(path, _FAST * _PILOT)
    per_step = terms.mean().item() if len(terms) else 0.0
    short: float = (path.moves(_FAST)[path.whole(_FAST)] ** 2).mean().item()
    noise = max(0.0, (short - _FAST * max(0.0, per_step)) / 2)
    if per_step <= 0:
        return lags[-1], noise
    return min(lags, key=lambda lag: _expected(lag, noise / per_step)), noise


def _expected(slow: int, noise: float) -> float:
    """Variance of the mean of n terms, times n, relative to that of the price per step; the noise in units of the same.
    Of the price alone it is 4/3 (K+2J): the sum of the covariances of squares that overlap.
    """
    return 4 / 3 * (slow + 2 * _FAST) + 8 * _MORE_NOISE * noise * (slow + noise) / (slow - _FAST) ** 2


def _two_scales(path: Path, slow: int, noise: float) -> tuple[float, float]:
    """(variance of the price per step, its standard error). The error is measured on the terms themselves, by sums over
    overlapping blocks, so that it knows volatility that changes and rows that come in bursts; it is never below what
    the theory says of constant volatility.
    """
    import numpy as np

    terms = _terms(path, slow)
    count, mean = len(terms), terms.mean().item()
    block = min(_BLOCK * slow, count // 2)
    sums = np.concatenate(([0.0], np.cumsum(terms - mean)))
    sums = sums[block:] - sums[:-block]
    # Both corrections are of blocks that are too short: for the mean that was subtracted, for what ends cut off.
    measured = (sums @ sums).item() / len(sums) / block / count / (1 - block / count) * (1 + 1 / (4 * _BLOCK))
    theory = _expected(slow, noise / mean) * mean**2 / count if mean > 0 else 0.0
    return mean, sqrt(max(measured, theory))
