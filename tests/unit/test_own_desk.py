"""A run that learns of its own desk says so in its decisions, and is the same again when it is told the same."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from unit.test_money_path import LIMITS, SETTINGS, Run

from cryptopipe.journal.log import MemoryLog
from cryptopipe.pipe import PipeSettings

pytestmark = pytest.mark.core

REFUSING = replace(SETTINGS, limits=replace(LIMITS, min_net_bps=D(150)))
"""Edges of a hundredth are seen, and not taken."""


def seen(settings: PipeSettings, edges: int, *lasting: int, log: MemoryLog | None = None) -> Run:
    """So many edges of 1 % that last by turns so many milliseconds; ten seconds later, when curves are made anew, one
    that is open.
    """
    run = Run(settings, log)
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 99, 100)
    for number in range(edges):
        run.book("b1", "X-USDT", 101, 102, 2 * number + 2)
        run.give(
            "b1",
            ["snapshot", "X-USDT", 2 * number + 3, [["99", "10"]], [["100", "10"]]],
            after=lasting[number % len(lasting)],
        )
    run.give("b1", ["snapshot", "X-USDT", 2 * edges + 2, [["101", "10"]], [["102", "10"]]], after=10_000)
    run.pipe.end_turn()
    return run


def told(run: Run, check: str) -> str:
    """What the last opening says."""
    last = [one for one in run.told("decided") if one["phase"] == "open"][-1]
    (found,) = [reason for reason in last["reasons"] if reason["check"] == check]
    assert found["passed"]
    measured: str = found["measured"]
    return measured


def test_edges_that_closed_tell_how_many_outlive_the_latency_on_paper() -> None:
    """Of every four one lives longer than 50 ms."""
    assert told(seen(REFUSING, 40, 20, 20, 20, 200), "fill_edge").endswith("alive with 0.2500")
    assert "19 of 20" in told(seen(REFUSING, 19, 20), "fill_edge")
    quick = replace(REFUSING, latency=10_000_000)
    assert told(seen(quick, 40, 20), "fill_edge").endswith("alive with 1.0000")


def test_an_edge_that_was_taken_is_none_that_closed() -> None:
    """All are accepted at once: nothing was followed."""
    run = seen(SETTINGS, 40, 200)
    assert run.pipe.fills
    assert {closed for _, closed in run.pipe.view.lives("two_venue")} == {False}
    done, tried = run.pipe.view.plans("two_venue")
    assert tried == run.pipe._trading.plans - (run.pipe._trading.plan is not None) and 0 < done <= tried


@pytest.mark.parametrize("settings", [SETTINGS, REFUSING])
def test_a_run_that_is_told_the_same_says_the_same(settings: PipeSettings) -> None:
    one, other = (seen(settings, 40, 20, 200) for _ in range(2))
    assert one.log.lines == other.log.lines
    assert sum(b"fill_edge" in line for line in one.log.lines) > 2
