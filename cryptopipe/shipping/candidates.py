"""What may be shipped: sealed files that the checks let through, and complete segments of raw captures.

Enters: a data directory, the worst verdict that is taken. Leaves: `Candidate`s and `LeftOut`s; every file that was
collected is one of them. Never: a file that is being written, one without a manifest, a verdict of other bytes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptopipe.capture.arrows import END
from cryptopipe.collect.layout import (
    DEPTH,
    MANIFEST,
    PART,
    RAW,
    VERDICT,
    is_row_file,
    manifest_of,
    root,
    verdict_of,
)
from cryptopipe.collect.manifest import Manifest, read_manifest
from cryptopipe.errors import CaptureError
from cryptopipe.quality.verdict import FAIL, PASS, Verdict, read

_SEGMENT = ".arrows"


@dataclass(frozen=True)
class Candidate:
    """A file that may go. `manifest` is None for a segment of a raw capture, which goes alone.

    `key` is its place below the folder of collected data, with slashes; `verdict` is empty where nothing judged it.
    """

    path: Path
    key: str
    size: int
    manifest: Manifest | None
    verdict: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A file that stays. `wrong`: somebody must look at it; else it is only not its time, or not wanted.

    `sha256` is its manifest's where the checks failed it: a copy of that content should not be anywhere.
    """

    path: Path
    key: str
    reason: str
    wrong: bool = False
    sha256: str = ""


def candidates(data_dir: Path, accept: str = PASS, raw: bool = True) -> Iterator[Candidate | LeftOut]:
    """All of a data directory, in order of their keys. `accept`: `pass`, `warn`, or `any` for every verdict or none."""
    top = root(data_dir)
    for path in _files(top):
        key = path.relative_to(top).as_posix()
        parts = key.split("/")
        if len(parts) == 4 and parts[1] == RAW and path.name.endswith(_SEGMENT):
            if raw:
                yield _segment(path, key)
        elif len(parts) == 4 and path.name.endswith(PART):
            yield LeftOut(path, key, "being written, or left by a collector that was killed")
        elif len(parts) == 4 and parts[1] != DEPTH and is_row_file(path):
            yield judge_file(path, key, accept)
        elif len(parts) == 4 and path.name.endswith(MANIFEST) and not path.name.endswith(VERDICT):
            row_file = path.with_name(path.name.removesuffix(MANIFEST))
            if is_row_file(row_file) and not row_file.exists():
                yield LeftOut(row_file, key.removesuffix(MANIFEST), "its manifest is there, and it is gone", wrong=True)


def judge_file(path: Path, key: str, accept: str) -> Candidate | LeftOut:
    """One row file, by its manifest and its verdict. Its bytes are not read; whoever ships it compares their hash."""
    if not manifest_of(path).exists():
        return LeftOut(path, key, "no manifest: it is not sealed")
    try:
        manifest = read_manifest(path)
    except CaptureError as error:
        return LeftOut(path, key, error.message, wrong=True)
    if manifest.file != path.name:
        return LeftOut(path, key, f"its manifest is of {manifest.file}", wrong=True)
    size = path.stat().st_size
    if size != manifest.size:
        return LeftOut(path, key, f"it has {size} bytes, and {manifest.size} were sealed", wrong=True)
    verdict = read(verdict_of(path))
    if accept != "any" and (refusal := _refusal(verdict, manifest.sha256, accept)):
        failed = verdict is not None and verdict.verdict == FAIL and verdict.sha256 == manifest.sha256
        return LeftOut(path, key, refusal, sha256=manifest.sha256 if failed else "")
    said = verdict.verdict if verdict is not None and verdict.sha256 == manifest.sha256 else ""
    return Candidate(path, key, size, manifest, said)


def _refusal(verdict: Verdict | None, sha256: str, accept: str) -> str:
    """Why a verdict does not let a file through; empty if it does."""
    if verdict is None:
        return "no check has judged it yet (`cryptopipe qa`)"
    if verdict.sha256 != sha256:
        return "its verdict is of another content; it is judged again by `cryptopipe qa`"
    if verdict.verdict in (PASS, accept):
        return ""
    failed = ", ".join(check.name for check in verdict.checks if not check.ok)
    return f"the checks say {verdict.verdict}" + (f": {failed}" if failed else "")


def _segment(path: Path, key: str) -> Candidate | LeftOut:
    size = path.stat().st_size
    with path.open("rb") as opened:
        opened.seek(max(0, size - len(END)))
        closed = opened.read() == END
    if closed:
        return Candidate(path, key, size, None)
    return LeftOut(path, key, "not closed: being written, or left by a collector that was killed")


def _files(top: Path) -> Iterator[Path]:
    """Regular files below a folder, in order; no link is followed."""
    for folder, below, names in os.walk(top):
        below.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path
