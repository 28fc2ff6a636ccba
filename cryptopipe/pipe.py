"""The pipe: from numbered inputs to the journal, one turn at a time.

Enters: inputs in order, and the records' sink. Leaves: decisions, paper trades, postings, and the summary, all as
journal records that are a function of the inputs and the configuration. Never: a look at a clock, a task, or an order
without a durable intent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.paper import PaperVenue, TakenLiquidity, closed_by
from cryptopipe.act.plan import Plan
from cryptopipe.act.unwind import closing_orders
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import Agenda, Nanos
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.episodes import Episodes, Lately
from cryptopipe.gate.gate import Gate, GateState, Limits, TradingMode
from cryptopipe.journal import told
from cryptopipe.journal.log import RecordSink
from cryptopipe.journal.records import Body, RunStarted
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.contracts import ExchangePlugin, Strategy
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
from cryptopipe.model.money import exact, plain
from cryptopipe.model.trading import Decision, Opportunity, Order
from cryptopipe.summary import BestEdges, Summary, TradingValue, venue_counts


@dataclass(frozen=True)
class PipeSettings:
    """What a run's results depend on beside its inputs."""

    limits: Limits
    latency: Nanos
    fees: Mapping[VenueId, FeeSchedule]
    opening: Callable[[VenueId, Asset], Decimal]
    restoring_bps: Decimal
    own_fees: frozenset[VenueId] = frozenset()
    """Venues whose rates the user has set."""


class Pipe:
    """Steps 3 to 9 of the picture, as synchronous calls on one thread."""

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        strategy: Strategy,
        settings: PipeSettings,
        sink: RecordSink,
    ) -> None:
        self.market = Market(plugins)
        self.ledger = Ledger()
        self.state = GateState()
        self.episodes = Episodes()
        self.lately = Lately()
        self.best = BestEdges(settings.limits.max_age)
        self._liquidity = TakenLiquidity()
        self._fees = FeesInForce(settings.fees, settings.own_fees)
        self.view = View(self.market, self._fees, self.ledger.balance, self._liquidity.taken)
        self._strategy = strategy
        self._settings = settings
        self._sink = sink
        self._gate = Gate(settings.limits, self.state)
        self._paper = PaperVenue(self._liquidity)
        self._agenda: Agenda[Order] = Agenda()
        self._plan: Plan | None = None
        self._value = TradingValue(settings.limits.numeraire)
        self._seq, self._turn, self._now = 0, 0, 0
        self.turns, self.plans, self.fills = 0, 0, 0
        self.exposure: dict[Asset, Decimal] = {}
        """What unfilled legs have left so far, by asset, in all plans together."""

    def receive(self, entry: Input) -> None:
        """Take the next input. A new turn number first ends the turn before; timers due before it run first."""
        if entry.turn != self._turn:
            self.end_turn()
            self._turn = entry.turn
            self.turns += 1
        self._run_due(entry.at)
        self._seq, self._now = entry.seq, entry.at
        self.market.receive(entry)
        touched = self.market.touched
        if touched:
            for sync in touched.values():
                self._liquidity.observe(sync)
            touched.clear()

    def end_turn(self) -> None:
        """Ask the strategy about each instrument that changed, once, and carry out what the gate accepts."""
        market = self.market
        if market.listings.news or (market.appeared and market.changed):
            self._appear()
        if not market.changed:
            self._tell_transitions()  # of single orders, which wake nobody
            return
        changed = market.take_changed()
        self.view.now = self._now
        self.view.turn += 1
        if market.transitions:
            self._tell_transitions()
            self._value.observe(self.view)
        found: dict[str, Opportunity] = {}
        for sync in changed.values():
            for opportunity in self._strategy.evaluate(self.view, sync.instrument):
                found[opportunity.edge] = opportunity
        if found and self.state.loss is None:
            self._measure_loss()
        decisions = self._gate.decide(found.values(), self.view) if found else []
        self.best.observe(decisions, self.view)
        for chapter in self.episodes.turn(changed, decisions, self._now):
            self.lately.note(chapter)
            self._tell(told.decided(chapter))
        for decision in decisions:
            if decision.accepted:
                self._start(decision)

    def finish(self, stopped_by: str) -> Summary:
        """End the run: the last turn, the orders still on their way, the open episodes, the closing books."""
        self.end_turn()
        while self._agenda:
            self._run_due(self._agenda.next_due())
        self.view.now = self._now
        for chapter in self.episodes.close(self._now):
            self._tell(told.decided(chapter))
        self.view.at_end = True
        summary = self._summary(stopped_by)
        self._tell(told.run_ended(summary))
        self._sink.sync()
        return summary

    def _summary(self, stopped_by: str) -> Summary:
        episodes, counts = self.episodes, self.market.counts
        return Summary(
            stopped_by=stopped_by,
            frames=sum(count.frames for count in counts.values()),
            tops=sum(count.tops for count in counts.values()),
            turns=self.turns,
            found=episodes.found,
            accepted=episodes.accepted,
            refused=episodes.refused,
            refusals=dict(sorted(episodes.refusals.items())),
            plans=self.plans,
            fills=self.fills,
            profit=self.ledger.profit(),
            balances=self.ledger.balances(),
            value=self._value.lines(self.view, self.ledger),
            gross=self.best.gross,
            net=self.best.net,
            halted=self.state.halted_because,
            exposure={asset: amount for asset, amount in sorted(self.exposure.items()) if amount},
            venues={venue: venue_counts(self.market, venue) for venue in counts},
        )

    def tell_start(self, body: RunStarted) -> None:
        """The first record: what the run's results depend on."""
        self._tell(body)

    def _tell(self, body: Body) -> None:
        self._sink.append(self._seq, self._now, body.kind, body)

    def _tell_transitions(self) -> None:
        for transition in self.market.transitions:
            self._tell(told.book_changed(transition))
        self.market.transitions.clear()

    def _appear(self) -> None:
        """New instruments: their venue's opening balances are booked. News of venues: journalled, and in force from now
        on. The strategy learns of both.
        """
        for sync in self.market.appeared:
            venue = sync.instrument.venue
            assets = [sync.instrument.holding, sync.instrument.quote]
            amounts = {
                asset: amount
                for asset in assets
                if (amount := self._settings.opening(venue, asset)) and not self.ledger.opened(venue, asset)
            }
            if amounts:
                self._post("opening", self.ledger.open(venue, amounts))
        for news in self.market.listings.news:
            self._tell(told.listed(news, self._fees.take(news)))
        self.market.listings.news.clear()
        self.market.appeared.clear()
        self._strategy.start(self.view.instruments)

    def _post(self, why: str, entries: list[tuple[str, Asset, Decimal]]) -> None:
        self._tell(told.posted(self.ledger.transactions, why, entries))

    def _start(self, decision: Decision) -> None:
        """Carry out an accepted decision."""
        price = self._in_numeraire(decision.opportunity.numeraire, Decimal(1))
        assert price is not None, "an edge whose asset has no price is not accepted"
        self._plan = Plan.of(decision, price)
        self.plans += 1
        self._send(self._plan.orders)

    def _send(self, orders: Iterable[Order]) -> None:
        """Intents first, durable; only then are the orders on their way."""
        for order in orders:
            self._tell(told.intended(order))
        self._sink.sync()
        self.market.touched = {}
        for order in orders:
            self._agenda.wake_at(self._now + self._settings.latency, order)

    def _run_due(self, until: Nanos) -> None:
        while (due := self._agenda.pop_due(until)) is not None:
            self._now = max(self._now, due[0])
            self.view.now = self._now
            self._arrive(due[1])

    def _arrive(self, order: Order) -> None:
        """An order reaches its venue: fills are booked, an unfilled rest ends with it."""
        plan = self._plan
        assert plan is not None, "an order arrives only while its plan is in flight"
        sync: BookSync = self.market.books[order.instrument.venue][order.instrument.symbol]
        obstacle = closed_by(sync, self._now)
        fills = self._paper.execute(order, sync, self._fees[order.instrument.venue], self._now)
        for fill in fills:
            self._tell(told.filled(fill))
            self._post(f"fill {fill.client_id}", self.ledger.fill(fill))
        plan.fills += fills
        plan.arrived += 1
        self.fills += len(fills)
        self._tell(told.order_ended(order, fills, obstacle))
        if plan.done:
            self._end_plan(plan)

    def _end_plan(self, plan: Plan) -> None:
        dust, exposure = plan.split()
        if exposure and not plan.closing:
            orders = closing_orders(plan, exposure, self.view, self._fees, self.ledger.balance, self._limits.unwind_bps)
            if orders:
                plan.close_with(orders)
                self._send(orders)
                return
        restoring = Decimal(0)
        if plan.legs == 2:
            with exact():
                restoring = plan.moved() * plan.price * self._settings.restoring_bps / 10_000
        self._value.plan_ended(dust, restoring)
        with exact():
            for asset, amount in exposure.items():
                self.exposure[asset] = self.exposure.get(asset, Decimal(0)) + amount
        left = {asset: amount for asset, amount in sorted(self.exposure.items()) if amount}
        at_risk = [self._in_numeraire(asset, amount) for asset, amount in left.items()]
        self._tell(told.plan_ended(plan, dust, exposure, restoring))
        self.state.plan_in_flight, self._plan = None, None
        self._judge_residual(plan, left, at_risk)
        self._measure_loss()

    def _judge_residual(self, plan: Plan, left: Mapping[Asset, Decimal], at_risk: Sequence[Decimal | None]) -> None:
        known = [abs(value) for value in at_risk if value is not None]
        worth, limit, unit = sum(known, Decimal(0)), self._limits.max_residual, self._limits.numeraire
        text = ", ".join(f"{plain(amount)} {asset}" for asset, amount in left.items())
        what = f"residual after plan {plan.decision.decision_id}: {text}"
        if len(known) < len(at_risk):
            self._halt(f"{what}, has no price in {unit}, so risk.max_residual ({plain(limit)} {unit}) cannot be kept")
        elif worth > limit:
            self._halt(f"{what}, worth {worth:.2f} {unit}, above risk.max_residual ({plain(limit)} {unit})")

    def _measure_loss(self) -> None:
        """The trading loss now. None where something traded has no price: the gate refuses until it has one again."""
        self.state.loss = self._value.loss(self.view, self.ledger)
        active, loss = self.state.mode is TradingMode.ACTIVE, self.state.loss
        if active and loss is not None and loss >= self._limits.max_loss:
            limit, unit = plain(self._limits.max_loss), self._limits.numeraire
            self._halt(f"loss {loss:.2f} {unit} at or above risk.max_loss ({limit} {unit})")

    @property
    def trading(self) -> tuple[Decimal | None, Asset]:
        """The trading result in the numeraire as it was measured last, which every plan does as it ends; None if
        something traded had no price then.
        """
        return self._value.measured, self._limits.numeraire

    @property
    def _limits(self) -> Limits:
        return self._settings.limits

    def _in_numeraire(self, asset: Asset, amount: Decimal) -> Decimal | None:
        return executable_value(self.view, asset, amount, self._limits.numeraire)

    def _halt(self, reason: str) -> None:
        self.state.halt(reason)
        self._tell(told.halted(reason))
