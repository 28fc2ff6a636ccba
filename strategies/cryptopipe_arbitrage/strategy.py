"""Screens the cycles that a change touches, and prices those whose gross value is above zero; and edges in flight.

Enters: the view, the changed instrument. Leaves: opportunities with size, costs and obstacles. Never: a float that
decides: the screen compares exact integers, the size is exact.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from cryptopipe.api import (
    Asset,
    Cost,
    CycleOutcome,
    CycleStep,
    Fee,
    FeeSchedule,
    Instrument,
    Kind,
    Leg,
    MarketView,
    Opportunity,
    Reason,
    Side,
    best_cycle,
    exact,
    in_bps,
    price_ratio,
)
from cryptopipe_arbitrage.edges import Cycle, by_instrument, pairs, triangles, without_aliases
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.limits import conceding
from cryptopipe_arbitrage.odds import Odds
from cryptopipe_arbitrage.rounds import Rounds
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.skew import Skew
from cryptopipe_arbitrage.transfers import Transfers

_NO_FEE = FeeSchedule.flat(maker="0", taker="0", source="stands for an unknown fee; the edge is refused", as_of="-")


class Charges(NamedTuple):
    """Fractions of the notional that no venue takes: for moving value back one day, for quotes that may be old."""

    restoring: Decimal
    skew: Decimal

    @property
    def total(self) -> Decimal:
        """Both."""
        return self.restoring + self.skew


class Arbitrage:
    """The strategy plugin's `Strategy`."""

    def __init__(self, settings: ArbitrageSettings) -> None:
        self._settings = settings
        self._cycles: dict[str, list[Cycle]] = {}
        self._rounds = Rounds(settings.stake, settings.most_edges, settings.restoring_bps)
        flight = Flight(settings.transfer)
        self._skew, self._transfers = Skew(settings, flight), Transfers(settings, flight)
        self._odds = Odds(settings, flight)
        self._turn, self._seen = -1, set[str]()

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Enumerate the cycles among the instruments of the run."""
        usable = without_aliases(instruments)
        cycles = pairs(usable, self._settings.stake) if "inventory" in self._settings.kinds else []
        if "cycle" in self._settings.kinds:
            cycles += triangles(usable, self._settings.stake)
            self._rounds.start(usable)
        self._cycles = by_instrument(cycles)
        self._transfers.start(usable if "transfer" in self._settings.kinds else ())

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        """Every edge through `changed` whose gross value is above zero."""
        if view.turn != self._turn:
            self._turn, self._seen = view.turn, set()
        for cycle in (*self._cycles.get(changed.id, ()), *self._rounds.evaluate(view, changed)):
            if cycle.name in self._seen:
                continue  # another instrument of it has changed in this turn too
            self._seen.add(cycle.name)
            if self._screen(view, cycle):
                opportunity = self._price(view, cycle)
                if opportunity is not None:
                    yield opportunity
        yield from self._transfers.evaluate(view, changed)

    def _screen(self, view: MarketView, cycle: Cycle) -> bool:
        """Whether the cycle may pay at the best prices: exact for pairs, to nine digits for triangles."""
        product = 1.0
        for instrument, side in cycle.steps:
            top = view.top(instrument)
            if top is None:
                return False
            bid, ask = top.bid_units, top.ask_units
            assert bid is not None and ask is not None
            product = product * bid if side is Side.SELL else product / ask
        scale = 1e12 ** sum(1 if side is Side.BUY else -1 for _, side in cycle.steps)
        return product * scale > 1 - 1e-9

    def _price(self, view: MarketView, cycle: Cycle) -> Opportunity | None:
        steps = [
            CycleStep(
                instrument=instrument,
                side=side,
                ladder=view.ladder(instrument, side),
                fees=view.fees(instrument) or _NO_FEE,
                at_hand=view.balance(instrument.venue, instrument.quote if side is Side.BUY else instrument.holding),
            )
            for instrument, side in cycle.steps
        ]
        if not all(step.ladder for step in steps):
            return None
        gross = price_ratio(steps) - 1
        if gross <= 0:
            return None
        obstacles = self._obstacles(view, cycle)
        restoring = self._settings.restoring_bps * cycle.restored / 10_000
        outcome, net, charges = None, _net_ratio(steps, gross), Charges(restoring, self._skew.charge(view, steps))
        if not obstacles and net > 1 + Fraction(charges.total):
            outcome = best_cycle(steps, self._settings.stake[cycle.start], hurdle=1 + charges.total)
        found = _opportunity(cycle, steps, gross, net, charges, outcome, obstacles)
        if outcome is None:
            return found
        legs = conceding(found.legs, steps, found.net_bps, self._settings.concede)
        checks = self._odds.checks(view, cycle, steps, found.net_bps)
        return msgspec.structs.replace(found, legs=legs, obstacles=checks)

    def _obstacles(self, view: MarketView, cycle: Cycle) -> tuple[Reason, ...]:
        """What forbids a trade whatever its price: different kinds, contracts, unknown rules, an unknown fee."""
        found = []
        kinds = sorted({i.kind.value for i, _ in cycle.steps})
        contracts = [i.id for i, _ in cycle.steps if i.kind is Kind.INVERSE_PERPETUAL or i.contract_size != 1]
        if len(kinds) > 1 and (contracts or not self._settings.compare_kinds):
            found.append(Reason("kind", False, "instruments of one kind", " and ".join(kinds)))
        elif contracts:  # a step prices sizes in base
            found.append(Reason("kind", False, "sizes in base", f"contracts on {', '.join(contracts)}"))
        for instrument, _ in cycle.steps:
            if instrument.rules is None:
                found.append(Reason("rules", False, "known trading rules", f"unknown for {instrument.id}"))
            if view.fees(instrument) is None:
                found.append(Reason("fees", False, "known fees", f"unknown on {instrument.venue}"))
        return tuple(found)


def _opportunity(
    cycle: Cycle,
    steps: Sequence[CycleStep],
    gross: Fraction,
    net_ratio: Fraction,
    charges: Charges,
    outcome: CycleOutcome | None,
    obstacles: tuple[Reason, ...],
) -> Opportunity:
    gross_bps = _bps(gross)
    group = tuple(
        key
        for step in steps
        for key in (
            f"ladder {step.instrument.id} {step.side.value}",
            f"balance {step.instrument.venue} {_spends(step)}",
        )
    )
    if outcome is None:
        legs: tuple[Leg, ...] = tuple(_unsized(step) for step in steps)
        net = _bps(net_ratio - 1 - Fraction(charges.total))
        return Opportunity(
            cycle.name, legs, gross_bps, net, _costs(steps, gross_bps, net, charges), {}, Decimal(0),
            cycle.start, Decimal(0), group, obstacles,
        )  # fmt: skip
    with exact():
        value = outcome.profit - charges.total * outcome.spent
        profit = {cycle.start: outcome.profit}
        for leg, dust in zip(outcome.legs[1:], outcome.dust, strict=True):
            asset = leg.instrument.base if leg.side is Side.SELL else leg.instrument.quote
            profit[asset] = profit.get(asset, Decimal(0)) + dust
    net = in_bps(value, outcome.spent)
    return Opportunity(
        cycle.name, outcome.legs, gross_bps, net, _costs(steps, gross_bps, net, charges), profit, value,
        cycle.start, outcome.spent, group, obstacles,
    )  # fmt: skip


def _costs(steps: Sequence[CycleStep], gross: Decimal, net: Decimal, charges: Charges) -> tuple[Cost, ...]:
    """Lines from gross to net that sum exactly; the last takes depth, lots and compounding together."""
    lines = [Cost(f"fee {step.instrument.venue}", step.fees.taker_rate * 10_000) for step in steps]
    lines += [Cost(name, part * 10_000) for name, part in zip(charges._fields, charges, strict=True) if part]
    with exact():
        rest = gross - net - sum(line.bps for line in lines)
    return (*lines, Cost("depth and lots", rest))


def _net_ratio(steps: Sequence[CycleStep], gross: Fraction) -> Fraction:
    product = 1 + gross
    for step in steps:
        fee = Fraction(step.fees.taker_rate)
        product *= 1 - fee if step.side is Side.SELL or step.pays_in_base else 1 / (1 + fee)
    return product


def _unsized(step: CycleStep) -> Leg:
    price = step.ladder[0][0]
    return Leg(step.instrument, step.side, Decimal(0), price, price, Fee(Decimal(0), step.instrument.quote))


def _spends(step: CycleStep) -> Asset:
    return step.instrument.quote if step.side is Side.BUY else step.instrument.holding


def _bps(part: Fraction) -> Decimal:
    return in_bps(Decimal(part.numerator), Decimal(part.denominator))
