"""Quotes that rested on paper, those that did not, and their ends have their tables."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_STAMP = ("run_id", "n", "seq", "at")
_INTEGERS = frozenset({"n", "seq", "at"})


def upgrade() -> None:
    """Create the tables, and let the projection begin anew: it may have passed over records of these kinds."""
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.execute(sa.delete(sa.table(table)))
    _table("quote", "quote_id", "instrument", "side", "slot", "price", "quantity")
    _table("quote_refusal", "quote_id", "instrument", "side", "slot", "checks", "measured", "price", "quantity")
    _table("quote_cancel", "quote_id", "why")
    _table("quote_end", "quote_id", "why", "filled", "unfilled")


def _table(name: str, *columns: str) -> None:
    kinds = ((column, sa.BigInteger if column in _INTEGERS else sa.Text) for column in (*_STAMP, *columns))
    op.create_table(name, *(sa.Column(column, kind(), nullable=False) for column, kind in kinds))
