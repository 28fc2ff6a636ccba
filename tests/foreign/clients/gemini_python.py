"""geminipython at the sandbox: public REST; its order book, asked for at random moments, is compared.

Enters: `told.options` with `books` of `gemini`. Leaves: lines of `told`. Never: anything changed but the address.
"""

import asyncio
import threading

from geminipython import Gemini
from told import attempt, finish, frames, listen_to, options, threaded_moments, versions

VENUE = "gemini"
versions("geminipython")
listen_to("")
symbols = options["books"][VENUE]
first = symbols[0]
client = Gemini("")
client._Gemini__apiBase = options["origins"]["rest"][VENUE]
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def got(awaitable):
    return asyncio.run_coroutine_threadsafe(awaitable, loop).result(10)


for name, call in {
    "symbols": client.symbols,
    "ticker": lambda: client.ticker(first),
    "currentOrderBook": lambda: client.currentOrderBook(first),
    "tradeHistory": lambda: client.tradeHistory(first),
}.items():
    attempt(VENUE, name, lambda call=call: got(call()))


def read(name):
    book = got(client.currentOrderBook(name.split()[1]))
    frames[VENUE] += 1
    return [[[row["price"], row["amount"]] for row in book[side]] for side in ("bids", "asks")]


threaded_moments([f"{VENUE} {one}" for one in symbols], read)
finish()
