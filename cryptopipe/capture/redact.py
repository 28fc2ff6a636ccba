"""Secrets out of inputs before they reach a disk.

Enters: an input. Leaves: the same, with `***` for keys, signatures and tokens. Never: a change to what a venue sent,
but for the answer that is a secret itself.
"""

import re
from urllib.parse import unquote

import msgspec

from cryptopipe.capture.inputs import STREAM_TOKEN, Direction, Input
from cryptopipe.model.stream import HttpRequest

_NAMES = (
    r"(?:[a-z0-9_\-]*(?:api[_\-]?key|access[_\-]?key(?:id)?|signature|secret|passphrase|password|token|authorization|jwt)"
    r"|sign|sig|authsig|[a-z0-9\-]+-sign|listenkey|cookie|set-cookie|x-auth|key)"
)
_QUERY = re.compile(rf"([?&;]{_NAMES}=)[^&;#\s]+", re.IGNORECASE)
_HEADER = re.compile(rf"(?:[a-z0-9_\-]*-)?{_NAMES}", re.IGNORECASE)
_MEMBER = re.compile(rf'("{_NAMES}"\s*:\s*)"(?:[^"\\]|\\.)*"'.encode(), re.IGNORECASE)
_SIGNED = rf"(?!key\b){_NAMES}"  # a `key` beside a signature may be the name of an address
_VALUE = re.compile(rf"(?:^|[?&;]){_SIGNED}=([^&;#\s]+)", re.IGNORECASE)
_TEXT = re.compile(rf'"{_SIGNED}"\s*:\s*"([^"\\]+)"', re.IGNORECASE)
_USER = re.compile(r"(://)[^/?#@\s]*@")


def redact_url(url: str) -> str:
    """A URL without the values of signature, key and token parameters, and without a user and password."""
    if "=" in url:
        url = _QUERY.sub(r"\1***", url)
    return _USER.sub(r"\1***@", url) if "@" in url else url


def redact_headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Headers without the values of Authorization, cookies and API keys."""
    return tuple((name, "***" if _HEADER.fullmatch(name) else value) for name, value in headers)


def redact_sent(payload: bytes) -> bytes:
    """A frame that we sent, without the texts of its key, signature and token members."""
    return _MEMBER.sub(rb'\1"***"', payload)


def secrets_of(request: HttpRequest) -> set[str]:
    """The values that a request is signed with: of its query, its headers, the form or the JSON in its body."""
    body = (request.body or b"").decode("utf-8", "replace")
    told = [*_VALUE.findall(request.url), *_VALUE.findall(body), *_TEXT.findall(body)]
    told += [value.split()[-1] for name, value in request.headers.items() if _HEADER.fullmatch(name) and value.strip()]
    return {form for one in told for form in (one, unquote(one))}


def redact_payload(entry: Input) -> bytes:
    """What a venue sent stays as it is; of what we sent the secrets are gone, and of a token's answer everything."""
    if entry.request == STREAM_TOKEN:
        return b"***"
    return redact_sent(entry.payload) if entry.direction is Direction.SEND else entry.payload


def redact(entry: Input) -> Input:
    """The input as it may be written; itself where it holds no secret."""
    if not (entry.url or entry.headers or entry.request or entry.direction is Direction.SEND):
        return entry
    return msgspec.structs.replace(
        entry,
        url=redact_url(entry.url),
        headers=redact_headers(entry.headers),
        request=redact_url(entry.request),
        payload=redact_payload(entry),
    )
