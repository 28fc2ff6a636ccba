"""The simulated market: every instrument's book, moved by one latent price an asset.

Enters: plugins (whose listed instruments exist here), parameters, a seed, a start, work that is due at a time. Leaves:
engines by venue and symbol, advanced to any later time, and the desks of venues with a private side. Never: a clock, or
a difference between one long advance and many short ones.
"""

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from random import Random

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Instrument, Kind, VenueId
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.flow import Flow
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.prices import Efficient, Local
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_office import custody_of


def simulated(plugin: ExchangePlugin, assets: frozenset[Asset], perpetuals: str = "alone") -> list[Instrument]:
    """The instruments of a venue that exist in the sandbox: listed with rules, base and quote among `assets`, a book of
    their own; spot, and linear perpetuals where there is no spot or `perpetuals` is `all`.
    """
    listed = [
        one
        for one in plugin.instruments.listed()
        if one.rules is not None and one.book_of is None and one.base in assets and one.quote in assets
    ]
    spot = [one for one in listed if one.kind is Kind.SPOT]
    linear = [one for one in listed if one.kind is Kind.LINEAR_PERPETUAL]
    return spot + linear if perpetuals == "all" or not spot else spot


class World:
    """All books of the simulated market; `books[venue][symbol]` are its engines, populated from the start, and
    `desks[venue]` keeps the accounts of a venue that has a private side; `custody` moves coins between them.

    The same parameters, seed, start, instruments and orders give the same events. A venue's or an instrument's absence
    does not change the others.
    """

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        parameters: Parameters,
        seed: int,
        start_at: Nanos,
        assets: frozenset[Asset] | None = None,
    ) -> None:
        self._parameters = parameters
        self._seed = seed
        self._start_at = self._now = start_at
        self._step = round(parameters.step_ms * MILLISECOND)
        self._drawn = 0
        self._efficient: dict[Asset, Efficient] = {}
        self._local: dict[tuple[VenueId, Asset], Local] = {}
        self._flows: list[Flow] = []
        self._agenda: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._scheduled = 0
        self.books: dict[VenueId, dict[str, Engine]] = {}
        wanted = assets if assets is not None else frozenset(Asset(one) for one in parameters.assets)
        for venue, plugin in plugins.items():
            self.books[venue] = {}
            for instrument in simulated(plugin, wanted, parameters.perpetuals):
                self.books[venue][instrument.symbol] = self._open(instrument)
        self.desks: dict[VenueId, Desk] = {
            venue: Desk(plugin, self.books[venue], self, parameters)
            for venue, plugin in plugins.items()
            if plugin.trading_sandbox is not None
        }
        self.custody: Custody = custody_of(self.desks, parameters, seed, self)

    @property
    def now(self) -> Nanos:
        """Up to where the market has come."""
        return self._now

    def changes(self) -> int:
        """Level changes of all books since the start."""
        return sum(book.number for books in self.books.values() for book in books.values())

    def advance(self, until: Nanos) -> None:
        """Makes all events up to and including `until`. Raises `ValueError` if that is before the last call's."""
        if until < self._now:
            raise ValueError(f"the simulated market is at {self._now} and cannot go back to {until}")
        while True:
            # at most a second at once, so that a long advance holds no more in memory than a short one
            part = min(until, self._now + SECOND, self._agenda[0][0] if self._agenda else until)
            self._run(part)
            self._now = part
            while self._agenda and self._agenda[0][0] <= part:
                heappop(self._agenda)[2]()
            if part == until:
                return

    def schedule(self, due: Nanos, work: Callable[[], None]) -> None:
        """`work` is called as soon as the market has come to `due`, which is `now` then: after all orders of the flow
        up to and at that time, and of several in the order in which they were scheduled. Raises `ValueError` if that
        time has passed.
        """
        if due < self._now:
            raise ValueError(f"the simulated market is at {self._now}: nothing can be scheduled for {due}")
        self._scheduled += 1
        heappush(self._agenda, (due, self._scheduled, work))

    def _run(self, until: Nanos) -> None:
        """The order flow of every instrument. Where one holds customers' orders its events come in the order of time,
        beside those of the others: what one fill leaves of a customer's money the next must see.
        """
        step = (until - self._start_at) // self._step
        if step > self._drawn:
            self._draw(step)
        watched = []
        for flow in self._flows:
            if flow.next_at <= until:
                if flow.engine.fills is None:
                    flow.run(until)
                else:
                    watched.append(flow)
        if len(watched) == 1:
            watched[0].run(until)
            return
        queue = [(flow.next_at, number) for number, flow in enumerate(watched)]
        heapify(queue)
        while queue:
            at, number = queue[0]
            watched[number].run(at)
            if watched[number].next_at <= until:
                heapreplace(queue, (watched[number].next_at, number))
            else:
                heappop(queue)

    def _draw(self, step: int) -> None:
        for efficient in self._efficient.values():
            efficient.extend(step)
        for local in self._local.values():
            local.extend(step)
        self._drawn = step

    def _open(self, instrument: Instrument) -> Engine:
        engine = Engine(instrument)
        base, quote = (self._series(instrument.venue, asset) for asset in (instrument.base, instrument.quote))
        random = self._random(f"flow {instrument.id}")
        self._flows.append(Flow(engine, base, quote, self._parameters, random, self._start_at))
        return engine

    def _series(self, venue: VenueId, asset: Asset) -> Local:
        parameters, key = self._parameters, (venue, asset)
        price = parameters.price(asset)
        if asset not in self._efficient:
            step_s, random = parameters.step_ms / 1000, self._random(f"price {asset}")
            self._efficient[asset] = Efficient(price, parameters.jump, step_s, random)
            self._efficient[asset].extend(0)
        if key not in self._local:
            random, pegged = self._random(f"local {venue} {asset}"), price.volatility == 0
            profile = parameters.venue(venue)
            self._local[key] = Local(self._efficient[asset], profile, parameters, pegged, random)
            self._local[key].extend(0)
        return self._local[key]

    def _random(self, name: str) -> Random:
        """A stream of its own for each series and each instrument: none of them disturbs another."""
        return Random(f"{self._seed} {name}")
