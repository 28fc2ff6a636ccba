"""A run of the main command on the virtual clock whose orders go to the simulated venues by signed requests.

Enters: venues, a seed, settings, faults. Leaves: its summary, journal and inputs, and the venues' own desks to hold
them against. Never: a look of the run's at a desk.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

import msgspec

from cryptopipe.capture.inputs import SETTLE, Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.signatory import Signatory, trading_credentials
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.feeds import Feeds, subscriptions_of
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.simulated import SANDBOX_TRADER
from cryptopipe.pipe import Pipe
from cryptopipe.registry import Registry, strategy
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World
from cryptopipe.settings import load_settings
from cryptopipe.summary import Summary
from cryptopipe.wiring import VENUE, Wiring

START: Nanos = 1_800_000_000 * SECOND
SETTLED_WITHIN: Nanos = 90 * SECOND
"""Beyond the patience with which an order is pursued."""


@dataclass(frozen=True)
class Held:
    """What the accounts of one venue hold of each asset, free and held back, as its desk says."""

    before: dict[Asset, Decimal]
    after: dict[Asset, Decimal]


@dataclass(frozen=True)
class SignedRun:
    """What came of it. `placed`: orders that each venue took in; `settled`: whether all was known in time."""

    summary: Summary
    journal: str
    lines: Sequence[bytes]
    inputs: Sequence[Input]
    held: dict[VenueId, Held]
    placed: dict[VenueId, int]
    settled: bool


def wiring(venues: Sequence[str], *sets: str) -> Wiring:
    schemas = {"arbitrage": strategy("arbitrage").settings}
    settings = load_settings(environment={}, sets=sets, strategies=schemas).settings
    return replace(Wiring.of("arbitrage", settings, sorted(venues)), execution=VENUE)


def tradable() -> list[str]:
    """Installed venues with both ends of a private side, whose streams are proven."""
    found = Registry().exchanges().items()
    return [name for name, one in found if one.actions is not None and one.trading_sandbox is not None]


def run(
    wired: Wiring,
    seed: int,
    until: Nanos,
    faults: Collection[Fault] = (),
    dislocations: str = "on",
    streamed: bool = True,
) -> SignedRun:
    """So long, then until everything is settled."""
    parameters = msgspec.structs.replace(Parameters.load(), dislocations=dislocations)
    plugins, assets = wired.plugins, wired.settings.assets
    world = World(plugins, parameters, seed, START, frozenset(map(Asset, assets)))
    houses = {
        venue: House(one, world.books[venue], faults, seed, START, world.desks[venue]) for venue, one in plugins.items()
    }
    journal, inputs = MemoryLog(), list[Input]()
    pipe = wired.pipe(journal)
    before = _held(world, plugins)

    def take(entry: Input) -> None:
        inputs.append(entry)
        pipe.receive(entry)

    signatory = Signatory(
        pipe.take_instructions, pipe.next_due, wired.codecs, trading_credentials(plugins),
        private=wired.private_lines if streamed else {}, sends=pipe.take_sends,
    )  # fmt: skip
    wanted = {venue: subscriptions_of(instruments_of(one, assets)) for venue, one in plugins.items()}
    feeds = Feeds(pipe.market, plugins, wanted, Random(seed).random, START, refresh=0)
    simulation = Simulation(world, houses, feeds, take, lambda at: pipe.end_turn(), START, signatory=signatory)
    simulation.run(START + until)
    simulation.intake.command(SETTLE.decode())
    pipe.end_turn()
    end = START + until + SETTLED_WITHIN
    while not pipe.settled and simulation.now < end:
        simulation.run(simulation.now + SECOND // 10)
    settled = pipe.settled
    summary = pipe.finish("duration")
    after = _held(world, plugins)
    held = {venue: Held(before[venue], after[venue]) for venue in plugins}
    placed = {venue: len(_account(world, venue).orders()) for venue in plugins}
    return SignedRun(summary, journal.sha256, journal.lines, inputs, held, placed, settled)


def again(wired: Wiring, inputs: Iterable[Input]) -> tuple[Summary, str]:
    """The same inputs through a fresh pipe, which has no keys."""
    journal = MemoryLog()
    pipe: Pipe = wired.pipe(journal)
    for entry in inputs:
        if entry.direction is Direction.COMMAND and entry.payload != SETTLE:
            break
        pipe.receive(entry)
    return pipe.finish("duration"), journal.sha256


def _account(world: World, venue: VenueId):  # type: ignore[no-untyped-def]
    key = world.desks[venue].key(SANDBOX_TRADER.key)
    assert key is not None
    return key.account


def _held(world: World, venues: Iterable[VenueId]) -> dict[VenueId, dict[Asset, Decimal]]:
    return {
        venue: {asset: one.free + one.locked for asset, one in _account(world, venue).balances().items()}
        for venue in venues
    }
