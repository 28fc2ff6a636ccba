"""Laws of an order at a venue, whatever the venue answers and whichever answers are lost."""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.act.pursuit import FENCE, PATIENCE, AskFor, Done, GaveUp, Pause, Pursuit, Step
from cryptopipe.act.venues import fills_of
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.errors import CryptopipeError, ProtocolError, RateLimited, UnknownOutcome, VenueError
from cryptopipe.model.actions import Action, CancelOrder, FindOrder, ListFills, PlaceOrder
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.outcomes import (
    Accepted,
    FillReport,
    NotFound,
    OrderReport,
    OrderState,
    Outcome,
    Refused,
    Reports,
)
from cryptopipe.model.trading import Order

D = Decimal
RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D("1"))
XY = Instrument(VenueId("alpha"), "XY", Asset("X"), Asset("Y"), rules=RULES)
ORDER = Order("7a0c1f0e-52a4-5c53-9d33-6b1f2f3f7f0d", 1, XY, Side.BUY, D("1"), D("100"))
START = 1_800_000_000 * SECOND


@dataclass
class Venue:
    """What one order does at a venue that may lose requests and answers: the truth that a pursuit must find."""

    reaches: bool
    """Whether the request to place it arrives."""
    filled: Decimal
    refuses: bool = False
    """The venue's own certain refusal, where the request arrives."""
    tells: str = "all"
    """In its answer to the placing: `all`, `id` alone, or `nothing` readable."""
    rests_until: Nanos = 0
    """The venue says until then, after it was sent, that the order is open."""
    slow_until: Nanos = 0
    """It knows nothing of the order until then."""
    lost: list[bool] = field(default_factory=list)
    """Which answers to questions are lost, in order; none after its end."""
    placed: int = 0
    cancelled: bool = False

    def answer(self, action: Action, since: Nanos) -> Outcome | CryptopipeError:
        if isinstance(action, PlaceOrder):
            self.placed += 1
            if not self.reaches:
                return UnknownOutcome("no answer")
            if self.refuses:
                return Refused("-2010", "insufficient balance")
            if self.tells == "nothing":
                return UnknownOutcome("HTTP 503")
            return Accepted("77", "", self._report(since) if self.tells == "all" else None)
        if self.lost and self.lost.pop(0):
            return [RateLimited("slower"), ProtocolError("not JSON"), VenueError("busy"), UnknownOutcome("cut off")][
                len(self.lost) % 4
            ]
        if isinstance(action, CancelOrder):
            self.cancelled = True
            return Accepted("77")
        known = self.reaches and not self.refuses and since >= self.slow_until
        if not known:
            return NotFound("-2013", "Order does not exist.")
        if isinstance(action, FindOrder):
            return Reports(orders=(self._report(since),))
        assert isinstance(action, ListFills)
        return Reports(fills=(*self._fills(), self._of_another()))

    def _report(self, since: Nanos) -> OrderReport:
        resting = since < self.rests_until and not self.cancelled
        ended = OrderState.FILLED if self.filled == ORDER.quantity else OrderState.EXPIRED
        state = OrderState.OPEN if resting else ended
        fills = tuple(self._fills()) if self.tells == "all" and not resting else None
        price = self.filled * 100
        return OrderReport(XY, "77", ORDER.client_id, Side.BUY, state, D(1), D(100), self.filled, price, fills)

    def _fills(self) -> list[FillReport]:
        half = self.filled / 2
        parts = [half, self.filled - half] if self.filled else []
        fee = Fee(D("0.001"), Asset("Y"))
        return [
            FillReport(XY, str(n), "77", ORDER.client_id, Side.BUY, D(100), part, fee, False, START)
            for n, part in enumerate(parts)
        ]

    def _of_another(self) -> FillReport:
        return FillReport(XY, "900", "78", "", Side.BUY, D(100), D(5), Fee(D(1), Asset("Y")), False, START)


def pursued(venue: Venue, took: Nanos = 20 * MILLISECOND) -> tuple[Step, Nanos]:
    """How the pursuit ends, and how long after it began."""
    pursuit = Pursuit(ORDER)
    at = START
    step = pursuit.begin(at)
    for _ in range(10_000):
        match step:
            case AskFor(action=action):
                at += took
                step = pursuit.told(venue.answer(action, at - START), at)
            case Pause(lasts=lasts):
                assert lasts > 0
                at += lasts
                step = pursuit.woken(at)
            case _:
                return step, at - START
    raise AssertionError("it never ends")


VENUES = st.builds(
    Venue,
    reaches=st.booleans(),
    filled=st.sampled_from([D(0), D("0.001"), D("0.4"), D(1)]),
    refuses=st.booleans(),
    tells=st.sampled_from(["all", "id", "nothing"]),
    rests_until=st.sampled_from([0, SECOND, 10 * SECOND]),
    slow_until=st.sampled_from([0, SECOND, 6 * SECOND]),
    lost=st.lists(st.booleans(), max_size=12),
)


@given(VENUES)
def test_an_order_is_placed_once_and_its_end_is_the_truth(venue: Venue) -> None:
    end, took = pursued(venue)
    assert venue.placed == 1
    assert isinstance(end, Done)
    really = venue.filled if venue.reaches and not venue.refuses else D(0)
    assert sum((fill.size for fill in end.fills), D(0)) == really
    assert all(fill.order_id == "77" and fill.fee is not None for fill in end.fills)
    assert took < PATIENCE


@given(VENUES)
def test_an_order_without_an_answer_is_unknown_until_no_clock_can_place_it_any_more(venue: Venue) -> None:
    venue.reaches = False
    end, took = pursued(venue)
    assert isinstance(end, Done) and "never placed" in end.obstacle
    assert took > FENCE


@given(st.sampled_from(["id", "nothing"]), st.sampled_from([D("0.4"), D(1)]))
def test_an_order_whose_end_cannot_be_learnt_is_given_up_aloud(tells: str, filled: Decimal) -> None:
    end, took = pursued(Venue(True, filled, tells=tells, lost=[True] * 9_000))
    assert isinstance(end, GaveUp) and ORDER.client_id in end.reason and XY.id in end.reason
    assert took >= PATIENCE


def test_an_immediate_order_that_still_rests_is_taken_out() -> None:
    venue = Venue(True, D("0.4"), rests_until=10 * SECOND)
    end, took = pursued(venue)
    assert isinstance(end, Done) and venue.cancelled
    assert took < 5 * SECOND


def test_an_order_that_its_venue_forgets_because_nothing_matched_has_ended() -> None:
    """It was asked for until the run gave up, which then traded no more."""
    pursuit, steps = Pursuit(ORDER), list[Step]()
    told: Outcome
    step, at = pursuit.begin(START), START
    while not isinstance(step, Done | GaveUp):
        steps.append(step)
        at += step.lasts if isinstance(step, Pause) else 20 * MILLISECOND
        match step:
            case Pause():
                step = pursuit.woken(at)
                continue
            case AskFor(action=PlaceOrder()):
                told = Accepted("77", "pending", Venue(True, D(0), rests_until=SECOND)._report(0))
            case AskFor(action=CancelOrder()):
                told = Refused("400", "Order already done")
            case AskFor(action=ListFills()):
                told = Reports()
            case _:
                told = NotFound("404", "NotFound")
        step = pursuit.told(told, at)
    assert isinstance(step, Done) and step.fills == () and "no more" in step.obstacle
    assert at - START < 5 * SECOND and sum(isinstance(one, AskFor) for one in steps) < 12


def test_a_certain_refusal_ends_at_once_with_the_venues_words() -> None:
    end, took = pursued(Venue(True, D(1), refuses=True))
    assert end == Done((), "refused: -2010 insufficient balance")
    assert took == 20 * MILLISECOND


def test_what_the_venue_rounded_of_the_quote_is_carried_by_the_last_fill() -> None:
    """0.0003 at 0.040233 and 0.0001 at 0.040231 are 0.0000160930 exactly; a venue of 8 places moved 0.00001608."""
    fee = Fee(D("0.00000001"), Asset("Y"))
    parts = [(D("0.040233"), D("0.0003")), (D("0.040231"), D("0.0001"))]
    told = tuple(
        FillReport(XY, str(n), "77", "", Side.BUY, price, size, fee, False, START)
        for n, (price, size) in enumerate(parts)
    )
    fills = fills_of(ORDER, Done(told, "", D("0.00001608")), START)
    assert [fill.rounding for fill in fills] == [0, D("-0.000000013")]
    assert sum(fill.spent for fill in fills) == D("0.00001608")
    assert [fill.rounding for fill in fills_of(ORDER, Done(told, "", D("16")), START)] == [0, 0]  # another figure
    assert [fill.rounding for fill in fills_of(ORDER, Done(told), START)] == [0, 0]
