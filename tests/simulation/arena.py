"""A run and its simulated venues on the virtual clock, watched from both ends.

Enters: plugins, instruments, parameters, a seed, faults. Leaves: what happened, with virtual times: dials, answers,
inputs, books that were lost and found, tops that the engine never had. Never: a second opinion of a codec's.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Protocol

import msgspec
from simulation.overheard import Overheard, Venue
from simulation.truth import Truth

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.simulate import LATENCY, STEP, Simulation
from cryptopipe.market.feeds import NOBODY, Feeds, Task
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Instrument, VenueId
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SimulatedBook
from cryptopipe.model.stream import USUAL_CHANNELS, Channel, Credentials, HttpRequest, HttpResponse, Subscription
from cryptopipe.sandbox.engine import LEAST_KEPT, Engine
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House, Reply
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World, simulated

START: Nanos = 1_800_000_000 * SECOND


class Told(msgspec.Struct, frozen=True):
    """A book's new state."""

    at: Nanos
    book: str
    state: BookState
    reason: str


class Taker(Protocol):
    """What takes a run's inputs: a `Market`, or a `Pipe` over one."""

    def receive(self, entry: Input) -> None: ...


def plain(parameters: Parameters, rate: float) -> Parameters:
    """Shallow books with few orders, for runs that are many."""
    few = dict.fromkeys(("near_orders", "middle_orders", "deep_orders"), 20)
    venues = {name: msgspec.structs.replace(one, **few) for name, one in parameters.venues.items()}
    return msgspec.structs.replace(parameters, rate=rate, venues=venues)


class Arena:
    """One run over simulated venues. `instruments` are subscribed to; the world has all that `assets` allow."""

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        parameters: Parameters,
        seed: int,
        faults: Collection[Fault] = (),
        assets: Collection[str] | None = None,
        instruments: Mapping[VenueId, Sequence[Instrument]] | None = None,
        step: Nanos = STEP,
        market: Market | None = None,
        taker: Taker | None = None,
        turn_ended: Callable[[Nanos], None] | None = None,
        watch_truth: bool = True,
        listening: bool = False,
        traced: bool = False,
        channels: Sequence[Channel] = USUAL_CHANNELS,
    ) -> None:
        wanted = frozenset(map(Asset, assets if assets is not None else parameters.assets))
        self.world = World(plugins, parameters, seed, START, wanted)
        self.market = market or Market(plugins)
        self.venues = {venue: Venue() for venue in plugins}
        self.told: list[Told] = []
        self.inputs: list[Input] = []
        self.listening = listening
        self.watchers: list[Callable[[], None]] = []
        """Called after each input."""
        self._taker = taker or self.market
        self._turn_ended = turn_ended or self._forget
        found = instruments or {v: simulated(p, wanted, parameters.perpetuals) for v, p in plugins.items()}
        single = Channel.ORDERS in channels
        self.truths = {
            f"{one.id}/orders" if single else one.id: Truth.of(self._engine(venue, one))
            for venue, ones in found.items()
            for one in ones
            if watch_truth
        }
        wishes = {v: [Subscription(one, channel) for one in ones for channel in channels] for v, ones in found.items()}
        keys = dict.fromkeys(plugins, SANDBOX_CREDENTIALS) if single else NOBODY
        self._trace = hashlib.sha256() if traced else None
        self.feeds = _Traced(self.market, plugins, wishes, Random(seed).random, START, self._add, keys)
        houses = {
            venue: _Watched(self._overheard(plugin), self.world.books[venue], faults, seed, self.venues[venue])
            for venue, plugin in plugins.items()
        }
        self.simulation = Simulation(
            self.world, houses, self.feeds, self._take, self._end_turn, START, LATENCY, step
        )  # fmt: skip

    @property
    def now(self) -> Nanos:
        """Since the start."""
        return self.simulation.now - START

    def run(self, until: Nanos) -> None:
        """Up to so long after the start."""
        while self.now < until:
            self.simulation.run(min(START + until, self.simulation.now + LEAST_KEPT))
            for truth in self.truths.values():
                truth.engine.follow()

    def trace(self) -> str:
        """A hash of all inputs, of the commands after each, and of the tops that it changed."""
        assert self._trace is not None, "this arena keeps no trace"
        return self._trace.hexdigest()

    def syncs(self) -> list[BookSync]:
        """Every book, of levels and of single orders."""
        return [
            sync
            for kind in (self.market.books, self.market.orders)
            for books in kind.values()
            for sync in books.values()
        ]

    def live(self) -> bool:
        """Whether every book that was subscribed to may be read."""
        books = self.syncs()
        return len(books) >= len(self.truths) and all(sync.state is BookState.LIVE for sync in books)

    def lies(self) -> list[str]:
        """Tops of live books that the engine never had."""
        return [f"{name} at {at - START}: {top}" for name, one in self.truths.items() for at, top in one.lies]

    def _engine(self, venue: VenueId, one: Instrument) -> Engine:
        """Of an instrument, by whatever name an older dialect calls it."""
        wanted = (one.base, one.quote, one.kind)
        books = ((book.instrument, book) for book in self.world.books[venue].values())
        return next(engine for its, engine in books if (its.base, its.quote, its.kind) == wanted)

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self._add(entry)
        self._note(entry)
        market = self.market
        known = len(market.transitions)
        self._taker.receive(entry)
        fresh = market.transitions[known if len(market.transitions) >= known else 0 :]
        for one in fresh:
            self.told.append(Told(entry.at - START, one.sync.id, one.state, one.reason))
        for watch in self.watchers:
            watch()
        for name, sync in market.changed.items():
            if self._trace is not None:
                self._add((name, sync.state.value, top_of(sync)))
            self._check(sync, entry.at)

    def _end_turn(self, at: Nanos) -> None:
        """One match is several frames of single orders, and what stands between them was never the engine's book: these
        are judged as a strategy would see them, when all that was ready has been applied.
        """
        for books in self.market.orders.values():
            for sync in books.values():
                self._check(sync, at)
        self._turn_ended(at)

    def _check(self, sync: BookSync, at: Nanos) -> None:
        truth = self.truths.get(sync.id)
        if truth is not None:
            truth.check(sync, at) if sync.state is BookState.LIVE else truth.ends(at)

    def wrong_for(self) -> list[tuple[Nanos, Nanos]]:
        """From when to when a live book showed a top that the engine never had; to now if it still does."""
        spans = (span for one in self.truths.values() for span in one.wrong_for(self.simulation.now))
        return sorted((first - START, last - START) for first, last in spans)

    def _add(self, what: object) -> None:
        if self._trace is not None:
            self._trace.update(msgspec.msgpack.encode(what))

    def _note(self, entry: Input) -> None:
        venue = self.venues.get(VenueId(entry.venue))
        if venue is None:
            return
        if entry.direction is Direction.RECV:
            if not venue.closed:
                venue.last_frame_at = entry.at - START
                if self.listening:
                    venue.arrivals.append((entry.at - START, entry.payload))
        elif entry.direction is Direction.OPEN:
            venue.opened.append(entry.at - START)
            venue.urls.append(entry.url)
        elif entry.direction is Direction.CLOSE:
            venue.closed.append((entry.at - START, entry.payload.decode()))

    def _forget(self, at: Nanos) -> None:
        self.market.take_changed()
        self.market.transitions.clear()

    def _overheard(self, plugin: ExchangePlugin) -> ExchangePlugin:
        simulate, venue = plugin.sandbox, self.venues[plugin.venue]
        assert simulate is not None
        return replace(plugin, sandbox=lambda books: Overheard(simulate(books), self, venue))


def top_of(sync: BookSync) -> tuple[str, ...]:
    """As text; empty if there is none."""
    top = sync.book.top
    return () if top is None else tuple(map(str, (top.bid, top.bid_size, top.ask, top.ask_size, top.version)))


class _Traced(Feeds):
    """Feeds whose commands are noted."""

    def __init__(
        self,
        market: Market,
        plugins: Mapping[VenueId, ExchangePlugin],
        subscriptions: Mapping[VenueId, Sequence[Subscription]],
        jitter: Callable[[], float],
        at: Nanos,
        note: Callable[[object], None],
        keys: Mapping[VenueId, Credentials],
    ) -> None:
        super().__init__(market, plugins, subscriptions, jitter, at, credentials=keys)
        self._note = note

    def after(self, entry: Input) -> Iterable[tuple[VenueId, Task]]:
        tasks = list(super().after(entry))
        for venue, task in tasks:
            self._note((venue, type(task).__name__, task))
        return tasks


class _Watched(House):
    """A house whose door is watched."""

    def __init__(
        self,
        plugin: ExchangePlugin,
        books: Mapping[str, SimulatedBook],
        faults: Collection[Fault],
        seed: int,
        seen: Venue,
    ) -> None:
        super().__init__(plugin, books, faults, seed, START)
        self._seen = seen

    def dial(self, path: str, at: Nanos) -> int | HttpResponse | None:
        opened = super().dial(path, at)
        status = 200 if isinstance(opened, int) else 0 if opened is None else opened.status
        self._seen.dials.append((at - START, status, _wait(opened)))
        return opened

    def answer(self, request: HttpRequest, at: Nanos) -> Reply | None:
        reply = super().answer(request, at)
        answer = None if reply is None else reply.response
        self._seen.requests.append((at - START, 0 if answer is None else answer.status, _wait(answer)))
        return reply


def _wait(answer: object) -> Nanos:
    return int(answer.headers.get("Retry-After", "0")) * SECOND if isinstance(answer, HttpResponse) else 0


__all__ = ["MILLISECOND", "START", "Arena", "Told", "Venue", "plain"]
