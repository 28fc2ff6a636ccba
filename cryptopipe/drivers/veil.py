"""What we signed with does not come back in: an answer that repeats our key, signature or token is masked first.

Enters: a key, the request that was signed with it, what a venue answered. Leaves: the answer, `***` for each such text.
Never: a change to what repeats nothing of ours, or a mask of a text so short that it may be anything.
"""

from collections.abc import Callable, Iterable
from urllib.parse import quote

from cryptopipe.capture.redact import secrets_of
from cryptopipe.model.stream import Credentials, HttpRequest, StreamAuth

SHORTEST = 8
"""Characters of a text that is masked; keys, signatures and tokens of real venues have 18 and more."""
_ENOUGH = 16
"""Characters of the beginning of a longer text that give it away: an answer may quote a part of it."""

Veil = Callable[[bytes], bytes]


def veil(texts: Iterable[str]) -> Veil:
    """What masks these texts, as they are, as a URL has them or as JSON has them, and beginnings of 16 characters."""
    by_beginning: dict[bytes, set[bytes]] = {}
    for form in {form for text in texts if len(text) >= SHORTEST for form in _forms(text)}:
        by_beginning.setdefault(form[:_ENOUGH], set()).add(form)
    beginnings = sorted(by_beginning, key=lambda form: (-len(form), form))

    def masked(payload: bytes) -> bytes:
        for beginning in beginnings:
            if beginning in payload:
                payload = _without(payload, beginning, by_beginning[beginning])
        return payload

    return masked


def of_request(credentials: Credentials, request: HttpRequest) -> Veil:
    """For the answer to a signed request, or what a library says of why there is none."""
    return veil((*_of_key(credentials), *secrets_of(request)))


def of_stream(credentials: Credentials, auth: StreamAuth) -> Veil:
    """For what a signed stream tells."""
    return veil((*_of_key(credentials), auth.token, *secrets_of(HttpRequest("", "", auth.headers))))


def _of_key(credentials: Credentials) -> tuple[str, ...]:
    return credentials.key, str(credentials.secret), credentials.passphrase


def _forms(text: str) -> set[bytes]:
    written = {text, quote(text, safe=""), quote(text), text.replace("/", "\\/"), text.replace("\n", "\\n")}
    return {form.encode(errors="replace") for form in written}


def _without(payload: bytes, beginning: bytes, forms: Iterable[bytes]) -> bytes:
    """Each such beginning is masked as far as one of the forms goes."""
    out, at = b"", 0
    while (found := payload.find(beginning, at)) >= 0:
        out += payload[at:found] + b"***"
        at = found + max(_shared(payload, found, form) for form in forms)
    return out + payload[at:]


def _shared(payload: bytes, at: int, form: bytes) -> int:
    """How much of `form` stands there."""
    rest = payload[at : at + len(form)]
    return next((index for index, (one, other) in enumerate(zip(rest, form, strict=False)) if one != other), len(rest))
