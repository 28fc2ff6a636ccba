"""What pays for the risk of a price while coins travel: golden values, a second method, a simulation, limits."""

import csv
from collections.abc import Iterator
from math import exp, inf, sqrt

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import REFERENCE

from cryptopipe.evaluate.settlement import MoneyBound, late_price, money_bound, settlement_bound
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import TransferTime, blocks
from cryptopipe.model.trading import Reason

YEAR = 525_600
SIGMA = 0.8 / sqrt(YEAR)
"""80 % a year, per root minute."""
TABLE = REFERENCE / "settlement_bound.csv"


def rows() -> Iterator[dict[str, str]]:
    with TABLE.open(encoding="utf-8") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("#"))


def law_of(row: dict[str, str]) -> TransferTime:
    """By the words of the table's own header, in parts of ours."""
    if row["case"] == "deterministic":
        return TransferTime((Fixed(float(row["E"])),))
    parts = [Gamma(float(row["alpha"]), float(row["theta"]))]
    count = int(row["blocks"]) - 1
    if count:
        parts.append(blocks(count, 9.65, 9.59, row["variance_rule"] == "correlated"))
    return TransferTime(tuple(parts))


@pytest.mark.skipif(not TABLE.is_file(), reason=f"no reference at {TABLE} (CRYPTOPIPE_REFERENCE)")
def test_the_published_bound_to_every_printed_digit() -> None:
    seen = list(rows())
    assert len(seen) == 9
    for row in seen:
        law = law_of(row)
        assert f"{law.mean:.{places(row['E'])}f}" == row["E"]
        assert f"{law.variance:.{places(row['V'])}f}" == row["V"]
        bound = settlement_bound(SIGMA, law.mean, law.variance, float(row["gamma"]))
        assert f"{bound * 1e4:.4f}" == row["d_bp"], row


def places(text: str) -> int:
    return len(text.partition(".")[2])


positive = st.floats(1e-12, 1e12)


@settings(max_examples=40)
@given(st.floats(1e-12, 1e3), positive, st.one_of(st.just(0.0), positive), st.floats(1e-6, 1e6))
def test_the_bound_is_the_root_of_its_quartic(sigma: float, mean: float, variance: float, gamma: float) -> None:
    """δ⁴ - (γ/2)σ²E·δ² - γ(γ+1)(γ+2)/8·σ⁴(V+E²) has one root above zero, which mpmath brackets: no formula shared."""
    with mpmath.workdps(60):
        s, e, v, g = (mpmath.mpf(one) for one in (sigma, mean, variance, gamma))

        def certainty(delta: mpmath.mpf) -> mpmath.mpf:
            return delta**4 - g / 2 * s**2 * e * delta**2 - g * (g + 1) * (g + 2) / 8 * s**4 * (v + e**2)

        high = s
        while certainty(high) <= 0:
            high *= 4
        while certainty(high) > 0:
            high /= 2
        root = mpmath.findroot(
            certainty, (high, high * 2), solver="anderson", tol=1e-100 * certainty(high * 2), verify=False
        )
        assert abs(mpmath.mpf(settlement_bound(sigma, mean, variance, gamma)) / root - 1) < 1e-12


@pytest.mark.parametrize(
    ("gamma", "factor"), [(1, 1.0730274082547926), (2, 1.5174899135519797), (5, 2.5541643990613148)]
)
def test_a_fixed_time_costs_so_many_sigmas(gamma: float, factor: float) -> None:
    """The factors of research/peers.md, section 5.1."""
    assert settlement_bound(SIGMA, 6.0, 0.0, gamma) == pytest.approx(factor * SIGMA * sqrt(6), rel=1e-14)


def test_without_risk_or_aversion_there_is_no_bound() -> None:
    assert settlement_bound(0.0, inf, inf, 2.0) == settlement_bound(0.1, inf, inf, 0.0) == 0.0
    assert settlement_bound(0.1, 0.0, 0.0, 2.0) == 0.0


@pytest.mark.parametrize(("mean", "variance"), [(inf, inf), (10.0, inf)])
def test_an_infinite_time_is_not_hidden(mean: float, variance: float) -> None:
    assert settlement_bound(SIGMA, mean, variance, 2.0) == inf


@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
@pytest.mark.parametrize("at", range(4))
def test_the_bound_refuses_what_is_out_of_range(wrong: float, at: int) -> None:
    values = [SIGMA, 10.0, 100.0, 2.0]
    values[at] = wrong
    with pytest.raises(ValueError, match=("sigma", "mean", "variance", "gamma")[at]):
        settlement_bound(*values)


def paid(bound: MoneyBound | Reason) -> MoneyBound:
    assert isinstance(bound, MoneyBound), bound
    return bound


@settings(max_examples=40)
@given(st.floats(0.05, 40), st.floats(0.01, 100), st.floats(1e-5, 0.1), st.floats(1e-8, 0.999))
def test_gamma_times_have_a_closed_form(shape: float, scale: float, sigma: float, share: float) -> None:
    """d = -(k/a)·log(1 - θa²σ²/2); `share` is how much of the way to 1/θ the moment is asked at."""
    aversion = sqrt(2 * share / scale) / sigma
    bound = paid(money_bound(sigma, aversion, TransferTime((Gamma(shape, scale),))))
    with mpmath.workdps(50):
        x = mpmath.mpf(aversion) ** 2 * mpmath.mpf(sigma) ** 2 / 2 * mpmath.mpf(scale)
        expected = -mpmath.mpf(shape) / mpmath.mpf(aversion) * mpmath.log(1 - x)
        if x < 0.999:  # closer to one the last bit of the argument is what one sees
            assert abs(bound.total / expected - 1) < 1e-11
    assert bound.late == bound.stuck == 0


def test_where_the_moment_ends_the_bound_is_refused() -> None:
    law = TransferTime((Gamma(2.0, 10.0),))
    edge = sqrt(2 / 10) / SIGMA
    assert isinstance(money_bound(SIGMA, edge * 0.999, law), MoneyBound)
    refused = money_bound(SIGMA, edge * 1.001, law)
    assert isinstance(refused, Reason)
    assert not refused.passed
    assert refused.check == "transfer_time"
    assert "abandon" in refused.limit
    assert isinstance(money_bound(SIGMA, 0.001, TransferTime((Lognormal(10.0, 0.8),))), Reason)
    assert isinstance(money_bound(SIGMA, 0.001, TransferTime((Fixed(5.0), Rarely(0.01, Never())))), Reason)


def test_a_fixed_time_costs_half_the_variance_times_the_aversion() -> None:
    assert paid(money_bound(SIGMA, 3.0, TransferTime((Fixed(7.0),)))).total == pytest.approx(
        3 * SIGMA**2 * 7 / 2, rel=1e-14
    )


def test_a_small_aversion_costs_to_first_order_the_mean_time() -> None:
    law = TransferTime((Gamma(2.0, 10.0), Fixed(3.0)))
    assert paid(money_bound(SIGMA, 1e-6, law)).total == pytest.approx(1e-6 * SIGMA**2 * 23 / 2, rel=1e-9)


LATE = TransferTime((Lognormal(12.0, 0.9), Gamma(2.0, 9.65)))


def utilities(bound: MoneyBound, aversion: float, draws: int, seeds: range) -> tuple[float, float]:
    """Mean and standard error of exp(-a·R) for an edge at its bound, by numpy's own lognormal and gamma draws; a
    transfer that takes more than 90 minutes loses 3 %.
    """
    means, squares = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        times = 12 * np.exp(0.9 * random.standard_normal(draws)) + random.gamma(2.0, 9.65, draws)
        returns = bound.total + SIGMA * np.sqrt(times) * random.standard_normal(draws)
        felt = np.exp(-aversion * np.where(times > 90, -0.03, returns))
        means.append(felt.mean().item())
        squares.append(felt.var().item())
    return sum(means) / len(seeds), sqrt(sum(squares) / len(seeds) / (draws * len(seeds)))


DRAWS = [pytest.param(60_000, id="short"), pytest.param(4_000_000, id="long", marks=pytest.mark.long)]


@pytest.mark.parametrize(
    ("draws", "seeds"),
    [
        pytest.param(60_000, range(5, 6), id="short"),
        pytest.param(1_000_000, range(1, 17), id="long", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("aversion", [5.0, 40.0])
def test_an_edge_at_its_bound_is_worth_nothing(aversion: float, draws: int, seeds: range) -> None:
    """E[exp(-a·R)] = 1, stuck coins included, within three standard errors of a simulation."""
    bound = paid(money_bound(SIGMA, aversion, LATE, abandon=90.0, stuck_loss=0.03))
    found, error = utilities(bound, aversion, draws, seeds)
    assert abs(found - 1) < 3 * error
    cheaper = MoneyBound(bound.risk, 0.0, bound.stuck)
    assert abs(utilities(cheaper, aversion, draws, seeds)[0] - 1) > 3 * error, "the price of stuck coins is not seen"


@pytest.mark.parametrize("draws", DRAWS)
def test_gamma_and_blocks_agree_with_a_simulation(draws: int) -> None:
    """The case of research/peers.md, section 5.1: aversion 200, a gamma wait and two blocks."""
    law = TransferTime((Gamma(1.0, 10.0), blocks(2, 9.65, 9.59)))
    bound = paid(money_bound(SIGMA / 10, 200.0, law))
    random = np.random.default_rng(3)
    shape, scale = (9.65 / 9.59) ** 2, 9.59**2 / 9.65
    times = random.gamma(1.0, 10.0, draws) + random.gamma(shape, scale, (2, draws)).sum(axis=0)
    felt = np.exp(-200.0 * (bound.total + SIGMA / 10 * np.sqrt(times) * random.standard_normal(draws)))
    assert abs(felt.mean() - 1) < 3 * felt.std() / sqrt(draws)


def test_what_no_edge_pays_for_is_refused() -> None:
    refused = money_bound(SIGMA, 500.0, LATE, abandon=60.0, stuck_loss=0.03)
    assert isinstance(refused, Reason)
    assert refused.check == "stuck_loss"
    never = money_bound(SIGMA, 5.0, TransferTime((Fixed(30.0),)), abandon=20.0)
    assert isinstance(never, Reason)
    assert never.check == "transfer_time"


@given(st.floats(1e-9, 0.9), st.floats(0, 5))
def test_the_price_of_a_late_arrival_solves_its_equation(stuck: float, pain: float) -> None:
    """(1-p)·exp(-x) + p·exp(pain) = 1, at x the price."""
    price = late_price(stuck, pain)
    if stuck * exp(pain) >= 1:
        assert price == inf
    else:
        assert (1 - stuck) * exp(-price) + stuck * exp(pain) == pytest.approx(1, rel=1e-9)
        assert price >= 0


@settings(max_examples=25)
@given(st.floats(1e-4, 3e-3), st.floats(0.1, 20), st.floats(1, 1.5), st.floats(1, 1.5), st.floats(0, 20))
def test_more_risk_never_costs_less(sigma: float, aversion: float, by: float, times: float, later: float) -> None:
    """A larger volatility, a larger aversion, a time that is longer for certain."""
    cost = paid(money_bound(sigma, aversion, LATE, abandon=120.0, stuck_loss=0.01)).total
    assert paid(money_bound(sigma * by, aversion, LATE, abandon=120.0, stuck_loss=0.01)).total >= cost * (1 - 1e-12)
    assert paid(money_bound(sigma, aversion * times, LATE, abandon=120.0, stuck_loss=0.01)).total >= cost * (1 - 1e-12)
    slower = TransferTime((*LATE.parts, Fixed(round(later, 2))))
    dearer = money_bound(sigma, aversion, slower, abandon=120.0, stuck_loss=0.01)
    assert isinstance(dearer, Reason) or dearer.total >= cost * (1 - 1e-12)
