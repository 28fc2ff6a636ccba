"""Action codecs with one bug each: money is lost by these."""

import uuid
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from conformance.bad.impurities import rules
from conformance.bitfoo_actions import DENIED, OPEN, Answer, BitfooActions

from cryptopipe import api


class Sorted(BitfooActions):
    def sign(self, query: str, credentials: api.Credentials) -> str:
        return super().sign(urlencode(sorted(parse_qsl(query))), credentials)


class Unescaped(BitfooActions):
    def sign(self, query: str, credentials: api.Credentials) -> str:
        return super().sign("&".join(f"{name}={value}" for name, value in parse_qsl(query)), credentials)


class Unsigned(BitfooActions):
    def sign(self, query: str, credentials: api.Credentials) -> str:
        return "" if "origClientOrderId" in query else super().sign(query, credentials)

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        made = super().build(action, credentials, at, *earlier)
        return msgspec.structs.replace(made, headers={}) if isinstance(action, api.CancelOrder) else made


class SecretInBody(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        return msgspec.structs.replace(
            super().build(action, credentials, at, *earlier), body=credentials.secret.encode()
        )


class SecretInUrl(BitfooActions):
    def fields(self, action: api.Action) -> dict[str, str]:
        return super().fields(action) | {"secretKey": "c2VjcmV0LW9mLXRoZS1jb25mb3JtYW5jZS1raXQ="}

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        made = super().build(action, credentials, at, *earlier)
        return msgspec.structs.replace(made, url=f"{made.url}&secretKey={credentials.secret}")


class SecretKept(BitfooActions):
    def sign(self, query: str, credentials: api.Credentials) -> str:
        self.last = credentials.secret
        return super().sign(query, credentials)


class Clocked(BitfooActions):
    def stamp(self, at: api.Nanos) -> int:
        return int(__import__("time").time() * 1000)


class Counted(BitfooActions):
    count = 0

    def stamp(self, at: api.Nanos) -> int:
        self.count += 1
        return super().stamp(at) + self.count


class Seconds(BitfooActions):
    def stamp(self, at: api.Nanos) -> int:
        return at // 1_000_000_000


class Renamed(BitfooActions):
    def fields(self, action: api.Action) -> dict[str, str]:
        told = super().fields(action)
        return told | {"newClientOrderId": str(uuid.uuid4())} if "newClientOrderId" in told else told


class AsRefused(BitfooActions):
    """Execution status unknown, taken for a refusal: the order is sent again."""

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        told = self.read(action, response)
        if told.code in OPEN:
            return api.Refused(str(told.code), told.msg)
        return super().parse(action, response, *earlier)


class ServerErrorRefused(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        if response.status >= 500:
            raise api.VenueUnavailable(f"HTTP {response.status}")
        return super().parse(action, response, *earlier)


class UnreadableRefused(BitfooActions):
    def read(self, action: api.Action, response: api.HttpResponse) -> Answer:
        try:
            return msgspec.json.decode(response.body, type=Answer)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"unreadable: {error}") from error


class Leaking(BitfooActions):
    def read(self, action: api.Action, response: api.HttpResponse) -> Answer:
        return msgspec.json.decode(response.body, type=Answer)


class Trying(BitfooActions):
    """Answers a timeout by the request itself, once more."""

    last: Any = None

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        self.last = super().build(action, credentials, at, *earlier)
        return self.last  # type: ignore[no-any-return]

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        try:
            return super().parse(action, response, *earlier)
        except api.UnknownOutcome:
            return self.last


class Several(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> Any:
        return [super().build(action, credentials, at, *earlier)] * 2


class Unlimited(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        try:
            return super().parse(action, response, *earlier)
        except api.RateLimited as error:
            return api.Refused("", str(error))


class Denied(BitfooActions):
    """A wrong key is a refusal like any other: every order goes the same way."""

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        told = self.read(action, response)
        if told.code in DENIED:
            return api.Refused(str(told.code), told.msg)
        return super().parse(action, response, *earlier)


class Duplicate(BitfooActions):
    """A duplicate is there already, so it is accepted: whichever order that was."""

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        if b"Duplicate order" in response.body and isinstance(action, api.PlaceOrder):
            return api.Accepted(action.client_id)
        return super().parse(action, response, *earlier)


class Inventing(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        got = super().parse(action, response, *earlier)
        return api.Accepted(got.venue_id.zfill(12), got.state) if isinstance(got, api.Accepted) else got


class Plain(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        made = super().build(action, credentials, at, *earlier)
        return msgspec.structs.replace(made, url=made.url.replace("https://", "http://"))


class Claiming(BitfooActions):
    supports = BitfooActions.supports | {api.Withdraw}


class Ruled(BitfooActions):
    """Pure, but for a function of the rules that it is told to go by."""

    rules: ClassVar[Any] = {api.PlaceOrder: rules.params}


class Floats(BitfooActions):
    """0.1 + 0.2: the venue gets another size than the ledger has."""

    def amount(self, number: Any) -> str:
        return str(float(number))


class Asking(BitfooActions):
    """Asks for the order's state before it believes the answer: a second request in one action."""

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        got = super().parse(action, response, *earlier)
        return api.More() if isinstance(got, api.Accepted) and not earlier else got


class Stuck(BitfooActions):
    """Wants more, and asks for the first page again."""

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos, *earlier: Any) -> api.HttpRequest:
        return super().build(action, credentials, at)


class FirstPage(BitfooActions):
    def reports(self, action: api.ListFills, answers: Any) -> Any:
        return api.Reports(fills=tuple(self.report(action.instrument, one) for one in self.fills(answers[-1])))


class LeftOpen(BitfooActions):
    """A question that nobody answered, to be reconciled by that question."""

    def unclear(self, action: api.Action, what: str) -> api.VenueError:
        return api.UnknownOutcome(what, where="bitfoo")


class NoAnswerRefused(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        return api.Refused("", "timeout") if response.status == 599 else super().parse(action, response, *earlier)


class Quoting(BitfooActions):
    """Tells which secret it cannot use."""

    def sign(self, query: str, credentials: api.Credentials) -> str:
        if not credentials.secret.isascii():
            raise api.VenueError(f"not a secret: {credentials.secret}", where="bitfoo")
        return super().sign(query, credentials)


class MissingRefused(BitfooActions):
    """An order that is not there yet, taken for one that never was."""

    def parse(self, action: api.Action, response: api.HttpResponse, *earlier: Any) -> Any:
        got = super().parse(action, response, *earlier)
        return api.Refused(got.code, got.reason) if isinstance(got, api.NotFound) else got


BUILD, SECRECY, SIGNATURE, ANSWERS, OPEN_ONES = "A1 build", "A2 secrecy", "A3 signature", "A4 answers", "A5 ambiguous"
EXACT = "A7 exact"
BUGS: tuple[tuple[str, str, str, BitfooActions], ...] = (
    ("signature over sorted fields", SIGNATURE, "a test of a public repository pins exactly this mistake", Sorted()),
    ("signature before escaping", SIGNATURE, "symbols that are not ASCII are refused, -1022", Unescaped()),
    ("cancel not signed", BUILD, "one request of many forgotten", Unsigned()),
    ("secret in a body", SECRECY, "the secret sent beside its signature", SecretInBody()),
    ("secret in a URL", SECRECY, "a key in an access log", SecretInUrl()),
    ("secret kept", SECRECY, "a key in the repr of an object", SecretKept()),
    ("nonce from the clock", BUILD, "pump-and-dump#34: -1021, the machine is a second ahead", Clocked()),
    ("nonce of its own", BUILD, "two processes, one key, nonces that collide", Counted()),
    ("timestamp in seconds", SIGNATURE, "vansergen/gemini-node-api#108: milliseconds where seconds are asked for",
     Seconds()),
    ("client id made while building", BUILD, "Kalshi/kalshi-starter-code-python#135: a new id for each try", Renamed()),
    ("ambiguous code as refusal", ANSWERS, "hummingbot#493: timeouts were failures, orders came twice", AsRefused()),
    ("server error as refusal", OPEN_ONES, "sonvister/Binance#77: 504 without a word, and the order stands",
     ServerErrorRefused()),
    ("unreadable answer as refusal", OPEN_ONES, "nautilus_trader#4958: refused by timeout though it fills",
     UnreadableRefused()),
    ("parser's error", OPEN_ONES, "an HTML page of a proxy", Leaking()),
    ("retry built in", ANSWERS, "nautilus_trader#4215: sent again after it was accepted", Trying()),
    ("two requests", BUILD, "a check before the order, in one action", Several()),
    ("rate limit as refusal", ANSWERS, "xchange-stream#266: banned", Unlimited()),
    ("wrong key as refusal", ANSWERS, "every order refused for hours", Denied()),
    ("duplicate as accepted", ANSWERS, "nautilus_trader#4564: two live orders for one id", Duplicate()),
    ("ids of its own", ANSWERS, "an id that no query finds", Inventing()),
    ("unencrypted", SECRECY, "a sample's URL that stayed", Plain()),
    ("clock in a rule", BUILD, "an expiry made by a function that the codec is given", Ruled()),
    ("amounts by way of floats", EXACT, "the size of an order differs from the ledger's in its 17th digit", Floats()),
    ("a look before the answer counts", ANSWERS, "an order, and a second request of the same action", Asking()),
    ("page one for ever", ANSWERS, "a cursor that is not passed on", Stuck()),
    ("only the newest page", ANSWERS, "a page kept in place of those before it", FirstPage()),
    ("a question left open", OPEN_ONES, "what changes nothing cannot be unknown", LeftOpen()),
    ("no answer as refusal", OPEN_ONES, "a timeout is no answer", NoAnswerRefused()),
    ("secret in an error", SECRECY, "an exception that quotes what it could not decode", Quoting()),
    ("missing as refusal", ANSWERS, "an order that the venue does not know yet", MissingRefused()),
    ("more supported than built", BUILD, "an action that nobody tried", Claiming()),
)  # fmt: skip
