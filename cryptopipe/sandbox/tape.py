"""An account's tape as the faults have it told: some lines twice, some after the next one.

Enters: the lines of the desk. Leaves: the same lines, numbered anew in the order in which they are told. Never: a line
that is lost; a number that falls; a difference between the connections that read it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from msgspec.structs import replace

from cryptopipe.clock import Nanos
from cryptopipe.model.accounts import SimulatedAccount
from cryptopipe.model.desk import DeskEvent
from cryptopipe.sandbox.trouble import HELD_AT_MOST, Trouble

_number = attrgetter("number")


class ToldTape:
    """Follows an account's tape. Without a fault of its kind in the schedule it is that tape."""

    def __init__(self, account: SimulatedAccount, trouble: Trouble) -> None:
        self._account, self._trouble = account, trouble
        self._own = not any(fault.kind in ("duplicate_event", "reorder_event") for fault in trouble.faults)
        self._told: list[DeskEvent] = []
        self._seen = 0
        self._held: DeskEvent | None = None
        self._held_since: Nanos = 0
        self._now: Nanos = 0

    @property
    def number(self) -> int:
        """Of the newest line told."""
        if self._own:
            return self._account.number
        self._follow()
        return len(self._told)

    def events(self, after: int) -> Sequence[DeskEvent]:
        """With a number above `after`."""
        if self._own:
            return self._account.events(after)
        self._follow()
        return self._told[bisect_right(self._told, after, key=_number) :]

    def turn(self, at: Nanos) -> None:
        """It is `at`: a line that nothing followed is not held for ever."""
        self._now = at
        if self._own:
            return
        self._follow()
        if self._held is not None and at - self._held_since >= HELD_AT_MOST:
            self._release()

    def _follow(self) -> None:
        for event in self._account.events(self._seen):
            self._seen = event.number
            if self._held is None and self._trouble.draw("reorder_event") is not None:
                self._held, self._held_since = event, self._now
                continue
            self._tell(event)
            self._release()

    def _release(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._tell(held)

    def _tell(self, event: DeskEvent) -> None:
        twice = self._trouble.draw("duplicate_event") is not None
        for _ in range(1 + twice):
            self._told.append(replace(event, number=len(self._told) + 1))
