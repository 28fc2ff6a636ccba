"""The sample maker: it passes the kit, quotes around the mid, and leans against what it has bought or sold."""

from decimal import Decimal as D
from typing import Any

import pytest
from collecting.quotes_stage import Stage, fees
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cryptopipe_toy_maker
from cryptopipe.testing import StrategyConformance
from cryptopipe_toy_maker import ToyMaker, ToyMakerSettings

pytestmark = pytest.mark.core


class TestToyMaker(StrategyConformance):
    strategy = cryptopipe_toy_maker.strategy
    settings = {"size": {"USDT": D(1000)}, "levels": 1}  # noqa: RUF012

    def test_it_quotes_both_sides_of_every_book(self) -> None:
        found = self._quoted(seed=1)
        assert {len(one.bids) for one in found} == {len(one.asks) for one in found} == {1}
        assert len({one.instrument.id for one in found}) == 4


def maker(**sets: Any) -> Stage:
    made = ToyMakerSettings(**{"size": {"USDT": D(1000)}, "refresh_bps": D(0), **sets})
    return Stage(fees("0"), strategy=ToyMaker(made))


def resting(stage: Stage) -> dict[str, list[D]]:
    """Prices that have not been cancelled, by side."""
    gone = {one["quote_id"] for kind in ("quote_cancelled", "quote_ended") for one in stage.told(kind)}
    found: dict[str, list[D]] = {"buy": [], "sell": []}
    for one in stage.told("quote_placed"):
        if one["quote_id"] not in gone:
            found[one["side"]].append(D(one["price"]))
    return found


def test_quotes_stand_half_the_spread_from_the_mid_and_a_step_further_at_each_level() -> None:
    """100 bp and 50 bp of 1000 are 10 and 5: bids at 995 and 990, asks at 1005 and 1010."""
    stage = maker(spread_bps=D(100), level_bps=D(50))
    stage.book(999, 1001)
    assert resting(stage) == {"buy": [D(995), D(990)], "sell": [D(1005), D(1010)]}
    assert {one["quantity"] for one in stage.told("quote_placed")} == {"1.000"}


def test_a_fill_moves_all_quotes_against_the_inventory() -> None:
    """1 of 4 sizes bought: a quarter of 80 bp, 2, lower."""
    stage = maker(spread_bps=D(100), levels=1, skew_bps=D(80), max_inventory=D(4))
    stage.book(999, 1001)
    stage.book(999, 1001, 60)
    stage.trade(990, 1)
    stage.pipe.end_turn()
    assert resting(stage) == {"buy": [D(993)], "sell": [D(1003)]}


def test_a_full_inventory_is_only_sold() -> None:
    stage = maker(spread_bps=D(100), levels=1, skew_bps=D(0), max_inventory=D(1))
    stage.book(999, 1001)
    stage.book(999, 1001, 60)
    stage.trade(990, 1)
    stage.pipe.end_turn()
    assert resting(stage) == {"buy": [], "sell": [D(1005)]}


def test_a_fill_is_made_up_for_where_nothing_else_moves() -> None:
    """Without a skew the inner bid alone is gone; the other three stay where they are."""
    stage = maker(spread_bps=D(100), level_bps=D(50), skew_bps=D(0), refresh_bps=D(20))
    stage.book(999, 1001)
    stage.book(999, 1001, 60)
    stage.trade(994, 1)
    stage.pipe.end_turn()
    assert resting(stage) == {"buy": [D(990), D(995)], "sell": [D(1005), D(1010)]}
    assert stage.told("quote_cancelled") == []


def test_small_moves_leave_quotes_where_they_are() -> None:
    stage = maker(refresh_bps=D(20))
    stage.book(999, 1001)
    stage.book(1000, 1002)  # 10 bp
    assert stage.told("quote_cancelled") == []
    stage.book(1003, 1005)  # 40 bp
    assert len(stage.told("quote_cancelled")) == 4


@given(st.lists(st.tuples(st.integers(9950, 10050), st.integers(1, 40), st.sampled_from([-1, 0, 1])), min_size=2))
@example([(10000, 1, 1), (10000, 1, 1), (10000, 1, 1)])
@example([(10000, 1, -1), (10000, 1, -1), (10000, 1, -1)])
@settings(max_examples=15)
def test_whatever_the_market_does_it_never_quotes_across_it_nor_beyond_its_inventory(
    moves: list[tuple[int, int, int]],
) -> None:
    """Trades far below and far above, so that it is full of what it bought, or short of what it sold."""
    stage = maker(max_inventory=D(2), skew_bps=D(300))
    for bid, wide, way in moves:
        stage.book(D(bid) / 10, D(bid + wide) / 10, 120)
        if way:
            stage.trade(D(bid) / 10 + 200 * way, 5, after_ms=60)
            stage.pipe.end_turn()
    checks = [reason["check"] for one in stage.told("quote_refused") for reason in one["reasons"]]
    assert "post_only" not in checks and "size" not in checks
    inventory = most = D(0)
    for one in stage.told("filled"):
        inventory += D(one["price"]) * D(one["quantity"]) * (1 if one["side"] == "buy" else -1)
        most = max(most, abs(inventory))
    assert len(stage.told("quote_placed")) >= 4 and most <= 5_000  # the limit of 2, one set of 2 beyond it, and moves


def test_its_docs_name_every_setting() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/toy-maker.md").read_text(encoding="utf-8")
    for name, field in ToyMakerSettings.model_fields.items():
        assert f"| `{name}` |" in page, name
        assert field.description
