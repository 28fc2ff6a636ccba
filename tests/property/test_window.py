"""Laws of the window, whichever core is active.

Enters: streams of tops. Leaves: a verdict. Never: an expected value that a core computed: rows are kept in a list here.
"""

import itertools

import pytest
from differential.sequences import lawful
from differential.tops import EVERYTHING, Flow, Row, buffers, flows, units_of
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.core import Window

pytestmark = pytest.mark.core

DAY = 86_400 * 10**9
BLOCK = 1024 * 48
"""Bytes of the rows that are sealed together."""
hots = st.sampled_from([0, 10**6, 3 * 10**8, DAY])
some = settings(lawful, max_examples=8)


def filled(window: Window, rows: list[Row]) -> Window:
    """The same window."""
    window.extend(*buffers(rows))
    return window


def rows_of(window: Window) -> list[Row]:
    """Every row of a window."""
    columns = [units_of(window.column(name, *EVERYTHING), name) for name in window.COLUMNS]
    return list(zip(*columns, strict=True))


@some
@given(flows(), hots, st.booleans())
def test_each_row_comes_back_wherever_it_is_kept(flow: Flow, hot: int, seal: bool) -> None:
    rows = flow.stream()
    window = filled(Window(2**62, hot), rows)
    if seal:
        window.seal()
        assert window.sealed == len(rows)
    assert rows_of(window) == rows


@some
@given(flows(), hots, st.lists(st.integers(0, 3000), min_size=2, max_size=4))
def test_ranges_and_positions_choose_rows(flow: Flow, hot: int, marks: list[int]) -> None:
    rows = flow.stream()
    window = filled(Window(2**62, hot), rows)
    stamps = [rows[mark % len(rows)][0] for mark in marks] if rows else [0, 0]
    for since, until in itertools.pairwise(stamps):
        chosen = [row for row in rows if since <= row[0] < until]
        begin, end = sorted(marks[:2])
        for index, name in enumerate(window.COLUMNS):
            assert units_of(window.column(name, since, until), name) == [row[index] for row in chosen]
            assert units_of(window.slice(name, begin, end), name) == [row[index] for row in rows[begin:end]]
            values = [row[index] for row in chosen if row[index] or index < 2]
            extent = window.scan(name, since, until)
            if extent is None:
                assert values == []
            else:
                assert units_of((extent[:2], extent[2]), name) == [min(values), max(values)]


@some
@given(flows(), hots, st.sampled_from([1, 10**6, 5 * 10**8, 10**12]))
def test_rows_leave_in_their_order_when_the_span_is_over(flow: Flow, hot: int, span: int) -> None:
    """The oldest first, and none before it is old, so a young one keeps those that came after it."""
    rows = flow.stream()
    window, kept, begin = Window(span, hot), list[Row](), 0
    for end in [*range(900, len(rows), 900), len(rows)]:
        filled(window, rows[begin:end])
        for row in rows[begin:end]:
            kept.append(row)
            while kept and kept[0][0] <= row[0] - span:
                del kept[0]
        begin = end
        assert (rows_of(window), window.oldest) == (kept, kept[0][0] if kept else None)
        assert window.shortened_to is None


@pytest.mark.parametrize("hot", [0, 1500, DAY])
def test_a_row_of_just_the_span_has_left(hot: int) -> None:
    """One row a nanosecond: as many as the span has nanoseconds, in blocks, partly in blocks, or flat."""
    window = Window(3000, hot)
    for begin in range(0, 8000, 500):
        filled(window, [(at, 0, 10**12, 1, 2 * 10**12, 1) for at in range(begin, begin + 500)])
        first = max(0, begin + 500 - 3000)
        assert (window.oldest, len(window)) == (first, begin + 500 - first)
        assert window.column("received_at", *EVERYTHING)[0].tolist() == list(range(first, begin + 500))
        assert window.slice("received_at", 1, 99)[0].tolist() == list(range(first + 1, first + 99))
    assert (window.sealed > 0) is (hot < 3000)


def test_a_range_ends_before_its_end_at_each_row_of_a_block() -> None:
    window = filled(Window(DAY, 0), [(at, 0, 10**12, 1, 2 * 10**12, 1) for at in range(3000)])
    for edge in (1, 1022, 1023, 1024, 1025, 2047, 2048, 2049, 2999):
        assert window.column("received_at", 0, edge)[0].tolist() == list(range(edge))
        assert window.column("received_at", edge, DAY)[0].tolist() == list(range(edge, 3000))
        assert window.slice("received_at", edge, edge + 2)[0].tolist() == list(range(edge, min(edge + 2, 3000)))


def test_flat_rows_beyond_half_of_the_memory_are_sealed_early() -> None:
    """1,563 flat rows of 48 bytes are more than 75,000 bytes, and 539 are left when 1,024 of them are sealed."""
    window = filled(Window(DAY, DAY, 150_000), Flow(1, 1562).stream())
    assert window.sealed == 0
    window = filled(Window(DAY, DAY, 150_000), Flow(1, 2586).stream())
    assert (len(window), window.sealed, window.shortened_to) == (2586, 1024, None)


def test_a_window_stays_shortened_as_long_as_memory_is_short() -> None:
    """The first rows that left would have been too old long since, but not the last ones."""
    window = Window(8000, 0, 12_000)
    for begin in range(0, 40_000, 1000):
        filled(window, [(at, 0, at * 10**11, at, 2 * at * 10**11, 1) for at in range(begin + 1, begin + 1001)])
    oldest = window.oldest
    assert oldest is not None and window.shortened_to == 40_000 - oldest < 7000
    assert len(window) == 40_001 - oldest


def test_places_are_the_most_that_were_asked_for_or_needed() -> None:
    window = Window()
    window.extend(b"", b"", b"", b"", b"", b"", (3, 0, 2, 12))
    filled(window, [(0, 0, 10**12, 10**11, 10**6, 1)])
    for _ in range(2):
        told = {name: window.column(name, *EVERYTHING) for name in window.COLUMNS[2:]}
        assert [places for _, places in told.values()] == [3, 1, 6, 12]
        assert [values.tolist() for values, _ in told.values()] == [[1000], [1], [1], [1]]
        scans = [window.scan(name, *EVERYTHING) for name in told]
        assert scans == [(1000, 1000, 3), (1, 1, 1), (1, 1, 6), (1, 1, 12)]
        window.seal()


@some
@given(flows(), hots, st.sampled_from([0, 20_000, 70_000, 200_000]))
def test_memory_is_bounded_and_a_shorter_window_says_so(flow: Flow, hot: int, most: int) -> None:
    rows = flow.stream()
    window, whole, begin = Window(DAY, hot, most), Window(DAY, hot), 0
    for end in [*range(1100, len(rows), 1100), len(rows)]:
        for one in (window, whole):
            filled(one, rows[begin:end])
        begin = end
        assert window.nbytes <= max(most, BLOCK)
        kept, all_rows = rows_of(window), rows_of(whole)
        assert kept == all_rows[len(all_rows) - len(kept) :]
        if len(kept) == len(all_rows):
            assert window.shortened_to is None
        elif flow.late == 0:
            assert window.shortened_to == (rows[end - 1][0] - kept[0][0] if kept else 0)
        assert whole.shortened_to is None and whole.max_bytes is None


def test_a_window_that_was_shortened_is_whole_again_when_its_span_has_passed() -> None:
    rows = Flow(1, 4000).stream()
    window = filled(Window(DAY, 0, 10_000), rows)
    assert window.shortened_to is not None and len(window) < 4000
    later = rows[-1][0] + 2 * DAY
    filled(window, [(later, later, 10**12, 10**12, 2 * 10**12, 10**12)])
    assert (len(window), window.shortened_to, window.oldest) == (1, None, later)


@some
@given(flows(), hots)
def test_what_was_read_never_changes(flow: Flow, hot: int) -> None:
    rows = flow.stream()
    half = len(rows) // 2
    window = filled(Window(2**62, hot), rows[:half])
    held = {name: window.column(name, *EVERYTHING) for name in window.COLUMNS}
    filled(window, rows[half:])
    window.seal()
    for index, name in enumerate(window.COLUMNS):
        assert units_of(held[name], name) == [row[index] for row in rows[:half]]


def test_sealed_rows_take_a_fraction() -> None:
    """A stream without surprises: stamps of 20 bits, prices that move by a tick or stay."""
    window = filled(Window(DAY, 0), Flow(1, 4096, places=2).stream())
    assert window.sealed == 4096
    assert window.nbytes / 4096 < 12


@pytest.mark.long
@pytest.mark.parametrize("seed", range(300))
def test_many_streams(seed: int) -> None:
    """Longer streams of every kind in the native core and in the plain one."""
    from differential.test_window import agree

    number = seed * 2_654_435_761 % 2**32
    late, dust, empty, wide, wild = ((0, 0, 50, 900, 3)[number >> 3 * n & 3] for n in range(5))
    step, event = (0, 1_000, 10**6, 10**9)[seed % 4], (0, 1, 10**3, 10**6, 10**9)[seed % 5]
    flow = Flow(seed, 6000, step, late, event, (0, 2, 8, 12)[number >> 15 & 3], dust, empty, wide, wild)
    span, hot = (8 * 10**8, DAY, 2**62)[seed % 3], (0, 3 * 10**8, DAY)[number % 3]
    keep = (span, hot, 60_000 if number >> 17 & 1 else None)
    agree(flow, keep, [seed * 37, seed * 91], [number >> 3, number >> 7, number >> 9], bool(seed & 1))
