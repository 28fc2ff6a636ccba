"""Orders of the simulated Kraken: AddOrder, CancelOrder, CancelAll and their batches, by REST and by websocket alike.

Enters: the texts of admitted calls. Leaves: orders and cancellations at the desk, answers as the venue writes them.
Never: an order that was only to be validated.

docs.kraken.com/api-reference/trading, pages add-order, cancel-order, cancel-all-orders, add-order-batch and
cancel-order-batch; guides/general/ratelimits (2026-11-21): every pair has a counter that an order raises by 1 and a
cancellation by up to 8, the younger the order the more; a Pro account has 180 and gets 3.75 back a second.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from cryptopipe.api import DeskOrder, DeskRefusal, Nanos, OrderStatus, SimulatedAccount
from cryptopipe_kraken.sandbox_accounts_door import Arguments, Call, Counter
from cryptopipe_kraken.sandbox_accounts_names import ORDERS
from cryptopipe_kraken.sandbox_accounts_words import INVALID_ORDER, UNKNOWN_ORDER, Refused, invalid, words
from cryptopipe_kraken.sandbox_text import SECOND, whole
from cryptopipe_kraken.sandbox_trade_ticket import Marks, Pairs, Ticket, described, ticket

COUNTED = 180
A_SECOND = 3750
"""In thousandths."""
BATCH = 15
_PENALTIES = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))
"""Seconds since the order was placed, and what cancelling it before then counts."""


class Trading:
    """The orders of all accounts of one simulated venue. `marks` by order number."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.marks: dict[int, Marks] = {}
        self._counters: dict[tuple[int, str], Counter] = {}

    def marks_of(self, order: DeskOrder) -> Marks:
        """What is known beside the desk's order; of an order placed by no request the usual."""
        return self.marks.get(order.order_id, Marks())

    def place(self, account: SimulatedAccount, arguments: Arguments, at: Nanos) -> tuple[Ticket, DeskOrder | None]:
        """One order; None where it was only validated. Raises `Refused`."""
        made = ticket(arguments, self.pairs, at)
        if arguments.get("validate", "").lower() in ("true", "1"):
            return made, None
        if not self._counter(account, made.order.instrument.symbol).take(1, at):
            raise Refused("EOrder:Rate limit exceeded")
        before = account.number
        try:
            order = account.place(made.order)
        except DeskRefusal as refusal:
            raise words(refusal) from None
        finally:  # an order whose answer is lost was placed all the same
            for event in account.events(before):
                if event.order is not None and event.order.order is made.order:
                    self.marks[event.order.order_id] = made.marks
        return made, order

    def cancel(self, account: SimulatedAccount, number: int, client_id: str, at: Nanos) -> DeskOrder:
        """By the venue's number or the client's id. Raises `Refused`."""
        try:
            order = account.order(number, client_id)
            if order.status is OrderStatus.OPEN:
                age = at - order.created_at
                cost = next((cost for limit, cost in _PENALTIES if age < limit * SECOND), 0)
                self._counter(account, order.order.instrument.symbol).take(cost, at)
            return account.cancel(number, client_id)
        except DeskRefusal as refusal:
            raise words(refusal) from None

    def cancel_named(self, account: SimulatedAccount, name: str, at: Nanos) -> list[DeskOrder]:
        """By an id of the venue, or every order of a userref. Raises `Refused`."""
        number = ORDERS.number(name)
        if number:
            return [self.cancel(account, number, "", at)]
        userref = whole(name.removeprefix("-")) * (-1 if name.startswith("-") else 1)
        if whole(name.removeprefix("-")) < 0:
            raise Refused(INVALID_ORDER)
        found = [one for one in account.open_orders() if self.marks_of(one).userref == userref]
        if not found:
            raise Refused(UNKNOWN_ORDER)
        return [self.cancel(account, one.order_id, "", at) for one in found]

    def add_order(self, call: Call) -> object:
        """`{"descr":{"order":"buy 0.02100000 ETHUSDT @ limit 330.00"},"txid":["OEKVV2-IH52O-TPL6GZ"]}`."""
        made, order = self.place(call.account, call.arguments, call.at)
        return {"descr": {"order": described(made.order)}, **_txid(order, many=True)}

    def add_order_batch(self, call: Call) -> object:
        """Two to fifteen orders of one pair, as JSON; each has its own answer or error."""
        orders = _parsed(call.need("orders"))
        if not 2 <= len(orders) <= BATCH or not all(isinstance(one, dict) for one in orders):
            raise invalid("orders")
        told: list[dict[str, Any]] = []
        for one in orders:
            arguments = {name: _plain(value) for name, value in one.items()}
            shared = {name: call.arguments[name] for name in ("pair", "deadline", "validate") if name in call.arguments}
            try:
                made, order = self.place(call.account, {**arguments, **shared}, call.at)
                told.append({**_txid(order, many=False), "descr": {"order": described(made.order)}})
            except Refused as refused:
                told.append({"error": str(refused)})
        return {"orders": told}

    def cancel_order(self, call: Call) -> object:
        """`txid` is an id or a userref, `cl_ord_id` the client's: `{"count":1}`."""
        client_id = call.arguments.get("cl_ord_id", "")
        if client_id:
            self.cancel(call.account, 0, client_id, call.at)
            return {"count": 1}
        return {"count": len(self.cancel_named(call.account, call.need("txid"), call.at))}

    def cancel_all(self, call: Call) -> object:
        """`{"count":1}`."""
        return {"count": len(call.account.cancel_all())}

    def cancel_batch(self, call: Call) -> object:
        """`orders` are ids or userrefs, `cl_ord_ids` the client's; those that are unknown are not counted."""
        count = 0
        for name in _parsed(call.arguments.get("orders", "") or "[]"):
            count += self._cancelled(call, _plain(name), "")
        for one in _parsed(call.arguments.get("cl_ord_ids", "") or "[]"):
            client_id = one.get("cl_ord_id", "") if isinstance(one, dict) else one
            count += self._cancelled(call, "", _plain(client_id))
        return {"count": count}

    def _cancelled(self, call: Call, name: str, client_id: str) -> int:
        try:
            if client_id:
                self.cancel(call.account, 0, client_id, call.at)
                return 1
            return len(self.cancel_named(call.account, name, call.at))
        except Refused:
            return 0

    def _counter(self, account: SimulatedAccount, symbol: str) -> Counter:
        return self._counters.setdefault((account.account_id, symbol), Counter(COUNTED, A_SECOND))


def _txid(order: DeskOrder | None, many: bool) -> dict[str, Any]:
    if order is None:
        return {}
    name = ORDERS.text(order.order_id)
    return {"txid": [name] if many else name}


def _parsed(text: str) -> Sequence[Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise invalid("orders") from None
    if not isinstance(found, list):
        raise invalid("orders")
    return found


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
