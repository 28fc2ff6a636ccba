"""Which method of ccxt does an action, and with which arguments.

Enters: an action and the venue's rules. Leaves: the method's name and its arguments, numbers as text. Never: an action
done otherwise than it was asked for: what a venue has not is refused before anything is built.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cryptopipe.act.action_rules import ActionRules
from cryptopipe.act.ccxt_markets import Markets
from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.errors import VenueError
from cryptopipe.model.actions import (
    Action,
    CancelAll,
    CancelOrder,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchPositions,
    FetchTime,
    FindOrder,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    MoveFunds,
    PlaceOrder,
    TimeInForce,
    Withdraw,
    venue_of,
)
from cryptopipe.model.money import plain

Invocation = tuple[str | Callable[..., Any], tuple[Any, ...]]
"""A method by its name, or a function, and its arguments."""


class Calls:
    """Actions as calls of one exchange object."""

    def __init__(self, rules: ActionRules, markets: Markets) -> None:
        self._rules, self._markets = rules, markets

    def of(self, exchange: Any, action: Action) -> Invocation:
        """The method's name and its arguments. Raises `VenueError` for what the venue has not."""
        if type(action) not in self._rules.supports:
            raise VenueError(f"{type(action).__name__} is not supported", where=venue_of(action))
        if getattr(action, "instrument", action) is None and type(action) not in self._rules.everything:
            raise VenueError(f"{type(action).__name__} needs an instrument here", where=venue_of(action))
        own = self._rules.calls.get(type(action))
        if own is not None:
            if isinstance(own.method, str):
                return own.method, tuple(own.arguments(action))
            return own.method, (exchange, action)
        more = self._rules.params.get(type(action))
        return self._usual(exchange, action, dict(more(action)) if more else {})

    def _usual(self, exchange: Any, action: Action, more: dict[str, Any]) -> Invocation:
        match action:
            case PlaceOrder():
                return self._place(exchange, action, more)
            case CancelOrder():
                return "cancel_order", (*self._order(exchange, action), self._named(action) | more)
            case FindOrder():
                return "fetch_order", (*self._order(exchange, action), self._named(action) | more)
            case CancelAll():
                return "cancel_all_orders", (self._symbol(exchange, action), more)
            case ListOpenOrders():
                return "fetch_open_orders", (self._symbol(exchange, action), None, None, more)
            case ListOrders():
                return _history(exchange), (self._symbol(exchange, action), _since(action.since), None, more)
            case ListFills():
                return self._fills(exchange, action, more)
            case FetchPositions():
                symbol = self._symbol(exchange, action)
                return "fetch_positions", ([symbol] if symbol else None, more)
            case FetchFees():
                return "fetch_trading_fee", (self._symbol(exchange, action), more)
            case FetchBalances():
                return "fetch_balance", (self._wallet(action) | more,)
            case _:
                return self._of_money(exchange, action, more)

    def _of_money(self, exchange: Any, action: Action, more: dict[str, Any]) -> Invocation:
        match action:
            case Withdraw():
                name = self._markets.code(exchange, action.code)
                told = {"network": action.network} | ({"tag": action.memo} if action.memo else {})
                return "withdraw", (name, plain(action.amount), action.address, told | self._ours(action) | more)
            case MoveFunds():
                name = self._markets.code(exchange, action.code)
                return "transfer", (name, plain(action.amount), action.source, action.target, self._ours(action) | more)
            case FetchAddress():
                name = self._markets.code(exchange, action.code)
                return "fetch_deposit_address", (name, {"network": action.network} | more)
            case ListTransfers():
                code = self._markets.code(exchange, action.code) if action.code else None
                method = "fetch_deposits" if action.deposits else "fetch_withdrawals"
                return method, (code, _since(action.since), None, more)
            case FetchCurrencies():
                return "fetch_currencies", (more,)
            case FetchTime():
                return "fetch_time", (more,)
            case _:
                raise VenueError(f"no method of ccxt does {type(action).__name__}", where=venue_of(action))

    def _place(self, exchange: Any, action: PlaceOrder, more: dict[str, Any]) -> Invocation:
        taking = action.price is None
        patient = action.time_in_force in (TimeInForce.FOK, TimeInForce.POST_ONLY)
        where = action.instrument.id
        if taking and patient:
            raise VenueError(f"an order without a price cannot be {action.time_in_force.value}", where=where)
        if action.borrow and self._rules.borrow is None:
            raise VenueError("selling what the account does not have is not offered here", where=where)
        told = self._named(action)
        if action.borrow:
            told |= dict(self._rules.borrow or {})
        if action.reduce_only:
            told["reduceOnly"] = True
        if action.time_in_force is TimeInForce.POST_ONLY:
            told["postOnly"] = True
        elif action.time_in_force is not TimeInForce.GTC and not taking:
            told["timeInForce"] = action.time_in_force.name
        price = None if action.price is None else plain(action.price)
        kind = "market" if taking else "limit"
        symbol = self._symbol(exchange, action)
        return "create_order", (symbol, kind, action.side.value, plain(action.size), price, told | more)

    def _fills(self, exchange: Any, action: ListFills, more: dict[str, Any]) -> Invocation:
        symbol, since = self._symbol(exchange, action), _since(action.since)
        if action.order_id and exchange.has.get("fetchOrderTrades") is True:
            return "fetch_order_trades", (action.order_id, symbol, since, None, more)
        return "fetch_my_trades", (symbol, since, None, more)

    def _symbol(self, exchange: Any, action: Any) -> str | None:
        return None if action.instrument is None else self._markets.name(exchange, action.instrument)

    def _order(self, exchange: Any, action: CancelOrder | FindOrder) -> tuple[str | None, str | None]:
        return action.order_id or None, self._symbol(exchange, action)

    def _ours(self, action: Withdraw | MoveFunds) -> dict[str, Any]:
        name = self._rules.client_ids.get(type(action))
        return {name: action.client_id} if name else {}

    def _named(self, action: PlaceOrder | CancelOrder | FindOrder) -> dict[str, Any]:
        by_venue = not isinstance(action, PlaceOrder) and action.order_id
        name = self._rules.client_ids.get(type(action), self._rules.client_id)
        return {} if by_venue or not action.client_id else {name: action.client_id}

    def _wallet(self, action: FetchBalances) -> dict[str, Any]:
        wallets: Mapping[str, Mapping[str, Any]] = self._rules.wallets
        if action.wallet not in wallets and action.wallet:
            raise VenueError(f"no wallet {action.wallet!r}; there are {sorted(wallets)}", where=action.venue)
        return dict(wallets.get(action.wallet, {}))


def _history(exchange: Any) -> str:
    """The method that tells the most orders: those that rest too, else all that ended, else those that filled."""
    told = {"fetchOrders": "fetch_orders", "fetchCanceledAndClosedOrders": "fetch_canceled_and_closed_orders"}
    return next((method for name, method in told.items() if exchange.has.get(name) is True), "fetch_closed_orders")


def _since(at: Nanos) -> int | None:
    return at // MILLISECOND or None
