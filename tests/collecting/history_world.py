"""Runs over simulated venues whose connections are lost, with trades asked for again.

Enters: a venue's name, faults, a seed. Leaves: what the run was told, and what the engine traded. Never: the
framework's own account of what is missing, used as the truth.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

import pytest
from simulation.arena import START, plain

from cryptopipe.capture.inputs import TRADES_OF, Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.drivers.streams import all_subscriptions
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.history import trades_of
from cryptopipe.market.market import Market
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import Trade
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.simulated import TradePrint
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

ASSETS = ("BTC", "USDT")
Printed = tuple[int, int, Side]
"""Price in ticks, size in lots, the taker's side."""


def installed(venue: str) -> ExchangePlugin:
    if venue not in Registry().exchanges():
        pytest.skip(f"{venue} is not installed")
    return Registry().exchange(venue)


@dataclass
class Ran:
    """`streamed` and `answered` are trades by symbol, in the order in which they were told."""

    plugin: ExchangePlugin
    market: Market
    feeds: Feeds
    inputs: list[Input] = field(default_factory=list)
    streamed: dict[str, list[Trade]] = field(default_factory=dict)
    answered: dict[str, list[Trade]] = field(default_factory=dict)
    truth: dict[str, list[TradePrint]] = field(default_factory=dict)

    @property
    def asked(self) -> list[Input]:
        """The answers of history."""
        return [one for one in self.inputs if one.request.startswith(TRADES_OF)]

    def both(self, symbol: str) -> list[Trade]:
        """Of the stream and of history, each once."""
        told = {one.trade_id: one for one in (*self.answered.get(symbol, ()), *self.streamed[symbol])}
        return list(told.values())

    def printed(self, trade: Trade, symbol: str) -> Printed:
        """In the engine's units, by the instrument's own tick and step."""
        from decimal import Decimal

        rules = self.plugin.instruments.find(symbol).rules
        assert rules is not None
        ticks, lots = Decimal(trade.price) / rules.tick, Decimal(trade.size) / rules.step
        assert ticks == int(ticks) and lots == int(lots)
        return int(ticks), int(lots), trade.side


def run(
    venue: str, faults: Collection[Fault], seconds: float, seed: int = 5, rate: float = 10.0, fill: bool = True,
    assets: Collection[str] = ASSETS,
) -> Ran:  # fmt: skip
    """A venue alone, all its instruments of these assets; every trade of the engine is kept."""
    plugin = installed(venue)
    plugins = {plugin.venue: plugin}
    world = World(plugins, plain(Parameters.load(), rate), seed, START, frozenset(map(Asset, assets)))
    market = Market(plugins)
    wanted = all_subscriptions(plugins, tuple(assets))
    feeds = Feeds(market, plugins, wanted, Random(seed).random, START, refresh=0, fill_trades=fill)
    ran = Ran(plugin, market, feeds)
    books = world.books[VenueId(venue)]

    def take(entry: Input) -> None:
        ran.inputs.append(entry)
        market.receive(entry)
        if entry.direction is Direction.RECV:
            for event in market.events:
                if isinstance(event, Trade):
                    ran.streamed.setdefault(event.symbol, []).append(event)
        elif entry.request.startswith(TRADES_OF) and entry.status == 200:
            told = trades_of(plugins, entry)
            assert told is not None
            ran.answered.setdefault(told[0], []).extend(told[1])

    def turn_ended(at: Nanos) -> None:
        market.take_changed()
        market.transitions.clear()
        market.appeared.clear()
        for symbol, book in books.items():
            seen = ran.truth.setdefault(symbol, [])
            seen += book.trades(seen[-1].trade_id if seen else 0)

    houses = {plugin.venue: House(plugin, books, faults, seed, START)}
    Simulation(world, houses, feeds, take, turn_ended, START).run(START + int(seconds * 10**9))
    return ran
