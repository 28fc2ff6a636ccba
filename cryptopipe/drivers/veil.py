"""What we signed with does not come back in: an answer that repeats our key, signature or token is masked first.

Enters: a key, what was signed with it, what a venue answered. Leaves: the answer, `***` for each such text or part of
one. Never: a change to what repeats nothing of ours, or a mask of a text so short that it may be anything.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from cryptopipe.capture.redact import secrets_of
from cryptopipe.model.stream import Credentials, HttpRequest, StreamAuth

SHORTEST = 8
"""Characters of a text that is masked; keys, signatures and tokens of real venues have 18 and more."""
_PIECE = 8
"""Bytes by which a text is found: of a part of it that has 15, one such piece is whole."""
_PART = 12
"""Bytes of a longer text that are masked where only a part of it stands."""
_WORD = re.compile(r"[\w+/=.\-]{32,}")
"""In what signs a stream in: a signature or a token, by whatever name it stands there."""

Veil = Callable[[bytes], bytes]


def veil(texts: Iterable[str]) -> Veil:
    """What masks these texts, and parts of them, as they are, as a URL has them and as JSON has them."""
    pieces: dict[bytes, list[tuple[bytes, int]]] = {}
    for form in sorted({form for text in texts if len(text) >= SHORTEST for form in _forms(text)}):
        for at in {*range(0, max(len(form) - _PIECE, 0), _PIECE), max(len(form) - _PIECE, 0)}:
            pieces.setdefault(form[at : at + _PIECE], []).append((form, at))

    def masked(payload: bytes) -> bytes:
        spans = [
            span
            for piece, homes in pieces.items()
            if piece in payload
            for found in _places(payload, piece)
            for form, at in homes
            if (span := _whole(payload, found, form, at))
        ]
        return _without(payload, sorted(spans)) if spans else payload

    return masked


def of_request(credentials: Credentials, request: HttpRequest) -> Veil:
    """For the answer to a signed request, or what a library says of why there is none."""
    return veil((*_of_key(credentials), *secrets_of(request)))


def of_stream(credentials: Credentials, auth: StreamAuth, frames: Iterable[str] = ()) -> Veil:
    """For what a stream tells that was signed in by these frames."""
    words = [word for text in (auth.token, *auth.headers.values(), *frames) for word in _WORD.findall(text)]
    return veil((*_of_key(credentials), *words, *secrets_of(HttpRequest("", "", auth.headers))))


def _of_key(credentials: Credentials) -> tuple[str, ...]:
    return credentials.key, str(credentials.secret), credentials.passphrase


def _forms(text: str) -> set[bytes]:
    written = {text, quote(text.encode(errors="replace"), safe=""), text.replace("/", "\\/"), text.replace("\n", "\\n")}
    return {form.encode(errors="replace") for form in written}


def _places(payload: bytes, piece: bytes) -> Iterator[int]:
    at = payload.find(piece)
    while at >= 0:
        yield at
        at = payload.find(piece, at + 1)


def _whole(payload: bytes, found: int, form: bytes, at: int) -> tuple[int, int] | None:
    """From where to where `form` stands there, if what is at `found` is what it has `at`; None for too small a part."""
    begin, end, ahead = found, found, at
    while begin and at and payload[begin - 1] == form[at - 1]:
        begin, at = begin - 1, at - 1
    while end < len(payload) and ahead < len(form) and payload[end] == form[ahead]:
        end, ahead = end + 1, ahead + 1
    return (begin, end) if end - begin >= min(len(form), _PART) else None


def _without(payload: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    out, at = b"", 0
    for begin, end in spans:
        if begin >= at:
            out += payload[at:begin] + b"***"
        at = max(at, end)
    return out + payload[at:]
