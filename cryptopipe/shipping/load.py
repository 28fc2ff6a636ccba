"""Loads collected files into a database, each once.

Enters: candidates, a database. Leaves: their rows, and a row of `loaded_files` for each, written together. Never: half
a file, a file twice, a row that says something else than its file.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from cryptopipe.clock import Nanos, format_at
from cryptopipe.collect.manifest import Manifest
from cryptopipe.collect.schema import SCHEMAS
from cryptopipe.shipping.candidates import Candidate, LeftOut
from cryptopipe.shipping.database import first_line, guarded
from cryptopipe.shipping.rowtexts import RowsRefused, batches
from cryptopipe.shipping.staging import first_fault, stage, typed
from cryptopipe.shipping.tables import TABLES, file_ids, loaded_files

LOADED, THERE, LEFT_OUT, REFUSED, NOT_TRIED = "loaded", "there", "left_out", "refused", "not_tried"
STATES = (LOADED, THERE, LEFT_OUT, REFUSED, NOT_TRIED)


@dataclass(frozen=True)
class Loading:
    """What became of a file."""

    file: str
    state: str
    rows: int = 0
    table: str = ""
    reason: str = ""


@dataclass
class LoadReport:
    """Of one pass, in the order of the files."""

    outcomes: list[Loading] = field(default_factory=list)
    stopped: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Files by state."""
        counted = Counter(one.state for one in self.outcomes)
        return {state: counted[state] for state in STATES}

    @property
    def rows(self) -> int:
        """That are new."""
        return sum(one.rows for one in self.outcomes if one.state == LOADED)


def load_files(
    engine: sa.Engine,
    found: Iterable[Candidate | LeftOut],
    now: Callable[[], Nanos],
    tell: Callable[[Loading], object] = lambda outcome: None,
    stop: Callable[[], bool] = bool,
) -> LoadReport:
    """One pass over files; a segment of a raw capture has no rows and is passed over. Raises `DatabaseError`."""
    report = LoadReport()
    url = engine.url.render_as_string(hide_password=False)
    with guarded(url), engine.begin() as connection:
        every = connection.execute(sa.select(loaded_files.c.sha256, loaded_files.c.file))
        loaded = {(row.sha256, row.file) for row in every}
    for one in found:
        report.stopped = report.stopped or stop()
        if isinstance(one, LeftOut):
            outcome = Loading(one.key, REFUSED if one.wrong else LEFT_OUT, reason=one.reason)
        elif one.manifest is None:
            continue
        elif report.stopped:
            outcome = Loading(one.key, NOT_TRIED, reason="stopped")
        elif (one.manifest.sha256, one.manifest.file) in loaded:
            outcome = Loading(one.key, THERE)
        else:
            with guarded(url):
                outcome = _load(engine, one, one.manifest, now())
        tell(outcome)
        report.outcomes.append(outcome)
    return report


def _load(engine: sa.Engine, one: Candidate, manifest: Manifest, at: Nanos) -> Loading:
    try:
        with engine.begin() as connection:
            before = _before(connection, manifest)
            if before is not None:
                return Loading(one.key, *before)
            return _insert(connection, one, manifest, at)
    except RowsRefused as error:
        return Loading(one.key, REFUSED, reason=error.message)
    except DataError as error:  # such as a 31st of February
        return Loading(one.key, REFUSED, reason=first_line(error))
    except OSError as error:
        return Loading(one.key, REFUSED, reason=str(error.strerror or error))
    except IntegrityError:  # another process loaded it meanwhile: what it wrote is there now
        with engine.begin() as connection:
            before = _before(connection, manifest)
        if before is None:
            raise
        return Loading(one.key, *before)


def _before(connection: sa.Connection, manifest: Manifest) -> tuple[str, int, str, str] | None:
    """What is known of a file of this content or this name; None if nothing."""
    same = sa.or_(loaded_files.c.sha256 == manifest.sha256, loaded_files.c.file == manifest.file)
    for known in connection.execute(sa.select(loaded_files.c.sha256, loaded_files.c.file).where(same)):
        if known.sha256 == manifest.sha256:
            return THERE, 0, "", "" if known.file == manifest.file else f"loaded as {known.file}"
        return REFUSED, 0, "", f"another content of this name is loaded (SHA-256 {known.sha256[:12]}…)"
    return None


def _insert(connection: sa.Connection, one: Candidate, manifest: Manifest, at: Nanos) -> Loading:
    """Inside a transaction. Raises `RowsRefused`: it is rolled back."""
    number = connection.scalar(file_ids)
    connection.execute(loaded_files.insert().values(**_facts(number, one, manifest, at)))
    rows = batches(one.path, manifest)
    schema = SCHEMAS.get(manifest.kind)
    if schema is None:
        next(rows)  # which says so
        raise AssertionError(f"rows of kind {manifest.kind}")
    staged = stage(connection, schema, rows)
    count = connection.scalar(sa.select(sa.func.count()).select_from(staged))
    if count != manifest.rows:
        raise RowsRefused(f"it has {count} rows, and {manifest.rows} were sealed")
    fault = first_fault(connection, staged, schema)
    if fault is not None:
        line, column, text = fault
        raise RowsRefused(f"row {line}: {column} is {text!r}" if text is not None else f"row {line}: no {column}")
    table = TABLES[manifest.kind]
    made: dict[str, Any] = {"file_id": sa.literal(number), "line": staged.c.line, "venue": sa.literal(manifest.venue)}
    if "interval_ms" in table.c:
        made["interval_ms"] = sa.cast(sa.literal(manifest.interval_ms), sa.BigInteger)
    made |= typed(staged, schema, table)
    connection.execute(table.insert().from_select(list(made), sa.select(*made.values()).order_by(staged.c.line)))
    return Loading(one.key, LOADED, manifest.rows, table.name)


def _facts(number: int, one: Candidate, manifest: Manifest, at: Nanos) -> dict[str, object]:
    return {
        "id": number,
        "sha256": manifest.sha256,
        "file": manifest.file,
        "venue": manifest.venue,
        "symbol": manifest.symbol,
        "instrument": manifest.instrument,
        "type": manifest.kind,
        "session": manifest.session,
        "verdict": one.verdict,
        "interval_ms": manifest.interval_ms,
        "rows": manifest.rows,
        "bytes": manifest.size,
        "first_event_ms": manifest.first_event_ms,
        "last_event_ms": manifest.last_event_ms,
        "complete": manifest.complete,
        "gaps": len(manifest.gaps),
        "sealed_at": manifest.sealed_at,
        "loaded_at": format_at(at),
    }
