"""One file's verdict.

Enters: a sealed row file, a database for its rows, limits. Leaves: a `Verdict`. Never: a crash for what a file holds;
what cannot be judged is refused, with the reason.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptopipe.clock import MILLISECOND, Nanos, format_at
from cryptopipe.collect.layout import hour_ms, is_row_file, manifest_of
from cryptopipe.collect.manifest import Manifest, read_manifest
from cryptopipe.collect.schema import SCHEMAS, Schema
from cryptopipe.errors import CaptureError
from cryptopipe.quality.checks import CHECKS
from cryptopipe.quality.former import former_of
from cryptopipe.quality.intake import copy
from cryptopipe.quality.of_time import longest_silence, offset_ms
from cryptopipe.quality.rows import Rows
from cryptopipe.quality.statistics import describe
from cryptopipe.quality.subject import Check, Subject
from cryptopipe.quality.verdict import WARNING, FileRefused, Outcome, Verdict, judged
from cryptopipe.settings.quality import QualitySettings


def judge(file: Path, scratch: Path, rows: Rows, limits: QualitySettings, at: Nanos) -> Verdict:
    """Ask every check that applies. Raises `FileRefused`."""
    size, modified_ns = _stamp_now(file)
    manifest, fault = _manifest(file)
    schema = _schema(file, manifest)
    copied = copy(file, scratch, limits.keep_free_mb << 20)
    subject = Subject(file, at // MILLISECOND, manifest, fault, copied, rows, schema, former_of(file), limits)
    with _room(file):
        _load(subject)
        outcomes = [_outcome(check, subject) for check in CHECKS if _applies(check, subject)]
        readable = not subject.damage
        measured = _measured(subject) if readable else {}
        statistics = describe(rows, schema, subject.many) if readable else []
    return Verdict(
        file=file.name, sha256=copied.sha256, verdict=judged(outcomes), checks=outcomes, checked_at=format_at(at),
        venue=manifest.venue if manifest else "", symbol=manifest.symbol if manifest else "", kind=schema.kind,
        hour_ms=hour_ms(file) if is_row_file(file) else 0, complete=bool(manifest and manifest.complete),
        size=size, modified_ns=modified_ns, rows=subject.many, measured=measured, statistics=statistics,
    )  # fmt: skip


def stamp(file: Path) -> tuple[int, int]:
    """Size, and when file or manifest were changed, the later: if neither moved, the bytes are those that were judged.
    Raises `OSError`.
    """
    told, own = manifest_of(file), file.stat()
    return own.st_size, max(own.st_mtime_ns, told.stat().st_mtime_ns if told.exists() else 0)


def _stamp_now(file: Path) -> tuple[int, int]:
    try:
        return stamp(file)
    except OSError as error:
        why = "vanished before it was checked" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        raise FileRefused(why, where=str(file), fix="see who removed it") from None


def _manifest(file: Path) -> tuple[Manifest | None, str]:
    try:
        return read_manifest(file), ""
    except CaptureError as error:
        return None, error.message


def _schema(file: Path, manifest: Manifest | None) -> Schema:
    """As the manifest says, else as the folders do."""
    named = [manifest.kind] if manifest else []
    for kind in (*named, file.absolute().parents[1].name.split("-")[0]):
        if kind in SCHEMAS:
            return SCHEMAS[kind]
    fix = "a row file lies in VENUE/TYPE/SYMBOL, with its manifest"
    raise FileRefused("neither manifest nor folder says what rows it holds", where=str(file), fix=fix)


@contextmanager
def _room(file: Path) -> Iterator[None]:
    """What the database lacks is no fault of the file."""
    import duckdb

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        why, fix = " ".join(str(error).split())[:200], "free the disk of TMPDIR, or raise quality.memory_mb"
        raise FileRefused(f"no room to check it: {why}", where=str(file), fix=fix) from error


def _load(subject: Subject) -> None:
    import duckdb

    headed = subject.schema.always_headed or bool(subject.manifest and subject.manifest.header)
    if subject.copied.packing and subject.copied.text.stat().st_size == 0:
        subject.damage = "no row can be read"
        return
    try:
        subject.columns = subject.rows.load(subject.copied.text, subject.schema, headed)
        (subject.many,) = subject.rows.one("SELECT count(*) FROM r")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        subject.damage = " ".join(str(error).split())[:200]
    finally:
        subject.copied.text.unlink(missing_ok=True)


def _applies(check: Check, subject: Subject) -> bool:
    if check.kinds and subject.kind not in check.kinds:
        return False
    return not (check.of_rows and subject.damage)


def _outcome(check: Check, subject: Subject) -> Outcome:
    import duckdb

    try:
        found = check.judge(subject)
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as error:
        said = f"could not be judged: {' '.join(str(error).split())[:200]}"
        return Outcome(check.name, False, WARNING, said, 1)
    return Outcome(check.name, not found.count, check.severity, found.detail, found.count, tuple(found.examples))


def _measured(subject: Subject) -> dict[str, float]:
    """What later files of the stream are compared with."""
    told = {"silence_ms": float(longest_silence(subject)[2])}
    if (offset := offset_ms(subject)) is not None:
        told["offset_ms"] = offset
    if subject.kind == "trade":
        (last,) = subject.rows.one("SELECT max(TRY_CAST(trade_id AS BIGINT)) FROM r")
        told |= {} if last is None else {"last_id": float(last)}
    return told
