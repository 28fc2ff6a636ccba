"""The checks that need more than one file, or a market of a certain kind, on rows made for them."""

from pathlib import Path
from typing import Any

import pytest
from collecting.quality_files import HOUR_MS, MS, Stream, iso, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.quality.examine import examine, found_files
from cryptopipe.quality.former import DAY_MS, Former
from cryptopipe.quality.verdict import FAIL, PASS, Outcome, Verdict
from cryptopipe.settings.quality import QualitySettings, of_stream

AT = 1_800_000_000 * 10**9
BEGIN = 1_700_000_000_000 // HOUR_MS * HOUR_MS
LIMITS = QualitySettings(keep_free_mb=0)


def trades(prices: list[float], every_ms: int = 1000, begin: int = BEGIN, first_id: int = 1000) -> Stream:
    made = Stream("alpha", "XYUSD", "trade")
    for at, price in enumerate(prices):
        ms = begin + at * every_ms
        made.add(ms * MS, ms * MS, f"{ms},XYUSD,{first_id + at},{price:.4f},1.50,{ms},True")
    return made


def tops(times: list[int], bid: float = 100.0) -> Stream:
    made = Stream("alpha", "XYUSD", "top")
    for at, ms in enumerate(times):
        low = bid + at % 2  # each is a change
        made.add(ms * MS, ms * MS, f"{iso(ms * MS)},alpha,XYUSD,{low:g},{low + 1:g},1,{low + 0.5:g}")
    return made


def found(data_dir: Path, limits: QualitySettings = LIMITS) -> dict[str, dict[str, Outcome]]:
    """By the hour in a file's name, what the newly judged ones have wrong."""
    report = examine(found_files([], data_dir, 0, AT), limits, AT)
    assert not report.refused
    return {f"{file.parent.parent.name} {file.name[-16:-7]}": {one.name: one for one in verdict.failed}
            for file, verdict in report.judged}  # fmt: skip


@pytest.mark.parametrize(("first_id", "missing"), [(1100, 0), (1107, 7)])
def test_trades_missing_between_two_files_are_found(first_id: int, missing: int, tmp_path: Path) -> None:
    seal(tmp_path, trades([100.0] * 100), complete=False)
    seal(tmp_path, trades([100.0] * 30, begin=BEGIN + HOUR_MS, first_id=first_id), complete=True)
    quiet = QualitySettings.model_validate({"keep_free_mb": 0, "silence": {"*/*/*": "2h"}})
    _, later = found(tmp_path, quiet).values()
    assert list(later) == (["gaps.ids"] if missing else [])
    if missing:
        assert later["gaps.ids"].examples[0].text == f"{missing} missing since the file before"


def test_after_a_start_nothing_is_said_of_the_time_before(tmp_path: Path) -> None:
    seal(tmp_path, trades([100.0] * 100))
    seal(tmp_path, trades([100.0] * 30, begin=BEGIN + HOUR_MS, first_id=5000), complete=False)
    assert list(found(tmp_path).values()) == [{}, {}]


def test_ids_that_are_not_counted_skip_as_they_like(tmp_path: Path) -> None:
    made = trades([100.0] * 60)
    for at, row in enumerate(made.rows):
        made.rows[at] = row.replace(f",{1000 + at},", f",{1000 + at * 3},")
    seal(tmp_path, made)
    assert list(found(tmp_path).values()) == [{}]


calm = [100 + (at % 3) / 100 for at in range(60)]
wild = [100 + (at % 3) * 2 for at in range(60)]


@pytest.mark.parametrize(
    ("prices", "every_ms", "jumps"),
    [
        pytest.param([*calm[:40], 104.0, *calm[41:]], 1000, True, marks=pytest.mark.long),  # one of four percent
        pytest.param([*calm[:40], 101.5, *calm[41:]], 1000, False, marks=pytest.mark.long),  # below the least
        ([*calm[:40], *(one + 4 for one in calm)], 1000, True),  # and it stays there
        ([*calm[:40], 103.5, *calm[41:]], 55_000, False),  # of an hour: less than its root allows
        pytest.param([*calm[:40], 120.0, *calm[41:]], 55_000, True, marks=pytest.mark.long),
        ([*wild[:40], 106.5, *wild[41:]], 1000, False),  # a market that does this all the time
    ],
)
def test_a_jump_is_far_in_bps_in_mads_and_for_its_time(
    prices: list[float], every_ms: int, jumps: bool, tmp_path: Path
) -> None:
    seal(tmp_path, trades(prices, every_ms))
    (outcomes,) = found(tmp_path).values()
    assert list(outcomes) == (["price.jump"] if jumps else [])
    if jumps:
        assert outcomes["price.jump"].examples[0].line == 41


@pytest.mark.parametrize(
    ("price", "outside"),
    [
        (97.0, True),
        (100.2, False),
        *(pytest.param(*one, marks=pytest.mark.long) for one in [(101, False), (103.9, True)]),
    ],
)
def test_a_quiet_book_holds_until_its_next_state(price: float, outside: bool, tmp_path: Path) -> None:
    """The last state is a minute old, and nothing was told since."""
    seal(tmp_path, tops([BEGIN, BEGIN + 1000]))
    seal(tmp_path, trades([price], begin=BEGIN + 60_000))
    outcomes = found(tmp_path)[f"trade {seal_hour()}"]
    assert list(outcomes) == (["trades.book"] if outside else [])


def seal_hour() -> str:
    return "4T22Z-001"


def test_a_tops_stamp_is_within_its_receipt(tmp_path: Path) -> None:
    made = tops([BEGIN, BEGIN + 1000, BEGIN + 2000])
    made.received[-1] = (BEGIN + 1500) * MS
    seal(tmp_path, made)
    (outcomes,) = found(tmp_path).values()
    assert list(outcomes) == ["time.range"] and outcomes["time.range"].examples[0].line == 4


def test_the_first_part_of_a_hour_is_not_silent_at_its_end(tmp_path: Path) -> None:
    """It was cut by size, another is being written; the whole hour's silence begins where the last part ends."""
    quiet = QualitySettings.model_validate({"keep_free_mb": 0, "silence": {"*/*/*": "5m"}})
    first = seal(tmp_path, trades([100.0] * 60), complete=True)
    part = first.with_name(first.name.replace("-001.", "-002.") + ".part")
    part.write_bytes(b"")
    assert list(found(tmp_path, quiet).values()) == [{}]
    part.unlink()
    first.with_name(f"{first.name}.verdict.json").unlink()
    assert [list(one) for one in found(tmp_path, quiet).values()] == [["gaps.silence"]]


def test_rows_of_an_hour_are_those_of_all_its_files(tmp_path: Path) -> None:
    limits = QualitySettings.model_validate(
        {"keep_free_mb": 0, "rows": {"*/*/*": {"least": 1}, "alpha/trade/*": {"least": 80, "most": 100}},
         "silence": {"*/*/*": "2h"}}
    )  # fmt: skip
    seal(tmp_path, trades([100.0] * 50), complete=True)
    seal(tmp_path, trades([100.0] * 40, begin=BEGIN + 60_000, first_id=1050), complete=True, number=2)
    assert list(found(tmp_path, limits).values()) == [{}, {}], "90 together"
    seal(tmp_path, trades([100.0] * 20, begin=BEGIN + 120_000, first_id=1090), complete=True, number=3)
    (outcomes,) = found(tmp_path, limits).values()
    assert "110 rows in the hour, 80 to 100 given" in outcomes["rows.expected"].examples[0].text


@given(names=st.lists(st.sampled_from(["*/*/*", "alpha/*/*", "*/trade/*", "beta/*/*", "alpha/trade/XY"]), unique=True))
def test_the_last_entry_that_fits_counts(names: list[str]) -> None:
    fitting = [one for one in names if not one.startswith("beta")]
    given_ = {name: at for at, name in enumerate(names)}
    assert of_stream(given_, "alpha/trade/XY") == (given_[fitting[-1]] if fitting else None)


def verdict(hour: int, rows: int, **told: Any) -> Verdict:
    facts = {"file": "f", "sha256": "", "verdict": PASS, "checks": (), "checked_at": "", "hour_ms": hour, "rows": rows}
    return Verdict(**{**facts, "measured": {"silence_ms": float(rows)}, **told})


hours = st.builds(
    lambda days, off: BEGIN - (24 * days + off) * HOUR_MS, st.integers(1, 6), st.sampled_from([0, 0, 0, 1, 12])
)


@settings(max_examples=50)
@given(st.lists(st.tuples(hours, st.integers(0, 9), st.booleans(), st.sampled_from([PASS, "warn", FAIL])), max_size=40))
def test_only_whole_sound_hours_of_the_same_hour_of_the_day_are_learned_from(told: list[Any]) -> None:
    """Another way round: each hour by itself, from all that is told of it."""
    former = Former(verdict(hour, rows, complete=whole, verdict=word) for hour, rows, whole, word in told)
    expected = []
    for hour in sorted({one[0] for one in told}):
        parts = [one for one in told if one[0] == hour]
        if (BEGIN - hour) % DAY_MS == 0 and all(whole and word != FAIL for _, _, whole, word in parts):
            expected.append((sum(rows for _, rows, _, _ in parts), max(rows for _, rows, _, _ in parts)))
    assert former.rows(BEGIN) == [rows for rows, _ in expected]
    assert former.silences(BEGIN) == [longest for _, longest in expected]
