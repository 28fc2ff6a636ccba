"""Random cycles, and what each of their sizes comes to, computed anew from the venues' rules.

Enters: a seed. Leaves: small cycles of every kind of edge; tables of all sizes on the grid; the best chain of them.
Never: anything of the product but its values: steps, instruments, fees, outcomes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Inexact, localcontext
from decimal import Decimal as D
from random import Random

from msgspec import structs

from cryptopipe.evaluate.cycle import Outcome, Passage
from cryptopipe.evaluate.steps import Edge, InventoryStep, Margin, Step, Token, TransferStep
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingRules, VenueId
from cryptopipe.model.trading import Leg

EXACT = Context(prec=200, traps=[Inexact])
RATES = ("0", "0", "0.001", "0.0025", "0.01", "0.01", "0.05", "-0.0005")


@dataclass(frozen=True)
class Case:
    """A cycle with the most it may spend and what a unit must become."""

    steps: tuple[Edge, ...]
    cap: D
    hurdle: D = D(1)


@dataclass(frozen=True)
class Choice:
    """One size of one edge: what it needs and brings, what it pays aside, and the least it may be paid with."""

    size: D
    need: D
    give: D
    aside: D = D(0)


def market(venue: str, base: str, quote: str, rules: TradingRules, kind: Kind = Kind.SPOT) -> Instrument:
    return Instrument(VenueId(venue), f"{base}{quote}", Asset(base), Asset(quote), kind, rules)


def schedule(rate: str | D, charged_in: str) -> FeeSchedule:
    return FeeSchedule(D(rate), D(rate), "made up for a test", "2026-11-21", charged_in)


def ladder(random: Random, side: Side, middle: int, most: int, grid: D) -> list[tuple[D, D]]:
    """At most `most` levels around a price in units of `grid`; sizes not always multiples of the step."""
    count = random.choice((0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4)) if most > 1 else most
    away = -1 if side is Side.SELL else 1
    prices = sorted({middle + away * random.randint(-6, 12) for _ in range(count)}, reverse=side is Side.SELL)
    return [(price * grid, D(random.choice((3, 5, 10, 15, 20, 25, 40))) / 10) for price in prices if price > 0]


def trade(random: Random, venue: str, base: str, quote: str, side: Side, middle: int, scale: D = D(1)) -> Step:
    """Prices around `middle` tenths times `scale`, sizes a few units."""
    rules = TradingRules(
        tick=scale * D(random.choice(("0.1", "0.1", "0.1", "0.5", "0.3"))),
        step=D(random.choice(("1", "1", "0.5", "0.4", "2", "0.3"))),
        min_size=D(random.choice(("0", "0", "0", "1", "2"))),
        min_notional=scale * D(random.choice((0, 0, 0, 0, 5, 15, 25))),
    )
    fees = schedule(random.choice(RATES), random.choice(("quote", "received")))
    at_hand = D(random.choice((10**9,) * 24 + (0, 1, 3, 17, 30, 60)))
    margin = token = None
    kind = Kind.SPOT
    if random.random() < 0.1:
        margin, kind = (
            Margin(D(random.choice((0, 5, 12, 30))) * scale, D(random.choice((1, 2, 5)))),
            Kind.LINEAR_PERPETUAL,
        )
        fees = schedule(fees.taker_rate, "quote")
    if random.random() < 0.15:
        token = Token(
            Asset("T"), D(random.choice(("0.0005", "0.00075", "0.02"))), D(random.choice(("0.5", "0.0016", "3"))),
            D(random.choice(("0.3", "2", "610", "0"))), D(random.choice(("0", "0.004", "0.02", "0.1", "1000"))),
            random.choice((2, 4, 8)),
        )  # fmt: skip
    rows = ladder(random, side, middle, 4, scale / 10)
    return Step(market(venue, base, quote, rules, kind), side, rows, fees, at_hand, token, margin)


def transfer(random: Random, asset: str) -> TransferStep:
    return TransferStep(
        Asset(asset),
        fee=D(random.choice(("0", "0.01", "0.02", "0.1", "0.25", "1"))),
        fee_rate=D(random.choice(("0", "0", "0", "0.01", "0.2"))),
        minimum=D(random.choice(("0", "0", "0", "1.5", "3"))),
        maximum=random.choice((None, None, None, D(2), D("4.5"))),
        precision=random.choice((0, 1, 1, 1, 2)),
        min_deposit=D(random.choice(("0", "0", "0", "1", "2.5"))),
        deposit_fee=D(random.choice(("0",) * 5 + ("0.2",))),
        deposit_fee_rate=D(random.choice(("0",) * 5 + ("0.05",))),
    )


def inventory(random: Random, asset: str) -> InventoryStep:
    return InventoryStep(
        Asset(asset), D(random.choice((10**9, 10**9, 0, 2, 5, 40))), D(random.choice(("0", "0.0001", "0.01")))
    )


def case(random: Random, edges: Sequence[int] = (4, 10, 20, 40, 80), hindered: float = 0.5) -> Case:
    """A cycle of two to four edges. `edges` are hundredths between its prices, by default so that some pay and some do
    not; so many are `hindered` by minimums and by what is at hand.
    """
    edge = random.choice(edges)
    shape = random.choice(
        ("pair", "pair", "pair", "sent", "sent", "stock", "triangle", "base", "perpetual", "sent home")
    )
    steps: list[Edge]
    if shape == "triangle":  # Y buys X, X sells for Z at 5 tenths of Y's price, Z sells for Y at 2
        steps = [
            trade(random, "a", "X", "Y", Side.BUY, 100),
            trade(random, "a", "X", "Z", Side.SELL, 50 + edge // 2),
            trade(random, "a", "Z", "Y", Side.SELL, 20 + edge // 4),
        ]
    elif shape == "base":  # starts in X: sells it, and buys it back
        steps = [trade(random, "a", "X", "Y", Side.SELL, 100 + edge), trade(random, "b", "X", "Y", Side.BUY, 100)]
    else:
        steps = [trade(random, "a", "X", "Y", Side.BUY, 100), trade(random, "b", "X", "Y", Side.SELL, 100 + edge)]
        if shape in ("sent", "sent home"):
            steps.insert(1, transfer(random, "X"))
        if shape == "sent home":
            steps.append(transfer(random, "Y"))
        if shape == "stock":
            steps.insert(1, inventory(random, "X"))
            if random.random() < 0.5:
                steps.append(inventory(random, "Y"))
    if random.random() >= hindered:
        steps = [unhindered(step) for step in steps]
    cap = D(random.choice((10**6,) * 5 + (100, 40, 25, 12, 0)))
    return Case(tuple(steps), cap, D(random.choice(("1", "1", "1.0001", "1.01"))))


def unhindered(step: Edge) -> Edge:
    """The same without minimums and with enough at hand."""
    plenty = D(10**9)
    if isinstance(step, Step):
        assert step.instrument.rules is not None
        rules = structs.replace(step.instrument.rules, min_size=D(0), min_notional=D(0))
        return replace(step, instrument=structs.replace(step.instrument, rules=rules), at_hand=plenty, margin=None)
    if isinstance(step, TransferStep):
        return replace(step, fee=min(step.fee, D("0.02")), minimum=D(0), maximum=None, min_deposit=D(0))
    return replace(step, at_hand=plenty)


def best_value(one: Case) -> D:
    """Of all chains on the grid, nothing at zero."""
    with localcontext(EXACT):
        hurdle = hurdle_of(one)
        return max([D(0), *(received - hurdle * spent for spent, received in frontier(one))])


def frontier(one: Case) -> Iterator[tuple[D, D]]:
    """(spent, received less what is paid aside) by every size of the first edge, with the best sizes of all others:
    every size of every edge is tried, from the last edge backwards.
    """
    tables = [table for step in one.steps for table in [choices(step, one)] if table is not None]
    tables = _stocked(one, tables)
    worth: Callable[[D], D | None] = _as_it_is
    for table in reversed(tables[1:]):
        worth = _best_of(table, worth)
    for choice in tables[0]:
        if choice.need <= one.cap and (then := worth(choice.give)) is not None:
            yield choice.need, then - choice.aside


def hurdle_of(one: Case) -> D:
    """With the prices of restoring."""
    return one.hurdle + sum((step.price for step in one.steps if isinstance(step, InventoryStep)), D(0))


def _as_it_is(brought: D) -> D | None:
    return brought


def _best_of(table: list[Choice], worth: Callable[[D], D | None]) -> Callable[[D], D | None]:
    """The most that an amount may become by any size of an edge and then of those after it; None by none."""
    needs: list[D] = []
    most: list[D] = []
    for choice in sorted(table, key=lambda choice: choice.need):
        then = worth(choice.give)
        if then is not None:
            needs.append(choice.need)
            most.append(max(most[-1], then - choice.aside) if most else then - choice.aside)

    def of(amount: D) -> D | None:
        count = bisect_right(needs, amount)
        return most[count - 1] if count else None

    return of


def _stocked(one: Case, tables: list[list[Choice]]) -> list[list[Choice]]:
    """Without the sizes for which a stock that stands in is too small: for what the next edge spends, or at the end of
    the cycle for what the last one brings.
    """
    position, found = 0, [list(table) for table in tables]
    for step in one.steps:
        if not isinstance(step, InventoryStep):
            position += 1
        elif position < len(found):
            found[position] = [c for c in found[position] if c.need <= step.at_hand]
        else:
            found[-1] = [c for c in found[-1] if c.give <= step.at_hand]
    return found


def choices(step: Edge, one: Case) -> list[Choice] | None:
    """Every size that the venue takes and that anything in the cycle could fill; None for an edge without a size."""
    if isinstance(step, InventoryStep):
        return None
    if isinstance(step, Step):
        assert step.instrument.rules is not None
        lot, most = step.instrument.rules.step, sum((size for _, size in step.ladder), D(0))
    else:
        assert step.precision is not None, "without a grid there are too many sizes"
        trades = [
            other for other in one.steps if isinstance(other, Step) and step.asset in (other.spends, other.brings)
        ]
        totals = [take(other.ladder, D(10**9))[0 if step.asset == other.instrument.quote else 2] for other in trades]
        most = max(totals) * D("1.001")  # a rebate brings more than the ladder
        lot, most = D(1).scaleb(-step.precision), most if step.maximum is None else min(most, step.maximum)
    found = (chosen(step, lots * lot, one) for lots in range(1, int(most // lot) + 1))
    return [choice for choice in found if choice is not None]


def chosen(step: Step | TransferStep, size: D, one: Case) -> Choice | None:
    """A size on the grid, if the venue takes it."""
    return _order(step, size, one) if isinstance(step, Step) else _sending(step, size)


def _order(step: Step, size: D, one: Case) -> Choice | None:
    rules, rate = step.instrument.rules, step.fees.taker_rate
    assert rules is not None
    notional, worst, taken = take(step.ladder, size)
    limit = rounded_worse(worst, rules.tick, step.side)
    judged = min(notional, size * limit)
    if size % rules.step or taken < size or size < rules.min_size or judged < rules.min_notional or limit <= 0:
        return None
    if step.token is not None:
        grain = D(1).scaleb(-step.token.places)
        tokens = ceil_to(grain, notional * step.token.rate * step.token.per_quote)
        if tokens <= step.token.balance / _sharing(step, one) // grain * grain:
            need, give = (size, notional) if step.side is Side.SELL else (notional, size)
            funded = _funded(step, size, notional, limit, D(0))
            return Choice(size, need, give, tokens * step.token.worth) if funded else None
        if tokens <= step.token.balance:
            return None  # another leg may have taken what was there
    if not _funded(step, size, notional, limit, max(D(0), rate)):
        return None
    if step.side is Side.SELL:
        return Choice(size, size, notional * (1 - rate))
    if step.fees.charged_in == "received":
        return Choice(size, notional, size * (1 - rate))
    return Choice(size, notional * (1 + rate), size)


def _sharing(step: Step, one: Case) -> int:
    """Into how many parts a token's balance is divided: a power of two, one for each leg of the venue that may pay."""
    assert step.token is not None
    legs = [
        other for other in one.steps
        if isinstance(other, Step) and other.token and other.token.asset == step.token.asset
        and other.instrument.venue == step.instrument.venue
    ]  # fmt: skip
    return (1, 1, 2, 4, 4)[len(legs)]


def _funded(step: Step, size: D, notional: D, limit: D, rate: D) -> bool:
    if step.margin is not None:
        worth = notional if step.side is Side.SELL else size * limit
        return worth / step.margin.leverage + worth * rate <= step.margin.free
    if step.side is Side.SELL:
        return size <= step.at_hand
    return size * limit * (1 if step.fees.charged_in == "received" else 1 + rate) <= step.at_hand


def take(rows: Sequence[tuple[D, D]], size: D) -> tuple[D, D, D]:
    """(notional, worst price, size taken) of at most a size."""
    notional, worst, taken = D(0), D(0), D(0)
    for price, level in rows:
        if size <= 0:
            break
        part = min(level, size)
        notional, size, worst, taken = notional + part * price, size - part, price, taken + part
    return notional, worst, taken


def rounded_worse(price: D, tick: D, side: Side) -> D:
    return price // tick * tick if side is Side.SELL else ceil_to(tick, price)


def _sending(step: TransferStep, size: D) -> Choice | None:
    lot = D(1).scaleb(-18) if step.precision is None else D(1).scaleb(-step.precision)
    fee = kept(size, step.fee, step.fee_rate, None if step.precision is None else lot)
    arrives = size - fee
    deposit = kept(arrives, step.deposit_fee, step.deposit_fee_rate, None)
    if size % lot or size < step.minimum or (step.maximum is not None and size > step.maximum):
        return None
    return Choice(size, size, arrives - deposit) if arrives >= step.min_deposit and arrives > deposit else None


def ceil_to(grain: D, value: D) -> D:
    whole = value // grain * grain
    return whole + grain if whole < value else whole


def kept(amount: D, fixed: D, rate: D, grain: D | None) -> D:
    fee = fixed + rate * max(D(0), amount - fixed)
    return fee if not rate or grain is None else ceil_to(grain, fee)


def check_chain(one: Case, outcome: Outcome) -> None:
    """Every number of an outcome follows from the ones before, by the venues' rules; and every edge is allowed."""
    with localcontext(EXACT):
        legs, passages, dust = list(outcome.legs), list(outcome.passages), list(outcome.dust)
        change: dict[str, D] = {}
        carried, aside, first, start = outcome.spent, D(0), True, first_asset(one)
        at_start = D(0)  # dust of the start asset, left at another venue
        for step in one.steps:
            if isinstance(step, InventoryStep):
                assert first or carried - (dust[0] if dust else 0) <= step.at_hand
                continue
            choice = _told(step, legs, passages, change)
            assert choice == chosen(step, choice.size, one)
            left = carried - choice.need
            assert left == 0 if first else left == dust.pop(0) and left >= 0
            at_start += left if step.spends == start else 0
            change[step.spends] = change.get(step.spends, D(0)) - choice.need
            change[step.brings] = change.get(step.brings, D(0)) + choice.give
            carried, aside, first = choice.give, aside + choice.aside, False
        assert not legs and not passages and not dust
        assert (outcome.received, outcome.aside, outcome.profit) == (carried, aside, carried - outcome.spent)
        assert dict(outcome.change) == change and outcome.spent <= one.cap
        assert change[start] == outcome.profit + at_start


def first_asset(one: Case) -> str:
    """What a cycle starts and ends in."""
    first = one.steps[0]
    return first.asset if isinstance(first, InventoryStep) else first.spends


def _told(step: Step | TransferStep, legs: list[Leg], passages: list[Passage], change: dict[str, D]) -> Choice:
    """The next edge of an outcome, as the outcome tells it."""
    if isinstance(step, TransferStep):
        sent = passages.pop(0)
        assert sent.arrives == sent.amount - sent.fee - sent.deposit_fee and sent.asset == step.asset
        return Choice(sent.amount, sent.amount, sent.arrives)
    leg = legs.pop(0)
    assert (leg.instrument, leg.side) == (step.instrument, step.side) and leg.instrument.rules is not None
    notional, worst, taken = take(step.ladder, leg.quantity)
    assert taken == leg.quantity and leg.quantity % leg.instrument.rules.step == 0
    assert leg.limit == rounded_worse(worst, leg.instrument.rules.tick, leg.side)
    assert 0 <= notional - leg.vwap * leg.quantity <= leg.quantity * D("1E-12")
    need, give = (leg.quantity, notional) if leg.side is Side.SELL else (notional, leg.quantity)
    if step.token is not None and leg.fee.asset == step.token.asset:
        change[leg.fee.asset] = change.get(leg.fee.asset, D(0)) - leg.fee.amount
        return Choice(leg.quantity, need, give, leg.fee.amount * step.token.worth)
    if leg.fee.asset == step.brings:
        return Choice(leg.quantity, need, give - leg.fee.amount)
    assert leg.fee.asset == step.spends
    return Choice(leg.quantity, need + leg.fee.amount, give)
