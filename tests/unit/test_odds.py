"""What one's own desk says of a sized edge: refused by what is known, passed and told by what is not."""

from decimal import Decimal as D
from math import exp, log
from random import Random
from typing import Any

import pytest
from unit.test_edges import RULE, market

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.evaluate.closing import Closing, closing
from cryptopipe.evaluate.ticks import Column
from cryptopipe.market.experience import Experience
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import FeeSchedule, VenueId
from cryptopipe.model.trading import Opportunity, Reason
from cryptopipe_arbitrage import strategy

pytestmark = pytest.mark.core

A, B = market("a", "BTC/USDT"), market("b", "BTC/USDT")
EDGE = "two_venue a:BTC/USDT b:BTC/USDT"
FREE = FeeSchedule.flat("0", "0", "test", "2026-11-21")


class Desk:
    """Two books, bought at 100 and sold at 101 now; every second step of 100 ms the price of a, of `both` if so, was
    better by a half.
    """

    def __init__(self, latency: Nanos | None = 100 * MILLISECOND, both: bool = False, **settings: Any) -> None:
        self.known = Experience(lambda venue: latency)
        world = Market({})
        syncs = self.syncs = {one: BookSync(one, RULE) for one in (A, B)}
        for one, sync in syncs.items():
            world.books.setdefault(one.venue, {})[one.symbol] = sync
        for step in range(401):
            self.now = step * SECOND // 10
            better = step % 2 / 2
            for one, (bid, ask) in ((A, (99, 100 - better)), (B, (101 + better * both, 103))):
                rows = [f'[["{price}","1"]]'.encode() for price in (bid, ask)]
                syncs[one].snapshot(BookSnapshot(one.symbol, rows[0], rows[1], step + 1, self.now), self.now)
        held = {one.venue: FREE for one in (A, B)}
        self.view = View(world, held, lambda venue, asset: D(10**6), {}, experience=self.known)
        plain = {"kinds": ("inventory",), "restoring_bps": D(0), "skew_confidence": D("0.5")}
        self._strategy = strategy.make(strategy.settings(**{**plain, **settings}))
        self._strategy.start([A, B])
        self.view.now, self.view.turn = self.now, 0

    def found(self, after: Nanos = 0) -> Opportunity:
        self.view.now, self.view.turn = self.view.now + after, self.view.turn + 1
        (one,) = self._strategy.evaluate(self.view, A)
        assert one.legs[0].quantity == 1
        return one

    def reason(self, check: str, after: Nanos = 0) -> Reason:
        (one,) = [reason for reason in self.found(after).obstacles if reason.check == check]
        return one

    def lived(self, *lives: tuple[float, bool]) -> "Desk":
        for seconds, closed in lives:
            self.known.lived("two_venue", int(seconds * SECOND), closed)
        return self


def test_nothing_known_passes_and_says_so() -> None:
    for desk, why in ((Desk(), "0 of 20 edges followed from 0 ms to 100 ms"), (Desk(None), "none yet on a of")):
        told = desk.reason("fill_edge")
        assert told.passed and "too little known" in told.measured and why in told.measured
    told = Desk(None, least_completion=D("0.9")).reason("completion")
    assert told.passed and "too little known: none yet on a" in told.measured


def test_lives_of_other_kinds_and_too_few_of_its_own_say_nothing() -> None:
    desk = Desk().lived(*[(1.0, True)] * 19)
    for _ in range(50):
        desk.known.lived("triangle", SECOND, True)
    assert "too little known: 19 of 20" in desk.reason("fill_edge").measured


def parts(told: Reason) -> tuple[float, float]:
    """(expected bps, chance to live)."""
    words = told.measured.replace(",", "").split()
    return float(words[0]), float(words[-1])


def test_what_half_of_all_edges_outlive_is_worth_half() -> None:
    desk = Desk().lived(*[(0.05, True)] * 20, *[(1.0, True)] * 20)
    expected, alive = parts(desk.reason("fill_edge"))
    assert alive == 0.5
    assert expected == pytest.approx(0.5 * 1e4 * (1.01 - 1) / 1.005, rel=1e-4)  # ln(1.01), half of it


@pytest.mark.parametrize("slow", "ab")
def test_the_slowest_order_tells_how_long_an_edge_must_last(slow: str) -> None:
    desk = Desk(latency=10 * MILLISECOND).lived(*[(0.05, True)] * 20, *[(1.0, True)] * 20)
    assert parts(desk.reason("fill_edge"))[1] == 1.0
    desk.known.took(VenueId(slow), 100 * MILLISECOND)
    assert parts(desk.reason("fill_edge"))[1] == 0.5


def test_an_edge_that_we_took_counts_as_one_that_may_have_lived_on() -> None:
    closed = Desk().lived(*[(0.05, True)] * 20, *[(1.0, True)] * 20)
    taken = Desk().lived(*[(0.05, False)] * 20, *[(1.0, True)] * 20)
    assert parts(closed.reason("fill_edge"))[1] == 0.5
    assert parts(taken.reason("fill_edge"))[1] == 1.0


def test_the_age_of_an_edge_is_what_it_has_outlived() -> None:
    desk = Desk().lived(*[(0.05, True)] * 20, *[(1.0, True)] * 20)
    desk.known.alive_since = {EDGE: desk.now - SECOND // 2}.get
    assert parts(desk.reason("fill_edge"))[1] == 1.0


def test_what_a_missed_edge_costs_may_refuse_it_where_edges_go_before_orders_come() -> None:
    lives = [(0.05, True)] * 36 + [(1.0, True)] * 4
    for bps, passed in ((1, True), (50, False)):
        told = Desk(missed_bps=D(bps)).lived(*lives).reason("fill_edge")
        assert told.passed is passed
        assert parts(told)[0] == pytest.approx(0.1 * 99.503 - 0.9 * bps, abs=1e-3)
    too_few = Desk(missed_bps=D(50)).lived(*lives[21:]).reason("fill_edge")
    assert too_few.passed and "too little known" in too_few.measured


def test_levels_that_go_make_a_plan_less_likely() -> None:
    """Of 400 changes 200 lasted a step, and one is of now: 199 of 399 are left after it, on either venue."""
    told = Desk(latency=150 * MILLISECOND, both=True).reason("completion")
    low, expected, best = (float(word) for word in told.measured.split() if word[0] == "0")
    assert [expected, best] == pytest.approx([(199 / 399) ** 2, 199 / 399], abs=1e-4)
    assert 0.15 < low < expected and told.measured.endswith("from levels") and told.passed
    quick = Desk(latency=50 * MILLISECOND, both=True).reason("completion")
    assert " 1.0000 expected" in quick.measured
    assert not Desk(latency=150 * MILLISECOND, both=True, least_completion=D("0.25")).reason("completion").passed


def test_a_level_that_never_changed_is_not_known_to_last() -> None:
    told = Desk(least_completion=D(1)).reason("completion")
    assert told.passed and "too little known: 0 of 20" in told.measured


def completed(desk: Desk, filled: int, of: int) -> Desk:
    for n in range(of):
        desk.known.planned("two_venue", n < filled)
    return desk


@pytest.mark.parametrize("filled", [40, 20, 0])
def test_ones_own_plans_decide_once_there_are_thirty(filled: int) -> None:
    """Lower 5 % quantiles of Beta(filled + 1/2, rest + 1/2), by integrating its density here."""
    told = completed(Desk(least_completion=D("0.5")), filled, 40).reason("completion")
    assert "from orders" in told.measured
    assert told.passed is (filled == 40)
    assert float(told.measured.split()[0]) == pytest.approx(_quantile(filled + 0.5, 40.5 - filled), abs=5e-4)
    assert "from orders" not in completed(Desk(), 29, 29).reason("completion").measured
    only_told = completed(Desk(), filled, 40).reason("completion")
    assert only_told.passed and only_told.limit == "0 or more"


def _quantile(a: float, b: float, at: float = 0.05, steps: int = 20_000) -> float:
    """By the sum of x^(a-1)(1-x)^(b-1) over the middles of so many parts."""
    weights = [((n + 0.5) / steps) ** (a - 1) * (1 - (n + 0.5) / steps) ** (b - 1) for n in range(steps)]
    wanted, reached = at * sum(weights), 0.0
    for n, weight in enumerate(weights):
        reached += weight
        if reached >= wanted:
            return (n + 0.5) / steps
    raise AssertionError


def test_a_curve_is_made_anew_for_a_new_life_after_some_seconds_and_not_before() -> None:
    desk = Desk().lived(*[(0.05, True)] * 20, *[(1.0, True)] * 20)
    assert parts(desk.reason("fill_edge"))[1] == 0.5
    desk.lived(*[(1.0, True)] * 40)
    assert parts(desk.reason("fill_edge", SECOND))[1] == 0.5
    assert parts(desk.reason("fill_edge", 10 * SECOND))[1] == 0.75


def test_an_edge_of_two_books_that_closes_is_worth_less_when_orders_come() -> None:
    """Asks on a that return to their level at a rate of four a minute; what the two columns tell of it is taken off."""
    random, desk, dip = Random(5), Desk(latency=6 * SECOND), 0.0
    start = desk.now + 2 * SECOND
    for step in range(2_400):
        dip = dip * exp(-4 / 600) + random.gauss(0, 0.0003)
        at = start + step * SECOND // 10
        dip = 0.004 if step == 2_399 else dip
        for one, bid, ask in ((A, 90, 100 * exp(-dip)), (B, 101 + step % 2 / 100, 103)):
            rows = [f'[["{price:.2f}","1"]]'.encode() for price in (bid, ask)]
            desk.syncs[one].snapshot(BookSnapshot(one.symbol, rows[0], rows[1], step + 1_000, at), at)
    desk.view.now = at
    (asks, places), (bids, more) = (desk.view.column(one, name, 0, at + 1) for one, name in ((A, "ask"), (B, "bid")))
    times = [desk.view.column(one, "received_at", 0, at + 1)[0] for one in (A, B)]
    told = closing(Column(times[1], bids, more), Column(times[0], asks, places), at)
    assert isinstance(told, Closing) and told.transient > 0
    desk.lived(*[(100.0, True)] * 20)
    expected, alive = parts(desk.reason("fill_edge"))
    assert alive == 1.0
    gone = told.transient * (1 - exp(-told.kappa * 0.1))
    assert gone > 1e-4
    top = desk.view.top(A)
    assert top is not None and top.ask is not None
    assert expected == pytest.approx(1e4 * (log(D("101.01") / top.ask) - gone), abs=0.01)
