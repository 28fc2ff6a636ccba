"""Laws of a simulated venue's desk, for any sequence of what its customers and the order flow do.

Enters: acts of hypothesis over two spot markets. Leaves: a verdict. Never: an expected value that the desk computed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from desk_stage import CROSS, SPOT, Stage, left_of, rounded_down
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import (
    TRADING,
    DeskFill,
    DeskOrder,
    DeskRefusal,
    NewOrder,
    OrderStatus,
    Refusal,
    SelfTrade,
)
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side
from cryptopipe.model.simulated import TradePrint
from cryptopipe.sandbox.accounts import Account

D = Decimal
MOST_OPEN = 8
MARKETS: tuple[Instrument, ...] = (SPOT, CROSS)


@dataclass(frozen=True)
class Place:
    """A customer's order, `distance` ticks above the middle of the book; None takes the market."""

    account: int
    market: int
    side: Side
    lots: int
    distance: int | None
    kind: TimeInForce
    gives_way: SelfTrade
    by_spend: bool
    client_id: str


@dataclass(frozen=True)
class Cancel:
    account: int
    which: int


@dataclass(frozen=True)
class CancelAll:
    account: int
    market: int | None


@dataclass(frozen=True)
class FlowOrder:
    """Of the flow: at the market where `distance` is None."""

    market: int
    side: Side
    lots: int
    distance: int | None


Act = Place | Cancel | CancelAll | FlowOrder
_side, _market, _account = st.sampled_from(list(Side)), st.sampled_from([0, 0, 0, 1]), st.sampled_from([1, 1, 2])
_distance = st.integers(-4, 4)
_places = st.builds(
    Place,
    _account,
    _market,
    _side,
    st.integers(1, 400) | st.integers(1, 5000),
    st.none() | _distance | _distance | st.integers(-60_000, 700_000),
    st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce]),
    st.sampled_from(list(SelfTrade)),
    st.booleans(),
    st.sampled_from(["", "", "a", "b"]),
)
_acts = st.one_of(
    _places,
    _places,
    _places,
    st.builds(Cancel, _account, st.integers(0, 30)),
    st.builds(CancelAll, _account, st.sampled_from([None, 0, 1])),
    st.builds(FlowOrder, _market, _side, st.integers(1, 600), st.none() | _distance),
)
FEES = (("0.001", "0.002"), ("-0.0001", "0.0003"), ("0.0026", "0.0016"), ("0.3", "0.4"), ("0", "0"))


@dataclass
class Play:
    """Carries acts out, and holds every act to the laws that can be seen at once."""

    stage: Stage
    opening: dict[tuple[int, Asset], Decimal] = field(default_factory=dict)
    trades: dict[str, dict[int, TradePrint]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        for number, account in self.stage.desk.accounts.items():
            for asset, balance in account.balances().items():
                assert balance.locked == 0
                self.opening[number, asset] = balance.free

    def run(self, acts: Sequence[Act]) -> None:
        for act in acts:
            at = self.stage.step()
            match act:
                case Place():
                    self.place(act)
                case Cancel():
                    self.cancel(act)
                case CancelAll():
                    ended = self.stage.account(act.account).cancel_all(
                        None if act.market is None else MARKETS[act.market]
                    )
                    assert all(one.status is OrderStatus.CANCELLED for one in ended)
                    market = None if act.market is None else MARKETS[act.market]
                    assert not self.stage.account(act.account).open_orders(market)
                case FlowOrder():
                    engine = self.stage.engines[MARKETS[act.market].symbol]
                    price = None if act.distance is None else self.middle(act.market) + act.distance
                    if price is None:
                        engine.take(act.side, act.lots, at)
                    else:
                        engine.limit(act.side, price, act.lots, at)
            for symbol, engine in self.stage.engines.items():
                self.trades[symbol].update({one.trade_id: one for one in engine.trades(len(self.trades[symbol]))})
            nobody_is_in_debt(self)
            what_is_locked_is_what_orders_need(self)

    def middle(self, market: int) -> int:
        engine = self.stage.engines[MARKETS[market].symbol]
        bid, ask = engine.best(Side.BUY), engine.best(Side.SELL)
        return ((bid or ask or 100) + (ask or bid or 100)) // 2

    def order_of(self, act: Place) -> NewOrder:
        instrument = MARKETS[act.market]
        rules = instrument.rules
        assert rules is not None
        size = act.lots * rules.step
        price = None if act.distance is None else (self.middle(act.market) + act.distance) * rules.tick
        spend = size * self.middle(act.market) * rules.tick if price is None and act.by_spend else None
        return NewOrder(
            instrument, act.side, None if spend else size, price, spend, act.kind, act.client_id,
            self_trade=act.gives_way,
        )  # fmt: skip

    def place(self, act: Place) -> None:
        account, order = self.stage.account(act.account), self.order_of(act)
        before = self.everything()
        busy = {one.order.client_id for one in account.open_orders()}
        try:
            state = account.place(order)
        except DeskRefusal as refusal:
            assert self.everything() == before
            if refusal.why is Refusal.DUPLICATE_CLIENT_ID:
                assert order.client_id in busy
            return
        assert not order.client_id or order.client_id not in busy
        fills = account.fills(order_id=state.order_id)
        assert all(not one.maker for one in fills)
        immediate = order.price is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        if immediate:
            assert state.status is not OrderStatus.OPEN
        if order.time_in_force is TimeInForce.FOK:
            assert state.status is OrderStatus.FILLED
        if order.time_in_force is TimeInForce.POST_ONLY:
            assert state.status is OrderStatus.OPEN and not fills

    def cancel(self, act: Cancel) -> None:
        account = self.stage.account(act.account)
        before = self.everything()
        known = {one.order_id: one for one in account.orders()}
        try:
            state = account.cancel(act.which)
        except DeskRefusal as refusal:
            assert self.everything() == before
            ended = act.which in known
            assert refusal.why is (Refusal.ORDER_ENDED if ended else Refusal.UNKNOWN_ORDER)
            assert not ended or known[act.which].status is not OrderStatus.OPEN
        else:
            assert known[act.which].status is OrderStatus.OPEN
            assert state.status is OrderStatus.CANCELLED

    def everything(self) -> object:
        """What a refused order must not change."""
        books = [(one.number, one.traded, *one.levels(Side.BUY, 99)) for one in self.stage.engines.values()]
        people = [
            (dict(one.balances()), one.number, list(one.orders()), len(one.fills()))
            for one in self.stage.desk.accounts.values()
        ]
        return books, people, [one.fills is None for one in self.stage.engines.values()]


def nobody_is_in_debt(play: Play) -> None:
    for account in play.stage.desk.accounts.values():
        for balance in account.balances(TRADING).values():
            assert balance.free >= 0 and balance.locked >= 0


def what_is_locked_is_what_orders_need(play: Play) -> None:
    """A seller's base; a buyer's quote at the limit price, with the higher fee where it is charged in quote."""
    for account in play.stage.desk.accounts.values():
        needed: dict[Asset, Decimal] = defaultdict(Decimal)
        for one in account.open_orders():
            assert one.order.price is not None
            if one.order.side is Side.SELL:
                needed[one.order.instrument.base] += left_of(one)
            else:
                value = one.order.price * left_of(one)
                needed[one.order.instrument.quote] += value + most_fee(value, account.fees(one.order.instrument))
        assert {asset: one.locked for asset, one in account.balances().items() if one.locked} == {
            asset: one for asset, one in needed.items() if one
        }


def most_fee(value: Decimal, schedule: FeeSchedule) -> Decimal:
    if schedule.charged_in != "quote":
        return D(0)
    return rounded_down(Fraction(value) * max(0, Fraction(schedule.maker_rate), Fraction(schedule.taker_rate)))


def each_fill_is_a_print_and_none_is_counted_twice(play: Play) -> None:
    seen: dict[tuple[str, int], list[tuple[int, DeskFill]]] = defaultdict(list)
    for number, account in play.stage.desk.accounts.items():
        for fill in account.fills():
            seen[fill.instrument.symbol, fill.trade_id].append((number, fill))
    ids = sorted(fill.fill_id for fills in seen.values() for _, fill in fills)
    assert ids == list(range(1, len(ids) + 1))
    for (symbol, trade_id), fills in seen.items():
        print_, rules = play.trades[symbol][trade_id], fills[0][1].instrument.rules
        assert rules is not None
        assert len({number for number, _ in fills}) == len(fills) <= 2  # nobody trades with himself
        assert len({fill.maker for _, fill in fills}) == len(fills)
        for _, fill in fills:
            assert (fill.price, fill.size) == (print_.price * rules.tick, print_.size * rules.step)
            assert (fill.side is print_.side) != fill.maker


def orders_are_the_sum_of_their_fills(account: Account) -> None:
    for order in account.orders():
        fills = account.fills(order_id=order.order_id)
        fees: dict[Asset, Decimal] = defaultdict(Decimal)
        for fill in fills:
            fees[fill.fee.asset] += fill.fee.amount
            limit = order.order.price
            if limit is not None:
                assert fill.price <= limit if order.order.side is Side.BUY else fill.price >= limit
        assert order.filled == sum(one.size for one in fills)
        assert order.spent == sum(one.size * one.price for one in fills)
        assert dict(order.fees) == dict(fees)
        if order.order.spend is not None:
            assert order.spent <= order.order.spend
        else:
            assert (order.filled == order.order.size) is (order.status is OrderStatus.FILLED)


def fees_are_by_the_schedule(account: Account) -> None:
    for fill in account.fills():
        schedule, buys = account.fees(fill.instrument), fill.side is Side.BUY
        rate = Fraction(schedule.maker_rate if fill.maker else schedule.taker_rate)
        in_base = buys and schedule.charged_in == "received"
        amount = Fraction(fill.size) if in_base else Fraction(fill.size) * Fraction(fill.price)
        assert fill.fee.asset == (fill.instrument.base if in_base else fill.instrument.quote)
        assert fill.fee.amount == rounded_down(amount * rate)


def money_is_what_fills_made_of_it(play: Play) -> None:
    """For each customer, and so for all with whom they traded: nothing comes from nowhere."""
    for number, account in play.stage.desk.accounts.items():
        expected = {asset: amount for (one, asset), amount in play.opening.items() if one == number}
        for fill in account.fills():
            sign = 1 if fill.side is Side.BUY else -1
            expected[fill.instrument.base] += sign * fill.size
            expected[fill.instrument.quote] -= sign * fill.size * fill.price
            expected[fill.fee.asset] -= fill.fee.amount
        assert {asset: one.free + one.locked for asset, one in account.balances().items()} == expected
    for asset in play.stage.assets():
        assert play.stage.held(asset) + play.stage.desk.tally.total(asset) == 0
        charged = (one.fee for account in play.stage.desk.accounts.values() for one in account.fills())
        assert play.stage.desk.tally.of("fees", asset) == sum(one.amount for one in charged if one.asset == asset)


def the_tape_tells_all(play: Play, number: int, account: Account) -> None:
    events = account.events(0)
    assert [one.number for one in events] == list(range(1, account.number + 1))
    assert all(one.at <= later.at for one, later in pairwise(events))
    ended: set[int] = set()
    states: dict[int, DeskOrder] = {}
    sums: dict[Asset, Decimal] = {asset: amount for (one, asset), amount in play.opening.items() if one == number}
    for event in events:
        if event.order is not None:
            assert event.order.order_id not in ended  # an order that ended never fills
            states[event.order.order_id] = event.order
            if event.order.status is not OrderStatus.OPEN:
                ended.add(event.order.order_id)
        if event.balance is not None:
            sums[event.asset] += event.change
            assert event.balance.free + event.balance.locked == sums[event.asset]
    assert [event.fill for event in events if event.fill is not None] == account.fills()
    assert list(states.values()) == account.orders()
    assert sums == {asset: one.free + one.locked for asset, one in account.balances().items()}


def what_rests_is_what_is_open(play: Play) -> None:
    for number, account in play.stage.desk.accounts.items():
        for instrument in MARKETS:
            engine, rules = play.stage.engines[instrument.symbol], instrument.rules
            assert rules is not None
            resting: Counter[tuple[Side, Decimal]] = Counter()
            for side in Side:
                for price, _ in engine.levels(side, 10_000):
                    for order_id, lots in engine.queue(side, price):
                        if engine.owner(order_id) == number:
                            resting[side, price * rules.tick] += lots * rules.step  # type: ignore[assignment]
            wanted: Counter[tuple[Side, Decimal]] = Counter()
            for one in account.open_orders(instrument):
                wanted[one.order.side, one.order.price or D(0)] += left_of(one)  # type: ignore[assignment]
            assert resting == wanted
    for symbol, engine in play.stage.engines.items():
        open_there = any(
            one.order.instrument.symbol == symbol
            for account in play.stage.desk.accounts.values()
            for one in account.open_orders()
        )
        assert (engine.fills is not None) is open_there  # else the flow pays for nobody


@settings(max_examples=150, deadline=None)
@given(st.lists(_acts, min_size=15, max_size=40), st.sampled_from(FEES), st.sampled_from(["quote", "received"]))
def test_any_sequence_of_acts_keeps_the_laws(acts: Sequence[Act], fees: tuple[str, str], charged_in: str) -> None:
    play = Play(Stage.of(*fees, charged_in=charged_in, open_orders=MOST_OPEN))
    play.run(acts)
    laws_hold(play)


@pytest.mark.parametrize("seed", range(8))
def test_long_plays_keep_the_laws(seed: int) -> None:
    """Longer than hypothesis makes its examples."""
    random = Random(seed)
    play = Play(Stage.of(*FEES[seed % len(FEES)], charged_in=("quote", "received")[seed % 2], open_orders=MOST_OPEN))
    play.run([random_act(random) for _ in range(600)])
    laws_hold(play)
    fills = [fill for one in play.stage.desk.accounts.values() for fill in one.fills()]
    assert len(fills) > 50 and {fill.maker for fill in fills} == {True, False}
    endings = {one.why_ended for account in play.stage.desk.accounts.values() for one in account.orders()}
    assert endings == {"", "self_trade"}


def random_act(random: Random) -> Act:
    market, side, account = random.choice((0, 0, 0, 1)), random.choice(list(Side)), random.choice((1, 1, 2))
    distance = random.choice((None, *range(-4, 5)))
    kind = random.randrange(10)
    if kind < 5:
        forms = (TimeInForce.GTC, TimeInForce.GTC, *TimeInForce)
        return Place(
            account, market, side, random.randrange(1, 200), distance, random.choice(forms),
            random.choice(list(SelfTrade)), random.random() < 0.5, random.choice(("", "", "a", "b")),
        )  # fmt: skip
    if kind < 6:
        return Cancel(account, random.randrange(1, 200))
    if kind < 7 and random.random() < 0.1:
        return CancelAll(account, random.choice((None, 0, 1)))
    return FlowOrder(market, side, random.randrange(1, 300), distance)


def laws_hold(play: Play) -> None:
    each_fill_is_a_print_and_none_is_counted_twice(play)
    money_is_what_fills_made_of_it(play)
    what_rests_is_what_is_open(play)
    for number, account in play.stage.desk.accounts.items():
        assert len(account.open_orders()) <= MOST_OPEN
        orders_are_the_sum_of_their_fills(account)
        fees_are_by_the_schedule(account)
        the_tape_tells_all(play, number, account)
