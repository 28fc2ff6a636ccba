"""The sandbox on real sockets: what a client gets, how a bad one fares, how it ends."""

import asyncio
import json
from collections.abc import Coroutine
from decimal import Decimal as D
from typing import Any

import aiohttp
import pytest
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe.clock import Nanos
from cryptopipe.drivers.serve import Served, serving
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.house import House

RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
SYMBOL = "btcusdt"


class Market:
    """One instrument, whose best bid is one tick higher, or 0.05 lower again, at each step."""

    def __init__(self) -> None:
        self.book = Engine(Instrument(bitfoo.venue, SYMBOL, Asset("BTC"), Asset("USDT"), rules=RULES))
        self.steps = 0
        self._order = 0

    def advance(self, until: Nanos) -> None:
        if not self.steps:
            self.book.limit(Side.BUY, 9_000, 5, until)
            self.book.limit(Side.SELL, 9_100, 7, until)
        self.book.cancel(self._order, until)
        self._order = self.book.limit(Side.BUY, 9_001 + self.steps % 5, 1_500, until).order_id
        self.steps += 1

    def house(self) -> House:
        return House(bitfoo, {SYMBOL: self.book})


def run(steps: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await steps

    asyncio.run(bounded())


async def subscribed(session: aiohttp.ClientSession, served: Served) -> aiohttp.ClientWebSocketResponse:
    ws = await session.ws_connect(served.origins[bitfoo.venue].ws("/v2"))
    await ws.send_str(f'{{"op":"sub","s":"{SYMBOL}"}}')
    return ws


def test_a_client_gets_what_the_venue_says_in_order() -> None:
    async def steps() -> None:
        market = Market()
        async with serving([market.house()], market.advance) as served, aiohttp.ClientSession() as session:
            ws = await subscribed(session, served)
            frames = [json.loads(await ws.receive_str()) for _ in range(40)]
            assert [frame["type"] for frame in frames[:2]] == ["subscribed", "snapshot"]
            assert ["90.00", "0.005"] in frames[1]["bids"] and frames[1]["asks"] == [["91.00", "0.007"]]
            first = frames[1]["seq"]
            assert [frame["seq"] for frame in frames[2:]] == list(range(first + 1, first + 39))
            assert served.delays.count >= 40

    run(steps())


def test_http_and_websockets_share_the_origin() -> None:
    async def steps() -> None:
        market = Market()
        async with serving([market.house()], market.advance) as served, aiohttp.ClientSession() as session:
            rest = served.origins[bitfoo.venue].rest
            async with session.get(f"{rest}/v2/book?s={SYMBOL}") as answer:
                assert answer.status == 200 and (await answer.json())["seq"] > 0
            async with session.get(f"{rest}/v3") as answer:
                assert (answer.status, await answer.json()) == (404, {"error": "no such path"})
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(served.origins[bitfoo.venue].ws("/v3"))
            assert refused.value.status == 404

    run(steps())
