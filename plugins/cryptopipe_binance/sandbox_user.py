"""What simulated Binance pushes to an account: `executionReport`, `outboundAccountPosition`, `balanceUpdate`.

Enters: the tape of an account. Leaves: events in the venue's fields, each once, in the order of the tape. Never: an
event of another wallet than the spot account's.

github.com/binance/binance-spot-api-docs user-data-stream.md (2026-07-21). Balances that an order changed come together
after it; those that a transfer changed also as `balanceUpdate`. Ids of prevented matches are not kept: `v` is 0.
"""

from decimal import Decimal
from itertools import groupby

from cryptopipe.api import TRADING, DeskEvent, DeskFill, DeskOrder, Nanos, OrderStatus, SimulatedAccount, exact
from cryptopipe_binance.sandbox_account import Customers
from cryptopipe_binance.sandbox_account_told import (
    ZERO,
    expiry_of,
    force_of,
    made_up,
    prevented,
    shown_id,
    size_of,
    status_of,
    type_of,
    was_prevented,
)
from cryptopipe_binance.sandbox_private_words import written
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_wire import millis


class Reader:
    """One reader of one account, from now on."""

    def __init__(self, account: SimulatedAccount, customers: Customers) -> None:
        self.account = account
        self._customers = customers
        self._unfilled = customers.unfilled(account)
        self._number, self._expired = account.number, self._unfilled.count

    def read(self, at: Nanos) -> list[Fields]:
        """What happened since the last call; told twice or out of order only where the tape is."""
        told = self._account(at)
        for order in self._unfilled.since(self._expired):
            self._expired += 1
            taken_in = _with(order, OrderStatus.OPEN)
            told += [self._order(taken_in, None, 0, at), self._order(order, None, 0, at)]
        return told

    def _account(self, at: Nanos) -> list[Fields]:
        told: list[Fields] = []
        events = self.account.events(self._number)
        by_order = False
        for (is_balance, _), run in groupby(events, key=lambda one: (one.balance is not None, one.at)):
            some = list(run)
            self._number = max(self._number, *(one.number for one in some))
            if is_balance:
                told += _balances(some, by_order, at)
                continue
            by_order = any(one.order is not None for one in some)
            told += [self._order(one.order, one.fill, one.number, at) for one in some if one.order is not None]
        return told

    def _order(self, told: DeskOrder, fill: DeskFill | None, number: int, at: Nanos) -> Fields:
        kind = "TRADE" if fill is not None else _KINDS[told.status]
        client_id, original = told.order.client_id, ""
        if kind == "CANCELED":
            original = client_id
            client_id = self._customers.cancels.get(told.order_id) or made_up(f"cancel {told.order_id}")
        if kind == "EXPIRED" and was_prevented(told):
            kind = "TRADE_PREVENTION"
        fields: Fields = {
            "e": "executionReport", "E": millis(at), "s": told.order.instrument.symbol, "c": client_id,
            "S": told.order.side.name, "o": type_of(told), "f": force_of(told), "q": written(size_of(told)),
            "p": ZERO if told.order.price is None else written(told.order.price), "P": ZERO, "F": ZERO, "g": -1,
            "C": original, "x": kind, "X": status_of(told), "r": "NONE", "i": shown_id(told.order_id),
            **_traded(fill, told), "I": number, "w": told.status is OrderStatus.OPEN,
            "m": fill is not None and fill.maker, "M": fill is not None, "O": millis(told.created_at),
            "Z": written(told.spent), "Y": _value(fill), "Q": written(told.order.spend or Decimal(0)),
        }  # fmt: skip
        return fields | {"W": millis(told.created_at), "V": told.order.self_trade.name} | _rare(told, kind)


_KINDS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.FILLED: "TRADE",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}


def _traded(fill: DeskFill | None, told: DeskOrder) -> Fields:
    if fill is None:
        return {
            "l": ZERO, "z": written(told.filled), "L": ZERO, "n": "0", "N": None, "T": millis(told.updated_at), "t": -1,
        }  # fmt: skip
    return {
        "l": written(fill.size), "z": written(told.filled), "L": written(fill.price), "n": written(fill.fee.amount),
        "N": fill.fee.asset, "T": millis(fill.at), "t": fill.trade_id,
    }  # fmt: skip


def _value(fill: DeskFill | None) -> str:
    if fill is None:
        return ZERO
    with exact():
        return written(fill.price * fill.size)


def _rare(told: DeskOrder, kind: str) -> Fields:
    if kind == "TRADE_PREVENTION":
        return {"v": 0, "A": written(prevented(told)), "B": written(prevented(told))}
    reason = expiry_of(told)
    return {"eR": reason} if kind == "EXPIRED" and reason else {}


def _with(told: DeskOrder, status: OrderStatus) -> DeskOrder:
    return DeskOrder(
        told.order_id, told.order, status, told.filled, told.spent, told.fees, told.created_at, told.created_at
    )  # fmt: skip


def _balances(some: list[DeskEvent], by_order: bool, at: Nanos) -> list[Fields]:
    mine = [one for one in some if one.wallet == TRADING and one.balance is not None]
    told: list[Fields] = []
    if not by_order:
        told = [
            {"e": "balanceUpdate", "E": millis(at), "a": one.asset, "d": written(one.change), "T": millis(one.at)}
            for one in mine
            if one.change
        ]
    if mine:
        rows = {
            one.asset: {"a": one.asset, "f": written(one.balance.free), "l": written(one.balance.locked)}
            for one in mine
            if one.balance is not None
        }
        told.append(
            {"e": "outboundAccountPosition", "E": millis(at), "u": millis(mine[-1].at), "B": list(rows.values())}
        )
    return told
