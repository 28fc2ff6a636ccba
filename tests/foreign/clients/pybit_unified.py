"""pybit at the sandbox: REST of v5, spot and linear streams in threads, its own books compared.

Enters: `told.options` with `books` of `bybit`. Leaves: lines of `told`. Never: anything changed but addresses.
"""

import copy

import pybit.unified_trading as unified
from told import attempt, called, complain, finish, frames, listen_to, options, threaded_moments, versions, wait_until

VENUE = "bybit"
versions("pybit")
listen_to("")
symbols = options["books"][VENUE]
first = symbols[0]
counts, books = {}, {}

session = unified.HTTP()
session.endpoint = options["origins"]["rest"][VENUE]
unified.PUBLIC_WSS = options["origins"]["ws"][VENUE] + "/v5/public/{CHANNEL_TYPE}"


def size(got):
    if got["retCode"] != 0:
        complain(VENUE, got)
    return len(got["result"].get("list", got["result"]))


for name, call in {
    "get_server_time": session.get_server_time,
    "get_instruments_info spot": lambda: session.get_instruments_info(category="spot"),
    "get_instruments_info linear": lambda: session.get_instruments_info(category="linear"),
    "get_orderbook": lambda: session.get_orderbook(category="spot", symbol=first),
    "get_public_trade_history": lambda: session.get_public_trade_history(category="spot", symbol=first),
    "get_tickers": lambda: session.get_tickers(category="spot"),
    "get_kline": lambda: session.get_kline(category="spot", symbol=first, interval="1"),
}.items():
    attempt(VENUE, name, call, size)


def counter(name, keep=False):
    def count(message):
        frames[VENUE] += 1
        counts[name] = counts.get(name, 0) + 1
        if keep:
            books[message["data"]["s"]] = copy.deepcopy(message["data"])

    return count


spot = unified.WebSocket(channel_type="spot", testnet=False)
spot.orderbook_stream(depth=50, symbol=symbols, callback=counter("orderbook.50", keep=True))
spot.orderbook_stream(depth=1, symbol=first, callback=counter("orderbook.1"))
spot.trade_stream(symbol=first, callback=counter("publicTrade"))
spot.ticker_stream(symbol=first, callback=counter("tickers"))
spot.kline_stream(interval=1, symbol=first, callback=counter("kline.1"))
linear = unified.WebSocket(channel_type="linear", testnet=False)
linear.orderbook_stream(depth=200, symbol=first, callback=counter("linear orderbook.200"))
linear.trade_stream(symbol=first, callback=counter("linear publicTrade"))
linear.ticker_stream(symbol=first, callback=counter("linear tickers"))
wait_until(lambda: len(books) == len(symbols) and len(counts) == 8, counts)


def read(name):
    book = books[name.split()[1]]
    return (
        sorted(book["b"], key=lambda row: -float(row[0])),
        sorted(book["a"], key=lambda row: float(row[0])),
    )


threaded_moments([f"{VENUE} {one}" for one in symbols], read)
for name, count in counts.items():
    called(VENUE, name, count)
finish()
spot.exit()
linear.exit()
