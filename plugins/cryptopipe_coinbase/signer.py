"""What Coinbase Exchange asks of who wants its full, level2 or level3 channel: a signature in the subscription.

Enters: the owner's key, secret and passphrase, and the time of the dial. Leaves: the four fields of a signed message.
Never: a request (none is needed), or the secret in what leaves.

docs.cdp.coinbase.com/exchange/websocket-feed, pages authentication and channels, and rest-api/authentication, read
2026-11-21 in a copy of April 2025: the fields of `GET /users/self/verify`, signed like any request, stand in the
subscription. `level2_batch`, which our depth comes from, needs none ("without authenticating").
"""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import digest

from cryptopipe.api import Channel, Credentials, HttpRequest, HttpResponse, Nanos, ProtocolError, StreamAuth
from cryptopipe_coinbase.metadata import EXCHANGE

PATH = "/users/self/verify"
_MILLISECOND: Nanos = 1_000_000


def signature(secret: str, timestamp: str, method: str, path: str) -> str:
    """HMAC-SHA256, in base64, of `1580066918.897GET/fills?product_id=BTC-EUR` under a secret that is base64 itself.

    Raises `ProtocolError` for a secret that is not.
    """
    try:
        key = b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # raised here, so that it does not come from an error whose frames hold the secret
        raise ProtocolError("the secret is not base64", where=EXCHANGE)
    return b64encode(digest(key, f"{timestamp}{method}{path}".encode(), sha256)).decode()


class CoinbaseExchangeSigner:
    """Signs each dial anew: a timestamp is good for 30 s."""

    channels = frozenset({Channel.ORDERS})

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """None: a signature is enough."""
        return None

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """`key`, `passphrase`, `timestamp` and `signature`, as they stand in the subscription."""
        millis = at // _MILLISECOND
        timestamp = f"{millis // 1000}.{millis % 1000:03d}"
        return StreamAuth(
            headers={
                "key": credentials.key,
                "passphrase": credentials.passphrase,
                "timestamp": timestamp,
                "signature": signature(credentials.secret, timestamp, "GET", PATH),
            }
        )
