"""What accounts were told that they pay, by instrument, and whom to ask next.

Enters: instruments somebody wants to know the fees of, accounts' own answers. Leaves: one's own rates, the instrument
whose turn it is. Never: a question of an instrument that nobody wants to trade, or of one that was answered lately.
"""

from collections.abc import Collection
from dataclasses import dataclass

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import FeeSchedule, Instrument, VenueId

ASKED_EVERY: Nanos = 3_600 * SECOND
"""A tier changes once a day."""
AGAIN_AFTER: Nanos = 600 * SECOND
"""Where a question was not answered."""


@dataclass
class _Own:
    instrument: Instrument
    told: FeeSchedule | None = None
    due: Nanos = 0


class AccountRates:
    """Of the venues that can be asked; of others nothing is known here."""

    def __init__(self, venues: Collection[VenueId] = ()) -> None:
        self._own: dict[VenueId, dict[str, _Own]] = {venue: {} for venue in venues}

    def of(self, instrument: Instrument) -> FeeSchedule | None:
        """What the account was told; None if nothing yet. It is wanted from now on."""
        venue = self._own.get(instrument.venue)
        if venue is None:
            return None
        one = venue.get(instrument.symbol)
        if one is None:
            one = venue[instrument.symbol] = _Own(instrument)
        return one.told

    def to_ask(self, venue: VenueId, at: Nanos) -> Instrument | None:
        """One that is wanted and not known, or not lately: who waits longest, then who was wanted first."""
        due = [one for one in self._own.get(venue, {}).values() if one.due <= at]
        return min(due, key=lambda one: one.due).instrument if due else None

    def asked(self, instrument: Instrument, at: Nanos) -> None:
        """It was asked for: if nothing is told, some minutes pass until it is again."""
        self._own[instrument.venue][instrument.symbol].due = at + AGAIN_AFTER

    def tell(self, instrument: Instrument, told: FeeSchedule, at: Nanos) -> None:
        """An account's own answer."""
        one = self._own[instrument.venue][instrument.symbol]
        one.told, one.due = told, at + ASKED_EVERY
