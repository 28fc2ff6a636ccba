"""The kit of action codecs: orders, cancellations and withdrawals as requests, and what their answers mean.

Enters: class attributes of a subclass. Leaves: numbered checks A1 to A6. Never: a request that is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cryptopipe.api import (
    MUTATING,
    Accepted,
    Action,
    ActionCodec,
    Credentials,
    HttpRequest,
    HttpResponse,
    Nanos,
    ProtocolError,
    Refused,
    UnknownOutcome,
    VenueError,
)
from cryptopipe.testing.checks import Judged, not_applicable, numbered, require
from cryptopipe.testing.corpus import AT
from cryptopipe.testing.mutations import mutations
from cryptopipe.testing.purity import forbidden_in, plugin_modules, trapped
from cryptopipe.testing.signing import CREDENTIALS, hidden

_MUTATIONS = 100
_SERVER_ERRORS = (500, 502, 503, 504, 520, 408)
_UNREADABLE = (b"", b"<html>Bad gateway</html>", b"{}", b"[]", b"null", b'{"orderId":')


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
class Answer:
    """A documented answer to an action and what it means: an `Outcome`, or the error that it must raise."""

    action: Action
    status: int
    body: bytes
    means: Accepted | Refused | type[VenueError]
    source: str


class ActionConformance(Judged):
    """Subclass it as `Test…` with `name`, `codec`, `actions` (one of each kind that it supports), `vectors`, `answers`.

    Each code of `documented_codes` must be among the answers, and each of `ambiguous_codes` must there be an
    `UnknownOutcome`. A server's errors and unreadable answers are tried on each mutating action.
    """

    name: ClassVar[str] = ""
    codec: ClassVar[ActionCodec]
    actions: ClassVar[Sequence[Action]]
    vectors: ClassVar[Sequence[Vector]] = ()
    answers: ClassVar[Sequence[Answer]] = ()
    documented_codes: ClassVar[Sequence[str]] = ()
    ambiguous_codes: ClassVar[Sequence[str]] = ()
    credentials: ClassVar[Credentials] = CREDENTIALS

    @classmethod
    def of(cls) -> str:
        """The plugin whose actions these are."""
        return cls.name

    @numbered("A1 build")
    def test_a1_build(self) -> None:
        """The same arguments give the same request, whatever was built before; another time gives another."""
        found = [what for path in plugin_modules(self.codec) for what in forbidden_in(path)]
        require(not found, f"{self.name} is not pure: {'; '.join(found)}")
        kinds = {type(action) for action in self.actions}
        missing = sorted(kind.__name__ for kind in self.codec.supports - kinds)
        require(not missing, f"{self.name}: no action of {missing} is given to be built")
        first = [self._built(action) for action in self.actions]
        for action, request in zip(reversed(self.actions), reversed(first), strict=True):
            again = self._built(action)
            require(again == request, f"{self.name}: building {type(action).__name__} again gave another request")
        for action in self.actions:
            other = Credentials("another-key", self.credentials.secret[::-1], self.credentials.passphrase)
            require(
                self.codec.build(action, other, AT) != self._built(action),
                f"{self.name}: {type(action).__name__} is the same with other credentials: it is not signed",
            )
        self.tell(f"{len(self.actions)} actions of {len(kinds)} kinds")

    @numbered("A2 secrecy")
    def test_a2_secrecy(self) -> None:
        """The secret is in no repr, URL, header or body."""
        for action in self.actions:
            request = self._built(action)
            where = f"{self.name}, {type(action).__name__}"
            hidden(where, request, self.credentials)
            require(self.credentials.secret not in repr(request), f"{where}: the secret is in the repr of the request")
            require(request.url.startswith("https://"), f"{where}: goes to {request.url}, not https://…")
        shown = repr(self.codec) + repr(vars(self.codec) if hasattr(self.codec, "__dict__") else "")
        require(self.credentials.secret not in shown, f"{self.name}: the codec keeps the secret")
        self.tell(f"{len(self.actions)} requests")

    @numbered("A3 signature")
    def test_a3_signature(self) -> None:
        """The signature is the one that the venue's page shows."""
        require(bool(self.vectors), f"{self.name}: no published signature is given: a wrong one would not be noticed")
        for vector in self.vectors:
            request = self.codec.build(vector.action, vector.credentials, vector.at)
            told = f"{request.url} {dict(request.headers)} {(request.body or b'').decode('utf-8', 'replace')}"
            for text in (vector.signature, *vector.contains):
                shown = told.replace(vector.credentials.secret, "…")
                require(text in told, f"{self.name}: {vector.source}: {text} is not in the request: {shown}")
        self.tell(f"{len(self.vectors)} published signatures")

    @numbered("A4 answers")
    def test_a4_answers(self) -> None:
        """Every documented answer means what its page says, and every documented code is among them."""
        require(bool(self.answers), f"{self.name}: no documented answer is given")
        for answer in self.answers:
            got = self._parsed(answer.action, answer.status, answer.body)
            require(
                _same(got, answer.means),
                f"{self.name}: {answer.source}: {answer.status} {answer.body[:120]!r} to "
                f"{type(answer.action).__name__}: expected {_named(answer.means)}, parsed {got!r}",
            )
        bodies = b"\n".join(answer.body for answer in self.answers)
        unmapped = [code for code in self.documented_codes if code.encode() not in bodies]
        require(not unmapped, f"{self.name}: no answer shows the documented codes {unmapped}")
        self.tell(f"{len(self.answers)} answers, {len(self.documented_codes)} codes")

    @numbered("A5 ambiguous")
    def test_a5_ambiguous(self) -> None:
        """What leaves execution open is `UnknownOutcome`: nobody sends it again, nobody believes it refused."""
        told = {code: [a for a in self.answers if code.encode() in a.body] for code in self.ambiguous_codes}
        for code, answers in told.items():
            means = {_named(answer.means) for answer in answers}
            require(means == {"UnknownOutcome"}, f"{self.name}: the ambiguous code {code} means {sorted(means)}")
        mutating = [action for action in self.actions if type(action) in MUTATING]
        if not mutating:
            not_applicable(f"{self.name} changes nothing")
        for action in mutating:
            for status, body in [*((status, b"") for status in _SERVER_ERRORS), *((200, body) for body in _UNREADABLE)]:
                got = self._parsed(action, status, body)
                require(
                    isinstance(got, UnknownOutcome),
                    f"{self.name}: {status} {body!r} to {type(action).__name__} leaves it open, parsed {got!r}",
                )
        self.tell(f"{len(told)} codes, {len(mutating) * (len(_SERVER_ERRORS) + len(_UNREADABLE))} open answers")

    @numbered("A6 mutations")
    def test_a6_mutations(self) -> None:
        """A damaged answer gives an outcome or a `VenueError`; to a mutating action never a `ProtocolError`, which says
        nothing about what was done, and never an id that the answer does not write."""
        for answer in self.answers:
            for damaged in mutations(answer.body, _MUTATIONS):
                got = self._parsed(answer.action, answer.status, damaged)
                where = f"{self.name}, a mutation of {answer.status} {answer.body[:80]!r}: {damaged[:200]!r}"
                if isinstance(got, Accepted):
                    written = bool(got.venue_id) and got.venue_id.encode("utf-8", "replace") in damaged
                    require(written, f"{where} was accepted as {got.venue_id!r}, which it does not write")
                elif not isinstance(got, Refused | VenueError):
                    allowed = isinstance(got, ProtocolError) and type(answer.action) not in MUTATING
                    require(allowed, f"{where} gave {type(got).__name__}: {got}")
        self.tell(f"{len(self.answers) * _MUTATIONS} damaged answers")

    def _built(self, action: Action) -> HttpRequest:
        with trapped() as touched:
            request = self.codec.build(action, self.credentials, AT)
        require(not touched, f"{self.name}: building {type(action).__name__} touches {touched}: `at` is the time")
        require(
            isinstance(request, HttpRequest), f"{self.name}: build gives {type(request).__name__}, not one HttpRequest"
        )
        return request

    def _parsed(self, action: Action, status: int, body: bytes) -> Any:
        """The outcome, or the error that was raised."""
        with trapped() as touched:
            got = _outcome(self.codec, action, HttpResponse(status, body))
        require(not touched, f"{self.name}: parsing touches {touched}: nothing is tried again here")
        return got


def _outcome(codec: ActionCodec, action: Action, response: HttpResponse) -> Any:
    try:
        return codec.parse(action, response)
    except (ProtocolError, VenueError) as error:
        return error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        return error


def _same(got: Any, means: Any) -> bool:
    return type(got) is means if isinstance(means, type) else bool(got == means)


def _named(means: Any) -> str:
    return means.__name__ if isinstance(means, type) else repr(means)
