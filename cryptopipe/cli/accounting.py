"""`cryptopipe journal export`: what changed the accounts, as a file for other people's books.

Enters: the journals of runs. Leaves: a CSV file, and what was written. Never: a change of a journal, or half a file.
"""

from pathlib import Path

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError


@click.command("export")
@click.option(
    "--csv", "path", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The file to write."
)
@click.option("--runs", "--run", "wanted", default="all", show_default=True, metavar="ID|last|all", help="Which runs.")
@click.option(
    "--what",
    type=click.Choice(["fills", "fees", "transfers", "all"]),
    default="all",
    show_default=True,
    help="Which lines: `all` is fills and transfers, each with its fee; `fees` is these fees again, alone.",
)
@common_options
def export_command(common: Common, path: Path, wanted: str, what: str) -> int:
    """Fills, fees and transfers with exact amounts and their value, for accounting.

    A value is the journal's own, of that moment; where it has none the cell is empty. 1 if a journal is damaged: the
    file has what stands before the damage.
    """
    from cryptopipe.journal.runs import find
    from cryptopipe.postmortem.accounting_file import export

    data_dir = common.load().data_dir
    runs = find(data_dir, wanted)
    if not runs:  # a file that was there is not replaced by one without lines
        raise UsageError(
            "no run is kept here", where=str(data_dir), fix="name the directory of the runs: --data-dir DIR"
        )
    done = export(runs, path, what)
    if common.json:
        counts = {"runs": len(runs), "what": what, "lines": done.lines, "without_value": done.without_value}
        print_json({"path": path, **counts, "damaged": done.damaged})
    else:
        empty = f", {done.without_value:,} of them without a value" if done.without_value else ""
        click.echo(f"{done.lines:,} lines of {len(runs):,} runs in {path}{empty}")
        for run_id, damage in done.damaged.items():
            click.echo(f"run {run_id}: {damage}", err=True)
    return 1 if done.damaged else 0
