"""binance-connector at the sandbox: REST and combined streams in a thread, partial books compared.

Enters: `told.options` with `books` of `binance`. Leaves: lines of `told`. Never: anything but addresses given.
"""

import json

from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from told import attempt, called, complain, finish, frames, listen_to, options, threaded_moments, versions, wait_until

VENUE = "binance"
versions("binance-connector")
listen_to("")
symbols = options["books"][VENUE]
first = symbols[0]
counts, books = {}, {}


def on_message(_, text):
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


client = Spot(base_url=options["origins"]["rest"][VENUE])
for name, call in {
    "ping": lambda: [client.ping()],
    "time": client.time,
    "exchange_info": client.exchange_info,
    "exchange_info symbols": lambda: client.exchange_info(symbols=symbols),
    "depth": lambda: client.depth(first),
    "trades": lambda: client.trades(first),
    "agg_trades": lambda: client.agg_trades(first),
    "klines": lambda: client.klines(first, "1m"),
    "avg_price": lambda: client.avg_price(first),
    "ticker_24hr": lambda: client.ticker_24hr(first),
    "ticker_price": lambda: client.ticker_price(first),
    "book_ticker": lambda: client.book_ticker(first),
    "ui_klines": lambda: client.ui_klines(first, "1m"),
}.items():
    attempt(VENUE, name, call)

streams = SpotWebsocketStreamClient(
    stream_url=options["origins"]["ws"][VENUE],
    on_message=on_message,
    on_error=lambda _, error: complain(VENUE, repr(error)),
    is_combined=True,
)
kinds = ["depth@100ms", "aggTrade", "trade", "kline_1m", "bookTicker", "miniTicker", "ticker"]
streams.subscribe(  # all at once: the venue hangs up on more than five messages a second
    [f"{one.lower()}@depth20@100ms" for one in symbols] + [f"{first.lower()}@{kind}" for kind in kinds]
)


wait_until(lambda: len(books) == len(symbols) and len(counts) == 8, counts)
threaded_moments(
    [f"{VENUE} {one}" for one in symbols], lambda name: [books[name.split()[1]][one] for one in ("bids", "asks")]
)
for name, count in counts.items():
    called(VENUE, name, count)
finish()
streams.stop()
