"""A worth that is not linear, stretches of lots, and cycles at the ends of what there is."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from decimal import localcontext
from fractions import Fraction as F
from random import Random

import pytest
from evaluation.cycles import EXACT, Case, case, check_chain, frontier, hurdle_of, market, schedule
from evaluation.test_size import ENOUGH, instances, value
from evaluation.test_size_walk import deep, pieces, worth_of
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.evaluate.cycle import best_amount, carry_out
from cryptopipe.evaluate.size import best_cycle
from cryptopipe.evaluate.steps import Edge, InventoryStep, Margin, Step, Token, TransferStep
from cryptopipe.evaluate.stretch import falling, rising
from cryptopipe.model.facts import Asset, Side, TradingRules


def averse(one: Case, charge: D) -> Callable[[D, D], D]:
    """What is received, less what is spent and a charge on its square."""

    def worth(spent: D, received: D) -> D:
        with localcontext(EXACT):
            return received - hurdle_of(one) * spent - charge * spent * spent

    return worth


@instances(120)
def test_by_a_concave_worth_the_best_size_is_the_best_of_all(seeds: range) -> None:
    smaller = 0
    for seed in seeds:
        random = Random(seed)
        one, charge = case(random), D(random.choice(("0", "0.0001", "0.001", "0.01")))
        worth = averse(one, charge)
        best = best_cycle(one.steps, one.cap, worth, hurdle=one.hurdle, tries=ENOUGH)
        with localcontext(EXACT):
            most = max([D(0), *(worth(spent, received) for spent, received in frontier(one))])
        assert (D(0) if best is None else worth(best.spent, best.received - best.aside)) == most, f"seed {seed}"
        plain = best_cycle(one.steps, one.cap, hurdle=one.hurdle)
        smaller += plain is not None and (best is None or best.spent < plain.spent)
    assert smaller > len(seeds) / 30, "hardly a size gave way to its risk"


def rules(step: str = "0.1", least: str = "0") -> TradingRules:
    return TradingRules(tick=D("0.1"), step=D(step), min_size=D(0), min_notional=D(least))


BUY = Step(market("a", "X", "Y", rules()), Side.BUY, [(D(100), D(10))], schedule("0", "quote"), D(10**6))
SELL = Step(market("b", "X", "Y", rules()), Side.SELL, [(D(103), D(10))], schedule("0", "quote"), D(10**6))
SEND = TransferStep(Asset("X"), D("0.1"), precision=1)


def test_a_worth_may_divide_and_round() -> None:
    """3 of 100 are earned; with s^2 / 30,000 charged on what is spent, 450 are worth most: 13.5 - 6.75."""
    best = best_cycle((BUY, SELL), D(10**6), lambda spent, received: received - spent - spent / 3 * spent / 10_000)
    assert best is not None and (best.spent, best.received) == (D(450), D("463.5"))


@given(
    st.integers(1, 60), st.integers(-30, 30), st.integers(1, 30), st.integers(0, 90), st.integers(0, 90),
    st.integers(1, 50),
)  # fmt: skip
def test_the_best_of_a_stretch_is_the_best_of_its_lots(count: int, a: int, b: int, c: int, d: int, m: int) -> None:
    def up(n: int) -> int:
        return a * n + b * ((c * n + d) // m)

    def down(n: int) -> int:
        return a * n - b * ((c * n + d) // m)

    assert up(rising(count, D(a), D(b), c, d, m)) == max(map(up, range(count)))
    assert down(falling(count, D(a), D(-b), c, d, m)) == max(map(down, range(count)))


@pytest.mark.parametrize(
    "steps",
    [
        (replace(BUY, ladder=[]), SELL),
        (BUY, replace(SELL, ladder=[])),
        (replace(BUY, at_hand=D(0)), SELL),
        (BUY, replace(SELL, at_hand=D(0))),
        (BUY, replace(SELL, margin=Margin(D(0), D(5)))),
        (BUY, replace(SELL, ladder=[(D(100), D(10))])),
        (BUY, replace(SEND, fee=D(11)), SELL),
        (BUY, replace(SEND, fee=D("0.3")), SELL),  # 30 of fee against 3 % of 1,000: nothing is left
        (BUY, replace(SEND, maximum=D(0)), SELL),
        (BUY, replace(SEND, minimum=D("10.1")), SELL),
        (BUY, replace(SEND, min_deposit=D(10)), SELL),
        (BUY, InventoryStep(Asset("X"), D(0)), SELL),
        (BUY, SELL, InventoryStep(Asset("Y"), D("9.9"))),
        (BUY, InventoryStep(Asset("X"), D(10), D("0.03")), SELL),
        (BUY, replace(SELL, instrument=market("b", "X", "Y", rules("11")))),
        (BUY, replace(SELL, instrument=market("b", "X", "Y", rules("1", "1030.1")))),
    ],
)
def test_where_there_is_nothing_to_gain_there_is_no_outcome(steps: tuple[Edge, ...]) -> None:
    assert best_cycle((BUY, SELL), D(10**6)) is not None
    assert best_cycle(steps, D(10**6)) is None
    assert best_cycle((BUY, SELL), D(0)) is None and best_cycle((BUY, SELL), D(-1)) is None
    assert best_amount((BUY, SELL), D(0)) == best_amount((BUY, SELL), D(-1)) == 0


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((BUY, replace(SELL, instrument=market("b", "X", "Y", rules("11")))), "below the minimum size 11"),
        ((BUY, replace(SELL, instrument=market("b", "X", "Y", rules("1", "1030.1")))), "below the minimum notional"),
        ((BUY, replace(SEND, fee=D(11)), SELL), "does not pay its fee 11"),
        ((BUY, replace(SEND, minimum=D("10.1")), SELL), "below the minimum 10.1"),
        ((BUY, replace(SEND, min_deposit=D(10)), SELL), "below the minimum deposit 10"),
    ],
)
def test_what_is_refused_says_why(steps: tuple[Edge, ...], reason: str) -> None:
    outcome = carry_out(steps, D(10**6))
    assert reason in outcome.problem and not outcome.legs


def test_a_transfer_takes_its_fee_rounded_up_and_leaves_dust() -> None:
    """9.99 are bought; 9.9 leave, of which 0.1 + 0.01 * 9.8 = 0.198 is kept, as 0.2; 9.7 arrive, 0.05 is kept: 9.65."""
    buy = replace(BUY, fees=schedule("0.001", "received"))
    send = replace(SEND, fee_rate=D("0.01"), deposit_fee=D("0.05"))
    outcome = carry_out((buy, send, SELL), D(1000))
    (sent,) = outcome.passages
    assert (sent.amount, sent.fee, sent.deposit_fee, sent.arrives) == (D("9.9"), D("0.2"), D("0.05"), D("9.65"))
    assert outcome.legs[1].quantity == D("9.6") and outcome.dust == (D("0.09"), D("0.05"))
    assert dict(outcome.change) == {"Y": D("9.6") * 103 - 1000, "X": D("0.14")}


def test_a_token_pays_while_it_suffices_for_the_whole_fee() -> None:
    """1,030 sold at 0.00075 and two tokens a unit of quote are 1.545 tokens, at two places 1.55; else 0.1 % of it."""
    token = Token(Asset("T"), D("0.00075"), D(2), D("0.5"), D("1.55"), places=2)
    paid = replace(SELL, fees=schedule("0.001", "quote"), token=token)
    best = best_cycle((BUY, paid), D(10**6))
    assert best is not None and (best.legs[1].fee.asset, best.legs[1].fee.amount) == ("T", D("1.55"))
    assert (best.profit, best.aside, best.received) == (D(30), D("0.775"), D(1030))
    assert dict(best.change) == {"Y": D(30), "X": D(0), "T": D("-1.55")}
    short = replace(paid, token=replace(token, balance=D("1.54")))
    best = best_cycle((BUY, short), D(10**6))
    assert best is not None and (best.legs[1].fee.asset, best.legs[1].fee.amount) == ("Y", D("1.03"))
    assert (best.profit, best.aside) == (D("28.97"), D(0))


def test_what_a_token_pays_counts_where_the_walk_ends() -> None:
    """A second unit would bring 103 for 102, and take 1.545 tokens of one each."""
    buy = replace(BUY, ladder=[(D(100), D(1)), (D(102), D(1))])
    sell = replace(SELL, token=Token(Asset("T"), D("0.015"), D(1), D(1), D(1000)))
    assert best_amount((buy, sell), D(10**6)) == 100 and best_amount((buy, SELL), D(10**6)) == 202
    best = best_cycle((buy, sell), D(10**6), tries=1)
    assert best is not None and (best.spent, best.short) == (D(100), D(0))


def test_no_more_is_bought_than_can_be_sold() -> None:
    """9.7 could be bought and whole units be sold: 9 are, at the first try, and no other size can be worth more."""
    buy = replace(BUY, ladder=[(D(100), D("9.7"))])
    best = best_cycle((buy, replace(SELL, instrument=market("b", "X", "Y", rules("1")))), D(10**6), tries=1)
    assert best is not None and [leg.quantity for leg in best.legs] == [9, 9] and best.short == 0


@instances(60)
def test_deep_cycles_chain_exactly_and_lose_less_than_the_grids_explain(seeds: range) -> None:
    """With up to eighteen decimal places and twenty levels: between the best amount rounded down and not rounded."""
    for seed in seeds:
        random = Random(seed)
        steps, cap = deep(random, 20)
        best, one = best_cycle(steps, cap), Case(tuple(steps), cap)
        amount = best_amount(steps, cap)
        if not any(isinstance(step, Step) and step.token for step in steps):
            most = worth_of([pieces(step) for step in steps], amount, F(1))
            rounded = carry_out(steps, D(int(amount * 10**18)).scaleb(-18))
            least = F(0) if rounded.problem else F(value(one, rounded))
            assert max(F(0), least) <= F(value(one, best)) <= max(F(0), most), f"seed {seed}"
        if best is not None:
            check_chain(one, best)
