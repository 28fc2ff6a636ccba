"""Indices over windows of tops: what a plain walk says, what the market that filled them says, and from files."""

import json
from collections.abc import Sequence
from decimal import Decimal as D
from fractions import Fraction
from pathlib import Path

import pytest
from evaluation.test_indices_sampling import T0, Elsewhere
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.cli import main
from cryptopipe.clock import SECOND
from cryptopipe.core import Window
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.drivers.stop import Stop, watched
from cryptopipe.evaluate.indices import HOUR, Indices
from cryptopipe.evaluate.sampling import Sampler
from cryptopipe.evaluate.window_sampling import WindowSampler
from cryptopipe.market.market import Market
from cryptopipe.market.window_files import save_window
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.registry import exchange

pytestmark = pytest.mark.core
Rows = Sequence[tuple[int, int, int]]
"""(milliseconds, bid in cents, size in thousandths); the ask is a unit above. Size 0: nobody sells."""


def filled(rows: Rows) -> Window:
    window = Window()
    columns = [(T0 + ms * 10**6, 0, bid, size, bid + 100, size) for ms, bid, size in rows]
    stamps = [b"".join(value.to_bytes(8, "little", signed=True) for value, *_ in columns), bytes(8 * len(rows))]
    numbers = [
        b"".join(column[place].to_bytes(16, "little", signed=True) for column in columns) for place in (2, 3, 4, 5)
    ]
    window.extend(*stamps, *numbers, [2, 3, 2, 3])
    return window


def instrument(venue: str) -> Instrument:
    return Elsewhere(venue).find("xusdt")


ROWS = st.lists(
    st.tuples(st.integers(0, 40_000), st.integers(9_900, 10_100), st.sampled_from([0, 40, 900])), max_size=25
).map(sorted)


def looks(one: Rows, two: Rows, max_age: int, size: str = "0") -> WindowSampler:
    windows = [(instrument("one"), filled(one)), (instrument("two"), filled(two))]
    looked = WindowSampler(windows, Indices([D(size)]), max_age)
    looked.sample()
    return looked


@settings(max_examples=50)
@given(ROWS, ROWS, st.sampled_from([2 * SECOND, 7 * SECOND, HOUR]), st.sampled_from([1, 50]))
def test_looks_are_those_of_a_plain_walk(one: Rows, two: Rows, max_age: int, least: int) -> None:
    looked = looks(one, two, max_age, f"{least / 1000}" if least > 1 else "0")
    expected = []
    ends = max((T0 + ms * 10**6 for ms, *_ in (*one, *two)), default=0)
    for instant in range(T0, ends + 1, 5 * SECOND):
        last = [[row for row in rows if T0 + row[0] * 10**6 <= instant][-1:] for rows in (one, two)]
        fresh = [row for found in last for row in found if row[2] and instant - T0 - row[0] * 10**6 <= max_age]
        if len(fresh) == 2 and all(size >= least for *_, size in fresh):
            (low, high) = sorted(bid for _, bid, _ in fresh)
            expected.append((Fraction(high) / (low + 100) - 1) * 10_000)
    rows = looked.indices.gaps(HOUR)
    assert sum(row.quoted for row in rows) == len(expected)
    assert sum(row.positive for row in rows) == sum(gap > 0 for gap in expected)
    if expected:
        assert abs(Fraction(max(row.widest.bps for row in rows)) - max(expected)) < Fraction(1, 10**8)


def test_a_top_that_is_just_young_enough_counts() -> None:
    one, two = [(0, 10_000, 5)], [(5_000, 10_200, 5)]
    (row,) = looks(one, two, 5 * SECOND).indices.gaps(HOUR)
    assert (row.at, row.quoted, row.widest.bid, row.widest.ask) == (T0 + 5 * SECOND, 1, 102, 101)
    assert looks(one, two, 5 * SECOND - 1).indices.gaps(HOUR) == []


def test_a_row_that_is_stamped_before_the_one_ahead_of_it_came_after_it() -> None:
    """Rows are in order of arrival: what is stamped 6, 3, 4 seconds was all there from the sixth on."""
    one = [(0, 10_000, 5), (6_000, 10_100, 5), (3_000, 10_200, 5), (4_000, 10_300, 5)]
    two = [(0, 9_000, 5), (10_000, 9_000, 5)]
    windows = [(instrument("one"), filled(one)), (instrument("two"), filled(two))]
    kept = WindowSampler(windows, Indices([D(0)], keep=True), HOUR)
    kept.sample()
    assert [(at - T0, gap.bid) for at, _, _, gap in kept.indices.series] == [
        (0, 100), (5 * SECOND, 100), (10 * SECOND, 103)
    ]  # fmt: skip


def test_a_market_and_its_windows_say_the_same() -> None:
    """Of the generated capture, with no limit on ages, for a window knows only changes of tops."""
    source = packaged_replay()
    market = Market({VenueId(name): exchange(name) for name in source.venues})
    seen = Sampler(market, Indices([D(0), D("0.05")]), HOUR, every=SECOND)
    for entry in watched(source, Stop(), None):
        seen.receive(entry)
        market.take_commands()
    seen.finish()
    books = [sync for venue in market.books.values() for sync in venue.values()]
    windows = [(sync.instrument, sync.book.window) for sync in books]
    looked = WindowSampler(windows, Indices([D(0), D("0.05")]), HOUR, SECOND)
    looked.sample()
    assert looked.last_at <= seen.last_at < looked.last_at + SECOND
    assert looked.indices.gaps(HOUR) == seen.indices.gaps(HOUR) != []
    assert looked.indices.ratios() == seen.indices.ratios()


def test_no_row_is_no_look() -> None:
    looked = WindowSampler([(instrument("one"), Window())], Indices(), SECOND)
    looked.sample()
    assert (looked.instants, looked.indices.gaps(HOUR), looked.indices.ratios()) == (0, [], [])


def test_saved_windows_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = packaged_replay()
    market = Market({VenueId(name): exchange(name) for name in source.venues})
    for entry in watched(source, Stop(), None):
        market.receive(entry)
        market.take_commands()
    files = []
    for place, sync in enumerate(sync for venue in market.books.values() for sync in venue.values()):
        files.append(tmp_path / f"{place}.feather")
        save_window(sync.book.window, sync.instrument.id, files[-1])
    options = [f"--window={file}" for file in files]
    assert main(["index", "--json", *options, "--size=0.05", "--max-age=30s"]) == 0
    of_files = json.loads(capsys.readouterr().out)
    assert main(["index", "--json", "--replay=generated", "--size=0.05", "--max-age=30s"]) == 0
    of_frames = json.loads(capsys.readouterr().out)
    assert of_files["source"] == "window" and of_files["states"] == []
    assert of_files["gaps"] and any("ages are since" in note for note in of_files["notes"])
    told = {(row["pair"], row["size"]): (row["bps"], row["at"]) for row in of_files["gaps"]}
    assert told == {(row["pair"], row["size"]): (row["bps"], row["at"]) for row in of_frames["gaps"]}


def test_what_is_no_window_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.feather").write_text("no window")
    assert main(["index", f"--window={tmp_path / 'x.feather'}"]) != 0
    assert "not a saved window" in capsys.readouterr().err
    assert main(["index", f"--window={tmp_path / 'y.feather'}"]) != 0
    assert "no such file" in capsys.readouterr().err
