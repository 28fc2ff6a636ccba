"""The REST side of the simulated venue: what `/v5/market` answers.

Enters: requests and their times. Leaves: answers in the venue's envelope. Never: a refusal by HTTP status, but for an
unknown path and a client that asks too often.

bybit-exchange.github.io/docs/v5, pages market/*, error and rate-limit (2026-11-21, in copies); answers of the venue in
public repositories' test data, and its refusals as measured in 2026: "Not supported symbols" (spot, in ccxt's table of
errors), "params error: symbol invalid" (contracts), an empty list for an unknown spot pair.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, TradingState, plain
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_listing import INTERVALS, SIDES, Candle, Listing, joined
from cryptopipe_bybit.sandbox_tickers import Reference, listed_ticker
from cryptopipe_bybit.sandbox_topics import DepthTopic

REQUESTS = 600
WITHIN: Nanos = 5_000 * MILLISECOND
BANNED_FOR: Nanos = 10 * 60_000 * MILLISECOND
""" "600 requests within a 5-second window per IP"; over it "403, access too frequent": "wait for at least 10 minutes.
The ban will be lifted automatically" (rate-limit). All clients of a sandbox are one address."""

_CATEGORIES = ("spot", "linear", "inverse", "option")
_MOST_TRADES = {"spot": (60, 60)}  # default and most; 500 and 1000 on the other markets
_BOOK_LIMITS = {"spot": 1, "linear": 25, "inverse": 25}
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class _Refused(Exception):
    """An answer of the venue, and no error of ours."""

    def __init__(self, message: str, result: object = None, code: int = 10001) -> None:
        super().__init__(message)
        self.message, self.code = message, code
        self.result = {} if result is None else result


class Answers:
    """`/v5/market/{time,instruments-info,orderbook,recent-trade,tickers,kline}` and `/v5/system/status`."""

    def __init__(
        self,
        listings: Mapping[tuple[str, str], Listing],
        reference: Reference,
        book: Callable[[Listing, Nanos], DepthTopic],
    ) -> None:
        self._listings, self._reference, self._book = listings, reference, book
        self._asked: deque[Nanos] = deque()
        self._banned_until: Nanos = 0
        self._paths: dict[str, Callable[[Mapping[str, str], Nanos], object]] = {
            "/v5/market/time": _time,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/orderbook": self._orderbook,
            "/v5/market/recent-trade": self._trades,
            "/v5/market/tickers": self._tickers,
            "/v5/market/kline": self._kline,
            "/v5/system/status": lambda asked, at: {"list": []},
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`. An unknown path: status 404 ("Cannot find path") and the documented code 10017."""
        banned = self.too_often(request, at)
        if banned is not None:
            return banned
        split = urlsplit(request.url)
        asked = {key: values[-1] for key, values in parse_qs(split.query).items()}
        make = self._paths.get(split.path) if request.method == "GET" else None
        if make is None:
            return _enveloped(404, 10017, "Route not found.", {}, request.url, at)
        try:
            return _enveloped(200, 0, "OK", make(asked, at), request.url, at)
        except _Refused as refused:
            return _enveloped(200, refused.code, refused.message, refused.result, request.url, at)

    def too_often(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """One more request; the answer that refuses it where there were too many."""
        return HttpResponse(403, b"access too frequent", request.url) if self._is_too_often(at) else None

    def _is_too_often(self, at: Nanos) -> bool:
        if at < self._banned_until:
            return True
        while self._asked and self._asked[0] <= at - WITHIN:
            self._asked.popleft()
        self._asked.append(at)
        if len(self._asked) > REQUESTS:
            self._asked.clear()
            self._banned_until = at + BANNED_FOR
            return True
        return False

    def _instruments(self, asked: Mapping[str, str], at: Nanos) -> object:
        category = _category(asked)
        found = [one for one in self._of(category) if asked.get("symbol", one.spelling) == one.spelling]
        if asked.get("symbol") and not found and category != "spot":
            raise _Refused("params error: symbol invalid", {"category": "", "list": [], "nextPageCursor": ""})
        status, base = asked.get("status"), asked.get("baseCoin")
        rows = [_spot_info(one) if category == "spot" else _contract_info(one) for one in found]
        rows = [row for row in rows if status in (None, row["status"]) and base in (None, row["baseCoin"])]
        pages = {} if category == "spot" else {"nextPageCursor": ""}
        return {"category": category, "list": rows, **pages}

    def _orderbook(self, asked: Mapping[str, str], at: Nanos) -> object:
        listing = self._listing(asked)
        limit = _limit(asked, _BOOK_LIMITS[listing.market.category], 1000)
        book = self._book(listing, at)
        sides = {"b": book.bids, "a": book.asks}
        levels = {side: [(listing.price(p), listing.size(s)) for p, s in rows[:limit]] for side, rows in sides.items()}
        made_at = book.made_at // MILLISECOND
        return {
            "s": listing.spelling,
            **levels,
            "ts": at // MILLISECOND,
            "u": book.update,
            "seq": book.seq,
            "cts": made_at,
        }

    def _trades(self, asked: Mapping[str, str], at: Nanos) -> object:
        listing = self._listing(asked)
        default, most = _MOST_TRADES.get(listing.market.category, (500, 1000))
        listing.tally.catch_up()
        newest = list(listing.tally.prints)[: -_limit(asked, default, most) - 1 : -1]
        rows = [
            {
                "execId": listing.trade_id(print_.trade_id),
                "symbol": listing.spelling,
                "price": listing.price(print_.price),
                "size": listing.size(print_.size),
                "side": SIDES[print_.side],
                "time": str(print_.at // MILLISECOND),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(print_.number),
            }
            for print_, _ in newest
        ]
        return {"category": listing.market.category, "list": rows}

    def _tickers(self, asked: Mapping[str, str], at: Nanos) -> object:
        category = _category(asked)
        found = [self._listing(asked)] if asked.get("symbol") else self._of(category)
        return {"category": category, "list": [listed_ticker(one, self._reference, at) for one in found]}

    def _kline(self, asked: Mapping[str, str], at: Nanos) -> object:
        if asked.get("category", "linear") not in ("spot", "linear", "inverse"):
            raise _Refused("params error: Category is invalid")
        listing = self._listing({"category": "linear", **asked})
        interval = asked.get("interval", "")
        if interval not in INTERVALS:
            raise _Refused("Invalid period!")
        listing.tally.catch_up()
        first, last = _number(asked, "start", 0), _number(asked, "end", at // MILLISECOND)
        candles = joined(listing.tally.candles, interval)
        rows = [_row(listing, begin, one) for begin, one in candles.items() if first <= begin <= last]
        newest = rows[::-1][: _limit(asked, 200, 1000)]
        return {"symbol": listing.spelling, "category": listing.market.category, "list": newest}

    def _of(self, category: str) -> list[Listing]:
        return [listing for (of, _), listing in self._listings.items() if of == category]

    def _listing(self, asked: Mapping[str, str]) -> Listing:
        category = _category(asked)
        listing = self._listings.get((category, asked.get("symbol", "")))
        if listing is None:
            raise _Refused("Not supported symbols" if category == "spot" else "params error: symbol invalid")
        return listing


def _time(asked: Mapping[str, str], at: Nanos) -> object:
    return {"timeSecond": str(at // (1000 * MILLISECOND)), "timeNano": str(at)}


def _category(asked: Mapping[str, str]) -> str:
    category = asked.get("category", "")
    if category not in _CATEGORIES:
        raise _Refused("Illegal category")
    return category


def _number(asked: Mapping[str, str], key: str, default: int) -> int:
    text = asked.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 19 else default


def _limit(asked: Mapping[str, str], default: int, most: int) -> int:
    return max(1, min(_number(asked, "limit", default), most))


def _row(listing: Listing, begin: int, candle: Candle) -> list[str]:
    prices = [listing.price(ticks) for ticks in (candle.open, candle.high, candle.low, candle.close)]
    return [str(begin), *prices, listing.volume(candle.volume), listing.turnover(candle.turnover)]


def _status(listing: Listing) -> str:
    return "Trading" if listing.instrument.state is TradingState.TRADING else "Closed"


def _spot_info(listing: Listing) -> dict[str, Any]:
    rules = listing.rules
    return {
        "symbol": listing.spelling,
        "baseCoin": listing.instrument.base,
        "quoteCoin": listing.instrument.quote,
        "status": _status(listing),
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(rules.step),
            "quotePrecision": plain(rules.tick * rules.step),
            "minOrderQty": plain(rules.min_size),
            "maxOrderQty": plain(rules.step * 10**9),
            "minOrderAmt": plain(rules.min_notional),
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": plain(rules.tick)},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }


def _contract_info(listing: Listing) -> dict[str, Any]:
    rules, tick = listing.rules, listing.price(1)
    return {
        "symbol": listing.spelling,
        "contractType": "LinearPerpetual" if listing.market.category == "linear" else "InversePerpetual",
        "status": _status(listing),
        "baseCoin": listing.instrument.base,
        "quoteCoin": listing.instrument.quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(len(tick.partition(".")[2])),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": listing.price(1_999_998), "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": listing.size(1_000_000),
            "maxMktOrderQty": listing.size(100_000),
            "minOrderQty": plain(rules.min_size),
            "qtyStep": listing.size(1),
            "postOnlyMaxOrderQty": listing.size(1_000_000),
            "minNotionalValue": plain(rules.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": listing.instrument.quote if listing.market.category == "linear" else listing.instrument.base,
        "copyTrading": "none",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
    }


def _enveloped(status: int, code: int, message: str, result: object, url: str, at: Nanos) -> HttpResponse:
    """`{"retCode":0,"retMsg":"OK","result":{…},"retExtInfo":{},"time":1672712468011}`"""
    body = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": at // MILLISECOND}
    return HttpResponse(status, msgspec.json.encode(body), url, _HEADERS)
