"""Servers that answer anything but what they were asked for: each costs its own attempt, and nobody's run."""

import asyncio
import gzip
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import websockets
from integration.test_live import COIN, PLUGIN, VENUE
from websockets.asyncio.server import ServerConnection
from websockets.utils import accept_key

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.drivers.live import LARGEST_FRAME, TURN, Live
from cryptopipe.market.feeds import NO_ANSWER, Ask, Feeds, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.events import Close, Send
from cryptopipe.model.stream import HttpRequest

DAMAGED = b"HTTP/1.1 %s\r\n%s: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
BOMB = gzip.compress(bytes(2 * LARGEST_FRAME))


class Hostile:
    """Says one thing to everybody. `asked` counts its requests."""

    def __init__(self, reply: bytes, then: bytes = b"") -> None:
        self._reply, self._then, self.asked = reply, then, 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._reply)
            while self._then:  # without an end
                writer.write(self._then)
                await writer.drain()
        writer.close()

    def heard(self, directory: Path, direction: Direction, begin: Callable[[Live, int], None] | None = None) -> Input:
        """The first input of this direction that a run makes of it, and that its capture held."""
        inputs: list[Input] = []

        async def steps() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            stamp, market = Stamper(), Market({VENUE: PLUGIN})
            wanted = {} if begin else {VENUE: subscriptions_of([COIN])}
            there = f"ws://127.0.0.1:{self.port}/"
            feeds = Feeds(market, {VENUE: PLUGIN}, wanted, lambda: 1.0, stamp(), lambda venue, url: there)
            with Writer(directory / "capture") as capture:

                def take(entry: Input) -> None:
                    inputs.append(entry)
                    capture.append(entry)
                    market.receive(entry)

                live = Live(feeds, Intake(feeds, take, stamp), lambda: None, stamp)
                began_at, waits = stamp(), [begin] if begin else []

                def over(now: Nanos) -> str:
                    while waits:
                        waits.pop()(live, self.port)
                    assert now - began_at < 8 * SECOND, "nothing was told"
                    return "told" if any(entry.direction is direction for entry in inputs) else ""

                assert await live.run(over) == "told"
            server.close()

        asyncio.run(steps())
        return next(entry for entry in inputs if entry.direction is direction)


def ask(live: Live, port: int) -> None:
    request = HttpRequest("GET", f"http://127.0.0.1:{port}/v2/book?s=btcusdt")
    live._do(VENUE, Ask(request, "btcusdt"))


@pytest.mark.parametrize(
    "location",
    [
        b"https://status.bitfoo.example/maintenance",
        b"ws://127.0.0.1:99999/",
        b"ws://[::/",
        b"ws://" + b"a" * 70 + b".example/",
        b"/again",
        b"/one\r\nLocation: /another",
    ],
)
@pytest.mark.parametrize("direction", [Direction.CLOSE, Direction.HTTP])
def test_a_redirect_is_a_refusal_and_is_not_followed(direction: Direction, location: bytes, tmp_path: Path) -> None:
    server = Hostile(REDIRECT % location)
    told = server.heard(tmp_path, direction, ask if direction is Direction.HTTP else None)
    assert (told.status, server.asked) == (302, 1)


@pytest.mark.parametrize("header", [b"Retry-After", b"Date"])
def test_a_header_that_is_no_text_does_not_end_a_run_and_its_capture(header: bytes, tmp_path: Path) -> None:
    told = Hostile(DAMAGED % (b"429 Too Many", header)).heard(tmp_path, Direction.HTTP, ask)
    assert (told.status, told.headers) == (429, ((header.decode().lower(), "??"),))


@pytest.mark.parametrize(
    "reply",
    [DAMAGED % (b"101 Switching", b"Upgrade"), b"SSH-2.0-\xff\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
)
def test_an_upgrade_that_is_none_is_a_closing(reply: bytes, tmp_path: Path) -> None:
    told = Hostile(reply).heard(tmp_path, Direction.CLOSE)
    assert told.status == 0 and told.payload.startswith(b"cannot connect: ")


@pytest.mark.parametrize(
    ("reply", "then"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 20)),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(BOMB), BOMB), b""),
    ],
    ids=["endless", "32 MiB packed into 32 kB"],
)
def test_an_answer_without_end_is_no_answer(reply: bytes, then: bytes, tmp_path: Path) -> None:
    told = Hostile(reply, then).heard(tmp_path, Direction.HTTP, ask)
    assert told.status == NO_ANSWER
    assert told.payload == b"no answer: an answer of more than %d bytes" % LARGEST_FRAME


def test_what_waited_while_the_machine_slept_is_no_sign_of_life() -> None:
    now = 1_800_000_000 * SECOND
    stamp, market, ready = Stamper(lambda: now), Market({VENUE: PLUGIN}), deque[Arrival]()
    feeds = Feeds(market, {VENUE: PLUGIN}, {VENUE: subscriptions_of([COIN])}, lambda: 1.0, stamp())
    intake = Intake(feeds, market.receive, stamp)
    live = Live(feeds, intake, lambda: None, stamp, ready=ready)
    intake.tick()
    levels = b'"bids":[["9","1"]],"asks":[["10","1"]]'
    ready.append(Arrival(Direction.OPEN, VENUE, "bitfoo#1", 0))
    ready.append(
        Arrival(Direction.RECV, VENUE, "bitfoo#1", 0, b'{"type":"snapshot","symbol":"btcusdt","seq":5,%s}' % levels)
    )
    live._one_turn()
    book = market.books[VENUE]["btcusdt"]
    assert book.state is BookState.LIVE
    now += 3600 * SECOND
    ready.append(
        Arrival(Direction.RECV, VENUE, "bitfoo#1", 0, b'{"type":"delta","symbol":"btcusdt","seq":6,%s}' % levels)
    )
    live._one_turn()
    assert book.state is BookState.DEAD and book.reason.startswith("silence of btcusdt on bitfoo#1 for 3599.999")
    assert intake.life("bitfoo#1") == 1 and market.counts[VENUE].frames == 1


class Deaf:
    """Accepts connections, notes the texts that come, never says or answers anything: no close either."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in request.splitlines() if line.lower().startswith("sec-websocket-key"))
        accept = accept_key(key).encode()
        writer.write(
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        self._open.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(6)  # two bytes, and the mask of a short frame
                masked = await reader.readexactly(head[1] & 127)
                if head[0] & 15 == 1:
                    self.heard.append(bytes(byte ^ head[2 + at % 4] for at, byte in enumerate(masked)))

    def hang_up(self) -> None:
        for writer in self._open:
            writer.close()


@pytest.mark.slow
def test_a_venue_that_does_not_answer_a_close_holds_up_neither_the_next_connection_nor_the_end() -> None:
    deaf, opened = Deaf(), list[Input]()
    began = ended = 0

    async def steps() -> None:
        nonlocal began, ended
        server = await asyncio.start_server(deaf.serve, "127.0.0.1", 0)
        there = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        stamp, market = Stamper(), Market({VENUE: PLUGIN})
        wanted = {VENUE: subscriptions_of([COIN])}
        feeds = Feeds(market, {VENUE: PLUGIN}, wanted, lambda: 0.0, stamp(), lambda venue, url: there)

        def take(entry: Input) -> None:
            opened.extend([entry] if entry.direction is Direction.OPEN else [])

        intake = Intake(feeds, take, stamp)
        live = Live(feeds, intake, lambda: None, stamp)
        begun_at, said = stamp(), list[str]()

        def over(now: Nanos) -> str:
            nonlocal began
            assert now - begun_at < 8 * SECOND, f"{len(opened)} openings, {deaf.heard}"
            if len(opened) == 1 and not said:
                said.append("closed")
                list(intake.closed(VENUE, "bitfoo#1", "tired of it"))
                live._do(VENUE, Close("tired of it", "bitfoo#1"))
            if len(opened) == 2 and now - opened[-1].at > 6 * SECOND // 5 and len(said) == 1:
                said.append("asked")
                live._do(VENUE, Send("still there?", "bitfoo#1"))
            began = now
            return "told" if b"still there?" in deaf.heard else ""

        assert await live.run(over) == "told"
        ended = stamp()
        deaf.hang_up()
        server.close()

    asyncio.run(steps())
    assert ended - began < 3 * SECOND


def test_a_venue_that_is_faster_than_the_run_waits_and_loses_nothing() -> None:
    many, numbers = 20_000, list[int]()

    async def says(socket: ServerConnection) -> None:
        for number in range(many):
            await socket.send(b'{"type":"trade","symbol":"x","seq":%d}' % number)
        await socket.wait_closed()

    async def steps() -> None:
        async with websockets.serve(says, "127.0.0.1", 0, compression=None) as server:
            there = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            stamp, market, ready = Stamper(), Market({VENUE: PLUGIN}), deque[Arrival]()
            wanted = {VENUE: subscriptions_of([COIN])}
            feeds = Feeds(market, {VENUE: PLUGIN}, wanted, lambda: 0.0, stamp(), lambda venue, url: there)

            def take(entry: Input) -> None:
                if entry.direction is Direction.RECV:
                    numbers.append(int(entry.payload[:-1].rsplit(b":", 1)[1]))
                market.receive(entry)

            live = Live(feeds, Intake(feeds, take, stamp), lambda: longest.append(len(ready)), stamp, ready=ready)
            began_at = stamp()

            def over(now: Nanos) -> str:
                assert now - began_at < 8 * SECOND, f"{len(numbers)} of {many}"
                return "all" if len(numbers) == many else ""

            assert await live.run(over) == "all"

    longest: list[int] = []
    asyncio.run(steps())
    assert numbers == list(range(many))
    assert TURN < max(longest) < 16 * TURN, "the venue was ahead, and waited"
