"""`cryptopipe qa`: are the collected files what they should be?

Enters: sealed files, in a process of its own. Leaves: a verdict beside each, a table, JSON, a page, alerts. Never: a
change to a collected file, a wait of a collector.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import CryptopipeError, UsageError

if TYPE_CHECKING:
    from cryptopipe.clock import Nanos
    from cryptopipe.quality.examine import Report
    from cryptopipe.settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST_EVERY = 366 * 24 * 3600 * 10**9


@click.command("qa")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--since", metavar="T", help="Files of hours since then: 48h, 2026-11-21, 2026-11-21T05:00:00Z.")
@click.option("--again", is_flag=True, help="Judge those too that have a verdict.")
@click.option("--every", metavar="T", help="Go on, and look so often: 30m. A digest comes daily (quality.digest_at).")
@click.option("--digest", "digest_only", is_flag=True, help="Tell what the last day's checks found; checks nothing.")
@click.option("--html", "page", type=_FILE, metavar="FILE", help="Write a page too.")
@common_options
def qa(common: Common, paths: tuple[Path, ...], **given: Any) -> int:
    """Check collected files: rows, values, order, gaps, books, prices, clocks. A verdict is kept beside each.

    Without PATH all of the data directory; files or folders of it otherwise. Exit code 1 if a file failed.

    \b
    Examples:
      cryptopipe qa
      cryptopipe qa --since 48h --html quality.html
      cryptopipe qa --every 30m --since 48h
    """
    from cryptopipe.clock import Stamper

    settings = common.load([])
    now = Stamper()
    given["every"] = _every(given["every"])
    asked = _Asked(common, settings, paths, now, **given)
    asked.since_ms()
    if asked.digest_only:
        return asked.tell_digest()
    if asked.page is not None and not asked.page.expanduser().absolute().parent.is_dir():
        where, fix = str(asked.page), "make it, or name another one"
        raise UsageError(f"no such directory: {asked.page.parent}", where=where, fix=fix)
    from cryptopipe.quality.alone import only_checker

    with only_checker(settings.data_dir):
        if asked.every is None:
            return asked.check_once()
        return asked.go_on()


def _every(text: str | None) -> "Nanos | None":
    from cryptopipe.clock import parse_duration

    if text is None:
        return None
    try:
        every = parse_duration(text)
    except ValueError:
        every = 0
    if not 10**9 <= every <= _MOST_EVERY:
        raise UsageError(f"not between 1s and a year: {text!r}", where="--every", fix="write --every 30m")
    return every


def _day(text: str) -> "Nanos":
    from cryptopipe.clock import parse_at

    return parse_at(f"{text}T00:00:00Z")


def _since(text: str | None, now: "Nanos") -> int:
    """Epoch milliseconds; 0 for all. Raises `UsageError`."""
    from cryptopipe.clock import MILLISECOND, parse_at, parse_duration

    if text is None:
        return 0
    for read in (_day, parse_at, lambda one: now - parse_duration(one)):
        try:
            return max(0, read(text) // MILLISECOND)
        except ValueError:
            continue
    raise UsageError(
        f"neither a time nor a duration: {text!r}", where="--since", fix="write --since 48h, or 2026-11-21"
    )


@dataclass
class _Flag:
    """Whether to stop before the next file."""

    set: bool = False

    def __call__(self) -> bool:
        return self.set


@dataclass
class _Asked:
    """One command line."""

    common: Common
    settings: "Settings"
    paths: tuple[Path, ...]
    now: Callable[[], "Nanos"]
    since: str | None
    again: bool
    every: "Nanos | None"
    digest_only: bool
    page: Path | None

    def since_ms(self) -> int:
        """Of this moment."""
        return _since(self.since, self.now())

    def check_once(self) -> int:
        from cryptopipe.drivers.stop import stop_on_interrupt

        with stop_on_interrupt() as stop:
            report = self._check(lambda: stop.requested)
        if report.stopped:
            return 130
        return 0 if report.ok else 1

    def go_on(self) -> int:
        """Until Ctrl-C, which ends it after the file at hand: checks run in a thread of the scheduler."""
        from cryptopipe.quality.alone import scheduler

        assert self.every is not None
        os.nice(10)  # collectors first
        stop = _Flag()
        made = scheduler(
            self.every, self.settings.quality.digest_at, lambda: self._guarded(lambda: self._check(stop)),
            lambda: self._guarded(self.tell_digest), self.now(),
        )  # fmt: skip
        with _interrupted_by_term():
            try:
                made.start()
            except KeyboardInterrupt:
                stop.set = True
                made.shutdown(wait=True)
        return 130

    def _guarded(self, work: Callable[[], object]) -> None:
        """What fails now is tried again next time."""
        import structlog

        try:
            work()
        except (CryptopipeError, OSError) as error:
            structlog.get_logger().error("qa.failed", reason=str(error))

    def _check(self, stopped: Callable[[], bool]) -> "Report":
        from cryptopipe.alerts import Spool
        from cryptopipe.quality.alarms import failed_alert
        from cryptopipe.quality.examine import examine, found_files
        from cryptopipe.quality.verdict import FAIL, Verdict

        at, data_dir = self.now(), self.settings.data_dir
        spool = Spool(data_dir)

        def told(file: Path, verdict: Verdict) -> None:
            if verdict.verdict == FAIL:
                spool.tell(failed_alert(file, verdict, at))

        files = found_files(self.paths, data_dir, self.since_ms(), at)
        report = examine(
            files, self.settings.quality, at, again=self.again, full=self.page is not None or self.common.json,
            stopped=stopped, told=told,
        )  # fmt: skip
        self._show(report)
        return report

    def _show(self, report: "Report") -> None:
        if self.page is not None:
            from cryptopipe.quality.page import write

            write(report, self.page.expanduser())
        if self.common.json:
            from cryptopipe.quality.report import document

            print_json(document(report))
        else:
            from cryptopipe.cli.qa_shown import render

            render(report, self.settings.data_dir)

    def tell_digest(self) -> int:
        """On stdout, and as an alert."""
        from cryptopipe.alerts import Spool
        from cryptopipe.quality.alarms import digest, digest_alert, digest_text

        at, data_dir = self.now(), self.settings.data_dir
        told = digest(data_dir, at)
        kept = Spool(data_dir).tell(digest_alert(told, at))
        if self.common.json:
            print_json({**told, "alert_kept": kept})
        else:
            click.echo(digest_text(told))
        return 0


@contextmanager
def _interrupted_by_term() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
