"""The tables of loaded files, made from the columns of row files.

Enters: the schemas of row files. Leaves: SQLAlchemy tables: `loaded_files`, and one for each kind of data. Never: a
number that lost a digit, a time without its zone.

A number is NUMERIC, in DuckDB DECIMAL(38, 18): what does not fit is refused before it is cast. A time stands twice, as
epoch milliseconds and as a timestamp. Each row names its file (`file_id`) and its place there (`line`, from 1).
"""

from typing import Any

import sqlalchemy as sa

from cryptopipe.collect.schema import SCHEMAS, Cell, Column, Schema

INTEGER_DIGITS, PLACES = 20, 18
"""What DECIMAL(38, 18) holds."""

metadata = sa.MetaData()

_NUMBER = sa.Numeric().with_variant(sa.Numeric(INTEGER_DIGITS + PLACES, PLACES), "duckdb")
_TIME = sa.TIMESTAMP(timezone=True)
_MS, _ISO = "_ms", "_iso"
_NAMES = {"trade": "trades", "book": "book_levels", "top": "tops", "l3": "order_events", "candle": "candles"}
_WITH_INTERVAL = ("book", "candle")


def _column(name: str, kind: "sa.types.TypeEngine[Any]", optional: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=optional)


file_ids = sa.Sequence("loaded_file_ids", metadata=metadata)

loaded_files = sa.Table(
    "loaded_files",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("file", sa.Text, nullable=False, unique=True),
    *(_column(name, sa.Text()) for name in ("venue", "symbol", "instrument", "type", "session", "verdict")),
    _column("interval_ms", sa.BigInteger(), optional=True),
    *(_column(name, sa.BigInteger()) for name in ("rows", "bytes")),
    *(_column(name, sa.BigInteger(), optional=True) for name in ("first_event_ms", "last_event_ms")),
    _column("complete", sa.Boolean()),
    _column("gaps", sa.BigInteger()),
    _column("sealed_at", _TIME),
    _column("loaded_at", _TIME),
)
"""One row for each file whose rows are in, written in the transaction of its rows. `verdict` is empty for a file that
nothing judged, `gaps` how many its manifest names.
"""


def _columns(column: Column) -> "list[sa.Column[Any]]":
    if column.name.endswith(_MS):
        stem = column.name.removesuffix(_MS)
        return [_column(column.name, sa.BigInteger()), _column(stem, _TIME)]
    if column.name.endswith(_ISO):
        stem = column.name.removesuffix(_ISO)
        return [_column(f"{stem}{_MS}", sa.BigInteger()), _column(stem, _TIME)]
    kinds: dict[Cell, Any] = {
        Cell.INT: sa.BigInteger(),
        Cell.TEXT: sa.Text(),
        Cell.NUMBER: _NUMBER,
        Cell.FLAG: sa.Boolean(),
    }
    return [_column(column.name, kinds[column.cell], column.optional)]


def _table(schema: Schema) -> sa.Table:
    name = _NAMES[schema.kind]
    own = [one for column in schema.columns for one in _columns(column)]
    interval = [_column("interval_ms", sa.BigInteger(), optional=True)] if schema.kind in _WITH_INTERVAL else []
    # DuckDB keeps the least and the greatest value of each block of rows, and needs no index for ranges of time
    by_time = sa.Index(f"{name}_by_time", "venue", "symbol", own[0].name).ddl_if(dialect="postgresql")
    by_file = sa.Index(f"{name}_by_file", "file_id").ddl_if(dialect="postgresql")
    ids = [_column("file_id", sa.BigInteger()), _column("line", sa.BigInteger()), _column("venue", sa.Text())]
    return sa.Table(name, metadata, *ids, *own, *interval, by_time, by_file)


TABLES: dict[str, sa.Table] = {kind: _table(schema) for kind, schema in SCHEMAS.items()}
"""By kind of data."""
