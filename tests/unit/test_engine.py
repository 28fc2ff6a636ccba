"""The matching engine by example: what it refuses, what its hook is told, what a session reads of it."""

from typing import Any

import pytest

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId
from cryptopipe.model.simulated import LevelChange, TradePrint
from cryptopipe.sandbox.engine import Engine, Placed

T: Nanos = 1_800_000_000 * SECOND
BUY, SELL = Side.BUY, Side.SELL
INSTRUMENT = Instrument(VenueId("alpha"), "AX", Asset("A"), Asset("X"))


@pytest.fixture
def engine() -> Engine:
    """Asks of 5 and 4 lots at 101, of 10 at 102; a bid of 7 at 99. Orders 1 to 4, numbers 1 to 4."""
    made = Engine(INSTRUMENT)
    for side, price, size in ((SELL, 101, 5), (SELL, 101, 4), (SELL, 102, 10), (BUY, 99, 7)):
        made.limit(side, price, size, T)
    return made


def test_a_limit_order_walks_the_levels_and_rests(engine: Engine) -> None:
    assert engine.limit(BUY, 102, 25, T + 1) == Placed(order_id=5, executed=19, resting=6)
    assert engine.changes(4) == [
        LevelChange(5, T + 1, SELL, 101, 0),
        LevelChange(6, T + 1, SELL, 102, 0),
        LevelChange(7, T + 1, BUY, 102, 6),
    ]
    assert engine.trades(0) == [
        TradePrint(1, 5, T + 1, BUY, 101, 5),
        TradePrint(2, 5, T + 1, BUY, 101, 4),
        TradePrint(3, 6, T + 1, BUY, 102, 10),
    ]
    assert engine.levels(SELL, 9) == []
    assert engine.levels(BUY, 9) == [(102, 6), (99, 7)]
    assert engine.best(SELL) is None


def test_a_market_order_gives_up_what_it_cannot_have(engine: Engine) -> None:
    assert engine.take(BUY, 12, T, worst=101) == 9
    assert engine.take(SELL, 12, T) == 7
    assert engine.take(SELL, 12, T) == 0
    assert (engine.levels(BUY, 9), engine.levels(SELL, 9)) == ([], [(102, 10)])


def test_a_partly_executed_order_stays_first_and_a_reduced_one_keeps_its_place(engine: Engine) -> None:
    engine.take(BUY, 2, T)
    engine.limit(SELL, 101, 8, T)
    assert engine.queue(SELL, 101) == [(1, 3), (2, 4), (6, 8)]
    assert engine.reduce(2, 3, T) == 3
    assert engine.queue(SELL, 101) == [(1, 3), (2, 1), (6, 8)]
    assert engine.reduce(2, 3, T) == 1
    assert (engine.resting(2), engine.size_at(SELL, 101)) == (0, 11)


def test_an_order_reduced_by_all_it_has_is_gone(engine: Engine) -> None:
    assert engine.reduce(2, 4, T) == 4
    assert engine.queue(SELL, 101) == [(1, 5)]
    assert (engine.cancel(2, T), engine.resting(2), engine.take(BUY, 9, T, worst=101)) == (0, 0, 5)
    assert [trade.size for trade in engine.trades(0)] == [5]


def test_the_hook_is_told_who_met_whom() -> None:
    engine = Engine(INSTRUMENT)
    maker = engine.limit(SELL, 101, 5, T, owner=7).order_id
    flow = engine.limit(SELL, 101, 5, T).order_id
    told: list[tuple[int, ...]] = []

    def hear(maker: int, taker: int, price: int, size: int, at: Nanos, side: Side) -> None:
        assert (at, side) == (T + 1, BUY)
        told.append((maker, engine.owner(maker), taker, engine.owner(taker), price, size))

    engine.fills = hear
    placed = engine.limit(BUY, 101, 6, T + 1, owner=8)
    assert engine.take(BUY, 3, T + 1, owner=9) == 3
    last = told[-1][2]
    assert told == [(maker, 7, 3, 8, 101, 5), (flow, 0, 3, 8, 101, 1), (flow, 0, last, 9, 101, 3)]
    assert placed.order_id == 3 < last
    assert [engine.owner(order_id) for order_id in (maker, flow, 3, last)] == [0, 0, 0, 0]


def test_an_order_has_its_owner_until_it_is_gone() -> None:
    engine = Engine(INSTRUMENT)
    order_id = engine.limit(BUY, 101, 5, T, owner=7).order_id
    engine.take(SELL, 1, T)
    assert engine.owner(order_id) == 7
    engine.cancel(order_id, T)
    assert engine.owner(order_id) == 0


def test_a_post_only_order_that_would_execute_is_refused_in_the_answer(engine: Engine) -> None:
    assert engine.limit(BUY, 101, 5, T, post_only=True) == Placed(0, 0, 0)
    assert engine.limit(BUY, 100, 5, T, post_only=True).resting == 5
    assert engine.number == 5


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("limit", (BUY, 0, 5, T), "an order on alpha:AX has a price and a size above zero: price 0, size 5"),
        ("limit", (SELL, 101, -5, T), "an order on alpha:AX has a price and a size above zero: price 101, size -5"),
        ("limit", (SELL, 101, 5, T - 1), f"time runs backwards on alpha:AX: {T - 1} after {T}"),
        ("take", (BUY, 0, T), "an order on alpha:AX has a size above zero, not 0"),
        ("take", (BUY, 5, T, 0), "an order on alpha:AX has a price and a size above zero: price 0, size 5"),
        ("take", (BUY, 5, T - 1), f"time runs backwards on alpha:AX: {T - 1} after {T}"),
        ("cancel", (1, T - 1), f"time runs backwards on alpha:AX: {T - 1} after {T}"),
        ("reduce", (1, 0, T), "order 1 on alpha:AX is reduced by a size above zero, not 0"),
        ("reduce", (1, 2, T - 1), f"time runs backwards on alpha:AX: {T - 1} after {T}"),
        ("levels", (BUY, -1), "levels of alpha:AX: a count is at least zero, not -1"),
    ],
)
def test_a_bad_argument_is_refused_and_changes_nothing(
    engine: Engine, method: str, arguments: tuple[Any, ...], message: str
) -> None:
    before = engine.levels(BUY, 9), engine.levels(SELL, 9), engine.number
    with pytest.raises(ValueError) as refused:
        getattr(engine, method)(*arguments)
    assert str(refused.value) == message
    assert before == (engine.levels(BUY, 9), engine.levels(SELL, 9), engine.number)
    assert engine.limit(BUY, 98, 1, T).order_id == 5


def test_a_tape_shorter_than_readers_rely_on_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        Engine(INSTRUMENT, keep=10 * SECOND - 1)
    assert str(refused.value) == "the tape of alpha:AX keeps at least 10000000000 ns, not 9999999999"


def test_a_tape_that_no_longer_reaches_back_says_where_it_begins(engine: Engine) -> None:
    engine.cancel(4, T + 31 * SECOND)
    assert engine.changes(4) == [LevelChange(5, T + 31 * SECOND, BUY, 99, 0)]
    assert engine.changes(5) == ()
    with pytest.raises(LookupError) as refused:
        engine.changes(3)
    assert refused.value.args == ("the tape of alpha:AX begins after number 4, asked for changes after 3",)


def test_old_trades_are_left_out(engine: Engine) -> None:
    engine.take(BUY, 1, T)
    engine.take(BUY, 1, T + 31 * SECOND)
    assert engine.trades(0) == [TradePrint(2, 6, T + 31 * SECOND, BUY, 101, 1)]
    assert engine.session_stats is not None
    assert engine.session_stats.count == 2
