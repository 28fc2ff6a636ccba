"""Binance's limit on requests: weights in windows of a minute, a refusal, then a ban.

Enters: the weight of each request and its time. Leaves: an answer that refuses it, or the headers of one that does not.
Never: a clock.

github.com/binance/binance-spot-api-docs rest-api.md "IP Limits" and errors.md -1003 (2026-07-21). How many requests
after a 429 bring the ban is not documented; its least length, two minutes, is.
"""

from collections.abc import Mapping, Sequence

import msgspec

from cryptopipe.api import HttpResponse, Nanos
from cryptopipe_binance.sandbox_wire import millis

MINUTE: Nanos = 60_000_000_000
BAN: Nanos = 2 * MINUTE
PATIENCE = 10
"""Refusals in one window that end in a ban."""

JSON = {"Content-Type": "application/json;charset=UTF-8"}


def refusal(status: int, code: int, text: str, headers: Mapping[str, str] = JSON) -> HttpResponse:
    """`{"code":-1121,"msg":"Invalid symbol."}`."""
    return HttpResponse(status, msgspec.json.encode({"code": code, "msg": text}), headers=headers)


class Weight:
    """All requests to one venue: whoever sends them, they come from one address. `told_as`: the headers that say so."""

    def __init__(self, limit: int, told_as: Sequence[str] = ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M")) -> None:
        self._told_as = tuple(told_as)
        self.limit = limit
        self._window = self._used = self._refused = 0
        self._banned_until: Nanos = 0

    def spend(self, weight: int, at: Nanos) -> HttpResponse | None:
        """None if the request is within the limit."""
        if at < self._banned_until:
            return self._banned(at)
        window = at // MINUTE
        if window != self._window:
            self._window, self._used, self._refused = window, 0, 0
        self._used += weight
        if self._used <= self.limit:
            return None
        self._refused += 1
        if self._refused > PATIENCE:
            self._banned_until = at + BAN
            return self._banned(at)
        return refusal(
            429,
            -1003,
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. Please use "
            "WebSocket Streams for live updates to avoid polling the API.",
            self.headers() | {"Retry-After": str(_seconds((window + 1) * MINUTE - at))},
        )

    def used(self, at: Nanos) -> int:
        """Of the window that `at` lies in."""
        return self._used if at // MINUTE == self._window else 0

    def headers(self) -> dict[str, str]:
        """What was used in this window, as each answer tells it."""
        return JSON | dict.fromkeys(self._told_as, str(self._used))

    def _banned(self, at: Nanos) -> HttpResponse:
        until = self._banned_until
        return refusal(
            418,
            -1003,
            f"Way too much request weight used; IP banned until {millis(until)}. Please use WebSocket Streams for live "
            "updates to avoid bans.",
            JSON | {"Retry-After": str(_seconds(until - at))},
        )


def _seconds(span: Nanos) -> int:
    """Rounded up, so that who waits that long has waited long enough."""
    return -(-span // 1_000_000_000)
