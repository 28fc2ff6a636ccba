"""When nothing could be heard of a stream: between collectors, without a connection, without a proof.

Enters: what connections and books go through. Leaves: gaps, once they are over. Never: a gap that is still open in a
manifest: it goes on in the next one's session.
"""

from cryptopipe.clock import Nanos
from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.rowfiles import milliseconds
from cryptopipe.market.sync import BookState

NO_COLLECTOR = "no collector was listening"


class Lines:
    """Connections, each with its successor as one: when each was heard last, and which are down."""

    def __init__(self) -> None:
        self.heard: dict[str, Nanos] = {}
        self.down: dict[str, tuple[Nanos, str]] = {}
        """Since when, and why."""
        self._open: dict[str, set[str]] = {}

    def opened(self, conn: str) -> None:
        """It may say something now."""
        self._open.setdefault(line_of(conn), set()).add(conn)

    def closed(self, conn: str, why: str, at: Nanos) -> None:
        """Down, unless its successor, or the one that it should have succeeded, goes on."""
        line = line_of(conn)
        still = self._open.setdefault(line, set())
        still.discard(conn)
        if not still and line not in self.down:
            self.down[line] = self.heard.get(line, at), why

    def spoke(self, conn: str) -> tuple[Nanos, str] | None:
        """A frame came: since when its line was down, if it was."""
        line = line_of(conn)
        self._open.setdefault(line, set()).add(conn)
        return self.down.pop(line, None)


def line_of(conn: str) -> str:
    """A connection and the one that replaces it have one name."""
    return conn.removesuffix("+")


class Proven:
    """Since when one book is not proven; `lost` 0 while it is, or has not been yet.

    `good_at`: of its last update that was in order, the venue's time or that of receipt, whichever is earlier. A gap
    begins there: that something was lost is noticed later, by the next update or by silence.
    """

    def __init__(self, lost: Nanos, why: str = NO_COLLECTOR) -> None:
        self.lost, self._kind, self._why = lost, "closed", why
        self.good_at: Nanos = 0

    def stopped(self, at: Nanos) -> Gap | None:
        """The session ends; the gap so far, if it is not proven now. It goes on in the next one."""
        lost, self.lost = self.lost, self.lost and at
        return Gap(milliseconds(lost), milliseconds(at), self._kind, self._why) if lost else None

    def turned(self, state: BookState, reason: str, at: Nanos, was_live: bool) -> Gap | None:
        """Its state changed; the gap that is over, if one is."""
        if state is BookState.LIVE:
            lost, self.lost, self.good_at = self.lost, 0, at
            return Gap(milliseconds(lost), milliseconds(at), self._kind, self._why) if lost else None
        if not self.lost and was_live:
            self.lost, self._why = self.good_at, reason
            self._kind = "closed" if state is BookState.DEAD else "resync"
        return None
