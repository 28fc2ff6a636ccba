"""Who carries orders out: paper or the venues; and what the pipe may ask of either.

Enters: orders whose intents are durable, timers, answers. Leaves: the end of each order with its fills, instructions
for the driver. Never: I/O, a signature, a look at a clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cryptopipe.act.custody import PaperCustody
from cryptopipe.act.paper import PaperVenue, TakenLiquidity, closed_by
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import LAST, Agenda, Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.market import Market
from cryptopipe.model.actions import Action, venue_of
from cryptopipe.model.facts import FeeSchedule, VenueId
from cryptopipe.model.outcomes import Outcome
from cryptopipe.model.stream import HttpResponse
from cryptopipe.model.trading import Fill, Order

Ends = Callable[[Order, Sequence[Fill], str, Nanos], None]
"""Told when an order has ended: its fills, why it could get nothing (or empty), the time."""

Then = Callable[[Outcome | CryptopipeError, Nanos], None]
"""Told the outcome of an action, or the error that it is, and when."""

NOT_SENT = 598
"""The status of an answer that is none: the request never left, so nothing was done. No venue sends it."""


class Instruction(msgspec.Struct, frozen=True):
    """A driver signs and sends this action, and gives its answer back as an input with the tag. `earlier` are the
    answers so far to a question that takes several requests.
    """

    tag: str
    venue: VenueId
    action: Action
    earlier: tuple[HttpResponse, ...] = ()


class Execution(Protocol):
    """Orders on their way; a function of what it is told."""

    def send(self, orders: Iterable[Order], at: Nanos) -> None:
        """They are on their way now."""

    def ask(self, action: Action, at: Nanos, then: Then) -> None:
        """Carry out one action."""

    def wake_at(self, due: Nanos, what: Callable[[Nanos], None]) -> None:
        """Call `what` at `due`."""

    def spacing(self, venue: VenueId) -> Nanos:
        """How far apart a venue's transfers may be listed for ever."""

    def next_due(self) -> Nanos:
        """When `wake` is wanted; `LAST` if never."""

    def wake(self, at: Nanos) -> None:
        """Carry out the first timer, which is due."""

    def answered(self, entry: Input) -> None:
        """The answer to an instruction."""

    def take_instructions(self) -> list[Instruction]:
        """What the driver has to do, since the last call."""


class PaperExecution:
    """Every order meets the live book after a modelled latency, and ends there; `custody` answers to actions."""

    def __init__(
        self,
        market: Market,
        liquidity: TakenLiquidity,
        fees: Mapping[VenueId, FeeSchedule],
        latency: Callable[[VenueId], Nanos],
        ended: Ends,
        custody: PaperCustody | None = None,
    ) -> None:
        self._market, self._fees, self._latency, self._ended = market, fees, latency, ended
        self._paper = PaperVenue(liquidity)
        self._custody = custody or PaperCustody(0, lambda client_id: None)
        self._orders: Agenda[Order] = Agenda()
        self._others: Agenda[Callable[[Nanos], None]] = Agenda()
        self._closed = False

    def send(self, orders: Iterable[Order], at: Nanos) -> None:
        """They arrive after the latency."""
        for order in orders:
            self._orders.wake_at(at + self._latency(order.instrument.venue), order)

    def ask(self, action: Action, at: Nanos, then: Then) -> None:
        """It is answered after the latency."""
        due = at + self._latency(venue_of(action))
        self.wake_at(due, lambda now: then(self._custody.answer(action, now), now))

    def wake_at(self, due: Nanos, what: Callable[[Nanos], None]) -> None:
        """Call `what` at `due`."""
        if not self._closed:
            self._others.wake_at(due, what)

    def spacing(self, venue: VenueId) -> Nanos:
        """On paper as often as anybody likes."""
        return 0

    def close(self) -> None:
        """The run is over: orders on their way still arrive, anything else does not happen."""
        self._others, self._closed = Agenda(), True

    def next_due(self) -> Nanos:
        """When the next order arrives, or something else is due."""
        return min(agenda.next_due() if agenda else LAST for agenda in (self._orders, self._others))

    def wake(self, at: Nanos) -> None:
        """What is due first: an order reaches its venue, and an unfilled rest ends with it; or something else."""
        if self._others and (not self._orders or self._others.next_due() < self._orders.next_due()):
            other = self._others.pop_due(at)
            assert other is not None, f"nothing is due at {at}"
            other[1](at)
            return
        due = self._orders.pop_due(at)
        assert due is not None, f"nothing is due at {at}"
        order = due[1]
        sync = self._market.books[order.instrument.venue][order.instrument.symbol]
        obstacle = closed_by(sync, at)
        fills = self._paper.execute(order, sync, self._fees[order.instrument.venue], at)
        self._ended(order, fills, obstacle, at)

    def answered(self, entry: Input) -> None:
        """Nothing is asked on paper: an answer is of another run's configuration."""

    def take_instructions(self) -> list[Instruction]:
        """None."""
        return []
