"""Whether a client of the simulated Coinbase Exchange has its key.

Enters: the four fields of a signed message. Leaves: the venue's words of refusal, or none. Never: an account: there is
one key, of nobody.

docs.cdp.coinbase.com/exchange/rest-api/authentication and websocket-feed/authentication (2026-11-21): HMAC-SHA256 with
the decoded secret over timestamp, method and path, in base64; a timestamp is good for 30 s. "Invalid API Key" is quoted
by ccxt 4.5.90's coinbaseexchange as it stands in a refusal of the websocket, the other texts are those of the REST side
as clients quote them.
"""

import hmac
from base64 import b64decode, b64encode
from decimal import Decimal, InvalidOperation

import msgspec

from cryptopipe.api import SANDBOX_CREDENTIALS, Nanos
from cryptopipe_coinbase.sandbox_shown import SECOND

_SECRET = b64decode(SANDBOX_CREDENTIALS.secret)
_GOOD_FOR: Nanos = 30 * SECOND


class Signed(msgspec.Struct):
    """The fields of a signed message; clients send the timestamp quoted or bare."""

    key: str = ""
    passphrase: str = ""
    timestamp: msgspec.Raw = msgspec.Raw(b"")
    signature: str = ""


def refusal(told: Signed, at: Nanos) -> str:
    """Empty if the signature of `GET /users/self/verify` is right."""
    if told.key != SANDBOX_CREDENTIALS.key:
        return "Invalid API Key"
    if told.passphrase != SANDBOX_CREDENTIALS.passphrase:
        return "Invalid Passphrase"
    timestamp = bytes(told.timestamp).decode().strip('"')
    try:
        seconds = Decimal(timestamp)
    except InvalidOperation:
        return "invalid timestamp"
    if not seconds.is_finite() or abs(seconds * SECOND - at) > _GOOD_FOR:
        return "request timestamp expired"
    signed = hmac.new(_SECRET, f"{timestamp}GET/users/self/verify".encode(), "sha256").digest()
    return "" if hmac.compare_digest(b64encode(signed), told.signature.encode()) else "invalid signature"
