"""unicorn-binance-websocket-api at the sandbox: streams of two kinds of URL in threads, partial books compared.

Enters: `told.options` with `books` of `binance`. Leaves: lines of `told`. Never: anything given but addresses.
"""

import json
import threading

from told import called, complain, finish, frames, listen_to, options, threaded_moments, versions, wait_until
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

VENUE = "binance"
versions("unicorn-binance-websocket-api")
listen_to("")
symbols = options["books"][VENUE]
counts, books = {}, {}
over = threading.Event()


def take(text):
    frames[VENUE] += 1
    message = json.loads(text)
    if "stream" not in message:
        if message.get("result", "") is not None:
            complain(VENUE, text)
        return
    symbol, _, stream = message["stream"].partition("@")
    counts[stream] = counts.get(stream, 0) + 1
    if stream.startswith("depth20"):
        books[symbol.upper()] = message["data"]


manager = BinanceWebSocketApiManager(
    exchange="binance.com",
    websocket_base_uri=options["origins"]["ws"][VENUE] + "/",
    restful_base_uri=options["origins"]["rest"][VENUE],
    warn_on_update=False,
)
channels = ["depth20@100ms", "trade", "aggTrade", "bookTicker", "kline_1m", "miniTicker"]
stream = manager.create_stream(channels, [one.lower() for one in symbols], process_stream_data=take)
manager.create_stream(["depth@100ms"], [symbols[0].lower()], process_stream_data=take)


def read(name):
    book = books[name.split()[1]]
    return book["bids"], book["asks"]


wait_until(lambda: len(books) == len(symbols) and len(counts) == len(channels) + 1, counts)
threaded_moments(
    [f"{VENUE} {one}" for one in symbols], lambda name: [books[name.split()[1]][one] for one in ("bids", "asks")]
)
for name, count in counts.items():
    called(VENUE, name, count)
finish()
manager.stop_manager()
