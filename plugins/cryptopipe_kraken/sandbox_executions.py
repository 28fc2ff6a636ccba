"""The private channels of WebSocket v2: executions and balances of one account.

Enters: the account's tape. Leaves: snapshots and updates, numbered from 1 for each subscription. Never: a line of the
tape twice, unless the tape has it twice.

docs.kraken.com/exchange/api-reference/spot-websocket-v2/executions and /balances (2026-11-21; in copies of 2026-05-27):
a new order is told as pending_new with all its fields and as new with few; an execution as trade, with the state
`partially_filled` also where it was the last, and then as filled; what an order's end tells has no symbol. Balances are
totals: what orders hold back is not told. The empty `reason` of an immediate order's rest is ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import Asset, DeskFill, DeskOrder, Instrument, Nanos, OrderStatus, SimulatedAccount, plain
from cryptopipe_kraken.sandbox_accounts_ledger import Line, Reader
from cryptopipe_kraken.sandbox_accounts_names import LEDGER, ORDERS, TRADES, cost_of, mean
from cryptopipe_kraken.sandbox_assets import places
from cryptopipe_kraken.sandbox_desk import Stream
from cryptopipe_kraken.sandbox_text import rfc3339
from cryptopipe_kraken.sandbox_trade import Trading
from cryptopipe_kraken.sandbox_trade_views import fee_of, reason_of, status_of

FILLS_SHOWN = 50
Row = dict[str, Any]
_BEFORE = 32
"""Lines of the tape that are read again to know what the next changes of balances come from."""


def number(amount: Decimal) -> msgspec.Raw:
    """A bare JSON number with all its digits."""
    return msgspec.Raw(plain(amount).encode())


class Channel:
    """One subscription: a publisher with its stream."""

    name = ""

    def __init__(self, account: SimulatedAccount) -> None:
        self.account = account
        self.stream = Stream(self._snapshot)
        self._told = account.number
        self._sequence = 0

    def advance(self) -> None:
        """Takes in what happened since the last time."""
        events = self.account.events(self._told)
        if not events:
            return
        for rows in self.updates(events):
            self.stream.put(self._text("update", rows))
        self._told = events[-1].number

    def updates(self, events: Sequence[Any]) -> Iterable[Sequence[Row]]:
        """The data of each update."""
        raise NotImplementedError

    def present(self) -> Sequence[Row]:
        """The data of a snapshot."""
        raise NotImplementedError

    def _snapshot(self, at: Nanos) -> str:
        return self._text("snapshot", self.present())

    def _text(self, kind: str, rows: Sequence[Row]) -> str:
        self._sequence += 1
        frame = {"channel": self.name, "type": kind, "data": rows, "sequence": self._sequence}
        return msgspec.json.encode(frame).decode()


class Executions(Channel):
    """`snap_orders`, `snap_trades` and `order_status` as subscribed; `dollars` is what an asset is worth."""

    name = "executions"

    def __init__(
        self, account: SimulatedAccount, trading: Trading, params: Mapping[str, Any], dollars: Mapping[Asset, Decimal]
    ) -> None:
        super().__init__(account)
        self._trading, self._params, self._dollars = trading, params, dollars

    def present(self) -> Sequence[Row]:
        """Open orders, then the latest executions, as far as they were asked for."""
        rows = []
        if self._params.get("snap_orders", True) is not False:
            rows += [self._whole(one, "new") for one in self.account.open_orders()]
        if self._params.get("snap_trades", False) is True:
            rows += [self._past(fill) for fill in list(self.account.fills())[-FILLS_SHOWN:]]
        return rows

    def updates(self, events: Sequence[Any]) -> Iterable[Sequence[Row]]:
        """One row a frame, as the page shows it."""
        for event in events:
            if event.order is not None:
                yield from ([row] for row in self._rows(event.order, event.fill, event.at))

    def _rows(self, order: DeskOrder, fill: DeskFill | None, at: Nanos) -> Iterable[Row]:
        full = self._params.get("order_status", True) is not False
        if fill is not None:
            if full:
                yield self._trade(order, fill)
            if order.status is OrderStatus.FILLED:
                yield self._ended(order, "filled", at)
        elif order.status is OrderStatus.OPEN:
            if full:
                yield self._whole(order, "pending_new")
                yield self._head(order, "new", at)
            else:
                yield self._whole(order, "new")
        else:
            yield self._ended(order, "filled" if status_of(order) == "closed" else "canceled", at)

    def _head(self, order: DeskOrder, event: str, at: Nanos) -> Row:
        client_id, userref = order.order.client_id, self._trading.marks_of(order).userref
        return {
            "timestamp": rfc3339(at),
            "order_status": event,
            "exec_type": event,
            "order_userref": userref or 0,
            **({"cl_ord_id": client_id} if client_id else {}),
            "order_id": ORDERS.text(order.order_id),
        }

    def _whole(self, order: DeskOrder, event: str) -> Row:
        told, marks = order.order, self._trading.marks_of(order)
        quantity = {"order_qty": number(told.size)} if told.size is not None else {}
        spend = {"cash_order_qty": number(told.spend)} if told.spend is not None else {}
        limit = {"limit_price_type": "static", "limit_price": number(told.price)} if told.price is not None else {}
        state = "partially_filled" if event == "new" and order.filled else event
        return {
            **self._head(order, event, order.updated_at if order.filled else order.created_at),
            "order_status": state,
            "symbol": told.instrument.symbol,
            **quantity,
            **spend,
            "cum_qty": number(order.filled),
            "cum_cost": number(order.spent),
            "avg_price": _average(order),
            "time_in_force": marks.time_in_force,
            "side": told.side.value,
            "order_type": _kind(order),
            **limit,
            "post_only": "post" in marks.oflags.split(","),
            "fee_usd_equiv": self._fee(told.instrument, fee_of(order)),
            "fee_ccy_pref": "fcib" if "fcib" in marks.oflags else "fciq",
        }

    def _trade(self, order: DeskOrder, fill: DeskFill) -> Row:
        return {
            **self._execution(order, fill),
            "order_status": "partially_filled",
            "cum_qty": number(order.filled),
            "cum_cost": number(order.spent),
            "avg_price": _average(order),
        }

    def _past(self, fill: DeskFill) -> Row:
        return {**self._execution(self.account.order(fill.order_id), fill), "order_status": "filled"}

    def _execution(self, order: DeskOrder, fill: DeskFill) -> Row:
        return {
            **self._head(order, "trade", fill.at),
            "exec_id": TRADES.text(fill.fill_id),
            "trade_id": fill.trade_id,
            "symbol": fill.instrument.symbol,
            "side": fill.side.value,
            "last_qty": number(fill.size),
            "last_price": number(fill.price),
            "liquidity_ind": "m" if fill.maker else "t",
            "cost": number(cost_of(fill.price, fill.size)),
            "order_type": _kind(order),
            "fee_usd_equiv": self._fee(fill.instrument, fill.fee.amount),
            "fees": [{"asset": fill.fee.asset, "qty": number(fill.fee.amount)}],
        }

    def _ended(self, order: DeskOrder, event: str, at: Nanos) -> Row:
        reason = {"reason": reason_of(order) or ""} if event == "canceled" else {}
        return {
            **self._head(order, event, at),
            "cum_qty": number(order.filled),
            "cum_cost": number(order.spent),
            "fee_usd_equiv": self._fee(order.order.instrument, fee_of(order)),
            "avg_price": _average(order),
            **reason,
        }

    def _fee(self, instrument: Instrument, fee: Decimal) -> msgspec.Raw:
        return msgspec.Raw(f"{fee * self._dollars.get(instrument.quote, Decimal(1)):.5f}".encode())


class Balances(Channel):
    """Totals of every asset, then each line of the ledger."""

    name = "balances"

    def __init__(self, account: SimulatedAccount) -> None:
        super().__init__(account)
        self._reader = Reader()
        for _ in self._reader.read(account.events(self._told - _BEFORE)):
            pass

    def present(self) -> Sequence[Row]:
        """One wallet: `spot`, `main`."""
        return [
            {
                "asset": asset,
                "asset_class": "currency",
                "balance": total,
                "wallets": [{"type": "spot", "id": "main", "balance": total}],
            }
            for asset, total in ((asset, number(one.free + one.locked)) for asset, one in self._balances())
        ]

    def updates(self, events: Sequence[Any]) -> Iterable[Sequence[Row]]:
        """One line a frame."""
        return ([_ledger_row(line)] for line in self._reader.read(events))

    def _balances(self) -> Sequence[tuple[Asset, Any]]:
        return sorted(self.account.balances().items())


def _ledger_row(line: Line) -> Row:
    return {
        "ledger_id": LEDGER.text(line.number),
        "ref_id": line.refid,
        "timestamp": rfc3339(line.at),
        "type": line.kind,
        "asset": line.asset,
        "asset_class": "currency",
        "category": line.kind,
        "wallet_type": "spot",
        "wallet_id": "main",
        "amount": number(line.amount),
        "fee": number(line.fee),
        "balance": number(line.balance),
    }


def _kind(order: DeskOrder) -> str:
    return "market" if order.order.price is None else "limit"


def _average(order: DeskOrder) -> msgspec.Raw:
    rules = order.order.instrument.rules
    return msgspec.Raw(mean(order.spent, order.filled, 5 if rules is None else places(rules.tick)).encode())
