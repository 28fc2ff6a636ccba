"""What a run knows of moving coins: told by the account, by public metadata, or by nobody; and for how long."""

from decimal import Decimal as D

from cryptopipe.clock import SECOND
from cryptopipe.market.listings import Listings
from cryptopipe.market.networks import ASKED_EVERY, BELIEVED_FOR, Custody, Networks
from cryptopipe.model.custody import CustodyTerms
from cryptopipe.model.facts import Asset, Currency, Network, VenueId

A, B, X = VenueId("alpha"), VenueId("beta"), Asset("X")
TERMS = CustodyTerms("a page", "2026-11-21", True, D(0), D(1000), "one", "one", "one", D(0))
OPEN = Network("net", "tron", "", deposits=True, withdrawals=True, withdrawal_fee=D(1))
AT = 1_700_000_000 * SECOND


class Nothing(Listings):
    """Venues that have no metadata."""

    def currencies(self, venue: VenueId) -> dict[str, Currency]:
        return {}


def currency(venue: VenueId) -> Currency:
    return Currency(venue, "X", X, (OPEN,))


def networks(book: bool = True, assumed: bool = False) -> Networks:
    told = {venue: (currency(venue),) for venue in (A, B)} if assumed else {}
    return Networks(Nothing({}), Custody({A: TERMS, B: TERMS}, lambda *name: book and name == (A, B, X, "tron"), told))


def test_nothing_is_open_until_both_have_told() -> None:
    one = networks()
    assert not one.routes(X, A, B, AT).open
    one.tell(A, (currency(A),), AT)
    assert "not told by the target" in one.routes(X, A, B, AT).why
    one.tell(B, (currency(B),), AT)
    assert [route.chain for route in one.routes(X, A, B, AT).open] == ["tron"]


def test_a_state_of_wallets_is_believed_for_minutes_only() -> None:
    one = networks()
    one.tell(A, (currency(A),), AT)
    one.tell(B, (currency(B),), AT + 60 * SECOND)
    assert one.routes(X, A, B, AT + BELIEVED_FOR).open
    assert "not told by the source" in one.routes(X, A, B, AT + BELIEVED_FOR + 1).why


def test_what_an_account_is_told_outranks_what_is_assumed() -> None:
    one = networks(assumed=True)
    assert one.routes(X, A, B, AT).open
    one.tell(A, (), AT)
    assert not one.routes(X, A, B, AT).open


def test_the_address_book_is_asked_for_this_very_way() -> None:
    assert networks(assumed=True).routes(X, A, B, AT).open
    assert not networks(assumed=True).routes(X, B, A, AT).open
    assert not networks(book=False, assumed=True).routes(X, A, B, AT).open


def test_venues_are_asked_only_when_wanted_and_once_a_minute() -> None:
    one = networks()
    assert one.to_ask(AT) == []
    one.routes(X, A, B, AT)
    assert one.to_ask(AT) == [A, B]
    one.routes(X, A, B, AT)
    assert one.to_ask(AT + ASKED_EVERY - 1) == []
    one.routes(X, A, B, AT)
    assert one.to_ask(AT + ASKED_EVERY) == [A, B]
    assert one.to_ask(AT + 2 * ASKED_EVERY) == []
