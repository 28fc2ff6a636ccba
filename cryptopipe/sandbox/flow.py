"""The order flow of one instrument: quotes that follow its fair price, cancellations, market orders.

Enters: the log prices of base and quote at one venue, one seeded stream of random numbers. Leaves: limit, cancel and
take calls on the instrument's engine. Never: a book crossed by its own orders, or a call out of the order of time.

Distances, sizes and gaps are read from quantile tables of 4096 entries by twelve random bits each, so that one draw
of 64 bits serves a whole event; the tail of a distribution ends at its quantile 1 - 1/8192.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, floor, log, log10, sqrt
from random import Random
from statistics import NormalDist

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.facts import Side
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.parameters import Orders, Parameters, VenueProfile
from cryptopipe.sandbox.prices import BP, Series

_BITS = 12
_COUNT = 1 << _BITS
_MASK = _COUNT - 1
_SIDES = (Side.BUY, Side.SELL)
_NEAR, _MIDDLE, _DEEP = range(3)
_TAKE = 3
_LONGEST_CLEARING = 10_000
"""Orders pulled in one go at the most; the rest goes when the quotes are renewed next."""
_MANY = 8

_UNIFORM = tuple((i + 0.5) / _COUNT for i in range(_COUNT))
_NORMAL = tuple(NormalDist().inv_cdf(u) for u in _UNIFORM)
_EXPONENTIAL = tuple(-log(1 - u) for u in _UNIFORM)


@dataclass(frozen=True)
class Tables:
    """What an instrument's random bits are looked up in: whole ticks, lots and nanoseconds."""

    gaps: tuple[Nanos, ...]
    kinds: tuple[int, ...]
    distances: tuple[tuple[int, ...], ...]
    sizes: tuple[tuple[int, ...], ...]
    takes: tuple[int, ...]


def tables_of(engine: Engine, parameters: Parameters, price: float, scale: float) -> Tables:
    """For a price in ticks of the quote asset, `scale` lots a dollar."""
    profile, orders = parameters.venue(engine.instrument.venue), parameters.orders
    mean_gap = SECOND / (profile.events_per_s * parameters.rate)
    rules = engine.instrument.rules
    assert rules is not None, "a simulated instrument has rules"
    least = max(1, -int(-rules.min_size // rules.step))

    def lots(median_usd: float, spread: float) -> tuple[int, ...]:
        return tuple(max(least, round(median_usd * scale * exp(spread * z))) for z in _NORMAL)

    return Tables(
        gaps=tuple(max(1, round(mean_gap * e)) for e in _EXPONENTIAL),
        kinds=_kinds(profile, orders),
        distances=_distances(profile, orders, price),
        sizes=tuple(
            lots(profile.order_usd * factor, profile.order_spread)
            for factor in (1, orders.middle_size, orders.deep_size)
        ),
        takes=lots(profile.trade_usd, profile.trade_spread),
    )


def _kinds(profile: VenueProfile, orders: Orders) -> tuple[int, ...]:
    total = orders.near_share + orders.middle_share + orders.deep_share
    takes = profile.taker_share
    near = takes + (1 - takes) * orders.near_share / total
    middle = near + (1 - takes) * orders.middle_share / total
    return tuple(_TAKE if u < takes else _NEAR if u < near else _MIDDLE if u < middle else _DEEP for u in _UNIFORM)


def _distances(profile: VenueProfile, orders: Orders, price: float) -> tuple[tuple[int, ...], ...]:
    """Ticks from the venue's quote, by band."""
    tick = price * BP  # ticks in a basis point
    touch, mean = profile.touch, profile.near_bp
    near = (0.0 if u < touch else -mean * log(1 - (u - touch) / (1 - touch)) for u in _UNIFORM)
    middle = (mean * (orders.middle_bp / mean) ** u for u in _UNIFORM)
    deep = (orders.middle_bp * (orders.deep_bp / orders.middle_bp) ** u for u in _UNIFORM)
    return tuple(tuple(min(round(d * tick), int(price * 0.9)) for d in band) for band in (near, middle, deep))


class Flow:
    """The makers and takers of one instrument. `run` is the only way on; to be read: `fair`, the price in ticks that
    they believe in, and `next_at`, when the next of them acts.
    """

    def __init__(
        self, engine: Engine, base: Series, quote: Series, parameters: Parameters, random: Random, start_at: Nanos
    ) -> None:
        instrument = engine.instrument
        rules = instrument.rules
        assert rules is not None, "a simulated instrument has rules"
        self.engine = engine
        self._base, self._quote = base, quote
        self._profile = parameters.venue(instrument.venue)
        self._orders = parameters.orders
        self._bits: Callable[[int], int] = random.getrandbits
        self._start_at = start_at
        self._step = round(parameters.step_ms * MILLISECOND)
        self._per_tick = 1 / float(rules.tick)
        self._new_at = start_at + self._step
        self.fair = self._fair(0)
        base_usd = exp(base.values[0])
        liquidity = parameters.price(instrument.base).liquidity * parameters.price(instrument.quote).liquidity
        crossed = parameters.price(instrument.quote).volatility > 0
        liquidity *= self._orders.cross_size if crossed else 1
        scale = liquidity / base_usd / float(rules.step * instrument.contract_size)
        self._tables = tables_of(engine, parameters, self.fair, scale)
        per_bp = self.fair * BP
        self._width = self._profile.spread_bp * per_bp / sqrt(liquidity)
        self._tolerance = max(0.6, self._profile.tolerance_bp * per_bp)
        self._reach = max(1, round(self._profile.reach_bp * per_bp))
        self._bound = self._tolerance
        self._grain = 10 ** max(0, floor(log10(per_bp)))  # round prices, at most a basis point apart
        self._bid, self._ask = self._quotes()
        bands = (self._profile.near_orders, self._profile.middle_orders, self._profile.deep_orders)
        self._wanted = bands
        self._come_near = _COUNT * bands[_NEAR] // (bands[_NEAR] + bands[_MIDDLE])
        self._pools: tuple[tuple[list[int], list[int]], ...] = tuple(([], []) for _ in bands)
        self._taker_buys = 0
        self._populate(start_at)
        self.next_at = start_at + self._tables.gaps[self._bits(_BITS)]

    def _fair(self, step: int) -> float:
        base, quote = self._base, self._quote
        return exp(base.values[step - base.first] - quote.values[step - quote.first]) * self._per_tick

    def _quotes(self) -> tuple[int, int]:
        """Best bid and ask around the fair price, by a spread that varies around that of the venue."""
        width = max(1, round(self._width * (0.4 + 1.2 * self._bits(_BITS) / _COUNT)))
        bid = max(1, round(self.fair - width / 2))
        return bid, bid + width

    def _populate(self, at: Nanos) -> None:
        for band, wanted in enumerate(self._wanted):
            for side in (0, 1):
                for _ in range(wanted):
                    self._place(side, band, self._bits(36), at)

    def run(self, until: Nanos) -> None:
        """Everything this instrument's people do up to and including `until`."""
        at = self.next_at
        gaps, kinds, bits_of, wanted, pools = (
            self._tables.gaps,
            self._tables.kinds,
            self._bits,
            self._wanted,
            self._pools,
        )
        while at <= until:
            if at >= self._new_at:
                self._follow(at)
            bits = bits_of(64)
            band = kinds[bits & _MASK]
            if band == _TAKE:
                self._take(bits >> _BITS, at)
            else:
                side = (bits >> 62) & 1
                pool, want = pools[band][side], wanted[band]
                # as many come as go where the band holds what is wanted, more come below it, more go above
                if ((bits >> 12) & _MASK) * want < (2 * want - len(pool)) * (_COUNT >> 1):
                    self._place(side, band, bits >> 24, at)
                else:
                    self._withdraw(pool, bits >> 24, at)
            at += gaps[(bits >> 50) & _MASK]
        self.next_at = at

    def _place(self, side: int, band: int, bits: int, at: Nanos) -> None:
        """A limit order of a band: twelve bits of distance, twelve of size."""
        distance = self._tables.distances[band][bits & _MASK]
        price = self._ask + distance if side else self._bid - distance
        if band == _DEEP:
            price += -price % self._grain if side else -(price % self._grain)
        size = self._tables.sizes[band][(bits >> _BITS) & _MASK]
        placed = self.engine.limit(_SIDES[side], max(1, price), size, at)
        if placed.resting:
            self._pools[band][side].append(placed.order_id)

    def _withdraw(self, pool: list[int], bits: int, at: Nanos) -> None:
        """One order of a pool that still rests, the older the likelier."""
        cancel = self.engine.cancel
        share = (bits & _MASK) * ((bits >> _BITS) & _MASK)
        while pool:
            if cancel(pool.pop((share * len(pool)) >> (2 * _BITS)), at):
                return

    def _take(self, bits: int, at: Nanos) -> None:
        """A market order: twelve bits of size, twelve of side, twelve of what follows."""
        if ((bits >> _BITS) & _MASK) > self._orders.persistence * _COUNT:
            self._taker_buys = 1 - self._taker_buys
        buys = self._taker_buys
        engine, side, others = self.engine, _SIDES[buys ^ 1], _SIDES[buys]
        best = engine.best(others)
        if best is None:
            return
        worst = best + self._reach if buys else max(1, best - self._reach)
        engine.take(side, self._tables.takes[bits & _MASK], at, worst)
        if engine.best(others) != best and ((bits >> 24) & _MASK) < self._orders.refilled * _COUNT:
            self._renew(buys, at)

    def _follow(self, at: Nanos) -> None:
        """To the latent prices of the step that `at` falls into; quotes are renewed once they are far enough off."""
        step = (at - self._start_at) // self._step
        self._new_at = self._start_at + (step + 1) * self._step
        fair = self._fair(step)
        if abs(fair - self.fair) <= self._bound:
            return
        up = fair > self.fair
        self.fair = fair
        self._bid, self._ask = self._quotes()
        bits = self._bits(24)
        self._bound = self._tolerance * (0.5 + (bits & _MASK) / _COUNT)
        stale = 1 if up else 0
        gone = self._clear(stale, (bits >> _BITS) < self._orders.taken * _COUNT, at)
        self._renew(1 - stale, at)
        for _ in range(round(gone * self._orders.renewed)):
            self._come_along(stale, at)

    def _come_along(self, stale: int, at: Nanos) -> None:
        """One order anew on either side, so that the depth moves with the price; on the side that was left behind an
        old one goes for it.
        """
        bits = self._bits(62)
        band = _NEAR if (bits >> 48) & _MASK < self._come_near else _MIDDLE
        self._place(stale, band, bits, at)
        self._place(1 - stale, band, bits >> 24, at)
        self._withdraw(self._pools[band][1 - stale], bits >> 12, at)

    def _renew(self, side: int, at: Nanos) -> None:
        """One order at the venue's quote."""
        size = self._tables.sizes[_NEAR][self._bits(_BITS)]
        placed = self.engine.limit(_SIDES[side], self._ask if side else self._bid, size, at)
        if placed.resting:
            self._pools[_NEAR][side].append(placed.order_id)

    def _clear(self, side: int, taken: bool, at: Nanos) -> int:
        """Takes orders on `side` that the new quote has passed off the book: the first perhaps by a taker, the rest by
        their owners; those of nobody in the flow are taken. How many there were.
        """
        engine, book_side, taker, gone = self.engine, _SIDES[side], _SIDES[side ^ 1], 0
        while gone < _LONGEST_CLEARING:
            best = engine.best(book_side)
            if best is None or (best >= self._ask if side else best <= self._bid):
                break
            for order_id, lots in engine.queue(book_side, best):
                gone += 1
                if taken or engine.owner(order_id):
                    engine.take(taker, lots, at, best)
                    taken = False
                else:
                    engine.cancel(order_id, at)
        if gone >= _MANY:  # else the pools learn of them one by one, when they are drawn
            for pools in self._pools:
                pools[side][:] = [order_id for order_id in pools[side] if engine.resting(order_id)]
        return gone
