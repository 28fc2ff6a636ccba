"""The candles of the simulated venue, as `candle…` of its business stream and `market/candles` tell them.

Enters: a listing's minutes with trades. Leaves: rows `[ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm]`. Never: a gap: "when
there is no transaction, the opening high and closing low default take the closing price of the previous cycle".

www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks and …-ws-candlesticks-channel (copies of
2026-01-15, read 2026-11-21). Weeks, months and seconds are not modelled.
"""

from collections.abc import Mapping

import msgspec

from cryptopipe.api import Kind, Nanos, plain
from cryptopipe_okx.market import MILLISECOND
from cryptopipe_okx.sandbox_listing import MINUTE, Candle, Listing
from cryptopipe_okx.sandbox_topics import Frames

_BARS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240}
_DAYS = {"6H": 360, "12H": 720, "1D": 1440}
_AHEAD = 480
BARS: Mapping[str, tuple[int, int]] = {
    **{bar: (minutes, 0) for bar, minutes in _BARS.items()},
    **{bar: (minutes, _AHEAD) for bar, minutes in _DAYS.items()},
    **{f"{bar}utc": (minutes, 0) for bar, minutes in _DAYS.items()},
}
"""Minutes of a bar, and by how many its day begins before UTC's: "UTC+8 opening price k-line: [6H/12H/1D/…]"."""
_SECOND: Nanos = 1000 * MILLISECOND


def candles(listing: Listing, bar: str, at: Nanos) -> dict[int, Candle]:
    """By the minute in which they begin, oldest first, the current one last; none before the first trade."""
    listing.tally.catch_up()
    minutes, ahead = BARS[bar]
    found: dict[int, Candle] = {}
    for one in listing.tally.candles:
        begin = (one.minute + ahead) // minutes * minutes - ahead
        if begin in found:
            found[begin].join(one)
        else:
            found[begin] = msgspec.structs.replace(one, minute=begin)
    whole: dict[int, Candle] = {}
    begin, close = next(iter(found), 0), 0
    while found and begin <= at // MINUTE:
        whole[begin] = candle = found.get(begin) or Candle(begin, close, close, close, close, 0, 0)
        begin, close = begin + minutes, candle.close
    return whole


def row(listing: Listing, bar: str, candle: Candle, at: Nanos) -> list[str]:
    """Of a pair `volCcy` is in quote, of a swap in base."""
    prices = [listing.price(ticks) for ticks in (candle.open, candle.high, candle.low, candle.close)]
    turnover = listing.turnover(candle.turnover)
    is_spot = listing.instrument.kind is Kind.SPOT
    base = plain(candle.volume * listing.rules.step * listing.instrument.contract_size)
    is_closed = (candle.minute + BARS[bar][0]) * MINUTE <= at
    opened = str(candle.minute * MINUTE // MILLISECOND)
    return [
        opened,
        *prices,
        listing.volume(candle.volume),
        turnover if is_spot else base,
        turnover,
        str(int(is_closed)),
    ]


class CandleTopic(Frames):
    """`candle1m` and so on: at most once a second while the candle changes, and once more when it is closed."""

    def __init__(self, listing: Listing, bar: str) -> None:
        super().__init__()
        self._listing, self._bar = listing, bar
        self._second = -1
        self._told: list[str] = []
        self._head = f'{{"arg":{{"channel":"candle{bar}","instId":"{listing.symbol}"}},"data":['

    def advance(self, at: Nanos) -> None:
        """As `Topic.advance`."""
        second = at // _SECOND
        if second == self._second:
            return
        self._second = second
        since = int(self._told[0]) * MILLISECOND // MINUTE if self._told else -1
        for begin, candle in candles(self._listing, self._bar, at).items():
            told = row(self._listing, self._bar, candle, at)
            if begin >= since and told != self._told:
                self._told = told
                self.write(self._frame(told))

    def first(self, at: Nanos) -> str | None:
        """As `Topic.first`."""
        return self._frame(self._told) if self._told else None

    def _frame(self, told: list[str]) -> str:
        return f"{self._head}{msgspec.json.encode(told).decode()}]}}"
