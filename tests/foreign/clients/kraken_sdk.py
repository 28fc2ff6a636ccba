"""python-kraken-sdk and krakenex at the sandbox: public REST, v2 books whose checksums the client proves itself.

Enters: `told.options` with `books` of `kraken`. Leaves: lines of `told`. Never: a class changed but for its addresses.
"""

import asyncio

import krakenex
from kraken.base_api import SpotClient
from kraken.spot import Market, SpotOrderBookClient, SpotWSClient
from kraken.spot.websocket import SpotWSClientBase
from told import attempt, called, complain, finish, frames, listen_to, moments, options, started_when, versions

VENUE = "kraken"
symbols = options["books"][VENUE]
first = symbols[0]
counts = {}


def ask():
    market = Market()
    asked = {
        "get_system_status": market.get_system_status,
        "get_assets": market.get_assets,
        "get_asset_pairs": market.get_asset_pairs,
        "get_asset_pairs pair": lambda: market.get_asset_pairs(pair=first),
        "get_ticker": lambda: market.get_ticker(pair=first),
        "get_ohlc": lambda: market.get_ohlc(pair=first),
        "get_order_book": lambda: market.get_order_book(pair=first),
        "get_recent_trades": lambda: market.get_recent_trades(pair=first),
        "get_recent_spreads": lambda: market.get_recent_spreads(pair=first),
    }
    for name, call in asked.items():
        attempt(VENUE, name, call)
    old = krakenex.API()
    old.uri = options["origins"]["rest"][VENUE]
    for name, data in {
        "Time": {},
        "SystemStatus": {},
        "Assets": {},
        "AssetPairs": {},
        "Ticker": {"pair": "XXBTZUSD"},
        "Depth": {"pair": "XXBTZUSD", "count": "10"},
        "Trades": {"pair": "XXBTZUSD"},
        "OHLC": {"pair": "XXBTZUSD"},
        "Spread": {"pair": "XXBTZUSD"},
    }.items():
        got = attempt(VENUE, f"krakenex {name}", lambda name=name, data=data: old.query_public(name, data))
        if got and got["error"]:
            complain(VENUE, f"krakenex {name}: {got['error']}")


class Books(SpotOrderBookClient):
    """The client's own books; it proves each update with its checksum."""

    async def on_book_update(self, pair, message):
        frames[VENUE] += 1
        counts["book"] = counts.get("book", 0) + 1
        if "error" in message or not self.get(pair)["valid"]:
            complain(VENUE, f"book of {pair}: {message}")


class Streams(SpotWSClient):
    """All other channels."""

    async def on_message(self, message):
        frames[VENUE] += 1
        name = message.get("channel", message.get("method"))
        counts[name] = counts.get(name, 0) + 1
        if message.get("error") or message.get("success") is False:
            complain(VENUE, message)


async def main():
    versions("python-kraken-sdk", "krakenex")
    listen_to("")
    SpotClient.URL = options["origins"]["rest"][VENUE]
    SpotWSClientBase.WS_URL = options["origins"]["ws"][VENUE]
    ask()
    books, streams = Books(depth=25), Streams()
    await books.start()
    await streams.start()
    await books.add_book(pairs=symbols)
    for channel in ("trade", "ticker"):
        await streams.subscribe(params={"channel": channel, "symbol": symbols})
    await streams.subscribe(params={"channel": "ohlc", "symbol": symbols, "interval": 1})
    await streams.subscribe(params={"channel": "instrument"})
    wanted = {"book", "trade", "ticker", "ohlc", "instrument", "status", "heartbeat", "subscribe"}
    await started_when(lambda: wanted <= set(counts) and all(books.get(one) for one in symbols), counts)

    def read(name):
        book = books.get(name.split()[1])
        sides = (
            sorted(book["bid"].items(), key=lambda row: -float(row[0])),
            sorted(book["ask"].items(), key=lambda row: float(row[0])),
        )
        return [[[price, row[0]] for price, row in side] for side in sides]

    await moments([f"{VENUE} {one}" for one in symbols], read)
    for name in sorted(wanted):
        called(VENUE, name, counts[name])
    if books.exception_occur or streams.exception_occur:
        complain(VENUE, "a connection stopped with an exception")
    finish()
    await books.close()
    await streams.close()


asyncio.run(main())
