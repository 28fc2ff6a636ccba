"""What a connection to WebSocket v2 may do with a token: private channels, and orders.

Enters: a client's requests with their token. Leaves: acknowledgements, refusals, the texts of its channels. Never: a
channel or an order of an account whose token it has not.

docs.kraken.com/exchange/api-reference/spot-websocket-v2, pages executions, balances, add_order, cancel_order and
cancel_all (2026-11-21; in copies of 2026-05-27). Texts about tokens as of level3. A token that has been used here stays
good for as long as the connection lives.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.api import DeskOrder, Nanos, Permission, SimulatedDesk, SimulatedKey
from cryptopipe_kraken.sandbox_accounts import Accounts
from cryptopipe_kraken.sandbox_accounts_names import ORDERS
from cryptopipe_kraken.sandbox_accounts_words import DENIED, UNAVAILABLE, Refused
from cryptopipe_kraken.sandbox_executions import Balances, Channel, Executions
from cryptopipe_kraken.sandbox_level3 import Replies
from cryptopipe_kraken.sandbox_trade import COUNTED
from cryptopipe_kraken.sandbox_wire import Wire

CHANNELS = ("executions", "balances")
METHODS = ("add_order", "cancel_order", "cancel_all")
_WORDS = {
    "order_type": "ordertype",
    "side": "type",
    "order_qty": "volume",
    "symbol": "pair",
    "limit_price": "price",
    "time_in_force": "timeinforce",
    "cl_ord_id": "cl_ord_id",
    "order_userref": "userref",
    "stp_type": "stptype",
    "deadline": "deadline",
    "validate": "validate",
    "reduce_only": "reduce_only",
}
"""A field of add_order, and of AddOrder."""


class PrivateSession:
    """One connection's private side."""

    def __init__(self, accounts: Accounts, desk: SimulatedDesk) -> None:
        self._accounts, self._desk = accounts, desk
        self._in_use: set[str] = set()

    def subscribes(self, method: str, params: Mapping[str, Any]) -> bool:
        """Whether a request is about a private channel."""
        return method in ("subscribe", "unsubscribe") and params.get("channel") in CHANNELS

    def subscription(self, reply: Replies, params: Mapping[str, Any], wire: Wire, at: Nanos) -> Iterator[str]:
        """The texts of one, carried out now."""
        key = self._admitted(params, at)
        if isinstance(key, str):
            yield reply.refusal(key)
        else:
            yield from self._subscription(reply, params, key, wire, at)

    def trade(self, reply: Replies, params: Mapping[str, Any], at: Nanos) -> Iterator[str]:
        """The texts of one of `METHODS`, carried out now."""
        key = self._admitted(params, at)
        if isinstance(key, str):
            yield reply.refusal(key)
        else:
            yield from self._trade(reply, params, key, at)

    def _admitted(self, params: Mapping[str, Any], at: Nanos) -> SimulatedKey | str:
        """The key, or why there is none."""
        if self._desk.maintenance:
            return UNAVAILABLE
        token = params.get("token")
        key = self._holder(token, at) if isinstance(token, str) else None
        return key or ("ESession:Invalid session" if token else "Token(s) not found")

    def _holder(self, token: str, at: Nanos) -> SimulatedKey | None:
        """Its key as it is now."""
        key = self._accounts.tokens.holder(token, at, token in self._in_use)
        if key is None:
            return None
        self._in_use.add(token)
        return self._desk.key(key.credentials.key)

    def _subscription(
        self, reply: Replies, params: Mapping[str, Any], key: SimulatedKey, wire: Wire, at: Nanos
    ) -> Iterator[str]:
        name = params["channel"]
        if reply.method == "unsubscribe":
            left = wire.leave((name, ""))
            yield reply.done({"channel": name}) if left else reply.refusal("Subscription Not Found")
        elif (name, "") in wire.channels:
            yield reply.refusal("Already subscribed")
        elif Permission.READ not in key.permissions:
            yield reply.refusal(DENIED)
        else:
            wanted = params.get("snapshot", True) is not False
            channel: Channel = Balances(key.account)
            told = {"channel": name, "snapshot": wanted}
            if name == "executions":
                orders, trades = params.get("snap_orders", True) is not False, params.get("snap_trades", False) is True
                wanted = wanted and (orders or trades)
                channel = Executions(key.account, self._accounts.trading, params, self._worth(key))
                told = {"channel": name, "maxratecount": COUNTED, "snap_orders": orders, "snap_trades": trades}
                told |= {"snapshot": wanted, "warnings": ["cancel_reason is deprecated, use reason"]}
            yield reply.done(told)
            yield from wire.follow((name, ""), channel, channel.stream, at, wanted)

    def _trade(self, reply: Replies, params: Mapping[str, Any], key: SimulatedKey, at: Nanos) -> Iterator[str]:
        if Permission.TRADE not in key.permissions:
            yield reply.refusal(DENIED)
        elif reply.method == "add_order":
            yield self._place(reply, params, key, at)
        elif reply.method == "cancel_all":
            yield reply.done({"count": len(key.account.cancel_all())})
        else:
            yield from self._cancel(reply, params, key, at)

    def _place(self, reply: Replies, params: Mapping[str, Any], key: SimulatedKey, at: Nanos) -> str:
        arguments = {_WORDS[name]: _plain(value) for name, value in params.items() if name in _WORDS}
        arguments["timeinforce"] = arguments.get("timeinforce", "").upper()
        flags = ["post"] if params.get("post_only") is True else []
        if "cash_order_qty" in params:
            arguments["volume"], flags = _plain(params["cash_order_qty"]), [*flags, "viqc"]
        arguments["oflags"] = ",".join(flags)
        try:
            made, order = self._accounts.trading.place(key.account, arguments, at)
        except Refused as refused:
            return reply.refusal(str(refused))
        userref, client_id = made.marks.userref, made.order.client_id
        named = {"cl_ord_id": client_id} if client_id else {"order_userref": userref} if userref is not None else {}
        return reply.done({**({"order_id": ORDERS.text(order.order_id)} if order else {}), **named})

    def _cancel(self, reply: Replies, params: Mapping[str, Any], key: SimulatedKey, at: Nanos) -> Iterator[str]:
        """One answer an order."""
        trading, account = self._accounts.trading, key.account
        names = [("order_id", name) for name in _listed(params, "order_id")]
        names += [("cl_ord_id", name) for name in _listed(params, "cl_ord_id")]
        names += [("order_userref", name) for name in _listed(params, "order_userref")]
        for kind, name in names:
            try:
                if kind == "cl_ord_id":
                    found = [trading.cancel(account, 0, name, at)]
                else:
                    found = trading.cancel_named(account, name, at)
            except Refused as refused:
                yield reply.refusal(str(refused))
                continue
            for one in found:
                yield reply.done(_cancelled(one))
        if not names:
            yield reply.refusal("EGeneral:Invalid arguments:order_id")

    def _worth(self, key: SimulatedKey) -> dict[Any, Decimal]:
        """In dollars, as of the subscription."""
        return {asset: self._accounts.dollars(asset) for asset in key.account.balances()}


def _cancelled(order: DeskOrder) -> dict[str, Any]:
    named = {"cl_ord_id": order.order.client_id} if order.order.client_id else {}
    return {"order_id": ORDERS.text(order.order_id), **named}


def _listed(params: Mapping[str, Any], name: str) -> list[str]:
    value = params.get(name, [])
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _plain(value: object) -> str:
    """The text of a JSON value; a float has at most the digits that it was written with."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)
