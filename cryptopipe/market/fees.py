"""What the account pays at each venue, in force now.

Enters: the plugins' schedules or the user's own, what venues tell in a run, what accounts are told. Leaves: a schedule
for each venue, and for each instrument that an account was told of. Never: a rate that a venue's public word made
lower, or one that overrules the user's own (docs/adr/0009).
"""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.market.account_fees import AccountRates
from cryptopipe.market.listings import FeesTold, InstrumentChange
from cryptopipe.model.facts import FeeSchedule, Instrument, VenueId


class FeesInForce(Mapping[VenueId, FeeSchedule]):
    """By venue. `fixed` are the venues whose rates the user has set, `asked` those whose accounts can be asked."""

    def __init__(
        self,
        schedules: Mapping[VenueId, FeeSchedule],
        fixed: Collection[VenueId] = (),
        asked: Collection[VenueId] = (),
    ) -> None:
        self._schedules, self._fixed = dict(schedules), frozenset(fixed)
        self.own = AccountRates(frozenset(asked) - self._fixed)

    def of(self, instrument: Instrument) -> FeeSchedule | None:
        """What the account pays for it: as it was told, otherwise as its venue's schedule says; None if unknown."""
        return self.own.of(instrument) or self._schedules.get(instrument.venue)

    def tell(self, instrument: Instrument, told: FeeSchedule, at: Nanos) -> FeeSchedule:
        """The account's own answer, lower or higher, is in force for the instrument: as it is then. What a fee is
        charged in stays, here too.
        """
        known = self._schedules.get(instrument.venue)
        now = told if known is None else msgspec.structs.replace(told, charged_in=known.charged_in)
        self.own.tell(instrument, now, at)
        return now

    def __getitem__(self, venue: VenueId) -> FeeSchedule:
        return self._schedules[venue]

    def __iter__(self) -> Iterator[VenueId]:
        return iter(self._schedules)

    def __len__(self) -> int:
        return len(self._schedules)

    def take(self, news: InstrumentChange | FeesTold) -> FeeSchedule | None:
        """Use a told schedule as far as it is dearer; the one in force then, None for other news. What a fee is charged
        in stays: an answer does not always tell.
        """
        if isinstance(news, InstrumentChange):
            return None
        now, told = self._schedules[news.venue], news.fees
        maker, taker = max(now.maker_rate, told.maker_rate), max(now.taker_rate, told.taker_rate)
        if news.venue not in self._fixed and (maker, taker) != (now.maker_rate, now.taker_rate):
            now = msgspec.structs.replace(
                now, maker_rate=maker, taker_rate=taker, source=told.source, as_of=told.as_of
            )  # fmt: skip
            self._schedules[news.venue] = now
        return now
