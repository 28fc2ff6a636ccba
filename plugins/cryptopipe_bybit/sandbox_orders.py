"""Orders by request: what `/v5/order` answers.

Enters: the parameters of a signed request. Leaves: results in the venue's form. Never: a conditional order, a take
profit or a stop loss: they are refused, for the desk has none.

bybit-exchange.github.io/docs/v5/order, pages create-order, cancel-order, cancel-all, open-order, order-list (state
of 2026-07-24, read 2026-11-21). Departures: `smpType` None ("default") is simulated as CancelTaker, for the desk
lets nobody trade with himself; an order that has ended answers a cancellation as an unknown one does.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from cryptopipe.api import (
    DeskOrder,
    DeskRefusal,
    Instrument,
    Nanos,
    NewOrder,
    OrderStatus,
    SelfTrade,
    Side,
    SimulatedAccount,
    TimeInForce,
    exact,
)
from cryptopipe_bybit.market import LINEAR, MILLISECOND, SPOT, Market
from cryptopipe_bybit.sandbox_listing import Listing
from cryptopipe_bybit.sandbox_orders_kept import RECENT, Kept, paged
from cryptopipe_bybit.sandbox_orders_told import order_id, order_number, order_row, status_of
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import Refused, of_order

_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_TIMES = {
    "": TimeInForce.GTC,
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
}
_SELF_TRADES = {
    "": SelfTrade.EXPIRE_TAKER,
    "None": SelfTrade.EXPIRE_TAKER,
    "CancelTaker": SelfTrade.EXPIRE_TAKER,
    "CancelMaker": SelfTrade.EXPIRE_MAKER,
    "CancelBoth": SelfTrade.EXPIRE_BOTH,
}
_LINK = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_NOT_SIMULATED = ("triggerPrice", "takeProfit", "stopLoss", "bboSideType", "slippageToleranceType")
_DAY = 86_400_000
_WEEK = 7 * 86_400_000

Listings = Mapping[tuple[str, str], Listing]


def market_of(asked: Asked) -> Market:
    """Raises `Refused` for a category that is not simulated."""
    category = asked.needed("category")
    if category not in (SPOT.category, LINEAR.category):
        raise Refused(10001, "Illegal category")
    return SPOT if category == SPOT.category else LINEAR


def listing_of(listings: Listings, market: Market, asked: Asked) -> Listing:
    """Raises `Refused` for a symbol that the market does not have."""
    found = listings.get((market.category, asked.needed("symbol")))
    if found is None:
        raise Refused(170121, "Invalid symbol.") if market is SPOT else Refused(10001, "params error: symbol invalid")
    return found


def chosen_by(listings: Listings, market: Market, asked: Asked, *one_of: str) -> Callable[[Instrument], bool]:
    """Whether an instrument is meant: "symbol > baseCoin > settleCoin". Of contracts one of these is required where
    `one_of` names them. Raises `Refused`.
    """
    symbol, base, settle = (asked.text(name) for name in ("symbol", "baseCoin", "settleCoin"))
    if market is not SPOT and one_of and not (symbol or base or settle):
        raise Refused(10001, "params error: symbol, baseCoin or settleCoin is required")
    if symbol:
        meant = listing_of(listings, market, asked).instrument
        return lambda instrument: instrument == meant
    return lambda instrument: (
        instrument.kind is market.kind
        and (not base or instrument.base == base)
        and (bool(base) or not settle or instrument.quote == settle)
    )


class Orders:
    """The handlers, by path."""

    def __init__(self, listings: Listings) -> None:
        self._listings = listings
        self.kept = Kept()

    def create(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"orderId":"1321003749386327552","orderLinkId":"spot-test-postonly"}`"""
        market = market_of(asked)
        listing = listing_of(self._listings, market, asked)
        side = _SIDES.get(asked.needed("side"))
        if side is None:
            raise Refused(170117, "Invalid side.") if market is SPOT else Refused(10001, "Side invalid")
        order = _new_order(listing, asked, side)
        try:
            told = self.kept.place(account, _truncated(account, order), at)
        except DeskRefusal as refusal:
            raise of_order(refusal, market is SPOT, side) from None
        return _ids(told)

    def cancel(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """The same form."""
        market = market_of(asked)
        listing_of(self._listings, market, asked)
        given, link = asked.text("orderId"), asked.text("orderLinkId")
        if not given and not link:
            raise Refused(10001, "params error: orderId or orderLinkId is required")
        number = order_number(market.kind, given)
        try:
            if given and not number:
                raise Refused(*_unknown(market))
            found = account.order(number, "" if given else link)
            if found.order.instrument.kind is not market.kind:
                raise Refused(*_unknown(market))
            return _ids(account.cancel(found.order_id))
        except DeskRefusal as refusal:
            raise of_order(refusal, market is SPOT) from None

    def cancel_all(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"list":[{"orderId":…,"orderLinkId":…}],"success":"1"}`"""
        market = market_of(asked)
        chosen = chosen_by(self._listings, market, asked, "symbol", "baseCoin", "settleCoin")
        meant = {one.order.instrument.id: one.order.instrument for one in account.open_orders()}
        ended = [one for of in meant.values() if chosen(of) for one in account.cancel_all(of)]
        return {"list": [_ids(one) for one in ended], "success": "1"}

    def realtime(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Open orders; with `openOnly` 1 the closed ones; by an id whichever it is."""
        market, limit = market_of(asked), asked.limit(20, 50)
        given, link = asked.text("orderId"), asked.text("orderLinkId")
        if given or link:
            one = self.kept.find(account, market.kind, given, link)
            return listed(market, [] if one is None else [order_row(one)], "")
        chosen = chosen_by(self._listings, market, asked, "symbol", "baseCoin", "settleCoin")
        closed = asked.whole("openOnly", 0) == 1
        found = [
            one
            for one in self.kept.every(account, market.kind)
            if (one.status is OrderStatus.OPEN) is not closed and chosen(one.order.instrument)
        ]
        return _order_page(market, found[:RECENT], asked, limit)

    def history(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Closed orders; those that were taken out or back without a fill for 24 hours alone, as the page says."""
        market, limit = market_of(asked), asked.limit(20, 50)
        given, link = asked.text("orderId"), asked.text("orderLinkId")
        if given or link:
            one = self.kept.find(account, market.kind, given, link)
            found = [] if one is None or one.status is OrderStatus.OPEN else [one]
            return _order_page(market, found, asked, limit)
        chosen, since, until = chosen_by(self._listings, market, asked), *span(asked, at)
        wanted = asked.text("orderStatus")
        found = [
            one
            for one in self.kept.every(account, market.kind)
            if one.status is not OrderStatus.OPEN
            and chosen(one.order.instrument)
            and since <= one.created_at // MILLISECOND <= until
            and wanted in ("", status_of(one))
            and (one.filled or one.created_at // MILLISECOND > at // MILLISECOND - _DAY)
        ]
        return _order_page(market, found, asked, limit)


def span(asked: Asked, at: Nanos, longest: int = _WEEK) -> tuple[int, int]:
    """Milliseconds: "If both are passed, the rule is endTime - startTime <= 7 days"; one given is the end of a week, or
    its start; none is the last week. Raises `Refused`."""
    since, until = asked.whole("startTime", -1), asked.whole("endTime", -1)
    if since >= 0 and until >= 0:
        if until - since > longest:
            raise Refused(10001, "The time range between startTime and endTime cannot exceed 7 days")
        return since, until
    if since >= 0:
        return since, since + longest
    until = until if until >= 0 else at // MILLISECOND
    return until - longest, until


def _ids(told: DeskOrder) -> dict[str, str]:
    return {"orderId": order_id(told.order.instrument.kind, told.order_id), "orderLinkId": told.order.client_id}


def _unknown(market: Market) -> tuple[int, str]:
    if market is SPOT:
        return 170213, "Order does not exist."
    return 110001, "order not exists or too late to cancel"


def listed(market: Market, rows: list[dict[str, Any]], cursor: str) -> dict[str, Any]:
    """A page, as orders and executions have it."""
    return {"nextPageCursor": cursor, "category": market.category, "list": rows}


def _order_page(market: Market, found: list[DeskOrder], asked: Asked, limit: int) -> object:
    rows = [(len(found) - place, order_row(one)) for place, one in enumerate(found)]
    return listed(market, *paged(rows, asked.text("cursor"), limit))


def _new_order(listing: Listing, asked: Asked, side: Side) -> NewOrder:
    is_spot = listing.is_spot
    for name in _NOT_SIMULATED:
        if asked.text(name):
            raise Refused(170227, "This feature is not supported.") if is_spot else Refused(110032, "Order is illegal")
    if asked.text("orderFilter") not in ("", "Order"):
        raise Refused(170201, "Invalid orderFilter parameter")
    if asked.text("isLeverage") == "1" and is_spot:
        raise Refused(170037, "Cross Margin Trading not yet supported by the selected coin")
    kind, time = asked.needed("orderType"), asked.text("timeInForce")
    if kind not in ("Market", "Limit"):
        raise Refused(170116, "Invalid orderType.") if is_spot else Refused(10001, "OrderType invalid")
    if time not in _TIMES:
        raise Refused(170115, "Invalid timeInForce.") if is_spot else Refused(10001, "TimeInForce invalid")
    if asked.text("positionIdx") not in ("", "0"):
        raise Refused(10001, "position idx not match position mode")
    if asked.text("smpType") not in _SELF_TRADES:
        raise Refused(10001, "params error: smpType invalid")
    link = asked.text("orderLinkId")
    if link and not _LINK.fullmatch(link):
        raise Refused(10001, "params error: orderLinkId invalid")
    quantity = asked.amount("qty")
    is_market = kind == "Market"
    price = None if is_market else asked.amount("price", 10001)
    spends = is_market and is_spot and _by_value(asked, side)
    if spends:
        _check_value(listing, quantity)
    return NewOrder(
        listing.instrument,
        side,
        None if spends else quantity,
        price,
        spend=quantity if spends else None,
        time_in_force=TimeInForce.IOC if is_market else _TIMES[time],
        client_id=link,
        reduce_only=not is_spot and asked.text("reduceOnly") == "true",
        self_trade=_SELF_TRADES[asked.text("smpType")],
    )


def _truncated(account: SimulatedAccount, order: NewOrder) -> NewOrder:
    """A reduce-only order for more than there is to close is for that; for nothing, 110017 ("orderQty will be truncated
    to zero") refuses it."""
    if not order.reduce_only or order.size is None:
        return order
    sign = -1 if order.side is Side.BUY else 1
    held = next((one.size for one in account.positions() if one.instrument == order.instrument), Decimal(0)) * sign
    with exact():
        resting = sum(
            (one.order.size - one.filled)
            for one in account.open_orders(order.instrument)
            if one.order.side is order.side and one.order.size is not None
        )
        spare = held - resting
    return replace(order, size=spare) if 0 < spare < order.size else order


def _by_value(asked: Asked, side: Side) -> bool:
    """ "Spot: Market Buy order by value by default"."""
    unit = asked.text("marketUnit")
    if unit not in ("", "baseCoin", "quoteCoin"):
        raise Refused(170130, "Data sent for paramter 'marketUnit' is not valid.")
    return unit == "quoteCoin" or (not unit and side is Side.BUY)


def _check_value(listing: Listing, value: Decimal) -> None:
    """An amount to spend has at most the places of `quotePrecision`."""
    with exact():
        step = listing.rules.tick * listing.rules.step
    if value % step:
        raise Refused(170148, "Market order amount decimal too long")
