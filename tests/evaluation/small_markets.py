"""Small random markets, and what their optimum is by trying everything."""

from collections.abc import Iterator
from decimal import Decimal as D
from fractions import Fraction as F
from itertools import product
from random import Random

import numpy as np

from cryptopipe.evaluate.optimum import Keep, Plan, Question
from cryptopipe.evaluate.snapshot import Levels, Node, Route, Shown, Snapshot
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, TradingRules, VenueId

MONEY = Asset("M")
LOT = TradingRules(tick=D(1), step=D(1), min_size=D(1), min_notional=D(0))


def book(
    venue: str, base: str, bids: Levels, asks: Levels, fee: str = "0", charged_in: str = "quote", quote: str = "M",
    rules: TradingRules = LOT,
) -> Shown:  # fmt: skip
    instrument = Instrument(VenueId(venue), f"{base}{quote}", Asset(base), Asset(quote), rules=rules)
    fees = FeeSchedule.flat(maker=fee, taker=fee, source="test", as_of="2026-11-21", charged_in=charged_in)
    return Shown(instrument, bids, asks, fees)


def rows(*levels: tuple[float | str, float | str]) -> Levels:
    return tuple((D(str(price)), D(str(size))) for price, size in levels)


def random_book(random: Random, venue: str, base: str, fee: str, charged_in: str) -> Shown:
    """Two levels a side at most, whole prices and sizes; mostly dearer on b."""
    middle = random.randrange(2, 5) + (random.choice((0, 4, 5, 6)) if venue == "b" else 0)
    shown = (0, 1, 1, 2, 2, 2)
    asks = [(middle + 1 + number, random.randrange(1, 4)) for number in range(random.choice(shown))]
    bids = [(middle - number, random.randrange(1, 4)) for number in range(random.choice(shown))]
    rules = TradingRules(D(1), D(1), D(random.choice((1, 1, 1, 2))), D(random.choice((0, 0, 0, 10))))
    return book(venue, base, rows(*bids), rows(*asks), fee, charged_in, rules=rules)


def random_market(random: Random, linked: bool = False) -> Snapshot:
    """A book on each of two venues, at times a third; whole balances; two routes at most, of whole fees, and there and
    back if it is `linked`.
    """
    rate, charged_in = random.choice((("0", "quote"), ("0.05", "quote"), ("0.05", "received"), ("-0.05", "quote")))
    books = [random_book(random, venue, "X", rate, charged_in) for venue in ("a", "b")]
    if random.random() < 0.2:
        books.append(random_book(random, "a", "Y", rate, charged_in))
    nodes = [(VenueId(venue), Asset(asset)) for venue in "ab" for asset in ("M", "X", "Y")]
    balances = {node: D(random.choice((0, 5, 40, 40, 40))) for node in nodes}
    round_trip = (random_route(random, "X", "ab"), random_route(random, "M", "ba"))
    any_way = tuple(random_route(random, random.choice("XM"), random.choice(("ab", "ba"))) for _ in range(2))
    routes = round_trip if linked else random.choice(((), any_way[:1], any_way, round_trip))
    return Snapshot(0, tuple(books), balances, routes)


def odd_market(random: Random) -> Snapshot:
    """Two coins on two venues at prices, sizes and fees of as many digits as real ones have; dearer on b."""
    books = []
    for base, price, places in (("X", 62_139, 2), ("Y", 0.0402, 7)):
        for venue, edge in (("a", 0.0), ("b", random.choice((0.002, 0.004)))):
            middle = price * (1 + edge)
            asks = [(middle * (1 + 0.0002 * n), random.uniform(0.01, 2) * 5000 / price) for n in range(1, 4)]
            bids = [(middle * (1 - 0.0002 * n), random.uniform(0.01, 2) * 5000 / price) for n in range(1, 4)]
            levels = [rows(*((f"{p:.{places}f}", f"{s:.8f}") for p, s in side)) for side in (bids, asks)]
            charged_in = random.choice(("quote", "received"))
            books.append(book(venue, base, *levels, fee="0.00075", charged_in=charged_in))
    ways = (("X", "ab", "0.000085", 8), ("Y", "ab", "2.5", 6), ("M", "ba", "1", 4))
    routes = tuple(
        Route(Asset(asset), VenueId(ends[0]), VenueId(ends[1]), "chain", D(fee), minimum=2 * D(fee), precision=places)
        for asset, ends, fee, places in ways
    )
    held = {"X": D("1.23456789"), "Y": D("123456.789"), "M": D("50000.0001")}
    balances = {(VenueId(venue), Asset(asset)): amount for venue in "ab" for asset, amount in held.items()}
    return Snapshot(0, tuple(books), balances, routes)


def random_route(random: Random, asset: str, ends: str) -> Route:
    """Of few whole coins, or of money. Few are shut."""
    source, target, fee = ends[0], ends[1], random.choice((0, 0, 0, 1))
    most, least = random.randrange(2, 6) if asset == "X" else random.randrange(10, 40), random.choice((0, 0, 1, 2))
    return Route(
        Asset(asset), VenueId(source), VenueId(target), "chain", D(fee), minimum=D(least), maximum=D(most),
        precision=0, open=random.random() < 0.95,
    )  # fmt: skip


Flows = list[tuple[Node, F, Node, F]]
"""(from, what leaves, to, what arrives)."""


def traded(shown: Shown, side: Side, quantity: F) -> Flows:
    """What a taker's order of that size moves, level by level."""
    venue, base, quote = shown.instrument.venue, shown.instrument.base, shown.instrument.quote
    rate, notional, left = F(shown.fees.taker_rate), F(0), quantity
    for price, size in shown.asks if side is Side.BUY else shown.bids:
        notional += F(price) * min(left, F(size))
        left -= min(left, F(size))
    assert left == 0, "an order for more than is shown"
    if side is Side.SELL:
        return [((venue, base), quantity, (venue, quote), notional * (1 - rate))]
    if shown.fees.charged_in == "received":
        return [((venue, quote), notional, (venue, base), quantity * (1 - rate))]
    return [((venue, quote), notional * (1 + rate), (venue, base), quantity)]


def sent(route: Route, amount: F) -> Flows:
    """What a transfer moves."""
    arrives = (amount - F(route.fee)) * (1 - F(route.rate))
    return [((route.source, route.asset), amount, (route.target, route.asset), arrives)]


def gain_of(snapshot: Snapshot, question: Question, flows: Flows) -> F | None:
    """Of the numeraire; None if more leaves a place than is there, or something becomes less."""
    change: dict[Node, F] = {}
    leaves: dict[Node, F] = {}
    for source, out, target, into in flows:
        change[source] = change.get(source, F(0)) - out
        change[target] = change.get(target, F(0)) + into
        leaves[source] = leaves.get(source, F(0)) + out
    for node, amount in leaves.items():
        bound = question.funded or node[1] == question.numeraire
        if bound and amount > F(snapshot.balances.get(node, D(0))):
            return None
    totals: dict[object, F] = {}
    for node, amount in change.items():
        key = node if question.keep is Keep.PLACE else node[1]
        totals[key] = totals.get(key, F(0)) + amount
    if any(total < 0 for total in totals.values()):
        return None
    return sum((amount for node, amount in change.items() if node[1] == question.numeraire), F(0))


def _orders(shown: Shown) -> Iterator[Flows]:
    """Every pair of a purchase and a sale in whole lots that the venue takes."""
    rules = shown.instrument.rules
    assert rules is not None

    def sizes(side: Side) -> Iterator[Flows]:
        yield []
        levels = shown.asks if side is Side.BUY else shown.bids
        for lots in range(1, int(sum(size for _, size in levels)) + 1):
            filled, notional, worst = D(0), D(0), D(0)
            for price, size in levels:
                if filled < lots:
                    part = min(size, lots - filled)
                    filled, notional, worst = filled + part, notional + part * price, price
            if lots >= rules.min_size and min(notional, lots * worst) >= rules.min_notional:
                yield traded(shown, side, F(lots))

    for bought, sold in product(sizes(Side.BUY), sizes(Side.SELL)):
        yield bought + sold


def _amounts(route: Route) -> Iterator[Flows]:
    yield []
    assert route.maximum is not None, "a small market"
    for amount in range(1, int(route.maximum) + 1) if route.open else ():
        if amount > route.fee and amount >= route.minimum:
            yield sent(route, F(amount))


def best_by_trying(snapshot: Snapshot, question: Question) -> F:
    """The greatest gain of all orders in whole lots and all transfers of whole amounts; zero for doing nothing. In
    twentieths, which fees of five percent leave whole.
    """
    nodes = {node: number for number, node in enumerate(snapshot.nodes)}
    choices = [list(_orders(shown)) for shown in snapshot.books] + [list(_amounts(one)) for one in snapshot.routes]
    total = np.zeros((1, 2, len(nodes)), dtype=np.int64)  # (what is done, change or leaving, node)
    for choice in choices:
        rows = np.zeros((len(choice), 2, len(nodes)), dtype=np.int64)
        for row, flows in zip(rows, choice, strict=True):
            for source, out, target, into in flows:
                row[0, nodes[source]] -= _twentieths(out)
                row[1, nodes[source]] += _twentieths(out)
                row[0, nodes[target]] += _twentieths(into)
        total = (total[:, None] + rows[None]).reshape(-1, 2, len(nodes))
    change, leaving = total[:, 0], total[:, 1]
    feasible = np.ones(len(total), dtype=bool)
    for node, at in nodes.items():
        if question.funded or node[1] == question.numeraire:
            feasible &= leaving[:, at] <= _twentieths(F(snapshot.balances.get(node, D(0))))
    for kept in {node if question.keep is Keep.PLACE else node[1] for node in nodes}:
        places = [at for node, at in nodes.items() if kept in (node, node[1])]
        feasible &= change[:, places].sum(axis=1) >= 0
    gains = change[:, [at for node, at in nodes.items() if node[1] == question.numeraire]].sum(axis=1)
    return F(int(gains[feasible].max()), 20)


def _twentieths(number: F) -> int:
    assert 20 * number == int(20 * number)
    return int(20 * number)


def assert_feasible(snapshot: Snapshot, plan: Plan) -> None:
    """Every leg and transfer priced once more, from its size alone: nothing lacks, and the gain is the told one."""
    flows: Flows = []
    books = {one.instrument.id: one for one in snapshot.books}
    for leg in plan.legs:
        flows += traded(books[leg.instrument.id], leg.side, F(leg.quantity))
    for one in plan.sent:
        assert one.route.open and one.route in snapshot.routes
        assert one.amount >= one.route.minimum and (one.route.maximum is None or one.amount <= one.route.maximum)
        assert one.route.precision is None or one.amount == round(one.amount, one.route.precision)
        assert one.arrives <= (one.amount - one.route.fee) * (1 - one.route.rate) and one.arrives > 0
        (flow,) = sent(one.route, F(one.amount))
        flows.append((*flow[:3], F(one.arrives)))
    assert gain_of(snapshot, plan.question, flows) == F(plan.gain)


def each(count: int) -> Iterator[tuple[int, Snapshot]]:
    """So many markets, each with its number; every other one is linked both ways."""
    for number in range(count):
        yield number, random_market(Random(number), linked=number % 2 == 0)
