"""Trading at the simulated Binance over real sockets: our codecs and drivers, the served venue, its private stream.

What requests and the stream tell must agree, and the money must add up, whatever answers are lost on the way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets
from integration.asking import errand

from cryptopipe import registry
from cryptopipe.clock import SECOND
from cryptopipe.drivers.errand import Errand
from cryptopipe.drivers.serve import serving
from cryptopipe.model.actions import CancelOrder, FetchBalances, FindOrder, ListOpenOrders, PlaceOrder
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId
from cryptopipe.model.outcomes import Accepted, BalanceReport, FillReport, OrderReport, OrderState, Refused, Reports
from cryptopipe.model.simulated import SANDBOX_TRADER
from cryptopipe.model.trading import Order
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SEED = 11
ASSETS = frozenset(map(Asset, ("BTC", "USDT")))
SIZE = Decimal("0.05")


class Street:
    """One served venue with a client of ours."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.plugin = registry.exchange("binance")
        self.venue: VenueId = self.plugin.venue
        began = time.time_ns()
        self.world = World({self.venue: self.plugin}, Parameters.load(), SEED, began - 2 * SECOND, ASSETS)
        self.world.advance(began)
        books = self.world.books[self.venue]
        self.house = House(self.plugin, books, faults, SEED, began, self.world.desks[self.venue])
        self.book = books["BTCUSDT"]
        self.instrument: Instrument = self.book.instrument
        self.errand: Errand
        self.origin = ""

    def rewritten(self, venue: VenueId, url: str) -> str:
        """The same path at the served venue."""
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://{self.origin}{parts.path}{query}"

    def price(self, share: str) -> Decimal:
        """A share of the best offer, on the grid."""
        assert self.instrument.rules is not None
        best = self.book.levels(Side.SELL, 1)[0][0] * self.instrument.rules.tick
        return (best * Decimal(share)).quantize(Decimal("0.01"))

    async def balances(self) -> dict[str, Decimal]:
        """Free and locked together."""
        told = await self.errand.ask(FetchBalances(self.venue))
        assert isinstance(told, Reports)
        return {str(one.asset): one.free + one.locked for one in told.balances}


@asynccontextmanager
async def street(*faults: Fault) -> AsyncIterator[Street]:
    """With a key that may trade and not withdraw."""
    one = Street(faults)
    assert one.plugin.actions is not None
    async with serving([one.house], one.world.advance) as served:
        one.origin = served.origins[one.venue].rest.partition("://")[2]
        codec = one.plugin.actions((one.instrument,))
        async with errand({one.venue: codec}, {one.venue: SANDBOX_TRADER}, one.rewritten) as asked:
            one.errand = asked
            yield one


@asynccontextmanager
async def listening(one: Street, into: list[Any], came: asyncio.Event) -> AsyncIterator[None]:
    """Its private stream, decoded into a list."""
    assert one.plugin.private is not None
    codec, now = one.plugin.private.codec((one.instrument,)), time.time_ns()
    connect = codec.connect(one.plugin.private.signer.auth(SANDBOX_TRADER, None, now), now)
    async with websockets.connect(one.rewritten(one.venue, connect.url), compression=None) as socket:
        for text in connect.frames:
            await socket.send(text)
        answer = await socket.recv()  # subscribed: what is told from now on is heard
        assert list(codec.decode(str(answer).encode(), time.time_ns())) == []

        async def read() -> None:
            async for message in socket:
                into.extend(codec.decode(str(message).encode(), time.time_ns()))
                came.set()

        task = asyncio.create_task(read())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool], came: asyncio.Event) -> None:
    """Waits for something that the stream brings."""
    async with asyncio.timeout(10):
        while not what():
            came.clear()
            await came.wait()


def test_orders_rest_and_are_cancelled_and_the_stream_says_so() -> None:
    async def run() -> None:
        heard: list[Any] = []
        came = asyncio.Event()
        async with street() as one, listening(one, heard, came):
            order = PlaceOrder(one.instrument, Side.BUY, SIZE, one.price("0.9"), "cp-1")
            placed = await one.errand.ask(order)
            assert isinstance(placed, Accepted)
            told = await one.errand.ask(ListOpenOrders(one.venue, one.instrument))
            assert isinstance(told, Reports) and [each.client_id for each in told.orders] == ["cp-1"]
            assert isinstance(await one.errand.ask(CancelOrder(one.instrument, "cp-1")), Accepted)
            await until(lambda: _last(heard) is OrderState.CANCELLED, came)
            reports = [each for each in heard if isinstance(each, OrderReport)]
            assert {(each.client_id, each.order_id) for each in reports} == {("cp-1", placed.venue_id)}
            assert await one.errand.ask(ListOpenOrders(one.venue)) == Reports()
            poor = PlaceOrder(one.instrument, Side.BUY, Decimal(20), one.price("0.9"), "cp-2")
            refused = await one.errand.ask(poor)
            assert refused == Refused("-2010", "Account has insufficient balance for requested action.")

    asyncio.run(run())


FAULTS = {
    "none": (),
    "lost response": (Fault("lost_response", words={"of": "order"}),),
    "lost request": (Fault("lost_request", words={"of": "order"}),),
    "late answer": (Fault("late_ack", values={"delay": 2 * SECOND}, words={"of": "order"}),),
    "server error": (Fault("action_5xx", values={"done": 1}, words={"of": "order"}),),
    "told twice": (Fault("duplicate_event"),),
    "told out of order": (Fault("reorder_event", values={}),),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_an_order_is_pursued_to_its_last_fill_whatever_is_lost(fault: str) -> None:
    async def run() -> None:
        heard: list[Any] = []
        came = asyncio.Event()
        async with street(*FAULTS[fault]) as one, listening(one, heard, came):
            before = await one.balances()
            done = await one.errand.pursue(Order("cp-9", 1, one.instrument, Side.BUY, SIZE, one.price("1.01")))
            after = await one.balances()
            bought = sum((fill.size for fill in done.fills), Decimal(0))
            assert bought == (0 if fault == "lost request" else SIZE)
            fees = sum((fill.fee.amount for fill in done.fills if fill.fee and fill.fee.asset == "BTC"), Decimal(0))
            paid = sum((fill.size * fill.price for fill in done.fills), Decimal(0))
            assert after["BTC"] - before["BTC"] == bought - fees
            assert before["USDT"] - after["USDT"] == paid
            if bought:
                await until(lambda: _sold(heard) == bought, came)
                await until(lambda: _held(heard, "BTC") == after["BTC"], came)
                found = await one.errand.ask(FindOrder(one.instrument, "cp-9"))
                assert isinstance(found, Reports) and found.orders[0].state is OrderState.FILLED

    asyncio.run(run())


def _last(heard: Sequence[Any]) -> OrderState | None:
    reports = [each.state for each in heard if isinstance(each, OrderReport)]
    return reports[-1] if reports else None


def _sold(heard: Sequence[Any]) -> Decimal:
    """Each fill once, however often it is told."""
    fills = {each.fill_id: each.size for each in heard if isinstance(each, FillReport)}
    return sum(fills.values(), Decimal(0))


def _held(heard: Sequence[Any], asset: str) -> Decimal | None:
    """The most that was told: what is bought only grows."""
    told = [each for each in heard if isinstance(each, BalanceReport) and each.asset == asset]
    return max((each.free + each.locked for each in told), default=None)
