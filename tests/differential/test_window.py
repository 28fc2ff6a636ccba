"""The native window answers as the reference one does: columns, extents, what has left, and each block's bytes.

Enters: streams of tops, some beyond every bound that is natural. Leaves: a verdict. Never: a comparison of a core with
itself.
"""

import itertools
from types import ModuleType
from typing import Any

import pytest
from differential.sequences import lawful
from differential.tops import EVERYTHING, Flow, Row, buffers, flows
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.core import reference, reference_window
from cryptopipe.model.events import LevelFormat

native: ModuleType = pytest.importorskip(
    "cryptopipe.core._rust",
    reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
    exc_type=ImportError,
)
DAY = 86_400 * 10**9
bounds = st.sampled_from([None, None, 0, 60_000, 150_000])
kept = st.tuples(st.sampled_from([8 * 10**8, DAY, 2**62]), st.sampled_from([0, 3 * 10**8, DAY]), bounds)


def shown(window: Any, ranges: list[tuple[int, int]]) -> list[object]:
    """All that a window tells."""
    told: list[object] = [len(window), window.sealed, window.nbytes, window.oldest, window.shortened_to]
    told += [window.span, window.hot, window.max_bytes]
    for name in window.COLUMNS:
        for since, until in ranges:
            for values, places in (window.column(name, since, until), window.slice(name, *_slice(since, until))):
                told.append((name, since, until, values.tolist(), str(values.dtype), places))
            told.append(window.scan(name, since, until))
    return told


def _slice(since: int, until: int) -> tuple[int, int]:
    """Some positions, taken from the same numbers."""
    return since % 3000, until % 3000


def _ranges(rows: list[Row], marks: list[int]) -> list[tuple[int, int]]:
    stamps = [rows[mark % len(rows)][0] for mark in marks] if rows else []
    return [EVERYTHING, (-(2**70), 2**70), *itertools.pairwise(stamps)]


def agree(flow: Flow, keep: tuple[int, int, int | None], cuts: list[int], marks: list[int], seal: bool) -> None:
    """Both cores show the same after each part of a stream."""
    rows = flow.stream()
    windows = [core.Window(*keep) for core in (native, reference_window)]
    ends = sorted({cut % (len(rows) + 1) for cut in cuts} | {len(rows)})
    for begin, end in zip([0, *ends], ends, strict=False):
        for window in windows:
            window.extend(*buffers(rows[begin:end]))
        if seal:
            for window in windows:
                window.seal()
        ranges = _ranges(rows, marks)
        assert shown(windows[0], ranges) == shown(windows[1], ranges)


given_flows = given(
    flows(wild=True), kept, st.lists(st.integers(0, 4000), max_size=2),
    st.lists(st.integers(0, 4000), max_size=3), st.booleans(),
)  # fmt: skip


@settings(lawful, max_examples=15)
@given_flows
def test_windows_agree(
    flow: Flow, keep: tuple[int, int, int | None], cuts: list[int], marks: list[int], seal: bool
) -> None:
    agree(flow, keep, cuts, marks, seal)


@settings(lawful, max_examples=15)
@given(flows(40))
def test_tops_of_a_book_are_the_rows(flow: Flow) -> None:
    """What a book pushes is what `extend` appends of the units of its tops."""
    form = LevelFormat()
    books = [core.Book(form, span=10**9, max_bytes=500) for core in (native, reference)]
    plain = native.Window(10**9, max_bytes=500)
    for version, (at, event, bid, bid_size, ask, ask_size) in enumerate(flow.stream()):
        sides = [_level(bid, bid_size), _level(ask, ask_size)]
        if bid >= ask and bid and ask:
            continue
        tops = [book.load(*sides, version, event, at) for book in books]
        if tops[0] is not None:
            told = (tops[0].bid_units, tops[0].bid_size_units, tops[0].ask_units, tops[0].ask_size_units)
            plain.extend(*buffers([(at, event, *(units or 0 for units in told))]))  # type: ignore[list-item]
        ranges = [EVERYTHING, (at - 5 * 10**8, at)]
        assert shown(books[0].window, ranges) == shown(books[1].window, ranges) == shown(plain, ranges)


def _level(price: int, size: int) -> bytes:
    whole = [f"{value // 10**12}.{value % 10**12:012}" for value in (price, size)]
    return f'[["{whole[0]}","{whole[1]}"]]'.encode() if price and size else b"[]"


WRONG = {
    "stamps of another width": (0, b"1234567", "stamps of another width than 8 bytes"),
    "numbers of another width": (2, b"12345678", "numbers of another width than 16 bytes"),
    "another length": (4, bytes(32), "columns of different lengths"),
    "below zero": (3, (-1).to_bytes(16, "little", signed=True), "a number out of range: -1 at 2 places"),
    "too large": (5, (2**126).to_bytes(16, "little"), f"a number out of range: {2**126} at 2 places"),
    "too many places": (6, [2, 13, 2, 2], "more than 12 decimal places: 13"),
}


@pytest.mark.parametrize("case", WRONG)
def test_rows_that_are_none_change_nothing(case: str) -> None:
    index, wrong, message = WRONG[case]
    for core in (native, reference_window):
        window = core.Window()
        good: list[Any] = [bytes(8), bytes(8), *[bytes(16)] * 4, [2, 2, 2, 2]]
        good[index] = wrong
        with pytest.raises(ValueError, match=f"^{message}$"):
            window.extend(*good)
        assert (len(window), window.column("bid", *EVERYTHING)[1]) == (0, 0)


def test_a_window_without_sense_is_refused() -> None:
    for core in (native, reference_window):
        with pytest.raises(ValueError, match="max_bytes below zero: -1"):
            core.Window(max_bytes=-1)
        for read in (core.Window().column, core.Window().slice, core.Window().scan):
            with pytest.raises(KeyError, match="last"):
                read("last", 0, 1)
