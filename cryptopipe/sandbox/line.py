"""What one connection of a simulated venue is still to be told, and when.

Enters: what its session said, with the time at which it is due. Leaves: deliveries in their order. Never: a frame that
overtakes another one, but an acknowledgement that a fault holds back; anything after a close or a break.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.simulated import Beat, HangUp, Outgoing, SandboxSession
from cryptopipe.model.stream import HttpResponse
from cryptopipe.sandbox.trouble import Marks


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


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The answer to one request, which the client gets `after` this long; it is decided now."""

    response: HttpResponse
    after: Nanos = 0


class Mute:
    """A session that says nothing."""

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Nothing."""
        return ()

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """Nothing."""
        return ()


class Line:
    """One connection: its session, and what it will be told when."""

    def __init__(self, session: SandboxSession) -> None:
        self.session = session
        self.marks = Marks()
        self.ending = False
        self.private = False
        """Whether it ever tells of an account."""
        self._due: Nanos = 0
        self._waiting: deque[tuple[Nanos, Nanos, str | Beat | HangUp | Reset]] = deque()
        self._late: list[tuple[Nanos, str]] = []

    def put(self, what: str | Beat | HangUp | Reset, due: Nanos, at: Nanos, since: Nanos) -> None:
        """One thing, due then or when what stands before it is."""
        self._due = due = max(due, self._due)
        self._waiting.append((due, due if due > at else since, what))
        self.ending = self.ending or isinstance(what, HangUp | Reset)

    def put_late(self, text: str, due: Nanos) -> None:
        """A text that what is put after it overtakes."""
        self._late.append((due, text))

    def forget(self) -> None:
        """What waits is lost."""
        self._waiting.clear()
        self._late.clear()
        self.marks.held.clear()
        self._due = 0

    def deliver(self, conn: int, at: Nanos, into: list[Delivery]) -> bool:
        """Append all that is due; whether that was the end of the connection."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= at:
            _, since, what = waiting.popleft()
            into.append(Delivery(conn, what, since))
        if self.ending and not waiting:
            return True
        if self._late:
            into += (Delivery(conn, text, due) for due, text in self._late if due <= at)
            self._late = [one for one in self._late if one[0] > at]
        return False
