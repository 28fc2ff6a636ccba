"""Simulated execution against the live books: an order takes what is displayed when it arrives.

Enters: accepted decisions, changes of books, due timers. Leaves: fills, and what of an order stayed unfilled. Never: a
level taken twice: what was eaten stays gone until the venue's own size at that price changes, and only an increase
returns.
"""

from collections.abc import Callable
from decimal import Decimal

from cryptopipe.clock import Nanos, format_at
from cryptopipe.core import SCALE
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.market.view import DisplayedLadder
from cryptopipe.model.facts import Fee, FeeSchedule, Side, TradingState
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Fill, Order

TakenKey = tuple[str, bool, int]


class TakenLiquidity:
    """Units that our orders took out of displayed levels and that have not come back."""

    def __init__(self) -> None:
        self.taken: dict[TakenKey, int] = {}
        self._displayed: dict[TakenKey, int] = {}
        self._of_instrument: dict[str, set[TakenKey]] = {}

    def take(self, sync: BookSync, bids: bool, price: Decimal, quantity: Decimal) -> None:
        """Remember that `quantity` was taken at `price`."""
        key = (sync.instrument.id, bids, _units(price))
        self.taken[key] = self.taken.get(key, 0) + _units(quantity)
        self._displayed[key] = sync.book.size_at(bids, key[2])
        self._of_instrument.setdefault(sync.instrument.id, set()).add(key)

    def observe(self, sync: BookSync) -> None:
        """The venue's sizes changed: a decrease may have been what we took; an increase is new. A book that is not live
        says nothing of them: what was taken stays gone until it is live again and compared.
        """
        keys = self._of_instrument.get(sync.instrument.id)
        if not keys or sync.state is not BookState.LIVE:
            return
        for key in list(keys):
            shown = sync.book.size_at(key[1], key[2])
            if shown != self._displayed[key]:
                self.taken[key] = min(self.taken[key], shown)
                self._displayed[key] = shown
            if not shown:
                del self.taken[key], self._displayed[key]
                keys.discard(key)


def closed_by(sync: BookSync, at: Nanos) -> str:
    """Why nothing can be taken from this book now: `book dead`, `instrument halted`; empty if it can."""
    one = sync.instrument
    if sync.state is not BookState.LIVE:
        return f"book {sync.state.value}"
    if one.state is not TradingState.TRADING:
        return f"instrument {one.state.value}"
    return f"instrument delisted at {format_at(one.delists_at)}" if 0 < one.delists_at <= at else ""


class PaperVenue:
    """Matches immediate-or-cancel limits against a live book, by price."""

    def __init__(self, liquidity: TakenLiquidity) -> None:
        self._liquidity = liquidity

    def execute(self, order: Order, sync: BookSync, fees: FeeSchedule, at: Nanos) -> list[Fill]:
        """Fills of an order that reaches the venue now; none if the book is not live, its instrument not traded, or
        nothing better displayed.
        """
        if closed_by(sync, at):
            return []
        bids = order.side is Side.SELL
        fills: list[Fill] = []
        left = order.quantity
        better: Callable[[Decimal], bool] = (
            (lambda price: price >= order.limit) if bids else (lambda price: price <= order.limit)
        )
        for price, size in DisplayedLadder(sync.book, bids, self._liquidity.taken, order.instrument.id):
            if left <= 0 or not better(price):
                break
            quantity = min(size, left)
            fills.append(
                Fill(
                    order.client_id,
                    order.instrument,
                    order.side,
                    price,
                    quantity,
                    _fee(order, fees, price, quantity),
                    at,
                )
            )
            left -= quantity
        for fill in fills:
            self._liquidity.take(sync, bids, fill.price, fill.quantity)
        return fills


def _fee(order: Order, fees: FeeSchedule, price: Decimal, quantity: Decimal) -> Fee:
    with exact():
        if order.side is Side.BUY and fees.charged_in == "received":
            return Fee(quantity * fees.taker_rate, order.instrument.base)
        return Fee(price * quantity * fees.taker_rate, order.instrument.quote)


def _units(value: Decimal) -> int:
    return int(value.scaleb(SCALE))
