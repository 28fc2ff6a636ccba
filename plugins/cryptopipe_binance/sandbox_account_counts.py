"""How many orders an account of simulated Binance placed in the windows that its limits are on.

Enters: orders placed and their fills, with the venue's time. Leaves: counts, or the venue's refusal. Never: a filled
order that counts.

github.com/binance/binance-spot-api-docs faqs/order_count_decrement.md, rest-api.md "Unfilled Order Count" (2026-07-21):
per account; an order counts until its first fill. That some fills count for more than one order is left out.
"""

from cryptopipe.api import DeskOrder, Nanos, SimulatedAccount
from cryptopipe_binance.sandbox_info import limit_of
from cryptopipe_binance.sandbox_rest import Wrong
from cryptopipe_binance.sandbox_ticker import Fields

SECOND: Nanos = 1_000_000_000
WINDOWS = (("SECOND", 10, 10 * SECOND, 100, "10S"), ("DAY", 1, 86_400 * SECOND, 200_000, "1D"))
"""Interval, how many of it, its length, the limit, and the header's letters: those of `exchangeInfo`."""


class OrderCounts:
    """Of one account."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._read = account.number
        self._spans = [0] * len(WINDOWS)
        self._unfilled: list[set[int]] = [set() for _ in WINDOWS]

    def admit(self, at: Nanos) -> None:
        """Raises `Wrong` if another order is one too many."""
        self._turn(at)
        for (interval, number, length, limit, _), orders in zip(WINDOWS, self._unfilled, strict=True):
            if len(orders) >= limit:
                wait_s = -(-(length - at % length) // SECOND)
                text = f"Too many new orders; current limit is {limit} orders per {number} {interval}."
                raise Wrong(-1015, text, 429, wait_s)

    def placed(self, told: DeskOrder) -> None:
        """A new order, just placed."""
        if not told.filled:
            for orders in self._unfilled:
                orders.add(told.order_id)

    def told(self, at: Nanos) -> list[Fields]:
        """As `rateLimits` tells them."""
        self._turn(at)
        return [
            limit_of("ORDERS", interval, number, limit) | {"count": len(orders)}
            for (interval, number, _, limit, _), orders in zip(WINDOWS, self._unfilled, strict=True)
        ]

    def headers(self, at: Nanos) -> dict[str, str]:
        """As an answer to a new order tells them."""
        self._turn(at)
        pairs = zip(WINDOWS, self._unfilled, strict=True)
        return {f"X-MBX-ORDER-COUNT-{window[4]}": str(len(orders)) for window, orders in pairs}

    def _turn(self, at: Nanos) -> None:
        for index, (_, _, length, _, _) in enumerate(WINDOWS):
            if at // length != self._spans[index]:
                self._spans[index] = at // length
                self._unfilled[index].clear()
        for event in self._account.events(self._read):
            self._read = event.number
            if event.fill is not None:
                for orders in self._unfilled:
                    orders.discard(event.fill.order_id)
