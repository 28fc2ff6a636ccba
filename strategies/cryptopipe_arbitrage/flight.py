"""What is known of the way of coins and of prices meanwhile: laws of time, volatilities, closing rates.

Enters: the view, a route, the two markets. Leaves: a law of the time, a drift, or the failed check that says what is
not known. Never: an estimate made from rows of the future, or made anew for every quote: each holds for seconds.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from cryptopipe.api import (
    Adjustment,
    Closing,
    Column,
    Drift,
    Fixed,
    Instrument,
    Law,
    MarketView,
    Nanos,
    Population,
    Reason,
    Seen,
    TransferRoute,
    TransferTime,
    Volatility,
    Wanted,
    adjustment,
    closing,
    learned,
    transfer_time,
    volatility,
)
from cryptopipe_arbitrage.settings import TransferSettings

if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1_000_000_000
_SHARES = 0.29
"""Standard deviation of a share that may be anything between 0 and 1: how far pairs are taken to differ."""
T = TypeVar("T")


class Flight:
    """Estimates by instrument and pair, each renewed after `estimate_every`; laws by route."""

    def __init__(self, settings: TransferSettings) -> None:
        self._settings, self._wanted = settings, Wanted(minutes=float(settings.least_minutes))
        self._made: dict[tuple[str, ...], tuple[Nanos, Any]] = {}

    def law(self, view: MarketView, route: TransferRoute) -> Law | Reason:
        """Of the time from the request to the day that the coins may be sold: the table's, and where there were any the
        run's own transfers with it, of which those that have not arrived are known to take longer.
        """
        confirmed, hold = route.into.confirmations, float(route.hold_minutes)
        law = transfer_time(route.chain, confirmed)
        if isinstance(law, Reason):
            return law
        table = TransferTime((*law.parts, Fixed(hold)), law.source) if hold else law
        own = view.transfers(route.source, route.chain, route.target)
        if not own:
            return table

        def made() -> Law:
            return learned(table, [Seen(minutes + hold, arrived) for minutes, arrived in own])

        return self._lately(view.now, ("law", route.source, route.chain, route.target, f"{confirmed} {hold}"), made)

    def drift(self, view: MarketView, buy: Instrument, sell: Instrument) -> tuple[Drift, float] | Reason:
        """How the selling bid moves, and the part of the edge that closes on the seller's side."""
        moves = self.volatility(view, sell)
        if isinstance(moves, Reason):
            return moves
        closes = self.closing(view, buy, sell)
        if isinstance(closes, Reason):
            if self._settings.must_know_closing:
                return closes
            return Drift(moves.with_jumps, sigma_error=moves.error), 0.0
        drift = Drift(moves.with_jumps, closes.kappa, moves.error, closes.kappa_error)
        return drift, max(0.0, closes.transient) * self.share(view, buy, sell)

    def volatility(self, view: MarketView, sell: Instrument) -> Volatility | Reason:
        """Of its bid."""

        def made() -> Volatility | Reason:
            bid = self._column(view, sell, "bid")
            return volatility(bid.times, bid.prices, view.now, self._wanted)

        return self._lately(view.now, ("volatility", sell.id), made)

    def sigma(self, view: MarketView, one: Instrument, assumed: float) -> float:
        """Of its bid, per root minute; `assumed` where the window does not tell."""
        moves = self.volatility(view, one)
        return assumed if isinstance(moves, Reason) else moves.with_jumps

    def closing(self, view: MarketView, buy: Instrument, sell: Instrument) -> Closing | Reason:
        """Of the edge between them."""

        def made() -> Closing | Reason:
            return closing(self._column(view, sell, "bid"), self._column(view, buy, "ask"), view.now)

        return self._lately(view.now, ("closing", buy.id, sell.id), made)

    def share(self, view: MarketView, buy: Instrument, sell: Instrument) -> float:
        """Of the closing, what the selling bid gives up: the setting, drawn to what the window tells by its error."""

        def made() -> Adjustment | Reason:
            return adjustment(self._column(view, sell, "bid"), self._column(view, buy, "ask"), view.now)

        told, usual = self._lately(view.now, ("adjustment", buy.id, sell.id), made), float(self._settings.selling_share)
        if isinstance(told, Reason):
            return usual
        share, _ = Population(usual, 0.0, _SHARES, 1).shrunk(told.selling_share, told.error)
        return min(1.0, max(0.0, share))

    def basis(self, view: MarketView, sell: Instrument, perpetual: Instrument) -> float | Reason:
        """Volatility per root minute of what is left to move where the perpetual is short: its ask under the bid."""

        def made() -> Volatility | Reason:
            import numpy as np

            bid, ask = self._column(view, sell, "bid"), self._column(view, perpetual, "ask")
            before = np.searchsorted(ask.times, bid.times, side="right") - 1
            known = before >= 0
            asks = ask.prices[before[known]].astype(float)
            ratio = np.divide(bid.prices[known], asks, out=np.zeros(len(asks)), where=asks > 0)
            return volatility(bid.times[known], ratio, view.now, self._wanted)

        moves = self._lately(view.now, ("basis", sell.id, perpetual.id), made)
        return moves if isinstance(moves, Reason) else moves.with_jumps

    def _column(self, view: MarketView, one: Instrument, name: str) -> Column:
        since, until = view.now - self._settings.estimate_from, view.now + 1
        prices, places = view.column(one, name, since, until)
        return Column(view.column(one, "received_at", since, until)[0], prices, places)

    def _lately(self, now: Nanos, key: tuple[str, ...], make: "Callable[[], T]") -> T:
        at, found = self._made.get(key, (0, None))
        if found is None or now - at >= self._settings.estimate_every:
            self._made[key] = now, (found := make())
        made: T = found
        return made
