"""What a run's own records teach: they are all that the desk's experience is made of.

Enters: record bodies as they are told, with their times. Leaves: lives, plans, latencies and times of transfers in an
`Experience`. Never: something that is not in the journal, so that whoever has the journal can say what was known when.
"""

from dataclasses import dataclass

from cryptopipe.clock import Nanos
from cryptopipe.gate.sightings import Sightings, kind_of
from cryptopipe.journal.account_records import (
    ActionAnswered,
    TransferCredited,
    TransferIntended,
    TransferSent,
    TransitEnded,
)
from cryptopipe.journal.records import Body, BookChanged, Decided, Intended, OrderEnded, PlanEnded
from cryptopipe.market.experience import Experience, Road
from cryptopipe.model.actions import PlaceOrder
from cryptopipe.model.facts import VenueId
from cryptopipe.model.trading import Transit

_ARRIVED = frozenset({"sold", "restored"})
"""Ends of a transit that did what it was for."""
_LIVE = "live"


@dataclass
class _Plan:
    """`expected` orders are still to be told of: those after them close what was left over."""

    kind: str
    expected: int
    transit: Transit | None
    whole: bool = True
    asked: bool = False
    sent: bool = False


class Lessons:
    """Hears a run's records in their order."""

    def __init__(self, experience: Experience) -> None:
        self._experience = experience
        self._sightings = Sightings(experience.lived)
        self._plans: dict[int, _Plan] = {}
        self._orders: dict[str, _Plan] = {}
        experience.alive_since = self._sightings.since

    def hear(self, body: Body, at: Nanos) -> None:
        """One record; most teach nothing."""
        match body:
            case Decided():
                self._decided(body, at)
            case BookChanged(state=state) if state != _LIVE:
                self._sightings.hidden(body.instrument, at)
            case Intended() if (plan := self._plans.get(body.decision_id)) and plan.expected:
                plan.expected -= 1
                self._orders[body.client_id] = plan
            case OrderEnded() if (ended := self._orders.pop(body.client_id, None)) is not None:
                ended.whole = ended.whole and not body.unfilled
            case PlanEnded():
                plan = self._plans.pop(body.decision_id, None)
                if plan is not None:
                    self._experience.planned(plan.kind, plan.whole)
            case ActionAnswered(action=PlaceOrder.__name__, outcome="accepted"):
                self._experience.took(VenueId(body.venue), body.took_ns)
            case TransferIntended() | TransferSent() | TransferCredited() | TransitEnded():
                self._moved(body, at)

    def stop(self, at: Nanos) -> None:
        """The run ends: what is told from now on to have ended was only left."""
        self._sightings.stop(at)

    def _decided(self, body: Decided, at: Nanos) -> None:
        if body.phase == "end":
            self._sightings.ended(body.edge, at)
            return
        if body.phase == "open":
            self._sightings.opened(body.edge, (leg.instrument for leg in body.legs), at)
        if body.accepted:
            self._sightings.accepted(body.edge, at)
            transit = body.transit if isinstance(body.transit, Transit) else None
            self._plans[body.decision_id] = _Plan(kind_of(body.edge), len(body.legs), transit)

    def _moved(self, body: TransferIntended | TransferSent | TransferCredited | TransitEnded, at: Nanos) -> None:
        match body:
            case TransferIntended():
                for number, plan in self._plans.items():
                    if plan.transit is not None and not plan.asked and _is_of(body, plan.transit):
                        plan.asked, way = True, plan.transit
                        self._experience.sent(number, Road(way.source, way.chain, way.target), at)
                        return
            case TransferSent() if body.decision_id in self._plans:
                self._plans[body.decision_id].sent = True
            case TransferCredited():
                self._experience.credited(body.decision_id, body.took_ns)
            case TransitEnded():
                self._transit_ended(body)

    def _transit_ended(self, body: TransitEnded) -> None:
        """The record of the plan's end follows: it says nothing more."""
        plan = self._plans.pop(body.decision_id, None)
        if plan is None:
            return
        (self._experience.lost if plan.sent else self._experience.never_sent)(body.decision_id)
        self._experience.planned(plan.kind, body.end in _ARRIVED)


def _is_of(body: TransferIntended, way: Transit) -> bool:
    """Whether a withdrawal is one of this way; a move between wallets is none."""
    named = (body.venue, body.asset, body.target, body.network)
    return bool(body.network) and named == (way.source, way.asset, way.target, way.network)
