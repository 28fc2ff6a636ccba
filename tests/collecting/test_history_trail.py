"""The laws of a trail: whatever is lost, doubled or late, what it calls new is every trade once, and what it calls
missing is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.market.trail import COVERED, MOST_HOLES, Hole, Trail
from cryptopipe.model.events import Trade
from cryptopipe.model.facts import Side

pytestmark = [pytest.mark.core]


def trade(number: int, at: int | None = None, prefix: str = "") -> Trade:
    """By default each is made a tick after the one before."""
    return Trade("XY", f"{prefix}{number}", "1", "1", Side.BUY, number if at is None else at)


@dataclass
class Tape:
    """A venue's trades from 1, made at non-falling times; ids count by one, or say nothing with a `prefix`."""

    trades: list[Trade]
    kept: int
    """How many of the newest the venue's history reaches."""
    page: int

    def answer(self, hole: Hole, oldest_first: bool) -> Sequence[Trade]:
        """A page that begins with the trade before the hole, or ends with the one after it."""
        ids = [one.trade_id for one in self.trades]
        reach = max(0, len(self.trades) - self.kept)
        if oldest_first:
            begin = max(reach, ids.index(hole.low.trade_id))
            return self.trades[begin : begin + self.page]
        end = ids.index(hole.high.trade_id) + 1
        return self.trades[max(reach, end - self.page) : end]


@st.composite
def tapes(draw: st.DrawFn) -> tuple[Tape, list[bool], list[bool], bool, bool]:
    """With which trades the stream lost, where it was interrupted, whether ids count, which way history pages."""
    count = draw(st.integers(3, 12))
    counts, oldest_first = draw(st.booleans()), draw(st.booleans())
    steps = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    at, trades = 10, []
    for number, step in enumerate(steps, 1):
        at += step
        trades.append(trade(number, at, "" if counts else "x"))
    lost = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    lost[0] = lost[-1] = False
    tape = Tape(trades, draw(st.integers(1, count)), draw(st.integers(2, 9)))
    interrupted = [lost[n] or draw(st.booleans()) for n in range(count)]
    return tape, lost, interrupted, counts, oldest_first


@given(tapes())
@settings(max_examples=60, deadline=None)
def test_new_is_every_trade_once_and_missing_is_what_nobody_told(
    drawn: tuple[Tape, list[bool], list[bool], bool, bool],
) -> None:
    tape, lost, interrupted, counts, oldest_first = drawn
    trail, new = Trail("XY", counts), list[Trade]()
    for one, gone, broken in zip(tape.trades, lost, interrupted, strict=True):
        if broken:
            trail.interrupted("closed")
        if not gone and trail.told(one, 0):
            new.append(one)
    assert {h.after.trade_id for h in trail.holes} >= {
        before.trade_id for number, before in enumerate(tape.trades[:-1]) if not lost[number] and lost[number + 1]
    }, "a hole that is not seen"
    left: set[str] = set()
    borders: set[int] = set()
    for hole in list(trail.holes):
        while hole in trail.holes:
            before = hole.span
            new += trail.answered(tape.answer(hole, oldest_first))
            if hole in trail.holes and hole.span == before:
                trail.give_up(hole, "no further")
        ids = [one.trade_id for one in tape.trades]
        if hole.ended != COVERED:
            borders |= {hole.low.at, hole.high.at}
            left |= set(ids[ids.index(hole.low.trade_id) + 1 : ids.index(hole.high.trade_id)])
        assert hole.missing in ((0, None) if hole.ended == COVERED else (hole.missing, None))
    told = [one.trade_id for one in new]
    assert len(told) == len(set(told)), "a trade twice"
    everything = {one.trade_id for one in tape.trades}
    assert set(told) >= everything - left, "missing, and no hole says so"
    moments = {one.trade_id: one.event_time for one in tape.trades}
    assert {moments[one] for one in left & set(told)} <= borders, "called missing, and told"
    if counts:
        assert set(told) == everything - left
        assert sum(hole.missing or 0 for hole in trail.ended) == len(left)


@given(st.permutations(range(1, 13)), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_in_whatever_order_they_come_late_trades_close_their_holes(order: list[int], again: int) -> None:
    """Nothing was lost, so in the end nothing is missing but what was before the first one told."""
    trail = Trail("XY", consecutive=True)
    new = [number for number in (*order, *order[:again]) if trail.told(trade(number), 0)]
    assert new == list(order)
    assert not trail.holes and all(hole.missing == 0 for hole in trail.ended)
    assert sum(hole.late for hole in trail.ended) == len([n for n in order[1:] if order[0] < n]) - _steps(order)


def _steps(order: list[int]) -> int:
    """How many were told when no later one had been."""
    return sum(n > max(order[:k]) for k, n in enumerate(order) if k)


def test_a_venue_that_has_no_such_ids_ends_a_hole_with_what_is_there() -> None:
    """Ids 3 and 4 were never a trade of the market: history goes on from 2 to 5."""
    trail = Trail("XY", consecutive=True)
    for number in (1, 2, 5):
        trail.told(trade(number), 0)
    (hole,) = trail.holes
    assert (hole.after.trade_id, hole.before.trade_id, hole.count, hole.why) == ("2", "5", 2, "ids step from 2 to 5")
    assert trail.answered([trade(2), trade(5), trade(6)]) == []
    assert (hole.ended, hole.missing, trail.holes) == (COVERED, 2, [])


@pytest.mark.parametrize(("page", "low", "high"), [(range(4, 9), "2", "4"), (range(2, 7), "6", "9")])
def test_a_page_that_begins_or_ends_one_trade_short_covers_no_border(page: range, low: str, high: str) -> None:
    trail = Trail("XY", consecutive=True)
    for number in (1, 2, 9):
        trail.told(trade(number), 0)
    (hole,) = trail.holes
    trail.answered([trade(number) for number in page])
    assert trail.holes == [hole] and (hole.low.trade_id, hole.high.trade_id) == (low, high)


def test_an_interruption_is_no_hole_where_the_last_trade_is_told_again() -> None:
    """As a venue does that tells the last trades upon a subscription."""
    trail = Trail("XY", consecutive=False)
    for number in (1, 2, 3):
        trail.told(trade(number, prefix="x"), 0)
    trail.interrupted("closed")
    assert [trail.told(trade(number, prefix="x"), 0) for number in (2, 3, 4)] == [False, False, True]
    assert not trail.holes


def test_what_the_stream_told_late_is_not_told_again_by_history() -> None:
    """Some venues tell the last trades upon a subscription, newest first."""
    trail = Trail("XY", consecutive=False)
    trail.told(trade(1, prefix="x"), 0)
    trail.interrupted("closed")
    assert [trail.told(trade(number, prefix="x"), 0) for number in (9, 8, 5)] == [True, True, True]
    new = trail.answered([trade(number, prefix="x") for number in range(1, 10)])
    assert [one.trade_id for one in new] == ["x2", "x3", "x4", "x6", "x7"]
    assert not trail.holes and trail.ended[0].filled == 5


def test_answers_that_touch_no_hole_fill_none() -> None:
    trail = Trail("XY", consecutive=False)
    trail.told(trade(10, prefix="x"), 0)
    trail.interrupted("closed")
    trail.told(trade(20, prefix="x"), 0)
    for page in ([], [trade(15, prefix="x")], [trade(2, prefix="x"), trade(3, prefix="x")], [trade(25, prefix="x")]):
        assert trail.answered(page) == []
    (hole,) = trail.holes
    assert (hole.low, hole.high, hole.missing) == (hole.after, hole.before, None)


def test_trades_without_ids_are_new_and_leave_no_holes() -> None:
    trail = Trail("XY", consecutive=True)
    bare = Trade("XY", "", "1", "1", Side.BUY, 1)
    assert trail.told(bare, 0) and trail.told(bare, 0)
    trail.interrupted("closed")
    assert trail.told(bare, 0) and not trail.holes


def test_holes_are_bounded_and_the_oldest_is_given_up_by_name() -> None:
    trail = Trail("XY", consecutive=True)
    for number in range(0, 2 * (MOST_HOLES + 3), 2):
        trail.told(trade(number), 0)
    assert len(trail.holes) == MOST_HOLES
    assert [(hole.after.trade_id, hole.ended) for hole in trail.ended] == [
        (number, f"more than {MOST_HOLES} holes at once") for number in ("0", "2")
    ]
