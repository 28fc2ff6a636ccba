"""Single orders and signed streams over real sockets: each venue that has them, against its simulated side."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from cryptopipe import api, registry
from cryptopipe.capture.inputs import STREAM_TOKEN, Direction, Input
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Intake
from cryptopipe.drivers.live import Live
from cryptopipe.drivers.serve import Served, serving
from cryptopipe.drivers.streams import credentials_for, orders_subscriptions
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.house import House
from cryptopipe.settings import Settings

STEPS = 150
"""Moves of the market; then it stands still, and every book must become equal to it."""
SECRETS = (api.SANDBOX_TOKEN, *(getattr(api.SANDBOX_CREDENTIALS, name) for name in ("key", "secret", "passphrase")))


def venues() -> list[str]:
    found = registry.exchanges().items()
    return [name for name, one in found if one.sandbox and any(api.Channel.ORDERS in d.channels for d in one.dialects)]


class World:
    """One market in which orders come, go, shrink and are matched."""

    def __init__(self, instrument: api.Instrument) -> None:
        self.book, self._steps = Engine(instrument), 0
        self._mine: list[int] = []

    def advance(self, until: Nanos) -> None:
        step, book = self._steps, self.book
        self._steps += 1
        if step >= STEPS:
            return
        if step == 0:
            for depth in range(1, 12):
                book.limit(api.Side.BUY, 100_000 - depth, 50_000 + depth, until)
                book.limit(api.Side.SELL, 100_000 + depth, 50_000 + depth, until)
        side = api.Side.BUY if step % 2 else api.Side.SELL
        price = 100_000 + (step % 5) * (-1 if side is api.Side.BUY else 1) - (1 if side is api.Side.BUY else -1)
        self._mine.append(book.limit(side, price, 10_000 + step, until).order_id)
        if step % 3 == 0:
            book.cancel(self._mine.pop(0), until)

    @property
    def still(self) -> bool:
        return self._steps > STEPS


class Run:
    """The client's end."""

    def __init__(self, plugin: api.ExchangePlugin, instrument: api.Instrument, served: Served, signed: bool) -> None:
        origin, venue = urlsplit(served.origins[plugin.venue].rest), plugin.venue

        def there(_: api.VenueId, url: str) -> str:
            real = urlsplit(url)
            return urlunsplit(("ws" if real.scheme == "wss" else "http", origin.netloc, real.path, real.query, ""))

        self.stamp, self.inputs = Stamper(), list[Input]()
        self.venue, self.symbol, self.market = venue, instrument.symbol, Market({venue: plugin})
        plugins = {venue: plugin}
        depth = [api.Subscription(instrument, api.Channel.DEPTH)]
        wanted = {venue: [*depth, *orders_subscriptions(plugins, [instrument.id])[venue]]}
        keys = credentials_for(plugins, Settings(), simulated=signed)
        self.feeds = Feeds(self.market, plugins, wanted, lambda: 0.0, self.stamp(), there, keys)
        self.intake = Intake(self.feeds, self._take, self.stamp)
        self.live = Live(self.feeds, self.intake, lambda: None, self.stamp)

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def book(self, orders: bool) -> BookSync | None:
        return (self.market.orders if orders else self.market.books)[self.venue].get(self.symbol)

    async def until(self, done: Callable[[], bool]) -> None:
        began_at = self.stamp()

        def over(now: Nanos) -> str:
            late = now - began_at > 12 * SECOND
            told = [one.payload for one in self.inputs if one.direction is Direction.CLOSE]
            assert not late, f"not done: {self.book(True) and self.book(True).state}, {told}, {self.market.counts}"  # type: ignore[union-attr]
            return "done" if done() else ""

        assert await self.live.run(over) == "done"


def served_run(name: str, signed: bool, done: Callable[[Run, World], bool]) -> tuple[Run, World]:
    plugin = registry.exchange(name)
    instrument = next(one for one in plugin.instruments.listed() if one.rules is not None and one.book_of is None)
    found: list[tuple[Run, World]] = []

    async def steps() -> None:
        world = World(instrument)
        async with serving([House(plugin, {instrument.symbol: world.book})], world.advance) as served:
            run = Run(plugin, instrument, served, signed)
            found.append((run, world))
            await run.until(lambda: done(run, world))

    asyncio.run(steps())
    return found[0]


def shown(sync: BookSync, bids: bool, count: int) -> list[tuple[int, int]]:
    """Levels of a book, single orders added up, in whole ticks and lots."""
    rules = sync.instrument.rules
    assert rules is not None
    return [(int(price / rules.tick), int(size / rules.step)) for price, size in sync.book.levels(bids, count)]


def equal(run: Run, world: World) -> bool:
    """Whether both books are the engine's."""
    for orders in (True, False):
        sync = run.book(orders)
        if sync is None or sync.state is not BookState.LIVE:
            return False
        for side in api.Side:
            if shown(sync, side is api.Side.BUY, 10) != list(world.book.levels(side, 10)):
                return False
    return True


@pytest.mark.parametrize("name", venues())
def test_single_orders_add_up_to_the_book_and_no_secret_is_kept(name: str, tmp_path: Path) -> None:
    run, world = served_run(name, True, lambda run, world: world.still and equal(run, world))
    sync = run.book(True)
    assert sync is not None and (sync.gaps, run.market.counts[run.venue].refused) == (0, 0)
    held = [(order.price, order.size) for order in world.book.orders(api.Side.BUY)][:10]
    rules = sync.instrument.rules
    assert rules is not None
    mine = [(int(p / rules.tick), int(s / rules.step)) for _, p, s in sync.orders.orders(True, 10)]
    assert mine == held, "the queues"
    with Writer(tmp_path / "capture") as writer:
        for entry in run.inputs:
            writer.append(entry)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*.arrows"))
    assert [secret for secret in SECRETS if secret.encode() in written] == []


@pytest.mark.parametrize("name", [name for name in venues() if registry.exchange(name).signer is not None])
def test_without_a_key_single_orders_are_left_out_and_levels_go_on(name: str) -> None:
    def followed(run: Run, world: World) -> bool:
        sync = run.book(False)
        return sync is not None and sync.state is BookState.LIVE

    run, _ = served_run(name, False, followed)
    (closed,) = [one for one in run.inputs if one.direction is Direction.CLOSE]
    assert f"set keys.{name}.key and keys.{name}.secret" in closed.payload.decode()
    assert run.market.orders[run.venue] == {}
    assert not any(one.request == STREAM_TOKEN for one in run.inputs)
