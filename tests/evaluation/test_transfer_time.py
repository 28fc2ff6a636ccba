"""The law of the sum: against its parts, closed forms, simulated sums; its table; what is refused."""

from math import exp, inf, isinf, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cryptopipe.evaluate.chain_times import ChainTime, chain_time, chain_times
from cryptopipe.evaluate.transfer_blocks import Phase, Slots
from cryptopipe.evaluate.transfer_law import POINTS, Arrivals
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal, Part, Uniform
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import ASSUMED, ASSUMED_CREDIT, Processing, TransferTime, law_of, transfer_time
from cryptopipe.model.trading import Reason
from cryptopipe.sandbox.parameters import Parameters


def law_for(chain: str, confirmations: int | None = None, batch: float = 0.0) -> TransferTime:
    sending = Processing(ASSUMED.review, ASSUMED.rare, batch, ASSUMED.fee_level)
    law = transfer_time(chain, confirmations, sending)
    assert isinstance(law, TransferTime), law
    return law


def distance(arrivals: Arrivals, law: TransferTime) -> float:
    """Kolmogorov's, between the points and the law whose points they are."""
    after = np.cumsum(arrivals.weights) * (1 - arrivals.stuck)
    exact = np.array([1 - law.survival(time) for time in arrivals.times])
    before = np.concatenate(([0.0], after[:-1]))
    return max(np.abs(after - exact).max(), np.abs(before - exact).max()).item()


SOME = ("bitcoin", "cardano", "ethereum", "solana")
CHAINS = [pytest.param(one, marks=[] if one in SOME else pytest.mark.long) for one in sorted(chain_times())]


@pytest.mark.parametrize("chain", CHAINS)
def test_the_points_of_a_law_have_its_moments(chain: str) -> None:
    """Mean to 1e-5 and variance to a thousandth of those that the parts have exactly, on 512 points."""
    for law in (law_for(chain, batch=0.25), law_for(chain, 1)):
        arrivals = law.truncated()
        assert len(arrivals.times) <= POINTS
        assert (np.diff(arrivals.times) > 0).all()
        assert arrivals.weights.sum() == pytest.approx(1, abs=1e-12)
        mean = (arrivals.weights @ arrivals.times).item()
        assert mean == pytest.approx(law.mean, rel=1e-5)
        assert (arrivals.weights @ (arrivals.times - mean) ** 2).item() == pytest.approx(law.variance, rel=1e-3)
        assert arrivals.mean == pytest.approx(law.mean, rel=1e-5)
        assert arrivals.variance == pytest.approx(law.variance, rel=3e-4)
        assert arrivals.stuck == 0
        assert distance(arrivals, law) < 0.005


@pytest.mark.parametrize(
    ("draws", "most"),
    [pytest.param(30_000, 0.0125, id="short"), pytest.param(2_000_000, 0.005, id="long", marks=pytest.mark.long)],
)
@pytest.mark.parametrize("chain", ["bitcoin", "ethereum", "solana", "cardano"])
def test_the_points_of_a_law_are_where_simulated_sums_are(chain: str, draws: int, most: float) -> None:
    law = law_for(chain, batch=0.25)
    drawn, arrivals = np.sort(law.sample(draws, seed=21)), law.truncated()
    after = np.cumsum(arrivals.weights)
    for side, reached in (("right", after), ("left", np.concatenate(([0.0], after[:-1])))):
        simulated = np.searchsorted(drawn, arrivals.times, side=side) / draws
        assert np.abs(simulated - reached).max() < most


def test_a_sum_of_gamma_waits_is_gamma() -> None:
    law, exact = TransferTime((Gamma(2.0, 5.0), Gamma(1.5, 5.0), Fixed(3.0))), stats.gamma(3.5, loc=3.0, scale=5.0)
    for at in (3.5, 6.0, 15.0, 40.0, 90.0, 130.0):
        assert law.survival(at) == pytest.approx(exact.sf(at), abs=1e-5)
    for share in (0.001, 0.05, 0.5, 0.95, 0.9999):
        assert law.quantile(share) == pytest.approx(exact.ppf(share), rel=5e-4)


@pytest.mark.parametrize("at", [3.0, 10.0, 60.0])
def test_a_law_cut_at_a_time_is_the_law_given_that_time(at: float) -> None:
    """An exponential wait of mean 10 given X ≤ a has mean 10 - a/(exp(a/10) - 1)."""
    arrivals = TransferTime((Gamma(1.0, 10.0),)).truncated(at)
    assert arrivals.stuck == pytest.approx(exp(-at / 10), abs=1e-5)
    assert arrivals.mean == pytest.approx(10 - at / (exp(at / 10) - 1), rel=5e-4)
    assert (arrivals.weights @ arrivals.times).item() == pytest.approx(arrivals.mean, rel=1e-9)
    assert arrivals.times.max() <= at
    assert arrivals.weights.sum() == pytest.approx(1, abs=1e-12)


def test_parts_are_convolved_and_not_only_added_in_the_mean() -> None:
    """Two uniform waits make a triangle, a wait of two values in front of an exponential one makes a mixture."""
    triangle = TransferTime((Uniform(2.0), Uniform(2.0)))
    for at, expected in ((0.5, 0.125 / 4), (2.0, 0.5), (3.0, 1 - 0.5 / 4)):
        assert 1 - triangle.survival(at) == pytest.approx(expected, abs=1e-4)
    mixed = TransferTime((Rarely(0.25, Fixed(30.0)), Gamma(1.0, 10.0)))
    expected = 0.75 * exp(-4) + 0.25 * exp(-1)
    assert mixed.survival(40.0) == pytest.approx(expected, abs=1e-5)
    assert mixed.survival(29.0) == pytest.approx(0.75 * exp(-2.9) + 0.25, abs=1e-5)


def test_a_time_without_chance_is_exact() -> None:
    law = TransferTime((Fixed(2.0), Fixed(0.5)))
    arrivals = law.truncated()
    assert arrivals.times.tolist() == [2.5]
    assert arrivals.weights.tolist() == [1.0]
    assert (law.mean, law.variance, law.survival(2.499), law.survival(2.5)) == (2.5, 0.0, 1.0, 0.0)
    assert law.quantile(0.0) == law.quantile(1.0) == 2.5
    assert law.log_mgf(3.0) == 7.5
    assert law.truncated(2.5).stuck == 0.0
    late = law.truncated(2.4)
    assert (late.stuck, len(late.times)) == (1.0, 0)
    nothing = TransferTime((Fixed(0.0),)).truncated()
    assert nothing.times.tolist() == [0.0]


def test_discrete_times_keep_their_atoms() -> None:
    law = TransferTime((Slots(2.0, 0.8, 2), Phase(0.5, 4), Fixed(1.0)))
    misses = stats.nbinom(2, 0.8)
    assert law.survival(5.49) == 1.0
    assert law.survival(5.5) == pytest.approx(1 - misses.pmf(0) / 4, abs=1e-12)
    assert law.survival(7.2) == pytest.approx(1 - misses.pmf(0), abs=1e-12)
    arrivals = law.truncated(9.0)
    assert arrivals.times.tolist() == pytest.approx([5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0])
    assert arrivals.stuck == pytest.approx(misses.sf(1), abs=1e-12)


def test_coins_that_never_come_are_said() -> None:
    law = TransferTime((Gamma(1.0, 10.0), Rarely(0.25, Never())))
    assert law.mean == law.variance == law.log_mgf(1e-9) == inf
    assert law.never == pytest.approx(0.25)
    assert law.survival(1e6) == pytest.approx(0.25)
    assert law.quantile(0.76) == inf
    assert law.quantile(0.375) == pytest.approx(10 * log(2), rel=1e-4)
    assert law.truncated().stuck == pytest.approx(0.25, abs=1e-9)
    assert law.truncated().mean == pytest.approx(10, rel=1e-5)
    alone = TransferTime((Fixed(5.0), Rarely(0.01, Never())))
    assert alone.truncated().stuck == pytest.approx(0.01)
    assert alone.truncated().times.tolist() == [5.0]


waits = st.one_of(
    st.builds(Gamma, st.floats(0.3, 30), st.floats(0.05, 20)),
    st.builds(Lognormal, st.floats(0.05, 30), st.floats(0.2, 1.2)),
    st.builds(Uniform, st.floats(0.05, 60)),
    st.builds(Fixed, st.floats(0, 60)),
    st.builds(Slots, st.floats(0.01, 1), st.floats(0.2, 1), st.integers(1, 30)),
    st.builds(Rarely, st.floats(0, 0.2), st.builds(Lognormal, st.floats(5, 60), st.floats(0.2, 1))),
)


@settings(max_examples=25)
@given(st.lists(waits, min_size=1, max_size=6), st.floats(0.001, 0.999))
def test_any_sum_keeps_its_moments_and_its_order(parts: list[Part], share: float) -> None:
    law = TransferTime(tuple(parts))
    arrivals = law.truncated()
    assert arrivals.mean == pytest.approx(law.mean, rel=3e-4)
    assert arrivals.variance == pytest.approx(law.variance, rel=2e-3, abs=1e-12)
    at = law.quantile(share)
    assert law.survival(at * (1 + 1e-9) + 1e-9) <= 1 - share + 1e-6
    assert law.survival(at * (1 - 1e-9) - 1e-9) >= 1 - share - 1e-6
    assert (arrivals.times >= sum(part.least for part in parts) * (1 - 1e-9)).all()


@pytest.mark.parametrize("chance", [1e-46, 1e-20, 1e-17, 1e-15, 1e-10, 1e-6, 1e-3])
def test_what_hardly_ever_happens_does_not_hide_the_rest(chance: float) -> None:
    law = TransferTime((Slots(1.0, 0.75, 1), Rarely(chance, Lognormal(5.0, 1.0))))
    assert law.truncated().mean == pytest.approx(law.mean, rel=1e-5)
    assert law.survival(1.5) == pytest.approx(0.25, abs=chance + 1e-9)


def test_blocks_that_are_one_draw_have_the_replications_variance() -> None:
    apart, together = (law_of(chain_times()["bitcoin"], 4, correlated=one) for one in (False, True))
    assert apart.mean == together.mean
    assert together.variance - apart.variance == pytest.approx(100 * (3**2 - 3))


@pytest.mark.parametrize(("slot_s", "batch_s"), [(12, 15), (12, 4), (12, 12), (3, 60), (10, 4), (6, 15)])
def test_batches_meet_slots_where_their_multiples_do(slot_s: int, batch_s: int) -> None:
    """What leaves at a multiple of a batch waits for the next slot after it: by counting through a day."""
    row = ChainTime("x", "slots", slot_s, 0, 1, 0, 1, 1, "", "")
    law = law_of(row, 1, Processing(Fixed(0.0), batch=batch_s / 60), Fixed(0.0))
    waits = [slot_s - at % slot_s for at in range(0, 86_400, batch_s)]
    mean = sum(waits) / len(waits)
    variance = sum((one - mean) ** 2 for one in waits) / len(waits)
    assert law.mean * 60 == pytest.approx(batch_s / 2 + mean, rel=1e-9)
    assert law.variance * 3600 == pytest.approx(batch_s**2 / 12 + variance, rel=1e-9)
    assert law.quantile(0.0) * 60 == pytest.approx(min(waits), rel=1e-9)


def test_more_confirmations_take_longer_at_every_time() -> None:
    for chain in ("bitcoin", "ethereum", "cardano"):
        laws = [law_for(chain, count) for count in (1, 2, 6, 30)]
        for at in (0.5, 2.0, 10.0, 40.0, 200.0):
            left = [law.survival(at) for law in laws]
            assert left == sorted(left)
        assert law_for(chain).parts == law_for(chain, chain_times()[chain].confirmations).parts


def test_each_row_says_where_it_is_from() -> None:
    assert len(chain_times()) >= 30
    for row in chain_times().values():
        assert row.source, row.chain
        assert row.as_of.startswith("20"), row.chain
    law = law_for("bitcoin")
    assert "Nakamoto" in law.source
    assert "assumed" in transfer_time("bitcoin", None).source  # type: ignore[union-attr]


def test_the_table_and_the_sandbox_state_the_same_facts() -> None:
    known = Parameters.load().chains
    assert set(chain_times()) == set(known) - {"default"}
    for name, row in chain_times().items():
        law = known[name]
        assert {field: getattr(row, field) for field in law.__struct_fields__} == {
            field: getattr(law, field) for field in law.__struct_fields__
        }, name


def test_an_unknown_chain_is_refused_and_not_guessed() -> None:
    refused = transfer_time("bitcoinn", 3)
    assert isinstance(refused, Reason)
    assert not refused.passed
    assert (refused.check, refused.measured) == ("transfer_time", "bitcoinn")
    assert "did you mean 'bitcoin'" in refused.limit
    assert isinstance(chain_time("default"), Reason)


def test_what_cannot_be_is_an_error() -> None:
    row = chain_times()["bitcoin"]
    with pytest.raises(ValueError, match="confirmations must be at least 1, got 0"):
        law_of(row, 0)
    with pytest.raises(ValueError, match="at least one part"):
        TransferTime(())
    with pytest.raises(ValueError, match="share must be within"):
        law_for("bitcoin").quantile(1.1)
    with pytest.raises(ValueError, match="missed"):
        ChainTime("x", "work", 600, 0.1, 0.5, 0, 1, 1, "", "")
    with pytest.raises(ValueError, match="batch"):
        Processing(Fixed(1.0), batch=-1.0)


def test_a_law_is_made_once() -> None:
    assert transfer_time("bitcoin", 3) is transfer_time("bitcoin", 3)
    law = law_for("bitcoin")
    assert law.truncated(90.0) is TransferTime(law.parts, law.source).truncated(90.0)


def test_the_same_seed_draws_the_same() -> None:
    law = law_for("ethereum")
    assert law.sample(50, 1).tolist() == law.sample(50, 1).tolist()
    assert law.sample(50, 1).tolist() != law.sample(50, 2).tolist()


def test_the_assumed_law_has_no_exponential_moment() -> None:
    """Reviews are lognormal, so exponential utility needs an abandon time."""
    law = law_for("bitcoin")
    assert isinf(law.log_mgf(1e-12))
    assert law.log_mgf(-0.01) > -0.01 * law.mean
    assert law.mean == pytest.approx(
        ASSUMED.review.mean
        + 0.01 * 60 * exp(0.5)
        + 0.01 * 15 * exp(0.32)
        + law.parts[3].mean
        + 20
        + ASSUMED_CREDIT.mean
    )
    assert sqrt(law.variance) > 20
