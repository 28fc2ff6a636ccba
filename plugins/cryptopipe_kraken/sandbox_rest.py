"""The simulated public REST side of Kraken, `/0/public/…`.

Enters: requests, GET or POST, and the time. Leaves: answers `{"error":[],"result":{…}}` as the venue writes them,
errors with status 200 but for an unknown path. Never: private endpoints.

Read for it: docs.kraken.com/api/docs/rest-api, pages get-server-time, get-system-status, get-asset-info,
get-tradable-asset-pairs, get-ticker-information, get-order-book, get-recent-trades, get-ohlc-data,
get-recent-spreads (2026-11-21); answers
of 2023 and of 2026-09-03 kept in public tests.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos
from cryptopipe_kraken.sandbox_assets import (
    asset_entry,
    assets_of,
    encoded,
    pair_entry,
    places,
    rest_code,
    rest_name,
    short_code,
    spellings,
)
from cryptopipe_kraken.sandbox_book import Level
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_prints import INTERVALS, MINUTE
from cryptopipe_kraken.sandbox_text import SECOND, long_digits, short_digits, whole
from cryptopipe_kraken.sandbox_ticker import Fields

BURST = 30
"""Requests at once, after which one a second is served: measured live by others on 2026-10-02; the venue documents "a
frequency of 1 per second (or less)" (support.kraken.com/articles/206548367, 2026-11-21)."""
DEPTH = 500
_PREFIX = "/0/public/"

Query = Mapping[str, str]
Answer = Callable[[Query, Nanos], dict[str, Any]]


class _Refused(Exception):
    """What the venue would say."""


class Rest:
    """Answers requests over the desks; `closed` tells whether the venue is being maintained."""

    def __init__(self, desks: Mapping[str, Desk], closed: Callable[[], bool] | None = None) -> None:
        self._desks, self._closed = desks, closed
        self._names = {name: (key, desk) for desk in desks.values() for name, key in spellings(desk.instrument).items()}
        self._taken = 0
        self._drained_at: Nanos = 0
        self._endpoints: dict[str, Answer] = {
            "Time": self._time,
            "SystemStatus": self._status,
            "Assets": self._assets,
            "AssetPairs": self._pairs,
            "Ticker": self._ticker,
            "Depth": self._depth,
            "Trades": self._trades,
            "OHLC": self._ohlc,
            "Spread": self._spread,
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """One answer."""
        path, _, asked = request.url.partition("?")
        endpoint = self._endpoints.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if endpoint is None or request.method not in ("GET", "POST"):
            return _response(request, 404, {"error": ["EGeneral:Unknown method"]})
        if not self._allowed(at):
            return _response(request, 200, {"error": ["EGeneral:Too many requests"]})
        query = dict(parse_qsl(asked) + parse_qsl((request.body or b"").decode("utf-8", "replace")))
        for desk in self._desks.values():
            desk.advance()
        try:
            return _response(request, 200, {"error": [], "result": endpoint(query, at)})
        except _Refused as refused:
            return _response(request, 200, {"error": [str(refused)]})

    def _allowed(self, at: Nanos) -> bool:
        passed = (at - self._drained_at) // SECOND
        if passed > 0:
            self._taken, self._drained_at = max(0, self._taken - passed), self._drained_at + passed * SECOND
        if self._taken >= BURST:
            return False
        self._taken += 1
        return True

    def _time(self, query: Query, at: Nanos) -> dict[str, Any]:
        """`Thu, 03 Sep 26 06:01:43 +0000`."""
        now = datetime.fromtimestamp(at // SECOND, UTC)
        day, month = _DAYS[now.weekday()], _MONTHS[now.month - 1]
        return {"unixtime": at // SECOND, "rfc1123": f"{day}, {now:%d} {month} {now:%y %H:%M:%S} +0000"}

    def _status(self, query: Query, at: Nanos) -> dict[str, Any]:
        status = "maintenance" if self._closed is not None and self._closed() else "online"
        return {"status": status, "timestamp": f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"}

    def _assets(self, query: Query, at: Nanos) -> dict[str, Any]:
        assets = assets_of(desk.instrument for desk in self._desks.values())
        if "asset" not in query:
            return {rest_code(asset): asset_entry(asset) for asset in assets}
        known = {name: asset for asset in assets for name in (asset, short_code(asset), rest_code(asset))}
        asked = query["asset"].split(",")
        if any(name not in known for name in asked):
            raise _Refused("EQuery:Unknown asset")
        return {rest_code(known[name]): asset_entry(known[name]) for name in asked}

    def _pairs(self, query: Query, at: Nanos) -> dict[str, Any]:
        return {key: pair_entry(desk.instrument) for key, desk in self._asked(query)}

    def _ticker(self, query: Query, at: Nanos) -> dict[str, Any]:
        return {key: _ticker_entry(desk, at) for key, desk in self._asked(query)}

    def _depth(self, query: Query, at: Nanos) -> dict[str, Any]:
        key, desk = self._one(query)
        count = min(_number(query, "count", 100), DEPTH)
        sides = (("asks", desk.ladder.asks), ("bids", desk.ladder.bids))
        return {key: {name: [_depth_row(desk, one) for one in half.best(count)] for name, half in sides}}

    def _trades(self, query: Query, at: Nanos) -> dict[str, Any]:
        """`since` in seconds or, as `last` is, in nanoseconds; trades after it, oldest first."""
        key, desk = self._one(query)
        count, since = min(max(1, _number(query, "count", 1000)), 1000), _since(query)
        found = [one for one in desk.prints.recent if one.at > since]
        found = found[:count] if "since" in query else found[-count:]
        digits, last = long_digits(desk.rules), found[-1].at if found else since or at
        rows = [
            [digits.price(one.price), digits.size(one.size), msgspec.Raw(_decimal(one.at)), one.side.value[0], "m", "",
             one.trade_id]
            for one in found
        ]  # fmt: skip
        return {key: rows, "last": str(last)}

    def _ohlc(self, query: Query, at: Nanos) -> dict[str, Any]:
        key, desk = self._one(query)
        minutes = _number(query, "interval", 1)
        if minutes not in INTERVALS:
            raise _Refused("EGeneral:Invalid arguments")
        digits, since = short_digits(desk.rules), _since(query)
        candles = [one for one in desk.prints.candles(minutes) if one.minute * MINUTE >= since]
        rows = [
            [one.minute * 60, *(digits.price(each) for each in (one.first, one.high, one.low, one.last, one.mean)),
             long_digits(desk.rules).size(one.lots), one.count]
            for one in candles
        ]  # fmt: skip
        return {key: rows, "last": (candles[-2] if len(candles) > 1 else candles[-1]).minute * 60 if candles else 0}

    def _spread(self, query: Query, at: Nanos) -> dict[str, Any]:
        """`[1688671834, "30292.10000", "30292.20000"]`: the present top only; what it was before is not kept."""
        key, desk = self._one(query)
        bid, ask = desk.best()
        digits, time = long_digits(desk.rules), at // SECOND
        rows = [[time, digits.price(bid[0]), digits.price(ask[0])]] if bid and ask and at > _since(query) else []
        return {key: rows, "last": time}

    def _asked(self, query: Query) -> Iterator[tuple[str, Desk]]:
        if "pair" not in query:
            for desk in self._desks.values():
                yield rest_name(desk.instrument), desk
            return
        names = query["pair"].split(",")
        if any(name not in self._names for name in names):
            raise _Refused("EQuery:Unknown asset pair")
        yield from (self._names[name] for name in names)

    def _one(self, query: Query) -> tuple[str, Desk]:
        if not query.get("pair"):
            raise _Refused("EGeneral:Invalid arguments")
        return next(self._asked({"pair": query["pair"].split(",")[0]}))


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _response(request: HttpRequest, status: int, answer: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, encoded(answer), request.url, {"Content-Type": "application/json; charset=utf-8"})


def _number(query: Query, name: str, default: int) -> int:
    value = whole(query.get(name, "") or str(default))
    if value < 0:
        raise _Refused("EGeneral:Invalid arguments")
    return value


def _since(query: Query) -> Nanos:
    text = query.get("since", "") or "0"
    first, _, fraction = text.partition(".")
    if not 0 <= whole(first) < 10**19 or whole(fraction[:9] or "0") < 0:
        raise _Refused("EGeneral:Invalid arguments")
    if len(first) > 12:
        return whole(first)
    return whole(first) * SECOND + int(fraction[:9].ljust(9, "0"))


def _decimal(at: Nanos) -> bytes:
    seconds, rest = divmod(at, SECOND)
    return f"{seconds}.{rest // 100:07d}".encode()


def _thousandths(desk: Desk, lots: int) -> str:
    """Sizes in Depth and at the top of Ticker have three decimals; rounded up, so that no level looks empty."""
    return f"{_ceil_thousandths(desk, lots) // 1000}.{_ceil_thousandths(desk, lots) % 1000:03d}"


def _ceil_thousandths(desk: Desk, lots: int) -> int:
    unit: int = 10 ** places(desk.rules.step)
    return -(-lots * int(desk.rules.step * unit) * 1000 // unit)


def _depth_row(desk: Desk, level: Level) -> list[str | int]:
    return [long_digits(desk.rules).price(level.price), _thousandths(desk, level.size), level.at // SECOND]


def _ticker_entry(desk: Desk, at: Nanos) -> dict[str, Any]:
    fields = Fields(desk, long_digits(desk.rules), at)
    sums: dict[str, Any] = dict(fields.sums())
    sums["o"] = sums["o"][0]
    tops = {
        name: [fields.price(best), str(fields.whole(best)), _thousandths(desk, best[1] if best else 0)]
        for name, best in (("a", fields.ask), ("b", fields.bid))
    }
    return {**tops, **sums}
