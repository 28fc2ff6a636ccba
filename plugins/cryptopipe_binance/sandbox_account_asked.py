"""Questions to simulated Binance spot about an account: balances, fees, orders, executions.

Enters: a caller whose signature was good, parameters, the venue's time. Leaves: results in the venue's fields, or its
refusals. Never: a change.

github.com/binance/binance-spot-api-docs rest-api.md "Account Endpoints" (2026-07-21).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cryptopipe.api import DeskOrder, DeskRefusal, Instrument, Nanos, Permission, SimulatedAccount, exact
from cryptopipe_binance.sandbox_account import NO_DISCOUNT, NO_RATES, Asked, Customers, Way, which
from cryptopipe_binance.sandbox_account_told import asked, desk_id, shown_id, traded
from cryptopipe_binance.sandbox_private_words import NO_SUCH_ORDER, count, refuse, whole, written
from cryptopipe_binance.sandbox_rest import Query, Rest, Wrong
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_wire import millis

UID = 354937867
"""Before an account's own number; `uid` of the documented answer is 354937868."""
_DAY_MS = 86_400_000
_BASIS = 10_000
_NEITHER = {"buyer": "0.00000000", "seller": "0.00000000"}
Row = TypeVar("Row")


class Questions:
    """The account endpoints."""

    def __init__(self, rest: Rest, customers: Customers) -> None:
        self._rest, self._customers = rest, customers

    def ways(self) -> Mapping[str, Way]:
        """By the methods of the websocket API."""
        read = Permission.READ
        return {
            "order.status": Way(self._status, read, lambda query: 4),
            "openOrders.status": Way(self._open, read, lambda query: 6 if "symbol" in query else 80),
            "allOrders": Way(self._all, read, lambda query: 20),
            "myTrades": Way(self._trades, read, lambda query: 5 if "orderId" in query else 20),
            "account.status": Way(self._account, read, lambda query: 20),
            "account.commission": Way(self._commission, read, lambda query: 20),
            "account.rateLimits.orders": Way(self._limits, read, lambda query: 40),
        }

    def _status(self, one: Asked) -> Fields:
        symbol = self._rest.one(one.query).instrument.symbol
        number, name = which(one.query)
        try:
            told = self._customers.unfilled(one.account).find(number, name)
            told = told or one.account.order(number, "" if number else name)
        except DeskRefusal as refusal:
            refuse(refusal, NO_SUCH_ORDER)
        if told.order.instrument.symbol != symbol:
            raise Wrong(-2013, "Order does not exist.")
        if name and told.order.client_id != name:
            raise Wrong(-2039, "Client order ID is not correct for this order ID.")
        return asked(told)

    def _open(self, one: Asked) -> list[Fields]:
        instrument = self._rest.one(one.query).instrument if "symbol" in one.query else None
        return [asked(told) for told in one.account.open_orders(instrument)]

    def _all(self, one: Asked) -> list[Fields]:
        instrument, limit = self._rest.one(one.query).instrument, count(one.query, 500, 1000)
        found = self._orders(one.account, instrument)
        if "orderId" in one.query:
            first = whole(one.query, "orderId") or 0
            return [asked(told) for told in found if shown_id(told.order_id) >= first][:limit]
        return [asked(told) for told in between(one.query, found, lambda told: told.created_at, limit)]

    def _orders(self, account: SimulatedAccount, instrument: Instrument) -> list[DeskOrder]:
        unfilled = self._customers.unfilled(account).of(instrument)
        return sorted([*account.orders(instrument), *unfilled], key=lambda told: shown_id(told.order_id))

    def _trades(self, one: Asked) -> list[Fields]:
        instrument, limit = self._rest.one(one.query).instrument, count(one.query, 500, 1000)
        found = one.account.fills(instrument, desk_id(whole(one.query, "orderId") or 0))
        if "fromId" in one.query:
            first = whole(one.query, "fromId") or 0
            return [traded(fill) for fill in found if fill.trade_id >= first][:limit]
        return [traded(fill) for fill in between(one.query, found, lambda fill: fill.at, limit)]

    def _account(self, one: Asked) -> Fields:
        with_nothing = one.query.get("omitZeroBalances", "").lower() != "true"
        fees = one.account.fees(next(iter(self._rest.told.values())).instrument)
        rights = one.key.permissions
        with exact():
            maker, taker = int(fees.maker_rate * _BASIS), int(fees.taker_rate * _BASIS)
        return {
            "makerCommission": maker, "takerCommission": taker, "buyerCommission": 0, "sellerCommission": 0,
            "commissionRates": {"maker": written(fees.maker_rate), "taker": written(fees.taker_rate)} | _NEITHER,
            "canTrade": Permission.TRADE in rights, "canWithdraw": True, "canDeposit": True, "brokered": False,
            "requireSelfTradePrevention": False, "preventSor": False, "updateTime": millis(one.at),
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": written(held.free), "locked": written(held.locked)}
                for asset, held in one.account.balances().items()
                if with_nothing or held.free or held.locked
            ],
            "permissions": ["SPOT"], "uid": UID + one.account.account_id,
        }  # fmt: skip

    def _commission(self, one: Asked) -> Fields:
        instrument = self._rest.one(one.query).instrument
        fees = one.account.fees(instrument)
        return {
            "symbol": instrument.symbol,
            "standardCommission": {"maker": written(fees.maker_rate), "taker": written(fees.taker_rate)} | _NEITHER,
            "specialCommission": NO_RATES | _NEITHER, "taxCommission": NO_RATES | _NEITHER, "discount": NO_DISCOUNT,
        }  # fmt: skip

    def _limits(self, one: Asked) -> list[Fields]:
        return self._customers.counts(one.account).told(one.at)


def between(
    query: Query, rows: Sequence[Row], at: Callable[[Row], Nanos], limit: int, widest_ms: int = _DAY_MS
) -> list[Row]:
    """Rows from `startTime` to `endTime`, oldest first: the first ones where there is a start, else the newest."""
    start, end = whole(query, "startTime"), whole(query, "endTime")
    if start is not None and end is not None:
        if start > end:
            raise Wrong(-1128, "Combination of optional parameters invalid.")
        if end - start > widest_ms:
            raise Wrong(-1127, f"More than {widest_ms // 3_600_000} hours between startTime and endTime.")
    found = [one for one in rows if (start or 0) <= millis(at(one)) <= (end if end is not None else millis(at(one)))]
    return found[:limit] if start is not None else found[-limit:]
