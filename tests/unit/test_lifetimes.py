"""Half-lives and completed plans of a post-mortem: from records, as the run itself had them, by hand."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from unit.test_lessons import EDGE, decided
from unit.test_money_path import SETTINGS
from unit.test_own_desk import REFUSING, seen
from unit.test_postmortem import ended, started

from cryptopipe.clock import SECOND
from cryptopipe.journal import runs
from cryptopipe.journal.log import Log, MemoryLog
from cryptopipe.journal.records import Body, BookChanged, Intended, OrderEnded, PlanEnded
from cryptopipe.journal.runs import Run
from cryptopipe.model.facts import Side
from cryptopipe.pipe import PipeSettings
from cryptopipe.postmortem.lifetimes import KindFigures
from cryptopipe.postmortem.render import render
from cryptopipe.postmortem.report import Report, report

AT = 1_723_161_255 * SECOND


def written(data_dir: Path, *told: tuple[int, Body]) -> Report:
    """Of one run; times in milliseconds after its beginning."""
    run: Run = runs.create(data_dir, AT)
    with Log.open(run.journal) as log:
        for seq, (ms, body) in enumerate(((0, started()), *told)):
            log.append(seq, AT + ms * 1_000_000, body.kind, body)
    return report(data_dir)


def opened(edge: str, at: int, until: int) -> list[tuple[int, Body]]:
    return [(at, decided("open", edge=edge)), (until, decided("end", edge=edge))]


def only(found: Report) -> KindFigures:
    (one,) = found.kinds
    return one


def test_the_half_life_allows_for_edges_that_were_lost_from_sight(tmp_path: Path) -> None:
    """Ends at 10 and 30, one taken at 20 ms: after 10 three of four live, after 30 three eighths."""
    taken = [(0, decided("open", edge="two_venue t")), (20, decided("change", True, edge="two_venue t", number=7))]
    lives = (*opened("two_venue a", 0, 10), *taken, *opened("two_venue b", 0, 30), *opened("two_venue c", 0, 90))
    one = only(written(tmp_path, *sorted([*lives, (50, decided("end", edge="two_venue t"))], key=lambda told: told[0])))
    assert (one.kind, one.edges, one.closed, one.lost, one.half_life_ms) == ("two_venue", 4, 3, 1, D(30))


def test_what_the_end_or_a_dead_book_cuts_off_has_not_closed(tmp_path: Path) -> None:
    dies: list[tuple[int, Body]] = [
        (41, decided("open")),
        (45, BookChanged("a:X", "dead", "sequence")),
        (45, decided("end")),
    ]
    one = only(written(tmp_path, *opened(EDGE, 0, 40), *dies, *opened(EDGE, 50, 90), (90, ended())))
    assert (one.edges, one.closed, one.lost) == (3, 1, 2)


def test_a_run_without_an_end_loses_what_is_open(tmp_path: Path) -> None:
    one = only(written(tmp_path, *opened(EDGE, 0, 40), (41, decided("open", edge=EDGE))))
    assert (one.edges, one.closed, one.half_life_ms) == (2, 1, D(40))
    other = only(written(tmp_path / "other", (41, decided("open", edge=EDGE))))
    assert (other.edges, other.closed, other.half_life_ms) == (1, 0, None)


def plan(number: int, *orders: tuple[str, Side, int]) -> list[tuple[int, Body]]:
    """An accepted edge that buys on a and sells on b, its orders (instrument, side, unfilled) and its end."""
    sent = [Intended(f"{number}-{at}", number, one, side, D(1), D(1)) for at, (one, side, _) in enumerate(orders)]
    ends = [OrderEnded(f"{number}-{at}", D(1) - left, D(left)) for at, (_, _, left) in enumerate(orders)]
    first, last = decided("open", True, number=number), decided("end", True, number=number)
    told: tuple[Body, ...] = (first, *sent, *ends, PlanEnded(number, {}, {}, D(0)), last)
    return [(number, one) for one in told]


def test_a_plan_is_completed_if_its_own_orders_were_filled(tmp_path: Path) -> None:
    buy, sell, short = ("a:X", Side.BUY, 0), ("b:X", Side.SELL, 0), ("b:X", Side.SELL, 1)
    whole = [*plan(1, buy, sell), *plan(2, buy, sell, ("a:X", Side.SELL, 1))]
    not_whole = [*plan(3, buy, short), *plan(4, buy, short, ("b:X", Side.SELL, 0)), *plan(5, buy)]
    one = only(written(tmp_path, *whole, *not_whole, *plan(6, buy, sell)[:-2]))
    assert (one.plans, one.completed) == (5, 2)


class Kept(MemoryLog):
    """Keeps the bodies too."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[tuple[int, int, Body]] = []

    def append(self, seq: int, at: int, kind: str, body: Any) -> int:
        self.bodies.append((seq, at, body))
        return super().append(seq, at, kind, body)


@pytest.mark.parametrize("settings", [SETTINGS, REFUSING])
def test_the_journal_tells_what_the_run_knew(tmp_path: Path, settings: PipeSettings) -> None:
    kept = Kept()
    run = seen(settings, 40, 20, 20, 90, 200, log=kept)
    run.pipe.finish("end of input")
    lives, (done, tried) = run.pipe.view.lives("two_venue"), run.pipe.view.plans("two_venue")
    stored = runs.create(tmp_path, AT)
    with Log.open(stored.journal) as log:
        log.append(0, 0, "run_started", started())
        for seq, at, body in kept.bodies:
            log.append(seq, at, body.kind, body)
    found = report(tmp_path)
    one = only(found)
    assert (one.edges, one.closed) == (len(lives), sum(closed for _, closed in lives))
    assert (one.plans, one.completed) == (tried, done)
    assert found.document()["kinds"][0]["kind"] == "two_venue"
    console = Console(width=200, record=True)
    render(found, console)
    assert "Kinds of edge" in console.export_text()
