"""A class of ccxt whose clock, chance and network are arguments.

Enters: a call of one of its methods, the time, the answers so far. Leaves: the request that it would send next, or what
the method gives. Never: a socket, a clock, a retry, or anything of one call that the next could see.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cryptopipe.act.ccxt_loading import error_classes, exchange_class
from cryptopipe.clock import MICROSECOND, MILLISECOND, SECOND, Nanos
from cryptopipe.errors import ProtocolError
from cryptopipe.model.money import plain
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse


class _Asked(BaseException):
    """Leaves ccxt with the request that it would send; no handler of its own catches it."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True)
class Moment:
    """What a call may know: the time, a text that its random numbers come from, the unit of its nonce."""

    at: Nanos = 0
    seed: str = ""
    nonce_unit: Nanos = MILLISECOND


def read_json(body: bytes) -> Any:
    """An answer's JSON with every number that has a point as its text. Raises `ProtocolError` if it is none."""
    try:
        return json.loads(body, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ProtocolError(f"an answer of {len(body)} bytes is not JSON", where="actions") from None


def _no_number(name: str) -> None:
    raise ValueError(name)


class _Hooks:
    """What stands before ccxt's own methods in the class that is made of both."""

    _moment = Moment()
    _answers: list[HttpResponse] = []  # noqa: RUF012 -- replaced before each call
    _parsing = False
    _drawn = 0
    _document: Any = None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """The next answer, or the request for it. Raises ccxt's errors."""
        if not self._answers:
            told = {str(key): str(value) for key, value in {**self.headers, **(headers or {})}.items()}
            raise _Asked(HttpRequest(method, url, told, None if body is None else _encoded(body)))
        answer = self._answers.pop(0)
        text = answer.body.decode("utf-8", "replace").strip()
        document = read_json(answer.body) if text.startswith(("{", "[")) else None
        try:
            reason = HTTPStatus(answer.status).phrase
        except ValueError:
            reason = ""
        told = {key.title(): value for key, value in answer.headers.items()}
        self._document = document
        self.handle_errors(answer.status, reason, url, method, told, text, document, {}, body)
        if answer.status >= 400:
            self.handle_http_status_code(answer.status, reason, url, method, text)
            raise error_classes()["ExchangeError"](f"HTTP {answer.status}")
        return text if document is None else document

    def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = {}, *rest: Any) -> Any:  # noqa: B006
        """Signs what is sent; an answer needs its URL only."""
        if not self._parsing:
            return getattr(super(), "sign")(path, api, method, params, *rest)  # noqa: B009 -- of the other parent
        return {
            "url": self._answers[0].url or path if self._answers else path,
            "method": method,
            "headers": {},
            "body": None,
        }

    def throttle(self, cost: Any = None) -> None:
        """Our driver's budget does that."""

    def check_required_credentials(self, error: bool = True) -> bool:
        """They are there while a request is built."""
        return True

    def check_order_arguments(self, *arguments: Any) -> None:
        """Compares amounts, which are text here."""

    def parse_to_numeric(self, number: Any) -> int | float | None:
        """For venues that want numbers in JSON: exact, or refused."""
        if number is None:
            return None
        exact, value = Decimal(str(number)), float(str(number))
        if exact == exact.to_integral_value():
            return int(exact)
        if Decimal(repr(value)) != exact:
            raise error_classes()["InvalidOrder"](f"{number} has more digits than a number in JSON")
        return value

    def load_markets(self, reload: bool = False, params: Any = {}) -> Any:  # noqa: B006
        """Those that were made of our instruments."""
        return self.markets

    def load_time_difference(self, params: Any = {}) -> int:  # noqa: B006
        """`at` is the venue's time already."""
        return 0

    def sleep(self, milliseconds: int) -> None:
        """Nothing is waited for."""

    def seconds(self) -> int:
        return self._moment.at // SECOND

    def milliseconds(self) -> int:
        return self._moment.at // MILLISECOND

    def microseconds(self) -> int:
        return self._moment.at // MICROSECOND

    def nonce(self) -> int:
        """Of the time."""
        return self._moment.at // self._moment.nonce_unit

    def incrementing_nonce(self) -> int:
        """The same: of the time of the request that is sent, however many answers came before it."""
        return self.nonce()

    def _draw(self, size: int) -> bytes:
        self._drawn += 1
        drawn = b""
        while len(drawn) < size:
            drawn += sha256(f"{self._moment.at} {self._moment.seed} {self._drawn} {len(drawn)}".encode()).digest()
        return drawn[:size]

    def random_bytes(self, length: int) -> str:
        return self._draw(length).hex()

    def rand_number(self, size: int) -> int:
        return int.from_bytes(self._draw(size), "big") % int("1" + "0" * size)

    def uuid(self) -> str:
        digits = self._draw(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def uuid16(self, length: int = 16) -> str:
        return self._draw(16).hex()[:length]

    def uuid22(self, length: int = 22) -> str:
        return self._draw(16).hex()[:length]

    def network_code_to_id(self, network: str, currency: str | None = None) -> str:
        """Networks are called as the venue calls them."""
        return network

    def network_id_to_code(self, network: str | None = None, currency: str | None = None) -> str | None:
        return network

    def handle_network_code_and_params(self, params: Any) -> Any:
        """Not in capitals, as ccxt has it."""
        return [params.get("network"), {key: value for key, value in params.items() if key != "network"}]

    def safe_currency(self, code: str | None, currency: Any = None) -> Any:
        """The asset that the venue calls `code`, or one of its own."""
        if code is None:
            return currency
        known = self.currencies_by_id.get(code)
        if known is None:
            known = self.safe_currency_structure({"id": code, "code": self.asset_name(code), "precision": None})
        return known

    def safe_market(
        self, market_id: str | None = None, market: Any = None, delimiter: str | None = None, kind: str | None = None
    ) -> Any:
        """That of the id, or of ccxt's own name; never the one that was asked about in its place."""
        if market_id in self.markets:
            return self.markets[market_id]
        if market_id and market_id not in self.markets_by_id:
            self.discover(market_id)
        return getattr(super(), "safe_market")(market_id or None, market, delimiter, kind)  # noqa: B009

    def safe_order(self, order: Any, market: Any = None) -> Any:
        """Tells beside it what the venue itself said of sums: ccxt fills in what it did not."""
        told = {key: order.get(key) for key in ("filled", "cost", "amount", "price")}
        return getattr(super(), "safe_order")(order, market) | {"told": told}  # noqa: B009


def _encoded(body: Any) -> bytes:
    if not isinstance(body, str):
        raise ProtocolError(f"a body of {type(body).__name__} cannot be sent", where="actions")
    return body.encode()


def _as_written(number: Any, *grid: Any, **more: Any) -> str:
    """The number that was asked for: whether it is on the venue's grid, the venue says."""
    return plain(Decimal(str(number)))


@cache
def _pure_class(ccxt_id: str) -> Any:
    return type(ccxt_id, (_Hooks, exchange_class(ccxt_id)), {})


class PureExchange:
    """One exchange object; between two calls it is as it was made."""

    def __init__(self, ccxt_id: str, options: Mapping[str, Any], prepare: Callable[[Any], None]) -> None:
        self._exchange: Any = _pure_class(ccxt_id)(
            {"enableRateLimit": False, "options": dict(options), "newUpdates": False}
        )
        self._exchange.session = None
        self._exchange.number = str
        self._exchange.decimal_to_precision = _as_written
        for name in ("networks", "networksById"):
            self._exchange.options[name] = dict(options.get(name, {}))
        prepare(self._exchange)
        self._fresh = dict(vars(self._exchange))

    def __repr__(self) -> str:
        return f"PureExchange({self._exchange.id!r})"

    def request(
        self, work: Callable[[Any], Any], moment: Moment, credentials: Credentials, earlier: Sequence[HttpResponse]
    ) -> HttpRequest | None:
        """What it asks for next; None if nothing more. Raises ccxt's errors."""
        try:
            exchange = self._ready(moment, earlier)
            exchange.apiKey, exchange.secret, exchange.password = (
                credentials.key,
                credentials.secret,
                credentials.passphrase,
            )
            with localcontext():  # ccxt changes the thread's
                work(exchange)
        except _Asked as asked:
            return asked.request
        finally:
            self._restore()
        return None

    def result(self, work: Callable[[Any], Any], answers: Sequence[HttpResponse]) -> tuple[bool, Any]:
        """(True, what it gives), or False where it asks for more than these answers. Raises ccxt's errors."""
        try:
            exchange = self._ready(Moment(), answers)
            exchange._parsing = True
            with localcontext():
                return True, work(exchange)
        except _Asked:
            return False, None
        finally:
            self._restore()

    def _ready(self, moment: Moment, answers: Sequence[HttpResponse]) -> Any:
        self._exchange._moment, self._exchange._answers = moment, list(answers)
        self._exchange.options = {
            name: dict(value) if isinstance(value, dict) else value for name, value in self._fresh["options"].items()
        }
        return self._exchange

    def _restore(self) -> None:
        state = vars(self._exchange)
        state.clear()
        state.update(self._fresh)
