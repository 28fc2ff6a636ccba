"""`cryptopipe watch [--edges | --orders]`: prices, edges or single orders as they come; never trades.

Enters: a market, or recordings. Leaves: a live table, or one JSON line per record. Never: an order.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import click

from cryptopipe.cli.action import duration_option, exit_as
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import terminal
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.capture.inputs import Input
    from cryptopipe.cli.watch_orders import OrdersTables
    from cryptopipe.cli.watch_tables import WatchTables
    from cryptopipe.drivers.stop import Stop
    from cryptopipe.market.market import Market
    from cryptopipe.settings import Loaded
    from cryptopipe.watching import Change, Watcher
    from cryptopipe.watching_orders import OrdersChange
    from cryptopipe.wiring import Wiring

_REFRESHES_PER_S = 4
_PIPED_WIDTH = 200
"""What is not on a terminal has room for every column."""


class _Watching(Protocol):
    """What is shown turn by turn: prices and edges, or single orders."""

    market: "Market"

    def changes(self, inputs: "Iterable[Input]") -> Iterator[Any]: ...
    def receive(self, entry: "Input") -> object: ...
    def end_turn(self) -> Any: ...


@click.command("watch")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Whose edges to show.")
@click.option("--edges", is_flag=True, help="Edges with gross, each cost, net and break-even fee.")
@click.option("--orders", is_flag=True, help="Books of single orders (L3): how many, and the queues at the best.")
@market_options
@click.option("--for", "for_text", metavar="T", help="Stop after this much time (of the recordings, if any): 30s.")
@click.option(
    "--speed", metavar="N", help="Times a recording's pace: 1, 10, or max. A table on a terminal: 1, else max."
)
@common_options
def watch(
    common: Common,
    strategy: str,
    edges: bool,
    orders: bool,
    market: MarketOptions,
    for_text: str | None,
    speed: str | None,
) -> None:
    """Show prices, with --edges every edge with its costs, with --orders books of single orders. Never trades.

    --orders shows what the setting `orders` names; without it the first instrument of each venue that tells them.

    \b
    Examples:
      cryptopipe watch --edges
      cryptopipe watch --orders --venues A,B --set orders=A:XYUSD
      cryptopipe watch --json --replay A=btcusdt.jsonl.gz | head
    """
    from cryptopipe import registry

    registry.strategy(strategy)
    if edges and orders:
        raise UsageError("one of --edges and --orders", where="--orders", fix="leave one out")
    loaded = common.load_layers([strategy])
    pace = _speed(speed, on_terminal=not common.json and sys.stdout.isatty())
    for_ns = duration_option(for_text)
    what = "orders" if orders else "edges" if edges else "tops"
    if market.replays:
        _watch_recordings(common, strategy, loaded, what, market, for_ns, pace)
    elif speed is not None:
        raise UsageError("only recordings have a pace", where="--speed", fix="leave it out")
    else:
        _watch_connections(common, strategy, loaded, what, market, for_ns)


def _watch_recordings(
    common: Common,
    strategy: str,
    loaded: "Loaded",
    what: str,
    market: MarketOptions,
    for_ns: int | None,
    pace: Decimal | None,
) -> None:
    from cryptopipe.drivers.replay import paced, refuse_foreign
    from cryptopipe.drivers.stop import stop_on_interrupt, watched
    from cryptopipe.summary import venue_counts
    from cryptopipe.wiring import Wiring, source_of

    source = source_of(loaded.settings, market.replays, market.shifts, market.align)
    watcher = _watcher(Wiring.of(strategy, loaded.settings, source.venues), what)
    with stop_on_interrupt() as stop, _shown(watcher, common.json, what, source.label().why) as show:
        inputs = watched(source, stop, for_ns)
        for change in watcher.changes(inputs if pace is None else paced(inputs, pace, stop.wait)):
            show(change)
    _exit_if_interrupted(stop)
    refuse_foreign({venue: venue_counts(watcher.market, venue) for venue in watcher.market.counts})


def _watch_connections(
    common: Common, strategy: str, loaded: "Loaded", what: str, market: MarketOptions, for_ns: int | None
) -> None:
    from cryptopipe.cli.watch_orders import wanted_orders
    from cryptopipe.drivers.stop import stop_on_interrupt
    from cryptopipe.drivers.streams import Streams, all_subscriptions, credentials_for
    from cryptopipe.wiring import Wiring

    settings = loaded.settings
    wiring = Wiring.of(strategy, settings, market.venue_names(settings))
    watcher = _watcher(wiring, what)
    wanted = (wanted_orders if what == "orders" else all_subscriptions)(
        wiring.plugins, settings.assets, settings.orders, loaded.place(("orders",)), market.kind == "sandbox"
    )
    with (
        market.open(wiring.plugins, settings.assets) as place,
        stop_on_interrupt() as stop,
        _shown(watcher, common.json, what, place.label) as show,
    ):

        def turn_ended(at: int) -> None:
            change = watcher.end_turn()
            if change is not None:
                show(change)

        keys = credentials_for(wiring.plugins, settings, place.kind == "sandbox")
        stopped_by = Streams(
            wiring.plugins, watcher.market, wanted, watcher.receive, turn_ended, place.rewrite, place.ended,
            credentials=keys, refresh=settings.metadata.refresh,
        ).run(stop, for_ns)  # fmt: skip
    exit_as(stopped_by, as_json=False)  # its lines of JSON have not told


def _watcher(wiring: "Wiring", what: str) -> _Watching:
    from cryptopipe.watching_orders import OrdersWatcher

    watcher = wiring.watcher()
    return OrdersWatcher(watcher.market) if what == "orders" else watcher


def _exit_if_interrupted(stop: "Stop") -> None:
    if stop.requested:
        raise click.exceptions.Exit(130)


@contextmanager
def _shown(watcher: _Watching, as_json: bool, what: str, label: str) -> Iterator[Callable[[Any], None]]:
    """What shows each change: JSON lines, or a table that is drawn at most four times a second and once at the end."""
    if as_json:
        yield _printer(watcher, what)
        return
    import time

    from rich.live import Live

    tables = _tables(watcher, what, label)
    console = terminal(None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH)
    drawn_at: float = 0.0
    last: Any = None

    def show(change: Any) -> None:
        nonlocal drawn_at, last
        now, last = time.monotonic(), change
        if live and now - drawn_at >= 1 / _REFRESHES_PER_S:
            drawn_at = now
            live.update(tables.draw(change, console.width, console.height), refresh=True)

    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        try:
            yield show
        finally:
            if last is not None and live:
                live.update(tables.draw(last, console.width, console.height), refresh=True)
            elif last is not None:
                console.print(tables.draw(last, console.width, None))


def _speed(text: str | None, on_terminal: bool) -> Decimal | None:
    """Times the recorded pace; None for as fast as it reads. Raises `UsageError`."""
    if text in (None, "max"):
        return Decimal(1) if text is None and on_terminal else None
    try:
        speed = Decimal(text or "")
    except ArithmeticError:
        speed = Decimal(0)
    if not (speed.is_finite() and speed > 0):
        raise UsageError(f"not a speed: {text!r}", where="--speed", fix="write a number above 0, or max")
    return speed


def _printer(watcher: _Watching, what: str) -> Callable[[Any], None]:
    from cryptopipe.watching import Watcher

    if isinstance(watcher, Watcher):
        return partial(_print_lines, watcher, edges=what == "edges")
    return _print_orders


def _tables(watcher: _Watching, what: str, label: str) -> "OrdersTables | WatchTables":
    from cryptopipe.cli.watch_orders import OrdersTables
    from cryptopipe.cli.watch_tables import WatchTables
    from cryptopipe.watching_orders import OrdersWatcher

    if isinstance(watcher, OrdersWatcher):
        return OrdersTables(watcher, label)
    return WatchTables(cast("Watcher", watcher), what == "edges", label)


def _print_orders(change: "OrdersChange") -> None:
    from cryptopipe.watching_orders import orders_document

    for shown in change.books:
        click.echo(json.dumps({"schema": 1, **orders_document(shown, change.at)}))


def _print_lines(watcher: "Watcher", change: "Change", *, edges: bool) -> None:
    from cryptopipe.clock import format_at
    from cryptopipe.watching import edge_document

    at = format_at(change.at)
    if edges:
        for opportunity in change.edges:
            click.echo(json.dumps({"schema": 1, "at": at, **edge_document(opportunity, watcher.fees)}))
        for edge in change.closed:
            click.echo(json.dumps({"schema": 1, "at": at, "edge": edge, "closed": True}))
    else:
        for sync in change.changed:
            click.echo(json.dumps({"schema": 1, **watcher.unified(sync)}))
