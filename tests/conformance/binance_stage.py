"""A simulated Binance spot with its desk, in virtual time, and a client that signs by the venue's page alone.

Enters: requests as method, path and parameters. Leaves: status, document and headers. Never: code of the plugin's own
side: signatures are made here, by rest-api.md and web-socket-api.md "SIGNED request example (HMAC)" (2026-07-21).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import cryptopipe_binance as plugins
from cryptopipe.api import SANDBOX_CREDENTIALS, Asset, Credentials, HttpRequest, HttpResponse, Instrument, Nanos, Side
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SECOND: Nanos = 1_000_000_000
MILLISECOND = 1_000_000
ASSETS = frozenset(map(Asset, ("BTC", "ETH", "USDT")))
START: Nanos = 1_795_000_000 * SECOND
Told = tuple[int, Any, Mapping[str, str]]


@cache
def parameters() -> Parameters:
    """Those of every sandbox."""
    return Parameters.load()


def hex_of(secret: str, payload: str) -> str:
    """HMAC-SHA256 in hex."""
    return hex_of_bytes(secret, payload.encode())


def hex_of_bytes(secret: str, payload: bytes) -> str:
    """Likewise, of what may be no text."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


class Stage:
    """One venue; `key` signs where a call names no other."""

    def __init__(self, seed: int = 7, key: Credentials = SANDBOX_CREDENTIALS) -> None:
        self.plugin, self.key = plugins.binance, key
        venue = self.plugin.venue
        self.world = World(
            {venue: self.plugin}, parameters(), seed, START, frozenset(map(Asset, ("BTC", "ETH", "USDT")))
        )
        self.world.advance(START + SECOND)
        self.books, self.desk = self.world.books[venue], self.world.desks[venue]
        self.house = House(self.plugin, self.books, desk=self.desk)
        self.now = self.world.now
        self.btc: Instrument = self.books["BTCUSDT"].instrument

    def wait(self, seconds: float) -> None:
        """Let the market go on."""
        self.now += round(seconds * SECOND)
        self.world.advance(self.now)

    def best(self, side: Side, symbol: str = "BTCUSDT") -> Decimal:
        """The best price of a side of a book."""
        rules = self.books[symbol].instrument.rules
        assert rules is not None
        return self.books[symbol].levels(side, 1)[0][0] * rules.tick

    def send(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request on the venue's own address."""
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        reply = self.house.answer(HttpRequest(request.method, path, request.headers, request.body), self.now)
        assert reply is not None
        return HttpResponse(reply.response.status, reply.response.body, request.url, reply.response.headers)

    def ask(
        self, method: str, path: str, key: Credentials | None = None, where: str = "query", **params: object
    ) -> Told:
        """A signed request; `where` its parameters stand: `query`, `body`, or both (the first in the query)."""
        key = key or self.key
        told = urlencode({"timestamp": self.now // MILLISECOND, **params})
        query, body = (told, "") if where == "query" else ("", told) if where == "body" else split(told)
        signature = "signature=" + hex_of(key.secret, query + body)
        if where == "query":
            query += "&" + signature
        else:
            body += "&" + signature
        return self.plain(method, f"{path}?{query}" if query else path, key.key, body)

    def plain(self, method: str, url: str, key: str = "", body: str = "") -> Told:
        """A request as it is, with the key's name in the header."""
        headers = {"X-MBX-APIKEY": key} if key else {}
        response = self.send(HttpRequest(method, url, headers, body.encode() or None))
        return response.status, json.loads(response.body), response.headers

    def buys(self, size: str = "0.01", price: Decimal | str | None = None, **more: object) -> Told:
        """A limit order for bitcoin, at 80 % of the best bid where no price is given: it rests."""
        price = price if price is not None else (self.best(Side.BUY) * Decimal("0.8")).quantize(Decimal("0.01"))
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": size}
        return self.ask("POST", "/api/v3/order", **{**order, "price": price, **more})

    def held(self, key: Credentials | None = None) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked, by asset, as the venue tells them."""
        rows = self.ask("GET", "/api/v3/account", key)[1]["balances"]
        return {one["asset"]: (Decimal(one["free"]), Decimal(one["locked"])) for one in rows}


class Socket:
    """One connection to a stage's websocket API, or to another path."""

    def __init__(self, stage: Stage, path: str = "/ws-api/v3") -> None:
        conn = stage.house.dial(path, stage.now)
        assert isinstance(conn, int), conn
        self.stage, self._conn = stage, conn

    def send(self, method: str, key: Credentials | None = None, **params: Any) -> None:
        """A request, signed if `key` is given."""
        if key is not None:
            params = {"apiKey": key.key, "timestamp": self.stage.now // MILLISECOND, **params}
            texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in params.items()}
            payload = "&".join(f"{name}={text}" for name, text in sorted(texts.items()))
            params["signature"] = hex_of(key.secret, payload)
        self.text(json.dumps({"id": method, "method": method, "params": params}))

    def text(self, text: str) -> None:
        """As it is."""
        self.stage.house.receive(self._conn, text, self.stage.now)

    def heard(self, seconds: float = 0.1) -> list[Any]:
        """What comes within so long: documents, and what is no text as it is."""
        due = []
        for _ in range(round(seconds / 0.01)):
            self.stage.wait(0.01)
            due += [one.what for one in self.stage.house.step(self.stage.now) if one.conn == self._conn]
        return [json.loads(one) if isinstance(one, str) else one for one in due]

    def call(self, method: str, key: Credentials | None = None, **params: Any) -> Any:
        """The answer to a request."""
        self.send(method, key, **params)
        return next(one for one in self.heard() if isinstance(one, dict) and one.get("id") == method)


def split(told: str) -> tuple[str, str]:
    """The first parameter, and the others."""
    first, _, rest = told.partition("&")
    return first, rest
