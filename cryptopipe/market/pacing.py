"""How often a venue may be asked: attempts in any window, delays between them, and what the venue itself says.

Enters: times, limits as values, a number in [0, 1] for each delay, the text of a `Retry-After`. Leaves: the earliest
time for the next attempt. Never: more attempts in any window than its limit, a delay above its cap, a clock.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.contracts import Limit

_LONGEST_BAN = 3 * 24 * 3600 * SECOND
"""A later `Retry-After` is cut to three days, the longest ban that a venue documents (read 2026-07-21)."""


class Bucket:
    """Tokens for attempts, under several limits at once.

    Each limit has `count` tokens, and a token comes back `per` after it was taken. So no window ever holds more than
    `count` attempts; a bucket refilled at a constant rate lets up to twice as many through.
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._taken: list[tuple[Limit, deque[Nanos]]] = [(limit, deque(maxlen=limit.count)) for limit in limits]
        self._held_until: Nanos = 0

    def free_at(self) -> Nanos:
        """The earliest time for the next attempt; 0 if any time will do."""
        free = (taken[0] + limit.per for limit, taken in self._taken if len(taken) == limit.count)
        return max(self._held_until, max(free, default=0))

    def spare_at(self) -> Nanos:
        """The same for what can wait: it leaves a quarter of each limit's attempts to what cannot."""
        spare = [(limit.count - limit.count // 4, limit, taken) for limit, taken in self._taken]
        free = (taken[-most] + limit.per for most, limit, taken in spare if len(taken) >= most)
        return max(self._held_until, max(free, default=0))

    def hold(self, until: Nanos) -> None:
        """The venue said: nothing before this."""
        self._held_until = max(self._held_until, until)

    def take(self, at: Nanos) -> None:
        """An attempt is made. Raises `ValueError` if it is one too many."""
        if at < self.free_at():
            raise ValueError(f"an attempt at {at}, the next one is free at {self.free_at()}")
        for _, taken in self._taken:
            taken.append(at)


class Backoff:
    """Full jitter: each delay is drawn from [0, bound], and the bound doubles with each up to `cap`.

    (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.) `jitter` gives numbers in [0, 1].
    """

    def __init__(self, jitter: Callable[[], float], first: Nanos = SECOND // 2, cap: Nanos = 15 * SECOND) -> None:
        self._jitter, self._first, self._cap = jitter, first, cap
        self.failures = 0

    @property
    def bound(self) -> Nanos:
        """The longest delay that may be drawn next."""
        return min(self._cap, self._first << min(self.failures, 40))

    def delay(self) -> Nanos:
        """The delay after one more failure."""
        bound = self.bound
        self.failures += 1
        return max(0, min(bound, int(bound * self._jitter())))

    def reset(self) -> None:
        """What was tried has worked for a while."""
        self.failures = 0


def renewed_after(lifetime: Nanos, jitter: float) -> Nanos:
    """When to replace a connection that may live so long: a twelfth to a twenty-fourth of it before its end (one to two
    hours of a day), so that those dialled together do not move together, and a failure has time to be tried again.
    """
    return lifetime - int(lifetime // 24 * (1 + jitter))


def retry_after(text: str, at: Nanos) -> Nanos:
    """When the venue allows the next attempt, from a `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3).

    0 where the text says neither. A fraction of a second, which the RFC does not know but venues send, rounds up.
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,15}(\.\d{1,15})?", text, re.ASCII):
        return at + min(math.ceil(float(text)) * SECOND, _LONGEST_BAN)
    try:
        when = parsedate_to_datetime(text)
        until = int(when.replace(tzinfo=when.tzinfo or UTC).timestamp()) * SECOND
    except (ValueError, OverflowError, OSError):
        return 0
    return min(max(at, until), at + _LONGEST_BAN)
