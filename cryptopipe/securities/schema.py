"""The tables of the security master.

Enters: nothing. Leaves: SQLAlchemy tables of `securities.duckdb`. Never: an index, which DuckDB would rewrite rows for,
or a decimal that lost a digit: amounts are text, as in the journal's projection.

`version` is one row for each `Version`; `sync` one for each snapshot of a venue that was taken: when, whence, by whom,
how many instruments it listed, how many versions it opened and closed, and whether its alerts are told. People read the
view `securities`, which has the times as timestamps.
"""

from typing import Any

import sqlalchemy as sa

REVISION = "0001"
"""The newest migration; an older database is migrated, a newer one refused."""

metadata = sa.MetaData()


def _columns(names: str, kind: type[sa.types.TypeEngine[Any]], nullable: bool = False) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind(), nullable=nullable) for name in names.split()]


version = sa.Table(
    "version",
    metadata,
    *_columns("exchange symbol unified kind base quote state", sa.Text),
    *_columns("tick step min_size min_notional price_min price_max", sa.Text, nullable=True),
    *_columns("contract_size modified_by", sa.Text),
    *_columns("delists_at valid_from modified_at", sa.BigInteger),
    *_columns("valid_to", sa.BigInteger, nullable=True),
    *_columns("is_current", sa.Boolean),
)
sync = sa.Table(
    "sync",
    metadata,
    *_columns("exchange origin user_name", sa.Text),
    *_columns("at listed opened closed", sa.BigInteger),
    *_columns("told", sa.Boolean),
)
