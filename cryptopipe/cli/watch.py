"""`cryptopipe watch [--edges]`: prices and edges as they come; never trades.

Enters: a market, or recordings. Leaves: a live table, or one JSON line per record. Never: an order.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import terminal
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.settings import Settings
    from cryptopipe.watching import Change, Watcher

_REFRESHES_PER_S = 4
_WIDE = 120
"""Columns from which every cost has one of its own."""


@click.command("watch")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Whose edges to show.")
@click.option("--edges", is_flag=True, help="Edges with gross, each cost, net and break-even fee.")
@market_options
@click.option("--for", "for_text", metavar="T", help="Stop after this much time (of the recordings, if any): 30s.")
@click.option(
    "--speed", metavar="N", help="Times a recording's pace: 1, 10, or max. A table on a terminal: 1, else max."
)
@common_options
def watch(
    common: Common, strategy: str, edges: bool, market: MarketOptions, for_text: str | None, speed: str | None
) -> None:
    """Show prices, or with --edges every edge with its costs. Never trades.

    \b
    Examples:
      cryptopipe watch --edges
      cryptopipe watch --json --replay alpha=btcusdt.jsonl.gz | head
    """
    from cryptopipe import registry

    registry.strategy(strategy)
    settings = common.load([strategy])
    pace = _speed(speed, on_terminal=not common.json and sys.stdout.isatty())
    for_ns = duration_option(for_text)
    if market.replays:
        _watch_recordings(common, strategy, settings, edges, market, for_ns, pace)
    elif speed is not None:
        raise UsageError("only recordings have a pace", where="--speed", fix="leave it out")
    else:
        _watch_connections(common, strategy, settings, edges, market, for_ns)


def _watch_recordings(
    common: Common,
    strategy: str,
    settings: "Settings",
    edges: bool,
    market: MarketOptions,
    for_ns: int | None,
    pace: Decimal | None,
) -> None:
    from cryptopipe.drivers.replay import paced, refuse_foreign
    from cryptopipe.drivers.stop import stop_on_interrupt, watched
    from cryptopipe.summary import venue_counts
    from cryptopipe.wiring import Wiring, source_of

    source = source_of(settings, market.replays, market.shifts, market.align)
    watcher = Wiring.of(strategy, settings, source.venues).watcher()
    with stop_on_interrupt() as stop, _shown(watcher, common.json, edges, source.label().why) as show:
        inputs = watched(source, stop, for_ns)
        for change in watcher.changes(inputs if pace is None else paced(inputs, pace, stop.wait)):
            show(change)
    refuse_foreign({venue: venue_counts(watcher.market, venue) for venue in watcher.market.counts})


def _watch_connections(
    common: Common, strategy: str, settings: "Settings", edges: bool, market: MarketOptions, for_ns: int | None
) -> None:
    from cryptopipe.drivers.stop import stop_on_interrupt
    from cryptopipe.drivers.streams import Streams, all_subscriptions
    from cryptopipe.wiring import Wiring

    wiring = Wiring.of(strategy, settings, market.venue_names(settings))
    watcher = wiring.watcher()
    with (
        market.open(wiring.plugins, settings.assets) as place,
        stop_on_interrupt() as stop,
        _shown(watcher, common.json, edges, place.label) as show,
    ):

        def turn_ended(at: int) -> None:
            change = watcher.end_turn()
            if change is not None:
                show(change)

        wanted = all_subscriptions(wiring.plugins, settings.assets)
        Streams(
            wiring.plugins, watcher.market, wanted, watcher.receive, turn_ended, place.rewrite, place.ended
        ).run(stop, for_ns)  # fmt: skip


@contextmanager
def _shown(watcher: "Watcher", as_json: bool, edges: bool, label: str) -> Iterator[Callable[["Change"], None]]:
    """What shows each change: JSON lines, or a table that is drawn at most four times a second and once at the end."""
    if as_json:
        yield lambda change: _print_lines(watcher, change, edges)
        return
    import time

    from rich.live import Live

    console = terminal()
    draw = _edge_table if edges else _price_table
    drawn_at, last = 0.0, None

    def show(change: "Change") -> None:
        nonlocal drawn_at, last
        now, last = time.monotonic(), change
        if console.is_terminal and now - drawn_at >= 1 / _REFRESHES_PER_S:
            drawn_at = now
            live.update(draw(watcher, change, label, console.width), refresh=True)

    with Live(console=console, auto_refresh=False, transient=False) as live:
        try:
            yield show
        finally:
            if last is not None:
                live.update(draw(watcher, last, label, console.width), refresh=True)


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


def _print_lines(watcher: "Watcher", change: "Change", edges: bool) -> None:
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


def _edge_table(watcher: "Watcher", change: "Change", label: str, width: int) -> Any:
    from rich.table import Table

    from cryptopipe.clock import format_at
    from cryptopipe.watching import break_even_fee_bps

    table = Table(title=f"edges at {format_at(change.at)}" + (f" ({label})" if label else ""), title_justify="left")
    shown = {**watcher.best, **watcher.edges}  # an edge that closed stays in sight as it was at its best
    if not shown:
        table.add_column("no edge above zero yet")
        return table
    wide = width >= _WIDE
    names = sorted({cost.name for edge in shown.values() for cost in edge.costs if not cost.name.startswith("fee ")})
    table.add_column("edge, bps", overflow="fold", min_width=18)
    for column in ("now", "gross", "fees", *(names if wide else ["other"]), "net", "break-even fee"):
        table.add_column(column, justify="right", no_wrap=column != "break-even fee")
    for column in ("notional", "refused for") if wide else ():
        table.add_column(column, justify="right")
    for edge in sorted(shown.values(), key=lambda e: (e.edge not in watcher.edges, -e.net_bps))[:20]:
        costs = {name: sum(cost.bps for cost in edge.costs if cost.name == name) for name in names}
        fees = sum(cost.bps for cost in edge.costs if cost.name.startswith("fee "))
        others = list(costs.values()) if wide else [sum(costs.values())]
        colour = "green" if edge.net_bps > 0 and not edge.obstacles else "default"
        obstacles = ", ".join(sorted({reason.check for reason in edge.obstacles})) or "-"
        table.add_row(
            edge.edge,
            "open" if edge.edge in watcher.edges else "was",
            *(f"{bps:.2f}" for bps in (edge.gross_bps, fees, *others)),
            f"[{colour}]{edge.net_bps:.2f}[/]",
            f"{break_even_fee_bps(edge, watcher.fees):.2f}",
            *((f"{edge.notional:.2f} {edge.numeraire}", obstacles) if wide else ()),
        )
    return table


def _price_table(watcher: "Watcher", change: "Change", label: str, width: int) -> Any:
    from rich.table import Table

    from cryptopipe.clock import format_at
    from cryptopipe.model.money import plain

    table = Table(title=f"tops at {format_at(change.at)}" + (f" ({label})" if label else ""), title_justify="left")
    for column in ("instrument", "state", "proof"):
        table.add_column(column, overflow="fold")
    for column in ("bid", "size", "ask", "size"):
        table.add_column(column, justify="right")
    for books in watcher.market.books.values():
        for sync in sorted(books.values(), key=lambda s: s.id):
            top = sync.book.top
            numbers = [top.bid, top.bid_size, top.ask, top.ask_size] if top else [None] * 4
            texts = ["-" if number is None else plain(number) for number in numbers]
            table.add_row(sync.id, sync.state.value, sync.rule.proof.value, *texts)
    return table
