"""What books of single orders are fed in laws and comparisons: snapshots in every format and events, good and bad.

Enters: hypothesis. Leaves: strategies, and `shown` (all that a book shows). Never: a value that only one of the cores
accepts by contract.
"""

import json
from decimal import Decimal
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
from differential.sequences import ODD_NUMBERS, mutated, state
from hypothesis import strategies as st

from cryptopipe.model.events import OrderChange, OrderEvent, OrderFormat

FORMS = (OrderFormat(2, 0, 1), OrderFormat(0, 1, 2), OrderFormat("order_id", "limit_price", "order_qty"))
IDS = (
    "1", "2", "10", "9007199254740993", "18446744073709551617", "OQLT3K-SUFWQ-5JIJ5V", "an id of twenty-four byte",
    "d50ec984-77a8-460a-b958-66f114b0de9b", "d50ec984-77a8-460a-b958-66f114b0de9c",
    "D50EC984-77A8-460A-B958-66F114B0DE9B", "x" * 40, "x" * 39 + "y", "é" * 12,
)  # fmt: skip
SIZES = ("1", "2.50", "0.00000074", "3.000", "0.000000000001", "12345678901234567", "1e1", "15E-1")
odd = st.sampled_from(ODD_NUMBERS)
ids = st.sampled_from(IDS)


class Order(NamedTuple):
    """One order of a snapshot before it is written."""

    order_id: str
    price: str
    size: str
    bare: bool = False


def prices(is_bid: bool, crowded: bool = False) -> st.SearchStrategy[str]:
    """Of bids below those of asks, each in several spellings."""
    grid = st.integers(1, 1 if crowded else 4).map(lambda n: n if is_bid else n + 4)
    spelled = st.sampled_from(["{}", "{}.0", "{}.25", "0.0000007{}", "{}e0"])
    return st.builds(
        lambda n, how: (how if is_bid or "0.00" not in how else "{}.5").format(n),
        grid,
        spelled,
    )


def write(orders: list[Order], form: OrderFormat, spaces: bool = False) -> bytes:
    """The JSON text of some orders; an id is bare where the order says so."""
    written = []
    for order in orders:
        order_id = order.order_id if order.bare else json.dumps(order.order_id)
        cells: dict[int | str, str] = {
            form.order_id: order_id, form.price: json.dumps(order.price), form.size: json.dumps(order.size),
        }  # fmt: skip
        if isinstance(form.price, str):
            named = {"timestamp": '"2024-01-08T12:26:39Z"', **cells, "more": "[null]"}
            written.append("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in named.items()) + "}")
        else:
            written.append("[" + ",".join(cells.get(at, "7") for at in range(4)) + "]")
    text = "[" + ",".join(written) + "]"
    return (text.replace(",", " ,\n\t").replace("[", "[ ") if spaces else text).encode()


Operation = tuple[Any, ...]


@st.composite
def snapshots(draw: st.DrawFn, form: OrderFormat, faults: bool = False, crowded: bool = False) -> Operation:
    """A load: ids are unique unless there are faults; if `crowded`, all orders stand about one price."""
    chosen = draw(st.permutations(IDS[:4]) if crowded else st.lists(ids, max_size=8, unique=not faults))
    sides: list[list[Order]] = [[], []]
    is_bid = draw(st.booleans())
    for order_id in chosen:
        is_bid = is_bid if crowded else draw(st.booleans())
        size = draw(odd) if faults and draw(st.integers(0, 9)) == 0 else draw(st.sampled_from(SIZES))
        bare = order_id.isdigit() and draw(st.booleans())
        sides[is_bid].append(Order(order_id, draw(prices(is_bid, crowded)), size, bare))
    spaces = draw(st.booleans())
    bids, asks = write(sides[True], form, spaces), write(sides[False], form, spaces)
    if faults and draw(st.integers(0, 3)) == 0:
        bids = draw(mutated(bids))
    if faults and draw(st.integers(0, 3)) == 0:
        asks = draw(mutated(asks))
    return "load", msgspec.Raw(bids), asks


@st.composite
def events(draw: st.DrawFn, is_bid: bool, faults: bool, crowded: bool) -> OrderEvent:
    """Any event, whether or not the order is in the book; if `crowded`, of four orders about one price."""
    change = draw(st.sampled_from(OrderChange))
    price, size = draw(prices(is_bid, crowded)), draw(st.sampled_from((*SIZES, "0", "0.00")))
    if faults and draw(st.integers(0, 5)) == 0:
        price, size = draw(st.one_of(st.just(price), odd)), draw(st.one_of(st.just(size), odd))
    return OrderEvent(change, draw(st.sampled_from(IDS[:4]) if crowded else ids), price, size)


@st.composite
def sessions(draw: st.DrawFn, faults: bool = False) -> tuple[OrderFormat, list[Operation]]:
    """(form, operations): a first snapshot, then anything; most frames tell of one order."""
    form, crowded = draw(st.sampled_from(FORMS)), draw(st.booleans())
    operations: list[Operation] = [draw(snapshots(form, crowded=crowded))]
    for _ in range(draw(st.integers(0, 14))):
        kind = draw(st.integers(0, 11))
        if kind == 0:
            operations.append(draw(snapshots(form, faults, crowded)))
        elif kind == 1:
            operations.append(("clear",))
        else:
            most = draw(st.sampled_from([1, 1, 4]))
            sides = [draw(st.lists(events(is_bid, faults, crowded), max_size=most)) for is_bid in (True, False)]
            if faults and draw(st.integers(0, 5)) == 0:
                sides.reverse()
            operations.append(("apply", tuple(sides[0]), sides[1]))
    stamps = [draw(st.integers(1, 30)) for _ in operations]
    return form, [
        operation if operation == ("clear",) else (*operation, version, version + 5)
        for operation, version in zip(operations, stamps, strict=True)
    ]


def _ahead(book: Any, order_id: str) -> tuple[int, str] | None:
    try:
        count, size = book.ahead(order_id)
    except KeyError:
        return None
    return count, format(size, "f")


def shown(book: Any, core: ModuleType) -> object:
    """All that a book of single orders shows."""
    orders = [
        [(order_id, format(price, "f"), format(size, "f")) for order_id, price, size in book.orders(bids, limit)]
        for bids in (True, False)
        for limit in (0, 2)
    ]
    return state(book, core), orders, [_ahead(book, order_id) for order_id in (*IDS, "nobody")]


def queue(book: Any, bids: bool) -> dict[Decimal, list[tuple[str, Decimal]]]:
    """(id, size) of each order by its price, first to execute first."""
    found: dict[Decimal, list[tuple[str, Decimal]]] = {}
    for order_id, price, size in book.orders(bids):
        found.setdefault(price, []).append((order_id, size))
    return found
