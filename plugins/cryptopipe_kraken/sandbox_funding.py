"""Deposits and withdrawals of the simulated Kraken.

Enters: the texts of admitted calls. Leaves: addresses, transfers and their states as the venue writes them. Never: a
withdrawal to an address that is not in the account's address book.

docs.kraken.com/api-reference/funding, pages get-deposit-methods, get-deposit-addresses, get-status-of-recent-deposits,
get-withdrawal-methods, get-withdrawal-addresses, get-withdrawal-information, withdraw-funds, get-status-of-recent-
withdrawals, request-withdrawal-cancellation (2026-11-21; in copies of 2026-05-27). A withdrawal names an address by its
key in the address book; `address` is compared with it. `amount` is what leaves the account, its fee included. A
withdrawal's status is Initial while it is looked at, Pending until the chain has it for good, Success, or Failure, with
`status-prop` canceled where it was; a deposit's is Pending, then Success.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from cryptopipe.api import (
    Currency,
    DepositAddress,
    DeskRefusal,
    DeskTransfer,
    Network,
    SimulatedDesk,
    TransferStatus,
    exact,
)
from cryptopipe_kraken.sandbox_accounts_door import Call
from cryptopipe_kraken.sandbox_accounts_names import DEPOSITS, WITHDRAWALS, padded
from cryptopipe_kraken.sandbox_accounts_words import OTHER_ADDRESS, UNKNOWN_KEY, Refused, words
from cryptopipe_kraken.sandbox_assets import asset_entry, rest_code, short_code
from cryptopipe_kraken.sandbox_text import SECOND
from cryptopipe_kraken.wallets import methods

_STATUS = {
    TransferStatus.REVIEW: "Initial",
    TransferStatus.SENT: "Pending",
    TransferStatus.CONFIRMING: "Pending",
    TransferStatus.DONE: "Success",
    TransferStatus.FAILED: "Failure",
    TransferStatus.CANCELLED: "Failure",
}
_PAGE = 500
_LONGEST, _FINEST = 60, 18
"""Characters of an amount, and digits on either side of its point: more is no amount of any coin."""
_OTHER_NAMES = {"USDC": ("USDC", "Ethereum")}
"""What clients call a deposit method, and its currency and network: ccxt 4.5.90 still says `USDC`."""


class Funding:
    """What may be asked about transfers, and withdrawals."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk = desk

    def deposit_methods(self, call: Call) -> object:
        """`[{"method":"Ether (Hex)","limit":false,"gen-address":true}]`: it tells no network."""
        currency = self._currency(call.need("asset"))
        return [
            {
                "method": _method(currency, one, deposit=True),
                "limit": False,
                "gen-address": True,
                **({} if one.min_deposit is None else {"minimum": padded(one.min_deposit, 10)}),
            }
            for one in currency.networks
            if one.deposits is not False
        ]

    def deposit_addresses(self, call: Call) -> object:
        """`[{"address":"2N9f…","expiretm":"0","new":true}]`, one a method."""
        currency, name = self._currency(call.need("asset")), call.need("method")
        for network in currency.networks:
            known = {_method(currency, network, deposit=True)}
            known |= {other for other, key in _OTHER_NAMES.items() if key == (currency.code, network.code)}
            if name in known:
                try:
                    found = call.account.deposit_address(currency.asset, network)
                except DeskRefusal as refusal:
                    raise words(refusal, funding=True) from None
                fresh = {"new": True} if call.flag("new") else {}
                return [{"address": found.address, "expiretm": "0", **fresh, **_tag(found.memo)}]
        raise Refused("EFunding:No funding method")

    def deposit_status(self, call: Call) -> object:
        """Newest first."""
        return self._listed(call, deposits=True)

    def withdraw_methods(self, call: Call) -> object:
        """`[{"asset":"XXBT","method":"Bitcoin","network":"Bitcoin","minimum":"0.0004"}]`."""
        wanted, network = call.arguments.get("asset", ""), call.arguments.get("network", "")
        currencies = [self._currency(wanted)] if wanted else self._desk.currencies
        return [
            {
                "asset": rest_code(currency.asset),
                "method": _method(currency, one),
                "network": one.code,
                "minimum": padded(one.min_withdrawal or Decimal(0), 2),
            }
            for currency in currencies
            for one in currency.networks
            if one.withdrawals is not False and network in ("", one.code)
        ]

    def withdraw_addresses(self, call: Call) -> object:
        """`[{"address":"bc1q…","asset":"XBT","method":"Bitcoin","key":"btc-wallet-1","verified":true}]`."""
        wanted = self._currency(call.arguments["asset"]).asset if call.arguments.get("asset") else None
        key, method = call.arguments.get("key", ""), call.arguments.get("method", "")
        rows = [
            {
                "address": one.address,
                "asset": short_code(one.asset),
                "method": _method(self._currency(one.asset), one.network),
                "key": name,
                **_tag(one.memo),
                "verified": True,
            }
            for name, one in call.account.allowed_addresses()
            if wanted in (None, one.asset) and key in ("", name)
        ]
        return [row for row in rows if method in ("", row["method"])]

    def withdraw_info(self, call: Call) -> object:
        """`{"method":"Bitcoin","limit":"332.00956139","amount":"0.72485000","fee":"0.00020000"}`: amount is net."""
        currency = self._currency(call.need("asset"))
        network = self._network(currency, self._listed_key(call, currency))
        amount, fee = _amount(call.need("amount")), network.withdrawal_fee or Decimal(0)
        balance = call.account.balances().get(currency.asset)
        places = int(asset_entry(currency.asset)["decimals"])
        with exact():
            net, most = amount - fee, max(Decimal(0), (balance.free if balance else Decimal(0)) - fee)
        if net <= 0:
            raise Refused("EFunding:Too small")
        return {
            "method": _method(currency, network),
            "limit": padded(most, places),
            "amount": padded(net, places),
            "fee": padded(fee, places),
        }

    def withdraw(self, call: Call) -> object:
        """`{"refid":"AGBSO6T-UFMTTQ-I7KGS6"}`."""
        currency = self._currency(call.need("asset"))
        amount, listed = _amount(call.need("amount")), self._listed_key(call, currency)
        told = call.arguments.get("address", "")
        if told and told != listed.address and (told.lower() != listed.address.lower() or not told.startswith("0x")):
            raise Refused(OTHER_ADDRESS)
        network = self._network(currency, listed)
        most = call.arguments.get("max_fee", "")
        if most and (network.withdrawal_fee or Decimal(0)) > _amount(most):
            raise Refused("EFunding:Max fee exceeded")
        try:
            made = call.account.withdraw(currency.asset, network, listed.address, listed.memo, amount)
        except DeskRefusal as refusal:
            raise words(refusal, funding=True) from None
        return {"refid": WITHDRAWALS.text(made.transfer_id)}

    def withdraw_status(self, call: Call) -> object:
        """Newest first."""
        return self._listed(call, deposits=False)

    def withdraw_cancel(self, call: Call) -> object:
        """`true` where it was taken back."""
        number = WITHDRAWALS.number(call.need("refid"))
        if not number or all(one.transfer_id != number for one in call.account.transfers(False)):
            raise Refused("EFunding:Unknown reference id")
        try:
            return call.account.cancel_withdrawal(number).status is TransferStatus.CANCELLED
        except DeskRefusal:
            return False

    def _listed(self, call: Call, deposits: bool) -> object:
        wanted = self._currency(call.arguments["asset"]).asset if call.arguments.get("asset") else None
        method, limit = call.arguments.get("method", ""), call.count("limit", _PAGE)
        rows = [
            row
            for one in self._between(call, call.account.transfers(deposits))
            if wanted in (None, one.asset) and method in ("", (row := self._row(call, one))["method"])
        ]
        rows = list(reversed(rows))[:limit]
        cursor = call.arguments.get("cursor", "")
        if cursor in ("", "false", "False"):
            return rows
        return {"deposits" if deposits else "withdrawals": rows, "next_cursor": None}

    def _between(self, call: Call, transfers: Sequence[DeskTransfer]) -> Iterator[DeskTransfer]:
        first, last = (_amount(call.arguments.get(name, "") or "0") for name in ("start", "end"))
        for one in transfers:
            at = one.created_at // SECOND
            if at >= first and (not last or at <= last):
                yield one

    def _row(self, call: Call, one: DeskTransfer) -> dict[str, Any]:
        currency, places = self._currency(one.asset), int(asset_entry(one.asset)["decimals"])
        names = {} if one.deposit else {"key": _key(call, one)}
        return {
            "method": _method(currency, one.network, one.deposit),
            "network": one.network.code,
            "aclass": "currency",
            "asset": rest_code(one.asset),
            "refid": (DEPOSITS if one.deposit else WITHDRAWALS).text(one.transfer_id),
            "txid": one.txid or None,
            "info": one.address,
            "amount": padded(one.amount, places),
            "fee": padded(Decimal(0) if one.deposit else one.fee, places),
            "time": one.created_at // SECOND,
            "status": _STATUS[one.status],
            **({"status-prop": "canceled"} if one.status is TransferStatus.CANCELLED else {}),
            **names,
        }

    def _currency(self, name: str) -> Currency:
        for one in self._desk.currencies:
            if name in (one.code, one.asset, rest_code(one.asset), short_code(one.asset)):
                return one
        raise Refused("EFunding:Unknown asset")

    def _listed_key(self, call: Call, currency: Currency) -> DepositAddress:
        key = call.need("key")
        for name, one in call.account.allowed_addresses():
            if name == key and one.asset == currency.asset:
                return one
        raise Refused(UNKNOWN_KEY)

    def _network(self, currency: Currency, listed: DepositAddress) -> Network:
        """As it is now."""
        return next((one for one in currency.networks if one.code == listed.network.code), listed.network)


def _method(currency: Currency, network: Network, deposit: bool = False) -> str:
    for one in methods():
        if one.asset == currency.asset and one.network == network.code:
            return one.deposit if deposit else one.withdraw
    return network.code


def _key(call: Call, transfer: DeskTransfer) -> str:
    """The name of its address in the address book."""
    sought = (transfer.asset, transfer.address, transfer.memo)
    book = call.account.allowed_addresses()
    return next((name for name, one in book if (one.asset, one.address, one.memo) == sought), "")


def _tag(memo: str) -> dict[str, str]:
    return {"tag": memo} if memo else {}


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text if len(text) <= _LONGEST else "")
    except InvalidOperation:
        raise Refused("EFunding:Invalid amount") from None
    if not amount.is_finite() or amount < 0 or (amount and not -_FINEST <= amount.adjusted() <= _FINEST):
        raise Refused("EFunding:Invalid amount")
    return amount
