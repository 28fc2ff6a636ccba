"""The ways of one pair: sell on arrival, sell from stock and restore it, or short a perpetual meanwhile.

Enters: the two trades, the open networks, what is known of time and prices. Leaves: a candidate for each way and
network that pays at present prices, with its checks; else why none does. Never: an amount that does not chain through
fees, rounding and dust.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import inf, log, log1p

from cryptopipe.api import (
    Aversion,
    CycleOutcome,
    CycleStep,
    Drift,
    InFlight,
    Instrument,
    Law,
    MarketView,
    Reason,
    TransferRoute,
    TransferStep,
    Way,
    best_cycle,
    judge,
    rounded,
)
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import ArbitrageSettings

_TRIES = 4
"""Sizes looked at on the grids: of coins in flight no lot decides, and every change of a book asks anew."""


@dataclass(frozen=True)
class Pair:
    """Buy, and sell elsewhere; a perpetual of the same coin, if there is one."""

    buy: CycleStep
    sell: CycleStep
    perpetual: Instrument | None


@dataclass(frozen=True)
class Candidate:
    """One way by one network at its best size. `value` in the quote: certain, or worth as much as what is certain."""

    way: Way
    route: TransferRoute
    outcome: CycleOutcome
    flight: InFlight
    drift: Drift
    abandon: float
    value: Decimal
    checks: tuple[Reason, ...]


class Ways:
    """Sizes and judges."""

    def __init__(self, settings: ArbitrageSettings, flight: Flight) -> None:
        self._stakes, self._allowed, self._flight = settings.stake, settings.transfer.ways, flight
        own = settings.transfer
        self._aversion = Aversion(
            float(own.bound_gamma), float(own.risk_tolerance), float(own.abandon_minutes), float(own.stuck_loss)
        )
        self._riskless = Aversion(0.0, inf, float(own.abandon_minutes), 0.0)

    def of(self, view: MarketView, pair: Pair, routes: Iterable[TransferRoute]) -> tuple[list[Candidate], list[Reason]]:
        """Every candidate; where there is none, why."""
        found: list[Candidate] = []
        why: list[Reason] = []
        for route in routes:
            law = self._flight.law(view, route)
            if isinstance(law, Reason):
                why.append(law)
                continue
            for one in (self._stock(view, pair, route, law), *self._travelling(view, pair, route, law)):
                (found if isinstance(one, Candidate) else why).append(one)  # type: ignore[arg-type]
        return found, _once(why)

    def _stock(self, view: MarketView, pair: Pair, route: TransferRoute, law: Law) -> Candidate | Reason:
        """Both trades now, then the transfer: nothing depends on its time."""
        if "stock" not in self._allowed:
            return Reason("ways", False, "a way that is allowed", ", ".join(self._allowed))
        held = view.balance(pair.sell.instrument.venue, pair.sell.instrument.base)
        last = CycleStep(pair.sell.instrument, pair.sell.side, pair.sell.ladder, pair.sell.fees, held)
        cap = self._stakes[pair.buy.instrument.quote]
        outcome = best_cycle((pair.buy, _passage(route), last), cap, tries=_TRIES) if held else None
        if outcome is None:
            return _no_size(route, held)
        flight = judge(_edge(outcome.spent, outcome.received), float(outcome.spent), law, Drift(0.0), self._riskless)
        if isinstance(flight, Reason):
            return flight
        return Candidate(
            Way.STOCK, route, outcome, flight, Drift(0.0), self._aversion.abandon, outcome.profit, ()
        )  # fmt: skip

    def _travelling(self, view: MarketView, pair: Pair, route: TransferRoute, law: Law) -> Iterable[Candidate | Reason]:
        """Sold on arrival, at a price that nobody knows yet."""
        if not {"transfer", "hedged"} & set(self._allowed):
            return
        drift = self._flight.drift(view, pair.buy.instrument, pair.sell.instrument)
        if isinstance(drift, Reason):
            yield drift
            return
        cap, steps = self._stakes[pair.buy.instrument.quote], (pair.buy, _passage(route), pair.sell)
        plain = best_cycle(steps, cap, tries=_TRIES)
        if plain is None:
            yield _no_size(route)
            return
        if "transfer" in self._allowed:
            yield self._unhedged(steps, plain, route, law, *drift)
        if "hedged" in self._allowed and pair.perpetual is not None:
            yield self._hedged(view, pair, plain, route, law, drift[1])

    def _unhedged(
        self,
        steps: tuple[CycleStep, TransferStep, CycleStep],
        plain: CycleOutcome,
        route: TransferRoute,
        law: Law,
        drift: Drift,
        transient: float,
    ) -> Candidate | Reason:
        """At the size worth most among those that clear the bound; at the one that brings most, if none does."""
        outcome, flight = plain, self._in_flight(plain, law, drift, transient)
        if isinstance(flight, Reason) or flight.expected - flight.edge + _most(steps) > flight.bound:
            # else no size clears the bound: the first unit does not, before the network's fee
            worth = partial(self._worth, law=law, drift=drift, transient=transient)
            sized = best_cycle(steps, plain.spent, worth, tries=_TRIES)
            if sized is not None:
                outcome, flight = sized, self._in_flight(sized, law, drift, transient)
        if isinstance(flight, Reason):
            return flight
        value = rounded(flight.value)
        certain = Reason("certainty", value > 0, "above 0", f"{value:.4f}")
        return Candidate(
            Way.TRANSFER, route, outcome, flight, drift, self._aversion.abandon, value, (_bound(flight), certain)
        )  # fmt: skip

    def _in_flight(self, outcome: CycleOutcome, law: Law, drift: Drift, transient: float) -> InFlight | Reason:
        edge = _edge(outcome.spent, outcome.received)
        return judge(edge, float(outcome.spent), law, drift, self._aversion, transient)

    def _worth(self, spent: Decimal, received: Decimal, law: Law, drift: Drift, transient: float) -> Decimal:
        if received <= 0:
            return -spent
        flight = judge(_edge(spent, received), float(spent), law, drift, self._aversion, transient)
        return -spent if isinstance(flight, Reason) or not flight.clears else rounded(flight.value)

    def _hedged(
        self,
        view: MarketView,
        pair: Pair,
        plain: CycleOutcome,
        route: TransferRoute,
        law: Law,
        transient: float,
    ) -> Candidate | Reason:
        """What is left to move is the basis; two more fees and a spread are paid. Judged, not carried out."""
        assert pair.perpetual is not None
        top, fees = view.top(pair.perpetual), view.fees(pair.perpetual)
        moves = self._flight.basis(view, pair.sell.instrument, pair.perpetual)
        if isinstance(moves, Reason):
            return moves
        if top is None or fees is None or top.ask is None or top.bid is None:
            return Reason("hedge", False, "a live perpetual with known fees", pair.perpetual.id)
        cost = log(Fraction(top.ask) / Fraction(top.bid)) - 2 * log1p(-float(fees.taker_rate))
        edge = _edge(plain.spent, plain.received) - cost
        flight = judge(edge, float(plain.spent), law, Drift(moves), self._aversion, transient)
        if isinstance(flight, Reason):
            return flight
        done = Reason("way", False, "transfer or stock", "hedged transit is evaluated, not executed")
        return Candidate(
            Way.HEDGED, route, plain, flight, Drift(moves), self._aversion.abandon, rounded(flight.value), (done,)
        )  # fmt: skip


def _most(steps: tuple[CycleStep, TransferStep, CycleStep]) -> float:
    """Log return of the first unit at the best prices, before the network's fee: of no size is it more."""
    buy, _, sell = steps
    rate, taken = float(buy.fees.taker_rate), float(sell.fees.taker_rate)
    paid = -log1p(-rate) if buy.pays_in_base else log1p(rate)
    return log(Fraction(sell.ladder[0][0]) / Fraction(buy.ladder[0][0])) - paid + log1p(-taken)


def _passage(route: TransferRoute) -> TransferStep:
    out, into = route.out, route.into
    assert out.withdrawal_fee is not None, "a network whose fee is not told is not open"
    none = Decimal(0)
    return TransferStep(
        route.asset, out.withdrawal_fee, out.withdrawal_fee_rate or none, out.min_withdrawal or none,
        out.max_withdrawal, out.precision, into.min_deposit or none,
    )  # fmt: skip


def _edge(spent: Decimal, received: Decimal) -> float:
    """Log return at present prices."""
    return log(Fraction(received) / Fraction(spent))


def _bound(flight: InFlight) -> Reason:
    """What a risk must at least bring, by the published bound."""
    limit = f"above {flight.bound * 1e4:.2f} bps for {flight.minutes:.1f} min"
    return Reason("time_risk", flight.clears, limit, f"{flight.expected * 1e4:.2f} bps expected on arrival")


def _no_size(route: TransferRoute, held: Decimal | None = None) -> Reason:
    at_hand = "" if held is None else f", {held:f} {route.asset} in stock at {route.target}"
    return Reason("network_fee", False, "a size that pays the network", f"none over {route.chain}{at_hand}")


def _once(reasons: list[Reason]) -> list[Reason]:
    """The first of each check: networks that fail for one reason need not say it twice."""
    return list({reason.check: reason for reason in reversed(reasons)}.values())[::-1]
