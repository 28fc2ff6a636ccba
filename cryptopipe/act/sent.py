"""What was sent away from each venue in the last 24 hours, for venues that limit a day.

Enters: withdrawals as they are asked for, with their worth. Leaves: sums. Never: one that is left out because its venue
may yet refuse it.
"""

from collections import deque
from decimal import Decimal

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import VenueId
from cryptopipe.model.money import exact

DAY: Nanos = 24 * 3600 * SECOND


class SentLately:
    """By venue, in the numeraire when it was asked for."""

    def __init__(self) -> None:
        self._sent: dict[VenueId, deque[tuple[Nanos, Decimal]]] = {}

    def note(self, venue: VenueId, worth: Decimal, at: Nanos) -> None:
        """One more; later calls are never of an earlier time."""
        self._sent.setdefault(venue, deque()).append((at, worth))

    def total(self, venue: VenueId, at: Nanos) -> Decimal:
        """Of the 24 hours before `at`."""
        sent = self._sent.get(venue, deque())
        while sent and sent[0][0] <= at - DAY:
            sent.popleft()
        with exact():
            return sum((worth for _, worth in sent), Decimal(0))
