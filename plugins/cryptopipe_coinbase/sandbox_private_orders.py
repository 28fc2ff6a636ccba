"""Orders of the simulated Coinbase Exchange: taken in, listed, cancelled, and their fills.

Enters: what a signed request asks for, an account of the desk. Leaves: the venue's JSON, newest first. Never: an answer
to a new order that tells of its fills: the venue answers when it has received it.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/orders, pages
create-new-order, get-all-orders, get-single-order, cancel-all-orders, cancel-order, get-all-fills, and
exchange/concepts/matching-engine. The fields of each answer are those of answers recorded from production in 2025-08
(github.com/c9s/bbgo, pkg/exchange/coinbase/testdata). "If the order is canceled, and if the order had no matches, the
response might return the status code 404": here it does, at once. Not simulated: stop orders, GTT, iceberg orders and
limit orders by `funds`, which are refused in words of ours; what `dc` takes off the larger order (it cancels the
smaller, as `co` or `cn` do).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    DeskFill,
    DeskOrder,
    DeskRefusal,
    FeeSchedule,
    Instrument,
    NewOrder,
    OrderStatus,
    Side,
    SimulatedAccount,
    TimeInForce,
    exact,
    floor_to,
    plain,
    ratio,
)
from cryptopipe_coinbase.sandbox_private_request import Ask, Page, choice, decimal_of
from cryptopipe_coinbase.sandbox_private_text import (
    client_oid,
    eight,
    is_uuid,
    order_number,
    order_uuid,
    sixteen,
    uuid_of,
)
from cryptopipe_coinbase.sandbox_private_words import NOT_FOUND, Refused, told
from cryptopipe_coinbase.sandbox_self_trade import prevention
from cryptopipe_coinbase.sandbox_shown import Shown, stamp

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LIVES = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_STP = ("dc", "co", "cn", "cb")
_CENT_OF_FUNDS = Decimal("1e-8")


class Orders:
    """The orders of every account; `products` by id."""

    def __init__(self, products: Mapping[str, Shown]) -> None:
        self._products = products
        self._rejected = 0

    def place(self, account: SimulatedAccount, ask: Ask) -> Mapping[str, Any]:
        """`POST /orders`. Raises `Refused`."""
        shown = self._product(ask.text("product_id"))
        side = choice(ask.text("side"), _SIDES, "side")
        new, funds = self._new(account, shown, side, ask)
        answer = _received(ask, new, funds, stamp(ask.at, 6))
        try:
            placed = account.place(new)
        except DeskRefusal as refusal:
            why = told(refusal)
            if isinstance(why, Refused):
                raise why from None
            self._rejected += 1
            lost = uuid_of("rejected", account.account_id, self._rejected)
            return {"id": lost, **answer} | {"reject_reason": why.reason, "status": "rejected", "settled": True}
        return {"id": order_uuid(placed.order_id), **answer}

    def one(self, account: SimulatedAccount, name: str) -> Mapping[str, Any]:
        """`GET /orders/{id}`. Raises `Refused`."""
        found = self._find(account, name, NOT_FOUND)
        if _forgotten(found):
            raise Refused(*NOT_FOUND)
        return written(found, account)

    def listed(self, account: SimulatedAccount, ask: Ask) -> Page:
        """`GET /orders`: open ones, or of the statuses asked for."""
        wanted = {one for name in ("status", "status[]") for one in ask.query.get(name, ())} or {"open"}
        product = ask.first("product_id")
        of = self._product(product).instrument if product else None
        rows = [
            (one.created_at, stamp(one.created_at, 6), written(one, account))
            for one in reversed(account.orders(of))
            if ("all" in wanted or _status(one) in wanted) and not _forgotten(one) and ask.within(one.created_at)
        ]
        return Page.of(rows, ask, oldest_first=ask.first("sorting") == "asc")

    def cancel(self, account: SimulatedAccount, name: str) -> str:
        """`DELETE /orders/{id}`: the id. Raises `Refused`."""
        try:
            if name.startswith("client:"):
                return order_uuid(account.cancel(0, client_oid(name[7:]) or "none").order_id)
            return order_uuid(account.cancel(_number(name)).order_id)
        except DeskRefusal as refusal:
            raise told(refusal) from None

    def cancel_all(self, account: SimulatedAccount, ask: Ask) -> Sequence[str]:
        """`DELETE /orders`: the ids of those that were open. A body is not read: `product_id` stands in the query."""
        product = ask.first("product_id").upper()
        if product and product not in self._products:
            raise Refused(404, "ProductNotFound")
        of = self._products[product].instrument if product else None
        return [order_uuid(one.order_id) for one in account.cancel_all(of)]

    def fills(self, account: SimulatedAccount, ask: Ask) -> Page:
        """`GET /fills`, by the trade's id from the largest. Raises `Refused`."""
        order, product = ask.first("order_id"), ask.first("product_id")
        if not order and not product:
            raise Refused(400, "order_id or product_id is required")  # wording not documented
        of = self._product(product).instrument if product else None
        number = _number(order) if order else 0
        fills = account.fills(of, number) if number or not order else ()
        rows = [
            (one.trade_id, str(one.trade_id), _fill(one, account))
            for one in sorted(fills, key=lambda fill: -fill.trade_id)
            if ask.within(one.at)
        ]
        return Page.of(rows, ask)

    def _new(
        self, account: SimulatedAccount, shown: Shown, side: Side, ask: Ask
    ) -> tuple[NewOrder, tuple[Decimal, Decimal] | None]:
        """The order, and for one by funds what of them is spent and what was given. Raises `Refused`."""
        kind = ask.text("type") or "limit"
        if kind not in ("limit", "market"):
            raise Refused(400, f"Invalid order_type {kind}")
        if ask.text("stop") or ask.text("stop_price"):
            raise Refused(400, "stop orders are not simulated")
        stp = choice(ask.text("stp") or "dc", {one: one for one in _STP}, "stp")
        instrument, mine = shown.instrument, client_oid(ask.text("client_oid"))
        if kind == "market":
            size, funds = decimal_of(ask, "size"), decimal_of(ask, "funds")
            if size is None and funds is None:
                raise Refused(400, "Requires size")
            spend = None if size is not None or funds is None else without_fee(funds, account.fees(instrument))
            new = NewOrder(instrument, side, size, None, spend, TimeInForce.IOC, mine)
            given = None if spend is None or funds is None else (spend, funds)
        else:
            if ask.text("funds"):
                raise Refused(400, "limit orders by funds are not simulated")
            price, size = decimal_of(ask, "price"), decimal_of(ask, "size")
            if price is None or size is None:
                raise Refused(400, "Requires price" if price is None else "Requires size")
            new = NewOrder(instrument, side, size, price, None, _life(ask), mine)
            given = None
        return prevention(new, stp, account), given

    def _find(self, account: SimulatedAccount, name: str, missing: tuple[int, str]) -> DeskOrder:
        try:
            if name.startswith("client:"):
                mine = client_oid(name[7:])
                if not mine:
                    raise Refused(*missing)
                return account.order(0, mine)
            return account.order(_number(name) or -1)
        except DeskRefusal:
            raise Refused(*missing) from None

    def _product(self, name: str) -> Shown:
        if name not in self._products:
            raise Refused(400, "Product not found")
        return self._products[name]


def _number(name: str) -> int:
    if not is_uuid(name):
        raise Refused(400, "Invalid order id")
    return order_number(name) or -1


def _life(ask: Ask) -> TimeInForce:
    name = ask.text("time_in_force") or "GTC"
    if name == "GTT":
        raise Refused(400, "GTT orders are not simulated")
    life = choice(name, _LIVES, "time_in_force")
    if not ask.flag("post_only"):
        return life
    if life is not TimeInForce.GTC:
        raise Refused(400, f"post_only is invalid with time_in_force {name}")  # wording not documented
    return TimeInForce.POST_ONLY


def without_fee(funds: Decimal, fees: FeeSchedule) -> Decimal:
    """ "will spend 150 USD to buy BTC (including any fees)"."""
    with exact():
        share = 1 + fees.taker_rate
    return floor_to(_CENT_OF_FUNDS, ratio(funds, share))


def _received(ask: Ask, new: NewOrder, funds: tuple[Decimal, Decimal] | None, created: str) -> Mapping[str, Any]:
    """As recorded: what was asked for, and nothing of what has become of it."""
    limit = new.price is not None
    lives = {"time_in_force": "GTC" if new.time_in_force is TimeInForce.POST_ONLY else new.time_in_force.value.upper()}
    return {
        **({"price": plain(new.price)} if new.price is not None else {}),
        **({"size": plain(new.size)} if new.size is not None else {}),
        **({"funds": plain(funds[0]), "specified_funds": plain(funds[1])} if funds else {}),
        "product_id": new.instrument.symbol,
        "side": new.side.value,
        "stp": ask.text("stp") or "dc",
        "type": "limit" if limit else "market",
        **(lives if limit else {}),
        "post_only": new.time_in_force is TimeInForce.POST_ONLY,
        "created_at": created,
        "fill_fees": "0",
        "filled_size": "0",
        "executed_value": "0",
        "status": "pending",
        "settled": False,
        **({"client_oid": new.client_id} if new.client_id else {}),
    }


def profile(account: SimulatedAccount) -> str:
    """The id of the account's only profile."""
    return uuid_of("profile", account.account_id)


def _status(one: DeskOrder) -> str:
    return "open" if one.status is OrderStatus.OPEN else "done"


def _forgotten(one: DeskOrder) -> bool:
    return one.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED) and not one.filled


def written(one: DeskOrder, account: SimulatedAccount) -> Mapping[str, Any]:
    """An order as it is told after it was received."""
    new, ended = one.order, one.status is not OrderStatus.OPEN
    fees = sum(one.fees.values(), Decimal(0))
    price = {} if new.price is None else {"price": eight(new.price)}
    life = TimeInForce.GTC if new.time_in_force is TimeInForce.POST_ONLY else new.time_in_force
    return {
        "id": order_uuid(one.order_id),
        **price,
        **({"size": eight(new.size)} if new.size is not None else {}),
        "product_id": new.instrument.symbol,
        "profile_id": profile(account),
        "side": new.side.value,
        **({"funds": sixteen(new.spend)} if new.spend is not None else {}),
        "type": "limit" if price else "market",
        **({"time_in_force": life.value.upper()} if price else {}),
        "post_only": new.time_in_force is TimeInForce.POST_ONLY,
        "created_at": stamp(one.created_at, 6),
        **({"done_at": stamp(one.updated_at, 6), "done_reason": _reason(one)} if ended else {}),
        "fill_fees": sixteen(fees),
        "filled_size": eight(one.filled),
        "executed_value": sixteen(one.spent),
        "market_type": "spot",
        "status": _status(one),
        "settled": ended,
        **({"client_oid": new.client_id} if new.client_id else {}),
        "funding_currency": quote_of(new.instrument),
    }


def _reason(one: DeskOrder) -> str:
    return "filled" if one.status is OrderStatus.FILLED else "canceled"


def _fill(one: DeskFill, account: SimulatedAccount) -> Mapping[str, Any]:
    with exact():
        volume = one.price * one.size
    return {
        "trade_id": one.trade_id,
        "product_id": one.instrument.symbol,
        "order_id": order_uuid(one.order_id),
        "user_id": user(account),
        "profile_id": profile(account),
        "liquidity": "M" if one.maker else "T",
        "price": eight(one.price),
        "size": eight(one.size),
        "fee": sixteen(one.fee.amount),
        "created_at": stamp(one.at, 6),
        "side": one.side.value,
        "settled": True,
        "usd_volume": sixteen(volume),
        "market_type": "spot",
        "funding_currency": quote_of(one.instrument),
    }


def user(account: SimulatedAccount) -> str:
    """24 hexadecimal digits."""
    return uuid_of("user", account.account_id).replace("-", "")[:24]


def quote_of(instrument: Instrument) -> str:
    """By the venue's code: what stands behind the dash of the product."""
    return instrument.symbol.partition("-")[2]
