"""What a command prints.

Enters: documents, errors. Leaves: one JSON object on stdout, or lines for a person. Never: a number as a float, two
objects, an error on both channels with different words.
"""

import json
import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cryptopipe.errors import CryptopipeError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1
"""The version of every `--json` document; additions keep it."""


def print_json(document: Mapping[str, Any]) -> None:
    """The document with `schema` on stdout. Decimals become text; other unknown types raise `TypeError`.

    Raises `OSError` with the file name "stdout" where stdout does not take it, `BrokenPipeError` as it is.
    """
    text = json.dumps({"schema": SCHEMA, **document}, default=_as_text, ensure_ascii=False)
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:  # what is longer than the buffer fails at once, and leaves nothing for a flush to fail on
        raise OSError(error.errno, error.strerror, "stdout") from error


def _as_text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")


def terminal(width: int | None = None) -> "Console":
    """Where tables go. A reader that leaves early is a `BrokenPipeError`, as for lines, and no failure."""
    from rich.console import Console

    class Leaving(Console):
        def on_broken_pipe(self) -> None:
            raise  # the BrokenPipeError at hand; rich's own would end the process with 1

    return Leaving(width=width)


def takes(stream: IO[str]) -> bool:
    """Whether it takes what was written to it; one that does not leads nowhere from now on."""
    try:
        stream.flush()
    except OSError:
        lead_nowhere(stream)
        return False
    return True


def lead_nowhere(stream: IO[str]) -> None:
    """What it still holds is lost, so that the end of the process does not fail on it again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def print_error(error: CryptopipeError, *, as_json: bool) -> None:
    """One message to stderr; with `as_json` the same as an object on stdout, unless that is what failed."""
    lines = [f"error: {line}" for line in str(error).splitlines()]
    try:
        click.echo("\n".join([*lines, f"fix: {error.fix}"] if error.fix else lines), err=True)
    except OSError:  # nobody can be told; the exit code still says it
        lead_nowhere(sys.stderr)
    if not as_json or sys.stdout is None or not takes(sys.stdout):
        return
    told = {"code": error.code, "message": error.message, "where": error.where, "fix": error.fix}
    try:
        print_json({"error": told})
    except OSError:
        lead_nowhere(sys.stdout)
