"""One simulated venue behind one port of the loopback: HTTP and websockets.

Enters: requests, upgrades and texts of clients, stamped here. Leaves: what the house says, each client at its own pace.
Never: a path prefix, a compressed frame, a client that another one waits for.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NoReturn

import structlog
from aiohttp import WSMsgType, web

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.outbox import Delays, Outbox
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.house import House

LONGEST_TEXT = 1 << 20
"""Bytes that a client may send in one message."""
GOODBYE = 0.4
"""Seconds that a client has to answer a close."""

_log = structlog.get_logger()


class OriginServer:
    """A house and its clients' websockets. `delays` is shared by all origins of one sandbox."""

    def __init__(self, house: House, delays: Delays, stamp: Callable[[], Nanos]) -> None:
        self.house = house
        self._delays, self._stamp = delays, stamp
        self._outboxes: dict[int, Outbox] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._in_force = house.in_force

    def step(self, at: Nanos) -> None:
        """What is due goes to the clients' outboxes."""
        due = self.house.step(at)
        if self.house.in_force is not self._in_force:
            self._in_force = self.house.in_force
            _log.info("sandbox.faults", venue=self.house.venue, kinds=[fault.kind for fault in self._in_force])
        for delivery in due:
            outbox = self._outboxes.get(delivery.conn)
            if outbox is not None and not outbox.put(delivery):
                self.house.closed(delivery.conn, at)
                _log.warning("sandbox.overflow", venue=self.house.venue, connection=delivery.conn, kept=outbox.kept)

    async def goodbye(self) -> None:
        """Close every websocket: going away. Break those whose client does not answer."""
        closing = (ws.close(code=1001, message=b"the sandbox ends") for ws in tuple(self._sockets))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * GOODBYE):
                await asyncio.gather(*closing, return_exceptions=True)
        for outbox in tuple(self._outboxes.values()):
            outbox.abort()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every request of the origin."""
        ws = web.WebSocketResponse(
            timeout=GOODBYE, autoping=False, autoclose=False, compress=False, max_msg_size=LONGEST_TEXT
        )
        if ws.can_prepare(request):
            return await self._upgraded(request, ws)
        asked = HttpRequest(request.method, request.raw_path, dict(request.headers), await request.read() or None)
        at = self._stamp()
        reply = self.house.answer(asked, at)
        if reply is None:
            return await _silence()
        if reply.after:  # each request is a task of its own: nobody else waits
            await asyncio.sleep(reply.after / SECOND)
        answer = _as_web(reply.response)
        await answer.prepare(request)
        await answer.write_eof()
        self._delays.add(self._stamp() - at - reply.after)
        return answer

    async def _upgraded(self, request: web.BaseRequest, ws: web.WebSocketResponse) -> web.StreamResponse:
        conn = self.house.dial(request.raw_path, self._stamp())
        transport = request.transport
        if conn is None or transport is None:
            return await _silence()
        if isinstance(conn, HttpResponse):
            return _as_web(conn)
        outbox = self._outboxes[conn] = Outbox(ws, transport, self._delays, self._stamp)
        try:
            await ws.prepare(request)
            self._sockets.add(ws)
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(outbox.run())
                await self._listen(conn, ws, outbox)
                if not outbox.ending:
                    sending.cancel()
        except ConnectionResetError:  # gone before the upgrade was answered
            pass
        finally:
            self._sockets.discard(ws)
            self._outboxes.pop(conn, None)
            self.house.closed(conn, self._stamp())
        return ws

    async def _listen(self, conn: int, ws: web.WebSocketResponse, outbox: Outbox) -> None:
        """Until the connection ends; answers the client's close if the house does."""
        while True:
            message = await ws.receive()
            at = self._stamp()
            if message.type is WSMsgType.TEXT:
                self.house.receive(conn, message.data, at)
            elif message.type is WSMsgType.PING:
                pong = self.house.pinged(conn, bytes(message.data), at)
                if pong is not None:
                    outbox.put(pong)
            elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                if not self.house.closed(conn, at):
                    await _silence()
                with contextlib.suppress(ConnectionResetError):
                    await ws.close()
                return


async def _silence() -> NoReturn:
    """Nothing, until the client leaves or the sandbox ends: either cancels."""
    while True:
        await asyncio.get_running_loop().create_future()


def _as_web(answer: HttpResponse) -> web.Response:
    """A venue may spell a header in its own case: each goes out once all the same."""
    named = {name.lower() for name in answer.headers}
    given = {} if "content-type" in named else {"Content-Type": "application/json"}
    return web.Response(status=answer.status, body=answer.body, headers=given | dict(answer.headers))
