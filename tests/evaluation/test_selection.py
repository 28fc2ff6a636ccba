"""Estimates that were chosen for being high: what shrinks them is what the truth among them is, and no more."""

from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.selection import Population, population
from cryptopipe.model.trading import Reason

finite = st.floats(-100, 100)
positive = st.floats(0.01, 100)


def found(estimates: list[float], errors: list[float], fewest: int = 2) -> Population:
    kind = population(estimates, errors, fewest)
    assert isinstance(kind, Population)
    return kind


@given(finite, st.floats(0, 100), positive, finite, positive)
def test_the_shrunk_estimate_is_the_posterior_of_two_normal_laws(
    mean: float, mean_error: float, deviation: float, estimate: float, error: float
) -> None:
    """By precisions, where the mean is known; with its error, never surer than that and never less sure than alone."""
    known = Population(mean, 0.0, deviation, 9)
    prior, seen = 1 / deviation**2, 1 / error**2
    centre, left = known.shrunk(estimate, error)
    assert centre == pytest.approx((prior * mean + seen * estimate) / (prior + seen), rel=1e-9, abs=1e-9)
    assert left == pytest.approx(1 / sqrt(prior + seen), rel=1e-9)
    _, unsure = Population(mean, mean_error, deviation, 9).shrunk(estimate, error)
    assert left * (1 - 1e-9) <= unsure <= error
    assert known.unseen == (mean, deviation)
    assert Population(mean, 3.0, 4.0, 9).unseen == (mean, 5.0)


@given(finite, finite)
def test_what_is_known_is_not_shrunk_and_what_is_all_error_is(mean: float, estimate: float) -> None:
    alike = Population(mean, 0.5, 0.0, 9)
    assert alike.shrunk(estimate, 0.0) == (pytest.approx(estimate), 0.0)
    assert alike.shrunk(estimate, 2.0) == (pytest.approx(mean), pytest.approx(0.5))
    assert alike.shrunk(estimate, 0.2)[1] == 0.2


def test_by_hand() -> None:
    """1, 2 and 6 vary by 7; errors of 1, 1 and 2 explain 2 of it."""
    kind = found([1.0, 2.0, 6.0], [1.0, 1.0, 2.0])
    assert (kind.mean, kind.count) == (3.0, 3)
    assert kind.deviation == pytest.approx(sqrt(7 - 2))
    assert kind.mean_error == pytest.approx(sqrt(7 / 3))
    assert found([1.0, 2.0], [5.0, 5.0]).deviation == 0.0


def test_the_winners_curse_is_seen_and_gone() -> None:
    """Normal truths with errors of their own: of the highest tenth of the estimates the mean is too high by most of an
    error; shrunk, the highest tenth is right within three standard errors, and its stated error is what it errs.
    """
    random = np.random.default_rng(5)
    truth = 2 + 0.5 * random.standard_normal(20_000)
    errors = random.uniform(0.2, 1.2, 20_000)
    estimates = truth + errors * random.standard_normal(20_000)
    kind = found(estimates.tolist(), errors.tolist())
    assert kind.mean == pytest.approx(2, abs=3 * kind.mean_error)
    assert kind.deviation == pytest.approx(0.5, abs=0.03)
    chosen = estimates > np.quantile(estimates, 0.9)
    assert (estimates - truth)[chosen].mean() > 0.8
    shrunk = np.array([kind.shrunk(*one) for one in zip(estimates, errors, strict=True)])
    best = shrunk[:, 0] > np.quantile(shrunk[:, 0], 0.9)
    off = (shrunk[:, 0] - truth)[best]
    assert abs(off.mean()) < 3 * off.std() / sqrt(best.sum())
    assert (off / shrunk[best, 1]).std() == pytest.approx(1, abs=0.05)


def test_few_estimates_tell_nothing_of_their_kind() -> None:
    assert isinstance(population([1.0] * 20, [0.1] * 20), Population)
    refused = population([1.0] * 19, [0.1] * 19)
    assert isinstance(refused, Reason)
    assert (refused.check, refused.limit, refused.measured) == ("selection", "20 estimates", "19")
    assert isinstance(population([1.0], [0.1], 1), Reason)


@pytest.mark.parametrize(
    ("estimates", "errors"), [([1.0, 2.0], [1.0]), ([1.0, nan], [1.0, 1.0]), ([1.0, 2.0], [1.0, -1.0]),
                              ([1.0, 2.0], [1.0, inf])],
)  # fmt: skip
def test_what_is_no_estimate_is_refused(estimates: list[float], errors: list[float]) -> None:
    with pytest.raises(ValueError, match="estimates"):
        population(estimates, errors)


def test_an_error_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="error"):
        Population(1.0, 0.1, 0.5, 9).shrunk(1.0, -0.1)
