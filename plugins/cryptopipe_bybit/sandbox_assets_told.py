"""How the simulated venue writes coins, addresses, deposits, withdrawals and moves.

Enters: the desk's values. Leaves: JSON fields in Bybit's names. Never: a network's figure that the desk does not have:
it stays empty.

bybit-exchange.github.io/docs/v5/asset and docs/v5/enum (state of 2026-07-24, read 2026-11-21).
"""

from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    FUNDING,
    TRADING,
    Currency,
    DepositAddress,
    DeskMove,
    DeskTransfer,
    Network,
    SimulatedAccount,
    TransferStatus,
    plain,
)
from cryptopipe_bybit.sandbox_orders_told import millis
from cryptopipe_bybit.wallets import chain_types

WALLETS = {"UNIFIED": TRADING, "FUND": FUNDING}
ACCOUNT_TYPES = {wallet: name for name, wallet in WALLETS.items()}
_WITHDRAWN = {
    TransferStatus.REVIEW: "SecurityCheck",
    TransferStatus.SENT: "Pending",
    TransferStatus.CONFIRMING: "Pending",
    TransferStatus.DONE: "success",
    TransferStatus.FAILED: "Fail",
    TransferStatus.CANCELLED: "CancelByUser",
}
_DEPOSITED = {
    TransferStatus.SENT: 1,
    TransferStatus.CONFIRMING: 2,
    TransferStatus.DONE: 3,
    TransferStatus.FAILED: 4,
}


def deposit_row(one: DeskTransfer, code: str) -> dict[str, Any]:
    """Of `/v5/asset/deposit/query-record`."""
    return {
        "coin": code,
        "chain": one.network.code,
        "amount": plain(one.amount),
        "txID": one.txid,
        "status": _DEPOSITED.get(one.status, 0),
        "toAddress": one.address,
        "tag": one.memo,
        "depositFee": "",
        "successAt": millis(one.updated_at),
        "confirmations": str(one.confirmations),
        "txIndex": "0",
        "blockHash": "",
        "batchReleaseLimit": "-1",
        "depositType": "0",
        "fromAddress": "",
        "taxDepositRecordsId": "0",
        "taxStatus": 0,
        "id": str(one.transfer_id),
    }


def withdrawal_row(one: DeskTransfer, code: str) -> dict[str, Any]:
    """Of `/v5/asset/withdraw/query-record`; "It returns `""` when withdrawal failed, withdrawal cancelled"."""
    return {
        "coin": code,
        "chain": one.network.code,
        "amount": plain(one.amount),
        "txID": one.txid,
        "status": _WITHDRAWN[one.status],
        "toAddress": one.address,
        "tag": one.memo,
        "withdrawFee": plain(one.fee),
        "createTime": millis(one.created_at),
        "updateTime": millis(one.updated_at),
        "withdrawId": str(one.transfer_id),
        "withdrawType": 0,
        "fee": "",
        "tax": "",
        "taxRate": "",
        "taxType": "",
    }


def coin_row(one: Currency) -> dict[str, Any]:
    """Of `/v5/asset/coin/query-info`."""
    chains = [_chain_row(one.code, network) for network in one.networks]
    return {"name": one.code, "coin": one.code, "remainAmount": "10000000", "chains": chains}


def _chain_row(coin: str, one: Network) -> dict[str, str]:
    return {
        "chainType": chain_types().get((coin, one.code), one.code),
        "confirmation": _or_empty(one.confirmations),
        "withdrawFee": _or_empty(one.withdrawal_fee),
        "depositMin": _or_empty(one.min_deposit),
        "withdrawMin": _or_empty(one.min_withdrawal),
        "chain": one.code,
        "chainDeposit": "0" if one.deposits is False else "1",
        "chainWithdraw": "0" if one.withdrawals is False else "1",
        "minAccuracy": _or_empty(one.precision),
        "withdrawPercentageFee": _or_empty(one.withdrawal_fee_rate) or "0",
        "contractAddress": one.contract or "",
        "safeConfirmNumber": _or_empty(one.confirmations),
        "withdrawMax": _or_empty(one.max_withdrawal) or "-1",
    }


def _or_empty(value: Decimal | int | None) -> str:
    return "" if value is None else plain(Decimal(value))


def address_row(coin: str, one: DepositAddress) -> dict[str, str]:
    """Of `/v5/asset/deposit/query-address`; "contractAddress: Only display last 6 characters"."""
    return {
        "chainType": chain_types().get((coin, one.network.code), one.network.code),
        "addressDeposit": one.address,
        "tagDeposit": one.memo,
        "chain": one.network.code,
        "batchReleaseLimit": "-1",
        "contractAddress": (one.network.contract or "")[-6:],
    }


def move_row(one: DeskMove, code: str) -> dict[str, str]:
    """Of `/v5/asset/transfer/query-inter-transfer-list`."""
    return {
        "transferId": one.client_id,
        "coin": code,
        "amount": plain(one.amount),
        "fromAccountType": ACCOUNT_TYPES[one.source],
        "toAccountType": ACCOUNT_TYPES[one.target],
        "timestamp": millis(one.at),
        "status": "SUCCESS",
    }


def member(account: SimulatedAccount) -> str:
    """The `memberId`."""
    return str(24_600_000 + account.account_id)
