"""Candles from trades, by the time of the trades.

Enters: new trades, the stamps of inputs. Leaves: a row for each interval, also for one without trades. Never: a candle
written before its interval is over, or twice.

An interval is over `GRACE` after its end, by the stamps of inputs; a trade that comes later than that is in no candle.
"""

from decimal import Decimal

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.collect.plan import Carried
from cryptopipe.collect.rowfiles import RowFiles, milliseconds
from cryptopipe.model.events import Trade
from cryptopipe.model.money import exact, plain

GRACE = 5 * SECOND


class _Candle:
    __slots__ = ("close", "count", "high", "low", "open", "volume")

    def __init__(self, price: Decimal) -> None:
        self.open = self.high = self.low = self.close = price
        self.volume, self.count = Decimal(0), 0


class Candles:
    """The candles of one symbol and interval."""

    def __init__(self, symbol: str, interval_ms: int, files: RowFiles, carried: Carried) -> None:
        self.symbol, self.files = symbol, files
        self._interval = interval_ms
        self._next: int | None = carried.bucket
        """The interval that is written next, as a multiple; None before the first input."""
        self._open: dict[int, _Candle] = {}
        for one in carried.candle:
            self._restore(one)
        self.due: Nanos = 0 if self._next is None else self._due()

    def take(self, trade: Trade) -> None:
        """A new trade."""
        bucket = milliseconds(trade.matched_at) // self._interval
        if self._next is None or bucket < self._next:
            return
        with exact():
            price = Decimal(trade.price)
            candle = self._open.get(bucket)
            if candle is None:
                candle = self._open[bucket] = _Candle(price)
            if price > candle.high:
                candle.high = price
            elif price < candle.low:
                candle.low = price
            candle.close = price
            candle.volume += Decimal(trade.size)
            candle.count += 1

    def pass_time(self, at: Nanos, seq: int) -> None:
        """Write what is over at a stamp. The first one says where the candles begin."""
        if self._next is None:
            self._next = milliseconds(at) // self._interval
            self.due = self._due()
        while at >= self.due:
            self._write(at, seq, self._next)
            self._next += 1
            self.due = self._due()

    def skip_to(self, at: Nanos, seq: int) -> None:
        """Nobody collected until `at`: write what was open, and no row for intervals of which nothing is known."""
        for bucket in sorted(self._open):
            if self._next is not None and self._end(bucket) + GRACE <= at:
                self._write(at, seq, bucket)
        if self._next is not None and at >= self.due:
            self._next = max(self._next, milliseconds(at - GRACE) // self._interval)
            self.due = self._due()

    def carry(self, carried: Carried) -> None:
        """The open candles go on in the next session."""
        carried.bucket = self._next
        carried.candle = [
            f"{bucket} {c.open} {c.high} {c.low} {c.close} {c.volume} {c.count}" for bucket, c in self._open.items()
        ]

    def _restore(self, text: str) -> None:
        bucket, *prices, volume, count = text.split(" ")
        candle = self._open[int(bucket)] = _Candle(Decimal(prices[0]))
        candle.open, candle.high, candle.low, candle.close = (Decimal(one) for one in prices)
        candle.volume, candle.count = Decimal(volume), int(count)

    def _end(self, bucket: int) -> Nanos:
        return (bucket + 1) * self._interval * MILLISECOND

    def _due(self) -> Nanos:
        assert self._next is not None, "no input yet"
        return self._end(self._next) + GRACE

    def _write(self, at: Nanos, seq: int, bucket: int) -> None:
        candle, start = self._open.pop(bucket, None), bucket * self._interval
        if candle is None:
            text = f"{start},{self.symbol},,,,,0,0\n"
        else:
            prices = ",".join(plain(one) for one in (candle.open, candle.high, candle.low, candle.close))
            text = f"{start},{self.symbol},{prices},{plain(candle.volume)},{candle.count}\n"
        self.files.add(at, seq, start, text)
