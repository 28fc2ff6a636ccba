"""The private REST side of the simulated Kraken, `/0/private/…`: who asks what, balances, fees, the key itself.

Enters: requests and their time, the desk. Leaves: answers with status 200, errors in their bodies. Never: an answer of
one account to the key of another.

docs.kraken.com/api-reference/account-data, pages get-account-balance, get-extended-balance, get-trade-balance, get-
trade-volume, get-ledgers-info, get-api-key-info (2026-11-21); ledger lines are those of trades and transfers since the
desk began, without those of opening balances.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    Asset,
    DeskRefusal,
    HttpRequest,
    HttpResponse,
    Nanos,
    Permission,
    SimulatedAccount,
    SimulatedDesk,
    TransferStatus,
    exact,
)
from cryptopipe_kraken.sandbox_accounts_door import PREFIX, TOKEN_LIFE, Call, Door, Endpoint, Tokens
from cryptopipe_kraken.sandbox_accounts_ledger import Ledger
from cryptopipe_kraken.sandbox_accounts_names import padded
from cryptopipe_kraken.sandbox_accounts_words import Refused
from cryptopipe_kraken.sandbox_assets import asset_entry, encoded, rest_code, rest_name
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_funding import Funding
from cryptopipe_kraken.sandbox_text import SECOND
from cryptopipe_kraken.sandbox_trade import Trading
from cryptopipe_kraken.sandbox_trade_ticket import Pairs
from cryptopipe_kraken.sandbox_trade_views import Views

_PERMISSIONS = {
    Permission.READ: ("query-funds", "add-funds", "query-open-trades", "query-closed-trades", "query-ledger"),
    Permission.TRADE: ("modify-trades", "close-trades"),
    Permission.WITHDRAW: ("withdraw-funds",),
}
_DOLLARS = ("USD", "USDC", "USDT")
_ANY = Permission.READ, Permission.TRADE, Permission.WITHDRAW
_JSON = {"Content-Type": "application/json; charset=utf-8"}


def asset_places(asset: Asset) -> int:
    """Decimals of a balance: 4 of money, 10 of bitcoin."""
    return int(asset_entry(asset)["decimals"])


class Accounts:
    """Answers requests. `trading` and `tokens` are shared with the websocket."""

    def __init__(self, desks: Mapping[str, Desk], desk: SimulatedDesk) -> None:
        self._desks, self._desk = desks, desk
        self.pairs = Pairs(desks)
        self.trading = Trading(self.pairs)
        self.tokens = Tokens()
        self._door = Door(desk, self._endpoints())

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """None for a path that is not private."""
        if not request.url.startswith(PREFIX):
            return None
        try:
            told: dict[str, Any] = {"error": [], "result": self._door.serve(request, at)}
        except Refused as refused:
            told = {"error": [str(refused)]}
        return HttpResponse(200, encoded(told), request.url, _JSON)

    def _endpoints(self) -> dict[str, Endpoint]:
        trading, views, funding, ledger = self.trading, Views(self.trading), Funding(self._desk), Ledger()
        trade, withdraw = Permission.TRADE, Permission.WITHDRAW
        return {
            "GetWebSocketsToken": Endpoint(self._token),
            "GetApiKeyInfo": Endpoint(self._key_info, None),
            "Balance": Endpoint(self._balance),
            "BalanceEx": Endpoint(self._extended),
            "TradeBalance": Endpoint(self._trade_balance),
            "TradeVolume": Endpoint(self._volume),
            "Ledgers": Endpoint(ledger.listed, cost=2),
            "QueryLedgers": Endpoint(ledger.queried, cost=2),
            "OpenOrders": Endpoint(views.open_orders),
            "ClosedOrders": Endpoint(views.closed_orders),
            "QueryOrders": Endpoint(views.query_orders),
            "TradesHistory": Endpoint(views.trades_history, cost=2),
            "QueryTrades": Endpoint(views.query_trades),
            "AddOrder": Endpoint(trading.add_order, trade, 0),
            "AddOrderBatch": Endpoint(trading.add_order_batch, trade, 0),
            "CancelOrder": Endpoint(trading.cancel_order, trade, 0),
            "CancelOrderBatch": Endpoint(trading.cancel_batch, trade, 0),
            "CancelAll": Endpoint(trading.cancel_all, trade),
            "DepositMethods": Endpoint(funding.deposit_methods),
            "DepositAddresses": Endpoint(funding.deposit_addresses),
            "DepositStatus": Endpoint(funding.deposit_status),
            "WithdrawMethods": Endpoint(funding.withdraw_methods, withdraw),
            "WithdrawAddresses": Endpoint(funding.withdraw_addresses, withdraw),
            "WithdrawInfo": Endpoint(funding.withdraw_info, withdraw),
            "Withdraw": Endpoint(funding.withdraw, withdraw),
            "WithdrawStatus": Endpoint(funding.withdraw_status),
            "WithdrawCancel": Endpoint(funding.withdraw_cancel, withdraw),
        }

    def _token(self, call: Call) -> object:
        """`{"token":"1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw","expires":900}`."""
        return {"token": self.tokens.make(call.key, call.at), "expires": TOKEN_LIFE // SECOND}

    def _key_info(self, call: Call) -> object:
        key, granted = call.key, [name for one in _ANY if one in call.key.permissions for name in _PERMISSIONS[one]]
        return {
            "apiKeyName": key.credentials.key,
            "apiKey": key.credentials.key,
            "nonce": str(self._door.last_nonce(key)),
            "nonceWindow": 0,
            "permissions": [*granted, "create-ws-token"],
            "iban": f"AA00 SAND BOX{call.account.account_id} 0000",
            "validUntil": str(key.expires_at // SECOND),
            "queryFrom": "0",
            "queryTo": "0",
            "createdTime": str(key.created_at // SECOND),
            "modifiedTime": str(key.created_at // SECOND),
            "ipAllowlist": list(key.addresses),
            "lastUsed": str(call.at // SECOND),
        }

    def _balance(self, call: Call) -> object:
        """`{"ZUSD":"171288.6158","XXBT":"1011.1908877900"}`, net of what withdrawals in hand hold back."""
        return {rest_code(asset): total for asset, (total, _) in _texts(call.account).items()}

    def _extended(self, call: Call) -> object:
        """`{"ZUSD":{"balance":"25435.21","hold_trade":"8249.76"}}`."""
        return {
            rest_code(asset): {"balance": total, "hold_trade": held}
            for asset, (total, held) in _texts(call.account).items()
        }

    def _trade_balance(self, call: Call) -> object:
        """No margin is simulated: equity is what all balances are worth at the middle of the books, in dollars."""
        worth = Decimal(0)
        with exact():
            for asset, one in call.account.balances().items():
                worth += (one.free + one.locked) * self.dollars(asset)
        text, zero = padded(worth, 4), "0.0000"
        return {"eb": text, "tb": text, "m": zero, "n": zero, "c": zero, "v": zero, "e": text, "mf": text, "uv": zero}

    def _volume(self, call: Call) -> object:
        """With the fees of the pairs that are asked for, by their REST names."""
        fees, makers = {}, {}
        for name in [one for one in call.arguments.get("pair", "").split(",") if one]:
            instrument = self.pairs.find(name).instrument
            schedule = call.account.fees(instrument)
            fees[rest_name(instrument)] = _fee(schedule.taker_rate)
            makers[rest_name(instrument)] = _fee(schedule.maker_rate)
        told: dict[str, Any] = {"currency": "ZUSD", "volume": padded(self._traded(call.account), 4)}
        return told | ({"fees": fees, "fees_maker": makers} if fees else {})

    def _traded(self, account: SimulatedAccount) -> Decimal:
        total = Decimal(0)
        with exact():
            for fill in account.fills():
                total += fill.price * fill.size * self.dollars(fill.instrument.quote)
        return total

    def dollars(self, asset: Asset) -> Decimal:
        """What one is worth, by the middle of its book; 1 of a dollar's tokens, 0 where there is no book."""
        desk = self._desks.get(f"{asset}/USD")
        if desk is None or asset in _DOLLARS:
            return Decimal(asset in _DOLLARS)
        try:
            return self._desk.mark(desk.instrument)
        except DeskRefusal:
            return Decimal(0)


def _texts(account: SimulatedAccount) -> dict[Asset, tuple[str, str]]:
    """Total and held for orders, of every asset; what a withdrawal in hand holds is in neither ("net of pending
    withdrawals", get-account-balance)."""
    leaving: dict[Asset, Decimal] = {}
    found = {}
    with exact():
        for one in account.transfers(deposits=False):
            if one.status is TransferStatus.REVIEW:
                leaving[one.asset] = leaving.get(one.asset, Decimal(0)) + one.amount + one.fee
        for asset, balance in account.balances().items():
            held, places = balance.locked - leaving.get(asset, Decimal(0)), asset_places(asset)
            found[asset] = padded(balance.free + held, places), padded(held, places)
    return found


def _fee(rate: Decimal) -> dict[str, Any]:
    """In percent; the lowest tier is the only one."""
    text = padded(rate * 100, 4)
    return {"fee": text, "minfee": text, "maxfee": text, "nextfee": None, "tiervolume": "0.0000", "nextvolume": None}
