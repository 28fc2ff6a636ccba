"""What each column of a file is like.

Enters: loaded rows. Leaves: one object for each column: count, missing, distinct, and of numbers least, most, mean,
median and 99th percentile. Never: a judgement, or a median of so many rows that it would not fit: over `EXACT` rows
median and percentile are approximations, and it says so.
"""

from collections.abc import Iterator
from typing import Any

from cryptopipe.collect.schema import Cell, Column, Schema
from cryptopipe.model.money import plain
from cryptopipe.quality.rows import Rows

EXACT = 1_000_000


def describe(rows: Rows, schema: Schema, many: int) -> list[dict[str, Any]]:
    """Of so many rows, in the order of the columns. Numbers are decimal text; of texts least and most are by their
    letters; `distinct` is an estimate (HyperLogLog), `exact` is of median and percentile.
    """
    exact = many <= EXACT
    query = ", ".join(part for one in schema.columns for part in _parts(one, exact))
    cells = iter(rows.one(f"SELECT {query} FROM r"))
    return [_described(one, cells, exact) for one in schema.columns]


def _described(column: Column, cells: Iterator[Any], exact: bool) -> dict[str, Any]:
    count, missing, distinct, least, most, mean, middles = (next(cells) for _ in range(7))
    if column.cell is Cell.NUMBER:
        least, most = (None if one is None else plain(one) for one in (least, most))
    median, p99 = (f"{one:.15g}" for one in middles) if middles else (None, None)
    return {
        "column": column.name, "count": count, "missing": missing, "distinct": min(distinct, count),
        "min": None if least is None else str(least), "max": None if most is None else str(most),
        "mean": None if mean is None else f"{mean:.15g}", "median": median, "p99": p99, "exact": exact,
    }  # fmt: skip


def _parts(column: Column, exact: bool) -> tuple[str, ...]:
    text = f"nullif(\"{column.name}\", '')"
    counts = (f"count({text})", f"count(*) - count({text})", f"approx_count_distinct({text})")
    if column.cell not in (Cell.INT, Cell.NUMBER):
        return (*counts, f"min({text})", f"max({text})", "NULL", "NULL")
    value, about = f'"{column.name}_v"', f'"{column.name}_v"::DOUBLE'
    middle = f"quantile_cont({about}, [0.5, 0.99])" if exact else f"approx_quantile({about}, [0.5, 0.99])"
    return (*counts, f"min({value})", f"max({value})", f"avg({about})", middle)
