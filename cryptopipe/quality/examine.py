"""Judges sealed files, one after another.

Enters: row files, settings, a stamp. Leaves: a verdict beside each, and a report of the run. Never: a file opened for
writing but the verdicts, a fault of one file that stops the others, a second look at what is judged already.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.collect.layout import MANIFEST, hour_ms, is_row_file, manifest_of, root, verdict_of
from cryptopipe.errors import UsageError
from cryptopipe.quality import verdict as verdicts
from cryptopipe.quality.former import HOUR_MS
from cryptopipe.quality.judge import judge, stamp
from cryptopipe.quality.rows import opened
from cryptopipe.quality.verdict import FAIL, FileRefused, Verdict
from cryptopipe.settings.quality import QualitySettings

_log = structlog.get_logger()
_SCRATCH = "cryptopipe-qa-"

SEALING_MS = 600_000
"""A row file without its manifest may still be about to get it for so long."""


@dataclass
class Report:
    """One run over files: `judged` now, `known` from before (their bytes are as they were), `refused` ones."""

    at: Nanos
    judged: list[tuple[Path, Verdict]] = field(default_factory=list)
    known: list[tuple[Path, Verdict]] = field(default_factory=list)
    refused: list[FileRefused] = field(default_factory=list)
    stopped: bool = False

    @property
    def all(self) -> list[tuple[Path, Verdict]]:
        """Every verdict, in the order of paths."""
        return sorted(self.judged + self.known, key=lambda one: one[0])

    @property
    def ok(self) -> bool:
        """No file failed and none was refused."""
        return not self.refused and all(one.verdict != FAIL for _, one in self.all)

    def counts(self) -> dict[str, int]:
        """Files by verdict."""
        counts = dict.fromkeys((verdicts.PASS, verdicts.WARN, verdicts.FAIL), 0)
        for _, one in self.all:
            counts[one.verdict] += 1
        return {**counts, "refused": len(self.refused)}


def found_files(paths: Iterable[Path], data_dir: Path, since_ms: int, at: Nanos) -> list[Path]:
    """The row files of paths, without any those of the data directory, whose hour ends after `since_ms`. Raises
    `UsageError` for a path that is not there.
    """
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UsageError("no such file or folder", where=str(path), fix="name row files, or folders of them")
        found.update([path] if path.is_file() else path.rglob("*"))
    if not found and not paths:
        found.update(root(data_dir).glob("*/*/*/*"))
    found |= {one.with_name(one.name.removesuffix(MANIFEST)) for one in found}  # of a file that is gone, it tells
    named = [one for one in found if is_row_file(one) and hour_ms(one) + HOUR_MS > since_ms]
    return sorted((one for one in named if _sealed(one, at)), key=lambda one: (one.parent, one.name))


def _sealed(file: Path, at: Nanos) -> bool:
    """With its manifest, or so old that it will not get one: then that is what is wrong with it."""
    try:
        return manifest_of(file).exists() or file.stat().st_mtime_ns < at - SEALING_MS * MILLISECOND
    except OSError:
        return True  # its refusal says why


def examine(
    files: Iterable[Path],
    limits: QualitySettings,
    at: Nanos,
    *,
    again: bool = False,
    full: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[Path, Verdict], None] = lambda file, verdict: None,
) -> Report:
    """Judge those that are not, or `again` all, and keep their verdicts. `told` hears each new one; `full` keeps what
    former verdicts say beyond their faults.
    """
    report = Report(at)
    waiting: list[Path] = []
    for file in files:
        known = None if again else _known(file)
        if known is None:
            waiting.append(file)
        else:
            report.known.append((file, known if full else _slim(known)))
    if not waiting:
        return report
    with _scratch() as scratch, opened(scratch, limits.memory_mb, limits.threads) as rows:
        for file in waiting:
            if stopped():
                report.stopped = True
                break
            try:
                verdict = judge(file, scratch, rows, limits, at)
                _keep(file, verdict)
            except FileRefused as error:
                _log.warning("qa.refused", file=str(file), reason=error.message)
                report.refused.append(error)
                continue
            _log.info("qa.judged", file=str(file), verdict=verdict.verdict, failed=[one.name for one in verdict.failed])
            report.judged.append((file, verdict))
            told(file, verdict)
    return report


def _known(file: Path) -> Verdict | None:
    """The verdict of its present bytes; None if there is none."""
    kept = verdicts.read(verdict_of(file))
    if kept is None or kept.file != file.name:
        return None
    try:
        return kept if stamp(file) == (kept.size, kept.modified_ns) else None
    except OSError:
        return None


def _slim(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, checks=verdict.failed, statistics=())


def _keep(file: Path, verdict: Verdict) -> None:
    try:
        verdicts.write(file, verdict)
    except OSError as error:
        why, fix = f"its verdict cannot be kept: {error.strerror or error}", "free or mend the disk, then check again"
        raise FileRefused(why, where=str(file), fix=fix) from error


@contextmanager
def _scratch() -> Iterator[Path]:
    """A directory of this process's own outside of what is collected; those of processes that were killed go."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_SCRATCH}*"):
        pid = left.name.removeprefix(_SCRATCH).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True) as made:
        yield Path(made)
