"""Survival of edges: curve and errors equal scipy's; a chance is that of one's age and knows what it rests on."""

import warnings
from math import exp, inf, log, sqrt

import numpy as np
import pytest
from evaluation.price_paths import within_binomial
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.evaluate.lifetime import CERTAIN, Chance, Life, Lives, Survival
from cryptopipe.model.trading import Reason

SECOND = 10**9
MINUTE = 60 * SECOND

lives = st.lists(st.builds(Life, st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=50)
@given(lives)
def test_curve_and_errors_equal_scipys(seen: list[Life]) -> None:
    from scipy.stats import CensoredData, ecdf, norm

    closed = [life.duration for life in seen if life.closed]
    lost = [life.duration for life in seen if not life.closed]
    theirs = ecdf(CensoredData(uncensored=closed, right=lost)).sf
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings(action="ignore"):  # where none is left
        lows = theirs.confidence_interval(0.5).low.probabilities
    ours = Survival.of(seen)
    z = norm.ppf(0.75)
    for age, probability, low in zip(theirs.quantiles, theirs.probabilities, lows, strict=True):
        chance = ours.alive(int(age))
        assert chance.probability == pytest.approx(probability, abs=1e-12)
        if probability > 0:  # at zero scipy divides by it
            assert max(0.0, chance.probability - z * chance.error) == pytest.approx(low, abs=1e-9)
    halved = [age for age, share in zip(theirs.quantiles, theirs.probabilities, strict=True) if share <= 0.5 + 1e-12]
    assert ours.half_life * MINUTE == pytest.approx(halved[0] if halved else inf)


@given(lives, st.integers(0, 14), st.integers(0, 14))
def test_a_chance_onward_is_the_ratio_of_two_on_the_curve(seen: list[Life], age: int, latency: int) -> None:
    curve = Survival.of(seen)
    found = curve.onward(age, latency, enough=0)
    assert isinstance(found, Chance)
    before = curve.alive(age).probability
    if before > 0:
        assert found.probability == pytest.approx(curve.alive(age + latency).probability / before)
    assert found.error > 0 or latency == 0


@given(lives)
def test_the_order_of_lives_does_not_matter(seen: list[Life]) -> None:
    assert Survival.of(seen) == Survival.of(reversed(seen))


def test_a_worked_example() -> None:
    """Remission of leukaemia on 6-MP, 21 patients in weeks (Freireich et al. 1963), as tabulated in every textbook."""
    closed, lost = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = Survival.of([Life(t, True) for t in closed] + [Life(t, False) for t in lost])
    assert curve.at_risk == (21, 17, 15, 12, 11, 7, 6)
    table = {6: (0.857, 0.0764), 7: (0.807, 0.0869), 10: (0.753, 0.0963), 13: (0.690, 0.1068), 16: (0.627, 0.1141)}
    for week, expected in {**table, 22: (0.538, 0.1282), 23: (0.448, 0.1346)}.items():
        assert curve.alive(week) == pytest.approx(expected, abs=6e-4)
    assert curve.half_life * MINUTE == pytest.approx(23)
    assert curve.alive(5) == CERTAIN


def test_half_is_reached_by_a_product_of_ratios() -> None:
    """Such as five sixths of four fifths of three quarters: not always one half in floats."""
    for half in range(1, 60):
        assert Survival.of([Life(t * MINUTE, True) for t in range(1, 2 * half + 1)]).half_life == half
    assert Survival.of([Life(1, False)] * 9).half_life == inf


def _lives_of(rng: np.random.Generator, number: int, half_life: float) -> list[Life]:
    """Exponential lives, each lost sight of after an exponential time of the same mean."""
    ends, losses = rng.exponential(half_life / log(2), (2, number)) * MINUTE
    return [Life(int(min(end, loss)), bool(end <= loss)) for end, loss in zip(ends, losses, strict=True)]


def _covers(seeds: int) -> None:
    age, latency, hits, curves = SECOND, 2 * SECOND, 0, []
    truth = exp(-log(2) * latency / (0.1 * MINUTE))
    for seed in range(seeds):
        curves.append(Survival.of(_lives_of(np.random.default_rng(seed), 200, 0.1)))
        found = curves[-1].onward(age, latency)
        assert isinstance(found, Chance)
        hits += abs(found.probability - truth) <= 2 * found.error
    assert within_binomial(hits, seeds, 0.94, 0.97)
    halves = [curve.half_life for curve in curves]
    assert np.mean(halves) == pytest.approx(0.1, abs=3 * np.std(halves) / sqrt(seeds) + 0.001)


def test_the_chance_onward_is_within_its_error() -> None:
    _covers(100)


@pytest.mark.long
def test_the_chance_onward_is_within_its_error_over_two_thousand_seeds() -> None:
    _covers(2_000)


def test_few_lives_are_no_chance() -> None:
    seen = [Life(10 * SECOND, False)] * 19 + [Life(3 * SECOND, False)] * 50
    found = Survival.of(seen).onward(SECOND, 4 * SECOND)
    assert found == Reason("survival", False, "20 edges followed from 1000 ms to 5000 ms", "19")
    assert isinstance(Survival.of([*seen, Life(2 * SECOND, True)]).onward(SECOND, 4 * SECOND), Chance)
    assert isinstance(Survival.of([]).onward(0, 1), Reason)


def test_no_end_seen_is_not_certain() -> None:
    few, many = (Survival.of([Life(SECOND, False)] * count).onward(0, SECOND // 2) for count in (20, 2_000))
    assert isinstance(few, Chance)
    assert isinstance(many, Chance)
    assert few.probability == many.probability == 1
    assert 0.01 < few.error < 0.05
    assert 1e-4 < many.error < 5e-4
    assert Survival.of([Life(1, True)] * 40).onward(0, 0) == CERTAIN


def test_what_cannot_be_is_an_error() -> None:
    curve = Survival.of([Life(SECOND, True)] * 40)
    for age, latency in ((-1, 1), (1, -1)):
        with pytest.raises(ValueError, match="latency"):
            curve.onward(age, latency)
    for wrong in (lambda: Survival.of([Life(-1, True)]), lambda: Lives().and_one("cycle", Life(-1, True))):
        with pytest.raises(ValueError, match="a life of -1 ns"):
            wrong()


@given(
    st.lists(st.tuples(st.sampled_from(["two_venue", "triangle"]), st.builds(Life, st.integers(0, 9), st.booleans())))
)
def test_lives_are_kept_by_kind_and_the_oldest_forgotten(told: list[tuple[str, Life]]) -> None:
    before = Lives(most=5)
    known = before
    for kind, life in told:
        known = known.and_one(kind, life)
    for kind in ("two_venue", "triangle", "transfer"):
        assert known.curve(kind) == Survival.of([life for of, life in told if of == kind][-5:])
    assert before == Lives(most=5)
