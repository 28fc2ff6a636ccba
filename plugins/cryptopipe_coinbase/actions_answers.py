"""What answers of Coinbase Exchange say where ccxt reads them not at all, or with sums made of text.

Enters: the JSON of an answer, fractions as text. Leaves: outcomes. Never: an end of a transfer that its stamps do not
tell, or an order cancelled whose id no answer has.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/exchange-api/rest-api, groups orders
(`DELETE /orders/{id}` answers with the id, `DELETE /orders` with a list of them), fees and transfers. Which stamp of a
transfer means what no page says: `completed_at`, `canceled_at` and `processed_at` are read as ccxt 4.5.90 reads them.
"""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from cryptopipe.api import (
    Accepted,
    CancelAll,
    CancelOrder,
    FeeSchedule,
    FetchCurrencies,
    FetchFees,
    ListTransfers,
    Nanos,
    ProtocolError,
    Reports,
    TransferReport,
    TransferState,
    asset_of,
)
from cryptopipe_coinbase.listing import exchange_currencies
from cryptopipe_coinbase.metadata import CODES, EXCHANGE
from cryptopipe_coinbase.wire import UNREADABLE, amount

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Rates(msgspec.Struct):
    maker_fee_rate: str
    taker_fee_rate: str


class _Details(msgspec.Struct):
    network: str = ""
    fee: str | None = None
    sent_to_address: str = ""
    crypto_address: str = ""
    crypto_transaction_hash: str | None = None


class _Transfer(msgspec.Struct):
    id: str
    type: str
    created_at: str
    amount: str
    currency: str
    completed_at: str | None = None
    canceled_at: str | None = None
    processed_at: str | None = None
    user_nonce: str | int | None = None
    details: _Details | None = None


def cancelled(action: CancelOrder, told: Any) -> Accepted:
    """`"d96aad29-aa9d-471b-ab6d-0c2a3383479c"`. By our id the venue may answer with that. Raises `ProtocolError`."""
    text = told.strip().strip('"') if isinstance(told, str) else ""
    if not _ID.fullmatch(text) or text not in (action.order_id or text, action.client_id):
        raise ProtocolError("the answer does not name the order", where=action.instrument.id)
    return Accepted("" if text == action.client_id else text)


def all_cancelled(action: CancelAll, told: Any) -> Accepted:
    """A list of ids. Raises `ProtocolError`."""
    if not isinstance(told, list) or not all(isinstance(one, str) and _ID.fullmatch(one) for one in told):
        raise ProtocolError("the answer is no list of orders", where=action.venue)
    return Accepted("")


def fees(action: FetchFees, told: Any) -> Reports:
    """`{"taker_fee_rate": "0.0060", "maker_fee_rate": "0.0040", "usd_volume": "0.00"}`. Raises `ProtocolError`."""
    try:
        rates = msgspec.convert(told, _Rates)
        maker, taker = amount(rates.maker_fee_rate), amount(rates.taker_fee_rate)
        return Reports(fees=FeeSchedule(maker, taker, "/fees of the account", "as answered"))
    except UNREADABLE as error:
        raise ProtocolError(f"no fees: {error}", where=EXCHANGE) from None


def currencies(action: FetchCurrencies, told: Any) -> Reports:
    """Of `/currencies`, as the listing reads it, with `fee` in networks whose estimate was asked for. Raises
    `ProtocolError`."""
    return Reports(currencies=tuple(exchange_currencies(told)))


def transfers(action: ListTransfers, told: Any) -> Reports:
    """Of one kind, code and time. `client_id` is the nonce that a withdrawal was asked for with. Raises
    `ProtocolError`."""
    try:
        rows = msgspec.convert(told, list[_Transfer])
        kept = [one for one in rows if (one.type == "deposit") is action.deposits and _moves(one)]
        found = [_transfer(one) for one in kept if action.code in ("", one.currency)]
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"no transfers: {error}", where=EXCHANGE) from None
    return Reports(transfers=tuple(one for one in found if one.at >= action.since))


def _moves(told: _Transfer) -> bool:
    """Between portfolios nothing leaves the venue (`internal_deposit`, `internal_withdraw`)."""
    return told.type in ("deposit", "withdraw")


def _transfer(told: _Transfer) -> TransferReport:
    details = told.details or _Details()
    return TransferReport(
        EXCHANGE,
        told.id,
        told.type == "deposit",
        asset_of(EXCHANGE, told.currency, CODES.aliases),
        details.network,
        details.crypto_address if told.type == "deposit" else details.sent_to_address or details.crypto_address,
        amount(told.amount),
        None if details.fee is None else amount(details.fee),
        _state(told),
        details.crypto_transaction_hash or "",
        "" if told.user_nonce is None else str(told.user_nonce),
        _at(told.created_at),
    )


def _state(told: _Transfer) -> TransferState:
    if told.canceled_at:
        return TransferState.CANCELLED
    if told.completed_at:
        return TransferState.DONE
    return TransferState.FAILED if told.processed_at else TransferState.PENDING


def _at(text: str) -> Nanos:
    """Of `2021-02-18 22:58:59.000000+00`. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) * 1000
