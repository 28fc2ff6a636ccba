"""One simulated venue with its open connections and the faults in force.

Enters: dials, texts, pings, requests and steps, each with its time. Leaves: what is to be delivered, in order for each
connection. Never: a socket, a clock, an order of a connection's frames that its session did not say.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.errors import PluginError
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Currency
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, HangUp, Outgoing, SandboxVenue, Say, SimulatedBook
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.line import Delivery, Line, Mute, Pong, Reply, Reset
from cryptopipe.sandbox.mirrors import LaggedBook, ShiftedBook, WrongClock
from cryptopipe.sandbox.private_side import ActionFault, PrivateSide
from cryptopipe.sandbox.transfer_trouble import TransferTrouble
from cryptopipe.sandbox.trouble import Trouble

__all__ = ["Delivery", "House", "Pong", "Reply", "Reset"]


_CLOSED = HttpResponse(503, b'{"error":"maintenance"}')


class House:
    """A venue's simulated side. Times never fall from call to call.

    The driver dials, hands over what the client sends, and after each advance of the world calls `step`; what a session
    answers to a text is delivered by the next step. Faults begin to count at `start_at`; `seed` is theirs.
    """

    def __init__(
        self,
        plugin: ExchangePlugin,
        books: Mapping[str, SimulatedBook],
        faults: Collection[Fault] = (),
        seed: int = 0,
        start_at: Nanos = 0,
        desk: Desk | None = None,
    ) -> None:
        """`books` by the venue's symbols. With a `desk` the venue has its private side, if its plugin brings it. Raises
        `PluginError` if the plugin brings no sandbox.
        """
        if plugin.sandbox is None:
            raise PluginError("brings no simulated venue", where=f"exchange {plugin.venue}")
        self.venue = plugin.venue
        self.symbols = tuple(books)
        self._instruments = [book.instrument for book in books.values()]
        self._trouble = Trouble(faults, plugin.venue, seed, start_at)
        self._clock = WrongClock(self._trouble.faults, start_at)
        self._key = plugin.in_sandbox(SANDBOX_CREDENTIALS)
        self._private: PrivateSide | None = None
        self._desk: Desk | None = None
        if desk is not None and plugin.trading_sandbox is not None:
            desk.clock = self._clock if self._clock else None
            self._private = PrivateSide(desk, self._trouble, seed)
            self._desk = desk
            TransferTrouble(faults, desk, seed, start_at)
        self._simulated = self._venue(plugin, self._timed(books))
        ages = {fault["age"] for fault in self._trouble.faults if fault.kind == "stale_snapshot"}
        self._lagging = {age: {symbol: LaggedBook(book) for symbol, book in books.items()} for age in ages}
        self._stale = {age: plugin.sandbox(self._timed(lagging)) for age, lagging in self._lagging.items()}
        self._lines: dict[int, Line] = {}
        self._dialled = 0
        self._stepped_at: Nanos = 0

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Its websocket paths by market."""
        return self._simulated.endpoints

    @property
    def is_private(self) -> bool:
        """Whether it has a private side."""
        return self._private is not None

    @property
    def credentials(self) -> Credentials | None:
        """A key with all rights, as a client of this venue holds it; None without a private side."""
        if self._private is None:
            return None
        return self._key

    @property
    def currencies(self) -> Sequence[Currency]:
        """Of what is traded here, with their networks as they are now; empty without a private side."""
        traded = {asset for one in self._instruments for asset in (one.base, one.quote)}
        return [one for one in self._private.currencies if one.asset in traded] if self._private is not None else ()

    @property
    def connections(self) -> Sequence[int]:
        """Those that are open."""
        return tuple(self._lines)

    @property
    def in_force(self) -> Sequence[Fault]:
        """The faults at work as of the last call."""
        return self._trouble.in_force

    def dial(self, path: str, at: Nanos) -> int | HttpResponse | None:
        """A connection to `path` (with its query): its id, the answer that refuses the upgrade, or None: a black hole,
        which answers nothing, ever.
        """
        self._turn(at)
        if self._trouble.swallows():
            return None
        refused = _CLOSED if self._trouble.draw("maintenance") else self._trouble.refusal()
        if refused is not None:
            return refused
        goodbye = self._trouble.goodbye()
        opened = Mute() if goodbye else self._simulated.open(_rooted(path), self._time(at))
        if isinstance(opened, HttpResponse):
            return opened
        self._dialled += 1
        line = self._lines[self._dialled] = Line(opened)
        self._mark(line)
        if goodbye:
            line.put(goodbye, at, at, at)
        return self._dialled

    def receive(self, conn: int, text: str, at: Nanos) -> None:
        """A text from the client; a connection that is no more says nothing."""
        line = self._lines.get(conn)
        self._turn(at)
        if line is not None and not line.ending and not self._deaf(line):
            self._take(line, self._heard(line, text, at), at, at)

    def pinged(self, conn: int, payload: bytes, at: Nanos) -> Delivery | None:
        """The client's websocket ping: its pong, to be sent at once, or None."""
        line = self._lines.get(conn)
        self._turn(at)
        return None if line is None or self._deaf(line) else Delivery(conn, Pong(payload), at)

    def closed(self, conn: int, at: Nanos) -> bool:
        """The client closed the connection or it broke. False if its close frame is not to be answered."""
        line = self._lines.pop(conn, None)
        self._turn(at)
        return line is None or not self._deaf(line)

    def step(self, at: Nanos) -> list[Delivery]:
        """Publishes every session; all that is due by `at`, in order for each connection."""
        due: list[Delivery] = []
        since, self._stepped_at = self._stepped_at or at, at
        self._turn(at)
        for age, lagging in self._lagging.items():
            for book in lagging.values():
                book.follow(at - age)
        now = self._time(at)
        for conn, line in tuple(self._lines.items()):
            if not line.ending:
                if self._private is not None:
                    self._private.begin()
                self._publish(line, line.session.publish(now), at, since)
            if line.deliver(conn, at, due):
                del self._lines[conn]
        return due

    def answer(self, request: HttpRequest, at: Nanos) -> Reply | None:
        """The answer to one request, its `url` path and query; None: silence, for ever."""
        self._turn(at)
        if self._trouble.swallows():
            return None
        error = self._trouble.answer()
        if error is not None:
            return Reply(error)
        age = self._trouble.age()
        request = msgspec.structs.replace(request, url=_rooted(request.url))
        late = None if request.method == "GET" else self._trouble.draw("late_request")
        if late is not None:
            self._arrives_at(at + late["delay"], request)
            return None
        if self._private is None:
            venue = self._stale[age] if age else self._simulated
            return Reply(_CLOSED if self._trouble.draw("maintenance") else venue.answer(request, self._time(at)))
        try:
            response = self._simulated.answer(request, self._time(at))
        except ActionFault:
            return self._private.reply(None)
        if age and not self._private.verdict.private:  # only the market is shown as it was
            response = self._stale[age].answer(request, self._time(at))
        return self._private.reply(response)

    def _arrives_at(self, due: Nanos, request: HttpRequest) -> None:
        """A request is on its way until then; nobody will hear its answer."""

        def arrive() -> None:
            with suppress(ActionFault):
                self._simulated.answer(request, self._time(due))

        if self._desk is not None:
            self._desk.timeline.schedule(due, arrive)

    def _turn(self, at: Nanos) -> None:
        self._trouble.turn(at)
        if self._private is not None:
            self._private.turn(at)
            self._private.begin()

    def _venue(self, plugin: ExchangePlugin, books: Mapping[str, SimulatedBook]) -> SandboxVenue:
        if plugin.trading_sandbox is not None and self._private is not None:
            return plugin.trading_sandbox(books, self._private)
        assert plugin.sandbox is not None, "was asked before"
        return plugin.sandbox(books)

    def _timed(self, books: Mapping[str, SimulatedBook]) -> Mapping[str, SimulatedBook]:
        """The books as the venue's clock times them."""
        return {symbol: ShiftedBook(book, self._clock) for symbol, book in books.items()} if self._clock else books

    def _time(self, at: Nanos) -> Nanos:
        return self._clock(at) if self._clock else at

    def _deaf(self, line: Line) -> bool:
        return bool(self._trouble.in_force) and self._trouble.afflicts("black_hole", line.marks)

    def _heard(self, line: Line, text: str, at: Nanos) -> Iterable[Outgoing]:
        """What the session answers, and what the faults on actions make of it."""
        said = line.session.receive(text, self._time(at))
        if self._private is None:
            return said
        try:
            said = list(said)
        except ActionFault:
            said = ()
        self._mark(line)
        says, late = self._private.says(said)
        for one in late:
            line.put_late(one.text, at + one.after)
        return says

    def _mark(self, line: Line) -> None:
        line.private = line.private or (self._private is not None and self._private.verdict.private)

    def _publish(self, line: Line, said: Iterable[Outgoing], at: Nanos, since: Nanos) -> None:
        trouble = self._trouble
        if trouble.in_force:
            breaks = line.private and trouble.afflicts("drop_private", line.marks)
            if breaks or trouble.afflicts("reset", line.marks):
                line.forget()
                line.put(Reset(), at, at, since)
                return
            if self._deaf(line):
                for _ in said:  # lost
                    pass
                line.forget()
                return
            if trouble.afflicts("stall", line.marks):
                said = [one for one in said if not isinstance(one, Say)]
        with suppress(ActionFault):  # of what a session does by itself, such as to cancel when its client is silent
            self._take(line, said, at, since)
        self._mark(line)

    def _take(self, line: Line, said: Iterable[Outgoing], at: Nanos, since: Nanos) -> None:
        """What a session says, and what the faults make of it: nothing overtakes what was put before."""
        for one in said:
            if isinstance(one, Say):
                frames = self._trouble.frames(one, line.marks) if self._trouble.in_force or line.marks.held else (one,)
                for frame in frames:
                    line.put(frame.text, at + frame.after, at, since)
            elif isinstance(one, HangUp):
                line.put(one, at + one.after, at, since)
                return
            else:
                line.put(one, at, at, since)
        if line.marks.held:
            for frame in self._trouble.released(line.marks):
                line.put(frame.text, at, at, at)


def _rooted(path: str) -> str:
    """With one slash at its beginning: after two of them a host would be read."""
    return "/" + path.lstrip("/") if path.startswith("//") else path
