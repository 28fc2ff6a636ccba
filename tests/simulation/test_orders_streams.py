"""Single orders where a stream needs a key, from the dial to the book: signed, joined, equal to the engine's.

Their own tests feed codec and session by hand; here the supervisor asks for tokens and books and places what it got.
"""

from collections.abc import Mapping

import pytest
from orderflow import OrderFlow, T

from cryptopipe.api import SANDBOX_CREDENTIALS, Channel, Credentials, ExchangePlugin, Side, Subscription
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.sandbox.house import House
from cryptopipe_coinbase import coinbase_exchange
from cryptopipe_kraken import kraken

PLUGINS = [coinbase_exchange, kraken]


class World:
    """Some instruments of one venue; in the last moments nothing happens, so that everybody can catch up."""

    def __init__(self, plugin: ExchangePlugin, count: int, until: Nanos) -> None:
        listed = plugin.instruments.listed()[:count]
        self.flows = {one.symbol: OrderFlow(one, seed) for seed, one in enumerate(listed)}
        self._until = until

    def advance(self, until: Nanos) -> None:
        for flow in self.flows.values() if until < self._until else ():
            if until > flow.at:
                flow.step(until - flow.at, 3)


def run(plugin: ExchangePlugin, credentials: Credentials, seconds: int = 8) -> tuple[World, Market]:
    world = World(plugin, 10, T + (seconds - 1) * SECOND)
    books = {symbol: flow.engine for symbol, flow in world.flows.items()}
    plugins, market = {plugin.venue: plugin}, Market({plugin.venue: plugin})
    wanted = [
        Subscription(flow.engine.instrument, channel)
        for flow in world.flows.values()
        for channel in (Channel.DEPTH, Channel.ORDERS)
    ]
    feeds = Feeds(market, plugins, {plugin.venue: wanted}, lambda: 0.5, T, credentials={plugin.venue: credentials})
    houses: Mapping[str, House] = {plugin.venue: House(plugin, books, start_at=T)}
    simulation = Simulation(world, houses, feeds, market.receive, lambda at: None, T, step=20 * MILLISECOND)  # type: ignore[arg-type]
    simulation.run(T + seconds * SECOND)
    return world, market


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda one: str(one.venue))
def test_every_book_of_single_orders_is_live_and_equal_to_the_engines(plugin: ExchangePlugin) -> None:
    world, market = run(plugin, SANDBOX_CREDENTIALS)
    (dialect,) = (one for one in plugin.dialects if one.channels)
    found = market.orders[plugin.venue]
    assert set(found) == set(world.flows)
    for symbol, flow in world.flows.items():
        sync, depth = found[symbol], dialect.feed().rule.depth
        assert (sync.state, sync.reason) == (BookState.LIVE, "")
        for side in Side:
            queues = [(price, size) for _, price, size in sync.orders.orders(side is Side.BUY)]
            levels = list(sync.book.levels(side is Side.BUY))
            assert levels == flow.levels(side, depth or 1 << 30)
            assert queues == flow.queues(side)[: len(queues)]
            assert levels == list(market.books[plugin.venue][symbol].book.levels(side is Side.BUY))[: len(levels)]
        assert flow.acts > 900


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda one: str(one.venue))
def test_a_key_that_the_venue_refuses_costs_only_the_single_orders(plugin: ExchangePlugin) -> None:
    wrong = Credentials(SANDBOX_CREDENTIALS.key, "c2VjcmV0", SANDBOX_CREDENTIALS.passphrase)
    _, market = run(plugin, wrong, 4)
    assert {one.state for one in market.books[plugin.venue].values()} == {BookState.LIVE}
    assert BookState.LIVE not in {one.state for one in market.orders[plugin.venue].values()}
