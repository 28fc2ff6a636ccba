"""What the gate asks of an opportunity whose coins travel, beside what it asks of every one.

Enters: the way of the coins, the view, what is on its way already. Leaves: reasons. Never: a withdrawal from an account
that a run may not withdraw from, or by a network that is not told to be open.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal

from cryptopipe.market.view import View
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import plain
from cryptopipe.model.trading import Leg, Opportunity, Reason, Transit, Way


@dataclass
class Flights:
    """Transits on their way, as the gate knows them: kept by those who carry them out."""

    worth: dict[int, Decimal] = field(default_factory=dict)
    """By decision, in the numeraire when it was accepted."""
    ordering: set[int] = field(default_factory=set)
    """Those whose orders to sell are on their way."""
    withdraws: Callable[[Transit, Collection[VenueId]], str] | None = None
    """Where orders go to venues: why nothing may be sent from the one to the other, empty if it may; also of the venues
    at which it would have to be moved between wallets.
    """


@dataclass(frozen=True)
class Bounds:
    """How many at once, and how much together in `unit`."""

    transfers: int
    in_flight: Decimal
    unit: Asset


def first_legs(opportunity: Opportunity) -> tuple[Leg, ...]:
    """The orders that an accepted opportunity begins with: coins that travel are sold when they have arrived."""
    transit = opportunity.transit
    return opportunity.legs[:1] if transit is not None and transit.way is Way.TRANSFER else opportunity.legs


def route_of(transit: Transit, view: View) -> TransferRoute | str:
    """The open route by these networks, or why there is none."""
    found = view.routes(transit.asset, transit.source, transit.target)
    for route in found.open:
        if (route.out.code, route.into.code) == (transit.network, transit.target_network):
            return route
    return found.why or f"{transit.network} of {transit.source} is none of its open networks"


def transfer_reasons(
    transit: Transit, view: View, flights: Flights, bounds: Bounds, worth: Decimal | None
) -> tuple[Reason, ...]:
    """All of them. `worth`: of the opportunity's notional in the numeraire, None without a price."""
    route = route_of(transit, view)
    return (
        _way(transit),
        _withdrawals(transit, flights, route),
        _route(transit, route),
        _transfers(flights, bounds),
        _in_flight(flights, bounds, worth),
    )


def _way(transit: Transit) -> Reason:
    hedged = transit.way is Way.HEDGED
    measured = "hedged transit is evaluated, not executed" if hedged else transit.way.value
    return Reason("way", not hedged, "transfer or stock", measured)


def _withdrawals(transit: Transit, flights: Flights, route: TransferRoute | str) -> Reason:
    moves = () if isinstance(route, str) else _moving(route)
    why = "" if flights.withdraws is None else flights.withdraws(transit, moves)
    return Reason("withdrawals", not why, f"{transit.source} may be withdrawn from", why or "it may")


def _route(transit: Transit, route: TransferRoute | str) -> Reason:
    why = route if isinstance(route, str) else ""
    return Reason("route", not why, f"{transit.chain} open at both ends", why or "open")


def _moving(route: TransferRoute) -> tuple[VenueId, ...]:
    """Where coins are moved between wallets before they leave, or after they came."""
    moves = ((route.source, route.move_out), (route.target, route.move_in))
    return tuple(venue for venue, move in moves if move is not None)


def _transfers(flights: Flights, bounds: Bounds) -> Reason:
    count = len(flights.worth)
    return Reason("transfers", count < bounds.transfers, f"at most {bounds.transfers} in flight", f"{count} already")


def _in_flight(flights: Flights, bounds: Bounds, worth: Decimal | None) -> Reason:
    if worth is None:
        return Reason("in_flight", False, f"{plain(bounds.in_flight)} {bounds.unit}", f"no price in {bounds.unit}")
    total = sum(flights.worth.values(), worth)
    return Reason(
        "in_flight", total <= bounds.in_flight, f"{plain(bounds.in_flight)} {bounds.unit}", f"{total:.2f} {bounds.unit}"
    )
