"""What is proposed, decided and done.

Enters: a strategy's findings. Leaves: opportunities, decisions with every reason, orders and fills. Never: a verdict
without the limit and the measured value it rests on.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, VenueId
from cryptopipe.model.money import exact


class Leg(msgspec.Struct, frozen=True):
    """One order of an opportunity: an IOC limit at the worst price its size needs.

    `quantity` in base, a multiple of the step, zero where no size is worth it; `vwap` the average price over the
    ladder at that size; `fee` what the venue takes.
    """

    instrument: Instrument
    side: Side
    quantity: Decimal
    limit: Decimal
    vwap: Decimal
    fee: Fee


class Cost(msgspec.Struct, frozen=True, gc=False):
    """One line between gross and net, in basis points of the notional."""

    name: str
    bps: Decimal


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One check of the gate: its name, whether it passed, its limit and what was measured, as text with unit."""

    check: str
    passed: bool
    limit: str
    measured: str


class Way(Enum):
    """How value gets from where it is cheap to where it is dear."""

    TRANSFER = "transfer"
    """Buy, send, sell on arrival: the price may move while coins travel."""
    HEDGED = "hedged"
    """The same, with a perpetual sold while coins travel and bought back on arrival. Judged, not carried out."""
    STOCK = "stock"
    """Buy here and sell from stock there at once; then send what restores the stock."""


class Forecast(msgspec.Struct, frozen=True):
    """What was expected of coins that travel, when the opportunity was proposed. Ratios to 12 significant digits.

    `minutes` is the mean time of the transfer, `late` the probability that it takes longer than `abandon_minutes`.
    `sigma` is the volatility of the selling bid per root minute, `kappa` the closing of the edge per minute. Of the
    log return of the whole trade after every cost: `edge` at present prices, `expected` on arrival, `bound` the least
    edge that pays for its risk, `low` and `high` the central 90 %. `probability` is that of a profit, `certainty` the
    certain amount in the numeraire of the opportunity that is worth as much.
    """

    minutes: Decimal
    late: Decimal
    abandon_minutes: Decimal
    sigma: Decimal
    kappa: Decimal
    edge: Decimal
    expected: Decimal
    bound: Decimal
    low: Decimal
    high: Decimal
    probability: Decimal
    certainty: Decimal


class Transit(msgspec.Struct, frozen=True):
    """The way of an opportunity's coins from `source` to `target`, in the words of either venue.

    `amount` leaves the account at `source`, the network's fee included; `arrives` is credited at `target`. Withdrawals
    have at most `precision` decimal places (None: any). The legs are (buy, sell).
    """

    way: Way
    asset: Asset
    source: VenueId
    target: VenueId
    chain: str
    code: str
    network: str
    target_code: str
    target_network: str
    amount: Decimal
    fee: Decimal
    arrives: Decimal
    precision: int | None
    forecast: Forecast


class Opportunity(msgspec.Struct, frozen=True):
    """An edge whose gross value is above zero, priced against the depth.

    `edge` is its identity over time (`two_venue alpha:BTCUSDT beta:BTCUSDT`); an episode is one edge from its
    opening to its closing. `gross_bps` is at the best prices; `net_bps` after `costs`, at the proposed size, or at
    the best prices where no size is worth it. `profit` is the expected change per asset at the proposed size; `value`
    the same in `numeraire`, dust at zero. `group` names what it shares with others: of one group, one may be taken.
    `obstacles` are the strategy's own checks (of kinds, rules, fees, routes), passed or not. `transit` is
    there where coins travel between two legs: then `profit` is at present prices, `value` what is certain or worth as
    much as what is certain, and the forecast says what may be on arrival.
    """

    edge: str
    legs: tuple[Leg, ...]
    gross_bps: Decimal
    net_bps: Decimal
    costs: tuple[Cost, ...]
    profit: dict[Asset, Decimal]
    value: Decimal
    numeraire: Asset
    notional: Decimal
    group: tuple[str, ...]
    obstacles: tuple[Reason, ...] = ()
    transit: Transit | None = None

    @property
    def forbidden_by(self) -> tuple[Reason, ...]:
        """The strategy's own checks that it did not pass."""
        return tuple(reason for reason in self.obstacles if not reason.passed)


class Decision(msgspec.Struct, frozen=True):
    """The gate's answer: accepted or not, with every check."""

    decision_id: int
    opportunity: Opportunity
    accepted: bool
    reasons: tuple[Reason, ...]
    at: Nanos


class Order(msgspec.Struct, frozen=True):
    """An intent to trade one leg, durable before it is sent."""

    client_id: str
    decision_id: int
    instrument: Instrument
    side: Side
    quantity: Decimal
    limit: Decimal


class Fill(msgspec.Struct, frozen=True):
    """One execution of an order: quantity in base, price in quote, the fee as an amount.

    `rounding` is what the venue moved of the quote beyond price times quantity: venues keep so many decimal places.
    """

    client_id: str
    instrument: Instrument
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Fee
    at: Nanos
    rounding: Decimal = Decimal(0)

    @property
    def spent(self) -> Decimal:
        """Quote moved, exactly."""
        with exact():
            return self.price * self.quantity + self.rounding
