"""What the simulated venue publishes: one sequence of frames a channel and instrument, written once for all who listen.

Enters: books of the engine, times. Leaves: frames as OKX's public channels write them. Never: two frames of a channel
in one of its periods (trades come as they happen), a sequence id that the book did not have, or a frame for nobody.

www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel (copy of 2026-07-07) and the other channels
of that section (copy of 2026-01-15), in public repositories, read 2026-11-21. For the order of keys and for levels that
enter and leave the 400: the recording of 2022-05-13, and frames of 2026-09-23 of ws.okj.com, which speaks the same.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from cryptopipe.api import Nanos, Side
from cryptopipe_okx.market import MILLISECOND
from cryptopipe_okx.sandbox_listing import Listing, print_row, ticker

RANKS = ("trades", "tickers", "bbo-tbt", "books", "books5")
""" "The push sequence for order book channels within the same connection and trading symbols is fixed as: bbo-tbt ->
books-l2-tbt -> books50-l2-tbt -> books -> books-elp -> books5". Where the others stand is not documented."""

_DEPTHS = {"books": 400, "books5": 5, "bbo-tbt": 1}
_PERIODS = {"books": 100 * MILLISECOND, "books5": 100 * MILLISECOND, "bbo-tbt": 10 * MILLISECOND}
_QUIET: Nanos = 60_000 * MILLISECOND
""" "If there are no updates to the depth for an extended period (Around 60 seconds)": the latest snapshot again, or a
message without levels."""
_TICKER_EVERY: Nanos = 100 * MILLISECOND
_KEPT_FRAMES = 256

Level = tuple[int, int]
Window = tuple[Sequence[Level], Sequence[Level]]


class Topic(Protocol):
    """One channel of one instrument. `count` frames were written so far; a listener remembers how many it has seen."""

    count: int

    def advance(self, at: Nanos) -> None:
        """Write what is due by now."""

    def first(self, at: Nanos) -> str | None:
        """What a new listener gets, the state after `count` frames; None where there is nothing."""

    def since(self, seen: int) -> Sequence[str] | None:
        """The frames after `seen`, oldest first; None if they are not kept any more."""


class Frames:
    """The newest frames of a topic, counted."""

    def __init__(self) -> None:
        self.count = 0
        self._frames: deque[str] = deque(maxlen=_KEPT_FRAMES)

    def write(self, frame: str) -> None:
        """One more."""
        self._frames.append(frame)
        self.count += 1

    def since(self, seen: int) -> Sequence[str] | None:
        """As `Topic.since`."""
        missing = self.count - seen
        if missing == 1:
            return (self._frames[-1],)
        return list(self._frames)[-missing:] if missing <= len(self._frames) else None


class BookTopic(Frames):
    """`books`, `books5` or `bbo-tbt`. `seqId` is the number of the engine's newest change in the frame, the same on all
    channels; `prevSeqId` that of the frame before on this one. Nobody hears a change that was taken back in between.
    """

    def __init__(self, listing: Listing, channel: str) -> None:
        super().__init__()
        self._listing, self._book, self._channel = listing, listing.book, channel
        self._depth, self._period = _DEPTHS[channel], _PERIODS[channel]
        self._is_told_by_changes = channel == "books"
        self._head = f'{{"arg":{{"channel":"{channel}","instId":"{listing.symbol}"}},'
        self._slot = self._looked_at = -1
        self._said_at: Nanos = 0
        self._window: Window = ((), ())
        self._seq = 0
        self._made_at: Nanos = 0

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        slot = at // self._period
        if slot == self._slot:
            return
        before, previous = self._window, self._seq
        if self._is_changed():
            changed = (_changed(before[0], self._window[0], True), _changed(before[1], self._window[1], False))
        elif self._said_at and at - self._said_at >= _QUIET:
            changed = ((), ())
        else:
            self._said_at = self._said_at or at
            return
        self._slot, self._said_at = slot, at
        self.write(self._frame(changed, "update", previous) if self._is_told_by_changes else self.first(at))

    def _is_changed(self) -> bool:
        """Whether the window is another than at the last frame; then it is the one of the next."""
        number = self._book.number
        if number == self._looked_at:
            return False
        self._looked_at = number
        window = (self._book.levels(Side.BUY, self._depth), self._book.levels(Side.SELL, self._depth))
        if window == self._window:
            return False
        self._window = window
        self._seq, self._made_at = number, self._book.changed_at
        return True

    def first(self, at: Nanos) -> str:
        """As `Topic.first`: the whole window."""
        return self._frame(self._window, "snapshot", -1)

    def _frame(self, window: Window, action: str, previous: int) -> str:
        bids, asks = self._listing.levels(window[0]), self._listing.levels(window[1])
        ts, levels = self._made_at // MILLISECOND, f'"asks":{asks},"bids":{bids}'
        match self._channel:
            case "books":
                ids = f'"checksum":0,"seqId":{self._seq},"prevSeqId":{previous}'
                return f'{self._head}"action":"{action}","data":[{{{levels},"ts":"{ts}",{ids}}}]}}'
            case "books5":
                levels += f',"instId":"{self._listing.symbol}"'
        return f'{self._head}"data":[{{{levels},"ts":"{ts}","seqId":{self._seq}}}]}}'


def _changed(before: Sequence[Level], now: Sequence[Level], is_bid: bool) -> Sequence[Level]:
    """Levels that are new, changed, or gone from the window (size 0), best first."""
    if before == now:
        return ()
    old, new = set(before), set(now)
    fresh = new - old
    gone = {price for price, _ in old - new} - {price for price, _ in fresh}
    return sorted([*fresh, *((price, 0) for price in gone)], reverse=is_bid)


class TradeTopic(Frames):
    """`trades`: a frame for each taker and price. Who subscribes hears the newest one first, as recorded 2022-05-13."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self._listing, self._tally = listing, listing.tally
        self._tally.catch_up()
        self._told = self._tally.count
        self._head = f'{{"arg":{{"channel":"trades","instId":"{listing.symbol}"}},"data":['

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        self._tally.catch_up()
        if self._tally.count == self._told:
            return
        prints, self._told = self._tally.since(self._told), self._tally.count
        for told in prints:
            self.write(f"{self._head}{msgspec.json.encode(print_row(self._listing, told)).decode()}]}}")

    def first(self, at: Nanos) -> str | None:
        """As `Topic.first`."""
        if not self._tally.prints:
            return None
        newest = msgspec.json.encode(print_row(self._listing, self._tally.prints[-1])).decode()
        return f"{self._head}{newest}]}}"


class TickerTopic(Frames):
    """`tickers`: "The events which can trigger update: trade, the change on best ask/bid", at most once in 100 ms."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self._listing, self._book = listing, listing.book
        self._slot = self._looked_at = -1
        self._seen: object = None
        self._head = f'{{"arg":{{"channel":"tickers","instId":"{listing.symbol}"}},"data":['

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        slot = at // _TICKER_EVERY
        if slot == self._slot or self._book.number == self._looked_at:
            return
        self._slot, self._looked_at = slot, self._book.number
        self._listing.tally.catch_up()
        seen = (*self._listing.top(), self._listing.tally.count)
        if seen != self._seen:
            self._seen = seen
            self.write(self.first(at))

    def first(self, at: Nanos) -> str:
        """As `Topic.first`."""
        return f"{self._head}{msgspec.json.encode(ticker(self._listing, at)).decode()}]}}"


def topic_of(listing: Listing, channel: str) -> Topic | None:
    """None for a channel that there is not."""
    if channel in _DEPTHS:
        return BookTopic(listing, channel)
    if channel == "trades":
        return TradeTopic(listing)
    return TickerTopic(listing) if channel == "tickers" else None
