"""What venues say we hold, before and after: locked money is ours too, and nothing is compared while orders are out."""

from collections.abc import Mapping
from decimal import Decimal as D

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.reckoning import AGAIN_AFTER, Differences, Reckoning
from cryptopipe.act.venues import VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import VenueUnavailable
from cryptopipe.model.actions import Action, FetchBalances
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import BalanceReport, Outcome, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

ALPHA, BETA = VenueId("alpha"), VenueId("beta")
X, Y = Asset("X"), Asset("Y")
START: Nanos = 1_800_000_000 * SECOND


class Teller:
    """A codec whose answers are rows `asset free locked`; one that is no row finds the venue away."""

    supports: frozenset[type[Action]] = frozenset({FetchBalances})

    def build(self, action: Action, credentials: Credentials, at: Nanos, earlier: object = ()) -> HttpRequest:
        return HttpRequest("GET", "https://alpha.example/balances")

    def parse(self, action: Action, response: HttpResponse, earlier: object = ()) -> Outcome:
        assert isinstance(action, FetchBalances)
        rows = [line.split() for line in response.body.decode().splitlines()]
        if any(len(row) != 3 for row in rows):
            raise VenueUnavailable("away", where=action.venue)
        return Reports(balances=tuple(BalanceReport(action.venue, Asset(a), D(f), D(lock)) for a, f, lock in rows))


class Books:
    """A ledger that opens by what venues tell, and what they told at the end."""

    def __init__(self, *venues: VenueId) -> None:
        self.ledger = Ledger()
        self.differs: dict[VenueId, Differences] = {}
        self.execution = VenueExecution(
            dict.fromkeys(venues, Teller()), lambda *ended: None, lambda why: None, lambda answered: None
        )
        self.reckoning = Reckoning(self.execution, self.ledger, self.open, self.differs.__setitem__)

    def open(self, venue: VenueId, held: Mapping[Asset, D]) -> None:
        self.ledger.open(venue, held)

    def answer(self, at: Nanos, **told: str) -> None:
        """What each venue says to what it is asked now."""
        for one in self.execution.take_instructions():
            body = told[one.venue].encode()
            self.execution.answered(Input(1, 1, at, Direction.HTTP, one.venue, "", "", body, 200, (), one.tag))


def test_what_is_held_back_is_held_too() -> None:
    books = Books(ALPHA)
    books.reckoning.begin([ALPHA], START)
    books.answer(START, alpha="X 1.5 0.5\nY 0 7\nZ 0 0")
    assert (books.ledger.balance(ALPHA, X), books.ledger.balance(ALPHA, Y)) == (D(2), D(7))
    assert set(books.ledger.balances()[ALPHA]) == {X, Y}
    books.reckoning.close(START)
    assert books.reckoning.outstanding == {ALPHA}
    books.answer(START, alpha="X 2 0\nY 6 1")
    assert (books.differs, books.reckoning.outstanding) == ({ALPHA: {}}, set())


def test_each_difference_is_told_with_both_amounts() -> None:
    """One asset less, one that the books do not know, one that is gone altogether."""
    books = Books(ALPHA)
    books.reckoning.begin([ALPHA], START)
    books.answer(START, alpha="X 2 0\nY 7 0")
    books.reckoning.close(START)
    books.answer(START, alpha="X 1.99999999 0\nZ 3 0")
    assert books.differs[ALPHA] == {
        X: (D("1.99999999"), D(2)),
        Y: (D(0), D(7)),
        Asset("Z"): (D(3), D(0)),
    }


def test_a_venue_that_does_not_answer_is_asked_again_and_the_others_are_known() -> None:
    books = Books(ALPHA, BETA)
    books.reckoning.begin([ALPHA, BETA], START)
    books.answer(START, alpha="no row", beta="X 1 0")
    assert books.reckoning.known == {BETA}
    assert books.execution.next_due() == START + AGAIN_AFTER
    books.execution.wake(START + AGAIN_AFTER)
    books.answer(START + AGAIN_AFTER, alpha="X 5 0")
    assert books.reckoning.known == {ALPHA, BETA} and books.ledger.balance(ALPHA, X) == 5
