"""Our own side under faults on actions, on the virtual clock: every order is placed once or not at all, and ends with
exactly the fills that its venue has. At the sample venues, and at each installed one that has accounts and actions.
"""

from decimal import Decimal as D

import pytest
from simulation.pursuits import at_installed, at_samples, busy, judge
from simulation.street import BAR, FOO, MILLISECOND, SECOND, START

from cryptopipe import registry
from cryptopipe.drivers.simulate import LATENCY
from cryptopipe.errors import UnknownOutcome
from cryptopipe.model.actions import FetchBalances, PlaceOrder
from cryptopipe.model.facts import Side
from cryptopipe.model.outcomes import Accepted, Reports
from cryptopipe.sandbox.faults import Fault

HALF = 0.5
AMID = {"lasts": 30 * SECOND, "probability": HALF}
UNHURRIED = 20 * SECOND
"""Ten orders in this are within the limits of every installed venue."""
FAULTS = {
    "none": (),
    "lost_request": (Fault("lost_request", **AMID),),
    "late_request": (Fault("late_request", lasts=5 * SECOND, values={"delay": 3 * SECOND}),),
    "lost_response": (Fault("lost_response", **AMID),),
    "late_ack": (Fault("late_ack", **AMID, values={"delay": SECOND}),),
    "too_late_ack": (Fault("late_ack", **AMID, values={"delay": 11 * SECOND}),),
    "action_5xx": (Fault("action_5xx", **AMID),),
    "action_5xx done": (Fault("action_5xx", **AMID, values={"done": 1}),),
    "reject": (Fault("reject", **AMID),),
    "partial": (Fault("partial", **AMID),),
    "maintenance": (Fault("maintenance", at=SECOND, lasts=4 * SECOND),),
    "black_hole": (Fault("black_hole", at=SECOND, lasts=4 * SECOND),),
    "http_5xx": (Fault("http_5xx", **AMID),),
}
SLOW_TO_TELL = ("lost_request", "late_request", "lost_response", "too_late_ack")
"""Each costs ten seconds in which the venue is asked nothing else: fewer orders then."""
PLACED = (Side.BUY, D("0.01"), None)
SURE = ("none", "late_ack", "reject", "partial")
"""What leaves no doubt whether an order was placed."""
INSTALLED = sorted(
    name for name, one in registry.exchanges().items() if one.trading_sandbox is not None and one.actions is not None
)


def count(name: str) -> int:
    return 6 if name in SLOW_TO_TELL else 40


@pytest.mark.parametrize("name", FAULTS)
def test_every_order_ends_with_what_its_venue_has_of_it(name: str) -> None:
    run = busy(at_samples(*FAULTS[name]), count(name))
    judge(run)
    doubts = [one for one in run.answers if isinstance(one.outcome, UnknownOutcome)]
    assert bool(doubts) is (name not in SURE)


@pytest.mark.parametrize("venue", INSTALLED)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name != "lost_response" else name
                                  for name in FAULTS])  # fmt: skip
def test_every_order_ends_with_what_an_installed_venue_has_of_it(name: str, venue: str) -> None:
    run = busy(at_installed(venue, *FAULTS[name]), 10, within=UNHURRIED)
    judge(run)
    doubts = [one for one in run.answers if isinstance(one.outcome, UnknownOutcome)]
    assert name in SURE or doubts


@pytest.mark.slow
@pytest.mark.parametrize("venue", INSTALLED)
def test_an_order_that_was_given_up_as_never_placed_is_not_placed_later(venue: str) -> None:
    """Some venues take a signature for 30 s or 120 s; orders were given up 7 s after they were asked for, some before
    their request was signed.
    """
    late = Fault("late_request", lasts=60 * SECOND, probability=HALF, values={"delay": 15 * SECOND})
    for seed in (4, 5):
        run = busy(at_installed(venue, late, seed=seed), 10, seed, UNHURRIED)
        for client_id, (fills, _) in run.ended.items():
            assert len(fills) == len(run.filled(client_id)), client_id


def test_an_answer_takes_the_way_there_and_back_and_the_venues_own_time() -> None:
    run = busy(at_samples(), count=1)
    (placing, *_) = [one for one in run.answers if isinstance(one.action, PlaceOrder)]
    assert isinstance(placing.outcome, Accepted)
    assert 0 <= placing.took - (2 * LATENCY + 20 * MILLISECOND) < MILLISECOND  # each input has a stamp of its own


def test_requests_of_one_venue_are_asked_one_after_the_other() -> None:
    """Nonces rise in order; another venue is not waited for."""
    run = at_samples(Fault("late_ack", venue="foo", values={"delay": SECOND}))
    place = PlaceOrder(run.world.books[FOO]["btcusdt"].instrument, *PLACED, "a")
    run.execution.wake_at(START + 100 * MILLISECOND, lambda now: run.execution.ask(place, now, lambda got, at: None))
    for venue in (FOO, BAR):
        asked = FetchBalances(venue)
        run.execution.wake_at(
            START + 110 * MILLISECOND, lambda now, asked=asked: run.execution.ask(asked, now, lambda got, at: None)
        )
    run.run(5 * SECOND)
    took = {one.venue: one.took for one in run.answers if isinstance(one.outcome, Reports) and one.outcome.balances}
    assert took[BAR] < 20 * MILLISECOND and took[FOO] > SECOND


def test_the_same_seed_is_the_same_run() -> None:
    faults = [fault for name in ("lost_response", "late_ack", "partial") for fault in FAULTS[name]]
    runs = [busy(at_samples(*faults), count=8) for _ in range(3)]
    assert len({repr((run.ended, [(one.action, one.outcome, one.took) for one in run.answers])) for run in runs}) == 1
