"""What an unfilled leg leaves is closed at once: by numbers worked out by hand, and never more than was left."""

import json
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from unit.test_money_path import LIMITS, PLUGINS, SETTINGS, Run

from cryptopipe.capture.inputs import Direction
from cryptopipe.model.facts import FeeSchedule

pytestmark = pytest.mark.core

UNWIND = replace(SETTINGS, limits=replace(LIMITS, unwind_bps=D(100)))


def naked(settings: Any = UNWIND, bid_after: str = "105", **strategy: Any) -> Run:
    """10 X are offered at 100 on a, 110 is bid on b; before the orders arrive b's bid falls to `bid_after`."""
    run = Run(settings, concede=D(0), **strategy)
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.give("b1", ["delta", "X-USDT", 2, [["110", "0"], [bid_after, "50"]], []])
    run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []], after=60)  # both orders have arrived: one leg is naked
    return run


def test_a_naked_leg_is_sold_where_it_brings_most() -> None:
    """Sold at 105 on b, not at 99 on a where it was bought; the limit is 1 % below, and nothing is left."""
    run = naked()
    (order,) = run.told("intended")[2:]
    assert (order["instrument"], order["side"], D(order["quantity"]), D(order["limit"])) == (
        "b:X-USDT", "sell", D(10), D("103.95"),
    )  # fmt: skip
    assert run.told("plan_ended") == []
    run.give("a1", ["delta", "X-USDT", 3, [["90", "2"]], []], after=60)
    fills = [(fill["side"], D(fill["price"]), D(fill["quantity"])) for fill in run.told("filled")]
    assert fills == [("buy", D(100), D(10)), ("sell", D(105), D(10))]
    (ended,) = run.told("plan_ended")
    assert ended["exposure"] == {} and run.pipe.exposure.get("X", D(0)) == 0  # type: ignore[call-overload]
    assert run.pipe.state.halted_because == ""


def test_the_intent_to_close_is_told_before_its_fill() -> None:
    run = naked()
    run.give("a1", ["delta", "X-USDT", 3, [["90", "2"]], []], after=60)
    kinds = [json.loads(line)["kind"] for line in run.log.lines]
    last_fill = len(kinds) - 1 - kinds[::-1].index("filled")
    assert kinds[:last_fill].count("intended") == 3


def test_what_cannot_be_closed_within_the_bound_is_left_and_halts() -> None:
    """The bid falls once more, to 98, below the limit of 103.95, while the closing order is on its way."""
    run = naked()
    run.give("b1", ["delta", "X-USDT", 3, [["105", "0"], ["98", "50"]], []])
    run.give("a1", ["delta", "X-USDT", 3, [["90", "2"]], []], after=60)
    (ended,) = run.told("plan_ended")
    assert {asset: D(amount) for asset, amount in ended["exposure"].items()} == {"X": D(10)}
    assert "residual after plan" in run.pipe.state.halted_because


def test_without_a_bound_it_is_left_as_before() -> None:
    run = naked(SETTINGS)
    assert len(run.told("intended")) == 2 and "residual" in run.pipe.state.halted_because


def test_a_short_leg_is_bought_back_with_its_fee_in_quote() -> None:
    """10 X were sold on b at 110 while a's ask went to 104: bought back there at 10 bp of fee, not at b's 111."""
    fee = FeeSchedule.flat("0.001", "0.001", "test", "2026-11-21")
    settings = replace(UNWIND, fees=dict.fromkeys(PLUGINS, fee))
    run = Run(settings, concede=D(0))
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"], ["104", "50"]]])
    run.give("b1", ["delta", "X-USDT", 2, [["91", "1"]], []], after=100)
    run.give("b1", ["delta", "X-USDT", 3, [["91", "2"]], []], after=60)
    assert [(f["side"], D(f["price"]), D(f["quantity"])) for f in run.told("filled")] == [
        ("sell", D(110), D(10)), ("buy", D(104), D(10)),
    ]  # fmt: skip
    (ended,) = run.told("plan_ended")
    assert ended["exposure"] == {}


def test_undoing_a_leg_where_it_was_made_moves_no_coins() -> None:
    """b's bid falls to 98: better sold at 99 on a. Nothing was moved between venues, so nothing accrues for it."""
    run = naked(replace(UNWIND, restoring_bps=D(100)), "98")
    run.give("a1", ["delta", "X-USDT", 3, [["90", "2"]], []], after=60)
    assert [fill["instrument"] for fill in run.told("filled")] == ["a:X-USDT", "a:X-USDT"]
    (ended,) = run.told("plan_ended")
    assert D(ended["restoring"]) == 0


def test_a_leg_whose_venue_is_gone_is_undone_at_the_other() -> None:
    """b's connection closes while both orders are on their way: bought on a at 100, sold there again at 99."""
    run = Run(UNWIND, concede=D(0))
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.give("b1", b"", Direction.CLOSE)
    for seq in (2, 3):
        run.give("a1", ["delta", "X-USDT", seq, [["90", str(seq)]], []], after=60)
    assert [(f["instrument"], D(f["price"])) for f in run.told("filled")] == [("a:X-USDT", D(100)), ("a:X-USDT", D(99))]


def test_what_cannot_be_paid_is_not_bought_back() -> None:
    """10 X are sold on b; buying them back on a at up to 105.04 costs 1,050.40, and a has 1,000 left, b nothing."""
    settings = replace(
        UNWIND, opening=lambda v, asset: D(1_000) if (v, asset) == ("a", "USDT") else D(asset == "X") * 10
    )
    run = Run(settings, concede=D(0))
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"], ["104", "50"]]])
    run.give("b1", ["delta", "X-USDT", 2, [["91", "1"], ["111", "0"]], []], after=100)
    sold = [(fill["instrument"], fill["side"]) for fill in run.told("filled")]
    assert sold == [("b:X-USDT", "sell")]
    assert all(order["instrument"] != "a:X-USDT" for order in run.told("intended")[2:])


def test_two_exposures_of_one_plan_are_not_closed_against_each_other() -> None:
    """USDT buys Y, Y buys X, X is sold for USDT; the middle leg finds nothing. 10 X are bought back for USDT, though X
    costs fewer Y than USDT, and Y is sold for USDT: paid in Y, the purchase would leave a hole of Y.
    """
    run = Run(UNWIND, concede=D(0))
    run.book("a1", "Y-USDT", 999, 1000)
    run.book("a1", "X-Y", "0.099", "0.1")
    run.book("a1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.give("a1", ["delta", "X-Y", 2, [], [["0.1", "0"], ["0.11", "10"]]])
    run.give("a1", ["delta", "Y-USDT", 2, [["90", "1"]], []], after=60)
    plan, closing = run.told("intended")[:3], run.told("intended")[3:]
    assert sorted(order["instrument"] for order in plan) == ["a:X-USDT", "a:X-Y", "a:Y-USDT"]
    assert sorted((order["instrument"], order["side"]) for order in closing) == [
        ("a:X-USDT", "buy"),
        ("a:Y-USDT", "sell"),
    ]
