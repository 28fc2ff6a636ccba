"""The budget of requests: laws over any sequence of actions, and what a venue says of its limits."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.act.action_rules import Allowance, Weight
from cryptopipe.act.budget import UNDER_WAY, Budget
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.actions import (
    Action,
    CancelAll,
    CancelOrder,
    FetchBalances,
    FindOrder,
    ListOpenOrders,
    PlaceOrder,
)
from cryptopipe.model.contracts import Limit
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId
from cryptopipe.model.stream import HttpResponse

VENUE = VenueId("bitfoo")
MARKET = Instrument(VENUE, "btcusdt", Asset("BTC"), Asset("USDT"))
PLACE = PlaceOrder(MARKET, Side.BUY, Decimal(1), None, "a")
CANCEL, CANCEL_ALL = CancelOrder(MARKET, "a"), CancelAll(VENUE)
FIND, OPEN, BALANCES = FindOrder(MARKET, "a"), ListOpenOrders(VENUE), FetchBalances(VENUE)
WEIGHTS = {
    PlaceOrder: (Weight("weight", 2), Weight("orders")),
    CancelOrder: (Weight("weight", 1),),
    CancelAll: (Weight("weight", 3),),
    FindOrder: (Weight("weight", 2),),
    ListOpenOrders: (Weight("weight", 4),),
    FetchBalances: (Weight("weight", 5),),
}
ALLOWANCES = (
    Allowance("weight", Limit(40, 10 * SECOND), reserved=12),
    Allowance("orders", Limit(5, 3 * SECOND)),
)
ACTIONS = (PLACE, CANCEL, CANCEL_ALL, FIND, OPEN, BALANCES)

steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 3 * SECOND)), max_size=120)


def sent(actions: Sequence[tuple[Action, Nanos]], budget: Budget) -> list[tuple[Action, Nanos]]:
    """Those that went, each tried once, `later` after the one before."""
    at, gone = 1, []
    for action, later in actions:
        at += later
        if budget.take(action, at) == 0:
            gone.append((action, at))
    return gone


def weight(action: Action, name: str) -> int:
    return sum(one.amount for one in WEIGHTS[type(action)] if one.name == name)


@given(steps)
def test_no_span_ever_holds_more_than_its_limit(actions: list[tuple[Action, Nanos]]) -> None:
    gone = sent(actions, Budget(WEIGHTS, ALLOWANCES))
    for one in ALLOWANCES:
        for _, start in gone:
            inside = [weight(action, one.name) for action, at in gone if start <= at < start + one.limit.per]
            assert sum(inside) <= one.limit.count


@given(steps)
def test_a_cancel_never_waits_for_others(actions: list[tuple[Action, Nanos]]) -> None:
    others = [(action, later) for action, later in actions if action not in (CANCEL, CANCEL_ALL)]
    for cancel in (CANCEL, CANCEL_ALL):
        budget = Budget(WEIGHTS, ALLOWANCES)
        gone = sent(others, budget)
        assert budget.take(cancel, gone[-1][1] if gone else 1) == 0


@given(steps)
def test_a_question_about_an_order_never_waits_for_orders_and_balances(actions: list[tuple[Action, Nanos]]) -> None:
    budget = Budget(WEIGHTS, ALLOWANCES)
    gone = sent([one for one in actions if one[0] in (PLACE, BALANCES)], budget)
    assert budget.take(FIND, gone[-1][1] if gone else 1) == 0


@given(steps, st.sampled_from(ACTIONS))
def test_what_must_wait_may_go_when_it_was_told_and_not_before(
    actions: list[tuple[Action, Nanos]], last: Action
) -> None:
    budget = Budget(WEIGHTS, ALLOWANCES)
    gone = sent(actions, budget)
    now = gone[-1][1] if gone else 1
    when = budget.take(last, now)
    if when:
        assert when > now
        assert budget.take(last, when - 1) != 0
        assert budget.take(last, when) == 0


def test_without_a_reserve_a_tenth_is_kept_and_never_less_than_two_cancels() -> None:
    fifty = Budget({CancelOrder: (Weight("w", 1),)}, (Allowance("w", Limit(50, SECOND)),))
    assert sum(fifty.take(BALANCES, 1) == 0 for _ in range(60)) == 45
    dear = Budget({CancelOrder: (Weight("w", 4),)}, (Allowance("w", Limit(50, SECOND)),))
    assert sum(dear.take(BALANCES, 1) == 0 for _ in range(60)) == 42


def test_what_no_weight_speaks_of_takes_one_of_the_first() -> None:
    budget = Budget({}, (Allowance("a", Limit(20, SECOND), 5), Allowance("b", Limit(2, SECOND))))
    assert sum(budget.take(BALANCES, 1) == 0 for _ in range(30)) == 15


def test_without_allowances_everything_may_go_but_into_a_hold() -> None:
    budget = Budget({}, ())
    assert budget.take(PLACE, 1) == 0
    budget.hold(1, "2")
    assert budget.take(CANCEL, 2) == 1 + 2 * SECOND


def test_more_than_there_ever_is_names_both() -> None:
    with pytest.raises(ValueError, match="FetchBalances takes 20 of 20, of which 2 are kept"):
        Budget({FetchBalances: (Weight("w", 20),)}, (Allowance("w", Limit(20, SECOND), 2),))


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="weights of \\['wieght'\\]"):
        Budget({FetchBalances: (Weight("wieght"),)}, (Allowance("weight", Limit(20, SECOND)),))


@pytest.mark.parametrize(
    ("status", "headers", "held_s"),
    [
        (429, {"Retry-After": "7"}, 7),
        (418, {"retry-after": "180"}, 180),
        (429, {"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90),
        (429, {}, 1),
        (418, {}, 120),
    ],
)
def test_a_limited_answer_holds_everything(status: int, headers: dict[str, str], held_s: int) -> None:
    budget, at = Budget(WEIGHTS, ALLOWANCES), 10 * SECOND
    budget.hear(HttpResponse(status, b"", headers=headers), at)
    assert budget.held_until == at + held_s * SECOND
    assert {budget.take(one, at + 1) for one in ACTIONS} == {at + held_s * SECOND}
    assert budget.take(CANCEL, at + held_s * SECOND) == 0


def test_holds_without_a_word_double_until_an_answer_is_good() -> None:
    budget, at, told = Budget({}, ()), SECOND, []
    for _ in range(9):
        budget.hear(HttpResponse(429, b""), at)
        told.append((budget.held_until - at) // SECOND)
        at = budget.held_until
    assert told == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    budget.hear(HttpResponse(200, b""), at)
    budget.hear(HttpResponse(429, b""), at)
    assert budget.held_until == at + SECOND


def test_what_the_venue_counted_counts() -> None:
    """Somebody else uses the same address: 30 of 40 are told after our 5; 12 are kept, so that nothing is left."""
    budget = Budget(WEIGHTS, (Allowance("weight", Limit(40, 10 * SECOND), 12, "X-Used"), ALLOWANCES[1]))
    assert budget.take(BALANCES, 1) == 0
    budget.hear(HttpResponse(200, b"", headers={"x-used": "30"}), 2)
    assert budget.take(BALANCES, 3) == 2 + 10 * SECOND + UNDER_WAY
    assert budget.take(CANCEL, 3) == 0
    budget.hear(HttpResponse(200, b"", headers={"x-used": "9"}), 4)
    assert budget.take(BALANCES, 5) == 2 + 10 * SECOND + UNDER_WAY, "less than we count changes nothing"


DRAINING = tuple(Allowance(one.name, one.limit, one.reserved, drains=True) for one in ALLOWANCES)


@given(steps)
def test_what_drains_never_holds_more_than_its_count_and_says_when_there_is_room(
    actions: Sequence[tuple[Action, Nanos]],
) -> None:
    """A bucket kept apart, in fractions: forty units in ten seconds run off at four a second."""
    budget, at = Budget(WEIGHTS, DRAINING), 1
    held = {one.name: Fraction(0) for one in DRAINING}
    for action, later in actions:
        at += later
        for one in DRAINING:
            held[one.name] = max(Fraction(0), held[one.name] - Fraction(one.limit.count * later, one.limit.per))
        due = budget.take(action, at)
        if due:
            assert due > at
            assert budget.take(action, due - 1) > due - 1, "it said a later time than there is room at"
            assert budget.take(action, due) == 0, "it said an earlier time than there is room at"
            for one in DRAINING:
                gone = Fraction(one.limit.count * (due - at), one.limit.per)
                held[one.name] = max(Fraction(0), held[one.name] - gone)
            at = due
        for one in DRAINING:
            held[one.name] += weight(action, one.name)
            assert held[one.name] <= one.limit.count


def test_a_burst_runs_off_steadily() -> None:
    """Twenty calls, half a call a second: after 18 at once two more may go every four seconds, not after forty."""
    pool = (Allowance("calls", Limit(20, 40 * SECOND), reserved=2, drains=True),)
    budget = Budget({FetchBalances: (Weight("calls", 2),)}, pool)
    assert [budget.take(BALANCES, SECOND) for _ in range(9)] == [0] * 9
    assert budget.take(BALANCES, SECOND) == 5 * SECOND
    assert budget.take(BALANCES, 5 * SECOND) == 0
    assert budget.take(BALANCES, 5 * SECOND) == 9 * SECOND
