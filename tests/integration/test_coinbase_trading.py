"""Trading at the simulated Coinbase over real sockets: our codecs and drivers, the served venue, its private stream.

What requests and the stream tell must agree, and the money must add up, whatever answers are lost on the way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import websockets

from cryptopipe import registry
from cryptopipe.clock import SECOND
from cryptopipe.drivers.errand import Errand
from cryptopipe.drivers.fetching import session
from cryptopipe.drivers.serve import serving
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.model.actions import CancelOrder, FetchBalances, FindOrder, ListOpenOrders, PlaceOrder
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, Side, VenueId
from cryptopipe.model.outcomes import Accepted, FillReport, OrderReport, OrderState, Refused, Reports
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.model.stream import Credentials
from cryptopipe.model.trading import Order
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

VENUES = ("coinbase_exchange", "coinbase")
SEED = 11


class Street:
    """One served venue with a client of ours."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.plugin: ExchangePlugin = registry.exchange(name)
        self.venue: VenueId = self.plugin.venue
        began = time.time_ns()
        self.world = World({self.venue: self.plugin}, Parameters.load(), SEED, began - 2 * SECOND)
        self.world.advance(began)
        books, desk = self.world.books[self.venue], self.world.desks[self.venue]
        self.house = House(self.plugin, books, faults, SEED, began, desk)
        self.instruments = tuple(book.instrument for book in books.values())
        self.credentials: Credentials | None = None
        self.errand: Errand
        self.origin = ""

    def instrument(self, symbol: str = "BTC-USD") -> Instrument:
        return next(one for one in self.instruments if one.symbol == symbol)

    def rewritten(self, venue: VenueId, url: str) -> str:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://{self.origin}{parts.path or '/'}{query}"

    def touch(self, side: Side) -> Decimal:
        """The best price to buy (or sell) at."""
        book = self.world.books[self.venue]["BTC-USD"]
        (price, _), *_ = book.levels(Side.SELL if side is Side.BUY else Side.BUY, 1)
        rules = self.instrument().rules
        assert rules is not None
        return price * rules.tick

    async def balances(self) -> dict[str, Decimal]:
        told = await self.errand.ask(FetchBalances(self.venue))
        assert isinstance(told, Reports)
        return {str(one.asset): one.free + one.locked for one in told.balances}


@asynccontextmanager
async def street(name: str, *faults: Fault) -> AsyncIterator[Street]:
    one = Street(name, faults)
    keys = SANDBOX_CREDENTIALS if one.plugin.sandbox_key is None else one.plugin.sandbox_key(SANDBOX_CREDENTIALS)
    one.credentials = keys
    assert one.plugin.actions is not None
    async with serving([one.house], one.world.advance) as served:
        one.origin = served.origins[one.venue].rest.partition("://")[2]
        codec = one.plugin.actions(one.instruments)
        signatory = Signatory(codecs={one.venue: codec}, credentials={one.venue: keys}, rewrite=one.rewritten)
        async with session(10 * SECOND) as http:
            one.errand = Errand({one.venue: codec}, signatory, http)
            yield one


@asynccontextmanager
async def listening(one: Street, into: list[Any], came: asyncio.Event) -> AsyncIterator[None]:
    """Its private stream, decoded into a list."""
    stream = one.plugin.private
    assert stream is not None and one.credentials is not None
    now = time.time_ns()
    codec = stream.codec(one.instruments)
    connect = codec.connect(stream.signer.auth(one.credentials, None, now), now)
    async with websockets.connect(one.rewritten(one.venue, connect.url), compression=None) as socket:
        for text in connect.frames:
            await socket.send(text)
        first = await asyncio.wait_for(socket.recv(), 10)  # the subscription is there
        list(codec.decode(first if isinstance(first, bytes) else first.encode(), time.time_ns()))

        async def read() -> None:
            async for message in socket:
                frame = message if isinstance(message, bytes) else message.encode()
                into.extend(codec.decode(frame, time.time_ns()))
                came.set()

        task = asyncio.create_task(read())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Any, came: asyncio.Event) -> None:
    """Waits for something that the stream brings."""
    async with asyncio.timeout(10):
        while not what():
            came.clear()
            await came.wait()


@pytest.mark.parametrize("name", VENUES)
def test_orders_rest_and_are_cancelled_and_the_stream_says_so(name: str) -> None:
    async def run() -> None:
        heard: list[Any] = []
        came = asyncio.Event()
        async with street(name) as one, listening(one, heard, came):
            low = (one.touch(Side.BUY) * Decimal("0.9")).quantize(Decimal("0.01"))
            order = PlaceOrder(one.instrument(), Side.BUY, Decimal("0.01"), low, str(uuid4()))
            placed = await one.errand.ask(order)
            assert isinstance(placed, Accepted)
            told = await one.errand.ask(ListOpenOrders(one.venue, one.instrument()))
            assert isinstance(told, Reports) and [each.client_id for each in told.orders] == [order.client_id]
            cancel = CancelOrder(one.instrument(), order.client_id, placed.venue_id)
            assert isinstance(await one.errand.ask(cancel), Accepted)

            def ended() -> bool:
                return any(isinstance(each, OrderReport) and each.state is OrderState.CANCELLED for each in heard)

            await until(ended, came)
            reports = [each for each in heard if isinstance(each, OrderReport)]
            assert {each.client_id for each in reports} == {order.client_id}
            assert {each.order_id for each in reports} == {placed.venue_id}
            assert await one.errand.ask(ListOpenOrders(one.venue)) == Reports()
            poor = PlaceOrder(one.instrument(), Side.BUY, Decimal(20), low, str(uuid4()))
            assert isinstance(await one.errand.ask(poor), Refused)

    asyncio.run(run())


FAULTS = {
    "none": (),
    "lost response": (Fault("lost_response", words={"of": "order"}),),
    "lost request": (Fault("lost_request", words={"of": "order"}),),
    "server error": (Fault("action_5xx", values={"done": 1}, words={"of": "order"}),),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", VENUES)
def test_an_order_is_pursued_to_its_last_fill_whatever_is_lost(name: str, fault: str) -> None:
    async def run() -> None:
        heard: list[Any] = []
        came = asyncio.Event()
        async with street(name, *FAULTS[fault]) as one, listening(one, heard, came):
            before = await one.balances()
            limit = (one.touch(Side.BUY) * Decimal("1.01")).quantize(Decimal("0.01"))
            order = Order(str(uuid4()), 1, one.instrument(), Side.BUY, Decimal("0.05"), limit)
            done = await one.errand.pursue(order)
            after = await one.balances()
            bought = sum((fill.size for fill in done.fills), Decimal(0))
            assert bought == (0 if fault == "lost request" else Decimal("0.05"))
            assert after["BTC"] - before["BTC"] == bought
            paid = sum((fill.size * fill.price + fill.fee.amount for fill in done.fills if fill.fee), Decimal(0))
            assert abs(before["USD"] - after["USD"] - paid) < Decimal("1e-7")
            if bought:
                await until(lambda: _sold(heard) == bought, came)  # by single fills, or by an order's sum
                found = await one.errand.ask(FindOrder(one.instrument(), order.client_id))
                assert isinstance(found, Reports) and found.orders[0].state is OrderState.FILLED

    asyncio.run(run())


def _sold(heard: Sequence[Any]) -> Decimal:
    fills = sum((each.size for each in heard if isinstance(each, FillReport)), Decimal(0))
    sums = [each.filled for each in heard if isinstance(each, OrderReport)]
    return fills or max(sums, default=Decimal(0))
