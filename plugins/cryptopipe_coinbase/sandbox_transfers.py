"""Transfers of the simulated Coinbase Exchange: deposit addresses, withdrawals, fees, the address book, histories.

Enters: what a signed request asks for, an account of the desk. Leaves: the venue's JSON. Never: an address of another
account, a transfer told as done before it is.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/exchange-api/rest-api, groups transfers
(withdraw-to-crypto-address: the network's fee comes out of the amount unless `add_network_fee_to_total`; get-fee-
estimate), coinbase-accounts/generate-crypto-address and address-book. The fields of a transfer and its stamps are those
that ccxt 4.5.90 and a public client quote from answers. A withdrawal is `processed_at` and `completed_at` when it is
final on the chain, `processed_at` alone where it failed: so ccxt reads them; what the venue means by each it says
nowhere.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    Asset,
    Currency,
    DeskRefusal,
    DeskTransfer,
    Network,
    SimulatedAccount,
    SimulatedDesk,
    TransferStatus,
    exact,
    plain,
)
from cryptopipe_coinbase.sandbox_accounts import Accounts, account_uuid, wallet_uuid
from cryptopipe_coinbase.sandbox_private_orders import profile, user
from cryptopipe_coinbase.sandbox_private_request import Ask, Page, decimal_of
from cryptopipe_coinbase.sandbox_private_text import eight, hex_id, transfer_stamp, uuid_of
from cryptopipe_coinbase.sandbox_private_words import NOT_FOUND, Refused, told
from cryptopipe_coinbase.sandbox_shown import whole_stamp

_TYPES = {"": (True, False), "deposit": (True,), "withdraw": (False,)}


class Transfers:
    """What comes in and goes out over the networks."""

    def __init__(self, desk: SimulatedDesk, accounts: Accounts) -> None:
        self._desk, self._accounts = desk, accounts

    def address(self, account: SimulatedAccount, wallet: str, ask: Ask) -> Mapping[str, Any]:
        """`POST /coinbase-accounts/{id}/addresses`. Raises `Refused`."""
        code = self._accounts.wallet_code(account, wallet)
        asset, network = self._network(code, ask.text("network"))
        try:
            made = account.deposit_address(asset, network)
        except DeskRefusal as refusal:
            raise told(refusal, code) from None
        at = whole_stamp(ask.at)
        tag = {"destination_tag": made.memo} if made.memo else {}
        return {
            "id": uuid_of("address", account.account_id, code, network.code),
            "address": made.address,
            **tag,
            "address_info": {"address": made.address, **tag},
            "name": "New exchange deposit address",
            "callback_url": None,
            "created_at": at,
            "updated_at": at,
            "network": network.code,
            "resource": "address",
            "resource_path": f"/v2/exchange/accounts/{wallet}/addresses",
            "deposit_uri": f"{network.code}:{made.address}",
            "exchange_deposit_address": True,
        }

    def withdraw(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`POST /withdrawals/crypto`. Raises `Refused`."""
        code, address = ask.text("currency"), ask.text("crypto_address")
        amount = decimal_of(ask, "amount")
        if amount is None:
            raise Refused(400, "amount must be a positive number")
        if not address:
            raise Refused(400, "invalid crypto_address")
        asset, network = self._network(code, ask.text("network"))
        with exact():
            whole = amount + (network.withdrawal_fee or 0) if ask.flag("add_network_fee_to_total") else amount
        memo = "" if ask.flag("no_destination_tag") else ask.text("destination_tag")
        try:
            made = account.withdraw(asset, network, address, memo, whole, ask.text("nonce"))
        except DeskRefusal as refusal:
            raise told(refusal, code) from None
        with exact():
            total = made.amount + made.fee
        return {
            "id": _uuid(made),
            "amount": eight(total),
            "currency": code,
            "payout_at": None,
            "fee": plain(made.fee),
            "subtotal": plain(made.amount),
            "network": network.code,
        }

    def estimate(self, ask: Ask) -> Mapping[str, Any]:
        """`GET /withdrawals/fee-estimate`. Raises `Refused`."""
        _, network = self._network(ask.first("currency"), ask.first("network"))
        fee = plain(network.withdrawal_fee or Decimal(0))
        return {"fee": fee, "fee_before_subsidy": fee}

    def listed(self, account: SimulatedAccount, ask: Ask, code: str = "") -> Page:
        """`GET /transfers` and `GET /accounts/{id}/transfers`, newest first. Raises `Refused`."""
        wanted, name = ask.first("type"), code or ask.first("currency")
        if wanted not in _TYPES:
            raise Refused(400, f"Invalid type {wanted}")
        asset = self._accounts.asset(name) if name else None
        found = [one for deposits in _TYPES[wanted] for one in account.transfers(deposits)]
        kept = [one for one in found if not name or one.asset == asset]
        rows = [
            (one.created_at, whole_stamp(one.created_at), self._written(account, one, short=bool(code)))
            for one in sorted(kept, key=lambda one: (-one.created_at, -one.transfer_id))
        ]
        return Page.of(rows, ask)

    def one(self, account: SimulatedAccount, name: str) -> Mapping[str, Any]:
        """`GET /transfers/{id}`. Raises `Refused`."""
        for deposits in (True, False):
            for one in account.transfers(deposits):
                if _uuid(one) == name:
                    return self._written(account, one)
        raise Refused(*NOT_FOUND)

    def book(self, account: SimulatedAccount) -> Sequence[Mapping[str, Any]]:
        """`GET /address-book`."""
        return [
            {
                "id": uuid_of("listed", account.account_id, label, entry.address),
                "address": entry.address,
                "display_address": entry.address,
                "address_info": {"address": entry.address, "display_address": entry.address}
                | ({"destination_tag": entry.memo} if entry.memo else {}),
                "currency": self._accounts.code(entry.asset),
                "network": entry.network.code,
                "label": label,
                "address_booked": True,
                "address_book_added_at": "2021-01-01T00:00:00.000Z",
            }
            for label, entry in account.allowed_addresses()
        ]

    def _network(self, code: str, name: str) -> tuple[Asset, Network]:
        """The network asked for, or the currency's first. Raises `Refused`."""
        found = [one for one in self._desk.currencies if one.code == code]
        if not found:
            raise Refused(400, "Invalid currency")  # wording not documented
        known = found[0].networks
        wanted = [one for one in known if one.code == name] if name else list(known[:1])
        if not wanted:
            raise Refused(400, f"network {name} is not supported")  # wording not documented
        return found[0].asset, wanted[0]

    def _written(self, account: SimulatedAccount, one: DeskTransfer, short: bool = False) -> Mapping[str, Any]:
        code = self._accounts.code(one.asset)
        done = transfer_stamp(one.updated_at)
        with exact():
            total = one.amount if one.deposit else one.amount + one.fee
        owners = {} if short else {"account_id": account_uuid(account, code), "user_id": user(account)}
        nonce = one.client_id if one.client_id.isdecimal() else ""
        return {
            "id": _uuid(one),
            "type": "deposit" if one.deposit else "withdraw",
            "created_at": transfer_stamp(one.created_at),
            "completed_at": done if one.status is TransferStatus.DONE else None,
            "canceled_at": done if one.status is TransferStatus.CANCELLED else None,
            "processed_at": done if one.status in (TransferStatus.DONE, TransferStatus.FAILED) else None,
            **owners,
            "user_nonce": nonce or None,
            "amount": eight(total),
            "details": _details(account, one, code),
            "idem": uuid_of("idem", _uuid(one)),
            "profile_id": profile(account),
            "currency": code,
        }


def supported(currency: Currency) -> Sequence[Mapping[str, Any]]:
    """`supported_networks` of `/currencies`, as answers of 2026 have them; limits are numbers there."""
    return [
        {
            "id": one.code,
            "name": one.code.capitalize(),
            "status": "online" if one.deposits and one.withdrawals else "offline",
            "contract_address": one.contract or "",
            "crypto_address_link": "",
            "crypto_transaction_link": "",
            "min_withdrawal_amount": _number(one.min_withdrawal),
            "max_withdrawal_amount": _number(one.max_withdrawal),
            "network_confirmations": one.confirmations,
            "processing_time_seconds": None,
            "destination_tag_regex": "^.{0,34}$" if one.memo else "",
            "is_evm_network": one.chain in _EVM,
        }
        for one in currency.networks
    ]


def _number(amount: Decimal | None) -> msgspec.Raw | None:
    return None if amount is None else msgspec.Raw(plain(amount).encode())


_EVM = ("ethereum", "polygon", "arbitrum", "optimism", "base", "avalanche_c", "bnb_smart_chain")


def _uuid(one: DeskTransfer) -> str:
    return uuid_of("transfer", one.transfer_id, one.deposit)


def _details(account: SimulatedAccount, one: DeskTransfer, code: str) -> Mapping[str, Any]:
    shared = {
        "network": one.network.code,
        "coinbase_account_id": wallet_uuid(account, code),
        "coinbase_transaction_id": hex_id("transaction", one.transfer_id, one.deposit),
        "crypto_transaction_hash": one.txid.removeprefix("0x"),
        "coinbase_payment_method_id": "",
    }
    tag = {"destination_tag": one.memo} if one.memo else {}
    if one.deposit:
        return {"crypto_address": one.address, **tag, **shared, "tx_service_transaction_id": str(one.transfer_id)}
    return {"fee": plain(one.fee), "subtotal": plain(one.amount), "sent_to_address": one.address, **tag, **shared} | {
        "coinbase_withdrawal_id": hex_id("withdrawal", one.transfer_id)
    }
