"""The candles of the simulated venue, as REST and the former stream tell them.

Enters: a book's tally, a width in minutes, times. Leaves: rows `[ms,open,high,low,close,volume]`, numbers as numbers.
Never: a row of the stream for a candle in which nothing traded since the last one.

Measured by others of `candles_1m` of the former stream: the first message has the rows of a day, the newest first
(2026-09-24); each one after it is the current candle alone, `{"changes":[[1785354000000,63719.06,63719.06,63719.06,
63719.06,0.0009]],"symbol":"BTCUSD","type":"candles_1m_updates"}` (2026-07-29). Not confirmed: that every trade brings
one, and whether a minute in which nothing trades has one.
"""

from collections.abc import Mapping

from cryptopipe.api import Nanos
from cryptopipe_gemini.sandbox_streams import Tape
from cryptopipe_gemini.sandbox_tally import MINUTE, Candle, Tally
from cryptopipe_gemini.sandbox_words import Words

MINUTES: Mapping[str, int] = {
    "1m": 1,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "1hr": 60,
    "6h": 360,
    "6hr": 360,
    "1d": 1440,
    "1day": 1440,
}
"""The page's list says `1h`, `6h`, `1d` and its text `1day`; older clients say `1hr`, `6hr`."""
CANDLES = "candles_"


def row(words: Words, candle: Candle) -> str:
    """`[1559755800000,7781.6,7820.23,7776.56,7819.39,34.7624802159]`"""
    prices = (candle.open, candle.high, candle.low, candle.close)
    texts = [*(words.short_price(price) for price in prices), words.short_size(candle.volume)]
    return f"[{candle.minute * 60_000},{','.join(texts)}]"


class Candles:
    """`candles_{width}` of one symbol, shared by all who listen."""

    def __init__(self, words: Words, tally: Tally, width: str) -> None:
        self.tape = Tape()
        self._words, self._tally, self._minutes = words, tally, MINUTES[width]
        self._type = f"{CANDLES}{width}_updates"
        self._number = words.book.number
        known = words.book.trades(0)
        self._traded = known[-1].trade_id if known else 0

    def step(self, at: Nanos) -> None:
        """Each candle in which something traded since the last step, the older first."""
        book = self._words.book
        if book.number == self._number:
            return
        self._number = book.number
        fresh = book.trades(self._traded)
        if not fresh:
            return
        self._traded = fresh[-1].trade_id
        changed = {one.at // MINUTE // self._minutes * self._minutes for one in fresh}
        for candle in reversed(self._tally.candles(self._minutes, at)):
            if candle.minute in changed:
                self.tape.put(self._message([candle]))

    def opening(self, at: Nanos) -> str:
        """What a new subscriber gets, after all that was not yet told."""
        self.step(at)
        return self._message(self._tally.candles(self._minutes, at))

    def _message(self, candles: list[Candle]) -> str:
        rows = ",".join([row(self._words, candle) for candle in candles])
        return f'{{"changes":[{rows}],"symbol":"{self._words.upper}","type":"{self._type}"}}'
