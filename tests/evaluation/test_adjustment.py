"""Which venue an edge closes on: prices whose truth is known, laws, and the same ratio computed again."""

import numpy as np
import pytest
from evaluation.price_paths import MINUTE, START, Floats, Ints, reverting, stamps, wiener

from cryptopipe.evaluate.adjustment import Adjustment, adjustment
from cryptopipe.evaluate.ticks import Column
from cryptopipe.evaluate.volatility import Wanted
from cryptopipe.model.trading import Reason

RATE, SIGMA = 0.35, 14e-4
"""Per minute, and of the asset per root minute."""
SHARES = {0.5: (20e-4, 20e-4), 1.0: (28e-4, 0.0), 0.0: (0.0, 28e-4), 0.75: (24e-4, 14e-4)}
"""Deviations of the seller's and of the buyer's own premium. Of a difference of two that return at one rate, a part is
expected to be the seller's that is its part of the variance: that the last is 0.746 is rounding."""


def column(times: Ints, logs: Floats) -> Column:
    return Column(times, np.rint(1e8 * np.exp(logs)).astype(np.int64), 6)


def market(seed: int, minutes: int, share: float, noise: float = 1e-4) -> tuple[Column, Column, int]:
    """(bids, asks, now) of one asset at two venues that each bounce, told at moments of their own."""
    rng = np.random.default_rng(seed)
    times = [stamps(rng, 60 * minutes, minutes) for _ in range(2)]
    every = np.sort(np.concatenate(times))
    asset = wiener(rng, every, SIGMA)
    logs = [
        asset[np.searchsorted(every, one)] + reverting(rng, one, RATE, own) + noise * rng.standard_normal(len(one))
        for one, own in zip(times, SHARES[share], strict=True)
    ]
    return column(times[0], logs[0] - 1e-4), column(times[1], logs[1] + 1e-4), int(max(one[-1] for one in times))


def told(bid: Column, ask: Column, now: int) -> Adjustment:
    found = adjustment(bid, ask, now)
    assert isinstance(found, Adjustment), found
    return found


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("seeds", [15, pytest.param(400, marks=pytest.mark.long)])
def test_the_share_is_the_truth_within_its_error(share: float, seeds: int) -> None:
    tried = [adjustment(*market(seed, 120, share)) for seed in range(seeds)]
    found = [one for one in tried if isinstance(one, Adjustment)]
    assert len(found) >= 0.95 * seeds
    shares, errors = (np.array([getattr(one, name) for one in found]) for name in ("selling_share", "error"))
    assert abs(shares.mean() - share) < 3 * shares.std() / len(found) ** 0.5 + 0.02
    assert np.mean(abs(shares - share) < 2 * errors) > (0.9 if seeds == 400 else 0.7)
    assert 0.6 < np.std((shares - share) / errors) < 1.5
    assert 0.1 < errors.mean() < 0.17


@pytest.mark.parametrize("share", SHARES)
def test_seen_from_the_other_side_it_is_what_is_left(share: float) -> None:
    """One over each price, and the sides changed: the edge is the same, and who sold buys."""
    bid, ask, now = market(3, 120, share)
    mirrored = [Column(one.times, np.rint(1e16 / one.prices).astype(np.int64), 6) for one in (ask, bid)]
    one, other = told(bid, ask, now), told(*mirrored, now)
    assert one.selling_share + other.selling_share == pytest.approx(1, abs=1e-4)
    assert one.error == pytest.approx(other.error, rel=1e-3)
    assert one.closed == pytest.approx(other.closed, rel=1e-3)


def test_it_is_a_ratio_of_covariances() -> None:
    """On an even grid of one price a second, told again by numpy's covariance at the lag that was taken."""
    rng = np.random.default_rng(7)
    times = START + np.arange(3600) * 10**9
    asset = wiener(rng, times, SIGMA)
    logs = [asset + reverting(rng, times, 1.5, 20e-4) for _ in range(2)]
    found = told(column(times, logs[0]), column(times, logs[1]), int(times[-1]))
    assert found.steps == 600
    sold, bought = (np.log(np.rint(1e8 * np.exp(one)))[5::6] for one in logs)
    lag = round(found.minutes * 10)
    seen = (sold - bought)[: -lag - 1]
    moves = [one[lag + 1 :] - one[1:-lag] for one in (sold, sold - bought)]
    of_bid, of_edge = (np.cov(seen, one)[0, 1] for one in moves)
    assert found.selling_share == pytest.approx(of_bid / of_edge, rel=1e-6)
    assert found.closed == pytest.approx(-of_edge / np.cov(seen, (sold - bought)[1:-lag])[0, 1], rel=1e-6)


def test_noise_of_the_books_does_not_pass_for_closing() -> None:
    """The seller bounces six times as much, and closes nothing: a regression on the edge of now would say it does."""
    rng, shares = np.random.default_rng(2), []
    for _ in range(12):
        times = stamps(rng, 7200, 120)
        asset = wiener(rng, times, SIGMA)
        bid = column(times, asset + 6e-4 * rng.standard_normal(len(times)))
        ask = column(times, asset + reverting(rng, times, RATE, 28e-4))
        shares.append(told(bid, ask, int(times[-1])).selling_share)
    assert abs(np.mean(shares)) < 3 * np.std(shares) / 12**0.5 + 0.01


@pytest.mark.parametrize("seeds", [20, pytest.param(400, marks=pytest.mark.long)])
def test_prices_that_drift_apart_tell_nothing(seeds: int) -> None:
    """Of differences that are random walks one in ten is taken for closing, by chance."""
    refused = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        times = stamps(rng, 3600, 60)
        asset = wiener(rng, times, SIGMA)
        bid, ask = column(times, asset), column(times, asset + wiener(rng, times, SIGMA / 2))
        found = adjustment(bid, ask, int(times[-1]))
        if isinstance(found, Reason):
            refused += 1
            assert (found.check, found.limit) == ("adjustment", "an edge that closes by 4 standard errors")
    assert refused >= 0.8 * seeds


def test_prices_that_are_one_close_nothing() -> None:
    bid, _, now = market(1, 120, 0.5)
    found = adjustment(bid, bid, now)
    assert isinstance(found, Reason) and found.measured == "0.00"


def test_what_a_window_lacks_is_said() -> None:
    bid, ask, now = market(1, 30, 0.5)
    late = adjustment(bid, ask, now + 2 * MINUTE)
    assert isinstance(late, Reason) and late.check == "adjustment" and "a row within" in late.limit
    short = Column(bid.times[-90:], bid.prices[-90:], 6), Column(ask.times[-90:], ask.prices[-90:], 6)
    few = adjustment(*short, now, Wanted(minutes=1.0, changes=10))
    assert isinstance(few, Reason) and "100 steps" in few.limit


def test_prices_may_be_written_with_other_places() -> None:
    bid, ask, now = market(4, 120, 0.5)
    finer = Column(ask.times, ask.prices * 100, 8)
    one, other = told(bid, ask, now), told(bid, finer, now)
    assert one.selling_share == pytest.approx(other.selling_share, rel=1e-9)
    assert one.error == pytest.approx(other.error, rel=1e-9)


def test_a_hole_ends_what_is_read() -> None:
    """Before it the buyer's venue closes every edge, after it the seller's: what is told is of after."""
    rng = np.random.default_rng(9)
    first, second = stamps(rng, 7200, 120), stamps(rng, 7200, 120) + 130 * MINUTE
    logs = [np.zeros(0), np.zeros(0)]
    for one, closes in ((first, 1), (second, 0)):
        asset, own = wiener(rng, one, SIGMA), reverting(rng, one, RATE, 28e-4)
        logs = [np.concatenate((logs[side], asset + own * (side == closes))) for side in (0, 1)]
    times = np.concatenate((first, second))
    found = told(column(times, logs[0]), column(times, logs[1]), int(times[-1]))
    assert found.selling_share == pytest.approx(1, abs=3 * found.error)
    assert 480 <= found.steps <= 510 and found.closed > 0  # 120 of 240 minutes in a thousand steps
