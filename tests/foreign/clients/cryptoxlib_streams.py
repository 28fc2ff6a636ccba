"""cryptoxlib-aio at the sandbox: an old client (aiohttp 3.7, websockets 9), REST and streams of Binance.

Enters: `told.options` with `books` of `binance`. Leaves: lines of `told`. Never: anything changed but addresses.
"""

import asyncio

from cryptoxlib.clients.binance.BinanceWebsocket import (
    AggregateTradeSubscription,
    BinanceWebsocket,
    OrderBookSymbolTickerSubscription,
    TradeSubscription,
)
from cryptoxlib.clients.binance.enums import Interval
from cryptoxlib.CryptoXLib import CryptoXLib
from cryptoxlib.Pair import Pair
from told import attempt_async, called, finish, frames, listen_to, options, started_when, versions

VENUE = "binance"


async def main():
    versions("cryptoxlib-aio")
    listen_to("")
    client = CryptoXLib.create_binance_client("none", "none")
    client.rest_api_uri = options["origins"]["rest"][VENUE] + "/"
    BinanceWebsocket.WEBSOCKET_URI = options["origins"]["ws"][VENUE] + "/"
    pair = Pair("BTC", "USDT")
    counts = {}
    calls = {
        "ping": client.ping(),
        "get_time": client.get_time(),
        "get_exchange_info": client.get_exchange_info(),
        "get_orderbook": client.get_orderbook(pair=pair),
        "get_trades": client.get_trades(pair=pair),
        "get_candlesticks": client.get_candlesticks(pair=pair, interval=Interval.I_1MIN, limit=5),
        "get_24h_price_ticker": client.get_24h_price_ticker(pair=pair),
        "get_orderbook_ticker": client.get_orderbook_ticker(pair=pair),
    }
    for name, awaitable in calls.items():
        await attempt_async(VENUE, name, awaitable, lambda got: int(got["status_code"] == 200))

    def counter(name):
        async def count(message):
            frames[VENUE] += 1
            counts[name] = counts.get(name, 0) + 1

        return count

    client.compose_subscriptions(
        [
            TradeSubscription(pair, callbacks=[counter("trade")]),
            AggregateTradeSubscription(pair, callbacks=[counter("aggTrade")]),
            OrderBookSymbolTickerSubscription(pair, callbacks=[counter("bookTicker")]),
        ]
    )
    running = asyncio.create_task(client.start_websockets())
    await started_when(lambda: len(counts) == 3, counts)
    await asyncio.sleep(options["seconds"])
    for name, count in counts.items():
        called(VENUE, name, count)
    finish()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()


asyncio.run(main())
