"""A stranger's action codec behind its contract: whatever it raises or returns is an outcome that the contract allows.

Enters: actions, answers, a codec that somebody else wrote. Leaves: outcomes, requests, errors of codecs. Never: an
exception that ends the run, the stranger's own text (it may quote the secret), an unreadable answer to what changes
something that passes for "not done".
"""

from urllib.parse import urlsplit

from cryptopipe.errors import CryptopipeError, ProtocolError, UnknownOutcome, VenueError
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.actions import MUTATING, Action, ActionCodec, FetchAddress, FetchFees, FetchKey, venue_of
from cryptopipe.model.outcomes import More, Outcome, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

MOST_PARTS = 1_000
"""Requests that one question may take; a codec that wants more than that would want them for ever."""

_ASKED_FOR = {FetchKey: "key", FetchFees: "fees", FetchAddress: "address"}
"""By question what its answer must have."""


def read(
    codec: ActionCodec, action: Action, response: HttpResponse, earlier: tuple[HttpResponse, ...]
) -> Outcome | CryptopipeError:
    """What the answer means, or the error that it is."""
    try:
        outcome = codec.parse(action, response, earlier)
    except Exception as error:  # noqa: BLE001 -- a stranger's codec
        return _left_open(action, as_refusal(error))
    why = _wrong(action, outcome, len(earlier))
    return _left_open(action, ProtocolError(why, where=venue_of(action))) if why else outcome


def request_of(
    codec: ActionCodec, action: Action, credentials: Credentials, at: int, earlier: tuple[HttpResponse, ...]
) -> HttpRequest:
    """The signed request. Raises `ProtocolError` or `VenueError`."""
    try:
        request = codec.build(action, credentials, at, earlier)
    except Exception as error:  # noqa: BLE001 -- a stranger's codec
        raise as_refusal(error) from None
    return sendable(request)


def sendable(request: HttpRequest) -> HttpRequest:
    """The same. Raises `ProtocolError` for what no client of HTTP would take."""
    if not isinstance(request, HttpRequest):
        raise ProtocolError(f"the plugin made {type(request).__name__} in place of a request")
    texts = (request.method, request.url, *request.headers, *request.headers.values())
    if not (all(isinstance(text, str) for text in texts) and isinstance(request.body, bytes | None)):
        raise ProtocolError("the plugin made a request whose method, URL or headers are no text, or its body no bytes")
    if not _leads_somewhere(request.url):
        raise ProtocolError("the plugin made a request whose URL is none of a venue")
    return request


def _leads_somewhere(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _wrong(action: Action, outcome: object, parts: int) -> str:
    """Why this cannot be the outcome; empty if it can."""
    kind = type(action).__name__
    if not isinstance(outcome, Outcome):
        return f"the plugin made {type(outcome).__name__} of the answer to {kind}"
    if isinstance(outcome, More) and (type(action) in MUTATING or parts >= MOST_PARTS):
        return f"the plugin wants more than {parts + 1} requests for {kind}"
    wanted = _ASKED_FOR.get(type(action), "")
    if wanted and isinstance(outcome, Reports) and getattr(outcome, wanted) is None:
        return f"the answer to {kind} tells no {wanted}"
    return ""


def _left_open(action: Action, error: ProtocolError | VenueError) -> CryptopipeError:
    """Nobody knows what an order came to whose answer cannot be read."""
    if type(action) in MUTATING and isinstance(error, ProtocolError):
        return UnknownOutcome(error.message, where=venue_of(action))
    return error
