"""ccxt.pro at the sandbox: REST as at every start, then books with checksums, trades and tickers.

Enters: `told.options` with `books` by venue (symbols of ccxt), `orders`: venues whose books of single orders it follows
too, told as one more book by price. Leaves: lines of `told`. Never: an option changed but those named here.
"""

import asyncio
import traceback
from decimal import Decimal

import ccxt.pro
from told import (
    attempt_async,
    called,
    complain,
    finish,
    frames,
    listen_to,
    moments,
    options,
    pause,
    started_when,
    versions,
)

CLASSES = {"coinbase_exchange": "coinbaseexchange", "binance_usdm": "binanceusdm"}
CALLS = {
    "fetchTime": ("fetch_time", lambda symbols: ()),
    "fetchStatus": ("fetch_status", lambda symbols: ()),
    "fetchMarkets": ("fetch_markets", lambda symbols: ()),
    "fetchCurrencies": ("fetch_currencies", lambda symbols: ()),
    "fetchTickers": ("fetch_tickers", lambda symbols: (symbols,)),
    "fetchTicker": ("fetch_ticker", lambda symbols: symbols[:1]),
    "fetchBidsAsks": ("fetch_bids_asks", lambda symbols: (symbols,)),
    "fetchOrderBook": ("fetch_order_book", lambda symbols: (symbols[0],)),
    "fetchTrades": ("fetch_trades", lambda symbols: symbols[:1]),
    "fetchOHLCV": ("fetch_ohlcv", lambda symbols: (symbols[0], "1m")),
}
SIGNED = {
    "binance": {"fetchCurrencies"},
    "binance_usdm": {"fetchCurrencies"},
    "bybit": {"fetchCurrencies"},
    "coinbase": {"fetchBidsAsks"},
    "okx": {"fetchCurrencies"},
    "gemini": {"fetchCurrencies"},
}
"""What ccxt asks only with a key: without one it answers with nothing, or fails before it asks. Gemini's currencies it
takes from the page of the venue's web exchange, which is no interface.
"""
OPTIONS = {"gemini": {"fetchCurrencies": {"webApiEnable": False}, "fetchMarkets": {"webApiEnable": False}}}
"""So that it does not ask for that page at every start either."""
STREAMED = {
    "watchOrderBook": "watch_order_book",
    "watchTrades": "watch_trades",
    "watchTicker": "watch_ticker",
    "watchOHLCV": "watch_ohlcv",
}
UNCHECKED = {"kraken"}
"""Whose checksums ccxt.pro 4.5.90 cannot check in Python, whatever the server says: its books hold floats, and its
`format_number` splits text. Its own default is off; python_kraken_sdk.py and cryptofeed_feeds.py check them here.
"""


KEYS = {
    "coinbase_exchange": {"apiKey": "sandbox-key", "secret": "c2FuZGJveC1zZWNyZXQ=", "password": "sandbox-passphrase"}
}
"""ccxt signs that venue's `level2`, as the real one demands; this is the sandbox's own key."""


def origin_of(host, venue):
    """Which simulated venue stands for a host: Binance's futures have origins of their own."""
    if venue == "binance_usdm" and not host.startswith(("fapi.", "fstream.")):
        return "binance"
    return venue


def repointed(urls, venue):
    """The same nested addresses at the sandbox: scheme, host and port are replaced, paths kept."""
    if isinstance(urls, dict):
        return {key: repointed(value, venue) for key, value in urls.items()}
    if isinstance(urls, list):
        return [repointed(value, venue) for value in urls]
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, _, rest = urls.partition("://")
    host, slash, path = rest.partition("/")
    side = "ws" if scheme.startswith("ws") else "rest"
    return options["origins"][side][origin_of(host, venue)] + slash + path


SINGLE_ORDERS = {"bitfinex": (100, {"prec": "R0"})}
"""`limit` and `params` of `watch_order_book` where ccxt.pro has a venue's books of single orders."""


def exchange_of(venue, **settings):
    """ccxt's class of a venue at the sandbox; each of its messages is counted."""
    made = getattr(ccxt.pro, CLASSES.get(venue, venue))({**settings, **KEYS.get(venue, {})})
    made.urls = {**made.urls, "api": repointed(made.urls["api"], venue)}
    handle = made.handle_message

    def counted(client, message):
        frames[venue] += 1
        return handle(client, message)

    made.handle_message = counted  # reads along
    return made


class Client:
    """One venue's books, followed as a user would; with `is_of_orders` nothing but its books of single orders."""

    def __init__(self, venue, symbols, is_of_orders=False):
        self.venue, self.symbols, self.is_of_orders = venue, symbols, is_of_orders
        checksum = {} if venue in UNCHECKED else {"watchOrderBook": {"checksum": True}}
        self.exchange = exchange_of(venue, options={**checksum, **OPTIONS.get(venue, {})})
        self.books = {}
        streamed = {"watchOrderBook": "watch_order_book"} if is_of_orders else STREAMED
        self.streamed = [name for feature, name in streamed.items() if self.exchange.has.get(feature)]
        self.updates = dict.fromkeys(self.streamed, 0)

    async def start(self):
        """What is asked before the first stream."""
        await attempt_async(self.venue, "load_markets", self.exchange.load_markets())
        if self.is_of_orders:
            return
        for feature, (name, arguments) in CALLS.items():
            if self.exchange.has.get(feature) and feature not in SIGNED.get(self.venue, ()):
                size = int if feature == "fetchTime" else len
                await attempt_async(self.venue, name, getattr(self.exchange, name)(*arguments(self.symbols)), size)

    async def watch(self, name, symbol):
        """One stream for ever; whatever it raises is a complaint, and it is watched again as a user would."""
        call = getattr(self.exchange, name)
        limit, params = SINGLE_ORDERS[self.venue] if self.is_of_orders else (None, {})
        while True:
            try:
                got = await (call(symbol, limit, params) if self.is_of_orders else call(symbol))
            except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
                complain(self.venue, f"{name} {symbol}: {traceback.format_exc(limit=-3)}")
                await pause(1)
                continue
            self.updates[name] += 1
            if name == "watch_order_book":
                self.books[symbol] = got

    def read(self, symbol):
        book = self.books[symbol]
        if self.is_of_orders:
            return added_up(book["bids"]), added_up(book["asks"])
        return [level[:2] for level in book["bids"]], [level[:2] for level in book["asks"]]


def added_up(orders):
    """Sizes by price, in the order of the prices; ccxt's floats are added as the decimals that they stand for."""
    found = {}
    for price, size, *_ in orders:
        found[price] = found.get(price, 0) + Decimal(str(size))
    return [[price, size] for price, size in found.items()]


async def main():
    versions("ccxt")
    listen_to("", "ccxt")
    clients = {venue: Client(venue, symbols) for venue, symbols in options["books"].items()}
    clients |= {f"{venue} orders": Client(venue, options["books"][venue], True) for venue in options["orders"]}
    for client in clients.values():
        await client.start()
    watching = [
        asyncio.create_task(client.watch(name, symbol))
        for client in clients.values()
        for symbol in client.symbols
        for name in client.streamed
    ]
    await started_when(lambda: all(len(client.books) == len(client.symbols) for client in clients.values()))
    readers = {
        f"{client.venue} {symbol}{' orders' if client.is_of_orders else ''}": (client, symbol)
        for client in clients.values()
        for symbol in client.symbols
    }
    await moments(readers, lambda name: readers[name][0].read(readers[name][1]))
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for client in clients.values():
        for name, count in client.updates.items():
            called(client.venue, name, count)
        await client.exchange.close()
    finish()


if __name__ == "__main__":
    asyncio.run(main())
