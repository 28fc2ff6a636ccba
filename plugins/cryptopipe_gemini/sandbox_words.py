"""One simulated instrument in Gemini's words: ticks and lots as its streams and its REST side write them.

Enters: whole ticks and lots with their times. Leaves: JSON texts with the venue's keys, in its order. Never: state, or
a number that is not the engine's.

Measured by others on the venue, 2026-08-28: today's streams write btcusd as `77845.79000` and `0.0457361300`, which is
three places beyond the tick and two beyond the step. REST and the former stream write what is needed, prices in money
with at least two places (recorded 2019 and 2021: `1525.00`, `0.76`, `14300`).
"""

from collections.abc import Iterable

from cryptopipe.api import Grid, Nanos, Side, SimulatedBook, TradePrint, TradingRules

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND

FIRST_ID = 1_764_527_605_000_000
STEP_OF_IDS = 3
"""Ids of a symbol skip, and have 16 digits: one range counts the events of all symbols."""
FIRST_TRADE = 2_840_140_800_000_000

_MONEY = ("USD", "EUR", "GBP", "SGD", "GUSD")
_LEAST_PLACES = 2

Level = tuple[int, int]


def event_id(number: int) -> int:
    """Of the book's change of this number."""
    return FIRST_ID + STEP_OF_IDS * number


def trade_id(number: int) -> int:
    """Of the engine's trade of this id."""
    return FIRST_TRADE + number


class Words:
    """How one instrument is written. Raises `ValueError` if nobody stated its grid."""

    def __init__(self, book: SimulatedBook) -> None:
        instrument = book.instrument
        if instrument.rules is None:
            raise ValueError(f"{instrument.id} has no grid: it cannot be simulated")
        self.book, self.rules = book, instrument.rules
        self.symbol, self.upper = instrument.symbol, instrument.symbol.upper()
        self.base, self.quote = (asset.partition("@")[0] for asset in (instrument.base, instrument.quote))
        places = _places(self.rules)
        padded = Grid(self.rules, places[0] + 3, places[1] + 2)
        self.price, self.size = padded.price, padded.size
        self._exact = Grid(self.rules)
        self._least = _LEAST_PLACES if self.quote in _MONEY else 0

    def short_price(self, ticks: int) -> str:
        """As REST and the former stream write it."""
        return _short(self._exact.price(ticks), self._least)

    def least_price(self, ticks: int) -> str:
        """As the stream of v1 writes it: `83948.7`."""
        return _short(self._exact.price(ticks), 0)

    def short_size(self, lots: int) -> str:
        """As REST and the former stream write it."""
        return _short(self._exact.size(lots), 0)

    def levels(self, levels: Iterable[Level]) -> str:
        """`[["45000.50000","1.2500000000"]]`, in the order given."""
        price, size = self.price, self.size
        return "[" + ",".join([f'["{price(p)}","{size(s)}"]' for p, s in levels]) + "]"

    def depth(self, at: Nanos, first: int, last: int, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        """`{"e":"depthUpdate","E":1751508260659505382,"s":"btcusd","U":12345677,"u":12345678,"b":[…],"a":[…]}`"""
        return (
            f'{{"e":"depthUpdate","E":{at},"s":"{self.symbol}","U":{first},"u":{last},'
            f'"b":{self.levels(bids)},"a":{self.levels(asks)}}}'
        )

    def partial(self, number: int, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        """`{"lastUpdateId":1764553979098119,"symbol":"btcusd","bids":[…],"asks":[…]}`: the page leaves out `symbol`,
        the venue does not."""
        return (
            f'{{"lastUpdateId":{event_id(number)},"symbol":"{self.symbol}",'
            f'"bids":{self.levels(bids)},"asks":{self.levels(asks)}}}'
        )

    def ticker(self, at: Nanos, number: int, bid: Level | None, ask: Level | None, last: Level | None) -> str:
        """`{"u":1751505576085,"E":…,"s":"btcusd","b":"45000.50","B":"1.25","a":"45001.00","A":"0.75"}`, with `c` and
        `C` "once the book has traded". How an empty side looks is not confirmed: here it is left out."""
        parts = [f'"u":{event_id(number)},"E":{at},"s":"{self.symbol}"']
        for level, keys in ((bid, "bB"), (ask, "aA"), (last, "cC")):
            if level is not None:
                parts.append(f'"{keys[0]}":"{self.price(level[0])}","{keys[1]}":"{self.size(level[1])}"')
        return "{" + ",".join(parts) + "}"

    def trade(self, one: TradePrint) -> str:
        """`{"E":…,"s":"btcusd","t":…,"p":"45000.50","q":"0.001","m":true}`: `m`, the buyer made, so the taker sold."""
        maker = "true" if one.side is Side.SELL else "false"
        return (
            f'{{"E":{one.at},"s":"{self.symbol}","t":{trade_id(one.trade_id)},"p":"{self.price(one.price)}",'
            f'"q":"{self.size(one.size)}","m":{maker}}}'
        )

    def changes(self, rows: Iterable[tuple[Side, int, int]]) -> str:
        """Of the former stream: `[["buy","302.75","0.00001"],["sell","303.55","0"]]`."""
        price, size = self.short_price, self.short_size
        return "[" + ",".join([f'["{side.value}","{price(p)}","{size(s)}"]' for side, p, s in rows]) + "]"

    def update(self, rows: Iterable[tuple[Side, int, int]]) -> str:
        """Of the former stream, with keys in the order that others measured of its other kinds in 2026."""
        return f'{{"changes":{self.changes(rows)},"symbol":"{self.upper}","type":"l2_updates"}}'

    def former_trade(self, one: TradePrint) -> str:
        """Of the former stream; `side` is the taker's."""
        return (
            f'{{"event_id":{trade_id(one.trade_id)},"price":"{self.short_price(one.price)}",'
            f'"quantity":"{self.short_size(one.size)}","side":"{one.side.value}","symbol":"{self.upper}",'
            f'"timestamp":{one.at // MILLISECOND},"type":"trade"}}'
        )


def _places(rules: TradingRules) -> tuple[int, int]:
    exponents = [step.normalize().as_tuple().exponent for step in (rules.tick, rules.step)]
    return max(0, -int(exponents[0])), max(0, -int(exponents[1]))


def _short(text: str, least: int) -> str:
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0").ljust(least, "0")
    return f"{whole}.{rest}" if rest else whole
