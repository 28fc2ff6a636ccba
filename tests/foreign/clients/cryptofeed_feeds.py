"""cryptofeed at the sandbox: books with checksums and cross checks on, trades and tickers of all venues in one loop.

Enters: `told.options` with `books` by venue (symbols of cryptofeed), `orders`: venues whose books of single orders it
follows too, told as one more book by price. Leaves: lines of `told`. Never: a class of
cryptofeed's changed but for its addresses; it dials only `wss`, so the sandbox serves TLS.
"""

import asyncio
import logging
import os

from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, WebsocketEndpoint
from cryptofeed.defines import L2_BOOK, L3_BOOK, TICKER, TRADES
from cryptofeed.exchanges import EXCHANGE_MAP
from told import Complaints, called, finish, frames, moments, options, started_when, tell, versions

IDS = {
    "binance": "BINANCE",
    "binance_usdm": "BINANCE_FUTURES",
    "bybit": "BYBIT",
    "coinbase": "COINBASE",
    "kraken": "KRAKEN",
    "gemini": "GEMINI",
    "okx": "OKX",
    "bitstamp": "BITSTAMP",
    "bitfinex": "BITFINEX",
}
KEYS = {"coinbase": {"key_id": "none", "key_secret": "none"}}
"""cryptofeed signs Coinbase's public channels too; the sandbox reads no signature."""
WITHOUT_CHECKSUM = {"okx"}
"""OKX sends 0 for a checksum in 2026, which cryptofeed 2.4.1 (exchanges/okx.py, `_book`) takes for a wrong one."""
WITHOUT_CROSS_CHECK = {"bitstamp"}
"""cryptofeed 2.4.1 (exchanges/bitstamp.py, `_process_l2_book`) tells by the second which differences are older than the
snapshot, so it applies up to a second of older ones over it and the book is crossed until it has caught up.
"""


def repointed(address, origin):
    """The same address or list of addresses at another origin."""
    if isinstance(address, list):
        return [repointed(one, origin) for one in address]
    _, _, rest = address.partition("://")
    _, slash, path = rest.partition("/")
    return origin + slash + path


def at_the_sandbox(venue):
    """cryptofeed's class of a venue with other addresses."""
    found = EXCHANGE_MAP[IDS[venue]]
    rest, ws = (options["origins"][side][venue] for side in ("rest", "ws"))
    for endpoint in found.rest_endpoints:
        assert isinstance(endpoint, RestEndpoint)
        endpoint.address = repointed(endpoint.address, rest)
    for endpoint in found.websocket_endpoints:
        assert isinstance(endpoint, WebsocketEndpoint)
        endpoint.address = repointed(endpoint.address, ws)
    return found


class Reader:
    """Callbacks of one venue."""

    def __init__(self, venue):
        self.venue, self.books, self.orders = venue, {}, {}
        self.counts = dict.fromkeys((L2_BOOK, L3_BOOK, TRADES, TICKER), 0)

    async def book(self, book, received_at):
        self.counts[L2_BOOK] += 1
        self.books[book.symbol] = book.book

    async def single_orders(self, book, received_at):
        self.counts[L3_BOOK] += 1
        self.orders[book.symbol] = book.book

    async def trade(self, trade, received_at):
        self.counts[TRADES] += 1

    async def ticker(self, ticker, received_at):
        self.counts[TICKER] += 1

    def read(self, symbol):
        sides = (self.books[symbol].bids, self.books[symbol].asks)
        return [[side.index(place) for place in range(min(options["depth"], len(side)))] for side in sides]

    def read_orders(self, symbol):
        """Sizes of a price's orders added up."""
        found = []
        for side in (self.orders[symbol].bids, self.orders[symbol].asks):
            levels = (side.index(place) for place in range(min(options["depth"], len(side))))
            found.append([[price, sum(orders.values())] for price, orders in levels])
        return found


async def main():
    versions("cryptofeed", "order-book")
    logger = logging.getLogger("feedhandler")
    handler = FeedHandler(config={"log": {"filename": os.devnull, "level": "WARNING"}, "uvloop": False, **KEYS})
    logger.addHandler(Complaints())
    logging.getLogger("asyncio").addHandler(Complaints())
    readers = {}
    for venue, symbols in options["books"].items():
        found, reader = at_the_sandbox(venue), Reader(venue)
        readers[venue] = reader
        if venue in KEYS:
            found.symbols(config=KEYS)  # cryptofeed's way for a venue that wants a key for its list
        wanted = (L2_BOOK, TRADES, TICKER, *([L3_BOOK] if venue in options["orders"] else []))
        channels = [one for one in wanted if one in found.websocket_channels]
        callbacks = {
            L2_BOOK: reader.book,
            L3_BOOK: reader.single_orders,
            TRADES: reader.trade,
            TICKER: reader.ticker,
        }
        handler.add_feed(
            found(
                config=handler.config,
                symbols=symbols,
                channels=channels,
                callbacks={one: callbacks[one] for one in channels},
                checksum_validation=venue not in WITHOUT_CHECKSUM,
                cross_check=venue not in WITHOUT_CROSS_CHECK,
                retries=0,
            )
        )
        tell("call", venue=venue, what="symbols", got=len(found.symbol_mapping()))
    handler.run(start_loop=False, install_signal_handlers=False)
    await started_when(
        lambda: (
            all(len(readers[venue].books) == len(symbols) for venue, symbols in options["books"].items())
            and all(len(readers[venue].orders) == len(options["books"][venue]) for venue in options["orders"])
        )
    )
    books = [f"{venue} {symbol}" for venue, symbols in options["books"].items() for symbol in symbols]
    books += [f"{venue} {symbol} orders" for venue in options["orders"] for symbol in options["books"][venue]]

    def read(name):
        venue, symbol, *is_orders = name.split()
        return readers[venue].read_orders(symbol) if is_orders else readers[venue].read(symbol)

    await moments(books, read)
    for feed in handler.feeds:
        venue = next(name for name, one in IDS.items() if one == feed.id)
        frames[venue] += sum(one.conn.received for one in feed.connection_handlers)
        for channel, count in readers[venue].counts.items():
            if channel in feed.normalized_channels and (channel, venue) != (TICKER, "bybit"):
                called(venue, channel, count)
    finish()
    os._exit(0)  # cryptofeed's own end waits for its retries


asyncio.run(main())
