"""Desks within the simulated market: the same whatever the slices of time, and no load on a market without customers.

Enters: a script of orders and cancellations at seeded times, over the order flow of two venues. Leaves: a verdict.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from random import Random

import msgspec
import pytest

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.desk import DeskEvent, DeskRefusal, NewOrder, OrderStatus, SelfTrade
from cryptopipe.model.facts import Asset, Instrument, Kind, Side, VenueId, floor_to
from cryptopipe.registry import Registry
from cryptopipe.sandbox.accounts import Account
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

D = Decimal
START: Nanos = 1_790_000_000 * SECOND
END = START + 2 * SECOND
ASSETS = frozenset(map(Asset, ("BTC", "ETH", "USDT")))


@cache
def plugins(*venues: str) -> dict[VenueId, ExchangePlugin]:
    """As they are, with a private side even where the plugin brings none: the dialect is not asked here."""
    found = {VenueId(one): Registry().exchange(one) for one in venues}
    return {one: replace(plugin, trading_sandbox=lambda books, desk: None) for one, plugin in found.items()}  # type: ignore[dict-item]


def world(*venues: str, seed: int = 1, perpetuals: str = "all", assets: frozenset[Asset] = ASSETS) -> World:
    parameters = msgspec.structs.replace(Parameters.load(), perpetuals=perpetuals)
    quick = {name: msgspec.structs.replace(one, funding_interval_s=0.5) for name, one in parameters.accounts.items()}
    return World(plugins(*venues), msgspec.structs.replace(parameters, accounts=quick), seed, START, assets)


@dataclass(frozen=True)
class Deed:
    """What a customer does at a time, in numbers that need no look at the market."""

    at: Nanos
    venue: str
    account: int
    pick: int
    side: Side
    usd: int
    ticks: int | None
    kind: TimeInForce


def script(seed: int, venues: Sequence[str], count: int = 60) -> list[Deed]:
    random = Random(seed)
    deeds = [
        Deed(
            START + random.randrange(2 * SECOND), random.choice(venues), random.choice((1, 1, 2)), random.randrange(99),
            random.choice(list(Side)), random.randrange(20, 5000), random.choice((None, *range(-5, 6))),
            random.choice((TimeInForce.GTC, TimeInForce.GTC, *TimeInForce)),
        )
        for _ in range(count)
    ]  # fmt: skip
    return sorted(deeds, key=lambda one: one.at)


def carry_out(market: World, deeds: Sequence[Deed], slices: Callable[[], Nanos] | None = None) -> None:
    """`slices`: how far the market goes at once between two deeds; None: all the way."""
    for deed in deeds:
        desk = market.desks[VenueId(deed.venue)]
        go(market, deed.at, slices)
        desk.turn(deed.at)
        act(desk.accounts[deed.account], [one.instrument for one in market.books[desk.venue].values()], deed, market)
    go(market, END, slices)


def go(market: World, until: Nanos, slices: Callable[[], Nanos] | None) -> None:
    while slices is not None and market.now < until:
        market.advance(min(until, market.now + slices()))
    market.advance(until)


def act(account: Account, instruments: Sequence[Instrument], deed: Deed, market: World) -> None:
    resting = account.open_orders()
    if deed.usd % 5 == 0 and resting:
        account.cancel(resting[deed.pick % len(resting)].order_id)
        return
    instrument = instruments[deed.pick % len(instruments)]
    rules = instrument.rules
    assert rules is not None
    mark = market.desks[instrument.venue].mark(instrument)
    usd = D(1) if instrument.quote != "BTC" else D(62000)
    price = None if deed.ticks is None else floor_to(rules.tick, mark) + deed.ticks * rules.tick
    size = floor_to(rules.step, deed.usd / mark / usd)
    with suppress(DeskRefusal):
        account.place(NewOrder(instrument, deed.side, size, price, None, deed.kind, self_trade=SelfTrade.EXPIRE_MAKER))


def trace(market: World) -> tuple[list[Sequence[DeskEvent]], list[tuple[object, ...]]]:
    accounts = [account for desk in market.desks.values() for account in desk.accounts.values()]
    books = [book for books in market.books.values() for book in books.values()]
    return [one.events(0) for one in accounts], [(*one.changes(0), *one.trades(0)) for one in books]


VENUES = ("binance", "bybit")


@cache
def once(seed: int) -> tuple[list[Sequence[DeskEvent]], list[tuple[object, ...]]]:
    market = world(*VENUES)
    carry_out(market, script(seed, VENUES))
    return trace(market)


def test_the_script_does_something() -> None:
    events = [event for tape in once(5)[0] for event in tape]
    fills = [event.fill for event in events if event.fill is not None]
    assert len(fills) > 20 and {one.maker for one in fills} == {True, False}
    assert {one.instrument.kind for one in fills} == {Kind.SPOT, Kind.LINEAR_PERPETUAL}
    assert any(event.order is not None and event.order.status is OrderStatus.CANCELLED for event in events)
    assert any(event.position is not None and event.position.funding for event in events)


@pytest.mark.parametrize(("turn", "runs"), [(0, 5), pytest.param(1, 45, marks=pytest.mark.slow)])
def test_the_same_seed_is_the_same_trace_whatever_the_slices(turn: int, runs: int) -> None:
    """Fifty runs; the first at one stroke, the others in slices of their own."""
    for number in range(runs):
        market = world(*VENUES)
        carry_out(market, script(5, VENUES), slices_of(turn, number) if turn or number else None)
        assert trace(market) == once(5)


def slices_of(*seed: int) -> Callable[[], Nanos]:
    random = Random(str(seed))
    return lambda: random.choice((300_000, 7 * MILLISECOND, 20 * MILLISECOND, 333 * MILLISECOND))


def resting_everywhere(slices: Callable[[], Nanos] | None) -> World:
    """Orders at the best prices of every market, which the flow fills at its own times while nobody does anything."""
    market = world(*VENUES)
    for venue in VENUES:
        instruments = [one.instrument for one in market.books[VenueId(venue)].values()]
        for pick in range(len(instruments)):
            for side, ticks in ((Side.BUY, -1), (Side.BUY, -3), (Side.SELL, 2), (Side.SELL, 4)):
                one = Deed(START, venue, 1, pick, side, 901, ticks, TimeInForce.GTC)
                act(market.desks[VenueId(venue)].accounts[1], instruments, one, market)
    go(market, END + 2 * SECOND, slices)
    return market


def test_fills_of_several_markets_come_in_the_order_of_time() -> None:
    whole, sliced = resting_everywhere(None), resting_everywhere(slices_of(7))
    for venue in VENUES:
        account = whole.desks[VenueId(venue)].accounts[1]
        times = [(one.instrument.symbol, one.at) for one in account.fills() if one.maker]
        assert [at for _, at in times] == sorted(at for _, at in times)
        assert sum(one != other for (one, _), (other, _) in pairwise(times)) >= 2  # markets take turns
    assert trace(whole) == trace(sliced)
