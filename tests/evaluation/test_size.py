"""The best size of a cycle on all grids: equal to brute force, chained exactly, and never worse than nothing."""

from decimal import Decimal as D
from decimal import localcontext
from random import Random

import pytest
from evaluation.cycles import EXACT, Case, best_value, case, check_chain, hurdle_of, market, schedule

from cryptopipe.evaluate.cycle import Outcome, carry_out
from cryptopipe.evaluate.size import best_cycle
from cryptopipe.evaluate.steps import Step
from cryptopipe.model.facts import Side, TradingRules

ENOUGH = 10**6
"""Tries that no small cycle needs."""


def instances(quick: int, long: int = 10_000) -> pytest.MarkDecorator:
    """Seeds: some always, many more in the long suite."""
    both = [pytest.param(range(quick), id="some"), pytest.param(range(quick, long), id="many", marks=pytest.mark.long)]
    return pytest.mark.parametrize("seeds", both)


def value(one: Case, outcome: Outcome | None) -> D:
    with localcontext(EXACT):
        return D(0) if outcome is None else outcome.received - hurdle_of(one) * outcome.spent - outcome.aside


@instances(300)
def test_the_best_size_is_the_best_of_all_sizes_and_its_amounts_chain(seeds: range) -> None:
    paying = 0
    for seed in seeds:
        one = case(Random(seed))
        best = best_cycle(one.steps, one.cap, hurdle=one.hurdle, tries=ENOUGH)
        assert value(one, best) == best_value(one), f"seed {seed}"
        if best is not None:
            assert best.short == 0 and value(one, best) > 0, f"seed {seed}"
            check_chain(one, best)
            paying += 1
    assert paying > len(seeds) / 8, "most instances do not pay: they test nothing"


@instances(150)
def test_what_another_size_may_be_worth_more_is_told(seeds: range) -> None:
    unproven = 0
    for seed in seeds:
        one = case(Random(seed))
        best = best_cycle(one.steps, one.cap, hurdle=one.hurdle, tries=1)
        if best is not None:
            assert value(one, best) <= best_value(one) <= value(one, best) + best.short, f"seed {seed}"
            unproven += best.short > 0
    assert unproven > len(seeds) / 100


@instances(150)
def test_any_amount_is_carried_out_exactly_or_refused_with_a_reason(seeds: range) -> None:
    for seed in seeds:
        random = Random(seed)
        one = case(random)
        outcome = carry_out(one.steps, min(one.cap, D(random.randint(0, 4000)) / 10))
        if outcome.problem:
            assert not outcome.legs and not outcome.spent and not outcome.received
        else:
            check_chain(one, outcome)


def pair(random: Random, charged_in: str, steps: tuple[str, str], levels: int = 20) -> Case:
    """Two venues with thousands of lots on some levels and a price edge that ends within them."""
    rate = random.choice(("0", "0.0005", "0.001"))
    price, gap = D(60_000), D(random.randint(60, 400))
    asks, bids = [(price, D(0))], [(price + gap, D(0))]
    for _ in range(levels):
        asks.append((asks[-1][0] + D(random.randint(1, 2000)) / 100, D(random.randint(1, 4000)).scaleb(-5)))
        bids.append((bids[-1][0] - D(random.randint(1, 2000)) / 100, D(random.randint(1, 4000)).scaleb(-5)))
    legs = [
        Step(market(venue, "X", "Y", TradingRules(D("0.01"), D(step), D(step), D(5))), side, rows[1:],
             schedule(rate, charged_in), D(10**9))
        for venue, side, rows, step in (("a", Side.BUY, asks, steps[0]), ("b", Side.SELL, bids, steps[1]))
    ]  # fmt: skip
    return Case(tuple(legs), D(random.choice((10_000, 50_000, 10**9))), D(random.choice(("1", "1.0001"))))


def best_of_all_lots(one: Case) -> D:
    """Of a pair, by every number of lots bought, in whole units of 10^-15."""
    buy, sell = one.steps
    assert isinstance(buy, Step) and isinstance(sell, Step) and buy.instrument.rules and sell.instrument.rules
    bought, sold = buy.instrument.rules.step, sell.instrument.rules.step
    rate, best = buy.fees.taker_rate, D(0)
    total = sum((size for _, size in buy.ladder), D(0))
    with localcontext(EXACT):
        costs, brings = _cumulated(buy, bought), _cumulated(sell, sold)
        for lots in range(1, int(total // bought) + 1):
            quantity, cost = lots * bought, costs[lots]
            if buy.fees.charged_in == "received":
                quantity *= 1 - rate
            else:
                cost *= 1 + rate
            if cost > one.cap:
                break
            last = min(int(quantity // sold), len(brings) - 1)
            if last and min(costs[lots], brings[last]) >= 5:
                best = max(best, brings[last] * (1 - rate) - one.hurdle * cost)
    return best


def _cumulated(step: Step, lot: D) -> list[D]:
    """Notional of 0, 1, 2, … lots: a unit after the other."""
    found, position, left = [D(0)], 0, step.ladder[0][1]
    while True:
        missing, notional = lot, D(0)
        while missing:
            part = min(left, missing)
            notional, missing, left = notional + part * step.ladder[position][0], missing - part, left - part
            if not left:
                position += 1
                if position == len(step.ladder):
                    return found if missing else [*found, found[-1] + notional]
                left = step.ladder[position][1]
        found.append(found[-1] + notional)


@pytest.mark.parametrize(
    ("charged_in", "steps"),
    [
        ("quote", ("0.00001", "0.00001")),
        ("quote", ("0.00001", "0.00037")),
        ("quote", ("0.001", "0.0007")),
        ("received", ("0.00001", "0.00001")),
        ("received", ("0.001", "0.00001")),
        ("received", ("0.00003", "0.001")),
    ],
)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 100), marks=pytest.mark.long)], ids=("some", "many"))
def test_of_thousands_of_lots_the_best_is_found_within_the_usual_tries(
    seeds: range, charged_in: str, steps: tuple[str, str]
) -> None:
    for seed in seeds:
        one = pair(Random(seed), charged_in, steps, levels=6 if steps[0] == "0.00001" else 20)
        best = best_cycle(one.steps, one.cap, hurdle=one.hurdle)
        assert value(one, best) == best_of_all_lots(one), f"seed {seed}"
        assert best is None or best.short == 0
