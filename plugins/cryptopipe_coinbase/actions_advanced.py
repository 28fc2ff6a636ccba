"""What `CcxtActions` must know of Advanced Trade: its words for what went wrong, its limits, its requests.

Enters: instruments of a run. Leaves: the venue's action codec. Never: an order at market by size to buy (the venue
wants funds), a cancellation by our id (the venue has none), a transfer (its `/v2` side is not done here).

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api, groups
orders (lists NewOrderFailureReason, PreviewFailureReason, CancelOrderFailureReason), accounts, fees, data-api. ccxt
4.5.90 signs and sends; answers are read in actions_advanced_answers.py. An order is found by our id in the list of the
newest orders; "if the ID provided is not unique, the order will not be created".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptopipe.api import (
    Action,
    ActionRules,
    Allowance,
    Call,
    CancelOrder,
    CcxtActions,
    FetchBalances,
    FetchFees,
    FetchKey,
    FetchTime,
    FindOrder,
    Instrument,
    Limit,
    ListFills,
    ListOpenOrders,
    ListOrders,
    Means,
    Nanos,
    PlaceOrder,
    Row,
    Side,
    TimeInForce,
    VenueError,
    Weight,
    plain,
    rows,
)
from cryptopipe_coinbase.actions_advanced_answers import Answers, fees, rights, server_time
from cryptopipe_coinbase.metadata import ADVANCED, CODES, CoinbaseInstruments
from cryptopipe_coinbase.wallets import wallets

_SECOND: Nanos = 1_000_000_000
_API = "docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api"
_CREATE, _CANCEL = f"{_API}/orders/create-order, 2026-11-21", f"{_API}/orders/cancel-order, 2026-11-21"
_QUOTED = "as ccxt 4.5.90 and tests of public clients quote it, 2026-11-21"
_UNKNOWN = frozenset({"UNKNOWN_FAILURE_REASON"})

TABLE = (
    # `success` is false and no reason is told: nothing says that the order is not there
    Row(Means.OPEN, _CREATE, _UNKNOWN, "unknown_preview"),
    Row(Means.REFUSED, _CREATE, _UNKNOWN, "preview_"),
    Row(Means.OPEN, _CREATE, _UNKNOWN),
    rows(Means.REFUSED, _CREATE, "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIDE", "INVALID_PRODUCT_ID",
         "INVALID_SIZE_PRECISION", "INVALID_PRICE_PRECISION", "INSUFFICIENT_FUND", "INVALID_LEDGER_BALANCE",
         "ORDER_ENTRY_DISABLED", "INELIGIBLE_PAIR", "INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_LIMIT_PRICE",
         "INVALID_NO_LIQUIDITY", "INVALID_REQUEST", "COMMANDER_REJECTED_NEW_ORDER", "INSUFFICIENT_FUNDS"),
    Row(Means.NOT_FOUND, _CANCEL, frozenset({"UNKNOWN_CANCEL_ORDER"}), kinds=frozenset({CancelOrder})),
    rows(Means.REFUSED, _CANCEL, "INVALID_CANCEL_REQUEST", "COMMANDER_REJECTED_CANCEL_ORDER",
         "DUPLICATE_CANCEL_REQUEST", "INVALID_CANCEL_PRODUCT_ID", "INVALID_CANCEL_FCM_TRADING_SESSION",
         "NOT_ALLOWED_TO_CANCEL", "ORDER_IS_FULLY_FILLED", "ORDER_IS_BEING_REPLACED"),
    Row(Means.NOT_FOUND, _QUOTED, text="was not found", kinds=frozenset({FindOrder})),
    rows(Means.LIMITED, _QUOTED, "rate_limit_exceeded", "resource_exhausted", "RESOURCE_EXHAUSTED"),
    rows(Means.DENIED, _QUOTED, "PERMISSION_DENIED", "UNAUTHENTICATED", "unauthorized", "authentication_error"),
    Row(Means.DENIED, f"{_API} (errors), 2026-11-21", statuses=frozenset({401, 403})),
    rows(Means.REFUSED, _QUOTED, "INVALID_ARGUMENT"),
    rows(Means.OPEN, _QUOTED, "INTERNAL", "internal_server_error", "UNKNOWN", "unknown"),
)  # fmt: skip

_RATES = "advanced-trade-apis/rest-api/rate-limits, as others quote it (30 private and 10 public a second), 2026-11-21"
ALLOWANCES = (
    Allowance("private", Limit(30, _SECOND, _RATES), 6),
    Allowance("public", Limit(10, _SECOND, _RATES)),
)
_ASKED: Sequence[type[Action]] = (
    PlaceOrder, CancelOrder, FindOrder, ListOpenOrders, ListOrders, ListFills, FetchBalances, FetchFees, FetchKey,
)  # fmt: skip
WEIGHTS: Mapping[type[Action], Sequence[Weight]] = {
    **{kind: (Weight("private"),) for kind in _ASKED},
    FetchTime: (Weight("public"),),
}
_PAGE = 250
_PAGES = 4


def _place(exchange: Any, action: PlaceOrder) -> Any:
    told = {
        "client_order_id": action.client_id,
        "product_id": action.instrument.symbol,
        "side": action.side.name,
        "order_configuration": _configuration(action),
    }
    return exchange.v3_private_post_brokerage_orders(told)


def _configuration(action: PlaceOrder) -> Mapping[str, Any]:
    """Raises `VenueError` for what the venue has not."""
    where, size = action.instrument.id, {"base_size": plain(action.size)}
    if action.borrow or action.reduce_only:
        raise VenueError("spot orders neither borrow nor reduce", where=where)
    if action.price is None:
        if action.side is Side.BUY or action.time_in_force in (TimeInForce.FOK, TimeInForce.POST_ONLY):
            raise VenueError("without a price it only sells, at once", where=where)
        return {"market_market_ioc": size}
    fields = size | {"limit_price": plain(action.price)}
    match action.time_in_force:
        case TimeInForce.IOC:
            return {"sor_limit_ioc": fields}
        case TimeInForce.FOK:
            return {"limit_limit_fok": fields}
        case life:
            return {"limit_limit_gtc": {**fields, "post_only": life is TimeInForce.POST_ONLY}}


def _cancel(exchange: Any, action: CancelOrder) -> Any:
    if not action.order_id:
        raise VenueError("an order is cancelled by the venue's id", where=action.instrument.id)
    return exchange.v3_private_post_brokerage_orders_batch_cancel({"order_ids": [action.order_id]})


def _find(exchange: Any, action: FindOrder) -> Any:
    """By the venue's id, else page by page of the newest until ours is there."""
    if action.order_id:
        return [exchange.v3_private_get_brokerage_orders_historical_order_id({"order_id": action.order_id})["order"]]
    found: list[Any] = []
    told = {"product_ids": action.instrument.symbol}
    for page in _pages(exchange.v3_private_get_brokerage_orders_historical_batch, told):
        found = [one for one in page["orders"] if one["client_order_id"] == action.client_id]
        if found:
            break
    return found


def _pages(ask: Any, told: Mapping[str, Any]) -> Any:
    """Answers until the last, or the fourth."""
    cursor: Mapping[str, str] = {}
    for _ in range(_PAGES):
        page = ask({**told, "limit": str(_PAGE), **cursor})
        yield page
        if not page.get("cursor") or page.get("has_next") is False:
            return
        cursor = {"cursor": page["cursor"]}


def _orders(exchange: Any, action: ListOrders | ListOpenOrders) -> Any:
    told = {"product_ids": action.instrument.symbol} if action.instrument else {}
    if isinstance(action, ListOpenOrders):
        told["order_status"] = "OPEN"
    elif action.since:
        told["start_date"] = exchange.iso8601(action.since // 1_000_000)
    pages = _pages(exchange.v3_private_get_brokerage_orders_historical_batch, told)
    return {"orders": [one for page in pages for one in page["orders"]]}


def _fills(exchange: Any, action: ListFills) -> Any:
    told = {"product_ids": action.instrument.symbol}
    if action.order_id:
        told["order_ids"] = action.order_id
    if action.since:
        told["start_sequence_timestamp"] = exchange.iso8601(action.since // 1_000_000)
    pages = _pages(exchange.v3_private_get_brokerage_orders_historical_fills, told)
    return {"fills": [one for page in pages for one in page["fills"]]}


def _balances(exchange: Any, action: FetchBalances) -> Any:
    if action.wallet:
        raise VenueError(f"no wallet {action.wallet!r}: there is one", where=ADVANCED)
    pages = _pages(exchange.v3_private_get_brokerage_accounts, {})
    return {"accounts": [one for page in pages for one in page["accounts"]]}


def actions(instruments: Sequence[Instrument]) -> CcxtActions:
    """The codec over the instruments of a run."""
    listed = CoinbaseInstruments(ADVANCED)
    answers = Answers(instruments, listed.find)
    rules = ActionRules(
        supports=frozenset(WEIGHTS),
        accepted_for=120_000_000_000,  # the life of a token
        table=TABLE,
        code_at=(("error_response", "error"), ("results", 0, "failure_reason"), ("error",), ("errors", 0, "id")),
        text_at=(
            ("error_response", "message"), ("error_response", "preview_failure_reason"), ("message",),
            ("errors", 0, "message"),
        ),
        fine=frozenset({"UNKNOWN_CANCEL_FAILURE_REASON"}),
        calls={
            PlaceOrder: Call(_place, read=answers.placed),
            CancelOrder: Call(_cancel, read=answers.cancelled),
            FindOrder: Call(_find, read=answers.found),
            ListOpenOrders: Call(_orders, read=answers.orders),
            ListOrders: Call(_orders, read=answers.orders),
            ListFills: Call(_fills, read=answers.fills),
            FetchBalances: Call(_balances, read=answers.balances),
            FetchFees: Call("v3_private_get_brokerage_transaction_summary", lambda action: ({},), fees),
            FetchKey: Call("v3_private_get_brokerage_key_permissions", lambda action: ({},), rights),
            FetchTime: Call("v3_public_get_brokerage_time", lambda action: ({},), server_time),
        },
        everything=frozenset({ListOpenOrders}),
        weights=WEIGHTS,
        allowances=ALLOWANCES,
    )  # fmt: skip
    return CcxtActions(
        "coinbase", ADVANCED, instruments, rules, currencies=wallets(ADVANCED), aliases=CODES.aliases,
        chains=CODES.networks, find=listed.find,
    )  # fmt: skip
