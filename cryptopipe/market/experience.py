"""What this run has seen at its own desk: lives of edges, plans, latencies, transfers.

Enters: each as it ended, or as it began. Leaves: them, for whoever judges the next edge. Never: anything but what
inputs and configuration say: a run that is replayed has the same.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import VenueId

MOST = 2_000
"""Lives of a kind that are kept: the latest."""
_MINUTE: Nanos = 60 * SECOND


class Road(NamedTuple):
    """What a venue sends, by a chain, to a venue."""

    source: VenueId
    chain: str
    target: VenueId


class Experience:
    """`assumed` is the latency of orders where nothing is measured, as on paper; None where it is unknown."""

    def __init__(self, assumed: Callable[[VenueId], Nanos | None] = lambda venue: None) -> None:
        self._assumed = assumed
        self._lives: dict[str, deque[tuple[Nanos, bool]]] = {}
        self._known: dict[str, tuple[tuple[Nanos, bool], ...]] = {}
        self._plans: dict[str, tuple[int, int]] = {}
        self._took: dict[VenueId, tuple[int, Nanos]] = {}
        self._arrived: dict[Road, list[tuple[float, bool]]] = {}
        self._waiting: dict[int, tuple[Road, Nanos]] = {}
        self.alive_since: Callable[[str], Nanos | None] = lambda edge: None

    def lived(self, kind: str, duration: Nanos, closed: bool) -> None:
        """An edge of a kind closed, or was lost sight of, after so long."""
        self._lives.setdefault(kind, deque(maxlen=MOST)).append((duration, closed))
        self._known.pop(kind, None)

    def lives(self, kind: str) -> Sequence[tuple[Nanos, bool]]:
        """The latest, oldest first; the same object until there is a new one."""
        if kind not in self._known:
            self._known[kind] = tuple(self._lives.get(kind, ()))
        return self._known[kind]

    def planned(self, kind: str, completed: bool) -> None:
        """A plan of a kind has ended; `completed`: every leg was filled."""
        done, tried = self._plans.get(kind, (0, 0))
        self._plans[kind] = done + completed, tried + 1

    def plans(self, kind: str) -> tuple[int, int]:
        """(completed, attempted)."""
        return self._plans.get(kind, (0, 0))

    def took(self, venue: VenueId, duration: Nanos) -> None:
        """From the decision to the answer to an order."""
        count, total = self._took.get(venue, (0, 0))
        self._took[venue] = count + 1, total + duration

    def latency(self, venue: VenueId) -> Nanos | None:
        """The mean of what was measured, otherwise what is assumed."""
        count, total = self._took.get(venue, (0, 0))
        return total // count if count else self._assumed(venue)

    def sent(self, number: int, road: Road, at: Nanos) -> None:
        """A transfer was asked for."""
        self._waiting[number] = road, at

    def credited(self, number: int, took: Nanos) -> None:
        """It has arrived."""
        self._over(number, took / _MINUTE, True)

    def lost(self, number: int) -> None:
        """It left, and never arrives: the venue gave it back, or nobody knows where it is."""
        self._over(number, inf, False)

    def never_sent(self, number: int) -> None:
        """It was refused: that says nothing of times."""
        self._waiting.pop(number, None)

    def _over(self, number: int, minutes: float, arrived: bool) -> None:
        waited = self._waiting.pop(number, None)
        if waited is not None:
            self._arrived.setdefault(waited[0], []).append((minutes, arrived))

    def transfers(self, road: Road, now: Nanos) -> Sequence[tuple[float, bool]]:
        """(minutes, whether it arrived) of all on a road, at last those on the way, with what they have waited."""
        waiting = [((now - at) / _MINUTE, False) for one, at in self._waiting.values() if one == road]
        return (*self._arrived.get(road, ()), *waiting)
