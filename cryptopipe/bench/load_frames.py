"""What `bench load` sends: the frames of simulated venues, made ahead, and when each is due.

Enters: plugins with a simulated venue, a seed, how many frames. Leaves: one `Tape` a connection, framed for the
socket, and the answers to requests. Never: a text that the venue's own sandbox session did not say, or a socket.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from cryptopipe import registry
from cryptopipe.bench.sides import BenchFailed
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.pace import Tape, Wire
from cryptopipe.market.feeds import subscriptions_of
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.simulated import HangUp, Outgoing, SandboxSession, SandboxVenue, Say, SimulatedBook
from cryptopipe.model.stream import Channel, HttpRequest, HttpResponse, Proof, Subscription
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World, simulated

CONNECTIONS = 5
STEP = 5 * MILLISECOND
ANSWERED_AT = SECOND
"""Of the simulated time: when snapshots by request were made. Every stream has begun by then."""
START_AT = 1_763_712_000 * SECOND
"""2025-11-21: the simulated time is not the machine's."""


def proven() -> dict[VenueId, ExchangePlugin]:
    """The installed venues that can be simulated and whose books are proven, those of a default run where there are
    any. Raises `BenchFailed` if there is none.
    """
    installed = registry.exchanges()
    able = [one for one in installed.values() if one.sandbox and one.feed().rule.proof is not Proof.NONE]
    chosen = [one for one in able if one.first_choice] or able
    if not chosen:
        raise BenchFailed("no installed exchange brings a simulated venue with proven books", where="plugins")
    return {one.venue: one for one in chosen[:CONNECTIONS]}


def parted(
    plugins: Mapping[VenueId, ExchangePlugin],
    assets: Sequence[str],
    connections: int = CONNECTIONS,
    trades: bool = False,
) -> dict[VenueId, list[list[Subscription]]]:
    """Book and top, and trades if wanted, of every simulated instrument between these assets, on so many connections in
    all: the venues with the most instruments are given a second one, and so on. A venue with fewer instruments than
    connections has fewer.
    """
    wanted = frozenset(Asset(one) for one in assets)
    instruments = {venue: simulated(plugin, wanted) for venue, plugin in plugins.items()}
    instruments = {venue: ones for venue, ones in instruments.items() if ones}
    shares = dict.fromkeys(instruments, 1)
    for _ in range(connections - len(shares)):
        most = max(shares, key=lambda venue: len(instruments[venue]) / shares[venue])
        shares[most] = min(shares[most] + 1, len(instruments[most]))
    channels = (Channel.DEPTH, Channel.TOP, *[Channel.TRADES] * trades)
    return {
        venue: [[one for one in subscriptions_of(ones[n :: shares[venue]]) if one.channel in channels]
                for n in range(shares[venue])]
        for venue, ones in instruments.items()
    }  # fmt: skip


def dealt(plugin: ExchangePlugin, parts: Sequence[Sequence[Subscription]]) -> ExchangePlugin:
    """The plugin with its subscriptions on these connections. Its clock is not asked: the frames are sent several times
    as fast as the simulated market ran.
    """
    return replace(plugin, split=lambda _: parts, clock=None)


class Recording:
    """Simulated venues, listened to ahead of time."""

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        assets: Sequence[str],
        seed: int,
        connections: int = CONNECTIONS,
        trades: bool = False,
    ) -> None:
        parts = parted(plugins, assets, connections, trades)
        self._plugins = {venue: plugins[venue] for venue in parts}
        wanted = frozenset(Asset(one) for one in assets)
        self._world = World(self._plugins, Parameters.load(None), seed, START_AT, wanted)
        self._venues = {venue: _sandbox(one, self._world.books[venue]) for venue, one in self._plugins.items()}
        self.wires = [_wire(self._plugins[venue], part) for venue, ones in parts.items() for part in ones]
        self.tapes = [Tape() for _ in self.wires]
        self.order = bytearray()
        """Of each frame, the number of its connection."""
        self.answers: dict[tuple[VenueId, str], HttpResponse] = {}
        """By venue and path with query."""

    def make(self, frames: int, lose: int | None = None) -> None:
        """Record so many frames; `lose` is the number of one that is never sent. Raises `BenchFailed`."""
        sessions = [self._open(wire) for wire in self.wires]
        at, made = START_AT, len(self.order)
        while made < frames:
            at += STEP
            self._world.advance(at)
            if not self.answers and at - START_AT >= ANSWERED_AT:
                self._answer(at)
            for number, session in enumerate(sessions):
                for text in self._texts(session.publish(at), number):
                    if made < frames:
                        self.tapes[number].add(made, text, made == lose)
                        self.order.append(number)
                        made += 1
        self.lasted: Nanos = at - START_AT
        if not self.answers:
            self._answer(at)

    def _open(self, wire: Wire) -> SandboxSession:
        session = self._venues[wire.venue].open(wire.path, START_AT)
        if isinstance(session, HttpResponse):
            raise BenchFailed(f"refuses {wire.path}: HTTP {session.status}", where=wire.venue)
        number = self.wires.index(wire)
        for text in wire.texts:
            for said in self._texts(session.receive(text, START_AT), number):
                self.tapes[number].add(len(self.order), said, False)
                self.order.append(number)
        return session

    def _texts(self, said: Iterable[Outgoing], number: int) -> Iterator[str]:
        for one in said:
            if isinstance(one, Say):
                yield one.text
            elif isinstance(one, HangUp):
                raise BenchFailed(f"hangs up: {one.code} {one.reason}", where=self.wires[number].venue)

    def _answer(self, at: Nanos) -> None:
        for wire in self.wires:
            codec = self._plugins[wire.venue].snapshots
            for one in wire.subscriptions if codec is not None else ():
                assert codec is not None
                url = urlsplit(codec.request(one.instrument).url)
                path = f"{url.path}?{url.query}" if url.query else url.path
                if (wire.venue, path) not in self.answers:
                    self.answers[wire.venue, path] = self._venues[wire.venue].answer(HttpRequest("GET", path), at)


def _sandbox(plugin: ExchangePlugin, books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    assert plugin.sandbox is not None, f"{plugin.venue} was chosen for its sandbox"
    return plugin.sandbox(books)


def _wire(plugin: ExchangePlugin, part: Sequence[Subscription]) -> Wire:
    connect = plugin.feed().connect(part, None, START_AT)
    url = urlsplit(connect.url)
    path = f"{url.path}?{url.query}" if url.query else url.path
    return Wire(plugin.venue, path, tuple(connect.frames), part)
