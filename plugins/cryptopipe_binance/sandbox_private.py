"""Simulated Binance spot with its private side: accounts, orders, transfers, user streams, beside the public side.

Enters: connections and requests, signed or not. Leaves: sessions and answers as the venue gives them. Never: an answer
that another part of the venue would contradict: weights, books and accounts are one.

github.com/binance/binance-spot-api-docs rest-api.md (2026-07-21). Not confirmed: the answer to every request while the
venue is maintained (here -1016 with status 503; `system/status` then says 1, "system_maintenance").
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, SandboxSession, SimulatedBook, SimulatedDesk
from cryptopipe_binance.sandbox import Origin, Sandbox
from cryptopipe_binance.sandbox_account import Asked, Customers, Trading, Way
from cryptopipe_binance.sandbox_account_asked import Questions
from cryptopipe_binance.sandbox_private_gate import Doorkeeper, named, payload_of
from cryptopipe_binance.sandbox_rest import Query, Wrong
from cryptopipe_binance.sandbox_user_keys import ListenKeys
from cryptopipe_binance.sandbox_wallet import Wallet
from cryptopipe_binance.sandbox_weight import JSON, Weight, refusal
from cryptopipe_binance.sandbox_wsapi import ApiSession, Switchboard

API = "/ws-api/v3"
_PATHS = {
    ("POST", "/api/v3/order"): "order.place", ("POST", "/api/v3/order/test"): "order.test",
    ("DELETE", "/api/v3/order"): "order.cancel", ("GET", "/api/v3/order"): "order.status",
    ("GET", "/api/v3/openOrders"): "openOrders.status", ("DELETE", "/api/v3/openOrders"): "openOrders.cancelAll",
    ("GET", "/api/v3/allOrders"): "allOrders", ("GET", "/api/v3/myTrades"): "myTrades",
    ("GET", "/api/v3/account"): "account.status", ("GET", "/api/v3/account/commission"): "account.commission",
    ("GET", "/api/v3/rateLimit/order"): "account.rateLimits.orders",
}  # fmt: skip
_STATUS = "/sapi/v1/system/status"
_MAINTAINED = b'{"status":1,"msg":"system_maintenance"}'
WALLET_LIMIT, WALLET_TOLD = 12000, ("X-SAPI-USED-IP-WEIGHT-1M",)
"""Weight a minute of `/sapi`, which is counted apart (developers.binance.com "Wallet", as others quote it)."""


class TradingSandbox:
    """One simulated venue (a `SandboxVenue`)."""

    def __init__(self, origin: Origin, books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> None:
        customers = Customers()
        self._desk, self._door = desk, Doorkeeper(desk)
        self._listen = ListenKeys(self._door, customers)
        self._public = Sandbox(origin, books, self._listen.find)
        rest = self._public.rest
        ways = {**Trading(rest, customers).ways(), **Questions(rest, customers).ways()}
        self._ways = {path: ways[name] for path, name in _PATHS.items()}
        self._wallet = Wallet(rest, desk).ways()
        self._weight, self._wallet_weight = rest.weight, Weight(WALLET_LIMIT, WALLET_TOLD)
        self._customers = customers
        self._board = Switchboard(rest, ways, self._door, customers, desk)
        self.endpoints: Mapping[str, str] = {**self._public.endpoints, "private": API}

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """`/ws-api/v3`, and what the public side has; a listen key is one more stream name there."""
        if self._desk.maintenance:
            return _maintained()
        parts = urlsplit(path)
        if parts.path != API:
            return self._public.open(path, at)
        refused = self._weight.spend(2, at)
        shows = dict(parse_qsl(parts.query)).get("returnRateLimits", "true") != "false"
        return refused or ApiSession(self._board, shows, at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """Both sides of REST."""
        parts = urlsplit(request.url)
        if self._desk.maintenance:
            status = {"status": 1, "msg": "system_maintenance"}
            return (
                HttpResponse(200, msgspec.json.encode(status), headers=JSON) if parts.path == _STATUS else _maintained()
            )
        route = request.method, parts.path
        if parts.path == "/api/v3/userDataStream":
            return self._carried(lambda: self._listen.manage(request, at), self._weight, 2, False, at)
        if route in self._ways:
            return self._signed(self._ways[route], request, parts.query, self._weight, at)
        if route in self._wallet:
            return self._signed(self._wallet[route], request, parts.query, self._wallet_weight, at)
        return self._public.answer(request, at)

    def _signed(self, way: Way, request: HttpRequest, query: str, weight: Weight, at: Nanos) -> HttpResponse:
        headers: dict[str, str] = {}

        def do() -> Any:
            params = parameters(query, request.body or b"")
            payload = payload_of(query, request.body or b"")
            key = self._door.signed(named(request), payload, params, way.needs)
            result = way.do(Asked(key, params, at))
            if way.counts:
                headers.update(self._customers.counts(key.account).headers(at))
            return result

        try:
            cost = way.weigh(dict(parse_qsl(query)))
        except Wrong:
            cost = 1
        answer = self._carried(do, weight, cost, way.free, at)
        return msgspec.structs.replace(answer, headers={**answer.headers, **headers}) if headers else answer

    def _carried(self, do: Callable[[], Any], weight: Weight, cost: int, free: bool, at: Nanos) -> HttpResponse:
        refused = weight.spend(0 if free else cost, at)
        if refused is not None:
            return refused
        try:
            body = do()
        except Wrong as wrong:
            if free:
                weight.spend(cost, at)
            wait = {"Retry-After": str(wrong.wait_s)} if wrong.wait_s else {}
            return refusal(wrong.status, wrong.code, wrong.text, weight.headers() | wait)
        return HttpResponse(200, msgspec.json.encode(body), headers=weight.headers())


def parameters(query: str, body: bytes) -> Query:
    """Of query and body; what stands in both is the query's. Raises `Wrong`."""
    sides = []
    for sent in (body, query.encode("utf-8", "surrogateescape")):  # what is no UTF-8 in a URL comes so
        text = sent.decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True)
        side = dict(pairs)
        if len(side) != len(pairs):
            raise Wrong(-1101, "Duplicate values for a parameter detected.")
        sides.append(side)
    return sides[0] | sides[1]


def _maintained() -> HttpResponse:
    return refusal(503, -1016, "This service is no longer available.", JSON)
