"""What a change of a book costs: single orders (L3) and levels (L2), inside the native core and called from Python.

Enters: a seed. Leaves: a report; the same seed makes the same changes on every machine. Never: a figure that counts the
making of the changes, or one that stands for a market: the mixture is stated, and it is ours.
"""

import gc
import hashlib
import json
import platform
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cryptopipe import core
from cryptopipe.bench.report import Report, Row, Spread
from cryptopipe.bench.sides import busy
from cryptopipe.core import reference, reference_orders
from cryptopipe.core.number import SCALE, forget
from cryptopipe.model.events import LevelFormat, OrderChange, OrderEvent, OrderFormat

UNIT = "changes/s"
FORM = OrderFormat(0, 1, 2)
ORDERS = 20_000  # of the snapshot, half a side
REFERENCE_SHARE = 10  # the reference core gets every tenth part of the stream
FRAME_OF_LEVELS = 8
_TICK = 10**10  # 0.01 in units of 10⁻¹²
_MIDDLE = 6_000_000  # ticks
MIXTURE = (
    "of 100 events 48 add an order, 42 cancel one (4 of 5 one of the 200 newest), 6 reduce the first order of the best "
    "price by a match, 4 shrink one; prices 0 to some thousand ticks of 0.01 from the best, 40 in the mean, one in ten "
    "adds improves it where there is room; sizes of 8 decimal places; ids are UUIDs"
)


@dataclass
class Stream:
    """A snapshot, the events that follow it, and the same as changed levels."""

    bids: bytes
    asks: bytes
    events: list[tuple[bool, OrderEvent]] = field(default_factory=list)
    level_bids: bytes = b"[]"
    level_asks: bytes = b"[]"
    levels: list[tuple[bytes, bytes]] = field(default_factory=list)
    tops: int = 0

    @property
    def deltas(self) -> int:
        """Changed levels of all frames."""
        return sum(frame.count(b'["') for frames in self.levels for frame in frames)

    @property
    def sha256(self) -> str:
        """Of all texts."""
        digest = hashlib.sha256(self.bids + self.asks)
        for is_bid, event in self.events:
            digest.update(f"{is_bid}{event.change.value}{event.order_id}{event.price}{event.size}".encode())
        return digest.hexdigest()


def _text(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02}"


class _Maker:
    """Draws one change after the other, legal by the book that it keeps."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._book = core.OrderBook(FORM)
        self._live: list[tuple[str, bool, int]] = []  # id, side, ticks
        self._where: dict[str, int] = {}

    def stream(self, count: int) -> Stream:
        """A snapshot of `ORDERS` orders and `count` events."""
        sides: dict[bool, list[list[str]]] = {True: [], False: []}
        for number in range(ORDERS):
            is_bid = number % 2 == 0
            ticks = _MIDDLE + (-1 if is_bid else 1) * (1 + self._distance())
            sides[is_bid].append([self._new(is_bid, ticks), _text(ticks), self._size()])
        raw = [json.dumps(sides[is_bid]).encode() for is_bid in (True, False)]
        self._book.load(raw[0], raw[1], 0, 0, 0)
        found = Stream(raw[0], raw[1], level_bids=self._levels(True), level_asks=self._levels(False))
        changed: list[tuple[bool, int]] = []
        for _ in range(count):
            is_bid, event, ticks = self._next()
            found.tops += self._apply(is_bid, event)
            found.events.append((is_bid, event))
            changed.append((is_bid, ticks))
            if len(changed) == FRAME_OF_LEVELS:
                found.levels.append(self._frame(changed))
                changed.clear()
        return found

    def _apply(self, is_bid: bool, event: OrderEvent) -> bool:
        one = (event,)
        return self._book.apply(one if is_bid else (), () if is_bid else one, 0, 0, 0) is not None

    def _next(self) -> tuple[bool, OrderEvent, int]:
        kind = self._random.randrange(100)
        is_bid = self._random.random() < 0.5
        if kind < 48:
            ticks = self._price(is_bid)
            return is_bid, OrderEvent(OrderChange.ADD, self._new(is_bid, ticks), _text(ticks), self._size()), ticks
        if kind < 54:
            [(order_id, price, size)] = self._book.orders(is_bid, 1)
            taken = min(size, Decimal(self._size()))
            if taken == size:
                self._forget(self._where[order_id])
            return is_bid, OrderEvent(OrderChange.REDUCE, order_id, size=str(taken)), int(price * 100)
        newest = self._random.random() < 0.8
        at = self._random.randrange(max(0, len(self._live) - 200) if newest else 0, len(self._live))
        order_id, is_bid, ticks = self._live[at]
        if kind < 58:
            size = Decimal(self._size()) / 10**3 + Decimal("0.00000001")
            return is_bid, OrderEvent(OrderChange.SET, order_id, _text(ticks), f"{size:.8f}"), ticks
        self._forget(at)
        return is_bid, OrderEvent(OrderChange.REMOVE, order_id), ticks

    def _distance(self) -> int:
        scale = 40 if self._random.random() < 0.9 else 1500
        return int(self._random.expovariate(1 / scale))

    def _price(self, is_bid: bool) -> int:
        top = self._book.top
        assert top is not None and top.bid_units is not None and top.ask_units is not None
        bid, ask = top.bid_units // _TICK, top.ask_units // _TICK
        better = self._random.random() < 0.1 and ask - bid > 1
        return (bid - self._distance() + better) if is_bid else (ask + self._distance() - better)

    def _size(self) -> str:
        return f"{self._random.expovariate(2) + 0.0001:.8f}"

    def _new(self, is_bid: bool, ticks: int) -> str:
        order_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._where[order_id] = len(self._live)
        self._live.append((order_id, is_bid, ticks))
        return order_id

    def _forget(self, at: int) -> None:
        del self._where[self._live[at][0]]
        last = self._live.pop()
        if at < len(self._live):
            self._live[at] = last
            self._where[last[0]] = at

    def _levels(self, is_bid: bool) -> bytes:
        return json.dumps([[str(price), str(size)] for price, size in self._book.levels(is_bid)]).encode()

    def _frame(self, changed: Sequence[tuple[bool, int]]) -> tuple[bytes, bytes]:
        sides: dict[bool, list[str]] = {True: [], False: []}
        for is_bid, ticks in dict.fromkeys(changed):
            whole, fraction = divmod(self._book.size_at(is_bid, ticks * _TICK), 10**SCALE)
            sides[is_bid].append(f'["{_text(ticks)}","{whole}.{fraction // 10 ** (SCALE - 8):08}"]')
        return f"[{','.join(sides[True])}]".encode(), f"[{','.join(sides[False])}]".encode()


def make_stream(count: int, seed: int) -> Stream:
    """The stream of a seed."""
    return _Maker(seed).stream(count)


def _orders_of(stream: Stream, make: Callable[..., Any], events: int) -> Callable[[], float]:
    """One timed pass of single events, each in a call from Python."""
    frames = [((event,), ()) if is_bid else ((), (event,)) for is_bid, event in stream.events[:events]]

    def once() -> float:
        book = make(FORM)
        book.load(stream.bids, stream.asks, 0, 0, 0)
        return _timed(book.apply, frames)

    return once


def _levels_of(stream: Stream, make: Callable[..., Any], frames: int) -> Callable[[], float]:
    """The same with frames of levels."""

    def once() -> float:
        book = make(LevelFormat())
        book.load(stream.level_bids, stream.level_asks, 0, 0, 0)
        return _timed(book.apply, stream.levels[:frames])

    return once


def _timed(apply: Callable[..., object], frames: Sequence[tuple[object, object]]) -> float:
    forget()
    gc.collect()
    began = time.thread_time()
    for version, (bids, asks) in enumerate(frames):
        apply(bids, asks, version, version, version)
    return time.thread_time() - began


def _inside(stream: Stream) -> list[tuple[str, int, Callable[[], float]]]:
    """Passes without Python between the changes: (name, changes, pass)."""
    from cryptopipe.core import _rust

    orders = _rust.OrderTape([(b, e.change.value, e.order_id, e.price, e.size) for b, e in stream.events])
    levels = _rust.LevelTape(stream.levels)

    def single() -> float:
        book = _rust.OrderBook(FORM)
        book.load(stream.bids, stream.asks, 0, 0, 0)
        began = time.thread_time()
        orders.play(book)
        return time.thread_time() - began

    def several() -> float:
        book = _rust.Book(LevelFormat())
        book.load(stream.level_bids, stream.level_asks, 0, 0, 0)
        began = time.thread_time()
        levels.play(book)
        return time.thread_time() - began

    return [
        ("L3 events, inside the core", len(stream.events), single),
        ("L2 levels, inside the core", stream.deltas, several),
    ]


def _spread(passes: int, changes: int, once: Callable[[], float]) -> Spread:
    once()
    return Spread.of([changes / once() for _ in range(passes)])


def measure(count: int, passes: int, seed: int, say: Callable[[str], None]) -> Report:
    """Every row, after one pass to warm up."""
    notes, stream = busy(), make_stream(count, seed)
    rows: list[Row] = []
    if core.NAME == "native":
        for name, changes, once in _inside(stream):
            say(name)
            rows.append(Row(name, changes, UNIT, _spread(passes, changes, once)))
    share = Stream(stream.bids, stream.asks, levels=stream.levels[: len(stream.levels) // REFERENCE_SHARE])
    part, slow = len(stream.events) // REFERENCE_SHARE, max(1, passes // 2)
    say("L3 and L2, called from Python")
    for name, changes, once, fewer, plain in (
        (
            "L3 events, a call each", count, _orders_of(stream, core.OrderBook, count),
            part, _orders_of(stream, reference_orders.OrderBook, part),
        ),
        (
            f"L2 levels, a call for {FRAME_OF_LEVELS}", stream.deltas,
            _levels_of(stream, core.Book, len(stream.levels)),
            share.deltas, _levels_of(stream, reference.Book, len(share.levels)),
        ),
    ):  # fmt: skip
        rows.append(Row(name, changes, UNIT, _spread(passes, changes, once), reference=_spread(slow, fewer, plain)))
    size = f"{ORDERS:,} orders at {stream.level_bids.count(b'], [') + stream.level_asks.count(b'], [') + 2:,} prices"
    told = f"{size} at the start; {MIXTURE}; {stream.tops / count:.0%} of the events change the top"
    versions = {"python": platform.python_version()}
    return Report("book", core.NAME, versions, stream.sha256, rows, [f"seed {seed}: {told}", *notes])
