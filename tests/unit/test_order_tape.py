"""The engine's tape of orders: replayed over an earlier state it gives today's, queues included."""

from collections.abc import Iterable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId
from cryptopipe.model.simulated import OrderTold, ShownOrder, Told
from cryptopipe.sandbox.engine import Engine

T: Nanos = 1_800_000_000 * SECOND
BUY, SELL = Side.BUY, Side.SELL
INSTRUMENT = Instrument(VenueId("alpha"), "AX", Asset("A"), Asset("X"))


class Crowd:
    """Random orders, among them such as execute in part and rest."""

    def __init__(self, engine: Engine, seed: int, gap: Nanos = SECOND // 100) -> None:
        self.engine, self.at, self._gap, self._random = engine, T, gap, Random(seed)
        self._mine: list[int] = []

    def act(self, count: int) -> None:
        for _ in range(count):
            self.at += self._random.choice((0, 1, self._gap))
            side, price = self._random.choice((BUY, SELL)), 100 + self._random.randrange(-6, 7)
            size = self._random.randrange(1, 20)
            one = self._random.choice(self._mine) if self._mine else 0
            match self._random.randrange(8):
                case 0:
                    self.engine.take(side, size, self.at, self._random.choice((None, price)))
                case 1:
                    self.engine.reduce(one, size, self.at)
                case 2 | 3:
                    self.engine.cancel(one, self.at)
                case _:
                    placed = self.engine.limit(side, price, size, self.at, post_only=self._random.random() < 0.3)
                    self._mine += [placed.order_id] if placed.resting else []


State = dict[Side, list[ShownOrder]]


def state(engine: Engine) -> State:
    return {side: list(engine.orders(side)) for side in Side}


def replayed(before: State, lines: Iterable[OrderTold]) -> State:
    """Written without the engine: a line changes one order, and a new one joins the end of its price's queue."""
    orders = {side: {one.order_id: one for one in shown} for side, shown in before.items()}
    for line in lines:
        side, one = orders[line.side], orders[line.side].get(line.order_id)
        if line.told is Told.OPENED:
            assert one is None
            side[line.order_id] = ShownOrder(line.order_id, line.price, line.size, line.at)
            continue
        assert one is not None and one.price == line.price
        left = one.size - line.size
        if line.told in (Told.FILLED, Told.CANCELLED):
            assert left == 0 if line.told is Told.CANCELLED else (line.size, one.size) == (0, 0)
            del side[line.order_id]
        else:
            assert left >= 0 and line.size > 0
            side[line.order_id] = ShownOrder(one.order_id, one.price, left, one.at)
    return {
        side: sorted(found.values(), key=lambda one, side=side: -one.price if side is BUY else one.price)  # type: ignore[misc]
        for side, found in orders.items()
    }


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 120))
def test_the_tape_replayed_over_earlier_orders_gives_the_orders_of_today(seed: int, before: int, after: int) -> None:
    engine = Engine(INSTRUMENT)
    crowd = Crowd(engine, seed)
    crowd.act(before)
    earlier, number = state(engine), engine.order_number
    crowd.act(after)
    middle, position = state(engine), engine.order_number
    crowd.act(after)
    assert replayed(earlier, engine.order_tape(number)) == state(engine)
    assert replayed(middle, engine.order_tape(position)) == state(engine)


@given(st.integers(0, 2**32))
def test_lines_are_numbered_in_order_of_time_and_agree_with_levels_and_trades(seed: int) -> None:
    engine = Engine(INSTRUMENT)
    engine.orders(BUY)
    Crowd(engine, seed).act(150)
    lines = engine.order_tape(0)
    assert [line.number for line in lines] == list(range(1, engine.order_number + 1))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    trades = [(one.trade_id, one.price, one.size, one.at, one.side) for one in engine.trades(0)]
    assert trades == [
        (line.trade_id, line.price, line.size, line.at, SELL if line.side is BUY else BUY)
        for line in lines
        if line.told is Told.MATCHED
    ]
    for side, shown in state(engine).items():
        sums: dict[int, int] = {}
        for one in shown:
            sums[one.price] = sums.get(one.price, 0) + one.size
        assert list(sums.items()) == engine.levels(side, 10**6)


def told(lines: Sequence[OrderTold]) -> list[tuple[Told, int, int, int]]:
    return [(line.told, line.order_id, line.size, line.taker) for line in lines]


def test_an_order_that_executes_and_rests_is_the_taker_of_its_matches_and_then_opened() -> None:
    engine = Engine(INSTRUMENT)
    engine.limit(SELL, 101, 5, T)
    engine.limit(SELL, 101, 4, T)
    assert [one.order_id for one in engine.orders(SELL)] == [1, 2]
    engine.limit(BUY, 101, 6, T + 1)
    engine.limit(BUY, 101, 9, T + 2)
    assert told(engine.order_tape(0)) == [
        (Told.MATCHED, 1, 5, 3),
        (Told.FILLED, 1, 0, 3),
        (Told.MATCHED, 2, 1, 3),
        (Told.MATCHED, 2, 3, 4),
        (Told.FILLED, 2, 0, 4),
        (Told.OPENED, 4, 6, 0),
    ]
    assert engine.orders(BUY) == [ShownOrder(4, 101, 6, T + 2)]


def test_an_owners_changes_are_told_by_what_left_the_book() -> None:
    engine = Engine(INSTRUMENT)
    engine.orders(BUY)
    engine.limit(BUY, 99, 7, T)
    engine.reduce(1, 3, T + 1)
    engine.reduce(1, 9, T + 2)
    engine.limit(BUY, 98, 2, T + 3)
    engine.cancel(2, T + 4)
    assert told(engine.order_tape(0)) == [
        (Told.OPENED, 1, 7, 0),
        (Told.REDUCED, 1, 3, 0),
        (Told.CANCELLED, 1, 4, 0),
        (Told.OPENED, 2, 2, 0),
        (Told.CANCELLED, 2, 2, 0),
    ]


def test_the_tape_begins_with_its_first_reader() -> None:
    engine = Engine(INSTRUMENT)
    engine.limit(BUY, 99, 7, T)
    assert (engine.order_number, list(engine.order_tape(0))) == (0, [])
    assert engine.orders(BUY) == [ShownOrder(1, 99, 7, T)]
    assert engine.order_number == 0
    engine.limit(BUY, 99, 1, T + 5)
    assert engine.orders(BUY) == [ShownOrder(1, 99, 7, T), ShownOrder(2, 99, 1, T + 5)]
    assert engine.order_number == 1


def test_a_reader_who_comes_too_late_is_told_so() -> None:
    """Ten seconds are kept at least; a number that nobody gave yet has nothing after it."""
    engine = Engine(INSTRUMENT, keep=10 * SECOND)
    engine.orders(BUY)
    crowd = Crowd(engine, 1, gap=SECOND)
    crowd.act(300)
    lines = engine.order_tape(engine.order_number - 1)
    assert [line.number for line in lines] == [engine.order_number]
    assert list(engine.order_tape(engine.order_number)) == []
    with pytest.raises(LookupError, match=r"the tape of orders begins after number \d+, asked for lines after 0"):
        engine.order_tape(0)
    number = engine.order_number
    engine.limit(BUY, 90, 1, crowd.at + 10 * SECOND)
    assert [line.number for line in engine.order_tape(number)] == [number + 1]
