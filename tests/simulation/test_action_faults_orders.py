"""Our own side under faults on actions, on the virtual clock: every order is placed once or not at all, and ends with
exactly the fills that its venue has.
"""

from collections.abc import Sequence
from random import Random

import pytest
from simulation.bitfoo_actions import BitFooActions
from simulation.street import BAR, FOO, MILLISECOND, SECOND, START, Street

from cryptopipe.act.venues import Answered, VenueExecution
from cryptopipe.capture.inputs import ACTION, Input
from cryptopipe.clock import Nanos
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.drivers.simulate import LATENCY, Simulation
from cryptopipe.errors import UnknownOutcome
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.market import Market
from cryptopipe.model.actions import FetchBalances, PlaceOrder
from cryptopipe.model.desk import DeskFill
from cryptopipe.model.facts import Side
from cryptopipe.model.outcomes import Accepted, Reports
from cryptopipe.model.simulated import SANDBOX_TRADER
from cryptopipe.model.trading import Fill, Order
from cryptopipe.sandbox.faults import Fault

VENUES = (FOO, BAR)


class Run:
    """Orders that are pursued at both venues by signed requests; what became of them."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 1) -> None:
        self.street = Street(seed, faults, ack_spread=0)
        self.ended: dict[str, tuple[Sequence[Fill], str]] = {}
        self.halted: list[str] = []
        self.answers: list[Answered] = []
        codecs = {venue: BitFooActions(venue) for venue in VENUES}
        self.execution = VenueExecution(codecs, self._ended, self.halted.append, self.answers.append)
        signatory = Signatory(
            self.execution.take_instructions, self.execution.next_due, codecs, dict.fromkeys(VENUES, SANDBOX_TRADER)
        )
        feeds = Feeds(Market({}), {}, {}, lambda: 0.5, START)
        self.simulation = Simulation(
            self.street.world, self.street.houses, feeds, self._take, self._turn_ended, START, signatory=signatory
        )

    def _take(self, entry: Input) -> None:
        if entry.request.startswith(ACTION):
            self.execution.answered(entry)

    def _turn_ended(self, at: Nanos) -> None:
        while self.execution.next_due() <= at:
            self.execution.wake(at)

    def _ended(self, order: Order, fills: Sequence[Fill], obstacle: str, at: Nanos) -> None:
        assert order.client_id not in self.ended, "an order ended twice"
        self.ended[order.client_id] = (fills, obstacle)

    def order(self, client_id: str, venue: str, at: Nanos, random: Random) -> None:
        """An immediate order that crosses the market, or does not, is sent at a time since the start."""
        instrument = self.street.world.books[FOO if venue == FOO else BAR]["btcusdt"].instrument
        assert instrument.rules is not None
        side, grid = random.choice((Side.BUY, Side.SELL)), instrument.rules
        limit = grid.tick * random.choice((5_000_000, 6_200_000, 8_000_000))
        one = Order(client_id, 1, instrument, side, grid.step * random.randrange(1_000, 9_000), limit)
        self.execution.wake_at(START + at, lambda now: self.execution.send([one], now))

    def run(self, until: Nanos) -> None:
        self.simulation.run(START + until)

    def filled(self, client_id: str) -> list[DeskFill]:
        """What the venues have of an order."""
        desks = self.street.world.desks.values()
        return [fill for desk in desks for fill in desk.accounts[1].fills() if fill.client_id == client_id]

    def placed(self) -> list[str]:
        desks = self.street.world.desks.values()
        return [order.order.client_id for desk in desks for order in desk.accounts[1].orders()]


def busy(*faults: Fault, seed: int = 1, count: int = 40) -> Run:
    """A run of `count` orders in two seconds, and the patience to learn of each what became of it."""
    run, random = Run(faults, seed), Random(seed)
    for n in range(count):
        run.order(f"c{n}", random.choice(VENUES), (100 + 50 * n) * MILLISECOND, random)
    run.run(SECOND * 40)
    return run


HALF = 0.5
FAULTS = {
    "none": (),
    "lost_request": (Fault("lost_request", lasts=3 * SECOND, probability=HALF),),
    "lost_response": (Fault("lost_response", lasts=3 * SECOND, probability=HALF),),
    "late_ack": (Fault("late_ack", lasts=3 * SECOND, probability=HALF, values={"delay": SECOND}),),
    "too_late_ack": (Fault("late_ack", lasts=3 * SECOND, probability=HALF, values={"delay": 11 * SECOND}),),
    "action_5xx": (Fault("action_5xx", lasts=3 * SECOND, probability=HALF),),
    "action_5xx done": (Fault("action_5xx", lasts=3 * SECOND, probability=HALF, values={"done": 1}),),
    "reject": (Fault("reject", lasts=3 * SECOND, probability=HALF),),
    "partial": (Fault("partial", lasts=3 * SECOND, probability=HALF),),
    "maintenance": (Fault("maintenance", at=SECOND, lasts=SECOND),),
    "black_hole": (Fault("black_hole", at=SECOND, lasts=SECOND // 4),),
    "http_5xx": (Fault("http_5xx", lasts=3 * SECOND, probability=HALF),),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_order_ends_with_what_its_venue_has_of_it(name: str) -> None:
    run = busy(*FAULTS[name], count=40 if name not in ("lost_request", "too_late_ack", "lost_response") else 6)
    placed = run.placed()
    assert len(set(placed)) == len(placed), "an order was placed twice"
    assert run.halted == [] and run.ended and not run.execution.in_flight
    for client_id, (fills, obstacle) in run.ended.items():
        told = [(fill.price, fill.quantity, fill.fee) for fill in fills]
        assert told == [(fill.price, fill.size, fill.fee) for fill in run.filled(client_id)]
        assert client_id in placed or obstacle
    doubts = [one for one in run.answers if isinstance(one.outcome, UnknownOutcome)]
    assert bool(doubts) is (name not in ("none", "late_ack", "reject", "partial"))


def test_an_answer_takes_the_way_there_and_back_and_the_venues_own_time() -> None:
    run = busy(count=1)
    (placing, *_) = [one for one in run.answers if isinstance(one.action, PlaceOrder)]
    assert isinstance(placing.outcome, Accepted)
    assert 0 <= placing.took - (2 * LATENCY + 20 * MILLISECOND) < MILLISECOND  # each input has a stamp of its own


def test_requests_of_one_venue_are_asked_one_after_the_other() -> None:
    """Nonces rise in order; another venue is not waited for."""
    run = Run([Fault("late_ack", venue="foo", values={"delay": SECOND})])
    random = Random(1)
    run.order("a", FOO, 100 * MILLISECOND, random)
    for venue in VENUES:
        run.execution.wake_at(START + 110 * MILLISECOND, lambda now, v=venue: run.execution.ask(  # type: ignore[misc]
            FetchBalances(v), now, lambda outcome, at: None))  # fmt: skip
    run.run(5 * SECOND)
    took = {one.venue: one.took for one in run.answers if isinstance(one.outcome, Reports) and one.outcome.balances}
    assert took[BAR] < 20 * MILLISECOND and took[FOO] > SECOND


def test_the_same_seed_is_the_same_run() -> None:
    faults = [fault for name in ("lost_response", "late_ack", "partial") for fault in FAULTS[name]]
    runs = [busy(*faults, count=8) for _ in range(3)]
    assert len({repr((run.ended, [(one.action, one.outcome, one.took) for one in run.answers])) for run in runs}) == 1
