"""One simulated book of single orders as its subscribers see it: the orders of the best N levels a side.

Enters: the engine's tape of orders. Leaves: snapshots, and for each depth and moment the orders that were added,
modified and deleted, with the checksum of the book then. Never: a deletion of what merely fell out of view.

Read for it on 2026-11-21: docs.kraken.com/exchange/api-reference/spot-websocket-v2/level3 and guides/websockets/
l3-checksum-v2, in copies of 2026-05-27. Orders that come into view are listed newest first: on the real channel their
place in the list does not tell their queue, only their stamps do (measured live by others on 2026-09-17). A stamp is
when the order joined; a fill does not move it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from weakref import WeakValueDictionary

from cryptopipe.api import OrderTold, ShownOrder, Side, SimulatedBook, Told, TradingRules, format_at
from cryptopipe_kraken.sandbox_desk import Stream
from cryptopipe_kraken.sandbox_text import CHECKED, checksum, mantissa, short_digits

_BEYOND = 1 << 62
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPREAD = 4_951_760_154_835_678_088_235_319_297  # shares no factor with 36
Change = tuple[str, ShownOrder]
"""`add`, `modify` or `delete`, and the order as it is now, or was."""


def order_id(number: int) -> str:
    """`OAVZ3K-0F1XU-8TDWJ2`: sixteen letters and digits, another for every number."""
    rest, text = number * _SPREAD % 36**15, ""
    for _ in range(15):
        rest, digit = divmod(rest, 36)
        text += _LETTERS[digit]
    return f"O{text[:5]}-{text[5:10]}-{text[10:]}{_LETTERS[number % 36]}"


class Queues:
    """The orders of one side. A key is the price for asks and minus the price for bids: the least is the best."""

    def __init__(self, sign: int, orders: Iterable[ShownOrder]) -> None:
        self._sign = sign
        self._queues: dict[int, dict[int, ShownOrder]] = {}
        for one in orders:
            self._queues.setdefault(sign * one.price, {})[one.order_id] = one
        self._keys = sorted(self._queues)
        self._before: dict[int, tuple[int, ShownOrder | None]] = {}

    def begin(self) -> None:
        """From here to `told` is one event."""
        self._before.clear()

    def last_in_view(self, depth: int) -> int:
        """The key of the last of `depth` levels; beyond any if there are not so many."""
        return self._keys[depth - 1] if len(self._keys) >= depth else _BEYOND

    def follow(self, line: OrderTold) -> None:
        """One line of the tape."""
        key, one = self._sign * line.price, line.order_id
        queue = self._queues.get(key)
        old = queue.get(one) if queue else None
        self._before.setdefault(one, (key, old))
        if line.told is Told.OPENED:
            if queue is None:
                queue = self._queues[key] = {}
                insort(self._keys, key)
            queue[one] = ShownOrder(one, line.price, line.size, line.at)
        elif queue is None or old is None:
            raise LookupError(f"order {one} is not known")
        elif line.told in (Told.FILLED, Told.CANCELLED):
            del queue[one]
            if not queue:
                del self._queues[key], self._keys[bisect_left(self._keys, key)]
        else:
            queue[one] = ShownOrder(one, old.price, old.size - line.size, old.at)

    def told(self, depth: int, before: int) -> list[Change]:
        """What a subscriber of this depth is told; `before` was `last_in_view` when the event began."""
        after = self.last_in_view(depth)
        gone, changed, new = list[Change](), list[Change](), list[Change]()
        for number, (key, old) in self._before.items():
            one = self._queues.get(key, {}).get(number)
            if key > before:
                continue
            if one is None:
                gone += [("delete", old)] if old else []
            elif key <= after:  # else it fell out of view: the client cuts it off
                changed += [("modify", one)] if old and old.size != one.size else []
                new += [("add", one)] if old is None else []
        if after > before:
            for key in self._keys[bisect_right(self._keys, before) : depth]:
                newest_first = sorted(self._queues[key].values(), key=lambda one: -one.at)
                new += [("add", one) for one in newest_first]
        return gone + changed + new

    def best(self, depth: int) -> Iterator[ShownOrder]:
        """Every order of so many levels, as they are now."""
        return (one for key in self._keys[:depth] for one in self._queues[key].values())


class OrderDesk:
    """The publisher of one book's single orders. It follows the engine while there is a stream."""

    def __init__(self, book: SimulatedBook, rules: TradingRules) -> None:
        self._book, self._digits = book, short_digits(rules)
        self._symbol = book.instrument.symbol
        self._bids, self._asks = Queues(-1, ()), Queues(1, ())
        self._number, self._at = 0, 0
        self._streams: WeakValueDictionary[int, Stream] = WeakValueDictionary()

    def stream(self, depth: int) -> Stream:
        """The channel, so many levels a side."""
        if self._streams:
            self.advance()
        else:
            self._load()
        stream = self._streams.get(depth)
        if stream is None:
            stream = self._streams[depth] = Stream(lambda at: self._snapshot(depth))
        return stream

    def advance(self) -> None:
        """Brings every stream up to the engine's newest order; without a stream nothing is read."""
        if self._book.order_number == self._number or not self._streams:
            return
        try:
            lines = self._book.order_tape(self._number)
        except LookupError:  # nobody asked for longer than the tape reaches
            self._load()
            for stream in list(self._streams.values()):
                stream.restart()
            return
        for at, group in groupby(lines, attrgetter("at")):
            self._event(list(group), at)

    def _load(self) -> None:
        self._bids = Queues(-1, self._book.orders(Side.BUY))
        self._asks = Queues(1, self._book.orders(Side.SELL))
        self._number, self._at = self._book.order_number, self._book.changed_at

    def _event(self, lines: Sequence[OrderTold], at: int) -> None:
        """All of one instant."""
        bids, asks = self._bids, self._asks
        streams = [
            (stream, depth, bids.last_in_view(depth), asks.last_in_view(depth))
            for depth, stream in list(self._streams.items())
        ]
        bids.begin()
        asks.begin()
        for line in lines:
            (bids if line.side is Side.BUY else asks).follow(line)
        self._number, self._at = lines[-1].number, at
        for stream, depth, bid, ask in streams:
            told = bids.told(depth, bid), asks.told(depth, ask)
            if told[0] or told[1]:
                stream.put(self._update(*told))

    def _snapshot(self, depth: int) -> str:
        bids, asks = (",".join(self._row(one) for one in side.best(depth)) for side in (self._bids, self._asks))
        return self._frame("snapshot", bids, asks)

    def _update(self, bids: Sequence[Change], asks: Sequence[Change]) -> str:
        return self._frame("update", self._changes(bids), self._changes(asks))

    def _frame(self, kind: str, bids: str, asks: str) -> str:
        return (
            f'{{"channel":"level3","type":"{kind}","data":[{{"symbol":"{self._symbol}","checksum":{self._checksum()},'
            f'"timestamp":"{format_at(self._at)}","bids":[{bids}],"asks":[{asks}]}}]}}'
        )

    def _changes(self, changes: Sequence[Change]) -> str:
        """A deletion is stamped with its own time (a live frame of 2026-09-15)."""
        return ",".join(
            f'{{"event":"{event}",' + self._row(one, self._at if event == "delete" else one.at)[1:]
            for event, one in changes
        )

    def _row(self, one: ShownOrder, at: int = 0) -> str:
        return (
            f'{{"order_id":"{order_id(one.order_id)}","limit_price":{self._digits.price(one.price)},'
            f'"order_qty":{self._digits.size(one.size)},"timestamp":"{format_at(at or one.at)}"}}'
        )

    def _checksum(self) -> int:
        """Of every order in the best ten levels a side."""
        price, size = self._digits.price, self._digits.size
        asks, bids = (
            [mantissa(price(one.price)) + mantissa(size(one.size)) for one in side.best(CHECKED)]
            for side in (self._asks, self._bids)
        )
        return checksum(asks, bids)
