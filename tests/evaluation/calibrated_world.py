"""Two or three venues of the simulated world, seed by seed: an edge of one moment, and what became of the coins.

Enters: a seed and what the world is like. Leaves: at most one edge a seed, with what a window would show of it, the
truth behind it, the time that the sandbox's custody took and the return that came true. Never: a price or a wait from
the code under test, or an edge that was chosen by what came after it.

Prices are the sandbox's own latent ones (`Efficient`, `Local` with `premium: lasting`), quoted at a fixed half spread;
times are those of one withdrawal by the sandbox's own `Custody` over its own `Chain`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import permutations
from math import expm1, inf, log, sqrt
from random import Random

import numpy as np
from evaluation.sandbox_law import known_law
from msgspec.structs import replace
from numpy.typing import NDArray
from simulation.transfers_bench import EAST, HOUR, PARAMETERS, START, USDT, WEST, Days, currency, network

from cryptopipe.clock import SECOND
from cryptopipe.evaluate.arrival import Drift
from cryptopipe.evaluate.ticks import Column
from cryptopipe.evaluate.transfer_law import POINTS, Arrivals, Law
from cryptopipe.evaluate.transfer_time import TransferTime
from cryptopipe.model.desk import DeskTransfer, TransferStatus
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.parameters import Jump, Parameters, Reverting
from cryptopipe.sandbox.prices import BP, YEAR_S, Efficient, Local
from cryptopipe.sandbox.transfers import Custody

Floats = NDArray[np.float64]

NO_JUMP = Jump(per_hour=0.0, least_bp=0.0, most_bp=0.0)
PLACES = 6
"""Of the prices that a window shows."""
_SLICE = 400
"""Steps that are drawn at a time: fewer than a series keeps."""


@dataclass(frozen=True)
class Slower:
    """A law of the time whose every wait is so many times as long."""

    law: Law
    times: float

    @property
    def mean(self) -> float:
        return self.law.mean * self.times

    @property
    def variance(self) -> float:
        return self.law.variance * self.times**2

    def log_mgf(self, s: float) -> float:
        return self.law.log_mgf(s * self.times)

    def survival(self, at: float) -> float:
        return self.law.survival(at / self.times)

    def quantile(self, share: float) -> float:
        return self.law.quantile(share) * self.times

    def truncated(self, at: float = inf, points: int = POINTS) -> Arrivals:
        one = self.law.truncated(at / self.times, points)
        return Arrivals(
            one.times * self.times, one.weights, one.stuck, one.mean * self.times, one.variance * self.times**2
        )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Lengths in minutes but for steps, which are of one second. `before` is the window that estimates have; edges are
    looked for during `during` after it. `spread` is half of it, `fee` that of one trade, both as fractions. `halves`:
    the premium's half-life in seconds, one for each world that seeds are dealt to in turn. `steady`: the first so many
    venues have no premium.
    """

    venues: int = 2
    volatility: float = 1.0
    premium_bp: float = 20.0
    halves: tuple[float, ...] = (120.0,)
    noise_bp: float = 0.0
    spread: float = 1e-4
    fee: float = 5e-4
    jump: Jump = NO_JUMP
    chain: str = "solana"
    before: int = 0
    steady: int = 0
    during: int = 15

    @property
    def cost(self) -> float:
        """Of both trades and both half spreads, as a log return."""
        return 2 * (-log(1 - self.fee) - log(1 - self.spread))

    @property
    def law(self) -> TransferTime:
        """Of the time, as the sandbox's parameters state it."""
        default = PARAMETERS.processing["default"]
        return known_law(self.chain, PARAMETERS.chains[self.chain], default, default)

    def half_life_s(self, seed: int) -> float:
        return self.halves[seed % len(self.halves)]

    def kappa(self, seed: int) -> float:
        """Per minute."""
        return log(2) * 60 / self.half_life_s(seed)

    def sigma(self, seed: int) -> float:
        """Of the selling bid per root minute, over the time that half of the transfers take: what the asset moves, and
        what the premium adds to it beyond what it gives back.
        """
        minutes = self.law.quantile(0.5)
        moved = self.volatility**2 / YEAR_S * 60
        return sqrt(moved + (self.premium_bp * BP) ** 2 * -expm1(-2 * self.kappa(seed) * minutes) / minutes)

    def drift(self, seed: int) -> Drift:
        """The truth, as the model takes it."""
        return Drift(self.sigma(seed), self.kappa(seed))

    def parameters(self, seed: int) -> Parameters:
        quiet = replace(PARAMETERS.venue("default"), lag_ms=0, noise_bp=self.noise_bp)
        return replace(
            PARAMETERS, dislocations="off", premium="lasting", step_ms=1000, venues={"default": quiet},
            lasting_premium=Reverting(self.premium_bp, self.half_life_s(seed)), jump=self.jump,
        )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """An edge after all costs, as a log return. `premium` is the selling venue's own, which closes; `gap` what the two
    venues' prices differ by, of which on average half is. `minutes` is the time that the coins took, `realised` the log
    return when they came, `jumped` whether the asset's price jumped meanwhile. `uniform` is for a PIT within an atom.
    """

    seed: int
    edge: float
    gap: float
    premium: float
    minutes: float
    realised: float
    jumped: bool
    uniform: float
    bid: Column = field(repr=False)
    ask: Column = field(repr=False)
    now: int = 0


class Prices:
    """The latent prices of one seed, drawn as far as they are asked for."""

    def __init__(self, world: World, seed: int) -> None:
        parameters = world.parameters(seed)
        price = replace(PARAMETERS.price("BTC"), usd=100.0, volatility=world.volatility)
        self._efficient = Efficient(price, parameters.jump, 1.0, Random(f"{seed} price"))
        without = replace(parameters, premium="none")
        self._local = [
            Local(
                self._efficient, parameters.venue("default"), without if one < world.steady else parameters, False,
                Random(f"{seed} venue {one}"),
            )
            for one in range(world.venues)
        ]  # fmt: skip
        self._rows: list[list[float]] = [[] for _ in range(world.venues + 1)]

    def until(self, step: int) -> Floats:
        """Log prices, one row for each venue and the efficient one last, of all steps up to this one."""
        while len(self._rows[0]) <= step:
            count = len(self._rows[0])
            for series, row in zip((self._efficient, *self._local), (self._rows[-1], *self._rows), strict=False):
                series.extend(count + _SLICE - 1)
                row.extend(series.values[-_SLICE:])
        return np.array(self._rows)


def taken(world: World, seed: int, at_s: int) -> float:
    """Minutes from the request to the credit of one withdrawal, `at_s` seconds after a moment of the seed."""
    days, default = Days(), PARAMETERS.processing["default"]
    listed = {venue: [currency(venue, USDT, network("NET", world.chain))] for venue in (EAST, WEST)}
    custody = Custody(PARAMETERS.chains, {"default": default}, seed, days, listed, lambda asset: Decimal(1))
    credited: list[int] = []

    def tell(one: DeskTransfer | None) -> None:
        if one is not None and one.deposit and one.status is TransferStatus.DONE:
            credited.append(days.now)

    purse = {venue: Wallets(Tally()) for venue in (EAST, WEST)}
    purse[EAST].credit(USDT, Decimal(1000), "opening")
    office = {venue: custody.open(venue, 1, purse[venue], tell) for venue in (EAST, WEST)}
    net = {venue: custody.wallets(venue).network(USDT, "NET") for venue in (EAST, WEST)}
    to = office[WEST].deposit_address(USDT, net[WEST])
    begun = START + Random(f"{seed} begins").randrange(24 * HOUR) + at_s * SECOND
    days.advance(begun)
    office[EAST].withdraw(USDT, net[EAST], to.address, to.memo, Decimal(100))
    days.advance(begun + 10_000 * HOUR)
    assert len(credited) == 1
    return (credited[0] - begun) / (60 * SECOND)


def drawn(world: World, seed: int) -> Drawn | None:
    """The edge at a moment drawn evenly; where none pays its trades then, at the first minute after it that has one.

    So every moment's edges are as likely as others', and none because of what came after it: a draw from a list of all
    edges of the window would prefer those that soon were gone, since their windows list few.
    """
    random, prices = Random(f"{seed} draw"), Prices(world, seed)
    first = 60 * world.before
    for step in range(first + random.randrange(60 * world.during), first + 60 * world.during, 60):
        rows = prices.until(step)
        now = rows[:-1, step]
        pays = [(a, b) for a, b in permutations(range(world.venues), 2) if now[b] - now[a] > world.cost]
        if pays:
            return _came(world, seed, prices, step, random.choice(pays), random.random())
    return None


def _came(world: World, seed: int, prices: Prices, step: int, pair: tuple[int, int], uniform: float) -> Drawn:
    minutes = taken(world, seed, step)
    a, b = pair
    arrival = step + int(60 * min(minutes, 60 * 24))
    rows = prices.until(arrival)
    gap = (rows[b, step] - rows[a, step]).item()
    moved = (rows[b, arrival] - rows[b, step]).item()
    least = world.jump.least_bp * BP / 2
    jumped = bool(world.jump.per_hour and (np.abs(np.diff(rows[-1, step : arrival + 1])) > least).any())
    since = step + 1 - 60 * world.before
    times = (np.arange(since, step + 1) + START // SECOND) * SECOND
    bid, ask = (
        Column(times, np.rint(np.exp(rows[venue, since : step + 1]) * (1 + sign * world.spread) * 10**PLACES), PLACES)
        for venue, sign in ((b, -1), (a, 1))
    )  # fmt: skip
    premium = (rows[b, step] - rows[-1, step]).item()
    edge = gap - world.cost
    return Drawn(
        seed, edge, gap, premium, minutes, edge + moved, jumped, uniform, bid, ask, (step + START // SECOND) * SECOND
    )  # fmt: skip


@cache
def many(world: World, seeds: int, first: int = 0) -> tuple[Drawn, ...]:
    """Of so many seeds from `first` on, in order; seeds without an edge give none. Drawn once."""
    found = (drawn(world, seed) for seed in range(first, first + seeds))
    return tuple(one for one in found if one is not None)
