"""What the account pays at each venue, in force now.

Enters: the plugins' schedules or the user's own, and what venues tell in a run. Leaves: a schedule for each venue.
Never: a rate that a venue's public word made lower, or one that overrules the user's own (docs/adr/0009).
"""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from cryptopipe.market.listings import FeesTold, InstrumentChange
from cryptopipe.model.facts import FeeSchedule, VenueId


class FeesInForce(Mapping[VenueId, FeeSchedule]):
    """By venue. `fixed` are the venues whose rates the user has set."""

    def __init__(self, schedules: Mapping[VenueId, FeeSchedule], fixed: Collection[VenueId] = ()) -> None:
        self._schedules, self._fixed = dict(schedules), frozenset(fixed)

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
