"""What the simulated venue publishes: one sequence of frames a channel, written once for all who listen.

Enters: books of the engine, times. Leaves: frames as Bitstamp's public channels write them. Never: two books of a
channel in one of its periods (trades and orders come as they happen), a book that has not changed, a frame for nobody.

www.bitstamp.net/websocket/v2/ as quoted by others who rendered it on 2026-09-15, and what they measured: no snapshot on
subscription, no repetition, `order_book_btcusd` at least 79 ms apart. Differences recorded on 2022-01-05 are about a
quarter of a second apart, best levels first, their times those of the book's last change.
"""

from collections import deque
from collections.abc import Sequence

from cryptopipe.api import Nanos, Side, TradePrint
from cryptopipe_bitstamp.sandbox_listing import FIRST_ORDER, MICROSECOND, SECOND, Listing, trade_id
from cryptopipe_bitstamp.sandbox_orders import OrderScribe

TOP_LEVELS = 100
_MILLISECOND = 1000 * MICROSECOND
_BOOKS_EVERY = 100 * _MILLISECOND
_DIFFERENCES_EVERY = 250 * _MILLISECOND
_KEPT_FRAMES = 512
_TYPES = {Side.BUY: 0, Side.SELL: 1}


class Channel:
    """The newest frames of a channel, counted; whoever listens remembers how many he has seen."""

    def __init__(self, listing: Listing, name: str) -> None:
        self.listing, self.name = listing, name
        self.count = 0
        self._frames: deque[str] = deque(maxlen=_KEPT_FRAMES)

    def begin(self) -> None:
        """The first listener, or the first one after none: nothing of before is told."""

    def advance(self, at: Nanos) -> None:
        """Write what is due by now."""

    def since(self, seen: int) -> Sequence[str] | None:
        """The frames after `seen`, oldest first; None if they are not kept any more."""
        missing = self.count - seen
        return list(self._frames)[-missing:] if missing <= len(self._frames) else None

    def write(self, frame: str) -> None:
        """One more."""
        self._frames.append(frame)
        self.count += 1

    def lose(self) -> None:
        """The tape does not reach back: whoever listens has missed something."""
        self._frames.clear()
        self.count += 1


class BookChannel(Channel):
    """Books at most once a period, at the microsecond of the last change, which rises from frame to frame."""

    period = _BOOKS_EVERY

    def __init__(self, listing: Listing, name: str) -> None:
        super().__init__(listing, name)
        self.number = self._slot = -1
        self._micros = 0

    def begin(self) -> None:
        """As `Channel.begin`."""
        self.number = self.listing.book.number

    def advance(self, at: Nanos) -> None:
        """As `Channel.advance`."""
        slot = at // self.period
        if slot == self._slot:
            return
        self._slot, book = slot, self.listing.book
        if book.number == self.number:
            return
        sides = self.sides()
        self.number = book.number
        if sides is None:
            self.lose()
            return
        changed_at = book.changed_at
        self._micros = max(changed_at // MICROSECOND, self._micros + 1)
        bids, asks = sides
        self.write(
            f'{{"data":{{"timestamp":"{changed_at // SECOND}","microtimestamp":"{self._micros}","bids":{bids},'
            f'"asks":{asks}}},"channel":"{self.name}","event":"data"}}'
        )

    def sides(self) -> tuple[str, str] | None:
        """Bids and asks to be told; None if they are not known any more."""
        bids, asks = (self.listing.levels(self.listing.book.levels(side, TOP_LEVELS)) for side in (Side.BUY, Side.SELL))
        return bids, asks


class DetailChannel(BookChannel):
    """`detail_order_book_{market}`: the first hundred orders of each side."""

    def sides(self) -> tuple[str, str]:
        """As `BookChannel.sides`."""
        return self.listing.orders(Side.BUY, TOP_LEVELS), self.listing.orders(Side.SELL, TOP_LEVELS)


class DifferenceChannel(BookChannel):
    """`diff_order_book_{market}`: the levels that changed, each once, at its last size."""

    period = _DIFFERENCES_EVERY

    def sides(self) -> tuple[str, str] | None:
        """As `BookChannel.sides`."""
        try:
            changes = self.listing.book.changes(self.number)
        except LookupError:
            return None
        bids = {one.price: one.size for one in changes if one.side is Side.BUY}
        asks = {one.price: one.size for one in changes if one.side is Side.SELL}
        levels = self.listing.levels
        return levels(sorted(bids.items(), reverse=True)), levels(sorted(asks.items()))


class TradeChannel(Channel):
    """`live_trades_{market}`, as they happen. Ids of their orders are made up, the taker's being the greater, as it is
    the newer one; where single orders are told, they are not those.
    """

    def __init__(self, listing: Listing, name: str) -> None:
        super().__init__(listing, name)
        self._told = 0

    def begin(self) -> None:
        """As `Channel.begin`."""
        self.listing.catch_up()
        self._told = self.listing.prints[-1].trade_id if self.listing.prints else 0

    def advance(self, at: Nanos) -> None:
        """As `Channel.advance`."""
        for one in self.listing.book.trades(self._told):
            self._told = one.trade_id
            self.write(self._frame(one))

    def _frame(self, one: TradePrint) -> str:
        listing, maker = self.listing, FIRST_ORDER + 2 * one.trade_id
        price, size = listing.price(one.price), listing.size(one.size)
        buyer, seller = (maker + 1, maker) if one.side is Side.BUY else (maker, maker + 1)
        return (
            f'{{"data":{{"id":{trade_id(one.trade_id)},"timestamp":"{one.at // SECOND}","amount":{size},'
            f'"amount_str":"{size}","price":{price},"price_str":"{price}","type":{_TYPES[one.side]},'
            f'"microtimestamp":"{one.at // _MILLISECOND}000","buy_order_id":{buyer},"sell_order_id":{seller}}},'
            f'"channel":"{self.name}","event":"trade"}}'
        )


class OrdersChannel(Channel):
    """`live_orders_{market}`, as they happen."""

    def __init__(self, listing: Listing, name: str) -> None:
        super().__init__(listing, name)
        self._scribe = OrderScribe(listing)

    def begin(self) -> None:
        """As `Channel.begin`."""
        self._scribe.begin()

    def advance(self, at: Nanos) -> None:
        """As `Channel.advance`."""
        try:
            for frame in self._scribe.frames():
                self.write(frame)
        except LookupError:
            self._scribe.begin()
            self.lose()


KINDS: dict[str, type[Channel]] = {
    "diff_order_book": DifferenceChannel,
    "detail_order_book": DetailChannel,
    "order_book": BookChannel,
    "live_trades": TradeChannel,
    "live_orders": OrdersChannel,
}
"""Funding rates and announcements are not simulated."""
