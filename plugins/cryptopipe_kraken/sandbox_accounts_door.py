"""Who may ask the simulated Kraken's private side what: key, signature, nonce, permission, call counter, tokens.

Enters: requests and their time. Leaves: a `Call` on an account, or the venue's refusal. Never: an account looked at
before the signature held.

docs.kraken.com/exchange/guides/rest/authentication, rest/ratelimits and rest/api-keys (2026-11-21): headers `API-Key`
and `API-Sign` (HMAC-SHA512 with the decoded secret over the path and SHA-256 of nonce and body, in base64); the body is
form-encoded or JSON; "nonce" is an unsigned 64-bit number, above all before it under the same key, in whatever unit.
Ledger and history calls count 2, orders and cancellations 0, all others 1; a Pro account has 20 and gets one back a
second, for each key. A call that is refused counts too.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256, sha512
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, Nanos, Permission, SimulatedAccount, SimulatedDesk, SimulatedKey
from cryptopipe_kraken.sandbox_accounts_words import DENIED, UNAVAILABLE, UNKNOWN_METHOD, Refused, invalid
from cryptopipe_kraken.sandbox_text import SECOND, whole

PREFIX = "/0/private/"
CALLS = 20
TOKEN_LIFE: Nanos = 900 * SECOND
_NONCES = 1 << 64

Arguments = Mapping[str, str]


class Call(msgspec.Struct, frozen=True):
    """An admitted request. Values are texts as the body has them; objects and lists in a JSON body are their JSON."""

    key: SimulatedKey
    arguments: Arguments
    at: Nanos

    @property
    def account(self) -> SimulatedAccount:
        """Whose key it is."""
        return self.key.account

    def flag(self, name: str) -> bool:
        """`true`, `True` or `1`."""
        return self.arguments.get(name, "").lower() in ("true", "1")

    def count(self, name: str, otherwise: int) -> int:
        """A number from zero, `otherwise` where there is none. Raises `Refused`."""
        value = whole(self.arguments.get(name, "") or str(otherwise))
        if value < 0:
            raise invalid(name)
        return value

    def need(self, name: str) -> str:
        """Raises `Refused` where it is missing or empty."""
        value = self.arguments.get(name, "")
        if not value:
            raise invalid(name)
        return value


class Endpoint(msgspec.Struct, frozen=True):
    """One path: what it does, which permission it takes (None: any key), and what it counts."""

    run: Callable[[Call], object]
    permission: Permission | None = Permission.READ
    cost: int = 1


class Counter:
    """A call counter: it rises by the cost of a call and falls by `a_second` (in thousandths) a second."""

    def __init__(self, most: int, a_second: int) -> None:
        self._most, self._a_second = most * 1000 * SECOND, a_second
        self._level: int = 0
        self._at: Nanos = 0

    def take(self, cost: int, at: Nanos) -> bool:
        """False where it would pass its limit: then nothing is counted."""
        self._level, self._at = max(0, self._level - (at - self._at) * self._a_second), at
        if self._level + cost * 1000 * SECOND > self._most:
            return False
        self._level += cost * 1000 * SECOND
        return True


class Tokens:
    """Tokens for the websocket: good for 15 minutes, and beyond where they are in use (get-websockets-token)."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[SimulatedKey, Nanos]] = {}

    def make(self, key: SimulatedKey, at: Nanos) -> str:
        """Another one at every call."""
        seed = f"{key.credentials.key} {at} {len(self._made)}".encode()
        token = b64encode(sha256(seed).digest()).decode().rstrip("=")
        self._made[token] = (key, at)
        return token

    def holder(self, token: str, at: Nanos, in_use: bool = False) -> SimulatedKey | None:
        """None for a token that was never made, or is too old and not `in_use` on this connection."""
        key, made_at = self._made.get(token, (None, 0))
        return key if in_use or at - made_at < TOKEN_LIFE else None

    def admits(self, token: str, at: Nanos) -> bool:
        """Whether it is good for a new subscription."""
        return self.holder(token, at) is not None


class Door:
    """Admits requests. `endpoints` by the name after `/0/private/`."""

    def __init__(self, desk: SimulatedDesk, endpoints: Mapping[str, Endpoint]) -> None:
        self._desk, self._endpoints = desk, endpoints
        self._nonces: dict[str, int] = {}
        self._counters: dict[str, Counter] = {}

    def serve(self, request: HttpRequest, at: Nanos) -> object:
        """The `result` of one request to a private path. Raises `Refused`."""
        path = urlsplit(request.url).path
        endpoint = self._endpoints.get(path.removeprefix(PREFIX))
        if endpoint is None or request.method != "POST":
            raise Refused(UNKNOWN_METHOD)
        if self._desk.maintenance:
            raise Refused(UNAVAILABLE)
        headers = {name.lower(): value for name, value in request.headers.items()}
        key = self._desk.key(headers.get("api-key", ""))
        if key is None or (key.expires_at and at >= key.expires_at):
            raise Refused("EAPI:Invalid key")
        name = key.credentials.key
        if not self._counters.setdefault(name, Counter(CALLS, 1000)).take(endpoint.cost, at):
            raise Refused("EAPI:Rate limit exceeded")
        body = request.body or b""
        arguments = _arguments(body, headers.get("content-type", ""))
        written = arguments.get("nonce", "")
        if not _signed(key, path, written, body, headers.get("api-sign", "")):
            raise Refused("EAPI:Invalid signature")
        nonce = whole(written)
        if not self._nonces.get(name, -1) < nonce < _NONCES:
            raise Refused("EAPI:Invalid nonce")
        self._nonces[name] = nonce
        if endpoint.permission is not None and endpoint.permission not in key.permissions:
            raise Refused(DENIED)
        return endpoint.run(Call(key, arguments, at))

    def last_nonce(self, key: SimulatedKey) -> int:
        """The highest that was accepted; 0 before the first."""
        return self._nonces.get(key.credentials.key, 0)


def _signed(key: SimulatedKey, path: str, nonce: str, body: bytes, signature: str) -> bool:
    message = path.encode() + sha256(nonce.encode() + body).digest()
    expected = b64encode(hmac.digest(b64decode(key.credentials.secret), message, sha512))
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))


def _arguments(body: bytes, content_type: str) -> Arguments:
    text = body.decode("utf-8", "replace")
    if "json" not in content_type:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return {name: _text(value) for name, value in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items()}
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}


def _text(value: msgspec.Raw) -> str:
    raw = bytes(value)
    return str(msgspec.json.decode(raw)) if raw.startswith(b'"') else "" if raw == b"null" else raw.decode()
