"""What is charged to an edge whose quotes were not seen at one instant.

Enters: the view, the trades of a cycle. Leaves: a fraction of the notional. Never: a charge of nothing for a quote that
may be old.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import sqrt

from cryptopipe.api import CycleStep, MarketView, Side, Sight, by_bound, skew_charge
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import ArbitrageSettings

_YEAR_MINUTES = 365 * 24 * 60
_MINUTE, _MS = 60_000_000_000, 1_000_000


class Skew:
    """Judges each quote by the age of its book's last frame and a bound of the way."""

    def __init__(self, settings: ArbitrageSettings, flight: Flight) -> None:
        self._flight, self._confidence = flight, float(settings.skew_confidence)
        self._bound = settings.way_bound_ms * _MS
        self._assumed = float(settings.assumed_volatility) / sqrt(_YEAR_MINUTES)

    def charge(self, view: MarketView, steps: Sequence[CycleStep]) -> Decimal:
        """With the confidence of the settings the edge at one instant was not less than the shown one by more."""
        sights = {
            side: _together([self._sight(view, step) for step in steps if step.side is side]) for side in Side
        }  # fmt: skip
        return skew_charge(sights[Side.SELL], sights[Side.BUY], self._confidence)

    def _sight(self, view: MarketView, step: CycleStep) -> Sight:
        sigma = self._flight.sigma(view, step.instrument, self._assumed)
        return by_bound(sigma, max(0, view.age(step.instrument)), 0, 0, self._bound)


def _together(sights: Sequence[Sight]) -> Sight:
    """One that is as uncertain as all of them."""
    return Sight(sqrt(sum(one.variance for one in sights)), _MINUTE)
