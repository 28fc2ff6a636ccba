"""The REST side of the simulated venue: what `www.bitstamp.net/api/v2` answers in public.

Enters: requests and their times. Leaves: answers in the venue's shapes. Never: a book newer than its cache says: an
answer is given again for a second, as the venue's edge does.

www.bitstamp.net/api/ as quoted by others who read it on 2026-09-15, and what they measured on that day: `group` 0 is by
order, 1 (also without it) by price, 2 by order with ids; an unknown market of an order book gets a page of nginx and of
a ticker all tickers. Answers kept in public repositories' test data (2026-11-21) for the shapes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, Side, TradingState, plain
from cryptopipe_bitstamp.sandbox_listing import MICROSECOND, SECOND, Listing, order_id, trade_id

CACHED_FOR: Nanos = SECOND
_LIMITS = ((400, SECOND), (10_000, 600 * SECOND))
_HEADERS = {"Content-Type": "application/json"}
_TYPES = {Side.BUY: "0", Side.SELL: "1"}
_STEPS = ("60", "180", "300", "900", "1800", "3600", "7200", "14400", "21600", "43200", "86400", "259200")
_MOST_CANDLES = 1000
_SPANS = {"minute": 60 * SECOND, "hour": 3600 * SECOND, "day": 86_400 * SECOND}
_NOT_FOUND = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"
_TOO_OFTEN = {"response_code": "400.002", "response_explanation": "Request rejected due to exceeded rate limit."}


class Answers:
    """`order_book`, `ticker`, `ticker_hour`, `transactions`, `ohlc`, `markets`, `trading-pairs-info`, `currencies`."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._asked: deque[Nanos] = deque()
        self._cached: dict[str, tuple[Nanos, HttpResponse]] = {}
        self._whole: Mapping[str, Callable[[Nanos], object]] = {
            "ticker": lambda at: [_ticker(one, at) for one in listings.values()],
            "markets": lambda at: [_market(one) for one in listings.values()],
            "trading-pairs-info": lambda at: [_pair(one) for one in listings.values() if one.is_spot],
            "currencies": lambda at: self._currencies(),
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        split = urlsplit(request.url)
        name, _, symbol = split.path.removeprefix("/api/v2/").strip("/").partition("/")
        if not split.path.startswith("/api/v2/") or request.method != "GET":
            return HttpResponse(404, b'{"message": "Not found."}', request.url, _HEADERS)
        if self._is_too_often(at):
            return HttpResponse(400, msgspec.json.encode(_TOO_OFTEN), request.url, _HEADERS)
        until, cached = self._cached.get(request.url, (0, HttpResponse(404, b"")))
        if at < until:
            return cached
        asked = {key: values[-1] for key, values in parse_qs(split.query).items()}
        response = self._made(request.url, name, symbol, asked, at)
        if name == "order_book":
            self._cached[request.url] = at + CACHED_FOR, response
        return response

    def _made(self, url: str, name: str, symbol: str, asked: Mapping[str, str], at: Nanos) -> HttpResponse:
        listing = self._listings.get(symbol.lower())
        if name == "order_book":
            if listing is None:
                return HttpResponse(404, _NOT_FOUND, url, {"Content-Type": "text/html"})
            return HttpResponse(200, _order_book(listing, asked.get("group", "1")).encode(), url, _HEADERS)
        found: object = None
        if listing is None and (name == "ticker" or not symbol) and name in self._whole:
            found = self._whole[name](at)
        elif listing is not None and name == "ticker":
            found = _ticker(listing, at)
        elif listing is not None and name == "ticker_hour":
            found = _ticker_hour(listing, at)
        elif listing is not None and name == "transactions" and asked.get("time", "hour") in _SPANS:
            found = _transactions(listing, at - _SPANS[asked.get("time", "hour")])
        elif listing is not None and name == "ohlc" and asked.get("step") in _STEPS:
            found = _candles(listing, asked, at)
        if found is None:
            return HttpResponse(404, b'{"message": "Not found."}', url, _HEADERS)
        return HttpResponse(200, msgspec.json.encode(found), url, _HEADERS)

    def _is_too_often(self, at: Nanos) -> bool:
        """All clients of a sandbox are one. What is refused does not count."""
        asked = self._asked
        while asked and asked[0] <= at - _LIMITS[-1][1]:
            asked.popleft()
        if any(len(asked) >= count and asked[-count] > at - per for count, per in _LIMITS):
            return True
        asked.append(at)
        return False

    def _currencies(self) -> list[dict[str, object]]:
        codes: dict[str, int] = {}
        for one in self._listings.values():
            base, counter = one.decimals()
            codes.setdefault(one.instrument.base, base)
            codes.setdefault(one.instrument.quote, counter)
        return [{"name": code, "currency": code, "decimals": places, "type": "crypto", "symbol": code, "logo": "",
                 "available_supply": "", "deposit": "Disabled", "withdrawal": "Disabled", "networks": []}
                for code, places in codes.items()]  # fmt: skip


def _order_book(listing: Listing, group: str) -> str:
    """`{"timestamp": "1641343695", "microtimestamp": "1641343695572693", "bids": [["0.14695", "4567.41344936"], …`"""
    book, rows = listing.book, list[list[tuple[str, ...]]]()
    for side in (Side.BUY, Side.SELL):
        price, size = listing.price, listing.size
        if group == "2":
            rows.append([(price(o.price), size(o.size), str(order_id(o.order_id))) for o in book.orders(side)])
        elif group == "0":
            rows.append([(price(o.price), size(o.size)) for o in book.orders(side)])
        else:
            rows.append([(price(ticks), size(lots)) for ticks, lots in book.levels(side, 10**6)])
    bids, asks = (", ".join('["' + '", "'.join(row) + '"]' for row in side) for side in rows)
    at = f'"timestamp": "{book.changed_at // SECOND}", "microtimestamp": "{book.changed_at // MICROSECOND}"'
    return f'{{{at}, "bids": [{bids}], "asks": [{asks}]}}'


def _ticker(listing: Listing, at: Nanos) -> dict[str, Any]:
    bids, asks = (listing.book.levels(side, 1) for side in (Side.BUY, Side.SELL))
    bid, ask = (listing.price(rows[0][0]) if rows else "0" for rows in (bids, asks))
    f, price = listing.figures(at), listing.price
    change = f"{(f.last - f.first) * 100 / f.first:.2f}" if f else "0.00"
    return {
        "timestamp": str(at // SECOND),
        "open": price(f.first) if f else bid,
        "high": price(f.high) if f else bid,
        "low": price(f.low) if f else bid,
        "last": price(f.last) if f else bid,
        "volume": listing.volume(f.volume if f else 0),
        "vwap": listing.average(f.turnover, f.volume) if f else bid,
        "bid": bid,
        "ask": ask,
        "side": _TYPES[f.side if f else Side.BUY],
        "open_24": price(f.first) if f else bid,
        "percent_change_24": change,
        "market_type": "SPOT" if listing.is_spot else "PERPETUAL",
        "pair": listing.name,
        "market": listing.name,
    }


def _ticker_hour(listing: Listing, at: Nanos) -> dict[str, Any]:
    """The keys that others list of the last hour's ticker: those of the day's without what the day or the market is."""
    day, hour = _ticker(listing, at), listing.figures(at, _SPANS["hour"])
    told = {key: day[key] for key in ("timestamp", "open", "high", "low", "last", "volume", "vwap", "bid", "ask")}
    if hour is None:
        return told | dict.fromkeys(("open", "high", "low", "vwap"), day["last"]) | {"volume": listing.volume(0)}
    prices = {"open": hour.first, "high": hour.high, "low": hour.low}
    told |= {key: listing.price(ticks) for key, ticks in prices.items()}
    return told | {"volume": listing.volume(hour.volume), "vwap": listing.average(hour.turnover, hour.volume)}


def _transactions(listing: Listing, since: Nanos) -> list[dict[str, str]]:
    """Newest first."""
    listing.catch_up()
    return [
        {
            "date": str(one.at // SECOND),
            "tid": str(trade_id(one.trade_id)),
            "amount": listing.size(one.size),
            "type": _TYPES[one.side],
            "price": listing.price(one.price),
        }
        for one in reversed(listing.prints)
        if one.at > since
    ]


def _candles(listing: Listing, asked: Mapping[str, str], at: Nanos) -> dict[str, Any]:
    """Of the kept trades, oldest first; a step without a trade has none. `end` is later than every candle told."""
    listing.catch_up()
    step = int(asked["step"])
    begun: dict[int, list[tuple[int, int]]] = {}
    for one in listing.prints:
        begun.setdefault(one.at // SECOND // step * step, []).append((one.price, one.size))
    first, last, most = (_number(asked, *one) for one in (("start", 0), ("end", at // SECOND), ("limit", 1)))
    wanted = [begin for begin in begun if first <= begin <= last][-min(most, _MOST_CANDLES) :]
    rows = [(begin, [price for price, _ in begun[begin]], sum(size for _, size in begun[begin])) for begin in wanted]
    told = [
        {
            "timestamp": str(begin),
            "open": listing.price(prices[0]),
            "high": listing.price(max(prices)),
            "low": listing.price(min(prices)),
            "close": listing.price(prices[-1]),
            "volume": listing.volume(volume),
        }
        for begin, prices, volume in rows
    ]
    return {"data": {"pair": listing.name, "ohlc": told}}


def _number(asked: Mapping[str, str], key: str, default: int) -> int:
    text = asked.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 12 else default


def _trading(listing: Listing) -> str:
    return "Enabled" if listing.instrument.state is TradingState.TRADING else "Disabled"


def _market(listing: Listing) -> dict[str, Any]:
    base, counter = listing.decimals()
    told = {
        "name": listing.name,
        "market_symbol": listing.symbol,
        "base_currency": listing.instrument.base,
        "base_decimals": base,
        "counter_currency": listing.instrument.quote,
        "counter_decimals": counter,
        "minimum_order_value": plain(listing.rules.min_notional),
        "trading": _trading(listing),
        "instant_order_counter_decimals": counter,
        "instant_and_market_orders": "Enabled",
        "description": f"{listing.instrument.base} / {listing.instrument.quote}",
        "market_type": "SPOT" if listing.is_spot else "PERPETUAL",
    }
    if not listing.is_spot:
        told |= {
            "minimum_order_amount": plain(listing.rules.min_size),
            "payoff_type": "Linear",
            "contract_size": plain(listing.instrument.contract_size),
        }
    return told


def _pair(listing: Listing) -> dict[str, Any]:
    base, counter = listing.decimals()
    return {
        "trading": _trading(listing),
        "base_decimals": base,
        "url_symbol": listing.symbol,
        "name": listing.name,
        "instant_and_market_orders": "Enabled",
        "minimum_order": f"{plain(listing.rules.min_notional)} {listing.instrument.quote}",
        "counter_decimals": counter,
        "description": f"{listing.instrument.base} / {listing.instrument.quote}",
    }
