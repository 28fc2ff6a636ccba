"""The keys of the simulated Advanced Trade: names and EC keys made of the sandbox's own, and tokens that they sign.

Enters: a sandbox's credentials, tokens, the time. Leaves: credentials as clients of this venue have them, the key of a
token that is good. Never: a key of a real account: each is made of a text that is public.

docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication (read 2026-11-21 in a stored
copy): ES256, `kid` and `sub` are the key's name, `nbf` and at most two minutes later `exp`, `uri` is method, host and
path. The host is not looked at here: the sandbox has another one. Tokens of Ed25519 keys are not simulated.
"""

from functools import cache
from hashlib import sha256

import msgspec

from cryptopipe.api import Credentials, Nanos, SimulatedDesk, SimulatedKey
from cryptopipe_coinbase.es256 import ORDER, pem_of, public, unpacked, verified
from cryptopipe_coinbase.sandbox_shown import SECOND

_PREFIX = "organizations/00000000-0000-4000-8000-00000000cafe/apiKeys/"
_LONGEST = 120  # seconds
_EARLY = 5  # seconds that a clock may be ahead


class _Head(msgspec.Struct):
    alg: str
    kid: str


class _Claims(msgspec.Struct):
    sub: str
    nbf: int
    exp: int
    uri: str = ""


def sandbox_key(own: Credentials) -> Credentials:
    """The same key as a client of this venue has it: a name and a PEM."""
    return Credentials(f"{_PREFIX}{own.key}", pem_of(_number(own.secret)))


@cache
def _number(secret: str) -> int:
    return int.from_bytes(sha256(f"a key of no account: {secret}".encode()).digest(), "big") % (ORDER - 1) + 1


class TokenKeys:
    """The keys of a desk, by their tokens."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk = desk

    def find(self, token: str, at: Nanos, asked: str = "") -> SimulatedKey | None:
        """The key of a token that is good now, for `asked` (such as `GET /api/v3/brokerage/accounts`)."""
        try:
            first, second, third = token.split(".")
            head = msgspec.json.decode(unpacked(first), type=_Head)
            claims = msgspec.json.decode(unpacked(second), type=_Claims)
            signature = unpacked(third)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return None
        key = self._desk.key(head.kid.removeprefix(_PREFIX)) if head.kid.startswith(_PREFIX) else None
        if key is None or head.alg != "ES256" or claims.sub != head.kid or not _timely(claims, at, key):
            return None
        if asked and _place(claims.uri) != asked:
            return None
        right = verified(public(_number(key.credentials.secret)), f"{first}.{second}".encode(), signature)
        return key if right else None


def _timely(claims: _Claims, at: Nanos, key: SimulatedKey) -> bool:
    if key.expires_at and key.expires_at <= at:
        return False
    lasts = claims.exp - claims.nbf
    return 0 < lasts <= _LONGEST and claims.nbf - _EARLY <= at / SECOND < claims.exp


def _place(uri: str) -> str:
    """`GET api.coinbase.com/v2/x` without its host; a client that signs what it was given as URL may leave `http://`."""
    method, _, rest = uri.partition(" ")
    rest = rest.removeprefix("http://")
    return f"{method} /{rest.partition('/')[2]}"
