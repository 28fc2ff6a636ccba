"""How long a connection may stay, and when another one is to replace it.

Enters: its venue's lifetime for connections, its openings, the venue's wish for another one. Leaves: when the other one
is to be dialled, and when this one ends though the other one does not carry all its books. Never: two replacements for
one wish, or one at once after another for a venue that wishes each time.
"""

from collections.abc import Callable

from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.market.pacing import Backoff, renewed_after

WITHIN = 60 * SECOND
"""From a venue's wish to the end of a connection whose replacement is open. Of the venues that say how long they wait
one closes after a few seconds, one after a minute, one after ten."""
SETTLED = 30 * SECOND
"""A connection whose venue wants another one sooner than this after its opening is replaced after a back-off."""


class Tenure:
    """Of one connection. A connection that replaces another one goes on with its back-off."""

    def __init__(self, lifetime: Nanos | None, jitter: Callable[[], float], before: "Tenure | None" = None) -> None:
        self.renew_at, self.ends_at = LAST, LAST
        """When its own replacement is due, and when it is closed if that one is open."""
        self.wish = ""
        """Why its venue wants another one in its place; empty if it does not."""
        self.successor = ""
        """The connection that it was closed for."""
        self._lifetime, self._jitter, self._opened_at = lifetime, jitter, 0
        self._planned = Backoff(jitter, first=30 * SECOND, cap=600 * SECOND)
        self._wished: Backoff = before._wished if before is not None else Backoff(jitter, first=SECOND)

    def opened(self, at: Nanos) -> None:
        """Its time begins."""
        self.renew_at, self.ends_at, self.wish, self.successor, self._opened_at = LAST, LAST, "", "", at
        self._planned.reset()
        if self._lifetime is not None:
            self.ends_at = at + self._lifetime
            self.renew_at = at + renewed_after(self._lifetime, self._jitter())

    def wished(self, reason: str, at: Nanos) -> None:
        """The venue wants another connection in its place; said again, it changes nothing."""
        if self.wish:
            return
        self.wish = reason or "no reason"
        if at - self._opened_at >= SETTLED:
            self._wished.reset()
            self.renew_at = at
        else:
            self.renew_at = at + self._wished.delay()
        self.ends_at = min(self.ends_at, at + WITHIN)

    def failed(self, at: Nanos) -> None:
        """The other connection has ended before it carried the books: another one later, sooner if this one is about to
        end."""
        self.renew_at = at + (self._wished if self.wish else self._planned).delay()

    def replaced(self, successor: str, how: str) -> str:
        """It is closed for this connection; the reason that is given."""
        self.successor = successor
        return f"{successor} {how}" + (f", asked for by the venue: {self.wish}" if self.wish else "")
