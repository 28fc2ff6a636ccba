"""What a venue's limit of a day has seen already."""

from decimal import Decimal as D

from cryptopipe.act.sent import DAY, SentLately
from cryptopipe.model.facts import VenueId

A, B = VenueId("a"), VenueId("b")


def test_a_day_is_the_last_24_hours_of_each_venue() -> None:
    sent = SentLately()
    assert sent.total(A, 5) == 0
    for venue, worth, at in ((A, 100, 0), (B, 7, 1), (A, 50, 10)):
        sent.note(venue, D(worth), at)
    assert sent.total(A, 10) == D(150)
    assert sent.total(B, 10) == D(7)
    assert sent.total(A, DAY - 1) == D(150)
    assert sent.total(A, DAY) == D(50)
    assert sent.total(A, DAY + 10) == 0
