"""What a transit stands on: the books of coins on their way, the comparison at the end, lists that are shared, keys,
prices of a sale, times on paper. What is expected is worked out by hand.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.test_gate import World
from unit.test_reckoning import ALPHA, BETA, START, Books, X, Y
from unit.test_signatory import Stamped

from cryptopipe.act.action_rules import Allowance, Weight
from cryptopipe.act.budget import Budget
from cryptopipe.act.custody import PaperCustody, drawn_time
from cryptopipe.act.execution import NOT_SENT, Instruction, Then
from cryptopipe.act.ledger import Ledger
from cryptopipe.act.reckoning import AGAIN_AFTER, Reckoning
from cryptopipe.act.sale import NoSale, Sale, proceeds, sale
from cryptopipe.clock import SECOND, Agenda, Nanos
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.errors import LedgerError, VenueError
from cryptopipe.lookouts import Lookouts
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.actions import Action, FetchBalances, FetchTime, ListOpenOrders, ListTransfers, Withdraw
from cryptopipe.model.contracts import Limit
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import FeeSchedule, Instrument, TradingRules, TradingState, VenueId
from cryptopipe.model.outcomes import Accepted, Outcome, Reports, TransferState
from cryptopipe.model.stream import Credentials, HttpRequest, Proof, SyncRule, apply_always
from cryptopipe.model.trading import Forecast, Transit, Way

# The ledger.


def test_coins_on_their_way_are_ours_and_nobody_spends_them() -> None:
    ledger = Ledger()
    ledger.open(ALPHA, {X: D(10)})
    ledger.hold(ALPHA, X, D(4))
    assert (ledger.balance(ALPHA, X), ledger.free(ALPHA, X), ledger.free(ALPHA, Y)) == (D(10), D(6), D(0))
    ledger.leave(7, ALPHA, BETA, X, D(4), D("0.1"))
    ledger.hold(ALPHA, X, D(-4))
    assert ledger.in_flight() == [(BETA, X, D("3.9"))]
    assert ledger.profit() == {X: D("-0.1")} and ledger.free(ALPHA, X) == D(6)
    entries = ledger.come(7, ALPHA, BETA, X, D("3.8"))
    assert ("fees:alpha", X, D("0.1")) in entries, "the network took more than was known"
    assert ledger.in_flight() == [] and ledger.profit() == {X: D("-0.2")}
    assert (ledger.balance(ALPHA, X), ledger.balance(BETA, X)) == (D(6), D("3.8"))


def test_coins_that_are_lost_are_no_longer_ours() -> None:
    ledger = Ledger()
    ledger.open(ALPHA, {X: D(10)})
    ledger.leave(7, ALPHA, BETA, X, D(4), D(0))
    ledger.leave(8, ALPHA, BETA, X, D(1), D(0))
    assert ledger.lose(7, BETA, X) == [("transit:beta/d7", X, D(-4)), ("lost:beta", X, D(4))]
    assert ledger.profit() == {X: D(-4)} and ledger.in_flight() == [(BETA, X, D(1))]


def test_what_is_credited_twice_is_refused() -> None:
    ledger = Ledger()
    ledger.open(ALPHA, {X: D(10)})
    ledger.leave(7, ALPHA, BETA, X, D(4), D(0))
    ledger.come(7, ALPHA, BETA, X, D(4))
    with pytest.raises(LedgerError):
        ledger.come(7, ALPHA, BETA, X, D(4))
    assert ledger.balance(BETA, X) == D(4)


# The comparison at the end.


class Travelled(Books):
    """Books whose coins may be on their way."""

    def __init__(self, on_the_way: Callable[[VenueId], bool]) -> None:
        super().__init__(ALPHA)
        self.reckoning = Reckoning(self.execution, self.ledger, self.open, self.differs.__setitem__, on_the_way)
        self.reckoning.begin([ALPHA], START)
        self.answer(START, alpha="X 10 0")
        self.reckoning.close(START)

    def wait(self) -> None:
        self.execution.wake(self.execution.next_due())


def test_what_differs_while_coins_travel_is_compared_anew() -> None:
    books = Travelled(lambda venue: True)
    books.answer(START, alpha="X 6 0")
    assert books.differs == {} and books.reckoning.outstanding == {ALPHA}
    books.ledger.leave(7, ALPHA, BETA, X, D(4), D(0))
    books.wait()
    books.answer(START + AGAIN_AFTER, alpha="X 6 0")
    assert books.differs == {ALPHA: {}} and not books.reckoning.outstanding


def test_an_answer_that_was_under_way_while_something_was_booked_is_no_difference() -> None:
    books = Travelled(lambda venue: False)
    books.ledger.leave(7, ALPHA, BETA, X, D(4), D(0))
    books.answer(START, alpha="X 10 0")
    assert books.differs == {}
    books.wait()
    books.answer(START + AGAIN_AFTER, alpha="X 7 0")
    assert books.differs == {ALPHA: {X: (D(7), D(6))}}, "nothing was booked since"


def test_a_difference_that_stays_is_told_in_the_end() -> None:
    books = Travelled(lambda venue: True)
    for n in range(100):
        books.answer(START + n * AGAIN_AFTER, alpha="X 3 0")
        if books.differs:
            break
        books.wait()
    assert books.differs == {ALPHA: {X: (D(3), D(10))}} and 5 < n < 60


# Lists.


class Listing:
    """What answers to lists, at once; a list may follow the other after seven seconds."""

    def __init__(self) -> None:
        self.asked: list[tuple[Nanos, ListTransfers]] = []
        self.agenda: Agenda[Callable[[Nanos], None]] = Agenda()

    def ask(self, action: Action, at: Nanos, then: Then) -> None:
        assert isinstance(action, ListTransfers)
        self.asked.append((at, action))
        self.agenda.wake_at(at + SECOND, lambda now: then(Reports(), now))

    def wake_at(self, due: Nanos, what: Callable[[Nanos], None]) -> None:
        self.agenda.wake_at(due, what)

    def spacing(self, venue: VenueId) -> Nanos:
        return 7 * SECOND

    def wake(self, until: Nanos) -> None:
        while (due := self.agenda.pop_due(until)) is not None:
            due[1](due[0])


WISHES = st.lists(
    st.tuples(
        st.integers(0, 60).map(lambda s: START + s * SECOND),
        st.builds(ListTransfers, st.just(ALPHA), st.booleans(), st.sampled_from(["X", "Y"]), st.integers(0, 9)),
    ),
    max_size=10,
).map(lambda wishes: sorted(wishes, key=lambda wish: wish[0]))


@given(WISHES)
def test_each_who_asks_gets_a_list_that_was_asked_for_later_and_has_what_he_wants(
    wishes: list[tuple[Nanos, ListTransfers]],
) -> None:
    venue, lookouts = Listing(), Lookouts()
    told: list[tuple[int, Nanos]] = []
    for number, (at, wanted) in enumerate(wishes):
        venue.wake(at)

        def then(outcome: object, now: Nanos, number: int = number) -> None:
            told.append((number, now))

        lookouts.ask(wanted, venue, at, then)  # type: ignore[arg-type]
    venue.wake(START + 1000 * SECOND)
    assert sorted(number for number, _ in told) == list(range(len(wishes)))
    for number, now in told:
        at, wanted = wishes[number]
        key = (now - SECOND, wanted.deposits)
        asked_at, one = next(each for each in venue.asked if (each[0], each[1].deposits) == key)
        assert asked_at >= at and one.code in ("", wanted.code) and one.since <= wanted.since
    assert all(b[0] - a[0] >= 7 * SECOND for a, b in pairwise(venue.asked))


@pytest.mark.parametrize(("count", "amount", "seconds"), [(180_000, 18_000, "8.888888888"), (60, 1, "1.481481481")])
def test_lists_leave_a_share_of_a_venues_limits_to_others(count: int, amount: int, seconds: str) -> None:
    """A tenth is kept for cancels, of the rest a quarter for others: 60 s · 18,000 / 162,000 · 4/3."""
    allowances = (Allowance("calls", Limit(count, 60 * SECOND)),)
    budget = Budget({ListTransfers: (Weight("calls", amount),), ListOpenOrders: (Weight("calls"),)}, allowances)
    spacing = budget.spacing(ListTransfers)
    assert spacing / SECOND == pytest.approx(float(seconds), abs=1e-6)
    for n in range(1000):
        assert budget.take(ListTransfers(ALPHA, False), START + n * spacing) == 0
        assert budget.ready(ListTransfers, 1, START + n * spacing + spacing // 2) == 0


# The gate.


def test_orders_on_their_way_keep_others_waiting_and_coins_do_not() -> None:
    world = World()
    world.state.flights.worth[3] = D(500)
    assert world.decide().accepted
    world = World()
    world.state.flights.ordering.add(3)
    decision = world.decide()
    failed = [(reason.check, reason.measured) for reason in decision.reasons if not reason.passed]
    assert failed == [("one_plan", "plan 3")]


# Keys.


def test_a_withdrawal_has_no_other_key_than_its_own() -> None:
    sent = Withdraw(ALPHA, "X", "net", "here", D(1), "w")
    usual, own = Credentials("usual", "s"), Credentials("own", "s")

    class Seen(Stamped):
        def build(self, action: Action, credentials: Credentials, at: Nanos, earlier: object = ()) -> HttpRequest:
            return HttpRequest("GET", f"https://alpha.example/{credentials.key}")

    def signed(action: Action, withdrawing: Mapping[VenueId, Credentials]) -> str:
        one = Signatory(codecs={ALPHA: Seen()}, credentials={ALPHA: usual}, withdrawing=withdrawing)
        request = one.signed(Instruction("action:1", ALPHA, action), START)
        return f"unsent {request.status}" if isinstance(request, Arrival) else request.url

    assert signed(sent, {}) == f"unsent {NOT_SENT}"
    assert signed(sent, {BETA: own}) == f"unsent {NOT_SENT}"
    assert signed(sent, {ALPHA: own}) == "https://alpha.example/own"
    assert signed(FetchBalances(ALPHA), {ALPHA: own}) == "https://alpha.example/usual"
    assert signed(ListTransfers(ALPHA, True), {ALPHA: own}) == "https://alpha.example/own"
    assert signed(ListTransfers(ALPHA, True), {}) == "https://alpha.example/usual"


# Sales.

RULES = TradingRules(D("0.01"), D("0.1"), D("0.5"), D(10))
XY = Instrument(ALPHA, "XY", X, Y, rules=RULES)
FEES = FeeSchedule.flat("0", "0.01", "test", "2026-11-21")


def view(instrument: Instrument = XY, live: bool = True) -> View:
    market = Market({})
    rule = SyncRule(Proof.SEQUENCE, apply_always, apply_always, snapshot_by_request=False)
    sync = BookSync(instrument, rule)
    if live:
        sync.snapshot(BookSnapshot("XY", b'[["99","5"],["98","5"]]', b'[["100","5"]]', 1, 0), START)
    market.books[ALPHA] = {"XY": sync}
    return View(market, {ALPHA: FEES}, lambda venue, asset: D(0), {})


def test_a_sale_is_at_the_best_bid_or_no_more_worse_than_the_bound() -> None:
    assert sale(XY, D("7.77"), view(), D(50)) == Sale(XY, D("7.7"), D("98.51"))  # 98.505
    assert sale(XY, D("7.77"), view(), D(0)) == Sale(XY, D("7.7"), D("99.00"))


@pytest.mark.parametrize("amount", ["0", "0.05", "0.4"])
def test_what_is_less_than_the_market_trades_is_left_for_good(amount: str) -> None:
    found = sale(XY, D(amount), view(), D(50))
    assert isinstance(found, NoSale) and found.for_good


def test_a_sale_below_the_least_notional_is_left_for_good() -> None:
    dear = Instrument(ALPHA, "XY", X, Y, rules=TradingRules(D("0.01"), D("0.1"), D("0.1"), D(60)))
    found = sale(dear, D("0.6"), view(dear), D(0))
    assert isinstance(found, NoSale) and found.for_good  # 59.4
    assert isinstance(sale(dear, D("0.7"), view(dear), D(0)), Sale)


def test_a_book_that_is_not_live_or_does_not_trade_is_waited_for() -> None:
    halted = Instrument(ALPHA, "XY", X, Y, rules=RULES, state=TradingState.HALTED)
    for found in (sale(XY, D(7), view(live=False), D(50)), sale(halted, D(7), view(halted), D(50))):
        assert isinstance(found, NoSale) and not found.for_good


def test_proceeds_walk_the_bids_and_pay_the_taker() -> None:
    assert proceeds(XY, D("7.77"), view(), FEES) == (5 * 99 + D("2.7") * 98) * D("0.99")
    assert proceeds(XY, D(20), view(), FEES) == (5 * 99 + 5 * 98) * D("0.99"), "what nobody takes brings nothing"
    assert proceeds(XY, D(7), view(live=False), FEES) is None


# Times on paper.


def forecast(late: str, minutes: str = "2", abandon: str = "20") -> Forecast:
    bps = D("0.01")
    return Forecast(D(minutes), D(late), D(abandon), D("0.001"), D(0), bps, bps, bps, bps, bps, bps, D(1))


def test_times_are_drawn_by_the_forecast() -> None:
    count = 4000
    times = [drawn_time(forecast("0.1"), number, 1) / (60 * SECOND) for number in range(count)]
    early = [time for time in times if time <= 20]
    assert abs(len(early) / count - 0.9) < 3 * (0.1 * 0.9 / count) ** 0.5
    assert min(early) >= 1, "half the mean at the least"
    assert abs(sum(early) / len(early) - 2) < 3 * 1 / len(early) ** 0.5  # the other half is exponential: deviation 1
    late = [time - 20 for time in times if time > 20]
    assert abs(sum(late) / len(late) - 20) < 3 * 20 / len(late) ** 0.5


def test_a_time_is_the_decisions_own() -> None:
    times = [drawn_time(forecast("0"), number, seed) for number in (1, 2) for seed in (1, 2)]
    assert len(set(times)) == 4 and times[0] == drawn_time(forecast("0.000001"), 1, 1)


def test_custody_on_paper_takes_a_withdrawal_once_and_credits_it_in_its_time() -> None:
    transit = Transit(Way.TRANSFER, X, ALPHA, BETA, "c", "X", "n", "x", "N", D(4), D("0.1"), D("3.9"), 8, forecast("0"))
    custody = PaperCustody(1, lambda client_id: (7, transit, D("0.1")) if client_id == "w" else None)
    sent = Withdraw(ALPHA, "X", "n", "paper:beta", D(4), "w")
    assert isinstance(custody.answer(sent, START), Accepted)
    assert isinstance(custody.answer(sent, START), VenueError), "a second one"
    assert isinstance(custody.answer(Withdraw(ALPHA, "X", "n", "", D(1), "v"), START), VenueError)
    due = START + drawn_time(transit.forecast, 7, 1)

    def listed(venue: VenueId, deposits: bool, at: Nanos) -> list[tuple[D, TransferState]]:
        outcome: Outcome | VenueError = custody.answer(ListTransfers(venue, deposits), at)
        assert isinstance(outcome, Reports)
        return [(one.amount, one.state) for one in outcome.transfers]

    assert listed(BETA, True, due - 1) == [(D("3.9"), TransferState.PENDING)]
    assert listed(BETA, True, due) == listed(ALPHA, False, due) == [(D("3.9"), TransferState.DONE)]
    assert listed(ALPHA, True, due) == listed(BETA, False, due) == []


def test_what_paper_cannot_do_is_refused_by_name() -> None:
    custody = PaperCustody(1, lambda client_id: None)
    outcome = custody.answer(FetchTime(ALPHA), START)
    assert isinstance(outcome, VenueError) and "FetchTime" in outcome.message
