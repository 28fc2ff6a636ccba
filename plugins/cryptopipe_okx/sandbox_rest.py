"""The REST side of the simulated venue: what `/api/v5/public` and `/api/v5/market` answer.

Enters: requests and their times. Leaves: answers in the venue's envelope. Never: a refusal by HTTP status, but for an
unknown path and a client that asks too often.

www.okx.com/docs-v5/en/, sections public-data-rest-api-*, order-book-trading-market-data-get-* and error-code-rest-api
(copies of 2026, read 2026-11-21). That errors come with status 200, the texts of 51001 and 50011, and 404 for an
unknown path: as measured on the venue on 2026-08-22 (a public repository); the body of that 404 is made up.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Kind, Nanos, Side, TradingState, plain
from cryptopipe_okx.market import MILLISECOND
from cryptopipe_okx.sandbox_candles import BARS, candles, row
from cryptopipe_okx.sandbox_listing import Listing, print_row, ticker

WITHIN: Nanos = 2_000 * MILLISECOND
LIMITS = {
    "/api/v5/public/time": 10,
    "/api/v5/public/instruments": 20,
    "/api/v5/market/books": 40,
    "/api/v5/market/ticker": 20,
    "/api/v5/market/tickers": 20,
    "/api/v5/market/trades": 100,
    "/api/v5/market/candles": 40,
    "/api/v5/system/status": 1,
}
"""Requests in two seconds of one address (all clients of a sandbox are one); of instruments, of each kind. Status: "1
request per 5 seconds", as far as two seconds tell it."""

_INST_TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS")
_STATES = {TradingState.TRADING: "live", TradingState.AUCTION: "live", TradingState.POST_ONLY: "post_only"}


_AUCTION: Nanos = 3600 * 1000 * MILLISECOND
"""A pair in auction stays so, an hour before its end at any time."""


_ORDER = """
    alias auctionEndTime baseCcy category ctMult ctType ctVal ctValCcy contTdSwTime expTime futureSettlement
    groupId instFamily instId instType lever listTime lotSz maxIcebergSz maxLmtAmt maxLmtSz maxMktAmt maxMktSz maxStopSz
    maxTriggerSz maxTwapSz minSz optType openType preMktSwTime quoteCcy tradeQuoteCcyList settleCcy state ruleType stk
    tickSz uly instIdCode instCategory upcChg
"""
_MOST = "9999999999.0000000000000000"
_AS_DOCUMENTED: Mapping[str, object] = {
    **{"category": "1", "groupId": "1", "instCategory": "1", "ruleType": "normal", "lever": "10"},
    **{"futureSettlement": False, "tradeQuoteCcyList": [], "upcChg": [], "instIdCode": None},
    **{"listTime": "1606468572000", "maxLmtAmt": "1000000", "maxLmtSz": "9999999999", "maxMktSz": "1000000"},
    **{"maxStopSz": "1000000", "maxIcebergSz": _MOST, "maxTriggerSz": _MOST, "maxTwapSz": _MOST},
}
"""Of instruments: what no engine makes, as in the page's example."""


class _Refused(Exception):
    """An answer of the venue, and no error of ours."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Answers:
    """`public/{time,instruments}`, `market/{books,ticker,tickers,trades,candles}` and `system/status`."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._asked: dict[tuple[str, str], deque[Nanos]] = {}
        self._paths: dict[str, Callable[[Mapping[str, str], Nanos], object]] = {
            "/api/v5/public/time": lambda asked, at: [{"ts": str(at // MILLISECOND)}],
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/books": self._books,
            "/api/v5/market/ticker": lambda asked, at: [ticker(self._listing(asked), at)],
            "/api/v5/market/tickers": self._tickers,
            "/api/v5/market/trades": self._trades,
            "/api/v5/market/candles": self._candles,
            "/api/v5/system/status": lambda asked, at: [],
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        split = urlsplit(request.url)
        asked = {key: values[-1] for key, values in parse_qs(split.query).items()}
        make = self._paths.get(split.path) if request.method == "GET" else None
        if make is None:
            return _enveloped(404, "404", "Not Found", [], request.url, at)
        if self._is_too_often(split.path, asked.get("instType", ""), at):
            return _enveloped(429, "50011", "Too Many Requests", [], request.url, at)
        try:
            return _enveloped(200, "0", "", make(asked, at), request.url, at)
        except _Refused as refused:
            return _enveloped(200, refused.code, refused.message, [], request.url, at)

    def _is_too_often(self, path: str, inst_type: str, at: Nanos) -> bool:
        asked = self._asked.setdefault((path, inst_type), deque())
        while asked and asked[0] <= at - WITHIN:
            asked.popleft()
        if len(asked) >= LIMITS[path]:
            return True
        asked.append(at)
        return False

    def _instruments(self, asked: Mapping[str, str], at: Nanos) -> object:
        inst_type = _inst_type(asked)
        symbol = asked.get("instId")
        found = [one for one in self._listings.values() if one.inst_type == inst_type and symbol in (None, one.symbol)]
        if symbol and not found:
            raise _unknown()
        return [_row(one, at) for one in found]

    def _books(self, asked: Mapping[str, str], at: Nanos) -> object:
        """ "Order book depth per side. Maximum 400 […] Default returns to `1` depth data"."""
        listing = self._listing(asked)
        book, count = listing.book, _number(asked, "sz", 1, 400)
        sides = {"asks": book.levels(Side.SELL, count), "bids": book.levels(Side.BUY, count)}
        levels = {name: msgspec.Raw(listing.levels(rows).encode()) for name, rows in sides.items()}
        return [{**levels, "ts": str(book.changed_at // MILLISECOND), "seqId": book.number}]

    def _tickers(self, asked: Mapping[str, str], at: Nanos) -> object:
        inst_type = _inst_type(asked)
        return [ticker(one, at) for one in self._listings.values() if one.inst_type == inst_type]

    def _trades(self, asked: Mapping[str, str], at: Nanos) -> object:
        """Newest first; 100 unless told, 500 at most."""
        listing, count = self._listing(asked), _number(asked, "limit", 100, 500)
        listing.tally.catch_up()
        newest = list(listing.tally.prints)[: -count - 1 : -1]
        return [{k: v for k, v in print_row(listing, one).items() if k not in ("count", "seqId")} for one in newest]

    def _candles(self, asked: Mapping[str, str], at: Nanos) -> object:
        """Newest first; `after` asks for older ones than that, `before` for newer ones."""
        listing, count, bar = self._listing(asked), _number(asked, "limit", 100, 300), asked.get("bar", "1m")
        if bar not in BARS:
            raise _Refused("51000", "Parameter bar error")
        rows = [row(listing, bar, one, at) for one in candles(listing, bar, at).values()]
        first, last = (asked.get(key, "") for key in ("before", "after"))
        newer = [one for one in rows if not first.isdecimal() or int(one[0]) > int(first)]
        return [one for one in newer if not last.isdecimal() or int(one[0]) < int(last)][: -count - 1 : -1]

    def _listing(self, asked: Mapping[str, str]) -> Listing:
        symbol = asked.get("instId", "")
        if not symbol:
            raise _Refused("50014", "Parameter instId can not be empty.")
        listing = self._listings.get(symbol)
        if listing is None:
            raise _unknown()
        return listing


def _unknown() -> _Refused:
    return _Refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")


def _inst_type(asked: Mapping[str, str]) -> str:
    inst_type = asked.get("instType", "")
    if not inst_type:
        raise _Refused("50014", "Parameter instType can not be empty.")
    if inst_type not in _INST_TYPES:
        raise _Refused("51000", "Parameter instType error")
    return inst_type


def _number(asked: Mapping[str, str], key: str, default: int, most: int) -> int:
    text = asked.get(key, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
        raise _Refused("51000", f"Parameter {key} error")
    return int(text)


def _row(listing: Listing, at: Nanos) -> dict[str, object]:
    """The fields of the page's example, in its order; empty where they do not concern the kind."""
    instrument, rules = listing.instrument, listing.rules
    base, quote = listing.symbol.split("-")[:2]
    told: dict[str, object] = {
        "instId": listing.symbol,
        "instType": listing.inst_type,
        "lotSz": plain(rules.step),
        "minSz": plain(rules.min_size),
        "tickSz": plain(rules.tick),
        "state": _STATES.get(instrument.state, "suspend"),
    }
    if instrument.kind is Kind.SPOT:
        told |= {"baseCcy": base, "quoteCcy": quote, "tradeQuoteCcyList": [quote], "maxMktAmt": "1000000"}
    else:
        linear = instrument.kind is Kind.LINEAR_PERPETUAL
        settled, valued = (quote, base) if linear else (base, quote)
        told |= {"ctType": "linear" if linear else "inverse", "settleCcy": settled, "ctValCcy": valued}
        told |= {"ctVal": plain(instrument.contract_size), "ctMult": "1"}
        told |= {"instFamily": f"{base}-{quote}", "uly": f"{base}-{quote}"}
    if instrument.delists_at:
        told["expTime"] = str(instrument.delists_at // MILLISECOND)
    if instrument.state is TradingState.AUCTION:
        told |= {"openType": "call_auction", "contTdSwTime": str((at + _AUCTION) // MILLISECOND)}
    return {key: told.get(key, _AS_DOCUMENTED.get(key, "")) for key in _ORDER.split()}


def _enveloped(status: int, code: str, message: str, data: object, url: str, at: Nanos) -> HttpResponse:
    """`{"code":"0","msg":"","data":[…]}`"""
    body = msgspec.json.encode({"code": code, "msg": message, "data": data})
    date = f"{datetime.fromtimestamp(at // (1000 * MILLISECOND), UTC):%a, %d %b %Y %H:%M:%S GMT}"
    return HttpResponse(status, body, url, {"Content-Type": "application/json", "Date": date})
