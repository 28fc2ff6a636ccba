"""Ways round through several venues: proposed by the graph, priced exactly, told as edges of their own."""

from collections.abc import Mapping
from decimal import Decimal as D
from math import sqrt
from statistics import NormalDist

import pytest
from unit.test_edges import market, seen

from cryptopipe.act.plan import Plan
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Side
from cryptopipe.model.money import in_bps
from cryptopipe.model.trading import Decision, Fill, Opportunity
from cryptopipe_arbitrage.edges import Cycle

pytestmark = pytest.mark.core

A = market("a", "BTC/USDT", symbol="A-BTCUSDT")
B = market("b", "BTC/USD", symbol="B-BTCUSD")
C = market("b", "USDT/USD", symbol="B-USDTUSD")
FAIR = {A: ("99.9", "100"), B: ("99.9", "100.1"), C: ("0.99", "1")}


def rounds(books: Mapping[Instrument, tuple[str, str]]) -> list[Opportunity]:
    found = seen(dict(books), {"restoring_bps": D(1)})
    return [one for one in found if one.edge.startswith("round ")]


def test_two_quotes_and_a_conversion_make_a_way_round() -> None:
    """Buy at a for 100 USDT, sell at b for 102 USD, buy 102 USDT of it: 2 in 100."""
    assert rounds(FAIR) == []
    (found,) = rounds({**FAIR, B: ("102", "102.2")})
    assert found.edge == "round buy a:A-BTCUSDT sell b:B-BTCUSD buy b:B-USDTUSD"
    assert found.gross_bps == D(200)
    assert found.numeraire == "USDT"
    assert {cost.name: cost.bps for cost in found.costs}["restoring"] == D(1)


def test_the_other_way_round_is_another_edge() -> None:
    (found,) = rounds({**FAIR, B: ("97.8", "98")})
    assert found.edge == "round sell b:B-USDTUSD buy b:B-BTCUSD sell a:A-BTCUSDT"
    assert found.gross_bps == in_bps(D("0.99") * D("99.9") - 98, D(98))


def test_without_the_conversion_there_is_none() -> None:
    assert rounds({A: FAIR[A], B: ("102", "102.2")}) == []


def test_pairs_and_triangles_are_told_once() -> None:
    three = {A: ("99.9", "100"), market("b", "BTC/USDT", symbol="B-BTCUSDT"): ("102", "102.1")}
    names = [one.edge for one in seen(three)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("round ")]


def test_what_a_way_round_moves_between_venues_is_accrued_by_what_it_spent() -> None:
    """2 of 3 units filled at 100: a basis point of 200, whatever the other legs are quoted in."""
    (found,) = seen({**FAIR, B: ("102", "102.2")}, {"restoring_bps": D(1), "kinds": ("cycle",)})
    plan = Plan.of(Decision(1, found, True, (), 0))
    first = plan.orders[0]
    plan.fills.append(
        Fill(first.client_id, first.instrument, first.side, D(100), D(2), Fee(D(0), first.instrument.quote), 0)
    )
    assert plan.charged("restoring") == 200
    assert plan.charged("nothing") == 0


def test_three_markets_of_one_venue_are_a_triangle_and_no_round() -> None:
    three = {
        market("a", "BTC/USDT", symbol="1"): ("99.9", "100"),
        market("a", "ETH/USDT", symbol="2"): ("51", "51.1"),
        market("a", "ETH/BTC", symbol="3"): ("0.49", "0.5"),
    }
    assert {one.edge.split()[0] for one in seen(three)} == {"triangle"}


@pytest.mark.parametrize("charged", ["quote", "received"])
def test_fees_close_a_round_where_they_take_what_it_gains(charged: str) -> None:
    """Three trades gain 2 %: fees of 0.6 % each leave something, of 0.7 % each nothing."""
    books = {**FAIR, B: ("102", "102.2")}
    for rate, told in (("0.006", 1), ("0.007", 0)):
        fees = FeeSchedule.flat(rate, rate, "test", "2026-11-21", charged)
        assert len([one for one in seen(books, {"restoring_bps": D(0)}, fees) if one.edge.startswith("round ")]) == told


def test_quotes_not_seen_at_one_instant_are_charged_for_their_ages() -> None:
    """Both books 50 ms on the way and no age: z of nine tenths times the assumed volatility over both."""
    (found,) = [one for one in seen({**FAIR, B: ("102", "102.2")}) if one.edge.startswith("round ")]
    sigma = 0.8 / sqrt(365 * 24 * 60)
    expected = NormalDist().inv_cdf(0.9) * sigma * sqrt(3 * 0.05 / 60) * 1e4
    assert float({cost.name: cost.bps for cost in found.costs}["skew"]) == pytest.approx(expected, rel=1e-9)


def test_value_comes_back_once_for_two_passages() -> None:
    ways = {1: ((A, Side.BUY), (B, Side.SELL)), 0: ((B, Side.BUY), (C, Side.SELL))}
    for times, steps in ways.items():
        assert Cycle("x", steps, Asset("USDT")).restored == times
