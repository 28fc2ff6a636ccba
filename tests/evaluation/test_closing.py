"""The rate at which an edge closes: found on known paths through the noise of two books, and not in a random walk."""

from dataclasses import dataclass

import numpy as np
import pytest
from evaluation.price_paths import MINUTE, Floats, reverting, stamps, wiener, within_binomial
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.evaluate.closing import EDGE_WANTED, Closing, Likelihood, closing
from cryptopipe.evaluate.ticks import Column
from cryptopipe.evaluate.volatility import Wanted
from cryptopipe.model.trading import Reason

SECOND = 10**9
SIGMA = 0.001
TRANSIENT = 5e-4
LASTING = 3e-4


@dataclass(frozen=True)
class Pair:
    """Two venues' rows at times of their own: one common price, an edge that is lasting, transient, noise."""

    bid: Column
    ask: Column
    now: int
    transient: float

    def found(self, wanted: Wanted = EDGE_WANTED) -> Closing | Reason:
        return closing(self.bid, self.ask, self.now, wanted)


def pair(seed: int, rows: int, minutes: float, kappa: float, noise: float) -> Pair:
    """`rows` of each venue; without kappa the edge is a random walk. The bounce is of each venue, 0.01 the tick."""
    rng = np.random.default_rng(seed)
    times = stamps(rng, 2 * rows, minutes)
    common = wiener(rng, times, SIGMA)
    edge = reverting(rng, times, kappa, TRANSIENT) if kappa else wiener(rng, times, TRANSIENT)
    bounce = noise * rng.choice([-1.0, 1.0], 2 * rows)
    sells = rng.random(2 * rows) < 0.5
    bids = _prices(common + edge + LASTING + bounce)[sells]
    asks = _prices(common + bounce)[~sells]
    return Pair(Column(times[sells], bids, 2), Column(times[~sells], asks, 2), int(times[-1]), edge[-1].item())


def _prices(logs: Floats) -> np.ndarray:  # type: ignore[type-arg]
    return np.floor(6_000_000 * np.exp(logs)).astype(np.int64)


def known(found: Closing | Reason) -> Closing:
    assert isinstance(found, Closing), found
    return found


CASES = [(3_000, 10.0, 15.0, 3e-4), (3_000, 60.0, 1.0, 1e-4)]


def _honest(rows: int, minutes: float, kappa: float, noise: float, seeds: int) -> None:
    """Rate, level and transient part unbiased within three standard errors; within two errors of each in about 95 %."""
    pairs = [pair(seed, rows, minutes, kappa, noise) for seed in range(seeds)]
    told = [(one.found(), one.transient) for one in pairs]
    found = [(known(one), transient) for one, transient in told if isinstance(one, Closing)]
    assert len(found) >= 0.99 * seeds
    for misses, errors in (
        ([one.kappa - kappa for one, _ in found], [one.kappa_error for one, _ in found]),
        ([one.lasting - LASTING for one, _ in found], [one.lasting_error for one, _ in found]),
        ([one.transient - transient for one, transient in found], [one.transient_error for one, _ in found]),
    ):
        assert abs(np.mean(misses)) <= 3 * np.std(misses) / len(found) ** 0.5
        covered = int((np.abs(misses) <= 2 * np.array(errors)).sum())
        assert within_binomial(covered, len(found), 0.92, 0.975)


@pytest.mark.parametrize("case", CASES)
def test_rate_level_and_transient_part_are_found(case: tuple[int, float, float, float]) -> None:
    _honest(*case, seeds=20)


@pytest.mark.long
@pytest.mark.parametrize("case", [*CASES, (6_000, 60.0, 2.0, 5e-4), (6_000, 20.0, 10.0, 1e-4)])
def test_rate_level_and_transient_part_are_found_over_many_seeds(case: tuple[int, float, float, float]) -> None:
    _honest(*case, seeds=600)


def _walks(seeds: int) -> None:
    """A random walk of the difference is taken for one that returns in at most 5 %, with noise and without."""
    taken = [
        isinstance(pair(seed, 1_500, minutes, 0.0, noise).found(), Closing)
        for seed in range(seeds)
        for minutes, noise in ((10.0, 0.0), (60.0, 5e-4))
    ]
    assert sum(taken) <= 0.05 * len(taken)


def test_a_random_walk_does_not_return() -> None:
    _walks(20)


@pytest.mark.long
def test_a_random_walk_does_not_return_over_a_thousand_seeds() -> None:
    _walks(1_000)


def test_the_lag_ratio_fails_where_this_one_does_not() -> None:
    """An autoregression that does not know of noise takes the noise for closing."""
    naive = []
    for seed in range(10):
        one = pair(seed, 3_000, 60.0, 1.0, 3e-4)
        at = np.arange(one.now - 50 * MINUTE, one.now, 6 * SECOND)
        logs = [
            np.log(column.prices[np.searchsorted(column.times, at, side="right") - 1]) for column in (one.bid, one.ask)
        ]
        edge = logs[0] - logs[1] - (logs[0] - logs[1]).mean()
        naive.append(-np.log((edge[1:] @ edge[:-1]) / (edge[:-1] @ edge[:-1])) * 10)
        assert abs(known(one.found()).kappa - 1.0) < 3 * known(one.found()).kappa_error
    assert np.mean(naive) > 2.5


@settings(max_examples=10)
@given(places=st.integers(0, 6), factor=st.integers(1, 1_000))
def test_scales_and_units_do_not_matter(places: int, factor: int) -> None:
    one = pair(1, 1_500, 10.0, 15.0, 1e-4)
    plain = known(one.found())
    ask = Column(one.ask.times, one.ask.prices * 10**places, 2 + places)
    scaled = known(Pair(one.bid, ask, one.now, 0.0).found())
    both = Pair(one.bid._replace(prices=one.bid.prices * factor), ask._replace(prices=ask.prices * factor), one.now, 0)
    for other in (scaled, known(both.found())):
        assert other.kappa == pytest.approx(plain.kappa, rel=1e-2)
        assert (other.edge, other.lasting) == pytest.approx((plain.edge, plain.lasting), abs=1e-6)


def test_the_edge_now_is_the_one_shown() -> None:
    one = pair(2, 3_000, 10.0, 15.0, 1e-4)
    found = known(one.found())
    assert found.edge == pytest.approx(np.log(one.bid.prices[-1] / one.ask.prices[-1]), abs=1e-12)
    assert found.span_minutes == pytest.approx(10.0, abs=0.1)


def test_what_closes() -> None:
    found = known(pair(2, 3_000, 10.0, 15.0, 1e-4).found())
    assert found.closed(0.0) == 0
    assert found.closed(found.half_life) == pytest.approx(found.transient / 2)
    assert found.closed(1e6) == pytest.approx(found.transient)


def test_the_noise_of_both_books_is_told_apart() -> None:
    of_noise = [known(pair(seed, 3_000, 60.0, 1.0, 3e-4).found()).noise for seed in range(10)]
    unrenewed = SIGMA * (60 / 3_000) ** 0.5  # of the common price, between two venues' rows
    assert np.mean(of_noise) == pytest.approx((2 * 3e-4**2 + unrenewed**2) ** 0.5, rel=0.1)


def test_the_transient_part_is_filtered_from_the_noise() -> None:
    """The noise of both books is larger than the transient part; what is left of it in the estimate is as said."""
    squares = []
    for seed in range(20):
        one = pair(seed, 3_000, 60.0, 1.0, 5e-4)
        found = known(one.found(Wanted(minutes=3.0, changes=100, relative_error=2.0)))
        squares.append(((found.transient - one.transient) ** 2, found.transient_error**2, found.noise**2))
    missed, said, noise = np.mean(squares, axis=0)
    assert missed < 0.5 * noise
    assert 0.5 < missed / said < 2


@given(phi=st.floats(0.05, 0.99), theta=st.floats(-0.95, 0.95))
def test_the_likelihood_is_that_of_the_whole_covariance(phi: float, theta: float) -> None:
    """Differences to φ times the value before are a moving average with a mean; its density by the dense matrix."""
    edges = np.random.default_rng(11).standard_normal(40)
    fit = Likelihood(edges).fit(phi, theta)
    moves = edges[1:] - phi * edges[:-1]
    covariance = np.eye(39) * (1 + theta**2) + (np.eye(39, k=1) + np.eye(39, k=-1)) * theta
    inverse, ones = np.linalg.inv(covariance), np.full(39, 1 - phi)
    level = (ones @ inverse @ moves) / (ones @ inverse @ ones)
    rest = moves - level * ones
    variance = rest @ inverse @ rest / 39
    assert fit.level == pytest.approx(level, abs=1e-9)
    assert fit.variance == pytest.approx(variance)
    assert fit.level_variance == pytest.approx(variance / (ones @ inverse @ ones))
    assert fit.likelihood == pytest.approx(-(39 * np.log(variance) + np.linalg.slogdet(covariance)[1]) / 2)


def test_what_was_before_a_hole_does_not_count() -> None:
    one = pair(3, 6_000, 20.0, 10.0, 1e-4)
    sides = []
    for column, factor in ((one.bid, 1), (one.ask, 2)):
        before = column.times < one.now - 10 * MINUTE
        times = np.where(before, column.times - 60 * MINUTE, column.times)
        sides.append(Column(times, np.where(before, factor * column.prices, column.prices), 2))
    found = known(closing(sides[0], sides[1], one.now))
    assert found.span_minutes == pytest.approx(10.0, abs=0.2)
    assert abs(found.lasting - LASTING) <= 3 * found.lasting_error


def test_where_it_refuses() -> None:
    one = pair(4, 3_000, 10.0, 15.0, 1e-4)

    def refused(found: Closing | Reason) -> str:
        assert isinstance(found, Reason), found
        assert (found.check, found.passed) == ("closing", False)
        return f"{found.limit}: {found.measured}"

    none = Column(one.ask.times[:0], one.ask.prices[:0])
    assert refused(closing(one.bid, none, one.now)) == "3 min of the window: no rows"
    assert refused(closing(one.bid, one.ask, one.now + 31 * SECOND)).startswith("a row within 30.0 s: 31")
    few = Column(one.bid.times[::100], one.bid.prices[::100])
    assert refused(closing(few, one.ask, one.now)).startswith("100 changes of the price: ")
    assert "steps of 1.18 s without a hole: 51" in refused(closing(*_last_minute(one), one.now, Wanted(minutes=0.5)))
    assert refused(pair(4, 3_000, 10.0, 0.0, 1e-4).found()).startswith("an edge that returns")
    assert refused(one.found(Wanted(relative_error=0.01))).startswith("a relative error of at most 0.01: 0.")
    with pytest.raises(ValueError, match="later than now"):
        closing(one.bid, one.ask, one.now - MINUTE)


def _last_minute(one: Pair) -> tuple[Column, Column]:
    late = [column.times > one.now - MINUTE for column in (one.bid, one.ask)]
    bid, ask = (
        Column(column.times[rows], column.prices[rows], 2)
        for column, rows in zip((one.bid, one.ask), late, strict=True)
    )
    return bid, ask
