"""What the simulated Coinbase Exchange tells of single orders: the full channel's messages, and the level-3 book.

Enters: the engine's tape of orders. Leaves: messages numbered one after the other in their product, each written for
the first client that gets it. Never: a message twice under two numbers, or a cost before somebody asks.

Read for it on 2026-11-21: docs.cdp.coinbase.com/exchange/websocket-feed/channels (full channel) and exchange/docs
matching-engine (order lifecycle), in copies of 2025-04-02. What the engine does not tell is filled in: an order that
executed and left no rest is told as one at market, by its size; one that rests, as a limit. Stop orders, funds and
self-trade prevention are not simulated. The numbers are those of this channel; the other channels count changes of the
book, where the venue has one sequence for all.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from cryptopipe.api import OrderTold, Side, Told
from cryptopipe_coinbase.sandbox_shown import Shown, whole_stamp

FIRST = 57_560_479_456
_KEPT = 20_000
"""Messages that a client may be behind before it is a slow consumer."""

Row = tuple[str, str, str]


class _Message(msgspec.Struct):
    write: Callable[[int], str]
    text: str = ""


def order_id(number: int) -> str:
    """The venue's ids are UUIDs."""
    return f"{number & 0xFFFFFFFF:08x}-0c1b-4f8e-9a5d-{number:012x}"


class OrderMessages:
    """The full channel of one product. `sequence` is the number of its newest message."""

    def __init__(self, shown: Shown) -> None:
        self._shown, self._book = shown, shown.book
        self.sequence = FIRST
        self.begun = False
        self._number = 0
        self._sizes: dict[int, int] = {}
        self._messages: deque[_Message] = deque(maxlen=_KEPT)

    def advance(self) -> int:
        """Takes in what has happened; the number of the newest message."""
        if not self.begun:
            self._begin()
        elif self._book.order_number != self._number:
            try:
                self._read(self._book.order_tape(self._number))
            except LookupError:  # nobody asked for longer than the tape reaches: nothing of it was told
                self._messages.clear()
                self.sequence += self._book.order_number - self._number
                self._begin()
        return self.sequence

    def since(self, position: int) -> Sequence[str]:
        """The messages after this number. Raises `LookupError` if they are not kept any more."""
        missing = self.advance() - position
        if not missing:
            return ()
        if missing > len(self._messages):
            raise LookupError(f"{self._shown.symbol} keeps {len(self._messages)} messages, {missing} are missing")
        return [self._text(place) for place in range(-missing, 0)]

    def rows(self, side: Side) -> Sequence[Row]:
        """Price, size and id of each resting order, best first and in the order of its queue."""
        price, size = self._shown.price, self._shown.size
        return [(price(one.price), size(one.size), order_id(one.order_id)) for one in self._book.orders(side)]

    def _text(self, place: int) -> str:
        one = self._messages[place]
        if not one.text:
            one.text = one.write(self.sequence + place + 1)
        return one.text

    def _begin(self) -> None:
        self.begun = True
        self._sizes = {one.order_id: one.size for side in Side for one in self._book.orders(side)}
        self._number = self._book.order_number

    def _say(self, write: Callable[[int], str]) -> None:
        self.sequence += 1
        self._messages.append(_Message(write))

    def _read(self, lines: Sequence[OrderTold]) -> None:
        place = 0
        while place < len(lines):
            end = place + 1
            if lines[place].taker:
                while end < len(lines) and lines[end].taker == lines[place].taker:
                    end += 1
                rest = lines[end] if end < len(lines) and lines[end].order_id == lines[place].taker else None
                self._execution(lines[place:end], rest if rest and rest.told is Told.OPENED else None)
                end += rest is not None
            else:
                self._alone(lines[place])
            place = end
        self._number = lines[-1].number

    def _alone(self, line: OrderTold) -> None:
        """Something that is no execution."""
        one, before = line.order_id, self._sizes.get(line.order_id, 0)
        if line.told is Told.OPENED:
            self._say(partial(self._received, line, line.side, one, line.size, line.price))
            self._open(line)
        elif line.told is Told.REDUCED:
            self._sizes[one] = before - line.size
            self._say(partial(self._changed, line, before, before - line.size))
        elif line.told is Told.CANCELLED:
            self._sizes.pop(one, None)
            self._say(partial(self._done, line, line.side, one, "canceled", (line.price, line.size)))

    def _open(self, line: OrderTold) -> None:
        self._sizes[line.order_id] = line.size
        self._say(partial(self._opened, line))

    def _execution(self, lines: Sequence[OrderTold], rest: OrderTold | None) -> None:
        """One incoming order against resting ones: received, its matches, and what becomes of either side."""
        first, taker = lines[0], lines[0].taker
        side = Side.SELL if first.side is Side.BUY else Side.BUY
        size = sum(line.size for line in lines if line.told is Told.MATCHED) + (rest.size if rest else 0)
        self._say(partial(self._received, first, side, taker, size, rest.price if rest else None))
        for line in lines:
            if line.told is Told.MATCHED:
                self._sizes[line.order_id] -= line.size
                self._say(partial(self._match, line))
            else:
                del self._sizes[line.order_id]
                self._say(partial(self._done, line, line.side, line.order_id, "filled", (line.price, 0)))
        if rest:
            self._open(rest)
        else:
            self._say(partial(self._done, lines[-1], side, taker, "filled", None))

    def _start(self, kind: str, line: OrderTold, side: Side, sequence: int) -> str:
        return (
            f'{{"type":"{kind}","side":"{side.value}","product_id":"{self._shown.symbol}",'
            f'"time":"{whole_stamp(line.at)}","sequence":{sequence}'
        )

    def _received(self, line: OrderTold, side: Side, one: int, size: int, price: int | None, sequence: int) -> str:
        kind = "market" if price is None else "limit"
        priced = "" if price is None else f',"price":"{self._shown.bare_price(price)}"'
        return (
            f'{self._start("received", line, side, sequence)},"order_id":"{order_id(one)}","order_type":"{kind}",'
            f'"size":"{self._shown.bare_size(size)}"{priced},"client_oid":""}}'
        )

    def _opened(self, line: OrderTold, sequence: int) -> str:
        price, size = self._shown.bare_price(line.price), self._shown.bare_size(line.size)
        start = self._start("open", line, line.side, sequence)
        return f'{start},"price":"{price}","order_id":"{order_id(line.order_id)}","remaining_size":"{size}"}}'

    def _done(
        self, line: OrderTold, side: Side, one: int, reason: str, left: tuple[int, int] | None, sequence: int
    ) -> str:
        """Without price and size for an order at market."""
        price, size = ("", "") if left is None else (self._shown.bare_price(left[0]), self._shown.bare_size(left[1]))
        rest = "" if left is None else f',"price":"{price}","remaining_size":"{size}"'
        start = self._start("done", line, side, sequence)
        return f'{start},"order_id":"{order_id(one)}","reason":"{reason}"{rest}}}'

    def _match(self, line: OrderTold, sequence: int) -> str:
        """`side` is the maker's."""
        return (
            f'{self._start("match", line, line.side, sequence)},"trade_id":{line.trade_id},'
            f'"maker_order_id":"{order_id(line.order_id)}","taker_order_id":"{order_id(line.taker)}",'
            f'"size":"{self._shown.bare_size(line.size)}","price":"{self._shown.bare_price(line.price)}"}}'
        )

    def _changed(self, line: OrderTold, before: int, after: int, sequence: int) -> str:
        price, size = self._shown.bare_price(line.price), self._shown.bare_size
        return (
            f'{self._start("change", line, line.side, sequence)},"reason":"modify_order",'
            f'"order_id":"{order_id(line.order_id)}","old_size":"{size(before)}","new_size":"{size(after)}",'
            f'"old_price":"{price}","new_price":"{price}"}}'
        )
