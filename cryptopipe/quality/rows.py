"""The rows of one file as tables of DuckDB.

Enters: a copy of a row file, and its schema. Leaves: the table `every` (all lines), the view `r` of those that are
rows: their line number, each cell as text, `<name>_v` its value, `us` its time in microseconds. Never: a guess of a
type, a row dropped in silence (lines that are none stay in `every`), more memory than it may take: the rest goes to
scratch.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptopipe.collect.schema import Cell, Column, Schema
from cryptopipe.quality.intake import SEPARATOR
from cryptopipe.quality.verdict import EXAMPLES, Example

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PARAMETER = re.compile(r"\$(\w+)")
_PLACES = re.compile(r"\.\d{12}(?!\d)")
_LACKS = "no column "
_MOST_TEXT = 160
NUMBER = "DECIMAL(38,12)"
"""Exact for every number of the framework's core."""


class Rows:
    """One connection for one file after another."""

    def __init__(self, connection: "DuckDBPyConnection") -> None:
        self.connection = connection
        self.given: dict[str, Any] = {}
        """The values of `$name` in queries."""

    def load(self, text: Path, schema: Schema, headed: bool) -> list[str]:
        """Read a copy into `every` and `r`; the columns that a Parquet file lacks or has beside, in words. Raises
        `duckdb.Error` where it cannot be read.
        """
        self.connection.execute("DROP VIEW IF EXISTS r")
        self.connection.execute("DROP TABLE IF EXISTS every")
        wrong = self._columns(text, schema) if text.suffix == ".parquet" else []
        self.connection.execute(f"CREATE TABLE every AS {_valued(text, schema, absent=wrong)}")
        first = 2 if headed and text.suffix != ".parquet" else 1
        width = len(schema.columns)
        self.connection.execute(f"CREATE VIEW r AS SELECT * FROM every WHERE n = {width} AND line >= {first}")
        return wrong

    def _columns(self, text: Path, schema: Schema) -> list[str]:
        told = self.connection.execute(f"DESCRIBE SELECT * FROM read_parquet({_quoted(text)})").fetchall()
        there = {str(row[0]) for row in told}
        return [f"{_LACKS}{name}" for name in schema.names if name not in there] + [
            f"a column {name} that is none of these rows" for name in sorted(there - set(schema.names))
        ]

    def one(self, query: str, **given: Any) -> tuple[Any, ...]:
        """The only row of a query."""
        row: tuple[Any, ...] | None = self._run(query, given).fetchone()
        assert row is not None, query
        return row

    def all(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """Every row of a query: for those that have few."""
        rows: list[tuple[Any, ...]] = self._run(query, given).fetchall()
        return rows

    def offenders(self, query: str, **given: Any) -> tuple[int, Sequence[Example]]:
        """How many rows a query of `line` and `text` has, and the first of them."""
        counted = f"SELECT line, text, count(*) OVER () FROM ({query}) ORDER BY line, text LIMIT {EXAMPLES}"
        rows = self._run(counted, given).fetchall()
        return (rows[0][2] if rows else 0), [Example(line, _worded(str(text))) for line, text, _ in rows]

    def _run(self, query: str, given: Mapping[str, Any]) -> "DuckDBPyConnection":
        known = {**self.given, **given}
        wanted = set(_PARAMETER.findall(query))
        return self.connection.execute(query, {name: known[name] for name in wanted}) if wanted else (
            self.connection.execute(query)
        )  # fmt: skip


@contextmanager
def opened(scratch: Path, memory_mb: int, threads: int) -> Iterator[Rows]:
    """A database that keeps in the scratch directory what is over its memory."""
    import duckdb

    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": threads,
        "temp_directory": str(scratch / "spill"),
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=limits)
    try:
        connection.execute("SET enable_progress_bar = false")
        yield Rows(connection)
    finally:
        connection.close()


def _worded(text: str) -> str:
    """Without the zeros of numbers that DuckDB writes with all their places."""
    return _PLACES.sub(lambda found: found[0].rstrip("0").rstrip("."), text)[:_MOST_TEXT]


def _quoted(path: Path) -> str:
    """As a literal of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def table_of(file: Path, schema: Schema) -> str:
    """A query of the rows of a sealed file, as they are in `r`, read where it lies."""
    first = 2 if schema.always_headed and file.suffix != ".parquet" else 1
    return f"SELECT * FROM ({_valued(file, schema)}) WHERE n = {len(schema.columns)} AND line >= {first}"


def _valued(text: Path, schema: Schema, absent: Sequence[str] = ()) -> str:
    source = _parquet(text, schema, absent) if text.suffix == ".parquet" else _lines(text, schema)
    typed = ", ".join(f'{_typed(one)} AS "{one.name}_v"' for one in schema.columns if _typed(one))
    return f"SELECT *, {_time(schema)} AS us, {typed} FROM ({source})"


def _parquet(text: Path, schema: Schema, absent: Sequence[str]) -> str:
    cells = [_cell(one, f"{_LACKS}{one.name}" not in absent) for one in schema.columns]
    whole = ", ".join(f'"{one}"' for one in schema.names)
    return (
        f"SELECT line, concat_ws(',', {whole}) AS raw, {len(cells)} AS n, {whole} FROM "
        f"(SELECT file_row_number + 1 AS line, {', '.join(cells)} "
        f"FROM read_parquet({_quoted(text)}, file_row_number = true))"
    )


def _lines(text: Path, schema: Schema) -> str:
    cells = ", ".join(f"coalesce(cells[{at}], '') AS \"{name}\"" for at, name in enumerate(schema.names, 1))
    return (
        f"SELECT line, raw, len(cells) AS n, {cells} FROM (SELECT line, raw, string_split(raw, ',') AS cells FROM "
        f"(SELECT row_number() OVER () AS line, coalesce(raw, '') AS raw FROM read_csv({_quoted(text)}, "
        f"columns = {{'raw': 'VARCHAR'}}, delim = '{SEPARATOR}', quote = '', escape = '', comment = '', "
        "header = false, auto_detect = false, new_line = '\\n', strict_mode = false)))"
    )


def _cell(column: Column, there: bool) -> str:
    if not there:
        return f"'' AS \"{column.name}\""
    text = f"coalesce(CAST(\"{column.name}\" AS VARCHAR), '')"
    if column.cell is Cell.FLAG:
        text = f"CASE {text} WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' ELSE {text} END"
    return f'{text} AS "{column.name}"'


def _typed(column: Column) -> str:
    if column.cell is Cell.INT:
        return f'TRY_CAST("{column.name}" AS BIGINT)'
    return f'TRY_CAST("{column.name}" AS {NUMBER})' if column.cell is Cell.NUMBER else ""


def _time(schema: Schema) -> str:
    """Microseconds since the epoch."""
    if schema.time.endswith("_ms"):
        return f'TRY_CAST("{schema.time}" AS BIGINT) * 1000'
    return f'epoch_us(TRY_CAST(substr("{schema.time}", 1, 26) AS TIMESTAMP))'
