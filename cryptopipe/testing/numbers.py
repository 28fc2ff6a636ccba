"""Whether an event's numbers are the frame's own, and can be handed on.

Enters: an event, the frame it was decoded from with those before it, the instrument's grid. Leaves: each price and size
with the step it must be a multiple of. Never: a number that was not written so in a frame.
"""

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    Levels,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    Resync,
    SyncRule,
    TopUpdate,
    Trade,
    TradingRules,
)
from cryptopipe.core import Book
from cryptopipe.testing.checks import require
from cryptopipe.testing.mutations import scalars


def readable(event: Any, where: str) -> None:
    """What a damaged frame gave can be handed on: text is text, ids, times and checksums fit into 64 bits. A resync's
    `symbol` None means every book of the connection; sizes of a top may be None."""
    for name in ("symbol", "bid", "ask", "price", "size", "bid_size", "ask_size"):
        text = getattr(event, name, "")
        if not isinstance(text, str) and not (text is None and (name[3:] == "_size" or isinstance(event, Resync))):
            raise AssertionError(f"{where} gave {event!r}, whose {name} is no text")
    for name in ("first", "version", "previous", "event_time", "trade_time", "checksum"):
        value = getattr(event, name, 0)
        if value is None and name == "checksum":
            continue
        if not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise AssertionError(f"{where} gave {event!r}, whose {name} is no integer of 64 bits")
    for order in (*event.bids, *event.asks) if isinstance(event, OrdersDelta) else ():
        if not all(isinstance(one, str) for one in (order.order_id, order.price, order.size)):
            raise AssertionError(f"{where} gave {order!r}, which is not all text")


def numbers(
    event: Any, frame: bytes, grid: TradingRules, rule: SyncRule, where: str
) -> Iterable[tuple[Decimal, Decimal, str]]:
    """(number, step, what) for each price and size; their text must stand in the frame as it was sent."""
    if isinstance(event, BookSnapshot | BookDelta):
        for side in (event.bids, event.asks):
            if side is not None:
                levels = _parsed(side, rule, event.symbol, where)
                columns = (rule.level_format.price, rule.level_format.size)
                _written_so(event.symbol, bytes(side), frame, columns, where)
                for i in range(len(levels)):
                    yield levels[i][0], grid.tick, "price"
                    yield levels[i][1], grid.step, "size"
        return
    if isinstance(event, OrdersSnapshot | OrdersDelta):
        yield from _of_orders(event, frame, grid, rule, where)
        return
    named: list[tuple[str | None, Decimal, str]] = []
    if isinstance(event, TopUpdate):
        named = [(event.bid, grid.tick, "bid"), (event.bid_size, grid.step, "bid size")]
        named += [(event.ask, grid.tick, "ask"), (event.ask_size, grid.step, "ask size")]
    elif isinstance(event, Trade):
        named = [(event.price, grid.tick, "price"), (event.size, grid.step, "size")]
    for text, step, what in named:
        if text is not None:
            require(text.encode() in frame, f"{where}: {what} {text!r} of {event.symbol} is not the frame's own text")
            yield Decimal(text), step, what


def _parsed(side: Any, rule: SyncRule, symbol: str, where: str) -> Levels:
    """Raises `AssertionError`: a side that the rule's format cannot read."""
    try:
        return Levels.parse(side, rule.level_format)
    except ProtocolError as error:
        form = f"the rule reads price {rule.level_format.price!r} and size {rule.level_format.size!r} of each level"
        raise AssertionError(f"{where}: levels of {symbol}: {error}; {form} (SyncRule.level_format)") from error


def _of_orders(
    event: OrdersSnapshot | OrdersDelta, frame: bytes, grid: TradingRules, rule: SyncRule, where: str
) -> Iterable[tuple[Decimal, Decimal, str]]:
    if isinstance(event, OrdersDelta):
        written = _unsigned(frame)
        for order in (*event.bids, *event.asks):
            for text, step, what in ((order.price, grid.tick, "price"), (order.size, grid.step, "size")):
                if text:
                    require(text in written, f"{where}: {what} {text!r} of order {order.order_id} is not sent so")
                    yield Decimal(text), step, what
        return
    form = rule.orders
    if form is None:
        raise AssertionError(f"{where}: orders of {event.symbol}, but the rule has no format of orders")
    for side in (bytes(event.bids), bytes(event.asks)):
        _written_so(event.symbol, side, frame, (form.order_id, form.price, form.size), where)
        for row in json.loads(side, parse_float=str, parse_int=str):
            yield Decimal(row[form.price]), grid.tick, "price"
            yield Decimal(row[form.size]), grid.step, "size"


def _written_so(symbol: str, side: bytes, frame: bytes, columns: tuple[int | str, ...], where: str) -> None:
    """A side is a piece of the frame, or each of its numbers stands in the frame with the same digits, as often."""
    if side in frame:
        return
    rows = json.loads(side, parse_float=str, parse_int=str)
    wanted = Counter(str(row[column]) for row in rows for column in columns)
    strange = sorted((wanted - _unsigned(frame)).elements())
    require(not strange, f"{where}: levels of {symbol} have {strange}, which the frame does not write so")


def _unsigned(frame: bytes) -> Counter[str]:
    """The frame's scalars without a sign: some venues tell the side of a size by it."""
    return Counter(text.removeprefix("-") for text in scalars(frame))


def uncrossed(event: Any, rule: SyncRule, where: str) -> None:
    """A top, or a whole book, whose bid is below its ask. Raises `AssertionError`."""
    if isinstance(event, TopUpdate):
        bid, ask = Decimal(event.bid), Decimal(event.ask)
        require(
            bid < ask or not bid or not ask, f"{where}: a top of {event.symbol} has bid {bid} at or above ask {ask}"
        )
    if isinstance(event, BookSnapshot):
        try:
            form = rule.level_format
            book = Book(form)
            book.load(event.bids, event.asks, event.version, event.event_time, 0)
        except ProtocolError as error:
            raise AssertionError(f"{where}: a snapshot of {event.symbol} is no book: {error}") from error
