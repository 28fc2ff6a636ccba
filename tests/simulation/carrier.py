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
        tops, fees = [view.top(one) for one in (here, there)], [view.fees(one) for one in (here, there)]
        if None in tops or None in fees:
            return
        ask, bid = tops[0].ask, tops[1].bid
        buy = _leg(here, Side.BUY, self.size, ask, fees[0])
        sell = _leg(there, Side.SELL, self.size, bid, fees[1])
        with exact():
            notional, bought = buy.quantity * ask, buy.quantity - (buy.fee.amount if buy.fee.asset == here.base else 0)
            value = notional * CLAIMED / 10_000
        amount = route.sendable(bought)
        transit = Transit(
            way, self.asset, here.venue, there.venue, route.chain, route.code, route.out.code, route.target_code,
            route.into.code, amount, route.fee(amount), route.arrives(amount), route.out.precision, FORECAST,
        )  # fmt: skip
        name = f"{way.value} {here.id} {there.id} {route.chain}"
        yield Opportunity(
            name,
            (buy, sell),
            CLAIMED,
            CLAIMED,
            (),
            {self.quote: value},
            value,
            self.quote,
            notional,
            (name,),
            (),
            transit,
        )


def _leg(one: Instrument, side: Side, size: D, price: D, fees: FeeSchedule) -> Leg:
    assert one.rules is not None
    quantity = floor_to(one.rules.step, size)
    with exact():
        limit = (
            floor_to(one.rules.tick, price * D("1.002"))
            if side is Side.BUY
            else ceil_to(one.rules.tick, price * D("0.998"))
        )
        in_coins = side is Side.BUY and fees.charged_in == "received"
        fee = (
            Fee(quantity * fees.taker_rate, one.base)
            if in_coins
            else Fee(price * quantity * fees.taker_rate, one.quote)
        )
    return Leg(one, side, quantity, limit, price, fee)
