"""The charge for quotes of different instants: zero for none, never less for more doubt, exceeded as rarely as said."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.skew import Sight, by_bound, by_clock, skew_charge

MILLISECOND = 10**6
SECOND = 10**9
MINUTE = 60 * SECOND

spans = st.integers(0, MINUTE)
sigmas = st.floats(0, 0.01)
sights = st.builds(Sight, sigmas, spans)
confidences = st.floats(0.5, 0.9999)
correlations = st.floats(-1, 1)


@given(sigmas, sigmas, confidences, correlations)
def test_what_was_seen_just_now_costs_nothing(sell: float, buy: float, confidence: float, correlation: float) -> None:
    just_now = by_clock(sell, 0, 5 * SECOND, 5 * SECOND + 7, offset=7, error=0)
    assert just_now == Sight(sell, 0)
    assert skew_charge(just_now, by_bound(buy, 0, 0, 0, 0), confidence, correlation) == 0


@given(sights, sights, spans, sigmas, st.tuples(confidences, confidences), correlations)
def test_more_doubt_never_costs_less(
    sell: Sight, buy: Sight, older: int, sigma: float, confidences: tuple[float, float], correlation: float
) -> None:
    low, high = sorted(confidences)
    charge = skew_charge(sell, buy, low, correlation)
    careful = charge * (1 - Decimal("1e-11"))  # two figures of twelve digits
    assert skew_charge(replace(sell, staleness=sell.staleness + older), buy, low, correlation) >= careful
    assert skew_charge(sell, replace(buy, staleness=buy.staleness + older), low, correlation) >= careful
    assert skew_charge(replace(sell, sigma=sell.sigma + sigma), buy, low, correlation) >= careful
    assert skew_charge(sell, replace(buy, sigma=buy.sigma + sigma), low, correlation) >= careful
    assert skew_charge(sell, buy, high, correlation) >= careful
    assert skew_charge(sell, buy, low, -1.0) >= careful


@given(sights, sights, confidences, correlations)
def test_the_venues_may_change_places(sell: Sight, buy: Sight, confidence: float, correlation: float) -> None:
    assert skew_charge(sell, buy, confidence, correlation) == skew_charge(buy, sell, confidence, correlation)


@given(sights, sights, confidences, st.integers(2, 9))
def test_twice_the_volatility_or_four_times_the_age_is_twice_the_charge(
    sell: Sight, buy: Sight, confidence: float, factor: int
) -> None:
    charge = factor * skew_charge(sell, buy, confidence)
    wilder = (replace(one, sigma=one.sigma * factor) for one in (sell, buy))
    older = (replace(one, staleness=one.staleness * factor**2) for one in (sell, buy))
    assert skew_charge(*wilder, confidence) == pytest.approx(charge)
    assert skew_charge(*older, confidence) == pytest.approx(charge)


def test_one_quote_of_a_minute_ago_is_charged_its_quantile() -> None:
    """One sigma of a minute at the 95 % quantile of the normal law, 1.644853626951 by any table."""
    assert skew_charge(Sight(0.001, MINUTE), Sight(0.5, 0), 0.95) == Decimal("0.00164485362695")
    assert skew_charge(Sight(0.001, MINUTE), Sight(0.001, 3 * MINUTE), 0.95) == Decimal("0.00328970725390")


@pytest.mark.parametrize("correlation", [-0.7, 0.0, 0.6, 1.0])
@pytest.mark.parametrize("ages", [(0.2, 0.05), (1.0, 1.0), (0.1, 3.0)])
def test_it_is_exceeded_as_rarely_as_said(correlation: float, ages: tuple[float, float]) -> None:
    """Paths of two correlated prices, each seen at some moment within its bound, the oldest and a random one."""
    rng, draws = np.random.default_rng(7), 40_000
    sigma_sell, sigma_buy = 0.001, 0.0016
    charge = float(
        skew_charge(
            Sight(sigma_sell, int(ages[0] * SECOND)), Sight(sigma_buy, int(ages[1] * SECOND)), 0.95, correlation
        )
    )
    for part in (1.0, rng.random(), 0.0):
        missed = sorted({ages[0] * part, ages[1]})
        shown_less_true = np.zeros(draws)
        for begin, end in zip([0.0, *missed], missed, strict=False):  # seconds before now
            common, own = rng.standard_normal((2, draws)) * ((end - begin) / 60) ** 0.5
            sell = common * sigma_sell if end <= ages[0] * part else 0.0
            buy = (correlation * common + (1 - correlation**2) ** 0.5 * own) * sigma_buy if end <= ages[1] else 0.0
            shown_less_true -= sell - buy
        assert (shown_less_true > charge).mean() <= 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5


def test_it_is_not_far_more_than_needed() -> None:
    rng = np.random.default_rng(8)
    moves = 0.001 * rng.standard_normal(40_000) - 0.002 * 0.5**0.5 * rng.standard_normal(40_000)
    charge = float(skew_charge(Sight(0.001, MINUTE), Sight(0.002, MINUTE // 2)))
    assert (moves > charge).mean() == pytest.approx(0.05, abs=0.004)


def test_a_clock_that_is_known_tells_how_old_a_frame_was() -> None:
    arrival, offset = 1_000 * SECOND, 1_270 * MILLISECOND  # the venue's clock is ahead of ours
    event_time = arrival + offset - 30 * MILLISECOND  # 30 ms on the way
    assert by_clock(0.1, 0, arrival, event_time, offset, 0) == Sight(0.1, 30 * MILLISECOND)
    assert by_clock(0.1, 7 * MILLISECOND, arrival, event_time, offset, 5 * MILLISECOND).staleness == 42 * MILLISECOND
    early = by_clock(0.1, 7 * MILLISECOND, arrival, event_time + SECOND, offset, 5 * MILLISECOND)
    assert early.staleness == 7 * MILLISECOND  # no frame is younger than its arrival


@given(st.integers(-5 * SECOND, 5 * SECOND), st.integers(0, SECOND), st.integers(0, SECOND), spans, spans)
def test_no_true_staleness_is_beyond_the_one_assumed(offset: int, way: int, error: int, age: int, more: int) -> None:
    """Whatever the true offset within its error, and for a clock that nobody asked any way within its bound."""
    arrival = 1_000 * SECOND
    for wrong in (-error, 0, error):
        event_time = arrival - way + offset + wrong
        assert by_clock(0.1, age, arrival, event_time, offset, error).staleness >= way + age
    least, lag = way - offset, way + more - offset
    assert by_bound(0.1, age, lag, least, bound=way).staleness == age + way + more


def test_what_cannot_be_is_an_error() -> None:
    one = Sight(0.1, 1)
    for wrong in (
        lambda: Sight(-0.1, 0),
        lambda: Sight(float("nan"), 0),
        lambda: Sight(0.1, -1),
        lambda: by_clock(0.1, -1, 0, 0, 0, 5),
        lambda: by_clock(0.1, 9, 0, 9, 0, -1),
        lambda: by_bound(0.1, 9, 0, 0, -1),
        lambda: skew_charge(one, one, 0.49),
        lambda: skew_charge(one, one, 1.0),
        lambda: skew_charge(one, one, 0.9, 1.1),
    ):
        with pytest.raises(ValueError, match=r"^an? "):
            wrong()
