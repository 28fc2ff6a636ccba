"""Orders that simulated Binance takes in and expires at once, where the desk takes none in.

Enters: an order and why the desk refused it. Leaves: the order as expired, with an id of its own below zero, for
answers and streams. Never: one that the venue would refuse itself.

github.com/binance/binance-spot-api-docs rest-api.md "New order", user-data-stream.md "Order Expiry Reason"
(2026-07-21): a `FOK` order that cannot be filled, and a market order that meets no other, get an id and expire.
"""

from decimal import Decimal

from cryptopipe.api import DeskOrder, DeskRefusal, Instrument, Nanos, NewOrder, OrderStatus, Refusal, SimulatedAccount
from cryptopipe_binance.sandbox_account_told import shown_id
from cryptopipe_binance.sandbox_private_words import refuse

_EXPIRES = (Refusal.WOULD_NOT_FILL, Refusal.NO_LIQUIDITY)


class Unfilled:
    """Of one account, oldest first."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._last = 0
        self._orders: list[DeskOrder] = []

    def expired(self, order: NewOrder, refusal: DeskRefusal, at: Nanos) -> DeskOrder:
        """The order, where the venue lets it expire. Raises `Wrong` elsewhere."""
        if refusal.why not in _EXPIRES:
            refuse(refusal)
        before = self._account.orders()
        self._last = max(self._last, shown_id(before[-1].order_id) if before else 0) + 1
        nothing = Decimal(0)
        told = DeskOrder(-self._last, order, OrderStatus.EXPIRED, nothing, nothing, {}, at, at)
        self._orders.append(told)
        return told

    def find(self, order_id: int, client_id: str) -> DeskOrder | None:
        """By the venue's id, or where that is 0 by the client's."""
        for told in reversed(self._orders):
            if told.order_id == order_id or (not order_id and told.order.client_id == client_id):
                return told
        return None

    def of(self, instrument: Instrument) -> list[DeskOrder]:
        """Those of one market."""
        return [told for told in self._orders if told.order.instrument.symbol == instrument.symbol]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._orders)

    def since(self, count: int) -> list[DeskOrder]:
        """Those after the first `count`."""
        return self._orders[count:]
