"""What accounts are told that they pay: asked one by one, in force for their instrument, over the public word."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from unit.test_edges import RULE, market
from unit.test_money_path import SETTINGS, Run

from cryptopipe.act.plan import Plan
from cryptopipe.act.unwind import closing_orders
from cryptopipe.act.venues import VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import VenueUnavailable
from cryptopipe.market.account_fees import AGAIN_AFTER, ASKED_EVERY
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.listings import FeesTold
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.actions import Action, FetchBalances, FetchFees
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, VenueId
from cryptopipe.model.outcomes import BalanceReport, Outcome, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse
from cryptopipe.model.trading import Decision, Opportunity
from cryptopipe.own_fees import APART, OwnFees
from cryptopipe_arbitrage import strategy

A, B = VenueId("a"), VenueId("b")
X, Y = market("a", "BTC/USDT"), market("a", "ETH/USDT")
Z = market("b", "BTC/USDT")
START: Nanos = 1_800_000_000 * SECOND
PUBLIC = FeeSchedule(D("0.001"), D("0.002"), "fee page", "2026-11-21", "received")


def rates(taker: str) -> FeeSchedule:
    return FeeSchedule(D("0.0005"), D(taker), "the account", "as answered")


class Rates:
    """A codec whose answer is a taker rate; none finds the venue away."""

    supports: frozenset[type[Action]] = frozenset({FetchFees, FetchBalances})

    def build(self, action: Action, credentials: Credentials, at: Nanos, earlier: object = ()) -> HttpRequest:
        return HttpRequest("GET", "https://a.example/fees")

    def parse(self, action: Action, response: HttpResponse, earlier: object = ()) -> Outcome:
        if not response.body:
            raise VenueUnavailable("away", where="a")
        return Reports(fees=rates(response.body.decode()))


class Asked:
    """Two venues' accounts, whose codecs take requests in order, and what was heard of them."""

    def __init__(self, fixed: frozenset[VenueId] = frozenset()) -> None:
        codecs = {A: Rates(), B: Rates()}
        self.execution = VenueExecution(codecs, lambda *ended: None, lambda why: None, lambda told: None)
        self.fees = FeesInForce({A: PUBLIC, B: PUBLIC}, fixed, (A, B))
        self.heard: list[tuple[str, D, D]] = []
        self.own = OwnFees(self.execution, self.fees, (A, B), self._hear)

    def _hear(self, one: Instrument, told: FeeSchedule, now: FeeSchedule) -> None:
        self.heard.append((one.id, told.taker_rate, now.taker_rate))

    def want(self, *instruments: Instrument) -> "Asked":
        for one in instruments:
            self.fees.of(one)
        return self

    def ask(self, after: Nanos, taker: str = "0.0015") -> list[str]:
        """What is asked then, which is answered at once."""
        self.own.ask(START + after)
        found = self.execution.take_instructions()
        for one in found:
            answer = Input(1, 1, START + after, Direction.HTTP, one.venue, "", "", taker.encode(), 200, (), one.tag)
            self.execution.answered(answer)
        return [one.action.instrument.id for one in found if isinstance(one.action, FetchFees)]

    def taker(self, one: Instrument) -> D:
        found = self.fees.of(one)
        assert found is not None
        return found.taker_rate


def test_nobody_is_asked_for_what_nobody_wants() -> None:
    assert Asked().ask(0) == []


def test_one_after_the_other_and_again_after_an_hour() -> None:
    asked = Asked().want(X, Y, Z)
    assert asked.ask(0) == [X.id, Z.id]
    assert asked.ask(APART - 1) == []
    assert asked.ask(APART) == [Y.id]
    assert asked.ask(2 * APART) == asked.ask(ASKED_EVERY - SECOND) == []
    assert asked.ask(ASKED_EVERY) == [X.id, Z.id]
    assert asked.ask(ASKED_EVERY + APART) == [Y.id]


def test_what_is_not_answered_is_asked_again_sooner_and_changes_nothing() -> None:
    asked = Asked().want(X)
    assert asked.ask(0, "") == [X.id]
    assert (asked.taker(X), asked.heard) == (D("0.002"), [])
    assert asked.ask(AGAIN_AFTER - SECOND) == []
    assert asked.ask(AGAIN_AFTER) == [X.id]
    assert asked.taker(X) == D("0.0015")


def test_a_venue_that_has_not_answered_is_not_asked_more() -> None:
    asked = Asked().want(X, Y)
    asked.execution.ask(FetchBalances(A), START, lambda outcome, at: None)
    asked.own.ask(START)
    assert [type(one.action) for one in asked.execution.take_instructions()] == [FetchBalances]
    other = Asked().want(X, Y)
    other.own.ask(START)
    other.own.ask(START + APART)
    assert len(other.execution.take_instructions()) == 1


@pytest.mark.parametrize("taker", ["0.0015", "0.003", "0"])
def test_the_accounts_answer_is_in_force_lower_or_higher_for_its_instrument_alone(taker: str) -> None:
    asked = Asked().want(X)
    asked.ask(0, taker)
    assert (asked.taker(X), asked.taker(Y), asked.taker(Z)) == (D(taker), D("0.002"), D("0.002"))
    assert asked.fees[A].taker_rate == D("0.002")
    found = asked.fees.of(X)
    assert found is not None and (found.charged_in, found.source) == ("received", "the account")
    asked.fees.take(FeesTold(A, rates("0.01"), 1))
    assert (asked.taker(X), asked.taker(Y)) == (D(taker), D("0.01"))


def test_only_what_is_new_is_told() -> None:
    asked = Asked().want(X)
    for hour, taker in enumerate(("0.003", "0.003", "0.001")):
        assert asked.ask(hour * ASKED_EVERY, taker) == [X.id]
    assert asked.heard == [(X.id, D("0.003"), D("0.003")), (X.id, D("0.001"), D("0.001"))]


def test_rates_that_the_user_has_set_are_neither_asked_nor_changed() -> None:
    asked = Asked(frozenset({A})).want(X, Z)
    assert asked.ask(0) == [Z.id]
    assert (asked.taker(X), asked.taker(Z)) == (D("0.002"), D("0.0015"))


def test_without_an_account_unknown_stays_unknown() -> None:
    assert FeesInForce({}).of(X) is None
    assert FeesInForce({}, (), (A,)).of(X) is None


def edge(told: str | None, known: bool = True) -> tuple[Opportunity, View, FeesInForce]:
    """That buys X at 100 and sells it at 102 on b, with the account on a told so."""
    world = Market({})
    for one, (bid, ask) in ((X, ("99", "100")), (Z, ("102", "103"))):
        sync = BookSync(one, RULE)
        sync.snapshot(BookSnapshot(one.symbol, f'[["{bid}","1"]]'.encode(), f'[["{ask}","1"]]'.encode(), 1, 0), 1)
        world.books.setdefault(one.venue, {})[one.symbol] = sync
    quote = FeeSchedule.flat("0.001", "0.002", "fee page", "2026-11-21")
    fees = FeesInForce({A: quote, B: quote} if known else {B: quote}, (), (A,))
    view = View(world, fees, lambda venue, asset: D(10**6), {})
    view.fees(X)
    if told is not None:
        fees.tell(X, rates(told), 0)
    plain = {"kinds": ("inventory",), "restoring_bps": D(0), "skew_confidence": D("0.5"), "concede": D(0)}
    made = strategy.make(strategy.settings(**plain))
    made.start([X, Z])
    (found,) = made.evaluate(view, X)
    return found, view, fees


def failed(told: str | None) -> list[str]:
    return [one.check for one in edge(told, known=False)[0].obstacles if not one.passed]


def test_a_lower_rate_raises_the_value_by_exactly_the_difference() -> None:
    """One unit for 100: 0.002 less 0.0005 of it is 0.15."""
    before, after = (edge(told)[0].value for told in (None, "0.0005"))
    assert before == D(102) * D("0.998") - D(100) * D("1.002")
    assert after - before == D("0.15")


def test_an_unknown_fee_refuses_until_the_account_tells_it() -> None:
    assert failed(None) == ["fees"]
    assert failed("0.001") == []


class Holding(Rates):
    """The same account, which holds enough of everything."""

    def parse(self, action: Action, response: HttpResponse, earlier: object = ()) -> Outcome:
        if not isinstance(action, FetchBalances):
            return super().parse(action, response, earlier)
        held = (BalanceReport(action.venue, Asset(name), D(10**6), D(0)) for name in ("X", "USDT"))
        return Reports(balances=tuple(held))


def test_a_latency_that_is_modelled_is_of_paper_alone() -> None:
    assert Run(SETTINGS).pipe.view.latency(A) == SETTINGS.latency
    assert Run(replace(SETTINGS, codecs={A: Holding(), B: Holding()})).pipe.view.latency(A) is None


def traded(halted: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """Of a run with an edge between two accounts: what was asked, and what it tells of fees."""
    run = Run(replace(SETTINGS, codecs={A: Holding(), B: Holding()}))
    asked: list[str] = []
    if halted:
        run.pipe.state.halt("by hand")
    for seq in range(1, 5):
        run.at += SECOND
        run.book("a1", "X-USDT", 99, 100, seq)
        run.book("b1", "X-USDT", 99 + seq % 2, 101, seq)
        run.pipe.end_turn()
        for one in run.pipe.take_instructions():
            asked.append(f"{type(one.action).__name__} {one.venue}")
            run.seq, run.turn = run.seq + 1, run.turn + 1
            run.pipe.receive(
                Input(run.seq, run.turn, run.at, Direction.HTTP, one.venue, "", "", b"0.01", 200, (), one.tag)
            )
    return asked, run.told("fees_told")


def test_a_run_asks_for_what_its_strategy_looks_at_and_journals_the_answer() -> None:
    asked, told = traded(halted=False)
    assert sorted(asked) == ["FetchBalances a", "FetchBalances b", "FetchFees a", "FetchFees b"]
    assert {one["instrument"] for one in told} == {"a:X-USDT", "b:X-USDT"}
    assert {(one["taker"], one["taker_in_force"], one["venue"]) for one in told} == {("0.01", "0.01", v) for v in "ab"}


def test_a_run_that_starts_no_plans_asks_for_no_fees() -> None:
    asked, told = traded(halted=True)
    assert sorted(asked) == ["FetchBalances a", "FetchBalances b"] and told == []


@pytest.mark.parametrize(("told", "orders"), [(None, 1), ("0.003", 1), ("0.01", 0)])
def test_what_closes_an_exposure_is_paid_with_the_accounts_own_rate(told: str | None, orders: int) -> None:
    """A unit at 100.1 or less costs 100.3 at 0.002, 101.1 at 0.01; there are 100.7 at hand."""
    found, view, fees = edge(told)
    plan = Plan.of(Decision(1, found, True, (), 0), D(1))
    closing = closing_orders(plan, {Asset("BTC"): D(-1)}, view, fees, lambda venue, asset: D("100.7"), D(10))
    assert len(closing) == orders
