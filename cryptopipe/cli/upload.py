"""`cryptopipe upload` and `cryptopipe load`: collected files as copies in a store, and as rows in a database.

Enters: a data directory, a destination. Leaves: lines for a person, or one JSON object. Never: a collected file
changed or deleted, an object overwritten, a secret shown.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_error, print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.drivers.stop import Stop
    from cryptopipe.settings import Settings
    from cryptopipe.shipping.load import Loading
    from cryptopipe.shipping.upload import Outcome, Report

_INTERRUPTED, _TEMPORARY = 130, 75


@click.command("upload")
@click.option("--to", metavar="URL", help="s3://bucket/prefix or file:///directory.  [default: upload.to]")
@click.option("--dry-run", "--dry_run", "dry_run", is_flag=True, help="Only say what would be copied, and what not.")
@click.option("--every", metavar="T", help="Again after this much time, until it is stopped: 1h.")
@common_options
def upload(common: Common, to: str | None, dry_run: bool, every: str | None) -> int:
    """Copy sealed files that passed their checks to an S3-compatible store; nothing is overwritten or deleted.

    With each file go its manifest and its verdict; complete segments of raw captures go too. What is there already with
    the same content is passed over, so a second run sends nothing, and one that was killed goes on. Exit codes: 0, 1 if
    something is refused, 75 if the store did not take everything, 69 if it does not answer: docs/upload.md.

    \b
    Examples:
      cryptopipe upload --to s3://bucket/crypto --dry-run
      cryptopipe upload --to file:///mnt/archive --every 1h
    """
    from cryptopipe.drivers.stop import stop_on_interrupt

    settings = common.load([])
    url = to or settings.upload.to
    if not url:
        raise UsageError("nowhere to copy to", where="--to", fix="write --to s3://bucket/prefix, or set upload.to")
    pause = _pause(every)
    with stop_on_interrupt() as stop:
        return _again(stop, pause, common.json, lambda: _upload(common, settings, url, dry_run, stop))


def _upload(common: Common, settings: "Settings", url: str, dry_run: bool, stop: "Stop") -> int:
    """One pass; its exit code."""
    from cryptopipe.clock import Stamper, format_at
    from cryptopipe.shipping.candidates import candidates
    from cryptopipe.shipping.seen import Seen
    from cryptopipe.shipping.stores import open_destination
    from cryptopipe.shipping.upload import THERE, Upload

    now = Stamper()
    started = format_at(now())
    destination = open_destination(url, settings.upload)
    _judge_apart(url, settings.data_dir)
    shipping = Upload(
        destination,
        Seen(settings.data_dir, url),
        dry_run,
        settings.upload.concurrency,
        lambda: stop.requested,
        _silent if common.json else _print_outcome,
    )
    report = shipping.run(candidates(settings.data_dir, settings.upload.accept, settings.upload.raw))
    if common.json:
        files = [
            {"file": one.key, "state": one.state, "bytes": one.bytes, "sha256": one.sha256, "reason": one.reason}
            for one in report.outcomes
            if one.state != THERE
        ]
        times = {"started_at": started, "ended_at": format_at(now())}
        told = {"to": url, "dry_run": dry_run, "data_dir": settings.data_dir, **times, "counts": report.counts}
        print_json({**told, "bytes": report.bytes, "files": files})
    else:
        click.echo(_summary(report))
    return _exit_code(report)


@click.command("load")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", required=True, metavar="URL", help="duckdb:///FILE or postgresql://user@host/database.")
@click.option("--unchecked", is_flag=True, help="Also files that no check has judged, and those that failed.")
@click.option("--every", metavar="T", help="Again after this much time, until it is stopped: 1h.")
@common_options
def load(common: Common, files: tuple[Path, ...], to: str, unchecked: bool, every: str | None) -> int:
    """Load collected FILES, or all of the data directory, into typed tables of a database; each file once.

    Prices and sizes are exact decimals, times epoch milliseconds and timestamps. A file is loaded whole or not at all,
    and one that is loaded already is passed over. Exit codes: 0, 1 if a file is refused, 69 if the database cannot be
    reached or is held by another process: docs/upload.md.

    \b
    Examples:
      cryptopipe load --to duckdb:///market.duckdb
      cryptopipe load --to postgresql://desk@db.example/market trades.csv.gz
    """
    from cryptopipe.drivers.stop import stop_on_interrupt

    settings = common.load([])
    for file in files:
        if not file.is_file():
            raise UsageError("no such file", where=str(file), fix="name a sealed file; without any, all are loaded")
    pause = _pause(every)
    accept = "any" if unchecked else settings.upload.accept
    with stop_on_interrupt() as stop:
        return _again(stop, pause, common.json, lambda: _load(common, settings.data_dir, files, to, accept, stop))


def _load(common: Common, data_dir: Path, files: tuple[Path, ...], to: str, accept: str, stop: "Stop") -> int:
    """One pass; its exit code."""
    from cryptopipe.clock import Stamper, format_at
    from cryptopipe.shipping.candidates import candidates, judge_file
    from cryptopipe.shipping.database import open_database, shown
    from cryptopipe.shipping.load import THERE, load_files

    now = Stamper()
    started = format_at(now())
    found = (
        (judge_file(file, str(file), accept) for file in files) if files else candidates(data_dir, accept, raw=False)
    )
    tell = _silent if common.json else _print_loading
    with open_database(to) as engine:
        report = load_files(engine, found, now, tell, lambda: stop.requested)
    if common.json:
        rows = [
            {"file": one.file, "state": one.state, "rows": one.rows, "table": one.table, "reason": one.reason}
            for one in report.outcomes
            if one.state != THERE
        ]
        times = {"started_at": started, "ended_at": format_at(now())}
        print_json({"to": shown(to), **times, "counts": report.counts, "rows": report.rows, "files": rows})
    else:
        empty = "nothing has been collected in this data directory"
        click.echo(f"{shown(to)}: {_counted(report.counts) or empty}; {report.rows} new rows")
    return _INTERRUPTED if report.stopped else int(report.counts["refused"] > 0)


def _exit_code(report: "Report") -> int:
    if report.stopped:
        return _INTERRUPTED
    counts = report.counts
    return 1 if counts["refused"] else _TEMPORARY if counts["failed"] or counts["not_tried"] else 0


def _print_outcome(one: "Outcome") -> None:
    """A line for each file that was not there already."""
    if one.state == "there":
        return
    told = f"{one.state.replace('_', ' ')}: {one.key}"
    click.echo(f"{told}: {one.reason}" if one.reason else f"{told} ({one.bytes} bytes)")


def _summary(report: "Report") -> str:
    empty = "nothing has been collected in this data directory"
    went = "would go" if report.dry_run else "sent"
    return f"{report.to}: {_counted(report.counts) or empty}; {report.bytes} bytes {went}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counts.items() if number)


def _print_loading(one: "Loading") -> None:
    """A line for each file that was not there already."""
    if one.state != "there":
        told = f"{one.state.replace('_', ' ')}: {one.file}"
        click.echo(f"{told}: {one.reason}" if one.reason else f"{told} ({one.rows} rows into {one.table})")


def _again(stop: "Stop", pause_s: float | None, as_json: bool, once: Callable[[], int]) -> int:
    """Once, or until it is stopped. A store or a database that does not answer is asked again the next time."""
    from cryptopipe.shipping.database import DatabaseUnavailable
    from cryptopipe.shipping.destination import StoreUnavailable

    while pause_s is not None:
        try:
            once()
        except (StoreUnavailable, DatabaseUnavailable) as error:
            print_error(error, as_json=as_json)
        if not stop.requested:
            stop.wait(pause_s)
        if stop.requested:
            return _INTERRUPTED
    return once()


def _judge_apart(url: str, data_dir: Path) -> None:
    """Raises `UsageError` for a directory inside of what is copied."""
    from urllib.parse import unquote, urlsplit

    from cryptopipe.collect.layout import root

    parts = urlsplit(url)
    if parts.scheme == "file" and Path(unquote(parts.path)).resolve().is_relative_to(root(data_dir).resolve()):
        raise UsageError("it is inside of what is copied", where=url, fix="name a directory beside the data directory")


def _pause(text: str | None) -> float | None:
    """Seconds of `--every`. Raises `UsageError`."""
    from cryptopipe.clock import SECOND, parse_duration

    if text is None:
        return None
    try:
        pause = parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where="--every", fix="write --every 1h, or 30m") from error
    if pause < SECOND:
        raise UsageError(f"shorter than a second: {text!r}", where="--every", fix="write --every 1h, or 30m")
    return pause / SECOND


def _silent(_outcome: Any) -> None:
    """JSON tells it at the end."""
