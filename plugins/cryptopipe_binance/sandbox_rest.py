"""The simulated public REST side of Binance, spot and USD-M.

Enters: requests as path and query, with their time. Leaves: answers and errors in the venue's words. Never: a request
that its weight does not count, or an answer without its headers.

github.com/binance/binance-spot-api-docs rest-api.md and errors.md (2026-07-21); developers.binance.com USDS-margined
futures, "Market Data" and "Error Code" (2026-11-21).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, Side, TradePrint
from cryptopipe_binance.sandbox_info import exchange_info
from cryptopipe_binance.sandbox_tally import INTERVALS, span_of
from cryptopipe_binance.sandbox_ticker import Fields, Told, aggregate, candle, ticker
from cryptopipe_binance.sandbox_weight import Weight, refusal
from cryptopipe_binance.sandbox_wire import millis

_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
_LEGAL_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_LEGAL_LIST = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'

AVERAGED = 5
"""Minutes of `avgPrice`."""
Query = Mapping[str, str]
Weigh = Callable[[Query], int]


class Wrong(Exception):
    """A request that the venue refuses: its code and words, the status, and how many seconds to wait (0: not told)."""

    def __init__(self, code: int, text: str, status: int = 400, wait_s: int = 0) -> None:
        self.code, self.text, self.status, self.wait_s = code, text, status, wait_s


@dataclass(frozen=True, slots=True)
class Charter:
    """What distinguishes one venue's REST side. `depths` are the allowed limits of `depth`, empty for any; `weights`
    by endpoint; `empty` are paths answered well-formed and with nothing in them."""

    prefix: str
    is_futures: bool
    weight_limit: int
    deepest: int
    depths: tuple[int, ...]
    most_candles: int
    weights: Mapping[str, Weigh]
    empty: Mapping[str, Any]
    unknown: Callable[[str, str], HttpResponse]


class Rest:
    """Answers `GET`s under the venue's prefix."""

    def __init__(self, charter: Charter, told: Mapping[str, Told]) -> None:
        self._charter, self.told = charter, told
        self._weight = self.weight = Weight(charter.weight_limit)
        self._ways: dict[str, Callable[[Query, Nanos], Any]] = {
            "ping": lambda query, at: {},
            "time": lambda query, at: {"serverTime": millis(at)},
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._trades,
            "historicalTrades": self._old_trades,
            "aggTrades": self._aggregates,
            "klines": self._candles,
            "uiKlines": self._candles,
            "avgPrice": self._average,
            "ticker/24hr": self._tickers,
            "ticker/price": self._prices,
            "ticker/bookTicker": self._tops,
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """An unknown path costs nothing and gets the venue's own error."""
        parts = urlsplit(request.url)
        if request.method == "GET" and parts.path in self._charter.empty:
            empty = self._charter.empty[parts.path]
            return self._weight.spend(1, at) or self._of(empty(at) if callable(empty) else empty)
        name = parts.path.removeprefix(self._charter.prefix)
        way = self._ways.get(name) if name in self._charter.weights else None
        if request.method != "GET" or way is None or not parts.path.startswith(self._charter.prefix):
            return self._charter.unknown(request.method, parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        weigh = self._charter.weights[name]
        refused = self._weight.spend(weigh(query), at)
        if refused is not None:
            return refused
        try:
            return self._of(way(query, at))
        except Wrong as wrong:
            return refusal(400, wrong.code, wrong.text, self._weight.headers())

    def call(self, name: str, query: Query, at: Nanos) -> tuple[int, Callable[[], Any]] | None:
        """The weight and the answer of an endpoint such as `ticker/24hr`; None if there is none."""
        if name not in self._charter.weights or name not in self._ways:
            return None
        return self._charter.weights[name](query), lambda: self._ways[name](query, at)

    def _of(self, body: Any) -> HttpResponse:
        return HttpResponse(200, msgspec.json.encode(body), headers=self._weight.headers())

    def _exchange_info(self, query: Query, at: Nanos) -> Fields:
        told = self._wanted(query)
        return exchange_info(told if told is not None else list(self.told.values()), self._charter.is_futures, at)

    def _depth(self, query: Query, at: Nanos) -> msgspec.Raw:
        """With the digits of the streams, and their counter."""
        told = self.one(query)
        allowed = self._charter.depths
        count = _count(query, "limit", 500 if self._charter.is_futures else 100, None)
        if allowed and count not in allowed:
            raise Wrong(-4021, f"{count} is not valid depth limit.")
        count = min(count, self._charter.deepest)
        book, wire = told.book, told.wire
        times = f'"E":{millis(at)},"T":{millis(book.changed_at)},' if self._charter.is_futures else ""
        bids, asks = (wire.levels(book.levels(side, count)) for side in (Side.BUY, Side.SELL))
        return msgspec.Raw(f'{{"lastUpdateId":{book.number},{times}"bids":{bids},"asks":{asks}}}'.encode())

    def _trades(self, query: Query, at: Nanos) -> list[Fields]:
        told = self.one(query)
        told.tally.absorb(at)
        return self._shown(told, list(told.tally.trades)[-_count(query, "limit", 500, 1000) :])

    def _old_trades(self, query: Query, at: Nanos) -> list[Fields]:
        """The oldest from `fromId` on, or the newest."""
        told, limit = self.one(query), _count(query, "limit", 500, 1000)
        told.tally.absorb(at)
        if "fromId" not in query:
            return self._shown(told, list(told.tally.trades)[-limit:])
        first = _count(query, "fromId", 0, None)
        return self._shown(told, [one for one in told.tally.trades if one.trade_id >= first][:limit])

    def _shown(self, told: Told, prints: Sequence[TradePrint]) -> list[Fields]:
        wire, best = told.wire, {} if self._charter.is_futures else {"isBestMatch": True}
        return [
            {"id": one.trade_id, "price": wire.price(one.price), "qty": wire.size(one.size),
             "quoteQty": wire.turnover.text(one.price * one.size), "time": millis(one.at),
             "isBuyerMaker": one.side is Side.SELL, **best}
            for one in prints
        ]  # fmt: skip

    def _aggregates(self, query: Query, at: Nanos) -> list[Fields]:
        """The newest, or the oldest from `fromId` or `startTime` on."""
        told = self.one(query)
        told.tally.absorb(at)
        limit = _count(query, "limit", 500, 1000)
        start, end = _count(query, "startTime", 0, None), _count(query, "endTime", millis(at), None)
        after = _count(query, "fromId", 0, None)
        found = [a for a in told.tally.aggregates if a.aggregate_id >= after and start <= millis(a.at) <= end]
        part = found[:limit] if after or start else found[-limit:]
        return [aggregate(told, one) for one in part]

    def _candles(self, query: Query, at: Nanos) -> list[list[Any]]:
        told = self.one(query)
        interval = mandatory(query, "interval")
        if interval not in INTERVALS or (self._charter.is_futures and interval == "1s"):
            raise Wrong(-1120, "Invalid interval.")
        told.tally.absorb(at)
        limit = _count(query, "limit", 500, self._charter.most_candles)
        start, end = _count(query, "startTime", 0, None), _count(query, "endTime", millis(at), None)
        found = [b for b in told.tally.bars(interval) if start <= span_of(interval, b.open_at)[0] <= end]
        part = found[:limit] if start else found[-limit:]
        return [candle(told, interval, bar) for bar in part]

    def _average(self, query: Query, at: Nanos) -> Fields:
        told = self.one(query)
        return {"mins": AVERAGED, "price": told.wire.price(self.average(told, at)), "closeTime": millis(at)}

    def average(self, told: Told, at: Nanos) -> int:
        """In ticks: turnover by volume of the last five minutes, the running one among them; without a trade the last
        price, with nothing ever traded the best bid."""
        told.tally.absorb(at)
        bars = told.tally.bars("1m")[-AVERAGED:]
        volume, turnover = sum(bar.volume for bar in bars), sum(bar.turnover for bar in bars)
        return turnover // volume if volume else bars[-1].close if bars else told.top()[0][0]

    def _tickers(self, query: Query, at: Nanos) -> Any:
        return self._each(query, lambda told: ticker(told, at))

    def _prices(self, query: Query, at: Nanos) -> Any:
        def of(told: Told) -> Fields:
            day = told.day(at)
            price = told.wire.price(day.close if day else told.top()[0][0])
            time = {"time": millis(at)} if self._charter.is_futures else {}
            return {"symbol": told.wire.symbol, "price": price, **time}

        return self._each(query, of)

    def _tops(self, query: Query, at: Nanos) -> Any:
        def of(told: Told) -> Fields:
            wire, (bid, ask) = told.wire, told.top()
            more = {"time": millis(at), "lastUpdateId": told.book.number} if self._charter.is_futures else {}
            return {
                "symbol": wire.symbol, "bidPrice": wire.price(bid[0]), "bidQty": wire.size(bid[1]),
                "askPrice": wire.price(ask[0]), "askQty": wire.size(ask[1]), **more,
            }  # fmt: skip

        return self._each(query, of)

    def _each(self, query: Query, of: Callable[[Told], Fields]) -> Any:
        """One object for `symbol`, else an array."""
        told = self._wanted(query)
        if told is not None and "symbol" in query:
            return of(told[0])
        return [of(one) for one in (told if told is not None else self.told.values())]

    def one(self, query: Query) -> Told:
        """The market of `symbol`. Raises `Wrong`."""
        return self._find(mandatory(query, "symbol"), "symbol")

    def _wanted(self, query: Query) -> list[Told] | None:
        """By `symbol` or `symbols=["BTCUSDT","BNBUSDT"]`; None if neither is given."""
        if "symbol" in query and "symbols" in query:
            raise Wrong(-1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            return [self.one(query)]
        if "symbols" not in query or self._charter.is_futures:
            return None
        try:
            names = msgspec.json.decode(query["symbols"], type=list[str])
        except msgspec.MsgspecError as error:
            raise Wrong(-1100, _ILLEGAL.format("symbols", _LEGAL_LIST)) from error
        return [self._find(name, "symbols") for name in names]

    def _find(self, symbol: str, parameter: str) -> Told:
        if _SYMBOL.fullmatch(symbol) is None:
            raise Wrong(-1100, _ILLEGAL.format(parameter, _LEGAL_SYMBOL))
        if symbol not in self.told:
            raise Wrong(-1121, "Invalid symbol.")
        return self.told[symbol]


def mandatory(query: Query, name: str) -> str:
    """The text of a parameter that must be there."""
    value = query.get(name, "")
    if not value:
        raise Wrong(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def _count(query: Query, name: str, default: int, most: int | None) -> int:
    value = query.get(name)
    if value is None:
        return default
    if _DIGITS.fullmatch(value) is None:
        raise Wrong(-1100, _ILLEGAL.format(name, "^[0-9]{1,20}$"))
    count = int(value)
    if most is not None and not 0 < count <= most:
        raise Wrong(-1130, f"Data sent for parameter '{name}' is not valid.")
    return count
