"""What is asked of an optimum, and a plan: trades and transfers priced exactly.

Enters: a snapshot, quantities and amounts that somebody proposes. Leaves: legs, transfers, the change of each place,
and what the proposal lacks to be feasible. Never: a price of a level that is not there, or a rounding in one's own
favour.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from cryptopipe.evaluate.snapshot import Node, Route, Shown, Snapshot
from cryptopipe.model.facts import Asset, Fee, Side, VenueId, ceil_to, floor_to
from cryptopipe.model.money import exact, ratio
from cryptopipe.model.trading import Leg

Quantities = Mapping[tuple[int, Side], Decimal]
"""Of base, by the book's number in the snapshot and the taker's side."""
Amounts = Mapping[int, Decimal]
"""What leaves the account, by the route's number in the snapshot."""

Flow = tuple[Node, Decimal, Node, Decimal]
"""(from where, how much leaves, where to, how much arrives), fees included."""

EVERYWHERE = VenueId("")
"""In place of a venue, where an asset is counted over all of them."""


class Keep(Enum):
    """What must end with at least as much as it began with."""

    PLACE = "place"
    """Each asset on each venue: whatever moved has come back, by trades and transfers."""
    ASSET = "asset"
    """Each asset over all venues: where it is in the end is somebody else's question."""


@dataclass(frozen=True)
class Question:
    """The gain is the increase of `numeraire` over all venues; nothing else becomes less, by `keep`.

    Everything is sent out at once, so that what leaves a place is bounded by its balance; unless `funded` is False:
    then the balances of the numeraire alone bound, and the rest pays with what it is brought. `lots`: on the venues'
    grids, with their minimums; otherwise any size, and the plan is a bound.
    """

    numeraire: Asset
    keep: Keep = Keep.PLACE
    funded: bool = True
    lots: bool = False

    def pool(self, node: Node) -> Node:
        """What a node is counted with: itself, or its asset everywhere."""
        return node if self.keep is Keep.PLACE else (EVERYWHERE, node[1])

    def bounds(self, node: Node) -> bool:
        """Whether the balance there bounds what leaves it."""
        return self.funded or node[1] == self.numeraire


@dataclass(frozen=True)
class Sent:
    """A transfer: `amount` leaves the account, `fee` of it is kept, `arrives` is credited."""

    route: Route
    amount: Decimal
    fee: Decimal
    arrives: Decimal


@dataclass(frozen=True)
class Plan:
    """Trades and transfers, all exact. `change` is that of each place that is touched, `gain` the increase of the
    numeraire. No plan gains more than `bound`, as far as the solver's floats can say; none gains more than `ceiling`,
    exactly, which is what the dual prices prove: the same but where fixed fees, minimums or lots count.
    """

    question: Question
    legs: tuple[Leg, ...]
    sent: tuple[Sent, ...]
    change: Mapping[Node, Decimal]
    gain: Decimal
    bound: Decimal
    ceiling: Fraction

    @property
    def gap(self) -> Decimal:
        """What the bound is above the gain."""
        with exact():
            return self.bound - self.gain


class Lack(Enum):
    """What a proposal may lack."""

    POOL = "pool"
    """A pool ends with less than it began with."""
    STOCK = "stock"
    """More leaves a place than is there."""


Lacking = tuple[Lack, Node]
"""Of what, and where."""


def plan_of(
    snapshot: Snapshot, question: Question, quantities: Quantities, amounts: Amounts, bound: Decimal, ceiling: Fraction
) -> tuple[Plan, dict[Lacking, Fraction]]:
    """The plan of a proposal, and what it lacks; nothing if it is feasible."""
    done = priced(snapshot, quantities, amounts)
    lacks = dict(_short(snapshot, question, done))
    gains = [change for (_, asset), change in done.change.items() if asset == question.numeraire]
    with exact():
        gain = sum(gains, Decimal(0))
    change = {node: one for node, one in sorted(done.change.items()) if one}
    return Plan(question, done.legs, done.sent, change, gain, bound, ceiling), lacks


@dataclass(frozen=True)
class Done:
    """Trades and transfers, priced. `flows` is what each of them moves, the legs' first; `change` that of each place
    they touch, `leaves` what goes out of it.
    """

    legs: tuple[Leg, ...] = ()
    sent: tuple[Sent, ...] = ()
    flows: tuple[Flow, ...] = ()
    change: Mapping[Node, Decimal] = field(default_factory=dict)
    leaves: Mapping[Node, Decimal] = field(default_factory=dict)


def priced(snapshot: Snapshot, quantities: Quantities, amounts: Amounts) -> Done:
    """Exactly, by walking the ladders. Raises `ValueError` for an order of more than is shown."""
    ledger = _Ledger()
    ordered = sorted(quantities.items(), key=lambda pair: (pair[0][0], pair[0][1].value))
    legs = tuple(_traded(snapshot.books[number], side, quantity, ledger) for (number, side), quantity in ordered)
    sent = tuple(_sent(snapshot.routes[number], amount, ledger) for number, amount in sorted(amounts.items()))
    return Done(legs, sent, tuple(ledger.flows), ledger.change, ledger.leaves)


class _Ledger:
    """What each place gives and gets."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.change: dict[Node, Decimal] = {}
        self.leaves: dict[Node, Decimal] = {}

    def book(self, source: Node, spent: Decimal, target: Node, brought: Decimal) -> None:
        self.flows.append((source, spent, target, brought))
        with exact():
            self.change[source] = self.change.get(source, Decimal(0)) - spent
            self.change[target] = self.change.get(target, Decimal(0)) + brought
            self.leaves[source] = self.leaves.get(source, Decimal(0)) + spent


def _traded(shown: Shown, side: Side, quantity: Decimal, ledger: _Ledger) -> Leg:
    notional, left, worst = Decimal(0), quantity, Decimal(0)
    rate = shown.fees.taker_rate
    with exact():
        for price, size in shown.ladder(side):
            taken = min(left, size)
            notional, left, worst = notional + price * taken, left - taken, price
            if left <= 0:
                break
        if left > 0:
            raise ValueError(f"{shown.instrument.id} shows {quantity - left} to {side.value}, not {quantity}")
        if side is Side.SELL:
            fee = Fee(notional * rate, shown.instrument.quote)
            ledger.book(shown.base, quantity, shown.quote, notional - fee.amount)
        elif shown.fees.charged_in == "received":
            fee = Fee(quantity * rate, shown.instrument.base)
            ledger.book(shown.quote, notional, shown.base, quantity - fee.amount)
        else:
            fee = Fee(notional * rate, shown.instrument.quote)
            ledger.book(shown.quote, notional + fee.amount, shown.base, quantity)
    return Leg(shown.instrument, side, quantity, worst, ratio(notional, quantity), fee)


def _sent(route: Route, amount: Decimal, ledger: _Ledger) -> Sent:
    with exact():
        share = max(Decimal(0), (amount - route.fee) * route.rate)
        if route.precision is not None:
            share = ceil_to(Decimal(1).scaleb(-route.precision), share)
        fee = route.fee + share
        arrives = amount - fee
    source, target = route.ends
    ledger.book(source, amount, target, arrives)
    return Sent(route, amount, fee, arrives)


def _short(snapshot: Snapshot, question: Question, done: Done) -> Iterator[tuple[Lacking, Fraction]]:
    pools: dict[Node, Fraction] = {}
    for node, change in done.change.items():
        pool = question.pool(node)
        pools[pool] = pools.get(pool, Fraction(0)) + Fraction(change)
    for pool, total in sorted(pools.items()):
        if total < 0:
            yield (Lack.POOL, pool), -total
    for node, leaves in sorted(done.leaves.items()):
        over = Fraction(leaves) - snapshot.held(node)
        if question.bounds(node) and over > 0:
            yield (Lack.STOCK, node), over


def on_places(route: Route, amount: Decimal) -> Decimal:
    """The amount on the route's decimal places, downwards, unless it would be below the smallest."""
    if route.precision is None:
        return amount
    place = Decimal(1).scaleb(-route.precision)
    floored = floor_to(place, amount)
    return floored if floored >= route.smallest else floored + place


def sizes(shown: Shown, side: Side) -> list[tuple[int, int]]:
    """The orders that a venue takes of what it shows, in lots: (fewest, most) of each unbroken range. A venue judges an
    order's notional at its own price, so that a sale that reaches a worse level may be too small again.
    """
    rules = shown.instrument.rules
    assert rules is not None, "a book without a grid is not traded on"
    step, least = Fraction(rules.step), Fraction(rules.min_notional)
    found: list[tuple[int, int]] = []
    before, paid = Fraction(0), Fraction(0)
    for price, size in shown.ladder(side):
        at, after = Fraction(price), before + Fraction(size)
        enough = least / at if side is Side.SELL else before + (least - paid) / at
        fewest = max(before // step + 1, -(-max(enough, Fraction(rules.min_size)) // step))
        most = after // step
        if fewest <= most:
            joined = found and found[-1][1] == fewest - 1
            found[-1 if joined else len(found) :] = [(found[-1][0] if joined else fewest, most)]
        before, paid = after, paid + at * Fraction(size)
    return found
