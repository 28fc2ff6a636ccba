"""How the pipe's values stand in the journal.

Enters: chapters, orders, fills, postings, the summary. Leaves: record bodies. Never: a number that is not in them.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import UNSET, UnsetType

from cryptopipe.act.ledger import Entry
from cryptopipe.act.transit import TransitPlan
from cryptopipe.act.transit_result import TransitResult
from cryptopipe.clock import Nanos
from cryptopipe.gate.episodes import Chapter
from cryptopipe.journal.account_records import TransferIntended, TransitEnded
from cryptopipe.journal.records import (
    BestEdge,
    BookChanged,
    Counts,
    Decided,
    DecidedLeg,
    FeesTold,
    Filled,
    Halted,
    InstrumentChanged,
    Intended,
    OrderEnded,
    PlanEnded,
    Posted,
    RunEnded,
    Value,
)
from cryptopipe.market.connection import Transition
from cryptopipe.market.listings import FeesTold as FeesNews
from cryptopipe.market.listings import InstrumentChange
from cryptopipe.model.actions import MoveFunds, Withdraw
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side
from cryptopipe.model.trading import Fill, Leg, Order, Transit
from cryptopipe.summary import BestEdge as SeenEdge
from cryptopipe.summary import Summary

Worth = Callable[[Asset, Decimal], Decimal | UnsetType]
"""What an amount that came (or, below zero, went) was worth in the numeraire; unset where nothing has to be told."""


def _unknown(asset: Asset, amount: Decimal) -> UnsetType:
    return UNSET


def book_changed(transition: Transition) -> BookChanged:
    """A book's state as it became."""
    proof = transition.sync.rule.proof.value
    return BookChanged(transition.sync.id, transition.state.value, proof, transition.reason)


def listed(news: InstrumentChange | FeesNews, in_force: FeeSchedule | None) -> InstrumentChanged | FeesTold:
    """What a venue told of an instrument, or of its fees with those that are `in_force` then."""
    if isinstance(news, InstrumentChange):
        return InstrumentChanged(news.instrument.id, news.field, news.old, news.new, news.told_by, news.why)
    told, now = news.fees, in_force or news.fees
    rates = (told.maker_rate, told.taker_rate, told.source, told.as_of, now.maker_rate, now.taker_rate)
    return FeesTold(news.venue, *rates, news.told_by)


def own_fees(instrument: Instrument, told: FeeSchedule, in_force: FeeSchedule, told_by: int) -> FeesTold:
    """What an account was told that it pays for an instrument, and pays then."""
    rates = (told.maker_rate, told.taker_rate, told.source, told.as_of, in_force.maker_rate, in_force.taker_rate)
    return FeesTold(instrument.venue, *rates, told_by, instrument.id)


def decided(chapter: Chapter) -> Decided:
    """One chapter of an episode."""
    opportunity, episode, decision = chapter.decision.opportunity, chapter.episode, chapter.decision
    return Decided(
        decision_id=decision.decision_id,
        episode=episode.episode_id,
        phase=chapter.phase.value,
        edge=opportunity.edge,
        legs=tuple(_leg(leg) for leg in opportunity.legs),
        gross_bps=opportunity.gross_bps,
        net_bps=opportunity.net_bps,
        costs=opportunity.costs,
        profit=_texts(opportunity.profit),
        value=opportunity.value,
        numeraire=opportunity.numeraire,
        notional=opportunity.notional,
        accepted=decision.accepted,
        reasons=decision.reasons,
        best_gross_bps=episode.best_gross_bps,
        best_net_bps=episode.best_net_bps,
        duration_ns=chapter.at - episode.opened_at,
        evaluations=episode.evaluations,
        transit=UNSET if opportunity.transit is None else opportunity.transit,
    )


def _leg(leg: Leg) -> DecidedLeg:
    return DecidedLeg(
        leg.instrument.id, leg.side, leg.quantity, leg.limit, leg.vwap, leg.fee.amount, leg.fee.asset
    )  # fmt: skip


def intended(order: Order) -> Intended:
    """An order before it is sent."""
    return Intended(
        order.client_id, order.decision_id, order.instrument.id, order.side, order.quantity, order.limit
    )  # fmt: skip


def filled(fill: Fill, worth: Worth = _unknown) -> Filled:
    """One execution, with what it was worth."""
    sign = -1 if fill.side is Side.BUY else 1
    value, fee_value = worth(fill.instrument.quote, sign * fill.spent), worth(fill.fee.asset, -fill.fee.amount)
    return Filled(
        fill.client_id, fill.instrument.id, fill.side, fill.price, fill.quantity, fill.fee.amount, fill.fee.asset,
        value, fee_value,
    )  # fmt: skip


def order_ended(order: Order, fills: Sequence[Fill], obstacle: str) -> OrderEnded:
    """What an immediate-or-cancel order got; `obstacle` is why it could get nothing, such as `book dead`."""
    done = sum((fill.quantity for fill in fills), Decimal(0))
    left = order.quantity - done
    why = "filled" if not left else obstacle or f"nothing more at {order.limit} or better"
    return OrderEnded(order.client_id, done, left, why)


def plan_ended(
    decision_id: int, dust: Mapping[Asset, Decimal], exposure: Mapping[Asset, Decimal], restoring: Decimal
) -> PlanEnded:
    """What a plan left over."""
    return PlanEnded(decision_id, _texts(dust), _texts(exposure), restoring)


def transfer_intended(one: Withdraw | MoveFunds, transit: Transit) -> TransferIntended:
    """A withdrawal, or a move between wallets, before it is asked for."""
    if isinstance(one, MoveFunds):
        return TransferIntended(one.client_id, one.venue, transit.asset, one.amount, one.target)
    return TransferIntended(
        one.client_id, one.venue, transit.asset, one.amount, transit.target, one.network, one.address, one.memo
    )  # fmt: skip


def transit_ended(
    plan: TransitPlan, result: TransitResult, numeraire: Asset, began_at: Nanos, at: Nanos
) -> TransitEnded:
    """The whole of a transit."""
    transit = plan.transit
    return TransitEnded(
        decision_id=plan.number,
        way=transit.way.value,
        end=plan.end,
        asset=transit.asset,
        source=transit.source,
        target=transit.target,
        bought=result.sums.bought,
        sent=plan.sent if plan.left else Decimal(0),
        credited=plan.credited,
        sold=result.sums.sold,
        rest=result.rest,
        profit=_texts(result.profit),
        numeraire=numeraire,
        value=result.value,
        log_return=result.log_return,
        took_ns=plan.came_at - plan.asked_at if plan.came_at else 0,
        lasted_ns=at - began_at,
        reason=plan.reason,
    )


def posted(transaction: int, why: str, entries: Sequence[Entry]) -> Posted:
    """A transaction of the ledger."""
    return Posted(transaction, why, tuple(entries))


def halted(reason: str) -> Halted:
    """Trading stopped."""
    return Halted(reason)


def run_ended(summary: Summary) -> RunEnded:
    """The end of a run."""
    value = summary.value
    edges = {"gross": summary.gross, "net": summary.net}
    return RunEnded(
        stopped_by=summary.stopped_by,
        frames=summary.frames,
        tops=summary.tops,
        turns=summary.turns,
        opportunities=Counts(summary.found, summary.accepted, summary.refused),
        refusals=summary.refusals,
        fills=summary.fills,
        profit=_texts(summary.profit),
        value=Value(value.numeraire, value.trading, value.revaluation, value.restoring, value.unpriced),
        closing={
            str(venue): {str(asset): closing for asset, (_, closing) in amounts.items()}
            for venue, amounts in summary.balances.items()
        },
        best_edges={name: _edge(edge) for name, edge in edges.items() if edge is not None},
        exposure=_texts(summary.exposure),
        in_flight=summary.in_flight or UNSET,
        quotes=summary.quotes or UNSET,
    )


def _edge(edge: SeenEdge) -> BestEdge:
    return BestEdge(edge.buy, edge.sell, edge.instruments, edge.bps, edge.at)


def _texts(amounts: Mapping[Asset, Decimal]) -> dict[str, Decimal]:
    return {str(asset): amount for asset, amount in amounts.items()}
