"""The simulated Kraken in its house, and a client of its private side written from the documentation alone.

Enters: names of endpoints with their fields, as an integrator would type them. Leaves: `error` and `result` of answers,
frames of sockets. Never: anything of the plugin's own client side.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import urlencode

from conformance.staging import STEP, Staged
from msgspec.structs import replace

from cryptopipe.api import SANDBOX_CREDENTIALS, Asset, Credentials, HttpRequest, Nanos, Say
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SECOND: Nanos = 1_000_000_000
START: Nanos = 1_790_000_000 * SECOND
KRAKEN = Registry().exchange("kraken")


def sign(secret: str, path: str, nonce: str, body: str) -> str:
    """docs.kraken.com/exchange/guides/rest/authentication (2026-11-21)."""
    message = path.encode() + sha256((nonce + body).encode()).digest()
    return b64encode(hmac.new(b64decode(secret), message, sha512).digest()).decode()


class Stage(Staged):
    """A market some seconds old: of Kraken, and of `others`, where coins may go. `slow` is one in which hardly anybody
    trades, so that hours pass in no time.
    """

    def __init__(
        self, seed: int = 3, faults: tuple[Fault, ...] = (), others: tuple[str, ...] = (), slow: bool = False
    ) -> None:
        plugins = {one.venue: one for one in (KRAKEN, *map(Registry().exchange, others))}
        parameters = Parameters.load()
        if slow:
            parameters = replace(parameters, rate=0.0005, step_ms=1000)
        assets = frozenset(map(Asset, ("BTC", "USDT", "USD") if slow else ("BTC", "ETH", "USDT", "USD")))
        super().__init__(KRAKEN, World(plugins, parameters, seed, START, assets), seed, START, faults)
        self._nonce = 0

    def nonce(self) -> str:
        """Milliseconds that rise with each call."""
        self._nonce = max(self._nonce + 1, self.now // 1_000_000)
        return str(self._nonce)

    def request(
        self, name: str, fields: Mapping[str, object], keys: Credentials = SANDBOX_CREDENTIALS, as_json: bool = False
    ) -> HttpRequest:
        """Signed; a nonce among `fields` is taken as it is."""
        fields = {"nonce": self.nonce(), **fields}
        body = json.dumps(fields) if as_json else urlencode(fields)
        path = f"/0/private/{name}"
        headers = {
            "API-Key": keys.key,
            "API-Sign": sign(keys.secret, path, str(fields["nonce"]), body),
            "Content-Type": "application/json" if as_json else "application/x-www-form-urlencoded",
        }
        return HttpRequest("POST", path, headers, body.encode())

    def call(self, name: str, keys: Credentials = SANDBOX_CREDENTIALS, as_json: bool = False, **fields: object) -> Any:
        """The `result` of a call that succeeds, and its status is 200."""
        response = self.send(self.request(name, fields, keys, as_json))
        told = json.loads(response.body)
        assert (response.status, told["error"]) == (200, []), told
        return told["result"]

    def refused(self, name: str, keys: Credentials = SANDBOX_CREDENTIALS, **fields: object) -> list[str]:
        """The `error` of a call that does not, with status 200 as always."""
        response = self.send(self.request(name, fields, keys))
        told = json.loads(response.body)
        assert (response.status, "result" in told) == (200, False), told
        return list(told["error"])

    def public(self, path: str) -> Any:
        """The result of a public call."""
        return json.loads(self.send(HttpRequest("GET", f"/0/public/{path}")).body)["result"]

    def best(self, pair: str = "XXBTZUSD") -> tuple[float, float]:
        """Bid and ask."""
        depth = self.public(f"Depth?pair={pair}&count=1")[pair]
        return float(depth["bids"][0][0]), float(depth["asks"][0][0])


class Socket:
    """One connection to `/v2`."""

    def __init__(self, stage: Stage, keys: Credentials = SANDBOX_CREDENTIALS) -> None:
        self.stage = stage
        self.conn = stage.dial("/v2")
        self.token = stage.call("GetWebSocketsToken", keys)["token"]
        self.frames: list[Any] = []
        self.texts: list[str] = []

    def say(self, method: str, **params: object) -> None:
        """With the token unless there is one."""
        told = {"method": method, "params": {"token": self.token, **params}, "req_id": 7}
        self.stage.house.receive(self.conn, json.dumps(told), self.stage.now)

    def hear(self, span: Nanos = 100_000_000) -> list[Any]:
        """What comes meanwhile, heartbeats and greetings left out; it is also kept."""
        texts = list(self.stage.told(self.conn, span))
        self.texts += texts
        fresh = [one for one in map(json.loads, texts) if one.get("channel") not in ("heartbeat", "status")]
        self.frames += fresh
        return fresh


__all__ = ["KRAKEN", "SECOND", "START", "STEP", "Say", "Socket", "Stage", "sign"]
