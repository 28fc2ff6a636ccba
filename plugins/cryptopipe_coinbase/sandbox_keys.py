"""Whether a client of the simulated Coinbase Exchange has its key.

Enters: the four fields of a signed message or request. Leaves: the venue's words of refusal, or none. Never: what a key
may do: that is the desk's.

docs.cdp.coinbase.com/exchange/rest-api/authentication and websocket-feed/authentication (2026-11-21): HMAC-SHA256 with
the decoded secret over timestamp, method, path with query and body, in base64; a timestamp is good for 30 s. "Invalid
API Key" is quoted by ccxt 4.5.90's coinbaseexchange as it stands in a refusal of the websocket, the other texts are
those of the REST side as clients quote them.
"""

import hmac
from base64 import b64decode, b64encode
from decimal import Decimal, InvalidOperation

import msgspec

from cryptopipe.api import SANDBOX_CREDENTIALS, Credentials, Nanos, SimulatedDesk, SimulatedKey
from cryptopipe_coinbase.sandbox_shown import SECOND

_GOOD_FOR: Nanos = 30 * SECOND
VERIFY = b"GET/users/self/verify"
"""What stands for method and path where a websocket message is signed."""
NO_KEY = "Invalid API Key"


class Signed(msgspec.Struct):
    """The fields of a signed message; clients send the timestamp quoted or bare."""

    key: str = ""
    passphrase: str = ""
    timestamp: msgspec.Raw = msgspec.Raw(b"")
    signature: str = ""


class Keys:
    """The keys of a desk; without one there is a single key, of nobody."""

    def __init__(self, desk: SimulatedDesk | None = None) -> None:
        self._desk = desk

    def find(self, key: str) -> SimulatedKey | None:
        """With its account, where there is a desk."""
        return self._desk.key(key) if self._desk else None

    def refusal(self, told: Signed, at: Nanos, what: bytes = VERIFY) -> str:
        """Empty if `told` signs `what` (method, path with query, body) with a key that is good now."""
        credentials = self._credentials(told.key, at)
        if credentials is None:
            return NO_KEY
        if not hmac.compare_digest(_bytes(told.passphrase), credentials.passphrase.encode()):
            return "Invalid Passphrase"
        timestamp = bytes(told.timestamp).decode("utf-8", "replace").strip('"')
        try:
            seconds = Decimal(timestamp)
        except InvalidOperation:
            return "invalid timestamp"
        if not seconds.is_finite() or seconds.adjusted() > 12 or abs(seconds * SECOND - at) > _GOOD_FOR:
            return "request timestamp expired"
        signed = hmac.new(b64decode(credentials.secret), _bytes(timestamp) + what, "sha256").digest()
        right = hmac.compare_digest(b64encode(signed), _bytes(told.signature))
        return "" if right else "invalid signature"

    def _credentials(self, key: str, at: Nanos) -> Credentials | None:
        if self._desk is None:
            return SANDBOX_CREDENTIALS if key == SANDBOX_CREDENTIALS.key else None
        found = self._desk.key(key)
        return None if found is None or (found.expires_at and found.expires_at <= at) else found.credentials


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
