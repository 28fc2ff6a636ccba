"""The user channel of the simulated Advanced Trade: an account's orders, as they are after each event.

Enters: subscriptions with a token, an account's tape. Leaves: events of snapshots and updates. Never: an order of
another account, or one that nothing happened to.

docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels, user channel (read 2026-11-21 in a
stored copy): a snapshot of open orders in batches of 50, then updates; a frame tells sums of an order, never one
execution. Fields as in frames kept in the tests of JKorf's CryptoExchange libraries. What became of an order within one
step is told once, as it is at its end, but its beginning is told by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cryptopipe.api import DeskOrder, Nanos, OrderStatus, SimulatedAccount, TimeInForce, exact, plain
from cryptopipe_coinbase.sandbox_keys_advanced import TokenKeys
from cryptopipe_coinbase.sandbox_orders_shown import STATES, WORDS, sums_of
from cryptopipe_coinbase.sandbox_private_text import order_uuid, uuid_of
from cryptopipe_coinbase.sandbox_shown import stamp

_BATCH = 50
_NEVER = "0001-01-01T00:00:00Z"


class AdvancedUser:
    """The channel on one connection."""

    def __init__(self, keys: TokenKeys) -> None:
        self._keys = keys
        self._of: SimulatedAccount | None = None
        self._products: frozenset[str] = frozenset()
        self._read = 0

    def subscribe(self, token: str, products: Sequence[str], at: Nanos) -> bool:
        """Follow these products (all: none is named) of the token's account; whether the token is good."""
        key = self._keys.find(token, at)
        if key is None:
            return False
        self._of, self._products = key.account, frozenset(products)
        self._read = key.account.number
        return True

    def drop(self) -> None:
        """Follow nothing."""
        self._of = None

    @property
    def name(self) -> str:
        """Of who is followed, as acknowledgements list it; empty for nobody."""
        return "" if self._of is None else uuid_of("user", self._of.account_id)

    def snapshot(self) -> Iterator[str]:
        """Events of what is open: at least one."""
        if self._of is None:
            return
        rows = [_row(one, self._of) for one in self._of.open_orders() if self._follows(one)]
        for first in range(0, max(len(rows), 1), _BATCH):
            yield _event("snapshot", rows[first : first + _BATCH])

    def news(self) -> Iterator[str]:
        """Events of what happened since."""
        account = self._of
        if account is None or account.number <= self._read:
            return
        events, self._read = account.events(self._read), account.number
        last: dict[int, DeskOrder] = {}
        for event in events:
            order = event.order
            if order is None or not self._follows(order):
                continue
            if order.status is OrderStatus.OPEN and not order.filled and order.order_id not in last:
                yield _event("update", [_row(order, account)])
            last[order.order_id] = order
        for order in last.values():
            if order.status is not OrderStatus.OPEN or order.filled:
                yield _event("update", [_row(order, account)])

    def _follows(self, order: DeskOrder) -> bool:
        return not self._products or order.order.instrument.symbol in self._products


def _event(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    positions: Mapping[str, Sequence[Any]] = {"perpetual_futures_positions": [], "expiring_futures_positions": []}
    return msgspec.json.encode({"type": kind, "orders": rows, "positions": positions}).decode()


def _row(one: DeskOrder, account: SimulatedAccount) -> Mapping[str, Any]:
    new = one.order
    average, fees, value, done = sums_of(one)
    fills = [each for each in account.fills(None, one.order_id) if each.at <= one.updated_at]
    with exact():
        left = (new.size or one.filled) - one.filled
    cancelled = one.status is OrderStatus.CANCELLED
    return {
        "avg_price": plain(average),
        "cancel_reason": "User requested cancel" if cancelled else "",
        "client_order_id": new.client_id,
        "completion_percentage": f"{done:.2f}",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": plain(one.filled),
        "filled_value": plain(one.spent),
        "leaves_quantity": plain(left),
        "limit_price": "" if new.price is None else plain(new.price),
        "number_of_fills": str(len(fills)),
        "order_id": order_uuid(one.order_id),
        "order_side": new.side.name,
        "order_type": "Market" if new.price is None else "Limit",
        "outstanding_hold_amount": "0",
        "post_only": "true" if new.time_in_force is TimeInForce.POST_ONLY else "false",
        "product_id": new.instrument.symbol,
        "product_type": "SPOT",
        "reject_reason": "",
        "retail_portfolio_id": uuid_of("portfolio", account.account_id),
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": STATES[one.status],
        "stop_price": "",
        "time_in_force": WORDS[new.time_in_force],
        "total_fees": plain(fees),
        "total_value_after_fees": plain(value),
        "trigger_status": "INVALID_ORDER_TYPE",
        "creation_time": stamp(one.created_at, 6),
        "end_time": _NEVER,
        "start_time": _NEVER,
    }
