"""The private side on real sockets: signed requests, a user's stream, answers that come late or never, and alone."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Any

import aiohttp
import msgspec
import pytest
from simulation.bitfoo_trading import sign_in, signed, trading
from simulation.street import FOO

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.clock import MILLISECOND, SECOND, Stamper
from cryptopipe.drivers.serve import Served, serving
from cryptopipe.model.facts import Asset
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

LATE = 700 * MILLISECOND


class Market:
    """One venue with its private side, in the time of the wall clock."""

    def __init__(self, *faults: Fault) -> None:
        self.stamp = Stamper()
        calm = msgspec.structs.replace(Parameters.load(), rate=0.1)
        start_at, plugin = self.stamp(), trading("foo")
        self.world = World({FOO: plugin}, calm, 1, start_at, frozenset({Asset("BTC"), Asset("USDT")}))
        self.house = House(plugin, self.world.books[FOO], faults, 1, start_at, self.world.desks[FOO])

    def ids(self) -> list[str]:
        return [order.order.client_id for order in self.world.desks[FOO].accounts[1].orders()]


class Client:
    """Who signs."""

    def __init__(self, session: aiohttp.ClientSession, served: Served) -> None:
        self._session, self._served, self._stamp = session, served, Stamper()

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = signed(SANDBOX_CREDENTIALS, method, f"/v2/my/{path}", body, self._stamp())
        url = self._served.origins[FOO].rest + request.url
        async with self._session.request(method, url, headers=request.headers, data=request.body) as answer:
            return answer.status, await answer.json()

    async def place(self, client_id: str) -> tuple[int, Any]:
        return await self.ask("POST", "order", {"s": "btcusdt", "side": "buy", "size": "0.01", "id": client_id})

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        ws = await self._session.ws_connect(self._served.origins[FOO].ws("/v2/my"))
        await ws.send_str(sign_in(SANDBOX_CREDENTIALS, self._stamp()))
        assert json.loads(await ws.receive_str()) == {"type": "signed in"}
        return ws


def run(faults: Sequence[Fault], steps: Any) -> None:
    async def all_of_it() -> None:
        market = Market(*faults)
        async with (
            asyncio.timeout(20),
            serving([market.house], market.world.advance) as served,
            aiohttp.ClientSession() as session,
        ):
            await steps(market, served, Client(session, served))

    asyncio.run(all_of_it())


def test_an_order_is_placed_and_told() -> None:
    async def steps(market: Market, served: Served, client: Client) -> None:
        ws = await client.listen()
        before, frames = monotonic(), served.delays.count
        status, told = await client.place("a")
        took = monotonic() - before
        assert (status, told["state"]) == (200, "filled") and took > 0.005  # some tens of ms
        events = [json.loads(await ws.receive_str()) for _ in range(3)]
        assert [event["number"] for event in events] == [1, 2, 3]
        assert events[2]["fill"]["order"] == told["order"]
        assert served.delays.count >= frames + 4, "the answer counts as the frames do"

    run([], steps)


def test_a_late_answer_holds_up_nobody() -> None:
    async def steps(market: Market, served: Served, client: Client) -> None:
        before = monotonic()
        late = asyncio.create_task(client.place("a"))
        others = [asyncio.create_task(client.ask("GET", "orders")) for _ in range(5)]
        done, waiting = await asyncio.wait([late, *others], timeout=LATE / SECOND / 2)
        assert waiting == {late} and len(done) == 5
        assert market.ids() == ["a"]
        assert (await late)[0] == 200 and monotonic() - before > LATE / SECOND
        assert served.delays.longest < LATE, "what the venue takes is not the sandbox's own delay"

    run([Fault("late_ack", values={"delay": LATE})], steps)


def test_a_lost_answer_is_silence_and_the_order_is_there() -> None:
    async def steps(market: Market, served: Served, client: Client) -> None:
        lost = asyncio.create_task(client.place("a"))
        done, waiting = await asyncio.wait([lost], timeout=0.3)
        assert not done and waiting == {lost} and market.ids() == ["a"]
        status, found = await client.ask("GET", "order?id=a")
        assert (status, found["state"]) == (200, "filled")
        lost.cancel()

    run([Fault("lost_response")], steps)


def test_what_is_lost_or_late_ends_with_the_sandbox() -> None:
    async def steps(market: Market, served: Served, client: Client) -> None:
        pending = [asyncio.create_task(client.place(name)) for name in ("a", "b")]
        await client.ask("GET", "orders")
        assert not any(task.done() for task in pending)
        for task in pending:
            task.cancel()

    before = monotonic()
    run([Fault("lost_response", probability=0.5), Fault("late_ack", values={"delay": 60 * SECOND})], steps)
    assert monotonic() - before < 5


def test_a_broken_private_stream_is_a_reset() -> None:
    async def steps(market: Market, served: Served, client: Client) -> None:
        ws = await client.listen()
        message = await ws.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)
        assert ws.close_code == 1006

    run([Fault("drop_private", at=500 * MILLISECOND)], steps)


def test_the_command_tells_the_key_the_stream_and_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    name = next(name for name, one in registry.exchanges().items() if one.trading_sandbox is not None)
    assert main(["sandbox", "--json", "--venues", name, "--for", "100ms"]) == 0
    told = json.loads(capsys.readouterr().out)["venues"][name]
    house, key = told["rest"].removeprefix("http"), SANDBOX_CREDENTIALS
    assert (told["key"], told["secret"], told["passphrase"]) == (key.key, key.secret, key.passphrase)
    assert told["ws_private"].startswith(f"ws{house}/") and told["ws_private"] not in told["ws"].values()
    assert {"asset", "network", "chain", "deposits", "withdrawals", "withdrawal_fee", "confirmations"} == set(
        told["networks"][0]
    )


def test_every_installed_venue_with_accounts_can_be_served_with_its_desk() -> None:
    plugins = [plugin for plugin in registry.exchanges().values() if plugin.trading_sandbox is not None]
    assert plugins
    stamp = Stamper()
    world = World({plugin.venue: plugin for plugin in plugins}, Parameters.load(), 1, stamp())
    houses = [House(one, world.books[one.venue], (), 1, world.now, world.desks[one.venue]) for one in plugins]

    async def steps() -> None:
        async with serving(houses, world.advance) as served:
            assert set(served.origins) == {plugin.venue for plugin in plugins}

    coroutine: Coroutine[Any, Any, None] = steps()
    asyncio.run(coroutine)
    for house in houses:
        assert house.is_private and house.endpoints
