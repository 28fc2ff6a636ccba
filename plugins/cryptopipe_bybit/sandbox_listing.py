"""One instrument as the simulated venue lists it: its spelling, its digits, and what has been traded.

Enters: a book of the engine. Leaves: numbers in the venue's digits, prints with their tick direction, minute candles,
the figures of a day. Never: a trade that was not printed; before the first there are no figures.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from cryptopipe.api import Grid, Instrument, Nanos, Side, SimulatedBook, SimulatedDesk, TradePrint, TradingRules, plain
from cryptopipe_bybit.market import MARKETS, MILLISECOND, SPOT, spelling_of

MINUTE = 60_000 * MILLISECOND
SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
"""How the venue writes a taker's side."""
INTERVALS = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")
"""Of candles: minutes, a day, a week, a month (docs/v5/enum)."""
_DAY_OF_MINUTES = 24 * 60
_KEPT_PRINTS = 1024  # also the most trades of one frame (docs/v5/websocket/public/trade, 2026-11-21)
_KEPT_CANDLES = 7 * _DAY_OF_MINUTES
_KEPT_TEXTS = 20_000
_NONE_STATED = TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))


class Candle(msgspec.Struct, gc=False):
    """One minute with trades: prices in ticks, volume in lots, turnover in ticks times lots."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int

    def add(self, price: int, size: int) -> None:
        """One more trade."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += size
        self.turnover += price * size

    def join(self, later: "Candle") -> None:
        """The candle of both."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.turnover += later.turnover


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours, or as much of them as has been: prices in ticks, volume in lots, turnover in their product."""

    before: int
    hour_ago: int
    high: int
    low: int
    last: int
    volume: int
    turnover: int


def joined(candles: Iterable[Candle], interval: str) -> dict[int, Candle]:
    """By the milliseconds at which they begin, in UTC; weeks begin on Mondays. An interval without a trade has none."""
    found: dict[int, Candle] = {}
    for candle in candles:
        begin = begin_of(candle.minute, interval)
        if begin in found:
            found[begin].join(candle)
        else:
            found[begin] = msgspec.structs.replace(candle)
    return found


def begin_of(minute: int, interval: str) -> int:
    """Milliseconds at which the interval of this minute begins."""
    if interval.isdecimal():
        return minute // int(interval) * int(interval) * (MINUTE // MILLISECOND)
    day = datetime.fromtimestamp(minute * 60, UTC).replace(hour=0, minute=0)
    back = {"D": 0, "W": day.weekday(), "M": day.day - 1}[interval]
    return int((day - timedelta(days=back)).timestamp()) * 1000


def end_of(begin: int, interval: str) -> int:
    """The last millisecond of the interval that begins then."""
    if interval.isdecimal():
        return begin + int(interval) * (MINUTE // MILLISECOND) - 1
    days = {"D": 1, "W": 7, "M": 31}[interval]
    later = begin // 60_000 + days * _DAY_OF_MINUTES
    return (begin_of(later, "M") if interval == "M" else later * 60_000) - 1


class Tally:
    """Reads a book's trades, once, and counts them."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._number = -1
        self.last_id = 0
        self.direction = "ZeroPlusTick"
        self.prints: deque[tuple[TradePrint, str]] = deque(maxlen=_KEPT_PRINTS)
        self.candles: deque[Candle] = deque(maxlen=_KEPT_CANDLES)
        self._past_until = (0, 0)
        self._past: Candle | None = None
        self._hour_ago = 0

    def catch_up(self) -> None:
        """Count the trades since the last call. Between calls further apart than the tape reaches some are missed."""
        number = self._book.number
        if number == self._number:
            return
        self._number = number
        for print_ in self._book.trades(self.last_id):
            self._add(print_)

    def _add(self, print_: TradePrint) -> None:
        price = print_.price
        if self.prints:
            before = self.prints[-1][0].price
            if price != before:
                self.direction = "PlusTick" if price > before else "MinusTick"
            elif not self.direction.startswith("Zero"):
                self.direction = f"Zero{self.direction}"
        self.prints.append((print_, self.direction))
        self.last_id = print_.trade_id
        minute = print_.at // MINUTE
        if self.candles and self.candles[-1].minute == minute:
            self.candles[-1].add(price, print_.size)
        else:
            self.candles.append(Candle(minute, price, price, price, price, print_.size, price * print_.size))

    def after(self, trade_id: int) -> Sequence[tuple[TradePrint, str]]:
        """The kept prints above this id, oldest first."""
        newest: list[tuple[TradePrint, str]] = []
        for kept in reversed(self.prints):
            if kept[0].trade_id <= trade_id:
                break
            newest.append(kept)
        return newest[::-1]

    def day(self, at: Nanos) -> Day | None:
        """None before the first trade."""
        if not self.candles:
            return None
        newest, minute = self.candles[-1], at // MINUTE
        if self._past_until != (newest.minute, minute):
            self._past_until = (newest.minute, minute)
            self._look_back(minute)
        past, last = self._past, newest.close
        if newest.minute > minute - _DAY_OF_MINUTES:
            whole = msgspec.structs.replace(past or newest)
            if past:
                whole.join(newest)
            ago = self._hour_ago or newest.open
            return Day(whole.open, ago, whole.high, whole.low, last, whole.volume, whole.turnover)
        return Day(last, last, last, last, last, 0, 0)

    def _look_back(self, minute: int) -> None:
        """The candles of the 24 hours but the newest, as one; and the price an hour ago, or of the first since."""
        self._past, self._hour_ago = None, 0
        for candle in list(self.candles)[:-1]:
            if candle.minute <= minute - _DAY_OF_MINUTES:
                continue
            if candle.minute <= minute - 60 or not self._hour_ago:
                self._hour_ago = candle.open
            if self._past is None:
                self._past = msgspec.structs.replace(candle)
            else:
                self._past.join(candle)


class Listing:
    """An instrument with its book, in the venue's spelling and digits.

    Spot writes no trailing zeros (`83805`, `0.11934`), contracts as many places as `priceScale` and `qtyStep` have
    (`83769.90`, `3.380`): frames of stream.bybit.com of 2026-10, kept in public repositories (2026-11-21).
    """

    def __init__(self, book: SimulatedBook, desk: SimulatedDesk | None = None) -> None:
        self.book, self.desk = book, desk
        self.instrument: Instrument = book.instrument
        self.market = MARKETS[self.instrument.kind]
        self.is_spot = self.market is SPOT
        self.spelling = spelling_of(self.instrument.symbol)
        self.rules = self.instrument.rules or _NONE_STATED
        self.tally = Tally(book)
        self._grid = Grid(self.rules, 0 if self.is_spot else 2)
        self._amount = self.rules.tick * self.rules.step
        self._prices: dict[int, str] = {}
        self._sizes: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        """Of a price in ticks."""
        text = self._prices.get(ticks)
        if text is None:
            text = self._kept(self._prices, ticks, self._grid.price(ticks))
        return text

    def size(self, lots: int) -> str:
        """Of a size in lots; `0` where a level is gone, on all markets."""
        text = self._sizes.get(lots)
        if text is None:
            text = self._kept(self._sizes, lots, self._grid.size(lots) if lots else "0")
        return text

    def _kept(self, texts: dict[int, str], count: int, text: str) -> str:
        if self.is_spot and "." in text:
            text = text.rstrip("0").rstrip(".")
        if len(texts) >= _KEPT_TEXTS:
            texts.clear()
        texts[count] = text
        return text

    def levels(self, rows: Iterable[tuple[int, int]]) -> str:
        """The JSON array of these levels."""
        price, size = self.price, self.size
        return "[" + ",".join([f'["{price(ticks)}","{size(lots)}"]' for ticks, lots in rows]) + "]"

    def volume(self, lots: int) -> str:
        """Base amount of a sum of sizes."""
        return self._sum(lots * self.rules.step)

    def turnover(self, product: int) -> str:
        """Quote amount of a sum of ticks times lots."""
        return self._sum(product * self._amount)

    def _sum(self, amount: Decimal) -> str:
        return plain(amount) if self.is_spot else f"{amount:.4f}"

    def top(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Best bid and ask as (ticks, lots), None for an empty side."""
        bids, asks = self.book.levels(Side.BUY, 1), self.book.levels(Side.SELL, 1)
        return (bids[0] if bids else None, asks[0] if asks else None)

    def last(self) -> int:
        """Ticks of the last trade; before the first, of the best bid, or 0."""
        self.tally.catch_up()
        if self.tally.prints:
            return self.tally.prints[-1][0].price
        bid, _ = self.top()
        return bid[0] if bid else 0

    def trade_id(self, number: int) -> str:
        """A number of 19 digits on spot; elsewhere of the form of a version 5 UUID, as recorded."""
        if self.is_spot:
            return str(2_290_000_000_000_000_000 + number)
        digits = f"{(number * 0x9E3779B97F4A7C15) % 2**64:016x}{number:016x}"
        return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
