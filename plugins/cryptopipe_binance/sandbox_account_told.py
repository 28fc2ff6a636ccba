"""Orders and executions as simulated Binance spot tells them in its answers.

Enters: the desk's states. Leaves: the venue's fields, in its order. Never: an amount of the venue's own making.

github.com/binance/binance-spot-api-docs rest-api.md "New order", "Cancel order", "Query order", "Account trade list",
enums.md "Order status", CHANGELOG.md of 2026-03-09 and 2026-05-06 for `expiryReason` (2026-07-21). An order that was
cancelled keeps its `clientOrderId` when it is asked for (not confirmed).
"""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from cryptopipe.api import DeskFill, DeskOrder, OrderStatus, Refusal, TimeInForce, exact
from cryptopipe_binance.sandbox_private_words import written
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_wire import millis

ZERO = "0.00000000"
APART = 10_000
"""The desk's order ids are told so far apart, so that an order which it never had finds its place in between."""
_ENDED = {OrderStatus.FILLED: "FILLED", OrderStatus.CANCELLED: "CANCELED"}


def made_up(seed: str) -> str:
    """A client id that the venue makes where the client gave none: 22 letters, a function of `seed`."""
    return hashlib.sha256(seed.encode()).hexdigest()[:22]


def shown_id(order_id: int) -> int:
    """The venue's number of an order: the desk's id times `APART`, or of an order that the desk never had, whose id is
    below zero, what that says."""
    return order_id * APART if order_id > 0 else -order_id


def desk_id(number: int) -> int:
    """What `shown_id` was made of; 0 of 0."""
    return -number if number % APART else number // APART


def status_of(told: DeskOrder) -> str:
    """`NEW`, `PARTIALLY_FILLED`, `FILLED`, `CANCELED`, `EXPIRED`, or `EXPIRED_IN_MATCH` by self-trade prevention."""
    if told.status is OrderStatus.OPEN:
        return "PARTIALLY_FILLED" if told.filled else "NEW"
    if told.status is OrderStatus.EXPIRED:
        return "EXPIRED_IN_MATCH" if was_prevented(told) else "EXPIRED"
    return _ENDED[told.status]


def was_prevented(told: DeskOrder) -> bool:
    """Whether the rest was given up rather than traded against an order of the same account."""
    return told.why_ended == Refusal.SELF_TRADE.value


def type_of(told: DeskOrder) -> str:
    """`LIMIT`, `LIMIT_MAKER`, `MARKET`."""
    if told.order.price is None:
        return "MARKET"
    return "LIMIT_MAKER" if told.order.time_in_force is TimeInForce.POST_ONLY else "LIMIT"


def force_of(told: DeskOrder) -> str:
    """`GTC`, `IOC`, `FOK`; what has none is told as `GTC`."""
    force = told.order.time_in_force
    return force.name if told.order.price is not None and force is not TimeInForce.POST_ONLY else "GTC"


def size_of(told: DeskOrder) -> Decimal:
    """In base; of an order that named what to spend, what it got."""
    return told.order.size if told.order.size is not None else told.filled


def prevented(told: DeskOrder) -> Decimal:
    """What self-trade prevention took off."""
    with exact():
        return size_of(told) - told.filled


def expiry_of(told: DeskOrder) -> str:
    """The venue's word for why an order expired; empty if it did not, or by self-trade prevention."""
    if told.status is not OrderStatus.EXPIRED or was_prevented(told):
        return ""
    words = {TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED", TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED"}
    return words.get(told.order.time_in_force, "INSUFFICIENT_LIQUIDITY")


def _amounts(told: DeskOrder) -> Fields:
    return {
        "price": ZERO if told.order.price is None else written(told.order.price), "origQty": written(size_of(told)),
        "executedQty": written(told.filled),
    }  # fmt: skip


def _kind(told: DeskOrder) -> Fields:
    return {
        "status": status_of(told), "timeInForce": force_of(told), "type": type_of(told), "side": told.order.side.name,
    }  # fmt: skip


def _quote(told: DeskOrder) -> str:
    return written(told.order.spend or Decimal(0))


def _rare(told: DeskOrder) -> Fields:
    """Fields that appear only if their condition is met."""
    if was_prevented(told):
        return {"preventedMatchId": 0, "preventedQuantity": written(prevented(told))}
    reason = expiry_of(told)
    return {"expiryReason": reason} if reason else {}


def acknowledged(told: DeskOrder) -> Fields:
    """The answer `ACK` to a new order."""
    return {
        "symbol": told.order.instrument.symbol, "orderId": shown_id(told.order_id), "orderListId": -1,
        "clientOrderId": told.order.client_id, "transactTime": millis(told.created_at),
    }  # fmt: skip


def resulted(told: DeskOrder) -> Fields:
    """The answer `RESULT`."""
    fields = acknowledged(told) | _amounts(told)
    fields |= {"origQuoteOrderQty": _quote(told), "cummulativeQuoteQty": written(told.spent)}
    working = {"workingTime": millis(told.created_at), "selfTradePreventionMode": told.order.self_trade.name}
    return fields | _kind(told) | working | _rare(told)


def in_full(told: DeskOrder, fills: Sequence[DeskFill]) -> Fields:
    """The answer `FULL`: with the executions that it got at once."""
    return resulted(told) | {
        "fills": [
            {"price": written(one.price), "qty": written(one.size), "commission": written(one.fee.amount),
             "commissionAsset": one.fee.asset, "tradeId": one.trade_id}
            for one in fills
        ]
    }  # fmt: skip


def cancelled(told: DeskOrder, cancel_id: str) -> Fields:
    """The answer to a cancellation, which has a client id of its own."""
    fields: Fields = {
        "symbol": told.order.instrument.symbol, "origClientOrderId": told.order.client_id,
        "orderId": shown_id(told.order_id), "orderListId": -1, "clientOrderId": cancel_id,
        "transactTime": millis(told.updated_at),
    }  # fmt: skip
    fields |= _amounts(told)
    fields |= {"origQuoteOrderQty": _quote(told), "cummulativeQuoteQty": written(told.spent)}
    return fields | _kind(told) | {"selfTradePreventionMode": told.order.self_trade.name}


def asked(told: DeskOrder) -> Fields:
    """The answer to a question about an order."""
    head: Fields = {
        "symbol": told.order.instrument.symbol, "orderId": shown_id(told.order_id), "orderListId": -1,
        "clientOrderId": told.order.client_id, **_amounts(told), "cummulativeQuoteQty": written(told.spent),
        **_kind(told), "stopPrice": ZERO, "icebergQty": ZERO, "time": millis(told.created_at),
        "updateTime": millis(told.updated_at), "isWorking": True, "workingTime": millis(told.created_at),
        "origQuoteOrderQty": _quote(told), "selfTradePreventionMode": told.order.self_trade.name,
    }  # fmt: skip
    return head | _rare(told)


def traded(one: DeskFill) -> Fields:
    """One row of `myTrades`."""
    with exact():
        spent = one.price * one.size
    return {
        "symbol": one.instrument.symbol, "id": one.trade_id, "orderId": shown_id(one.order_id), "orderListId": -1,
        "price": written(one.price), "qty": written(one.size), "quoteQty": written(spent),
        "commission": written(one.fee.amount), "commissionAsset": one.fee.asset, "time": millis(one.at),
        "isBuyer": one.side.name == "BUY", "isMaker": one.maker, "isBestMatch": True,
    }  # fmt: skip
