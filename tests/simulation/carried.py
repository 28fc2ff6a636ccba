"""A whole run that sends coins between simulated venues on the virtual clock, on paper or by signed requests.

Enters: venues, a seed, a strategy, faults, how long. Leaves: its summary, journal and inputs, and what the venues hold.
Never: a socket, a clock, a word of the run that is taken for a venue's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal as D
from functools import cached_property
from random import Random
from typing import Any

import msgspec
from simulation.arena import START, plain
from simulation.carrier import Carrier

from cryptopipe.act.execution import Instruction
from cryptopipe.capture.inputs import SETTLE, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.signatory import Signatory, trading_credentials, withdrawing_credentials
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.feeds import Feeds, subscriptions_of
from cryptopipe.model.actions import MoveFunds, PlaceOrder, Withdraw
from cryptopipe.model.desk import FUNDING, TRADING
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import exact
from cryptopipe.pipe import Pipe
from cryptopipe.registry import strategy
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.sandbox.world import World
from cryptopipe.settings import load_settings
from cryptopipe.summary import Summary
from cryptopipe.wiring import PAPER, VENUE, Wiring

VENUES = ("binance", "coinbase_exchange", "kraken")
SOL, USDT = Asset("SOL"), Asset("USDT")
SETTLED_WITHIN: Nanos = 90 * SECOND
Making = Callable[[], Carrier]


def wiring(execution: str = VENUE, venues: Sequence[str] = VENUES, *sets: str) -> Wiring:
    schemas = {"arbitrage": strategy("arbitrage").settings}
    usual = (
        "assets=[SOL, USDT]",
        "risk.max_loss=100000",
        "risk.max_residual=20000",
        "risk.max_unproven_notional=10000",
    )
    settings = load_settings(environment={}, sets=(*usual, *sets), strategies=schemas).settings
    return Wiring.of("arbitrage", settings, sorted(venues)).executed(execution, "sandbox")


def pipe(wired: Wiring, make: Making, journal: MemoryLog) -> Pipe:
    """A fresh one, with a strategy of the test's."""
    settings = wired.pipe(MemoryLog())._settings
    if wired.execution == PAPER:
        assumed = {venue: one.wallets() for venue, one in wired.plugins.items() if one.wallets is not None}
        settings = replace(settings, custody=replace(settings.custody, assumed=assumed))
    return Pipe(wired.plugins, make(), settings, journal)


class Durable(MemoryLog):
    """Knows which records are on the disk."""

    safe = 0

    def sync(self) -> None:
        super().sync()
        self.safe = len(self.lines)

    def intended(self, one: Instruction) -> Instruction:
        """The same; what changes something has an intent among them."""
        if isinstance(one.action, PlaceOrder | Withdraw | MoveFunds):
            mark = f'"client_id":"{one.action.client_id}"'.encode()
            kinds = (b'"kind":"intended"', b'"kind":"transfer_intended"')
            own = [line for line in self.lines[: self.safe] if mark in line and any(kind in line for kind in kinds)]
            assert len(own) == 1, f"{one.action} goes without a durable intent"
        return one


@dataclass(frozen=True)
class Carried:
    """What came of it. `held`: by venue and asset at its desk, before and after; `given`: of each venue's withdrawals
    the client ids.
    """

    summary: Summary
    journal: str
    lines: Sequence[bytes]
    inputs: Sequence[Input]
    world: World
    before: Mapping[VenueId, Mapping[Asset, D]]
    after: Mapping[VenueId, Mapping[Asset, D]]
    settled: bool
    pipe: Pipe

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [record["body"] for record in self.records if record["kind"] == kind]

    def withdrawals(self) -> list[str]:
        """The client ids of all that the venues have, as they were given."""
        return [one.client_id for desk in self.world.desks.values() for one in desk.accounts[1].transfers(False)]

    def on_the_way(self, asset: Asset) -> D:
        return self.world.custody.coins.of(Place.IN_FLIGHT, asset)


def quick() -> Parameters:
    """Few orders; reviews of some seconds, blocks as they are."""
    usual = plain(Parameters.load(), 0.3)
    laws = {
        name: msgspec.structs.replace(law, review=Delay(3, 0.5), credit=Delay(2, 0.5), manual=0, refill=0, batch_s=0)
        for name, law in usual.processing.items()
    }
    return msgspec.structs.replace(usual, assets=("SOL", "USDT"), processing=laws)


def run(wired: Wiring, make: Making, seed: int, until: Nanos, *faults: Fault, settle: bool = True) -> Carried:
    """So long, then until everything is settled."""
    plugins, assets = wired.plugins, wired.settings.assets
    world = World(plugins, quick(), seed, START, frozenset(map(Asset, assets)))
    houses = {
        venue: House(one, world.books[venue], faults, seed, START, world.desks[venue]) for venue, one in plugins.items()
    }
    journal, inputs = Durable(), list[Input]()
    one = pipe(wired, make, journal)
    before = _held(world)

    def take(entry: Input) -> None:
        inputs.append(entry)
        one.receive(entry)

    by_request = wired.execution == VENUE

    def instructed() -> list[Instruction]:
        return [journal.intended(each) for each in one.take_instructions()]

    signatory = Signatory(
        instructed, one.next_due, wired.codecs, trading_credentials(plugins),
        private=wired.private_lines, sends=one.take_sends, withdrawing=withdrawing_credentials(plugins),
    ) if by_request else Signatory()  # fmt: skip
    wanted = {venue: subscriptions_of(instruments_of(found, assets)) for venue, found in plugins.items()}
    feeds = Feeds(one.market, plugins, wanted, Random(seed).random, START)
    simulation = Simulation(world, houses, feeds, take, lambda at: one.end_turn(), START, signatory=signatory)
    simulation.run(START + until)
    if by_request and settle:
        simulation.intake.command(SETTLE.decode())
        one.end_turn()
        end = START + until + SETTLED_WITHIN
        while not one.settled and simulation.now < end:
            simulation.run(simulation.now + SECOND // 10)
    settled = one.settled
    summary = one.finish("duration")
    return Carried(summary, journal.sha256, journal.lines, inputs, world, before, _held(world), settled, one)


def again(wired: Wiring, make: Making, inputs: Sequence[Input]) -> str:
    """The journal of a fresh pipe that is told the same, and has no keys."""
    journal = MemoryLog()
    one = pipe(wired, make, journal)
    for entry in inputs:
        one.receive(entry)
    one.finish("duration")
    return journal.sha256


def _held(world: World) -> dict[VenueId, dict[Asset, D]]:
    """By the customer that trades, free and held back, in all wallets."""
    found: dict[VenueId, dict[Asset, D]] = {}
    for venue, desk in world.desks.items():
        amounts = found[venue] = {}
        for wallet in (TRADING, FUNDING):
            with exact():
                for asset, one in desk.accounts[1].balances(wallet).items():
                    amounts[asset] = amounts.get(asset, D(0)) + one.free + one.locked
    return found


__all__ = ["SOL", "START", "USDT", "VENUES", "Carried", "Carrier", "again", "replace", "run", "wiring"]
