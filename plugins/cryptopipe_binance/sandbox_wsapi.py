"""The simulated websocket API of Binance spot: requests by frame, user data by signature.

Enters: texts of one connection. Leaves: answers in their envelope, events of the accounts subscribed to, pings. Never:
an event before the answer to its subscription, or after the answer that ends it.

github.com/binance/binance-spot-api-docs web-socket-api.md, user-data-stream.md (2026-07-21). `session.logon` takes
Ed25519 keys only, which the sandbox has none of: it is refused as an operation that is not supported, and so is what
needs it. Not confirmed: the codes for a text that is no request.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cryptopipe.api import Beat, HangUp, Nanos, Outgoing, Permission, Say, SimulatedDesk
from cryptopipe_binance.sandbox_account import Asked, Customers, Way
from cryptopipe_binance.sandbox_info import limit_of
from cryptopipe_binance.sandbox_private_gate import Doorkeeper, sorted_payload
from cryptopipe_binance.sandbox_private_words import whole
from cryptopipe_binance.sandbox_rest import Query, Rest, Wrong, mandatory
from cryptopipe_binance.sandbox_session import ACKNOWLEDGED_AFTER, LIFE
from cryptopipe_binance.sandbox_streams import SECOND
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_user import Reader
from cryptopipe_binance.sandbox_wire import millis

PING_EVERY: Nanos = 20 * SECOND
_PUBLIC = {
    "ping": "ping", "time": "time", "exchangeInfo": "exchangeInfo", "depth": "depth", "trades.recent": "trades",
    "trades.aggregate": "aggTrades", "klines": "klines", "uiKlines": "uiKlines", "avgPrice": "avgPrice",
    "ticker.24hr": "ticker/24hr", "ticker.price": "ticker/price", "ticker.book": "ticker/bookTicker",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class _Request(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: dict[str, msgspec.Raw] = {}


class _Failed(Exception):
    """An answer with an error that the weights gave."""

    def __init__(self, status: int, error: Fields) -> None:
        self.status, self.error = status, error


class Switchboard:
    """What all connections of one venue share."""

    def __init__(
        self, rest: Rest, ways: Mapping[str, Way], door: Doorkeeper, customers: Customers, desk: SimulatedDesk
    ) -> None:
        self.rest, self.ways, self.door, self.customers, self.desk = rest, ways, door, customers, desk

    def spend(self, weight: int, at: Nanos) -> None:
        """Raises `_Failed` where the limit is reached."""
        refused = self.rest.weight.spend(weight, at)
        if refused is not None:
            wait = int(refused.headers["Retry-After"]) * SECOND
            error = msgspec.json.decode(refused.body)
            data = {"serverTime": millis(at), "retryAfter": millis(at + wait)}
            raise _Failed(refused.status, {**error, "data": data})

    def limits(self, at: Nanos) -> Fields:
        """The weight used, as `rateLimits` tells it."""
        weight = self.rest.weight
        return limit_of("REQUEST_WEIGHT", "MINUTE", 1, weight.limit) | {"count": weight.used(at)}


class ApiSession:
    """One connection (a `SandboxSession`)."""

    def __init__(self, board: Switchboard, shows_limits: bool, at: Nanos) -> None:
        self._board, self._shows = board, shows_limits
        self._opened_at = self._pinged_at = at
        self._subscribed: dict[int, Reader] = {}
        self._subscriptions = 0
        self._farewell: list[Fields] = []
        self._over = False
        self._own = {
            "userDataStream.subscribe.signature": self._subscribe, "userDataStream.unsubscribe": self._unsubscribe,
            "session.status": self._status, "session.subscriptions": self._list,
        }  # fmt: skip

    def receive(self, message: str, at: Nanos) -> list[Outgoing]:
        """Done at once, answered some tens of milliseconds later."""
        if self._over:
            return []
        answer = self._answer(message, at)
        said: list[Outgoing] = [Say(_encode(answer).decode(), ACKNOWLEDGED_AFTER)]
        said += [Say(_encode(one).decode(), ACKNOWLEDGED_AFTER) for one in self._farewell]
        self._farewell.clear()
        return said

    def publish(self, at: Nanos) -> list[Outgoing]:
        """What the accounts did since the last step."""
        if self._over:
            return []
        said: list[Outgoing] = [
            Say(_encode({"subscriptionId": number, "event": event}).decode())
            for number, reader in self._subscribed.items()
            for event in reader.read(at)
        ]
        if at - self._pinged_at >= PING_EVERY:
            self._pinged_at = at
            said.append(Beat())
        if self._board.desk.maintenance:
            said.append(Say(_encode({"event": {"e": "serverShutdown", "E": millis(at)}}).decode()))
        if self._board.desk.maintenance or at - self._opened_at >= LIFE:
            self._over = True
            said.append(HangUp(1001, ""))
        return said

    def _answer(self, message: str, at: Nanos) -> Fields:
        try:
            request = msgspec.json.decode(message, type=_Request)
            params = {name: _text(raw) for name, raw in request.params.items()}
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return {"id": None, "status": 400, "error": {"code": -1135, "msg": "Invalid JSON Request"}}
        head: Fields = {"id": request.id}
        way, told = self._board.ways.get(request.method.removeprefix("v3/")), {}
        try:
            told = {"status": 200, "result": self._result(request.method.removeprefix("v3/"), params, at)}
        except Wrong as wrong:
            error: Fields = {"code": wrong.code, "msg": wrong.text}
            if wrong.wait_s:
                error["data"] = {"serverTime": millis(at), "retryAfter": millis(at + wrong.wait_s * SECOND)}
            told = {"status": wrong.status, "error": error}
        except _Failed as failed:
            told = {"status": failed.status, "error": failed.error}
        return head | told | self._limits(way, params, at)

    def _result(self, method: str, params: Query, at: Nanos) -> Any:
        board = self._board
        if method in self._own:
            board.spend(2, at)
            return self._own[method](params, at)
        if method in board.ways:
            return self._signed(board.ways[method], params, at)
        found = board.rest.call(_PUBLIC.get(method, ""), params, at)
        if found is None:
            raise Wrong(-1020, "This operation is not supported.")
        weight, answer = found
        board.spend(weight, at)
        return answer()

    def _signed(self, way: Way, params: Query, at: Nanos) -> Any:
        board, weight = self._board, way.weigh(params)
        board.spend(0 if way.free else weight, at)
        try:
            key = board.door.signed(mandatory(params, "apiKey"), sorted_payload(params), params, way.needs)
            return way.do(Asked(key, params, at))
        except Wrong:
            if way.free:
                board.rest.weight.spend(weight, at)
            raise

    def _limits(self, way: Way | None, params: Query, at: Nanos) -> Fields:
        asked = params.get("returnRateLimits")
        if not (self._shows if asked is None else asked == "true"):
            return {}
        key = self._board.desk.key(params.get("apiKey", "")) if way is not None and way.counts else None
        counts = [] if key is None else self._board.customers.counts(key.account).told(at)
        return {"rateLimits": [*counts, self._board.limits(at)]}

    def _subscribe(self, params: Query, at: Nanos) -> Fields:
        board = self._board
        name = mandatory(params, "apiKey")
        account = board.door.signed(name, sorted_payload(params), params, Permission.READ).account
        if any(reader.account.account_id == account.account_id for reader in self._subscribed.values()):
            raise Wrong(-2035, "User Data Stream subscription already active.")
        number, self._subscriptions = self._subscriptions, self._subscriptions + 1
        self._subscribed[number] = Reader(account, board.customers)
        return {"subscriptionId": number}

    def _unsubscribe(self, params: Query, at: Nanos) -> Fields:
        number = whole(params, "subscriptionId")
        ending = list(self._subscribed) if number is None else [number]
        if number is not None and number not in self._subscribed:
            raise Wrong(-2036, "User Data Stream subscription not active.")
        for one in ending:
            del self._subscribed[one]
            event = {"e": "eventStreamTerminated", "E": millis(at)}
            self._farewell.append({"subscriptionId": one, "event": event})
        return {}

    def _list(self, params: Query, at: Nanos) -> list[Fields]:
        return [{"subscriptionId": number} for number in self._subscribed]

    def _status(self, params: Query, at: Nanos) -> Fields:
        return {
            "apiKey": None, "authorizedSince": None, "connectedSince": millis(self._opened_at),
            "returnRateLimits": self._shows, "serverTime": millis(at), "userDataStream": bool(self._subscribed),
        }  # fmt: skip


def _text(raw: msgspec.Raw) -> str:
    """A parameter as its signature has it: a text without its quotes, all else as it was sent."""
    sent = bytes(raw)
    return msgspec.json.decode(sent, type=str) if sent.startswith(b'"') else sent.decode()
