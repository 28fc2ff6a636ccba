"""Time as a value: text and nanoseconds are inverse, timers come in order, a stamp never runs back."""

from datetime import UTC, datetime
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import SECOND, Agenda, Stamper, format_at, parse_at, parse_duration, parse_epoch

pytestmark = pytest.mark.core

instants = st.integers(0, 4_102_444_800 * SECOND)  # until 2100


@given(instants)
def test_an_instant_reads_back(at: int) -> None:
    text = format_at(at)
    assert parse_at(text) == at
    assert len(text) == len("2024-08-08T23:54:15.088169167Z")
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(at // 1000 * 1000 // SECOND, UTC).replace(
        microsecond=at % SECOND // 1000
    )


@given(instants, instants)
def test_text_sorts_as_time(one: int, other: int) -> None:
    assert (format_at(one) < format_at(other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2001-09-09T01:46:40.000000001Z", 1_000_000_000_000_000_001),
        ("2024-02-29T00:00:00+00:00", 1_709_164_800 * SECOND),
    ],
)
def test_instants_of_known_value(text: str, at: int) -> None:
    assert parse_at(text) == at


@pytest.mark.parametrize(
    "text",
    ["", "2024-08-08", "2024-08-08T23:54:15", "2024-08-08T23:54:15+02:00", "2024-13-08T00:00:00Z",
     "2024-08-08T23:54:15.0000000001Z", "2024-08-08 23:54:15Z", "1723161253"],
)  # fmt: skip
def test_what_is_no_utc_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_at(text)


@given(st.integers(0, 9_223_372_035), st.integers(0, 999_999_999))
def test_epoch_seconds_are_exact(seconds: int, fraction: int) -> None:
    assert parse_epoch(f"{seconds}.{fraction:09d}") == seconds * SECOND + fraction
    assert parse_epoch(f"{seconds}.{fraction:09d}987") == seconds * SECOND + fraction, "finer digits are left"
    assert parse_epoch(str(seconds)) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "-1", "1e9", "1.-5", "1,5", " 1", "1.5 ", ".5", "nan", "1723161253.9x"])
def test_what_is_no_epoch_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not epoch seconds"):
        parse_epoch(text)


def test_the_last_instant_is_kept_and_no_later_one() -> None:
    """2 ** 63 - 1 nanoseconds: what a column of 64-bit integers holds."""
    assert parse_epoch("9223372036.854775807") == 2**63 - 1
    with pytest.raises(ValueError, match=r"after 2262-04-11T23:47:16\.854775807Z"):
        parse_epoch("9223372036.854775808")


UNITS = {"ns": D("1e-9"), "us": D("1e-6"), "ms": D("1e-3"), "s": D(1), "m": D(60), "h": D(3600), "": D(1)}


@given(st.integers(0, 10**6), st.integers(0, 9999), st.sampled_from(sorted(UNITS)))
def test_durations_are_exact_down_to_the_nanosecond(whole: int, fraction: int, unit: str) -> None:
    text = f"{whole}.{fraction:04d}"
    assert parse_duration(text + unit) == int(D(text) * UNITS[unit] * SECOND)


@pytest.mark.parametrize("text", ["", "s", "-5s", "5 s", "5d", "1e3s", "1.s", "5parsecs", "1h30m", "∞"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.lists(st.integers(0, 100)))
def test_stamps_rise_whatever_the_wall_clock_does(wall: list[int]) -> None:
    clock = iter(wall)
    stamp = Stamper(lambda: next(clock))
    stamps = [stamp() for _ in wall]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert all(stamp >= at for stamp, at in zip(stamps, wall, strict=True))


@given(st.lists(st.integers(0, 10 * SECOND)), st.lists(st.integers(-100 * SECOND, SECOND), min_size=9, max_size=9))
def test_a_wall_clock_that_is_set_back_does_not_stop_time(pauses: list[int], steps: list[int]) -> None:
    """Who waits ten seconds has waited ten seconds, whatever was done to the clock on the wall."""
    now, wall = 7, 1_800_000_000 * SECOND
    stamp = Stamper(lambda: wall, lambda: now)
    began, waited = stamp(), 0
    for pause, step in zip(pauses, steps, strict=False):
        now, wall, waited = now + pause, wall + pause + step, waited + pause
        at = stamp()
        assert at - began >= waited
        assert at >= wall
        if all(one <= 0 for one in steps):
            assert at - began <= waited + len(steps), "no faster either, but for one nanosecond a stamp"


@given(st.lists(st.integers(0, 5)), st.integers(0, 6))
def test_timers_come_in_order_of_due_time_then_of_asking(due: list[int], now: int) -> None:
    agenda: Agenda[int] = Agenda()
    for number, at in enumerate(due):
        agenda.wake_at(at, number)
    popped = []
    while (timer := agenda.pop_due(now)) is not None:
        popped.append(timer)
    assert popped == sorted((at, number) for number, at in enumerate(due) if at <= now)
    assert len(agenda) == sum(at > now for at in due)
    if len(agenda):
        assert agenda.next_due() == min(at for at in due if at > now)
