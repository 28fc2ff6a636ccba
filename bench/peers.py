"""The peers' side of `cryptopipe bench feed`: other libraries on the same frames, through their own handlers.

Enters: lines of JSON on stdin, `{"corpus": PATH, "options": {…}}` and `{"pass": true}`. Leaves: a line each on stdout,
with the seconds of processor time that the frames took. Never: a socket, or an import of cryptopipe: any interpreter
that has the peer can run this file (`bench feed --peers-python`).

Text is prepared as `str` outside the timed part, and so are the snapshots: in the stream's own frames through the
handler, REST answers put where the library would put them after fetching.
"""

import asyncio
import gc
import json
import logging
import os
import sys
import time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

SPELLINGS = {"": str, "upper": str.upper, "after the colon": lambda symbol: symbol.rpartition(":")[2]}
"""How a venue's frames spell a symbol of the corpus (option `spelling`)."""


class Cryptofeed:
    """L2_BOOK with a callback that reads the best bid and ask of the book it is given."""

    names = ("cryptofeed", "order-book", "yapic-json")

    def __init__(self) -> None:
        import cryptofeed.exchanges  # noqa: F401 -- absent is told at the start

    def load(self, corpus: dict, options: dict) -> None:
        self.corpus, self.options = corpus, options
        self.frames = [raw for _, raw in corpus["frames"]]
        spell = SPELLINGS[options.get("spelling", "")]
        self.ids = {
            f"{base}-{quote}{'' if kind == 'spot' else '-PERP'}": spell(symbol)
            for symbol, (base, quote, kind) in corpus["symbols"].items()
        }
        self.loop = asyncio.new_event_loop()

    def _feed(self, read) -> tuple:
        from cryptofeed.exchanges import EXCHANGE_MAP
        from cryptofeed.symbols import Symbols

        exchange = self.options["exchange"]
        kinds = {name: "perpetual" if name.endswith("-PERP") else "spot" for name in self.ids}
        Symbols.set(exchange, dict(self.ids), {"instrument_type": kinds, "tick_size": {}, "is_quanto": {}})
        feed = EXCHANGE_MAP[exchange](
            config={
                "log": {"filename": os.devnull, "level": "CRITICAL"},
                "coinbase": {"key_id": "none", "key_secret": "none"},
            },
            subscription={"l2_book": list(self.ids)},
            callbacks={"l2_book": read},
            checksum_validation=bool(self.options.get("checksum")),
        )
        connection = _Unconnected({feed.std_channel_to_exchange("l2_book"): list(self.ids.values())})
        connection.address = self.options.get("url", connection.address)
        return feed, connection, feed.connect()[0][2]

    async def _begin(self, feed, connection, handler) -> None:
        from cryptofeed.types import OrderBook

        names = {symbol: name for name, symbol in self.ids.items()}
        if self.options.get("subscribe"):
            await feed.subscribe(connection)
        for raw in self.corpus["opening"]:
            await handler(raw, connection, 1.0)
        versions = self.options.get("version", "lastUpdateId")
        if not hasattr(feed, "last_update_id"):
            feed.last_update_id = {}
        for snapshot in self.corpus["snapshots"]:
            if not snapshot["request"]:
                await handler(snapshot["raw"], connection, 1.0)
                continue
            told, name = json.loads(snapshot["raw"]), names[snapshot["symbol"]]
            sides = {side: {Decimal(p): Decimal(q) for p, q in told[side]} for side in ("bids", "asks")}
            feed._l2_book[name] = OrderBook(feed.id, name, max_depth=feed.max_depth, **sides)
            feed.last_update_id[name] = told[versions]

    def timed_pass(self) -> dict:
        return self.loop.run_until_complete(self._pass())

    async def _pass(self) -> dict:
        tops = 0

        async def read(book, receipt) -> None:
            nonlocal tops
            bids, asks = book.book.bids, book.book.asks
            if len(bids) and len(asks):
                bids.index(0)
                asks.index(0)
                tops += 1

        feeds = [self._feed(read) for _ in range(self.corpus["tiles"])]
        for feed, connection, handler in feeds:
            await self._begin(feed, connection, handler)
        tops, frames = 0, self.frames
        gc.collect()
        began = time.thread_time()
        for _, connection, handler in feeds:
            for raw in frames:
                await handler(raw, connection, 1.0)
        seconds = time.thread_time() - began
        books = [one.book for one in feeds[0][0]._l2_book.values()]
        ends = [[str(b.bids.index(0)[0]), str(b.asks.index(0)[0])] for b in books if len(b.bids) and len(b.asks)]
        for feed, _, _ in feeds:
            await feed.shutdown()
        return {"seconds": seconds, "frames": len(frames) * len(feeds), "tops": tops, "ends": sorted(ends)}


class _Unconnected:
    """What a handler asks of its connection, without a socket."""

    conn_type, uuid, address = "wss", "1", "wss://nowhere.invalid"

    def __init__(self, subscription: dict) -> None:
        self.subscription = subscription

    async def write(self, *_: object, **__: object) -> None:
        """Subscriptions go nowhere."""


class CcxtPro:
    """The real client object: text to `Client.handle_message`, as its receive loop does. Nothing reads the book
    afterwards and nobody waits for it, which is in its favour."""

    names = ("ccxt", "orjson")

    def __init__(self) -> None:
        import ccxt.pro  # noqa: F401 -- absent is told at the start
        import orjson  # noqa: F401 -- its faster parser

    def load(self, corpus: dict, options: dict) -> None:
        from aiohttp import WSMessage, WSMsgType

        self.corpus, self.options = corpus, options
        self.frames = [WSMessage(WSMsgType.TEXT, raw, None) for _, raw in corpus["frames"]]
        self.loop = asyncio.new_event_loop()

    def _markets(self) -> list[dict]:
        markets = []
        spell = SPELLINGS[self.options.get("spelling", "")]
        for symbol, (base, quote, kind) in self.corpus["symbols"].items():
            spot, inverse = kind == "spot", kind.startswith("inverse")
            settle = base if inverse else quote
            markets.append(
                {
                    "id": spell(symbol), "symbol": f"{base}/{quote}" + ("" if spot else f":{settle}"),
                    "base": base, "quote": quote, "baseId": base, "quoteId": quote,
                    "type": "spot" if spot else "swap", "spot": spot, "swap": not spot, "contract": not spot,
                    "linear": None if spot else not inverse, "inverse": None if spot else inverse,
                    "settle": None if spot else settle, "settleId": None if spot else settle,
                    "margin": False, "future": False, "option": False, "active": True, "limits": {}, "info": {},
                    "precision": {"amount": 1e-8, "price": 1e-8}, "taker": 0.001, "maker": 0.001,
                }
            )  # fmt: skip
        return markets

    def _exchange(self) -> tuple:
        import ccxt.pro

        exchange = getattr(ccxt.pro, self.options["exchange"])({"apiKey": "none", "secret": "none"})
        exchange.set_markets(self._markets())
        client = exchange.client(self.options["url"])
        for raw in self.corpus["opening"]:
            client.handle_text_or_binary_message(raw)
        versions, depth = self.options.get("version", "lastUpdateId"), self.options.get("depth", 1000)
        for snapshot in self.corpus["snapshots"]:
            if not snapshot["request"]:
                client.handle_text_or_binary_message(snapshot["raw"])
                continue
            told = json.loads(snapshot["raw"])
            symbol = exchange.safe_market(snapshot["symbol"])["symbol"]
            parsed = exchange.parse_order_book(told, symbol)
            parsed["nonce"] = int(told[versions])
            exchange.orderbooks[symbol] = exchange.order_book({}, depth or None)
            exchange.orderbooks[symbol].reset(parsed)
        return exchange, client

    def timed_pass(self) -> dict:
        return self.loop.run_until_complete(self._pass())

    async def _pass(self) -> dict:
        exchanges = [self._exchange() for _ in range(self.corpus["tiles"])]
        frames = self.frames
        gc.collect()
        began = time.thread_time()
        for _, client in exchanges:
            handle = client.handle_message
            for message in frames:
                handle(message)
        seconds = time.thread_time() - began
        books = exchanges[0][0].orderbooks.values()
        ends = [[repr(b["bids"][0][0]), repr(b["asks"][0][0])] for b in books if b["bids"] and b["asks"]]
        for exchange, _ in exchanges:
            await exchange.close()
        return {"seconds": seconds, "frames": len(frames) * len(exchanges), "ends": sorted(ends)}


DRIVERS = {"cryptofeed": Cryptofeed, "ccxt.pro": CcxtPro}


def serve(name: str, cpu: int | None) -> None:
    """Answer until stdin ends."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    logging.disable(logging.CRITICAL)
    try:
        driver = DRIVERS[name]()
    except ImportError as error:
        print(json.dumps({"absent": f"{name} does not import in {sys.executable}: {error}"}), flush=True)
        return
    versions = {one: version(one) for one in driver.names}
    print(json.dumps({"versions": {**versions, "python": sys.version.split()[0]}}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "corpus" in order:
            with Path(order["corpus"]).open(encoding="utf-8") as file:
                driver.load(json.load(file), order["options"])
            answer = {"ok": True}
        else:
            answer = driver.timed_pass()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
