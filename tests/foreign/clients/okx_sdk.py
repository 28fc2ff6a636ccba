"""python-okx at the sandbox: public REST, and its public and business streams; books kept by the venue's rule.

Enters: `told.options` with `books` of `okx`. Leaves: lines of `told`. Never: anything changed but addresses.
"""

import asyncio
import json

from okx.MarketData import MarketAPI
from okx.PublicData import PublicAPI
from okx.Status import StatusAPI
from okx.websocket.WsPublicAsync import WsPublicAsync
from told import attempt, called, complain, finish, frames, listen_to, moments, options, started_when, versions

VENUE = "okx"
symbols = options["books"][VENUE]
first = symbols[0]
counts, books = {}, {}


def size(got):
    if got["code"] != "0":
        complain(VENUE, got)
    return len(got["data"])


def ask():
    place = {"flag": "0", "domain": options["origins"]["rest"][VENUE]}
    market, public, status = MarketAPI(**place), PublicAPI(**place), StatusAPI(**place)
    for name, call in {
        "get_system_time": public.get_system_time,
        "get_instruments SPOT": lambda: public.get_instruments("SPOT"),
        "get_instruments instId": lambda: public.get_instruments("SPOT", instId=first),
        "get_tickers": lambda: market.get_tickers("SPOT"),
        "get_ticker": lambda: market.get_ticker(first),
        "get_orderbook": lambda: market.get_orderbook(first, "20"),
        "get_trades": lambda: market.get_trades(first),
        "get_candlesticks": lambda: market.get_candlesticks(first, bar="1m"),
    }.items():
        attempt(VENUE, name, call, size)
    attempt(VENUE, "status", status.status, lambda got: got["code"] == "0")  # nothing is planned


def hear(text):
    message = json.loads(text)
    frames[VENUE] += 1
    if message.get("event") == "error":
        complain(VENUE, message)
    name = message["arg"]["channel"] if "event" not in message else message["event"]
    counts[name] = counts.get(name, 0) + 1
    if name == "books" and "data" in message:
        keep(message["arg"]["instId"], message["action"], message["data"][0])


def keep(symbol, action, data):
    """A size of 0 takes a level out; `prevSeqId` is the `seqId` of the message before."""
    if action == "snapshot":
        books[symbol] = {"bids": {}, "asks": {}, "seqId": -1}
    book = books[symbol]
    if data["prevSeqId"] != book["seqId"]:
        complain(VENUE, f"{symbol}: prevSeqId {data['prevSeqId']} after seqId {book['seqId']}")
    book["seqId"] = data["seqId"]
    for side in ("bids", "asks"):
        for price, amount, *_ in data[side]:
            if amount == "0":
                book[side].pop(price, None)
            else:
                book[side][price] = amount


def read(name):
    book = books[name.split()[1]]
    return (
        sorted(book["bids"].items(), key=lambda row: -float(row[0])),
        sorted(book["asks"].items(), key=lambda row: float(row[0])),
    )


async def main():
    versions("python-okx")
    listen_to("")
    await asyncio.to_thread(ask)
    ws = options["origins"]["ws"][VENUE]
    public, business = WsPublicAsync(f"{ws}/ws/v5/public"), WsPublicAsync(f"{ws}/ws/v5/business")
    tasks = [await public.start(), await business.start()]
    wanted = [{"channel": "books", "instId": one} for one in symbols]
    wanted += [{"channel": name, "instId": first} for name in ("books5", "bbo-tbt", "trades", "tickers")]
    await public.subscribe(wanted, hear, id="1")
    await business.subscribe([{"channel": "candle1m", "instId": first}], hear)
    names = {"books", "books5", "bbo-tbt", "trades", "tickers", "candle1m", "subscribe"}
    await started_when(lambda: names <= set(counts) and len(books) == len(symbols), counts)
    await moments([f"{VENUE} {one}" for one in symbols], read)
    for name in sorted(names):
        called(VENUE, name, counts[name])
    if any(task.done() for task in tasks):
        complain(VENUE, "a connection ended")
    finish()
    await public.stop()
    await business.stop()


asyncio.run(main())
