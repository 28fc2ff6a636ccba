"""The simulated Coinbase Exchange's private requests: who asks, how often, what a key may do, and where each goes.

Enters: a request with its headers. Leaves: the venue's answer. Never: an answer of one account to another's key, or any
before the signature was right.

docs.cdp.coinbase.com/exchange/rest-api, pages authentication, requests, rate-limits (15 a second and profile, up to 30
at once; /fills 10 and 20) and profiles, read 2026-11-21 in stored copies; permissions are those that the page of each
request names: view, trade, transfer. Statuses of a wrong signature, key or passphrase are those that a public emulator
of the venue recorded (400; 401 where the key is missing) and, of an unknown key, the page requests (401).
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import (
    HttpRequest,
    HttpResponse,
    Nanos,
    Permission,
    SimulatedAccount,
    SimulatedDesk,
    SimulatedKey,
)
from cryptopipe_coinbase.sandbox_accounts import Accounts
from cryptopipe_coinbase.sandbox_keys import NO_KEY, Keys, Signed
from cryptopipe_coinbase.sandbox_private_orders import Orders
from cryptopipe_coinbase.sandbox_private_request import Ask, Page
from cryptopipe_coinbase.sandbox_private_words import (
    FORBIDDEN,
    MAINTENANCE,
    NOT_FOUND,
    TOO_OFTEN,
    Refused,
    answered,
    refused,
)
from cryptopipe_coinbase.sandbox_shown import SECOND, Shown, Tokens
from cryptopipe_coinbase.sandbox_transfers import Transfers

_ROOTS = frozenset(
    [
        "accounts",
        "orders",
        "fills",
        "fees",
        "transfers",
        "withdrawals",
        "coinbase-accounts",
        "profiles",
        "payment-methods",
        "address-book",
        "users",
    ]
)
_HEADERS = {
    "cb-access-key": "CB-ACCESS-KEY",
    "cb-access-sign": "CB-ACCESS-SIGN",
    "cb-access-timestamp": "CB-ACCESS-TIMESTAMP",
    "cb-access-passphrase": "CB-ACCESS-PASSPHRASE",
}
_READS = frozenset({Permission.READ, Permission.TRADE})
_Answer = Callable[[SimulatedAccount, Ask], object]


class ExchangePrivate:
    """Every signed request. `products` by id."""

    def __init__(self, products: Mapping[str, Shown], desk: SimulatedDesk) -> None:
        self._desk, self._keys = desk, Keys(desk)
        self._orders = Orders(products)
        self.accounts = Accounts(desk, tuple(one.instrument for one in products.values()))
        self._transfers = Transfers(desk, self.accounts)
        self._tokens: dict[tuple[int, bool], Tokens] = {}

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """The answer to one request; None for one that is not private."""
        if self._desk.maintenance:
            return refused(*MAINTENANCE)
        root = urlsplit(request.url).path.strip("/").partition("/")[0]
        if root not in _ROOTS:
            return None
        try:
            key = self._signed(request, at)
            if not self._allowance(key, root == "fills").take(at):
                return refused(*TOO_OFTEN)
            ask = Ask.of(request, at)
            needed, do = self._route(ask)
            if not needed & key.permissions:
                raise Refused(*FORBIDDEN)
            told = do(key.account, ask)
        except Refused as error:
            return refused(error.status, error.message)
        return answered(told.rows, told.headers) if isinstance(told, Page) else answered(told)

    def _signed(self, request: HttpRequest, at: Nanos) -> SimulatedKey:
        given = {name.lower(): value for name, value in request.headers.items()}
        for name, shown in _HEADERS.items():
            if not given.get(name):
                raise Refused(401 if name == "cb-access-key" else 400, f"{shown} header is required")
        signed = Signed(
            given["cb-access-key"],
            given["cb-access-passphrase"],
            msgspec.Raw(given["cb-access-timestamp"].encode("utf-8", "replace")),
            given["cb-access-sign"],
        )
        what = f"{request.method}{request.url}".encode() + (request.body or b"")
        said = self._keys.refusal(signed, at, what)
        key = self._keys.find(signed.key)
        if said or key is None:
            raise Refused(401 if said == NO_KEY else 400, said or NO_KEY)
        return key

    def _allowance(self, key: SimulatedKey, fills: bool) -> Tokens:
        name = key.account.account_id, fills
        if name not in self._tokens:
            self._tokens[name] = Tokens(20, SECOND // 10) if fills else Tokens(30, SECOND // 15)
        return self._tokens[name]

    def _route(self, ask: Ask) -> tuple[frozenset[Permission], _Answer]:
        """What a request needs and what answers it. Raises `Refused`."""
        match (ask.method, *ask.place):
            case ("GET", *place):
                return _READS, self._question(tuple(place))
            case ("POST", "orders"):
                return frozenset({Permission.TRADE}), self._orders.place
            case ("DELETE", "orders"):
                return frozenset({Permission.TRADE}), self._orders.cancel_all
            case ("DELETE", "orders", name):
                return frozenset({Permission.TRADE}), lambda account, _: self._orders.cancel(account, name)
            case ("POST", "withdrawals", "crypto"):
                return frozenset({Permission.WITHDRAW}), self._transfers.withdraw
            case ("POST", "coinbase-accounts", name, "addresses"):
                return frozenset({Permission.WITHDRAW}), lambda account, ask: self._transfers.address(
                    account, name, ask
                )
        raise Refused(*NOT_FOUND)

    def _question(self, place: tuple[str, ...]) -> _Answer:
        accounts, orders, transfers = self.accounts, self._orders, self._transfers
        simple: Mapping[tuple[str, ...], _Answer] = {
            ("accounts",): lambda account, _: accounts.all(account),
            ("orders",): orders.listed,
            ("fills",): orders.fills,
            ("fees",): lambda account, _: accounts.fees(account),
            ("profiles",): lambda account, _: accounts.profiles(account),
            ("payment-methods",): lambda account, _: (),
            ("coinbase-accounts",): lambda account, _: accounts.wallets(account),
            ("address-book",): lambda account, _: transfers.book(account),
            ("transfers",): transfers.listed,
            ("withdrawals", "fee-estimate"): lambda account, ask: transfers.estimate(ask),
            ("users", "self", "verify"): lambda account, _: {"id": account.account_id},
        }
        if place in simple:
            return simple[place]
        match place:
            case ("accounts", name):
                return lambda account, _: accounts.one(account, name)
            case ("accounts", name, "transfers"):
                return lambda account, ask: transfers.listed(account, ask, accounts.code_of(account, name))
            case ("accounts", name, "ledger"):
                return lambda account, ask: accounts.ledger(account, name, ask)
            case ("accounts", name, "holds"):
                return lambda account, ask: accounts.holds(account, name, ask)
            case ("orders", name):
                return lambda account, _: orders.one(account, name)
            case ("transfers", name):
                return lambda account, _: transfers.one(account, name)
            case ("profiles", name):
                return lambda account, _: _profile(accounts.profiles(account)[0], name)
        raise Refused(*NOT_FOUND)


def _profile(one: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if one["id"] != name:
        raise Refused(*NOT_FOUND)
    return one
