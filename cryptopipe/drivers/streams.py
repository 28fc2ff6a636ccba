"""A run over connections: the sandbox's simulated venues, or the real ones.

Enters: plugins, a market's kind, what takes the inputs. Leaves: why the run ended. Never: a decision, or a run that
waits for ever for venues that nobody can reach.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from cryptopipe.capture.inputs import METADATA, SETTLE, Direction, Input
from cryptopipe.capture.redact import redact_url
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.drivers.live import Live
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.drivers.singles import orders_subscriptions
from cryptopipe.drivers.stop import Stop
from cryptopipe.errors import ConfigError, VenueUnavailable
from cryptopipe.market.feeds import NOBODY, Feeds, Rewrite, as_written, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.silence import seconds
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, Kind, VenueId
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.model.stream import Credentials, Subscription
from cryptopipe.settings import Settings
from cryptopipe.settings.keys import find_key

REACHED_WITHIN = 20 * SECOND
"""A run of which no venue could be reached by then, or in its own time if that is shorter, ends."""
UNREACHABLE = "no venue could be reached"
SETTLE_WITHIN = 15 * SECOND
"""A run whose orders and balances are not known by then ends without."""
LOOK_EVERY = SECOND // 4
_LOG = structlog.get_logger()


@dataclass
class Streams:
    """What a run is connected to, and who takes what it says.

    `ended` says why the market is gone, empty while it is there (the sandbox is a process that may end). `looked` is
    called between turns with the time, at most four times a second, for who shows the run. `ready` is where arrivals
    wait for their turn. `credentials` are the keys for streams that need one. `refresh`: how often venues are asked
    what they say of themselves, in place of their plugins' word; 0 never. `signatory` has the keys, where orders go to
    the venues; `settled` says whether nothing of theirs is open: a run that is over waits for it, for a while.
    """

    plugins: Mapping[VenueId, ExchangePlugin]
    market: Market
    subscriptions: Mapping[VenueId, Sequence[Subscription]]
    take: Callable[[Input], object]
    turn_ended: Callable[[Nanos], None]
    rewrite: Rewrite = as_written
    ended: Callable[[], str] = str
    looked: Callable[[Nanos], None] = lambda at: None
    reached_within: Nanos = REACHED_WITHIN
    credentials: Mapping[VenueId, Credentials] = field(default_factory=lambda: NOBODY)
    ready: deque[Arrival] = field(default_factory=deque)
    refresh: Nanos | None = None
    signatory: Signatory | None = None
    settled: Callable[[], bool] = lambda: True
    fill_trades: bool = False
    _reached: set[str] = field(default_factory=set)
    _failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stamp = Stamper()
        self._look_at: Nanos = 0
        self.feeds = Feeds(
            self.market,
            self.plugins,
            self.subscriptions,
            random.random,
            self.stamp(),
            self.rewrite,
            self.credentials,
            self.refresh,
            self.fill_trades,
        )
        for venue, why in self.feeds.inquiries.unasked.items():
            _LOG.warning("metadata.failed", venue=venue, url="", reason=why)

    def run(self, stop: Stop, for_ns: Nanos | None) -> str:
        """Until the user, `--for` or the market itself ends it; why. Raises `VenueUnavailable` if no venue answers."""
        return asyncio.run(self._run(stop, for_ns))

    async def _run(self, stop: Stop, for_ns: Nanos | None) -> str:
        began_at = self.stamp()
        intake = Intake(self.feeds, self._taken, self.stamp)
        settling_at: Nanos = 0

        def over(now: Nanos) -> str:
            nonlocal settling_at
            why = self._reason(now, began_at, for_ns, stop)
            given_up = settling_at and now - settling_at >= SETTLE_WITHIN
            if not why or self.settled() or given_up or self.ended():  # who is gone tells nothing any more
                return why
            if not settling_at:
                settling_at = now
                intake.command(SETTLE.decode())
                self.turn_ended(intake.at)
            return ""

        self._tell_watched()
        sources = {venue: one.source for venue, one in self.plugins.items() if one.source is not None}
        live = Live(
            self.feeds,
            intake,
            lambda: self.turn_ended(intake.at),
            self.stamp,
            ready=self.ready,
            sources=sources,
            signatory=self.signatory,
        )
        try:
            why = await live.run(over)
        except VenueUnavailable:
            intake.command(UNREACHABLE)
            raise
        intake.command(why)
        return why

    def _reason(self, now: Nanos, began_at: Nanos, for_ns: Nanos | None, stop: Stop) -> str:
        """Why the run is over; empty while it is not. Raises `VenueUnavailable` if no venue answers."""
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self.looked(now)
        if stop.requested:
            return "interrupt"
        patience = self.reached_within if for_ns is None else min(self.reached_within, for_ns)
        if not self._reached and now - began_at >= patience:
            raise self._unreachable(patience)
        if for_ns is not None and now - began_at >= for_ns:
            return "duration"
        return self.ended()

    def _taken(self, entry: Input) -> None:
        self.take(entry)
        if entry.direction is Direction.OPEN:
            self._reached.add(entry.venue)
            _LOG.info("feed.opened", conn=entry.conn, url=redact_url(entry.url))
        elif entry.direction is Direction.CLOSE:
            self._closed(entry)
        elif entry.request == METADATA and (why := self.market.listings.failure):
            _LOG.warning("metadata.failed", venue=entry.venue, url=redact_url(entry.url), reason=why)

    def _closed(self, entry: Input) -> None:
        """A connection that was closed for the one in its place is no failure."""
        reason = entry.payload.decode(errors="replace")
        supervisor = self.feeds.supervisors.get(VenueId(entry.venue))
        successor = "" if supervisor is None else supervisor.successor(entry.conn)
        if successor:
            _LOG.info("feed.replaced", conn=entry.conn, by=successor, reason=reason)
            return
        self._failures[entry.venue] = reason
        _LOG.warning("feed.closed", conn=entry.conn, reason=reason)

    def _tell_watched(self) -> None:
        """Once: what is shown and never traded, for want of the venue's rules."""
        for venue, wanted in self.subscriptions.items():
            symbols = dict.fromkeys(one.instrument.symbol for one in wanted if one.instrument.rules is None)
            if symbols:
                _LOG.info("feed.watched", venue=venue, symbols=list(symbols), reason="no trading rules are known")

    def _unreachable(self, waited: Nanos) -> VenueUnavailable:
        why = "; ".join(f"{venue}: {reason}" for venue, reason in sorted(self._failures.items()))
        return VenueUnavailable(
            f"no venue could be reached within {seconds(waited)}: {why or 'no answer'}",
            fix="check the network, or run on simulated venues: --market sandbox",
        )


def instruments_of(plugin: ExchangePlugin, assets: Sequence[str]) -> list[Instrument]:
    """The listed instruments between these assets: spot, or contracts where a venue has no spot. They have rules, or
    are those of a source, which may be without: those are watched, and never traded.
    """
    listed = [one for one in plugin.instruments.listed() if {one.base, one.quote} <= set(assets)]
    listed = [one for one in listed if one.rules is not None or plugin.source is not None]
    spot = [one for one in listed if one.kind is Kind.SPOT]
    return spot or listed


def all_subscriptions(
    plugins: Mapping[VenueId, ExchangePlugin],
    assets: Sequence[str],
    orders: Sequence[str] = (),
    orders_set_at: str = "",
    simulated: bool = False,
) -> dict[VenueId, list[Subscription]]:
    """The usual channels of every venue's instruments between these assets, and the single orders of the instruments
    in `orders` (`alpha:XY`); a venue without any is left out. Raises `ConfigError` if none has any, and for each of
    `orders` that the run cannot keep.
    """
    wanted = {venue: instruments_of(plugin, assets) for venue, plugin in plugins.items()}
    if not any(wanted.values()):
        raise ConfigError(
            f"no instrument between any two of {', '.join(assets)} is listed on {', '.join(plugins)}",
            where="assets",
            fix="name assets that are traded against each other: --set assets=BTC,ETH,USDT",
        )
    single = orders_subscriptions(plugins, orders, orders_set_at, wanted if simulated else None)
    found = {venue: [*subscriptions_of(ones), *single.get(venue, ())] for venue, ones in wanted.items()}
    return {venue: ones for venue, ones in found.items() if ones}


def credentials_for(
    plugins: Mapping[VenueId, ExchangePlugin], settings: Settings, simulated: bool
) -> dict[VenueId, Credentials]:
    """The keys of the public streams that need one: the user's, or on simulated venues the one that they all accept.
    Raises `ConfigError` for a place of keys that cannot be used.
    """
    signed = [venue for venue, plugin in plugins.items() if plugin.signer is not None]
    if simulated:
        return dict.fromkeys(signed, SANDBOX_CREDENTIALS)
    found = {venue: find_key(venue, settings) for venue in signed}
    return {venue: one.credentials for venue, one in found.items() if one is not None}
