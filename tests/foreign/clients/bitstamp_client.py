"""BitstampClient at the sandbox: public REST; its order book, asked for at random moments, is compared.

Enters: `told.options` with `books` of `bitstamp`. Leaves: lines of `told`. Never: anything changed but the address.
"""

from bitstamp.client import BaseClient, Public
from told import attempt, finish, frames, listen_to, options, threaded_moments, versions

VENUE = "bitstamp"
versions("bitstampclient")
listen_to("")
symbols = options["books"][VENUE]
BaseClient.api_url = {2: options["origins"]["rest"][VENUE] + "/api/v2/"}
client = Public()
pair = {"base": symbols[0][:3], "quote": symbols[0][3:]}
for name, call in {
    "ticker": lambda: client.ticker(**pair),
    "ticker_hour": lambda: client.ticker_hour(**pair),
    "order_book": lambda: client.order_book(**pair),
    "transactions": lambda: client.transactions("hour", **pair),
    "ohlc": lambda: client.ohlc(**pair),
    "trading_pairs_info": client.trading_pairs_info,
}.items():
    attempt(VENUE, name, call)


def read(name):
    symbol = name.split()[1]
    book = client.order_book(base=symbol[:3], quote=symbol[3:])
    frames[VENUE] += 1
    return book["bids"], book["asks"]


threaded_moments([f"{VENUE} {one}" for one in symbols], read)
finish()
