"""Marks, fundings and liquidations of the perpetuals of one simulated venue.

Enters: books, positions, moments that come due. Leaves: positions as the venue tells them, payments, orders that close
what has lost its margin. Never: a funding or a look at the margins at a time that depends on who asked for what.

The mark is the middle of the perpetual's own book. The rate of a funding is P + clip(interest - P, damper), clipped to
the cap, where P is what the mark is above the middle of the venue's spot book of the same two assets, as a fraction of
it (the form of the rate that venues state; theirs averages P over the interval, here it is that of the moment). It is
paid on the size at the mark. Without such a spot book P is zero.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.desk import DeskPosition
from cryptopipe.model.facts import Kind, floor_to
from cryptopipe.model.money import exact, ratio
from cryptopipe.sandbox.desk_linear import LinearBook
from cryptopipe.sandbox.desk_market import DeskMarket
from cryptopipe.sandbox.positions import GRAIN, Position

if TYPE_CHECKING:
    from cryptopipe.sandbox.accounts import Account
    from cryptopipe.sandbox.desk import Desk

ZERO = Decimal(0)


class Margins:
    """While a customer of the desk has a position, or an order that may open one, margins are looked at and fundings
    paid, at times that are multiples of their intervals since the beginning of the epoch.
    """

    def __init__(self, desk: "Desk", markets: Sequence[DeskMarket], book: LinearBook) -> None:
        profile = desk.profile
        self._desk, self._book = desk, book
        self._markets = {one.instrument.symbol: one for one in markets}
        self._every = round(profile.margin_check_ms * MILLISECOND)
        self._interval = round(profile.funding_interval_s * SECOND)
        self._looking = self._funding = False
        self._rates: dict[str, Decimal] = {}
        self._updated: dict[tuple[int, str], Nanos] = {}

    def watch(self) -> None:
        """An order of a perpetual comes: margins are looked at from now on, as long as there is one or a position."""
        at, timeline = self._desk.at, self._desk.timeline
        if not self._looking:
            self._looking = True
            self._note_rates()
            timeline.schedule(_next(at, self._every), self._look)
        if not self._funding:
            self._funding = True
            timeline.schedule(_next(at, self._interval), self._fund)

    def changed(self, account: "Account", market: DeskMarket, at: Nanos) -> None:
        """A position changed at a (true) time, and is told with the rate of the last look."""
        shown = self._desk.shown(at)
        self._updated[account.account_id, market.instrument.symbol] = shown
        account.tell_position(self._told(account, market, self._rates[market.instrument.symbol], at), shown)

    def positions(self, account: "Account") -> Sequence[DeskPosition]:
        """Those that are open, by symbol."""
        markets = [self._markets[symbol] for symbol in self._book.symbols(account)]
        return [self._told(account, market, self.rate(market), self._desk.at) for market in markets]

    def _told(self, account: "Account", market: DeskMarket, rate: Decimal, at: Nanos) -> DeskPosition:
        instrument, held = market.instrument, self._book.position(account, market.instrument)
        mark, maintenance = market.mark(), self._maintenance(market, held)
        return DeskPosition(
            instrument=instrument,
            size=held.size,
            entry=held.entry(instrument.contract_size),
            mark=mark,
            leverage=self._book.leverage(account, instrument),
            margin=held.margin,
            maintenance=maintenance,
            liquidation=held.liquidation(self._desk.profile.maintenance_rate, instrument.contract_size),
            unrealised=held.unrealised(market.worth(mark, abs(held.size))),
            realised=held.realised,
            funding=held.funding,
            funding_rate=rate,
            next_funding_at=self._desk.shown(_next(at, self._interval)),
            updated_at=self._updated.get((account.account_id, instrument.symbol), 0),
        )

    def rate(self, market: DeskMarket) -> Decimal:
        """Of a funding at this moment, as a fraction rounded down to 10⁻⁸."""
        profile, mark, index = self._desk.profile, market.mark(), self._index(market)
        premium = floor_to(GRAIN, ratio(mark - index, index)) if index else ZERO
        damped = min(max(profile.funding_interest - premium, -profile.funding_damper), profile.funding_damper)
        return min(max(premium + damped, -profile.funding_cap), profile.funding_cap)

    def next_at(self) -> Nanos:
        """Of the next funding, by the venue's clock."""
        return self._desk.shown(_next(self._desk.at, self._interval))

    def _index(self, market: DeskMarket) -> Decimal:
        one = market.instrument
        for other in self._markets.values():
            spot = other.instrument
            if spot.kind is Kind.SPOT and (spot.base, spot.quote) == (one.base, one.quote):
                return other.mark()
        return market.mark()

    def _maintenance(self, market: DeskMarket, held: Position) -> Decimal:
        with exact():
            return market.worth(market.mark(), abs(held.size)) * self._desk.profile.maintenance_rate

    def _look(self) -> None:
        """Closes what has lost its margin, by an order at the market."""
        self._note_rates()
        for account, market in self._open():
            held = self._book.position(account, market.instrument)  # another's liquidation may have changed it
            worth = market.worth(market.mark(), abs(held.size))
            if held.size and held.is_lost(worth, held.margin, self._desk.profile.maintenance_rate):
                self._desk.dealer.liquidate(account, market, held.size)
        self._looking = self._busy()
        if self._looking:
            self._desk.timeline.schedule(_next(self._desk.at, self._every), self._look)

    def _fund(self) -> None:
        for account, market in self._open():
            held, rate = self._book.position(account, market.instrument), self.rate(market)
            with exact():
                amount = floor_to(GRAIN, market.worth(market.mark(), held.size) * rate)
            self._book.funded(account, market, amount)
            self._updated[account.account_id, market.instrument.symbol] = self._desk.now
            account.tell_position(self._told(account, market, rate, self._desk.at))
            account.tell_balances()
        self._funding = self._busy()
        if self._funding:
            self._desk.timeline.schedule(_next(self._desk.at, self._interval), self._fund)

    def _note_rates(self) -> None:
        """Where all books are of one moment: while the flow runs that of spot may be ahead of the perpetual's."""
        for symbol, market in self._markets.items():
            if market.linear:
                self._rates[symbol] = self.rate(market)

    def _busy(self) -> bool:
        if self._open():
            return True
        perpetuals = [market.instrument for market in self._markets.values() if market.linear]
        return any(account.working(one) for account in self._desk.accounts.values() for one in perpetuals)

    def _open(self) -> Sequence[tuple["Account", DeskMarket]]:
        return [
            (account, self._markets[symbol])
            for account in self._desk.accounts.values()
            for symbol in self._book.symbols(account)
        ]


def _next(at: Nanos, every: Nanos) -> Nanos:
    return (at // every + 1) * every
