"""Which of two venues an edge closes on: the share of the closing that the selling bid gives up, with its error.

Enters: the selling venue's bids and the buying venue's asks as the window has them, the stamp of now. Leaves: that
share, or the reason why the window does not tell. Never: the noise of two books taken for their coming together, a
share known better than the moves of the asset itself allow.

The error-correction form of two prices of one asset: while the edge is wide, which of the two moves towards the other?
Coins bought at the ask lose nothing when the ask rises; what the bid falls is lost. The share is one less the bid's
component share (Gonzalo and Granger, J. Business & Economic Statistics 13, 1995). Estimated with the edge of a step
before as instrument, which noise that a step forgets does not enter: cov(Δbid, z) / cov(Δbid - Δask, z).
"""

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.evaluate.closing import EDGE_WANTED
from cryptopipe.evaluate.ticks import MINUTE, Column, Ticks, grid
from cryptopipe.evaluate.volatility import Wanted, lacking
from cryptopipe.model.trading import Reason

if TYPE_CHECKING:
    from cryptopipe.evaluate.ticks import Floats

_APART = 6
"""Mean times between changes in a step, as for the closing: its noise is forgotten within one."""
_STEPS = 1_000
_FEWEST = 100
_LAGS = (2, 4, 8, 16, 32)
"""Candidates for how many steps a move is watched: the one with the least error is taken."""
_BLOCK = 2
"""Moves in a block: the error is that of a mean of terms that overlap within one."""
_TOLD = 4.0
"""Standard errors by which the edge must close at all: below it the share is a ratio of noises. One random walk in ten
gets so far, since it seems to return (Dickey and Fuller); of edges that close 75 % do in 20 times their duration."""


@dataclass(frozen=True)
class Adjustment:
    """`selling_share` of the closing is the selling bid's, with its standard error; below 0 or above 1 one venue runs
    away and the other follows. `closed` of the edge was gone after `minutes`, as the same moves show it.
    """

    selling_share: float
    error: float
    closed: float
    minutes: float
    steps: int


def adjustment(bid: Column, ask: Column, now: Nanos, wanted: Wanted = EDGE_WANTED) -> Adjustment | Reason:
    """Of the selling venue's bids and the buying venue's asks, up to `now` and since the last hole of either; else the
    failed check that says what the windows lack, or that nothing closes in them. Prices may have different places:
    only moves count.

    Raises `ValueError` as `Ticks.of` does.
    """
    sides = [Ticks.of(column.times, column.prices, now, wanted.max_gap) for column in (bid, ask)]
    for ticks in sides:
        lack = lacking("adjustment", ticks, wanted)
        if lack is not None:
            return lack
    live = min(ticks.live for ticks in sides)
    step = max(wanted.step, live // _STEPS, *(_APART * (ticks.live // ticks.changes) for ticks in sides))
    bids, asks = _together(sides[0], sides[1], step)
    if len(bids) < _FEWEST:
        return Reason("adjustment", False, f"{_FEWEST} steps of {step / SECOND:.2f} s", f"{len(bids)}")
    fits = [_moved(bids, asks, lag) for lag in _LAGS if lag * 10 <= len(bids)]
    told = [one for one in fits if one.told >= _TOLD]
    if not told:
        most = max(one.told for one in fits)
        return Reason("adjustment", False, f"an edge that closes by {_TOLD:g} standard errors", f"{most:.2f}")
    best = min(told, key=lambda one: one.error)
    return Adjustment(best.share, best.error, best.closed, best.lag * step / MINUTE, len(bids))


@dataclass(frozen=True)
class _Moved:
    """What moves over so many steps say; `told`: standard errors by which the edge closes."""

    lag: int
    share: float
    error: float
    closed: float
    told: float


def _together(bids: Ticks, asks: Ticks, step: Nanos) -> "tuple[Floats, Floats]":
    """Log prices at equal steps up to now, since the last hole of either."""
    instants = grid(max(int(bids.times[0]), int(asks.times[0])), bids.now, step)
    (sold, of_bids), (bought, of_asks) = bids.at(instants), asks.at(instants)
    whole = (of_bids == of_bids[-1]) & (of_asks == of_asks[-1]) & (of_bids >= 0) & (of_asks >= 0)
    return sold[whole], bought[whole]


def _moved(bids: "Floats", asks: "Floats", lag: int) -> _Moved:
    """Of moves over `lag` steps that begin a step after the edge was seen."""
    edges = bids - asks
    seen, begins, ends = edges[: -lag - 1], edges[1:-lag], edges[lag + 1 :]
    seen = seen - seen.mean()
    sold = bids[lag + 1 :] - bids[1:-lag]
    shut = ends - begins
    gone, width = -(seen @ shut).item(), (seen @ begins).item()
    if gone <= 0 or width <= 0:
        return _Moved(lag, 0.0, inf, 0.0, 0.0)
    share = -(seen @ sold).item() / gone
    error = _spread(seen * _centred(sold - share * shut), lag) / gone
    unexplained = _spread(seen * _centred(shut + gone / width * begins), lag)
    return _Moved(lag, share, error, gone / width, gone / unexplained if unexplained else inf)


def _centred(values: "Floats") -> "Floats":
    centred: Floats = values - values.mean()
    return centred


def _spread(terms: "Floats", lag: int) -> float:
    """Standard error of the sum of terms that overlap within `lag`, by sums over overlapping blocks."""
    import numpy as np

    count, block = len(terms), _BLOCK * lag
    sums = np.concatenate(([0.0], np.cumsum(terms - terms.mean())))
    sums = sums[block:] - sums[:-block]
    return sqrt((sums @ sums).item() / len(sums) / block * count / (1 - block / count) * (1 + 1 / (3 * _BLOCK)))
