"""A report as tables for a terminal.

Enters: a `Report`. Leaves: lines on a console. Never: a figure of runs that are not simultaneous without saying so.
"""

from rich.console import Console
from rich.table import Table

from cryptopipe.clock import format_at
from cryptopipe.model.money import readable
from cryptopipe.postmortem.report import Report, RunLine

CHECKS = "Checks that failed"


def render(report: Report, console: Console) -> None:
    """Print the report."""
    if not report.runs:
        of = f" of strategy {report.strategy}" if report.strategy else ""
        console.print(f"No runs{of} yet. Start one: cryptopipe --strategy arbitrage --mode action")
        return
    for label in report.labels:
        console.print(label.replace("not simultaneous", "NOT SIMULTANEOUS"), style="bold reverse", markup=False)
    tables = (_runs, _refusals, _widest, _edges, _kinds, _quotes, _profit, _balances)
    for table in (made(report) for made in tables):
        if table.row_count:
            console.print(table)
        if table.row_count and table.title == CHECKS:
            console.print("(counted by episode; an accepted edge fails some checks before and after)", style="dim")
    balanced = "balanced" if report.ledger_balanced else "[bold red]NOT balanced[/]"
    console.print(f"Ledger: {balanced}. Fills: {report.fills:,}.", highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", highlight=False, markup=False)


def _table(title: str, *columns: str) -> Table:
    """The first column holds names, the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    return table


def _runs(report: Report) -> Table:
    table = _table("Runs", "run", "end", "venues", "frames", "found", "accepted", "refused", "fills")
    for run in report.runs:
        numbers = (run.frames, run.found, run.accepted, run.refused, run.fills)
        end = "clean" if run.clean else "none"
        table.add_row(run.run_id, end, _venues(run), *("?" if n is None else f"{n:,}" for n in numbers))
    total = report.opportunities
    if len(report.runs) > 1:
        table.add_section()
        sums = (total.found, total.accepted, total.refused, report.fills)
        table.add_row("all", "", "", "", *(f"{number:,}" for number in sums))
    return table


def _venues(run: RunLine) -> str:
    """Whether they held at the end what the books say."""
    if run.venues_differ is None:
        return "paper" if run.execution == "paper" else "not asked"
    return "differ" if run.venues_differ else "agree"


def _refusals(report: Report) -> Table:
    table = _table(CHECKS, "check", "episodes", "of all", "evaluations", "of all")
    for check, episodes in sorted(report.refusals.items(), key=lambda item: (-item[1], item[0])):
        failed = report.failed.get(check, 0)
        shares = (100 * episodes / max(1, report.opportunities.found), 100 * failed / max(1, report.evaluations))
        table.add_row(check, f"{episodes:,}", f"{shares[0]:.1f} %", f"{failed:,}", f"{shares[1]:.1f} %")
    return table


def _widest(report: Report) -> Table:
    table = _table("Widest edge on fresh books", "", "bp", "bought at", "sold at", "instruments", "at")
    for which, edge in report.best_edges.items():
        instruments = " ".join(edge.instruments)
        table.add_row(which, f"{edge.bps:.4f}", edge.buy, edge.sell, instruments, format_at(edge.at))
    return table


def _edges(report: Report) -> Table:
    table = _table("Best edges, by net", "edge", "episodes", "accepted", "gross bp", "net bp")
    for edge in report.edges:
        bps = (f"{edge.best_gross_bps:.4f}", f"{edge.best_net_bps:.4f}")
        table.add_row(edge.edge, f"{edge.episodes:,}", f"{edge.accepted:,}", *bps)
    return table


def _kinds(report: Report) -> Table:
    table = _table("Kinds of edge", "kind", "edges", "closed", "lost", "half-life", "plans", "completed")
    for one in report.kinds:
        half = "unknown" if one.half_life_ms is None else f"{one.half_life_ms:,.0f} ms"
        share = f"{one.completed:,} ({100 * one.completed / one.plans:.0f} %)" if one.plans else ""
        table.add_row(one.kind, f"{one.edges:,}", f"{one.closed:,}", f"{one.lost:,}", half, f"{one.plans:,}", share)
    if report.kinds:
        table.caption = (
            "lost from sight: taken, a book that could not be read, or the run's end; the half-life allows for it"
        )
    return table


def _quotes(report: Report) -> Table:
    counts = ("placed", "refused", "cancelled", "fills")
    table = _table("Quotes", "instrument", *counts, "bought", "sold", "inventory")
    for one in report.quotes:
        amounts = (readable(amount) for amount in (one.bought, one.sold, one.inventory))
        table.add_row(one.instrument, *(f"{getattr(one, name):,}" for name in counts), *amounts)
    return table


def _profit(report: Report) -> Table:
    table = _table("Profit", "", "amount", "asset")
    for asset, amount in report.profit.items():
        table.add_row("change", readable(amount), asset)
    value = report.value
    if value is not None:
        table.add_section()
        lines = (("trading", value.trading), ("revaluation", value.revaluation), ("restoring", value.restoring))
        for name, line in lines:
            table.add_row(name, "unknown" if line is None else readable(line), value.numeraire)
        if value.unpriced:
            table.caption = f"no price for inventory in {', '.join(value.unpriced)}: left out of the revaluation"
    return table


def _balances(report: Report) -> Table:
    table = _table("Balances", "venue", "asset", "opening", "closing")
    for venue, amounts in report.balances.items():
        for asset, balance in amounts.items():
            table.add_row(venue, asset, readable(balance.opening), readable(balance.closing))
    return table
