"""One simulated venue with its open connections and the faults in force.

Enters: dials, texts, pings, requests and steps, each with its time. Leaves: what is to be delivered, in order for each
connection. Never: a socket, a clock, an order of a connection's frames that its session did not say.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.errors import PluginError
from cryptopipe.model.contracts import ExchangePlugin, HttpRequest, HttpResponse
from cryptopipe.model.simulated import Beat, HangUp, Outgoing, SandboxSession, SandboxVenue, Say, SimulatedBook


class Pong(msgspec.Struct, frozen=True, gc=False):
    """The answer to the client's ping."""

    payload: bytes


class Reset(msgspec.Struct, frozen=True, gc=False):
    """The connection breaks, without a close frame."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """What a connection gets now: a text frame, a ping, a pong, a close, a break. After one of the last two the house
    has forgotten the connection.

    `since`: from when it could have been delivered. For what a session publishes that is the step before, so the age of
    a delivery at the socket is an upper bound of the sandbox's own delay beyond the venue's cadence.
    """

    conn: int
    what: "str | Beat | Pong | HangUp | Reset"
    since: Nanos


class House:
    """A venue's simulated side. Times never fall from call to call.

    The driver dials, hands over what the client sends, and after each advance of the world calls `step`; what a session
    answers to a text is delivered by the next step.
    """

    def __init__(self, plugin: ExchangePlugin, books: Mapping[str, SimulatedBook]) -> None:
        """`books` by the venue's symbols. Raises `PluginError` if the plugin brings no sandbox."""
        if plugin.sandbox is None:
            raise PluginError("brings no simulated venue", where=f"exchange {plugin.venue}")
        self.venue = plugin.venue
        self.symbols = tuple(books)
        self._simulated: SandboxVenue = plugin.sandbox(books)
        self._lines: dict[int, _Line] = {}
        self._dialled = 0
        self._stepped_at: Nanos = 0

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Its websocket paths by market."""
        return self._simulated.endpoints

    @property
    def connections(self) -> Sequence[int]:
        """Those that are open."""
        return tuple(self._lines)

    def dial(self, path: str, at: Nanos) -> int | HttpResponse | None:
        """A connection to `path` (with its query): its id, the answer that refuses the upgrade, or None: a black hole,
        which answers nothing, ever.
        """
        opened = self._simulated.open(path, at)
        if isinstance(opened, HttpResponse):
            return opened
        self._dialled += 1
        self._lines[self._dialled] = _Line(opened)
        return self._dialled

    def receive(self, conn: int, text: str, at: Nanos) -> None:
        """A text from the client; a connection that is no more says nothing."""
        line = self._lines.get(conn)
        if line is not None and not line.ending:
            line.take(line.session.receive(text, at), at, at)

    def pinged(self, conn: int, payload: bytes, at: Nanos) -> Delivery | None:
        """The client's websocket ping: its pong, to be sent at once, or None."""
        return Delivery(conn, Pong(payload), at) if conn in self._lines else None

    def closed(self, conn: int, at: Nanos) -> bool:
        """The client closed the connection or it broke. False if its close frame is not to be answered."""
        self._lines.pop(conn, None)
        return True

    def step(self, at: Nanos) -> list[Delivery]:
        """Publishes every session; all that is due by `at`, in order for each connection."""
        due: list[Delivery] = []
        since, self._stepped_at = self._stepped_at or at, at
        for conn, line in tuple(self._lines.items()):
            if not line.ending:
                line.take(line.session.publish(at), at, since)
            if line.deliver(conn, at, due):
                del self._lines[conn]
        return due

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """The answer to one request, its `url` path and query; None: a black hole."""
        return self._simulated.answer(request, at)


class _Line:
    """One connection: its session, and what it will be told when."""

    def __init__(self, session: SandboxSession) -> None:
        self.session = session
        self.ending = False
        self._due: Nanos = 0
        self._waiting: deque[tuple[Nanos, Nanos, str | Beat | HangUp | Reset]] = deque()

    def take(self, said: Iterable[Outgoing], at: Nanos, since: Nanos) -> None:
        """What a session says: nothing overtakes what was said before."""
        for one in said:
            if isinstance(one, Say):
                self.put(one.text, at + one.after, at, since)
            elif isinstance(one, HangUp):
                self.put(one, at + one.after, at, since)
                return
            else:
                self.put(one, at, at, since)

    def put(self, what: str | Beat | HangUp | Reset, due: Nanos, at: Nanos, since: Nanos) -> None:
        """One thing, due then or when what stands before it is."""
        self._due = due = max(due, self._due)
        self._waiting.append((due, due if due > at else since, what))
        self.ending = self.ending or isinstance(what, HangUp | Reset)

    def deliver(self, conn: int, at: Nanos, into: list[Delivery]) -> bool:
        """Append all that is due; whether that was the end of the connection."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= at:
            _, since, what = waiting.popleft()
            into.append(Delivery(conn, what, since))
        return self.ending and not waiting
