"""When each venue is asked what it trades: some seconds after its first connection opened, then every so often.

Enters: plugins, openings, answers, ticks. Leaves: requests of metadata, one at a time of a venue. Never: a request that
the venue's budget does not allow, one that takes the last quarter of it, which snapshots may need, or an end of trying.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.market.pacing import Backoff, Bucket
from cryptopipe.market.strangers import as_refusal
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import HttpRequest

AFTER_OPENING = 5 * SECOND
"""Dials and first snapshots are over by then."""
APART = SECOND
"""Between two requests of a venue: one a second is the least that any venue of ours documents as allowed."""
AGAIN = 15 * SECOND
"""After a failure, and up to `LONGEST_AGAIN` more by the back-off."""
LONGEST_AGAIN = 600 * SECOND
_OVERDUE = 3 * ANSWER_WITHIN
"""A driver owes each answer, or the lack of it, within `ANSWER_WITHIN`; none is waited for longer than this."""


@dataclass
class _Question:
    """One of a venue's requests: when it is due, and how it fared."""

    request: HttpRequest
    backoff: Backoff
    due: Nanos = LAST


@dataclass
class _Inquiry:
    """One venue's requests; the one that is out, since when, and before when no other is asked."""

    questions: list[_Question]
    refresh: Nanos
    fetches: Bucket
    out: _Question | None = None
    asked_at: Nanos = 0
    not_before: Nanos = 0
    begun: bool = False

    def next_due(self) -> Nanos:
        if self.out is not None:
            return self.asked_at + _OVERDUE
        due = min(one.due for one in self.questions)
        return due if due == LAST else max(due, self.not_before, self.fetches.spare_at())

    def ask(self, at: Nanos) -> HttpRequest | None:
        if at < self.next_due():
            return None
        if self.out is not None:
            self.answered(False, at)
            return None
        self.fetches.take(at)
        self.out, self.asked_at = min(self.questions, key=lambda one: one.due), at
        return self.out.request

    def answered(self, accepted: bool, at: Nanos) -> None:
        one, self.out = self.out, None
        if one is None:
            return  # nobody waits for it any more
        self.not_before = at + APART
        if accepted:
            one.backoff.reset()
            one.due = at + self.refresh
        else:
            one.due = at + min(self.refresh, AGAIN + one.backoff.delay())


@dataclass
class Inquiries:
    """All venues'. `refresh` in place of what each plugin says, 0: nobody is asked. `jitter` is the back-off's."""

    jitter: Callable[[], float]
    refresh: Nanos | None = None
    unasked: dict[VenueId, str] = field(default_factory=dict)
    """Why a venue is not asked though its plugin brings metadata."""
    due: Nanos = LAST
    """Nothing is to be done before; a tick at this time may find nothing either."""
    _venues: dict[VenueId, _Inquiry] = field(default_factory=dict)

    def add(self, plugin: ExchangePlugin, fetches: Bucket) -> None:
        """Ask this venue too, within its budget of requests."""
        codec = plugin.metadata
        if codec is None or self.refresh == 0:
            return
        try:
            requests = tuple(codec.requests())
            refresh = self.refresh or max(APART, codec.refresh)
            if not all(isinstance(one, HttpRequest) for one in requests):
                raise TypeError(f"no requests: {requests}")
        except Exception as error:  # noqa: BLE001 -- a stranger's plugin
            self.unasked[plugin.venue] = as_refusal(error).message
            return
        questions = [_Question(one, Backoff(self.jitter, AGAIN, LONGEST_AGAIN)) for one in requests]
        if questions:
            self._venues[plugin.venue] = _Inquiry(questions, refresh, fetches)

    def opened(self, venue: VenueId, at: Nanos) -> None:
        """A connection of this venue is open; the first one starts the questions."""
        one = self._venues.get(venue)
        if one is not None and not one.begun:
            one.begun = True
            for question in one.questions:
                question.due = at + AFTER_OPENING
            self._look()

    def tick(self, at: Nanos) -> Sequence[tuple[VenueId, HttpRequest]]:
        """What is to be asked now."""
        asked = [(venue, one.ask(at)) for venue, one in self._venues.items()]
        self._look()
        return [(venue, request) for venue, request in asked if request is not None]

    def answered(self, venue: VenueId, accepted: bool, at: Nanos) -> None:
        """An answer came, or there is none. Not `accepted`: it could not be used, and is asked for again."""
        if venue in self._venues:
            self._venues[venue].answered(accepted, at)
            self._look()

    def _look(self) -> None:
        self.due = min((one.next_due() for one in self._venues.values()), default=LAST)
