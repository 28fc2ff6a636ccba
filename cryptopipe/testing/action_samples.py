"""What the kit of action codecs is given: published signatures, documented answers; and what it reads off a request.

Enters: a plugin author's values, requests. Leaves: values, texts. Never: a judgement.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from inspect import isfunction
from urllib.parse import unquote

from msgspec.structs import replace

from cryptopipe.api import (
    Accepted,
    Action,
    Credentials,
    CryptopipeError,
    HttpRequest,
    HttpResponse,
    More,
    MoveFunds,
    Nanos,
    NotFound,
    PlaceOrder,
    Refused,
    Reports,
    Withdraw,
    plain,
)


@dataclass(frozen=True)
class Vector:
    """A signature that the venue published: this action, signed at this time with these credentials, has `signature` in
    its URL, headers or body, and each text of `contains` too. `source` is the page and the day."""

    action: Action
    credentials: Credentials
    at: Nanos
    signature: str
    source: str
    contains: Sequence[str] = ()


@dataclass(frozen=True)
class Published:
    """A signed request as the venue published it, whatever it does. `source` is the page and the day."""

    request: HttpRequest
    credentials: Credentials
    signature: str
    source: str


@dataclass(frozen=True)
class Answer:
    """A documented answer to an action and what it means: an `Outcome`, or the error that it must raise. `earlier` are
    those before it, where a question takes several requests."""

    action: Action
    status: int
    body: bytes
    means: Accepted | Refused | NotFound | Reports | More | type[CryptopipeError]
    source: str
    earlier: Sequence[HttpResponse] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def response(self) -> HttpResponse:
        """As the codec gets it."""
        return HttpResponse(self.status, self.body, headers=self.headers)


_FINE = Decimal("0.123456789012345678")


def finer(action: Action) -> Action:
    """The same action, of amounts that no float holds."""
    if isinstance(action, PlaceOrder):
        price = None if action.price is None else action.price + _FINE
        return replace(action, size=action.size + _FINE, price=price)
    if isinstance(action, Withdraw | MoveFunds):
        return replace(action, amount=action.amount + _FINE)
    return action


def amounts_in(action: Action) -> list[str]:
    """The amounts that an action's request must write."""
    if isinstance(action, PlaceOrder):
        return [plain(one) for one in (action.size, action.price) if one is not None]
    return [plain(action.amount)] if isinstance(action, Withdraw | MoveFunds) else []


def functions_of(rules: object) -> list[object]:
    """The plugin's own functions in the rules of a codec, through whatever holds them."""
    if isinstance(rules, Mapping):
        return [found for value in rules.values() for found in functions_of(value)]
    if is_dataclass(rules) and not isinstance(rules, type):
        return [found for one in fields(rules) for found in functions_of(getattr(rules, one.name))]
    return [rules] if isfunction(rules) else []


def holds(value: object, secret: str, depth: int = 5) -> bool:
    """Whether a text is in what an object keeps, whatever its `repr` shows; as deep as `depth` objects."""
    if isinstance(value, str):
        return secret in value
    if isinstance(value, bytes):
        return secret.encode() in value
    if not depth or isinstance(value, type) or isfunction(value):
        return False
    parts: list[object] = [repr(value), *vars(value).values()] if hasattr(value, "__dict__") else []
    if isinstance(value, Mapping):
        parts += [*value.keys(), *value.values()]
    elif isinstance(value, Sequence | Set):
        parts += value
    return any(holds(part, secret, depth - 1) for part in parts)


def read_text(request: HttpRequest) -> str:
    """All that a request says, also what a header has in base64."""
    body = (request.body or b"").decode("utf-8", "replace")
    texts = [request.url, unquote(request.url), str(dict(request.headers)), body, unquote(body)]
    for value in request.headers.values():
        try:
            texts.append(b64decode(value, validate=True).decode())
        except ValueError:  # no base64, or no text in it
            continue
    return " ".join(texts)
