"""What Kraken asks of who wants its level3 channel: a token, for a signed request.

Enters: the owner's key and secret, the time of the dial, the answer of `GetWebSocketsToken`. Leaves: the request, and
the token. Never: the secret in what leaves.

docs.kraken.com/exchange/guides/rest/authentication and api-reference/trading/get-websockets-token (2026-11-21): a token
"should be used within 15 minutes of creation" and stays good while its connection lives, so each dial asks for its own.
A nonce is greater than every one before it under the same key; milliseconds, as the guide suggests, so that other
programs of the same key are not locked out. Two dials of one millisecond have one nonce: the second is refused, as is
one that arrives after a later one, and asks again.
"""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256, sha512
from hmac import digest

import msgspec

from cryptopipe.api import (
    Channel,
    Credentials,
    HttpRequest,
    HttpResponse,
    Nanos,
    ProtocolError,
    RateLimited,
    StreamAuth,
    VenueError,
    VenueUnavailable,
)
from cryptopipe_kraken.metadata import VENUE
from cryptopipe_kraken.wire import UNREADABLE

ORIGIN = "https://api.kraken.com"
PATH = "/0/private/GetWebSocketsToken"
_MILLISECOND: Nanos = 1_000_000


class _Token(msgspec.Struct):
    token: str


class _Answer(msgspec.Struct):
    error: list[str]
    result: _Token | None = None


def signature(secret: str, path: str, nonce: str, body: str) -> str:
    """HMAC-SHA512, in base64, of the path and SHA-256 of nonce and body, under a secret that is base64 itself.

    Raises `ProtocolError` for a secret that is not.
    """
    try:
        key = b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # raised here, so that it does not come from an error whose frames hold the secret
        raise ProtocolError("the secret is not base64", where=VENUE)
    return b64encode(digest(key, path.encode() + sha256((nonce + body).encode()).digest(), sha512)).decode()


class KrakenSigner:
    """A token for each dial."""

    channels = frozenset({Channel.ORDERS})

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """`POST /0/private/GetWebSocketsToken`, signed."""
        nonce = str(at // _MILLISECOND)
        body = f"nonce={nonce}"
        headers = {
            "API-Key": credentials.key,
            "API-Sign": signature(credentials.secret, PATH, nonce, body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return HttpRequest("POST", ORIGIN + PATH, headers, body.encode())

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """`{"error":[],"result":{"token":"1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw","expires":900}}`.

        Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`; none quotes a token.
        """
        if response is None:
            raise ProtocolError("no answer to the request for a token", where=VENUE)
        try:
            answer = msgspec.json.decode(response.body, type=_Answer)
        except UNREADABLE as error:
            if response.status >= 500:
                raise VenueUnavailable(f"no token: status {response.status}", where=VENUE) from error
            raise ProtocolError(f"unreadable token answer, status {response.status}", where=VENUE) from None
        if answer.error:
            said = "; ".join(answer.error)
            raise _kind(said)(f"no token: {said}", where=VENUE)
        if answer.result is None or not answer.result.token:
            raise ProtocolError("no token in the answer", where=VENUE)
        return StreamAuth(token=answer.result.token)


def _kind(said: str) -> type[VenueError]:
    """Which of the venue's words will not do the next time either: those about the key."""
    if any(one in said for one in ("Rate limit exceeded", "Too many requests", "Invalid nonce", "Temporary lockout")):
        return RateLimited
    return VenueUnavailable if "EService:" in said else VenueError
