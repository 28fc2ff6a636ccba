"""What one client of the sandbox is still to be sent, and how long sending took.

Enters: deliveries, in order. Leaves: the same on the client's websocket. Never: a client that waits for another one;
more than `BOUND` characters kept for one that does not read: its connection is broken.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable

from aiohttp import web

from cryptopipe.clock import Nanos
from cryptopipe.market.silence import Gaps
from cryptopipe.model.simulated import Beat, HangUp
from cryptopipe.sandbox.house import Delivery, Pong, Reset

BOUND = 64 << 20
"""Characters: three of the largest frames that a fault sends."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Delays:
    """From when a frame could have been delivered to when the socket had it."""

    def __init__(self) -> None:
        self._gaps = Gaps()
        self.longest: Nanos = 0

    @property
    def count(self) -> int:
        """Frames handed over."""
        return self._gaps.count

    def add(self, delay: Nanos) -> None:
        """One more; a clock that was set back makes none below zero."""
        delay = max(0, delay)
        self._gaps.add(delay)
        self.longest = max(self.longest, delay)

    def beyond(self, one_in: int) -> Nanos:
        """At most one frame in so many took longer: 2 for the median, 100 for p99. 0 if there were none."""
        return min(self._gaps.tail(one_in), self.longest)


class Outbox:
    """One websocket's deliveries. `run` sends them; `put` never waits."""

    def __init__(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport, delays: Delays, wall: Callable[[], Nanos]
    ) -> None:
        self._ws, self._transport, self._delays, self._wall = ws, transport, delays, wall
        self._waiting: deque[Delivery] = deque()
        self._some = asyncio.Event()
        self.kept = 0
        """Characters that wait."""
        self.ending = False
        """The last delivery is a close."""

    def put(self, delivery: Delivery) -> bool:
        """Whether there was room; if not, the connection is broken."""
        if isinstance(delivery.what, Reset):
            self.abort()
            return True
        if isinstance(delivery.what, str):
            self.kept += len(delivery.what)
            if self.kept > BOUND:
                self.abort()
                return False
        self.ending = self.ending or isinstance(delivery.what, HangUp)
        self._waiting.append(delivery)
        self._some.set()
        return True

    async def run(self) -> None:
        """Sends until a close was sent or the connection is gone."""
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    if not await self._send(self._waiting.popleft()):
                        return
        except OSError:  # the client is gone
            self._waiting.clear()

    async def _send(self, delivery: Delivery) -> bool:
        what = delivery.what
        if isinstance(what, str):
            self.kept -= len(what)
            await self._ws.send_str(what)
            self._delays.add(self._wall() - delivery.since)
        elif isinstance(what, Beat):
            await self._ws.ping()
        elif isinstance(what, Pong):
            await self._ws.pong(what.payload)
        elif isinstance(what, HangUp):
            await self._ws.close(code=what.code, message=what.reason.encode())
            return False
        return True

    def abort(self) -> None:
        """Break the connection: the client sees a reset, what waits is lost."""
        self._waiting.clear()
        found = self._transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


def delay_line(delays: Delays) -> dict[str, object]:
    """Frames, and the delay's p50, p99 and maximum in milliseconds."""
    quantiles = {"p50_ms": delays.beyond(2), "p99_ms": delays.beyond(100), "max_ms": delays.longest}
    return {"frames": delays.count, **{name: f"{nanos / 1e6:.3f}" for name, nanos in quantiles.items()}}
