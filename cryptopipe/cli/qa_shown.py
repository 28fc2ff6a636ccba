"""What `cryptopipe qa` shows on a terminal.

Enters: a report. Leaves: tables. Never: a check that failed and is not shown.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cryptopipe.cli.output import terminal

if TYPE_CHECKING:
    from rich.table import Table

    from cryptopipe.quality.examine import Report

_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def render(report: "Report", data_dir: Path) -> None:
    """A line for each stream, then one for each check that found something, then what was refused."""
    console = terminal(width=None if sys.stdout.isatty() else 140)
    if not report.all and not report.refused:
        console.print(f"no sealed file in {data_dir / 'collected'}: collect some first", markup=False, highlight=False)
        return
    console.print(_streams(report))
    faults = _faults(report)
    if faults.row_count:
        console.print(faults)
    for one in report.refused:
        console.print(f"not judged: {one}", style="yellow", markup=False, highlight=False)
    counts = report.counts()
    said = (
        f"{len(report.judged)} judged now, {len(report.known)} before: {counts['pass']} pass, {counts['warn']} warn, "
    )
    console.print(f"{said}{counts['fail']} fail, {counts['refused']} not judged", highlight=False)
    if report.stopped:
        console.print("stopped: the others are judged the next time", style="yellow", highlight=False)


def _streams(report: "Report") -> "Table":
    from cryptopipe.quality.report import by_stream

    table = _table("Files by stream", "venue", "type", "symbol", "files", "rows", "pass", "warn", "fail")
    for line in by_stream(report):
        numbers = (line.files, line.rows, line.passed, line.warned, line.failed)
        worst = "fail" if line.failed else "warn" if line.warned else ""
        table.add_row(line.venue, line.folder, line.symbol, *(f"{one:,}" for one in numbers), style=_STYLES.get(worst))
    return table


def _faults(report: "Report") -> "Table":
    from rich.text import Text

    table = _table("What was found", "file", "check", "severity", "count", "line", "what")
    for file, verdict in report.all:
        for one in verdict.failed:
            first = one.examples[0] if one.examples else None
            what = " | ".join(text for text in (first.text if first else "", one.detail) if text)
            style = _STYLES["fail" if one.severity == "critical" else "warn"]
            line = str(first.line) if first and first.line else ""
            table.add_row(Text(file.name), one.name, one.severity, f"{one.count:,}", line, Text(what), style=style)
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    numbers = ("files", "rows", "pass", "warn", "fail", "count", "line")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table
