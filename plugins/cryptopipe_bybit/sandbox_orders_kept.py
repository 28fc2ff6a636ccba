"""The orders of an account as Bybit has them: the desk's, and those that were accepted and taken out at once.

Enters: orders that the desk refused for what Bybit accepts first. Leaves: states, found by either id. Never: two
orders of one `orderLinkId` ("always unique").

bybit-exchange.github.io/docs/v5/order/create-order (state of 2026-07-24, read 2026-11-21): a post-only order that would
execute "will be cancelled", one without liquidity too; the answer to the request says that it was accepted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from cryptopipe.api import (
    DeskFill,
    DeskOrder,
    DeskRefusal,
    Kind,
    Nanos,
    NewOrder,
    OrderStatus,
    Refusal,
    SimulatedAccount,
)
from cryptopipe_bybit.sandbox_orders_told import left_after, order_number

AFTERWARDS = frozenset({Refusal.WOULD_TAKE, Refusal.WOULD_NOT_FILL, Refusal.NO_LIQUIDITY, Refusal.SELF_TRADE})
"""Refusals that come after the acceptance."""
_FIRST = 2**40
"""Numbers of such orders, above any of the desk's."""
_ZERO = Decimal(0)
RECENT = 500
""" "a maximum of recent 500 closed status records"."""

T = TypeVar("T")


class Kept:
    """One for a venue. Lists are newest first, as the venue answers."""

    def __init__(self) -> None:
        self._ended: dict[int, list[DeskOrder]] = {}

    def place(self, account: SimulatedAccount, order: NewOrder, at: Nanos) -> DeskOrder:
        """Raises `DeskRefusal`."""
        if order.client_id and self._is_taken(account, order.client_id):
            raise DeskRefusal(Refusal.DUPLICATE_CLIENT_ID, client_id=order.client_id)
        try:
            told = account.place(order)
        except DeskRefusal as refusal:
            if refusal.why not in AFTERWARDS:
                raise
            number = _FIRST + sum(map(len, self._ended.values()))
            told = DeskOrder(number, order, OrderStatus.CANCELLED, _ZERO, _ZERO, {}, at, at, refusal.why.value)
            self._ended.setdefault(account.account_id, []).append(told)
        return told

    def _is_taken(self, account: SimulatedAccount, link: str) -> bool:
        """Also by an order whose answer was never sent."""
        if any(one.order.client_id == link for one in self.ended_at_once(account)):
            return True
        try:
            account.order(0, link)
        except DeskRefusal:
            return False
        return True

    def ended_at_once(self, account: SimulatedAccount) -> Sequence[DeskOrder]:
        """Those that the desk does not know, oldest first."""
        return self._ended.get(account.account_id, ())

    def every(self, account: SimulatedAccount, kind: Kind) -> list[DeskOrder]:
        """Of one category."""
        both = [*account.orders(), *self.ended_at_once(account)]
        found = [one for one in both if one.order.instrument.kind is kind]
        return sorted(found, key=lambda one: (one.created_at, one.order_id), reverse=True)

    def find(self, account: SimulatedAccount, kind: Kind, order_id: str, link: str) -> DeskOrder | None:
        """ "orderId > orderLinkId"; None if there is no such order of this category."""
        number = order_number(kind, order_id)
        for one in self.ended_at_once(account):
            if one.order.instrument.kind is kind and (
                one.order_id == number or (not order_id and link == one_link(one))
            ):
                return one
        if (order_id and not number) or number >= _FIRST or not (order_id or link):
            return None
        try:
            found = account.order(number, "" if order_id else link)
        except DeskRefusal:
            return None
        return found if found.order.instrument.kind is kind else None


def one_link(told: DeskOrder) -> str | None:
    """Its `orderLinkId`, None where it has none."""
    return told.order.client_id or None


def with_orders(
    account: SimulatedAccount, kind: Kind, order_id: int = 0
) -> Iterator[tuple[DeskFill, DeskOrder, Mapping[int, Decimal]]]:
    """Each fill of a category, oldest first, with its order and what that had left after each."""
    fills = [one for one in account.fills(order_id=order_id) if one.instrument.kind is kind]
    orders = {one.order_id: one for one in ([account.order(order_id)] if order_id else account.orders())}
    of: dict[int, list[DeskFill]] = {}
    for fill in fills:
        of.setdefault(fill.order_id, []).append(fill)
    left = {number: left_after(orders[number], some) for number, some in of.items()}
    for fill in fills:
        yield fill, orders[fill.order_id], left[fill.order_id]


def paged(rows: Iterable[tuple[int, T]], cursor: str, limit: int) -> tuple[list[T], str]:
    """A page of rows that are numbered downwards, and the cursor of the next, empty after the last."""
    after = int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None
    left = [(number, row) for number, row in rows if after is None or number < after]
    page = left[:limit]
    return [row for _, row in page], str(page[-1][0]) if len(left) > limit else ""
