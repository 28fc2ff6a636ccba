"""The simulated Coinbase Exchange's requests: time, products, books, trades, tickers, stats, candles, currencies.

Enters: a path with its query, the books. Leaves: answers in the venue's form. Never: a product that has no book.

Read for it on 2026-11-21: docs.cdp.coinbase.com/api-reference/exchange-api/rest-api, groups products and currencies,
and docs.cdp.coinbase.com/exchange/rest-api/rate-limits. The answers to `/time` and `/products/{id}` have the fields of
those recorded on 2026-09-30 and kept in a public repository; the texts of the errors are those that clients quote.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import Currency, HttpRequest, HttpResponse, Instrument, Nanos, Side, plain
from cryptopipe_coinbase.sandbox_orders import OrderMessages
from cryptopipe_coinbase.sandbox_shown import MILLISECOND, SECOND, Shown, whole_stamp
from cryptopipe_coinbase.sandbox_transfers import supported

Query = Mapping[str, Sequence[str]]

_GRANULARITIES = (60, 300, 900, 3600, 21600, 86400)
_MOST_CANDLES = 300
_MOST_TRADES = 1000
_NAMES = {"USD": "United States Dollar", "EUR": "Euro", "BTC": "Bitcoin", "ETH": "Ether", "SOL": "Solana"}
_NAMES |= {"USDT": "Tether", "USDC": "USDC"}
_FIAT = ("USD", "EUR")

_NOT_FOUND = (404, {"message": "NotFound"})
_TOO_MANY_CANDLES = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"

Answer = tuple[int, object]


def product(one: Instrument) -> dict[str, object]:
    """A product as `/products` and the status channel tell it."""
    assert one.rules is not None, f"{one.id} has a book, so it has rules"
    return {
        "id": one.symbol,
        "base_currency": one.base,
        "quote_currency": one.quote,
        "quote_increment": plain(one.rules.tick),
        "base_increment": plain(one.rules.step),
        "display_name": one.symbol,
        "min_market_funds": plain(one.rules.min_notional),
        **dict.fromkeys(("margin_enabled", "post_only", "limit_only", "cancel_only"), False),
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def currencies(listed: Sequence[Instrument], wallets: Sequence[Currency] = ()) -> Sequence[dict[str, object]]:
    """What these instruments trade and the venue has wallets of, as `/currencies` and the status channel tell it."""
    own = {one.code: one for one in wallets}
    codes = dict.fromkeys(code for one in listed for code in one.symbol.split("-")) | dict.fromkeys(own)
    return [_currency(code, own.get(code), number) for number, code in enumerate(codes)]


def _currency(code: str, wallet: Currency | None, number: int) -> dict[str, object]:
    """Of the first network, what `details` repeats. Least and most are numbers of JSON."""
    fiat = code in _FIAT
    networks = supported(wallet) if wallet else ()
    first = networks[0] if networks else {}
    repeated = ("network_confirmations", "min_withdrawal_amount", "max_withdrawal_amount", "processing_time_seconds")
    places = wallet.networks[0].precision if wallet and wallet.networks else None
    least = "0.01" if fiat else plain(Decimal(1).scaleb(-(8 if places is None else places)))
    return {
        "id": code,
        "name": _NAMES.get(code, code),
        "min_size": least,
        "status": "online",
        "message": "",
        "max_precision": least,
        "convertible_to": [],
        "details": {"type": "fiat" if fiat else "crypto", "symbol": None, "sort_order": number}
        | {name: first[name] for name in repeated if name in first},
        "default_network": first.get("id", ""),
        "supported_networks": networks,
        "display_name": code,
    }


def status_frame(listed: Sequence[Instrument], wallets: Sequence[Currency] = ()) -> str:
    """What the status channel tells, on subscription and every five seconds."""
    told = {"type": "status", "products": [product(one) for one in listed], "currencies": currencies(listed, wallets)}
    return msgspec.json.encode(told).decode()


class ExchangeRest:
    """`products` by id, with the messages of their orders; `wallets` tells the currencies as they are by then."""

    def __init__(
        self,
        products: Mapping[str, Shown],
        orders: Mapping[str, OrderMessages],
        wallets: Callable[[], Sequence[Currency]] = tuple,
    ) -> None:
        self._products, self._orders, self._wallets = products, orders, wallets
        self._listed = tuple(shown.instrument for shown in products.values())

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The answer to one request."""
        parts = urlsplit(request.url)
        place, query = parts.path.strip("/").split("/"), parse_qs(parts.query)
        status, told = (
            self._read(place, query, at)
            if request.method == "GET"
            else (401, {"message": "CB-ACCESS-KEY header is required"})
        )
        return HttpResponse(status, msgspec.json.encode(told), headers={"content-type": "application/json"})

    def _read(self, place: Sequence[str], query: Query, at: Nanos) -> Answer:
        match place:
            case ["time"]:
                millis = at // MILLISECOND * MILLISECOND
                iso = f"{whole_stamp(millis)[:-4]}Z"
                return 200, {
                    "iso": iso,
                    "epoch": msgspec.Raw(f"{millis // SECOND}.{millis % SECOND // MILLISECOND:03d}".encode()),
                }
            case ["products"]:
                return 200, [product(one) for one in self._listed]
            case ["products", "spark-lines"]:
                return 200, {symbol: _spark_line(shown) for symbol, shown in self._products.items()}
            case ["currencies"]:
                return 200, currencies(self._listed, self._wallets())
            case ["currencies", code]:
                found = [one for one in currencies(self._listed, self._wallets()) if one["id"] == code]
                return (200, found[0]) if found else _NOT_FOUND
            case ["products", symbol, *rest] if symbol in self._products and len(rest) < 2:
                return self._product(self._products[symbol], rest[0] if rest else "", query)
        return _NOT_FOUND

    def _product(self, shown: Shown, what: str, query: Query) -> Answer:
        match what:
            case "":
                return 200, product(shown.instrument)
            case "book":
                level = _first(query, "level") or "1"
                return _order_book(shown, self._orders[shown.symbol]) if level == "3" else _book(shown, level)
            case "trades":
                return _trades(shown, query)
            case "ticker":
                return _ticker(shown)
            case "stats":
                return _stats(shown)
            case "candles":
                return _candles(shown, query)
        return _NOT_FOUND


def _book(shown: Shown, level: str) -> Answer:
    if level not in ("1", "2"):
        return 400, {"message": "Invalid level"}
    count = 1 if level == "1" else 1 << 30
    sides = {
        name: [[shown.price(price), shown.size(size), 1] for price, size in shown.book.levels(side, count)]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }
    return 200, _stated(shown, sides, shown.book.number)


def _order_book(shown: Shown, orders: OrderMessages) -> Answer:
    """Of the state after the message with this sequence."""
    sequence = orders.advance()
    return 200, _stated(shown, {"bids": orders.rows(Side.BUY), "asks": orders.rows(Side.SELL)}, sequence)


def _stated(shown: Shown, sides: Mapping[str, object], sequence: int) -> Mapping[str, object]:
    time = whole_stamp(shown.book.changed_at)
    return {**sides, "sequence": sequence, "auction_mode": False, "auction": None, "time": time}


def _trades(shown: Shown, query: Query) -> Answer:
    """Newest first; `side` is the maker's. `after` is a trade id: older ones than that."""
    limit, after = _first(query, "limit") or str(_MOST_TRADES), _first(query, "after") or str(1 << 62)
    if not limit.isdecimal() or not after.isdecimal():
        return 400, {"message": "Invalid limit" if not limit.isdecimal() else "Invalid after"}
    shown.collect()
    found = [one for one in shown.trades if one.trade_id < int(after)]
    return 200, [
        {
            "trade_id": one.trade_id,
            "side": "sell" if one.side is Side.BUY else "buy",
            "size": shown.size(one.size),
            "price": shown.price(one.price),
            "time": whole_stamp(one.at),
        }
        for one in reversed(found[-min(int(limit), _MOST_TRADES) :] if int(limit) else ())
    ]


def _ticker(shown: Shown) -> Answer:
    bid, ask, one, day = shown.best(Side.BUY), shown.best(Side.SELL), shown.last, shown.day()
    if one is None or day is None:
        return _NOT_FOUND
    return 200, {
        "ask": shown.bare_price(ask[0]) if ask else "0",
        "bid": shown.bare_price(bid[0]) if bid else "0",
        "volume": shown.size(day.volume),
        "trade_id": one.trade_id,
        "price": shown.bare_price(one.price),
        "size": shown.bare_size(one.size),
        "time": whole_stamp(one.at),
        "rfq_volume": "0",
    }


def _stats(shown: Shown) -> Answer:
    day = shown.day()
    if day is None:
        return _NOT_FOUND
    volume = shown.bare_size(day.volume)
    prices = {"open": day.open, "high": day.high, "low": day.low, "last": day.close}
    return 200, {name: shown.bare_price(price) for name, price in prices.items()} | {
        "volume": volume,
        "volume_30day": volume,
    }


def _candles(shown: Shown, query: Query) -> Answer:
    """Rows of time, low, high, open, close, volume, as numbers, newest first."""
    granularity = _first(query, "granularity") or "60"
    if not granularity.isdecimal() or int(granularity) not in _GRANULARITIES:
        return 400, {"message": "Unsupported granularity"}
    seconds = int(granularity)
    try:
        end = _epoch(_first(query, "end"), 1 << 40)
        start = _epoch(_first(query, "start"), 0)
    except ValueError:
        return 400, {"message": "Invalid start or end"}
    if start and (min(end, 1 << 40) - start) // seconds > _MOST_CANDLES and end < 1 << 40:
        return 400, {"message": _TOO_MANY_CANDLES}
    return 200, [
        [
            one.start,
            *(_bare(shown.price(price)) for price in (one.low, one.high, one.open, one.close)),
            _bare(shown.size(one.volume)),
        ]
        for one in shown.candles(seconds, start, end)[:_MOST_CANDLES]
    ]


def _spark_line(shown: Shown) -> Sequence[Sequence[object]]:
    """Rows of time, low, high, open, close, an hour each, newest first, as ccxt's source quotes them (2026-11-21)."""
    return [
        [one.start, *(_bare(shown.price(price)) for price in (one.low, one.high, one.open, one.close))]
        for one in shown.candles(3600, 0, 1 << 40)[:24]
    ]


def _bare(number: str) -> msgspec.Raw:
    """A number of JSON with the same digits."""
    return msgspec.Raw(number.encode())


def _epoch(text: str, otherwise: int) -> int:
    """Seconds of an ISO 8601 instant or of digits. Raises `ValueError`."""
    if not text:
        return otherwise
    if text.isdecimal():
        return int(text)
    return int(datetime.fromisoformat(text).timestamp())


def _first(query: Query, name: str) -> str:
    return query.get(name, ("",))[0]
