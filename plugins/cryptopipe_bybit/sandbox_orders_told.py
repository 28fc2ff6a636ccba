"""How the simulated venue writes an order and an execution: the same fields by request and by stream.

Enters: states and fills of the desk. Leaves: JSON fields in Bybit's names, numbers as plain text. Never: a field of
contracts on a spot order (clients tell them apart by `tpslMode`).

bybit-exchange.github.io/docs/v5, pages order/open-order, order/execution, websocket/private/{order,execution,
fast-execution} and enum (state of 2026-07-24, read 2026-11-21); numbers without trailing zeros and `avgPrice` empty
before the first fill as in answers of 2025 quoted in ccxt 4.5.90. Not confirmed: `leavesQty` of an order by value.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    DeskFill,
    DeskOrder,
    FeeSchedule,
    Kind,
    OrderStatus,
    Refusal,
    SelfTrade,
    Side,
    TimeInForce,
    exact,
    plain,
    ratio,
)
from cryptopipe_bybit.market import MARKETS, MILLISECOND, spelling_of
from cryptopipe_bybit.sandbox_listing import SIDES

TIMES = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
SELF_TRADES = {
    SelfTrade.EXPIRE_TAKER: "CancelTaker",
    SelfTrade.EXPIRE_MAKER: "CancelMaker",
    SelfTrade.EXPIRE_BOTH: "CancelBoth",
}
_REASONS = {
    Refusal.WOULD_TAKE.value: "EC_PostOnlyWillTakeLiquidity",
    Refusal.WOULD_NOT_FILL.value: "EC_CancelForNoFullFill",
    Refusal.NO_LIQUIDITY.value: "EC_NoImmediateQtyToFill",
    Refusal.SELF_TRADE.value: "EC_BySelfMatch",
}
_SPOT_IDS = 1_900_000_000_000_000_000
"""Spot orders have numbers of 19 digits, contracts' a UUID (docs/v5/order)."""


def order_id(kind: Kind, number: int) -> str:
    """What the venue calls the desk's order: `1900000000000000042`, or a UUID that ends in the number."""
    if kind is Kind.SPOT:
        return str(_SPOT_IDS + number)
    digits = f"{(number * 0x9E3779B97F4A7C15) % 2**64:016x}{number:016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def order_number(kind: Kind, text: str) -> int:
    """The desk's number of an order, 0 for a text that names none."""
    try:
        found = int(text) - _SPOT_IDS if kind is Kind.SPOT else int(text.rpartition("-")[2], 16)
    except ValueError:
        return 0
    return found if found > 0 and order_id(kind, found) == text else 0


def millis(at: int) -> str:
    """Of the venue's clock."""
    return str(at // MILLISECOND)


_NO_MORE = {
    "blockTradeId": "",
    "smpGroup": 0,
    "smpOrderId": "",
    "stopOrderType": "",
    "orderIv": "",
    "triggerPrice": "",
    "takeProfit": "",
    "stopLoss": "",
    "tpLimitPrice": "",
    "slLimitPrice": "",
    "tpTriggerBy": "",
    "slTriggerBy": "",
    "triggerDirection": 0,
    "triggerBy": "",
    "lastPriceOnCreated": "",
    "closeOnTrigger": False,
    "placeType": "",
}
"""What orders here never have: a trigger, a block trade, a group."""


def order_row(told: DeskOrder) -> dict[str, Any]:
    """Of `/v5/order/realtime` and `/v5/order/history`."""
    order, instrument = told.order, told.order.instrument
    is_spot, is_market = instrument.kind is Kind.SPOT, order.price is None
    fees = {asset: plain(amount) for asset, amount in told.fees.items() if amount}
    with exact():
        leaves = "0" if told.status is not OrderStatus.OPEN else plain((order.size or told.filled) - told.filled)
        left_value = plain(_value_left(told))
        paid = plain(sum(told.fees.values(), Decimal(0)))
    row: dict[str, Any] = {
        "orderId": order_id(instrument.kind, told.order_id),
        "orderLinkId": order.client_id,
        "symbol": spelling_of(instrument.symbol),
        "price": "0" if order.price is None else plain(order.price),
        "qty": plain(order.size if order.size is not None else order.spend or Decimal(0)),
        "side": SIDES[order.side],
        "isLeverage": "0" if is_spot else "",
        "positionIdx": 0,
        "orderStatus": status_of(told),
        "cancelType": _cancel_type(told),
        "rejectReason": _reject_reason(told),
        "avgPrice": plain(ratio(told.spent, told.filled)) if told.filled else "",
        "leavesQty": leaves,
        "leavesValue": left_value,
        "cumExecQty": plain(told.filled),
        "cumExecValue": plain(told.spent),
        "cumExecFee": paid,
        "timeInForce": "IOC" if is_market else TIMES[order.time_in_force],
        "orderType": "Market" if is_market else "Limit",
        "marketUnit": ("quoteCoin" if order.size is None else "baseCoin") if is_spot and is_market else "",
        "reduceOnly": order.reduce_only,
        "smpType": SELF_TRADES[order.self_trade],
        "createdTime": millis(told.created_at),
        "updatedTime": millis(told.updated_at),
        "cumFeeDetail": fees,
        **_NO_MORE,
    }
    return row if is_spot else {**row, "createType": "CreateByUser", "tpslMode": ""}


def _value_left(told: DeskOrder) -> Decimal:
    if told.order.spend is not None:
        return told.order.spend - told.spent
    if told.status is not OrderStatus.OPEN or told.order.price is None or told.order.size is None:
        return Decimal(0)
    return (told.order.size - told.filled) * told.order.price


def status_of(told: DeskOrder) -> str:
    """`PartiallyFilledCanceled`: "Only spot has this order status"."""
    if told.status is OrderStatus.FILLED:
        return "Filled"
    if told.status is OrderStatus.OPEN:
        return "PartiallyFilled" if told.filled else "New"
    return "PartiallyFilledCanceled" if told.filled and told.order.instrument.kind is Kind.SPOT else "Cancelled"


def _cancel_type(told: DeskOrder) -> str:
    if told.why_ended == Refusal.SELF_TRADE.value:
        return "CancelBySmp"
    if told.why_ended == Refusal.REDUCE_ONLY.value:
        return "CancelByReduceOnly"
    return "CancelByUser" if told.status is OrderStatus.CANCELLED and not told.why_ended else "UNKNOWN"


def _reject_reason(told: DeskOrder) -> str:
    if told.why_ended in _REASONS:
        return _REASONS[told.why_ended]
    if told.status is OrderStatus.EXPIRED:
        return "EC_NoImmediateQtyToFill"
    return "EC_PerCancelRequest" if told.status is OrderStatus.CANCELLED else "EC_NoError"


class Closing(msgspec.Struct, frozen=True):
    """What one execution did to the position before it: base closed, and the profit of that without fees."""

    size: Decimal
    profit: Decimal


class Closings:
    """Of one account's fills of contracts: each is read once, at the average price of entry. Keyed by `fill_id`."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Decimal, Decimal]] = {}  # by instrument: size with its sign, what it cost
        self._read = 0
        self.told: dict[int, Closing] = {}

    def follow(self, fills: Sequence[DeskFill]) -> None:
        """All fills of the account, oldest first; those that were read are passed over."""
        for fill in fills[self._read :]:
            if fill.instrument.kind is not Kind.SPOT:
                self._add(fill)
        self._read = len(fills)

    def _add(self, fill: DeskFill) -> None:
        size, cost = self._held.get(fill.instrument.id, (Decimal(0), Decimal(0)))
        sign = 1 if fill.side is Side.BUY else -1
        closed = min(abs(size), fill.size) if size * sign < 0 else Decimal(0)
        entry = cost * closed / abs(size) if closed else Decimal(0)
        self.told[fill.fill_id] = Closing(closed, (closed * fill.price - entry) * -sign)
        opened, left = fill.size - closed, abs(size) - closed
        kept = cost - entry if left else Decimal(0)
        self._held[fill.instrument.id] = (size + sign * fill.size, kept + opened * fill.price)


def fill_row(
    fill: DeskFill, told: DeskOrder, left: Decimal, fees: FeeSchedule, trade_id: str, closing: Closing | None
) -> dict[str, Any]:
    """Of `/v5/execution/list`; `left` is what was open after it, `closing` None on spot."""
    order, is_spot = told.order, fill.instrument.kind is Kind.SPOT
    with exact():
        value = plain(fill.price * fill.size)
    row: dict[str, Any] = {
        "symbol": spelling_of(fill.instrument.symbol),
        "orderId": order_id(fill.instrument.kind, fill.order_id),
        "orderLinkId": fill.client_id,
        "side": SIDES[fill.side],
        "orderPrice": "0" if order.price is None else plain(order.price),
        "orderQty": plain(order.size if order.size is not None else order.spend or Decimal(0)),
        "leavesQty": plain(left),
        "orderType": "Market" if order.price is None else "Limit",
        "stopOrderType": "",
        "execFee": plain(fill.fee.amount),
        "execId": trade_id,
        "execPrice": plain(fill.price),
        "execQty": plain(fill.size),
        "execType": "Trade",
        "execValue": value,
        "execTime": millis(fill.at),
        "feeCurrency": fill.fee.asset,
        "isMaker": fill.maker,
        "feeRate": plain(fees.maker_rate if fill.maker else fees.taker_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "" if closing is None else plain(closing.size),
        "seq": fill.trade_id,
        "extraFees": "",
    }
    return row if is_spot else {**row, "createType": "CreateByUser"}


def left_after(told: DeskOrder, fills: Sequence[DeskFill]) -> Mapping[int, Decimal]:
    """What was open of an order after each of its fills, by their ids; 0 for an order by value."""
    left = told.order.size if told.order.size is not None else told.filled
    found = {}
    for fill in fills:
        left -= fill.size
        found[fill.fill_id] = max(left, Decimal(0))
    return found


def category_of(told: DeskOrder | DeskFill) -> str:
    """`spot` or `linear`."""
    instrument = told.instrument if isinstance(told, DeskFill) else told.order.instrument
    return MARKETS[instrument.kind].category
