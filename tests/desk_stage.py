"""A venue with two customers for tests of desks: two spot markets, a perpetual, and a flow that a test directs.

Enters: what customers and the flow do, one after another. Leaves: the desk, its engines, and the sums that tests judge.
Never: a number that the desk computed where a test can add it up itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.accounts import SimulatedAccount
from cryptopipe.model.contracts import API_VERSION, ExchangePlugin
from cryptopipe.model.desk import DeskOrder
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingRules, VenueId
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.parameters import Parameters

D = Decimal
START: Nanos = 1_790_000_000 * SECOND
VENUE = VenueId("bitfoo")
BTC, ETH, USDT = Asset("BTC"), Asset("ETH"), Asset("USDT")
SPOT = Instrument(VENUE, "BTCUSDT", BTC, USDT, rules=TradingRules(D("0.5"), D("0.001"), D("0.002"), D(5)))
CROSS = Instrument(VENUE, "ETHBTC", ETH, BTC, rules=TradingRules(D("0.00001"), D("0.01"), D("0.01"), D("0.0001")))
LINEAR = Instrument(
    VENUE, "BTCUSDT.P", BTC, USDT, Kind.LINEAR_PERPETUAL, TradingRules(D("0.5"), D("0.001"), D("0.001"), D(5))
)
MIDDLES = {"BTCUSDT": 120_000, "ETHBTC": 4_000, "BTCUSDT.P": 120_000}
PARAMETERS = Parameters.load()


class Clock:
    """A timeline without a flow of its own: the test gives its orders."""

    def __init__(self) -> None:
        self.now: Nanos = START
        self._agenda: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._count = 0

    def advance(self, until: Nanos) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            due, _, work = heappop(self._agenda)
            self.now = max(due, self.now)
            work()
        self.now = until

    def schedule(self, due: Nanos, work: Callable[[], None]) -> None:
        assert due >= self.now
        self._count += 1
        heappush(self._agenda, (due, self._count, work))


@dataclass(frozen=True)
class Stage:
    """The desk with its engines, whose books begin with 20 orders of the flow on each side."""

    desk: Desk
    clock: Clock
    engines: dict[str, Engine]

    @classmethod
    def of(cls, maker: str = "0.001", taker: str = "0.002", charged_in: str = "quote", **profile: object) -> "Stage":
        import msgspec

        accounts = {"default": msgspec.structs.replace(PARAMETERS.account("bitfoo"), **profile)}
        parameters = msgspec.structs.replace(PARAMETERS, accounts=accounts)
        fees = FeeSchedule.flat(maker, taker, "a test", "2026-11-21", charged_in)
        plugin = ExchangePlugin(VENUE, API_VERSION, "", _none, _none, fees)  # type: ignore[arg-type]
        clock = Clock()
        engines = {one.symbol: Engine(one) for one in (SPOT, CROSS, LINEAR)}
        for symbol, engine in engines.items():
            for distance in range(1, 21):
                engine.limit(Side.BUY, MIDDLES[symbol] - distance, 10 * distance, START)
                engine.limit(Side.SELL, MIDDLES[symbol] + distance, 10 * distance, START)
        return cls(Desk(plugin, engines, clock, parameters), clock, engines)

    def account(self, number: int = 1) -> SimulatedAccount:
        return self.desk.accounts[number]

    def step(self, span: Nanos = MILLISECOND) -> Nanos:
        self.desk.turn(self.clock.now + span)
        return self.clock.now

    def assets(self) -> Iterator[Asset]:
        yield from {asset for one in self.desk.accounts.values() for asset in one.balances()}

    def held(self, asset: Asset) -> Decimal:
        """By both customers, in all wallets."""
        balances = (
            account.balances(wallet)[asset]
            for account in self.desk.accounts.values()
            for wallet in ("trading", "funding")
            if asset in account.balances(wallet)
        )
        return sum((one.free + one.locked for one in balances), D(0))


def _none() -> None:
    raise NotImplementedError


def rounded_down(amount: Fraction) -> Decimal:
    """To eight decimal places."""
    return Decimal(amount * 10**8 // 1) / 10**8


def left_of(order: DeskOrder) -> Decimal:
    """What rests of an order by size."""
    assert order.order.size is not None
    return order.order.size - order.filled
