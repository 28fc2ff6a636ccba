"""ES256, the signature of Advanced Trade's tokens: ECDSA over P-256 with SHA-256, and keys as PEM.

Enters: a text, a private number or a PEM, a signature. Leaves: 64 bytes of a signature, whether one is right, tokens.
Never: chance (the nonce is that of RFC 6979, so the same text has the same signature), a secret in an error.

FIPS 186-4 (curve and ECDSA), RFC 6979 (nonce; its appendix A.2.5 is tested), RFC 5915 (PEM "EC PRIVATE KEY"), RFC 7515
and 7518 (token and signature). Coordinates are Jacobian; nothing here hides how long it takes.
"""

import hmac
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from hashlib import sha256

import msgspec

from cryptopipe.api import ProtocolError
from cryptopipe_coinbase.metadata import ADVANCED

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_HEAD = bytes.fromhex("30770201010420")
_CURVE = bytes.fromhex("a00a06082a8648ce3d030107")
_POINT = bytes.fromhex("a144034200")

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
_NOWHERE: _Jacobian = (1, 1, 0)


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not z or not y:
        return _NOWHERE
    yy = y * y % _P
    s = 4 * x * yy % _P
    zz = z * z % _P
    m = 3 * (x - zz) * (x + zz) % _P  # a is -3
    nx = (m * m - 2 * s) % _P
    return nx, (m * (s - nx) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(one: _Jacobian, other: Point) -> _Jacobian:
    x1, y1, z1 = one
    x2, y2 = other
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % _P
    h, r = (x2 * zz - x1) % _P, (y2 * zz * z1 - y1) % _P
    if not h:
        return _NOWHERE if r else _double(one)
    hh = h * h % _P
    hhh, v = h * hh % _P, x1 * hh % _P
    nx = (r * r - hhh - 2 * v) % _P
    return nx, (r * (v - nx) - y1 * hhh) % _P, z1 * h % _P


def _affine(point: _Jacobian) -> Point | None:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return x * square % _P, y * square * inverse % _P


def _sum(first: int, second: int, other: Point) -> Point | None:
    """`first` times the base point and `second` times another, in one pass."""
    both = _affine(_add((*_G, 1), other))
    table = {(1, 0): _G, (0, 1): other, (1, 1): both}
    point = _NOWHERE
    for bit in range(255, -1, -1):
        point = _double(point)
        addend = table.get((first >> bit & 1, second >> bit & 1))
        if addend is not None:
            point = _add(point, addend)
    return _affine(point)


@cache
def public(private: int) -> Point:
    """The public point of a private number from 1 to below `ORDER`."""
    point = _sum(private, 0, _G)
    assert point is not None
    return point


def _nonce(private: int, digest: bytes) -> int:
    """RFC 6979, section 3.2."""
    seed = private.to_bytes(32, "big") + (int.from_bytes(digest, "big") % ORDER).to_bytes(32, "big")
    key, value = bytes(32), b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        key = hmac.digest(key, value + mark + seed, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        if 0 < (found := int.from_bytes(value, "big")) < ORDER:
            return found
        key = hmac.digest(key, value + b"\x00", "sha256")
        value = hmac.digest(key, value, "sha256")


def sign(private: int, text: bytes) -> bytes:
    """r and s, 32 bytes each."""
    digest = sha256(text).digest()
    nonce = _nonce(private, digest)
    point = _sum(nonce, 0, _G)
    assert point is not None
    r = point[0] % ORDER
    s = pow(nonce, -1, ORDER) * (int.from_bytes(digest, "big") + r * private) % ORDER
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verified(key: Point, text: bytes, signature: bytes) -> bool:
    """Whether this key signed this text."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not (0 < r < ORDER and 0 < s < ORDER):
        return False
    inverse = pow(s, -1, ORDER)
    point = _sum(int.from_bytes(sha256(text).digest(), "big") * inverse % ORDER, r * inverse % ORDER, key)
    return point is not None and point[0] % ORDER == r


def pem_of(private: int) -> str:
    """`-----BEGIN EC PRIVATE KEY-----`, as the venue gives a key out."""
    x, y = public(private)
    point = _POINT + b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    text = b64encode(_HEAD + private.to_bytes(32, "big") + _CURVE + point).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n"


def private_of(pem: str) -> int:
    """The private number of a PEM (RFC 5915, or PKCS 8 around it). Raises `ProtocolError`, which repeats none of it,
    also in the variables of its traceback.
    """
    found = _number(pem)
    if not found:
        raise ProtocolError("the secret is no PEM of a P-256 key", where=ADVANCED)
    return found


def _number(pem: str) -> int:
    """0 for what is none."""
    lines = [line.strip() for line in pem.replace("\\n", "\n").splitlines()]
    try:
        der = b64decode("".join(line for line in lines if not line.startswith("-----")), validate=True)
        start = der.index(b"\x04\x20") + 2
        found = int.from_bytes(der[start : start + 32], "big")
    except ValueError:
        return 0
    return found if 0 < found < ORDER and lines and lines[0].startswith("-----BEGIN") else 0


def token(pem: str, head: object, claims: object) -> str:
    """A signed token. Raises `ProtocolError` for a secret that is no key."""
    text = ".".join(_packed(msgspec.json.encode(one)) for one in (head, claims))
    return f"{text}.{_packed(sign(private_of(pem), text.encode()))}"


def unpacked(part: str) -> bytes:
    """Of base64 for URLs, without its `=`. Raises `ValueError`."""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _packed(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
