"""The optimum of a snapshot against trying everything, its certificates in fractions, and the laws of both."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction as F
from itertools import product
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from evaluation.small_markets import (
    LOT,
    MONEY,
    Flows,
    assert_feasible,
    best_by_trying,
    book,
    each,
    gain_of,
    odd_market,
    rows,
    sent,
    traded,
)
from scipy.optimize import linprog

from cryptopipe.evaluate.cases import most_gained
from cryptopipe.evaluate.optimum import Case, Certificate, Keep, NoPlan, Plan, Question, solve
from cryptopipe.evaluate.optimum_plan import sizes
from cryptopipe.evaluate.optimum_program import Layout
from cryptopipe.evaluate.snapshot import Node, Route, Shown, Snapshot
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId

COUNTS = [16, pytest.param(10_000, marks=pytest.mark.long)]
QUESTIONS = [Question(MONEY, keep, funded) for funded, keep in product((True, False), Keep)]
A, B, X = VenueId("a"), VenueId("b"), Asset("X")
Answer = Plan | Certificate | NoPlan


def gain(answer: Answer) -> F:
    return F(answer.gain) if isinstance(answer, Plan) else F(0)


def markets(count: int) -> Iterator[tuple[int, Snapshot, Question]]:
    """Half of them linked, those with the question that needs it."""
    for number, snapshot in each(count):
        yield number, snapshot, QUESTIONS[number % 4]


def free(snapshot: Snapshot, lots: bool = False) -> Snapshot:
    """Any size and any amount; with `lots` whole ones without minimums."""
    books = tuple(replace(one, instrument=msgspec.structs.replace(one.instrument, rules=LOT)) for one in snapshot.books)
    routes = tuple(replace(one, precision=0 if lots else None) for one in snapshot.routes)
    return replace(snapshot, books=books, routes=routes)


def without_fees(shown: Shown) -> Shown:
    return replace(shown, fees=msgspec.structs.replace(shown.fees, taker_rate=D(0)))


@pytest.mark.parametrize("count", COUNTS)
def test_in_lots_it_is_what_trying_everything_finds(count: int) -> None:
    gained = 0
    for number, snapshot, question in markets(count):
        asked = replace(question, lots=True)
        answer = solve(snapshot, asked)
        assert gain(answer) == best_by_trying(snapshot, asked), (number, answer)
        if isinstance(answer, Plan):
            gained += 1
            assert_feasible(snapshot, answer)
            assert F(answer.gain) <= answer.ceiling
    assert gained > count / 20, "markets in which something can be gained"


def test_two_ladders_without_fees_meet_at_whole_lots_without_being_asked_to() -> None:
    """A transport problem: its linear program has whole corners."""
    gained = 0
    for number, snapshot in each(20):
        books = tuple(without_fees(one) for one in free(snapshot).books[:2])
        market = Snapshot(0, books, {node: D(1000) for node in snapshot.nodes})
        question = Question(MONEY, Keep.ASSET)
        found = gain(solve(market, question))
        assert found == best_by_trying(market, question), number
        gained += found > 0
    assert gained > 3


@pytest.mark.parametrize("count", COUNTS)
def test_fixed_fees_are_what_trying_each_set_of_routes_finds(count: int) -> None:
    """Against another program, dense and in other columns, for each set of routes that are gone by."""
    for number, drawn, question in markets(count):
        snapshot = free(drawn)
        answer = solve(snapshot, question)
        best = max(_by_set(snapshot, question, which) for which in _sets(snapshot))
        assert abs(best - gain(answer)) < 1e-6, (number, best, answer)
        if isinstance(answer, Plan):
            assert_feasible(snapshot, answer)
            moved = sum(leg.quantity * leg.vwap for leg in answer.legs)
            assert abs(answer.gap) <= D("1e-9") * max(D(1), moved), (number, answer.gap, moved)


@pytest.mark.parametrize("count", [4, pytest.param(2_000, marks=pytest.mark.long)])
def test_digits_like_real_ones_leave_nothing_but_their_rounding(count: int) -> None:
    """What cutting amounts to their places may cost: of each asset a few of the last, at its price."""
    gained = 0
    for number in range(count):
        snapshot = odd_market(Random(number))
        answer = solve(snapshot, Question(MONEY))
        best = max(_by_set(snapshot, Question(MONEY), which) for which in _sets(snapshot))
        assert abs(best - gain(answer)) < 0.01, (number, best, answer)
        if isinstance(answer, Plan):
            gained += 1
            assert_feasible(snapshot, answer)
        assert not (isinstance(answer, NoPlan) and "rounding" in answer.why)
        free_of_places = replace(snapshot, routes=tuple(replace(one, precision=None) for one in snapshot.routes))
        freely = solve(free_of_places, Question(MONEY))
        if isinstance(freely, Plan):
            moved = sum(leg.quantity * leg.vwap for leg in freely.legs)
            assert abs(freely.gap) <= D("1e-9") * moved, (number, freely.gap, moved)
    assert gained > count / 4


def _sets(snapshot: Snapshot) -> Iterator[tuple[Route, ...]]:
    routes = [one for one in snapshot.routes if one.open]
    for taken in product((False, True), repeat=len(routes)):
        yield tuple(one for one, wanted in zip(routes, taken, strict=True) if wanted)


def _by_set(snapshot: Snapshot, question: Question, routes: tuple[Route, ...]) -> float:
    """The best when exactly these routes are gone by, each with its fee and at least its minimum."""
    flows: list[tuple[Flows, float]] = []
    for shown in snapshot.books:
        for side in Side:
            for level in shown.asks if side is Side.BUY else shown.bids:
                alone = replace(shown, bids=(level,), asks=(level,))
                flows.append((traded(alone, side, F(level[1])), 0.0))
    nodes = {node: at for at, node in enumerate(snapshot.nodes)}
    change, leaving = np.zeros((len(nodes), len(flows) + len(routes))), np.zeros((len(nodes), len(flows) + len(routes)))
    fixed, fixed_leaving = np.zeros(len(nodes)), np.zeros(len(nodes))
    bounds: list[tuple[float, float]] = [(0, 1)] * len(flows)
    for at, (moved, _) in enumerate(flows):
        _enter(change[:, at], leaving[:, at], nodes, moved)
    for at, route in enumerate(routes, len(flows)):
        least = max(route.minimum, route.fee)
        _enter(fixed, fixed_leaving, nodes, sent(route, F(least)))
        _enter(
            change[:, at],
            leaving[:, at],
            nodes,
            [((route.source, route.asset), F(1), (route.target, route.asset), F(1))],
        )
        if route.maximum is not None and route.maximum < least:
            return -np.inf
        bounds.append((0, np.inf if route.maximum is None else float(route.maximum - least)))
    return _solved(snapshot, question, nodes, (change, leaving, fixed, fixed_leaving), bounds)


def _enter(change: Any, leaving: Any, nodes: dict[Node, int], flows: Flows) -> None:
    for source, out, target, into in flows:
        change[nodes[source]] -= float(out)
        leaving[nodes[source]] += float(out)
        change[nodes[target]] += float(into)


def _solved(
    snapshot: Snapshot, question: Question, nodes: dict[Node, int], moved: tuple[Any, ...], bounds: list[Any]
) -> float:
    change, leaving, fixed, fixed_leaving = moved
    if not bounds:
        return 0.0
    above, limits = [], []
    for kept in {node if question.keep is Keep.PLACE else node[1] for node in nodes}:
        places = [at for node, at in nodes.items() if kept in (node, node[1])]
        above.append(-change[places].sum(axis=0))
        limits.append(fixed[places].sum())
    for node, at in nodes.items():
        if question.funded or node[1] == question.numeraire:
            above.append(leaving[at])
            limits.append(float(snapshot.balances[node]) - fixed_leaving[at])
    money = [at for node, at in nodes.items() if node[1] == question.numeraire]
    found = linprog(-change[money].sum(axis=0), A_ub=np.array(above), b_ub=np.array(limits), bounds=bounds)
    return float(fixed[money].sum() - found.fun) if found.status == 0 else -np.inf


@pytest.mark.parametrize("count", [20, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_certificate_holds_at_every_level_and_route(count: int) -> None:
    """In fractions, spelt out once more: bought and sold at these prices, nothing brings more than it takes."""
    certified = 0
    for number, drawn, question in markets(count):
        snapshot = free(drawn)
        answer = solve(snapshot, question)
        if not isinstance(answer, Certificate) or answer.cases:
            continue
        certified += 1

        def price(node: Node, answer: Certificate = answer) -> F:
            return answer.prices[answer.question.pool(node)]

        assert all(price((venue, MONEY)) >= 1 for venue in (A, B))
        assert all(one >= 0 for one in answer.prices.values())
        for source, out, target, into in _all_flows(snapshot, answer):
            assert into * price(target) <= out * price(source), (number, source, target)
    assert certified > count / 10


def _all_flows(snapshot: Snapshot, answer: Certificate) -> Flows:
    """Each level whole, and of each open route the most that can be sent; where any balance is meant, free of fee."""
    flows: Flows = []

    def held(node: Node) -> bool:
        bound = answer.question.funded or node[1] == MONEY
        return answer.any_balance or not bound or snapshot.balances[node] > 0

    for shown in snapshot.books:
        for side, levels in ((Side.BUY, shown.asks), (Side.SELL, shown.bids)):
            for level in levels:
                flows += traded(replace(shown, bids=(level,), asks=(level,)), side, F(level[1]))
    for route in snapshot.routes:
        source = route.source, route.asset
        most = F(route.maximum or 0)
        if answer.question.funded or route.asset == MONEY:
            most = min(most, F(snapshot.balances[source]))
        if route.open and answer.any_balance:
            flows += sent(replace(route, fee=D(0)), F(1))
        elif route.open and most >= max(route.minimum, route.fee) and most > 0 and _there(snapshot, route.asset):
            flows += sent(route, most)
    return [flow for flow in flows if held(flow[0])]


def _there(snapshot: Snapshot, asset: Asset) -> bool:
    """Whether any of it is held, or can be bought for money that is."""
    held = any(amount > 0 for node, amount in snapshot.balances.items() if node[1] == asset)
    sold_at = [one.instrument.venue for one in snapshot.books if one.instrument.base == asset and one.asks]
    return held or any(snapshot.balances[venue, MONEY] > 0 for venue in sold_at)


@pytest.mark.parametrize("count", [6, pytest.param(2_000, marks=pytest.mark.long)])
def test_more_is_never_less(count: int) -> None:
    """Another route, more held, deeper books, a lower fee: the optimum does not fall; in lots exactly."""
    for number, drawn, question in markets(count):
        lots = number % 3 == 0
        snapshot, asked = free(drawn, lots), replace(question, lots=lots)
        before = gain(solve(snapshot, asked)) - (0 if lots else F(1, 10**6))
        for what, other in _more(snapshot, number):
            assert gain(solve(other, asked)) >= before, (number, what)


def _more(snapshot: Snapshot, number: int) -> Iterator[tuple[str, Snapshot]]:
    twice = {node: 2 * held for node, held in snapshot.balances.items()}
    yield "balances", replace(snapshot, balances=twice)
    way = Route(X, A, B, "other", D(1), precision=snapshot.routes[0].precision if snapshot.routes else 0)
    yield "a route", replace(snapshot, routes=(*snapshot.routes, way))
    changed = list(snapshot.books)
    at = number % len(changed)
    fees = changed[at].fees
    changed[at] = replace(changed[at], fees=msgspec.structs.replace(fees, taker_rate=fees.taker_rate - D("0.05")))
    yield "a lower fee", replace(snapshot, books=tuple(changed))
    deeper = list(snapshot.books)
    deeper[at] = replace(deeper[at], bids=(*deeper[at].bids, (D(1), D(2)))) if _room(deeper[at]) else deeper[at]
    yield "a deeper book", replace(snapshot, books=tuple(deeper))


def _room(shown: Shown) -> bool:
    return not shown.bids or shown.bids[-1][0] > 1


def test_a_triangle_by_hand() -> None:
    # 600 M buy 10 X at 60; 10 X buy 2 Y at 5 X each; 2 Y sell at 310 M: 620, so 20 are gained, at no fee.
    books = (
        book("a", "X", (), rows((60, 10), (70, 5))),
        book("a", "Y", (), rows((5, 2), (9, 9)), quote="X"),
        book("a", "Y", rows((310, 2), (100, 9)), ()),
    )
    snapshot = Snapshot(0, books, {(A, MONEY): D(1000)})
    through = solve(snapshot, Question(MONEY, funded=False))
    assert isinstance(through, Plan) and through.gain == 20
    assert [(leg.instrument.symbol, leg.quantity, leg.limit) for leg in through.legs] == [
        ("XM", D(10), D(60)), ("YX", D(2), D(5)), ("YM", D(2), D(310)),
    ]  # fmt: skip
    at_once = solve(snapshot, Question(MONEY))
    assert isinstance(at_once, Certificate), "out of stock alone there is nothing to sell"
    assert not at_once.any_balance, "and with other balances there would be"


def test_a_fixed_fee_decides() -> None:
    books = (book("a", "X", (), rows((100, 5))), book("b", "X", rows((110, 5)), ()))
    held = {(A, MONEY): D(1000), (A, X): D(50), (B, X): D(50), (B, MONEY): D(1000)}

    def ways(fee: str) -> tuple[Route, ...]:
        return Route(X, A, B, "chain"), Route(MONEY, B, A, "chain", D(fee))

    cheap = solve(Snapshot(0, books, held, ways("49")), Question(MONEY))
    assert isinstance(cheap, Plan) and cheap.gain == 1  # five lots at ten each, less 49
    assert [(one.route.asset, one.amount, one.arrives) for one in cheap.sent] == [
        (X, D(5), D(5)), (MONEY, D(549), D(500)),
    ]  # fmt: skip
    dear = solve(Snapshot(0, books, held, ways("51")), Question(MONEY))
    assert isinstance(dear, Certificate) and len(dear.cases) > 1, "a part of the fee would pay"
    sixes = tuple(replace(one, instrument=of_at_least(one, 6)) for one in books)
    in_lots = solve(Snapshot(0, sixes, held, ways("9")), Question(MONEY, lots=True))
    assert isinstance(in_lots, NoPlan) and "minimums of orders" in in_lots.why
    assert 41 <= in_lots.relaxed <= in_lots.ceiling <= 50, "what five would gain, of the six that are asked for"


def of_at_least(shown: Shown, size: int) -> Instrument:
    return msgspec.structs.replace(shown.instrument, rules=msgspec.structs.replace(LOT, min_size=D(size)))


@pytest.mark.parametrize("count", [4, pytest.param(2_000, marks=pytest.mark.long)])
def test_the_cases_of_a_proof_leave_out_none_and_none_gains(count: int) -> None:
    """Each set of routes is in a case; and under its prices and rents, spelt out once more, no plan gains."""
    proven, question = 0, Question(MONEY)
    for number in range(count):
        random = Random(number)
        drawn = odd_market(random)
        times = random.randrange(4, 20)
        dear = (replace(one, fee=times * one.fee, minimum=times * one.fee) for one in drawn.routes)
        snapshot = replace(drawn, routes=tuple(dear))
        answer = solve(snapshot, question)
        if not isinstance(answer, Certificate) or not answer.cases:
            continue
        proven += 1
        open_ones = [at for at, one in enumerate(snapshot.routes) if one.open]
        for taken in product((False, True), repeat=len(open_ones)):
            gone = {at for at, wanted in zip(open_ones, taken, strict=True) if wanted}
            (case,) = [one for one in answer.cases if one.on <= gone and not one.off & gone]
            assert all(case.prices[venue, MONEY] >= 1 for venue in (A, B))
            assert _most(snapshot, question, case, gone) <= 0, number
    assert proven > count / 4


@pytest.mark.parametrize("count", [6, pytest.param(2_000, marks=pytest.mark.long)])
def test_whatever_the_prices_and_rents_no_plan_of_a_case_gains_more(count: int) -> None:
    """Weak duality: prices that nobody's program told bound every set of routes of the case."""
    question, values = Question(MONEY), {"X": 62_139.0, "Y": 0.0402, "M": 1.0}
    for number in range(count):
        random = Random(number)
        snapshot = odd_market(random)
        layout = Layout(snapshot, question, {})
        decided = [random.choice(("on", "off", "free")) for _ in snapshot.routes]
        on, off = (frozenset(at for at, one in enumerate(decided) if one == wanted) for wanted in ("on", "off"))
        prices = {node: F(values[node[1]] * random.uniform(1, 1.004)) for node in snapshot.nodes}
        rents = {node: prices[node] * F(random.choice((0, 0, 0.002))) for node in snapshot.nodes}
        bound = most_gained(snapshot, question, layout, (on, off), prices, rents)
        for taken in product((False, True), repeat=len(decided)):
            gone = {at for at, wanted in enumerate(taken) if wanted}
            if on <= gone and not off & gone:
                best = _by_set(snapshot, question, tuple(snapshot.routes[at] for at in gone))
                assert best <= bound + F(1, 10**5), (number, gone, best, bound)


def test_a_case_is_bounded_by_each_of_its_parts() -> None:
    # A route on which each unit gains 1 at these prices, of 10 at most, with a fee of 3 at a price of 2, and a rent.
    way = Route(X, A, B, "chain", D(3), minimum=D(4))
    snapshot = Snapshot(0, (), {(A, X): D(10), (B, X): D(0)}, (way,))
    layout = Layout(snapshot, Question(MONEY), {})
    free_of = (frozenset[int](), frozenset[int]())
    gone_by, not_gone_by = (frozenset({0}), frozenset[int]()), (frozenset[int](), frozenset({0}))

    def most(decided: tuple[frozenset[int], ...], here: int, there: int, rent: int = 0) -> F:
        prices = {(A, X): F(here), (B, X): F(there)}
        return most_gained(snapshot, Question(MONEY), layout, decided, prices, {(A, X): F(rent)})

    assert [most(one, 1, 2) for one in (free_of, gone_by, not_gone_by)] == [10 - 6, 10 - 6, 0]
    assert [most(one, 3, 2) for one in (free_of, gone_by, not_gone_by)] == [0, -4 - 6, 0], (
        "four at least, each less one"
    )
    assert [most(one, 1, 2, rent=1) for one in (free_of, gone_by)] == [10, 10 - 6]


def _most(snapshot: Snapshot, question: Question, case: Case, gone: set[int]) -> F:
    """No plan by these routes gains more: what each of its parts brings at most above what it costs."""

    def worth(flows: Flows) -> F:
        ((source, out, target, into),) = flows
        return into * case.prices[question.pool(target)] - out * (
            case.prices[question.pool(source)] + case.rents.get(source, F(0))
        )

    parts = [rent * F(snapshot.balances[node]) for node, rent in case.rents.items()]
    for shown in snapshot.books:
        for side, levels in ((Side.BUY, shown.asks), (Side.SELL, shown.bids)):
            for level in levels:
                flows = traded(replace(shown, bids=(level,), asks=(level,)), side, F(level[1]))
                parts += [max(F(0), worth(flows))] if snapshot.balances[flows[0][0]] > 0 else []
    for route in (snapshot.routes[at] for at in gone):
        least, most = F(max(route.minimum, route.fee)), F(snapshot.balances[route.source, route.asset])
        if most >= least:
            parts.append(max(worth(sent(route, amount)) for amount in (least, most)))
    return sum(parts, F(0))


def test_a_minimum_is_met_by_a_larger_order_and_not_by_a_worse_price() -> None:
    # At least 10 M an order: 3 at 3 are 9, and 2 at 3 with 1 at 4 would be 10 if one could choose.
    least = msgspec.structs.replace(LOT, min_notional=D(10))
    books = (book("a", "X", (), rows((3, 3), (4, 2)), rules=least), book("b", "X", rows((9, 3)), ()))
    answer = solve(Snapshot(0, books, {(A, MONEY): D(40), (B, X): D(40)}), Question(MONEY, Keep.ASSET, lots=True))
    assert isinstance(answer, Plan) and answer.gain == 27 - 13
    assert [leg.quantity for leg in answer.legs] == [4, 3]


@pytest.mark.parametrize(
    ("side", "ranges"),
    [(Side.BUY, [(4, 6)]), (Side.SELL, [(3, 3), (5, 6)])],
)
def test_a_sale_that_reaches_a_worse_level_may_be_too_small_again(side: Side, ranges: list[tuple[int, int]]) -> None:
    # At the order's own price: 3 sold at 4 are 12; 4, of which one at 2, are 8; 5 are 10. Bought: 3 at 3, 4 at 13.
    least = msgspec.structs.replace(LOT, min_notional=D(10))
    assert sizes(book("a", "X", rows((4, 3), (2, 3)), rows((3, 3), (4, 3)), rules=least), side) == ranges


def test_what_is_not_known_is_not_used() -> None:
    """A book without a grid, a shut route, an account without a balance."""
    cheap, dear = book("a", "X", (), rows((100, 5))), book("b", "X", rows((110, 5)), ())
    held = {(A, MONEY): D(1000), (B, X): D(50)}
    whole = Snapshot(0, (cheap, dear), held)
    assert gain(solve(whole, Question(MONEY, Keep.ASSET))) == 50
    gridless = replace(cheap, instrument=msgspec.structs.replace(cheap.instrument, rules=None))
    assert gain(solve(replace(whole, books=(gridless, dear)), Question(MONEY, Keep.ASSET))) == 0
    assert gain(solve(replace(whole, balances={(A, MONEY): D(1000)}), Question(MONEY, Keep.ASSET))) == 0
    ways = (Route(X, A, B, "chain"), Route(MONEY, B, A, "chain"))
    held = {node: D(1000) for node in product((A, B), (X, MONEY))}
    assert gain(solve(Snapshot(0, (cheap, dear), held, ways), Question(MONEY))) == 50
    shut = (ways[0], replace(ways[1], open=False))
    assert gain(solve(Snapshot(0, (cheap, dear), held, shut), Question(MONEY))) == 0


def test_the_proof_by_prices_is_as_sharp_as_the_plan() -> None:
    """Without fixed fees and lots the ceiling, which is exact, is the gain to a billionth."""
    for number, drawn, question in markets(16):
        snapshot = replace(
            free(drawn), routes=tuple(replace(r, fee=D(0), minimum=D(0), precision=None) for r in drawn.routes)
        )
        answer = solve(snapshot, question)
        if isinstance(answer, Plan):
            assert 0 <= answer.ceiling - F(answer.gain) <= F(1, 10**7), number


def test_an_arbitrage_smaller_than_the_solver_sees_is_no_certificate() -> None:
    near = book("a", "X", (), rows(("100", "0.000001"))), book("b", "X", rows(("100.000000001", "0.000001")), ())
    answer = solve(Snapshot(0, near, {(A, MONEY): D(1000), (B, X): D(1)}), Question(MONEY, Keep.ASSET))
    assert not isinstance(answer, Certificate), "a cent's billionth is one all the same"


def test_gain_of_refuses_what_is_not_there() -> None:
    """The judge itself."""
    question = Question(MONEY, Keep.ASSET)
    snapshot = Snapshot(0, (), {(A, MONEY): D(10)})
    assert gain_of(snapshot, question, [((A, MONEY), F(11), (B, MONEY), F(12))]) is None
    assert gain_of(snapshot, question, [((A, MONEY), F(10), (B, MONEY), F(12))]) == 2
    assert gain_of(snapshot, question, [((A, MONEY), F(10), (B, MONEY), F(9))]) is None
