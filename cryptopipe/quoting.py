"""Quotes of a strategy, from the proposal to the books of account.

Enters: what the strategy wants in each book, public trades, the state of trading. Leaves: quotes placed, refused and
cancelled, their fills booked, all as journal records. Never: a quote at a venue, or one that rests while trading is
halted or its book is not live.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.public_trades import PublicTrades
from cryptopipe.act.quotes import Key, QuotedLine, RestingQuotes, Working, crosses, needed, paid_in
from cryptopipe.capture.inputs import Input
from cryptopipe.clock import Nanos
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.gate import Limits, TradingMode
from cryptopipe.gate.quotes import Exposure, QuoteCase, judge
from cryptopipe.journal.quote_records import QuoteCancelled, QuoteEnded, QuotePlaced, QuoteRefused
from cryptopipe.market.market import Market
from cryptopipe.market.names import carries_orders
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.market.view import View
from cryptopipe.model.events import Trade
from cryptopipe.model.facts import Instrument, Side, VenueId
from cryptopipe.model.money import exact, number_of
from cryptopipe.model.quotes import Quoter, QuoteSet, Standing
from cryptopipe.model.trading import Fill, Reason
from cryptopipe.trading import Teller, Trading

_ZERO = Decimal(0)
WakeAt = Callable[[Nanos, Callable[[Nanos], None]], None]


class Quoting:
    """The `OwnQuotes` of a strategy, and all that is done for them. `wake_at` None: orders go to the venues, and every
    quote is refused.
    """

    def __init__(
        self,
        strategy: Quoter,
        market: Market,
        view: View,
        ledger: Ledger,
        limits: Limits,
        latency: Callable[[VenueId], Nanos],
        wake_at: WakeAt | None,
        trading: Trading,
        tell: Teller,
    ) -> None:
        self._strategy, self._market, self._view, self._limits = strategy, market, view, limits
        self._trading, self._tell, self._paper = trading, tell, wake_at is not None
        self._resting = RestingQuotes(market, ledger, latency, wake_at or _never, self)
        self._trades = PublicTrades()
        self._lines: dict[str, QuotedLine] = {}
        self._worst: dict[str, Decimal] = {}
        """By instrument, in the numeraire when its quotes changed last."""
        self._refused: dict[str, set[tuple[Side, str, tuple[str, ...]]]] = {}

    def standing(self, instrument: Instrument) -> Sequence[Standing]:
        """As `OwnQuotes` promises."""
        return [one.standing for one in self._resting.of(instrument)]

    def inventory(self, instrument: Instrument) -> Decimal:
        """As `OwnQuotes` promises."""
        return self._line(instrument).inventory

    @property
    def lines(self) -> tuple[QuotedLine, ...]:
        """What was done in each instrument, by its name."""
        return tuple(line for _, line in sorted(self._lines.items()))

    def hear(self, entry: Input) -> None:
        """The frame that the market has just received: its new trades fill what they went through."""
        if carries_orders(entry.conn):
            return  # tells the same trades in another way
        for event in self._market.events:
            if type(event) is Trade:
                self._traded(VenueId(entry.venue), event, entry.at)

    def turn(self, changed: Mapping[str, BookSync]) -> None:
        """Cancel what may not rest any more, and ask the strategy about each changed instrument."""
        mode = self._trading.state.mode
        if mode is not TradingMode.ACTIVE:
            self._cancel(self._resting.all, f"trading is {mode.value}")
        for sync in changed.values():
            if sync.state is not BookState.LIVE:
                self._cancel(self._resting.of(sync.instrument), f"book {sync.state.value}")
        for sync in changed.values():
            for wanted in self._strategy.quotes(self._view, sync.instrument, self):
                self._want(wanted)

    def close(self, why: str) -> None:
        """The run is over."""
        self._resting.close(why)

    def filled(self, one: Working, fill: Fill) -> None:
        """It is booked; its instrument is asked about in this turn."""
        line, buying = self._line(one.instrument), fill.side is Side.BUY
        with exact():
            line.bought += fill.quantity if buying else _ZERO
            line.sold += _ZERO if buying else fill.quantity
        line.fills += 1
        self._trading.book(fill)
        self._trading.measure_loss()
        sync = self._market.books[one.instrument.venue][one.instrument.symbol]
        self._market.changed[sync.id] = sync

    def refused(self, one: Working, why: str) -> None:
        """It could not rest when it arrived."""
        reason = Reason("arrival", False, "it rests when it arrives", why)
        self._refuse(one.quote_id, one.instrument, one.key, (reason,))
        self._measure(one.instrument, one.quote.price)

    def ended(self, one: Working, why: str) -> None:
        """Nothing more of it is filled."""
        with exact():
            filled = one.quote.quantity - one.left
        self._tell(QuoteEnded(one.quote_id, filled, one.left, why))
        self._measure(one.instrument, one.quote.price)

    def _traded(self, venue: VenueId, trade: Trade, at: Nanos) -> None:
        sync = self._market.books[venue].get(trade.symbol)
        if sync is None or not self._trades.new(sync.id, trade):
            return
        matched_at = trade.trade_time or trade.event_time
        self._resting.trade(sync.instrument, number_of(trade.price), number_of(trade.size), matched_at, at)

    def _want(self, wanted: QuoteSet) -> None:
        """Cancel what is not wanted any more; place what is new, as far as the gate lets it."""
        instrument, now = self._view.as_told(wanted.instrument), self._resting.of(wanted.instrument)
        keys = dict.fromkeys(wanted.sides())
        self._cancel([one for one in now if one.key not in keys], "not wanted any more")
        there = {one.key for one in now if not one.cancelling}
        missing = [key for key in keys if key not in there]
        if missing and self._paper:
            self._trading.measure_loss()
        told = self._refused.get(instrument.id, set())
        refused = self._refused[instrument.id] = set()
        for key in missing:
            failed = tuple(reason for reason in self._judged(wanted.instrument, key) if not reason.passed)
            if not failed:
                self._place(instrument, key)
                continue
            what = key[0], key[1].slot, tuple(reason.check for reason in failed)
            if what not in told | refused:
                self._refuse("", instrument, key, failed)
            refused.add(what)

    def _judged(self, instrument: Instrument, key: Key) -> tuple[Reason, ...]:
        side, quote = key
        fees, sync = self._view.fees(instrument), self._market.books[instrument.venue].get(instrument.symbol)
        usable = fees is not None and quote.price.is_finite() and quote.quantity.is_finite()
        needs = needed(instrument, side, quote.price, quote.quantity, fees) if fees and usable else _ZERO
        return judge(
            QuoteCase(
                instrument, side, quote, self._view, self._limits, self._trading.state, self._exposure(instrument),
                sum((worst for name, worst in self._worst.items() if name != instrument.id), _ZERO),
                fees, needs, paid_in(instrument, side),
                "" if sync is None or not usable else crosses(sync, side, quote.price), self._paper,
            )
        )  # fmt: skip

    def _place(self, instrument: Instrument, key: Key) -> None:
        side, quote = key
        fees = self._view.fees(instrument)
        assert fees is not None, "a quote without a known fee is not accepted"
        one = self._resting.place(instrument, side, quote, fees, self._view.now)
        self._line(instrument).placed += 1
        self._tell(QuotePlaced(one.quote_id, instrument.id, side, quote.price, quote.quantity, quote.slot))
        self._measure(instrument, quote.price)

    def _cancel(self, ones: Iterable[Working], why: str) -> None:
        for one in ones:
            if not one.cancelling:
                self._resting.cancel(one, why, self._view.now)
                self._line(one.instrument).cancelled += 1
                self._tell(QuoteCancelled(one.quote_id, why))

    def _refuse(self, quote_id: str, instrument: Instrument, key: Key, reasons: tuple[Reason, ...]) -> None:
        side, quote = key
        self._line(instrument).refused += 1
        told = QuoteRefused(quote_id, instrument.id, side, quote.price, quote.quantity, quote.slot, reasons)
        self._tell(told)

    def _exposure(self, instrument: Instrument) -> Exposure:
        sums = dict.fromkeys(Side, _ZERO)
        with exact():
            for one in self._resting.of(instrument):
                sums[one.side] += one.left
        return Exposure(self._line(instrument).inventory, sums[Side.BUY], sums[Side.SELL])

    def _measure(self, instrument: Instrument, price: Decimal) -> None:
        """What the instrument's quotes may come to, at this price. Without a price in the numeraire the last stays."""
        with exact():
            worst = self._exposure(instrument).worst * price
        value = executable_value(self._view, instrument.quote, worst, self._limits.numeraire)
        if value is not None:
            self._worst[instrument.id] = value

    def _line(self, instrument: Instrument) -> QuotedLine:
        return self._lines.setdefault(instrument.id, QuotedLine(instrument.id, instrument.base))


def _never(due: Nanos, what: Callable[[Nanos], None]) -> None:
    raise AssertionError("a quote was accepted where orders go to the venues")


def quoting_of(strategy: object, *parts: Any) -> "Quoting | None":
    """For a strategy that quotes, of these parts of a run; None for any other."""
    return Quoting(strategy, *parts) if isinstance(strategy, Quoter) else None
