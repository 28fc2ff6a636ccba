"""bitfinex-api-py at the sandbox: typed REST answers, streams with checksums; books kept by the venue's rule.

Enters: `told.options` with `books` of `bitfinex`. Leaves: lines of `told`, of each book a second one made of its single
orders. Never: anything changed but addresses.
"""

import asyncio
import zlib
from decimal import Decimal

from bfxapi import Client
from told import attempt, called, complain, finish, frames, listen_to, moments, options, started_when, versions

VENUE = "bitfinex"
CHECKED = 25
symbols = options["books"][VENUE]
first = symbols[0]
counts, books, orders = {}, {}, {}


def ask(rest):
    for name, call in {
        "conf": lambda: rest.conf("pub:list:pair:exchange"),
        "get_t_tickers": lambda: rest.get_t_tickers(symbols),
        "get_t_trades": lambda: rest.get_t_trades(first),
        "get_t_book": lambda: rest.get_t_book(first, "P0", len=25),
        "get_t_raw_book": lambda: rest.get_t_raw_book(first, len=100),
        "get_candles_hist": lambda: rest.get_candles_hist(first),
    }.items():
        attempt(VENUE, f"rest.public.{name}", call)
    attempt(VENUE, "get_t_ticker", lambda: rest.get_t_ticker(first), lambda got: got.bid < got.ask)
    attempt(VENUE, "get_platform_status", rest.get_platform_status, lambda got: got.status == 1)
    attempt(VENUE, "get_candles_last", lambda: rest.get_candles_last(first), lambda got: got.mts)


def note(name):
    frames[VENUE] += 1
    counts[name] = counts.get(name, 0) + 1


def change(symbol, row):
    """`count` 0 takes a level out; the sign of `amount` is the side."""
    side = books[symbol][row.amount < 0]
    if row.count:
        side[row.price] = row.amount
    else:
        side.pop(row.price, None)


def change_order(symbol, row):
    """`price` 0 takes an order out."""
    side = orders[symbol][row.amount < 0]
    side.pop(row.order_id, None)
    if row.price:
        side[row.order_id] = row


def levels(symbol):
    return [
        sorted(side.items(), key=lambda row, of=of: of * row[0])
        for of, side in zip((-1, 1), books[symbol], strict=True)
    ]


def queues(symbol):
    """Orders by price and then by id, as the page on checksums says."""
    return [
        sorted(side.values(), key=lambda row, of=of: (of * row.price, row.order_id))
        for of, side in zip((-1, 1), orders[symbol], strict=True)
    ]


def text(number):
    """As JavaScript writes it."""
    return format(Decimal(repr(number)), "f") if abs(number) >= 1e-6 else repr(number).replace("e-0", "e-")


def crc(sides):
    """Of the best 25 of both sides in turn."""
    parts = [row for place in range(CHECKED) for side in sides for row in side[place : place + 1]]
    return zlib.crc32(":".join(text(number) for row in parts for number in row).encode())


def check(subscription, expected):
    note(f"checksum {subscription['prec']}")
    symbol = subscription["symbol"]
    if subscription["prec"] == "R0":
        found = crc([[(row.order_id, row.amount) for row in side] for side in queues(symbol)])
    else:
        found = crc(levels(symbol))
    if found != expected:
        complain(VENUE, f"checksum of {symbol} {subscription['prec']}: expected {expected}, got {found}")


def read(name):
    _, symbol, *is_orders = name.split()
    if not is_orders:
        return [[[price, abs(amount)] for price, amount in side] for side in levels(symbol)]
    sides = []
    for side in queues(symbol):
        found = {}
        for row in side:
            found[row.price] = found.get(row.price, 0) + abs(Decimal(repr(row.amount)))
        sides.append(list(found.items()))
    return sides


def listen(stream):
    """A callback each of what the client emits."""

    @stream.on("t_book_snapshot")
    def book(subscription, rows):
        note("book")
        books[subscription["symbol"]] = ({}, {})
        for row in rows:
            change(subscription["symbol"], row)

    @stream.on("t_book_update")
    def book_update(subscription, row):
        note("book update")
        change(subscription["symbol"], row)

    @stream.on("t_raw_book_snapshot")
    def raw_book(subscription, rows):
        note("raw book")
        orders[subscription["symbol"]] = ({}, {})
        for row in rows:
            change_order(subscription["symbol"], row)

    @stream.on("t_raw_book_update")
    def raw_book_update(subscription, row):
        note("raw book update")
        change_order(subscription["symbol"], row)

    stream.on("checksum", check)
    for name in ("t_trades_snapshot", "t_trade_execution", "t_trade_execution_update", "t_ticker_update"):
        stream.on(name, lambda *told, name=name: note(name))
    for name in ("candles_snapshot", "candles_update"):
        stream.on(name, lambda *told, name=name: note(name))


async def main():
    versions("bitfinex-api-py")
    listen_to("", "bfxapi")
    rest, ws = (options["origins"][side][VENUE] for side in ("rest", "ws"))
    client = Client(rest_host=f"{rest}/v2", wss_host=f"{ws}/ws/2")
    await asyncio.to_thread(ask, client.rest.public)
    listen(client.wss)
    opened = asyncio.Event()
    client.wss.on("open", lambda: opened.set())
    task = asyncio.create_task(client.wss.start())
    await opened.wait()
    for symbol in symbols:
        await client.wss.subscribe("book", symbol=symbol, prec="P0", len="250")
        await client.wss.subscribe("book", symbol=symbol, prec="R0", len="250")
        await client.wss.subscribe("trades", symbol=symbol)
        await client.wss.subscribe("ticker", symbol=symbol)
    await client.wss.subscribe("candles", key=f"trade:1m:{first}")
    wanted = {"book update", "raw book update", "checksum P0", "checksum R0", "t_trade_execution", "t_ticker_update"}
    wanted |= {"t_trades_snapshot", "t_trade_execution_update", "candles_snapshot", "candles_update"}
    await started_when(lambda: wanted <= set(counts) and len(books) == len(orders) == len(symbols), counts)
    names = [f"{VENUE} {symbol}{kind}" for symbol in symbols for kind in ("", " orders")]
    await moments(names, read)
    for name in sorted(wanted):
        called(VENUE, name, counts[name])
    if task.done():
        complain(VENUE, "the connection ended")
    finish()
    await client.wss.close()


asyncio.run(main())
