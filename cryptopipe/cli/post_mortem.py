"""`cryptopipe post-mortem` and `cryptopipe journal`: what the journal says, and whether it is sound.

Enters: the data directory. Leaves: tables or JSON. Never: a lock on a run, a change to a log.
"""

import sys
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.accounting import export_command
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal

if TYPE_CHECKING:
    from pathlib import Path

    from cryptopipe.journal.runs import Run


@click.command("post-mortem")
@click.option("--strategy", metavar="NAME", help="Only the runs of this strategy.")
@click.option("--run", "wanted", default="all", show_default=True, metavar="ID|last|all", help="Which runs.")
@click.option("--calibration", is_flag=True, help="How far forecasts of coins that travelled came true.")
@common_options
def post_mortem(common: Common, strategy: str | None, wanted: str, calibration: bool) -> None:
    """What was found, refused and taken, and where it went, over all runs; also while one runs."""
    settings = common.load(None if strategy is None else [strategy])
    if calibration:
        _show_calibration(settings.data_dir, strategy, wanted, as_json=common.json)
        return
    from cryptopipe.postmortem.report import report

    made = report(settings.data_dir, strategy, wanted)
    if common.json:
        print_json(made.document())
        return
    from cryptopipe.postmortem.render import render

    render(made, terminal(width=None if sys.stdout.isatty() else 120))


def _show_calibration(data_dir: "Path", strategy: str | None, wanted: str, *, as_json: bool) -> None:
    from cryptopipe.postmortem.calibration import calibration, document

    figures, found = calibration(data_dir, strategy, wanted)
    if as_json:
        print_json({"strategy": strategy, "calibration": document(figures, found)})
        return
    from cryptopipe.postmortem.calibration_table import render

    render(figures, found, terminal(width=None if sys.stdout.isatty() else 120))


@click.group()
def journal() -> None:
    """The log of decisions and its projection."""


journal.add_command(export_command)


@journal.command("rebuild")
@common_options
def rebuild(common: Common) -> int:
    """Drop journal.duckdb and make it again from the logs."""
    from cryptopipe.journal import database
    from cryptopipe.journal.runs import list_runs

    data_dir = common.load().data_dir
    runs = list_runs(data_dir)
    if not runs:
        print_json({"records": 0, "runs": 0}) if common.json else click.echo(f"no run in {data_dir}: nothing to build")
        return 0
    done = database.rebuild(data_dir)
    path = database.database(data_dir)
    if common.json:
        print_json({"path": path, "runs": len(runs), "records": done.records, "damaged": done.damaged})
    else:
        click.echo(f"{done.records} records of {len(runs)} runs in {path}")
        for run_id, damage in done.damaged.items():
            click.echo(f"run {run_id}: {damage}", err=True)
    return 1 if done.damaged else 0


@journal.command("check")
@click.argument("run", default="last", metavar="[RUN]")
@common_options
def check(common: Common, run: str) -> int:
    """Verify every checksum of a run's log (an id, `last` or `all`); 1 if a record is damaged."""
    from cryptopipe.journal.runs import find

    rows = [_checked(one) for one in find(common.load().data_dir, run)]
    sound = all(row["damage"] is None for row in rows)
    if common.json:
        print_json({"ok": sound, "runs": rows})
        return 0 if sound else 1
    for row in rows:
        torn = f", then {row['torn_bytes']} bytes that are no whole record" if row["torn_bytes"] else ""
        click.echo(f"{row['run_id']}: {row['records']} sound records{torn}")
        if row["damage"] is not None:
            click.echo(f"{row['run_id']}: {row['damage']}", err=True)
    return 0 if sound else 1


def _checked(run: "Run") -> dict[str, object]:
    import hashlib

    from cryptopipe.errors import JournalError
    from cryptopipe.journal.reader import read

    records, digest, damage = read(run.journal), hashlib.sha256(), None
    try:
        for _, line in records.lines():
            digest.update(line + b"\n")
    except JournalError as error:
        damage = str(error)
    return {
        "run_id": run.id,
        "records": records.position.n,
        "torn_bytes": records.torn_bytes,
        "hash": digest.hexdigest(),
        "damage": damage,
    }


@journal.command("path")
@click.argument("run", default="last", metavar="[RUN]")
@common_options
def path(common: Common, run: str) -> None:
    """Where the log of a run is."""
    from cryptopipe.journal.runs import find

    found = find(common.load().data_dir, run)
    if common.json:
        print_json({"paths": {one.id: one.journal for one in found}})
        return
    for one in found:
        click.echo(one.journal)
