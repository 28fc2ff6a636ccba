"""What is known of moving coins in this run: networks as venues tell them, and each account's terms.

Enters: currencies told by an account's answers, those of public metadata, terms of custody. Leaves: routes at a stamp.
Never: a state of a wallet that was told too long ago to be believed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.market.listings import Listings
from cryptopipe.market.routes import routes
from cryptopipe.model.custody import CustodyTerms, Routes
from cryptopipe.model.facts import Asset, Currency, VenueId

BELIEVED_FOR: Nanos = 300 * SECOND
"""How long an account's answer about networks is believed."""
ASKED_EVERY: Nanos = 60 * SECOND
"""While somebody wants to know."""

InBooks = Callable[[VenueId, VenueId, Asset, str], bool]
"""Whether the address book of a source has our address at a target, of an asset on a chain."""


@dataclass(frozen=True)
class Custody:
    """The accounts' terms by venue, and what their address books hold. `assumed`: networks that are taken for told
    where nobody tells them, on paper.
    """

    terms: Mapping[VenueId, CustodyTerms] = field(default_factory=dict)
    in_books: InBooks = lambda source, target, asset, chain: False
    assumed: Mapping[VenueId, Sequence[Currency]] = field(default_factory=dict)


class Networks:
    """Asked for routes; told what accounts hear."""

    def __init__(self, listings: Listings, custody: Custody | None = None) -> None:
        self._listings, self._custody = listings, custody or Custody()
        self._told: dict[VenueId, tuple[Nanos, dict[Asset, Currency]]] = {}
        self._wanted: set[VenueId] = set()
        self._asked: dict[VenueId, Nanos] = {}
        self._assumed = {
            venue: {one.asset: one for one in listed} for venue, listed in self._custody.assumed.items()
        }  # fmt: skip

    def tell(self, venue: VenueId, currencies: Sequence[Currency], at: Nanos) -> None:
        """An account's own answer: all currencies of the venue."""
        self._told[venue] = at, {one.asset: one for one in currencies}

    def currency(self, venue: VenueId, asset: Asset, now: Nanos) -> Currency | None:
        """As the account was told it last, else as the venue says in public; None if nobody did, or too long ago."""
        if venue in self._told:
            at, told = self._told[venue]
            return told.get(asset) if now - at <= BELIEVED_FOR else None
        public = (one for one in self._listings.currencies(venue).values() if one.asset == asset and one.networks)
        return next(public, None) or self._assumed.get(venue, {}).get(asset)

    def routes(self, asset: Asset, source: VenueId, target: VenueId, now: Nanos) -> Routes:
        """What is open now, and why the rest is not."""
        custody = self._custody
        self._wanted |= {source, target}
        return routes(
            self.currency(source, asset, now),
            self.currency(target, asset, now),
            custody.terms.get(source),
            custody.terms.get(target),
            lambda chain: custody.in_books(source, target, asset, chain),
        )

    def to_ask(self, now: Nanos) -> list[VenueId]:
        """Venues whose networks somebody wanted to know since the last call, and that were not asked for a minute."""
        due = [venue for venue in sorted(self._wanted) if now - self._asked.get(venue, -ASKED_EVERY) >= ASKED_EVERY]
        self._wanted.clear()
        self._asked.update(dict.fromkeys(due, now))
        return due
