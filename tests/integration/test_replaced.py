"""The log of a connection that is replaced before its lifetime ends: its closing is no warning."""

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from urllib.parse import urlsplit, urlunsplit

import structlog
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe import api
from cryptopipe.cli.logs import configure
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.serve import Served, serving
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams
from cryptopipe.market.feeds import subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.house import House

LIFETIME: Nanos = 2 * SECOND
RULES = api.TradingRules(D("0.01"), D("0.0001"), D("0.0001"), D(5))
INSTRUMENT = api.Instrument(bitfoo.venue, "btcusdt", api.Asset("BTC"), api.Asset("USDT"), rules=RULES)


class World:
    """One market that never stands still."""

    def __init__(self) -> None:
        self.book, self._steps = Engine(INSTRUMENT), 0

    def advance(self, until: Nanos) -> None:
        self._steps += 1
        for side, price in ((api.Side.BUY, 90_000), (api.Side.SELL, 110_000)):
            self.book.limit(side, price, 50_000 + self._steps, until)


def streams_of(served: Served) -> Streams:
    origin, plugin = urlsplit(served.origins[bitfoo.venue].rest), replace(bitfoo, lifetime=LIFETIME)

    def there(_: api.VenueId, url: str) -> str:
        real = urlsplit(url)
        return urlunsplit(("ws" if real.scheme == "wss" else "http", origin.netloc, real.path, real.query, ""))

    market = Market({plugin.venue: plugin})

    def turn_ended(at: Nanos) -> None:
        market.take_changed()

    wanted = {plugin.venue: subscriptions_of([INSTRUMENT])}
    return Streams({plugin.venue: plugin}, market, wanted, market.receive, turn_ended, there)


def test_a_planned_closing_is_told_as_a_replacement_and_not_as_a_failure() -> None:
    async def steps() -> None:
        world = World()
        async with serving([House(bitfoo, {INSTRUMENT.symbol: world.book})], world.advance) as served:
            assert await streams_of(served)._run(Stop(), LIFETIME + SECOND // 2) == "duration"

    configure(verbose=1)  # an earlier command of this process may have asked for warnings only
    with structlog.testing.capture_logs() as lines:
        asyncio.run(steps())
    feeds = [line for line in lines if line["event"].startswith("feed.")]
    assert [(one["event"], one["log_level"], one["conn"]) for one in feeds] == [
        ("feed.opened", "info", "bitfoo#1"),
        ("feed.opened", "info", "bitfoo#1+"),
        ("feed.replaced", "info", "bitfoo#1"),
    ]
    assert (feeds[2]["by"], feeds[2]["reason"]) == ("bitfoo#1+", "bitfoo#1+ carries its books")
