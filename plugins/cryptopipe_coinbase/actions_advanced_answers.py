"""What answers of Advanced Trade say of orders, fills, balances, fees and keys.

Enters: the JSON of an answer, fractions as text. Leaves: outcomes. Never: a size in quote taken for one in base, a
number that is not there.

Fields: docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api, groups orders, accounts, fees and data-api,
read 2026-11-21 in stored copies.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    Accepted,
    BalanceReport,
    CancelOrder,
    Fee,
    FeeSchedule,
    FetchBalances,
    FetchFees,
    FetchKey,
    FetchTime,
    FillReport,
    FindOrder,
    Instrument,
    KeyReport,
    ListFills,
    ListOpenOrders,
    ListOrders,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    PlaceOrder,
    ProtocolError,
    Reports,
    Side,
    asset_of,
)
from cryptopipe_coinbase.metadata import ADVANCED, CODES
from cryptopipe_coinbase.wire import UNREADABLE, amount, nanos

_STATES = {
    "OPEN": OrderState.OPEN,
    "PENDING": OrderState.OPEN,
    "QUEUED": OrderState.OPEN,
    "CANCEL_QUEUED": OrderState.OPEN,
    "EDIT_QUEUED": OrderState.OPEN,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "FAILED": OrderState.REJECTED,
}
STATES: Mapping[str, OrderState] = _STATES
"""Of a request's order and of the user channel's."""
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_LIQUIDITY = {"MAKER": True, "TAKER": False}


class _Placed(msgspec.Struct):
    order_id: str
    product_id: str
    client_order_id: str


class _Order(msgspec.Struct):
    order_id: str
    product_id: str
    side: str
    client_order_id: str
    status: str
    filled_size: str
    filled_value: str
    created_time: str
    order_configuration: dict[str, dict[str, Any] | None] | None = None
    last_fill_time: str | None = None
    reject_message: str = ""
    cancel_message: str = ""


class _Fill(msgspec.Struct):
    trade_id: str
    order_id: str
    trade_time: str
    price: str
    size: str
    commission: str
    product_id: str
    side: str
    liquidity_indicator: str = ""
    size_in_quote: bool = False


class _Sum(msgspec.Struct):
    value: str


class _Account(msgspec.Struct):
    currency: str
    available_balance: _Sum
    hold: _Sum


class _Tier(msgspec.Struct):
    maker_fee_rate: str
    taker_fee_rate: str


class Answers:
    """Reads answers about the instruments of a run. Everything raises `ProtocolError` for what is not as documented."""

    def __init__(self, instruments: Sequence[Instrument], find: Callable[[str], Instrument]) -> None:
        self._known = {one.symbol: one for one in instruments if one.venue == ADVANCED}
        self._find = find

    def placed(self, action: PlaceOrder, told: Any) -> Accepted:
        """`{"success": true, "success_response": {"order_id": …, "client_order_id": …}}`."""
        one = _read(
            told.get("success_response") if isinstance(told, dict) and told.get("success") is True else None, _Placed
        )
        if one.client_order_id != action.client_id or one.product_id != action.instrument.symbol or not one.order_id:
            raise ProtocolError(f"the answer is to {one.client_order_id}", where=action.instrument.id)
        return Accepted(one.order_id)

    def cancelled(self, action: CancelOrder, told: Any) -> Accepted:
        """`{"results": [{"success": true, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": …}]}`."""
        results = told.get("results") if isinstance(told, dict) else None
        one = results[0] if isinstance(results, list) and len(results) == 1 else None
        if not isinstance(one, dict) or one.get("success") is not True or one.get("order_id") != action.order_id:
            raise ProtocolError("the answer does not say that the order is cancelled", where=action.instrument.id)
        return Accepted(action.order_id)

    def found(self, action: FindOrder, told: Any) -> Outcome:
        """The order, which is ours."""
        if not told:
            return NotFound("", "none of the newest orders has this client_order_id")
        report = self._order(_read(told[0], _Order))
        wanted = action.order_id or action.client_id
        if wanted != (report.order_id if action.order_id else report.client_id):
            raise ProtocolError(f"the answer is about {report.order_id}", where=action.instrument.id)
        return Reports(orders=(report,))

    def orders(self, action: ListOrders | ListOpenOrders, told: Any) -> Reports:
        """`{"orders": […]}`."""
        return Reports(orders=tuple(self._order(one) for one in _read(told["orders"], list[_Order])))

    def fills(self, action: ListFills, told: Any) -> Reports:
        """`{"fills": […]}`."""
        return Reports(fills=tuple(self._fill(one) for one in _read(told["fills"], list[_Fill])))

    def balances(self, action: FetchBalances, told: Any) -> Reports:
        """`{"accounts": […]}`: each asset once."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for one in _read(told["accounts"], list[_Account]):
            if one.currency in sums:
                raise ProtocolError(f"{one.currency} has two accounts", where=ADVANCED)
            sums[one.currency] = _amount(one.available_balance.value), _amount(one.hold.value)
        found = (
            BalanceReport(ADVANCED, asset_of(ADVANCED, code, CODES.aliases), free, held)
            for code, (free, held) in sums.items()
        )
        return Reports(balances=tuple(found))

    def instrument(self, symbol: str) -> Instrument:
        """Of the run, or as the plugin knows it."""
        return self._known.get(symbol) or self._find(symbol)

    def _order(self, one: _Order) -> OrderReport:
        state, side = STATES.get(one.status), SIDES.get(one.side)
        if state is None or side is None:
            raise ProtocolError(f"an order is {one.status!r}, side {one.side!r}", where=f"{ADVANCED}:{one.product_id}")
        fields = next((each for each in (one.order_configuration or {}).values() if each), {})
        size, price = fields.get("base_size"), fields.get("limit_price")
        return OrderReport(
            self.instrument(one.product_id),
            one.order_id,
            one.client_order_id,
            side,
            state,
            _amount(size) if size else None,
            _amount(price) if price else None,
            _amount(one.filled_size),
            _amount(one.filled_value),
            updated_at=_at(one.last_fill_time or one.created_time),
            reason=one.reject_message or one.cancel_message,
        )

    def _fill(self, one: _Fill) -> FillReport:
        instrument, side = self.instrument(one.product_id), SIDES.get(one.side)
        if side is None or one.size_in_quote:
            raise ProtocolError(f"a fill of side {one.side!r}, size in quote: {one.size_in_quote}", where=instrument.id)
        return FillReport(
            instrument,
            one.trade_id,
            one.order_id,
            "",
            side,
            _amount(one.price),
            _amount(one.size),
            Fee(_amount(one.commission), instrument.quote),
            _LIQUIDITY.get(one.liquidity_indicator),
            _at(one.trade_time),
        )


def fees(action: FetchFees, told: Any) -> Reports:
    """`{"fee_tier": {"taker_fee_rate": "0.0060", "maker_fee_rate": "0.0040", …}, …}`."""
    tier = _read(told.get("fee_tier"), _Tier)
    maker, taker = _amount(tier.maker_fee_rate), _amount(tier.taker_fee_rate)
    return Reports(fees=FeeSchedule(maker, taker, "transaction_summary of the account", "as answered"))


def rights(action: FetchKey, told: Any) -> Reports:
    """`{"can_view": true, "can_trade": true, "can_transfer": true, …}`: of addresses and ends it tells nothing."""
    told = told if isinstance(told, dict) else {}
    reads, trades, withdraws = (told.get(name) for name in ("can_view", "can_trade", "can_transfer"))
    if not all(isinstance(one, bool) for one in (reads, trades, withdraws)):
        raise ProtocolError("the answer does not say what the key may do", where=ADVANCED)
    return Reports(key=KeyReport(reads, trades, withdraws, None, None))


def server_time(action: FetchTime, told: Any) -> Reports:
    """`{"iso": …, "epochSeconds": "1683917203", "epochMillis": "1683917203000"}`."""
    millis = told.get("epochMillis") if isinstance(told, dict) else None
    if not isinstance(millis, str) or not millis.isdecimal() or len(millis) > 15:
        raise ProtocolError(f"no time: {millis!r}", where=ADVANCED)
    return Reports(server_time=int(millis) * 1_000_000)


def _read(told: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(told, kind)
    except UNREADABLE as error:
        raise ProtocolError(f"not as documented: {error}", where=ADVANCED) from None


def _amount(text: Any) -> Decimal:
    try:
        return amount(text)
    except (TypeError, ValueError) as error:
        raise ProtocolError(str(error), where=ADVANCED) from None


def _at(text: str) -> int:
    try:
        return nanos(text)
    except ValueError as error:
        raise ProtocolError(f"not a time: {error}", where=ADVANCED) from None
