"""A served venue, a client of ours that trades there, and what its private stream tells; for each venue's own tests.

Enters: a venue's name, faults, keys. Leaves: a `Street` and a `Heard` while inside. Never: a real venue.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import websockets

from cryptopipe import registry
from cryptopipe.clock import SECOND
from cryptopipe.drivers.errand import Errand
from cryptopipe.drivers.fetching import session
from cryptopipe.drivers.serve import serving
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.actions import CancelOrder, FetchBalances, ListOpenOrders, PlaceOrder, PrivateStream
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, Side, VenueId
from cryptopipe.model.outcomes import Accepted, OrderReport, OrderState, Reports
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.model.stream import Credentials, HttpResponse, StreamAuth
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SEED = 11
FAULTS: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "lost response": (Fault("lost_response", words={"of": "order"}),),
    "lost request": (Fault("lost_request", words={"of": "order"}),),
    "server error": (Fault("action_5xx", values={"done": 1}, words={"of": "order"}),),
}
"""What an order may meet on its way, at every venue."""


class Street:
    """One served venue, those beside it that coins can be sent to, and a client of ours."""

    def __init__(
        self, name: str, faults: Sequence[Fault], keys: Credentials, parameters: Parameters, beside: Sequence[str]
    ) -> None:
        self.plugin: ExchangePlugin = registry.exchange(name)
        self.venue: VenueId = self.plugin.venue
        began = time.time_ns()
        plugins = {one.venue: one for one in (self.plugin, *map(registry.exchange, beside))}
        self.world = World(plugins, parameters, SEED, began - 2 * SECOND)
        self.world.advance(began)
        self.books, self.desk = self.world.books[self.venue], self.world.desks[self.venue]
        self.house = House(self.plugin, self.books, faults, SEED, began, self.desk)
        self.instruments = tuple(book.instrument for book in self.books.values())
        self.credentials = keys if self.plugin.sandbox_key is None else self.plugin.sandbox_key(keys)
        self.errand: Errand
        self.origin = ""

    def instrument(self, symbol: str) -> Instrument:
        """By the venue's own spelling."""
        return self.books[symbol].instrument

    def rewritten(self, venue: VenueId, url: str) -> str:
        """The same path at the served venue."""
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://{self.origin}{parts.path or '/'}{query}"

    def near(self, symbol: str, side: Side, factor: str) -> Decimal:
        """A price on the grid, about `factor` times the best to buy (or sell) at."""
        book = self.books[symbol]
        (price, _), *_ = book.levels(Side.SELL if side is Side.BUY else Side.BUY, 1)
        rules = book.instrument.rules
        assert rules is not None
        return int(price * Decimal(factor)) * rules.tick

    async def balances(self, wallet: str = "") -> dict[str, Decimal]:
        """Free and locked together."""
        told = await self.errand.ask(FetchBalances(self.venue, wallet))
        assert isinstance(told, Reports)
        return {str(one.asset): one.free + one.locked for one in told.balances}


@asynccontextmanager
async def street(
    name: str,
    *faults: Fault,
    keys: Credentials = SANDBOX_CREDENTIALS,
    parameters: Parameters | None = None,
    beside: Sequence[str] = (),
) -> AsyncIterator[Street]:
    """While inside, the venue is served and requests can be made."""
    one = Street(name, faults, keys, parameters or Parameters.load(), beside)
    assert one.plugin.actions is not None
    codecs = {one.venue: one.plugin.actions(one.instruments)}
    async with asyncio.timeout(300), serving([one.house], one.world.advance) as served:
        one.origin = served.origins[one.venue].rest.partition("://")[2]
        keys = {one.venue: one.credentials}
        signatory = Signatory(codecs=codecs, credentials=keys, rewrite=one.rewritten, withdrawing=keys)
        async with session(ANSWER_WITHIN) as http:
            one.errand = Errand(codecs, signatory, http)
            yield one


class Heard:
    """What the private stream told, decoded."""

    def __init__(self) -> None:
        self.frames = 0
        self.reports: list[Any] = []
        self._came = asyncio.Event()

    def take(self, reports: Any) -> None:
        """Of one frame."""
        self.frames += 1
        self.reports.extend(reports)
        self._came.set()

    def of(self, kind: type[Any]) -> list[Any]:
        """All reports of a kind, in the order they came."""
        return [one for one in self.reports if isinstance(one, kind)]

    async def until(self, what: Callable[[], Any]) -> None:
        """Waits for something that the stream brings."""
        async with asyncio.timeout(10):
            while not what():
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def listening(one: Street, first: type[Any] | None = None) -> AsyncIterator[Heard]:
    """The private stream, from the answers to our own frames on; where `first` is given, from such a report on."""
    stream, heard = one.plugin.private, Heard()
    assert stream is not None
    codec = stream.codec(one.instruments)
    connect = codec.connect(await _auth(one, stream), time.time_ns())
    async with websockets.connect(one.rewritten(one.venue, connect.url), compression=None) as socket:

        async def listen() -> None:
            async for message in socket:
                frame = message if isinstance(message, bytes) else message.encode()
                heard.take(codec.decode(frame, time.time_ns()))

        task = asyncio.create_task(listen())
        for text in connect.frames:
            before = heard.frames
            await socket.send(text)
            await heard.until(lambda before=before: heard.frames > before)
        await heard.until(lambda: first is None or heard.of(first))
        yield heard
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _auth(one: Street, stream: PrivateStream) -> StreamAuth:
    """By a request over the same sockets where the venue wants one."""
    request = stream.signer.request(one.credentials, time.time_ns())
    if request is None:
        return stream.signer.auth(one.credentials, None, time.time_ns())
    url, headers = one.rewritten(one.venue, request.url), dict(request.headers)
    async with (
        aiohttp.ClientSession() as http,
        http.request(request.method, url, headers=headers, data=request.body) as answer,
    ):
        return stream.signer.auth(one.credentials, HttpResponse(answer.status, await answer.read()), time.time_ns())


async def rests_and_is_cancelled(one: Street, heard: Heard, order: PlaceOrder, by_number: bool = False) -> None:
    """An order that stands is listed, is cancelled by our id (and the venue's too), and the stream tells no other."""
    placed = await one.errand.ask(order)
    assert isinstance(placed, Accepted)
    told = await one.errand.ask(ListOpenOrders(one.venue, order.instrument))
    assert isinstance(told, Reports) and [each.client_id for each in told.orders] == [order.client_id]
    cancel = CancelOrder(order.instrument, order.client_id, placed.venue_id if by_number else "")
    assert isinstance(await one.errand.ask(cancel), Accepted)
    await heard.until(lambda: any(each.state is OrderState.CANCELLED for each in heard.of(OrderReport)))
    reports = heard.of(OrderReport)
    assert {(each.client_id, each.order_id) for each in reports} == {(order.client_id, placed.venue_id)}
    assert reports[-1].state is OrderState.CANCELLED
    assert await one.errand.ask(ListOpenOrders(one.venue)) == Reports()
