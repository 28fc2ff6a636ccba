"""Laws of coins on their way, whatever venues answer and whichever answers are lost."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.act.pursuit import AskFor, Pause
from cryptopipe.act.transit import TransitPlan
from cryptopipe.act.transit_pauses import LATE_LOOK, NEVER_MADE_AFTER
from cryptopipe.act.transit_steps import (
    Back,
    Came,
    Go,
    Gone,
    Later,
    Left,
    Over,
    Sell,
    Send,
    Stage,
    Step,
    Verdict,
    Weigh,
)
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.errors import CryptopipeError, ProtocolError, RateLimited, UnknownOutcome, VenueError
from cryptopipe.model.actions import Action, FetchAddress, FetchBalances, ListTransfers, MoveFunds, Withdraw
from cryptopipe.model.custody import WalletMove
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import (
    Accepted,
    AddressReport,
    BalanceReport,
    Outcome,
    Refused,
    Reports,
    TransferReport,
    TransferState,
)
from cryptopipe.model.trading import Forecast, Transit, Way

START = 1_800_000_000 * SECOND
ALPHA, BETA, X = VenueId("alpha"), VenueId("beta"), Asset("X")
BPS = D("0.01")
FORECAST = Forecast(D(1), BPS, D(5), D("0.001"), D(0), BPS, BPS, BPS, BPS, BPS, BPS, D(1))
ID = "7a0c1f0e-52a4-4c53-9d33-6b1f2f3f7f0d"
HELD, FEE, STEP = D("10.0007"), D("0.25"), D("0.01")
AMOUNT = D("10.00")


def transit(way: Way = Way.TRANSFER) -> Transit:
    return Transit(way, X, ALPHA, BETA, "chain", "X", "net", "xx", "NET", D(10), FEE, D("9.75"), 2, FORECAST)


def named(name: str) -> str:
    """Our ids: of the withdrawal a UUID, of moves between wallets the name itself."""
    return ID if name.endswith("-w") else name


@dataclass
class Road:
    """Two venues and the chain between them: the truth that a plan must find."""

    reaches: bool = True
    """Whether the request to withdraw arrives."""
    answered: str = "yes"
    """`yes`, `lost`, or `refused`."""
    gives_back: bool = False
    leaves_after: Nanos = 20 * SECOND
    credited_after: Nanos = 40 * SECOND
    """After it left."""
    never_credited: bool = False
    listed_after: Nanos = 0
    names: str = "client"
    """By which the list of withdrawals tells ours: `client`, `bare`, `number` (the venue's own), `nothing`."""
    verdicts: list[Verdict | None] = field(default_factory=list)
    """In this order, None to go on; to go on after the last."""
    portions: list[D] = field(default_factory=list)
    """Of each order to sell, how much of it is filled; all of it after the last; below zero: it cannot be tried."""
    lost: list[bool] = field(default_factory=list)
    """Which answers to questions are lost, in order."""
    moves: list[str] = field(default_factory=list)
    """Of each move between wallets what becomes of it: `done`, `refused`, `lost` (done, and not answered), `nowhere`
    (neither); all are done after the last.
    """
    held: dict[tuple[str, str], D] = field(default_factory=lambda: {(ALPHA, "orders"): HELD})
    """By venue and wallet."""
    moved: list[MoveFunds] = field(default_factory=list)
    asked: list[Withdraw] = field(default_factory=list)
    at: Nanos = 0
    """When the withdrawal was made, 0 if it was not."""
    paid_from: str = "orders"
    comes_to: str = "orders"
    """The wallets of withdrawals and deposits."""
    ended: bool = False
    """It was credited, or given back."""

    def answer(self, action: Action, now: Nanos) -> Outcome | CryptopipeError:
        if isinstance(action, Withdraw):
            return self._withdraw(action, now)
        if isinstance(action, MoveFunds):
            return self._move(action)
        if self.lost and self.lost.pop(0):
            errors = [RateLimited("slower"), ProtocolError("not JSON"), VenueError("busy"), UnknownOutcome("cut off")]
            return errors[len(self.lost) % 4]
        if isinstance(action, FetchBalances):
            free = self.held.get((action.venue, action.wallet), D(0))
            return Reports(balances=(BalanceReport(action.venue, X, free, D(0), action.wallet),))
        if isinstance(action, FetchAddress):
            assert (action.venue, action.code, action.network) == (BETA, "xx", "NET")
            return Reports(address=AddressReport(X, "NET", "here", "memo"))
        assert isinstance(action, ListTransfers)
        return Reports(transfers=(_stranger(action, now), *self._transfers(action, now)))

    def _move(self, action: MoveFunds) -> Outcome | CryptopipeError:
        self.moved.append(action)
        word = self.moves.pop(0) if self.moves else "done"
        enough = self.held.get((action.venue, action.source), D(0)) >= action.amount
        if word == "refused" or not enough:
            return Refused("-1", "no")
        if word != "nowhere":
            self.put(action.venue, action.source, -action.amount)
            self.put(action.venue, action.target, action.amount)
        return Accepted("m") if word == "done" else UnknownOutcome("no answer")

    def put(self, venue: str, wallet: str, amount: D) -> None:
        self.held[venue, wallet] = self.held.get((venue, wallet), D(0)) + amount
        assert self.held[venue, wallet] >= 0, (venue, wallet)

    def _withdraw(self, action: Withdraw, now: Nanos) -> Outcome | CryptopipeError:
        self.asked.append(action)
        if self.answered == "refused":
            return Refused("-1", "no")
        self.at = now if self.reaches else 0
        self.put(ALPHA, self.paid_from, -action.amount if self.at else D(0))
        if self.answered == "lost" or not self.reaches:
            return UnknownOutcome("no answer")
        return Accepted("77")

    def _transfers(self, action: ListTransfers, now: Nanos) -> Iterable[TransferReport]:
        if not self.at or now < self.at + self.listed_after:
            return
        made, left, done = self.at, self.at + self.leaves_after, self.at + self.leaves_after + self.credited_after
        state = TransferState.PENDING
        if action.deposits:
            if now >= left and not self.gives_back:
                if now >= done and not self.ended:
                    self.ended = True
                    self.put(BETA, self.comes_to, D(0) if self.never_credited else AMOUNT - FEE)
                if now >= done:
                    state = TransferState.FAILED if self.never_credited else TransferState.DONE
                yield TransferReport(BETA, "3", True, X, "NET", "here", AMOUNT - FEE, None, state, "txid", "", left)
            return
        if now >= left:
            state = TransferState.FAILED if self.gives_back else TransferState.PENDING
            if self.gives_back and not self.ended:
                self.ended = True
                self.put(ALPHA, self.paid_from, AMOUNT)
        txid = "txid" if now >= left and not self.gives_back else ""
        name = {"client": ID, "bare": ID.replace("-", ""), "number": "123", "nothing": ""}[self.names]
        yield TransferReport(ALPHA, "77", False, X, "net", "here", AMOUNT - FEE, FEE, state, txid, name, made)


def _stranger(action: ListTransfers, now: Nanos) -> TransferReport:
    """Another one's: elsewhere, of the same amount."""
    done = TransferState.DONE
    return TransferReport(action.venue, "78", action.deposits, X, "net", "there", AMOUNT, FEE, done, "other", "", now)


@dataclass
class Journey:
    """What a plan did on a road."""

    plan: TransitPlan
    steps: list[Step] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    sold_there: D = D(0)
    sold_here: D = D(0)
    lasted: Nanos = 0

    def of(self, kind: type[Step]) -> list[Step]:
        return [step for step in self.steps if isinstance(step, kind)]


def travel(road: Road, way: Way = Way.TRANSFER, held: D = HELD, owed: D = D(0)) -> Journey:
    """To the end."""
    plan = TransitPlan(7, transit(way), named)
    done, now = Journey(plan), START
    due: list[tuple[Step, ...]] = [plan.bought(held, owed, now)]
    while due:
        for step in due.pop(0):
            done.steps.append(step)
            done.states.append(plan.state)
            match step:
                case AskFor(action=action):
                    now += 20 * MILLISECOND
                    due.append(plan.told(road.answer(action, now), now))
                case Send(action=withdrawal):
                    now += 20 * MILLISECOND
                    due.append(plan.told(road.answer(withdrawal, now), now))
                case Pause(lasts=lasts):
                    assert 0 < lasts <= LATE_LOOK
                    now += lasts
                    due.append(plan.woken(now))
                case Weigh():
                    out = WalletMove("orders", road.paid_from) if road.paid_from != "orders" else None
                    into = WalletMove(road.comes_to, "orders") if road.comes_to != "orders" else None
                    go = Go(AMOUNT, FEE, 0, out, into)
                    due.append(plan.weighed((road.verdicts.pop(0) if road.verdicts else None) or go, now))
                case Sell():
                    due.append(_sell(road, done, step, now))
        assert len(done.steps) < 10_000, "it never ends"
    done.lasted = now - START
    return done


def _sell(road: Road, done: Journey, step: Sell, now: Nanos) -> tuple[Step, ...]:
    quantity = step.amount // STEP * STEP
    if not quantity:
        return done.plan.too_little()
    portion = road.portions.pop(0) if road.portions else D(1)
    if portion < 0:
        return done.plan.unsold()
    filled = quantity * portion // STEP * STEP
    venue = ALPHA if step.at_source else BETA
    assert filled <= road.held.get((venue, "orders"), D(0)), "what is sold is there"
    road.put(venue, "orders", -filled)
    if step.at_source:
        done.sold_here += filled
    else:
        done.sold_there += filled
    return done.plan.sold(filled, now)


ROADS = st.builds(
    Road,
    reaches=st.booleans(),
    answered=st.sampled_from(["yes", "lost", "refused"]),
    gives_back=st.booleans(),
    leaves_after=st.sampled_from([0, 20 * SECOND, 3600 * SECOND]),
    credited_after=st.sampled_from([0, 40 * SECOND, 86_400 * SECOND]),
    never_credited=st.booleans(),
    listed_after=st.sampled_from([0, SECOND, 20 * SECOND]),
    names=st.sampled_from(["client", "bare", "number", "nothing"]),
    verdicts=st.lists(st.sampled_from([None, Later("no book"), Back("no edge")]), max_size=3),
    portions=st.lists(st.sampled_from([D(-1), D(0), D("0.3"), D(1)]), max_size=6),
    lost=st.lists(st.booleans(), max_size=12),
    moves=st.lists(st.sampled_from(["done", "refused", "lost", "nowhere"]), max_size=6),
    paid_from=st.sampled_from(["orders", "funding"]),
    comes_to=st.sampled_from(["orders", "funding"]),
)


@given(ROADS)
def test_coins_are_sent_once_and_found_where_they_are(road: Road) -> None:
    done = travel(road)
    plan, count = done.plan, Counter(type(step) for step in done.steps)
    assert len(road.asked) <= 1 and len(road.asked) + len(road.moved) == count[Send]
    assert count[Over] == 1 and isinstance(done.steps[-1], Over)
    really_left = road.at > 0 and not road.gives_back
    assert count[Left] == plan.left == really_left
    assert count[Came] == (really_left and not road.never_credited)
    assert count[Gone] == (really_left and road.never_credited)
    kinds = [type(step) for step in done.steps if isinstance(step, Left | Came | Gone)]
    assert kinds == sorted(kinds, key=lambda kind: kind is not Left)
    credited = AMOUNT - FEE if count[Came] else D(0)
    assert plan.credited == credited
    sent = AMOUNT if really_left else D(0)
    assert plan.held == HELD - sent - done.sold_here < STEP
    assert plan.arrived == credited - done.sold_there < STEP
    assert not (really_left and done.sold_here), "what was sent is not sold where it was"


@given(ROADS)
def test_the_intent_names_what_was_told(road: Road) -> None:
    travel(road)
    for one in road.asked:
        assert one == Withdraw(ALPHA, "X", "net", "here", AMOUNT, ID, "memo")


@given(ROADS)
def test_coins_end_in_the_wallet_of_orders_and_each_move_has_a_name_of_its_own(road: Road) -> None:
    done = travel(road)
    assert len({move.client_id for move in road.moved}) == len(road.moved)
    assert all(not held for (_, wallet), held in road.held.items() if wallet != "orders")
    assert {move.venue for move in road.moved} <= {
        venue for venue, wallet in ((ALPHA, road.paid_from), (BETA, road.comes_to)) if wallet != "orders"
    }
    assert sum(road.held.values()) == done.plan.held + done.plan.arrived


@given(ROADS)
def test_the_end_is_told_in_a_word(road: Road) -> None:
    done = travel(road)
    plan = done.plan
    word = "lost" if plan.stage is Stage.LOST else "sold" if plan.credited else "returned"
    assert plan.end == word
    assert (plan.reason != "") == (word != "sold")


@given(ROADS, st.sampled_from([D("9.75"), D("9.70"), D(5), D(11)]))
def test_what_was_sold_from_stock_is_restored_or_stays_and_the_rest_is_sold(road: Road, owed: D) -> None:
    done = travel(road, Way.STOCK, owed=owed)
    really_left = road.at > 0 and not road.gives_back
    credited = AMOUNT - FEE if really_left and not road.never_credited else D(0)
    assert done.sold_there == (max(D(0), credited - owed) // STEP * STEP if credited else 0)
    assert done.sold_here == (0 if really_left else max(D(0), HELD - owed) // STEP * STEP)
    if done.plan.stage is not Stage.LOST:
        assert done.plan.end == ("restored" if credited else "kept")


def test_stock_that_was_not_sold_after_all_is_sold_where_it_is() -> None:
    done = travel(Road(verdicts=[Back("no route")]), Way.STOCK)
    assert (done.sold_here, done.plan.end) == (D("10.00"), "returned")


@pytest.mark.parametrize("names", ["client", "bare", "number", "nothing"])
def test_a_lost_answer_is_looked_for_however_the_venue_names_it(names: str) -> None:
    done = travel(Road(answered="lost", names=names, listed_after=20 * SECOND))
    assert "unknown" in done.states and done.plan.end == "sold"


def test_what_nobody_lists_was_never_made_and_that_takes_its_time() -> None:
    done = travel(Road(reaches=False))
    assert done.plan.end == "returned" and done.lasted > NEVER_MADE_AFTER
    assert "never withdrawn" in done.plan.reason


def unknown(claimed: set[str]) -> TransitPlan:
    """A plan whose withdrawal got no answer; `claimed` are transfers of others."""
    plan = TransitPlan(8, transit(), named, lambda report: report.transfer_id in claimed)
    plan.bought(HELD, D(0), START)
    plan.told(Reports(address=AddressReport(X, "NET", "here", "memo")), START)
    plan.weighed(Go(AMOUNT, FEE), START)
    plan.told(UnknownOutcome("no answer"), START)
    assert plan.state == "unknown"
    return plan


def listed(number: str, client_id: str, at: Nanos = START) -> TransferReport:
    """A withdrawal of the same amount to the same address, just now."""
    state = TransferState.PENDING
    return TransferReport(ALPHA, number, False, X, "net", "here", AMOUNT - FEE, FEE, state, "", client_id, at)


def test_another_plans_withdrawal_of_the_same_amount_is_not_ours() -> None:
    claimed = {"77"}
    plan = unknown(claimed)
    plan.told(Reports(transfers=(listed("77", ""),)), START + SECOND)
    assert plan.state == "unknown"
    claimed.clear()
    plan.told(Reports(transfers=(listed("77", "", START - 61 * SECOND),)), START + SECOND)
    assert plan.state == "unknown", "it was made before ours"
    plan.told(Reports(transfers=(listed("77", ""),)), START + SECOND)
    assert (plan.state, plan.transfer_id) == ("leaving", "77")


def test_the_one_that_is_named_ours_is_ours_wherever_it_stands() -> None:
    plan = unknown(set())
    plan.told(Reports(transfers=(listed("76", ""), listed("77", ID), listed("78", "other"))), START + SECOND)
    assert plan.transfer_id == "77"


def test_coins_later_than_the_time_of_giving_up_are_stuck_and_still_found() -> None:
    done = travel(Road(credited_after=3600 * SECOND))
    assert "stuck" in done.states and done.plan.end == "sold"
    first = done.states.index("stuck")
    assert "selling" not in done.states[:first] and done.states.count("stuck") >= 50


def test_a_deposit_that_the_venue_holds_is_sold_when_it_may_be() -> None:
    road = Road(verdicts=[Go(AMOUNT, FEE, 30 * SECOND)])
    done = travel(road)
    at = next(n for n, step in enumerate(done.steps) if isinstance(step, Came))
    assert done.steps[at + 1] == Pause(30 * SECOND) and isinstance(done.steps[at + 2], Sell)


def test_a_withdrawal_that_comes_back_is_sold_where_it_is() -> None:
    done = travel(Road(gives_back=True))
    assert done.sold_here == D("10.00") and done.plan.reason == "the withdrawal failed"
    assert not done.of(Left)
