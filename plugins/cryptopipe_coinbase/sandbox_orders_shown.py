"""Orders and fills of the simulated Advanced Trade as it tells them, by request and on the user channel.

Enters: orders and fills of the desk. Leaves: the venue's JSON. Never: a number that is not exact but the average price,
which has 28 digits.

Fields: pages get-order and list-fills of docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders (read
2026-11-21 in stored copies), and answers kept in the tests of public clients.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.api import DeskFill, DeskOrder, OrderStatus, Side, SimulatedAccount, TimeInForce, exact, plain, ratio
from cryptopipe_coinbase.sandbox_private_text import order_uuid, uuid_of
from cryptopipe_coinbase.sandbox_shown import stamp

WORDS = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.POST_ONLY: "GOOD_UNTIL_CANCELLED",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
STATES = {
    OrderStatus.OPEN: "OPEN",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
}


def configuration_of(one: DeskOrder) -> Mapping[str, Any]:
    """As it was given."""
    new = one.order
    size = {} if new.size is None else {"base_size": plain(new.size)}
    if new.price is None:
        return {"market_market_ioc": size or {"quote_size": plain(new.spend or Decimal(0))}}
    fields = size | {"limit_price": plain(new.price)}
    if new.time_in_force is TimeInForce.IOC:
        return {"sor_limit_ioc": fields}
    if new.time_in_force is TimeInForce.FOK:
        return {"limit_limit_fok": fields}
    return {"limit_limit_gtc": fields | {"post_only": new.time_in_force is TimeInForce.POST_ONLY}}


def sums_of(one: DeskOrder) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Average price, fees, value with fees, percent done."""
    fees, goal = sum(one.fees.values(), Decimal(0)), one.order.size or one.filled
    with exact():
        value = one.spent + fees if one.order.side is Side.BUY else one.spent - fees
        hundred = one.filled * 100
    average = ratio(one.spent, one.filled) if one.filled else Decimal(0)
    return average, fees, value, ratio(hundred, goal) if goal else Decimal(0)


_SAME = {
    "pending_cancel": False,
    "trigger_status": "INVALID_ORDER_TYPE",
    "reject_reason": "REJECT_REASON_UNSPECIFIED",
    "product_type": "SPOT",
    "reject_message": "",
    "order_placement_source": "RETAIL_ADVANCED",
    "outstanding_hold_amount": "0",
    "is_liquidation": False,
    "edit_history": (),
    "leverage": "",
    "margin_type": "UNKNOWN_MARGIN_TYPE",
}
"""Of every order here."""


def written(one: DeskOrder, account: SimulatedAccount) -> Mapping[str, Any]:
    """An order as it is told."""
    new = one.order
    average, fees, value, done = sums_of(one)
    count = len(account.fills(None, one.order_id))
    ended = one.status is not OrderStatus.OPEN
    return {
        "order_id": order_uuid(one.order_id),
        "product_id": new.instrument.symbol,
        "user_id": uuid_of("user", account.account_id),
        "order_configuration": configuration_of(one),
        "side": new.side.name,
        "client_order_id": new.client_id,
        "status": STATES[one.status],
        "time_in_force": WORDS[new.time_in_force],
        "created_time": stamp(one.created_at, 6),
        "completion_percentage": f"{done:.2f}",
        "filled_size": plain(one.filled),
        "average_filled_price": plain(average),
        "fee": "",
        "number_of_fills": str(count),
        "filled_value": plain(one.spent),
        "size_in_quote": new.spend is not None,
        "total_fees": plain(fees),
        "size_inclusive_of_fees": new.spend is not None,
        "total_value_after_fees": plain(value),
        "order_type": "MARKET" if new.price is None else "LIMIT",
        "settled": ended,
        "cancel_message": "User requested cancel" if one.status is OrderStatus.CANCELLED else "",
        "last_fill_time": stamp(one.updated_at, 6) if one.filled else None,
        "retail_portfolio_id": uuid_of("portfolio", account.account_id),
        **_SAME,
    }


def fill_told(one: DeskFill, account: SimulatedAccount) -> Mapping[str, Any]:
    """One execution."""
    return {
        "entry_id": uuid_of("entry", one.fill_id),
        "trade_id": uuid_of("trade", one.trade_id, one.instrument.symbol),
        "order_id": order_uuid(one.order_id),
        "trade_time": stamp(one.at, 6),
        "trade_type": "FILL",
        "price": plain(one.price),
        "size": plain(one.size),
        "commission": plain(one.fee.amount),
        "product_id": one.instrument.symbol,
        "sequence_timestamp": stamp(one.at, 6),
        "liquidity_indicator": "MAKER" if one.maker else "TAKER",
        "size_in_quote": False,
        "user_id": uuid_of("user", account.account_id),
        "side": one.side.name,
        "retail_portfolio_id": uuid_of("portfolio", account.account_id),
    }
