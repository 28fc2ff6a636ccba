"""The lines of accounts as a CSV file that a spreadsheet may open.

Enters: runs. Leaves: one whole file, or the one that was there before. Never: a cell that a spreadsheet takes for a
formula, a number that is rounded or has an exponent, or all lines in memory at once.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path

from cryptopipe.capture.files import DISK
from cryptopipe.clock import format_at
from cryptopipe.errors import JournalError, UsageError
from cryptopipe.journal.reader import Record, read
from cryptopipe.journal.records import RunStarted
from cryptopipe.journal.runs import Run
from cryptopipe.postmortem.accounting import FILLS, TRANSFERS, Line, fees_of, lines_of

ALL, WHAT = "all", ("fills", "fees", "transfers", "all")
_OWN = tuple(one.name for one in fields(Line) if one.name not in ("at", "venue", "kind", "record"))
COLUMNS = ("time", "run", "mode", "venue", "kind", *_OWN, "numeraire", "record")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass
class Exported:
    """What was written: how many lines, how many of them without a value, and by run what damage ended its lines."""

    lines: int = 0
    without_value: int = 0
    damaged: dict[str, str] = field(default_factory=dict)


def export(runs: Sequence[Run], path: Path, what: str = ALL) -> Exported:
    """Write the lines of these runs, in their order. Raises `UsageError` where the file cannot be."""
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(f"no file can be at {path}", where="--csv", fix="name a file in a directory that exists")
    draft, done = path.with_name(f".{path.name}.new"), Exported()
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for run in runs:
                writer.writerows(_rows(run, what, done))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        DISK.sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return done


def chosen(lines: Iterable[Line], what: str) -> Iterator[Line]:
    """Of one kind, or `all`: every change of the accounts once, fees on the lines of what they were charged for."""
    if what == "fees":
        return fees_of(lines)
    kinds = {"fills": FILLS, "transfers": TRANSFERS}.get(what, (*FILLS, *TRANSFERS))
    return (line for line in lines if line.kind in kinds)


def mode_of(run: Run) -> str:
    """`paper`, or whose orders were filled: `sandbox`, `live`."""
    told = run.description()
    return "paper" if told.get("execution", "paper") == "paper" else str(told.get("market", "live"))


def cell(value: object) -> str:
    """A number as it is; a text on one line, behind an apostrophe if a spreadsheet would take it for a formula (OWASP,
    CSV injection, read 2026-11-22).
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    text = "".join(one if one.isprintable() else " " for one in str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _rows(run: Run, what: str, done: Exported) -> Iterator[list[str]]:
    mode, numeraire = mode_of(run), [""]
    try:
        for line in chosen(lines_of(_noting(read(run.journal), numeraire)), what):
            done.lines += 1
            done.without_value += line.value is None
            known = (format_at(line.at), run.id, mode, line.venue, line.kind)
            values = (*known, *(getattr(line, name) for name in _OWN), numeraire[0], line.record)
            yield [cell(value) for value in values]
    except JournalError as error:
        done.damaged[run.id] = str(error)


def _noting(records: Iterable[Record], numeraire: list[str]) -> Iterator[Record]:
    """The records, while the run's numeraire is noted."""
    from cryptopipe.journal.reader import decode_body

    for record in records:
        if record.kind == RunStarted.kind:
            numeraire[0] = decode_body(record, RunStarted).numeraire
        yield record
