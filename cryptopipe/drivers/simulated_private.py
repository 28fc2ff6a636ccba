"""The private connections of a run on the virtual clock, dialled and kept as the live driver does it.

Enters: private streams, their signatory, a simulation's ways to ask and to dial. Leaves: the openings and closings that
a run sees of them; frames come as those of other connections do. Never: a key, a signature or a token in an arrival.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from cryptopipe.capture.inputs import PRIVATE, Direction
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.drivers.private import FIRST_PAUSE_S, LONGEST_PAUSE_S
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Connect, HttpRequest, HttpResponse, bare


class Ways(Protocol):
    """What a simulation lets its private connections do."""

    now: Nanos
    intake: Intake

    def at(self, at: Nanos, what: Callable[[], object] | Arrival) -> None:
        """At that time."""

    def soon(self, what: Callable[[], object] | Arrival) -> None:
        """When it has gone the way to the venue, or from there."""

    def fetch(self, venue: VenueId, request: HttpRequest) -> tuple[Nanos, Fetched]:
        """What the venue answers now, and when that is here."""

    def seat(self, venue: VenueId, url: str, conn: str, shown: str) -> int | HttpResponse | None:
        """A connection, which the run knows as `conn` to `shown`: its number at the venue, or as `House.dial`."""

    def say(self, venue: VenueId, number: int, text: str | None) -> bool:
        """A text, or a ping, on a connection; False where it is no more."""


class PrivateLines:
    """One for each venue of the signatory's private streams, from `begin` on."""

    def __init__(self, ways: Ways, signatory: Signatory) -> None:
        self._ways, self._signatory = ways, signatory
        self._pauses = dict.fromkeys(signatory.private, FIRST_PAUSE_S)
        self._began_at: dict[VenueId, Nanos] = {}
        self._numbers: dict[VenueId, int] = {}

    def begin(self) -> None:
        """All of them."""
        for venue in self._signatory.private:
            self._sign_in(venue)

    def written(self) -> None:
        """Carries out what their readers want to say."""
        for venue, text in self._signatory.sends():
            self._say(venue, self._numbers.get(venue, 0), text)

    def ended(self, venue: VenueId) -> None:
        """Its closing has been told: it is dialled again after a pause."""
        lasted = self._ways.now - self._began_at[venue] >= LONGEST_PAUSE_S * SECOND
        pause = FIRST_PAUSE_S if lasted else min(2 * self._pauses[venue], LONGEST_PAUSE_S)
        self._pauses[venue] = pause
        self._ways.at(self._ways.now + pause * SECOND, lambda: self._sign_in(venue))

    def _sign_in(self, venue: VenueId) -> None:
        now = self._began_at[venue] = self._ways.now
        at = self._signatory.moment(venue, now)
        request = self._signatory.private[venue].signer.request(self._signatory.credentials[venue], at)
        if request is None:
            self._connect(venue, None, at)
        else:
            self._ways.soon(lambda: self._ask(venue, request, at))

    def _ask(self, venue: VenueId, request: HttpRequest, at: Nanos) -> None:
        due, got = self._ways.fetch(venue, request)
        response = HttpResponse(got.status, got.payload, bare(request.url), dict(got.headers))
        self._ways.at(due, lambda: self._connect(venue, response, at))

    def _connect(self, venue: VenueId, response: HttpResponse | None, at: Nanos) -> None:
        stream, key = self._signatory.private[venue], self._signatory.credentials[venue]
        try:
            connect = stream.codec().connect(stream.signer.auth(key, response, at), at)
        except CryptopipeError as error:
            self._closed(venue, self._ways.now, f"not signed in: {error}")
        else:
            self._ways.soon(lambda: self._dial(venue, connect))

    def _dial(self, venue: VenueId, connect: Connect) -> None:
        ways = self._ways
        number = ways.seat(venue, connect.url, f"{venue}{PRIVATE}", bare(connect.url))
        if number is None:
            self._closed(venue, ways.now + ANSWER_WITHIN, "cannot connect: TimeoutError")
        elif isinstance(number, HttpResponse):
            ways.soon(lambda: self._closed(venue, ways.now, f"the upgrade was refused: HTTP {number.status}"))
        else:
            self._numbers[venue] = number
            ways.soon(lambda: self._greet(venue, number, connect.frames))
            if connect.ping_every_s is not None:
                self._keep_alive(venue, number, round(connect.ping_every_s * SECOND), connect.ping_text)

    def _greet(self, venue: VenueId, number: int, texts: Sequence[str]) -> None:
        """It is known to be open."""
        for text in texts:
            self._say(venue, number, text)

    def _say(self, venue: VenueId, number: int, text: str) -> None:
        self._ways.soon(lambda: self._ways.say(venue, number, text))

    def _keep_alive(self, venue: VenueId, number: int, every: Nanos, text: str | None) -> None:
        def ping() -> None:
            if self._ways.say(venue, number, text):
                self._keep_alive(venue, number, every, text)

        self._ways.at(self._ways.now + every, ping)

    def _closed(self, venue: VenueId, at: Nanos, why: str) -> None:
        conn = f"{venue}{PRIVATE}"
        self._ways.at(at, Arrival(Direction.CLOSE, venue, conn, self._ways.intake.life(conn), why.encode()))
