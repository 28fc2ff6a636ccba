"""`cryptopipe`: from arguments to an exit code.

Enters: arguments. Leaves: 0 ok, 1 failed, 2 usage, 69 venue unavailable, 75 temporary, 78 configuration, 130
interrupted. Never: a traceback for an error that has a class in `errors.py`, a second message for one fault.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cryptopipe import __version__
from cryptopipe.cli.arguments import command_first
from cryptopipe.cli.commands import COMMANDS, Commands
from cryptopipe.cli.output import lead_nowhere, print_error, takes
from cryptopipe.errors import CryptopipeError, UsageError

INTERRUPTED = 130

_EPILOG = "`--mode X` and the command X are one: `cryptopipe --strategy arbitrage --mode action`."


@click.command(
    cls=Commands,
    name="cryptopipe",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.option("--strategy", metavar="NAME", help="The strategy to run or to report on.")
@click.option("--mode", metavar="COMMAND", help="The same as the command of this name.")
@click.option("--config", metavar="FILE", help="Read this file, not ./config.yaml.")
@click.option("--set", "set_values", multiple=True, metavar="KEY=VALUE", help="Set one value: risk.max_notional=500.")
@click.option("--data-dir", "--data_dir", metavar="DIR", help="Where captures and journals are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-v", "--verbose", count=True, help="More of the log on stderr; -vv for all of it.")
@click.version_option(__version__, message="cryptopipe %(version)s")
def root(**_given: Any) -> None:
    """Watch many exchanges at once, find edges net of every cost, act or simulate, explain every decision."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_CRYPTOPIPE_COMPLETE" in os.environ:
        root.main(arguments, prog_name="cryptopipe")  # the shell asks for completions
    as_json = "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)
    if sys.stderr is None:  # closed; the next file opened would get its number, and the log with it
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        return _failed(CryptopipeError("closed, nothing could be told", where="stdout"), as_json)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has what it wanted
        lead_nowhere(sys.stdout)
        return 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _failed(_as_usage(error), as_json)
    except CryptopipeError as error:
        return _failed(error, as_json)
    except OSError as error:
        where = "" if takes(sys.stdout) else "stdout"
        where = str(error.filename) if error.filename else where
        return _failed(CryptopipeError(error.strerror or str(error), where=where), as_json)
    return code


def _run(arguments: list[str]) -> int:
    """Dispatch. A command's integer result is its exit code; any other result is 0."""
    ordered = command_first(arguments, tuple(COMMANDS))
    with root.make_context("cryptopipe", ordered or ["--help"]) as context:
        result = root.invoke(context)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _failed(error: CryptopipeError, as_json: bool) -> int:
    print_error(error, as_json=as_json)
    return error.exit_code


def _as_usage(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "cryptopipe"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message would be the whole help
        group = error.ctx.command
        names = group.list_commands(error.ctx) if isinstance(group, click.Group) else []
        message = f"name a command: {', '.join(names)}"
    else:
        message = error.format_message().rstrip(".").replace("\n", " ")
    return UsageError(message[:1].lower() + message[1:], where=path, fix=f"`{path} --help` lists what there is")
