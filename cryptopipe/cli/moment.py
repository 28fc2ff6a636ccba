"""The market at one moment, for commands that look at it once: simulated as it opens, real, or recorded.

Enters: a market, settings, how deep to look. Leaves: a snapshot with balances of paper and the routes that are open,
and why others are not. Never: an order, a book that is not live, a simulated moment that another run of its seed has
otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.market import MarketOptions
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import UsageError, VenueUnavailable

if TYPE_CHECKING:
    from decimal import Decimal

    from cryptopipe.evaluate.snapshot import Node, Route, Shown, Snapshot
    from cryptopipe.market.feeds import Rewrite
    from cryptopipe.market.market import Market
    from cryptopipe.market.networks import Networks
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.custody import TransferRoute
    from cryptopipe.model.facts import Asset, FeeSchedule, VenueId
    from cryptopipe.model.stream import Credentials
    from cryptopipe.sandbox.engine import Engine
    from cryptopipe.sandbox.world import World
    from cryptopipe.settings import Settings
    from cryptopipe.wiring import Wiring

OPENS: Nanos = 1_800_000_000 * SECOND
"""When a simulated market is looked at. Always then, so that a seed has one snapshot."""
WITHIN: Nanos = 15 * SECOND
"""How long real books are waited for; what is not live by then is left out."""
DEPTH = 50
"""Levels a side."""


@dataclass(frozen=True)
class Moment:
    """A snapshot and what must be said of it. `shut`: for each way that is none, why."""

    snapshot: "Snapshot"
    shut: Sequence[str]
    market: str
    label: str
    seed: int | None


def moment(
    market: MarketOptions, settings: "Settings", depth: int, for_ns: Nanos | None = None, timed: bool = False
) -> Moment:
    """Of recordings at their end, or after `for_ns`; `timed`: with the mean time of each route. Raises `UsageError`,
    `VenueUnavailable`, `CaptureError`.
    """
    if market.replays:
        return _recorded(market, settings, depth, for_ns, timed)
    if for_ns is not None and market.kind != "live":
        raise UsageError("a simulated market is looked at as it opens", where="--for", fix="leave it out")
    if market.kind == "live":
        return _live(market, settings, depth, for_ns, timed)
    return _simulated(market, settings, depth, timed)


def _simulated(market: MarketOptions, settings: "Settings", depth: int, timed: bool) -> Moment:
    import time

    from cryptopipe.market.listings import Listings
    from cryptopipe.market.networks import Networks

    if market.faults is not None:
        raise UsageError("nothing goes wrong in one moment", where="--faults", fix="leave it out")
    seed = time.time_ns() % 1_000_000 if market.seed is None else market.seed
    wiring = wiring_of(market.venue_names(settings), settings, "sandbox")
    world = opened_world(market, wiring.plugins, settings.assets, seed)
    books = [
        book
        for engines in world.books.values()
        for engine in engines.values()
        if (book := _shown_of(engine, wiring.fees(engine.instrument.venue), depth))
    ]
    assumed = {venue: desk.currencies for venue, desk in world.desks.items()}
    networks = Networks(Listings(wiring.plugins), replace(wiring.custody(), assumed=assumed))
    snapshot, shut = assembled(OPENS, books, paper(books, wiring), networks, timed)
    return Moment(snapshot, shut, "sandbox", "simulated venues, not a market", seed)


def wiring_of(names: Sequence[str], settings: "Settings", market: str) -> "Wiring":
    """The venues of these names, on paper. Raises `UsageError` for none, and for one that is unknown."""
    from cryptopipe import registry
    from cryptopipe.model.facts import VenueId
    from cryptopipe.wiring import PAPER, Wiring

    if not names:
        raise UsageError("no venue is enabled", where="venues", fix="name some: --venues A,B")
    plugins = {VenueId(name): registry.exchange(name) for name in names}
    return Wiring("", settings, plugins).executed(PAPER, market)


def opened_world(
    market: MarketOptions, plugins: "Mapping[VenueId, ExchangePlugin]", assets: Sequence[str], seed: int
) -> "World":
    """The simulated venues of a seed at `OPENS`. Raises `UsageError` where one cannot be simulated."""
    from cryptopipe import registry
    from cryptopipe.model.facts import Asset
    from cryptopipe.sandbox.parameters import Parameters
    from cryptopipe.sandbox.world import World

    missing = [venue for venue, plugin in plugins.items() if plugin.sandbox is None]
    if missing:
        message = f"no simulated venue for {', '.join(missing)}"
        raise UsageError(message, where="--venues", fix="leave it out, or --market live")
    flow = Parameters.load(market.parameters, registry.names("exchange"))
    world = World(plugins, flow, seed, OPENS - 20 * SECOND, frozenset(map(Asset, assets)))
    world.advance(OPENS)
    return world


def _shown_of(engine: "Engine", fees: "FeeSchedule", depth: int) -> "Shown | None":
    from cryptopipe.evaluate.snapshot import Shown
    from cryptopipe.model.facts import Side

    one, rules = engine.instrument, engine.instrument.rules
    assert rules is not None, "what is simulated has a grid"
    bids, asks = (
        tuple((price * rules.tick, size * rules.step) for price, size in engine.levels(side, depth))
        for side in (Side.BUY, Side.SELL)
    )
    return Shown(one, bids, asks, fees) if bids and asks else None


def _live(market: MarketOptions, settings: "Settings", depth: int, for_ns: Nanos | None, timed: bool) -> Moment:
    from cryptopipe.drivers.streams import credentials_for

    wiring = wiring_of(market.venue_names(settings), settings, "live")
    with market.open(wiring.plugins, settings.assets) as place:
        keys = credentials_for(wiring.plugins, settings, place.kind == "sandbox")
        books, at = looked_at(wiring, place.rewrite, keys, settings, for_ns or WITHIN)
    return Moment(*_of_market(books, wiring, at, depth, timed), "live", place.label, None)


def _recorded(market: MarketOptions, settings: "Settings", depth: int, for_ns: Nanos | None, timed: bool) -> Moment:
    from cryptopipe.drivers.replay import refuse_foreign
    from cryptopipe.drivers.stop import stop_on_interrupt, watched
    from cryptopipe.market.market import Market
    from cryptopipe.summary import venue_counts
    from cryptopipe.wiring import source_of

    source = source_of(settings, market.replays, market.shifts, market.align)
    wiring = wiring_of(source.venues, settings, "replay")
    books, at = Market(wiring.plugins), 0
    with stop_on_interrupt() as stop:
        for entry in watched(source, stop, for_ns):
            books.receive(entry)
            books.take_commands()
            at = entry.at
        if stop.requested:
            raise click.exceptions.Exit(130)
    refuse_foreign({venue: venue_counts(books, venue) for venue in books.counts})
    return Moment(*_of_market(books, wiring, at, depth, timed), "replay", source.label().why, None)


def looked_at(
    wiring: "Wiring", rewrite: "Rewrite", keys: "Mapping[VenueId, Credentials]", settings: "Settings", within: Nanos
) -> "tuple[Market, Nanos]":
    """Books as they come in, until all are live or the time is over. Raises `VenueUnavailable` if none is."""
    from cryptopipe.drivers.stop import Stop
    from cryptopipe.drivers.streams import Streams, all_subscriptions
    from cryptopipe.market.market import Market
    from cryptopipe.market.sync import BookState

    market, stop, last = Market(wiring.plugins), Stop(), 0
    wanted = all_subscriptions(wiring.plugins, settings.assets)
    names = {one.instrument.id for ones in wanted.values() for one in ones}

    def live() -> set[str]:
        syncs = (sync for books in market.books.values() for sync in books.values())
        return {one.instrument.id for one in syncs if one.state is BookState.LIVE and one.book.top is not None}

    def turn_ended(at: Nanos) -> None:
        nonlocal last
        last = at
        market.take_changed()
        if names <= live():
            stop.ask()

    Streams(wiring.plugins, market, wanted, market.receive, turn_ended, rewrite, credentials=keys).run(stop, within)
    if not live():
        raise VenueUnavailable(f"no live book within {within // SECOND} s", fix="try again, or see `cryptopipe watch`")
    return market, last


def _of_market(
    market: "Market", wiring: "Wiring", at: Nanos, depth: int, timed: bool
) -> "tuple[Snapshot, Sequence[str]]":
    from cryptopipe.market.networks import Networks

    books = shown_books(market, wiring.fees, depth)
    return assembled(at, books, paper(books, wiring), Networks(market.listings, wiring.custody()), timed)


def shown_books(market: "Market", fees: "Callable[[VenueId], FeeSchedule]", depth: int) -> "list[Shown]":
    """Every live book of the market with two sides."""
    from cryptopipe.evaluate.snapshot import Shown
    from cryptopipe.market.sync import BookState

    found = []
    for books in market.books.values():
        for sync in books.values():
            if sync.state is BookState.LIVE:
                bids, asks = (tuple(sync.book.ladder(is_bids, depth)) for is_bids in (True, False))
                if bids and asks:
                    found.append(Shown(sync.instrument, bids, asks, fees(sync.instrument.venue)))
    return found


def paper(books: "Sequence[Shown]", wiring: "Wiring") -> "dict[Node, Decimal]":
    """What accounts hold on paper, of the assets that their venues show books of."""
    return {node: wiring.opening(*node) for one in books for node in (one.base, one.quote)}


def assembled(
    at: Nanos, books: "Sequence[Shown]", balances: "Mapping[Node, Decimal]", networks: "Networks", timed: bool = False
) -> "tuple[Snapshot, list[str]]":
    """The snapshot with every open route between the places of the balances; and why each other is none. `timed`: with
    the mean time of each.
    """
    from cryptopipe.evaluate.snapshot import Snapshot

    bare = Snapshot(at, tuple(books), balances)
    dollars = _dollars(bare)
    found: list[Route] = []
    shut = []
    for source, asset in bare.nodes:
        for target, other in bare.nodes:
            if asset == other and source != target:
                told = networks.routes(asset, source, target, at)
                found += [_route(one, dollars.get(asset), timed) for one in told.open]
                if not told.open:
                    shut.append(f"{asset} {source} to {target}: {told.why}")
    return replace(bare, routes=tuple(found)), shut


def _route(route: "TransferRoute", dollars: "Decimal | None", timed: bool) -> "Route":
    from cryptopipe.evaluate.snapshot import Route

    return Route.of(route, _minutes(route) if timed else None, dollars)


def _minutes(route: "TransferRoute") -> "Decimal | None":
    """The mean time, with what the target holds deposits back; None of a chain that nobody knows."""
    from math import isfinite

    from cryptopipe.evaluate.transfer_time import TransferTime, transfer_time
    from cryptopipe.model.money import rounded

    law = transfer_time(route.chain, route.into.confirmations)
    if not isinstance(law, TransferTime) or not isfinite(mean := law.mean):
        return None
    return rounded(mean) + route.hold_minutes


def _dollars(snapshot: "Snapshot") -> "dict[Asset, Decimal]":
    """By asset, counted in whichever of the dollars it is worth most of: limits are kept in any."""
    from cryptopipe.model.facts import Asset

    worth: dict[Asset, Decimal] = {}
    for dollar in ("USD", "USDT", "USDC"):
        for asset, value in snapshot.values(Asset(dollar)).items():
            worth[asset] = max(worth.get(asset, value), value)
    return worth
