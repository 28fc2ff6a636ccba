"""`cryptopipe capture`: raw captures to and from JSON lines, and what they hold.

Enters: paths. Leaves: one line for a person, or one JSON object. Never: a file overwritten.
"""

from pathlib import Path

import click

from cryptopipe.capture.exchange import Summary, describe, export_lines, import_lines
from cryptopipe.cli.output import print_json
from cryptopipe.clock import format_at

_PATH = click.Path(path_type=Path)


@click.group()
def capture() -> None:
    """Export, import and describe raw captures."""


@capture.command("export")
@click.argument("capture", type=_PATH)
@click.argument("file", type=_PATH)
def export_command(capture: Path, file: Path) -> None:
    """Write CAPTURE to FILE as JSON lines; gzipped if FILE ends in .gz."""
    click.echo(f"{export_lines(capture, file)} inputs written to {file}", err=True)


@capture.command("import")
@click.argument("file", type=_PATH)
@click.argument("capture", type=_PATH)
@click.option("--venue", metavar="V", help="Whose the lines are that do not say it.")
def import_command(file: Path, capture: Path, venue: str | None) -> None:
    """Write the JSON lines of FILE as a native capture into the directory CAPTURE."""
    click.echo(f"{import_lines(file, capture, venue)} inputs written to {capture}", err=True)


@capture.command("info")
@click.argument("capture", type=_PATH)
@click.option("--venue", metavar="V", help="Whose the lines are that do not say it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def info_command(capture: Path, venue: str | None, as_json: bool) -> None:
    """Say what CAPTURE holds, per venue, connection and direction."""
    summary = describe(capture, venue)
    if as_json:
        print_json(_document(summary))
    else:
        _print(summary)


def _document(summary: Summary) -> dict[str, object]:
    inputs = [
        {"venue": venue, "conn": conn, "dir": direction, "count": count}
        for (venue, conn, direction), count in summary.inputs.items()
    ]
    return {
        "path": summary.path,
        "format": "arrow" if summary.native else "jsonl",
        "complete": summary.complete,
        "count": summary.count,
        "first_at": format_at(summary.first) if summary.count else None,
        "last_at": format_at(summary.last) if summary.count else None,
        "inputs": inputs,
        "payload_bytes": summary.payload_bytes,
        "file_bytes": summary.file_bytes,
        "segments": summary.segments,
        "meta": summary.meta,
    }


def _print(summary: Summary) -> None:
    form = f"native, {summary.segments} segments" if summary.native else "JSON lines"
    state = "complete" if summary.complete else "truncated by a crash, or still being written"
    click.echo(f"{summary.path}: {form}, {state}")
    if summary.count:
        click.echo(f"{summary.count} inputs from {format_at(summary.first)} to {format_at(summary.last)}")
    click.echo(f"{summary.payload_bytes} bytes of payload in {summary.file_bytes} bytes of files")
    for key, value in summary.meta.items():
        click.echo(f"{key}: {value}")
    for (venue, conn, direction), count in summary.inputs.items():
        click.echo(f"  {venue or '-':16} {conn or '-':18} {direction:8} {count:>9}")
