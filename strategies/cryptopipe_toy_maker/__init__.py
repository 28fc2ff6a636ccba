"""A third strategy, in one file: quotes around the mid, and leans against what it has bought or sold.

Enters: the view after a change, and what became of its own quotes. Leaves: a set of quotes for each book. Never:
advice: it knows nothing of where a price goes, and docs/toy-maker.md says how such a maker loses.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from cryptopipe.api import (
    API_VERSION,
    QUOTES,
    Instrument,
    Kind,
    MarketView,
    Opportunity,
    OwnQuotes,
    Quote,
    QuoteSet,
    Side,
    StrategyPlugin,
    Top,
    TradingRules,
    ceil_to,
    exact,
    floor_to,
    ratio,
)

_ZERO, _BPS = Decimal(0), Decimal(10_000)


class ToyMakerSettings(BaseModel):
    """The section `toy_maker`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: dict[str, Decimal] = Field(
        {"USDT": Decimal(500)}, description="of one quote, by the asset it is in; other books are left alone"
    )
    spread_bps: Decimal = Field(Decimal(10), gt=0, description="between the inner bid and ask, in bp of the mid")
    levels: int = Field(2, ge=1, le=20, description="quotes on each side")
    level_bps: Decimal = Field(Decimal(5), gt=0, description="between one level and the next, in bp of the mid")
    max_inventory: Decimal = Field(
        Decimal(4), gt=0, description="of one book, bought or sold, in sizes; beyond it only the other side is quoted"
    )
    skew_bps: Decimal = Field(Decimal(5), ge=0, description="that all quotes move against a full inventory, in bp")
    refresh_bps: Decimal = Field(Decimal(2), ge=0, description="quotes stay while the middle moves less than this")


class ToyMaker:
    """The plugin's `Strategy` and `Quoter`."""

    def __init__(self, settings: ToyMakerSettings) -> None:
        self._settings = settings
        self._quoted: dict[str, Instrument] = {}
        self._middles: dict[str, tuple[Decimal, Decimal]] = {}
        """By instrument, what its quotes were put around, and the inventory then."""

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Spot markets with known rules whose quote asset has a size."""
        sizes = self._settings.size
        wanted = [one for one in instruments if one.kind is Kind.SPOT and one.rules and one.quote in sizes]
        self._quoted = {one.id: one for one in wanted}

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        """It takes nothing."""
        return ()

    def quotes(self, view: MarketView, changed: Instrument, own: OwnQuotes) -> Iterable[QuoteSet]:
        """New quotes where the middle has moved by the threshold, a fill has changed the inventory, or none is left."""
        one, top = self._quoted.get(changed.id), view.top(changed)
        if one is None or one.rules is None:
            return
        if top is None or top.bid is None or top.ask is None:
            self._middles.pop(one.id, None)
            yield QuoteSet(one)  # nothing rests on a book that cannot be read
            return
        inventory = own.inventory(one)
        with exact():
            mid = (top.bid + top.ask) / 2
        full = ratio(inventory * mid, self._settings.size[one.quote] * self._settings.max_inventory)
        with exact():
            middle = mid * (1 - self._settings.skew_bps * max(Decimal(-1), min(Decimal(1), full)) / _BPS)
            before, held = self._middles.get(one.id, (_ZERO, _ZERO))
            near = abs(middle - before) * _BPS < self._settings.refresh_bps * middle
        if near and held == inventory and own.standing(one):
            return
        self._middles[one.id] = middle, inventory
        sides = {side: tuple(self._side(side, one, one.rules, middle, top, full)) for side in Side}
        yield QuoteSet(one, bids=sides[Side.BUY], asks=sides[Side.SELL])

    def _side(
        self, side: Side, one: Instrument, rules: TradingRules, middle: Decimal, top: Top, full: Decimal
    ) -> Iterable[Quote]:
        """From the inside out; a price that would trade at once becomes the nearest that does not."""
        settings, sign = self._settings, -1 if side is Side.BUY else 1
        if sign * full <= -1:
            return
        quantity = floor_to(rules.step, ratio(settings.size[one.quote], middle))
        for level in range(settings.levels):
            with exact():
                price = middle * (1 + sign * (settings.spread_bps / 2 + level * settings.level_bps) / _BPS)
                if side is Side.BUY and top.ask is not None:
                    price = min(floor_to(rules.tick, price), top.ask - rules.tick)
                elif top.bid is not None:
                    price = max(ceil_to(rules.tick, price), top.bid + rules.tick)
            if price > 0 and quantity >= rules.min_size and price * quantity >= rules.min_notional:
                yield Quote(price, quantity, f"{side.value}{level}")


strategy = StrategyPlugin(
    name="toy_maker",
    api_version=API_VERSION,
    docs="quotes around the mid on paper, leaning against its inventory: an example of a maker in one file",
    settings=ToyMakerSettings,
    make=ToyMaker,
    capabilities=frozenset({QUOTES}),
)
