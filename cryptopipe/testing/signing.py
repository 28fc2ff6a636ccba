"""Check 13: where public streams need a key, the secret stays with its owner.

Enters: a plugin with a signer, credentials that are easily found again, a documented answer. Leaves: nothing, or where
the secret shows. Never: a real key.
"""

import msgspec

from cryptopipe.api import (
    Credentials,
    ExchangePlugin,
    HttpRequest,
    HttpResponse,
    Instrument,
    ProtocolError,
    StreamAuth,
    StreamSigner,
    Subscription,
    VenueError,
)
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT
from cryptopipe.testing.damage import MUTATIONS, damaged_answers, wished
from cryptopipe.testing.purity import trapped

CREDENTIALS = Credentials(
    "key-of-the-conformance-kit", "c2VjcmV0LW9mLXRoZS1jb25mb3JtYW5jZS1raXQ=", "phrase-of-the-conformance-kit"
)
"""The secret is also base64, as some venues hand it out."""

_SHARE = 10
"""A long run damages one answer for so many frames."""


def judge_signing(
    plugin: ExchangePlugin,
    signer: StreamSigner,
    credentials: Credentials,
    answer: HttpResponse | None,
    instrument: Instrument,
) -> str:
    """What was counted. Raises `AssertionError`."""
    venue, secret = plugin.venue, credentials.secret
    require(bool(signer.channels), f"{venue}: its signer signs no channel")
    with trapped() as touched:
        request, again = signer.request(credentials, AT), signer.request(credentials, AT)
    require(not touched, f"{venue}: signing touches {touched}: nonce and time are arguments")
    require(request == again, f"{venue}: two requests from the same arguments differ: {_shown(request, secret)}")
    if request is not None:
        hidden(f"{venue}, the request of a token", request, credentials)
        require(answer is not None, f"{venue}: it asks for a token: give the documented answer as token_answer")
    with trapped() as touched:
        auth, other = (signer.auth(credentials, answer if request else None, AT) for _ in range(2))
    require(not touched, f"{venue}: signing touches {touched}: nonce and time are arguments")
    require(auth == other, f"{venue}: two signatures from the same arguments differ")
    require(isinstance(auth, StreamAuth), f"{venue}: auth gives {type(auth).__name__}, not StreamAuth")
    require(secret not in repr(signer), f"{venue}: the secret is in the repr of the signer")
    told = (auth.token, *auth.headers.values())
    require(any(told), f"{venue}: the signature is empty")
    require(not any(secret in one for one in told), f"{venue}: the secret is in the StreamAuth that the codec gets")
    damaged = _damaged(venue, signer, credentials, answer) if request is not None and answer is not None else 0
    counts = f"{_placed(plugin, signer, auth, instrument, secret)} channels, the secret nowhere"
    return f"{counts}; {damaged} damaged answers" if wished() else counts


def _damaged(venue: str, signer: StreamSigner, credentials: Credentials, answer: HttpResponse) -> int:
    """A damaged answer is a token or a typed error, and neither tells the secret. How many were tried."""
    where = f"{venue}, a mutation of the answer to the request of a token"

    def read(body: bytes) -> None:
        try:
            auth = signer.auth(credentials, msgspec.structs.replace(answer, body=body), AT)
        except (ProtocolError, VenueError) as error:
            require(credentials.secret not in str(error), f"{where}: the secret is in the error")
            raise
        texts = (auth.token, *auth.headers.values())
        require(all(isinstance(one, str) for one in texts), f"{where}: {body[:200]!r} gave a token that is no text")
        require(any(texts), f"{where}: {body[:200]!r} gave an empty token")

    count = max(MUTATIONS, wished() // _SHARE)
    damaged_answers(answer.body, count, read, where)
    return count


def _placed(plugin: ExchangePlugin, signer: StreamSigner, auth: StreamAuth, instrument: Instrument, secret: str) -> int:
    """Each signed channel sends what the signer made, and would send something else without."""
    for channel in signer.channels:
        makers = [d.feed for d in plugin.dialects if channel in d.channels] or [plugin.feed]
        wanted = (Subscription(instrument, channel),)
        signed, other = (makers[0]().connect(wanted, one, AT) for one in (auth, _another(auth)))
        require(
            secret not in f"{signed.url}{signed.frames}", f"{plugin.venue}: the secret is in what {channel.value} sends"
        )
        require(signed != other, f"{plugin.venue}: {channel.value} does not send the signature")
    return len(signer.channels)


def _another(auth: StreamAuth) -> StreamAuth:
    return StreamAuth(f"{auth.token}-other", {name: f"{value}-other" for name, value in auth.headers.items()})


def hidden(where: str, request: HttpRequest, credentials: Credentials) -> None:
    """The secret is in no part of a request, nor in its repr. Raises `AssertionError`."""
    parts = {
        "URL": request.url,
        "headers": "\n".join(f"{name}: {value}" for name, value in request.headers.items()),
        "body": (request.body or b"").decode("utf-8", "replace"),
    }
    for name, text in parts.items():
        require(credentials.secret not in text, f"{where}: the secret is in its {name}")


def _shown(request: HttpRequest | None, secret: str) -> str:
    if request is None:
        return "None"
    told = f"{request.method} {request.url} {dict(request.headers)} {request.body!r}"
    return told.replace(secret, "…")
