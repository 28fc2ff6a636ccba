"""The simulated Coinbase Exchange in its house, and a client of its private side written from the documentation alone.

Enters: methods, paths and fields, as an integrator would type them. Leaves: statuses and JSON of answers, frames of
sockets. Never: anything of the plugin's own client side.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from conformance.staging import Staged

from cryptopipe.api import SANDBOX_CREDENTIALS, Credentials, HttpRequest, Nanos
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SECOND: Nanos = 1_000_000_000
START: Nanos = 1_790_000_000 * SECOND
EXCHANGE = Registry().exchange("coinbase_exchange")
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
"""An example of EIP-55: valid, and of nobody here."""


def sign(secret: str, timestamp: str, method: str, path: str, body: str = "") -> str:
    """docs.cdp.coinbase.com/exchange/rest-api/authentication (2026-11-21): HMAC-SHA256 of timestamp, method, request
    path and body under the decoded secret, in base64."""
    return b64encode(hmac.new(b64decode(secret), f"{timestamp}{method}{path}{body}".encode(), sha256).digest()).decode()


class Stage(Staged):
    """A market of one venue, some seconds old."""

    def __init__(self, seed: int = 3, faults: tuple[Fault, ...] = ()) -> None:
        world = World({EXCHANGE.venue: EXCHANGE}, Parameters.load(), seed, START)
        super().__init__(EXCHANGE, world, seed, START, faults)

    def request(
        self, method: str, path: str, fields: Mapping[str, object] | None, keys: Credentials, late: Nanos = 0
    ) -> HttpRequest:
        """Signed, `late` ago."""
        body = "" if fields is None else json.dumps(fields)
        seconds = (self.now - late) // SECOND
        headers = {
            "CB-ACCESS-KEY": keys.key,
            "CB-ACCESS-SIGN": sign(keys.secret, str(seconds), method, path, body),
            "CB-ACCESS-TIMESTAMP": str(seconds),
            "CB-ACCESS-PASSPHRASE": keys.passphrase,
            "Content-Type": "application/json",
        }
        return HttpRequest(method, path, headers, body.encode() if body else None)

    def ask(
        self, method: str, path: str, keys: Credentials = SANDBOX_CREDENTIALS, late: Nanos = 0, **fields: object
    ) -> tuple[int, Any]:
        """Status and JSON, numbers exact."""
        response = self.send(self.request(method, path, fields or None, keys, late))
        return response.status, json.loads(response.body, parse_float=Decimal)

    def call(self, method: str, path: str, keys: Credentials = SANDBOX_CREDENTIALS, **fields: object) -> Any:
        """The JSON of what succeeds."""
        status, told = self.ask(method, path, keys, **fields)
        assert status == 200, told
        return told

    def refused(self, method: str, path: str, keys: Credentials = SANDBOX_CREDENTIALS, **fields: object) -> Any:
        """Status and message of what does not."""
        status, told = self.ask(method, path, keys, **fields)
        assert status >= 400, told
        return status, told["message"]

    def place(self, side: str = "buy", size: str = "0.01", price: str = "", **more: object) -> Any:
        """A limit order with a price, else one at market, of BTC-USD."""
        kind: dict[str, object] = {"type": "limit", "price": price} if price else {"type": "market"}
        return self.call("POST", "/orders", product_id="BTC-USD", side=side, size=size, **kind, **more)

    def best(self, product: str = "BTC-USD") -> tuple[Decimal, Decimal]:
        """Bid and ask."""
        told = json.loads(self.send(HttpRequest("GET", f"/products/{product}/book?level=1")).body)
        return Decimal(told["bids"][0][0]), Decimal(told["asks"][0][0])

    def held(self, currency: str, keys: Credentials = SANDBOX_CREDENTIALS) -> tuple[Decimal, Decimal, Decimal]:
        """Balance, hold, available."""
        found = next(one for one in self.call("GET", "/accounts", keys) if one["currency"] == currency)
        return Decimal(found["balance"]), Decimal(found["hold"]), Decimal(found["available"])


class Socket:
    """One connection."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.conn = stage.dial("/")

    def subscribe(
        self, channels: list[object], keys: Credentials | None = SANDBOX_CREDENTIALS, late: Nanos = 0, **more: object
    ) -> None:
        """Signed as `GET /users/self/verify` unless there are no keys."""
        told: dict[str, object] = {"type": "subscribe", "channels": channels, **more}
        if keys is not None:
            at = str((self.stage.now - late) // SECOND)
            signed = sign(keys.secret, at, "GET", "/users/self/verify")
            told |= {"key": keys.key, "passphrase": keys.passphrase, "timestamp": at, "signature": signed}
        self.stage.house.receive(self.conn, json.dumps(told), self.stage.now)

    def hear(self, span: Nanos = 100_000_000) -> list[Any]:
        """What comes meanwhile."""
        return [json.loads(text) for text in self.texts(span)]

    def texts(self, span: Nanos = 100_000_000) -> list[str]:
        """Likewise, as it came."""
        return list(self.stage.told(self.conn, span))
