"""coinbase-advanced-py at the sandbox: public REST, and streams in a thread.

Enters: `told.options` with `books` of `coinbase`. Leaves: lines of `told`. Never: anything given but addresses.
"""

import json
import time

from coinbase.rest import RESTClient
from coinbase.websocket import WSClient
from told import attempt, called, complain, finish, frames, listen_to, options, versions, wait_until

VENUE = "coinbase"
versions("coinbase-advanced-py")
listen_to("")
symbols = options["books"][VENUE]
first = symbols[0]
counts = {}
rest = RESTClient(base_url=options["origins"]["rest"][VENUE].partition("://")[2])
now = int(time.time())
for name, call in {
    "get_unix_time": rest.get_unix_time,
    "get_public_products": rest.get_public_products,
    "get_public_product": lambda: rest.get_public_product(first),
    "get_public_product_book": lambda: rest.get_public_product_book(first, limit=10),
    "get_public_market_trades": lambda: rest.get_public_market_trades(first, limit=10),
    "get_public_candles": lambda: rest.get_public_candles(first, str(now - 3600), str(now), "ONE_MINUTE"),
}.items():
    attempt(VENUE, name, lambda call=call: call().to_dict())


def on_message(text):
    frames[VENUE] += 1
    message = json.loads(text)
    channel = message.get("channel", message.get("type"))
    counts[channel] = counts.get(channel, 0) + 1
    if channel == "error":
        complain(VENUE, text)
    sequence = message.get("sequence_num")
    if sequence is not None and sequence != frames[VENUE] - 1:
        complain(VENUE, f"expected sequence_num {frames[VENUE] - 1}, got {sequence}")


streams = WSClient(base_url=options["origins"]["ws"][VENUE], on_message=on_message)
streams.open()
streams.level2(product_ids=symbols)
streams.market_trades(product_ids=symbols)
streams.ticker(product_ids=symbols)
streams.ticker_batch(product_ids=symbols)
streams.candles(product_ids=symbols)
streams.status(product_ids=symbols)
streams.heartbeats()
wanted = {"l2_data", "market_trades", "ticker", "ticker_batch", "candles", "status", "heartbeats", "subscriptions"}
wait_until(lambda: wanted <= set(counts), counts)
streams.sleep_with_exception_check(options["seconds"])
for name in sorted(wanted):
    called(VENUE, name, counts.get(name, 0))
finish()
streams.close()
