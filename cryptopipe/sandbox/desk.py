"""The back office of one simulated venue: its clock, its customers and their keys, and the hooks of its troubles.

Enters: moments, as the house turns it to them. Leaves: customers by key, currencies, marks: a `SimulatedDesk`. Never:
an order against a book of the past, a time of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from cryptopipe.clock import Nanos
from cryptopipe.model.accounts import SimulatedKey
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.desk import Permission
from cryptopipe.model.facts import Asset, Currency, Instrument, TradingState
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_OTHER, SANDBOX_READER, SANDBOX_TRADER
from cryptopipe.model.stream import Credentials
from cryptopipe.sandbox.accounts import Account
from cryptopipe.sandbox.accounts_wallets import Tally
from cryptopipe.sandbox.desk_margin import Margins
from cryptopipe.sandbox.desk_market import DeskMarket
from cryptopipe.sandbox.desk_orders import Dealer
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.parameters import Parameters

if TYPE_CHECKING:
    from cryptopipe.sandbox.transfers_faults import TransferFaults

_ALL = frozenset(Permission)
_KEYS: tuple[tuple[Credentials, int, frozenset[Permission]], ...] = (
    (SANDBOX_CREDENTIALS, 1, _ALL),
    (SANDBOX_TRADER, 1, frozenset({Permission.READ, Permission.TRADE})),
    (SANDBOX_READER, 1, frozenset({Permission.READ})),
    (SANDBOX_OTHER, 2, _ALL),
)


class Timeline(Protocol):
    """What a desk needs of the world: how far it has come, on to a later time, work that is due at one."""

    @property
    def now(self) -> Nanos: ...
    def advance(self, until: Nanos) -> None: ...
    def schedule(self, due: Nanos, work: Callable[[], None]) -> None: ...


class Desk:
    """A `SimulatedDesk`. What others may set: `clock` (what the venue's clock shows at a true time), `hazard` (told
    what is about to be done: `order`, `cancel`, `withdraw`, `move`; it may raise), `after_action` (told what was done;
    it may raise as well), `partial_share` (of what an immediate order would execute), `suspended` ((asset, code of the
    network, `deposits` or `withdrawals`)), `transfer_faults` (where faults on its coins are told).
    """

    def __init__(
        self, plugin: ExchangePlugin, books: Mapping[str, Engine], timeline: Timeline, parameters: Parameters
    ) -> None:
        self.venue = plugin.venue
        self.profile = parameters.account(plugin.venue)
        self.timeline = timeline
        self.tally = Tally()
        self.clock: Callable[[Nanos], Nanos] | None = None
        self.hazard: Callable[[str], None] | None = None
        self.after_action: Callable[[str], None] | None = None
        self.partial_share: Decimal | None = None
        self.suspended: set[tuple[Asset, str, str]] = set()
        self.transfer_faults: TransferFaults | None = None
        self.maintenance = False
        self._turned: tuple[Nanos, Nanos] = (0, 0)
        self._currencies = tuple(plugin.wallets()) if plugin.wallets is not None else ()
        self._markets = {
            symbol: DeskMarket(engine, self.profile, parameters.price(engine.instrument.base).usd)
            for symbol, engine in books.items()
        }
        self.dealer = Dealer(self, self._markets)
        self.margins = Margins(self, tuple(self._markets.values()), self.dealer.linear)
        self.accounts = {one: Account(self, one, plugin.fees) for one in sorted({key[1] for key in _KEYS})}
        self._keys = {
            credentials.key: SimulatedKey(credentials, self.accounts[account], permissions, created_at=timeline.now)
            for credentials, account, permissions in _KEYS
        }
        self._open_wallets()

    @property
    def at(self) -> Nanos:
        """The true time."""
        return self.timeline.now

    @property
    def now(self) -> Nanos:
        """By the venue's clock."""
        at, shown = self._turned
        return shown if at == self.at else self.shown(self.at)

    def shown(self, at: Nanos) -> Nanos:
        """What the venue's clock shows at a true time."""
        return at if self.clock is None else self.clock(at)

    def turn(self, at: Nanos, shown: Nanos | None = None) -> None:
        """To a moment, with the market; `shown` is what the venue's clock shows then (None: what `clock` says). A
        moment before that of the market is the market's, with what the clock shows then.
        """
        if at > self.timeline.now:
            self.timeline.advance(at)
        self._turned = (self.at, self.shown(self.at) if shown is None or at < self.at else shown)

    def set_maintenance(self, on: bool) -> None:
        """Whether the venue answers nothing but that it is being maintained."""
        self.maintenance = on

    def set_state(self, instrument: Instrument, state: TradingState) -> None:
        """What the venue lets one do with an instrument from now on."""
        self.dealer.market(instrument).state = state

    def state(self, instrument: Instrument) -> TradingState:
        """What the venue lets one do with an instrument now."""
        return self.dealer.market(instrument).state

    @property
    def currencies(self) -> Sequence[Currency]:
        """Assets with their networks, as they are now."""
        if not self.suspended:
            return self._currencies
        return tuple(self._as_now(one) for one in self._currencies)

    def key(self, key: str) -> SimulatedKey | None:
        """By the text that names it in a request."""
        return self._keys.get(key)

    def mark(self, instrument: Instrument) -> Decimal:
        """The middle of the book, or what comes nearest. Raises `DeskRefusal` NO_LIQUIDITY where there is nothing."""
        return self.dealer.market(instrument).mark()

    def funding_rate(self, instrument: Instrument) -> Decimal:
        """Of the next funding, as a fraction."""
        return self.margins.rate(self.dealer.market(instrument))

    def next_funding_at(self, instrument: Instrument) -> Nanos:
        """By the venue's clock."""
        return self.margins.next_at()

    @contextmanager
    def action(self, what: str) -> Iterator[None]:
        """Around everything that changes something: the hooks before and after."""
        if self.hazard is not None:
            self.hazard(what)
        yield
        if self.after_action is not None:
            self.after_action(what)

    def capped(self, lots: int) -> int:
        """What an immediate order really executes of what it could."""
        if self.partial_share is None:
            return lots
        return int((lots * self.partial_share).to_integral_value(ROUND_DOWN))

    def _open_wallets(self) -> None:
        traded = {asset for market in self._markets.values() for asset in _assets(market.instrument)}
        for account in self.accounts.values():
            for name, amount in self.profile.opening.items():
                if Asset(name) in traded and amount:
                    account.wallets.credit(Asset(name), amount, "opening")
            account.wallets.changed()

    def _as_now(self, currency: Currency) -> Currency:
        networks = []
        for network in currency.networks:
            shut = {what for asset, code, what in self.suspended if (asset, code) == (currency.asset, network.code)}
            networks.append(
                replace(
                    network,
                    deposits=False if "deposits" in shut else network.deposits,
                    withdrawals=False if "withdrawals" in shut else network.withdrawals,
                )
            )
        return replace(currency, networks=tuple(networks))


def _assets(instrument: Instrument) -> tuple[Asset, Asset]:
    return instrument.base, instrument.quote
