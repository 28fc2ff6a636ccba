"""The simulated wallet endpoints of Binance, `/sapi/v1`: coins and networks, addresses, withdrawals, moves, the key.

Enters: a caller whose signature was good, parameters, the venue's time. Leaves: results in the venue's fields, or its
refusals. Never: a network that the desk does not have.

developers.binance.com "Wallet" as its answers are kept by JKorf/Binance.Net's tests (2026-07) and quoted in ccxt 4.5.90
(2026-11-21); weights as ccxt quotes them. Not confirmed: that `amount` of a withdrawal in the history is what arrives.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from cryptopipe.api import (
    FUNDING,
    TRADING,
    Currency,
    DeskRefusal,
    DeskTransfer,
    Nanos,
    Network,
    Permission,
    Refusal,
    SimulatedDesk,
    TransferStatus,
    exact,
    plain,
)
from cryptopipe_binance.sandbox_account import Asked, Way
from cryptopipe_binance.sandbox_account_asked import between
from cryptopipe_binance.sandbox_account_told import made_up
from cryptopipe_binance.sandbox_private_words import IN_THE_WALLET, count, decimal, refuse, whole, written
from cryptopipe_binance.sandbox_rest import Query, Rest, Wrong, mandatory
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_wallet_chains import chain
from cryptopipe_binance.sandbox_wallet_moves import funding, held, move, moves
from cryptopipe_binance.sandbox_wire import millis

_NINETY_DAYS_MS = 90 * 86_400_000
_SENT = {
    TransferStatus.REVIEW: 2, TransferStatus.SENT: 4, TransferStatus.CONFIRMING: 4, TransferStatus.DONE: 6,
    TransferStatus.FAILED: 5, TransferStatus.CANCELLED: 1,
}  # fmt: skip
"""Of a withdrawal: 0 email sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failure, 6 completed."""
_DEPOSITED = {
    TransferStatus.REVIEW: 0, TransferStatus.SENT: 0, TransferStatus.CONFIRMING: 0, TransferStatus.DONE: 1,
    TransferStatus.FAILED: 7, TransferStatus.CANCELLED: 7,
}  # fmt: skip
"""Of a deposit: 0 pending, 1 success, 6 credited but not to be withdrawn yet, 7 wrong deposit."""


def _one(query: Query) -> int:
    return 1


def _ten(query: Query) -> int:
    return 10


class Wallet:
    """The wallet endpoints of one venue."""

    def __init__(self, rest: Rest, desk: SimulatedDesk) -> None:
        self._rest, self._desk = rest, desk

    def ways(self) -> Mapping[tuple[str, str], Way]:
        """By method and path."""
        read, withdraw, trade = Permission.READ, Permission.WITHDRAW, Permission.TRADE
        return {
            ("GET", "/sapi/v1/asset/tradeFee"): Way(self._fees, read, _one),
            ("GET", "/sapi/v1/account/apiRestrictions"): Way(_rights, read, _one),
            ("GET", "/sapi/v1/account/status"): Way(lambda one: {"data": "Normal"}, read, _one),
            ("GET", "/sapi/v1/capital/config/getall"): Way(self._coins, read, _ten),
            ("GET", "/sapi/v1/capital/deposit/address"): Way(self._address, read, _ten),
            ("GET", "/sapi/v1/capital/deposit/hisrec"): Way(self._deposits, read, _one),
            ("POST", "/sapi/v1/capital/withdraw/apply"): Way(self._withdraw, withdraw, _one),
            ("GET", "/sapi/v1/capital/withdraw/history"): Way(self._withdrawals, read, _one),
            ("GET", "/sapi/v1/capital/withdraw/address/list"): Way(self._address_book, read, _ten),
            ("POST", "/sapi/v1/asset/transfer"): Way(move, trade, _one),
            ("GET", "/sapi/v1/asset/transfer"): Way(moves, read, _one),
            ("POST", "/sapi/v1/asset/get-funding-asset"): Way(funding, read, _one),
            ("POST", "/sapi/v3/asset/getUserAsset"): Way(held, read, lambda query: 5),
        }

    def _fees(self, one: Asked) -> list[Fields]:
        told = [self._rest.one(one.query)] if "symbol" in one.query else list(self._rest.told.values())
        schedules = [(market.instrument.symbol, one.account.fees(market.instrument)) for market in told]
        return [
            {"symbol": symbol, "makerCommission": plain(fees.maker_rate), "takerCommission": plain(fees.taker_rate)}
            for symbol, fees in schedules
        ]

    def _coins(self, one: Asked) -> list[Fields]:
        balances, nothing = one.account.balances(), "0.00000000"
        rows = []
        for currency in self._desk.currencies:
            balance = balances.get(currency.asset)
            free, locked = (nothing, nothing) if balance is None else (written(balance.free), written(balance.locked))
            networks = [_network(currency.code, network, index) for index, network in enumerate(currency.networks)]
            rows.append(
                {"coin": currency.code, "depositAllEnable": any(network["depositEnable"] for network in networks),
                 "withdrawAllEnable": any(network["withdrawEnable"] for network in networks), "name": currency.code,
                 "free": free, "locked": locked, "freeze": nothing, "withdrawing": nothing, "ipoing": nothing,
                 "ipoable": nothing, "storage": nothing, "isLegalMoney": not networks, "trading": True,
                 "networkList": networks}
            )  # fmt: skip
        return rows

    def _address(self, one: Asked) -> Fields:
        currency = self._currency(one.query)
        try:
            network = _network_of(currency, one.query)
            found = one.account.deposit_address(currency.asset, network)
        except DeskRefusal as refusal:
            refuse(refusal, IN_THE_WALLET)
        url = f"{chain(network.code).explorer}{found.address}"
        return {"coin": currency.code, "address": found.address, "tag": found.memo, "url": url}

    def _withdraw(self, one: Asked) -> Fields:
        currency, address = self._currency(one.query), mandatory(one.query, "address")
        amount = decimal(one.query, "amount")
        if not amount:
            raise Wrong(-1102, "Mandatory parameter 'amount' was not sent, was empty/null, or malformed.")
        wallet = FUNDING if one.query.get("walletType") == "1" else TRADING
        try:
            network = _network_of(currency, one.query)
            made = one.account.withdraw(
                currency.asset, network, address, one.query.get("addressTag", ""), amount,
                one.query.get("withdrawOrderId", ""), wallet,
            )  # fmt: skip
        except DeskRefusal as refusal:
            refuse(refusal, IN_THE_WALLET)
        return {"id": _transfer_id(made)}

    def _withdrawals(self, one: Asked) -> list[Fields]:
        wanted = one.query.get("withdrawOrderId")
        found = [
            transfer
            for transfer in self._transfers(one, False)
            if wanted is None or transfer.client_id == wanted
        ]  # fmt: skip
        status = whole(one.query, "status")
        return [
            {"id": _transfer_id(transfer), "amount": plain(transfer.amount), "transactionFee": plain(transfer.fee),
             "coin": self._code(transfer), "status": _SENT[transfer.status], "address": transfer.address,
             "addressTag": transfer.memo, "txId": transfer.txid, "applyTime": _clock(transfer.created_at),
             "network": transfer.network.code, "transferType": 0, "withdrawOrderId": transfer.client_id, "info": "",
             "confirmNo": transfer.confirmations, "walletType": int(transfer.wallet == FUNDING), "txKey": "",
             **({"completeTime": _clock(transfer.updated_at)} if transfer.status is TransferStatus.DONE else {})}
            for transfer in reversed(found)
            if status is None or _SENT[transfer.status] == status
        ]  # fmt: skip

    def _deposits(self, one: Asked) -> list[Fields]:
        status, txid = whole(one.query, "status"), one.query.get("txId")
        return [
            {"id": _transfer_id(transfer), "amount": plain(transfer.amount), "coin": self._code(transfer),
             "network": transfer.network.code, "status": _DEPOSITED[transfer.status], "address": transfer.address,
             "addressTag": transfer.memo, "txId": transfer.txid, "insertTime": millis(transfer.created_at),
             "completeTime": millis(transfer.updated_at) if transfer.status is TransferStatus.DONE else 0,
             "transferType": 0, "unlockConfirm": transfer.network.confirmations or 0,
             "confirmTimes": _confirmed(transfer), "walletType": 0}
            for transfer in reversed(self._transfers(one, True))
            if (status is None or _DEPOSITED[transfer.status] == status) and txid in (None, transfer.txid)
        ]  # fmt: skip

    def _transfers(self, one: Asked, deposits: bool) -> list[DeskTransfer]:
        coin, limit = one.query.get("coin"), count(one.query, 1000, 1000)
        found = [each for each in one.account.transfers(deposits) if coin in (None, self._code(each))]
        part = between(one.query, found, lambda each: each.created_at, len(found) or 1, _NINETY_DAYS_MS)
        skipped = whole(one.query, "offset") or 0
        return part[: len(part) - skipped][-limit:]

    def _address_book(self, one: Asked) -> list[Fields]:
        return [
            {"address": told.address, "addressTag": told.memo, "coin": told.asset, "name": name,
             "network": told.network.code, "origin": "", "originType": "others", "whiteStatus": True}
            for name, told in one.account.allowed_addresses()
        ]  # fmt: skip

    def _currency(self, query: Query) -> Currency:
        coin = mandatory(query, "coin")
        found = next((one for one in self._desk.currencies if one.code == coin), None)
        if found is None:
            raise Wrong(-4018, "We don't have this asset.")
        return found

    def _code(self, transfer: DeskTransfer) -> str:
        codes = (one.code for one in self._desk.currencies if one.asset == transfer.asset)
        return next(codes, str(transfer.asset))


def _rights(one: Asked) -> Fields:
    has, key = one.key.permissions, one.key
    return {
        "ipRestrict": bool(key.addresses), "createTime": millis(key.created_at),
        "enableReading": Permission.READ in has, "enableWithdrawals": Permission.WITHDRAW in has,
        "enableInternalTransfer": False, "enableMargin": False, "enableFutures": False,
        "permitsUniversalTransfer": Permission.TRADE in has, "enableVanillaOptions": False,
        "enableFixApiTrade": False, "enableFixReadOnly": False, "enablePortfolioMarginTrading": False,
        "enableSpotAndMarginTrading": Permission.TRADE in has,
        **({"tradingAuthorityExpirationTime": millis(key.expires_at)} if key.expires_at else {}),
    }  # fmt: skip


def _network(coin: str, network: Network, index: int) -> Fields:
    """The first is the default one; what is not known is written as the venue writes nothing."""
    told, places = chain(network.code), network.precision if network.precision is not None else 8
    with exact():
        step = Decimal(1).scaleb(-places)
    most = network.max_withdrawal if network.max_withdrawal is not None else Decimal("9999999999.99999999")
    return {
        "network": network.code, "coin": coin, "withdrawIntegerMultiple": f"{step:f}", "isDefault": index == 0,
        "depositEnable": network.deposits is not False, "withdrawEnable": network.withdrawals is not False,
        "depositDesc": "" if network.deposits is not False else "Wallet Maintenance, Deposit Suspended",
        "withdrawDesc": "" if network.withdrawals is not False else "Wallet Maintenance, Withdrawal Suspended",
        "specialTips": "", "specialWithdrawTips": "", "name": told.name, "resetAddressStatus": False,
        "addressRegex": told.pattern, "memoRegex": "^[0-9A-Za-z\\-_]{1,120}$" if network.memo else "",
        "withdrawFee": plain(network.withdrawal_fee or Decimal(0)),
        "withdrawMin": plain(network.min_withdrawal or Decimal(0)), "withdrawMax": plain(most),
        "depositDust": plain(network.min_deposit or Decimal(0)), "minConfirm": network.confirmations or 1,
        "unLockConfirm": network.confirmations or 1, "sameAddress": bool(network.memo), "estimatedArrivalTime": 5,
        "busy": False, "contractAddressUrl": told.explorer, "contractAddress": network.contract or "",
    }  # fmt: skip


def _network_of(currency: Currency, query: Query) -> Network:
    """The one that is asked for, the first where none is."""
    code = query.get("network")
    for network in currency.networks:
        if code in (None, "", network.code):
            return network
    raise DeskRefusal(Refusal.UNKNOWN_NETWORK, network=code)


def _confirmed(transfer: DeskTransfer) -> str:
    """`2/12`: those that there are, as far as they are asked for, of those that are."""
    asked_for = transfer.network.confirmations or 1
    return f"{min(transfer.confirmations, asked_for)}/{asked_for}"


def _transfer_id(transfer: DeskTransfer) -> str:
    """32 letters for a withdrawal, a number for a deposit."""
    if transfer.deposit:
        return str(769_800_519_366_885_376 + transfer.transfer_id)
    return made_up(f"withdrawal {transfer.transfer_id}") + f"{transfer.transfer_id:010d}"


def _clock(at: Nanos) -> str:
    """`2019-10-12 11:12:02`, UTC."""
    return f"{datetime.fromtimestamp(at // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"
