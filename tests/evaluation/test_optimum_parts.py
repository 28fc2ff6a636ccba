"""The parts of optimum and rebalancing by hand: prices and rounds, routes beside others, amounts, stages."""

from decimal import Decimal as D
from fractions import Fraction as F
from typing import Any

import msgspec
import pytest
from evaluation.small_markets import LOT, MONEY, book, rows

from cryptopipe.evaluate.certificate import Round, ceiling, proven, violation
from cryptopipe.evaluate.optimum import Keep, Plan, Question, solve
from cryptopipe.evaluate.optimum_plan import Sent, priced
from cryptopipe.evaluate.program import Program
from cryptopipe.evaluate.rebalance import Charges, Wish, rebalance, staged
from cryptopipe.evaluate.snapshot import Node, Piece, Route, Snapshot, undominated
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, Network, VenueId

A, B, C = VenueId("a"), VenueId("b"), VenueId("c")
X = Asset("X")


def node(name: str) -> Node:
    return A, Asset(name)


def piece(source: str, target: str, rate: str, size: int = 1) -> Piece:
    return Piece(node(source), node(target), F(1), F(rate), F(size))


def itself(one: Node) -> Node:
    return one


def way(source: VenueId, target: VenueId, **told: Any) -> Route:
    return Route(X, source, target, "chain", minutes=D(1), **told)


def test_by_how_much_a_piece_gains_under_prices() -> None:
    prices = {node("X"): F(4), node("M"): F(1)}
    assert violation([piece("X", "M", "4")], prices, itself) == 0
    assert violation([piece("X", "M", "3"), piece("M", "X", "0.3")], prices, itself) == F(1, 5)
    assert violation([piece("X", "M", "3")], prices, itself) == F(-1, 4)
    assert violation([], prices, itself) == -1
    with pytest.raises(ZeroDivisionError):
        violation([piece("X", "M", "1")], {node("X"): F(0), node("M"): F(1)}, itself)


def test_prices_are_raised_to_the_best_way_on_or_a_round_gains() -> None:
    ways = [piece("X", "Y", "2"), piece("Y", "M", "3"), piece("X", "M", "5"), piece("M", "X", "0.1")]
    assert proven(ways, {}, {node("M"): F(1)}, itself) == {node("X"): 6, node("Y"): 3, node("M"): 1}
    closed = proven([*ways, piece("M", "X", "0.2")], {}, {node("M"): F(1)}, itself)
    assert isinstance(closed, Round) and closed.gain == F("0.2") * 6 - 1 and len(closed.pieces) == 3


def test_no_plan_gains_more_than_prices_allow_for_each_piece_and_balance() -> None:
    prices, rents = {node("X"): F(4), node("M"): F(1)}, {node("X"): F(1, 2)}
    sold = piece("X", "M", "5", size=3)  # each brings 5 and costs 4 and a half
    assert ceiling([sold], prices, rents, lambda one: F(10), itself) == 3 * F(1, 2) + 10 * F(1, 2)
    with pytest.raises(ValueError, match="without an end"):
        ceiling([endless(sold)], prices, rents, lambda one: F(10), itself)


def endless(one: Piece) -> Piece:
    return Piece(one.source, one.target, one.spends, one.brings, None)


def test_a_way_beside_a_better_one_in_all_is_left_out() -> None:
    share, fixed = way(A, B, rate=D("0.01")), way(A, B, fee=D(1))
    assert [number for number, _ in undominated(enumerate([share, fixed]))] == [0, 1], "each is better somewhere"
    worse = [
        way(A, B, fee=D(2)), way(A, B, fee=D(1), minimum=D(5)), way(A, B, fee=D(1), maximum=D(9)),
        way(A, B, fee=D(1), precision=2), Route(X, A, B, "chain", fee=D(1), minutes=D(2)),
        way(A, B, fee=D(1), rate=D("0.001")), way(A, B, fee=D(1)),
    ]  # fmt: skip
    assert [number for number, _ in undominated(enumerate([*worse, way(B, A, fee=D(9))]))] == [6, 7]


@pytest.mark.parametrize(
    "levels", [rows((3, 1), (4, 1)), rows((4, 1), (4, 1)), rows((4, 0)), rows((0, 1))], ids=["order", "twice", "0", "-"]
)
def test_bids_that_are_none(levels: Any) -> None:
    with pytest.raises(ValueError, match="best first"):
        book("a", "X", levels, ())


@pytest.mark.parametrize("amount", ["10", "10.01", "3.33", "2"])
def test_a_share_of_a_transfer_is_rounded_as_its_route_says(amount: str) -> None:
    out = Network("C", "chain", withdrawal_fee=D("0.5"), withdrawal_fee_rate=D("0.003"), precision=2)
    told = TransferRoute(X, A, B, "X", "X", out, Network("C", "chain"), D(10**6), D(0), D(0))
    (sent,) = priced(Snapshot(0, (), {}, (Route.of(told, dollars=D(1)),)), {}, {0: D(amount)}).sent
    assert (sent.fee, sent.arrives) == (told.fee(D(amount)), told.arrives(D(amount)))


def test_a_route_s_limits_in_dollars_are_amounts() -> None:
    out = Network("C", "chain", withdrawal_fee=D(1), max_withdrawal=D(50))
    told = TransferRoute(X, A, B, "X", "X", out, Network("C", "chain"), D(1000), D(0), D(0))
    assert Route.of(told, dollars=D(10)).maximum == 50
    assert Route.of(told, dollars=D(40)).maximum == 25
    assert Route.of(msgspec.structs.replace(told, travel_rule=D(400)), dollars=D(40)).maximum == 10
    assert Route.of(told, dollars=D(10)).open and not Route.of(told).open, "of unknown worth nothing is sent"


def test_between_two_sizes_that_are_taken_none_is() -> None:
    # 3 sold at 4 are 12, at least 10 are asked for; the fourth goes at 2, and 4 at that price are 8.
    least = msgspec.structs.replace(LOT, min_notional=D(10))
    books = (book("a", "X", rows((4, 3), (2, 3)), (), rules=least), book("b", "X", (), rows((1, 4))))
    answer = solve(Snapshot(0, books, {(B, MONEY): D(40), (A, X): D(40)}), Question(MONEY, Keep.ASSET, lots=True))
    assert isinstance(answer, Plan) and answer.gain == 12 - 3


def test_what_rounding_makes_dearer_than_nothing_is_not_done() -> None:
    # Half an X lacks at b, and whole ones are sent: then half would lack at a.
    books = (book("a", "X", rows((10, 1000)), rows((11, 1000))),)
    market = Snapshot(0, books, {(A, X): D("10.5"), (B, X): D(0)}, (way(A, B, minimum=D("0.3"), precision=0),))
    charges = Charges(shortfall_bps=D(100), risk_bps=D(1))
    answer = rebalance(market, Wish(MONEY, {(A, X): D(10), (B, X): D("0.5")}, charges))
    assert (
        answer.steps == []
        and answer.cost == answer.idle
        and answer.final == {(A, MONEY): 0, (A, X): D("10.5"), (B, X): 0}
    )


def test_a_step_waits_for_what_another_of_its_stage_has_taken() -> None:
    d = VenueId("d")
    market = Snapshot(0, (), {(A, X): D(10), (d, X): D(5)}, (way(A, B), way(A, C), way(d, A)))
    done = priced(market, {}, {0: D(10), 1: D(5), 2: D(5)})
    stages = staged(market.balances, done)
    ends = [[(step.route.source, step.route.target) for step in stage if isinstance(step, Sent)] for stage in stages]
    assert ends == [[(A, B), (d, A)], [(A, C)]]
    with pytest.raises(ArithmeticError, match="pay for each other"):
        staged({}, priced(Snapshot(0, (), {}, (way(A, B), way(B, A))), {}, {0: D(1), 1: D(1)}))


def test_a_program_by_hand_and_the_worth_of_its_rows() -> None:
    # 3 a + 2 b, a + b <= 4, a + 3 b <= 8, a <= 3 makes a = 3, b = 1: 11. One more of the first row is worth 2.
    program = Program()
    a, b = program.column(3, 3), program.column(2, None)
    first, second = program.row("<=", 4, unit=D("0.5")), program.row("<=", 8)
    for row, factors in ((first, (1, 1)), (second, (1, 3))):
        for column, factor in zip((a, b), factors, strict=True):
            program.add(row, column, factor)
    found = program.solve()
    assert found is not None and found.value == pytest.approx(11) and found.amounts == pytest.approx([3, 1])
    assert found.worth == pytest.approx([2, 0])
    floor = program.row(">=", 5)
    program.add(floor, b, 1)
    assert program.solve() is None, "nothing is feasible"
    with pytest.raises(ValueError, match="<="):
        program.row("<", 1)
