"""Real sockets for a run: websockets or plugins' sources for feeds, aiohttp for requests, on one event loop.

Enters: the feeds' tasks. Leaves: arrivals, turn by turn, to the intake. Never: a decision, a frame that is dropped (a
reader that is ahead of the run waits, and the venue with it), or a task that outlives the run.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from ssl import SSLContext, create_default_context

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from cryptopipe.act.execution import Instruction
from cryptopipe.capture.inputs import PRIVATE, Direction
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.doors import Headers, Straight, kept, text
from cryptopipe.drivers.ear import Ear
from cryptopipe.drivers.fetching import AGENT, LARGEST, Fetched, fetch, session
from cryptopipe.drivers.intake import Arrival, Intake, Tasks
from cryptopipe.drivers.private import PrivateLine
from cryptopipe.drivers.signatory import Signatory, Signed
from cryptopipe.drivers.sources import SCHEME, Source, Springs, end
from cryptopipe.market.feeds import Ask, Feeds, Task
from cryptopipe.market.silence import SHORTEST_LIMIT
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.events import Close, Dial, Ping, Send
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import HttpRequest

LARGEST_FRAME = LARGEST
TURN = 1024
"""Most arrivals in one turn: of a backlog, the evaluation of the changed instruments is then a small part (24.7 us a
frame with 256, 18.9 with 1,024: docs/benchmarks.md). Without a backlog a turn is what one round of reading brought."""
_AHEAD = 4 * TURN
"""Arrivals that may wait for a turn; then sockets are read no further, and their own buffers fill."""
_RECV = Direction.RECV  # before Python 3.12 an Enum's attribute costs as much as a call
_NO_SOURCES: Mapping[VenueId, Source] = {}


class Live:
    """Carries out the tasks of one run, and gives what comes of them to its intake."""

    def __init__(
        self,
        feeds: Feeds,
        intake: Intake,
        turn_ended: Callable[[], None],
        stamp: Stamper,
        tls: SSLContext | None = None,
        ready: deque[Arrival] | None = None,
        sources: Mapping[VenueId, Source] = _NO_SOURCES,
        signatory: Signatory | None = None,
    ) -> None:
        """`ready` is where arrivals wait for their turn; somebody who measures gives one that looks at the clock.
        `sources` are those of the venues whose plugins bring their frames themselves; `signatory` has the keys.
        """
        self._feeds, self._intake, self._turn_ended, self._stamp, self._tls = feeds, intake, turn_ended, stamp, tls
        self._ready: deque[Arrival] = deque() if ready is None else ready
        self._signatory = signatory or Signatory()
        self._wake = asyncio.Event()
        self._full = False
        self._sockets: dict[str, Ear] = {}
        self._springs = Springs(sources, self._heard, LARGEST_FRAME)
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, ended: Callable[[Nanos], str]) -> str:
        """Turns until `ended`, asked with the time, says why the run is over."""
        try:
            async with (
                session(ANSWER_WITHIN) as self._http,
                asyncio.TaskGroup() as self._group,
            ):
                for venue, stream in self._signatory.private.items():
                    self._begin(self._private_line(venue, stream).follow())
                why = await self._turns(ended)
                for task in self._tasks:
                    end(task)
        except BaseExceptionGroup as group:  # what broke first, as if there were no group
            raise group.exceptions[0] from None
        return why

    async def _turns(self, ended: Callable[[Nanos], str]) -> str:
        while not (why := ended(now := self._stamp())):
            if not self._ready and self._next_due() > now:
                await self._something(self._next_due() - now)
            self._one_turn()
            for instruction in self._signatory.take():
                self._begin(self._act(instruction))
            for venue, words in self._signatory.sends():
                if f"{venue}{PRIVATE}" in self._sockets:
                    self._begin(self._send(self._sockets[f"{venue}{PRIVATE}"], words))
            await asyncio.sleep(0)
        return why

    def _private_line(self, venue: VenueId, stream: Signed) -> PrivateLine:
        return PrivateLine(
            venue, stream, self._signatory, self._stamp, self._fetch, self._heard, self._intake.life, self._sockets,
            self._secure,
        )  # fmt: skip

    def _next_due(self) -> Nanos:
        return min(self._feeds.next_due(), self._signatory.next_due())

    async def _something(self, longest: Nanos) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(longest, SECOND) / SECOND):
                await self._wake.wait()

    def _one_turn(self) -> None:
        overdue = self._stamp() - self._next_due()
        due = overdue >= 0
        if not (self._ready or due):
            return
        intake, ready = self._intake, self._ready
        intake.begin_turn()
        if overdue > SHORTEST_LIMIT:  # the machine slept: what waits is as old, and must not pass for a sign of life
            self._carry_out(intake.tick())
        for _ in range(min(len(ready), TURN)):
            tasks = intake.receive(ready.popleft())
            if tasks:
                self._carry_out(tasks)
        if due:
            self._carry_out(intake.tick())
        self._turn_ended()
        if self._full and len(ready) < _AHEAD:
            self._full = False
            for socket in self._sockets.values():
                socket.resume()
            self._springs.resume()

    def _carry_out(self, tasks: Tasks) -> None:
        for venue, task in tasks:
            self._do(venue, task)

    def _do(self, venue: VenueId, task: Task) -> None:
        match task:
            case Dial() if task.url.startswith(SCHEME):
                life = self._intake.life(task.conn)
                self._readers[task.conn] = self._begin(self._springs.follow(venue, task, life))
            case Dial():
                self._readers[task.conn] = self._begin(self._read(venue, task, self._intake.life(task.conn)))
            case Close():
                self._drop(task.conn)
            case Send():
                if task.conn in self._sockets:
                    self._begin(self._send(self._sockets[task.conn], task.text))
            case Ping():
                if task.conn in self._sockets:
                    self._begin(self._ping(self._sockets[task.conn]))
            case Ask():
                self._begin(self._ask(venue, task, self._intake.life(task.conn)))

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _drop(self, conn: str) -> None:
        self._sockets.pop(conn, None)
        reader = self._readers.pop(conn, None)
        if reader is not None:
            end(reader)

    def _heard(self, arrival: Arrival) -> bool:
        """Whether there is room for more."""
        self._ready.append(arrival)
        self._wake.set()
        self._full = len(self._ready) >= _AHEAD
        return not self._full

    async def _read(self, venue: VenueId, dial: Dial, life: int) -> None:
        """One connection, from the dial to its end."""
        conn, status = dial.conn, 0
        headers: Headers = ()
        try:
            async with Straight(
                dial.url,
                compression=None,
                max_size=LARGEST_FRAME,
                create_connection=Ear,
                ping_interval=None,
                open_timeout=None,
                close_timeout=1,
                user_agent_header=AGENT,
                ssl=self._secure() if dial.url.startswith("wss:") else None,
                proxy=None,
            ) as socket:
                if life != self._intake.life(conn):
                    return
                assert isinstance(socket, Ear), f"connect was asked for an Ear: {type(socket)}"
                self._sockets[conn] = socket
                self._heard(Arrival(Direction.OPEN, venue, conn, life, url=dial.url))
                socket.listen(lambda payload: self._heard(Arrival(_RECV, venue, conn, life, payload)))
                await socket.recv()  # raises at its end; every message goes to the line above
        except ConnectionClosed as closed:
            why = str(closed)
        except InvalidStatus as refused:
            status, headers = refused.response.status_code, kept(refused.response.headers.raw_items())
            why = f"the upgrade was refused: HTTP {status}"
        except (OSError, WebSocketException, TimeoutError, EOFError, ValueError) as failed:
            why = f"cannot connect: {failed or type(failed).__name__}"
        finally:
            if life == self._intake.life(conn):
                self._sockets.pop(conn, None)
        self._heard(Arrival(Direction.CLOSE, venue, conn, life, text(why), dial.url, status, headers))

    def _secure(self) -> SSLContext:
        """Made once, where a URL needs it: reading the authorities takes tens of milliseconds."""
        self._tls = self._tls or create_default_context()
        return self._tls

    async def _send(self, socket: Ear, text: str) -> None:
        with suppress(ConnectionClosed):  # the reader tells
            await socket.send(text)

    async def _ping(self, socket: Ear) -> None:
        with suppress(ConnectionClosed):
            await socket.ping()

    async def _ask(self, venue: VenueId, ask: Ask, life: int) -> None:
        got = await self._fetch(ask.request)
        url = ask.request.url
        self._heard(Arrival(Direction.HTTP, venue, ask.conn, life, got.payload, url, got.status, got.headers, ask.tag))

    async def _act(self, instruction: Instruction) -> None:
        self._heard(await self._signatory.carry_out(instruction, self._stamp, self._fetch))

    async def _fetch(self, request: HttpRequest) -> Fetched:
        return await fetch(self._http, request, self._secure)
