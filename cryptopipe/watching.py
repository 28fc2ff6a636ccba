"""Watches prices and edges; never trades.

Enters: inputs. Leaves: after each turn the edges that changed, and the unified records. Never: a gate, an order, or a
balance: sizes are bounded by the strategy's stake and the depth alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptopipe.capture.inputs import Input
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.unified import unified_record
from cryptopipe.market.view import View
from cryptopipe.model.contracts import Strategy
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import BPS, in_bps, plain, ratio
from cryptopipe.model.trading import Opportunity

_ENOUGH = Decimal(10) ** 15


@dataclass(frozen=True)
class Change:
    """What one turn changed: the books whose top moved, the edges now, and the ids of those that closed."""

    at: int
    changed: tuple[BookSync, ...]
    edges: tuple[Opportunity, ...]
    closed: tuple[str, ...]


class Watcher:
    """A market and a strategy without a gate."""

    def __init__(self, market: Market, strategy: Strategy, view: View) -> None:
        self.market, self._strategy, self._view = market, strategy, view
        self.edges: dict[str, Opportunity] = {}
        """The edges above zero now."""
        self.best: dict[str, Opportunity] = {}
        """Every edge seen, as it was when its net value was greatest."""

    def changes(self, inputs: Iterable[Input]) -> Iterator[Change]:
        """One change a turn in which something moved."""
        turn, now = 0, 0
        for entry in inputs:
            if entry.turn != turn:
                turn = entry.turn
                yield from self._turn(now)
            now = entry.at
            self.market.receive(entry)
        yield from self._turn(now)

    def _turn(self, now: int) -> Iterator[Change]:
        if not self.market.changed:
            return
        self.market.transitions.clear()
        if self.market.appeared:
            self.market.appeared.clear()
            self._strategy.start(self._view.instruments)
        self._view.now = now
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
        yield Change(now, tuple(changed.values()), tuple(found.values()), closed)

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


def break_even_fee_bps(opportunity: Opportunity) -> Decimal:
    """The taker fee, the same on every leg, at which the best prices just pay, restoring included; before depth."""
    restoring = sum((cost.bps for cost in opportunity.costs if cost.name == "restoring"), Decimal(0))
    grown = float(ratio(opportunity.gross_bps - restoring, BPS)) + 1.0
    if grown <= 0:
        return Decimal(0)
    per_leg = Decimal(repr(1.0 - grown ** (-1.0 / len(opportunity.legs))))
    return in_bps(per_leg, Decimal(1))


def edge_document(opportunity: Opportunity) -> dict[str, Any]:
    """One edge as JSON: gross, each cost, net, break-even fee, size."""
    return {
        "edge": opportunity.edge,
        "gross_bps": plain(opportunity.gross_bps),
        "costs": [{"name": cost.name, "bps": plain(cost.bps)} for cost in opportunity.costs],
        "net_bps": plain(opportunity.net_bps),
        "break_even_fee_bps": plain(break_even_fee_bps(opportunity)),
        "notional": plain(opportunity.notional),
        "value": plain(opportunity.value),
        "asset": opportunity.numeraire,
        "obstacles": [{"check": reason.check, "measured": reason.measured} for reason in opportunity.obstacles],
    }
