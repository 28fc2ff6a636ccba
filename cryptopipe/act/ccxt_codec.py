"""ccxt as one more codec: an action becomes the request that ccxt would send, an answer what it says.

Enters: actions, credentials for one call, answers. Leaves: one request, or an outcome. Never: I/O, a second request for
what changes something, a secret that is kept, or an import of ccxt before something is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

from cryptopipe.act.action_rules import ActionRules, at_path
from cryptopipe.act.ccxt_calls import Calls
from cryptopipe.act.ccxt_exchange import Moment, PureExchange, read_json
from cryptopipe.act.ccxt_loading import error_classes
from cryptopipe.act.ccxt_markets import Markets
from cryptopipe.act.ccxt_reports import Reader
from cryptopipe.act.ccxt_results import Results
from cryptopipe.act.ccxt_transfers import TransferReader
from cryptopipe.act.ccxt_verdicts import Verdicts
from cryptopipe.clock import Nanos
from cryptopipe.errors import CryptopipeError, ProtocolError, UnknownOutcome, VenueError, VenueUnavailable
from cryptopipe.market.feeds import NO_ANSWER
from cryptopipe.model.actions import MUTATING, Action, CancelAll, venue_of
from cryptopipe.model.facts import Currency, Instrument, VenueId
from cryptopipe.model.outcomes import More, Outcome, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

_NOTHING = Reports()

_DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What ccxt's parsing raises on an answer that is not as documented."""


class CcxtActions:
    """An `ActionCodec` of one venue by ccxt's class `ccxt_id`.

    `instruments` are those of a run, `currencies` what the venue calls its assets, `aliases` its codes of assets that
    are not ours and `chains` its words for chains (`Codes.aliases` and `.networks`), `find` the plugin's way from a
    symbol to an instrument, for answers that speak of others. Accounts may share a codec, threads may not.
    """

    def __init__(
        self,
        ccxt_id: str,
        venue: VenueId,
        instruments: Sequence[Instrument],
        rules: ActionRules,
        *,
        currencies: Sequence[Currency] = (),
        aliases: Mapping[str, str] | None = None,
        chains: Mapping[str, str] | None = None,
        find: Callable[[str], Instrument] | None = None,
    ) -> None:
        self.supports = rules.supports
        self.rules = rules
        self._ccxt_id, self._venue = ccxt_id, venue
        self._markets = Markets(venue, instruments, rules, currencies, aliases, find)
        self._calls = Calls(rules, self._markets)
        transfers = TransferReader(venue, rules, self._markets, aliases or {}, chains or {})
        self._results = Results(rules, Reader(venue, rules, self._markets), transfers)
        self._verdicts = Verdicts(rules)
        self._made: PureExchange | None = None

    def __repr__(self) -> str:
        return f"CcxtActions({self._ccxt_id!r}, {self._venue!r})"

    def load(self) -> None:
        """Imports ccxt and makes its object now, which takes half a second, rather than when something is asked."""
        self._exchange()

    def build(
        self, action: Action, credentials: Credentials, at: Nanos, earlier: Sequence[HttpResponse] = ()
    ) -> HttpRequest:
        """The request that is next. Raises `VenueError` for what is not supported, or would take a second request."""
        if earlier and type(action) in MUTATING:
            raise VenueError(f"{type(action).__name__} is one request, and it was sent", where=venue_of(action))
        moment = Moment(at, str(getattr(action, "client_id", "")), self.rules.nonce_unit)
        errors = error_classes() if self._exchange() else {}
        try:
            request = self._exchange().request(lambda one: self._run(one, action), moment, credentials, earlier)
            failed = "" if request else "nothing is left to ask"
        except errors["BaseError"] as error:
            failed = f"ccxt refuses to build it: {type(error).__name__}{_said(error, credentials)}"
        except ProtocolError as error:  # a market that neither the run nor the plugin knows
            failed = error.message
        except _DAMAGE as error:
            failed = f"ccxt cannot build it: {type(error).__name__}"
        if failed or request is None:
            raise VenueError(f"{type(action).__name__}: {failed}", where=venue_of(action))
        self._refuse_another(action, request)
        return request

    def _refuse_another(self, action: Action, request: HttpRequest) -> None:
        """A request that does not do what was asked for is not sent."""
        if type(action) in MUTATING - self.rules.by_get and request.method == "GET":
            asked = f"GET {urlsplit(request.url).path}"
            told = f"{type(action).__name__}: ccxt would ask {asked} first; the rules' options can say what it wants"
            raise VenueError(told, where=venue_of(action))
        if isinstance(action, CancelAll) and action.instrument and not self._names(request, action.instrument):
            raise VenueError("ccxt would cancel the orders of every instrument", where=action.instrument.id)

    def _names(self, request: HttpRequest, instrument: Instrument) -> bool:
        market_id = self._markets.market_id(instrument)
        return any(one in request.url or one.encode() in (request.body or b"") for one in (market_id, quote(market_id)))

    def parse(self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome:
        """What an answer says. Raises `RateLimited`, `VenueError`, `VenueUnavailable`, `UnknownOutcome`, and for a
        question `ProtocolError`.
        """
        if response.status == NO_ANSWER:
            told = f"no answer to {type(action).__name__}"
            kind = UnknownOutcome if type(action) in MUTATING else VenueUnavailable
            raise kind(told, where=venue_of(action))
        found = self._parsed(action, response, earlier)
        if isinstance(found, CryptopipeError):
            raise found
        return found

    def _parsed(
        self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse]
    ) -> Outcome | CryptopipeError:
        document = _document(response)
        judged = self._verdicts.by_table(action, response, document)
        if judged is not None:
            return judged
        if document is None:
            return self._verdicts.unreadable(action, response, "no JSON")
        exchange, errors = self._exchange(), error_classes()
        try:
            ended, result = exchange.result(lambda one: self._run(one, action), [*earlier, response])
            if not ended:
                return self._unfinished(action, response)
            return self._evident(action, response, document, self._results.outcome(action, result))
        except errors["BaseError"] as error:
            return self._verdicts.by_class(action, response, document, error, errors)
        except ProtocolError as error:
            return self._verdicts.unreadable(action, response, error.message)
        except _DAMAGE as error:
            return self._verdicts.unreadable(action, response, type(error).__name__)

    def _run(self, exchange: Any, action: Action) -> Any:
        method, arguments = self._calls.of(exchange, action)
        ask = getattr(exchange, method) if isinstance(method, str) else method
        following = self.rules.pages.get(type(action))
        told = ask(*arguments)
        if following is None:
            return told
        listed = {one["id"]: one for one in told}
        for number in count():
            more = following(exchange._document, number)
            if more is None:
                break
            arguments = _turned(arguments, more)
            listed |= {one["id"]: one for one in ask(*arguments)}
        return list(listed.values())

    def _unfinished(self, action: Action, response: HttpResponse) -> Outcome | CryptopipeError:
        if type(action) in MUTATING:
            return self._verdicts.unreadable(action, response, "ccxt would send a second request")
        return More()

    def _evident(
        self, action: Action, response: HttpResponse, document: Any, outcome: Outcome
    ) -> Outcome | CryptopipeError:
        """Of what changed something only what the answer itself shows; that there is nothing only where it says so."""
        if type(action) in MUTATING:
            shown = getattr(outcome, "venue_id", "")
            path = self.rules.evidence.get(type(action))
            stated = not shown and path is not None and bool(at_path(document, path))
            if stated or (shown and shown.encode() in response.body):
                return outcome
            return self._verdicts.unreadable(action, response, "it does not show that anything was done")
        if outcome == _NOTHING and not self._shows_nothing(action, document):
            return self._verdicts.unreadable(
                action, response, "it tells nothing, and does not show that there is nothing"
            )
        return outcome

    def _shows_nothing(self, action: Action, document: Any) -> bool:
        path = self.rules.evidence.get(type(action))
        if path is not None:
            return isinstance(at_path(document, path), list | dict)
        told_at = {one[0] for one in (*self.rules.code_at, *self.rules.text_at)}
        if isinstance(document, dict):
            return any(isinstance(value, list | dict) for key, value in document.items() if key not in told_at)
        return isinstance(document, list)

    def _exchange(self) -> PureExchange:
        if self._made is None:
            self._made = PureExchange(self._ccxt_id, self.rules.options, self._markets.prepare)
        return self._made


def _turned(arguments: tuple[Any, ...], more: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a list's next part: what it is of, since when, how many, parameters."""
    what, since, limit, params = arguments
    own = {key: value for key, value in more.items() if key != "since"}
    return what, more.get("since", since), limit, {**params, **own}


def _document(response: HttpResponse) -> Any:
    try:
        return read_json(response.body)
    except ProtocolError:
        return None


def _said(error: BaseException, credentials: Credentials) -> str:
    """What ccxt says of arguments, unless it repeats anything of the credentials."""
    secrets = (credentials.key, credentials.secret, credentials.passphrase)
    return "" if any(one and one in str(error) for one in secrets) else f": {str(error)[:200]}"
