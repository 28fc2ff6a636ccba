"""Carries out what travels: several transits at once, each from its first order to the sale on arrival.

Enters: accepted decisions, the ends of orders, answers, timers. Leaves: durable intents, orders, questions, one
withdrawal each, postings, records of where the coins are. Never: a withdrawal without a durable intent or a second one;
coins on their way that somebody else spends.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from cryptopipe.act.execution import Execution
from cryptopipe.act.plan import Naming, Plan
from cryptopipe.act.pursuit import AskFor, Pause
from cryptopipe.act.sale import NoSale, sale
from cryptopipe.act.sent import SentLately
from cryptopipe.act.transit import TransitPlan
from cryptopipe.act.transit_match import bare
from cryptopipe.act.transit_result import left_over, may_have_changed, on_its_way, result_of, sums
from cryptopipe.act.transit_steps import Came, Go, Gone, InFlight, Left, Over, Sell, Send, Stage, Step, Weigh
from cryptopipe.act.unwind import missing_order
from cryptopipe.act.weighing import Reconsider, weigh
from cryptopipe.clock import Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.transfers import first_legs
from cryptopipe.journal import told
from cryptopipe.journal.account_records import TransferCredited, TransferSent, TransitChanged
from cryptopipe.lookouts import Lookouts
from cryptopipe.model.actions import Action, ListTransfers, MoveFunds, Withdraw
from cryptopipe.model.facts import Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import Outcome, TransferReport
from cryptopipe.model.trading import Decision, Fill, Order, Transit, Way
from cryptopipe.side_wallets import SideWallets
from cryptopipe.transit_means import Means, Running
from cryptopipe.worth import worth


class Transits:
    """Those on their way, by the number of their decision."""

    def __init__(self, means: Means, reconsider: Reconsider | None = None) -> None:
        self._means, self._reconsider = means, reconsider
        self.running: dict[int, Running] = {}
        self._transfers: set[tuple[VenueId, str]] = set()
        """Venues' ids of withdrawals that are known to be ours."""
        self._names: set[str] = set()
        """Our own ids of all of them."""
        self.wallets = SideWallets()
        self._lookouts = Lookouts()
        self._sent = SentLately()
        self._stopped = False

    def start(self, decision: Decision, execution: Execution, naming: Naming) -> None:
        """Carry out an accepted decision whose coins travel."""
        number, transit = decision.decision_id, decision.opportunity.transit
        assert transit is not None, "only what travels is carried out here"
        plan = TransitPlan(number, transit, naming, self._claimed)
        self._names.add(bare(plan.client_id))
        one = self.running[number] = Running(decision, plan, naming, execution)
        self._note(one)
        self._order(one, Plan.of(decision, naming=naming).orders[: len(first_legs(decision.opportunity))])

    def owns(self, client_id: str) -> bool:
        """Whether an order is one of a transit's."""
        return any(client_id in one.orders for one in self.running.values())

    def ended(self, order: Order, fills: Sequence[Fill]) -> None:
        """An order of a transit has ended; its fills are booked."""
        one = next(one for one in self.running.values() if order.client_id in one.orders)
        del one.orders[order.client_id]
        one.fills += fills
        if one.orders:
            return
        self._means.state.flights.ordering.discard(one.plan.number)
        if one.plan.stage is Stage.BUYING:
            self._bought(one)
        else:
            quantity = sum((fill.quantity for fill in fills), Decimal(0))
            self._follow(one, one.plan.sold(quantity, self._now), self._now)

    def known(self, client_id: str) -> tuple[int, Transit, Decimal] | None:
        """By the client id of a withdrawal: the decision, its transit, the network's fee."""
        for one in self.running.values():
            if one.plan.client_id == client_id:
                return one.plan.number, one.transit, one.plan.fee
        return None

    def stop(self) -> None:
        """Nothing is ordered or withdrawn any more; what is on its way is still looked for."""
        self._stopped = True

    @property
    def busy(self) -> bool:
        """Whether an order is on its way, or nobody knows if a withdrawal was made."""
        return any(one.orders or one.asking or one.plan.undecided for one in self.running.values())

    def look(self, venue: VenueId) -> bool:
        """Whether something of a venue is on its way, which is looked at now."""
        found = [one for one in self.running.values() if one.plan.looking]
        found = [one for one in found if venue in may_have_changed(one.plan)]
        for one in found:
            if one.pausing:
                one.pause, one.pausing = one.pause + 1, False
                self._follow(one, one.plan.woken(self._now), self._now)
        return bool(found)

    def in_flight(self) -> tuple[InFlight, ...]:
        """What is on its way now."""
        return tuple(
            InFlight(number, way.asset, on_its_way(one.plan), way.source, way.target, one.plan.state)
            for number, one in sorted(self.running.items())
            for way in (one.transit,)
        )

    def _claimed(self, report: TransferReport) -> bool:
        """Whether a transfer is known to be of one plan, or is named as one's."""
        return (report.venue, report.transfer_id) in self._transfers or bare(report.client_id) in self._names

    @property
    def _now(self) -> Nanos:
        return self._means.view.now

    def _order(self, one: Running, orders: Sequence[Order]) -> None:
        one.orders.update((order.client_id, order) for order in orders)
        one.placed += len(orders)
        self._means.send(orders, one.execution)

    def _bought(self, one: Running) -> None:
        """The decision's own orders have ended. Stock that was sold and not bought is bought once more."""
        means, transit = self._means, one.transit
        done = sums(transit.asset, one.fills)
        if transit.way is Way.STOCK and not one.topped_up and not self._stopped:
            one.topped_up = True
            with exact():
                missing = done.sold + transit.fee - done.bought if done.sold else Decimal(0)
            client_id = one.naming(f"d{one.plan.number}-{one.placed + 1}")
            instrument = one.decision.opportunity.legs[0].instrument
            order = missing_order(
                client_id, one.plan.number, instrument, missing, means.view, means.fees[instrument.venue],
                means.ledger.free, means.limits.unwind_bps,
            )  # fmt: skip
            if order is not None:
                self._order(one, (order,))
                return
        if means.state.plan_in_flight == one.plan.number:
            means.state.plan_in_flight = None
        owed = done.sold
        self._follow(one, one.plan.bought(done.bought, owed, self._now), self._now)

    def _follow(self, one: Running, steps: Iterable[Step], at: Nanos) -> None:
        self._note(one)
        for step in steps:
            self._do(one, step, at)
        if one.plan.number in self.running:
            self._note(one)
            self._set_aside(one, one.plan.held, one.plan.arrived)

    def _do(self, one: Running, step: Step, at: Nanos) -> None:
        plan = one.plan
        match step:
            case AskFor(action=action) if plan.looking or plan.undecided or not self._stopped:
                self._ask(one, action, at)
            case Pause(lasts=lasts):
                self._pause(one, at + lasts)
            case Weigh() if not self._stopped:
                self._weigh(one, at)
            case Send(action=action) if not self._stopped:
                self._send(one, action, at)
            case Send():
                plan.unsent()
            case Left() | Came() | Gone():
                self._book(one, step)
            case Sell(at_source=at_source, amount=amount) if not self._stopped:
                self._sell(one, at_source, amount, at)
            case Over():
                self._end(one, at)

    def _ask(self, one: Running, action: Action, at: Nanos) -> None:
        def answered(outcome: Outcome | CryptopipeError, now: Nanos) -> None:
            self._follow(one, one.plan.told(outcome, now), now)

        if isinstance(action, ListTransfers):
            self._lookouts.ask(action, one.execution, at, answered)
        else:
            one.execution.ask(action, at, answered)

    def _pause(self, one: Running, until: Nanos) -> None:
        one.pause, one.pausing = one.pause + 1, True
        number = one.pause

        def wake(now: Nanos) -> None:
            if one.pause == number and one.pausing:
                one.pausing = False
                self._follow(one, one.plan.woken(now), now)

        one.execution.wake_at(until, wake)

    def _weigh(self, one: Running, at: Nanos) -> None:
        means = self._means
        verdict = weigh(
            one.decision.opportunity, one.plan.held, one.plan.owed, means.view, means.fees, means.limits.numeraire,
            self._reconsider, self._sent.total(one.transit.source, at),
        )  # fmt: skip
        if isinstance(verdict, Go):
            verdict = self.wallets.known(one.transit, verdict, one.execution, at)
        self._follow(one, one.plan.weighed(verdict, at), at)

    def _send(self, one: Running, action: Withdraw | MoveFunds, at: Nanos) -> None:
        """The intent first, durable; only then is it asked for, once."""
        self._means.tell(told.transfer_intended(action, one.transit))
        self._means.durable()
        one.asking = True
        if isinstance(action, Withdraw):
            means = self._means
            worth = executable_value(means.view, one.transit.asset, action.amount, means.limits.numeraire)
            self._sent.note(action.venue, worth or Decimal(0), at)

        def answered(outcome: Outcome | CryptopipeError, now: Nanos) -> None:
            one.asking = False
            steps = one.plan.told(outcome, now)
            if one.plan.transfer_id:
                self._transfers.add((one.transit.source, one.plan.transfer_id))
            self._follow(one, steps, now)

        one.execution.ask(action, at, answered)

    def _book(self, one: Running, step: Left | Came | Gone) -> None:
        means, plan, transit, ledger = self._means, one.plan, one.transit, self._means.ledger
        number, asset, source, target = plan.number, transit.asset, transit.source, transit.target
        match step:
            case Left(amount=amount, fee=fee, txid=txid):
                self._transfers.add((source, plan.transfer_id))
                means.post(f"transfer {plan.client_id}", ledger.leave(number, source, target, asset, amount, fee))
                with exact():
                    parts = (amount - fee, -fee)
                values = (worth(means.view, asset, part, means.limits.numeraire) for part in parts)
                means.tell(TransferSent(number, plan.client_id, source, asset, amount, fee, txid, *values))
            case Came(amount=amount):
                took = plan.came_at - plan.asked_at
                means.post(f"credit {plan.client_id}", ledger.come(number, source, target, asset, amount))
                value = worth(means.view, asset, amount, means.limits.numeraire)
                means.tell(TransferCredited(number, plan.client_id, target, asset, amount, plan.txid, took, value))
            case Gone():
                means.post(f"lost {plan.client_id}", ledger.lose(number, target, asset))

    def _sell(self, one: Running, at_source: bool, amount: Decimal, at: Nanos) -> None:
        means, number = self._means, one.plan.number
        self._set_aside(one, one.plan.held, one.plan.arrived)
        legs = one.decision.opportunity.legs
        instrument = legs[0].instrument if at_source else legs[-1].instrument
        found = sale(instrument, amount, means.view, means.limits.unwind_bps)
        if isinstance(found, NoSale):
            self._follow(one, one.plan.too_little() if found.for_good else one.plan.unsold(), at)
            return
        name = one.naming(f"d{number}-{one.placed + 1}")
        means.state.flights.ordering.add(number)
        self._order(one, (Order(name, number, found.instrument, Side.SELL, found.quantity, found.limit),))

    def _set_aside(self, one: Running, at_source: Decimal, at_target: Decimal) -> None:
        transit, ledger = one.transit, self._means.ledger
        for venue, wanted in ((transit.source, at_source), (transit.target, at_target)):
            before = one.held.get(venue, Decimal(0))
            if wanted != before:
                with exact():
                    ledger.hold(venue, transit.asset, wanted - before)
                one.held[venue] = wanted

    def _note(self, one: Running) -> None:
        """Tell where the coins are, if that has changed."""
        if one.plan.state != one.told:
            one.told = one.plan.state
            self._means.tell(TransitChanged(one.plan.number, one.told, one.plan.reason))

    def _end(self, one: Running, at: Nanos) -> None:
        self._note(one)
        means, number, unit = self._means, one.plan.number, self._means.limits.numeraire
        self._set_aside(one, Decimal(0), Decimal(0))
        del self.running[number]
        means.state.flights.worth.pop(number, None)
        result = result_of(one.plan, one.fills, lambda asset, held: executable_value(means.view, asset, held, unit))
        means.tell(told.transit_ended(one.plan, result, unit, one.decision.at, at))
        means.ended(number, *left_over(one.decision.opportunity.legs[0], one.plan, result))
