"""Questions about transfers, asked once for all who wait for one, as often as the venue's limits bear for ever.

Enters: who wants to know of withdrawals or deposits. Leaves: one list for all of them. Never: a list that was asked for
before somebody who gets it wanted to know; a budget that is used up by looking.
"""

from cryptopipe.act.execution import Execution, Then
from cryptopipe.clock import Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.model.actions import ListTransfers
from cryptopipe.model.facts import VenueId
from cryptopipe.model.outcomes import Outcome

_Key = tuple[VenueId, bool]


class Lookouts:
    """Of each venue, one for withdrawals and one for deposits."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, list[tuple[ListTransfers, Then]]] = {}
        self._next_at: dict[VenueId, Nanos] = {}

    def ask(self, wanted: ListTransfers, execution: Execution, at: Nanos, then: Then) -> None:
        """`then` is told the outcome of the next list, which has what was `wanted` and perhaps more."""
        key = (wanted.venue, wanted.deposits)
        waiting = self._waiting.setdefault(key, [])
        waiting.append((wanted, then))
        if len(waiting) > 1:
            return
        due = max(at, self._next_at.get(wanted.venue, 0))
        self._next_at[wanted.venue] = due + execution.spacing(wanted.venue)
        if due <= at:
            self._send(key, execution, at)
        else:
            execution.wake_at(due, lambda now: self._send(key, execution, now))

    def _send(self, key: _Key, execution: Execution, at: Nanos) -> None:
        waiting = self._waiting.pop(key)
        codes = {wanted.code for wanted, _ in waiting}
        code, since = codes.pop() if len(codes) == 1 else "", min(wanted.since for wanted, _ in waiting)
        answered = [then for _, then in waiting]

        def deal(outcome: Outcome | CryptopipeError, now: Nanos) -> None:
            for then in answered:
                then(outcome, now)

        execution.ask(ListTransfers(*key, code, since), at, deal)
