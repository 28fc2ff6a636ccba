"""The simulated Advanced Trade's requests: public market endpoints, server time, currencies and exchange rates.

Enters: a path with its query, the books. Leaves: answers in the venue's form. Never: a product that has no book, a
candle without a trade.

Read for it on 2026-11-21: docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public, pages list-public-
products, get-public-product, get-public-product-book, get-public-market-trades, get-public-product-candles, get-server-
time; docs.cdp.coinbase.com/coinbase-app/track-apis, pages currencies, exchange-rates and time. The fields of a product
and of a book, the hundred trades of a request without a span and the empty `bid` and `ask` of a trade are those of
answers recorded in 2026-09 and kept in public repositories. Neither tells the wording of errors: their shape is that of
the errors clients quote, their texts are ours.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import Asset, HttpRequest, HttpResponse, Instrument, Nanos, Side, exact, plain, ratio
from cryptopipe_coinbase.metadata import book_of
from cryptopipe_coinbase.sandbox_shown import MILLISECOND, MINUTE, SECOND, Candle, Shown, stamp

Query = Mapping[str, Sequence[str]]

_V3 = "/api/v3/brokerage/"
_GRANULARITY = {
    "ONE_MINUTE": MINUTE,
    "FIVE_MINUTE": 5 * MINUTE,
    "FIFTEEN_MINUTE": 15 * MINUTE,
    "THIRTY_MINUTE": 30 * MINUTE,
    "ONE_HOUR": 60 * MINUTE,
    "TWO_HOUR": 120 * MINUTE,
    "FOUR_HOUR": 240 * MINUTE,
    "SIX_HOUR": 360 * MINUTE,
    "ONE_DAY": 1440 * MINUTE,
}
_MOST_CANDLES = 350  # page get-public-product-candles
_TRADES_WITHOUT_SPAN = 100
_MOST_TRADES = 1000
_FIAT = {"USD": "US Dollar", "EUR": "Euro"}
_CRYPTO = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana", "USDT": "Tether", "USDC": "USDC"}


class Refused(Exception):
    """An answer other than 200, with what stands in `error` and in `message`."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message


def answered(status: int, told: object) -> HttpResponse:
    """JSON."""
    return HttpResponse(status, msgspec.json.encode(told), headers={"content-type": "application/json"})


class AdvancedRest:
    """`products` by id, those under a `-USDC` alias included; `listed` are the instruments that have a book."""

    def __init__(self, products: Mapping[str, Shown], listed: Sequence[Instrument]) -> None:
        self._products, self._listed = products, listed
        self._v2: Mapping[str, Callable[[Query, Nanos], object]] = {
            "/v2/time": lambda query, at: {"iso": stamp(at, 0), "epoch": at // SECOND},
            "/v2/currencies": lambda query, at: self._fiat(),
            "/v2/currencies/crypto": lambda query, at: self._crypto(),
            "/v2/exchange-rates": self._rates,
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The answer to one request. Without a key only what stands under `/market/` is shown."""
        parts = urlsplit(request.url)
        path, query = parts.path.rstrip("/"), parse_qs(parts.query)
        if request.method == "GET" and path in self._v2:
            return answered(200, {"data": self._v2[path](query, at)})
        if not path.startswith(_V3):
            return answered(404, {"errors": [{"id": "not_found", "message": "Not found"}]})
        if request.method == "GET" and path == f"{_V3}time":
            millis = at // MILLISECOND
            told = {"iso": stamp(at, 0), "epochSeconds": str(millis // 1000), "epochMillis": str(millis)}
            return answered(200, told)
        place = path[len(_V3) :]
        keys = {name.lower() for name in request.headers}
        if not place.startswith("market/") and not keys & {"authorization", "cb-access-key"}:
            return HttpResponse(401, b"Unauthorized\n", headers={"content-type": "text/plain; charset=utf-8"})
        try:
            return answered(200, self._market(request.method, place.removeprefix("market/").split("/"), query, at))
        except Refused as refused:
            told = {"error": refused.error, "error_details": refused.message, "message": refused.message}
            return answered(refused.status, told)

    def _market(self, method: str, place: Sequence[str], query: Query, at: Nanos) -> object:
        if method == "GET":
            match place:
                case ["products"]:
                    return self._all(query, at)
                case ["product_book"]:
                    return self._book(self._one(_first(query, "product_id")), query)
                case ["products", symbol]:
                    self._one(symbol)
                    return self._product(symbol)
                case ["products", symbol, "ticker"]:
                    return self._trades(self._one(symbol), query)
                case ["products", symbol, "candles"]:
                    return self._candles(self._one(symbol), query)
        raise Refused(404, "NOT_FOUND", "Not Found")

    def _one(self, symbol: str) -> Shown:
        if not symbol:
            raise Refused(400, "INVALID_ARGUMENT", "product_id is required")
        shown = self._products.get(symbol)
        if shown is None:
            raise Refused(404, "NOT_FOUND", f"product not found: {symbol}")
        return shown

    def _all(self, query: Query, at: Nanos) -> object:
        wanted = query.get("product_ids", [])
        found = [one.symbol for one in self._listed if not wanted or one.symbol in wanted]
        if _first(query, "product_type") not in ("", "SPOT", "UNKNOWN_PRODUCT_TYPE"):
            found = []
        start = _number(query, "offset", 0)
        shown = found[start : start + _number(query, "limit", len(found))]
        return {"products": [self._product(symbol) for symbol in shown], "num_products": len(found)}

    def _product(self, symbol: str) -> dict[str, Any]:
        shown = self._products[symbol]
        base, _, quote = symbol.partition("-")
        alias = book_of(shown.instrument.venue, symbol) or ""
        rules, day = shown.rules, shown.day()
        last = day.close if day else (shown.best(Side.BUY) or (0, 0))[0]
        rise = f"{(day.close - day.open) * 100 / day.open:.14f}" if day else "0"
        return {
            "product_id": symbol,
            "price": shown.bare_price(last),
            "price_percentage_change_24h": rise,
            "volume_24h": shown.bare_size(day.volume) if day else "0",
            "volume_percentage_change_24h": "0",
            "base_increment": plain(rules.step),
            "quote_increment": plain(rules.tick),
            "quote_min_size": plain(rules.min_notional),
            "quote_max_size": "150000000",
            "base_min_size": plain(rules.min_size),
            "base_max_size": "3400",
            "base_name": _name(base),
            "quote_name": _name(quote),
            **dict.fromkeys(("watched", "is_disabled", "new"), False),
            "status": "online",
            **dict.fromkeys(("cancel_only", "limit_only", "post_only", "trading_disabled", "auction_mode"), False),
            "product_type": "SPOT",
            "quote_currency_id": quote,
            "base_currency_id": base,
            "fcm_trading_session_details": None,
            "mid_market_price": "",
            "alias": alias,
            "alias_to": [one.symbol for one in self._listed if one.book_of == symbol],
            "base_display_symbol": base,
            "quote_display_symbol": "USD" if alias else quote,
            "view_only": False,
            "price_increment": plain(rules.tick),
            "display_name": symbol,
            "product_venue": "CBE",
            "approximate_quote_24h_volume": _turnover(shown, day),
            "new_at": "2023-01-01T00:00:00Z",
        }

    def _book(self, shown: Shown, query: Query) -> object:
        count = _number(query, "limit", 0) or 1 << 30
        sides = {
            name: [
                {"price": shown.bare_price(p), "size": shown.bare_size(s)} for p, s in shown.book.levels(side, count)
            ]
            for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }
        symbol = _first(query, "product_id")
        told: dict[str, object] = {
            "pricebook": {"product_id": symbol, **sides, "time": stamp(shown.book.changed_at, 6)}
        }
        bid, ask = shown.best(Side.BUY), shown.best(Side.SELL)
        if bid and ask:
            with exact():
                tick = shown.rules.tick
                spread, middle = (ask[0] - bid[0]) * tick, (ask[0] + bid[0]) * tick / 2
            last = shown.bare_price(shown.last.price) if shown.last else plain(middle)
            bps = plain(ratio(spread * 10_000, middle))
            told |= {"last": last, "mid_market": plain(middle), "spread_bps": bps, "spread_absolute": plain(spread)}
        return told

    def _trades(self, shown: Shown, query: Query) -> object:
        start, end = _number(query, "start", 0), _number(query, "end", 0)
        most = _number(query, "limit", _TRADES_WITHOUT_SPAN)
        most = min(most, _MOST_TRADES if end else _TRADES_WITHOUT_SPAN)
        shown.collect()
        kept = [one for one in shown.trades if start <= one.at // SECOND <= (end or 1 << 40)]
        trades = [
            {
                "trade_id": str(one.trade_id),
                "product_id": shown.symbol,
                "price": shown.bare_price(one.price),
                "size": shown.bare_size(one.size),
                "time": stamp(one.at, 6),
                "side": "SELL" if one.side is Side.BUY else "BUY",
                "bid": "",
                "ask": "",
                "exchange": "coinbase",
            }
            for one in reversed(kept[-most:])
        ]
        bid, ask = shown.best(Side.BUY), shown.best(Side.SELL)
        return {
            "trades": trades,
            "best_bid": shown.bare_price(bid[0]) if bid else "",
            "best_ask": shown.bare_price(ask[0]) if ask else "",
        }

    def _candles(self, shown: Shown, query: Query) -> object:
        seconds = _GRANULARITY.get(_first(query, "granularity"))
        if seconds is None:
            raise Refused(400, "INVALID_ARGUMENT", "invalid granularity")
        start, end = _number(query, "start", 0), _number(query, "end", 0)
        if (end - start) // seconds > _MOST_CANDLES:
            raise Refused(400, "INVALID_ARGUMENT", f"number of candles requested should be less than {_MOST_CANDLES}")
        names = ("low", "high", "open", "close")
        rows = [
            {"start": str(one.start)}
            | {name: shown.bare_price(getattr(one, name)) for name in names}
            | {"volume": shown.bare_size(one.volume)}
            for one in shown.candles(seconds, start, end)
        ]
        return {"candles": rows}

    def _assets(self) -> Sequence[Asset]:
        found = dict.fromkeys(asset for one in self._listed for asset in (one.base, one.quote))
        return tuple(found)

    def _fiat(self) -> object:
        return [{"id": id_, "name": _FIAT[id_], "min_size": "0.01000000"} for id_ in self._assets() if id_ in _FIAT]

    def _crypto(self) -> object:
        return [
            {
                "asset_id": f"{number:08x}-0000-5000-8000-000000000000",
                "code": code,
                "name": _name(code),
                "color": "#000000",
                "sort_index": 100 + number,
                "exponent": 8,
                "type": "crypto",
                "address_regex": "",
            }
            for number, code in enumerate(one for one in self._assets() if one not in _FIAT)
        ]

    def _rates(self, query: Query, at: Nanos) -> object:
        """What one unit of `currency` is worth in each asset that has a book in dollars."""
        dollars = {"USD": Decimal(1)}
        for shown in self._products.values():
            best = shown.best(Side.BUY)
            if shown.instrument.quote == "USD" and best:
                dollars[shown.instrument.base] = best[0] * shown.rules.tick
        currency = _first(query, "currency") or "USD"
        worth = dollars.get(currency)
        if worth is None:
            return {"currency": currency, "rates": {}}
        return {"currency": currency, "rates": {one: plain(ratio(worth, value)) for one, value in dollars.items()}}


def _turnover(shown: Shown, day: Candle | None) -> str:
    return "0" if day is None else plain(day.volume * shown.rules.step * day.close * shown.rules.tick)


def _name(asset: str) -> str:
    return _FIAT.get(asset) or _CRYPTO.get(asset) or asset


def _first(query: Query, name: str) -> str:
    return query.get(name, ("",))[0]


def _number(query: Query, name: str, otherwise: int) -> int:
    text = _first(query, name)
    if not text:
        return otherwise
    if not text.isdecimal():
        raise Refused(400, "INVALID_ARGUMENT", f"{name} is not a number: {text}")
    return int(text)
