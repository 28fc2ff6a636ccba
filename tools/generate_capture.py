"""Writes the small generated capture that ships with the package, until simulated venues take its place.

Enters: a seed. Leaves: `cryptopipe/generated/<venue>.jsonl.gz`, labelled generated, in the venues' wire formats. Never:
a price that anybody traded at. The encoders are written from the venues' documentation, apart from the codecs.

    python tools/generate_capture.py [OUTPUT_DIRECTORY]
"""

import gzip
import json
import random
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal as D
from pathlib import Path
from typing import Any

START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
SECONDS = 60
STEP_MS = 100
LEVELS = 12
BEGIN = {"BTC": 60_000.0, "ETH": 3_000.0}
TICKS = {"BTC/USDT": ("0.01", "0.00001"), "ETH/USDT": ("0.01", "0.0001"), "ETH/BTC": ("0.00001", "0.0001")}
KRAKEN_TICKS = {
    "BTC/USDT": ("0.1", "0.00000001"),
    "ETH/USDT": ("0.01", "0.00000001"),
    "ETH/BTC": ("0.00001", "0.00000001"),
}
COINBASE_TICKS = {"BTC/USDT": ("0.01", "0.00000001"), "ETH/USDT": ("0.01", "0.00000001")}

Rows = dict[D, D]


@dataclass
class Dislocation:
    """A venue's price of a pair is off by `size` for a few seconds."""

    pair: str
    begin_s: float
    end_s: float
    size: float


@dataclass
class Market:
    """One venue's book of one pair, following the latent price with its own noise."""

    pair: str
    tick: D
    step: D
    spread: float
    dislocations: list[Dislocation] = field(default_factory=list)
    bids: Rows = field(default_factory=dict)
    asks: Rows = field(default_factory=dict)

    def target(self, latent: dict[str, float], at_s: float) -> float:
        base, quote = self.pair.split("/")
        price = latent[base] / latent.get(quote, 1.0)
        return price * (
            1 + sum(d.size for d in self.dislocations if d.pair == self.pair and d.begin_s <= at_s < d.end_s)
        )

    def move(self, latent: dict[str, float], at_s: float, dice: random.Random) -> tuple[Rows, Rows]:
        """New levels around the target; the changes of both sides, a size of zero for a level that went."""
        price = D(repr(self.target(latent, at_s)))
        half = max(self.tick, price * D(repr(self.spread)) / 2)
        bid = (price - half) // self.tick * self.tick
        ask = -(-(price + half) // self.tick) * self.tick
        gap = max(self.tick, (price * D("0.0001")) // self.tick * self.tick)
        return self._side(self.bids, bid, -gap, dice), self._side(self.asks, ask, gap, dice)

    def _side(self, old: Rows, best: D, gap: D, dice: random.Random) -> Rows:
        wanted: Rows = {}
        for level in range(LEVELS):
            price = best + gap * level
            keep = old.get(price)
            if keep is not None and dice.random() < 0.985:
                wanted[price] = keep
            else:
                scale = 4_000 if self.pair.endswith("USDT") else 0.08
                wanted[price] = max(
                    self.step,
                    D(repr(scale * (1 + level / 4) * dice.uniform(0.3, 1.7))) / price // self.step * self.step,
                )
        changes = {price: size for price, size in wanted.items() if old.get(price) != size}
        changes.update({price: D(0) for price in old if price not in wanted})
        old.clear()
        old.update(wanted)
        return changes


def text(value: D, grid: D) -> str:
    return f"{value.quantize(grid):f}"


def line(at_ns: int, direction: str, raw: str, url: str = "") -> dict[str, str]:
    return {"ts": f"{at_ns // 10**9}.{at_ns % 10**9:09d}", "dir": direction, "url": url, "raw": raw}


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class Binance:
    """Diff depth and bookTicker streams with a REST snapshot."""

    name = "binance"
    url = "wss://stream.binance.com:9443/stream"

    def __init__(self, markets: list[Market]) -> None:
        self.markets = markets
        self.update_id = 1_000

    def rows(self, changes: Rows, market: Market) -> list[list[str]]:
        return [[text(p, D("0.00000001")), text(s, D("0.00000001"))] for p, s in changes.items()]

    def start(self, at: int) -> Iterator[dict[str, str]]:
        yield line(at, "connect", "", self.url)
        for market in self.markets:
            symbol = market.pair.replace("/", "")
            bids, asks = sorted(market.bids.items(), reverse=True), sorted(market.asks.items())
            body = {
                "lastUpdateId": self.update_id,
                "bids": self.rows(dict(bids), market),
                "asks": self.rows(dict(asks), market),
            }
            yield line(
                at + 5_000_000, "http", dumps(body), f"https://api.binance.com/api/v3/depth?symbol={symbol}&limit=5000"
            )

    def frames(self, market: Market, bids: Rows, asks: Rows, at: int) -> Iterator[dict[str, str]]:
        symbol = market.pair.replace("/", "")
        first, self.update_id = self.update_id + 1, self.update_id + 1 + len(bids) + len(asks)
        (b, bq), (a, aq) = max(market.bids.items()), min(market.asks.items())
        unit = D("0.00000001")
        ticker = {
            "u": self.update_id,
            "s": symbol,
            "b": text(b, unit),
            "B": text(bq, unit),
            "a": text(a, unit),
            "A": text(aq, unit),
        }
        yield line(at, "recv", dumps({"stream": f"{symbol.lower()}@bookTicker", "data": ticker}), self.url)
        depth = {"e": "depthUpdate", "E": at // 10**6 - 20, "s": symbol, "U": first, "u": self.update_id}
        body = {**depth, "b": self.rows(bids, market), "a": self.rows(asks, market)}
        yield line(at + 1_000_000, "recv", dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": body}), self.url)


class PerMarketIds(Binance):
    """Binance counts update ids per symbol."""

    def __init__(self, markets: list[Market]) -> None:
        super().__init__(markets)
        self.ids = {market.pair: 1_000 for market in markets}

    def frames(self, market: Market, bids: Rows, asks: Rows, at: int) -> Iterator[dict[str, str]]:
        self.update_id = self.ids[market.pair]
        yield from super().frames(market, bids, asks, at)
        self.ids[market.pair] = self.update_id


class Kraken:
    """WebSocket v2 book with its checksum over the top ten."""

    name = "kraken"
    url = "wss://ws.kraken.com/v2"

    def __init__(self, markets: list[Market]) -> None:
        self.markets = markets

    def number(self, value: D, grid: D) -> str:
        return text(value, grid)

    def checksum(self, market: Market) -> int:
        out = ""
        for side in (sorted(market.asks.items())[:10], sorted(market.bids.items(), reverse=True)[:10]):
            for price, size in side:
                for value, grid in ((price, market.tick), (size, market.step)):
                    out += self.number(value, grid).replace(".", "").lstrip("0")
        return zlib.crc32(out.encode())

    def body(self, kind: str, market: Market, bids: Rows, asks: Rows, at: int) -> str:
        def rows(changes: Rows) -> str:
            return ",".join(
                f'{{"price":{self.number(p, market.tick)},"qty":{self.number(s, market.step)}}}'
                for p, s in changes.items()
            )

        stamp = f"2026-01-01T00:00:{(at - START_NS) / 1e9:09.6f}Z"
        levels = f'"bids":[{rows(bids)}],"asks":[{rows(asks)}]'
        proof = f'"checksum":{self.checksum(market)},"timestamp":"{stamp}"'
        data = f'{{"symbol":"{market.pair}",{levels},{proof}}}'
        return f'{{"channel":"book","type":"{kind}","data":[{data}]}}'

    def start(self, at: int) -> Iterator[dict[str, str]]:
        yield line(at, "connect", "", self.url)
        for market in self.markets:
            yield line(at + 3_000_000, "recv", self.body("snapshot", market, market.bids, market.asks, at), self.url)

    def frames(self, market: Market, bids: Rows, asks: Rows, at: int) -> Iterator[dict[str, str]]:
        yield line(at, "recv", self.body("update", market, bids, asks, at), self.url)


class Coinbase:
    """Advanced Trade level2 with the connection's sequence numbers."""

    name = "coinbase"
    url = "wss://advanced-trade-ws.coinbase.com"

    def __init__(self, markets: list[Market]) -> None:
        self.markets = markets
        self.sequence = 0

    def frame(self, kind: str, market: Market, bids: Rows, asks: Rows, at: int) -> str:
        stamp = f"2026-01-01T00:00:{(at - START_NS) / 1e9:09.6f}Z"
        updates = [
            {
                "side": side,
                "event_time": stamp,
                "price_level": text(p, market.tick),
                "new_quantity": text(s, market.step),
            }
            for side, changes in (("bid", bids), ("offer", asks))
            for p, s in changes.items()
        ]
        event = {"type": kind, "product_id": market.pair.replace("/", "-"), "updates": updates}
        body = {
            "channel": "l2_data",
            "client_id": "",
            "timestamp": stamp,
            "sequence_num": self.sequence,
            "events": [event],
        }
        self.sequence += 1
        return dumps(body)

    def start(self, at: int) -> Iterator[dict[str, str]]:
        yield line(at, "connect", "", self.url)
        for market in self.markets:
            yield line(at + 4_000_000, "recv", self.frame("snapshot", market, market.bids, market.asks, at), self.url)

    def frames(self, market: Market, bids: Rows, asks: Rows, at: int) -> Iterator[dict[str, str]]:
        yield line(at, "recv", self.frame("update", market, bids, asks, at), self.url)


def venues() -> list[Binance | Kraken | Coinbase]:
    def markets(grids: dict[str, tuple[str, str]], spread: float, dislocations: list[Dislocation]) -> list[Market]:
        return [Market(pair, D(tick), D(step), spread, dislocations) for pair, (tick, step) in grids.items()]

    off_triangle = [Dislocation("ETH/BTC", 12.25, 14, 0.0045), Dislocation("BTC/USDT", 32.25, 34, -0.0015)]
    off_venue = [
        Dislocation("BTC/USDT", 8.25, 11, 0.0085),
        Dislocation("ETH/USDT", 20.25, 23, -0.0075),
        Dislocation("BTC/USDT", 36.25, 38, 0.004),
    ]
    return [
        PerMarketIds(markets(TICKS, 0.0002, off_triangle)),
        Kraken(markets(KRAKEN_TICKS, 0.0004, off_venue)),
        Coinbase(markets(COINBASE_TICKS, 0.0003, [Dislocation("BTC/USDT", 24.25, 27, 0.004)])),
    ]


def generate(seed: int) -> dict[str, list[dict[str, str]]]:
    dice = random.Random(seed)
    found = venues()
    latent = dict(BEGIN)
    lines: dict[str, list[dict[str, str]]] = {}
    for venue in found:
        for market in venue.markets:
            market.move(latent, 0, dice)
        lines[venue.name] = list(venue.start(START_NS))
    for step in range(1, SECONDS * 1000 // STEP_MS):
        at = START_NS + step * STEP_MS * 10**6
        if step % 40 == 0:
            latent = {asset: price * (1 + dice.gauss(0, 0.0002)) for asset, price in latent.items()}
        for venue in found:
            delay = dice.randrange(30_000_000)
            for market in venue.markets:
                bids, asks = market.move(latent, (at - START_NS) / 1e9, dice)
                delay += 2_000_000
                if bids or asks:
                    lines[venue.name] += venue.frames(market, bids, asks, at + delay)
    return lines


def main(directory: Path, seed: int = 20261121) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in generate(seed).items():
        with (directory / f"{name}.jsonl.gz").open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write("".join(dumps(row) + "\n" for row in rows).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "cryptopipe" / "generated")
