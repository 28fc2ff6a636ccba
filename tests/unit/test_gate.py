"""The gate: every check in every decision, each failing for its own reason, and nothing unmeasured accepted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal as D
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import MILLISECOND
from cryptopipe.gate.gate import Gate, GateState, Limits, TradingMode
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Side, TradingRules, TradingState, VenueId
from cryptopipe.model.stream import Proof, SyncRule, apply_always
from cryptopipe.model.trading import Decision, Leg, Opportunity, Reason

pytestmark = pytest.mark.core

CHECKS = (
    "mode", "loss", "one_plan", "books_live", "age", "trading_state", "edge_credible", "net_edge", "size", "profit",
    "notional", "proof", "funds", "group",
)  # fmt: skip
A, B, X, Y = VenueId("a"), VenueId("b"), Asset("X"), Asset("Y")
RULES = TradingRules(D("0.1"), D("0.1"), D("0.1"), D(0))
HERE = Instrument(A, "XY", X, Y, rules=RULES)
THERE = Instrument(B, "XY", X, Y, rules=RULES)
FREE = FeeSchedule.flat("0", "0", "test", "2026-11-21")
SEEN_AT = 1_000_000_000
HOUR = 3_600_000_000_000
LIMITS = Limits(
    numeraire=Y, max_age=2_000_000_000, max_notional=D(1000), max_unproven_notional=D(50), min_net_bps=D(1),
    min_profit=D("0.5"), max_edge_bps=D(300), max_loss=D(100), max_residual=D(10),
)  # fmt: skip


def opportunity(edge: str = "one", value: str = "2", group: Sequence[str] = ()) -> Opportunity:
    """Buys one X for 100 Y here, sells it for 102 there."""
    legs = (
        Leg(HERE, Side.BUY, D("1.0"), D(100), D(100), Fee(D("0.5"), Y)),
        Leg(THERE, Side.SELL, D("1.0"), D(102), D(102), Fee(D("0.001"), X)),
    )
    return Opportunity(edge, legs, D(200), D(150), (), {Y: D(value)}, D(value), Y, D(100), tuple(group or [edge]))


@dataclass
class World:
    """One opportunity that the gate accepts, until a case changes something."""

    limits: Limits = LIMITS
    state: GateState = field(default_factory=GateState)
    offered: Opportunity = field(default_factory=opportunity)
    balances: dict[tuple[VenueId, Asset], D] = field(
        default_factory=lambda: {(A, Y): D("100.5"), (B, X): D("1.001")}  # to the last digit
    )
    proof: Proof = Proof.SEQUENCE
    after: list[Callable[[dict[VenueId, dict[str, BookSync]]], object]] = field(default_factory=list)
    now: int = SEEN_AT + 2_000_000_000

    def view(self) -> View:
        market = Market({})
        for instrument in (HERE, THERE):
            rule = SyncRule(self.proof, apply_always, apply_always, snapshot_by_request=False)
            sync = BookSync(instrument, rule)
            sync.snapshot(BookSnapshot("XY", b'[["99","5"]]', b'[["100","5"]]', 1, 0), SEEN_AT)
            market.books[instrument.venue] = {"XY": sync}
        for change in self.after:
            change(market.books)
        made = View(market, {A: FREE, B: FREE}, lambda venue, asset: self.balances.get((venue, asset), D(0)), {})
        made.now = self.now
        return made

    def decide(self) -> Decision:
        (decision,) = Gate(self.limits, self.state).decide([self.offered], self.view())
        return decision

    def offer(self, **changes: object) -> None:
        self.offered = msgspec.structs.replace(self.offered, **changes)

    def leg(self, at: int, **changes: object) -> None:
        legs = list(self.offered.legs)
        legs[at] = msgspec.structs.replace(legs[at], **changes)
        self.offer(legs=tuple(legs))

    def tell(self, instrument: Instrument) -> None:
        """The venue has told that the instrument is so now; the leg is priced by what it was."""
        self.after.append(lambda books: setattr(books[instrument.venue]["XY"], "instrument", instrument))

    def limit(self, name: str, value: str) -> None:
        self.limits = replace(self.limits, **{name: D(value)})  # type: ignore[arg-type]


def failed(decision: Decision) -> set[str]:
    return {reason.check for reason in decision.reasons if not reason.passed}


def reducing(world: World) -> None:
    world.state.mode = TradingMode.REDUCING


def another_plan(world: World) -> None:
    world.state.plan_in_flight = 7


def lost(world: World) -> None:
    world.after.append(lambda books: books[B]["XY"].lose("gap"))


def crossed(world: World) -> None:
    world.after.append(
        lambda books: books[A]["XY"].delta(BookDelta("XY", b'[["101","1"]]', b"[]", 0, 2, 0, 0), SEEN_AT)
    )


def ending(later: int) -> Callable[[World], object]:
    """Trading ends the margin and this many nanoseconds after now."""

    def change(world: World) -> None:
        world.limits = replace(world.limits, delisting_margin=HOUR)
        world.tell(msgspec.structs.replace(THERE, delists_at=world.now + HOUR + later))

    return change


def halted_market(world: World) -> None:
    world.tell(msgspec.structs.replace(THERE, state=TradingState.CANCEL_ONLY))


def other_rules(world: World) -> None:
    world.tell(msgspec.structs.replace(THERE, rules=TradingRules(D("0.1"), D(1), D(1), D(0))))


def unproven(world: World) -> None:
    world.proof = Proof.NONE


def unproven_and_small(world: World) -> None:
    unproven(world)
    world.limit("max_unproven_notional", "100")


def set_loss(amount: str | None) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.state.loss = None if amount is None else D(amount)

    return change


def own(venue: VenueId, asset: Asset, amount: str) -> Callable[[World], None]:
    return lambda world: world.balances.update({(venue, asset): D(amount)})


FAILING: dict[str, tuple[Callable[[World], object], str]] = {
    "halted": (lambda w: w.state.halt("loss"), "mode"),
    "reducing": (reducing, "mode"),
    "loss at its bound": (set_loss("100"), "loss"),
    "loss without a price": (set_loss(None), "loss"),
    "a plan in flight": (another_plan, "one_plan"),
    "a lost book": (lost, "books_live"),
    "a crossed book": (crossed, "books_live"),
    "a book a millisecond too old": (lambda w: setattr(w, "now", w.now + MILLISECOND), "age"),
    "a market that only cancels": (halted_market, "trading_state"),
    "a market of other rules by now": (other_rules, "trading_state"),
    "a market that ends within the margin": (ending(0), "trading_state"),
    "an edge too good": (lambda w: w.offer(gross_bps=D("300.0001")), "edge_credible"),
    "net at its bound": (lambda w: w.offer(net_bps=D(1)), "net_edge"),
    "a loss": (lambda w: w.offer(net_bps=D(-5), value=D(-1)), "net_edge"),
    "no feasible size": (lambda w: w.leg(1, quantity=D(0)), "size"),
    "a profit too small": (lambda w: w.offer(value=D("0.4999")), "profit"),
    "too large": (lambda w: w.limit("max_notional", "99.99"), "notional"),
    "too large for an unproven book": (unproven, "proof"),
    "quote for the price but not the fee": (own(A, Y, "100.4999"), "funds"),
    "base for the size but not the fee": (own(B, X, "1.0009"), "funds"),
    "nothing at all": (own(B, X, "0"), "funds"),
}

STILL_FINE: dict[str, Callable[[World], object]] = {
    "a market that ends after the margin": ending(1),
    "loss just below its bound": set_loss("99.99"),
    "gross at its bound": lambda w: w.offer(gross_bps=D(300)),
    "net just above its bound": lambda w: w.offer(net_bps=D("1.0001")),
    "profit at its bound": lambda w: w.offer(value=D("0.5")),
    "notional at its bound": lambda w: w.limit("max_notional", "100"),
    "unproven and small": unproven_and_small,
}


def test_what_passes_every_check_is_accepted() -> None:
    decision = World().decide()
    assert decision.accepted
    assert tuple(reason.check for reason in decision.reasons) == CHECKS
    assert decision.at == SEEN_AT + LIMITS.max_age


@pytest.mark.parametrize("name", FAILING)
def test_each_condition_fails_its_own_check_alone(name: str) -> None:
    world, (change, check) = World(), FAILING[name]
    change(world)
    decision = world.decide()
    assert not decision.accepted
    assert failed(decision) == {check}
    assert tuple(reason.check for reason in decision.reasons) == CHECKS
    (reason,) = [reason for reason in decision.reasons if not reason.passed]
    assert reason.limit and reason.measured and reason.limit != reason.measured


@pytest.mark.parametrize("name", STILL_FINE)
def test_at_the_bound_it_passes(name: str) -> None:
    world = World()
    STILL_FINE[name](world)
    assert failed(world.decide()) == set()


@given(st.sets(st.sampled_from(sorted(FAILING)), max_size=6))
def test_conditions_add_up(names: set[str]) -> None:
    """Every check is evaluated, whatever failed before it; size and profit are only asked of an edge that pays."""
    if {"a loss", "a profit too small"} <= names:
        names.discard("a profit too small")  # both set the one value
    if "no feasible size" in names:
        names.discard("base for the size but not the fee")  # enough for no size at all
    world = World()
    for name in sorted(names):
        FAILING[name][0](world)
    expected = {FAILING[name][1] for name in names}
    if world.offered.net_bps <= world.limits.min_net_bps:
        expected -= {"size", "profit"}
    decision = world.decide()
    assert failed(decision) == expected
    assert decision.accepted == (not expected)
    assert tuple(reason.check for reason in decision.reasons) == CHECKS


def test_what_cannot_be_valued_is_refused() -> None:
    """No book leads from Q to the numeraire."""
    world = World()
    world.offer(numeraire=Asset("Q"))
    decision = world.decide()
    assert failed(decision) == {"profit", "notional"}
    told = {reason.measured for reason in decision.reasons if not reason.passed}
    assert told == {"no price in Y"}
    world.proof = Proof.NONE
    assert "proof" in failed(world.decide())


def test_an_instrument_without_a_book_is_refused() -> None:
    world = World()
    world.after.append(lambda books: books[B].clear())
    assert failed(world.decide()) >= {"books_live", "age"}


def test_an_obstacle_of_the_strategy_refuses_and_comes_first() -> None:
    world = World()
    world.offer(obstacles=(Reason("kind", False, "instruments of one kind", "two kinds"),))
    decision = world.decide()
    assert failed(decision) == {"kind"}
    assert tuple(reason.check for reason in decision.reasons) == ("kind", *CHECKS)


def test_the_first_reason_for_halting_stays() -> None:
    state = GateState()
    state.halt("residual")
    state.halt("loss")
    assert (state.mode, state.halted_because) == (TradingMode.HALTED, "residual")
    (decision,) = Gate(LIMITS, state).decide([opportunity()], World().view())
    assert decision.reasons[0].measured == "halted: residual"


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_of_those_that_share_a_ladder_the_better_is_taken(order: Sequence[int]) -> None:
    worse, better, other = opportunity("w", "2", ["ladder"]), opportunity("b", "3", ["ladder"]), opportunity("o", "1")
    offered = [(worse, better, other)[index] for index in order]
    decisions = Gate(LIMITS, GateState()).decide(offered, World().view())
    assert [decision.opportunity.edge for decision in decisions] == ["b", "w", "o"]
    assert [decision.accepted for decision in decisions] == [True, False, False]
    assert "group" in failed(decisions[1])
    assert failed(decisions[2]) == {"one_plan"}, "it shares nothing, but one plan at a time"
    assert [decision.decision_id for decision in decisions] == [1, 2, 3]


def test_of_equals_the_first_by_name_is_taken() -> None:
    for names in (["p", "q"], ["q", "p"]):
        offered = [opportunity(name, "2", ["ladder"]) for name in names]
        decisions = Gate(LIMITS, GateState()).decide(offered, World().view())
        assert [decision.opportunity.edge for decision in decisions if decision.accepted] == ["p"]


def test_a_better_one_that_is_refused_takes_nothing_from_the_others() -> None:
    better = msgspec.structs.replace(opportunity("b", "3", ["ladder"]), gross_bps=D(1000))
    decisions = Gate(LIMITS, GateState()).decide([opportunity("w", "2", ["ladder"]), better], World().view())
    assert [(d.opportunity.edge, d.accepted) for d in decisions] == [("b", False), ("w", True)]


def test_no_plan_begins_while_a_leg_would_wait_for_its_venues_limit() -> None:
    """Two orders, one at each venue: asked for together, at the time of the view. On paper nothing is asked."""
    asked: list[tuple[dict[VenueId, int], int]] = []

    def room(orders: Mapping[VenueId, int], at: int) -> str:
        asked.append((dict(orders), at))
        return "b's limit of requests is used up for 0.4 s"

    world = World()
    assert "requests" not in {reason.check for reason in world.decide().reasons}
    world = World(state=GateState(room=room))
    decision = world.decide()
    assert failed(decision) == {"requests"} and not decision.accepted
    assert asked == [({A: 1, B: 1}, world.now)]
    assert World(state=GateState(room=lambda orders, at: "")).decide().accepted
