"""One order at a venue, from its request to its last fill: what to ask next, as a pure state machine.

Enters: outcomes of what was asked, errors, timers. Leaves: the next question, a pause, or the end with every fill.
Never: an order sent twice, a lost answer taken for a refusal, or fills whose fees nobody told.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.act.action_rules import WINDOW
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.model.actions import Action, CancelOrder, FindOrder, ListFills, PlaceOrder, TimeInForce
from cryptopipe.model.outcomes import Accepted, FillReport, NotFound, OrderReport, OrderState, Outcome, Refused, Reports
from cryptopipe.model.trading import Order

FENCE: Nanos = WINDOW + 2 * SECOND
"""An order that its venue does not know so long after its request was given up was never placed: the window is over,
and 2 s more than any clock was seen to be wrong. Longer where the venue takes requests for longer."""
PATIENCE: Nanos = 60 * SECOND
"""After this an order whose end cannot be learnt stops the run."""
CANCEL_AFTER: Nanos = 3 * SECOND
"""An immediate order that still rests is taken out by then."""
FIRST_PAUSE: Nanos = 50 * MILLISECOND
LONGEST_PAUSE: Nanos = 2 * SECOND
STREAM_WITHIN: Nanos = SECOND // 4
"""So long the private stream may take to tell of an order, before it is asked for by request."""


class AskFor(msgspec.Struct, frozen=True):
    """Carry this out and tell its outcome."""

    action: Action


class Pause(msgspec.Struct, frozen=True):
    """Wake the pursuit after this long."""

    lasts: Nanos


class Done(msgspec.Struct, frozen=True):
    """Nothing more will be filled. `obstacle`: why there was nothing to get, in the venue's words; else empty. `spent`:
    the quote of all fills as the venue states it, None where it does not.
    """

    fills: tuple[FillReport, ...]
    obstacle: str = ""
    spent: Decimal | None = None


class GaveUp(msgspec.Struct, frozen=True):
    """What became of the order cannot be learnt: nobody may trade on."""

    reason: str


Step = AskFor | Pause | Done | GaveUp


class _Stage(Enum):
    PLACING = "placing"
    FINDING = "finding"
    CANCELLING = "cancelling"
    FILLS = "fills"


class Pursuit:
    """`begin` once, then `told` for each outcome and `woken` for each pause; the answer is what to do next.

    `heard` takes what a private stream says meanwhile. `streamed`: such a stream is there, and worth a short wait.
    `accepted_for`: how long after it was signed the venue takes a request.
    """

    def __init__(
        self, order: Order, reduce_only: bool = False, streamed: bool = False, accepted_for: Nanos = WINDOW
    ) -> None:
        self.order = order
        self._fence = accepted_for + FENCE - WINDOW
        self._patience = max(PATIENCE, self._fence + PATIENCE // 2)
        self._reduce_only = reduce_only
        self._streamed = streamed
        self._heard_fills: dict[str, FillReport] = {}
        self._heard_end: OrderReport | None = None
        self._stage = _Stage.PLACING
        self._sent_at: Nanos = 0
        self._order_id = ""
        self._report: OrderReport | None = None
        self._pauses = 0
        self._doubt = ""
        """Why it is not known whether the order was placed; empty once it is."""
        self._doubted_at: Nanos = 0
        """Since when: the request was signed before, if perhaps not long before."""
        self._asked_after_fence = False
        self._taken_out = False
        """A cancellation was answered: nothing of it rests."""
        self._gone = False
        """Its venue, which took it, does not know it any more."""
        self._listed_before: tuple[FillReport, ...] | None = None
        """Of such an order the fills that were listed last: nobody tells how many there should be."""

    def begin(self, at: Nanos) -> Step:
        """An immediate-or-cancel limit, whose intent is durable."""
        order = self.order
        self._sent_at = at
        return AskFor(
            PlaceOrder(
                order.instrument,
                order.side,
                order.quantity,
                order.limit,
                order.client_id,
                TimeInForce.IOC,
                reduce_only=self._reduce_only,
            )
        )

    def told(self, outcome: Outcome | CryptopipeError, at: Nanos) -> Step:
        """The outcome of what was asked for last."""
        match self._stage:
            case _Stage.PLACING:
                return self._placed(outcome, at)
            case _Stage.FINDING:
                return self._found(outcome, at)
            case _Stage.CANCELLING:
                self._taken_out = not isinstance(outcome, CryptopipeError)
                return self._find()  # whatever the answer: the order itself says what became of it
            case _Stage.FILLS:
                return self._listed(outcome, at)

    def woken(self, at: Nanos) -> Step:
        """A pause is over."""
        if at - self._sent_at >= self._patience:
            why = self._doubt or "its fills are not told"
            return GaveUp(f"what became of order {self.order.client_id} on {self.order.instrument.id}: {why}")
        report = self._report
        if self._gone:
            return self._find()
        if report is not None and report.state is not OrderState.OPEN:
            return self._ask_fills(report)
        if report is not None and at - self._sent_at >= CANCEL_AFTER:
            self._stage = _Stage.CANCELLING
            return AskFor(CancelOrder(self.order.instrument, self.order.client_id, report.order_id))
        return self._find()

    def is_of(self, report: OrderReport | FillReport) -> bool:
        """Whether a report is about this order: it has our id, or the venue's where that is known."""
        named = report.client_id == self.order.client_id or report.order_id == self._order_id != ""
        return named and report.instrument.id == self.order.instrument.id

    def heard(self, report: OrderReport | FillReport) -> Done | None:
        """The end, if the stream has told all of it; else everything goes on as it would. Told twice or in another
        order it says the same.
        """
        if not self.is_of(report):
            return None
        if isinstance(report, FillReport):
            self._heard_fills[report.fill_id] = report
        elif report.state is not OrderState.OPEN:
            self._heard_end = report
        return self._heard_all(self._heard_end or self._report)

    def _heard_all(self, end: OrderReport | None) -> Done | None:
        if end is None or end.state is OrderState.OPEN:
            return None
        if not end.filled:
            return Done((), end.reason)
        fills = tuple(self._heard_fills.values())
        return Done(fills, "", end.spent) if _complete(fills, end.filled) else None

    def _placed(self, outcome: Outcome | CryptopipeError, at: Nanos) -> Step:
        match outcome:
            case Accepted(order=OrderReport() as report) if self._answers(report):
                return self._reported(report, at)
            case Accepted(venue_id=order_id, order=None):
                self._order_id = order_id
                return Pause(STREAM_WITHIN) if self._streamed else self._find()
            case Refused(code=code, reason=reason) | NotFound(code=code, reason=reason):
                return Done((), f"refused: {code} {reason}".strip())
            case CryptopipeError() if not isinstance(outcome, UnknownOutcome):
                return Done((), f"not placed: {outcome.message}")
            case _:
                self._doubted_at = at
                self._doubt = outcome.message if isinstance(outcome, CryptopipeError) else "an answer without our order"
                return self._find()

    def _found(self, outcome: Outcome | CryptopipeError, at: Nanos) -> Step:
        orders = outcome.orders if isinstance(outcome, Reports) else ()
        for report in orders:
            if self._answers(report):
                return self._reported(report, at)
        match outcome:
            case _ if orders:
                return self._pause()  # of somebody else's: nothing is known of ours
            case NotFound() | Reports() if self._doubt and at - self._doubted_at >= self._fence:
                if self._asked_after_fence:
                    return Done((), f"never placed ({self._doubt}): its venue knows no such order")
                self._asked_after_fence = True
                return self._find()
            case NotFound() if self._report is not None and self._taken_out:
                self._gone = True  # some venues forget orders that ended without a match
                return self._ask_fills(self._report)
            case _:
                return self._pause()

    def _answers(self, report: OrderReport) -> bool:
        """Whether this may answer a question about the order; some venues do not repeat our id."""
        unnamed = not report.client_id and not self._order_id and report.instrument.id == self.order.instrument.id
        return unnamed or self.is_of(report)

    def _reported(self, report: OrderReport, at: Nanos) -> Step:
        self._report, self._doubt, self._gone = report, "", False
        self._order_id = report.order_id or self._order_id
        if report.state is OrderState.OPEN:
            return self._pause()
        if not report.filled:
            return Done((), report.reason)
        if report.fills is not None and _complete(report.fills, report.filled):
            return Done(report.fills, "", report.spent)
        if self._streamed and self._stage is _Stage.PLACING:
            return self._heard_all(report) or Pause(STREAM_WITHIN)
        return self._ask_fills(report)

    def _listed(self, outcome: Outcome | CryptopipeError, at: Nanos) -> Step:
        assert self._report is not None, "fills are asked for once the order is known"
        if isinstance(outcome, Reports):
            own = {fill.fill_id: fill for fill in outcome.fills if fill.order_id == self._order_id}
            if self._gone:
                return self._listed_of_forgotten(tuple(own.values()), self._report.filled)
            if _complete(tuple(own.values()), self._report.filled):
                return Done(tuple(own.values()), "", self._report.spent)
        return self._pause()

    def _listed_of_forgotten(self, own: tuple[FillReport, ...], filled: Decimal) -> Step:
        """Its end, once it was not known twice and its list was the same both times; a list may be late."""
        told = sum((fill.size for fill in own), Decimal(0))
        if own == self._listed_before and _complete(own, max(told, filled)):
            return Done(own, "" if own else "ended without a fill: its venue knows it no more")
        first, self._listed_before = self._listed_before is None, own
        return Pause(SECOND) if first else self._pause()

    def _ask_fills(self, report: OrderReport) -> Step:
        self._stage = _Stage.FILLS
        return AskFor(ListFills(self.order.instrument, report.order_id))

    def _find(self) -> Step:
        self._stage = _Stage.FINDING
        return AskFor(FindOrder(self.order.instrument, self.order.client_id, self._order_id))

    def _pause(self) -> Step:
        lasts = min(FIRST_PAUSE << min(self._pauses, 10), LONGEST_PAUSE)
        self._pauses += 1
        return Pause(lasts)


def _complete(fills: Sequence[FillReport], filled: Decimal) -> bool:
    return sum((fill.size for fill in fills), Decimal(0)) == filled and all(fill.fee is not None for fill in fills)
