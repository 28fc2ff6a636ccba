"""Single orders of Bitfinex add up to its levels: one engine's tape written as R0 and as P0 frames, with their sums.

The frames are written here from the documentation (ws-public-raw-books, ws-public-books, ws-websocket-checksum, stored
copies read 2026-11-21), by nothing of the plugin's; the sums are made from the test's own maps.
"""

import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, zip_longest
from random import Random

import pytest

from cryptopipe.api import Channel, FeedCodec, OrdersDelta, Resync, Side, Told
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe_bitfinex import bitfinex

pytestmark = [pytest.mark.core]

SYMBOL = "tETHUSD"
MIDDLE = 25_000  # ticks of 0.1
MS = 1_000_000
SIGN = {Side.BUY: "", Side.SELL: "-"}


def text(lots: int) -> str:
    """Of 10⁻⁸, as JavaScript prints it for the sizes of this test."""
    return f"{lots // 10**8}.{lots % 10**8:08d}".rstrip("0").rstrip(".")


def price_text(ticks: int) -> str:
    return f"{ticks // 10}.{ticks % 10}".removesuffix(".0")


def crc(bids: list[str], asks: list[str]) -> int:
    joined = ":".join(one for one in chain.from_iterable(zip_longest(bids, asks)) if one is not None)
    found = zlib.crc32(joined.encode())
    return found - 2**32 if found >= 2**31 else found


class Encoder:
    """One connection of each kind. `known`: the venue's id of an order: (side, ticks, lots)."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.engine = Engine(bitfinex.instruments.find(SYMBOL), keep=60 * 10**9)
        self.at = 1_791_365_004_404 * MS
        self.known: dict[int, tuple[Side, int, int]] = {}
        self.names: dict[int, int] = {}
        self.picks: list[int] = []
        self.seq = {"R0": 0, "P0": 0}
        for distance in range(1, 60):
            for side, price in ((Side.BUY, MIDDLE - distance), (Side.SELL, MIDDLE + distance)):
                self.engine.limit(side, price, self.random.randrange(10**6, 10**9), self.at)
        for side in Side:
            for one in self.engine.orders(side):
                self.known[one.order_id] = side, one.price, one.size
                self.names[one.order_id] = one.order_id
                self.picks.append(one.order_id)
        self.tape, self.changes = self.engine.order_number, self.engine.number

    def frame(self, book: str, payload: str) -> bytes:
        self.seq[book] += 1
        return f"[{7 if book == 'R0' else 8},{payload},{self.seq[book]},{self.at // MS}]".encode()

    def snapshots(self) -> Iterator[tuple[str, bytes]]:
        for book, chan in (("R0", 7), ("P0", 8)):
            told = f'{{"event":"subscribed","channel":"book","chanId":{chan},"symbol":"{SYMBOL}","prec":"{book}"}}'
            yield book, told.encode()
        orders = ",".join(f"[{i},{price_text(p)},{SIGN[s]}{text(n)}]" for i, (s, p, n) in self.known.items())
        yield "R0", self.frame("R0", f"[{orders}]")
        levels = ",".join(self.level(side, p) for side in Side for p, _ in self.engine.levels(side, 10**6))
        yield "P0", self.frame("P0", f"[{levels}]")

    def level(self, side: Side, price: int) -> str:
        queue = self.engine.queue(side, price)
        amount = text(sum(size for _, size in queue)) if queue else "1"
        return f"[{price_text(price)},{len(queue)},{SIGN[side]}{amount}]"

    def step(self) -> Iterator[tuple[str, bytes]]:
        """One operation on the engine, and every frame of it."""
        self.at += MS
        moved = self._operate()
        touched: dict[tuple[Side, int], None] = {}
        for line in self.engine.order_tape(self.tape):
            if line.told is Told.OPENED:
                self.picks.append(line.order_id)
                if moved:
                    self.names[line.order_id] = moved
            name = self.names.setdefault(line.order_id, line.order_id)
            side, price, size = self.known.get(name, (line.side, line.price, 0))
            touched[side, price] = touched[line.side, line.price] = None
            match line.told:
                case Told.OPENED:
                    left = line.size
                case Told.MATCHED | Told.REDUCED:
                    left = size - line.size
                case _:
                    left = 0
            if left:
                self.known[name] = line.side, line.price, left
                yield "R0", self.frame("R0", f"[{name},{price_text(line.price)},{SIGN[line.side]}{text(left)}]")
            elif name in self.known and not (moved == name and line.told is Told.CANCELLED):
                del self.known[name]
                yield "R0", self.frame("R0", f"[{name},0,{SIGN[line.side]}1]")
        self.tape = self.engine.order_number
        gone_first = sorted(touched, key=lambda one: self.engine.size_at(*one) > 0)
        for side, price in gone_first:
            yield "P0", self.frame("P0", self.level(side, price))

    def _operate(self) -> int:
        """The id that a moved order keeps: for the engine it is cancelled and comes again; 0 if none was moved."""
        random, engine = self.random, self.engine
        side = random.choice((Side.BUY, Side.SELL))
        away = random.randrange(1, 60) * (-1 if side is Side.BUY else 1)
        pick = self._pick() if len(self.known) >= 80 and random.random() < 0.6 else 0
        if not pick:
            if random.random() < 0.15:
                engine.take(side, random.randrange(1, 10**9), self.at)
            else:
                engine.limit(side, MIDDLE + away, random.randrange(10**4, 10**9), self.at)
            return 0
        name = self.names[pick]
        match random.randrange(4) if len(self.known) < 250 else 0:
            case 0:
                engine.cancel(pick, self.at)
            case 1:
                engine.reduce(pick, random.randrange(1, 10**8), self.at)
            case _:
                side = self.known[name][0]
                size = engine.cancel(pick, self.at) + random.choice((0, 0, 5_000))
                away = abs(away) * (-1 if side is Side.BUY else 1)
                price = random.choice((self.known[name][1], MIDDLE + away))
                if engine.limit(side, price, size, self.at, post_only=True).order_id:
                    return name
        return 0

    def _pick(self) -> int:
        """The engine's id of a resting order."""
        while True:
            at = self.random.randrange(len(self.picks))
            self.picks[at], self.picks[-1] = self.picks[-1], self.picks[at]
            if self.engine.resting(self.picks[-1]):
                return self.picks[-1]
            self.picks.pop()

    def sums(self) -> Iterator[tuple[str, bytes]]:
        """Within a price by id: the venue's own order."""
        orders, levels = [], []
        for side in Side:
            mine = [(p, i, n) for i, (s, p, n) in self.known.items() if s is side]
            mine.sort(key=lambda one: (-one[0] if side is Side.BUY else one[0], one[1]))
            orders.append([f"{i}:{SIGN[side]}{text(n)}" for _, i, n in mine[:25]])
            best = self.engine.levels(side, 25)
            levels.append([f"{price_text(p)}:{SIGN[side]}{text(n)}" for p, n in best])
        yield "R0", self.frame("R0", f'"cs",{crc(*orders)}')
        yield "P0", self.frame("P0", f'"cs",{crc(*levels)}')


class Reader:
    """Our codec and sync of one of the two streams."""

    def __init__(self, codec: FeedCodec) -> None:
        self.codec, self.sync = codec, BookSync(bitfinex.instruments.find(SYMBOL), codec.rule)
        self.sync.open()
        self.events = self.put_behind = 0

    def read(self, frame: bytes) -> None:
        for event in self.codec.decode(frame, 1):
            assert not isinstance(event, Resync), event
            if hasattr(event, "bids"):
                outcome = self.sync.snapshot(event, 1) if b"[[" in frame else self.sync.delta(event, 1)  # type: ignore[arg-type]
                assert not isinstance(outcome, Resync), (outcome, frame)
                if isinstance(event, OrdersDelta):
                    self.events += bool(event.bids or event.asks)
                    self.put_behind += len(event.bids) + len(event.asks) > 1


def run(events: int, seed: int) -> None:
    (dialect,) = [d for d in bitfinex.dialects if Channel.ORDERS in d.channels]
    encoder = Encoder(seed)
    readers = {"R0": Reader(dialect.feed()), "P0": Reader(bitfinex.feed())}
    for book, frame in encoder.snapshots():
        readers[book].read(frame)
    single, added = readers["R0"], readers["P0"]
    steps = 0
    while single.events < events:
        steps += 1
        for book, frame in encoder.step():
            readers[book].read(frame)
        if steps % 20 == 10:
            for book, frame in encoder.sums():
                readers[book].read(frame)
        if steps % 20 == 0:
            for bids, side in ((True, Side.BUY), (False, Side.SELL)):
                levels = list(single.sync.book.levels(bids))
                assert levels == list(added.sync.book.levels(bids)), f"after {steps} operations"
                assert levels == [
                    (p * Decimal("0.1"), n * Decimal("0.00000001")) for p, n in encoder.engine.levels(side, 10**6)
                ]
    for reader in readers.values():
        assert (reader.sync.state, reader.sync.gaps, reader.sync.resyncs) == (BookState.LIVE, 0, 1)
    assert single.put_behind > events // 20
    orders = single.sync.book.orders(True)  # type: ignore[attr-defined, unused-ignore]
    assert [(int(i), p) for i, p, _ in orders] == sorted(
        ((i, p * Decimal("0.1")) for i, (s, p, _) in encoder.known.items() if s is Side.BUY),
        key=lambda one: (-one[1], one[0]),
    )


def test_single_orders_add_up_to_the_levels() -> None:
    run(5_000, 1)


@pytest.mark.slow
def test_single_orders_add_up_to_the_levels_over_a_hundred_thousand_events() -> None:
    run(100_000, 3)
