"""What a trade in flight is worth: limits, closed forms, a simulation, laws of more and less risk."""

import re
from math import exp, inf, log, log1p, sqrt
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from cryptopipe.evaluate.arrival import Drift
from cryptopipe.evaluate.price_risk import Aversion, InFlight, judge
from cryptopipe.evaluate.settlement import MoneyBound, money_bound, settlement_bound
from cryptopipe.evaluate.transfer_blocks import Phase
from cryptopipe.evaluate.transfer_law import Law
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal, Uniform
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import TransferTime, transfer_time
from cryptopipe.model.trading import Reason

SIGMA = 0.8 / sqrt(525_600)
DRIFT = Drift(SIGMA, kappa=0.02)
CALM = Aversion(gamma=2.0, tolerance=1000.0, abandon=120.0, stuck_loss=0.02)
SLOW = TransferTime((Lognormal(12.0, 0.9), Gamma(2.0, 9.65)))
NOW = TransferTime((Fixed(0.0),))


def judged(
    edge: float, notional: float, law: Law, drift: Drift, aversion: Aversion, transient: float = 0.0
) -> InFlight:
    found = judge(edge, notional, law, drift, aversion, transient)
    assert isinstance(found, InFlight), found
    return found


edges = st.floats(-0.05, 0.05)
sizes = st.floats(1.0, 50_000.0)


@settings(max_examples=20)
@given(edges, sizes, st.floats(0, 0.05), st.floats(0, 1))
def test_in_no_time_nothing_but_the_edge_is_left(edge: float, notional: float, transient: float, kappa: float) -> None:
    """Arbitrage by depth and fees alone."""
    found = judged(edge, notional, NOW, Drift(SIGMA, kappa), CALM, transient)
    assert found.certainty == pytest.approx(edge, rel=1e-12, abs=1e-15)
    assert (found.expected, found.bound, found.stuck, found.minutes) == (edge, 0.0, 0.0, 0.0)
    assert found.interval == (edge, edge)
    assert found.probability == (1.0 if edge > 0 else 0.0)
    assert found.value == pytest.approx(notional * edge, rel=1e-12, abs=1e-9)
    soon = judged(edge, notional, TransferTime((Fixed(1e-12),)), Drift(SIGMA, kappa), CALM, transient)
    assert soon.certainty == pytest.approx(edge, abs=1e-12)
    assert soon.bound < 1e-8


@settings(max_examples=20)
@given(edges, sizes)
def test_without_volatility_only_fees_count(edge: float, notional: float) -> None:
    patient = Aversion(2.0, 1000.0)
    found = judged(edge, notional, SLOW, Drift(0.0), patient)
    assert found.certainty == pytest.approx(edge, rel=1e-12, abs=1e-15)
    assert (found.expected, found.bound) == (edge, 0.0)
    assert found.interval == (edge, edge)
    assert found.probability == (1.0 if edge > 0 else 0.0)


def test_without_volatility_the_closing_is_all_that_is_uncertain() -> None:
    """A wait uniform up to 60 min: δ_τ > 0 while exp(-κτ) > 1 - δ/b."""
    law, drift = TransferTime((Uniform(60.0),)), Drift(0.0, kappa=0.02)
    found = judged(0.004, 1000.0, law, drift, Aversion(2.0, inf), transient=0.01)
    ends = -log(1 - 0.004 / 0.01) / 0.02
    assert found.probability == pytest.approx(ends / 60, abs=0.01)
    assert found.expected == pytest.approx(0.004 - 0.01 * (1 - (1 - exp(-1.2)) / 1.2), abs=1e-7)
    assert found.certainty == found.expected


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_without_closing_the_bounds_are_the_published_ones(gamma: float) -> None:
    law = TransferTime((Gamma(1.0, 10.0), Gamma(2.0, 9.65)))
    found = judged(0.012, 5000.0, law, Drift(SIGMA), Aversion(gamma, 1000.0))
    assert found.bound == settlement_bound(SIGMA, 29.3, 100 + 2 * 9.65**2, gamma)
    assert found.expected == 0.012
    assert found.clears == (found.bound < 0.012)
    aversion = 5.0
    exact = 0.012 + (log1p(-10 * 12.5 * SIGMA**2) + 2 * log1p(-9.65 * 12.5 * SIGMA**2)) / aversion
    assert found.certainty == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_near_the_end_of_the_moment_the_tail_is_not_cut(share: float) -> None:
    """The certainty of a gamma time by its closed form, at `share` of the way to where it ends."""
    averse = sqrt(2 * share / 10) / SIGMA
    law = TransferTime((Gamma(2.0, 10.0),))
    found = judged(0.5, averse * 1000, law, Drift(SIGMA), Aversion(2.0, 1000.0))
    assert found.certainty == pytest.approx(0.5 + 2 * log1p(-share) / averse, rel=1e-9)


@pytest.mark.parametrize("averse", [1e-6, 0.1, 3.0, 40.0, 300.0, 5e4])
def test_a_chance_of_loss_is_mixed_within_the_utility(averse: float) -> None:
    """-(1/a)·log(0.7·exp(-aδ) + 0.3·exp(a·loss)), by mpmath."""
    law = TransferTime((Fixed(5.0), Rarely(0.3, Never())))
    found = judged(0.02, averse * 1000, law, Drift(0.0), Aversion(2.0, 1000.0, 60.0, 0.01))
    with mpmath.workdps(60):
        a, stuck = mpmath.mpf(averse), mpmath.mpf(0.3)
        felt = (1 - stuck) * mpmath.exp(-a * mpmath.mpf(0.02)) + stuck * mpmath.exp(a * mpmath.mpf(0.01))
        exact = float(-mpmath.log(felt) / a)
    assert found.certainty == pytest.approx(exact, rel=1e-9)
    assert found.late_price == pytest.approx(0.02 - exact, rel=1e-9)


@pytest.mark.parametrize("scale", [2.0, 20.0])
@pytest.mark.parametrize("transient", [0.0, 0.008, -0.004])
def test_the_certainty_is_the_integral_over_the_time(scale: float, transient: float) -> None:
    """-(1/a)·log E_τ[exp(-a(δ - (1 - exp(-κτ))b) + a²σ²τ/2)], by mpmath over a gamma density."""
    kappa, averse = 0.03, 20.0
    law = TransferTime((Gamma(1.7, scale),))
    found = judged(0.01, 20_000.0, law, Drift(SIGMA, kappa), Aversion(2.0, 1000.0), transient)

    def felt(t: mpmath.mpf) -> mpmath.mpf:
        density = t**0.7 * mpmath.exp(-t / scale) / (mpmath.gamma(1.7) * mpmath.mpf(scale) ** 1.7)
        kept = 0.01 - (1 - mpmath.exp(-kappa * t)) * transient
        return density * mpmath.exp(-averse * kept + averse**2 * SIGMA**2 * t / 2)

    exact = -mpmath.log(mpmath.quad(felt, [0, scale, 5 * scale, 20 * scale, 80 * scale])) / averse
    assert found.certainty == pytest.approx(float(exact), rel=1e-5)
    assert found.expected == pytest.approx(0.01 - transient * (1 - (1 + kappa * scale) ** -1.7), abs=2e-7)


def test_the_probability_is_the_integral_over_the_time() -> None:
    """E_τ[Φ(δ_τ/(σ√τ))] over an exponential density, and its complement below any return."""
    law, kappa = TransferTime((Gamma(1.0, 15.0),)), 0.02
    found = judged(0.004, 1000.0, law, Drift(SIGMA, kappa), Aversion(2.0, 1000.0), transient=0.006)
    for x in (-0.004, 0.0, 0.003, 0.008):
        exact = integrate.quad(
            lambda t, x=x: (
                exp(-t / 15) / 15 * stats.norm.sf((x - 0.004 + 0.006 * (1 - exp(-kappa * t))) / (SIGMA * sqrt(t)))
            ),
            0,
            inf,
            limit=200,
        )[0]
        assert 1 - found.predictive_cdf(x)[1] == pytest.approx(exact, abs=5e-4)
    assert found.probability == pytest.approx(1 - found.predictive_cdf(0.0)[1])


DRAWS = [pytest.param(60_000, id="short"), pytest.param(4_000_000, id="long", marks=pytest.mark.long)]


def arrivals(draws: int, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    """The times of `SLOW`, by numpy's own lognormal and gamma draws."""
    random = np.random.default_rng(seed)
    return 12 * np.exp(0.9 * random.standard_normal(draws)) + random.gamma(2.0, 9.65, draws), random


@pytest.mark.parametrize("draws", DRAWS)
@pytest.mark.parametrize("notional", [2000.0, 30_000.0])
def test_what_is_judged_is_what_a_simulation_does(notional: float, draws: int) -> None:
    """Certainty, expectation, probability and interval, stuck coins included, within three standard errors."""
    found = judged(0.009, notional, SLOW, DRIFT, CALM, transient=0.006)
    times, random = arrivals(draws, seed=4)
    returns = 0.009 - 0.006 * (1 - np.exp(-0.02 * times)) + SIGMA * np.sqrt(times) * random.standard_normal(draws)
    late, averse = times > 120, notional / 1000
    felt = np.exp(-averse * np.where(late, -0.02, returns))
    arrived = returns[~late]
    profits = (returns > 0) & ~late
    low, high = found.interval
    for drawn, expected in (
        (felt, exp(-averse * found.certainty)),
        (arrived, found.expected),
        (profits, found.probability),
        (late, found.stuck),
        (times[~late], found.minutes),
        (arrived < low, 0.05),
        (arrived > high, 0.05),
    ):
        assert abs(drawn.mean() - expected) < 3 * drawn.std() / sqrt(len(drawn))
    without = -log(np.exp(-averse * arrived).mean()) / averse - found.certainty
    assert found.late_price == pytest.approx(without, rel=0.05)


@pytest.mark.parametrize("draws", DRAWS)
def test_returns_of_the_law_have_uniform_ranks(draws: int) -> None:
    """The probability integral transform that calibration uses; a σ that is wrong by a factor is seen in it."""
    times, random = arrivals(draws, seed=6)
    times = times[times <= 120][:20_000]
    returns = 0.009 - 0.006 * (1 - np.exp(-0.02 * times)) + SIGMA * np.sqrt(times) * random.standard_normal(len(times))

    def distance(drift: Drift) -> float:
        found = judged(0.009, 1000.0, SLOW, drift, CALM, transient=0.006)
        some = returns[:: max(1, len(returns) // 1500)].tolist()
        return stats.kstest([found.pit(one, 0.5) for one in some], "uniform").statistic

    assert distance(DRIFT) < 0.045
    for wrong in (Drift(SIGMA * 1.3, 0.02), Drift(SIGMA / 1.3, 0.02), Drift(SIGMA, 0.0)):
        assert distance(wrong) > 0.05


def test_atoms_are_spread_by_the_draw() -> None:
    """A time of 1 or 2 min without volatility gives two returns; their ranks fill 0 to 1."""
    law, random = TransferTime((Phase(1.0, 2),)), np.random.default_rng(9)
    found = judged(0.01, 1000.0, law, Drift(0.0, kappa=0.5), Aversion(2.0, inf), transient=0.01)
    values = 0.01 + 0.01 * np.expm1(-0.5 * np.array([1.0, 2.0]))
    drawn = random.choice(values, 2000).tolist()
    ranks = [found.pit(one, uniform) for one, uniform in zip(drawn, random.random(2000).tolist(), strict=True)]
    assert max(ranks) <= 1
    assert stats.kstest(ranks, "uniform").statistic < 0.05
    assert found.interval == pytest.approx((values[1], values[0]), rel=1e-8)


@pytest.mark.parametrize("relative", [0.05, 0.15, 0.3])
def test_a_volatility_with_an_error_makes_a_student_law(relative: float) -> None:
    """A fixed time: (R - δ)/(σ√τ) is Student's with 1/(2 · relative²) degrees of freedom."""
    law, drift = TransferTime((Fixed(9.0),)), Drift(SIGMA, sigma_error=relative * SIGMA)
    found = judged(0.004, 1000.0, law, drift, Aversion(2.0, 1000.0, 60.0, 0.0))
    student = stats.t(1 / (2 * relative**2), loc=0.004, scale=SIGMA * 3)
    for x in (-0.01, -0.002, 0.0, 0.004, 0.007, 0.012):
        assert found.predictive_cdf(x)[1] == pytest.approx(student.cdf(x), abs=2e-3)
    assert found.interval == pytest.approx(student.interval(0.9), abs=0.02 * SIGMA * 3)
    assert found.bound == pytest.approx(settlement_bound(student.std() / 3, 9.0, 0.0, 2.0), rel=1e-9)


@pytest.mark.parametrize("relative", [0.1, 0.3])
def test_the_certainty_takes_the_variance_as_gamma(relative: float) -> None:
    """σ² gamma with the mean of the Student law and twice the relative error; mpmath integrates over it."""
    law, drift = TransferTime((Fixed(9.0),)), Drift(SIGMA, sigma_error=relative * SIGMA)
    found = judged(0.004, 50_000.0, law, drift, Aversion(2.0, 1000.0, 60.0, 0.0))
    freedom = 1 / (2 * relative**2)
    shape, scale = freedom / 2, SIGMA**2 * freedom / (freedom - 2) / (freedom / 2)
    exact = integrate.quad(lambda v: stats.gamma.pdf(v, shape, scale=scale) * exp(50**2 * v * 9 / 2), 0, 60 * SIGMA**2)[
        0
    ]
    assert found.certainty == pytest.approx(0.004 - log(exact) / 50, rel=1e-7)


def test_a_closing_with_an_error_is_clipped_at_zero_and_spread() -> None:
    """κ normal, at least zero: mean and variance of the return at a fixed time, by numpy's draws."""
    law, drift = TransferTime((Fixed(20.0),)), Drift(SIGMA, 0.05, kappa_error=0.02)
    found = judged(0.01, 1000.0, law, drift, Aversion(2.0, 1000.0, 60.0, 0.0), transient=0.01)
    random = np.random.default_rng(2)
    closed = 1 - np.exp(-20 * np.maximum(0, 0.05 + 0.02 * random.standard_normal(400_000)))
    assert found.expected == pytest.approx(0.01 - 0.01 * closed.mean(), abs=2e-5)
    returns = 0.01 - 0.01 * closed + SIGMA * sqrt(20) * random.standard_normal(400_000)
    for x in (-0.005, 0.0, 0.005, 0.01):
        assert found.predictive_cdf(x)[1] == pytest.approx((returns <= x).mean(), abs=0.004)
    felt = -log(np.exp(-returns).mean())
    assert found.certainty == pytest.approx(felt, rel=2e-3)
    large = judged(0.01, 100_000.0, law, drift, Aversion(2.0, 1000.0, 60.0, 0.0), transient=0.01)
    assert large.certainty == pytest.approx(-log(np.exp(-100 * returns).mean()) / 100, rel=5e-3)
    known = judged(0.01, 1000.0, law, Drift(SIGMA, 0.05), Aversion(2.0, 1000.0, 60.0, 0.0), transient=0.01)
    assert found.interval[1] - found.interval[0] > known.interval[1] - known.interval[0]


def test_errors_of_zero_are_the_exact_forms_and_small_ones_are_near() -> None:
    known = judged(0.009, 5000.0, SLOW, DRIFT, CALM, transient=0.006)
    almost = judged(0.009, 5000.0, SLOW, Drift(SIGMA, 0.02, 1e-4 * SIGMA, 2e-6), CALM, transient=0.006)
    for name in ("certainty", "expected", "bound", "probability", "late_price"):
        assert getattr(almost, name) == pytest.approx(getattr(known, name), rel=1e-4), name
    assert almost.interval == pytest.approx(known.interval, rel=1e-4)


risks = st.builds(Drift, st.floats(1e-5, 5e-3), st.floats(0, 0.2))
laws = st.builds(
    lambda median, spread, shape, scale: TransferTime((Lognormal(median, spread), Gamma(shape, scale))),
    st.sampled_from([0.5, 5.0]),
    st.sampled_from([0.4, 1.0]),
    st.sampled_from([1.0, 3.0]),
    st.sampled_from([0.3, 8.0]),
)


@settings(max_examples=25)
@given(
    edges, sizes, laws, risks, st.floats(0, 0.02), st.floats(1, 3), st.floats(1, 3), st.sampled_from([0.0, 0.5, 7.0])
)
def test_more_risk_never_raises_the_certainty(
    edge: float,
    notional: float,
    law: TransferTime,
    drift: Drift,
    transient: float,
    by: float,
    times: float,
    later: float,
) -> None:
    """A larger volatility, error of it, aversion, loss, and a time that is longer for certain."""
    aversion = Aversion(2.0, 5000.0, 90.0, 0.06)
    found = judged(edge, notional, law, drift, aversion, transient)
    most = found.certainty + 1e-12
    for worse in (
        judge(edge, notional, law, Drift(drift.sigma * by, drift.kappa), aversion, transient),
        judge(edge, notional, law, Drift(drift.sigma, drift.kappa, 0.2 * drift.sigma), aversion, transient),
        judge(edge, notional, law, drift, Aversion(2.0, 5000.0 / times, 90.0, 0.06), transient),
        judge(edge, notional, law, drift, Aversion(2.0, 5000.0, 90.0, 0.06 * times), transient),
        judge(edge, notional * times, law, drift, aversion, transient),
    ):
        assert isinstance(worse, Reason) or worse.certainty <= most
    slower = judge(edge, notional, TransferTime((*law.parts, Fixed(later))), drift, aversion, transient)
    if isinstance(slower, InFlight):
        assert slower.certainty <= found.certainty + 1e-6
        assert slower.expected <= found.expected + 1e-6
        assert slower.stuck >= found.stuck - 1e-9


@settings(max_examples=25)
@given(edges, sizes, laws, risks, st.floats(-0.01, 0.02), st.sampled_from([0.0, 0.1, 0.3]))
def test_probability_and_interval_agree(
    edge: float, notional: float, law: TransferTime, drift: Drift, transient: float, relative: float
) -> None:
    drift = Drift(drift.sigma, drift.kappa, relative * drift.sigma, relative * drift.kappa)
    found = judge(edge, notional, law, drift, Aversion(2.0, 5000.0, 90.0, 0.01), transient)
    if isinstance(found, Reason):
        return
    low, high = found.interval
    assert 0 <= found.probability <= 1
    assert 0 <= found.stuck <= 1
    assert low <= high
    assert found.predictive_cdf(low)[1] == pytest.approx(0.05, abs=1e-6)
    assert found.predictive_cdf(high)[1] == pytest.approx(0.95, abs=1e-6)
    arrives = found.probability / (1 - found.stuck)
    if low > 0:
        assert arrives >= 0.95 - 1e-6
    if high < 0:
        assert arrives <= 0.05 + 1e-6
    assert found.certainty <= (1 - found.stuck) * found.expected - found.stuck * 0.01 + 1e-12, "risk is never a gain"


@settings(max_examples=25)
@given(sizes, laws, st.floats(1e-5, 3e-3), st.floats(-0.5, 0.5))
def test_an_edge_is_worth_something_above_its_money_bound(
    notional: float, law: TransferTime, sigma: float, off: float
) -> None:
    aversion = Aversion(2.0, 5000.0, 90.0, 0.01)
    bound = money_bound(sigma, notional / 5000.0, law, 90.0, 0.01)
    if not isinstance(bound, MoneyBound):
        return
    edge = bound.total * (1 + off)
    if abs(off) > 1e-2:
        assert (judged(edge, notional, law, Drift(sigma), aversion).certainty > 0) == (off > 0)


def test_without_aversion_the_certainty_is_the_expectation() -> None:
    found = judged(0.009, 5000.0, SLOW, DRIFT, Aversion(0.0, inf, 120.0, 0.02), transient=0.006)
    assert found.certainty == pytest.approx((1 - found.stuck) * found.expected - found.stuck * 0.02, rel=1e-12)
    assert found.bound == 0.0
    almost = judged(0.009, 5000.0, SLOW, DRIFT, Aversion(0.0, 1e12, 120.0, 0.02), transient=0.006)
    assert almost.certainty == pytest.approx(found.certainty, rel=1e-6)


def test_a_notional_beyond_all_numbers_is_worth_its_worst() -> None:
    """Aversion so large that only the stuck coins are felt."""
    found = judged(0.05, 1e6, SLOW, Drift(1e-6), Aversion(2.0, 10.0, 120.0, 0.02))
    assert found.certainty == pytest.approx(-0.02 - log(found.stuck) / 1e5, rel=1e-6)


@pytest.mark.parametrize(
    ("law", "drift", "aversion", "check"),
    [
        (SLOW, DRIFT, Aversion(2.0, 1000.0), "transfer_time"),
        (TransferTime((Fixed(3.0), Rarely(0.1, Never()))), DRIFT, Aversion(2.0, 1000.0), "transfer_time"),
        (TransferTime((Gamma(2.0, 10.0),)), Drift(0.1), Aversion(2.0, 100.0), "transfer_time"),
        (TransferTime((Gamma(2.0, 10.0),)), Drift(SIGMA, 0.0, 0.1 * SIGMA), Aversion(2.0, 1000.0), "transfer_time"),
        (TransferTime((Fixed(30.0),)), DRIFT, Aversion(2.0, 1000.0, 20.0), "transfer_time"),
        (SLOW, Drift(SIGMA, 0.0, 0.5 * SIGMA), CALM, "volatility"),
        (SLOW, Drift(0.1, 0.0, 0.04), Aversion(2.0, 10.0, 120.0), "transfer_time"),
    ],
)
def test_what_has_no_certainty_is_refused(law: Law, drift: Drift, aversion: Aversion, check: str) -> None:
    refused = judge(0.01, 1000.0, law, drift, aversion)
    assert isinstance(refused, Reason)
    assert (refused.passed, refused.check) == (False, check)
    assert refused.limit
    assert refused.measured


def test_without_an_abandon_time_a_time_with_moments_is_enough() -> None:
    law = TransferTime((Gamma(2.0, 10.0), Fixed(3.0)))
    waits = judged(0.01, 5000.0, law, DRIFT, Aversion(2.0, 1000.0), transient=0.005)
    cut = judged(0.01, 5000.0, law, DRIFT, Aversion(2.0, 1000.0, 2000.0), transient=0.005)
    assert waits.certainty == pytest.approx(cut.certainty, rel=1e-5)
    assert waits.bound == settlement_bound(SIGMA, 23.0, 200.0, 2.0)


def test_the_page_shows_what_is_computed() -> None:
    """The table of docs/transfer-time.md, to its printed digits."""
    page = (Path(__file__).parents[2] / "docs" / "transfer-time.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\w+) \| ([\d. |%]+) \|$", page, re.MULTILINE)
    assert [name for name, _ in shown] == ["bitcoin", "litecoin", "ethereum", "tron", "solana"]
    for name, figures in shown:
        law = transfer_time(name, None)
        assert isinstance(law, TransferTime)
        found = judged(0.0, 10_000.0, law, Drift(SIGMA), Aversion(2.0, 10_000.0, 120.0, 0.02))
        times = f"{law.mean:.1f} | {law.quantile(0.5):.1f} | {law.quantile(0.9):.1f} | {law.quantile(0.99):.0f}"
        costs = f"{found.bound * 1e4:.0f} | {-found.certainty * 1e4:.2f} | {found.late_price * 1e4:.2f}"
        assert figures == f"{times} | {law.survival(120.0) * 100:.2f} % | {costs}", name


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Drift(-1.0),
        lambda: Drift(SIGMA, -0.1),
        lambda: Drift(SIGMA, 0.0, float("nan")),
        lambda: Drift(0.0, 0.0, 0.1),
        lambda: Aversion(-1.0, 1000.0),
        lambda: Aversion(2.0, 0.0),
        lambda: Aversion(2.0, 1000.0, 0.0),
        lambda: Aversion(2.0, 1000.0, 60.0, -0.1),
        lambda: judge(float("nan"), 1000.0, SLOW, DRIFT, CALM),
        lambda: judge(0.01, 0.0, SLOW, DRIFT, CALM),
        lambda: judge(0.01, 1000.0, SLOW, DRIFT, CALM, inf),
        lambda: judged(0.01, 1000.0, SLOW, DRIFT, CALM).prospect.quantile(1.0),
    ],
)
def test_what_cannot_be_is_an_error(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"must be|is known"):
        wrong()  # type: ignore[operator]
