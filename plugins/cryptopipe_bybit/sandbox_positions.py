"""Positions in contracts by request: what `/v5/position` answers, and how one is written.

Enters: the parameters of a signed request, positions of the desk. Leaves: results in the venue's form. Never: a hedged
position or an isolated margin, which are not simulated.

bybit-exchange.github.io/docs/v5/position, pages position, leverage, position-mode, and websocket/private/position
(state of 2026-07-24, read 2026-11-21). Departures: `curRealisedPnl` and `cumRealisedPnl` are the desk's profit of what
was closed less funding, without trading fees; `positionIM` is the margin that the desk holds.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    DeskPosition,
    DeskRefusal,
    Instrument,
    Nanos,
    SimulatedAccount,
    SimulatedDesk,
    exact,
    plain,
    ratio,
)
from cryptopipe_bybit.market import LINEAR, spelling_of
from cryptopipe_bybit.sandbox_orders import Listings, listing_of
from cryptopipe_bybit.sandbox_orders_told import millis
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import Refused, of_order

_ZERO = Decimal(0)
_RATE = Decimal("0.00055")
"""What a taker pays at least in the page's formula of `breakEvenPrice`; the dearer rate of a key is not asked for."""


_ONE_WAY_CROSS = {
    "riskId": 1,
    "riskLimitValue": "2000000",
    "tradeMode": 0,
    "autoAddMargin": 0,
    "bustPrice": "",
    "tpslMode": "Full",
    "takeProfit": "",
    "stopLoss": "",
    "trailingStop": "0",
    "sessionAvgPrice": "",
    "isReduceOnly": False,
    "mmrSysUpdatedTime": "",
    "leverageSysUpdatedTime": "",
}
"""What is the same of every position here."""


def position_row(held: DeskPosition) -> dict[str, Any]:
    """Of `/v5/position/list`; a `size` of 0 is an empty position."""
    with exact():
        value = abs(held.size) * held.entry
        realised = plain(held.realised - held.funding)
    return {
        "positionIdx": 0,
        "symbol": spelling_of(held.instrument.symbol),
        "side": "Buy" if held.size > 0 else "Sell" if held.size < 0 else "",
        "size": plain(abs(held.size)),
        "avgPrice": plain(held.entry),
        "breakEvenPrice": _break_even(held),
        "positionValue": plain(value),
        "positionStatus": "Normal",
        "leverage": plain(held.leverage),
        "markPrice": plain(held.mark),
        "liqPrice": "" if held.liquidation is None else plain(held.liquidation),
        "positionIM": plain(held.margin),
        "positionIMByMp": plain(held.margin),
        "positionMM": plain(held.maintenance),
        "positionMMByMp": plain(held.maintenance),
        "positionBalance": plain(held.margin),
        "unrealisedPnl": plain(held.unrealised) if held.size else "",
        "curRealisedPnl": realised,
        "cumRealisedPnl": realised,
        "adlRankIndicator": 2 if held.size else 0,
        "createdTime": millis(held.updated_at),
        "updatedTime": millis(held.updated_at),
        "seq": -1 if not held.updated_at else held.updated_at // 1000,
        **_ONE_WAY_CROSS,
    }


def _break_even(held: DeskPosition) -> str:
    """ "(entry_price * qty - realized_pnl) / (qty - abs(qty) * max(taker fee rate, 0.00055))"; of a long or a short."""
    if not held.size:
        return ""
    with exact():
        paid = held.entry * held.size - (held.realised - held.funding)
        left = held.size - abs(held.size) * _RATE
    return plain(ratio(paid, left))


def streamed(row: dict[str, Any]) -> dict[str, Any]:
    """The same in the stream, where the average is called `entryPrice`."""
    return {"category": LINEAR.category, **row, "entryPrice": row["avgPrice"]}


class Positions:
    """The handlers, by path."""

    def __init__(self, listings: Listings, desk: SimulatedDesk) -> None:
        self._listings, self._desk = listings, desk

    def listed(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """By symbol "data regardless of having position or not", by `settleCoin` those that are open."""
        category = asked.needed("category")
        if category == "inverse":
            return {"list": [], "nextPageCursor": "", "category": category}
        if category != LINEAR.category:
            raise Refused(10001, "Illegal category")
        asked.limit(20, 200)
        symbol, settle = asked.text("symbol"), asked.text("settleCoin")
        if not symbol and not settle:
            raise Refused(10001, "params error: symbol or settleCoin is required")
        if symbol:
            instrument = listing_of(self._listings, LINEAR, asked).instrument
            rows = [self.row(account, instrument)]
        else:
            rows = [position_row(one) for one in account.positions() if one.instrument.quote == settle]
        return {"list": rows, "nextPageCursor": "", "category": category}

    def row(self, account: SimulatedAccount, instrument: Instrument) -> dict[str, Any]:
        """Of one contract, open or not."""
        held = next((one for one in account.positions() if one.instrument == instrument), None)
        return position_row(held or self._empty(account, instrument))

    def set_leverage(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{}`; 110043 where it is what it was."""
        listing = self._contract(asked)
        buy, sell = asked.amount("buyLeverage"), asked.amount("sellLeverage")
        if buy != sell:
            raise Refused(10001, "buy leverage not equal sell leverage")
        if account.leverage(listing) == buy:
            raise Refused(110043, "leverage not modified")
        try:
            account.set_leverage(listing, buy)
        except DeskRefusal as refusal:
            raise of_order(refusal, False) from None
        return {}

    def switch_mode(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """One-way is what every contract is."""
        if asked.needed("category") != LINEAR.category:
            raise Refused(10001, "Illegal category")
        if asked.needed("mode") == "0":
            raise Refused(110025, "Position mode is not modified")
        raise Refused(110029, "Hedge mode is not supported for this symbol.")

    def switch_isolated(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """ "The API cannot be accessed by unified account users."."""
        raise Refused(100028, "unified account is forbidden")

    def _contract(self, asked: Asked) -> Instrument:
        if asked.needed("category") != LINEAR.category:
            raise Refused(10001, "Illegal category")
        return listing_of(self._listings, LINEAR, asked).instrument

    def _empty(self, account: SimulatedAccount, instrument: Instrument) -> DeskPosition:
        return DeskPosition(
            instrument,
            size=_ZERO,
            entry=_ZERO,
            mark=or_nothing(lambda: self._desk.mark(instrument)),
            leverage=account.leverage(instrument),
            margin=_ZERO,
            maintenance=_ZERO,
            liquidation=None,
            unrealised=_ZERO,
            realised=_ZERO,
            funding=_ZERO,
            funding_rate=self._desk.funding_rate(instrument),
            next_funding_at=self._desk.next_funding_at(instrument),
            updated_at=0,
        )


def or_nothing(asked: Callable[[], Decimal]) -> Decimal:
    """0 where the desk has none just now."""
    try:
        return asked()
    except DeskRefusal:
        return _ZERO
