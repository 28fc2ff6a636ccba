"""The frames of `live_orders_{market}`: what the engine's tape of orders says, as the venue tells it.

Enters: a book's tape of orders. Leaves: frames chained by their event ids, with times cut to milliseconds. Never: a
frame about an order that no frame or book told of before, but for `order_created`.

www.bitstamp.net/websocket/v2/ and frames captured on 2026-08-09 and 2026-09-15, as the feed's author read them too
(2026-11-21). From studies of captures: a taker is told as created at its limit before its matches; its changes tell the
price of each match, those of a resting order its own; `amount_traded` is of the event; an order that is filled is told
as deleted with nothing left, one that is cancelled with what was left. The engine does not tell the limit of a taker
that leaves nothing: it is taken to be the last price that it took.
"""

from collections.abc import Iterable, Sequence

from cryptopipe.api import OrderTold, Side, Told
from cryptopipe_bitstamp.sandbox_listing import MICROSECOND, SECOND, Listing, order_id

_MILLISECOND = 1000 * MICROSECOND
_EARLIER = 1000
"""In milliseconds: when the event before the first one told was made. Nobody was told of it."""
_TYPES = {Side.BUY: 0, Side.SELL: 1}
_OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


class OrderScribe:
    """Writes one market's frames. What it keeps is each resting order's size, and the last event's id."""

    def __init__(self, listing: Listing) -> None:
        self._listing, self._book = listing, listing.book
        self._sizes: dict[int, tuple[int, int]] = {}
        self._events = 0x100
        self._last = ""
        self._number = -1

    def begin(self) -> None:
        """From here on."""
        self._sizes = {one.order_id: (one.size, one.size) for side in Side for one in self._book.orders(side)}
        self._number = self._book.order_number

    def frames(self) -> list[str]:
        """Since the last call. Raises `LookupError` if the tape does not reach back so far."""
        if self._book.order_number == self._number:
            return []
        lines = self._book.order_tape(self._number)
        self._number = self._book.order_number
        found: list[str] = []
        for group in _by_taker(lines):
            found.extend(self._taken(group) if group[0].taker else [self._told(one) for one in group])
        return found

    def _told(self, line: OrderTold) -> str:
        """A line that no match made."""
        if line.told is Told.OPENED:
            self._sizes[line.order_id] = (line.size, line.size)
            return self._frame("order_created", line, line.size)
        left, _ = self._sizes[line.order_id]
        if line.told is Told.CANCELLED:
            return self._frame("order_deleted", line, left)
        self._sizes[line.order_id] = left - line.size, self._sizes[line.order_id][1]
        return self._frame("order_changed", line, left - line.size)

    def _taken(self, group: Sequence[OrderTold]) -> Iterable[str]:
        """A taker's matches, and what is left of it, if it rests."""
        matches = [one for one in group if one.told is Told.MATCHED]
        rest = group[-1] if group[-1].told is Told.OPENED else None
        taker, last = matches[0].taker, rest or matches[-1]
        left = sum(one.size for one in matches) + (rest.size if rest else 0)
        self._sizes[taker] = left, left
        side = _OTHER[matches[0].side]
        yield self._frame("order_created", last, left, 0, taker, side)
        for line in matches:
            resting, created = self._sizes[line.order_id]
            resting, left = resting - line.size, left - line.size
            self._sizes[line.order_id] = resting, created
            yield self._frame("order_changed" if resting else "order_deleted", line, resting, line.size)
            self._sizes[taker] = left, self._sizes[taker][1]
            yield self._frame("order_changed" if left else "order_deleted", line, left, line.size, taker, side)

    def _frame(
        self, event: str, line: OrderTold, left: int, traded: int = 0, order_id: int = 0, side: Side | None = None
    ) -> str:
        number = order_id or line.order_id
        created = self._sizes[number][1]
        if event == "order_deleted":
            del self._sizes[number]
        listing, millis = self._listing, line.at // _MILLISECOND
        identity, price, size = _id(number), listing.price(line.price), listing.size(left)
        before = self._last or self._event_id(millis - _EARLIER)
        self._events += 1
        self._last = self._event_id(millis)
        return (
            f'{{"data":{{"id":{identity},"id_str":"{identity}","order_type":{_TYPES[side or line.side]},'
            f'"order_subtype":5,"datetime":"{line.at // SECOND}","microtimestamp":"{millis}000","amount":{size},'
            f'"amount_str":"{size}","amount_traded":"{listing.size(traded) if traded else 0}",'
            f'"amount_at_create":"{listing.size(created)}","price":{price},"price_str":"{price}",'
            f'"is_liquidation":false}},"channel":"live_orders_{listing.symbol}","event":"{event}",'
            f'"event_id":"{self._last}","pre_event_id":"{before}","order_source":"orderbook"}}'
        )

    def _event_id(self, millis: int) -> str:
        """Sixteen hexadecimal digits of microseconds, then a count: `0006589a-5c98-2678-0000-000101000020`."""
        text = f"{millis * 1000:016x}{self._events << 24 | 0x20:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _by_taker(lines: Sequence[OrderTold]) -> Iterable[list[OrderTold]]:
    """Lines of one taker together: its matches, and its own opening if it rests; each other line alone."""
    group: list[OrderTold] = []
    for line in lines:
        if line.taker and group and group[0].taker == line.taker:
            group.append(line)
        elif line.told is Told.OPENED and group and group[0].taker == line.order_id:
            yield [*group, line]
            group = []
        else:
            if group:
                yield group
            group = [line]
            if not line.taker:
                yield group
                group = []
    if group:
        yield group


_id = order_id
