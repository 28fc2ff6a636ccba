"""The public REST v2 of the simulated Bitfinex: status, configuration, books, tickers, trades.

Enters: a request, the desks. Leaves: the venue's arrays. Never: a pair, coin or method that the sandbox does not have.

Read for it (2026-11-21): docs.bitfinex.com/reference/rest-public-conf, rest-public-book, rest-public-platform-status in
stored copies; the answers kept in github.com/JKorf/Bitfinex.Net's unit tests and those recorded on 2021-04-17; the
configurations that ccxt 4.5.90 and cryptofeed 2.4.1 ask for. A wrong argument gets `["error",10020,…]` with status 500,
as error 10020 is quoted there. Limits of requests are not simulated.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptopipe.api import HttpRequest, HttpResponse, Nanos
from cryptopipe_bitfinex.metadata import codes
from cryptopipe_bitfinex.sandbox_desk import FRAMES, KEPT, Desk
from cryptopipe_bitfinex.sandbox_text import MS, encoded, script

LENGTHS = (1, 25, 100, 250)
_TRADES = 125
"""Of one answer that names no limit (reference/rest-public-trades)."""
_CANDLES = 100
_NAMES = {"UST": "USDt", "UDC": "USDC"}
_METHODS = {"BTC": "BITCOIN", "ETH": "ETHEREUM", "SOL": "SOL", "UST": "TETHERUSE", "USD": "WIRE", "EUR": "WIRE"}
Query = Mapping[str, list[str]]


class Wrong(Exception):
    """An argument that the venue refuses."""


class Rest:
    """Answers requests over the desks."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = desks
        self._pairs = [symbol[1:] for symbol in desks]
        self._coins = sorted({code for pair in self._pairs for code in codes(pair)})
        self._paths: dict[str, Callable[[list[str], Query, Nanos], str]] = {
            "platform": lambda rest, query, at: "[1]",
            "conf": lambda rest, query, at: self._conf(rest),
            "book": self._book,
            "ticker": self._ticker,
            "tickers": self._tickers,
            "trades": self._trades,
            "candles": self._candles,
        }

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """`/v2/…`; an unknown path is not found."""
        parts = urlsplit(request.url)
        _, version, name, *rest = [*unquote(parts.path).split("/"), "", ""][:6]
        made = self._paths.get(name) if version == "v2" and request.method == "GET" else None
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if made is None:
            return HttpResponse(404, b'{"message":"Not Found"}', request.url, headers)
        try:
            text = made([one for one in rest if one], parse_qs(parts.query), at)
        except Wrong as error:
            body = encoded(["error", 10020, str(error)]).encode()
            return HttpResponse(500, body, request.url, headers)
        return HttpResponse(200, text.encode(), request.url, headers)

    def _desk(self, rest: list[str]) -> Desk:
        desk = self._desks.get(rest[0]) if rest else None
        if desk is None:
            raise Wrong("symbol: invalid")
        desk.advance()
        return desk

    def _conf(self, rest: list[str]) -> str:
        """One array for each configuration asked for."""
        if not rest:
            raise Wrong("conf: invalid")
        return encoded([self._configured(name) for name in rest[0].split(",")])

    def _configured(self, name: str) -> list[Any]:
        coins, pairs = self._coins, self._pairs
        match name:
            case "pub:list:pair:exchange" | "pub:list:pair":
                return list(pairs)
            case "pub:list:currency":
                return list(coins)
            case "pub:info:pair":
                return [list(self._pair(pair)) for pair in pairs]
            case "pub:map:currency:sym":
                return [[code, _NAMES[code]] for code in coins if code in _NAMES]
            case "pub:map:currency:label":
                return [[code, code] for code in coins]
            case "pub:map:currency:tx:fee":
                return [[code, [0, 0]] for code in coins]
            case "pub:map:tx:method":
                return [[_METHODS.get(code, code), [code]] for code in coins]
            case "pub:info:tx:status":
                return [[_METHODS.get(code, code), 1, 1, None, None, None, None, 0, 0, None, None, 3] for code in coins]
            case _ if name.startswith(("pub:list:", "pub:map:", "pub:info:")):
                return []  # contracts, margin, securities: none are simulated
            case _:
                raise Wrong(f"conf: {name} invalid")

    def _pair(self, pair: str) -> Iterator[Any]:
        least = script(self._desks[f"t{pair}"].rules.min_size)
        yield pair
        yield [None, None, None, least, "1000000.0", None, None, None, None, None, None, None]

    def _book(self, rest: list[str], query: Query, at: Nanos) -> str:
        desk, precision = self._desk(rest), rest[1] if len(rest) > 1 else "P0"
        length = query.get("len", ["25"])[0]
        if precision not in ("P0", "R0"):
            raise Wrong("precision: invalid")
        if not length.isdecimal() or int(length) not in LENGTHS:
            raise Wrong("len: invalid")
        window = desk.window(precision, int(length), "F0")
        window.advance(at)
        return window.snapshot()

    def _ticker(self, rest: list[str], query: Query, at: Nanos) -> str:
        return self._desk(rest).ticker(at)

    def _tickers(self, rest: list[str], query: Query, at: Nanos) -> str:
        """Unknown symbols are left out."""
        asked = ",".join(query.get("symbols", ["ALL"])).split(",")
        wanted = list(self._desks) if asked == ["ALL"] else [one for one in asked if one in self._desks]
        return "[" + ",".join(f'["{one}",{self._desk([one]).ticker(at)[1:]}' for one in wanted) + "]"

    def _candles(self, rest: list[str], query: Query, at: Nanos) -> str:
        """`candles/trade:1m:tBTCUSD/hist`, newest first unless `sort=1`; `last` is the newest alone."""
        kind, frame, symbol = [*rest[0].split(":", 2), "", ""][:3] if rest else ("", "", "")
        if kind != "trade" or frame not in FRAMES:
            raise Wrong("key: invalid")
        found = self._desk([symbol]).candles(FRAMES[frame], KEPT)
        if rest[1:] == ["last"]:
            return found[0] if found else "[]"
        limit, start, end, sort = (
            _whole(query, name, default)
            for name, default in (("limit", _CANDLES), ("start", 0), ("end", at // MS), ("sort", -1))
        )
        rows = [row for row in found if start <= int(row[1 : row.index(",")]) <= end]
        return "[" + ",".join((rows[::-1] if sort == 1 else rows)[: max(0, limit)]) + "]"

    def _trades(self, rest: list[str], query: Query, at: Nanos) -> str:
        """Newest first, unless `sort=1`; `start` and `end` in ms."""
        desk = self._desk(rest)
        limit, start, end, sort = (
            _whole(query, name, default)
            for name, default in (("limit", _TRADES), ("start", 0), ("end", at // MS), ("sort", -1))
        )
        if not 1 <= limit <= KEPT:
            raise Wrong("limit: invalid")
        found = [one for one in desk.newest(KEPT) if start <= one.at // MS <= end]
        rows = found[::-1][:limit] if sort == 1 else found[:limit]
        return "[" + ",".join(desk.trade(one) for one in rows) + "]"


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name, [str(default)])[0]
    if not text.removeprefix("-").isdecimal():
        raise Wrong(f"{name}: invalid")
    return int(text)
