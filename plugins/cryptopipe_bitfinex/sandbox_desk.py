"""One simulated pair as Bitfinex shows it: its windows, its last trades, the sums of its ticker.

Enters: the engine's book and its prints. Leaves: payloads that every subscriber gets alike. Never: a trade from before
the sandbox began, or a number for a trade that has not been: before the first one the sums are zero.
"""

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from cryptopipe.api import Nanos, Side, SimulatedBook, TradePrint, TradingRules
from cryptopipe_bitfinex.sandbox_book import PRECISIONS, SLOW, Window
from cryptopipe_bitfinex.sandbox_text import MS, SECOND, Digits, script

KEPT = 10_000
"""The most trades that one answer holds (reference/rest-public-trades, a stored copy read 2026-11-21)."""
FIRST_TRADE = 1_700_000_000
SHOWN = 30
"""Trades in the snapshot of the channel (recorded 2021-04-17)."""
_MINUTE: Nanos = 60 * SECOND
_DAY = 24 * 60


class _Candle(NamedTuple):
    minute: int
    first: int
    high: int
    low: int
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
            every = SLOW if frequency == "F1" else 0
            self._windows[key] = Window(self.book, self.digits, PRECISIONS[precision], length, every)
        return self._windows[key]

    def advance(self) -> None:
        """Take in the engine's new prints."""
        for one in self.book.trades(self.traded):
            self.traded = one.trade_id
            self.trades.append(one)
            minute, candles = one.at // _MINUTE, self._candles
            if not candles or candles[-1].minute < minute:
                candles.append(_Candle(minute, one.price, one.price, one.price, 0))
            _, first, high, low, lots = candles[-1]
            candles[-1] = _Candle(minute, first, max(high, one.price), min(low, one.price), lots + one.size)

    def trade(self, one: TradePrint) -> str:
        """`[669899159,1618665870435,166.391496,0.076989]`: a sale's amount is negative."""
        amount = self.digits.amount(one.size, one.side is Side.SELL)
        return f"[{FIRST_TRADE + one.trade_id},{one.at // MS},{amount},{self.digits.price(one.price)}]"

    def newest(self, count: int) -> list[TradePrint]:
        """The last trades, newest first."""
        return list(self.trades)[: -count - 1 : -1] if count else []

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
