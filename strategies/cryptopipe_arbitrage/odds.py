"""What an edge is worth when one's orders arrive, and whether all of them fill: by what one's own desk has seen.

Enters: the view, a sized cycle. Leaves: two checks, passed where too little is known, which they say. Never: a curve
made anew for every quote: each holds for seconds, and while no edge of its kind has ended.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import log1p

from cryptopipe.api import (
    Chance,
    Closing,
    Column,
    Completion,
    CompletionRecord,
    CycleStep,
    Instrument,
    Life,
    MarketView,
    Nanos,
    Reason,
    Side,
    Survival,
    completion,
    fill_edge,
    level_lives,
)
from cryptopipe_arbitrage.edges import Cycle
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import ArbitrageSettings

_LEVELS_FROM: Nanos = 300_000_000_000
"""How far back levels are looked at: what the window has at hand."""
_MS = 1_000_000
_Lives = Sequence[tuple[Nanos, bool]]


class Odds:
    """Judges by curves of edges, by kind, and of levels, by market and side."""

    def __init__(self, settings: ArbitrageSettings, flight: Flight) -> None:
        self._flight, self._every = flight, settings.transfer.estimate_every
        self._enough, self._least = settings.enough_lives, settings.least_completion
        self._missed = -float(settings.missed_bps) / 1e4
        self._edges: dict[str, tuple[Nanos, _Lives, Survival]] = {}
        self._levels: dict[tuple[str, Side], tuple[Nanos, Survival]] = {}

    def checks(
        self, view: MarketView, cycle: Cycle, steps: Sequence[CycleStep], net_bps: Decimal
    ) -> tuple[Reason, ...]:
        """Of a cycle that pays `net_bps` at its size."""
        return self._at_fill(view, cycle, net_bps), self._filled(view, cycle, steps)

    def _at_fill(self, view: MarketView, cycle: Cycle, net_bps: Decimal) -> Reason:
        """The net edge that is expected when the slowest order arrives."""
        latency = _slowest(view, cycle)
        if isinstance(latency, Reason):
            return _unknown("fill_edge", latency)
        since = view.alive_since(cycle.name)
        age = 0 if since is None else view.now - since
        alive = self._curve(view, cycle.name.partition(" ")[0]).onward(age, latency, self._enough)
        if isinstance(alive, Reason):
            return _unknown("fill_edge", alive)
        found = fill_edge(log1p(float(net_bps) / 1e4), alive, self._closing(view, cycle), latency, self._missed)
        limit = f"0 bps or more {latency / _MS:.0f} ms later"
        told = f"{found.expected * 10_000:.4f} ± {found.error * 10_000:.4f} bps, alive with {found.alive:.4f}"
        return Reason("fill_edge", found.expected >= 0, limit, told)

    def _closing(self, view: MarketView, cycle: Cycle) -> Closing | None:
        if len(cycle.steps) != 2:
            return None
        (buy, _), (sell, _) = cycle.steps
        found = self._flight.closing(view, buy, sell)
        return None if isinstance(found, Reason) else found

    def _filled(self, view: MarketView, cycle: Cycle, steps: Sequence[CycleStep]) -> Reason:
        """That every leg fills at its limit."""
        done, tried = view.plans(cycle.name.partition(" ")[0])
        found = completion([self._level(view, step) for step in steps], CompletionRecord(done, tried))
        if not isinstance(found, Completion):
            return _unknown("completion", found)
        told = f"{found.low:.4f} at least, {found.probability:.4f} expected, {found.at_best:.4f} at best, from "
        return Reason("completion", found.low >= self._least, f"{self._least:f} or more", told + found.source.value)

    def _level(self, view: MarketView, step: CycleStep) -> Chance | Reason:
        """That its level is still there when the order arrives."""
        one, latency = step.instrument, view.latency(step.instrument.venue)
        if latency is None:
            return _no_latency(one)
        at, curve = self._levels.get((one.id, step.side), (0, None))
        if curve is None or view.now - at >= self._every:
            curve = Survival.of(level_lives(_column(view, one, step.side), step.side is Side.BUY, view.now))
            self._levels[one.id, step.side] = view.now, curve
        return curve.onward(0, latency, self._enough)

    def _curve(self, view: MarketView, kind: str) -> Survival:
        lives = view.lives(kind)
        at, known, curve = self._edges.get(kind, (0, None, None))
        if curve is None or (lives is not known and view.now - at >= self._every):
            curve = Survival.of(Life(*one) for one in lives)
            self._edges[kind] = view.now, lives, curve
        return curve


def _slowest(view: MarketView, cycle: Cycle) -> Nanos | Reason:
    found = [(one, view.latency(one.venue)) for one, _ in cycle.steps]
    unknown = [one for one, latency in found if latency is None]
    return _no_latency(unknown[0]) if unknown else max(latency for _, latency in found if latency is not None)


def _no_latency(one: Instrument) -> Reason:
    return Reason("latency", False, "an order that was answered", f"none yet on {one.venue}")


def _unknown(check: str, why: Reason) -> Reason:
    return Reason(check, True, "known", f"too little known: {why.measured} of {why.limit}")


def _column(view: MarketView, one: Instrument, side: Side) -> Column:
    since, until = view.now - _LEVELS_FROM, view.now + 1
    prices, places = view.column(one, "ask" if side is Side.BUY else "bid", since, until)
    return Column(view.column(one, "received_at", since, until)[0], prices, places)
