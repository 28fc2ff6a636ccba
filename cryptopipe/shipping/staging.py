"""From texts to typed rows, inside the database.

Enters: batches of texts, a connection. Leaves: a table of texts that lives as long as the transaction, and the
statement that casts it. Never: a cast that rounds, wraps or guesses: what does not fit is named with its line first.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from cryptopipe.collect.schema import Cell, Column, Schema
from cryptopipe.shipping.database import DUCKDB
from cryptopipe.shipping.rowtexts import RowsRefused
from cryptopipe.shipping.tables import INTEGER_DIGITS, PLACES

STAGED = "staged_rows"
_INT = "^-?[0-9]+$"
_NUMBER = "^-?[0-9]+([.][0-9]+)?$"
_SHORT, _INSTANT = 18, 15
"""So many characters fit a BIGINT and a DECIMAL(38, 18), and so many of epoch milliseconds a timestamp.

What is longer is measured: bounds inside of a pattern cost PostgreSQL four times as much.
"""
_ISO = "^[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]([.][0-9]{1,6})?([+]00:00|Z)$"
_FLAGS = ("True", "False", "true", "false")


class TimeOfMs(sa.sql.functions.FunctionElement[Any]):
    """Epoch milliseconds as a timestamp, exactly."""

    type = sa.TIMESTAMP(timezone=True)
    inherit_cache = True


class MsOfTime(sa.sql.functions.FunctionElement[Any]):
    """A timestamp as epoch milliseconds, rounded down."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(TimeOfMs, "duckdb")
def _time_duckdb(element: TimeOfMs, compiler: Any, **how: Any) -> str:
    return f"make_timestamptz({compiler.process(element.clauses, **how)} * 1000)"


@compiles(TimeOfMs, "postgresql")
def _time_postgresql(element: TimeOfMs, compiler: Any, **how: Any) -> str:
    ms = compiler.process(element.clauses, **how)
    return f"(timestamptz 'epoch' + ({ms} / 1000) * interval '1 second' + mod({ms}, 1000) * interval '1 millisecond')"


@compiles(MsOfTime, "duckdb")
def _ms_duckdb(element: MsOfTime, compiler: Any, **how: Any) -> str:
    return f"(epoch_us({compiler.process(element.clauses, **how)}) // 1000)"


@compiles(MsOfTime, "postgresql")
def _ms_postgresql(element: MsOfTime, compiler: Any, **how: Any) -> str:
    return f"floor(extract(epoch FROM {compiler.process(element.clauses, **how)}) * 1000)::bigint"


def stage(connection: sa.Connection, schema: Schema, batches: Iterable[Any]) -> sa.Table:
    """A table of texts with the file's rows, numbered by `line` from 1."""
    columns = [sa.Column(name, sa.Text) for name in schema.names]
    staged = sa.Table(STAGED, sa.MetaData(), sa.Column("line", sa.BigInteger), *columns)
    (_into_duckdb if connection.dialect.name == DUCKDB else _into_postgresql)(connection, schema, batches)
    return staged


def _into_duckdb(connection: sa.Connection, schema: Schema, batches: Iterable[Any]) -> None:
    import pyarrow as pa

    form = pa.schema([(name, pa.string()) for name in schema.names])
    refused: list[RowsRefused] = []

    def alike() -> Iterator[Any]:
        try:
            for one in batches:
                yield one.cast(form)
        except RowsRefused as error:  # through the database it would come out as its own
            refused.append(error)

    driver: Any = connection.connection.driver_connection
    driver.register("incoming_rows", pa.RecordBatchReader.from_batches(form, alike()))
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {STAGED}")
    numbered = "SELECT row_number() OVER () AS line, * FROM incoming_rows"
    connection.exec_driver_sql(f"CREATE TEMP TABLE {STAGED} AS {numbered}")
    driver.unregister("incoming_rows")
    if refused:
        raise refused[0]


def _into_postgresql(connection: sa.Connection, schema: Schema, batches: Iterable[Any]) -> None:
    from pyarrow import csv

    columns = ", ".join(f"{name} text" for name in schema.names)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE {STAGED} (line bigint GENERATED ALWAYS AS IDENTITY, {columns}) ON COMMIT DROP"
    )
    driver: Any = connection.connection.driver_connection
    copy = f"COPY {STAGED} ({', '.join(schema.names)}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(copy) as into:
        for batch in batches:
            text = BytesIO()
            csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
            into.write(text.getbuffer())


def first_fault(connection: sa.Connection, staged: sa.Table, schema: Schema) -> tuple[int, str, str | None] | None:
    """Line, column and text of a cell that its column does not take; None if all fit."""
    lines = [sa.func.min(sa.case((_unfit(staged.c[one.name], one), staged.c.line))) for one in schema.columns]
    found = connection.execute(sa.select(*lines)).one()
    faults = [(line, column.name) for line, column in zip(found, schema.columns, strict=True) if line is not None]
    if not faults:
        return None
    line, name = min(faults, key=lambda fault: fault[0])
    text = connection.scalar(sa.select(staged.c[name]).where(staged.c.line == line))
    return int(line), name, text


def _unfit(cell: Any, column: Column) -> Any:
    """Whether a cell is not what its column says; never null."""
    short = sa.func.length(cell) <= _SHORT
    most = _INSTANT if column.name.endswith("_ms") else _SHORT
    whole = sa.func.length(sa.func.split_part(sa.func.replace(cell, "-", ""), ".", 1)) <= INTEGER_DIGITS
    places = sa.func.length(sa.func.split_part(cell, ".", 2)) <= PLACES
    fits = {
        Cell.INT: sa.and_(cell.regexp_match(_INT), sa.func.length(cell) <= most),
        Cell.NUMBER: sa.and_(cell.regexp_match(_NUMBER), sa.or_(short, sa.and_(whole, places))),
        Cell.FLAG: cell.in_(_FLAGS),
        Cell.TEXT: cell.regexp_match(_ISO) if column.name.endswith("_iso") else sa.true(),
    }[column.cell]
    wrong = sa.and_(cell.is_not(None), sa.not_(fits))
    return wrong if column.optional else sa.or_(cell.is_(None), wrong)


def typed(staged: sa.Table, schema: Schema, table: sa.Table) -> dict[str, Any]:
    """By column of the table, the expression over the texts that makes it."""
    made: dict[str, Any] = {}
    for column in schema.columns:
        cell = staged.c[column.name]
        if column.name.endswith("_ms"):
            ms = sa.cast(cell, sa.BigInteger)
            made |= {column.name: ms, column.name.removesuffix("_ms"): TimeOfMs(ms)}
        elif column.name.endswith("_iso"):
            stem = column.name.removesuffix("_iso")
            at = sa.cast(cell, sa.TIMESTAMP(timezone=True))
            made |= {f"{stem}_ms": MsOfTime(at), stem: at}
        else:
            made[column.name] = sa.cast(cell, table.c[column.name].type)
    return made
