"""An order of simulated Binance spot, read from a request's parameters and held against the filters that it lists.

Enters: parameters, the instrument's book. Leaves: an order in the desk's words, or the venue's refusal. Never: an order
type that the desk does not carry (stops, icebergs, pegs, lists), or one that a listed filter forbids.

github.com/binance/binance-spot-api-docs rest-api.md "New order", filters.md, errors.md, faqs/stp_faq.md (2026-07-21).
"""

import re
from decimal import Decimal

import msgspec

from cryptopipe.api import NewOrder, SelfTrade, Side, TimeInForce, exact
from cryptopipe_binance.sandbox_info import SPOT_BOUNDS
from cryptopipe_binance.sandbox_private_words import decimal, illegal
from cryptopipe_binance.sandbox_rest import Query, Wrong, mandatory
from cryptopipe_binance.sandbox_ticker import Told

MODES = {one.name: one for one in SelfTrade}
DEFAULT_MODE = SelfTrade.EXPIRE_MAKER
"""`defaultSelfTradePreventionMode` of the listing."""
RESPONSES = ("ACK", "RESULT", "FULL")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_LEGAL_CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
_STOPS = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
_READ = frozenset(
    ("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "strategyId",
     "strategyType", "newOrderRespType", "selfTradePreventionMode", "recvWindow", "timestamp", "signature", "apiKey",
     "computeCommissionRates", "returnRateLimits")
)  # fmt: skip
_UNOFFERED = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
}
_FAILURE = "Filter failure: "


class Wanted(msgspec.Struct, frozen=True):
    """An order, and how its answer is to look: `ACK`, `RESULT` or `FULL`."""

    order: NewOrder
    response: str


def wanted(query: Query, told: Told, average: Decimal) -> Wanted:
    """The order that a request places on this market, whose average price of five minutes is `average`."""
    kind = _kind(query)
    side = query.get("side") or mandatory(query, "side")
    if side not in ("BUY", "SELL"):
        raise Wrong(-1117, "Invalid side.")
    size, price, spend = decimal(query, "quantity"), decimal(query, "price"), decimal(query, "quoteOrderQty")
    force = _force(query, kind)
    _complete(query, kind)
    for name, value in (("quantity", size), ("price", price), ("quoteOrderQty", spend)):
        if value == 0:
            raise Wrong(-1013, f"Invalid {name}.")
    _filters(told, Side[side], size, price, spend, average)
    order = NewOrder(
        told.instrument, Side[side], size, price, spend, force, client_id(query, "newClientOrderId"),
        self_trade=_mode(query),
    )  # fmt: skip
    response = query.get("newOrderRespType", "ACK" if kind == "LIMIT_MAKER" else "FULL")
    if response not in RESPONSES:
        raise Wrong(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return Wanted(order, response)


def client_id(query: Query, name: str) -> str:
    """A client's id, empty if it gave none."""
    if name not in query:
        return ""
    text = mandatory(query, name)
    if _CLIENT_ID.fullmatch(text) is None:
        raise illegal(name, _LEGAL_CLIENT_ID)
    return text


def _kind(query: Query) -> str:
    kind = mandatory(query, "type")
    if kind in _STOPS:
        raise Wrong(-1013, _STOPS[kind])
    if kind not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
        raise Wrong(-1116, "Invalid orderType.")
    for name, text in _UNOFFERED.items():
        if name in query:
            raise Wrong(-1013, text)
    if "stopPrice" in query:
        raise _not_required("stopPrice")
    unread = len(query.keys() - _READ)
    if unread:
        read, sent = len(query) - unread, len(query)
        raise Wrong(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")
    return kind


def _force(query: Query, kind: str) -> TimeInForce:
    if kind == "LIMIT":
        text = mandatory(query, "timeInForce")
        if text not in ("GTC", "IOC", "FOK"):
            raise Wrong(-1115, "Invalid timeInForce.")
        return TimeInForce[text]
    if "timeInForce" in query:
        raise _not_required("timeInForce")
    return TimeInForce.POST_ONLY if kind == "LIMIT_MAKER" else TimeInForce.GTC


def _complete(query: Query, kind: str) -> None:
    """What this type needs is there, and nothing that it does not take."""
    if kind == "MARKET":
        if "price" in query:
            raise _not_required("price")
        if "quantity" in query and "quoteOrderQty" in query:
            raise Wrong(-1128, "Combination of optional parameters invalid.")
        if "quantity" not in query and "quoteOrderQty" not in query:
            raise Wrong(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        return
    for name in ("quantity", "price"):
        mandatory(query, name)
    if "quoteOrderQty" in query:
        raise _not_required("quoteOrderQty")


def _mode(query: Query) -> SelfTrade:
    text = query.get("selfTradePreventionMode", DEFAULT_MODE.name)
    if text not in MODES:
        raise Wrong(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return MODES[text]


def _filters(
    told: Told, side: Side, size: Decimal | None, price: Decimal | None, spend: Decimal | None, average: Decimal
) -> None:
    """Those that the listing names, in its order."""
    rules, bounds = told.wire.rules, SPOT_BOUNDS
    with exact():
        if price is not None and not (rules.tick <= price <= bounds.price and price % rules.tick == 0):
            raise Wrong(-1013, _FAILURE + "PRICE_FILTER")
        if size is not None and not (rules.min_size <= size <= bounds.size and size % rules.step == 0):
            raise Wrong(-1013, _FAILURE + "LOT_SIZE")
        if price is None and size is not None and size > bounds.market_size:
            raise Wrong(-1013, _FAILURE + "MARKET_LOT_SIZE")
        if price is not None and not average / bounds.band <= price <= average * bounds.band:
            raise Wrong(-1013, _FAILURE + "PERCENT_PRICE_BY_SIDE")
        notional = spend if spend is not None else (size or 0) * (average if price is None else price)
        too_much = price is not None and notional > bounds.notional
        if notional < rules.min_notional or too_much:
            raise Wrong(-1013, _FAILURE + "NOTIONAL")


def _not_required(name: str) -> Wrong:
    return Wrong(-1106, f"Parameter '{name}' sent when not required.")
