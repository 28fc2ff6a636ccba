"""binance-sdk-spot, Binance's own generated client, at the sandbox: REST and combined streams.

Enters: `told.options` with `books` of `binance`. Leaves: lines of `told`. Never: anything but addresses configured.
"""

import asyncio

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.rest_api.models import KlinesIntervalEnum
from binance_sdk_spot.spot import Spot
from told import attempt, called, finish, frames, listen_to, options, pause, started_when, versions

VENUE = "binance"


def ask(rest, symbol):
    calls = {
        "ping": lambda: rest.ping(),
        "time": lambda: rest.time(),
        "exchange_info": lambda: rest.exchange_info(),
        "depth": lambda: rest.depth(symbol=symbol),
        "get_trades": lambda: rest.get_trades(symbol=symbol),
        "agg_trades": lambda: rest.agg_trades(symbol=symbol),
        "klines": lambda: rest.klines(symbol=symbol, interval=KlinesIntervalEnum.INTERVAL_1m),
        "ui_klines": lambda: rest.ui_klines(symbol=symbol, interval="1m"),
        "avg_price": lambda: rest.avg_price(symbol=symbol),
        "ticker24hr": lambda: rest.ticker24hr(symbol=symbol),
        "ticker_price": lambda: rest.ticker_price(symbol=symbol),
        "ticker_book_ticker": lambda: rest.ticker_book_ticker(symbol=symbol),
    }
    for name, call in calls.items():
        attempt(VENUE, name, lambda call=call: call().data(), lambda got: len(str(got)))


async def main():
    versions("binance-sdk-spot")
    listen_to("")
    symbol = options["books"][VENUE][0]
    client = Spot(
        config_rest_api=ConfigurationRestAPI(base_path=options["origins"]["rest"][VENUE]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=options["origins"]["ws"][VENUE]),
    )
    ask(client.rest_api, symbol)
    connection = await client.websocket_streams.create_connection()
    counts = {}
    streams = {
        "trade": await connection.trade(symbol=symbol.lower()),
        "aggTrade": await connection.agg_trade(symbol=symbol.lower()),
        "bookTicker": await connection.book_ticker(symbol=symbol.lower()),
        "depth": await connection.diff_book_depth(symbol=symbol.lower(), update_speed="100ms"),
        "depth20": await connection.partial_book_depth(symbol=symbol.lower(), levels="20", update_speed="100ms"),
        "kline": await connection.kline(symbol=symbol.lower(), interval="1m"),
        "miniTicker": await connection.mini_ticker(symbol=symbol.lower()),
    }

    def counter(name):
        def count(message):
            frames[VENUE] += 1
            counts[name] = counts.get(name, 0) + 1

        return count

    for name, stream in streams.items():
        stream.on("message", counter(name))
    await started_when(lambda: len(counts) == len(streams), counts)
    await pause(options["seconds"])
    for name, count in counts.items():
        called(VENUE, name, count)
    finish()
    await connection.close_connection(close_session=True)


asyncio.run(main())
