"""What is wanted of the capital, what everything that brings it there costs, and the sum of it for a plan.

Enters: targets, rates, a plan with what each place holds afterwards. Leaves: its cost by what it is for, in fractions.
Never: a value at a mid price, or a cost that something else's gain has paid.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.optimum_plan import Done
from cryptopipe.evaluate.snapshot import Node, Piece, Route, Snapshot, pieces
from cryptopipe.model.facts import Asset, Side, VenueId

MINUTES_A_YEAR = 365 * 24 * 60
_BPS = Fraction(1, 10_000)
_NONE = Fraction(0)


@dataclass(frozen=True)
class Charges:
    """What is charged beside fees. `carrying_rate`: a year's return that coins in flight do not earn; `risk_bps`: of
    what is in flight, a minute; `shortfall_bps`: of what a target lacks in the end; `default_risk`: by venue the
    fraction of what it holds that is lost in a year, over `horizon_minutes`; `limits`: by venue the most that it may
    hold, in the numeraire: what is above costs as much again.
    """

    carrying_rate: Decimal = Decimal(0)
    risk_bps: Decimal = Decimal(0)
    shortfall_bps: Decimal = Decimal(0)
    default_risk: Mapping[VenueId, Decimal] = field(default_factory=dict)
    horizon_minutes: Decimal = Decimal(0)
    limits: Mapping[VenueId, Decimal] = field(default_factory=dict)

    def in_flight(self, route: Route) -> Fraction:
        """Of one of value that goes by a route."""
        assert route.minutes is not None, "a route of unknown time is not gone by"
        a_minute = Fraction(self.carrying_rate) / MINUTES_A_YEAR + Fraction(self.risk_bps) * _BPS
        return a_minute * Fraction(route.minutes)

    def held(self, venue: VenueId) -> Fraction:
        """Of one of value that a venue holds until the horizon."""
        return Fraction(self.default_risk.get(venue, Decimal(0))) * Fraction(self.horizon_minutes) / MINUTES_A_YEAR

    @property
    def short(self) -> Fraction:
        """Of one of value that a target lacks."""
        return Fraction(self.shortfall_bps) * _BPS


@dataclass(frozen=True)
class Wish:
    """Holdings that are wanted, by place; a place without a target may keep or give what it has. Assets of
    `convertible` may be traded for one another. Costs are in the numeraire.
    """

    numeraire: Asset
    targets: Mapping[Node, Decimal]
    charges: Charges
    convertible: frozenset[Asset] = frozenset()


@dataclass(frozen=True)
class Cost:
    """In the numeraire, by what it is for, exactly: fees of transfers; what conversions lose against the best prices;
    time and price risk in flight; the default risk of what is held; targets unmet; what is above limits.
    """

    fees: Fraction = Fraction(0)
    conversions: Fraction = Fraction(0)
    carrying: Fraction = Fraction(0)
    default_risk: Fraction = Fraction(0)
    shortfall: Fraction = Fraction(0)
    excess: Fraction = Fraction(0)

    @property
    def total(self) -> Fraction:
        """Of all."""
        return sum((getattr(self, one.name) for one in fields(self)), Fraction(0))


def equal_targets(snapshot: Snapshot, shares: Mapping[VenueId, Decimal]) -> dict[Node, Decimal]:
    """Of each asset that a venue of the snapshot trades, all that is held, by the shares of the venues that trade it;
    by equal ones where `shares` is empty. Without a share of any of them it stays where it is. At most 12 places.
    """
    traded = {node for _, shown in snapshot.tradable for node in (shown.base, shown.quote)}
    found: dict[Node, Decimal] = {}
    for asset in {asset for _, asset in traded}:
        weights = {n: Fraction(shares.get(n[0], 0)) if shares else Fraction(1) for n in traded if n[1] == asset}
        total = sum((snapshot.held(node) for node in snapshot.nodes if node[1] == asset), Fraction(0))
        for node, weight in weights.items():
            if weight and total:
                found[node] = Decimal(total * weight / sum(weights.values()) * 10**12 // 1).scaleb(-12)
    return dict(sorted(found.items()))


def lost(piece: Piece, values: Mapping[Asset, Decimal]) -> Fraction:
    """What a unit of a conversion loses against the best prices; nothing where it gains: that is an arbitrage's."""
    spends = piece.spends * Fraction(values[piece.source[1]])
    return max(Fraction(0), spends - piece.brings * Fraction(values[piece.target[1]]))


def cost_of(snapshot: Snapshot, wish: Wish, done: Done, final: Mapping[Node, Decimal]) -> Cost:
    """Of what is done, and of what each place holds afterwards. Assets without a value count nothing."""
    values, charges = snapshot.values(wish.numeraire), wish.charges
    worth = {node: Fraction(amount) * Fraction(values.get(node[1], 0)) for node, amount in final.items()}
    wanted = {node: Fraction(amount) * Fraction(values.get(node[1], 0)) for node, amount in wish.targets.items()}
    sent = [(one, Fraction(values.get(one.route.asset, 0))) for one in done.sent]
    at: dict[VenueId, Fraction] = {}
    for (venue, _), amount in worth.items():
        at[venue] = at.get(venue, Fraction(0)) + amount
    lacking = (max(_NONE, want - worth.get(node, _NONE)) for node, want in wanted.items())
    above = (max(_NONE, at.get(venue, _NONE) - Fraction(most)) for venue, most in charges.limits.items())
    return Cost(
        fees=sum((Fraction(one.fee) * value for one, value in sent), _NONE),
        conversions=sum(_losses(snapshot, done, values), _NONE),
        carrying=sum((Fraction(one.amount) * value * charges.in_flight(one.route) for one, value in sent), _NONE),
        default_risk=sum((amount * charges.held(venue) for venue, amount in at.items()), _NONE),
        shortfall=charges.short * sum(lacking, _NONE),
        excess=sum(above, _NONE),
    )


def _losses(snapshot: Snapshot, done: Done, values: Mapping[Asset, Decimal]) -> Iterator[Fraction]:
    books = {(one.instrument.id, side): pieces(one, side) for one in snapshot.books for side in Side}
    for leg in done.legs:
        left = Fraction(leg.quantity)
        for piece in books[leg.instrument.id, leg.side]:
            taken = min(left, piece.size or left)
            left -= taken
            yield taken * lost(piece, values)
