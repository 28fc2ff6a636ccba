"""The older dialect of simulated Binance's user streams: listen keys on the public stream's address, until 2026-02-20.

Enters: requests for keys, stream names. Leaves: keys, streams of bare events. Never: a key that is not renewed and
lives on.

binance-spot-api-docs CHANGELOG.md of 2026-01-21: the endpoints went on 2026-02-20, 07:00 UTC. What they did is quoted
by others from rest-api.md and user-data-stream.md before 2025-10-24: a key lives 60 minutes from its creation or last
renewal; asked for again it is the same one; `listenKeyExpired` is told once. Installed clients still ask for them.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, Nanos, SimulatedAccount
from cryptopipe_binance.sandbox_account import Customers
from cryptopipe_binance.sandbox_private_gate import Doorkeeper, named
from cryptopipe_binance.sandbox_rest import Wrong, mandatory
from cryptopipe_binance.sandbox_streams import SECOND, Stream
from cryptopipe_binance.sandbox_user import Reader
from cryptopipe_binance.sandbox_wire import millis

LIFE: Nanos = 3600 * SECOND


class _Events:
    """The source of one key's stream."""

    def __init__(self, name: str, account: SimulatedAccount, customers: Customers, at: Nanos) -> None:
        self.name, self.account, self.until = name, account, at + LIFE
        self._customers = customers
        self._reader = Reader(account, customers)
        self._over = False

    def start(self, at: Nanos) -> None:
        self._reader = Reader(self.account, self._customers)

    def make(self, at: Nanos) -> list[str]:
        told = self._reader.read(at)
        if at >= self.until:
            told = [] if self._over else [{"e": "listenKeyExpired", "E": millis(at), "listenKey": self.name}]
            self._over = True
        return [msgspec.json.encode(one).decode() for one in told]


class ListenKeys:
    """All keys of one venue."""

    def __init__(self, door: Doorkeeper, customers: Customers) -> None:
        self._door, self._customers = door, customers
        self._made = 0
        self._keys: dict[str, tuple[_Events, Stream]] = {}

    def find(self, name: str) -> Stream | None:
        """The stream of a key."""
        return self._keys[name][1] if name in self._keys else None

    def manage(self, request: HttpRequest, at: Nanos) -> dict[str, Any]:
        """POST makes a key or renews it, PUT renews, DELETE closes. Asked with a key's name, without a signature."""
        account = self._door.known(named(request)).account
        if request.method == "POST":
            return {"listenKey": self._key(account, at)}
        body = (request.body or b"").decode("utf-8", "replace")
        told = dict(parse_qsl(body)) | dict(parse_qsl(urlsplit(request.url).query))
        events, _ = self._keys.get(mandatory(told, "listenKey"), (None, None))
        if (
            events is None
            or events.account.account_id != account.account_id
            or at >= events.until
            or request.method not in ("PUT", "DELETE")
        ):
            raise Wrong(-1125, "This listenKey does not exist.")
        events.until = at + LIFE if request.method == "PUT" else at
        return {}

    def _key(self, account: SimulatedAccount, at: Nanos) -> str:
        for name, (events, _) in self._keys.items():
            if events.account.account_id == account.account_id and at < events.until:
                events.until = at + LIFE
                return name
        self._made += 1
        name = hashlib.sha256(f"listen {account.account_id} {self._made}".encode()).hexdigest()[:60]
        events = _Events(name, account, self._customers, at)
        self._keys[name] = (events, Stream(events, 0))
        return name
