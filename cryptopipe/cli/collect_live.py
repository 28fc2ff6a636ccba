"""Runs the collectors of one process, and collects again from captures.

Enters: orders, a market; or captures. Leaves: why it ended, and what was written. Never: a session that is not held.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.market import MarketOptions
from cryptopipe.cli.options import Common
from cryptopipe.cli.tape import Tape
from cryptopipe.clock import Nanos, Stamper, format_at
from cryptopipe.errors import CryptopipeError, UsageError

if TYPE_CHECKING:
    from cryptopipe.capture.inputs import Input
    from cryptopipe.collect.collector import Collectors, Means
    from cryptopipe.collect.plan import Plan
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
    _unshown(tape)
    venues = {
        str(one.plugin.venue): _venue(
            settings.data_dir, sessions[one.plugin.venue].id, one.plugin.venue, rows[one.plugin.venue]
        )
        for one in orders
    }
    return stopped_by, _document(settings.data_dir, stopped_by, venues, began_at, stamp())


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


def _unshown(tape: Tape) -> None:
    """Says what stdout did not take; the rows have it."""
    if many := tape.end():
        click.echo(f"{many} tops were not shown: stdout did not take them; the files have them", err=True)


def _end_after(error: CryptopipeError, collectors: "Collectors") -> None:
    """What failed for a venue's sake leaves everything sealed; what could not be written is made again at a start."""
    from cryptopipe.errors import CaptureError

    if not isinstance(error, CaptureError):
        collectors.end()


def again(
    common: Common, settings: "Settings", given: dict[str, Any], for_ns: Nanos | None
) -> tuple[str, dict[str, Any]]:
    """Rows of captures. Raises `UsageError`, `CaptureError`."""
    from cryptopipe import registry
    from cryptopipe.collect.again import from_raw
    from cryptopipe.collect.running import MIB
    from cryptopipe.drivers.stop import stop_on_interrupt, watched

    stamp = Stamper()
    began_at = stamp()
    venue, paths = _named(given)
    plugin = registry.exchange(venue)
    plan_of = _plan_of(plugin, given, settings.collect.max_mb * MIB)
    tape = Tape(patient=True)
    show = None if common.json else tape
    with stop_on_interrupt() as stop, _alone(settings.data_dir, venue):

        def until(inputs: "Iterable[Input]") -> "Iterable[Input]":
            return inputs if for_ns is None and not stop.requested else watched(inputs, stop, for_ns)

        made = from_raw(paths, plugin, plan_of, settings.data_dir, stamp, show, until)
    _unshown(tape)
    stopped_by = "interrupt" if stop.requested else "end of recordings"
    told = _venue(settings.data_dir, made.session, venue, made.rows)
    return stopped_by, _document(settings.data_dir, stopped_by, {venue: told}, began_at, stamp())


@contextmanager
def _alone(data_dir: Path, venue: str) -> Iterator[None]:
    """Raises `StreamBusy` where a collector of the venue is at work: their files would be numbered into each other."""
    from cryptopipe.collect.sessions import StreamBusy, all_sessions

    for session in all_sessions(data_dir, venue):
        if session.runs:
            raise StreamBusy(
                f"a collector of {venue} is at work here, session {session.id}",
                where=str(data_dir),
                fix="write into a directory of its own: --data_dir DIR",
            )
    yield


def _named(given: dict[str, Any]) -> tuple[str, list[Path]]:
    """The venue and the captures. Raises `UsageError`, `CaptureError`."""
    if given["replays"]:
        pairs = [text.partition("=") for text in given["replays"]]
        wrong = next(
            (text for text, pair in zip(given["replays"], pairs, strict=True) if not (pair[0] and pair[2])), None
        )
        if wrong is not None:
            raise UsageError(f"--replay {wrong} is not VENUE=FILE", fix="write it as --replay A=recording.jsonl.gz")
        venues = {pair[0] for pair in pairs} | ({given["exchange"]} if given["exchange"] else set())
        paths = [Path(pair[2]).expanduser() for pair in pairs]
    else:
        paths = [path.expanduser() for path in given["raws"]]
        venues = {_venue_in(path, given["exchange"]) for path in paths}
    if len(venues) > 1:
        raise UsageError(
            f"captures of several venues: {', '.join(sorted(venues))}", where="--from-raw", fix="one a time"
        )
    return venues.pop(), paths


def _venue_in(path: Path, given: str | None) -> str:
    """Whose a capture is: as it says, else as `given`. Raises `UsageError` where neither or another one is said,
    `CaptureError`.
    """
    from cryptopipe.capture.reader import Capture
    from cryptopipe.collect.sessions import Session

    facts = Session(path).facts() if path.is_dir() else None
    said = facts.plan.venue if facts is not None else next((one.venue for one in Capture(path, given) if one.venue), "")
    if given is not None and said not in ("", given):
        raise UsageError(f"a capture of {said}, not of {given}", where=str(path), fix="leave --exchange out")
    if not said and given is None:
        raise UsageError("does not say of which venue it is", where=str(path), fix="add --exchange E")
    return given or said


def _plan_of(plugin: Any, given: dict[str, Any], max_bytes: int) -> "Callable[[Plan | None], Plan]":
    """What is written of a capture: what its collector wrote, or what is asked for. Raises `UsageError`."""
    import msgspec

    from cryptopipe.collect.plan import Plan
    from cryptopipe.collect.wish import instruments_of, wanted_of

    changes: dict[str, Any] = {}
    if given["types"]:
        changes["wanted"] = wanted_of(given["types"], given["intervals"], given["depth"])
    if given["symbols"]:
        changes["symbols"] = tuple(one.symbol for one in instruments_of(plugin, given["symbols"]))
    if given["form"]:
        changes["form"] = given["form"]
    if given["header"]:
        changes["header"] = True

    def plan_of(was: Plan | None) -> Plan:
        if was is None:
            if "wanted" not in changes:
                raise UsageError("which kind of data?", where="--data_type", fix="--data_type trade,book")
            was = Plan(plugin.venue, None, (), max_bytes=max_bytes)
        return msgspec.structs.replace(was, **changes)

    return plan_of


def _venue(data_dir: Path, session: str, venue: str, rows: int) -> dict[str, Any]:
    from cryptopipe.collect.layout import sealed_files
    from cryptopipe.collect.manifest import read_manifest

    files = sum(read_manifest(path).session == session for path in sealed_files(data_dir, venue))
    return {"session": session, "rows": rows, "files": files}


def _document(
    data_dir: Path, stopped_by: str, venues: dict[str, Any], began_at: Nanos, ended_at: Nanos
) -> dict[str, Any]:
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
