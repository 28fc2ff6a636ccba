"""Where coins are that have left a customer of one simulated venue and reached none of another.

Enters: postings of an amount from one place to another. Leaves: what lies in each place, by asset, and every coin that
is lost with its reason. Never: a posting with one side, an amount that is rounded, a place in the red.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import exact

ZERO = Decimal(0)


class Place(Enum):
    """Beside the customers of all venues, where a coin can be."""

    IN_FLIGHT = "in_flight"
    FEES = "network_fees"
    LOST = "lost"


class Loss(msgspec.Struct, frozen=True):
    """Coins that no customer gets: `why` is `nobody` (no such address or memo at any venue), `wrong_asset` (the venue
    of that address does not take the asset on this chain) or `below_minimum` (of a deposit).
    """

    at: Nanos
    venue: VenueId
    transfer_id: int
    asset: Asset
    amount: Decimal
    why: str


class Coins:
    """The ledger of coins between venues; `losses` oldest first.

    What customers hold at all venues, and what is in flight, in network fees and lost, is together the same at every
    moment, but for trading.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[Place, Asset], Decimal] = {}
        self.losses: list[Loss] = []

    def of(self, place: Place, asset: Asset) -> Decimal:
        """What lies there now."""
        return self._sums.get((place, asset), ZERO)

    def all_of(self, place: Place) -> Mapping[Asset, Decimal]:
        """By asset, those that were ever there."""
        return {asset: amount for (where, asset), amount in self._sums.items() if where is place}

    def total(self, asset: Asset) -> Decimal:
        """In all places together."""
        with exact():
            return sum((self.of(place, asset) for place in Place), ZERO)

    def sent(self, asset: Asset, amount: Decimal, fee: Decimal) -> None:
        """A customer's coins went off: `amount` is on its way, `fee` is paid."""
        self._add(Place.IN_FLIGHT, asset, amount)
        self._add(Place.FEES, asset, fee)

    def arrived(self, asset: Asset, amount: Decimal) -> None:
        """A customer has them."""
        self._add(Place.IN_FLIGHT, asset, -amount)

    def lost(self, loss: Loss) -> None:
        """No customer will have them."""
        self._add(Place.IN_FLIGHT, loss.asset, -loss.amount)
        self._add(Place.LOST, loss.asset, loss.amount)
        self.losses.append(loss)

    def _add(self, place: Place, asset: Asset, amount: Decimal) -> None:
        with exact():
            after = self.of(place, asset) + amount
        if after < 0:
            raise ValueError(f"{place.value} would have {after} {asset}")
        self._sums[place, asset] = after
