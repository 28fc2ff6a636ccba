"""`cryptopipe collect status`: who collects what, and how late.

Enters: what collectors left in the data directory. Leaves: a table, or one JSON object. Never: a write.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from cryptopipe.cli.options import Common
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.clock import SECOND, Stamper, parse_at
from cryptopipe.errors import UsageError


def status(common: Common, others: Sequence[str]) -> None:
    """Tell of every collector that runs here. Raises `UsageError` for options that say nothing of it."""
    if others:
        raise UsageError("it asks nothing of a venue", where="collect status", fix="only --data_dir and --json")
    settings = common.load([])
    found = list(_running(settings.data_dir))
    if common.json:
        print_json({"data_dir": str(settings.data_dir), "collectors": found})
    elif not found:
        click.echo(f"no collector runs in {settings.data_dir}")
    else:
        terminal().print(_table(found))


def _running(data_dir: Path) -> Iterator[dict[str, Any]]:
    from cryptopipe.collect.layout import root
    from cryptopipe.collect.sessions import all_sessions

    now = Stamper()()
    for folder in sorted(root(data_dir).glob("*")):
        for session in all_sessions(data_dir, folder.name):
            if not session.runs:
                continue
            told = session.status()
            yield {
                "venue": folder.name,
                "session": session.id,
                "pid": told.get("pid"),
                "told_s": _age(told.get("at"), now),
                "spilling": told.get("spilling", True),
                "spills": told.get("spills", 0),
                "late_inputs": told.get("late_inputs", 0),
                "streams": [
                    {**one, "last_row_s": _age(one.get("last_row_at"), now)} for one in told.get("streams", ())
                ],
            }


def _age(at: str | None, now: int) -> str | None:
    """Seconds with one digit."""
    return None if at is None else f"{max(0, now - parse_at(at)) * 10 // SECOND / 10}"


def _table(found: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("venue", "process", "type", "symbol", "rows", "last row", "gaps", "rows late", box=None)
    for one in found:
        for stream in one["streams"] or [{}]:
            age = stream.get("last_row_s")
            table.add_row(
                one["venue"], str(one["pid"] or "?"), stream.get("type", "-"), stream.get("symbol", "-"),
                str(stream.get("rows", 0)), "never" if age is None else f"{age} s ago", str(stream.get("gaps", 0)),
                f"{one['late_inputs']} inputs" if one["spilling"] else "no",
            )  # fmt: skip
    return table
