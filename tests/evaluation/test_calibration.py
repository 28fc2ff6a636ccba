"""Calibration: right forecasts pass, wrong ones are told, and each figure is what another way to compute it says."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import comb, erf, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.calibration import Came, calibrate, cell_of, pit_values
from cryptopipe.evaluate.uniform import binomial_interval, ks_tail, ks_uniform

N = 1_000
TIMES = ((5.0, 0.5), (10.0, 0.3), (40.0, 0.2))
"""Minutes of a transfer, with their probabilities: the law that is simulated."""


def normal(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


class Law:
    """Of the log return: normal around `edge`, its variance σ²τ, mixed over the times."""

    def __init__(self, edge: float, sigma: float, slower: float = 1.0) -> None:
        self.edge = edge
        self.parts = [(sigma * sqrt(minutes * slower), weight) for minutes, weight in TIMES]

    def below(self, x: float) -> float:
        return sum(weight * normal((x - self.edge) / spread) for spread, weight in self.parts)

    def quantile(self, p: float) -> float:
        low, high = self.edge - 1.0, self.edge + 1.0
        for _ in range(34):
            middle = (low + high) / 2
            low, high = (middle, high) if self.below(middle) < p else (low, middle)
        return low

    def draw(self, random: Random) -> float:
        (spread,) = random.choices([s for s, _ in self.parts], [w for _, w in self.parts])
        return random.gauss(self.edge, spread)


Belief = Callable[[float, float], Law]
RIGHT: Belief = Law
WRONG: dict[str, Belief] = {
    "sigma 1.3 too small": lambda edge, sigma: Law(edge, sigma / 1.3),
    "sigma 1.3 too large": lambda edge, sigma: Law(edge, sigma * 1.3),
    "biased": lambda edge, sigma: Law(edge + 0.3 * sigma * sqrt(10), sigma),
    "time doubled": lambda edge, sigma: Law(edge, sigma, slower=2.0),
}


def simulated(belief: Belief, seed: int, n: int = N, whole: bool = True) -> Iterator[Came]:
    """What becomes of `n` forecasts; of the law the PIT, or with `whole` false only 5 %, 95 % and no profit."""
    random = Random(seed)
    for _ in range(n):
        edge, sigma = random.uniform(-0.002, 0.006), random.uniform(0.0005, 0.002)
        true, told = Law(edge, sigma), belief(edge, sigma)
        realised = true.draw(random)
        below = reached = told.below(realised)
        low, high = (told.quantile(p) for p in (0.05, 0.95)) if not whole else (0.0, 0.0)
        if not whole:
            below, reached = cell_of([(low, 0.05), (high, 0.95), (0.0, told.below(0.0))], realised)
        yield Came(1 - told.below(0.0), realised > 0, below, reached, told.edge, low, high, realised)


def test_right_forecasts_pass() -> None:
    figures = calibrate(simulated(RIGHT, seed=1))
    assert figures.n == N and figures.pit is not None and figures.pit.n == sum(figures.pit.histogram) == N
    assert figures.pit.distance <= 0.05 and figures.pit.p_value > 0.05 and figures.pit.cell == 0
    assert sum(one.fits for one in figures.reliability) >= len(figures.reliability) - 1
    assert figures.brier.reliability < 0.01 < figures.brier.resolution
    assert figures.sharpness is not None and figures.sharpness.error_se is not None
    assert abs(figures.sharpness.error) < 3 * figures.sharpness.error_se


@pytest.mark.parametrize("belief", WRONG.values(), ids=WRONG)
def test_wrong_forecasts_are_rejected_by_the_same_test(belief: Belief) -> None:
    pit = calibrate(simulated(belief, seed=1)).pit
    assert pit is not None and pit.distance > 0.05 and pit.p_value < 0.01


def test_a_bias_shows_in_the_error_and_a_wrong_spread_does_not() -> None:
    biased, spread = (calibrate(simulated(WRONG[name], seed=2)).sharpness for name in ("biased", "sigma 1.3 too small"))
    assert biased is not None and biased.error_se is not None and biased.error < -3 * biased.error_se
    assert spread is not None and spread.error_se is not None and abs(spread.error) < 3 * spread.error_se


@pytest.mark.long
def test_over_many_seeds_right_forecasts_are_rejected_as_rarely_as_stated() -> None:
    """At 5 % of 500 seeds: 25 are expected, and 4 standard errors are 20."""
    pits = [calibrate(simulated(RIGHT, seed)).pit for seed in range(500)]
    rejected = sum(pit is not None and pit.p_value < 0.05 for pit in pits)
    assert 5 <= rejected <= 45
    distance, p_value = ks_uniform([pit.p_value for pit in pits if pit is not None])
    assert p_value > 0.001, f"the p-values are not uniform: {distance}"


@pytest.mark.long
@pytest.mark.parametrize("belief", WRONG.values(), ids=WRONG)
def test_over_many_seeds_wrong_forecasts_are_rejected(belief: Belief) -> None:
    pits = [calibrate(simulated(belief, seed)).pit for seed in range(100)]
    assert sum(pit is not None and pit.p_value < 0.05 for pit in pits) >= 90


def test_a_few_quantiles_are_enough_to_pass_and_to_be_told() -> None:
    """What a journal keeps of a law. Drawn within its cell the PIT is uniform; it takes more forecasts to be told."""
    right = calibrate(simulated(RIGHT, seed=3, n=N, whole=False))
    assert right.pit is not None and right.pit.distance <= 0.05 and 0 < right.pit.cell < 0.9
    assert (
        right.sharpness is not None
        and right.sharpness.coverage.interval[0] < 0.9 < right.sharpness.coverage.interval[1]
    )
    wrong = calibrate(simulated(WRONG["sigma 1.3 too small"], seed=3, n=2 * N, whole=False))
    assert wrong.pit is not None and wrong.pit.p_value < 0.01
    assert wrong.sharpness is not None and wrong.sharpness.coverage.interval[1] < 0.9


def test_the_pit_of_a_discrete_law_is_uniform_only_when_drawn_within_its_jumps() -> None:
    weights = [0.1, 0.4, 0.2, 0.3]
    sums = [sum(weights[:place]) for place in range(5)]
    random = Random(4)
    drawn = random.choices(range(4), weights, k=N)
    told = [Came(0.5, True, sums[place], sums[place + 1]) for place in drawn]
    randomised = calibrate(told).pit
    assert randomised is not None and randomised.p_value > 0.01 and randomised.cell > 0.2
    upper = calibrate([Came(0.5, True, sums[place + 1], sums[place + 1]) for place in drawn]).pit
    assert upper is not None and upper.p_value < 1e-9
    mistaken = [Came(0.5, True, *(place / 4, (place + 1) / 4)) for place in drawn]
    wrong = calibrate(mistaken).pit
    assert wrong is not None and wrong.p_value < 0.01


def test_one_seed_gives_one_result_and_another_another() -> None:
    told = [Came(0.5, True, 0.0, 1.0) for _ in range(50)]
    assert pit_values(told, 1) == pit_values(told, 1) != pit_values(told, 2)
    assert all(0 <= value <= 1 for value in pit_values(told, 1))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6), st.floats(-1.1, 1.1))
def test_a_cell_holds_the_probability_of_its_value(at: list[float], value: float) -> None:
    """Under any law: here the one that is even over [-1, 1]."""
    points = [(x, (x + 1) / 2) for x in at]
    below, reached = cell_of(points, value)
    true = min(1.0, max(0.0, (value + 1) / 2))
    assert 0 <= below <= true <= reached <= 1
    assert not any(below < p < reached for _, p in points)


def test_at_a_known_quantile_the_value_may_be_an_atom() -> None:
    """P(R ≤ 0) is known, P(R < 0) is not."""
    assert cell_of([(0.0, 0.2), (1.0, 0.8)], 0.0) == (0.0, 0.2)
    assert cell_of([(0.0, 0.2), (1.0, 0.8)], 1.0) == (0.2, 0.8)


@pytest.mark.parametrize("points", [[(0.0, 0.9), (1.0, 0.1)], [(0.0, 1.5)], [(0.0, -0.1)]])
def test_points_that_are_no_law_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="distribution"):
        cell_of(points, 0.5)


def test_jumps_are_apart() -> None:
    told = [*simulated(RIGHT, seed=5)]
    crashed = [Came(0.9, False, 0.0, 0.0, 0.003, -0.01, 0.01, -0.5, jump=True) for _ in range(200)]
    figures, alone = calibrate([*told, *crashed]), calibrate(told)
    assert figures.jumps == 200 and figures.n == N
    assert (figures.pit, figures.brier, figures.sharpness) == (alone.pit, alone.brier, alone.sharpness)
    assert figures.with_jumps is not None and figures.with_jumps.n == N + 200
    assert figures.with_jumps.p_value < 1e-9 and alone.with_jumps is None


def test_nothing_to_compare_is_refused() -> None:
    for nothing in ([], [Came(0.5, True, jump=True)]):
        with pytest.raises(ValueError, match="no forecast"):
            calibrate(nothing)
    with pytest.raises(ValueError, match="not a probability"):
        calibrate([Came(1.2, True)])
    only = calibrate([Came(0.75, True)])
    assert (only.pit, only.sharpness, only.with_jumps) == (None, None, None)


FORECASTS = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60)


@given(FORECASTS)
def test_the_brier_score_and_its_parts(told: list[tuple[int, bool]]) -> None:
    """In exact fractions; the parts add up to the score."""
    figures = calibrate([Came(percent / 100, came) for percent, came in told])
    n, base = len(told), Fraction(sum(came for _, came in told), len(told))
    score = sum((Fraction(percent / 100) - came) ** 2 for percent, came in told) / n
    assert abs(Fraction(figures.brier.score) - score) < Fraction(1, 10**12)
    bins: dict[int, list[tuple[Fraction, bool]]] = {}
    for percent, came in told:
        bins.setdefault(min(9, int(percent / 100 * 10)), []).append((Fraction(percent / 100), came))
    reliability = resolution = Fraction(0)
    for members in bins.values():
        forecast = sum(p for p, _ in members) / len(members)
        observed = Fraction(sum(came for _, came in members), len(members))
        reliability += len(members) * (forecast - observed) ** 2 / n
        resolution += len(members) * (observed - base) ** 2 / n
    parts = figures.brier
    expected = (reliability, resolution, base * (1 - base))
    for part, true in zip((parts.reliability, parts.resolution, parts.uncertainty), expected, strict=True):
        assert abs(Fraction(part) - true) < Fraction(1, 10**12)
    assert abs(parts.reliability - parts.resolution + parts.uncertainty + parts.within - parts.score) < 1e-12
    curve = figures.reliability
    assert [(round(one.low * 10), one.observed.n, one.observed.count) for one in curve] == [
        (place, len(members), sum(came for _, came in members)) for place, members in sorted(bins.items())
    ]


def test_a_sure_and_right_forecast_scores_nothing_and_a_wrong_one_all() -> None:
    right = [Came(float(came), came) for came in (True, False, True)]
    assert calibrate(right).brier.score == 0 and calibrate(right).brier.resolution == pytest.approx(2 / 9)
    assert calibrate([Came(0.0, True), Came(1.0, False)]).brier.score == 1


def test_forecasts_that_are_alike_differ_nowhere_within_their_bins() -> None:
    told = [Came(place / 10 + 0.05, came % 3 == 0) for place in range(10) for came in range(7)]
    assert abs(calibrate(told).brier.within) < 1e-12


def test_sharpness_is_width_coverage_and_error() -> None:
    told = [
        Came(0.5, True, 0.5, 0.5, expected=0.0, low=-1.0, high=1.0, realised=0.5),
        Came(0.5, True, 0.5, 0.5, expected=0.0, low=-2.0, high=2.0, realised=2.5),
        Came(0.5, False),
    ]
    sharp = calibrate(told).sharpness
    assert sharp is not None and (sharp.width, sharp.error) == (3.0, 1.5)
    assert (sharp.coverage.n, sharp.coverage.count, sharp.coverage.share) == (2, 1, 0.5)
    assert sharp.error_se == pytest.approx(sqrt(2) / sqrt(2))
    alone = calibrate(told[:1]).sharpness
    assert alone is not None and alone.error_se is None


SCIPY = [(n, power) for n in (1, 2, 3, 7, 20, 100, 333, 1_000, 2_000) for power in (1.0, 1.1)]


@pytest.mark.parametrize(("n", "power"), [*SCIPY, (2_001, 1.0), (5_000, 1.02), (20_000, 1.01)])
def test_the_distance_and_its_p_value_are_those_of_scipy(n: int, power: float) -> None:
    from scipy.stats import kstest

    random = Random(n)
    values = [random.random() ** power for _ in range(n)]
    distance, p_value = ks_uniform(values)
    told = kstest(values, "uniform", method="exact")
    assert distance == pytest.approx(told.statistic, abs=1e-15)
    # scipy approximates between 140 and 100,000 numbers (Simard, L'Ecuyer 2011), to six digits and more
    assert p_value == pytest.approx(told.pvalue, abs=1e-12 if n < 140 else 1e-6 if n <= 2_000 else 1e-5)


@pytest.mark.parametrize("d", [0.5, 0.6, 0.75, 0.9, 1.0])
def test_the_p_value_of_one_number_is_elementary(d: float) -> None:
    """P(max(u, 1 - u) ≥ d) = 2·(1 - d) of one uniform number."""
    assert ks_tail(d, 1) == pytest.approx(2 * (1 - d), abs=1e-15)


def test_a_large_distance_of_few_numbers_is_elementary_too() -> None:
    """P(D ≥ d) = 2·(1 - d)^n where d > 1 - 1/n (Ruben, Gambino 1982), and 1 where d ≤ 1/(2n)."""
    for n in (2, 5, 9):
        d = 1 - 0.4 / n
        assert ks_tail(d, n) == pytest.approx(2 * (1 - d) ** n, rel=1e-9, abs=1e-15)
        assert ks_tail(0.5 / n, n) == pytest.approx(1, abs=1e-12)
    assert ks_tail(0.5, 100) == 0 and ks_tail(0.001, 5_000) == 1


@pytest.mark.parametrize("values", [[], [0.5, 1.1], [-0.1], [float("nan")]])
def test_what_is_no_pit_is_refused(values: Sequence[float]) -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        ks_uniform(values)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_leaves_a_fortieth_in_either_tail(case: tuple[int, int]) -> None:
    """By the sums of the binomial law, which define it."""
    count, n = case
    low, high = binomial_interval(count, n)

    def at_least(k: int, p: float) -> float:
        return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))

    assert 0 <= low <= count / n <= high <= 1
    assert low == 0 if count == 0 else at_least(count, low) == pytest.approx(0.025, abs=1e-9)
    assert high == 1 if count == n else 1 - at_least(count + 1, high) == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize(("count", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_no_share_of_nothing(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="so many"):
        binomial_interval(count, n)
