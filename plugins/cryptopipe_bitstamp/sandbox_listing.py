"""One instrument as the simulated venue lists it: its spelling, its digits, and what has been traded.

Enters: a book of the engine. Leaves: numbers in the venue's digits, the figures of a day. Never: a trade that was not
printed; before the first there are no figures.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from cryptopipe.api import Grid, Instrument, Kind, Nanos, Side, SimulatedBook, TradePrint, plain

MICROSECOND: Nanos = 1_000
SECOND: Nanos = 1_000_000_000
FIRST_ORDER = 2_050_000_000_000_000
"""Ids of orders have sixteen digits (captured 2026-09-15)."""
FIRST_TRADE = 619_000_000
"""Ids of spot trades have nine (captured 2026-08)."""
DAY = 24 * 3600 * SECOND
_KEPT_PRINTS = 4096
_KEPT_TEXTS = 20_000


class Figures(msgspec.Struct, frozen=True):
    """Of the kept trades of the last 24 hours: prices in ticks, volume in lots, turnover in their product."""

    first: int
    high: int
    low: int
    last: int
    volume: int
    turnover: int
    side: Side


class Listing:
    """An instrument with its book. Raises `ValueError` if nobody stated its grid."""

    def __init__(self, book: SimulatedBook) -> None:
        self.book = book
        self.instrument: Instrument = book.instrument
        if self.instrument.rules is None:
            raise ValueError(f"{self.instrument.id} has no rules to be simulated by")
        self.rules = self.instrument.rules
        self.symbol = self.instrument.symbol
        self.is_spot = self.instrument.kind is Kind.SPOT
        self.name = f"{self.instrument.base}/{self.instrument.quote}{'' if self.is_spot else '-PERP'}"
        self.prints: deque[TradePrint] = deque(maxlen=_KEPT_PRINTS)
        self._grid = Grid(self.rules)
        self._amount = self.rules.tick * self.rules.step
        self._prices: dict[int, str] = {}
        self._sizes: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        """As many decimals as `counter_decimals`: `3802.90`."""
        text = self._prices.get(ticks)
        return text if text is not None else _kept(self._prices, ticks, self._grid.price(ticks))

    def size(self, lots: int) -> str:
        """As many decimals as `base_decimals`, also of zero: `0.00000000`."""
        text = self._sizes.get(lots)
        return text if text is not None else _kept(self._sizes, lots, self._grid.size(lots))

    def levels(self, rows: Iterable[tuple[int, int]]) -> str:
        """The JSON array of these levels, without spaces."""
        price, size = self.price, self.size
        return "[" + ",".join([f'["{price(ticks)}","{size(lots)}"]' for ticks, lots in rows]) + "]"

    def orders(self, side: Side, count: int) -> str:
        """The JSON array of the first orders: price, amount, id."""
        price, size = self.price, self.size
        rows = self.book.orders(side)[:count]
        return "[" + ",".join([f'["{price(o.price)}","{size(o.size)}","{order_id(o.order_id)}"]' for o in rows]) + "]"

    def volume(self, lots: int) -> str:
        """A sum of sizes."""
        return self._grid.size(lots)

    def average(self, turnover: int, volume: int) -> str:
        """A price cut to the tick."""
        return self.price(turnover // volume)

    def decimals(self) -> tuple[int, int]:
        """Of base and of counter."""
        step, tick = (plain(one).partition(".")[2] for one in (self.rules.step, self.rules.tick))
        return len(step), len(tick)

    def catch_up(self) -> None:
        """Take in the trades since the last call."""
        self.prints.extend(self.book.trades(self.prints[-1].trade_id if self.prints else 0))

    def figures(self, at: Nanos, span: Nanos = DAY) -> Figures | None:
        """Of the last `span`; None where nothing traded in it."""
        self.catch_up()
        day = [one for one in self.prints if one.at > at - span]
        if not day:
            return None
        prices = [one.price for one in day]
        return Figures(
            first=prices[0],
            high=max(prices),
            low=min(prices),
            last=prices[-1],
            volume=sum(one.size for one in day),
            turnover=sum(one.size * one.price for one in day),
            side=day[-1].side,
        )


def _kept(texts: dict[int, str], count: int, text: str) -> str:
    if len(texts) >= _KEPT_TEXTS:
        texts.clear()
    texts[count] = text
    return text


def order_id(number: int) -> int:
    """The venue's id of an order of the engine."""
    return FIRST_ORDER + number


def trade_id(number: int) -> int:
    """The venue's id of a trade of the engine."""
    return FIRST_TRADE + number
