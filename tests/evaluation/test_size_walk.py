"""The best amount with nothing rounded: equal to a second exact method, and to HiGHS within 1e-9 of the notional."""

from collections.abc import Iterator, Sequence
from decimal import Decimal as D
from fractions import Fraction as F
from random import Random

from evaluation.cycles import case, market, rounded_worse, schedule, unhindered
from evaluation.test_size import instances

from cryptopipe.evaluate.cycle import best_amount
from cryptopipe.evaluate.steps import Edge, InventoryStep, Step, Token, TransferStep
from cryptopipe.model.facts import Asset, Side, TradingRules

Piece = tuple[F, F, F]
"""What goes in, comes out and is paid aside, over one linear piece."""
PLENTY = D(10**12)


def pieces(step: Edge) -> list[Piece]:
    """Of an edge, from its step; what a balance pays for is cut to the grid where it ends a level."""
    if isinstance(step, TransferStep):
        dead, keeps = F(step.fee), 1 - F(step.fee_rate)
        most = F(10**5) if step.maximum is None else F(step.maximum)
        return [(dead, F(0), F(0)), (most - dead, (most - dead) * keeps, F(0))] if most > dead else [(dead, F(0), F(0))]
    assert isinstance(step, Step) and step.instrument.rules is not None
    rate = F(step.fees.taker_rate) if step.token is None else F(0)
    aside = F(0) if step.token is None else F(step.token.rate) * F(step.token.per_quote) * F(step.token.worth)
    lot, done, found = F(step.instrument.rules.step), F(0), []
    for price, size in step.ladder:
        in_base = step.side is Side.BUY and step.fees.charged_in == "received"
        limit = F(rounded_worse(price, step.instrument.rules.tick, step.side))
        each = F(1) if step.side is Side.SELL else limit * (1 if in_base else 1 + max(F(0), rate))
        whole = (done + F(size)) * each <= F(step.at_hand)
        part = F(size) if whole else F(step.at_hand) / each // lot * lot - done
        if part > 0:
            worth = part * F(price)
            ends = (part, worth * (1 - rate)) if step.side is Side.SELL else (worth, part * (1 - rate))
            if step.side is Side.BUY and not in_base:
                ends = (worth * (1 + rate), part)
            found.append((*ends, worth * aside))
        if not whole:
            break
        done += F(size)
    return found


def worth_of(edges: Sequence[Sequence[Piece]], amount: F, hurdle: F) -> F:
    """Of an amount at the start: followed through all pieces."""
    value = -hurdle * amount
    for edge in edges:
        out = F(0)
        for need, brings, aside in edge:
            share = min(F(1), amount / need) if need else F(1)
            amount, out, value = amount - share * need, out + share * brings, value - share * aside
        amount = out
    return value + amount


def corners(edges: Sequence[Sequence[Piece]], cap: F) -> Iterator[F]:
    """Amounts at the start at which any edge comes to the end of a piece, and the ends of what may be spent."""
    yield from (F(0), cap)
    for index, edge in enumerate(edges):
        level = F(0)
        for need, _, _ in edge:
            level += need
            amount: F | None = level
            for before in reversed(edges[:index]):
                amount = None if amount is None else _needed(before, amount)
            if amount is not None and amount <= cap:
                yield amount


def _needed(edge: Sequence[Piece], brought: F) -> F | None:
    """The least that goes in for an amount to come out."""
    total = F(0)
    for need, brings, _ in edge:
        if brought <= brings and brings:
            return total + need * brought / brings
        total, brought = total + need, brought - brings
    return None if brought else total


def deep(random: Random, levels: int) -> tuple[list[Edge], D]:
    """Two to five edges with up to so many levels; a few with eighteen decimal places."""
    places = random.choice((2, 2, 5, 18))
    edge = random.choice((0, 5, 10, 20, 40)) / 1000
    buy, sell = _order(random, "X", "Y", Side.BUY, 1.0, places, levels), Side.SELL
    home = _order(random, "X", "Y", sell, 1.0 + edge, places, levels)
    through = [
        _order(random, *one, places, levels) for one in (("X", "Z", sell, 0.5 + edge / 2), ("Z", "Y", sell, 2.0))
    ]
    way: list[Edge] = [_transfer(random, "X")] if random.random() < 0.4 else []
    back: list[Edge] = [_transfer(random, "Y")] if random.random() < 0.2 else []
    steps = [buy, *way, *(through if random.random() < 0.4 else [home]), *back]
    return steps, D(random.choice((1, 50, 10**5, 10**5, 10**5, 10**5)))


def _order(random: Random, base: str, quote: str, side: Side, middle: float, places: int, levels: int) -> Step:
    price, rows = D(middle) * 10 + D(random.randint(-5, 5)) / 1000, []
    tick = D(1).scaleb(-places)
    for _ in range(random.randint(1, levels)):
        price += (1 if side is Side.BUY else -1) * D(random.randint(0, 80)) / 1000
        rows.append(
            (max(tick, price.quantize(tick)), D(random.randint(1, 500)).scaleb(-2) + D(random.randint(0, 1)) * tick)
        )
    token = None
    if random.random() < 0.25:
        token = Token(Asset("T"), D("0.003"), D("0.00162"), D(617) if quote == "Y" else D(1200), PLENTY, 8)
    instrument = market(random.choice("ab"), base, quote, TradingRules(tick, tick, D(0), D(0)))
    at_hand = random.choice((PLENTY, PLENTY, PLENTY, PLENTY, PLENTY, D(30)))
    charged_in = random.choice(("quote", "received"))
    rate = random.choice(("0", "0.0004", "0.001", "0.0025", "-0.0001"))
    return Step(instrument, side, rows, schedule(rate, charged_in), at_hand, token)


def _transfer(random: Random, asset: str) -> TransferStep:
    rate = random.choice((D(0), D(0), D("0.001")))
    return TransferStep(Asset(asset), D(random.choice((0, 1, 25))) / 1000, rate, maximum=random.choice((None, D(40))))


def problems(seed: int, levels: int) -> tuple[list[Edge], D, D]:
    """Every third a small one of the brute force's, of which nothing stands in."""
    random = Random(seed)
    if seed % 3:
        return *deep(random, levels), D(random.choice(("1", "1.0001", "1.002")))
    one = case(random)
    steps = [unhindered(step) for step in one.steps if not isinstance(step, InventoryStep)]
    if any(isinstance(step, TransferStep) and step.deposit_fee_rate + step.deposit_fee for step in steps) or any(
        isinstance(step, Step) and step.token for step in steps
    ):
        return problems(seed + 1, levels)
    return steps, one.cap, one.hurdle


@instances(120)
def test_the_walk_ends_at_the_best_of_all_corners(seeds: range) -> None:
    paying = 0
    for seed in seeds:
        steps, cap, hurdle = problems(seed, levels=4)
        edges = [pieces(step) for step in steps]
        every = {amount: worth_of(edges, amount, F(hurdle)) for amount in corners(edges, F(cap))}
        most = max(every.values())
        best = min(amount for amount, worth in every.items() if worth == most) if most > 0 else F(0)
        assert best_amount(steps, cap, hurdle) == best, f"seed {seed}"
        paying += most > 0
    assert paying > len(seeds) / 4


@instances(24)
def test_no_linear_program_does_better(seeds: range) -> None:
    for seed in seeds:
        steps, cap, hurdle = problems(seed, levels=20)
        edges = [pieces(step) for step in steps]
        amount = best_amount(steps, cap, hurdle)
        ours = max(F(0), worth_of(edges, amount, F(hurdle)))
        theirs = max(0.0, highs(edges, cap, hurdle))
        assert abs(float(ours) - theirs) <= 1e-9 * max(1.0, float(amount)), f"seed {seed}: {float(ours)} {theirs}"


def highs(edges: Sequence[Sequence[Piece]], cap: D, hurdle: D) -> float:
    """The same as a linear program: the share of each piece, a fixed fee paid whole; below zero where none is worth it.

    What an edge takes in is at most what the one before brings, all in shares of the largest amount there is.
    """
    from scipy.optimize import linprog

    width = sum(len(edge) for edge in edges)
    if any(not edge for edge in edges):
        return 0.0
    aim, rows, limits, first = [0.0] * width, [], [], 0
    before: list[tuple[int, float]] = []
    scale = float(min(F(cap), sum(piece[0] for piece in edges[0]))) or 1.0
    for number, edge in enumerate(edges):
        row = [0.0] * width
        for position, brought in before:
            row[position] = -brought / scale
        before = []
        for position, (need, brings, aside) in enumerate(edge, first):
            row[position] = float(need) / scale
            before.append((position, float(brings)))
            aim[position] += float(aside) / scale + (float(hurdle) * float(need) / scale if not number else 0.0)
            if number == len(edges) - 1:
                aim[position] -= float(brings) / scale
        rows.append(row)
        limits.append(float(cap) / scale if not number else 0.0)
        first += len(edge)
    flat = [piece for edge in edges for piece in edge]
    shares = [(0.0 if brings else 1.0, 1.0) for _, brings, _ in flat]
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(aim, A_ub=rows, b_ub=limits, bounds=shares, options=options)
    return -float(found.fun) * scale if found.status == 0 else 0.0
