"""One simulated pair as Bitfinex shows it: its windows, its last trades, the sums of its ticker.

Enters: the engine's book and its prints. Leaves: payloads that every subscriber gets alike. Never: a trade from before
the sandbox began, or a number for a trade that has not been: before the first one the sums are zero.
"""

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from cryptopipe.api import Nanos, Side, SimulatedBook, TradePrint, TradingRules
from cryptopipe_bitfinex.sandbox_book import PRECISIONS, SLOW, Window
from cryptopipe_bitfinex.sandbox_live import LiveLevels, LiveOrders
from cryptopipe_bitfinex.sandbox_text import MS, SECOND, Digits, script

KEPT = 10_000
"""The most trades that one answer holds (reference/rest-public-trades, a stored copy read 2026-11-21)."""
FIRST_TRADE = 1_700_000_000
SHOWN = 30
"""Trades in the snapshot of the channel (recorded 2021-04-17)."""
_MINUTE: Nanos = 60 * SECOND
_DAY = 24 * 60
FRAMES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "3h": 180, "6h": 360, "12h": 720, "1D": _DAY}
"""Minutes of a candle (reference/ws-public-candles, as ccxt 4.5.90 quotes it; longer ones than a day are not here)."""


class _Candle(NamedTuple):
    minute: int
    first: int
    high: int
    low: int
    last: int
    lots: int


class Desk:
    """What is known of one pair. Raises `ValueError` without trading rules."""

    def __init__(self, book: SimulatedBook) -> None:
        if book.instrument.rules is None:
            raise ValueError(f"a simulated market needs trading rules: {book.instrument.id}")
        self.book, self.symbol = book, book.instrument.symbol
        self.rules: TradingRules = book.instrument.rules
        self.digits = Digits(self.rules)
        self.trades: deque[TradePrint] = deque(maxlen=KEPT)
        self.traded = 0
        self._windows: dict[tuple[str, int, str], Window] = {}
        self._candles: deque[_Candle] = deque(maxlen=_DAY)

    def window(self, precision: str, length: int, frequency: str) -> Window:
        """One for all subscribers who ask alike."""
        key = precision, length, frequency
        if key not in self._windows:
            if frequency == "F1":
                self._windows[key] = Window(self.book, self.digits, PRECISIONS[precision], length, SLOW)
            else:
                live = LiveLevels if precision == "P0" else LiveOrders
                self._windows[key] = live(self.book, self.digits, length)
        return self._windows[key]

    def advance(self) -> None:
        """Take in the engine's new prints."""
        for one in self.book.trades(self.traded):
            self.traded = one.trade_id
            self.trades.append(one)
            minute, candles = one.at // _MINUTE, self._candles
            if not candles or candles[-1].minute < minute:
                candles.append(_Candle(minute, one.price, one.price, one.price, one.price, 0))
            _, first, high, low, _, lots = candles[-1]
            candles[-1] = _Candle(minute, first, max(high, one.price), min(low, one.price), one.price, lots + one.size)

    def trade(self, one: TradePrint) -> str:
        """`[669899159,1618665870435,166.391496,0.076989]`: a sale's amount is negative."""
        amount = self.digits.amount(one.size, one.side is Side.SELL)
        return f"[{FIRST_TRADE + one.trade_id},{one.at // MS},{amount},{self.digits.price(one.price)}]"

    def newest(self, count: int) -> list[TradePrint]:
        """The last trades, newest first."""
        return list(self.trades)[: -count - 1 : -1] if count else []

    def candles(self, minutes: int, count: int) -> list[str]:
        """`[1654705860000,1802.6,1800.3,1802.8,1800.3,86.49588236]`: begin, first, last, high, low, volume; the newest
        first, and none for a span without a trade. They reach back a day."""
        merged: dict[int, _Candle] = {}
        for one in self._candles:
            start = one.minute - one.minute % minutes
            old = merged.get(start, one)
            lots = one.lots + (old.lots if start in merged else 0)
            merged[start] = _Candle(start, old.first, max(old.high, one.high), min(old.low, one.low), one.last, lots)
        price, size = self.digits.price, self.digits.size
        return [
            f"[{one.minute * 60_000},{price(one.first)},{price(one.last)},{price(one.high)},{price(one.low)},"
            f"{size(one.lots)}]"
            for one in list(merged.values())[: -count - 1 : -1]
        ]

    def ticker(self, at: Nanos) -> str:
        """Best bid and the sum of 25, best ask and its sum, change of 24 hours and its share, last, volume, high, low
        (reference/ws-public-ticker, a stored copy read 2026-11-21)."""
        sides = [self.book.levels(side, 25) for side in Side]
        tops = [
            text
            for side in sides
            for text in (
                self.digits.price(side[0][0]) if side else "null",
                self.digits.size(sum(size for _, size in side)),
            )
        ]
        day = [one for one in self._candles if one.minute > at // _MINUTE - _DAY]
        if not day:
            return f"[{','.join(tops)},0,0,0,0,0,0]"
        first, last = day[0].first, self.trades[-1].price
        share = script((Decimal(last - first) / first).quantize(Decimal("0.00000001")))
        price = self.digits.price
        change = f"-{price(first - last)}" if last < first else price(last - first)
        lots = self.digits.size(sum(one.lots for one in day))
        high, low = max(one.high for one in day), min(one.low for one in day)
        return f"[{','.join(tops)},{change},{share},{price(last)},{lots},{price(high)},{price(low)}]"
