"""Quotes that rest on paper: a model of a maker that knows nothing of the queue.

Enters: accepted quotes, cancellations, public trades, due timers. Leaves: fills as maker, ends. Never: a fill by a
trade at or outside a quote's price, before the quote has arrived, after its cancellation has, or of more than was
traded; a balance that is promised twice.

A trade below a bid, or above an ask, would have met the quote first. One at its price would have met those that were
there before, and nobody tells how many: it fills nothing. Placing and cancelling take the latency of an order each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from cryptopipe.act.ledger import Ledger
from cryptopipe.clock import Nanos
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Side, TradingState, VenueId
from cryptopipe.model.money import exact, plain
from cryptopipe.model.quotes import Quote, Standing
from cryptopipe.model.trading import Fill

Key = tuple[Side, Quote]
_ZERO = Decimal(0)
QUOTABLE = (TradingState.TRADING, TradingState.POST_ONLY)
"""States of an instrument in which a quote may rest."""


def needed(instrument: Instrument, side: Side, price: Decimal, quantity: Decimal, fees: FeeSchedule) -> Decimal:
    """What a fill of all of it takes from the account: base of an ask; quote of a bid, with the fee where it is paid
    in the quote. A rebate is not counted on.
    """
    with exact():
        if side is Side.SELL:
            return quantity
        in_quote = fees.charged_in != "received"
        return price * quantity * (1 + max(_ZERO, fees.maker_rate) if in_quote else Decimal(1))


def paid_in(instrument: Instrument, side: Side) -> Asset:
    """The asset that a fill takes."""
    return instrument.quote if side is Side.BUY else instrument.holding


def crosses(sync: BookSync, side: Side, price: Decimal) -> str:
    """Why a quote at this price would trade at once, as `bid 100 at or above the ask 99`; empty if it would rest."""
    top = sync.book.top
    best = None if top is None else top.ask if side is Side.BUY else top.bid
    if best is None:
        return ""
    if side is Side.BUY:
        return f"bid {plain(price)} at or above the ask {plain(best)}" if price >= best else ""
    return f"ask {plain(price)} at or below the bid {plain(best)}" if price <= best else ""


@dataclass(eq=False)
class Working:
    """A quote that has not ended. `fees` are those in force when it was placed, for its whole life; `after` is the
    latest time of the venue's own that was known when it arrived: what happened until then happened without it.
    """

    quote_id: str
    instrument: Instrument
    side: Side
    quote: Quote
    fees: FeeSchedule
    left: Decimal
    held: Decimal = _ZERO
    resting: bool = False
    cancelling: str = ""
    after: Nanos = 0

    @property
    def key(self) -> Key:
        """What it was proposed as."""
        return self.side, self.quote

    @property
    def standing(self) -> Standing:
        """As its strategy may know it."""
        state = "cancelling" if self.cancelling else "resting" if self.resting else "placing"
        return Standing(self.side, self.quote, self.left, state)


class QuotedLine(msgspec.Struct):
    """What was done with the quotes of one instrument: `bought` and `sold` of its base by their fills, `refused` by the
    gate or on arrival.
    """

    instrument: str
    asset: str
    placed: int = 0
    refused: int = 0
    cancelled: int = 0
    fills: int = 0
    bought: Decimal = _ZERO
    sold: Decimal = _ZERO

    @property
    def inventory(self) -> Decimal:
        """Bought less sold."""
        with exact():
            return self.bought - self.sold


class Listener(Protocol):
    """What becomes of quotes, for who keeps the books. Every quote ends once, by `refused` or by `ended`."""

    def filled(self, one: Working, fill: Fill) -> None:
        """A fill of it; `one.left` is what is left after it."""

    def refused(self, one: Working, why: str) -> None:
        """It has arrived and may not rest."""

    def ended(self, one: Working, why: str) -> None:
        """It is filled, or its cancellation has arrived."""


class RestingQuotes:
    """All that have not ended, by instrument, in the order of their placing. `wake_at` calls back when it is due."""

    def __init__(
        self,
        market: Market,
        ledger: Ledger,
        latency: Callable[[VenueId], Nanos],
        wake_at: Callable[[Nanos, Callable[[Nanos], None]], None],
        listener: Listener,
    ) -> None:
        self._market, self._ledger, self._latency, self._wake_at = market, ledger, latency, wake_at
        self._listener = listener
        self._working: dict[str, list[Working]] = {}
        self._traded_until: dict[str, Nanos] = {}
        self._placed = 0

    def of(self, instrument: Instrument) -> Sequence[Working]:
        """Those of one instrument that have not ended."""
        return tuple(self._working.get(instrument.id, ()))

    @property
    def all(self) -> Sequence[Working]:
        """Those of every instrument."""
        return [one for ones in self._working.values() for one in ones]

    def place(self, instrument: Instrument, side: Side, quote: Quote, fees: FeeSchedule, at: Nanos) -> Working:
        """On its way: what it may take is set aside from now on."""
        self._placed += 1
        one = Working(f"q{self._placed}", instrument, side, quote, fees, quote.quantity)
        self._working.setdefault(instrument.id, []).append(one)
        self._hold(one)
        self._wake_at(at + self._latency(instrument.venue), lambda now: self._arrive(one))
        return one

    def cancel(self, one: Working, why: str, at: Nanos) -> None:
        """Its cancellation is on its way; until it arrives the quote may be filled."""
        one.cancelling = why
        self._wake_at(at + self._latency(one.instrument.venue), lambda now: self._end(one, one.cancelling))

    def trade(self, instrument: Instrument, price: Decimal, size: Decimal, matched_at: Nanos, at: Nanos) -> None:
        """A public trade that is told for the first time: it fills the quotes that it went through, the best of them
        first, then the elder, together up to its size. `matched_at` by the venue's clock, 0 if it was not told.
        """
        reached = [one for one in self._working.get(instrument.id, ()) if _through(one, price, matched_at)]
        reached.sort(key=lambda one: -one.quote.price if one.side is Side.BUY else one.quote.price)
        for one in reached:
            quantity = min(size, one.left)
            if quantity <= 0:
                break
            with exact():
                size, one.left = size - quantity, one.left - quantity
            self._hold(one)
            self._listener.filled(one, _fill(one, quantity, at))
            if not one.left:
                self._end(one, "filled")
        self._traded_until[instrument.id] = max(matched_at, self._traded_until.get(instrument.id, 0))

    def close(self, why: str) -> None:
        """The run is over: all of them end where they are."""
        for one in self.all:
            self._end(one, why)

    def _arrive(self, one: Working) -> None:
        sync = self._market.books[one.instrument.venue][one.instrument.symbol]
        why = self._kept_out(one, sync)
        if why:
            self._drop(one)
            self._listener.refused(one, why)
            return
        top = sync.book.top
        one.resting = True
        one.after = max(0 if top is None else top.event_time, self._traded_until.get(one.instrument.id, 0))

    def _kept_out(self, one: Working, sync: BookSync) -> str:
        if sync.state is not BookState.LIVE:
            return f"book {sync.state.value}"
        if sync.instrument.state not in QUOTABLE:
            return f"instrument {sync.instrument.state.value}"
        for other in self._working[sync.id]:
            if other.resting and other.side is not one.side and _meet(one, other):
                return f"it would trade with our own {other.quote_id} at {plain(other.quote.price)}"
        return crosses(sync, one.side, one.quote.price)

    def _end(self, one: Working, why: str) -> None:
        if one not in self._working.get(one.instrument.id, ()):
            return  # it ended before its cancellation arrived
        self._drop(one)
        self._listener.ended(one, why)

    def _drop(self, one: Working) -> None:
        self._working[one.instrument.id].remove(one)
        self._set_aside(one, _ZERO)

    def _hold(self, one: Working) -> None:
        self._set_aside(one, needed(one.instrument, one.side, one.quote.price, one.left, one.fees))

    def _set_aside(self, one: Working, wanted: Decimal) -> None:
        if wanted != one.held:
            with exact():
                self._ledger.hold(one.instrument.venue, paid_in(one.instrument, one.side), wanted - one.held)
            one.held = wanted


def _through(one: Working, price: Decimal, matched_at: Nanos) -> bool:
    if not one.resting or ((matched_at or one.after) and matched_at <= one.after):
        return False
    return price < one.quote.price if one.side is Side.BUY else price > one.quote.price


def _meet(one: Working, other: Working) -> bool:
    bid, ask = (one, other) if one.side is Side.BUY else (other, one)
    return bid.quote.price >= ask.quote.price


def _fill(one: Working, quantity: Decimal, at: Nanos) -> Fill:
    with exact():
        received = one.side is Side.BUY and one.fees.charged_in == "received"
        amount = quantity if received else one.quote.price * quantity
        fee = Fee(amount * one.fees.maker_rate, one.instrument.base if received else one.instrument.quote)
    return Fill(one.quote_id, one.instrument, one.side, one.quote.price, quantity, fee, at)
