"""How long edges were seen to live: until they closed, or until we lost sight of them.

Enters: openings, acceptances, ends, books that cannot be read, the end of the run. Leaves: one life of each edge, told
once. Never: an edge that we took ourselves, or whose book died, told as one that closed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptopipe.clock import Nanos

Told = Callable[[str, Nanos, bool], None]
"""Is told a kind of edge, how long one lived, and whether it closed by itself then."""


def kind_of(edge: str) -> str:
    """The first word of its name: `two_venue`, `triangle`, or what a strategy calls its own."""
    return edge.partition(" ")[0]


@dataclass
class _Sighting:
    opened_at: Nanos
    legs: frozenset[str]
    followed: bool = True


class Sightings:
    """The open edges. One that was accepted, or of which a book could not be read for a moment, is not followed from
    then on: what became of it without us is not known.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._open: dict[str, _Sighting] = {}

    def since(self, edge: str) -> Nanos | None:
        """When it opened; None where it is not open."""
        one = self._open.get(edge)
        return None if one is None else one.opened_at

    def opened(self, edge: str, legs: Iterable[str], at: Nanos) -> None:
        """An edge through these instruments is above zero."""
        self._open[edge] = _Sighting(at, frozenset(legs))

    def accepted(self, edge: str, at: Nanos) -> None:
        """We take it."""
        if edge in self._open:
            self._lose(edge, self._open[edge], at)

    def hidden(self, instrument: str, at: Nanos) -> None:
        """Its book cannot be read."""
        for edge, one in self._open.items():
            if instrument in one.legs:
                self._lose(edge, one, at)

    def ended(self, edge: str, at: Nanos) -> None:
        """It is at or below zero, or is not seen any more."""
        one = self._open.pop(edge, None)
        if one is not None and one.followed:
            self._told(kind_of(edge), at - one.opened_at, True)

    def stop(self, at: Nanos) -> None:
        """Nobody looks any more."""
        for edge, one in self._open.items():
            self._lose(edge, one, at)

    def _lose(self, edge: str, one: _Sighting, at: Nanos) -> None:
        if one.followed:
            one.followed = False
            self._told(kind_of(edge), at - one.opened_at, False)
