"""Volatility of a noisy price: unbiased, with an honest error, or refused where a window says nothing."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.price_paths import MINUTE, START, Ints, brownian_bid, rough, stamps, wiener, within_binomial
from hypothesis import given
from hypothesis import strategies as st
from recordings import needs_recordings, read_lines

from cryptopipe.core import Book
from cryptopipe.evaluate.ticks import Ticks
from cryptopipe.evaluate.volatility import Volatility, Wanted, volatility
from cryptopipe.model.events import LevelFormat
from cryptopipe.model.trading import Reason

SIGMA = 0.0011  # 80 % a year
SECOND = 10**9


def known(found: Volatility | Reason) -> Volatility:
    assert isinstance(found, Volatility), found
    return found


def refused(found: Volatility | Reason) -> str:
    assert isinstance(found, Reason), found
    assert (found.check, found.passed) == ("volatility", False)
    return f"{found.limit}: {found.measured}"


NOISY = [(5_000, 6.0, 10.0, 1), (25_000, 6.0, 10.0, 100), (600, 6.0, 1.0, 500), (2_000, 60.0, 10.0, 1)]
"""Rows, minutes, variance of the noise in units of that per row, tick in cents."""


def _honest(rows: int, minutes: float, noise: float, tick: int, seeds: int) -> None:
    """No bias beyond three standard errors; the truth within two errors in about 95 %, never far more or less."""
    found = []
    for seed in range(seeds):
        times, bids = brownian_bid(seed, rows, minutes, SIGMA, noise, tick)
        found.append(known(volatility(times, bids, int(times[-1]))))
    sigmas = np.array([one.per_root_minute for one in found])
    assert abs(sigmas.mean() - SIGMA) <= 3 * sigmas.std() / seeds**0.5
    covered = sum(abs(one.per_root_minute - SIGMA) <= 2 * one.error for one in found)
    assert within_binomial(covered, seeds, 0.935, 0.97)
    errors = np.mean([one.error for one in found])
    assert errors / sigmas.std() == pytest.approx(1.0, abs=0.15 + 3 / (2 * seeds) ** 0.5)
    assert max(one.jump_share for one in found) == 0


@pytest.mark.parametrize("case", NOISY)
def test_the_truth_is_found_through_bounce_rounding_and_irregular_times(case: tuple[int, float, float, int]) -> None:
    _honest(*case, seeds=60)


@pytest.mark.long
@pytest.mark.parametrize("case", [*NOISY, (25_000, 6.0, 0.0, 1), (25_000, 1440.0, 10.0, 1), (600, 6.0, 10.0, 1)])
def test_the_truth_is_found_over_a_thousand_seeds(case: tuple[int, float, float, int]) -> None:
    _honest(*case, seeds=1_000)


def test_the_naive_estimate_fails_where_this_one_does_not() -> None:
    naive = [rough(*brownian_bid(seed, 5_000, 6.0, SIGMA, 10.0)) for seed in range(60)]
    assert abs(np.mean(naive) - SIGMA) > 3 * np.std(naive) / 60**0.5
    assert np.mean(naive) > 4 * SIGMA  # the root of 1 + 2 * 10


def test_the_noise_is_measured_apart() -> None:
    of_noise = [known(volatility(*_with_now(brownian_bid(seed, 5_000, 6.0, SIGMA, 10.0)))).noise for seed in range(40)]
    assert np.mean(of_noise) == pytest.approx(SIGMA * (10 * 6 / 5_000) ** 0.5, rel=0.05)


def _with_now(columns: tuple[Ints, Ints]) -> tuple[Ints, Ints, int]:
    return *columns, int(columns[0][-1])


@given(factor=st.integers(2, 1_000_000))
def test_the_unit_of_price_does_not_matter(factor: int) -> None:
    times, bids = brownian_bid(7, 500, 6.0, SIGMA, 1.0)
    plain = known(volatility(times, bids, int(times[-1])))
    scaled = known(volatility(times, bids * factor, int(times[-1])))
    assert (scaled.per_root_minute, scaled.error) == pytest.approx((plain.per_root_minute, plain.error), rel=1e-9)
    assert scaled.method == plain.method


def test_columns_beyond_64_bits_are_read_as_well() -> None:
    times, bids = brownian_bid(7, 500, 6.0, SIGMA, 1.0)
    wide = np.array([int(bid) * 10**15 for bid in bids], dtype=object)
    plain = known(volatility(times, bids, int(times[-1])))
    assert known(volatility(times, wide, int(times[-1]))).per_root_minute == pytest.approx(plain.per_root_minute)


@given(factor=st.integers(2, 50), after=st.integers(0, 10**18))
def test_slower_time_is_the_root_less(factor: int, after: int) -> None:
    times, bids = brownian_bid(8, 500, 6.0, SIGMA, 1.0)
    plain = known(volatility(times, bids, int(times[-1]), Wanted(step=1)))
    slow = after + (times - START) * factor
    slowed = known(volatility(slow, bids, int(slow[-1]), Wanted(step=1, max_gap=50 * 30 * SECOND)))
    assert slowed.per_root_minute * factor**0.5 == pytest.approx(plain.per_root_minute, rel=1e-3)
    assert slowed.span_minutes == pytest.approx(plain.span_minutes * factor)


def test_a_jump_is_told_apart() -> None:
    shares, sigmas = [], []
    for seed in range(60):
        times, bids = brownian_bid(seed, 4_000, 6.0, SIGMA, 1.0)
        bids[2_500:] = (bids[2_500:] * 1.006).astype(np.int64)
        found = known(volatility(times, bids, int(times[-1])))
        shares.append(found.jump_share)
        sigmas.append(found.per_root_minute)
        total = found.per_root_minute**2 / (1 - found.jump_share)
        assert found.with_jumps == pytest.approx(total**0.5)
    assert abs(np.mean(sigmas) - SIGMA) <= 3 * np.std(sigmas) / 60**0.5
    whole = np.log(1.006) ** 2
    assert np.mean(shares) == pytest.approx(whole / (whole + SIGMA**2 * 6), abs=0.03)


@given(size=st.floats(0.5, 2.0), rows=st.integers(1, 40), at=st.integers(100, 3_800))
def test_one_bad_print_is_no_volatility(size: float, rows: int, at: int) -> None:
    times, bids = brownian_bid(3, 4_000, 6.0, SIGMA, 1.0)
    clean = known(volatility(times, bids, int(times[-1])))
    bids[at : at + rows] = (bids[at : at + rows] * size).astype(np.int64)
    found = known(volatility(times, bids, int(times[-1])))
    assert found.per_root_minute == pytest.approx(clean.per_root_minute, rel=0.05)


def test_noise_alone_is_no_jump() -> None:
    rng = np.random.default_rng(5)
    times = stamps(rng, 5_000, 6.0)
    bids = (6_000_000 * np.exp(wiener(rng, times, SIGMA) + 0.001 * rng.standard_normal(5_000))).astype(np.int64)
    found = volatility(times, bids, int(times[-1]), Wanted(relative_error=9.0))
    assert known(found).jump_share == 0


def test_a_hole_is_no_move() -> None:
    """The price is elsewhere after two hours without a book: neither the move nor the hours count."""
    found = []
    for seed in range(40):
        times, bids = brownian_bid(seed, 3_000, 6.0, SIGMA, 1.0)
        times[1_500:] += 120 * MINUTE
        bids[1_500:] = (bids[1_500:] * 1.004).astype(np.int64)
        found.append(known(volatility(times, bids, int(times[-1]))))
        assert found[-1].span_minutes == pytest.approx(6.0, abs=0.1)
        assert found[-1].jump_share == 0
    sigmas = [one.per_root_minute for one in found]
    assert abs(np.mean(sigmas) - SIGMA) <= 3 * np.std(sigmas) / 40**0.5


def test_an_empty_side_is_a_hole() -> None:
    times, bids = brownian_bid(4, 3_000, 6.0, SIGMA, 1.0)
    plain = known(volatility(times, bids, int(times[-1])))
    bids[1_000:1_020] = 0
    found = known(volatility(times, bids, int(times[-1])))
    assert found.per_root_minute == pytest.approx(plain.per_root_minute, rel=0.2)
    assert found.span_minutes < plain.span_minutes
    assert found.jump_share == 0


def test_where_it_refuses() -> None:
    times, bids = brownian_bid(1, 3_000, 6.0, SIGMA, 1.0)
    now = int(times[-1])
    short = times > now - MINUTE // 2
    assert refused(volatility(times[:0], bids[:0], now)) == "1 min of the window: no rows"
    assert refused(volatility(times[short], bids[short], now)).startswith("1 min of the window: 0.5")
    assert refused(volatility(times, bids, now + 31 * SECOND)) == "a row within 30.0 s: 31.0 s"
    assert refused(volatility(times, bids // bids, now)) == "200 changes of the price: 0"
    assert refused(volatility(times[::20], bids[::20], now)) == "200 changes of the price: 149"
    assert refused(volatility(times, np.append(bids[:-1], 0), now)) == "a price: an empty side"
    often = Wanted(max_gap=SECOND // 4)  # shorter than two in ten of the gaps between rows: no stretch is long
    assert "between holes" in refused(volatility(times, bids, now, often))
    tight = Wanted(relative_error=0.01)
    assert refused(volatility(times, bids, now, tight)).startswith("a relative error of at most 0.01: 0.0")


def test_pure_noise_has_no_volatility() -> None:
    rng = np.random.default_rng(2)
    times = stamps(rng, 2_000, 6.0)
    bids = (6_000_000 * np.exp(0.001 * rng.standard_normal(2_000))).astype(np.int64)
    assert refused(volatility(times, bids, int(times[-1]))).startswith("a relative error of at most 0.50: ")


@pytest.mark.core
def test_the_window_of_a_book_is_what_it_takes() -> None:
    times, bids = brownian_bid(6, 600, 6.0, SIGMA, 1.0)
    book, now = Book(LevelFormat(), span=2 * 360 * SECOND), int(times[-1])
    book.load(b"[]", b"[]", 0, 0, int(times[0]) - 1)
    for version, (at, bid) in enumerate(zip(times.tolist(), bids.tolist(), strict=True), 1):
        book.quote(f"{bid / 100:.2f}", "1", f"{bid / 100 + 1:.2f}", "1", version, at, at)
    (stamps, _), (prices, places) = (
        book.window.column(name, int(times[0]), now + 1) for name in ("received_at", "bid")
    )
    assert (len(prices), places) == (600, 2)
    assert volatility(stamps, prices, now) == volatility(times, bids, now)


def test_columns_that_do_not_belong_together_are_errors() -> None:
    times, bids = brownian_bid(1, 300, 6.0, SIGMA)
    for broken in ((times, bids[1:], int(times[-1])), (times, bids, int(times[-1]) - 1), (times[::-1], bids, 2**62)):
        with pytest.raises(ValueError, match=r"shapes|later than now|order"):
            volatility(*broken)


def test_a_quiet_price_counts_until_now() -> None:
    times, bids = brownian_bid(1, 3_000, 6.0, SIGMA)
    now = int(times[-1]) + 20 * SECOND
    ticks = Ticks.of(times, bids, now, 30 * SECOND)
    assert ticks.live == now - times[0]
    assert known(volatility(times, bids, now)).span_minutes == pytest.approx((now - times[0]) / MINUTE)


def test_a_day_has_longer_steps() -> None:
    """One in 20,000 of a day is 4.32 s, and the short lag is five of them."""
    assert known(volatility(*_with_now(brownian_bid(1, 40_000, 1440.0, SIGMA)))).method.startswith(
        "two scales, 21.6 s "
    )


def test_the_error_follows_volatility_that_changes() -> None:
    """Four times as volatile in one sixth of the window: the same estimator, as honest."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        times = stamps(rng, 5_000, 12.0)
        warped = np.interp(times, START + np.array([0.0, 5, 7, 12]) * MINUTE, np.array([0.0, 5, 37, 42]) * MINUTE)
        bids = (6_000_000 * np.exp(wiener(rng, warped.astype(np.int64), SIGMA))).astype(np.int64)
        found = known(volatility(times, bids, int(times[-1])))
        covered += abs(found.per_root_minute - SIGMA * (42 / 12) ** 0.5) <= 2 * found.error
    assert covered >= 51  # 95 % of 60, less three standard deviations


@needs_recordings
@pytest.mark.parametrize("name", ["binance/spot_btcusdt_20240808.jsonl.gz", "binance_usdm/btcusdt_20240808.jsonl.gz"])
def test_a_recorded_bid_agrees_with_returns_of_ten_seconds(name: str) -> None:
    """Independent, and free of noise that lasts less than seconds: overlapping returns of ten seconds of 150."""
    import json

    times, bids = [], []
    for line in read_lines(name):
        told = json.loads(line["raw"]) if line["dir"] == "recv" else {}
        told = told.get("data", told)
        if isinstance(told.get("b"), str):  # bookTicker
            seconds, _, fraction = line["ts"].partition(".")
            times.append(int(seconds) * SECOND + int(fraction.ljust(9, "0")))
            bids.append(round(float(told["b"]) * 100))
    found = known(volatility(np.array(times), np.array(bids), times[-1]))
    at = np.arange(times[0], times[-1], SECOND // 10)
    logs = np.log(np.array(bids)[np.searchsorted(times, at, side="right") - 1])
    plain = np.sqrt(((logs[100:] - logs[:-100]) ** 2).mean() * 6)
    assert abs(found.per_root_minute - plain) <= 2 * found.error
    assert found.jump_share == 0
    assert replace(found, per_root_minute=0.0).rows == len(times)
