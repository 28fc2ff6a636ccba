"""Projects the runs' logs into tables.

Enters: verified records, from where the last projection ended. Leaves: rows, in short transactions that also say how
far they reach. Never: a record projected twice, or one that its checksum does not prove.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cryptopipe.errors import JournalError
from cryptopipe.journal import schema
from cryptopipe.journal.reader import Position, Record, read
from cryptopipe.journal.rows import rows_of
from cryptopipe.journal.runs import Run

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 10_000
"""Records in one transaction."""


@dataclass
class Projected:
    """What a projection did and met: new records, torn bytes by run, and what damage stopped it in which run."""

    records: int = 0
    torn: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


def project(connection: sa.Connection, runs: Sequence[Run]) -> Projected:
    """Bring the tables up to date with these runs, which are all there are: the rows of any other are dropped.

    A damaged log is projected up to its damage. The tables must exist; the connection must not be in a transaction.
    """
    done = Projected()
    with connection.begin():
        known = _progress(connection)
        for run_id in known.keys() - {run.id for run in runs}:
            _forget(connection, run_id)
    for run in runs:
        start = known.get(run.id, Position())
        if start.n and _is_shorter(run, start):
            with connection.begin():
                _forget(connection, run.id)
            start = Position()
        _project_run(connection, run, start, done)
    return done


def _project_run(connection: sa.Connection, run: Run, start: Position, done: Projected) -> None:
    records = read(run.journal, start)
    lines = iter(records)
    damage: JournalError | None = None
    while damage is None:
        batch = _Batch(run.id)
        try:
            for record in islice(lines, BATCH):
                batch.add(record, records.position)
        except JournalError as error:
            damage = error
            done.damaged[run.id] = str(error)
        if batch.records:
            with connection.begin():
                batch.write(connection)
            done.records += batch.records
        if batch.records < BATCH:
            break
    if records.torn_bytes:
        done.torn[run.id] = records.torn_bytes


class _Batch:
    """Rows by table, and how far they reach."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._reached = Position()
        self.records = 0

    def add(self, record: Record, reached: Position) -> None:
        """Add a record's rows, all or none."""
        rows = list(rows_of(record))
        stamp = (self._run_id, record.n, record.seq, record.at)
        for table, values in rows:
            self._rows.setdefault(table, []).append(stamp + values)
        self._reached = reached
        self.records += 1

    def write(self, connection: sa.Connection) -> None:
        """Insert the rows and the progress."""
        for name, rows in self._rows.items():
            _insert(connection, schema.metadata.tables[name], rows)
        reached, progress = self._reached, schema.progress
        connection.execute(sa.delete(progress).where(progress.c.run_id == self._run_id))
        values = (self._run_id, reached.segment, reached.offset, reached.n, reached.crc)
        connection.execute(sa.insert(progress).values(values))


def _insert(connection: sa.Connection, table: sa.Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert through Arrow: 1000 rows in 2.8 ms, where `executemany` takes 551."""
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, _arrow(column.type)) for column, values in zip(table.columns, columns, strict=True)]
    batch = pa.Table.from_arrays(arrays, names=[column.name for column in table.columns])
    native: Any = connection.connection.driver_connection
    native.register("arrived", batch)
    connection.exec_driver_sql(f"insert into {table.name} by name select * from arrived")
    native.unregister("arrived")


def _arrow(kind: sa.types.TypeEngine[Any]) -> "pa.DataType":
    import pyarrow as pa

    match kind:
        case sa.BigInteger():
            return pa.int64()
        case sa.Double():
            return pa.float64()
        case sa.Boolean():
            return pa.bool_()
    return pa.string()


def _progress(connection: sa.Connection) -> dict[str, Position]:
    rows = connection.execute(sa.select(schema.progress)).all()
    return {row.run_id: Position(row.segment, row.position, row.records, row.crc) for row in rows}


def _is_shorter(run: Run, start: Position) -> bool:
    """Whether the log ends before what was projected: then it is another log than it was."""
    segment = run.journal / f"{start.segment:06d}.jsonl"
    return not segment.exists() or segment.stat().st_size < start.offset


def _forget(connection: sa.Connection, run_id: str) -> None:
    for table in schema.metadata.tables.values():
        connection.execute(sa.delete(table).where(table.c.run_id == run_id))
