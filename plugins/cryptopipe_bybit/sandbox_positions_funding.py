"""The fundings that were, of the simulated venue's contracts.

Enters: a desk, moments at which somebody asks or listens. Leaves: `/v5/market/funding/history`. Never: a funding of
before the sandbox began, or of a time when nobody asked or listened in the second before it.

bybit-exchange.github.io/docs/v5/market/history-fund-rate (state of 2026-07-24, read 2026-11-21). Departure: the rate is
the one that was seen last before the funding, at most a second earlier.
"""

from cryptopipe.api import DeskRefusal, Nanos, SimulatedDesk, plain
from cryptopipe_bybit.market import LINEAR
from cryptopipe_bybit.sandbox_orders import Listings, listing_of
from cryptopipe_bybit.sandbox_orders_told import millis
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import Refused

_WATCHED_BEFORE: Nanos = 1_000_000_000


class Fundings:
    """Watches the rates of all contracts."""

    def __init__(self, listings: Listings, desk: SimulatedDesk) -> None:
        self._listings, self._desk = listings, desk
        self._contracts = [one.instrument for one in listings.values() if one.market is LINEAR]
        self._next_at: Nanos = 0
        self._rates: dict[str, str] = {}
        self._told: list[tuple[Nanos, str, str]] = []

    def watch(self, at: Nanos) -> None:
        """Notes the rates shortly before a funding, and keeps them after it."""
        if self._next_at and at >= self._next_at:
            self._told.extend((self._next_at, symbol, rate) for symbol, rate in self._rates.items())
            self._next_at, self._rates = 0, {}
        if not self._next_at and self._contracts:
            self._next_at = self._desk.next_funding_at(self._contracts[0])
        if self._next_at - at <= _WATCHED_BEFORE:
            for one in self._contracts:
                try:
                    self._rates[one.symbol.rpartition(":")[2]] = plain(self._desk.funding_rate(one))
                except DeskRefusal:  # an empty book
                    continue

    def history(self, asked: Asked, at: Nanos) -> object:
        """`{"category":"linear","list":[{"symbol":"ETHPERP","fundingRate":"0.0001","fundingRateTimestamp":"1672041600000"}]}`"""
        category = asked.needed("category")
        if category not in (LINEAR.category, "inverse"):
            raise Refused(10001, "Illegal category")
        if category != LINEAR.category:
            return {"category": category, "list": []}
        wanted = listing_of(self._listings, LINEAR, asked).spelling
        since, until = asked.whole("startTime", 0), asked.whole("endTime", 2**62)
        rows = [
            {"symbol": symbol, "fundingRate": rate, "fundingRateTimestamp": millis(due)}
            for due, symbol, rate in reversed(self._told)
            if symbol == wanted and since <= due // 1_000_000 <= until
        ]
        return {"category": category, "list": rows[: asked.limit(200, 200)]}
