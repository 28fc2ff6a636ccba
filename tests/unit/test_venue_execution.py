"""Orders at venues beside their limits: what may not be sent now is not sent late, and the gate knows before."""

from collections.abc import Sequence
from decimal import Decimal as D
from itertools import pairwise

from cryptopipe.act.action_rules import ActionRules, Allowance, Weight
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.execution import NOT_SENT
from cryptopipe.act.ledger import Ledger
from cryptopipe.act.reckoning import Reckoning
from cryptopipe.act.venues import ORDER_WITHIN, Answered, VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.model.actions import FetchBalances, FindOrder, PlaceOrder
from cryptopipe.model.contracts import Limit
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.outcomes import OrderReport, OrderState
from cryptopipe.model.trading import Fill, Order

ALPHA = VenueId("alpha")
XY = Instrument(ALPHA, "XY", Asset("X"), Asset("Y"), rules=TradingRules(D("0.01"), D("0.001"), D("0.001"), D(1)))
START: Nanos = 1_800_000_000 * SECOND


def order(number: int) -> Order:
    return Order(f"d{number}-1", number, XY, Side.BUY, D(1), D(100))


class Desk:
    """An execution at one venue that takes five requests about orders in ten seconds, two of them cancels only."""

    def __init__(self, ordered: bool = False) -> None:
        rules = ActionRules(
            in_order=ordered,
            supports=frozenset({PlaceOrder, FindOrder, FetchBalances}),
            weights={PlaceOrder: (Weight("orders"),), FindOrder: (Weight("other"),), FetchBalances: (Weight("other"),)},
            allowances=(Allowance("orders", Limit(5, 10 * SECOND), 2), Allowance("other", Limit(100, SECOND))),
        )
        self.ended: list[tuple[str, int, str]] = []
        self.halted: list[str] = []
        self.answers: list[Answered] = []
        codecs = {ALPHA: CcxtActions("binance", ALPHA, [XY], rules)}
        self.execution = VenueExecution(codecs, self._ended, self.halted.append, self.answers.append)

    def _ended(self, order: Order, fills: Sequence[Fill], obstacle: str, at: Nanos) -> None:
        self.ended.append((order.client_id, len(fills), obstacle))

    def answer(self, tag: str, at: Nanos, status: int = NOT_SENT, body: bytes = b"cannot connect") -> None:
        self.execution.answered(Input(1, 1, at, Direction.HTTP, ALPHA, "", "", body, status, (), tag))

    def wake(self, until: Nanos) -> None:
        while (due := self.execution.next_due()) <= until:
            self.execution.wake(due)


def test_an_order_beyond_the_limit_is_never_sent_and_the_gate_would_have_known() -> None:
    desk = Desk()
    assert desk.execution.room({ALPHA: 2}, START) == ""
    assert "alpha's limit of requests is used up for" in desk.execution.room({ALPHA: 3}, START)
    desk.execution.send([order(n) for n in range(1, 5)], START)
    sent = desk.execution.take_instructions()
    assert [one.action.client_id for one in sent if isinstance(one.action, PlaceOrder)] == ["d1-1", "d2-1", "d3-1"]
    desk.wake(START)
    assert [(name, fills) for name, fills, _ in desk.ended] == [("d4-1", 0)]
    assert "never sent: the limit of requests is used up for 10.2 s" in desk.ended[0][2]
    for one in sent:
        desk.answer(one.tag, START)
    desk.wake(START + 60 * SECOND)
    assert desk.execution.take_instructions() == []
    assert desk.execution.room({ALPHA: 2}, START + 11 * SECOND) == ""
    assert ORDER_WITHIN < 10 * SECOND


def test_an_order_whose_request_never_left_ends_at_once_and_is_not_looked_for() -> None:
    desk = Desk()
    desk.execution.send([order(1)], START)
    (one,) = desk.execution.take_instructions()
    desk.answer(one.tag, START + SECOND)
    assert desk.ended == [("d1-1", 0, "not placed: never sent: cannot connect")]
    assert (desk.execution.take_instructions(), desk.execution.next_due(), desk.halted) == ([], LAST, [])
    (answered,) = desk.answers
    assert answered.took == SECOND


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    desk = Desk()
    desk.answer("action:77", START)
    assert (desk.ended, desk.answers) == ([], [])


def test_no_leg_is_sent_to_a_venue_whose_last_request_is_not_answered_yet() -> None:
    """Its private stream has told the order's end; the answer to the placing is slow, and the next order would wait
    behind it while the plan's other leg goes out, where a venue's nonces must arrive in order.
    """
    desk = Desk(ordered=True)
    desk.execution.streaming.add(ALPHA)
    desk.execution.send([order(1)], START)
    (one,) = desk.execution.take_instructions()
    desk.execution.told(OrderReport(XY, "7", "d1-1", Side.BUY, OrderState.EXPIRED, D(1), D(100), D(0), D(0)), START)
    assert [name for name, _, _ in desk.ended] == ["d1-1"]
    assert desk.execution.room({ALPHA: 1}, START) == "alpha has not answered yet to what it was asked last"
    assert desk.execution.room({VenueId("beta"): 1}, START) == ""
    desk.answer(one.tag, START + SECOND)
    assert desk.execution.room({ALPHA: 1}, START + SECOND) == ""
    other = Desk()
    other.execution.send([order(1)], START)
    assert other.execution.room({ALPHA: 1}, START) == "", "where nonces need no order nothing waits"


def test_a_venue_that_does_not_tell_its_balances_is_asked_ever_less_often() -> None:
    desk, ledger = Desk(), Ledger()
    reckoning = Reckoning(desk.execution, ledger, lambda venue, held: None, lambda venue, differs: None)
    reckoning.begin([ALPHA], START)
    at, asked = START, []
    while at < START + 600 * SECOND:
        for one in desk.execution.take_instructions():
            asked.append(at)
            desk.answer(one.tag, at)
        at = max(at + 1, desk.execution.next_due())
        desk.wake(at)
    assert [b - a for a, b in pairwise(asked)][:3] == [SECOND, 2 * SECOND, 4 * SECOND]
    assert len(asked) < 20 and asked[-1] > START + 500 * SECOND


def test_closing_balances_are_asked_for_every_second() -> None:
    desk = Desk()
    reckoning = Reckoning(desk.execution, Ledger(), lambda venue, held: None, lambda venue, differs: None)
    reckoning.known.add(ALPHA)
    reckoning.close(START)
    for second in range(15):
        (one,) = desk.execution.take_instructions()
        desk.answer(one.tag, START + second * SECOND)
        assert desk.execution.next_due() == START + (second + 1) * SECOND
        desk.wake(START + (second + 1) * SECOND)
    assert reckoning.outstanding == {ALPHA}
