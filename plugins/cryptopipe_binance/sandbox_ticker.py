"""Binance's statistics in words: 24-hour tickers and candles, for streams and REST alike.

Enters: bars in ticks and lots, the book's top. Leaves: the venue's fields as values in its order. Never: a mean or a
percentage of nothing.

github.com/binance/binance-spot-api-docs web-socket-streams.md and rest-api.md (2026-07-21).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cryptopipe.api import Nanos, Side, SimulatedBook
from cryptopipe_binance.sandbox_tally import DAY, Aggregate, Bar, Tally, span_of
from cryptopipe_binance.sandbox_wire import Wire, millis

Fields = dict[str, Any]

_encode = msgspec.json.encode
_NOTHING = (0, 0)


class Told:
    """One instrument: its book, how it is written, what it traded."""

    def __init__(self, book: SimulatedBook, is_futures: bool) -> None:
        self.book = book
        self.instrument = book.instrument
        self.wire = Wire(book.instrument, is_futures)
        self.tally = Tally(book)

    def top(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Best bid and ask as (ticks, lots); zeros for an empty side."""
        bids, asks = self.book.levels(Side.BUY, 1), self.book.levels(Side.SELL, 1)
        return (bids[0] if bids else _NOTHING), (asks[0] if asks else _NOTHING)

    def day(self, at: Nanos) -> Bar | None:
        """The 24 hours until `at`; None before the first trade."""
        self.tally.absorb(at)
        return self.tally.day(at)


def aggregate(told: Told, one: Aggregate) -> Fields:
    """`{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}`."""
    wire = told.wire
    fields: Fields = {
        "a": one.aggregate_id, "p": wire.price(one.price), "q": wire.size(one.size), "f": one.first, "l": one.last,
        "T": millis(one.at), "m": one.side is Side.SELL,
    }  # fmt: skip
    return fields if wire.is_futures else fields | {"M": True}


def aggregate_event(told: Told, one: Aggregate, at: Nanos) -> str:
    """The `aggTrade` event; futures name the symbol after the id (recorded 2021-07-22)."""
    fields = aggregate(told, one)
    identity = {"a": fields.pop("a")}
    head: Fields = {"e": "aggTrade", "E": millis(at)}
    name = {"s": told.wire.symbol}
    order = identity | name if told.wire.is_futures else name | identity
    return _encode(head | order | fields).decode()


def mini_event(told: Told, at: Nanos) -> Fields | None:
    """`{"e":"24hrMiniTicker","E":…,"s":"BNBBTC","c":"0.0025","o":"0.0010","h":…,"l":…,"v":"10000","q":"18"}`."""
    day = told.day(at)
    if day is None:
        return None
    wire = told.wire
    return {
        "e": "24hrMiniTicker", "E": millis(at), "s": wire.symbol, "c": wire.price(day.close), "o": wire.price(day.open),
        "h": wire.price(day.high), "l": wire.price(day.low), "v": wire.size(day.volume),
        "q": wire.turnover.text(day.turnover),
    }  # fmt: skip


def ticker(told: Told, at: Nanos) -> Fields:
    """An answer of `ticker/24hr`: futures tell no top and no price before the window; zeros before the first trade."""
    day = told.day(at) or Bar(millis(at), 0, 0, 0, 0)
    wire, (bid, ask) = told.wire, told.top()
    price, size = wire.price, wire.size
    last_size = told.tally.trades[-1].size if told.tally.trades else 0
    fields: Fields = {
        "symbol": wire.symbol, "priceChange": wire.change.text(day.close - day.open),
        "priceChangePercent": _percent(day.close - day.open, day.open), "weightedAvgPrice": _mean(wire, day),
        "prevClosePrice": price(day.open), "lastPrice": price(day.close), "lastQty": size(last_size),
        "bidPrice": price(bid[0]), "bidQty": size(bid[1]), "askPrice": price(ask[0]), "askQty": size(ask[1]),
        "openPrice": price(day.open), "highPrice": price(day.high), "lowPrice": price(day.low),
        "volume": size(day.volume), "quoteVolume": wire.turnover.text(day.turnover), "openTime": millis(at) - DAY,
        "closeTime": millis(at), "firstId": day.first, "lastId": day.last, "count": day.count,
    }  # fmt: skip
    if wire.is_futures:
        for key in ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty"):
            del fields[key]
    return fields


_TICKER_KEYS = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice", "c": "lastPrice",
    "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "o": "openPrice",
    "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime",
    "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip


def ticker_event(told: Told, at: Nanos) -> Fields | None:
    """The `24hrTicker` event: the same as the answer, in letters."""
    if told.day(at) is None:
        return None
    fields = ticker(told, at)
    head: Fields = {"e": "24hrTicker", "E": millis(at), "s": told.wire.symbol}
    return head | {short: fields[long] for short, long in _TICKER_KEYS.items() if long in fields}


def candle(told: Told, interval: str, bar: Bar) -> list[Any]:
    """One row of `klines`: open time, open, high, low, close, volume, close time, turnover, count, the takers' volume
    and turnover, and a zero to ignore."""
    wire = told.wire
    price, size, turnover = wire.price, wire.size, wire.turnover.text
    return [
        bar.open_at, price(bar.open), price(bar.high), price(bar.low), price(bar.close), size(bar.volume),
        span_of(interval, bar.open_at)[1], turnover(bar.turnover), bar.count, size(bar.taker_volume),
        turnover(bar.taker_turnover), "0",
    ]  # fmt: skip


def candle_event(told: Told, interval: str, bar: Bar, at: Nanos) -> Fields:
    """The `kline` event of one candle, `x` once it is over."""
    row = candle(told, interval, bar)
    inner: Fields = {
        "t": row[0], "T": row[6], "s": told.wire.symbol, "i": interval, "f": bar.first, "L": bar.last, "o": row[1],
        "c": row[4], "h": row[2], "l": row[3], "v": row[5], "n": bar.count, "x": row[6] < millis(at), "q": row[7],
        "V": row[9], "Q": row[10], "B": "0",
    }  # fmt: skip
    return {"e": "kline", "E": millis(at), "s": told.wire.symbol, "k": inner}


class Candles:
    """The running candle where it changed, and each once more when it is over."""

    def __init__(self, told: Told, interval: str) -> None:
        self._told, self._interval = told, interval
        self._since = 0
        self._last: Bar | None = None

    def start(self, at: Nanos) -> None:
        self._since, self._last = span_of(self._interval, millis(at))[0], None

    def make(self, at: Nanos) -> list[str]:
        tally = self._told.tally
        tally.absorb(at)
        bars = [bar for bar in tally.bars(self._interval) if bar.open_at >= self._since]
        if not bars or bars == [self._last]:
            return []
        self._last, self._since = bars[-1], bars[-1].open_at
        return [_encode(candle_event(self._told, self._interval, bar, at)).decode() for bar in bars]


class Statistics:
    """A ticker, where something was traded since the last one."""

    def __init__(self, told: Told, make: Callable[[Told, Nanos], Fields | None]) -> None:
        self._told, self._make = told, make
        self._last: Fields | None = None

    def start(self, at: Nanos) -> None:
        self._last = None

    def make(self, at: Nanos) -> list[str]:
        fields = self._make(self._told, at)
        if fields is None or (self._last is not None and _same(fields, self._last)):
            return []
        self._last = fields
        return [_encode(fields).decode()]


def _same(one: Fields, other: Fields) -> bool:
    """But for the event time and the ends of the window, which move on their own."""
    moving = ("E", "O", "C")
    return all(one[key] == other[key] for key in one if key not in moving)


def _percent(change: int, of: int) -> str:
    thousandths = abs(change) * 100_000 // of if of else 0
    return f"{'-' if change < 0 else ''}{thousandths // 1000}.{thousandths % 1000:03d}"


def _mean(wire: Wire, day: Bar) -> str:
    return wire.change.text(day.turnover, day.volume) if day.volume else wire.price(day.close)
