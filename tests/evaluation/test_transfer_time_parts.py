"""Each wait against an independent computation: scipy's distributions, mpmath's integrals, a simulation."""

from math import exp, expm1, inf, isinf, log, sqrt

import numpy as np
import pytest
from scipy import integrate, stats

from cryptopipe.evaluate.transfer_blocks import Phase, Slots
from cryptopipe.evaluate.transfer_hours import Fees
from cryptopipe.evaluate.transfer_mempool import BlockTaken, SlotsPassed
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal, Part, Uniform
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import blocks

CROWDED = Fees(included=0.3, level=1.5, crowding=0.9)
"""Fees that vary far more than the table's: so the hours are seen."""
PARTS: list[Part] = [
    Fixed(2.5),
    Uniform(0.25),
    Gamma(1.0, 10.0),
    Gamma(2.7, 4.0),
    Gamma(399.0, 0.2),
    Lognormal(0.7, 0.8),
    Slots(0.2, 0.99, 11),
    Slots(1 / 60, 0.05, 14),
    Slots(0.2, 1.0, 3),
    Phase(0.05, 4),
    Rarely(0.01, Gamma(1.0, 60.0)),
    Rarely(0.3, Fixed(30.0)),
    Rarely(0.4, Rarely(0.5, Uniform(4.0))),
    BlockTaken(10.0, CROWDED),
    SlotsPassed(0.2, 0.05, CROWDED),
    SlotsPassed(0.2, 0.01, Fees(0.9, 1.5, 0.0)),
    SlotsPassed(20.0, 0.1, CROWDED),
]
NAMES = [f"{number}-{type(part).__name__}" for number, part in enumerate(PARTS)]
every_part = pytest.mark.parametrize("part", PARTS, ids=NAMES)
ORACLES = [
    (Uniform(0.25), stats.uniform(0, 0.25)),
    (Gamma(2.7, 4.0), stats.gamma(2.7, scale=4.0)),
    (Gamma(0.3, 4.0), stats.gamma(0.3, scale=4.0)),
    (Lognormal(0.7, 0.8), stats.lognorm(0.8, scale=0.7)),
    (blocks(3, 9.65, 9.59), stats.gamma(3 * (9.65 / 9.59) ** 2, scale=9.59**2 / 9.65)),
    (blocks(3, 9.65, 9.59, correlated=True), stats.gamma((9.65 / 9.59) ** 2, scale=3 * 9.59**2 / 9.65)),
]


@pytest.mark.parametrize(("part", "law"), ORACLES, ids=lambda one: type(one).__name__)
def test_moments_and_survival_are_those_of_scipy(part: Part, law: stats.rv_continuous) -> None:
    assert part.mean == pytest.approx(law.mean(), rel=1e-12)
    assert part.variance == pytest.approx(law.var(), rel=1e-12)
    times = law.ppf([0.01, 0.3, 0.7, 0.999])
    cuts = [integrate.quad(law.sf, 0, time, epsabs=1e-13, epsrel=1e-12)[0] for time in times]
    assert part.cut(times) == pytest.approx(cuts, rel=1e-9)
    for s in (-2.0, -0.01):
        expected = integrate.quad(lambda t, s=s: s * exp(s * t) * law.sf(t), 0, inf, epsabs=1e-14)[0] + 1
        assert part.log_mgf(s) == pytest.approx(log(expected), rel=1e-8)


def test_slots_are_negative_binomial() -> None:
    part, law = Slots(0.5, 0.3, 7), stats.nbinom(7, 0.3)
    times, chances = part.atoms()
    assert chances[:40] == pytest.approx(law.pmf(np.arange(40)), rel=1e-10)
    assert times[0] == 3.5
    assert part.mean == pytest.approx(0.5 * (7 + law.mean()), rel=1e-12)
    assert part.variance == pytest.approx(0.25 * law.var(), rel=1e-12)


def survival(part: Part, at: np.ndarray, step: float) -> np.ndarray:
    """P(X > t), from the slope of the cut."""
    return (part.cut(at + step) - part.cut(at - step)) / (2 * step)


@every_part
def test_a_cut_far_away_cuts_nothing(part: Part) -> None:
    far = np.array([part.mean + 2000 * (sqrt(part.variance) + 1)])
    assert part.cut(far) == pytest.approx(part.mean, rel=1e-6)
    assert part.cut(np.zeros(1)) == pytest.approx(0.0, abs=1e-12)


@every_part
def test_a_cut_is_concave_with_slope_at_most_one(part: Part) -> None:
    at = np.linspace(0, part.mean + 5 * sqrt(part.variance) + 1, 400)
    slope = np.diff(part.cut(at)) / at[1]
    assert (slope <= 1 + 1e-9).all()
    assert (slope >= -1e-9).all()
    assert (np.diff(slope) <= 1e-9).all()
    assert (slope[at[1:] <= part.least] > 1 - 1e-9).all(), "nothing comes before the least time"


@every_part
def test_the_generating_function_begins_with_the_moments(part: Part) -> None:
    """Its logarithm has the mean as slope at zero, and the variance as curvature."""
    h = 1e-3 / (part.mean + sqrt(part.variance))
    if isinf(part.log_mgf(h)):  # lognormal: only below zero, by one-sided differences
        low = [part.log_mgf(-k * h) for k in range(4)]
        assert (-11 * low[0] + 18 * low[1] - 9 * low[2] + 2 * low[3]) / (-6 * h) == pytest.approx(part.mean, rel=1e-5)
        return
    low, high = part.log_mgf(-h), part.log_mgf(h)
    assert (high - low) / (2 * h) == pytest.approx(part.mean, rel=1e-4)
    assert (high + low) / h**2 == pytest.approx(part.variance, rel=1e-3, abs=1e-6 * part.mean**2)


@every_part
def test_draws_have_the_law(part: Part) -> None:
    """Mean, variance, a moment of the generating function and the cut, within five standard errors; fixed seed."""
    drawn = part.sample(20_000, np.random.default_rng(8))
    assert drawn.min() >= part.least - 1e-12
    at = part.mean * 0.8
    s = -1 / (part.mean + sqrt(part.variance))
    for found, expected in (
        (drawn, part.mean),
        ((drawn - part.mean) ** 2, part.variance),
        (np.exp(s * drawn), exp(part.log_mgf(s))),
        (np.minimum(drawn, at), part.cut(np.array([at])).item()),
    ):
        assert abs(found.mean() - expected) <= 5 * found.std() / sqrt(len(found)) + 1e-9


@pytest.mark.parametrize("part", [BlockTaken(10.0, CROWDED), SlotsPassed(0.2, 0.05, CROWDED)], ids=repr)
@pytest.mark.parametrize("s", [-0.2, -0.001, 0.0005, 0.01])
def test_the_generating_function_of_crowded_blocks_is_the_integral_of_its_survival(part: Part, s: float) -> None:
    """1 + s·∫ exp(s t) P(X > t) dt, from the table that the cut is read from, which the hours made step by step."""
    at = np.linspace(0, 900, 90_001)
    left = np.diff(part.cut(at)) / at[1]
    middle = (at[1:] + at[:-1]) / 2
    total = (np.exp(s * middle) * left).sum() * at[1]
    assert part.log_mgf(s) == pytest.approx(log(1 + s * total), rel=2e-4)


@pytest.mark.parametrize("level", [0.5, 1.0, 3.0])
def test_without_crowding_inclusion_is_exponential_or_geometric(level: float) -> None:
    """The chance that one block takes it is 1 - (1 - included)^level; as crowding goes to zero nothing else is left."""
    chance = 1 - 0.4**level
    steady, almost = Fees(0.6, level, 0.0), Fees(0.6, level, 1e-7)
    assert steady.chance() == pytest.approx(chance, rel=1e-14)
    taken, exponential = BlockTaken(10.0, almost), Gamma(1.0, 10 / chance)
    assert taken.mean == pytest.approx(exponential.mean, rel=1e-6)
    assert taken.variance == pytest.approx(exponential.variance, rel=1e-5)
    at = np.array([0.5, 5.0, 30.0, 90.0, 200.0])
    assert taken.cut(at) == pytest.approx(exponential.cut(at), rel=1e-5)
    assert taken.log_mgf(0.02) == pytest.approx(exponential.log_mgf(0.02), rel=1e-5)
    geometric = stats.geom(0.9 * chance, loc=-1)
    for passed in (SlotsPassed(2.0, 0.1, steady), SlotsPassed(2.0, 0.1, almost)):
        assert passed.mean == pytest.approx(2 * geometric.mean(), rel=1e-6)
        assert passed.variance == pytest.approx(4 * geometric.var(), rel=1e-5)
        _, chances = passed.atoms()
        assert chances[:20] == pytest.approx(geometric.pmf(np.arange(20)), rel=1e-6)
        assert passed.log_mgf(0.02) == pytest.approx(
            log(0.9 * chance) - log(1 - (1 - 0.9 * chance) * exp(0.04)), rel=1e-5
        )


def test_who_pays_more_is_taken_sooner() -> None:
    means = [BlockTaken(10.0, Fees(0.6, level, 0.6)).mean for level in (0.5, 1.0, 1.5, 3.0, 10.0, 1000.0)]
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(10.0, rel=1e-3), "the next block takes whoever pays enough"


@pytest.mark.parametrize(
    ("part", "end"),
    [
        (Gamma(3.0, 10.0), 0.1),
        (Slots(2.0, 0.3, 4), -log(0.7) / 2),
        (SlotsPassed(2.0, 0.1, Fees(0.5, 1.0, 0.0)), -log(0.55) / 2),
        (Rarely(0.1, Gamma(3.0, 10.0)), 0.1),
    ],
)
def test_the_generating_function_ends_where_it_ends(part: Part, end: float) -> None:
    assert part.log_mgf(end * 0.9999) < inf
    assert part.log_mgf(end * 1.0001) == inf


def test_crowded_hours_end_the_generating_function_where_an_hour_does_not_shrink() -> None:
    """exp(60 s)·P(not taken in an hour) = 1 at its end: from there on each hour adds more than the one before."""
    part = BlockTaken(10.0, CROWDED)
    weights, chances = CROWDED.spread()
    end = -log((weights * np.exp(-6 * chances)).sum().item()) / 60
    assert part.log_mgf(end * 0.999) < inf
    assert part.log_mgf(end * 1.001) == inf
    passed = SlotsPassed(0.2, 0.0, CROWDED)
    end = -log((weights * (1 - chances) ** 300).sum().item()) / 60
    assert passed.log_mgf(end * 0.999) < inf
    assert passed.log_mgf(end * 1.001) == inf


def test_lognormal_waits_have_no_moment_above_zero() -> None:
    assert Lognormal(0.1, 0.2).log_mgf(1e-9) == inf
    assert Lognormal(0.1, 0.2).log_mgf(0.0) == 0.0
    assert Rarely(1e-9, Lognormal(0.1, 0.2)).log_mgf(1e-9) == inf


def test_what_never_ends_is_infinite_wherever_it_enters() -> None:
    part = Rarely(0.25, Never())
    assert part.mean == part.variance == part.log_mgf(1e-9) == inf
    assert part.never == 0.25
    assert part.log_mgf(-1e-9) == pytest.approx(log(0.75))
    assert Rarely(0.0, Never()).mean == Rarely(0.0, Never()).log_mgf(1.0) == 0.0


def test_a_uniform_wait_keeps_its_digits_near_zero() -> None:
    for s in (1e-9, 1e-4, 0.5, -0.5, 40.0, -40.0):
        x = s * 3.0
        expected = x / 2 if abs(x) < 1e-6 else log(expm1(x) / x)
        assert Uniform(3.0).log_mgf(s) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Fixed(-1.0),
        lambda: Fixed(inf),
        lambda: Uniform(0.0),
        lambda: Gamma(0.0, 1.0),
        lambda: Gamma(1.0, float("nan")),
        lambda: Lognormal(1.0, 0.0),
        lambda: Rarely(1.0, Fixed(1.0)),
        lambda: Rarely(-0.1, Fixed(1.0)),
        lambda: Slots(1.0, 0.0, 1),
        lambda: Slots(1.0, 0.5, 0),
        lambda: Phase(0.0, 2),
        lambda: Fees(0.0, 1.0, 0.0),
        lambda: Fees(1.1, 1.0, 0.0),
        lambda: Fees(0.5, 0.0, 0.0),
        lambda: SlotsPassed(1.0, 1.5, CROWDED),
        lambda: BlockTaken(0.0, CROWDED),
    ],
)
def test_waits_that_cannot_be_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        wrong()  # type: ignore[operator]
