"""The columns of row files, by the kind of data.

Enters: nothing. Leaves: `SCHEMAS`. Never: two orders of the same columns; whoever reads or writes a row takes them
here.
"""

from dataclasses import dataclass
from enum import Enum


class Cell(Enum):
    """What the text of a cell is."""

    INT = "int"  # an integer; milliseconds since the epoch where the name ends so
    TEXT = "text"
    NUMBER = "number"  # a decimal as text: the venue's digits, or without trailing zeros
    FLAG = "flag"  # True or False


@dataclass(frozen=True)
class Column:
    """One column. `optional`: its cell may be empty."""

    name: str
    cell: Cell
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """The columns of one kind of data, in their order; `time` is the one that its rows are in order of."""

    kind: str
    columns: tuple[Column, ...]
    always_headed: bool = False
    """Whether its CSV files have a header whatever was asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def time(self) -> str:
        """The first column: when it was."""
        return self.columns[0].name

    @property
    def header(self) -> str:
        """The header line, without its end."""
        return ",".join(self.names)


def _schema(kind: str, *columns: str, always_headed: bool = False) -> Schema:
    """Of texts such as `price number`; a `?` behind the name: it may be empty."""
    made = []
    for text in columns:
        name, _, cell = text.partition(" ")
        made.append(Column(name.rstrip("?"), Cell(cell), name.endswith("?")))
    return Schema(kind, tuple(made), always_headed)


SCHEMAS: dict[str, Schema] = {
    one.kind: one
    for one in (
        _schema(
            "trade", "event_time_ms int", "symbol text", "trade_id text", "price number", "quantity number",
            "trade_time_ms int", "buyer_is_maker flag",
        ),
        _schema(
            "book", "event_time_ms int", "symbol text", "side text", "price number", "quantity number", "level int"
        ),
        _schema(
            "top", "ts_iso text", "provider text", "symbol text", "bid? number", "ask? number", "spread? number",
            "mid? number", always_headed=True,
        ),
        _schema(
            "l3", "event_time_ms int", "symbol text", "side text", "change text", "order_id text", "price? number",
            "quantity? number",
        ),
        _schema(
            "candle", "open_time_ms int", "symbol text", "open? number", "high? number", "low? number", "close? number",
            "volume number", "trades int",
        ),
    )
}  # fmt: skip
"""By kind of data."""

KINDS = (*SCHEMAS, "raw")
"""What can be asked for: every kind of rows, and the capture alone."""
