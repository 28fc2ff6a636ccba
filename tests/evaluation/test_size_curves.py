"""Each edge by itself: the sizes that its venue takes, found from either side, are those of a table of all."""

from dataclasses import replace
from decimal import Decimal as D
from decimal import localcontext
from itertools import pairwise
from random import Random

from evaluation.cycles import EXACT, Case, best_value, case, choices, ladder, market, schedule, trade, transfer
from evaluation.test_size import ENOUGH, instances, pair, value
from msgspec import structs

from cryptopipe.evaluate.chain import chains
from cryptopipe.evaluate.curve import boundless
from cryptopipe.evaluate.edges import Sending, Trade
from cryptopipe.evaluate.size import best_cycle
from cryptopipe.evaluate.steps import Margin, Step, Token, TransferStep
from cryptopipe.evaluate.stretch import stretch
from cryptopipe.model.facts import Asset, Side, TradingRules, VenueId


def edge(random: Random) -> Step | TransferStep:
    """A trade, often on margin, or a transfer of at most 20."""
    if random.random() < 0.3:
        return replace(transfer(random, "X"), maximum=D(random.choice((4, 20))))
    side = random.choice((Side.BUY, Side.SELL))
    step = replace(trade(random, "a", "X", "Y", side, 100), token=None)
    if random.random() < 0.4:
        step = replace(step, margin=Margin(D(random.choice((5, 12, 30))), D(random.choice((1, 2, 5)))))
    return replace(step, ladder=step.ladder or ladder(random, side, 100, 4, D("0.1")))


@instances(80)
def test_the_largest_and_the_smallest_size_are_those_of_all_that_fit(seeds: range) -> None:
    for seed in seeds:
        random = Random(seed)
        step = edge(random)
        stock_in, stock_out = (D(random.choice((3, 17, 30, 45, 60, 10**6))) for _ in range(2))
        with localcontext(EXACT):
            table = choices(step, Case((step, _other(step)), D(0))) or []
            table = [choice for choice in table if choice.need <= stock_in and choice.give <= stock_out]
        with boundless():
            stocks = stock_in, stock_out
            curve = Trade(step, None, *stocks) if isinstance(step, Step) else Sending(step, *stocks)
            for tenths in range(0, 400, 7):
                amount = D(tenths) / 10 * (1 if isinstance(step, TransferStep) or step.side is Side.SELL else 5)
                paid = [choice.size for choice in table if choice.need <= amount]
                assert curve.most(amount) == max(paid, default=0), f"seed {seed}: {amount}"
                brought = [choice.size for choice in table if choice.give >= amount]
                assert curve.least(amount) == min(brought, default=None), f"seed {seed}: {amount}"
            assert [curve.from_size(choice.size) for choice in table] == [choice.size for choice in table]
            assert all((curve.need(one.size), curve.give(one.size)) == (one.need, one.give) for one in table)
            for before, after in pairwise(table):
                assert curve.from_size(before.size + curve.unit) == after.size


def test_a_size_below_the_minimum_at_its_limit_gives_way_to_the_level_before() -> None:
    """1.5 are worth 75 at the 50 that they need, and 1.0 are worth 110."""
    rules = TradingRules(D("0.1"), D("0.1"), D(0), D(100))
    rows = [(D(110), D(1)), (D(50), D(3))]
    step = Step(market("a", "X", "Y", rules), Side.SELL, rows, schedule("0", "quote"), D(10))
    with boundless():
        curve = Trade(step)
        assert [curve.most(D(amount)) for amount in ("0.9", "1.5", "1.9", "2.0")] == [0, 1, 1, 2]
        assert [curve.from_size(D(size)) for size in ("0.1", "1.1")] == [1, 2]


def test_a_stock_pays_for_a_purchase_level_by_level() -> None:
    """250 pay for one at 100 and 0.75 at 200, in tenths 0.7; 1.5 of stock to be brought for 1.5."""
    rules = TradingRules(D("0.1"), D("0.1"), D(0), D(0))
    step = Step(
        market("a", "X", "Y", rules), Side.BUY, [(D(100), D(1)), (D(200), D(3))], schedule("0", "quote"), D(10**6)
    )
    with boundless():
        assert Trade(step, None, D(250)).most(D(10**6)) == D("1.7")
        assert Trade(step, None, D(10**6), D("1.5")).most(D(10**6)) == D("1.5")


@instances(25, 1_000)
def test_over_a_stretch_only_the_last_edge_rounds_and_its_best_is_the_best(seeds: range) -> None:
    """Every lot of it by itself, and none beside it that belongs to it."""
    lots = 0
    for seed in seeds:
        random = Random(seed)
        one = pair(
            random, random.choice(("quote", "received")), ("0.003", random.choice(("0.003", "0.001", "0.007"))), 4
        )
        with boundless():
            chain = next(chains(one.steps, one.hurdle))
            first, last = chain.curves
            most = int(first.most(D(10**9)) / first.unit)
            middle = random.randint(1, most)
            size = middle * first.unit
            found = stretch(chain, size, 1, most) if chain.forward(first.need(size)) else None
            if found is None:
                continue
            assert 1 <= found.first <= found.last <= most and found.first <= middle, f"seed {seed}"
            if middle > found.last:  # more is bought than the last edge can take
                whole = chain.forward(first.need(size))
                assert whole is not None and whole[1] == last.most(D(10**9)), f"seed {seed}"
            worth, highest = {}, last.most(D(10**9))
            for number in range(found.first, found.last + 1):
                sizes = chain.forward(first.need(number * first.unit))
                assert sizes is not None and sizes[0] == number * first.unit
                rows = first.row_of(sizes[0]), last.row_of(sizes[1])
                worth[number] = rows, chain.received(sizes) - chain.hurdle * chain.spent(sizes), sizes[1]
            for number, end in ((found.first - 1, found.first), (found.last + 1, found.last)):
                sizes = chain.forward(first.need(number * first.unit)) if 1 <= number <= most else None
                if (
                    sizes is not None and sizes[1] < highest
                ):  # another level begins, for it is not where the last one ends
                    assert (first.row_of(sizes[0]), last.row_of(sizes[1])) != worth[end][0], f"seed {seed}: {number}"
            assert len({rows for rows, _, _ in worth.values()}) == 1, f"seed {seed}"
            assert worth[found.best][1] == max(value for _, value, _ in worth.values()), f"seed {seed}"
            lots += len(worth)
    assert lots > 2 * len(seeds)


def _other(step: Step | TransferStep) -> Step:
    """Bounds the table of a transfer: as much as it may send."""
    random = Random(1)
    plain = trade(random, "z", "X", "Y", Side.SELL, 100)
    return replace(plain, ladder=[(D(1), D(25))], token=None)


@instances(40)
def test_legs_of_one_venue_share_a_tokens_balance(seeds: range) -> None:
    """Each may take an equal part; sizes whose fee would come from what the other may have left are left out."""
    paid = 0
    for seed in seeds:
        random = Random(seed)
        one = case(random, (20, 40), 0.0)
        token = Token(Asset("T"), D("0.001"), D("0.5"), D("0.1"), D(random.choice(("0.02", "0.04", "0.1"))))
        steps = tuple(
            replace(step, token=token, instrument=structs.replace(step.instrument, venue=VenueId("a")))
            if isinstance(step, Step)
            else step
            for step in one.steps
        )
        shared = replace(one, steps=steps)
        best = best_cycle(steps, one.cap, hurdle=one.hurdle, tries=ENOUGH)
        assert value(shared, best) == best_value(shared), f"seed {seed}"
        tokens = [leg.fee.amount for leg in best.legs if leg.fee.asset == "T"] if best else []
        assert sum(tokens) <= token.balance
        paid += len(tokens) > 1
    assert paid > len(seeds) / 10
