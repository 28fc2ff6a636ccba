"""ccxt.pro at the sandbox as a user asks for several symbols in one call: books, trades, tickers, best levels, candles.

Enters: `told.options` with `books` by venue (symbols of ccxt). Leaves: lines of `told`. Never: an option changed but
those of ccxt_pro.py.
"""

import asyncio
import traceback

from ccxt_pro import OPTIONS, exchange_of
from told import called, complain, finish, listen_to, moments, options, pause, started_when, versions

STREAMED = {
    "watchOrderBookForSymbols": "watch_order_book_for_symbols",
    "watchTradesForSymbols": "watch_trades_for_symbols",
    "watchTickers": "watch_tickers",
    "watchBidsAsks": "watch_bids_asks",
    "watchOHLCVForSymbols": "watch_ohlcv_for_symbols",
}
LEFT_OUT = {"coinbase_exchange": {"watchTradesForSymbols"}, "bybit": {"watchBidsAsks"}}
"""Of ccxt.pro 4.5.90's own making, whatever the server says: pro/coinbaseexchange.py waits for `matches:BTC/USD`
(`subscribe_multiple`) and tells of `matches:BTC-USD` (`handle_trade`); pro/bybit.py (`handle_order_book`) takes the
best levels that `watch_bids_asks` brings for the whole book that `watch_order_book_for_symbols` follows.
"""


class Client:
    """One venue."""

    def __init__(self, venue, symbols):
        self.venue, self.symbols, self.books = venue, symbols, {}
        self.exchange = exchange_of(venue, options=OPTIONS.get(venue, {}))
        features = [one for one in STREAMED if self.exchange.has.get(one) and one not in LEFT_OUT.get(venue, ())]
        self.updates = {STREAMED[one]: 0 for one in features}

    async def watch(self, name):
        """One stream for ever; whatever it raises is a complaint."""
        wanted = [[one, "1m"] for one in self.symbols] if "ohlcv" in name else list(self.symbols)
        while True:
            try:
                got = await getattr(self.exchange, name)(wanted)
            except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
                complain(self.venue, f"{name}: {traceback.format_exc(limit=-3)}")
                await pause(1)
                continue
            self.updates[name] += 1
            if "order_book" in name:
                self.books[got["symbol"]] = got

    def read(self, symbol):
        return [[level[:2] for level in self.books[symbol][side]] for side in ("bids", "asks")]


async def main():
    versions("ccxt")
    listen_to("", "ccxt")
    clients = {venue: Client(venue, symbols) for venue, symbols in options["books"].items()}
    for client in clients.values():
        await client.exchange.load_markets()
    watching = [asyncio.create_task(one.watch(name)) for one in clients.values() for name in one.updates]
    await started_when(
        lambda: all(len(one.books) == len(one.symbols) and all(one.updates.values()) for one in clients.values()),
        {one.venue: one.updates for one in clients.values()},
    )
    books = [f"{client.venue} {symbol}" for client in clients.values() for symbol in client.symbols]
    await moments(books, lambda name: clients[name.split()[0]].read(name.split()[1]))
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for client in clients.values():
        for name, count in client.updates.items():
            called(client.venue, name, count)
        await client.exchange.close()
    finish()


asyncio.run(main())
