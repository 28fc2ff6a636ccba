"""A strategy that sends coins from venue to venue all the time, whatever that costs: for those who carry it out.

Enters: the view. Leaves: opportunities whose edge is a claim. Never: a real opinion of an edge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal as D
from itertools import permutations

from cryptopipe.market.view import View
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Kind, Side, VenueId, ceil_to, floor_to
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Forecast, Leg, Opportunity, Transit, Way

CLAIMED = D(30)
FORECAST = Forecast(
    minutes=D("0.3"), late=D("0.05"), abandon_minutes=D(1), sigma=D("0.0005"), kappa=D(0), edge=D("0.003"),
    expected=D("0.003"), bound=D("0.001"), low=D("-0.001"), high=D("0.007"), probability=D("0.9"), certainty=D(1),
)  # fmt: skip


@dataclass
class Carrier:
    """Sends `size` coins by each open route whose book changes; `go_on` None leaves the weighing to the rule."""

    asset: Asset
    quote: Asset
    size: D
    ways: Sequence[Way] = (Way.TRANSFER,)
    go_on: bool | None = True
    dearer: D = D("0.998")
    """Times the bid: at which it would sell."""
    free: list[D] = field(default_factory=list)
    """What it was told to have of the asset, each time it was asked."""
    asked: list[tuple[Transit, D]] = field(default_factory=list)
    seen: dict[tuple[VenueId, VenueId], list[TransferRoute]] = field(default_factory=dict)
    _markets: list[Instrument] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.go_on is not None:
            self.reconsider = self._reconsider

    def start(self, instruments: Sequence[Instrument]) -> None:
        wanted = (self.asset, self.quote, Kind.SPOT)
        self._markets = [one for one in instruments if (one.base, one.quote, one.kind) == wanted]

    def evaluate(self, view: View, changed: Instrument) -> Iterable[Opportunity]:
        for here, there in permutations(self._markets, 2):
            if changed.id == here.id:
                self.free.append(view.balance(here.venue, self.asset))
                for route in self.routes(view, here.venue, there.venue):
                    for way in self.ways:
                        yield from self._offered(view, here, there, route, way)

    def routes(self, view: View, source: VenueId, target: VenueId) -> Sequence[TransferRoute]:
        """By which it would send."""
        return view.routes(self.asset, source, target).open

    def _reconsider(self, view: View, transit: Transit, held: D) -> bool:
        self.asked.append((transit, held))
        return bool(self.go_on)

    def _offered(
        self, view: View, here: Instrument, there: Instrument, route: TransferRoute, way: Way
    ) -> Iterable[Opportunity]:
        tops, fees = (view.top(here), view.top(there)), (view.fees(here), view.fees(there))
        if not (tops[0] and tops[1] and fees[0] and fees[1] and tops[0].ask and tops[1].bid):
            return
        buy = _leg(here, Side.BUY, self.size, tops[0].ask, fees[0], D("1.002"))
        sell = _leg(there, Side.SELL, self.size, tops[1].bid, fees[1], self.dearer)
        with exact():
            bought = buy.quantity - (buy.fee.amount if buy.fee.asset == here.base else 0)
            notional = buy.quantity * buy.vwap
            value = notional * CLAIMED / 10_000
        amount = route.sendable(bought)
        transit = Transit(
            way, self.asset, here.venue, there.venue, route.chain, route.code, route.out.code, route.target_code,
            route.into.code, amount, route.fee(amount), route.arrives(amount), route.out.precision, FORECAST,
        )  # fmt: skip
        name, gain = f"{way.value} {here.id} {there.id} {route.chain}", {self.quote: value}
        yield Opportunity(
            name, (buy, sell), CLAIMED, CLAIMED, (), gain, value, self.quote, notional, (name,), transit=transit
        )  # fmt: skip


def _leg(one: Instrument, side: Side, size: D, price: D, fees: FeeSchedule, times: D) -> Leg:
    assert one.rules is not None
    quantity, tick = floor_to(one.rules.step, size), one.rules.tick
    with exact():
        limit = floor_to(tick, price * times) if side is Side.BUY else ceil_to(tick, price * times)
        in_coins = side is Side.BUY and fees.charged_in == "received"
        amount, asset = (quantity, one.base) if in_coins else (price * quantity, one.quote)
        fee = Fee(amount * fees.taker_rate, asset)
    return Leg(one, side, quantity, limit, price, fee)
