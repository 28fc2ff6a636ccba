"""Coins by request: networks, addresses, deposits and withdrawals.

Enters: the parameters of a signed request. Leaves: results in the venue's form. Never: a withdrawal from another wallet
than FUND: `accountType` UTA moves the coins there first, as the venue's page says.

bybit-exchange.github.io/docs/v5/asset, pages coin-info, deposit/{master-deposit-addr,deposit-record} and
withdraw/{withdraw,withdraw-record,cancel-withdraw,withdraw-address} (state of 2026-07-24, read 2026-11-21). Departures:
an internal address is paid on the chain as any other; the 10 seconds between two withdrawals of a coin on a chain are
not kept; `feeType` 0 adds the fixed fee alone, not a percentage.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    FUNDING,
    TRADING,
    Currency,
    DeskRefusal,
    DeskTransfer,
    Nanos,
    Network,
    Refusal,
    SimulatedAccount,
    SimulatedDesk,
    exact,
)
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_assets_told import address_row, coin_row, deposit_row, withdrawal_row
from cryptopipe_bybit.sandbox_orders import span
from cryptopipe_bybit.sandbox_orders_kept import paged
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import ADDRESS, PARAMETER, Refused, of_withdrawal

_SOURCES = {"FUND": False, "UTA": True, "FUND,UTA": True}
_MONTH = 30 * 86_400_000


class Assets:
    """The handlers, by path."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk = desk

    def coins(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/asset/coin/query-info`: coins with their chains."""
        coin = asked.text("coin")
        found = [coin_row(one) for one in self._desk.currencies if coin in ("", one.code)]
        if coin and not found:
            raise Refused(*PARAMETER)
        return {"rows": found}

    def deposit_address(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"coin":"USDT","chains":[{"chainType":"Ethereum (ERC20)","addressDeposit":…,"chain":"ETH",…}]}`"""
        currency = self._currency(asked)
        wanted = asked.text("chainType")
        networks = [one for one in currency.networks if wanted in ("", one.code)]
        if not networks:
            raise Refused(*PARAMETER)
        rows = []
        for network in networks:
            try:
                rows.append(address_row(currency.code, account.deposit_address(currency.asset, network)))
            except DeskRefusal as refusal:
                if wanted:
                    raise of_withdrawal(refusal) from None
        return {"coin": currency.code, "chains": rows}

    def deposits(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Newest first, in pages of 50."""
        return self._transfers(account, asked, at, True, deposit_row, ("id", "txID"))

    def withdrawals(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Newest first, in pages of 50; all are on a chain."""
        if asked.text("withdrawType") == "1":
            return {"rows": [], "nextPageCursor": ""}
        return self._transfers(account, asked, at, False, withdrawal_row, ("withdrawID", "txID"))

    def withdraw(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"id":"10195"}`. With `feeType` 0 the amount is "the actual amount received", with 1 the fee is in it."""
        currency = self._currency(asked)
        network = _network(currency, asked.needed("chain", PARAMETER[0]), ADDRESS)
        amount, address = asked.amount("amount", PARAMETER[0]), asked.needed("address", PARAMETER[0])
        source = asked.needed("accountType", PARAMETER[0])
        if source not in _SOURCES or not asked.text("timestamp").isdecimal() or asked.text("forceChain") == "2":
            raise Refused(*PARAMETER)
        with exact():
            leaves = amount if asked.text("feeType") == "1" else amount + (network.withdrawal_fee or Decimal(0))
        moved = self._moved(account, currency, leaves) if _SOURCES[source] else Decimal(0)
        tag, given = asked.text("tag"), asked.text("requestId")
        try:
            made = account.withdraw(currency.asset, network, address, tag, leaves, given, FUNDING)
        except DeskRefusal as refusal:
            if moved:
                account.move(currency.asset, moved, FUNDING, TRADING)
            raise of_withdrawal(refusal) from None
        return {"id": str(made.transfer_id)}

    def cancel_withdrawal(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """ "`0`: fail. `1`: success"."""
        given = asked.needed("id", PARAMETER[0])
        if not given.isdecimal():
            raise Refused(*PARAMETER)
        try:
            account.cancel_withdrawal(int(given))
        except DeskRefusal as refusal:
            if refusal.why is Refusal.ORDER_ENDED:
                return {"status": 0}
            raise of_withdrawal(refusal) from None
        return {"status": 1}

    def address_book(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Addresses that may be sent to."""
        coin, chain = asked.text("coin"), asked.text("chain")
        codes = {one.asset: one.code for one in self._desk.currencies}
        rows = [
            {
                "coin": codes.get(one.asset, one.asset),
                "chain": one.network.code,
                "address": one.address,
                "tag": one.memo,
                "remark": name,
                "status": 0,
                "addressType": 0,
                "verified": 1,
                "createdAt": "1760951195",
            }
            for name, one in account.allowed_addresses()
            if coin in ("", codes.get(one.asset, one.asset)) and chain in ("", one.network.code)
        ]
        page, cursor = paged(enumerate(rows[::-1], -len(rows)), asked.text("cursor"), asked.limit(50, 50))
        return {"rows": page[::-1], "nextPageCursor": cursor}

    def _moved(self, account: SimulatedAccount, currency: Currency, leaves: Decimal) -> Decimal:
        """ "System transfers the funds to Funding wallet to withdraw": what was missing there, moved."""
        held = account.balances(FUNDING).get(currency.asset)
        with exact():
            missing = leaves - (held.free if held else 0)
        if missing <= 0:
            return Decimal(0)
        try:
            account.move(currency.asset, missing, TRADING, FUNDING)
        except DeskRefusal as refusal:
            raise of_withdrawal(refusal) from None
        return missing

    def _currency(self, asked: Asked) -> Currency:
        coin = asked.needed("coin", PARAMETER[0])
        found = next((one for one in self._desk.currencies if one.code == coin), None)
        if found is None:
            raise Refused(*PARAMETER)
        return found

    def _code(self, one: DeskTransfer) -> str:
        return next((known.code for known in self._desk.currencies if known.asset == one.asset), one.asset)

    def _transfers(
        self,
        account: SimulatedAccount,
        asked: Asked,
        at: Nanos,
        deposits: bool,
        row: Callable[[DeskTransfer, str], dict[str, Any]],
        ids: Sequence[str],
    ) -> object:
        coin, (given, txid) = asked.text("coin"), [asked.text(name) for name in ids]
        since, until = span(asked, at, _MONTH)
        rows = [
            (one.transfer_id, row(one, self._code(one)))
            for one in reversed(account.transfers(deposits))
            if coin in ("", self._code(one))
            and given in ("", str(one.transfer_id))
            and txid in ("", one.txid)
            and (bool(given) or since <= one.created_at // MILLISECOND <= until)
        ]
        page, cursor = paged(rows, asked.text("cursor"), asked.limit(50, 50))
        return {"rows": page, "nextPageCursor": cursor}


def _network(currency: Currency, code: str, refusal: tuple[int, str]) -> Network:
    found = next((one for one in currency.networks if one.code == code), None)
    if found is None:
        raise Refused(*refusal)
    return found
