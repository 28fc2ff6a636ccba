"""What one simulated venue was asked and said.

Enters: dials, requests, texts of a session. Leaves: when each came and how it was answered. Never: a change of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptopipe.clock import Nanos
from cryptopipe.model.simulated import Outgoing, SandboxSession, SandboxVenue, Say
from cryptopipe.model.stream import HttpRequest, HttpResponse


@dataclass
class Venue:
    """What one venue saw. Dials and requests: when each came, its answer's status (200 for a connection,
    0 for none at all), how long a refusal asked to wait.
    """

    dials: list[tuple[Nanos, int, Nanos]] = field(default_factory=list)
    requests: list[tuple[Nanos, int, Nanos]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    opened: list[Nanos] = field(default_factory=list)
    closed: list[tuple[Nanos, str]] = field(default_factory=list)
    arrivals: list[tuple[Nanos, bytes]] = field(default_factory=list)
    """Frames of the first connection, as long as the arena listens."""
    said: list[tuple[Nanos, str]] = field(default_factory=list)
    """What its first session said, as long as the arena listens, before the faults."""
    last_frame_at: Nanos = 0


class Clock(Protocol):
    """Whose time it is, since the start; and whether to listen."""

    listening: bool

    @property
    def now(self) -> Nanos: ...


class Overheard:
    """A simulated venue whose first session is overheard, before the faults."""

    def __init__(self, venue: SandboxVenue, clock: Clock, seen: Venue) -> None:
        self.endpoints = venue.endpoints
        self._venue, self._clock, self._seen = venue, clock, seen
        self._opened = False

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        opened = self._venue.open(path, at)
        if isinstance(opened, HttpResponse) or self._opened:
            return opened
        self._opened = True
        return _Session(opened, self._clock, self._seen)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        return self._venue.answer(request, at)


class _Session:
    def __init__(self, session: SandboxSession, clock: Clock, seen: Venue) -> None:
        self._session, self._clock, self._seen = session, clock, seen

    def receive(self, message: str, at: Nanos) -> Sequence[Outgoing]:
        return self._heard(self._session.receive(message, at))

    def publish(self, at: Nanos) -> Sequence[Outgoing]:
        return self._heard(self._session.publish(at))

    def _heard(self, said: object) -> Sequence[Outgoing]:
        frames: list[Outgoing] = list(said)  # type: ignore[call-overload]
        if self._clock.listening:
            now = self._clock.now
            self._seen.said += [(now, one.text) for one in frames if isinstance(one, Say)]
        return frames
