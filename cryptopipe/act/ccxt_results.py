"""From what a method of ccxt gave to the outcome of the action that it was called for.

Enters: an action and ccxt's result. Leaves: `Accepted` or `Reports`. Never: an id that is not the venue's.
"""

from typing import Any

from msgspec.structs import replace

from cryptopipe.act.action_rules import ActionRules
from cryptopipe.act.ccxt_reports import Reader, at_of
from cryptopipe.act.ccxt_transfers import TransferReader
from cryptopipe.errors import ProtocolError, VenueError
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
    Withdraw,
    venue_of,
)
from cryptopipe.model.outcomes import Accepted, OrderReport, Outcome, Reports


class Results:
    """Makes outcomes for one venue."""

    def __init__(self, rules: ActionRules, reader: Reader, transfers: TransferReader) -> None:
        self._rules, self._reader, self._transfers = rules, reader, transfers

    def outcome(self, action: Action, result: Any) -> Outcome:
        """Raises `ProtocolError` for what is not as it should be."""
        own = self._rules.calls.get(type(action))
        if own is not None and own.read is not None:
            return own.read(action, result)
        match action:
            case PlaceOrder() | CancelOrder():
                return self._accepted(action, result)
            case CancelAll() | Withdraw() | MoveFunds():
                return Accepted(str(result.get("id") or "") if isinstance(result, dict) else "")
            case FindOrder():
                return Reports(orders=(self._reader.order(result),))
            case ListOpenOrders() | ListOrders():
                return Reports(orders=tuple(self._reader.order(one) for one in result))
            case ListFills():
                fills = (self._reader.fill(one) for one in result)
                return Reports(fills=tuple(one for one in fills if action.order_id in ("", one.order_id)))
            case FetchBalances():
                return Reports(balances=self._reader.balances(result, action.wallet))
            case FetchPositions():
                return Reports(positions=self._reader.positions(result))
            case FetchFees():
                return Reports(fees=self._reader.fees(result))
            case FetchTime():
                return Reports(server_time=at_of(result) or None)
            case _:
                return self._of_money(action, result)

    def _of_money(self, action: Action, result: Any) -> Outcome:
        match action:
            case FetchCurrencies():
                return Reports(currencies=self._transfers.currencies(result))
            case FetchAddress():
                return Reports(address=self._transfers.address(action, result))
            case ListTransfers():
                return Reports(transfers=self._transfers.transfers(action, result))
            case _:
                raise VenueError(f"no reading of {type(action).__name__}", where=venue_of(action))

    def _accepted(self, action: PlaceOrder | CancelOrder, result: Any) -> Accepted:
        if not isinstance(result, dict):
            raise ProtocolError("the answer is no order", where=action.instrument.id)
        given = result.get("id")
        order = self._order(result)
        if order is not None and isinstance(action, CancelOrder):  # an answer may have an id of the cancel itself
            order = replace(order, client_id=action.client_id)
        accepted = Accepted("" if given is None else str(given), self._reader.word(result), order)
        told = self._reader.our_id(result)
        if isinstance(action, PlaceOrder) and told and action.client_id and told != action.client_id:
            raise ProtocolError(f"the answer is to {told}, not to {action.client_id}", where=action.instrument.id)
        if accepted.order is not None and accepted.order.instrument != action.instrument:
            raise ProtocolError(f"the answer speaks of {accepted.order.instrument.id}", where=action.instrument.id)
        return accepted

    def _order(self, result: Any) -> OrderReport | None:
        """The order, where the answer tells enough of it."""
        filled = result.get("told", {}).get("filled") is not None or result.get("trades")
        if not filled or any(result.get(key) is None for key in ("id", "symbol", "side", "status")):
            return None
        return self._reader.order(result)
