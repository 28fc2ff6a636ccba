"""The words of Binance's streams: one instrument's ticks and lots as the venue writes them.

Enters: whole ticks and lots with their times. Leaves: JSON texts with the venue's keys, in its order. Never: state, or
a number that is not the engine's.

github.com/binance/binance-spot-api-docs web-socket-streams.md (2026-07-21); developers.binance.com USDS-margined
futures "Websocket Market Streams" (2026-11-21). The order of the keys is that of frames recorded in 2021 and 2024.
"""

from collections.abc import Iterable
from decimal import Decimal

from cryptopipe.api import Grid, Instrument, Nanos, Side, TradePrint, TradingRules

MILLISECOND = 1_000_000
SPOT_PLACES = 8
"""Spot writes every price and size with eight places: `61837.63000000`."""


def millis(at: Nanos) -> int:
    """Epoch milliseconds, cut."""
    return at // MILLISECOND


class Amount:
    """Writes products of ticks and lots, cut to `places`: `Amount(step, 8).text(lots)`. Signed where below zero."""

    def __init__(self, unit: Decimal, places: int) -> None:
        self._over, self._under = unit.scaleb(places).as_integer_ratio()
        self._places, self._one = places, 10**places

    def text(self, count: int, per: int = 1) -> str:
        """`count` units, divided by `per`."""
        value = abs(count) * self._over // (self._under * per)
        sign = "-" if count < 0 else ""
        whole, rest = divmod(value, self._one)
        return f"{sign}{whole}.{rest:0{self._places}d}" if self._places else f"{sign}{whole}"


class Wire:
    """How one instrument is written. Raises `ValueError` if nobody stated its grid."""

    def __init__(self, instrument: Instrument, is_futures: bool) -> None:
        if instrument.rules is None:
            raise ValueError(f"{instrument.id} has no grid: it cannot be simulated")
        self.rules: TradingRules = instrument.rules
        self.symbol, self.name = instrument.symbol, instrument.symbol.lower()
        self.is_futures = is_futures
        # USD-M prices have two places at least (BTCUSDT in steps of 0.1 is written 61800.20, recorded 2024-08-08).
        at_least = (2, 0) if is_futures else (SPOT_PLACES, SPOT_PLACES)
        grid = Grid(self.rules, *at_least)
        self.price, self.size = grid.price, grid.size
        places = [max(0, -int(step.normalize().as_tuple().exponent)) for step in (self.rules.tick, self.rules.step)]
        self.change = Amount(self.rules.tick, max(places[0], at_least[0]))
        self.turnover = Amount(self.rules.tick * self.rules.step, sum(places) if is_futures else SPOT_PLACES)

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        """`[["61837.63000000","3.78826000"]]`, in the order given."""
        price, size = self.price, self.size
        return "[" + ",".join([f'["{price(p)}","{size(s)}"]' for p, s in levels]) + "]"

    def difference(
        self, first: int, last: int, previous: int, at: Nanos, changed_at: Nanos, bids: str, asks: str
    ) -> str:
        """`{"e":"depthUpdate","E":…,"s":"BTCUSDT","U":157,"u":160,"b":[…],"a":[…]}`; futures add `T` and `pu`."""
        if self.is_futures:
            return (
                f'{{"e":"depthUpdate","E":{millis(at)},"T":{millis(changed_at)},"s":"{self.symbol}","U":{first},'
                f'"u":{last},"pu":{previous},"b":{bids},"a":{asks}}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{millis(at)},"s":"{self.symbol}","U":{first},"u":{last},"b":{bids},"a":{asks}}}'
        )

    def partial(self, number: int, bids: str, asks: str) -> str:
        """A partial book of spot: `{"lastUpdateId":160,"bids":[…],"asks":[…]}`."""
        return f'{{"lastUpdateId":{number},"bids":{bids},"asks":{asks}}}'

    def top(self, number: int, bid: tuple[int, int], ask: tuple[int, int], at: Nanos, changed_at: Nanos) -> str:
        """`{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}`;
        futures have a name and times around it."""
        best = (
            f'"u":{number},"s":"{self.symbol}","b":"{self.price(bid[0])}","B":"{self.size(bid[1])}",'
            f'"a":"{self.price(ask[0])}","A":"{self.size(ask[1])}"'
        )
        if self.is_futures:
            return f'{{"e":"bookTicker",{best},"T":{millis(changed_at)},"E":{millis(at)}}}'
        return f"{{{best}}}"

    def trade(self, trade: TradePrint, at: Nanos) -> str:
        """`m`: the buyer was the maker, so the taker sold. Since 2023 without the two order ids."""
        price, size = self.price(trade.price), self.size(trade.size)
        maker = _truth(trade.side is Side.SELL)
        if self.is_futures:
            return (
                f'{{"e":"trade","E":{millis(at)},"T":{millis(trade.at)},"s":"{self.symbol}","t":{trade.trade_id},'
                f'"p":"{price}","q":"{size}","X":"MARKET","m":{maker}}}'
            )
        return (
            f'{{"e":"trade","E":{millis(at)},"s":"{self.symbol}","t":{trade.trade_id},"p":"{price}","q":"{size}",'
            f'"T":{millis(trade.at)},"m":{maker},"M":true}}'
        )


def _truth(value: bool) -> str:
    return "true" if value else "false"
