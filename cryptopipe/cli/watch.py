"""`cryptopipe watch [--edges]`: prices and edges as they come; never trades.

Enters: sources to replay. Leaves: a live table, or one JSON line per record. Never: an order.
"""

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import terminal
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.watching import Change, Watcher

_REFRESHES_PER_S = 4
_WIDE = 120
"""Columns from which every cost has one of its own."""


@click.command("watch")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Whose edges to show.")
@click.option("--edges", is_flag=True, help="Edges with gross, each cost, net and break-even fee.")
@click.option("--replay", "replays", multiple=True, metavar="VENUE=FILE", help="A capture to replay; repeatable.")
@click.option("--align", type=click.Choice(["start"]), help="Bring recordings of different days to one origin.")
@click.option("--shift", "shifts", multiple=True, metavar="VENUE=T", help="Delay one venue's recording: alpha=120s.")
@click.option("--for", "for_text", metavar="T", help="Stop after this much of the recordings' time: 30s.")
@click.option(
    "--speed", metavar="N", help="Times the recorded pace: 1, 10, or max. A table on a terminal: 1, else max."
)
@common_options
def watch(
    common: Common,
    strategy: str,
    edges: bool,
    replays: tuple[str, ...],
    align: str | None,
    shifts: tuple[str, ...],
    for_text: str | None,
    speed: str | None,
) -> None:
    """Show prices, or with --edges every edge with its costs. Never trades.

    \b
    Examples:
      cryptopipe watch --edges
      cryptopipe watch --json --replay alpha=btcusdt.jsonl.gz | head
    """
    from cryptopipe import registry
    from cryptopipe.drivers.replay import paced, refuse_foreign
    from cryptopipe.drivers.stop import stop_on_interrupt, watched
    from cryptopipe.summary import venue_counts
    from cryptopipe.wiring import Wiring, source_of

    registry.strategy(strategy)
    settings = common.load([strategy])
    source = source_of(settings, replays, shifts, align)
    watcher = Wiring.of(strategy, settings, source.venues).watcher()
    with stop_on_interrupt() as stop:
        inputs = watched(source, stop, duration_option(for_text))
        pace = _speed(speed, on_terminal=not common.json and sys.stdout.isatty())
        changes = watcher.changes(inputs if pace is None else paced(inputs, pace, stop.wait))
        if common.json:
            _print_lines(watcher, changes, edges)
        else:
            _show_table(watcher, changes, edges, source.label().why)
    refuse_foreign({venue: venue_counts(watcher.market, venue) for venue in watcher.market.counts})


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


def _print_lines(watcher: "Watcher", changes: Any, edges: bool) -> None:
    from cryptopipe.clock import format_at
    from cryptopipe.watching import edge_document

    for change in changes:
        at = format_at(change.at)
        if edges:
            for opportunity in change.edges:
                click.echo(json.dumps({"schema": 1, "at": at, **edge_document(opportunity, watcher.fees)}))
            for edge in change.closed:
                click.echo(json.dumps({"schema": 1, "at": at, "edge": edge, "closed": True}))
        else:
            for sync in change.changed:
                click.echo(json.dumps({"schema": 1, **watcher.unified(sync)}))


def _show_table(watcher: "Watcher", changes: Any, edges: bool, label: str) -> None:
    import time

    from rich.live import Live

    console = terminal()
    draw = _edge_table if edges else _price_table
    drawn_at, last = 0.0, None
    with Live(console=console, auto_refresh=False, transient=False) as live:
        for last in changes:
            now = time.monotonic()
            if console.is_terminal and now - drawn_at >= 1 / _REFRESHES_PER_S:
                drawn_at = now
                live.update(draw(watcher, last, label, console.width), refresh=True)
        if last is not None:
            live.update(draw(watcher, last, label, console.width), refresh=True)


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
