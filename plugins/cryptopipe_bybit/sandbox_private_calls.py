"""The signed requests of the simulated venue: which paths there are, who may ask them, how they are answered.

Enters: requests and their times. Leaves: answers in the venue's envelope, with its headers. Never: an order, a move or
a withdrawal by a key without the right to it.

bybit-exchange.github.io/docs/v5 (state of 2026-07-24, read 2026-11-21). Not confirmed: what the venue answers while it
is maintained; here 10016 ("Server error."), which its page has for a service that restarts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, Permission, SimulatedAccount, SimulatedDesk, SimulatedKey
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_assets import Assets
from cryptopipe_bybit.sandbox_assets_wallets import Wallets
from cryptopipe_bybit.sandbox_listing import Listing
from cryptopipe_bybit.sandbox_orders import Orders
from cryptopipe_bybit.sandbox_orders_fills import Fills
from cryptopipe_bybit.sandbox_positions import Positions
from cryptopipe_bybit.sandbox_private_asked import Asked, Caller, Unsigned, asked_of, caller_of
from cryptopipe_bybit.sandbox_private_errors import Refused
from cryptopipe_bybit.sandbox_private_limits import Count, Limits
from cryptopipe_bybit.sandbox_user import Users
from cryptopipe_bybit.sandbox_user_log import Log

MAINTAINED = (10016, "Server error.")
TOO_OFTEN = (10006, "Too many visits. Exceeded the API Rate Limit.")
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}

Handler = Callable[[SimulatedAccount, Asked, Nanos], object]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path, by which right, and the text of success there ("`OK`, `success`, `SUCCESS`, `""`")."""

    handler: Handler
    permission: Permission
    text: str = "OK"


class Calls:
    """The private REST side."""

    def __init__(self, listings: Mapping[tuple[str, str], Listing], desk: SimulatedDesk) -> None:
        self._desk = desk
        self._limits = Limits()
        self.watch: Callable[[Nanos], None] = lambda at: None
        self.orders = Orders(listings)
        self.fills = Fills(listings, self.orders.kept)
        self.users = Users(listings, desk)
        self.positions = Positions(listings, desk)
        self._routes = self._routed(Assets(desk), Wallets(desk), Log(self.fills))

    def has(self, method: str, path: str) -> bool:
        """Whether this path is one of the private side's."""
        return (method, path) in self._routes or (method, path) == _KEY

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`, for a path that it `has`."""
        split = urlsplit(request.url)
        if self._desk.maintenance:
            return self._told(request, *MAINTAINED, {}, at)
        try:
            caller = caller_of(self._desk, request, split.query, at)
            asked = asked_of(request, split.query)
        except Unsigned:
            return HttpResponse(401, b"", request.url, _HEADERS)
        except Refused as refused:
            return self._told(request, refused.code, refused.text, {}, at)
        count = self.counted(caller.key, split.path, asked, at)
        if count.exceeded:
            return self._told(request, *TOO_OFTEN, {}, at, count.headers())
        code, text, result = self.act(caller, request.method, split.path, asked, at)
        return self._told(request, code, text, result, at, count.headers())

    def counted(self, key: SimulatedKey, path: str, asked: Asked, at: Nanos) -> Count:
        """One more request of the key's account."""
        category = "" if asked.lacks("category") else asked.text("category")
        return self._limits.count(key.account.account_id, path, category, at)

    def act(self, caller: Caller, method: str, path: str, asked: Asked, at: Nanos) -> tuple[int, str, object]:
        """Code, text and result of what is asked; also for requests by stream."""
        if (method, path) == _KEY:
            return 0, "", self.users.key(caller.key, at)
        route = self._routes[method, path]
        try:
            caller.must(route.permission)
            return 0, route.text, route.handler(caller.key.account, asked, at)
        except Refused as refused:
            return refused.code, refused.text, {}

    def _told(
        self, request: HttpRequest, code: int, text: str, result: object, at: Nanos, more: Mapping[str, str] = {}
    ) -> HttpResponse:
        """`{"retCode":0,"retMsg":"OK","result":{…},"retExtInfo":{},"time":1672712468011}`"""
        body = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": at // MILLISECOND}
        return HttpResponse(200, msgspec.json.encode(body), request.url, {**_HEADERS, **more})

    def _routed(self, assets: Assets, wallets: Wallets, log: Log) -> dict[tuple[str, str], Route]:
        read, trade, withdraw = Permission.READ, Permission.TRADE, Permission.WITHDRAW
        orders, positions, users = self.orders, self.positions, self.users
        return {
            ("POST", "/v5/order/create"): Route(orders.create, trade),
            ("POST", "/v5/order/cancel"): Route(orders.cancel, trade),
            ("POST", "/v5/order/cancel-all"): Route(orders.cancel_all, trade),
            ("GET", "/v5/order/realtime"): Route(orders.realtime, read),
            ("GET", "/v5/order/history"): Route(orders.history, read),
            ("GET", "/v5/execution/list"): Route(self.fills.executions, read),
            ("GET", "/v5/position/list"): Route(positions.listed, read),
            ("POST", "/v5/position/set-leverage"): Route(positions.set_leverage, trade),
            ("POST", "/v5/position/switch-mode"): Route(positions.switch_mode, trade),
            ("POST", "/v5/position/switch-isolated"): Route(positions.switch_isolated, trade),
            ("GET", "/v5/account/info"): Route(users.account, read),
            ("GET", "/v5/account/wallet-balance"): Route(users.wallet, read),
            ("GET", "/v5/account/transaction-log"): Route(log.listed, read),
            ("GET", "/v5/account/fee-rate"): Route(users.fee_rates, read),
            ("POST", "/v5/account/set-margin-mode"): Route(users.margin_mode, trade),
            ("GET", "/v5/asset/coin/query-info"): Route(assets.coins, read, ""),
            ("GET", "/v5/asset/deposit/query-address"): Route(assets.deposit_address, read, "success"),
            ("GET", "/v5/asset/deposit/query-record"): Route(assets.deposits, read, "success"),
            ("POST", "/v5/asset/withdraw/create"): Route(assets.withdraw, withdraw, "success"),
            ("POST", "/v5/asset/withdraw/cancel"): Route(assets.cancel_withdrawal, withdraw, "success"),
            ("GET", "/v5/asset/withdraw/query-record"): Route(assets.withdrawals, read, "success"),
            ("GET", "/v5/asset/withdraw/query-address"): Route(assets.address_book, withdraw, "success"),
            ("POST", "/v5/asset/transfer/inter-transfer"): Route(wallets.move, trade, "success"),
            ("GET", "/v5/asset/transfer/query-inter-transfer-list"): Route(wallets.moves, read, "success"),
            ("GET", "/v5/asset/transfer/query-account-coins-balance"): Route(wallets.balances, read, "success"),
            ("GET", "/v5/asset/transfer/query-account-coin-balance"): Route(wallets.balance, read, "success"),
        }


_KEY = ("GET", "/v5/user/query-api")
