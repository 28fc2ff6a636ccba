"""`cryptopipe doctor`: is this installation sound?

Enters: the machine. Leaves: a line per check or JSON; exit code 1 if one is not right. Never: a change.
"""

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json


@click.command()
@common_options
def doctor(common: Common) -> int:
    """Look at Python, core, libraries, plugins, configuration and disk. Exit code 1 if something is wrong."""
    from cryptopipe.doctor import examine

    core, checks = examine(common.load)
    ok = all(check.ok for check in checks)
    if common.json:
        print_json({"ok": ok, "core": core, "checks": [check._asdict() for check in checks]})
        return 0 if ok else 1
    for check in checks:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
        if check.fix and not check.ok:
            click.echo(f"     fix: {check.fix}")
    return 0 if ok else 1
