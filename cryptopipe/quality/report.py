"""What a run of checks says, as documents.

Enters: a report. Leaves: the object of `qa --json`, one line for each stream. Never: a file left out of a count.
"""

from pathlib import Path
from typing import Any

import msgspec

from cryptopipe.clock import format_at
from cryptopipe.quality.examine import Report
from cryptopipe.quality.verdict import Verdict


def document(report: Report) -> dict[str, Any]:
    """The contract of `qa --json`."""
    judged = {file for file, _ in report.judged}
    return {
        "checked_at": format_at(report.at),
        "ok": report.ok,
        "stopped": report.stopped,
        "counts": report.counts(),
        "judged": len(report.judged),
        "files": [_file(file, verdict, file in judged) for file, verdict in report.all],
        "refused": [{"file": one.where, "reason": one.message, "fix": one.fix} for one in report.refused],
    }


def _file(file: Path, verdict: Verdict, new: bool) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(verdict)
    del told["schema"]
    return {**told, "file": str(file), "new": new, "checks": [one for one in told["checks"] if not one["ok"]]}


class Line(msgspec.Struct):
    """The files of one stream (`venue`, `folder`, `symbol` as the folders are called) together."""

    venue: str
    folder: str
    symbol: str
    files: int = 0
    rows: int = 0
    passed: int = 0
    warned: int = 0
    failed: int = 0


def by_stream(report: Report) -> list[Line]:
    """A line for each stream, in the order of paths."""
    lines: dict[Path, Line] = {}
    for file, verdict in report.all:
        folder = file.absolute().parent
        venue, kind, symbol = folder.parts[-3:]
        line = lines.setdefault(folder, Line(venue, kind, symbol))
        line.files += 1
        line.rows += verdict.rows
        line.passed += verdict.verdict == "pass"
        line.warned += verdict.verdict == "warn"
        line.failed += verdict.verdict == "fail"
    return list(lines.values())
