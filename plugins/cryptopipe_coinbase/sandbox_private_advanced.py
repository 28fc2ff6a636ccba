"""The private side of the simulated Advanced Trade: who asks, what the key may do, how often, and who answers.

Enters: signed requests. Leaves: answers in the venue's form. Never: an answer about another account than the key's, a
request beyond the limits of one user.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api, groups
accounts, fees, data-api (key permissions) and portfolios; its rest-api/rate-limits as others quote it (30 private
requests a second). Wordings of 401 as recorded; those of 403, 429 and 503 are ours in the documented shape. Transfers
(`/v2/accounts/…`) are not simulated here.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptopipe.api import (
    Asset,
    DeskBalance,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    Permission,
    SimulatedAccount,
    SimulatedDesk,
    SimulatedKey,
    exact,
    plain,
)
from cryptopipe_coinbase.sandbox_keys_advanced import TokenKeys
from cryptopipe_coinbase.sandbox_orders_advanced import AdvancedOrders
from cryptopipe_coinbase.sandbox_private_request import Ask
from cryptopipe_coinbase.sandbox_private_text import uuid_of
from cryptopipe_coinbase.sandbox_private_words import Refused as Worded
from cryptopipe_coinbase.sandbox_rest import Refused, answered
from cryptopipe_coinbase.sandbox_shown import SECOND, Shown, Tokens

_V3 = "/api/v3/brokerage/"
_PUBLIC = ("market", "time")
_MARKET = ("products", "product_book", "best_bid_ask")
_OPENED = "2021-01-01T00:00:00Z"
_FIAT = ("USD", "EUR")
UNAUTHORIZED = HttpResponse(401, b"Unauthorized\n", headers={"content-type": "text/plain; charset=utf-8"})
MAINTENANCE = answered(503, {"error": "UNAVAILABLE", "error_details": "", "message": "Service under maintenance"})
_NOTHING = DeskBalance(Decimal(0), Decimal(0))
_READS = frozenset({Permission.READ, Permission.TRADE})
_Answer = Callable[[SimulatedAccount, Ask], object]


class AdvancedPrivate:
    """Every request with a token. `products` are those with a book of their own, by id."""

    def __init__(self, products: Mapping[str, Shown], desk: SimulatedDesk) -> None:
        self._desk, self.keys = desk, TokenKeys(desk)
        self._orders = AdvancedOrders(products)
        self._instruments = tuple(one.instrument for one in products.values())
        self._tokens: dict[int, Tokens] = {}

    @property
    def closed(self) -> HttpResponse | None:
        """What is answered to anything while the venue is being maintained."""
        return MAINTENANCE if self._desk.maintenance else None

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """The answer to one request; None for one that shows the market, to whoever signed it rightly."""
        path = urlsplit(request.url).path.rstrip("/")
        place = path.removeprefix(_V3).strip("/").split("/")
        if not (path.startswith(_V3) or place[:2] == ["v2", "accounts"]) or place[0] in _PUBLIC:
            return None
        key = self._signed(request, path, at)
        if key is None:
            return UNAUTHORIZED
        if not self._tokens.setdefault(key.account.account_id, Tokens(30, SECOND // 30)).take(at):
            return answered(429, {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]})
        if place[0] in _MARKET:
            return None
        try:
            ask = Ask.of(request, at)
            needed, do = self._route(ask.method, place, key)
            if not needed & key.permissions:
                raise Refused(403, "PERMISSION_DENIED", "Missing required scopes")
            return answered(200, do(key.account, ask))
        except Refused as error:
            told = {"error": error.error, "error_details": error.message, "message": error.message}
            return answered(error.status, told)
        except Worded as error:
            told = {"error": "INVALID_ARGUMENT", "error_details": error.message, "message": error.message}
            return answered(error.status, told)

    def _signed(self, request: HttpRequest, path: str, at: Nanos) -> SimulatedKey | None:
        told = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
        kind, _, token = told.partition(" ")
        return self.keys.find(token, at, f"{request.method} {path}") if kind == "Bearer" else None

    def _route(self, method: str, place: Sequence[str], key: SimulatedKey) -> tuple[frozenset[Permission], _Answer]:
        orders, trade = self._orders, frozenset({Permission.TRADE})
        match (method, *place):
            case ("POST", "orders"):
                return trade, orders.place
            case ("POST", "orders", "batch_cancel"):
                return trade, orders.cancel
            case ("GET", "orders", "historical", "batch"):
                return _READS, orders.listed
            case ("GET", "orders", "historical", "fills"):
                return _READS, orders.fills
            case ("GET", "orders", "historical", name):
                return _READS, lambda account, ask: orders.one(account, name)
            case ("GET", "accounts"):
                return _READS, self._accounts
            case ("GET", "accounts", name):
                return _READS, lambda account, ask: {"account": self._one(account, name)}
            case ("GET", "v2", "accounts"):
                return _READS, self._wallets
            case ("GET", "transaction_summary"):
                return _READS, lambda account, ask: self._summary(account)
            case ("GET", "key_permissions"):
                return _READS, lambda account, ask: _rights(key)
            case ("GET", "portfolios"):
                return _READS, lambda account, ask: {"portfolios": [_portfolio(account)]}
            case ("GET", "payment_methods"):
                return _READS, lambda account, ask: {"payment_methods": []}
        raise Refused(404, "NOT_FOUND", "Not Found")

    def _codes(self) -> Mapping[str, Asset]:
        found = {one.code: one.asset for one in self._desk.currencies}
        for one in self._instruments:
            base, _, quote = one.symbol.partition("-")
            found |= {base: found.get(base, one.base), quote: found.get(quote, one.quote)}
        return found

    def _rows(self, account: SimulatedAccount) -> Sequence[Mapping[str, Any]]:
        held = account.balances()
        return [_wallet(account, code, held.get(asset, _NOTHING)) for code, asset in sorted(self._codes().items())]

    def _accounts(self, account: SimulatedAccount, ask: Ask) -> object:
        """All on one page: there are fewer than the least page."""
        rows = self._rows(account)
        return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}

    def _wallets(self, account: SimulatedAccount, ask: Ask) -> object:
        """`GET /v2/accounts`, of which clients that are older than `/api/v3/brokerage/accounts` take balances."""
        empty = dict.fromkeys(("ending_before", "starting_after", "previous_uri", "next_uri", "next_starting_after"))
        return {
            "pagination": empty | {"limit": 250, "order": "desc"},
            "data": [_older(row) for row in self._rows(account)],
        }

    def _one(self, account: SimulatedAccount, name: str) -> object:
        for row in self._rows(account):
            if row["uuid"] == name:
                return row
        raise Refused(404, "NOT_FOUND", "account not found")

    def _summary(self, account: SimulatedAccount) -> object:
        rates = account.fees(self._instruments[0])
        fills = account.fills()
        with exact():
            volume = sum((one.price * one.size for one in fills if _dollars(one.instrument)), Decimal(0))
            paid = sum((one.fee.amount for one in fills if _dollars(one.instrument)), Decimal(0))
        total, fees = float(volume), float(paid)  # numbers of JSON there; nobody here reckons with them
        tier = {
            "pricing_tier": "Intro 1",
            "usd_from": "0",
            "usd_to": "1000",
            "taker_fee_rate": plain(rates.taker_rate),
            "maker_fee_rate": plain(rates.maker_rate),
            "aop_from": "0",
            "aop_to": "1000000",
        }
        return {
            "total_volume": total,
            "total_fees": fees,
            "fee_tier": tier,
            "margin_rate": None,
            "goods_and_services_tax": None,
            "advanced_trade_only_volume": total,
            "advanced_trade_only_fees": fees,
            "coinbase_pro_volume": 0,
            "coinbase_pro_fees": 0,
            "total_balance": "",
        }


def _dollars(one: Instrument) -> bool:
    return one.symbol.endswith("-USD")


def _wallet(account: SimulatedAccount, code: str, held: DeskBalance) -> Mapping[str, Any]:
    return {
        "uuid": uuid_of("account", account.account_id, code),
        "name": f"{code} Wallet",
        "currency": code,
        "available_balance": {"value": plain(held.free), "currency": code},
        "default": True,
        "active": True,
        "created_at": _OPENED,
        "updated_at": _OPENED,
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if code in _FIAT else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": plain(held.locked), "currency": code},
        "retail_portfolio_id": uuid_of("portfolio", account.account_id),
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def _older(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A wallet as page coinbase-app/track-apis/accounts tells it, as ccxt 4.5.90 quotes it."""
    fiat, code = row["currency"] in _FIAT, row["currency"]
    return {
        "id": row["uuid"],
        "name": row["name"],
        "primary": False,
        "type": "fiat" if fiat else "wallet",
        "currency": {"code": code, "name": code, "exponent": 2 if fiat else 8, "type": "fiat" if fiat else "crypto"},
        "balance": {"amount": row["available_balance"]["value"], "currency": code},
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "resource": "account",
        "resource_path": f"/v2/accounts/{row['uuid']}",
        "allow_deposits": True,
        "allow_withdrawals": True,
    }


def _portfolio(account: SimulatedAccount) -> Mapping[str, Any]:
    return {"name": "Default", "uuid": uuid_of("portfolio", account.account_id), "type": "DEFAULT", "deleted": False}


def _rights(key: SimulatedKey) -> Mapping[str, Any]:
    return {
        "can_view": Permission.READ in key.permissions,
        "can_trade": Permission.TRADE in key.permissions,
        "can_transfer": Permission.WITHDRAW in key.permissions,
        "portfolio_uuid": uuid_of("portfolio", key.account.account_id),
        "portfolio_type": "DEFAULT",
    }
