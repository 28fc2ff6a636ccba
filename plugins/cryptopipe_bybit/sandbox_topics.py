"""What the simulated venue publishes: one sequence of frames a topic, written once for all who listen.

Enters: books of the engine, times. Leaves: frames as Bybit's public streams write them. Never: two frames of a topic in
one of its periods (trades come as they happen), a delta that changes nothing, or a frame for nobody.

bybit-exchange.github.io/docs/v5/websocket/public, pages orderbook, trade and ticker (2026-11-21, in copies), and frames
of the venue of 2025-10 to 2026-10 in public repositories, for what the pages do not say: the order of keys, deltas
sorted as snapshots are, levels that leave the window sent with size 0.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Protocol

import msgspec

from cryptopipe.api import Nanos, Side, TradePrint
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_listing import SIDES, Candle, Listing, begin_of, end_of, joined
from cryptopipe_bybit.sandbox_tickers import Reference, contract_ticker, spot_ticker

DEPTHS = {
    "spot": {1: 10, 50: 20, 200: 200, 1000: 200},
    "linear": {1: 10, 50: 20, 200: 100, 1000: 200},
    "inverse": {1: 10, 50: 20, 200: 100, 1000: 200},
}
"""Milliseconds between two frames of a depth, by market: "Level 1 data, push frequency: 10ms" and so on."""

_TICKERS = {"spot": 50, "linear": 100, "inverse": 100}
"""Milliseconds: "Push frequency: Derivatives & Options - 100ms, Spot - 50ms"."""

_REPEATED_AFTER = 3000 * MILLISECOND
"""Level 1: "if 3 seconds have elapsed without a change in the orderbook, a snapshot message will be pushed again, and
the field `u` will be the same as that in the previous message"."""

_FIRST_UPDATE = 18_521_287
"""`u` 1 would say that the venue's service has just started again."""
_KEPT_FRAMES = 256
_MINUTE = 60_000

Level = tuple[int, int]


class Topic(Protocol):
    """One topic. `count` frames were written so far; whoever listens remembers how many he has seen."""

    count: int

    def advance(self, at: Nanos) -> None:
        """Write what is due by now."""

    def snapshot(self, at: Nanos) -> str | None:
        """What a new listener gets first, the state after `count` frames; None where there is nothing."""

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


class DepthTopic(Frames):
    """`orderbook.{depth}.{symbol}`. `u` grows by one with each frame; `seq` is the number of the engine's newest change
    in it, the same at all depths.
    """

    def __init__(self, listing: Listing, depth: int) -> None:
        super().__init__()
        self._listing, self._book, self._depth = listing, listing.book, depth
        self._period = DEPTHS[listing.market.category][depth] * MILLISECOND
        self._topic = f"orderbook.{depth}.{listing.spelling}"
        self._slot = self._looked_at = -1
        self._sent_at: Nanos = 0
        self.bids: list[Level] = []
        self.asks: list[Level] = []
        self.update = _FIRST_UPDATE
        self.seq = 0
        self.made_at: Nanos = 0

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        slot = at // self._period
        if slot == self._slot:
            return
        before = (self.bids, self.asks)
        if self._is_changed():
            is_delta = self._depth > 1
            frame = self._frame(at, "delta", _changed(*before, self.bids, self.asks)) if is_delta else self.snapshot(at)
        elif self._depth == 1 and at - self._sent_at >= _REPEATED_AFTER:
            frame = self.snapshot(at)
        else:
            return
        self._slot, self._sent_at = slot, at
        self.write(frame)

    def _is_changed(self) -> bool:
        """Whether the window is another than at the last frame; then it is the one of the next."""
        book = self._book
        number = book.number
        if number == self._looked_at:
            return False
        self._looked_at = number
        bids, asks = list(book.levels(Side.BUY, self._depth)), list(book.levels(Side.SELL, self._depth))
        if bids == self.bids and asks == self.asks:
            return False
        self.bids, self.asks = bids, asks
        self.seq, self.made_at = number, book.changed_at
        self.update += 1
        return True

    def snapshot(self, at: Nanos) -> str:
        """As `Topic.snapshot`."""
        return self._frame(at, "snapshot", (self.bids, self.asks))

    def _frame(self, at: Nanos, kind: str, sides: tuple[Sequence[Level], Sequence[Level]]) -> str:
        listing, ts = self._listing, at // MILLISECOND
        head = f'"ts":{ts},"type":"{kind}"' if listing.is_spot else f'"type":"{kind}","ts":{ts}'
        return (
            f'{{"topic":"{self._topic}",{head},"data":{{"s":"{listing.spelling}","b":{listing.levels(sides[0])},'
            f'"a":{listing.levels(sides[1])},"u":{self.update},"seq":{self.seq}}},"cts":{self.made_at // MILLISECOND}}}'
        )


def _changed(
    bids: Sequence[Level], asks: Sequence[Level], new_bids: Sequence[Level], new_asks: Sequence[Level]
) -> tuple[list[Level], list[Level]]:
    return sorted(_differences(bids, new_bids), reverse=True), sorted(_differences(asks, new_asks))


def _differences(before: Sequence[Level], now: Sequence[Level]) -> list[Level]:
    """Levels that are new, changed, or gone from the window (size 0)."""
    if before == now:
        return []
    old, new = set(before), set(now)
    fresh = new - old
    gone = {price for price, _ in old - new} - {price for price, _ in fresh}
    return [*fresh, *((price, 0) for price in gone)]


class TradeTopic(Frames):
    """`publicTrade.{symbol}`: "real-time", one frame for what one step of the engine traded, without a snapshot."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self._listing, self._book = listing, listing.book
        listing.tally.catch_up()
        self._last, self._number = listing.tally.last_id, listing.book.number

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        number = self._book.number
        if number == self._number:
            return
        self._number = number
        tally = self._listing.tally
        tally.catch_up()
        if tally.last_id == self._last:
            return
        prints, self._last = tally.after(self._last), tally.last_id
        listing, ts = self._listing, at // MILLISECOND
        head = f'"ts":{ts},"type":"snapshot"' if listing.is_spot else f'"type":"snapshot","ts":{ts}'
        write = _spot_print if listing.is_spot else _contract_print
        data = ",".join([write(listing, print_, direction) for print_, direction in prints])
        self.write(f'{{"topic":"publicTrade.{listing.spelling}",{head},"data":[{data}]}}')

    def snapshot(self, at: Nanos) -> None:
        """None."""


def _spot_print(listing: Listing, print_: TradePrint, direction: str) -> str:
    """`{"i":"2290000000923750370","T":1761583474343,"p":"115440.7","v":"0.00903","S":"Buy","seq":89200463112,…`"""
    return (
        f'{{"i":"{listing.trade_id(print_.trade_id)}","T":{print_.at // MILLISECOND},'
        f'"p":"{listing.price(print_.price)}","v":"{listing.size(print_.size)}","S":"{SIDES[print_.side]}",'
        f'"seq":{print_.number},"s":"{listing.spelling}","BT":false,"RPI":false}}'
    )


def _contract_print(listing: Listing, print_: TradePrint, direction: str) -> str:
    """`{"T":1791365008334,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"83766.30","L":"PlusTick","i":"68bc1c35-…",…`"""
    return (
        f'{{"T":{print_.at // MILLISECOND},"s":"{listing.spelling}","S":"{SIDES[print_.side]}",'
        f'"v":"{listing.size(print_.size)}","p":"{listing.price(print_.price)}","L":"{direction}",'
        f'"i":"{listing.trade_id(print_.trade_id)}","BT":false,"RPI":false,"seq":{print_.number}}}'
    )


class CandleTopic(Frames):
    """`kline.{interval}.{symbol}`: the candle of now, once a second while it changes, and once more when it is closed
    (`confirm`). "Push frequency: 1-60s" (docs/v5/websocket/public/kline, 2026-11-21).
    """

    def __init__(self, listing: Listing, interval: str) -> None:
        super().__init__()
        self._listing, self._interval = listing, interval
        self._second = -1
        self._told: tuple[int, int, bool] = (0, 0, True)
        """Of the newest frame: when its candle began, its turnover, whether it was closed."""

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        second = at // (1000 * MILLISECOND)
        if second == self._second:
            return
        self._second = second
        tally = self._listing.tally
        tally.catch_up()
        began, turnover, closed = self._told
        for begin, candle in self._newest(began).items():
            is_closed = end_of(begin, self._interval) < at // MILLISECOND
            if (begin, candle.turnover, is_closed) != (began, turnover, closed):
                self._told = (begin, candle.turnover, is_closed)
                self.write(self._frame(at, begin, candle, is_closed))

    def _newest(self, since: int) -> dict[int, Candle]:
        """From the candle that was told last, or the newest one, on."""
        candles = self._listing.tally.candles
        if not candles:
            return {}
        first = since or begin_of(candles[-1].minute, self._interval)
        inside = takewhile(lambda one: one.minute * _MINUTE >= first, reversed(candles))
        return joined(reversed(list(inside)), self._interval)

    def _frame(self, at: Nanos, begin: int, candle: Candle, is_closed: bool) -> str:
        listing, ts = self._listing, at // MILLISECOND
        price = listing.price
        return (
            f'{{"topic":"kline.{self._interval}.{listing.spelling}","data":[{{"start":{begin},'
            f'"end":{end_of(begin, self._interval)},"interval":"{self._interval}","open":"{price(candle.open)}",'
            f'"close":"{price(candle.close)}","high":"{price(candle.high)}","low":"{price(candle.low)}",'
            f'"volume":"{listing.volume(candle.volume)}","turnover":"{listing.turnover(candle.turnover)}",'
            f'"confirm":{str(is_closed).lower()},"timestamp":{ts}}}],"ts":{ts},"type":"snapshot"}}'
        )

    def snapshot(self, at: Nanos) -> None:
        """None: the next second tells it."""


class TickerTopic(Frames):
    """`tickers.{symbol}`: always whole on spot; a snapshot, then what has changed on contracts."""

    def __init__(self, listing: Listing, references: Reference) -> None:
        super().__init__()
        self._listing, self._book = listing, listing.book
        self._ticker = spot_ticker if listing.is_spot else contract_ticker
        self._references = references
        self._period = _TICKERS[listing.market.category] * MILLISECOND
        self._slot = self._looked_at = self.seq = -1
        self._fields: Mapping[str, str] = {}

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        slot = at // self._period
        if slot == self._slot or self._book.number == self._looked_at:
            return
        self._slot, self._looked_at = slot, self._book.number
        before, now = self._fields, self._ticker(self._listing, self._references, at)
        if now == before:
            return
        self._fields, self.seq = now, self._book.number
        if self._listing.is_spot:
            self.write(self._frame(at, "snapshot", now))
        else:
            changed = {key: text for key, text in now.items() if key == "symbol" or before.get(key) != text}
            self.write(self._frame(at, "delta", changed))

    def snapshot(self, at: Nanos) -> str:
        """As `Topic.snapshot`."""
        return self._frame(at, "snapshot", self._fields)

    def _frame(self, at: Nanos, kind: str, fields: Mapping[str, str]) -> str:
        topic, ts, data = f"tickers.{self._listing.spelling}", at // MILLISECOND, msgspec.json.encode(fields).decode()
        if self._listing.is_spot:
            return f'{{"topic":"{topic}","ts":{ts},"type":"{kind}","cs":{self.seq},"data":{data}}}'
        return f'{{"topic":"{topic}","type":"{kind}","data":{data},"cs":{self.seq},"ts":{ts}}}'
