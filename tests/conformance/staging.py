"""One simulated venue in its house, in virtual time, on which a venue's own stage stands.

Enters: a plugin, a world that has it, faults. Leaves: answers, and what a connection is told meanwhile. Never: anything
of a venue's dialect.
"""

from collections.abc import Iterator, Sequence

from cryptopipe.api import ExchangePlugin, HttpRequest, HttpResponse, Nanos
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.world import World

STEP: Nanos = 5_000_000


class Staged:
    """A market of one venue, two seconds old."""

    def __init__(
        self, plugin: ExchangePlugin, world: World, seed: int, start_at: Nanos, faults: Sequence[Fault] = ()
    ) -> None:
        self.world, self.desk = world, world.desks[plugin.venue]
        self.house = House(plugin, world.books[plugin.venue], faults, seed, start_at, self.desk)
        self.wait(2_000_000_000)

    @property
    def now(self) -> Nanos:
        """Of the market."""
        return self.world.now

    def wait(self, span: Nanos) -> None:
        """The market goes on."""
        self.world.advance(self.world.now + span)
        self.house.step(self.world.now)

    def send(self, request: HttpRequest) -> HttpResponse:
        """The answer; silence is an error of the test."""
        reply = self.house.answer(request, self.now)
        assert reply is not None, f"no answer to {request.url}"
        return reply.response

    def dial(self, path: str) -> int:
        """A new connection."""
        conn = self.house.dial(path, self.now)
        assert isinstance(conn, int), conn
        return conn

    def told(self, conn: int, span: Nanos) -> Iterator[str]:
        """What this connection is told while so much time passes, text by text; nothing but text is."""
        until = self.now + span
        while self.now < until:
            self.world.advance(self.now + STEP)
            for one in self.house.step(self.now):
                if one.conn == conn:
                    assert isinstance(one.what, str), one
                    yield one.what
