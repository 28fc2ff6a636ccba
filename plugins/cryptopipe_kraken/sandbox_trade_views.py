"""Orders and executions as the simulated Kraken tells them: OpenOrders, ClosedOrders, QueryOrders, TradesHistory, …

Enters: an account, filters. Leaves: entries by id, newest first. Never: an order or execution of another account.

docs.kraken.com/api-reference/account-data, pages get-open-orders, get-closed-orders, query-orders-info, get-trades-
history and query-trades-info (2026-11-21), answers kept by public clients (JKorf/Kraken.Net, ccxt). QueryOrders takes
`cl_ord_id` beside `txid` as a filter, which its page has not (measured live by others on 2026-09-12).
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from cryptopipe.api import DeskFill, DeskOrder, Nanos, OrderStatus, Refusal
from cryptopipe_kraken.sandbox_accounts_door import Call
from cryptopipe_kraken.sandbox_accounts_names import ORDERS, TRADES, cost_of, mean, padded, seconds
from cryptopipe_kraken.sandbox_accounts_words import INVALID_ORDER, Refused, invalid
from cryptopipe_kraken.sandbox_assets import cost_places, places, rest_name, short_name
from cryptopipe_kraken.sandbox_text import SECOND, whole
from cryptopipe_kraken.sandbox_trade import Trading
from cryptopipe_kraken.sandbox_trade_ticket import described, limit_price

PAGE = 50
MOST = 50
"""Ids in one query."""
_T = TypeVar("_T")


def status_of(order: DeskOrder) -> str:
    """`open`, `closed` or `canceled`; an immediate order's rest is cancelled, unless it was to spend an amount."""
    if order.status is OrderStatus.OPEN:
        return "open"
    return "closed" if order.status is OrderStatus.FILLED or _spent(order) else "canceled"


def reason_of(order: DeskOrder) -> str | None:
    """Why an order was cancelled; the texts but the first are ours."""
    if order.status is OrderStatus.CANCELLED:
        return "User requested"
    if status_of(order) != "canceled":
        return None
    return "Self trade prevention" if order.why_ended == Refusal.SELF_TRADE.value else "Immediate or cancel"


def _spent(order: DeskOrder) -> bool:
    return order.status is OrderStatus.EXPIRED and order.order.spend is not None and bool(order.filled)


def fee_of(order: DeskOrder) -> Decimal:
    """In quote."""
    return order.fees.get(order.order.instrument.quote, Decimal(0))


class Views:
    """What may be asked about orders and executions."""

    def __init__(self, trading: Trading) -> None:
        self._trading = trading

    def open_orders(self, call: Call) -> object:
        """`{"open":{"OQCLML-BW3P3-BUCMWZ":{…}}}`."""
        return {"open": self._entries(call, self._filtered(call, call.account.open_orders()))}

    def closed_orders(self, call: Call) -> object:
        """Fifty at a time, the latest ended first."""
        ended = [one for one in call.account.orders() if one.status is not OrderStatus.OPEN]
        found = self._filtered(call, sorted(ended, key=lambda one: one.updated_at))
        by_open = call.arguments.get("closetime", "both") == "open"
        rows = _since(call, found, lambda one: one.created_at if by_open else one.updated_at, ORDERS.number, _number)
        told = {"closed": self._entries(call, _page(call, rows))}
        return told if call.flag("without_count") else {**told, "count": len(rows)}

    def query_orders(self, call: Call) -> object:
        """By `txid`, up to fifty, further filtered. An id that was never made is an invalid order."""
        found = []
        for name in call.need("txid").split(",")[:MOST]:
            number = ORDERS.number(name.strip())
            if not number:
                raise Refused(INVALID_ORDER)
            found += [one for one in call.account.orders() if one.order_id == number]
        return self._entries(call, self._filtered(call, found))

    def trades_history(self, call: Call) -> object:
        """Fifty at a time, newest first: `{"trades":{"THVRQM-33VKH-UCI7BS":{…}},"count":1}`."""
        fills = _since(call, call.account.fills(), lambda one: one.at, TRADES.number, lambda one: one.fill_id)
        told = {"trades": {TRADES.text(one.fill_id): self._trade(call, one) for one in _page(call, fills)}}
        return told if call.flag("without_count") else {**told, "count": len(fills)}

    def query_trades(self, call: Call) -> object:
        """By `txid`, up to twenty."""
        wanted = {TRADES.number(name.strip()): name.strip() for name in call.need("txid").split(",")}
        if 0 in wanted:
            raise invalid("txid")
        fills = [one for one in call.account.fills() if one.fill_id in wanted]
        return {wanted[one.fill_id]: self._trade(call, one) for one in fills}

    def _filtered(self, call: Call, orders: Iterable[DeskOrder]) -> list[DeskOrder]:
        client_id, userref = call.arguments.get("cl_ord_id", ""), call.arguments.get("userref", "")
        return [
            one
            for one in orders
            if (not client_id or one.order.client_id == client_id)
            and (not userref or str(self._trading.marks_of(one).userref) == userref)
        ]

    def _entries(self, call: Call, orders: Sequence[DeskOrder]) -> dict[str, Any]:
        return {ORDERS.text(one.order_id): self._entry(call, one) for one in orders}

    def _entry(self, call: Call, one: DeskOrder) -> dict[str, Any]:
        order, marks, status = one.order, self._trading.marks_of(one), status_of(one)
        rules, cost = order.instrument.rules, cost_places(order.instrument)
        lots, ticks = (8, 5) if rules is None else (places(rules.step), max(5, places(rules.tick)))
        zero = padded(Decimal(0), ticks)
        volume = order.size if order.size is not None else order.spend or Decimal(0)
        executed = one.filled if order.size is not None else one.spent
        entry: dict[str, Any] = {
            "refid": None,
            "userref": marks.userref,
            **({"cl_ord_id": order.client_id} if order.client_id else {}),
            "status": status,
            **({} if status == "open" else {"reason": reason_of(one)}),
            "opentm": seconds(one.created_at),
            **({} if status == "open" else {"closetm": seconds(one.updated_at)}),
            "starttm": 0,
            "expiretm": 0,
            "descr": _description(one),
            "vol": padded(volume, lots),
            "vol_exec": padded(executed, lots),
            "cost": padded(one.spent, cost),
            "fee": padded(fee_of(one), cost),
            "price": mean(one.spent, one.filled, ticks),
            "stopprice": zero,
            "limitprice": zero,
            "misc": "partial" if status == "canceled" and one.filled else "",
            "oflags": marks.oflags,
        }
        if call.flag("trades"):
            fills = call.account.fills(order.instrument, one.order_id)
            entry["trades"] = [TRADES.text(fill.fill_id) for fill in fills]
        return entry

    def _trade(self, call: Call, one: DeskFill) -> dict[str, Any]:
        rules, cost = one.instrument.rules, cost_places(one.instrument)
        lots, ticks = (8, 5) if rules is None else (places(rules.step), max(5, places(rules.tick)))
        order = call.account.order(one.order_id).order
        return {
            "ordertxid": ORDERS.text(one.order_id),
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": rest_name(one.instrument),
            "aclass": "forex",
            "time": seconds(one.at),
            "type": one.side.value,
            "ordertype": "market" if order.price is None else "limit",
            "price": padded(one.price, ticks),
            "cost": padded(cost_of(one.price, one.size), cost),
            "fee": padded(one.fee.amount, cost),
            "vol": padded(one.size, lots),
            "margin": padded(Decimal(0), cost),
            "leverage": "0",
            "misc": "",
            "trade_id": one.trade_id,
            "maker": one.maker,
        }


def _description(one: DeskOrder) -> dict[str, str]:
    order = one.order
    return {
        "pair": short_name(order.instrument),
        "aclass": "forex",
        "type": order.side.value,
        "ordertype": "market" if order.price is None else "limit",
        "price": limit_price(order),
        "price2": "0",
        "leverage": "none",
        "order": described(order),
        "close": "",
    }


def _number(one: DeskOrder) -> int:
    return one.order_id


def _since(
    call: Call,
    rows: Sequence[_T],
    at: Callable[[_T], Nanos],
    parse: Callable[[str], int],
    number: Callable[[_T], int],
) -> list[_T]:
    """After `start` and up to `end`, each a time in seconds or an id; oldest first as they come."""
    for name, later in (("start", True), ("end", False)):
        text = call.arguments.get(name, "")
        if not text or text == "0":
            continue
        known = [one for one in rows if number(one) == parse(text)] if parse(text) else []
        bound = at(known[0]) if known else _time(text)
        rows = [one for one in rows if (at(one) > bound) == later]
    return list(rows)


def _time(text: str) -> Nanos:
    first, _, fraction = text.partition(".")
    if not 0 <= whole(first) < 10**12 or whole(fraction[:9] or "0") < 0:
        raise invalid("start")
    return whole(first) * SECOND + int(fraction[:9].ljust(9, "0"))


def _page(call: Call, rows: Sequence[_T]) -> list[_T]:
    """Newest first, from `ofs` on."""
    start = call.count("ofs", 0)
    return list(reversed(rows))[start : start + PAGE]
