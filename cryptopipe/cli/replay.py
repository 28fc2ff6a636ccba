"""`cryptopipe replay RUN --verify`: the same run again.

Enters: a run's id, or `last`. Leaves: whether the journal is identical. Never: a change to the run.
"""

import json
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.verify import Verification

_LONGEST = 200


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
    from cryptopipe.verify import notes_of
    from cryptopipe.verify import verify as compare

    data_dir = common.load([]).data_dir
    if run == "all":
        raise UsageError("one run is replayed at a time, not all", where="RUN", fix="give an id, or last")
    (found,) = find(data_dir, run)
    for note in () if common.json else notes_of(found):
        click.echo(f"note: {note}")
    outcome = compare(found)
    if common.json:
        print_json(outcome.document())
    elif outcome.identical:
        click.echo(
            f"identical: {outcome.records} records ({outcome.compared}), {outcome.hash_run[:16]}…, {outcome.seconds} s"
        )
    else:
        _tell_difference(outcome)
    if not outcome.identical:
        raise click.exceptions.Exit(1)


def _tell_difference(outcome: "Verification") -> None:
    """Record, field and both values, and what the likely reason is."""
    first = outcome.first_difference
    if first is not None:
        where = f"record {first['record']}" + (f", field {first['field']}" if first["field"] else "")
        click.echo(f"different at {where}: the run has {_told(first['run'])}, the replay {_told(first['replay'])}")
    if outcome.notes:
        click.echo("fix: replay the run with the version that recorded it; its journal and capture are as they were")
    else:
        click.echo(
            "fix: version and settings are the run's own, so a plugin or the strategy has changed since, or this is a"
            " fault of Cryptopipe: please report it with the run's directory"
        )


def _told(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
