"""What an answer that is no success means: by the venue's own table first, then by ccxt's class of error.

Enters: an action, an answer, what ccxt raised. Leaves: an outcome, or the error to be raised. Never: a refusal where
the venue may have done something, or a text of ccxt's, which holds the signed URL.
"""

from collections.abc import Mapping
from typing import Any

from cryptopipe.act.action_rules import ActionRules, Means, Row, at_path
from cryptopipe.errors import CryptopipeError, ProtocolError, RateLimited, UnknownOutcome, VenueError, VenueUnavailable
from cryptopipe.model.actions import MUTATING, Action, MoveFunds, PlaceOrder, Withdraw, venue_of
from cryptopipe.model.outcomes import NotFound, Refused
from cryptopipe.model.stream import HttpResponse

_LIMITED = frozenset({418, 429})
_MAKING = (PlaceOrder, Withdraw, MoveFunds)
"""What these are about is not there yet: what is missing is something else, and they are refused."""
_LONGEST = 200
"""Characters of a venue's text that a message repeats."""

_CLASSES: tuple[tuple[str, Means], ...] = (
    ("OrderNotFound", Means.NOT_FOUND),
    ("RateLimitExceeded", Means.LIMITED),
    ("DDoSProtection", Means.LIMITED),
    ("AuthenticationError", Means.DENIED),
    ("InvalidNonce", Means.DENIED),
    ("InsufficientFunds", Means.REFUSED),
    ("InvalidAddress", Means.REFUSED),
    ("InvalidOrder", Means.REFUSED),
    ("OperationRejected", Means.REFUSED),
    ("BadRequest", Means.REFUSED),
    ("ArgumentsRequired", Means.REFUSED),
)
"""ccxt's classes that say by themselves that nothing was done; all others leave it open."""


class Verdicts:
    """Judges the answers of one venue."""

    def __init__(self, rules: ActionRules) -> None:
        self._rules = rules

    def told(self, document: Any) -> tuple[str, str]:
        """The code and the text of an error as the answer has them, empty where it has none."""
        code = next((str(one) for one in self._at(document, self._rules.code_at) if _spoken(one)), "")
        text = next((str(one) for one in self._at(document, self._rules.text_at) if _spoken(one)), "")
        return ("" if code in self._rules.fine else code), text[:_LONGEST]

    def _at(self, document: Any, paths: Any) -> list[Any]:
        return [at_path(document, path) for path in paths]

    def by_table(
        self, action: Action, response: HttpResponse, document: Any
    ) -> Refused | NotFound | CryptopipeError | None:
        """What the first row that fits says; None if none does."""
        code, text = self.told(document)
        written = text or ("" if document is not None else response.body[:_LONGEST].decode("utf-8", "replace"))
        for row in self._rules.table:
            if _fits(row, action, response.status, code, written):
                return self._verdict(row.means, action, response, code, text)
        if response.status in _LIMITED:
            return self._verdict(Means.LIMITED, action, response, code, text)
        if response.status >= 500 or response.status == 408:
            means = Means.OPEN if type(action) in MUTATING else Means.DOWN
            return self._verdict(means, action, response, code, text)
        return None

    def by_class(
        self, action: Action, response: HttpResponse, document: Any, error: BaseException, errors: Mapping[str, Any]
    ) -> Refused | NotFound | CryptopipeError:
        """What ccxt took the answer for."""
        code, text = self.told(document)
        means = next((means for name, means in _CLASSES if isinstance(error, errors[name])), Means.OPEN)
        if means is Means.OPEN and not isinstance(error, errors["OperationFailed"]):
            by_status = 400 <= response.status < 500 and document is not None
            if by_status or type(action) not in MUTATING:
                means = Means.REFUSED  # what HTTP calls a faulty request, or a question: by a code unknown to ccxt
        return self._verdict(means, action, response, code, text)

    def unreadable(self, action: Action, response: HttpResponse, why: str) -> CryptopipeError:
        """An answer that does not say what it should."""
        where = venue_of(action)
        told = f"HTTP {response.status} to {type(action).__name__} cannot be read: {why}"
        if type(action) in MUTATING:
            return UnknownOutcome(told, where=where)
        return VenueError(told, where=where) if response.status >= 400 else ProtocolError(told, where=where)

    def _verdict(
        self, means: Means, action: Action, response: HttpResponse, code: str, text: str
    ) -> Refused | NotFound | CryptopipeError:
        where, changes = venue_of(action), type(action) in MUTATING
        told = f"HTTP {response.status} to {type(action).__name__}" + f", code {code}" * bool(code)
        told += f": {text}" * bool(text)
        match means:
            case Means.NOT_FOUND if not isinstance(action, _MAKING):
                return NotFound(code, text)
            case Means.NOT_FOUND:
                return Refused(code or str(response.status), text)
            case Means.LIMITED:
                wait = next((value for name, value in response.headers.items() if name.lower() == "retry-after"), "")
                return RateLimited(told + f", retry after {wait}" * bool(wait), where=where)
            case Means.DENIED:
                return VenueError(told, where=where)
            case Means.DOWN:
                return VenueUnavailable(told, where=where)
            case Means.REFUSED if changes:
                return Refused(code or str(response.status), text)
            case Means.OPEN if changes:
                return UnknownOutcome(told, where=where)
            case Means.OPEN:
                return VenueUnavailable(told, where=where)
            case _:
                return VenueError(told, where=where)


def _spoken(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _fits(row: Row, action: Action, status: int, code: str, text: str) -> bool:
    return (
        (not row.kinds or type(action) in row.kinds)
        and (not row.statuses or status in row.statuses)
        and (not row.codes or code in row.codes)
        and row.text.lower() in text.lower()
    )
