"""The private stream of the simulated venue: `/v5/private`.

Enters: a client's texts, the lines of an account's tape. Leaves: orders, executions, positions and wallets as Bybit's
private topics write them. Never: a line of another account, or one of before the sign-in.

bybit-exchange.github.io/docs/v5, pages ws/connect and websocket/private (order, execution, fast-execution, position,
wallet; state of 2026-07-24, read 2026-11-21). "Params Error" for any sign-in that fails: pybit issues 152 and 300;
"needs auth first": pybit issue 6, of 2022. Not confirmed: the topic that a frame names where a category was subscribed
to (here the one that was). Departure: a position is told when it changes, not "every time when you create/amend/cancel
an order".
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cryptopipe.api import (
    TRADING,
    Asset,
    DeskBalance,
    DeskEvent,
    DeskOrder,
    Kind,
    Nanos,
    Outgoing,
    Say,
    SimulatedDesk,
    SimulatedKey,
)
from cryptopipe_bybit.market import MARKETS, MILLISECOND
from cryptopipe_bybit.sandbox_orders_told import order_row
from cryptopipe_bybit.sandbox_positions import position_row, streamed
from cryptopipe_bybit.sandbox_private_asked import is_signed, known_key
from cryptopipe_bybit.sandbox_private_calls import Calls
from cryptopipe_bybit.sandbox_private_errors import Refused

ANSWERED_AFTER: Nanos = 25 * MILLISECOND
_CATEGORISED = ("order", "execution", "position", "execution.fast")
_CATEGORIES = ("spot", "linear", "inverse", "option")
TOPICS = frozenset(
    {*_CATEGORISED, "wallet", "greeks", "dcp.future", "dcp.spot", "dcp.option"}
    | {f"{topic}.{category}" for topic in _CATEGORISED for category in _CATEGORIES}
)
"""What may be subscribed to; of `greeks` and `dcp` nothing is ever told."""


class Request(msgspec.Struct):
    """Any text of a client."""

    op: str = ""
    args: Any = None
    req_id: str | int = ""


def signed_in(desk: SimulatedDesk, args: object, at: Nanos) -> SimulatedKey:
    """`["api_key", 1662350400000, "signature"]`, the time as a number or as text. Raises `Refused`."""
    if not (isinstance(args, list) and len(args) == 3):
        raise Refused(10001, "Params Error")
    key, expires, signature = (str(one) if isinstance(one, str | int) else "" for one in args)
    found = known_key(desk, key, at)
    if not expires.isdecimal() or int(expires) <= at // MILLISECOND:
        raise Refused(10001, "Params Error")
    if not is_signed(found, f"GET/realtime{expires}", signature):
        raise Refused(10004, "Params Error")
    return found


class PrivateSession:
    """One connection to `/v5/private`."""

    def __init__(self, desk: SimulatedDesk, calls: Calls, conn_id: str) -> None:
        self._desk, self._calls, self._conn_id = desk, calls, conn_id
        self._key: SimulatedKey | None = None
        self._topics: dict[str, None] = {}
        self._seen = 0
        self._at_once = 0

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """An acknowledgement, or why there is none."""
        try:
            request = msgspec.json.decode(message, type=Request | None) or Request()
        except (msgspec.MsgspecError, RecursionError):
            return [self._ack(Request(), False, "Params Error")]
        match request.op:
            case "ping":
                return [self._pong(request, at)]
            case "auth":
                return [self._authorised(request, at)]
            case "subscribe" | "unsubscribe":
                return [self._subscribed(request)]
        return [self._ack(request, False, "error:invalid op")]

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """What the account's tape tells since the last step, and orders that ended as they were accepted."""
        self._calls.watch(at)
        if self._key is None:
            return ()
        account = self._key.account
        frames: list[Outgoing] = []
        told = self._calls.orders.kept.ended_at_once(account)
        for order in told[self._at_once :]:
            frames.extend(self._order(order, at))
        self._at_once = len(told)
        if account.number > self._seen:
            events = account.events(self._seen)
            self._seen = account.number
            for group in _grouped(events):
                frames.extend(self._told(group))
        return frames

    def _authorised(self, request: Request, at: Nanos) -> Say:
        try:
            self._key = signed_in(self._desk, request.args, at)
        except Refused:
            return self._ack(request, False, "Params Error")
        self._seen = self._key.account.number
        self._at_once = len(self._calls.orders.kept.ended_at_once(self._key.account))
        return self._ack(request, True, "")

    def _subscribed(self, request: Request) -> Say:
        names = request.args
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return self._ack(request, False, "Params Error")
        if self._key is None:
            return self._ack(request, False, f"error:topic:{','.join(names)} needs auth first")
        for name in names:
            if name not in TOPICS:
                return self._ack(request, False, f"error:handler not found,topic:{name}")
        if request.op == "unsubscribe":
            for name in names:
                self._topics.pop(name, None)
            return self._ack(request, True, "")
        for topic in _CATEGORISED:
            if topic in names and any(f"{topic}.{category}" in names for category in _CATEGORIES):
                return self._ack(request, False, f"error:all-in-one and categorised topics together,topic:{topic}")
        self._topics.update(dict.fromkeys(names))
        return self._ack(request, True, "")

    def _told(self, group: list[DeskEvent]) -> Iterator[Say]:
        event = group[0]
        if event.balance is not None:
            yield from self._wallet(group)
        if event.fill is not None:
            yield from self._execution(event)
        if event.order is not None:
            yield from self._order(event.order, event.at)
        if event.position is not None:
            category, row = MARKETS[event.position.instrument.kind].category, streamed(position_row(event.position))
            yield from self._frames("position", category, [row], event.at)

    def _order(self, order: DeskOrder, at: Nanos) -> Iterator[Say]:
        instrument = order.order.instrument
        category = MARKETS[instrument.kind].category
        row = {"category": category, **order_row(order), "feeCurrency": "", "rpiTakerAccess": False}
        if instrument.kind is not Kind.SPOT:
            row["closedPnl"] = self._calls.fills.closed_profit(self._account, order)
        yield from self._frames("order", category, [row], at)

    def _execution(self, event: DeskEvent) -> Iterator[Say]:
        fill = event.fill
        assert fill is not None and self._key is not None
        rows = self._calls.fills.fill_rows(self._account, fill.instrument.kind, fill.order_id)
        row = next(row for one, row in rows if one.fill_id == fill.fill_id)
        category = MARKETS[fill.instrument.kind].category
        profit = self._calls.fills.profit(self._account, fill)
        more = {"isLeverage": "0", "marketUnit": "", "execPnl": profit, "extraFees": []}
        yield from self._frames("execution", category, [{"category": category, **row, **more}], event.at)
        fast = ("symbol", "orderId", "isMaker", "orderLinkId", "execId", "execPrice", "execQty", "side", "execTime")
        short = {"category": category, **{name: row[name] for name in fast}, "seq": row["seq"]}
        if fill.maker:
            short["orderLinkId"] = ""
        yield from self._frames("execution.fast", category, [short], event.at, with_id=False)

    def _wallet(self, group: list[DeskEvent]) -> Iterator[Say]:
        shown: dict[Asset, DeskBalance] = {
            one.asset: one.balance for one in group if one.wallet == TRADING and one.balance is not None
        }
        if shown and "wallet" in self._topics:
            row = self._calls.users.wallet_row(self._account, shown)
            yield from self._frames("wallet", "", [row], group[-1].at)

    def _frames(
        self, topic: str, category: str, rows: list[dict[str, Any]], at: Nanos, with_id: bool = True
    ) -> Iterator[Say]:
        """To all in one, and to the category: whichever is subscribed to."""
        for name in (topic, f"{topic}.{category}"):
            if name in self._topics:
                made = at // MILLISECOND
                frame: dict[str, Any] = {"topic": name, "creationTime": made, "data": rows}
                if with_id:
                    frame = {"id": f"{self._account.account_id}_{name}_{self._seen}_{made}", **frame}
                yield Say(msgspec.json.encode(frame).decode())

    @property
    def _account(self) -> Any:
        assert self._key is not None, "nothing is told before the sign-in"
        return self._key.account

    def _pong(self, request: Request, at: Nanos) -> Say:
        """`{"req_id":"test","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}`"""
        pong: dict[str, object] = {"req_id": str(request.req_id)} if request.req_id != "" else {}
        return self._say({**pong, "op": "pong", "args": [str(at // MILLISECOND)], "conn_id": self._conn_id})

    def _ack(self, request: Request, success: bool, text: str) -> Say:
        """`{"success":true,"ret_msg":"","op":"auth","conn_id":"cejreaspqfh3sjdnldmg-p"}`"""
        answer: dict[str, object] = {"success": success, "ret_msg": text, "op": request.op, "conn_id": self._conn_id}
        if request.req_id != "":
            answer["req_id"] = str(request.req_id)
        return self._say(answer)

    def _say(self, answer: dict[str, object]) -> Say:
        return Say(msgspec.json.encode(answer).decode(), ANSWERED_AFTER)


def _grouped(events: Iterable[DeskEvent]) -> Iterator[list[DeskEvent]]:
    """Balances that changed together are told together; everything else by itself."""
    group: list[DeskEvent] = []
    for event in events:
        if group and (event.balance is None or event.at != group[-1].at):
            yield group
            group = []
        if event.balance is not None:
            group.append(event)
        else:
            yield [event]
    if group:
        yield group
