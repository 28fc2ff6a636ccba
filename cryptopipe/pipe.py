"""The pipe: from numbered inputs to the journal, one turn at a time.

Enters: inputs in order, and the records' sink. Leaves: decisions, trades, postings, and the summary, all as journal
records that are a function of the inputs and the configuration; instructions for the driver. Never: a look at a clock,
a task, or an order without a durable intent.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from cryptopipe.act.custody import PaperCustody
from cryptopipe.act.execution import Execution, Instruction, PaperExecution
from cryptopipe.act.ledger import Ledger
from cryptopipe.act.paper import TakenLiquidity
from cryptopipe.act.plan import Naming, same, unique_since
from cryptopipe.at_venues import AtVenues
from cryptopipe.capture.inputs import ACTION, PRIVATE, SETTLE, Direction, Input
from cryptopipe.clock import LAST, Nanos
from cryptopipe.gate.episodes import Episodes, Lately
from cryptopipe.gate.gate import Gate, GateState
from cryptopipe.journal import told
from cryptopipe.journal.log import RecordSink
from cryptopipe.journal.records import Body, RunStarted
from cryptopipe.lessons import Lessons
from cryptopipe.market.experience import Experience
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.market import Market
from cryptopipe.market.networks import Networks
from cryptopipe.market.view import View
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.strategies import Strategy
from cryptopipe.model.trading import Fill, Opportunity, Order
from cryptopipe.pipe_settings import PipeSettings as PipeSettings
from cryptopipe.quoting import quoting_of
from cryptopipe.summary import BestEdges, Summary, venue_counts
from cryptopipe.trading import Trading


class Pipe:
    """Steps 3 to 9 of the picture, as synchronous calls on one thread."""

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        strategy: Strategy,
        settings: PipeSettings,
        sink: RecordSink,
    ) -> None:
        self.market = Market(plugins, settings.kept)
        self.ledger = Ledger()
        self.episodes = Episodes()
        self.lately = Lately()
        self.best = BestEdges(settings.limits.max_age)
        self._liquidity = TakenLiquidity()
        self._fees = FeesInForce(settings.fees, settings.own_fees, settings.codecs)
        self._networks = Networks(self.market.listings, settings.custody)
        experience = Experience(lambda venue: None if settings.codecs else self._paper_latency(venue))
        self._lessons = Lessons(experience)
        self.view = View(
            self.market, self._fees, self.ledger.free, self._liquidity.taken, self._networks, experience
        )  # fmt: skip
        self._strategy = strategy
        self._settings = settings
        self._sink = sink
        self._trading = Trading(
            self.view, self.ledger, self._fees, settings.limits, settings.restoring_bps, self._tell, sink.sync,
            getattr(strategy, "reconsider", None),
        )  # fmt: skip
        self._gate = Gate(settings.limits, self._trading.state)
        self._naming: Naming = same
        self.at_venues = self._at_venues() if settings.codecs else None
        self._execution: Execution = self._paper() if self.at_venues is None else self.at_venues.execution
        self._quoting = quoting_of(
            strategy, self.market, self.view, self.ledger, settings.limits, self._paper_latency,
            self._execution.wake_at if self.at_venues is None else None, self._trading, self._tell,
        )  # fmt: skip
        self._seq, self._turn, self._now = 0, 0, 0
        self.turns = 0

    def _at_venues(self) -> AtVenues:
        settings = self._settings
        return AtVenues(
            settings.codecs, settings.private, self._trading, self.ledger, self._order_ended, self._open, self._tell,
            self._networks, self._fees, lambda: self._seq, settings.withdrawals,
        )  # fmt: skip

    def _paper_latency(self, venue: VenueId) -> Nanos:
        return self._settings.latencies.get(venue, self._settings.latency)

    def _paper(self) -> PaperExecution:
        settings = self._settings
        custody = PaperCustody(settings.transfer_seed, self._trading.transits.known)
        return PaperExecution(
            self.market, self._liquidity, self._fees, self._paper_latency, self._order_ended, custody
        )  # fmt: skip

    def receive(self, entry: Input) -> None:
        """Take the next input. A new turn number first ends the turn before; timers due before it run first."""
        if entry.turn != self._turn:
            self.end_turn()
            self._turn = entry.turn
            self.turns += 1
        self._run_due(entry.at)
        self._seq, self._now = entry.seq, entry.at
        if self.at_venues is not None and self._of_the_account(entry, self.at_venues):
            return
        self.market.receive(entry)
        if touched := self.market.touched:
            for sync in touched.values():
                self._liquidity.observe(sync)
            touched.clear()
        if self._quoting is not None and entry.direction is Direction.RECV:
            self._quoting.hear(entry)

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
            self._trading.value.observe(self.view)
        found: dict[str, Opportunity] = {}
        for sync in changed.values():
            for opportunity in self._strategy.evaluate(self.view, sync.instrument):
                found[opportunity.edge] = opportunity
        if self._quoting is not None:
            self._quoting.turn(changed)
        if self.at_venues is not None:
            self.at_venues.ask(self._now)
        if found and self.state.loss is None:
            self._trading.measure_loss()
        decisions = self._gate.decide(found.values(), self.view) if found else []
        self.best.observe(decisions, self.view)
        for chapter in self.episodes.turn(changed, decisions, self._now):
            self.lately.note(chapter)
            self._tell(told.decided(chapter))
        for decision in decisions:
            if decision.accepted:
                self.market.touched = {}
                self._trading.start(decision, self._execution, self._naming)

    def finish(self, stopped_by: str) -> Summary:
        """End the run: the last turn, the orders still on their way, the open episodes, the closing books."""
        self.end_turn()
        self._trading.transits.stop()
        if isinstance(self._execution, PaperExecution):
            self._execution.close()
        while self.at_venues is None and (due := self._execution.next_due()) < LAST:
            self._run_due(due)
        self.view.now = self._now
        if self._quoting is not None:
            self._quoting.close("the run ended")
        self._lessons.stop(self._now)
        for chapter in self.episodes.close(self._now):
            self._tell(told.decided(chapter))
        if self.at_venues is not None and self.at_venues.execution.in_flight:
            unknown = ", ".join(self.at_venues.summary().unknown)
            self._trading.halt(f"the run ended before this was known: {unknown}")
        self.view.at_end = True
        summary = self._summary(stopped_by)
        self._tell(told.run_ended(summary))
        self._sink.sync()
        return summary

    def _summary(self, stopped_by: str) -> Summary:
        episodes, counts = self.episodes, self.market.counts
        return Summary(
            stopped_by, sum(one.frames for one in counts.values()), sum(one.tops for one in counts.values()),
            self.turns, episodes.found, episodes.accepted, episodes.refused,
            refusals=dict(sorted(episodes.refusals.items())),
            plans=self._trading.plans,
            fills=self.fills,
            profit=self.ledger.profit(),
            balances=self.ledger.balances(),
            value=self._trading.value.lines(self.view, self.ledger),
            gross=self.best.gross,
            net=self.best.net,
            halted=self.state.halted_because,
            exposure={asset: amount for asset, amount in sorted(self.exposure.items()) if amount},
            venues={venue: venue_counts(self.market, venue) for venue in counts},
            settled=None if self.at_venues is None else self.at_venues.summary(),
            in_flight=self._trading.transits.in_flight(),
            quotes=() if self._quoting is None else self._quoting.lines,
        )  # fmt: skip

    def tell_start(self, body: RunStarted) -> None:
        """The first record: what the run's results depend on."""
        self._tell(body)

    def _tell(self, body: Body) -> None:
        self._sink.append(self._seq, self._now, body.kind, body)
        self._lessons.hear(body, self._now)

    def _tell_transitions(self) -> None:
        for transition in self.market.transitions:
            self._tell(told.book_changed(transition))
        self.market.transitions.clear()

    def _appear(self) -> None:
        """New instruments: their venue's opening balances are booked. News of venues: journalled, and in force from now
        on. The strategy learns of both.
        """
        for sync in self.market.appeared if self.at_venues is None else ():
            venue = sync.instrument.venue
            assets = [sync.instrument.holding, sync.instrument.quote]
            amounts = {
                asset: amount
                for asset in assets
                if (amount := self._settings.opening(venue, asset)) and not self.ledger.opened(venue, asset)
            }
            if amounts:
                self._trading.post("opening", self.ledger.open(venue, amounts))
        for news in self.market.listings.news:
            self._tell(told.listed(news, self._fees.take(news)))
        self.market.listings.news.clear()
        self.market.appeared.clear()
        self._strategy.start(self.view.instruments)

    def _run_due(self, until: Nanos) -> None:
        while (due := self._execution.next_due()) <= until:
            self._now = self.view.now = max(self._now, due)
            self._execution.wake(due)

    def _order_ended(self, order: Order, fills: Sequence[Fill], obstacle: str, at: Nanos) -> None:
        self._trading.ended(order, fills, obstacle, self._execution)
        if self.at_venues is None:
            return
        sync = self.market.books.get(order.instrument.venue, {}).get(order.instrument.symbol)
        if sync is not None:
            for fill in fills:  # the book tells of it later, or has told of it already: until it moves it is gone
                self._liquidity.take(sync, fill.side is Side.SELL, fill.price, fill.quantity)
        self.at_venues.proceed(at)

    def _of_the_account(self, entry: Input, at_venues: AtVenues) -> bool:
        """What concerns our accounts, and no book; the first input of all begins the reckoning."""
        if self._naming is same:
            self._naming = unique_since(entry.at)
            at_venues.begin(entry.at)
        self.view.now = self._now
        if entry.conn.endswith(PRIVATE):
            at_venues.streams.receive(entry)
        elif entry.direction is Direction.HTTP and entry.request.startswith(ACTION):
            at_venues.execution.answered(entry)
            at_venues.proceed(entry.at)
        elif entry.direction is Direction.COMMAND and entry.payload == SETTLE:
            at_venues.settle(entry.at)
        else:
            return False
        return True

    def _open(self, venue: VenueId, held: Mapping[Asset, Decimal]) -> None:
        self._trading.post("opening", self.ledger.open(venue, held))

    def next_due(self) -> Nanos:
        """When the pipe wants to be woken, for what is on its way to a venue."""
        return LAST if self.at_venues is None else self._execution.next_due()

    def take_instructions(self) -> list[Instruction]:
        """What the driver has to sign and send."""
        return self._execution.take_instructions()

    def take_sends(self) -> list[tuple[VenueId, str]]:
        """What is to be written to private connections."""
        return [] if self.at_venues is None else self.at_venues.streams.take_sends()

    @property
    def settled(self) -> bool:
        """Whether a run that is over has nothing more to learn."""
        return self.at_venues is None or self.at_venues.settled

    @property
    def state(self) -> GateState:
        """Whether plans may be started."""
        return self._trading.state

    @property
    def fills(self) -> int:
        """Executions so far."""
        return self._trading.fills

    @property
    def exposure(self) -> Mapping[Asset, Decimal]:
        """What unfilled legs have left so far."""
        return self._trading.exposure

    @property
    def trading(self) -> tuple[Decimal | None, Asset]:
        """The trading result in the numeraire as it was measured last, which every plan does as it ends; None if
        something traded had no price then.
        """
        return self._trading.value.measured, self._settings.limits.numeraire
