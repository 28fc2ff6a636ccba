"""How `cryptopipe bench` shows a report on a terminal.

Enters: a report. Leaves: a table and its notes. Never: a figure that the report has not.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptopipe.bench.load import Outcome
    from cryptopipe.bench.report import Report


def show(report: "Report") -> None:
    """Medians with their spread, ratios to peers."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    peers = list(dict.fromkeys(name for row in report.rows for name in row.peers))
    unit = report.rows[0].unit
    mixed = any(row.unit != unit for row in report.rows)
    title = f"bench {report.bench}, {report.core} core{'' if mixed else f', {unit}'}: median (min to max)"
    table = Table(title=title, title_justify="left")
    reference = any(row.reference for row in report.rows)
    proofs = any(row.proof for row in report.rows)
    table.add_column("")
    for column in ("n", *["proof"] * proofs, *["unit"] * mixed, "cryptopipe", *peers, *["reference core"] * reference):
        table.add_column(column, justify="left" if column in ("proof", "unit") else "right")
    places = 0 if unit.endswith("/s") else 2
    for row in report.rows:
        ours = row.spread
        cells = [row.name, f"{row.n:,}", *[row.proof] * proofs, *[row.unit] * mixed]
        cells.append(f"{ours.value:,.{places}f} ({ours.min:,.{places}f} to {ours.max:,.{places}f})")
        for name in peers:
            peer = row.peers.get(name)
            cells.append(f"{peer.spread.value:.2f}, {row.ratio[name]:.1f}x" if peer else "-")
        if reference:
            cells.append(f"{row.reference.value:,.{places}f}" if row.reference else "-")
        table.add_row(*cells)
    console.print(table)
    for name, mean in report.geomean.items():
        console.print(f"geometric mean against {name}: {mean:.1f}x")
    for line in _footnotes(report):
        console.print(line, style="dim", highlight=False)


def _footnotes(report: "Report") -> Iterator[str]:
    for row in report.rows:
        yield from row.notes
        for name, peer in row.peers.items():
            yield f"{name} on {row.name} checks {peer.checks}" + (f"; {peer.note}" if peer.note else "")
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield f"{versions}; corpus {report.corpus_sha256[:16]}"
    yield from (f"note: {note}" for note in report.notes)


def show_load(outcome: "Outcome") -> None:
    """The figures of a load, and what was wrong."""
    from rich.table import Table

    from cryptopipe.cli.output import terminal

    console, report = terminal(), outcome.report
    table = Table(title=f"bench load, {report.core} core", title_justify="left")
    table.add_column("")
    for column in ("n", "", "", "of single seconds"):
        table.add_column(column, justify="right" if column != "" else "left")
    for row in report.rows:
        spread = row.spread
        between = "" if spread.min == spread.max else f"{spread.min:,.2f} to {spread.max:,.2f}"
        table.add_row(row.name, f"{row.n:,}", f"{spread.value:,.2f}", row.unit, between)
    if report.rows:
        console.print(table)
    for problem in outcome.problems:
        console.print(problem, style="bold red", highlight=False)
    if not outcome.problems:
        console.print("no frame was lost, every book stayed alive, the capture holds every frame", highlight=False)
    for line in _footnotes(report):
        console.print(line, style="dim", highlight=False)
