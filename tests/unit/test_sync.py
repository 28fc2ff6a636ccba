"""The one book sync, under a sequenced rule like those of the venues with REST snapshots."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import SECOND
from cryptopipe.core import TopOfBook
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.events import BookDelta, BookSnapshot, Resync, TopUpdate
from cryptopipe.model.facts import Asset, Instrument, VenueId
from cryptopipe.model.stream import Link, Proof, SyncRule, apply_always

pytestmark = pytest.mark.core

XY = Instrument(VenueId("a"), "XY", Asset("X"), Asset("Y"))


def _link(last: int, delta: BookDelta) -> Link:
    if delta.version <= last:
        return Link.SKIP
    return Link.APPLY if delta.first <= last + 1 else Link.GAP


SEQUENCED = SyncRule(Proof.SEQUENCE, _link, _link, snapshot_by_request=True)
STREAMED = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)


def delta(first: int, last: int, asks: str = "[]", bids: str = "[]") -> BookDelta:
    return BookDelta("XY", bids.encode(), asks.encode(), first, last, first - 1, 0)


def snapshot(version: int, ask: str = "100", bid: str = "90") -> BookSnapshot:
    return BookSnapshot("XY", f'[["{bid}","1"]]'.encode(), f'[["{ask}","1"]]'.encode(), version, 0)


def test_differences_without_a_snapshot_never_yield_a_book() -> None:
    for rule in (SEQUENCED, STREAMED):
        sync = BookSync(XY, rule)
        for number in range(1, 20):
            assert sync.delta(delta(number, number, '[["100","1"]]', '[["90","1"]]'), number) is None
        assert sync.state is BookState.SYNCING
        assert sync.book.top is None
        assert len(sync.book.ladder(True)) == 0


def test_what_came_before_the_snapshot_is_held_and_joined() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.delta(delta(3, 5), 1)  # older than the snapshot
    sync.delta(delta(6, 9, '[["99","2"]]'), 2)  # the snapshot falls inside this one
    sync.delta(delta(10, 10, '[["98","3"]]'), 3)
    top = sync.snapshot(snapshot(7), 4)
    assert isinstance(top, TopOfBook) and (top.ask, top.ask_size) == (D(98), D(3))
    assert sync.state is BookState.LIVE
    assert sync.delta(delta(11, 11, '[["97","1"]]'), 5) is not None


def test_a_snapshot_older_than_the_stream_is_asked_for_again() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.delta(delta(10, 12), 1)
    outcome = sync.snapshot(snapshot(8), 2)
    assert isinstance(outcome, Resync) and "older" in outcome.reason
    assert sync.state is BookState.SYNCING and sync.book.top is None
    assert isinstance(sync.snapshot(snapshot(11), 3), TopOfBook)
    assert sync.state is BookState.LIVE


def test_a_gap_is_noticed_at_the_next_delta_and_names_both_numbers() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    outcome = sync.delta(delta(9, 9), 2)
    assert isinstance(outcome, Resync)
    assert outcome.reason == "sequence gap on a:XY: expected 8, got 9"
    assert (sync.state, sync.book.top, sync.gaps) == (BookState.SYNCING, None, 1)
    assert isinstance(sync.snapshot(snapshot(9), 3), TopOfBook)


def test_a_gap_among_the_held_deltas_is_a_gap() -> None:
    sync = BookSync(XY, SEQUENCED)
    for number in (8, 9, 11):
        sync.delta(delta(number, number), number)
    assert isinstance(sync.snapshot(snapshot(7), 20), Resync)
    assert sync.state is BookState.SYNCING
    assert isinstance(sync.snapshot(snapshot(10), 21), TopOfBook)  # joins the held 11
    assert sync.state is BookState.LIVE


def test_what_was_held_behind_a_gap_is_still_held() -> None:
    sync = BookSync(XY, SEQUENCED)
    for number in (8, 10, 11):
        sync.delta(delta(number, number, f'[["{number}0","1"]]'), number)
    assert isinstance(sync.snapshot(snapshot(7, ask="300"), 20), Resync)
    assert isinstance(sync.snapshot(snapshot(9, ask="300"), 21), TopOfBook)
    assert sync.book.size_at(False, 110 * 10**12) == 10**12, "the last of those held"
    assert sync.delta(delta(12, 12), 22) is None and sync.state is BookState.LIVE


def test_a_number_that_was_wrong_does_not_hold_a_book_back_for_ever() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    assert isinstance(sync.delta(delta(90_009, 90_009), 2), Resync)  # a digit of its number was another one
    for number in (10, 11, 12):
        assert sync.delta(delta(number, number), number) is None
    assert isinstance(sync.snapshot(snapshot(11), 20), TopOfBook)
    assert sync.state is BookState.LIVE
    assert isinstance(sync.delta(delta(13, 13, '[["99","1"]]'), 21), TopOfBook)


def test_a_wrong_number_among_the_held_deltas_costs_what_stands_before_it() -> None:
    sync = BookSync(XY, SEQUENCED)
    for number in (8, 90_009, 10, 11):
        sync.delta(delta(number, number), number)
    assert isinstance(sync.snapshot(snapshot(8), 20), Resync)
    assert isinstance(sync.snapshot(snapshot(9), 21), TopOfBook)
    assert isinstance(sync.delta(delta(12, 12, '[["99","1"]]'), 22), TopOfBook)


def test_a_book_that_its_stream_falls_behind_is_not_frozen_for_ever() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    sync.delta(delta(8, 80_009), 2)  # it began where it should; its last number was another one
    outcomes = [sync.delta(delta(number, number), number * SECOND // 10) for number in range(10, 31)]
    assert outcomes[:-1] == [None] * 20
    assert isinstance(outcomes[-1], Resync)
    assert outcomes[-1].reason == "a:XY stands at 80009, and its stream is at 30 for 2.000 s"
    assert (sync.state, sync.gaps, sync.book.top) == (BookState.SYNCING, 1, None)
    assert isinstance(sync.snapshot(snapshot(30), 4 * SECOND), TopOfBook)


def test_what_comes_twice_now_and_then_falls_behind_nothing() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    for number in range(8, 40):
        assert not isinstance(sync.delta(delta(number, number), number * SECOND), Resync)
        assert sync.delta(delta(number, number), number * SECOND) is None
    for quiet in range(50, 60):
        assert sync.delta(delta(39, 39), quiet * SECOND) is None, "the newest one says only that nothing has changed"
    assert sync.state is BookState.LIVE


def test_duplicates_change_nothing() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    sync.delta(delta(8, 8, '[["99","1"]]'), 2)
    assert sync.delta(delta(8, 8, '[["95","1"]]'), 3) is None
    assert sync.book.top is not None and sync.book.top.ask == D(99)


def test_an_old_snapshot_does_not_turn_a_live_book_back() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    sync.delta(delta(8, 8, '[["99","1"]]'), 2)
    assert sync.snapshot(snapshot(5, ask="120"), 3) is None
    assert sync.book.top is not None and sync.book.top.ask == D(99)


def test_a_crossed_book_is_suspect_and_unreadable() -> None:
    sync = BookSync(XY, STREAMED)
    sync.snapshot(snapshot(1), 1)
    outcome = sync.delta(delta(2, 2, '[["80","1"]]'), 2)
    assert isinstance(outcome, Resync) and "80" in outcome.reason
    assert (sync.state, sync.book.top) == (BookState.SUSPECT, None)


def test_a_number_too_fine_refuses_the_instrument_for_good() -> None:
    sync = BookSync(XY, STREAMED)
    sync.snapshot(snapshot(1), 1)
    assert sync.delta(delta(2, 2, '[["99.0000000000001","1"]]'), 2) is None
    assert sync.state is BookState.DEAD and "cannot be represented" in sync.reason
    assert sync.snapshot(snapshot(3), 3) is None
    sync.open()
    assert sync.state is BookState.DEAD


def test_after_a_close_only_a_snapshot_helps() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    sync.close("connection closed")
    assert sync.state is BookState.DEAD and sync.last_top is not None and sync.last_top.ask == D(100)
    assert sync.snapshot(snapshot(9), 2) is None  # asked for before the close: nothing would keep it
    assert sync.state is BookState.DEAD and sync.book.top is None
    sync.open()
    assert sync.delta(delta(8, 8, '[["99","1"]]'), 3) is None
    assert sync.book.top is None
    assert isinstance(sync.snapshot(snapshot(9), 4), TopOfBook)


def test_the_newer_of_depth_and_faster_top_is_the_top() -> None:
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(7), 1)
    quoted = sync.quote(TopUpdate("XY", "91", "5", "99", "6", 9, 0), 2)
    assert isinstance(quoted, TopOfBook) and (quoted.bid, quoted.ask_size) == (D(91), D(6))
    assert sync.delta(delta(8, 8, '[["98","1"]]'), 3) is None  # older than the quote
    assert sync.quote(TopUpdate("XY", "92", "5", "95", "6", 8, 0), 4) is None
    newer = sync.delta(delta(9, 10, '[["98.5","1"]]'), 5)
    assert isinstance(newer, TopOfBook) and newer.ask == D(98)
    assert next(iter(sync.book.ladder(False))) == (D(98), D(1))


def test_a_top_without_sizes_or_order_is_not_the_top() -> None:
    sync = BookSync(XY, STREAMED)
    sync.snapshot(snapshot(7), 1)
    assert sync.quote(TopUpdate("XY", "91", None, "99", None, 9, 0), 2) is None
    assert sync.quote(TopUpdate("XY", "91", "1", "99", "1", 0, 0), 2) is None
    assert sync.book.top is not None and sync.book.top.bid == D(90)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.sets(st.integers(0, 11), max_size=2))
def test_a_lost_delta_never_leaves_a_live_book_that_is_wrong(prices: list[int], lost: set[int]) -> None:
    """Each delta moves the best ask; with some lost, a live book shows the ask of the last delta in full sequence."""
    sync = BookSync(XY, SEQUENCED)
    sync.snapshot(snapshot(0, ask="50", bid="1"), 0)
    shown, ok = D(50), True
    previous = D(50)
    for number, price in enumerate(prices, 1):
        ask = D(price + 10)
        rows = f'[["{previous}","0"],["{ask}","1"]]' if previous != ask else f'[["{ask}","1"]]'
        previous = ask
        if number - 1 in lost:
            ok = False
            continue
        sync.delta(delta(number, number, rows), number)
        if ok:
            shown = ask
    if sync.state is BookState.LIVE:
        assert sync.book.top is not None and sync.book.top.ask == shown
    first_lost = min(lost, default=len(prices))
    noticed = any(number not in lost for number in range(first_lost, len(prices)))  # nobody can notice a lost tail
    assert (sync.state is BookState.LIVE) == (not noticed)
