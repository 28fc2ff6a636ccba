"""The REST side of the simulated venue, as far as it is public.

Enters: requests and their times. Leaves: answers as the venue writes them. Never: a refusal without the venue's own
form, `{"result":"error","reason":"…","message":"…"}`.

developer.gemini.com/trading/rest-api/market-data (2026-11-21 in stored copies); answers that gocryptotrader recorded in
2019 to 2024; measured by others in 2026-09: either case of a symbol, `EndpointNotFound`, `symbols/details/all`. Not
confirmed: the message of a path that is none, which status an unknown symbol has today (400 here), and what a ticker
shows of a book that has not traded or has an empty side (here the key is left out).
"""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Kind, Nanos, Side, TradingState, exact, plain
from cryptopipe_gemini.sandbox_candles import MINUTES, row
from cryptopipe_gemini.sandbox_tally import Tally
from cryptopipe_gemini.sandbox_words import MILLISECOND, SECOND, Words, trade_id

REQUESTS, REQUESTS_PER = 120, 60 * SECOND
"""Public requests, as others quote developer.gemini.com/rate-limit in 2026-09. All clients of a sandbox are one."""

_STATUSES = {
    TradingState.TRADING: "open",
    TradingState.POST_ONLY: "post_only",
    TradingState.CANCEL_ONLY: "cancel_only",
    TradingState.AUCTION: "closed",
    TradingState.HALTED: "closed",
}
_PRODUCTS = {
    Kind.SPOT: ("spot", "vanilla"),
    Kind.LINEAR_PERPETUAL: ("swap", "linear"),
    Kind.INVERSE_PERPETUAL: ("swap", "inverse"),
}
_NETWORKS = {
    "BTC": ["bitcoin"],
    "ETH": ["ethereum"],
    "SOL": ["solana"],
    "USDC": ["optimism", "solana", "base", "arbitrum", "monad", "avalanche", "ethereum"],
    "USDT": ["ethereum"],
}
"""BTC's and USDC's from the page's examples; those of ETH, SOL and USDT are not confirmed."""
_LEVELS, _TRADES, _MOST_TRADES = 50, 50, 500
_MILLISECONDS_FROM = 10**11
_HEADERS = {"Content-Type": "application/json"}


class _Refused(Exception):
    """An answer, and no error of ours."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def refusal(status: int, reason: str, message: str, url: str) -> HttpResponse:
    """The venue's own form of an error; the venue's client expects `Retry-After` with a rate limit."""
    said = msgspec.json.encode({"result": "error", "reason": reason, "message": message})
    headers = {**_HEADERS, "Retry-After": "1"} if status == 429 else _HEADERS
    return HttpResponse(status, said, url, headers)


Query = Mapping[str, str]
Make = Callable[[Words, Query, Nanos], object]


class Rest:
    """`/v1/{symbols,symbols/details,pubticker,book,trades,pricefeed,network}` and `/v2/{ticker,candles}`."""

    def __init__(self, listed: Mapping[str, Words], tallies: Mapping[str, Tally]) -> None:
        self._listed, self._tallies = listed, tallies
        self._asked: deque[Nanos] = deque()
        self._by_symbol: dict[str, Make] = {
            "/v1/symbols/details/": lambda words, query, at: _details(words),
            "/v1/pubticker/": self._ticker,
            "/v2/ticker/": self._ticker_v2,
            "/v1/book/": _book,
            "/v1/trades/": _trades,
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        split = urlsplit(request.url)
        try:
            self._admit(at)
            told = self._told(request.method, split.path, dict(parse_qsl(split.query)), at)
        except _Refused as refused:
            return refusal(refused.status, refused.reason, refused.message, request.url)
        return HttpResponse(200, msgspec.json.encode(told), request.url, _HEADERS)

    def _admit(self, at: Nanos) -> None:
        asked = self._asked
        while asked and asked[0] <= at - REQUESTS_PER:
            asked.popleft()
        if len(asked) >= REQUESTS:
            raise _Refused(429, "RateLimit", "Rate limit exceeded")
        asked.append(at)

    def _told(self, method: str, path: str, query: Query, at: Nanos) -> object:
        head, _, last = path.rpartition("/")
        if method == "GET":
            if path == "/v1/symbols":
                return list(self._listed)
            if path == "/v1/symbols/details/all":
                return [_details(words) for words in self._listed.values()]
            if path == "/v1/pricefeed":
                return [self._price(symbol, at) for symbol in self._listed]
            if head == "/v1/network":
                return _network(last)
            if head.startswith("/v2/candles/") and last in MINUTES:
                return self._candles(self._words(head.removeprefix("/v2/candles/")), MINUTES[last], at)
            make = self._by_symbol.get(f"{head}/")
            if make is not None:
                return make(self._words(last), query, at)
        raise _Refused(404, "EndpointNotFound", f"API entry point `{path}` not found")

    def _words(self, symbol: str) -> Words:
        words = self._listed.get(symbol.lower())
        if words is None:
            known = ", ".join(self._listed)
            raise _Refused(
                400,
                "Bad Request",
                f"Supplied value '{symbol}' is not a valid symbol.  Please correct your API request to use one of the "
                f"supported symbols: [{known}]",
            )
        return words

    def _ticker(self, words: Words, query: Query, at: Nanos) -> object:
        """`{"bid":"977.59","ask":"977.35","last":"977.65","volume":{"BTC":"2210.5","USD":"2135477.4",
        "timestamp":1483018200000}}`"""
        day = self._tallies[words.symbol].day(at)
        rules = words.rules
        with exact():
            volume = Decimal(day.whole.volume if day else 0) * rules.step
            turnover = Decimal(day.whole.turnover if day else 0) * rules.step * rules.tick
        volumes = {words.base: plain(volume), words.quote: plain(turnover), "timestamp": at // MILLISECOND}
        last = {"last": words.short_price(day.whole.close)} if day else {}
        return {**_best(words), **last, "volume": volumes}

    def _ticker_v2(self, words: Words, query: Query, at: Nanos) -> object:
        """`{"symbol":"BTCUSD","open":…,"high":…,"low":…,"close":…,"changes":[…],"bid":…,"ask":…}`"""
        day = self._tallies[words.symbol].day(at)
        price = words.short_price
        prices = {name: price(getattr(day.whole, name)) for name in ("open", "high", "low", "close")} if day else {}
        changes = [price(close) for close in day.hourly] if day else []
        return {"symbol": words.upper, **prices, "changes": changes, **_best(words)}

    def _candles(self, words: Words, minutes: int, at: Nanos) -> object:
        """`[[1559755800000,7781.6,7820.23,7776.56,7819.39,34.7624802159],…]`, the newest first, numbers as numbers."""
        return [msgspec.Raw(row(words, candle).encode()) for candle in self._tallies[words.symbol].candles(minutes, at)]

    def _price(self, symbol: str, at: Nanos) -> object:
        words, day = self._listed[symbol], self._tallies[symbol].day(at)
        change = Decimal(day.whole.close - day.whole.open) / day.whole.open if day else Decimal(0)
        price = words.short_price(day.whole.close) if day else "0"
        return {"pair": words.upper, "price": price, "percentChange24h": f"{change:.4f}"}


def _details(words: Words) -> object:
    """`tick_size` and `quote_increment` are numbers, written as `1E-8` and `0.01`."""
    instrument, rules = words.book.instrument, words.rules
    product, contract = _PRODUCTS[instrument.kind]
    return {
        "symbol": words.upper,
        "base_currency": words.base,
        "quote_currency": words.quote,
        "tick_size": msgspec.Raw(str(rules.step.normalize()).encode()),
        "quote_increment": msgspec.Raw(str(rules.tick.normalize()).encode()),
        "min_order_size": plain(rules.min_size),
        "status": _STATUSES[instrument.state],
        "wrap_enabled": False,
        "product_type": product,
        "contract_type": contract,
        "contract_price_currency": words.quote,
    }


def _network(token: str) -> object:
    networks = _NETWORKS.get(token.upper())
    if networks is None:
        raise _Refused(400, "Bad Request", f"Supplied value '{token}' is not a valid currency")
    return {"token": token.upper(), "network": networks}


def _best(words: Words) -> dict[str, str]:
    found = {}
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        for price, _ in words.book.levels(side, 1):
            found[name] = words.short_price(price)
    return found


def _book(words: Words, query: Query, at: Nanos) -> object:
    """ "Default is 50. May be 0 to return the full order book on this side." The timestamp "DO NOT USE", in seconds."""
    now = str(at // SECOND)
    told = {}
    for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
        limit = _count(query.get(f"limit_{name}"), _LEVELS) or 10**6
        told[name] = [
            {"price": words.short_price(p), "amount": words.short_size(s), "timestamp": now}
            for p, s in words.book.levels(side, limit)
        ]
    return told


def _trades(words: Words, query: Query, at: Nanos) -> object:
    """The newest first; after `timestamp` (or `since`), in seconds or milliseconds, or after `since_tid`."""
    limit = min(_count(query.get("limit_trades"), _TRADES), _MOST_TRADES)
    since = _count(query.get("timestamp", query.get("since")), 0)
    since_at = since * (MILLISECOND if since >= _MILLISECONDS_FROM else SECOND)
    since_tid = _count(query.get("since_tid"), 0)
    known = [
        one
        for one in words.book.trades(0)
        if (trade_id(one.trade_id) > since_tid if since_tid else one.at // MILLISECOND * MILLISECOND > since_at)
    ]
    return [
        {
            "timestamp": one.at // SECOND,
            "timestampms": one.at // MILLISECOND,
            "tid": trade_id(one.trade_id),
            "price": words.short_price(one.price),
            "amount": words.short_size(one.size),
            "exchange": "gemini",
            "type": one.side.value,
        }
        for one in reversed(known[len(known) - min(limit, len(known)) :])
    ]


def _count(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 20 else otherwise
