"""Asks the venues what our accounts pay, one instrument at a time, where it takes nothing from orders.

Enters: the turn's stamp, answers. Leaves: questions, own rates in force, word of each that is new. Never: two questions
to a venue at once, or one while the venue's limits have no room for a plan beside it.
"""

from collections.abc import Callable, Collection
from functools import partial

from cryptopipe.act.venues import VenueExecution
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.fees import FeesInForce
from cryptopipe.model.actions import FetchFees
from cryptopipe.model.facts import FeeSchedule, Instrument, VenueId
from cryptopipe.model.outcomes import Outcome, Reports

APART: Nanos = 10 * SECOND
"""Between two questions to a venue, at least: one that takes requests in order gets no plan before it has answered."""
_A_PLAN = 2
"""Orders that a venue's limits must have room for, and for one that closes what they leave."""

Heard = Callable[[Instrument, FeeSchedule, FeeSchedule], None]
"""Is told an instrument, what an account was told of it, and what is in force then."""


class OwnFees:
    """`heard` is told of each answer that says something new."""

    def __init__(self, execution: VenueExecution, fees: FeesInForce, venues: Collection[VenueId], heard: Heard) -> None:
        self._execution, self._fees, self._venues, self._heard = execution, fees, tuple(venues), heard
        self._next: dict[VenueId, Nanos] = dict.fromkeys(self._venues, 0)

    def ask(self, at: Nanos) -> None:
        """What is due, of each venue at most one."""
        for venue in self._venues:
            if self._next[venue] > at:
                continue
            one = self._fees.own.to_ask(venue, at)
            if one is None or self._execution.room({venue: _A_PLAN}, at):
                self._next[venue] = at + SECOND
                continue
            self._next[venue] = at + max(APART, self._execution.spacing(venue, FetchFees))
            self._fees.own.asked(one, at)
            self._execution.ask(FetchFees(one), at, partial(self._told, one))

    def _told(self, one: Instrument, outcome: Outcome | CryptopipeError, at: Nanos) -> None:
        if isinstance(outcome, Reports) and outcome.fees is not None:
            before = self._fees.own.of(one)
            now = self._fees.tell(one, outcome.fees, at)
            if now != before:
                self._heard(one, outcome.fees, now)
