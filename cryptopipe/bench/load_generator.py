"""The other end of `bench load`: a process that records simulated venues, then sends what they said at a given pace.

Enters: an `Order`, one JSON line on stdin. Leaves: one line when it listens, one when all was sent, and the frames on
loopback. Never: a frame before its time; a process that outlives its stdin.
"""

import asyncio
import os
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cryptopipe import registry
from cryptopipe.bench.load_frames import Recording, Schedule, Tape, Wire
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.serve import HOST
from cryptopipe.model.facts import VenueId

PACE = MILLISECOND
"""Frames that are due are handed over so often."""
_HEAD_START = SECOND // 20


class Order(msgspec.Struct, frozen=True):
    """What to do. `lose` is the number of a frame that is never sent; `order` is a file for each frame's connection."""

    venues: list[VenueId]
    assets: list[str]
    seed: int
    schedule: Schedule
    order: str
    cpu: int | None = None
    lose: int | None = None


class Listening(msgspec.Struct, frozen=True):
    """Told when clients may connect: ports by venue; of each connection its frames and the hash of their payloads;
    how long the frames took in simulated time.
    """

    ports: dict[VenueId, int]
    frames: list[int]
    sha256: list[str]
    lasted: Nanos


class Sent(msgspec.Struct, frozen=True):
    """Told when everything was handed to the sockets: when frame 0 was due (monotonic clock), by how much the pacing
    was late at worst and in 99 of 100 rounds, the most bytes that waited for a client that did not read.
    """

    began_at: Nanos
    latest: Nanos
    late_p99: Nanos
    most_waiting: int


class _Line:
    """One client and its tape."""

    def __init__(self, wire: Wire, tape: Tape) -> None:
        self.wire, self.tape = wire, tape
        self.socket: ServerConnection | None = None
        self._sent, self._offset = 0, 0
        self._blob = memoryview(tape.blob)

    def send(self, due: int) -> None:
        """All frames with a number below `due`."""
        numbers, sent = self.tape.numbers, self._sent
        while sent < len(numbers) and numbers[sent] < due:
            sent += 1
        if sent > self._sent:
            end = self.tape.ends[sent - 1]
            assert self.socket is not None, "nothing is sent before every client has subscribed"
            self.socket.transport.write(self._blob[self._offset : end])
            self._sent, self._offset = sent, end

    @property
    def waiting(self) -> int:
        """Bytes that the socket has not taken."""
        return 0 if self.socket is None else self.socket.transport.get_write_buffer_size()


class Generator:
    """The venues' servers, one port each."""

    def __init__(self, recording: Recording, schedule: Schedule) -> None:
        self._recording, self._schedule = recording, schedule
        self._lines = [_Line(wire, tape) for wire, tape in zip(recording.wires, recording.tapes, strict=True)]
        self._subscribed = asyncio.Event()

    async def listen(self, venue: VenueId, stack: AsyncExitStack) -> int:
        """Its port."""

        async def handle(socket: ServerConnection) -> None:
            await self._client(venue, socket)

        def answer(socket: ServerConnection, request: Request) -> Response | None:
            return None if "Upgrade" in request.headers else self._answer(venue, request.path)

        server: Server = await stack.enter_async_context(
            serve(handle, HOST, 0, process_request=answer, compression=None, ping_interval=None, close_timeout=0.2)
        )
        port: int = next(iter(server.sockets)).getsockname()[1]
        return port

    async def play(self) -> Sent:
        """Send everything, once every connection is subscribed."""
        await self._subscribed.wait()
        schedule, began_at = self._schedule, time.monotonic_ns() + _HEAD_START
        late, most, due = deque[Nanos](), 0, 0
        while due < schedule.frames:
            now = time.monotonic_ns() - began_at
            before, due = due, schedule.due_by(now)
            for line in self._lines:
                line.send(due)
            if due > before:
                late.append(now - schedule.due_at(before))
            most = max(most, sum(line.waiting for line in self._lines))
            await asyncio.sleep(PACE / SECOND)
        late_p99 = sorted(late)[len(late) * 99 // 100]
        return Sent(began_at, max(late), late_p99, most)

    async def _client(self, venue: VenueId, socket: ServerConnection) -> None:
        assert socket.request is not None
        path, texts = socket.request.path, list[str]()
        try:
            while (line := self._line(venue, path, texts)) is None:
                texts.append(str(await socket.recv()))
            line.socket = socket
            if all(one.socket for one in self._lines):
                self._subscribed.set()
            async for _ in socket:  # a venue's keep-alive in text: nothing waits for its answer
                pass
        except ConnectionClosed:
            pass

    def _line(self, venue: VenueId, path: str, texts: list[str]) -> _Line | None:
        """The connection that is asked for by these texts; None while more are expected, or it was served already."""
        for line in self._lines:
            wire = line.wire
            if line.socket is None and (wire.venue, wire.path or "/", wire.texts) == (venue, path, tuple(texts)):
                return line
        return None

    def _answer(self, venue: VenueId, path: str) -> Response:
        found = self._recording.answers.get((venue, path))
        status, body = (found.status, found.body) if found else (404, b"")
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(status, HTTPStatus(status).phrase, headers, body)


async def _run(order: Order, recording: Recording) -> None:
    generator = Generator(recording, order.schedule)
    async with AsyncExitStack() as stack:
        ports = {venue: await generator.listen(venue, stack) for venue in {one.venue for one in recording.wires}}
        tapes = recording.tapes
        _tell(Listening(ports, [len(one.ends) for one in tapes], [one.told.hexdigest() for one in tapes],
                        recording.lasted))  # fmt: skip
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin, gone.set)
        playing = asyncio.create_task(generator.play())
        playing.add_done_callback(_told)
        await gone.wait()
        playing.cancel()


def _told(playing: "asyncio.Task[Sent]") -> None:
    if not playing.cancelled():
        _tell(playing.result())


def _tell(what: Listening | Sent) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Carry out the order on stdin."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    if order.cpu is not None:
        os.sched_setaffinity(0, {order.cpu})
    recording = Recording({venue: registry.exchange(venue) for venue in order.venues}, order.assets, order.seed)
    recording.make(order.schedule.frames, order.lose)
    Path(order.order).write_bytes(recording.order)
    asyncio.run(_run(order, recording))


if __name__ == "__main__":
    main()
