"""Whether an event's numbers are the frame's own, and can be handed on.

Enters: an event, the frame it was decoded from with those before it, the instrument's grid. Leaves: each price and size
with the step it must be a multiple of. Never: a number that was not written so in a frame.
"""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    LevelFormat,
    Levels,
    ProtocolError,
    Resync,
    TopUpdate,
    Trade,
    TradingRules,
)
from cryptopipe.testing.corpus import require
from cryptopipe.testing.mutations import scalars


def readable(event: Any, form: LevelFormat, where: str) -> None:
    """What a damaged frame gave can be handed on: text is text, ids and times fit into 64 bits, and bad levels are
    refused by the core's `ProtocolError`. A resync's `symbol` None means every book of the connection."""
    if isinstance(event, BookSnapshot | BookDelta):
        with suppress(ProtocolError):
            for side in (event.bids, event.asks):
                _ = side is None or Levels.parse(side, form)
    for name in ("symbol", "bid", "ask", "price", "size"):
        text = getattr(event, name, "")
        whole_connection = isinstance(event, Resync) and text is None
        require(isinstance(text, str) or whole_connection, f"{where} gave {event!r}, whose {name} is no text")
    for name in ("first", "version", "previous", "event_time"):
        value = getattr(event, name, 0)
        require(-(2**63) <= value < 2**63, f"{where} gave {event!r}, whose {name} does not fit into 64 bits")


def numbers(
    event: Any, frame: bytes, grid: TradingRules, form: LevelFormat, where: str
) -> Iterable[tuple[Decimal, Decimal, str]]:
    """(number, step, what) for each price and size; their text must stand in the frame as it was sent."""
    if isinstance(event, BookSnapshot | BookDelta):
        for side in (event.bids, event.asks):
            if side is not None:
                levels = Levels.parse(side, form)
                _written_so(event, bytes(side), frame, form, where)
                for i in range(len(levels)):
                    yield levels[i][0], grid.tick, "price"
                    yield levels[i][1], grid.step, "size"
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


def _written_so(event: BookSnapshot | BookDelta, side: bytes, frame: bytes, form: LevelFormat, where: str) -> None:
    """A side is a piece of the frame, or each of its numbers stands in the frame with the same digits, as often."""
    if side in frame:
        return
    rows = json.loads(side, parse_float=str, parse_int=str)
    wanted = Counter(str(row[column]) for row in rows for column in (form.price, form.size))
    strange = sorted((wanted - Counter(scalars(frame))).elements())
    require(not strange, f"{where}: levels of {event.symbol} have {strange}, which the frame does not write so")
