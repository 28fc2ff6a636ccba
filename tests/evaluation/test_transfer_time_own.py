"""What own transfers teach: the table without any, the data with many, those that wait in between."""

from math import exp, inf, isinf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cryptopipe.evaluate.arrival import Drift
from cryptopipe.evaluate.own_transfers import STRENGTH, LearnedTime, OwnTransfers, Road, Seen, learned
from cryptopipe.evaluate.price_risk import Aversion, InFlight, judge
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import TransferTime, transfer_time
from cryptopipe.model.facts import VenueId

TABLE = TransferTime((Gamma(1.0, 10.0),))
ROAD = Road(VenueId("alpha"), "bitcoin", VenueId("beta"))
times = st.floats(0.01, 200.0)
histories = st.lists(st.builds(Seen, times, st.booleans()), min_size=1, max_size=30)


def test_without_own_transfers_the_law_is_the_tables() -> None:
    assert learned(TABLE, []) is TABLE
    assert OwnTransfers().law(ROAD, TABLE) is TABLE
    other = Road(VenueId("beta"), "bitcoin", VenueId("alpha"))
    assert OwnTransfers().after(ROAD, [Seen(5.0)]).law(other, TABLE) is TABLE


@settings(max_examples=15)
@given(st.lists(times, min_size=1, max_size=20), st.floats(0.5, 100), times)
def test_where_all_arrived_it_is_the_mixture(arrived: list[float], strength: float, at: float) -> None:
    law = learned(TABLE, map(Seen, arrived), strength)
    whole = strength + len(arrived)
    left = (strength * exp(-at / 10) + sum(one > at for one in arrived)) / whole
    assert law.survival(at) == pytest.approx(left, abs=2e-5)
    mean = (strength * 10 + sum(arrived)) / whole
    assert law.mean == pytest.approx(mean, rel=1e-4)
    square = (strength * 200 + sum(one**2 for one in arrived)) / whole
    assert law.variance == pytest.approx(square - mean**2, rel=1e-4)
    for s in (-0.1, 0.004, 0.09):
        moment = (strength / (1 - 10 * s) + sum(exp(s * one) for one in arrived)) / whole
        assert law.log_mgf(s) == pytest.approx(log(moment), abs=3e-5)
    assert law.log_mgf(0.11) == inf


def test_one_that_waits_gives_its_share_to_all_later_times() -> None:
    """By hand from the formula of Susarla and Van Ryzin: α = 4·exp(-u/10), one that waits for 15, one arrived at 6."""
    law = learned(TABLE, [Seen(15.0, arrived=False), Seen(6.0)], strength=4.0)
    alpha = 4 * exp(-1.5)
    assert law.survival(5.0) == pytest.approx((4 * exp(-0.5) + 2) / 6, abs=1e-5)
    assert law.survival(10.0) == pytest.approx((4 * exp(-1.0) + 1) / 6, abs=1e-5)
    assert law.survival(15.0) == pytest.approx((alpha + 1) / 6, abs=1e-5)
    assert law.survival(30.0) == pytest.approx(4 * exp(-3.0) / 6 * (alpha + 1) / alpha, abs=1e-5)
    later = (alpha + 1) / 6 * (15 + 10)  # the exponential time forgets what it waited
    sooner = (4 * (10 - 25 * exp(-1.5)) + 6) / 6
    assert law.mean == pytest.approx(sooner + later, rel=1e-4)


@settings(max_examples=15)
@given(histories, st.floats(0.5, 50))
def test_nothing_is_lost_and_order_is_kept(history: list[Seen], strength: float) -> None:
    law = learned(TABLE, history, strength)
    at = [0.0, 0.5, 3.0, 9.0, 30.0, 99.0, 199.0, 300.0]
    left = [law.survival(one) for one in at]
    assert left == sorted(left, reverse=True)
    assert left[0] == pytest.approx(1, abs=1e-12)
    assert law.survival(1e9) < 1e-8
    arrivals = law.truncated(40.0)
    assert arrivals.stuck == pytest.approx(law.survival(40.0), abs=1e-12)
    assert arrivals.weights.sum() == pytest.approx(1)
    assert law.truncated().mean == pytest.approx(law.mean, rel=1e-4)
    assert law.truncated().variance == pytest.approx(law.variance, rel=1e-2)
    share = 1 - law.survival(12.0)
    assert law.quantile(share) <= 12.0 + 1e-9
    if all(one.arrived for one in history):
        return
    waited = learned(
        TABLE, [Seen(one.minutes + 5, one.arrived) if not one.arrived else one for one in history], strength
    )
    assert all(waited.survival(one) >= law.survival(one) - 1e-6 for one in at), "who waits longer arrives later"
    assert waited.mean >= law.mean - 1e-6


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=2, max_size=25))
def test_without_the_table_it_is_kaplan_and_meiers(history: list[tuple[int, bool]]) -> None:
    """Up to the last arrival, against scipy's own; a table that knows nothing, and counts for nothing."""
    arrived = [minutes for minutes, done in history if done]
    if not arrived:
        return
    vague = TransferTime((Fixed(0.0), Rarely(0.5, Gamma(1.0, 1e5))))
    law = learned(vague, [Seen(minutes, done) for minutes, done in history], strength=1e-6)
    waiting = [minutes for minutes, done in history if not done]
    curve = stats.ecdf(stats.CensoredData(uncensored=arrived, right=waiting)).sf
    for at in range(1, max(arrived) + 1):
        if at <= min(max(arrived), max(waiting, default=99)):
            assert law.survival(at + 0.5) == pytest.approx(curve.evaluate(at + 0.5), abs=1e-4)


@pytest.mark.parametrize(("count", "most"), [(3_000, 0.035), pytest.param(100_000, 0.006, marks=pytest.mark.long)])
def test_many_transfers_outweigh_the_table(count: int, most: float) -> None:
    """Of a law that the table does not know, a third of them seen only while they waited."""
    random = np.random.default_rng(5)
    took, seen_for = 20 * np.exp(0.5 * random.standard_normal(count)), random.exponential(25.0, count)
    history = [Seen(min(a, b), bool(a <= b)) for a, b in zip(took.tolist(), seen_for.tolist(), strict=True)]
    assert 0.4 < sum(not one.arrived for one in history) / count < 0.65
    law, truth = learned(TABLE, history), stats.lognorm(0.5, scale=20)
    at = truth.ppf(np.linspace(0.01, 0.97, 60)).tolist()
    assert max(abs(law.survival(one) - truth.sf(one)) for one in at) < most
    assert max(abs(TABLE.survival(one) - truth.sf(one)) for one in at) > 0.3
    ignorant = learned(TABLE, [one for one in history if one.arrived])
    assert max(abs(ignorant.survival(one) - truth.sf(one)) for one in at) > 0.1, "leaving out the slow ones is seen"


def test_what_is_infinite_stays_so() -> None:
    heavy = learned(TransferTime((Lognormal(5.0, 0.8),)), [Seen(4.0), Seen(9.0, arrived=False)])
    assert isinf(heavy.log_mgf(1e-6))
    assert heavy.log_mgf(-1e-6) == pytest.approx(-1e-6 * heavy.mean, rel=1e-4)
    lost = learned(TransferTime((Gamma(1.0, 10.0), Rarely(0.1, Never()))), [Seen(4.0)], 9.0)
    assert lost.mean == lost.variance == lost.log_mgf(1e-9) == inf
    assert lost.survival(1e6) == pytest.approx(0.09, abs=1e-6)
    assert lost.quantile(0.95) == inf


def test_coins_that_came_back_count_as_never() -> None:
    law = learned(TABLE, [Seen(inf, arrived=False), Seen(8.0), Seen(12.0)], strength=2.0)
    assert law.survival(1e6) == pytest.approx(1 / 5, abs=1e-6)
    assert law.truncated().stuck == pytest.approx(1 / 5, abs=1e-6)
    assert law.mean == inf


def test_who_waits_longer_than_the_table_can_say_is_stuck() -> None:
    law = learned(TransferTime((Fixed(5.0),)), [Seen(10.0, arrived=False), Seen(5.0), Seen(6.0)], strength=3.0)
    assert law.survival(5.0) == pytest.approx(2 / 6, abs=1e-9)
    assert law.survival(100.0) == pytest.approx(1 / 6, abs=1e-9)
    assert law.mean == inf
    assert law.truncated().times.tolist() == [5.0, 6.0]


def test_a_learned_law_is_judged_like_any() -> None:
    table = transfer_time("bitcoin", 3)
    assert isinstance(table, TransferTime)
    slow = OwnTransfers().after(ROAD, [Seen(90.0 + k) for k in range(20)]).law(ROAD, table)
    assert isinstance(slow, LearnedTime)
    assert slow.strength == STRENGTH
    drift, aversion = Drift(1.1e-3), Aversion(2.0, 1000.0, 240.0, 0.02)
    before, after = (judge(0.02, 5000.0, law, drift, aversion) for law in (table, slow))
    assert isinstance(before, InFlight)
    assert isinstance(after, InFlight)
    assert after.bound > before.bound
    assert after.certainty < before.certainty
    assert after.minutes == pytest.approx((before.minutes + 99.5) / 2, rel=1e-2)
    assert learned(table, [Seen(90.0 + k) for k in range(20)]) == slow


@pytest.mark.parametrize("wrong", [lambda: Seen(-1.0), lambda: Seen(float("nan")), lambda: Seen(inf)])
def test_times_that_cannot_be_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="minutes must be"):
        wrong()  # type: ignore[operator]
    with pytest.raises(ValueError, match="strength"):
        OwnTransfers(strength=0.0)
