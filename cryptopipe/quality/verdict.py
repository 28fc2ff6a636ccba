"""What the checks say of one file, and how it is kept beside it.

Enters: outcomes of checks. Leaves: `<file>.verdict.json`, whole or not at all. Never: a verdict of other bytes than
those of its `sha256`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe.capture.files import DISK
from cryptopipe.collect.layout import verdict_of
from cryptopipe.errors import CryptopipeError, Remedy

SCHEMA = 1
CRITICAL, WARNING = "critical", "warning"
PASS, WARN, FAIL = "pass", "warn", "fail"
EXAMPLES = 5
"""So many offenders of a check are shown."""


class FileRefused(CryptopipeError):
    """A file cannot be judged: it vanished, changed while it was read, or there is no room to read it."""

    remedy = Remedy.REJECT
    code = "quality"


class Example(msgspec.Struct, frozen=True):
    """One offender: its line in the file, counted from 1 with the header (0: the file as a whole), and what it is."""

    line: int
    text: str


class Outcome(msgspec.Struct, frozen=True):
    """What one check found. `ok` with a `detail`: it could not judge, or what it measured."""

    name: str
    ok: bool
    severity: str
    detail: str = ""
    count: int = 0
    examples: Sequence[Example] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` is `pass`, `warn` (what is wrong is a `warning`) or `fail`. Times in epoch milliseconds where the name
    ends so; `size` and `modified_ns` (of file or manifest, the later) tell whether it still holds; `measured` is what
    later files of the stream are compared with, `statistics` one object for each column.
    """

    schema: int = SCHEMA
    file: str
    sha256: str
    verdict: str
    checks: Sequence[Outcome]
    checked_at: str
    venue: str = ""
    symbol: str = ""
    kind: str = msgspec.field(name="type", default="")
    hour_ms: int = 0
    complete: bool = True
    size: int = 0
    modified_ns: int = 0
    rows: int = 0
    measured: Mapping[str, float] = {}
    statistics: Sequence[Mapping[str, Any]] = ()

    @property
    def failed(self) -> list[Outcome]:
        """The checks that found something, the worst first."""
        return sorted((one for one in self.checks if not one.ok), key=lambda one: one.severity != CRITICAL)


def judged(checks: Sequence[Outcome]) -> str:
    """`fail` if a critical check found something, `warn` if another did, else `pass`."""
    found = {one.severity for one in checks if not one.ok}
    return FAIL if CRITICAL in found else WARN if found else PASS


def write(file: Path, verdict: Verdict) -> None:
    """Put the verdict beside its file, durably, in place of a former one. Raises `OSError`."""
    text = msgspec.json.format(msgspec.json.encode(verdict), indent=1) + b"\n"
    DISK.replace(verdict_of(file), text)


def read(path: Path) -> Verdict | None:
    """A kept verdict; None where there is none, or none that can be read: the file is judged again."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except (OSError, msgspec.DecodeError):
        return None
