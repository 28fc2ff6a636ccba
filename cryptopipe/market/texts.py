"""A book's content as its venue would write a snapshot of it.

Enters: a book, the rule by which it is kept. Leaves: JSON arrays that the rule's format reads, every number with the
digits the venue gave it. Never: a number that is rounded on the way.
"""

from collections.abc import Sequence
from typing import cast

import msgspec

from cryptopipe.core import Book, OrderBook
from cryptopipe.model.events import LevelFormat, OrderFormat
from cryptopipe.model.stream import SyncRule

Row = dict[int | str, str]


def texts_of(book: Book, rule: SyncRule) -> tuple[bytes, bytes | None]:
    """Bids and asks; one array and None where the format has sides in one."""
    if rule.orders is not None:
        orders = cast(OrderBook, book)
        return _array(_orders(orders, rule.orders, True)), _array(_orders(orders, rule.orders, False))
    form = rule.level_format
    bids, asks = _levels(book, form, True), _levels(book, form, False)
    return (_array(bids), _array(asks)) if form.side is None else (_array([*bids, *asks]), None)


def _levels(book: Book, form: LevelFormat, bids: bool) -> list[Row]:
    side: Row = {} if form.side is None else {form.side: form.bid if bids else form.ask}
    return [{**side, form.price: f"{price:f}", form.size: f"{size:f}"} for price, size in book.levels(bids)]


def _orders(book: OrderBook, form: OrderFormat, bids: bool) -> list[Row]:
    orders = book.orders(bids)
    return [{form.order_id: name, form.price: f"{price:f}", form.size: f"{size:f}"} for name, price, size in orders]


def _array(rows: Sequence[Row]) -> bytes:
    if rows and isinstance(next(iter(rows[0])), int):
        width = 1 + max(cast(int, place) for place in rows[0])
        return msgspec.json.encode([[row.get(place, "") for place in range(width)] for row in rows])
    return msgspec.json.encode(rows)
