"""What a command prints.

Enters: documents, errors. Leaves: one JSON object on stdout, or lines for a person. Never: a number as a float, two
objects, an error on both channels with different words.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.errors import CryptopipeError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1
"""The version of every `--json` document; additions keep it."""


def print_json(document: Mapping[str, Any]) -> None:
    """The document with `schema` on stdout. Decimals become text; other unknown types raise `TypeError`."""
    click.echo(json.dumps({"schema": SCHEMA, **document}, default=_as_text, ensure_ascii=False))


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


def print_error(error: CryptopipeError, *, as_json: bool) -> None:
    """One message to stderr; with `as_json` the same as an object on stdout."""
    for line in str(error).splitlines():
        click.echo(f"error: {line}", err=True)
    if error.fix:
        click.echo(f"fix: {error.fix}", err=True)
    if as_json:
        told = {"code": error.code, "message": error.message, "where": error.where, "fix": error.fix}
        print_json({"error": told})
