"""What each recorded venue's frames say, read once more by the shortest way: `json.loads` and dictionaries.

Enters: the lines of a recording. Leaves: the CSV texts that a collector must write of it, by (kind, symbol). Never: a
line of the product's code: this is the other opinion.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

TOP = 5
NS, US, MS = 1_000_000_000, 1_000, 1_000_000
Line = dict[str, str]
Told = tuple[Any, ...]
"""("trade", symbol, id, price, size, taker sold, told at, made at), ("snapshot" or "delta", symbol, [(is a bid, price,
size)], time, version), ("asked", …) for a snapshot that was an answer."""


def epoch(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * NS + int(rest[:9].ljust(9, "0"))


def iso(text: str) -> int:
    day, _, rest = text.rstrip("Z").partition(".")
    return epoch(f"{int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())}.{rest}")


def both(bids: list[Any], asks: list[Any]) -> list[tuple[bool, str, str]]:
    return [(True, one[0], one[1]) for one in bids] + [(False, one[0], one[1]) for one in asks]


def binance(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    if line["dir"] == "http" or "lastUpdateId" in told:
        yield "asked", None, both(told["bids"], told["asks"]), 0, told["lastUpdateId"]
        return
    told = told.get("data", told)
    if told.get("e") == "depthUpdate":
        yield "delta", told["s"], both(told["b"], told["a"]), told["E"] * MS, told["u"]
    elif told.get("e") == "trade":
        yield "trade", told["s"], str(told["t"]), told["p"], told["q"], told["m"], told["E"] * MS, told["T"] * MS


def coinbase_exchange(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    kind, symbol = told["type"], told.get("product_id")
    if kind == "snapshot":
        yield "snapshot", symbol, both(told["bids"], told["asks"]), 0, 0
    elif kind == "l2update":
        changes = [(side == "buy", price, size) for side, price, size in told["changes"]]
        yield "delta", symbol, changes, iso(told["time"]), 0
    elif kind in ("match", "last_match"):
        sold, at = told["side"] == "buy", iso(told["time"])  # the maker bought
        yield "trade", symbol, str(told["trade_id"]), told["price"], told["size"], sold, at, at


def kraken(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    if not isinstance(told, list):
        return
    name, symbol = told[-2], told[-1]
    if name == "trade":
        for price, size, at, side, *_ in told[1]:
            yield "trade", symbol, "", price, size, side == "s", epoch(at), epoch(at)
    elif name.startswith("book"):
        merged = {key: value for part in told[1:-2] for key, value in part.items()}
        bids, asks = merged.get("bs", merged.get("b", [])), merged.get("as", merged.get("a", []))
        newest = max(epoch(level[2]) for level in [*bids, *asks])
        yield "snapshot" if "as" in merged else "delta", symbol, both(bids, asks), newest, 0


def bybit(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    topic = told.get("topic", "")
    if topic.startswith("orderbook"):
        data = told["data"]
        yield told["type"], contract(data["s"]), both(data["b"], data["a"]), told["cts"] * MS, 0
    elif topic.startswith("publicTrade"):
        for one in told["data"]:
            sold, symbol = one["S"] == "Sell", contract(one["s"])
            yield "trade", symbol, one["i"], one["p"], one["v"], sold, told["ts"] * MS, one["T"] * MS


def contract(symbol: str) -> str:
    """Its spot and derivatives share their spellings; the recorded ones are perpetuals."""
    return ("linear:" if symbol.endswith("USDT") else "inverse:") + symbol


def okx(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    channel = told.get("arg", {}).get("channel") if "data" in told else None
    for one in told["data"] if channel in ("books", "trades") else ():
        at, symbol = int(one["ts"]) * MS, told["arg"]["instId"]
        if channel == "books":
            kind = "snapshot" if told["action"] == "snapshot" else "delta"
            yield kind, symbol, both(one["bids"], one["asks"]), at, 0
        else:
            yield "trade", symbol, one["tradeId"], one["px"], one["sz"], one["side"] == "sell", at, at


def bitstamp(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    if line["dir"] == "http":
        symbol, version = line["url"].rstrip("/").rpartition("/")[2], int(told["microtimestamp"])
        yield "asked", symbol, both(told["bids"], told["asks"]), 0, version
        return
    channel, data = told["channel"], told["data"]
    symbol = channel.rpartition("_")[2]
    if told["event"] == "data" and channel.startswith("diff_order_book"):
        version = int(data["microtimestamp"])
        yield "delta", symbol, both(data["bids"], data["asks"]), version * US, version
    elif told["event"] == "trade":
        at = int(data["microtimestamp"]) * US
        yield "trade", symbol, str(data["id"]), data["price_str"], data["amount_str"], data["type"] == 1, at, at


def gemini(line: Line) -> Iterator[Told]:
    told = json.loads(line["raw"])
    if told["type"] == "trade":
        yield gemini_trade(told)
    elif told["type"] == "l2_updates":
        symbol = told["symbol"].lower()
        changes = [(side == "buy", price, size) for side, price, size in told["changes"]]
        yield "snapshot" if "trades" in told else "delta", symbol, changes, 0, 0
        for one in sorted(told.get("trades", ()), key=lambda one: (one["timestamp"], one["event_id"])):
            yield gemini_trade(one)


def gemini_trade(one: dict[str, Any]) -> Told:
    at, symbol = one["timestamp"] * MS, one["symbol"].lower()
    return "trade", symbol, str(one["event_id"]), one["price"], one["quantity"], one["side"] == "sell", at, at


class Bitfinex:
    """A channel's number means what `subscribed` said."""

    def __init__(self) -> None:
        self.channels: dict[str, tuple[str, str]] = {}

    def __call__(self, line: Line) -> Iterator[Told]:
        told = json.loads(line["raw"], parse_float=str, parse_int=str)
        if isinstance(told, dict):
            if told.get("event") == "subscribed":
                self.channels[told["chanId"]] = told["channel"], told["symbol"]
            return
        kind, symbol = self.channels.get(told[0], ("", ""))
        if kind == "book" and isinstance(told[1], list):
            whole = isinstance(told[1][0], list)
            yield (
                "snapshot" if whole else "delta",
                symbol,
                [self.level(*one) for one in (told[1] if whole else [told[1]])],
                0,
                0,
            )
        elif kind == "trades" and isinstance(told[1], list):
            yield from (self.trade(symbol, one) for one in reversed(told[1]))
        elif kind == "trades" and told[1] == "te":
            yield self.trade(symbol, told[2])

    @staticmethod
    def level(price: str, count: str, amount: str) -> tuple[bool, str, str]:
        return not amount.startswith("-"), price, amount.lstrip("-") if count != "0" else "0"

    @staticmethod
    def trade(symbol: str, one: list[str]) -> Told:
        identity, at, amount, price = one
        return "trade", symbol, identity, price, amount.lstrip("-"), amount.startswith("-"), int(at) * MS, int(at) * MS


READERS: dict[str, Callable[[], Callable[[Line], Iterator[Told]]]] = {
    "binance": lambda: binance,
    "coinbase_exchange": lambda: coinbase_exchange,
    "kraken": lambda: kraken,
    "bybit": lambda: bybit,
    "okx": lambda: okx,
    "bitstamp": lambda: bitstamp,
    "gemini": lambda: gemini,
    "bitfinex": Bitfinex,
}


class Rows:
    """The texts, as they grow."""

    def __init__(self, only: str | None, interval_ms: int, depth: int) -> None:
        self.only, self.interval_ms, self.depth = only, interval_ms, depth
        self.texts: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.books: dict[str, dict[bool, dict[Decimal, Decimal]]] = {}
        self.versions: dict[str, int] = {}
        self.held: dict[str, list[Told]] = defaultdict(list)
        self.bucket: dict[str, int] = {}
        self.ids: dict[str, set[str]] = defaultdict(set)
        self.best: dict[str, list[str]] = {}

    def take(self, told: Told, at: int, asks_first: bool, kept: int) -> None:
        kind, symbol = told[0], told[1] or self.only
        if kind == "trade":
            self.trade(symbol, *told[2:])
        elif kind in ("snapshot", "asked"):
            self.books[symbol], self.versions[symbol] = {True: {}, False: {}}, told[4]
            self.change(symbol, told[2], kept)
            for held in self.held.pop(symbol, ()):
                if held[4] > told[4]:
                    self.change(symbol, held[2], kept)
            if kind == "snapshot":
                self.sample(symbol, told[3] or at)
        elif symbol not in self.books:
            self.held[symbol] += [told] if asks_first else []
        elif not asks_first or told[4] > self.versions[symbol]:
            self.change(symbol, told[2], kept)
            self.sample(symbol, told[3] or at)
        elif told[4] == self.versions[symbol]:  # the newest change that the answer holds: the book is as it left it
            self.sample(symbol, told[3] or at)

    def top(self, symbol: str, at: int, venue: str) -> None:
        """Best prices, whenever one is another than before; a book without a snapshot has none."""
        if symbol not in self.books:
            return
        book = self.books[symbol]
        bid, ask = max(book[True], default=None), min(book[False], default=None)
        cells = [bid, ask, *((ask - bid, (ask + bid) / 2) if bid is not None and ask is not None else (None, None))]
        shown = ["" if one is None else f"{one.normalize():f}" for one in cells]
        if shown[:2] != self.best.get(symbol):
            self.best[symbol] = shown[:2]
            when = datetime.fromtimestamp(at // NS, UTC).replace(microsecond=at % NS // US)
            row = [when.isoformat(timespec="microseconds"), venue, symbol, *shown]
            self.texts["top", symbol].append(",".join(row) + "\n")

    def trade(self, symbol: str, identity: str, price: str, size: str, sold: bool, told_at: int, made_at: int) -> None:
        if identity and identity in self.ids[symbol]:
            return
        self.ids[symbol].add(identity)
        cells = (told_at // MS, symbol, identity, price, size, made_at // MS, sold)
        self.texts["trade", symbol].append(",".join(map(str, cells)) + "\n")

    def change(self, symbol: str, changes: list[tuple[bool, str, str]], kept: int) -> None:
        book = self.books[symbol]
        for bid, price, size in changes:
            if Decimal(size):
                book[bid][Decimal(price)] = Decimal(size)
            else:
                book[bid].pop(Decimal(price), None)
        for bid in (True, False) if kept else ():
            for price in sorted(book[bid], reverse=bid)[kept:]:
                del book[bid][price]

    def sample(self, symbol: str, time: int) -> None:
        bucket = time // (self.interval_ms * MS)
        if bucket <= self.bucket.get(symbol, -1):
            return
        self.bucket[symbol] = bucket
        sides = {bid: sorted(self.books[symbol][bid].items(), reverse=bid)[: self.depth] for bid in (True, False)}
        for level in range(max(map(len, sides.values()))):
            for bid in (True, False):
                if level < len(sides[bid]):
                    price, size = (f"{one.normalize():f}" for one in sides[bid][level])
                    row = f"{time // MS},{symbol},{'B' if bid else 'A'},{price},{size},{level + 1}\n"
                    self.texts["book", symbol].append(row)


def texts(
    venue: str, lines: Iterator[Line], only: str | None = None, interval_ms: int = 1000, depth: int = TOP
) -> dict[tuple[str, str], str]:
    """By kind and symbol what the row files of a recording hold, without headers."""
    rows, read = Rows(only, interval_ms, depth), READERS[venue]()
    for line in lines:
        if line["dir"] in ("recv", "http") and line["raw"].startswith(("{", "[")):
            for told in read(line):
                rows.take(told, epoch(line["ts"]), venue in ("binance", "bitstamp"), 1000 if venue == "kraken" else 0)
                if venue != "binance":  # its tops come by a stream of their own
                    rows.top(told[1] or only, epoch(line["ts"]), venue)
    return {key: "".join(found) for key, found in rows.texts.items()}
