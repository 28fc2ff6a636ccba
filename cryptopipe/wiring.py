"""Wiring: settings and plugins become a pipe.

Enters: loaded settings, names of venues. Leaves: fresh pipes and watchers, and what to replay. Never: a decision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

import msgspec

from cryptopipe import registry
from cryptopipe.act.venues import codec_of
from cryptopipe.drivers.replay import Replay, ReplayLabel, open_replay, packaged_replay
from cryptopipe.drivers.signatory import Signed
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.errors import ConfigError
from cryptopipe.gate.gate import Limits
from cryptopipe.journal.log import RecordSink
from cryptopipe.journal.records import RunStarted
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.market import Market
from cryptopipe.market.networks import Custody
from cryptopipe.market.sync import Kept
from cryptopipe.market.view import View
from cryptopipe.measured import order_latencies
from cryptopipe.model.actions import ActionCodec, PrivateCodec, PrivateStream
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.settings import CustodySettings, Settings, config_hash, effective
from cryptopipe.settings.effective import NOT_HASHED
from cryptopipe.watching import Watcher, enough

_BPS = Decimal(10_000)
SANDBOX = "sandbox"
PAPER, VENUE = "paper", "venue"
"""Who fills orders: a model on the live books, or the venues."""


def may_withdraw(execution: str, market: str) -> bool:
    """Whether a run may send coins from venue to venue: simulated ones alone, where orders go to them."""
    return execution == VENUE and market == "sandbox"


def codecs_of(plugins: Mapping[VenueId, ExchangePlugin], assets: Sequence[str]) -> Mapping[VenueId, ActionCodec]:
    """Over the instruments of these assets the codecs of the venues that have one. Raises `PluginError`."""
    return {
        venue: codec_of(venue, plugin.actions, instruments_of(plugin, assets))
        for venue, plugin in plugins.items()
        if plugin.actions is not None
    }


@dataclass(frozen=True)
class Wiring:
    """What a pipe is made of, from settings and plugins."""

    strategy: str
    settings: Settings
    plugins: Mapping[VenueId, ExchangePlugin]
    execution: str = PAPER
    withdraws: bool = False
    """Where orders go to venues: whether coins may be sent from them."""

    @classmethod
    def of(cls, strategy: str, settings: Settings, venues: Sequence[str], execution: str = PAPER) -> "Wiring":
        """Find the plugins. Raises `UsageError` for an unknown venue or strategy, with the nearest name, and
        `ConfigError` for a venue that is not enabled.
        """
        registry.strategy(strategy)
        plugins = {VenueId(venue): registry.exchange(venue) for venue in venues}
        for venue in plugins:
            if not settings.venue(venue).enabled:
                raise ConfigError(
                    "false, and its recording was named",
                    where=f"venues.{venue}.enabled",
                    fix="enable it, or leave it out",
                )
        return cls(strategy, settings, plugins, execution)

    def executed(self, execution: str, market: str) -> "Wiring":
        """The same with orders filled so; on paper with the latencies measured at this market, if the settings ask for
        them. Raises `ConfigError`.
        """
        settings, paper = self.settings, self.settings.paper
        if market == SANDBOX:
            custody = {**_simulated_terms(self.plugins), **settings.custody}
            settings = settings.model_copy(update={"custody": custody})
        if execution == PAPER and paper.measured:
            latencies = {**order_latencies(settings.data_dir, market), **paper.latencies}
            settings = settings.model_copy(update={"paper": paper.model_copy(update={"latencies": latencies})})
        return replace(self, settings=settings, execution=execution, withdraws=may_withdraw(execution, market))

    @cached_property
    def codecs(self) -> Mapping[VenueId, ActionCodec]:
        """What builds requests of the venues' private sides and reads their answers; empty on paper. Raises
        `PluginError`.
        """
        return {} if self.execution == PAPER else codecs_of(self.plugins, self.settings.assets)

    @cached_property
    def private(self) -> Mapping[VenueId, Callable[[], PrivateCodec]]:
        """Makes what reads the private streams; empty on paper."""
        return {venue: one.codec for venue, one in self.private_lines.items()}

    @property
    def private_lines(self) -> Mapping[VenueId, Signed]:
        """The private streams of the venues where orders go, and what signs them in."""
        streams = {venue: one.private for venue, one in self.plugins.items() if one.private and venue in self.codecs}
        return {venue: self._signed(venue, stream) for venue, stream in streams.items()}

    def _signed(self, venue: VenueId, stream: PrivateStream) -> Signed:
        instruments = instruments_of(self.plugins[venue], self.settings.assets)
        return Signed(lambda: stream.codec(instruments), stream.signer)

    def pipe(self, sink: RecordSink) -> Pipe:
        """A fresh pipe."""
        section = self.settings.strategy(self.strategy)
        risk, numeraire = self.settings.risk, Asset(self.settings.numeraire)
        return Pipe(
            self.plugins,
            registry.strategy(self.strategy).made(section),
            PipeSettings(
                limits=Limits(numeraire=numeraire, **{name: getattr(risk, name) for name in type(risk).model_fields}),
                latency=self.settings.paper.latency,
                latencies={VenueId(venue): one for venue, one in self.settings.paper.latencies.items()},
                fees={venue: self.fees(venue) for venue in self.plugins},
                opening=self.opening,
                own_fees=self._own_fees(),
                codecs=self.codecs,
                private=self.private,
                withdrawals=frozenset(self.codecs) if self.withdraws else frozenset(),
                kept=self._kept,
                transfer_seed=self.settings.paper.transfer_seed,
                custody=self.custody(),
                restoring_bps=getattr(section, "restoring_bps", Decimal(0)),
            ),
            sink,
        )

    def custody(self) -> Custody:
        """The plugins' terms, with what the user says of his accounts over them."""
        told = {venue: self.settings.custody.get(venue, CustodySettings()) for venue in self.plugins}
        terms = {}
        for venue, plugin in self.plugins.items():
            own = {name: value for name, value in told[venue] if name != "book" and value is not None}
            if plugin.custody is not None:
                terms[venue] = msgspec.structs.replace(plugin.custody, **own)
        assumed = self.execution == PAPER and self.settings.paper.assume_networks
        tables = {venue: one.wallets() for venue, one in self.plugins.items() if assumed and one.wallets is not None}
        return Custody(terms, lambda source, *name: any(_matches(one, name) for one in told[source].book), tables)

    @property
    def _kept(self) -> Kept:
        return Kept(self.settings.window.span, self.settings.window.max_mb << 20)

    def watcher(self) -> Watcher:
        """A market and a strategy that only look."""
        market = Market(self.plugins, self._kept)
        fees = {venue: self.fees(venue) for venue in self.plugins}
        strategy = registry.strategy(self.strategy).made(self.settings.strategy(self.strategy))
        in_force = FeesInForce(fees, self._own_fees())
        return Watcher(market, strategy, View(market, in_force, enough, {}), in_force)

    def _own_fees(self) -> frozenset[VenueId]:
        """The venues whose rates the user has set."""
        own = {venue: self.settings.venue(venue) for venue in self.plugins}
        return frozenset(v for v, one in own.items() if (one.taker_fee_bps, one.maker_fee_bps) != (None, None))

    def opening(self, venue: VenueId, asset: Asset) -> Decimal:
        """The balance on paper. Nothing where nothing is ever traded: it would be value that only the market moves."""
        plugin = self.plugins.get(venue)
        if plugin is not None and plugin.source is not None and not any(i.rules for i in plugin.instruments.listed()):
            return Decimal(0)
        return self.settings.opening(venue, asset)

    def fees(self, venue: VenueId) -> FeeSchedule:
        """What the account pays: the plugin's schedule, or the rates that the user has set."""
        own = self.settings.venue(venue)
        fees = self.plugins[venue].fees
        if own.taker_fee_bps is not None:
            fees = msgspec.structs.replace(
                fees, taker_rate=own.taker_fee_bps / _BPS, source="configuration", as_of="now"
            )  # fmt: skip
        if own.maker_fee_bps is not None:
            fees = msgspec.structs.replace(fees, maker_rate=own.maker_fee_bps / _BPS)
        return fees

    def started(self, label: ReplayLabel) -> RunStarted:
        """The journal's first record."""
        settings = {k: v for k, v in effective(self.settings).items() if k not in NOT_HASHED}
        return RunStarted(
            strategy=self.strategy,
            config_hash=config_hash(self.settings),
            settings=settings,
            venues=tuple(self.plugins),
            instruments=(),
            opening={},
            numeraire=self.settings.numeraire,
            simultaneous=label.simultaneous,
            label=label.why,
        )


def _simulated_terms(venues: Iterable[VenueId]) -> dict[str, CustodySettings]:
    """What the simulated venues ask of an account; their address books hold all of its own addresses."""
    stated = Parameters.load().processing
    found = {}
    for venue in venues:
        own = stated.get(venue, stated["default"])
        found[str(venue)] = CustodySettings(
            address_book=own.address_book == "required",
            book=("*/*/*",),
            daily_limit=Decimal(str(own.daily_usd)),
            travel_rule=Decimal(str(own.travel_rule_usd)),
            hold_minutes=Decimal(0),
        )
    return found


def _matches(pattern: str, name: tuple[str, ...]) -> bool:
    """`VENUE/ASSET/CHAIN`, where * is any."""
    return all(wanted in ("*", one) for wanted, one in zip(pattern.split("/"), name, strict=True))


GENERATED = "generated"


def source_of(settings: Settings, replays: Sequence[str], shifts: Sequence[str], align: str | None) -> Replay:
    """The captures that were named; `generated` is the small one that ships with the package, of the venues that are
    enabled. Raises `UsageError`, `CaptureError`.
    """
    if tuple(replays) == (GENERATED,):
        return packaged_replay(shifts, align, lambda venue: settings.venue(venue).enabled)
    return open_replay(replays, shifts, align)
