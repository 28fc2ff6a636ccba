"""Laws of a book of single orders, whichever core is active.

Enters: sessions of snapshots and events, and a model of plain dictionaries. Leaves: a verdict. Never: an expected value
that a core computed.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from differential.order_sequences import FORMS, IDS, queue
from differential.sequences import lawful
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.bench.book import make_stream
from cryptopipe.core import NAME, Book, OrderBook
from cryptopipe.errors import CrossedBook, ProtocolError
from cryptopipe.model.events import LevelFormat, OrderChange, OrderEvent, OrderFormat

pytestmark = pytest.mark.core
FORM = OrderFormat(0, 1, 2)
ADD, SET, REDUCE, REMOVE = OrderChange
PRICES = {True: ("0.00000074", "1", "2.5", "3.00"), False: ("4.1", "5", "6.00")}
SIZES = ("1", "2.50", "0.00000074", "3.000", "0.000000000001", "12345678901234", "1e1", "15E-1")
TICK = Decimal("1e-12")
lawful = settings(lawful, max_examples=50)

Held = dict[str, tuple[bool, Decimal, Decimal]]
Frame = tuple[list[OrderEvent], list[OrderEvent]]


@st.composite
def days(draw: st.DrawFn) -> list[Frame]:
    """Legal frames: what happens to an order is possible, a bid stays below each ask, unknown ids may go."""
    held: Held = {}
    frames: list[Frame] = []
    for _ in range(draw(st.integers(0, 20))):
        frame: Frame = ([], [])
        for _ in range(draw(st.sampled_from([1, 1, 3]))):
            is_bid, event = draw(happenings(held))
            if all(other.order_id != event.order_id for other in frame[is_bid]):  # a frame's bids come before its asks
                follow(held, is_bid, event)
                frame[not is_bid].append(event)
        frames.append(frame)
    return frames


@st.composite
def happenings(draw: st.DrawFn, held: Held) -> tuple[bool, OrderEvent]:
    """One event of an order, which is what it can be."""
    order_id = draw(st.sampled_from(IDS))
    if order_id not in held:
        is_bid, change = draw(st.booleans()), draw(st.sampled_from([ADD, ADD, ADD, SET, REDUCE, REMOVE]))
        return is_bid, OrderEvent(change, order_id, draw(st.sampled_from(PRICES[is_bid])), draw(st.sampled_from(SIZES)))
    is_bid, price, size = held[order_id]
    change = draw(st.sampled_from([SET, SET, REDUCE, REMOVE]))
    if change is REDUCE:
        lost = draw(st.sampled_from([size, TICK * (int(size / TICK) // 2 or 1)]))
        return is_bid, OrderEvent(change, order_id, size=f"{lost:f}")
    sizes = st.one_of(st.sampled_from([*SIZES, "0", f"{size:f}", f"{size + 1:f}"]))
    prices = st.sampled_from([*PRICES[is_bid], f"{price:f}"])
    return is_bid, OrderEvent(change, order_id, draw(prices), draw(sizes))


def follow(held: Held, is_bid: bool, event: OrderEvent) -> set[tuple[bool, Decimal]]:
    """Carry an event out on the model; the prices that it touched."""
    known = held.pop(event.order_id, None)
    touched = {known[:2]} if known else set()
    if event.change is REDUCE and known and known[2] > Decimal(event.size):
        held[event.order_id] = (*known[:2], known[2] - Decimal(event.size))
    if event.change in (ADD, SET) and Decimal(event.size):
        held[event.order_id] = is_bid, Decimal(event.price), Decimal(event.size)
        touched.add((is_bid, Decimal(event.price)))
    return touched


def totals(held: Held, is_bid: bool) -> list[tuple[Decimal, Decimal]]:
    """Price and sum, best first."""
    sums: dict[Decimal, Decimal] = {}
    for side, price, size in held.values():
        if side is is_bid:
            sums[price] = sums.get(price, Decimal(0)) + size
    return sorted(sums.items(), reverse=is_bid)


def loaded(**settings: Any) -> Any:
    book = OrderBook(FORM, **settings)
    book.load(b"[]", b"[]", 1, 1, 1)
    return book


def played(frames: list[Frame]) -> Iterator[tuple[Any, Held, Frame]]:
    """The book and the model after each frame."""
    book, held = loaded(), dict[str, tuple[bool, Decimal, Decimal]]()
    for at, (bids, asks) in enumerate(frames, 2):
        book.apply(bids, tuple(asks), at, at + 10**6, at)
        for is_bid, events in ((True, bids), (False, asks)):
            for event in events:
                follow(held, is_bid, event)
        yield book, held, (bids, asks)


@lawful
@given(days())
def test_orders_added_up_are_the_levels(frames: list[Frame]) -> None:
    """What the orders of the book add up to is what an L2 book has that is fed with the changed sums."""
    levels, before = Book(LevelFormat()), {True: {}, False: {}}  # type: dict[bool, dict[Decimal, Decimal]]
    levels.load(b"[]", b"[]", 1, 1, 1)
    for at, (book, held, _) in enumerate(played(frames), 2):
        changed = []
        for is_bid in (True, False):
            now = dict(totals(held, is_bid))
            rows = {price: Decimal(0) for price in before[is_bid]} | now
            changed.append(json.dumps([[f"{price:f}", f"{size:f}"] for price, size in rows.items()]).encode())
            before[is_bid] = now
        levels.apply(changed[0], changed[1], at, at, at)
        for is_bid in (True, False):
            assert list(book.levels(is_bid)) == totals(held, is_bid) == list(levels.levels(is_bid))
            assert book.levels(is_bid).units() == book.ladder(is_bid).units() == levels.levels(is_bid).units()
        assert book.counts() == levels.counts()
        assert [book.top.bid_units, book.top.ask_size_units] == [levels.top.bid_units, levels.top.ask_size_units]


@lawful
@given(days())
def test_no_size_is_lost_and_none_is_made(frames: list[Frame]) -> None:
    for book, held, _ in played(frames):
        orders = {key: (is_bid, *rest) for is_bid in (True, False) for key, *rest in book.orders(is_bid)}
        assert orders == held
        for is_bid in (True, False):
            for price, total in book.levels(is_bid):
                assert total == sum(size for side, at, size in held.values() if (side, at) == (is_bid, price))
                assert book.size_at(is_bid, int(price / TICK)) == int(total / TICK)


@lawful
@given(days())
def test_the_way_to_the_front_only_shortens(frames: list[Frame]) -> None:
    """Nobody overtakes: what is ahead of an order that keeps its price and does not grow never becomes more."""
    before: dict[str, tuple[int, Decimal]] = {}
    shape: Held = {}
    for book, held, (bids, asks) in played(frames):
        told = {event.order_id: event for event in (*bids, *asks)}
        now = {order_id: book.ahead(order_id) for order_id in held}
        for order_id, (count, size) in now.items():
            if order_id in told or order_id not in before:
                continue
            assert count <= before[order_id][0] and size <= before[order_id][1]
            assert held[order_id] == shape[order_id]
        before, shape = now, dict(held)
        for is_bid in (True, False):
            for line in queue(book, is_bid).values():
                sums = [(at, sum((size for _, size in line[:at]), Decimal(0))) for at in range(len(line))]
                assert [book.ahead(order_id) for order_id, _ in line] == sums


@pytest.mark.parametrize("form", FORMS)
def test_two_snapshots_in_a_row(form: OrderFormat) -> None:
    def side(*orders: tuple[str, str, str]) -> bytes:
        if isinstance(form.price, str):
            return msgspec.json.encode([{form.order_id: i, form.price: p, form.size: s} for i, p, s in orders])
        rows = [sorted(zip((form.order_id, form.price, form.size), one, strict=True)) for one in orders]
        return msgspec.json.encode([[text for _, text in row] for row in rows])

    book = OrderBook(form)
    first = book.load(side(("a", "1.0", "2"), ("b", "0.00000074", "3")), side(("c", "2", "1")), 5, 5, 5)
    assert first is not None and str(first.bid) == "1.0"
    again = book.load(side(("b", "1.00", "2")), side(("c", "2", "1")), 6, 6, 6)
    assert again is None and book.top.version == 5
    assert book.orders(True) == [("b", Decimal("1.00"), Decimal(2))]
    second = book.load(b"[]", side(("a", "2", "0.5"), ("9007199254740993", "2", "0.25")), 4, 9, 7)
    assert second is not None and second.bid is None and str(second.ask_size) == "0.75"
    assert [order_id for order_id, _, _ in book.orders(False)] == ["a", "9007199254740993"]
    assert book.ahead("9007199254740993") == (1, Decimal("0.5"))
    with pytest.raises(KeyError):
        book.ahead("c")


def test_a_greater_size_or_another_price_costs_the_place() -> None:
    book = loaded()
    for order_id in "abc":
        book.apply([OrderEvent(ADD, order_id, "5", "1.00")], (), 2, 2, 2)

    def line(*events: OrderEvent) -> list[str]:
        book.apply(events, (), 3, 3, 3)
        return [order_id for order_id, _, _ in book.orders(True)]

    assert line(OrderEvent(SET, "a", "5.0", "1")) == ["a", "b", "c"]
    assert line(OrderEvent(SET, "a", "5", "0.5")) == ["a", "b", "c"]
    assert line(OrderEvent(SET, "a", "5", "0.6")) == ["b", "c", "a"]
    assert line(OrderEvent(SET, "b", "6", "1"), OrderEvent(SET, "b", "5", "1")) == ["c", "a", "b"]
    assert line(OrderEvent(REDUCE, "c", size="0.4")) == ["c", "a", "b"]
    assert line(OrderEvent(REMOVE, "c"), OrderEvent(ADD, "c", "5", "0.6")) == ["a", "b", "c"]
    assert line(OrderEvent(SET, "a", "5", "0"), OrderEvent(REDUCE, "b", size="1.0")) == ["c"]
    assert str(book.levels(True)[0][1]) == "0.6"


def test_a_sum_has_the_most_places_written() -> None:
    book = loaded()
    book.apply([OrderEvent(ADD, "a", "5", "1"), OrderEvent(ADD, "b", "5.0", "1.500")], (), 2, 2, 2)
    assert [str(number) for number in book.levels(True)[0]] == ["5", "2.500"]
    book.apply([OrderEvent(REDUCE, "a", size="0.25")], (), 2, 2, 2)
    assert str(book.top.bid_size) == "2.250"
    book.apply([OrderEvent(REMOVE, "b")], (), 2, 2, 2)
    assert str(book.top.bid_size) == "0.75"


def test_while_orders_cross_there_is_no_top() -> None:
    book = loaded(transient_cross=True)
    top = book.apply([OrderEvent(ADD, "b", "5", "1")], [OrderEvent(ADD, "a", "6", "2")], 2, 2, 2)
    rows = len(book.window)
    for price in ("6.0", "7"):
        assert book.apply([OrderEvent(SET, "taker", price, "3")], (), 3, 3, 3) is None
        assert book.top is None and len(book.window) == rows
        assert len(book.ladder(True)) == len(book.ladder(False)) == book.size_at(True, 5 * 10**12) == 0
        assert [str(price) for price, _ in book.levels(True)] == [price, "5"]
    back = book.apply([OrderEvent(REMOVE, "taker")], (), 4, 4, 4)
    assert back is not None and book.top is not None and len(book.window) == rows + 1
    assert (back.bid, back.ask, back.version) == (top.bid, top.ask, 4)


def test_otherwise_a_cross_is_an_error() -> None:
    book = loaded()
    with pytest.raises(CrossedBook, match=r"bid 6\.0 at or above ask 6$"):
        book.apply([OrderEvent(ADD, "b", "6.0", "1")], [OrderEvent(ADD, "a", "6", "2")], 2, 2, 2)
    book.clear()
    assert book.top is None and book.counts() == (0, 0)
    with pytest.raises(ProtocolError, match="without a snapshot"):
        book.apply((), (), 3, 3, 3)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (OrderEvent(ADD, "b", "5", "1"), "order b is in the book already"),
        (OrderEvent(ADD, "new", "5", "1"), "order new is in the book already"),
        (OrderEvent(REDUCE, "b", size="1.01"), r"order b of 1\.0 cannot lose 1\.01"),
        (OrderEvent(SET, "a", "5", "1"), "order a is an ask of this book"),
        (OrderEvent(REMOVE, "a"), "order a is an ask of this book"),
        (OrderEvent(ADD, "c", "", "1"), "not a number at or above zero: ''"),
        (OrderEvent(SET, "c", "5", "-1"), "not a number at or above zero: '-1'"),
        (OrderEvent(ADD, "c", "0.0", "1"), "a price of zero"),
        (OrderEvent(ADD, "c", "5", "0"), "a size of zero"),
        (OrderEvent(SET, "c", "5", "79228162514264337.593543950336"), "too large"),
        (OrderEvent(REDUCE, "gone", size="x"), "not a number"),
    ],
)
def test_a_frame_that_cannot_be_read_changes_nothing(event: OrderEvent, told: str) -> None:
    book = loaded()
    book.apply([OrderEvent(ADD, "b", "5", "1.0")], [OrderEvent(ADD, "a", "6", "2")], 2, 2, 2)
    first = [OrderEvent(ADD, "new", "5", "1"), OrderEvent(REDUCE, "b", size="0.5")]
    if event.change is REDUCE:
        first.pop()
    with pytest.raises(ProtocolError, match=told):
        book.apply([*first, event], (), 3, 3, 3)
    assert book.orders(True) == [("b", 5, 1)] and book.top.version == 2


def test_a_cut_price_takes_its_orders_along() -> None:
    book = loaded(depth=2)
    book.apply([OrderEvent(ADD, str(n), str(n), "1") for n in (1, 2, 3)], (), 2, 2, 2)
    assert [order_id for order_id, _, _ in book.orders(True)] == ["3", "2"]
    book.apply([OrderEvent(REMOVE, "1"), OrderEvent(REMOVE, "3"), OrderEvent(ADD, "1", "1", "1")], (), 3, 3, 3)
    assert [order_id for order_id, _, _ in book.orders(True)] == ["2", "1"]


@pytest.mark.parametrize("count", [5_000 if NAME == "native" else 1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_long_stream_adds_up(count: int) -> None:
    """The stream of `bench book`, in steady state, against plain dictionaries."""
    stream = make_stream(count, 7)
    book, held = OrderBook(FORM), dict[str, tuple[bool, Decimal, Decimal]]()
    book.load(stream.bids, stream.asks, 0, 0, 0)
    levels = Book(LevelFormat())
    levels.load(stream.level_bids, stream.level_asks, 0, 0, 0)
    for is_bid, raw in ((True, stream.bids), (False, stream.asks)):
        held |= {key: (is_bid, Decimal(price), Decimal(size)) for key, price, size in json.loads(raw)}
    for at, (is_bid, event) in enumerate(stream.events, 1):
        book.apply((event,) if is_bid else (), () if is_bid else (event,), at, at, at)
        follow(held, is_bid, event)
    for at, (bids, asks) in enumerate(stream.levels, 1):
        levels.apply(bids, asks, at, at, at)
    for is_bid in (True, False):
        assert list(book.levels(is_bid)) == totals(held, is_bid) == list(levels.levels(is_bid))
    assert {key for is_bid in (True, False) for key, _, _ in book.orders(is_bid)} == set(held)
