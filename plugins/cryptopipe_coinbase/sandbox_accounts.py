"""Accounts of the simulated Coinbase Exchange: balances, ledger, holds, profile, fees, wallets of the parent site.

Enters: an account of the desk, the currencies of the venue. Leaves: the venue's JSON. Never: a sum that the desk does
not have: a ledger's balances are reckoned back from what is held now.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/exchange-api/rest-api, groups accounts,
fees, profiles, coinbase-accounts. The fields of an account are those recorded in 2025-08 (github.com/c9s/bbgo), those
of a wallet of the parent site, a hold and a ledger's line those that a public client quotes from its answers. One
profile an account; the parent site's wallets are empty, and there to make deposit addresses.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    Asset,
    Currency,
    DeskBalance,
    DeskOrder,
    Instrument,
    Nanos,
    Side,
    SimulatedAccount,
    SimulatedDesk,
    TransferStatus,
    exact,
    floor_to,
    plain,
)
from cryptopipe_coinbase.sandbox_private_orders import profile, user
from cryptopipe_coinbase.sandbox_private_request import Ask, Page
from cryptopipe_coinbase.sandbox_private_text import order_uuid, sixteen, uuid_of
from cryptopipe_coinbase.sandbox_private_words import NOT_FOUND, Refused
from cryptopipe_coinbase.sandbox_shown import stamp

FIAT = ("USD", "EUR", "GBP")
_NOTHING = DeskBalance(Decimal(0), Decimal(0))
_OPENED = "2021-01-01T00:00:00.000000Z"


def account_uuid(account: SimulatedAccount, code: str) -> str:
    """The id of an account of one currency."""
    return uuid_of("account", account.account_id, code)


def wallet_uuid(account: SimulatedAccount, code: str) -> str:
    """The id of the parent site's wallet of one currency."""
    return uuid_of("wallet", account.account_id, code)


class Accounts:
    """Every currency that the venue has, held or not."""

    def __init__(self, desk: SimulatedDesk, listed: Sequence[Instrument]) -> None:
        self._desk, self._listed = desk, listed
        self._codes = _codes(desk.currencies, listed)

    def code(self, asset: Asset) -> str:
        """What the venue calls it."""
        return next((code for code, one in self._codes.items() if one == asset), asset)

    def asset(self, code: str) -> Asset | None:
        """What a code means, None where the venue has none of that name."""
        return self._codes.get(code)

    def all(self, account: SimulatedAccount) -> Sequence[Mapping[str, Any]]:
        """`GET /accounts`."""
        return [self._row(account, code) for code in sorted(self._codes)]

    def one(self, account: SimulatedAccount, name: str) -> Mapping[str, Any]:
        """`GET /accounts/{id}`. Raises `Refused`."""
        return self._row(account, self.code_of(account, name))

    def code_of(self, account: SimulatedAccount, name: str) -> str:
        """The currency of an account's id. Raises `Refused`."""
        found = [code for code in self._codes if account_uuid(account, code) == name]
        if not found:
            raise Refused(*NOT_FOUND)
        return found[0]

    def balance(self, account: SimulatedAccount, code: str) -> DeskBalance:
        """What is held of a currency; the venue has one wallet."""
        return account.balances().get(self._codes[code], _NOTHING)

    def wallets(self, account: SimulatedAccount) -> Sequence[Mapping[str, Any]]:
        """`GET /coinbase-accounts`."""
        return [
            {
                "id": wallet_uuid(account, code),
                "name": f"{code} Wallet",
                "balance": "0.00" if code in FIAT else "0.00000000",
                "currency": code,
                "type": "fiat" if code in FIAT else "wallet",
                "primary": code == "BTC",
                "active": True,
                "available_on_consumer": True,
                "hold_balance": "0.00",
                "hold_currency": "USD",
            }
            for code in sorted(self._codes)
        ]

    def wallet_code(self, account: SimulatedAccount, name: str) -> str:
        """The currency of a wallet's id. Raises `Refused`."""
        found = [code for code in self._codes if wallet_uuid(account, code) == name]
        if not found:
            raise Refused(*NOT_FOUND)
        return found[0]

    def holds(self, account: SimulatedAccount, name: str, ask: Ask) -> Page:
        """`GET /accounts/{id}/holds`: for open orders "price x size x (1 + fee-percent)", or the size."""
        code = self.code_of(account, name)
        rows = [
            (
                one.order_id,
                str(one.order_id),
                {
                    "id": uuid_of("hold", one.order_id),
                    "created_at": stamp(one.created_at, 6),
                    "amount": sixteen(amount),
                    "ref": order_uuid(one.order_id),
                    "type": "order",
                },
            )
            for one in reversed(account.open_orders())
            if (amount := _held(one, self._codes[code], account))
        ]
        return Page.of(rows, ask)

    def ledger(self, account: SimulatedAccount, name: str, ask: Ask) -> Page:
        """`GET /accounts/{id}/ledger`: matches, fees and transfers, newest first."""
        code = self.code_of(account, name)
        asset, held = self._codes[code], self.balance(account, code)
        rows: list[tuple[int, str, object]] = []
        with exact():
            balance = held.free + held.locked
            lines = _lines(account, asset)
            for number in range(len(lines), 0, -1):
                at, amount, kind, details = lines[number - 1]
                row = {
                    "id": str(number),
                    "amount": sixteen(amount),
                    "balance": sixteen(balance),
                    "created_at": stamp(at, 6),
                    "type": kind,
                    "details": details,
                }
                balance -= amount
                if ask.within(at):
                    rows.append((number, str(number), row))
        return Page.of(rows, ask)

    def fees(self, account: SimulatedAccount) -> Mapping[str, str]:
        """`GET /fees`: one pair of rates for all products."""
        rates = account.fees(self._listed[0])
        with exact():
            dollars = [one for one in account.fills() if one.instrument.quote == "USD"]
            volume = sum((one.price * one.size for one in dollars), Decimal(0))
        maker, taker = (f"{rate:.4f}" for rate in (rates.maker_rate, rates.taker_rate))
        return {"taker_fee_rate": taker, "maker_fee_rate": maker, "usd_volume": f"{volume:.2f}"}

    def profiles(self, account: SimulatedAccount) -> Sequence[Mapping[str, Any]]:
        """`GET /profiles`."""
        return [
            {
                "id": profile(account),
                "user_id": user(account),
                "name": "default",
                "active": True,
                "is_default": True,
                "has_margin": False,
                "created_at": _OPENED,
            }
        ]

    def _row(self, account: SimulatedAccount, code: str) -> Mapping[str, Any]:
        held = self.balance(account, code)
        with exact():
            total = held.free + held.locked
        return {
            "id": account_uuid(account, code),
            "currency": code,
            "balance": sixteen(total),
            "hold": sixteen(held.locked),
            "available": plain(held.free),
            "profile_id": profile(account),
            "trading_enabled": True,
            "pending_deposit": sixteen(Decimal(0)),
            "display_name": code,
        }


def _codes(currencies: Sequence[Currency], listed: Sequence[Instrument]) -> Mapping[str, Asset]:
    found = {one.code: one.asset for one in currencies}
    for one in listed:
        base, _, quote = one.symbol.partition("-")
        found |= {base: found.get(base, one.base), quote: found.get(quote, one.quote)}
    return found


def _held(one: DeskOrder, asset: Asset, account: SimulatedAccount) -> Decimal:
    new = one.order
    if new.size is None or new.price is None:
        return Decimal(0)
    with exact():
        rest = new.size - one.filled
        if new.side is Side.SELL:
            return rest if new.instrument.base == asset else Decimal(0)
        rates = account.fees(new.instrument)
        value = rest * new.price
        charged = value * max(rates.maker_rate, rates.taker_rate)
        return value + charged if new.instrument.quote == asset else Decimal(0)


_PLACES = Decimal("0.00000001")
"""Of what a fill moves of its quote: ledgers that ccxt quotes have no more."""

_Line = tuple[Nanos, Decimal, str, Mapping[str, str]]


def _lines(account: SimulatedAccount, asset: Asset) -> list[_Line]:
    """Oldest first."""
    lines: list[_Line] = []
    for one in account.fills():
        details = {
            "order_id": order_uuid(one.order_id),
            "trade_id": str(one.trade_id),
            "product_id": one.instrument.symbol,
        }
        buys = one.side is Side.BUY
        if one.instrument.base == asset:
            lines.append((one.at, one.size if buys else -one.size, "match", details))
        if one.instrument.quote == asset:
            value = floor_to(_PLACES, one.price * one.size)
            lines.append((one.at, -value if buys else value, "match", details))
        if one.fee.asset == asset and one.fee.amount:
            lines.append((one.at, -one.fee.amount, "fee", details))
    for deposits in (True, False):
        for each in account.transfers(deposits):
            if each.asset != asset or each.status in (TransferStatus.FAILED, TransferStatus.CANCELLED):
                continue
            if deposits and each.status is not TransferStatus.DONE:
                continue
            kind = "deposit" if deposits else "withdraw"
            details = {"transfer_id": uuid_of("transfer", each.transfer_id, deposits), "transfer_type": kind}
            amount = each.amount if deposits else -(each.amount + each.fee)
            lines.append((each.updated_at if deposits else each.created_at, amount, "transfer", details))
    return sorted(lines, key=lambda line: line[0])
