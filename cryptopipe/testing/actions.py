"""The kit of action codecs: what is asked of a private side as requests, and what the answers mean.

Enters: class attributes of a subclass. Leaves: numbered checks A1 to A7. Never: a request that is sent.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from cryptopipe.api import (
    MUTATING,
    Accepted,
    Action,
    ActionCodec,
    Credentials,
    FetchCurrencies,
    FetchTime,
    HttpRequest,
    HttpResponse,
    More,
    NotFound,
    PlaceOrder,
    ProtocolError,
    Refused,
    Reports,
    UnknownOutcome,
    VenueError,
    Withdraw,
)
from cryptopipe.testing.action_samples import (
    Answer,
    Published,
    Vector,
    amounts_in,
    finer,
    functions_of,
    holds,
    read_text,
)
from cryptopipe.testing.checks import Judged, not_applicable, numbered, require
from cryptopipe.testing.corpus import AT
from cryptopipe.testing.mutations import mutations
from cryptopipe.testing.purity import forbidden_in, plugin_modules, trapped
from cryptopipe.testing.signing import CREDENTIALS, hidden

__all__ = ["ActionConformance", "Answer", "Published", "Vector"]

_MUTATIONS = 100
_SERVER_ERRORS = (500, 502, 503, 504, 520, 408, 599)
"""599: the driver's word for no answer at all."""
_UNREADABLE = (b"", b"<html>Bad gateway</html>", b"{}", b"[]", b"null", b'{"orderId":')
_UNUSABLE = Credentials("key", "a secret, which is no base64: \u20ac", "phrase")
_PUBLIC = (FetchTime, FetchCurrencies)
_WITH_ID = (PlaceOrder, Withdraw)


class ActionConformance(Judged):
    """Subclass it as `Test…` with `name`, `codec`, `actions` (one of each kind that it supports), `vectors`, `answers`.

    Each code of `documented_codes` must be among the answers, and each of `ambiguous_codes` must there be an
    `UnknownOutcome`. A server's errors and unreadable answers are tried on each action. `vectors` are actions whose
    signature the venue published; where its examples are of requests that no action makes, `published` has those and
    the method `signature_of` computes a request's signature apart from the codec: it must give the published one, and
    then that of every request built. A codec with a method `load` has it called before anything is judged.
    """

    name: ClassVar[str] = ""
    codec: ClassVar[ActionCodec]
    actions: ClassVar[Sequence[Action]]
    vectors: ClassVar[Sequence[Vector]] = ()
    published: ClassVar[Sequence[Published]] = ()
    answers: ClassVar[Sequence[Answer]] = ()
    documented_codes: ClassVar[Sequence[str]] = ()
    ambiguous_codes: ClassVar[Sequence[str]] = ()
    credentials: ClassVar[Credentials] = CREDENTIALS

    @classmethod
    def of(cls) -> str:
        """The plugin whose actions these are."""
        return cls.name

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        """A request's signature by the venue's recipe, as the author of the test reads it; empty for none."""
        return ""

    @numbered("A1 build")
    def test_a1_build(self) -> None:
        """The same arguments give the same request, whatever was built before; another time gives another."""
        parts = (self.codec, *functions_of(getattr(self.codec, "rules", None)))
        found = [what for path in plugin_modules(*parts) for what in forbidden_in(path)]
        require(not found, f"{self.name} is not pure: {'; '.join(found)}")
        kinds = {type(action) for action in self.actions}
        missing = sorted(kind.__name__ for kind in self.codec.supports - kinds)
        require(not missing, f"{self.name}: no action of {missing} is given to be built")
        first = [self._built(action) for action in self.actions]
        for action, request in zip(reversed(self.actions), reversed(first), strict=True):
            again = self._built(action)
            require(again == request, f"{self.name}: building {type(action).__name__} again gave another request")
        for action in (one for one in self.actions if not isinstance(one, _PUBLIC)):
            other = Credentials("another-key", self.credentials.secret[::-1], self.credentials.passphrase)
            require(
                self.codec.build(action, other, AT) != self._built(action),
                f"{self.name}: {type(action).__name__} is the same with other credentials: it is not signed",
            )
        self.tell(f"{len(self.actions)} actions of {len(kinds)} kinds")

    @numbered("A2 secrecy")
    def test_a2_secrecy(self) -> None:
        """The secret is in no repr, URL, header or body, nor in an error about credentials that cannot sign."""
        for action in self.actions:
            request = self._built(action)
            where = f"{self.name}, {type(action).__name__}"
            hidden(where, request, self.credentials)
            require(self.credentials.secret not in repr(request), f"{where}: the secret is in the repr of the request")
            require(request.url.startswith("https://"), f"{where}: goes to {request.url}, not https://…")
        require(not holds(self.codec, str(self.credentials.secret)), f"{self.name}: the codec keeps the secret")
        for action in self.actions:
            told = _attempt(partial(self.codec.build, action, _UNUSABLE, AT))
            if isinstance(told, BaseException):
                where = f"{self.name}, {type(action).__name__}"
                require(isinstance(told, VenueError), f"{where}: an unusable secret raises {type(told).__name__}")
                require(_UNUSABLE.secret not in f"{told} {told.args}", f"{where}: an error tells the secret")
        self.tell(f"{len(self.actions)} requests")

    @numbered("A3 signature")
    def test_a3_signature(self) -> None:
        """The signature is the one that the venue's page shows."""
        require(
            bool(self.vectors or self.published),
            f"{self.name}: no published signature is given: a wrong one would not be noticed",
        )
        for vector in self.vectors:
            request = self.codec.build(vector.action, vector.credentials, vector.at)
            for text in (vector.signature, *vector.contains):
                shown = read_text(request).replace(vector.credentials.secret, "…")
                require(
                    text in read_text(request), f"{self.name}: {vector.source}: {text} is not in the request: {shown}"
                )
        for one in self.published:
            got = self.signature_of(one.request, one.credentials)
            require(got == one.signature, f"{self.name}: {one.source}: the signature is {one.signature}, not {got!r}")
        signed = [one for one in self.actions if self.published and not isinstance(one, _PUBLIC)]
        for action in signed:
            request = self._built(action)
            require(
                self.signature_of(request, self.credentials) in read_text(request),
                f"{self.name}: {type(action).__name__} is not signed as the venue's recipe says",
            )
        self.tell(f"{len(self.vectors) + len(self.published)} published signatures, {len(signed)} computed")

    @numbered("A4 answers")
    def test_a4_answers(self) -> None:
        """Every documented answer means what its page says, and every documented code is among them."""
        require(bool(self.answers), f"{self.name}: no documented answer is given")
        for answer in self.answers:
            got = self._parsed(answer.action, answer.response, answer.earlier)
            require(
                _same(got, answer.means),
                f"{self.name}: {answer.source}: {answer.status} {answer.body[:120]!r} to "
                f"{type(answer.action).__name__}: expected {_named(answer.means)}, parsed {got!r}",
            )
            if isinstance(got, More):
                self._asks_on(answer)
        bodies = b"\n".join(answer.body for answer in self.answers)
        unmapped = [code for code in self.documented_codes if code.encode() not in bodies]
        require(not unmapped, f"{self.name}: no answer shows the documented codes {unmapped}")
        self.tell(f"{len(self.answers)} answers, {len(self.documented_codes)} codes")

    def _asks_on(self, answer: Answer) -> None:
        """A question may take another request, which is another; what changes something never does."""
        where = f"{self.name}, {type(answer.action).__name__}"
        require(type(answer.action) not in MUTATING, f"{where}: what changes something is one request, not more")
        former = self.codec.build(answer.action, self.credentials, AT, answer.earlier)
        again = self.codec.build(answer.action, self.credentials, AT, (*answer.earlier, answer.response))
        require(again != former, f"{where}: asks for more, and would send the same request again")

    @numbered("A5 ambiguous")
    def test_a5_ambiguous(self) -> None:
        """What leaves execution open is `UnknownOutcome`: nobody sends it again, nobody believes it refused. To a
        question it is another `VenueError` or a `ProtocolError`: nothing is open."""
        told = {code: [a for a in self.answers if code.encode() in a.body] for code in self.ambiguous_codes}
        for code, answers in told.items():
            means = {_named(answer.means) for answer in answers if type(answer.action) in MUTATING}
            require(means == {"UnknownOutcome"}, f"{self.name}: the ambiguous code {code} means {sorted(means)}")
        if not any(type(action) in MUTATING for action in self.actions):
            not_applicable(f"{self.name} changes nothing")
        broken = [HttpResponse(status, b"") for status in _SERVER_ERRORS]
        unreadable = [HttpResponse(200, body) for body in _UNREADABLE]
        for action in self.actions:
            opened = type(action) in MUTATING
            for response in [*broken, *(unreadable if opened else ())]:
                got = self._parsed(action, response)
                right = isinstance(got, VenueError | ProtocolError) and isinstance(got, UnknownOutcome) is opened
                require(
                    right,
                    f"{self.name}: {response.status} {response.body!r} to {type(action).__name__} leaves it "
                    f"{'open' if opened else 'unanswered'}, parsed {got!r}",
                )
        self.tell(f"{len(told)} codes, {len(self.actions) * len(broken)} server errors")

    @numbered("A6 mutations")
    def test_a6_mutations(self) -> None:
        """A damaged answer gives an outcome or a `VenueError`; to a mutating action never a `ProtocolError`, which says
        nothing about what was done, and never an id that the answer does not write."""
        for answer in self.answers:
            for damaged in mutations(answer.body, _MUTATIONS):
                got = self._parsed(answer.action, HttpResponse(answer.status, damaged), answer.earlier)
                where = f"{self.name}, a mutation of {answer.status} {answer.body[:80]!r}: {damaged[:200]!r}"
                if isinstance(got, Accepted):
                    written = got.venue_id.encode("utf-8", "replace") in damaged
                    known = bool(got.venue_id) or not isinstance(answer.action, _WITH_ID)
                    require(written and known, f"{where} was accepted as {got.venue_id!r}, which it does not write")
                elif not isinstance(got, Refused | NotFound | VenueError):
                    allowed = isinstance(got, ProtocolError | Reports | More) and type(answer.action) not in MUTATING
                    require(allowed, f"{where} gave {type(got).__name__}: {got}")
        self.tell(f"{len(self.answers) * _MUTATIONS} damaged answers")

    @numbered("A7 exact")
    def test_a7_exact(self) -> None:
        """What is asked for is what is sent, to the last of more digits than a float has, or it is refused."""
        fine = [finer(action) for action in self.actions if amounts_in(action)]
        if not fine:
            not_applicable(f"{self.name} sends no amount")
        for action in fine:
            refused = _attempt(partial(self.codec.build, action, self.credentials, AT))
            if isinstance(refused, VenueError):
                continue
            sent = read_text(self._built(action))
            for text in amounts_in(action):
                require(text in sent, f"{self.name}: {type(action).__name__} of {text} does not send it: {sent}")
        self.tell(f"{len(fine)} actions")

    def _built(self, action: Action) -> HttpRequest:
        self._loaded()
        with trapped() as touched:
            request = self.codec.build(action, self.credentials, AT)
        require(not touched, f"{self.name}: building {type(action).__name__} touches {touched}: `at` is the time")
        require(
            isinstance(request, HttpRequest), f"{self.name}: build gives {type(request).__name__}, not one HttpRequest"
        )
        return request

    def _parsed(self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Any:
        """The outcome, or the error that was raised."""
        self._loaded()
        more = (earlier,) if earlier else ()
        with trapped() as touched:
            got = _attempt(lambda: self.codec.parse(action, response, *more))
        require(not touched, f"{self.name}: parsing touches {touched}: nothing is tried again here")
        return got

    def _loaded(self) -> None:
        load = getattr(self.codec, "load", None)
        if load is not None:
            load()


def _attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (ProtocolError, VenueError) as error:
        return error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        return error


def _same(got: Any, means: Any) -> bool:
    return type(got) is means if isinstance(means, type) else bool(got == means)


def _named(means: Any) -> str:
    return means.__name__ if isinstance(means, type) else repr(means)
