"""What ccxt made of an answer, in our words.

Enters: ccxt's unified structures with numbers as text. Leaves: outcomes and reports, numbers exact. Never: a float, a
sum that the venue did not tell or that its fills do not add up to, or a market that nobody knows.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from cryptopipe.act.action_rules import ActionRules, at_path
from cryptopipe.act.ccxt_markets import Markets
from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.errors import ProtocolError
from cryptopipe.model.facts import Fee, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import (
    BalanceReport,
    FillReport,
    OrderReport,
    OrderState,
    PositionReport,
)

_STATES: Mapping[str, OrderState] = {
    "open": OrderState.OPEN,
    "canceling": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


class Reader:
    """Reads what ccxt gives for one venue. Everything raises `ProtocolError` for what is not there or no number."""

    def __init__(self, venue: VenueId, rules: ActionRules, markets: Markets) -> None:
        self._venue, self._rules, self._markets = venue, rules, markets

    def order(self, told: Any) -> OrderReport:
        """One order. `filled` must be told, or follow from fills."""
        instrument = self._instrument(told)
        trades = told.get("trades") or ()
        by_id_only = any(one.get("price") is None for one in trades)
        fills = [] if by_id_only else [self.fill(one, told) for one in trades]
        own = told.get("told", {})
        filled = number_of(own.get("filled"))
        size = number_of(own.get("amount"))
        with exact():
            sold = sum((one.size for one in fills), Decimal(0))
            paid = sum((one.size * one.price for one in fills), Decimal(0))
        if filled is None and not fills:
            raise ProtocolError(f"an order that does not say what was filled: {told.get('id')}", where=instrument.id)
        filled = sold if filled is None else filled
        state = self._state(told, filled, size)
        spent = number_of(at_path(told.get("info"), self._rules.spent_at) if self._rules.spent_at else own.get("cost"))
        if spent is None or spent < 0:  # below zero: "not available"
            spent = paid if filled == sold else None
        return OrderReport(
            instrument,
            text_of(told.get("id"), "an order's id"),
            self.our_id(told),
            _side(told),
            state,
            size,
            _price(own.get("price")),
            filled,
            spent,
            tuple(fills) if filled == sold else None,
            at_of(told.get("lastUpdateTimestamp") or told.get("lastTradeTimestamp") or told.get("timestamp")),
        )

    def _state(self, told: Any, filled: Decimal, size: Decimal | None) -> OrderState:
        state = _STATES.get(str(told.get("status")))
        if state is None:
            raise ProtocolError(f"an order's state is {told.get('status')!r}", where=self._venue)
        if state is OrderState.FILLED and size is not None and filled < size:
            return OrderState.CANCELLED
        return state

    def our_id(self, told: Any) -> str:
        """The client's id of an order, empty where the answer has none."""
        path = self._rules.our_id_at
        return str((at_path(told.get("info"), path) if path else told.get("clientOrderId")) or "")

    def word(self, told: Any) -> str:
        """The venue's own word for an order's state, empty where the answer has none."""
        word = at_path(told.get("info"), self._rules.state_at)
        return word if isinstance(word, str) else ""

    def fill(self, told: Any, order: Any = None) -> FillReport:
        """One execution, perhaps told within its order."""
        order = order or {}
        instrument = self._instrument(told if told.get("symbol") else order)
        taker_or_maker = told.get("takerOrMaker")
        fee = told.get("fee") or next(iter(told.get("fees") or ()), None)
        return FillReport(
            instrument,
            text_of(told.get("id"), "a fill's id"),
            text_of(told.get("order") or order.get("id"), "a fill's order"),
            self.our_id(order) or self.our_id(told),
            _side(told if told.get("side") else order),
            needed(told.get("price"), "a fill's price"),
            needed(told.get("amount"), "a fill's size"),
            self._fee(fee),
            None if taker_or_maker not in ("maker", "taker") else taker_or_maker == "maker",
            at_of(told.get("timestamp") or order.get("lastTradeTimestamp") or order.get("timestamp")),
        )

    def _fee(self, told: Any) -> Fee | None:
        cost, currency = (told or {}).get("cost"), (told or {}).get("currency")
        if cost is None or not currency:
            return None
        return Fee(needed(cost, "a fee"), self._markets.asset(currency))

    def balances(self, told: Mapping[str, Any], wallet: str) -> tuple[BalanceReport, ...]:
        """Every asset that the answer names, zeros too."""
        totals = told.get("total")
        if not isinstance(totals, dict):
            raise ProtocolError("no balances in the answer", where=self._venue)
        return tuple(self._balance(told[name], name, wallet, at_of(told.get("timestamp"))) for name in sorted(totals))

    def _balance(self, told: Any, name: str, wallet: str, at: Nanos) -> BalanceReport:
        free, used, total = (number_of(told.get(key)) for key in ("free", "used", "total"))
        with exact():
            if free is None and total is not None:
                free = total - (used or Decimal(0))
            if used is None and total is not None and free is not None:
                used = total - free
        if free is None or used is None:
            raise ProtocolError(f"the balance of {name} is not told", where=self._venue)
        return BalanceReport(self._venue, self._markets.asset(name), free, used, wallet, at)

    def positions(self, told: Iterable[Any]) -> tuple[PositionReport, ...]:
        """Every position that the answer names; closed ones have the size zero."""
        return tuple(self._position(one) for one in told if one.get("symbol"))

    def _position(self, told: Any) -> PositionReport:
        size = needed(told.get("contracts") or "0", "a position's size")
        side = told.get("side")
        if size and side not in ("long", "short"):
            raise ProtocolError(f"a position's side is {side!r}", where=self._venue)
        return PositionReport(
            self._instrument(told),
            -size if side == "short" and size > 0 else size,
            _price(told.get("entryPrice")),
            _price(told.get("markPrice")),
            number_of(told.get("initialMargin")),
            _price(told.get("liquidationPrice")),
            number_of(told.get("unrealizedPnl")),
            None,
            at_of(told.get("lastUpdateTimestamp") or told.get("timestamp")),
        )

    def fees(self, told: Any) -> FeeSchedule:
        """What the account pays, of one instrument."""
        maker, taker = (needed(told.get(key), f"the {key}'s rate") for key in ("maker", "taker"))
        return FeeSchedule(maker, taker, f"{self._venue}, as asked for this account", "today", self._rules.charged_in)

    def _instrument(self, told: Any) -> Instrument:
        return self._markets.instrument(text_of(told.get("symbol"), "a symbol"))


def number_of(value: Any) -> Decimal | None:
    """The exact number that a text or whole number states; None for nothing. Raises `ProtocolError`."""
    if value is None or value == "":
        return None
    if isinstance(value, float | bool) or not isinstance(value, str | int):
        raise ProtocolError(f"not an exact number: {value!r}", where="actions")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ProtocolError(f"not a number: {value!r}", where="actions") from None
    if not number.is_finite():
        raise ProtocolError(f"not a finite number: {value!r}", where="actions")
    return number


def needed(value: Any, what: str) -> Decimal:
    """Likewise, of what must be there."""
    number = number_of(value)
    if number is None:
        raise ProtocolError(f"{what} is not told", where="actions")
    return number


def _price(value: Any) -> Decimal | None:
    """Zero is how venues say that there is none."""
    return number_of(value) or None


def text_of(value: Any, what: str) -> str:
    """A text that is not empty, or a whole number as one. Raises `ProtocolError`."""
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise ProtocolError(f"{what} is {value!r}", where="actions")
    return str(value)


def _side(told: Any) -> Side:
    try:
        return Side(told.get("side"))
    except ValueError:
        raise ProtocolError(f"a side is {told.get('side')!r}", where="actions") from None


def at_of(milliseconds: Any) -> Nanos:
    """ccxt's epoch milliseconds as ours; 0 for none. Raises `ProtocolError`."""
    if milliseconds is None:
        return 0
    if not isinstance(milliseconds, int):
        raise ProtocolError(f"not a time: {milliseconds!r}", where="actions")
    return milliseconds * MILLISECOND
