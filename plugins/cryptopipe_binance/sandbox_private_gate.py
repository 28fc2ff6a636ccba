"""Who asks: the key, the signature and the moment of a signed request to simulated Binance.

Enters: the key's name, the signed bytes, parameters, the venue's clock. Leaves: the key of an account, or the venue's
refusal. Never: a request let through whose signature, time or right is not good.

github.com/binance/binance-spot-api-docs rest-api.md and web-socket-api.md "Request Security", "Timing security"
(2026-07-21): HMAC-SHA256 in hex of either case; over query and body without separator, or over the sorted parameters of
a websocket request. Statuses 401 of -2014 and -2015: as kept by nautilus_trader's tests. Not confirmed: which refusal
comes first where several apply (here: key, time, signature, right), and what makes a key's format invalid.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from cryptopipe.api import HttpRequest, Nanos, Permission, SimulatedDesk, SimulatedKey
from cryptopipe_binance.sandbox_private_words import illegal, whole
from cryptopipe_binance.sandbox_rest import Query, Wrong, mandatory
from cryptopipe_binance.sandbox_wire import MILLISECOND

KEY_HEADER = "x-mbx-apikey"
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WINDOW = re.compile(r"[0-9]{1,8}(\.[0-9]{1,3})?")
_MICROSECONDS_FROM = 10**14
"""A timestamp at or above this is in microseconds."""
WINDOW_MS, WIDEST_MS, AHEAD = 5000, 60000, 1000 * MILLISECOND


class Doorkeeper:
    """Of one venue's desk."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk = desk

    def known(self, name: str) -> SimulatedKey:
        """By the text that names it. Raises `Wrong`."""
        if _KEY.fullmatch(name) is None:
            raise Wrong(-2014, "API-key format invalid.", 401)
        key = self._desk.key(name)
        if key is None or 0 < key.expires_at <= self._desk.now:
            raise _rejected()
        return key

    def signed(self, name: str, payload: bytes, query: Query, needs: Permission) -> SimulatedKey:
        """The key of a request whose signature covers `payload`. Raises `Wrong`."""
        mandatory(query, "timestamp")
        given = mandatory(query, "signature")
        key = self.known(name)
        self._timely(query)
        made = hmac.new(key.credentials.secret.encode(), payload, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(made.encode(), given.lower().encode()):
            raise Wrong(-1022, "Signature for this request is not valid.")
        if needs not in key.permissions:
            raise _rejected()
        return key

    def _timely(self, query: Query) -> None:
        now, stamp = self._desk.now, whole(query, "timestamp") or 0
        at: Nanos = stamp * 1000 if stamp >= _MICROSECONDS_FROM else stamp * MILLISECOND
        window = query.get("recvWindow", str(WINDOW_MS))
        if _WINDOW.fullmatch(window) is None:
            raise illegal("recvWindow", "^[0-9]{1,8}(\\.[0-9]{1,3})?$")
        whole_ms, _, thousandths = window.partition(".")
        width: Nanos = int(whole_ms) * MILLISECOND + int(thousandths.ljust(3, "0")) * 1000
        if width > WIDEST_MS * MILLISECOND:
            raise Wrong(-1102, f"Parameter 'recvWindow' contains unexpected value. Cannot be greater than {WIDEST_MS}.")
        if at >= now + AHEAD:
            raise Wrong(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - at > width:
            raise Wrong(-1021, "Timestamp for this request is outside of the recvWindow.")


def _rejected() -> Wrong:
    return Wrong(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def named(request: HttpRequest) -> str:
    """The key's name in the header, empty if there is none."""
    return next((value for name, value in request.headers.items() if name.lower() == KEY_HEADER), "")


def payload_of(query: str, body: bytes) -> bytes:
    """What the signature of a REST request covers: query and body as they were sent, without the signature itself."""
    return b"".join(
        b"&".join(part for part in side.split(b"&") if not part.startswith(b"signature="))
        for side in (query.encode("utf-8", "surrogateescape"), body)
    )


def sorted_payload(params: Mapping[str, str]) -> bytes:
    """What the signature of a websocket request covers."""
    told = (f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
    return "&".join(told).encode()
