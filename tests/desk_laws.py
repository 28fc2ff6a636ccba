"""What holds at every venue whatever its customers do: laws that the property tests of desks share.

Enters: a play. Leaves: a verdict. Never: an expected value that the desk computed.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from desk_play import MARKETS, Play
from desk_stage import left_of, rounded_down

from cryptopipe.model.desk import TRADING, DeskFill, DeskOrder, OrderStatus
from cryptopipe.model.facts import Asset, Side
from cryptopipe.sandbox.accounts import Account

D = Decimal


def nobody_is_in_debt(play: Play) -> None:
    for account in play.stage.desk.accounts.values():
        for balance in account.balances(TRADING).values():
            assert balance.free >= 0 and balance.locked >= 0


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
