"""Carries accepted decisions out, one plan of orders at a time, and books what comes of them.

Enters: accepted decisions, the ends of orders, timers, answers. Leaves: durable intents, postings, the residual of each
plan, and a halt where a limit is passed. Never: an order without a durable intent, or a residual that is not booked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from cryptopipe.act.execution import Execution
from cryptopipe.act.ledger import Entry, Ledger
from cryptopipe.act.plan import Naming, Plan
from cryptopipe.act.unwind import closing_orders
from cryptopipe.act.weighing import Reconsider
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.gate import GateState, Limits, TradingMode
from cryptopipe.journal import told
from cryptopipe.journal.records import Body
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
from cryptopipe.model.money import exact, plain
from cryptopipe.model.trading import Decision, Fill, Order
from cryptopipe.summary import TradingValue
from cryptopipe.transit_means import Means
from cryptopipe.transits import Transits
from cryptopipe.worth import worth


class Teller(Protocol):
    """Writes records that the input at hand has caused."""

    def __call__(self, body: Body, /) -> None: ...


class Trading:
    """The plan in hand. `tell` writes a record, `durable` returns once all of them are on the disk."""

    def __init__(
        self,
        view: View,
        ledger: Ledger,
        fees: Mapping[VenueId, FeeSchedule],
        limits: Limits,
        restoring_bps: Decimal,
        tell: Teller,
        durable: Callable[[], None],
        reconsider: Reconsider | None = None,
    ) -> None:
        self._view, self._ledger, self._fees, self._limits = view, ledger, fees, limits
        self._restoring_bps, self._tell, self._durable = restoring_bps, tell, durable
        self.state = GateState()
        self.value = TradingValue(limits.numeraire)
        self.exposure: dict[Asset, Decimal] = {}
        """What unfilled legs have left so far, by asset, in all plans together."""
        self.plans, self.fills = 0, 0
        self.plan: Plan | None = None
        self.transits = Transits(
            Means(
                view, ledger, fees, limits, self.state, tell, durable, self.post, self._send, self._transit_ended
            ), reconsider
        )  # fmt: skip

    def start(self, decision: Decision, execution: Execution, naming: Naming) -> None:
        """Carry out an accepted decision."""
        if decision.opportunity.transit is not None:
            self.plans += 1
            self.transits.start(decision, execution, naming)
            return
        price = self._in_numeraire(decision.opportunity.numeraire, Decimal(1))
        assert price is not None, "an edge whose asset has no price is not accepted"
        self.plan = Plan.of(decision, price, naming)
        self.plans += 1
        self._send(self.plan.orders, execution)

    def ended(self, order: Order, fills: Sequence[Fill], obstacle: str, execution: Execution) -> None:
        """An order has ended: its fills are booked, its unfilled rest is given up."""
        for fill in fills:
            self.book(fill)
        self._tell(told.order_ended(order, fills, obstacle))
        if self.transits.owns(order.client_id):
            self.transits.ended(order, fills)
            self.measure_loss()
            return
        plan = self.plan
        assert plan is not None, "an order ends only while its plan is in flight"
        plan.fills += fills
        plan.arrived += 1
        if plan.done:
            self._end_plan(plan, execution)

    def book(self, fill: Fill) -> None:
        """One execution, in the journal and in the ledger."""
        self._tell(told.filled(fill, lambda asset, amount: worth(self._view, asset, amount, self._limits.numeraire)))
        self.post(f"fill {fill.client_id}", self._ledger.fill(fill))
        self.fills += 1

    def post(self, why: str, entries: list[Entry]) -> None:
        """Journal a transaction of the ledger."""
        self._tell(told.posted(self._ledger.transactions, why, entries))

    def measure_loss(self) -> None:
        """The trading loss now. None where something traded has no price: the gate refuses until it has one again."""
        self.state.loss = self.value.loss(self._view, self._ledger)
        active, loss = self.state.mode is TradingMode.ACTIVE, self.state.loss
        if active and loss is not None and loss >= self._limits.max_loss:
            limit, unit = plain(self._limits.max_loss), self._limits.numeraire
            self.halt(f"loss {loss:.2f} {unit} at or above risk.max_loss ({limit} {unit})")

    def halt(self, reason: str) -> None:
        """Start no plan any more."""
        self.state.halt(reason)
        self._tell(told.halted(reason))

    @property
    def busy(self) -> bool:
        """Whether an order is on its way, or a withdrawal of which nobody knows if it was made."""
        return self.plan is not None or self.transits.busy

    def _send(self, orders: Iterable[Order], execution: Execution) -> None:
        """Intents first, durable; only then are the orders on their way."""
        for order in orders:
            self._tell(told.intended(order))
        self._durable()
        execution.send(orders, self._view.now)

    def _end_plan(self, plan: Plan, execution: Execution) -> None:
        dust, exposure = plan.split()
        if exposure and not plan.closing:
            orders = closing_orders(
                plan, exposure, self._view, self._fees, self._ledger.free, self._limits.unwind_bps
            )  # fmt: skip
            if orders:
                plan.close_with(orders)
                self._send(orders, execution)
                return
        with exact():
            restoring = plan.moved() * self._restoring_bps if plan.legs == 2 else plan.charged("restoring")
            restoring *= plan.price / 10_000
        self.state.plan_in_flight, self.plan = None, None
        self._left(plan.decision.decision_id, dust, exposure, restoring)

    def _transit_ended(self, number: int, dust: dict[Asset, Decimal], exposure: dict[Asset, Decimal]) -> None:
        self._left(number, dust, exposure, Decimal(0))

    def _left(
        self, number: int, dust: Mapping[Asset, Decimal], exposure: Mapping[Asset, Decimal], restoring: Decimal
    ) -> None:
        """Book what a plan left over, and judge it."""
        self.value.plan_ended(dust, restoring)
        with exact():
            for asset, amount in exposure.items():
                self.exposure[asset] = self.exposure.get(asset, Decimal(0)) + amount
        left = {asset: amount for asset, amount in sorted(self.exposure.items()) if amount}
        at_risk = [self._in_numeraire(asset, amount) for asset, amount in left.items()]
        self._tell(told.plan_ended(number, dust, exposure, restoring))
        self._judge_residual(number, left, at_risk)
        self.measure_loss()

    def _judge_residual(self, number: int, left: Mapping[Asset, Decimal], at_risk: Sequence[Decimal | None]) -> None:
        known = [abs(value) for value in at_risk if value is not None]
        worth, limit, unit = sum(known, Decimal(0)), self._limits.max_residual, self._limits.numeraire
        text = ", ".join(f"{plain(amount)} {asset}" for asset, amount in left.items())
        what = f"residual after plan {number}: {text}"
        if len(known) < len(at_risk):
            self.halt(f"{what}, has no price in {unit}, so risk.max_residual ({plain(limit)} {unit}) cannot be kept")
        elif worth > limit:
            self.halt(f"{what}, worth {worth:.2f} {unit}, above risk.max_residual ({plain(limit)} {unit})")

    def _in_numeraire(self, asset: Asset, amount: Decimal) -> Decimal | None:
        return executable_value(self._view, asset, amount, self._limits.numeraire)
