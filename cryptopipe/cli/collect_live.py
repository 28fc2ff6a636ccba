"""Runs the collectors of one process.

Enters: orders, a market. Leaves: why it ended, and what was written. Never: a session that is not held, simulated rows
among real ones.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.market import MarketOptions
from cryptopipe.cli.options import Common
from cryptopipe.cli.tape import Tape
from cryptopipe.clock import Nanos, Stamper, format_at
from cryptopipe.errors import CryptopipeError

if TYPE_CHECKING:
    from cryptopipe.capture.inputs import Input
    from cryptopipe.collect.collector import Collectors, Means
    from cryptopipe.collect.running import Order
    from cryptopipe.collect.sessions import Session
    from cryptopipe.drivers.streams import Streams
    from cryptopipe.market.market import Market
    from cryptopipe.market.sentry import Sentry
    from cryptopipe.settings import Settings


def run(
    common: Common, settings: "Settings", orders: "list[Order]", market: MarketOptions, for_ns: Nanos | None
) -> tuple[str, dict[str, Any]]:
    """Collect until user, time or market ends it. Raises `StreamBusy`, `VenueUnavailable`, `CaptureError`."""
    from cryptopipe.collect.collector import Collectors
    from cryptopipe.drivers.stop import stop_on_interrupt
    from cryptopipe.market.market import Market
    from cryptopipe.market.sentry import posted
    from cryptopipe.market.sync import Kept

    stamp = Stamper()
    began_at = stamp()
    orders = [_of_market(one, market.kind, settings.data_dir) for one in orders]
    plugins = {one.plugin.venue: one.plugin for one in orders}
    assets = sorted({str(name) for one in orders for own in one.instruments for name in (own.base, own.quote)})
    _widen_limits()
    with ExitStack() as held, stop_on_interrupt() as stop:
        sessions = _hold(held, settings.data_dir, orders, stamp)
        place = held.enter_context(market.open(plugins, assets))
        books = Market(plugins, Kept(0, 1 << 16))
        collectors = Collectors()
        subscriptions = {one.plugin.venue: one.subscriptions for one in orders}
        who = f"collector {', '.join(subscriptions)}"
        sentry = held.enter_context(posted(books, place.kind, settings, subscriptions, began_at, who))
        streams = _streams(orders, books, collectors, settings, place, sentry)
        tape = Tape()
        means = _means(settings, streams, stamp, None if common.json else tape)
        _make(collectors, orders, sessions, settings.data_dir, means)
        try:
            stopped_by = streams.run(stop, for_ns)
        except CryptopipeError as error:
            _alarm(settings, stamp)(", ".join(plugins), f"stopped: {error}", "collector.stopped", "critical")
            _end_after(error, collectors)
            raise
        rows = collectors.end()
    unshown(tape)
    venues = {name: venue_told(settings.data_dir, sessions[name].id, name, rows[name]) for name in map(str, plugins)}
    return stopped_by, document_of(settings.data_dir, stopped_by, venues, began_at, stamp())


def _of_market(one: "Order", kind: str, data_dir: Path) -> "Order":
    """The order for this market. Raises `UsageError` where the directory holds another's data."""
    from dataclasses import replace

    import msgspec

    from cryptopipe.collect.sessions import refuse_mixture

    plan = msgspec.structs.replace(one.plan, market=kind)
    refuse_mixture(data_dir, plan)
    return replace(one, plan=plan)


def _hold(held: ExitStack, data_dir: Path, orders: "list[Order]", stamp: Callable[[], Nanos]) -> "dict[str, Session]":
    """A session for each venue, and its streams, for as long as the process lasts."""
    from cryptopipe.collect.sessions import begin, holding

    sessions = {}
    for one in orders:
        now = stamp()
        held.enter_context(holding(data_dir, one.plan))
        session = sessions[str(one.plugin.venue)] = begin(data_dir, one.plugin.venue, now)
        held.enter_context(session.held())
    return sessions


def _streams(
    orders: "list[Order]",
    books: "Market",
    collectors: "Collectors",
    settings: "Settings",
    place: Any,
    sentry: "Sentry | None",
) -> "Streams":
    from cryptopipe.drivers.streams import Streams, credentials_for

    plugins = {one.plugin.venue: one.plugin for one in orders}

    def take(entry: "Input") -> None:
        collectors.take(entry)
        books.receive(entry)
        if sentry is not None:
            sentry.heard(entry)

    def turn_ended(at: Nanos) -> None:
        books.transitions.clear()
        books.changed.clear()
        books.appeared.clear()
        books.listings.news.clear()
        collectors.turn_ended(at)
        if sentry is not None:
            sentry.turned(at)

    return Streams(
        plugins, books, {one.plugin.venue: one.subscriptions for one in orders}, take, turn_ended, place.rewrite,
        place.ended, looked=collectors.looked, credentials=credentials_for(plugins, settings, place.kind == "sandbox"),
        refresh=settings.metadata.refresh,
        fill_trades=any(one.plan.kind(kind) for one in orders for kind in ("trade", "candle")),
    )  # fmt: skip


def _means(settings: "Settings", streams: "Streams", stamp: Callable[[], Nanos], tape: Tape | None) -> "Means":
    from cryptopipe.collect.collector import Means

    tell = _alarm(settings, stamp)
    return Means(
        now=stamp,
        waiting=lambda: len(streams.ready),
        show=tape,
        alarm=lambda where, text: tell(where, text, "collector.spilling", "warning"),
        depth_levels=settings.collect.depth_levels,
        depth_every=settings.collect.depth_every,
    )


def _make(
    collectors: "Collectors", orders: "list[Order]", sessions: "dict[str, Session]", data_dir: Path, means: "Means"
) -> None:
    from cryptopipe.collect.collector import Collector

    for one in orders:
        made = Collector(data_dir, one.plugin, one.plan, sessions[one.plugin.venue], means)
        collectors.by_venue[one.plugin.venue] = made
        made.begin()


def _alarm(settings: "Settings", stamp: Callable[[], Nanos]) -> Callable[[str, str, str, str], None]:
    """Tells the spool of alerts, which never fails its caller."""
    from cryptopipe.alerts.alert import Alert
    from cryptopipe.alerts.spool import Spool

    spool = Spool(settings.data_dir)

    def tell(where: str, text: str, kind: str, severity: str) -> None:
        spool.tell(Alert(kind, where, text, severity, stamp()))

    return tell


def unshown(tape: Tape) -> None:
    """Says what stdout did not take; the rows have it."""
    if many := tape.end():
        click.echo(f"{many} tops were not shown: stdout did not take them; the files have them", err=True)


def _end_after(error: CryptopipeError, collectors: "Collectors") -> None:
    """What failed for a venue's sake leaves everything sealed; what could not be written is made again at a start."""
    from cryptopipe.errors import CaptureError

    if not isinstance(error, CaptureError):
        collectors.end()


def venue_told(data_dir: Path, session: str, venue: str, rows: int) -> dict[str, Any]:
    """What a session wrote of its venue."""
    from cryptopipe.collect.layout import sealed_files
    from cryptopipe.collect.manifest import read_manifest

    files = sum(read_manifest(path).session == session for path in sealed_files(data_dir, venue))
    return {"session": session, "rows": rows, "files": files}


def document_of(
    data_dir: Path, stopped_by: str, venues: dict[str, Any], began_at: Nanos, ended_at: Nanos
) -> dict[str, Any]:
    """The JSON of a collection."""
    return {
        "data_dir": str(data_dir),
        "stopped_by": stopped_by,
        "started_at": format_at(began_at),
        "ended_at": format_at(ended_at),
        "venues": venues,
    }


def _widen_limits() -> None:
    """One lock a stream is open: as many files as the system allows."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
