"""`cryptopipe merge`: what several collectors heard of one stream, as one.

Enters: data directories, row files, captures. Leaves: a data directory or a capture with what any of them has; which
source filled which hole, what is missing still, where they disagree. Never: a source changed, a file overwritten.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.collect.manifest import Gap
    from cryptopipe.collect.merge_raw import RawReport
    from cryptopipe.collect.merge_write import StreamReport

_PATH = click.Path(path_type=Path)
_SHOWN = 10
"""Holes and disagreements of a stream that are named to a person; the JSON has all."""


@click.command("merge")
@click.argument("sources", nargs=-1, type=_PATH, metavar="SOURCE SOURCE [SOURCE ...]")
@click.option("--to", type=_PATH, metavar="DIR", help="A new directory for the result.")
@click.option("--prefer", type=_PATH, metavar="SOURCE", help="Whose content holds where sources disagree.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def merge(sources: Sequence[Path], to: Path | None, prefer: Path | None, as_json: bool) -> int:
    """Join what several collectors heard of the same streams, without duplicates or holes.

    A SOURCE is a data directory of `collect`, one of its files, or a raw capture (then all are). Exit code 1 if sources
    disagree about a row: that stream is not written unless --prefer says whose content holds.

    \b
    Examples:
      cryptopipe merge frankfurt/ tokyo/ --to both/
      cryptopipe merge a/000001.arrows b/000001.arrows --to merged-capture/
    """
    from cryptopipe.clock import Stamper
    from cryptopipe.collect.merge_raw import is_capture, merge_captures
    from cryptopipe.collect.merge_write import merge_files

    if len(sources) < 2:
        raise UsageError("name at least two sources", where="merge", fix="merge SOURCE SOURCE --to DIR")
    if to is None:
        raise UsageError("nowhere to write", where="merge", fix="name a new directory: --to DIR")
    if prefer is not None and prefer not in sources:
        raise UsageError("is none of the sources", where=f"--prefer {prefer}", fix="name it as it is named there")
    raw = [is_capture(path) for path in sources]
    if any(raw) and not all(raw):
        odd = sources[raw.index(False)]
        raise UsageError("is no capture, and another source is", where=str(odd), fix="merge captures with captures")
    if all(raw):
        if prefer is not None:
            raise UsageError("says nothing of captures", where="--prefer", fix="leave it out")
        done = merge_captures(sources, to)
        print_json(_of_capture(done)) if as_json else _show_capture(done)
        return 0
    reports = merge_files(sources, to, Stamper()(), None if prefer is None else str(prefer))
    print_json({"to": str(to), "streams": [_document(one) for one in reports]}) if as_json else _show(reports)
    return 0 if all(one.merged.stands for one in reports) else 1


def _document(one: "StreamReport") -> dict[str, Any]:
    merged = one.merged
    return {
        "venue": one.stream.venue,
        "type": one.stream.folder,
        "symbol": one.stream.symbol,
        "written": merged.stands,
        "rows": one.rows,
        "sources": dict(one.sources),
        "holes": [{**hole._asdict(), "by": dict(hole.by)} for hole in merged.holes],
        "missing": [_gap(gap) for gap in one.missing],
        "conflicts": [{**each._asdict(), "contents": dict(each.contents)} for each in merged.conflicts],
        "retold": merged.retold,
        "superseded": merged.superseded,
        "reordered": merged.reordered,
        "files": [str(path) for path in one.files],
    }


def _gap(gap: "Gap") -> Mapping[str, Any]:
    return {"from_ms": gap.from_ms, "to_ms": gap.to_ms, "kind": gap.kind, "text": gap.text, "missing": gap.missing}


def _show(reports: "Sequence[StreamReport]") -> None:
    for one in reports:
        merged = one.merged
        counts = ", ".join(f"{rows} of {source}" for source, rows in one.sources.items())
        click.echo(f"{one.stream.name}: {one.rows} rows from {counts}")
        for hole in merged.holes[:_SHOWN]:
            by = ", ".join(f"{source} ({rows})" for source, rows in hole.by.items())
            click.echo(f"  {hole.source} has not {hole.rows} rows {_span(hole.from_ms, hole.to_ms)}: filled by {by}")
        _more(len(merged.holes), "holes")
        for gap in one.missing[:_SHOWN]:
            rows = "" if gap.missing is None else f", {gap.missing} rows"
            click.echo(f"  missing {_span(gap.from_ms, gap.to_ms)}: {gap.text}{rows}")
        _more(len(one.missing), "gaps")
        notes = {"told at two times": merged.retold, "superseded": merged.superseded}
        for name, count in notes.items():
            if count:
                click.echo(f"  {count} {name}")
        if merged.reordered:
            click.echo("  the sources' orders contradict each other; rows are in order of time there")
        for each in merged.conflicts[:_SHOWN]:
            click.echo(f"  {each.key} differs{'' if each.settled else '; nothing is written'}:", err=True)
            for source, text in each.contents.items():
                click.echo(f"    {source}: {text.splitlines()[0]}", err=True)
        if not merged.stands:
            click.echo("  fix: look which is right, then --prefer SOURCE", err=True)


def _more(count: int, what: str) -> None:
    if count > _SHOWN:
        click.echo(f"  and {count - _SHOWN} more {what} (--json has all)")


def _span(from_ms: int, to_ms: int) -> str:
    from cryptopipe.clock import MILLISECOND, format_at

    texts = [format_at(one * MILLISECOND)[:23] for one in (from_ms, to_ms)]
    return f"at {texts[0]}" if from_ms == to_ms else f"{texts[0]} to {texts[1][11:]}"


def _of_capture(done: "RawReport") -> dict[str, Any]:
    from cryptopipe.clock import format_at

    return {
        "to": str(done.to),
        "inputs": done.inputs,
        "sources": dict(done.sources),
        "taken": dict(done.taken),
        "missing": [
            {"conn": one.conn, "from": format_at(one.from_at), "to": format_at(one.to_at)} for one in done.missing
        ],
    }


def _show_capture(done: "RawReport") -> None:
    from cryptopipe.clock import format_at

    click.echo(f"{done.inputs} inputs written to {done.to}")
    for source, inputs in done.sources.items():
        click.echo(f"  {done.taken.get(source, 0)} of {inputs} inputs of {source}")
    for one in done.missing:
        click.echo(f"  missing: {one.conn} from {format_at(one.from_at)} to {format_at(one.to_at)}")
