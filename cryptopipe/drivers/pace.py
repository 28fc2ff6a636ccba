"""Websocket servers that send recorded frames at a given pace, for who wants to know what a run bears.

Enters: recorded connections, a schedule, answers to requests. Leaves: the frames, on loopback, each when it is due.
Never: a frame before its time, or one before every connection is subscribed.
"""

import asyncio
import sys
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.serve import HOST
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import HttpResponse, Subscription

PACE = MILLISECOND
"""Frames that are due are handed over so often."""
_HEAD_START = SECOND // 20
Answers = Mapping[tuple[VenueId, str], HttpResponse]
"""By venue and path with query."""


class Schedule(msgspec.Struct, frozen=True):
    """When each frame is due: `steady` frames at `rate` a second, `burst` within one second, `after` at `rate` again.

    Frames are counted from 0 over all connections; times are nanoseconds since the first.
    """

    rate: int
    steady: int
    burst: int
    after: int

    @property
    def frames(self) -> int:
        """All of them."""
        return self.steady + self.burst + self.after

    @property
    def burst_from(self) -> Nanos:
        """When the burst begins."""
        return self.steady * SECOND // self.rate

    @property
    def burst_until(self) -> Nanos:
        """When its last frame is due."""
        return self.burst_from + (SECOND if self.burst else 0)

    def due_at(self, frame: int) -> Nanos:
        """Of one frame."""
        if frame < self.steady:
            return frame * SECOND // self.rate
        if frame < self.steady + self.burst:
            return self.burst_from + (frame - self.steady) * SECOND // self.burst
        return self.burst_until + (frame - self.steady - self.burst) * SECOND // self.rate

    def due_by(self, since: Nanos) -> int:
        """How many frames are due by then."""
        return bisect_left(range(self.frames), since + 1, key=self.due_at)


@dataclass(frozen=True)
class Wire:
    """One connection: whose it is, its path with query, the texts that subscribe on it, what is subscribed."""

    venue: VenueId
    path: str
    texts: tuple[str, ...]
    subscriptions: Sequence[Subscription]


@dataclass
class Tape:
    """What is sent on one connection: frames of the websocket protocol end to end, where each ends, its number among
    all. `told` hashes the payloads.
    """

    blob: bytearray = field(default_factory=bytearray)
    ends: "array[int]" = field(default_factory=lambda: array("Q"))
    numbers: "array[int]" = field(default_factory=lambda: array("Q"))

    def __post_init__(self) -> None:
        self.told = sha256()

    def add(self, number: int, text: str, lose: bool) -> None:
        """One more frame; a lost one is counted and never sent."""
        payload = text.encode()
        self.told.update(payload + b"\n")
        if not lose:
            self.blob += _head(len(payload)) + payload
        self.ends.append(len(self.blob))
        self.numbers.append(number)


def _head(length: int) -> bytes:
    """Of an unmasked text frame in one piece (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)


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

    def __init__(self, wires: Sequence[Wire], tapes: Sequence[Tape], answers: Answers, schedule: Schedule) -> None:
        self._answers, self._schedule = answers, schedule
        self._lines = [_Line(wire, tape) for wire, tape in zip(wires, tapes, strict=True)]
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
        late, most, due = list[Nanos](), 0, 0
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
        found = self._answers.get((venue, path))
        status, body = (found.status, found.body) if found else (404, b"")
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(status, HTTPStatus(status).phrase, headers, body)


def send_until_stdin_closes(
    wires: Sequence[Wire],
    tapes: Sequence[Tape],
    answers: Answers,
    schedule: Schedule,
    listening: Callable[[Mapping[VenueId, int]], object],
    sent: Callable[[Sent], object],
) -> None:
    """`listening` is called with each venue's port, `sent` when everything was sent."""

    async def run() -> None:
        generator = Generator(wires, tapes, answers, schedule)
        async with AsyncExitStack() as stack:
            listening({venue: await generator.listen(venue, stack) for venue in {one.venue for one in wires}})
            gone = asyncio.Event()
            asyncio.get_running_loop().add_reader(sys.stdin, gone.set)
            playing = asyncio.create_task(generator.play())
            playing.add_done_callback(lambda task: None if task.cancelled() else sent(task.result()))
            await gone.wait()
            playing.cancel()

    asyncio.run(run())
