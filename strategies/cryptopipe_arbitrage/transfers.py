"""Edges whose coins travel: buy here, send, sell there on arrival; and the other ways to the same end.

Enters: the view after a change. Leaves: for each pair of spot markets whose trades would pay, the way, network and size
worth most once its time and risk are paid, or why there is none. Never: a network that is not told to be open, a size
by a float alone: amounts chain exactly.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import permutations
from typing import NamedTuple

from cryptopipe.api import CycleStep, Instrument, Kind, MarketView, Opportunity, Reason, Routes, Side, Way
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.told import proposed, refused
from cryptopipe_arbitrage.ways import Candidate, Pair, Ways

_ENOUGH = Decimal(10) ** 15
"""What is sold on arrival comes by the transfer, not from a balance."""


class Transfers:
    """The kind `transfer` of the strategy."""

    def __init__(self, settings: ArbitrageSettings, flight: Flight) -> None:
        self._stakes, self._ways = settings.stake, Ways(settings, flight)
        self._pairs: dict[str, list[tuple[Instrument, Instrument]]] = {}
        self._perpetuals: dict[tuple[str, str], Instrument] = {}
        self._turn, self._seen = -1, set[tuple[str, str]]()

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Spot markets of one base and quote on two venues, in both directions."""
        spot = [one for one in instruments if one.kind is Kind.SPOT and one.rules and one.quote in self._stakes]
        self._pairs = {one.id: [] for one in instruments}
        for buy, sell in permutations(spot, 2):
            if (buy.base, buy.quote) == (sell.base, sell.quote) and buy.venue != sell.venue:
                for one in (buy, sell):
                    self._pairs[one.id].append((buy, sell))
        self._perpetuals = {
            (one.base, one.quote): one
            for one in instruments
            if one.kind is Kind.LINEAR_PERPETUAL and one.rules and one.contract_size == 1
        }

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterator[Opportunity]:
        """Each pair through `changed`, once a turn, whose two trades alone would pay: of others the inventory's edge
        tells.
        """
        if view.turn != self._turn:
            self._turn, self._seen = view.turn, set()
        for buy, sell in self._pairs.get(changed.id, ()):
            if (buy.id, sell.id) in self._seen:
                continue
            self._seen.add((buy.id, sell.id))
            pair = self._pair(view, buy, sell)
            if pair is not None:
                yield self._judged(view, pair)

    def _pair(self, view: MarketView, buy: Instrument, sell: Instrument) -> Pair | None:
        ask, bid = view.top(buy), view.top(sell)
        paid, taken = view.fees(buy), view.fees(sell)
        if ask is None or bid is None or paid is None or taken is None:
            return None
        assert ask.ask_units and bid.bid_units
        if bid.bid_units * (1 - float(taken.taker_rate)) <= ask.ask_units * (1 + float(paid.taker_rate)):
            return None
        first = CycleStep(buy, Side.BUY, view.ladder(buy, Side.BUY), paid, view.balance(buy.venue, buy.quote))
        last = CycleStep(sell, Side.SELL, view.ladder(sell, Side.SELL), taken, _ENOUGH)
        return Pair(first, last, self._perpetuals.get((buy.base, buy.quote))) if first.ladder and last.ladder else None

    def _judged(self, view: MarketView, pair: Pair) -> Opportunity:
        buy, sell = pair.buy.instrument, pair.sell.instrument
        routes = view.routes(buy.base, buy.venue, sell.venue)
        if not routes.open:
            return refused(pair, _shut(routes))
        found, why = self._ways.of(view, pair, routes.open)
        best = max(found, key=_rank, default=None)
        if best is None:
            return refused(pair, *why)
        return proposed(pair, best, (_compared(pair, found), *best.checks))


class _Rank(NamedTuple):
    """What passes is before what does not, what can be carried out before what cannot; then the one worth most."""

    passes: bool
    can_be_done: bool
    value: Decimal


def _rank(candidate: Candidate) -> _Rank:
    passes = all(reason.passed for reason in candidate.checks)
    return _Rank(passes, candidate.way is not Way.HEDGED, candidate.value)


def _shut(routes: Routes) -> Reason:
    """A price that differs where coins cannot move is no edge but a premium on being able to."""
    told_shut = "suspended" in routes.why
    return Reason("route", False, "an open network", f"custody premium: {routes.why}" if told_shut else routes.why)


def _compared(pair: Pair, found: Sequence[Candidate]) -> Reason:
    listed = ", ".join(f"{one.way.value} over {one.route.chain} {one.value:.4f}" for one in sorted(found, key=_rank))
    return Reason("ways", True, f"the one worth most, in {pair.buy.instrument.quote}", listed)
