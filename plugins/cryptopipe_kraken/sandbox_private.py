"""The one private endpoint of the simulated Kraken: a token for a websocket.

Enters: requests to `/0/private/GetWebSocketsToken`. Leaves: the token, or the venue's refusal with status 200. Never:
an account: there is one key, of nobody.

docs.kraken.com/exchange/guides/rest/authentication and api-reference/trading/get-websockets-token (2026-11-21): POST
with `nonce` in the body, headers `API-Key` and `API-Sign` (HMAC-SHA512 with the decoded secret over the path and
SHA-256 of nonce and body, in base64). Texts: "EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce".
"""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import SANDBOX_CREDENTIALS, SANDBOX_TOKEN, HttpRequest, HttpResponse
from cryptopipe_kraken.sandbox_text import whole

PATH = "/0/private/GetWebSocketsToken"
_SECRET = b64decode(SANDBOX_CREDENTIALS.secret)
_GOOD_FOR_S = 900


class Tokens:
    """Remembers the last nonce: the next must be greater."""

    def __init__(self) -> None:
        self._nonce = -1

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """None for another path."""
        if urlsplit(request.url).path != PATH:
            return None
        refused = self._refused(request)
        told = {"error": [refused]} if refused else {
            "error": [],
            "result": {"token": SANDBOX_TOKEN, "expires": _GOOD_FOR_S},
        }  # fmt: skip
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return HttpResponse(200, msgspec.json.encode(told), request.url, headers)

    def _refused(self, request: HttpRequest) -> str:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.method != "POST":
            return "EGeneral:Unknown method"
        if headers.get("api-key") != SANDBOX_CREDENTIALS.key:
            return "EAPI:Invalid key"
        body = request.body or b""
        nonce = parse_qs(body.decode("utf-8", "replace")).get("nonce", [""])[0]
        message = PATH.encode() + sha256(nonce.encode() + body).digest()
        signed = b64encode(hmac.new(_SECRET, message, "sha512").digest())
        if not hmac.compare_digest(signed, headers.get("api-sign", "").encode("utf-8", "replace")):
            return "EAPI:Invalid signature"
        if whole(nonce) <= max(self._nonce, -1):
            return "EAPI:Invalid nonce"
        self._nonce = whole(nonce)
        return ""
