"""The kit of strategies: pure, with settings that refuse what they do not know, the same twice.

Enters: a strategy plugin. Leaves: numbered checks S1 to S3. Never: a judgement whether what it proposes pays.
"""

from collections.abc import Sequence
from decimal import Decimal
from json import dumps
from random import Random
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from cryptopipe.api import (
    Asset,
    Book,
    FeeSchedule,
    Instrument,
    Ladder,
    LevelFormat,
    Nanos,
    Opportunity,
    Proof,
    Quoter,
    QuoteSet,
    Routes,
    Side,
    Standing,
    StrategyPlugin,
    Top,
    TradingRules,
    VenueId,
)
from cryptopipe.testing.checks import Judged, numbered, require
from cryptopipe.testing.corpus import AT
from cryptopipe.testing.purity import forbidden_in, plugin_modules, trapped

_TURNS = 200
_SECOND: Nanos = 1_000_000_000


class StrategyConformance(Judged):
    """Subclass it as `Test…` with `strategy`; `settings` are values of its section beside the defaults."""

    strategy: ClassVar[StrategyPlugin]
    settings: ClassVar[dict[str, Any]] = {}

    @classmethod
    def of(cls) -> str:
        """The strategy's name."""
        return cls.strategy.name if hasattr(cls, "strategy") else ""

    @numbered("S1 purity")
    def test_s1_purity(self) -> None:
        """It imports only the author's window, and touches no socket, clock or chance while it looks."""
        modules = plugin_modules(self.strategy.make, self.strategy.settings)
        found = [what for path in modules for what in forbidden_in(path)]
        require(not found, f"{self.strategy.name} is not pure: {'; '.join(found)}")
        if self.strategy.load is not None:
            self.strategy.load()
        with trapped() as touched:
            self._proposed(seed=1)
            self._quoted(seed=1)
        require(not touched, f"{self.strategy.name} touches {touched} while it evaluates")
        self.tell(f"{len(modules)} modules")

    @numbered("S2 settings")
    def test_s2_settings(self) -> None:
        """The section has defaults and refuses a key that it does not know."""
        kind = self.strategy.settings
        require(issubclass(kind, BaseModel), f"{self.strategy.name}: settings {kind!r} are no pydantic BaseModel")
        kind(**self.settings)
        try:
            kind(**{**self.settings, "zz_no_such_key": 1})
        except ValidationError:
            self.tell(f"{len(kind.model_fields)} settings")
            return
        raise AssertionError(f"{self.strategy.name}: its settings take a key that they do not know: a misspelt one too")

    @numbered("S3 determinism")
    def test_s3_determinism(self) -> None:
        """Two of them over the same books propose the same, and what they propose are opportunities."""
        count = 0
        for seed in (1, 2, 3):
            for ask in (self._proposed, self._quoted):
                first, second = ask(seed), ask(seed)
                require(
                    first == second, f"{self.strategy.name}: over the same books it proposed {first}, then {second}"
                )
                count += len(first)
        self.tell(f"{3 * _TURNS} turns, {count} proposed")

    def _proposed(self, seed: int) -> list[Opportunity]:
        strategy = self.strategy.make(self.strategy.settings(**self.settings))
        market = ShownMarket(seed)
        strategy.start(market.instruments)
        found: list[Opportunity] = []
        for _ in range(_TURNS):
            for one in strategy.evaluate(market, market.step()):
                require(isinstance(one, Opportunity), f"{self.strategy.name} proposed {one!r}, no Opportunity")
                found.append(one)
        return found

    def _quoted(self, seed: int) -> list[QuoteSet]:
        """What a strategy that quotes wants, each set resting as a whole until the next one."""
        strategy = self.strategy.make(self.strategy.settings(**self.settings))
        if not isinstance(strategy, Quoter):
            return []
        market, own = ShownMarket(seed), _Resting()
        strategy.start(market.instruments)
        found: list[QuoteSet] = []
        for _ in range(_TURNS):
            for one in strategy.quotes(market, market.step(), own):
                require(isinstance(one, QuoteSet), f"{self.strategy.name} proposed {one!r}, no QuoteSet")
                own.sets[one.instrument.id] = one
                found.append(one)
        return found


class _Resting:
    """`OwnQuotes` of which none is ever filled."""

    def __init__(self) -> None:
        self.sets: dict[str, QuoteSet] = {}

    def standing(self, instrument: Instrument) -> Sequence[Standing]:
        """The last set of it."""
        last = self.sets.get(instrument.id)
        return [] if last is None else [Standing(side, one, one.quantity, "resting") for side, one in last.sides()]

    def inventory(self, instrument: Instrument) -> Decimal:
        """Nothing."""
        return Decimal(0)


class ShownMarket:
    """A `MarketView` of two venues with two markets each, whose books move by seeded chance and cross each other."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        rules = TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(1))
        self.instruments: Sequence[Instrument] = [
            Instrument(VenueId(venue), f"{base}-USDT", Asset(base), Asset("USDT"), rules=rules)
            for venue in ("alpha", "beta")
            for base in ("BTC", "ETH")
        ]
        self.now: Nanos = AT
        self.turn = 0
        self._books = {one.id: Book(LevelFormat()) for one in self.instruments}
        for one in self.instruments:
            self._load(one)

    def step(self) -> Instrument:
        """One book moves; whose it is."""
        self.turn += 1
        self.now += _SECOND // 10
        changed = self._random.choice(self.instruments)
        self._load(changed)
        return changed

    def _load(self, one: Instrument) -> None:
        middle = (10_000 if one.base == "BTC" else 500) + self._random.randrange(-30, 30)
        sizes = [f"{self._random.randrange(1, 9)}.500" for _ in range(3)]
        bids, asks = (
            dumps([[f"{middle + sign * n}.00", size] for n, size in enumerate(sizes, 1)]).encode() for sign in (-1, 1)
        )
        self._books[one.id].load(bids, asks, self.turn, self.now, self.now)

    def top(self, instrument: Instrument) -> Top | None:
        """As the view promises."""
        return self._books[instrument.id].top

    def ladder(self, instrument: Instrument, side: Side) -> Ladder:
        """As the view promises."""
        return list(self._books[instrument.id].ladder(side is Side.SELL))

    def proof(self, instrument: Instrument) -> Proof:
        """All are proven."""
        return Proof.SEQUENCE

    def age(self, instrument: Instrument) -> Nanos:
        """All are fresh."""
        return 0

    def fees(self, instrument: Instrument) -> FeeSchedule | None:
        """A basis point."""
        return FeeSchedule.flat("0.0001", "0.0001", "made up for the kit", "2026-11-21")

    def balance(self, venue: VenueId, asset: Asset) -> Decimal:
        """Enough of everything."""
        return Decimal(1_000_000)

    def column(self, instrument: Instrument, name: str, since: Nanos, until: Nanos) -> tuple[Any, int]:
        """As the view promises."""
        return self._books[instrument.id].window.column(name, since, until)

    def routes(self, asset: Asset, source: VenueId, target: VenueId) -> Routes:
        """None is open."""
        return Routes((), ())

    def lives(self, kind: str) -> Sequence[tuple[Nanos, bool]]:
        """More by the turn, every third one not followed to its end."""
        return [(_SECOND * (1 + n % 7), n % 3 > 0) for n in range(self.turn // 2)]

    def alive_since(self, edge: str) -> Nanos | None:
        """For a second."""
        return self.now - _SECOND

    def plans(self, kind: str) -> tuple[int, int]:
        """Nine of ten were filled, ever more of them."""
        return self.turn - self.turn // 10, self.turn

    def latency(self, venue: VenueId) -> Nanos | None:
        """Of one of the two nothing is known."""
        return _SECOND // 10 if venue == "alpha" else None

    def transfers(self, source: VenueId, chain: str, target: VenueId) -> Sequence[tuple[float, bool]]:
        """One arrived, one has not."""
        return [(10.0, True), (4.0, False)]
