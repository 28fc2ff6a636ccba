"""What Kraken's answers say where ccxt reads them otherwise or not at all.

Enters: an action, the JSON of an answer with its numbers as text. Leaves: outcomes. Never: an amount that is not told.
"""

from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    Accepted,
    AddressReport,
    FeeSchedule,
    FetchAddress,
    FetchFees,
    FindOrder,
    KeyReport,
    ListTransfers,
    Nanos,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    ProtocolError,
    Reports,
    Side,
    TransferReport,
    TransferState,
    asset_of,
    parse_epoch,
)
from cryptopipe_kraken.listing import Way, currencies_of
from cryptopipe_kraken.metadata import CODES, VENUE

_STATES = {
    "pending": OrderState.OPEN,
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
}
_ENDS = {"Success": TransferState.DONE, "Failure": TransferState.FAILED}
_SECOND: Nanos = 1_000_000_000


class _Description(msgspec.Struct):
    type: Side
    price: Decimal


class _Order(msgspec.Struct):
    """Of QueryOrders, OpenOrders and ClosedOrders (account-data/query-orders-info, 2026-11-21)."""

    status: str
    descr: _Description
    vol: Decimal
    vol_exec: Decimal
    cost: Decimal
    opentm: str | int
    closetm: str | int | None = None
    cl_ord_id: str | None = None
    reason: str | None = None
    oflags: str = ""


class _Transfer(msgspec.Struct):
    """Of DepositStatus and WithdrawStatus (funding/get-status-of-recent-withdrawals, 2026-11-21)."""

    asset: str
    refid: str
    amount: Decimal
    status: str
    time: str | int
    txid: str | None = None
    info: str | None = None
    fee: Decimal | None = None
    network: str | None = None
    method: str = ""
    prop: str | None = msgspec.field(name="status-prop", default=None)


class _Address(msgspec.Struct):
    address: str
    tag: str | None = None
    memo: str | None = None


class _Rate(msgspec.Struct):
    fee: Decimal


class _Volume(msgspec.Struct):
    fees: dict[str, _Rate]
    fees_maker: dict[str, _Rate] = {}


class _Key(msgspec.Struct):
    permissions: list[str]
    valid_until: str | int = msgspec.field(name="validUntil", default="0")
    addresses: list[str] = msgspec.field(name="ipAllowlist", default_factory=list)


def found(action: FindOrder, told: Any) -> Outcome:
    """The newest order of the answer; volumes of orders in quote are not sizes."""
    orders = _read(told, dict[str, _Order])
    if not orders:
        return NotFound("", f"no order {action.client_id or action.order_id}")
    name, one = max(orders.items(), key=lambda entry: _at(entry[1].opentm))
    state = _STATES.get(one.status)
    if state is None:
        raise ProtocolError(f"an order is {one.status!r}", where=action.instrument.id)
    in_quote = "viqc" in one.oflags.split(",")
    return Reports(
        orders=(
            OrderReport(
                action.instrument,
                name,
                one.cl_ord_id or "",
                one.descr.type,
                state,
                None if in_quote else one.vol,
                one.descr.price or None,
                one.vol_exec,
                one.cost,
                () if not one.vol_exec else None,
                _at(one.closetm if one.closetm is not None else one.opentm),
                one.reason or "",
            ),
        )
    )


def transfers(action: ListTransfers, told: Any) -> Outcome:
    """`amount` of a withdrawal is what arrives."""
    return Reports(transfers=tuple(_transfer(action, one) for one in _read(told, list[_Transfer])))


def _transfer(action: ListTransfers, one: _Transfer) -> TransferReport:
    state = _ENDS.get(one.status, TransferState.PENDING)
    if state is TransferState.FAILED and one.prop == "canceled":
        state = TransferState.CANCELLED
    return TransferReport(
        VENUE,
        one.refid,
        action.deposits,
        asset_of(VENUE, one.asset, CODES.aliases),
        one.network or one.method,
        one.info or "",
        one.amount,
        one.fee,
        state,
        one.txid or "",
        "",
        _at(one.time),
    )


def refid(action: Any, told: Any) -> Outcome:
    """`{"error":[],"result":{"refid":"AGBSO6T-UFMTTQ-I7KGS6"}}`."""
    name = _read(_result(told), dict[str, Any]).get("refid")
    if not isinstance(name, str) or not name:
        raise ProtocolError("a withdrawal without a refid", where=VENUE)
    return Accepted(name)


def address(action: FetchAddress, told: Any) -> Outcome:
    """The first address of the method; where there is none yet, one must be made on the venue's page."""
    rows = _read(_result(told), list[_Address])
    if not rows:
        raise ProtocolError(f"no address of {action.code} by {action.network} yet", where=VENUE)
    one, asset = rows[0], asset_of(VENUE, action.code, CODES.aliases)
    return Reports(address=AddressReport(asset, action.network, one.address, one.tag or one.memo or ""))


def fees(action: FetchFees, told: Any) -> Outcome:
    """Of the one pair that was asked for, in percent; makers pay as takers where the answer has no schedule of them."""
    volume = _read(_result(told), _Volume)
    if len(volume.fees) != 1:
        raise ProtocolError(f"the fees of {sorted(volume.fees)}", where=action.instrument.id)
    ((pair, taker),) = volume.fees.items()
    maker = volume.fees_maker.get(pair, taker)
    schedule = FeeSchedule(maker.fee.scaleb(-2), taker.fee.scaleb(-2), "TradeVolume of this account", "as answered")
    return Reports(fees=schedule)


def currencies(action: Any, told: Any) -> Outcome:
    """What the account may withdraw, by which networks; the answer tells least amounts and no fees."""
    return Reports(currencies=tuple(currencies_of(_read(_result(told), list[Way]))))


def key(action: Any, told: Any) -> Outcome:
    """account-data/get-api-key-info (2026-11-21)."""
    one = _read(_result(told), _Key)
    granted = set(one.permissions)
    until = _at(one.valid_until)
    return Reports(
        key=KeyReport(
            reads="query-funds" in granted,
            trades="modify-trades" in granted,
            withdraws="withdraw-funds" in granted,
            ip_restricted=bool(one.addresses),
            expires_at=until,
        )
    )


def _result(told: Any) -> Any:
    return told.get("result") if isinstance(told, dict) else None


def _read(told: Any, kind: Any) -> Any:
    """Raises `ProtocolError`."""
    try:
        return msgspec.convert(told, kind, strict=False)
    except (msgspec.ValidationError, ArithmeticError) as error:
        raise ProtocolError(f"unreadable answer: {error}", where=VENUE) from error


def _at(seconds: str | int) -> Nanos:
    try:
        return parse_epoch(str(seconds))
    except ValueError as error:
        raise ProtocolError(f"not a time: {seconds!r}", where=VENUE) from error
