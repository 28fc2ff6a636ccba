"""Orders of the simulated Advanced Trade: placed, cancelled, listed, and their fills.

Enters: what a signed request asks for, an account of the desk. Leaves: the venue's JSON. Never: an order of another
account, a second order of one `client_order_id`.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders,
pages create-order ("if the ID provided is not unique, the order will not be created and the order corresponding with
that ID will be returned instead"), cancel-order, list-orders, list-fills, get-order; fields as in answers kept in the
tests of public clients (JKorf's CryptoExchange libraries, nautilus_trader). Limit orders of a day or by stop, brackets,
and orders of `-USDC` products, which show the book of `-USD` and are paid in USDC, are not simulated: they are
refused as unsupported. Fills of one order are told from the newest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptopipe.api import DeskRefusal, NewOrder, Refusal, Side, SimulatedAccount, TimeInForce
from cryptopipe_coinbase.sandbox_orders_shown import STATES, fill_told, written
from cryptopipe_coinbase.sandbox_private_orders import without_fee
from cryptopipe_coinbase.sandbox_private_request import Ask, decimal_of
from cryptopipe_coinbase.sandbox_private_text import is_uuid, order_number, order_uuid
from cryptopipe_coinbase.sandbox_private_words import Refused as Worded
from cryptopipe_coinbase.sandbox_rest import Refused
from cryptopipe_coinbase.sandbox_shown import Shown

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_LIVES = {
    "market_market_ioc": TimeInForce.IOC,
    "limit_limit_gtc": TimeInForce.GTC,
    "sor_limit_ioc": TimeInForce.IOC,
    "limit_limit_fok": TimeInForce.FOK,
}
_REASONS = {
    Refusal.INSUFFICIENT_FUNDS: ("INSUFFICIENT_FUND", "Insufficient balance in source account"),
    Refusal.PRICE_GRID: ("INVALID_PRICE_PRECISION", "Too many decimals in order price"),
    Refusal.SIZE_GRID: ("INVALID_SIZE_PRECISION", "Too many decimals in order amount"),
    Refusal.SIZE_TOO_SMALL: ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    Refusal.SIZE_TOO_LARGE: ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
    Refusal.NOTIONAL_TOO_SMALL: ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    Refusal.WOULD_TAKE: ("INVALID_LIMIT_PRICE_POST_ONLY", "Invalid limit price for post-only order"),
    Refusal.WOULD_NOT_FILL: ("UNKNOWN_FAILURE_REASON", "PREVIEW_INSUFFICIENT_LIQUIDITY"),  # ours
    Refusal.NO_LIQUIDITY: ("INVALID_NO_LIQUIDITY", "No liquidity"),
    Refusal.PRICE_BAND: ("INVALID_LIMIT_PRICE", "Limit price is too far from the market"),
    Refusal.HALTED: ("ORDER_ENTRY_DISABLED", "Trading is disabled"),
    Refusal.CANCEL_ONLY_NOW: ("ORDER_ENTRY_DISABLED", "Cancel only mode"),
    Refusal.POST_ONLY_NOW: ("ORDER_ENTRY_DISABLED", "Post only mode"),
}
"""`error` of the documented list NewOrderFailureReason, or a preview's reason beside `UNKNOWN_FAILURE_REASON` as ccxt
4.5.90 quotes one; messages of the first three as clients quote them, else ours. Others: COMMANDER_REJECTED_NEW_ORDER.
"""


class AdvancedOrders:
    """`products` are those with a book of their own, by id."""

    def __init__(self, products: Mapping[str, Shown]) -> None:
        self._products = products

    def place(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`POST /orders`: 200 too where it is refused."""
        client_id, configuration = ask.text("client_order_id"), ask.fields.get("order_configuration")
        if not client_id:
            raise Refused(400, "INVALID_ARGUMENT", "client_order_id is required")
        try:
            known = account.order(0, client_id)
        except DeskRefusal:
            known = None
        try:
            order = known or account.place(self._new(account, ask, client_id))
        except _Unfit as unfit:
            return _failed(unfit.error, unfit.message, configuration)
        except DeskRefusal as refusal:
            if refusal.why is Refusal.BUSY:
                raise Refused(503, "UNAVAILABLE", "Service Unavailable") from None
            return _failed(*_REASONS.get(refusal.why, ("COMMANDER_REJECTED_NEW_ORDER", "")), configuration)
        told = {
            "order_id": order_uuid(order.order_id),
            "product_id": order.order.instrument.symbol,
            "side": order.order.side.name,
            "client_order_id": client_id,
            "attached_order_id": "",
        }
        return {"success": True, "success_response": told, "order_configuration": configuration}

    def _new(self, account: SimulatedAccount, ask: Ask, client_id: str) -> NewOrder:
        product, side = self._products.get(ask.text("product_id")), _SIDES.get(ask.text("side"))
        if product is None:
            raise _Unfit("INVALID_PRODUCT_ID", "Invalid product_id")
        if side is None:
            raise _Unfit("INVALID_SIDE", "Invalid side")
        configuration = ask.fields.get("order_configuration")
        kind = next(iter(configuration), "") if isinstance(configuration, dict) else ""
        if not isinstance(configuration, dict) or len(configuration) != 1 or kind not in _LIVES:
            raise _Unfit("UNSUPPORTED_ORDER_CONFIGURATION", "Unsupported order configuration")
        fields = configuration[kind]
        told = Ask(ask.method, ask.place, ask.query, fields if isinstance(fields, dict) else {}, ask.at)
        try:
            size, price = decimal_of(told, "base_size"), decimal_of(told, "limit_price")
            quote = decimal_of(told, "quote_size")
        except Worded as worded:
            raise _Unfit("INVALID_REQUEST", worded.message) from None
        instrument, life = product.instrument, _LIVES[kind]
        if kind == "market_market_ioc":
            if (size is None) is (quote is None):
                raise _Unfit("INVALID_REQUEST", "Market orders cannot be placed with empty order sizes")
            spend = None if quote is None else without_fee(quote, account.fees(instrument))
            return NewOrder(instrument, side, size, None, spend, life, client_id)
        if size is None or price is None:
            raise _Unfit("INVALID_REQUEST", "base_size and limit_price are required")
        if kind == "limit_limit_gtc" and told.flag("post_only"):
            life = TimeInForce.POST_ONLY
        return NewOrder(instrument, side, size, price, None, life, client_id)

    def cancel(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`POST /orders/batch_cancel`: a result for each id, in their order."""
        ids = ask.fields.get("order_ids")
        if not isinstance(ids, list) or not 0 < len(ids) <= 100:
            raise Refused(400, "INVALID_ARGUMENT", "order_ids must have from 1 to 100 ids")
        return {"results": [_cancelled(account, str(one)) for one in ids]}

    def one(self, account: SimulatedAccount, name: str) -> Mapping[str, Any]:
        """`GET /orders/historical/{id}`."""
        try:
            return {"order": written(account.order(_number(name)), account)}
        except DeskRefusal:
            raise Refused(404, "NOT_FOUND", "order with this orderID was not found") from None

    def listed(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`GET /orders/historical/batch`, newest first."""
        products = {*_many(ask, "product_ids"), *_many(ask, "product_id")}
        states, ids = set(_many(ask, "order_status")), set(_many(ask, "order_ids"))
        side = ask.first("order_side")
        rows = [
            written(one, account)
            for one in reversed(account.orders())
            if (not products or one.order.instrument.symbol in products)
            and (not states or STATES[one.status] in states)
            and (not ids or order_uuid(one.order_id) in ids)
            and side in ("", one.order.side.name)
            and _within(ask, one.created_at, "start_date", "end_date")
        ]
        page, more, cursor = _page(ask, rows)
        return {"orders": page, "sequence": "0", "has_next": more, "cursor": cursor}

    def fills(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`GET /orders/historical/fills`, newest first."""
        products = {*_many(ask, "product_ids"), *_many(ask, "product_id")}
        ids = {*_many(ask, "order_ids"), *_many(ask, "order_id")}
        found = [
            one
            for one in account.fills()
            if (not products or one.instrument.symbol in products)
            and (not ids or order_uuid(one.order_id) in ids)
            and _within(ask, one.at, "start_sequence_timestamp", "end_sequence_timestamp")
        ]
        rows = [fill_told(one, account) for one in sorted(found, key=lambda one: (-one.at, -one.trade_id))]
        page, _, cursor = _page(ask, rows)
        return {"fills": page, "cursor": cursor}


class _Unfit(Exception):
    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error, self.message = error, message


def _failed(error: str, message: str, configuration: object) -> Mapping[str, Any]:
    preview = message if message.startswith("PREVIEW_") else "UNKNOWN_PREVIEW_FAILURE_REASON"
    if error == "INSUFFICIENT_FUND":
        preview = "PREVIEW_INSUFFICIENT_FUND"
    told = {
        "error": error,
        "message": message,
        "error_details": "",
        "preview_failure_reason": preview,
        "new_order_failure_reason": error,
    }
    return {
        "success": False,
        "failure_reason": error,
        "order_id": "",
        "error_response": told,
        "order_configuration": configuration,
    }


def _cancelled(account: SimulatedAccount, name: str) -> Mapping[str, Any]:
    reason = "UNKNOWN_CANCEL_FAILURE_REASON"
    try:
        account.cancel(_number(name))
    except DeskRefusal as refusal:
        if refusal.why is Refusal.BUSY:
            raise Refused(503, "UNAVAILABLE", "Service Unavailable") from None
        ended = refusal.why is Refusal.ORDER_ENDED
        reason = "DUPLICATE_CANCEL_REQUEST" if ended else "UNKNOWN_CANCEL_ORDER"
    return {"success": reason == "UNKNOWN_CANCEL_FAILURE_REASON", "failure_reason": reason, "order_id": name}


def _number(name: str) -> int:
    """-1 for no order's id."""
    return (order_number(name) if is_uuid(name) else 0) or -1


def _many(ask: Ask, name: str) -> Sequence[str]:
    """Told by several parameters, by one with commas, or with brackets."""
    told = (*ask.query.get(name, ()), *ask.query.get(f"{name}[]", ()))
    return [one for text in told for one in text.split(",") if one]


def _within(ask: Ask, at: int, start: str, end: str) -> bool:
    changed = {"start_date": ask.query.get(start, ("",)), "end_date": ask.query.get(end, ("",))}
    try:
        return Ask(ask.method, ask.place, changed, {}, ask.at).within(at)
    except Worded as worded:
        raise Refused(400, "INVALID_ARGUMENT", worded.message) from None


def _page(ask: Ask, rows: Sequence[Any]) -> tuple[Sequence[Any], bool, str]:
    """The cursor is a place in the list."""
    limit, cursor = ask.first("limit") or "1000", ask.first("cursor") or "0"
    if not (limit.isdecimal() and cursor.isdecimal() and len(limit) < 10 and len(cursor) < 10 and int(limit)):
        raise Refused(400, "INVALID_ARGUMENT", "Invalid limit or cursor")
    first, last = int(cursor), int(cursor) + int(limit)
    more = last < len(rows)
    return rows[first:last], more, str(last) if more else ""
