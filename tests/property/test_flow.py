"""Laws of the order flow under any parameters: time may be cut anywhere, and a stranger's order is never lost."""

from decimal import Decimal
from itertools import pairwise
from math import exp
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.flow import Flow
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.prices import Efficient, Local

START: Nanos = 1_790_000_000 * SECOND
END = START + 2 * SECOND
PACKAGED = Parameters.load()


@st.composite
def markets(draw: st.DrawFn) -> tuple[Parameters, TradingRules, int]:
    """Any venue, from one coarse tick to a thousand fine ones between the quotes, calm to frantic."""
    profile = msgspec.structs.replace(
        PACKAGED.venue("alpha"),
        spread_bp=draw(st.sampled_from([0, 0.5, 20])),
        tolerance_bp=draw(st.sampled_from([0, 0.3, 5])),
        noise_bp=draw(st.sampled_from([0, 0.5, 10])),
        lag_ms=draw(st.sampled_from([0, 130, 1000])),
        taker_share=draw(st.sampled_from([0, 0.1, 0.9])),
        near_orders=draw(st.sampled_from([1, 5])),
        middle_orders=draw(st.sampled_from([1, 10])),
        deep_orders=draw(st.sampled_from([1, 10])),
    )
    dislocation = msgspec.structs.replace(PACKAGED.dislocation, every_s=draw(st.sampled_from([0.3, 20])))
    parameters = msgspec.structs.replace(PACKAGED, venues={"default": profile}, dislocation=dislocation)
    tick, step = (Decimal(draw(st.sampled_from(["1E-8", "0.01", "25"]))) for _ in range(2))
    return parameters, TradingRules(tick, step, step, Decimal(0)), draw(st.integers(0, 2**32))


class Market:
    """One instrument with the series behind it."""

    def __init__(self, parameters: Parameters, rules: TradingRules, seed: int) -> None:
        step_s = parameters.step_ms / 1000
        profile = parameters.venue("alpha")
        assets = [Asset("BTC"), Asset("USD")]
        self.latent = [Efficient(parameters.price(a), parameters.jump, step_s, Random(f"{seed} {a}")) for a in assets]
        self.local = [
            Local(latent, profile, parameters, pegged, Random(f"{seed} {pegged}"))
            for latent, pegged in zip(self.latent, (False, True), strict=True)
        ]
        self._extend(START)
        engine = Engine(Instrument(VenueId("alpha"), "X", assets[0], assets[1], rules=rules))
        self.flow = Flow(engine, self.local[0], self.local[1], parameters, Random(seed), START)
        self.engine = engine

    def _extend(self, at: Nanos) -> None:
        for series in (*self.latent, *self.local):
            series.extend((at - START) // (20 * MILLISECOND))

    def advance(self, at: Nanos) -> None:
        self._extend(at)
        self.flow.run(at)


@given(markets(), st.lists(st.integers(START, END), max_size=12))
@settings(max_examples=25, deadline=None)
def test_time_may_be_cut_anywhere(market: tuple[Parameters, TradingRules, int], cuts: list[Nanos]) -> None:
    whole, cut = Market(*market), Market(*market)
    whole.advance(END)
    for at in [*sorted(cuts), END]:
        cut.advance(at)
    assert cut.engine.changes(0) == whole.engine.changes(0)
    assert cut.engine.trades(0) == whole.engine.trades(0)


@given(markets())
@settings(max_examples=25, deadline=None)
def test_times_do_not_fall_and_a_book_stays_near_its_price(market: tuple[Parameters, TradingRules, int]) -> None:
    one = Market(*market)
    for at in range(START, END, 100 * MILLISECOND):
        one.advance(at)
        fair = exp(one.local[0].values[-1] - one.local[1].values[-1]) / float(market[1].tick)
        bid, ask = one.engine.best(Side.BUY), one.engine.best(Side.SELL)
        allowed = 1 + fair * 120e-4  # dislocations, spread and tolerance together
        assert bid is None or bid <= fair + allowed
        assert ask is None or ask >= fair - allowed
        assert bid is None or ask is None or bid < ask
    changes = one.engine.changes(0)
    assert [change.number for change in changes] == list(range(1, one.engine.number + 1))
    assert all(a.at <= b.at for a, b in pairwise(changes))


@given(markets(), st.lists(st.tuples(st.sampled_from(Side), st.integers(-80, 80), st.integers(1, 10**9)), max_size=8))
@settings(max_examples=25, deadline=None)
def test_a_strangers_order_rests_or_is_executed(
    market: tuple[Parameters, TradingRules, int], orders: list[tuple[Side, int, int]]
) -> None:
    one, executed = Market(*market), dict[int, int]()
    one.engine.fills = lambda maker, taker, price, size, at, side: executed.update(
        {o: executed.get(o, 0) + size for o in (maker, taker)}
    )
    given_lots: dict[int, int] = {}
    for number, (side, bp, lots) in enumerate(orders):
        at = START + number * 200 * MILLISECOND
        one.advance(at)
        price = max(1, round(one.flow.fair * (1 + bp * 1e-4)))
        given_lots[one.engine.limit(side, price, lots, at, owner=3).order_id] = lots
    one.advance(END)
    assert {o: one.engine.resting(o) + executed.get(o, 0) for o in given_lots} == given_lots
