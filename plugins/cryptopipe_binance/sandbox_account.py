"""Orders of simulated Binance spot, as both its REST and its websocket API place and cancel them.

Enters: a caller whose signature was good, parameters, the venue's time. Leaves: results in the venue's fields, or its
refusals. Never: a difference between the two APIs but their envelopes.

github.com/binance/binance-spot-api-docs rest-api.md "Trading endpoints", errors.md; that a request which succeeds
weighs nothing: CHANGELOG.md of 2026-03-27 (2026-07-21).
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cryptopipe.api import DeskRefusal, Nanos, Permission, SimulatedAccount, SimulatedKey
from cryptopipe_binance.sandbox_account_counts import OrderCounts
from cryptopipe_binance.sandbox_account_orders import Wanted, client_id, wanted
from cryptopipe_binance.sandbox_account_told import (
    acknowledged,
    cancelled,
    desk_id,
    in_full,
    made_up,
    resulted,
    status_of,
)
from cryptopipe_binance.sandbox_account_unfilled import Unfilled
from cryptopipe_binance.sandbox_private_words import refuse, whole, written
from cryptopipe_binance.sandbox_rest import Query, Rest, Weigh, Wrong
from cryptopipe_binance.sandbox_ticker import Fields

NO_RATES = {"maker": "0.00000000", "taker": "0.00000000"}
NO_DISCOUNT = {
    "enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000",
}  # fmt: skip
"""Fees are charged in the asset received here; nothing is paid in BNB."""


class Asked(msgspec.Struct, frozen=True):
    """One signed request: who, with which parameters, when."""

    key: SimulatedKey
    query: Query
    at: Nanos

    @property
    def account(self) -> SimulatedAccount:
        """Whose key it is."""
        return self.key.account


class Way(msgspec.Struct, frozen=True):
    """What one endpoint does: the right it needs, its weight, and `free`: it weighs nothing when it succeeds. `counts`:
    its answers tell the order counts.
    """

    do: Callable[[Asked], Any]
    needs: Permission
    weigh: Weigh
    free: bool = False
    counts: bool = False


class Customers:
    """What the dialect itself remembers of the accounts: order counts, the ids of cancellations, orders that expired
    before they could rest or trade.
    """

    def __init__(self) -> None:
        self._counts: dict[int, OrderCounts] = {}
        self._unfilled: dict[int, Unfilled] = {}
        self._made = 0
        self.cancels: dict[int, str] = {}
        """Of an order's id: the client id of its cancellation."""

    def counts(self, account: SimulatedAccount) -> OrderCounts:
        """Of an account, from its first order on."""
        if account.account_id not in self._counts:
            self._counts[account.account_id] = OrderCounts(account)
        return self._counts[account.account_id]

    def unfilled(self, account: SimulatedAccount) -> Unfilled:
        """Of an account."""
        if account.account_id not in self._unfilled:
            self._unfilled[account.account_id] = Unfilled(account)
        return self._unfilled[account.account_id]

    def new_id(self, account: SimulatedAccount) -> str:
        """A client id that no request gave."""
        self._made += 1
        return made_up(f"{account.account_id} {self._made}")


class Trading:
    """The endpoints that place and cancel."""

    def __init__(self, rest: Rest, customers: Customers) -> None:
        self._rest, self._customers = rest, customers

    def ways(self) -> Mapping[str, Way]:
        """By the methods of the websocket API."""
        trade = Permission.TRADE
        return {
            "order.place": Way(self._place, trade, lambda query: 1, free=True, counts=True),
            "order.test": Way(self._test, trade, lambda query: 20 if _computes(query) else 1),
            "order.cancel": Way(self._cancel, trade, lambda query: 1, free=True),
            "openOrders.cancelAll": Way(self._cancel_all, trade, lambda query: 1, free=True),
        }

    def _place(self, one: Asked) -> Fields:
        counts, unfilled = self._customers.counts(one.account), self._customers.unfilled(one.account)
        counts.admit(one.at)
        wish = self._wanted(one)
        try:
            told = one.account.place(wish.order)
        except DeskRefusal as refusal:
            told = unfilled.expired(wish.order, refusal, one.at)
        counts.placed(told)
        if wish.response == "ACK":
            return acknowledged(told)
        if wish.response == "RESULT":
            return resulted(told)
        return in_full(told, one.account.fills(told.order.instrument, told.order_id) if told.filled else ())

    def _test(self, one: Asked) -> Fields:
        wish = self._wanted(one)
        if not _computes(one.query):
            return {}
        fees = one.account.fees(wish.order.instrument)
        return {
            "standardCommissionForOrder": {"maker": written(fees.maker_rate), "taker": written(fees.taker_rate)},
            "specialCommissionForOrder": NO_RATES, "taxCommissionForOrder": NO_RATES, "discount": NO_DISCOUNT,
        }  # fmt: skip

    def _wanted(self, one: Asked) -> Wanted:
        told = self._rest.one(one.query)
        average = self._rest.average(told, one.at) * told.wire.rules.tick
        wish = wanted(one.query, told, average)
        if wish.order.client_id:
            return wish
        order = msgspec.structs.replace(wish.order, client_id=self._customers.new_id(one.account))
        return Wanted(order, wish.response)

    def _cancel(self, one: Asked) -> Fields:
        instrument = self._rest.one(one.query).instrument
        restriction = one.query.get("cancelRestrictions", "")
        if restriction not in ("", "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
            raise Wrong(-1145, "Invalid cancelRestrictions")
        cancel_id = client_id(one.query, "newClientOrderId") or self._customers.new_id(one.account)
        number, name = which(one.query)
        if self._customers.unfilled(one.account).find(number, name) is not None:
            raise Wrong(-2011, "Unknown order sent.")
        try:
            told = one.account.order(number, "" if number else name)
            if told.order.instrument.symbol != instrument.symbol or (name and told.order.client_id != name):
                raise Wrong(-2011, "Unknown order sent.")
            if restriction and restriction != f"ONLY_{status_of(told)}":
                raise Wrong(-2011, "Order was not canceled due to cancel restrictions.")
            with_id = self._customers.cancels.setdefault(told.order_id, cancel_id)
            return cancelled(one.account.cancel(told.order_id), with_id)
        except DeskRefusal as refusal:
            refuse(refusal)

    def _cancel_all(self, one: Asked) -> list[Fields]:
        instrument = self._rest.one(one.query).instrument
        cancel_id, resting = self._customers.new_id(one.account), one.account.open_orders(instrument)
        if not resting:
            raise Wrong(-2011, "Unknown order sent.")
        for told in resting:
            self._customers.cancels[told.order_id] = cancel_id
        return [cancelled(told, cancel_id) for told in one.account.cancel_all(instrument)]


def which(query: Query) -> tuple[int, str]:
    """`orderId` as the desk has it and `origClientOrderId`; 0 and empty if not sent. Raises `Wrong` if neither was."""
    number, name = whole(query, "orderId") or 0, client_id(query, "origClientOrderId")
    if not number and not name:
        raise Wrong(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return desk_id(number), name


def _computes(query: Query) -> bool:
    return query.get("computeCommissionRates", "").lower() == "true"
