"""What `watch --orders` shows of a book: what a person could count in it, and nothing of a lost one."""

import json
from collections.abc import Iterator
from decimal import Decimal as D
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs
from rich.console import Console
from unit.test_orders_market import ACKNOWLEDGED, BOOK, ORDERS, VENUE, T, plugin

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.cli.watch_orders import OrdersTables
from cryptopipe.clock import SECOND
from cryptopipe.core import OrderBook
from cryptopipe.market.market import Market
from cryptopipe.model.events import OrderFormat
from cryptopipe.watching_orders import FIRST, OrdersChange, OrdersWatcher, orders_document, queue_of

pytestmark = [pytest.mark.core]

JOINS = b'{"l3":"told","symbol":"btcusdt","seq":6,"bids":[["add","b4","9.0","0.25"]],"asks":[]}'
BELOW = b'{"l3":"told","symbol":"btcusdt","seq":7,"bids":[["set","b3","8","0.5"]],"asks":[]}'
ONE_SIDED = b'{"l3":"told","symbol":"btcusdt","seq":8,"bids":[],"asks":[["remove","a1","",""]]}'
GAP = b'{"l3":"told","symbol":"btcusdt","seq":99,"bids":[],"asks":[]}'


def inputs(*frames: bytes) -> Iterator[Input]:
    """Each in a turn of its own, a second apart."""
    yield Input(1, 1, T, Direction.OPEN, VENUE, ORDERS, "wss://bitfoo.example/v2", b"")
    for number, frame in enumerate(frames, 2):
        yield Input(number, number, T + number * SECOND, Direction.RECV, VENUE, ORDERS, "", frame)


def watched(*frames: bytes) -> tuple[OrdersWatcher, list[OrdersChange]]:
    watcher = OrdersWatcher(Market({VENUE: plugin()}))
    return watcher, list(watcher.changes(inputs(ACKNOWLEDGED, *frames)))


def test_a_book_is_told_with_its_queues_in_the_order_of_execution() -> None:
    _, changes = watched(BOOK)
    (shown,) = changes[-1].books
    assert orders_document(shown, changes[-1].at) == {
        "at": "2027-01-15T08:00:03.000000000Z",
        "instrument": "bitfoo:btcusdt",
        "state": "live",
        "proof": "sequence",
        "orders": {"bids": 3, "asks": 1},
        "bid": {
            "price": "9",
            "quantity": "3.5",
            "orders": 2,
            "queue": [{"order_id": "b1", "quantity": "1"}, {"order_id": "b2", "quantity": "2.5"}],
        },
        "ask": {"price": "10", "quantity": "2", "orders": 1, "queue": [{"order_id": "a1", "quantity": "2"}]},
    }


def test_only_what_is_shown_makes_a_change() -> None:
    """An order deep in the book that got smaller changes nothing that is shown; one that joins the best queue does."""
    _, changes = watched(BOOK, JOINS, BELOW, ONE_SIDED)
    told = [[orders_document(one, 0) for one in change.books] for change in changes]
    assert [(one["orders"], one["bid"] and one["bid"]["orders"], one["ask"] is None) for (one,) in told] == [
        ({"bids": 3, "asks": 1}, 2, False),
        ({"bids": 4, "asks": 1}, 3, False),
        ({"bids": 4, "asks": 0}, 3, True),
    ]


def test_orders_are_counted_once_a_second() -> None:
    watcher = OrdersWatcher(Market({VENUE: plugin()}))
    told = list(inputs(ACKNOWLEDGED, BOOK, JOINS, JOINS.replace(b"b4", b"b5").replace(b":6", b":7")))
    told[3] = structs.replace(told[3], at=told[2].at + SECOND - 1)
    counts = [one.orders for change in watcher.changes(told) for one in change.books]
    assert counts == [(3, 1), (3, 1), (5, 1)]


def test_a_lost_book_shows_no_number() -> None:
    _, changes = watched(BOOK, GAP)
    (lost,) = changes[-1].books
    document = orders_document(lost, 0)
    assert (document["state"], document["orders"], document["bid"], document["ask"]) == ("syncing", None, None, None)


def test_what_nobody_takes_does_not_grow() -> None:
    watcher, _ = watched(BOOK, JOINS, GAP)
    assert not watcher.market.transitions and not watcher.market.changed and not watcher.market.appeared


@example([(2, size) for size in range(1, 31)])
@example([(2, 1)] * (FIRST + 1) + [(1, 1)])
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=45))
def test_the_queue_is_that_of_a_count_by_hand(orders: list[tuple[int, int]]) -> None:
    """However long: bids at three prices, in the order in which they came."""
    book = OrderBook(OrderFormat(0, 1, 2))
    rows = [[f"o{number}", str(price), str(size)] for number, (price, size) in enumerate(orders)]
    book.load(json.dumps(sorted(rows, key=lambda row: -int(row[1]))).encode(), b"[]", 1, 1, 1)
    best = max((price for price, _ in orders), default=0)
    mine = [(f"o{number}", D(size)) for number, (price, size) in enumerate(orders) if price == best]
    queue = queue_of(book, True)
    if not orders:
        assert queue is None
    else:
        assert queue is not None and (queue.price, queue.orders) == (best, len(mine))
        assert queue.size == sum(size for _, size in mine)
        assert list(queue.first) == mine[:FIRST]
    assert queue_of(book, False) is None


def test_a_table_has_a_row_a_book() -> None:
    watcher, changes = watched(BOOK, JOINS)
    out = StringIO()
    console = Console(file=out, width=140)
    console.print(OrdersTables(watcher, "recordings").draw(changes[-1], 140, None))
    title, head, row = (line.split() for line in out.getvalue().splitlines())
    assert " ".join(title) == "single orders at 2027-01-15T08:00:04Z (recordings)"
    assert head == ["instrument", "state", "proof", "bids", "bid", "size", "queue", "asks", "ask", "size", "queue"]
    assert " ".join(row) == "bitfoo:btcusdt live sequence 4 9 3.75 3: 1 2.5 0.25 1 10 2 1: 2"
