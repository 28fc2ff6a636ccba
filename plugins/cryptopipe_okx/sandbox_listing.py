"""One instrument as the simulated venue lists it: its digits, and what has been traded.

Enters: a book of the engine. Leaves: numbers in the venue's digits, prints as the venue gathers them, the figures of a
day. Never: a trade that was not printed; before the first there are no figures.

Numbers have no trailing zeros (`30236`, `0.0002`): recorded 2022-05-13, and in every frame since.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cryptopipe.api import Grid, Instrument, Kind, Nanos, Side, SimulatedBook, TradePrint, TradingRules, plain
from cryptopipe_okx.market import MILLISECOND

MINUTE = 60_000 * MILLISECOND
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
"""How the venue writes a taker's side."""
INST_TYPES = {Kind.SPOT: "SPOT", Kind.LINEAR_PERPETUAL: "SWAP", Kind.INVERSE_PERPETUAL: "SWAP"}
_DAY = 24 * 60
_HOURS_AHEAD = 8 * 60  # of UTC+8, whose day the venue counts too
_KEPT_PRINTS = 500  # the most that REST tells
_KEPT_TEXTS = 20_000
_NONE_STATED = TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(0))


class Print(msgspec.Struct, gc=False):
    """The matches of one taker at one price, in ticks and lots: "The system will send only one message per taker order,
    filled price", with the id of the last match and their count."""

    trade_id: int
    number: int
    at: Nanos
    side: Side
    price: int
    size: int
    count: int

    def joins(self, print_: TradePrint) -> bool:
        """Whether this match is one more of the same."""
        return (self.at, self.side, self.price) == (print_.at, print_.side, print_.price)


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
    """The last 24 hours: prices in ticks, volume in lots, turnover in their product; and the day's openings."""

    last: int
    last_size: int
    open: int
    high: int
    low: int
    volume: int
    turnover: int
    since_utc0: int
    since_utc8: int


class Tally:
    """Reads a book's trades, once, and counts them."""

    def __init__(self, book: SimulatedBook) -> None:
        self._book = book
        self._number = -1
        self._last_id = 0
        self.count = 0
        """Prints so far; the kept ones are the newest of them."""
        self.prints: deque[Print] = deque(maxlen=_KEPT_PRINTS)
        self.candles: deque[Candle] = deque(maxlen=_DAY + 1)

    def catch_up(self) -> None:
        """Count the trades since the last call. Between calls further apart than the tape reaches some are missed."""
        if self._book.number == self._number:
            return
        self._number = self._book.number
        newest: Print | None = None
        for told in self._book.trades(self._last_id):
            self._candle(told)
            if newest is not None and newest.joins(told):
                newest.trade_id, newest.number = told.trade_id, told.number
                newest.size += told.size
                newest.count += 1
                continue
            newest = Print(told.trade_id, told.number, told.at, told.side, told.price, told.size, 1)
            self.prints.append(newest)
            self.count += 1
        if newest is not None:
            self._last_id = newest.trade_id

    def _candle(self, told: TradePrint) -> None:
        minute, price = told.at // MINUTE, told.price
        if self.candles and self.candles[-1].minute == minute:
            self.candles[-1].add(price, told.size)
        else:
            self.candles.append(Candle(minute, price, price, price, price, told.size, price * told.size))

    def since(self, count: int) -> Sequence[Print]:
        """The kept prints after so many, oldest first."""
        missing = min(self.count - count, len(self.prints))
        return list(self.prints)[len(self.prints) - missing :]

    def day(self, at: Nanos) -> Day | None:
        """None before the first trade. What is older than a day counts only as the last price."""
        if not self.prints:
            return None
        now, last = at // MINUTE, self.prints[-1]
        inside = [one for one in self.candles if one.minute > now - _DAY]
        price = last.price
        if not inside:
            return Day(price, last.size, price, price, price, 0, 0, price, price)
        return Day(
            last=price,
            last_size=last.size,
            open=inside[0].open,
            high=max(one.high for one in inside),
            low=min(one.low for one in inside),
            volume=sum(one.volume for one in inside),
            turnover=sum(one.turnover for one in inside),
            since_utc0=_opening(inside, now // _DAY * _DAY),
            since_utc8=_opening(inside, (now + _HOURS_AHEAD) // _DAY * _DAY - _HOURS_AHEAD),
        )


def _opening(candles: Sequence[Candle], minute: int) -> int:
    return next((one.open for one in candles if one.minute >= minute), candles[-1].close)


class Listing:
    """An instrument with its book, in the venue's digits."""

    def __init__(self, book: SimulatedBook) -> None:
        self.book = book
        self.instrument: Instrument = book.instrument
        self.symbol = self.instrument.symbol
        self.inst_type = INST_TYPES[self.instrument.kind]
        self.rules = self.instrument.rules or _NONE_STATED
        self.tally = Tally(book)
        self._grid = Grid(self.rules)
        self._prices: dict[int, str] = {}
        self._sizes: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        """Of a price in ticks."""
        return self._prices.get(ticks) or _kept(self._prices, ticks, self._grid.price(ticks))

    def size(self, lots: int) -> str:
        """Of a size in lots."""
        return self._sizes.get(lots) or _kept(self._sizes, lots, self._grid.size(lots))

    def levels(self, rows: Iterable[tuple[int, int]]) -> str:
        """The JSON array of these levels. The engine does not tell how many orders a level has: 1 stands for them, and
        0 where the level is gone, as recorded."""
        price, size = self.price, self.size
        return "[" + ",".join([f'["{price(p)}","{size(s)}","0","{1 if s else 0}"]' for p, s in rows]) + "]"

    def volume(self, lots: int) -> str:
        """Of a sum of sizes: the base amount, or contracts."""
        return plain(lots * self.rules.step)

    def turnover(self, product: int) -> str:
        """Of a sum of ticks times lots: the quote amount of a pair; "the number of base currency" of a swap is not
        modelled but for linear ones, whose size gives it."""
        return plain(product * self.rules.tick * self.rules.step)

    def top(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Best bid and ask as (ticks, lots), None for an empty side."""
        bids, asks = self.book.levels(Side.BUY, 1), self.book.levels(Side.SELL, 1)
        return (bids[0] if bids else None, asks[0] if asks else None)


def _kept(texts: dict[int, str], count: int, text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(texts) >= _KEPT_TEXTS:
        texts.clear()
    texts[count] = text
    return text


def ticker(listing: Listing, at: Nanos) -> dict[str, str]:
    """As `tickers` and `market/ticker` tell it; empty where there is no such price."""
    listing.tally.catch_up()
    (bid, ask), price, size = listing.top(), listing.price, listing.size
    day = listing.tally.day(at)
    turnover = "0"
    if day:
        linear = listing.instrument.kind is not Kind.SPOT
        contracts = day.volume * listing.rules.step * listing.instrument.contract_size
        turnover = plain(contracts) if linear else listing.turnover(day.turnover)
    return {
        "instType": listing.inst_type,
        "instId": listing.symbol,
        "last": price(day.last) if day else "",
        "lastSz": size(day.last_size) if day else "0",
        "askPx": price(ask[0]) if ask else "",
        "askSz": size(ask[1]) if ask else "",
        "bidPx": price(bid[0]) if bid else "",
        "bidSz": size(bid[1]) if bid else "",
        "open24h": price(day.open) if day else "",
        "high24h": price(day.high) if day else "",
        "low24h": price(day.low) if day else "",
        "sodUtc0": price(day.since_utc0) if day else "",
        "sodUtc8": price(day.since_utc8) if day else "",
        "volCcy24h": turnover,
        "vol24h": listing.volume(day.volume) if day else "0",
        "ts": str(at // MILLISECOND),
    }


def print_row(listing: Listing, told: Print) -> dict[str, object]:
    """As `trades` and `market/trades` tell it."""
    return {
        "instId": listing.symbol,
        "tradeId": str(told.trade_id),
        "px": listing.price(told.price),
        "sz": listing.size(told.size),
        "side": SIDES[told.side],
        "ts": str(told.at // MILLISECOND),
        "count": str(told.count),
        "source": "0",
        "seqId": told.number,
    }
