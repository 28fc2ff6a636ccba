"""Simulated venues and the collectors of one process on a virtual clock, for any number of virtual hours.

Enters: venues, faults, a seed, when the collectors are restarted. Leaves: a data directory as `cryptopipe collect`
makes it, and the engines' own record. Never: a socket, a clock, or a word of a codec in that record.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from collecting.history_world import installed
from simulation.arena import plain

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.collect.collector import Collector, Collectors, Means
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.collect.sessions import begin
from cryptopipe.collect.wish import subscriptions_of
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.market import Market
from cryptopipe.market.sync import Kept
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId
from cryptopipe.model.simulated import TradePrint
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

HOUR: Nanos = 3600 * SECOND
NEW_YEAR: Nanos = 1_800_000_000 * SECOND
"""A whole hour."""
WANTED = (Wanted("trade"), Wanted("book", 1000, 5), Wanted("top"), Wanted("candle", 60_000))
LOOKS: Nanos = 5 * SECOND
"""How often a collector does what it does now and then; live it is four times a second."""


class Record:
    """What an engine did, from its own tape: each level change (time, price in ticks with a minus for asks, lots), each
    trade. Followed at least as often as the tape is long.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.instrument = engine, engine.instrument
        self.times, self.keys, self.sizes = array("q"), array("q"), array("q")
        self.trades: list[TradePrint] = []
        self._seen = 0
        self.follow()

    def follow(self) -> None:
        """Up to now."""
        engine = self.engine
        if engine.number != self._seen:
            for one in engine.changes(self._seen):
                self.times.append(one.at)
                self.keys.append(one.price if one.side is Side.BUY else -one.price)
                self.sizes.append(one.size)
            self._seen = engine.number
        if engine.traded != len(self.trades):
            self.trades += engine.trades(len(self.trades))
            assert self.trades[-1].trade_id == len(self.trades), "the tape was too short"


class _Followed:
    """A world whose engines are recorded."""

    def __init__(self, world: World, records: Collection[Record]) -> None:
        self._world, self._records = world, records

    def advance(self, until: Nanos) -> None:
        self._world.advance(until)
        for one in self._records:
            one.follow()


@dataclass(frozen=True)
class Stop:
    """The collectors end at `at` after the beginning, and others begin `pause` later. `killed`: nothing is sealed, and
    what was not written yet is lost.
    """

    at: Nanos
    pause: Nanos
    killed: bool = False


@dataclass
class Day:
    """One run, once `run` is over. `records` by venue and symbol; `begins` and `ends` are stamps."""

    data_dir: Path
    venues: Sequence[str]
    seed: int
    begins: Nanos
    lasts: Nanos
    faults: Sequence[Fault] = ()
    stops: Sequence[Stop] = ()
    assets: Sequence[str] = ("BTC", "USDT")
    rate: float = 0.3
    step: Nanos = 10 * MILLISECOND
    fill: bool = True
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    inputs: int = 0

    @property
    def ends(self) -> Nanos:
        """The stamp of the end."""
        return self.begins + self.lasts

    def run(self) -> "Day":
        """All of it."""
        plugins = {plugin.venue: plugin for plugin in map(installed, self.venues)}
        parameters = plain(Parameters.load(), self.rate)
        world = World(plugins, parameters, self.seed, self.begins, frozenset(map(Asset, self.assets)))
        self.records = {
            (venue, symbol): Record(engine) for venue, books in world.books.items() for symbol, engine in books.items()
        }
        followed = _Followed(world, list(self.records.values()))
        houses = {
            venue: House(plugin, world.books[venue], self.faults, self.seed, self.begins)
            for venue, plugin in plugins.items()
        }
        begins = self.begins
        for stop in (*self.stops, Stop(self.lasts, 0)):
            _Life(self, plugins, followed, houses, begins).run(self.begins + stop.at, stop.killed)
            begins = self.begins + stop.at + stop.pause
        return self

    def instruments(self, venue: VenueId) -> list[Instrument]:
        """Of a venue, all that exist."""
        return [one.instrument for (own, _), one in self.records.items() if own == venue]


class _Life:
    """The collectors of one process, as `cryptopipe collect` wires them."""

    def __init__(
        self, day: Day, plugins: Mapping[VenueId, ExchangePlugin], world: _Followed, houses: Mapping[VenueId, House],
        begins: Nanos,
    ) -> None:  # fmt: skip
        self._day, self._houses = day, houses
        plans = {venue: _plan(venue, day.instruments(venue)) for venue in plugins}
        subscriptions = {
            venue: subscriptions_of(plugin, day.instruments(venue), [one.kind for one in WANTED])
            for venue, plugin in plugins.items()
        }
        self._books = Market(plugins, Kept(0, 1 << 16))
        feeds = Feeds(
            self._books, plugins, subscriptions, Random(day.seed).random, begins, refresh=0, fill_trades=day.fill
        )
        for house in houses.values():  # whoever was connected before is gone
            for conn in house.connections:
                house.closed(conn, begins)
        self._simulation = Simulation(
            world, houses, feeds, self._take, self._turn_ended, begins, step=day.step
        )  # fmt: skip
        self._held = ExitStack()
        self._collectors = Collectors()
        means = Means(lambda: self._simulation.now, lambda: 0)
        for venue, plugin in plugins.items():
            session = begin(day.data_dir, venue, begins)
            self._held.enter_context(session.held())
            made = self._collectors.by_venue[venue] = Collector(day.data_dir, plugin, plans[venue], session, means)
            made.begin()
        self._simulation.at(begins + LOOKS, self._look)

    def run(self, until: Nanos, killed: bool) -> None:
        """Up to this stamp."""
        with self._held:
            self._simulation.run(until)
            if killed:
                for one in self._collectors.by_venue.values():
                    one._thread.shutdown()
                return
            self._simulation.intake.command("duration")
            self._collectors.end()

    def _take(self, entry: Input) -> None:
        self._day.inputs += 1
        self._collectors.take(entry)
        self._books.receive(entry)

    def _turn_ended(self, at: Nanos) -> None:
        books = self._books
        books.transitions.clear()
        books.changed.clear()
        books.appeared.clear()
        books.listings.news.clear()
        self._collectors.turn_ended(at)

    def _look(self) -> None:
        self._collectors.looked(self._simulation.now)
        self._simulation.at(self._simulation.now + LOOKS, self._look)


def _plan(venue: VenueId, instruments: Sequence[Instrument]) -> Plan:
    return Plan(venue, tuple(one.symbol for one in instruments), WANTED)
