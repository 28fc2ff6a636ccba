"""Watches prices and edges; never trades.

Enters: inputs. Leaves: after each turn the edges that changed, and the unified records. Never: a gate, an order, or a
balance: sizes are bounded by the strategy's stake and the depth alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any, Generic, TypeVar

from cryptopipe.capture.inputs import Input
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.unified import unified_record
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.money import BPS, in_bps, plain
from cryptopipe.model.strategies import Strategy
from cryptopipe.model.trading import Leg, Opportunity

_ENOUGH = Decimal(10) ** 15
_NEWTON_STEPS = 6  # each doubles the digits; a fee begins with three or more

_CHARGES = ("restoring", "skew")
"""Costs that are no fee and do not depend on the size."""

C = TypeVar("C")
Fees = Callable[[Instrument], FeeSchedule | None]


@dataclass(frozen=True)
class Change:
    """What one turn changed: the books whose top moved, the edges now, and the ids of those that closed."""

    at: int
    changed: tuple[BookSync, ...]
    edges: tuple[Opportunity, ...]
    closed: tuple[str, ...]


class TurnByTurn(ABC, Generic[C]):
    """A market that is looked at when a turn ends."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._turn, self._now = 0, 0

    def changes(self, inputs: Iterable[Input]) -> Iterator[C]:
        """One change a turn in which something moved."""
        for entry in inputs:
            if (change := self.receive(entry)) is not None:
                yield change
        if (change := self.end_turn()) is not None:
            yield change

    def receive(self, entry: Input) -> C | None:
        """The next input; the change of the turn before, if this one begins another."""
        change = None
        if entry.turn != self._turn:
            change = self.end_turn()
            self._turn = entry.turn
        self._now = entry.at
        self.market.receive(entry)
        return change

    @abstractmethod
    def end_turn(self) -> C | None:
        """What this turn changed; None if nothing."""


class Watcher(TurnByTurn[Change]):
    """A market and a strategy without a gate."""

    def __init__(self, market: Market, strategy: Strategy, view: View, in_force: FeesInForce | None = None) -> None:
        super().__init__(market)
        self._strategy, self._view, self._in_force = strategy, view, in_force
        self.fees: Fees = view.fees
        self.edges: dict[str, Opportunity] = {}
        """The edges above zero now."""
        self.best: dict[str, Opportunity] = {}
        """Every edge seen, as it was when its net value was greatest."""

    def end_turn(self) -> Change | None:
        """What this turn changed; None if nothing."""
        self.market.transitions.clear()
        news = self.market.listings.news
        if news or (self.market.appeared and self.market.changed):
            if self._in_force is not None:
                for one in news:
                    self._in_force.take(one)
            news.clear()
            self.market.appeared.clear()
            self._strategy.start(self._view.instruments)
        if not self.market.changed:
            return None
        now = self._view.now = self._now
        self._view.turn += 1
        changed = self.market.take_changed()
        found: dict[str, Opportunity] = {}
        for sync in changed.values():
            for opportunity in self._strategy.evaluate(self._view, sync.instrument):
                found[opportunity.edge] = opportunity
        touched = {
            edge
            for edge, opportunity in self.edges.items()
            if any(leg.instrument.id in changed for leg in opportunity.legs)
        }
        closed = tuple(sorted(touched - set(found)))
        for edge in closed:
            del self.edges[edge]
        self.edges.update(found)
        for edge, opportunity in found.items():
            if edge not in self.best or opportunity.net_bps > self.best[edge].net_bps:
                self.best[edge] = opportunity
        return Change(now, tuple(changed.values()), tuple(found.values()), closed)

    def unified(self, sync: BookSync) -> dict[str, Any]:
        """The record of the base and quote of a book, over all venues."""
        one = sync.instrument
        same = [
            other
            for books in self.market.books.values()
            for other in books.values()
            if (other.instrument.base, other.instrument.quote, other.instrument.kind) == (one.base, one.quote, one.kind)
        ]
        return {"instrument": f"{one.base}/{one.quote}", **unified_record(same)}


def enough(venue: VenueId, asset: Asset) -> Decimal:
    """The balance of somebody who only looks."""
    return _ENOUGH


def break_even_fee_bps(opportunity: Opportunity, fees: Fees) -> Decimal:
    """The taker fee, the same on every leg, at which the best prices just pay, with what no venue takes; before depth.

    Where a buyer pays in quote a fee f leaves 1 / (1 + f) of a leg, elsewhere 1 − f; Newton's method finds the f at
    which their product is (1 + restoring + skew) / (1 + gross). Negative: only a rebate would make it pay.
    """
    charged = sum((cost.bps for cost in opportunity.costs if cost.name in _CHARGES), Decimal(0))
    on_top = sum(_on_top(leg, fees(leg.instrument)) for leg in opportunity.legs)
    taken_off = len(opportunity.legs) - on_top
    with localcontext(Context(prec=40)):
        wanted = ((BPS + charged) / (BPS + opportunity.gross_bps)).ln()
        fee = -wanted / len(opportunity.legs)
        for _ in range(_NEWTON_STEPS):
            left = taken_off * (1 - fee).ln() - on_top * (1 + fee).ln()
            fee += (left - wanted) / (taken_off / (1 - fee) + on_top / (1 + fee))
    return in_bps(fee, Decimal(1))


def _on_top(leg: Leg, schedule: FeeSchedule | None) -> bool:
    return leg.side is Side.BUY and (schedule is None or schedule.charged_in == "quote")


def edge_document(opportunity: Opportunity, fees: Fees) -> dict[str, Any]:
    """One edge as JSON: gross, each cost, net, break-even fee, size."""
    return {
        "edge": opportunity.edge,
        "gross_bps": plain(opportunity.gross_bps),
        "costs": [{"name": cost.name, "bps": plain(cost.bps)} for cost in opportunity.costs],
        "net_bps": plain(opportunity.net_bps),
        "break_even_fee_bps": plain(break_even_fee_bps(opportunity, fees)),
        "notional": plain(opportunity.notional),
        "value": plain(opportunity.value),
        "asset": opportunity.numeraire,
        "obstacles": [{"check": reason.check, "measured": reason.measured} for reason in opportunity.forbidden_by],
    }
