"""python-binance at the sandbox: what its users ask first, some sockets, and its own depth cache.

Enters: `told.options` with `books` of `binance`. Leaves: lines of `told`. Never: a class changed but for its addresses.
"""

import asyncio

from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
from binance.base_client import BaseClient
from told import attempt_async, called, complain, finish, frames, listen_to, moments, options, started_when, versions

VENUE = "binance"


async def ask(client, symbol):
    calls = {
        "ping": client.ping(),
        "get_server_time": client.get_server_time(),
        "get_exchange_info": client.get_exchange_info(),
        "get_symbol_info": client.get_symbol_info(symbol),
        "get_all_tickers": client.get_all_tickers(),
        "get_orderbook_tickers": client.get_orderbook_tickers(),
        "get_order_book": client.get_order_book(symbol=symbol),
        "get_recent_trades": client.get_recent_trades(symbol=symbol),
        "get_aggregate_trades": client.get_aggregate_trades(symbol=symbol),
        "get_klines": client.get_klines(symbol=symbol, interval="1m"),
        "get_avg_price": client.get_avg_price(symbol=symbol),
        "get_ticker": client.get_ticker(symbol=symbol),
        "get_symbol_ticker": client.get_symbol_ticker(symbol=symbol),
        "get_orderbook_ticker": client.get_orderbook_ticker(symbol=symbol),
    }
    for name, awaitable in calls.items():
        await attempt_async(VENUE, name, awaitable, lambda got, name=name: name == "ping" or len(got))


async def listen(name, socket):
    async with socket as stream:
        while True:
            message = await stream.recv()
            frames[VENUE] += 1
            if "error" in str(message.get("e", message.get("data", {}).get("e") if "data" in message else "")):
                complain(VENUE, f"{name}: {message}")
            counts[name] = counts.get(name, 0) + 1


async def follow(manager, symbol):
    async with manager as cache:
        while True:
            got = await cache.recv()
            if not hasattr(got, "get_bids"):
                complain(VENUE, f"depth cache of {symbol}: {got}")
                continue
            counts["depth cache"] = counts.get("depth cache", 0) + 1
            caches[symbol] = got


def read(name):
    cache = caches[name.split()[1]]
    return cache.get_bids(), cache.get_asks()


async def main():
    versions("python-binance")
    listen_to("")
    BaseClient.API_URL = options["origins"]["rest"][VENUE] + "/api"
    BinanceSocketManager.STREAM_URL = options["origins"]["ws"][VENUE] + "/"
    symbols = options["books"][VENUE]
    client = await AsyncClient.create()
    await ask(client, symbols[0])
    sockets = BinanceSocketManager(client)
    first = symbols[0]
    streams = {
        "trade": sockets.trade_socket(first),
        "aggTrade": sockets.aggtrade_socket(first),
        "kline": sockets.kline_socket(first),
        "bookTicker": sockets.symbol_book_ticker_socket(first),
        "ticker": sockets.symbol_ticker_socket(first),
        "depth20": sockets.depth_socket(first, depth="20"),
        "multiplex": sockets.multiplex_socket([f"{one.lower()}@bookTicker" for one in symbols]),
    }
    tasks = [asyncio.create_task(listen(name, socket)) for name, socket in streams.items()]
    for symbol in symbols:
        manager = DepthCacheManager(client, symbol, bm=sockets, conv_type=str, refresh_interval=0, ws_interval=100)
        tasks.append(asyncio.create_task(follow(manager, symbol)))
    await started_when(lambda: len(caches) == len(symbols) and len(counts) == len(streams) + 1, counts)
    await moments([f"{VENUE} {symbol}" for symbol in symbols], read)
    for name, count in counts.items():
        called(VENUE, name, count)
    finish()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close_connection()


counts, caches = {}, {}
asyncio.run(main())
