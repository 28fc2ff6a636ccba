"""What venues tell wrongly of an order, and of other people's, is not booked as ours."""

from decimal import Decimal as D
from typing import Any

import msgspec
from property.test_pursuit import ORDER, START, XY

from cryptopipe.act.pursuit import CANCEL_AFTER, AskFor, Done, Pause, Pursuit, Step
from cryptopipe.clock import SECOND
from cryptopipe.errors import UnknownOutcome
from cryptopipe.model.actions import CancelOrder, FindOrder, ListFills
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.outcomes import Accepted, FillReport, NotFound, OrderReport, OrderState, Reports

FEE = Fee(D("0.001"), Asset("Y"))
OTHER = Instrument(VenueId("alpha"), "ZY", Asset("Z"), Asset("Y"), rules=TradingRules(D("0.01"), D(1), D(1), D(1)))


def report(state: OrderState, filled: str, **more: Any) -> OrderReport:
    one = OrderReport(XY, "77", ORDER.client_id, Side.BUY, state, D(1), D(100), D(filled), None)
    return msgspec.structs.replace(one, **more)


def fill(size: str, number: str = "1", **more: Any) -> FillReport:
    one = FillReport(XY, number, "77", ORDER.client_id, Side.BUY, D(100), D(size), FEE, False, START)
    return msgspec.structs.replace(one, **more)


def gone_after(filled: str) -> tuple[Pursuit, Step]:
    """It rests with `filled`, is cancelled, and then its venue does not know it any more: its fills are asked for."""
    pursuit = Pursuit(ORDER)
    pursuit.begin(START)
    assert isinstance(pursuit.told(Accepted("77", "", report(OrderState.OPEN, filled)), START), Pause)
    step = pursuit.woken(START + CANCEL_AFTER)
    assert isinstance(step, AskFor) and isinstance(step.action, CancelOrder)
    step = pursuit.told(Accepted("77"), START + CANCEL_AFTER)
    assert isinstance(step, AskFor) and isinstance(step.action, FindOrder)
    step = pursuit.told(NotFound("-2013", "no such order"), START + CANCEL_AFTER)
    assert isinstance(step, AskFor) and isinstance(step.action, ListFills)
    return pursuit, step


def listed(pursuit: Pursuit, second: int, *fills: FillReport) -> Step:
    """Its venue still does not know it, and lists these fills."""
    step = pursuit.woken(START + second * SECOND)
    assert isinstance(step, AskFor) and isinstance(step.action, FindOrder)
    step = pursuit.told(NotFound("-2013", "no such order"), START + second * SECOND)
    assert isinstance(step, AskFor) and isinstance(step.action, ListFills)
    return pursuit.told(Reports(fills=fills), START + second * SECOND)


def test_a_partial_fill_of_an_order_its_venue_forgot_is_waited_for() -> None:
    """0.4 were told to be filled; a list that does not have them yet is late, and no proof that there are none."""
    pursuit, _ = gone_after("0.4")
    assert isinstance(pursuit.told(Reports(), START + 4 * SECOND), Pause)
    assert isinstance(listed(pursuit, 5), Pause)
    assert isinstance(listed(pursuit, 6, fill("0.4")), Pause)
    step = listed(pursuit, 7, fill("0.4"))
    assert isinstance(step, Done) and [one.size for one in step.fills] == [D("0.4")]


def test_a_forgotten_order_whose_fee_is_not_told_yet_is_waited_for() -> None:
    pursuit, _ = gone_after("0.4")
    assert isinstance(pursuit.told(Reports(fills=(fill("0.4", fee=None),)), START + 4 * SECOND), Pause)
    assert isinstance(listed(pursuit, 5, fill("0.4", fee=None)), Pause)


def test_a_forgotten_order_may_have_been_filled_further_than_it_was_told() -> None:
    """The second list has a fill more: the first one was late."""
    pursuit, _ = gone_after("0.4")
    assert isinstance(pursuit.told(Reports(fills=(fill("0.4"),)), START + 4 * SECOND), Pause)
    both = (fill("0.4"), fill("0.6", "2"))
    assert isinstance(listed(pursuit, 5, *both), Pause)
    step = listed(pursuit, 6, *both)
    assert isinstance(step, Done) and sum((one.size for one in step.fills), D(0)) == D(1)


def test_a_forgotten_order_that_its_venue_finds_again_is_believed() -> None:
    pursuit, _ = gone_after("0.4")
    assert isinstance(pursuit.told(Reports(fills=(fill("0.4"),)), START + 4 * SECOND), Pause)
    assert isinstance(pursuit.woken(START + 5 * SECOND), AskFor)
    step = pursuit.told(Reports(orders=(report(OrderState.CANCELLED, "1"),)), START + 5 * SECOND)
    assert isinstance(step, AskFor) and isinstance(step.action, ListFills)
    assert isinstance(pursuit.told(Reports(fills=(fill("0.4"),)), START + 5 * SECOND), Pause)


def test_a_forgotten_order_without_a_fill_ends() -> None:
    pursuit, _ = gone_after("0")
    assert isinstance(pursuit.told(Reports(), START + 4 * SECOND), Pause)
    assert isinstance(listed(pursuit, 5), Done)


def test_an_answer_about_somebody_elses_order_is_not_taken_for_ours() -> None:
    """The answer to the placing, and then to the question, are of an order with another client id."""
    alien = report(OrderState.FILLED, "1", client_id="somebody-else", order_id="99", fills=(fill("1", order_id="99"),))
    pursuit = Pursuit(ORDER)
    pursuit.begin(START)
    step = pursuit.told(Accepted("99", "", alien), START)
    assert isinstance(step, AskFor) and isinstance(step.action, FindOrder)
    assert isinstance(pursuit.told(Reports(orders=(alien,)), START), Pause)
    step = pursuit.told(Reports(orders=(alien, report(OrderState.EXPIRED, "0", reason="no match"))), START)
    assert step == Done((), "no match")


def test_an_answer_about_another_instrument_is_not_taken_for_ours() -> None:
    alien = report(OrderState.FILLED, "1", instrument=OTHER, fills=(fill("1", instrument=OTHER),))
    pursuit = Pursuit(ORDER)
    pursuit.begin(START)
    pursuit.told(UnknownOutcome("lost"), START)
    assert isinstance(pursuit.told(Reports(orders=(alien,)), START), Pause)


def test_a_stream_that_tells_of_another_instrument_under_our_id_is_not_believed() -> None:
    pursuit = Pursuit(ORDER, streamed=True)
    pursuit.begin(START)
    assert pursuit.heard(fill("1", instrument=OTHER)) is None
    assert pursuit.heard(report(OrderState.FILLED, "1")) is None


def test_a_late_report_that_it_is_open_does_not_undo_the_end() -> None:
    pursuit = Pursuit(ORDER, streamed=True)
    pursuit.begin(START)
    assert pursuit.heard(report(OrderState.FILLED, "1")) is None
    assert pursuit.heard(report(OrderState.OPEN, "0.5")) is None
    done = pursuit.heard(fill("1"))
    assert done is not None and [one.size for one in done.fills] == [D(1)]
