"""Who carries orders out: paper or the venues; and what the pipe may ask of either.

Enters: orders whose intents are durable, timers, answers. Leaves: the end of each order with its fills, instructions
for the driver. Never: I/O, a signature, a look at a clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cryptopipe.act.paper import PaperVenue, TakenLiquidity, closed_by
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import LAST, Agenda, Nanos
from cryptopipe.market.market import Market
from cryptopipe.model.actions import Action
from cryptopipe.model.facts import FeeSchedule, VenueId
from cryptopipe.model.stream import HttpResponse
from cryptopipe.model.trading import Fill, Order

Ends = Callable[[Order, Sequence[Fill], str, Nanos], None]
"""Told when an order has ended: its fills, why it could get nothing (or empty), the time."""

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

    def next_due(self) -> Nanos:
        """When `wake` is wanted; `LAST` if never."""

    def wake(self, at: Nanos) -> None:
        """Carry out the first timer, which is due."""

    def answered(self, entry: Input) -> None:
        """The answer to an instruction."""

    def take_instructions(self) -> list[Instruction]:
        """What the driver has to do, since the last call."""


class PaperExecution:
    """Every order meets the live book after a modelled latency, and ends there."""

    def __init__(
        self,
        market: Market,
        liquidity: TakenLiquidity,
        fees: Mapping[VenueId, FeeSchedule],
        latency: Callable[[VenueId], Nanos],
        ended: Ends,
    ) -> None:
        self._market, self._fees, self._latency, self._ended = market, fees, latency, ended
        self._paper = PaperVenue(liquidity)
        self._agenda: Agenda[Order] = Agenda()

    def send(self, orders: Iterable[Order], at: Nanos) -> None:
        """They arrive after the latency."""
        for order in orders:
            self._agenda.wake_at(at + self._latency(order.instrument.venue), order)

    def next_due(self) -> Nanos:
        """When the next order arrives."""
        return self._agenda.next_due() if self._agenda else LAST

    def wake(self, at: Nanos) -> None:
        """An order reaches its venue; an unfilled rest ends with it."""
        due = self._agenda.pop_due(at)
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
