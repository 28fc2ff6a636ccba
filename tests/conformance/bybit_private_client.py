"""A client of the simulated Bybit as its documentation tells one to be: it signs by itself and reads plain JSON.

Enters: a world and a house over the plugin. Leaves: answers and frames, decoded. Never: anything of the plugin's own
codecs; the signature here is the page's (docs/v5/guide and docs/v5/ws/connect, 2026-11-21).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

import cryptopipe_bybit as plugins
from cryptopipe.api import SANDBOX_CREDENTIALS, Credentials, ExchangePlugin, HttpRequest, Nanos, Side
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

PLUGIN = plugins.bybit
START: Nanos = 1_795_000_000 * SECOND
STEP = 5 * MILLISECOND
PARAMETERS = replace(Parameters.load(), perpetuals="all", assets=["BTC", "ETH", "USDT"])


class Client:
    """A venue of its own, at its own time; `connection` is the newest that was dialled."""

    def __init__(
        self,
        parameters: Parameters = PARAMETERS,
        seed: int = 7,
        faults: Sequence[Fault] = (),
        start_at: Nanos = START,
        beside: Sequence[ExchangePlugin] = (),
    ) -> None:
        """`beside`: other venues of the same world, which coins can be sent to."""
        self.at = start_at
        self.world = World({one.venue: one for one in (PLUGIN, *beside)}, parameters, seed, start_at)
        self.books = self.world.books[PLUGIN.venue]
        self.desk = self.world.desks[PLUGIN.venue]
        self.house = House(PLUGIN, self.books, faults, seed, start_at, self.desk)
        self.credentials = SANDBOX_CREDENTIALS
        self.heard: dict[int, list[dict[str, Any]]] = {}

    def wait(self, nanos: Nanos) -> None:
        """Time passes, and every connection hears what is said."""
        until = self.at + nanos
        step = STEP if self.house.connections else nanos
        while self.at < until:
            self.at = min(until, self.at + step)
            self.world.advance(self.at)
            for one in self.house.step(self.at):
                if isinstance(one.what, str):
                    self.heard[one.conn].append(json.loads(one.what))

    def get(self, path: str, **asked: object) -> dict[str, Any]:
        """The answer to a signed GET."""
        return self.body("GET", path, urlencode(asked, safe=","))

    def post(self, path: str, **asked: object) -> dict[str, Any]:
        """The answer to a signed POST."""
        return self.body("POST", path, json.dumps(asked))

    def result(self, method: str, path: str, **asked: object) -> Any:
        """Of a request that succeeds."""
        told = self.get(path, **asked) if method == "GET" else self.post(path, **asked)
        assert told["retCode"] == 0, told
        return told["result"]

    def body(self, method: str, path: str, text: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Query or body as it stands."""
        status, told, _ = self.whole(method, path, text, headers)
        assert status == 200, (status, told)
        return told

    def whole(
        self, method: str, path: str, text: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Status, body and headers."""
        headers = self.signed(text) if headers is None else headers
        get = method == "GET"
        request = HttpRequest(
            method, f"{path}?{text}" if get and text else path, headers, None if get else text.encode()
        )
        reply = self.house.answer(request, self.at)
        assert reply is not None
        answer = reply.response
        return answer.status, json.loads(answer.body) if answer.body else {}, answer.headers

    def signed(self, text: str, window: int = 5000, stamp: int | None = None) -> dict[str, str]:
        """The four headers."""
        key, stamp = self.credentials, self.at // MILLISECOND if stamp is None else stamp
        return {
            "X-BAPI-API-KEY": key.key,
            "X-BAPI-TIMESTAMP": str(stamp),
            "X-BAPI-RECV-WINDOW": str(window),
            "X-BAPI-SIGN": sign(key, f"{stamp}{key.key}{window}{text}"),
        }

    def dial(self, path: str = "/v5/private") -> int:
        """A connection."""
        connection = self.house.dial(path, self.at)
        assert isinstance(connection, int), connection
        self.heard[connection] = []
        return connection

    def say(self, connection: int, **text: object) -> dict[str, Any]:
        """What is heard next is taken for the answer."""
        before = len(self.heard[connection])
        self.house.receive(connection, json.dumps(text), self.at)
        self.wait(60 * MILLISECOND)
        return self.heard[connection][before]

    def sign_in(self, *topics: str, expires: object = None) -> int:
        """A connection that is signed in and subscribed."""
        connection = self.dial()
        assert self.say(connection, op="auth", args=self.auth(expires))["success"] is True
        if topics:
            assert self.say(connection, op="subscribe", args=list(topics))["success"] is True
        return connection

    def auth(self, expires: object = None) -> list[object]:
        """The arguments of a sign-in."""
        expires = self.at // MILLISECOND + 10_000 if expires is None else expires
        return [self.credentials.key, expires, sign(self.credentials, f"GET/realtime{expires}")]

    def told(self, connection: int, topic: str) -> list[dict[str, Any]]:
        """The rows of a topic so far."""
        return [row for frame in self.heard[connection] if frame.get("topic") == topic for row in frame["data"]]

    def best(self, symbol: str, side: Side) -> Decimal:
        """The best price that rests on a side."""
        engine = self.books[symbol]
        price, rules = engine.best(side), engine.instrument.rules
        assert price is not None and rules is not None
        return price * rules.tick

    def held(self, coin: str) -> Decimal:
        """In the unified wallet, free and locked."""
        told = self.result("GET", "/v5/account/wallet-balance", accountType="UNIFIED", coin=coin)
        rows = told["list"][0]["coin"]
        return Decimal(rows[0]["walletBalance"]) if rows else Decimal(0)


def sign(key: Credentials, text: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
