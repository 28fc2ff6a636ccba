"""Laws of the matching engine, against the shortest matching engine that is obviously right.

Enters: order flows of hypothesis. Leaves: a verdict. Never: an expected value that the engine computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.simulated import LevelChange, SimulatedBook, TradePrint
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.session_stats import SessionStats

T: Nanos = 1_800_000_000 * SECOND
KEEP: Nanos = 10 * SECOND
RULES = TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal(0), Decimal(0))
INSTRUMENT = Instrument(VenueId("alpha"), "AX", Asset("A"), Asset("X"), rules=RULES)
BUY, SELL = Side.BUY, Side.SELL

Fill = tuple[int, int, int]
"""Maker's order id, price, lots."""


@dataclass
class Order:
    order_id: int
    side: Side
    price: int
    size: int


@dataclass
class Plain:
    """Price-time priority as a list of orders in the order of arrival, sorted when needed."""

    orders: list[Order] = field(default_factory=list)

    def match(self, side: Side, size: int, worst: int | None) -> list[Fill]:
        sign = 1 if side is BUY else -1
        makers = [order for order in self.orders if order.side is not side]
        fills = []
        for maker in sorted(makers, key=lambda order: sign * order.price):  # stable: arrival decides at one price
            if size and (worst is None or sign * maker.price <= sign * worst):
                lots = min(size, maker.size)
                fills.append((maker.order_id, maker.price, lots))
                maker.size -= lots
                size -= lots
        self.orders = [order for order in self.orders if order.size]
        return fills

    def shrink(self, order_id: int, size: int) -> int:
        for order in self.orders:
            if order.order_id == order_id:
                lots = min(size, order.size)
                order.size -= lots
                self.orders = [order for order in self.orders if order.size]
                return lots
        return 0

    def levels(self, side: Side) -> list[tuple[int, int]]:
        sizes: dict[int, int] = {}
        for order in self.orders:
            if order.side is side:
                sizes[order.price] = sizes.get(order.price, 0) + order.size
        return sorted(sizes.items(), reverse=side is BUY)


@dataclass(frozen=True)
class Operation:
    """`which` counts back from the newest order id, to cancel or reduce it; `step` is the time since the last one."""

    kind: str
    step: Nanos
    side: Side
    price: int
    size: int
    which: int


@dataclass
class Happened:
    """What one operation did, as the engine tells it and as the plain one does."""

    operation: Operation
    at: Nanos
    executed: int = 0
    rested: int = 0
    removed: int = 0
    fills: list[Fill] = field(default_factory=list)
    expected: list[Fill] = field(default_factory=list)
    expected_removed: int = 0
    changes: Sequence[LevelChange] = ()
    trades: Sequence[TradePrint] = ()


def flows(steps: st.SearchStrategy[Nanos]) -> st.SearchStrategy[list[Operation]]:
    kinds = st.sampled_from(["limit"] * 5 + ["post", "take", "take to", "cancel", "reduce"])
    sides, prices, sizes = st.sampled_from(Side), st.integers(1, 9), st.integers(1, 9)
    operations = st.builds(Operation, kinds, steps, sides, prices, sizes, st.integers(-2, 12))
    return st.lists(operations, max_size=9) | st.lists(operations, min_size=15, max_size=60)


dense = flows(st.integers(0, 2))
sparse = flows(st.sampled_from([0, 1, SECOND, KEEP - 1, KEEP, KEEP + 1, 3 * KEEP]))


class Both:
    """The engine and the plain one, given the same operations."""

    def __init__(self) -> None:
        self.engine, self.plain = Engine(INSTRUMENT, KEEP), Plain()
        self.at, self.newest = T, 0
        self.fills: list[Fill] = []
        self.takers: set[tuple[int, Nanos, Side]] = set()
        self.engine.fills = self.hear

    def hear(self, maker: int, taker: int, price: int, size: int, at: Nanos, side: Side) -> None:
        self.fills.append((maker, price, size))
        self.takers.add((taker, at, side))

    def carry_out(self, operation: Operation) -> Happened:
        self.at += operation.step
        told = Happened(operation, self.at)
        number, trades = self.engine.number, self.engine.session_stats.count if self.engine.session_stats else 0
        self.fills = told.fills
        self.takers.clear()
        {"limit": self.limit, "post": self.post, "cancel": self.shrink, "reduce": self.shrink}.get(
            operation.kind, self.take
        )(operation, told)
        told.changes, told.trades = self.engine.changes(number), self.engine.trades(trades)
        return told

    def limit(self, operation: Operation, told: Happened) -> None:
        side, price, size = operation.side, operation.price, operation.size
        placed = self.engine.limit(side, price, size, self.at)
        told.expected = self.plain.match(side, size, price)
        told.executed, told.rested = placed.executed, placed.resting
        assert placed.order_id > self.newest
        assert self.takers <= {(placed.order_id, self.at, side)}
        self.newest = placed.order_id
        if rest := size - sum(lots for _, _, lots in told.expected):
            self.plain.orders.append(Order(placed.order_id, side, price, rest))

    def post(self, operation: Operation, told: Happened) -> None:
        side, price, size = operation.side, operation.price, operation.size
        touch = self.plain.levels(SELL if side is BUY else BUY)
        crosses = bool(touch) and (touch[0][0] <= price if side is BUY else touch[0][0] >= price)
        placed = self.engine.limit(side, price, size, self.at, post_only=True)
        told.executed, told.rested = placed.executed, placed.resting
        assert (placed.order_id == 0) == crosses
        if not crosses:
            self.newest = placed.order_id
            self.plain.orders.append(Order(placed.order_id, side, price, size))

    def take(self, operation: Operation, told: Happened) -> None:
        worst = operation.price if operation.kind == "take to" else None
        told.executed = self.engine.take(operation.side, operation.size, self.at, worst)
        told.expected = self.plain.match(operation.side, operation.size, worst)
        assert {taker[1:] for taker in self.takers} <= {(self.at, operation.side)}

    def shrink(self, operation: Operation, told: Happened) -> None:
        target = self.newest - operation.which
        if operation.kind == "cancel":
            told.removed, told.expected_removed = self.engine.cancel(target, self.at), self.plain.shrink(target, 99)
        else:
            told.removed = self.engine.reduce(target, operation.size, self.at)
            told.expected_removed = self.plain.shrink(target, operation.size)


def runs(flow: list[Operation]) -> Iterator[tuple[Engine, Plain, Happened]]:
    """Both, and what an operation did, before the next one is given."""
    both = Both()
    for operation in flow:
        told = both.carry_out(operation)
        yield both.engine, both.plain, told


@given(dense)
def test_who_trades_is_decided_by_price_then_time(flow: list[Operation]) -> None:
    for engine, plain, told in runs(flow):
        assert told.fills == told.expected
        assert told.executed == sum(lots for _, _, lots in told.expected)
        assert told.removed == told.expected_removed
        for side in Side:
            for price, _ in plain.levels(side):
                waiting = [(o.order_id, o.size) for o in plain.orders if (o.side, o.price) == (side, price)]
                assert engine.queue(side, price) == waiting
        assert all(engine.resting(order.order_id) == order.size for order in plain.orders)
        assert all(engine.resting(maker) == 0 for maker, _, _ in told.fills[:-1])


@given(dense)
def test_the_book_is_the_sum_of_its_orders(flow: list[Operation]) -> None:
    for engine, plain, _ in runs(flow):
        for side in Side:
            levels = plain.levels(side)
            assert engine.levels(side, 5_000) == levels
            assert all(engine.levels(side, count) == levels[:count] for count in range(4))
            assert engine.best(side) == (levels[0][0] if levels else None)
            sizes = dict(levels)
            assert all(engine.size_at(side, price) == sizes.get(price, 0) for price in range(11))


@given(dense)
def test_lots_are_neither_made_nor_lost(flow: list[Operation]) -> None:
    added, executed, cancelled = (dict.fromkeys(Side, 0) for _ in range(3))
    for engine, _, told in runs(flow):
        given_up = told.operation.size - told.executed - told.rested
        if told.operation.kind == "limit":
            assert given_up == 0
        added[told.operation.side] += told.executed + told.rested
        if told.removed:
            cancelled[told.changes[0].side] += told.removed
        for trade in told.trades:
            for side in Side:
                executed[side] += trade.size
        for side in Side:
            resting = sum(size for _, size in engine.levels(side, 5_000))
            assert added[side] == resting + executed[side] + cancelled[side]


@given(dense)
def test_replayed_changes_are_the_book_and_never_cross(flow: list[Operation]) -> None:
    books: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}
    seen = 0
    for engine, _, told in runs(flow):
        for change in told.changes:
            seen += 1
            assert (change.number, change.at) == (seen, told.at)
            assert change.size != books[change.side].get(change.price, 0)
            books[change.side][change.price] = change.size
            if not change.size:
                del books[change.side][change.price]
            assert max(books[BUY], default=0) < min(books[SELL], default=10)
        assert engine.number == seen
        for side in Side:
            assert dict(engine.levels(side, 5_000)) == books[side]
        if told.changes:
            assert engine.changed_at == told.at


@given(dense)
def test_a_taker_makes_one_change_a_level_and_one_print_a_maker(flow: list[Operation]) -> None:
    trade_id = 0
    for _, _, told in runs(flow):
        prices = list(dict.fromkeys(price for _, price, _ in told.expected))
        touched = len(prices) + bool(told.rested) + bool(told.removed)
        assert len(told.changes) == touched
        other = SELL if told.operation.side is BUY else BUY
        assert [(c.side, c.price) for c in told.changes[: len(prices)]] == [(other, price) for price in prices]
        by_number = {change.number: change for change in told.changes}
        assert [(trade.price, trade.size) for trade in told.trades] == [fill[1:] for fill in told.expected]
        for trade in told.trades:
            trade_id += 1
            assert (trade.trade_id, trade.at, trade.side) == (trade_id, told.at, told.operation.side)
            assert by_number[trade.number].price == trade.price


@given(dense)
def test_session_stats_sum_up_every_print(flow: list[Operation]) -> None:
    prints: list[TradePrint] = []
    for engine, _, told in runs(flow):
        prints += told.trades
        if not prints:
            assert engine.session_stats is None
            continue
        prices = [trade.price for trade in prints]
        assert engine.session_stats == SessionStats(
            first=prices[0],
            last=prices[-1],
            high=max(prices),
            low=min(prices),
            volume=sum(trade.size for trade in prints),
            turnover=sum(trade.price * trade.size for trade in prints),
            count=len(prints),
            last_size=prints[-1].size,
            last_at=prints[-1].at,
        )


@given(dense)
def test_what_is_refused_or_unknown_changes_nothing(flow: list[Operation]) -> None:
    for engine, plain, told in runs(flow):
        before = engine.number, plain.levels(BUY), plain.levels(SELL)
        for order_id in (-1, 0, 10_000, *(maker for maker, _, _ in told.fills[:-1])):
            assert engine.cancel(order_id, told.at) == engine.reduce(order_id, 1, told.at) == 0
        for side, other in ((BUY, SELL), (SELL, BUY)):
            if (touch := engine.best(other)) is not None:
                assert engine.limit(side, touch, 1, told.at, post_only=True).order_id == 0
                if side is SELL or touch > 1:
                    beyond = touch - 1 if side is BUY else touch + 1
                    assert engine.take(side, 1, told.at, worst=beyond) == 0
        assert before == (engine.number, engine.levels(BUY, 99), engine.levels(SELL, 99))


@given(sparse)
def test_the_tape_reaches_back_as_long_as_it_promises(flow: list[Operation]) -> None:
    changes: list[LevelChange] = []
    trades: list[TradePrint] = []
    for engine, _, told in runs(flow):
        changes += told.changes
        trades += told.trades
        for after in range(len(changes) + 2):
            wanted = changes[after:]
            kept_since = told.at - wanted[0].at if wanted else 0
            try:
                assert list(engine.changes(after)) == wanted
                assert kept_since < 2 * KEEP, "the tape grows without bound"
            except LookupError as refusal:
                assert kept_since > KEEP
                assert str(refusal).endswith(f"asked for changes after {after}")
            have = list(engine.trades(after))
            assert have == trades[len(trades) - len(have) :]
            assert all(trade in have for trade in trades[after:] if told.at - trade.at <= KEEP)


@given(sparse)
def test_the_same_orders_make_the_same_tape(flow: list[Operation]) -> None:
    def tape() -> list[object]:
        return [(told.changes, told.trades, told.fills) for _, _, told in runs(flow)]

    assert tape() == tape()


@settings(max_examples=20)
@given(dense)
def test_time_never_falls_on_the_tape(flow: list[Operation]) -> None:
    for engine, _, told in runs(flow):
        if engine.number:
            message = f"time runs backwards on alpha:AX: {engine.changed_at - 1} after {engine.changed_at}"
            for late in (
                lambda at: engine.limit(BUY, 1, 1, at),  # noqa: B023 -- called at once
                lambda at: engine.take(BUY, 1, at),  # noqa: B023
                lambda at: engine.cancel(1, at),  # noqa: B023
                lambda at: engine.reduce(1, 1, at),  # noqa: B023
            ):
                with pytest.raises(ValueError, match=f"^{message}$"):
                    late(engine.changed_at - 1)
        assert all(a.at <= b.at for a, b in pairwise(told.changes))


def test_an_engine_is_what_sessions_read() -> None:
    book: SimulatedBook = Engine(INSTRUMENT)
    assert (book.instrument, book.number, book.changed_at, book.changes(0), book.trades(0)) == (
        INSTRUMENT,
        0,
        0,
        (),
        (),
    )
