"""Bitstamp's single orders add up to its levels: frames of both streams, written here from one engine.

The encoder is no part of the plugin: it writes `live_orders`, `diff_order_book` and both REST answers as the captured
frames in the plugin's corpus have them, from the engine's tapes and from the orders that the test gives.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

import cryptopipe_bitstamp
from cryptopipe.api import (
    BookDelta,
    HttpResponse,
    Instrument,
    OrdersDelta,
    OrderTold,
    ProtocolError,
    Resync,
    Side,
    Told,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe_bitstamp import bitstamp

pytestmark = [pytest.mark.core]

US, MS = 1_000, 1_000_000
T = 1_786_269_861_000 * MS
MIDDLE = 5_800_000  # in ticks of 0.01
FIRST_ID = 9_007_199_254_740_993  # 2⁵³ + 1: no float holds it
TYPE = {Side.BUY: 0, Side.SELL: 1}
CORPUS = Path(cryptopipe_bitstamp.__file__).parent / "frames"
INSTRUMENT: Instrument = bitstamp.instruments.find("btcusd")


def price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02}"


def size(lots: int) -> str:
    return f"{lots // 10**8}.{lots % 10**8:08}"


class Scribe:
    """Writes what the engine did as the venue would tell it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.events = 0
        self._last = "0006589a-0000-0000-0000-000000000020"
        self._lines = self._changes = 0
        self._left: dict[int, int] = {}

    def begin(self) -> None:
        self._left = {one.order_id: one.size for side in Side for one in self.engine.orders(side)}
        self._lines, self._changes = self.engine.order_number, self.engine.number

    def book_by_order(self) -> bytes:
        sides = {
            side: ", ".join(
                f'["{price(o.price)}", "{size(o.size)}", "{FIRST_ID + o.order_id}"]' for o in self.engine.orders(side)
            )
            for side in Side
        }
        return self._answer(sides)

    def book_by_price(self) -> bytes:
        sides = {
            side: ", ".join(f'["{price(p)}", "{size(s)}"]' for p, s in self.engine.levels(side, 10**6)) for side in Side
        }
        return self._answer(sides)

    def _answer(self, sides: dict[Side, str]) -> bytes:
        at = self.engine.changed_at
        head = f'"timestamp": "{at // 10**9}", "microtimestamp": "{at // US}"'
        return f'{{{head}, "bids": [{sides[Side.BUY]}], "asks": [{sides[Side.SELL]}]}}'.encode()

    def difference(self) -> bytes | None:
        rows: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for one in self.engine.changes(self._changes):
            rows[one.side][one.price] = one.size
        if not any(rows.values()):
            return None
        self._changes, at = self.engine.number, self.engine.changed_at
        bids, asks = (",".join(f'["{price(p)}","{size(s)}"]' for p, s in rows[side].items()) for side in rows)
        return (
            f'{{"data":{{"timestamp":"{at // 10**9}","microtimestamp":"{at // US}","bids":[{bids}],"asks":[{asks}]}},'
            f'"channel":"diff_order_book_btcusd","event":"data"}}'
        ).encode()

    def orders(self, side: Side, limit: int | None, wanted: int) -> Iterator[bytes]:
        """What the last order did: given by `side`, at `limit` (None at market), of `wanted` lots."""
        lines = self.engine.order_tape(self._lines)
        self._lines = self.engine.order_number
        matches = [line for line in lines if line.told is Told.MATCHED]
        if not matches:
            yield from (self._alone(line) for line in lines)
            return
        taker, at, left = matches[0].taker, lines[0].at, wanted
        bound = limit if limit is not None else (99_999_999_900 if side is Side.BUY else 0)
        yield self._frame("order_created", taker, side, at, bound, left if limit is not None else 0)
        for line in matches:
            left -= line.size
            resting = self._left[line.order_id] = self._left[line.order_id] - line.size
            event = "order_changed" if resting else "order_deleted"
            yield self._frame(event, line.order_id, line.side, at, line.price, resting, line.size)
            if left:
                yield self._frame("order_changed", taker, side, at, line.price, left, line.size)
        if lines[-1].told is Told.OPENED:
            self._left[taker] = left
        else:
            yield self._frame("order_deleted", taker, side, at, matches[-1].price, left, matches[-1].size)

    def _alone(self, line: OrderTold) -> bytes:
        if line.told is Told.OPENED:
            self._left[line.order_id] = line.size
            return self._frame("order_created", line.order_id, line.side, line.at, line.price, line.size)
        left = self._left[line.order_id] - line.size
        if line.told is Told.CANCELLED:
            return self._frame("order_deleted", line.order_id, line.side, line.at, line.price, line.size)
        self._left[line.order_id] = left
        return self._frame("order_changed", line.order_id, line.side, line.at, line.price, left)

    def _frame(self, event: str, order: int, side: Side, at: int, ticks: int, lots: int, traded: int = 0) -> bytes:
        self.events += 1
        micros, identity, text = at // MS * 1000, FIRST_ID + order, price(ticks).removesuffix(".00")
        digits = f"{micros:016x}0000{self.events:06x}000020"
        before = self._last
        self._last = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        return (
            f'{{"data":{{"id":{identity},"id_str":"{identity}","order_type":{TYPE[side]},"order_subtype":5,'
            f'"datetime":"{at // 10**9}","microtimestamp":"{micros}","amount":{size(lots)},"amount_str":"{size(lots)}",'
            f'"amount_traded":"{size(traded)}","amount_at_create":"{size(lots + traded)}","price":{text},'
            f'"price_str":"{text}","is_liquidation":false}},"channel":"live_orders_btcusd","event":"{event}",'
            f'"event_id":"{self._last}","pre_event_id":"{before}","order_source":"orderbook"}}'
        ).encode()


class Market:
    """Random orders, seeded."""

    def __init__(self, seed: int) -> None:
        self.engine = Engine(INSTRUMENT)
        self.scribe = Scribe(self.engine)
        self.at = T
        self._random = Random(seed)
        self._resting: list[int] = []
        for number in range(400):
            side = Side.BUY if number % 2 else Side.SELL
            away = self._random.randrange(1, 120) * (-1 if side is Side.BUY else 1)
            self._resting.append(self.engine.limit(side, MIDDLE + away, self._lots(), self.at).order_id)
        self.scribe.begin()

    def _lots(self) -> int:
        return self._random.randrange(1, 3 * 10**8)

    def step(self) -> list[bytes]:
        """One order: its frames. Several come in a millisecond."""
        random, engine = self._random, self.engine
        self.at += random.choice((90 * US, 250 * US, 3 * MS))
        side = random.choice((Side.BUY, Side.SELL))
        lots, bound = self._lots(), None
        match random.randrange(20):
            case 0:
                engine.take(side, lots * 2, self.at)
            case 1 | 2:
                bound = MIDDLE + random.randrange(-60, 60)
                self._resting.append(engine.limit(side, bound, lots * 2, self.at).order_id)
            case 3 | 4:
                engine.reduce(random.choice(self._resting), lots // 5 + 1, self.at)
            case kind if kind < 13 and len(self._resting) > 300:
                engine.cancel(self._resting.pop(random.randrange(len(self._resting))), self.at)
            case _:
                bound = MIDDLE + random.randrange(1, 120) * (-1 if side is Side.BUY else 1)
                self._resting.append(engine.limit(side, bound, lots, self.at).order_id)
                return list(self.scribe.orders(side, bound, lots))
        return list(self.scribe.orders(side, bound, lots * 2))


class Listener:
    """Our own side of one stream."""

    def __init__(self, market: Market, orders: bool) -> None:
        dialect = bitstamp.dialects[0]
        self.codec = dialect.feed() if orders else bitstamp.feed()
        self.sync = BookSync(INSTRUMENT, self.codec.rule)
        self._snapshots = dialect.snapshots if orders else bitstamp.snapshots
        self._body = market.scribe.book_by_order if orders else market.scribe.book_by_price

    def ask(self) -> None:
        assert self._snapshots is not None
        outcome = self.sync.snapshot(self._snapshots.snapshot("btcusd", HttpResponse(200, self._body()), 0), 0)
        assert not isinstance(outcome, Resync), outcome
        assert self.sync.state is BookState.LIVE

    def take(self, frame: bytes) -> None:
        for event in self.codec.decode(frame, 0):
            assert isinstance(event, BookDelta | OrdersDelta), event
            outcome = self.sync.delta(event, 0)
            assert not isinstance(outcome, Resync), outcome


def equal_books(levels: Listener, single: Listener, engine: Engine) -> None:
    rules = INSTRUMENT.rules
    assert rules is not None
    for side in Side:
        bids = side is Side.BUY
        added_up = list(single.sync.orders.levels(bids))
        assert added_up == list(levels.sync.book.levels(bids))
        assert added_up == [(p * rules.tick, s * rules.step) for p, s in engine.levels(side, 10**6)]
    assert single.sync.book.top is not None
    assert levels.sync.book.top is not None
    ours, theirs = single.sync.book.top, levels.sync.book.top
    assert (ours.bid, ours.bid_size, ours.ask, ours.ask_size) == (
        theirs.bid,
        theirs.bid_size,
        theirs.ask,
        theirs.ask_size,
    )


def equal_queues(single: Listener, engine: Engine) -> None:
    for side in Side:
        told = [
            (str(FIRST_ID + o.order_id), Decimal(price(o.price)), Decimal(size(o.size))) for o in engine.orders(side)
        ]
        assert single.sync.orders.orders(side is Side.BUY) == told


def run(events: int, seed: int) -> tuple[Market, int]:
    """Both streams until so many order events were told; the number of comparisons."""
    market = Market(seed)
    levels, single = Listener(market, orders=False), Listener(market, orders=True)
    compared = 0
    while market.scribe.events < events:
        for _ in range(20):
            for frame in market.step():
                single.take(frame)
        difference = market.scribe.difference()
        assert difference is not None
        levels.take(difference)
        if not compared:
            single.ask()
            levels.ask()
        equal_books(levels, single, market.engine)
        compared += 1
        if compared % 50 == 0:
            equal_queues(single, market.engine)
    equal_queues(single, market.engine)
    return market, compared


def test_orders_add_up_to_levels_over_5_000_events() -> None:
    market, compared = run(5_000, seed=3)
    assert market.scribe.events >= 5_000
    assert compared > 100


@pytest.mark.slow
def test_orders_add_up_to_levels_over_100_000_events() -> None:
    market, compared = run(100_000, seed=8)
    assert market.scribe.events >= 100_000
    assert compared > 2_000


def test_there_is_no_top_while_a_taker_crosses_and_the_old_one_or_the_new_after_it() -> None:
    market = Market(seed=4)
    single = Listener(market, orders=True)
    frames = market.step()
    for frame in frames:
        single.take(frame)
    single.ask()
    best = market.engine.best(Side.SELL)
    assert best is not None
    market.at += 5 * MS
    market.engine.limit(Side.BUY, best + 30, 10**10, market.at)
    seen = []
    for frame in market.scribe.orders(Side.BUY, best + 30, 10**10):
        single.take(frame)
        seen.append(single.sync.book.top)
    assert len(seen) > 4
    assert seen[:-2] == [None] * (len(seen) - 2)
    top = single.sync.book.top
    assert top is not None
    assert top.bid == Decimal(price(best + 30)), "the taker's rest stands at its limit, not at its last match"
    assert single.sync.state is BookState.LIVE


def test_a_snapshot_in_the_midst_of_a_millisecond_takes_each_event_once() -> None:
    """Events before and after it have the same time; the answer already has the first ones."""
    market = Market(seed=6)
    single = Listener(market, orders=True)
    early = [frame for _ in range(30) for frame in market.step()]
    market.at = (market.at // MS + 1) * MS + 100 * US
    for number in range(4):
        market.at += 100 * US
        lots = 10**8 + number
        order = market.engine.limit(Side.BUY, MIDDLE - 200, lots, market.at).order_id
        early += market.scribe.orders(Side.BUY, MIDDLE - 200, lots)
        if number == 1:
            market.engine.reduce(order, 77, market.at)
            early += market.scribe.orders(Side.BUY, None, 0)
    for frame in early:
        single.take(frame)
    single.ask()
    late = []
    for _ in range(3):
        market.at += 100 * US
        assert market.at // MS == market.engine.changed_at // MS
        market.engine.limit(Side.BUY, MIDDLE - 200, 10**8, market.at)
        late += list(market.scribe.orders(Side.BUY, MIDDLE - 200, 10**8))
    for frame in late:
        single.take(frame)
    found = {row[0]: row[2] for row in single.sync.orders.orders(True)}
    wanted = {str(FIRST_ID + o.order_id): Decimal(size(o.size)) for o in market.engine.orders(Side.BUY)}
    assert found == wanted
    assert single.sync.gaps == 0


def test_an_order_with_a_damaged_id_is_no_order() -> None:
    """It would stay when its own is deleted; the frame after it is no other than after any that cannot be read."""
    (dialect,) = (one for one in bitstamp.dialects if one.channels)
    frame = (CORPUS / "order_created.json").read_bytes()
    (delta,) = dialect.feed().decode(frame, 0)
    assert isinstance(delta, OrdersDelta) and delta.asks
    with pytest.raises(ProtocolError, match="not an order's id: '203749329999999\ufffd'"):
        dialect.feed().decode(frame.replace(b'99","order_type', '9\ufffd","order_type'.encode()), 0)
