"""What a run learns of its own records: lives that ended and lives lost from sight, plans, latencies, transfers."""

from decimal import Decimal as D
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.gate.sightings import Sightings
from cryptopipe.journal.account_records import (
    ActionAnswered,
    TransferCredited,
    TransferIntended,
    TransferSent,
    TransitEnded,
)
from cryptopipe.journal.records import BookChanged, Decided, DecidedLeg, Intended, OrderEnded, PlanEnded
from cryptopipe.lessons import Lessons
from cryptopipe.market.experience import MOST, Experience, Road
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.trading import Forecast, Transit, Way

MINUTE: Nanos = 60 * SECOND
A, B = VenueId("a"), VenueId("b")
ROAD = Road(A, "solana", B)
EDGE = "two_venue a:X b:X"
NOTHING = Forecast(*[D(0)] * 12)
TRANSIT = Transit(Way.TRANSFER, Asset("X"), A, B, "solana", "X", "SOL", "X", "SPL", D(1), D(0), D(1), None, NOTHING)


def decided(phase: str, accepted: bool = False, edge: str = EDGE, number: int = 1, **more: Any) -> Decided:
    legs = tuple(
        DecidedLeg(f"{v}:X", side, D(1), D(1), D(1), D(0), "U") for v, side in (("a", Side.BUY), ("b", Side.SELL))
    )
    nothing = D(0)
    return Decided(
        number, 1, phase, edge, legs, nothing, nothing, (), {}, nothing, "U", nothing, accepted, (), nothing, nothing,
        **more,
    )  # fmt: skip


class Taught:
    """Lessons, and what came of them; times in seconds."""

    def __init__(self) -> None:
        self.known = Experience()
        self.lessons = Lessons(self.known)

    def hear(self, *told: tuple[int, Any]) -> "Taught":
        for at, body in told:
            self.lessons.hear(body, at * SECOND)
        return self

    def lives(self, kind: str = "two_venue") -> list[tuple[int, bool]]:
        return [(duration // SECOND, closed) for duration, closed in self.known.lives(kind)]


def test_an_edge_that_goes_by_itself_has_closed() -> None:
    told = Taught().hear((10, decided("open")), (11, decided("change")), (14, decided("end")))
    assert told.lives() == [(4, True)]
    assert told.lives("triangle") == []


def test_an_edge_that_we_take_lives_until_then_at_least_and_is_told_once() -> None:
    told = Taught().hear((10, decided("open")), (12, decided("change", accepted=True)))
    assert told.lives() == [(2, False)]
    told.hear((13, decided("change", accepted=True, number=2)), (14, decided("end", accepted=True)))
    assert told.lives() == [(2, False)]


def test_an_edge_whose_book_dies_is_not_seen_to_close_even_if_the_book_comes_back() -> None:
    told = Taught().hear((10, decided("open")), (13, BookChanged("b:X", "suspect", "sequence")))
    told.hear((14, BookChanged("b:X", "live", "sequence")), (20, decided("end")))
    assert told.lives() == [(3, False)]
    other = Taught().hear((10, decided("open")), (13, BookChanged("c:X", "dead", "sequence")), (20, decided("end")))
    assert other.lives() == [(10, True)]
    came = Taught().hear((10, decided("open")), (13, BookChanged("b:X", "live", "sequence")), (20, decided("end")))
    assert came.lives() == [(10, True)]


def test_what_the_end_of_the_run_ends_has_not_closed() -> None:
    told = Taught().hear((10, decided("open")))
    told.lessons.stop(15 * SECOND)
    assert told.hear((15, decided("end"))).lives() == [(5, False)]


def test_an_edge_is_known_by_its_age_while_it_is_open() -> None:
    told = Taught().hear((10, decided("open")), (11, decided("change", accepted=True)))
    assert told.known.alive_since(EDGE) == 10 * SECOND
    assert told.hear((12, decided("end"))).known.alive_since(EDGE) is None
    assert told.hear((20, decided("open"))).known.alive_since(EDGE) == 20 * SECOND


WORDS = st.lists(st.tuples(st.sampled_from("oahe"), st.sampled_from("xy")), max_size=40)


@given(WORDS)
def test_every_opening_is_told_once_and_closed_only_where_nothing_came_between(words: list[tuple[str, str]]) -> None:
    told: list[tuple[str, Nanos, bool]] = []
    seen = Sightings(lambda *life: told.append(life))
    histories: list[tuple[str, str, int]] = []
    opened: dict[str, tuple[int, str]] = {}
    for at, (word, edge) in enumerate(words):
        if word == "o" and edge not in opened:
            seen.opened(edge, (f"book {edge}",), at)
            opened[edge] = at, ""
        elif word != "o":
            {"a": seen.accepted, "e": seen.ended}.get(word, lambda e, t: seen.hidden(f"book {e}", t))(edge, at)
            if edge in opened and word == "e":
                histories.append((edge, opened[edge][1] + word, at - opened[edge][0]))
                del opened[edge]
            elif edge in opened:
                opened[edge] = opened[edge][0], opened[edge][1] + word
    seen.stop(len(words))
    assert len(told) == len(histories) + len(opened)
    whole = sorted((edge, lasted) for edge, history, lasted in histories if history == "e")
    assert sorted((edge, lasted) for edge, lasted, closed in told if closed) == whole


def test_lives_are_the_latest_and_the_same_object_until_there_is_a_new_one() -> None:
    known = Experience()
    for n in range(MOST + 5):
        known.lived("triangle", n, True)
    lives = known.lives("triangle")
    assert len(lives) == MOST and lives[0] == (5, True) and lives[-1] == (MOST + 4, True)
    assert known.lives("triangle") is lives
    known.lived("round", 1, True)
    assert known.lives("triangle") is lives
    known.lived("triangle", 7, False)
    assert known.lives("triangle") is not lives and known.lives("triangle")[-1] == (7, False)


def plan(number: int, *unfilled: int, edge: str = EDGE) -> list[tuple[int, Any]]:
    """An accepted decision of two legs; orders after them close what is left."""
    sent = [Intended(f"{number}-{at}", number, "a:X", Side.BUY, D(1), D(1)) for at in range(len(unfilled))]
    ends = [OrderEnded(f"{number}-{at}", D(1) - left, D(left)) for at, left in enumerate(unfilled)]
    records = [
        decided("open", True, edge, number),
        *sent,
        *ends,
        PlanEnded(number, {}, {}, D(0)),
        decided("end", edge=edge),
    ]
    return [(number, one) for one in records]


def test_a_plan_is_completed_if_every_leg_is_filled_whatever_closes_the_rest() -> None:
    told = Taught().hear(*plan(1, 0, 0), *plan(2, 0, 1), *plan(3, 0, 1, 0), *plan(4, 1, 1), *plan(5, 0, 0, 1))
    assert told.known.plans("two_venue") == (2, 5)
    assert told.known.plans("triangle") == (0, 0)
    told.hear(*plan(6, 0, 0, edge="triangle a"))
    assert told.known.plans("triangle") == (1, 1)


def test_a_plan_under_way_is_not_counted() -> None:
    assert Taught().hear(*plan(1, 0, 0)[:-2]).known.plans("two_venue") == (0, 0)


def test_a_latency_is_assumed_until_it_is_measured_and_then_the_mean() -> None:
    known = Experience(lambda venue: 7 if venue == A else None)
    lessons = Lessons(known)
    assert (known.latency(A), known.latency(B)) == (7, None)
    placed = "PlaceOrder"
    answers = ((100, placed, "accepted"), (300, placed, "accepted"), (9_000, "FindOrder", "told"), (1, placed, "error"))
    for took, kind, outcome in answers:
        lessons.hear(ActionAnswered("a", kind, "", outcome, "", took * MILLISECOND), SECOND)
    assert (known.latency(A), known.latency(B)) == (200 * MILLISECOND, None)


def intended(network: str = "SOL", client_id: str = "w") -> TransferIntended:
    return TransferIntended(client_id, "a", "X", D(1), "b" if network else "funding", network, "address")


def ended(end: str, number: int = 1) -> TransitEnded:
    one = D(1)
    return TransitEnded(
        number, "transfer", end, "X", "a", "b", one, one, one, one, one, {}, "U", one, one, 0, 0
    )  # fmt: skip


def moving(*told: tuple[int, Any]) -> Taught:
    return Taught().hear((0, decided("open", True, "transfer a b", transit=TRANSIT)), *told)


SENT = TransferSent(1, "w", "a", "X", D(1), D(0), "tx")
CREDITED = TransferCredited(1, "w", "b", "X", D(1), "tx", 10 * MINUTE)


def test_a_transfer_waits_from_its_asking_until_its_credit() -> None:
    told = moving((60, intended("")), (120, intended()))
    assert told.known.transfers(ROAD, 5 * MINUTE) == ((3.0, False),)
    told.hear((130, SENT))
    assert told.known.transfers(ROAD, 6 * MINUTE) == ((4.0, False),)
    told.hear((720, CREDITED), (721, ended("sold")))
    assert told.known.transfers(ROAD, 99 * MINUTE) == ((10.0, True),)
    assert told.known.transfers(Road(B, "solana", A), 99 * MINUTE) == ()
    assert told.known.plans("transfer") == (1, 1)


def test_one_that_was_refused_says_nothing_and_one_that_is_lost_never_arrives() -> None:
    refused = moving((60, intended()), (70, ended("kept")))
    assert refused.known.transfers(ROAD, 9 * MINUTE) == () and refused.known.plans("transfer") == (0, 1)
    lost = moving((60, intended()), (61, SENT), (70, ended("lost")))
    assert lost.known.transfers(ROAD, 9 * MINUTE) == ((inf, False),) and lost.known.plans("transfer") == (0, 1)


def test_two_of_one_road_are_two() -> None:
    second = decided("open", True, "transfer a b", 2, transit=TRANSIT)
    told = moving((60, intended()), (61, second), (120, intended(client_id="v")), (700, CREDITED))
    assert told.known.transfers(ROAD, 12 * MINUTE) == ((10.0, True), (10.0, False))


@pytest.mark.parametrize(
    "record", [SENT, CREDITED, ended("sold"), PlanEnded(1, {}, {}, D(0)), OrderEnded("1", D(1), D(0))]
)
def test_what_is_not_ours_teaches_nothing(record: Any) -> None:
    told = Taught().hear((1, record))
    assert told.known.transfers(ROAD, SECOND) == () and told.known.plans("transfer") == (0, 0)
