"""The cheapest rebalancing: by hand, against trying each set of routes, and what its shadow prices must be."""

from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal as D
from fractions import Fraction as F
from itertools import product
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from evaluation.small_markets import LOT, MONEY, book, rows, sent, traded
from scipy.optimize import linprog

from cryptopipe.evaluate.optimum_plan import Sent
from cryptopipe.evaluate.rebalance import Charges, Cost, Rebalance, Wish, equal_targets, rebalance
from cryptopipe.evaluate.snapshot import Node, Route, Snapshot
from cryptopipe.model.facts import Asset, VenueId

A, B, C = VenueId("a"), VenueId("b"), VenueId("c")
X, DOLLAR = Asset("X"), Asset("D")
FINE = msgspec.structs.replace(LOT, step=D("0.0001"), min_size=D("0.0001"))
PRICED = (book("a", "X", rows((10, 1000)), rows((11, 1000))),)
"""One of X is worth ten of money."""


def way(asset: str, source: str, target: str, fee: str = "0", minutes: str | None = "10", **more: Any) -> Route:
    told = None if minutes is None else D(minutes)
    return Route(Asset(asset), VenueId(source), VenueId(target), "chain", D(fee), minutes=told, **more)


def wish(targets: dict[Node, str], **charges: Any) -> Wish:
    return Wish(MONEY, {node: D(text) for node, text in targets.items()}, Charges(**charges))


def snapshot(held: dict[Node, str], *routes: Route, books: tuple[Any, ...] = PRICED) -> Snapshot:
    return Snapshot(0, books, {node: D(text) for node, text in held.items()}, routes)


def amounts(answer: Rebalance) -> list[tuple[str, str, str, D]]:
    return [(s.route.asset, s.route.source, s.route.target, s.amount) for s in answer.steps if isinstance(s, Sent)]


def test_sends_what_lacks_by_the_cheapest_way_in_all() -> None:
    # 4 X lack at b. Free and a day: 4 X * 10 M * 1440 min * 0.1 bp = 0.576 M. For 0.05 X and ten minutes: 0.5 M and
    # 4.05 X in flight at 0.004 M: cheaper.
    slow, quick = way("X", "a", "b", "0", "1440"), way("X", "a", "b", "0.05", "10")
    market = snapshot({(A, X): "10", (B, X): "1"}, slow, quick)
    wanted = wish({(A, X): "5", (B, X): "5"}, risk_bps=D("0.1"), shortfall_bps=D(1000))
    answer = rebalance(market, wanted)
    assert amounts(answer) == [("X", "a", "b", D("4.05"))]
    assert answer.final == {(A, MONEY): 0, (A, X): D("5.95"), (B, X): 5}
    assert answer.cost == Cost(fees=F("0.5"), carrying=F("4.05") * 10 * 10 * F("0.00001"))
    assert answer.idle == Cost(shortfall=F(4))  # 4 X of 10 M each, at a tenth
    patient = replace(wanted, charges=replace(wanted.charges, risk_bps=D("0.01")))
    assert amounts(rebalance(market, patient)) == [("X", "a", "b", D(4))]


def test_what_costs_more_than_it_is_worth_is_left() -> None:
    market = snapshot({(A, X): "10", (B, X): "1"}, way("X", "a", "b", "0.5"))
    wanted = {(A, X): "5", (B, X): "5"}
    assert amounts(rebalance(market, wish(wanted, shortfall_bps=D(1000)))) == []  # would save 4 M and costs 5
    assert amounts(rebalance(market, wish(wanted, shortfall_bps=D(1300)))) != []  # saves 5.2 M


@pytest.mark.parametrize(
    "route",
    [way("X", "a", "b", open=False), way("X", "a", "b", minutes=None), way("X", "a", "b", minimum=D(20)),
     way("X", "b", "a"), way("X", "a", "b", rate=D(1))],
)  # fmt: skip
def test_only_a_way_that_is_open_and_of_known_time(route: Route) -> None:
    market = snapshot({(A, X): "10", (B, X): "0"}, route)
    assert rebalance(market, wish({(B, X): "5"}, shortfall_bps=D(5000))).steps == []


def test_a_dollar_without_a_chain_goes_as_another() -> None:
    """Sold, sent, and bought back: three stages, since each waits for the one before."""
    books = tuple(
        book(venue, "M", rows(("0.999", 5000)), rows(("1.001", 5000)), quote="D", rules=FINE) for venue in "ab"
    )
    market = snapshot({(A, DOLLAR): "1000", (B, DOLLAR): "0"}, way("M", "a", "b", "1", precision=4), books=books)
    wanted = replace(wish({(B, DOLLAR): "500"}, shortfall_bps=D(1000)), convertible=frozenset({DOLLAR, MONEY}))
    answer = rebalance(market, wanted)
    assert [[type(step).__name__ for step in stage] for stage in answer.stages] == [["Leg"], ["Sent"], ["Leg"]]
    assert answer.final[B, DOLLAR] >= D("499.999") and answer.cost.total < 4
    assert rebalance(market, replace(wanted, convertible=frozenset())).steps == [], "what may not be traded is not"


def test_a_conversion_is_not_done_for_its_own_gain() -> None:
    cheap = book("a", "M", rows(("0.90", 5000)), rows(("0.91", 5000)), quote="D", rules=FINE)
    dear = book("b", "M", rows(("1.10", 5000)), rows(("1.11", 5000)), quote="D", rules=FINE)
    market = snapshot(dict.fromkeys(product((A, B), (DOLLAR, MONEY)), "1000"), books=(cheap, dear))
    wanted = replace(wish({}, shortfall_bps=D(10)), convertible=frozenset({DOLLAR, MONEY}))
    assert rebalance(market, wanted).steps == []


def test_custody_is_charged_and_limits_hold() -> None:
    market = snapshot({(A, X): "10", (B, X): "0"}, way("X", "a", "b", "0.01"))
    risky = wish({}, default_risk={A: D("0.10"), B: D("0.01")}, horizon_minutes=D(365 * 24 * 60))
    assert rebalance(market, risky).final[A, X] == 0, "nine percent of 100 M a year, against 0.1 M"
    limited = rebalance(market, wish({}, limits={A: D(60)}, risk_bps=D(1)))
    assert amounts(limited) == [("X", "a", "b", D(4))] and limited.cost.excess == 0
    assert limited.idle.excess == 40


def test_equal_shares_of_each_asset_over_the_venues_that_trade_it() -> None:
    books = (*PRICED, book("b", "X", (), ()), book("c", "Y", (), ()))
    market = snapshot({(A, X): "10", (B, X): "2", (C, Asset("Y")): "7", (A, Asset("Z")): "1"}, books=books)
    assert equal_targets(market, {}) == {(A, X): 6, (B, X): 6, (C, Asset("Y")): 7}
    assert equal_targets(market, {A: D(1), B: D(3)}) == {(A, X): 3, (B, X): 9}


def random_capital(random: Random, fixed: bool) -> tuple[Snapshot, Wish]:
    """Three venues, two assets, some of six ways each, with targets beyond what is held here and there."""
    held = {node: f"{random.uniform(0, 20):.4f}" for node in product((A, B, C), (X, MONEY))}
    ways = [
        way(asset, source, target, f"{random.uniform(0.01, 1):.3f}" if fixed else "0", f"{random.uniform(1, 300):.2f}",
            rate=D(f"{random.uniform(0, 0.01):.5f}"))
        for asset in ("X", "M")
        for source, target in product("abc", repeat=2)
        if source != target and random.random() < (0.4 if fixed else 0.7)
    ]  # fmt: skip
    wanted = {node: f"{random.uniform(0, 20):.4f}" for node in held if random.random() < 0.7}
    charges = wish(
        wanted, risk_bps=D("0.1"), carrying_rate=D("0.05"), shortfall_bps=D(random.choice((100, 500, 2000))),
        default_risk={A: D(f"{random.uniform(0, 0.2):.3f}")}, horizon_minutes=D(30 * 24 * 60), limits={B: D(150)},
    )  # fmt: skip
    return snapshot(held, *ways[:9]), charges


@pytest.mark.parametrize("count", [6, pytest.param(1_000, marks=pytest.mark.long)])
def test_fixed_fees_are_what_trying_each_set_of_routes_finds(count: int) -> None:
    done = 0
    for number in range(count):
        market, wanted = random_capital(Random(number), fixed=True)
        answer = rebalance(market, wanted)
        ways = len(market.routes)
        best = min(_cost_by_set(market, wanted, which) for which in product((False, True), repeat=min(ways, 6)))
        if ways <= 6:
            assert abs(answer.cost.total - best) < 1e-6, number
        assert answer.cost.total <= best + 1e-6, (number, "more ways cost no more")
        done += bool(answer.steps)
        _assert_sound(market, answer)
    assert done > count / 3


def _cost_by_set(market: Snapshot, wanted: Wish, which: tuple[bool, ...]) -> float:
    """The least cost when exactly these ways are gone by: another program, over venues' ends and not rows of places."""
    ways = [one for one, taken in zip(market.routes, which, strict=False) if taken]
    values = {X: 10.0, MONEY: 1.0}
    nodes = list(market.balances)
    charges, short = wanted.charges, float(wanted.charges.short)
    ends = {node: float(held) for node, held in market.balances.items()}
    size = len(ways) + len(nodes) + 1  # what is sent beyond the least, what is short, what is above the limit
    cost, above, limits = np.zeros(size), [], []
    total = 0.0
    effect = {node: np.zeros(size) for node in nodes}
    for at, one in enumerate(ways):
        least = float(one.fee)
        for source, out, target, into in sent(one, F(one.fee)):
            ends[source] -= float(out)
            ends[target] += float(into)
        rate, value = float(one.rate), values[one.asset]
        minute = float(charges.carrying_rate) / 525_600 + float(charges.risk_bps) / 10_000
        assert one.minutes is not None
        flight = minute * float(one.minutes)
        total += value * least * (1 + flight)
        cost[at] = value * (rate + flight)
        effect[one.source, one.asset][at] -= 1
        effect[one.target, one.asset][at] += 1 - rate
    for number, node in enumerate(nodes, len(ways)):
        custody = float(charges.default_risk.get(node[0], 0)) * 30 / 365
        total += custody * values[node[1]] * ends[node]
        cost += custody * values[node[1]] * effect[node]
        cost[number] += short * values[node[1]]
        above.append(-effect[node])  # what is left is not negative
        limits.append(ends[node])
        lacking = -effect[node].copy()
        lacking[number] -= 1
        above.append(lacking)
        limits.append(ends[node] - float(wanted.targets.get(node, 0)))
    cost[-1] = 1
    at_b = sum(values[node[1]] * effect[node] for node in nodes if node[0] == B)
    over = np.array(at_b, dtype=float)
    over[-1] -= 1
    above.append(over)
    limits.append(150 - sum(values[node[1]] * ends[node] for node in nodes if node[0] == B))
    found = linprog(cost, A_ub=np.array(above), b_ub=np.array(limits), bounds=[(0, None)] * size)
    return float(total + found.fun) if found.status == 0 else np.inf


def _assert_sound(market: Snapshot, answer: Rebalance) -> None:
    """Nothing is below zero at any stage, what is left is what was told, and the bound is one."""
    held = {node: F(amount) for node, amount in market.balances.items()}
    books = {one.instrument.id: one for one in market.books}
    for stage in answer.stages:
        coming = []
        for step in stage:
            flows = (
                sent(step.route, F(step.amount))
                if isinstance(step, Sent)
                else traded(books[step.instrument.id], step.side, F(step.quantity))
            )
            for source, out, target, into in flows:
                held[source] -= out
                assert held[source] >= 0
                coming.append((target, into))
        for target, into in coming:
            held[target] = held.get(target, F(0)) + into
    assert held == {node: F(amount) for node, amount in answer.final.items() if node in held}
    assert answer.cost.total <= answer.idle.total
    assert F(answer.bound) <= answer.cost.total + F(1, 10**6)
    assert all(getattr(answer.cost, one.name) >= 0 for one in fields(Cost))


@pytest.mark.parametrize("count", [3, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_shadow_price_is_what_one_more_would_save(count: int) -> None:
    """Between the differences to either side; where they are one it is that."""
    equal = 0
    step = D("0.001")
    for number in range(count):
        market, wanted = random_capital(Random(number), fixed=False)
        answer = rebalance(market, wanted)
        for node in market.balances:
            less, more = (_moved_cost(market, wanted, node, by) for by in (-step, step))
            saved_less, saved_more = (less - answer.cost.total) / F(step), (answer.cost.total - more) / F(step)
            assert saved_more - F(1, 10**5) <= F(answer.shadow[node]) <= saved_less + F(1, 10**5), (number, node)
            equal += abs(saved_more - saved_less) < F(1, 10**6)
    assert equal > 3 * count, "places at which the price is one"


def _moved_cost(market: Snapshot, wanted: Wish, node: Node, by: D) -> F:
    other = {**market.balances, node: market.balances[node] + by}
    return rebalance(replace(market, balances=other), wanted).cost.total


@pytest.mark.parametrize("count", [5, pytest.param(1_000, marks=pytest.mark.long)])
def test_more_never_costs_more(count: int) -> None:
    """Another way, a quicker one, a lower fee."""
    for number in range(count):
        random = Random(number)
        market, wanted = random_capital(random, fixed=True)
        before = rebalance(market, wanted).cost.total + F(1, 10**6)
        for other in _easier(market, random):
            assert rebalance(other, wanted).cost.total <= before, number


@pytest.mark.parametrize("count", [6, pytest.param(1_000, marks=pytest.mark.long)])
def test_what_may_be_traded_besides_never_makes_it_dearer(count: int) -> None:
    """Of dollars on real grids: eight decimal places, and orders of at least five."""
    fine = msgspec.structs.replace(LOT, tick=D("0.00001"), step=D("1e-8"), min_size=D(5))
    traded_for = 0
    for number in range(count):
        random = Random(number)
        levels = [rows(*((f"{1 + sign * 0.0001 * n:.5f}", f"{random.uniform(100, 30_000):.8f}") for n in range(1, 4)))
                  for sign in (-1, 1)]  # fmt: skip
        books = tuple(book(venue, "M", *levels, fee="0.0004", quote="D", rules=fine) for venue in "ab")
        held = {node: f"{random.uniform(0, 1e5):.8f}" for node in product((A, B), (MONEY, DOLLAR))}
        market = snapshot(held, way("M", "a", "b", "1", precision=6), way("M", "b", "a", "2.5"), books=books)
        wanted = wish({node: f"{random.uniform(0, 1e5):.2f}" for node in held}, risk_bps=D("0.1"), shortfall_bps=D(50))
        without, besides = (
            rebalance(market, replace(wanted, convertible=frozenset(those))) for those in ((), (MONEY, DOLLAR))
        )
        assert besides.cost.total <= without.cost.total + F(1, 10**4), (number, besides.cost, without.cost)
        traded_for += besides.cost.total < without.cost.total
        assert abs(F(besides.bound) - besides.cost.total) < F(1, 10**4), (number, besides.bound, besides.cost)
        _assert_sound(market, besides)
    assert traded_for > count / 3


def _easier(market: Snapshot, random: Random) -> Iterator[Snapshot]:
    yield replace(market, routes=(*market.routes, way("X", *random.sample("abc", 2), "0.3")))
    if market.routes:
        at = random.randrange(len(market.routes))
        one = market.routes[at]
        assert one.minutes is not None
        for better in (replace(one, fee=one.fee / 2), replace(one, minutes=one.minutes / 2)):
            yield replace(market, routes=(*market.routes[:at], better, *market.routes[at + 1 :]))
