"""A run and its simulated venues on one heap of deliveries with a virtual clock.

Enters: a world, its houses, the feeds of a run, its instructions to venues. Leaves: turns of inputs, as the live driver
would make them. Never: a socket, a task, a clock, or two runs of one seed that differ.
"""

from collections import deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from cryptopipe.act.execution import Instruction
from cryptopipe.capture.inputs import PRIVATE, Direction, Input
from cryptopipe.clock import MILLISECOND, Nanos, Stamper
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival, Intake, Tasks
from cryptopipe.drivers.live import LARGEST_FRAME, TURN
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.drivers.simulated_private import PrivateLines
from cryptopipe.market.feeds import NO_ANSWER, Ask, Feeds, Task
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.events import Close, Dial, Ping, Send
from cryptopipe.model.facts import VenueId
from cryptopipe.model.simulated import HangUp
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.house import Delivery, House, Reset

STEP = 10 * MILLISECOND
LATENCY = 5 * MILLISECOND


class Advances(Protocol):
    """What moves the houses' books: a `World`."""

    def advance(self, until: Nanos) -> None: ...


class Simulation:
    """`take` gets every input, `turn_ended` the stamp of each turn's last one. `latency` is the way from a venue to the
    run, and back, always the same; the world moves in steps of `step`. `signatory` has the keys, where orders go to the
    venues.
    """

    def __init__(
        self,
        world: Advances,
        houses: Mapping[VenueId, House],
        feeds: Feeds,
        take: Callable[[Input], None],
        turn_ended: Callable[[Nanos], None],
        start_at: Nanos,
        latency: Nanos = LATENCY,
        step: Nanos = STEP,
        signatory: Signatory | None = None,
    ) -> None:
        self.now = start_at
        self._signatory = signatory or Signatory()
        self._instructed: dict[VenueId, deque[Instruction]] = {venue: deque() for venue in houses}
        """By venue what it is to be asked, the first of which is on its way."""
        self._world, self._houses, self._feeds, self._turn_ended = world, houses, feeds, turn_ended
        self._latency, self._step_ns = latency, step
        self.intake = Intake(feeds, take, Stamper(lambda: self.now))
        self._heap: list[tuple[Nanos, int, Callable[[], object] | Arrival]] = []
        self._order = 0
        self._seated: dict[str, int] = {}
        """The house's number of each open connection."""
        self._names: dict[tuple[VenueId, int], tuple[str, int]] = {}
        self.at(start_at, self._step)
        self._private = PrivateLines(self, self._signatory)
        self.at(start_at, self._private.begin)

    def run(self, until: Nanos) -> None:
        """Everything up to `until`."""
        while True:
            due = min(self._heap[0][0], max(self.now, self._next_due()))
            if due > until:
                break
            self.now = max(self.now, due)
            self._moment()
        self.now = until

    def _moment(self) -> None:
        """What is due now: the venues' side first, then one turn of all that arrives."""
        ready: list[Arrival] = []
        heap = self._heap
        while heap and heap[0][0] <= self.now and len(ready) < TURN:
            what = heappop(heap)[2]
            if isinstance(what, Arrival):
                ready.append(what)
            else:
                what()
        ticks = self._next_due() <= self.now
        if not (ready or ticks):
            return
        self.intake.begin_turn()
        for arrival in ready:
            self._carry_out(self.intake.receive(arrival))
            if arrival.direction is Direction.CLOSE and arrival.conn.endswith(PRIVATE):
                self._private.ended(arrival.venue)
        if ticks:
            self._carry_out(self.intake.tick())
        self._turn_ended(self.intake.at)
        self._private.written()
        for instruction in self._signatory.take():
            self._admit(instruction)

    def _next_due(self) -> Nanos:
        return min(self._feeds.next_due(), self._signatory.next_due())

    def at(self, at: Nanos, what: Callable[[], object] | Arrival) -> None:
        """Do it, or hand it over, at that time."""
        self._order += 1
        heappush(self._heap, (at, self._order, what))

    def soon(self, what: Callable[[], object] | Arrival) -> None:
        """When it has gone the way to a venue, or from there."""
        self.at(self.now + self._latency, what)

    def _step(self) -> None:
        self._world.advance(self.now)
        for venue, house in self._houses.items():
            for delivery in house.step(self.now):
                self._deliver(venue, delivery)
        self.at(self.now + self._step_ns, self._step)

    def _deliver(self, venue: VenueId, delivery: Delivery) -> None:
        name = self._names.get((venue, delivery.conn))
        if name is None:
            return
        conn, life = name
        match delivery.what:
            case str() as text if len(text) > LARGEST_FRAME:
                self._houses[venue].closed(delivery.conn, self.now)
                self._ended(venue, delivery.conn, f"sent 1009 (message too big) over {LARGEST_FRAME} bytes")
            case str() as text:
                self.soon(Arrival(Direction.RECV, venue, conn, life, text.encode()))
            case HangUp(code=code, reason=reason):
                self._ended(venue, delivery.conn, f"received {code} {reason}".rstrip())
            case Reset():
                self._ended(venue, delivery.conn, "no close frame received or sent")
            case _:
                pass  # a ping is answered, and a pong received, below what a run sees

    def _ended(self, venue: VenueId, number: int, reason: str) -> None:
        conn, life = self._names.pop((venue, number))
        self.soon(Arrival(Direction.CLOSE, venue, conn, life, reason.encode()))

    def _carry_out(self, tasks: Tasks) -> None:
        for venue, task in tasks:
            self._do(venue, task, self.intake.life(task.conn))

    def _do(self, venue: VenueId, task: Task, life: int) -> None:
        house = self._houses[venue]
        match task:
            case Dial():
                self.soon(lambda: self._dial(venue, house, task, life))
            case Close():
                number = self._seated.pop(task.conn, None)
                if number is not None:
                    self._names.pop((venue, number), None)
                    self.soon(lambda: house.closed(number, self.now))
            case Send():
                self.soon(lambda: self._say(house, task.conn, life, task.text))
            case Ping():
                self.soon(lambda: self._ping(house, task.conn, life))
            case Ask():
                self.soon(lambda: self._ask(venue, task, life))

    def _dial(self, venue: VenueId, house: House, dial: Dial, life: int) -> None:
        if life != self.intake.life(dial.conn):  # given up on its way
            opened = house.dial(_path(dial.url), self.now)
            if isinstance(opened, int):
                house.closed(opened, self.now)
            return
        opened = self.seat(venue, dial.url, dial.conn, dial.url)
        if isinstance(opened, HttpResponse):
            why = f"the upgrade was refused: HTTP {opened.status}".encode()
            headers = tuple(opened.headers.items())
            self.soon(Arrival(Direction.CLOSE, venue, dial.conn, life, why, dial.url, opened.status, headers))

    def seat(self, venue: VenueId, url: str, conn: str, shown: str) -> int | HttpResponse | None:
        """Dials now: a connection that the run knows as `conn` to `shown`, or what `House.dial` gave instead."""
        opened = self._houses[venue].dial(_path(url), self.now)
        if isinstance(opened, int):
            life = self.intake.life(conn)
            self._seated[conn] = opened
            self._names[venue, opened] = (conn, life)
            self.soon(Arrival(Direction.OPEN, venue, conn, life, url=shown))
        return opened

    def say(self, venue: VenueId, number: int, text: str | None) -> bool:
        """A text, or a ping, on a connection; False where it is no more."""
        if (venue, number) not in self._names:
            return False
        if text is None:
            self._houses[venue].pinged(number, b"", self.now)
        else:
            self._houses[venue].receive(number, text, self.now)
        return True

    def _say(self, house: House, conn: str, life: int, text: str) -> None:
        number = self._seated.get(conn)
        if number is not None and life == self.intake.life(conn):
            house.receive(number, text, self.now)

    def _ping(self, house: House, conn: str, life: int) -> None:
        number = self._seated.get(conn)
        if number is not None and life == self.intake.life(conn):
            house.pinged(number, b"", self.now)

    def _ask(self, venue: VenueId, ask: Ask, life: int) -> None:
        due, got = self.fetch(venue, ask.request)
        url = ask.request.url
        arrival = Arrival(Direction.HTTP, venue, ask.conn, life, got.payload, url, got.status, got.headers, ask.tag)
        self.at(due, arrival)

    def _admit(self, one: Instruction) -> None:
        """Where the venue takes requests in order, it stands in line behind those that were asked before."""
        if not self._signatory.in_order(one.venue):
            self._act(one)
            return
        waiting = self._instructed[one.venue]
        waiting.append(one)
        if len(waiting) == 1:
            self._act(one)

    def _act(self, one: Instruction) -> None:
        """Sign it now; the next one of the venue follows its answer."""
        request = self._signatory.signed(one, self.now)
        if isinstance(request, Arrival):
            self._acted(one, self.now, request)
        else:
            self.soon(lambda: self._asked(one, request))

    def _asked(self, one: Instruction, request: HttpRequest) -> None:
        due, got = self.fetch(one.venue, request)
        self._acted(one, due, self._signatory.heard(one, request, got))

    def _acted(self, one: Instruction, due: Nanos, arrival: Arrival) -> None:
        self.at(due, arrival)
        if self._signatory.in_order(one.venue):
            self.at(due, lambda: self._proceed(one.venue))

    def _proceed(self, venue: VenueId) -> None:
        waiting = self._instructed[venue]
        waiting.popleft()
        if waiting:
            self._act(waiting[0])

    def fetch(self, venue: VenueId, request: HttpRequest) -> tuple[Nanos, Fetched]:
        """What the venue answers now, and when that arrives; what comes too late is not waited for."""
        reply = self._houses[venue].answer(msgspec.structs.replace(request, url=_path(request.url)), self.now)
        if reply is None or reply.after + self._latency > ANSWER_WITHIN:
            return self.now + ANSWER_WITHIN, Fetched(NO_ANSWER, b"no answer")
        answer = reply.response
        headers = tuple(answer.headers.items())
        return self.now + reply.after + self._latency, Fetched(answer.status, answer.body, headers)


def _path(url: str) -> str:
    """Path and query, as a server sees them."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))
