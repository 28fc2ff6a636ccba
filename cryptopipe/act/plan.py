"""One accepted decision, from its durable intents to what is left over.

Enters: a decision, then the arrival of each order. Leaves: fills, and at the end the residual per asset: dust below a
lot, or exposure. Never: a residual that is silently dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid5

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Decision, Fill, Leg, Order

Naming = Callable[[str], str]
"""Makes the client id of an order of its name in the run, such as `d7-1`."""


def same(name: str) -> str:
    """On paper the name itself will do."""
    return name


def unique_since(at: Nanos) -> Naming:
    """A UUID of the name and the stamp of the run's first input: no other run of the account has the same, and a replay
    has. 36 characters of hex digits and hyphens are what every venue takes, and one takes nothing but version 4.
    """
    return lambda name: str(UUID(bytes=uuid5(_RUN, f"{at}/{name}").bytes, version=4))


_RUN = UUID("7a0c1f0e-52a4-4c53-9d33-6b1f2f3f7f0d")
"""The namespace of client ids; any other constant would do."""


@dataclass
class Plan:
    """The orders of one decision, sent together; one plan at a time."""

    decision: Decision
    orders: tuple[Order, ...]
    price: Decimal = Decimal(1)
    """Of the asset the cycle starts in, in the numeraire, when it was decided."""
    fills: list[Fill] = field(default_factory=list)
    arrived: int = 0
    closing: bool = False
    """What unfilled legs left is being closed; that is tried once."""
    naming: Naming = same

    @classmethod
    def of(cls, decision: Decision, price: Decimal = Decimal(1), naming: Naming = same) -> "Plan":
        """The plan of an accepted decision. Client ids are functions of the decision's number and the run."""
        orders = tuple(
            Order(
                naming(f"d{decision.decision_id}-{number}"),
                decision.decision_id,
                leg.instrument,
                leg.side,
                leg.quantity,
                leg.limit,
            )
            for number, leg in enumerate(decision.opportunity.legs, 1)
        )
        return cls(decision, orders, price, naming=naming)

    @property
    def legs(self) -> int:
        """Orders of the decision itself."""
        return len(self.decision.opportunity.legs)

    def close_with(self, orders: tuple[Order, ...]) -> None:
        """Go on with orders that close what was left."""
        self.orders, self.closing = (*self.orders, *orders), True

    @property
    def done(self) -> bool:
        """Whether every order has had its answer."""
        return self.arrived == len(self.orders)

    def residual(self) -> dict[Asset, Decimal]:
        """What the fills left of each asset but the one the cycle starts and ends in; zeros left out."""
        change: dict[Asset, Decimal] = {}
        with exact():
            for fill in self.fills:
                sign = 1 if fill.side is Side.BUY else -1
                base, quote = fill.instrument.base, fill.instrument.quote
                for asset, amount in (
                    (base, sign * fill.quantity),
                    (quote, -sign * fill.spent),
                    (fill.fee.asset, -fill.fee.amount),
                ):
                    change[asset] = change.get(asset, Decimal(0)) + amount
        start = self.decision.opportunity.numeraire
        return {asset: amount for asset, amount in sorted(change.items()) if amount and asset != start}

    def split(self) -> tuple[dict[Asset, Decimal], dict[Asset, Decimal]]:
        """(dust, exposure): a surplus too small for the grids is dust, everything else exposure. Where every order was
        filled the grids made it, the coarsest one too; what an unfilled rest left is dust only below all lots.
        """
        dust: dict[Asset, Decimal] = {}
        exposure: dict[Asset, Decimal] = {}
        ordered = sum((order.quantity for order in self.orders), Decimal(0))
        filled = sum((fill.quantity for fill in self.fills), Decimal(0))
        for asset, amount in self.residual().items():
            lots = [lot for leg in self.decision.opportunity.legs if (lot := _lot_of(leg, asset))] or [Decimal(0)]
            lot = max(lots) if filled == ordered else min(lots)
            (dust if 0 < amount < lot else exposure)[asset] = amount
        return dust, exposure

    def moved(self) -> Decimal:
        """Notional bought on one venue and sold on another, in the start asset: what must be moved back one day."""
        net: dict[VenueId, Decimal] = {}
        with exact():
            for f in self.fills:
                amount = f.spent if f.side is Side.BUY else -f.spent
                net[f.instrument.venue] = net.get(f.instrument.venue, Decimal(0)) + amount
            bought = sum((amount for amount in net.values() if amount > 0), Decimal(0))
            sold = -sum((amount for amount in net.values() if amount < 0), Decimal(0))
        return min(bought, sold)

    def charged(self, cost: str) -> Decimal:
        """A cost of the decision that no venue takes, in the start asset times 10,000: of what the first leg spent."""
        bps = sum((one.bps for one in self.decision.opportunity.costs if one.name == cost), Decimal(0))
        first = self.orders[0].client_id
        with exact():
            spent = (f.spent if f.side is Side.BUY else f.quantity for f in self.fills if f.client_id == first)
            return bps * sum(spent, Decimal(0))


def _lot_of(leg: Leg, asset: Asset) -> Decimal:
    """The smallest amount of `asset` that the leg's market trades: a step of base, or the price of one in quote."""
    rules = leg.instrument.rules
    if rules is None:
        return Decimal(0)
    if asset == leg.instrument.base:
        return rules.step
    return rules.step * leg.limit if asset == leg.instrument.quote else Decimal(0)
