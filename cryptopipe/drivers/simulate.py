"""A run and its simulated venues on one heap of deliveries with a virtual clock.

Enters: a world, its houses, the feeds of a run. Leaves: turns of inputs, as the live driver would make them. Never: a
socket, a task, a clock, or two runs of one seed that differ.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake, Tasks
from cryptopipe.drivers.live import LARGEST_FRAME, TURN
from cryptopipe.market.feeds import NO_ANSWER, Ask, Feeds, Task
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.events import Close, Dial, Ping, Send
from cryptopipe.model.facts import VenueId
from cryptopipe.model.simulated import HangUp
from cryptopipe.model.stream import HttpResponse
from cryptopipe.sandbox.house import Delivery, House, Reset

STEP = 10 * MILLISECOND
LATENCY = 5 * MILLISECOND


class Advances(Protocol):
    """What moves the houses' books: a `World`."""

    def advance(self, until: Nanos) -> None: ...


class Simulation:
    """`take` gets every input, `turn_ended` the stamp of each turn's last one. `latency` is the way from a venue to the
    run, and back, always the same; the world moves in steps of `step`.
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
    ) -> None:
        self.now = start_at
        self._world, self._houses, self._feeds, self._turn_ended = world, houses, feeds, turn_ended
        self._latency, self._step_ns = latency, step
        self.intake = Intake(feeds, take, Stamper(lambda: self.now))
        self._heap: list[tuple[Nanos, int, Callable[[], object] | Arrival]] = []
        self._order = 0
        self._seated: dict[str, int] = {}
        """The house's number of each open connection."""
        self._names: dict[tuple[VenueId, int], tuple[str, int]] = {}
        self._at(start_at, self._step)

    def run(self, until: Nanos) -> None:
        """Everything up to `until`."""
        while True:
            due = min(self._heap[0][0], max(self.now, self._feeds.next_due()))
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
        ticks = self._feeds.next_due() <= self.now
        if not (ready or ticks):
            return
        self.intake.begin_turn()
        for arrival in ready:
            self._carry_out(self.intake.receive(arrival))
        if ticks:
            self._carry_out(self.intake.tick())
        self._turn_ended(self.intake.at)

    def _at(self, at: Nanos, what: Callable[[], object] | Arrival) -> None:
        self._order += 1
        heappush(self._heap, (at, self._order, what))

    def _soon(self, what: Callable[[], object] | Arrival) -> None:
        self._at(self.now + self._latency, what)

    def _step(self) -> None:
        self._world.advance(self.now)
        for venue, house in self._houses.items():
            for delivery in house.step(self.now):
                self._deliver(venue, delivery)
        self._at(self.now + self._step_ns, self._step)

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
                self._soon(Arrival(Direction.RECV, venue, conn, life, text.encode()))
            case HangUp(code=code, reason=reason):
                self._ended(venue, delivery.conn, f"received {code} {reason}".rstrip())
            case Reset():
                self._ended(venue, delivery.conn, "no close frame received or sent")
            case _:
                pass  # a ping is answered, and a pong received, below what a run sees

    def _ended(self, venue: VenueId, number: int, reason: str) -> None:
        conn, life = self._names.pop((venue, number))
        self._soon(Arrival(Direction.CLOSE, venue, conn, life, reason.encode()))

    def _carry_out(self, tasks: Tasks) -> None:
        for venue, task in tasks:
            self._do(venue, task, self.intake.life(task.conn))

    def _do(self, venue: VenueId, task: Task, life: int) -> None:
        house = self._houses[venue]
        match task:
            case Dial():
                self._soon(lambda: self._dial(venue, house, task, life))
            case Close():
                number = self._seated.pop(task.conn, None)
                if number is not None:
                    self._names.pop((venue, number), None)
                    self._soon(lambda: house.closed(number, self.now))
            case Send():
                self._soon(lambda: self._say(house, task.conn, life, task.text))
            case Ping():
                self._soon(lambda: self._ping(house, task.conn, life))
            case Ask():
                self._soon(lambda: self._ask(venue, house, task, life))

    def _dial(self, venue: VenueId, house: House, dial: Dial, life: int) -> None:
        opened = house.dial(_path(dial.url), self.now)
        if opened is None:
            return
        if isinstance(opened, HttpResponse):
            why = f"the upgrade was refused: HTTP {opened.status}".encode()
            headers = tuple(opened.headers.items())
            self._soon(Arrival(Direction.CLOSE, venue, dial.conn, life, why, dial.url, opened.status, headers))
        elif life != self.intake.life(dial.conn):
            house.closed(opened, self.now)
        else:
            self._seated[dial.conn] = opened
            self._names[venue, opened] = (dial.conn, life)
            self._soon(Arrival(Direction.OPEN, venue, dial.conn, life, url=dial.url))

    def _say(self, house: House, conn: str, life: int, text: str) -> None:
        number = self._seated.get(conn)
        if number is not None and life == self.intake.life(conn):
            house.receive(number, text, self.now)

    def _ping(self, house: House, conn: str, life: int) -> None:
        number = self._seated.get(conn)
        if number is not None and life == self.intake.life(conn):
            house.pinged(number, b"", self.now)

    def _ask(self, venue: VenueId, house: House, ask: Ask, life: int) -> None:
        request = msgspec.structs.replace(ask.request, url=_path(ask.request.url))
        reply = house.answer(request, self.now)
        url = ask.request.url
        if reply is None:
            arrival = Arrival(Direction.HTTP, venue, ask.conn, life, b"no answer", url, NO_ANSWER, (), ask.tag)
            self._at(self.now + ANSWER_WITHIN, arrival)
            return
        answer, headers = reply.response, tuple(reply.response.headers.items())
        arrival = Arrival(Direction.HTTP, venue, ask.conn, life, answer.body, url, answer.status, headers, ask.tag)
        self._at(self.now + reply.after + self._latency, arrival)


def _path(url: str) -> str:
    """Path and query, as a server sees them."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))
