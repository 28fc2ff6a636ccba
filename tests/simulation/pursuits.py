"""Orders that are pursued by signed requests on the virtual clock, at the sample venues or at an installed one.

Enters: venues, faults, a seed. Leaves: how each order ended for us, and what its venue has of it. Never: an order of
which both do not know the same, if the code under test is right.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal as D
from functools import cache
from random import Random

import msgspec
from simulation.arena import START, plain
from simulation.bitfoo_actions import BitFooActions
from simulation.street import VENUES, Street

from cryptopipe import registry
from cryptopipe.act.venues import Answered, VenueExecution
from cryptopipe.capture.inputs import ACTION, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.signatory import Signatory, trading_credentials
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.market.feeds import Feeds
from cryptopipe.market.market import Market
from cryptopipe.model.actions import ActionCodec
from cryptopipe.model.desk import DeskFill
from cryptopipe.model.facts import Instrument, Kind, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.simulated import SANDBOX_TRADER
from cryptopipe.model.stream import Credentials
from cryptopipe.model.trading import Fill, Order
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

SETTLED = 400 * SECOND
"""So long after the last order it is known at the latest how each of them ended."""


class Pursuits:
    """A run of nothing but orders."""

    def __init__(
        self,
        world: World,
        houses: Mapping[VenueId, House],
        codecs: Mapping[VenueId, ActionCodec],
        keys: Mapping[VenueId, Credentials],
    ) -> None:
        self.world = world
        self.ended: dict[str, tuple[Sequence[Fill], str]] = {}
        self.halted: list[str] = []
        self.answers: list[Answered] = []
        self.execution = VenueExecution(codecs, self._ended, self.halted.append, self.answers.append)
        signatory = Signatory(self.execution.take_instructions, self.execution.next_due, codecs, keys)
        feeds = Feeds(Market({}), {}, {}, lambda: 0.5, START)
        self._simulation = Simulation(
            world, houses, feeds, self._take, self._turn_ended, START, signatory=signatory
        )  # fmt: skip

    def _take(self, entry: Input) -> None:
        if entry.request.startswith(ACTION):
            self.execution.answered(entry)

    def _turn_ended(self, at: Nanos) -> None:
        while self.execution.next_due() <= at:
            self.execution.wake(at)

    def _ended(self, order: Order, fills: Sequence[Fill], obstacle: str, at: Nanos) -> None:
        assert order.client_id not in self.ended, f"order {order.client_id} ended twice"
        self.ended[order.client_id] = (fills, obstacle)

    def order(self, client_id: str, instrument: Instrument, at: Nanos, random: Random) -> None:
        """An immediate order that takes what is there, or crosses nothing, is sent at a time since the start."""
        assert instrument.rules is not None
        grid, engine = instrument.rules, self.world.books[instrument.venue][instrument.symbol]
        side, best = random.choice((Side.BUY, Side.SELL)), engine.best(Side.SELL)
        assert best is not None
        limit, price = random.choice((best * 3 // 4, best, best * 5 // 4)), best * grid.tick
        with exact():
            dollars = D(random.randrange(50, 500))
            size = max(grid.step, dollars // (price * grid.step) * grid.step)
            one = Order(client_id, 1, instrument, side, size, limit * grid.tick)
        self.execution.wake_at(START + at, lambda now: self.execution.send([one], now))

    def run(self, until: Nanos) -> None:
        """To a time since the start."""
        self._simulation.run(START + until)

    def filled(self, client_id: str) -> list[DeskFill]:
        """What the venues have of an order."""
        desks = self.world.desks.values()
        return [fill for desk in desks for fill in desk.accounts[1].fills() if fill.client_id == client_id]

    def placed(self) -> list[str]:
        """The client ids of all orders that the venues have."""
        desks = self.world.desks.values()
        return [order.order.client_id for desk in desks for order in desk.accounts[1].orders()]


def at_samples(*faults: Fault, seed: int = 1) -> Pursuits:
    """At `foo` and `bar`."""
    street = Street(seed, faults, ack_spread=0)
    codecs = {venue: BitFooActions(venue) for venue in VENUES}
    return Pursuits(street.world, street.houses, codecs, dict.fromkeys(VENUES, SANDBOX_TRADER))


def at_installed(name: str, *faults: Fault, seed: int = 1) -> Pursuits:
    """At a venue of an installed plugin, by its own codec of actions."""
    venue, plugin = VenueId(name), registry.exchange(name)
    assert plugin.actions is not None
    world = World({venue: plugin}, calm(), seed, START)
    house = House(plugin, world.books[venue], faults, seed, START, world.desks[venue])
    instruments = [engine.instrument for engine in world.books[venue].values()]
    codecs = {venue: plugin.actions(instruments)}
    return Pursuits(world, {venue: house}, codecs, trading_credentials({venue: plugin}))


def busy(run: Pursuits, count: int = 40, seed: int = 1, within: Nanos = 2 * SECOND) -> Pursuits:
    """Orders within two seconds or more, and the patience to learn of each what became of it."""
    random = Random(seed)
    spot = [engine.instrument for books in run.world.books.values() for engine in books.values()
            if engine.instrument.kind is Kind.SPOT and engine.instrument.quote in ("USDT", "USD")]  # fmt: skip
    for n in range(count):
        instrument = random.choice(spot)
        client_id = str(uuid_of(random)) if instrument.venue not in VENUES else f"c{n}"
        run.order(client_id, instrument, 100 * MILLISECOND + n * within // count, random)
    now = within
    while now < within + SETTLED and (len(run.ended) + len(run.halted) < count or now == within):
        now += 5 * SECOND
        run.run(now)
    return run


def uuid_of(random: Random) -> str:
    """A client id in the form that every venue takes."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


@cache
def calm() -> Parameters:
    """A market with few orders, of two coins against dollars."""
    flow = plain(Parameters.load(), 0.05)
    return msgspec.structs.replace(flow, assets=("BTC", "ETH", "USDT", "USD"))


def judge(run: Pursuits) -> None:
    """Every order is placed once or not at all, and ends with exactly the fills that its venue has."""
    placed = run.placed()
    assert len(set(placed)) == len(placed), "an order was placed twice"
    assert run.halted == [] and run.ended and not run.execution.in_flight
    for client_id, (fills, obstacle) in run.ended.items():
        told = sorted((fill.price, fill.quantity, fill.fee.amount, fill.fee.asset) for fill in fills)
        true = sorted((fill.price, fill.size, fill.fee.amount, fill.fee.asset) for fill in run.filled(client_id))
        assert told == true, client_id
        assert client_id in placed or obstacle
