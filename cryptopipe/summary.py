"""What a run amounts to: best edges, value in three lines, counts.

Enters: decisions, the view, the ledger. Leaves: the summary that is journalled and printed. Never: a stale quote that
makes an edge look better, or a profit that does not come from the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.quotes import QuotedLine
from cryptopipe.act.transit_steps import InFlight
from cryptopipe.clock import Nanos
from cryptopipe.evaluate.value import executable_value
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, Kind, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.naming import named
from cryptopipe.model.trading import Decision, Opportunity


@dataclass(frozen=True)
class BestEdge:
    """The largest edge seen, gross or net, and where and when."""

    buy: str
    sell: str
    instruments: tuple[str, ...]
    bps: Decimal
    at: Nanos
    name: str = ""
    where: str = ""


class BestEdges:
    """The largest gross edge over all books used fresh, and the largest net edge among the comparable ones."""

    def __init__(self, max_age: Nanos) -> None:
        self._max_age = max_age
        self.gross: BestEdge | None = None
        self.net: BestEdge | None = None

    def observe(self, decisions: Sequence[Decision], view: View) -> None:
        """A quote older than the gate would accept raises neither."""
        for decision in decisions:
            opportunity = decision.opportunity
            if max(view.age(leg.instrument) for leg in opportunity.legs) > self._max_age:
                continue
            if self.gross is None or opportunity.gross_bps > self.gross.bps:
                self.gross = _edge(opportunity, opportunity.gross_bps, decision.at)
            if not opportunity.forbidden_by and (self.net is None or opportunity.net_bps > self.net.bps):
                self.net = _edge(opportunity, opportunity.net_bps, decision.at)


def _edge(opportunity: Opportunity, bps: Decimal, at: Nanos) -> BestEdge:
    first, last = opportunity.legs[0].instrument.venue, opportunity.legs[-1].instrument.venue
    buy = next((leg.instrument.venue for leg in opportunity.legs if leg.side is Side.BUY), first)
    sell = next((leg.instrument.venue for leg in opportunity.legs if leg.side is Side.SELL), last)
    return BestEdge(buy, sell, tuple(leg.instrument.id for leg in opportunity.legs), bps, at, *named(opportunity))


@dataclass(frozen=True)
class ValueLines:
    """The three lines of profit in the numeraire. Trading is None where something traded had no executable price;
    opening inventory without a price is left out of the revaluation and named in `unpriced`.
    """

    numeraire: Asset
    trading: Decimal | None
    revaluation: Decimal
    restoring: Decimal
    unpriced: tuple[Asset, ...] = ()


class TradingValue:
    """Values the ledger's changes. Opening marks are the first executable prices seen; dust counts as nothing."""

    def __init__(self, numeraire: Asset) -> None:
        self._numeraire = numeraire
        self._opening_marks: dict[Asset, Decimal] = {}
        self._unmarked: set[Asset] = set()
        self._known = 0
        self._dust: dict[Asset, Decimal] = {}
        self._restoring = Decimal(0)
        self.measured: Decimal | None = Decimal(0)
        """The trading value when the loss was asked for last."""

    def observe(self, view: View) -> None:
        """Note the first executable price of each asset of the run."""
        instruments = view.instruments
        if len(instruments) != self._known:
            self._known = len(instruments)
            assets = {asset for i in instruments for asset in (i.base, i.quote)}
            self._unmarked = assets - set(self._opening_marks) - {self._numeraire}
        for asset in sorted(self._unmarked):
            mark = executable_value(view, asset, Decimal(1), self._numeraire)
            if mark is not None:
                self._opening_marks[asset] = mark
                self._unmarked.discard(asset)

    def plan_ended(self, dust: Mapping[Asset, Decimal], restoring: Decimal) -> None:
        """Book a plan's dust at zero value, and its accrual for restoring the inventory."""
        with exact():
            for asset, amount in dust.items():
                self._dust[asset] = self._dust.get(asset, Decimal(0)) + amount
            self._restoring -= restoring

    def trading(self, view: View, ledger: Ledger) -> Decimal | None:
        """The ledger's change at executable prices, without dust; what is on its way at the bid where it goes to. None
        if something has no price.
        """
        changes, total = ledger.profit(), Decimal(0)
        for venue, asset, amount in ledger.in_flight():
            value = self._at(view, venue, asset, amount)
            if value is not None:
                with exact():
                    changes[asset], total = changes.get(asset, Decimal(0)) - amount, total + value
        for asset, amount in changes.items():
            value = executable_value(view, asset, amount - self._dust.get(asset, Decimal(0)), self._numeraire)
            if value is None:
                return None
            total += value
        return total

    def _at(self, view: View, venue: VenueId, asset: Asset, amount: Decimal) -> Decimal | None:
        """What coins on their way to a venue bring there now; None where it has no live book of them."""
        worth = []
        for one in view.instruments:
            top = view.top(one) if one.venue == venue and one.base == asset and one.kind is Kind.SPOT else None
            if top is not None and top.bid is not None:
                with exact():
                    worth.append(executable_value(view, one.quote, amount * top.bid, self._numeraire))
        return max((value for value in worth if value is not None), default=None)

    def loss(self, view: View, ledger: Ledger) -> Decimal | None:
        """Trading loss of the run so far, at or above zero; None if something has no price."""
        self.measured = trading = self.trading(view, ledger)
        return None if trading is None else max(Decimal(0), -trading)

    def lines(self, view: View, ledger: Ledger) -> ValueLines:
        """The three lines at the end of the run."""
        revaluation = Decimal(0)
        unpriced: set[Asset] = set()
        for amounts in ledger.balances().values():
            for asset, (opening, _) in amounts.items():
                if asset == self._numeraire or not opening:
                    continue
                mark = executable_value(view, asset, Decimal(1), self._numeraire)
                before = self._opening_marks.get(asset)
                if mark is None or before is None:
                    unpriced.add(asset)
                else:
                    revaluation += opening * (mark - before)
        trading = self.trading(view, ledger)
        return ValueLines(self._numeraire, trading, revaluation, self._restoring, tuple(sorted(unpriced)))


@dataclass(frozen=True)
class Settled:
    """The end of a run whose orders went to the venues.

    `differences`: by venue that told its balances, the assets where they differ from our books, as (told, booked).
    `unknown`: what nobody told before the run ended. `took`: by venue and kind of action, how long answers took.
    """

    differences: Mapping[VenueId, Mapping[Asset, tuple[Decimal, Decimal]]]
    unknown: tuple[str, ...]
    took: Mapping[tuple[VenueId, str], "Took"]

    @property
    def balanced(self) -> bool:
        """Whether the venues hold what our books say, and nothing is unknown."""
        return not self.unknown and not any(self.differences.values())


class Took(msgspec.Struct):
    """How long answers took, in nanoseconds: how many there were, the sum, the longest."""

    count: int = 0
    total: Nanos = 0
    longest: Nanos = 0

    def note(self, took: Nanos) -> None:
        """One more answer."""
        self.count, self.total, self.longest = self.count + 1, self.total + took, max(self.longest, took)


@dataclass(frozen=True)
class Summary:
    """The end of a run, a function of its inputs and configuration."""

    stopped_by: str
    frames: int
    tops: int
    turns: int
    found: int
    accepted: int
    refused: int
    refusals: dict[str, int]
    plans: int
    fills: int
    profit: dict[Asset, Decimal]
    balances: dict[VenueId, dict[Asset, tuple[Decimal, Decimal]]]
    value: ValueLines
    gross: BestEdge | None
    net: BestEdge | None
    halted: str
    exposure: dict[Asset, Decimal]
    venues: dict[VenueId, dict[str, object]]
    settled: Settled | None = None
    in_flight: tuple[InFlight, ...] = ()
    quotes: tuple[QuotedLine, ...] = ()


def venue_counts(market: Market, venue: VenueId) -> dict[str, object]:
    """One venue's line of the summary: state, proof, counts, books by state, of levels and of single orders; of a
    recording, as it ended."""
    syncs = list(market.books[venue].values())
    books = _by_state(syncs)
    states = [state for state in BookState if books[state.value]]
    counts = market.counts[venue]
    return {
        "state": states[0].value if len(states) == 1 else "mixed" if states else "no book",
        "proof": _proof(syncs),
        "frames": counts.frames,
        "tops": counts.tops,
        "gaps": sum(sync.gaps for sync in syncs),
        "resyncs": sum(sync.resyncs for sync in syncs),
        "trades": counts.trades,
        "unknown": counts.unknown,
        "refused": counts.refused,
        "last_refusal": counts.refusals[-1] if counts.refusals else "",
        "books": books,
        "orders": _of_orders(list(market.orders[venue].values())),
    }


def _of_orders(syncs: Sequence[BookSync]) -> dict[str, object]:
    return {
        **_by_state(syncs),
        "proof": _proof(syncs),
        "gaps": sum(sync.gaps for sync in syncs),
        "resyncs": sum(sync.resyncs for sync in syncs),
    }


def _by_state(syncs: Sequence[BookSync]) -> dict[str, int]:
    ended = [sync.ended_as if sync.reason == "end of recording" else sync.state for sync in syncs]
    return {state.value: ended.count(state) for state in BookState}


def _proof(syncs: Sequence[BookSync]) -> str:
    return "+".join(sorted({sync.rule.proof.value for sync in syncs})) or "none"
