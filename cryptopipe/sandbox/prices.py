"""The latent prices: one efficient price an asset, and what each venue makes of it.

Enters: parameters, a seeded stream of random numbers for each series. Leaves: log prices in USD on a grid of steps,
drawn once and in order. Never: a value that depends on how often or in which slices it is asked for.
"""

from math import exp, log, sqrt
from random import Random

from cryptopipe.sandbox.parameters import Dislocation, Jump, Parameters, Price, VenueProfile

YEAR_S = 365 * 24 * 3600
BP = 1e-4
_KEPT = 512
"""Steps that a trimmed series still has: more than the longest lag that the parameters allow."""


class Series:
    """Log prices by step from `first` on; `values[k - first]` is that of step k."""

    def __init__(self) -> None:
        self.first = 0
        self.values: list[float] = []

    def extend(self, step: int) -> None:
        """Draws all steps up to and including this one."""
        if len(self.values) > 4 * _KEPT:
            gone = len(self.values) - _KEPT
            del self.values[:gone]
            self.first += gone
        for k in range(self.first + len(self.values), step + 1):
            self.values.append(self._next(k))

    def _next(self, step: int) -> float:
        raise NotImplementedError


class Reversion:
    """A mean-reverting number (Ornstein-Uhlenbeck), stationary from its first value on."""

    def __init__(self, deviation: float, half_life_s: float, step_s: float, random: Random) -> None:
        self._keep = exp(-log(2) * step_s / half_life_s)
        self._shock = deviation * sqrt(1 - self._keep**2)
        self._random = random
        self._value = random.gauss(0, deviation)

    def next(self) -> float:
        """The value one step later."""
        self._value = self._keep * self._value + self._shock * self._random.gauss(0, 1)
        return self._value


class Efficient(Series):
    """One asset's efficient log price: a diffusion with rare jumps, or a peg with a deviation that reverts."""

    def __init__(self, price: Price, jump: Jump, step_s: float, random: Random) -> None:
        super().__init__()
        self._level = log(price.usd)
        self._random = random
        self._peg = (
            Reversion(price.deviation_bp * BP, price.half_life_s, step_s, random) if price.half_life_s > 0 else None
        )
        self._shock = price.volatility * sqrt(step_s / YEAR_S)
        self._jump = jump
        self._jump_chance = jump.per_hour * step_s / 3600 if price.volatility > 0 else 0.0

    def _next(self, step: int) -> float:
        if self._peg is not None:
            return self._level + self._peg.next()
        if step and self._shock:
            self._level += self._shock * self._random.gauss(0, 1)
            if self._random.random() < self._jump_chance:
                size = self._random.uniform(self._jump.least_bp, self._jump.most_bp)
                self._level += self._random.choice((-BP, BP)) * size
        return self._level


class Dislocations:
    """One venue's short departures from an asset's efficient price: they grow for a moment, last for
    another and decay in seconds.
    """

    def __init__(self, parameters: Dislocation, step_s: float, random: Random) -> None:
        self._parameters = parameters
        self._step_s = step_s
        self._random = random
        self._starts_at = self._gap()
        self._active: list[tuple[float, float, float, float, float]] = []
        # begin, rise, hold, half-life (seconds), size (log)

    def _gap(self) -> float:
        return self._random.expovariate(1 / self._parameters.every_s)

    def _begin(self) -> None:
        told, random = self._parameters, self._random
        size = random.lognormvariate(log(told.median_bp), told.spread)
        size = min(max(size, told.least_bp), told.most_bp) * random.choice((-BP, BP))
        rise = random.uniform(told.rise_least_s, told.rise_most_s)
        hold = random.uniform(told.hold_least_s, told.hold_most_s)
        half_life = random.uniform(told.half_life_least_s, told.half_life_most_s)
        self._active.append((self._starts_at, rise, hold, half_life, size))
        self._starts_at += self._gap()

    def at_step(self, step: int) -> float:
        """The departure (of the log price) in this step; steps are asked for in order."""
        now = step * self._step_s
        while self._starts_at <= now:
            self._begin()
        if not self._active:
            return 0.0
        total, lasting = 0.0, []
        for one in self._active:
            begin, rise, hold, half_life, size = one
            age = now - begin
            value = size * age / rise if age < rise else size * 0.5 ** (max(0.0, age - rise - hold) / half_life)
            total += value
            if age < rise + hold or abs(value) > 0.1 * BP:
                lasting.append(one)
        self._active = lasting
        most = self._parameters.most_bp * BP
        return min(max(total, -most), most)


class Local(Series):
    """What one venue makes of an asset's efficient price: late, with noise, dislocations and a lasting premium.

    Of a `pegged` asset all venues think alike, each in its time.
    """

    def __init__(
        self, efficient: Efficient, profile: VenueProfile, parameters: Parameters, pegged: bool, random: Random
    ) -> None:
        super().__init__()
        step_s = parameters.step_ms / 1000
        self._efficient = efficient
        self._lag = round(profile.lag_ms / parameters.step_ms)
        noise_bp = 0 if pegged else profile.noise_bp
        self._noise = Reversion(noise_bp * BP, profile.noise_half_life_s, step_s, random)
        lasting = parameters.lasting_premium
        self._premium = (
            Reversion(lasting.size_bp * BP, lasting.half_life_s, step_s, random)
            if parameters.premium == "lasting" and not pegged
            else None
        )
        self._dislocations = (
            Dislocations(parameters.dislocation, step_s, random)
            if parameters.dislocations == "on" and not pegged
            else None
        )

    def _next(self, step: int) -> float:
        efficient = self._efficient
        value = efficient.values[max(0, step - self._lag) - efficient.first] + self._noise.next()
        if self._dislocations is not None:
            value += self._dislocations.at_step(step)
        if self._premium is not None:
            value += self._premium.next()
        return value
