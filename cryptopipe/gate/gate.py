"""Turns an opportunity into a decision, with every reason, limit and measured value.

Enters: an opportunity, the view, the limits, the state of trading. Leaves: a decision. Never: an acceptance with a
check left out, or a check that cannot be measured and passes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from cryptopipe.clock import Nanos, format_at
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.transfers import Bounds, Flights, first_legs, transfer_reasons
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, Side, TradingState, VenueId
from cryptopipe.model.money import exact, plain
from cryptopipe.model.stream import Proof
from cryptopipe.model.trading import Decision, Opportunity, Reason


@dataclass(frozen=True)
class Limits:
    """What may be risked; amounts in the numeraire."""

    numeraire: Asset
    max_age: Nanos
    max_notional: Decimal
    max_unproven_notional: Decimal
    min_net_bps: Decimal
    min_profit: Decimal
    max_edge_bps: Decimal
    max_loss: Decimal
    max_residual: Decimal
    unwind_bps: Decimal = Decimal(0)
    """What an unfilled leg left is closed up to this much worse than the best price; 0: it is left."""
    delisting_margin: Nanos = 0
    max_transfers: int = 0
    max_in_flight: Decimal = Decimal(0)
    max_inventory: Decimal = Decimal(0)
    """What quotes may come to, if only one side of each instrument is filled."""


class TradingMode(Enum):
    """Whether plans may be started. Halting is sticky: only an operator resumes."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass
class GateState:
    """What the gate knows beside the opportunity: kept by the pipe, changed only through its methods."""

    mode: TradingMode = TradingMode.ACTIVE
    halted_because: str = ""
    plan_in_flight: int | None = None
    loss: Decimal | None = Decimal(0)
    room: Callable[[Mapping[VenueId, int], Nanos], str] | None = None
    """Where orders go to venues: why so many at each cannot be sent at a time, empty if they can."""
    flights: Flights = field(default_factory=Flights)

    def halt(self, reason: str) -> None:
        """Stop trading for good. The first reason stays."""
        if self.mode is not TradingMode.HALTED:
            self.mode, self.halted_because = TradingMode.HALTED, reason

    def reduce(self) -> None:
        """Start no plan any more; those in hand go on to their end."""
        if self.mode is TradingMode.ACTIVE:
            self.mode = TradingMode.REDUCING


@dataclass(frozen=True)
class _Case:
    """One opportunity before the gate."""

    opportunity: Opportunity
    view: View
    limits: Limits
    state: GateState
    taken_groups: frozenset[str]

    def in_numeraire(self, amount: Decimal) -> Decimal | None:
        return executable_value(self.view, self.opportunity.numeraire, amount, self.limits.numeraire)


def _mode(case: _Case) -> Reason:
    measured = case.state.mode.value + (f": {case.state.halted_because}" if case.state.halted_because else "")
    return Reason("mode", case.state.mode is TradingMode.ACTIVE, "active", measured)


def _plan(case: _Case) -> Reason:
    """Coins that travel keep nobody waiting; orders on their way do."""
    plan = case.state.plan_in_flight or min(case.state.flights.ordering, default=None)
    return Reason("one_plan", plan is None, "no plan in flight", "none" if plan is None else f"plan {plan}")


def _books(case: _Case) -> Reason:
    states = {leg.instrument.id: case.view.state(leg.instrument) for leg in case.opportunity.legs}
    bad = [f"{name} {state}" for name, state in sorted(states.items()) if state != "live"]
    return Reason("books_live", not bad, "every book live", ", ".join(bad) or "live")


def _age(case: _Case) -> Reason:
    age = max(case.view.age(leg.instrument) for leg in case.opportunity.legs)
    passed = age <= case.limits.max_age
    return Reason("age", passed, _milliseconds(case.limits.max_age), _milliseconds(age))


def _milliseconds(duration: Nanos) -> str:
    return f"{plain(Decimal(duration).scaleb(-6))} ms"


def _trading(case: _Case) -> Reason:
    """As its venue tells it now, whatever the strategy remembers."""
    bad = []
    for leg in case.opportunity.legs:
        now, why = case.view.as_told(leg.instrument), case.view.refused(leg.instrument)
        if now.state is not TradingState.TRADING:
            bad.append(f"{now.id} {now.state.value}" + (f": {why}" if why else ""))
        elif now.delists_at and case.view.now >= now.delists_at - case.limits.delisting_margin:
            bad.append(f"{now.id} delisted at {format_at(now.delists_at)}")
        elif now.rules != leg.instrument.rules:
            bad.append(f"{now.id} priced by rules that its venue has changed")
    return Reason("trading_state", not bad, "every instrument trading", ", ".join(bad) or "trading")


def _edge_cap(case: _Case) -> Reason:
    gross = case.opportunity.gross_bps
    passed = gross <= case.limits.max_edge_bps
    return Reason("edge_credible", passed, f"{plain(case.limits.max_edge_bps)} bps", f"{gross:.4f} bps")


def _net(case: _Case) -> Reason:
    net = case.opportunity.net_bps
    passed = net > case.limits.min_net_bps
    return Reason("net_edge", passed, f"above {plain(case.limits.min_net_bps)} bps", f"{net:.4f} bps")


def _size(case: _Case) -> Reason:
    """Only asked of an edge that pays: a refusal for cost is not one for size as well."""
    sizes = [leg.quantity for leg in case.opportunity.legs]
    pays_not = case.opportunity.net_bps <= case.limits.min_net_bps
    passed = pays_not or all(size > 0 for size in sizes)
    measured = " ".join(plain(size) for size in sizes) if passed else "no feasible size"
    return Reason("size", passed, "every leg on its venue's grid, funded and above its minimum", measured)


def _profit(case: _Case) -> Reason:
    """Only asked of an edge that pays, as the size."""
    value = case.in_numeraire(case.opportunity.value)
    pays_not = case.opportunity.net_bps <= case.limits.min_net_bps
    passed = pays_not or (value is not None and value >= case.limits.min_profit)
    unit = case.limits.numeraire
    measured = f"no price in {unit}" if value is None else f"{value:.4f} {unit}"
    return Reason("profit", passed, f"{plain(case.limits.min_profit)} {unit}", measured)


def _notional(case: _Case) -> Reason:
    return _capped(case, "notional", case.limits.max_notional)


def _unproven(case: _Case) -> Reason:
    unproven = sorted(
        leg.instrument.id for leg in case.opportunity.legs if case.view.proof(leg.instrument) is Proof.NONE
    )
    if not unproven:
        return Reason("proof", True, "every book proven", "proven")
    reason = _capped(case, "proof", case.limits.max_unproven_notional)
    return Reason("proof", reason.passed, reason.limit, f"{reason.measured} on unproven {', '.join(unproven)}")


def _capped(case: _Case, check: str, limit: Decimal) -> Reason:
    value = case.in_numeraire(case.opportunity.notional)
    unit = case.limits.numeraire
    measured = f"no price in {unit}" if value is None else f"{value:.2f} {unit}"
    nothing = not case.opportunity.notional and check == "notional"
    return Reason(check, nothing or (value is not None and 0 < value <= limit), f"{plain(limit)} {unit}", measured)


def _funds(case: _Case) -> Reason:
    """At each leg's limit, where all of it may be filled."""
    for leg in first_legs(case.opportunity):
        buying = leg.side is Side.BUY
        asset = leg.instrument.quote if buying else leg.instrument.holding
        with exact():
            need = leg.quantity * leg.limit if buying else leg.quantity
            if leg.fee.asset == asset:
                fees = case.view.fees(leg.instrument)
                need += max(leg.fee.amount, need * fees.taker_rate if fees else leg.fee.amount)
        has = case.view.balance(leg.instrument.venue, asset)
        if need > has:
            text = f"{plain(has)} {asset} on {leg.instrument.venue}"
            return Reason("funds", False, f"{plain(need)} {asset}", text)
    return Reason("funds", True, "every leg funded", "funded")


def _group(case: _Case) -> Reason:
    shared = sorted(case.taken_groups.intersection(case.opportunity.group))
    return Reason("group", not shared, "no ladder or balance shared with a better one", ", ".join(shared) or "none")


def _loss(case: _Case) -> Reason:
    loss = case.state.loss
    passed = loss is not None and loss < case.limits.max_loss
    unit = case.limits.numeraire
    measured = f"no price in {unit}" if loss is None else f"{loss:.2f} {unit}"
    return Reason("loss", passed, f"below {plain(case.limits.max_loss)} {unit}", measured)


def _requests(case: _Case) -> tuple[Reason, ...]:
    """No leg is sent while another one would have to wait for its venue's limit."""
    if case.state.room is None:
        return ()
    why = case.state.room(Counter(leg.instrument.venue for leg in first_legs(case.opportunity)), case.view.now)
    return (Reason("requests", not why, "every order may be sent at once", why or "they may"),)


def _transfer(case: _Case) -> tuple[Reason, ...]:
    """Only asked where coins travel."""
    transit, limits = case.opportunity.transit, case.limits
    if transit is None:
        return ()
    bounds = Bounds(limits.max_transfers, limits.max_in_flight, limits.numeraire)
    worth = case.in_numeraire(case.opportunity.notional)
    return transfer_reasons(transit, case.view, case.state.flights, bounds, worth)


CHECKS: Sequence[Callable[[_Case], Reason]] = (
    _mode, _loss, _plan, _books, _age, _trading, _edge_cap, _net, _size, _profit, _notional, _unproven, _funds, _group,
)  # fmt: skip
"""In this order; all are evaluated for every opportunity."""


class Gate:
    """The one place where an opportunity is accepted."""

    def __init__(self, limits: Limits, state: GateState) -> None:
        self._limits = limits
        self._state = state
        self._decisions = 0

    def decide(self, opportunities: Iterable[Opportunity], view: View) -> list[Decision]:
        """A decision for each opportunity of a turn, the most valuable first; of those that share anything, one."""
        decisions: list[Decision] = []
        taken: set[str] = set()
        for opportunity in sorted(opportunities, key=lambda o: self._rank(o, view)):
            case = _Case(opportunity, view, self._limits, self._state, frozenset(taken))
            reasons = (*opportunity.obstacles, *(check(case) for check in CHECKS), *_requests(case), *_transfer(case))
            accepted = all(reason.passed for reason in reasons)
            self._decisions += 1
            if accepted:
                taken.update(opportunity.group)
                self._state.plan_in_flight = self._decisions
                self._note_transfer(case)
            decisions.append(Decision(self._decisions, opportunity, accepted, reasons, view.now))
        return decisions

    def _note_transfer(self, case: _Case) -> None:
        if case.opportunity.transit is not None:
            worth = case.in_numeraire(case.opportunity.notional)
            assert worth is not None, "an edge without a price is not accepted"
            self._state.flights.worth[self._decisions] = worth

    def _rank(self, opportunity: Opportunity, view: View) -> tuple[bool, Decimal, str]:
        """Best first: by value in the numeraire, for amounts of two assets do not compare; without a price last."""
        value = executable_value(view, opportunity.numeraire, opportunity.value, self._limits.numeraire)
        return value is None, -(value or Decimal(0)), opportunity.edge
