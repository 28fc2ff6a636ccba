"""A whole run whose orders go to simulated venues by signed requests, with its private streams, on the virtual clock.

Enters: venues, a seed, faults, how long. Leaves: its summary, its journal, its inputs, what the venues hold in the end.
Never: a socket, a clock, a word of the run that is taken for the venue's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import msgspec
from simulation.arena import START, plain

from cryptopipe.capture.inputs import SETTLE, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.signatory import Signatory, trading_credentials
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.drivers.streams import all_subscriptions
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.feeds import Feeds
from cryptopipe.registry import Registry, strategy
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World
from cryptopipe.settings import load_settings
from cryptopipe.summary import Summary
from cryptopipe.wiring import VENUE, Wiring

RATE = 0.5
SETTLES_WITHIN = 90 * SECOND


@cache
def _restless(assets: tuple[str, ...]) -> Parameters:
    """Few orders, and prices that depart from each other all the time."""
    usual = Parameters.load()
    often = msgspec.structs.replace(usual.dislocation, every_s=2, median_bp=70, least_bp=60, most_bp=90)
    return plain(msgspec.structs.replace(usual, assets=assets, dislocation=often), RATE)


@cache
def wiring() -> Wiring:
    """Every installed venue at which orders can be placed."""
    plugins = Registry().exchanges()
    able = sorted(name for name, one in plugins.items() if one.actions is not None and one.trading_sandbox is not None)
    schemas = {"arbitrage": strategy("arbitrage").settings}
    sets = ["risk.max_residual=20000", "assets=[BTC, USDT, USD]"]
    settings = load_settings(environment={}, sets=sets, strategies=schemas).settings
    return Wiring.of("arbitrage", settings, able, VENUE)


@dataclass(frozen=True)
class SignedRun:
    """What came of it."""

    summary: Summary
    journal: str
    inputs: Sequence[Input]
    world: World
    settled: bool


def run(seed: int, lasts: Nanos, *faults: Fault) -> SignedRun:
    """Trades for so long, then settles."""
    made, journal, inputs = wiring(), MemoryLog(), list[Input]()
    plugins, assets = made.plugins, made.settings.assets
    pipe = made.pipe(journal)
    parameters = _restless(tuple(assets))
    world = World(plugins, parameters, seed, START)
    houses = {
        venue: House(plugin, world.books[venue], faults, seed, START, world.desks[venue])
        for venue, plugin in plugins.items()
    }

    def take(entry: Input) -> None:
        inputs.append(entry)
        pipe.receive(entry)

    signatory = Signatory(
        pipe.take_instructions,
        pipe.next_due,
        made.codecs,
        trading_credentials(plugins),
        private=made.private_lines,
        sends=pipe.take_sends,
    )
    wanted = all_subscriptions(plugins, assets, (), "", True)
    feeds = Feeds(pipe.market, plugins, wanted, Random(seed).random, START)
    simulation = Simulation(
        world, houses, feeds, take, lambda at: pipe.end_turn(), START, signatory=signatory
    )  # fmt: skip
    simulation.run(START + lasts)
    simulation.intake.command(SETTLE.decode())
    until = START + lasts + SETTLES_WITHIN
    while not pipe.settled and simulation.now < until:
        simulation.run(simulation.now + SECOND)
    return SignedRun(pipe.finish("duration"), journal.sha256, inputs, world, pipe.settled)


def again(inputs: Sequence[Input]) -> str:
    """The journal of a fresh pipe that is told the same."""
    journal = MemoryLog()
    pipe = wiring().pipe(journal)
    for entry in inputs:
        pipe.receive(entry)
    pipe.finish("duration")
    return journal.sha256
