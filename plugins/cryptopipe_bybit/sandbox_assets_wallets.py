"""The two wallets by request: balances of either, and moves between them.

Enters: the parameters of a signed request. Leaves: results in the venue's form. Never: a wallet of the classic account,
which Bybit has no more: `UNIFIED` and `FUND` are all.

bybit-exchange.github.io/docs/v5/asset, pages transfer/{create-inter-transfer,inter-transfer-list} and
balance/{all-balance,account-coin-balance} (state of 2026-07-24, read 2026-11-21).
"""

from decimal import Decimal

from cryptopipe.api import Asset, DeskRefusal, Nanos, SimulatedAccount, SimulatedDesk, exact, plain
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_assets_told import WALLETS, member, move_row
from cryptopipe_bybit.sandbox_orders import span
from cryptopipe_bybit.sandbox_orders_kept import paged
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import Refused, of_move


class Wallets:
    """The handlers, by path."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk = desk

    def move(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"transferId":"42c0cfb0-…","status":"SUCCESS"}`"""
        given, coin = asked.needed("transferId", 131203), asked.needed("coin", 131203)
        amount = asked.amount("amount", 131203)
        source, target = (asked.needed(name, 131203) for name in ("fromAccountType", "toAccountType"))
        if source == target:
            raise Refused(131211, "fromAccountType can't be the same as toAccountType")
        if source not in WALLETS:
            raise Refused(131232, "Transfers out this account are not supported")
        if target not in WALLETS:
            raise Refused(131231, "Transfers into this account are not supported")
        currency = next((one for one in self._desk.currencies if one.code == coin), None)
        if currency is None:
            raise Refused(131203, "Request parameter error")
        try:
            account.move(currency.asset, amount, WALLETS[source], WALLETS[target], given)
        except DeskRefusal as refusal:
            raise of_move(refusal) from None
        return {"transferId": given, "status": "SUCCESS"}

    def moves(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Newest first."""
        given, coin = asked.text("transferId"), asked.text("coin")
        since, until = span(asked, at)
        rows = [
            (one.move_id, move_row(one, self._code(one.asset)))
            for one in reversed(account.moves())
            if given in ("", one.client_id)
            and coin in ("", self._code(one.asset))
            and since <= one.at // MILLISECOND <= until
        ]
        page, cursor = paged(rows, asked.text("cursor"), asked.limit(20, 50))
        return {"list": page, "nextPageCursor": cursor}

    def balances(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/asset/transfer/query-account-coins-balance` of one wallet."""
        name = asked.needed("accountType", 131203)
        if name not in WALLETS:
            raise Refused(131203, "Request parameter error")
        wanted = asked.text("coin").split(",") if asked.text("coin") else []
        if name == "UNIFIED" and not 1 <= len(wanted) <= 10:
            raise Refused(131203, "Request parameter error")
        codes = wanted or [one.code for one in self._desk.currencies]
        rows = [self._balance(account, name, code) for code in codes]
        return {"memberId": member(account), "accountType": name, "balance": rows}

    def balance(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/asset/transfer/query-account-coin-balance` of one wallet and coin."""
        name, coin = asked.needed("accountType", 131203), asked.needed("coin", 131203)
        if name not in WALLETS:
            raise Refused(131203, "Request parameter error")
        row = {**self._balance(account, name, coin), "transferSafeAmount": "", "ltvTransferSafeAmount": ""}
        ids = {"accountId": member(account), "memberId": member(account)}
        return {"accountType": name, "bizType": 1, **ids, "balance": row}

    def _balance(self, account: SimulatedAccount, name: str, code: str) -> dict[str, str]:
        currency = next((one for one in self._desk.currencies if one.code == code), None)
        held = account.balances(WALLETS[name]).get(currency.asset) if currency else None
        free, locked = (Decimal(0), Decimal(0)) if held is None else (held.free, held.locked)
        with exact():
            return {"coin": code, "transferBalance": plain(free), "walletBalance": plain(free + locked), "bonus": ""}

    def _code(self, asset: Asset) -> str:
        return next((known.code for known in self._desk.currencies if known.asset == asset), asset)
