"""Where what a driver hears becomes numbered, stamped inputs.

Enters: openings, closings, frames, answers, ticks, in the order in which the driver hands them over. Leaves: inputs for
the run, and the tasks they entail. Never: two inputs of one number, a stamp that runs backwards, a word of a
connection that was closed, or a secret in what the run takes.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cryptopipe.capture.inputs import ACTION, PRIVATE, STREAM_TOKEN, Direction, Input
from cryptopipe.capture.redact import redact
from cryptopipe.clock import Nanos
from cryptopipe.market.feeds import Feeds, Task
from cryptopipe.model.events import Close
from cryptopipe.model.facts import VenueId

Tasks = Iterable[tuple[VenueId, Task]]


class Arrival(NamedTuple):
    """What a driver heard, before it has a number. `life` is that of the connection, as `Intake.life` said it."""

    direction: Direction
    venue: VenueId
    conn: str
    life: int
    payload: bytes = b""
    url: str = ""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    request: str = ""


class Intake:
    """Hands arrivals to `take` as inputs and says what is to be done. `stamp` is the run's clock."""

    def __init__(self, feeds: Feeds, take: Callable[[Input], None], stamp: Callable[[], Nanos]) -> None:
        self._feeds, self._take, self._stamp = feeds, take, stamp
        self.seq, self.turn, self.at = 0, 0, 0
        self._lives: dict[str, int] = {}

    def life(self, conn: str) -> int:
        """Which life of this connection it is, from 0; each closing ends one."""
        return self._lives.get(conn, 0)

    def begin_turn(self) -> None:
        """What comes now was found ready together."""
        self.turn += 1

    def tick(self) -> Tasks:
        """The time that somebody asked to be woken at has come."""
        return self._give(Direction.TICK, VenueId(""), "")

    def closed(self, venue: VenueId, conn: str, reason: str) -> Tasks:
        """A connection that was told to close is closed, at once, whatever its socket still does."""
        return self.receive(Arrival(Direction.CLOSE, venue, conn, self.life(conn), reason.encode()))

    def receive(self, one: Arrival) -> Tasks:
        """The next arrival; nothing if its connection has been closed since."""
        if one.conn and one.life != self._lives.get(one.conn, 0):
            return ()
        if one.direction is Direction.CLOSE:
            self._lives[one.conn] = one.life + 1
        return self._give(
            one.direction, one.venue, one.conn, one.url, one.payload, one.status, one.headers, one.request
        )  # fmt: skip

    def command(self, text: str) -> None:
        """The user's word, or the end of the run."""
        self.begin_turn()
        self._give(Direction.COMMAND, VenueId(""), "", "", text.encode())

    def _give(
        self,
        direction: Direction,
        venue: VenueId,
        conn: str,
        url: str = "",
        payload: bytes = b"",
        status: int = 0,
        headers: tuple[tuple[str, str], ...] = (),
        request: str = "",
    ) -> Tasks:
        self.seq += 1
        self.at = self._stamp()
        entry = Input(self.seq, self.turn, self.at, direction, venue, conn, url, payload, status, headers, request)
        self._take(redact(entry) if request == STREAM_TOKEN else entry)
        if request.startswith(ACTION) or conn.endswith(PRIVATE):
            return ()
        tasks = self._feeds.after(entry)
        return self._with_closings(tasks) if tasks else ()

    def _with_closings(self, tasks: Tasks) -> Tasks:
        """A close is answered by its closing before anything else is said of the connection."""
        done: list[tuple[VenueId, Task]] = []
        for venue, task in tasks:
            done.append((venue, task))
            if isinstance(task, Close):
                done += self.closed(venue, task.conn, task.reason)
        return done
