"""`cryptopipe replay RUN --verify`: the same run again.

Enters: a run's id, or `last`. Leaves: whether the journal is identical. Never: a change to the run.
"""

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError


@click.command("replay")
@click.argument("run", default="last")
@click.option("--verify", is_flag=True, help="Compare the journals, byte for byte: what a replay does, said or not.")
@common_options
def replay(common: Common, run: str, verify: bool) -> None:
    """Run a captured run again, in memory, and compare its journal with the one on disk.

    It runs with its own configuration: --set and --config are refused.

    \b
    Examples:
      cryptopipe replay last --verify
      cryptopipe replay 20261121T0550 --json
    """
    for option, given in (("--set", common.sets), ("--config", common.config)):
        if given:
            why = "a run is replayed with its own configuration"
            raise UsageError(f"not taken here: {why}", where=option, fix="leave it out; --data-dir says where runs are")
    from cryptopipe.journal.runs import find
    from cryptopipe.verify import verify as compare

    data_dir = common.load([]).data_dir
    if run == "all":
        raise UsageError("one run is replayed at a time, not all", where="RUN", fix="give an id, or last")
    outcome = compare(find(data_dir, run)[0])
    if common.json:
        print_json(outcome.document())
    elif outcome.identical:
        click.echo(
            f"identical: {outcome.records} records ({outcome.compared}), {outcome.hash_run[:16]}…, {outcome.seconds} s"
        )
    else:
        click.echo(f"different: {outcome.first_difference}")
    if not outcome.identical:
        raise click.exceptions.Exit(1)
