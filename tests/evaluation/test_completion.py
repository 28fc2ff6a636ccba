"""The edge expected at the fill and the chance that all legs fill, against draws of the same worlds."""

from decimal import Decimal
from math import exp, sqrt

import numpy as np
import pytest
from evaluation.price_paths import within_binomial
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.closing import Closing
from cryptopipe.evaluate.completion import Completion, Record, Source, completion, fill_edge
from cryptopipe.evaluate.lifetime import CERTAIN, Chance
from cryptopipe.model.trading import Reason

SECOND = 10**9
MINUTE = 60 * SECOND

chances = st.builds(Chance, st.floats(0, 1), st.floats(0, 0.2))


def closes(kappa: float, transient: float, kappa_error: float = 0.0, transient_error: float = 0.0) -> Closing:
    return Closing(kappa, kappa_error, transient, 0.0, 0.0, transient, transient_error, 0.0, 100, 10.0)


@given(st.floats(-0.01, 0.01), chances, st.integers(0, 10 * MINUTE), st.floats(-0.01, 0))
def test_without_closing_it_is_the_mean_of_alive_and_missed(
    edge: float, alive: Chance, latency: int, missed: float
) -> None:
    found = fill_edge(edge, alive, None, latency, missed)
    assert found.expected == pytest.approx(Decimal(alive.probability * edge + (1 - alive.probability) * missed))
    assert found.error == pytest.approx(Decimal(abs(edge - missed) * alive.error))
    assert found.alive == pytest.approx(Decimal(alive.probability))


@given(st.floats(-0.01, 0.01), st.floats(0, 100), st.floats(-0.01, 0.01))
def test_at_once_the_edge_is_the_one_shown(edge: float, kappa: float, transient: float) -> None:
    found = fill_edge(edge, CERTAIN, closes(kappa, transient, 1.0, 0.0), 0)
    assert found.expected == pytest.approx(Decimal(edge))
    assert found.error == 0


@given(st.floats(0, 0.01), st.floats(0.01, 100), st.lists(st.integers(0, 10 * MINUTE), min_size=2, max_size=2))
def test_later_is_never_more(transient: float, kappa: float, latencies: list[int]) -> None:
    first, last = (fill_edge(0.01, CERTAIN, closes(kappa, transient), one) for one in sorted(latencies))
    assert last.expected <= first.expected


def test_it_is_the_mean_over_edges_that_close_and_die() -> None:
    """An Ornstein-Uhlenbeck transient part, and an end that comes to each edge alike whatever its size."""
    rng = np.random.default_rng(1)
    kappa, lasting, transient, hazard, minutes, missed = 6.0, 4e-4, 8e-4, 3.0, 0.1, -2e-4
    deviation = 5e-4 * sqrt(1 - exp(-2 * kappa * minutes))
    edges = lasting + transient * exp(-kappa * minutes) + deviation * rng.standard_normal(200_000)
    results = np.where(rng.exponential(1 / hazard, 200_000) > minutes, edges, missed)
    alive = Chance(exp(-hazard * minutes), 0.0)
    found = fill_edge(lasting + transient, alive, closes(kappa, transient), int(minutes * MINUTE), missed)
    assert abs(results.mean() - float(found.expected)) <= 3 * results.std() / sqrt(200_000)


def test_the_error_is_that_of_its_parts() -> None:
    """The spread over worlds drawn with the errors of rate, transient part and survival."""
    rng = np.random.default_rng(2)
    kappa, transient, alive, minutes = 6.0, 8e-4, 0.7, 0.1
    found = fill_edge(1e-3, Chance(alive, 0.03), closes(kappa, transient, 0.8, 1e-4), int(minutes * MINUTE), -1e-4)
    rates, parts, shares = (mean + spread * rng.standard_normal(50_000) for mean, spread in
                            ((kappa, 0.8), (transient, 1e-4), (alive, 0.03)))  # fmt: skip
    drawn = shares * (1e-3 - (1 - np.exp(-rates * minutes)) * parts) - (1 - shares) * 1e-4
    assert float(found.error) == pytest.approx(drawn.std(), rel=0.03)


def test_a_latency_below_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="a latency of -1 ns"):
        fill_edge(0.01, CERTAIN, None, -1)


def known(found: Completion | Reason) -> Completion:
    assert isinstance(found, Completion), found
    return found


@given(st.lists(chances, min_size=1, max_size=5))
def test_independent_levels_multiply(legs: list[Chance]) -> None:
    found = known(completion(legs, Record()))
    product = np.prod([leg.probability for leg in legs])
    assert found.source is Source.LEVELS
    assert found.probability == pytest.approx(Decimal(float(product)))
    assert found.at_best == pytest.approx(Decimal(min(leg.probability for leg in legs)))
    assert 0 <= found.low <= found.probability <= found.at_best or found.probability == pytest.approx(found.at_best)


@given(st.lists(chances, min_size=1, max_size=4), chances)
def test_one_more_leg_never_helps(legs: list[Chance], more: Chance) -> None:
    assert known(completion([*legs, more], Record())).probability <= known(completion(legs, Record())).probability


def test_rivals_who_take_all_legs_leave_it_between_the_two() -> None:
    rng = np.random.default_rng(3)
    taken_by_all, own = rng.random(50_000) < 0.1, rng.random((3, 50_000)) < 0.05
    filled = ~(taken_by_all | own)
    found = known(completion([Chance(leg.mean().item(), 0.001) for leg in filled], Record()))
    together = filled.all(axis=0).mean()
    assert float(found.probability) < together - 0.01
    assert together < float(found.at_best) - 0.01


def test_its_low_end_is_that_of_uncertain_levels() -> None:
    rng = np.random.default_rng(4)
    found = known(completion([Chance(0.8, 0.04), Chance(0.6, 0.05)], Record()))
    drawn = (0.8 + 0.04 * rng.standard_normal(100_000)) * (0.6 + 0.05 * rng.standard_normal(100_000))
    assert float(found.low) == pytest.approx(np.quantile(drawn, 0.05), abs=0.003)
    assert known(completion([Chance(0.1, 0.2)], Record())).low == 0


@given(st.integers(30, 500), st.data())
def test_orders_are_believed_as_soon_as_there_are_enough(attempted: int, data: st.DataObject) -> None:
    from scipy.stats import beta

    completed = data.draw(st.integers(0, attempted))
    found = known(completion([Reason("survival", False, "", "")], Record(completed, attempted)))
    posterior = beta(completed + 0.5, attempted - completed + 0.5)
    assert found.source is Source.ORDERS
    assert float(found.probability) == pytest.approx(posterior.mean())
    assert float(found.low) == pytest.approx(posterior.ppf(0.05), rel=1e-6)
    assert found.at_best == found.probability


def test_what_is_promised_of_orders_holds() -> None:
    rng = np.random.default_rng(5)
    kept = 0
    for truth in rng.uniform(0.05, 0.95, 600):
        record = Record()
        for filled in rng.random(50) < truth:
            record = record.after(bool(filled))
        kept += float(known(completion([CERTAIN], record)).low) <= truth
    assert within_binomial(kept, 600, 0.945, 0.955)


def test_what_is_unknown_is_refused() -> None:
    unknown = Reason("survival", False, "20 edges followed from 0 ms to 90 ms", "3")
    assert completion([CERTAIN, unknown], Record(20, 29)) == unknown
    with pytest.raises(ValueError, match="without legs"):
        completion([], Record(30, 30))
    for completed, attempted in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"{completed} completed of {attempted} attempted"):
            Record(completed, attempted)
    assert Record(1, 2).after(True) == Record(2, 3)
    assert Record(1, 2).after(False) == Record(1, 3)
