"""Quotes on paper: who is filled, when, of how much; and that nothing appears from nowhere.

The histories are random; what must come of them is recomputed here by plain loops from the inputs, and from what the
journal says was placed and cancelled.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from collecting.quotes_stage import LATENCY, LIMITS, RULES, XY, Feed, Stage, Step, fees, histories, play, ticks
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.gate.gate import TradingMode
from cryptopipe.model.facts import Asset, Kind, TradingRules, TradingState
from cryptopipe.model.quotes import Quote, QuoteSet
from cryptopipe.model.stream import Proof, SyncRule, apply_always

pytestmark = pytest.mark.core


def inputs_of(steps: Sequence[Step]) -> list[tuple[int, Step]]:
    """With the time of each."""
    at, found = SECOND, []
    for step in steps:
        at += step.after_ms * MILLISECOND
        found.append((at, step))
    return found


def expected_fills(stage: Stage, steps: Sequence[Step]) -> list[tuple[str, D, D]]:
    """Straight from the rules: a quote rests from its placing and the latency on, unless it was refused then, and until
    its cancellation and the latency; a trade strictly through it fills it, the better price and then the elder first.
    """
    late = {one["quote_id"] for one in stage.told("quote_refused") if one["quote_id"]}
    placed = [one for one in stage.told("quote_placed") if one["quote_id"] not in late]
    cancelled = {one["quote_id"]: one["at"] + LATENCY for one in stage.told("quote_cancelled")}
    left = {one["quote_id"]: D(one["quantity"]) for one in placed}
    found, heard = [], 0
    known: list[tuple[int, int]] = []
    for at, step in inputs_of(steps):
        known.append((at, at))  # each tells its own time as the venue's
        if step.kind == "book":
            continue
        price, size = D(ticks(step.a)), D(step.b)
        through = []
        for one in placed:
            arrives = one["at"] + LATENCY
            heard = max((told for when, told in known[:-1] if when < arrives), default=0)
            if arrives > at or at <= heard or cancelled.get(one["quote_id"], at + 1) <= at:
                continue
            ours = D(one["price"])
            if price < ours if one["side"] == "buy" else price > ours:
                through.append((-ours if one["side"] == "buy" else ours, one))
        for _, one in sorted(through, key=lambda pair: pair[0]):
            quantity = min(size, left[one["quote_id"]])
            if quantity > 0:
                size, left[one["quote_id"]] = size - quantity, left[one["quote_id"]] - quantity
                found.append((one["quote_id"], D(one["price"]), quantity))
    return found


@settings(max_examples=30)
@given(histories())
def test_fills_are_exactly_those_of_trades_through_a_price_while_the_quote_was_there(steps: list[Step]) -> None:
    stage = play(steps)
    assert stage.fills() == expected_fills(stage, steps)
    by_time = dict(inputs_of(steps))
    for one in stage.told("filled"):
        price, ours = D(ticks(by_time[one["at"]].a)), D(one["price"])
        assert price < ours if one["side"] == "buy" else price > ours


@settings(max_examples=15)
@given(histories())
def test_no_quote_crosses_its_book_when_it_arrives(steps: list[Step]) -> None:
    stage = play(steps)
    late = {one["quote_id"] for one in stage.told("quote_refused") if one["quote_id"]}
    books = [(at, step) for at, step in inputs_of(steps) if step.kind == "book"]
    ended = {one["quote_id"]: one["at"] for one in stage.told("quote_ended")}
    for one in stage.told("quote_placed"):
        arrives = one["at"] + LATENCY
        if arrives > stage.at:
            continue  # the run ended before
        book = [step for at, step in books if at < arrives][-1]
        crosses = D(one["price"]) >= D(ticks(book.b)) if one["side"] == "buy" else D(one["price"]) <= D(ticks(book.a))
        assert not crosses or one["quote_id"] in late
        assert one["quote_id"] not in late or ended.get(one["quote_id"]) is None


@settings(max_examples=15)
@given(histories(), st.sampled_from(["0.001", "-0.0002", "0"]), st.sampled_from(["quote", "received"]))
def test_balances_are_the_sum_of_fills_and_fees(steps: list[Step], maker: str, charged_in: str) -> None:
    stage = play(steps, Stage(fees(maker, charged_in)))
    summary = stage.finish()
    base = quote = Fraction(0)
    for one in stage.told("filled"):
        sign, quantity, price = (1 if one["side"] == "buy" else -1), Fraction(one["quantity"]), Fraction(one["price"])
        base, quote = base + sign * quantity, quote - sign * quantity * price
        received = charged_in == "received" and one["side"] == "buy"
        fee = Fraction(maker) * (quantity if received else quantity * price)
        assert Fraction(one["fee"]) == fee and one["fee_asset"] == ("X" if received else "USDT")
        base, quote = base - (fee if received else 0), quote - (0 if received else fee)
    changes = {asset: Fraction(amount) for asset, amount in summary.profit.items()}
    assert changes.get(Asset("X"), Fraction(0)) == base and changes.get(Asset("USDT"), Fraction(0)) == quote
    line = next(iter(summary.quotes), None)
    assert line is None or line.fills == len(stage.told("filled"))
    assert stage.free("USDT") == stage.held().get("USDT", 0)  # nothing is set aside any more
    assert stage.free("X") == stage.held().get("X", 0)


@settings(max_examples=15)
@given(histories(), st.sampled_from(["0.001", "-0.0002"]), st.sampled_from(["quote", "received"]))
def test_nothing_is_promised_twice(steps: list[Step], maker: str, charged_in: str) -> None:
    """With hardly any money: what is set aside never exceeds what is there, and what is there never falls below 0."""

    def watch(stage: Stage) -> None:
        for asset in ("X", "USDT"):
            assert stage.free(asset) >= 0 and stage.held().get(asset, D(0)) >= 0

    play(steps, Stage(fees(maker, charged_in), holds="250"), watch)
    play(steps, Stage(fees(maker, charged_in), holds="3"), watch)


@settings(max_examples=15)
@given(histories(), st.sampled_from(["quote", "received"]))
def test_a_higher_fee_never_helps(steps: list[Step], charged_in: str) -> None:
    low, high = (play(steps, Stage(fees(rate, charged_in))) for rate in ("0.0005", "0.003"))
    assert low.fills() == high.fills()
    for asset in ("X", "USDT"):
        assert high.held().get(asset, D(0)) <= low.held().get(asset, D(0))
    assert not low.fills() or high.held() != low.held()


@settings(max_examples=15)
@given(histories())
def test_the_same_inputs_give_the_same_journal_and_every_quote_ends_once(steps: list[Step]) -> None:
    first, second = play(steps), play(steps)
    first.finish(), second.finish()
    assert first.log.lines == second.log.lines
    ends = [one["quote_id"] for one in first.told("quote_ended")]
    ends += [one["quote_id"] for one in first.told("quote_refused") if one["quote_id"]]
    assert sorted(ends) == sorted(one["quote_id"] for one in first.told("quote_placed"))
    filled: dict[str, D] = {}
    for name, _, quantity in first.fills():
        filled[name] = filled.get(name, D(0)) + quantity
    for one in first.told("quote_ended"):
        assert D(one["filled"]) == filled.get(one["quote_id"], 0)
    sizes = {one["quote_id"]: D(one["quantity"]) for one in first.told("quote_placed")}
    assert all(D(one["filled"]) + D(one["unfilled"]) == sizes[one["quote_id"]] for one in first.told("quote_ended"))


@pytest.mark.parametrize(
    ("charged_in", "holds", "placed"),
    [("quote", "198.197", 0), ("quote", "198.198", 1), ("received", "197.999", 0), ("received", "198", 1)],
)
def test_a_bid_sets_its_fee_aside_too_where_that_is_paid_in_the_quote(charged_in: str, holds: str, placed: int) -> None:
    """2 at 99 cost 198, and 0.1 % of it."""
    stage = Stage(fees("0.001", charged_in), holds=holds)
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    assert len(stage.told("quote_placed")) == placed
    assert not placed or stage.free("USDT") == 0
    stage.book("99.5", "100.6", 60)
    stage.trade(98, 9)
    assert stage.held()["USDT"] == (0 if placed else D(holds))


@pytest.fixture
def stage() -> Stage:
    """A bid of 2 at 99 rests under a book of 99.5 to 100.5."""
    stage = Stage()
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    stage.book("99.5", "100.6", 60)
    return stage


def test_a_trade_at_the_price_fills_nothing_and_one_below_fills_up_to_its_size(stage: Stage) -> None:
    stage.trade("99", 5)
    assert stage.fills() == []
    stage.trade("98.9", "0.5")
    stage.trade("98.9", "7")
    assert stage.fills() == [("q1", D(99), D("0.5")), ("q1", D(99), D("1.5"))]


def test_a_cancelled_quote_is_filled_until_the_cancellation_arrives(stage: Stage) -> None:
    stage.want()
    stage.book("99.5", "100.7")
    stage.trade("98", "0.5", after_ms=49)
    stage.trade("98", "0.5", after_ms=1)  # the cancellation arrives with this one
    assert [quantity for _, _, quantity in stage.fills()] == [D("0.5")]
    assert [one["why"] for one in stage.told("quote_ended")] == ["not wanted any more"]


def test_the_same_quote_keeps_its_place_and_is_not_placed_again(stage: Stage) -> None:
    stage.want(bids=[("99", "2")])
    stage.book("99.4", "100.7")
    assert len(stage.told("quote_placed")) == 1 and stage.told("quote_cancelled") == []
    stage.want(bids=[("99", "2", "other")])
    stage.book("99.4", "100.8")
    assert len(stage.told("quote_placed")) == 2 and len(stage.told("quote_cancelled")) == 1


def test_a_quote_that_is_wanted_again_while_its_cancellation_is_on_its_way_is_placed_anew(stage: Stage) -> None:
    stage.want()
    stage.book("99.4", "100.7")
    stage.want(bids=[("99", "2")])
    stage.book("99.4", "100.8")
    stage.book("99.4", "100.9", 60)
    assert [one["quote_id"] for one in stage.told("quote_placed")] == ["q1", "q2"]
    stage.trade(98, 9)
    assert stage.fills() == [("q2", D(99), D(2))]


def test_what_is_not_proposed_stays(stage: Stage) -> None:
    stage.book("99.4", "100.7")
    assert stage.told("quote_cancelled") == []


@pytest.mark.parametrize("twin", ["a1+", "a2"])
def test_a_trade_told_twice_counts_once(stage: Stage, twin: str) -> None:
    stage.trade("98", "0.5", "same")
    stage.trade("98", "0.5", "same", conn=twin)
    stage.trade("98", "0.5", "other", conn=twin)
    assert [quantity for _, _, quantity in stage.fills()] == [D("0.5"), D("0.5")]


def test_of_a_venue_without_ids_two_trades_of_one_moment_and_size_count_once(stage: Stage) -> None:
    for size in ("0.5", "0.5", "0.6"):
        frame = ["trade", "X-USDT", [["", "98", size, "sell", stage.at + MILLISECOND]]]
        stage.give(frame, after_ms=0)
    assert [quantity for _, _, quantity in stage.fills()] == [D("0.5"), D("0.6")]


def test_trades_of_before_that_are_told_with_the_opening_of_a_stream_fill_nothing(stage: Stage) -> None:
    """The book of 60 ms ago was the last that was known when the quote arrived."""
    arrived = stage.told("quote_placed")[0]["at"] + LATENCY
    stage.trade("98", "0.5", at=arrived - LATENCY)
    assert stage.fills() == []
    stage.trade("98", "0.5", at=arrived + MILLISECOND)
    assert len(stage.fills()) == 1


def test_single_orders_tell_the_same_trades_and_fill_nothing(stage: Stage) -> None:
    stage.trade("98", "0.5", conn="a#1/orders")
    assert stage.fills() == []


def test_a_fill_wakes_the_strategy_with_its_inventory(stage: Stage) -> None:
    before = len(stage.strategy.asked)
    stage.trade("98", "0.5")
    stage.pipe.end_turn()
    (now, inventory, standing), *_ = stage.strategy.asked[before:]
    assert (now, inventory) == (stage.at, D("0.5"))
    assert [(one.left, one.state) for one in standing] == [(D("1.5"), "resting")]


def test_a_book_that_is_lost_takes_its_quotes_away(stage: Stage) -> None:
    from cryptopipe.capture.inputs import Direction

    stage.give(b"gone", direction=Direction.CLOSE)
    stage.pipe.end_turn()
    assert [one["why"] for one in stage.told("quote_cancelled")] == ["book dead"]


@pytest.mark.parametrize("mode", [TradingMode.HALTED, TradingMode.REDUCING])
def test_a_halt_takes_every_quote_away_and_lets_none_in(stage: Stage, mode: TradingMode) -> None:
    stage.pipe.state.mode = mode
    stage.want(bids=[("98", "1")])
    stage.book("99.4", "100.7")
    assert [one["why"] for one in stage.told("quote_cancelled")] == [f"trading is {mode.value}"]
    (refused,) = stage.told("quote_refused")
    assert [reason["check"] for reason in refused["reasons"]] == ["mode"]


def test_a_loss_beyond_its_limit_halts_and_cancels() -> None:
    stage = Stage(limits=replace(LIMITS, max_loss=D(10)))
    stage.want(bids=[("99", "2"), ("50", "1")])
    stage.book("99.5", "100.5")
    stage.book("99.5", "100.6", 60)
    stage.book("90", "91")
    stage.trade("90", 9)  # 2 bought at 99 are worth 90 each
    stage.pipe.end_turn()
    assert stage.pipe.state.mode is TradingMode.HALTED
    assert [one["quote_id"] for one in stage.told("quote_cancelled")] == ["q2"]


CHECKED: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "notional": ({"max_notional": D(150)}, [("99", "2")], []),
    "inventory": ({"max_inventory": D(150)}, [("99", "2")], []),
    "size": ({}, [("99.05", "2")], []),
    "post_only": ({}, [("100.5", "2")], []),
    "funds": ({}, [("99", "11000")], []),
    "numbers": ({}, [("0", "1")], []),
    "loss": ({"max_loss": D(0)}, [("99", "2")], []),
}


@pytest.mark.parametrize("check", [name for name, (_, bids, _) in CHECKED.items() if bids])
def test_the_gate_refuses_and_says_why_and_once(check: str) -> None:
    limits, bids, asks = CHECKED[check]
    stage = Stage(limits=replace(LIMITS, **{"max_notional": D(10**9), "max_inventory": D(10**9), **limits}))
    for ask in ("100.5", "100.6"):
        stage.want(bids, asks)
        stage.book("99.5", ask)
    failed = [[reason["check"] for reason in one["reasons"]] for one in stage.told("quote_refused")]
    if check == "post_only":
        assert [check] in failed
        return
    expected = [check, "mode"] if check == "loss" else [check]
    assert failed and sorted(failed[0]) == sorted(expected)
    assert len(failed) == 1 and stage.told("quote_placed") == []


def failed(stage: Stage) -> list[str]:
    """The checks of the one refusal that was told."""
    (refused,) = stage.told("quote_refused")
    assert stage.told("quote_placed") == []
    return sorted(reason["check"] for reason in refused["reasons"])


def test_a_book_that_nobody_can_prove_takes_only_what_the_settings_let_it() -> None:
    class Unproven(Feed):
        rule = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)

    for allowed, checks in ((D(197), ["proof"]), (D(198), [])):
        stage = Stage(limits=replace(LIMITS, max_unproven_notional=allowed), feed=Unproven)
        stage.want(bids=[("99", "2")])
        stage.book("99.5", "100.5")
        assert len(stage.told("quote_placed")) == (not checks)
        assert not checks or failed(stage) == checks


@pytest.mark.parametrize(("later_ms", "checks"), [(2_000, []), (2_001, ["age"])])
def test_a_quote_on_a_book_that_has_not_moved_for_long_is_refused(later_ms: int, checks: list[str]) -> None:
    stage = Stage()
    stage.book("99.5", "100.5")
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5", later_ms, symbol="Z-USDT")
    assert len(stage.told("quote_placed")) == (not checks)
    assert not checks or failed(stage) == checks


def test_a_book_that_is_lost_takes_none_in() -> None:
    stage = Stage()
    stage.book("99.5", "100.5")
    stage.pipe.market.books[XY.venue][XY.symbol].lose("test")
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5", symbol="Z-USDT")
    assert failed(stage) == ["books_live"]


@pytest.mark.parametrize(
    "told",
    [
        {"state": TradingState.HALTED},
        {"state": TradingState.CANCEL_ONLY},
        {"delists_at": 1},
        {"rules": TradingRules(D("0.5"), D("0.5"), D("0.5"), D(0))},
        {"kind": Kind.LINEAR_PERPETUAL},
    ],
)
def test_what_may_not_be_traded_is_not_quoted(told: dict[str, Any]) -> None:
    stage = Stage()
    stage.book("99.5", "100.5")
    sync = stage.pipe.market.books[XY.venue][XY.symbol]
    sync.instrument = msgspec.structs.replace(sync.instrument, **told)
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.6")
    assert failed(stage) == ["trading_state"]


@pytest.mark.parametrize("why", ["book syncing", "instrument halted"])
def test_a_quote_that_arrives_where_nothing_may_rest_is_refused(why: str) -> None:
    stage = Stage()
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    sync = stage.pipe.market.books[XY.venue][XY.symbol]
    if why == "book syncing":
        sync.lose("test")
    else:
        sync.instrument = msgspec.structs.replace(sync.instrument, state=TradingState.HALTED)
    stage.trade(98, 2, after_ms=60)
    (refused,) = stage.told("quote_refused")
    assert (refused["quote_id"], refused["reasons"][0]["measured"]) == ("q1", why)
    assert stage.fills() == [] and stage.free("USDT") == stage.held()["USDT"]


def test_a_post_only_market_is_quoted() -> None:
    stage = Stage()
    stage.book("99.5", "100.5")
    sync = stage.pipe.market.books[XY.venue][XY.symbol]
    sync.instrument = msgspec.structs.replace(sync.instrument, state=TradingState.POST_ONLY)
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.6")
    stage.book("99.5", "100.7", 60)
    assert stage.told("quote_refused") == [] and len(stage.told("quote_placed")) == 1


def test_without_a_known_fee_nothing_is_quoted() -> None:
    stage = Stage(fees={})
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    assert failed(stage) == ["fees"]


def test_an_inventory_at_its_limit_lets_only_the_other_side_in() -> None:
    stage = Stage(limits=replace(LIMITS, max_inventory=D(300)))
    stage.want(bids=[("99", "3")])
    stage.book("99.5", "100.5")
    stage.book("99.5", "100.6", 60)
    stage.trade("98", 3)
    stage.want(bids=[("98", "1")], asks=[("101", "2"), ("102", "1", "far")])
    stage.book("99.5", "100.7")
    assert [one["side"] for one in stage.told("quote_placed")] == ["buy", "sell", "sell"]
    assert [one["side"] for one in stage.told("quote_refused")] == ["buy"]


def test_two_sides_are_not_added_up() -> None:
    """Bids of 2 and asks of 2 around 100 may come to 2 bought or 2 sold, not to 4."""
    stage = Stage(limits=replace(LIMITS, max_inventory=D(210)))
    stage.want(bids=[("99", "2")], asks=[("101", "2")])
    stage.book("99.5", "100.5")
    assert len(stage.told("quote_placed")) == 2


def test_the_limit_of_inventory_is_over_all_instruments() -> None:
    stage = Stage(limits=replace(LIMITS, max_inventory=D(300)))
    other = XY.__class__(XY.venue, "Z-USDT", Asset("Z"), Asset("USDT"), rules=RULES)
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    stage.strategy.wanted = [QuoteSet(other, bids=(Quote(D(99), D(2)),))]
    stage.book("99.5", "100.5", symbol="Z-USDT")
    stage.strategy.wanted = [QuoteSet(other, bids=(Quote(D(99), D(1)),))]
    stage.book("99.5", "100.6", symbol="Z-USDT")
    assert [(one["instrument"], one["quantity"]) for one in stage.told("quote_placed")] == [
        ("a:X-USDT", "2"),
        ("a:Z-USDT", "1"),
    ]


def test_own_quotes_never_meet(stage: Stage) -> None:
    """The book has fallen below the bid at 99, without a trade that anybody told, when an ask at 98.8 arrives."""
    stage.book("98", "98.5")
    stage.want(bids=[("99", "2")], asks=[("98.8", "1")])
    stage.book("98", "98.6")
    stage.book("98", "98.7", 60)
    (refused,) = [one for one in stage.told("quote_refused") if one["side"] == "sell"]
    assert refused["reasons"][0]["measured"] == "it would trade with our own q1 at 99"


def test_where_orders_go_to_the_venues_quotes_are_refused_with_the_reason() -> None:
    class Codec:
        supports = frozenset()

    stage = Stage(codecs={XY.venue: Codec()})
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    (refused,) = stage.told("quote_refused")
    assert {
        "check": "execution",
        "passed": False,
        "limit": "paper: quotes are not sent to venues",
        "measured": "venue",
    } in (refused["reasons"])


def test_a_strategy_that_proposes_no_quotes_has_none_in_its_journal() -> None:
    class Silent:
        def start(self, instruments: object) -> None: ...
        def evaluate(self, view: object, changed: object) -> tuple[()]:
            return ()

    stage = Stage(strategy=Silent())
    stage.book("99.5", "100.5")
    stage.trade("98", 1)
    summary = stage.finish()
    assert summary.quotes == () and "quotes" not in stage.told("run_ended")[0]


RATES, CHARGED = st.sampled_from(["0.001", "-0.0002", "0"]), st.sampled_from(["quote", "received"])
LAWS: dict[Any, tuple[st.SearchStrategy[Any], ...]] = {
    test_fills_are_exactly_those_of_trades_through_a_price_while_the_quote_was_there: (histories(),),
    test_no_quote_crosses_its_book_when_it_arrives: (histories(),),
    test_balances_are_the_sum_of_fills_and_fees: (histories(), RATES, CHARGED),
    test_nothing_is_promised_twice: (histories(), RATES, CHARGED),
    test_a_higher_fee_never_helps: (histories(), CHARGED),
    test_the_same_inputs_give_the_same_journal_and_every_quote_ends_once: (histories(),),
}


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS, ids=lambda law: str(law.__name__))
def test_the_laws_hold_for_many_more(law: Any) -> None:
    many = settings(max_examples=1_000, derandomize=True, database=None, deadline=None)
    many(given(*LAWS[law])(law.hypothesis.inner_test))()
