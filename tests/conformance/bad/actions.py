"""Action codecs with one bug each: money is lost by these."""

import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
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

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest:
        made = super().build(action, credentials, at)
        return msgspec.structs.replace(made, headers={}) if isinstance(action, api.CancelOrder) else made


class SecretInBody(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest:
        return msgspec.structs.replace(super().build(action, credentials, at), body=credentials.secret.encode())


class SecretInUrl(BitfooActions):
    def fields(self, action: api.Action) -> dict[str, str]:
        return super().fields(action) | {"secretKey": "c2VjcmV0LW9mLXRoZS1jb25mb3JtYW5jZS1raXQ="}

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest:
        made = super().build(action, credentials, at)
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

    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        told = self.read(response)
        return api.Refused(str(told.code), told.msg) if told.code in OPEN else super().parse(action, response)


class ServerErrorRefused(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        if response.status >= 500:
            raise api.VenueUnavailable(f"HTTP {response.status}")
        return super().parse(action, response)


class UnreadableRefused(BitfooActions):
    def read(self, response: api.HttpResponse) -> Answer:
        try:
            return msgspec.json.decode(response.body, type=Answer)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"unreadable: {error}") from error


class Leaking(BitfooActions):
    def read(self, response: api.HttpResponse) -> Answer:
        return msgspec.json.decode(response.body, type=Answer)


class Trying(BitfooActions):
    """Answers a timeout by the request itself, once more."""

    last: Any = None

    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest:
        self.last = super().build(action, credentials, at)
        return self.last  # type: ignore[no-any-return]

    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        try:
            return super().parse(action, response)
        except api.UnknownOutcome:
            return self.last


class Several(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> Any:
        return [super().build(action, credentials, at)] * 2


class Unlimited(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        try:
            return super().parse(action, response)
        except api.RateLimited as error:
            return api.Refused("", str(error))


class Denied(BitfooActions):
    """A wrong key is a refusal like any other: every order goes the same way."""

    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        told = self.read(response)
        return api.Refused(str(told.code), told.msg) if told.code in DENIED else super().parse(action, response)


class Duplicate(BitfooActions):
    """A duplicate is there already, so it is accepted: whichever order that was."""

    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        if b"Duplicate order" in response.body and isinstance(action, api.PlaceOrder):
            return api.Accepted(action.client_id)
        return super().parse(action, response)


class Inventing(BitfooActions):
    def parse(self, action: api.Action, response: api.HttpResponse) -> Any:
        got = super().parse(action, response)
        return api.Accepted(got.venue_id.zfill(12), got.state) if isinstance(got, api.Accepted) else got


class Plain(BitfooActions):
    def build(self, action: api.Action, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest:
        made = super().build(action, credentials, at)
        return msgspec.structs.replace(made, url=made.url.replace("https://", "http://"))


class Claiming(BitfooActions):
    supports = BitfooActions.supports | {api.Withdraw}


BUILD, SECRECY, SIGNATURE, ANSWERS, OPEN_ONES = "A1 build", "A2 secrecy", "A3 signature", "A4 answers", "A5 ambiguous"
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
    ("more supported than built", BUILD, "an action that nobody tried", Claiming()),
)  # fmt: skip
