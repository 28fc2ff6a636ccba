"""The venues' private streams in a run: what they tell of orders reaches those who wait for it.

Enters: openings, frames and closings of private connections. Leaves: reports to the execution, records of connections
that came and went, texts to be sent. Never: a balance or a fill that is booked on the word of a stream alone: what it
does not tell is asked for by request.
"""

from collections.abc import Callable, Mapping

from cryptopipe.act.venues import VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.journal.account_records import PrivateChanged
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.actions import Lost, PrivateCodec
from cryptopipe.model.events import Send
from cryptopipe.model.facts import VenueId
from cryptopipe.model.outcomes import FillReport, OrderReport, PrivateReport
from cryptopipe.trading import Teller


class PrivateStreams:
    """`make` makes a codec for each connection of a venue."""

    def __init__(
        self, make: Mapping[VenueId, Callable[[], PrivateCodec]], execution: VenueExecution, tell: Teller
    ) -> None:
        self._make, self._execution, self._tell = make, execution, tell
        self._codecs: dict[VenueId, PrivateCodec] = {}
        self._sends: list[tuple[VenueId, str]] = []

    def receive(self, entry: Input) -> None:
        """The next input of a private connection."""
        venue = VenueId(entry.venue)
        if entry.direction is Direction.OPEN and venue in self._make:
            self._opened(venue)
        elif entry.direction is Direction.CLOSE:
            self._ended(venue, entry.payload.decode(errors="replace"))
        elif entry.direction is Direction.RECV and venue in self._codecs:
            self._read(venue, self._codecs[venue], entry)

    def take_sends(self) -> list[tuple[VenueId, str]]:
        """What is to be written to private connections, since the last call."""
        taken, self._sends = self._sends, []
        return taken

    def _opened(self, venue: VenueId) -> None:
        try:
            self._codecs[venue] = self._make[venue]()
        except Exception as error:  # noqa: BLE001 -- a stranger's plugin
            self._tell(PrivateChanged(venue, False, as_refusal(error).message))
            return
        self._execution.streaming.add(venue)
        self._tell(PrivateChanged(venue, True, ""))

    def _read(self, venue: VenueId, codec: PrivateCodec, entry: Input) -> None:
        told: list[PrivateReport | Lost | Send] = []
        broken = ""
        try:
            told.extend(codec.decode(entry.payload, entry.at))
        except Exception as error:  # noqa: BLE001 -- a stranger's codec; what it would have told is asked for
            broken = str(as_refusal(error))
        for one in told:
            if isinstance(one, OrderReport | FillReport):
                self._execution.told(one, entry.at)
            elif isinstance(one, Send):
                self._sends.append((venue, one.text))
            elif isinstance(one, Lost):
                self._tell(PrivateChanged(venue, True, one.reason))
        if broken:
            self._ended(venue, broken)

    def _ended(self, venue: VenueId, why: str) -> None:
        """Nobody waits for it any more; a connection that only lost its sense is left to its venue."""
        self._execution.streaming.discard(venue)
        if self._codecs.pop(venue, None) is not None:
            self._tell(PrivateChanged(venue, False, why))
